"""Two trees over the same samples, against what is known of each alone."""

import numpy as np
import pytest
from random_trees import random_tree

from hyperclade.data.taxonomies import read_taxonomy
from hyperclade.metrics import best_matches, match_agreement
from hyperclade.report import Outcome, Partition
from hyperclade.report import beside as module
from hyperclade.report.beside import aligned, restricted
from hyperclade.report.parts import Parts
from hyperclade.trees import Taxonomy, Tree


def outcome_of(tree, ids=None, **about):
    return Outcome(tree, ids=None if ids is None else np.array([*ids], dtype=object), **about)


def clades(outcome, names=None):
    """Ids under each inner node, with its name."""
    tree, ids = outcome.tree, outcome.ids
    return {
        frozenset(ids[leaf] for leaf in tree.leaves(node)): (names or {}).get(node)
        for node in range(tree.n_leaves, tree.n_nodes)
    }


def test_samples_are_matched_by_id_in_any_order():
    rng = np.random.default_rng(0)
    one, two = random_tree(30, rng), random_tree(30, rng)
    ids = [f"id{k}" for k in range(30)]
    order = rng.permutation(30)
    names = {node: f"n{node}" for node in range(30, two.n_nodes)}
    other = outcome_of(two, [ids[k] for k in order], node_names=names)
    lines = []
    first = outcome_of(one, ids)
    pair = aligned(first, other, lines.append)
    assert pair.one is first and pair.two.ids.tolist() == ids and not lines
    assert clades(pair.two, pair.two.node_names) == clades(other, names)
    match, jaccard = best_matches(one, pair.two.tree)
    assert pair.matches[0][0].tolist() == match.tolist() and pair.matches[0][1].tolist() == jaccard.tolist()
    assert pair.mean == pytest.approx(match_agreement(one, pair.two.tree))


def test_samples_that_one_lacks_are_left_out_of_both_and_told():
    one = Tree([6, 6, 7, 7, 8, 8, 9, 9, 10, 10, -1])
    first = outcome_of(
        one, ["a", "b", "c", "d", "e", "f"],
        node_names={6: "ab", 7: "cd", 8: "ef", 9: "abcd", 10: "all"},
        exemplars={6: np.array([1, 0]), 9: np.array([2, 0]), 10: np.array([5, 2])},
        labels=np.array(["x", "x", "y", "y", "z", None], dtype=object),
        layers=[Partition.of(one, "layer_3", [0, 0, 1, 1, 2, 2])],
        parts=Parts(np.array([6, 7, 8]), np.arange(6, dtype=np.float32).reshape(3, 2)),
        cost_shares=np.full(5, 0.2),
        values={"v": np.arange(6)},
    )  # fmt: skip
    second = outcome_of(Tree([5, 5, 6, 6, 7, 7, 8, 8, -1]), ["f", "a", "new", "c", "b"])
    lines = []
    pair = aligned(first, second, lines.append)
    assert pair.one.ids.tolist() == pair.two.ids.tolist() == ["a", "b", "c", "f"]
    assert lines == [
        "2 samples of the first tree left out, which the other lacks",
        "1 sample of the second tree left out, which the other lacks",
        "edits made on the page are of the tree over these samples, not of the whole one",
    ]
    expected = {frozenset("ab"): "ab", frozenset("abc"): "abcd", frozenset("abcf"): "all"}
    assert clades(pair.one, pair.one.node_names) == expected
    kept = {pair.one.node_names[node]: rows.tolist() for node, rows in pair.one.exemplars.items()}
    assert kept == {"ab": [1, 0], "abcd": [2, 0], "all": [3, 2]}
    assert pair.one.labels.tolist() == ["x", "x", "y", None] and pair.one.values["v"].tolist() == [0, 1, 2, 5]
    assert pair.one.layers[0].labels.tolist() == [0, 0, 1, 2] and pair.one.cost_shares is None
    assert [set(pair.one.tree.leaves(node)) for node in pair.one.parts.nodes.tolist()] == [{0, 1}, {2}, {3}]
    assert pair.one.parts.rows.tolist() == first.parts.rows.tolist()
    assert pair.two.labels is None


def test_names_and_labels_of_the_second_serve_the_first():
    tree = Tree([3, 3, 3, -1])
    other = Outcome(tree, labels=np.array(["x", "y", "x"], dtype=object))
    pair = aligned(Outcome(tree), other)
    assert pair.one.labels.tolist() == ["x", "y", "x"] and pair.one.names is None
    assert np.isnan(pair.mean)  # stars have nothing to agree in


def test_samples_that_cannot_be_matched_are_refused():
    tree = Tree([3, 3, 3, -1])
    with pytest.raises(ValueError, match="'a' occurs twice in the second outcome"):
        aligned(outcome_of(tree, "abc"), outcome_of(tree, "aab"))
    with pytest.raises(ValueError, match="no sample is in both outcomes by its id: 'a', 'b', 'c' … in one"):
        aligned(outcome_of(tree, "abc"), outcome_of(tree, "xyz"))
    same = outcome_of(tree, "aab")
    assert aligned(same, same).one is same  # in the same order nothing needs to tell them apart


def test_a_given_tree_is_put_above_the_samples_by_their_labels():
    taxonomy = read_taxonomy({"animal": {"dog": {}, "cat": {}}, "plant": ["oak"], "stone": ["ore"]})
    labels = np.array(["dog", "oak", "cat", None, "dog", "animal", "moon", "oak"], dtype=object)
    outcome = outcome_of(random_tree(8, np.random.default_rng(1)), "abcdefgh", labels=labels)
    lines = []
    pair = aligned(outcome, taxonomy, lines.append)
    assert pair.two.ids.tolist() == pair.one.ids.tolist() == list("abcefh")
    assert clades(pair.two, pair.two.node_names) == {  # "plant" holds no more than "oak"
        frozenset("ae"): "dog",
        frozenset("acef"): "animal",
        frozenset("bh"): "oak",
        frozenset("abcefh"): None,
    }
    assert lines[0] == "2 samples without a label in the given tree left out of both trees"
    assert pair.two.title == "the given tree"


def test_labels_may_be_the_last_parts_of_paths():
    taxonomy = Taxonomy.from_paths(["animal/dog", "animal/cat", "toy/dog", "toy/ball"])
    labels = np.array(["cat", "ball", "cat", "toy/dog", "ball", "dog"], dtype=object)
    outcome = outcome_of(random_tree(6, np.random.default_rng(1)), "abcdef", labels=labels)
    pair = aligned(outcome, taxonomy)
    assert clades(pair.two, pair.two.node_names) == {
        frozenset("ac"): "cat", frozenset("be"): "ball", frozenset("bed"): "toy", frozenset("abcde"): None,
    }  # fmt: skip


def test_given_trees_that_fit_nothing_are_refused():
    tree = Tree([2, 2, -1])
    pets = Taxonomy.from_edges([("dog", "animal"), ("dog", "pet")])
    with pytest.raises(ValueError, match="by their labels, and there are none"):
        aligned(Outcome(tree), pets)
    labelled = Outcome(tree, labels=np.array(["dog", "cat"], dtype=object))
    with pytest.raises(ValueError, match="several parents"):
        aligned(labelled, pets)
    with pytest.raises(ValueError, match=r"no label of a sample \('dog', 'cat'\)"):
        aligned(labelled, read_taxonomy("cityscapes"))


def test_of_trees_too_deep_only_nodes_told_of_are_matched(monkeypatch):
    n = 100
    chain = Tree.from_merges(np.column_stack([np.r_[0, np.arange(n, 2 * n - 2)], np.arange(1, n)]))
    monkeypatch.setattr(module, "_MOST_LEAVES", 300)
    lines = []
    names = {n + 1: "three", n + 50: "52", 2 * n - 2: "all"}
    pair = aligned(Outcome(chain, node_names=names), Outcome(chain), lines.append)
    match, jaccard = pair.matches[0]
    assert np.flatnonzero(match >= 0).tolist() == [1, 50, n - 2] and (jaccard[[1, 50, n - 2]] == 1).all()
    assert np.isnan(jaccard).sum() == n - 4
    assert lines[0] == "only 3 nodes of a deep tree matched with the other tree"
    assert pair.mean == 1


def test_restricting_to_all_changes_nothing_and_to_one_leaves_one():
    tree = random_tree(9, np.random.default_rng(2))
    outcome = outcome_of(tree, range(9), node_names={tree.root: "all"}, exemplars={tree.root: np.array([3])})
    assert restricted(outcome, np.arange(9)) is outcome
    alone = restricted(outcome, np.array([4]))
    assert alone.tree.n_nodes == 1 and alone.ids.tolist() == [4] and not alone.node_names

"""Agreement of two trees against all pairs of nodes, and in time."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperclade.metrics import best_matches, match_agreement, mean_match
from hyperclade.trees import Tree


def random_tree(n, rng):
    """Any shape: chains, stars, nodes with one child."""
    parent, alive, made = {}, list(range(n)), n
    greedy = rng.random()  # how often the newest node is taken again, which makes a chain
    while len(alive) > 1 or made == n:
        taken = min(len(alive), int(rng.choice([1, 2, 2, 2, 3, 5])))
        own = {len(alive) - 1} if rng.random() < greedy else set()
        own |= set(rng.choice(len(alive), taken, replace=False).tolist())
        for place in sorted(own, reverse=True):
            parent[alive.pop(place)] = made
        alive.append(made)
        made += 1
    return Tree([parent.get(node, -1) for node in range(made)])


def by_all_pairs(tree, other, nodes):
    sets = [[set(own.leaves(node).tolist()) for node in range(own.n_nodes)] for own in (tree, other)]
    return [[len(sets[0][v] & u) / len(sets[0][v] | u) for u in sets[1]] for v in nodes]


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_the_best_of_all_pairs_is_found(n, seed):
    rng = np.random.default_rng(seed)
    tree, other = random_tree(n, rng), random_tree(n, rng)
    match, jaccard = best_matches(tree, other)
    every = by_all_pairs(tree, other, range(n, tree.n_nodes))
    assert jaccard.tolist() == [max(own) for own in every]
    for node, found, own in zip(range(n, tree.n_nodes), match.tolist(), every, strict=True):
        assert found == own.index(max(own)), node
    assert (best_matches(tree, tree)[1] == 1).all()


def test_some_nodes_alone_and_leaves_too():
    tree, other = (random_tree(30, np.random.default_rng(seed)) for seed in (0, 1))
    nodes = [7, tree.root, 31, 7]
    match, jaccard = best_matches(tree, other, nodes)
    all_match, all_jaccard = best_matches(tree, other)
    assert match[[1, 2]].tolist() == all_match[[-1, 1]].tolist() and match[0] == match[3] == 7
    assert jaccard.tolist() == [1, 1, all_jaccard[1], 1]


def test_the_mean_weighs_by_size_and_leaves_out_what_always_matches():
    chain = Tree([5, 5, 6, 7, 8, 6, 7, 8, -1])
    jaccard = [1.0, 0.5, 0.25, 1.0]
    assert mean_match(chain, jaccard) == pytest.approx((2 * 1 + 3 * 0.5 + 4 * 0.25) / 9)
    assert mean_match(chain, [0.5], [6]) == 0.5
    star = Tree([3, 3, 3, -1])
    assert np.isnan(match_agreement(star, star)) and match_agreement(Tree([3, 3, 4, 4, -1]), star) == 2 / 3


def test_equal_clades_agree_fully_and_others_less():
    rng = np.random.default_rng(5)
    tree = random_tree(60, rng)
    assert match_agreement(tree, tree.canonical()) == 1
    mixed = tree.restrict(rng.permutation(60))
    assert 0 < match_agreement(tree, mixed) < 0.7
    assert match_agreement(tree, mixed) == match_agreement(mixed, tree)


def test_other_leaves_and_nodes_are_refused():
    tree = Tree([2, 2, -1])
    with pytest.raises(ValueError, match="2 and 3 leaves"):
        best_matches(tree, Tree([3, 3, 3, -1]))
    with pytest.raises(ValueError, match=r"0\.\.2"):
        best_matches(tree, tree, [3])


def test_large_trees_take_seconds():
    rng = np.random.default_rng(0)
    small = Tree([2, 2, -1])
    best_matches(small, small)  # compiled
    trees = []
    for _ in range(2):
        n, alive, merges = 20_000, list(range(20_000)), []
        for made in range(n, 2 * n - 1):
            pair = [alive.pop(int(rng.integers(len(alive)))) for _ in range(2)]
            merges.append(pair)
            alive.append(made)
        trees.append(Tree.from_merges(merges))
    start = time.perf_counter()
    match_agreement(*trees)
    assert time.perf_counter() - start < 5

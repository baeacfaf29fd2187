"""Names of nodes against brute force: scipy's G² over all words, and cosines with the mean direction."""

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from hyperclade.hierarchy.naming import name_nodes
from hyperclade.trees import Tree

WORDS = ["red", "green", "owl", "hawk", "oak", "fir"]


def random_tree(n, rng):
    alive, merges = list(range(n)), []
    for made in range(n, 2 * n - 1):
        pair = [alive.pop(rng.integers(len(alive))) for _ in range(2)]
        merges.append(pair)
        alive.append(made)
    return Tree.from_merges(merges)


def best_words(tree, names, node):
    """Every word that ties for the largest G² of its 2 × 2 table, among those a name may use."""
    inside = set(tree.leaves(node).tolist())
    n, size = tree.n_leaves, len(inside)
    scores = {}
    for word in set(" ".join(names).split()):
        holders = {leaf for leaf in range(n) if word in names[leaf].split()}
        a, total = len(holders & inside), len(holders)
        if a >= 2 and 4 * a >= size and a * n > total * size:
            table = [[a, total - a], [size - a, n - total - size + a]]
            if total == n or size == n:
                continue
            scores[word] = chi2_contingency(table, correction=False, lambda_="log-likelihood").statistic
    top = max(scores.values(), default=None)
    return {word for word, score in scores.items() if np.isclose(score, top, rtol=1e-9)}


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 30), st.integers(0, 2**32 - 1))
def test_word_is_the_most_over_represented_one(n, seed):
    rng = np.random.default_rng(seed)
    tree = random_tree(n, rng)
    names = [" ".join(rng.choice(WORDS, size=rng.integers(1, 4), replace=False)) for _ in range(n)]
    nodes = np.arange(n, 2 * n - 1)
    titles = name_nodes(tree, names, rng.normal(size=(n, 3)), nodes)
    for node, title in zip(nodes.tolist(), titles, strict=True):
        words = best_words(tree, names, node)
        assert title.split(" (")[0] in words if words else "(" not in title


def nearest(tree, X, node, names, count):
    leaves = np.sort(tree.leaves(node))
    unit = X[leaves] / np.linalg.norm(X[leaves], axis=1, keepdims=True)
    nearness = np.round(unit @ unit.mean(axis=0), 10)  # the two leaves of a pair are equally near
    return ", ".join(names[leaf] for leaf in leaves[np.argsort(-nearness, kind="stable")][:count])


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        (np.float16, np.array),
        (np.float32, np.array),
        (np.int32, np.array),
        (np.float32, scipy.sparse.csr_matrix),
        (np.int32, scipy.sparse.csr_array),
    ],
)
def test_unique_names_give_the_members_nearest_to_the_mean_direction(dtype, kind):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(60, 5)) * 50).astype(dtype)
    names = [f"sample{row:03}" for row in range(60)]
    tree = random_tree(60, rng)
    nodes = np.arange(60, 119)
    titles = name_nodes(tree, names, kind(X), nodes)
    dense = X.astype(np.float64)
    assert titles == [nearest(tree, dense, node, names, 3) for node in nodes.tolist()]


def test_large_nodes_are_named_from_evenly_spaced_members():
    n = 10_000
    tree = Tree.from_merges(np.c_[np.r_[0, n : 2 * n - 2], 1:n])
    X = np.zeros((n, 2), dtype=np.float32)
    X[:, 0], X[:, 1] = 1, np.linspace(-1, 1, n)
    title = name_nodes(tree, [str(row) for row in range(n)], X, [tree.root])[0]
    assert all(abs(int(row) - n / 2) < 50 for row in title.split(", "))


def test_names_that_repeat_are_not_repeated():
    tree = Tree([4, 4, 5, 6, 5, 6, -1])
    assert name_nodes(tree, ["a1", "a1", "b2", "c3"], np.eye(4) + 1, [5]) == ["a1 (b2)"]


def test_zero_rows_and_long_and_empty_names():
    tree = Tree([3, 3, 4, 4, -1])
    titles = name_nodes(tree, ["word " * 40, "", "x"], np.zeros((3, 2)), [0, 3, 4])
    assert titles[0] == titles[1] and len(titles[0]) <= 40 and titles[0].endswith("…")
    assert titles[2].endswith(", x")


def test_words_of_one_node_do_not_name_the_root():
    tree = Tree([4, 4, 5, 5, 6, 6, -1])
    names = ["barn owl", "snow owl", "sea hawk", "fish hawk"]
    X = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]])
    titles = name_nodes(tree, names, X, [4, 5, 6])
    assert [title.split(" (")[0] for title in titles[:2]] == ["owl", "hawk"]
    assert "(" not in titles[2]


def test_what_does_not_match_is_refused():
    tree = Tree([2, 2, -1])
    with pytest.raises(ValueError, match="2 leaves, got 1 and 2"):
        name_nodes(tree, ["a"], np.eye(2), [2])
    with pytest.raises(ValueError, match="2 leaves, got 2 and 3"):
        name_nodes(tree, ["a", "b"], np.eye(3), [2])
    with pytest.raises(ValueError, match="nodes must be in"):
        name_nodes(tree, ["a", "b"], np.eye(2), [3])

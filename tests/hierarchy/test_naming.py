"""Names of nodes against brute force: scipy's G² over all words, and cosines with the mean direction."""

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from hyperclade.hierarchy.naming import name_nodes
from hyperclade.hierarchy.traits import label_mix, name_by_features
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


def nearest(tree, X, node, names, count, metric="cosine"):
    leaves = np.sort(tree.leaves(node))
    if metric == "cosine":
        unit = X[leaves] / np.linalg.norm(X[leaves], axis=1, keepdims=True)
        nearness = unit @ unit.mean(axis=0)
    else:
        nearness = -np.linalg.norm(X[leaves] - X[leaves].mean(axis=0), axis=1)
    nearness = np.round(nearness, 9)  # the two leaves of a pair are equally near
    return ", ".join(names[leaf] for leaf in leaves[np.argsort(-nearness, kind="stable")][:count])


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        (np.float16, np.array),
        (np.float32, np.array),
        (np.int32, np.array),
        (np.int8, np.array),
        (np.uint8, np.array),
        (bool, np.array),
        (np.float32, scipy.sparse.csr_matrix),
        (np.int32, scipy.sparse.csr_array),
        (bool, scipy.sparse.csr_array),
        (np.float32, scipy.sparse.coo_array),
    ],
)
def test_unique_names_give_the_members_nearest_to_the_mean(dtype, kind, metric):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(60, 5)) * (0.7 if dtype is bool else 30) + (dtype is np.uint8) * 120).astype(dtype)
    X[:, 0] = X[:, 0] | (X == 0).all(axis=1) if dtype is bool else X[:, 0]  # each row has a direction
    names = [f"sample{row:03}" for row in range(60)]
    tree = random_tree(60, rng)
    nodes = np.arange(60, 119)
    titles = name_nodes(tree, names, kind(X), nodes, metric=metric)
    dense = X.astype(np.float64)
    assert titles == [nearest(tree, dense, node, names, 3, metric) for node in nodes.tolist()]


@pytest.mark.parametrize("kind", [np.array, scipy.sparse.csr_array])
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("power", [-160, 160, 300])
def test_huge_and_tiny_features_give_the_same_names(power, metric, kind):
    """Squares of numbers above 1e155 are infinite."""
    rng = np.random.default_rng(0)
    X, tree = rng.normal(size=(30, 4)), random_tree(30, rng)
    names, nodes = [f"row{row}" for row in range(30)], np.arange(30, 59)
    expected = name_nodes(tree, names, X, nodes, metric=metric)
    with np.errstate(all="raise"):
        assert name_nodes(tree, names, kind(X * 10.0**power), nodes, metric=metric) == expected


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
    with pytest.raises(ValueError, match="metric must be one of euclidean, cosine, got 'manhattan'"):
        name_nodes(tree, ["a", "b"], np.eye(2), [2], metric="manhattan")


# ---- by features ----


def differences(tree, X, node, within):
    """Of each column: mean under the node less the mean beside it, in standard deviations of all."""
    inside, everything = tree.leaves(node), tree.leaves(within)
    beside = np.setdiff1d(everything, inside)
    spread = X[everything].std(axis=0)
    difference = X[inside].mean(axis=0) - X[beside].mean(axis=0)
    return np.divide(difference, spread, out=np.zeros(X.shape[1]), where=spread > 1e-9)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(3, 40),
    st.integers(0, 2**32 - 1),
    st.sampled_from([np.float64, np.float32, np.float16, np.int8, bool]),
    st.sampled_from([np.array, scipy.sparse.csr_array, scipy.sparse.coo_array]),
)
def test_the_feature_of_largest_difference_names_a_node(n, seed, dtype, kind):
    rng = np.random.default_rng(seed)
    tree = random_tree(n, rng)
    X = (rng.normal(size=(n, 6)) * (0.7 if dtype is bool else 20)).astype(dtype)
    X[:, 3] = X[0, 3]  # a constant
    if dtype is np.float16 and kind is not np.array:
        X = X.astype(np.float32)  # SciPy has no sparse float16
    nodes = np.arange(2 * n - 2)
    within = tree.parent[nodes]
    for above in (np.full(len(nodes), tree.root), within):
        titles = name_by_features(tree, kind(X), nodes, within=above)
        for node, whole, title in zip(nodes.tolist(), above.tolist(), titles, strict=True):
            expected = differences(tree, X.astype(np.float64), node, whole)
            largest = np.abs(expected).max()
            if largest < 0.299:
                assert title == "as elsewhere"
            elif largest > 0.301:
                column, side = title.split(", ")[0].split()
                found = expected[int(column[1:])]
                assert abs(found) == pytest.approx(largest) and side == ("high" if found > 0 else "low")


def test_features_of_any_unit_and_size_give_the_same_names():
    rng = np.random.default_rng(0)
    X, tree = rng.normal(size=(50, 5)), random_tree(50, rng)
    nodes = np.arange(50, 99)
    expected = name_by_features(tree, X, nodes)
    with np.errstate(all="raise"):
        assert name_by_features(tree, X * [1e-300, 1e300, 1e150, 7, -1e-9], nodes) == [
            title.replace("f4 high", "f4 HIGH").replace("f4 low", "f4 high").replace("f4 HIGH", "f4 low")
            for title in expected
        ]
    limits = np.where(X > 0, np.finfo(np.float64).max, np.finfo(np.float64).min)
    assert name_by_features(tree, limits, nodes) == name_by_features(tree, (X > 0).astype(np.uint8), nodes)


def test_many_columns_are_read_in_chunks(monkeypatch, tmp_path):
    rng = np.random.default_rng(0)
    X, tree = rng.normal(size=(60, 40)).astype(np.float32), random_tree(60, rng)
    np.save(tmp_path / "X.npy", X)
    expected = name_by_features(tree, X, range(119))
    monkeypatch.setattr("hyperclade.hierarchy.traits._MOST_SUMS", 900)
    monkeypatch.setattr("hyperclade.hierarchy.traits._BLOCK_VALUES", 700)
    assert name_by_features(tree, np.load(tmp_path / "X.npy", mmap_mode="r"), range(119)) == expected
    assert name_by_features(tree, scipy.sparse.csr_matrix(X), range(119)) == expected


def test_features_that_do_not_match_are_refused():
    tree = Tree([4, 4, 5, 5, 6, 6, -1])
    with pytest.raises(ValueError, match="4 leaves, got 3"):
        name_by_features(tree, np.eye(3), [4])
    with pytest.raises(ValueError, match="4 columns, got 1"):
        name_by_features(tree, np.eye(4), [4], ["a"])
    with pytest.raises(ValueError, match="nodes must be in"):
        name_by_features(tree, np.eye(4), [7])
    with pytest.raises(ValueError, match="below its node of `within`"):
        name_by_features(tree, np.eye(4), [4], within=[5])


def test_label_mix_gives_the_shares_of_known_labels():
    tree = Tree.from_merges(np.c_[np.r_[0, 300:598], 1:300])
    labels = np.array(["a"] * 200 + ["b"] * 90 + ["c"] * 9 + [None], dtype=object)
    top = [tree.root]
    assert label_mix(tree, labels, top) == ["67 % a, 30 % b"]
    assert label_mix(tree, labels, top, most=3) == ["67 % a, 30 % b"]  # 3 % is too little
    assert label_mix(tree, np.r_[np.zeros(299, int), 1], top) == ["> 99 % 0"]
    assert label_mix(tree, np.full(300, np.nan), top) == [""]
    with pytest.raises(ValueError, match="300 leaves, got 2"):
        label_mix(tree, ["a", "b"], top)

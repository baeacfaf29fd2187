"""Typical and borderline leaves against sums over all pairs of nodes and leaves."""

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from trial_trees import random_merges

from hyperclade.hierarchy.members import members_of, typical_leaves
from hyperclade.trees import Tree

METRICS = ["cosine", "euclidean"]


def unit(X):
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def brute(tree, X, node, metric):
    """How near leaves are to their own mean, and how much nearer than to the nearest sibling's."""
    X = unit(X) if metric == "cosine" else X
    mean = {v: X[tree.leaves(v)].mean(axis=0) for v in range(tree.n_nodes)}
    if metric == "cosine":
        mean = {v: own / np.linalg.norm(own) for v, own in mean.items()}
    leaves = np.sort(tree.leaves(node))
    near = {v: X[leaves] @ m if metric == "cosine" else -np.square(X[leaves] - m).sum(axis=1)
            for v, m in mean.items()}  # fmt: skip
    siblings = [] if node == tree.root else [v for v in tree.children(tree.parent[node]) if v != node]
    if not siblings:
        return leaves, near[node], near[node]
    sibling = min(siblings, key=lambda v: np.linalg.norm(mean[v] - mean[node]))
    return leaves, near[node], near[node] - near[sibling]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(2, 25),
    st.sampled_from(METRICS),
    st.sampled_from([np.array, scipy.sparse.csr_array, scipy.sparse.coo_array]),
    st.booleans(),
    st.integers(0, 10**6),
)
def test_members_are_in_the_order_of_the_definition(n, metric, kind, binary, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4)) + 1
    tree = Tree.from_merges(random_merges(n, rng))
    if not binary:
        tree = tree.collapse(max_depth=2)
    nodes = rng.permutation(tree.n_nodes)
    found = members_of(tree, kind(X), nodes, metric)
    assert set(found.typical) == set(found.borderline) == set(nodes)
    for node in nodes.tolist():
        leaves, nearness, margins = brute(tree, X, node, metric)
        typical = np.searchsorted(leaves, found.typical[node])
        borderline = np.searchsorted(leaves, found.borderline[node])
        assert sorted(typical) == sorted(borderline) == list(range(len(leaves)))
        assert (np.diff(nearness[typical]) <= 1e-7).all()
        assert (np.diff(margins[borderline]) >= -1e-7).all()
        assert typical_leaves(tree, kind(X), node, metric).tolist() == found.typical[node].tolist()


@pytest.mark.parametrize("metric", METRICS)
def test_a_row_of_the_other_group_is_the_most_doubtful(metric):
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal([9, 0], 1, (20, 2)), rng.normal([0, 9], 1, (20, 2))]
    X[3], X[33] = [2, 7], [7, 2]
    tree = Tree.from_parents(np.r_[np.repeat([40, 41], 20), 42, 42, -1])
    found = members_of(tree, X, [40, 41], metric)
    assert found.borderline[40][0] == 3 and found.borderline[41][0] == 33
    assert 3 not in found.typical[40][:10] and 33 not in found.typical[41][:10]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("power", [-160, 160, 300])
def test_huge_and_tiny_rows_have_the_same_members(power, metric):
    rng = np.random.default_rng(0)
    X, tree = rng.normal(size=(30, 4)), Tree.from_merges(random_merges(30, rng))
    expected = members_of(tree, X, np.arange(59), metric)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        found = members_of(tree, X * 10.0**power, np.arange(59), metric)
    for node in range(30, 59):
        assert found.typical[node].tolist() == expected.typical[node].tolist()
        assert found.borderline[node].tolist() == expected.borderline[node].tolist()


def test_rows_far_from_the_origin_are_told_apart():
    X = np.array([[0.0], [1.0], [2.0], [7.0], [9.0]]) + 1e6
    found = members_of(Tree([5, 5, 5, 6, 6, 7, 7, -1]), X, [5, 6], "euclidean")
    assert found.borderline[5].tolist() == [2, 1, 0] and found.borderline[6].tolist() == [3, 4]


def test_of_many_leaves_evenly_spaced_ones_are_looked_at():
    n = 1000
    X = np.arange(n, dtype=np.float32)[:, None]
    found = members_of(Tree(np.r_[np.full(n, n), -1]), X, [n], "euclidean", most=100)
    assert len(found.typical[n]) == 100 and np.ptp(found.typical[n]) == n - 1
    assert abs(int(found.typical[n][0]) - n // 2) <= 10 and found.borderline[n][0] in (0, n - 1)


def test_many_siblings_are_compared_with_the_largest_alone(monkeypatch):
    monkeypatch.setattr("hyperclade.hierarchy.members._MOST_SIBLINGS", 2)
    X = np.array([[0.0], [1.0], [10.0], [11.0], [3.0], [2.0]])
    tree = Tree([6, 6, 7, 7, 8, 8, 8, 8, -1])  # the leaves 4 and 5 are nearer to 0 and 1 than 2 and 3 are
    found = members_of(tree, X, [4, 6], "euclidean")
    assert found.borderline[6].tolist() == [1, 0]
    assert found.borderline[4].tolist() == [4]


def test_zero_rows_and_no_nodes():
    tree = Tree([3, 3, 4, 4, -1])
    for metric in METRICS:
        found = members_of(tree, np.zeros((3, 2)), [3, 2, 4], metric)
        assert found.borderline[3].tolist() == found.typical[3].tolist() == [0, 1]
        assert members_of(tree, np.zeros((3, 2)), [], metric).typical == {}


def test_what_is_no_node_or_row_is_refused():
    tree = Tree([3, 3, 4, 4, -1])
    with pytest.raises(ValueError, match=r"nodes must be in 0\.\.4"):
        members_of(tree, np.eye(3), [5], "cosine")
    with pytest.raises(ValueError, match="a row for each of the 3 leaves, got 2"):
        members_of(tree, np.eye(2), [4], "cosine")
    with pytest.raises(ValueError, match="metric must be one of"):
        members_of(tree, np.eye(3), [4], "manhattan")

"""UFit: the soft cost against brute force and finite differences, single linkage against SciPy's."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from scipy.spatial.distance import squareform
from sklearn.datasets import load_wine
from sklearn.utils.estimator_checks import parametrize_with_checks
from trial_trees import random_tree

from hyperclade.hierarchy import ufit
from hyperclade.hierarchy.linkage import Linkage
from hyperclade.hierarchy.ufit import UFit, single_linkage, soft_cost
from hyperclade.trees.tree import Tree


@parametrize_with_checks([UFit(n_iterations=40)])
def test_follows_scikit_learn(estimator, check):
    check(estimator)


def brute_force_soft_cost(tree, height, pairs, similarity, temperature):
    """Σ w · mean over both rows x of 1 + Σ_{z≠x} sigmoid((u(p) − u(lca(x,z)))/τ), 1 if that is p."""
    n, total = tree.n_leaves, 0.0
    for (x, y), w in zip(pairs, similarity, strict=True):
        p = tree.lca(x, y)
        for row in (x, y):
            others = np.delete(np.arange(n), row)
            q = tree.lca(row, others)
            soft = torch.sigmoid((height[p - n] - height[q - n]) / temperature)
            total = total + w / 2 * (1 + torch.where(torch.tensor(q == p), 1.0, soft).sum())
    return total


@given(n=st.integers(2, 12), seed=st.integers(0, 500), temperature=st.sampled_from([0.05, 1.0, 5.0]))
@settings(max_examples=30, deadline=None)
def test_soft_cost_and_slope(n, seed, temperature):
    rng = np.random.default_rng(seed)
    tree = random_tree(n, seed)
    height = np.sort(rng.random(n - 1))
    pairs = np.column_stack(np.triu_indices(n, 1))
    similarity = rng.random(len(pairs))
    u = torch.tensor(height, requires_grad=True)
    expected = brute_force_soft_cost(tree, u, pairs, similarity, temperature)
    cost, slope = soft_cost(tree.merges, height, pairs, similarity, temperature)
    assert cost == pytest.approx(expected.item(), rel=1e-9)
    if n > 2:
        expected.backward()
        np.testing.assert_allclose(slope, u.grad.numpy(), rtol=1e-7, atol=1e-12)


def test_soft_cost_hardens_to_the_cost():
    tree = random_tree(15, 0)
    i, j = np.triu_indices(15, 1)
    similarity = np.random.default_rng(0).random(len(i))
    cost, _ = soft_cost(tree.merges, np.arange(14.0), np.column_stack([i, j]), similarity, 1e-3)
    assert cost == pytest.approx((similarity * tree.size[tree.lca(i, j)]).sum(), rel=1e-9)


def test_single_linkage_is_scipys():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 3))
    i, j = np.triu_indices(30, 1)
    weights = np.linalg.norm(X[i] - X[j], axis=1)
    merges, made_by = single_linkage(np.column_stack([i, j]), weights, 30)
    tree = Tree.from_merges(merges, weights[made_by])
    expected = squareform(cophenet(linkage(X, "single")))
    np.testing.assert_allclose(tree.height[tree.lca(i, j)], expected[i, j], rtol=1e-12)


def test_graph_is_connected_and_holds_the_spanning_tree():
    rng = np.random.default_rng(0)
    unit = rng.standard_normal((60, 3)) + 5 * np.repeat(np.eye(3), 20, axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    edges = ufit._graph(unit, 3)
    assert (edges[:, 0] < edges[:, 1]).all() and len(np.unique(edges, axis=0)) == len(edges) < 60 * 4
    length = 1 - (unit[edges[:, 0]] * unit[edges[:, 1]]).sum(1)
    graph = coo_matrix((length, edges.T), shape=(60, 60))
    assert connected_components(graph, directed=False)[0] == 1
    whole = minimum_spanning_tree(1 - unit @ unit.T).sum()
    assert minimum_spanning_tree(graph).sum() == pytest.approx(whole, rel=1e-9)


def test_descends_from_single_linkage_below_average_linkage():
    X = load_wine().data
    X = (X - X.mean(0)) / X.std(0)
    model = UFit(n_iterations=100, random_state=0, n_clusters=3).fit(X)
    assert model.cost_history_[0] == pytest.approx(Linkage("single").fit(X).cost_, rel=1e-5)
    assert model.cost_ < Linkage("average").fit(X).cost_
    assert model.cost_ == pytest.approx(model.cost_history_.min(), rel=1e-5)
    np.testing.assert_array_equal(model.labels_, model.cut(3))


def test_sparse_graph_and_sampled_pairs(monkeypatch):
    monkeypatch.setattr(ufit, "_PAIRS", 500)
    rng = np.random.default_rng(0)
    X = 3 * rng.standard_normal((5, 4))[rng.integers(0, 5, 150)] + rng.standard_normal((150, 4))
    first, again = (UFit(n_neighbors=5, n_iterations=60, random_state=1).fit(X) for _ in range(2))
    assert first.tree_ == again.tree_
    assert first.cost_ < first.cost_history_[0]


def test_tiny_and_degenerate_data():
    for n in (1, 2, 3):
        model = UFit(n_clusters=n, n_iterations=5).fit(np.eye(3)[:n] + 0.1)
        assert model.tree_.n_leaves == n and sorted(model.labels_) == list(range(n))
    same = UFit(n_iterations=5).fit(np.ones((9, 2)))
    assert same.cost_ == pytest.approx((9**3 - 9) / 3)


def test_bad_options():
    for options in (
        {"temperature": 0},
        {"learning_rate": -1.0},
        {"n_iterations": 1.5},
        {"n_neighbors": 0},
        {"n_neighbors": "all"},
        {"n_clusters": 9},
    ):
        with pytest.raises(ValueError, match=next(iter(options))):
            UFit(**options).fit(np.eye(4))

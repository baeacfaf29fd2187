import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris

from hyperclade import Tree

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from clustering_baselines import bisecting_kmeans_tree, random_tree


def test_random_tree_expectation():
    # Any two leaves' LCA has 2 + 2(n-2)/3 leaves on average.
    n, draws = 12, 3000
    rng = np.random.RandomState(0)
    mean = np.mean([t.size[t.lca(3, 8)] for t in (random_tree(n, rng) for _ in range(draws))])
    assert mean == pytest.approx(2 + 2 * (n - 2) / 3, abs=0.25)  # 5 standard errors
    assert random_tree(50, 1) == random_tree(50, 1) != random_tree(50, 2)
    assert random_tree(1).n_nodes == 1
    with pytest.raises(ValueError, match="at least 1"):
        random_tree(0)


@given(n=st.integers(1, 40), seed=st.integers(0, 100), spread=st.sampled_from([0.0, 1e-12, 1.0, 1e100]))
@settings(max_examples=40, deadline=None)
def test_bisecting_kmeans_is_a_binary_tree_over_all_rows(n, seed, spread):
    X = np.random.default_rng(seed).standard_normal((n, 3)).round(1) * spread
    tree = bisecting_kmeans_tree(X, random_state=seed)
    assert isinstance(tree, Tree) and tree.n_leaves == n and tree.is_binary


def test_bisecting_kmeans_splits_like_kmeans():
    X = load_iris().data
    tree = bisecting_kmeans_tree(X, random_state=0, n_init=10, max_iter=100)

    def inertia(sets):
        return sum(((X[s] - X[s].mean(0)) ** 2).sum() for s in sets)

    expected = KMeans(2, n_init=10, random_state=0).fit(X).inertia_
    assert inertia([tree.leaves(v) for v in tree.children(tree.root)]) == pytest.approx(expected, rel=1e-6)
    # Every split is a fixed point of Lloyd's algorithm: each row is nearest to its own side's mean.
    for node in range(tree.n_leaves, tree.n_nodes):
        sides = [tree.leaves(v) for v in tree.children(node)]
        means = np.array([X[s].mean(0) for s in sides])
        for own, rows in enumerate(sides):
            gaps = ((X[rows][:, None] - means) ** 2).sum(2)
            assert (gaps[:, own] <= gaps[:, 1 - own] + 1e-9).all()
    assert tree == bisecting_kmeans_tree(X, random_state=0, n_init=10, max_iter=100)

"""Dendrogram purity against its O(n²) definition."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperclade.metrics.dendrograms import dendrogram_purity, taxonomy_purity


def random_parents(n, rng, arity):
    """Join 2 … arity random roots at a time until one is left; child ids are below their parent's."""
    roots, parent = list(range(n)), {}
    new = n
    while len(roots) > 1:
        k = min(len(roots), int(rng.integers(2, arity + 1)))
        for i in sorted(rng.choice(len(roots), size=k, replace=False), reverse=True):
            parent[roots.pop(i)] = new
        roots.append(new)
        new += 1
    return tree_of([parent[v] for v in range(new - 1)] + [-1], n)


def tree_of(parent, n):
    return SimpleNamespace(n_leaves=n, n_nodes=len(parent), parent=np.array(parent, dtype=np.int64))


def ancestors(tree, v):
    path = [v]
    while path[-1] != tree.n_nodes - 1:
        path.append(int(tree.parent[path[-1]]))
    return path


def brute_force(tree, labels, present=None):
    present = range(tree.n_leaves) if present is None else present
    paths = {v: ancestors(tree, v) for v in present}
    values = []
    for i, j in itertools.combinations(present, 2):
        if labels[i] == labels[j]:
            meet = next(v for v in paths[i] if v in paths[j])
            under = [labels[k] for k in present if meet in paths[k]]
            values.append(under.count(labels[i]) / len(under))
    return np.mean(values) if values else np.nan


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 24), st.integers(2, 6), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_equals_the_definition_on_random_trees(n, arity, n_classes, seed):
    rng = np.random.default_rng(seed)
    tree = random_parents(n, rng, arity)
    labels = rng.integers(0, n_classes, n).tolist()
    np.testing.assert_allclose(dendrogram_purity(tree, labels), brute_force(tree, labels), rtol=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 20), st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_unlabelled_leaves_are_pruned(n, arity, seed):
    rng = np.random.default_rng(seed)
    tree = random_parents(n, rng, arity)
    codes = rng.integers(-1, 3, n)
    codes[:2] = 0, -1
    present = np.flatnonzero(codes >= 0).tolist()
    expected = brute_force(tree, codes.tolist(), present)
    for labels in (codes, [None if c < 0 else "abc"[c] for c in codes]):
        got = dendrogram_purity(tree, labels, ignore_unlabelled=True)
        np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_minus_one_is_a_class_unless_ignored():
    tree = tree_of([4, 4, 5, 5, 6, 6, -1], 4)
    labels = np.array([-1, -1, 0, 1])
    assert dendrogram_purity(tree, labels) == 1.0
    assert np.isnan(dendrogram_purity(tree, labels, ignore_unlabelled=True))


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 20), st.integers(0, 2**32 - 1))
def test_relabelling_changes_nothing_and_the_value_is_a_share(n, seed):
    rng = np.random.default_rng(seed)
    tree = random_parents(n, rng, 3)
    codes = rng.integers(0, 4, n)
    renamed = [("class", int(7 - c)) for c in codes]
    value = dendrogram_purity(tree, codes)
    np.testing.assert_equal(dendrogram_purity(tree, renamed), value)
    assert np.isnan(value) or 0 < value <= 1


def test_unary_nodes_are_harmless():
    chain = tree_of([3, 3, 5, 4, 5, -1], 3)  # node 4 has the one child 3
    flat = tree_of([3, 3, 4, 4, -1], 3)
    assert dendrogram_purity(chain, [0, 1, 0]) == dendrogram_purity(flat, [0, 1, 0]) == pytest.approx(2 / 3)


def test_caterpillar_of_a_hundred_thousand_leaves_has_its_closed_form():
    n = 100_000
    parent = np.empty(2 * n - 1, dtype=np.int64)
    parent[0] = n
    parent[1:n] = np.arange(n, 2 * n - 1)
    parent[n : 2 * n - 2] = np.arange(n + 1, 2 * n - 1)
    parent[-1] = -1
    labels = np.arange(n) % 2  # leaf j meets each earlier leaf in a subtree of j + 1 leaves
    j = np.arange(n)
    under = j // 2 + 1  # classmates of leaf j among leaves 0 … j
    expected = ((under - 1) * under / (j + 1)).sum() / (2 * (n // 2) * (n // 2 - 1) / 2)
    np.testing.assert_allclose(dendrogram_purity(tree_of(parent, n), labels), expected, rtol=1e-12)


def test_taxonomy_purity_is_the_purity_of_each_level():
    rng = np.random.default_rng(3)
    tree = random_parents(18, rng, 3)
    fine = rng.integers(0, 6, 18)
    levels = np.stack([np.zeros(18, dtype=int), fine // 2, fine])
    expected = [brute_force(tree, row.tolist()) for row in levels]
    np.testing.assert_allclose(taxonomy_purity(tree, levels), expected, rtol=1e-12)
    named = [["all"] * 18, [f"s{c // 2}" for c in fine], [None if c == 5 else c for c in fine.tolist()]]
    present = np.flatnonzero(fine != 5).tolist()
    expected[2] = brute_force(tree, fine.tolist(), present)
    np.testing.assert_allclose(taxonomy_purity(tree, named, ignore_unlabelled=True), expected, rtol=1e-12)


def test_bad_labels_are_named():
    tree = tree_of([2, 2, -1], 2)
    with pytest.raises(ValueError, match="3 labels for a tree of 2 leaves"):
        dendrogram_purity(tree, [0, 1, 1])
    with pytest.raises(ValueError, match="1 leaves lack a label"):
        dendrogram_purity(tree, ["a", None])
    with pytest.raises(ValueError, match="empty"):
        dendrogram_purity(tree, [])
    with pytest.raises(ValueError, match="empty"):
        taxonomy_purity(tree, [])

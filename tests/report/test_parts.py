"""Mean rows of parts: their products are mean cosines of rows."""

import numpy as np
import pytest
import scipy.sparse
from random_trees import random_tree

from hyperclade.report import Parts
from hyperclade.trees import Tree


def mean_cosine(X, metric, ours, theirs):
    X = X - X.mean(axis=0) if metric == "euclidean" else X
    X = X / np.linalg.norm(X, axis=1, keepdims=True)
    return (X[ours] @ X[theirs].T).mean()


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_similarity_of_groups_is_the_mean_cosine_of_their_rows(metric, monkeypatch):
    monkeypatch.setattr("hyperclade.report.parts._MOST_PARTS", 20)
    rng = np.random.default_rng(0)
    X, tree = rng.normal(size=(200, 6)) + 0.5, random_tree(200, rng)
    parts = Parts.of(tree, X, metric)
    assert parts.nodes.tolist() == tree.cut_nodes(20).tolist() and parts.rows.shape == (20, 6)
    assert parts.rows.dtype == np.float32
    of_part = parts.nodes[np.searchsorted(tree.leaf_interval[parts.nodes, 1], np.arange(200), side="right")]
    of_leaf = dict(zip(tree.leaf_order.tolist(), of_part.tolist(), strict=True))
    below = {
        node: np.isin(parts.nodes, [of_leaf[leaf] for leaf in tree.leaves(node).tolist()])
        for node in tree.cut_nodes(4).tolist()
    }
    size = tree.size[parts.nodes]
    groups = {node: np.average(parts.rows[of], axis=0, weights=size[of]) for node, of in below.items()}
    for a, ours in groups.items():
        for b, theirs in groups.items():
            expected = mean_cosine(X, metric, tree.leaves(a), tree.leaves(b))
            assert ours @ theirs == pytest.approx(expected, abs=1e-5)


def test_memory_maps_and_blocks_and_sparse_rows_give_the_same(monkeypatch, tmp_path):
    rng = np.random.default_rng(1)
    X, tree = rng.normal(size=(150, 5)).astype(np.float32), random_tree(150, rng)
    expected = Parts.of(tree, X, "cosine").rows
    np.save(tmp_path / "X.npy", X)
    monkeypatch.setattr("hyperclade.hierarchy.rows.BLOCK_ROWS", 16)
    for same in (np.load(tmp_path / "X.npy", mmap_mode="r"), scipy.sparse.csr_array(X), X.astype(np.float64)):
        assert Parts.of(tree, same, "cosine").rows == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("kind", [np.array, scipy.sparse.csr_array])
def test_wide_rows_keep_what_most_products_need(kind):
    """Sparse ones of more than 512 columns are projected, with an error of some hundredths."""
    rng = np.random.default_rng(2)
    X = np.zeros((300, 2000))
    X[:, :1000] = np.repeat(rng.normal(size=(3, 1000)), 100, axis=0)
    X[:, 1000:] = rng.normal(size=(300, 1000)) * 0.3
    tree = Tree.from_parents(np.r_[np.repeat([300, 301, 302], 100), 303, 303, 303, -1]).collapse()
    parts = Parts.of(tree, kind(X), "cosine")
    assert parts.rows.shape == (300, 64)
    for ours, theirs in ((0, 0), (0, 1), (1, 2)):
        a, b = (parts.rows[100 * k : 100 * (k + 1)].mean(axis=0) for k in (ours, theirs))
        expected = mean_cosine(
            X, "cosine", slice(100 * ours, 100 * ours + 100), slice(100 * theirs, 100 * theirs + 100)
        )
        assert a @ b == pytest.approx(expected, abs=0.1 if kind is not np.array else 1e-4)


def test_one_leaf_equal_rows_and_rows_of_zeros():
    assert Parts.of(Tree([-1]), np.array([[3.0, 4.0]]), "cosine").rows.tolist() == [[1.0]]
    star = Parts.of(Tree([*[600] * 600, -1]), np.zeros((600, 2)), "euclidean")
    assert star.nodes.tolist() == [600] and not star.rows.any()
    huge = Parts.of(Tree([2, 2, -1]), np.array([[1e300, 0], [0, 1e-300]]), "cosine").rows
    assert (huge @ huge.T).tolist() == np.eye(2).tolist()

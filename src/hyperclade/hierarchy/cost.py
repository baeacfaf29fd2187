"""Exact objectives of a tree: Dasgupta's cost, Moseley–Wang, Cohen-Addad, and the normalised score.

All sums run over unordered pairs of rows; some public codes count every pair twice.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from hyperclade.hierarchy.rows import as_array
from hyperclade.hierarchy.similarity import FeatureSimilarity, GraphSimilarity, similarity_of
from hyperclade.trees import Tree

_EXACT_TRIPLES = 1500  # rows up to which the lower bound looks at every triple
_SAMPLED_TRIPLES = 2_000_000

AnySimilarity = FeatureSimilarity | GraphSimilarity


def dasgupta_cost(tree: Tree, X: Any, similarity: str | AnySimilarity = "cosine") -> float:
    """Dasgupta cost ``Σ_{i<j} w_ij |lca(i, j)|``, exact, in O(n d), or O(edges) for a graph.

    Parameters
    ----------
    tree : Tree
        Over the n rows; inner nodes may have any number of children.
    X : (n, d) array, memory map, tensor or CSR matrix
        Not read if `similarity` is an object.
    similarity : {"cosine", "softmax", "knn"} or a similarity of `hyperclade.hierarchy.similarity`

    Returns
    -------
    float

    Notes
    -----
    The pairs split at node v between children A and B weigh ``w(A, B) = constant·|A||B| + ⟨S_A, S_B⟩``, so
    that ``Σ_v |v| w(A_v, B_v)`` (Dasgupta 2016) takes one pass over the tree, in float64 and with at most
    log2(n) + 3 feature sums in memory.

    Examples
    --------
    >>> tree = Tree.from_merges([[0, 1], [2, 3], [4, 5]])
    >>> round(dasgupta_cost(tree, [[1, 0], [1, 0], [0, 1], [0, 1]]), 6)  # 2·1 + 2·1 + 4 pairs · ½ · 4
    12.0
    """
    weights = _resolve(similarity, X)
    if tree.n_leaves != len(weights):
        raise ValueError(f"the tree has {tree.n_leaves} leaves but there are {len(weights)} rows")
    size = tree.size.astype(np.float64)
    if isinstance(weights, GraphSimilarity):
        edges = weights.edges.tocoo()
        upper = edges.row < edges.col
        meet = tree.lca(edges.row[upper].astype(np.int64), edges.col[upper].astype(np.int64))
        return float(size[meet] @ edges.data[upper].astype(np.float64))
    return _feature_cost(tree, weights)


def similarity_total(weights: AnySimilarity) -> float:
    """Sum of the similarities of all unordered pairs of rows.

    Examples
    --------
    >>> similarity_total(FeatureSimilarity(np.eye(3)))
    1.5
    """
    if isinstance(weights, GraphSimilarity):
        return float(weights.edges.sum(dtype=np.float64)) / 2
    total = 0.0
    sums: NDArray[np.float64] | float = 0.0
    for start, unit in weights.rows.blocks():
        features = weights.features(slice(start, start + len(unit)), np.float64)
        sums = sums + features.sum(axis=0)
        total -= np.einsum("ij,ij->", features, features)
    n = len(weights)
    return float((np.dot(sums, sums) + total + weights.constant * (n * n - n)) / 2)


def moseley_wang_reward(tree: Tree, X: Any, similarity: str | AnySimilarity = "cosine") -> float:
    """Moseley–Wang reward ``Σ_{i<j} w_ij (n − |lca(i, j)|)``, to be maximised.

    Examples
    --------
    >>> tree = Tree.from_merges([[0, 1], [2, 3], [4, 5]])
    >>> round(moseley_wang_reward(tree, [[1, 0], [1, 0], [0, 1], [0, 1]]), 6)
    4.0
    """
    weights = _resolve(similarity, X)
    return tree.n_leaves * similarity_total(weights) - dasgupta_cost(tree, X, weights)


def cohen_addad_value(tree: Tree, X: Any, similarity: str | AnySimilarity = "cosine") -> float:
    """Cohen-Addad value ``Σ_{i<j} (1 − w_ij) |lca(i, j)|`` of the dissimilarities, to be maximised.

    Examples
    --------
    >>> tree = Tree.from_merges([[0, 1], [2, 3], [4, 5]])
    >>> round(cohen_addad_value(tree, [[1, 0], [1, 0], [0, 1], [0, 1]]), 6)
    8.0
    """
    return unit_cost(tree) - dasgupta_cost(tree, X, similarity)


def unit_cost(tree: Tree) -> float:
    """Cost of the tree when all pairs are equally similar: ``(n³ − n) / 3`` for every binary tree.

    Examples
    --------
    >>> unit_cost(Tree.from_merges([[0, 1], [2, 3], [4, 5]]))
    20.0
    """
    size = tree.size.astype(np.float64)
    pairs = size * (size - 1) / 2
    below = np.zeros(tree.n_nodes)
    np.add.at(below, tree.parent[:-1], pairs[:-1])
    return float(size @ (pairs - below))


def random_cost(weights: AnySimilarity) -> float:
    """Expected cost of a random binary tree: ``⅔ (n + 1) Σ w``.

    Exact for every distribution that treats leaves alike: all pairs then share one expected LCA size, and
    every binary tree's sizes sum to ``(n³ − n)/3`` over its n(n−1)/2 pairs.
    """
    return 2 * (len(weights) + 1) / 3 * similarity_total(weights)


def cost_lower_bound(weights: AnySimilarity, *, random_state: int = 0) -> float:
    """Lower bound ``2 Σ w_ij + Σ_{i<j<k} (w_ij + w_ik + w_jk − max)`` of every tree's cost.

    Of each triple a tree can join only one pair below the third row. Exact for graphs and up to 1,500 rows;
    above, triples are sampled (2 million), so that the bound is an estimate.

    Examples
    --------
    >>> round(cost_lower_bound(FeatureSimilarity(np.eye(3))), 6)  # 2·1.5 + 1 triple of (½, ½, ½)
    4.0
    """
    n = len(weights)
    total = 2 * similarity_total(weights)
    if isinstance(weights, GraphSimilarity):
        edges = weights.edges.copy()
        edges.sort_indices()
        return total + _graph_triples(
            edges.indptr.astype(np.int64), edges.indices.astype(np.int64), edges.data.astype(np.float64)
        )
    if n < 3:
        return total
    if n <= _EXACT_TRIPLES:
        features = weights.features(slice(None), np.float64)
        return total + _all_triples(features @ features.T + weights.constant)
    rng = np.random.default_rng(random_state)
    sampled = 0.0
    pool = weights.features(np.sort(rng.choice(n, min(n, 4 * _EXACT_TRIPLES), replace=False)))
    for _ in range(0, _SAMPLED_TRIPLES, 100_000):
        # A third index never equals the first two: they are drawn from ever smaller ranges and shifted past.
        i = rng.integers(0, len(pool), 100_000)
        j = (i + rng.integers(1, len(pool), 100_000)) % len(pool)
        k = rng.integers(0, len(pool) - 2, 100_000)
        low, high = np.minimum(i, j), np.maximum(i, j)
        k += k >= low
        k += k >= high
        w = np.stack([np.einsum("ij,ij->i", pool[a], pool[b]) for a, b in ((i, j), (i, k), (j, k))])
        w = w.astype(np.float64) + weights.constant
        sampled += float((w.sum(axis=0) - w.max(axis=0)).sum())
    return total + sampled / _SAMPLED_TRIPLES * (n * (n - 1) * (n - 2) / 6)


def normalised_score(cost: float, weights: AnySimilarity, *, random_state: int = 0) -> float:
    """``(cost_random − cost) / (cost_random − lower bound)``: 0 for random trees, 1 for an ideal one.

    Where all pairs are equally similar no tree is better than another, and the score is 0.
    """
    expected = random_cost(weights)
    room = expected - cost_lower_bound(weights, random_state=random_state)
    return (expected - cost) / room if room > 1e-12 * abs(expected) else 0.0


def _resolve(similarity: str | AnySimilarity, X: Any) -> AnySimilarity:
    if not isinstance(similarity, str):
        return similarity
    X = as_array(X)
    return similarity_of(X if hasattr(X, "shape") else np.asarray(X), similarity)


def _feature_cost(tree: Tree, weights: FeatureSimilarity, block_rows: int = 4096) -> float:
    """Read the rows in depth-first order and fold each complete node into its parent's running sum."""
    m = tree.n_nodes
    order = _largest_first(tree.parent, tree.size, tree.n_leaves)
    waiting = int(np.log2(tree.n_leaves)) + 3  # a child that is not the largest has at most half the rows
    sums = np.zeros((waiting, weights.features(order[:1]).shape[1]))
    rows = np.zeros(waiting)
    missing = np.bincount(tree.parent[:-1], minlength=m)
    n_children = missing.copy()
    cross = np.zeros(m)
    top = 0
    for start in range(0, len(order), block_rows):
        block = order[start : start + block_rows]
        features = weights.features(block, np.float64)
        top = _fold(
            features, block, tree.parent, n_children, missing, cross, sums, rows, top, weights.constant
        )
    return float(tree.size @ cross)


@njit(cache=True)
def _largest_first(parent, size, n):
    """Leaves in depth-first order, the largest child of every node first."""
    m = parent.shape[0]
    head = np.full(m, -1, np.int64)
    following = np.full(m, -1, np.int64)
    for node in np.argsort(size):  # ascending, each put in front
        if parent[node] >= 0:
            following[node] = head[parent[node]]
            head[parent[node]] = node
    order = np.empty(n, np.int64)
    node = m - 1
    for t in range(n):
        while head[node] >= 0:
            node = head[node]
        order[t] = node
        while node < m - 1 and following[node] < 0:
            node = parent[node]
        node = following[node]
    return order


@njit(cache=True)
def _fold(features, leaves, parent, n_children, missing, cross, sums, rows, top, constant):
    """Push leaves on the stack of running sums and merge complete children into it."""
    root = parent.shape[0] - 1
    for t in range(leaves.shape[0]):
        sums[top] = features[t]
        rows[top] = 1.0
        node = leaves[t]
        while node < root:
            p = parent[node]
            if missing[p] < n_children[p]:  # the parent's running sum lies right below
                cross[p] += constant * rows[top - 1] * rows[top] + np.dot(sums[top - 1], sums[top])
                sums[top - 1] += sums[top]
                rows[top - 1] += rows[top]
                top -= 1
            missing[p] -= 1
            if missing[p] > 0:
                break
            node = p
        top += 1
    return top


@njit(cache=True, parallel=True)
def _all_triples(w):
    n = w.shape[0]
    part = np.zeros(n)
    for i in prange(n):
        total = 0.0
        for j in range(i + 1, n):
            for k in range(j + 1, n):
                total += w[i, j] + w[i, k] + w[j, k] - max(w[i, j], w[i, k], w[j, k])
        part[i] = total
    return part.sum()


@njit(cache=True)
def _graph_triples(indptr, indices, weights):
    """Sum over triples of the two smaller weights: only those with two edges at some row j count."""
    total = 0.0
    for j in range(indptr.shape[0] - 1):
        for e in range(indptr[j], indptr[j + 1]):
            i = indices[e]
            for f in range(e + 1, indptr[j + 1]):
                k = indices[f]
                at = indptr[i] + np.searchsorted(indices[indptr[i] : indptr[i + 1]], k)
                if at < indptr[i + 1] and indices[at] == k:  # a triangle, met from each of its three corners
                    a, b, c = weights[e], weights[f], weights[at]
                    total += (a + b + c - max(a, b, c)) / 3
                else:
                    total += min(weights[e], weights[f])
    return total

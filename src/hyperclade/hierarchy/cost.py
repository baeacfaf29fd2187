"""Dasgupta's cost of a tree, exact, and the score that normalises it.

All sums run over unordered pairs of rows; some public codes count every pair twice.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

from hyperclade.environment import FloatArray
from hyperclade.hierarchy.rows import as_array
from hyperclade.hierarchy.similarity import (
    AnySimilarity,
    FeatureSimilarity,
    GraphSimilarity,
    SimilarityName,
    similarity_of,
)
from hyperclade.trees.tree import Tree

_EXACT_TRIPLES = 1500  # rows up to which the lower bound looks at every triple
_SAMPLED_TRIPLES = 2_000_000
_TRIPLE_VALUES = 2**22  # features looked at at a time
_BLOCK_ITEMS = 2**14  # whose edges are looked at at a time


def dasgupta_cost(tree: Tree, X: Any, similarity: SimilarityName | AnySimilarity = "cosine") -> float:
    """Dasgupta cost ``Σ_{i<j} w_ij |lca(i, j)|``, exact, in O(n d), or O(edges) for a graph.

    Parameters
    ----------
    tree : Tree
        Over the n rows; inner nodes may have any number of children.
    X : (n, d) array, memory map, tensor or CSR matrix
        Not read if `similarity` is an object.
    similarity : {"cosine", "euclidean", "softmax", "knn"} or an object of `hierarchy.similarity`

    Returns
    -------
    float

    Notes
    -----
    The pairs split at node v between children A and B weigh ``w(A, B) = |A| o_B + |B| o_A + ⟨S_A, S_B⟩``,
    with o the sums of offsets and S those of features, so that ``Σ_v |v| w(A_v, B_v)`` (Dasgupta 2016) takes
    one pass over the tree, in float64 and with at most log2(n) + 3 feature sums in memory. The edges of a
    graph are added at the lowest common ancestors of their rows.

    Examples
    --------
    >>> tree = Tree.from_merges([[0, 1], [2, 3], [4, 5]])
    >>> round(dasgupta_cost(tree, [[1, 0], [1, 0], [0, 1], [0, 1]]), 6)  # 2·1 + 2·1 + 4 pairs · ½ · 4
    12.0
    """
    return float(node_costs(tree, X, similarity).sum())


def node_costs(tree: Tree, X: Any, similarity: SimilarityName | AnySimilarity = "cosine") -> FloatArray:
    """What each inner node pays of `dasgupta_cost`, ``|v| Σ w_ij`` over the pairs that v divides, `(m-n,)`.

    Parameters and time are those of `dasgupta_cost`.

    Examples
    --------
    >>> tree = Tree.from_merges([[0, 1], [2, 3], [4, 5]])
    >>> node_costs(tree, [[1, 0], [1, 0], [0, 1], [0, 1]]).round(6).tolist()
    [2.0, 2.0, 8.0]
    """
    weights = _resolve(similarity, X)
    if tree.n_leaves != len(weights):
        raise ValueError(f"the tree has {tree.n_leaves} leaves but there are {len(weights)} rows")
    if isinstance(weights, FeatureSimilarity):
        costs = _feature_costs(tree, weights)
    else:
        costs = _edge_costs(tree, weights)
        if weights.dense is not None:
            costs += weights.dense_weight * _feature_costs(tree, weights.dense)
    return costs[tree.n_leaves :]


def similarity_total(weights: AnySimilarity) -> float:
    """Sum of the similarities of all unordered pairs of rows.

    Examples
    --------
    >>> similarity_total(FeatureSimilarity(np.eye(3)))
    1.5
    """
    if isinstance(weights, FeatureSimilarity):
        return _feature_total(weights)
    sizes = weights.distinct.sizes.astype(np.float64)
    equal = float((sizes * (sizes - 1)).sum()) / 2
    dense = 0.0 if weights.dense is None else weights.dense_weight * _feature_total(weights.dense)
    return weights.graph_total + equal + dense


def random_cost(weights: AnySimilarity) -> float:
    """Expected cost of a random binary tree: ``⅔ (n + 1) Σ w``.

    Exact for every distribution that treats leaves alike: all pairs then share one expected LCA size, and
    every binary tree's sizes sum to ``(n³ − n)/3`` over its n(n−1)/2 pairs.
    """
    return 2 * (len(weights) + 1) / 3 * similarity_total(weights)


def cost_lower_bound(weights: AnySimilarity, *, random_state: int = 0) -> float:
    """Lower bound ``2 Σ w_ij + Σ_{i<j<k} (w_ij + w_ik + w_jk − max)`` of every tree's cost.

    Of each triple a tree can join only one pair below the third row. Exact for edges, and for dense parts of
    up to 1,500 rows; above, triples are sampled (2 million), so that the bound is an estimate.

    Examples
    --------
    >>> round(cost_lower_bound(FeatureSimilarity(np.eye(3))), 6)  # 2·1.5 + 1 triple of (½, ½, ½)
    4.0
    """
    if isinstance(weights, FeatureSimilarity):
        return 2 * similarity_total(weights) + _feature_triples(weights, random_state)
    # A triple's term is concave in its weights, so that the bounds of the parts add up to one of the whole.
    dense = (
        0.0 if weights.dense is None else weights.dense_weight * _feature_triples(weights.dense, random_state)
    )
    edges = weights.edges.copy()
    edges.sort_indices()
    triples = _graph_triples(
        edges.indptr.astype(np.int64),
        edges.indices.astype(np.int64),
        edges.data.astype(np.float64),
        weights.distinct.sizes.astype(np.float64),
    )
    return 2 * similarity_total(weights) + triples + dense


def normalised_score(cost: float, weights: AnySimilarity, *, random_state: int = 0) -> float:
    """``(cost_random − cost) / (cost_random − lower bound)``: 0 for random trees, 1 for an ideal one.

    Where all pairs are equally similar no tree is better than another, and the score is 0.
    """
    expected = random_cost(weights)
    room = expected - cost_lower_bound(weights, random_state=random_state)
    return (expected - cost) / room if room > 1e-12 * abs(expected) else 0.0


def _resolve(similarity: SimilarityName | AnySimilarity, X: Any) -> AnySimilarity:
    if not isinstance(similarity, str):
        return similarity
    X = as_array(X)
    return similarity_of(X if hasattr(X, "shape") else np.asarray(X), similarity)


def _edge_costs(tree: Tree, weights: GraphSimilarity) -> FloatArray:
    """Cost of the edges, and of the pairs of equal rows, which weigh 1, at each node, `(m,)`."""
    size = tree.size.astype(np.float64)
    rows, start = weights.distinct.members
    count = weights.distinct.sizes
    position = tree.leaf_interval[rows, 0]
    node = tree.lca(
        tree.leaf_order[np.minimum.reduceat(position, start[:-1])],
        tree.leaf_order[np.maximum.reduceat(position, start[:-1])],
    )
    whole = tree.size[node] == count  # items whose rows are a subtree of their own
    of_first = weights.distinct.item_of[tree.leaf_order[tree.leaf_interval[:, 0]]]  # leaf under each node
    costs = np.where(whole[of_first] & (tree.size <= count[of_first]), size * _divided_pairs(tree), 0.0)
    for begin in range(0, len(count), _BLOCK_ITEMS):
        edges = weights.edges[begin : begin + _BLOCK_ITEMS].tocoo()
        upper = edges.row + begin < edges.col
        first, second = edges.row[upper].astype(np.int64) + begin, edges.col[upper].astype(np.int64)
        data = edges.data[upper].astype(np.float64)
        simple = whole[first] & whole[second]
        meet = tree.lca(node[first[simple]], node[second[simple]])
        np.add.at(costs, meet, size[meet] * (data * count[first] * count[second])[simple])
        # Only trees made otherwise divide equal rows.
        for e in np.flatnonzero(~simple).tolist():
            ours, theirs = (rows[start[item] : start[item + 1]] for item in (first[e], second[e]))
            meet = tree.lca(ours[:, None], theirs).ravel()
            np.add.at(costs, meet, data[e] * size[meet])
    for divided in np.flatnonzero(~whole).tolist():
        members = rows[start[divided] : start[divided + 1]]
        ours, theirs = np.triu_indices(len(members), 1)
        meet = tree.lca(members[ours], members[theirs])
        np.add.at(costs, meet, size[meet])
    return costs


def _divided_pairs(tree: Tree) -> FloatArray:
    """Pairs of leaves that each node divides among its children, `(m,)`."""
    size = tree.size.astype(np.float64)
    pairs = size * (size - 1) / 2
    divided = pairs.copy()
    np.subtract.at(divided, tree.parent[:-1], pairs[:-1])
    return divided


def _feature_costs(tree: Tree, weights: FeatureSimilarity) -> FloatArray:
    """Cost at each node, `(m,)`.

    Reads the rows in depth-first order and folds each complete node into its parent's running sum.
    """
    m = tree.n_nodes
    order = _largest_first(tree.parent, tree.size, tree.n_leaves)
    item_of = weights.distinct.item_of
    waiting = int(np.log2(tree.n_leaves)) + 3  # a child that is not the largest has at most half the rows
    sums = np.zeros((waiting, weights.features(item_of[order[:1]]).shape[1]))
    offsets, rows = np.zeros(waiting), np.zeros(waiting)
    missing = np.bincount(tree.parent[:-1], minlength=m)
    n_children = missing.copy()
    cross = np.zeros(m)
    top = 0
    for part in weights.rows.blocks_of(len(order)):
        block = order[part]
        items = item_of[block]
        top = _fold(
            weights.features(items), weights.offsets(items), block, tree.parent, n_children, missing,
            cross, sums, offsets, rows, top,
        )  # fmt: skip
    return tree.size * cross


def _feature_total(weights: FeatureSimilarity) -> float:
    sizes = weights.distinct.sizes.astype(np.float64)
    sums: FloatArray | float = 0.0
    own = offsets = 0.0
    for part in weights.rows.blocks():
        features = weights.features(part)
        sums = sums + sizes[part] @ features
        own += float(sizes[part] @ np.einsum("ij,ij->i", features, features))
        offsets += float(sizes[part] @ weights.offsets(part))
    return float(np.dot(sums, sums) - own) / 2 + (len(weights) - 1) * offsets


def _feature_triples(weights: FeatureSimilarity, random_state: int) -> float:
    """Sum over triples of rows of the two smaller similarities; sampled above 1,500 rows."""
    n = len(weights)
    if n < 3:
        return 0.0
    item_of = weights.distinct.item_of
    if n <= _EXACT_TRIPLES:
        features, offsets = weights.features(item_of), weights.offsets(item_of)
        return _all_triples(features @ features.T + offsets[:, None] + offsets)
    rng = np.random.default_rng(random_state)
    sampled = 0.0
    chosen = item_of[np.sort(rng.choice(n, min(n, 4 * _EXACT_TRIPLES), replace=False))]
    pool, offsets = weights.features(chosen, np.float32), weights.offsets(chosen)
    batch = max(_TRIPLE_VALUES // max(pool.shape[1], 1), 1)
    for done in range(0, _SAMPLED_TRIPLES, batch):
        count = min(batch, _SAMPLED_TRIPLES - done)
        # A third index never equals the first two: they are drawn from ever smaller ranges and shifted past.
        i = rng.integers(0, len(pool), count)
        j = (i + rng.integers(1, len(pool), count)) % len(pool)
        k = rng.integers(0, len(pool) - 2, count)
        low, high = np.minimum(i, j), np.maximum(i, j)
        k += k >= low
        k += k >= high
        w = np.stack(
            [
                np.einsum("ij,ij->i", pool[a], pool[b]) + offsets[a] + offsets[b]
                for a, b in ((i, j), (i, k), (j, k))
            ]
        )
        sampled += float((w.sum(axis=0) - w.max(axis=0)).sum())
    return sampled / _SAMPLED_TRIPLES * (n * (n - 1) * (n - 2) / 6)


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
def _fold(features, own_offsets, leaves, parent, n_children, missing, cross, sums, offsets, rows, top):
    """Push leaves on the stack of running sums and merge complete children into it."""
    root = parent.shape[0] - 1
    for t in range(leaves.shape[0]):
        sums[top] = features[t]
        offsets[top] = own_offsets[t]
        rows[top] = 1.0
        node = leaves[t]
        while node < root:
            p = parent[node]
            if missing[p] < n_children[p]:  # the parent's running sum lies right below
                shared = rows[top - 1] * offsets[top] + rows[top] * offsets[top - 1]
                for k in range(sums.shape[1]):
                    shared += sums[top - 1, k] * sums[top, k]
                    sums[top - 1, k] += sums[top, k]
                cross[p] += shared
                offsets[top - 1] += offsets[top]
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
def _graph_triples(indptr, indices, weights, sizes):
    """Sum over triples of rows of the two smaller weights: only those with two edges at some row count.

    Items hold `sizes` equal rows each, which weigh 1 with one another.
    """
    total = 0.0
    for j in range(indptr.shape[0] - 1):
        n_j = sizes[j]
        total += n_j * (n_j - 1) * (n_j - 2) / 6 * 2.0
        for e in range(indptr[j], indptr[j + 1]):
            i = indices[e]
            total += n_j * (n_j - 1) / 2 * sizes[i] * 2 * weights[e]
            for f in range(e + 1, indptr[j + 1]):
                k = indices[f]
                rows = n_j * sizes[i] * sizes[k]
                at = indptr[i] + np.searchsorted(indices[indptr[i] : indptr[i + 1]], k)
                if at < indptr[i + 1] and indices[at] == k:  # a triangle, met from each of its three corners
                    a, b, c = weights[e], weights[f], weights[at]
                    total += rows * (a + b + c - max(a, b, c)) / 3
                else:
                    total += rows * min(weights[e], weights[f])
    return total

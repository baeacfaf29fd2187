"""Tree search on the exact Dasgupta cost by subtree prune-and-regraft.

A tree over items with pairwise similarities costs ``Σ_v n_v · w(A_v, B_v)``, the sum over internal nodes v
with children A_v, B_v (Dasgupta 2016). Moving a subtree X changes only terms of the nodes above its old and
its new place, so a move's exact change is a sum along two root paths.

**Prune-and-regraft** cuts X off and regrafts it on the edge where the tree becomes cheapest. The cost of a
graft above node u grows along the way from the root to u, so a depth-first search bounded by the best graft
so far finds the best of *all* edges while it visits few. The bound below u has two parts. A similarity that
all pairs share (`floor`) costs every binary tree alike, so it adds ``floor·n_u·n_x·(n_u + n_x)`` wherever x
goes. Of the rest, t in total, leaves are separated from x at a node with at least ``n_x`` + (leaves nearer to
x) rows, and no pair exceeds ``peak``: at least ``t·n_x + t²/(2·(peak − floor)·n_x)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.sparse
from numba import njit
from numpy.typing import NDArray

from hyperclade.environment import FloatArray, IntArray
from hyperclade.hierarchy.similarity import Similarity

_ROUNDING = 1e-9  # a move must gain this share of its own cost, or rounding errors could cycle


class _Links(NamedTuple):
    """Neighbours of each of the 2n-1 nodes, -1 for none; leaves come first."""

    left: IntArray
    right: IntArray
    parent: IntArray


class _Sums(NamedTuple):
    """Of each node: rows, sums of offsets `(2n-1,)` and features `(2n-1, d)`, similarity across its sides."""

    size: FloatArray
    offset: FloatArray
    features: NDArray[np.int32]
    cross: FloatArray


class _Graph(NamedTuple):
    """CSR arrays; `indptr` of length 1 if there are no edges."""

    indptr: IntArray
    indices: IntArray
    weights: NDArray[np.float32]


class _Scale(NamedTuple):
    """What a product of features weighs, and bounds of the similarity of two rows."""

    scale: float
    floor: float
    peak: float


class _Subtree(NamedTuple):
    """What is to be moved: its rows, and their sums of offsets and features."""

    n: float
    offset: float
    features: NDArray[np.int32]


class _Marks(NamedTuple):
    """Of each node, for the subtree x at hand; valid where the first two hold its stamp."""

    mark: IntArray  # an ancestor of x
    linked: IntArray  # holds neighbours of x in the graph
    edge: FloatArray  # graph similarity of x to a linked node
    known: FloatArray  # similarity of x to the siblings of its ancestors


class _Stack(NamedTuple):
    """Nodes to be searched, with the cost of a graft that their ancestors make up, and x's similarity."""

    node: IntArray
    cost: FloatArray
    similarity: FloatArray


def improve(
    merges: IntArray,
    similarity: Similarity,
    *,
    max_passes: int = 20,
    tolerance: float = 1e-6,
    only: IntArray | None = None,
    after_pass: Callable[[], None] | None = None,
) -> IntArray:
    """Improve a binary tree by local moves until a pass over all its subtrees gains too little.

    Parameters
    ----------
    merges : (n-1, 2) int
        The tree to start from; row i makes node n+i.
    similarity : Similarity
        Similarity of the n items.
    max_passes : int
    tolerance : float
        Stop when a pass lowers the cost by less than this fraction.
    only : (b,) int, optional
        Items to move, alone or together; all others stay where they are, relative to one another.
    after_pass : callable, optional
        Called after every pass.

    Returns
    -------
    (n-1, 2) int64
        Merges of a tree that costs no more, up to rounding.

    Examples
    --------
    >>> from hyperclade.hierarchy.similarity import FeatureSimilarity
    >>> rows = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1], [0.1, 1.0]])
    >>> caterpillar = np.array([[0, 1], [2, 4], [3, 5]])
    >>> sorted(improve(caterpillar, FeatureSimilarity(rows, merge_equal=False).items()).tolist())
    [[0, 2], [1, 3], [4, 5]]
    """
    n = len(similarity)
    if n < 3:
        return merges
    links, graph, scale = _links(merges), _graph(similarity.edges), _scale(similarity)
    root = 2 * n - 2
    for _ in range(max_passes):
        order = _preorder(links, root)[::-1]
        sums = _totals(links, order, *_rows(similarity), scale, graph)
        before = float(sums.cross @ sums.size)
        moved = order if only is None else _wholly(links, order, only)
        root, gained = _pass(links, sums, root, moved, graph, scale)
        if after_pass is not None:
            after_pass()
        if gained <= tolerance * before:
            break
    return _merges(links, root)


def best_grafts(
    merges: IntArray,
    similarity: Similarity,
    offsets: FloatArray,
    features: NDArray[np.int32],
    ties: scipy.sparse.csr_matrix,
) -> IntArray:
    """For each new row alone, the node above which it makes the tree cheapest.

    Parameters
    ----------
    merges : (n-1, 2) int
    similarity : Similarity
        Similarity of the tree's n items.
    offsets : (b,) float64
    features : (b, d) int32
        The new rows; d as in `similarity`.
    ties : (b, n) CSR
        Graph similarity of new rows to items; (0, 0) if the similarity has no graph.

    Returns
    -------
    (b,) int64
        Node ids.
    """
    if len(similarity) == 1:
        return np.zeros(len(features), dtype=np.int64)
    links, sums = _tree(merges, similarity)
    return _grafts(links, sums, offsets, features, _graph(ties), _scale(similarity))


def merge_cost(merges: IntArray, similarity: Similarity) -> float:
    """Dasgupta cost of a binary tree `(n-1, 2)` over n items, without the pairs inside items.

    >>> from hyperclade.hierarchy.similarity import similarity_of
    >>> merge_cost(np.array([[0, 1], [2, 3]]), similarity_of(np.eye(3), "cosine").items())  # ½·2 + 2·½·3
    4.0
    """
    size, cross = merge_costs(merges, similarity)
    return float(size @ cross)


def merge_costs(merges: IntArray, similarity: Similarity) -> tuple[FloatArray, FloatArray]:
    """Size and cross similarity ``w(A, B)`` of each merge, `(n-1,) float64`: the cost is their product."""
    _, sums = _tree(merges, similarity)
    return sums.size[len(similarity) :], sums.cross[len(similarity) :]


def _tree(merges: IntArray, similarity: Similarity) -> tuple[_Links, _Sums]:
    links = _links(merges)
    order = _preorder(links, len(links.left) - 1)[::-1]
    return links, _totals(links, order, *_rows(similarity), _scale(similarity), _graph(similarity.edges))


def _rows(similarity: Similarity) -> tuple[FloatArray, FloatArray, NDArray[np.int32]]:
    return similarity.sizes, similarity.offsets, similarity.features


def _scale(similarity: Similarity) -> _Scale:
    return _Scale(float(similarity.scale), float(similarity.floor), float(similarity.peak))


def _graph(edges: scipy.sparse.csr_matrix) -> _Graph:
    indptr = edges.indptr.astype(np.int64) if edges.nnz else np.zeros(1, np.int64)
    return _Graph(indptr, edges.indices.astype(np.int64), edges.data.astype(np.float32))


@njit(cache=True, nogil=True)
def dot(a, b):
    """Inner product of two vectors of whole numbers: exact, so the same in any order, and fast."""
    total = np.int64(0)
    for k in range(a.shape[0]):
        total += np.int64(a[k]) * np.int64(b[k])
    return np.float64(total)


@njit(cache=True, nogil=True)
def _links(merges):
    n = merges.shape[0] + 1
    left = np.full(2 * n - 1, -1, np.int64)
    right = np.full(2 * n - 1, -1, np.int64)
    parent = np.full(2 * n - 1, -1, np.int64)
    for i in range(n - 1):
        left[n + i], right[n + i] = merges[i, 0], merges[i, 1]
        parent[left[n + i]] = parent[right[n + i]] = n + i
    return _Links(left, right, parent)


@njit(cache=True, nogil=True)
def _preorder(links, root):
    """Nodes in depth-first order: neighbours in the order are neighbours in the tree, and in the cache."""
    left, right, _ = links
    order = np.empty(left.shape[0], np.int64)
    stack = np.empty(left.shape[0], np.int64)
    stack[0] = root
    top, count = 1, 0
    while top > 0:
        top -= 1
        node = stack[top]
        order[count] = node
        count += 1
        if left[node] >= 0:
            stack[top], stack[top + 1] = right[node], left[node]
            top += 2
    return order


@njit(cache=True, nogil=True)
def _wholly(links, children_first, items):
    """The nodes of which all items are among those given, larger ones last."""
    left, right, _ = links
    chosen = np.zeros(left.shape[0], np.bool_)
    chosen[items] = True
    for node in children_first:
        if left[node] >= 0:
            chosen[node] = chosen[left[node]] and chosen[right[node]]
    return children_first[chosen[children_first]]


@njit(cache=True, nogil=True)
def _merges(links, root):
    left, right, _ = links
    n = (left.shape[0] + 1) // 2
    number = np.arange(left.shape[0])
    merges = np.empty((n - 1, 2), np.int64)
    count = 0
    for node in _preorder(links, root)[::-1]:
        if left[node] >= 0:
            a, b = number[left[node]], number[right[node]]
            merges[count, 0], merges[count, 1] = min(a, b), max(a, b)
            number[node] = n + count
            count += 1
    return merges


@njit(cache=True, nogil=True)
def _totals(links, children_first, sizes, offsets, features, scale, graph):
    """Sums of every node, from the sizes, offsets and features of the items."""
    left, right, _ = links
    m = left.shape[0]
    d = features.shape[1]
    size = np.empty(m)
    offset = np.empty(m)
    sums = np.empty((m, d), np.int32)
    cross = np.zeros(m)
    for node in children_first:
        if left[node] < 0:
            size[node] = sizes[node]
            offset[node] = offsets[node]
            sums[node] = features[node]
        else:
            a, b = left[node], right[node]
            size[node] = size[a] + size[b]
            offset[node] = offset[a] + offset[b]
            for k in range(d):
                sums[node, k] = sums[a, k] + sums[b, k]
            cross[node] = size[a] * offset[b] + offset[a] * size[b] + scale.scale * dot(sums[a], sums[b])
    if graph.indptr.shape[0] > 1:
        _add_graph_cross(links, children_first, cross, graph)
    return _Sums(size, offset, sums, cross)


@njit(cache=True, nogil=True)
def _add_graph_cross(links, children_first, cross, graph):
    """Add each edge's weight to the cross similarity of its end points' lowest common ancestor."""
    left, right, parent = links
    indptr, indices, weights = graph
    m = left.shape[0]
    n = (m + 1) // 2
    # Depth-first entry and exit times turn "is j below a?" into two comparisons.
    first = np.full(m, m, np.int64)
    last = np.full(m, -1, np.int64)
    time = 0
    for node in children_first:
        if left[node] < 0:
            first[node] = last[node] = time
            time += 1
        else:
            first[node] = min(first[left[node]], first[right[node]])
            last[node] = max(last[left[node]], last[right[node]])
    for i in range(n):
        for e in range(indptr[i], indptr[i + 1]):
            j = indices[e]
            if j > i:
                a = parent[i]
                while first[j] < first[a] or first[j] > last[a]:
                    a = parent[a]
                cross[a] += weights[e]


@njit(cache=True, nogil=True)
def _pass(links, sums, root, order, graph, scale):
    """One pass over the subtrees in `order`; each goes to its best place. Changes the tree in place."""
    left, right, parent = links
    size, offset, features, cross = sums
    m = left.shape[0]
    marks, stack = _scratch(m)
    mark, linked, edge, known = marks
    gained = 0.0
    stamp = 0
    for node in order:
        p = parent[node]
        if p < 0:
            continue
        stamp += 1
        x = _Subtree(size[node], offset[node], features[node])
        if graph.indptr.shape[0] > 1:
            _link(node, links, graph, stack.node, marks, stamp)

        # The cost of where the subtree is: the terms that it adds along its root path.
        s = left[p] if right[p] == node else right[p]
        sim_s = _similarity(x, s, sums, scale, marks, stamp)
        now = (size[s] + x.n) * sim_s
        mark[p] = stamp
        child, a = p, parent[p]
        while a >= 0:
            mark[a] = stamp
            b = left[a] if right[a] == child else right[a]
            sim = known[b] = _similarity(x, b, sums, scale, marks, stamp)
            now += x.n * (cross[a] - sim) + size[a] * sim
            child, a = a, parent[a]

        sim = (
            x.n * (offset[root] - x.offset)
            + x.offset * (size[root] - x.n)
            + scale.scale * (dot(x.features, features[root]) - dot(x.features, x.features))
        )
        if linked[root] == stamp:
            sim += edge[root]
        start, least = s if p == root else root, now * (1.0 - _ROUNDING)
        best, target = _best_graft(start, sim, least, x, p, s, sim_s, links, sums, scale, marks, stamp, stack)
        if target < 0 or target == s:
            continue
        gained += now - best
        root = _regraft(x, node, p, s, target, links, sums, root, scale, marks, stamp)
    return root, gained


@njit(cache=True, nogil=True)
def _scratch(m):
    marks = _Marks(np.zeros(m, np.int64), np.zeros(m, np.int64), np.zeros(m), np.zeros(m))
    return marks, _Stack(np.empty(m, np.int64), np.empty(m), np.empty(m))


@njit(cache=True, nogil=True)
def _best_graft(start, sim, best, x, p, s, sim_s, links, sums, scale, marks, stamp, stack):
    """Cheapest edge for a subtree x, if cheaper than `best`: (cost, node below the edge or -1).

    Where x is still in the tree its ancestors are marked, and looked at as they will be without x: p, its
    parent, is skipped in favour of s, its sibling. For a new x, p and s are -1 and nothing is marked.
    """
    left, right, _ = links
    size, cross = sums.size, sums.cross
    mark, known = marks.mark, marks.known
    stack_node, stack_cost, stack_sim = stack
    floor, peak = scale.floor, scale.peak
    n_x = x.n
    target = -1
    stack_node[0] = start
    stack_cost[0] = 0.0
    stack_sim[0] = sim
    top = 1
    while top > 0:
        top -= 1
        u, above, sim = stack_node[top], stack_cost[top], stack_sim[top]
        n_u = size[u]
        on_path = mark[u] == stamp
        if on_path:
            n_u -= n_x
        cost = above + (n_u + n_x) * sim
        if cost < best:
            best, target = cost, u
        if left[u] < 0 or _bound(above, sim, n_u, n_x, floor, peak) >= best:
            continue
        a, b = left[u], right[u]
        cross_u = cross[u]
        if on_path:
            if mark[b] == stamp:
                a, b = b, a
            sim_b = known[b]
            cross_u -= sim_b
            sim_a = sim - sim_b
            if a == p:
                a, sim_a = s, sim_s
        elif n_u > 512:
            # Large sums are far apart in memory: one product is enough, the other is the difference.
            if size[a] > size[b]:
                a, b = b, a
            sim_a = _similarity(x, a, sums, scale, marks, stamp)
            sim_b = sim - sim_a
        else:
            sim_a = _similarity(x, a, sums, scale, marks, stamp)
            sim_b = _similarity(x, b, sums, scale, marks, stamp)
        base = above + n_x * cross_u
        cost_a = base + (n_u + n_x) * sim_b
        cost_b = base + (n_u + n_x) * sim_a
        n_a = size[a] - n_x if mark[a] == stamp else size[a]
        bound_a = _bound(cost_a, sim_a, n_a, n_x, floor, peak)
        bound_b = _bound(cost_b, sim_b, n_u - n_a, n_x, floor, peak)
        if bound_a < bound_b:  # the more promising child is pushed last and so looked at first
            a, cost_a, sim_a, bound_a, b, cost_b, sim_b, bound_b = (
                b, cost_b, sim_b, bound_b, a, cost_a, sim_a, bound_a
            )  # fmt: skip
        if bound_a < best and sim_a > 0:
            stack_node[top], stack_cost[top], stack_sim[top] = a, cost_a, sim_a
            top += 1
        if bound_b < best and sim_b > 0:
            stack_node[top], stack_cost[top], stack_sim[top] = b, cost_b, sim_b
            top += 1
    return best, target


@njit(cache=True, nogil=True)
def _bound(above, sim, n_u, n_x, floor, peak):
    """Least cost of a graft at or below a node of n_u rows, as the module's docstring derives it."""
    even = floor * n_u * n_x
    rest = max(sim - even, 0.0)
    return above + even * (n_u + n_x) + rest * n_x + rest * rest / (2 * (peak - floor) * n_x)


@njit(cache=True, nogil=True)
def _grafts(links, sums, offsets, features, ties, scale):
    """Best edge for each new row, which is tied to the tree's items by the graph `ties`."""
    root = links.left.shape[0] - 1
    marks, stack = _scratch(root + 1)
    targets = np.empty(features.shape[0], np.int64)
    for i in range(features.shape[0]):
        if ties.indptr.shape[0] > 1:
            own = slice(ties.indptr[i], ties.indptr[i + 1])
            _climb(ties.indices[own], ties.weights[own], links.parent, marks, i + 1)
        x = _Subtree(1.0, offsets[i], features[i])
        sim = _similarity(x, root, sums, scale, marks, i + 1)
        _, targets[i] = _best_graft(
            root, sim, np.inf, x, -1, -1, 0.0, links, sums, scale, marks, i + 1, stack
        )
    return targets


@njit(cache=True, nogil=True)
def _link(x, links, graph, stack, marks, stamp):
    """Sum the edges that leave subtree x at every node that holds their other ends."""
    left, right, parent = links
    indptr, indices, weights = graph
    inside = marks.mark  # stamps x's own leaves here; the caller then stamps the ancestors of x
    stack[0] = x
    top = 1
    while top > 0:
        top -= 1
        u = stack[top]
        if left[u] < 0:
            inside[u] = stamp
        else:
            stack[top], stack[top + 1] = left[u], right[u]
            top += 2
    stack[0] = x
    top = 1
    while top > 0:
        top -= 1
        u = stack[top]
        if left[u] >= 0:
            stack[top], stack[top + 1] = left[u], right[u]
            top += 2
            continue
        for e in range(indptr[u], indptr[u + 1]):
            if inside[indices[e]] != stamp:
                _climb(indices[e : e + 1], weights[e : e + 1], parent, marks, stamp)


@njit(cache=True, nogil=True)
def _climb(leaves, weights, parent, marks, stamp):
    """Add the weights of edges to these leaves at the leaves and at all their ancestors, which it stamps."""
    linked, edge = marks.linked, marks.edge
    for i in range(leaves.shape[0]):
        a = leaves[i]
        while a >= 0:
            if linked[a] != stamp:
                linked[a] = stamp
                edge[a] = 0.0
            edge[a] += weights[i]
            a = parent[a]


@njit(cache=True, nogil=True, inline="always")  # called, it would count references to all the arrays
def _similarity(x, u, sums, scale, marks, stamp):
    """Of the subtree x and node u."""
    n_x, o_x, x_sum = x
    size, offset, features, _ = sums
    _, linked, edge, _ = marks
    total = n_x * offset[u] + o_x * size[u] + scale.scale * dot(x_sum, features[u])
    if linked[u] == stamp:
        total += edge[u]
    return total


@njit(cache=True, nogil=True)
def _regraft(x, node, p, s, u, links, sums, root, scale, marks, stamp):
    """Move subtree x (its node, parent p, sibling s) onto the edge above u; update the nodes on the way."""
    left, right, parent = links
    size, offset, features, cross = sums
    mark, known = marks.mark, marks.known
    n_x, o_x, x_sum = x
    d = features.shape[1]
    above_p = parent[p]
    # `meet`: the lowest node above both places. x changes sides there, unless u is above x or below s.
    same_side = mark[u] == stamp
    entry, meet = u, parent[u]
    while meet >= 0 and (mark[meet] != stamp or meet == p):
        same_side = same_side or meet == p
        entry, meet = meet, parent[meet]

    parent[s] = above_p
    if above_p < 0:
        root = s
    elif left[above_p] == p:
        left[above_p] = s
    else:
        right[above_p] = s
    child, a = s, above_p
    while a != meet:
        size[a] -= n_x
        offset[a] -= o_x
        for k in range(d):
            features[a, k] -= x_sum[k]
        b = left[a] if right[a] == child else right[a]
        cross[a] -= known[b]
        child, a = a, parent[a]
    if meet >= 0 and not same_side:
        cross[meet] += _similarity(x, child, sums, scale, marks, stamp) - known[entry]

    above_u = parent[u]
    parent[p] = above_u
    if above_u < 0:
        root = p
    elif left[above_u] == u:
        left[above_u] = p
    else:
        right[above_u] = p
    left[p], right[p] = u, node
    parent[u] = parent[node] = p
    size[p] = size[u] + n_x
    offset[p] = offset[u] + o_x
    for k in range(d):
        features[p, k] = features[u, k] + x_sum[k]
    cross[p] = _similarity(x, u, sums, scale, marks, stamp)
    child, a = p, above_u
    while a != meet:
        b = left[a] if right[a] == child else right[a]
        cross[a] += _similarity(x, b, sums, scale, marks, stamp)
        size[a] += n_x
        offset[a] += o_x
        for k in range(d):
            features[a, k] += x_sum[k]
        child, a = a, parent[a]
    return root

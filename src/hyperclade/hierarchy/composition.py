"""One tree over all rows, from trees over pre-clusters, inside them and over equal rows; adding leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hyperclade.hierarchy.rows import Distinct
from hyperclade.hierarchy.search import improve
from hyperclade.hierarchy.similarity import Similarity
from hyperclade.trees.tree import Tree, canonical_order

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_PASSES = 4  # over new leaves: where one belongs depends a little on where the others are
_SETTLED = 1e-4  # of the cost: what a pass over all must gain to be followed by another
_LEAST_HEIGHT = 1e-12
_JUST_ABOVE = 1 + 2.0**-30


@dataclass(frozen=True, eq=False)
class Composed:
    """A tree over rows, and where the nodes of what it is made of are in it.

    tree : Tree over n rows.
    item_node : (2K-1,) int64, node of the tree of each node of the upper tree over K parts, or items.
    """

    tree: Tree
    item_node: IntArray


def compose(
    top: IntArray,
    parts: list[IntArray] | None,
    subtrees: list[IntArray] | None,
    cross: FloatArray,
    distinct: Distinct,
    *,
    least: float,
    peak: float,
) -> Composed:
    """The tree over all rows, in canonical numbering, with heights.

    Parameters
    ----------
    top : (K-1, 2) int64
        Merges over the parts, or over all items.
    parts, subtrees : K arrays of int64, or None
        Items of each part, and the merges over these.
    cross : (m-1,) float64
        Similarity of all pairs of rows across each merge: subtree by subtree, then of `top`.
    distinct : Distinct
        Rows of the m items.
    least : float
        What sides without any similarity count as sharing, so that such a merge has a height too.
    peak : float
        The largest similarity there is, of equal rows: height 0.
    """
    m = len(distinct)
    if parts is None or subtrees is None:
        merges, nodes = top, np.arange(2 * m - 1)
    else:
        merges, nodes = _joined(top, parts, subtrees, m)
    sizes = distinct.sizes.astype(np.float64)
    heights = merge_heights(merges, cross, sizes, least, peak)
    members, start = distinct.members
    parent, root_of = _with_equal_rows(merges, members, start)
    height = np.zeros(len(parent))
    height[root_of[m:]] = heights
    order = canonical_order(parent, height)
    rank = np.empty(len(order) + 1, dtype=np.int64)
    rank[order] = np.arange(len(order))
    rank[-1] = -1
    tree = Tree(rank[parent[order]], height[order])
    return Composed(tree, rank[root_of[nodes]])


def with_leaves(
    merges: IntArray, items: Similarity, old: IntArray, added: IntArray, *, settle: bool
) -> IntArray:
    """The tree with new items grafted on it, each on its best edge.

    Parameters
    ----------
    merges : (k-1, 2) int64
        Over the old items.
    items : Similarity
        Of old and new items together.
    old : (k,) int64
        Number among `items` of each old one.
    added : (b,) int64
        Numbers of the new ones.
    settle : bool
        Whether the old ones may then move where that pays.
    """
    k, total = len(old), len(items)
    if not len(added):
        return np.r_[old, np.arange(total, 2 * total - 1)][merges]
    node = np.r_[old, np.arange(total, total + k - 1)]
    # First hung one above the other over the root, from where each then moves to its place.
    roots = np.r_[node[-1], np.arange(total + k - 1, 2 * total - 2)]
    chained = np.r_[node[merges].reshape(-1, 2), np.stack([roots, added], axis=1)]
    grafted = improve(chained, items, max_passes=_PASSES, only=added)
    return improve(grafted, items, tolerance=_SETTLED) if settle else grafted


@njit(cache=True)
def merge_heights(merges, cross, sizes, least, peak):
    """−log of the mean similarity between the sides of each merge as a share of the peak, `(k-1,) float64`.

    A merge of more similar sides than one below it lies just above that.

    Parameters
    ----------
    merges : (k-1, 2) int64
    cross : (k-1,) float64
        Similarity of all pairs across each merge.
    sizes : (k,) float64
        Rows in each item.
    least, peak : float
        See `compose`.

    >>> merge_heights(np.array([[0, 1], [2, 3]]), np.array([0.5, 0.5]), np.ones(3), 1e-9, 1.0).round(3)
    array([0.693, 1.386])
    """
    k = merges.shape[0] + 1
    size = np.ones(2 * k - 1)
    size[:k] = sizes
    height = np.zeros(2 * k - 1)
    for i in range(k - 1):
        a, b = merges[i]
        size[k + i] = size[a] + size[b]
        mean = max(cross[i], least) / (size[a] * size[b])
        # Rounded, as the last digits of a logarithm differ between processors; 0 is for equal rows alone.
        own = max(np.round(-np.log(min(mean / peak, 1.0)) / _LEAST_HEIGHT) * _LEAST_HEIGHT, _LEAST_HEIGHT)
        below = max(height[a], height[b])
        height[k + i] = own if own >= below else below * _JUST_ABOVE
    return height[k:]


def _joined(
    top: IntArray, parts: list[IntArray], subtrees: list[IntArray], m: int
) -> tuple[IntArray, IntArray]:
    """Merges over all items from those inside and over the parts; the node of each node of `top`."""
    merges = []
    roots = np.empty(len(parts), dtype=np.int64)
    made = m
    for k, (rows, inner) in enumerate(zip(parts, subtrees, strict=True)):
        merges.append(np.r_[rows, np.arange(made, made + len(inner))][inner])
        made += len(inner)
        roots[k] = made - 1 if len(inner) else rows[0]
    nodes = np.r_[roots, np.arange(made, made + len(top))]
    return np.concatenate([*merges, nodes[top]]).reshape(-1, 2), nodes


@njit(cache=True)
def _with_equal_rows(merges, members, start):
    """Parents over rows, with a balanced subtree for the rows of each item; node of each node of `merges`."""
    m, n = merges.shape[0] + 1, members.shape[0]
    parent = np.full(2 * n - 1, -1, np.int64)
    node = np.empty(2 * m - 1, np.int64)
    made = n
    level = np.empty(n, np.int64)
    for item in range(m):
        count = start[item + 1] - start[item]
        level[:count] = members[start[item] : start[item + 1]]
        while count > 1:
            kept = 0
            for at in range(0, count - 1, 2):
                parent[level[at]] = parent[level[at + 1]] = made
                level[kept] = made
                made += 1
                kept += 1
            if count % 2:
                level[kept] = level[count - 1]
                kept += 1
            count = kept
        node[item] = level[0]
    for i in range(m - 1):
        parent[node[merges[i, 0]]] = parent[node[merges[i, 1]]] = made
        node[m + i] = made
        made += 1
    return parent, node

"""One tree over all rows, from trees over pre-clusters, inside them and over equal rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numba import njit

from hyperclade.environment import IntArray
from hyperclade.hierarchy.search import merge_costs
from hyperclade.hierarchy.similarity import AnySimilarity, GraphSimilarity, Similarity
from hyperclade.trees.tree import Tree, canonical_order

_LEAST_HEIGHT = 1e-12
_JUST_ABOVE = 1 + 2.0**-30


@dataclass(frozen=True, eq=False)
class Nested:
    """A binary tree over parts and one inside each; or, without parts, a tree over all items.

    Attributes
    ----------
    top : (K-1, 2) int64
        Merges over the K parts, or over all items.
    parts : list of array of int or None
        K arrays of int64, the items of each part, or None.
    subtrees : list of array of int
        K arrays of int64, the merges over these.
    """

    top: IntArray
    parts: list[IntArray] | None = None
    subtrees: list[IntArray] = field(default_factory=list)

    @cached_property
    def part_of_item(self) -> IntArray:
        """Part of each item, `(m,)`."""
        assert self.parts is not None
        part = np.empty(sum(map(len, self.parts)), dtype=np.int64)
        for k, rows in enumerate(self.parts):
            part[rows] = k
        return part

    def items(self, weights: AnySimilarity) -> Similarity:
        """Similarity between the parts, or between all items."""
        if self.parts is None:
            return weights.items()
        return weights.groups(self.part_of_item, len(self.parts))


@dataclass(frozen=True, eq=False)
class Composed:
    """A tree over rows, and where the nodes of what it is made of are in it.

    Attributes
    ----------
    tree : Tree
        Tree over n rows.
    item_node : (2K-1,) int64
        Node of the tree of each node of the upper tree over K parts, or items.
    """

    tree: Tree
    item_node: IntArray


def compose(nested: Nested, items: Similarity, weights: AnySimilarity) -> Composed:
    """The tree over all rows, in canonical numbering, with heights.

    Parameters
    ----------
    nested : Nested
    items : Similarity
        Between its parts, or all items.
    weights : similarity of the rows
    """
    distinct = weights.distinct
    m = len(distinct)
    cross = [merge_costs(nested.top, items)[1]]
    if nested.parts is None:
        merges, nodes = nested.top, np.arange(2 * m - 1)
    else:
        inner = zip(nested.subtrees, nested.parts, strict=True)
        cross = [merge_costs(below, weights.items(part))[1] for below, part in inner] + cross
        merges, nodes = _joined(nested.top, nested.parts, nested.subtrees, m)
    # What sides without any similarity count as sharing, so that such a merge has a height too.
    least = 0.25 if isinstance(weights, GraphSimilarity) else 1e-9
    heights = merge_heights(
        merges, np.concatenate(cross), distinct.sizes.astype(np.float64), least, items.peak
    )
    parent, root_of = _with_equal_rows(merges, *distinct.members)
    height = np.zeros(len(parent))
    height[root_of[m:]] = heights
    order = canonical_order(parent, height)
    rank = np.empty(len(order) + 1, dtype=np.int64)
    rank[order] = np.arange(len(order))
    rank[-1] = -1
    tree = Tree(rank[parent[order]], height[order])
    return Composed(tree, rank[root_of[nodes]])


@njit(cache=True)
def larger_side(parent, size, n):
    """The one of n leaves under each node that is reached by always taking the larger child, `(m,)`.

    >>> larger_side(np.array([3, 3, 4, 4, -1]), np.array([1, 1, 1, 2, 3]), 3).tolist()
    [0, 1, 2, 0, 0]
    """
    leaf = np.arange(parent.shape[0])
    largest = np.zeros(parent.shape[0])
    for node in range(parent.shape[0] - 1):
        p = parent[node]
        if size[node] > largest[p]:
            largest[p] = size[node]
            leaf[p] = leaf[node]
    return leaf


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
    least : float
        What sides without any similarity count as sharing.
    peak : float
        The largest similarity there is, of equal rows: height 0.

    Examples
    --------
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

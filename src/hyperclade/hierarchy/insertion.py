"""Where new rows belong in a tree over items, and adding them to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from hyperclade.environment import FloatArray, IntArray
from hyperclade.hierarchy.composition import Nested
from hyperclade.hierarchy.neighbours import NeighbourIndex
from hyperclade.hierarchy.rows import Distinct
from hyperclade.hierarchy.search import best_grafts, improve
from hyperclade.hierarchy.similarity import AnySimilarity, GraphSimilarity, Similarity

_PASSES = 4  # over new leaves: where one belongs depends a little on where the others are
_SETTLED = 1e-4  # of the cost: what a pass over all must gain to be followed by another
_ORDINARY = 0.99  # share of the rows that are no outliers
_NO_EDGES = scipy.sparse.csr_matrix((0, 0), dtype=np.float32)


@dataclass(frozen=True)
class Assignment:
    """Where new rows belong in a hierarchy, see `SHHC.assign`.

    Attributes
    ----------
    labels : (b,) int64
        Label of the cluster.
    confidence : (b,) float64 in [0, 1]
        Share of the nearest rows that lie in that cluster, near ones counting more.
    outlier : (b,) bool
        Whether the row is farther from its neighbours than 99 % of the fitted rows are from theirs.
    nearest : (b,) int64
        The nearest fitted row.
    leaf : (b,) int64
        The fitted row whose labels the new one has, in this cut and every other.
    """

    labels: IntArray
    confidence: FloatArray
    outlier: NDArray[np.bool_]
    nearest: IntArray
    leaf: IntArray


class Neighbourhood:
    """The neighbours that fitted items are for new rows, and how far neighbours ordinarily are.

    Parameters
    ----------
    index : NeighbourIndex
        Index of the items.
    distances : (m, k) float32
        Squared distances of each item's own neighbours, nearest first.
    distinct : Distinct
    n_neighbors : int
    """

    def __init__(
        self, index: NeighbourIndex, distances: NDArray[np.float32], distinct: Distinct, n_neighbors: int
    ) -> None:
        farthest = distances[:, -1] if distances.shape[1] else np.zeros(1)
        self.reach = float(np.quantile(farthest, _ORDINARY))
        self.index, self.distinct, self.n_neighbors = index, distinct, n_neighbors

    def assignment(self, X: Any, leaf: IntArray, labels: IntArray) -> Assignment:
        """Of new rows X `(b, d)` at these leaves `(b,)` of a tree whose fitted rows have labels `(n,)`."""
        index, distinct = self.index, self.distinct
        found, distance = index.of(index.rows.of(X), min(self.n_neighbors, len(index.rows)))
        near = distinct.first[np.maximum(found, 0)]
        weight = self._weights(np.where(found >= 0, distinct.sizes[np.maximum(found, 0)], 0))
        own = labels[leaf]
        confidence = (weight * (labels[near] == own[:, None])).sum(axis=1) / weight.sum(axis=1)
        return Assignment(own, confidence, distance[:, -1] > self.reach, near[:, 0], leaf)

    def _weights(self, sizes: IntArray) -> FloatArray:
        """What items of so many rows `(b, m)`, nearest first, weigh: the row of rank r < k ``1 − r/k``."""
        k = min(self.n_neighbors, len(self.distinct.item_of))
        last = np.minimum(np.cumsum(sizes, axis=1), k)
        up_to = last - last * (last - 1) / (2 * k)
        return np.diff(up_to, axis=1, prepend=0)


def best_nodes(
    X: Any, nested: Nested, items: Similarity, weights: AnySimilarity, n_neighbors: int
) -> IntArray:
    """Node of the upper tree above which each new row X `(b, d)` makes it cheapest, `(b,) int64`.

    Parameters
    ----------
    items : Similarity
        Between the parts, or the items, of `nested`.
    weights : similarity of the fitted rows
    n_neighbors : int
        Neighbours of a new row, for a graph.
    """
    if not isinstance(weights, GraphSimilarity):
        return best_grafts(nested.top, items, *weights.of(X), _NO_EDGES)
    ties = weights.ties(X, n_neighbors)
    if nested.parts is not None:
        part = nested.part_of_item
        pick = (np.ones(len(part), np.float32), (np.arange(len(part)), part))
        ties = (ties @ scipy.sparse.csr_matrix(pick, shape=(len(part), len(nested.parts)))).tocsr()
    offsets, features = np.zeros(X.shape[0]), np.zeros((X.shape[0], 0), np.int32)
    if weights.dense is not None:
        offsets, features = weights.dense.of(X)
        offsets = offsets * weights.dense_weight
    return best_grafts(nested.top, items, offsets, features, ties)


def with_rows(
    nested: Nested, weights: AnySimilarity, before: Distinct, leaf: IntArray, *, settle: bool
) -> tuple[Nested, Similarity]:
    """The tree over old and new rows, and the similarity between its parts.

    Parameters
    ----------
    nested : Nested
        Over the items of the old rows.
    weights : similarity of all rows, the new ones last
    before : Distinct
        The old rows, equal ones once.
    leaf : (b,) int64
        The old row in whose part each new one goes.
    settle : bool
        Whether old items may then move where that pays.
    """
    now = weights.distinct
    old = now.item_of[before.first]  # what the items are called now
    is_new = np.ones(len(now), dtype=bool)
    is_new[old] = False
    added = np.flatnonzero(is_new)
    if nested.parts is None:
        items = weights.items()
        return Nested(_with_leaves(nested.top, items, old, added, settle=settle)), items
    # The part that holds the place of an added item, or of the first of the rows equal to it.
    part = nested.part_of_item[before.item_of[leaf[now.first[added] - len(before.item_of)]]]
    parts, subtrees = [], []
    for k, (own, merges) in enumerate(zip(nested.parts, nested.subtrees, strict=True)):
        more = added[part == k]
        rows = np.r_[old[own], more]
        if len(more):
            within = np.arange(len(rows))
            of_part = weights.items(rows)
            merges = _with_leaves(merges, of_part, within[: len(own)], within[len(own) :], settle=settle)
        parts.append(rows)
        subtrees.append(merges)
    grown = Nested(nested.top, parts, subtrees)
    items = grown.items(weights)
    return (Nested(improve(grown.top, items), parts, subtrees) if settle else grown), items


def _with_leaves(
    merges: IntArray, items: Similarity, old: IntArray, added: IntArray, *, settle: bool
) -> IntArray:
    """The tree with new items grafted on it, each on its best edge.

    `merges` `(k-1, 2)` is over the old items, whose numbers among `items` are `old` `(k,)`; `added` `(b,)`
    are those of the new ones.
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

"""Pairwise similarities of rows whose sums over sets of rows are cheap.

- **knn**, the default: a graph of the 20 nearest neighbours. A neighbour weighs the mean of its rank (the
  nearest 1, the next 19/20, … 1/20) and of the share of neighbours that both rows have in common; a pair
  weighs the mean of its two directions. Where the graph leaves open what belongs together, a weak dense
  similarity ``(1 + cos) / 2`` of the rows' directions decides, whose sum over all pairs is a tenth of the
  graph's.
- **cosine**: ``w = (1 + cos) / 2``, the papers' choice. Dense: far pairs weigh as much as near ones.
- **euclidean**: ``w = 1 − ‖x − y‖² / 4R²`` of centred rows of length R at most, in [0, 1]. Dense.
- **softmax**: ``w = exp(−‖x − y‖² / 2τ)`` of rows prepared for the metric; of directions that is
  ``exp((cos − 1) / τ)``.

Sums are cheap because ``w(A, B) = n_A·o_B + n_B·o_A + ⟨S_A, S_B⟩ + edges between A and B``, where S is a sum
of feature vectors and o a sum of one more number per row. So trees are searched on sums, of whole numbers,
which are the same in any order and on every processor.

Equal rows are one item of several rows: as similar as rows can be, and with all neighbours in common.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import scipy.sparse
from numba import njit
from numpy.typing import NDArray

from hyperclade.environment import FloatArray, IntArray
from hyperclade.hierarchy.graphs import group_graph, neighbour_graph, part_graph
from hyperclade.hierarchy.kernel_features import KernelFeatures
from hyperclade.hierarchy.neighbours import DEFAULT_RECALL, NeighbourIndex
from hyperclade.hierarchy.rows import Distinct, Metric, Rows, scale_to_unit

SimilarityName = Literal["knn", "cosine", "euclidean", "softmax"]

SIMILARITIES = ("knn", "cosine", "euclidean", "softmax")
N_NEIGHBORS = 20
DENSE_SHARE = 0.1  # of the graph's total that the dense part of "knn" adds
N_PIVOTS = 512
_PIVOT_SAMPLE = 4096
_EXACT_SEARCH = 5_000  # items up to which the search's bounds hold for every single pair
_FINEST = 2**15  # whole number that stands for a feature of 1, at most
_LARGEST_SUM = 2**31 - 1  # of a whole number over all rows

_NO_EDGES = scipy.sparse.csr_matrix((0, 0), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Similarity:
    """Similarities between n items, each of one row or more.

    Attributes
    ----------
    sizes : (n,) float64
        Rows in each item.
    offsets : (n,) float64
        Sum over an item's rows of what each adds to its similarity with any row.
    features : (n, d) int32
        Sum of the feature vectors of each item's rows; d = 0 for a pure graph.
    scale : float
        What a product of two features weighs.
    edges : (n, n) float32 CSR, symmetric, no diagonal
        Similarity between items beyond that, or (0, 0) for none.
    floor, peak : float
        No two rows are less, or more, similar than this: bounds for the search. Where a few pairs are, the
        search may miss their best places.
    """

    sizes: FloatArray
    offsets: FloatArray
    features: NDArray[np.int32]
    scale: float
    edges: scipy.sparse.csr_matrix
    floor: float
    peak: float

    def __len__(self) -> int:
        return len(self.sizes)

    @classmethod
    def from_matrix(cls, weights: Any) -> Similarity:
        """Of single rows with the given weights `(n, n)`, symmetric, in [0, 1].

        >>> len(Similarity.from_matrix(np.ones((3, 3))))
        3
        """
        edges = scipy.sparse.csr_matrix(np.asarray(weights, dtype=np.float32))
        edges.setdiag(0)
        edges.eliminate_zeros()
        n = edges.shape[0]
        return cls(np.ones(n), np.zeros(n), np.zeros((n, 0), np.int32), 0.0, edges, 0.0, 1.0)


class FeatureSimilarity:
    """Dense similarity ``w_ij = o_i + o_j + ⟨f(x_i), f(x_j)⟩`` of rows.

    Parameters
    ----------
    X : (n, d) array, memory map or CSR matrix, or Rows
    name : {"cosine", "euclidean", "softmax"}
    metric : {"cosine", "euclidean"}, optional
        Metric of "softmax", or of the rows whose directions "cosine" compares (centred ones under
        "euclidean"). Default: "euclidean" for "euclidean", else "cosine".
    temperature : float
        τ of "softmax".
    merge_equal : bool
        Whether equal rows are one item. Items then stand in an order of their content; see `distinct`.

    Attributes
    ----------
    rows : Rows, an item each
    distinct : Distinct
    """

    index: NeighbourIndex | None = None

    def __init__(
        self,
        X: Any,
        name: SimilarityName = "cosine",
        *,
        metric: Metric | None = None,
        temperature: float = 0.1,
        merge_equal: bool = True,
    ) -> None:
        if not temperature > 0:
            raise ValueError(f"temperature must be positive, got {temperature}")
        metric = metric or ("euclidean" if name == "euclidean" else "cosine")
        self._set(*_items_of(X, metric, merge_equal), name, temperature)

    @classmethod
    def over(cls, rows: Rows, distinct: Distinct, name: SimilarityName = "cosine") -> FeatureSimilarity:
        """Of items that are known already."""
        made = cls.__new__(cls)
        made._set(rows, distinct, name, 1.0)
        return made

    def _set(self, rows: Rows, distinct: Distinct, name: SimilarityName, temperature: float) -> None:
        self.rows, self.distinct, self.name, self.temperature = rows, distinct, name, temperature

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.distinct.item_of)

    def features(self, items: slice | IntArray, dtype: type = np.float64) -> Any:
        """Feature vectors f(x), `(b, m)`, of the items asked for, exact but for the rounding of dtype."""
        if self.name == "softmax":
            values = self._kernel(self._points(self.rows, items))
        elif self.name == "euclidean":
            values = self.rows.read(items, np.float64) / (np.sqrt(2) * self._radius)
        else:
            values = self.rows.read(items, np.float64)
            if self.rows.metric == "euclidean":
                scale_to_unit(values)
            values *= np.sqrt(0.5)
        return values.astype(dtype, copy=False)

    def offsets(self, items: slice | IntArray, rows: Rows | None = None) -> FloatArray:
        """What each of the items adds to its similarity with any row, `(b,) float64`."""
        rows = rows or self.rows
        if self.name == "euclidean":
            return 0.5 - rows.squares(items) / (4 * self._radius**2)
        count = len(range(*items.indices(len(rows)))) if isinstance(items, slice) else len(items)
        return np.full(count, 0.25 if self.name == "cosine" else 0.0)

    def items(self, items: IntArray | None = None) -> Similarity:
        """Similarities between the items: all, or those asked for."""
        wanted = slice(None) if items is None else items
        sizes = self.distinct.sizes[wanted]
        features = self._whole(wanted) * sizes[:, None].astype(np.int32)
        return Similarity(
            sizes.astype(np.float64), self.offsets(wanted) * sizes, features, self._scale, _NO_EDGES,
            self.floor, 1.0,
        )  # fmt: skip

    def groups(self, labels: IntArray, n_groups: int) -> Similarity:
        """Similarities between the groups of items that `labels` `(m,)` in 0..n_groups-1 name."""
        sizes = self.distinct.sizes
        sums: Any = 0
        offsets = np.zeros(n_groups)
        for part in self.rows.blocks():
            whole = self._whole(part).astype(np.int64) * sizes[part, None]
            sums = sums + _pick(labels[part], n_groups) @ whole
            np.add.at(offsets, labels[part], self.offsets(part) * sizes[part])
        total: Any = np.bincount(labels, weights=sizes, minlength=n_groups)
        return Similarity(
            total, offsets, sums.astype(np.int32),
            self._scale, _NO_EDGES, self.floor, 1.0,
        )  # fmt: skip

    def of(self, X: Any) -> tuple[FloatArray, NDArray[np.int32]]:
        """Offsets `(b,)` and whole-number features `(b, d) int32` of new rows."""
        new = self.rows.of(X)
        return self.offsets(slice(None), new), self._whole(slice(None), new)

    @cached_property
    def whole_total(self) -> float:
        """Nearly `similarity_total`, from whole numbers, and so the same on every processor."""
        sizes = self.distinct.sizes
        sums: Any = 0
        own, offsets = 0, 0.0
        for part in self.rows.blocks():
            whole = self._whole(part).astype(np.int64)
            sums = sums + sizes[part] @ whole
            own += int(sizes[part] @ (whole * whole).sum(axis=1))
            offsets += float(np.add.accumulate(self.offsets(part) * sizes[part])[-1])
        products = sum(int(value) ** 2 for value in sums) - own
        return (len(self) - 1) * offsets + self._scale * products / 2

    @cached_property
    def floor(self) -> float:
        """Similarity that 99 % of sampled pairs of items reach; 0 up to 5,000 items."""
        n = len(self.rows)
        if n <= _EXACT_SEARCH:
            return 0.0
        chosen = np.arange(2000)  # as good as random: items stand in an order of their content's hash
        whole, offsets = self._whole(chosen).astype(np.float64), self.offsets(chosen)
        sample = whole[::2] @ whole[1::2].T * self._scale + offsets[::2, None] + offsets[1::2]
        return max(float(np.quantile(sample, 0.01)), 0.0)

    @cached_property
    def _unit(self) -> float:
        """Whole number that stands for a feature of 1, so small that sums over all rows stay in range."""
        return float(min(_FINEST, _LARGEST_SUM // len(self)))

    @cached_property
    def _scale(self) -> float:
        return (1.0 if self.name == "softmax" else 0.5) / self._unit**2

    def _whole(self, items: slice | IntArray, rows: Rows | None = None) -> NDArray[np.int32]:
        """Feature vectors as whole numbers, `(b, d) int32`; of wide sparse rows from their sketch."""
        rows = rows or self.rows
        if self.name == "softmax":
            values = self._kernel(self._points(rows, items))
        elif self.name == "euclidean":
            values = rows.sketch(items) / self._radius
        else:
            values = rows.directions(items)
        return np.rint(values * self._unit).astype(np.int32)

    def _points(self, rows: Rows, items: slice | IntArray) -> FloatArray:
        """What the kernel compares."""
        return rows.directions(items) if rows.metric == "cosine" else rows.sketch(items)

    @cached_property
    def _radius(self) -> float:
        """Length of the longest row."""
        longest = max(float(self.rows.squares(part).max()) for part in self.rows.blocks())
        return float(np.float32(np.sqrt(longest) * (1 + 2**-20))) or 1.0

    @cached_property
    def _kernel(self) -> KernelFeatures:
        sample = slice(0, min(len(self.rows), _PIVOT_SAMPLE))
        return KernelFeatures(self._points(self.rows, sample), self.temperature, N_PIVOTS)


class GraphSimilarity:
    """Similarity given by the edges of a symmetric graph over items, and a weak dense one beside it.

    Rows of one item have similarity 1 in the graph.

    Parameters
    ----------
    edges : (m, m) float32 CSR, symmetric, no diagonal, weights in (0, 1]
        Between each pair of rows of two items.
    distinct : Distinct, optional
        Rows of the items; default one each.
    dense : FeatureSimilarity over the same items, optional
    dense_weight : float
    index, neighbours, distances : NeighbourIndex, (m, k) int32 and (m, k) float32, optional
        What connects new rows: the neighbours of each item, nearest first, and their squared distances.
    """

    name = "knn"

    def __init__(
        self,
        edges: scipy.sparse.csr_matrix,
        distinct: Distinct | None = None,
        *,
        dense: FeatureSimilarity | None = None,
        dense_weight: float = 0.0,
        index: NeighbourIndex | None = None,
        neighbours: NDArray[np.int32] | None = None,
        distances: NDArray[np.float32] | None = None,
    ) -> None:
        m = edges.shape[0]
        self.edges = edges
        self.distinct = distinct or Distinct(np.arange(m), np.arange(m))
        self.dense = dense
        self.dense_weight = dense_weight if dense is not None else 0.0
        self.index = index
        self.neighbours = neighbours
        self.distances = distances

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.distinct.item_of)

    @property
    def rows(self) -> Rows:
        assert self.index is not None
        return self.index.rows

    def items(self, items: IntArray | None = None) -> Similarity:
        """Similarities between the items: all, or those asked for."""
        wanted = slice(None) if items is None else items
        sizes = self.distinct.sizes[wanted].astype(np.float64)
        edges = self.edges if items is None else part_graph(self.edges, items)
        dense = self.dense.items(items) if self.dense is not None else None
        return self._joined(sizes, _times_sizes(edges, sizes), dense)

    def groups(self, labels: IntArray, n_groups: int) -> Similarity:
        """Similarities between the groups of items that `labels` `(m,)` in 0..n_groups-1 name."""
        sizes = self.distinct.sizes.astype(np.float64)
        edges = group_graph(self.edges, sizes, labels, n_groups)
        dense = self.dense.groups(labels, n_groups) if self.dense is not None else None
        total: Any = np.bincount(labels, weights=sizes, minlength=n_groups)
        return self._joined(total, edges, dense)

    def ties(self, X: Any, n_neighbors: int) -> scipy.sparse.csr_matrix:
        """Edges of new rows X `(b, d)` to the items, `(b, m)` CSR, as a fresh graph would weigh them.

        The neighbours are the row's nearest items; they rank it among their own, as it ranks them.
        """
        assert self.index is not None and self.neighbours is not None and self.distances is not None
        b, m = X.shape[0], len(self.rows)
        if self.neighbours.shape[1] == 0:
            return scipy.sparse.csr_matrix((b, m), dtype=np.float32)
        found, distance = self.index.of(self.rows.of(X), min(n_neighbors, m))
        weights = _ties(found, distance, self.neighbours, self.distances)
        row, at = np.nonzero(found >= 0)
        item = found[row, at]
        weight = (weights[row, at] * self.distinct.sizes[item]).astype(np.float32)
        return scipy.sparse.csr_matrix((weight, (row, item)), shape=(b, m))

    @cached_property
    def graph_total(self) -> float:
        """Sum of the edges between rows of different items."""
        sizes = self.distinct.sizes.astype(np.float64)
        return float(_times_sizes(self.edges, sizes).sum(dtype=np.float64)) / 2

    def _joined(
        self, sizes: FloatArray, edges: scipy.sparse.csr_matrix, dense: Similarity | None
    ) -> Similarity:
        edges = edges.astype(np.float32)
        if dense is None:
            n = len(sizes)
            return Similarity(sizes, np.zeros(n), np.zeros((n, 0), np.int32), 0.0, edges, 0.0, 1.0)
        weight = self.dense_weight
        return Similarity(
            sizes, dense.offsets * weight, dense.features, dense.scale * weight, edges,
            dense.floor * weight, 1.0 + weight,
        )  # fmt: skip


AnySimilarity = FeatureSimilarity | GraphSimilarity


def knn_graph(
    X: Any,
    n_neighbors: int = N_NEIGHBORS,
    *,
    metric: Metric = "euclidean",
    dense_share: float = DENSE_SHARE,
    recall: float = DEFAULT_RECALL,
    random_state: int = 0,
    merge_equal: bool = True,
    progress: Any = lambda _: None,
) -> GraphSimilarity:
    """The "knn" similarity of the rows of X: weighted neighbours and a weak dense part.

    The neighbour of rank r = 0, 1, … k−1 of a row weighs ``(1 − r/k)/2 + c/(2k + 2)``, where c rows are both
    the row or a neighbour of it and the neighbour or one of its own (Jarvis & Patrick 1973).

    Parameters
    ----------
    X : (n, d) array, memory map or CSR matrix, or Rows
    n_neighbors : int
        k, of distinct rows; fewer where there are fewer.
    metric : {"euclidean", "cosine"}
    dense_share : float
        Total of the dense part, as a share of that of the graph; 0: none.
    recall : float
        See `NeighbourIndex`.
    random_state : int
    merge_equal : bool
        Whether equal rows are one item.

    Examples
    --------
    >>> graph = knn_graph(np.array([[0.0], [1.0], [5.0]]), 2, dense_share=0, merge_equal=False)
    >>> graph.edges.toarray().tolist()
    [[0.0, 1.0, 0.75], [1.0, 0.0, 0.875], [0.75, 0.875, 0.0]]
    """
    if n_neighbors < 1:
        raise ValueError(f"n_neighbors must be at least 1, got {n_neighbors}")
    if not dense_share >= 0:
        raise ValueError(f"dense_share must not be negative, got {dense_share}")
    rows, distinct = _items_of(X, metric, merge_equal)
    index = NeighbourIndex(rows, recall=recall, random_state=random_state)
    m = len(rows)
    k = min(n_neighbors, m - 1)
    if k == 0:
        return GraphSimilarity(
            scipy.sparse.csr_matrix((m, m), dtype=np.float32), distinct, index=index,
            neighbours=np.empty((m, 0), np.int32), distances=np.empty((m, 0), np.float32),
        )  # fmt: skip
    found, distances = index.own(k, progress)
    edges = neighbour_graph(found)
    graph = GraphSimilarity(edges, distinct, index=index, neighbours=found, distances=distances)
    if dense_share > 0:
        dense = FeatureSimilarity.over(rows, distinct)
        if dense.whole_total > 0:
            graph.dense, graph.dense_weight = dense, dense_share * graph.graph_total / dense.whole_total
    return graph


def similarity_of(
    X: Any,
    name: SimilarityName,
    *,
    metric: Metric | None = None,
    n_neighbors: int = N_NEIGHBORS,
    temperature: float = 0.1,
    recall: float = DEFAULT_RECALL,
    random_state: int = 0,
    merge_equal: bool = True,
    progress: Any = lambda _: None,
) -> AnySimilarity:
    """The named similarity of the rows of X.

    Parameters
    ----------
    X : (n, d) array, memory map or CSR matrix, or Rows
        Finite.
    name : {"knn", "cosine", "euclidean", "softmax"}
    metric : {"euclidean", "cosine"}, optional
        For "knn" and "softmax"; default "euclidean".
    n_neighbors : int
        Neighbours of a row, for "knn".
    temperature : float
        τ of "softmax".
    recall, random_state : float, int
        Those of the neighbour index, for "knn".
    merge_equal : bool
        Whether equal rows are one item.

    Raises
    ------
    ValueError
        For an unknown name or a parameter out of range.

    Examples
    --------
    >>> similarity_of(np.eye(3), "cosine").items().offsets.tolist()
    [0.25, 0.25, 0.25]
    """
    if name not in SIMILARITIES:
        raise ValueError(f"similarity must be one of {', '.join(SIMILARITIES)}, got {name!r}")
    if name == "knn":
        return knn_graph(
            X, n_neighbors, metric=metric or "euclidean", recall=recall, random_state=random_state,
            merge_equal=merge_equal, progress=progress,
        )  # fmt: skip
    own_metric = (metric or "euclidean") if name == "softmax" else None
    return FeatureSimilarity(X, name, metric=own_metric, temperature=temperature, merge_equal=merge_equal)


def _items_of(X: Any, metric: Metric, merge_equal: bool) -> tuple[Rows, Distinct]:
    rows = X if isinstance(X, Rows) else Rows(X, metric)
    if not merge_equal:
        return rows, Distinct(np.arange(len(rows)), np.arange(len(rows)))
    return rows.at(rows.distinct.first), rows.distinct


@njit(cache=True, nogil=True)
def _ties(found, distance, neighbours, distances):
    """What an edge from each new row to each of its neighbours weighs, `(b, k)`."""
    b, k = found.shape
    listed = neighbours.shape[1]
    weights = np.zeros((b, k))
    for i in range(b):
        for r in range(k):
            j = found[i, r]
            if j < 0:
                continue
            rank = 0  # that j gives the new row, which takes the place of its last neighbour
            while rank < listed and distances[j, rank] <= distance[i, r]:
                rank += 1
            kept = listed - 1 if rank < listed else listed
            common = 1 if rank == listed else 2
            for c in range(k):
                for e in range(kept):
                    common += found[i, c] >= 0 and found[i, c] == neighbours[j, e]
            weights[i, r] = (1 - r / k + common / (k + 1)) / 4
            if rank < listed:
                weights[i, r] += (1 - rank / listed + common / (listed + 1)) / 4
    return weights


def _times_sizes(edges: scipy.sparse.csr_matrix, sizes: FloatArray) -> scipy.sparse.csr_matrix:
    """Edges between rows as edges between items of so many rows."""
    if (sizes == 1).all():
        return edges
    scale = scipy.sparse.diags(sizes)
    return (scale @ edges @ scale).tocsr()


def _pick(labels: IntArray, n_groups: int) -> scipy.sparse.csr_matrix:
    """Matrix `(n_groups, m)` that sums items by label."""
    ones = np.ones(len(labels), np.int64)
    return scipy.sparse.csr_matrix((ones, (labels, np.arange(len(labels)))), shape=(n_groups, len(labels)))

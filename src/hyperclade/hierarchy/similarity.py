"""Pairwise similarities whose sums over sets of rows are cheap: cosine, softmax and kNN graph.

- **cosine**: ``w = (1 + cos) / 2``, the papers' choice. Dense: far pairs weigh as much as near ones.
- **softmax**: ``w = exp((cos − 1) / τ)``, through Nyström features (exact up to `N_LANDMARKS` rows).
- **knn**: ``w = (A + Aᵀ) / 2`` of the k-nearest-neighbour adjacency A by cosine: 1 for mutual neighbours, ½
  for one-sided ones, 0 for all others. Only near pairs count, so trees follow classes best; the default.

Sums are cheap because ``w(A, B) = constant·n_A·n_B + ⟨S_A, S_B⟩ + edges between A and B``, where S is a sum
of feature vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from hyperclade.hierarchy.rows import UnitRows

SIMILARITIES = ("knn", "cosine", "softmax")
N_LANDMARKS = 1024
_EXACT_NEIGHBOURS = 20_000  # rows up to which neighbours are found by comparing all pairs
_EXACT_SEARCH = 5_000  # rows up to which the search's bounds hold for every single pair
_PROBED_LISTS = 32  # of the inverted lists of the neighbour index, above that

_NO_EDGES = scipy.sparse.csr_matrix((0, 0), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Similarity:
    """Similarities between n items: rows, or groups of rows.

    Attributes
    ----------
    sizes : (n,) float64
        Rows in each item.
    features : (n, d) float32
        Sum of the feature vectors of each item's rows; d = 0 for a pure graph.
    constant : float
        Similarity that every pair of rows has beyond features and edges.
    edges : (n, n) float32 CSR, symmetric, no diagonal
        Or (0, 0) for none.
    floor, peak : float
        No two rows are less, or more, similar than this: bounds for the search. Where a few pairs are, the
        search may miss their best places.
    """

    sizes: NDArray[np.float64]
    features: NDArray[np.float32]
    constant: float
    edges: scipy.sparse.csr_matrix
    floor: float
    peak: float

    def __len__(self) -> int:
        return len(self.sizes)


class FeatureSimilarity:
    """Similarity ``w_ij = constant + ⟨f(x_i), f(x_j)⟩`` of the rows of X.

    Parameters
    ----------
    X : (n, d) array, memory map or CSR matrix
    landmarks : (m, d) float32 unit rows, optional
        Of the softmax kernel; without them the similarity is cosine.
    temperature : float
        τ of the softmax kernel.
    """

    def __init__(
        self, X: Any, landmarks: NDArray[np.float32] | None = None, temperature: float = 0.1
    ) -> None:
        self.rows = UnitRows(X)
        self.landmarks = landmarks
        self.temperature = temperature
        self.constant = 0.5 if landmarks is None else 0.0
        if landmarks is not None:
            kernel = self._kernel(landmarks)
            values, vectors = np.linalg.eigh((kernel + kernel.T) / 2)
            kept = values > 1e-10 * values[-1]
            self._whitening = vectors[:, kept] / np.sqrt(values[kept])

    @property
    def name(self) -> str:
        """ "cosine" or "softmax"."""
        return "cosine" if self.landmarks is None else "softmax"

    def __len__(self) -> int:
        return len(self.rows)

    def features(self, rows: slice | NDArray[np.int64], dtype: type = np.float32) -> Any:
        """Feature vectors f(x), `(b, m)`, of the rows asked for, in float32 or float64."""
        unit = self.rows.read(rows, dtype)
        if self.landmarks is None:
            return unit * dtype(np.sqrt(0.5))
        return (self._kernel(unit) @ self._whitening).astype(dtype)

    @cached_property
    def floor(self) -> float:
        """Similarity that 99 % of sampled pairs of rows reach; 0 up to 5,000 rows."""
        n = len(self)
        if n <= _EXACT_SEARCH:
            return 0.0
        chosen = np.sort(np.random.default_rng(0).choice(n, 2000, replace=False))
        sample = self.features(chosen)
        return max(float(np.quantile(sample[::2] @ sample[1::2].T, 0.01)) + self.constant, 0.0)

    def of(self, X: Any) -> FeatureSimilarity:
        """The same similarity between rows of another array."""
        return FeatureSimilarity(X, self.landmarks, self.temperature)

    def items(self, rows: slice | NDArray[np.int64] = slice(None)) -> Similarity:
        """Similarities between single rows: all, or those asked for."""
        features = self.features(rows)
        return Similarity(np.ones(len(features)), features, self.constant, _NO_EDGES, self.floor, 1.0)

    def groups(self, labels: NDArray[np.int64], n_groups: int) -> Similarity:
        """Similarities between the groups of rows that `labels` `(n,)` in 0..n_groups-1 name."""
        sums: NDArray[np.float64] | None = None
        for start, unit in self.rows.blocks():
            rows = slice(start, start + len(unit))
            features = self.features(rows)
            if sums is None:
                sums = np.zeros((n_groups, features.shape[1]))
            block = labels[rows]
            pick = scipy.sparse.csr_matrix(
                (np.ones(len(block), np.float32), (block, np.arange(len(block)))),
                shape=(n_groups, len(block)),
            )
            sums += pick @ features
        assert sums is not None
        sizes = np.bincount(labels, minlength=n_groups).astype(np.float64)
        return Similarity(sizes, sums.astype(np.float32), self.constant, _NO_EDGES, self.floor, 1.0)

    def _kernel(self, unit: NDArray[np.float32]) -> NDArray[np.float64]:
        assert self.landmarks is not None
        return np.exp((unit @ self.landmarks.T - 1).astype(np.float64) / self.temperature)


class GraphSimilarity:
    """Similarity given by the edges of a symmetric graph over the rows.

    Parameters
    ----------
    edges : (n, n) float32 CSR, symmetric, no diagonal, weights in (0, 1]
    index : NeighbourIndex, optional
        To connect new rows with; without it `of` cannot be used.
    """

    name = "knn"

    def __init__(self, edges: scipy.sparse.csr_matrix, index: NeighbourIndex | None = None) -> None:
        self.edges = edges
        self.index = index

    def __len__(self) -> int:
        return self.edges.shape[0]

    def items(self, rows: slice | NDArray[np.int64] = slice(None)) -> Similarity:
        """Similarities between single rows: all, or those asked for."""
        edges = self.edges[rows][:, rows]
        return self._similarity(np.ones(edges.shape[0]), edges)

    def groups(self, labels: NDArray[np.int64], n_groups: int) -> Similarity:
        """Similarities between the groups of rows that `labels` `(n,)` in 0..n_groups-1 name."""
        n = len(self)
        pick = scipy.sparse.csr_matrix((np.ones(n, np.float32), (labels, np.arange(n))), shape=(n_groups, n))
        edges = (pick @ self.edges @ pick.T).tocsr()
        edges.setdiag(0)
        edges.eliminate_zeros()
        return self._similarity(np.bincount(labels, minlength=n_groups).astype(np.float64), edges)

    @staticmethod
    def _similarity(sizes: NDArray[np.float64], edges: scipy.sparse.csr_matrix) -> Similarity:
        return Similarity(sizes, np.zeros((len(sizes), 0), np.float32), 0.0, edges, 0.0, 1.0)


class NeighbourIndex:
    """Nearest rows by cosine (faiss): all pairs to 20,000 rows, inverted lists above.

    Parameters
    ----------
    X : (n, d) array, memory map or CSR matrix
    random_state : int
        Of the inverted lists' k-means.
    """

    def __init__(self, X: Any, random_state: int = 0) -> None:
        import faiss

        self.rows = UnitRows(X)
        n, d = self.rows.shape
        if n <= _EXACT_NEIGHBOURS:
            self._index: Any = faiss.IndexFlatIP(d)
        else:
            n_lists = int(4 * np.sqrt(n))
            self._index = faiss.IndexIVFFlat(faiss.IndexFlatIP(d), d, n_lists, faiss.METRIC_INNER_PRODUCT)
            self._index.cp.seed = random_state + 1234
            self._index.cp.niter = 6
            self._index.nprobe = _PROBED_LISTS
            sample = np.random.default_rng(random_state).choice(n, min(n, 40 * n_lists), replace=False)
            self._index.train(self.rows[np.sort(sample)])
        for _, block in self.rows.blocks():
            self._index.add(block)

    def nearest(self, X: Any, k: int, *, own: bool = False) -> NDArray[np.int64]:
        """The k nearest indexed rows of each row of X, `(b, k) int64`, -1 where fewer were found.

        With `own`, X is the indexed array and no row is its own neighbour.
        """
        rows = UnitRows(X)
        found = np.empty((len(rows), k + own), dtype=np.int64)
        for start, block in rows.blocks():
            found[start : start + len(block)] = self._index.search(block, k + own)[1]
        if not own:
            return found
        # A row finds itself first, unless duplicates of it come before: then the last one goes.
        self_at = found == np.arange(len(rows))[:, None]
        self_at[~self_at.any(axis=1), -1] = True
        return found[~self_at].reshape(len(rows), k)


def knn_graph(X: Any, n_neighbors: int = 10, random_state: int = 0) -> GraphSimilarity:
    """The kNN similarity ``(A + Aᵀ) / 2`` of the rows of X.

    Parameters
    ----------
    X : (n, d) array, memory map or CSR matrix
    n_neighbors : int
        Neighbours of a row; n - 1 where there are fewer.

    Examples
    --------
    >>> knn_graph(np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]), 1).edges.toarray().tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.5], [0.0, 0.5, 0.0]]
    """
    index = NeighbourIndex(X, random_state)
    n = len(index.rows)
    nearest = index.nearest(X, min(n_neighbors, n - 1), own=True)
    row, at = np.nonzero(nearest >= 0)
    directed = scipy.sparse.csr_matrix(
        (np.full(len(row), 0.5, np.float32), (row, nearest[row, at])), shape=(n, n)
    )
    return GraphSimilarity((directed + directed.T).tocsr(), index)


def similarity_of(
    X: Any,
    name: str,
    *,
    n_neighbors: int = 10,
    temperature: float = 0.1,
    random_state: int = 0,
) -> FeatureSimilarity | GraphSimilarity:
    """The named similarity of the rows of X.

    Parameters
    ----------
    X : (n, d) array, memory map or CSR matrix
        Finite; no zero rows.
    name : {"knn", "cosine", "softmax"}
    n_neighbors : int
        Of "knn".
    temperature : float
        τ of "softmax".
    random_state : int
        Of "softmax" landmarks and the neighbour index of "knn".

    Raises
    ------
    ValueError
        For an unknown name or a parameter out of range.

    Examples
    --------
    >>> similarity_of(np.eye(3), "cosine").items().constant
    0.5
    """
    if name not in SIMILARITIES:
        raise ValueError(f"similarity must be one of {', '.join(SIMILARITIES)}, got {name!r}")
    if name == "cosine":
        return FeatureSimilarity(X)
    if name == "knn":
        if n_neighbors < 1:
            raise ValueError(f"n_neighbors must be at least 1, got {n_neighbors}")
        return knn_graph(X, n_neighbors, random_state)
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    rows = UnitRows(X)
    n = len(rows)
    chosen = np.random.default_rng(random_state).choice(n, min(n, N_LANDMARKS), replace=False)
    return FeatureSimilarity(X, rows[np.sort(chosen)], temperature)


def ties_to(graph: GraphSimilarity, X: Any, n_neighbors: int) -> scipy.sparse.csr_matrix:
    """Edges of new rows X `(b, d)` to the graph's rows: `(b, n)` CSR, ½ for each nearest neighbour."""
    assert graph.index is not None
    nearest = graph.index.nearest(X, min(n_neighbors, len(graph)))
    row, at = np.nonzero(nearest >= 0)
    return scipy.sparse.csr_matrix(
        (np.full(len(row), 0.5, np.float32), (row, nearest[row, at])), shape=(len(nearest), len(graph))
    )

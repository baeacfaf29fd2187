"""Nearest rows: exact up to 20,000 rows, by inverted lists (faiss) with a measured recall above.

The same neighbours are found on every processor. Up to 20,000 rows a matrix product only proposes candidates,
with room for its rounding; sums in one order decide. Above, faiss sees rows of whole numbers, whose squared
distances are exact in float32 however they are summed. Ties go to the earlier row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hyperclade.environment import IntArray
from hyperclade.hierarchy.rows import Rows
from hyperclade.hierarchy.threads import in_threads

DEFAULT_RECALL = 0.98
_EXACT = 20_000  # rows up to which all pairs are compared
_QUERIES = 256  # rows compared at once
_SAMPLED = 512  # rows on which recall is measured
_SPARE = 8  # neighbours looked up beyond those asked for, so that no tie at the end depends on the library
_KEPT = 6  # nearest lists of each row that are kept from adding it for searching
_ROWS_PER_LIST_IN_TRAINING, _ITERATIONS = 24, 4


class NeighbourIndex:
    """Nearest rows by Euclidean distance of prepared rows: by cosine, if they have length one.

    Parameters
    ----------
    rows : Rows
    recall : float in (0, 1]
        Share of the true neighbours to be found, on a sample, where not all pairs are compared.
    random_state : int
        Seed of the inverted lists' k-means.

    Attributes
    ----------
    recall_ : float
        Measured share of the true neighbours that `own` found; 1 where all pairs are compared.
    """

    def __init__(self, rows: Rows, *, recall: float = DEFAULT_RECALL, random_state: int = 0) -> None:
        if not 0 < recall <= 1:
            raise ValueError(f"recall must be above 0 and at most 1, got {recall}")
        self.rows = rows
        self.recall = recall
        self.random_state = random_state
        self.recall_ = 1.0
        self.is_exact = len(rows) <= _EXACT
        self._index: Any = None
        self._lists_of: Any = None

    def own(
        self, k: int, progress: Callable[[float], None] = lambda _: None
    ) -> tuple[NDArray[np.int32], NDArray]:
        """The k nearest other rows of each row, nearest first.

        Returns
        -------
        (n, k) int32 and (n, k) float32
            Rows, -1 where fewer were found, and squared distances.
        """
        n = len(self.rows)
        if self.is_exact:
            return self._compared(self.rows, k, own=True, progress=progress)
        from faiss.contrib.ivf_tools import search_preassigned

        index = self._lists(k)
        wanted = min(k + 1 + _SPARE, n)
        found = np.empty((n, k), dtype=np.int32)
        distance = np.empty((n, k), dtype=np.float32)
        for part in self.rows.blocks():
            block = self.rows.near_whole(part)
            if index.nprobe <= _KEPT:
                probed = self._lists_of[part, : index.nprobe].astype(np.int64)
                d, i = search_preassigned(index, block, wanted, probed)
            else:
                d, i = index.search(block, wanted)
            found[part], distance[part] = _nearest_first(i, d, k, part.start)
            progress(part.stop / n)
        # As large as the rows, and seldom needed again: made anew where new rows ask.
        self._index = self._lists_of = None
        return found, distance

    def of(self, new: Rows, k: int) -> tuple[NDArray[np.int32], NDArray]:
        """The k nearest indexed rows of each new row, as `own` returns them."""
        if self.is_exact:
            return self._compared(new, k, own=False)
        index = self._lists(k)
        found = np.empty((len(new), k), dtype=np.int32)
        distance = np.empty((len(new), k), dtype=np.float32)
        for part in new.blocks():
            d, i = index.search(new.near_whole(part), k + _SPARE)
            found[part], distance[part] = _nearest_first(i, d, k, -1)
        return found, distance

    def _compared(
        self, new: Rows, k: int, *, own: bool, progress: Callable[[float], None] = lambda _: None
    ) -> tuple[NDArray[np.int32], NDArray]:
        """By comparing all pairs."""
        n, k = len(new), min(k, len(self.rows) - own)
        found = np.empty((n, k), dtype=np.int32)
        distance = np.empty((n, k), dtype=np.float32)
        if self.rows.is_sparse:
            # Sparse products are sums in one order already: nothing is left to decide.
            points: Any = self.rows.sparse(slice(None))
            squares = np.asarray(points.multiply(points).sum(axis=1)).ravel()
            points, slack = points.T.tocsr(), 0.0
        else:
            points = self.rows[:]
            squares = _squares(points)
            slack = 2.0**-22 * max(1.0, np.sqrt(points.shape[1]) / 4)
        starts = range(0, n, _QUERIES)
        done = [0]

        def look_up(number: int, check: Callable[[], None]) -> None:
            check()
            part = slice(starts[number], min(starts[number] + _QUERIES, n))
            if self.rows.is_sparse:
                block = new.sparse(part)
                own_squares = np.asarray(block.multiply(block).sum(axis=1)).ravel()
                products = (block @ points).toarray()
                rows = np.empty((len(own_squares), 0), np.float32)
                against = np.empty((0, 0), np.float32)
            else:
                rows = points[part] if own else new[part]
                own_squares, products, against = _squares(rows), rows @ points.T, points
            _select(
                products, own_squares, squares, rows, against, slack,
                part.start if own else -1, found[part], distance[part],
            )  # fmt: skip
            done[0] += 1
            progress(done[0] / len(starts))

        in_threads(look_up, len(starts))
        return found, distance

    def _lists(self, k: int) -> Any:
        """The inverted lists, with as many probed as the recall asks for."""
        if self._index is not None:
            return self._index
        import faiss
        from faiss.contrib.ivf_tools import add_preassigned

        n = len(self.rows)
        sample = self.rows.near_whole(np.arange(min(n, _SAMPLED)))
        d = sample.shape[1]
        n_lists = int(4 * np.sqrt(n))
        coarse = faiss.IndexFlatL2(d)
        index = faiss.IndexIVFScalarQuantizer(
            coarse, d, n_lists, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_L2, False
        )
        # Centroids are rounded to whole numbers; half precision holds those of a row exactly.
        index.cp.int_centroids = True
        index.cp.niter = _ITERATIONS
        index.cp.seed = self.random_state + 1234
        index.cp.min_points_per_centroid = 1
        index.cp.max_points_per_centroid = 2 * _ROWS_PER_LIST_IN_TRAINING
        trained = np.random.default_rng(self.random_state).choice(
            n, min(n, _ROWS_PER_LIST_IN_TRAINING * n_lists), replace=False
        )
        index.train(self.rows.near_whole(np.sort(trained)))
        farthest = np.full((len(sample), k), np.inf, dtype=np.float32)
        own_squares = _squares(sample)
        self._lists_of = np.empty((n, _KEPT), dtype=np.int32)
        for part in self.rows.blocks():
            block = self.rows.near_whole(part)
            self._lists_of[part] = coarse.search(block, _KEPT)[1]
            add_preassigned(index, block, self._lists_of[part, 0].astype(np.int64))
            distance = own_squares[:, None] + _squares(block) - 2 * (sample @ block.T).astype(np.float64)
            within = np.arange(part.start, min(part.stop, len(sample)))
            distance[within, within - part.start] = np.inf
            both = np.concatenate([farthest, distance.astype(np.float32)], axis=1)
            farthest = np.partition(both, k - 1, axis=1)[:, :k]
        limit = farthest.max(axis=1)
        for n_probes in sorted({*range(1, 5), *(int(4 * 1.5**e) for e in range(1, 40)), n_lists}):
            index.nprobe = min(n_probes, n_lists)
            d2, i = index.search(sample, k + 1 + _SPARE)
            d2 = _nearest_first(i, d2, k, 0)[1]
            self.recall_ = float((d2 <= limit[:, None]).mean())
            if self.recall_ >= self.recall or n_probes >= n_lists:
                break
        self._index = index
        return index


def _nearest_first(found: IntArray, distance: NDArray, k: int, first: int) -> tuple[IntArray, NDArray]:
    """The k nearest by distance, then by row; rows `first`, first + 1, … are not their own neighbours."""
    if first >= 0:
        distance = np.where(found == np.arange(first, first + len(found))[:, None], np.inf, distance)
    distance = np.where(found < 0, np.inf, distance)
    order = np.lexsort((found, distance), axis=1)[:, :k]
    distance = np.take_along_axis(distance, order, axis=1)
    found = np.take_along_axis(found, order, axis=1)
    return np.where(np.isfinite(distance), found, -1), distance.astype(np.float32)


@njit(cache=True, nogil=True)
def _squares(points):
    total = np.zeros(points.shape[0])
    for i in range(points.shape[0]):
        for c in range(points.shape[1]):
            total[i] += np.float64(points[i, c]) * np.float64(points[i, c])
    return total


@njit(cache=True, nogil=True)
def _select(products, own_squares, squares, rows, points, slack, first, found, distance):
    """The nearest points of each row, from inner products that are right up to `slack`.

    Distances of all that could be among the nearest are summed anew where `rows` has features.
    """
    n = squares.shape[0]
    k = found.shape[1]
    least = np.empty(k)  # the k least upper bounds of a distance, ascending
    candidates = np.empty(n, np.int64)
    exact = np.empty(n)
    for i in range(products.shape[0]):
        own = first + i if first >= 0 else -1
        least[:] = np.inf
        for j in range(n):
            near = own_squares[i] + squares[j]
            upper = near - 2 * np.float64(products[i, j]) + slack * near
            if upper < least[k - 1] and j != own:
                at = k - 1
                while at > 0 and least[at - 1] > upper:
                    least[at] = least[at - 1]
                    at -= 1
                least[at] = upper
        limit = least[k - 1]
        count = 0
        for j in range(n):
            near = own_squares[i] + squares[j]
            if near - 2 * np.float64(products[i, j]) - slack * near <= limit and j != own:
                candidates[count] = j
                if rows.shape[1] > 0:
                    total = 0.0
                    for c in range(rows.shape[1]):
                        apart = np.float64(rows[i, c]) - np.float64(points[j, c])
                        total += apart * apart
                    exact[count] = total
                else:
                    exact[count] = max(near - 2 * np.float64(products[i, j]), 0.0)
                count += 1
        # Candidates stand in the order of their rows, which a stable sort keeps where they tie.
        order = np.argsort(exact[:count], kind="mergesort")
        for c in range(k):
            found[i, c] = candidates[order[c]]
            distance[i, c] = exact[order[c]]

"""Exact nearest neighbours by hyperbolic or Euclidean distance or by cosine, at the speed of a flat index.

Each of these distances falls where an inner product of lifted vectors rises: for hyperbolic ones, of points
of the hyperboloid. So a float32 product proposes candidates, and float64 sums in one order decide between
them. Where the rounding of the product leaves open whether another row is among the nearest, a product in
float64 proposes, and after that all rows are compared: the answer does not depend on the processor.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hyperclade.environment import FloatArray, IntArray
from hyperclade.progress import Progress
from hyperclade.retrieval.distances import MAX_RADIUS, Metric

_SPARE = 8  # candidates beyond the nearest asked for
_QUERIES = 4096  # at once
_KINDS = {"hyperbolic": 0, "euclidean": 1, "cosine": 2}
_FAR_32, _FAR_64 = 40.0, 300.0  # radii of which a product overflows


def nearest(
    queries: np.ndarray,
    rows: np.ndarray,
    k: int,
    metric: Metric,
    *,
    own: bool = False,
    progress: Progress | None = None,
) -> tuple[IntArray, FloatArray]:
    """The k nearest rows of each query, nearest first; of equally near ones the earlier row.

    Parameters
    ----------
    queries : (b, d) float
        Embeddings as `Metric` compares them: hyperbolic ones before the exponential map.
    rows : (n, d) float
    k : int
        1 … n, or n − 1 with `own`.
    own : bool
        The queries are the rows, and none is its own neighbour.
    progress : callable, optional

    Returns
    -------
    (b, k) int64 and (b, k) float64
        Rows, and their distances.

    Raises
    ------
    ValueError
        Other widths, NaN or infinity, k out of range.

    Examples
    --------
    >>> rows = np.array([[0.0, 0.0], [0.1, 0.0], [0.0, 0.3]])
    >>> nearest(rows, rows, 1, Metric("hyperbolic"), own=True)[0].ravel().tolist()
    [1, 0, 0]
    """
    queries, rows = _checked(queries, rows, k, own=own)
    b, n = len(queries), len(rows)
    kind, root = _KINDS[metric.name], np.sqrt(metric.c)
    query_lengths, row_lengths = _lengths(queries), _lengths(rows)
    found = np.empty((b, k), dtype=np.int64)
    distance = np.empty((b, k))
    largest = 2 * root * max(query_lengths.max(initial=0), row_lengths.max(initial=0))
    centre = rows.mean(axis=0, dtype=np.float64) if metric.name == "euclidean" else 0.0
    left = np.arange(b)
    for dtype, far in ((np.float32, _FAR_32), (np.float64, _FAR_64)):
        if not len(left) or (metric.name == "hyperbolic" and largest > far):
            continue
        keys, key_norm = _lifted(rows, row_lengths, metric, centre, dtype)
        propose = _proposer(keys)
        open_ones = []
        for start in range(0, len(left), _QUERIES):
            some = left[start : start + _QUERIES]
            asked, norms = _lifted(queries[some], query_lengths[some], metric, centre, dtype, query=True)
            m = min(k + _SPARE + own, n)
            score, candidates = propose(asked, m)
            if own:
                score, candidates = _without(score, candidates, some)
            order, exact = _decided(
                queries[some], query_lengths[some], rows, row_lengths, candidates, k, kind, root
            )
            found[some], distance[some] = order, exact
            if m < n:
                # Bound of the rounding of inputs and sums, of whatever order.
                slack = 2 * (asked.shape[1] + 8) * np.finfo(dtype).eps * norms * key_norm
                last = _score(exact[:, -1], queries[some], metric, centre)
                open_ones.append(some[~(score[:, -1].astype(np.float64) + slack < last)])
            if progress is not None:
                progress("nearest neighbours", (start + len(some)) / len(left))
        left = np.concatenate([*open_ones, np.empty(0, np.int64)])
    for start in range(0, len(left), 64):
        some = left[start : start + 64]
        skip = some if own else np.full(len(some), -1)
        found[some], distance[some] = _compared(
            queries[some], query_lengths[some], rows, row_lengths, skip, k, kind, root
        )
    return found, distance


def _checked(queries: np.ndarray, rows: np.ndarray, k: int, *, own: bool) -> tuple[np.ndarray, np.ndarray]:
    queries, rows = (
        np.ascontiguousarray(part, None if part.dtype == np.float32 else np.float64)
        for part in (np.asarray(queries), np.asarray(rows))
    )
    if queries.ndim != 2 or rows.ndim != 2 or queries.shape[1] != rows.shape[1]:
        raise ValueError(
            f"queries and rows must be tables of one width, got {queries.shape} and {rows.shape}"
        )
    if own and len(queries) != len(rows):
        raise ValueError(f"the queries are the rows with own, got {len(queries)} and {len(rows)}")
    if not 1 <= k <= len(rows) - own:
        raise ValueError(f"k must be from 1 to the {len(rows) - own} other rows, got {k}")
    for what, part in (("queries", queries), ("rows", rows)):
        if not np.isfinite(part).all():
            raise ValueError(f"{what} hold NaN or infinity")
    return queries, rows


def _lifted(
    rows: np.ndarray,
    lengths: FloatArray,
    metric: Metric,
    centre: Any,
    dtype: Any,
    *,
    query: bool = False,
) -> tuple[np.ndarray, Any]:
    """Vectors `(n, d + 1)` whose products with lifted queries rank by nearness, and their norms or the most.

    Hyperbolic: (sinh ρ · u, cosh ρ) and, of queries, −cosh ρ, for radius ρ of curvature −1 and direction u:
    the product is −cosh of the distance. Euclidean, about a centre: (x, −‖x‖²/2) and (x, 1).
    """
    width = rows.shape[1] + (metric.name != "cosine")
    lifted = np.empty((len(rows), width), dtype=dtype)
    norms = np.empty(len(rows))
    for start in range(0, len(rows), 4096):
        part = slice(start, start + 4096)
        wide = np.asarray(rows[part], np.float64)
        if metric.name == "euclidean":
            wide = wide - centre
            squares = np.square(wide).sum(axis=1)
            last = np.ones(len(wide)) if query else -squares / 2
            norms[part] = np.sqrt(squares + np.square(last))
        else:
            length = lengths[part]
            wide = wide / np.where(length > 0, length, 1)[:, None]
            norms[part], last = 1.0, None
            if metric.name == "hyperbolic":
                radius = 2 * np.sqrt(metric.c) * length
                wide = wide * np.sinh(radius)[:, None]
                last = -np.cosh(radius) if query else np.cosh(radius)
                norms[part] = np.sqrt(np.square(np.sinh(radius)) + np.square(last))
        lifted[part, : rows.shape[1]] = wide
        if last is not None:
            lifted[part, -1] = last
    return lifted, norms if query else norms.max()


def _score(distance: FloatArray, queries: np.ndarray, metric: Metric, centre: Any) -> FloatArray:
    """The product of lifted vectors at a distance."""
    if metric.name == "cosine":
        return 1 - distance
    if metric.name == "hyperbolic":
        return -np.cosh(np.sqrt(metric.c) * distance)
    squares = np.square(np.asarray(queries, np.float64) - centre).sum(axis=1)
    return (squares - np.square(distance)) / 2


def _proposer(keys: np.ndarray) -> Any:
    """A function of queries and m: the m largest products of each with the keys, and their rows."""
    if keys.dtype == np.float32:
        import faiss

        index = faiss.IndexFlatIP(keys.shape[1])
        index.add(keys)
        return index.search

    def propose(queries: np.ndarray, m: int) -> tuple[np.ndarray, IntArray]:
        score, rows = np.empty((len(queries), m)), np.empty((len(queries), m), dtype=np.int64)
        size = max(1, (1 << 24) // len(keys))
        for start in range(0, len(queries), size):
            part = slice(start, start + size)
            products = queries[part] @ keys.T
            best = np.argpartition(-products, m - 1, axis=1)[:, :m]
            value = np.take_along_axis(products, best, axis=1)
            order = np.argsort(-value, axis=1, kind="stable")
            score[part] = np.take_along_axis(value, order, axis=1)
            rows[part] = np.take_along_axis(best, order, axis=1)
        return score, rows

    return propose


def _without(score: np.ndarray, rows: IntArray, own: IntArray) -> tuple[np.ndarray, IntArray]:
    """Candidates less the query itself or, where it is not among them, the last."""
    keep = rows != own[:, None]
    keep[keep.all(axis=1), -1] = False
    shape = (len(rows), rows.shape[1] - 1)
    return score[keep].reshape(shape), rows[keep].reshape(shape)


@njit(cache=True, nogil=True)
def _lengths(rows: np.ndarray) -> NDArray[np.float64]:
    lengths = np.empty(rows.shape[0])
    for i in range(rows.shape[0]):
        total = 0.0
        for c in range(rows.shape[1]):
            total += np.float64(rows[i, c]) * np.float64(rows[i, c])
        lengths[i] = np.sqrt(total)
    return lengths


@njit(cache=True, nogil=True)
def _distance(x, length_x, y, length_y, kind, root):
    """As `Metric.distances` has it, summed in the order of the coordinates."""
    chord = 0.0
    if kind == 1:
        for c in range(x.shape[0]):
            apart = np.float64(x[c]) - np.float64(y[c])
            chord += apart * apart
        return np.sqrt(chord)
    scale_x = 1.0 if length_x == 0 else length_x
    scale_y = 1.0 if length_y == 0 else length_y
    for c in range(x.shape[0]):
        apart = np.float64(x[c]) / scale_x - np.float64(y[c]) / scale_y
        chord += apart * apart
    if kind == 2:
        return chord / 2 if length_x > 0 and length_y > 0 else 1.0
    a, b = min(2 * root * length_x, MAX_RADIUS), min(2 * root * length_y, MAX_RADIUS)
    turned = np.sqrt(np.sinh(a)) * np.sqrt(np.sinh(b)) * np.sqrt(chord / 4)
    return 2 / root * np.arcsinh(np.hypot(np.sinh((a - b) / 2), turned))


@njit(cache=True, nogil=True)
def _decided(queries, query_lengths, rows, row_lengths, candidates, k, kind, root):
    """The k nearest of the candidates of each query, by distance, then by row."""
    b, m = candidates.shape
    found = np.empty((b, k), np.int64)
    distance = np.empty((b, k))
    exact = np.empty(m)
    for i in range(b):
        ordered = np.sort(candidates[i])  # a stable sort keeps earlier rows first where they tie
        for j in range(m):
            row = ordered[j]
            exact[j] = _distance(queries[i], query_lengths[i], rows[row], row_lengths[row], kind, root)
        order = np.argsort(exact, kind="mergesort")
        for j in range(k):
            found[i, j] = ordered[order[j]]
            distance[i, j] = exact[order[j]]
    return found, distance


@njit(cache=True, nogil=True)
def _compared(queries, query_lengths, rows, row_lengths, skip, k, kind, root):
    """The k nearest of all rows of each query, but for one to skip."""
    b, n = queries.shape[0], rows.shape[0]
    found = np.empty((b, k), np.int64)
    distance = np.empty((b, k))
    exact = np.empty(n)
    for i in range(b):
        for row in range(n):
            exact[row] = _distance(queries[i], query_lengths[i], rows[row], row_lengths[row], kind, root)
        if skip[i] >= 0:
            exact[skip[i]] = np.inf
        order = np.argsort(exact, kind="mergesort")
        for j in range(k):
            found[i, j] = order[j]
            distance[i, j] = exact[order[j]]
    return found, distance

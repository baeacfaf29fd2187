"""From soft assignments to hard ones with exact cluster sizes, by an auction.

Rows bid for places in columns (Bertsekas and Castañón's auction for transportation problems). Each row knows
only its best few columns; the value of the last of them bounds what all others could offer, so a row whose
known columns have become dearer than that bound asks for its scores again. Prices only rise, hence the bounds
stay true.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hyperclade.environment import FloatArray, IntArray

BIDS_PER_ROW = 60
# Rows whose candidates ran out look again at all columns, in rounds; what then remains is placed greedily.
RENEWAL_ROUNDS = 12
RENEWAL_BLOCK = 4096
# In increments: how far known columns may fall below what unknown ones might offer before a row looks again.
PATIENCE = 4.0


def round_candidates(
    columns: NDArray[np.int32],
    values: NDArray[np.floating],
    sizes: IntArray,
    row_values: Callable[[IntArray], NDArray[np.floating]],
    *,
    tolerance: float = 1e-3,
) -> tuple[IntArray, FloatArray]:
    """Hard assignment of rows to columns with exact column counts and a nearly maximal sum of values.

    Parameters
    ----------
    columns : (n, m) int32
        Best m columns of each row, from `top_candidates`, by score plus column dual of a Sinkhorn problem:
        the dual saves bids and does not change what is optimal. Changed in place where candidates are
        renewed, like `values`.
    values : (n, m) float
        Their scores with the dual.
    sizes : (k,) int
        At least 0, summing to n.
    row_values : callable
        Maps row numbers `(r,) int64` to the same values of all columns `(r, k) float`; asked for the rows
        whose candidates ran out, each at most a few times and n rows in all.
    tolerance : float
        Bid increment as a share of the mean spread of a row's candidates; bounds the loss per row.

    Returns
    -------
    labels : (n,) int64
        Column j occurs exactly `sizes[j]` times.
    rises : (k,) float64
        By how much the price of each column rose: the column dual less this is that of the rounded problem.

    Raises
    ------
    ValueError
        Sizes that do not fit the rows.

    Examples
    --------
    >>> values = np.array([[5.0, 0.0], [4.0, 0.0], [3.0, 0.0]])
    >>> columns = np.array([[0, 1]] * 3, dtype=np.int32)
    >>> round_candidates(columns, values.copy(), np.array([1, 2]), lambda rows: values[rows])[0]
    array([0, 1, 1])
    """
    n, m = columns.shape
    sizes = _checked_sizes(sizes, n)
    k = len(sizes)
    finite = np.isfinite(values)
    highest = values.max(1)
    lowest = np.where(finite, values, highest[:, None]).min(1)
    increment = tolerance * float((highest - lowest).mean(dtype=np.float64))
    if not increment > 0:
        increment = 1e-6 * max(1e-6, float(np.abs(highest).max()))
    # Where all open columns are known, nothing lies beyond the candidates.
    bounds = np.where(finite.all(1) & (m < k), lowest, -np.inf).astype(np.float64)
    prices = np.where(sizes > 0, 0.0, np.inf)
    labels, filled = np.full(n, -1, dtype=np.int64), np.zeros(k, dtype=np.int64)
    slots = np.empty(n), np.empty(n, dtype=np.int64)
    limits = increment, BIDS_PER_ROW * n
    waiting, budget = np.arange(n), n
    for _ in range(RENEWAL_ROUNDS):
        waiting = _auction(waiting, columns, values, bounds, prices, sizes, *slots, filled, labels, *limits)
        budget -= len(waiting)
        if len(waiting) == 0 or budget < 0:
            break
        for rows in _in_blocks(waiting):
            full = row_values(rows)
            columns[rows], net = top_candidates(full - prices, m)
            values[rows] = np.take_along_axis(full, columns[rows], 1)
            bounds[rows] = np.where(np.isfinite(net).all(1), net.min(1), -np.inf)
    for rows in _in_blocks(np.flatnonzero(labels < 0)):
        _place_greedily(rows, row_values(rows) - prices, sizes, filled, labels)
    return labels, np.where(sizes > 0, prices, 0.0)


def top_candidates(values: Any, m: int) -> tuple[NDArray[np.int32], NDArray[np.floating]]:
    """Best m columns of each row, in no particular order: columns `(n, m) int32` and their values `(n, m)`.

    `values` is an `(n, k) float` array, or a tensor on any device.

    Examples
    --------
    >>> columns, values = top_candidates(np.array([[1.0, 3.0, 2.0]]), 2)
    >>> sorted(columns[0].tolist())
    [1, 2]
    """
    if isinstance(values, np.ndarray):
        return _top_candidates(values, m)
    best = values.topk(m, dim=1, sorted=False)
    return best.indices.int().cpu().numpy(), best.values.cpu().numpy()


@njit(cache=True, nogil=True)
def _top_candidates(values, m):
    n, k = values.shape
    columns = np.empty((n, m), dtype=np.int32)
    best = np.empty((n, m), dtype=values.dtype)
    for i in range(n):
        lowest, threshold = 0, values[i, 0]
        for j in range(m):
            columns[i, j] = j
            best[i, j] = values[i, j]
            if best[i, j] < threshold:
                lowest, threshold = j, best[i, j]
        for j in range(m, k):
            if values[i, j] > threshold:
                columns[i, lowest] = j
                best[i, lowest] = threshold = values[i, j]
                for c in range(m):
                    if best[i, c] < threshold:
                        lowest, threshold = c, best[i, c]
    return columns, best


@njit(cache=True, nogil=True)
def _auction(
    waiting,
    columns,
    values,
    bounds,
    prices,
    sizes,
    slot_prices,
    slot_rows,
    filled,
    labels,
    increment,
    max_bids,
):
    """Let the waiting rows bid until all are placed or have given up; returns the rows that gave up.

    The places of column j are a heap by price, the `filled[j]` first of the `sizes[j]` entries of `slot_*`
    that belong to it; its cheapest place is the one a new bid takes over. `prices`, `slot_*`, `filled` and
    `labels` are updated in place. Rows still waiting after `max_bids` stay without a label.
    """
    starts = np.cumsum(sizes) - sizes
    n, m = columns.shape
    queue = np.empty(n, dtype=np.int64)
    queue[: len(waiting)] = waiting
    head, queued = 0, len(waiting)
    given_up = np.empty(n, dtype=np.int64)
    n_given_up = 0
    for _ in range(max_bids):
        if queued == 0:
            return given_up[:n_given_up]
        row = queue[head]
        head = head + 1 if head + 1 < n else 0
        queued -= 1
        best, first, second = -1, -np.inf, bounds[row]
        for c in range(m):
            net = values[row, c] - prices[columns[row, c]]
            if net > first:
                second = max(second, first)
                first = net
                best = columns[row, c]
            elif net > second:
                second = net
        if best < 0 or first < bounds[row] - PATIENCE * increment:
            given_up[n_given_up] = row
            n_given_up += 1
            continue
        margin = first - second if second > -np.inf else 0.0
        bid = prices[best] + max(margin, 0.0) + increment
        base = starts[best]
        if filled[best] < sizes[best]:
            at = filled[best]
            filled[best] += 1
            while at > 0:
                parent = (at - 1) // 2
                if slot_prices[base + parent] <= bid:
                    break
                slot_prices[base + at] = slot_prices[base + parent]
                slot_rows[base + at] = slot_rows[base + parent]
                at = parent
        else:
            evicted = slot_rows[base]
            labels[evicted] = -1
            tail = head + queued
            queue[tail if tail < n else tail - n] = evicted
            queued += 1
            at = 0
            while True:
                child = 2 * at + 1
                if child >= sizes[best]:
                    break
                if child + 1 < sizes[best] and slot_prices[base + child + 1] < slot_prices[base + child]:
                    child += 1
                if slot_prices[base + child] >= bid:
                    break
                slot_prices[base + at] = slot_prices[base + child]
                slot_rows[base + at] = slot_rows[base + child]
                at = child
        slot_prices[base + at] = bid
        slot_rows[base + at] = row
        labels[row] = best
        if filled[best] == sizes[best]:
            prices[best] = slot_prices[base]
    return given_up[:0]


@njit(cache=True, nogil=True)
def _place_greedily(rows, net, sizes, filled, labels):
    """Put each row in its best column that has room left."""
    for r in range(len(rows)):
        best, highest = -1, -np.inf
        for j in range(len(sizes)):
            if filled[j] < sizes[j] and (best < 0 or net[r, j] > highest):
                best, highest = j, net[r, j]
        labels[rows[r]] = best
        filled[best] += 1


def _in_blocks(rows: IntArray) -> list[IntArray]:
    return [rows[start : start + RENEWAL_BLOCK] for start in range(0, len(rows), RENEWAL_BLOCK)]


def _checked_sizes(sizes: IntArray, n: int) -> IntArray:
    sizes = np.asarray(sizes)
    if sizes.ndim != 1 or sizes.dtype.kind not in "iu" or (sizes < 0).any() or sizes.sum() != n:
        raise ValueError(
            f"sizes must be whole numbers >= 0 that sum to {n}, "
            f"got shape {sizes.shape}, dtype {sizes.dtype}, sum {sizes.sum()}"
        )
    return sizes.astype(np.int64)

"""Top-down bisection: a tree from recursive two-way splits that keep the expected Dasgupta cost low."""

from __future__ import annotations

import numpy as np
from numba import njit

from hyperclade.environment import IntArray
from hyperclade.hierarchy.search import dot
from hyperclade.hierarchy.similarity import Similarity

_POWER_STEPS = 6
_MAX_SWEEPS = 20
_AXIS = 4096  # largest whole number in a direction to split along
_RESTART_BELOW = 64  # items: small nodes are cheap enough to try several starts
_RESTARTS = 4


def bisect(similarity: Similarity, *, seed: int = 0) -> IntArray:
    """Binary tree by recursive bisection on feature sums.

    A node of n rows is split into sides l, r so that ``W_l (n − ⅔n_l) + W_r (n − ⅔n_r)`` is large, W being
    the similarity within a side: the cost of the split plus the expected cost of random trees below it. Each
    split starts from the sign of the leading principal direction and moves single items while that helps.
    Time is O(n d) per sweep.

    Parameters
    ----------
    similarity : Similarity
        Similarity of n items, by features; edges are not looked at.
    seed : int

    Returns
    -------
    (n-1, 2) int64
        Merges: row i makes node n+i.

    Examples
    --------
    >>> from hyperclade.hierarchy.similarity import FeatureSimilarity
    >>> rows = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1], [0.1, 1.0]])
    >>> sorted(map(sorted, bisect(FeatureSimilarity(rows, merge_equal=False).items()).tolist()))
    [[0, 2], [1, 3], [4, 5]]
    """
    if len(similarity) == 1:
        return np.empty((0, 2), dtype=np.int64)
    return _bisect(similarity.features, similarity.sizes, similarity.offsets, similarity.scale, seed)


@njit(cache=True, nogil=True)
def _bisect(X, sizes, offsets, scale, seed):
    np.random.seed(seed)  # noqa: NPY002 - numba's own generator, one per thread
    n, d = X.shape
    items = np.arange(n)
    own = np.empty(n)  # similarity of an item with itself, which no split can change
    for i in range(n):
        own[i] = 2 * sizes[i] * offsets[i] + scale * dot(X[i], X[i])
    side = np.zeros(n, np.bool_)
    best_side = np.zeros(n, np.bool_)
    with_all = np.empty(n)
    spare = np.empty(n, np.int64)
    total = np.empty(d, np.int32)
    axis = np.empty(d, np.int32)
    work = np.empty(d)
    difference = np.empty(d, np.int32)  # feature sum of the left side minus that of the right
    merges = np.empty((n - 1, 2), np.int64)
    starts = np.empty(n, np.int64)
    stops = np.empty(n, np.int64)
    nodes = np.empty(n, np.int64)
    starts[0], stops[0], nodes[0] = 0, n, 2 * n - 2
    top, next_node = 1, 2 * n - 3
    while top > 0:
        top -= 1
        start, stop, node = starts[top], stops[top], nodes[top]
        k = stop - start
        n_left = 1
        if k > 2:
            total[:] = 0
            rows, own_sum, all_offset, squares = 0.0, 0.0, 0.0, 0.0
            for t in range(start, stop):
                i = items[t]
                rows += sizes[i]
                own_sum += own[i]
                all_offset += offsets[i]
                squares += dot(X[i], X[i]) / sizes[i]
                for c in range(d):
                    total[c] += X[i, c]
            for t in range(start, stop):
                i = items[t]
                with_all[t] = sizes[i] * all_offset + offsets[i] * rows + scale * dot(X[i], total)
            best = -np.inf
            # Equal rows have no direction to be split along: halves keep the tree shallow.
            alike = squares - dot(total, total) / rows <= 1e-6 * squares
            attempts = _RESTARTS if k <= _RESTART_BELOW else 1
            for t in range(start, stop):
                best_side[t] = t % 2 == 0
            for attempt in range(0 if alike else attempts):
                i = items[start + np.random.randint(k)]  # noqa: NPY002
                for c in range(d):
                    work[c] = X[i, c] - total[c] / rows * sizes[i]
                _rounded(work, axis)
                if attempt == 0:
                    _power_iterate(X, sizes, items, start, stop, total, rows, axis, work)
                offset = dot(total, axis) / rows
                for t in range(start, stop):
                    side[t] = dot(X[items[t]], axis) > sizes[items[t]] * offset
                if side[start:stop].all() or not side[start:stop].any():
                    continue
                value = _refine(
                    X, sizes, offsets, scale, own, items, start, stop, side, with_all, total, rows, own_sum,
                    difference,
                )  # fmt: skip
                if value > best:
                    best = value
                    best_side[start:stop] = side[start:stop]
            n_left, n_right = 0, 0
            for t in range(start, stop):
                if best_side[t]:
                    items[start + n_left] = items[t]
                    n_left += 1
                else:
                    spare[n_right] = items[t]
                    n_right += 1
            items[start + n_left : stop] = spare[:n_right]
        for s in range(2):
            low = start if s == 0 else start + n_left
            high = start + n_left if s == 0 else stop
            if high - low == 1:
                merges[node - n, s] = items[low]
            else:
                merges[node - n, s] = next_node
                starts[top], stops[top], nodes[top] = low, high, next_node
                top += 1
                next_node -= 1
    return merges


@njit(cache=True, nogil=True)
def _power_iterate(X, sizes, items, start, stop, total, rows, axis, work):
    """Turn `axis` towards the leading principal direction of the centred items."""
    d = axis.shape[0]
    for _ in range(_POWER_STEPS):
        work[:] = 0
        offset = dot(total, axis) / rows
        sum_along = 0.0
        for t in range(start, stop):
            i = items[t]
            along = dot(X[i], axis) - sizes[i] * offset
            sum_along += along * sizes[i]
            for c in range(d):
                work[c] += along * X[i, c]
        for c in range(d):
            work[c] -= sum_along * total[c] / rows
        if not _rounded(work, axis):
            return


@njit(cache=True, nogil=True)
def _rounded(work, axis):
    """`axis` in the direction of `work`, in whole numbers; False where it has none."""
    largest = 0.0
    for c in range(work.shape[0]):
        largest = max(largest, abs(work[c]))
    if largest < 1e-20:
        return False
    for c in range(work.shape[0]):
        axis[c] = np.int32(np.rint(work[c] / largest * _AXIS))
    return True


@njit(cache=True, nogil=True)
def _refine(
    X, sizes, offsets, scale, own, items, start, stop, side, with_all, total, rows, own_sum, difference
):  # fmt: skip
    """Move single items between the sides while the objective grows; returns it. Changes `side`."""
    d = total.shape[0]
    k = stop - start
    difference[:] = 0
    n_l, o_l, o_r, own_l, count_l = 0.0, 0.0, 0.0, 0.0, 0
    for t in range(start, stop):
        i = items[t]
        sign = np.int32(1 if side[t] else -1)
        if side[t]:
            n_l += sizes[i]
            o_l += offsets[i]
            own_l += own[i]
            count_l += 1
        else:
            o_r += offsets[i]
        for c in range(d):
            difference[c] += sign * X[i, c]
    square = dot(total, total) + dot(difference, difference)
    double = 2 * dot(total, difference)
    n_r = rows - n_l
    within_l = (2 * n_l * o_l + scale * (square + double) / 4 - own_l) / 2
    within_r = (2 * n_r * o_r + scale * (square - double) / 4 - (own_sum - own_l)) / 2
    for _ in range(_MAX_SWEEPS):
        moved = 0
        for t in range(start, stop):
            i = items[t]
            if count_l == (1 if side[t] else k - 1):
                continue
            # With both sides, and with the left side less the right.
            along = sizes[i] * (o_l - o_r) + offsets[i] * (n_l - n_r) + scale * dot(X[i], difference)
            to_l = (with_all[t] + along) / 2
            to_r = (with_all[t] - along) / 2
            turn = 1.0
            if side[t]:
                turn = -1.0
                to_l -= own[i]
            else:
                to_r -= own[i]
            new_l = within_l + turn * to_l
            new_r = within_r - turn * to_r
            step = turn * sizes[i]
            now = within_l * (rows - n_l * 2 / 3) + within_r * (rows - n_r * 2 / 3)
            new = new_l * (rows - (n_l + step) * 2 / 3) + new_r * (rows - (n_r - step) * 2 / 3)
            if new > now + 1e-7 * abs(now):
                within_l, within_r = new_l, new_r
                n_l += step
                n_r -= step
                o_l += turn * offsets[i]
                o_r -= turn * offsets[i]
                count_l += 1 if turn > 0 else -1
                side[t] = not side[t]
                moved += 1
                for c in range(d):
                    difference[c] += np.int32(2 * turn) * X[i, c]
        if moved <= 0.002 * k:
            break
    return within_l * (rows - n_l * 2 / 3) + within_r * (rows - n_r * 2 / 3)

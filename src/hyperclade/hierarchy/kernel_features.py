"""Features whose inner products are a Gaussian kernel of directions or of Euclidean rows (pivoted Cholesky).

The rows whose kernel the ones before explain worst become pivots, one after another; each gives one feature.
With as many pivots as rows the kernel is exact. All sums run in one order, and the exponential is computed
here from sums and products alone, so that the features are the same on every processor.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from hyperclade.environment import FloatArray

_LEAST_RESIDUAL = 1e-6  # of a kernel whose diagonal is 1: the pivots then explain all rows
_BLOCK = 256


class KernelFeatures:
    """Features f with ``⟨f(x), f(y)⟩ ≈ exp(−‖x − y‖² / 2τ)``.

    Parameters
    ----------
    sample : (s, d) float
        Rows among which pivots are chosen.
    temperature : float
        τ. For rows of length one the kernel is ``exp((cos − 1)/τ)``.
    n_pivots : int
        At most.

    Examples
    --------
    >>> rows = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    >>> features = KernelFeatures(rows, temperature=1.0, n_pivots=3)(rows)
    >>> bool(np.allclose(features @ features.T, np.exp(rows @ rows.T - 1)))
    True
    """

    def __init__(self, sample: FloatArray, temperature: float, n_pivots: int) -> None:
        sample = np.ascontiguousarray(sample, dtype=np.float64)
        self.temperature = temperature
        pivots, factor = _pivots(sample, temperature, min(n_pivots, len(sample)))
        self.points, self.factor = sample[pivots], factor

    def __call__(self, rows: FloatArray) -> FloatArray:
        """Features `(b, m)` of rows `(b, d)`."""
        rows = np.ascontiguousarray(rows, dtype=np.float64)
        return _features(rows, self.points, self.factor, self.temperature)


@njit(cache=True, nogil=True)
def _pivots(sample, temperature, count):
    """Pivots `(m,)` and the lower triangular factor `(m, m)` of their kernel."""
    n = sample.shape[0]
    columns = np.zeros((count, n))
    residual = np.ones(n)
    pivots = np.empty(count, np.int64)
    found = 0
    while found < count:
        pivot = 0
        for i in range(n):
            if residual[i] > residual[pivot]:
                pivot = i
        if residual[pivot] <= _LEAST_RESIDUAL:
            break
        pivots[found] = pivot
        root = np.sqrt(residual[pivot])
        column = columns[found]
        for i in range(n):
            column[i] = _kernel(sample[i], sample[pivot], temperature)
        for j in range(found):
            share = columns[j, pivot]
            for i in range(n):
                column[i] -= columns[j, i] * share
        for i in range(n):
            column[i] /= root
            residual[i] -= column[i] * column[i]
        residual[pivot] = 0.0
        found += 1
    factor = np.zeros((found, found))
    for j in range(found):
        for i in range(j, found):
            factor[i, j] = columns[j, pivots[i]]
    return pivots[:found], factor


@njit(cache=True, nogil=True)
def _features(rows, points, factor, temperature):
    """Forward substitution, one block of rows after another, so that inner loops run along rows."""
    n, m = rows.shape[0], points.shape[0]
    found = np.empty((n, m))
    for start in range(0, n, _BLOCK):
        stop = min(start + _BLOCK, n)
        block = np.empty((m, stop - start))
        for j in range(m):
            column = block[j]
            for i in range(stop - start):
                column[i] = _kernel(rows[start + i], points[j], temperature)
            for c in range(j):
                share = factor[j, c]
                for i in range(stop - start):
                    column[i] -= block[c, i] * share
            for i in range(stop - start):
                column[i] /= factor[j, j]
        found[start:stop] = block.T
    return found


@njit(cache=True, nogil=True)
def _kernel(x, y, temperature):
    total = 0.0
    for k in range(x.shape[0]):
        total += (x[k] - y[k]) * (x[k] - y[k])
    return _exp(-total / (2 * temperature))


@njit(cache=True, nogil=True)
def _exp(x):
    """exp of x ≤ 0 to some 15 digits: Taylor's series on [−½, 0], squared up again."""
    if x < -700.0:
        return 0.0
    halvings = 0
    while x < -0.5:
        x *= 0.5
        halvings += 1
    total = 1.0
    for k in range(16, 0, -1):
        total = 1.0 + total * x / k
    for _ in range(halvings):
        total *= total
    return total

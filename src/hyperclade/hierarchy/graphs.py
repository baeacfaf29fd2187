"""Sparse graphs built and summed in as little memory as they need themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
from numba import njit
from numpy.typing import NDArray

from hyperclade.environment import FloatArray, IntArray
from hyperclade.hierarchy.threads import in_threads

_PIECES = 8  # that rows are divided into, for all cores


def neighbour_graph(found: NDArray[np.int32]) -> scipy.sparse.csr_matrix:
    """Symmetric graph of the neighbours `found` `(m, k)` of each row, nearest first, -1 for none.

    A neighbour of rank r weighs ``(1 − r/k)/2 + c/(2k + 2)`` for its row, where c rows are both the row or a
    neighbour of it and the neighbour or one of its own; a pair weighs the mean of its two directions.

    >>> neighbour_graph(np.array([[1, 2], [0, 2], [1, 0]], dtype=np.int32)).toarray().tolist()
    [[0.0, 1.0, 0.75], [1.0, 0.0, 0.875], [0.75, 0.875, 0.0]]
    """
    m, k = found.shape
    ascending = np.sort(found, axis=1)
    weights = np.zeros((m, k), dtype=np.float32)  # of the neighbours in ascending order
    bounds = np.linspace(0, m, _PIECES + 1).astype(np.int64)

    def weigh(piece: int, check: Any) -> None:
        check()
        _weigh(found, ascending, weights, bounds[piece], bounds[piece + 1])

    in_threads(weigh, _PIECES)
    pointer, column, value = _symmetric(ascending, weights)
    return scipy.sparse.csr_matrix((value, column, pointer), shape=(m, m))


def part_graph(edges: scipy.sparse.csr_matrix, items: IntArray) -> scipy.sparse.csr_matrix:
    """The edges among the given items `(b,)`, `(b, b)`, in time that does not depend on how many others are.

    >>> edges = scipy.sparse.csr_matrix(np.array([[0, 1, 2], [1, 0, 4], [2, 4, 0]], dtype=np.float32))
    >>> part_graph(edges, np.array([2, 0])).toarray().tolist()
    [[0.0, 2.0], [2.0, 0.0]]
    """
    order = np.argsort(items, kind="stable")
    pointer, column, value = _among(
        edges.indptr, edges.indices, edges.data, items, items[order], order.astype(np.int32)
    )
    return scipy.sparse.csr_matrix((value, column, pointer), shape=(len(items), len(items)))


def group_graph(
    edges: scipy.sparse.csr_matrix, sizes: FloatArray, labels: IntArray, n_groups: int
) -> scipy.sparse.csr_matrix:
    """Sums `(K, K)` of the edges between groups of items, edges counting once for each pair of their rows.

    Parameters
    ----------
    edges : (m, m) float32 CSR, symmetric
    sizes : (m,) float64
        Rows in each item.
    labels : (m,) int64
        Group of each item, in 0..n_groups-1.

    Examples
    --------
    >>> edges = scipy.sparse.csr_matrix(np.array([[0, 1, 2], [1, 0, 4], [2, 4, 0]], dtype=np.float32))
    >>> group_graph(edges, np.array([1.0, 1.0, 3.0]), np.array([0, 0, 1]), 2).toarray().tolist()
    [[0.0, 18.0], [18.0, 0.0]]
    """
    order = np.argsort(labels, kind="stable")
    start = np.r_[0, np.cumsum(np.bincount(labels, minlength=n_groups))]
    pointer, column, value = _between_groups(
        edges.indptr, edges.indices, edges.data, sizes, labels, order, start, n_groups
    )
    return scipy.sparse.csr_matrix((value, column, pointer), shape=(n_groups, n_groups))


@njit(cache=True, nogil=True)
def _weigh(found, ascending, weights, begin, end):
    k = found.shape[1]
    for i in range(begin, end):
        for r in range(k):
            j = found[i, r]
            if j >= 0:
                at = np.searchsorted(ascending[i], j)
                shared = _in_common(i, ascending[i], j, ascending[j]) / (k + 1)
                weights[i, at] = (1 - r / k + shared) / 4


@njit(cache=True, nogil=True)
def _in_common(i, of_i, j, of_j):
    """Rows that are i or among its neighbours, and j or among its: neighbours ascending, -1 for none."""
    k = of_i.shape[0]
    count = 0
    a = b = 0
    while a < k and of_i[a] < 0:
        a += 1
    while b < k and of_j[b] < 0:
        b += 1
    while a < k and b < k:
        if of_i[a] == of_j[b]:
            count += 1
            a += 1
            b += 1
        elif of_i[a] < of_j[b]:
            a += 1
        else:
            b += 1
    for c in range(k):
        count += (of_i[c] == j) + (of_j[c] == i)
    return count


@njit(cache=True, nogil=True)
def _symmetric(ascending, weights):
    """CSR arrays of the sum of a directed graph and its transpose."""
    m, k = ascending.shape
    coming = np.zeros(m + 1, np.int64)
    for i in range(m):
        for c in range(k):
            if ascending[i, c] >= 0:
                coming[ascending[i, c] + 1] += 1
    for i in range(m):
        coming[i + 1] += coming[i]
    source = np.empty(coming[m], np.int32)
    place = np.empty(coming[m], np.int8)
    at = coming[:-1].copy()
    for i in range(m):  # rows ascend, so that each column's sources do
        for c in range(k):
            j = ascending[i, c]
            if j >= 0:
                source[at[j]] = i
                place[at[j]] = c
                at[j] += 1
    pointer = np.zeros(m + 1, np.int64)
    column = np.empty(0, np.int32)
    value = np.empty(0, np.float32)
    for fill in range(2):
        count = 0
        for i in range(m):
            a, b = 0, coming[i]
            while a < k and ascending[i, a] < 0:
                a += 1
            while a < k or b < coming[i + 1]:
                out = ascending[i, a] if a < k else m
                back = source[b] if b < coming[i + 1] else m
                if fill:
                    column[count] = min(out, back)
                    total = np.float32(0.0)
                    if out <= back:
                        total += weights[i, a]
                    if back <= out:
                        total += weights[back, place[b]]
                    value[count] = total
                if out <= back:
                    a += 1
                if back <= out:
                    b += 1
                count += 1
            pointer[i + 1] = count
        if not fill:
            column = np.empty(count, np.int32)
            value = np.empty(count, np.float32)
    return pointer, column, value


@njit(cache=True, nogil=True)
def _among(indptr, indices, data, items, ascending, order):
    count = 0
    for i in items:
        count += indptr[i + 1] - indptr[i]
    column = np.empty(count, np.int32)
    value = np.empty(count, np.float32)
    pointer = np.zeros(items.shape[0] + 1, np.int64)
    count = 0
    for t in range(items.shape[0]):
        for e in range(indptr[items[t]], indptr[items[t] + 1]):
            at = np.searchsorted(ascending, indices[e])
            if at < items.shape[0] and ascending[at] == indices[e]:
                column[count] = order[at]
                value[count] = data[e]
                count += 1
        pointer[t + 1] = count
    return pointer, column[:count].copy(), value[:count].copy()


@njit(cache=True, nogil=True)
def _between_groups(indptr, indices, data, sizes, labels, order, start, n_groups):
    pointer = np.zeros(n_groups + 1, np.int64)
    column = np.empty(0, np.int32)
    value = np.empty(0, np.float32)
    total = np.zeros(n_groups)
    seen = np.full(n_groups, -1, np.int64)
    met = np.empty(n_groups, np.int64)
    for fill in range(2):
        count = 0
        for g in range(n_groups):
            n_met = 0
            for t in range(start[g], start[g + 1]):
                i = order[t]
                for e in range(indptr[i], indptr[i + 1]):
                    j = indices[e]
                    h = labels[j]
                    if h == g:
                        continue
                    if seen[h] != g + fill * n_groups:
                        seen[h] = g + fill * n_groups
                        total[h] = 0.0
                        met[n_met] = h
                        n_met += 1
                    total[h] += data[e] * sizes[i] * sizes[j]
            if fill:
                others = np.sort(met[:n_met])
                for c in range(n_met):
                    column[count + c] = others[c]
                    value[count + c] = total[others[c]]
            count += n_met
            pointer[g + 1] = count
        if not fill:
            column = np.empty(count, np.int32)
            value = np.empty(count, np.float32)
    return pointer, column, value

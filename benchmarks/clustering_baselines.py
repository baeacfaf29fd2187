"""Trees to compare with: bisecting k-means down to single rows, and random ones."""

from typing import Any

import numpy as np
from numba import njit
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array

from hyperclade import Tree


def random_tree(n: int, random_state: int | np.random.RandomState | None = None) -> Tree:
    """Random binary tree over n leaves: at each step two clusters, drawn uniformly, merge.

    Two leaves' lowest common ancestor has 2 + ⅔(n−2) leaves in expectation.
    """
    if n < 1:
        raise ValueError(f"n={n!r} must be a number of leaves, at least 1")
    uniform = check_random_state(random_state).random_sample((n - 1, 2))
    return Tree.from_merges(_random_merges(uniform))


def bisecting_kmeans_tree(
    X: Any, random_state: int | np.random.RandomState | None = None, n_init: int = 3, max_iter: int = 20
) -> Tree:
    """Binary tree by 2-means, split after split, down to single rows (for cosine pass L2-normalised rows).

    Parameters
    ----------
    X : (n, d) float
    random_state : int, RandomState or None
        Seed of the k-means++ starts.
    n_init : int
        Starts per split; the split with the least within-cluster sum of squares counts.
    max_iter : int
        Lloyd iterations per start.

    Notes
    -----
    O(n d) per split, hence O(n d log n) for balanced splits. Rows that no split can tell apart are halved.
    """
    X = check_array(X, dtype=np.float64, order="C")
    if n_init < 1 or max_iter < 1:
        raise ValueError(f"n_init={n_init} and max_iter={max_iter} must be at least 1")
    seed = check_random_state(random_state).randint(2**31 - 1)
    # Centred, ‖x‖² − 2⟨x,c⟩ + ‖c‖² cancels less.
    return Tree.from_merges(_bisect(X - X.mean(axis=0), seed, n_init, max_iter))


@njit(cache=True)
def _random_merges(uniform):
    n = len(uniform) + 1
    roots = np.arange(n)
    merges = np.empty((n - 1, 2), np.int64)
    for i in range(n - 1):
        left = n - i
        for side in range(2):
            pick = int(uniform[i, side] * left)
            left -= 1
            merges[i, side] = roots[pick]
            roots[pick] = roots[left]
        roots[left] = n + i
    return merges


@njit(cache=True)
def _bisect(X, seed, n_init, max_iter):
    np.random.seed(seed)  # noqa: NPY002 - numba's own generator, not numpy's global one
    n = len(X)
    merges = np.empty((n - 1, 2), np.int64)
    rows = np.arange(n)
    # A stack of row segments; a segment's node gets its number when it is pushed, counting down.
    start, stop, node = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    start[0], stop[0], node[0] = 0, n, 2 * n - 2
    top = 1 if n > 1 else 0
    free = 2 * n - 3
    while top:
        top -= 1
        low, high, parent = start[top], stop[top], node[top]
        side = _two_means(X, rows[low:high], n_init, max_iter)
        middle = low
        held = rows[low:high].copy()
        for value in range(2):
            for i in range(high - low):
                if side[i] == value:
                    rows[middle] = held[i]
                    middle += 1
            if value == 0:
                split = middle
        for child in range(2):
            a = low if child == 0 else split
            b = split if child == 0 else high
            if b - a == 1:
                merges[parent - n, child] = rows[a]
            else:
                merges[parent - n, child] = free
                start[top], stop[top], node[top] = a, b, free
                top += 1
                free -= 1
    return merges


@njit(cache=True)
def _two_means(X, rows, n_init, max_iter):
    """Sides 0/1 of the rows, neither empty, of the best of n_init runs of 2-means."""
    m, dim = len(rows), X.shape[1]
    best = np.zeros(m, np.int8)
    best[m // 2 :] = 1
    if m == 2:
        return best
    most = 0.0
    side = np.empty(m, np.int8)
    away = np.empty(m)
    direction = np.empty(dim)
    sums = np.empty((2, dim))
    for _ in range(n_init):
        # k-means++: the second centre with probability proportional to the squared distance from the first.
        first = rows[np.random.randint(m)]  # noqa: NPY002
        total = 0.0
        for i in range(m):
            gap = 0.0
            for d in range(dim):
                gap += (X[rows[i], d] - X[first, d]) ** 2
            total += gap
            away[i] = total
        if total == 0:
            return best
        second = rows[min(np.searchsorted(away, np.random.random() * total, side="right"), m - 1)]  # noqa: NPY002
        sums[0], sums[1] = X[first], X[second]
        count0, count1 = 1, 1
        side[:] = -1
        for _ in range(max_iter):
            offset = 0.0
            for d in range(dim):
                a, b = sums[0, d] / count0, sums[1, d] / count1
                direction[d] = b - a
                offset += (b - a) * (a + b) / 2
            sums[:] = 0
            count1 = 0
            changed = False
            for i in range(m):
                projected = 0.0
                for d in range(dim):
                    projected += X[rows[i], d] * direction[d]
                new = 1 if projected > offset else 0
                changed |= new != side[i]
                side[i] = new
                count1 += new
                for d in range(dim):
                    sums[new, d] += X[rows[i], d]
            count0 = m - count1
            if not changed or count0 == 0 or count1 == 0:
                break
        if count0 == 0 or count1 == 0:
            continue
        # The within-cluster sum of squares is least where ‖S_0‖²/n_0 + ‖S_1‖²/n_1 is largest.
        explained = 0.0
        for d in range(dim):
            explained += sums[0, d] ** 2 / count0 + sums[1, d] ** 2 / count1
        if explained > most:
            most = explained
            best[:] = side
    return best

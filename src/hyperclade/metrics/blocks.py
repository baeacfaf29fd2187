"""How block-structured a similarity matrix is in a given order; the figure beside it is in `report`."""

import math

import numpy as np
from numpy.typing import ArrayLike

from hyperclade.environment import FloatArray


def block_score(similarity: ArrayLike, order: ArrayLike | None = None) -> float:
    """Correlation of similarity with nearness in an order: do similar items stand together?

    Over the pairs of positions p < q, Pearson's correlation of the similarity ``S[order[p], order[q]]`` with
    the nearness ``−log(q − p)``. The logarithm lets blocks of every size count: each doubling of the gap
    weighs the same, from neighbours to opposite ends. The diagonal plays no part.

    The mean over all orders of the same items is exactly 0, and `block_score_spread` is the standard
    deviation over them (the statistic of Mantel's test, 1967), so that scores of different orders of one
    matrix compare. Reversed orders score the same, as do matrices scaled and shifted. An order found from the
    matrix itself scores above 0 on pure noise too; compare it then with the same procedure on shuffled data.

    Parameters
    ----------
    similarity : (k, k) float
        Symmetric.
    order : (k,) int, optional
        Items by position, a permutation. Default: as they are.

    Returns
    -------
    float in [−1, 1]
        0 where all pairs are equally similar, or there is only one pair or none. 1 is reached only by a
        similarity that falls with the logarithm of the gap; plain blocks stay below.

    Raises
    ------
    ValueError
        If the matrix is not square, finite and symmetric, or the order no permutation.

    Examples
    --------
    >>> similarity = np.kron(np.eye(2), np.ones((3, 3)))  # two blocks of three
    >>> round(block_score(similarity), 3), round(block_score(similarity, [0, 3, 1, 4, 2, 5]), 3)
    (0.68, -0.332)
    """
    matrix = _checked(similarity)
    k = len(matrix)
    if order is not None:
        positions = np.asarray(order)
        if positions.shape != (k,) or not np.array_equal(np.sort(positions), np.arange(k)):
            raise ValueError(f"order must hold each of 0..{k - 1} once, got an array of {positions.shape}")
        matrix = matrix[np.ix_(positions, positions)]
    matrix, nearness = _centred(matrix), _centred(_nearness(k))
    scale = np.linalg.norm(matrix) * np.linalg.norm(nearness)
    return float(np.clip((matrix * nearness).sum() / scale, -1, 1)) if scale > 0 else 0.0


def block_score_spread(similarity: ArrayLike) -> float:
    """Standard deviation of `block_score` over all orders of the items, in closed form and O(k²).

    From the second moment of Mantel's statistic under permutation (Mantel 1967): products of two pairs are
    averaged apart for equal pairs, pairs that share an item, and pairs that share none.

    Parameters
    ----------
    similarity : (k, k) float
        Symmetric.

    Returns
    -------
    float
        0 where every order scores 0.

    Examples
    --------
    >>> similarity = np.kron(np.eye(2), np.ones((3, 3)))
    >>> round(block_score(similarity) / block_score_spread(similarity), 2)  # standard deviations above chance
    2.43
    """
    matrix = _centred(_checked(similarity))
    k = len(matrix)
    moments = [_moments(matrix), _moments(_centred(_nearness(k)))]
    if min(squares for squares, _, _ in moments) <= 0:
        return 0.0
    counts = [k * (k - 1) // 2, k * (k - 1) * (k - 2), k * (k - 1) * (k - 2) * (k - 3) // 4]
    terms = np.prod(moments, axis=0) / np.maximum(counts, 1)
    return math.sqrt(max(terms.sum(), 0.0) / (moments[0][0] * moments[1][0]))


def _checked(similarity: ArrayLike) -> FloatArray:
    matrix = np.asarray(similarity, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise ValueError(f"similarity must be a square matrix, k by k, got shape {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise ValueError("similarity holds NaN or infinite values; every pair needs a similarity")
    if not np.allclose(matrix, matrix.T, rtol=1e-5, atol=1e-8 * np.abs(matrix).max()):
        raise ValueError("similarity must be symmetric; take the mean of the matrix and its transpose")
    return matrix


def _nearness(k: int) -> FloatArray:
    """−log of the gap between two positions; 0 on the diagonal, which `_centred` leaves out."""
    gap = np.abs(np.arange(k)[:, None] - np.arange(k))
    return -np.log(np.maximum(gap, 1))


def _centred(matrix: FloatArray) -> FloatArray:
    """Minus the mean off the diagonal, and 0 on it; all 0 where only rounding would be left."""
    k = len(matrix)
    off = ~np.eye(k, dtype=bool)
    if k < 2:
        return np.zeros_like(matrix)
    centred = np.where(off, matrix - matrix[off].mean(), 0.0)
    return centred if np.abs(centred).max() > 1e-12 * np.abs(matrix[off]).max() else np.zeros_like(matrix)


def _moments(centred: FloatArray) -> tuple[float, float, float]:
    """Sums of products of two pairs: equal, sharing one item (ordered), sharing none (ordered).

    The three add up to the square of the sum over pairs, 0 after centring.
    """
    squares = np.square(centred).sum() / 2
    rows = np.square(centred.sum(axis=1)).sum()
    return squares, rows - 2 * squares, squares - rows

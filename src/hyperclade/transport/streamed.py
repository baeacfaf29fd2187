"""Entropic optimal transport in the log domain, for score matrices that need not fit in memory.

Rows come in blocks, one data pass is one Sinkhorn step. Each block contributes one vector of per-column
log-sums; only these vectors are combined, over blocks and, under `torch.distributed`, over processes that
each hold a share of the rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from scipy.special import log_softmax, logsumexp

from hyperclade.environment import FloatArray
from hyperclade.transport.shards import log_sum_over_processes

_SCARCE = 1e-280  # column sums above this are not touched by what underflows in them


@dataclass(frozen=True)
class StreamedSinkhornResult:
    """Column dual of a streamed problem: a block's plan is `softmax((scores + column_dual) / epsilon, 1)`.

    Attributes
    ----------
    column_dual : (k,) float64
        In the units of the scores.
    iterations : int
        Data passes made.
    residual : float
        Largest relative violation of a column sum at the last pass.
    converged : bool
        Whether `residual` is within the tolerance.
    """

    column_dual: FloatArray
    iterations: int
    residual: float
    converged: bool


def sinkhorn_streamed(
    score_blocks: Iterable[Any],
    column_marginal: Any = None,
    epsilon: float = 0.05,
    *,
    max_passes: int = 100,
    tolerance: float = 1e-3,
    column_dual: Any = None,
) -> StreamedSinkhornResult:
    """Maximise ⟨P, scores⟩ + epsilon · H(P) over plans P of equal rows and given column sums (sHHC Eq. 4–6).

    Memory is one block plus vectors of length k. Each step sets the rows exactly; iteration stops when no
    column sum is off by more than `tolerance` of its own target, whatever n is. Under an initialised
    `torch.distributed` each process passes its own rows, and all end with the same dual.

    Parameters
    ----------
    score_blocks : iterable of (b, k) float array or tensor
        In row order, afresh for every pass (not a generator); larger is better. Log-posteriors make this the
        self-labelling problem with λ = 1/epsilon.
    column_marginal : (k,) float, optional
        At least 0, of any total; uniform if None.
    epsilon : float
        Weight of the entropy, > 0, in the units of the scores.
    max_passes : int
        Upper limit of data passes.
    tolerance : float
        Largest accepted relative violation of a column sum.
    column_dual : (k,) float, optional
        Where to start. The dual of a larger epsilon, or of a subsample, saves passes.

    Returns
    -------
    StreamedSinkhornResult

    Raises
    ------
    ValueError
        Blocks of unequal width, exhausted or empty, a wrong marginal, non-finite scores.

    Examples
    --------
    >>> scores = np.array([[3.0, 0.0], [2.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    >>> result = sinkhorn_streamed(np.split(scores, 2), epsilon=0.5)
    >>> np.exp(column_log_sums(scores + result.column_dual, 0.5)).round(2)
    array([2., 2.])
    """
    if iter(score_blocks) is score_blocks:
        raise ValueError("score_blocks is read once per pass: give a list, no generator")
    if not epsilon > 0 or max_passes < 1:
        raise ValueError(f"epsilon and max_passes must be positive, got {epsilon} and {max_passes}")
    log_targets = dual = None
    for passes in range(1, max_passes + 1):
        total = None
        for block in score_blocks:
            if log_targets is None or dual is None:
                log_targets = log_shares(column_marginal, block.shape[1])
                dual = _first_dual(column_dual, log_targets)
            elif block.shape[1] != len(log_targets):
                raise ValueError(f"blocks differ in width: {len(log_targets)} and {block.shape[1]}")
            partial = column_log_sums(block + _like(dual, block), epsilon)
            total = partial if total is None else np.logaddexp(total, partial)
        if total is None or log_targets is None or dual is None:
            raise ValueError("score_blocks holds no rows")
        total = log_sum_over_processes(total)
        if np.isnan(total).any():
            raise ValueError("scores must be finite; found NaN or infinity")
        total = total - np.logaddexp.reduce(total)
        residual = relative_violation(total, log_targets)
        if residual <= tolerance:
            break
        # The last residual must belong to the dual that is returned.
        if passes < max_passes:
            dual = updated_column_dual(dual, total, log_targets, epsilon)
    assert dual is not None
    return StreamedSinkhornResult(dual, passes, residual, residual <= tolerance)


def column_log_sums(scores: Any, epsilon: float) -> FloatArray:
    """Logarithms of the column sums of `softmax(scores / epsilon, 1)`, `(k,) float64`.

    Parameters
    ----------
    scores : (b, k) float array or tensor
        Column dual included. Arrays are summed in float64, tensors where they are and as precisely as they
        are. Combine blocks with `np.logaddexp`.
    epsilon : float

    Examples
    --------
    >>> np.exp(column_log_sums(np.zeros((6, 3)), 1.0))
    array([2., 2., 2.])
    """
    if not isinstance(scores, np.ndarray):
        return _log_sums_of_tensor(scores, epsilon)
    highest = scores.max(axis=1)
    if not np.isfinite(highest).all():
        return np.full(scores.shape[1], np.nan)
    sums = _plan_sums(scores, highest, epsilon)
    # Only when some column is next to empty are its entries needed as logarithms.
    if sums.min() > _SCARCE:
        return np.log(sums)
    return logsumexp(log_softmax(scores.astype(np.float64) / epsilon, axis=1), axis=0)


def relative_violation(log_sums: FloatArray, log_targets: FloatArray) -> float:
    """Largest |sum − target| / target over columns with a target above zero.

    Examples
    --------
    >>> round(relative_violation(np.log([0.5, 0.5]), np.log([0.4, 0.6])), 4)
    0.25
    """
    wanted = log_targets > -np.inf
    with np.errstate(over="ignore"):
        return float(np.abs(np.expm1(log_sums[wanted] - log_targets[wanted])).max())


def updated_column_dual(
    dual: FloatArray, log_sums: FloatArray, log_targets: FloatArray, epsilon: float
) -> FloatArray:
    """Column dual after one Sinkhorn step; columns without a target stay shut (−∞).

    Examples
    --------
    >>> updated_column_dual(np.zeros(2), np.log([0.8, 0.2]), np.log([0.5, 0.5]), 1.0).round(4)
    array([-0.47  ,  0.9163])
    """
    with np.errstate(invalid="ignore"):
        return np.where(log_targets > -np.inf, dual + epsilon * (log_targets - log_sums), -np.inf)


def log_shares(marginal: Any, k: int) -> FloatArray:
    """Logarithms of a marginal scaled to sum to one, uniform if None: `(k,) float64`.

    Raises
    ------
    ValueError
        Wrong length, negative or non-finite entries, or nothing above zero.

    Examples
    --------
    >>> np.exp(log_shares([1, 3], 2))
    array([0.25, 0.75])
    """
    if marginal is None:
        return np.full(k, -math.log(k))
    marginal = np.asarray(marginal, dtype=np.float64)
    if marginal.shape != (k,):
        raise ValueError(f"column_marginal must be ({k},), got {marginal.shape}")
    if not (np.isfinite(marginal) & (marginal >= 0)).all() or marginal.sum() <= 0:
        raise ValueError("column_marginal must be finite and >= 0 with a positive sum")
    with np.errstate(divide="ignore"):
        return np.log(marginal / marginal.sum())


def _first_dual(given: Any, log_targets: FloatArray) -> FloatArray:
    dual = np.zeros_like(log_targets) if given is None else np.asarray(given, dtype=np.float64)
    if dual.shape != log_targets.shape:
        raise ValueError(f"column_dual must be ({len(log_targets)},), got {dual.shape}")
    return np.where(log_targets > -np.inf, dual, -np.inf)


def _like(vector: FloatArray, block: Any) -> Any:
    """A vector as precise as a block, and where that is."""
    return vector.astype(block.dtype) if isinstance(block, np.ndarray) else block.new_tensor(vector)


def _log_sums_of_tensor(scores: Any, epsilon: float) -> FloatArray:
    import torch

    with torch.no_grad():
        logits = scores / epsilon
        sums = torch.softmax(logits, 1).sum(0)
        if float(sums.min()) > torch.finfo(logits.dtype).tiny * 1e8 * len(logits):
            log_sums = sums.log()
        else:
            log_sums = torch.logsumexp(torch.log_softmax(logits, 1), 0)
        return log_sums.double().cpu().numpy()


# exp x = 2^w exp r, w whole and |r| ≤ log(2)/2. Adding this rounds to whole numbers, which are then in the
# lowest bits; subtracting it gives their value.
_ROUNDING = 1.5 * 2.0**52
_LOG2_HIGH, _LOG2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_C = tuple(1 / math.factorial(i) for i in range(14))


@njit(cache=True, nogil=True)
def _plan_sums(scores, highest, epsilon):
    """Column sums of `softmax(scores / epsilon, 1)`, by an exponential that processors vectorise alike."""
    n, k = scores.shape
    sums = np.zeros(k)
    power, whole = np.empty(k), np.empty(k)
    power_bits, whole_bits = power.view(np.int64), whole.view(np.int64)
    for i in range(n):
        high = np.float64(highest[i])
        for j in range(k):
            x = max((scores[i, j] - high) / epsilon, -708.0)
            whole[j] = x / math.log(2.0) + _ROUNDING
            r = x - (whole[j] - _ROUNDING) * _LOG2_HIGH - (whole[j] - _ROUNDING) * _LOG2_LOW
            series = _C[13]
            for c in range(12, -1, -1):
                series = series * r + _C[c]
            power[j] = series
        for j in range(k):
            power_bits[j] += whole_bits[j] << 52  # times 2^w
        share = 1 / power.sum()
        for j in range(k):
            sums[j] += power[j] * share
    return sums

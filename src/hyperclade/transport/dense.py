"""Entropic optimal transport in the log domain, for score matrices that fit in memory."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

# Entropy is annealed towards its final value when the scores span more than this many multiples of epsilon.
ANNEAL_ABOVE = 50.0
ANNEAL_FACTOR = 0.25
ANNEAL_ITERATIONS = 20


@dataclass(frozen=True)
class SinkhornResult:
    """Transport plan `exp((scores + row_dual[:, None] + column_dual[None, :]) / epsilon)` and how it came
    about.

    Arrays are numpy or torch, as the scores were. The plan is computed when asked for; its rows sum to the
    row marginal up to rounding, its columns to the column marginal up to `residual`.

    Attributes:
        row_dual: `(n,) float`, in the units of the scores.
        column_dual: `(k,) float`, likewise; hand it to the next call as a warm start.
        iterations: Sinkhorn steps taken, annealing included.
        residual: largest relative violation of a column sum, |sum − target| / target.
        converged: whether `residual` is within the tolerance.
        epsilon: weight of the entropy.
    """

    row_dual: Any
    column_dual: Any
    iterations: int
    residual: float
    converged: bool
    epsilon: float
    scores: Tensor = field(repr=False)
    row_marginal: Tensor = field(repr=False)

    @property
    def log_plan(self) -> Any:
        """Logarithm of the plan, `(n, k) float`."""
        dual = torch.as_tensor(self.column_dual, device=self.scores.device)
        log_plan = (
            torch.log_softmax((self.scores + dual) / self.epsilon, 1) + self.row_marginal.log()[:, None]
        )
        return log_plan.numpy() if isinstance(self.row_dual, np.ndarray) else log_plan

    @property
    def plan(self) -> Any:
        """The plan, `(n, k) float`."""
        return np.exp(self.log_plan) if isinstance(self.row_dual, np.ndarray) else self.log_plan.exp()


@torch.no_grad()
def sinkhorn(
    scores: Any,
    row_marginal: Any = None,
    column_marginal: Any = None,
    epsilon: float = 0.05,
    *,
    max_iterations: int = 1000,
    tolerance: float = 1e-3,
    column_dual: Any = None,
) -> SinkhornResult:
    """Maximise ⟨P, scores⟩ + epsilon · H(P) over plans P with given row and column sums (sHHC Eq. 4–6).

    Works on logarithms throughout, so any epsilon is safe in float32. Without a warm start, entropy is
    annealed from the span of the scores down to `epsilon`. Each step sets the rows exactly; iteration stops
    when no column sum is off by more than `tolerance` of its own target, whatever n is.

    Args:
        scores: `(n, k) float32 | float64`, numpy or torch on any device; larger is better. Log-posteriors
            make this the self-labelling problem with λ = 1/epsilon.
        row_marginal: `(n,) float >= 0`; uniform if None.
        column_marginal: `(k,) float >= 0` of the same total; uniform if None.
        epsilon: weight of the entropy, > 0, in the units of the scores.
        max_iterations: upper limit of Sinkhorn steps.
        tolerance: largest accepted relative violation of a column sum.
        column_dual: `(k,) float` to start from, as returned for similar scores. The matching row dual follows
            from it.

    Raises:
        ValueError: wrong shapes or dtypes, non-finite scores, marginals negative or of unequal totals.

    >>> result = sinkhorn(np.array([[3.0, 0.0], [2.0, 0.0], [1.0, 0.0], [0.0, 0.0]]), epsilon=0.01)
    >>> (4 * result.plan).round(2)
    array([[1., 0.],
           [1., 0.],
           [0., 1.],
           [0., 1.]])
    """
    tensor = as_score_tensor(scores)
    k = tensor.shape[1]
    rows, columns = _marginals(row_marginal, column_marginal, tensor)
    low, high = (float(extreme) for extreme in tensor.aminmax())
    if not math.isfinite(low) or not math.isfinite(high):
        raise ValueError("scores must be finite; found NaN or infinity")
    if not epsilon > 0 or max(abs(low), abs(high)) / epsilon > torch.finfo(tensor.dtype).max / 8:
        raise ValueError(f"epsilon must be > 0 and not vanish against the scores, got {epsilon}")
    log_columns = columns.log()
    if max_iterations < 1:
        raise ValueError(f"max_iterations must be at least 1, got {max_iterations}")
    if column_dual is None:
        dual = torch.where(columns > 0, 0.0, -torch.inf).to(tensor)
        stages = max(
            0, math.ceil(math.log(max(high - low, epsilon) / epsilon / ANNEAL_ABOVE, 1 / ANNEAL_FACTOR))
        )
    else:
        dual = torch.where(columns > 0, torch.as_tensor(column_dual).to(tensor), -torch.inf)
        stages = 0
        if dual.shape != (k,) or bool((dual.isnan() | (dual == torch.inf)).any()):
            raise ValueError(f"column_dual must be ({k},) without NaN or infinity")

    iterations, residual = 0, math.inf
    for stage in range(stages, -1, -1):
        level = epsilon / ANNEAL_FACTOR**stage
        limit = min(iterations + ANNEAL_ITERATIONS, max_iterations - 1) if stage else max_iterations
        goal = max(tolerance, 0.1) if stage else tolerance
        while iterations < limit:
            log_sums = column_log_sums((tensor + dual) / level, rows)
            iterations += 1
            residual = relative_violation(log_sums, log_columns)
            # The last residual must belong to the dual that is returned.
            if residual <= goal or iterations == max_iterations:
                break
            dual = updated_column_dual(dual, log_sums, log_columns, level)
    row_dual = epsilon * (rows.log() - torch.logsumexp((tensor + dual) / epsilon, 1))
    is_numpy = not isinstance(scores, Tensor)
    return SinkhornResult(
        row_dual.numpy() if is_numpy else row_dual,
        dual.numpy() if is_numpy else dual,
        iterations,
        residual,
        residual <= tolerance,
        epsilon,
        tensor,
        rows,
    )


def column_log_sums(logits: Tensor, row_marginal: Tensor | None = None) -> Tensor:
    """Logarithms of the column sums of the plan whose rows are `softmax(logits)` times the row marginal:
    `(k,)`.

    >>> column_log_sums(torch.zeros(6, 3)).exp()
    tensor([2., 2., 2.])
    """
    plan = torch.softmax(logits, 1)
    sums = plan.sum(0) if row_marginal is None else row_marginal @ plan
    # Entries that underflow cannot matter in a sum far above the smallest number; only when some column is
    # emptier than that are its entries needed as logarithms.
    if float(sums.min()) > torch.finfo(logits.dtype).tiny * 1e8 * len(logits):
        return sums.log()
    log_plan = torch.log_softmax(logits, 1)
    if row_marginal is not None:
        log_plan += row_marginal.log()[:, None]
    return torch.logsumexp(log_plan, 0)


def relative_violation(log_sums: Tensor, log_targets: Tensor) -> float:
    """Largest |sum − target| / target over columns with a target above zero.

    >>> round(relative_violation(torch.tensor([0.5, 0.5]).log(), torch.tensor([0.4, 0.6]).log()), 4)
    0.25
    """
    wanted = log_targets > -torch.inf
    return float(torch.expm1(log_sums[wanted] - log_targets[wanted]).abs().max())


def updated_column_dual(dual: Tensor, log_sums: Tensor, log_targets: Tensor, epsilon: float) -> Tensor:
    """Column dual after one Sinkhorn step; columns without a target stay shut (−∞).

    >>> sums, targets = torch.tensor([0.8, 0.2]), torch.tensor([0.5, 0.5])
    >>> updated_column_dual(torch.zeros(2), sums.log(), targets.log(), 1.0)
    tensor([-0.4700,  0.9163])
    """
    return torch.where(log_targets > -torch.inf, dual + epsilon * (log_targets - log_sums), -torch.inf)


def as_score_tensor(scores: Any) -> Tensor:
    """Scores as a `(n, k)` tensor that shares their memory.

    Raises:
        ValueError: not two-dimensional, empty, or neither float32 nor float64.

    >>> as_score_tensor(np.zeros((2, 3))).shape
    torch.Size([2, 3])
    """
    if not isinstance(scores, Tensor):
        scores = np.asarray(scores)
        if scores.dtype in (np.float32, np.float64):
            scores = torch.from_numpy(scores if scores.flags.writeable else scores.copy())
    if scores.ndim != 2 or 0 in scores.shape or scores.dtype not in (torch.float32, torch.float64):
        raise ValueError(
            "scores must be a non-empty (n, k) array of float32 or float64, "
            f"got shape {tuple(scores.shape)} and dtype {scores.dtype}"
        )
    return scores.detach()


def checked_marginal(marginal: Any, length: int, name: str) -> Tensor:
    """A marginal as a float64 tensor `(length,)`.

    Raises:
        ValueError: wrong length, negative or non-finite entries, or nothing above zero.

    >>> checked_marginal([1, 3], 2, "row_marginal")
    tensor([1., 3.], dtype=torch.float64)
    """
    marginal = torch.as_tensor(marginal, dtype=torch.float64)
    if marginal.shape != (length,):
        raise ValueError(f"{name} must be ({length},), got {tuple(marginal.shape)}")
    if not bool((marginal.isfinite() & (marginal >= 0)).all()) or float(marginal.sum()) <= 0:
        raise ValueError(f"{name} must be finite and >= 0 with a positive sum")
    return marginal


def _marginals(row_marginal: Any, column_marginal: Any, scores: Tensor) -> tuple[Tensor, Tensor]:
    """Both marginals like the scores; a missing one is uniform with the total of the other."""
    n, k = scores.shape
    rows = None if row_marginal is None else checked_marginal(row_marginal, n, "row_marginal")
    columns = None if column_marginal is None else checked_marginal(column_marginal, k, "column_marginal")
    total = float(next((m.sum() for m in (rows, columns) if m is not None), 1.0))
    if rows is None:
        rows = torch.full((n,), total / n, dtype=torch.float64)
    if columns is None:
        columns = torch.full((k,), total / k, dtype=torch.float64)
    if not math.isclose(float(rows.sum()), float(columns.sum()), rel_tol=1e-5):
        raise ValueError(
            f"row and column marginal must have the same total, got {float(rows.sum())} and "
            f"{float(columns.sum())}"
        )
    return rows.to(scores), columns.to(scores)

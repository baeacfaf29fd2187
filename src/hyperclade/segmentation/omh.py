"""OMH (Ozaydin et al. 2024): levels of clusters, their hierarchy an optimal transport between centres."""

import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from hyperclade.environment import FloatArray, IntArray
from hyperclade.segmentation.config import Hierarchy
from hyperclade.segmentation.kmeans import spherical_kmeans
from hyperclade.transport.streamed import StreamedSinkhornResult, sinkhorn_streamed

_ANNEALED = 0.7  # share of the steps over which the temperature falls, and centres are moved
_IDLE = 0.02  # of the places that a centre of its level has on average
_PASSES = 200
_LAST_PASSES = 5000
_WARM = 0.1  # a temperature at which a few passes suffice
_TOLERANCE = 1e-3


class MatchedHierarchy(nn.Module):
    """Levels of clusters of codes, coarse to fine, which shape the codes and one another.

    Memberships are M = max(cos(centre, code), 0). A clustering loss draws codes to the centre of each level
    that they are nearest to (OMH Eq. 3, its trace); a matching loss |M̂ − M| compares the memberships of a
    level with those of the finer one, carried up by the plan A between their centres: M̂_k = max_l A_kl M_l
    (Eq. 9–11).

    Parameters
    ----------
    settings : Hierarchy
    n_clusters, n_code : int
    seed : int
        Of the first centres.
    """

    duals: Tensor
    begun: Tensor
    n_steps: Tensor
    nearest: Tensor

    def __init__(self, settings: Hierarchy, n_clusters: int, n_code: int, *, seed: int = 0) -> None:
        super().__init__()
        self.settings = settings
        self.sizes = settings.sizes(n_clusters)
        self.seed = seed
        self.centres = nn.ParameterList([nn.Parameter(torch.randn(size, n_code)) for size in self.sizes])
        # Where the plans of the next step begin.
        shape = (len(self.sizes), max(self.sizes))
        self.register_buffer("duals", torch.zeros(shape, dtype=torch.float64))
        self.register_buffer("nearest", torch.zeros(shape, dtype=torch.int64))
        self.register_buffer("n_steps", torch.tensor(0))
        self.register_buffer("begun", torch.tensor(settings.first == "random"))

    def loss(self, codes: Tensor, done: float) -> dict[str, Tensor]:
        """Weighted sum ("hierarchy") and its parts, of codes `(b, n_code, h, w)` at a share of the steps."""
        if done < self.settings.start:
            return {"hierarchy": codes.sum() * 0}
        rows = normalize(codes.permute(0, 2, 3, 1).flatten(0, 2), dim=1)
        if not self.begun:
            self._begin(rows.detach())
        if self.training and self.settings.revive and done < _ANNEALED:
            self._revive(rows.detach())
        members = [(rows @ normalize(centres, dim=1).mT).relu() for centres in self.centres]
        parts = {"cluster": torch.stack([-of.amax(1).mean() for of in members]).sum()}
        total = self.settings.sparsity * parts["cluster"]
        if len(members) > 1:
            temperature = temperature_at(self.settings, done)
            matching = [
                (carried_up(fine, self.plan(level, temperature).to(fine)) - coarse).abs().mean()
                for level, (coarse, fine) in enumerate(pairwise(members))
            ]
            parts["match"] = torch.stack(matching).sum()
            total = total + self.settings.structure * parts["match"]
        return parts | {"hierarchy": total}

    @torch.no_grad()
    def plan(self, level: int, temperature: float | None = None) -> Tensor:
        """The plan between a level and the next finer one, `(K_i, K_i+1) float64`, scaled as settings say.

        It begins where the last plan between these levels ended.
        """
        coarse, fine = (
            normalize(centres.detach().double(), dim=1) for centres in self.centres[level : level + 2]
        )
        scores = (coarse @ fine.mT).relu().cpu().numpy()
        dual = self.duals[level, : scores.shape[1]]
        found, plan = transport_plan(
            scores, self.settings.temperature if temperature is None else temperature, dual.cpu().numpy()
        )
        dual.copy_(torch.from_numpy(found))
        return torch.from_numpy(plan * (scores.shape[1] if self.settings.plan == "columns" else 1.0))

    @torch.no_grad()
    def _revive(self, rows: Tensor) -> None:
        """Count how many places are nearest to each centre, and now and then move those that have few."""
        for centres, counts in zip(self.centres, self.nearest, strict=True):
            own = counts[: len(centres)]
            if self.n_steps and self.n_steps % self.settings.revive == 0:
                idle = own < _IDLE * own.sum() / len(centres)
                chosen = torch.randint(len(rows), (int(idle.sum()),)).to(rows.device)
                centres[idle] = rows[chosen] * centres.norm(dim=1).mean()
                own.zero_()
            own += torch.bincount((rows @ normalize(centres, dim=1).mT).argmax(1), minlength=len(own))
        self.n_steps += 1

    def _begin(self, rows: Tensor) -> None:
        for level, centres in enumerate(self.centres):
            if len(rows) >= len(centres):
                found, _ = spherical_kmeans(rows, len(centres), seed=self.seed + level, restarts=1)
                centres.data.copy_(found)
        self.begun.fill_(True)


def temperature_at(settings: Hierarchy, done: float) -> float:
    """λ when a share of the steps is done.

    >>> [temperature_at(Hierarchy(temperature=0.01, anneal_from=0.1), done) for done in (0.0, 1.0)]
    [0.1, 0.01]
    """
    if settings.anneal_from is None:
        return settings.temperature
    way = min(1.0, done / _ANNEALED)
    return settings.anneal_from * (settings.temperature / settings.anneal_from) ** way


def transport_plan(
    scores: FloatArray, temperature: float, column_dual: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Maximiser A of ⟨A, scores⟩ + λ · entropy(A) with rows of sum 1/K and columns of sum 1/K' (OMH Eq. 7).

    In the log domain, so that small λ does not underflow.

    Parameters
    ----------
    scores : (K, K') float64
        Similarities; 1 less the cost.
    temperature : float
        λ, above 0.
    column_dual : (K',) float64, optional
        Where to start.

    Returns
    -------
    (K',) and (K, K') float64
        Column dual and plan; rows are exact, columns within a thousandth.

    Examples
    --------
    >>> _, plan = transport_plan(np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]]), 0.01)
    >>> plan.round(3).tolist()
    [[0.25, 0.25, 0.0, 0.0], [0.0, 0.0, 0.25, 0.25]]
    """
    dual = _dual(scores, temperature, column_dual)
    logits = (scores + dual) / temperature
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return dual, shares / shares.sum(axis=1, keepdims=True) / len(scores)


def _dual(scores: FloatArray, temperature: float, start: FloatArray | None) -> FloatArray:
    """By way of higher temperatures where few passes do not lead there: at low ones each gains little."""

    def after(temperature: float, passes: int, start: FloatArray | None) -> StreamedSinkhornResult:
        return sinkhorn_streamed(
            [scores], epsilon=temperature, max_passes=passes, tolerance=_TOLERANCE, column_dual=start
        )

    found = after(temperature, _PASSES, start)
    if not found.converged:
        halvings = max(0, math.ceil(math.log2(_WARM / temperature)))
        for halving in range(halvings, 0, -1):
            found = after(temperature * 2**halving, _PASSES, found.column_dual)
        found = after(temperature, _LAST_PASSES, found.column_dual)
    return found.column_dual


def matched_parents(coarse: FloatArray, fine: FloatArray, temperature: float) -> IntArray:
    """The coarser cluster that most of each finer one goes to in the plan between their directions.

    Parameters
    ----------
    coarse, fine : (K, d) and (K', d) float64
        Of length 1.
    temperature : float
        λ, above 0.

    Returns
    -------
    (K',) int64

    Examples
    --------
    >>> matched_parents(np.eye(2), np.array([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]]), 0.01)
    array([0, 0, 1, 1])
    """
    return transport_plan(np.maximum(coarse @ fine.T, 0), temperature)[1].argmax(axis=0)


def carried_up(members: Tensor, plan: Tensor) -> Tensor:
    """Memberships of a coarser level, M̂_k = max_l A_kl M_l (OMH Eq. 9 and 10).

    Memory is that of the result, whatever the finer level has.

    Parameters
    ----------
    members : (p, K') float
        Memberships of p places at the finer level.
    plan : (K, K') float
        Nothing is learned through it.

    Returns
    -------
    (p, K) Tensor

    Examples
    --------
    >>> carried_up(torch.tensor([[0.5, 1.0]]), torch.tensor([[1.0, 0.0], [0.5, 0.25]]))
    tensor([[0.5000, 0.2500]])
    """
    return _CarriedUp.apply(members, plan)


class _CarriedUp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, members: Tensor, plan: Tensor) -> Tensor:
        found = [(members * row).max(1) for row in plan]
        ctx.save_for_backward(torch.stack([one.indices for one in found], dim=1), plan)
        ctx.width = members.shape[1]
        return torch.stack([one.values for one in found], dim=1)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        at, plan = ctx.saved_tensors
        weighted = gradient * plan.gather(1, at.mT).mT
        return gradient.new_zeros(len(gradient), ctx.width).scatter_add_(1, at, weighted), None

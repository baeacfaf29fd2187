"""STML (Kim et al., CVPR 2022): a teacher's similarities in context, and a relaxed contrastive loss."""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div, log_softmax, normalize, softmax

from hyperclade.retrieval.config import Space
from hyperclade.retrieval.hier import reciprocal
from hyperclade.retrieval.method import Batch, MetricLoss

_SAME = 1e-12  # squared distance of rows that rounding alone tells apart


class STML(MetricLoss):
    """Self-taught metric learning: the moving average of the network says how alike two samples are.

    The teacher's wide head gives their likeness: half by distance, half by how many neighbours they share,
    each the neighbour of the other (STML Eq. 1–5). Student and wide head learn it by relative distances (Eq.
    6), and the student also the wide head's ranking (Eq. 8).

    Parameters
    ----------
    n_features, dim : int
    space : Space
    wide : int
        Length of the wide head's embedding.
    sigma : float
        Scale of squared distances between the teacher's embeddings.
    delta : float
        Margin, in mean distances.
    neighbours : int
        k of the reciprocal neighbours; half of them share what they have.
    distil : float
        Weight of the wide head's ranking.
    """

    teaches: ClassVar[bool] = True

    def __init__(
        self,
        n_features: int,
        dim: int,
        space: Space,
        *,
        wide: int = 1024,
        sigma: float = 3.0,
        delta: float = 1.0,
        neighbours: int = 10,
        distil: float = 1.0,
    ) -> None:
        super().__init__(n_features, dim, space)
        if wide < 1 or neighbours < 2:
            raise ValueError(f"need wide ≥ 1 and neighbours ≥ 2, got {wide} and {neighbours}")
        if not (sigma > 0 and delta > 0 and distil >= 0):
            raise ValueError("sigma and delta must be positive, distil not negative")
        self.sigma, self.delta, self.neighbours, self.distil = sigma, delta, neighbours, distil
        self.head = nn.Linear(n_features, wide)

    def taught(self, features: Tensor) -> Tensor:
        return normalize(self.head(features), dim=1)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        assert batch.teacher is not None
        with torch.no_grad():
            alike = self.likeness(batch.teacher)
        own = self.space.pairwise(batch.points, batch.points)
        wide = _distances(self.taught(batch.features))
        narrow_loss, wide_loss = (relaxed_contrastive(d, alike, self.delta) for d in (own, wide))
        ranking = softmax(-_relative(wide.detach()), dim=1)
        distilled = kl_div(log_softmax(-_relative(own), dim=1), ranking, reduction="batchmean")
        total = (narrow_loss + wide_loss) / 2 + self.distil * distilled
        return {"loss": total, "narrow": narrow_loss, "wide": wide_loss, "distilled": distilled}

    def likeness(self, teacher: Tensor) -> Tensor:
        """How alike samples are, `(b, b)` of 0 … 1, by the teacher's embeddings `(b, e)`."""
        distances = _distances(teacher)
        b, k = len(teacher), min(self.neighbours, len(teacher))
        itself = torch.eye(b, dtype=torch.bool, device=teacher.device)
        near = (reciprocal(distances, k - 1) | itself).to(distances)  # a sample is its own neighbour
        shared = near @ near.mT / near.sum(1, keepdim=True)
        context = torch.where(near > 0, shared, 0.0)
        close = distances.masked_fill(itself, -1).topk(max(k // 2, 1), largest=False).indices
        context = context[close].mean(1)
        context = (context + context.mT) / 2
        return (torch.exp(-distances.square() / self.sigma) + context) / 2


def relaxed_contrastive(distances: Tensor, alike: Tensor, delta: float) -> Tensor:
    """Mean over samples of Σ w d² + (1 − w) max(δ − d, 0)², d in units of the sample's mean (STML Eq. 6).

    >>> relaxed_contrastive(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.eye(2), 1.0).item()
    0.0
    """
    relative = _relative(distances)
    pushed = (delta - relative).clamp_min(0).square()
    others = ~torch.eye(len(distances), dtype=torch.bool, device=distances.device)
    return ((alike * relative.square() + (1 - alike) * pushed) * others).sum() / max(len(distances), 1)


def _relative(distances: Tensor) -> Tensor:
    return distances / distances.mean(1, keepdim=True).clamp_min(1e-12)


def _distances(rows: Tensor) -> Tensor:
    """Distances `(b, b) float64` of directions; of equal ones 0, without gradient."""
    unit = normalize(rows.double(), dim=1)
    squares = 2 - 2 * unit @ unit.mT
    near = squares <= _SAME
    return torch.where(near, 0.0, torch.where(near, 1.0, squares).sqrt())

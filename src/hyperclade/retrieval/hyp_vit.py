"""Hyp-ViT (Ermolov et al., CVPR 2022): cross-entropy over negative distances in the ball."""

import torch
from torch import Tensor

from hyperclade.learning.settings import check_numbers
from hyperclade.retrieval.config import Space
from hyperclade.retrieval.method import Batch, MetricLoss
from hyperclade.retrieval.pairs import mean_over, positives_and_negatives


class HypViT(MetricLoss):
    """Of a positive and all negatives of a sample the positive shall be the nearest (Hyp-ViT Eq. 7).

    −log of exp(−D_ap/τ) over its sum with exp(−D_an/τ) of all negatives n; a mean over positive pairs.

    Parameters
    ----------
    n_features, dim : int
    space : Space
    temperature : float
        τ.
    """

    def __init__(self, n_features: int, dim: int, space: Space, *, temperature: float = 0.2) -> None:
        super().__init__(n_features, dim, space)
        self.temperature = temperature
        check_numbers(self, positive=("temperature",))

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        return {"loss": self.cross_entropy(batch)}

    def cross_entropy(self, batch: Batch) -> Tensor:
        logits = -self.space.pairwise(batch.points, batch.points) / self.temperature
        positive, negative = positives_and_negatives(batch.degrees)
        # Samples without negatives have none to be nearer than: a finite stand-in keeps gradients finite.
        against = torch.where(negative, logits, torch.finfo(logits.dtype).min).logsumexp(1, keepdim=True)
        return mean_over(torch.nn.functional.softplus(against - logits), positive & negative.any(1)[:, None])

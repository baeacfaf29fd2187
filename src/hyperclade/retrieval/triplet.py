"""Triplet loss (Schroff et al., CVPR 2015) on triples that found labels make."""

from typing import Literal

import torch
from torch import Tensor

from hyperclade.learning.settings import check_numbers
from hyperclade.retrieval.config import Space
from hyperclade.retrieval.method import Batch, MetricLoss
from hyperclade.retrieval.pairs import mean_over, positives_and_negatives


class Triplet(MetricLoss):
    """A positive shall be nearer than a negative by a margin; a mean over triples that are not so.

    Parameters
    ----------
    n_features, dim : int
    space : Space
    margin : float
    mining : {"all", "semihard", "hardest"}
        All triples; those whose negative is farther than the positive, but within the margin; or of each
        anchor the farthest positive and the nearest negative.
    """

    def __init__(
        self,
        n_features: int,
        dim: int,
        space: Space,
        *,
        margin: float = 0.1,
        mining: Literal["all", "semihard", "hardest"] = "all",
    ) -> None:
        super().__init__(n_features, dim, space)
        self.margin, self.mining = margin, mining
        check_numbers(self, positive=("margin",))

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        distances = self.space.pairwise(batch.points, batch.points)
        positive, negative = positives_and_negatives(batch.degrees)
        if self.mining == "hardest":
            farthest = torch.where(positive, distances, -torch.inf).amax(1)
            nearest = torch.where(negative, distances, torch.inf).amin(1)
            whole = positive.any(1) & negative.any(1)
            gap = torch.where(whole, farthest, 0.0) - torch.where(whole, nearest, 0.0) + self.margin
            return {"loss": mean_over(gap.clamp_min(0), whole & (gap > 0))}
        # Positives of an anchor are few: as many columns as the anchor of most has, not b.
        most = int(positive.sum(1).max())
        place = positive.long().argsort(dim=1, descending=True, stable=True)[:, :most]
        known = positive.gather(1, place)
        gap = distances.gather(1, place)[:, :, None] - distances[:, None, :] + self.margin
        chosen = known[:, :, None] & negative[:, None, :] & (gap > 0)
        if self.mining == "semihard":
            chosen = chosen & (gap < self.margin)
        return {"loss": mean_over(gap, chosen)}

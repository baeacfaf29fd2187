"""Contrastive loss (Hadsell et al., CVPR 2006) on pairs that found labels make positive or negative."""

from torch import Tensor

from hyperclade.retrieval.config import Space
from hyperclade.retrieval.method import Batch, MetricLoss
from hyperclade.retrieval.pairs import mean_over, positives_and_negatives


class Contrastive(MetricLoss):
    """Positive pairs come together, negative ones stay a margin apart; each a mean over pairs that err.

    Parameters
    ----------
    n_features, dim : int
    space : Space
    positive_margin, margin : float
        Distance up to which positives, and from which on negatives, are left alone.
    """

    def __init__(
        self, n_features: int, dim: int, space: Space, *, positive_margin: float = 0.0, margin: float = 0.5
    ) -> None:
        super().__init__(n_features, dim, space)
        if not 0 <= positive_margin < margin:
            raise ValueError(f"margins must rise from 0 on, got {positive_margin} and {margin}")
        self.positive_margin, self.margin = positive_margin, margin

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        distances = self.space.pairwise(batch.points, batch.points)
        positive, negative = positives_and_negatives(batch.degrees)
        too_far = (distances - self.positive_margin).clamp_min(0)
        too_near = (self.margin - distances).clamp_min(0)
        pull = mean_over(too_far, positive & (too_far > 0))
        push = mean_over(too_near, negative & (too_near > 0))
        return {"loss": pull + push, "pull": pull, "push": push}

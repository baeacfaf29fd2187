"""No loss: embeddings as they are at the start, which others are compared with."""

import torch
from torch import Tensor, nn

from hyperclade.retrieval.config import Space
from hyperclade.retrieval.method import Batch, MetricLoss


class Untrained(MetricLoss):
    """Learns nothing, in no epochs."""

    def __init__(self, n_features: int, dim: int, space: Space) -> None:
        super().__init__(n_features, dim, space)
        self.unused = nn.Parameter(torch.zeros(1))  # there is no optimiser of nothing

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        raise ValueError('the method "none" does not learn: give training.epochs 0, or another method')

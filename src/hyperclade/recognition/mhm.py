"""MHM: the multi-label hyperbolic model that Patel et al. (ICLR 2022) compare boxes with."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hyperclade.geometry.ball import exp0, pairwise_distance
from hyperclade.recognition.mvm import MVM
from hyperclade.trees.taxonomy import Taxonomy

_TOLERANCE = 1e-4  # of distances: far below what a probability can show


class MHM(MVM):
    """A point of the Poincaré ball for each sample and each label, the nearer the likelier.

    P(label) = σ(s (r − d(x, l))) with learned s > 0 and r; the original reads exp(−d) as the probability,
    which asks all labels of a sample to coincide with it. Points are held as tangent vectors at the origin,
    so that any optimiser trains them; distances are float64. The loss is binary.

    Parameters
    ----------
    dim : int
        Dimension of the ball.
    """

    def __init__(
        self,
        n_features: int,
        taxonomy: Taxonomy,
        *,
        dim: int = 256,
        hidden: Sequence[int] = (1024, 1024),
        dropout: float = 0.5,
    ) -> None:
        super().__init__(n_features, taxonomy, dim=dim, hidden=hidden, dropout=dropout)
        self.log_scale = nn.Parameter(torch.zeros(()))
        self.radius = nn.Parameter(torch.ones(()))

    def logits(self, features: Tensor) -> Tensor:
        # Coordinates of order 1 would start hundreds of dimensions at the boundary.
        points = exp0(self.embed(features) * self.labels.shape[1] ** -0.5)
        distance = pairwise_distance(points, exp0(self.labels), tolerance=_TOLERANCE)
        return (self.log_scale.exp() * (self.radius - distance)).to(self.labels.dtype)

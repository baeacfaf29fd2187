"""UHML (Yan et al., CVPR 2021): log-ratios of distances that follow the degrees of a hierarchy."""

import math

import torch
from torch import Tensor

from hyperclade.retrieval.config import Space
from hyperclade.retrieval.method import Batch, MetricLoss
from hyperclade.retrieval.pairs import positives_and_negatives


class UHML(MetricLoss):
    """Distances from a sample shall fall by a factor Ω^β for each level more that another one shares with it.

    For an anchor a and samples i, j of different degrees s: the mean of (log D_ai − log D_aj − β (g(s_aj) −
    g(s_ai)))² over all triples of the batch, g(s) = −s log Ω. Here s counts levels shared, so that a higher
    one means nearer; where the published program counts levels from the finest on, the sign is the other.

    Parameters
    ----------
    n_features, dim : int
    space : Space
    beta : float
        β, strength of the ratios.
    omega : float
        Ω < 1, ratio of distances per level for β = 1.
    epsilon : float
        Added to distances within the logarithm.
    binary : bool
        Only tell samples of the same finest cluster from others, as losses without a hierarchy do.
    """

    def __init__(
        self,
        n_features: int,
        dim: int,
        space: Space,
        *,
        beta: float = 0.1,
        omega: float = 0.1,
        epsilon: float = 1e-4,
        binary: bool = False,
    ) -> None:
        super().__init__(n_features, dim, space)
        if not beta > 0:
            raise ValueError(f"beta must be positive, got {beta}")
        if not 0 < omega < 1:
            raise ValueError(f"omega must be between 0 and 1, got {omega}")
        if not epsilon > 0:
            raise ValueError(f"epsilon must be positive, got {epsilon}")
        self.step = -beta * math.log(omega)
        self.epsilon, self.binary = epsilon, binary

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Over triples, whose number grows with b³, by counts and sums of each anchor and degree."""
        degrees = batch.degrees
        if self.binary:
            degrees = (~positives_and_negatives(degrees)[1]).long()
        distances = self.space.pairwise(batch.points, batch.points)
        others = ~torch.eye(len(degrees), dtype=torch.bool, device=degrees.device)
        # A triple asks for equal values of log D + β g(s), of i and of j.
        value = torch.log(distances + self.epsilon) + self.step * degrees.to(distances)
        # About their mean: differences of squares would cancel.
        value = torch.where(others, value - value.detach().mean(dim=1, keepdim=True), 0.0)
        levels = degrees[others].unique()
        own = (others[:, :, None] & (degrees[:, :, None] == levels)).to(value)  # (b, b, levels)
        count = own.sum(1)
        total = torch.einsum("ij,ijl->il", value, own)
        squares = torch.einsum("ij,ijl->il", value * value, own)
        # Σ over i of one degree and j of another of (v_i − v_j)²: all pairs less those of equal degree.
        all_pairs = count.sum(1) * squares.sum(1) - total.sum(1).square()
        equal = (count * squares - total.square()).sum(1)
        triples = (count.sum(1).square() - count.square().sum(1)).sum() / 2
        return {"loss": (all_pairs - equal).sum() / triples.clamp_min(1)}

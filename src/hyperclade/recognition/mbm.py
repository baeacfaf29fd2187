"""MBM: the multi-label box model of Patel et al., Modeling Label Space Interactions (ICLR 2022)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from hyperclade.recognition.boxe import row_blocks
from hyperclade.recognition.method import NodeScorer, perceptron
from hyperclade.trees.taxonomy import Taxonomy

_EULER_GAMMA = 0.5772156649015329
_INPUT_HALF_SIDE = 1e-5  # boxes of samples are next to points
_LINEAR_BELOW = -15.0  # log softplus(z) = z to 2e-7
_LARGEST_LOG = -1e-6  # of a probability: log(1 − p) needs p < 1


class MBM(NodeScorer):
    """Gumbel boxes for labels and samples; P(label) is the share of the sample's box in the label's.

    log P = log Vol(x ∩ l) − log Vol(x), with the corners of the intersection by logsumexp at temperature β
    and log Vol = Σ log τ softplus((side − 2γβ) / τ) over the dimensions (γ Euler's constant; Dasgupta et al.
    2020). The loss is binary. Label boxes learn 10 times (centres) and 100 times (sides) faster than the
    network. Training takes memory O(b m dim).

    Parameters
    ----------
    dim : int
        Dimension of the boxes.
    beta : float
        β, temperature of the intersection.
    volume_temperature : float
        τ, softness of the sides in the volume.

    Raises
    ------
    ValueError
        A temperature that is not positive.
    """

    def __init__(
        self,
        n_features: int,
        taxonomy: Taxonomy,
        *,
        dim: int = 256,
        beta: float = 1e-4,
        volume_temperature: float = 1.0,
        hidden: Sequence[int] = (1024, 1024),
        dropout: float = 0.5,
    ) -> None:
        super().__init__(n_features, taxonomy)
        if not (beta > 0 and volume_temperature > 0):
            raise ValueError(
                f"beta and volume_temperature must be positive, got {beta} and {volume_temperature}"
            )
        self.beta = beta
        self.volume_temperature = volume_temperature
        self.embed = perceptron([n_features, *hidden, dim], dropout=dropout)
        self.centre = nn.Parameter(torch.rand(self.classes.n_nodes, dim))
        self.half_side = nn.Parameter(torch.randn(self.classes.n_nodes, dim) * 0.005 + 0.01)

    def loss(self, features: Tensor, targets: Tensor) -> dict[str, Tensor]:
        log_p = self._log_probability(features).clamp_max(_LARGEST_LOG)
        return {"loss": -(targets * log_p + (1 - targets) * (-torch.expm1(log_p)).log()).mean()}

    def scores(self, features: Tensor) -> Tensor:
        return self._log_probability(features).exp()

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [
            {"params": list(self.embed.parameters()), "lr_scale": 1.0},
            {"params": [self.centre], "lr_scale": 10.0},
            {"params": [self.half_side], "lr_scale": 100.0},
        ]

    def _log_probability(self, features: Tensor) -> Tensor:
        points = row_blocks(self.embed(features), self.classes.n_nodes)
        whole = self._log_volume(torch.full_like(self.centre[0], 2 * _INPUT_HALF_SIDE))
        return torch.cat([self._log_volume(self._common_sides(block[:, None])) for block in points]) - whole

    def _common_sides(self, points: Tensor) -> Tensor:
        """Sides `(b, m, dim)` of what boxes around points `(b, 1, dim)` share with the labels'."""
        half = softplus(self.half_side)
        low = soft_maximum(points - _INPUT_HALF_SIDE, self.centre - half, self.beta)
        high = -soft_maximum(-points - _INPUT_HALF_SIDE, -self.centre - half, self.beta)
        return high - low

    def _log_volume(self, sides: Tensor) -> Tensor:
        scaled = (sides - 2 * _EULER_GAMMA * self.beta) / self.volume_temperature
        # Further down log softplus(z) is z, where softplus itself would underflow.
        safe = scaled.clamp_min(_LINEAR_BELOW)
        return (softplus(safe).log() + (scaled - safe)).sum(-1)


def soft_maximum(a: Tensor, b: Tensor, temperature: float) -> Tensor:
    """temperature · log(exp(a / temperature) + exp(b / temperature)), without dividing large coordinates.

    >>> soft_maximum(torch.tensor(0.0), torch.tensor(0.0), 2.0) / 2  # log 2
    tensor(0.6931)
    """
    return b + softplus(a - b, beta=1 / temperature)

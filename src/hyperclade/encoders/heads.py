"""Heads on features: several independent two-layer networks at once, and the posteriors they stand for."""

import torch
from torch import Tensor, nn

from hyperclade.geometry.ball import exp0, norm, pairwise_distance

_TOLERANCE = 1e-4  # of distances: far below what a posterior can show


class MultiHead(nn.Module):
    """H heads dropout – linear – BN – ReLU – dropout – linear on the same features (SeLaVi), as one network.

    Parameters
    ----------
    in_features : int
        Length d of a feature vector.
    out_features : int
        Numbers that a head gives.
    n_heads : int
        H.
    hidden : int
        Width of the hidden layer of one head.
    dropout : float
        Dropout of both layers.

    Raises
    ------
    ValueError
        A size below 1.

    Examples
    --------
    >>> MultiHead(8, 5, n_heads=3, hidden=16)(torch.zeros(4, 8)).shape
    torch.Size([3, 4, 5])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        n_heads: int = 10,
        hidden: int = 512,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        if min(in_features, out_features, n_heads, hidden) < 1:
            raise ValueError(
                "in_features, out_features, n_heads and hidden must be positive, got "
                f"{in_features}, {out_features}, {n_heads} and {hidden}"
            )
        self.n_heads = n_heads
        self.hidden = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(in_features, n_heads * hidden, bias=False),
            nn.BatchNorm1d(n_heads * hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
        )
        self.weight = nn.Parameter(torch.empty(n_heads, hidden, out_features))
        self.bias = nn.Parameter(torch.empty(n_heads, 1, out_features))
        self.reset_output()

    def reset_output(self) -> None:
        """Start the last layer anew, for labels that have nothing to do with the former ones."""
        bound = self.weight.shape[1] ** -0.5
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.zeros_(self.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Outputs `(H, b, out_features)` for features `(b, d)`."""
        hidden = self.hidden(features).unflatten(1, (self.n_heads, -1)).transpose(0, 1)
        return torch.baddbmm(self.bias, hidden, self.weight)

    def head(self, features: Tensor, index: int) -> Tensor:
        """Outputs `(b, out_features)` of one head alone, as `forward` gives them in evaluation mode."""
        linear, normalisation = self.hidden[1], self.hidden[2]
        assert isinstance(linear, nn.Linear) and isinstance(normalisation, nn.BatchNorm1d)
        assert normalisation.running_mean is not None and normalisation.running_var is not None
        width = self.weight.shape[1]
        part = slice(index * width, (index + 1) * width)
        hidden = nn.functional.batch_norm(
            features @ linear.weight[part].T,
            normalisation.running_mean[part],
            normalisation.running_var[part],
            normalisation.weight[part],
            normalisation.bias[part],
            eps=normalisation.eps,
        )
        return torch.addmm(self.bias[index], hidden.relu(), self.weight[index])


def ball_log_posterior(
    outputs: Tensor, positions: Tensor, *, temperature: float = 1.0, max_radius: float = 8.0
) -> Tensor:
    """Logarithm of the softmax over −distance to class positions in the Poincaré ball (sHHC Eq. 12 and 13).

    float64 inside, whatever the surrounding precision. (The denominator of the printed Eq. 13 repeats one
    class; here it runs over all.)

    Parameters
    ----------
    outputs : (..., b, dim) float
        What a head gives; points of the ball after `exp_0`.
    positions : (..., k, dim) float
        Classes in the ball of curvature −1.
    temperature : float
        Distances are divided by it.
    max_radius : float
        Outputs are clipped so that no point lies farther from the origin.

    Returns
    -------
    (..., b, k) float64

    Examples
    --------
    >>> positions = torch.tensor([[0.5, 0.0], [-0.5, 0.0]])
    >>> ball_log_posterior(torch.tensor([[9.0, 0.0]]), positions).exp().round(decimals=2)
    tensor([[0.9000, 0.1000]], dtype=torch.float64)
    """
    with torch.autocast(outputs.device.type, enabled=False):
        tangent = outputs.double()
        # exp_0 doubles the length.
        tangent = tangent * (max_radius / 2 / norm(tangent, keepdim=True).clamp_min(1e-12)).clamp_max(1.0)
        distances = pairwise_distance(exp0(tangent), positions, tolerance=_TOLERANCE)
        return torch.log_softmax(-distances / temperature, dim=-1)


def euclidean_log_posterior(outputs: Tensor, positions: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Logarithm of the softmax over −Euclidean distance to class positions (sHHC Table 5, in R^d).

    Parameters
    ----------
    outputs : (..., b, dim) float
    positions : (..., k, dim) float
    temperature : float
        Distances are divided by it.

    Returns
    -------
    (..., b, k) Tensor
        float64 if the positions are.

    Examples
    --------
    >>> euclidean_log_posterior(torch.zeros(1, 2), torch.tensor([[1.0, 0.0], [0.0, 1.0]])).exp()
    tensor([[0.5000, 0.5000]])
    """
    with torch.autocast(outputs.device.type, enabled=False):
        outputs = outputs.to(positions.dtype)
        return torch.log_softmax(-torch.cdist(outputs, positions) / temperature, dim=-1)

"""HVSA's formulas as printed, for comparison: where they are not defined, the nearest value that is.

The logarithm of Eq. 2 holds at the origin alone, the density of Eq. 3 has not the exponent D − 1, samples are
μ + εσ whatever the geometry, and Eq. 11 misprints a root. `HVSA` uses the corrected ones.
"""

import math

import torch
from torch import Tensor

from hyperclade.geometry.ball import clip, log_sinhc, norm, pairwise_distance
from hyperclade.geometry.cones import aperture

_SHORT_OF_ONE = 1 - 1e-7  # for arguments of artanh and arccos


def sample(loc: Tensor, scale: Tensor) -> Tensor:
    """μ + εσ (Sec. 4.2), moved back into the ball where it has left it."""
    return clip(loc + scale * torch.randn_like(scale))


def log_density(points: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
    """log N(log_μ z; 0, Σ) + log(d / sinh d) `(...)` (Eqs. 2 and 3)."""
    offset = points - loc
    length = norm(offset, keepdim=True).clamp_min(1e-12)
    gap = (1 - loc.square().sum(-1, keepdim=True)).clamp_min(1e-12)
    tangent = gap * torch.atanh((length / gap.sqrt()).clamp_max(_SHORT_OF_ONE)) * offset / length
    normal = -(tangent / scale).square() / 2 - scale.log() - math.log(2 * math.pi) / 2
    distance = pairwise_distance(points.unsqueeze(-2), loc.unsqueeze(-2))[..., 0, 0]
    return normal.sum(-1) - log_sinhc(distance)


def cone_energy(parent: Tensor, child: Tensor, k: float) -> Tensor:
    """max(0, Ξ − ψ) `(...)` with Ξ of Eq. 11, whose root covers 1 + ‖x‖² alone."""
    inner = (parent * child).sum(-1)
    x, y = parent.square().sum(-1), child.square().sum(-1)
    above = inner * (1 + x) - x * (1 + y)
    below = x.sqrt() * norm(parent - child) * ((1 + x).sqrt() * y - 2 * inner)
    ratio = above / torch.where(below.abs() < 1e-9, 1e-9, below)
    angle = torch.arccos(ratio.clamp(-_SHORT_OF_ONE, _SHORT_OF_ONE))
    return (angle - aperture(parent, k)).clamp_min(0)

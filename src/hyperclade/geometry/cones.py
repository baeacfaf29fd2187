"""Entailment cones: a point of the ball contains what lies in a cone behind it, seen from the origin.

The cone at x opens by the aperture ψ(x) to each side of the ray from the origin through x. The farther out a
point, the narrower its cone, so that cones nest: the cone of a point in x's cone lies in x's. The energy of a
pair is the angle by which the child misses its parent's cone. Ganea et al. 2018; HVSA Eqs. 9-14, where Eq. 11
misprints the root and Eq. 14 is right. The Euclidean functions are the same in flat space.

Results are float64, angles in radians. They come from an arctangent of sums that do not cancel, so that they
and their gradients also hold for points on one ray, or close to each other. Norms are clamped to where cones
are defined, for the ball √c‖x‖ in [2k/(1+√(1+4k²)) + 1e-5, 1 − 1e-5]; a point at the origin has no direction
and counts as lying in that of the other.
"""

import math

import torch
from torch import Tensor

from hyperclade.geometry.ball import ArrayLike, curvature_root, double, norm

_MARGIN = 1e-5  # between the norms of points with cones and the limits of what the formulas allow
_ORIGIN = 1e-9  # norm of points without direction
_COINCIDENT = 1e-24  # squared distance of points too close for an angle between them


def cone_energy(parent: ArrayLike, child: ArrayLike, k: float = 0.1, c: float = 1.0) -> Tensor:
    """Energy `(...)` of points `(..., d)`, max(0, Ξ(parent, child) − ψ(parent)) (HVSA Eq. 10).

    Raises ValueError for k or c ≤ 0.

    >>> cone_energy([0.5, 0.0], [[0.9, 0.0], [0.0, 0.9]])  # behind the parent; far to its side
    tensor([0.0000, 2.3502], dtype=torch.float64)
    """
    (a, u), (b, v) = _polar(parent), _polar(child)
    return _energy(a, b, _chord(a, u, b, v), k, c)


def aperture(x: ArrayLike, k: float = 0.1, c: float = 1.0) -> Tensor:
    """Aperture ψ(x) = arcsin(k(1−c‖x‖²)/(√c‖x‖)) `(...)`, the angle between a cone's axis and its side.

    Raises ValueError for k or c ≤ 0.

    >>> aperture([[0.5, 0.0], [0.9, 0.0]])
    tensor([0.1506, 0.0211], dtype=torch.float64)
    """
    return _ball_aperture((curvature_root(c) * norm(double(x))).clamp(*_limits(k)), k)


def euclidean_cone_energy(parent: ArrayLike, child: ArrayLike, k: float = 0.1) -> Tensor:
    """`cone_energy` in flat space, with norms of at least k + 1e-5. Raises ValueError for k ≤ 0.

    >>> euclidean_cone_energy([1.0, 0.0], [2.0, 1.0])  # π/4 − arcsin 0.1
    tensor(0.6852, dtype=torch.float64)
    """
    (a, u), (b, v) = _polar(parent), _polar(child)
    least = _checked(k) + _MARGIN
    angle = _angle(*_offset(a.clamp_min(least), b.clamp_min(least), _chord(a, u, b, v)))
    return (angle - euclidean_aperture(parent, k)).clamp_min(0)


def euclidean_aperture(x: ArrayLike, k: float = 0.1) -> Tensor:
    """Aperture arcsin(k/‖x‖) `(...)` in flat space, for norms of at least k + 1e-5.

    Raises ValueError for k ≤ 0.

    >>> euclidean_aperture([0.2, 0.0])  # π/6
    tensor(0.5236, dtype=torch.float64)
    """
    return torch.asin(k / norm(double(x)).clamp_min(_checked(k) + _MARGIN))


def _energy(x: Tensor, y: Tensor, chord: Tensor, k: float, c: float) -> Tensor:
    """Energy in the ball, from norms and the distance of the unit directions."""
    root, limits = curvature_root(c), _limits(k)
    x, y = (root * x).clamp(*limits), (root * y).clamp(*limits)
    return (_ball_angle(x, y, chord) - _ball_aperture(x, k)).clamp_min(0)


def _ball_aperture(x: Tensor, k: float) -> Tensor:
    return torch.asin(k * (1 - x) * (1 + x) / x)


def _ball_angle(x: Tensor, y: Tensor, chord: Tensor) -> Tensor:
    """Ξ for curvature −1; −x⊕y has the direction of (1−‖x‖²)(y−x) − ‖y−x‖² x."""
    ahead, aside, square = _offset(x, y, chord)
    gap = (1 - x) * (1 + x)
    return _angle(gap * ahead - square * x, gap * aside, square)


def _offset(x: Tensor, y: Tensor, chord: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Length of y − x along x, across it, and squared, from norms and the distance of the unit directions."""
    half = chord * chord / 2  # 1 − cos
    sine = chord * (1 - half / 2).clamp_min(1e-15).sqrt()
    return y - x - y * half, y * sine, (y - x).square() + 2 * x * y * half


def _angle(ahead: Tensor, aside: Tensor, square: Tensor) -> Tensor:
    apart = square > _COINCIDENT
    return torch.atan2(torch.where(apart, aside, 0.0), torch.where(apart, ahead, 1.0))


def _polar(x: ArrayLike) -> tuple[Tensor, Tensor]:
    """Norms `(...)` and unit directions `(..., d)`."""
    point = double(x)
    length = norm(point)
    return length, point / length.clamp_min(_ORIGIN).unsqueeze(-1)


def _chord(a: Tensor, u: Tensor, b: Tensor, v: Tensor) -> Tensor:
    """Distance `(...)` of the unit directions u, v; 0 where a or b, the norms, vanish."""
    return torch.where((a > _ORIGIN) & (b > _ORIGIN), norm(u - v), 0.0)


def _limits(k: float) -> tuple[float, float]:
    """Least and greatest norm with a cone in the ball of curvature −1."""
    low = 2 * _checked(k) / (1 + math.sqrt(1 + 4 * k * k)) + _MARGIN
    return low, 1 - _MARGIN


def _checked(k: float) -> float:
    if not 0 < k <= 1000:
        raise ValueError(f"k, which sets the aperture of cones, must be positive and at most 1000, not {k!r}")
    return k

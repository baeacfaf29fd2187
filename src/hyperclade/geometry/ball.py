"""The Poincaré ball of curvature −c, c > 0: points x with c‖x‖² < 1, always in float64.

Conventions. `x`, `y`: points `(..., d)`; `v`: tangent vectors `(..., d)`; leading axes broadcast. Every
function takes tensors or arrays of any float type and returns float64 tensors: near the boundary float32
cannot hold a point beyond hyperbolic radius 17. All is in forms that stay exact near the boundary: the
textbook ones, as in geoopt, cancel there, and geoopt's `artanh` and `tanh` saturate at distances 17 and 30.
"""

from __future__ import annotations

import math

import torch
from numpy.typing import ArrayLike as NumpyLike
from torch import Tensor

#: Largest √c·(hyperbolic distance from the origin) that the maps below produce: there 1 − √c‖x‖ is 2.5e-14,
#: which float64 still resolves to three digits.
MAX_RADIUS = 32.0
_MAX_NORM = math.tanh(MAX_RADIUS / 2)
_MIN_GAP = (1 - _MAX_NORM) * (1 + _MAX_NORM)

ArrayLike = Tensor | NumpyLike


def distance(x: ArrayLike, y: ArrayLike, c: float = 1.0) -> Tensor:
    """Hyperbolic distance `(...)` of points `(..., d)`: 2/√c · arsinh √(c‖x−y‖² / ((1−c‖x‖²)(1−c‖y‖²))).

    Raises ValueError for c ≤ 0.

    >>> distance([0.0, 0.0], [0.5, 0.0]).item()  # 2 artanh 0.5
    1.0986122886681098
    """
    root = curvature_root(c)
    a, b = root * double(x), root * double(y)
    gap = _gap(a) * _gap(b)
    return 2 / root * torch.asinh(norm(a - b) / gap.clamp_min(torch.finfo(gap.dtype).tiny).sqrt())


def pairwise_distance(x: ArrayLike, y: ArrayLike, c: float = 1.0, *, tolerance: float = 0.0) -> Tensor:
    """Hyperbolic distances `(..., n, k)` between points `(..., n, d)` and `(..., k, d)`, in memory O(nk).

    By the differences of coordinates. With a tolerance, squared chords come from inner products, many times
    faster, as long as what cancels in them errs by no more: about 4√ε / (1 − c‖x‖²) in a distance, 4e-5 at 8
    from the origin. The gradient between coinciding points is zero, or rounding. Raises ValueError for c ≤ 0.

    >>> pairwise_distance([[0.0, 0.0]], [[0.5, 0.0], [0.0, 0.0]]).numpy().round(4)
    array([[1.0986, 0.    ]])
    """
    root = curvature_root(c)
    a, b = root * double(x), root * double(y)
    gap_a, gap_b = _gap(a), _gap(b)
    epsilon = torch.finfo(torch.float64).eps
    near = 4 * epsilon**0.5 / tolerance if tolerance > 0 else torch.inf
    if bool((gap_a >= near).all() and (gap_b >= near).all()):
        squares = (a * a).sum(-1)[..., :, None] + (b * b).sum(-1)[..., None, :]
        chord = (squares - 2 * a @ b.mT).clamp_min(epsilon**2).sqrt()
    else:
        chord = torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
    gap = (gap_a[..., :, None] * gap_b[..., None, :]).clamp_min(torch.finfo(torch.float64).tiny)
    return 2 / root * torch.asinh(chord / gap.sqrt())


def exp0(v: ArrayLike, c: float = 1.0) -> Tensor:
    """Exponential map at the origin, tanh(√c‖v‖) v / (√c‖v‖) (sHHC Eq. 12), clipped short of the boundary.

    A vector of Euclidean norm r lands at hyperbolic distance 2r from the origin, at most `MAX_RADIUS`/√c.
    Raises ValueError for c ≤ 0.

    >>> exp0([0.5493061443340548, 0.0])
    tensor([0.5000, 0.0000], dtype=torch.float64)
    """
    root = curvature_root(c)
    tangent = double(v)
    length = root * norm(tangent, keepdim=True)
    clipped = tangent * (MAX_RADIUS / 2 / length.clamp_min(1e-300)).clamp_max(1.0)
    return clipped * _tanhc(length.clamp_max(MAX_RADIUS / 2))


def log0(x: ArrayLike, c: float = 1.0) -> Tensor:
    """Logarithm at the origin, the inverse of `exp0`: artanh(√c‖x‖) x / (√c‖x‖).

    Raises ValueError for c ≤ 0.

    >>> log0(exp0([0.3, -0.4]))
    tensor([ 0.3000, -0.4000], dtype=torch.float64)
    """
    root = curvature_root(c)
    point = double(x)
    scaled = (root * norm(point, keepdim=True)).clamp_max(_MAX_NORM)
    safe = scaled.clamp_min(1e-150)
    return point * torch.where(scaled < 1e-8, 1 + scaled * scaled / 3, torch.atanh(safe) / safe)


def expmap(x: ArrayLike, v: ArrayLike, c: float = 1.0) -> Tensor:
    """Exponential map at x of the tangent vector v (sHHC Eq. 11), x ⊕ tanh(√c λ_x‖v‖/2) v / (√c‖v‖).

    λ_x = 2/(1−c‖x‖²), so v has hyperbolic length λ_x‖v‖, of which at most 2·`MAX_RADIUS`/√c are gone; the
    result is clipped short of the boundary (`clip`). Raises ValueError for c ≤ 0.

    >>> expmap([0.0, 0.0], [0.5493061443340548, 0.0])
    tensor([0.5000, 0.0000], dtype=torch.float64)
    """
    root = curvature_root(c)
    a, tangent = root * double(x), double(v)
    # In units of curvature −1 the step from the origin is tanh‖w‖ w/‖w‖, with 1 − ‖step‖² = 1/cosh²‖w‖.
    stretch = root / _gap(a).clamp_min(_MIN_GAP).unsqueeze(-1)
    length = stretch * norm(tangent, keepdim=True)
    clipped = stretch * (MAX_RADIUS / length.clamp_min(1e-300)).clamp_max(1.0)
    length = length.clamp_max(MAX_RADIUS)
    step = tangent * (clipped * _tanhc(length))
    return clip(_translate(a, step, torch.cosh(length).pow(-2).squeeze(-1)) / root, c)


def logmap(x: ArrayLike, y: ArrayLike, c: float = 1.0) -> Tensor:
    """Logarithm at x `(..., d)` of y, the tangent vector v with `expmap(x, v)` = y; λ_x‖v‖ is their distance.

    2/(√c λ_x) · artanh(√c‖−x⊕y‖) (−x⊕y)/‖−x⊕y‖, in a form without cancellation: near the boundary the
    rounding of the points is what limits it, and at y = x value and gradient are exact. Raises ValueError
    for c ≤ 0.

    >>> logmap([0.0, 0.0], [0.5, 0.0])
    tensor([0.5493, 0.0000], dtype=torch.float64)
    """
    root = curvature_root(c)
    a, b = root * double(x), root * double(y)
    gap_a, gap_b = (_gap(point).clamp_min(_MIN_GAP).unsqueeze(-1) for point in (a, b))
    chord = b - a
    square = chord.square().sum(-1, keepdim=True)
    # −a⊕b is (gap_a chord − ‖chord‖² a) / (‖chord‖² + gap_a gap_b), and ‖·‖² of the dividend is ‖chord‖²
    # times the divisor; hence with s = sinh² of half the distance:
    s = square / (gap_a * gap_b)
    ratio = _arsinh_ratio(s) / (root * gap_b)
    return (ratio * gap_a) * chord - (ratio * square) * a


def conformal_factor(x: ArrayLike, c: float = 1.0) -> Tensor:
    """λ_x = 2/(1−c‖x‖²) `(...)` of points `(..., d)`: hyperbolic length of a tangent vector over its norm.

    Raises ValueError for c ≤ 0.

    >>> conformal_factor([0.6, 0.0])
    tensor(3.1250, dtype=torch.float64)
    """
    return 2 / _gap(curvature_root(c) * double(x)).clamp_min(_MIN_GAP)


def log_sinhc(r: ArrayLike) -> Tensor:
    """log(sinh r / r) `(...)` for r ≥ 0, without overflow or cancellation; value and slope are 0 at 0.

    Times d − 1, the logarithm of how much more volume hyperbolic space has at distance r than flat space.

    >>> log_sinhc([0.0, 1.0, 50.0])
    tensor([ 0.0000,  0.1614, 45.3948], dtype=torch.float64)
    """
    radius = double(r)
    small = radius < 1e-2
    safe = torch.where(small, 1.0, radius)
    square = radius * radius
    series = square * (1 / 6 - square * (1 / 180 - square / 2835))
    return torch.where(small, series, safe + torch.log(-torch.expm1(-2 * safe) / (2 * safe)))


def clip(x: ArrayLike, c: float = 1.0) -> Tensor:
    """Points moved along their radius to hyperbolic distance at most `MAX_RADIUS`/√c; others unchanged.

    >>> bool(clip([2.0, 0.0]).norm() < 1)
    True
    """
    root = curvature_root(c)
    point = double(x)
    return point * (_MAX_NORM / (root * norm(point, keepdim=True)).clamp_min(1e-300)).clamp_max(1.0)


def double(x: ArrayLike) -> Tensor:
    """`x` as a float64 tensor on its device, keeping the gradient.

    >>> double(torch.ones(2)).dtype
    torch.float64
    """
    return x.to(torch.float64) if isinstance(x, Tensor) else torch.as_tensor(x, dtype=torch.float64)


def curvature_root(c: float) -> float:
    """√c, or ValueError unless c is positive and finite.

    >>> curvature_root(4.0)
    2.0
    """
    if not (c > 0 and math.isfinite(c)):
        raise ValueError(f"the curvature is −c with c > 0, but c is {c!r}")
    return math.sqrt(c)


def _translate(a: Tensor, b: Tensor, gap_b: Tensor) -> Tensor:
    """a ⊕ b for curvature −1, with 1 − ‖b‖² `(...)`; nothing but the sum a + b can cancel."""
    total, gap_a = a + b, _gap(a).unsqueeze(-1)
    square = total.square().sum(-1, keepdim=True)
    divisor = (square + gap_a * gap_b.unsqueeze(-1)).clamp_min(1e-300)
    return (gap_a / divisor) * total + (square / divisor) * a


def _tanhc(r: Tensor) -> Tensor:
    """tanh(r)/r for r ≥ 0, 1 at 0."""
    safe = r.clamp_min(1e-150)
    return torch.where(r < 1e-5, 1 - r * r / 3, torch.tanh(safe) / safe)


def _arsinh_ratio(s: Tensor) -> Tensor:
    """arsinh(√s) / √(s(1+s)) for s ≥ 0, smooth at 0."""
    small = s < 1e-6
    safe = torch.where(small, 1.0, s)
    series = 1 - s * (2 / 3 - s * (8 / 15))
    return torch.where(small, series, torch.asinh(safe.sqrt()) / (safe * (1 + safe)).sqrt())


def _gap(x: Tensor) -> Tensor:
    """1 − ‖x‖², by (1−‖x‖)(1+‖x‖), which loses less near the boundary."""
    length = norm(x)
    return (1 - length) * (1 + length)


def norm(x: Tensor, keepdim: bool = False) -> Tensor:
    """Euclidean norms `(...)` of vectors `(..., d)`; the gradient at zero is zero.

    >>> norm(torch.tensor([[3.0, 4.0]]))
    tensor([5.])
    """
    return torch.linalg.vector_norm(x, dim=-1, keepdim=keepdim)

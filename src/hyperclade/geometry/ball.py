"""The Poincaré ball of curvature −c, c > 0: points x with c‖x‖² < 1, always in float64.

Conventions. `x`, `y`: points `(..., d)`; `v`: tangent vectors `(..., d)`; leading axes broadcast. Every
function takes tensors or arrays of any float type and returns float64 tensors: near the boundary float32
cannot hold a point beyond hyperbolic radius 17. Möbius addition and the exponential map come from geoopt;
what has to stay exact near the boundary (distances, logarithm, conversions) is in closed form here, since
geoopt's `artanh` saturates at 1 − 1e-7, that is, at a distance of 17.
"""

from __future__ import annotations

import math

import torch
from geoopt.manifolds.stereographic import math as stereographic
from numpy.typing import ArrayLike as NumpyLike
from torch import Tensor

#: Largest √c·(hyperbolic distance from the origin) that the maps below produce: there 1 − √c‖x‖ is 2.5e-14,
#: which float64 still resolves to three digits.
MAX_RADIUS = 32.0
_MAX_NORM = math.tanh(MAX_RADIUS / 2)

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
    # geoopt clips its own norms at other places, so clip the vector, which keeps the direction, beforehand.
    tangent = tangent * (MAX_RADIUS / 2 / root / norm(tangent, keepdim=True).clamp_min(1e-300)).clamp_max(1.0)
    return stereographic.expmap0(tangent, k=_curvature(tangent, c))


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


def mobius_add(x: ArrayLike, y: ArrayLike, c: float = 1.0) -> Tensor:
    """Möbius addition x ⊕ y, the translation of y that takes the origin to x (sHHC Eq. 8).

    Raises ValueError for c ≤ 0.

    >>> mobius_add([0.0, 0.0], [0.1, 0.2])
    tensor([0.1000, 0.2000], dtype=torch.float64)
    """
    a, b = double(x), double(y)
    return clip(stereographic.mobius_add(a, b, k=_curvature(a, c)), c)


def expmap(x: ArrayLike, v: ArrayLike, c: float = 1.0) -> Tensor:
    """Exponential map at x of the tangent vector v (sHHC Eq. 11), x ⊕ tanh(√c λ_x‖v‖/2) v / (√c‖v‖).

    λ_x = 2/(1−c‖x‖²), so v has hyperbolic length λ_x‖v‖. Raises ValueError for c ≤ 0.

    >>> expmap([0.0, 0.0], [0.5493061443340548, 0.0])
    tensor([0.5000, 0.0000], dtype=torch.float64)
    """
    root = curvature_root(c)
    point, tangent = double(x), double(v)
    length = root * norm(tangent, keepdim=True) / _gap(root * point).clamp_min(1e-300).unsqueeze(-1)
    tangent = tangent * ((2 * MAX_RADIUS) / length.clamp_min(1e-300)).clamp_max(1.0)
    return clip(stereographic.expmap(point, tangent, k=_curvature(point, c)), c)


def poincare_to_klein(x: ArrayLike, c: float = 1.0) -> Tensor:
    """Klein coordinates 2x / (1 + c‖x‖²) of points of the Poincaré ball. Raises ValueError for c ≤ 0.

    >>> poincare_to_klein([0.5, 0.0])
    tensor([0.8000, 0.0000], dtype=torch.float64)
    """
    point = curvature_root(c) * double(x)
    return 2 * double(x) / (1 + point.square().sum(-1, keepdim=True))


def klein_to_poincare(x: ArrayLike, c: float = 1.0) -> Tensor:
    """Poincaré coordinates x / (1 + √(1 − c‖x‖²)) of points given in Klein's. Raises ValueError for c ≤ 0.

    >>> klein_to_poincare([0.8, 0.0])
    tensor([0.5000, 0.0000], dtype=torch.float64)
    """
    root = curvature_root(c)
    point = double(x)
    return point / (1 + _gap(root * point).clamp_min(1e-30).sqrt().unsqueeze(-1))


def radius_to_norm(radius: ArrayLike, c: float = 1.0) -> Tensor:
    """Poincaré norm tanh(√c r/2)/√c of points at hyperbolic distance r ≥ 0 from the origin, short of 1/√c.

    Raises ValueError for c ≤ 0.

    >>> round(radius_to_norm(1.0986122886681098).item(), 12)
    0.5
    """
    root = curvature_root(c)
    return torch.tanh((root * double(radius)).clamp_max(MAX_RADIUS) / 2) / root


def norm_to_radius(length: ArrayLike, c: float = 1.0) -> Tensor:
    """Hyperbolic distance 2/√c · artanh(√c ρ) from the origin of points with Poincaré norm ρ.

    Raises ValueError for c ≤ 0.

    >>> round(norm_to_radius(0.5).item(), 12)
    1.098612288668
    """
    root = curvature_root(c)
    return 2 / root * torch.atanh((root * double(length)).clamp_max(_MAX_NORM))


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


def _curvature(like: Tensor, c: float) -> Tensor:
    curvature_root(c)
    return torch.as_tensor(-float(c), dtype=torch.float64, device=like.device)


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

"""Lowest common ancestors in the Poincaré ball: the point of a geodesic that lies closest to the origin.

Depths are hyperbolic distances from the origin; similar points have a deep LCA. Inputs may be arrays or
tensors; results are float64 tensors and can be differentiated (subgradients where a depth has a kink).
"""

from __future__ import annotations

import torch
from torch import Tensor

from hyperclade.geometry.ball import MAX_RADIUS, ArrayLike, curvature_root, double, norm


def lca_depth_on_sphere(u: ArrayLike, v: ArrayLike, radius: ArrayLike, c: float = 1.0) -> Tensor:
    """LCA depth `(...)` of two points at one hyperbolic distance `radius` in the unit directions u, v.

    `artanh(tanh(√c R) cos(α/2)) / √c` with α the angle of u, v `(..., d)`, written so that it stays exact at
    the boundary (R up to `MAX_RADIUS`/√c) and for equal directions. Raises ValueError for c ≤ 0.

    >>> lca_depth_on_sphere([1.0, 0.0], [1.0, 0.0], radius=30.0).item()
    30.0
    """
    a, b = double(u), double(v)
    # ‖u+v‖/2 = cos(α/2) and ‖u−v‖/2 = sin(α/2) keep their digits where 1 ± ⟨u,v⟩ cancel.
    return _sphere_depth(norm(a + b) / 2, (a - b).square().sum(-1) / 4, radius, c)


def gram_lca_depth(gram: ArrayLike, radius: ArrayLike, c: float = 1.0) -> Tensor:
    """LCA depths of points on one hyperbolic radius from inner products ⟨u,v⟩ of their unit directions.

    `gram` has any shape, for instance `(n, n)`; all pair depths thus come from one matrix product. Exact to
    about 1e-8 in the worst case (equal directions at R = 10). Raises ValueError for c ≤ 0.

    >>> gram_lca_depth([[1.0, -1.0], [-1.0, 1.0]], radius=2.0).round(decimals=6)
    tensor([[2., 0.],
            [0., 2.]], dtype=torch.float64)
    """
    product = double(gram).clamp(-1, 1)
    half = (1 + product) / 2
    # √ has no finite slope at 0; opposite points take the subgradient 0 instead.
    cosine = torch.where(half > 0, half, 1).sqrt() * (half > 0)
    return _sphere_depth(cosine, (1 - product) / 2, radius, c)


def lca_depth(x: ArrayLike, y: ArrayLike, c: float = 1.0) -> Tensor:
    """LCA depth `(...)` of any two points `(..., d)` of the ball, whatever their radii.

    In Klein coordinates the geodesic is a straight segment: the foot of the perpendicular from the origin,
    clamped to the segment, so that for an ancestor and its descendant the ancestor's own depth comes out.
    Raises ValueError for c ≤ 0.

    >>> lca_depth([0.5, 0.0], [0.9, 0.0]).item()  # the first is the ancestor of the second
    1.0986122886681098
    """
    foot, gap = _klein_foot(x, y, c)
    return (torch.log1p(norm(foot)) - 0.5 * gap.log()) / curvature_root(c)


def lca_point(x: ArrayLike, y: ArrayLike, c: float = 1.0) -> Tensor:
    """The LCA itself, in Poincaré coordinates `(..., d)`, of any two points `(..., d)` (see `lca_depth`).

    >>> lca_point([0.5, 0.0], [0.9, 0.0])
    tensor([0.5000, 0.0000], dtype=torch.float64)
    """
    foot, gap = _klein_foot(x, y, c)
    return foot / (1 + gap.sqrt()).unsqueeze(-1) / curvature_root(c)


def _sphere_depth(cosine: Tensor, sine_squared: Tensor, radius: ArrayLike, c: float) -> Tensor:
    """artanh(tanh(√c R) cos(α/2))/√c from cos(α/2) and sin²(α/2)."""
    root = curvature_root(c)
    r = (root * double(radius)).clamp_max(MAX_RADIUS)
    klein = torch.tanh(r)
    t = klein * cosine
    # 1 − t from two positive terms: 1 − tanh r = 2/(e^{2r}+1), 1 − cos = sin²/(1 + cos).
    complement = 2 / (torch.exp(2 * r) + 1) + klein * sine_squared / (1 + cosine)
    return 0.5 * (torch.log1p(t) - torch.log(complement)) / root


def _klein_foot(x: ArrayLike, y: ArrayLike, c: float) -> tuple[Tensor, Tensor]:
    """Klein coordinates (curvature −1) of the segment's point nearest to the origin, and 1 − its norm².

    With a = 1−‖k_x‖², b = 1−‖k_y‖², e = k_y−k_x, the point k_x + s·e has 1−‖·‖² = (1−s)a + s·b + s(1−s)‖e‖²,
    a sum of terms ≥ 0, and the foot is s = ½ + (b−a)/(2‖e‖²): no cancellation near the boundary.
    """
    root = curvature_root(c)
    p, q = torch.broadcast_tensors(root * double(x), root * double(y))
    pp, qq = p.square().sum(-1, keepdim=True), q.square().sum(-1, keepdim=True)
    a, b = _klein_gap(p, pp), _klein_gap(q, qq)
    step = q - p
    drift = (step * (p + q)).sum(-1, keepdim=True)
    e = 2 * ((1 + pp) * step - p * drift) / ((1 + pp) * (1 + qq))
    ee = e.square().sum(-1, keepdim=True)
    apart = ee > 1e-300
    # Twice the same: a difference of gaps is exact near the boundary, an inner product near the origin.
    inner = 2 * (p * e).sum(-1, keepdim=True) / (1 + pp)
    along = torch.where(a + b > 0.5, -inner, (ee + b - a) / 2)
    s = (along / torch.where(apart, ee, 1)).clamp(0, 1)
    s = torch.where(apart, s, 0.5)
    foot = 2 * p / (1 + pp) + s * e
    gap = (1 - s) * a + s * b + s * (1 - s) * ee
    return foot, gap.squeeze(-1)


def _klein_gap(p: Tensor, pp: Tensor) -> Tensor:
    """1 − ‖k‖² = ((1−‖p‖²)/(1+‖p‖²))² of the Klein coordinates k of p, positive even on the boundary."""
    length = norm(p, keepdim=True)
    return (((1 - length).clamp_min(1e-16) * (1 + length)) / (1 + pp)).square()

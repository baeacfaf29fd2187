"""LCA depths against a numerical search along geoopt's geodesic, and their laws at extreme points."""

import geoopt
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from hyperclade.geometry import gram_lca_depth, lca_depth, lca_depth_on_sphere, lca_point, radius_to_norm
from hyperclade.geometry.ball import distance, norm_to_radius


def searched_depth(x, y, c):
    """Least distance from the origin along the geodesic from x to y."""
    manifold = geoopt.PoincareBall(c=torch.tensor(c, dtype=torch.float64))

    def depth(t):
        return manifold.dist0(manifold.geodesic(torch.tensor(t, dtype=torch.float64), x, y)).item()

    grid = np.linspace(0, 1, 201)
    low = grid[max(int(np.argmin([depth(t) for t in grid])) - 1, 0)]
    return minimize_scalar(
        depth, bounds=(low, min(low + 0.01, 1)), method="bounded", options={"xatol": 1e-10}
    ).fun


def random_points(rng, n, c, reach=0.95):
    x = rng.standard_normal((n, 3))
    x *= reach * rng.random((n, 1)) / np.linalg.norm(x, axis=1, keepdims=True) / np.sqrt(c)
    return torch.tensor(x)


@pytest.mark.parametrize("c", [0.4, 1.0, 2.0])
def test_depth_is_the_minimum_along_the_geodesic(c):
    rng = np.random.default_rng(0)
    x, y = random_points(rng, 8, c), random_points(rng, 8, c)
    y[0], y[1] = x[0] * 0.4, -0.5 * x[1]  # an ancestor, and opposite points
    expected = [searched_depth(a, b, c) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(lca_depth(x, y, c), expected, atol=1e-6)
    point = lca_point(x, y, c)
    np.testing.assert_allclose(norm_to_radius(point.norm(dim=-1), c), expected, atol=1e-6)
    # The point lies on the geodesic: the triangle inequality is tight.
    np.testing.assert_allclose(distance(x, point, c) + distance(point, y, c), distance(x, y, c), atol=1e-7)


@pytest.mark.parametrize("c", [0.4, 1.0, 2.0])
def test_common_radius_forms_agree_with_the_search(c):
    rng = np.random.default_rng(1)
    u = torch.nn.functional.normalize(torch.tensor(rng.standard_normal((6, 4))), dim=1)
    x = radius_to_norm(2.5, c) * u
    by_gram = gram_lca_depth(u @ u.T, 2.5, c)
    by_vector = lca_depth_on_sphere(u[:, None], u[None], 2.5, c)
    torch.testing.assert_close(by_gram, by_vector, atol=1e-6, rtol=0)
    torch.testing.assert_close(lca_depth(x[:, None], x[None], c), by_vector, atol=1e-9, rtol=0)
    for i, j in ((0, 1), (2, 3), (4, 5)):
        assert by_vector[i, j].item() == pytest.approx(searched_depth(x[i], x[j], c), abs=1e-6)


@given(
    radius=st.floats(0, 30),
    other=st.floats(0, 30),
    angle=st.one_of(st.floats(0, np.pi), st.sampled_from([0.0, 1e-300, 1e-12, np.pi])),
)
@settings(max_examples=150, deadline=None)
def test_extremes(radius, other, angle):
    x = (radius_to_norm(radius) * torch.tensor([1.0, 0.0], dtype=torch.float64)).requires_grad_()
    y = (radius_to_norm(other) * torch.tensor([np.cos(angle), np.sin(angle)])).requires_grad_()
    depth = lca_depth(x, y)
    least = min(radius, other)
    assert -1e-9 <= depth.item() <= least + 1e-2  # float64 holds a norm at radius 30 to about 1e-3
    torch.testing.assert_close(depth, lca_depth(y, x), atol=1e-6 + 1e-3 * (least > 20), rtol=0)
    if angle == 0:
        assert depth.item() == pytest.approx(least, abs=1e-9 if least < 10 else 1e-2)
    # The triangle of origin and foot: deeper than both points minus their distance, the Gromov product.
    gromov = (norm_to_radius(x.norm()) + norm_to_radius(y.norm()) - distance(x, y)) / 2
    assert depth.item() >= gromov.item() - 1e-2
    (depth + lca_point(x, y).sum()).backward()
    assert torch.isfinite(x.grad).all() and torch.isfinite(y.grad).all()


@given(
    radius=st.floats(0.01, 30),
    half=st.one_of(st.floats(0, np.pi / 2), st.sampled_from([0.0, 1e-9, np.pi / 2])),
)
@settings(max_examples=100, deadline=None)
def test_common_radius_extremes(radius, half):
    u = torch.tensor([np.cos(half), np.sin(half)]).requires_grad_()
    v = torch.tensor([np.cos(half), -np.sin(half)]).requires_grad_()
    r = torch.tensor(radius, dtype=torch.float64, requires_grad=True)
    depth = lca_depth_on_sphere(u, v, r)
    # tanh and artanh in extended precision, where the platform's long double has it.
    t = np.tanh(np.longdouble(radius)) * np.cos(np.longdouble(half))
    if 1 - t > 1e-9:
        assert depth.item() == pytest.approx(float(np.arctanh(t)), rel=1e-6, abs=1e-12)
    if half == 0:
        assert depth.item() == pytest.approx(radius, rel=1e-9)
    depth.backward()
    assert all(torch.isfinite(g).all() for g in (u.grad, v.grad, r.grad))


def test_tiny_points_keep_their_digits():
    # Regression: 1 − ‖k‖² of points this near the origin is 1 in float64, and the foot was put half-way.
    assert lca_depth([0.0, 0.0], [5e-9, 0.0]).item() < 1e-15
    assert lca_depth([1e-9, 0.0], [0.0, 1e-9]).item() == pytest.approx(2e-9 * np.sqrt(0.5), rel=1e-6)


def test_special_points():
    zero, x = torch.zeros(2), torch.tensor([0.0, 0.7])
    assert lca_depth(zero, x).item() == 0
    assert lca_depth(zero, zero).item() == 0
    assert lca_depth(x, -x).item() == pytest.approx(0, abs=1e-12)
    torch.testing.assert_close(lca_point(x, x), x.double())
    gram = torch.tensor([[1.0, -1.0], [-1.0, 1.0]], requires_grad=True)
    gram_lca_depth(gram, 30.0).sum().backward()
    assert torch.isfinite(gram.grad).all()

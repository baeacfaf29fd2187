"""The ball's maps against geoopt and numerical integration, and their laws at extreme points."""

import geoopt
import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from hyperclade.geometry import ball

CURVATURES = [0.3, 1.0, 2.5]


def radius_to_norm(radius, c=1.0):
    """Poincaré norm of points at a hyperbolic distance from the origin, short of the boundary."""
    root = np.sqrt(c)
    return torch.tanh((root * torch.as_tensor(radius, dtype=torch.float64)).clamp_max(32) / 2) / root


def points(c, n=40, d=3, seed=0, reach=0.95):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d))
    return torch.tensor(
        x / np.linalg.norm(x, axis=1, keepdims=True) * reach * rng.random((n, 1)) / np.sqrt(c)
    )


@pytest.mark.parametrize("c", CURVATURES)
def test_maps_agree_with_geoopt(c):
    manifold = geoopt.PoincareBall(c=torch.tensor(c, dtype=torch.float64))
    x, y, v = points(c, seed=1), points(c, seed=2), points(c, seed=3)
    for ours, theirs in (
        (ball.distance(x, y, c), manifold.dist(x, y)),
        (ball.expmap(x, v, c), manifold.expmap(x, v)),
        (ball.exp0(v, c), manifold.expmap0(v)),
        (ball.log0(x, c), manifold.logmap0(x)),
        (ball.logmap(x, y, c), manifold.logmap(x, y)),
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("c", CURVATURES)
def test_distance_is_the_integral_of_the_metric(c):
    for norm in (0.1, 0.9, 0.999):
        norm = norm / np.sqrt(c)
        length, _ = quad(lambda r: 2 / (1 - c * r * r), 0, norm, epsabs=1e-12)
        assert ball.distance([0.0], [norm], c).item() == pytest.approx(length, rel=1e-9)


@given(radius=st.floats(0, 30), angle=st.floats(0, 2 * np.pi), c=st.sampled_from(CURVATURES))
@settings(max_examples=60, deadline=None)
def test_round_trips_hold_up_to_the_boundary(radius, angle, c):
    x = radius_to_norm(radius, c) * torch.tensor([np.cos(angle), np.sin(angle)])
    reached = ball.distance(torch.zeros(2), x, c).item()
    assert reached == pytest.approx(min(radius, 32 / np.sqrt(c)), rel=1e-2, abs=1e-12)
    torch.testing.assert_close(ball.exp0(ball.log0(x, c), c), x, rtol=1e-9, atol=1e-12)


@given(
    v=st.lists(st.floats(-1e300, 1e300), min_size=2, max_size=5),
    c=st.sampled_from(CURVATURES),
)
@settings(max_examples=60, deadline=None)
def test_exp0_never_reaches_the_boundary(v, c):
    x = ball.exp0(v, c)
    assert torch.isfinite(x).all()
    assert c * x.square().sum() < 1


def test_distances_stay_exact_where_geoopt_saturates():
    # Two points on one diameter, 30 from the origin each: their distance is the sum of their radii.
    x = radius_to_norm(30.0) * torch.tensor([1.0, 0.0], dtype=torch.float64)
    assert ball.distance(x, -x).item() == pytest.approx(60, abs=1e-2)
    assert ball.distance(x, x).item() == 0


def test_results_are_double_and_gradients_finite():
    x = torch.zeros(3, 2, dtype=torch.float32, requires_grad=True)
    y = ball.distance(ball.exp0(x), torch.tensor([0.0, 0.5])) + ball.log0(x).sum(-1)
    assert y.dtype == torch.float64
    y.sum().backward()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("c", [0.0, -1.0, float("nan"), float("inf")])
def test_curvature_must_be_negative(c):
    with pytest.raises(ValueError, match="c > 0"):
        ball.distance([0.0], [0.1], c)


@given(
    radii=st.lists(st.floats(0, 30), min_size=2, max_size=6),
    c=st.sampled_from(CURVATURES),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_pairwise_distances_are_distances_of_all_pairs(radii, c, seed):
    rng = np.random.default_rng(seed)
    directions = torch.nn.functional.normalize(torch.tensor(rng.standard_normal((2, len(radii), 4))), dim=-1)
    x = directions * radius_to_norm(radii, c)[:, None]
    y = torch.cat([x[:, 1:], -x], dim=1)  # some coincide, some lie opposite
    found = ball.pairwise_distance(x, y, c)
    assert found.shape == (2, len(radii), 2 * len(radii) - 1) and found.dtype == torch.float64
    torch.testing.assert_close(found, ball.distance(x[:, :, None], y[:, None], c), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("tolerance", [1e-6, 1e-4, 1e-2])
def test_pairwise_distances_by_inner_products_keep_their_tolerance(tolerance):
    rng = np.random.default_rng(0)
    x = torch.nn.functional.normalize(torch.tensor(rng.standard_normal((300, 50))), dim=-1)
    for radius in (0.5, 2.0, 5.0, 8.0, 12.0):
        points = x * radius_to_norm(radius)
        # Pairs that coincide, or nearly so, are where inner products cancel most.
        others = torch.cat([points[:100], points[100:200] * (1 - 1e-9), points[200:] * 0.9])
        found = ball.pairwise_distance(points, others, tolerance=tolerance)
        torch.testing.assert_close(found, ball.pairwise_distance(points, others), rtol=0, atol=tolerance)


def test_pairwise_distance_stays_accurate_near_the_boundary():
    # Opposite points lie twice their radius apart; neighbours on a sphere of radius r, by the half-angle law,
    # 2 arsinh(sinh r · sin(angle/2)).
    angle = 1e-6
    for radius in (1.0, 10.0, 17.0):
        length = radius_to_norm(radius)
        x = length * torch.tensor([[1.0, 0.0]], dtype=torch.float64)
        y = length * torch.tensor([[-1.0, 0.0], [np.cos(angle), np.sin(angle)]], dtype=torch.float64)
        near = 2 * np.arcsinh(np.sinh(radius) * np.sin(angle / 2))
        # 1 − ‖x‖ is 8e-8 at radius 17, so that rounding of x itself limits what can be asked.
        np.testing.assert_allclose(ball.pairwise_distance(x, y)[0], [2 * radius, near], rtol=1e-8)


def test_pairwise_distance_has_a_finite_gradient_where_points_coincide():
    x = torch.tensor([[0.3, 0.4], [0.0, 0.0], [0.3, 0.4]], dtype=torch.float64, requires_grad=True)
    ball.pairwise_distance(x, x.detach()).sum().backward()
    assert x.grad.isfinite().all()
    # At x the pairs (x, x) add nothing; what is left is the gradient of the distance to the origin.
    alone = torch.tensor([0.3, 0.4], dtype=torch.float64, requires_grad=True)
    ball.distance(alone, torch.zeros(2)).backward()
    torch.testing.assert_close(x.grad[0], alone.grad)


def exact_logmap(x, y):
    """log_x(y) for curvature −1 by the textbook formula with 60 digits, of the float64 points as they are."""
    with mpmath.workdps(60):
        x, y = ([mpmath.mpf(v) for v in point.tolist()] for point in (x, y))
        xy, xx, yy = mpmath.fdot(x, y), mpmath.fdot(x, x), mpmath.fdot(y, y)
        pairs = zip(x, y, strict=True)
        w = [(-(1 - 2 * xy + yy) * a + (1 - xx) * b) / (1 - 2 * xy + xx * yy) for a, b in pairs]
        length = mpmath.sqrt(mpmath.fdot(w, w))
        stretch = (1 - xx) * mpmath.atanh(length) / length if length else 0
        return torch.tensor([float(stretch * v) for v in w], dtype=torch.float64)


@given(radii=st.tuples(st.floats(0, 30), st.floats(0, 30)), angle=st.floats(0, np.pi))
@settings(max_examples=80, deadline=None)
def test_logmap_stays_accurate_near_the_boundary(radii, angle):
    directions = torch.tensor([[1, 0, 0], [np.cos(angle), 0.6 * np.sin(angle), 0.8 * np.sin(angle)]])
    x, y = directions * radius_to_norm(radii)[:, None]
    found, exact = ball.logmap(x, y), exact_logmap(x, y)
    # 1 − ‖x‖² is what rounds: by ε relative to 4e^{-r}.
    error = (found - exact).norm() / exact.norm().clamp_min(1e-300)
    assert error < 1e-12 + 2e-15 * np.exp(max(radii)) or (found - exact).norm() < 1e-15


def test_expmap_keeps_its_step_where_the_textbook_form_cancels():
    # Through the middle and out again: from radius 15 by 29 the textbook form ended 47 away.
    for radius, step in ((15.0, 29.0), (20.0, 20.0), (5.0, 29.0), (0.0, 31.0)):
        x = radius_to_norm(radius) * torch.tensor([1.0, 0.0], dtype=torch.float64)
        stretch = 2 * np.cosh(radius / 2) ** 2
        for turn in (1e-8, 1e-5, 1e-3):
            v = step / stretch * torch.tensor([-np.cos(turn), np.sin(turn)])
            z = ball.expmap(x, v)
            assert ball.distance(x, z).item() == pytest.approx(step, abs=1e-2)
            torch.testing.assert_close(stretch * ball.logmap(x, z), stretch * v, rtol=0, atol=1e-2)


def test_exp0_reaches_as_far_as_it_says():
    # A clip in geoopt's tanh used to end it at 30.
    v = torch.tensor([15.8, 0.0], dtype=torch.float64)
    assert ball.distance(torch.zeros(2), ball.exp0(v)).item() == pytest.approx(31.6, abs=1e-2)


@pytest.mark.parametrize("c", CURVATURES)
def test_gradients_of_the_maps(c):
    x, y = points(c, 8, seed=1).requires_grad_(), points(c, 8, seed=2).requires_grad_()
    assert torch.autograd.gradcheck(lambda p, q: ball.logmap(p, q, c), (x, y))
    assert torch.autograd.gradcheck(lambda p, q: ball.expmap(p, q, c), (x, y))
    # Where both coincide, and at a step of zero: log_x(x) moves with y as y itself, exp_x(0) too.
    one = x[0].detach()
    identity = torch.eye(3, dtype=torch.float64)
    for moved in (
        torch.autograd.functional.jacobian(lambda q: ball.logmap(one, q, c), one),
        torch.autograd.functional.jacobian(lambda v: ball.expmap(one, v, c), 0 * one),
    ):
        torch.testing.assert_close(moved, identity, rtol=1e-12, atol=1e-12)


def test_logmap_gradients_are_finite_far_apart():
    x = torch.tensor([1.0, 0.0]) * radius_to_norm([[0.0], [15.0], [30.0], [40.0]])
    x, y = x.requires_grad_(), (-x.detach()).requires_grad_()
    ball.logmap(x, y).sum().backward()
    assert x.grad.isfinite().all() and y.grad.isfinite().all()


@given(r=st.floats(1e-6, 1e3))
@settings(max_examples=60, deadline=None)
def test_log_sinhc_and_its_slope(r):
    radius = torch.tensor(r, dtype=torch.float64, requires_grad=True)
    value = ball.log_sinhc(radius)
    value.backward()
    with mpmath.workdps(40):
        exact, slope = mpmath.log(mpmath.sinh(r) / r), mpmath.coth(r) - 1 / mpmath.mpf(r)
    assert value.item() == pytest.approx(float(exact), rel=1e-11)
    assert radius.grad.item() == pytest.approx(float(slope), rel=1e-9)

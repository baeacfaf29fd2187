"""Cones against geoopt's logarithm, the published formulas and 60-digit arithmetic; cones nest."""

import geoopt
import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperclade.geometry import cones
from hyperclade.geometry.ball import conformal_factor, expmap

CURVATURES = [0.4, 1.0, 2.5]
NARROW = 1e-12  # k of cones so narrow that the energy is the whole angle
LEAST = 2 * 0.1 / (1 + np.sqrt(1.04)) + 1e-5  # norm of a point with a cone, for k = 0.1


def points(n, d=3, seed=0, low=LEAST, high=0.98):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d))
    return torch.tensor(x / np.linalg.norm(x, axis=1, keepdims=True) * rng.uniform(low, high, (n, 1)))


def formula(x, y):
    """Eq. 14 as it stands."""
    xy, xx, yy = (x * y).sum(-1), x.square().sum(-1), y.square().sum(-1)
    root = (xx * (x - y).square().sum(-1) * (1 + xx * yy - 2 * xy)).sqrt()
    return torch.acos(((xy * (1 + xx) - xx * (1 + yy)) / root).clamp(-1, 1))


@pytest.mark.parametrize("c", CURVATURES)
def test_angle_is_that_of_geoopts_geodesics(c):
    x, y = points(200, seed=1) / np.sqrt(c), points(200, seed=2) / np.sqrt(c)
    manifold = geoopt.PoincareBall(c=torch.tensor(c, dtype=torch.float64))
    # Out along the ray: the geodesic from x to a point of the same ray farther out.
    outwards = manifold.logmap(x, x / x.norm(dim=-1, keepdim=True) * 0.99 / np.sqrt(c))
    expected = torch.acos(torch.cosine_similarity(outwards, manifold.logmap(x, y), dim=-1))
    torch.testing.assert_close(cones.cone_energy(x, y, NARROW, c), expected, rtol=1e-7, atol=1e-7)


def test_energies_are_the_published_formulas():
    x, y = points(200, seed=1), points(200, seed=2)
    y[::2] = x[::2] * 1.01 + 0.01 * y[::2]  # half of them close to the parent, some in its cone
    y = y * (0.98 / y.norm(dim=-1, keepdim=True)).clamp_max(1)
    torch.testing.assert_close(cones.cone_energy(x, y, NARROW), formula(x, y), rtol=1e-6, atol=1e-6)
    length = x.norm(dim=-1)
    aperture = torch.asin(0.3 * (1 - length**2) / length.clamp_min(0.4))
    wide = (length > 0.4) & (y.norm(dim=-1) > 0.4)  # beyond what is clamped
    torch.testing.assert_close(cones.aperture(x, 0.3)[wide], aperture[wide])
    energy = (formula(x, y) - aperture).clamp_min(0)
    assert 0 < (energy[wide] == 0).sum() < wide.sum()
    torch.testing.assert_close(cones.cone_energy(x, y, 0.3)[wide], energy[wide], rtol=1e-6, atol=1e-6)


def test_euclidean_energies_are_the_published_formulas():
    x, y = points(200, seed=1, low=0.3, high=3.0), points(200, seed=2, low=0.3, high=3.0)
    y[::2] = x[::2] * 2 + 0.2 * y[::2]
    chord = (x - y).norm(dim=-1)
    square = y.square().sum(-1) - x.square().sum(-1) - chord**2
    angle = torch.acos(square / (2 * x.norm(dim=-1) * chord))
    torch.testing.assert_close(cones.euclidean_cone_energy(x, y, NARROW), angle, rtol=1e-7, atol=1e-7)
    energy = (angle - torch.asin(0.2 / x.norm(dim=-1))).clamp_min(0)
    assert 0 < (energy == 0).sum() < len(energy)
    torch.testing.assert_close(cones.euclidean_cone_energy(x, y, 0.2), energy, rtol=1e-7, atol=1e-7)


@given(
    norms=st.tuples(st.floats(LEAST, 1 - 1e-5), st.floats(2e-5, 1 - 1e-5)),
    angle=st.one_of(st.floats(0, np.pi), st.floats(0, 1e-6), st.floats(np.pi - 1e-3, np.pi)),
    equal=st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_angle_holds_for_extreme_points(norms, angle, equal):
    x = norms[0] * torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    y = norms[0 if equal else 1] * torch.tensor([np.cos(angle), 0.6 * np.sin(angle), 0.8 * np.sin(angle)])
    distance = (x - y).norm().item()
    if distance > 1e-6:
        with mpmath.workdps(60):
            a, b = [mpmath.mpf(v) for v in x.tolist()], [mpmath.mpf(v) for v in y.tolist()]
            xy, xx, yy = mpmath.fdot(a, b), mpmath.fdot(a, a), mpmath.fdot(b, b)
            divisor = mpmath.sqrt(xx * (xx + yy - 2 * xy) * (1 + xx * yy - 2 * xy))
            exact = float(mpmath.re(mpmath.acos((xy * (1 + xx) - xx * (1 + yy)) / divisor)))
        # Rounding turns points about each other by ε over their distance; π is kept to 1e-7.
        assert cones.cone_energy(x, y, NARROW).item() == pytest.approx(exact, abs=1e-7 + 1e-15 / distance)
    x, y = x.requires_grad_(), y.requires_grad_()
    (cones.cone_energy(x, y) + cones.euclidean_cone_energy(x, y)).backward()
    assert x.grad.isfinite().all() and y.grad.isfinite().all()


@given(
    start=st.floats(LEAST, 0.9),
    turns=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    roll=st.floats(0, np.pi),
    steps=st.tuples(st.floats(0.05, 4), st.floats(0.05, 4)),
    k=st.sampled_from([0.02, 0.1]),
)
@settings(max_examples=100, deadline=None)
def test_cones_nest(start, turns, roll, steps, k):
    """y in the cone of x and z in that of y: z is in the cone of x, up to the sides."""
    x = start * torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    y = walk(x, turns[0] * cones.aperture(x, k), 0.0, steps[0])
    z = walk(y, turns[1] * cones.aperture(y, k), roll, steps[1])
    for parent, child in ((x, y), (y, z), (x, z)):
        assert cones.cone_energy(parent, child, k).item() < 1e-6
    outside = walk(x, 1.05 * cones.aperture(x, k), roll, steps[0])
    assert cones.cone_energy(x, outside, k).item() > 1e-4


def walk(x, turn, roll, step):
    """The point `step` away from x, in the direction that makes the angle `turn` with the ray outwards."""
    outwards = x / x.norm()
    side = torch.tensor([0.0, np.cos(roll), np.sin(roll)], dtype=torch.float64)
    side = side - (side @ outwards) * outwards
    direction = torch.cos(turn) * outwards + torch.sin(turn) * side / side.norm()
    return expmap(x, step / conformal_factor(x) * direction)


def test_gradients():
    x, y = points(6, seed=1).requires_grad_(), points(6, seed=2).requires_grad_()
    for energy in (cones.cone_energy, cones.euclidean_cone_energy):
        assert torch.autograd.gradcheck(energy, (x, y))
    assert torch.autograd.gradcheck(cones.aperture, (x,))


def test_gradients_are_finite_where_angles_have_none():
    x = torch.tensor([[0.5, 0.2]] * 3 + [[0.0, 0.0], [1.0, 0.0], [3.0, 4.0]], dtype=torch.float64)
    y = torch.stack([x[0], 1.5 * x[0], -x[0], x[0], x[0], 0 * x[0]])
    for energy in (cones.cone_energy, cones.euclidean_cone_energy):
        for parent, child in ((x, y), (y, x)):
            parent, child = parent.clone().requires_grad_(), child.clone().requires_grad_()
            value = energy(parent, child)
            value.sum().backward()
            assert value.isfinite().all()
            assert parent.grad.abs().max() < 1e9 and child.grad.abs().max() < 1e9


def test_norms_are_clamped():
    ray = torch.tensor([1.0, 0.0], dtype=torch.float64)
    side = torch.tensor([[0.3, 0.4], [-0.3, 0.1]], dtype=torch.float64)
    for energy, inner, least in (
        (cones.cone_energy, 0.01, LEAST),
        (cones.cone_energy, 5.0, 1 - 1e-5),
        (cones.euclidean_cone_energy, 0.01, 0.1 + 1e-5),
    ):
        torch.testing.assert_close(energy(inner * ray, side), energy(least * ray, side))
        torch.testing.assert_close(energy(side, inner * ray), energy(side, least * ray))
    assert cones.aperture(torch.zeros(2)) == pytest.approx(np.pi / 2, abs=0.02)
    assert cones.euclidean_aperture(torch.zeros(2)) == pytest.approx(np.pi / 2, abs=0.02)
    assert (cones.cone_energy(torch.zeros(2), side) == 0).all()  # all lies in the cone of the origin


def test_bad_settings_are_named():
    x = torch.tensor([0.5, 0.0])
    for k in (0.0, -1.0, float("nan"), float("inf")):
        for call in (cones.aperture, cones.euclidean_aperture):
            with pytest.raises(ValueError, match="k, which sets the aperture"):
                call(x, k)
    with pytest.raises(ValueError, match="c > 0"):
        cones.cone_energy(x, x, c=0.0)

"""The wrapped normal against numerical integration, geoopt and 60-digit arithmetic, and at extreme points."""

import geoopt
import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad
from scipy.special import gamma
from torch.distributions import Categorical, MixtureSameFamily

from hyperclade.geometry.ball import distance
from hyperclade.geometry.wrapped_normal import WrappedNormal

CURVATURES = [0.4, 1.0, 2.5]
LOC = {2: [0.5, -0.2], 3: [0.3, -0.2, 0.2], 5: [0.2, -0.1, 0.1, 0.2, 0.0]}
SCALE = {2: [0.8, 0.4], 3: [0.7, 0.5, 0.4], 5: [0.7, 0.5, 0.4, 0.6, 0.5]}


def wrapped(dim, c):
    return WrappedNormal(torch.tensor(LOC[dim]) / np.sqrt(c), torch.tensor(SCALE[dim]) / np.sqrt(c), c)


def polar_grid(dim, c, reach=9.0):
    """Points `(n, dim)` and volumes `(n,)` in geodesic polar coordinates about the origin, dim 2 or 3."""
    nodes, weights = np.polynomial.legendre.leggauss(120)
    radius, radius_weight = (nodes + 1) / 2 * reach / np.sqrt(c), weights / 2 * reach / np.sqrt(c)
    around = np.arange(96) / 96 * 2 * np.pi
    if dim == 2:
        directions = np.stack([np.cos(around), np.sin(around)], axis=1)
        area = np.full(len(around), 2 * np.pi / 96)
    else:
        height, height_weight = np.polynomial.legendre.leggauss(48)
        ring = np.sqrt(1 - height**2)
        axes = np.broadcast_arrays(
            ring[:, None] * np.cos(around), ring[:, None] * np.sin(around), height[:, None]
        )
        directions = np.stack([axis.ravel() for axis in axes], axis=1)
        area = np.repeat(height_weight * 2 * np.pi / 96, 96)
    shells = radius_weight * (np.sinh(np.sqrt(c) * radius) / np.sqrt(c)) ** (dim - 1)
    z = np.tanh(np.sqrt(c) * radius / 2)[:, None, None] / np.sqrt(c) * directions
    return torch.tensor(z.reshape(-1, dim)), torch.tensor((shells[:, None] * area).ravel())


@pytest.mark.parametrize("c", CURVATURES)
@pytest.mark.parametrize("dim", [2, 3])
def test_density_integrates_to_one(dim, c):
    z, volume = polar_grid(dim, c)
    assert (wrapped(dim, c).log_prob(z).exp() * volume).sum().item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("c", CURVATURES)
def test_density_integrates_to_one_in_five_dimensions(c):
    # Importance sampling: directions uniform, radii from a gamma distribution about the origin.
    rng = np.random.default_rng(0)
    radius = rng.gamma(8, 0.22, 100_000) / np.sqrt(c)
    direction = rng.standard_normal((len(radius), 5))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    z = torch.tensor(np.tanh(np.sqrt(c) * radius / 2)[:, None] / np.sqrt(c) * direction)
    shell = sphere_area(5) * (np.sinh(np.sqrt(c) * radius) / np.sqrt(c)) ** 4
    proposal = stats.gamma.pdf(radius, 8, scale=0.22 / np.sqrt(c))
    weights = wrapped(5, c).log_prob(z).exp().numpy() * shell / proposal
    error = weights.std() / np.sqrt(len(weights))
    assert error < 0.01
    assert weights.mean() == pytest.approx(1, abs=4 * error)


@pytest.mark.parametrize(("dim", "mass_of_exponent_one"), [(3, 1.65), (5, 22)])
def test_exponent_is_one_less_than_the_dimension(dim, mass_of_exponent_one):
    density = WrappedNormal(torch.zeros(dim), torch.ones(dim))
    axis = torch.eye(dim, dtype=torch.float64)[0]

    def shell(r, exponent):
        ours = density.log_prob(np.tanh(r / 2) * axis).exp().item()
        other = ours * (np.sinh(r) / r) ** (dim - 1 - exponent)
        return other * sphere_area(dim) * np.sinh(r) ** (dim - 1)

    assert quad(shell, 1e-9, 14, args=(dim - 1,))[0] == pytest.approx(1, rel=1e-7)
    assert quad(shell, 1e-9, 14, args=(1,))[0] == pytest.approx(mass_of_exponent_one, rel=0.01)


def sphere_area(dim):
    return 2 * np.pi ** (dim / 2) / gamma(dim / 2)


@pytest.mark.parametrize("c", CURVATURES)
def test_samples_have_the_moments_of_the_density(c):
    torch.manual_seed(0)
    density = wrapped(2, c)
    z, volume = polar_grid(2, c)
    samples = density.sample((40_000,))
    far = torch.tensor([-0.5, -0.6]) / np.sqrt(c)
    for moment in (
        lambda x: np.sqrt(c) * x[:, 0],
        lambda x: c * x[:, 0] * x[:, 1],
        lambda x: c * x.square().sum(-1),
        lambda x: distance(x, far, c),
        lambda x: (distance(x, torch.zeros(2), c) * np.sqrt(c) - 1).clamp_min(0),
    ):
        expected = (density.log_prob(z).exp() * volume * moment(z)).sum().item()
        drawn = moment(samples)
        error = drawn.std().item() / np.sqrt(len(drawn))
        assert drawn.mean().item() == pytest.approx(expected, abs=4 * error)


@pytest.mark.parametrize("c", CURVATURES)
def test_samples_are_normal_in_geoopts_tangent_space(c):
    torch.manual_seed(1)
    density = wrapped(3, c)
    manifold = geoopt.PoincareBall(c=torch.tensor(c, dtype=torch.float64))
    samples = density.sample((5000,))
    loc = density.loc.expand_as(samples)
    stretch = 2 / (1 - c * density.loc.square().sum())
    noise = (stretch * manifold.logmap(loc, samples) / density.scale).numpy()
    for axis in noise.T:
        assert stats.kstest(axis, "norm").pvalue > 0.01
    np.testing.assert_allclose(np.cov(noise.T), np.eye(3), atol=0.1)


def exact_log_prob(z, loc, scale, c):
    """The log-density by textbook formulas with 60 digits, of the float64 points as given; the distance."""
    with mpmath.workdps(60):
        root = mpmath.sqrt(mpmath.mpf(c))
        x, y = ([root * mpmath.mpf(v) for v in point.tolist()] for point in (loc, z))
        xy, xx, yy = mpmath.fdot(x, y), mpmath.fdot(x, x), mpmath.fdot(y, y)
        pairs = zip(x, y, strict=True)
        w = [(-(1 - 2 * xy + yy) * a + (1 - xx) * b) / (1 - 2 * xy + xx * yy) for a, b in pairs]
        length = mpmath.sqrt(mpmath.fdot(w, w))
        r = 2 * mpmath.atanh(length)
        u = [r / length / root * v if length else mpmath.mpf(0) for v in w]
        normal = sum(
            -((v / s) ** 2) / 2 - mpmath.log(s * mpmath.sqrt(2 * mpmath.pi))
            for v, s in zip(u, scale.tolist(), strict=True)
        )
        return float(normal + (len(w) - 1) * (mpmath.log(r / mpmath.sinh(r)) if r else 0)), float(r)


@given(
    radii=st.tuples(st.floats(0, 30), st.floats(0, 30)),
    angle=st.floats(0, np.pi),
    scale=st.floats(0.01, 100),
    c=st.sampled_from(CURVATURES),
)
@settings(max_examples=80, deadline=None)
def test_extreme_points(radii, angle, scale, c):
    directions = torch.tensor([[1, 0, 0], [np.cos(angle), 0.6 * np.sin(angle), 0.8 * np.sin(angle)]])
    points = directions * torch.tanh(torch.tensor(radii).double() / 2)[:, None] / np.sqrt(c)
    loc, z = (point.clone().requires_grad_() for point in points)
    sigma = (torch.tensor([1.0, 0.5, 2.0], dtype=torch.float64) * scale).requires_grad_()
    value = WrappedNormal(loc, sigma, c).log_prob(z)
    value.backward()
    assert all(grad.isfinite().all() for grad in (loc.grad, z.grad, sigma.grad))
    exact, r = exact_log_prob(z, loc, sigma, c)
    # 1 − c‖z‖² is what rounds: by ε relative to 4e^{-r}, and the distance by as much.
    rounding = 1e-13 + 3e-15 * np.exp(max(radii))
    assert abs(value.item() - exact) < rounding * (10 + r) * (1 + r / scale) ** 2 * 10 + 1e-12 * abs(exact)


@pytest.mark.parametrize("c", CURVATURES)
def test_gradients(c):
    torch.manual_seed(0)
    loc = torch.tensor([LOC[3], [0.0] * 3], dtype=torch.float64).div(np.sqrt(c)).requires_grad_()
    scale = torch.tensor(SCALE[3], dtype=torch.float64).requires_grad_()
    z = torch.stack([loc.detach()[0], loc.detach()[0] * 0.5, -loc.detach()[0]])[:, None].requires_grad_()

    def log_prob(value, loc, scale):  # the first value coincides with the first loc
        return WrappedNormal(loc, scale, c).log_prob(value)

    def samples(loc, scale):
        torch.manual_seed(0)
        return WrappedNormal(loc, scale, c).rsample((3,))

    assert torch.autograd.gradcheck(log_prob, (z, loc, scale))
    assert torch.autograd.gradcheck(samples, (loc, scale))


def test_samples_come_with_their_density_and_its_gradient():
    loc = (torch.randn(4, 1, 16, generator=torch.Generator().manual_seed(0)) * 0.1).double()
    scale = torch.linspace(0.05, 0.5, 3 * 16, dtype=torch.float64).reshape(3, 16)
    results = []
    for together in (True, False):
        torch.manual_seed(3)
        inputs = loc.clone().requires_grad_(), scale.clone().requires_grad_()
        density = WrappedNormal(*inputs)
        if together:
            z, value = density.rsample_with_log_prob((5,))
        else:
            z = density.rsample((5,))
            value = density.log_prob(z)
        assert value.shape == (5, 4, 3)
        results.append((z, value, *torch.autograd.grad((value * z[..., 0]).sum(), inputs)))
    for fast, slow in zip(*results, strict=True):
        torch.testing.assert_close(fast, slow, rtol=1e-8, atol=1e-8)


def test_samples_clipped_at_the_boundary_stay_finite():
    torch.manual_seed(0)
    scale = torch.full((512,), 3.0, requires_grad=True)  # r is about 68, MAX_RADIUS 32
    density = WrappedNormal(torch.full((512,), 0.02), scale)
    z = density.rsample((8,))
    value = density.log_prob(z)
    (value.sum() + z.sum()).backward()
    assert (z.norm(dim=-1) < 1).all() and value.isfinite().all() and scale.grad.isfinite().all()


def test_it_is_a_torch_distribution():
    density = WrappedNormal(torch.zeros(4, 1, 2), torch.ones(3, 2))
    assert density.batch_shape == (4, 3) and density.event_shape == (2,)
    z = density.sample((6,))
    assert z.shape == (6, 4, 3, 2) and z.dtype == torch.float64 and not z.requires_grad
    assert density.log_prob(z).shape == (6, 4, 3)
    assert density.support.check(z).all()
    # As a component of a mixture.
    parts = WrappedNormal(torch.tensor([[0.3, 0.0], [0.0, -0.4]]), torch.tensor([0.5, 0.7]))
    mixture = MixtureSameFamily(Categorical(torch.tensor([0.25, 0.75], dtype=torch.float64)), parts)
    grid, volume = polar_grid(2, 1.0)
    assert (mixture.log_prob(grid).exp() * volume).sum().item() == pytest.approx(1, abs=1e-6)


def test_bad_arguments_are_named():
    for loc, scale, c, message in (
        ([1.0, 0.2], [1.0, 1.0], 1.0, "parameter loc"),
        ([0.6, 0.0], [1.0, 1.0], 4.0, "parameter loc"),
        ([np.nan, 0.0], [1.0, 1.0], 1.0, "parameter loc"),
        ([0.0, 0.0], [1.0, 0.0], 1.0, "parameter scale"),
        ([0.0, 0.0], [1.0, 1.0, 1.0], 1.0, "do not broadcast"),
        (0.0, 1.0, 1.0, "vectors"),
        ([0.0, 0.0], [1.0, 1.0], -1.0, "c > 0"),
    ):
        with pytest.raises(ValueError, match=message):
            WrappedNormal(loc, scale, c, validate_args=True)
    density = WrappedNormal([0.0, 0.0], [1.0, 1.0], validate_args=True)
    with pytest.raises(ValueError, match="within the support"):
        density.log_prob(torch.tensor([1.0, 0.2]))
    with pytest.raises(ValueError, match="event_shape"):
        density.log_prob(torch.tensor([0.1, 0.2, 0.3]))
    unchecked = WrappedNormal([1.0, 0.2], [1.0, 1.0], validate_args=False)
    assert unchecked.log_prob(torch.tensor([0.1, 0.2])).shape == ()

"""Distances of embeddings beside the ball's, and beside arithmetic of 60 digits."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperclade.retrieval.distances import Metric

HYPERBOLIC = Metric("hyperbolic", 0.1)
METRICS = [HYPERBOLIC, Metric("hyperbolic", 1.0), Metric("euclidean"), Metric("cosine")]
vectors = st.lists(st.floats(-30, 30).map(lambda v: round(v, 6)), min_size=3, max_size=3).map(np.array)


def by_many_digits(x, y, c):
    """The distance in the ball of the images under the exponential map."""
    with mpmath.workdps(60):

        def point(v):
            length = mpmath.sqrt(sum(mpmath.mpf(float(a)) ** 2 for a in v))
            root = mpmath.sqrt(mpmath.mpf(c))
            scale = 1 if length == 0 else mpmath.tanh(root * length) / (root * length)
            return [scale * mpmath.mpf(float(a)) for a in v]

        a, b = point(x), point(y)
        apart = sum((p - q) ** 2 for p, q in zip(a, b, strict=True))
        gaps = [1 - c * sum(p**2 for p in v) for v in (a, b)]
        return float(mpmath.acosh(1 + 2 * c * apart / (gaps[0] * gaps[1])) / mpmath.sqrt(c))


@given(vectors, vectors, st.sampled_from([0.1, 1.0]))
@settings(max_examples=60, deadline=None)
def test_hyperbolic_distance_by_many_digits(x, y, c):
    assert Metric("hyperbolic", c).distances(x, y) == pytest.approx(
        by_many_digits(x, y, c), rel=1e-9, abs=1e-12
    )


def test_as_the_ball_has_it():
    ball = pytest.importorskip("hyperclade.geometry.ball")
    x, y = np.random.default_rng(0).normal(size=(2, 50, 6))
    expected = ball.distance(ball.exp0(x, 0.1), ball.exp0(y, 0.1), 0.1).numpy()
    np.testing.assert_allclose(HYPERBOLIC.distances(x, y), expected, rtol=1e-10)


@pytest.mark.parametrize("metric", METRICS)
@given(vectors, vectors, vectors)
@settings(max_examples=40, deadline=None)
def test_laws_of_a_distance(metric, x, y, z):
    xy, yz, xz = metric.distances(x, y), metric.distances(y, z), metric.distances(x, z)
    assert xy == metric.distances(y, x) and xy >= 0
    assert metric.distances(x, x) == (0 if metric.name != "cosine" or x.any() else 1)
    if metric.name != "cosine":
        assert xz <= (xy + yz) * (1 + 1e-12) + 1e-9


def test_cosine_and_euclidean():
    x, y = np.array([3.0, 4.0]), np.array([[4.0, 3.0], [0.0, 0.0]])
    np.testing.assert_allclose(Metric("cosine").distances(x, y), [1 - 24 / 25, 1])
    np.testing.assert_allclose(Metric("euclidean").distances(x, y), [np.sqrt(2), 5])


@pytest.mark.parametrize(("name", "c", "message"), [("angle", 1, "not 'angle'"), ("hyperbolic", 0, "c > 0")])
def test_other_metrics_are_refused(name, c, message):
    with pytest.raises(ValueError, match=message):
        Metric(name, c)

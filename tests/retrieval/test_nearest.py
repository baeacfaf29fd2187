"""Exact search beside brute force in float64, where float32 cannot tell rows apart too."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperclade.retrieval.distances import Metric
from hyperclade.retrieval.nearest import nearest

METRICS = [Metric("hyperbolic", 0.1), Metric("hyperbolic", 1.0), Metric("euclidean"), Metric("cosine")]


def by_brute_force(queries, rows, k, metric, *, own):
    """Distances of all pairs in float64, sorted with the earlier row first."""
    distances = metric.distances(np.asarray(queries)[:, None], np.asarray(rows)[None])
    if own:
        np.fill_diagonal(distances, np.inf)
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(distances, order, axis=1)


def check(queries, rows, k, metric, *, own=False):
    found, distance = nearest(queries, rows, k, metric, own=own)
    _, expected = by_brute_force(queries, rows, k, metric, own=own)
    np.testing.assert_allclose(distance, expected, rtol=1e-10, atol=1e-9)
    # The rows, too, but where the last digits of two distances decide.
    there = metric.distances(np.asarray(queries)[:, None], np.asarray(rows)[found])
    np.testing.assert_allclose(there, expected, rtol=1e-10, atol=1e-9)
    assert all(len(set(own_rows)) == k for own_rows in found.tolist())
    if own:
        assert (found != np.arange(len(rows))[:, None]).all()
    return found


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_as_brute_force_for_queries_and_for_the_rows_themselves(metric, dtype):
    rng = np.random.default_rng(0)
    rows, queries = rng.normal(size=(300, 7)).astype(dtype), rng.normal(size=(40, 7)).astype(dtype)
    rows[5], queries[3] = 0, 0
    for k in (1, 10, 299):
        check(rows, rows, k, metric, own=True)
    check(queries, rows, 300, metric)
    check(queries, rows, 3, metric)


@pytest.mark.parametrize("metric", METRICS)
@given(st.integers(0, 10**6), st.integers(1, 25), st.sampled_from([1e-6, 1e-3, 1.0, 30.0]))
@settings(max_examples=25, deadline=None)
def test_near_ties_and_far_points_are_told_apart(metric, seed, k, scale):
    """Clusters far from the origin that float32 cannot resolve, at radii up to where float64 can."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(3, 4))
    centres *= scale / np.linalg.norm(centres, axis=1, keepdims=True)
    if metric.name == "hyperbolic":
        centres *= min(1.0, 14 / (2 * np.sqrt(metric.c) * scale))
    rows = centres[rng.integers(0, 3, 60)] * (1 + 1e-9 * rng.normal(size=(60, 4)))
    check(rows, rows, k, metric, own=True)


@pytest.mark.parametrize("metric", METRICS)
def test_equal_rows_come_in_their_order(metric):
    rows = np.repeat(np.eye(3) + 0.1, 40, axis=0)
    found, distance = nearest(rows, rows, 20, metric, own=True)
    assert (distance == 0).all()
    for row, own in enumerate(found.tolist()):
        group = range(row // 40 * 40, row // 40 * 40 + 40)
        assert own == [other for other in group if other != row][:20]


def test_at_the_edge_of_the_ball_where_a_product_would_overflow():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(50, 3))
    rows *= 200 / np.linalg.norm(rows, axis=1, keepdims=True)  # at 400 from the origin
    found = check(rows, rows, 5, Metric("hyperbolic"), own=True)
    angle = nearest(rows, rows, 1, Metric("cosine"), own=True)[0]
    assert (found[:, :1] == angle).all()


def test_the_work_is_told_and_blocks_make_no_difference(monkeypatch):
    rng = np.random.default_rng(2)
    rows, told = rng.normal(size=(500, 5)), []
    whole = nearest(rows, rows, 4, METRICS[0], own=True, progress=lambda stage, done: told.append(done))
    monkeypatch.setattr("hyperclade.retrieval.nearest._QUERIES", 37)
    parts = nearest(rows, rows, 4, METRICS[0], own=True)
    assert (whole[0] == parts[0]).all() and told[-1] == 1


@pytest.mark.parametrize(
    ("queries", "rows", "k", "message"),
    [
        (np.zeros((2, 3)), np.zeros((2, 4)), 1, "one width"),
        (np.zeros((2, 3)), np.zeros((4, 3)), 5, "from 1 to the 4"),
        (np.zeros((2, 3)), np.zeros((4, 3)), 0, "from 1 to the 4"),
        (np.full((1, 2), np.nan), np.zeros((4, 2)), 1, "queries hold NaN"),
        (np.zeros((1, 2)), np.full((4, 2), np.inf), 1, "rows hold NaN"),
    ],
)
def test_bad_input(queries, rows, k, message):
    with pytest.raises(ValueError, match=message):
        nearest(queries, rows, k, Metric())


def test_rows_are_not_their_own_queries_unless_they_are_as_many():
    with pytest.raises(ValueError, match="the queries are the rows"):
        nearest(np.zeros((2, 3)), np.zeros((4, 3)), 1, Metric(), own=True)

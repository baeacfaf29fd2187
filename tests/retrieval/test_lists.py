"""Lists beside exact search: how many true neighbours they find, and that none is lost."""

import numpy as np
import pytest

from hyperclade.retrieval import lists
from hyperclade.retrieval.distances import Metric
from hyperclade.retrieval.lists import make_lists
from hyperclade.retrieval.nearest import nearest

METRICS = [Metric("hyperbolic", 0.1), Metric("hyperbolic", 1.0), Metric("euclidean"), Metric("cosine")]


def planted(n, d=16, seed=0):
    """Rows about the leaves of a random tree."""
    rng = np.random.default_rng(seed)
    fine = rng.integers(0, 100, n)
    centres = rng.normal(size=(10, d))[np.arange(100) // 10] + 0.5 * rng.normal(size=(100, d))
    return (centres[fine] + 0.3 * rng.normal(size=(n, d))).astype(np.float32)


@pytest.mark.parametrize("metric", METRICS)
def test_few_rows_are_all_compared(metric):
    rows = planted(500)
    made, order = make_lists(rows, metric)
    assert (order == np.arange(500)).all() and not len(made.centres)
    expected, distance = nearest(rows[:20], rows, 7, metric)
    for row in range(20):
        found, apart = made.search(rows[row], 7)
        np.testing.assert_allclose(apart, distance[row], atol=1e-9)
        assert found.tolist() == expected[row].tolist()


@pytest.mark.parametrize("metric", METRICS)
def test_of_many_rows_most_true_neighbours_are_found(metric, monkeypatch):
    monkeypatch.setattr(lists, "EXACT", 1000)
    every = planted(8100)
    rows, asked = every[:8000], every[8000:]
    made, order = make_lists(rows, metric)
    assert sorted(order) == list(range(8000)) and (made.vectors == rows[order]).all()
    assert made.offsets[0] == 0 and made.offsets[-1] == 8000 and 1 <= made.probes < len(made.centres)
    expected, _ = nearest(asked, rows, 10, metric)
    found = [
        len(np.intersect1d(order[made.search(q, 10)[0]], own)) for q, own in zip(asked, expected, strict=True)
    ]
    assert np.mean(found) / 10 >= 0.95


def test_rows_to_skip_are_not_found():
    rows = planted(100)
    made, _ = make_lists(rows, Metric("euclidean"))
    skip = np.zeros(100, dtype=bool)
    skip[made.search(rows[3], 5)[0]] = True
    assert not set(made.search(rows[3], 50, skip)[0]) & set(np.flatnonzero(skip))
    assert len(made.search(rows[3], 100, skip)[0]) == 95


def test_a_query_at_the_origin_and_rows_there():
    rows = np.concatenate([np.zeros((3, 4)), planted(50, 4)]).astype(np.float32)
    for metric in METRICS:
        made, _ = make_lists(rows, metric)
        expected, distance = nearest(np.zeros((1, 4)), rows, 5, metric)
        found, apart = made.search(np.zeros(4), 5)
        np.testing.assert_allclose(apart, distance[0], atol=1e-9)
        if metric.name != "cosine":  # under which all are as far from the origin
            assert found[:3].tolist() == [0, 1, 2] == expected[0, :3].tolist()

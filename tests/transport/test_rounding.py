"""Rounding to exact sizes against the optimal assignment."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from hyperclade.transport import (
    round_candidates,
    sinkhorn_streamed,
    sizes_from_marginal,
    top_candidates,
    zipf,
)


def rounded(scores, sizes, dual=0.0, n_candidates=None):
    """Labels by the best candidates of each row, all columns if None."""
    adjusted = scores + dual
    columns, values = top_candidates(adjusted, n_candidates or len(sizes))
    return round_candidates(columns, values, sizes, lambda rows: adjusted[rows])[0]


def dual_of(scores, sizes):
    """Of the transport problem, at an entropy of a fiftieth of the scores' span."""
    options = {"epsilon": np.ptp(scores) / 50, "max_passes": 50, "tolerance": 0.1}
    return sinkhorn_streamed([scores], sizes, **options).column_dual


def best_total(scores, sizes):
    places = np.repeat(scores, sizes, axis=1)
    return places[linear_sum_assignment(-places)].sum()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 60),
    st.integers(1, 90),
    st.integers(0, 1000),
    st.sampled_from(["normal", "ties", "constant"]),
)
def test_counts_are_always_exact(n, k, seed, kind):
    rng = np.random.default_rng(seed)
    scores = {
        "normal": lambda: rng.normal(size=(n, k)),
        "ties": lambda: rng.integers(0, 3, size=(n, k)).astype(np.float32),
        "constant": lambda: np.full((n, k), 7.0),
    }[kind]()
    sizes = rng.multinomial(n, rng.dirichlet(np.full(k, 0.3)))
    labels = rounded(scores, sizes, n_candidates=min(5, k))
    np.testing.assert_array_equal(np.bincount(labels, minlength=k), sizes)


@pytest.mark.parametrize(("n", "k"), [(200, 7), (800, 20), (600, 100), (900, 300)])
@pytest.mark.parametrize("kind", ["independent", "inner products"])
def test_total_is_nearly_optimal(n, k, kind):
    rng = np.random.default_rng(n + k)
    if kind == "independent":
        scores = rng.normal(size=(n, k))
    else:
        X = rng.normal(size=(n, 8))
        scores = X @ X[:k].T
    sizes = sizes_from_marginal(zipf(k, 0.7), n)
    labels = rounded(scores, sizes, dual_of(scores, sizes))
    gap = best_total(scores, sizes) - scores[np.arange(n), labels].sum()
    assert -1e-9 <= gap / n < 2e-3 * scores.std()


def test_repeated_rows_cost_little():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(5, 100))[rng.integers(0, 5, 600)]
    sizes = np.full(100, 6)
    labels = rounded(scores, sizes, dual_of(scores, sizes))
    np.testing.assert_array_equal(np.bincount(labels, minlength=100), sizes)
    assert best_total(scores, sizes) - scores[np.arange(600), labels].sum() < 0.05 * 600


def test_column_dual_only_helps():
    scores = np.random.default_rng(1).normal(size=(500, 80))
    sizes = sizes_from_marginal(zipf(80), 500)
    for start in (dual_of(scores, sizes), np.zeros(80)):
        labels = rounded(scores, sizes, start)
        assert best_total(scores, sizes) - scores[np.arange(500), labels].sum() < 1e-3 * 500


def test_few_candidates_suffice_and_prices_make_the_labels_the_best_choice():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(3000, 10)).astype(np.float32)
    scores = X @ X[:150].T
    sizes = np.full(150, 20)
    columns, values = top_candidates(scores, 8)
    np.testing.assert_array_equal(np.sort(values), np.sort(scores)[:, -8:])
    labels, rises = round_candidates(columns, values, sizes, lambda rows: scores[rows])
    np.testing.assert_array_equal(np.bincount(labels), sizes)
    net = scores - rises
    regret = net.max(1) - net[np.arange(3000), labels]
    assert np.quantile(regret, 0.95) < 0.02 * scores.std()


@pytest.mark.parametrize("sizes", [[1, 1], [2, 2], [1.0, 2.0], [4, -1], [[1], [2]]])
def test_sizes_that_do_not_fit_are_named(sizes):
    with pytest.raises(ValueError, match="sizes must be"):
        rounded(np.zeros((3, 2)), np.array(sizes), n_candidates=2)


@pytest.mark.learn
def test_candidates_of_a_tensor_are_those_of_an_array():
    import torch

    scores = np.random.default_rng(3).normal(size=(40, 30)).astype(np.float32)
    expected, found = top_candidates(scores, 6), top_candidates(torch.from_numpy(scores), 6)
    for columns, values in (expected, found):
        assert columns.dtype == np.int32
        np.testing.assert_array_equal(np.take_along_axis(scores, columns, 1), values)
    np.testing.assert_array_equal(np.sort(expected[0]), np.sort(found[0]))

"""Dense Sinkhorn against POT, and the laws a transport plan obeys."""

import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperclade.transport import sinkhorn, zipf


@pytest.mark.parametrize("epsilon", [0.05, 0.3, 2.0])
def test_plan_equals_pot(epsilon):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(40, 6))
    rows, columns = rng.dirichlet(np.full(40, 3.0)), rng.dirichlet(np.full(6, 3.0))
    ours = sinkhorn(scores, rows, columns, epsilon, max_iterations=100_000, tolerance=1e-10)
    reference = ot.bregman.sinkhorn_log(rows, columns, -scores, epsilon, stopThr=1e-12, numItermax=100_000)
    assert ours.converged
    np.testing.assert_allclose(ours.plan, reference, atol=1e-6 / 240)
    duals = (scores + ours.row_dual[:, None] + ours.column_dual) / epsilon
    np.testing.assert_allclose(np.exp(duals), ours.plan, rtol=1e-8)


def test_small_epsilon_approaches_the_linear_programme():
    rng = np.random.default_rng(1)
    scores, columns = rng.normal(size=(60, 5)), zipf(5)
    best = -ot.emd2(np.full(60, 1 / 60), columns, -scores)
    gaps = [
        best - (sinkhorn(scores, None, columns, eps, max_iterations=50_000).plan * scores).sum()
        for eps in (0.1, 0.01, 0.001)
    ]
    assert abs(gaps[2]) < 2e-3 and gaps[0] > gaps[1] > gaps[2]


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 30),
    st.integers(1, 8),
    st.sampled_from([1e-4, 0.05, 10.0]),
    st.sampled_from([1.0, 5000.0]),
    st.sampled_from([np.float32, np.float64]),
    st.integers(0, 1000),
)
def test_finite_with_exact_rows_at_any_epsilon(n, k, epsilon, scale, dtype, seed):
    rng = np.random.default_rng(seed)
    scores = (scale * rng.normal(size=(n, k))).astype(dtype)
    rows, columns = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(k))
    result = sinkhorn(scores, rows, columns, epsilon, max_iterations=200)
    plan = result.plan
    assert plan.dtype == result.row_dual.dtype == result.column_dual.dtype == dtype
    assert np.isfinite(result.row_dual).all() and np.isfinite(result.column_dual).all()
    np.testing.assert_allclose(plan.sum(1), rows, rtol=2e-5, atol=1e-30)
    violation = np.abs(plan.sum(0) / columns - 1).max()
    assert violation == pytest.approx(result.residual, abs=1e-3 + 1e-3 * result.residual)
    assert result.converged == (result.residual <= 1e-3)


def test_converges_in_float32_with_large_scores_and_tiny_epsilon():
    scores = np.random.default_rng(2).normal(size=(200, 4)).astype(np.float32)
    result = sinkhorn(scores, epsilon=1e-3, max_iterations=5000, tolerance=0.02)
    assert result.converged
    np.testing.assert_allclose(result.plan.sum(0), 0.25, rtol=0.021)


def test_stopping_rule_does_not_depend_on_n():
    scores = np.random.default_rng(3).normal(size=(50, 6))
    once, often = sinkhorn(scores), sinkhorn(np.tile(scores, (40, 1)))
    assert once.iterations == often.iterations
    np.testing.assert_allclose(once.column_dual, often.column_dual, atol=1e-9)


def test_warm_start_ends_at_once_and_total_mass_scales_the_plan():
    scores = np.random.default_rng(4).normal(size=(30, 5))
    cold = sinkhorn(scores, epsilon=0.01, max_iterations=20_000)
    warm = sinkhorn(scores, epsilon=0.01, column_dual=cold.column_dual)
    assert warm.iterations == 1 < cold.iterations
    counts = sinkhorn(scores, row_marginal=np.ones(30), epsilon=0.3)
    np.testing.assert_allclose(counts.plan, 30 * sinkhorn(scores, epsilon=0.3).plan)


def test_zero_marginals_shut_rows_and_columns():
    scores = torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rows, columns = [0, 1, 1, 1, 1, 1], [0, 2, 2, 1]
    result = sinkhorn(scores, rows, columns, 0.5)
    assert isinstance(result.plan, torch.Tensor) and result.converged
    assert result.plan[0].sum() == 0 and result.plan[:, 0].sum() == 0
    torch.testing.assert_close(result.plan.sum(0)[1:], torch.tensor(columns[1:]).double(), rtol=1e-3, atol=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scores": np.zeros(3)}, "non-empty"),
        ({"scores": np.zeros((0, 3))}, "non-empty"),
        ({"scores": np.zeros((2, 3), dtype=int)}, "float32 or float64"),
        ({"scores": np.array([[0.0, np.nan]])}, "finite"),
        ({"scores": np.array([[0.0, -np.inf]])}, "finite"),
        ({"scores": np.zeros((2, 3)), "epsilon": 0.0}, "epsilon"),
        ({"scores": np.zeros((2, 3)), "row_marginal": [1.0]}, "row_marginal"),
        ({"scores": np.zeros((2, 3)), "column_marginal": [1.0, -1.0, 1.0]}, "column_marginal"),
        ({"scores": np.zeros((2, 2)), "row_marginal": [1, 1], "column_marginal": [1, 2]}, "same total"),
        ({"scores": np.zeros((2, 2)), "column_dual": [0.0, np.nan]}, "column_dual"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        sinkhorn(**arguments)

"""Sinkhorn against POT and the laws of a transport plan, for arrays and for tensors."""

import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax, logsumexp, softmax

from hyperclade.transport import column_log_sums, sinkhorn_streamed, zipf

KINDS = ["array", pytest.param("tensor", marks=pytest.mark.learn)]


def made(kind, scores):
    if kind == "array":
        return scores
    import torch

    return torch.from_numpy(scores)


def blocks(scores, size=10):
    return [scores[start : start + size] for start in range(0, len(scores), size)]


def plan_of(scores, found, epsilon):
    return softmax((scores.astype(np.float64) + found.column_dual) / epsilon, axis=1) / len(scores)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("epsilon", [0.05, 0.3, 2.0])
def test_plan_equals_pot(epsilon, kind):
    rng = np.random.default_rng(0)
    scores, columns = rng.normal(size=(43, 6)), rng.dirichlet(np.full(6, 3.0))
    options = {"max_passes": 20_000, "tolerance": 1e-9}
    ours = sinkhorn_streamed(blocks(made(kind, scores)), columns, epsilon, **options)
    uniform = np.full(43, 1 / 43)
    reference = ot.bregman.sinkhorn_log(uniform, columns, -scores, epsilon, stopThr=1e-12, numItermax=50_000)
    assert ours.converged and ours.column_dual.dtype == np.float64
    np.testing.assert_allclose(plan_of(scores, ours, epsilon), reference, atol=1e-6 / 240)


def test_small_epsilon_approaches_the_linear_programme():
    rng = np.random.default_rng(1)
    scores, columns = rng.normal(size=(60, 5)), zipf(5)
    best = -ot.emd2(np.full(60, 1 / 60), columns, -scores)
    gaps = []
    for epsilon in (0.1, 0.01, 0.001):
        found = sinkhorn_streamed([scores], columns, epsilon, max_passes=20_000)
        gaps.append(best - (plan_of(scores, found, epsilon) * scores).sum())
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
def test_the_residual_is_that_of_the_plan_at_any_epsilon(n, k, epsilon, scale, dtype, seed):
    rng = np.random.default_rng(seed)
    scores, columns = (scale * rng.normal(size=(n, k))).astype(dtype), rng.dirichlet(np.ones(k))
    found = sinkhorn_streamed(blocks(scores, 7), columns, epsilon, max_passes=60)
    assert np.isfinite(found.column_dual).all() and found.converged == (found.residual <= 1e-3)
    if dtype == np.float64:
        violation = np.abs(plan_of(scores, found, epsilon).sum(0) / columns - 1).max()
        assert violation == pytest.approx(found.residual, abs=1e-6, rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("spread", [1.0, 30.0, 400.0, 1e5])
def test_column_log_sums_of_any_spread(kind, dtype, spread):
    scores = (spread * np.random.default_rng(2).normal(size=(57, 9))).astype(dtype)
    scores[:, 4] -= 20 * spread  # a column that everything underflows in
    expected = logsumexp(log_softmax(scores.astype(np.float64) / 1.5, axis=1), axis=0)
    sums = column_log_sums(made(kind, scores), 1.5)
    tolerance = 1e-12 if dtype == np.float64 else 1e-6 if kind == "tensor" else 1e-13
    np.testing.assert_allclose(sums, expected, rtol=tolerance, atol=5 * tolerance)


@pytest.mark.learn
def test_tensors_give_the_dual_of_arrays():
    import torch

    scores = np.random.default_rng(3).normal(size=(300, 12))
    arrays = sinkhorn_streamed(blocks(scores), zipf(12), 0.1, tolerance=1e-8, max_passes=5000)
    tensors = sinkhorn_streamed(
        torch.from_numpy(scores).split(64), zipf(12), 0.1, tolerance=1e-8, max_passes=5000
    )
    np.testing.assert_allclose(arrays.column_dual, tensors.column_dual, atol=1e-9)
    assert arrays.iterations == tensors.iterations


@pytest.mark.parametrize("kind", KINDS)
def test_one_pass_is_one_step_and_duals_carry_over(kind):
    scores = made(kind, np.random.default_rng(4).normal(size=(103, 6)))
    dual = None
    for _ in range(400):
        found = sinkhorn_streamed(blocks(scores), epsilon=0.2, max_passes=2, column_dual=dual)
        assert found.iterations <= 2
        dual = found.column_dual
    assert sinkhorn_streamed(blocks(scores), epsilon=0.2, column_dual=dual).iterations == 1
    whole = sinkhorn_streamed([scores], epsilon=0.2, max_passes=1000)
    assert whole.iterations > 1
    np.testing.assert_allclose(dual - dual.mean(), whole.column_dual - whole.column_dual.mean(), atol=2e-3)


def test_blocks_may_be_of_a_memory_map(tmp_path):
    scores = np.random.default_rng(5).normal(size=(50, 4)).astype(np.float32)
    np.save(tmp_path / "scores.npy", scores)
    mapped = np.load(tmp_path / "scores.npy", mmap_mode="r")
    found = sinkhorn_streamed(blocks(mapped), epsilon=0.3)
    np.testing.assert_array_equal(
        found.column_dual, sinkhorn_streamed(blocks(scores), epsilon=0.3).column_dual
    )


@pytest.mark.parametrize("kind", KINDS)
def test_columns_without_a_share_stay_shut(kind):
    scores = np.random.default_rng(6).normal(size=(40, 4))
    found = sinkhorn_streamed([made(kind, scores)], [0, 2, 2, 1], 0.5)
    assert found.converged and found.column_dual[0] == -np.inf
    np.testing.assert_allclose(plan_of(scores, found, 0.5).sum(0), [0, 0.4, 0.4, 0.2], rtol=2e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"score_blocks": (block for block in [np.zeros((2, 2))])}, "generator"),
        ({"score_blocks": []}, "no rows"),
        ({"score_blocks": [np.zeros((2, 2)), np.zeros((2, 3))]}, "width"),
        ({"score_blocks": [np.array([[0.0, np.nan]])]}, "finite"),
        ({"score_blocks": [np.array([[0.0, np.inf]])]}, "finite"),
        ({"score_blocks": [np.zeros((2, 2))], "epsilon": 0.0}, "epsilon"),
        ({"score_blocks": [np.zeros((2, 2))], "max_passes": 0}, "max_passes"),
        ({"score_blocks": [np.zeros((2, 2))], "column_marginal": [1.0]}, "column_marginal"),
        ({"score_blocks": [np.zeros((2, 2))], "column_marginal": [1.0, -1.0]}, "column_marginal"),
        ({"score_blocks": [np.zeros((2, 2))], "column_dual": [0.0]}, "column_dual"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        sinkhorn_streamed(**arguments)

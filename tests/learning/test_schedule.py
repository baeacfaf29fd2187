"""Relabelling steps by their formula, batches by the laws that resuming and several processes need."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperclade.learning.schedule import StepBatches, cosine_rate, relabelling_steps, seed_step


@given(
    n_steps=st.integers(1, 5000),
    n_relabellings=st.integers(1, 200),
    power=st.sampled_from([0.5, 1.0, 1.5, 2.0]),
)
@settings(max_examples=60, deadline=None)
def test_relabelling_steps_are_powers_of_even_fractions(n_steps, n_relabellings, power):
    steps = relabelling_steps(n_steps, n_relabellings, power)
    expected = sorted({int((i / n_relabellings) ** power * n_steps) for i in range(n_relabellings)})
    assert steps[0] == 0 and steps[-1] < n_steps and len(steps) == len(expected)
    # Rounding of the power may fall on either side of a whole number.
    assert np.abs(steps - expected).max() <= 1
    if power > 1 and len(steps) == n_relabellings:
        gaps = np.diff(steps)
        assert (np.diff(gaps) >= -1).all()  # ever sparser, up to rounding to whole steps


@pytest.mark.parametrize("arguments", [(0, 5), (5, 0), (5, 5, 0.0), (5, 5, -1.0), (5, 5, float("nan"))])
def test_relabelling_needs_steps_and_a_positive_power(arguments):
    with pytest.raises(ValueError, match="positive power"):
        relabelling_steps(*arguments)


def test_the_rate_rises_linearly_and_falls_as_a_cosine():
    rates = np.array([cosine_rate(step, 110, 10) for step in range(111)])
    np.testing.assert_allclose(rates[:10], np.arange(1, 11) / 10)
    np.testing.assert_allclose(rates[10:], np.cos(np.linspace(0, np.pi / 2, 101)) ** 2, atol=1e-12)


cases = st.tuples(
    st.integers(1, 60), st.integers(1, 20), st.integers(1, 40), st.integers(1, 4), st.integers(0, 9)
).filter(lambda case: case[0] >= case[3])


def batches(case, rank=0, first_step=0):
    n_rows, batch_size, n_steps, world_size, seed = case
    return StepBatches(
        n_rows,
        batch_size,
        n_steps,
        seed=seed,
        rank=rank,
        world_size=world_size,
        first_step=lambda: first_step,
    )


@given(case=cases)
@settings(max_examples=80, deadline=None)
def test_an_epoch_gives_no_row_twice_and_drops_less_than_a_step(case):
    n_rows, batch_size, n_steps, world_size, _ = case
    by_rank = [list(batches(case, rank)) for rank in range(world_size)]
    assert {len(steps) for steps in by_rank} == {n_steps}
    b = min(batch_size, n_rows // world_size)
    assert {len(batch) for steps in by_rank for batch in steps} == {b}
    per_epoch = n_rows // (b * world_size)
    for start in range(0, n_steps, per_epoch):
        rows = [row for steps in by_rank for batch in steps[start : start + per_epoch] for row in batch]
        assert len(set(rows)) == len(rows) and set(rows) <= set(range(n_rows))
        if start + per_epoch <= n_steps:
            assert n_rows - len(rows) < b * world_size


@given(case=cases, share=st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_a_resumed_run_sees_the_rest_of_the_batches(case, share):
    step = int(share * case[2])
    for rank in range(case[3]):
        assert list(batches(case, rank, step)) == list(batches(case, rank))[step:]


def test_seeds_and_epochs_differ():
    a, b = (list(StepBatches(64, 64, 2, seed=seed)) for seed in (0, 1))
    assert a[0] != a[1] and a[0] != b[0]


@pytest.mark.parametrize("sizes", [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_batches_need_rows_and_steps(sizes):
    with pytest.raises(ValueError, match="must be positive"):
        StepBatches(*sizes, seed=0)


def test_a_step_draws_the_same_whatever_came_before():
    def draw(*key):
        torch.rand(7)
        seed_step(*key)
        return torch.rand(5).tolist()

    assert draw(3, 10) == draw(3, 10)
    assert len({tuple(draw(*key)) for key in ((3, 10), (3, 11), (4, 10), (3, 10, 1))}) == 4

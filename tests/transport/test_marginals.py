"""Marginals, whole sizes, and the order in which targets are handed out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperclade.transport import gaussian, match_to_current, sizes_from_marginal, zipf


def test_shapes_of_the_marginals():
    draws = gaussian(20_000, 0.2, np.random.default_rng(0)) * 20_000
    assert draws.mean() == pytest.approx(1) and draws.std() == pytest.approx(0.2, rel=0.02)
    assert gaussian(1000, 3.0, np.random.default_rng(0)).min() > 0
    ratio = zipf(50, 1.3)
    np.testing.assert_allclose(np.diff(np.log(ratio)) / np.diff(np.log(np.arange(1, 51))), -1.3)
    for shares in (zipf(7), gaussian(7, 0.1, np.random.default_rng(0))):
        assert shares.sum() == pytest.approx(1)


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=40).filter(lambda m: sum(m) > 1e-9),
    st.integers(0, 10**7),
)
def test_sizes_sum_to_n_and_stay_within_one_of_their_share(marginal, n):
    sizes = sizes_from_marginal(np.array(marginal), n)
    exact = np.array(marginal) / np.sum(marginal) * n
    assert sizes.sum() == n and (sizes >= 0).all()
    assert (np.abs(sizes - exact) < 1 + 1e-6).all()


def test_equal_shares_give_floor_and_ceiling():
    assert set(sizes_from_marginal(np.ones(1000), 123_457)) == {123, 124}


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30, unique=True), st.randoms())
def test_larger_targets_go_to_larger_clusters(counts, random):
    targets = list(range(len(counts)))
    random.shuffle(targets)
    matched = match_to_current(np.array(targets), np.array(counts))
    assert sorted(matched) == sorted(targets)
    for i in range(len(counts)):
        for j in range(len(counts)):
            assert (counts[i] < counts[j]) == (matched[i] < matched[j])


def test_bad_input_is_named():
    for call in (
        lambda: zipf(3, -1.0),
        lambda: gaussian(3, -0.1, np.random.default_rng(0)),
    ):
        with pytest.raises(ValueError, match="must be at least"):
            call()
    with pytest.raises(ValueError, match="positive sum"):
        sizes_from_marginal(np.zeros(3), 5)
    with pytest.raises(ValueError, match="equally long"):
        match_to_current(np.ones(2), np.ones(3))

"""The block score against its definition, its distribution over all orders, and planted blocks."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr

from hyperclade.metrics import block_score, block_score_spread

SEEDS = st.integers(0, 2**32 - 1)


def random_similarity(k, seed):
    matrix = np.random.default_rng(seed).normal(size=(k, k))
    return matrix + matrix.T


def planted(sizes, inside=0.8, noise=0.1, seed=0):
    block = np.repeat(np.arange(len(sizes)), sizes)
    noise = noise * random_similarity(len(block), seed)
    return inside * (block[:, None] == block) + noise


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 12), SEEDS)
def test_equals_its_definition(k, seed):
    matrix = random_similarity(k, seed)
    order = np.random.default_rng(seed + 1).permutation(k)
    pairs = list(itertools.combinations(range(k), 2))
    similar = [matrix[order[p], order[q]] for p, q in pairs]
    near = [-np.log(q - p) for p, q in pairs]
    assert block_score(matrix, order) == pytest.approx(pearsonr(similar, near).statistic, abs=1e-12)


@settings(max_examples=6, deadline=None)
@given(st.integers(3, 6), SEEDS)
def test_mean_and_spread_over_all_orders(k, seed):
    matrix = random_similarity(k, seed)
    scores = [block_score(matrix, order) for order in itertools.permutations(range(k))]
    assert np.mean(scores) == pytest.approx(0, abs=1e-12)
    assert block_score_spread(matrix) == pytest.approx(np.std(scores), rel=1e-9)


def test_spread_of_a_larger_matrix():
    matrix = planted([5, 9, 3, 12])
    rng = np.random.default_rng(0)
    scores = [block_score(matrix, rng.permutation(len(matrix))) for _ in range(3000)]
    assert abs(np.mean(scores)) < 5 * np.std(scores) / np.sqrt(3000)
    assert np.std(scores) == pytest.approx(block_score_spread(matrix), rel=0.1)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 15), SEEDS, st.floats(0.01, 100), st.floats(-10, 10), st.floats(-100, 100))
def test_invariances(k, seed, scale, shift, diagonal):
    matrix = random_similarity(k, seed)
    order = np.random.default_rng(seed + 1).permutation(k)
    score = block_score(matrix, order)
    assert -1 <= score <= 1
    assert block_score(matrix, order[::-1]) == pytest.approx(score, abs=1e-9)
    assert block_score(matrix[np.ix_(order, order)]) == pytest.approx(score, abs=1e-9)
    assert block_score(-matrix, order) == pytest.approx(-score, abs=1e-9)
    other = scale * matrix + shift
    np.fill_diagonal(other, diagonal)
    assert block_score(other, order) == pytest.approx(score, abs=1e-8)
    assert block_score_spread(other) == pytest.approx(block_score_spread(matrix), abs=1e-8)
    shuffled = matrix[np.ix_(order, order)]
    assert block_score_spread(shuffled) == pytest.approx(block_score_spread(matrix), abs=1e-9)


@pytest.mark.parametrize("sizes", [[8, 8, 8], [3, 20, 5, 2], [2] * 12])
def test_planted_blocks_beat_every_random_order(sizes):
    matrix = planted(sizes)
    score = block_score(matrix)
    rng = np.random.default_rng(1)
    assert score > max(block_score(matrix, rng.permutation(len(matrix))) for _ in range(500))
    assert score > 5 * block_score_spread(matrix)


def test_each_swap_that_breaks_a_block_costs():
    matrix = planted([6, 6, 6], noise=0)
    order = np.arange(18)
    scores = [block_score(matrix)]
    for inside in range(3):  # of the first block's members, one after the other moves to the far end
        order[[inside, 17 - inside]] = order[[17 - inside, inside]]
        scores.append(block_score(matrix, order))
    assert (np.diff(scores) < 0).all()


def test_extremes():
    gap = np.abs(np.subtract.outer(np.arange(9.0), np.arange(9.0)))
    nearness = -np.log(np.maximum(gap, 1))
    assert block_score(nearness) == pytest.approx(1)
    assert block_score(-nearness) == pytest.approx(-1)
    for alike in (np.ones((1, 1)), np.eye(2), np.eye(5), np.full((4, 4), 0.1)):
        assert block_score(alike) == 0
        assert block_score_spread(alike) == 0


@pytest.mark.parametrize(
    ("matrix", "order", "message"),
    [
        (np.ones((2, 3)), None, "square"),
        (np.ones(4), None, "square"),
        (np.ones((0, 0)), None, "square"),
        (np.full((3, 3), np.nan), None, "NaN"),
        (np.arange(9).reshape(3, 3), None, "symmetric"),
        (np.eye(3), [0, 1], "each of 0..2 once"),
        (np.eye(3), [0, 1, 1], "each of 0..2 once"),
        (np.eye(3), [1, 2, 3], "each of 0..2 once"),
    ],
)
def test_bad_input(matrix, order, message):
    with pytest.raises(ValueError, match=message):
        block_score(matrix, order)

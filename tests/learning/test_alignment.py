"""Matching of columns against all permutations."""

from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperclade.learning.alignment import matching_columns


@given(k=st.integers(1, 5), n=st.integers(1, 30), seed=st.integers(0, 10_000), cut=st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_no_permutation_agrees_on_more_mass(k, n, seed, cut):
    torch.manual_seed(seed)
    first, second = (2 * torch.randn(n, k)).log_softmax(1), (2 * torch.randn(n, k)).log_softmax(1)
    found = matching_columns(zip(first.split(cut), second.split(cut), strict=True))
    p, q = first.exp().double().numpy(), second.exp().double().numpy()

    def mass(order):
        return sum(float(p[:, i] @ q[:, j]) for i, j in enumerate(order))

    assert sorted(found) == list(range(k))
    assert mass(found) == pytest.approx(max(mass(order) for order in permutations(range(k))), rel=1e-9)


def test_a_hidden_permutation_is_undone():
    posterior = (5 * torch.eye(6)).repeat(4, 1).log_softmax(1)
    order = torch.tensor([4, 2, 0, 5, 1, 3])
    found = matching_columns([(posterior, posterior[:, order])])
    np.testing.assert_array_equal(order[found], np.arange(6))


def test_no_rows():
    with pytest.raises(ValueError, match="no rows"):
        matching_columns([])

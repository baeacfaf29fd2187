"""What methods need of a taxonomy, against plain loops."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from method_cases import closed, deepest, taxonomies

from hyperclade.recognition.classes import Classes


@given(taxonomies(), st.integers(0, 1000))
@settings(deadline=None, max_examples=50)
def test_shares_are_equal_among_the_deepest_labels(taxonomy, seed):
    chosen = np.random.default_rng(seed).integers(len(taxonomy), size=2)
    targets = closed(taxonomy, [taxonomy.names[v] for v in chosen], [])
    shares = Classes(taxonomy).shares(torch.from_numpy(targets).float()).numpy()
    ends = deepest(taxonomy, targets[0])
    expected = np.isin(np.arange(len(taxonomy)), ends) / len(ends)
    np.testing.assert_allclose(shares, [expected, np.zeros(len(taxonomy))], atol=1e-6)

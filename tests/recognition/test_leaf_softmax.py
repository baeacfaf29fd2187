"""Leaf softmax against sums over leaves, one by one."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from method_cases import (
    DAG,
    LABELS,
    TREE,
    closed,
    deepest,
    loss_of,
    made,
    node_probabilities,
    samples,
    taxonomies,
)

from hyperclade.recognition.classes import Classes
from hyperclade.recognition.leaf_softmax import LeafSoftmax, label_shares


@pytest.mark.parametrize("taxonomy", [TREE, DAG])
def test_leaf_softmax_is_the_negative_log_probability_of_the_deepest_labels(taxonomy):
    features, targets = samples(taxonomy, LABELS[taxonomy])
    method = made(LeafSoftmax, taxonomy)
    p = node_probabilities(taxonomy, method.logits(features).detach().numpy())
    expected = [-np.log(p[i, deepest(taxonomy, row)]).mean() for i, row in enumerate(targets)]
    assert loss_of(method, features, targets) == pytest.approx(np.mean(expected), abs=1e-6)
    np.testing.assert_allclose(method.scores(features).detach(), p, atol=1e-7)


@given(taxonomies(), st.integers(0, 1000))
@settings(deadline=None, max_examples=50)
def test_label_shares_are_equal_among_the_deepest_labels(taxonomy, seed):
    chosen = np.random.default_rng(seed).integers(len(taxonomy), size=2)
    targets = closed(taxonomy, [taxonomy.names[v] for v in chosen], [])
    shares = label_shares(Classes(taxonomy), torch.from_numpy(targets).float()).numpy()
    ends = deepest(taxonomy, targets[0])
    expected = np.isin(np.arange(len(taxonomy)), ends) / len(ends)
    np.testing.assert_allclose(shares, [expected, np.zeros(len(taxonomy))], atol=1e-6)

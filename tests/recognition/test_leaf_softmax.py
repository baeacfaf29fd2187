"""Leaf softmax against sums over leaves, one by one."""

import numpy as np
import pytest
from method_cases import (
    DAG,
    LABELS,
    TREE,
    deepest,
    loss_of,
    made,
    node_probabilities,
    samples,
)

from hyperclade.recognition.leaf_softmax import LeafSoftmax


@pytest.mark.parametrize("taxonomy", [TREE, DAG])
def test_leaf_softmax_is_the_negative_log_probability_of_the_deepest_labels(taxonomy):
    features, targets = samples(taxonomy, LABELS[taxonomy])
    method = made(LeafSoftmax, taxonomy)
    p = node_probabilities(taxonomy, method.logits(features).detach().numpy())
    expected = [-np.log(p[i, deepest(taxonomy, row)]).mean() for i, row in enumerate(targets)]
    assert loss_of(method, features, targets) == pytest.approx(np.mean(expected), abs=1e-6)
    np.testing.assert_allclose(method.scores(features).detach(), p, atol=1e-7)

"""C-HMCNN against maxima over descendants, node by node."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from method_cases import DAG, LABELS, TREE, above, below, binary, loss_of, made, samples, sigmoid, taxonomies

from hyperclade.recognition.chmcnn import CHMCNN, NodeMaximum
from hyperclade.recognition.classes import Classes


@pytest.mark.parametrize("taxonomy", [TREE, DAG])
def test_chmcnn_is_the_binary_loss_of_constrained_probabilities(taxonomy):
    features, targets = samples(taxonomy, LABELS[taxonomy])
    method = made(CHMCNN, taxonomy)
    h = sigmoid(method.logits(features).detach().numpy())

    def constrained(values):
        return np.stack([values[:, below(taxonomy, v)].max(1) for v in range(len(taxonomy))], axis=1)

    p = (1 - targets) * constrained(h) + targets * constrained(targets * h)
    assert loss_of(method, features, targets) == pytest.approx(binary(p, targets))
    np.testing.assert_allclose(method.scores(features).detach(), constrained(h))


@given(taxonomies(), st.integers(0, 1000))
@settings(deadline=None, max_examples=50)
def test_node_maximum_is_that_over_all_nodes_below_or_above(taxonomy, seed):
    scores = np.random.default_rng(seed).normal(size=(2, len(taxonomy)))
    for over, reach in (("descendants", below), ("ancestors", above)):
        maximum = NodeMaximum(Classes(taxonomy), over=over)(torch.from_numpy(scores))
        expected = [scores[:, reach(taxonomy, v)].max(1) for v in range(len(taxonomy))]
        np.testing.assert_array_equal(maximum, np.stack(expected, axis=1))

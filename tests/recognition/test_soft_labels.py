"""Soft labels against their targets, written out."""

import numpy as np
import pytest
from method_cases import TREE, deepest, leaf_dissimilarities, loss_of, made, samples, softmax

from hyperclade.recognition.leaf_softmax import LeafSoftmax
from hyperclade.recognition.soft_labels import SoftLabels


def test_soft_labels_are_the_cross_entropy_with_softened_targets():
    features, targets = samples(labels=(("a/x/q",), ("b",), ("c/z/s/t",), ("a/x",)))
    method = made(SoftLabels, beta=3.0)
    log_p = np.log(softmax(method.logits(features).detach().numpy()))
    distance = leaf_dissimilarities(TREE, [deepest(TREE, row)[0] for row in targets])
    expected = -(softmax(-3.0 * distance) * log_p).sum(1).mean()
    assert loss_of(method, features, targets) == pytest.approx(expected, rel=1e-6)


def test_sharp_soft_labels_are_leaf_softmax():
    features, targets = samples(labels=(("a/x/q",), ("b",), ("c/z/s/t",)))
    expected = loss_of(made(LeafSoftmax), features, targets)
    assert loss_of(made(SoftLabels, beta=1e4), features, targets) == pytest.approx(expected, rel=1e-6)


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="beta must be positive"):
        made(SoftLabels, beta=0.0)

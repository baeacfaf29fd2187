"""HXE against the sum over the way from the root, written out."""

import numpy as np
import pytest
from method_cases import DAG, TREE, loss_of, made, node_probabilities, samples

from hyperclade.recognition.hxe import HXE
from hyperclade.recognition.leaf_softmax import LeafSoftmax


def test_hxe_is_the_discounted_sum_over_the_way():
    features, targets = samples(labels=(("a/x/q",), ("b",), ("c/z/s/t",), ("a/x",)))
    method = made(HXE, alpha=0.7)
    p = node_probabilities(TREE, method.logits(features).detach().numpy())
    expected = 0.0
    for i, row in enumerate(targets):
        for v in np.flatnonzero(row):
            parents = [u for u in TREE.ancestors(v) if TREE.depth[u] == TREE.depth[v] - 1]
            given_parent = p[i, v] / (p[i, parents[0]] if parents else 1.0)
            expected -= np.exp(-0.7 * TREE.depth[v]) * np.log(given_parent)
    assert loss_of(method, features, targets) == pytest.approx(expected / len(targets), abs=1e-6)


def test_hxe_without_discount_is_leaf_softmax():
    features, targets = samples()
    mixed = 0.3 * targets + 0.7 * targets[::-1]
    plain, flat = made(LeafSoftmax), made(HXE, alpha=0.0)
    assert loss_of(flat, features, mixed) == pytest.approx(loss_of(plain, features, mixed), rel=1e-6)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"alpha": -1.0}, "alpha must not be negative"),
        ({"taxonomy": DAG}, "needs a tree"),
    ],
)
def test_wrong_settings_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        made(HXE, **wrong)

"""MVM against inner products in numpy."""

import numpy as np
import pytest
from method_cases import binary, loss_of, made, samples, sigmoid

from hyperclade.recognition.mvm import MVM


def test_mvm_is_logistic_in_inner_products():
    features, targets = samples()
    method = made(MVM)
    p = sigmoid(method.embed(features).detach().numpy() @ method.labels.detach().numpy().T)
    assert loss_of(method, features, 0.8 * targets) == pytest.approx(binary(p, 0.8 * targets))
    np.testing.assert_allclose(method.scores(features).detach(), p)

"""MHM against distances of the hyperboloid."""

import numpy as np
import pytest
import torch
from method_cases import binary, loss_of, made, samples, sigmoid

from hyperclade.recognition.mhm import MHM


def test_mhm_is_logistic_in_distances_of_the_ball():
    features, targets = samples()
    method = made(MHM)
    torch.nn.init.constant_(method.log_scale, 0.4)

    def hyperboloid(tangent):
        """Of vectors at the origin: the exponential map of the ball doubles their length."""
        radius = np.linalg.norm(tangent, axis=1, keepdims=True)
        return np.cosh(2 * radius), np.sinh(2 * radius) * tangent / radius

    time_x, space_x = hyperboloid(method.embed(features).detach().numpy() / 2)  # √4
    time_l, space_l = hyperboloid(method.labels.detach().numpy())
    distance = np.arccosh(time_x @ time_l.T - space_x @ space_l.T)
    p = sigmoid(np.exp(0.4) * (1.0 - distance))
    assert loss_of(method, features, targets) == pytest.approx(binary(p, targets), rel=1e-7)
    np.testing.assert_allclose(method.scores(features).detach(), p, rtol=1e-6)

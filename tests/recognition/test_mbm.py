"""MBM against volumes of Gumbel boxes in numpy, and where these are far apart."""

import numpy as np
import pytest
import torch
from method_cases import binary, loss_of, made, samples

from hyperclade.recognition.mbm import MBM


def test_mbm_is_the_share_of_the_volume():
    features, targets = samples()
    method = made(MBM, beta=0.05, volume_temperature=0.3)
    point, centre = method.embed(features).detach().numpy()[:, None], method.centre.detach().numpy()
    half = np.log1p(np.exp(method.half_side.detach().numpy()))

    def volume(low, high):
        return (0.3 * np.log1p(np.exp((high - low - 2 * np.euler_gamma * 0.05) / 0.3))).prod(-1)

    low = 0.05 * np.logaddexp((point - 1e-5) / 0.05, (centre - half) / 0.05)
    high = -0.05 * np.logaddexp(-(point + 1e-5) / 0.05, -(centre + half) / 0.05)
    p = volume(low, high) / volume(point - 1e-5, point + 1e-5)
    np.testing.assert_allclose(method.scores(features).detach(), p, rtol=1e-5)
    assert loss_of(method, features, targets) == pytest.approx(binary(p, targets), rel=1e-5)


def test_mbm_learns_when_boxes_are_far_apart():
    """softplus underflows at −104 in float32, and its logarithm then has no gradient."""
    method = made(MBM).float()
    torch.nn.init.constant_(method.centre, 1e3)
    features, targets = samples()
    loss = method.loss(features.float(), torch.from_numpy(targets).float())["loss"]
    loss.backward()
    assert loss.isfinite() and method.centre.grad.isfinite().all() and method.centre.grad.any()


def test_mbm_lets_label_boxes_learn_faster():
    network, centre, half_side = made(MBM).parameter_groups()
    assert len(centre["params"]) == len(half_side["params"]) == 1 < len(network["params"])
    assert [group["lr_scale"] for group in (network, centre, half_side)] == [1.0, 10.0, 100.0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"beta": 0.0}, "must be positive"),
        ({"volume_temperature": float("nan")}, "must be positive"),
    ],
)
def test_wrong_settings_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        made(MBM, **wrong)

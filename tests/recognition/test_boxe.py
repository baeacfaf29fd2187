"""BoxE against distances written out and torch's multi-label margin loss."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from method_cases import TREE, loss_of, made, samples

from hyperclade.recognition.boxe import BoxE, box_distance
from hyperclade.recognition.mbm import MBM


def test_boxe_ranks_labels_as_torchs_multi_label_margin_loss_does():
    features, targets = samples()
    method = made(BoxE)
    point, centre = method.embed(features).detach().numpy(), method.centre.detach().numpy()
    side = np.log1p(np.exp(method.side.detach().numpy()))
    distance = np.zeros_like(targets)
    for i, v, d in np.ndindex(*targets.shape, 4):
        away, width = abs(point[i, d] - centre[v, d]), side[v, d] + 1
        kappa = 0.5 * (width - 1) * (width - 1 / width)
        distance[i, v] += (away / width if away <= side[v, d] / 2 else away * width - kappa) ** 2
    scores = torch.from_numpy(-np.sqrt(distance))
    torch.testing.assert_close(method.scores(features).detach(), scores)
    order = np.full(targets.shape, -1)
    for row, positives in zip(order, targets, strict=True):
        row[: int(positives.sum())] = np.flatnonzero(positives)
    expected = torch.nn.functional.multilabel_margin_loss(scores, torch.from_numpy(order))
    assert loss_of(method, features, targets) == pytest.approx(expected.item())


@pytest.mark.parametrize("method", [MBM, BoxE])
def test_boxes_are_scored_in_blocks_of_samples(method, monkeypatch):
    features, _ = samples()
    net = made(method)
    expected = net.scores(features)
    monkeypatch.setattr("hyperclade.recognition.boxe._BLOCK", 2 * 4 * len(TREE))
    torch.testing.assert_close(net.scores(features), expected)


@given(st.floats(0.01, 10.0))
def test_the_distance_of_a_box_is_continuous_at_its_side(side):
    at = torch.tensor([[side / 2 * (1 - 1e-9)], [side / 2 * (1 + 1e-9)]], dtype=torch.float64)
    inside, outside = box_distance(at, torch.zeros(1), torch.tensor([side], dtype=torch.float64))
    assert inside.item() == pytest.approx(outside.item(), rel=1e-6)

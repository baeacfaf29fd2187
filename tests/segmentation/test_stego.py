"""STEGO against loops over pairs of points, with its own bilinear reading of the maps."""

import numpy as np
import pytest
import torch
from segmentation_cases import N_FEATURES, batch_of, cosine, learns, made, rows

from hyperclade.segmentation import stego
from hyperclade.segmentation.stego import STEGO, correspondence


def read(image, x, y):
    """Value of `(h, w, c)` at x and y in −1 … 1, corner to corner."""
    h, w, _ = image.shape
    x, y = (x + 1) / 2 * (w - 1), (y + 1) / 2 * (h - 1)
    left, top = min(int(x), w - 2), min(int(y), h - 2)
    right, down = x - left, y - top
    upper = (1 - right) * image[top, left] + right * image[top, left + 1]
    lower = (1 - right) * image[top + 1, left] + right * image[top + 1, left + 1]
    return (1 - down) * upper + down * lower


def correspondence_in_loops(first, second, shift):
    """Of lists, by crop, of (feature, code) by point."""
    b, n = len(first), len(first[0])
    cosines = np.array(
        [[[cosine(f, g) for g, _ in second[crop]] for f, _ in first[crop]] for crop in range(b)]
    )
    centred = cosines - cosines.mean(2, keepdims=True) + cosines.mean()
    total = 0.0
    for crop in range(b):
        for p in range(n):
            for q in range(n):
                alike = max(0.0, cosine(first[crop][p][1], second[crop][q][1]))
                total -= alike * (centred[crop, p, q] - shift)
    return total / (b * n * n)


def test_the_loss_is_that_of_its_definition(monkeypatch):
    model = made(STEGO, weights=(0.5, 0.3, 0.7), shifts=(0.2, 0.05, 0.1), points=2, n_negatives=2)
    batch = batch_of()
    far = torch.tensor([[1, 2, 0], [2, 0, 1]])
    drawn = [torch.rand(3, 2, 2, 2, dtype=torch.float64) * 2 - 1 for _ in range(2)]
    remaining = list(drawn)
    monkeypatch.setattr(model, "_points", lambda features: remaining.pop(0))
    monkeypatch.setattr(stego, "others", lambda n_crops, times: far)
    features, codes = rows(batch.features), rows(model.project(batch.features))
    near, near_codes = rows(batch.positive), rows(model.project(batch.positive))

    def at_points(features, codes, points, crops):
        return [
            [
                (read(features[crop], x, y), read(codes[crop], x, y))
                for x, y in points[row].reshape(-1, 2).tolist()
            ]
            for row, crop in enumerate(crops)
        ]

    here, there = drawn
    own = at_points(features, codes, here, range(3))
    of_self = correspondence_in_loops(own, own, 0.1)
    of_near = correspondence_in_loops(own, at_points(near, near_codes, there, range(3)), 0.05)
    of_others = [
        correspondence_in_loops(own, at_points(features, codes, there, crops.tolist()), 0.2) for crops in far
    ]
    nearest = [max(cosine(code, c) for c in model.centres.detach().numpy()) for code in codes.reshape(-1, 4)]
    parts, given = model.loss(batch)
    assert parts["self"].item() == pytest.approx(of_self)
    assert parts["near"].item() == pytest.approx(of_near)
    assert parts["others"].item() == pytest.approx(np.mean(of_others))
    expected = 0.5 * np.mean(of_others) + 0.3 * of_near + 0.7 * of_self - np.mean(nearest)
    assert parts["loss"].item() == pytest.approx(expected)
    assert torch.equal(given, model.code(batch.features))


def test_a_shift_asks_codes_to_be_less_alike():
    """Its derivative is the mean of the cosines of the codes that are above zero."""
    torch.manual_seed(0)
    pairs = [(torch.randn(2, 5, 2, 2).double(), torch.randn(2, 4, 2, 2).double()) for _ in range(2)]
    low, high = (correspondence(*pairs, shift).item() for shift in (0.1, 0.6))
    codes = [rows(pair[1]).reshape(2, 4, 4) for pair in pairs]
    alike = [max(0.0, cosine(p, q)) for crop in range(2) for p in codes[0][crop] for q in codes[1][crop]]
    assert high - low == pytest.approx(0.5 * np.mean(alike)) and high > low


def test_codes_that_follow_the_features_correspond_better():
    segments = torch.eye(2).double()[[0, 0, 1, 1]].T.reshape(1, 2, 2, 2)
    costs = [
        correspondence((segments, codes), (segments, codes), 0.1).item()
        for codes in (segments, torch.ones_like(segments), segments.mT)
    ]
    assert costs[0] < min(costs[1:])


def test_alone_in_a_batch_there_are_no_other_crops():
    model = made(STEGO)
    parts, _ = model.loss(batch_of((1, N_FEATURES, 3, 4)))
    parts["loss"].backward()
    assert parts["others"] == 0 and parts["self"] != 0 and parts["near"] != 0
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_the_probe_learns_from_the_codes_and_the_codes_not_from_it():
    model = made(STEGO)
    parts, _ = model.loss(batch_of())
    (parts["loss"] - parts["probe"]).backward(retain_graph=True)
    assert learns(model.project.parameters()) and not learns(model.probe.parameters())
    model.zero_grad()
    parts["probe"].backward()
    assert learns(model.probe.parameters()) and not learns(model.project.parameters())


def test_every_pair_trains_the_projector():
    model = made(STEGO)
    parts, _ = model.loss(batch_of())
    for name in ("others", "near", "self"):
        model.zero_grad()
        parts[name].backward(retain_graph=True)
        assert learns(model.project.parameters()), name


def test_points_lie_within_the_crop_and_are_drawn_for_each():
    points = made(STEGO, points=7)._points(batch_of().features)
    assert points.shape == (3, 7, 7, 2) and points.abs().max() <= 1
    assert not torch.equal(points[0], points[1])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"weights": (1.0, 1.0)}, "three numbers"),
        ({"shifts": (1.0,)}, "three numbers"),
        ({"points": 0}, "points must be at least 1"),
        ({"n_positives": 0}, "n_positives"),
    ],
)
def test_wrong_settings_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        STEGO(N_FEATURES, 2, **wrong)

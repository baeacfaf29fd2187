"""SmooSeg against loops over pairs of places; which parts learn from what; the average of the directions."""

import numpy as np
import pytest
import torch
from segmentation_cases import N_CLUSTERS, N_FEATURES, batch_of, cosine, learns, made, rows

from hyperclade.segmentation import smooseg
from hyperclade.segmentation.method import Projector
from hyperclade.segmentation.smooseg import SmooSeg, smoothness


def moved(**given):
    """A method whose learning directions have moved away from their average."""
    model = made(SmooSeg, shifts=(0.1, 0.3), temperature=0.2, **given)
    with torch.no_grad():
        model.student.add_(0.5 * torch.randn_like(model.student))
    return model


def smoothness_in_loops(features, shares, other, shift):
    b, n = len(features), features[0].size // N_FEATURES
    features, shares = features.reshape(b, n, -1), shares.reshape(b, n, -1)
    cosines = np.zeros((b, n, n))
    apart = np.zeros((b, n, n))
    for crop in range(b):
        for p in range(n):
            for q in range(n):
                cosines[crop, p, q] = cosine(features[crop, p], features[other[crop], q])
                apart[crop, p, q] = 1 - cosine(shares[crop, p], shares[other[crop], q])
    centred = cosines - cosines.mean(2, keepdims=True) + cosines.mean()
    return ((centred - shift) * apart).mean()


@pytest.mark.parametrize("shape", [(3, N_FEATURES, 3, 4), (2, N_FEATURES, 1, 5), (4, N_FEATURES, 2, 2)])
def test_the_loss_is_that_of_its_definition(monkeypatch, shape):
    model, batch = moved(), batch_of(shape)
    other = torch.arange(shape[0]).roll(1)
    monkeypatch.setattr(smooseg, "others", lambda n_crops, times: other[None])
    features, codes = rows(batch.features), rows(model.project(batch.features))
    teacher, student = (of.detach().numpy() for of in (model.centres, model.student))
    shares, data = np.zeros((*codes.shape[:3], N_CLUSTERS)), []
    for at in np.ndindex(*codes.shape[:3]):
        scores = np.array([cosine(codes[at], centre) for centre in teacher])
        shares[at] = np.exp(scores / 0.2) / np.exp(scores / 0.2).sum()
        logits = np.array([cosine(codes[at], centre) for centre in student])
        data.append(np.log(np.exp(logits).sum()) - logits[scores.argmax()])
    parts, given = model.loss(batch)
    within = smoothness_in_loops(features, shares, list(range(shape[0])), 0.1)
    across = smoothness_in_loops(features, shares, other.tolist(), 0.3)
    assert parts["self"].item() == pytest.approx(within)
    assert parts["others"].item() == pytest.approx(across)
    assert parts["data"].item() == pytest.approx(np.mean(data))
    assert parts["loss"].item() == pytest.approx(within + across + np.mean(data))
    assert torch.equal(given, model.code(batch.features))


def test_the_projector_is_that_with_silu():
    model, batch = made(SmooSeg), batch_of()
    expected = Projector(N_FEATURES, 4, dropout=0.0, activation=torch.nn.SiLU).double()
    expected.load_state_dict(model.project.state_dict())
    assert torch.equal(model.code(batch.features), expected(batch.features))


def test_alone_in_a_batch_there_is_no_other_crop():
    parts, _ = moved().loss(batch_of((1, N_FEATURES, 3, 4)))
    assert parts["others"] == 0 and parts["self"] != 0


def test_large_grids_lose_no_digits_that_count():
    torch.manual_seed(0)
    features, shares = torch.randn(2, 32, 30, 30) + 0.3, torch.rand(2, 8, 30, 30)
    other = torch.tensor([1, 0])
    exact = smoothness(features.double(), shares.double(), other, 0.1).item()
    assert smoothness(features, shares, other, 0.1).item() == pytest.approx(exact, rel=1e-4)


def test_segments_that_follow_the_features_are_smoother():
    segments = torch.nn.functional.one_hot(torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1]])).permute(2, 0, 1)[None]
    features, itself = segments.double(), torch.tensor([0])
    across, same = features.mT.roll(1, 2).mT, torch.full_like(features, 0.5)
    costs = [smoothness(features, shares, itself, 0.2).item() for shares in (features, same, across)]
    assert costs[0] < costs[1] < costs[2]


def test_smoothness_trains_the_projector_and_the_data_the_directions():
    model = moved()
    parts, _ = model.loss(batch_of())
    for name in ("self", "others"):
        model.zero_grad()
        parts[name].backward(retain_graph=True)
        assert learns(model.project.parameters()) and not learns([model.student])
    model.zero_grad()
    parts["data"].backward()
    assert learns([model.student]) and not learns(model.project.parameters())


def test_the_clusters_follow_the_directions_that_learn():
    model = moved(momentum=0.9)
    before = model.centres.clone()
    assert not model.centres.requires_grad
    model.after_step()
    assert torch.allclose(model.centres, 0.9 * before + 0.1 * model.student.detach())


def test_directions_begin_with_length_one_and_their_average_as_they_are():
    model = made(SmooSeg)
    assert torch.equal(model.student, model.centres)
    assert model.centres.norm(dim=1).numpy() == pytest.approx(np.ones(N_CLUSTERS), rel=1e-6)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"shifts": (0.1,)}, "two numbers"),
        ({"n_code": 0}, "n_code must be at least 1"),
        ({"temperature": 0.0}, "temperature must be positive"),
        ({"momentum": 1.5}, "momentum must be between 0 and 1"),
    ],
)
def test_wrong_settings_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        SmooSeg(N_FEATURES, 2, **wrong)

"""STML's likeness and losses beside loops over samples and sets of neighbours."""

import numpy as np
import pytest
import torch
from retrieval_cases import SPACES, batch_of, vectors_of

from hyperclade.retrieval.stml import STML, relaxed_contrastive


def likeness_by_loops(rows, sigma, k):
    b = len(rows)
    distances = np.linalg.norm(rows[:, None] - rows, axis=2)
    nearest = [np.argsort(own)[:k].tolist() for own in distances]  # itself first
    mutual = [{j for j in nearest[i] if i in nearest[j]} for i in range(b)]
    shared = np.zeros((b, b))
    for i in range(b):
        for j in mutual[i]:
            shared[i, j] = len(mutual[i] & mutual[j]) / len(mutual[i])
    expanded = np.stack([np.mean([shared[h] for h in nearest[i][: k // 2]], axis=0) for i in range(b)])
    return (np.exp(-(distances**2) / sigma) + (expanded + expanded.T) / 2) / 2


def test_likeness_by_sets_of_neighbours():
    rows = torch.nn.functional.normalize(vectors_of(20, 5), dim=1)
    found = STML(6, 4, SPACES[0], sigma=2.0, neighbours=6).likeness(rows)
    np.testing.assert_allclose(found.numpy(), likeness_by_loops(rows.numpy(), 2.0, 6), rtol=1e-10)


def test_the_relaxed_contrastive_loss_by_loops():
    rng = np.random.default_rng(0)
    distances, alike = np.abs(rng.normal(size=(2, 7, 7)))
    np.fill_diagonal(distances, 0)
    total = 0.0
    for i in range(7):
        for j in range(7):
            d = distances[i, j] / distances[i].mean()
            if i != j:
                total += alike[i, j] * d**2 + (1 - alike[i, j]) * max(1.2 - d, 0) ** 2
    found = relaxed_contrastive(torch.from_numpy(distances), torch.from_numpy(alike), 1.2)
    assert found.item() == pytest.approx(total / 7, rel=1e-10)


def test_nothing_flows_into_the_teacher_and_the_ranking_teaches_only_the_student():
    vectors, space = vectors_of().requires_grad_(), SPACES[0]
    features = torch.randn(9, 6, generator=torch.Generator().manual_seed(2))
    teacher = torch.nn.functional.normalize(features, dim=1).requires_grad_()
    method = STML(6, 4, space, wide=8, neighbours=4)
    parts = method.loss(batch_of(vectors, space=space, features=features, teacher=teacher))
    parts["loss"].backward()
    assert teacher.grad is None and vectors.grad.abs().sum() > 0
    assert parts["loss"].item() == pytest.approx(
        ((parts["narrow"] + parts["wide"]) / 2 + parts["distilled"]).item()
    )
    method.zero_grad()
    again = method.loss(batch_of(vectors, space=space, features=features, teacher=teacher))
    again["distilled"].backward()
    assert all(p.grad is None or not p.grad.any() for p in method.parameters())


@pytest.mark.parametrize("settings", [{"wide": 0}, {"neighbours": 1}, {"sigma": 0.0}, {"distil": -1.0}])
def test_settings_that_make_no_sense(settings):
    with pytest.raises(ValueError, match=r"need wide|must be positive"):
        STML(6, 4, SPACES[0], **settings)

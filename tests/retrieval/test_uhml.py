"""UHML's loss beside loops over all triples, and what descending it does to distances."""

import itertools

import numpy as np
import pytest
import torch
from retrieval_cases import LEVELS, SPACES, batch_of, degrees_of, distances_of, vectors_of

from hyperclade.retrieval.uhml import UHML


def by_loops(distances, degrees, beta, omega, epsilon):
    """Mean over triples of the squared error of log-ratios, g(s) = −s log Ω, nearer for higher degrees."""
    errors = []
    for a, i, j in itertools.permutations(range(len(distances)), 3):
        if degrees[a, i] != degrees[a, j]:
            ratio = np.log(distances[a, i] + epsilon) - np.log(distances[a, j] + epsilon)
            wanted = -np.log(omega) * beta * (degrees[a, j] - degrees[a, i])
            errors.append((ratio - wanted) ** 2)
    return np.mean(errors)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("binary", [False, True])
def test_as_loops_over_triples(space, binary):
    batch = batch_of(vectors_of(), space=space)
    degrees = degrees_of(LEVELS).numpy()
    if binary:
        degrees = (degrees == 3).astype(int)
    expected = by_loops(distances_of(batch, space), degrees, 0.7, 0.2, 1e-4)
    loss = UHML(6, 4, space, beta=0.7, omega=0.2, binary=binary).loss(batch)["loss"]
    assert loss.item() == pytest.approx(expected, rel=1e-9)


def test_free_points_take_the_ratios_of_the_tree():
    """A tree that has an exact solution: each level is nearer by the same factor."""
    space, levels = SPACES[2], [[0, 0, 1, 1, 2, 2, 3, 3], [0, 0, 0, 0, 1, 1, 1, 1]]
    vectors = vectors_of(8, 8, seed=1).requires_grad_()
    method = UHML(6, 8, space, beta=0.3, omega=0.1)
    optimizer = torch.optim.Adam([vectors], lr=0.01)
    for _ in range(1500):
        optimizer.zero_grad()
        loss = method.loss(batch_of(vectors, levels, space))["loss"]
        loss.backward()
        optimizer.step()
    assert loss.item() < 1e-4
    distances, degrees = (
        distances_of(batch_of(vectors.detach(), levels, space), space),
        degrees_of(levels).numpy(),
    )
    apart = ~np.eye(8, dtype=bool)
    mean = [distances[(degrees == s) & apart].mean() for s in range(3)]
    assert mean[1] / mean[0] == pytest.approx(0.1**0.3, rel=0.03)
    assert mean[2] / mean[1] == pytest.approx(0.1**0.3, rel=0.03)


@pytest.mark.parametrize(
    ("settings", "message"), [({"beta": 0}, "beta"), ({"omega": 1.0}, "omega"), ({"epsilon": 0}, "epsilon")]
)
def test_settings_that_make_no_sense(settings, message):
    with pytest.raises(ValueError, match=message):
        UHML(6, 4, SPACES[0], **settings)

"""The cross-entropy over distances beside loops, and the usual one of logits where pairs stand alone."""

import numpy as np
import pytest
import torch
from retrieval_cases import LEVELS, SPACES, batch_of, distances_of, vectors_of

from hyperclade.retrieval.hyp_vit import HypViT


@pytest.mark.parametrize("space", SPACES)
def test_as_loops_over_positives(space):
    batch, labels = batch_of(vectors_of(), space=space), LEVELS[0]
    scores = np.exp(-distances_of(batch, space) / 0.3)
    terms = []
    for a in range(9):
        against = sum(scores[a, n] for n in range(9) if labels[n] != labels[a])
        terms += [
            -np.log(scores[a, p] / (scores[a, p] + against))
            for p in range(9)
            if p != a and labels[p] == labels[a]
        ]
    loss = HypViT(6, 4, space, temperature=0.3).loss(batch)["loss"]
    assert loss.item() == pytest.approx(np.mean(terms), rel=1e-9)


def test_of_two_instances_each_it_is_the_usual_cross_entropy():
    space, labels = SPACES[0], [[0, 0, 1, 1, 2, 2, 3, 3]]
    batch = batch_of(vectors_of(8), labels, space)
    logits = torch.from_numpy(-distances_of(batch, space) / 0.2).fill_diagonal_(-torch.inf)
    expected = torch.nn.functional.cross_entropy(logits, torch.arange(8) ^ 1)
    assert HypViT(6, 4, space).loss(batch)["loss"].item() == pytest.approx(expected.item(), rel=1e-9)


def test_temperature_is_positive():
    with pytest.raises(ValueError, match="temperature"):
        HypViT(6, 4, SPACES[0], temperature=0)

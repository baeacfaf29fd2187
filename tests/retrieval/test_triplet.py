"""Triplet losses beside loops over all triples, and pytorch-metric-learning's on Euclidean points."""

import itertools

import numpy as np
import pytest
import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from retrieval_cases import LEVELS, SPACES, batch_of, distances_of, vectors_of

from hyperclade.retrieval.triplet import Triplet


def by_loops(distances, labels, margin, mining):
    of_anchor = {a: [] for a in range(len(labels))}
    for a, p, n in itertools.permutations(range(len(labels)), 3):
        if labels[a] == labels[p] != labels[n]:
            of_anchor[a].append((distances[a, p], distances[a, n]))
    triples = [pair for pairs in of_anchor.values() for pair in pairs]
    if mining == "semihard":
        triples = [(p, n) for p, n in triples if p < n]
    if mining == "hardest":
        triples = [
            (max(p for p, _ in pairs), min(n for _, n in pairs)) for pairs in of_anchor.values() if pairs
        ]
    errors = [p - n + margin for p, n in triples if p - n + margin > 0]
    return np.mean(errors) if errors else 0


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("mining", ["all", "semihard", "hardest"])
@pytest.mark.parametrize("margin", [0.8, 2.5])
def test_as_loops_over_triples(space, mining, margin):
    batch = batch_of(vectors_of(seed=4), space=space)
    expected = by_loops(distances_of(batch, space), LEVELS[0], margin, mining)
    loss = Triplet(6, 4, space, margin=margin, mining=mining).loss(batch)["loss"]
    assert expected > 0 and loss.item() == pytest.approx(expected, rel=1e-9)


def test_as_pytorch_metric_learning_has_it():
    batch = batch_of(vectors_of(), space=SPACES[2])
    distance = LpDistance(normalize_embeddings=False)
    theirs = TripletMarginLoss(0.4, distance=distance)(batch.points, torch.tensor(LEVELS[0]))
    ours = Triplet(6, 4, SPACES[2], margin=0.4).loss(batch)["loss"]
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-6)


def test_margin_is_positive():
    with pytest.raises(ValueError, match="margin"):
        Triplet(6, 4, SPACES[0], margin=0)

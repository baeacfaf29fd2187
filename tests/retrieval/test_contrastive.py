"""The contrastive loss beside pytorch-metric-learning's on Euclidean points, and loops in the ball."""

import numpy as np
import pytest
import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import ContrastiveLoss
from retrieval_cases import LEVELS, SPACES, batch_of, distances_of, vectors_of

from hyperclade.retrieval.contrastive import Contrastive


@pytest.mark.parametrize("margins", [(0.0, 1.0), (0.3, 2.5), (0.1, 0.2)])
def test_as_pytorch_metric_learning_has_it(margins):
    batch = batch_of(vectors_of(), space=SPACES[2])
    distance = LpDistance(normalize_embeddings=False)
    theirs = ContrastiveLoss(*margins, distance=distance)(batch.points, torch.tensor(LEVELS[0]))
    ours = Contrastive(6, 4, SPACES[2], positive_margin=margins[0], margin=margins[1]).loss(batch)["loss"]
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-6)


def test_as_loops_in_the_ball():
    batch = batch_of(vectors_of(), space=SPACES[0])
    distances, labels = distances_of(batch, SPACES[0]), LEVELS[0]
    pulled, pushed = [], []
    for i in range(9):
        for j in range(9):
            if i != j and labels[i] == labels[j]:
                pulled.append(distances[i, j])
            elif labels[i] != labels[j] and distances[i, j] < 4:
                pushed.append(4 - distances[i, j])
    ours = Contrastive(6, 4, SPACES[0], margin=4.0).loss(batch)
    assert ours["loss"].item() == pytest.approx(np.mean(pulled) + np.mean(pushed), rel=1e-9)


def test_margins_rise():
    with pytest.raises(ValueError, match="rise"):
        Contrastive(6, 4, SPACES[0], positive_margin=0.5, margin=0.5)

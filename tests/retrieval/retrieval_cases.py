"""Batches, spaces and small runs that tests of metric learning share."""

import numpy as np
import torch

from hyperclade.retrieval.config import Space
from hyperclade.retrieval.method import Batch

SPACES = [Space(), Space(curvature=1.0), Space(geometry="euclidean")]
LEVELS = np.array([[0, 0, 1, 1, 2, 3, 4, 4, 4], [0, 0, 0, 0, 1, 1, 2, 2, 2], [0, 0, 0, 0, 0, 0, 1, 1, 1]])


def degrees_of(levels):
    """Levels (L, b) as degrees (b, b)."""
    levels = torch.as_tensor(np.asarray(levels))
    return (levels[:, :, None] == levels[:, None, :]).sum(0)


def batch_of(vectors, levels=LEVELS, space=SPACES[0], *, features=None, teacher=None):
    """A batch of vectors before the exponential map, with features of width 6."""
    b = len(vectors)
    if features is None:
        features = torch.randn(b, 6, generator=torch.Generator().manual_seed(1))
    if teacher is None:
        teacher = torch.nn.functional.normalize(features, dim=1)
    return Batch(space.points(space.bounded(vectors)), degrees_of(levels), features, 0.0, teacher)


def vectors_of(b=9, d=4, seed=0, scale=1.0):
    return scale * torch.randn(b, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def distances_of(batch, space):
    return space.pairwise(batch.points, batch.points).numpy()

"""Small batches of features, methods without dropout in float64, and cosines in plain numpy."""

import inspect

import numpy as np
import torch

from hyperclade.segmentation.method import Batch

N_FEATURES = 6
N_CLUSTERS = 3


def made(method, **given):
    """The method, narrow, without dropout, in float64."""
    torch.manual_seed(0)
    small = {"n_code": 4, "dropout": 0.0}
    known = inspect.signature(method).parameters
    narrow = {name: value for name, value in small.items() if name in known}
    return method(N_FEATURES, N_CLUSTERS, **{**narrow, **given}).double()


def batch_of(shape=(3, N_FEATURES, 3, 4), done=0.5, seed=1):
    """Random features, with all that a method may need."""
    torch.manual_seed(seed)
    features, positive, view = torch.randn(3, *shape, dtype=torch.float64)
    b, _, h, w = shape
    local = torch.rand(b, 9, h, w, dtype=torch.float64)
    return Batch(features, torch.arange(b), done, positive=positive, view=view, local=local)


def rows(maps):
    """(b, h, w, c) float64 of maps `(b, c, h, w)`."""
    return maps.detach().double().permute(0, 2, 3, 1).numpy()


def cosine(first, second):
    length = np.linalg.norm(first) * np.linalg.norm(second)
    return first @ second / length if length else 0.0


def learns(parameters):
    """Whether any has a gradient that is not zero."""
    return any(p.grad is not None and bool(p.grad.any()) for p in parameters)

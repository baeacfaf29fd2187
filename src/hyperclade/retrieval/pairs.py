"""What losses on pairs have in common: which pairs are positive, and means that may be over nothing."""

import torch
from torch import Tensor


def positives_and_negatives(degrees: Tensor) -> tuple[Tensor, Tensor]:
    """Pairs `(b, b) bool` of the same finest cluster, a sample with itself left out, and of others.

    Degrees `(b, b)` are those of `Batch`: a sample shares all levels with itself.

    >>> [pairs.tolist() for pairs in positives_and_negatives(torch.tensor([[2, 1], [1, 2]]))]
    [[[False, False], [False, False]], [[False, True], [True, False]]]
    """
    same = degrees >= degrees.diagonal()[:, None]
    itself = torch.eye(len(degrees), dtype=torch.bool, device=degrees.device)
    return same & ~itself, ~same


def mean_over(values: Tensor, chosen: Tensor) -> Tensor:
    """Mean of the values that are chosen, 0 with gradients of 0 where none is.

    >>> mean_over(torch.tensor([1.0, 2.0]), torch.tensor([False, False])).item()
    0.0
    """
    return torch.where(chosen, values, 0.0).sum() / chosen.sum().clamp_min(1)

"""Making the clusters of two modalities mean the same: one assignment problem, as in SeLaVi."""

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from hyperclade.transport.shards import sum_over_processes


def matching_columns(blocks: Iterable[Sequence[Tensor]]) -> np.ndarray:
    """Columns of the second posterior matched to those of the first, so that they agree on the most mass.

    Blocks are pairs `(b, k), (b, k) float` of log-posteriors of the same rows; under `torch.distributed` each
    process passes its own. Column i of the first belongs to column `result[i]` of the second, `(k,) int64`,
    which maximises Σ_rows Σ_i p(row, i) q(row, result[i]). Raises ValueError for no blocks.

    >>> import torch
    >>> first = torch.eye(3)
    >>> matching_columns([(first.log(), first[:, [2, 0, 1]].log())])
    array([1, 2, 0])
    """
    agreement: Tensor | None = None
    for first, second in blocks:
        part = first.exp().double().T @ second.exp().double()
        agreement = part if agreement is None else agreement + part
    if agreement is None:
        raise ValueError("no rows to match columns on")
    return linear_sum_assignment(-sum_over_processes(agreement).cpu().numpy())[1]

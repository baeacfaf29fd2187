"""Rows divided among the processes of `torch.distributed`: process r of w holds rows r, r+w, r+2w, …"""

import numpy as np
import torch
from torch import Tensor, distributed


def world() -> tuple[int, int]:
    """Number of this process and of all processes; (0, 1) without `torch.distributed`.

    >>> world()
    (0, 1)
    """
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def own_rows(n_rows: int) -> np.ndarray:
    """Rows of this process, `(m,) int64`.

    >>> own_rows(3)
    array([0, 1, 2])
    """
    rank, size = world()
    return np.arange(rank, n_rows, size)


def gather_rows(own: Tensor) -> Tensor:
    """All rows `(n, ...)`, in their order, from those `(m, ...)` that each process holds.

    >>> gather_rows(torch.eye(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    _, size = world()
    if size == 1:
        return own
    counts = [torch.zeros(1, dtype=torch.int64) for _ in range(size)]
    distributed.all_gather(counts, torch.tensor([len(own)]))
    longest = int(max(counts))
    padded = torch.cat([own, own.new_zeros((longest - len(own), *own.shape[1:]))])
    parts = [torch.empty_like(padded) for _ in range(size)]
    distributed.all_gather(parts, padded.contiguous())
    n = int(sum(counts))
    return torch.stack(parts, dim=1).flatten(0, 1)[:n]


def sum_over_processes(values: Tensor) -> Tensor:
    """`values` summed over all processes, in place.

    >>> sum_over_processes(torch.ones(2))
    tensor([1., 1.])
    """
    if world()[1] > 1:
        distributed.all_reduce(values)
    return values

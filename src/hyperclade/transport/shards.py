"""Rows over the processes of `torch.distributed`: process r of w holds rows r, r+w, r+2w and so on."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from hyperclade.environment import FloatArray, IntArray

if TYPE_CHECKING:
    from torch import Tensor


def world() -> tuple[int, int]:
    """Number of this process and of all processes; (0, 1) without `torch.distributed`.

    Examples
    --------
    >>> world()
    (0, 1)
    """
    torch = sys.modules.get("torch")  # where nobody has imported it, nobody has started processes with it
    if torch is not None and torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def own_rows(n_rows: int) -> IntArray:
    """Rows of this process, `(m,) int64`.

    Examples
    --------
    >>> own_rows(3)
    array([0, 1, 2])
    """
    rank, size = world()
    return np.arange(rank, n_rows, size)


def gather_rows(own: Tensor) -> Tensor:
    """All rows `(n, ...)`, in their order, from those `(m, ...)` that each process holds.

    Examples
    --------
    >>> import torch
    >>> gather_rows(torch.eye(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    _, size = world()
    if size == 1:
        return own
    import torch
    from torch import distributed

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

    Examples
    --------
    >>> import torch
    >>> sum_over_processes(torch.ones(2))
    tensor([1., 1.])
    """
    if world()[1] > 1:
        from torch import distributed

        distributed.all_reduce(values)
    return values


def log_sum_over_processes(values: FloatArray) -> FloatArray:
    """log Σ exp of `values` `(k,)` over all processes, which may be −∞.

    Examples
    --------
    >>> log_sum_over_processes(np.zeros(2))
    array([0., 0.])
    """
    if world()[1] == 1:
        return values
    import torch
    from torch import distributed

    own = torch.from_numpy(values)
    highest = own.clone()
    distributed.all_reduce(highest, distributed.ReduceOp.MAX)
    sums = torch.where(own > -torch.inf, (own - highest).exp(), 0.0)
    distributed.all_reduce(sums)
    return torch.where(sums > 0, highest + sums.log(), -torch.inf).numpy()

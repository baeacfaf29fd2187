"""When to do what in a training run: relabelling steps, the learning rate, which rows form a batch."""

import math
from collections.abc import Callable, Iterator

import numpy as np


def relabelling_steps(n_steps: int, n_relabellings: int, power: float = 1.5) -> np.ndarray:
    """Steps before which labels are renewed: fractions (i/n)^power of the run, dense at its start.

    `(r,) int64`, ascending from 0, r ≤ n_relabellings, as steps that coincide are merged. Powers: 1.5 in
    SeLaVi, 2 in SeLa. Raises ValueError for less than one step or relabelling, or a power that is not
    positive.

    >>> relabelling_steps(1000, 5)
    array([  0,  89, 252, 464, 715])
    """
    if n_steps < 1 or n_relabellings < 1 or not power > 0:
        raise ValueError(
            "need at least 1 step and 1 relabelling and a positive power, got "
            f"{n_steps}, {n_relabellings} and {power}"
        )
    fractions = (np.arange(n_relabellings) / n_relabellings) ** power
    return np.unique((fractions * n_steps).astype(np.int64))


def cosine_rate(step: int, n_steps: int, warmup: int) -> float:
    """Factor of the learning rate: rises linearly over `warmup` steps, then falls as a half cosine to 0.

    >>> [round(cosine_rate(step, 100, 10), 2) for step in (0, 9, 55, 100)]
    [0.1, 1.0, 0.5, 0.0]
    """
    if step < warmup:
        return (step + 1) / warmup
    return (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, n_steps - warmup)))) / 2


class StepBatches:
    """Batches of a whole run, one for each step, which depend on nothing but seed and step.

    Epochs are permutations of the rows. A run that resumes at step s sees the batches that it would have
    seen. Incomplete last batches are dropped, except where an epoch is shorter than one batch. `first_step`
    gives the step to begin at, when iteration starts; process `rank` of `world_size` gets its own part of
    every step, `batch_size` rows. Raises ValueError for no rows, no steps, or a batch size below 1.

    >>> batches = list(StepBatches(5, 2, 3, seed=0))
    >>> [len(batch) for batch in batches], len(set(batches[0] + batches[1]))
    ([2, 2, 2], 4)
    >>> list(StepBatches(5, 2, 3, seed=0, first_step=lambda: 2)) == batches[2:]
    True
    """

    def __init__(
        self,
        n_rows: int,
        batch_size: int,
        n_steps: int,
        *,
        seed: int,
        first_step: Callable[[], int] = lambda: 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        if min(n_rows, batch_size, n_steps) < 1:
            raise ValueError(
                f"n_rows, batch_size and n_steps must be positive, got {n_rows}, {batch_size} and {n_steps}"
            )
        self.n_rows = n_rows
        self.batch_size = min(batch_size, max(1, n_rows // world_size))
        self.n_steps = n_steps
        self.seed = seed
        self.first_step = first_step
        self.rank = rank
        self.world_size = world_size
        self.steps_per_epoch = max(1, n_rows // (self.batch_size * world_size))

    def __len__(self) -> int:
        return self.n_steps

    def __iter__(self) -> Iterator[list[int]]:
        epoch, order = -1, np.empty(0, dtype=np.int64)
        for step in range(self.first_step(), self.n_steps):
            if step // self.steps_per_epoch != epoch:
                epoch = step // self.steps_per_epoch
                order = np.random.default_rng([self.seed, epoch]).permutation(self.n_rows)
            start = (step % self.steps_per_epoch * self.world_size + self.rank) * self.batch_size
            yield order[start : start + self.batch_size].tolist()


def seed_step(seed: int, step: int, rank: int = 0) -> None:
    """Seed torch for one training step, whose augmentation and dropout then depend on seed and step alone."""
    import torch

    state = np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)[0]
    # torch.manual_seed queues a seed, with its traceback, for a GPU that may never be used: too slow.
    torch.default_generator.manual_seed(int(state) % 2**63)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(int(state) % 2**63)

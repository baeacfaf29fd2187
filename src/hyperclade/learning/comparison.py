"""Comparisons of systems over seeds: a pool of runs, and means over them."""

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

import numba
import numpy as np
import torch


def share_of_cores(jobs: int) -> int:
    """Threads for each of so many runs at a time.

    Raises:
        ValueError: `jobs` below 1.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, got {jobs}")
    return max(1, torch.get_num_threads() // jobs)


def use_threads(n: int) -> None:
    """Let torch and numba compute with at most so many threads, from here on and in this thread."""
    # numba first: the start of its threads gives torch as many as there are cores.
    numba.set_num_threads(min(n, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
    torch.set_num_threads(n)


@contextmanager
def all_or_none(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes end at once if one of them fails or this one is stopped.

    Args:
        jobs: processes.

    Raises:
        MemoryError: the system killed a process.
    """
    context = multiprocessing.get_context("spawn")
    ignore = (signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal
    with ProcessPoolExecutor(jobs, context, initializer=signal.signal, initargs=ignore) as pool:
        try:
            yield pool
        except BaseException as error:
            # Runs under way would last for hours, and `shutdown` has no way to end them.
            for process in list(pool._processes.values()):
                process.kill()
            if isinstance(error, BrokenProcessPool):
                raise MemoryError(
                    "a run was killed, most likely for lack of memory: give fewer jobs"
                ) from error
            raise


def mean_sd(values: Sequence[float]) -> tuple[float, float]:
    """Mean and standard deviation, which is 0 for a single value.

    >>> mean_sd([1.0, 2.0, 3.0])
    (2.0, 1.0)
    """
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0

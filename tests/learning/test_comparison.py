"""The pool of a comparison ends as one."""

import os
import signal
import time

import numpy as np
import pytest
import torch
from numba import njit, prange

from hyperclade.learning.comparison import all_or_none, mean_sd, share_of_cores, use_threads


@pytest.mark.parametrize(
    ("function", "argument", "error"), [(int, "x", ValueError), (os._exit, 1, MemoryError)]
)
def test_a_run_that_fails_ends_all(function, argument, error):
    with pytest.raises(error), all_or_none(2) as pool:
        waiting = [pool.submit(time.sleep, 60), pool.submit(function, argument)]
        waiting += [pool.submit(time.sleep, 60) for _ in range(3)]
        processes = list(pool._processes.values())
        failed = time.monotonic() if waiting[1].exception() else None
        waiting[1].result()
    assert failed is not None and time.monotonic() - failed < 10
    assert all(future.done() for future in waiting)
    assert not any(process.is_alive() for process in processes)


def test_an_interrupt_ends_all_and_is_the_comparisons_to_handle():
    with pytest.raises(KeyboardInterrupt), all_or_none(1) as pool:
        assert pool.submit(signal.getsignal, signal.SIGINT).result() == signal.SIG_IGN
        processes = list(pool._processes.values())
        waiting = [pool.submit(time.sleep, 60) for _ in range(3)]
        began = time.monotonic()
        raise KeyboardInterrupt
    assert time.monotonic() - began < 10 and all(future.done() for future in waiting)
    assert not any(process.is_alive() for process in processes)


def test_cores_are_shared_and_there_is_at_least_one_run_at_a_time(monkeypatch):
    monkeypatch.setattr("torch.get_num_threads", lambda: 8)
    assert [share_of_cores(jobs) for jobs in (1, 2, 3, 16)] == [8, 4, 2, 1]
    with pytest.raises(ValueError, match="jobs must be at least 1"):
        share_of_cores(0)


@njit(parallel=True)
def _total(x):
    total = 0.0
    for i in prange(len(x)):
        total += x[i]
    return total


def _threads_of_a_run():
    use_threads(1)
    before = torch.get_num_threads()
    _total(np.ones(9))
    return before, torch.get_num_threads()


def test_a_run_keeps_to_its_threads_when_numba_starts_its_own():
    with all_or_none(1) as pool:
        assert pool.submit(_threads_of_a_run).result() == (1, 1)


def test_one_value_has_no_spread():
    assert mean_sd([0.25]) == (0.25, 0.0)

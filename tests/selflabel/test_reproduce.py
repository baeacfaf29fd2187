"""The pool of a comparison, and where its systems are judged; the comparison itself: tests/cli."""

import os
import signal
import time

import pytest
import torch
from planted import planted_pairs

from hyperclade.selflabel import reproduce
from hyperclade.selflabel.reproduce import Comparison, _all_or_none, run_system


@pytest.mark.parametrize(
    ("function", "argument", "error"), [(int, "x", ValueError), (os._exit, 1, MemoryError)]
)
def test_a_run_that_fails_ends_all(function, argument, error):
    with pytest.raises(error), _all_or_none(2) as pool:
        waiting = [pool.submit(time.sleep, 60), pool.submit(function, argument)]
        waiting += [pool.submit(time.sleep, 60) for _ in range(3)]
        processes = list(pool._processes.values())
        failed = time.monotonic() if waiting[1].exception() else None
        waiting[1].result()
    assert failed is not None and time.monotonic() - failed < 10
    assert all(future.done() for future in waiting)
    assert not any(process.is_alive() for process in processes)


def test_an_interrupt_ends_all_and_is_the_comparisons_to_handle():
    with pytest.raises(KeyboardInterrupt), _all_or_none(1) as pool:
        assert pool.submit(signal.getsignal, signal.SIGINT).result() == signal.SIG_IGN
        processes = list(pool._processes.values())
        waiting = [pool.submit(time.sleep, 60) for _ in range(3)]
        began = time.monotonic()
        raise KeyboardInterrupt
    assert time.monotonic() - began < 10 and all(future.done() for future in waiting)
    assert not any(process.is_alive() for process in processes)


def test_no_jobs(tmp_path):
    with pytest.raises(ValueError, match="jobs must be at least 1"):
        reproduce.compare(Comparison(), tmp_path / "out", jobs=0)
    assert not (tmp_path / "out").exists()


def test_systems_are_judged_on_the_device_asked_for(tmp_path, monkeypatch):
    def judged_on(module, *_):
        return {"device": module.device.type, "training": module.training}

    monkeypatch.setattr(Comparison, "load", lambda *_: planted_pairs())
    monkeypatch.setattr(reproduce, "pick_device", torch.device)
    monkeypatch.setattr(reproduce, "judge", judged_on)
    comparison = Comparison(overlays=(), changes={"encoders": {"channels": [4, 8]}})
    found = run_system(comparison, "random", 0, tmp_path, device="meta")  # there on every machine
    assert (found["device"], found["training"]) == ("meta", False)

"""A comparison does its runs once, refuses results of others, and its pool ends as one."""

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from numba import njit, prange

from hyperclade.learning import comparison
from hyperclade.learning.comparison import (
    COMPARISON,
    RESULT,
    Plan,
    Run,
    all_or_none,
    compare,
    do,
    finished,
    mean_sd,
    share_of_cores,
    use_threads,
)
from toy.system import SYSTEM


class Work:
    """Trains nothing, and remembers which runs it was asked to do, and what was done by then."""

    def __init__(self, folder):
        self.folder, self.asked, self.seen = folder, [], []

    def __call__(self, run, folder, device):
        self.asked.append(run.name)
        self.seen.append({path.parent.name for path in self.folder.glob(f"*/{RESULT}")})
        return {"seconds": 2.0, "device": device}


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.setattr(comparison, "all_or_none", ThreadPoolExecutor)
    monkeypatch.setattr(comparison, "use_threads", lambda n: None)
    return Work(tmp_path)


def run_of(name, *, first=False, bias=True, seed=0, **about):
    recipe = SYSTEM.recipe_from({"network": {"bias": bias}, "seed": seed})
    return Run(name, name.upper(), recipe, {"system": name, "seed": seed, **about}, first=first)


def test_what_is_done_is_not_done_again(work, tmp_path):
    said, runs = [], [run_of("b", seed=3), run_of("a")]
    found = compare(Plan(runs, work), tmp_path, device="cpu", say=said.append)
    assert [result["system"] for result in found] == ["b", "a"]  # in the order of the runs
    assert found[0] == {
        "system": "b",
        "seed": 3,
        "recipe": found[0]["recipe"],
        "seconds": 2.0,
        "device": "cpu",
    }
    assert found[0]["recipe"]["seed"] == 3 and found[0]["recipe"]["training"]["area"] == [0.2, 1.0]
    assert json.loads((tmp_path / "b" / RESULT).read_text()) == found[0]
    assert sorted(said) == ["A, seed 0: 2 s", "B, seed 3: 2 s"]
    again = compare(Plan([*runs, run_of("c")], work), tmp_path, device="cpu", say=said.append)
    assert again[:2] == found and sorted(work.asked) == ["a", "b", "c"] and len(said) == 3


def test_results_of_other_settings_are_refused_before_any_run(work, tmp_path):
    compare(Plan([run_of("a", data="x")], work), tmp_path, say=str)
    for other in (run_of("a", data="y"), run_of("a", data="x", bias=False), run_of("a", data="x", seed=1)):
        with pytest.raises(ValueError, match=r"a holds a run with other settings"):
            compare(Plan([run_of("b"), other], work), tmp_path, say=str)
    assert work.asked == ["a"]


def test_a_result_that_is_older_than_a_setting_counts_if_this_has_its_standard_value(work, tmp_path):
    run = run_of("a", data="x")
    do(work, run, tmp_path)
    path = tmp_path / "a" / RESULT
    stored = json.loads(path.read_text())
    del stored["recipe"]["network"], stored["data"]
    path.write_text(json.dumps(stored))
    assert finished(run, tmp_path) == stored
    with pytest.raises(ValueError, match="other settings"):
        finished(run_of("a", data="x", bias=False), tmp_path)


def test_some_runs_wait_for_others(work, tmp_path):
    runs = [run_of("late"), run_of("start", first=True), run_of("later")]
    found = compare(Plan(runs, work), tmp_path, jobs=3, say=str)
    assert work.asked[0] == "start" and work.seen[1:] and all("start" in seen for seen in work.seen[1:])
    assert [result["system"] for result in found] == ["late", "start", "later"]


def test_only_what_is_left_is_prepared(work, tmp_path):
    prepared = []

    def prepare(runs, folder, device):
        prepared.append(([run.name for run in runs], folder.is_dir(), device))

    runs = [run_of("a"), run_of("b")]
    compare(Plan(runs[:1], work), tmp_path, say=str)
    compare(Plan(runs, work, prepare=prepare), tmp_path, device="cpu", say=str)
    assert prepared == [(["b"], True, "cpu")] and work.asked == ["a", "b"]


def test_measurements_are_taken_each_time_and_one_by_one(work, tmp_path, monkeypatch):
    monkeypatch.setattr(comparison, "all_or_none", None)
    plan = Plan([run_of("a"), run_of("b")], work, kept=False)
    out = tmp_path / "out"
    for _ in range(2):
        assert [found["system"] for found in compare(plan, out, jobs=2, say=str)] == ["a", "b"]
    assert work.asked == ["a", "b"] * 2 and list(out.iterdir()) == []


def test_a_folder_is_for_one_comparison(work, tmp_path):
    out = tmp_path / "out"
    compare(Plan([run_of("a")], work, claim={"data": "x", "sizes": (1, 2)}), out, say=str)
    assert json.loads((out / COMPARISON).read_text()) == {"data": "x", "sizes": [1, 2]}
    compare(Plan([run_of("b")], work, claim={"data": "x", "sizes": (1, 2)}), out, say=str)
    with pytest.raises(ValueError, match="holds a comparison with another sizes; choose another --out"):
        compare(Plan([run_of("c")], work, claim={"data": "x", "sizes": (1, 3)}), out, say=str)
    with pytest.raises(ValueError, match="holds no comparison"):
        compare(Plan([run_of("c")], work, claim={"data": "x"}), out / "a", say=str)
    with pytest.raises(ValueError, match="is a file; choose a folder"):
        compare(Plan([run_of("c")], work, claim={"data": "x"}), out / COMPARISON, say=str)
    assert work.asked == ["a", "b"]


def test_a_run_that_fails_leaves_no_result(work, tmp_path):
    def fail(run, folder, device):
        raise ValueError("no such data")

    with pytest.raises(ValueError, match="no such data"):
        compare(Plan([run_of("a")], fail), tmp_path, say=str)
    assert not (tmp_path / "a" / RESULT).exists()
    with pytest.raises(ValueError, match="jobs must be at least 1"):
        compare(Plan([run_of("a")], work), tmp_path / "none", jobs=0)
    assert not (tmp_path / "none").exists()


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

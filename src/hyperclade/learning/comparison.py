"""Comparisons of systems over seeds: runs that are done once, in a pool, and means over them."""

import json
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch

from hyperclade.data.store import claim, read_json, write_json
from hyperclade.learning.settings import plain, recipe_from
from hyperclade.learning.shown import Shown

RESULT, COMPARISON = "result.json", "comparison.json"


@dataclass(frozen=True)
class Asked:
    """What every comparison is asked for: which systems, with which seeds, under which settings.

    Attributes
    ----------
    systems : sequence of str or None
        None: all.
    seeds : sequence of int
    changes : dict
        Settings laid over all recipes, by part: `{"training": {"epochs": 1.0}}`.
    """

    systems: Sequence[str] | None = None
    seeds: Sequence[int] = (0,)
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One run of a comparison.

    Attributes
    ----------
    name : str
        Name of the run's folder.
    title : str
        What the user is told is done.
    recipe : dataclass
        Recipe of the training.
    about : dict
        What it is, for its result; with the recipe it decides whether an earlier result is one of this run.
    first : bool
        Whether the others wait for it.
    """

    name: str
    title: str
    recipe: Any
    about: dict[str, Any]
    first: bool = False


@dataclass(frozen=True)
class Plan:
    """A comparison.

    Attributes
    ----------
    runs : sequence of Run
    work : callable
        `work(run, folder, device)` trains and judges: a dictionary with "seconds" for the run's result. Other
        processes call it, so it must be one that can be pickled.
    record : str
        File for the outcome.
    outcome : callable
        Makes of the results, in the order of the runs: what the file holds, and what to show.
    claim : dict, optional
        What the folder compares; one that compares something else is refused.
    prepare : callable
        `prepare(runs, folder, device)` is called first, with the runs that are left to do.
    kept : bool
        Whether results are kept, and runs may share the machine; False for measurements of time.
    """

    runs: Sequence[Run]
    work: Callable[[Run, Path, str], dict[str, Any]]
    record: str = "results.json"
    outcome: Callable[[list[dict[str, Any]]], tuple[dict[str, Any], list[Shown]]] = lambda results: (
        {"runs": results},
        [],
    )
    claim: dict[str, Any] | None = None
    prepare: Callable[[Sequence[Run], Path, str], None] = lambda runs, folder, device: None
    kept: bool = True


def compare(
    plan: Plan, out: Any, *, device: str = "auto", jobs: int = 1, say: Callable[[str], None] = print
) -> list[dict[str, Any]]:
    """Do every run of a plan; what is done already in the folder is not done again.

    An error of one run, and Ctrl-C, end all; started again, each goes on from its last checkpoint.

    Parameters
    ----------
    plan : Plan
    out : path
        Folder that gets one for each run, with its `result.json`.
    device : str
        Where to train and judge.
    jobs : int
        Runs at a time, each with its share of the cores.
    say : callable
        Told of each finished run.

    Returns
    -------
    list of dict
        Results, in the order of the runs.

    Raises
    ------
    ValueError
        `jobs` below 1, a folder that holds something else, or what the runs raise.
    MemoryError
        The system killed a run.
    """
    threads, folder = share_of_cores(jobs), Path(out)
    if not plan.kept:
        folder.mkdir(parents=True, exist_ok=True)
        return [_result(run, plan.work(run, folder, device)) for run in plan.runs]
    if plan.claim is not None:
        claim(folder, COMPARISON, plan.claim, what="comparison", advice="choose another --out")
    results = {run.name: result for run in plan.runs if (result := finished(run, folder)) is not None}
    left = [run for run in plan.runs if run.name not in results]
    folder.mkdir(parents=True, exist_ok=True)
    plan.prepare(left, folder, device)
    for wave in ([run for run in left if run.first], [run for run in left if not run.first]):
        if not wave:
            continue
        with all_or_none(jobs) as pool:
            waiting = {pool.submit(do, plan.work, run, folder, device, threads): run for run in wave}
            for done in as_completed(waiting):
                run, result = waiting[done], done.result()
                results[run.name] = result
                say(f"{run.title}, seed {run.recipe.seed}: {result['seconds']:.0f} s")
    return [results[run.name] for run in plan.runs]


def do(
    work: Callable[[Run, Path, str], dict[str, Any]],
    run: Run,
    folder: Path,
    device: str = "auto",
    threads: int | None = None,
) -> dict[str, Any]:
    """One run, as `compare` does it, or its result if it is done."""
    done = finished(run, folder)
    if done is not None:
        return done
    if threads is not None:
        use_threads(threads)
    (folder / run.name).mkdir(parents=True, exist_ok=True)
    result = _result(run, work(run, folder, device))
    write_json(folder / run.name / RESULT, result)
    return result


def finished(run: Run, folder: Path) -> dict[str, Any] | None:
    """The result of a run that is done; ValueError if one of another recipe has its place."""
    path = folder / run.name / RESULT
    if not path.exists():
        return None
    result = read_json(path)
    wanted = _result(run, {})
    # A result may be older than a setting whose standard value it was made with.
    found = {name: result[name] for name in wanted if name in result}
    if "recipe" in found:
        found["recipe"] = plain(recipe_from(type(run.recipe), found["recipe"]))
    if any(wanted[name] != value for name, value in found.items()):
        raise ValueError(f"{path.parent} holds a run with other settings; choose another folder or remove it")
    return result


def _result(run: Run, found: dict[str, Any]) -> dict[str, Any]:
    return {**json.loads(json.dumps(run.about)), "recipe": plain(run.recipe), **found}


def spelled(value: tuple[float, float] | None, n_seeds: int, digits: int = 2) -> str:
    """Mean and, of several seeds, standard deviation.

    >>> spelled((1.0, 0.5), 3), spelled((1.0, 0.0), 1, 1), spelled(None, 1)
    ('1.00 ± 0.50', '1.0', '–')
    """
    if value is None:
        return "–"
    mean, sd = value
    return f"{mean:.{digits}f} ± {sd:.{digits}f}" if n_seeds > 1 else f"{mean:.{digits}f}"


def share_of_cores(jobs: int) -> int:
    """Threads for each of so many runs at a time; ValueError for less than one."""
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

    Raises MemoryError where the system killed a process.
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

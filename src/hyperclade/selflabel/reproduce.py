"""The papers' comparison of systems: all presets, several seeds, one table (sHHC Tables 2 and 4)."""

import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hyperclade.data.atomic import atomic_write
from hyperclade.data.paired import PairedSet
from hyperclade.environment import pick_device
from hyperclade.learning.comparison import all_or_none, mean_sd, share_of_cores, use_threads
from hyperclade.selflabel.config import Recipe
from hyperclade.selflabel.evaluation import evaluate_clusters, fine_tune, linear_probe
from hyperclade.selflabel.module import SelfLabelling
from hyperclade.selflabel.recipes import SYSTEMS, preset, recipe_from
from hyperclade.selflabel.sources import load_pairs
from hyperclade.selflabel.training import train

NAMES = {
    "random": "random encoder",
    "l3": "L3",
    "deepcluster": "DeepCluster",
    "xdc": "XDC",
    "sela": "SeLa",
    "selavi": "SeLaVi",
    "shhc": "sHHC",
}
_RESULT = "result.json"
_VIEWS = {"vision": "V", "audio": "A", "joint": "AV"}


@dataclass(frozen=True)
class Comparison:
    """What all systems of one comparison share.

    Attributes:
        data, test_data: as `load_pairs` takes them.
        options: further arguments of `load_pairs`; `n_pairs` and `wrong_pairs` are for training alone.
        overlays: presets laid over each system's: sizes, budget.
        changes: settings laid over all that, by part: `{"system": {"n_clusters": 10}}`.
        merge_to: numbers of clusters to merge to by the trees.
        fractions: of labels for linear probes; none without.
        tune_fraction: of labels for fine-tuning; None without.
    """

    data: str = "avdigits"
    test_data: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    overlays: tuple[str, ...] = ("avdigits",)
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    merge_to: tuple[int, ...] = (20, 10)
    fractions: tuple[float, ...] = (0.01, 0.1)
    tune_fraction: float | None = 0.1

    def recipe(self, system: str, seed: int) -> Recipe:
        """The recipe of a system; all but L3 start from the L3 of their seed."""
        name = "l3" if system == "random" else system
        recipe = preset(name, *self.overlays, seed=seed)
        settings = asdict(recipe)
        for part, changed in self.changes.items():
            settings[part] |= changed
        if name == "l3":
            settings["system"] |= {"labeller": "none"}
            settings["training"] |= {"epochs": 0.0}
        else:
            settings["training"] |= {"warmup_epochs": 0.0}
        return recipe_from(settings)

    def load(self, split: str, seed: int, class_names: tuple[str, ...] = ()) -> PairedSet:
        """The pairs of "train" or "test" for a seed; the training pairs' `class_names` number the classes."""
        data, options = self.data, dict(self.options)
        if split == "test":  # judged on all of it, with true pairs
            data = self.test_data or self.data
            options = {name: options[name] for name in options.keys() - {"n_pairs", "wrong_pairs"}}
        return load_pairs(data, split, random_state=seed, class_names=class_names, **options)


def compare(
    comparison: Comparison,
    out: str | os.PathLike,
    *,
    systems: Sequence[str] = ("random", "l3", *SYSTEMS),
    seeds: Sequence[int] = (0, 1, 2),
    device: str = "auto",
    jobs: int = 1,
    say: Callable[[str], None] = print,
) -> list[dict[str, Any]]:
    """Train and judge every system with every seed; what is done already in the folder is not done again.

    An error of one run, and Ctrl-C, end all; started again, each goes on from its last checkpoint.

    Args:
        comparison: data, sizes, budget.
        out: folder that gets one for each run, with its checkpoint and `result.json`.
        systems: presets, and "random" for untrained towers.
        seeds: of pairs, weights and order. All systems of one seed start from one L3.
        device: to train and to judge on.
        jobs: runs at a time, each with its share of the cores.
        say: told of each finished run.

    Raises:
        ValueError: `jobs` below 1, or what `load_pairs` and `train` raise.
        MemoryError: the system killed a run.

    Returns:
        One dictionary a run: `system`, `seed`, `seconds`, `clusters` (rows of `evaluate_clusters` on the test
        pairs), `probe`, `tuned` (rows by view and fraction).
    """
    threads = share_of_cores(jobs)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    # Every other system of a seed waits for its L3.
    first = [("l3", seed) for seed in seeds]
    others = [(system, seed) for seed in seeds for system in systems if system != "l3"]
    results: dict[tuple[str, int], dict[str, Any]] = {}
    for wave in (first, others):
        with all_or_none(jobs) as pool:
            waiting = {
                pool.submit(run_system, comparison, *run, folder, device=device, threads=threads): run
                for run in wave
            }
            for done in as_completed(waiting):
                result = done.result()
                results[waiting[done]] = result
                say(f"{NAMES[result['system']]}, seed {result['seed']}: {result['seconds']:.0f} s")
    return [results[system, seed] for system in systems for seed in seeds]


def run_system(
    comparison: Comparison,
    system: str,
    seed: int,
    out: str | os.PathLike,
    *,
    device: str = "auto",
    threads: int | None = None,
) -> dict[str, Any]:
    """Train and judge one system with one seed in a folder of its own, as `compare` does; or read its
    result."""
    folder = Path(out)
    run = folder / f"{system}-{seed}"
    if (run / _RESULT).exists():
        return json.loads((run / _RESULT).read_text(encoding="utf-8"))
    if threads is not None:
        use_threads(threads)
    target = pick_device(device)
    recipe = comparison.recipe(system, seed)
    train_pairs = comparison.load("train", seed)
    test_pairs = comparison.load("test", seed, train_pairs.class_names)
    began = time.perf_counter()
    if system == "random":
        run.mkdir(exist_ok=True)
        module = SelfLabelling(recipe, train_pairs)
    else:
        start = None if system == "l3" else folder / f"l3-{seed}"
        module = train(recipe, train_pairs, run, device=device, warm_start=start, progress=False)
    seconds = time.perf_counter() - began
    result = {"system": system, "seed": seed, "seconds": seconds}
    result |= judge(module.to(target).eval(), comparison, train_pairs, test_pairs, seed)
    with atomic_write(run / _RESULT, "w") as file:
        json.dump(result, file, indent=1)
    return result


def judge(
    module: SelfLabelling, comparison: Comparison, train_pairs: PairedSet, test_pairs: PairedSet, seed: int
) -> dict[str, Any]:
    """Clusters on test pairs, linear probes and fine-tuning of one trained module."""
    found: dict[str, Any] = {"clusters": evaluate_clusters(module, test_pairs, merge_to=comparison.merge_to)}
    if comparison.fractions:
        found["probe"] = linear_probe(
            module, train_pairs, test_pairs, fractions=comparison.fractions, random_state=seed
        )
    if comparison.tune_fraction is not None:
        found["tuned"] = fine_tune(
            module, train_pairs, test_pairs, fraction=comparison.tune_fraction, random_state=seed
        )
    return found


def cluster_table(results: Sequence[dict[str, Any]], *, head: str = "mean") -> list[dict[str, Any]]:
    """Rows in the layout of sHHC Table 2: model, view, clusters, then NMI, ARI and accuracy as mean and sd.

    Args:
        results: of `compare`.
        head: whose measures to take where there are several: "mean", "chosen" or "oracle".
    """
    rows = []
    for system in dict.fromkeys(result["system"] for result in results):
        runs = [
            [row for row in result["clusters"] if row["head"] in (head, "only")]
            for result in results
            if result["system"] == system
        ]
        for view, clusters in dict.fromkeys((row["view"], row["clusters"]) for row in runs[0]):
            same = [row for run in runs for row in run if (row["view"], row["clusters"]) == (view, clusters)]
            rows.append(
                {"model": NAMES[system], "view": _VIEWS[view], "clusters": clusters, "seeds": len(same)}
                | {"ceiling": float(np.mean([row["nmi_ceiling"] for row in same]))}
                | {
                    name: mean_sd([row[name] for row in same])
                    for name in ("nmi", "ari", "hungarian_accuracy")
                }
            )
    return rows


def downstream_table(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows in the layout of sHHC Table 4: model, kind of test and share of labels, accuracy by view (mean,
    sd)."""
    rows = []
    for system in dict.fromkeys(result["system"] for result in results):
        runs = [result for result in results if result["system"] == system]
        for kind in ("probe", "tuned"):
            for fraction in dict.fromkeys(row["fraction"] for run in runs for row in run.get(kind, [])):
                line: dict[str, Any] = {"model": NAMES[system], "kind": kind, "fraction": fraction}
                for view, short in _VIEWS.items():
                    same = [
                        row["accuracy"]
                        for run in runs
                        for row in run[kind]
                        if (row["view"], row["fraction"]) == (view, fraction)
                    ]
                    line[short] = mean_sd(same)
                rows.append(line)
    return rows

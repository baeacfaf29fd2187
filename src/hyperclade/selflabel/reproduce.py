"""The papers' comparison of systems: all presets, several seeds, one table (sHHC Tables 2 and 4)."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperclade.data.paired import PairedSet
from hyperclade.environment import pick_device
from hyperclade.learning.comparison import Plan, Run, mean_sd, spelled
from hyperclade.learning.settings import lay_over, preset, recipe_from
from hyperclade.learning.shown import Shown
from hyperclade.progress import Progress, Say
from hyperclade.selflabel.config import Recipe
from hyperclade.selflabel.evaluation import evaluate_clusters, fine_tune, labelled, linear_probe
from hyperclade.selflabel.module import SelfLabelling
from hyperclade.selflabel.sources import Media, holds_images, load_pairs

if TYPE_CHECKING:
    from hyperclade.selflabel.system import SelfLabelSystem

NAMES = {
    "random": "random encoder",
    "l3": "L3",
    "deepcluster": "DeepCluster",
    "xdc": "XDC",
    "sela": "SeLa",
    "selavi": "SeLaVi",
    "shhc": "sHHC",
}
_VIEWS = {"vision": "V", "audio": "A", "joint": "AV"}


@dataclass(frozen=True)
class Comparison:
    """What all systems of one comparison share.

    Attributes
    ----------
    data, test_data : str or str or None
        What `load_pairs` takes.
    options : dict
        Further arguments of `load_pairs`; `n_pairs` and `wrong_pairs` are for training alone.
    overlays : tuple of str
        Presets laid over each system's: sizes, budget.
    changes : dict of str to dict
        Settings laid over all that, by part: `{"system": {"n_clusters": 10}}`.
    merge_to : tuple of int
        Numbers of clusters to merge to by the trees.
    fractions : tuple of float
        Shares of labels for linear probes.
    tune_fraction : float or None
        Share of labels for fine-tuning; None does without.
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
        settings = lay_over(asdict(preset(Recipe, name, *self.overlays, seed=seed)), self.changes)
        if name == "l3":
            settings["system"] |= {"labeller": "none"}
            settings["training"] |= {"epochs": 0.0}
        else:
            settings["training"] |= {"warmup_epochs": 0.0}
        return recipe_from(Recipe, settings)

    def load(self, split: str, seed: int, class_names: tuple[str, ...] = ()) -> PairedSet:
        """The pairs of "train" or "test" for a seed; the training pairs' `class_names` number the classes."""
        data, options = self.data, dict(self.options)
        if split == "test":  # judged on all of it, with true pairs
            data = self.test_data or self.data
            options = {name: options[name] for name in options.keys() - {"n_pairs", "wrong_pairs"}}
        return load_pairs(data, split, random_state=seed, class_names=class_names, **options)


def plan(
    selflabel: "SelfLabelSystem",
    comparison: Comparison,
    *,
    systems: Sequence[str] | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    head: str = "mean",
) -> Plan:
    """The runs of a comparison; every other system of a seed waits for its L3.

    Systems are of `NAMES`; of several heads the table has the figures of `head`, "mean", "chosen" or
    "oracle".
    """
    systems = list(NAMES) if systems is None else list(systems)
    if not systems or not seeds or any(name not in NAMES for name in systems):
        raise ValueError(f"--systems takes any of {', '.join(NAMES)}, and --seeds at least one number")
    about = asdict(comparison)
    wanted = [(name, seed) for seed in seeds for name in dict.fromkeys(["l3", *systems])]
    runs = [
        Run(
            f"{name}-{seed}",
            NAMES[name],
            comparison.recipe(name, seed),
            {"system": name, "seed": seed, "comparison": about},
            first=name == "l3",
        )
        for name, seed in wanted
    ]

    def outcome(results: list[dict[str, Any]]) -> tuple[dict[str, Any], list[Shown]]:
        results = by_system(results, systems)
        tables = {"clusters": cluster_table(results, head=head), "downstream": downstream_table(results)}
        shown = [
            *_shown_clusters(tables["clusters"], len(seeds)),
            *_shown_tasks(tables["downstream"], len(seeds)),
        ]
        return {"head": head, "seeds": list(seeds)} | tables, shown

    return Plan(runs, partial(run_system, selflabel, comparison), "tables.json", outcome, claim=about)


def by_system(results: list[dict[str, Any]], systems: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Results of these systems, or of all, one system after the other: without an L3 nobody asked for."""
    return [found for name in systems or NAMES for found in results if found["system"] == name]


def check(
    selflabel: "SelfLabelSystem",
    comparison: Comparison,
    made: Plan,
    media: Media,
    *,
    progress: Progress | None = None,
    say: Say | None = None,
) -> None:
    """Settings and data that make no sense show before any of the work is done; all clips are decoded."""
    for run in made.runs:
        if run.recipe.training.devices != 1:
            raise ValueError("a comparison trains each system on one device: leave training.devices at 1")
        wrong = [k for k in comparison.merge_to if not 1 <= k <= run.recipe.system.n_clusters]
        if wrong:
            raise ValueError(f"can merge to 1 … {run.recipe.system.n_clusters} clusters, not to {wrong[0]}")
    options = {name: value for name, value in comparison.options.items() if name != "media"}
    told: dict[str, Any] = {"seed": made.runs[0].recipe.seed, "progress": progress, "say": say}
    source = comparison.test_data or comparison.data
    for data in (comparison.data, source):
        if holds_images(data):
            raise ValueError(f"{data} has images without sound; the systems compared need both, as L3 does")
    known = selflabel.read(comparison.data, "train", media, **told, **options)
    judged = selflabel.read(source, "test", media, **told, class_names=known.class_names)
    for run in made.runs:
        system = run.recipe.system
        if system.labeller != "none" and len(known) < system.n_clusters:
            name = run.about["system"]
            raise ValueError(
                f"{len(known)} pairs cannot make the {system.n_clusters} clusters of {name}: lower "
                "system.n_clusters by the option settings"
            )
    needed = [(source, judged)]
    if comparison.fractions or comparison.tune_fraction is not None:
        needed.append((comparison.data, known))
    for data, pairs in needed:
        try:
            labelled(pairs)
        except ValueError as error:
            raise ValueError(f"{data}: {error}") from error


def run_system(
    selflabel: "SelfLabelSystem", comparison: Comparison, run: Run, folder: Path, device: str = "auto"
) -> dict[str, Any]:
    """Train one system with one seed in a folder of its own, and judge it."""
    system, recipe, seed = run.about["system"], run.recipe, run.recipe.seed
    train_pairs = comparison.load("train", seed)
    test_pairs = comparison.load("test", seed, train_pairs.class_names)
    began = time.perf_counter()
    if system == "random":
        module = SelfLabelling(recipe, train_pairs)
    else:
        start = None if system == "l3" else folder / f"l3-{seed}"
        module = selflabel.train(
            recipe,
            train_pairs,
            folder / run.name,
            device=device,
            warm_start=start,
            source=comparison.options.get("media"),
        )
    seconds = time.perf_counter() - began
    judged = judge(module.to(pick_device(device)).eval(), comparison, train_pairs, test_pairs, seed)
    return {"seconds": seconds} | judged


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
    """Rows in the layout of sHHC Table 2: model, view, clusters, NMI, ARI and accuracy as mean and sd."""
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
    """Rows as in sHHC Table 4: model, kind of test and share of labels, accuracy by view (mean, sd)."""
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


def _shown_clusters(rows: list[dict[str, Any]], n_seeds: int) -> list[Shown]:
    measures = {"nmi": "NMI", "ari": "ARI", "hungarian_accuracy": "accuracy"}
    cells = [
        (
            *(row[name] for name in ("model", "view", "clusters")),
            f"{row['ceiling']:.3f}",
            *(_percent(row[name], n_seeds) for name in measures),
        )
        for row in rows
    ]
    over = f" ± standard deviation over {n_seeds} seeds, in %" if n_seeds > 1 else ", in %"
    title = f"\nClusters of test pairs against their classes, mean{over}"
    columns = ("model", "", "clusters", "ceiling", *measures.values())
    note = "ceiling: of the NMI of so many clusters of equal size"
    return [Shown([title], columns, cells, left=2), Shown([note])]


def _shown_tasks(rows: list[dict[str, Any]], n_seeds: int) -> list[Shown]:
    names = {"probe": "linear probe", "tuned": "fine-tuned"}
    cells = [
        (
            row["model"],
            names[row["kind"]],
            f"{100 * row['fraction']:g} %",
            *(_percent(row[view], n_seeds) for view in _VIEWS.values()),
        )
        for row in rows
    ]
    columns = ("model", "test", "labels", *_VIEWS.values())
    return [Shown(["\nAccuracy on labelled tasks"], columns, cells, left=2)] if rows else []


def _percent(value: tuple[float, float], n_seeds: int) -> str:
    mean, sd = value
    return spelled((100 * mean, 100 * sd), n_seeds, 1)

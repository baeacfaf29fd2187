"""Self-labelling systems side by side: clusters, downstream tasks, harder data, ablations, cost.

    python benchmarks/selflabel.py SECTION... [--seeds 0 1 2] [--jobs 2]   # measure and store
    python benchmarks/selflabel.py --report                                # results into docs/benchmarks.md

Needs `pip install -e '.[bench,learn]'` and the data folder (HYPERCLADE_DATA). Runs are kept in
benchmarks/cache, so a section that was stopped goes on where it was. A section replaces its own results and
leaves the others.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hyperclade.learning.comparison import compare
from hyperclade.learning.runs import CHECKPOINT
from hyperclade.selflabel.reproduce import Comparison, by_system, plan
from hyperclade.selflabel.system import SYSTEM
from measure import in_process, load_sections, save_section, setting
from report_text import rewrite
from selflabel_report import tables

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "selflabel.json"
DOCUMENT = HERE.parent / "docs" / "benchmarks.md"
CACHE = HERE / "cache" / "selflabel"
PACKAGES = (
    "hyperclade",
    "numpy",
    "scipy",
    "scikit-learn",
    "torch",
    "pytorch-lightning",
    "faiss-cpu",
)

#: A shorter budget than the main comparison's, the same for all systems.
SHORT = {"training": {"epochs": 3.0}, "system": {"n_relabellings": 10}}
#: Data and settings that are harder, or where the ceiling of 30 equal clusters does not bind.
VARIANTS: dict[str, tuple[dict[str, Any], dict[str, dict[str, Any]]]] = {
    "K = 10": ({}, {"system": {"n_clusters": 10}}),
    "5 % of the pairs": ({"n_pairs": 1000}, {"training": {"epochs": 40.0, "warmup_epochs": 20.0}}),
    "20 % wrong pairs": ({"wrong_pairs": 0.2}, {}),
    "noisy pictures": ({"noisy": "vision", "noise": 1.0}, {}),
}
#: Spaces of the heads (sHHC Table 5) and steps of the method (Table 6).
ABLATION: dict[str, tuple[str, dict[str, Any]]] = {
    "SeLaVi, simplex": ("selavi", {}),
    "SeLaVi, R^512": ("selavi", {"geometry": "euclidean", "dim": 512}),
    "SeLaVi, D^512": ("selavi", {"geometry": "ball", "dim": 512}),
    "sHHC, R^512": ("shhc", {"geometry": "euclidean", "dim": 512}),
    "sHHC, D^50": ("shhc", {}),
    "sHHC, D^10": ("shhc", {"dim": 10}),
    "post-clustering only": ("shhc", {"labeller": "hierarchy"}),
}
DEGRADATION = (0.0, 1.0, 2.0)


def systems(seeds: list[int], jobs: int) -> list[dict[str, Any]]:
    """All presets on AV digits: clusters of unseen pairs, linear probes, fine-tuning."""
    return compared(Comparison(), CACHE / "systems", None, seeds, jobs)


def variants(seeds: list[int], jobs: int) -> list[dict[str, Any]]:
    """SeLa, SeLaVi and sHHC where the ceiling does not bind, and on harder data."""
    found = []
    for name, (options, changes) in VARIANTS.items():
        runs = _short(name, ("sela", "selavi", "shhc"), options, changes, seeds, jobs)
        found += [{"variant": name} | run for run in runs]
    return found


def degraded(seeds: list[int], jobs: int) -> list[dict[str, Any]]:
    """Pictures blurred and noisy step by step: single modality, concatenated and joint clustering."""
    found = []
    for noise in DEGRADATION:
        name = "noisy pictures" if noise == 1.0 else f"noise {noise}"
        options: dict[str, Any] = {"noisy": "vision", "noise": noise} if noise else {}
        runs = _short(name, ("sela", "selavi", "shhc"), options, {}, seeds, jobs)
        found += [{"noise": noise} | run for run in runs]
    return found


def ablation(seeds: list[int], jobs: int) -> list[dict[str, Any]]:
    """Simplex, Euclidean space and ball; pre-clustering, post-clustering and both."""
    found = []
    for name, (system, changed) in ABLATION.items():
        runs = _short(name, (system,), {}, {"system": changed}, seeds, jobs)
        found += [{"ablation": name} | run for run in runs]
    return found


def _short(
    name: str,
    systems: tuple[str, ...],
    options: dict[str, Any],
    changes: dict[str, dict[str, Any]],
    seeds: list[int],
    jobs: int,
) -> list[dict[str, Any]]:
    """A comparison with the shorter budget; on the data of the main one it starts from its L3."""
    folder = CACHE / "".join(c if c.isalnum() else "-" for c in name)
    for seed in seeds:  # the checkpoint alone: its result is one of the main comparison
        start, own = CACHE / "systems" / f"l3-{seed}", folder / f"l3-{seed}"
        if not options and (start / CHECKPOINT).exists() and not own.exists():
            own.mkdir(parents=True)
            shutil.copy2(start / CHECKPOINT, own)
    merged = {part: SHORT.get(part, {}) | changes.get(part, {}) for part in SHORT.keys() | changes.keys()}
    merge_to = (10,) if merged["system"].get("n_clusters", 30) > 10 else ()
    comparison = Comparison(
        options=options, changes=merged, merge_to=merge_to, fractions=(), tune_fraction=None
    )
    return compared(comparison, folder, systems, seeds, jobs)


def compared(
    comparison: Comparison, folder: Path, systems: Sequence[str] | None, seeds: list[int], jobs: int
) -> list[dict[str, Any]]:
    """Results of the systems, without the settings, which are those of this file.

    An L3 that only lends its towers is not trained again, whichever comparison it was trained for.
    """
    planned = plan(SYSTEM, comparison, systems=systems, seeds=seeds)
    wanted = [
        run
        for run in planned.runs
        if systems is None or run.about["system"] in systems or not (folder / run.name / CHECKPOINT).exists()
    ]
    results = compare(replace(planned, runs=wanted, claim=None), folder, jobs=jobs)
    return [
        {name: value for name, value in result.items() if name not in ("comparison", "recipe")}
        for result in by_system(results, systems)
    ]


def relabelling(seeds: list[int], jobs: int) -> list[dict[str, Any]]:
    """Time and memory of one relabelling of 200,000 samples, against the time of an epoch at full size."""
    return [
        in_process(
            "selflabel_jobs:relabelling_cost", n_rows=200_000, n_clusters=1000, n_heads=10, measured_heads=2
        )
    ]


def full_size(seeds: list[int], jobs: int) -> list[dict[str, Any]]:
    """The full-size preset from media files, stopped in the middle and resumed: clips per second, memory."""
    return [in_process("selflabel_jobs:full_size_run", cache=str(CACHE / "full-size"))]


SECTIONS = {f.__name__: f for f in (systems, variants, degraded, ablation, relabelling, full_size)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, each on its share of the cores")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument(
        "--report", action="store_true", help=f"write the stored results into {DOCUMENT.name}"
    )
    options = parser.parse_args()
    unknown = set(options.sections) - SECTIONS.keys()
    if unknown or not (options.sections or options.report):
        parser.error(f"name sections of {', '.join(SECTIONS)}, or --report")
    for name in options.sections:
        section = setting(" ".join(["python", *sys.argv]), PACKAGES)
        records = SECTIONS[name](options.seeds, options.jobs)
        save_section(options.out, name, section | {"jobs": options.jobs, "records": records})
    if options.report:
        rewrite(DOCUMENT, "selflabel", tables(load_sections(options.out)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

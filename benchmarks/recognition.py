"""Structured recognition side by side: rankings, mistakes, pixels, ablations, cost, choice of settings.

    python benchmarks/recognition.py SECTION... [--seeds 0 1 2 3 4] [--jobs 2]  # measure and store
    python benchmarks/recognition.py SECTION... --collect [--seeds …]          # store what is finished
    python benchmarks/recognition.py --report                                  # into docs/benchmarks.md

Needs `pip install -e '.[bench,learn]'` and the data folder (HYPERCLADE_DATA). Runs are kept in
benchmarks/cache, so a section that was stopped goes on where it was, and sections share runs. A section
replaces its own results and leaves the others.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hyperclade.learning.comparison import Run, compare, finished
from hyperclade.learning.tables import Row, Table, plan_runs, planned, read_tables
from hyperclade.recognition.system import SYSTEM
from measure import THREADS, load_sections, save_section, setting
from recognition_report import tables
from report_text import rewrite

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "recognition.json"
DOCUMENT = HERE.parent / "docs" / "benchmarks.md"
CACHE = HERE / "cache" / "recognition"
PACKAGES = ("hyperclade", "numpy", "scikit-learn", "torch", "pytorch-lightning")
TABLES = read_tables(SYSTEM.package)

#: What was tried for HVSA on ImCLEF: changes of its preset.
CANDIDATES: dict[str, dict[str, dict[str, Any]]] = {
    "as chosen": {},
    "β = 0": {"method": {"settings": {"beta": 0.0}}},
    "β = 0.05": {"method": {"settings": {"beta": 0.05}}},
    "α = 0": {"method": {"settings": {"alpha": 0.0}}},
    "no noise": {"training": {"noise": 0.0}},
    "no mixup": {"training": {"mixup": 0.0}},
    "rate 0.001": {"training": {"learning_rate": 0.001}},
    "20 epochs": {"training": {"epochs": 20.0}},
}
HELD_OUT = {"validation": 0.3}


@dataclass(frozen=True)
class Section:
    """Tables of runs, each with the data sets that count.

    Attributes
    ----------
    tables : dict of int to Table
        By their number in the paper; 0 for the choice of settings.
    """

    tables: dict[int, Table]
    data: tuple[str, ...]

    def runs(self, seeds: list[int], epochs: float | None = None) -> list[Run]:
        changes = {} if epochs is None else {"training": {"epochs": epochs}}
        found = {
            run.name: run
            for seed in seeds
            for table in self.tables.values()
            for run in planned(SYSTEM, table, data=self.data, seeds=[seed], changes=changes)
        }
        return list(found.values())


def choice_table() -> Table:
    """Candidates and the baseline, each judged by the part of the training samples that it did not see."""
    rows = {
        title: Row(title, "hvsa", changes | {"training": HELD_OUT | changes.get("training", {})})
        for title, changes in CANDIDATES.items()
    }
    rows["leaf softmax"] = Row("leaf softmax", "leaf-softmax", {"training": HELD_OUT})
    return Table("Candidates for HVSA", TABLES[1].data, rows, TABLES[1].measures)


SECTIONS = {
    "imclef07a": Section({1: TABLES[1]}, ("imclef07a",)),
    "imclef07d": Section({1: TABLES[1]}, ("imclef07d",)),
    "ablation": Section({number: TABLES[number] for number in range(6, 11)}, ("imclef07a",)),
    "cifar100": Section({2: TABLES[2]}, ("cifar100",)),
    "camvid": Section({3: TABLES[3]}, ("camvid",)),
    "cost": Section({11: TABLES[11]}, ("camvid",)),
    "choice": Section({0: choice_table()}, ("imclef07a", "imclef07d")),
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, each on its share of the cores")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--collect", action="store_true", help="train nothing, store what is finished")
    parser.add_argument("--epochs", type=float, help="of every run: a quick try, not a result")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--document", type=Path, default=DOCUMENT)
    parser.add_argument("--report", action="store_true", help="write the stored results into the document")
    options = parser.parse_args(arguments)
    unknown = set(options.sections) - SECTIONS.keys()
    if unknown or not (options.sections or options.report):
        parser.error(f"name sections of {', '.join(SECTIONS)}, or --report")
    for name in options.sections:
        section = setting(" ".join(["python", *sys.argv]), PACKAGES)
        section |= {"quick": options.epochs is not None, "jobs": options.jobs, "device": options.device}
        section |= measured_section(name, options)
        save_section(options.out, name, section)
    if options.report:
        made = tables(load_sections(options.out), {name: SECTIONS[name].tables for name in SECTIONS})
        rewrite(options.document, "recognition", made)
    return 0


def measured_section(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Results of a section's runs, and whether these are all."""
    torch.set_num_threads(THREADS)
    cost = name == "cost"
    runs = SECTIONS[name].runs(options.seeds[:1] if cost else options.seeds, None if cost else options.epochs)
    if options.collect and not cost:
        found = (finished(run, options.cache) for run in runs)
        results = [result for result in found if result is not None]
    else:
        plan = plan_runs(SYSTEM, runs, cost=cost)
        results = compare(plan, options.cache, device=options.device, jobs=options.jobs)
    recipes = {f"{result['system']} on {result['data']}": result["recipe"] for result in results}
    records = [{key: value for key, value in found.items() if key != "recipe"} for found in results]
    section = {"complete": len(results) == len(runs), "records": records}
    return section if cost else section | {"recipes": recipes}


if __name__ == "__main__":
    sys.exit(main())

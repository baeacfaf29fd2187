"""Unsupervised segmentation side by side: methods with OMH and without, ablations, levels, cost.

    python benchmarks/segmentation.py SECTION... [--seeds 2 3 4 5] [--jobs 2]  # measure and store
    python benchmarks/segmentation.py SECTION... --collect [--seeds …]         # store what is finished
    python benchmarks/segmentation.py --report                                 # into docs/benchmarks.md

Needs `pip install -e '.[bench,learn]'`, EfficientNet-Lite0 and, for CamVid, the data folder
(HYPERCLADE_DATA). Runs and features are kept in benchmarks/cache, so a section that was stopped goes on where
it was. A section replaces its own results and leaves the others.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import torch

from hyperclade.learning.comparison import Run, compare, finished
from hyperclade.learning.tables import plan_runs, planned, read_tables
from hyperclade.segmentation.system import SYSTEM
from measure import THREADS, in_process, load_sections, measured, save_section, setting
from report_text import rewrite
from segmentation_report import tables

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "segmentation.json"
DOCUMENT = HERE.parent / "docs" / "benchmarks.md"
CACHE = HERE / "cache" / "segmentation"
PACKAGES = ("hyperclade", "numpy", "scikit-learn", "torch", "pytorch-lightning", "transformers")
TABLES = read_tables(SYSTEM.package)
SECTIONS = {
    "camvid": ((1,), "camvid"),
    "mosaics": ((2,), "mosaics"),
    "ablation-camvid": ((4, 5, 6, 7), "camvid"),
    "ablation-mosaics": ((4, 5, 6, 7), "mosaics"),
}
COST = {"STEGO": ("stego-lite0", "camvid"), "STEGO + OMH": ("stego-lite0", "omh", "camvid")}


def main(arguments: list[str] | None = None) -> int:
    known = [*SECTIONS, "cost"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(known)}")
    parser.add_argument("--seeds", nargs="+", type=int, default=[2, 3, 4, 5])
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, each on its share of the cores")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--collect", action="store_true", help="train nothing, store what is finished")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--document", type=Path, default=DOCUMENT)
    parser.add_argument("--report", action="store_true", help="write the stored results into the document")
    options = parser.parse_args(arguments)
    if set(options.sections) - set(known) or not (options.sections or options.report):
        parser.error(f"name sections of {', '.join(known)}, or --report")
    for name in options.sections:
        section = setting(" ".join(["python", *sys.argv]), PACKAGES)
        section |= {"jobs": options.jobs, "device": options.device}
        section |= cost(options) if name == "cost" else measured_section(name, options)
        save_section(options.out, name, section)
    if options.report:
        made = tables(load_sections(options.out), {name: (TABLES, *what) for name, what in SECTIONS.items()})
        rewrite(options.document, "segmentation", made)
    return 0


def runs_of(name: str, seeds: list[int]) -> list[Run]:
    """The runs of a section; tables share some."""
    numbers, data = SECTIONS[name]
    found = (run for number in numbers for run in planned(SYSTEM, TABLES[number], data=[data], seeds=seeds))
    return list({run.name: run for run in found}.values())


def measured_section(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Results of a section's runs, and whether these are all."""
    torch.set_num_threads(THREADS)
    runs = runs_of(name, options.seeds)
    if options.collect:
        results = [result for run in runs if (result := finished(run, options.cache)) is not None]
    else:
        plan = plan_runs(SYSTEM, runs)
        results = compare(plan, options.cache, device=options.device, jobs=options.jobs)
    recipes = {f"{result['system']} on {result['data']}": result["recipe"] for result in results}
    records = [{key: value for key, value in found.items() if key != "recipe"} for found in results]
    return {"complete": len(results) == len(runs), "records": records, "recipes": recipes}


def cost(options: argparse.Namespace) -> dict[str, Any]:
    """Time and memory of training heads from kept features, each in a process of its own."""
    records = []
    for title, presets in COST.items():
        found = in_process(
            "segmentation:train_heads", presets=presets, cache=str(options.cache), device=options.device
        )
        records.append({"title": title} | found)
    return {"complete": True, "records": records}


def train_heads(presets: list[str], cache: str, device: str) -> dict[str, Any]:
    """One run from features that are there, or are made first without being counted."""
    torch.set_num_threads(THREADS)
    recipe = SYSTEM.preset(*presets)
    samples = SYSTEM.read("camvid", "train", SYSTEM.source()())
    prepared = SYSTEM.prepare(recipe, samples, Path(cache), device=device)
    module, told = measured(lambda: SYSTEM.train(recipe, samples, device=device, prepared=prepared))
    own = sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
    return told | {"steps": module.n_steps, "parameters": own}


if __name__ == "__main__":
    sys.exit(main())

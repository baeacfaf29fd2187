"""Hyperclade's hierarchical clustering beside other packages: quality, agreement with labels, speed, memory.

    python benchmarks/clustering.py SECTION... [--seeds 0 1 2] [--out FILE]   # measure, print, store in FILE
    python benchmarks/clustering.py --report                                  # FILE into docs/benchmarks.md

Needs `pip install -e '.[bench,learn]'` and the data folder (HYPERCLADE_DATA). Each method runs in a process
of its own on two threads. A section goes on where it stopped: what FILE has of the same job with the same
arguments is not measured again, but for failures, and what ran into a lower --cap. --fresh measures all anew.
"""

import argparse
import json
import re
import subprocess
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from clustering_data import CACHE, SCALINGS, TABLES, cifar100_features, mixture, nested, stored, stored_name
from clustering_jobs import STAGES
from clustering_methods import CLASS_METHODS, COMPLETE_GRAPH_ROWS, METHODS
from clustering_report import OFFICIAL_HYPHC, tables
from clustering_versions import BEFORE, checkout
from measure import in_process, load_sections, save_section, setting
from report_text import rewrite

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "clustering.json"
DOCUMENT = HERE.parent / "docs" / "benchmarks.md"
SMALL_SETS = ("zoo", "iris", "iris, scikit-learn", "glass", "wine", "breast cancer", "digits")
SIMILARITIES = ("knn", "cosine", "softmax")
PACKAGES = (
    "hyperclade", "numpy", "scipy", "scikit-learn", "numba", "torch", "fastcluster", "faiss-cpu",
    "scikit-network", "genieclust", "evoc",
)  # fmt: skip
EMBEDDINGS = ("nouns", "wordnet:5000:0", "cifar100", "mnist", "imclef07A:5000:0", "fsdd")
GROWTH = (20_000, 40_000, 80_000, 160_000, 300_000, 320_000, 640_000, 1_000_000)
#: What `determinism` times: options of SHHC, with rows per pre-cluster in place of their number.
VERSION_FITS: dict[str, dict[str, Any]] = {
    "cosine": {"n_clusters": None, "similarity": "cosine"},
    "cosine, pre-clusters": {"n_clusters": 20, "similarity": "cosine"},
    "knn, 10 neighbours by cosine": {"n_clusters": None, "n_neighbors": 10, "metric": "cosine"},
    "defaults": {},
}
COMMAND_ROWS = (300_000, 1_000_000)  # that `hyperclade discover` is measured with
_HYPERBOLIC_ROWS = 2000  # items up to which the ablation runs HypHC
_COSINE_ROWS = 80_000  # up to which the growth of full resolution by cosine is measured
_REPETITIONS = 3


@dataclass(frozen=True)
class Plan:
    """What was asked for: `against` is a folder of packages to compare with, default those of a commit."""

    seeds: list[int]
    quick: bool
    cap: float
    against: Path | None = None


@dataclass(frozen=True)
class Step:
    """A job of a section. Its record is `about` with the job's result, or with this under the name `under`.

    `source` gives the folder of packages that the job's process imports first, and `version` names it.
    """

    about: dict[str, Any]
    job: str
    arguments: dict[str, Any]
    timeout: float | None = None
    under: str | None = None
    prepare: Callable[[], object] = lambda: None
    source: Callable[[], Path] | None = None
    version: str | None = None

    @property
    def asked(self) -> dict[str, Any]:
        """What the record is kept for."""
        return {"job": self.job} | self.arguments | ({"version": self.version} if self.version else {})

    def run(self) -> dict[str, Any]:
        """Measure, and give the result."""
        try:
            self.prepare()
            source = self.source() if self.source else None
        except (OSError, RuntimeError) as error:
            return {"skipped": f"failed: {error}"}
        return in_process(self.job, timeout=self.timeout, source=source, **self.arguments)


Steps = Generator[Step, dict[str, Any], None]  # is sent the result of each step


def quality(plan: Plan) -> Steps:
    """Exact costs of every method on every data set."""
    seeds, quick, cap = plan.seeds, plan.quick, plan.cap
    costs = ["cosine", "knn"]
    methods = [name for name in METHODS if name not in ("SHHC (softmax)", "LouvainHierarchy", "Genie")]
    nouns = [f"wordnet:{300 if quick else 5000}:{seed}" for seed in seeds]
    for data in [*(("iris",) if quick else SMALL_SETS), *nouns]:
        found = yield _references(data, costs)
        runs = [int(data.rsplit(":", 1)[1])] if data in nouns else seeds
        for method in methods:
            if method == "Paris, all pairs" and found.get("n", 0) > COMPLETE_GRAPH_ROWS:
                continue
            yield _compared(data, method, runs, cap, costs=costs)
        yield Step({"data": data}, "clustering_jobs:agreement", {"data": data, "seeds": list(range(5))})


def labels(plan: Plan) -> Steps:
    """Dendrogram purity of every method, and EVoC's layers against flat cuts."""
    seeds, quick, cap = plan.seeds, plan.quick, plan.cap
    nouns = [f"wordnet:{600 if quick else 5000}:{seed}" for seed in seeds]
    left_out = ("Paris, all pairs", "HypHC", "UFit", "SHHC (cosine), search=False")
    methods = [name for name in METHODS if name not in left_out]
    if not quick:
        cifar100_features()
    for data in ["digits", *nouns] if quick else ["digits", "digits, raw", *nouns, "cifar100"]:
        runs = [int(data.rsplit(":", 1)[1])] if data in nouns else seeds
        for method in methods:
            yield _compared(data, method, runs, cap, purity=True)
        yield Step({"data": data}, "clustering_jobs:flat", {"data": data, "seeds": runs}, cap * 3)


def speed(plan: Plan) -> Steps:
    """Full-resolution trees: against average linkage, on all of WordNet, and as n doubles."""
    seeds, quick, cap = plan.seeds, plan.quick, plan.cap
    small = "1000x64" if quick else "20000x64"
    for data in (f"wordnet:{small}:0", f"mixture:{small}:0"):
        yield _references(data, ["cosine"])
        for method in ("SHHC (cosine)", "average"):
            yield _compared(data, method, seeds, cap, costs=["cosine"])
    sizes = (500, 1000) if quick else (10_000, 20_000, 40_000, 80_000)
    for method in ("SHHC (cosine)", "SHHC (knn)"):
        for n in sizes:
            yield _compared(f"wordnet:{n}:0", method, seeds, cap)
    if not quick:
        yield _references("wordnet", ["cosine"])
        for method in ("SHHC (cosine)", "SHHC (knn)"):
            yield _compared("wordnet", method, seeds, cap, costs=["cosine"])


def scale(plan: Plan) -> Steps:
    """Pre-clusters and the tree over them, of a memory map, against spherical k-means and average linkage."""
    seeds, quick, cap = plan.seeds, plan.quick, plan.cap
    data, k = ("mixture:4000x64:0", 40) if quick else ("mixture:200000x512:0", 1000)
    mixture(data)
    limit = cap * (len(seeds) + 1)
    yield _references(data, ["cosine"])
    peer = {"data": data, "k": k, "iterations": 10, "seeds": seeds}
    about = {"data": data, "method": "faiss k-means + average"}
    yield Step(about, "clustering_jobs:spherical_kmeans", peer, limit)
    for name, similarity, balanced in (
        ("SHHC (cosine)", "cosine", True),
        ("SHHC (cosine), balanced=False", "cosine", False),
        ("SHHC (knn)", "knn", True),
    ):
        arguments = {"data": data, "k": k, "similarity": similarity, "balanced": balanced, "seeds": seeds}
        yield Step({"data": data, "method": name}, "clustering_jobs:two_stage", arguments, limit)


def hyphc(plan: Plan) -> Steps:
    """HypHC from random directions, beside the official code's published figures."""
    seeds, quick, cap = plan.seeds, plan.quick, plan.cap
    for data in list(OFFICIAL_HYPHC)[: 1 if quick else None]:
        yield _references(data, ["cosine"])
        yield _compared(data, "HypHC", seeds if quick else list(range(5)), cap, costs=["cosine"])


def ablation(plan: Plan) -> Steps:
    """What each part of SHHC brings."""
    seeds, quick, cap = plan.seeds, plan.quick, plan.cap
    sizes = (
        {"wordnet:400:0": 400}
        if quick
        else {"digits": 1797, "wordnet:5000:0": 5000, "wordnet:20000:0": 20_000}
    )
    for data, n in sizes.items():
        yield _references(data, ["cosine"])
        for preclusters in ("none", "k-means", "sinkhorn"):
            k = None if preclusters == "none" else n // 20
            for similarity in ("knn",) if quick else SIMILARITIES:
                for stage, (options, _) in STAGES.items():
                    if options and (k or n) > _HYPERBOLIC_ROWS:
                        continue
                    arguments = {
                        "data": data,
                        "preclusters": preclusters,
                        "n_clusters": k,
                        "similarity": similarity,
                        "stage": stage,
                    }
                    asked = arguments | {"seeds": seeds}
                    yield Step(arguments, "clustering_jobs:ablation", asked, cap * (len(seeds) + 1))


def classes(plan: Plan) -> Steps:
    """Trees and their cuts against classes, by both metrics, beside linkages, graph methods and Genie."""
    tables = TABLES[:2] if plan.quick else TABLES
    for data in [f"{name}@minmax" for name in tables] + ([] if plan.quick else list(EMBEDDINGS)):
        for group in CLASS_METHODS:
            yield _class_step(plan, data, group)
        yield _before_step(plan, data)
    for scaling in SCALINGS[1:]:
        for name in tables:
            yield _class_step(plan, f"{name}@{scaling}", "SHHC")
            yield _before_step(plan, f"{name}@{scaling}")


def growth(plan: Plan) -> Steps:
    """Time, memory and quality from 20,000 rows to a million, beside EVoC; one seed."""
    seed = plan.seeds[0]
    commands = (2000,) if plan.quick else COMMAND_ROWS
    for n in (2000, 4000) if plan.quick else GROWTH:
        data = f"nested:{n}:0"
        limit = plan.cap * (3 if n > 400_000 else 1)

        def step(method: str, job: str, data: str = data, limit: float = limit, **more: Any) -> Step:
            asked = {"data": data, "seed": seed} | more
            about = {"data": data, "method": method}
            return Step(about, f"clustering_growth:{job}", asked, limit, prepare=partial(nested, data))

        yield step("SHHC", "fit", options={})
        yield step("EVoC", "evoc")
        if n <= _COSINE_ROWS:
            full = {"n_clusters": None, "similarity": "cosine"}
            yield step("SHHC (cosine), full resolution", "fit", options=full)
        if n in commands:
            yield step("hyperclade discover", "command")


def determinism(plan: Plan) -> Steps:
    """Time of the same fits by this version and by another one, in turns."""
    sizes = {
        "digits@minmax": 1797,
        "pendigits@minmax": 10_992,
        "wordnet:5000:0": 5000,
        "wordnet:20000:0": 20_000,
    }
    if plan.quick:
        sizes = {"iris@minmax": 150}
    name = BEFORE if plan.against is None else _version_of(plan.against)
    repetitions = range(1 if plan.quick else _REPETITIONS)
    for data, option, repetition, version in product(sizes, VERSION_FITS, repetitions, (name, "present")):
        options = VERSION_FITS[option]
        if options.get("n_clusters"):
            options = options | {"n_clusters": sizes[data] // options["n_clusters"]}
        yield Step(
            {"data": data, "method": option, "version": version, "repetition": repetition},
            "clustering_versions:timed",
            {"file": stored_name(data), "seed": plan.seeds[0], "options": options},
            plan.cap,
            prepare=partial(stored, data),
            source=None if version == "present" else partial(_packages, plan.against),
            version=f"{version}, repetition {repetition}",
        )


SECTIONS = {
    f.__name__: f for f in (quality, labels, speed, scale, hyphc, ablation, classes, growth, determinism)
}


def main(arguments: list[str] | None = None) -> None:
    """Run sections, or write the report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--out", type=Path, help=f"results (default: {RESULTS.relative_to(HERE.parent)})")
    parser.add_argument("--cap", type=float, default=900.0, help="seconds for a method, data set and seed")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to try the script; not results")
    parser.add_argument("--report", action="store_true", help="write the tables into the document")
    parser.add_argument("--document", type=Path, default=DOCUMENT)
    parser.add_argument("--fresh", action="store_true", help="measure again what the results have already")
    parser.add_argument(
        "--only",
        metavar="REGEX",
        help="measure only jobs whose arguments match, and keep the others' results",
    )
    parser.add_argument(
        "--against", type=Path, metavar="FOLDER",
        help=f"another checkout, to compare with in `determinism` (default: commit {BEFORE})",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    unknown = set(options.sections) - set(SECTIONS)
    if unknown or not (options.sections or options.report):
        parser.error(f"choose from the sections {', '.join(SECTIONS)}, or --report")
    if options.against is not None and not (options.against / "src" / "hyperclade").is_dir():
        parser.error(f"{options.against} is no checkout of hyperclade: it has no src/hyperclade")
    out = options.out or (CACHE / "quick.json" if options.quick else RESULTS)
    plan = Plan(options.seeds, options.quick, options.cap, options.against)
    for name in options.sections:
        section = _measure(name, plan, out, options.fresh, options.only)
        print(f"\n{tables({name: section})[name]}\n")
    if options.report:
        rewrite(options.document, "clustering", tables(load_sections(out)))


def _measure(name: str, plan: Plan, out: Path, fresh: bool, only: str | None) -> dict[str, Any]:
    """Run the steps of a section whose results are not stored yet, and store each result at once."""
    command = f"python benchmarks/clustering.py {name} --seeds {' '.join(map(str, plan.seeds))}"
    if plan.quick:
        command += " --quick"
    section = setting(command, PACKAGES) | {"quick": plan.quick, "cap": plan.cap, "complete": False}
    before = load_sections(out).get(name, {})
    earlier = {}
    if not fresh and before.get("quick", plan.quick) == plan.quick:
        earlier = {_key(record["asked"]): record for record in before.get("records", []) if "asked" in record}
    done: list[dict[str, Any]] = []
    complete = True
    steps = SECTIONS[name](plan)
    step = next(steps, None)
    while step is not None:
        record = earlier.pop(_key(step.asked), None)
        wanted = only is None or re.search(only, _key(step.about | step.asked))
        if wanted and (record is None or _worth_another_try(record, step)):
            result = step.run()
            record = step.about | ({step.under: result} if step.under else result)
            record |= {"asked": step.asked, "timeout": step.timeout}
            record["commit"] = _version_of(HERE)
            record["measured"] = datetime.now(UTC).isoformat(timespec="seconds")
            print(_line(record), flush=True)
        if record is None:
            complete = False
            result = {}
        else:
            done.append(record)
            result = record[step.under] if step.under else record
            section["records"] = [*done, *earlier.values()]
            save_section(out, name, section)
        try:
            step = steps.send(result)
        except StopIteration:
            step = None
    section |= {"records": done, "complete": complete}
    save_section(out, name, section)
    return section


def _key(asked: dict[str, Any]) -> str:
    return json.dumps(asked, sort_keys=True, ensure_ascii=False)


def _worth_another_try(record: dict[str, Any], step: Step) -> bool:
    """Whether an earlier run failed, or had less time than it would have now."""
    reason = record.get("skipped", "")
    if reason.startswith("not finished"):
        return step.timeout is None or step.timeout > (record.get("timeout") or 0)
    return bool(reason)


def _references(data: str, costs: list[str]) -> Step:
    arguments = {"data": data, "costs": costs}
    return Step({"data": data}, "clustering_jobs:references", arguments, under="references")


def _class_step(plan: Plan, data: str, group: str) -> Step:
    arguments = {"data": data, "group": group, "seeds": plan.seeds}
    prepare = cifar100_features if data == "cifar100" else lambda: None
    about = {"data": data, "group": group}
    return Step(about, "clustering_classes:judge", arguments, plan.cap * 4, prepare=prepare)


def _before_step(plan: Plan, data: str) -> Step:
    return Step(
        {"data": data, "method": "SHHC before"}, "clustering_versions:judge",
        {"file": stored_name(data), "seeds": plan.seeds, "options": {}}, plan.cap * 4,
        prepare=partial(stored, data), source=partial(_packages, None), version=BEFORE,
    )  # fmt: skip


def _packages(against: Path | None) -> Path:
    return checkout(BEFORE) if against is None else (against / "src").resolve()


def _version_of(folder: Path) -> str:
    """Commit of a checkout, or its path where git does not know."""
    try:
        found = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"], cwd=folder, capture_output=True, text=True
        ).stdout.strip()
    except OSError:
        found = ""
    return found or str(folder.resolve())


def _compared(data: str, method: str, seeds: list[int], cap: float, **arguments: Any) -> Step:
    limit = cap * (len(seeds) if METHODS[method].randomised else 1) + 60
    asked = {"data": data, "method": method, "seeds": seeds} | arguments
    return Step({"data": data, "method": method}, "clustering_jobs:compare", asked, limit)


def _line(record: dict[str, Any]) -> str:
    what = [
        str(record[key])
        for key in ("data", "preclusters", "similarity", "stage", "group", "method", "version")
        if key in record
    ]
    if "skipped" in record:
        what.append(record["skipped"])
    for run in [*record.get("runs", []), record][:1]:
        what += [f"{run['seconds']:.2f} s"] if "seconds" in run else []
        what += [
            f"{key} {value:.6g}" for kind in ("cost", "purity") for key, value in run.get(kind, {}).items()
        ]
    return "  ".join(what)


if __name__ == "__main__":
    main()

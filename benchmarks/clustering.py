"""Hyperclade's hierarchical clustering beside other packages: quality, agreement with labels, speed, memory.

    python benchmarks/clustering.py SECTION... [--seeds 0 1 2] [--out FILE]   # measure, print, store in FILE
    python benchmarks/clustering.py --report                                  # FILE into docs/benchmarks.md

Needs `pip install -e '.[bench,learn]'` and the data folder (HYPERCLADE_DATA). Each method runs in a process
of its own on two threads. A section replaces its own results in FILE and leaves the others.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clustering_data import CACHE, cifar100_features, mixture
from clustering_jobs import STAGES
from clustering_methods import COMPLETE_GRAPH_ROWS, METHODS
from clustering_report import OFFICIAL_HYPHC, tables
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
_HYPERBOLIC_ROWS = 2000  # items up to which the ablation runs HypHC

Records = Iterator[dict[str, Any]]


def quality(seeds: list[int], quick: bool, cap: float) -> Records:
    """Exact costs of every method on every data set."""
    costs = ["cosine", "knn"]
    methods = [name for name in METHODS if name not in ("SHHC (softmax)", "LouvainHierarchy", "Genie")]
    nouns = [f"wordnet:{300 if quick else 5000}:{seed}" for seed in seeds]
    for data in [*(("iris",) if quick else SMALL_SETS), *nouns]:
        found = in_process("clustering_jobs:references", data=data, costs=costs)
        yield {"data": data, "references": found}
        runs = [int(data.rsplit(":", 1)[1])] if data in nouns else seeds
        for method in methods:
            if method == "Paris, all pairs" and found["n"] > COMPLETE_GRAPH_ROWS:
                continue
            yield _compared(data, method, runs, cap, costs=costs)
        yield {"data": data} | in_process("clustering_jobs:agreement", data=data, seeds=list(range(5)))


def labels(seeds: list[int], quick: bool, cap: float) -> Records:
    """Dendrogram purity of every method, and EVoC's layers against flat cuts."""
    nouns = [f"wordnet:{600 if quick else 5000}:{seed}" for seed in seeds]
    left_out = ("Paris, all pairs", "HypHC", "UFit", "SHHC (cosine), search=False")
    methods = [name for name in METHODS if name not in left_out]
    if not quick:
        cifar100_features()
    for data in ["digits", *nouns] if quick else ["digits", "digits, raw", *nouns, "cifar100"]:
        runs = [int(data.rsplit(":", 1)[1])] if data in nouns else seeds
        for method in methods:
            yield _compared(data, method, runs, cap, purity=True)
        yield {"data": data} | in_process("clustering_jobs:flat", data=data, seeds=runs, timeout=cap * 3)


def speed(seeds: list[int], quick: bool, cap: float) -> Records:
    """Full-resolution trees: against average linkage, on all of WordNet, and as n doubles."""
    small = "1000x64" if quick else "20000x64"
    for data in (f"wordnet:{small}:0", f"mixture:{small}:0"):
        yield {
            "data": data,
            "references": in_process("clustering_jobs:references", data=data, costs=["cosine"]),
        }
        for method in ("SHHC (cosine)", "average"):
            yield _compared(data, method, seeds, cap, costs=["cosine"])
    sizes = (500, 1000) if quick else (10_000, 20_000, 40_000, 80_000)
    for method in ("SHHC (cosine)", "SHHC (knn)"):
        for n in sizes:
            yield _compared(f"wordnet:{n}:0", method, seeds, cap)
    if not quick:
        yield {"data": "wordnet", "references": in_process(
            "clustering_jobs:references", data="wordnet", costs=["cosine"]
        )}  # fmt: skip
        for method in ("SHHC (cosine)", "SHHC (knn)"):
            yield _compared("wordnet", method, seeds, cap, costs=["cosine"])


def scale(seeds: list[int], quick: bool, cap: float) -> Records:
    """Pre-clusters and the tree over them, of a memory map, against spherical k-means and average linkage."""
    data, k = ("mixture:4000x64:0", 40) if quick else ("mixture:200000x512:0", 1000)
    mixture(data)
    limit = cap * (len(seeds) + 1)
    yield {"data": data, "references": in_process("clustering_jobs:references", data=data, costs=["cosine"])}
    yield {"data": data, "method": "faiss k-means + average"} | in_process(
        "clustering_jobs:spherical_kmeans", data=data, k=k, iterations=10, seeds=seeds, timeout=limit
    )
    for name, similarity, balanced in (
        ("SHHC (cosine)", "cosine", True),
        ("SHHC (cosine), balanced=False", "cosine", False),
        ("SHHC (knn)", "knn", True),
    ):
        arguments = {"data": data, "k": k, "similarity": similarity, "balanced": balanced, "seeds": seeds}
        yield {"data": data, "method": name} | in_process(
            "clustering_jobs:two_stage", **arguments, timeout=limit
        )


def hyphc(seeds: list[int], quick: bool, cap: float) -> Records:
    """HypHC from random directions, beside the official code's published figures."""
    for data in list(OFFICIAL_HYPHC)[: 1 if quick else None]:
        yield {
            "data": data,
            "references": in_process("clustering_jobs:references", data=data, costs=["cosine"]),
        }
        yield _compared(data, "HypHC", seeds if quick else list(range(5)), cap, costs=["cosine"])


def ablation(seeds: list[int], quick: bool, cap: float) -> Records:
    """What each part of SHHC brings."""
    sizes = (
        {"wordnet:400:0": 400}
        if quick
        else {"digits": 1797, "wordnet:5000:0": 5000, "wordnet:20000:0": 20_000}
    )
    for data, n in sizes.items():
        yield {"data": data, "references": in_process(
            "clustering_jobs:references", data=data, costs=["cosine"]
        )}  # fmt: skip
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
                    yield arguments | in_process(
                        "clustering_jobs:ablation", **arguments, seeds=seeds, timeout=cap * (len(seeds) + 1)
                    )


SECTIONS = {f.__name__: f for f in (quality, labels, speed, scale, hyphc, ablation)}


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
    options = parser.parse_args(arguments)
    unknown = set(options.sections) - set(SECTIONS)
    if unknown or not (options.sections or options.report):
        parser.error(f"choose from the sections {', '.join(SECTIONS)}, or --report")
    out = options.out or (CACHE / "quick.json" if options.quick else RESULTS)
    for name in options.sections:
        command = f"python benchmarks/clustering.py {name} --seeds {' '.join(map(str, options.seeds))}"
        if options.quick:
            command += " --quick"
        section = setting(command, PACKAGES) | {
            "quick": options.quick, "cap": options.cap, "complete": False, "records": []
        }  # fmt: skip
        for record in SECTIONS[name](options.seeds, options.quick, options.cap):
            section["records"].append(record)
            save_section(out, name, section)
            print(_line(record), flush=True)
        section["complete"] = True
        save_section(out, name, section)
        print(f"\n{tables({name: section})[name]}\n")
    if options.report:
        rewrite(options.document, "clustering", tables(load_sections(out)))


def _compared(data: str, method: str, seeds: list[int], cap: float, **arguments: Any) -> dict[str, Any]:
    limit = cap * (len(seeds) if METHODS[method].randomised else 1) + 60
    found = in_process(
        "clustering_jobs:compare", timeout=limit, data=data, method=method, seeds=seeds, **arguments
    )
    return {"data": data, "method": method} | found


def _line(record: dict[str, Any]) -> str:
    what = [
        str(record[key]) for key in ("data", "preclusters", "similarity", "stage", "method") if key in record
    ]
    if "skipped" in record:
        what.append(record["skipped"])
    for run in record.get("runs", [])[:1]:
        what += [f"{run['seconds']:.2f} s"] if "seconds" in run else []
        what += [
            f"{key} {value:.6g}" for kind in ("cost", "purity") for key, value in run.get(kind, {}).items()
        ]
    return "  ".join(what)


if __name__ == "__main__":
    sys.exit(main())

"""Metric learning and search side by side: losses, exact search, the index, relabelling, at full size.

    python benchmarks/retrieval.py SECTION... [--seeds 0 1 2] [--jobs 2]  # measure and store
    python benchmarks/retrieval.py SECTION... --collect [--seeds …]       # store what is finished
    python benchmarks/retrieval.py --report                               # into docs/benchmarks.md

Needs `pip install -e '.[bench,learn]'`, EfficientNet-Lite0 and, for CIFAR-100, the data folder
(HYPERCLADE_DATA). Runs and features are kept in benchmarks/cache, so a section that was stopped goes on where
it was. A section replaces its own results and leaves the others.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from measure import THREADS, in_process, load_sections, measured, save_section, setting
from report_text import rewrite

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "retrieval.json"
DOCUMENT = HERE.parent / "docs" / "benchmarks.md"
CACHE = HERE / "cache" / "retrieval"
PACKAGES = ("hyperclade", "numpy", "numba", "faiss-cpu", "scikit-learn", "torch", "pytorch-lightning")
TABLES = {"cifar100": (1,), "ablation-cifar100": (2,)}
JOBS = ("search", "index", "relabelling", "loss")
_BATCH, _DIM = 128, 512


def main(arguments: list[str] | None = None) -> int:
    known = [*TABLES, *JOBS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(known)}")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, each on its share of the cores")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rows", type=int, help="of search, index, relabelling, instead of all")
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
        section |= trained(name, options) if name in TABLES else job(name, options.rows)
        save_section(options.out, name, section)
    if options.report:
        from retrieval_report import tables

        rewrite(options.document, "retrieval", tables(load_sections(options.out)))
    return 0


def trained(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Results of the runs of a section's tables, and whether these are all."""
    import torch

    from hyperclade.learning.comparison import compare, finished
    from hyperclade.learning.tables import plan_runs, planned, read_tables
    from hyperclade.retrieval.system import SYSTEM

    torch.set_num_threads(THREADS)
    known = read_tables(SYSTEM.package)
    found = (run for number in TABLES[name] for run in planned(SYSTEM, known[number], seeds=options.seeds))
    runs = list({run.name: run for run in found}.values())
    if options.collect:
        results = [result for run in runs if (result := finished(run, options.cache)) is not None]
    else:
        results = compare(plan_runs(SYSTEM, runs), options.cache, device=options.device, jobs=options.jobs)
    recipes = {f"{result['system']} on {result['data']}": result["recipe"] for result in results}
    records = [{key: value for key, value in one.items() if key != "recipe"} for one in results]
    return {"complete": len(results) == len(runs), "records": records, "recipes": recipes}


def job(name: str, rows: int | None) -> dict[str, Any]:
    """A measurement in a process of its own."""
    arguments = {} if rows is None or name == "loss" else {"rows": rows}
    found = in_process(f"retrieval:{name}", **arguments)
    return {"complete": "skipped" not in found, "records": found}


def search(rows: int = 60_000, d: int = _DIM, repeats: int = 3, seed: int = 0) -> dict[str, Any]:
    """Recall@1's search, exact and hyperbolic, beside faiss's flat index of the same rows, by turns."""
    import faiss

    from hyperclade.retrieval.distances import Metric
    from hyperclade.retrieval.nearest import nearest

    faiss.omp_set_num_threads(THREADS)
    vectors = clipped(planted(rows, d, seed))
    metric = Metric("hyperbolic", 0.1)
    nearest(vectors[:300], vectors[:300], 1, metric, own=True)  # compiled before it is timed
    ours, flat = [], []
    for _ in range(repeats):
        (found, distance), told = measured(lambda: nearest(vectors, vectors, 1, metric, own=True))
        ours.append(told["seconds"])
        began = time.perf_counter()
        index = faiss.IndexFlatL2(d)
        index.add(vectors)
        index.search(vectors, 2)
        flat.append(time.perf_counter() - began)
    some = np.random.default_rng(seed).choice(rows, 200, replace=False)
    every = np.stack([metric.distances(vectors[row], vectors) for row in some])
    every[np.arange(len(some)), some] = np.inf
    return {
        "rows": rows,
        "d": d,
        "seconds": ours,
        "faiss_flat_seconds": flat,
        "ratio": float(np.median(ours) / np.median(flat)),
        "checked": len(some),
        "right": int((found[some, 0] == every.argmin(axis=1)).sum()),
        "largest_error": float(np.abs(distance[some, 0] - every.min(axis=1)).max()),
    }


def index(rows: int = 1_000_000, d: int = 128, seed: int = 0) -> dict[str, Any]:
    """An index of many vectors: how long it takes to make, to open and to ask, and what it finds."""
    import faiss

    from hyperclade.retrieval.distances import Metric
    from hyperclade.retrieval.index import Index
    from hyperclade.retrieval.nearest import nearest

    faiss.omp_set_num_threads(THREADS)
    vectors = clipped(planted(rows + 200, d, seed))
    vectors, asked = vectors[:rows], vectors[rows:]
    metric = Metric("hyperbolic", 0.1)
    true, _ = nearest(asked, vectors, 10, metric)
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder, "x.npy"), Path(folder, "index")
        np.save(source, vectors)
        (made, _), told = measured(
            lambda: Index.build(source, out, metric="hyperbolic", curvature=0.1, tree=False)
        )
        lists = made.segments[0].lists
        opening = subprocess.run(
            [sys.executable, "-c", _OPENING, str(out)], capture_output=True, text=True, check=True
        ).stdout
        index = Index(out)
        spent, found = [], 0
        for turn in range(2):  # the first warms up
            for row, near in zip(asked, true, strict=True):
                began = time.perf_counter()
                positions, _ = index.query(row, 10)
                if turn:
                    spent.append(time.perf_counter() - began)
                    ids = [int(index.item(int(position))["id"]) for position in positions]
                    found += len(np.intersect1d(ids, near))
        size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    flat = faiss.index_factory(d, f"IVF{len(lists.centres)},Flat")
    began = time.perf_counter()
    flat.train(vectors[:: max(1, rows // 80_000)])
    flat.add(vectors)
    faiss_seconds = time.perf_counter() - began
    flat.nprobe = lists.probes
    theirs, theirs_found = [], 0
    flat_true, _ = nearest(asked, vectors, 10, Metric("euclidean"))
    for row, near in zip(asked, flat_true, strict=True):
        began = time.perf_counter()
        rows_found = flat.search(row[None], 10)[1][0]
        theirs.append(time.perf_counter() - began)
        theirs_found += len(np.intersect1d(rows_found, near))
    return {
        "rows": rows,
        "d": d,
        "build_seconds": told["seconds"],
        "peak_mib": told["peak_mib"],
        "bytes": size,
        "opening_seconds": float(opening),
        "lists": len(lists.centres),
        "probes": lists.probes,
        "query_ms": {q: float(1000 * np.percentile(spent, q)) for q in (50, 95)},
        "recall_at_10": found / true.size,
        "faiss_ivf": {
            "build_seconds": faiss_seconds,
            "recall_at_10": theirs_found / flat_true.size,
            "query_ms": {q: float(1000 * np.percentile(theirs, q)) for q in (50, 95)},
        },
    }


_OPENING = """
import sys, time
from hyperclade.retrieval.index import Index
began = time.perf_counter()
index = Index(sys.argv[1])
len(index)
print(time.perf_counter() - began)
"""


def relabelling(rows: int = 60_000, d: int = _DIM, seed: int = 0) -> dict[str, Any]:
    """The hierarchy over the embeddings of many samples, cut at three levels; beside faiss's k-means."""
    import faiss

    from hyperclade.metrics import nmi
    from hyperclade.retrieval.distances import Metric
    from hyperclade.retrieval.labelling import hierarchy_levels

    faiss.omp_set_num_threads(THREADS)
    vectors, groups = clipped(planted(rows, d, seed)), planted_groups(rows, seed)
    metric, counts = Metric("hyperbolic", 0.1), [1000, 100, 10]
    hierarchy_levels(vectors[:6000], metric, counts=counts)  # compiled before it is timed
    levels, told = measured(lambda: hierarchy_levels(vectors, metric, counts=counts))
    began = time.perf_counter()
    model = faiss.Kmeans(d, 1000, niter=20, seed=seed)
    model.train(vectors)
    labels = model.index.search(vectors, 1)[1][:, 0]
    return {
        "rows": rows,
        "d": d,
        "counts": counts,
        "seconds": told["seconds"],
        "peak_mib": told["peak_mib"],
        "nmi": {str(k): nmi(own, found) for k, own, found in zip(counts, groups, levels, strict=True)},
        "faiss_kmeans": {"seconds": time.perf_counter() - began, "nmi": nmi(groups[0], labels)},
    }


def loss(repeats: int = 60, seed: int = 0) -> dict[str, Any]:
    """Milliseconds of each loss, forward and backward, on a batch of 128 embeddings of 512."""
    import torch

    from hyperclade.learning.settings import named_class
    from hyperclade.retrieval.config import METHODS, Method, Space
    from hyperclade.retrieval.method import Batch

    torch.set_num_threads(THREADS)
    space, found = Space(), {}
    levels = np.arange(_BATCH) // np.array([[16], [32], [64]])
    degrees = torch.from_numpy((levels[:, :, None] == levels[:, None]).sum(0))
    for name in METHODS:
        if name == "none":
            continue
        made, settings = named_class("hyperclade.retrieval", METHODS, Method(name), "method")
        torch.manual_seed(seed)
        method = made(1280, _DIM, space, **settings)
        vectors = torch.randn(_BATCH, _DIM, requires_grad=True)
        features, teacher = torch.randn(_BATCH, 1280), torch.randn(_BATCH, 1024)
        spent = []
        for _ in range(repeats):
            began = time.perf_counter()
            points = space.points(space.bounded(vectors))
            parts = method.loss(Batch(points, degrees, features, 0.0, teacher if method.teaches else None))
            parts["loss"].backward()
            spent.append(1000 * (time.perf_counter() - began))
        found[name] = float(np.median(spent))
    return {"batch": _BATCH, "dim": _DIM, "milliseconds": found}


def planted(rows: int, d: int, seed: int) -> np.ndarray:
    """Rows `(n, d) float32` about the leaves of a random tree of 10 × 10 × 10 clusters."""
    rng = np.random.default_rng(seed)
    groups = planted_groups(rows, seed)
    vectors = 0.6 * rng.normal(size=(rows, d)).astype(np.float32) / np.sqrt(d)
    for labels in groups:
        centres = rng.normal(size=(labels.max() + 1, d)).astype(np.float32) / np.sqrt(d)
        vectors += 0.6 * centres[labels]
    return 2 * vectors


def planted_groups(rows: int, seed: int) -> list[np.ndarray]:
    """The clusters of `planted` at its three levels, fine to coarse."""
    fine = np.random.default_rng([seed, 1]).integers(0, 1000, rows)
    return [fine, fine // 10, fine // 100]


def clipped(vectors: np.ndarray, most: float = 2.3) -> np.ndarray:
    """Vectors no longer than that."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors * np.minimum(1, most / length)).astype(np.float32)


if __name__ == "__main__":
    sys.exit(main())

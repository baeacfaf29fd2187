"""The page of a hierarchy at growing sizes: written, opened and moved about in, beside pictures of others.

    python benchmarks/page.py [--leaves 10000 …] [--what hyperclade …]  # measure and store
    python benchmarks/page.py --report                                       # into docs/benchmarks.md

Needs `pip install -e '.[bench]'`, Node 20 with `cd web && npm ci`, and Chromium (/usr/bin/chromium, or as
CHROMIUM says).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from measure import in_process, load_sections, measured, save_section, setting
from report_text import rewrite

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "page.json"
DOCUMENT = HERE.parent / "docs" / "benchmarks.md"
BROWSER = HERE / "page_browser.mjs"
PACKAGES = ("hyperclade", "numpy", "scipy", "matplotlib", "plotly")
NAMED = 100_000  # leaves up to which they have names
LIMIT = 60  # seconds to write, and then to the first picture
STARTING = 90  # seconds for libraries and the tree, before the clock starts
SEED = 5

sys.path.append(str(HERE.parent / "web" / "tests" / "browser"))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--leaves", nargs="+", type=int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--what", nargs="+", choices=WRITERS, default=[*WRITERS], help="the others are kept")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--limit", type=int, default=LIMIT, help="seconds for writing, and for opening")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--document", type=Path, default=DOCUMENT)
    parser.add_argument("--report", action="store_true", help="write the stored results into the document")
    options = parser.parse_args(arguments)
    if options.report:
        from page_report import tables

        rewrite(options.document, "page", tables(load_sections(options.out)))
        return 0
    section = setting("python benchmarks/page.py", PACKAGES) | {"limit": options.limit}
    section["versions"] |= {"chromium": _version("chromium"), "node": _version("node")}
    stored = load_sections(options.out).get("sizes", {"records": []})["records"]
    records = {(one["what"], one["leaves"]): one for one in stored}
    for name in options.what:
        for n in options.leaves:
            load = round(os.getloadavg()[0], 2)
            found = {"what": name, "leaves": n, "load": load} | drawn(name, n, options.repeats, options.limit)
            print(found, flush=True)
            records[name, n] = found
    order = [*WRITERS]
    section["records"] = sorted(records.values(), key=lambda one: (one["leaves"], order.index(one["what"])))
    save_section(options.out, "sizes", section)
    return 0


def drawn(name: str, n: int, repeats: int, limit: float) -> dict[str, Any]:
    """Seconds, memory and size of what is written, and how it opens and moves in a browser."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"page{WRITERS[name][1]}")
        runs: list[dict[str, Any]] = []
        for _ in range(repeats):
            run = in_process("page:written", timeout=limit + STARTING, name=name, n=n, path=str(path))
            if "not finished" in run.get("skipped", "") or run.get("seconds", 0) > limit:
                return {"skipped": f"not written in {limit:.0f} s"}
            if "skipped" in run:
                return run
            runs.append(run)
        found: dict[str, Any] = {
            "seconds": [run["seconds"] for run in runs],
            "peak_mib": max(run["peak_mib"] for run in runs),
        }
        found["mib"] = path.stat().st_size / 2**20
        return found | (opened(path, name, repeats, limit) if path.suffix == ".html" else {})


def written(name: str, n: int, path: str) -> dict[str, Any]:
    """Write a tree of n leaves, once, as what is known of a tree would be kept for a second time."""
    write = WRITERS[name][0](n)
    return measured(lambda: write(Path(path)))[1]


def opened(path: Path, name: str, repeats: int, limit: float) -> dict[str, Any]:
    """What a browser says of a page, opened afresh each time."""
    runs = []
    for _ in range(repeats):
        kind = "disk" if name == "hyperclade" else "boxes"
        command = ["node", str(BROWSER), str(path), kind, str(limit)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=3 * limit + 60)
            found = json.loads(done.stdout) if done.returncode == 0 else {"skipped": _last(done.stderr)}
        except subprocess.TimeoutExpired:
            found = {"skipped": f"not shown in {limit:.0f} s"}
        if "skipped" in found:
            return found
        runs.append(found)
    return {key: [run[key] for run in runs] for key in runs[0]}


def hyperclade(n: int) -> Any:
    """The page, with all that `discover` would know of such a tree: typical rows, costs, similar groups."""
    from pages import samples

    from hyperclade.report.page import write_page
    from hyperclade.report.parts import Parts

    outcome = samples(n, n <= NAMED)
    tree = outcome.tree
    rng = np.random.default_rng(SEED)
    told = {node: tree.leaves(node)[:8] for node in outcome.node_names}
    rows = rng.normal(size=(512, 64)).astype(np.float32)
    costs = rng.random(tree.n_nodes - n)
    outcome = replace(
        outcome,
        exemplars=told,
        borderline=told,
        cost_shares=costs / costs.sum(),
        parts=Parts(tree.cut_nodes(512), rows / np.linalg.norm(rows, axis=1, keepdims=True)),
    )
    return lambda path: write_page(path, outcome)


def plotly_boxes(kind: str, levels: int) -> Any:
    """plotly's icicle or treemap, its library within the file, some levels at a time (−1: all)."""

    def writer(n: int) -> Any:
        import plotly.graph_objects as go

        ids, names, parents, sizes = nodes_of(n)
        draw = {"icicle": go.Icicle, "treemap": go.Treemap}[kind]
        mark = 'requestAnimationFrame(() => setTimeout(() => performance.mark("hyperclade-first-picture")))'

        def write(path: Path) -> None:
            trace = draw(
                ids=ids, labels=names, parents=parents, values=sizes, branchvalues="total", maxdepth=levels
            )
            go.Figure(trace).write_html(path, include_plotlyjs=True, post_script=mark)

        return write

    return writer


def nodes_of(n: int) -> tuple[list[str], list[str], list[str], list[int]]:
    """Ids, names, parents and sizes of the nodes of the same tree, in the form of plotly."""
    from pages import samples

    outcome = samples(n, n <= NAMED)
    tree = outcome.tree
    ids = [str(node) for node in range(tree.n_nodes)]
    leaves = [f"#{row}" for row in range(n)] if outcome.names is None else outcome.names.tolist()
    names = leaves + [outcome.node_names.get(node, "") for node in range(n, tree.n_nodes)]
    parents = ["" if node < 0 else str(node) for node in tree.parent.tolist()]
    return ids, names, parents, tree.size.tolist()


def scipy_dendrogram(n: int) -> Any:
    """SciPy's dendrogram, drawn by matplotlib as a picture; its recursion needs a high limit."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from pages import samples
    from scipy.cluster.hierarchy import dendrogram

    outcome = samples(n, n <= NAMED)
    linkage = outcome.tree.to_linkage()
    names = None if outcome.names is None else outcome.names.tolist()
    sys.setrecursionlimit(10 * n)

    def write(path: Path) -> None:
        figure, axes = pyplot.subplots(figsize=(16, 10))
        dendrogram(linkage, labels=names, ax=axes)
        figure.savefig(path, dpi=100)
        pyplot.close(figure)

    return write


WRITERS = {
    "hyperclade": (hyperclade, ".html"),
    "plotly icicle": (plotly_boxes("icicle", -1), ".html"),
    "plotly icicle, 5 levels": (plotly_boxes("icicle", 5), ".html"),
    "plotly treemap, 5 levels": (plotly_boxes("treemap", 5), ".html"),
    "SciPy dendrogram": (scipy_dendrogram, ".png"),
}


def _version(program: str) -> str | None:
    path = shutil.which(program)
    if path is None:
        return None
    text = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
    return next((word.lstrip("v") for word in text.split() if word.lstrip("v")[:1].isdigit()), None)


def _last(errors: str) -> str:
    lines = [line for line in errors.splitlines() if "Error" in line] or ["failed"]
    return lines[0].strip()


if __name__ == "__main__":
    sys.exit(main())

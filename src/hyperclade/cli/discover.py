"""`hyperclade discover`: a hierarchy over every row of features, images or texts, written to a folder."""

import json
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

    from hyperclade.data.features import FeatureTable
    from hyperclade.hierarchy.shhc import SHHC
    from hyperclade.trees.tree import Tree

_FILES = (
    "tree.json", "tree.nwk", "linkage.npy", "assignments.parquet", "summary.json", "hierarchy.png",
    "features.npy", "features.rows.parquet", "features.npy.skipped.csv",
)  # fmt: skip
_MOST_LISTED = 200  # clusters in a layer that the summary lists by name
_VERSIONED = ("hyperclade", "numpy", "scipy", "scikit-learn", "numba", "faiss-cpu", "torch")


def discover(
    features: str | None = None,
    out: str = "hierarchy",
    similarity: Literal["knn", "cosine", "softmax"] = "knn",
    clusters: int | Literal["auto", "none"] = "auto",
    labels: str | None = None,
    names: str | None = None,
    ids: str | None = None,
    encoder: str | None = None,
    dim: int = 2,
    seed: int = 0,
    device: str = "auto",
    overwrite: bool = False,
) -> None:
    """Find the hierarchy in features, images or texts, and write it to a folder.

    Args:
        features: Feature file (.npy, .npz, .parquet, .csv), folder of images, Parquet file of images, or text
            file (.txt) with one text a line. Default: a bundled sample of everyday nouns.
        out: Folder to write.
        similarity: What the tree keeps together: nearest neighbours, cosine, or a sharper softmax of it.
        clusters: Number of pre-clusters; "none": every row is a leaf from the start; "auto" decides by the
            number of rows.
        labels: Column of the features, or file with a value a row. Used to evaluate, never to discover.
        names: Column of the features, or file with a value a row, to name rows and nodes by.
        ids: Column of the features, or file with a value a row (default: row numbers).
        encoder: For images and texts: efficientnet-lite0, all-minilm-l6-v2, or a transformers model by its
            Hugging Face name or local folder.
        dim: Dimension of the Poincaré ball that the rows are placed in.
        seed: Seed of all that is random.
        device: auto, cpu, cuda or cuda:N.
        overwrite: Replace OUT if it exists.
    """
    from hyperclade.data.atomic import atomic_directory

    stages: dict[str, float] = {}
    source, target = None if features is None else Path(features), Path(out)
    _check_target(target, source)
    with atomic_directory(target, overwrite=overwrite) as folder:
        embedded = None
        if source is not None and _needs_encoder(source, encoder):
            with _timed(stages, "embedding"):
                embedded = _embed(source, target, encoder, labels, names, ids, device, overwrite)
        with _kept(embedded), _progress_bar() as progress:
            with _timed(stages, "reading"):
                progress("reading", 0.0)
                data = _read(source, embedded, labels, names, ids)
            from hyperclade.hierarchy import SHHC  # slow to import, so after the errors that come at once

            model = SHHC(
                n_clusters=None if clusters == "none" else clusters,
                similarity=similarity,
                dim=dim,
                device=device,
                random_state=seed,
                progress=progress,
            ).fit(data.features)
            stages |= model.timings_
            with _timed(stages, "naming"):
                progress("naming", 0.0)
                found = _describe(model, data)
            with _timed(stages, "evaluation"):
                evaluation = (
                    None if data.labels is None else _evaluate(model.tree_, found.layers, data.labels)
                )
            with _timed(stages, "writing"):
                progress("writing", 0.0)
                _write(folder, model, data, found, f"{_title(source, data)} · {similarity} similarity")
            summary = _summary(model, data, found, evaluation, stages, source) | {"seed": seed}
            (folder / "summary.json").write_text(
                json.dumps(summary, indent=1, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8"
            )
            if embedded is not None:
                _adopt(embedded, folder)
    _print(summary, outline(model.tree_, found.node_names), target)


def outline(tree: "Tree", node_names: Mapping[int, str], *, branches: int = 8, twigs: int = 3) -> list[str]:
    """The top of a tree as lines of text: its main branches, and theirs, with names and sizes.

    Examples
    --------
    >>> from hyperclade.trees import Tree
    >>> for line in outline(Tree([4, 4, 5, 5, 6, 6, -1]), {4: "pets", 5: "trees"}):
    ...     print(line)
    4 rows
    ├─ pets  2
    └─ trees  2
    """
    lines = [f"{tree.n_leaves:,} rows"]
    nodes = outline_nodes(tree, branches, twigs)
    for k, (branch, below) in enumerate(nodes):
        last = k == len(nodes) - 1
        lines.append(f"{'└─' if last else '├─'} {_name_and_size(tree, node_names, branch)}")
        for j, twig in enumerate(below):
            corner = "└─" if j == len(below) - 1 else "├─"
            lines.append(f"{'   ' if last else '│  '}{corner} {_name_and_size(tree, node_names, twig)}")
    return lines


def outline_nodes(tree: "Tree", branches: int = 8, twigs: int = 3) -> list[tuple[int, list[int]]]:
    """The nodes that `outline` shows: each main branch with its own."""
    from hyperclade.report import main_branches

    return [
        (branch, [node for node in main_branches(tree, twigs, root=branch).tolist() if node != branch])
        for branch in main_branches(tree, branches).tolist()
        if branch != tree.root
    ]


@dataclass(frozen=True)
class _Layer:
    """Flat clusters: `column` of the assignments, `(n,)` labels, and the node of the tree of each label."""

    column: str
    labels: "np.ndarray"
    nodes: "np.ndarray"


@dataclass(frozen=True)
class _Findings:
    layers: list[_Layer]
    node_names: dict[int, str]


# ---- input ----


def _check_target(target: Path, source: Path | None) -> None:
    """What could be lost by replacing the folder `target` must be of this command's making."""
    if source is not None and target.exists() and target.resolve() in source.resolve().parents:
        raise ValueError(f"{source} lies in {target}, which would be replaced; choose another --out")
    if target.is_dir():
        others = sorted({path.name for path in target.iterdir()} - set(_FILES))
        if others:
            raise ValueError(
                f"folder {target} holds files of other origin ({', '.join(others[:3])}); choose another --out"
            )


def _needs_encoder(source: Path, encoder: str | None) -> bool:
    if encoder is not None or source.is_dir() or source.suffix.lower() == ".txt":
        return True
    if source.suffix.lower() != ".parquet" or not source.exists():
        return False
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(source)
    except pa.ArrowException:
        return False  # whoever reads the features says what is wrong with the file
    image = schema.field("image").type if "image" in schema.names else None
    return image is not None and (pa.types.is_struct(image) or pa.types.is_binary(image))


def _embed(
    source: Path,
    target: Path,
    encoder: str | None,
    labels: str | None,
    names: str | None,
    ids: str | None,
    device: str,
    overwrite: bool,
) -> Path:
    """Features beside `target`, where an interrupted run finds its finished batches again."""
    from hyperclade.cli.embed import embed_to_file

    path = target.with_name(target.name + ".features.npy")
    if path.exists() and not overwrite:
        raise ValueError(
            f"{path} is left from an earlier run; `hyperclade discover {path}` uses it, "
            "--overwrite replaces it"
        )
    asked = (labels, names, ids)
    columns = [None if name is None or Path(name).exists() else name for name in asked]
    unknown = [name for name in columns if name is not None]
    if unknown and source.suffix.lower() != ".parquet":
        raise ValueError(f"no file {unknown[0]!r} with a value a row")
    embed_to_file(
        source,
        path,
        encoder,
        label_column=columns[0],
        name_column=columns[1],
        id_column=columns[2],
        device=device,
        overwrite=overwrite,
        progress=True,
    )
    return path


def _read(
    source: Path | None, embedded: Path | None, labels: str | None, names: str | None, ids: str | None
) -> "FeatureTable":
    from hyperclade.data.features import FeatureTable, read_features

    if source is None:
        from hyperclade.data.samples import load_nouns

        if labels or names or ids:
            raise ValueError("--labels, --names and --ids need FEATURES that they belong to")
        sample = load_nouns()
        return FeatureTable(sample.features, labels=sample.label_names[sample.labels], names=sample.names)
    if embedded is None:
        return read_features(source, labels=labels, names=names, ids=ids)
    files = [asked if asked and Path(asked).exists() else None for asked in (labels, names, ids)]
    return read_features(embedded, labels=files[0], names=files[1], ids=files[2])


# ---- what was found ----


def _describe(model: "SHHC", data: "FeatureTable") -> _Findings:
    import numpy as np

    from hyperclade.hierarchy.naming import name_nodes
    from hyperclade.report import named_nodes

    tree = model.tree_
    layers = []
    for labels in model.layers_:
        # Leaves of a cluster are neighbours in the leaf order, so its first and last have its node in common.
        order = np.argsort(labels[tree.leaf_order], kind="stable")
        stop = np.cumsum(np.bincount(labels))
        ends = tree.leaf_order[order[np.r_[0, stop[:-1]]]], tree.leaf_order[order[stop - 1]]
        layers.append(_Layer(f"layer_{len(stop)}", labels, tree.lca(*ends)))
    nodes = [node for branch, twigs in outline_nodes(tree) for node in (branch, *twigs)]
    listed = [layer.nodes for layer in layers if len(layer.nodes) <= _MOST_LISTED]
    wanted = np.unique(np.concatenate([np.array(nodes, dtype=np.int64), named_nodes(tree), *listed]))
    names = name_nodes(tree, _row_names(data), data.features, wanted)
    return _Findings(layers, dict(zip(wanted.tolist(), names, strict=True)))


def _row_names(data: "FeatureTable") -> list[str]:
    if data.names is not None:
        return [str(name) for name in data.names]
    if data.ids is not None:
        return [str(id) for id in data.ids]
    return [f"#{row}" for row in range(data.features.shape[0])]


def _evaluate(tree: "Tree", layers: list[_Layer], labels: "np.ndarray") -> dict[str, Any]:
    import math

    import pandas as pd

    from hyperclade import metrics

    known = ~pd.isna(labels)
    if not known.any():
        raise ValueError("the labels are all missing")
    purity = metrics.dendrogram_purity(tree, labels, ignore_unlabelled=True)
    measures = ("nmi", "ami", "ari", "mean_purity", "weighted_purity")
    return {
        "labelled_rows": int(known.sum()),
        "classes": len(set(labels[known].tolist())),
        "dendrogram_purity": None if math.isnan(purity) else purity,
        "layers": {
            layer.column: {
                name: getattr(metrics, name)(labels[known], layer.labels[known]) for name in measures
            }
            for layer in layers
        },
    }


# ---- output ----


def _write(folder: Path, model: "SHHC", data: "FeatureTable", found: _Findings, title: str) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from hyperclade.report import draw_hierarchy, named_nodes
    from hyperclade.trees import Tree

    tree = model.tree_
    if data.names is not None:
        tree = Tree(tree.parent, tree.height, data.names)
    node_names: list[str | None] = [*(tree.names or map(str, range(tree.n_leaves)))]
    node_names += [found.node_names.get(node) for node in range(tree.n_leaves, tree.n_nodes)]
    (folder / "tree.json").write_text(tree.to_json(), encoding="utf-8")
    (folder / "tree.nwk").write_text(tree.to_newick(node_names) + "\n", encoding="utf-8")
    np.save(folder / "linkage.npy", tree.to_linkage(), allow_pickle=False)
    columns: dict[str, Any] = {"id": np.arange(tree.n_leaves) if data.ids is None else data.ids}
    if data.names is not None:
        columns["name"] = data.names.astype(object)
    columns["leaf"] = np.arange(tree.n_leaves)
    columns["cluster"] = model.labels_
    columns |= {layer.column: layer.labels for layer in found.layers}
    columns |= {f"x{k}": model.embedding_[:, k] for k in range(model.embedding_.shape[1])}
    pq.write_table(pa.table(columns), folder / "assignments.parquet")
    shown = {node: found.node_names[node] for node in named_nodes(tree).tolist()}
    draw_hierarchy(tree, folder / "hierarchy.png", node_names=shown, title=title)


def _title(source: Path | None, data: "FeatureTable") -> str:
    n, d = data.features.shape
    return f"{'everyday nouns' if source is None else source.name} · {n:,} rows × {d:,} features"


def _summary(
    model: "SHHC",
    data: "FeatureTable",
    found: _Findings,
    evaluation: dict[str, Any] | None,
    stages: dict[str, float],
    source: Path | None,
) -> dict[str, Any]:
    from importlib.metadata import version

    tree, names = model.tree_, found.node_names
    layers = []
    for layer in found.layers:
        sizes = tree.size[layer.nodes]
        about = {
            "column": layer.column,
            "clusters": len(sizes),
            "smallest": int(sizes.min()),
            "largest": int(sizes.max()),
        }
        if len(sizes) <= _MOST_LISTED:
            about["listed"] = [
                {"label": label, "node": node, "size": int(tree.size[node]), "name": names[node]}
                for label, node in enumerate(layer.nodes.tolist())
            ]
        layers.append(about)
    n, d = data.features.shape
    return {
        "input": "bundled nouns" if source is None else str(source),
        "rows": n,
        "features": d,
        "dtype": str(data.features.dtype),
        "similarity": model.similarity,
        "cost": float(model.cost_),
        "score": float(model.score_),
        "clusters": int(model.n_clusters_),
        "layers": layers,
        "evaluation": evaluation,
        "seconds": {stage: round(seconds, 4) for stage, seconds in stages.items()},
        "peak_memory_mib": _peak_memory(),
        "versions": {name: version(name) for name in _VERSIONED} | {"python": platform.python_version()},
    }


def _adopt(embedded: Path, folder: Path) -> None:
    """Move the features into the folder of results."""
    from hyperclade.data.features import rows_file

    beside = embedded.with_name(embedded.name + ".skipped.csv")
    for path, name in ((rows_file(embedded), _FILES[7]), (beside, _FILES[8]), (embedded, _FILES[6])):
        if path.exists():
            shutil.move(path, folder / name)


def _print(summary: dict[str, Any], lines: list[str], target: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False)
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    seconds = summary["seconds"]
    memory = summary["peak_memory_mib"]
    for key, value in {
        "rows × features": f"{summary['rows']:,} × {summary['features']:,} ({summary['dtype']})",
        "similarity": summary["similarity"],
        "Dasgupta cost": f"{summary['cost']:.6g}",
        "normalised score": f"{summary['score']:.4f}",
        "layers": ", ".join(f"{layer['clusters']:,}" for layer in summary["layers"]) + " clusters",
        "time": f"{sum(seconds.values()):.1f} s",
        "peak memory": "unknown" if memory is None else f"{memory:,.0f} MiB",
    }.items():
        table.add_row(key, value)
    console.print(table)
    if (evaluation := summary["evaluation"]) is not None:
        purity = evaluation["dendrogram_purity"]
        console.print(
            f"\nAgainst {evaluation['classes']} classes of labels"
            + ("" if purity is None else f": dendrogram purity {purity:.4f}")
        )
        console.print(_evaluation_table(evaluation))
    console.print()
    for line in lines:
        console.print(line, overflow="ellipsis", no_wrap=True)
    console.print(f"\nWritten to {target}: {', '.join(_FILES[:6])}", soft_wrap=True)


def _evaluation_table(evaluation: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("clusters", justify="right")
    for name in ("NMI", "AMI", "ARI", "mean purity", "weighted purity"):
        table.add_column(name, justify="right")
    for column, scores in evaluation["layers"].items():
        table.add_row(
            f"{int(column.removeprefix('layer_')):,}", *(f"{score:.3f}" for score in scores.values())
        )
    return table


def _name_and_size(tree: "Tree", node_names: Mapping[int, str], node: int) -> str:
    return f"{node_names.get(node, f'node {node}')}  {int(tree.size[node]):,}"


# ---- time, memory, progress ----


@contextmanager
def _timed(stages: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    stages[stage] = time.perf_counter() - start


def _peak_memory() -> float | None:
    """MiB that this process has held at most; unknown on Windows."""
    if sys.platform == "win32":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


@contextmanager
def _kept(embedded: Path | None) -> Iterator[None]:
    """Say where the features are that an error or an interruption leaves behind."""
    try:
        yield
    except BaseException:
        if embedded is not None and embedded.exists():
            print(f"The features are kept: `hyperclade discover {embedded}` uses them.", file=sys.stderr)
        raise


@contextmanager
def _progress_bar() -> Iterator[Callable[[str, float], None]]:
    """A bar on standard error that shows the current stage; gone at the end."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<12}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=1.0, start=False)

        def report(stage: str, fraction: float) -> None:
            if bar.tasks[0].description != stage:
                bar.reset(task, description=stage)
            bar.update(task, completed=fraction)

        yield report

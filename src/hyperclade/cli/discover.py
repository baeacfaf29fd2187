"""`hyperclade discover`: a hierarchy over every row of features, images or texts, written to a folder."""

import json
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

    from hyperclade.cli.cuts import Cuts
    from hyperclade.data.features import FeatureTable
    from hyperclade.data.scaling import Scaling
    from hyperclade.hierarchy.shhc import SHHC
    from hyperclade.trees.tree import Tree

_FILES = (
    "tree.json", "tree.nwk", "linkage.npy", "assignments.parquet", "summary.json", "hierarchy.png",
    "features.npy", "features.rows.parquet", "features.npy.skipped.csv",
)  # fmt: skip
_MODEL, _SCALED = "model", "scaled.npy"
_FEW_PRECLUSTERS = 20
_IN_MEMORY = 1 << 30  # bytes of scaled rows; those of larger memory maps lie in a file
_MOST_LISTED = 200  # clusters in a layer that the summary lists by name
_VERSIONED = ("hyperclade", "numpy", "scipy", "scikit-learn", "numba", "faiss-cpu", "torch")


def discover(
    features: str | None = None,
    out: str = "hierarchy",
    metric: Literal["euclidean", "cosine"] | None = None,
    scale: Literal["none", "standard", "minmax", "unit"] = "none",
    similarity: Literal["knn", "cosine", "euclidean", "softmax"] = "knn",
    cut: int | None = None,
    levels: str | None = None,
    height: float | None = None,
    preclusters: int | Literal["auto", "none"] = "auto",
    recall: float | None = None,
    labels: str | None = None,
    names: str | None = None,
    ids: str | None = None,
    columns: str | Literal["auto"] | None = None,
    encoder: str | None = None,
    dim: int = 2,
    seed: int = 0,
    device: str = "auto",
    save_model: bool = False,
    overwrite: bool = False,
) -> None:
    """Find the hierarchy in features, images or texts, and write it to a folder.

    Args:
        features: Feature file (.npy, .npz, .parquet, .csv), folder of images, Parquet file of images, or text
            file (.txt) with one text a line. Default: a bundled sample of everyday nouns.
        out: Folder to write.
        metric: How rows are compared: euclidean (by distance) or cosine (by direction alone). Default: cosine
            with --similarity cosine, else euclidean.
        scale: What is done to the features first: standard (columns of mean 0 and variance 1), minmax
            (columns from 0 to 1), unit (rows of length 1).
        similarity: What the tree keeps together: nearest neighbours (knn), or all rows by their cosine, their
            Euclidean distance, or a sharper softmax of the cosine.
        cut: Also label the rows by exactly this number of clusters, in column cut_K.
        levels: Also label them at these numbers of clusters (5,20,100), in columns level_5, level_20, …
        height: Also label them by the clusters that merge up to this height of the tree, in column height_H.
        preclusters: Number of parts that the tree is built over before it is built inside each, for speed;
            "none": every row is a leaf from the start; "auto" decides by the number of rows. For a number of
            clusters see --cut.
        recall: Share of the true nearest neighbours to find among many rows, up to 1.
        labels: Column of the features, or file with a value a row. Used to evaluate, never to discover.
        names: Column of the features, or file with a value a row, to name rows and nodes by.
        ids: Column of the features, or file with a value a row (default: row numbers).
        columns: Name nodes by the features that set them apart. Without a value by the names in the file (or
            f0, f1, …); with one by those in a text file, one a line; "none": never. Default: where features
            have names and rows have none.
        encoder: For images and texts: efficientnet-lite0, all-minilm-l6-v2, or a transformers model by its
            Hugging Face name or local folder.
        dim: Dimension of the Poincaré ball that the rows are placed in.
        seed: Seed of all that is random.
        device: auto, cpu, cuda or cuda:N.
        save_model: Keep the model in OUT, for `hyperclade assign`.
        overwrite: Replace OUT if it exists.
    """
    from hyperclade.cli.cuts import Cuts
    from hyperclade.data.atomic import atomic_directory

    stages: dict[str, float] = {}
    source, target = None if features is None else Path(features), Path(out)
    asked = Cuts(cut, levels, height)
    asked.check()
    if recall is not None and not 0 < recall <= 1:
        raise ValueError(f"--recall must be above 0 and at most 1, got {recall:g}")
    _check_target(target, source)
    with atomic_directory(target, overwrite=overwrite) as folder:
        embedded = None
        if source is not None and _needs_encoder(source, encoder):
            with _timed(stages, "embedding"):
                embedded = _embed(source, target, encoder, labels, names, ids, device, overwrite)
        with _kept(embedded), _progress_bar() as (progress, say):
            with _timed(stages, "reading"):
                progress("reading", 0.0)
                data = _read(source, embedded, labels, names, ids)
                titles = _column_names(source, embedded, data, columns, labels, names, ids)
            asked.check(data.features.shape[0])
            if isinstance(preclusters, int) and not 1 <= preclusters <= data.features.shape[0]:
                raise ValueError(
                    f"--preclusters must be from 1 to the number of rows, {data.features.shape[0]}, got "
                    f"{preclusters}"
                )
            if isinstance(preclusters, int) and preclusters < _FEW_PRECLUSTERS:
                say(
                    f"warning: --preclusters {preclusters} builds the tree over as many parts of equal size; "
                    f"for {preclusters} natural clusters leave it out and say --cut {preclusters}"
                )
            with _timed(stages, "scaling"):
                progress("scaling", 0.0)
                scaling, rows = _scaled(data.features, scale, folder)
                for line in _remarks(data.features, scaling, titles.listed, metric, similarity):
                    say(line)
            from hyperclade.hierarchy import SHHC  # slow to import, so after the errors that come at once

            model = SHHC(
                n_clusters=None if preclusters == "none" else preclusters,
                metric=metric,
                similarity=similarity,
                dim=dim,
                device=device,
                random_state=seed,
                progress=progress,
                **({} if recall is None else {"recall": recall}),
            ).fit(rows)
            stages |= model.timings_
            with _timed(stages, "naming"):
                progress("naming", 0.0)
                found = _describe(model, rows, data, titles, asked)
            with _timed(stages, "evaluation"):
                evaluation = (
                    None if data.labels is None else _evaluate(model.tree_, found.partitions, data.labels)
                )
            with _timed(stages, "writing"):
                progress("writing", 0.0)
                title = f"{_title(source, data)}\n{similarity} similarity, {model.metric_} metric"
                _write(folder, model, data, found, title)
                if save_model:
                    _save_model(folder / _MODEL, model, scaling, titles.listed)
                (folder / _SCALED).unlink(missing_ok=True)
            summary = _summary(model, data, found, evaluation, stages, source)
            summary |= {"scale": scale, "seed": seed}
            (folder / "summary.json").write_text(
                json.dumps(summary, indent=1, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8"
            )
            if embedded is not None:
                _adopt(embedded, folder)
    from hyperclade.report import outline

    _print(summary, outline(model.tree_, found.shown_names, found.mixes), target)


@dataclass(frozen=True)
class _Titles:
    """Names of the features: `listed` if they have any, `used` if nodes are to be named by them."""

    listed: list[str] | None
    used: list[str] | None


@dataclass(frozen=True)
class _Layer:
    """Flat clusters: `column` of the assignments, `(n,)` labels, and the node of the tree of each label."""

    column: str
    labels: "np.ndarray"
    nodes: "np.ndarray"


@dataclass(frozen=True)
class _Findings:
    """Partitions, natural ones and those asked for, and what is said of nodes.

    shown_names : of nodes in the outline and the picture; features name those below a main branch within it.
    mixes : the labels under nodes that are shown, where labels were given.
    """

    layers: list[_Layer]
    cuts: list[_Layer]
    node_names: dict[int, str]
    shown_names: dict[int, str]
    mixes: dict[int, str]

    @property
    def partitions(self) -> list[_Layer]:
        return self.layers + self.cuts


# ---- input ----


def _check_target(target: Path, source: Path | None) -> None:
    """What could be lost by replacing the folder `target` must be of this command's making."""
    if source is not None and target.exists() and target.resolve() in source.resolve().parents:
        raise ValueError(f"{source} lies in {target}, which would be replaced; choose another --out")
    if target.is_dir():
        ours = {*_FILES, *([_MODEL] if (target / _MODEL / "model.json").exists() else [])}
        others = sorted({path.name for path in target.iterdir()} - ours)
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


def _column_names(
    source: Path | None,
    embedded: Path | None,
    data: "FeatureTable",
    columns: str | None,
    labels: str | None,
    names: str | None,
    ids: str | None,
) -> _Titles:
    from hyperclade.data.columns import feature_columns, read_columns

    d = data.features.shape[1]
    listed = None
    if source is not None and embedded is None:
        listed = feature_columns(source, labels=labels, names=names, ids=ids)
    if columns not in (None, "auto", "none"):
        if not Path(columns).exists():
            raise ValueError(
                f"--columns {columns}: no such file; it holds the name of a feature on each line"
            )
        listed = read_columns(columns, d)
        return _Titles(listed, listed)
    if columns == "auto":
        return _Titles(listed, listed or [f"f{k}" for k in range(d)])
    return _Titles(listed, None if columns == "none" or _row_names(data) is not None else listed)


def _scaled(X: Any, scale: Any, folder: Path) -> "tuple[Scaling, Any]":
    import numpy as np

    from hyperclade.data.scaling import scaling_of

    scaling = scaling_of(X, scale)
    large = isinstance(X, np.memmap) and 4 * X.size > _IN_MEMORY
    return scaling, scaling.apply(X, out=folder / _SCALED if large else None)


def _remarks(
    X: Any, scaling: "Scaling", columns: list[str] | None, metric: str | None, similarity: str
) -> Iterator[str]:
    """What the user should know of the features before the work begins."""
    from hyperclade.data.scaling import spread_hint

    if (count := len(scaling.constant)) > 0:
        first = [repr(columns[k]) if columns else str(k) for k in scaling.constant[:5].tolist()]
        what = f"column {first[0]} is" if count == 1 else f"columns {', '.join(first)} are"
        more = f" and {count - len(first)} more" if count > len(first) else ""
        what = what.replace(" are", f"{more} are")
        yield f"warning: {what} constant, and count for nothing under --scale {scaling.kind}"
    by_direction = metric == "cosine" or (metric is None and similarity == "cosine")
    if scaling.kind == "none" and not by_direction and (hint := spread_hint(X)) is not None:
        yield f"hint: {hint}"


# ---- what was found ----


def _describe(model: "SHHC", rows: Any, data: "FeatureTable", titles: _Titles, asked: "Cuts") -> _Findings:
    import numpy as np

    from hyperclade.hierarchy.naming import name_nodes
    from hyperclade.hierarchy.traits import label_mix, name_by_features
    from hyperclade.report import named_nodes, outline_nodes

    tree = model.tree_
    layers = [_layer(tree, f"layer_{labels.max() + 1}", labels) for labels in model.layers_]
    cuts = [_layer(tree, column, labels) for column, labels in asked.of(tree).items()]
    shown = np.array([node for branch, below in outline_nodes(tree) for node in (branch, *below)], np.int64)
    shown = np.union1d(shown, named_nodes(tree))
    listed = [layer.nodes for layer in layers + cuts if len(layer.nodes) <= _MOST_LISTED]
    wanted = np.unique(np.concatenate([shown, *listed]))
    names: list[str] = []
    row_names = _row_names(data)
    if titles.used is not None:
        names = name_by_features(
            tree,
            data.features,
            np.r_[wanted, shown],
            titles.used,
            within=np.r_[np.full(len(wanted), tree.root), _branch_above(tree, shown)],
        )
    elif row_names is not None:
        names = name_nodes(tree, row_names, rows, np.r_[wanted, shown], metric=model.metric_)
    mixes = [] if data.labels is None else label_mix(tree, data.labels, shown)
    return _Findings(
        layers,
        cuts,
        dict(zip(wanted.tolist(), names, strict=False)),
        dict(zip(shown.tolist(), names[len(wanted) :], strict=False)),
        dict(zip(shown.tolist(), mixes, strict=False)),
    )


def _branch_above(tree: "Tree", nodes: "np.ndarray") -> "np.ndarray":
    """The main branch that each node lies below, else the root."""
    import numpy as np

    from hyperclade.report import main_branches

    branches = main_branches(tree)
    start, stop = tree.leaf_interval.T
    nearest = branches[np.maximum(np.searchsorted(start[branches], start[nodes], side="right") - 1, 0)]
    below = (start[nearest] <= start[nodes]) & (stop[nodes] <= stop[nearest]) & (nodes != nearest)
    return np.where(below, nearest, tree.root)


def _layer(tree: "Tree", column: str, labels: "np.ndarray") -> _Layer:
    """A partition of the leaves with the node of each cluster."""
    import numpy as np

    # Leaves of a cluster are neighbours in the leaf order, so its first and last have its node in common.
    order = np.argsort(labels[tree.leaf_order], kind="stable")
    stop = np.cumsum(np.bincount(labels))
    ends = tree.leaf_order[order[np.r_[0, stop[:-1]]]], tree.leaf_order[order[stop - 1]]
    return _Layer(column, labels, tree.lca(*ends))


def _row_names(data: "FeatureTable") -> list[str] | None:
    """What rows are called; numbers tell nothing."""
    for values in (data.names, data.ids):
        if values is not None and values.dtype.kind not in "iu":
            return [str(value) for value in values]
    return None


def _evaluate(tree: "Tree", partitions: list[_Layer], labels: "np.ndarray") -> dict[str, Any]:
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
            for layer in partitions
        },
    }


# ---- output ----


def _write(folder: Path, model: "SHHC", data: "FeatureTable", found: _Findings, title: str) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from hyperclade.report import draw_hierarchy
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
    columns |= {layer.column: layer.labels for layer in found.partitions}
    columns |= {f"x{k}": model.embedding_[:, k] for k in range(model.embedding_.shape[1])}
    pq.write_table(pa.table(columns), folder / "assignments.parquet")
    draw_hierarchy(tree, folder / "hierarchy.png", node_names=_captions(tree, data, found), title=title)


def _captions(tree: "Tree", data: "FeatureTable", found: _Findings) -> dict[int, str]:
    """What stands at nodes in the picture: their names, or else what is known of their rows."""
    from hyperclade.report import main_branches, named_nodes

    row_names = _row_names(data)
    captions = {node: f"{int(tree.size[node]):,} rows" for node in main_branches(tree).tolist()}
    for node in named_nodes(tree).tolist():
        if node < tree.n_leaves and row_names is None:
            captions[node] = f"#{node if data.ids is None else data.ids[node]}"
        elif name := found.shown_names.get(node) or found.mixes.get(node):
            captions[node] = name
    return captions


def _save_model(folder: Path, model: "SHHC", scaling: "Scaling", columns: list[str] | None) -> None:
    """The model and what new rows need before it sees them; `hyperclade assign` reads it."""
    model.save(folder)
    (folder / "scaling.json").write_text(scaling.to_json() + "\n", encoding="utf-8")
    (folder / "columns.json").write_text(json.dumps(columns, ensure_ascii=False) + "\n", encoding="utf-8")


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
    from importlib.util import find_spec

    versions = {name: version(name) for name in _VERSIONED if name != "torch" or find_spec("torch")}
    tree = model.tree_
    n, d = data.features.shape
    return {
        "input": "bundled nouns" if source is None else str(source),
        "rows": n,
        "features": d,
        "dtype": str(data.features.dtype),
        "similarity": model.similarity,
        "metric": model.metric_,
        "neighbour_recall": None if model.recall_ is None else round(float(model.recall_), 4),
        "cost": float(model.cost_),
        "score": float(model.score_),
        "clusters": int(model.n_clusters_),
        "layers": [_about(tree, layer, found.node_names) for layer in found.layers],
        "cuts": [_about(tree, layer, found.node_names) for layer in found.cuts],
        "evaluation": evaluation,
        "seconds": {stage: round(seconds, 4) for stage, seconds in stages.items()},
        "peak_memory_mib": _peak_memory(),
        "versions": versions | {"python": platform.python_version()},
    }


def _about(tree: "Tree", layer: _Layer, names: dict[int, str]) -> dict[str, Any]:
    """A partition and, where they are few, its clusters."""
    sizes = tree.size[layer.nodes]
    about = {
        "column": layer.column,
        "clusters": len(sizes),
        "smallest": int(sizes.min()),
        "largest": int(sizes.max()),
    }
    if len(sizes) <= _MOST_LISTED:
        about["listed"] = [
            {"label": label, "node": node, "size": int(tree.size[node])}
            | ({"name": names[node]} if node in names else {})
            for label, node in enumerate(layer.nodes.tolist())
        ]
    return about


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
    recall = summary["neighbour_recall"]
    scaled = "" if summary["scale"] == "none" else f", scaled: {summary['scale']}"
    for key, value in {
        "rows × features": f"{summary['rows']:,} × {summary['features']:,} ({summary['dtype']}{scaled})",
        "similarity": summary["similarity"],
        "metric": summary["metric"],
        "neighbours": "all compared" if recall is None else f"{100 * recall:.4g} % of the true ones found",
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
    saved = f", {_MODEL}" if (target / _MODEL).exists() else ""
    console.print(f"\nWritten to {target}: {', '.join(_FILES[:6])}{saved}", soft_wrap=True)


def _evaluation_table(evaluation: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("labels")
    for name in ("NMI", "AMI", "ARI", "mean purity", "weighted purity"):
        table.add_column(name, justify="right")
    for column, scores in evaluation["layers"].items():
        table.add_row(column, *(f"{score:.3f}" for score in scores.values()))
    return table


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
def _progress_bar() -> Iterator[tuple[Callable[[str, float], None], Callable[[str], None]]]:
    """A bar on standard error that shows the current stage, gone at the end; and lines above it that stay."""
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

        def say(line: str) -> None:
            console.print(line, highlight=False, markup=False, soft_wrap=True)

        yield report, say

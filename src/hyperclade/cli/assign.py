"""`hyperclade assign`: labels of new rows by a hierarchy that `hyperclade discover --save-model` has kept."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from hyperclade.cli.cuts import Cuts
    from hyperclade.data.features import FeatureTable
    from hyperclade.data.scaling import Scaling
    from hyperclade.hierarchy.shhc import SHHC, Assignment

_SUFFIXES = (".parquet", ".csv")
_BLOCK = 1 << 16  # rows at a time


def assign(
    folder: str,
    features: str,
    *,
    out: str,
    cut: int | None = None,
    levels: str | None = None,
    labels: str | None = None,
    names: str | None = None,
    ids: str | None = None,
    overwrite: bool = False,
) -> None:
    """Label new rows by a saved hierarchy, and say how sure that is.

    Rows are scaled as those that the hierarchy was found in; columns are matched by name where both files
    have names. For each row the file has its id (name, label), cluster and layer_… as in assignments.parquet,
    confidence (share of the nearest known rows that lie in its cluster), outlier (whether it is farther from
    its neighbours than 99 % of the known rows are from theirs), and nearest_row and nearest_id (the nearest
    known row).

    Args:
        folder: Results of `hyperclade discover --save-model`.
        features: Feature file of the new rows (.npy, .npz, .parquet, .csv).
        out: File to write: .parquet or .csv.
        cut: Also label by exactly this number of clusters, in column cut_K; confidence is then about these.
        levels: Also label at these numbers of clusters (5,20,100), in columns level_5, level_20, …
        labels: Column of the features, or file with a value a row; copied, not used.
        names: Column of the features, or file with a value a row; copied.
        ids: Column of the features, or file with a value a row (default: row numbers).
        overwrite: Replace OUT if it exists.
    """
    from hyperclade.cli.cuts import Cuts
    from hyperclade.data.columns import feature_columns, in_order
    from hyperclade.data.features import read_features

    target, source, asked = Path(out), Path(features), Cuts(cut, levels)
    asked.check()
    _check_target(target, overwrite)
    saved = _read_model(Path(folder))
    asked.check(saved.model.tree_.n_leaves)
    data = read_features(source, labels=labels, names=names, ids=ids)
    rows = data.features
    try:
        rows = in_order(rows, feature_columns(source, labels=labels, names=names, ids=ids), saved.columns)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    if rows.shape[1] != saved.model.n_features_in_:
        raise ValueError(
            f"{source} has {rows.shape[1]} features, but the hierarchy in {folder} was found in "
            f"{saved.model.n_features_in_}"
        )
    found = _assigned(saved, rows, asked)
    _write(target, data, found, saved.ids)
    _print(target, found, "cluster" if cut is None else f"cut_{cut}")


@dataclass(frozen=True)
class _Saved:
    model: "SHHC"
    scaling: "Scaling"
    columns: list[str] | None
    ids: "np.ndarray | None"


@dataclass(frozen=True)
class _Found:
    """labels : by column; about : confidence, outliers, nearest rows."""

    labels: "dict[str, np.ndarray]"
    about: "Assignment"


def _check_target(target: Path, overwrite: bool) -> None:
    if target.suffix.lower() not in _SUFFIXES:
        raise ValueError(f"--out must end in {' or '.join(_SUFFIXES)}, got {target}")
    if target.is_dir():
        raise ValueError(f"{target} is a folder, cannot write a file there")
    if target.exists() and not overwrite:
        raise ValueError(f"{target} exists already; choose another --out, or --overwrite it")
    if not target.parent.is_dir():
        raise ValueError(f"there is no folder {target.parent} to write {target.name} to")


def _read_model(folder: Path) -> _Saved:
    """What `discover --save-model` wrote."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from hyperclade.data.scaling import Scaling

    model, table = folder / "model", folder / "assignments.parquet"
    if not (model / "model.json").exists():
        what = "holds no model" if folder.is_dir() else "is no folder"
        raise ValueError(f"{folder} {what}; hyperclade discover … --out {folder} --save-model makes one")
    try:
        scaling = Scaling.read(model / "scaling.json")
        columns = json.loads((model / "columns.json").read_text(encoding="utf-8"))
        ids = pq.read_table(table, columns=["id"])["id"].to_numpy() if table.exists() else None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ValueError(f"the model in {folder} is incomplete or broken: {error}") from error
    from hyperclade.hierarchy import SHHC

    loaded = SHHC.load(model)
    if ids is not None and len(ids) != loaded.tree_.n_leaves:
        raise ValueError(f"{table} has {len(ids)} rows, but the model beside it {loaded.tree_.n_leaves}")
    return _Saved(loaded, scaling, columns, ids)


def _assigned(saved: _Saved, rows: Any, asked: "Cuts") -> _Found:
    import numpy as np

    from hyperclade.hierarchy.shhc import Assignment

    model = saved.model
    parts = []
    for start in range(0, rows.shape[0], _BLOCK):
        block = saved.scaling.apply(rows[start : start + _BLOCK])
        parts.append(model.assign(block, asked.cut))
    known = {"cluster": model.labels_}
    known |= {f"layer_{labels.max() + 1}": labels for labels in model.layers_} | asked.of(model.tree_)
    fields = ("labels", "confidence", "outlier", "nearest", "leaf")
    about = Assignment(*(np.concatenate([getattr(part, name) for part in parts]) for name in fields))
    return _Found({column: labels[about.leaf] for column, labels in known.items()}, about)


def _write(target: Path, data: "FeatureTable", found: _Found, known_ids: "np.ndarray | None") -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    from hyperclade.data.atomic import atomic_write
    from hyperclade.data.formats.parquet import to_arrow

    about = found.about
    columns: dict[str, Any] = {"id": np.arange(len(about.labels)) if data.ids is None else data.ids}
    for name, values in (("name", data.names), ("label", data.labels)):
        if values is not None:
            columns[name] = to_arrow(values)
    columns |= found.labels
    columns |= {"confidence": about.confidence, "outlier": about.outlier, "nearest_row": about.nearest}
    columns["nearest_id"] = about.nearest if known_ids is None else known_ids[about.nearest]
    rows = pa.table(columns)
    with atomic_write(target) as file:
        if target.suffix.lower() == ".csv":
            pyarrow.csv.write_csv(rows, file)
        else:
            pq.write_table(rows, file)


def _print(target: Path, found: _Found, column: str) -> None:
    from rich.console import Console

    about = found.about
    rows = _count(len(about.labels), "row")
    clusters = _count(len(set(about.labels.tolist())), "cluster")
    outliers = _count(int(about.outlier.sum()), "outlier")
    sure = f"mean confidence {about.confidence.mean():.2f}"
    Console(highlight=False, markup=False).print(
        f"{rows} in {clusters} ({column}), {sure}, {outliers} → {target}", soft_wrap=True
    )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"

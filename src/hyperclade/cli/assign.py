"""`hyperclade assign`: labels of new rows by a hierarchy that `hyperclade discover --save-model` has kept."""

import sys
from functools import partial
from pathlib import Path

_SUFFIXES = (".parquet", ".csv")


def assign(
    folder: str,
    data: str,
    *,
    out: str,
    cut: int | None = None,
    levels: str | None = None,
    labels: str | None = None,
    names: str | None = None,
    ids: str | None = None,
    features: list[str] | None = None,
    overwrite: bool = False,
) -> None:
    """Label new rows by a saved hierarchy, and say how sure that is.

    Rows are scaled as those that the hierarchy was found in; columns are matched by name where both files
    have names. For each row the file has its id (name, label), cluster and layer_… as in assignments.parquet,
    confidence (share of the nearest known rows that lie in its cluster), outlier (whether it is farther from
    its neighbours than 99 % of the known rows are from theirs), and nearest_row and nearest_id (the nearest
    known row).

    Parameters
    ----------
    folder : str
        Results of `hyperclade discover --save-model`.
    data : str
        Table of the new rows, as `hyperclade discover` takes it.
    out : str
        File to write: .parquet or .csv.
    cut : int, optional
        Also label by exactly this number of clusters, in column cut_K; confidence is then about these.
    levels : str, optional
        Also label at these numbers of clusters (5,20,100), in columns level_5, level_20, …
    labels : str, optional
        Column of the features, or file with a value per row; copied, not used.
    names : str, optional
        Column of the features, or file with a value per row; copied.
    ids : str, optional
        Column of the features, or file with a value per row (default: row numbers).
    features : list of str, optional
        Columns that are features, by names or patterns ("x*").
    overwrite : bool
        Replace OUT if it exists.
    """
    import pyarrow.csv
    import pyarrow.parquet

    from hyperclade.cli.console import console
    from hyperclade.data.atomic import atomic_write
    from hyperclade.data.features import read_features
    from hyperclade.progress import counted, say_all
    from hyperclade.report.cuts import Cuts
    from hyperclade.report.saved import SavedDiscovery

    target, source, asked = Path(out), Path(data), Cuts(cut, levels)
    asked.check()
    _check_target(target, overwrite)
    saved = SavedDiscovery.read(folder)
    asked.check(saved.model.tree_.n_leaves)
    table = read_features(source, labels=labels, names=names, ids=ids, features=features)
    say_all(partial(print, file=sys.stderr), table.remarks)
    found = saved.assign(table, asked, name=str(source))
    write = pyarrow.csv.write_csv if target.suffix.lower() == ".csv" else pyarrow.parquet.write_table
    with atomic_write(target) as file:
        write(found, file)
    column = "cluster" if cut is None else f"cut_{cut}"
    rows, clusters = counted(len(found), "row"), counted(len(found[column].unique()), "cluster")
    outliers = counted(int(found["outlier"].to_numpy().sum()), "outlier")
    sure = f"mean confidence {found['confidence'].to_numpy().mean():.2f}"
    console().print(f"{rows} in {clusters} ({column}), {sure}, {outliers} → {target}")


def _check_target(target: Path, overwrite: bool) -> None:
    if target.suffix.lower() not in _SUFFIXES:
        raise ValueError(f"--out must end in {' or '.join(_SUFFIXES)}, got {target}")
    if target.is_dir():
        raise ValueError(f"{target} is a folder, cannot write a file there")
    if target.exists() and not overwrite:
        raise ValueError(f"{target} exists already; choose another --out, or --overwrite it")
    if not target.parent.is_dir():
        raise ValueError(f"there is no folder {target.parent} to write {target.name} to")

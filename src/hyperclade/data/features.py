"""Feature files: one row per sample, with ids, labels and names beside it when the file has them.

| suffix | features | ids, labels, names |
|---|---|---|
| `.npy` | the array, memory-mapped | `X.rows.parquet` beside `X.npy`, if there |
| `.npz` | array `features` or `X`, or the only 2-d one; or a CSR matrix | arrays `ids`, `labels`, `names` |
| `.parquet`, or a folder of such | the list column, or all of numbers | columns `id`, `label`, `name` |
| `.feather`, `.arrow`, `.jsonl` | as Parquet | as Parquet |
| `.csv`, `.tsv` | columns of numbers, or one of vectors in brackets | columns `id`, `label`, `name` |
| `.vec`, `.txt` | word vectors, "cat 0.1 0.2" a line | the words are names |

Text may be compressed (`.csv.gz`). Column names match in any case, in the singular or the plural. What a
table has besides, and what is assumed of it, is told in `FeatureTable.remarks`.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import scipy.sparse as sp

from hyperclade.data.formats import csv, feather, jsonl, npy, npz, parquet, vectors
from hyperclade.data.formats.rows import Asked, blocks, plain_values
from hyperclade.data.formats.values import read_values

_WRITTEN: dict[str, ModuleType] = {".npy": npy, ".npz": npz, ".parquet": parquet, ".csv": csv}
_FORMATS: dict[str, ModuleType] = _WRITTEN | {
    **dict.fromkeys((".csv.gz", ".tsv", ".tsv.gz"), csv),
    **dict.fromkeys((".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz"), jsonl),
    **dict.fromkeys((".feather", ".arrow"), feather),
    **dict.fromkeys(vectors.SUFFIXES, vectors),
}
#: of feature files; text files have features only where `formats.vectors.is_file` says so
SUFFIXES = tuple(suffix for suffix in _FORMATS if suffix != ".txt")


@dataclass(frozen=True)
class FeatureTable:
    """Features and what is known of each row and column.

    Attributes
    ----------
    features : (n, d) float or integer array (possibly memory-mapped) or CSR matrix
        In the dtype of its file.
    ids, labels, names : (n,) arrays of int64 or str objects (None where a label is missing), or None
    columns : list of str or None
        Names of the d features, of a table whose columns have names; else None.
    remarks : tuple of str
        What was assumed of a file or left out of it, a sentence each.
    """

    features: Any
    ids: np.ndarray | None = None
    labels: np.ndarray | None = None
    names: np.ndarray | None = None
    columns: list[str] | None = None
    remarks: tuple[str, ...] = ()

    def dense(self) -> tuple[np.ndarray, tuple[str, ...]]:
        """Features as an array of float32, and ids as text: numbers of rows where there are none."""
        features = self.features.toarray() if sp.issparse(self.features) else self.features
        ids = range(len(features)) if self.ids is None else self.ids
        return np.asarray(features, dtype=np.float32), tuple(map(str, ids))


def read_features(
    path: str | os.PathLike,
    *,
    labels: str | None = None,
    names: str | None = None,
    ids: str | None = None,
    features: Sequence[str] | None = None,
) -> FeatureTable:
    """Read a feature file and check it with `validate_features`.

    Parameters
    ----------
    path : path
        Feature file (see the module's table). `.npy` stays memory-mapped; no dtype is widened.
    labels, names, ids : str, optional
        A column (or array) of the file, or another file: text with one value per line, `.npy`, or
        `.csv`/`.parquet` of a single column. By default the columns called so, if any. A text table without a
        header has its columns called 0, 1, ….
    features : sequence of str, optional
        Names of the columns that are features, or patterns ("x*"); or the array of an `.npz`. By default the
        only column of lists, or all columns of numbers without another role.

    Raises
    ------
    ValueError
        Unknown suffix, unreadable or truncated file, no features, a column of numbers with cells that are
        none, ragged rows, NaN or infinity, or values of another number than the rows; says where.
    FileNotFoundError
        No such file.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name, "toy.csv")
    >>> _ = path.write_text("name,x,y\\ncat,0,1\\ndog,2,3\\n")
    >>> table = read_features(path)
    >>> table.features.shape, table.names.tolist(), table.columns
    ((2, 2), ['cat', 'dog'], ['x', 'y'])
    >>> folder.cleanup()
    """
    path = Path(path)
    if not path.exists():
        known_suffix(path)
        raise FileNotFoundError(f"feature file {path} does not exist")
    if path.is_dir():
        if not parquet.parts_of(path):
            raise ValueError(f"{path} is a folder without Parquet files, not features")
        suffix = ".parquet"
    else:
        suffix = known_suffix(path)
    asked = Asked({"label": labels, "name": names, "id": ids}, tuple(features or ()))
    read = _FORMATS[suffix].read(path, asked)
    matrix, columns = validate_features(read.features, name=str(path)), dict(read.columns)
    n = matrix.shape[0]
    for role, source in asked.roles.items():
        if source is not None and role not in read.inside:
            columns[role] = read_values(Path(source), n, role, path)
    for role, values in columns.items():
        columns[role] = values = plain_values(values, blank_is_missing=role == "label")
        if len(values) != n:
            raise ValueError(f"{path}: {len(values)} {role}s for {n} rows of features; one per row")
    ids_, labels_, names_ = (columns.get(role) for role in ("id", "label", "name"))
    return FeatureTable(matrix, ids_, labels_, names_, read.titles, read.remarks)


def files_beside(beside: dict[str, str | None]) -> dict[str, str | None]:
    """What of labels, names and ids is a file of its own and no column."""
    return {role: name if name and Path(name).exists() else None for role, name in beside.items()}


def validate_features(features: Any, *, name: str = "features") -> Any:
    """Return `features` as an array (memory maps and sparse matrices as they are) if they can be worked with.

    Scans block by block, so a memory map never lies in memory as a whole.

    Parameters
    ----------
    features : (n, d) array-like, memory map or scipy sparse matrix of integers or real floats
    name : str
        How to call the features in an error.

    Raises
    ------
    ValueError
        Not two-dimensional, no rows or columns, a dtype that is not numeric, or NaN/infinity; the first such
        row and column (counted from 0) are named.

    Examples
    --------
    >>> validate_features([[1.0, 2.0], [3.0, float("nan")]])
    Traceback (most recent call last):
    ...
    ValueError: features: row 1, column 1 (counted from 0) is nan; replace or drop such rows
    """
    sparse = sp.issparse(features)
    if not sparse:
        try:
            features = np.asanyarray(features)
        except ValueError as error:  # ragged nested lists
            raise ValueError(f"{name}: rows differ in length: {error}") from error
    if features.ndim != 2:
        raise ValueError(f"{name}: expected 2 dimensions (samples, features), got shape {features.shape}")
    n, d = features.shape
    if n == 0 or d == 0:
        raise ValueError(f"{name}: empty, shape {features.shape}; at least one row and one column are needed")
    if features.dtype.kind not in "fiub":
        raise ValueError(f"{name}: dtype {features.dtype} is not numeric; convert to a float dtype first")
    if features.dtype.kind == "f":
        fault = _first_not_finite_sparse(features) if sparse else _first_not_finite(features)
        if fault is not None:
            row, column, value = fault
            raise ValueError(
                f"{name}: row {row}, column {column} (counted from 0) is {value}; replace or drop such rows"
            )
    return features


def write_features(
    path: str | os.PathLike,
    features: Any,
    *,
    ids: Sequence[Any] | np.ndarray | None = None,
    labels: Sequence[Any] | np.ndarray | None = None,
    names: Sequence[Any] | np.ndarray | None = None,
) -> None:
    """Write a feature file that `read_features` reads back; it appears complete or not at all.

    Parameters
    ----------
    path : path
        The suffix decides the format (see the module's table). `.npy` keeps ids, labels and names in
        `X.rows.parquet` beside `X.npy`. Sparse features need `.npz`.
    features : (n, d) array, memory map (never read as a whole for `.npy`) or sparse matrix
    ids, labels, names : (n,), optional
        Values, int or str; a label may be None.

    Raises
    ------
    ValueError
        Unknown suffix, values of another number than the rows, sparse features for another format.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name, "toy.npy")
    >>> write_features(path, np.eye(2), labels=["a", None])
    >>> read_features(path).labels
    array(['a', None], dtype=object)
    >>> folder.cleanup()
    """
    path = Path(path)
    suffix = written_suffix(path)
    if not sp.issparse(features):
        features = np.asanyarray(features)
    elif suffix != ".npz":
        raise ValueError(f"sparse features can be written to .npz only, not to {path.name}")
    if features.ndim != 2:
        raise ValueError(f"expected features of 2 dimensions, got shape {features.shape}")
    columns = {}
    for role, values in (("id", ids), ("label", labels), ("name", names)):
        if values is not None:
            columns[role] = plain_values(values, blank_is_missing=role == "label")
            if len(columns[role]) != features.shape[0]:
                raise ValueError(f"{len(columns[role])} {role}s for {features.shape[0]} rows of features")
    _WRITTEN[suffix].write(path, features, columns)


def known_suffix(path: Path) -> str:
    """The suffix of a feature file, in lower case, ".csv.gz" too; ValueError if it is another.

    >>> known_suffix(Path("a.b.CSV.gz"))
    '.csv.gz'
    """
    suffix = suffix_of(path)
    if suffix not in _FORMATS or (suffix == ".txt" and not (path.exists() and vectors.is_file(path))):
        raise ValueError(f"{path}: unknown feature format {suffix!r}; use one of {', '.join(SUFFIXES)}")
    return suffix


def written_suffix(path: Path) -> str:
    """The suffix of a feature file to write, in lower case; ValueError if features are not written so."""
    suffix = path.suffix.lower()
    if suffix not in _WRITTEN:
        raise ValueError(
            f"{path}: unknown feature format {suffix!r} to write; use one of {', '.join(_WRITTEN)}"
        )
    return suffix


def suffix_of(path: Path) -> str:
    """The suffix of a file in lower case, of a compressed one with that of what it holds."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() + suffix if suffix == ".gz" else suffix


def _first_not_finite(features: np.ndarray) -> tuple[int, int, float] | None:
    for start, stop in blocks(features):
        finite = np.isfinite(features[start:stop])
        if not finite.all():
            row, column = np.argwhere(~finite)[0]
            return start + int(row), int(column), float(features[start + row, column])
    return None


def _first_not_finite_sparse(features: Any) -> tuple[int, int, float] | None:
    if np.isfinite(features.data).all():
        return None
    cells = features.tocoo()
    bad = np.flatnonzero(~np.isfinite(cells.data))
    first = bad[np.lexsort((cells.col[bad], cells.row[bad]))[0]]
    return int(cells.row[first]), int(cells.col[first]), float(cells.data[first])

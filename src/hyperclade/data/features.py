"""Feature files: one row a sample, with ids, labels and names beside it when the file has them.

| suffix | features | ids, labels, names |
|---|---|---|
| `.npy` | the array, memory-mapped | `X.rows.parquet` beside `X.npy`, if there |
| `.npz` | array `features` or `X`, or the only 2-d one; or a CSR matrix | arrays `ids`, `labels`, `names` |
| `.parquet` | the list column, or all other columns | columns `id`, `label`, `name` |
| `.csv` | all other columns; the header may be absent | columns `id`, `label`, `name` |

Column names match in any case, in the singular or the plural.
"""

import csv
import math
import os
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse as sp

from hyperclade.data.atomic import atomic_write

SUFFIXES = (".npy", ".npz", ".parquet", ".csv")
_BLOCK_BYTES = 1 << 24


@dataclass(frozen=True)
class FeatureTable:
    """Features and what is known of each row.

    features : (n, d) float or integer array (possibly memory-mapped) or CSR matrix, in the dtype of its file.
    ids, labels, names : (n,) arrays of int64 or str objects (None where a label is missing), or None.
    """

    features: Any
    ids: np.ndarray | None = None
    labels: np.ndarray | None = None
    names: np.ndarray | None = None


def read_features(
    path: str | os.PathLike, *, labels: str | None = None, names: str | None = None, ids: str | None = None
) -> FeatureTable:
    """Read a feature file and check it with `validate_features`.

    Parameters
    ----------
    path : `.npy`, `.npz`, `.parquet` or `.csv` file (see the module's table). `.npy` stays memory-mapped; no
        dtype is widened.
    labels, names, ids : a column (or array) of the file, or another file: text with one value a line, `.npy`,
        or `.csv`/`.parquet` of a single column. By default the columns called so, if any.

    Raises
    ------
    ValueError : unknown suffix, unreadable or truncated file, text among the features, ragged rows, NaN or
        infinity, or values of another number than the rows; says where.
    FileNotFoundError : no such file.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name, "toy.csv")
    >>> _ = path.write_text("name,x,y\\ncat,0,1\\ndog,2,3\\n")
    >>> table = read_features(path)
    >>> table.features.shape, table.names.tolist()
    ((2, 2), ['cat', 'dog'])
    >>> folder.cleanup()
    """
    path = Path(path)
    _known_suffix(path)
    if not path.exists():
        raise FileNotFoundError(f"feature file {path} does not exist")
    if path.is_dir():
        raise ValueError(f"{path} is a folder, not a feature file")
    asked = {"label": labels, "name": names, "id": ids}
    reader = {".npy": _read_npy, ".npz": _read_npz, ".parquet": _read_parquet, ".csv": _read_csv}[
        path.suffix.lower()
    ]
    features, columns, inside = reader(path, asked)
    features = validate_features(features, name=str(path))
    n = features.shape[0]
    for role, source in asked.items():
        if source is not None and role not in inside:
            columns[role] = _read_values(Path(source), n, role, path)
    for role, values in columns.items():
        columns[role] = values = _plain_values(values, blank_is_missing=role == "label")
        if len(values) != n:
            raise ValueError(f"{path}: {len(values)} {role}s for {n} rows of features; one each a row")
    return FeatureTable(features, columns.get("id"), columns.get("label"), columns.get("name"))


def validate_features(features: Any, *, min_rows: int = 1, name: str = "features") -> Any:
    """Return `features` as an array (memory maps and sparse matrices as they are) if they can be worked with.

    Scans block by block, so a memory map never lies in memory as a whole.

    Parameters
    ----------
    features : (n, d) array-like, memory map or scipy sparse matrix of integers or real floats.
    min_rows : the fewest rows that make sense.
    name : how to call the features in an error.

    Raises
    ------
    ValueError : not two-dimensional, no rows or columns, fewer than `min_rows` rows, a dtype that is not
        numeric, or NaN/infinity; the first such row and column (counted from 0) are named.

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
    if n < min_rows:
        raise ValueError(f"{name}: {n} rows, at least {min_rows} are needed")
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
    path : the suffix decides the format (see the module's table). `.npy` keeps ids, labels and names in
        `X.rows.parquet` beside `X.npy`. Sparse features need `.npz`.
    features : (n, d) array, memory map (never read as a whole for `.npy`) or sparse matrix.
    ids, labels, names : (n,) values, int or str; a label may be None.

    Raises
    ------
    ValueError : unknown suffix, values of another number than the rows, sparse features for another format.

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
    suffix = _known_suffix(path)
    if not sp.issparse(features):
        features = np.asanyarray(features)
    elif suffix != ".npz":
        raise ValueError(f"sparse features can be written to .npz only, not to {path.name}")
    if features.ndim != 2:
        raise ValueError(f"expected features of 2 dimensions, got shape {features.shape}")
    columns = {}
    for role, values in (("id", ids), ("label", labels), ("name", names)):
        if values is not None:
            columns[role] = _plain_values(values, blank_is_missing=role == "label")
            if len(columns[role]) != features.shape[0]:
                raise ValueError(f"{len(columns[role])} {role}s for {features.shape[0]} rows of features")
    writer = {".npy": _write_npy, ".npz": _write_npz, ".parquet": _write_parquet, ".csv": _write_csv}[suffix]
    writer(path, features, columns)


def rows_file(path: str | os.PathLike) -> Path:
    """The file that keeps the ids, labels and names of a `.npy` feature file: `X.npy` → `X.rows.parquet`."""
    return Path(path).with_suffix(".rows.parquet")


# ---- readers: (features, columns by role, roles that were asked for and found in this file) ----

_Read = tuple[Any, dict[str, Any], set[str]]


def _read_npy(path: Path, asked: dict[str, str | None]) -> _Read:
    try:
        features = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{path}: not a readable .npy array of numbers ({error})") from error
    rows = rows_file(path)
    if not rows.exists():
        return features, {}, set()
    table = _open_parquet(rows).read()
    columns, inside = _pick_columns(table.column_names, asked)
    return features, {role: _column_values(table.column(name)) for role, name in columns.items()}, inside


def _read_npz(path: Path, asked: dict[str, str | None]) -> _Read:
    try:
        with np.load(path, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("it holds a single array")
            arrays = {key: archive[key] for key in archive.files}
    except (ValueError, EOFError, OSError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: not a readable .npz archive of numbers and text ({error})") from error
    if {"format", "shape", "data"} <= arrays.keys():
        features = sp.load_npz(path).tocsr()
    else:
        features = _features_of_archive(path, arrays)
    columns, inside = _pick_columns([key for key, a in arrays.items() if a.ndim == 1], asked)
    return features, {role: arrays[key] for role, key in columns.items()}, inside


def _features_of_archive(path: Path, arrays: dict[str, np.ndarray]) -> np.ndarray:
    named = [key for key in ("features", "X") if key in arrays]
    two_dimensional = [key for key, array in arrays.items() if array.ndim == 2]
    if named:
        return arrays[named[0]]
    if len(two_dimensional) == 1:
        return arrays[two_dimensional[0]]
    raise ValueError(
        f"{path}: need one 2-d array, or one called 'features' or 'X'; found "
        + (", ".join(f"{key} {array.shape}" for key, array in arrays.items()) or "nothing")
    )


def _read_parquet(path: Path, asked: dict[str, str | None]) -> _Read:
    file = _open_parquet(path)
    schema = file.schema_arrow
    columns, inside = _pick_columns(schema.names, asked)
    rest = [field for field in schema if field.name not in columns.values()]
    lists = [field for field in rest if _is_list(field.type)]
    try:
        if len(lists) == 1:  # an embedding column; whatever else the file tells of a sample is no feature
            features = _read_list_column(file, lists[0], path)
        elif lists:
            raise ValueError(f"{path}: several list columns ({', '.join(f.name for f in lists)}); keep one")
        else:
            features = _read_numeric_columns(file, rest, path)
        table = file.read(columns=list(columns.values()))
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path}: cannot be read to its end ({error})") from error
    return features, {role: _column_values(table.column(name)) for role, name in columns.items()}, inside


def _read_list_column(file: pq.ParquetFile, field: pa.Field, path: Path) -> np.ndarray:
    dtype = _numeric_dtype(field.type.value_type)
    if dtype is None:
        raise ValueError(
            f"{path}: column {field.name!r} is a list of {field.type.value_type}, not of numbers"
        )
    features, row = None, 0
    for batch in file.iter_batches(columns=[field.name]):
        column = batch.column(0)
        lengths = column.value_lengths()
        if column.null_count:
            first = row + int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))
            raise ValueError(f"{path}: row {first} (counted from 0) of column {field.name!r} is empty")
        sizes = np.asarray(lengths)
        if features is None:
            features = np.empty((file.metadata.num_rows, int(sizes[0])), dtype=dtype)
        wrong = np.flatnonzero(sizes != features.shape[1])
        if len(wrong):
            raise ValueError(
                f"{path}: row {row + wrong[0]} (counted from 0) of column {field.name!r} has "
                f"{sizes[wrong[0]]} numbers, the first row {features.shape[1]}"
            )
        flat = column.flatten()
        if flat.null_count:
            first = row + int(np.argmax(flat.is_null().to_numpy(zero_copy_only=False))) // features.shape[1]
            raise ValueError(
                f"{path}: row {first} (counted from 0) of column {field.name!r} has an empty number"
            )
        features[row : row + len(column)] = flat.to_numpy(zero_copy_only=False).reshape(len(column), -1)
        row += len(column)
    return np.empty((0, 0), dtype=dtype) if features is None else features


def _read_numeric_columns(file: pq.ParquetFile, fields: list[pa.Field], path: Path) -> np.ndarray:
    dtypes = []
    for field in fields:
        dtype = _numeric_dtype(field.type)
        if dtype is None:
            raise ValueError(
                f"{path}: column {field.name!r} is {field.type}, not numeric; drop it, or say what it is "
                "with labels=, names= or ids="
            )
        dtypes.append(dtype)
    if not fields:
        raise ValueError(f"{path}: no numeric or list column to take the features from")
    features = np.empty((file.metadata.num_rows, len(fields)), dtype=np.result_type(*dtypes))
    row = 0
    for batch in file.iter_batches(columns=[field.name for field in fields]):
        for k, field in enumerate(fields):
            column = batch.column(batch.schema.get_field_index(field.name))
            if column.null_count:
                first = row + int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))
                raise ValueError(f"{path}: row {first} (counted from 0) of column {field.name!r} is empty")
            features[row : row + len(column), k] = column.to_numpy(zero_copy_only=False)
        row += len(batch)
    return features


def _read_csv(path: Path, asked: dict[str, str | None]) -> _Read:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            first = next((row for row in csv.reader(file) if row), [])
        if not first:
            raise ValueError(f"{path}: empty file")
        header = [] if all(map(_is_number, first)) else first
        columns, inside = _pick_columns(header, asked)
        taken = {role: header.index(name) for role, name in columns.items()}
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header
            frame = pd.read_csv(
                path,
                header=None,
                names=range(len(first)),
                skiprows=_header_lines(path) if header else 0,
                dtype=dict.fromkeys(taken.values(), str),
                index_col=False,
                encoding="utf-8-sig",
                keep_default_na=False,  # a sample may be called "NA" or "null"
                na_values=[""],
                low_memory=False,
            )
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text ({error})") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning, csv.Error) as error:
        _raise_first_fault(path, len(first), [], header)
        raise ValueError(f"{path}: cannot be read as comma-separated values ({error})") from error
    except pd.errors.EmptyDataError as error:
        raise ValueError(f"{path}: empty, a header without rows") from error
    numeric = [k for k in range(len(first)) if k not in taken.values()]
    if any(frame[k].dtype.kind not in "fiub" for k in numeric) or frame.isna().to_numpy().any():
        _raise_first_fault(path, len(first), numeric, header)
    values = {role: _integers_if_all(frame[k].to_numpy(dtype=object)) for role, k in taken.items()}
    return frame[numeric].to_numpy(), values, inside


def _header_lines(path: Path) -> int:
    """Lines up to and with the header (a quoted cell may span several)."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        for row in reader:
            if row:
                break
        return reader.line_num


def _raise_first_fault(path: Path, width: int, numeric: list[int], header: list[str]) -> None:
    """Read again, slowly, for the line of the first ragged row or cell that is not a number."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        skip_header = bool(header)
        for row in reader:
            if not row:
                continue
            if len(row) != width:
                raise ValueError(
                    f"{path}: line {reader.line_num} has {len(row)} cells, the first line {width}"
                )
            if skip_header:
                skip_header = False
                continue
            for k in numeric:
                if not _is_number(row[k]) or not math.isfinite(float(row[k])):
                    column = repr(header[k]) if header else k + 1
                    what = f"{row[k]!r}, not a finite number" if row[k].strip() else "empty"
                    raise ValueError(
                        f"{path}: line {reader.line_num}, column {column} is {what}; if the column is no "
                        "feature, drop it or say what it is with labels=, names= or ids="
                    )


def _read_values(path: Path, n: int, role: str, features: Path) -> np.ndarray:
    """One value a row from a file of its own."""
    if not path.exists():
        raise ValueError(f"{role}s: {features.name} has no column {str(path)!r}, and there is no such file")
    suffix = path.suffix.lower()
    if suffix == ".npy":
        try:
            return np.load(path, allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise ValueError(f"{path}: not a readable .npy array of numbers or text ({error})") from error
    if suffix == ".parquet":
        table = _open_parquet(path).read()
        if table.num_columns != 1:
            raise ValueError(
                f"{path}: {table.num_columns} columns ({', '.join(table.column_names)}), need one"
            )
        return _column_values(table.column(0))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise ValueError(f"{path}: not a readable text file ({error})") from error
    if suffix == ".csv":
        rows = [row for row in csv.reader(text.splitlines()) if row]
        if any(len(row) != 1 for row in rows):
            raise ValueError(f"{path}: several columns; need one")
        values = [row[0] for row in rows]
        if len(values) == n + 1:  # a header
            values = values[1:]
    else:
        values = text.split("\n")
        if values[-1] == "":
            values.pop()
        values = [value.rstrip("\r") for value in values]
    if len(values) != n:
        raise ValueError(f"{path}: {len(values)} {role}s for the {n} rows of {features}; one each a row")
    return _integers_if_all(values)


# ---- writers ----


def _write_npy(path: Path, features: np.ndarray, columns: dict[str, np.ndarray]) -> None:
    rows = rows_file(path)
    with atomic_write(path) as file:
        np.save(file, features, allow_pickle=False)
        file.flush()
        rows.unlink(missing_ok=True)  # never leave the rows of older features beside new ones
    if columns:
        with atomic_write(rows) as file:
            pq.write_table(pa.table({role: _arrow(values) for role, values in columns.items()}), file)


def _write_npz(path: Path, features: Any, columns: dict[str, np.ndarray]) -> None:
    arrays: dict[str, Any] = {f"{role}s": _fixed_width(values) for role, values in columns.items()}
    if sp.issparse(features):
        csr = features.tocsr()
        arrays |= {"format": b"csr", "shape": csr.shape, "data": csr.data}
        arrays |= {"indices": csr.indices, "indptr": csr.indptr}
    else:
        arrays["features"] = features
    with atomic_write(path) as file:
        np.savez(file, **arrays)


def _write_parquet(path: Path, features: np.ndarray, columns: dict[str, np.ndarray]) -> None:
    arrays = {role: _arrow(values) for role, values in columns.items()}
    value_type = pa.from_numpy_dtype(features.dtype)
    fields = [pa.field(role, array.type) for role, array in arrays.items()]
    fields.append(pa.field("features", pa.list_(value_type, features.shape[1])))
    with atomic_write(path) as file, pq.ParquetWriter(file, pa.schema(fields)) as writer:
        for start, stop in _blocks(features):
            flat = pa.array(np.ascontiguousarray(features[start:stop]).ravel(), type=value_type)
            column = pa.FixedSizeListArray.from_arrays(flat, features.shape[1])
            batch = [array.slice(start, stop - start) for array in arrays.values()]
            writer.write_batch(pa.record_batch([*batch, column], schema=writer.schema))


def _write_csv(path: Path, features: np.ndarray, columns: dict[str, np.ndarray]) -> None:
    with atomic_write(path, "w") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*columns, *(f"x{k}" for k in range(features.shape[1]))])
        for start, stop in _blocks(features):
            rows = features[start:stop].tolist()
            if features.dtype.kind == "f":  # the shortest text that reads back to the same number
                rows = [[str(value) for value in row] for row in features[start:stop]]
            extras = (
                zip(*(values[start:stop] for values in columns.values()), strict=True) if columns else None
            )
            for row in rows:
                beside = next(extras) if extras is not None else ()
                writer.writerow(["" if value is None else value for value in beside] + row)


# ---- pieces ----


def _known_suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"{path}: unknown feature format {suffix!r}; use one of {', '.join(SUFFIXES)}")
    return suffix


def _open_parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path}: not a readable Parquet file ({error})") from error


def _pick_columns(available: Sequence[str], asked: dict[str, str | None]) -> tuple[dict[str, str], set[str]]:
    """Column of each role: the one asked for, else the one called like the role."""
    columns: dict[str, str] = {}
    inside = set()
    for role, source in asked.items():
        if source is not None:
            if source in available:
                columns[role] = source
                inside.add(role)
            continue
        taken = set(asked.values())
        for name in available:
            if name.lower() in (role, f"{role}s") and name not in taken:
                columns[role] = name
                break
    return columns, inside


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _numeric_dtype(kind: pa.DataType) -> np.dtype | None:
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return np.dtype(kind.to_pandas_dtype())
    return np.dtype(bool) if pa.types.is_boolean(kind) else None


def _column_values(column: pa.ChunkedArray) -> np.ndarray:
    if pa.types.is_integer(column.type) and column.null_count == 0:
        return column.to_numpy()
    values = np.empty(len(column), dtype=object)
    values[:] = column.to_pylist()
    return values


def _plain_values(values: Any, *, blank_is_missing: bool) -> np.ndarray:
    """Integers as int64, anything else as str objects, None where missing."""
    array = np.asarray(values, dtype=None if isinstance(values, np.ndarray) else object)
    if array.ndim != 1:
        raise ValueError(f"ids, labels and names must be one-dimensional, got shape {array.shape}")
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    missing = pd.isna(array)
    whole = not missing.any() and all(isinstance(value, int | np.integer) for value in array)
    if whole and array.dtype == object:
        return array.astype(np.int64)
    plain = np.empty(len(array), dtype=object)
    plain[:] = [
        None
        if absent or (blank_is_missing and isinstance(value, str) and not value)
        else int(value)
        if isinstance(value, int | np.integer)
        else str(value)
        for value, absent in zip(array, missing, strict=True)
    ]
    return plain


def _integers_if_all(values: Sequence[Any]) -> np.ndarray:
    """Text of integers (or nothing) as integers, unless something such as a leading zero would be lost."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    present = ~(pd.isna(array) | (array == ""))
    try:
        numbers = array[present].astype(np.int64)
    except (ValueError, OverflowError):
        return array
    if all(map(str.__eq__, map(str, numbers), array[present])):
        array[present] = numbers
    return array


def _arrow(values: np.ndarray) -> pa.Array:
    if values.dtype.kind == "i" or all(value is None or isinstance(value, int) for value in values):
        return pa.array(values, type=pa.int64())
    return pa.array([None if value is None else str(value) for value in values], type=pa.string())


def _fixed_width(values: np.ndarray) -> np.ndarray:
    """As unicode, since object arrays would have to be pickled; None becomes the empty text."""
    if values.dtype.kind == "i":
        return values
    return np.array(["" if value is None else str(value) for value in values], dtype=np.str_)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text  # Python reads 1_000 as a number, no other program does


def _blocks(features: Any) -> Iterator[tuple[int, int]]:
    rows = max(1, _BLOCK_BYTES // max(1, features.shape[1] * features.dtype.itemsize))
    for start in range(0, features.shape[0], rows):
        yield start, min(start + rows, features.shape[0])


def _first_not_finite(features: np.ndarray) -> tuple[int, int, float] | None:
    for start, stop in _blocks(features):
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

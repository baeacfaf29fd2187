"""Features in columns of Arrow's types, which Parquet, Feather and JSON lines have in common."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from hyperclade.data.formats.rows import Asked, Kind, Read, is_index, pick_columns, pick_features


class Batches(NamedTuple):
    """A table that is read piece by piece.

    read : gives the batches of the columns of these names, in order.
    """

    schema: pa.Schema
    n_rows: int
    read: Callable[[list[str]], Iterator[pa.RecordBatch]]

    def column(self, name: str) -> pa.ChunkedArray:
        batches = list(self.read([name]))
        return pa.chunked_array([batch.column(0) for batch in batches], type=self.schema.field(name).type)


def of_table(table: pa.Table) -> Batches:
    return Batches(table.schema, table.num_rows, lambda names: iter(table.select(names).to_batches()))


def read_batches(path: Path, table: Batches, asked: Asked) -> Read:
    """Features and columns by role of a table; the path is for messages."""
    names: list[str] = table.schema.names
    if len(set(names)) < len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{path}: several columns are called {repeated!r}; rename all but one")
    roles, inside = pick_columns(names, asked)
    taken = set(roles.values())
    unused, remarks = set(), []
    # pandas keeps there what numbers its rows.
    index = _pandas_index(table.schema) | {name for name in names if is_index(name)}
    for name in [name for name in names if name in index and name not in taken]:
        kind = table.schema.field(name).type
        if is_index(name) and pa.types.is_floating(kind):
            continue  # measurements, whatever their name
        if "id" not in roles and len(table.column(name).unique()) == table.n_rows:
            roles["id"] = name
            remarks.append(f"column {name!r} is taken for ids")
        else:
            unused.add(name)
            remarks.append(f"column {name!r} numbers rows and is not used")
    taken = set(roles.values())
    free = [k for k, name in enumerate(names) if name not in taken and name not in unused]
    chosen = pick_features(path, names, [_kind(field.type) for field in table.schema], free, asked.features)
    fields = [table.schema.field(k) for k in chosen.columns]
    try:
        if chosen.is_list:
            features = _read_lists(table, fields[0], path)
        else:
            features = _read_numbers(table, fields, path)
        values = {role: column_values(table.column(name)) for role, name in roles.items()}
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path}: cannot be read to its end ({error})") from error
    titles = None if chosen.is_list else [field.name for field in fields]
    return Read(features, values, inside, titles, (*remarks, *chosen.remarks))


def column_values(column: pa.ChunkedArray) -> np.ndarray:
    if pa.types.is_integer(column.type) and column.null_count == 0:
        return column.to_numpy()
    values = np.empty(len(column), dtype=object)
    values[:] = column.to_pylist()
    return values


def to_arrow(values: np.ndarray) -> pa.Array:
    if values.dtype.kind == "i" or all(value is None or isinstance(value, int) for value in values):
        return pa.array(values, type=pa.int64())
    return pa.array([None if value is None else str(value) for value in values], type=pa.string())


def is_encoded(kind: pa.DataType) -> bool:
    """Whether a column has files as bytes, bare or in structs as Hugging Face data sets keep them."""
    if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        kind = kind.field("bytes").type
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _pandas_index(schema: pa.Schema) -> set[str]:
    try:
        told = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
        return {name for name in told.get("index_columns", ()) if isinstance(name, str)} & set(schema.names)
    except (ValueError, AttributeError, TypeError):
        return set()


def _kind(kind: pa.DataType) -> Kind:
    if pa.types.is_null(kind):
        return "empty"
    if _numeric_dtype(kind) is not None:
        return "number"
    if _is_list(kind):
        return "list" if _numeric_dtype(kind.value_type) is not None else f"list of {kind.value_type}"
    return "text" if pa.types.is_string(kind) or pa.types.is_large_string(kind) else str(kind)


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _read_lists(table: Batches, field: pa.Field, path: Path) -> np.ndarray:
    dtype = _numeric_dtype(field.type.value_type)
    features, row = None, 0
    for batch in table.read([field.name]):
        column = batch.column(0)
        if not len(column):
            continue
        lengths = column.value_lengths()
        if column.null_count:
            first = row + _first_null(column)
            raise ValueError(f"{path}: row {first} (counted from 0) of column {field.name!r} is empty")
        sizes = np.asarray(lengths)
        if features is None:
            features = np.empty((table.n_rows, int(sizes[0])), dtype=dtype)
        wrong = np.flatnonzero(sizes != features.shape[1])
        if len(wrong):
            raise ValueError(
                f"{path}: row {row + wrong[0]} (counted from 0) of column {field.name!r} has "
                f"{sizes[wrong[0]]} numbers, the first row {features.shape[1]}"
            )
        flat = column.flatten()
        if flat.null_count:
            first = row + _first_null(flat) // features.shape[1]
            raise ValueError(
                f"{path}: row {first} (counted from 0) of column {field.name!r} has an empty number"
            )
        features[row : row + len(column)] = flat.to_numpy(zero_copy_only=False).reshape(len(column), -1)
        row += len(column)
    return np.empty((0, 0), dtype=dtype) if features is None else features


def _read_numbers(table: Batches, fields: Sequence[pa.Field], path: Path) -> np.ndarray:
    dtypes = [_numeric_dtype(field.type) for field in fields]
    dtype = np.result_type(*(np.uint8 if own == np.bool_ else own for own in dtypes if own is not None))
    features = np.empty((table.n_rows, len(fields)), dtype=dtype)
    row = 0
    for batch in table.read([field.name for field in fields]):
        for k, field in enumerate(fields):
            column = batch.column(batch.schema.get_field_index(field.name))
            if column.null_count:
                first = row + _first_null(column)
                raise ValueError(f"{path}: row {first} (counted from 0) of column {field.name!r} is empty")
            if pa.types.is_decimal(column.type):
                column = column.cast(pa.float64())
            features[row : row + len(column), k] = column.to_numpy(zero_copy_only=False)
        row += len(batch)
    return features


def _numeric_dtype(kind: pa.DataType) -> np.dtype | None:
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return np.dtype(kind.to_pandas_dtype())
    if pa.types.is_decimal(kind):
        return np.dtype(np.float64)
    return np.dtype(bool) if pa.types.is_boolean(kind) else None


def _first_null(column: pa.Array) -> int:
    return int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))

"""Features in Parquet files: one list column, or a column for each."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hyperclade.data.atomic import atomic_write
from hyperclade.data.formats.rows import Read, blocks, pick_columns


def read(path: Path, asked: dict[str, str | None]) -> Read:
    file = open_parquet(path)
    schema = file.schema_arrow
    columns, inside = pick_columns(schema.names, asked)
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
    values = {role: column_values(table.column(name)) for role, name in columns.items()}
    return features, values, inside, None if lists else [field.name for field in rest]


def write(path: Path, features: np.ndarray, columns: dict[str, np.ndarray]) -> None:
    arrays = {role: to_arrow(values) for role, values in columns.items()}
    value_type = pa.from_numpy_dtype(features.dtype)
    fields = [pa.field(role, array.type) for role, array in arrays.items()]
    fields.append(pa.field("features", pa.list_(value_type, features.shape[1])))
    with atomic_write(path) as file, pq.ParquetWriter(file, pa.schema(fields)) as writer:
        for start, stop in blocks(features):
            flat = pa.array(np.ascontiguousarray(features[start:stop]).ravel(), type=value_type)
            column = pa.FixedSizeListArray.from_arrays(flat, features.shape[1])
            batch = [array.slice(start, stop - start) for array in arrays.values()]
            writer.write_batch(pa.record_batch([*batch, column], schema=writer.schema))


def open_parquet(path: str | os.PathLike) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path}: not a readable Parquet file ({error})") from error


def has_images(path: str | os.PathLike) -> bool:
    """Whether there is a column "image" of encoded images."""
    schema = open_parquet(path).schema_arrow
    return "image" in schema.names and is_encoded(schema.field("image").type)


def is_encoded(kind: pa.DataType) -> bool:
    """Whether a column has files as bytes, bare or in structs as Hugging Face data sets keep them."""
    if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        kind = kind.field("bytes").type
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


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


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


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
            first = row + _first_null(column)
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
            first = row + _first_null(flat) // features.shape[1]
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
                first = row + _first_null(column)
                raise ValueError(f"{path}: row {first} (counted from 0) of column {field.name!r} is empty")
            features[row : row + len(column), k] = column.to_numpy(zero_copy_only=False)
        row += len(batch)
    return features


def _numeric_dtype(kind: pa.DataType) -> np.dtype | None:
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return np.dtype(kind.to_pandas_dtype())
    return np.dtype(bool) if pa.types.is_boolean(kind) else None


def _first_null(column: pa.Array) -> int:
    return int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))

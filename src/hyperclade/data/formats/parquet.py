"""Features in Parquet files, or folders of them: one list column, or a column for each."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from hyperclade.data.atomic import atomic_write
from hyperclade.data.formats.arrow import Batches, is_encoded, read_batches, to_arrow
from hyperclade.data.formats.rows import Asked, Read, blocks


def read(path: Path, asked: Asked) -> Read:
    return read_batches(path, _folder(path) if path.is_dir() else _file(path), asked)


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


def parts_of(path: str | os.PathLike) -> list[Path]:
    """A Parquet file itself, or those in a folder and folders below, sorted; none where there are none."""
    path = Path(path)
    return sorted(path.rglob("*.parquet"), key=Path.as_posix) if path.is_dir() else [path]


def columns_of(path: str | os.PathLike) -> list[str]:
    """Names of the columns of a Parquet file, or of the first in a folder."""
    return open_parquet(parts_of(path)[0]).schema_arrow.names


def n_rows(path: str | os.PathLike) -> int:
    """Of a Parquet file, or all in a folder."""
    return sum(open_parquet(part).metadata.num_rows for part in parts_of(path))


def has_images(path: str | os.PathLike) -> bool:
    """Whether there is a column "image" of encoded images."""
    schema = open_parquet(parts_of(path)[0]).schema_arrow
    return "image" in schema.names and is_encoded(schema.field("image").type)


def _file(path: Path) -> Batches:
    file = open_parquet(path)

    def batches(names: list[str]) -> Iterator[pa.RecordBatch]:
        # Not in the order asked for, but in that of the file.
        for batch in file.iter_batches(columns=names):
            yield batch.select(names)

    return Batches(file.schema_arrow, file.metadata.num_rows, batches)


def _folder(path: Path) -> Batches:
    """The rows of all files, one after another; folders called `column=value` are columns."""
    files = [str(part) for part in parts_of(path)]
    try:
        found = ds.dataset(files, format="parquet", partitioning="hive", partition_base_dir=str(path))
        n_rows = found.count_rows()
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path}: not a readable folder of Parquet files ({error})") from error
    return Batches(found.schema, n_rows, lambda names: found.to_batches(columns=names))

"""Features as `.npy` arrays, memory-mapped; their ids, labels and names lie in a Parquet file beside."""

import os
import tokenize
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hyperclade.data.atomic import atomic_write
from hyperclade.data.formats.arrow import column_values, to_arrow
from hyperclade.data.formats.parquet import open_parquet
from hyperclade.data.formats.rows import Asked, Read, pick_columns, refuse_choice

#: what NumPy raises for files that are no arrays; headers are read as Python text
BROKEN = (
    ValueError, EOFError, OSError, KeyError, TypeError, MemoryError, OverflowError, RecursionError,
    SyntaxError, tokenize.TokenError,
)  # fmt: skip


def read(path: Path, asked: Asked) -> Read:
    try:
        features = np.load(path, mmap_mode="r", allow_pickle=False)
    except BROKEN as error:
        raise ValueError(f"{path}: not a readable .npy array of numbers ({error})") from error
    if not isinstance(features, np.ndarray):
        raise ValueError(f"{path}: it holds several arrays; call it .npz")
    refuse_choice(path, asked)
    rows = rows_file(path)
    if not rows.exists():
        return Read(features, {}, set())
    table = open_parquet(rows).read()
    columns, inside = pick_columns(table.column_names, asked)
    values = {role: column_values(table.column(name)) for role, name in columns.items()}
    return Read(features, values, inside)


def write(path: Path, features: np.ndarray, columns: dict[str, np.ndarray]) -> None:
    rows = rows_file(path)
    with atomic_write(path) as file:
        np.save(file, features, allow_pickle=False)
        file.flush()
        rows.unlink(missing_ok=True)  # never leave the rows of older features beside new ones
    if columns:
        with atomic_write(rows) as file:
            pq.write_table(pa.table({role: to_arrow(values) for role, values in columns.items()}), file)


def rows_file(path: str | os.PathLike) -> Path:
    """The file that keeps the ids, labels and names of a `.npy` feature file: `X.npy` → `X.rows.parquet`."""
    return Path(path).with_suffix(".rows.parquet")

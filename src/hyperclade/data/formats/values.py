"""Files with one value per row."""

import csv
import io
from pathlib import Path

import numpy as np

from hyperclade.data.formats.arrow import column_values
from hyperclade.data.formats.npy import BROKEN
from hyperclade.data.formats.parquet import open_parquet
from hyperclade.data.formats.rows import integers_if_all
from hyperclade.data.texts import read_text


def read_values(path: Path, n: int, role: str, features: Path) -> np.ndarray:
    """One value per row from a file of its own."""
    if not path.exists():
        raise ValueError(f"{role}s: {features.name} has no column {str(path)!r}, and there is no such file")
    suffix = path.suffix.lower()
    if suffix == ".npy":
        try:
            return np.load(path, allow_pickle=False)
        except BROKEN as error:
            raise ValueError(f"{path}: not a readable .npy array of numbers or text ({error})") from error
    if suffix == ".parquet":
        table = open_parquet(path).read()
        if table.num_columns != 1:
            raise ValueError(
                f"{path}: {table.num_columns} columns ({', '.join(table.column_names)}), need one"
            )
        return column_values(table.column(0))
    text = read_text(path)
    if suffix == ".csv":
        try:
            rows = list(csv.reader(io.StringIO(text, newline="")))
        except csv.Error as error:
            raise ValueError(f"{path}: not a readable CSV file ({error})") from error
        if any(len(row) > 1 for row in rows):
            raise ValueError(f"{path}: several columns; need one")
        values = [row[0] if row else "" for row in rows]  # a blank line is a value that is missing
        if len(values) == n + 1:  # a header
            values = values[1:]
    else:
        values = text.split("\n")
        if values[-1] == "":
            values.pop()
        values = [value.rstrip("\r") for value in values]
    if len(values) != n:
        raise ValueError(f"{path}: {len(values)} {role}s for the {n} rows of {features}; one per row")
    return integers_if_all(values)

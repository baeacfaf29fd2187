"""Features as comma-separated values."""

import csv
import math
import warnings
from itertools import repeat
from pathlib import Path

import numpy as np
import pandas as pd

from hyperclade.data.atomic import atomic_write
from hyperclade.data.formats.rows import Read, blocks, integers_if_all, pick_columns


def read(path: Path, asked: dict[str, str | None]) -> Read:
    try:
        first, n_lines = first_row(path)
        if not first:
            raise ValueError(f"{path}: empty file")
        header = [] if all(map(_is_number, first)) else first
        columns, inside = pick_columns(header, asked)
        taken = {role: header.index(name) for role, name in columns.items()}
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header
            frame = pd.read_csv(
                path,
                header=None,
                names=range(len(first)),
                skiprows=n_lines if header else 0,
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
    values = {role: integers_if_all(frame[k].to_numpy(dtype=object)) for role, k in taken.items()}
    return frame[numeric].to_numpy(), values, inside, [header[k] for k in numeric] if header else None


def write(path: Path, features: np.ndarray, columns: dict[str, np.ndarray]) -> None:
    with atomic_write(path, "w") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*columns, *(f"x{k}" for k in range(features.shape[1]))])
        for start, stop in blocks(features):
            known = [values[start:stop] for values in columns.values()]
            beside = zip(*known, strict=True) if known else repeat(())
            for values, row in zip(beside, features[start:stop], strict=False):
                # The shortest text of a number that reads back to the same one; None becomes an empty cell.
                writer.writerow([*values, *map(str, row)])


def read_text_table(path: Path) -> pd.DataFrame:
    """All cells as text, under the names in the first line; pandas would fill and cut rows.

    Raises
    ------
    ValueError
        Not readable, empty, rows of another length than the header, or two columns of one name.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, skipinitialspace=True, strict=True)
            header, *rows = [row for row in reader if row] or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: not a readable CSV file ({error})") from error
    if not header or len(set(header)) < len(header):
        raise ValueError(f"{path}: no rows, or two columns of one name in {', '.join(header)}")
    wrong = np.flatnonzero(np.array([len(row) for row in rows]) != len(header))
    if len(wrong):
        raise ValueError(
            f"{path}: row {wrong[0]} (counted from 0) has {len(rows[wrong[0]])} cells, the header has "
            f"{len(header)}; put cells with commas in double quotes, and end lines without a comma"
        )
    return pd.DataFrame(rows, columns=header, dtype=object)


def first_row(path: Path) -> tuple[list[str], int]:
    """Cells of the first line that is not blank, and how many lines it ends (a quoted cell may span several).

    An empty file has no cells.
    """
    with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
        reader = csv.reader(file)
        return next((row for row in reader if row), []), reader.line_num


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text  # Python reads 1_000 as a number, no other program does


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

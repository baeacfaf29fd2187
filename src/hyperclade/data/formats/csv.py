"""Features as text tables: comma-, semicolon-, tab- or bar-separated, with or without names of columns."""

import csv
import io
import math
import re
import warnings
from collections.abc import Iterable, Sequence
from itertools import islice, pairwise, repeat
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from hyperclade.data.atomic import atomic_write
from hyperclade.data.formats import vectors
from hyperclade.data.formats.rows import (
    ROLES,
    Asked,
    Kind,
    Read,
    blocks,
    integers_if_all,
    is_index,
    joined,
    pick_columns,
    pick_features,
)
from hyperclade.data.texts import open_text

_SEPARATORS = ",\t;|"
_PEEKED = 1 << 18  # characters from which the layout is found
_PEEKED_ROWS = 200
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,\d+([eE][+-]?\d+)?\s*")
_DECIMAL_POINT = re.compile(r"\s*[+-]?\d*\.\d+([eE][+-]?\d+)?\s*")
_FEWEST_COUNTED = 3  # rows, whose numbers a column without a name may be
_YEARS = range(1900, 2101)


class Layout(NamedTuple):
    """How a text table is written.

    header : names of columns, if the first line has them.
    width : number of columns.
    """

    separator: str
    decimal: str
    header: list[str] | None
    width: int
    remarks: tuple[str, ...] = ()


def read(path: Path, asked: Asked) -> Read:
    found = layout(path)
    if not found.width:
        raise ValueError(f"{path}: empty file")
    frame = _frame(path, found, asked)
    if found.header == _counted(found.width) and _counts_across(frame):  # a row like others, by chance
        found = found._replace(header=None, remarks=())
        frame = _frame(path, found, asked)
    header, width, decimal = found.header, found.width, found.decimal
    names = header or _counted(width)
    roles, inside = pick_columns(names, asked)
    taken = {role: names.index(name) for role, name in roles.items()}
    index, unused, numbering = _index(frame, found, taken)
    if index is not None:
        taken["id"] = index
    free = [k for k in range(width) if k not in taken.values() and k not in unused]
    kinds = [_kind(frame[k], decimal) for k in range(width)]
    chosen = pick_features(path, names, kinds, free, asked.features)
    values = {role: _values(frame[k]) for role, k in taken.items()}
    remarks = (*found.remarks, *numbering, *chosen.remarks)
    columns = [frame[k] for k in chosen.columns]
    numeric = [] if chosen.is_list else chosen.columns
    if any(frame[k].dtype.kind not in "fiub" for k in numeric) or frame.isna().to_numpy().any():
        truths = [k for k in numeric if _are_truths(frame[k].dropna().astype(str))]
        _raise_first_fault(path, found, numeric, truths)
    if chosen.is_list:
        cells = columns[0].fillna("").to_numpy(dtype=object)
        features = vectors.of_texts(
            cells, f"{path}: row {{}} (counted from 0) of column {names[chosen.columns[0]]!r}"
        )
        return Read(features, values, inside, None, remarks)
    features = joined([_numbers(column, decimal).to_numpy() for column in columns])
    titles = [names[k] for k in chosen.columns] if header else None
    return Read(features, values, inside, titles, remarks)


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

    Raises ValueError for an empty file, rows of another length than the header, or two columns of one name.
    """
    separator = layout(path, header=True).separator
    try:
        with open_text(path) as file:
            reader = csv.reader(file, delimiter=separator, skipinitialspace=True, strict=True)
            header, *rows = [row for row in reader if row] or [[]]
    except csv.Error as error:
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


def first_row(path: Path) -> list[str]:
    """Cells of the first line that is not blank; none of a file that cannot be read."""
    try:
        return layout(path, header=True).header or []
    except ValueError:
        return []


def layout(path: Path, *, header: bool | None = None) -> Layout:
    """How a text table is written, by its first lines.

    Parameters
    ----------
    header : bool, optional
        Whether the first line has names of columns, where it is known.

    Raises
    ------
    ValueError
        It is no text, or nothing tells whether the first line has names or is a row.
    """
    with open_text(path) as file:
        text = file.read(_PEEKED)
    # The last line of a part may be cut.
    whole = text if len(text) < _PEEKED else text[: text.rfind("\n") + 1] or text
    usual = "\t" if ".tsv" in path.suffixes else ","
    tables = {
        separator: rows
        for separator in sorted(_SEPARATORS, key=lambda own: own != usual)
        if (rows := _rows(whole, separator))
    }
    if not tables:
        return Layout(usual, ".", None, 0)
    separator = max(tables, key=lambda own: _likelihood(tables[own], own))
    rows = tables[separator]
    cells = [cell for row in rows for cell in row]
    comma = separator != "," and any(map(_DECIMAL_COMMA.fullmatch, cells))
    decimal = "," if comma and not any(map(_DECIMAL_POINT.fullmatch, cells)) else "."
    if header is not None:
        return Layout(separator, decimal, rows[0] if header else None, len(rows[0]))
    names, remarks = _header(path, rows, decimal)
    return Layout(separator, decimal, names, len(rows[0]), remarks)


def _rows(text: str, separator: str) -> list[list[str]]:
    """The first rows of a text that are not blank; none where it cannot be read so."""
    try:
        rows = filter(None, csv.reader(io.StringIO(text, newline=""), delimiter=separator))
        return list(islice(rows, _PEEKED_ROWS))
    except csv.Error:
        return []


def _likelihood(rows: list[list[str]], separator: str) -> tuple[bool, float, int]:
    """How much speaks for a separator: rows of one width, cells that are numbers, and many of them."""
    width = len(rows[0])
    even = width > 1 and all(len(row) == width for row in rows)
    decimal = "." if separator == "," else ","
    cells = [cell for row in rows[1:] or rows for cell in row]
    numbers = sum(_is_number(cell) or _is_number(cell, decimal) for cell in cells) / max(1, len(cells))
    return even, numbers if even else 0.0, width


def _header(path: Path, rows: list[list[str]], decimal: str) -> tuple[list[str] | None, tuple[str, ...]]:
    """Names of the columns if the first row has some, and what is assumed of it."""
    first = [cell.strip() for cell in rows[0]]
    numeric = [_is_number(cell, decimal) for cell in first]
    counted = f"the first line of {path.name} counts 0, 1, …, so it is read as names of columns"
    if not any(numeric):
        return first, ()
    if first == ["0"]:
        return None, (f"the first line of {path.name}, 0, is read as a row",)
    if first == _counted(len(first)):
        return first, (counted,)
    words = [k for k, is_number in enumerate(numeric) if not is_number]
    numbers = [cell for cell, is_number in zip(first, numeric, strict=True) if is_number]
    below = {k: [row[k] for row in rows[1:] if k < len(row)] for k in words if first[k]}
    if any(first[k] in cells for k, cells in below.items()):
        return None, ()  # a name comes once
    if numbers == _counted(len(numbers)) and len(numbers) > 1:
        return first, (counted,)
    named = any(first[k].lower().removesuffix("s") in ROLES or is_index(first[k]) for k in words)
    if named or not first[0] or any(_mostly_numbers(cells, decimal) for cells in below.values()):
        return first, ()
    whole = [int(cell) for cell in numbers if cell.isdecimal()]
    rising = len(whole) > 1 and all(a < b for a, b in pairwise(whole))
    years = all(year in _YEARS for year in whole)
    if len(whole) == len(numbers) and ((rising and years) or (words and (rising or years))):
        raise ValueError(
            f"{path}: the first line may be names of columns or a row ({', '.join(first[:6])}); put a line "
            "of names above it, or call the column of names 'name'"
        )
    return None, ()


def _frame(path: Path, found: Layout, asked: Asked) -> pd.DataFrame:
    """All cells below the header; columns that have a role, or may number rows, as text."""
    names = found.header or _counted(found.width)
    roles, _ = pick_columns(names, asked)
    texts = {names.index(name) for name in roles.values()} | set(_beside(found))
    try:
        with open_text(path) as file, warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header
            if found.header:
                next(row for row in csv.reader(file, delimiter=found.separator) if row)
            return pd.read_csv(
                file,
                sep=found.separator,
                decimal=found.decimal,
                header=None,
                names=range(found.width),
                dtype=dict.fromkeys(texts, str),
                index_col=False,
                keep_default_na=False,  # a sample may be called "NA" or "null"
                na_values=[""],
                low_memory=False,
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning, csv.Error) as error:
        _raise_first_fault(path, found, [])
        raise ValueError(f"{path}: cannot be read as a text table ({error})") from error
    except pd.errors.EmptyDataError as error:
        raise ValueError(f"{path}: empty, a header without rows") from error


def _beside(found: Layout) -> list[int]:
    """Columns that are called as numbers of rows are: by a word for them, or the first by nothing."""
    return [k for k, name in enumerate(found.header or []) if is_index(name) or (k == 0 and not name)]


def _index(
    frame: pd.DataFrame, found: Layout, taken: dict[str, int]
) -> tuple[int | None, list[int], list[str]]:
    """The column that numbers the rows, others that do, and remarks."""
    names, index, unused, remarks = found.header or [], None, [], []
    if not names:
        if "id" not in taken and 0 not in taken.values() and found.width > 1 and _counts_rows(frame[0]):
            return 0, [], ["the first column, which has no name, counts the rows and is taken for ids"]
        return None, [], []
    for k in _beside(found):
        if k in taken.values():
            continue
        numbers = pd.to_numeric(frame[k], errors="coerce")
        if names[k] and numbers.notna().all() and (numbers % 1 != 0).any():
            continue  # measurements, whatever their name
        called = f"column {names[k]!r}" if names[k] else "the first column, which has no name,"
        if index is None and "id" not in taken and frame[k].is_unique:
            index = k
            remarks.append(f"{called} is taken for ids")
        else:
            unused.append(k)
            remarks.append(f"{called} numbers rows and is not used")
    return index, unused, remarks


def _counts_rows(column: pd.Series) -> bool:
    if column.dtype.kind != "i" or len(column) < _FEWEST_COUNTED:
        return False
    start = column.iloc[0]
    return start in (0, 1) and bool((column.to_numpy() == np.arange(start, start + len(column))).all())


def _counts_across(frame: pd.DataFrame) -> bool:
    """Whether a row counts 0, 1, 2, … across."""
    return bool(np.logical_and.reduce([(frame[k] == k).to_numpy() for k in frame.columns]).any())


def _kind(column: pd.Series, decimal: str) -> Kind:
    cells = column.dropna()
    if not len(cells):
        return "empty"
    if cells.dtype.kind in "fiub":
        return "number"
    cells = cells.astype(str)
    if _mostly_numbers(cells, decimal) or _are_truths(cells):
        return "number"  # its faults are named
    return "list" if vectors.are_texts(cells) else "text"


def _values(column: pd.Series) -> np.ndarray:
    return column.to_numpy() if column.dtype.kind == "i" else integers_if_all(column.to_numpy(dtype=object))


def _are_truths(cells: Iterable[str]) -> bool:
    return all(cell.lower() in ("true", "false") for cell in cells)


def _mostly_numbers(cells: Sequence[str], decimal: str) -> bool:
    filled = [cell for cell in cells if cell.strip()]
    return bool(filled) and 2 * sum(_is_number(cell, decimal) for cell in filled) >= len(filled)


def _numbers(column: pd.Series, decimal: str) -> pd.Series:
    if column.dtype.kind in "fiub":
        return column
    return pd.to_numeric(column.str.replace(",", ".") if decimal == "," else column)


def _counted(width: int) -> list[str]:
    """Names of columns that have none: "0", "1", "2"."""
    return [str(k) for k in range(width)]


def _is_number(text: str, decimal: str = ".") -> bool:
    try:
        float(text.replace(",", ".") if decimal == "," else text)
    except ValueError:
        return False
    # Python reads 1_000 and ٣ as numbers, other programs do not.
    return "_" not in text and text.isascii()


def _raise_first_fault(path: Path, found: Layout, numeric: Sequence[int], truths: Sequence[int] = ()) -> None:
    """Read again, slowly, for the line of the first ragged row, or cell that is no number (or truth)."""
    with open_text(path) as file:
        reader = csv.reader(file, delimiter=found.separator)
        skip_header = found.header is not None
        for row in reader:
            if not row:
                continue
            if len(row) != found.width:
                raise ValueError(
                    f"{path}: line {reader.line_num} has {len(row)} cells, the first line {found.width}"
                )
            if skip_header:
                skip_header = False
                continue
            for k in numeric:
                if k in truths and row[k]:
                    continue
                cell = row[k].replace(",", ".") if found.decimal == "," else row[k]
                if not _is_number(cell) or not math.isfinite(float(cell)):
                    column = repr(found.header[k]) if found.header else k + 1
                    what = f"{row[k]!r}, not a finite number" if row[k].strip() else "empty"
                    raise ValueError(
                        f"{path}: line {reader.line_num}, column {column} is {what}; fill it in, choose "
                        "others (option `features`), or say what it is (options `labels`, `names`, `ids`)"
                    )

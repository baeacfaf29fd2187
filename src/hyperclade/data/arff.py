"""ARFF files: plain ones as tables, hierarchical ones as samples labelled with nodes of a taxonomy."""

import csv
import gzip
import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from hyperclade.data.labelled import LabelledSet, count_incomplete, node_labels
from hyperclade.trees.taxonomy import Taxonomy

_NUMERIC = ("real", "numeric", "integer")


def read_arff(path: str | os.PathLike) -> pd.DataFrame:
    """Read a dense ARFF file: numeric columns as float64, nominal ones as text; "?" as missing.

    Raises
    ------
    ValueError : not ARFF, sparse rows or other attribute types, or a row of the wrong length; names the line.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "x.arff")
    ...     _ = path.write_text("@attribute size real\\n@attribute kind {a, b}\\n@data\\n1.5,b\\n")
    ...     read_arff(path).to_dict("records")
    [{'size': 1.5, 'kind': 'b'}]
    """
    attributes, rows = _parse(path)
    _check_kinds(path, attributes, (*_NUMERIC, "nominal"))
    frame = pd.DataFrame([cells for _, cells in rows], columns=[attribute.name for attribute in attributes])
    frame = frame.replace("?", None)
    for attribute in attributes:
        if attribute.kind != "nominal":
            frame[attribute.name] = pd.to_numeric(frame[attribute.name]).astype(np.float64)
    return frame


def read_hierarchical_arff(path: str | os.PathLike, taxonomy: Taxonomy | None = None) -> LabelledSet:
    """Read an ARFF file whose attribute "class hierarchical" lists labels as paths, "1,1/2,1/2/7".

    Parameters
    ----------
    path : `.arff` or `.arff.gz`. All other attributes are numeric. A row's labels are joined by "@"; a label
        that the header lists twice or without its ancestors is one node all the same.
    taxonomy : of another file of the same data, as test files need; by default that of the header.

    Returns
    -------
    LabelledSet with (n, d) float32 features; ids are line numbers, "line 85".

    Raises
    ------
    ValueError : not such a file, a value that is no finite number, or a label that the taxonomy lacks; names
        the line.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "x.arff")
    ...     text = "@attribute x numeric\\n@attribute class hierarchical 1,1/2,1/3\\n@data\\n0.5,1@1/2\\n"
    ...     _ = path.write_text(text)
    ...     samples = read_hierarchical_arff(path)
    >>> samples.taxonomy.names, samples.targets().tolist()
    (('1', '1/2', '1/3'), [[True, True, False]])
    """
    attributes, rows = _parse(path)
    _check_kinds(path, attributes, (*_NUMERIC, "hierarchical"))
    found = [k for k, attribute in enumerate(attributes) if attribute.kind == "hierarchical"]
    if len(found) != 1 or not rows:
        raise ValueError(
            f"{path}: {len(found)} hierarchical attributes and {len(rows)} rows; need one, and rows"
        )
    at = found[0]
    if taxonomy is None:
        taxonomy = _header_taxonomy(path, attributes[at])

    def place(row: int) -> str:
        return f"{path}: line {rows[row][0]}"

    names = [[label.strip() for label in cells[at].split("@")] for _, cells in rows]
    labels = node_labels(names, taxonomy, place)
    cells = np.array([cells[:at] + cells[at + 1 :] for _, cells in rows])
    features = _numbers(cells)
    if not np.isfinite(features).all():
        row, column = np.argwhere(~np.isfinite(features))[0]
        raise ValueError(
            f"{place(row)}: {str(cells[row, column])!r} is no finite number; fill it in or drop the row"
        )
    ids = tuple(f"line {line}" for line, _ in rows)
    return LabelledSet(features, labels, taxonomy, ids, count_incomplete(labels, taxonomy))


class _Attribute(NamedTuple):
    line: int
    name: str
    kind: str
    values: str


def _parse(path: str | os.PathLike) -> tuple[list[_Attribute], list[tuple[int, list[str]]]]:
    """The attributes, and line number and cells of each row."""
    attributes: list[_Attribute] = []
    rows: list[tuple[int, list[str]]] = []
    in_data = False
    for number, line in enumerate(_text(path).split("\n"), 1):
        line = line.strip()
        if not line or line.startswith("%"):
            continue
        if in_data:
            if line.startswith("{"):
                raise ValueError(f"{path}: line {number}: sparse ARFF rows are not supported")
            row = next(csv.reader([line], quotechar="'", skipinitialspace=True))
            if len(row) != len(attributes):
                raise ValueError(
                    f"{path}: line {number} has {len(row)} values for {len(attributes)} attributes"
                )
            rows.append((number, [cell.strip() for cell in row]))
        elif match := re.match(r"@attribute\s+('[^']*'|\"[^\"]*\"|\S+)\s+(.*)", line, re.IGNORECASE):
            kind, _, values = match[2].partition(" ")
            kind = "nominal" if kind.startswith("{") else kind.lower()
            attributes.append(_Attribute(number, match[1].strip("'\""), kind, values))
        elif line.lower().startswith("@data"):
            in_data = True
    if not in_data or not attributes:
        raise ValueError(f"{path}: not an ARFF file (no @attribute or no @data)")
    return attributes, rows


def _check_kinds(path: str | os.PathLike, attributes: list[_Attribute], known: tuple[str, ...]) -> None:
    for attribute in attributes:
        if attribute.kind not in known:
            raise ValueError(
                f"{path}: line {attribute.line}: attribute type {attribute.kind!r} is not supported"
            )


def _header_taxonomy(path: str | os.PathLike, attribute: _Attribute) -> Taxonomy:
    try:
        return Taxonomy.from_paths(label.strip() for label in attribute.values.split(","))
    except ValueError as error:
        raise ValueError(f"{path}: line {attribute.line}: {error}") from error


def _numbers(cells: np.ndarray) -> np.ndarray:
    """As float32, NaN where a cell is no number."""
    try:
        return cells.astype(np.float32)
    except ValueError:
        return pd.DataFrame(cells).apply(pd.to_numeric, errors="coerce").to_numpy(np.float32)


def _text(path: str | os.PathLike) -> str:
    try:
        if Path(path).suffix == ".gz":
            with gzip.open(path, "rt", encoding="utf-8") as file:
                return file.read()
        return Path(path).read_text(encoding="utf-8")
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
        raise ValueError(f"{path}: not readable as text ({error})") from error

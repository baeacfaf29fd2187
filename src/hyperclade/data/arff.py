"""ARFF files: features, and samples labelled with nodes of a taxonomy."""

import csv
import gzip
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from hyperclade.data.labelled import LabelledSet, count_incomplete, node_labels
from hyperclade.trees.taxonomy import Taxonomy

_KINDS = ("real", "numeric", "integer", "hierarchical")


def read_hierarchical_arff(path: str | os.PathLike, taxonomy: Taxonomy | None = None) -> LabelledSet:
    """Read an ARFF file whose attribute "class hierarchical" lists labels as paths, "1,1/2,1/2/7".

    Parameters
    ----------
    path : path
        `.arff` or `.arff.gz`. All other attributes are numeric. A row's labels are joined by "@"; a label
        that the header lists twice or without its ancestors is one node all the same.
    taxonomy : Taxonomy, optional
        Taxonomy of another file of the same data, as test files need; by default that of the header.

    Returns
    -------
    LabelledSet
        With (n, d) float32 features; ids are line numbers, "line 85".

    Raises
    ------
    ValueError
        Not such a file, a value that is no finite number, or a label that the taxonomy lacks; names the line.

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
    found = _hierarchical(path, attributes, rows)
    if len(found) != 1:
        raise ValueError(f"{path}: {len(found)} hierarchical attributes; need one")
    if taxonomy is None:
        taxonomy = _header_taxonomy(path, attributes[found[0]])
    names = [[label.strip() for label in cells[found[0]].split("@")] for _, cells in rows]
    labels = node_labels(names, taxonomy, lambda row: f"{path}: line {rows[row][0]}")
    features, ids = _features(path, rows, found)
    return LabelledSet(features, labels, taxonomy, ids, count_incomplete(labels, taxonomy))


def read_arff_features(path: str | os.PathLike) -> tuple[np.ndarray, tuple[str, ...]]:
    """The features of a file as `read_hierarchical_arff` reads it, whose labels may be unknown or missing.

    `(n, d) float32`, and line numbers as ids, "line 85". Raises ValueError for a feature that is no finite
    number; names the line.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "x.arff")
    ...     _ = path.write_text("@attribute x numeric\\n@data\\n0.5\\n")
    ...     read_arff_features(path)
    (array([[0.5]], dtype=float32), ('line 3',))
    """
    attributes, rows = _parse(path)
    return _features(path, rows, _hierarchical(path, attributes, rows))


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
        elif match := re.match(r"@attribute\s+('[^']*'|\"[^\"]*\"|\S+)\s+(\S.*)", line, re.IGNORECASE):
            kind, *values = match[2].split(None, 1)
            kind = "nominal" if kind.startswith("{") else kind.lower()
            attributes.append(_Attribute(number, match[1].strip("'\""), kind, "".join(values)))
        elif line.lower().startswith("@data"):
            in_data = True
    if not in_data or not attributes:
        raise ValueError(f"{path}: not an ARFF file (no @attribute or no @data)")
    return attributes, rows


def _hierarchical(
    path: str | os.PathLike, attributes: list[_Attribute], rows: list[tuple[int, list[str]]]
) -> list[int]:
    """Positions of the hierarchical attributes, of a file whose others are numeric."""
    for attribute in attributes:
        if attribute.kind not in _KINDS:
            raise ValueError(
                f"{path}: line {attribute.line}: attribute type {attribute.kind!r} is not supported"
            )
    if not rows:
        raise ValueError(f"{path}: 0 rows; there must be some after @data")
    return [k for k, attribute in enumerate(attributes) if attribute.kind == "hierarchical"]


def _features(
    path: str | os.PathLike, rows: list[tuple[int, list[str]]], without: list[int]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Features (n, d) of all attributes but some, and ids of the rows."""
    cells = np.delete(np.array([cells for _, cells in rows]), without, axis=1)
    if not cells.size:
        raise ValueError(f"{path}: no attribute is numeric, so there are no features")
    features = _numbers(cells)
    if not np.isfinite(features).all():
        row, column = np.argwhere(~np.isfinite(features))[0]
        raise ValueError(
            f"{path}: line {rows[row][0]}: {str(cells[row, column])!r} is no finite number; fill it in or "
            "drop the row"
        )
    return features, tuple(f"line {line}" for line, _ in rows)


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
    opening: Any = gzip.open if Path(path).suffix == ".gz" else open
    try:
        with opening(path, "rt", encoding="utf-8") as file:
            return file.read()
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
        raise ValueError(f"{path}: not readable as text ({error})") from error

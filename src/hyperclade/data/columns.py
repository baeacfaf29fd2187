"""Names of the features of a file, and rows put in the order of other names."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hyperclade.data.features import _is_list, _is_number, _open_parquet, _pick_columns


def feature_columns(
    path: str | os.PathLike, *, labels: str | None = None, names: str | None = None, ids: str | None = None
) -> list[str] | None:
    """Names of the columns that `read_features` takes the features from, or None where the file has none.

    Parameters
    ----------
    path, labels, names, ids : as given to `read_features`, which has read the file.

    Returns
    -------
    d str of a `.csv` file with a header or a `.parquet` file of numeric columns; None for another.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name, "toy.csv")
    >>> _ = path.write_text("name,x,y\\ncat,0,1\\ndog,2,3\\n")
    >>> feature_columns(path)
    ['x', 'y']
    >>> folder.cleanup()
    """
    path = Path(path)
    asked = {"label": labels, "name": names, "id": ids}
    if path.suffix.lower() == ".parquet":
        schema = _open_parquet(path).schema_arrow
        if any(_is_list(field.type) for field in schema if field.name not in asked.values()):
            return None
        available = [str(name) for name in schema.names]
    elif path.suffix.lower() == ".csv":
        with open(path, newline="", encoding="utf-8-sig") as file:
            available = next((row for row in csv.reader(file) if row), [])
        if all(map(_is_number, available)):
            return None
    else:
        return None
    taken = set(_pick_columns(available, asked)[0].values())
    return [name for name in available if name not in taken]


def read_columns(path: str | os.PathLike, d: int) -> list[str]:
    """Names of d features from a text file with one a line.

    Raises
    ------
    ValueError
        If the file cannot be read or has another number of names.
    """
    path = Path(path)
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a readable text file of column names ({error})") from error
    names = [line for line in lines if line]
    if len(names) != d:
        raise ValueError(f"{path}: {len(names)} names for {d} columns of features; one a line each")
    return names


def in_order(X: Any, columns: Sequence[str] | None, wanted: Sequence[str] | None) -> Any:
    """The columns of X that are called as wanted, in that order; X as it is where either has no names.

    Parameters
    ----------
    X : (n, d) array, memory map or CSR matrix
    columns : d str or None
        Names of its columns.
    wanted : k str or None

    Returns
    -------
    (n, k) array or CSR matrix

    Raises
    ------
    ValueError
        If columns are missing, which it names.

    Examples
    --------
    >>> import numpy as np
    >>> in_order(np.array([[1, 2, 3]]), ["x", "y", "z"], ["z", "x"]).tolist()
    [[3, 1]]
    >>> in_order(np.array([[1, 2]]), ["x", "y"], ["x", "width"])
    Traceback (most recent call last):
    ...
    ValueError: no column 'width'; the columns are 'x', 'y'
    """
    if columns is None or wanted is None or list(columns) == list(wanted):
        return X
    missing = [name for name in wanted if name not in columns]
    if missing:
        listed = ", ".join(map(repr, missing[:5])) + (", …" if len(missing) > 5 else "")
        there = ", ".join(map(repr, columns[:8])) + (", …" if len(columns) > 8 else "")
        raise ValueError(f"no column{'s' if len(missing) > 1 else ''} {listed}; the columns are {there}")
    repeated = sorted({name for name in wanted if list(columns).count(name) > 1})
    if repeated:
        raise ValueError(f"several columns are called {repeated[0]!r}; rename all but one")
    place = {name: k for k, name in enumerate(columns)}
    return X[:, [place[name] for name in wanted]]

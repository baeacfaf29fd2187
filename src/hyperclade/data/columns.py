"""Names of the features of a file, and rows put in the order of other names."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hyperclade.data.formats import csv, parquet
from hyperclade.data.formats.rows import pick_columns
from hyperclade.data.texts import read_text


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
    path, asked = Path(path), {"label": labels, "name": names, "id": ids}
    names_of = {".parquet": parquet.column_names, ".csv": csv.column_names}.get(path.suffix.lower())
    available = None if names_of is None else names_of(path, asked)
    if available is None:
        return None
    taken = pick_columns(available, asked)[0].values()
    return [name for name in available if name not in taken]


def read_columns(path: str | os.PathLike, d: int) -> list[str]:
    """Names of d features from a text file with one a line.

    Raises
    ------
    ValueError
        If the file cannot be read or has another number of names.
    """
    names = [line.strip() for line in read_text(path).splitlines() if line.strip()]
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

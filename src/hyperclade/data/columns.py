"""Names of features and of rows, and features put in the order of other names."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from hyperclade.data.texts import read_text

if TYPE_CHECKING:
    from hyperclade.data.features import FeatureTable


def named_columns(
    table: "FeatureTable", columns: str | None = None
) -> tuple[list[str] | None, list[str] | None]:
    """Names of the features of a table, if they have any, and the same if nodes are to be named by them.

    Parameters
    ----------
    table : FeatureTable
    columns : str, optional
        "none", "auto" (f0, f1, … where there are no others), or a text file with one name a line. By default
        nodes are named by features that have names, unless rows have some.

    Raises
    ------
    ValueError
        No such file, or one with another number of names.
    """
    listed, d = table.columns, table.features.shape[1]
    if columns is None:
        return listed, None if row_names(table.names, table.ids) is not None else listed
    if columns == "none":
        return listed, None
    if columns == "auto":
        return listed, listed or [f"f{k}" for k in range(d)]
    if not Path(columns).exists():
        raise ValueError(f"--columns {columns}: no such file; it holds the name of a feature on each line")
    listed = read_columns(columns, d)
    return listed, listed


def read_columns(path: str | os.PathLike, d: int) -> list[str]:
    """Names of d features from a text file with one per line; ValueError for another number of names."""
    names = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if len(names) != d:
        raise ValueError(f"{path}: {len(names)} names for {d} columns of features; one per line")
    return names


def row_names(*values: NDArray | None) -> list[str] | None:
    """What rows are called: the first that are there and no numbers, which tell nothing.

    None where what they are called has no letter in it, as images that are numbered.

    >>> import numpy as np
    >>> row_names(None, np.array([3, 4])), row_names(np.array(["oak", "elm"]))
    (None, ['oak', 'elm'])
    >>> row_names(np.array(["0012", "0013"]), np.array(["a/0012.png", "a/0013.png"])) is None
    True
    """
    for own in values:
        if own is not None and own.dtype.kind not in "iu":
            texts = [str(value) for value in own]
            return texts if any(any(map(str.isalpha, text)) for text in texts) else None
    return None


def in_order(X: Any, columns: Sequence[str] | None, wanted: Sequence[str] | None) -> Any:
    """The columns of X, an array or CSR matrix, that are called as wanted, in that order.

    X as it is where either has no names. Raises ValueError if columns are missing, which it names.

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

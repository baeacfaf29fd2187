"""What feature files of all formats share: which column is what, plain values, blocks of rows."""

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

BLOCK_BYTES = 1 << 24
ROLES = ("label", "name", "id")
#: what a column holds: a number, a list of numbers, nothing, or something else ("text", a type by its name)
Kind = str
_INDEX = re.compile(r"index|level_\d+|__index_level_\d+__|unnamed: ?\d+(_level_\d+)?(\.\d+)*", re.IGNORECASE)
_MOST_NAMES = 5


class Asked(NamedTuple):
    """What is asked for: columns or files by role ("id", "label", "name"); names or patterns of features."""

    roles: dict[str, str | None]
    features: tuple[str, ...] = ()


class Read(NamedTuple):
    """What a format reads: features, columns by role, roles that were asked for and found, names of features.

    And remarks: what was assumed or left out, in a sentence each.
    """

    features: Any
    columns: dict[str, Any]
    inside: set[str]
    titles: list[str] | None = None
    remarks: tuple[str, ...] = ()


class Features(NamedTuple):
    """Positions of the columns that are features, whether they are one column of lists, and remarks."""

    columns: list[int]
    is_list: bool
    remarks: list[str]


def pick_columns(available: Sequence[str], asked: Asked) -> tuple[dict[str, str], set[str]]:
    """Column of each role: the one asked for, else the one called like the role; and the roles asked for."""
    columns: dict[str, str] = {}
    inside = set()
    taken = set(asked.roles.values())
    for role, source in asked.roles.items():
        if source is not None:
            if source in available:
                columns[role] = source
                inside.add(role)
            continue
        for name in available:
            if name.lower() in (role, f"{role}s") and name not in taken:
                columns[role] = name
                break
    return columns, inside


def is_index(name: str) -> bool:
    """Whether a column is called as programs call the numbers of rows that they write beside a table.

    >>> [is_index(name) for name in ("index", "Unnamed: 0", "__index_level_0__", "indexed")]
    [True, True, True, False]
    """
    return _INDEX.fullmatch(name) is not None


def pick_features(
    path: Path, names: Sequence[str], kinds: Sequence[Kind], free: Sequence[int], asked: Sequence[str]
) -> Features:
    """Which columns of a table are its features.

    Parameters
    ----------
    path : path
        For messages.
    names, kinds : sequence of str
        Of all columns.
    free : sequence of int
        Positions of the columns that may be features by default: those without a role.
    asked : sequence of str
        Names or patterns ("x*") of features; with none the column of lists, or all columns of numbers.

    Raises
    ------
    ValueError
        A name or pattern without a column, columns that are no numbers, several columns of lists, or none to
        take the features from; names the columns.

    Examples
    --------
    >>> names, kinds = ["id", "x", "y", "town"], ["text", "number", "number", "text"]
    >>> pick_features(Path("a.csv"), names, kinds, [1, 2, 3], [])
    Features(columns=[1, 2], is_list=False, remarks=["not used: column 'town' (text)"])
    >>> pick_features(Path("a.csv"), names, kinds, [1, 2, 3], ["y"]).columns
    [2]
    """
    chosen = list(free)
    if asked:
        chosen = []
        for pattern in asked:
            # Names may have characters that mean something in patterns.
            found = [k for k, name in enumerate(names) if name == pattern] or [
                k for k, name in enumerate(names) if fnmatchcase(name, pattern)
            ]
            if not found:
                raise ValueError(f"{path}: no column {pattern!r} for the features; there are {quoted(names)}")
            chosen += [k for k in found if k not in chosen]
        wrong = [k for k in chosen if kinds[k] not in ("number", "list")]
        if wrong:
            raise ValueError(f"{path}: {_told(names, kinds, wrong)} cannot be features; choose others")
    lists = [k for k in chosen if kinds[k] == "list"]
    if len(lists) > 1 or (asked and lists and len(chosen) > 1):
        there = quoted([names[k] for k in chosen if asked or kinds[k] == "list"])
        what = "more than one list" if asked else "several columns of lists"
        raise ValueError(f"{path}: {what} ({there}); say which has the features (option `features`)")
    numbers = [k for k in chosen if kinds[k] == "number"]
    if not lists and not numbers:
        others = f"; it has {_told(names, kinds, range(len(names)))}" if len(names) else ""
        raise ValueError(f"{path}: no column of numbers or lists to take the features from{others}")
    columns = lists or numbers
    unused = [k for k in free if k not in columns]
    return Features(columns, bool(lists), [f"not used: {_told(names, kinds, unused)}"] if unused else [])


def quoted(names: Sequence[str]) -> str:
    """Some names for a message, each in quotes.

    >>> quoted(list("abcdefg"))
    "'a', 'b', 'c', 'd', 'e' and 2 more"
    """
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(map(repr, names[:_MOST_NAMES])) + more


def refuse_choice(path: Path, asked: Asked) -> None:
    """Raise ValueError where features are chosen by names, which the columns of such a file have not."""
    if asked.features:
        raise ValueError(f"{path}: its columns have no names to choose the features by")


def joined(blocks_of_rows: Sequence[np.ndarray]) -> np.ndarray:
    """Columns of numbers, `(n,)` each, as features `(n, d)` of the narrowest dtype that holds them all."""
    columns = [np.asarray(column) for column in blocks_of_rows]
    columns = [column.astype(np.uint8) if column.dtype == bool else column for column in columns]
    return np.stack(columns, axis=1, dtype=np.result_type(*columns))


def plain_values(values: Any, *, blank_is_missing: bool) -> np.ndarray:
    """Integers as int64, anything else as str objects, None where missing."""
    array = np.asarray(values, dtype=None if isinstance(values, np.ndarray) else object)
    if array.ndim != 1:
        raise ValueError(f"ids, labels and names must be one-dimensional, got shape {array.shape}")
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    missing = pd.isna(array)
    whole = not missing.any() and all(isinstance(value, int | np.integer) for value in array)
    if whole and array.dtype == object:
        return array.astype(np.int64)
    plain = np.empty(len(array), dtype=object)
    plain[:] = [
        None
        if absent or (blank_is_missing and isinstance(value, str | bytes) and not value)
        else int(value)
        if isinstance(value, int | np.integer)
        else _text(value)
        for value, absent in zip(array, missing, strict=True)
    ]
    return plain


def _text(value: Any) -> str:
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"ids, labels and names must be UTF-8, but {value[:20]!r} is not") from error


def integers_if_all(values: Sequence[Any]) -> np.ndarray:
    """Text of integers (or nothing) as integers, unless something such as a leading zero would be lost."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    present = ~(pd.isna(array) | (array == ""))
    try:
        numbers = array[present].astype(np.int64)
    except (ValueError, OverflowError):
        return array
    if all(map(str.__eq__, map(str, numbers), array[present])):
        array[present] = numbers
    return array


def blocks(features: Any) -> Iterator[tuple[int, int]]:
    rows = max(1, BLOCK_BYTES // max(1, features.shape[1] * features.dtype.itemsize))
    for start in range(0, features.shape[0], rows):
        yield start, min(start + rows, features.shape[0])


def _told(names: Sequence[str], kinds: Sequence[Kind], columns: Sequence[int]) -> str:
    """Columns by their kinds: "columns 'a', 'b' (text), 'c' (empty)"."""
    by_kind: dict[Kind, list[str]] = {}
    for k in columns:
        by_kind.setdefault(kinds[k], []).append(names[k])
    told = (f"{quoted(called)} ({kind})" for kind, called in by_kind.items())
    return f"column{'s' if len(columns) > 1 else ''} {', '.join(told)}"

"""What feature files of all formats share: which column is what, plain values, blocks of rows."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

BLOCK_BYTES = 1 << 24
#: features, columns by role ("id", "label", "name"), the roles that were asked for and found in the file, and
#: the names of the features, where they have some
Read = tuple[Any, dict[str, Any], set[str], list[str] | None]


def pick_columns(available: Sequence[str], asked: dict[str, str | None]) -> tuple[dict[str, str], set[str]]:
    """Column of each role: the one asked for, else the one called like the role."""
    columns: dict[str, str] = {}
    inside = set()
    for role, source in asked.items():
        if source is not None:
            if source in available:
                columns[role] = source
                inside.add(role)
            continue
        taken = set(asked.values())
        for name in available:
            if name.lower() in (role, f"{role}s") and name not in taken:
                columns[role] = name
                break
    return columns, inside


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
        if absent or (blank_is_missing and isinstance(value, str) and not value)
        else int(value)
        if isinstance(value, int | np.integer)
        else str(value)
        for value, absent in zip(array, missing, strict=True)
    ]
    return plain


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

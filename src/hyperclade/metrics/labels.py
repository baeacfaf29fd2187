"""Labels of any hashable kind as integer codes, the form every metric works on."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd


def encode_labels(labels: Any, *, minus_one_is_missing: bool = False) -> tuple[np.ndarray, int]:
    """Number the distinct labels 0, 1, … in order of first appearance; a missing one (None, NaN) gets −1.

    Parameters
    ----------
    labels : (n,) array or iterable
        Values of any hashable kind (str, int, tuple, …).
    minus_one_is_missing : bool
        Also take the integer −1, the usual mark of "no label", as missing.

    Returns
    -------
    codes : (n,) int64
    n_distinct : int
        The number of distinct labels.

    Raises
    ------
    ValueError
        Labels not one-dimensional, empty, or not hashable.

    Examples
    --------
    >>> encode_labels(["cat", None, "dog", "cat"])
    (array([ 0, -1,  1,  0]), 2)
    """
    array = _one_dimensional(labels)
    if len(array) == 0:
        raise ValueError("labels are empty: give one label per sample")
    try:
        codes, classes = pd.factorize(array)
    except TypeError as error:
        raise ValueError(f"labels must be hashable (str, int, tuple, …): {error}") from error
    codes = codes.astype(np.int64)
    if minus_one_is_missing:
        minus_one = [
            k for k, value in enumerate(classes) if not isinstance(value, str) and _is_minus_one(value)
        ]
        if minus_one:
            k = minus_one[0]
            codes = np.where(codes == k, -1, codes - (codes > k))
            return codes, len(classes) - 1
    return codes, len(classes)


def _is_minus_one(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and value == -1


def _one_dimensional(labels: Any) -> np.ndarray:
    if isinstance(labels, str) or not isinstance(labels, Iterable):
        raise ValueError(f"labels must be a sequence with one label per sample, got {type(labels).__name__}")
    if hasattr(labels, "__array__"):  # arrays, pandas columns, tensors
        array = np.asarray(labels)
        if array.ndim != 1:
            raise ValueError(f"labels must be one-dimensional, got shape {array.shape}")
        return array
    values = list(labels)
    array = np.empty(
        len(values), dtype=object
    )  # np.array would split tuples into columns, or turn 1 into "1"
    array[:] = values
    return array

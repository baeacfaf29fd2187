"""Scaling of feature columns or rows before they are compared, and the same for rows that come later."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

ScaleName = Literal["none", "standard", "minmax", "unit"]

_BLOCK_ROWS = 4096
_SAMPLE = 10_000  # rows from which the spread of columns is judged
_ROUNDING = 4 * np.finfo(np.float64).eps
_LARGEST = float(np.finfo(np.float32).max)
_VERY_DIFFERENT = 100.0  # ratio of spreads from which a few columns decide all distances


@dataclass(frozen=True, eq=False)
class Scaling:
    """What a row becomes: ``(row − shift) · factor``, and then length one if `kind` is "unit".

    Attributes
    ----------
    kind : {"none", "standard", "minmax", "unit"}
        "none", "standard" (columns of mean 0 and variance 1), "minmax" (from 0 to 1) or "unit" (rows of
        length 1).
    shift, factor : (d,) float64
    constant : (k,) int64
        Columns that are the same in all rows; they become 0 under "standard" and "minmax".
    """

    kind: ScaleName
    shift: NDArray[np.float64]
    factor: NDArray[np.float64]
    constant: NDArray[np.int64]

    def apply(self, X: Any, *, out: str | os.PathLike | None = None) -> Any:
        """Rows `(n, d)`, dense or CSR, scaled, as float32, in blocks; with "none" as they are.

        `out` names a new `.npy` file that takes the scaled rows of an array, for more of them than memory
        holds; they are returned as a memory map of it. Unused with "none" and sparse rows. Raises ValueError
        for another number of columns, or sparse rows under "standard" or "minmax".
        """
        if X.shape[1] != len(self.shift):
            raise ValueError(f"the rows have {X.shape[1]} features, but {len(self.shift)} were scaled")
        if self.kind == "none":
            return X
        if scipy.sparse.issparse(X):
            _refuse_sparse(self.kind)
            return _unit_sparse(X)
        scaled: Any = (
            np.empty(X.shape, dtype=np.float32)
            if out is None
            else np.lib.format.open_memmap(out, mode="w+", dtype=np.float32, shape=X.shape)
        )
        for start in range(0, len(X), _BLOCK_ROWS):
            block = np.asarray(X[start : start + _BLOCK_ROWS], dtype=np.float64)
            if self.kind == "unit":
                largest = np.abs(block).max(axis=1, keepdims=True, initial=0.0)
                block = block / np.where(largest > 0, largest, 1)
                length = np.linalg.norm(block, axis=1, keepdims=True)
                block /= np.where(length > 0, length, 1)
            else:
                # The shift is scaled first: a difference of the largest numbers would overflow.
                block = block * self.factor - self.shift * self.factor
                # New rows may lie far outside what was scaled.
                np.clip(block, -_LARGEST, _LARGEST, out=block)
            scaled[start : start + len(block)] = block
        return scaled

    def to_json(self) -> str:
        """JSON text; `from_json` reads it."""
        arrays = {name: getattr(self, name).tolist() for name in ("shift", "factor", "constant")}
        return json.dumps({"kind": self.kind} | arrays)

    @classmethod
    def from_json(cls, text: str) -> Scaling:
        """Of the JSON text that `to_json` wrote; ValueError for another."""
        try:
            content = json.loads(text)
            return cls(
                content["kind"],
                np.array(content["shift"], dtype=np.float64),
                np.array(content["factor"], dtype=np.float64),
                np.array(content["constant"], dtype=np.int64),
            )
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise ValueError(f"this is no scaling: {error}") from error

    @classmethod
    def read(cls, path: Path) -> Scaling:
        """Of a file with the text of `to_json`."""
        return cls.from_json(path.read_text(encoding="utf-8"))


def scaling_of(X: Any, kind: ScaleName) -> Scaling:
    """What scales the rows of X, a finite `(n, d)` array, memory map or CSR matrix of any real dtype.

    Raises ValueError for an unknown kind, or "standard" or "minmax" of a sparse matrix, which would not stay
    sparse.

    Examples
    --------
    >>> X = np.array([[0.0, 5.0], [4.0, 5.0]])
    >>> scaling = scaling_of(X, "minmax")
    >>> scaling.apply(X).tolist(), scaling.constant.tolist()
    ([[0.0, 0.0], [1.0, 0.0]], [1])
    """
    if kind not in get_args(ScaleName):
        raise ValueError(f"scale must be one of {', '.join(get_args(ScaleName))}, got {kind!r}")
    d = X.shape[1]
    none: NDArray[np.int64] = np.empty(0, dtype=np.int64)
    if kind in ("none", "unit"):
        return Scaling(kind, np.zeros(d), np.ones(d), none)
    if scipy.sparse.issparse(X):
        _refuse_sparse(kind)
    low, high = _bounds(X)
    # Values that differ by rounding alone carry nothing that is worth a variance of one.
    is_constant = high / 2 - low / 2 <= _ROUNDING * np.maximum(np.abs(low), np.abs(high))
    constant = np.flatnonzero(is_constant)
    if kind == "minmax":
        spread = high / 2 - low / 2
        factor = np.divide(0.5, spread, out=np.zeros(d), where=~is_constant)
        return Scaling(kind, low, factor, constant)
    # In units of the largest value, so that no square overflows.
    unit = np.maximum(np.maximum(np.abs(low), np.abs(high)), np.finfo(np.float64).tiny)
    total = np.zeros(d)
    for block in _blocks(X):
        total += (block / unit).sum(axis=0)
    mean = total / len(X)
    squares = np.zeros(d)
    for block in _blocks(X):
        squares += np.square(block / unit - mean).sum(axis=0)
    deviation = np.sqrt(squares / len(X))
    factor = np.divide(1 / unit, deviation, out=np.zeros(d), where=~is_constant)
    return Scaling(kind, mean * unit, factor, constant)


def spread_hint(X: Any) -> str | None:
    """One line where a few columns would decide all Euclidean distances, as their spread is far larger.

    Judged on up to 10,000 rows, by the middle 98 % of each column's values. Constant columns are left aside,
    and the tenth of the others that spreads least, so that a few idle ones among many do no harm.

    >>> spread_hint(np.array([[0.0, 0.0], [1.0, 5000.0]]))
    'columns differ much in spread (from 0.98 to 4.9e+03); --scale standard or minmax makes them count alike'
    >>> spread_hint(np.eye(2)) is None
    True
    """
    if scipy.sparse.issparse(X):
        return None
    rows = np.unique(np.linspace(0, len(X) - 1, min(len(X), _SAMPLE)).astype(np.int64))
    # Halved, as the distance of the largest numbers overflows.
    low, high = np.quantile(np.asarray(X[rows], dtype=np.float64) / 2, [0.01, 0.99], axis=0)
    spread = np.sort((high - low)[high > low])
    if not spread.size:
        return None
    least, most = (2 * float(spread[k]) for k in ((len(spread) - 1) // 10, -1))
    if not most > _VERY_DIFFERENT * least:
        return None
    return (
        f"columns differ much in spread (from {least:.3g} to {most:.3g}); "
        "--scale standard or minmax makes them count alike"
    )


def remarks(
    X: Any, scaling: Scaling, columns: Sequence[str] | None = None, *, by_direction: bool = False
) -> list[str]:
    """What the owner of features X should know of them before rows are compared, a line each.

    No hint at the spread of columns where rows are compared `by_direction` alone.

    >>> X = np.array([[0.0, 5.0], [4.0, 5.0]])
    >>> remarks(X, scaling_of(X, "minmax"), ["x", "y"])
    ["warning: column 'y' is constant, and count for nothing under --scale minmax"]
    """
    lines = []
    if (count := len(scaling.constant)) > 0:
        first = [repr(columns[k]) if columns else str(k) for k in scaling.constant[:5].tolist()]
        more = f" and {count - len(first)} more" if count > len(first) else ""
        what = f"column {first[0]} is" if count == 1 else f"columns {', '.join(first)}{more} are"
        lines.append(f"warning: {what} constant, and count for nothing under --scale {scaling.kind}")
    if scaling.kind == "none" and not by_direction and (hint := spread_hint(X)) is not None:
        lines.append(f"hint: {hint}")
    return lines


def _refuse_sparse(kind: str) -> None:
    if kind in ("standard", "minmax"):
        raise ValueError(f'scale "{kind}" would make sparse rows dense; use "unit" or "none"')


def _unit_sparse(X: Any) -> Any:
    """Rows of length one; divided by their largest value first, so that no square overflows."""
    X = X.tocsr().astype(np.float64)
    for length in (abs(X).max(axis=1).toarray().ravel(), None):
        if length is None:
            length = np.sqrt(np.asarray(X.multiply(X).sum(axis=1)).ravel())
        X.data = X.data / np.repeat(np.where(length > 0, length, 1.0), np.diff(X.indptr))
    return X.astype(np.float32)


def _bounds(X: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    low, high = np.full(X.shape[1], np.inf), np.full(X.shape[1], -np.inf)
    for block in _blocks(X):
        np.minimum(low, block.min(axis=0), out=low)
        np.maximum(high, block.max(axis=0), out=high)
    return low, high


def _blocks(X: Any) -> Any:
    for start in range(0, len(X), _BLOCK_ROWS):
        yield np.asarray(X[start : start + _BLOCK_ROWS], dtype=np.float64)

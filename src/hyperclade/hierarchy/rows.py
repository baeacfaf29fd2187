"""Rows of any feature array, prepared for a metric and read a block at a time; equal rows found once.

Results must not depend on the processor, nor on how X is stored or its rows are ordered. So rows are put in
an order of their own content, and whatever decides works on whole numbers: sums and products of these are
exact in any order, whichever library or instruction computes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import scipy.sparse
from numba import njit
from numpy.typing import NDArray

from hyperclade.environment import FloatArray, IntArray

Metric = Literal["euclidean", "cosine"]

METRICS = ("euclidean", "cosine")
BLOCK_ROWS = 4096
_BLOCK_VALUES = 2**22  # of a block once dense: fewer rows of wide arrays are read at a time
_EXACT_FLOAT32 = 2**24  # whole numbers up to here, and sums of them, are exact in float32
_SKETCH = 512  # numbers that stand for a wide sparse row where sums over rows are needed
_TYPICAL, _FARTHEST = 1000, 32_000  # whole number of a typical, and of the largest, Euclidean norm


def as_array(X: Any) -> Any:
    """A torch tensor as the array it holds; anything else unchanged.

    Examples
    --------
    >>> as_array([[1.0, 2.0]])
    [[1.0, 2.0]]
    """
    if hasattr(X, "detach"):
        X = X.detach().cpu()
        return X.float().numpy() if str(X.dtype) == "torch.bfloat16" else X.numpy()
    return X


def rows_by_label(labels: IntArray, k: int) -> list[IntArray]:
    """Rows of each label in 0..k-1, ascending.

    >>> [rows.tolist() for rows in rows_by_label(np.array([1, 0, 1]), 2)]
    [[1], [0, 2]]
    """
    return np.split(np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels, minlength=k))[:-1])


@dataclass(frozen=True, eq=False)
class Frame:
    """What prepares a row for the Euclidean metric: ``(x − centre) / spread``.

    Attributes
    ----------
    centre : (d,) float64
        The mean row; 0 for sparse rows, which centring would make dense.
    spread : float
        Root mean square distance of the rows from the centre.
    """

    centre: FloatArray
    spread: float


class Rows:
    """Rows of X prepared for a metric, in blocks; X itself is never copied or converted as a whole.

    Parameters
    ----------
    X : (n, d) array, memory map or CSR matrix
        Finite numbers of any real dtype.
    metric : {"cosine", "euclidean"}
        "cosine": rows have length one; a row of zeros has no direction and stays zero: its cosine with every
        row is 0. "euclidean": rows are moved to their mean and scaled by one number, so that their root mean
        square length is one.
    frame : Frame, optional
        Frame of other rows, to be prepared likewise; default: made of these.
    index : (m,) int64, optional
        Rows of X to see, in this order; default all.

    Examples
    --------
    >>> Rows(np.array([[3, 4], [0, 2]]))[:].tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 1.0]]
    >>> Rows(np.array([[3.0], [5.0]]), "euclidean")[:].tolist()
    [[-1.0], [1.0]]
    """

    def __init__(
        self, X: Any, metric: Metric = "cosine", *, frame: Frame | None = None, index: IntArray | None = None
    ) -> None:
        if metric not in METRICS:
            raise ValueError(f"metric must be one of {', '.join(METRICS)}, got {metric!r}")
        self.X: Any = X.tocsr() if scipy.sparse.issparse(X) else X if hasattr(X, "shape") else np.asarray(X)
        self.metric: Metric = metric
        self.index = index
        self.shape: tuple[int, int] = (self.X.shape[0] if index is None else len(index), self.X.shape[1])
        self._frame = frame
        if self.is_sparse:
            self.X = _without_repeats(self.X)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | IntArray) -> NDArray[np.float32]:
        return self.read(rows, np.float32)

    def at(self, index: IntArray) -> Rows:
        """The same rows in another order, or some of them."""
        within = index if self.index is None else self.index[index]
        frame = self.frame if self.metric == "euclidean" else None
        return Rows(self.X, self.metric, frame=frame, index=within)

    def of(self, X: Any) -> Rows:
        """Rows of another array, prepared as these are."""
        return Rows(X, self.metric, frame=self.frame if self.metric == "euclidean" else None)

    def read(self, rows: slice | IntArray, dtype: type) -> Any:
        """Prepared rows, `(b, d)`, in float32 or float64."""
        block = self._values(rows)
        if self.metric == "cosine":
            scale_to_unit(block)
        else:
            # Divided before they are subtracted, so that the largest numbers do not overflow.
            block /= self.frame.spread
            block -= self.frame.centre / self.frame.spread
        return block.astype(dtype, copy=False)

    def directions(self, rows: slice | IntArray) -> FloatArray:
        """Prepared rows (wide ones sketched) scaled to length one, `(b, d) float64`; zero rows stay zero."""
        block = self.sketch(rows)
        if self.metric == "euclidean" or self.is_wide:
            scale_to_unit(block)
        return block

    def sketch(self, rows: slice | IntArray) -> NDArray[np.float64]:
        """Prepared rows, `(b, min(d, 512)) float64`; wide sparse ones projected, which nearly keeps products.

        Each column goes with random signs to four of 512 places (a sparse Johnson–Lindenstrauss transform,
        Kane & Nelson 2014), by its number alone.
        """
        if not self.is_wide:
            return self.read(rows, np.float64)
        return (self.sparse(rows) @ self._places).toarray()

    @property
    def typical_length(self) -> int:
        """Whole number that stands for a root mean square length in `whole` Euclidean rows."""
        return _TYPICAL

    @property
    def width(self) -> int:
        """Numbers a row has, once sketched."""
        return _SKETCH if self.is_wide else self.shape[1]

    def squares(self, rows: slice | IntArray) -> FloatArray:
        """Squared lengths of prepared rows, `(b,) float64`."""
        if self.is_sparse:
            return np.asarray(self.sparse(rows).power(2).sum(axis=1)).ravel()
        return _squares(self.read(rows, np.float64))

    @property
    def is_wide(self) -> bool:
        """Whether rows are sparse and too wide to be handled densely."""
        return self.is_sparse and self.shape[1] > _SKETCH

    @cached_property
    def _places(self) -> scipy.sparse.csr_matrix:
        d = self.shape[1]
        rng = np.random.default_rng(0)
        signs = rng.choice([-0.5, 0.5], size=(d, 4))
        places = rng.integers(_SKETCH // 4, size=(d, 4)) + np.arange(4) * (_SKETCH // 4)
        pointer = np.arange(0, 4 * d + 1, 4)
        return scipy.sparse.csr_matrix((signs.ravel(), places.ravel(), pointer), shape=(d, _SKETCH))

    def whole(self, rows: slice | IntArray) -> NDArray[np.int32]:
        """Prepared rows (wide ones sketched) as whole numbers, `(b, d) int32`, some 1,000 to 2,000 long."""
        if self.metric == "cosine":
            return whole_directions(self.directions(rows))
        block = self.sketch(rows)
        block *= _TYPICAL
        _limit_lengths(block, float(_FARTHEST))
        return np.rint(block).astype(np.int32)

    def near_whole(self, rows: slice | IntArray) -> NDArray[np.float32]:
        """`whole` rows of a length whose squared distances are exact in float32: far rows are pulled in."""
        block = self.whole(rows).astype(np.float64)
        _limit_lengths(block, float(direction_length(block.shape[1])))
        return np.rint(block).astype(np.float32)

    def blocks(self) -> Iterator[slice]:
        """Slices of consecutive rows."""
        return self.blocks_of(len(self))

    def blocks_of(self, count: int) -> Iterator[slice]:
        """Slices of 0..count-1 that hold as many rows as are read at a time, fewer where rows are wide."""
        size = int(np.clip(_BLOCK_VALUES // max(self.shape[1], 1), 16, BLOCK_ROWS))
        for start in range(0, count, size):
            yield slice(start, min(start + size, count))

    @cached_property
    def frame(self) -> Frame:
        """Centre and spread of the rows, rounded so that no order of summation shows."""
        if self._frame is not None:
            return self._frame
        n, d = self.shape
        centre = np.zeros(d)
        if self.is_sparse:
            data = self._sparse(slice(None)).data
            unit = _power_above(float(np.abs(data).max(initial=0.0)))
            squares = float(_squares((data / unit)[None])[0])
        else:
            unit = _power_above(
                max(float(np.abs(self._values(rows)).max(initial=0.0)) for rows in self.blocks())
            )
            for rows in self.blocks():
                centre += _column_sums(self._values(rows) / unit)
            centre = np.rint(centre / n * 2**30) / 2**30
            squares = sum(float(_squares(self._values(rows) / unit - centre).sum()) for rows in self.blocks())
        spread = float(np.float32(np.sqrt(squares / n))) or 1.0
        return Frame(centre * unit, spread * unit)

    @cached_property
    def distinct(self) -> Distinct:
        """Equal rows, and the distinct ones in an order that only their content decides."""
        keys = self.keys()
        order = np.lexsort((keys[1], keys[0]))
        new = np.ones(len(order), dtype=bool)
        new[1:] = (keys[:, order[1:]] != keys[:, order[:-1]]).any(axis=0)
        item_of = np.empty(len(order), dtype=np.int64)
        item_of[order] = np.cumsum(new) - 1
        return Distinct(order[new], item_of, keys[:, order[new]])

    def keys(self) -> NDArray[np.uint64]:
        """128 bits of hash of the content of each row, `(2, n) uint64`."""
        keys = np.empty((2, len(self)), dtype=np.uint64)
        if self.is_sparse:
            X = self._sparse(slice(None))
            _sparse_keys(X.indptr.astype(np.int64), X.indices.astype(np.int64), X.data, keys)
        else:
            for rows in self.blocks():
                _row_keys(self._values(rows), keys[:, rows])
        return keys

    @property
    def is_sparse(self) -> bool:
        return scipy.sparse.issparse(self.X)

    def sparse(self, rows: slice | IntArray) -> scipy.sparse.csr_matrix:
        """Prepared rows of a sparse X, `(b, d) float64` CSR."""
        block = self._sparse(rows)
        if self.metric == "cosine":
            _scale_sparse(block.indptr.astype(np.int64), block.data)
        else:
            block.data /= self.frame.spread
        return block

    def _sparse(self, rows: slice | IntArray) -> scipy.sparse.csr_matrix:
        return self.X[rows if self.index is None else self.index[rows]].astype(np.float64)

    def _values(self, rows: slice | IntArray) -> FloatArray:
        """Rows as they are, `(b, d) float64`, C-ordered, in memory of their own."""
        if self.is_sparse:
            return self._sparse(rows).toarray()
        block = self.X[rows if self.index is None else self.index[rows]]
        return np.array(block, dtype=np.float64, order="C") + 0.0  # -0.0 is 0.0


@dataclass(frozen=True, eq=False)
class Distinct:
    """Groups of equal rows, here called items.

    Attributes
    ----------
    first : (m,) int64
        The first row of each item, items in an order of their content.
    item_of : (n,) int64
        Item of each row.
    keys : (2, m) uint64
        Ascending, of the items' content; to find equal rows by.
    """

    first: IntArray
    item_of: IntArray
    keys: NDArray[np.uint64] | None = None

    def __len__(self) -> int:
        return len(self.first)

    @cached_property
    def sizes(self) -> IntArray:
        """Rows in each item, `(m,) int64`."""
        return np.bincount(self.item_of, minlength=len(self.first))

    def find(self, rows: Rows) -> IntArray:
        """The item that each of other rows equals, `(b,) int64`, or -1."""
        assert self.keys is not None
        asked = rows.keys()
        at = np.minimum(np.searchsorted(self.keys[0], asked[0]), len(self) - 1)
        return np.where((self.keys[:, at] == asked).all(axis=0), at, -1)

    @cached_property
    def members(self) -> tuple[IntArray, IntArray]:
        """Rows grouped by item, ascending in each, `(n,)`, and where each group starts, `(m + 1,)`."""
        return np.argsort(self.item_of, kind="stable"), np.r_[0, np.cumsum(self.sizes)]


def whole_directions(block: FloatArray) -> NDArray[np.int32]:
    """Unit rows `(b, d)` as whole numbers; inner products and squared distances of two are exact in float32.

    >>> whole_directions(np.array([[0.6, 0.8], [0.0, 0.0]])).tolist()
    [[1228, 1637], [0, 0]]
    """
    return np.rint(block * direction_length(block.shape[1])).astype(np.int32)


def direction_length(d: int) -> int:
    """Whole number that stands for a length of 1 in `whole_directions` of d features."""
    # Rounding lengthens a row by at most √d/2; four squares of that must stay exact.
    return int(np.sqrt(_EXACT_FLOAT32 / 4) - np.ceil(np.sqrt(d) / 2) - 1)


def _without_repeats(X: Any) -> Any:
    """The same CSR matrix with each entry once, in order; a copy if that is needed."""
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


def _power_above(largest: float) -> float:
    """A power of two near the largest number, by which all are divided without rounding."""
    return 2.0 ** min(max(int(np.frexp(largest)[1]), -1000), 1023) if largest > 0 else 1.0


def _limit_lengths(block: FloatArray, longest: float) -> None:
    length = np.sqrt(_squares(block))
    block *= np.where(length > longest, longest / np.where(length > 0, length, 1), 1.0)[:, None]


# Sums below run in one order, so that they are the same on every processor.


@njit(cache=True, nogil=True)
def scale_to_unit(block):
    for i in range(block.shape[0]):
        largest = 0.0
        for k in range(block.shape[1]):
            largest = max(largest, abs(block[i, k]))
        if largest == 0.0:
            continue
        total = 0.0
        for k in range(block.shape[1]):
            block[i, k] /= largest  # keeps the squares of huge and tiny numbers finite
            total += block[i, k] * block[i, k]
        length = np.sqrt(total)
        for k in range(block.shape[1]):
            block[i, k] /= length


@njit(cache=True, nogil=True)
def _scale_sparse(indptr, data):
    for i in range(indptr.shape[0] - 1):
        largest, total = 0.0, 0.0
        for e in range(indptr[i], indptr[i + 1]):
            largest = max(largest, abs(data[e]))
        if largest == 0.0:
            continue
        for e in range(indptr[i], indptr[i + 1]):
            data[e] /= largest
            total += data[e] * data[e]
        for e in range(indptr[i], indptr[i + 1]):
            data[e] /= np.sqrt(total)


@njit(cache=True, nogil=True)
def _squares(block):
    total = np.zeros(block.shape[0])
    for i in range(block.shape[0]):
        for k in range(block.shape[1]):
            total[i] += block[i, k] * block[i, k]
    return total


@njit(cache=True, nogil=True)
def _column_sums(block):
    total = np.zeros(block.shape[1])
    for i in range(block.shape[0]):
        for k in range(block.shape[1]):
            total[k] += block[i, k]
    return total


@njit(cache=True, nogil=True)
def _mixed(key, value):
    """SplitMix64's finaliser over a running key."""
    key = (key ^ value) + np.uint64(0x9E3779B97F4A7C15)
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return key ^ (key >> np.uint64(31))


@njit(cache=True, nogil=True)
def _row_keys(block, keys):
    bits = block.view(np.uint64)
    for i in range(block.shape[0]):
        first, second = np.uint64(1), np.uint64(2)
        for k in range(block.shape[1]):
            first = _mixed(first, bits[i, k])
            second = _mixed(second, bits[i, k])
        keys[0, i], keys[1, i] = first, second


@njit(cache=True, nogil=True)
def _sparse_keys(indptr, indices, data, keys):
    bits = data.view(np.uint64)
    for i in range(indptr.shape[0] - 1):
        first, second = np.uint64(1), np.uint64(2)
        for e in range(indptr[i], indptr[i + 1]):
            if data[e] != 0.0:
                first = _mixed(_mixed(first, np.uint64(indices[e])), bits[e])
                second = _mixed(_mixed(second, np.uint64(indices[e])), bits[e])
        keys[0, i], keys[1, i] = first, second

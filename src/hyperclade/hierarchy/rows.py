"""Unit-length rows of any feature array, read a block at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

BLOCK_ROWS = 4096


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


class UnitRows:
    """Rows of X scaled to length one, in blocks; X itself is never copied or converted as a whole.

    Parameters
    ----------
    X : (n, d) array, memory map or CSR matrix
        Finite numbers of any real dtype. A row of zeros has no direction and stays zero: its cosine with
        every row is 0.

    Examples
    --------
    >>> UnitRows(np.array([[3, 4], [0, 2]]))[:].tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 1.0]]
    """

    def __init__(self, X: Any) -> None:
        self.X = X.tocsr() if scipy.sparse.issparse(X) else X
        self.shape: tuple[int, int] = X.shape

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        return self.read(rows, np.float32)

    def read(self, rows: slice | NDArray[np.int64], dtype: type) -> Any:
        """Unit rows, `(b, d)`, in float32 or float64."""
        block = self.X[rows]
        block = block.toarray() if scipy.sparse.issparse(block) else np.asarray(block)
        wide = dtype is np.float64 or block.dtype.itemsize > 4  # float32 would overflow on wide values
        block = block.astype(np.float64 if wide else np.float32)
        largest = np.abs(block).max(axis=1, keepdims=True, initial=0.0)
        largest[largest == 0] = 1
        block /= largest  # keeps the squares of huge and tiny numbers finite
        length = np.sqrt(np.einsum("ij,ij->i", block, block))[:, None]
        block /= np.where(length > 0, length, 1)
        return block.astype(dtype, copy=False)

    def blocks(self, size: int = BLOCK_ROWS) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """(first row, unit rows) of consecutive blocks."""
        for start in range(0, len(self), size):
            yield start, self[start : start + size]

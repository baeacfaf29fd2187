"""What systems that learn ask of their samples, whatever these are."""

import hashlib
from collections.abc import Iterable
from typing import Any, ClassVar, Protocol, Self

import numpy as np

_DIGESTED = 64  # rows


class Samples(Protocol):
    """n samples to learn from or to judge by.

    Attributes
    ----------
    word : str
        What they are called, "pairs".
    ids : tuple of str
        A name per sample; may be empty.
    skipped : tuple of (str, str)
        What could not be read, and why.
    in_memory : bool
        Whether reading takes no time.
    """

    word: ClassVar[str]

    @property
    def ids(self) -> tuple[str, ...]: ...

    @property
    def skipped(self) -> tuple[tuple[str, str], ...]: ...

    @property
    def in_memory(self) -> bool: ...

    def __len__(self) -> int: ...

    def subset(self, rows: Any) -> Self:
        """These rows, in this order."""

    def batch(self, rows: Any) -> dict[str, np.ndarray]:
        """What training reads of some rows: arrays by name, which may be changed in place."""

    def fingerprint(self) -> dict[str, Any]:
        """What tells the samples apart: their number, shapes, and a digest of names and a few rows.

        Not of all rows, which may not fit into memory.
        """

    def describe(self) -> str:
        """In words: "images of 32 × 32"."""


def some_rows(n: int) -> np.ndarray:
    """A few rows of n, evenly spread, `(64,) int64`, for `content_digest`."""
    return np.linspace(0, n - 1, _DIGESTED).astype(np.int64)


def content_digest(names: Iterable[str], arrays: Iterable[np.ndarray]) -> str:
    """Digest of names and of the bytes of arrays.

    >>> content_digest(["a"], [np.zeros(1)])[:8]
    '50edc262'
    """
    digest = hashlib.sha256("\0".join(names).encode(errors="surrogateescape"))
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()

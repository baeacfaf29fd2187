"""Arrays that take long to compute, such as features of frozen networks, kept so that a kill loses little."""

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hyperclade.data.atomic import atomic_write
from hyperclade.progress import Progress

_BLOCK = 32  # samples that are kept, and checked, together


class Kept:
    """Arrays that are computed in blocks and kept in files, or in memory where there is no folder.

    Parameters
    ----------
    folder : Path or None
    about : dict
        What the arrays are of and made by; names the files, so that runs share them.
    progress : callable or None
    dtype : dtype
        Of the arrays.
    at_once : int
        Samples that are computed at once.

    Examples
    --------
    >>> Kept(None, {}, None).array("", 3, (1,), lambda rows: np.array(rows), "counting").ravel().tolist()
    [0.0, 1.0, 2.0]
    """

    def __init__(
        self,
        folder: Path | None,
        about: dict[str, Any],
        progress: Progress | None,
        *,
        dtype: Any = np.float16,
        at_once: int = 4,
    ) -> None:
        self.folder, self.dtype, self.at_once = folder, dtype, at_once
        self.key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
        self.progress = progress

    def array(
        self, what: str, n: int, shape: tuple[int, ...], compute: Callable[[range], np.ndarray], doing: str
    ) -> np.ndarray:
        """Rows `(n, *shape)`; blocks whose checksum is right are not computed again."""
        if self.folder is None:
            found = np.empty((n, *shape), self.dtype)
            for rows in self._blocks(n, doing):
                self._fill(found, rows, compute)
            return found
        self.folder.mkdir(parents=True, exist_ok=True)
        path, sums_path = self._path(what, "npy"), self._path(what, "blocks.jsonl")
        sums = _checksums(sums_path)
        if sums_path.exists() and not sums_path.read_bytes().endswith(b"\n"):  # a kill has cut a line
            with open(sums_path, "a", encoding="utf-8") as file:
                file.write("\n")
        found = _opened(path, (n, *shape), self.dtype)
        for k, rows in enumerate(self._blocks(n, doing)):
            part = slice(rows.start, rows.stop)
            if k in sums and zlib.crc32(np.ascontiguousarray(found[part]).data) == sums[k]:
                continue
            self._fill(found, rows, compute)
            found.flush()
            with open(sums_path, "a", encoding="utf-8") as file:
                file.write(json.dumps([k, zlib.crc32(np.ascontiguousarray(found[part]).data)]) + "\n")
        return np.load(path, mmap_mode="r", allow_pickle=False)

    def made(self, what: str, make: Callable[[], np.ndarray]) -> np.ndarray:
        """A small array, from its file or made anew."""
        if self.folder is None:
            return make()
        path = self._path(what, "npy")
        if path.exists():
            return np.load(path, allow_pickle=False)
        found = make()
        with atomic_write(path) as file:
            np.save(file, found, allow_pickle=False)
        return found

    def _path(self, what: str, suffix: str) -> Path:
        assert self.folder is not None
        return self.folder / ".".join(filter(None, (f"features-{self.key}", what, suffix)))

    def _blocks(self, n: int, doing: str) -> Iterator[range]:
        for start in range(0, n, _BLOCK):
            yield range(start, min(start + _BLOCK, n))
            if self.progress is not None:
                self.progress(doing, min(start + _BLOCK, n) / n)

    @torch.no_grad()
    def _fill(self, found: np.ndarray, rows: range, compute: Callable[[range], np.ndarray]) -> None:
        for start in range(rows.start, rows.stop, self.at_once):
            some = range(start, min(start + self.at_once, rows.stop))
            found[some.start : some.stop] = compute(some).reshape(len(some), *found.shape[1:])


def _opened(path: Path, shape: tuple[int, ...], dtype: Any) -> Any:
    """The array of a file to go on with, or a new one where there is none or a kill left half of it."""
    with suppress(OSError, EOFError, ValueError):
        found = np.lib.format.open_memmap(path, "r+")
        if found.shape == shape and found.dtype == dtype:
            return found
    return np.lib.format.open_memmap(path, "w+", dtype, shape)


def _checksums(path: Path) -> dict[int, int]:
    """Of blocks, by a file whose last line a kill may have cut."""
    if not path.exists():
        return {}
    found: dict[int, int] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            block, checksum = json.loads(line)
        except ValueError:
            continue
        found[block] = checksum
    return found

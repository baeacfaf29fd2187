"""Independent tasks on all cores: compiled kernels and matrix products run without the interpreter's lock."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def in_threads(task: Callable[[int, Callable[[], None]], T], count: int) -> list[T]:
    """``[task(0, check), …]`` on all cores.

    Tasks call `check()` now and then: it ends them when one has failed or the user has pressed Ctrl-C.

    >>> in_threads(lambda i, check: i * i, 4)
    [0, 1, 4, 9]
    """
    stop = threading.Event()

    def check() -> None:
        if stop.is_set():
            raise CancelledError

    with ThreadPoolExecutor(max(1, min(count, os.cpu_count() or 1))) as pool:
        futures = [pool.submit(task, i, check) for i in range(count)]
        try:
            return [future.result() for future in futures]
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise

"""How long work says how far it is: it calls `progress(stage, fraction)`, and draws nothing itself."""

from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TypeVar

Progress = Callable[[str, float], None]
Item = TypeVar("Item")


def tracked(
    items: Iterable[Item], stage: str, progress: Progress | None, *, total: int | None = None
) -> Iterator[Item]:
    """The items, with a report before the first and after each.

    Parameters
    ----------
    items : iterable
    stage : str
        What is done with them, "decoding".
    progress : callable, optional
        None reports nothing.
    total : int, optional
        Number of items; needed where they have no length.

    Examples
    --------
    >>> list(tracked("ab", "reading", lambda stage, fraction: print(stage, fraction)))
    reading 0.0
    reading 0.5
    reading 1.0
    ['a', 'b']
    """
    if progress is None:
        yield from items
        return
    if total is None:
        assert isinstance(items, Sized)
        total = len(items)
    progress(stage, 0.0)
    for done, item in enumerate(items, 1):
        yield item
        progress(stage, done / max(total, 1))

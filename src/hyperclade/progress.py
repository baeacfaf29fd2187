"""How work says how far it is, by `progress(stage, fraction)`, and what to be aware of, by `say(line)`."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from typing import TypeVar

Progress = Callable[[str, float], None]
Say = Callable[[str], None]
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


def counted(number: int, what: str) -> str:
    """A number of things, in words.

    >>> counted(1, "row"), counted(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def say_if(say: Say | None, line: str | None) -> None:
    """Say a line, if there is one."""
    if say is not None and line:
        say(line)


def say_all(say: Say | None, lines: Sequence[str]) -> None:
    """Say some lines.

    >>> say_all(print, ["one"])
    one
    """
    if say is not None:
        for line in lines:
            say(line)


def say_list(say: Say | None, title: str, lines: Sequence[str], *, most: int = 5) -> None:
    """Say a title and the first of some lines, and how many more there are; nothing without lines.

    >>> say_list(print, "3 skipped:", ["a", "b", "c"], most=1)
    3 skipped:
      a
      … and 2 more
    """
    if say is None or not lines:
        return
    more = [f"… and {len(lines) - most:,} more"] if len(lines) > most else []
    for line in (title, *(f"  {line}" for line in (*lines[:most], *more))):
        say(line)


def say_skipped(say: Say | None, skipped: Sequence[tuple[str, str]], what: str) -> None:
    """Say how many of them could not be read, and of the first which and why.

    >>> say_skipped(print, [("a.png", "no image")], "images")
    1 images skipped:
      a.png: no image
    """
    say_list(say, f"{len(skipped)} {what} skipped:", [f"{name}: {reason}" for name, reason in skipped])


@contextmanager
def timed(seconds: dict[str, float], stage: str, progress: Progress | None = None) -> Iterator[None]:
    """Report when a stage begins and ends, and add the seconds that the block takes to those of the stage.

    >>> seconds = {"reading": 1.0}
    >>> with timed(seconds, "reading"):
    ...     pass
    >>> seconds["reading"] > 1
    True
    """
    if progress is not None:
        progress(stage, 0.0)
    start = time.perf_counter()
    yield
    seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - start
    if progress is not None:
        progress(stage, 1.0)

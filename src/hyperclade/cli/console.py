"""What commands show: the one bar, lines on standard output and on standard error, lists, tables."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hyperclade.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console


def console(width: int | None = None) -> "Console":
    """For standard output; no narrower than `width`, where that is given."""
    from rich.console import Console

    made = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    if width is not None:
        made.width = max(made.width, width)
    return made


@contextmanager
def bar(shown: bool = True) -> Iterator[tuple[Progress, Callable[[str], None]]]:
    """A bar on standard error that shows the stage of the work and is gone at the end; lines above it stay.

    Yields what reports progress and what prints a line, as `hyperclade.progress` has them. Lines are printed
    even where the bar is not `shown`.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    on = Console(stderr=True, highlight=False, markup=False, emoji=False)
    columns = (
        TextColumn("{task.description:<12}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=on, transient=True, disable=not (shown and on.is_terminal)) as drawn:
        task = drawn.add_task("", total=1.0, start=False)

        def report(stage: str, fraction: float) -> None:
            if drawn.tasks[0].description != stage:
                drawn.reset(task, description=stage)
            drawn.update(task, completed=fraction)

        def say(line: str) -> None:
            on.print(line, soft_wrap=True)

        yield report, say


def table(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], *, left: int = 1, header: bool = True
) -> Any:
    """A table of rich, its first `left` columns to the left, the others, which are numbers, to the right."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False, show_header=header)
    for k, name in enumerate(columns):
        made.add_column(name, justify="left" if k < left else "right", no_wrap=True)
    for row in rows:
        made.add_row(*map(str, row))
    return made

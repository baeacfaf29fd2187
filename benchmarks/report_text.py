"""Tables of results in Markdown, and their places in a document."""

import re
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from hyperclade.data.atomic import atomic_write


def rewrite(document: Path, benchmark: str, made: dict[str, str]) -> None:
    """Put the tables between their markers, `<!-- BENCHMARK:NAME -->` and `<!-- end -->`, of a document.

    Raises ValueError if a section has no markers.
    """
    text = document.read_text(encoding="utf-8")
    for name, table in made.items():
        pattern = rf"(<!-- {benchmark}:{name} -->\n).*?(<!-- end -->)"
        text, found = re.subn(pattern, lambda m, t=table: f"{m[1]}\n{t}\n\n{m[2]}", text, flags=re.DOTALL)
        if found != 1:
            raise ValueError(f"{document} has {found} places for the tables of {name!r}, not one")
    with atomic_write(document, "w") as file:
        file.write(text)


def setting_line(section: dict[str, Any]) -> str:
    """What a section was measured with: command, date, machine, versions."""
    machine = section["machine"]
    packages = ", ".join(f"{name} {number}" for name, number in section["versions"].items() if number)
    notes = ["**A quick run at tiny sizes, not a result.** "] if section.get("quick") else []
    notes += [] if section.get("complete", True) else ["**Not finished.** "]
    where = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']:.0f} GiB"
    return (
        f"{''.join(notes)}`{section['command']}` on {section['date'][:10]}: {where}; "
        f"{section['threads']} threads. {packages}."
    )


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table of cells that are text already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def table_of(rows: list[dict[str, Any]]) -> str:
    """A table of rows of `hyperclade.learning.tables.table_rows`, beside published figures if there are."""
    published = any(row["published"] for row in rows)
    timed = any(row["minutes"] is not None for row in rows)
    head = ["", "seeds", *rows[0]["measures"], *["the paper's"] * published, *["minutes"] * timed]
    lines = []
    for row in rows:
        cells = [row["model"], str(row["seeds"])]
        cells += [_spelled(value) for value in row["measures"].values()]
        if published:
            cells.append(" / ".join(f"{value:.2f}" for value in row["published"] or ()))
        if timed:
            cells.append("–" if row["minutes"] is None else f"{row['minutes']:.1f}")
        lines.append(cells)
    return markdown(head, lines)


def mean_sd(values: Iterable[float], digits: int) -> str:
    """Mean ± standard deviation, the latter where it shows at so many digits."""
    values = list(values)
    text = f"{fmean(values):.{digits}f}"
    spread = stdev(values) if len(values) > 1 else 0.0
    return f"{text} ± {spread:.{digits}f}" if spread >= 0.5 * 10**-digits else text


def seconds_text(values: Iterable[float]) -> str:
    """Mean ± standard deviation of times."""
    values = list(values)
    mean = fmean(values)
    digits = 2 if mean < 10 else 1 if mean < 100 else 0
    return f"{mean:,.{digits}f}" + (f" ± {stdev(values):,.{digits}f}" if len(values) > 1 else "")


def yes(holds: bool) -> str:
    """What a check found."""
    return "yes" if holds else "**no**"


def _spelled(value: tuple[float, float] | None) -> str:
    if value is None:
        return "–"
    mean, sd = value
    return f"{mean:.2f} ± {sd:.2f}" if sd >= 0.005 else f"{mean:.2f}"

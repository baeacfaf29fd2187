"""Tables of the benchmark of the page, made from its results file."""

from collections.abc import Callable
from statistics import median
from typing import Any

from report_text import markdown, seconds_text, setting_line, yes

# What a page of so many leaves must hold: bounds of figures, which all must stay below.
BOUNDS: dict[int, dict[str, float]] = {
    100_000: {"mib": 20, "first_picture_ms": 2000, "median_frame_ms": 33, "frame_95_ms": 60},
    1_000_000: {
        "seconds": 30, "mib": 60, "first_picture_ms": 6000, "median_frame_ms": 33, "frame_95_ms": 60,
        "tab_mib": 1024,
    },
}  # fmt: skip
SHOWN: dict[str, tuple[str, Callable[[Any], str]]] = {
    "seconds": ("seconds to write", seconds_text),
    "peak_mib": ("MiB to write", lambda value: f"{value:,.0f}"),
    "mib": ("MiB of the file", lambda value: f"{value:.1f}"),
    "first_picture_ms": ("ms to the first picture", lambda values: f"{median(values):,.0f}"),
    "median_frame_ms": ("ms of a frame, median", lambda values: f"{median(values):.0f}"),
    "frame_95_ms": ("95th percentile", lambda values: f"{median(values):.0f}"),
    "tab_mib": ("MiB of the tab", lambda values: f"{max(values):,.0f}"),
}
BUSY = 0.7  # of load, from which it is told


def tables(sections: dict[str, Any]) -> dict[str, str]:
    """Markdown by section, for those sections that are there."""
    return {name: _sizes(section) for name, section in sections.items()}


def _sizes(section: dict[str, Any]) -> str:
    parts = [setting_line(section)]
    loads = [record["load"] for record in section["records"]]
    if max(loads) >= BUSY:
        parts.append(
            "**The machine was busy with other work** "
            f"(load {min(loads):.1f} to {max(loads):.1f} before each measurement): times are too long."
        )
    for n in sorted({record["leaves"] for record in section["records"]}):
        records = [record for record in section["records"] if record["leaves"] == n]
        parts += [f"{n:,} leaves:", _table(records)]
        parts += [_held(record) for record in records if record["what"] == "hyperclade" and n in BOUNDS]
    return "\n\n".join(parts)


def _table(records: list[dict[str, Any]]) -> str:
    rows = []
    for record in records:
        cells = [show(record[key]) if key in record else "–" for key, (_, show) in SHOWN.items()]
        if "skipped" in record:
            cells[-1] = record["skipped"]
        rows.append([record["what"], *cells])
    return markdown(["", *(title for title, _ in SHOWN.values())], rows)


def _held(record: dict[str, Any]) -> str:
    """Whether the page keeps its bounds, figure by figure."""
    told = []
    for key, bound in BOUNDS[record["leaves"]].items():
        title = SHOWN[key][0] if key != "frame_95_ms" else "ms of a frame, 95th percentile"
        within = key in record and _figure(key, record[key]) < bound
        told.append(f"{title} < {bound:,}: {yes(within)}")
    return f"The page's bounds here: {'; '.join(told)}."


def _figure(key: str, values: Any) -> float:
    """The figure that the table shows."""
    if not isinstance(values, list):
        return float(values)
    return float(
        max(values) if key == "tab_mib" else sum(values) / len(values) if key == "seconds" else median(values)
    )

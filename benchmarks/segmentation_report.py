"""Tables of the segmentation benchmark, made from its results file and the plan of its tables."""

from collections.abc import Sequence
from typing import Any

from scipy.stats import ttest_rel

from hyperclade.learning.tables import Table, table_rows
from hyperclade.segmentation.system import SYSTEM
from report_text import markdown, mean_sd, setting_line, table_of

Record = dict[str, Any]
_KINDS = {"learned": "learned levels", "kmeans": "k-means", "shhc": "sHHC", "heads": "OMH's heads"}


def tables(
    sections: dict[str, Any], planned: dict[str, tuple[dict[int, Table], tuple[int, ...], str]]
) -> dict[str, str]:
    """Markdown by section, for those sections that are there."""
    return {
        name: _cost(section) if name == "cost" else _section(section, *planned[name])
        for name, section in sections.items()
    }


def _section(section: dict[str, Any], known: dict[int, Table], numbers: tuple[int, ...], data: str) -> str:
    records = section["records"]
    parts = [f"{setting_line(section)} {section['jobs']} runs at a time, on {section['device']}."]
    for number in numbers:
        rows = [row for row in table_rows(SYSTEM, known[number], records) if row["data"] == data]
        parts += [f"{known[number].title} (Table {number}).", table_of(rows)]
    if 1 in numbers or 2 in numbers:
        parts += [_pairs(records), _levels(records)]
    return "\n\n".join(part for part in parts if part)


def _by_system(records: Sequence[Record]) -> dict[str, dict[int, Record]]:
    found: dict[str, dict[int, Record]] = {}
    for record in records:
        found.setdefault(record["system"], {})[record["seed"]] = record["report"]
    return found


def _pairs(records: Sequence[Record]) -> str:
    """With OMH less without it, seed by seed."""
    known, rows = _by_system(records), []
    for name, reports in known.items():
        base = known.get(name.replace("-omh", ""))
        if "-omh" not in name or base is None:
            continue
        seeds = sorted(reports.keys() & base.keys())
        cells = [name.partition("-")[0], str(len(seeds))]
        for pick in (lambda r: r["mean_iou"], lambda r: r["accuracy"], lambda r: r["crf"]["mean_iou"]):
            ours, theirs = ([100 * pick(side[seed]) for seed in seeds] for side in (reports, base))
            differences = [a - b for a, b in zip(ours, theirs, strict=True)]
            p = ttest_rel(ours, theirs).pvalue if len(seeds) > 1 else float("nan")
            cells.append(f"{mean_sd(differences, 2)} (p = {p:.3f})")
        rows.append(cells)
    head = ["OMH on", "seeds", "mIoU", "accuracy", "mIoU, CRF"]
    return (
        "\n\n".join(["With OMH less without, seed by seed; paired t-test.", markdown(head, rows)])
        if rows
        else ""
    )


def _levels(records: Sequence[Record]) -> str:
    """mIoU of levels at each number of clusters, of as many classes, or groups of them, as there can be."""
    rows = []
    for name, reports in _by_system(records).items():
        several = list(reports.values())
        levels = several[0]["levels"]
        for k, own in enumerate(levels):
            most = max(
                one["classes"]
                for one in levels
                if one["clusters"] == own["clusters"] and one["classes"] <= own["clusters"]
            )
            if own["classes"] != most:
                continue
            cells = [name.removesuffix("-crf-true"), str(own["clusters"]), str(own["classes"])]
            for kind in _KINDS:
                found = [one["levels"][k]["mean_iou"].get(kind) for one in several]
                cells.append("–" if None in found else mean_sd([100 * value for value in found], 1))
            rows.append(cells)
    head = ["run", "clusters", "classes", *_KINDS.values()]
    return "\n\n".join(["mIoU by level.", markdown(head, rows)])


def _cost(section: dict[str, Any]) -> str:
    rows = [
        [
            record["title"], f"{record['parameters']:,}", str(record["steps"]), f"{record['seconds']:.0f}",
            f"{record['cpu_seconds']:.0f}", f"{record['peak_mib']:,.0f}",
        ]
        for record in section["records"]
    ]  # fmt: skip
    head = ["", "parameters", "steps", "seconds", "CPU seconds", "peak memory, MiB"]
    return f"{setting_line(section)}\n\n{markdown(head, rows)}"

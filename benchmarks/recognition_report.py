"""Tables of the recognition benchmark, made from its results file and the plan of its tables."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hyperclade.learning.tables import Measure, Table, table_rows
from hyperclade.recognition.system import SYSTEM
from report_text import mean_sd, setting_line, table_of

Record = dict[str, Any]
#: What the paper does not print: the variants of other papers.
_FURTHER = (Measure("report.micro_ap", "micro-AP"), Measure("report.cv_closure", "CV of the closure"))
_BASELINE = "leaf-softmax"


def tables(sections: dict[str, Any], planned: dict[str, dict[int, Table]]) -> dict[str, str]:
    """Markdown by section, for those sections that are there.

    sections : as stored.
    planned : tables by section and number.
    """
    return {name: _section(name, section, planned[name]) for name, section in sections.items()}


def _section(name: str, section: dict[str, Any], planned: dict[int, Table]) -> str:
    records = section["records"]
    if not records:
        return f"{setting_line(section)}\n\nNo run is finished."
    parts = [f"{setting_line(section)} {section['jobs']} runs at a time, on {section['device']}."]
    for number, table in planned.items():
        rankings = name.startswith("imclef")
        if rankings:
            table = replace(table, measures=(*table.measures, *_FURTHER))
        rows = list(table_rows(SYSTEM, table, records))
        data = dict.fromkeys(row["data"] for row in rows)
        for source in data:
            title = table.title + (f": {source}" if len(data) > 1 else "")
            if number > 3:
                title += f" (Table {number})"
            parts += [f"{title}.", table_of([row for row in rows if row["data"] == source])]
            if rankings or name == "cifar100":
                parts.append(_against_baseline(records, source, table.measures[0]))
    return "\n\n".join(part for part in parts if part)


def _against_baseline(records: Sequence[Record], data: str, measure: Measure) -> str:
    """Differences to the leaf softmax of the same seed, whose networks and budgets are alike."""

    def values(system: str) -> dict[int, float]:
        path = measure.path.split(".")
        found = {}
        for record in records:
            if (record["system"], record["data"]) == (system, data):
                value: Any = record
                for part in path:
                    value = value[part]
                found[record["seed"]] = measure.factor * value
        return found

    baseline = values(_BASELINE)
    differences = []
    for system in ("hvsa", "hvsa-free"):
        ours = values(system)
        both = sorted(ours.keys() & baseline.keys())
        if both:
            difference = mean_sd([ours[seed] - baseline[seed] for seed in both], 2)
            differences.append(f"{system} {difference} ({len(both)} seeds)")
    if not differences:
        return ""
    return f"{measure.title} less that of the leaf softmax, seed by seed: {'; '.join(differences)}."

"""`hyperclade reproduce recognition`: a table of the paper, measured over seeds, beside its figures."""

import json
from pathlib import Path
from typing import Any

from hyperclade.cli.runs import read_changes

_COST_TABLE = 11
_WIDTH = 110  # of the widest table, which a narrower terminal wraps
_PARTS = ("method", "backbone", "training")


def reproduce_recognition(
    *,
    table: int,
    out: str,
    data: list[str] | None = None,
    systems: list[str] | None = None,
    seeds: list[int] = [0, 1, 2, 3, 4],  # noqa: B006 - read only
    settings: str | None = None,
    jobs: int = 1,
    device: str = "auto",
) -> None:
    """Train and judge the methods of a table, and print it beside the paper's figures.

    1: rankings on ImCLEF07A and 07D. 2: mistakes on CIFAR-100. 3: mIoU by level on CamVid. 6 to 10: parts and
    settings of HVSA. 11: cost at prediction. Tables 2, 3 and 11 are the paper's in kind, on the data at hand.
    Each run learns from all training samples and is judged once, by the test samples. What is finished in OUT
    is not done again: a stopped comparison goes on when started again alike, and tables share runs.

    Args:
        table: Number in the paper.
        out: Folder for the runs and table-N.json.
        data: Of the table's data sets; default: all.
        systems: Of the table's rows; default: all.
        seeds: Of weights and order.
        settings: YAML file laid over the presets, with the parts method, backbone and training.
        jobs: Runs at a time, each with its share of the cores.
        device: auto, cpu, cuda or cuda:N.
    """
    from rich.console import Console

    from hyperclade.data.atomic import atomic_write
    from hyperclade.recognition.published import TABLES
    from hyperclade.recognition.reproduce import compare, costs, planned, table_rows

    console = Console(highlight=False, markup=False, soft_wrap=True)
    if table not in TABLES:
        raise ValueError(f"--table takes one of {', '.join(map(str, TABLES))}, got {table}")
    if not seeds:
        raise ValueError("--seeds takes at least one number")
    chosen, changes = TABLES[table], read_changes(settings, _PARTS)
    if table == _COST_TABLE:
        seeds = seeds[:1]
    runs = planned(chosen, data=data, systems=systems, seeds=seeds, changes=changes)
    folder = Path(out)
    if table == _COST_TABLE:
        results = costs(runs, device=device)
        folder.mkdir(parents=True, exist_ok=True)
    else:
        results = compare(runs, folder, device=device, jobs=jobs, say=console.print)
    rows = list(table_rows(chosen, results, changes=changes))
    path = folder / f"table-{table}.json"
    found = {"title": chosen.title, "seeds": seeds, "rows": rows, "runs": results}
    with atomic_write(path, "w") as file:
        json.dump(found, file, indent=1)
        file.write("\n")
    console.width = max(console.width, _WIDTH)
    for source in dict.fromkeys(row["data"] for row in rows):
        title = f"Table {table}. {chosen.title}: {source}"
        _print(console, title, [row for row in rows if row["data"] == source])
    console.print(f"\nWritten to {path}")


def _print(console: Any, title: str, rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    shown = Table(box=None, pad_edge=False)
    shown.add_column("model", no_wrap=True)
    published = any(row["published"] for row in rows)
    timed = any(row["minutes"] is not None for row in rows)
    names = [*rows[0]["measures"], *["the paper's"] * published, *["minutes"] * timed]
    for name in names:
        shown.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        cells = [_with_sd(value, row["seeds"]) for value in row["measures"].values()]
        if published:
            cells.append(" ".join(f"{value:.2f}" for value in row["published"] or ()))
        if timed:
            cells.append(f"{row['minutes']:.1f}")
        shown.add_row(row["model"], *cells)
    n_seeds = max(row["seeds"] for row in rows)
    spread = f"; mean ± standard deviation over {n_seeds} seeds" if n_seeds > 1 else ""
    console.print(f"\n{title}{spread}")
    console.print(shown)


def _with_sd(value: tuple[float, float] | None, n_seeds: int) -> str:
    if value is None:
        return "–"
    mean, sd = value
    return f"{mean:.2f} ± {sd:.2f}" if n_seeds > 1 else f"{mean:.2f}"

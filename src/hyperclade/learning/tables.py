"""Published tables of a system, measured anew: the runs they need, and rows beside the papers' figures."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial, reduce
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from hyperclade.environment import pick_device
from hyperclade.learning.comparison import Asked, Plan, Run, mean_sd, spelled
from hyperclade.learning.runs import HISTORY, held_out, read_history
from hyperclade.learning.settings import lay_over, plain
from hyperclade.learning.shown import Shown

if TYPE_CHECKING:
    from hyperclade.learning.system import System

Changes = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes
    ----------
    title : str
    preset : str, sequence of str, mapping of these by data set, or None
        Preset of its system, or several, each laid over those before it; without one the row has published
        figures only.
    changes : dict
        Settings laid over that, by part.
    published : dict of str
        What the paper gives for the table's measures by data set, as printed.
    """

    title: str
    preset: str | Sequence[str] | Mapping[str, str | Sequence[str]] | None
    changes: Changes = field(default_factory=dict)
    published: dict[str, Sequence[float]] = field(default_factory=dict)

    def presets(self, data: str) -> tuple[str, ...]:
        """Those for a data set; none where the row is not measured.

        >>> Row("both", {"streets": ["plain", "large"]}).presets("streets")
        ('plain', 'large')
        """
        chosen = self.preset.get(data) if isinstance(self.preset, Mapping) else self.preset
        return (chosen,) if isinstance(chosen, str) else tuple(chosen or ())


@dataclass(frozen=True)
class Measure:
    """A column of a table: path into a run's result ("report.levels.0.mean_iou"), title, factor to print."""

    path: str
    title: str
    factor: float = 100


@dataclass(frozen=True)
class Table:
    """A table of a paper, or one in kind on data at hand.

    Attributes
    ----------
    title : str
    data : tuple of str
        Names of data sets, each with a preset.
    more : tuple of str
        Others that have to be asked for, such as the paper's own, which not everybody has.
    rows : dict of Row
        Rows by the names that `--systems` takes.
    measures : tuple of Measure
    cost : bool
        Whether its runs measure what a system costs at prediction, which no training changes.
    """

    title: str
    data: tuple[str, ...]
    rows: dict[str, Row]
    measures: tuple[Measure, ...]
    cost: bool = False
    more: tuple[str, ...] = ()


def read_tables(package: str) -> dict[int, Table]:
    """The tables of a package's `tables.yaml`, by number.

    >>> read_tables("hyperclade.recognition")[7].data
    ('imclef07a', 'imclef07d')
    """
    found = yaml.safe_load((files(package) / "tables.yaml").read_text(encoding="utf-8"))
    kinds = {
        name: tuple(Measure(*column) for column in columns) for name, columns in found["measures"].items()
    }
    return {
        number: Table(
            table["title"],
            tuple(table["data"]),
            {
                name: Row(
                    row.get("title", name),
                    row.get("preset", table.get("preset", name)),
                    row.get("changes", {}),
                    row.get("published", {}),
                )
                for name, row in ((name, row or {}) for name, row in table["rows"].items())
            },
            kinds[table["measures"]],
            table.get("cost", False),
            tuple(table.get("more", ())),
        )
        for number, table in found["tables"].items()
    }


def plan_table(system: "System", asked: Asked, number: int, data: Sequence[str] | None = None) -> Plan:
    """The comparison that a published table is."""
    tables = read_tables(system.package)
    if number not in tables:
        raise ValueError(f"--table takes one of {', '.join(map(str, tables))}, got {number}")
    table = tables[number]
    seeds = asked.seeds[:1] if table.cost else asked.seeds
    runs = planned(system, table, data=data, systems=asked.systems, seeds=seeds, changes=asked.changes)

    def outcome(results: list[dict[str, Any]]) -> tuple[dict[str, Any], list[Shown]]:
        rows = list(table_rows(system, table, results, changes=asked.changes))
        found = {"title": table.title, "seeds": list(seeds), "rows": rows, "runs": results}
        return found, [
            _shown(f"Table {number}. {table.title}: {source}", [row for row in rows if row["data"] == source])
            for source in dict.fromkeys(row["data"] for row in rows)
        ]

    return plan_runs(system, runs, cost=table.cost, record=f"table-{number}.json", outcome=outcome)


def plan_runs(system: "System", runs: Sequence[Run], *, cost: bool = False, **options: Any) -> Plan:
    """The comparison that does runs of `planned`: they train and judge, or measure what prediction costs.

    For `cost` each run has the machine for itself. Options are `record` and `outcome` of the plan.
    """
    work = partial(_cost if cost else train_and_judge, system)
    return Plan(runs, work, prepare=partial(_prepare, system), kept=not cost, **options)


def planned(
    system: "System",
    table: Table,
    *,
    data: Sequence[str] | None = None,
    systems: Sequence[str] | None = None,
    seeds: Sequence[int] = (0,),
    changes: Changes | None = None,
) -> list[Run]:
    """The runs of a table, a seed after the other.

    Rows that come to the same, such as a setting's standard value in several tables, share one run. Changes,
    by part, `{"training": {"epochs": 1.0}}`, are laid over the presets and under the settings of the rows.

    Raises
    ------
    ValueError
        Data, systems or settings that do not exist.

    Examples
    --------
    >>> from hyperclade.recognition.system import SYSTEM
    >>> table = read_tables("hyperclade.recognition")[7]
    >>> [run.name for run in planned(SYSTEM, table, data=["imclef07a"])]
    ['hvsa-free-geometry-euclidean-imclef07a-0', 'hvsa-free-imclef07a-0']
    """
    chosen = _chosen(systems, table.rows, "systems")
    runs = (
        _run(system, table.rows[name], source, seed, changes)
        for seed in seeds
        for source in (_chosen(data, (*table.data, *table.more), "data") if data is not None else table.data)
        for name in chosen
        if table.rows[name].presets(source)
    )
    return list({run.name: run for run in runs}.values())


def train_and_judge(system: "System", run: Run, folder: Path, device: str) -> dict[str, Any]:
    """Train a run in a folder of its own, and judge it.

    Judged by are the test samples or, where the recipe holds out a part of the training samples, these alone.
    Gives "seconds" of training, number of "parameters", and the "report" of the system.
    """
    recipe, source = run.recipe, system.preset_source(run.about["data"])

    def read(split: str) -> tuple[Any, Any]:
        samples = system.read(run.about["data"], split, source, seed=recipe.seed)
        return samples, system.prepare(recipe, samples, folder, device=device)

    samples, prepared = read("train")
    module = system.train(recipe, samples, folder / run.name, device=device, prepared=prepared, source=source)
    judged = held_out(prepared, recipe.training.validation, recipe.seed)[1]
    if judged is None:
        judged = read("test")[1]
    return {
        "seconds": sum(line["seconds"] for line in read_history(folder / run.name / HISTORY)),
        "parameters": sum(parameter.numel() for parameter in module.parameters()),
        "report": system.report(module.to(pick_device(device)), judged),
    }


def table_rows(
    system: "System", table: Table, results: Sequence[dict[str, Any]], *, changes: Changes | None = None
) -> Iterator[dict[str, Any]]:
    """The rows of a table for which there are results, in units of the print; changes are those of `planned`.

    Yields
    ------
    dict
        `data`, `model`, number of `seeds` (0 where the row has published figures only), `minutes` of training
        (None for costs), `measures` by title as mean and deviation, or None where a run has none, and
        `published` in the same order, or None.
    """
    for data in dict.fromkeys(found["data"] for found in results):
        for row in table.rows.values():
            same = []
            if row.presets(data):
                name = _run(system, row, data, 0, changes).about["system"]
                same = [found for found in results if (found["system"], found["data"]) == (name, data)]
            if not same and (row.presets(data) or data not in row.published):
                continue
            measures: dict[str, tuple[float, float] | None] = {}
            for measure in table.measures:
                values = [_at(found, measure.path) for found in same]
                measures[measure.title] = (
                    mean_sd([measure.factor * value for value in values])
                    if values and None not in values
                    else None
                )
            seconds = [found["seconds"] for found in same if "seconds" in found]
            yield {
                "data": data,
                "model": row.title,
                "seeds": len(same),
                "minutes": mean_sd(seconds)[0] / 60 if seconds else None,
                "measures": measures,
                "published": row.published.get(data),
            }


def _prepare(system: "System", runs: Sequence[Run], folder: Path, device: str) -> None:
    """What several runs share, such as features of frozen networks, before they would all compute it."""
    shared = {
        (run.about["data"], what): run for run in runs if (what := system.shares(run.recipe)) is not None
    }
    for (data, _), run in shared.items():
        source = system.preset_source(data)
        for split in ("train", "test"):
            system.prepare(run.recipe, system.read(data, split, source), folder, device=device)


def _cost(system: "System", run: Run, folder: Path, device: str) -> dict[str, Any]:
    data = run.about["data"]
    samples = system.read(data, "test", system.preset_source(data)).subset([0])
    return system.cost(run.recipe, samples, device)


def _run(system: "System", row: Row, data: str, seed: int, changes: Changes | None) -> Run:
    base = plain(system.preset(*row.presets(data), data, seed=seed))
    lay_over(base, changes or {})
    settings = deepcopy(base)
    known = system.with_defaults(system.recipe_from(base))
    name = "-".join(row.presets(data))
    for path, value in _leaves(row.changes):
        if _at(known, ".".join(path)) != plain(value):  # what is so already makes no other run
            name += f"-{path[-1]}-{_spelled(value)}"
            lay_over(settings, reduce(lambda below, part: {part: below}, reversed(path), value))
    recipe = system.recipe_from(settings)
    if recipe.training.devices != 1:
        raise ValueError("a comparison trains each system on one device: leave training.devices at 1")
    about = {"system": name, "data": data, "seed": seed}
    return Run(f"{name}-{data}-{seed}", f"{name} on {data}", recipe, about)


def _leaves(changes: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in changes.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*above, name))
        else:
            yield (*above, name), value


def _spelled(value: Any) -> str:
    """For the name of a folder."""
    if isinstance(value, list | tuple):
        return "x".join(map(_spelled, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value).lower()


def _at(found: Any, path: str) -> Any:
    """What lies under a path such as "report.levels.0", None if nothing does."""
    for part in path.split("."):
        try:
            found = found[int(part)] if isinstance(found, list) else found[part]
        except (KeyError, IndexError, TypeError):
            return None
    return found


def _chosen(wanted: Sequence[str] | None, known: Sequence[str] | dict[str, Row], what: str) -> list[str]:
    if wanted is None:
        return list(known)
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        wrong = f", not {unknown[0]!r}" if unknown else ""
        raise ValueError(f"the table's {what} are {', '.join(known)}{wrong}")
    return list(wanted)


def _shown(title: str, rows: list[dict[str, Any]]) -> Shown:
    published = any(row["published"] for row in rows)
    timed = any(row["minutes"] is not None for row in rows)
    cells = []
    for row in rows:
        line = [row["model"], *(spelled(value, row["seeds"]) for value in row["measures"].values())]
        if published:
            line.append(" ".join(f"{value:.2f}" for value in row["published"] or ()))
        if timed:
            line.append("–" if row["minutes"] is None else f"{row['minutes']:.1f}")
        cells.append(line)
    n_seeds = max(row["seeds"] for row in rows)
    spread = f"; mean ± standard deviation over {n_seeds} seeds" if n_seeds > 1 else ""
    columns = ["model", *rows[0]["measures"], *["the paper's"] * published, *["minutes"] * timed]
    return Shown([f"\n{title}{spread}"], columns, cells)

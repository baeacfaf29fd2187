"""The paper's comparisons of systems: presets, seeds, tables (HVSA, Tables 1 to 3 and 6 to 11)."""

import inspect
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any, cast

import numpy as np

from hyperclade.data.atomic import atomic_write
from hyperclade.data.image_rows import ImageRows
from hyperclade.data.labelled import LabelledSet
from hyperclade.data.masks import MaskedSet
from hyperclade.environment import pick_device
from hyperclade.learning.comparison import all_or_none, mean_sd, share_of_cores, use_threads
from hyperclade.learning.runs import HISTORY, plain, read_history
from hyperclade.recognition.config import Backbone, Recipe
from hyperclade.recognition.embedding import embed
from hyperclade.recognition.evaluation import cost, evaluate
from hyperclade.recognition.module import Recognition, Task
from hyperclade.recognition.published import Row, Table
from hyperclade.recognition.recipes import method_class, preset, preset_source, recipe_from
from hyperclade.recognition.sources import held_out, load_samples
from hyperclade.recognition.training import described, train

Changes = dict[str, dict[str, Any]]
_RESULT = "result.json"


@dataclass(frozen=True)
class Run:
    """One system, on one data set, with the seed of its recipe.

    Attributes:
        system: name of its preset and of what a row changes, "hvsa-free-alpha-0.5".
        data: name of the data set.
        recipe: of the training.
    """

    system: str
    data: str
    recipe: Recipe

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.system}-{self.data}-{self.recipe.seed}"


def planned(
    table: Table,
    *,
    data: Sequence[str] | None = None,
    systems: Sequence[str] | None = None,
    seeds: Sequence[int] = (0,),
    changes: Changes | None = None,
) -> list[Run]:
    """The runs of a table, a seed after the other.

    Rows that come to the same, such as a setting's standard value in several tables, share one run.

    Args:
        table: of `published.TABLES`.
        data: of the table's; default: all.
        systems: names of the table's rows; default: all.
        seeds: of weights and order.
        changes: settings laid over the presets, and under those of the rows, by part:
            `{"training": {"epochs": 1.0}}`.

    Raises:
        ValueError: data, systems or settings that do not exist.

    >>> from hyperclade.recognition.published import TABLES
    >>> [run.name for run in planned(TABLES[7], data=["imclef07a"])]
    ['hvsa-free-geometry-euclidean-imclef07a-0', 'hvsa-free-imclef07a-0']
    """
    chosen = _chosen(systems, table.rows, "systems")
    runs = (
        _run(table.rows[name], source, seed, changes)
        for seed in seeds
        for source in _chosen(data, table.data, "data")
        for name in chosen
    )
    return list({run.name: run for run in runs}.values())


def compare(
    runs: Sequence[Run],
    out: str | os.PathLike,
    *,
    device: str = "auto",
    jobs: int = 1,
    say: Callable[[str], None] = print,
) -> list[dict[str, Any]]:
    """Train and judge every run; what is done already in the folder is not done again.

    An error of one run, and Ctrl-C, end all; started again, each goes on from its last checkpoint.

    Args:
        runs: of `planned`.
        out: folder that gets one for each run, with its model and `result.json`, and the features of frozen
            backbones, which runs share.
        device: to train and to judge on.
        jobs: runs at a time, each with its share of the cores.
        say: told of each finished run.

    Raises:
        ValueError: `jobs` below 1, a folder that holds runs of other settings, or what `load_samples` and
            `train` raise.
        MemoryError: the system killed a run.

    Returns:
        Results as `run_system` gives them, in the order of the runs.
    """
    threads = share_of_cores(jobs)
    folder = Path(out)
    left = [run for run in runs if _finished(run, folder) is None]
    folder.mkdir(parents=True, exist_ok=True)
    for data, backbone in _distinct((run.data, run.recipe.backbone) for run in left):
        if backbone.frozen:
            for split in ("train", "test"):
                _embedded(load_samples(data, split, source=preset_source(data)), backbone, folder, device)
    with all_or_none(jobs) as pool:
        waiting = [pool.submit(run_system, run, folder, device=device, threads=threads) for run in left]
        for done in as_completed(waiting):
            found = done.result()
            say(f"{found['system']} on {found['data']}, seed {found['seed']}: {found['seconds']:.0f} s")
    return finished(runs, folder)


def finished(runs: Sequence[Run], out: str | os.PathLike) -> list[dict[str, Any]]:
    """Results of those runs that are done, as `compare` gives them.

    Raises:
        ValueError: the folder holds runs of other settings.
    """
    found = (_finished(run, Path(out)) for run in runs)
    return [result for result in found if result is not None]


def run_system(
    run: Run, out: str | os.PathLike, *, device: str = "auto", threads: int | None = None
) -> dict[str, Any]:
    """Train and judge one run in a folder of its own, as `compare` does; or read its result.

    Judged by are the test samples or, where the recipe holds out a part of the training samples, these alone.

    Returns:
        `system`, `data`, `seed`, `recipe`, `seconds` of training, `parameters`, and `report` of `evaluate`.
    """
    folder = Path(out)
    done = _finished(run, folder)
    if done is not None:
        return done
    if threads is not None:
        use_threads(threads)
    recipe, seed, source = run.recipe, run.recipe.seed, preset_source(run.data)
    samples = load_samples(run.data, "train", source=source)
    embedded = _embedded(samples, recipe.backbone, folder, device)
    module = train(
        recipe,
        samples,
        folder / run.name,
        device=device,
        progress=False,
        features=None if embedded is samples else cast(np.ndarray, cast(LabelledSet, embedded).inputs),
    )
    judged = held_out(embedded, recipe.training.validation, seed)[1]
    if judged is None:
        judged = _embedded(load_samples(run.data, "test", source=source), recipe.backbone, folder, device)
    result = {
        "system": run.system,
        "data": run.data,
        "seed": seed,
        "recipe": plain(asdict(run.recipe)),
        "seconds": sum(line["seconds"] for line in read_history(folder / run.name / HISTORY)),
        "parameters": sum(parameter.numel() for parameter in module.parameters()),
        "report": evaluate(module.to(pick_device(device)), judged),
    }
    with atomic_write(folder / run.name / _RESULT, "w") as file:
        json.dump(result, file, indent=1)
    return result


def costs(runs: Sequence[Run], *, device: str = "auto") -> list[dict[str, Any]]:
    """What systems cost at prediction, by `evaluation.cost`; training changes nothing about it.

    Args:
        runs: of `planned`.
        device: to measure on; measure nothing else at the same time.

    Returns:
        A dictionary a run: `system`, `data`, `seed`, `parameters`, `flops`, `samples_per_second`.
    """
    results = []
    for run in runs:
        samples = load_samples(run.data, "test", source=preset_source(run.data)).subset([0])
        module = Recognition(run.recipe, Task.of(samples)).to(pick_device(device))
        about = {"system": run.system, "data": run.data, "seed": run.recipe.seed}
        results.append(about | cost(module, samples))
    return results


def table_rows(
    table: Table, results: Sequence[dict[str, Any]], *, changes: Changes | None = None
) -> Iterator[dict[str, Any]]:
    """The rows of a table for which there are results, in units of the print.

    Args:
        table: of `published.TABLES`.
        results: of `compare` or `costs`.
        changes: those of `planned`.

    Yields:
        `data`, `model`, number of `seeds`, `minutes` of training (None for costs), `measures` by title as
        mean and deviation, or None where a run has none, and `published` in the same order, or None.
    """
    for data in table.data:
        for row in table.rows.values():
            system = _run(row, data, 0, changes).system
            same = [found for found in results if (found["system"], found["data"]) == (system, data)]
            if not same:
                continue
            measures: dict[str, tuple[float, float] | None] = {}
            for measure in table.measures:
                values = [_at(found, measure.path) for found in same]
                measures[measure.title] = (
                    None if None in values else mean_sd([measure.factor * value for value in values])
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


def _run(row: Row, data: str, seed: int, changes: Changes | None) -> Run:
    base = asdict(preset(row.preset, data, seed=seed))
    _lay_over(base, changes or {})
    settings = deepcopy(base)
    known = _with_defaults(recipe_from(base))
    name = row.preset
    for path, value in _leaves(row.changes):
        if _at(known, ".".join(path)) != plain(value):  # what is so already makes no other run
            name += f"-{path[-1]}-{_spelled(value)}"
            _lay_over(settings, reduce(lambda below, part: {part: below}, reversed(path), value))
    recipe = recipe_from(settings)
    if recipe.training.devices != 1:
        raise ValueError("a comparison trains each system on one device: leave training.devices at 1")
    return Run(name, data, recipe)


def _with_defaults(recipe: Recipe) -> dict[str, Any]:
    """The settings of a recipe, those included that the method's class sets."""
    made, given = method_class(recipe.method)
    parameters = inspect.signature(made).parameters.values()
    defaults = {one.name: one.default for one in parameters if one.kind is one.KEYWORD_ONLY}
    settings = plain(asdict(recipe))
    settings["method"]["settings"] = plain(defaults | given)
    return settings


def _lay_over(settings: dict[str, Any], changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(settings.get(name), dict):
            _lay_over(settings[name], value)
        else:
            settings[name] = deepcopy(value)


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


def _finished(run: Run, folder: Path) -> dict[str, Any] | None:
    path = folder / run.name / _RESULT
    if not path.exists():
        return None
    result = json.loads(path.read_text(encoding="utf-8"))
    # Not as they are written: a result may be older than a setting whose standard value it was made with.
    if plain(asdict(recipe_from(result["recipe"]))) != plain(asdict(run.recipe)):
        raise ValueError(f"{path.parent} holds a run with other settings; choose another folder or remove it")
    return result


def _distinct(backbones: Iterable[tuple[str, Backbone]]) -> list[tuple[str, Backbone]]:
    """Of data and backbones, each pair whose features differ once."""
    return list({(data, one.frozen, one.name, one.size): (data, one) for data, one in backbones}.values())


def _embedded(
    samples: LabelledSet | MaskedSet, backbone: Backbone, folder: Path, device: str
) -> LabelledSet | MaskedSet:
    """With features for the images of a frozen backbone, which the folder keeps; else the samples."""
    if isinstance(samples, MaskedSet) or not backbone.frozen or not isinstance(samples.inputs, ImageRows):
        return samples
    seen = "".join(c if c.isalnum() else "-" for c in f"{backbone.name}-{backbone.size or ''}")
    path = folder / f"features-{seen}-{described(samples)['content'][:16]}.npy"
    if not path.exists():
        found = embed(samples, backbone, device=device)
        with atomic_write(path) as file:
            np.save(file, cast(np.ndarray, found.inputs), allow_pickle=False)
    return replace(samples, inputs=np.load(path, allow_pickle=False))

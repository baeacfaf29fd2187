"""`train`, `evaluate`, `predict` and `reproduce` of every system that learns, from what it says of itself."""

import inspect
import json
import sys
import time
from collections.abc import Callable
from dataclasses import is_dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperclade.cli import console
from hyperclade.learning.shown import Shown
from hyperclade.learning.system import System

if TYPE_CHECKING:
    pass

# word on the command line: module whose SYSTEM it is
SYSTEMS = {
    "selflabel": "hyperclade.selflabel.system",
    "recognition": "hyperclade.recognition.system",
}
_ALIASES = {"reproduce crossmodal": "reproduce selflabel"}  # the name in version 0.1
_GIVEN = {"progress", "say", "like", "seed", "class_names"}  # by the commands below
_CONFIG = (
    "`--config` takes a preset by name, or a YAML file; of several, each is laid over those before it, and "
    "options on the command line over all. A run that was stopped goes on when started again alike."
)
_HELP = {
    "out": "Folder for the run: model.ckpt, recipe.json, history.jsonl.",
    "checkpoint": "Folder of a finished run, or its model.ckpt.",
    "source": "How files are read.",
    "seed": "Seed of all that is random.",
    "device": "auto, cpu, cuda or cuda:N.",
    "progress": "Show a bar.",
    "systems": "Which to compare; default: all.",
    "seeds": "Of data, weights and order.",
    "settings": "YAML file laid over the presets, with the parts of a recipe.",
    "jobs": "Runs at a time, each with its share of the cores.",
}


def system_of(name: str) -> System:
    """The system of that word.

    >>> system_of("recognition").title
    'recognition'
    """
    return import_module(SYSTEMS[name]).SYSTEM


def commands() -> dict[str, str]:
    """What each command does, by its two words: those of systems that can do it."""
    return {
        f"{verb} {name}": system_of(name).about[verb]
        for verb in _VERBS
        for name in SYSTEMS
        if verb in system_of(name).about
    }


def command(words: str) -> Callable[..., None]:
    """The function behind two words such as "train selflabel", with the options of that system."""
    from hyperclade.environment import require

    require(f"hyperclade {words}", "torch", "pytorch_lightning", "yaml")
    verb, name = _ALIASES.get(words, words).split()
    return _VERBS[verb](system_of(name))


def is_command(words: str) -> bool:
    return _ALIASES.get(words, words) in commands()


def read_config(words: str, names: list[str]) -> dict[str, Any]:
    """Settings of YAML files, or of presets of a command's system by their names; later ones over earlier."""
    import yaml

    from hyperclade.learning.settings import lay_over, preset_file

    merged: dict[str, Any] = {}
    for name in names:
        path = Path(name)
        if not path.is_file():
            if path.name != name:
                raise ValueError(f"--config {name}: no such file")
            try:
                path = preset_file(system_of(_ALIASES.get(words, words).split()[1]).package, name)
            except ValueError as error:
                raise ValueError(f"--config {name}: no such file, nor a preset; {error}") from error
        try:
            found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except yaml.YAMLError as error:
            raise ValueError(f"--config {name} is not YAML: {error}") from error
        if not isinstance(found, dict):
            raise ValueError(f"--config {name} must hold settings by name")
        lay_over(merged, found)
    return merged


def _train(system: System) -> Callable[..., None]:
    from hyperclade.learning.settings import parts_of

    parts = parts_of(system.recipe())
    reading, learning = _options(system.read), _options(system.learner)

    def train(data: str, out: str, seed: int, device: str, progress: bool, **given: Any) -> None:
        recipe = system.recipe()(**{part: given[part] for part in parts}, seed=seed)
        source = given[system.source_name]
        with console.bar(progress) as (report, say):
            asked = {name: given[name] for name in reading}
            samples = system.read(data, "train", source, seed=seed, progress=report, say=say, **asked)
        on = console.console()
        on.print(system.describe(recipe, samples))
        with console.bar(progress) as (report, _), _told(Path(out), on, system):
            asked = {name: given[name] for name in learning}
            system.train(recipe, samples, out, device=device, progress=report, **asked)

    return _made(
        train,
        f"{_about(system.learner)}\n\n{_CONFIG}",
        {"data": str, "out": str, **parts, system.source_name: system.source()},
        [*reading.values(), *learning.values()],
        {"seed": 0, "device": "auto", "progress": True},
        [system.read, system.learner],
    )


def _evaluate(system: System) -> Callable[..., None]:
    def evaluate(
        checkpoint: str, data: str, out: str | None, device: str, progress: bool, **given: Any
    ) -> None:
        module = system.load(checkpoint, device=device)
        with console.bar(progress) as (report, say):
            source = given.pop(system.source_name)
            judgement = system.evaluate(module, data, source, progress=report, say=say, **given)
        _show(judgement.shown)
        if out is not None:
            _write(Path(out), {"checkpoint": str(checkpoint)} | judgement.figures, allow_nan=False)
            console.console().print(f"Written to {out}")

    options = _options(system.evaluate, "seed")
    return _made(
        evaluate,
        _about(system.evaluate),
        {"checkpoint": str, "data": str, system.source_name: system.source()},
        list(options.values()),
        {"out": None, "device": "auto", "progress": True},
        [system.evaluate],
        {"out": "JSON file for all figures."},
    )


def _predict(system: System) -> Callable[..., None]:
    can: Any = system

    def predict(checkpoint: str, inputs: str, out: str, device: str, progress: bool, **given: Any) -> None:
        module = system.load(checkpoint, device=device)
        with console.bar(progress) as (report, say):
            source = given.pop(system.source_name)
            lines = can.predict(module, inputs, out, source, progress=report, say=say, **given)
        _show([Shown(lines)])

    return _made(
        predict,
        _about(can.predict),
        {"checkpoint": str, "inputs": str, "out": str, system.source_name: system.source()},
        list(_options(can.predict).values()),
        {"device": "auto", "progress": True},
        [can.predict],
        n_positional=2,
    )


def _reproduce(system: System) -> Callable[..., None]:
    options = _options(system.plan)
    if system.source_name in options:
        options[system.source_name] = inspect.Parameter(
            system.source_name, inspect.Parameter.KEYWORD_ONLY, annotation=system.source()
        )

    def reproduce(out: str, **given: Any) -> None:
        from hyperclade.learning.comparison import Asked, compare
        from hyperclade.learning.settings import parts_of, read_changes

        seeds, jobs, device = given.pop("seeds"), given.pop("jobs"), given.pop("device")
        if jobs < 1:
            raise ValueError(f"--jobs must be at least 1, got {jobs}")
        if not seeds:
            raise ValueError("--seeds takes at least one number")
        changes = read_changes(given.pop("settings"), list(parts_of(system.recipe())))
        with console.bar() as (report, say):
            told: dict[str, Any] = (
                {"progress": report, "say": say} if "progress" in _parameters(system.plan) else {}
            )
            plan = system.plan(Asked(given.pop("systems"), seeds, changes), **given, **told)
        on = console.console()
        results = compare(plan, out, device=device, jobs=jobs, say=on.print)
        record, shown = plan.outcome(results)
        _write(Path(out) / plan.record, record)
        _show(shown, width=_WIDTH)
        on.print(f"\nWritten to {Path(out) / plan.record}")

    return _made(
        reproduce,
        _about(system.plan),
        {"out": str},
        list(options.values()),
        {
            **{"systems": (list[str] | None, None), "seeds": (list[int], list(system.seeds))},
            **{"settings": (str | None, None), "jobs": 1, "device": "auto"},
        },
        [system.plan],
        {"out": "Folder for the runs and the tables, as JSON."},
    )


_VERBS = {"train": _train, "evaluate": _evaluate, "predict": _predict, "reproduce": _reproduce}
_WIDTH = 110  # of the widest table, which a narrower terminal wraps


def _made(
    function: Callable[..., None],
    about: str,
    needed: dict[str, type],
    options: list[inspect.Parameter],
    usual: dict[str, Any],
    documented: list[Callable[..., Any]],
    texts: dict[str, str] | None = None,
    *,
    n_positional: int | None = None,
) -> Callable[..., None]:
    """The function with the signature and docstring from which its parser is made.

    Options come from the system's methods; of `usual` the types are those of the defaults, or stand before
    them.
    """
    if n_positional is None:
        n_positional = int("checkpoint" in needed)
    kinds = inspect.Parameter
    parameters = [
        kinds(name, kinds.POSITIONAL_OR_KEYWORD if k < n_positional else kinds.KEYWORD_ONLY, annotation=kind)
        for k, (name, kind) in enumerate(needed.items())
    ]
    parameters += [option.replace(kind=kinds.KEYWORD_ONLY) for option in options]
    for name, default in usual.items():
        annotation, value = default if isinstance(default, tuple) else (type(default), default)
        if name == "out":
            annotation = str | None
        parameters.append(kinds(name, kinds.KEYWORD_ONLY, default=value, annotation=annotation))
    import docstring_parser

    known = dict(_HELP)
    for one in parameters:
        if is_dataclass(one.annotation):
            known[one.name] = (inspect.getdoc(one.annotation) or "").partition("\n")[0]
    for method in documented:
        for parameter in docstring_parser.parse(inspect.getdoc(method) or "").params:
            known[parameter.arg_name] = parameter.description or ""
    known |= texts or {}
    lines = [f"    {one.name}: {' '.join(known.get(one.name, '').split())}" for one in parameters]
    function.__doc__ = "\n".join([about, "", "Args:", *lines])
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    function.__annotations__ = {one.name: one.annotation for one in parameters}
    return function


def _parameters(method: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(method).parameters)


def _options(method: Callable[..., Any], *also: str) -> dict[str, inspect.Parameter]:
    """Parameters of a system's method that are options of a command."""
    return {
        name: parameter
        for name, parameter in _parameters(method).items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in _GIVEN - set(also)
    }


def _about(method: Callable[..., Any]) -> str:
    import docstring_parser

    found = docstring_parser.parse(inspect.getdoc(method) or "")
    return "\n\n".join(filter(None, (found.short_description, found.long_description)))


class _told:
    """Says what happens to the run in a folder: resumed, stopped, finished already, trained."""

    def __init__(self, folder: Path, on: Any, system: System) -> None:
        from hyperclade.learning.runs import CHECKPOINT, unfinished_step

        self.folder, self.on, self.system = folder, on, system
        self.finished = (folder / CHECKPOINT).exists()
        self.began = time.monotonic()
        if not self.finished and (step := unfinished_step(folder)) is not None:
            on.print(f"Resuming the run in {folder} from step {step}")

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, *_: Any) -> None:
        from hyperclade.learning.runs import CHECKPOINT, HISTORY, read_history, unfinished_step

        if kind in (KeyboardInterrupt, SystemExit):
            step = unfinished_step(self.folder)
            kept = (
                "No checkpoint was written yet" if step is None else f"The checkpoint of step {step} is kept"
            )
            print(f"Stopped. {kept}; the same command goes on with the run.", file=sys.stderr)
        if kind is not None:
            return
        if self.finished:
            self.on.print(f"The run in {self.folder} is finished already")
        else:
            history = read_history(self.folder / HISTORY)
            loss = f", loss {history[-1]['loss']:.3f}" if history else ""
            self.on.print(f"Trained in {time.monotonic() - self.began:.0f} s{loss}")
        judge = f"hyperclade evaluate {self.system.name}"
        self.on.print(f"Written to {self.folder / CHECKPOINT}; `{judge} {self.folder}` judges it")


def _show(shown: list[Shown], *, width: int | None = None) -> None:
    on = console.console(width)
    for part in shown:
        for line in part.lines:
            on.print(line)
        if part.rows:
            on.print(console.table(part.columns, part.rows, left=part.left, header=part.header))


def _write(path: Path, found: dict[str, Any], **options: Any) -> None:
    from hyperclade.data.atomic import atomic_write

    with atomic_write(path, "w") as file:
        json.dump(found, file, indent=1, **options)
        file.write("\n")

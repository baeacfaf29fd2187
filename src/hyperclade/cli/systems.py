"""`train`, `evaluate`, `predict` and `reproduce` of every system that learns, from what it says of itself."""

import inspect
import sys
from collections.abc import Callable
from dataclasses import field, fields, is_dataclass, make_dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from hyperclade.cli import console
from hyperclade.learning.shown import Shown
from hyperclade.learning.system import System
from hyperclade.progress import say_if

# word on the command line: module whose SYSTEM it is
SYSTEMS = {
    "selflabel": "hyperclade.selflabel.system",
    "recognition": "hyperclade.recognition.system",
    "segmentation": "hyperclade.segmentation.system",
    "retrieval": "hyperclade.retrieval.system",
}
_ALIASES = {"reproduce crossmodal": "reproduce selflabel"}  # the name in version 0.1
_GIVEN = {"progress", "say", "like", "seed", "class_names"}  # by the commands below
_CONFIG = (
    "`--config` takes a preset by name, or a YAML file; of several, each is laid over those before it, and "
    "options on the command line over all. A run that was stopped goes on when started again alike."
)
_HELP = {
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
_OUT = {
    "train": "Folder for the run: model.ckpt, recipe.json, history.jsonl.",
    "evaluate": "JSON file for all figures.",
    "reproduce": "Folder for the runs and the tables, as JSON.",
}
_POSITIONAL = ("checkpoint", "inputs")
_WIDTH = 110  # of the widest table, which a narrower terminal wraps


def system_of(name: str) -> System:
    """The system of that word.

    >>> system_of("recognition").title
    'recognition'
    """
    return import_module(SYSTEMS[name]).SYSTEM


def commands() -> dict[str, str]:
    """What each command does, by its two words: those of systems that can do it."""
    about = {name: system_of(name).about for name in SYSTEMS}
    return {f"{v} {name}": told[v] for v in _VERBS for name, told in about.items() if v in told}


def command(words: str) -> Callable[..., None]:
    """The function behind two words such as "train selflabel", with the options of that system."""
    from hyperclade.environment import require

    require(f"hyperclade {words}", "torch", "pytorch_lightning", "yaml")
    from jsonargparse.typing import register_type

    from hyperclade.learning.settings import Size

    register_type(Size, "{0[0]}x{0[1]}".format, fail_already_registered=False)
    verb, name = _ALIASES.get(words, words).split()
    return _VERBS[verb](system_of(name))


def is_command(words: str) -> bool:
    return _ALIASES.get(words, words) in commands()


def read_config(words: str, names: list[str]) -> dict[str, Any]:
    """`learning.settings.read_configs`, of the presets of a command's system.

    What training alone takes is passed over by other commands, so that its files serve them too.
    """
    from hyperclade.learning.settings import read_configs

    verb, name = _ALIASES.get(words, words).split()
    system = system_of(name)
    found = read_configs(names, system.package, option="--config")
    if verb in ("evaluate", "predict"):
        learning, own = (inspect.signature(make(system)).parameters for make in (_train, _VERBS[verb]))
        for option in learning.keys() - own.keys():
            found.pop(option, None)
    return found


def _train(system: System) -> Callable[..., None]:
    from hyperclade.learning.settings import parts_of

    parts = parts_of(system.recipe())
    reading, learning = _options(system.read), _options(system.learner)

    def train(data: str, out: str, seed: int, device: str, progress: bool, **given: Any) -> None:
        from hyperclade.data.store import check_writable
        from hyperclade.learning.runs import told

        check_writable(out, folder=True)
        recipe = system.recipe()(**{part: given[part] for part in parts}, seed=seed)
        source = given[system.source_name]
        system.check(recipe, data)
        with console.bar(progress) as (report, say):
            asked = {name: given[name] for name in reading}
            samples = system.read(data, "train", source, seed=seed, progress=report, say=say, **asked)
            say_if(say, system.passed_over(data))
        on = console.console()
        on.print(system.describe(recipe, samples))
        warn, judge = partial(print, file=sys.stderr), f"hyperclade evaluate {system.name}"
        with console.bar(progress) as (report, _), told(Path(out), on.print, warn, judge):
            asked = {name: given[name] for name in learning}
            system.train(recipe, samples, out, device=device, progress=report, source=source, **asked)

    needed = {"data": str, "out": str, **parts, system.source_name: system.source()}
    usual = {"seed": 0, "device": "auto", "progress": True}
    return _made(train, [system.learner, system.read], needed, reading | learning, usual)


def _evaluate(system: System) -> Callable[..., None]:
    def evaluate(
        checkpoint: str, data: str, out: str | None, device: str, progress: bool, **given: Any
    ) -> None:
        from hyperclade.data.store import check_writable, write_json

        if out is not None:
            check_writable(out)
        module = system.load(checkpoint, device=device)
        source = system.source_like(module, _given(given.pop(system.source_name)))
        with console.bar(progress) as (report, say):
            judgement = system.evaluate(module, data, source, progress=report, say=say, **given)
            say_if(say, system.passed_over(data))
        _show(judgement.shown)
        if out is not None:
            write_json(Path(out), {"checkpoint": str(checkpoint)} | judgement.figures, allow_nan=False)
            console.console().print(f"Written to {out}")

    needed = {"checkpoint": str, "data": str, system.source_name: _as_in_training(system.source())}
    usual = {"out": (str | None, None), "device": "auto", "progress": True}
    return _made(evaluate, [system.evaluate], needed, _options(system.evaluate, "seed"), usual)


def _predict(system: System) -> Callable[..., None]:
    can: Any = system

    def predict(checkpoint: str, inputs: str, out: str, device: str, progress: bool, **given: Any) -> None:
        from hyperclade.data.store import check_writable

        check_writable(out, folder=Path(out).is_dir())
        module = system.load(checkpoint, device=device)
        source = system.source_like(module, _given(given.pop(system.source_name)), labels=False)
        with console.bar(progress) as (report, say):
            lines = can.predict(module, inputs, out, source, progress=report, say=say, **given)
            say_if(say, system.passed_over(inputs))
        _show([Shown(lines)])

    needed = {
        "checkpoint": str,
        "inputs": str,
        "out": str,
        system.source_name: _as_in_training(system.source()),
    }
    usual = {"device": "auto", "progress": True}
    return _made(predict, [can.predict], needed, _options(can.predict), usual)


def _reproduce(system: System) -> Callable[..., None]:
    options, source = _options(system.plan), system.source_name
    if source in options:
        options[source] = options[source].replace(annotation=system.source(), default=inspect.Parameter.empty)

    def reproduce(out: str, **given: Any) -> None:
        from hyperclade.data.store import check_writable, write_json
        from hyperclade.learning.comparison import Asked, compare
        from hyperclade.learning.settings import parts_of, read_changes

        check_writable(out, folder=True)
        seeds, jobs, device = given.pop("seeds"), given.pop("jobs"), given.pop("device")
        if jobs < 1:
            raise ValueError(f"--jobs must be at least 1, got {jobs}")
        if not seeds:
            raise ValueError("--seeds takes at least one number")
        changes = read_changes(given.pop("settings"), list(parts_of(system.recipe())))
        with console.bar() as (report, say):
            asked = Asked(given.pop("systems"), seeds, changes)
            plan = system.plan(asked, progress=report, say=say, **given)
        on = console.console()
        results = compare(plan, out, device=device, jobs=jobs, say=on.print)
        record, shown = plan.outcome(results)
        write_json(Path(out) / plan.record, record)
        _show(shown, width=_WIDTH)
        on.print(f"\nWritten to {Path(out) / plan.record}")

    usual: dict[str, Any] = {"systems": (list[str] | None, None), "seeds": (list[int], list(system.seeds))}
    usual |= {"settings": (str | None, None), "jobs": 1, "device": "auto"}
    return _made(reproduce, [system.plan], {"out": str}, options, usual)


_VERBS = {"train": _train, "evaluate": _evaluate, "predict": _predict, "reproduce": _reproduce}


def _made(
    function: Callable[..., None],
    documented: list[Callable[..., Any]],
    needed: dict[str, type],
    options: dict[str, inspect.Parameter],
    usual: dict[str, Any],
) -> Callable[..., None]:
    """The function, with signature and docstring for its parser; `usual` has defaults, or a type first."""
    import docstring_parser

    kinds, verb = inspect.Parameter, function.__name__
    parameters = [
        kinds(
            name, kinds.POSITIONAL_OR_KEYWORD if name in _POSITIONAL else kinds.KEYWORD_ONLY, annotation=kind
        )
        for name, kind in needed.items()
    ]
    parameters += options.values()
    for name, default in usual.items():
        kind, value = default if isinstance(default, tuple) else (type(default), default)
        parameters.append(kinds(name, kinds.KEYWORD_ONLY, default=value, annotation=kind))
    known = _HELP | {"out": _OUT.get(verb, "")}
    for one in parameters:
        if is_dataclass(one.annotation):
            known[one.name] = (inspect.getdoc(one.annotation) or "").partition("\n")[0]
    texts = [docstring_parser.parse(inspect.getdoc(method) or "") for method in documented]
    known |= {one.arg_name: one.description or "" for text in texts for one in text.params}
    about = [texts[0].short_description, texts[0].long_description, _CONFIG if verb == "train" else None]
    lines = [f"    {one.name}: {' '.join(known.get(one.name, '').split())}" for one in parameters]
    function.__doc__ = "\n".join(["\n\n".join(filter(None, about)), "", "Args:", *lines])
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    function.__annotations__ = {one.name: one.annotation for one in parameters}
    return function


def _as_in_training(source: type) -> type:
    """The dataclass with None for each setting, which `_given` leaves out."""
    import docstring_parser

    settings: list[Any] = [(one.name, one.type, field(default=None)) for one in fields(source)]
    told = [docstring_parser.parse(inspect.getdoc(one) or "") for one in source.__mro__ if is_dataclass(one)]
    lines = [f"{(told[0].short_description or '').removesuffix('.')}; null: as in training."]
    lines += ["", "Attributes", "----------"]
    for parameter in (own for of_class in told for own in of_class.params):
        lines += [f"{parameter.arg_name} : {parameter.type_name}"]
        lines += [f"    {line}" for line in (parameter.description or "").splitlines()]
    about = "\n".join(lines)
    return make_dataclass(source.__name__, settings, namespace={"__doc__": about})


def _given(source: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(source).items() if value is not None}


def _options(method: Callable[..., Any], *also: str) -> dict[str, inspect.Parameter]:
    """Parameters of a system's method that are options of a command."""
    return {
        name: parameter
        for name, parameter in inspect.signature(method).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in _GIVEN - set(also)
    }


def _show(shown: list[Shown], *, width: int | None = None) -> None:
    on = console.console(width)
    for part in shown:
        for line in part.lines:
            on.print(line)
        if part.rows:
            on.print(console.table(part.columns, part.rows, left=part.left, header=part.header))

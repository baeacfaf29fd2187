"""Settings of runs: presets that ship as YAML files, dataclasses made from them, and checks of values."""

from collections.abc import Mapping, Sequence
from dataclasses import Field, fields
from functools import cache
from importlib.resources import files
from typing import Any, Literal, TypeVar, get_args, get_origin

import yaml

Part = TypeVar("Part")


def read_presets(package: str, names: Sequence[str]) -> dict[str, Any]:
    """Settings by part ("training") of presets of a package; later ones are laid over earlier ones.

    Raises:
        ValueError: no such preset.

    >>> read_presets("hyperclade.selflabel", ["selavi", "avdigits"])["system"]["n_clusters"]
    30
    """
    merged: dict[str, Any] = {}
    for name in names:
        file = files(package) / "presets" / f"{name}.yaml"
        if not file.is_file():
            raise ValueError(f"no preset {name!r}; there are {', '.join(preset_names(package))}")
        for part, settings in (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).items():
            if isinstance(settings, dict):
                merged.setdefault(part, {}).update(settings)
    return merged


def preset_names(package: str) -> list[str]:
    """Names of all presets that ship with a package, sorted.

    >>> preset_names("hyperclade.selflabel")[:2]
    ['avdigits', 'deepcluster']
    """
    folder = files(package) / "presets"
    return sorted(file.name.removesuffix(".yaml") for file in folder.iterdir() if file.name.endswith(".yaml"))


def parts_from(kinds: Mapping[str, type], given: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a recipe, each of its dataclass, and its "seed", from settings by part.

    Raises:
        ValueError: a part or setting that does not exist, or a value that a setting cannot have.

    >>> parts_from({}, {"trainig": {"epochs": 3}})
    Traceback (most recent call last):
    ...
    ValueError: a recipe has no part 'trainig'; it has seed
    """
    unknown = given.keys() - {*kinds, "seed"}
    if unknown:
        raise ValueError(f"a recipe has no part {min(unknown)!r}; it has {', '.join([*kinds, 'seed'])}")
    seed = given.get("seed", 0)
    if type(seed) is not int:
        raise ValueError(f"seed must be a whole number, got {seed!r}")
    made: dict[str, Any] = {part: part_from(kind, given.get(part), part) for part, kind in kinds.items()}
    return made | {"seed": seed}


def part_from(kind: type[Part], given: Mapping[str, Any] | None, part: str) -> Part:
    """The dataclass of a part of a recipe from its settings, by the types that it names.

    A text that spells a number, as YAML reads "1e-3", is that number, and a list may be a tuple.

    Raises:
        ValueError: a setting that the dataclass does not have, or a value that it cannot have.
    """
    if not isinstance(given, Mapping | None):
        raise ValueError(f"{part} must hold settings by name, got {given!r}")
    given = dict(given or {})
    unknown = given.keys() - {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if unknown:
        raise ValueError(f"{part} has no setting {min(unknown)!r}")
    for setting in fields(kind):  # type: ignore[arg-type]
        if setting.name in given:
            _check_choice(setting, given[setting.name])
    return kind(**checked(kind, given, part))


def checked(
    kind: type, given: dict[str, Any], what: str, *, skip: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Arguments of a class as its type hints have them.

    Args:
        kind: the class.
        given: some of its arguments, by name.
        what: to name in an error.
        skip: arguments that are no settings.

    Raises:
        ValueError: a value that does not fit its hint.
    """
    from jsonargparse import ArgumentError

    try:
        found = _parser(kind, skip).parse_object(given, defaults=False).as_dict()
    except ArgumentError as error:
        raise ValueError(f"{what}: {' '.join(str(error).split())}") from error
    return {name: found[name] for name in given}


def check_choices(settings: Any) -> None:
    """Raise ValueError for what is none of the values that a setting's `Literal` names."""
    for setting in fields(settings):
        _check_choice(setting, getattr(settings, setting.name))


def _check_choice(setting: "Field[Any]", value: Any) -> None:
    choices = get_args(setting.type) if get_origin(setting.type) is Literal else ()
    if choices and value not in choices:
        named = ", ".join(f'"{choice}"' for choice in choices)
        raise ValueError(f"{setting.name} must be one of {named}, got {value!r}")
    # jsonargparse takes None for any setting.
    if value is None and type(None) not in get_args(setting.type):
        raise ValueError(f"{setting.name} must not be null")


@cache
def _parser(kind: type, skip: frozenset[str]) -> Any:
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind, skip=set(skip), fail_untyped=False)
    return parser

"""Settings of runs: presets that ship as YAML files, dataclasses made from them, and checks of values."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
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


def part_from(kind: type[Part], given: dict[str, Any], part: str, *, pairs: Iterable[str] = ()) -> Part:
    """The dataclass of a part of a recipe from its settings, of which `pairs` are tuples.

    Raises:
        ValueError: a setting that the dataclass does not have, or a value that it refuses.
    """
    unknown = given.keys() - {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if unknown:
        raise ValueError(f"{part} has no setting {sorted(unknown)[0]!r}")
    tuples = {name: tuple(given[name]) for name in pairs if given.get(name) is not None}
    return kind(**(given | tuples))


def check_choices(settings: Any) -> None:
    """Raise ValueError for what is none of the values that a setting's `Literal` names."""
    for setting in fields(settings):
        choices = get_args(setting.type) if get_origin(setting.type) is Literal else ()
        value = getattr(settings, setting.name)
        if choices and value not in choices:
            named = ", ".join(f'"{choice}"' for choice in choices)
            raise ValueError(f"{setting.name} must be one of {named}, got {value!r}")

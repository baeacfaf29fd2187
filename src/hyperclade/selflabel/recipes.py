"""Recipes of the published systems, from the YAML files that ship with the package."""

from dataclasses import fields
from importlib.resources import files
from typing import Any

import yaml

from hyperclade.selflabel.config import Encoders, Recipe, System, Training

SYSTEMS = ("deepcluster", "xdc", "sela", "selavi", "shhc")


def preset(*names: str, seed: int = 0) -> Recipe:
    """The recipe of a preset, with later ones laid over it.

    Args:
        names: of shipped presets: "l3", "deepcluster", "xdc", "sela", "selavi", "shhc", and overlays such as
            "avdigits".
        seed: of the run.

    Raises:
        ValueError: no such preset.

    >>> preset("selavi", "avdigits").system.n_clusters
    30
    """
    merged: dict[str, Any] = {}
    for name in names:
        file = files("hyperclade.selflabel") / "presets" / f"{name}.yaml"
        if not file.is_file():
            raise ValueError(f"no preset {name!r}; there are {', '.join(preset_names())}")
        for part, settings in (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).items():
            if isinstance(settings, dict):
                merged.setdefault(part, {}).update(settings)
    return recipe_from(merged | {"seed": seed})


def preset_names() -> list[str]:
    """Names of all shipped presets, sorted."""
    folder = files("hyperclade.selflabel") / "presets"
    return sorted(file.name.removesuffix(".yaml") for file in folder.iterdir() if file.name.endswith(".yaml"))


def recipe_from(settings: dict[str, Any]) -> Recipe:
    """A recipe from nested dictionaries, as YAML files, `recipe.json` and checkpoints hold them.

    Raises:
        ValueError: a name that does not exist, or a value that a setting cannot have.

    >>> recipe_from({"system": {"n_clusters": 7}}).system.n_clusters
    7
    """
    made: dict[str, Any] = {}
    for part, kind in (("system", System), ("encoders", Encoders), ("training", Training)):
        given = dict(settings.get(part, {}))
        unknown = given.keys() - {field.name for field in fields(kind)}
        if unknown:
            raise ValueError(f"{part} has no setting {sorted(unknown)[0]!r}")
        for name in ("area", "volume"):
            if name in given:
                given[name] = tuple(given[name])
        made[part] = kind(**given)
    return Recipe(**made, seed=settings.get("seed", 0))

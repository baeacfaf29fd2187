"""Recipes of the published systems, from the YAML files that ship with the package."""

from typing import Any

from hyperclade.learning import settings
from hyperclade.learning.settings import parts_from, read_presets
from hyperclade.selflabel.config import Encoders, Recipe, System, Training

_PACKAGE = "hyperclade.selflabel"
_PARTS: dict[str, type] = {"system": System, "encoders": Encoders, "training": Training}
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
    return recipe_from(read_presets(_PACKAGE, names) | {"seed": seed})


def preset_names() -> list[str]:
    """Names of all shipped presets, sorted."""
    return settings.preset_names(_PACKAGE)


def recipe_from(given: dict[str, Any]) -> Recipe:
    """A recipe from nested dictionaries, as YAML files, `recipe.json` and checkpoints hold them.

    Raises:
        ValueError: a part or setting that does not exist, or a value that a setting cannot have.

    >>> recipe_from({"system": {"n_clusters": 7}}).system.n_clusters
    7
    """
    return Recipe(**parts_from(_PARTS, given))

"""Recipes of the methods, from the YAML files that ship with the package, and the classes they name."""

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

from hyperclade.learning import settings
from hyperclade.learning.settings import checked, part_from, parts_from, read_presets
from hyperclade.recognition.config import Backbone, Method, Recipe, Source, Training

if TYPE_CHECKING:
    from hyperclade.recognition.method import NodeScorer

# name: (module, class)
METHODS = {
    "leaf-softmax": ("leaf_softmax", "LeafSoftmax"),
    "hvsa": ("hvsa", "HVSA"),
    "mvm": ("mvm", "MVM"),
    "mhm": ("mhm", "MHM"),
    "mbm": ("mbm", "MBM"),
    "boxe": ("boxe", "BoxE"),
    "c-hmcnn": ("chmcnn", "CHMCNN"),
    "hxe": ("hxe", "HXE"),
    "soft-labels": ("soft_labels", "SoftLabels"),
    "devise": ("devise", "DeViSE"),
    "barz-denzler": ("barz_denzler", "BarzDenzler"),
    "hssn": ("hssn", "HSSN"),
}
_PACKAGE = "hyperclade.recognition"
_GIVEN = frozenset({"n_features", "taxonomy"})  # to a method by the samples
_PARTS: dict[str, type] = {"method": Method, "backbone": Backbone, "training": Training}


def preset(*names: str, seed: int = 0) -> Recipe:
    """The recipe of a preset, with later ones laid over it.

    Args:
        names: of shipped presets: those of `METHODS`, and overlays: "imclef07a", "imclef07d", "cifar100",
            "camvid".
        seed: of the run.

    Raises:
        ValueError: no such preset.

    >>> preset("leaf-softmax", "imclef07a").method.name
    'leaf-softmax'
    """
    settings = read_presets(_PACKAGE, names) | {"seed": seed}
    settings.pop("source", None)  # see `preset_source`
    return recipe_from(settings)


def preset_source(name: str) -> Source:
    """How the preset of a data set has its files read."""
    return part_from(Source, read_presets(_PACKAGE, [name]).get("source"), "source")


def preset_names() -> list[str]:
    """Names of all shipped presets, sorted."""
    return settings.preset_names(_PACKAGE)


def recipe_from(given: dict[str, Any]) -> Recipe:
    """A recipe from nested dictionaries, as YAML files, `recipe.json` and checkpoints hold them.

    Raises:
        ValueError: a part or setting that does not exist, or a value that a setting cannot have.

    >>> recipe_from({"training": {"epochs": 7}}).training.epochs
    7.0
    """
    return Recipe(**parts_from(_PARTS, given))


def method_class(choice: Method) -> tuple[type["NodeScorer"], dict[str, Any]]:
    """The class of a method and its settings, checked against the type hints of the class.

    Raises:
        ValueError: a setting that the method does not have, or a value that it cannot have.

    >>> method_class(Method("leaf-softmax", {"dropuot": 0.5}))
    Traceback (most recent call last):
    ...
    ValueError: method leaf-softmax has no setting 'dropuot'; it has dropout, hidden
    """
    module, name = METHODS[choice.name]
    made = getattr(import_module(f"hyperclade.recognition.{module}"), name)
    known = inspect.signature(made).parameters.keys() - _GIVEN
    unknown = choice.settings.keys() - known
    if unknown:
        raise ValueError(
            f"method {choice.name} has no setting {sorted(unknown)[0]!r}; it has {', '.join(sorted(known))}"
        )
    return made, checked(made, choice.settings, f"method {choice.name}", skip=_GIVEN)

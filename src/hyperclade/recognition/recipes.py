"""Recipes of the methods, from the YAML files that ship with the package, and the classes they name."""

import inspect
from dataclasses import fields
from importlib import import_module
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml

from hyperclade.recognition.config import Backbone, Method, Recipe, Training

if TYPE_CHECKING:
    from hyperclade.recognition.method import Method as MethodModule

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
_PAIRS = ("area", "crop_size", "scale")


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
    merged: dict[str, Any] = {}
    for name in names:
        file = files("hyperclade.recognition") / "presets" / f"{name}.yaml"
        if not file.is_file():
            raise ValueError(f"no preset {name!r}; there are {', '.join(preset_names())}")
        for part, settings in (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).items():
            if isinstance(settings, dict):
                merged.setdefault(part, {}).update(settings)
    return recipe_from(merged | {"seed": seed})


def preset_names() -> list[str]:
    """Names of all shipped presets, sorted."""
    folder = files("hyperclade.recognition") / "presets"
    return sorted(file.name.removesuffix(".yaml") for file in folder.iterdir() if file.name.endswith(".yaml"))


def recipe_from(settings: dict[str, Any]) -> Recipe:
    """A recipe from nested dictionaries, as YAML files, `recipe.json` and checkpoints hold them.

    Raises:
        ValueError: a name that does not exist, or a value that a setting cannot have.

    >>> recipe_from({"training": {"epochs": 7}}).training.epochs
    7
    """
    made: dict[str, Any] = {}
    for part, kind in (("method", Method), ("backbone", Backbone), ("training", Training)):
        given = dict(settings.get(part, {}))
        unknown = given.keys() - {field.name for field in fields(kind)}
        if unknown:
            raise ValueError(f"{part} has no setting {sorted(unknown)[0]!r}")
        for name in _PAIRS:
            if given.get(name) is not None:
                given[name] = tuple(given[name])
        made[part] = kind(**given)
    return Recipe(**made, seed=settings.get("seed", 0))


def method_class(choice: Method) -> tuple[type["MethodModule"], dict[str, Any]]:
    """The class of a method and its settings, checked against the type hints of the class.

    Raises:
        ValueError: a setting that the method does not have, or a value that it cannot have.

    >>> method_class(Method("leaf-softmax", {"dropuot": 0.5}))
    Traceback (most recent call last):
    ...
    ValueError: method leaf-softmax has no setting 'dropuot'; it has dropout, hidden
    """
    from jsonargparse import ArgumentError, ArgumentParser

    module, name = METHODS[choice.name]
    made = getattr(import_module(f"hyperclade.recognition.{module}"), name)
    known = set(inspect.signature(made).parameters) - {"n_features", "taxonomy"}
    unknown = choice.settings.keys() - known
    if unknown:
        raise ValueError(
            f"method {choice.name} has no setting {sorted(unknown)[0]!r}; it has {', '.join(sorted(known))}"
        )
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(made, skip={"n_features", "taxonomy"}, fail_untyped=False)
    try:
        settings = parser.parse_object(choice.settings).as_dict()
    except ArgumentError as error:
        raise ValueError(f"method {choice.name}: {error}") from error
    return made, {key: settings[key] for key in choice.settings}

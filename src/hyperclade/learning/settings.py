"""Settings of runs: presets that ship as YAML files, dataclasses made from them, and checks of values."""

import inspect
import math
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import Field, asdict, dataclass, fields, is_dataclass
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeVar, get_args, get_origin

import yaml

from hyperclade.learning.schedule import cosine_rate

Part = TypeVar("Part")


@dataclass
class Training:
    """How long and how.

    Attributes
    ----------
    epochs : float
        Passes over the samples.
    batch_size : int
        Samples per step, on each device.
    learning_rate : float
        The highest; it rises at first, then falls as a half cosine.
    weight_decay : float
        Weight decay of the optimizer.
    flip : bool
        Mirror images at random.
    crop : bool
        Crop images at random.
    colour : bool
        Change their colours at random.
    area : tuple of float
        Range of a crop's area, as a share of the image.
    precision : str
        Lightning's name of it; hyperbolic mathematics stay in float64.
    devices : int
        Processes or GPUs, of all machines together; those that torchrun starts, where it does.
    n_workers : int
        Processes that read batches; 0 reads in the main process.
    checkpoint_every : int
        Steps between checkpoints, if they take less than five minutes.
    """

    clip: ClassVar[float | None] = None  # of gradients
    ema: ClassVar[float] = 0.0
    validation: ClassVar[float] = 0.0
    positive: ClassVar[tuple[str, ...]] = ("learning_rate",)
    at_least_1: ClassVar[tuple[str, ...]] = ("batch_size", "devices", "checkpoint_every")
    not_negative: ClassVar[tuple[str, ...]] = ("weight_decay", "n_workers")

    epochs: float = 20.0
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    flip: bool = True
    crop: bool = True
    colour: bool = True
    area: tuple[float, float] = (0.2, 1.0)
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    devices: int = 1
    n_workers: int = 0
    checkpoint_every: int = 500

    def __post_init__(self) -> None:
        check_choices(self)
        check_numbers(self, self.at_least_1, self.positive, self.not_negative)
        check_range("area", self.area, most=1.0)

    def make_optimizer(self, groups: list[dict[str, Any]]) -> Any:
        """AdamW, for groups of parameters with their learning rates."""
        import torch

        return torch.optim.AdamW(groups, lr=self.learning_rate, weight_decay=self.weight_decay)

    def rate(self, step: int, n_steps: int) -> float:
        """Factor of the learning rate at a step of so many."""
        return cosine_rate(step, n_steps, max(1, n_steps // 20))


@dataclass
class AdamTraining(Training):
    """How long and how, by Adam.

    Attributes
    ----------
    optimizer : {"adam", "adamw"}
        "adamw" keeps the decay of the weights apart from their gradients.
    clip : float or None
        Largest norm of a gradient; None for any.
    """

    optimizer: Literal["adam", "adamw"] = "adam"
    clip: float | None = None  # type: ignore[misc]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip must be positive, or null for none, got {self.clip}")

    def make_optimizer(self, groups: list[dict[str, Any]]) -> Any:
        import torch

        kind = torch.optim.Adam if self.optimizer == "adam" else torch.optim.AdamW
        return kind(groups, lr=self.learning_rate, weight_decay=self.weight_decay)


def check_numbers(
    settings: Any,
    at_least_1: Sequence[str] = (),
    positive: Sequence[str] = (),
    not_negative: Sequence[str] = (),
) -> None:
    """Raise ValueError for the first of the settings of these names that is too low."""
    for name in at_least_1:
        if getattr(settings, name) < 1:
            raise ValueError(f"{name} must be at least 1, got {getattr(settings, name)}")
    for name in positive:
        if not getattr(settings, name) > 0:
            raise ValueError(f"{name} must be positive, got {getattr(settings, name)}")
    for name in not_negative:
        if not getattr(settings, name) >= 0:
            raise ValueError(f"{name} must not be negative, got {getattr(settings, name)}")


class Size(tuple[int, int]):
    """Height and width of images in pixels, said as a number, "224x160" or both in a list.

    >>> Size("224"), Size("224x160"), Size([3, 4])
    ((224, 224), (224, 160), (3, 4))
    """

    def __new__(cls, value: Any) -> Self:
        given = re.split(r"\s*[x×,]\s*", value) if isinstance(value, str) else value
        sides = [given] if isinstance(given, int) else list(given)
        try:
            height, width = map(int, sides * 2 if len(sides) == 1 else sides)
        except (TypeError, ValueError):
            raise ValueError(f"a size is 224, or height and width 224x160, got {value!r}") from None
        if min(height, width) < 1:
            raise ValueError(f"a size must be at least 1, got {height}x{width}")
        return super().__new__(cls, (height, width))


@dataclass
class FileSource:
    """How tables and images are read.

    Attributes
    ----------
    labels : list of str or None
        Column of the labels or, for tables of images, columns from coarse to fine; default: "label".
    features : list of str or None
        Columns of tables that are features, by names or patterns; default: all of numbers.
    size : int, (int, int) or None
        Height and width in pixels to bring images to, 224 or 224x160; default: the size that all have, else
        256.
    background : str
        Colour that transparent parts are laid on, of images in files and folders.
    """

    labels: list[str] | None = None
    features: list[str] | None = None
    size: tuple[int, int] | Size | None = None
    background: str = "white"


def check_range(name: str, values: tuple[float, float], *, most: float = math.inf) -> None:
    """Raise ValueError for what is no rising range above 0 and up to `most`."""
    low, high = values
    if not 0 < low <= high <= most:
        raise ValueError(f"{name} must be a rising range above 0, got {low} and {high}")


def read_presets(package: str, names: Sequence[str]) -> dict[str, Any]:
    """Settings by part ("training") of presets of a package; later ones are laid over earlier ones.

    >>> read_presets("hyperclade.selflabel", ["selavi", "avdigits"])["system"]["n_clusters"]
    30
    """
    merged: dict[str, Any] = {}
    for name in names:
        lay_over(merged, read_yaml(preset_file(package, name), name))
    return {part: settings for part, settings in merged.items() if isinstance(settings, dict)}


def preset(kind: type[Part], *names: str, seed: int = 0) -> Part:
    """The recipe of a preset that ships with the recipe's package, with later ones laid over it.

    >>> from hyperclade.selflabel.config import Recipe
    >>> preset(Recipe, "selavi", "avdigits").system.n_clusters
    30
    """
    given = read_presets(kind.__module__.rpartition(".")[0], names)
    known = parts_of(kind)
    return recipe_from(kind, {part: given[part] for part in known if part in given} | {"seed": seed})


def preset_file(package: str, name: str) -> Path:
    """The file of a preset of a package; ValueError where there is none of that name.

    >>> preset_file("hyperclade.selflabel", "selavi").name
    'selavi.yaml'
    """
    file = Path(str(files(package))) / "presets" / f"{name.removesuffix('.yaml')}.yaml"
    if not file.is_file():
        raise ValueError(f"no preset {name!r}; there are {', '.join(preset_names(package))}")
    return file


def lay_over(settings: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with others laid over them, in place, part by part and setting by setting.

    Settings of something named, such as a method, begin anew where its name changes.

    >>> lay_over({"method": {"name": "mvm", "settings": {"dim": 8}}}, {"method": {"settings": {"hidden": 1}}})
    {'method': {'name': 'mvm', 'settings': {'dim': 8, 'hidden': 1}}}
    >>> lay_over({"name": "mvm", "settings": {"dim": 8}}, {"name": "mhm"})
    {'name': 'mhm', 'settings': {}}
    """
    if changes.get("name", settings.get("name")) != settings.get("name") and "settings" in settings:
        settings["settings"] = {}
    for name, value in changes.items():
        if isinstance(value, Mapping) and isinstance(settings.get(name), dict):
            lay_over(settings[name], value)
        else:
            settings[name] = deepcopy(value)
    return settings


def read_changes(path: str | None, parts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Settings of a YAML file by part, to lay over those of presets; none without a file."""
    if path is None:
        return {}
    if not Path(path).is_file():
        raise ValueError(f"--settings {path}: no such file")
    found = read_yaml(Path(path), path)
    if any(part not in parts or not isinstance(values, dict) for part, values in found.items()):
        raise ValueError(f"{path} must hold settings under {', '.join(parts)}")
    return found


def read_configs(names: Sequence[str], package: str, *, option: str) -> dict[str, Any]:
    """Settings of YAML files, or of presets of a package by their names; later ones laid over earlier."""
    merged: dict[str, Any] = {}
    for name in names:
        path = Path(name)
        if not path.is_file():
            if path.name != name:
                raise ValueError(f"{option} {name}: no such file")
            try:
                path = preset_file(package, name)
            except ValueError as error:
                raise ValueError(f"{option} {name}: no such file, nor a preset; {error}") from error
        lay_over(merged, read_yaml(path, f"{option} {name}"))
    return merged


def read_yaml(path: Path, called: str) -> dict[str, Any]:
    """Settings by name in a YAML file, which an error calls so; ValueError for anything else in it."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"{called} is not YAML: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{called} must hold settings by name")
    return found


def plain(value: Any) -> Any:
    """Lists for tuples, dictionaries for dataclasses: as JSON files and checkpoints hold settings.

    >>> plain({"area": (0.2, 1.0)})
    {'area': [0.2, 1.0]}
    """
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def preset_names(package: str) -> list[str]:
    """Names of all presets that ship with a package, sorted.

    >>> preset_names("hyperclade.selflabel")[:2]
    ['avdigits', 'deepcluster']
    """
    folder = files(package) / "presets"
    return sorted(file.name.removesuffix(".yaml") for file in folder.iterdir() if file.name.endswith(".yaml"))


def recipe_from(kind: type[Part], given: Mapping[str, Any]) -> Part:
    """A recipe, a dataclass of dataclasses and a "seed", from nested dictionaries.

    YAML files, `recipe.json` and checkpoints hold these. Raises ValueError for a part or setting that does
    not exist, or a value that a setting cannot have.

    >>> from hyperclade.selflabel.config import Recipe
    >>> recipe_from(Recipe, {"system": {"n_clusters": 7}}).system.n_clusters
    7
    >>> recipe_from(Recipe, {"trainig": {"epochs": 3}})
    Traceback (most recent call last):
    ...
    ValueError: a recipe has no part 'trainig'; it has system, encoders, training, seed
    """
    kinds = parts_of(kind)
    unknown = given.keys() - {*kinds, "seed"}
    if unknown:
        raise ValueError(f"a recipe has no part {min(unknown)!r}; it has {', '.join([*kinds, 'seed'])}")
    seed = given.get("seed", 0)
    if type(seed) is not int:
        raise ValueError(f"seed must be a whole number, got {seed!r}")
    parts: dict[str, Any] = {part: part_from(made, given.get(part), part) for part, made in kinds.items()}
    return kind(**parts, **{"seed": seed})


def parts_of(kind: type) -> dict[str, type]:
    """The dataclasses that a recipe is made of, by name."""
    return {field.name: field.type for field in fields(kind) if is_dataclass(field.type)}  # type: ignore[misc]


def part_from(kind: type[Part], given: Mapping[str, Any] | None, part: str) -> Part:
    """The dataclass of a part of a recipe from its settings, by the types that it names.

    A text that spells a number, as YAML reads "1e-3", is that number, and a list may be a tuple.
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
    """Some arguments of a class as its type hints have them; ValueError, about `what`, where they do not fit.

    Arguments to `skip` are no settings.
    """
    from jsonargparse import ArgumentError

    try:
        found = _parser(kind, skip).parse_object(given, defaults=False).as_dict()
    except ArgumentError as error:
        raise ValueError(f"{what}: {' '.join(str(error).split())}") from error
    return {name: found[name] for name in given}


def named_class(
    package: str, classes: Mapping[str, tuple[str, str]], choice: Any, what: str
) -> tuple[type, dict[str, Any]]:
    """The class that a setting chooses by name, and its settings, checked against the class's type hints.

    Settings are the keyword-only arguments of the class.

    Parameters
    ----------
    package : str
    classes : mapping of str to (str, str)
        Module of the package and class, by name.
    choice : dataclass
        Its `name` and `settings`.
    what : str
        For messages, "method".

    Raises
    ------
    ValueError
        A setting that the class does not have, or a value that it cannot have.
    """
    module, name = classes[choice.name]
    made = getattr(import_module(f"{package}.{module}"), name)
    known = class_settings(made)
    unknown = choice.settings.keys() - known
    if unknown:
        have = f"; it has {', '.join(sorted(known))}" if known else ""
        raise ValueError(f"{what} {choice.name} has no setting {min(unknown)!r}{have}")
    given = frozenset(inspect.signature(made).parameters.keys() - known.keys())
    return made, checked(made, choice.settings, f"{what} {choice.name}", skip=given)


def class_settings(made: type) -> dict[str, Any]:
    """Keyword-only arguments of a class with their standard values."""
    parameters = inspect.signature(made).parameters.values()
    return {one.name: one.default for one in parameters if one.kind is one.KEYWORD_ONLY}


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

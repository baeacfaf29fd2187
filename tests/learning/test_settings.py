"""Settings from presets and dictionaries: what is made of them, and what each mistake is told."""

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from hyperclade.learning.settings import (
    check_choices,
    checked,
    part_from,
    preset_names,
    read_presets,
    recipe_from,
)


@dataclass
class Loop:
    epochs: float = 10.0
    area: tuple[float, float] = (0.2, 1.0)
    limit: float | None = None
    kind: Literal["adam", "sgd"] = "adam"
    power: Literal[1, 2] = 1
    others: dict[str, Any] = field(default_factory=dict)


@dataclass
class Recipe:
    training: Loop = field(default_factory=Loop)
    other: Loop = field(default_factory=Loop)
    seed: int = 0


class Head:
    def __init__(self, n_features: int, *, sizes: list[int] | None = None, dropout: float = 0.5) -> None: ...


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The name of a package with two presets and a file that is none."""
    presets = tmp_path / "with_presets" / "presets"
    presets.mkdir(parents=True)
    (presets.parent / "__init__.py").write_text("")
    (presets / "plain.yaml").write_text("training: {epochs: 3, kind: sgd}\nmethod: {name: flat}\n")
    (presets / "longer.yaml").write_text("training: {epochs: 30}\ndata: pictures\n")
    (presets / "empty.yaml").write_text("# all defaults\n")
    (presets / "notes.txt").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    return "with_presets"


def test_later_presets_are_laid_over_earlier_ones(package):
    plain, longer = read_presets(package, ["plain"]), read_presets(package, ["plain", "longer"])
    assert plain == {"training": {"epochs": 3, "kind": "sgd"}, "method": {"name": "flat"}}
    assert longer == {"training": {"epochs": 30, "kind": "sgd"}, "method": {"name": "flat"}}
    assert read_presets(package, ["longer", "plain"]) == plain
    assert read_presets(package, ["empty"]) == read_presets(package, []) == {}


def test_what_a_preset_says_beside_its_parts_is_no_setting(package):
    assert "data" not in read_presets(package, ["longer"])


def test_a_preset_that_is_not_there(package):
    assert preset_names(package) == ["empty", "longer", "plain"]
    with pytest.raises(ValueError, match="no preset 'plian'; there are empty, longer, plain"):
        read_presets(package, ["plain", "plian"])


def test_the_parts_of_a_recipe_are_of_their_kinds():
    made = recipe_from(Recipe, {"training": {"epochs": 3}, "seed": 7})
    assert made == Recipe(Loop(epochs=3.0), Loop(), 7)
    assert recipe_from(Recipe, {}) == Recipe()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"trainig": {}, "unknown": 1}, "no part 'trainig'; it has training, other, seed"),
        ({"seed": "7"}, "seed must be a whole number, got '7'"),
        ({"seed": 7.0}, "seed must be a whole number, got 7.0"),
        ({"seed": True}, "seed must be a whole number, got True"),
        ({"seed": None}, "seed must be a whole number, got None"),
        ({"training": 3}, "training must hold settings by name, got 3"),
        ({"training": {"epoch": 3}}, "training has no setting 'epoch'"),
    ],
)
def test_a_recipe_with_a_mistake(given, message):
    with pytest.raises(ValueError, match=message):
        recipe_from(Recipe, given)


def test_a_part_has_the_types_it_names():
    given = {"epochs": "1e-3", "area": [0.5, 1], "limit": None, "power": 2, "others": {"deep": [{"a": 1}]}}
    part = part_from(Loop, given, "training")
    assert part == Loop(1e-3, (0.5, 1.0), None, "adam", 2, {"deep": [{"a": 1}]})
    assert isinstance(part.area, tuple) and isinstance(part.epochs, float)
    assert part_from(Loop, None, "training") == part_from(Loop, {}, "training") == Loop()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1, 2], r"training must hold settings by name, got \[1, 2\]"),
        ("adam", "training must hold settings by name, got 'adam'"),
        ({"epoch": 3, "ark": 2}, "training has no setting 'ark'"),
        ({"kind": "rmsprop"}, """kind must be one of "adam", "sgd", got 'rmsprop'"""),
        ({"power": 3}, """power must be one of "1", "2", got 3"""),
        ({"kind": None}, """kind must be one of "adam", "sgd", got None"""),
        ({"epochs": None}, "epochs must not be null"),
        ({"epochs": "many"}, "training: .*epochs"),
        ({"area": [0.5]}, "training: .*area"),
        ({"area": [0.5, "wide"]}, "training: .*area"),
    ],
)
def test_a_part_with_a_mistake(given, message):
    with pytest.raises(ValueError, match=message) as found:
        part_from(Loop, given, "training")
    assert "\n" not in str(found.value)  # commands print it as one line


def test_arguments_of_a_class_without_those_that_are_no_settings():
    given = {"sizes": ["8", 4], "dropout": 0}
    skip = frozenset({"n_features"})
    assert checked(Head, given, "head", skip=skip) == {"sizes": [8, 4], "dropout": 0.0}
    assert checked(Head, {}, "head", skip=skip) == {}
    for wrong in ({"sizes": [1.5]}, {"dropout": "half"}, {"n_features": 3}, {"size": [8]}):
        with pytest.raises(ValueError, match="head: ") as found:
            checked(Head, wrong, "head", skip=skip)
        assert "\n" not in str(found.value)


def test_choices_are_checked_of_all_settings():
    check_choices(Loop())
    check_choices(Loop(limit=None, power=2))
    for wrong, message in (
        ({"kind": "rmsprop"}, """kind must be one of "adam", "sgd", got 'rmsprop'"""),
        ({"power": 3}, 'power must be one of "1", "2", got 3'),
        ({"epochs": None}, "epochs must not be null"),
    ):
        with pytest.raises(ValueError, match=message):
            check_choices(Loop(**wrong))

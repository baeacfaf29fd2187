"""Runs of version 0.1, made before systems shared one loop: they load, predict, go on, and mean the same.

`tests/pinned` holds, of the recipes below, a finished run, one that was stopped at step 13, and the figures
of the finished one.
"""

import json
import shutil
import sys
from pathlib import Path

import pytest

from hyperclade import recognition, selflabel
from hyperclade.learning.runs import CHECKPOINT, HISTORY, RECIPE, read_history

TESTS = Path(__file__).parents[1]
PINNED = TESTS / "pinned"
sys.path[:0] = [str(TESTS / "selflabel"), str(TESTS / "recognition")]
import planted  # noqa: E402
import planted_samples  # noqa: E402

FIGURES = json.loads((PINNED / "figures.json").read_text())


def of(name):
    """System, recipe and samples of a pinned run."""
    if name == "recognition":
        return (
            recognition.SYSTEM,
            planted_samples.recipe(ema=0.5, mixup=0.2),
            planted_samples.planted_features(),
        )
    return selflabel.SYSTEM, planted.recipe(name), planted.planted_pairs()


def figures(name, module, samples):
    if name == "recognition":
        return recognition.evaluate(module, samples)
    return selflabel.evaluate_clusters(module, samples)


@pytest.mark.parametrize("name", ["recognition", "shhc"])
def test_finished_runs_of_the_version_before_load_and_judge_alike(name):
    system, recipe, samples = of(name)
    module = system.load(PINNED / name / "finished")
    assert module.recipe == recipe
    found, expected = (
        rows if isinstance(rows, list) else [rows] for rows in (figures(name, module, samples), FIGURES[name])
    )
    for row, wanted in zip(found, expected, strict=True):
        for measure, value in wanted.items():
            assert row[measure] == (pytest.approx(value, abs=0.02) if isinstance(value, float) else value)


@pytest.mark.parametrize("name", ["recognition", "shhc"])
def test_stopped_runs_of_the_version_before_go_on(name, tmp_path):
    system, recipe, samples = of(name)
    run, whole = tmp_path / "run", read_history(PINNED / name / "finished" / HISTORY)
    shutil.copytree(PINNED / name / "stopped", run)
    system.train(recipe, samples, run, device="cpu")
    assert {path.name for path in run.iterdir()} == {CHECKPOINT, RECIPE, HISTORY}
    history = read_history(run / HISTORY)
    assert [line["step"] for line in history] == [line["step"] for line in whole]
    assert [line["loss"] for line in history] == pytest.approx([line["loss"] for line in whole], rel=0.2)


@pytest.mark.parametrize("name", ["recognition", "shhc"])
def test_finished_runs_of_the_version_before_are_known_as_such(name, tmp_path):
    system, recipe, samples = of(name)
    shutil.copytree(PINNED / name / "finished", tmp_path / "run")
    before = (tmp_path / "run" / CHECKPOINT).read_bytes()
    system.train(recipe, samples, tmp_path / "run", device="cpu")
    assert (tmp_path / "run" / CHECKPOINT).read_bytes() == before


def test_a_recipe_that_is_older_than_a_setting_is_that_recipe(tmp_path):
    recipe, samples = planted_samples.recipe(), planted_samples.planted_features()
    run = tmp_path / "run"
    module = recognition.train(recipe, samples, run, device="cpu")
    stored = json.loads((run / RECIPE).read_text())
    del stored["recipe"]["training"]["colour"]
    (run / RECIPE).write_text(json.dumps(stored))
    again = recognition.train(recipe, samples, run, device="cpu")
    assert again.state_dict().keys() == module.state_dict().keys()

"""Tables of a system: read from its package, planned as runs, and printed beside the published figures."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from hyperclade.learning import comparison
from hyperclade.learning.comparison import Asked, compare, finished
from hyperclade.learning.runs import CHECKPOINT
from hyperclade.learning.tables import (
    Measure,
    Row,
    Table,
    _shown,
    plan_runs,
    plan_table,
    planned,
    read_tables,
    table_rows,
    train_and_judge,
)
from toy.system import SYSTEM

TABLE = read_tables("toy")[1]
WIDER = Table(
    "Settings",
    ("planted",),
    {
        "standard": Row("spelled out", "plain", {"network": {"bias": True}, "training": {"epochs": 5}}),
        "none": Row("no bias", "plain", {"network": {"bias": False}}),
        "small": Row("small crops", "plain", {"training": {"area": [0.5, 0.75], "epochs": 1}}),
    },
    (Measure("report.accuracy", "accuracy"), Measure("seconds", "s", 1)),
)


def result(system, seed, accuracy, **more):
    return {"system": system, "data": "planted", "seed": seed, "report": {"accuracy": accuracy}, **more}


def test_tables_are_read_with_what_rows_leave_unsaid():
    assert read_tables("toy").keys() == {1}
    assert (TABLE.title, TABLE.data, TABLE.cost) == ("A layer with and without bias", ("planted",), False)
    assert TABLE.rows == {
        "bias": Row("bias", "plain", {}, {"planted": [99.0]}),
        "none": Row("none", "plain", {"network": {"bias": False}}, {}),
    }
    assert TABLE.measures == (Measure("report.accuracy", "accuracy", 100),)


def test_names_of_runs_say_what_differs_from_the_preset():
    runs = planned(SYSTEM, WIDER, seeds=[2, 0])
    names = ["plain", "plain-bias-false", "plain-area-0.5x0.75-epochs-1"]
    assert [run.name for run in runs] == [f"{name}-planted-{seed}" for seed in (2, 0) for name in names]
    assert runs[1].about == {"system": "plain-bias-false", "data": "planted", "seed": 2}
    assert runs[1].title == "plain-bias-false on planted"
    assert runs[2].recipe.training.area == (0.5, 0.75) and runs[2].recipe.training.batch_size == 10
    assert [run.recipe.seed for run in runs] == [2, 2, 2, 0, 0, 0]


def test_rows_that_come_to_the_same_share_a_run():
    same = Table("", ("planted",), TABLE.rows | {"again": Row("again", "plain")}, TABLE.measures)
    assert len(planned(SYSTEM, same)) == 2
    rows = table_rows(SYSTEM, same, [result("plain", 0, 0.5)])
    assert [row["model"] for row in rows] == ["bias", "again"]


def test_changes_lie_between_presets_and_rows():
    changes = {"training": {"epochs": 7.0, "learning_rate": 0.5}}
    standard, none, small = planned(SYSTEM, WIDER, changes=changes)
    assert standard.name == "plain-epochs-5-planted-0" and standard.recipe.training.epochs == 5
    assert none.recipe.training.epochs == 7 and small.recipe.training.epochs == 1
    assert {run.recipe.training.learning_rate for run in (standard, none, small)} == {0.5}
    (row,) = table_rows(SYSTEM, WIDER, [result("plain-epochs-5", 0, 0.5)], changes=changes)
    assert row["model"] == "spelled out"


def test_rows_have_presets_by_data_or_published_figures_alone():
    rows = {
        "laid": Row("laid over", {"planted": ["plain", "plain"]}, {"network": {"bias": False}}),
        "cited": Row("cited", None, {}, {"planted": [50.0]}),
        "elsewhere": Row("elsewhere", {"digits": "plain"}, {}, {"digits": [40.0]}),
    }
    table = Table("", ("planted",), rows, TABLE.measures)
    (run,) = planned(SYSTEM, table)
    assert run.name == "plain-plain-bias-false-planted-0"
    laid, cited = table_rows(SYSTEM, table, [result("plain-plain-bias-false", 0, 0.5, seconds=6.0)])
    assert laid["measures"] == {"accuracy": (50.0, 0.0)}
    assert cited == {
        "data": "planted", "model": "cited", "seeds": 0, "minutes": None,
        "measures": {"accuracy": None}, "published": [50.0],
    }  # fmt: skip


def test_rows_with_published_figures_alone_are_shown():
    rows = TABLE.rows | {"cited": Row("cited", None, {}, {"planted": [50.0]})}
    table = Table("", ("planted",), rows, TABLE.measures)
    found = [result("plain", 0, 0.5, seconds=30.0)]
    assert _shown("t", list(table_rows(SYSTEM, table, found))).rows == [
        ["bias", "50.00", "99.00", "0.5"], ["cited", "–", "50.00", "–"],
    ]  # fmt: skip


def test_data_beyond_those_at_hand_have_to_be_asked_for():
    table = Table("", (), TABLE.rows, TABLE.measures, more=("planted",))
    assert planned(SYSTEM, table) == []
    assert len(planned(SYSTEM, table, data=["planted"])) == 2


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"data": ["digits"]}, "data are planted, not 'digits'"),
        ({"systems": ["bias", "deep"]}, "systems are bias, none, not 'deep'"),
        ({"systems": []}, "systems are bias, none"),
        ({"changes": {"network": {"depth": 3}}}, "network has no setting 'depth'"),
        ({"changes": {"training": {"devices": 2}}}, "one device"),
    ],
)
def test_what_cannot_be_planned(given, named):
    with pytest.raises(ValueError, match=named):
        planned(SYSTEM, TABLE, **given)


def test_rows_are_means_over_the_seeds_there_are():
    found = [result("plain", 0, 0.5, seconds=60.0), result("plain", 1, 0.75, seconds=180.0)]
    (row,) = table_rows(SYSTEM, TABLE, found)
    assert row == {
        "data": "planted", "model": "bias", "seeds": 2, "minutes": 2.0,
        "measures": {"accuracy": (62.5, pytest.approx(25 / 2**0.5))}, "published": [99.0],
    }  # fmt: skip
    (row,) = table_rows(SYSTEM, WIDER, [result("plain-bias-false", 0, None)])
    assert row["measures"] == {"accuracy": None, "s": None}
    assert row["minutes"] is row["published"] is None


def test_results_become_a_table_with_the_papers_figures():
    plan = plan_table(SYSTEM, Asked(seeds=(0, 1)), 1)
    found = [run.about | {"report": {"accuracy": 0.25}, "seconds": 30.0} for run in plan.runs]
    record, (shown,) = plan.outcome(found)
    assert plan.record == "table-1.json" and json.loads(json.dumps(record))["runs"] == found
    assert "Table 1" in shown.lines[0] and "2 seeds" in shown.lines[0]
    assert shown.columns == ["model", "accuracy", "the paper's", "minutes"]
    assert shown.rows == [["bias", "25.00 ± 0.00", "99.00", "0.5"], ["none", "25.00 ± 0.00", "", "0.5"]]
    with pytest.raises(ValueError, match="--table takes one of 1, got 4"):
        plan_table(SYSTEM, Asked(), 4)


def test_runs_are_trained_and_judged_by_the_test_samples(tmp_path, monkeypatch):
    monkeypatch.setattr(comparison, "all_or_none", ThreadPoolExecutor)
    runs = planned(SYSTEM, WIDER, systems=["small"], seeds=[4])
    (found,) = compare(plan_runs(SYSTEM, runs), tmp_path, device="cpu", say=str)
    assert finished(runs[0], tmp_path) == found and found["parameters"] == 3 * 3 + 3
    module = SYSTEM.load(tmp_path / runs[0].name / CHECKPOINT)
    test = SYSTEM.read("planted", "test", SYSTEM.source()(), seed=4)
    assert found["report"] == SYSTEM.report(module, test)


def test_what_training_held_out_judges_instead(tmp_path, monkeypatch):
    asked = []
    read = SYSTEM.read

    def spied(data, split, source, **options):
        asked.append(split)
        return read(data, split, source, **options)

    monkeypatch.setattr(SYSTEM, "read", spied, raising=False)
    monkeypatch.setattr("hyperclade.learning.settings.Training.validation", 0.25)
    (run,) = planned(SYSTEM, WIDER, systems=["small"])
    judged = []
    monkeypatch.setattr(SYSTEM, "report", lambda module, samples: judged.append(samples) or {}, raising=False)
    train_and_judge(SYSTEM, run, tmp_path, "cpu")
    assert asked == ["train"] and len(judged[-1]) == 15


def test_costs_are_measured_once_of_one_sample_without_training(tmp_path, monkeypatch):
    sizes = []

    def cost(recipe, samples, device):
        sizes.append((len(samples), recipe.network.bias, device))
        return {"parameters": 9 + 3 * recipe.network.bias}

    monkeypatch.setattr(SYSTEM, "cost", cost, raising=False)
    plan = plan_runs(SYSTEM, planned(SYSTEM, TABLE), cost=True)
    found = compare(plan, tmp_path, device="cpu", say=str)
    assert sizes == [(1, True, "cpu"), (1, False, "cpu")] and not plan.kept
    measures = (Measure("parameters", "parameters", 1),)
    rows = table_rows(SYSTEM, Table("", TABLE.data, TABLE.rows, measures, cost=True), found)
    assert [(row["measures"]["parameters"], row["minutes"]) for row in rows] == [
        ((12, 0), None),
        ((9, 0), None),
    ]

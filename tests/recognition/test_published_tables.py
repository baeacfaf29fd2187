"""Comparisons: what runs, with which settings, judged by what, and the tables made of it."""

import gzip
import inspect
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from importlib.util import find_spec

import numpy as np
import pytest
import pytorch_lightning as lightning
from planted_samples import planted_features, planted_images, planted_masks

from hyperclade.cli import main as entry
from hyperclade.data.samples import data_home
from hyperclade.learning import comparison, tables
from hyperclade.learning.comparison import do, finished
from hyperclade.learning.runs import LAST, held_out
from hyperclade.learning.settings import plain
from hyperclade.learning.tables import Measure, Row, Table, read_tables
from hyperclade.recognition import embedding, evaluation, load, train
from hyperclade.recognition.evaluation import evaluate
from hyperclade.recognition.method import method_class
from hyperclade.recognition.system import SYSTEM

TABLES = read_tables("hyperclade.recognition")
planned, table_rows = partial(tables.planned, SYSTEM), partial(tables.table_rows, SYSTEM)

SMALL = {"training": {"epochs": 2.0, "batch_size": 20, "checkpoint_every": 3, "mixup": 0.0}}
WIDTHS = Table(
    "Widths",
    ("imclef07a",),
    {
        "narrow": Row("narrow", "leaf-softmax", {"method": {"settings": {"hidden": [4]}}}),
        "wide": Row("wide", "leaf-softmax", {"method": {"settings": {"hidden": [16]}}}),
    },
    (Measure("report.map", "MAP"), Measure("report.cv", "CV")),
)

needs_lite = pytest.mark.skipif(
    not find_spec("efficientnet_lite_pytorch"), reason="EfficientNet-Lite is not installed"
)


def compare(runs, out, *, say=str, cost=False):
    return comparison.compare(tables.plan_runs(SYSTEM, runs, cost=cost), out, say=say)


def run_system(run, out):
    return do(partial(tables.train_and_judge, SYSTEM), run, out, "cpu")


@pytest.fixture
def planted(monkeypatch):
    """Planted samples for those by name, and threads for processes, which would import for long."""
    sets = {"train": planted_features(), "test": planted_features(n=40, seed=1)}
    monkeypatch.setattr(
        "hyperclade.recognition.sources.load_samples",
        lambda data, split, *, taxonomy, source, columns, means, purpose: sets[split or "train"],
    )
    monkeypatch.setattr(comparison, "all_or_none", ThreadPoolExecutor)
    return sets


def standard(recipe):
    """All settings of a recipe, with those that its method has by itself."""
    made, given = method_class(recipe.method)
    own = {
        name: parameter.default
        for name, parameter in inspect.signature(made).parameters.items()
        if name not in ("n_features", "taxonomy")
    }
    settings = json.loads(json.dumps(asdict(replace(recipe))))
    settings["method"]["settings"] = json.loads(json.dumps(own | given))
    return json.dumps(settings, sort_keys=True)


def test_runs_have_the_same_name_if_they_are_the_same():
    runs = [run for table in TABLES.values() for run in planned(table, seeds=[0, 1])]
    assert len({run.name for run in runs}) > 60
    names: dict[tuple[str, str], set[str]] = {}
    contents: dict[str, set[tuple[str, str]]] = {}
    for run in runs:
        key = (run.about["data"], standard(run.recipe))
        names.setdefault(key, set()).add(run.name)
        contents.setdefault(run.name, set()).add(key)
    assert all(len(same) == 1 for same in (*names.values(), *contents.values()))


def test_a_seed_comes_after_the_other_and_every_table_has_all_its_rows():
    for table in TABLES.values():
        runs = planned(table, seeds=[3, 1])
        seeds = [run.recipe.seed for run in runs]
        assert seeds == sorted(seeds, reverse=True)
        assert len(runs) == 2 * len(table.data) * len(table.rows)
        assert all(len(figures) == len(table.measures)
                   for row in table.rows.values() for figures in row.published.values())  # fmt: skip


def test_rows_are_laid_over_changes_and_these_over_presets():
    changes = {"training": {"epochs": 7.0}, "method": {"settings": {"alpha": 3.0, "dim": 5}}}
    runs = {
        run.about["system"]: run.recipe for run in planned(TABLES[8], data=["imclef07d"], changes=changes)
    }
    half = runs["hvsa-free-alpha-0.5"]
    assert half.method.settings == {"head": "free", "alpha": 0.5, "dim": 5}
    assert half.training.epochs == 7 and half.training.batch_size == 128
    assert "hvsa-free-alpha-0.2" in runs  # no longer the standard value


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"data": ["cifar100"]}, "data are imclef07a, imclef07d, not 'cifar100'"),
        ({"systems": ["hvsa", "svm"]}, "systems are hvsa, .*, not 'svm'"),
        ({"systems": []}, "systems are hvsa"),
        ({"changes": {"training": {"epoch": 1}}}, "training has no setting 'epoch'"),
        ({"changes": {"training": {"devices": 2}}}, "one device"),
        ({"changes": {"method": {"settings": {"dropuot": 1}}}}, "no setting 'dropuot'"),
    ],
)
def test_what_cannot_be_compared(given, named):
    with pytest.raises(ValueError, match=named):
        planned(TABLES[1], **given)


def test_runs_are_trained_once_and_judged_by_the_test_samples(planted, tmp_path):
    said = []
    runs = planned(WIDTHS, seeds=[0, 1], changes=SMALL)
    results = compare(runs, tmp_path, say=said.append)
    assert [(found["system"], found["seed"]) for found in results] == [
        ("leaf-softmax-hidden-4", 0), ("leaf-softmax-hidden-16", 0),
        ("leaf-softmax-hidden-4", 1), ("leaf-softmax-hidden-16", 1),
    ]  # fmt: skip
    assert len(said) == 4 and all(found["seconds"] > 0 for found in results)
    alone = train(runs[3].recipe, planted["train"])
    assert results[3]["report"] == evaluate(alone, planted["test"])
    kept = load(tmp_path / runs[3].name)
    assert results[3]["parameters"] == sum(p.numel() for p in kept.parameters())

    again = compare(runs, tmp_path, say=said.append)
    assert again == results and len(said) == 4
    with pytest.raises(ValueError, match="other settings; choose another folder"):
        finished(planned(WIDTHS, changes={"training": {"epochs": 3.0}})[0], tmp_path)
    left = [finished(run, tmp_path) for run in planned(WIDTHS, seeds=[5, 1], changes=SMALL)]
    assert left == [None, None, *results[2:]]


def test_a_result_counts_though_settings_have_been_added_since(planted, tmp_path):
    (run, _) = planned(WIDTHS, changes=SMALL)
    recipe = plain(run.recipe)
    del recipe["training"]["colour"]
    (tmp_path / run.name).mkdir()
    (tmp_path / run.name / "result.json").write_text(json.dumps({"recipe": recipe}))
    assert finished(run, tmp_path) == {"recipe": recipe}


def test_a_killed_run_goes_on(planted, tmp_path):
    class Stop(lightning.Callback):
        def on_train_batch_end(self, trainer, *_):
            if trainer.global_step == 7:
                raise SystemExit

    run = planned(WIDTHS, changes=SMALL)[0]
    whole = run_system(run, tmp_path / "whole")
    with pytest.raises(SystemExit):
        train(run.recipe, planted["train"], tmp_path / "stopped" / run.name, device="cpu",
              callbacks=(Stop(),))  # fmt: skip
    assert (tmp_path / "stopped" / run.name / LAST).exists()
    resumed = run_system(run, tmp_path / "stopped")
    assert resumed["report"] == whole["report"]


def test_choices_are_judged_by_what_training_has_not_seen_and_never_by_the_test(planted, tmp_path):
    del planted["test"]
    changes = {"training": SMALL["training"] | {"validation": 0.25}}
    run = planned(WIDTHS, changes=changes)[0]
    result = run_system(run, tmp_path)
    unseen = held_out(planted["train"], 0.25, 0)[1]
    assert result["report"] == evaluate(load(tmp_path / run.name), unseen)
    assert result["report"]["n_samples"] == 30


@needs_lite
def test_features_of_a_frozen_backbone_are_computed_once_for_all_runs(planted, tmp_path, monkeypatch):
    embedded = []

    def embed(samples, backbone, *, device, progress):
        embedded.append((len(samples), backbone.size))
        return whole(samples, backbone, device=device)

    planted |= {"train": planted_images(9), "test": planted_images(6, seed=1)}
    whole = embedding.embed
    monkeypatch.setattr(embedding, "embed", embed)
    table = replace(WIDTHS, data=("cifar100",))
    changes = SMALL | {"backbone": {"size": 32}}
    runs = planned(table, changes=changes)
    assert all(run.recipe.backbone.frozen for run in runs)
    results = compare(runs, tmp_path, say=str)
    assert embedded == [(9, 32), (6, 32)]
    assert [found["report"]["n_samples"] for found in results] == [6, 6]
    assert SYSTEM.recipe_from(results[0]["recipe"]) == runs[0].recipe
    # What is kept sees images too.
    assert evaluate(load(tmp_path / runs[0].name), planted["test"])["map"] == pytest.approx(
        results[0]["report"]["map"]
    )

    # Other samples under the same name, in the same folder, have other features.
    monkeypatch.setattr(SYSTEM, "train", None, raising=False)
    planted["train"] = planted_images(9, seed=2)
    larger = planned(table, systems=["narrow"], seeds=[2], changes=SMALL | {"backbone": {"size": 48}})
    smaller = planned(table, systems=["narrow"], seeds=[1], changes=changes)
    with pytest.raises(TypeError):
        compare([*smaller, *larger], tmp_path, say=str)
    assert embedded[2:] == [(9, 32), (9, 48), (6, 48)]


def test_runs_in_processes_of_their_own(tmp_path, monkeypatch):
    (tmp_path / "imclef").mkdir()
    header = "@relation r\n@attribute x numeric\n@attribute class hierarchical 1,1/2,1/3,4,4/5\n@data\n"
    rows = "".join(f"{x},{label}\n" for x, label in [(0, "1/2"), (3, "1/3"), (9, "4/5")] * 8)
    for split in ("Train", "Test"):
        with gzip.open(tmp_path / "imclef" / f"ImCLEF07A_{split}.arff.gz", "wt") as file:
            file.write(header + rows)
    monkeypatch.setenv("HYPERCLADE_DATA", str(tmp_path))
    runs = planned(WIDTHS, systems=["narrow"], changes=SMALL)
    said = []
    (found,) = compare(runs, tmp_path / "processes", say=said.append)
    assert len(said) == 1 and found["report"]["n_samples"] == 24
    here = run_system(runs[0], tmp_path / "here")
    assert found["report"] == here["report"]


def test_rows_are_means_over_seeds_of_what_there_is():
    def result(system, seed, value, cv=0.5):
        return {"system": system, "data": "imclef07a", "seed": seed, "seconds": 90.0,
                "report": {"map": value, "cv": cv}}  # fmt: skip

    found = [result("leaf-softmax-hidden-4", 0, 0.5), result("leaf-softmax-hidden-4", 1, 0.7, None)]
    (row,) = table_rows(WIDTHS, found)
    assert row["measures"] == {"MAP": (pytest.approx(60), pytest.approx(100 * np.sqrt(0.02))), "CV": None}
    assert (row["model"], row["seeds"], row["minutes"], row["published"]) == ("narrow", 2, 1.5, None)


def test_figures_that_a_result_lacks_are_left_out():
    found = {"system": "leaf-softmax-hidden-4", "data": "imclef07a", "seed": 0, "seconds": 1.0}
    found["report"] = {"levels": [{"mean_iou": 0.5}], "mistakes": None}
    paths = ("report.mistakes.top1", "report.map", "report.levels.1.mean_iou", "judged.map")
    measures = tuple(Measure(path, path) for path in paths)
    (row,) = table_rows(replace(WIDTHS, measures=measures), [found])
    assert row["measures"] == dict.fromkeys(paths)
    (row,) = table_rows(replace(WIDTHS, measures=(Measure("report.levels.0.mean_iou", "I"),)), [found])
    assert row["measures"] == {"I": (50, 0)}


def test_costs_grow_with_the_width(planted, tmp_path, monkeypatch):
    cost = partial(evaluation.cost, seconds=0.02)
    monkeypatch.setattr(evaluation, "cost", cost)
    runs = planned(WIDTHS)
    narrow, wide = compare(runs, tmp_path, cost=True)
    d, leaves = 6, len(planted["test"].taxonomy.leaves)
    assert [found["parameters"] for found in (narrow, wide)] == [
        (d + 1) * hidden + (hidden + 1) * leaves for hidden in (4, 16)
    ]
    assert wide["flops"] > narrow["flops"] and narrow["samples_per_second"] > 0


@needs_lite
def test_pixels_are_judged_by_level(planted, tmp_path):
    planted |= {"train": planted_masks(8), "test": planted_masks(4, seed=1)}
    changes = {"training": {"epochs": 1.0, "batch_size": 4}, "backbone": {"width": 8}}
    (run,) = planned(TABLES[3], systems=["flat"], changes=changes)
    (row,) = table_rows(TABLES[3], compare([run], tmp_path, say=str), changes=changes)
    report = evaluate(load(tmp_path / run.name), planted["test"])
    assert [value[0] for value in row["measures"].values()] == pytest.approx(
        [100 * level["mean_iou"] for level in report["levels"]] + [100 * report["pixel_accuracy"]]
    )


@pytest.mark.skipif(data_home() is None, reason="the data folder is absent")
def test_the_command_prints_a_table_beside_the_papers_figures(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(comparison, "all_or_none", ThreadPoolExecutor)
    tiny = tmp_path / "tiny.yaml"
    tiny.write_text("training: {epochs: 0.01}\n")
    arguments = ["reproduce", "recognition", "--table", "1", "--data", "imclef07d", "--seeds", "0", "1"]
    arguments += [
        "--out",
        str(tmp_path / "out"),
        "--device",
        "cpu",
        "--settings",
        str(tmp_path / "tiny.yaml"),
    ]
    assert entry.main([*arguments, "--systems", "leaf-softmax", "mvm"]) == 0
    printed = capsys.readouterr().out
    assert "88.49 86.89 10.72" in printed and "over 2 seeds" in printed
    stored = json.loads((tmp_path / "out" / "table-1.json").read_text())
    assert [row["model"] for row in stored["rows"]] == ["leaf softmax", "MVM"]
    maps = [run["report"]["map"] for run in stored["runs"] if run["system"] == "mvm"]
    mean, spread = stored["rows"][1]["measures"]["MAP"]
    assert (mean, spread) == (pytest.approx(100 * np.mean(maps)), pytest.approx(100 * np.std(maps, ddof=1)))
    assert f"{mean:.2f} ± {spread:.2f}" in printed


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--table", "4"], "--table takes one of 1, 2, 3, 6"),
        (["--table", "1", "--data", "cifar100"], "imclef07a, imclef07d"),
        (["--table", "1", "--systems", "svm"], "not 'svm'"),
        (["--table", "1", "--jobs", "0"], "jobs must be at least 1"),
        (["--table", "1", "--seeds"], "--seeds"),
        (["--table", "1", "--settings", "none.yaml"], "none.yaml: no such file"),
    ],
)
def test_wrong_use_is_one_line_and_leaves_no_folder(arguments, named, tmp_path, capsys):
    out = tmp_path / "out"
    assert entry.main(["reproduce", "recognition", "--out", str(out), *arguments]) == 2
    message = capsys.readouterr().err
    assert named in message and message.count("\n") == 1 and not out.exists()


def test_runs_of_one_name_have_one_recipe():
    """Rows may spell out a standard value; a run of another table with the same name has to be the same."""
    recipes: dict[str, set[str]] = {}
    for table in TABLES.values():
        for run in planned(table, seeds=[0]):
            recipes.setdefault(run.name, set()).add(repr(run.recipe))
    assert {name for name, found in recipes.items() if len(found) > 1} == set()

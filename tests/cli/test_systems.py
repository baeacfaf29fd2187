"""The four commands follow from what a system says of itself: here of one that lives in the tests alone."""

import json

import numpy as np
import pytest
import torch

from hyperclade.cli import main as entry
from hyperclade.cli import systems

QUICK = ("--config", "plain", "--device", "cpu", "--no-progress")


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setitem(systems.SYSTEMS, "toy", "toy.system")
    return systems.system_of("toy")


@pytest.fixture
def trained(toy, tmp_path):
    run = tmp_path / "run"
    assert entry.main(["train", "toy", *QUICK, "--data", "planted", "--n", "90", "--out", str(run)]) == 0
    return run


def test_a_system_is_named_in_one_place(toy, capsys):
    assert entry.main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"{verb} toy" in text for verb in ("train", "evaluate", "predict", "reproduce"))
    assert entry.main(["train"]) == 2
    assert "train toy" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        entry.main(["train", "toy", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for option, about in (
        ("--n ", "Number of planted samples."), ("--network.bias", "Whether it has one."),
        ("--training.batch_size", "Samples per step"), ("--source.delimiter", "Between numbers"),
        ("--data", '"planted", or a file of numbers.'),
    ):  # fmt: skip
        assert option in text and about in text


def test_training_is_claimed_and_goes_on(toy, trained, capsys):
    assert {path.name for path in trained.iterdir()} == {"model.ckpt", "recipe.json", "history.jsonl"}
    wanted = json.loads((trained / "recipe.json").read_text())
    assert wanted["samples"]["number"] == 90 and wanted["recipe"]["training"]["epochs"] == 20
    assert len((trained / "history.jsonl").read_text().splitlines()) == 20
    again = ["train", "toy", *QUICK, "--out", str(trained), "--data", "planted"]
    assert entry.main([*again, "--n", "90"]) == 0
    said = capsys.readouterr().out
    assert "90 samples: 3 features; 20 epochs, seed 0" in said and "finished already" in said
    assert entry.main([*again, "--n", "60"]) == 2
    assert "another samples.content, samples.number" in capsys.readouterr().err


def test_judgements_and_predictions(toy, trained, tmp_path, capsys):
    figures = tmp_path / "figures.json"
    judge = ["evaluate", "toy", str(trained), "--data", "planted", "--out", str(figures)]
    assert entry.main([*judge, "--device", "cpu"]) == 0
    found = json.loads(figures.read_text())
    assert found["accuracy"] > 0.9 and found["checkpoint"] == str(trained)
    assert f"{found['accuracy']:g}" in capsys.readouterr().out
    rows = np.c_[10 * np.eye(3), [0, 1, 2]]
    np.savetxt(tmp_path / "new.csv", rows, delimiter=";")
    predict = ["predict", "toy", str(trained), str(tmp_path / "new.csv"), "--source.delimiter", ";"]
    assert entry.main([*predict, "--out", str(tmp_path / "names.json"), "--device", "cpu"]) == 0
    assert json.loads((tmp_path / "names.json").read_text()) == ["animal/dog", "animal/cat", "plant/oak"]


def test_files_are_read_as_in_training(toy, tmp_path, capsys):
    rng = np.random.default_rng(0)
    rows = np.c_[np.tile(10 * np.eye(3), (20, 1)) + rng.normal(size=(60, 3)), np.arange(60) % 3]
    for name, delimiter in (("train.csv", ";"), ("other.csv", "|")):
        np.savetxt(tmp_path / name, rows, delimiter=delimiter)
    data, run = str(tmp_path / "train.csv"), str(tmp_path / "run")
    assert entry.main(["train", "toy", *QUICK, "--data", data, "--source.delimiter", ";", "--out", run]) == 0
    judge = ["evaluate", "toy", run, "--device", "cpu", "--data"]
    assert entry.main([*judge, data]) == 0
    assert entry.main([*judge, str(tmp_path / "other.csv"), "--source.delimiter", "|"]) == 0
    assert entry.main(["predict", "toy", run, data, "--out", str(tmp_path / "names.json")]) == 0
    capsys.readouterr()
    assert entry.main([*judge, str(tmp_path / "other.csv")]) == 2
    assert "|" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        entry.main([*judge[:2], "--help"])
    assert "How files are read; null: as in training:" in capsys.readouterr().out


def test_published_tables(toy, tmp_path, monkeypatch, capsys):
    from concurrent.futures import ThreadPoolExecutor

    from hyperclade.learning import comparison

    monkeypatch.setattr(comparison, "all_or_none", ThreadPoolExecutor)
    arguments = ["reproduce", "toy", "--table", "1", "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert entry.main(arguments) == 0
    said = capsys.readouterr().out
    assert "plain-bias-false on planted, seed 1" in said and "99.00" in said and "2 seeds" in said
    stored = json.loads((tmp_path / "out" / "table-1.json").read_text())
    assert [row["model"] for row in stored["rows"]] == ["bias", "none"]
    assert [run["report"]["accuracy"] > 0.8 for run in stored["runs"]] == [True] * 4
    assert entry.main(arguments) == 0 and "on planted, seed" not in capsys.readouterr().out
    (tmp_path / "more.yaml").write_text("training: {epochs: 6}\n")
    assert entry.main([*arguments, "--settings", str(tmp_path / "more.yaml")]) == 2
    assert "holds a run with other settings" in capsys.readouterr().err
    assert entry.main([*arguments[:3], "2", *arguments[4:]]) == 2
    assert "--table takes one of 1, got 2" in capsys.readouterr().err


def test_what_predicts_nothing_has_no_such_command(capsys):
    assert entry.main(["predict", "selflabel"]) == 2
    assert "predict recognition" in capsys.readouterr().out


def test_later_configurations_are_laid_over_settings_one_by_one(tmp_path):
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("method: {name: mvm, settings: {dim: 8, dropout: 0.1}}\n")
    two.write_text("method: {settings: {hidden: [4]}}\ntraining: {epochs: 2}\n")
    command = "train recognition"
    given = [f"--config={one}", "--config", str(two), "--data", "x", "--out", "y"]
    seen = entry._parse(systems.command(command), command, given)
    assert seen["method"].settings == {"dim": 8, "dropout": 0.1, "hidden": [4]}
    seen = entry._parse(systems.command(command), command, [*given, "--config", "mhm"])
    assert (seen["method"].name, seen["method"].settings) == ("mhm", {})
    seen = entry._parse(systems.command(command), command, ["--training.epochs", "7", *given])
    assert seen["training"].epochs == 7  # options win, wherever they stand


def test_wrong_configurations_are_one_line(tmp_path, capsys):
    (tmp_path / "list.yaml").write_text("- 1\n")
    (tmp_path / "broken.yaml").write_text("a: [1\n")
    for name, message in (
        (str(tmp_path / "list.yaml"), "must hold settings by name"),
        (str(tmp_path / "broken.yaml"), "is not YAML"),
        (str(tmp_path / "none.yaml"), "no such file"),
        ("none", "no such file, nor a preset"),
    ):
        assert entry.main(["train", "recognition", "--config", name, "--data", "a", "--out", "b"]) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1


def test_bars_report_how_far_training_is(toy, tmp_path):
    seen = []
    recipe = toy.preset("plain", "planted")
    samples = toy.read("planted", "train", toy.source()())
    module = toy.train(recipe, samples, progress=lambda stage, share: seen.append((stage, share)))
    assert seen[0] == ("training", 1 / module.n_steps) and seen[-1] == ("training", 1.0)
    assert len(seen) == module.n_steps == 30
    assert torch.equal(module.net.weight, toy.train(recipe, samples).net.weight)

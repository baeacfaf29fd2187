"""`train`, `evaluate`, `predict`, `reproduce retrieval` and an index of a run, through the command line."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hyperclade.cli import main as entry
from hyperclade.data.features import read_features

pytest.importorskip("pytorch_lightning")
from small_segmentation import save_vit

QUIET = ("--device", "cpu", "--no-progress")
COLOURS = {"warm/red": (210, 30, 30), "warm/yellow": (210, 200, 30), "blue": (30, 40, 220)}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Pictures in three colours, a small network, and a run that learned from them without labels."""
    home = tmp_path_factory.mktemp("retrieval")
    rng = np.random.default_rng(0)
    for k in range(36):
        name = list(COLOURS)[k % 3]
        pixels = np.clip(np.array(COLOURS[name]) + rng.integers(-25, 26, (24, 24, 3)), 0, 255)
        path = home / "photos" / name / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    save_vit(home / "vit")
    assert train(home, "--out", home / "run") == 0
    return home


def train(home, *arguments, data="photos"):
    given = (
        "--config",
        "uhml-lite0",
        "--head.dim",
        "6",
        "--labelling.counts",
        "[8, 3]",
        "--training.epochs",
        "2",
    )
    given += ("--training.batch_size", "12", "--training.instances", "3", "--backbone.views", "2")
    given += ("--backbone.name", home / "vit", "--backbone.size", "32", "--data", home / data, *QUIET)
    return entry.main(["train", "retrieval", *map(str, (*given, *arguments))])


def test_a_run_is_finished_and_judged_at_both_levels(home, tmp_path, capsys):
    assert train(home, "--out", home / "run") == 0
    told = capsys.readouterr().out
    assert "36 samples" in told and "cut at 8, 3" in told and "finished already" in told
    given = ("--data", home / "photos", "--out", tmp_path / "f.json", *QUIET)
    assert entry.main(["evaluate", "retrieval", str(home / "run"), *map(str, given)]) == 0
    told = capsys.readouterr().out
    figures = json.loads((tmp_path / "f.json").read_text())["levels"]
    assert list(figures) == ["superclass", "class"] and figures["class"]["n_classes"] == 3
    assert figures["class"]["recall_at_1"] > 0.9
    assert f"{100 * figures['class']['map_at_r']:.2f} %" in told and "superclass" in told


def test_embeddings_are_a_feature_file_that_can_be_indexed(home, tmp_path, capsys):
    given = (home / "run", home / "photos", "--out", tmp_path / "x.npy", *QUIET)
    assert entry.main(["predict", "retrieval", *map(str, given)]) == 0
    assert "36 vectors of 6, tangent at the origin" in capsys.readouterr().out
    table = read_features(tmp_path / "x.npy")
    assert table.features.shape == (36, 6) and set(table.labels) == set(COLOURS)
    assert entry.main(["predict", "retrieval", *map(str, given)]) == 2
    assert "exists already" in capsys.readouterr().err
    made = ("index", tmp_path / "x.npy", "--out", tmp_path / "a", "--metric", "hyperbolic", *QUIET)
    assert entry.main([*map(str, made)]) == 0
    own = ("index", home / "photos", "--model", home / "run", "--out", tmp_path / "b", *QUIET)
    assert entry.main([*map(str, own)]) == 0
    capsys.readouterr()
    answers = []
    for folder in "ab":
        asked = ("query", tmp_path / folder, "--id", "warm/red/0.png", "--number", "5", "--json")
        assert entry.main([*map(str, asked)]) == 0
        answers.append(json.loads(capsys.readouterr().out)["answers"])
    assert [item["id"] for item in answers[0]] == [item["id"] for item in answers[1]]
    assert [a["distance"] for a in answers[0]] == pytest.approx([b["distance"] for b in answers[1]], abs=1e-3)
    assert all(item["label"] in ("red", "warm/red") for item in answers[0] + answers[1])


def test_learning_from_a_feature_file_and_unlabelled_photos(home, tmp_path, capsys):
    rng = np.random.default_rng(1)
    labels = np.arange(60) % 6
    frame = pd.DataFrame(np.eye(6)[labels] + 0.1 * rng.normal(size=(60, 6)), columns=list("uvwxyz"))
    frame.insert(0, "label", [f"class{own}" for own in labels])
    frame.to_csv(tmp_path / "x.csv", index=False)
    given = (
        "--config",
        "uhml-lite0",
        "--head.dim",
        "4",
        "--labelling.counts",
        "[8, 3]",
        "--training.epochs",
        "2",
    )
    given += ("--training.batch_size", "12", "--training.instances", "3", "--out", tmp_path / "run", *QUIET)
    assert entry.main(["train", "retrieval", *map(str, (*given, "--data", tmp_path / "x.csv"))]) == 0
    judged = ("evaluate", "retrieval", tmp_path / "run", "--data", tmp_path / "x.csv", *QUIET)
    assert entry.main([*map(str, judged)]) == 0
    assert "Recall@1" in capsys.readouterr().out
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in (home / "photos").rglob("*.png"):
        (flat / path.name).write_bytes(path.read_bytes())
    (flat / "broken.png").write_bytes(b"no image")
    assert train(home, "--data", flat, "--out", tmp_path / "bare") == 0
    assert "1 images skipped" in capsys.readouterr().err
    judged = ("evaluate", "retrieval", tmp_path / "bare", "--data", flat, *QUIET)
    assert entry.main([*map(str, judged)]) == 2
    assert "have no labels" in capsys.readouterr().err
    index = ("index", flat, "--model", tmp_path / "run", "--out", tmp_path / "index", *QUIET)
    assert entry.main([*map(str, index)]) == 2
    assert "has learned from features" in capsys.readouterr().err


def test_what_is_wrong_is_said(home, tmp_path, capsys):
    def said(status):
        assert status == 2
        return capsys.readouterr().err

    assert "fewer than a batch" in said(train(home, "--out", tmp_path / "a", "--training.batch_size", "60"))
    assert "holds a run with another" in said(train(home, "--out", home / "run", "--head.dim", "5"))
    assert "no data" in said(train(home, "--data", home / "absent", "--out", tmp_path / "a"))
    judged = ("evaluate", "retrieval", home / "run", "--data", "cifar100", "--split", "dev", *QUIET)
    assert entry.main([*map(str, judged)]) == 2
    assert "table takes one of 1, 2" in said(
        entry.main(["reproduce", "retrieval", "--table", "9", "--out", str(tmp_path / "t")])
    )

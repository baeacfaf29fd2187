"""`train`, `evaluate` and `predict recognition` through the command line, on small files, good and bad."""

import json
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hyperclade.cli import main as entry
from hyperclade.cli import systems

pytest.importorskip("pytorch_lightning")

LEAVES = ("dog", "cat", "oak")
SHORT = (
    *("--config", "leaf-softmax", "--method.settings.hidden", "[8]", "--training.epochs", "30"),
    *("--training.batch_size", "10", "--training.learning_rate", "0.01", "--device", "cpu", "--no-progress"),
)
IMAGES = (
    *("--config", "leaf-softmax", "--method.settings.hidden", "[]", "--training.epochs", "1"),
    *("--backbone.name", "efficientnet-lite0", "--training.batch_size", "3", "--device", "cpu"),
    "--no-progress",
)


def write_features(path, n=60, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    frame = pd.DataFrame(rng.normal(size=(n, 3)) * 0.3 + 2 * np.eye(3)[labels], columns=list("xyz"))
    frame.insert(0, "label", [LEAVES[k] for k in labels])
    frame.insert(0, "id", [f"sample{k}" for k in range(n)])
    frame.to_csv(path, index=False)
    return frame


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    write_features(folder / "train.csv")
    write_features(folder / "test.csv", n=30, seed=1)
    (folder / "tree.csv").write_text("child,parent\ndog,animal\ncat,animal\noak,plant\nfern,plant\n")
    return folder


@pytest.fixture(scope="module")
def trained(files, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    data = ("--data", str(files / "train.csv"), "--source.taxonomy", str(files / "tree.csv"))
    assert entry.main(["train", "recognition", *SHORT, *data, "--out", str(out)]) == 0
    return out


def train(*arguments):
    return entry.main(["train", "recognition", *map(str, arguments)])


def test_a_run_writes_what_it_says_and_is_finished_then(files, trained, capsys):
    assert {path.name for path in trained.iterdir()} == {"model.ckpt", "recipe.json", "history.jsonl"}
    recipe = json.loads((trained / "recipe.json").read_text())["recipe"]
    assert recipe["method"] == {"name": "leaf-softmax", "settings": {"hidden": [8]}}
    data = ("--data", files / "train.csv", "--source.taxonomy", files / "tree.csv")
    assert train(*SHORT, *data, "--out", trained) == 0
    done = capsys.readouterr()
    assert "60 samples (3 features), 6 nodes, 4 of them leaves, 2 levels" in done.out
    assert "finished already" in done.out
    assert "1 classes without samples:\n  fern" in done.err
    assert "60 samples lacked ancestors of their labels; completed" in done.err


def test_labels_of_other_files_are_those_of_training(files, trained, tmp_path, capsys):
    out = tmp_path / "figures.json"
    data = ("--data", str(files / "test.csv"), "--cost", "--out", str(out))
    assert entry.main(["evaluate", "recognition", str(trained), *data]) == 0
    figures = json.loads(out.read_text())
    assert figures["map"] > 0.95 and figures["mistakes"]["top1_error"] < 0.1
    assert figures["cost"]["parameters"] == 3 * 8 + 8 + 8 * 4 + 4
    text = capsys.readouterr().out
    assert f"{100 * figures['map']:.2f} %" in text and "top-1 error" in text and "GFLOPs" in text
    assert "parameters, those used in training alone included" in text


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_predictions_name_samples_and_ways(files, trained, suffix, tmp_path):
    out = tmp_path / f"found.{suffix}"
    inputs = str(files / "test.csv")
    assert entry.main(["predict", "recognition", str(trained), inputs, "--out", str(out)]) == 0
    found = pd.read_csv(out) if suffix == "csv" else pd.read_parquet(out)
    truth = pd.read_csv(files / "test.csv")
    assert found["id"].tolist() == truth["id"].tolist()
    ways = {"dog": "animal / dog", "cat": "animal / cat", "oak": "plant / oak"}
    assert (found["path"] == truth["label"].map(ways)).mean() > 0.9
    assert {"score: animal", "score: fern"} <= set(found)


def test_paths_may_stop_above_the_leaves(files, trained, tmp_path, capsys):
    ends = {}
    for stop in ("0", "0.9", "0.999", "cost"):
        out = tmp_path / f"{stop}.csv"
        predict = ["predict", "recognition", str(trained), str(files / "test.csv"), "--stop", stop]
        assert entry.main([*predict, "--out", str(out)]) == 0
        assert "paths stop above the leaves" in capsys.readouterr().out
        table = pd.read_csv(out, keep_default_na=False)
        ends[stop] = [path.split(" / ") for path in table["path"]]
        for row, way in zip(table.to_dict("records"), ends[stop], strict=True):
            if way != [""]:
                assert float(row["score"]) == pytest.approx(float(row[f"score: {way[-1]}"]))
                assert stop == "cost" or float(row["score"]) >= float(stop) - 1e-6
    assert all(len(way) == 2 for way in ends["0"]) and any(len(way) == 1 for way in ends["0.9"])
    for deep, shallow in zip(ends["0"], ends["0.999"], strict=True):
        assert shallow in ([""], deep[:1], deep)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--stop", "1.5"), "from 0 to 1, or cost, got 1.5"),
        (("--stop", "early"), "stop"),
        (("--stop", "0.5", "--coherent", "none"), "coherent must be min or max"),
    ],
)
def test_stops_that_are_none_get_one_line(options, named, files, trained, tmp_path, capsys):
    predict = ["predict", "recognition", str(trained), str(files / "test.csv"), *options]
    assert entry.main([*predict, "--out", str(tmp_path / "found.csv")]) == 2
    error = capsys.readouterr().err.strip()
    assert error.splitlines()[-1].startswith("error: ") and named in error
    assert not (tmp_path / "found.csv").exists()


def test_what_training_held_out_is_judged(files, tmp_path, capsys):
    data = ("--data", files / "train.csv", "--source.taxonomy", files / "tree.csv")
    assert train(*SHORT, *data, "--out", tmp_path / "run", "--training.validation", "0.2") == 0
    lines = (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    last = json.loads(lines[-1])["validation"]
    judge = ["evaluate", "recognition", str(tmp_path / "run"), "--data", str(files / "train.csv")]
    assert entry.main([*judge, "--split", "validation", "--out", str(tmp_path / "f.json")]) == 0
    figures = json.loads((tmp_path / "f.json").read_text())
    assert figures["n_samples"] == 12 and figures["map"] == pytest.approx(last["map"])

    (tmp_path / "other.csv").write_text((files / "train.csv").read_text().replace("sample7,", "other7,"))
    judge[4] = str(tmp_path / "other.csv")
    capsys.readouterr()
    assert entry.main([*judge, "--split", "validation"]) == 2
    assert "not the samples of training" in capsys.readouterr().err
    assert entry.main([*judge, "--split", "val"]) == 2
    assert "has no split 'val'" in capsys.readouterr().err


def test_columns_called_otherwise_are_labels_again(tmp_path):
    frame = write_features(tmp_path / "x.csv").rename(columns={"label": "kind"})
    frame.to_csv(tmp_path / "x.csv", index=False)
    labels = ("--source.labels", '["kind"]')
    short = (*SHORT, "--training.epochs", "1")
    assert train(*short, "--data", tmp_path / "x.csv", *labels, "--out", tmp_path / "run") == 0
    predict = ["predict", "recognition", str(tmp_path / "run"), str(tmp_path / "x.csv"), *labels]
    assert entry.main([*predict, "--out", str(tmp_path / "found.csv")]) == 0
    assert len(pd.read_csv(tmp_path / "found.csv")) == 60
    judge = ["evaluate", "recognition", str(tmp_path / "run"), "--data", str(tmp_path / "x.csv")]
    assert entry.main([*judge, "--out", str(tmp_path / "f.json")]) == 0  # the run keeps the column's name
    assert json.loads((tmp_path / "f.json").read_text())["n_samples"] == 60
    frame.drop(columns="kind").to_csv(tmp_path / "unlabelled.csv", index=False)
    predict = ["predict", "recognition", str(tmp_path / "run"), str(tmp_path / "unlabelled.csv")]
    assert entry.main([*predict, "--out", str(tmp_path / "again.csv")]) == 0
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "again.csv"), pd.read_csv(tmp_path / "found.csv"))


def test_a_threshold_for_what_is_no_probability_gets_a_note(files, trained, tmp_path, capsys):
    data = ("--data", files / "train.csv", "--source.taxonomy", files / "tree.csv")
    config = ("--config", "barz-denzler", "--training.epochs", "1", "--device", "cpu", "--no-progress")
    assert train(*config, *data, "--out", tmp_path / "run") == 0
    for run, noted in ((tmp_path / "run", True), (trained, False)):
        predict = ["predict", "recognition", str(run), str(files / "test.csv")]
        capsys.readouterr()
        assert entry.main([*predict, "--out", str(tmp_path / "found.csv")]) == 0
        assert ("scores of barz-denzler are no probabilities" in capsys.readouterr().err) == noted


def test_a_folder_called_as_a_preset_does_not_hide_it(tmp_path, monkeypatch):
    (tmp_path / "camvid").mkdir()
    monkeypatch.chdir(tmp_path)
    assert systems.read_config("train recognition", ["camvid"])["data"] == "camvid"


def test_nothing_held_out(files, trained, capsys):
    judge = ["evaluate", "recognition", str(trained), "--data", str(files / "train.csv")]
    assert entry.main([*judge, "--split", "validation"]) == 2
    assert "held nothing out" in capsys.readouterr().err


def test_presets_of_the_system_asked_for(capsys):
    assert train("--config", "shhc", "--data", "a", "--out", "b") == 2
    error = capsys.readouterr().err
    assert "leaf-softmax" in error and "selavi" not in error


@pytest.mark.parametrize(
    ("tree", "table", "options", "named"),
    [
        ("dog,animal\nanimal,dog\n", "label,x\ndog,1\n", (), ("tree.csv", "line 2", "cycle")),
        ("dog,animal\n", "label,x\ndog,1\nelk,2\n", (), ("x.csv", "row 1", "elk")),
        ("dog,animal\n", "label,x\ndog,1\n,2\n", (), ("x.csv", "row 1")),
        ("dog,animal\n", "label,x\ndog,1\ndog,two\n", (), ("x.csv", "line 3", "two")),
        ("dog,animal\n", "label,x\nanimal,1\nanimal,2\n", (), ("x.csv", "every class is empty")),
        ("dog,animal\n", "kind,x\ndog,1\n", (), ("x.csv", "kind")),
        ("dog,animal\n", "label,x\ndog,1\ndog,2\n", ("--method.settings.wide", "3"), ("wide", "hidden")),
        ("dog,animal\n", "label,x\ndog,1\ndog,2\n", ("--method.settings.dropout", "much"), ("dropout",)),
        ("dog,animal\n", "label,x\ndog,1\ndog,2\n", ("--training.epochs", "0"), ("epochs",)),
    ],
    ids=["cycle", "unknown", "unlabelled", "text", "empty", "no labels", "setting", "value", "epochs"],
)
def test_bad_tables_and_settings_get_one_line(tree, table, options, named, tmp_path, capsys):
    (tmp_path / "tree.csv").write_text(f"child,parent\n{tree}" if "cycle" not in named else tree)
    (tmp_path / "x.csv").write_text(table)
    data = ("--data", tmp_path / "x.csv", "--source.taxonomy", tmp_path / "tree.csv")
    assert train(*SHORT, *data, "--out", tmp_path / "run", *options) == 2
    error = capsys.readouterr().err.strip()
    last = error.splitlines()[-1]
    assert last.startswith("error: ") and all(part in last for part in named), error
    assert not (tmp_path / "run").exists()


def test_samples_of_another_length(files, trained, tmp_path, capsys):
    (tmp_path / "x.csv").write_text("label,x\ndog,1\n")
    assert entry.main(["evaluate", "recognition", str(trained), "--data", str(tmp_path / "x.csv")]) == 2
    assert "no columns 'y', 'z'; the columns are 'x'" in capsys.readouterr().err


def test_columns_are_matched_by_their_names(files, trained, tmp_path, capsys):
    frame = pd.read_csv(files / "test.csv")
    predict = ("predict", "recognition", str(trained))
    judge = ("evaluate", "recognition", str(trained), "--data")
    tables = []
    for name, columns in [("as", list(frame)), ("turned", ["label", "z", "id", "y", "x"])]:
        frame[columns].to_csv(tmp_path / f"{name}.csv", index=False)
        out = str(tmp_path / f"{name}.parquet")
        assert entry.main([*predict, str(tmp_path / f"{name}.csv"), "--out", out]) == 0
        out = str(tmp_path / f"{name}.json")
        assert entry.main([*judge, str(tmp_path / f"{name}.csv"), "--out", out]) == 0
        figures = json.loads((tmp_path / f"{name}.json").read_text())
        tables.append((pd.read_parquet(tmp_path / f"{name}.parquet"), figures["map"]))
    pd.testing.assert_frame_equal(tables[0][0], tables[1][0])
    assert tables[0][1] == tables[1][1]
    capsys.readouterr()

    def fails(frame, *options):
        frame.to_csv(tmp_path / "x.csv", index=False)
        out = ("--out", str(tmp_path / "no.csv"))
        assert entry.main([*predict, str(tmp_path / "x.csv"), *out, *options]) == 2
        return capsys.readouterr().err

    more = frame.assign(w=0.5)
    assert "no column 'y'; the columns are 'x', 'z'" in fails(frame.drop(columns="y"))
    assert "nothing was learned from column 'w'; choose 'x', 'y', 'z' (option `features`)" in fails(more)
    assert "nothing was learned from column 'w'" in fails(
        frame[[*frame, "x"]].set_axis([*frame, "w"], axis=1)
    )
    more.to_csv(tmp_path / "more.csv", index=False)
    out = ("--out", str(tmp_path / "some.parquet"), "--source.features", "[x, y, z]")
    assert entry.main([*predict, str(tmp_path / "more.csv"), *out]) == 0
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "some.parquet"), tables[0][0])
    np.save(tmp_path / "bare.npy", frame[list("xyz")].to_numpy())  # without names: by position, as before
    out = ("--out", str(tmp_path / "bare.parquet"))
    assert entry.main([*predict, str(tmp_path / "bare.npy"), *out]) == 0
    scores = [name for name in tables[0][0] if name.startswith("score")]
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "bare.parquet")[scores], tables[0][0][scores])


# ---- images and masks ----

needs_lite = pytest.mark.skipif(
    not find_spec("efficientnet_lite_pytorch"),
    reason="efficientnet-lite-pytorch is not installed",
)


def test_images_without_a_network_are_not_by_one(tmp_path, capsys):
    for label in ("dog", "cat"):
        (tmp_path / label).mkdir()
        Image.new("RGB", (20, 20)).save(tmp_path / label / "1.png")
    assert train("--config", "leaf-softmax", "--data", tmp_path, "--out", tmp_path / "run") == 2
    done = capsys.readouterr()
    assert "2 samples (images of 20 × 20), 2 nodes" in done.out
    assert "images need a backbone.name" in done.err


@pytest.fixture
def streets(tmp_path):
    rng = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    for k in range(4):
        classes = np.repeat([[k % 3, (k + 1) % 3]], 16, axis=1).repeat(24, 0).astype(np.uint8)
        pixels = rng.integers(0, 50, (24, 32, 3)) + 180 * np.eye(3, dtype=int)[classes]
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "images" / f"{k}.png")
        classes[0] = 255
        Image.fromarray(classes).save(tmp_path / "masks" / f"{k}.png")
    (tmp_path / "tree.csv").write_text("child,parent\nroad,flat\npath,flat\nsky,\n")
    return tmp_path


def masks_of(folder):
    source = ("--source.masks", folder / "masks", "--source.taxonomy", folder / "tree.csv")
    return ("--data", folder / "images", *source)


@needs_lite
def test_masks_from_training_to_overlays(streets, tmp_path, capsys):
    small = ("--backbone.width", "8", "--training.pixels", "50", "--source.void", "[255]")
    assert train(*IMAGES, *masks_of(streets), "--out", streets / "run", *small) == 0
    assert (
        "4 samples (pixels of images of 24 × 32 by efficientnet-lite0, deeplab head)"
        in capsys.readouterr().out
    )
    judge = ["evaluate", "recognition", str(streets / "run"), *map(str, masks_of(streets))]
    assert entry.main(judge) == 0
    text = capsys.readouterr().out
    assert entry.main([*judge[:3], "--data", str(streets / "images")]) == 2
    assert "judged by masks: --source.masks FOLDER" in capsys.readouterr().err
    assert "mIoU of level 1" in text and "mIoU of level 2" in text and "flat" in text
    out = streets / "found"
    inputs = str(streets / "images")
    assert entry.main(["predict", "recognition", str(streets / "run"), inputs, "--out", str(out)]) == 0
    assert {path.name for path in out.iterdir()} == {
        "classes.json",
        *(f"{k}{end}" for k in range(4) for end in (".png", ".overlay.png")),
    }
    Image.new("RGB", (70, 30)).save(streets / "wide.jpg")
    predict = ["predict", "recognition", str(streets / "run"), str(streets / "wide.jpg")]
    assert entry.main([*predict, "--out", str(out)]) == 0
    assert Image.open(out / "wide.png").size == (70, 30)
    assert entry.main([*predict, "--out", str(streets / "stopped"), "--stop", "0.5"]) == 2
    assert "pixels of masks have the classes learned from" in capsys.readouterr().err
    assert entry.main(["predict", "recognition", str(streets / "run"), inputs, "--out", inputs]) == 2
    assert "0.png is there already" in capsys.readouterr().err


def break_value(folder):
    mask = np.asarray(Image.open(folder / "masks" / "2.png")).copy()
    mask[3, 4] = 9
    Image.fromarray(mask).save(folder / "masks" / "2.png")


def break_size(folder):
    Image.new("L", (8, 9)).save(folder / "masks" / "1.png")


def break_pair(folder):
    (folder / "images" / "3.png").unlink()


def break_sizes(folder):
    Image.new("RGB", (8, 9)).save(folder / "images" / "1.png")
    Image.new("L", (8, 9)).save(folder / "masks" / "1.png")


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        (break_value, ("2.png", "value 9")),
        (break_size, ("1.png", "24 × 32", "9 × 8")),
        (break_pair, ("3.png", "no image")),
        (break_sizes, ("1.png", "give a size")),
    ],
)
def test_bad_masks_get_one_line(broken, named, streets, capsys):
    broken(streets)
    assert train(*IMAGES, *masks_of(streets), "--out", streets / "run") == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1 and all(part in error[0] for part in named), error


def change_masks(folder, change):
    for path in (folder / "masks").iterdir():
        Image.fromarray(change(np.asarray(Image.open(path)))).save(path)


def binary(values):
    return np.where(values == 1, np.uint8(255), np.uint8(0))


def colours(values):
    table = np.zeros((256, 3), np.uint8)
    table[:3] = (128, 64, 128), (0, 0, 255), (9, 9, 9)
    return table[values]


@needs_lite
@pytest.mark.parametrize(
    ("change", "options", "told"),
    [
        (lambda values: (values + 1).astype(np.uint8), ("--source.void", "0"), "1 road, 2 path, 3 sky"),
        (lambda values: (values + 1).astype(np.uint8), ("--source.void", "[0,255]"), "1 road, 2 path, 3 sky"),
        (binary, ("--source.values", "{0: flat, 255: sky}"), None),
        (binary, ("--source.values", '{"0": "flat", "255": "sky"}'), None),
        (
            colours,
            (
                "--source.palette",
                '{"128,64,128": road, "#0000ff": path, "9,9,9": sky, "0,0,0": null}',
            ),
            None,
        ),
        (colours, ("--source.palette", "palette.csv"), None),
    ],
)
def test_masks_of_other_values_and_in_colours(change, options, told, streets, monkeypatch, capsys):
    monkeypatch.chdir(streets)
    (streets / "palette.csv").write_text("color,name\n#804080,road\n#0000ff,path\n#090909,sky\n#000000,\n")
    change_masks(streets, change)
    small = ("--backbone.width", "8", "--training.pixels", "50", *options)
    assert train(*IMAGES, *masks_of(streets), "--out", streets / "run", *small) == 0
    done = capsys.readouterr()
    assert "4 samples (pixels of images of 24 × 32" in done.out
    assert told is None or told in done.err
    judge = ["evaluate", "recognition", str(streets / "run"), *map(str, masks_of(streets)), *options]
    assert entry.main(judge) == 0
    assert "mIoU of level 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "options", "named"),
    [
        (binary, (), ("255 is void by default", "option values")),
        (colours, (), ("kind 'RGB'", "palette")),
        (colours, ("--source.palette", '{"128,64,128": road, "0,0,0": null}'), ("colour #", "no class has")),
        (colours, ("--source.palette", "nowhere.csv"), ("nowhere.csv", "no file")),
        (np.copy, ("--source.values", "{0: road, 1: moon}"), ("moon",)),
        (np.copy, ("--source.values", "{0: road, 1: path}"), ("the value 2", "no class has")),
        (np.copy, ("--source.void", "[0,255]"), ("leave it out", "option values")),
        (np.copy, ("--source.void", "zero"), ("source.void",)),
    ],
)
def test_masks_read_otherwise_than_meant_get_one_line(change, options, named, streets, capsys):
    change_masks(streets, change)
    assert train(*IMAGES, *masks_of(streets), "--out", streets / "run", *options) == 2
    error = capsys.readouterr().err.strip()
    assert error.splitlines()[-1].startswith("error: ") and all(part in error for part in named), error


@needs_lite
@pytest.mark.parametrize("size", [(), ("40",), ("40x24",), ("40", "24"), ("[40, 24]",)])
def test_photos_of_several_sizes(tmp_path, capsys, size):
    for k, label in enumerate(("animal/dog", "animal/cat", "animal/dog")):
        (tmp_path / "photos" / label).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20 + k, 30 - k), (40 * k, 90, 9)).save(tmp_path / "photos" / label / f"{k}.jpg")
    (tmp_path / "photos" / "notes.txt").touch()
    given = ("--source.size", *size) if size else ()
    frozen = ("--backbone.size", "32", "--backbone.frozen", "true")
    assert train(*IMAGES, *frozen, "--data", tmp_path / "photos", "--out", tmp_path / "run", *given) == 0
    done = capsys.readouterr()
    shown = {0: "256 × 256", 1: "40 × 40" if size == ("40",) else "40 × 24", 2: "40 × 24"}[len(size)]
    assert f"3 samples (images of {shown} by frozen efficientnet-lite0)" in done.out
    assert ("images of 3 sizes are brought to 256 × 256 pixels" in done.err) == (not size)
    assert "1 file passed over: 1 .txt" in done.err


@pytest.mark.parametrize("size", ["big", "0", "3x4x5"])
def test_sizes_that_are_none(tmp_path, capsys, size):
    assert train(*IMAGES, "--data", tmp_path, "--out", tmp_path / "run", "--source.size", size) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and "a size" in error and error.count("\n") == 1


@needs_lite
def test_images_that_do_not_decode_are_named(tmp_path, capsys):
    for label in ("animal/dog", "animal/cat"):
        (tmp_path / "images" / label).mkdir(parents=True)
        for k in range(3):
            Image.new("RGB", (20, 20), (40 * k, 90, 9)).save(tmp_path / "images" / label / f"{k}.png")
    (tmp_path / "images" / "animal" / "dog" / "9.png").write_bytes(b"no image")
    out, data = tmp_path / "run", ("--data", tmp_path / "images", "--backbone.size", "32")
    assert train(*IMAGES, *data, "--out", out) == 0
    done = capsys.readouterr()
    assert "6 samples (images of 20 × 20 by efficientnet-lite0)" in done.out
    assert "1 images skipped:" in done.err and "animal/dog/9.png: not an image" in done.err
    one = str(tmp_path / "images" / "animal" / "dog" / "1.png")
    assert entry.main(["predict", "recognition", str(out), one, "--out", str(tmp_path / "one.csv")]) == 0
    assert pd.read_csv(tmp_path / "one.csv")["id"].tolist() == ["1.png"]

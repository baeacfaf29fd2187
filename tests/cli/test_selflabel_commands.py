"""`train selflabel` and `evaluate selflabel` through the command line, on small generated clips."""

import json
import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from hyperclade.cli import main as entry
from hyperclade.cli import systems
from hyperclade.selflabel.sources import Media, load_pairs
from hyperclade.trees import Tree

av = pytest.importorskip("av")
pytest.importorskip("pytorch_lightning")

RATE = 8000
SIZES = (
    *("--media.frame_size", "16", "--media.n_bins", "8", "--media.sample_rate", "8000"),
    *("--encoders.channels", "[4,8]", "--system.n_clusters", "3", "--system.n_heads", "2"),
    *("--system.hidden", "8", "--system.dim", "4", "--system.n_relabellings", "3"),
    *("--training.batch_size", "4", "--training.warmup_epochs", "1", "--training.epochs", "2"),
    *("--device", "cpu", "--no-progress"),
)
MEDIA = SIZES[:6]


def write_clip(path, shade, tone, seconds=1.2):
    """A grey picture of one shade and a tone."""
    with av.open(path, "w") as container:
        video = container.add_stream("mpeg4", rate=10, options={"qscale": "2"})
        video.width = video.height = 48
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("pcm_s16le", rate=RATE)
        audio.layout = "mono"
        for k in range(round(10 * seconds)):
            frame = av.VideoFrame.from_ndarray(np.full((48, 48, 3), shade, np.uint8))
            frame.pts, frame.time_base = k, Fraction(1, 10)
            container.mux(video.encode(frame))
        wave = 8000 * np.sin(2 * np.pi * tone * np.arange(round(RATE * seconds)) / RATE)
        sound = av.AudioFrame.from_ndarray(wave.astype(np.int16)[None], "s16", "mono")
        sound.sample_rate, sound.pts, sound.time_base = RATE, 0, Fraction(1, RATE)
        container.mux(audio.encode(sound))
        container.mux([*video.encode(), *audio.encode()])


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """12 clips of two classes as a table, 6 of them as test clips, and a file that is no video."""
    folder = tmp_path_factory.mktemp("clips")
    lines = {"train": ["path,label"], "test": ["path,label"]}
    for k in range(12):
        bright = k % 2
        write_clip(folder / f"{k}.mkv", 40 + 150 * bright + k, 300 + 900 * bright + 10 * k)
        lines["train" if k < 8 else "test"].append(f"{k}.mkv,{('dark', 'bright')[bright]}")
    (folder / "broken.mkv").write_text("no video")
    lines["train"].append("broken.mkv,dark")
    for name, rows in lines.items():
        (folder / f"{name}.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def trained(clips, tmp_path_factory):
    """A finished run of sHHC."""
    out = tmp_path_factory.mktemp("runs") / "shhc"
    arguments = ["--data", str(clips / "train.csv"), "--out", str(out)]
    assert entry.main(["train", "selflabel", "--config", "shhc", *arguments, *SIZES]) == 0
    return out


def run(*arguments):
    return entry.main(["train", "selflabel", *arguments])


def test_a_group_of_commands_lists_its_members(capsys):
    assert entry.main(["train"]) == 2
    assert "train selflabel" in capsys.readouterr().out
    assert entry.main(["train", "dragons"]) == 2
    assert "train selflabel" in capsys.readouterr().out


def test_a_run_writes_what_it_says(trained):
    assert {path.name for path in trained.iterdir()} == {"model.ckpt", "recipe.json", "history.jsonl"}
    recipe = json.loads((trained / "recipe.json").read_text())["recipe"]
    assert recipe["system"]["hierarchy"] and recipe["system"]["geometry"] == "ball"
    assert recipe["system"]["dim"] == 4 and recipe["encoders"]["channels"] == [4, 8]


def test_broken_clips_are_counted_and_named(clips, trained, capsys):
    arguments = ["--data", str(clips / "train.csv"), "--out", str(trained)]
    assert run("--config", "shhc", *arguments, *SIZES) == 0
    done = capsys.readouterr()
    assert "8 pairs" in done.out and "finished already" in done.out
    assert "1 clips skipped" in done.err and "broken.mkv" in done.err and "silent" not in done.err


def test_still_clips_are_counted_and_named(clips, trained, tmp_path, capsys):
    for _ in range(2):
        assert judged(trained, "--data", str(clips / "test.csv"), "--media.n_frames", "2") == 0
        error = capsys.readouterr().err
        assert "4 clips kept that are silent or still, in " in error and "8.mkv: still" in error


def test_evaluation_of_known_classes(clips, trained, tmp_path, capsys):
    figures = tmp_path / "figures.json"
    arguments = ["--data", str(clips / "train.csv"), "--test_data", str(clips / "test.csv"), *MEDIA]
    options = ["--merge-to", "2", "1", "--probe", "1.0", "--out", str(figures), "--no-progress"]
    assert entry.main(["evaluate", "selflabel", str(trained), *arguments, *options]) == 0
    text = capsys.readouterr().out
    assert "ceiling" in text and "Linear probe" in text
    found = json.loads(figures.read_text())
    joint = [row for row in found["clusters"] if row["view"] == "joint" and row["head"] == "mean"]
    assert [row["clusters"] for row in joint] == [3, 2, 1]
    assert joint[2]["nmi"] == 0 and joint[2]["hungarian_accuracy"] == 0.5  # all in one, of two equal classes
    assert joint[1]["nmi_ceiling"] == pytest.approx(1)
    # One shade or tone a class is linear in what any tower keeps of it.
    assert {row["view"]: row["accuracy"] for row in found["probe"]}.keys() == {"vision", "audio", "joint"}
    assert [row["labels"] for row in found["probe"]] == [8, 8, 8]


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("n_bins", "12", "n_bins 8, and 12"),
        ("frame_size", "12", "frame_size 16, and 12"),
        ("sample_rate", "24000", "sample_rate 8000, and 24000"),  # as many bins and steps
        ("window", "0.5", "window 1.0, and 0.5"),
    ],
)
def test_other_media_than_in_training_are_refused(option, value, named, clips, trained, tmp_path, capsys):
    arguments = ["--data", str(clips / "test.csv"), f"--media.{option}", value]
    assert judged(trained, *arguments, "--media.cache", str(tmp_path / "cache")) == 2
    error = capsys.readouterr().err
    assert f"trained with the media option {named} is asked" in error and error.count("\n") == 1
    assert not (tmp_path / "cache").exists()


def judged(run, *arguments):
    return entry.main(["evaluate", "selflabel", str(run), *arguments, "--no-progress"])


def test_clips_are_read_as_in_training(clips, trained, tmp_path, capsys):
    """Evaluation without a word on media finds the training cache; more frames of a clip get another one."""
    caches = {path.name: (path / "cache.json").read_text() for path in clips.glob("train.csv*.cache")}
    assert len(caches) == 1
    figures = tmp_path / "figures.json"
    assert judged(trained, "--data", str(clips / "train.csv"), "--out", str(figures)) == 0
    assert judged(trained, "--data", str(clips / "train.csv"), "--media.n_frames", "2") == 0
    now = {path.name: (path / "cache.json").read_text() for path in clips.glob("train.csv*.cache")}
    assert len(now) == 2 and now.items() >= caches.items()
    assert json.loads(figures.read_text())["pairs"] == 8
    capsys.readouterr()
    arguments = ["--data", str(clips / "train.csv"), "--out", str(trained)]
    assert run("--config", "shhc", *arguments, *SIZES) == 0
    assert "finished already" in capsys.readouterr().out


def test_a_file_of_settings_serves_training_and_evaluation(clips, tmp_path):
    settings = {
        "data": str(clips / "train.csv"),
        "system": {"n_clusters": 3, "n_heads": 1, "hidden": 8},
        "encoders": {"channels": [4, 8]},
        "training": {"epochs": 1, "batch_size": 4, "warmup_epochs": 0},
        "media": {"n_frames": 2, "frame_size": 16, "n_bins": 8, "sample_rate": RATE},
        "n_pairs": 7,
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(settings))
    config = ["--config", str(tmp_path / "mine.yaml")]
    out = tmp_path / "run"
    assert run(*config, "--out", str(out), "--device", "cpu", "--no-progress") == 0
    assert judged(out, *config) == 0
    assert judged(out, "--data", str(clips / "test.csv")) == 0


def test_vggsound_as_published(clips, tmp_path, capsys):
    """Its training clips train, its test clips are judged, and those that are not there are counted."""
    lines = []
    (tmp_path / "video").mkdir()
    for k in range(12):
        name, split = f"video_{k:05d}", "train" if k < 8 else "test"
        lines.append(f'{name},{10 * k},"{("dark", "bright")[k % 2]}",{split}')
        if k not in (3, 9):
            shutil.copy(clips / f"{k}.mkv", tmp_path / "video" / f"{name}_{10 * k:06d}.mkv")
    (tmp_path / "vggsound.csv").write_text("\n".join(lines) + "\n")
    data, out = ["--data", str(tmp_path / "vggsound.csv")], tmp_path / "run"
    assert run("--config", "selavi", *data, "--out", str(out), *SIZES) == 0
    said = capsys.readouterr()
    assert "7 pairs" in said.out and "1 clips skipped" in said.err
    assert "video_00003_000030.mkv: no such file" in said.err
    figures = tmp_path / "figures.json"
    assert judged(out, *data, "--probe", "1.0", "--out", str(figures)) == 0
    found = json.loads(figures.read_text())
    assert found["pairs"] == 3 and found["probe"][0]["labels"] == 7
    capsys.readouterr()
    shutil.copy(clips / "3.mkv", tmp_path / "video" / "video_00003_000030.mkv")
    again = ["--media.retry_skipped", "true", "--probe", "1.0"]
    assert judged(out, *data, *again, "--out", str(figures)) == 0
    assert json.loads(figures.read_text())["probe"][0]["labels"] == 8
    assert "video_00003" not in capsys.readouterr().err


def test_older_runs_do_not_say_how_they_read(clips, trained, tmp_path, capsys):
    import torch

    shutil.copytree(trained, tmp_path / "run")
    stored = torch.load(tmp_path / "run" / "model.ckpt", weights_only=True)
    media = stored["hyper_parameters"].pop("source")
    assert (media["frame_size"], media["sample_rate"]) == (16, RATE) and "rebuild" not in media
    torch.save(stored, tmp_path / "run" / "model.ckpt")
    assert judged(tmp_path / "run", "--data", str(clips / "test.csv")) == 2
    error = capsys.readouterr().err
    assert "trained on frames of 1 × 3 × 16 × 16" in error and "--media options of training" in error
    assert judged(tmp_path / "run", "--data", str(clips / "test.csv"), *MEDIA) == 0


def test_skipped_clips_can_be_tried_again(clips, tmp_path):
    shutil.copy(clips / "0.mkv", tmp_path / "0.mkv")
    (tmp_path / "late.mkv").write_text("no video")
    (tmp_path / "clips.csv").write_text("path\n0.mkv\nlate.mkv\n")
    media = Media(frame_size=16, n_bins=8, sample_rate=RATE)
    assert len(load_pairs(tmp_path / "clips.csv", media=media)) == 1
    shutil.copy(clips / "1.mkv", tmp_path / "late.mkv")
    assert len(load_pairs(tmp_path / "clips.csv", media=media)) == 1
    assert len(load_pairs(tmp_path / "clips.csv", media=replace(media, retry_skipped=True))) == 2


def test_tables_of_one_name_do_not_share_a_cache(clips, tmp_path):
    media = Media(frame_size=16, n_bins=8, sample_rate=RATE, cache=str(tmp_path / "cache"))
    for k in (0, 1):
        (tmp_path / str(k)).mkdir()
        (tmp_path / str(k) / "clips.csv").write_text(f"path\n{clips / str(k)}.mkv\n")
    pairs = [load_pairs(tmp_path / str(k) / "clips.csv", media=media) for k in (0, 1)]
    assert [Path(one.ids[0]).name for one in pairs] == ["0.mkv@0", "1.mkv@0"]
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_export_feeds_discover(clips, trained, tmp_path):
    from hyperclade.selflabel import load

    export = tmp_path / "found"
    arguments = ["--data", str(clips / "train.csv"), *MEDIA, "--export", str(export), "--no-progress"]
    assert entry.main(["evaluate", "selflabel", str(trained), *arguments]) == 0
    clusters = pq.read_table(export / "assignments.parquet")
    assert clusters.column_names == ["id", "label", "vision", "audio", "joint"] and len(clusters) == 8
    assert [Path(name).name for name in clusters["id"].to_pylist()] == [f"{k}.mkv@0" for k in range(8)]
    assert clusters["label"].to_pylist() == ["dark", "bright"] * 4
    assert np.load(export / "features.npy").shape == (8, 16) and np.load(export / "audio.npy").shape == (8, 8)
    module = load(trained)
    head = int(module.head_loss.argmin())
    for view in ("vision", "audio", "joint"):
        tree = Tree.from_json((export / f"tree-{view}.json").read_text())
        assert tree.parent.tolist() == module.tree(view, head).parent.tolist() and tree.n_leaves == 3
    drawn = {"cluster-similarity.png", "hierarchies.png"} & {path.name for path in export.iterdir()}
    assert len(drawn) == (2 if len(set(clusters["joint"].to_pylist())) > 1 else 0)
    hierarchy = tmp_path / "hierarchy"
    discover = ["discover", str(export / "features.npy"), "--labels", "label", "--out", str(hierarchy)]
    assert entry.main(discover) == 0
    assert json.loads((hierarchy / "summary.json").read_text())["evaluation"]["labelled_rows"] == 8


def test_pairs_without_labels_can_be_exported_but_not_judged(clips, trained, tmp_path, capsys):
    table = tmp_path / "unlabelled.csv"
    table.write_text("path\n" + "".join(f"{clips / str(k)}.mkv\n" for k in range(3)))
    arguments = ["evaluate", "selflabel", str(trained), "--data", str(table), *MEDIA, "--no-progress"]
    assert entry.main(arguments) == 2
    assert "no labels" in capsys.readouterr().err
    assert entry.main([*arguments, "--export", str(tmp_path / "found")]) == 0
    assert np.load(tmp_path / "found" / "features.npy").shape == (3, 16)


def test_what_could_not_be_written_is_told_before_any_work(clips, trained, tmp_path, monkeypatch, capsys):
    from hyperclade.selflabel import SYSTEM

    (tmp_path / "file").touch()
    monkeypatch.setattr(type(SYSTEM), "read", lambda *_, **__: pytest.fail("clips were read"))
    there, data = str(tmp_path / "file" / "found"), ["--data", str(clips / "test.csv")]
    for arguments in (
        ["evaluate", "selflabel", str(trained), *data, "--export", there],
        ["evaluate", "selflabel", str(trained), *data, "--out", there],
        ["train", "selflabel", "--config", "selavi", *data, "--out", there],
        ["reproduce", "selflabel", *data, "--test_data", data[1], "--out", there],
    ):
        assert entry.main(arguments) == 2
        error = capsys.readouterr().err
        assert f"cannot write to {there}" in error and error.count("\n") == 1


def test_avdigits_by_name(tmp_path, capsys):
    from hyperclade.data import load_avdigits

    try:
        load_avdigits("test", n_pairs=1)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    sizes = ["--system.n_heads", "1", "--system.n_relabellings", "2", "--training.epochs", "0.5"]
    sizes += ["--n_pairs", "200", "--encoders.channels", "[4,8]", "--device", "cpu", "--no-progress"]
    out = tmp_path / "run"
    assert run("--config", "selavi", "--config", "avdigits", *sizes, "--out", str(out)) == 0
    assert "200 pairs: frames 1 × 1 × 28 × 28, sounds 32 × 32" in capsys.readouterr().out
    judge = ["evaluate", "selflabel", str(out), "--data", "avdigits", "--probe", "--no-progress"]
    assert entry.main([*judge, "--out", str(tmp_path / "figures.json")]) == 0
    rows = json.loads((tmp_path / "figures.json").read_text())["clusters"]
    assert {row["view"] for row in rows} == {"vision", "audio", "joint"}
    assert all(row["n_samples"] == 5000 and row["n_classes"] == 10 for row in rows)
    assert all(0 <= row["nmi"] <= row["nmi_ceiling"] < 0.81 for row in rows)  # 30 clusters of 10 classes


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--config", "system: {n_cluster: 3}"], "n_cluster"),
        (["--config", "system: {n_clusters: many}"], "n_clusters"),
        (["--config", "sytem: {n_clusters: 3}"], "sytem"),
        (["--config", "system: {geometry: flat}"], "geometry"),
        (["--config", "system: {hierarchy: true}"], "geometry"),
        (["--config", "system: ["], "config"),
        (["--config", "no-such-preset"], "selavi"),
        (["--training.epochs", "-1"], "epochs"),
        (["--training.speed", "9"], "speed"),
    ],
)
def test_wrong_options_are_one_line_that_names_them(arguments, named, tmp_path, capsys):
    if ":" in arguments[1]:
        path = tmp_path / "config.yaml"
        path.write_text(arguments[1])
        arguments = ["--config", str(path)]
    assert run("--data", "avdigits", "--out", str(tmp_path / "run"), *arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and named in error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("data", "named"), [("nowhere.csv", "avdigits"), ("empty", "no media"), ("columns.csv", "path")]
)
def test_wrong_data_is_one_line(data, named, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "columns.csv").write_text("file,label\na.mp4,b\n")
    assert run("--data", str(tmp_path / data), "--out", str(tmp_path / "run")) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and named in error


def parsed(*arguments):
    return entry._parse(systems.command("train selflabel"), "train selflabel", list(arguments))


def test_later_configurations_win_and_options_win_over_all(tmp_path):
    (tmp_path / "mine.yaml").write_text("out: here\nseed: 4\ntraining: {epochs: 3.5, area: [0.5, 0.9]}\n")
    mine = ["--config", str(tmp_path / "mine.yaml")]
    seen = parsed("--config", "selavi", "--config=avdigits.yaml", *mine, "--seed", "5")
    assert seen["data"] == "avdigits" and seen["out"] == "here" and seen["seed"] == 5
    assert seen["training"].epochs == 3.5 and seen["training"].area == (0.5, 0.9)
    assert seen["training"].batch_size == 128 and seen["system"].n_clusters == 30
    epochs = yaml.safe_load(preset_files()["avdigits"].read_text())["training"]["epochs"]
    assert parsed(*mine, "--config", "avdigits")["training"].epochs == epochs != 3.5


def preset_files():
    import hyperclade.selflabel

    return {path.stem: path for path in Path(hyperclade.selflabel.__file__).parent.glob("presets/*.yaml")}


@pytest.mark.parametrize("name", preset_files())
def test_presets_are_what_the_command_and_the_library_read(name):
    from hyperclade.selflabel import Recipe, preset

    given = parsed("--config", name, "--data", "x", "--out", "y")
    assert Recipe(given["system"], given["encoders"], given["training"], 0) == preset(name)


def test_presets_have_the_papers_choices():
    from hyperclade.selflabel import preset

    choices = {
        "l3": ("none", (), False),
        "deepcluster": ("kmeans", (("vision", "vision"), ("audio", "audio")), False),
        "xdc": ("kmeans", (("vision", "audio"), ("audio", "vision")), False),
        "sela": ("sinkhorn", (("vision", "vision"), ("audio", "audio")), False),
        "selavi": ("sinkhorn", (("vision", "joint"), ("audio", "joint")), False),
        "shhc": ("sinkhorn", tuple((s, t) for s in ("vision", "audio") for t in ("vision", "audio")), True),
    }
    for name, (labeller, lessons, hierarchy) in choices.items():
        system = preset(name).system
        assert (system.labeller, system.lessons, system.hierarchy) == (labeller, lessons, hierarchy)
        assert system.n_clusters == 100 and preset(name).encoders.channels == [64, 128, 256, 512]
    assert preset("sela").system.sharpness == 25 and preset("sela").system.schedule_power == 2
    assert preset("shhc").system.dim == 50 and preset("shhc").system.geometry == "ball"


def test_interrupted_training_resumes(clips, tmp_path, monkeypatch, capsys):
    """A run stopped by Ctrl-C says how to go on, and ends with the weights of one that was not stopped."""
    import signal

    import pytorch_lightning as lightning
    import torch

    from hyperclade.learning import runs

    class Stop(lightning.Callback):
        def on_train_batch_start(self, trainer, *_):
            if trainer.global_step == 4:
                raise KeyboardInterrupt

    train = runs.train
    arguments = ["--config", "selavi", "--data", str(clips / "train.csv"), *SIZES]
    arguments += ["--training.checkpoint_every", "2"]
    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    handler = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        patch.setattr(runs, "train", lambda *a, **k: train(*a, **k, callbacks=(Stop(),)))
        assert run(*arguments, "--out", str(stopped)) == 130
    signal.signal(signal.SIGINT, handler)  # Lightning ignores it from the first one on
    assert "checkpoint of step 4 is kept; the same command goes on" in capsys.readouterr().err
    assert not (stopped / "model.ckpt").exists()
    assert run(*arguments, "--out", str(stopped)) == 0 and run(*arguments, "--out", str(whole)) == 0
    assert "from step 4" in capsys.readouterr().out
    first, second = (
        torch.load(folder / "model.ckpt", weights_only=True)["state_dict"] for folder in (stopped, whole)
    )
    assert first.keys() == second.keys()
    for name, values in first.items():
        torch.testing.assert_close(values, second[name])


def test_reproduce_compares_systems_and_goes_on(clips, tmp_path, monkeypatch, capsys):
    from concurrent.futures import ThreadPoolExecutor

    from hyperclade.learning import comparison

    # Processes would spend most of this test's time on imports.
    monkeypatch.setattr(comparison, "all_or_none", ThreadPoolExecutor)
    settings, out = tmp_path / "tiny.yaml", tmp_path / "comparison"
    settings.write_text(
        "system: {n_clusters: 3, n_heads: 1, hidden: 8, dim: 4, n_relabellings: 2}\n"
        "encoders: {channels: [4, 8]}\ntraining: {batch_size: 4, warmup_epochs: 1, epochs: 1}\n"
    )
    arguments = ["reproduce", "crossmodal", "--out", str(out), "--settings", str(settings)]
    arguments += ["--data", str(clips / "train.csv"), "--test_data", str(clips / "test.csv"), *MEDIA]
    arguments += ["--seeds", "0", "--fine_tune", "null", "--probe", "1.0", "--device", "cpu"]
    assert entry.main([*arguments, "--merge_to", "7"]) == 2 and not out.exists()
    assert entry.main([*arguments, "--merge_to", "2", "--systems", "l3", "selavi"]) == 0
    text = capsys.readouterr().out
    assert "SeLaVi" in text and "linear probe" in text
    tables = json.loads((out / "tables.json").read_text())
    assert {(row["model"], row["clusters"]) for row in tables["clusters"]} == {
        ("L3", 3), ("SeLaVi", 3), ("SeLaVi", 2),
    }  # fmt: skip
    before = (out / "selavi-0" / "model.ckpt").stat().st_mtime_ns
    decoding = ["--media.n_workers", "1", "--media.rebuild", "true"]  # no part of what is compared
    assert entry.main([*arguments, "--merge_to", "2", "--systems", "l3", "selavi", *decoding]) == 0
    assert (out / "selavi-0" / "model.ckpt").stat().st_mtime_ns == before
    assert entry.main([*arguments, "--merge_to", "1"]) == 2
    assert "merge_to" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "settings", "named"),
    [
        (["--test_data", "unlabelled.csv"], "", "unlabelled.csv: evaluation needs labels"),
        (["--data", "unlabelled.csv"], "", "unlabelled.csv: evaluation needs labels"),
        (["--n_pairs", "2"], "", "2 pairs cannot make the 3 clusters of selavi"),
        (["--jobs", "0"], "", "--jobs must be at least 1"),
        ([], "training: {devices: 2}\n", "one device"),
    ],
)
def test_what_cannot_be_compared_shows_before_training(
    arguments, settings, named, clips, tmp_path, monkeypatch, capsys
):
    lines = "".join(f"{clips / str(k)}.mkv\n" for k in range(6))
    (tmp_path / "unlabelled.csv").write_text("path\n" + lines)
    (tmp_path / "settings.yaml").write_text(
        "system: {n_clusters: 3, n_heads: 1, hidden: 8}\nencoders: {channels: [4, 8]}\n" + settings
    )
    monkeypatch.chdir(tmp_path)
    given = ["--data", str(clips / "train.csv"), "--test_data", str(clips / "test.csv"), *MEDIA]
    given += ["--settings", "settings.yaml", "--systems", "selavi", "--seeds", "0", "--out", "comparison"]
    assert entry.main(["reproduce", "crossmodal", *given, *arguments]) == 2
    assert named in capsys.readouterr().err
    assert not (tmp_path / "comparison").exists()

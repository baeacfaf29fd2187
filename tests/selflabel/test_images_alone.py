"""Self-labelling of images without sound, through the command line, on small generated folders of images."""

import json
import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from planted import planted_pairs, recipe

from hyperclade.cli import main as entry
from hyperclade.data.image_rows import ImageRows
from hyperclade.data.image_set import ImageSet
from hyperclade.learning.runs import CHECKPOINT, read_checkpoint
from hyperclade.selflabel import SYSTEM, SelfLabelling, load, load_pairs, preset, train
from hyperclade.selflabel.sources import Media, holds_images, load_images
from hyperclade.trees import Tree
from stopped_runs import Stop, assert_same_state

COLOURS = {"moss": (60, 150, 70), "rust": (190, 80, 50), "slate": (70, 90, 170)}
MEDIA = ("--media.frame_size", "16")
SIZES = (
    *(*MEDIA, "--encoders.channels", "[8,16]", "--system.n_clusters", "3", "--system.hidden", "16"),
    *("--system.n_relabellings", "10", "--training.batch_size", "15", "--training.epochs", "20"),
    *("--training.learning_rate", "0.01", "--device", "cpu", "--no-progress"),
)


def write_images(folder, n, seed):
    """Squares of sizes 14 to 29, n of each of three colours, two of them with stripes."""
    rng = np.random.default_rng(seed)
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for k in range(n):
            height, width = rng.integers(14, 30, 2)
            pixels = np.array(colour) + rng.normal(0, 30, (height, width, 3)) + rng.normal(0, 10)
            stripes = {"moss": np.s_[::4], "rust": np.s_[:0], "slate": np.s_[:, ::4]}[name]
            pixels[stripes] -= 80
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name / f"{k}.png")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """90 images to learn from with two that do not decode, and 60 to judge by."""
    folder = tmp_path_factory.mktemp("photos")
    write_images(folder / "train", 30, 0)
    write_images(folder / "test", 20, 1)
    (folder / "train" / "moss" / "broken.jpg").write_text("no image")
    (folder / "train" / "rust" / "empty.png").touch()
    return folder


def run(config, data, out, *more):
    configs = [part for name in config.split("+") for part in ("--config", name)]
    return entry.main(["train", "selflabel", *configs, "--data", str(data), "--out", str(out), *SIZES, *more])


def evaluate(out, data, *more):
    return entry.main(
        ["evaluate", "selflabel", str(out), "--data", str(data), *MEDIA, "--no-progress", *more]
    )


def one_line(capsys):
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    return error


@pytest.mark.parametrize("config", ["sela-images", "deepcluster-images", "selavi+images", "shhc+images"])
def test_clusters_find_the_classes(config, photos, tmp_path, capsys):
    heads = ("--system.n_heads", "2", "--system.dim", "4")
    # k-means is on whitened features, where noise counts as much as classes: few for so few clusters.
    width = 6 if config == "deepcluster-images" else 16
    options = (*heads, "--encoders.channels", f"[8,{width}]")
    assert run(config, photos / "train", tmp_path / "run", *options) == 0
    done = capsys.readouterr()
    assert "90 images: 16 × 16 pixels\n" in done.out
    assert "2 images skipped" in done.err and "moss/broken.jpg" in done.err and "rust/empty.png" in done.err
    options = ["--test_data", str(photos / "test"), "--probe", "0.1", "--fine_tune", "0.1"]
    options += ["--export", str(tmp_path / "found"), "--out", str(tmp_path / "figures.json")]
    has_trees = "+" in config
    assert evaluate(tmp_path / "run", photos / "train", *options, "--merge_to", "2") == 0
    assert "Clusters of 60 images against 3 classes" in capsys.readouterr().out
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["images"] == 60 and {row["view"] for row in figures["clusters"]} == {"vision"}
    rows = [row for row in figures["clusters"] if row["head"] in ("chosen", "only")]
    assert [row["clusters"] for row in rows] == ([3, 2] if has_trees else [3])
    assert rows[0]["nmi"] > 0.8 and rows[0]["n_samples"] == 60
    for task in ("probe", "fine_tune"):
        assert [(row["view"], row["labels"]) for row in figures[task]] == [("vision", 9)]
        assert figures[task][0]["accuracy"] > 0.9
    found = pq.read_table(tmp_path / "found" / "assignments.parquet")
    assert found.column_names == ["id", "label", "vision"] and found["id"][0].as_py() == "moss/0.png"
    assert np.load(tmp_path / "found" / "features.npy").shape == (60, width)
    files = {path.name for path in (tmp_path / "found").iterdir()}
    trees = {"tree-vision.json", "cluster-similarity.png", "hierarchies.png"}
    assert files & trees == (trees if has_trees else set()) and "audio.npy" not in files
    if has_trees:
        assert Tree.from_json((tmp_path / "found" / "tree-vision.json").read_text()).n_leaves == 3


def small(name, **system):
    """A recipe of the planted pairs' size, for images alone."""
    own = recipe(name, warmup_epochs=0.0)
    return replace(own, system=replace(own.system, inputs="images", **system))


def planted_images(n=200):
    return ImageSet(ImageRows.of_pixels(np.repeat(planted_pairs(n).frames[:, 0], 3, axis=1)))


@pytest.mark.parametrize("name", ["deepcluster", "sela", "shhc"])
def test_a_stopped_run_of_images_goes_on_as_if_it_had_not_stopped(name, tmp_path):
    images = planted_images()
    through = train(small(name), images, tmp_path / "through", device="cpu")
    with pytest.raises(SystemExit):
        train(small(name), images, tmp_path / "run", device="cpu", callbacks=(Stop(8),))
    torch.rand(8)
    assert_same_state(through, train(small(name), images, tmp_path / "run", device="cpu"))
    loaded = load(tmp_path / "run")
    assert_same_state(through, loaded)
    assert loaded.hparams["sound_shape"] is None and set(loaded.net.towers) == {"vision"}
    torch.testing.assert_close(loaded.extract(images)["vision"], through.extract(images)["vision"])


def test_images_give_the_labels_that_vision_gives_in_pairs():
    """Where nothing is shared, as in SeLa, vision learns the same without sound but for the random draws."""
    pairs = planted_pairs(channels=3)
    own = replace(recipe("sela"), training=replace(recipe("sela").training, warmup_epochs=0.0))
    both = SelfLabelling(own, pairs)
    alone = SelfLabelling(small("sela"), ImageSet(ImageRows.of_pixels(pairs.frames[:, 0])))
    state = both.state_dict()
    alone.load_state_dict({name: state[name] for name in alone.state_dict()})
    assert state.keys() - alone.state_dict().keys() == {
        name for name in state if "audio" in name or "correspondence" in name or name == "sound_scale"
    }
    for module in (both, alone):
        module.relabel(0)
    torch.testing.assert_close(both.labels_vision, alone.labels_vision, rtol=0, atol=0)


def test_pictures_are_read_from_folders_and_tables(photos, tmp_path):
    media = Media(frame_size=16)
    folder = load_images(photos / "test", media=media)
    assert folder.class_names == ("moss", "rust", "slate") and np.bincount(folder.labels).tolist() == [20] * 3
    lines = "".join(f"test/{name},{name.split('/')[0]}\n" for name in folder.ids)
    (photos / "test.csv").write_text("path,label\n" + lines)
    table = pa.table(
        {
            "image": [{"bytes": (photos / "test" / name).read_bytes()} for name in folder.ids],
            "label": folder.labels,
        }
    )
    pq.write_table(table, tmp_path / "test.parquet")
    for data, names in ((photos / "test.csv", folder.class_names), (tmp_path / "test.parquet", "012")):
        assert holds_images(data)
        images = load_images(data, media=media)
        assert images.class_names == tuple(names)
        np.testing.assert_array_equal(images.labels, folder.labels)
        np.testing.assert_array_equal(images.frames[np.arange(60)], folder.frames[np.arange(60)])
    some = load_images(photos / "test", media=media, n_pairs=7, random_state=3)
    assert len(some) == 7 and set(some.ids) < set(folder.ids)


def test_images_without_labels(photos, tmp_path, capsys):
    for k in range(6):
        shade = np.full((9, 12, 3), 40 * k, np.uint8)
        Image.fromarray(shade).save(tmp_path / f"{k}.png")
    data = tmp_path / "some.csv"
    data.write_text("path\n" + "".join(f"{k}.png\n" for k in range(6)))
    assert load_images(data).labels is None and load_images(tmp_path).labels is None
    data.write_text("path,label\n0.png,dark\n1.png,\n2.png,\n3.png,bright\n")
    with pytest.warns(UserWarning, match="2 of 4 images have no label"):
        assert load_images(data, class_names=("owl", "dark")).labels.tolist() == [1, -1, -1, 2]
    quick = ("--training.epochs", "1", "--system.n_heads", "1")
    assert run("sela-images", tmp_path, tmp_path.with_name("unlabelled"), *quick) == 0
    capsys.readouterr()
    assert evaluate(tmp_path.with_name("unlabelled"), tmp_path) == 2
    assert "the images of" in one_line(capsys)


@pytest.mark.parametrize(
    ("config", "options", "named"),
    [
        ("sela-images", ("--system.n_clusters", "91"), "90 images cannot make 91 clusters"),
        ("sela", (), "photos/train: these are images without sound.*sela-images"),
        ("xdc", (), 'photos/train: these are images without sound, and teacher "other" \\(XDC\\)'),
        ("l3", (), 'photos/train: these are images without sound, and labeller "none" \\(L3\\)'),
        ("xdc+images", (), 'inputs "images" have no sound, and teacher "other" \\(XDC\\)'),
        ("l3+images", (), 'inputs "images" have no sound, and labeller "none" \\(L3\\)'),
        ("sela-images", ("--training.warmup_epochs", "1"), "warmup_epochs must be 0 for images"),
        ("sela-images", ("--training.shift", "0.2"), "training.shift is a setting of sound"),
        ("sela-images", ("--encoders.audio", "ast"), "encoders.audio is a setting of sound"),
        ("sela-images", ("--media.n_bins", "64"), "media.n_bins is an option of clips"),
        ("sela-images", ("--media.cache", "there"), "media.cache is an option of clips"),
        ("sela-images", ("--media.frame_size", "0"), "frame_size must be at least 1 pixel"),
        ("sela-images", ("--noisy", "audio"), "avdigits"),
        ("sela-images", ("--n_pairs", "91"), "n_pairs must be 1 … 90"),
    ],
)
def test_what_images_cannot_do_is_one_line(config, options, named, photos, tmp_path, capsys):
    assert run(config, photos / "train", tmp_path / "run", *options) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(error) == 1 and re.search(named.replace("photos/", ".*/"), error[0])
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("files", "named"),
    [
        (("a.png", "b.mp4"), r"1 images \(.*a\.png\) and 1 clips \(.*b\.mp4\)"),
        (("notes.txt",), "no media under .*mp4.*png"),
        (("b.mp4",), 'these are pairs of sound and vision, and the system has inputs "images"'),
        (("a.png",), "none of 1 images decodes; the first, a.png"),
    ],
)
def test_folders_that_are_not_of_images_are_one_line(files, named, tmp_path, capsys):
    (tmp_path / "data").mkdir()
    for name in files:
        (tmp_path / "data" / name).write_text("nothing")
    assert run("sela-images", tmp_path / "data", tmp_path / "run") == 2
    assert re.search(named, one_line(capsys))


def test_tables_that_are_not_of_images_are_one_line(tmp_path, capsys):
    (tmp_path / "both.csv").write_text("path\na.png\nb.mp4\n")
    pq.write_table(pa.table({"x": [1.0]}), tmp_path / "features.parquet")
    pq.write_table(pa.table({"image": pa.array([], pa.binary())}), tmp_path / "none.parquet")
    (tmp_path / "latin.csv").write_bytes("path\nn\xe9.png\n".encode("latin-1"))
    for name, named in (
        ("both.csv", "1 images (a.png) and 1 clips (b.mp4)"),
        ("features.parquet", "no column 'image'"),
        ("none.parquet", "none.parquet: no rows"),
        ("latin.csv", "not UTF-8 text"),
        ("nowhere", "no data"),
    ):
        assert run("sela-images", tmp_path / name, tmp_path / "run") == 2
        assert named in one_line(capsys)


def test_a_trained_system_is_judged_by_what_it_learned_from(photos, tmp_path, capsys):
    alone = train(small("sela", n_clusters=3), planted_images(60), tmp_path / "images", device="cpu")
    train(replace(recipe("sela")), planted_pairs(60), tmp_path / "pairs", device="cpu")
    assert alone.hparams["frame_shape"] == [1, 3, 12, 12]
    assert evaluate(tmp_path / "images", photos / "test") == 2
    assert "trained on frames of 1 × 3 × 12 × 12; these are 1 × 3 × 16 × 16" in one_line(capsys)
    assert evaluate(tmp_path / "pairs", photos / "test") == 2
    assert "these are images without sound" in one_line(capsys)
    assert evaluate(tmp_path / "images", "avdigits") == 2
    assert "these are pairs of sound and vision" in one_line(capsys)
    for own, samples in ((recipe("sela"), planted_images(60)), (small("sela"), planted_pairs(60))):
        with pytest.raises(ValueError, match="these are"):
            SelfLabelling(own, samples)
    with pytest.raises(ValueError, match="are no pairs"):
        load_pairs(photos / "test")


def test_comparisons_are_of_pairs(photos, tmp_path, capsys):
    given = ["--data", str(photos / "train"), "--test_data", str(photos / "test"), "--device", "cpu"]
    assert entry.main(["reproduce", "selflabel", "--out", str(tmp_path / "out"), *given]) == 2
    assert "has images without sound" in one_line(capsys) and not (tmp_path / "out").exists()


def test_towers_of_pairs_start_those_of_images(tmp_path):
    pairs = planted_pairs(60, channels=3)
    warm = train(recipe("selavi"), pairs, tmp_path / "pairs", device="cpu")
    started = SYSTEM.learner(small("sela"), planted_images(60), warm_start=str(tmp_path / "pairs"))
    for name, value in started.net.towers.state_dict().items():
        torch.testing.assert_close(value, warm.net.towers.state_dict()[name], rtol=0, atol=0)
    train(small("sela"), planted_images(60), tmp_path / "images", device="cpu")
    with pytest.raises(ValueError, match="other networks"):
        SYSTEM.learner(recipe("sela"), pairs, warm_start=str(tmp_path / "images"))


def test_runs_that_name_no_inputs_are_of_pairs(tmp_path):
    """Checkpoints and folders of older versions."""
    pairs = planted_pairs(60)
    trained = train(recipe("sela"), pairs, tmp_path, device="cpu")
    stored = read_checkpoint(tmp_path / CHECKPOINT, SYSTEM)
    whole = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    del whole["hyper_parameters"]["recipe"]["system"]["inputs"]
    torch.save(whole, tmp_path / CHECKPOINT)
    claimed = json.loads((tmp_path / "recipe.json").read_text())
    del claimed["recipe"]["system"]["inputs"]
    (tmp_path / "recipe.json").write_text(json.dumps(claimed))
    assert stored["hyper_parameters"]["recipe"]["system"]["inputs"] == "pairs"
    assert load(tmp_path).recipe == recipe("sela")
    assert_same_state(trained, train(recipe("sela"), pairs, tmp_path, device="cpu"))


def test_presets_of_images_have_the_papers_choices():
    sela, deepcluster = preset("sela-images"), preset("deepcluster-images")
    assert (sela.system.n_clusters, sela.system.n_heads, sela.system.sharpness) == (3000, 10, 25)
    assert (sela.system.n_relabellings, sela.system.schedule_power, sela.training.epochs) == (100, 2, 400)
    assert (deepcluster.system.n_clusters, deepcluster.system.n_heads) == (10000, 1)
    for own in (sela, deepcluster):
        assert own.system.lessons == (("vision", "vision"),) and own.system.views == ("vision",)
    assert preset("shhc", "images").system.label_sets == ("joint",)


def test_what_an_image_set_refuses():
    pixels = ImageRows.of_pixels(np.zeros((2, 3, 4, 4), np.uint8))
    with pytest.raises(ValueError, match="labels must be 2 integers"):
        ImageSet(pixels, np.zeros(3, int))
    with pytest.raises(ValueError, match="1 ids for 2 images"):
        ImageSet(pixels, ids=("a",))
    kept = ImageSet(pixels, np.array([0, -1]), ("owl",), ("a", "b"))
    assert kept.subset(np.array([False, True])).labels.tolist() == [-1] and not len(kept.subset([]))


def test_images_too_many_to_keep_are_read_when_needed(photos, monkeypatch):
    media = Media(frame_size=16)
    kept = load_images(photos / "test", media=media)
    monkeypatch.setattr("hyperclade.data.image_rows.KEPT_BYTES", 0)
    read = load_images(photos / "test", media=media)
    assert kept.in_memory and not read.in_memory and kept.fingerprint() == read.fingerprint()
    for name, values in kept.batch([5, 2]).items():
        np.testing.assert_array_equal(values, read.batch([5, 2])[name])
    own = small("sela", n_clusters=3)
    own.training.epochs = 1.0
    workers = replace(own, training=replace(own.training, n_workers=1))
    assert_same_state(train(own, kept, device="cpu"), train(workers, read, device="cpu"))

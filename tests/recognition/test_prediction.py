"""Predictions are coherent, lead down the taxonomy, and are written as files that say the same."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from planted_samples import NAMES, TAXONOMY, planted_features, planted_masks, recipe

from hyperclade.data.image_rows import Pictures, open_pictures
from hyperclade.data.images import ImageItem, image_folder
from hyperclade.recognition import train
from hyperclade.recognition.evaluation import predict_classes, predict_scores
from hyperclade.recognition.module import Recognition, Task
from hyperclade.recognition.prediction import predict, write_masks, write_predictions
from hyperclade.recognition.stopping import cheapest_nodes, likely_nodes


@pytest.fixture(scope="module")
def module():
    """Its scores contradict the taxonomy, as those of free scores do."""
    return train(recipe("mvm", settings={}, epochs=1.0), planted_features(), device="cpu")


@pytest.mark.parametrize("coherent", ["min", "max", "none"])
def test_labels_and_paths_follow_the_scores(module, coherent):
    inputs = planted_features(seed=4).inputs
    free = predict_scores(module, inputs)
    found = predict(module, inputs, coherent=coherent, threshold=0.3)
    above = [set(TAXONOMY.ancestors(node).tolist()) | {node} for node in range(len(TAXONOMY))]
    for row in range(len(inputs)):
        for node in range(len(TAXONOMY)):
            related = {
                "min": list(above[node]),
                "max": [other for other in range(len(TAXONOMY)) if node in above[other]],
                "none": [node],
            }[coherent]
            value = free[row, related].max() if coherent == "max" else free[row, related].min()
            assert found.scores[row, node] == value
        best = max(TAXONOMY.leaves, key=lambda leaf: (found.scores[row, leaf], free[row, leaf]))
        assert found.leaf[row] == best
        labels = set(np.flatnonzero(found.scores[row] >= 0.3).tolist()) | above[best]
        assert set(np.flatnonzero(found.labels[row]).tolist()) == labels
        if coherent != "none":
            assert all(above[node] <= labels for node in labels)
    named = {"/".join(way).split("/")[0] for way in found.paths()}
    assert named <= {"animal", "plant", "rock"}
    assert all(way[-1] == TAXONOMY.names[leaf] for way, leaf in zip(found.paths(), found.leaf, strict=True))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_tables_say_what_is_predicted(module, suffix, tmp_path):
    samples = planted_features(n=20, seed=4)
    found = predict(module, samples.inputs)
    path = tmp_path / f"found.{suffix}"
    write_predictions(path, found, samples.ids)
    table = pd.read_csv(path, dtype={"id": str}) if suffix == "csv" else pd.read_parquet(path)
    assert tuple(table["id"]) == samples.ids
    assert [tuple(way.split(" / ")) for way in table["path"]] == found.paths()
    scores = table[[f"score: {name}" for name in TAXONOMY.names]].to_numpy()
    np.testing.assert_allclose(scores, found.scores, rtol=1e-6)
    np.testing.assert_allclose(table["score"], found.scores[np.arange(20), found.leaf], rtol=1e-6)
    for text, row in zip(table["labels"], found.labels, strict=True):
        assert text.split(" | ") == [TAXONOMY.names[node] for node in np.flatnonzero(row)]


@pytest.fixture(scope="module")
def softmax():
    """Probabilities, not very sure."""
    return train(recipe(settings={"hidden": []}, epochs=1.0), planted_features(), device="cpu")


@pytest.mark.parametrize("stop", [0.0, 0.5, 0.8, 0.99, "cost"])
def test_paths_stop_where_they_are_asked_to(softmax, stop, tmp_path):
    samples = planted_features(n=40, seed=4, noise=3.0)
    found, whole = predict(softmax, samples.inputs, stop=stop), predict(softmax, samples.inputs)
    np.testing.assert_array_equal(found.leaf, whole.end)
    if stop == "cost":
        np.testing.assert_array_equal(found.end, cheapest_nodes(found.scores, TAXONOMY))
    else:
        np.testing.assert_array_equal(found.end, likely_nodes(found.scores, TAXONOMY, stop))
        assert (found.scores[np.arange(40), found.end] >= stop - 1e-6)[found.end >= 0].all()
        assert (found.end == -1).any() == (stop > 0)
    assert np.isin(found.end, TAXONOMY.leaves).all() == (stop == 0)
    write_predictions(tmp_path / "found.csv", found, samples.ids)
    table = pd.read_csv(tmp_path / "found.csv", dtype={"id": str}, keep_default_na=False)
    for row, end in enumerate(found.end.tolist()):
        way = [] if end == -1 else [*sorted(TAXONOMY.ancestors(end), key=lambda v: TAXONOMY.depth[v]), end]
        assert found.paths()[row] == tuple(TAXONOMY.names[node] for node in way)
        assert table["path"][row] == " / ".join(TAXONOMY.names[node] for node in way)
        if end == -1:
            assert table["score"][row] == "nan"
        else:
            assert float(table["score"][row]) == pytest.approx(found.scores[row, end], rel=1e-6)
        labels = set(np.flatnonzero(found.scores[row] >= 0.5).tolist()) | set(way)
        assert set(np.flatnonzero(found.labels[row]).tolist()) == labels


def test_what_no_path_can_stop_by(softmax, pixels):
    inputs = planted_features(n=5).inputs
    for stop in (1.5, -0.1, float("nan"), "costs", True):
        with pytest.raises(ValueError, match="stop must be a probability from 0 to 1, or cost"):
            predict(softmax, inputs, stop=stop)
    with pytest.raises(ValueError, match="coherent must be min or max"):
        predict(softmax, inputs, stop=0.5, coherent="none")
    cosines = train(recipe("devise", settings={}, epochs=1.0), planted_features(n=20), device="cpu")
    with pytest.raises(ValueError, match="scores of devise are no probabilities"):
        predict(cosines, inputs, stop=0.5)
    with pytest.raises(ValueError, match="pixels of masks have the classes learned from"):
        predict(pixels, planted_masks(n=1).images, stop="cost")


def test_other_tables_are_refused(module, tmp_path):
    found = predict(module, planted_features(n=5).inputs)
    with pytest.raises(ValueError, match=r"\.parquet or \.csv"):
        write_predictions(tmp_path / "found.xlsx", found, list("abcde"))


@pytest.fixture(scope="module")
def pixels():
    """Untrained; it has seen images of 40 × 48 pixels."""
    pytest.importorskip("efficientnet_lite_pytorch", reason="efficientnet-lite-pytorch is not installed")
    chosen = recipe(backbone={"name": "efficientnet-lite0", "width": 8}, seed=3)
    return Recognition(chosen, Task.of(planted_masks(n=2))).eval()


@pytest.fixture
def by_colour(pixels, monkeypatch):
    """Its classes are the strongest of red, green and blue; it notes the sizes that it sees."""
    seen = []

    def scores(images):
        seen.append(tuple(images.shape[2:]))
        return images.float()

    monkeypatch.setattr(pixels, "pixel_scores", scores)
    monkeypatch.setattr(pixels, "seen", seen, raising=False)
    return pixels


def write_halves(path, size):
    """Red to the left, blue to the right; green at the very edges, where a crop would cut."""
    h, w = size
    classes = np.zeros(size, int)
    classes[:, w // 2 :] = 2
    classes[:, : w // 8] = classes[: h // 8] = 1
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((20 + 200 * np.eye(3, dtype=int)[classes]).astype(np.uint8)).save(path)
    return classes


def test_masks_and_overlays(pixels, tmp_path):
    samples = planted_masks(n=2)
    written = write_masks(tmp_path / "out", pixels, samples.images, ("a/one.jpg", "two"))
    assert [path.relative_to(tmp_path / "out").as_posix() for path in written] == ["a/one.png", "two.png"]
    predicted = next(predict_classes(pixels, samples.images))
    classes = json.loads((tmp_path / "out" / "classes.json").read_text())
    assert [classes[str(k)]["name"].split("/")[1] for k in range(3)] == list(NAMES)
    colours = np.array([classes[str(k)]["colour"] for k in range(3)])
    for k, path in enumerate(written):
        with Image.open(path) as mask:
            assert mask.mode == "P"
            np.testing.assert_array_equal(np.asarray(mask), predicted[k])
            np.testing.assert_array_equal(np.asarray(mask.convert("RGB")), colours[predicted[k]])
        with Image.open(path.with_suffix(".overlay.png")) as overlay:
            views = np.split(np.asarray(overlay), 3, axis=1)  # image, 2 groups, 3 classes
        image = samples.images.read([k])[0].transpose(1, 2, 0)
        np.testing.assert_array_equal(views[0], image)
        finest = 0.45 * image + 0.55 * colours[predicted[k]]
        assert np.abs(views[2] - finest).max() <= 1


def test_masks_lie_over_images_of_any_size(by_colour, tmp_path):
    sizes = {"a": (40, 48), "b": (90, 64), "c": (160, 96), "d": (64, 32), "e": (8, 160)}
    true = {name: write_halves(tmp_path / "in" / f"{name}.png", size) for name, size in sizes.items()}
    images, _, _ = open_pictures(image_folder(tmp_path / "in"))
    written = write_masks(tmp_path / "out", by_colour, images, list(sizes))
    for name, path, seen in zip(sizes, written, by_colour.seen, strict=True):
        h, w = sizes[name]
        mask = np.asarray(Image.open(path))
        assert mask.shape == (h, w)
        assert (mask == true[name]).mean() > 0.9
        with Image.open(path.with_suffix(".overlay.png")) as overlay:
            own = np.asarray(Image.open(tmp_path / "in" / f"{name}.png"))
            np.testing.assert_array_equal(np.asarray(overlay)[:, :w], own)
        if name != "e":  # a strip is widened for the network
            assert seen[0] * seen[1] == pytest.approx(40 * 48, rel=0.05)
            assert seen[0] / seen[1] == pytest.approx(h / w, rel=0.05)
    assert by_colour.seen[0] == (40, 48) and min(by_colour.seen[4]) == 32


def test_images_of_the_size_of_training_get_the_classes_of_evaluation(pixels, tmp_path):
    images = planted_masks(n=3).images
    expected = np.concatenate(list(predict_classes(pixels, images)))
    items = []
    for row, image in enumerate(images.read(slice(None))):
        Image.fromarray(image.transpose(1, 2, 0)).save(tmp_path / f"{row}.png")
        items.append(ImageItem(str(row), None, str(row), tmp_path / f"{row}.png"))
    written = write_masks(tmp_path / "out", pixels, Pictures(tuple(items)), list("012"))
    np.testing.assert_array_equal([np.asarray(Image.open(path)) for path in written], expected)


@pytest.mark.parametrize(
    ("ids", "match"),
    [
        (("a.png", "b", "a.jpg"), r"images 'a\.png' and 'a\.jpg' would both be written to .*a\.png"),
        (("a/b", "c", "../a/b.png"), r"'a/b' and '\.\./a/b\.png' would both"),
        (("a", "a.overlay", "b"), r"'a' and 'a\.overlay' would both"),
        (("a", "b", ".."), r"id '\.\.' names no file"),
    ],
)
def test_ids_that_name_one_file_or_none_are_refused(by_colour, ids, match, tmp_path):
    with pytest.raises(ValueError, match=match):
        write_masks(tmp_path / "out", by_colour, planted_masks(n=3).images, ids)
    assert not (tmp_path / "out").exists()


def test_images_and_files_of_others_are_never_replaced(by_colour, tmp_path):
    for name in ("a", "b"):
        write_halves(tmp_path / "in" / f"{name}.png", (40, 48))
    before = {path.name: path.read_bytes() for path in (tmp_path / "in").iterdir()}
    images, _, _ = open_pictures(image_folder(tmp_path / "in"))
    for given in (images, planted_masks(n=2).images):  # without their paths, too
        with pytest.raises(ValueError, match=r"a\.png is there already and would be replaced"):
            write_masks(tmp_path / "in", by_colour, given, ("a.png", "b.png"))
    assert {path.name: path.read_bytes() for path in (tmp_path / "in").iterdir()} == before
    first = write_masks(tmp_path / "out", by_colour, images, ("a.png", "b.png"))
    assert write_masks(tmp_path / "out", by_colour, images, ("a.png", "b.png")) == first
    masks = Pictures(tuple(ImageItem(path.name, None, path.stem, path) for path in first))
    with pytest.raises(ValueError, match=r"a\.png is there already"):
        write_masks(tmp_path / "out", by_colour, masks, [item.id for item in masks.items])


def test_what_was_not_trained_on_masks_writes_none(module, tmp_path):
    with pytest.raises(ValueError, match="trained on images with masks"):
        write_masks(tmp_path, module, planted_masks().images, ("a",))

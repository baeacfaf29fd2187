"""Predictions are coherent, lead down the taxonomy, and are written as files that say the same."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from planted_samples import NAMES, TAXONOMY, planted_features, planted_masks, recipe

from hyperclade.recognition.evaluation import predict_classes, predict_scores
from hyperclade.recognition.module import Recognition, Task
from hyperclade.recognition.prediction import class_colours, predict, write_masks, write_predictions
from hyperclade.recognition.training import train


@pytest.fixture(scope="module")
def module():
    """Its scores contradict the taxonomy, as those of free scores do."""
    return train(recipe("mvm", settings={}, epochs=1.0), planted_features(), device="cpu", progress=False)


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


def test_other_tables_are_refused(module, tmp_path):
    found = predict(module, planted_features(n=5).inputs)
    with pytest.raises(ValueError, match=r"\.parquet or \.csv"):
        write_predictions(tmp_path / "found.xlsx", found, list("abcde"))


def test_masks_and_overlays(tmp_path):
    pytest.importorskip("efficientnet_lite_pytorch")
    samples = planted_masks(n=2)
    chosen = recipe(backbone={"name": "efficientnet-lite0", "width": 8}, seed=3)
    pixels = Recognition(chosen, Task.of(samples)).eval()
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


def test_colours_of_classes_differ_and_parents_have_their_mean():
    colours = class_colours(TAXONOMY, TAXONOMY.leaves)
    leaves = colours[TAXONOMY.leaves]
    assert len(np.unique(leaves, axis=0)) == len(leaves)
    animals = [TAXONOMY.index("animal/dog"), TAXONOMY.index("animal/cat")]
    assert np.abs(colours[TAXONOMY.index("animal")] - colours[animals].mean(0)).max() <= 1


def test_what_was_not_trained_on_masks_writes_none(module, tmp_path):
    with pytest.raises(ValueError, match="trained on images with masks"):
        write_masks(tmp_path, module, planted_masks().images, ("a",))

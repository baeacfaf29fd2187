"""Scores and figures of trained modules against scikit-learn and loops over pixels."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from planted_samples import planted_features, planted_images, planted_masks, recipe
from sklearn.metrics import average_precision_score

from hyperclade.data.image_rows import VOID
from hyperclade.recognition import train
from hyperclade.recognition.evaluation import cost, evaluate, predict_classes, predict_scores
from hyperclade.recognition.module import Recognition, Task
from hyperclade.trees.taxonomy import Taxonomy

LITE = {"name": "efficientnet-lite0", "width": 8}


@pytest.fixture(scope="module")
def trained():
    return train(recipe(epochs=20.0), planted_features(), device="cpu")


@pytest.fixture(scope="module")
def pixel_module():
    """Untrained, but scoring by what the left and right halves look like."""
    if not find_spec("efficientnet_lite_pytorch"):
        pytest.skip("efficientnet-lite-pytorch is not installed")
    module = Recognition(recipe(backbone=LITE, seed=3), Task.of(planted_masks())).eval()
    module.net.method.logits[0].weight.data.mul_(50)
    return module


def test_scores_do_not_depend_on_blocks(trained, monkeypatch):
    samples = planted_features(seed=5)
    scores = predict_scores(trained, samples.inputs)
    monkeypatch.setattr("hyperclade.recognition.evaluation._FEATURE_ROWS", 7)
    np.testing.assert_allclose(predict_scores(trained, samples.inputs), scores, rtol=1e-5, atol=1e-6)


def test_a_module_in_training_goes_on_training(trained):
    samples = planted_features(seed=5)
    scores = predict_scores(trained, samples.inputs)
    trained.train()
    np.testing.assert_array_equal(predict_scores(trained, samples.inputs), scores)  # without dropout
    assert trained.training
    trained.eval()


def test_figures_of_labels(trained):
    samples = planted_features(seed=5)
    report = evaluate(trained, samples)
    scores, targets = predict_scores(trained, samples.inputs), samples.targets()
    each = [average_precision_score(true, row) for true, row in zip(targets, scores, strict=True)]
    assert report["map"] == pytest.approx(np.mean(each), abs=1e-6)
    leaves = samples.taxonomy.leaves
    wrong = leaves[scores[:, leaves].argmax(1)] != samples.labels[:, 0]
    assert report["mistakes"]["top1_error"] == pytest.approx(wrong.mean())
    assert report["cv"] == 0 and report["map"] > 0.8


def test_samples_that_end_above_the_leaves_have_no_mistakes(trained):
    samples = planted_features(seed=5)
    samples.labels[3] = samples.taxonomy.index("animal")
    assert "mistakes" not in evaluate(trained, samples)


def test_classes_of_pixels_and_their_figures(pixel_module):
    samples = planted_masks()
    predicted = np.concatenate(list(predict_classes(pixel_module, samples.images)))
    true = samples.masks.read(slice(None))
    assert predicted.shape == true.shape == (6, 40, 48) and len(np.unique(predicted)) > 1
    report = evaluate(pixel_module, samples)

    def iou(k, of):
        counted = true != VOID
        is_k, called = counted & np.isin(true, of[k]), counted & np.isin(predicted, of[k])
        return (is_k & called).sum() / (is_k | called).sum()

    fine, coarse = report["levels"]
    assert fine["iou"] == pytest.approx(
        {"warm/red": iou(0, [[0], [1], [2]]), "cold/green": iou(1, [[0], [1], [2]])}
        | {"cold/blue": iou(2, [[0], [1], [2]])}
    )
    assert coarse["iou"] == pytest.approx({"warm": iou(0, [[0]]), "cold": iou(0, [[1, 2]])})
    assert coarse["mean_iou"] == pytest.approx(np.mean(list(coarse["iou"].values())))
    assert report["pixel_accuracy"] == pytest.approx((predicted == true)[true != VOID].mean())


def test_scores_of_pixels_lie_between_those_of_the_four_places_around(pixel_module):
    images = torch.from_numpy(planted_masks().images.read([0, 1]))
    scores = pixel_module.pixel_scores(images)
    assert scores.shape == (2, 3, 40, 48)
    with torch.no_grad():
        features, _ = pixel_module.net.feature_map(images.float() / 255)
        for y, x in ((13, 21), (0, 47), (25, 2)):
            down, across = (min(max((p + 0.5) / 4 - 0.5, 0), n - 1) for p, n in ((y, 10), (x, 12)))
            expected = torch.zeros(3)
            for i in range(10):
                for j in range(12):
                    weight = max(0, 1 - abs(i - down)) * max(0, 1 - abs(j - across))
                    if weight:
                        of_place = pixel_module.net.method.scores(features[1, :, i, j][None])
                        expected += weight * of_place[0, pixel_module.class_nodes]
            torch.testing.assert_close(scores[1, :, y, x], expected)


def test_costs(trained, pixel_module):
    found = cost(trained, planted_features(), seconds=0.01)
    m = len(planted_features().taxonomy)
    # 6 features, 8 hidden, 5 leaves, and the sums over leaves
    assert found["parameters"] == 6 * 8 + 8 + 8 * 5 + 5
    assert found["flops"] == 2 * (6 * 8 + 8 * 5 + 5 * m)
    assert found["samples_per_second"] > 0
    pixels = cost(pixel_module, planted_masks(), seconds=0.01)
    assert pixels["parameters"] == sum(p.numel() for p in pixel_module.net.parameters())
    assert pixels["flops"] > 1e6


def test_samples_of_another_kind(trained, pixel_module):
    with pytest.raises(ValueError, match="on 6 features per sample; these have 9"):
        predict_scores(trained, planted_features(d=9).inputs)
    with pytest.raises(ValueError, match="trained on features; these samples are images"):
        predict_scores(trained, planted_images().inputs)
    with pytest.raises(ValueError, match="trained on features, which have no classes of pixels"):
        next(predict_classes(trained, planted_images().inputs))
    with pytest.raises(ValueError, match="is in one of them only"):
        evaluate(trained, planted_images())
    masks = planted_masks()
    for taxonomy, message in (
        (Taxonomy.from_paths(["cold/green", "cold/blue", "warm/red"]), "other parents or another order"),
        (Taxonomy.from_paths(["warm/red", "cold/green", "cold/pink"]), "'cold/blue' is in one of them only"),
    ):
        other = type(masks)(masks.images, masks.masks, taxonomy, taxonomy.leaves, masks.ids)
        with pytest.raises(ValueError, match=message):
            evaluate(pixel_module, other)

"""Intersection over union against scikit-learn on pixels."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_taxonomies import taxonomies
from sklearn.metrics import jaccard_score

from hyperclade.metrics import segmentation
from hyperclade.metrics.segmentation import (
    PixelConfusion,
    class_iou,
    matched_iou,
    mean_iou,
    mean_iou_per_level,
)
from hyperclade.trees import Taxonomy

ROADS = Taxonomy.from_paths(["all/flat/road", "all/flat/pavement", "all/sky"])
ROAD, PAVEMENT, SKY, FLAT = (
    ROADS.index(name) for name in ("all/flat/road", "all/flat/pavement", "all/sky", "all/flat")
)


@pytest.fixture(autouse=True, scope="module")
def small_blocks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segmentation, "_PIXELS", 7)  # several blocks even of these small masks
        yield


def random_masks(rng, k, void):
    """Few of the classes, so that some occur on one side only or on none."""
    true, predicted = rng.choice(rng.integers(0, k, 3), (2, 4, 5, 3)).astype(np.uint8)
    true[rng.random(true.shape) < 0.2] = void
    true[0, 0, 0] = 0  # never void throughout
    return predicted, true


def iou_of(true, predicted):
    """Of the values that occur, as scikit-learn computes it."""
    values = np.union1d(true, predicted)
    return dict(
        zip(values.tolist(), jaccard_score(true, predicted, labels=values, average=None), strict=True)
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.integers(0, 2**32 - 1), st.sampled_from([255, 17]))
def test_counts_and_iou_are_scikit_learns(k, seed, void):
    rng = np.random.default_rng(seed)
    confusion, pairs = PixelConfusion(k), []
    for _ in range(2):
        predicted, true = random_masks(rng, k, void)
        confusion.update(predicted, true, void=void)
        pairs.append((true[true != void], predicted[true != void]))
    true, predicted = (np.concatenate(masks) for masks in zip(*pairs, strict=True))
    by_hand = [[np.sum((true == i) & (predicted == j)) for j in range(k)] for i in range(k)]
    assert np.array_equal(confusion.counts, by_hand)
    expected = iou_of(true, predicted)
    wanted = [expected.get(c, np.nan) for c in range(k)]
    assert class_iou(confusion.counts) == pytest.approx(wanted, nan_ok=True)
    assert mean_iou(confusion.counts) == pytest.approx(np.mean(list(expected.values())))


@settings(max_examples=80, deadline=None)
@given(taxonomies(), st.integers(0, 2**32 - 1))
def test_levels_are_those_of_relabelled_pixels(taxonomy, seed):
    rng = np.random.default_rng(seed)
    class_nodes = rng.permutation(len(taxonomy))[: rng.integers(1, len(taxonomy) + 1)]
    predicted, true = random_masks(rng, len(class_nodes), 255)
    confusion = PixelConfusion(len(class_nodes))
    confusion.update(predicted, true)
    predicted, true = predicted[true != 255], true[true != 255]
    levels = mean_iou_per_level(confusion.counts, taxonomy, class_nodes)
    assert [at.level for at in levels] == list(range(1, len(levels) + 1))
    ancestors = taxonomy.levels(class_nodes)[::-1]
    for at, row in zip(levels, ancestors, strict=False):
        expected = iou_of(row[true], row[predicted])
        assert at.nodes.tolist() == sorted(set(row.tolist()))
        assert at.iou == pytest.approx(
            [expected.get(node, np.nan) for node in at.nodes.tolist()], nan_ok=True
        )
        assert at.mean_iou == pytest.approx(np.mean(list(expected.values())))
    assert levels[0].nodes.tolist() == sorted(class_nodes.tolist())
    assert all(len(set(row.tolist())) == 1 for row in ancestors[len(levels) :])


def test_uneven_depths_by_hand():
    counts = [[3, 1, 0], [2, 1, 0], [0, 1, 2]]
    fine, coarse = mean_iou_per_level(counts, ROADS, [ROAD, PAVEMENT, SKY])
    assert dict(zip(fine.nodes, fine.iou, strict=True)) == {ROAD: 3 / 6, PAVEMENT: 1 / 5, SKY: 2 / 3}
    assert dict(zip(coarse.nodes, coarse.iou, strict=True)) == {FLAT: 7 / 8, SKY: 2 / 3}
    assert coarse.mean_iou == pytest.approx((7 / 8 + 2 / 3) / 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: PixelConfusion(0), "at least 1"),
        (
            lambda: PixelConfusion(2).update([[0]], [[0]], void=1),
            r"void must not be one of the classes 0\.\.1",
        ),
        (lambda: PixelConfusion(2).update([[0]], [0]), r"predicted \(1, 1\), true \(1,\)"),
        (lambda: PixelConfusion(2).update([[0.0]], [[0]]), "predicted mask must hold integer"),
        (lambda: PixelConfusion(2).update([[0, 2]], [[0, 0]]), r"predicted mask has value 2 at \(0, 1\)"),
        (lambda: PixelConfusion(2).update([[0, 1]], [[0, -1]]), r"true mask has value -1 at \(0, 1\)"),
        (lambda: mean_iou(PixelConfusion(2).counts), "no pixel has been counted"),
        (lambda: class_iou(np.ones((2, 3))), r"\(2, 3\)"),
        (lambda: mean_iou_per_level(np.ones((2, 2)), ROADS, [ROAD]), "for 1 class_nodes"),
        (lambda: mean_iou_per_level(np.ones((1, 1)), ROADS, [9]), "node 9 is not"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_void_pixels_may_be_predicted_as_anything_and_refused_masks_leave_no_trace():
    confusion = PixelConfusion(2)
    confusion.update([[0, 200]], [[0, 255]])
    with pytest.raises(ValueError, match="value 2"):
        confusion.update([[1, 2]], [[1, 1]])
    assert confusion.counts.tolist() == [[1, 0], [0, 0]]


def best_by_trying(counts):
    """Most pixels right, over all one-to-one matchings of the clusters, and the IoU it gives."""
    k, c = counts.shape
    wide = np.pad(counts, ((0, 0), (0, max(0, k - c))))
    best = max(
        itertools.permutations(range(wide.shape[1]), k),
        key=lambda order: sum(wide[row, column] for row, column in enumerate(order)),
    )
    right = [wide[row, column] for row, column in enumerate(best)]
    return sum(right) / counts.sum()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_clusters_are_matched_as_trying_all_matchings_would(k, c, seed):
    rng = np.random.default_rng(seed)
    true, predicted = rng.integers(0, k, (2, 9, 9)), rng.integers(0, c, (2, 9, 9))
    confusion = PixelConfusion(k, c)
    confusion.update(predicted, true)
    found = matched_iou(confusion.counts)
    assert found.accuracy == pytest.approx(best_by_trying(confusion.counts))
    # Called by their classes, with a class of its own for every cluster that has none, they are as good.
    called = np.full(c, k)
    known = found.cluster_of >= 0
    called[found.cluster_of[known]] = np.flatnonzero(known)
    expected = iou_of(true.ravel(), called[predicted].ravel())
    occurring = np.unique(true)
    assert found.accuracy == pytest.approx((called[predicted] == true).mean())
    assert found.mean_iou == pytest.approx(np.mean([expected[value] for value in occurring]))
    assert found.iou[occurring] == pytest.approx([expected[value] for value in occurring])


def test_more_clusters_than_classes_raise_nothing_by_leaving_pixels_out():
    """Dividing a cluster, or adding clusters that take pixels away, leaves the rest wrong, not uncounted."""
    true = np.repeat([0, 1], 50)
    whole, divided = PixelConfusion(2), PixelConfusion(2, 3)
    predicted = np.where(np.arange(100) % 50 < 40, true, 1 - true)
    whole.update(predicted, true)
    divided.update(np.where((predicted != true), 2, predicted), true)
    assert matched_iou(whole.counts).accuracy == matched_iou(divided.counts).accuracy == 0.8
    assert matched_iou(divided.counts).mean_iou == pytest.approx(0.8)
    assert matched_iou(np.array([[0, 5, 5]])).accuracy == 0.5


def test_classes_without_a_cluster_count_and_those_that_do_not_occur_do_not():
    found = matched_iou(np.array([[4], [3], [0]]))
    assert found.cluster_of.tolist() == [0, -1, -1]
    assert found.iou[:2].tolist() == [4 / 7, 0.0] and np.isnan(found.iou[2])
    assert found.mean_iou == pytest.approx(2 / 7)


@pytest.mark.parametrize("counts", [np.zeros((2, 2), int), np.ones(3, int)])
def test_counts_that_cannot_be_matched(counts):
    with pytest.raises(ValueError, match=r"no pixel has been counted|classes, clusters"):
        matched_iou(counts)

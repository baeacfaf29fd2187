"""Figures of retrieval beside pytorch-metric-learning's accuracy calculator and a few plain loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperclade.metrics import map_at_r, neighbours_needed, r_precision, recall_at, retrieval_report


def ranked(n=120, classes=9, d=4, seed=0):
    """Rows near a point of their class, all others of each by distance, and the classes, of unequal sizes."""
    rng = np.random.default_rng(seed)
    labels = np.sort(rng.integers(0, classes, n) // rng.integers(1, 3, n))
    rows = rng.normal(size=(classes, d))[labels] + 0.7 * rng.normal(size=(n, d))
    distance = np.linalg.norm(rows[:, None] - rows, axis=2)
    np.fill_diagonal(distance, np.inf)
    return rows, np.argsort(distance, axis=1)[:, :-1], labels


def by_loops(neighbours, labels, ks):
    recalls, precisions, averages = {k: [] for k in ks}, [], []
    for row, near in enumerate(neighbours):
        r = sum(label == labels[row] for label in labels) - 1
        if r == 0:
            continue
        right = [labels[other] == labels[row] for other in near]
        for k in ks:
            recalls[k].append(any(right[:k]))
        precisions.append(sum(right[:r]) / r)
        averages.append(sum(sum(right[: i + 1]) / (i + 1) for i in range(r) if right[i]) / r)
    return {k: np.mean(v) for k, v in recalls.items()}, np.mean(precisions), np.mean(averages)


@pytest.mark.learn
def test_as_pytorch_metric_learning_has_them():
    import torch
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

    rows, neighbours, labels = ranked()
    names = ("precision_at_1", "r_precision", "mean_average_precision_at_r")

    def knn(query, k, reference, ref_includes_query):
        assert ref_includes_query
        return None, torch.from_numpy(np.c_[np.arange(len(rows)), neighbours])[:, 1 : k + 1]

    theirs = AccuracyCalculator(include=names, k="max_bin_count", knn_func=knn).get_accuracy(
        torch.from_numpy(rows), torch.from_numpy(labels), ref_includes_query=True
    )
    ours = retrieval_report(neighbours, labels, [1])
    assert ours["n_alone"] == 0
    for name, own in zip(names, ("recall_at_1", "r_precision", "map_at_r"), strict=True):
        assert ours[own] == pytest.approx(theirs[name], abs=1e-12)


@given(st.integers(0, 10**6), st.integers(4, 40))
def test_as_plain_loops_have_them_with_classes_of_one(seed, n):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n // 2, n)
    if np.bincount(labels).max() < 2:
        labels[0] = labels[1]
    neighbours = np.stack([rng.permutation(np.delete(np.arange(n), row)) for row in range(n)])
    recalls, precision, average = by_loops(neighbours, labels, [1, 3, n + 5])
    assert recall_at(neighbours, labels, [1, 3, n + 5]) == pytest.approx(recalls)
    assert r_precision(neighbours, labels) == pytest.approx(precision)
    assert map_at_r(neighbours, labels) == pytest.approx(average)
    needed = neighbours_needed(labels)
    assert map_at_r(neighbours[:, :needed], labels) == pytest.approx(average)


def test_names_and_order_of_samples_mean_nothing(monkeypatch):
    _, neighbours, labels = ranked(seed=3)
    whole = retrieval_report(neighbours, labels)
    order = np.random.default_rng(0).permutation(len(labels))
    place = np.argsort(order)
    assert retrieval_report(place[neighbours[order]], labels[order].astype(str)) == pytest.approx(whole)
    monkeypatch.setattr("hyperclade.metrics.retrieval._BLOCK", 500)
    assert retrieval_report(neighbours, labels) == pytest.approx(whole)


def test_one_class_and_too_few_neighbours():
    neighbours = np.array([[1, 2], [0, 2], [0, 1]])
    report = retrieval_report(neighbours, ["a", "a", "a"], [1])
    assert (report["recall_at_1"], report["map_at_r"], report["r_precision"]) == (1, 1, 1)
    assert retrieval_report(neighbours[:, :1], ["a", "a", "a"], [1])["map_at_r"] is None
    assert neighbours_needed(["a", "b", "b"], [2]) == 2 and neighbours_needed(["a", "b", "b"], [9]) == 2


@pytest.mark.parametrize(
    ("neighbours", "labels", "message"),
    [
        ([[1], [0]], ["a", "b"], "no class has two"),
        ([[1], [2]], ["a", "a"], "rows 0 … 1"),
        ([[1]], ["a", "a"], r"got \(1, 1\)"),
        ([[1], [0]], ["a", None], "lack a label"),
        ([[0.5], [0.1]], ["a", "a"], "need rows of neighbours"),
    ],
)
def test_bad_input(neighbours, labels, message):
    with pytest.raises(ValueError, match=message):
        retrieval_report(neighbours, labels, [1])


def test_k_needs_as_many_neighbours():
    with pytest.raises(ValueError, match=r"Recall@3 needs K ≥ 1 and 2 neighbours, got 1"):
        recall_at([[1], [0], [0]], ["a", "a", "b"], [3])

"""Partition measures against their definitions and scikit-learn."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn import metrics as reference

from hyperclade.metrics import partitions
from hyperclade.metrics.labels import encode_labels

SAMPLES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=30)
MEASURES = ["nmi", "ami", "ari", "mean_purity", "weighted_purity", "cluster_entropy", "hungarian_accuracy"]


def counts_by_cluster(true, pred):
    return [
        np.array([sum(t == c for t, p in zip(true, pred, strict=True) if p == k) for c in sorted(set(true))])
        for k in sorted(set(pred))
    ]


@settings(max_examples=60, deadline=None)
@given(SAMPLES)
def test_equal_their_definitions(pairs):
    true, pred = (list(column) for column in zip(*pairs, strict=True))
    counts = counts_by_cluster(true, pred)
    n = len(true)
    assert partitions.mean_purity(true, pred) == pytest.approx(np.mean([c.max() / c.sum() for c in counts]))
    assert partitions.weighted_purity(true, pred) == pytest.approx(sum(c.max() for c in counts) / n)
    assert partitions.cluster_entropy(true, pred) == pytest.approx(np.mean([entropy(c) for c in counts]))
    assert partitions.hungarian_accuracy(true, pred) == pytest.approx(best_matching(counts) / n)
    assert partitions.nmi(true, pred) == pytest.approx(reference.normalized_mutual_info_score(true, pred))
    assert partitions.ami(true, pred) == pytest.approx(reference.adjusted_mutual_info_score(true, pred))
    assert partitions.ari(true, pred) == pytest.approx(reference.adjusted_rand_score(true, pred))


def best_matching(counts):
    table = np.array(counts)
    if table.shape[0] > table.shape[1]:
        table = table.T
    rows = range(table.shape[0])
    return max(
        sum(table[r, c] for r, c in zip(rows, columns, strict=True))
        for columns in itertools.permutations(range(table.shape[1]), table.shape[0])
    )


@settings(max_examples=30, deadline=None)
@given(SAMPLES)
def test_names_of_labels_do_not_matter(pairs):
    true, pred = (list(column) for column in zip(*pairs, strict=True))
    as_text = [f"class {t}" for t in true]
    as_tuples = [(p, "x") for p in pred]
    for name in MEASURES:
        measure = getattr(partitions, name)
        assert measure(as_text, as_tuples) == pytest.approx(measure(np.array(true), pred), abs=1e-12)


def test_report_holds_every_measure():
    rng = np.random.default_rng(0)
    true, pred = rng.integers(0, 4, 50), rng.integers(0, 7, 50)
    report = partitions.partition_report(true, pred)
    assert (report["n_samples"], report["n_classes"], report["n_clusters"]) == (50, 4, 7)
    for name in MEASURES:
        assert report[name] == getattr(partitions, name)(true, pred)
        assert type(report[name]) is float


def test_bad_labels_are_named():
    for name in [*MEASURES, "partition_report"]:
        measure = getattr(partitions, name)
        with pytest.raises(ValueError, match="labels_true has 2 labels, labels_pred 3"):
            measure([0, 1], [0, 1, 1])
        with pytest.raises(ValueError, match="empty"):
            measure([], [])
        with pytest.raises(ValueError, match=r"labels_pred lacks a label for 1 samples \(first: 1\)"):
            measure(["a", "b"], ["a", None])
    with pytest.raises(ValueError, match=r"shape \(2, 1\)"):
        partitions.ari(np.zeros((2, 1)), [0, 1])
    with pytest.raises(ValueError, match="hashable"):
        partitions.ari([[0], [1]], [0, 1])
    with pytest.raises(ValueError, match="sequence"):
        partitions.ari("ab", [0, 1])


def test_codes_follow_first_appearance_and_keep_types_apart():
    codes, n = encode_labels(["1", 1, (1, 2), "1", None, float("nan")])
    assert codes.tolist() == [0, 1, 2, 0, -1, -1]
    assert n == 3
    codes, n = encode_labels([5, -1, 3, -1, 5], minus_one_is_missing=True)
    assert (codes.tolist(), n) == ([0, -1, 1, -1, 0], 2)
    assert encode_labels(["-1", "a"], minus_one_is_missing=True)[1] == 2

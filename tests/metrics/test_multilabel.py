"""Measures of scores over a taxonomy against scikit-learn, networkx and their definitions."""

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_taxonomies import graph_of, random_scores, taxonomies
from sklearn.metrics import average_precision_score

from hyperclade.metrics import multilabel
from hyperclade.trees import Taxonomy

CHAIN = Taxonomy.from_paths(["a/b/c"])


def random_targets(rng, n, m):
    targets = rng.random((n, m)) < rng.random()
    targets[np.arange(n), rng.integers(0, m, n)] = True
    return targets


@pytest.fixture(autouse=True, scope="module")
def small_blocks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multilabel, "_CELLS", 12)  # several blocks even of these few samples
        yield


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 7), st.integers(1, 9))
def test_average_precisions_are_scikit_learns(seed, n, m):
    rng = np.random.default_rng(seed)
    scores, targets = random_scores(rng, n, m), random_targets(rng, n, m)
    expected = np.mean([average_precision_score(y, s) for y, s in zip(targets, scores, strict=True)])
    assert multilabel.mean_average_precision(scores, targets) == pytest.approx(expected, abs=1e-12)
    micro = average_precision_score(targets.ravel(), scores.ravel())
    assert multilabel.micro_average_precision(scores, targets.astype(int)) == pytest.approx(micro, abs=1e-12)
    assert multilabel.mean_average_precision(np.exp(scores), targets) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=80, deadline=None)
@given(taxonomies(), st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_violations_are_those_counted_one_by_one(taxonomy, seed, n):
    scores = random_scores(np.random.default_rng(seed), n, len(taxonomy))
    graph = graph_of(taxonomy)
    wrong = [row[parent] < row[child] for row in scores for parent, child in graph.edges]
    assert multilabel.constraint_violation(scores, taxonomy) == pytest.approx(np.mean(wrong) if wrong else 0)
    closure = networkx.transitive_closure(graph, reflexive=True)
    wrong = [row[above] < row[below] for row in scores for above, below in closure.edges]
    assert multilabel.constraint_violation_closure(scores, taxonomy) == pytest.approx(np.mean(wrong))


@settings(max_examples=80, deadline=None)
@given(taxonomies(), st.integers(0, 2**32 - 1), st.sampled_from([np.float32, np.float64]))
def test_coherent_scores_are_extremes_over_ancestors_and_descendants(taxonomy, seed, dtype):
    rng = np.random.default_rng(seed)
    scores = random_scores(rng, 4, len(taxonomy)).astype(dtype)
    scores[rng.random(scores.shape) < 0.1] = -np.inf
    graph, given_scores = graph_of(taxonomy), scores.copy()
    by_min, by_max = (multilabel.coherent_scores(scores, taxonomy, how) for how in ("min", "max"))
    assert by_min.dtype == by_max.dtype == dtype
    for node in graph:
        above, below = networkx.ancestors(graph, node) | {node}, networkx.descendants(graph, node) | {node}
        assert np.array_equal(by_min[:, node], scores[:, sorted(above)].min(axis=1))
        assert np.array_equal(by_max[:, node], scores[:, sorted(below)].max(axis=1))
    for coherent in (by_min, by_max):
        assert multilabel.constraint_violation_closure(coherent, taxonomy) == 0
    assert np.array_equal(scores, given_scores)


@settings(max_examples=40, deadline=None)
@given(taxonomies(), st.integers(0, 2**32 - 1))
def test_report_holds_every_measure(taxonomy, seed):
    rng = np.random.default_rng(seed)
    scores, targets = random_scores(rng, 5, len(taxonomy)), random_targets(rng, 5, len(taxonomy))
    report = multilabel.recognition_report(scores, targets, taxonomy)
    after = {}
    for how in ("min", "max"):
        coherent = multilabel.coherent_scores(scores, taxonomy, how)
        after[how] = np.mean([average_precision_score(y, s) for y, s in zip(targets, coherent, strict=True)])
    assert report == pytest.approx(
        {
            "n_samples": 5,
            "n_nodes": len(taxonomy),
            "map": multilabel.mean_average_precision(scores, targets),
            "micro_ap": multilabel.micro_average_precision(scores, targets),
            "cv": multilabel.constraint_violation(scores, taxonomy),
            "cv_closure": multilabel.constraint_violation_closure(scores, taxonomy),
            "cmap": max(after.values()),
            "cmap_min": after["min"],
            "cmap_max": after["max"],
        },
        abs=1e-12,
    )


def test_the_two_violations_by_hand():
    scores = [[0.2, 0.3, 0.1], [0.9, 0.5, 0.5]]  # a < b, the rest in order
    assert multilabel.constraint_violation(scores, CHAIN) == 1 / 4
    assert multilabel.constraint_violation_closure(scores, CHAIN) == 1 / 12  # of 2 + 1 + 3 pairs per sample


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: multilabel.mean_average_precision([0.5, 0.1], [True, False]), r"got shape \(2,\)"),
        (lambda: multilabel.mean_average_precision(np.empty((0, 3)), np.empty((0, 3))), "not empty"),
        (lambda: multilabel.mean_average_precision([[0.5, 0.1]], [[True]]), r"shape of the scores, \(1, 2\)"),
        (
            lambda: multilabel.mean_average_precision([[0.5], [0.1]], [[1], [0]]),
            r"no true node \(first: row 1",
        ),
        (lambda: multilabel.mean_average_precision([[0.5], [np.nan]], [[1], [1]]), r"NaN .*first: row 1"),
        (lambda: multilabel.micro_average_precision([[0.5, 0.1]], [[0.5, 1]]), "True or False"),
        (lambda: multilabel.constraint_violation([[0.5, 0.1]], CHAIN), "2 columns for 3 nodes"),
        (lambda: multilabel.coherent_scores([[0.5, 0.1]], CHAIN), "2 columns for 3 nodes"),
        (lambda: multilabel.coherent_scores([[0.5, 0.1, 0.0]], CHAIN, "mean"), "'min' or 'max'"),
        (lambda: multilabel.recognition_report([[0.5, 0.1]], [[1, 1]], CHAIN), "2 columns for 3 nodes"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()

"""Distances of mistakes against networkx and a count one by one."""

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_taxonomies import graph_of, random_scores, taxonomies

from hyperclade.metrics import mistakes
from hyperclade.trees import Taxonomy

PETS = Taxonomy.from_paths(["animal/dog", "animal/cat", "rock"])


def lca_height(graph, a, b):
    lca = networkx.lowest_common_ancestor(graph, int(a), int(b))
    ways = networkx.single_source_shortest_path_length(graph, lca)
    return max(ways.values())


@settings(max_examples=60, deadline=None)
@given(taxonomies(max_parents=1, one_root=True), st.integers(0, 2**32 - 1))
def test_distances_are_heights_of_networkx_ancestors(taxonomy, seed):
    rng = np.random.default_rng(seed)
    graph, n = graph_of(taxonomy), 6
    scores = random_scores(rng, n, len(taxonomy))
    true = rng.choice(taxonomy.leaves, n)
    ranked = np.array(
        [sorted(taxonomy.leaves, key=lambda leaf, row=row: (-row[leaf], leaf)) for row in scores]
    )
    ks = range(1, len(taxonomy.leaves) + 2)
    heights = np.array(
        [[lca_height(graph, leaf, t) for leaf in row] for row, t in zip(ranked, true, strict=True)]
    )
    wrong = ranked[:, 0] != true
    of_mistakes = heights[wrong, 0].mean() if wrong.any() else np.nan
    report = mistakes.mistakes_report(scores, true, taxonomy, ks)
    expected = {"n_samples": n, "top1_error": wrong.mean(), "mistake_distance": of_mistakes} | {
        f"distance@{k}": heights[:, :k].mean() for k in ks[:-1]
    }
    assert report == pytest.approx(expected, nan_ok=True)
    assert mistakes.top1_error(ranked[:, 0], true) == report["top1_error"]
    assert mistakes.mistake_distance(ranked[:, 0], true, taxonomy) == pytest.approx(of_mistakes, nan_ok=True)
    for k in ks[:-1]:
        assert mistakes.hierarchical_distance(ranked[:, :k], true, taxonomy) == report[f"distance@{k}"]


@settings(max_examples=60, deadline=None)
@given(taxonomies(), st.integers(0, 2**32 - 1))
def test_distance_over_all_is_error_times_distance_of_mistakes(taxonomy, seed):
    rng = np.random.default_rng(seed)
    predicted, true = rng.choice(taxonomy.leaves, (2, 8))
    over_all = mistakes.hierarchical_distance(predicted, true, taxonomy)
    error = mistakes.top1_error(predicted, true)
    if error == 0:
        assert over_all == 0
        assert np.isnan(mistakes.mistake_distance(predicted, true, taxonomy))
    else:
        assert over_all == pytest.approx(error * mistakes.mistake_distance(predicted, true, taxonomy))


def test_a_shared_leaf_meets_at_its_lowest_ancestor():
    taxonomy = Taxonomy.from_edges(
        [("animal", "thing"), ("pet", "animal"), ("dog", "pet"), ("dog", "animal"), ("wolf", "animal")]
    )
    dog, wolf = taxonomy.index("dog"), taxonomy.index("wolf")
    assert mistakes.mistake_distance([dog], [wolf], taxonomy) == 2  # animal; thing is 3 high


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mistakes.top1_error([], []), "not be empty"),
        (lambda: mistakes.top1_error([1, 2], [1]), "each of 1 samples"),
        (lambda: mistakes.top1_error([0.5], [1]), "integer node ids, got float64"),
        (lambda: mistakes.top1_error([1, -1], [1, 1]), "predicted, row 1: node -1"),
        (lambda: mistakes.mistake_distance([1, 1], [1, 4], PETS), "true, row 1: node 4"),
        (lambda: mistakes.hierarchical_distance(np.empty((1, 0), int), [1], PETS), r"got \(1, 0\)"),
        (lambda: mistakes.mistakes_report([[0.1, 0.2]], [1], PETS), "2 columns for 4 nodes"),
        (lambda: mistakes.mistakes_report([[0.1] * 4], [1], PETS, ks=(0, 1)), r"from 1, got \(0, 1\)"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()

"""Levels of labels beside SciPy's linkage on all distances, and batches drawn by them."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.metrics import adjusted_rand_score

from hyperclade.retrieval.distances import Metric
from hyperclade.retrieval.labelling import (
    grouped_rows,
    hierarchy_levels,
    hierarchy_of,
    kmeans_clusters,
    neighbour_rows,
)

METRICS = [Metric("hyperbolic", 0.1), Metric("hyperbolic", 1.0), Metric("euclidean"), Metric("cosine")]


def planted(n=90, d=5, seed=0, spread=0.05):
    """Three far groups of three near ones each, off the origin, and the groups at both levels."""
    rng = np.random.default_rng(seed)
    top = np.repeat(2 * np.eye(d)[:3], 3, axis=0)
    centres = top + 0.5 * np.tile(np.eye(d)[2:5], (3, 1))
    fine = np.arange(n) % 9
    return centres[fine] + spread * rng.normal(size=(n, d)), fine, fine // 3


@pytest.mark.parametrize("metric", METRICS)
def test_levels_are_those_of_average_linkage_on_all_distances(metric):
    rows, _, _ = planted(spread=0.3)
    condensed = metric.distances(rows[:, None], rows)[np.triu_indices(len(rows), 1)]
    merged = linkage(condensed, "average")
    levels = hierarchy_levels(rows, metric, counts=[20, 9, 3])
    for k, labels in zip((20, 9, 3), levels, strict=True):
        assert adjusted_rand_score(fcluster(merged, k, "maxclust"), labels) == 1
    heights = [1.0001 * float(np.quantile(merged[:, 2], q)) for q in (0.5, 0.9)]
    for height, labels in zip(heights, hierarchy_levels(rows, metric, thresholds=heights), strict=True):
        assert adjusted_rand_score(fcluster(merged, height, "distance"), labels) == 1


@pytest.mark.parametrize("metric", METRICS[1:3])
@pytest.mark.parametrize(("exact", "least"), [(300, 1), (200, 0.95)])
def test_planted_groups_are_found_at_both_levels_by_linkage_and_by_shhc(metric, exact, least):
    rows, fine, coarse = planted(270)
    levels = hierarchy_levels(rows, metric, counts=[9, 3], exact=exact)
    assert min(adjusted_rand_score(fine, levels[0]), adjusted_rand_score(coarse, levels[1])) >= least


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_levels_are_nested(seed):
    rows = np.random.default_rng(seed).normal(size=(30, 3))
    levels = hierarchy_levels(rows, Metric("hyperbolic", 0.5), counts=[12, 5, 2])
    for fine, coarse in itertools.pairwise(levels):
        assert all(len(set(coarse[fine == label])) == 1 for label in np.unique(fine))


def test_equal_rows_and_more_clusters_than_half_the_rows_do_no_harm():
    rows = np.repeat(np.eye(4), 3, axis=0)
    levels = hierarchy_levels(rows, Metric("hyperbolic"), counts=[100, 4])
    assert len(set(levels[0])) == 6  # half the rows
    assert adjusted_rand_score(np.arange(12) // 3, levels[1]) == 1
    assert hierarchy_of(np.zeros((5, 2)), Metric("hyperbolic")).height.max() == 0


def test_what_makes_no_levels_is_refused():
    with pytest.raises(ValueError, match="at least 4 are needed"):
        hierarchy_levels(np.eye(3), Metric("euclidean"), counts=[2])
    with pytest.raises(ValueError, match=r"give labelling\.counts"):
        hierarchy_levels(np.eye(30), Metric("euclidean"), thresholds=[0.5], exact=20)


def test_kmeans_finds_planted_groups():
    rows, fine, _ = planted()
    assert adjusted_rand_score(fine, kmeans_clusters(rows, 9)) == 1


@given(
    st.lists(st.integers(0, 6), min_size=4, max_size=60),
    st.integers(1, 5),
    st.integers(1, 9),
    st.integers(0, 99),
)
@settings(deadline=None)
def test_a_batch_has_groups_in_equal_shares_and_members_as_often(groups, n_groups, instances, seed):
    labels = np.array(groups)
    rows = grouped_rows(labels, n_groups, instances, np.random.default_rng(seed))
    drawn = rows.reshape(-1, instances)
    assert len(drawn) == min(n_groups, len(set(groups)))
    assert len({int(labels[own[0]]) for own in drawn}) == len(drawn)
    for own in drawn:
        assert len(set(labels[own])) == 1
        members = np.flatnonzero(labels == labels[own[0]])
        often = np.bincount(own, minlength=len(labels))[members]
        assert often.sum() == instances and often.max() - often.min() <= 1


def test_larger_groups_are_drawn_more_often():
    labels = np.r_[np.zeros(90, int), np.ones(10, int)]
    rng = np.random.default_rng(0)
    share = np.mean([labels[grouped_rows(labels, 1, 1, rng)[0]] == 0 for _ in range(1000)])
    assert abs(share - 0.9) < 0.05


def test_a_batch_of_neighbours_has_each_sample_with_its_nearest():
    near = np.array([[1, 2, 3], [0, 2, 3], [3, 1, 0], [2, 1, 0]])
    rows = neighbour_rows(near, 3, 3, np.random.default_rng(0)).reshape(3, 3)
    assert len(set(rows[:, 0])) == 3
    assert all((own[1:] == near[own[0], :2]).all() for own in rows)

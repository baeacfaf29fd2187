"""Pre-clusters: exact sizes, quality against scikit-learn, and every kind of input."""

import importlib

import numpy as np
import pytest
import scipy.sparse
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from hyperclade.hierarchy.precluster import precluster
from hyperclade.transport import zipf


@pytest.fixture(scope="module")
def mixture():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(20), 100)
    return (4 * rng.normal(size=(20, 16))[labels] + rng.normal(size=(2000, 16))).astype(np.float32), labels


def mean_cosine(X, labels):
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    return sum(np.linalg.norm(unit[labels == j].sum(0)) for j in np.unique(labels)) / len(X)


def test_equal_groups_are_recovered(mixture):
    X, labels = mixture
    result = precluster(X, 20, random_state=0)
    assert (result.sizes == 100).all()
    assert adjusted_rand_score(labels, result.labels) > 0.98
    assert result.objective == pytest.approx(mean_cosine(X, result.labels), abs=1e-5)
    assert len(result.history) == 10


@pytest.mark.parametrize("sample_size", [None, 400])
@pytest.mark.parametrize("n_clusters", [7, 48, 150])
def test_sizes_are_floor_and_ceiling(mixture, n_clusters, sample_size):
    X = mixture[0][:1990]
    result = precluster(X, n_clusters, sample_size=sample_size, random_state=1, block_rows=300)
    np.testing.assert_array_equal(np.bincount(result.labels, minlength=n_clusters), result.sizes)
    assert result.sizes.sum() == 1990 and np.ptp(result.sizes) <= 1
    assert result.labels.dtype == np.int64 and result.centroids.dtype == np.float32
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    sums = np.stack([unit[result.labels == j].sum(0) for j in range(n_clusters)])
    expected = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    np.testing.assert_allclose(result.centroids, expected, atol=1e-3)  # rows are rounded to 1/2000


def test_balancing_costs_little_and_unbalanced_equals_kmeans(mixture):
    X = mixture[0] / np.linalg.norm(mixture[0], axis=1, keepdims=True)
    reference = mean_cosine(X, KMeans(60, n_init=3, random_state=0).fit_predict(X))
    free = precluster(X, 60, balanced=False, n_iterations=20, random_state=0)
    balanced = precluster(X, 60, random_state=0)
    assert free.objective > reference - 0.005
    assert balanced.objective > reference - 0.02
    assert np.ptp(balanced.sizes) <= 1 < np.ptp(free.sizes)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("balanced", [True, False])
def test_two_levels_are_nearly_as_good_as_one(mixture, metric, balanced, monkeypatch):
    X = np.vstack([mixture[0], 0.01 * mixture[0][:3] + 100])  # a coarse cluster may have three rows
    one = precluster(X, 120, metric=metric, balanced=balanced, random_state=0)
    monkeypatch.setattr(importlib.import_module("hyperclade.hierarchy.precluster"), "ONE_LEVEL", 100)
    two = precluster(X, 120, metric=metric, balanced=balanced, random_state=0)
    assert two.labels.max() < 120 and two.sizes.sum() == len(X)
    assert np.ptp(two.sizes) <= 1 or not balanced
    assert two.objective > one.objective - 0.04


def test_euclidean_clusters_are_those_of_kmeans(mixture):
    X = mixture[0] + 50  # seen from the origin all rows lie in one direction
    reference = KMeans(40, n_init=3, random_state=0).fit(X)
    free = precluster(X, 40, metric="euclidean", balanced=False, n_iterations=20, random_state=0)
    variance = ((X - X.mean(0)) ** 2).sum()
    assert free.objective > 1 - reference.inertia_ / variance - 0.01
    expected = np.stack([X[free.labels == j].mean(0) for j in range(40)])
    np.testing.assert_allclose(free.centroids, expected, atol=0.02)


def test_given_marginal_is_met_and_larger_shares_go_to_larger_clusters():
    rng = np.random.default_rng(1)
    true_sizes = np.array([100, 600, 300])
    X = 6 * np.eye(3, 8)[np.repeat(np.arange(3), true_sizes)] + rng.normal(size=(1000, 8))
    for marginal in ([0.1, 0.6, 0.3], [0.6, 0.3, 0.1]):
        result = precluster(X, 3, marginal=marginal, random_state=0)
        assert sorted(result.sizes) == [100, 300, 600]
        assert adjusted_rand_score(np.repeat(np.arange(3), true_sizes), result.labels) > 0.95
    skewed = precluster(X, 40, marginal=zipf(40, 1.0), random_state=0)
    assert skewed.sizes.max() / 1000 == pytest.approx(zipf(40, 1.0)[0], abs=2e-3)


@pytest.mark.parametrize(
    "kind",
    ["float16", "float64", "fortran", "memmap", "csr", pytest.param("torch", marks=pytest.mark.learn)],
)
def test_every_kind_of_input_gives_the_same_pre_clusters(mixture, tmp_path, kind):
    X = np.round(mixture[0] * 16) / 16  # exact in float16
    np.save(tmp_path / "x.npy", X)
    made = {
        "fortran": lambda: np.asfortranarray(X),
        "memmap": lambda: np.load(tmp_path / "x.npy", mmap_mode="r"),
        "torch": lambda: pytest.importorskip("torch").from_numpy(X),
        "csr": lambda: scipy.sparse.csr_matrix(X),
    }.get(kind, lambda: X.astype(kind))()
    expected = precluster(X, 20, sample_size=500, random_state=0)
    result = precluster(made, 20, sample_size=500, random_state=0)
    assert adjusted_rand_score(result.labels, expected.labels) > 0.99


@pytest.mark.parametrize("balanced", [True, False])
def test_degenerate_rows(balanced):
    repeated = precluster(np.ones((50, 3)), 7, balanced=balanced, random_state=0)
    assert repeated.sizes.sum() == 50 and repeated.objective == pytest.approx(1)
    zeros = precluster(np.zeros((12, 3)), 4, balanced=balanced, random_state=0)
    assert np.isfinite(zeros.centroids).all() and zeros.sizes.sum() == 12
    if balanced:
        assert np.ptp(repeated.sizes) <= 1 and (zeros.sizes == 3).all()
    assert precluster(np.eye(5), 1, balanced=balanced).sizes.tolist() == [5]
    assert precluster(np.eye(5), 5, balanced=balanced, random_state=0).sizes.tolist() == [1] * 5


@pytest.mark.learn
@pytest.mark.parametrize("n_clusters", [30, 120])
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_blocks_as_tensors_give_the_clusters_of_arrays(mixture, metric, n_clusters, monkeypatch):
    """As "cuda", "cpu:0" is torch's. Products are exact; candidates may differ where rows tie."""
    monkeypatch.setattr(importlib.import_module("hyperclade.hierarchy.precluster"), "ONE_LEVEL", 100)
    options = {"metric": metric, "random_state": 0, "block_rows": 300}
    arrays, tensors = (precluster(mixture[0], n_clusters, device=d, **options) for d in ("cpu", "cpu:0"))
    assert np.ptp(tensors.sizes) <= 1
    assert tensors.objective == pytest.approx(arrays.objective, abs=2e-3)
    free = [precluster(mixture[0], n_clusters, balanced=False, device=d, **options) for d in ("cpu", "cpu:0")]
    np.testing.assert_array_equal(free[0].labels, free[1].labels)
    np.testing.assert_array_equal(free[0].centroids, free[1].centroids)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_threads_and_block_sizes_do_not_change_the_clusters(mixture, metric):
    X = mixture[0]
    expected = precluster(X, 48, metric=metric, random_state=1)
    for block_rows in (100, 777):
        found = precluster(X, 48, metric=metric, random_state=1, block_rows=block_rows)
        np.testing.assert_array_equal(found.labels, expected.labels)
        np.testing.assert_array_equal(found.centroids, expected.centroids)


def test_same_seed_same_result(mixture):
    first, second = (precluster(mixture[0], 30, random_state=np.random.RandomState(3)) for _ in range(2))
    np.testing.assert_array_equal(first.labels, second.labels)


@pytest.mark.parametrize(
    ("X", "n_clusters", "message"),
    [
        (np.ones((3, 2)), 4, "n_clusters"),
        (np.ones((3, 2)), 0, "n_clusters"),
        (np.ones(3), 1, "2D array"),
        (np.ones((0, 2)), 1, "0 sample"),
        (np.array([[1.0, np.nan], [1.0, 2.0]]), 1, "NaN"),
        (np.array([[1.0, np.inf], [1.0, 2.0]]), 1, "infinity"),
        (np.array([["a", "b"]], dtype=object), 1, "convert string"),
    ],
)
def test_bad_input_is_named(X, n_clusters, message):
    with pytest.raises(ValueError, match=message):
        precluster(X, n_clusters)

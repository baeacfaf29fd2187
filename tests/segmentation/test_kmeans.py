"""Spherical k-means: planted directions, empty clusters, restarts, and scikit-learn's objective."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from segmentation_cases import batch_of, cosine, made
from sklearn.cluster import KMeans as PlainKMeans

from hyperclade.segmentation import kmeans
from hyperclade.segmentation.kmeans import KMeans, spherical_kmeans


def around(directions, n, spread, seed=0):
    """So many rows of any length around each direction."""
    rng = np.random.default_rng(seed)
    found = np.repeat(directions, n, axis=0) + spread * rng.normal(
        size=(len(directions) * n, len(directions.T))
    )
    return torch.from_numpy(found * rng.uniform(0.1, 10, size=(len(found), 1)))


def mean_cosine(rows, centres):
    return np.mean([max(cosine(row, centre) for centre in centres.numpy()) for row in rows.numpy()])


def test_planted_directions_are_found_whatever_the_lengths():
    directions = np.linalg.qr(np.random.default_rng(1).normal(size=(12, 12)))[0][:5]
    rows = around(directions, 40, spread=0.05)
    centres, mean = spherical_kmeans(rows, 5, seed=0)
    near = np.array([[cosine(d, c) for c in centres.numpy()] for d in directions])
    assert sorted(near.argmax(1)) == list(range(5)) and near.max(1).min() > 0.99
    assert mean == pytest.approx(mean_cosine(rows, centres))
    assert centres.norm(dim=1).numpy() == pytest.approx(np.ones(5))


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 30), st.integers(2, 6), st.integers(1, 30), st.integers(0, 1000))
def test_centres_have_length_one_and_the_mean_is_theirs(n, dim, k, seed):
    rows = torch.randn(n, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    k = min(n, k)
    centres, mean = spherical_kmeans(rows, k, seed=seed, restarts=2)
    assert centres.shape == (k, dim) and centres.norm(dim=1).numpy() == pytest.approx(np.ones(k))
    assert mean == pytest.approx(mean_cosine(rows, centres), abs=1e-5)


def test_the_objective_is_as_good_as_that_of_scikit_learn():
    for seed in range(4):
        rng = np.random.default_rng(seed)
        rows = rng.normal(size=(400, 8)) + rng.normal(size=(6, 8))[rng.integers(6, size=400)]
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        plain = PlainKMeans(6, n_init=10, random_state=0).fit(rows).cluster_centers_
        _, mean = spherical_kmeans(torch.from_numpy(rows), 6, seed=0, restarts=10)
        assert mean > mean_cosine(torch.from_numpy(rows), torch.from_numpy(plain)) - 0.003


def test_a_centre_without_rows_moves_to_where_rows_are_far(monkeypatch):
    rows = around(np.eye(3), 20, spread=0.02)
    begun = torch.tensor([[1.0, 0, 0], [0, 1, 0], [-1, -1, -1]], dtype=torch.float64)
    monkeypatch.setattr(kmeans, "_far_apart", lambda rows, k, generator: begun)
    centres, mean = spherical_kmeans(rows, 3, seed=0, restarts=1)
    assert mean > 0.99 and (rows @ centres.T).argmax(1)[::20].tolist() == [0, 1, 2]


def test_more_clusters_than_different_rows_are_no_error():
    rows = torch.eye(3)[[0, 0, 0, 1, 1, 1]]
    centres, mean = spherical_kmeans(rows, 4, seed=0)
    assert centres.isfinite().all() and mean == pytest.approx(1.0)


def test_the_best_start_wins(monkeypatch):
    starts = [(torch.full((2, 2), float(i)), mean) for i, mean in enumerate((0.3, 0.9, 0.5))]
    remaining = list(starts)
    monkeypatch.setattr(kmeans, "_one_start", lambda rows, k, generator: remaining.pop(0))
    assert spherical_kmeans(torch.eye(2), 2, seed=0, restarts=3) == starts[1]


def test_more_starts_are_never_worse():
    rows = torch.randn(60, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    means = [spherical_kmeans(rows, 7, seed=1, restarts=restarts)[1] for restarts in range(1, 9)]
    assert means == sorted(means) and means[-1] > means[0]


def test_the_seed_decides():
    rows = torch.randn(80, 4, generator=torch.Generator().manual_seed(0))
    first, again, other = (spherical_kmeans(rows, 8, seed=seed, restarts=1) for seed in (3, 3, 4))
    assert torch.equal(first[0], again[0]) and first[1] == again[1]
    assert not torch.equal(first[0], other[0])


def test_first_centres_are_far_apart():
    rows = around(np.eye(4), 50, spread=0.001)
    rows = rows / rows.norm(dim=1, keepdim=True)
    for seed in range(20):
        chosen = kmeans._far_apart(rows, 4, torch.Generator().manual_seed(seed))
        assert sorted(chosen.argmax(1).tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize("k", [0, 4])
def test_a_number_of_clusters_that_rows_cannot_have_is_refused(k):
    with pytest.raises(ValueError, match="n_clusters must be between 1 and the 3 rows"):
        spherical_kmeans(torch.eye(3), k, seed=0)


def test_the_method_leaves_features_as_they_are():
    model, batch = made(KMeans), batch_of()
    parts, codes = model.loss(batch)
    parts["loss"].backward()
    assert torch.equal(codes, batch.features) and torch.equal(model.code(batch.features), batch.features)
    assert parts["loss"] == 0 and all(p.grad == 0 for p in model.parameters())

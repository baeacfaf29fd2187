"""Neighbours: exact ones against scikit-learn, inverted lists against exact ones."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.neighbors import NearestNeighbors

from hyperclade.hierarchy.neighbours import NeighbourIndex
from hyperclade.hierarchy.rows import Frame, Rows


@pytest.fixture(scope="module")
def clustered():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(50, 8))
    return centres[rng.integers(0, 50, 5000)] + 0.3 * rng.normal(size=(5000, 8))


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_exact_neighbours_are_those_of_scikit_learn(clustered, metric):
    X = clustered[:600]
    index = NeighbourIndex(Rows(X, metric))
    peer = NearestNeighbors(n_neighbors=7, metric=metric).fit(X)
    np.testing.assert_array_equal(index.own(7)[0], peer.kneighbors(return_distance=False))
    np.testing.assert_array_equal(
        index.of(index.rows.of(clustered[600:700]), 7)[0],
        peer.kneighbors(clustered[600:700], return_distance=False),
    )
    assert index.recall_ == 1


def test_sparse_rows_have_the_neighbours_of_dense_ones():
    X = scipy.sparse.random(200, 900, 0.05, format="csr", random_state=0)
    for metric in ("euclidean", "cosine"):
        index = NeighbourIndex(Rows(X, metric))
        peer = NearestNeighbors(n_neighbors=5, metric=metric).fit(X.toarray())
        np.testing.assert_array_equal(index.own(5)[0], peer.kneighbors(return_distance=False))


def test_ties_go_to_the_earlier_row():
    X = np.array([[i, j] for i in range(12) for j in range(12)], dtype=float)
    found, distance = NeighbourIndex(Rows(X, "euclidean", frame=Frame(np.zeros(2), 1.0))).own(6)
    apart = ((X[:, None] - X) ** 2).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    np.testing.assert_array_equal(found, np.argsort(apart, axis=1, kind="stable")[:, :6])
    assert (np.diff(distance, axis=1) >= 0).all()


@pytest.mark.parametrize("recall", [0.9, 0.98, 1.0])
def test_inverted_lists_reach_the_recall_they_are_asked_for(clustered, monkeypatch, recall):
    rows = Rows(clustered, "euclidean")
    exact = NeighbourIndex(rows).own(10)[0]
    monkeypatch.setattr("hyperclade.hierarchy.neighbours._EXACT", 1000)
    index = NeighbourIndex(rows, recall=recall)
    listed, distance = index.own(10)
    true = np.mean([np.isin(a, b).mean() for a, b in zip(exact, listed, strict=True)])
    # Measured on a sample, by distances of rounded rows.
    assert index.recall_ >= recall and true > recall - 0.02
    assert true == pytest.approx(index.recall_, abs=0.02)
    assert not (listed == np.arange(5000)[:, None]).any()
    assert (np.diff(distance, axis=1) >= 0).all()
    again = index.of(rows, 1)[0][:, 0]
    assert (again == np.arange(5000)).mean() > 0.99


def test_fewer_rows_than_neighbours():
    found, distance = NeighbourIndex(Rows(np.eye(3))).own(10)
    assert found.shape == distance.shape == (3, 2)


@pytest.mark.parametrize("recall", [0.0, 1.5, float("nan")])
def test_recall_out_of_range(recall):
    with pytest.raises(ValueError, match="recall"):
        NeighbourIndex(Rows(np.eye(3)), recall=recall)

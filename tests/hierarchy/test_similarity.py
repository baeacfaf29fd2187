import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import NearestNeighbors
from trial_trees import dense

from hyperclade.hierarchy.rows import UnitRows, as_array
from hyperclade.hierarchy.similarity import (
    N_LANDMARKS,
    NeighbourIndex,
    knn_graph,
    similarity_of,
    ties_to,
)


@pytest.fixture
def X(rng):
    return rng.normal(size=(60, 5))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_cosine_is_its_definition(X):
    expected = (1 + cosine_similarity(X)) / 2
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(dense(similarity_of(X, "cosine")), expected, atol=1e-12)


@pytest.mark.parametrize("temperature", [0.05, 0.1, 1.0])
def test_softmax_is_its_definition_while_every_row_is_a_landmark(X, temperature):
    expected = np.exp((cosine_similarity(X) - 1) / temperature)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(
        dense(similarity_of(X, "softmax", temperature=temperature)), expected, atol=1e-5
    )


def test_softmax_of_more_rows_than_landmarks_is_close(rng):
    X = rng.normal(size=(N_LANDMARKS + 500, 6))
    w = dense(similarity_of(X, "softmax", temperature=0.2, random_state=0))
    expected = np.exp((cosine_similarity(X) - 1) / 0.2)
    np.fill_diagonal(expected, 0)
    assert np.abs(w - expected).mean() < 0.01 * expected.mean()


def test_knn_agrees_with_scikit_learn(X):
    found = NearestNeighbors(n_neighbors=4, metric="cosine").fit(X).kneighbors_graph().toarray()
    np.testing.assert_array_equal(dense(knn_graph(X, 4)), (found + found.T) / 2)


def test_inverted_lists_find_most_of_the_true_neighbours(rng, monkeypatch):
    centres = rng.normal(size=(50, 8))
    X = centres[rng.integers(0, 50, 5000)] + 0.3 * rng.normal(size=(5000, 8))
    exact = NeighbourIndex(X).nearest(X, 10, own=True)
    monkeypatch.setattr("hyperclade.hierarchy.similarity._EXACT_NEIGHBOURS", 1000)
    listed = NeighbourIndex(X).nearest(X, 10, own=True)
    recall = np.mean([np.isin(a, b).mean() for a, b in zip(exact, listed, strict=True)])
    assert recall > 0.9
    assert not (listed == np.arange(5000)[:, None]).any()


def test_duplicates_are_neighbours_of_each_other_and_never_of_themselves():
    w = dense(knn_graph(np.ones((12, 3)), 3))
    assert np.all(np.diag(w) == 0)
    assert np.all((w > 0).sum(axis=1) >= 3)
    np.testing.assert_array_equal(w, w.T)


def test_new_rows_are_tied_to_their_nearest_old_rows(X, rng):
    new = rng.normal(size=(7, 5))
    ties = ties_to(knn_graph(X, 4), new, 3).toarray()
    expected = NearestNeighbors(n_neighbors=3, metric="cosine").fit(X).kneighbors_graph(new).toarray()
    np.testing.assert_array_equal(ties, expected / 2)


@pytest.mark.parametrize("name", ["cosine", "softmax", "knn"])
def test_groups_sum_the_pairs_between_them(X, rng, name):
    weights = similarity_of(X, name)
    labels = rng.permutation(np.arange(60) % 7)
    groups = weights.groups(labels, 7)
    summed = groups.features.astype(np.float64) @ groups.features.T
    summed += groups.constant * np.outer(groups.sizes, groups.sizes)
    if groups.edges.nnz:
        summed += groups.edges.toarray()
    pick = np.eye(7)[labels]
    expected = pick.T @ dense(weights) @ pick
    off = ~np.eye(7, dtype=bool)
    np.testing.assert_allclose(summed[off], expected[off], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["cosine", "softmax", "knn"])
def test_items_of_some_rows_are_a_part_of_all(X, name):
    weights = similarity_of(X, name)
    rows = np.array([3, 50, 7, 21])
    some, everything = weights.items(rows), weights.items()
    np.testing.assert_allclose(some.features, everything.features[rows], atol=1e-6)
    if name == "knn":
        np.testing.assert_array_equal(some.edges.toarray(), everything.edges.toarray()[np.ix_(rows, rows)])


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.lists(st.floats(-1e300, 1e300), min_size=3, max_size=3), min_size=1, max_size=5).filter(
        lambda rows: all(any(rows_i) for rows_i in rows)
    )
)
def test_unit_rows_have_length_one_whatever_the_scale(rows):
    unit = UnitRows(np.array(rows)).read(slice(None), np.float64)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
def test_unit_rows_of_every_dtype_and_of_csr(dtype):
    X = np.array([[3, 0, 4], [0, 2, 0]], dtype=dtype)
    expected = [[0.6, 0, 0.8], [0, 1, 0]]
    np.testing.assert_allclose(UnitRows(X)[:], expected, atol=1e-3)
    np.testing.assert_allclose(
        UnitRows(scipy.sparse.csr_matrix(X.astype(float)))[np.array([1])], [expected[1]], atol=1e-3
    )


def test_a_zero_row_has_cosine_zero_with_all():
    X = np.eye(4)[:, :3]
    np.testing.assert_array_equal(UnitRows(X)[:], X)
    np.testing.assert_allclose(dense(similarity_of(X, "cosine"))[3, :3], 0.5)
    assert np.isfinite(dense(similarity_of(X, "softmax"))).all()


def test_tensors_become_arrays():
    torch = pytest.importorskip("torch")
    half = torch.tensor([[1.0, 2.0]], dtype=torch.bfloat16, requires_grad=True)
    np.testing.assert_array_equal(as_array(half), [[1.0, 2.0]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "euclid"}, "similarity must be one of"),
        ({"name": "knn", "n_neighbors": 0}, "n_neighbors"),
        ({"name": "softmax", "temperature": 0.0}, "temperature"),
    ],
)
def test_options_out_of_range(X, options, message):
    with pytest.raises(ValueError, match=message):
        similarity_of(X, **options)

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import NearestNeighbors
from trial_trees import dense, dense_items

from hyperclade.hierarchy.rows import Rows, as_array
from hyperclade.hierarchy.similarity import N_PIVOTS, knn_graph, similarity_of

NAMES = ["cosine", "euclidean", "softmax", "knn"]


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


def test_euclidean_is_its_definition(X):
    centred = X - X.mean(0)
    expected = 1 - cdist(X, X, "sqeuclidean") / (4 * (centred**2).sum(1).max())
    np.fill_diagonal(expected, 0)
    w = dense(similarity_of(X, "euclidean"))
    np.testing.assert_allclose(w, expected, atol=1e-5)
    assert w.min() >= 0


@pytest.mark.parametrize("temperature", [0.05, 0.1, 1.0])
def test_softmax_is_its_definition_while_every_row_is_a_pivot(X, temperature):
    centred = X - X.mean(0)
    for metric, distance in (
        ("cosine", 2 - 2 * cosine_similarity(X)),
        ("euclidean", cdist(X, X, "sqeuclidean") / (centred**2).sum(1).mean()),
    ):
        expected = np.exp(-distance / (2 * temperature))
        np.fill_diagonal(expected, 0)
        found = dense(similarity_of(X, "softmax", metric=metric, temperature=temperature))
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_softmax_of_more_rows_than_pivots_is_close(rng):
    X = rng.normal(size=(N_PIVOTS + 500, 6))
    w = dense(similarity_of(X, "softmax", metric="cosine", temperature=0.2))
    expected = np.exp((cosine_similarity(X) - 1) / 0.2)
    np.fill_diagonal(expected, 0)
    assert np.abs(w - expected).mean() < 0.02 * expected.mean()


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_knn_weighs_the_neighbours_of_scikit_learn_by_rank_and_by_what_they_share(X, metric):
    order = NearestNeighbors(n_neighbors=4, metric=metric).fit(X).kneighbors(return_distance=False)
    near = [{i, *order[i].tolist()} for i in range(60)]
    directed = np.zeros((60, 60))
    for i in range(60):
        for r, j in enumerate(order[i]):
            directed[i, j] = ((1 - r / 4) + len(near[i] & near[j]) / 5) / 2
    found = dense(knn_graph(X, 4, metric=metric, dense_share=0))
    np.testing.assert_allclose(found, (directed + directed.T) / 2, atol=1e-6)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_the_dense_part_of_knn_has_its_share_of_the_total(X, metric):
    graph, whole = (
        knn_graph(X, 4, metric=metric, dense_share=0),
        knn_graph(X, 4, metric=metric, dense_share=0.2),
    )
    rows = X - X.mean(0) if metric == "euclidean" else X
    part = (1 + cosine_similarity(rows)) / 2
    np.fill_diagonal(part, 0)
    part *= 0.2 * dense(graph).sum() / part.sum()
    np.testing.assert_allclose(dense(whole), dense(graph) + part, rtol=1e-3, atol=1e-6)


def test_equal_rows_are_one_item_with_all_neighbours_in_common(rng):
    X = rng.normal(size=(40, 3))
    X[[5, 6, 7]] = X[4]
    graph = knn_graph(X, 3, dense_share=0)
    assert len(graph) == 40 and len(graph.edges.toarray()) == 37
    w = dense(graph)
    assert w[4, 5] == w[6, 7] == 1
    others = np.r_[0:4, 8:40]
    for row in (5, 6, 7):
        np.testing.assert_array_equal(w[row, others], w[4, others])
    assert all(len(np.unique(w[row, others])) > 1 for row in range(40))


def test_rows_that_are_all_equal_have_no_neighbours():
    graph = knn_graph(np.ones((12, 3)), 3)
    assert graph.edges.shape == (1, 1) and len(graph) == 12
    np.testing.assert_array_equal(dense(graph), 1 - np.eye(12))


def test_new_rows_are_tied_as_a_graph_of_all_would_tie_them(X, rng):
    new = rng.normal(size=(1, 5))
    graph = knn_graph(X, 4, dense_share=0)
    ties = graph.ties(new, 4).toarray()[0][graph.distinct.item_of]
    together = dense(knn_graph(np.vstack([X, new]), 4, dense_share=0))[60, :60]
    # Other rows may list the new one too, but these are the ones that it lists.
    ranked = np.argsort(np.linalg.norm(X - new, axis=1))[:4]
    np.testing.assert_allclose(ties[ranked], together[ranked], atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_groups_sum_the_pairs_between_them(X, rng, name):
    X = X[rng.integers(0, 60, 60)]
    weights = similarity_of(X, name)
    m = len(weights.rows)
    labels = rng.permutation(np.arange(m) % 7)
    pick = np.eye(7)[labels[weights.distinct.item_of]]
    expected = pick.T @ dense(weights) @ pick
    np.fill_diagonal(expected, 0)
    # Features are rounded to whole numbers.
    np.testing.assert_allclose(dense_items(weights.groups(labels, 7)), expected, rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("name", NAMES)
def test_items_are_the_rows_they_hold(X, rng, name):
    X = X[rng.integers(0, 60, 60)]
    weights = similarity_of(X, name)
    pick = np.eye(len(weights.rows))[weights.distinct.item_of]
    expected = pick.T @ dense(weights) @ pick
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(dense_items(weights.items()), expected, rtol=1e-3, atol=3e-4)
    some = np.array([3, 20, 7, 21])
    np.testing.assert_allclose(
        dense_items(weights.items(some)), dense_items(weights.items())[np.ix_(some, some)], atol=1e-9
    )


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.lists(st.floats(-1e300, 1e300), min_size=3, max_size=3), min_size=1, max_size=5).filter(
        lambda rows: all(any(rows_i) for rows_i in rows)
    )
)
def test_unit_rows_have_length_one_whatever_the_scale(rows):
    unit = Rows(np.array(rows)).read(slice(None), np.float64)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
def test_unit_rows_of_every_dtype_and_of_csr(dtype):
    X = np.array([[3, 0, 4], [0, 2, 0]], dtype=dtype)
    expected = [[0.6, 0, 0.8], [0, 1, 0]]
    np.testing.assert_allclose(Rows(X)[:], expected, atol=1e-3)
    np.testing.assert_allclose(
        Rows(scipy.sparse.csr_matrix(X.astype(float)))[np.array([1])], [expected[1]], atol=1e-3
    )


def test_a_zero_row_has_cosine_zero_with_all():
    X = np.eye(4)[:, :3]
    np.testing.assert_array_equal(Rows(X)[:], X)
    np.testing.assert_allclose(dense(similarity_of(X, "cosine"))[3, :3], 0.5)
    assert np.isfinite(dense(similarity_of(X, "softmax"))).all()


@pytest.mark.learn
def test_tensors_become_arrays():
    import torch

    half = torch.tensor([[1.0, 2.0]], dtype=torch.bfloat16, requires_grad=True)
    np.testing.assert_array_equal(as_array(half), [[1.0, 2.0]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "l2"}, "similarity must be one of"),
        ({"name": "knn", "n_neighbors": 0}, "n_neighbors"),
        ({"name": "softmax", "temperature": 0.0}, "temperature"),
        ({"name": "knn", "metric": "l1"}, "metric"),
        ({"name": "knn", "recall": 0.0}, "recall"),
    ],
)
def test_options_out_of_range(X, options, message):
    with pytest.raises(ValueError, match=message):
        similarity_of(X, **options)

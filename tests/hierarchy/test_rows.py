"""Prepared rows: frames, equal rows, whole numbers whose products no order of summation changes."""

import numpy as np
import pytest
import scipy.sparse

from hyperclade.hierarchy.rows import Rows, direction_length


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(50, 6)) * [1, 10, 0.1, 5, 1, 1] + 3


def test_euclidean_rows_are_centred_and_scaled_by_one_number(X):
    rows = Rows(X, "euclidean").read(slice(None), np.float64)
    np.testing.assert_allclose(rows.mean(0), 0, atol=1e-6)
    assert (rows**2).sum(1).mean() == pytest.approx(1, rel=1e-6)
    expected = (X - X.mean(0)) / np.sqrt(((X - X.mean(0)) ** 2).sum(1).mean())
    np.testing.assert_allclose(rows, expected, atol=1e-6)


def test_new_rows_are_prepared_as_the_old_ones(X):
    for metric in ("euclidean", "cosine"):
        rows = Rows(X, metric)
        np.testing.assert_array_equal(rows.of(X[7:9])[:], rows[7:9])


@pytest.mark.parametrize("factor", [1e-300, 1e-150, 1e150, 1e300])
def test_huge_and_tiny_values_neither_overflow_nor_vanish(X, factor):
    for metric in ("euclidean", "cosine"):
        np.testing.assert_allclose(Rows(X * factor, metric)[:], Rows(X, metric)[:], atol=1e-5)


def test_largest_numbers_of_both_signs():
    rows = Rows(np.array([[1.7e308], [-1.7e308]]), "euclidean")
    np.testing.assert_allclose(rows[:], [[1], [-1]], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int8, np.uint8, np.int64, bool])
def test_every_dtype_and_layout_of_the_same_values_is_the_same(dtype):
    values = np.random.default_rng(0).integers(0, 2 if dtype is bool else 100, (30, 4)).astype(dtype)
    expected = Rows(values.astype(np.float64), "euclidean")
    for other in (values, np.asfortranarray(values), np.hstack([values, values])[:, :4]):
        rows = Rows(other, "euclidean")
        np.testing.assert_array_equal(rows[:], expected[:])
        np.testing.assert_array_equal(rows.distinct.first, expected.distinct.first)


def test_equal_rows_are_found_and_the_order_of_items_is_that_of_their_content(X):
    rng = np.random.default_rng(1)
    repeated = X[rng.integers(0, 50, 200)]
    repeated[3, 1], repeated[4] = 0.0, repeated[3]
    repeated[4, 1] = -0.0  # equal to 0.0
    distinct = Rows(repeated).distinct
    expected = np.unique(repeated, axis=0, return_inverse=True)[1].ravel()
    same = expected[:, None] == expected
    np.testing.assert_array_equal(distinct.item_of[:, None] == distinct.item_of, same)
    order = rng.permutation(200)
    moved = Rows(repeated[order]).distinct
    np.testing.assert_array_equal(moved.item_of, distinct.item_of[order])
    np.testing.assert_array_equal(repeated[order][moved.first], repeated[distinct.first])
    np.testing.assert_array_equal(distinct.sizes, np.bincount(distinct.item_of))
    members, start = distinct.members
    for item in range(len(distinct)):
        np.testing.assert_array_equal(
            members[start[item] : start[item + 1]], np.flatnonzero(distinct.item_of == item)
        )


def test_known_rows_are_found_again(X):
    distinct = Rows(X).distinct
    asked = np.vstack([X[[4, 30]], X[4] + 1e-9])
    np.testing.assert_array_equal(distinct.find(Rows(asked)), [*distinct.item_of[[4, 30]], -1])


@pytest.mark.parametrize("d", [1, 3, 64, 1000])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_squared_distances_of_near_whole_rows_are_exact_in_float32(metric, d):
    rng = np.random.default_rng(0)
    X = np.exp(3 * rng.normal(size=(40, 1))) * rng.normal(size=(40, d))  # some rows are far out
    X[1] = -X[0]
    whole = Rows(X, metric).near_whole(slice(None))
    exact = whole.astype(np.int64)
    np.testing.assert_array_equal(whole, exact)
    squares = ((exact[:, None] - exact) ** 2).sum(axis=2)
    assert squares.max() <= 2**24
    norms = (whole * whole).sum(axis=1)
    np.testing.assert_array_equal(norms[:, None] + norms - 2 * (whole @ whole.T), squares)


def test_whole_directions_are_the_directions(X):
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    np.testing.assert_allclose(Rows(X).whole(slice(None)) / direction_length(6), unit, atol=3e-4)


def test_sparse_rows_are_the_dense_ones_and_wide_ones_keep_their_angles():
    narrow = scipy.sparse.random(30, 40, 0.2, format="csr", random_state=0)
    for metric in ("euclidean", "cosine"):
        dense = narrow.toarray()
        rows = Rows(narrow, metric)
        if metric == "euclidean":  # sparse rows stay where they are
            expected = dense / np.sqrt((dense**2).sum(1).mean())
        else:
            expected = Rows(dense, metric)[:]
        np.testing.assert_allclose(rows[:], expected, atol=1e-6)
        np.testing.assert_allclose(rows.sparse(slice(None)).toarray(), expected, atol=1e-6)
    wide = scipy.sparse.random(60, 20_000, 0.005, format="csr", random_state=0)
    wide = scipy.sparse.vstack([wide, wide + 0.3 * wide[::-1]]).tocsr()
    rows = Rows(wide)
    assert rows.is_wide and rows.whole(slice(None)).shape == (120, 512)
    sketched, true = rows.directions(slice(None)), rows.read(slice(None), np.float64)
    assert np.abs(sketched @ sketched.T - true @ true.T).max() < 0.2


def test_an_unknown_metric_is_refused():
    with pytest.raises(ValueError, match="metric must be one of euclidean, cosine"):
        Rows(np.eye(2), "manhattan")

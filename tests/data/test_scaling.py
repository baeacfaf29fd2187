"""Scaling against scikit-learn, at the limits of every dtype."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.preprocessing import MinMaxScaler, StandardScaler, normalize

from hyperclade.data.scaling import Scaling, remarks, scaling_of, spread_hint


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    return np.c_[rng.normal(5, 2, (9000, 3)) * [1, 100, 0.01], np.full(9000, 7.0)]


@pytest.mark.parametrize(
    ("kind", "peer"), [("standard", StandardScaler()), ("minmax", MinMaxScaler()), ("unit", None)]
)
def test_scaling_is_that_of_scikit_learn(X, kind, peer, tmp_path):
    scaling = scaling_of(X, kind)
    expected = normalize(X) if peer is None else peer.fit_transform(X)
    found = scaling.apply(X)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert scaling.constant.tolist() == ([] if kind == "unit" else [3])
    (tmp_path / "scaling.json").write_text(scaling.to_json())
    again = Scaling.read(tmp_path / "scaling.json")
    np.testing.assert_array_equal(again.apply(X[:50]), found[:50])


@pytest.mark.parametrize("kind", ["standard", "minmax", "unit"])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, bool, np.float16, np.float32, np.float64])
def test_values_at_the_limits_of_their_dtype(kind, dtype):
    if dtype is bool:
        low, high = False, True
    else:
        limits = np.iinfo(dtype) if np.dtype(dtype).kind in "iu" else np.finfo(dtype)
        low, high = limits.min, limits.max
    X = np.array([[low, high], [high, low], [high, high]], dtype=dtype)
    scaled = scaling_of(X, kind).apply(X)
    assert np.isfinite(scaled).all()
    if kind == "minmax":
        np.testing.assert_allclose(scaled, [[0, 1], [1, 0], [1, 1]], atol=1e-6)


@pytest.mark.parametrize("kind", ["standard", "minmax", "unit"])
def test_rows_larger_than_memory_go_to_a_file(X, kind, tmp_path):
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    scaling = scaling_of(mapped, kind)
    scaled = scaling.apply(mapped, out=tmp_path / "scaled.npy")
    assert isinstance(scaled, np.memmap)
    np.testing.assert_array_equal(np.load(tmp_path / "scaled.npy"), scaling.apply(X))


@pytest.mark.parametrize("kind", ["standard", "minmax"])
def test_columns_constant_but_for_rounding_become_zero(kind):
    rng = np.random.default_rng(0)
    X = np.c_[rng.normal(size=100), np.cumsum(np.full(100, 0.1))[9] + rng.choice([0, 2e-16], 100)]
    assert len(np.unique(X[:, 1])) == 2
    scaling = scaling_of(X, kind)
    assert scaling.constant.tolist() == [1] and (scaling.apply(X)[:, 1] == 0).all()
    new = scaling.apply(np.array([[1e300, 5.0]]))  # far outside, and no longer constant
    assert np.isfinite(new).all() and new[0, 1] == 0


def test_huge_sparse_rows_have_length_one():
    """Their squares are infinite."""
    X = scipy.sparse.random(20, 50, 0.1, format="csr", random_state=0)
    found = scaling_of(X, "unit").apply((X * 1e200).tocoo())
    np.testing.assert_allclose(found.toarray(), normalize(X.toarray()), atol=1e-6)


def test_none_leaves_rows_as_they_are(X):
    assert scaling_of(X, "none").apply(X) is X


def test_sparse_rows_stay_sparse():
    X = scipy.sparse.random(20, 50, 0.1, format="csr", random_state=0)
    unit = scaling_of(X, "unit").apply(X)
    np.testing.assert_allclose(unit.toarray(), normalize(X.toarray()), atol=1e-6)
    with pytest.raises(ValueError, match="would make sparse rows dense"):
        scaling_of(X, "minmax")


def test_errors_name_what_is_wrong(X):
    with pytest.raises(ValueError, match="scale must be one of none, standard, minmax, unit"):
        scaling_of(X, "robust")
    with pytest.raises(ValueError, match="3 features, but 4"):
        scaling_of(X, "minmax").apply(X[:, :3])
    with pytest.raises(ValueError, match="no scaling"):
        Scaling.from_json("{}")


def test_a_hint_where_columns_differ_much(X):
    assert "--scale" in spread_hint(X)
    assert spread_hint(scaling_of(X, "minmax").apply(X)) is None
    assert spread_hint(np.ones((3, 2))) is None
    limits = np.finfo(np.float64)
    assert "--scale" in spread_hint(np.array([[limits.min, 0], [limits.max, 1]]))


def test_idle_columns_among_many_give_no_hint():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 64))
    X[:, :5] *= 1e-6
    assert spread_hint(X) is None
    assert "--scale" in spread_hint(X * np.r_[np.ones(32), np.full(32, 1e4)])


def test_remarks_name_constant_columns_and_spread():
    X = np.c_[np.zeros((5, 7)), np.arange(5.0), 1e4 * np.arange(5.0)]
    assert remarks(X, scaling_of(X, "none"))[0].startswith("hint: ")
    assert remarks(X, scaling_of(X, "none"), by_direction=True) == []
    assert remarks(X, scaling_of(X, "minmax")) == [
        "warning: columns 0, 1, 2, 3, 4 and 2 more are constant, and count for nothing under --scale minmax"
    ]

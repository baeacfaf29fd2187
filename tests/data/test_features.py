"""Feature files: what is written is read back, and what is wrong is named."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from hyperclade.data.features import FeatureTable, read_features, validate_features, write_features

X = np.arange(12, dtype=np.float32).reshape(4, 3) / 7
NAMES = ["cat", 'say "hi", ok', "Ωmega", "NA"]


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet", ".csv"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int16])
def test_written_files_read_back(tmp_path, suffix, dtype):
    features = (X * 50).astype(dtype)
    path = tmp_path / f"features{suffix}"
    write_features(path, features, ids=[7, 5, 3, 1], labels=["a", None, "b", "a"], names=NAMES)
    table = read_features(path)
    np.testing.assert_array_equal(np.asarray(table.features, dtype=dtype), features)
    if suffix != ".csv":  # text has no dtype
        assert table.features.dtype == dtype
    assert table.ids.tolist() == [7, 5, 3, 1]
    assert table.labels.tolist() == ["a", None, "b", "a"]
    assert table.names.tolist() == NAMES


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet", ".csv"])
def test_rows_of_an_older_file_do_not_survive_a_rewrite(tmp_path, suffix):
    path = tmp_path / f"features{suffix}"
    write_features(path, X, names=NAMES)
    write_features(path, X[:2])
    table = read_features(path)
    assert table.features.shape == (2, 3)
    assert table.ids is table.labels is table.names is None
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name]


@settings(max_examples=25, deadline=None)
@given(
    arrays(
        np.float64,
        array_shapes(min_dims=2, max_dims=2),
        elements=st.floats(allow_nan=False, allow_infinity=False),
    ),
    st.sampled_from([".npy", ".npz", ".parquet", ".csv"]),
)
def test_any_finite_number_reads_back_exactly(tmp_path_factory, features, suffix):
    path = tmp_path_factory.mktemp("any") / f"features{suffix}"
    write_features(path, features)
    got = np.asarray(read_features(path).features, dtype=np.float64)
    if suffix == ".csv":  # pandas' parser may be off in the last digit
        np.testing.assert_allclose(got, features, rtol=1e-15)
    else:
        np.testing.assert_array_equal(got, features)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet"])
def test_truncated_files_are_refused(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    write_features(path, np.random.default_rng(0).normal(size=(200, 50)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=f"x{suffix}.*readable"):
        read_features(path)


def test_pickles_and_strangers_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="not a readable"):
        read_features(tmp_path / "x.npy")
    np.savez(tmp_path / "x.npz", X=np.array([[None]], dtype=object))
    with pytest.raises(ValueError, match="not a readable"):
        read_features(tmp_path / "x.npz")
    with pytest.raises(ValueError, match=r"unknown feature format '\.txt'"):
        read_features(tmp_path / "x.txt")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_features(tmp_path / "absent.npy")
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises(ValueError, match="folder"):
        read_features(tmp_path / "folder.npy")


@pytest.mark.parametrize(
    ("features", "match"),
    [
        (np.zeros(3), r"2 dimensions .* shape \(3,\)"),
        (np.zeros((0, 3)), "empty"),
        (np.zeros((3, 0)), "empty"),
        (np.array([["a"]]), "not numeric"),
        (np.array([[1, None]], dtype=object), "dtype object is not numeric"),
        (np.zeros((2, 2), dtype=complex), "not numeric"),
        ([[1.0, 2.0], [3.0]], "rows differ in length"),
    ],
)
def test_validation_names_the_fault(features, match):
    with pytest.raises(ValueError, match=match):
        validate_features(features)


def test_first_bad_cell_is_named_in_any_block_and_in_sparse_features(monkeypatch):
    monkeypatch.setattr("hyperclade.data.formats.rows.BLOCK_BYTES", 64)
    features = np.zeros((50, 4), dtype=np.float16)
    features[37, 2], features[37, 3], features[40, 0] = np.inf, np.nan, np.nan
    with pytest.raises(ValueError, match=r"row 37, column 2 .* is inf"):
        validate_features(features)
    with pytest.raises(ValueError, match=r"row 37, column 2 .* is inf"):
        validate_features(sp.csc_array(features.astype(np.float32)))
    good = np.zeros((2, 2), dtype=np.int8)
    assert validate_features(good) is good


def test_table_defaults():
    assert FeatureTable(X).labels is None


@pytest.mark.parametrize("features", [X.astype(np.float64), sp.csr_array(X)])
def test_dense_features_have_ids_of_text(features):
    plain, ids = FeatureTable(features).dense()
    assert plain.dtype == np.float32 and ids == ("0", "1", "2", "3")
    np.testing.assert_array_equal(plain, X)
    assert FeatureTable(features, np.array([7, 5, 3, 1])).dense()[1] == ("7", "5", "3", "1")


def test_texts_of_numpy_as_bytes_are_texts(tmp_path):
    path = tmp_path / "X.npz"
    names = np.array(["owl", "café"]).astype("U8")
    np.savez(path, X=np.eye(2), names=np.char.encode(names, "utf-8"), labels=np.array([b"bird", b""]))
    table = read_features(path)
    assert table.names.tolist() == ["owl", "café"] and table.labels.tolist() == ["bird", None]
    np.savez(path, X=np.eye(2), names=np.array([b"\xff", b"a"]))
    with pytest.raises(ValueError, match="must be UTF-8"):
        read_features(path)

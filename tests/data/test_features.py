"""Feature files: what is written is read back, and what is wrong is named."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
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


def test_npy_is_memory_mapped(tmp_path):
    write_features(tmp_path / "x.npy", X)
    assert isinstance(read_features(tmp_path / "x.npy").features, np.memmap)


def test_sparse_npz_reads_back_and_foreign_ones_become_csr(tmp_path):
    matrix = sp.random_array(
        (6, 5), density=0.4, rng=np.random.default_rng(0), format="csr", dtype=np.float32
    )
    write_features(tmp_path / "x.npz", matrix, labels=list("aabbcc"))
    table = read_features(tmp_path / "x.npz")
    assert table.features.format == "csr"
    assert table.features.dtype == np.float32
    np.testing.assert_array_equal(table.features.toarray(), matrix.toarray())
    assert table.labels.tolist() == list("aabbcc")
    sp.save_npz(tmp_path / "csc.npz", matrix.tocsc())
    np.testing.assert_array_equal(read_features(tmp_path / "csc.npz").features.toarray(), matrix.toarray())
    with pytest.raises(ValueError, match=r"\.npz only"):
        write_features(tmp_path / "x.npy", matrix)


def test_npz_by_other_programs(tmp_path):
    np.savez(tmp_path / "one.npz", whatever=X, y=np.arange(4))
    np.testing.assert_array_equal(read_features(tmp_path / "one.npz", labels="y").features, X)
    assert read_features(tmp_path / "one.npz", labels="y").labels.tolist() == [0, 1, 2, 3]
    np.savez(tmp_path / "two.npz", X=X, other=X[:2])
    np.testing.assert_array_equal(read_features(tmp_path / "two.npz").features, X)
    np.savez(tmp_path / "unclear.npz", a=X, b=X)
    with pytest.raises(ValueError, match=r"'features' or 'X'; found a \(4, 3\), b \(4, 3\)"):
        read_features(tmp_path / "unclear.npz")


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float16()), pa.list_(pa.float32(), 3), pa.large_list(pa.float64())]
)
def test_parquet_list_column_is_the_features_whatever_stands_beside(tmp_path, kind):
    rows = pa.array((X * 7).astype(kind.value_type.to_pandas_dtype()).tolist(), type=kind)
    table = pa.table(
        {"Name": NAMES, "weight": [1.0, 2.0, 3.0, 4.0], "embedding": rows, "species": list("abab")}
    )
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=3)
    got = read_features(tmp_path / "x.parquet", labels="species")
    assert got.features.dtype == kind.value_type.to_pandas_dtype()
    np.testing.assert_array_equal(got.features, X * 7)
    assert got.names.tolist() == NAMES
    assert got.labels.tolist() == list("abab")


def test_parquet_numeric_columns_keep_their_common_dtype(tmp_path):
    frame = pd.DataFrame(X, columns=list("xyz")).astype({"x": np.float16})
    frame["label"] = [3, 1, 3, 1]
    frame.to_parquet(tmp_path / "x.parquet")
    table = read_features(tmp_path / "x.parquet")
    assert table.features.dtype == np.float32
    np.testing.assert_array_equal(table.features, frame[list("xyz")].to_numpy(np.float32))
    assert table.labels.tolist() == [3, 1, 3, 1]


def test_parquet_faults_are_named(tmp_path):
    path = tmp_path / "x.parquet"

    def attempt(match, **columns):
        pq.write_table(pa.table(columns), path)
        with pytest.raises(ValueError, match=match):
            read_features(path)

    attempt("column 'kind' is string, not numeric", x=[1.0, 2.0], kind=["a", "b"])
    attempt(r"row 1 \(counted from 0\) of column 'y' is empty", x=[1.0, 2.0], y=[1.0, None])
    attempt(r"row 1 .* of column 'v' has 1 numbers, the first row 2", v=[[1.0, 2.0], [3.0]])
    attempt(r"row 1 .* of column 'v' has an empty number", v=[[1.0, 2.0], [3.0, None]])
    attempt("list of string", v=[["a"], ["b"]])
    attempt(r"several list columns \(v, w\)", v=[[1.0]], w=[[1.0]])
    attempt("no numeric or list column", name=["a"])
    attempt(r"empty, shape \(0, 1\)", x=pa.array([], type=pa.float64()))


def test_csv_without_header(tmp_path):
    (tmp_path / "x.csv").write_text("1,2.5\n-3,1e-3\n")
    np.testing.assert_array_equal(read_features(tmp_path / "x.csv").features, [[1, 2.5], [-3, 1e-3]])


def test_csv_columns_by_role(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"\xef\xbb\xbfID,x,species,y\r\n007,1,cat,2\r\n\r\n8,3,,4\r\n")
    table = read_features(tmp_path / "x.csv", labels="species")
    np.testing.assert_array_equal(table.features, [[1, 2], [3, 4]])
    assert table.labels.tolist() == ["cat", None]
    assert table.ids.tolist() == ["007", "8"]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a,b\n1,2\n3\n", "line 3 has 1 cells, the first line 2"),
        ("a,b\n1,2\n3,4,5\n", "line 3 has 3 cells, the first line 2"),
        ("a,b\n1,2,3\n", "line 2 has 3 cells"),
        ("1,2\n3,x\n", "line 2, column 2 is 'x', not a finite number"),
        ("a,b\n1,2\n\n3,\n", "line 4, column 'b' is empty"),
        ("a,b\n1,nan\n", "line 2, column 'b' is 'nan'"),
        ("a,b\n1,inf\n", "row 0, column 1 .* is inf"),
        ("a,kind\n1,cat\n", "line 2, column 'kind' is 'cat'.*labels="),
        ("a,b\n", "empty"),
        ("", "empty file"),
        ("name\ncat\n", r"empty, shape \(1, 0\)"),
    ],
)
def test_csv_faults_name_line_and_column(tmp_path, text, match):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(ValueError, match=match):
        read_features(tmp_path / "x.csv")


def test_a_row_that_lacks_its_last_label_cell_is_ragged(tmp_path):
    (tmp_path / "x.csv").write_text("x,y,label\n1,2,a\n3,4\n")
    with pytest.raises(ValueError, match="line 3 has 2 cells"):
        read_features(tmp_path / "x.csv")


def test_labels_and_names_from_files_of_their_own(tmp_path):
    write_features(tmp_path / "x.npy", X)
    (tmp_path / "labels.txt").write_text("0\n1\n-1\n1\n")
    (tmp_path / "names.csv").write_text('title\ncat\ndog\n"a, b"\nemu\n')
    np.save(tmp_path / "ids.npy", np.arange(4, dtype=np.int32))
    pq.write_table(pa.table({"anything": list("abcd")}), tmp_path / "names.parquet")

    def path(name):
        return str(tmp_path / name)

    table = read_features(
        path("x.npy"), labels=path("labels.txt"), names=path("names.csv"), ids=path("ids.npy")
    )
    assert table.labels.tolist() == [0, 1, -1, 1]
    assert table.names.tolist() == ["cat", "dog", "a, b", "emu"]
    assert table.ids.tolist() == [0, 1, 2, 3]
    assert read_features(path("x.npy"), names=path("names.parquet")).names.tolist() == list("abcd")
    (tmp_path / "codes.txt").write_text("007\n008\n\n010\n")  # leading zeros would be lost as integers
    assert read_features(path("x.npy"), labels=path("codes.txt")).labels.tolist() == [
        "007",
        "008",
        None,
        "010",
    ]


def test_labels_that_do_not_match_are_named(tmp_path):
    write_features(tmp_path / "x.npy", X)
    (tmp_path / "labels.txt").write_text("a\nb\n")
    np.save(tmp_path / "labels.npy", np.zeros(5, dtype=int))
    np.save(tmp_path / "square.npy", np.zeros((4, 4), dtype=int))
    pq.write_table(pa.table({"a": [1], "b": [2]}), tmp_path / "two.parquet")
    for name, match in [
        ("labels.txt", "2 labels for the 4 rows"),
        ("labels.npy", "5 labels for 4 rows"),
        ("square.npy", "one-dimensional"),
        ("two.parquet", r"2 columns \(a, b\), need one"),
        ("absent.txt", "no column .*absent.txt.* no such file"),
    ]:
        with pytest.raises(ValueError, match=match):
            read_features(tmp_path / "x.npy", labels=str(tmp_path / name))
    with pytest.raises(ValueError, match="2 labels for 4 rows"):
        write_features(tmp_path / "y.npy", X, labels=["a", "b"])
    assert not (tmp_path / "y.npy").exists()


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
    with pytest.raises(ValueError, match="1 rows, at least 2"):
        validate_features(np.zeros((1, 2)), min_rows=2)
    good = np.zeros((2, 2), dtype=np.int8)
    assert validate_features(good) is good


def test_table_defaults():
    assert FeatureTable(X).labels is None

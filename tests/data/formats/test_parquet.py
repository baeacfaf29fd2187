"""Features in Parquet files: a list column or numeric ones; faults name row and column."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hyperclade.data.features import read_features

X = np.arange(12, dtype=np.float32).reshape(4, 3) / 7
NAMES = ["cat", 'say "hi", ok', "Ωmega", "NA"]


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

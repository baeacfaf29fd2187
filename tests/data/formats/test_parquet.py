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

    attempt(r"row 1 \(counted from 0\) of column 'y' is empty", x=[1.0, 2.0], y=[1.0, None])
    attempt(r"row 1 .* of column 'v' has 1 numbers, the first row 2", v=[[1.0, 2.0], [3.0]])
    attempt(r"row 1 .* of column 'v' has an empty number", v=[[1.0, 2.0], [3.0, None]])
    attempt("list of string", v=[["a"], ["b"]])
    attempt(r"several columns of lists \('v', 'w'\)", v=[[1.0]], w=[[1.0]])
    attempt("no column of numbers or lists", name=["a"])
    attempt(r"empty, shape \(0, 1\)", x=pa.array([], type=pa.float64()))


def test_what_pandas_numbers_rows_by_is_no_feature(tmp_path):
    frame = pd.DataFrame(X, columns=list("xyz"))
    path = tmp_path / "x.parquet"
    for index, ids in [([3, 1, 2, 0], [3, 1, 2, 0]), (list("abcd"), list("abcd")), (None, None)]:
        (frame if index is None else frame.set_axis(index)).to_parquet(path)
        table = read_features(path)
        np.testing.assert_array_equal(table.features, X)
        assert (None if table.ids is None else table.ids.tolist()) == ids
        assert table.columns == list("xyz")
    frame.assign(number=[5, 6, 8, 7]).set_index("number").to_parquet(path)  # a name says nothing, pandas does
    table = read_features(path)
    assert (table.ids.tolist(), table.columns) == ([5, 6, 8, 7], list("xyz"))
    assert table.remarks == ("column 'number' is taken for ids",)


def test_columns_are_chosen_and_others_named(tmp_path):
    columns = {"x": [1.0, 2.0], "y": [True, False], "kind": ["a", "b"], "v": [[1.0], [2.0]], "w": [[3], [4]]}
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    assert read_features(tmp_path / "x.parquet", features=["w"]).features.tolist() == [[3], [4]]
    table = read_features(tmp_path / "x.parquet", features=["y", "x"])
    assert (table.columns, table.features.tolist()) == (["y", "x"], [[1, 1], [0, 2]])
    assert table.remarks == ("not used: columns 'kind' (text), 'v', 'w' (list)",)
    with pytest.raises(ValueError, match="more than one list"):
        read_features(tmp_path / "x.parquet", features=["x", "w"])


def test_folders_of_parquet_files_are_one_table(tmp_path):
    for number in range(12):
        folder = tmp_path / "t" / f"kind={'ab'[number % 2]}"
        folder.mkdir(parents=True, exist_ok=True)
        table = pa.table({"id": [f"r{number}"], "v": [[number, number + 0.5]]})
        pq.write_table(table, folder / f"part-{number:03}.parquet")
    table = read_features(tmp_path / "t", labels="kind")
    order = [*range(0, 12, 2), *range(1, 12, 2)]
    assert table.features.tolist() == [[number, number + 0.5] for number in order]
    assert table.ids.tolist() == [f"r{number}" for number in order]
    assert table.labels.tolist() == list("aaaaaabbbbbb")
    (tmp_path / "t" / "kind=a" / "part-000.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match="not a readable folder of Parquet files"):
        read_features(tmp_path / "t")

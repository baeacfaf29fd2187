"""Names of features: those of the columns that `read_features` takes, in every kind of file."""

import numpy as np
import pandas as pd
import pytest

from hyperclade.data.columns import in_order, read_columns
from hyperclade.data.features import read_features, write_features


@pytest.fixture
def frame():
    return pd.DataFrame({"x": [1.0, 2.0], "Label": ["a", "b"], "kind": ["u", "v"], "y": [3.0, 4.0]})


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_names_are_those_of_the_features_read(frame, suffix, tmp_path):
    path = tmp_path / f"t{suffix}"
    frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    table = read_features(path, names="kind")
    assert table.columns == ["x", "y"]
    np.testing.assert_array_equal(table.features, frame[table.columns])


def test_files_without_names_of_features(tmp_path):
    for name in ("X.npy", "X.npz", "X.parquet"):
        write_features(tmp_path / name, np.eye(2), names=["a", "b"])
        assert read_features(tmp_path / name).columns is None
    (tmp_path / "bare.csv").write_text("1,2\n3,4\n")
    assert read_features(tmp_path / "bare.csv").columns is None


def test_names_from_a_file(tmp_path):
    (tmp_path / "c.txt").write_text("petal length\npetal width\n\n", encoding="utf-8")
    assert read_columns(tmp_path / "c.txt", 2) == ["petal length", "petal width"]
    with pytest.raises(ValueError, match="2 names for 3 columns"):
        read_columns(tmp_path / "c.txt", 3)
    with pytest.raises(ValueError, match="not a readable text file"):
        read_columns(tmp_path / "absent.txt", 3)


def test_columns_are_matched_by_name():
    X = np.array([[1, 2, 3]])
    assert in_order(X, ["x", "y", "z"], ["y", "x"]).tolist() == [[2, 1]]
    assert in_order(X, None, ["y", "x"]) is X and in_order(X, ["x", "y", "z"], None) is X
    with pytest.raises(ValueError, match="no columns 'a', 'b'; the columns are 'x', 'y', 'z'"):
        in_order(X, ["x", "y", "z"], ["a", "x", "b"])
    with pytest.raises(ValueError, match="several columns are called 'x'"):
        in_order(X, ["x", "y", "x"], ["y", "x"])

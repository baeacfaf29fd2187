"""Comma-separated values: headers, roles of columns, faults that name the line."""

import numpy as np
import pytest

from hyperclade.data.features import read_features

X = np.arange(12, dtype=np.float32).reshape(4, 3) / 7
NAMES = ["cat", 'say "hi", ok', "Ωmega", "NA"]


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

"""Comma-separated values: headers, roles of columns, faults that name the line."""

import gzip

import numpy as np
import pandas as pd
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
        ("a,b\n", "empty"),
        ("", "empty file"),
        ("name\ncat\n", "no column of numbers.*'name'"),
        ("a,kind\n1,2\n2,3\n5,cat\n", "line 4, column 'kind' is 'cat'.*option `features`.*`labels`"),
        ("cat,1,2\ndog,3,4\n", "the first line may be names of columns or a row"),
        ("1990,1991\n3,4\n", "the first line may be names of columns or a row"),
        ("a,b\nTrue,1\n,2\n", "line 3, column 'a' is empty"),
        ("x,y\n٣,2\n1,2\n", "line 2, column 'x' is '٣', not a finite number"),
        ("land,1990,2000\nFrance,3,4\n", "the first line may be names of columns or a row"),
        ('v\n"[1, 2]"\n"[1]"\n', "row 1 .* of column 'v' has 1 numbers, the first 2"),
        ('v\n"[1, 2]"\n"[1, e]"\n', "row 1 .* of column 'v' has 'e', which is no number"),
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


def read(tmp_path, text, name="x.csv", **asked):
    (tmp_path / name).write_bytes(text.encode())
    return read_features(tmp_path / name, **asked)


def test_numeric_names_of_columns_are_names(tmp_path):
    table = read(tmp_path, "0,1\n5,6\n7,8\n")
    assert (table.features.tolist(), table.columns) == ([[5, 6], [7, 8]], ["0", "1"])
    assert "counts 0, 1" in table.remarks[0]
    table = read(tmp_path, "name,0,1\na,5,6\nb,7,8\n")
    assert (table.features.tolist(), table.names.tolist()) == ([[5, 6], [7, 8]], ["a", "b"])
    # A row that occurs again is a row, and 1 0 counts nothing.
    assert read(tmp_path, "0,1\n1,0\n0,1\n").features.tolist() == [[0, 1], [1, 0], [0, 1]]
    assert read(tmp_path, "cat,0,1\ncat,1,2\ndog,3,4\n", names="0").names.tolist() == ["cat", "cat", "dog"]
    assert read(tmp_path, "0\n5\n").remarks == ("the first line of x.csv, 0, is read as a row",)
    assert read(tmp_path, "1,0\n0,1\n").features.tolist() == [[1, 0], [0, 1]]


def test_tables_that_pandas_writes_read_back(tmp_path):
    frame = pd.DataFrame({"x": [1.5, -2.0, 3.0, 0.25], "y": [4, 5, 7, 6], "good": [True, False, True, True]})
    X = frame.to_numpy(np.float64)
    for index, ids in [
        (None, [0, 1, 2, 3]),
        ([3, 0, 2, 1], [3, 0, 2, 1]),
        (pd.Index([7, 5, 6, 4], name="index"), [7, 5, 6, 4]),
        (list("abcd"), list("abcd")),
    ]:
        written = frame if index is None else frame.set_axis(index)
        for text in (written.to_csv(), written.to_csv(sep=";", decimal=","), written.to_csv(sep="\t")):
            table = read(tmp_path, text)
            np.testing.assert_array_equal(table.features, X)
            assert table.columns == ["x", "y", "good"]
            assert table.ids.tolist() == ids
            assert "is taken for ids" in table.remarks[0]
    table = read(tmp_path, frame.reset_index().to_csv())  # written, read and written again
    np.testing.assert_array_equal(table.features, X)
    assert [line.split(" number")[0] for line in table.remarks[1:]] == ["column 'index'"]
    np.testing.assert_array_equal(read(tmp_path, frame.to_csv(index=False, header=False)).features, X)
    np.testing.assert_array_equal(read(tmp_path, frame.to_csv(header=False)).features, X)
    np.testing.assert_array_equal(read(tmp_path, frame[["good"]].to_csv(index=False)).features, X[:, 2:])


def test_an_id_or_a_measurement_of_such_a_name_stays(tmp_path):
    table = read(tmp_path, ",id,x\n0,a,1\n1,b,2\n")
    assert (table.ids.tolist(), table.features.tolist()) == (["a", "b"], [[1], [2]])
    table = read(tmp_path, "index,x\n0.5,1\n1.5,2\n")
    assert (table.ids, table.columns) == (None, ["index", "x"])
    table = read(tmp_path, "index,x\n0,1\n1,2\n", features=["index"])
    assert (table.columns, table.features.tolist()) == (["index"], [[0], [1]])


def test_headers_of_several_lines_and_blank_ones_lose_no_row(tmp_path):
    table = read(tmp_path, '\n"width\nin cm",y\n1,2\n3,4\n')
    assert (table.columns, table.features.tolist()) == (["width\nin cm", "y"], [[1, 2], [3, 4]])


def test_rows_of_text_and_numbers_without_a_header(tmp_path):
    table = read(tmp_path, "cat,1.5,2\ndog,3,4\n", names="0")
    assert (table.names.tolist(), table.features.tolist()) == (["cat", "dog"], [[1.5, 2], [3, 4]])
    with pytest.raises(ValueError, match=r"names: x\.csv has no column 'cat', and there is no such file"):
        read(tmp_path, "cat,1.5,2\ndog,3,4\n", names="cat")


@pytest.mark.parametrize("name", ["x.tsv", "x.csv", "x.csv.gz", "x.tsv.gz"])
@pytest.mark.parametrize(
    ("separator", "decimal"), [("\t", "."), ("\t", ","), (";", ","), ("|", "."), (",", ".")]
)
def test_separators_and_decimal_signs(tmp_path, name, separator, decimal):
    rows = [["town", "x", "y"], ["Ulm, Donau", "1.5", "-2"], ["Köln", "0.25", "1e3"]]
    cells = [[f'"{cell}"' if "," in cell else cell.replace(".", decimal) for cell in row] for row in rows]
    text = "\r\n".join(separator.join(row) for row in cells)
    (tmp_path / name).write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    table = read_features(tmp_path / name)
    assert (table.columns, table.features.tolist()) == (["x", "y"], [[1.5, -2], [0.25, 1e3]])
    assert table.remarks == ("not used: column 'town' (text)",)
    assert read_features(tmp_path / name, names="town").names.tolist() == ["Ulm, Donau", "Köln"]


def test_a_point_beside_decimal_commas_is_no_number(tmp_path):
    with pytest.raises(ValueError, match=r"line 3, column 'y' is '1\.234,5'"):
        read(tmp_path, "x;y\n1,5;2,5\n2,5;1.234,5\n")


def test_features_are_chosen_by_names_and_patterns(tmp_path):
    text = "id,x1,x2,[z],kind\n1,2,3,4,a\n2,5,6,7,b\n"
    assert read(tmp_path, text, features=["x*"]).columns == ["x1", "x2"]
    assert read(tmp_path, text, features=["[z]", "x1"]).features.tolist() == [[4, 2], [7, 5]]
    assert "'x2', '[z]' (number), 'kind' (text)" in read(tmp_path, text, features=["x1"]).remarks[0]
    with pytest.raises(ValueError, match="no column 'w' for the features; there are 'id', 'x1'"):
        read(tmp_path, text, features=["w"])
    with pytest.raises(ValueError, match=r"column 'kind' \(text\) cannot be features"):
        read(tmp_path, text, features=["x1", "kind"])


def test_vectors_in_cells(tmp_path):
    text = 'name,age,v,w\na,3,"[0.5, 1e-3]",[1 2]\nb,4,"[2, -1]","[3\n 4]"\n'
    with pytest.raises(ValueError, match=r"several columns of lists \('v', 'w'\).*`features`"):
        read(tmp_path, text)
    assert read(tmp_path, text, features=["w"]).features.tolist() == [[1, 2], [3, 4]]
    table = read(tmp_path, text, features=["v"])
    assert (table.features.tolist(), table.names.tolist()) == ([[0.5, 1e-3], [2, -1]], ["a", "b"])
    with pytest.raises(ValueError, match=r"row 0 .* has '\.\.\.', which is no number"):  # cut by numpy
        read(tmp_path, 'v\n"[0.1 0.2 ... 0.9]"\n"[0.1 0.2 ... 0.9]"\n')


def test_columns_of_text_or_nothing_are_named(tmp_path):
    table = read(tmp_path, "x,town,date,none\n1,Ulm,2020-01-01,\n2,Bonn,2020-01-02,\n")
    assert table.columns == ["x"]
    assert table.remarks == ("not used: columns 'town', 'date' (text), 'none' (empty)",)

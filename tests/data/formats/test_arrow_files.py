"""Feather, Arrow streams and JSON lines read as Parquet does; word vectors."""

import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pytest

from hyperclade.data.features import read_features
from hyperclade.data.opening import what_is

ROWS = [
    {"id": "a", "x": 1, "town": "Ulm", "v": [0.5, 1]},
    {"id": "b", "x": 2.5, "town": None, "v": [2, -1]},
]


def test_feather_streams_and_json_lines_are_one_table(tmp_path):
    table = pa.Table.from_pylist(ROWS)
    pyarrow.feather.write_feather(table, tmp_path / "x.feather")
    with pa.OSFile(str(tmp_path / "x.arrow"), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    text = "\n".join(map(json.dumps, ROWS))
    (tmp_path / "x.jsonl").write_text(text)
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    for name in ("x.feather", "x.arrow", "x.jsonl", "x.jsonl.gz"):
        found = read_features(tmp_path / name, names="town")
        assert found.features.tolist() == [[0.5, 1], [2, -1]], name
        assert (found.ids.tolist(), found.names.tolist()) == (["a", "b"], ["Ulm", None]), name
        assert found.remarks == ("not used: column 'x' (number)",), name
        assert read_features(tmp_path / name, features=["x"]).features.tolist() == [[1], [2.5]]
        assert what_is(tmp_path / name) == "features"


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("x.jsonl", b"", "empty file"),
        ("x.jsonl", b'{"x": 1}\n{"x": \n', "not readable as JSON lines"),
        ("x.jsonl", b'{"x": 1}\n{"y": 2}\n', r"row 1 \(counted from 0\) of column 'x' is empty"),
        ("x.jsonl", b'{"x": 1}\n{"x": "a"}\n', "not readable as JSON lines"),
        ("x.jsonl.gz", b"no gzip", "not readable as JSON lines"),
        ("x.feather", b"ARROW1", "not a readable Arrow file"),
        ("x.arrow", b"", "not a readable Arrow file"),
        ("x.csv.gz", b"1,2", "not a readable gzip file"),
    ],
)
def test_damaged_files_are_refused(tmp_path, name, content, match):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=match):
        read_features(tmp_path / name)


def test_word_vectors(tmp_path):
    (tmp_path / "glove.txt").write_text("the 0.5 1e-1 2\n, 1 2 3\n. . . 4 5 6\n")
    table = read_features(tmp_path / "glove.txt")
    assert table.names.tolist() == ["the", ",", ". . ."]
    np.testing.assert_array_equal(table.features, np.float32([[0.5, 0.1, 2], [1, 2, 3], [4, 5, 6]]))
    assert what_is(tmp_path / "glove.txt") == "features"
    (tmp_path / "w.vec").write_text("2 3\nthe 0.5 1e-1 2\nof 1 2 3\n")
    assert read_features(tmp_path / "w.vec").names.tolist() == ["the", "of"]
    (tmp_path / "rows.txt").write_text("0.5 1e-1 2\n1 2 3\n")
    assert read_features(tmp_path / "rows.txt").features.shape == (2, 3)
    (tmp_path / "texts.txt").write_text("the 3 and 4\nof 1 2 3\n")
    assert what_is(tmp_path / "texts.txt") == "texts"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("the 1 2\nof 1 2\nto 1\n", "row 3 has 1 numbers, the first 2"),
        ("the 1 2\nof 1 2\nto 1 x\n", "row 3 has 'x', which is no number"),
        ("3 2\nthe 1 2\nof 1 2\n", "2 × 2 numbers, its first line says 3 2"),
        ("", "no rows"),
    ],
)
def test_faults_of_word_vectors_are_named(tmp_path, text, match):
    (tmp_path / "w.vec").write_text(text)
    with pytest.raises(ValueError, match=match):
        read_features(tmp_path / "w.vec")

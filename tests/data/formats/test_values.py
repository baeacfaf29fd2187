"""Labels, names and ids from files of their own."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hyperclade.data.features import read_features, write_features

X = np.arange(12, dtype=np.float32).reshape(4, 3) / 7
NAMES = ["cat", 'say "hi", ok', "Ωmega", "NA"]


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


def test_a_blank_line_is_a_missing_value_and_shifts_none(tmp_path):
    write_features(tmp_path / "x.npy", X)
    for text, names in [
        ("title\ncat\n\ndog\nemu\n", ["cat", "", "dog", "emu"]),
        ("cat\n\ndog\nemu\n", ["cat", "", "dog", "emu"]),
    ]:
        (tmp_path / "names.csv").write_text(text)
        table = read_features(tmp_path / "x.npy", names=str(tmp_path / "names.csv"))
        assert table.names.tolist() == names

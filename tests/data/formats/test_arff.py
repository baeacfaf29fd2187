"""Hierarchical ARFF files give the samples and taxonomy that are written there; faults name the line."""

import gzip

import numpy as np
import pytest

from hyperclade.data.arff import read_arff_features, read_hierarchical_arff
from hyperclade.data.samples import data_home, load_imclef

HEADER = "@relation r\n% note\n@attribute x numeric\n@attribute class hierarchical 1,1/2,1,1/3,4/5\n\n@DATA\n"


def write(folder, rows, header=HEADER):
    path = folder / "x.arff"
    path.write_text(header + rows)
    return path


def test_by_hand(tmp_path):
    samples = read_hierarchical_arff(write(tmp_path, "0.5,1@1/2\n% none\n-2,4/5@1\n3,1/3\n"))
    assert samples.taxonomy.names == ("1", "1/2", "1/3", "4", "4/5")
    assert samples.inputs.tolist() == [[0.5], [-2.0], [3.0]]
    assert samples.inputs.dtype == np.float32
    assert samples.labels.tolist() == [[0, 1], [4, 0], [2, -1]]
    assert samples.targets().astype(int).tolist() == [[1, 1, 0, 0, 0], [1, 0, 0, 1, 1], [1, 0, 1, 0, 0]]
    assert samples.completed == 2  # 4/5 came without 4, 1/3 without 1
    assert samples.ids == ("line 7", "line 9", "line 10")


def test_test_file_shares_the_taxonomy(tmp_path):
    train = read_hierarchical_arff(write(tmp_path, "0,1\n1,4/5\n"))
    other = "@attribute x numeric\n@attribute class hierarchical 4,4/5\n@data\n"
    test = read_hierarchical_arff(write(tmp_path, "0,4@4/5\n", other), train.taxonomy)
    assert test.taxonomy is train.taxonomy
    assert test.labels.tolist() == [[3, 4]]
    with pytest.raises(ValueError, match="line 5 has the label '9', which the taxonomy lacks"):
        read_hierarchical_arff(write(tmp_path, "0,4\n1,9@4\n", other), train.taxonomy)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (HEADER + "1,1/7\n", "x.arff: line 7 has the label '1/7'"),
        (HEADER + "1,\n", "line 7 has the label ''"),
        (HEADER + "0,1\n?,1\n", r"line 8: '\?' is no finite number"),
        (HEADER + "inf,1\n", "line 7: 'inf' is no finite number"),
        (HEADER + "1,2,1\n", "line 7 has 3 values for 2 attributes"),
        (HEADER, "0 rows"),
        ("@attribute x real\n@data\n1\n", "0 hierarchical attributes"),
        ("@attribute x {a}\n@attribute c hierarchical 1\n@data\na,1\n", "line 1: attribute type 'nominal'"),
        ("@attribute x string\n@data\nx\n", "line 1: attribute type 'string'"),
        ("a,b\n1,2\n", "not an ARFF file"),
        ("@attribute a real\n@data\n{0 1}\n", "line 3: sparse"),
        ("@attribute c hierarchical 1,1//2\n@data\n1\n", "line 1: path '1//2' has an empty part"),
    ],
)
def test_faults_name_the_line(tmp_path, text, match):
    with pytest.raises(ValueError, match=match):
        read_hierarchical_arff(write(tmp_path, text, ""))


def test_blanks_of_any_kind_part_names_and_types(tmp_path):
    header = "@attribute\tx\treal\t[0,9]\n@attribute 'my class' \t hierarchical\t1, 1/2\n@data\n"
    samples = read_hierarchical_arff(write(tmp_path, "0.5,1/2\n", header))
    assert samples.taxonomy.names == ("1", "1/2")
    assert samples.inputs.tolist() == [[0.5]]


def test_features_of_files_without_labels(tmp_path):
    unknown = write(tmp_path, "0.5,?\n-2,1/2\n")
    features, ids = read_arff_features(unknown)
    assert features.tolist() == [[0.5], [-2.0]] and features.dtype == np.float32
    assert ids == ("line 7", "line 8")
    without = write(tmp_path, "0.5,1\n", "@attribute x numeric\n@attribute y real\n@data\n")
    assert read_arff_features(without)[0].tolist() == [[0.5, 1.0]]
    with pytest.raises(ValueError, match="line 8: 'much' is no finite number"):
        read_arff_features(write(tmp_path, "1,?\nmuch,?\n"))
    with pytest.raises(ValueError, match="no features"):
        read_arff_features(write(tmp_path, "1\n", "@attribute c hierarchical 1\n@data\n"))


def test_damaged_gzip(tmp_path):
    whole = gzip.compress((HEADER + "1,1\n").encode())
    for damaged in (b"plain", whole[: len(whole) // 2]):
        (tmp_path / "x.arff.gz").write_bytes(damaged)
        with pytest.raises(ValueError, match=r"x.arff.gz: not readable"):
            read_hierarchical_arff(tmp_path / "x.arff.gz")


@pytest.mark.parametrize(("name", "by_level"), [("07A", [8, 25, 63]), ("07D", [4, 16, 26])])
def test_imclef(name, by_level):
    if data_home() is None:
        pytest.skip("no data folder")
    names = []
    for split, n in (("train", 10_000), ("test", 1_006)):
        samples = load_imclef(name, split)
        names.append(samples.taxonomy.names)
        assert samples.inputs.shape == (n, 80)
        assert np.bincount(samples.taxonomy.depth).tolist() == by_level
        assert samples.labels.shape == (n, 3)
        assert (samples.taxonomy.depth[samples.labels] == [0, 1, 2]).all()  # one path, from the top
        assert (samples.targets().sum(axis=1) == 3).all()
        assert samples.completed == 0
    assert names[0] == names[1]
    path = data_home() / "imclef" / f"ImCLEF{name}_Test.arff.gz"
    with gzip.open(path, "rt") as file:
        last = file.read().strip().split("\n")[-1].split(",")
    assert samples.inputs[-1].tolist() == [float(cell) for cell in last[:-1]]
    assert [samples.taxonomy.names[node] for node in samples.labels[-1]] == last[-1].split("@")


def test_imclef_asks_for_a_known_name():
    with pytest.raises(ValueError, match="'07A' or '07D', got '07B'"):
        load_imclef("07B", "train")

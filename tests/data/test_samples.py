"""The bundled sample is what it claims to be, and the readers of the data folder read it."""

from importlib.resources import files

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from hyperclade.data import samples
from hyperclade.data.features import validate_features


def test_nouns_are_complete_small_and_named_once():
    sample = samples.load_nouns()
    n = len(sample.names)
    assert 1800 <= n <= 2500
    assert sample.features.shape == (n, 256)
    assert sample.features.dtype == np.float16
    validate_features(sample.features)
    assert len(set(sample.names)) == n
    assert all(name.islower() and 2 <= len(name) <= 17 for name in sample.names)
    assert np.bincount(sample.labels).min() >= 15  # every category is used
    assert len(np.bincount(sample.labels)) == len(sample.label_names)
    assert {len(values) for values in sample.other_labels.values()} == {n}
    folder = files("hyperclade.data") / "bundled"
    assert (folder / "nouns.npz").stat().st_size <= 2 * 2**20
    licence = (folder / "WORDNET-LICENSE.txt").read_text()
    assert "WordNet 3.0 Copyright 2006 by Princeton University" in licence
    assert "Permission to use, copy, modify and distribute" in licence


def test_nouns_features_belong_to_their_names():
    sample = samples.load_nouns()
    unit = sample.features.astype(np.float32)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    neighbour = NearestNeighbors(n_neighbors=2).fit(unit).kneighbors(unit, return_distance=False)[:, 1]
    assert (sample.labels[neighbour] == sample.labels).mean() > 0.7
    i = sample.names.tolist().index("trumpet")
    assert sample.label_names[sample.labels[i]] == "musical instrument"
    assert sample.other_labels["lexname"][i] == "artifact"
    path = sample.other_labels["hypernyms"][i].split(" > ")
    assert path[0] == "entity"
    assert path[-1] == "trumpet"
    assert "musical instrument" in path


def test_nouns_agree_with_wordnet():
    wordnet, edges = wordnet_or_skip()
    sample = samples.load_nouns()
    rng = np.random.default_rng(0)
    everywhere = {wordnet.features[row].tobytes() for row in range(len(wordnet.features))}
    for row in rng.choice(len(sample.names), 50, replace=False):
        assert sample.features[row].tobytes() in everywhere
    assert wordnet.features.shape == (82115, 256)
    assert isinstance(wordnet.features, np.memmap)
    assert len(wordnet.label_names) == 26
    child, parent = edges.T
    roots = np.setdiff1d(np.arange(82115), child)
    assert wordnet.names[roots].tolist() == ["entity"]
    owl = np.flatnonzero(wordnet.names == "owl")[0]
    assert wordnet.names[parent[child == owl]].tolist() == ["bird of prey"]


def wordnet_or_skip():
    try:
        return samples.load_wordnet()
    except FileNotFoundError as error:
        pytest.skip(str(error))


def test_digits_are_scikit_learns():
    sample = samples.load_digits()
    assert sample.features.shape == (1797, 64)
    assert sample.names[12] == f"{sample.labels[12]} #12"


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [
        ("zoo", (101, 16), 7),
        ("iris", (150, 4), 3),
        ("glass", (214, 9), 6),
        ("segment", (2310, 19), 7),
        ("spambase", (4601, 57), 2),
        ("pendigits", (10992, 16), 10),
    ],
)
def test_uci(name, shape, classes):
    if samples.data_home() is None:
        pytest.skip("no data folder")
    sample = samples.load_uci(name)
    assert sample.features.shape == shape
    assert len(sample.label_names) == classes
    assert set(sample.labels) == set(range(classes))
    assert len(sample.feature_names) == shape[1] and sample.features.dtype == np.float64
    validate_features(sample.features)
    if name == "zoo":
        row = sample.names.tolist().index("aardvark")
        assert sample.features[row].tolist() == [1, 0, 0, 1, 0, 0, 1, 1, 1, 1, 0, 0, 4, 0, 0, 1]
        assert sample.label_names[sample.labels[row]] == "mammal"
    if name == "iris":
        from sklearn.datasets import load_iris

        assert np.abs(sample.features - load_iris().data).max() < 0.6  # the two copies differ in a few cells
        assert (sample.labels == load_iris().target).all()


@pytest.mark.parametrize(
    ("name", "last", "counts", "last_column"),
    [
        # The last line of each file, read by eye; class sizes and columns as UCI describes them.
        ("segment", [19, 147, 9, 0], {"brickface": 330, "grass": 330, "path": 330}, "hue-mean"),
        ("spambase", [0, 0, 0.65, 0], {"0": 2788, "1": 1813}, "capital_run_length_total"),
        ("pendigits", [38, 100, 37, 81], {"0": 1143, "4": 1144, "9": 1055}, "input16"),
    ],
)
def test_larger_uci_tables_are_labelled_by_their_last_column(name, last, counts, last_column):
    if samples.data_home() is None:
        pytest.skip("no data folder")
    sample = samples.load_uci(name)
    assert sample.features[-1, :4].tolist() == last
    assert sample.feature_names[-1] == last_column
    found = dict(zip(sample.label_names, np.bincount(sample.labels), strict=True))
    assert {label: found[label] for label in counts} == counts
    assert sample.names[-1] == f"{sample.label_names[sample.labels[-1]]} #{len(sample.names) - 1}"
    assert {"segment": "brickface", "spambase": "0", "pendigits": "4"}[name] in sample.names[-1]


def test_uci_names_what_there_is():
    with pytest.raises(ValueError, match="'pendigits', got 'adult'"):
        samples.load_uci("adult")


def test_cifar100_rows():
    if samples.data_home() is None:
        pytest.skip("no data folder")
    frame = samples.load_cifar100("test")
    assert len(frame) == 10_000
    assert frame["label"].nunique() == 100
    assert frame["superclass"].nunique() == 20
    with pytest.raises(ValueError, match="'train' or 'test'"):
        samples.load_cifar100("val")


def test_arff_by_hand(tmp_path):
    path = tmp_path / "x.arff"
    path.write_text(
        "% comment\n@RELATION x\n@ATTRIBUTE 'a b' REAL\n@attribute kind {'one, two', three}\n\n@DATA\n"
        "1.5,'one, two'\n?, three\n"
    )
    frame = samples.read_arff(path)
    assert frame.columns.tolist() == ["a b", "kind"]
    assert frame["kind"].tolist() == ["one, two", "three"]
    np.testing.assert_array_equal(frame["a b"], [1.5, np.nan])


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a,b\n1,2\n", "not an ARFF file"),
        ("@attribute a real\n@data\n1,2\n", "line 3 has 2 values for 1 attributes"),
        ("@attribute a real\n@data\n{0 1}\n", "sparse"),
        ("@attribute a string\n@data\nx\n", "line 1: attribute type 'string'"),
    ],
)
def test_arff_faults(tmp_path, text, match):
    (tmp_path / "x.arff").write_text(text)
    with pytest.raises(ValueError, match=match):
        samples.read_arff(tmp_path / "x.arff")


def test_data_home_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("HYPERCLADE_DATA", str(tmp_path))
    assert samples.data_home() == tmp_path
    with pytest.raises(FileNotFoundError, match="lacks uci/zoo"):
        samples.load_uci("zoo")
    monkeypatch.setenv("HYPERCLADE_DATA", str(tmp_path / "absent"))
    with pytest.raises(ValueError, match="not a folder"):
        samples.data_home()
    monkeypatch.delenv("HYPERCLADE_DATA")
    (tmp_path / "project").mkdir()
    (tmp_path / "shared" / "data").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    assert samples.data_home() == tmp_path / "shared" / "data"

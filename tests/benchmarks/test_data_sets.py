"""The tables and rows that benchmarks read of the data folder."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hyperclade.data.features import validate_features
from hyperclade.data.samples import data_home, load_nouns

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from data_sets import cifar100_rows, uci_table, wordnet


@pytest.fixture(autouse=True)
def _data_folder(request):
    if data_home() is None and request.function is not test_tables_of_another_name:
        pytest.skip("no data folder")


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
def test_tables_of_uci(name, shape, classes):
    features, labels = uci_table(name)
    assert features.shape == shape
    assert len(labels) == shape[0] and labels.nunique() == classes
    validate_features(features.to_numpy())
    if name == "zoo":
        aardvark = [1, 0, 0, 1, 0, 0, 1, 1, 1, 1, 0, 0, 4, 0, 0, 1]
        assert features.iloc[0].tolist() == aardvark and labels[0] == "mammal"
    if name == "iris":
        from sklearn.datasets import load_iris

        assert np.abs(features.to_numpy() - load_iris().data).max() < 0.6  # the two differ in a few cells
        assert (pd.factorize(labels)[0] == load_iris().target).all()


@pytest.mark.parametrize(
    ("name", "last", "counts", "last_column"),
    [
        # The last line of each file, read by eye; class sizes and columns as UCI describes them.
        ("segment", [19, 147, 9, 0], {"brickface": 330, "grass": 330, "path": 330}, "hue-mean"),
        ("spambase", [0, 0, 0.65, 0], {"0": 2788, "1": 1813}, "capital_run_length_total"),
        ("pendigits", [38, 100, 37, 81], {"0": 1143, "4": 1144, "9": 1055}, "input16"),
    ],
)
def test_larger_tables_of_uci_are_labelled_by_their_last_column(name, last, counts, last_column):
    features, labels = uci_table(name)
    assert features.iloc[-1, :4].tolist() == last
    assert features.columns[-1] == last_column
    found = labels.value_counts()
    assert {label: found[label] for label in counts} == counts
    assert labels.iloc[-1] == {"segment": "brickface", "spambase": "0", "pendigits": "4"}[name]


def test_tables_of_another_name():
    with pytest.raises(ValueError, match="'pendigits', got 'adult'"):
        uci_table("adult")


def test_rows_of_cifar100():
    frame = cifar100_rows("test")
    assert len(frame) == 10_000
    assert frame["label"].nunique() == 100
    assert frame["superclass"].nunique() == 20
    with pytest.raises(FileNotFoundError, match="lacks cifar100/val"):
        cifar100_rows("val")


def test_the_bundled_nouns_are_rows_of_wordnet():
    nouns, features = wordnet()
    assert features.shape == (len(nouns), 256) == (82115, 256)
    assert isinstance(features, np.memmap)
    assert nouns["lexname"].nunique() == 26
    sample = load_nouns()
    everywhere = {row.tobytes() for row in features}
    for row in np.random.default_rng(0).choice(len(sample.names), 50, replace=False):
        assert sample.features[row].tobytes() in everywhere

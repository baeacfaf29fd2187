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


def test_digits_are_scikit_learns():
    sample = samples.load_digits()
    assert sample.features.shape == (1797, 64)
    assert sample.names[12] == f"{sample.labels[12]} #12"


def test_data_home_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("HYPERCLADE_DATA", str(tmp_path))
    assert samples.data_home() == tmp_path
    with pytest.raises(FileNotFoundError, match=r"lacks uci/zoo\.arff"):
        samples.data_file("uci", "zoo.arff")
    monkeypatch.setenv("HYPERCLADE_DATA", str(tmp_path / "absent"))
    with pytest.raises(ValueError, match="not a folder"):
        samples.data_home()
    monkeypatch.delenv("HYPERCLADE_DATA")
    (tmp_path / "project").mkdir()
    (tmp_path / "shared" / "data").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    assert samples.data_home() == tmp_path / "shared" / "data"

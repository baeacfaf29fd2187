"""Samples from folders, tables, feature files and CIFAR-100: labels by level, or none; what is not read."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hyperclade.data.samples import data_home
from hyperclade.retrieval.config import Source
from hyperclade.retrieval.sources import RetrievalSet, load_samples


def save(path, size=(8, 6), colour=(200, 10, 10)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


def test_folders_name_classes_and_those_above_them(tmp_path):
    for path in ("animal/dog/a.png", "animal/cat/b.png", "plant/oak/c.png"):
        save(tmp_path / path)
    (tmp_path / "plant/oak/broken.png").write_bytes(b"no image")
    samples = load_samples(tmp_path, "train")
    assert samples.paths == ("animal/cat", "animal/dog", "plant/oak") and samples.learning
    assert list(samples.labelled()) == ["superclass", "class"]
    assert samples.labelled()["superclass"].tolist() == [0, 0, 1]
    assert samples.size == (6, 8) and samples.batch([2])["inputs"].shape == (1, 3, 6, 8)
    assert [name for name, _ in samples.skipped] == ["plant/oak/broken.png"]


def test_a_flat_folder_of_images_of_many_sizes_has_no_labels(tmp_path):
    save(tmp_path / "a.png"), save(tmp_path / "b.png", (30, 20))
    samples = load_samples(tmp_path, "train")
    assert samples.paths is None and samples.size == (256, 256)
    assert load_samples(tmp_path, None, Source(size=(12, 14))).size == (12, 14)
    with pytest.raises(ValueError, match="a folder per class"):
        samples.labelled()


def test_lists_of_images_with_labels_or_without(tmp_path):
    save(tmp_path / "a.png"), save(tmp_path / "b.png")
    (tmp_path / "list.csv").write_text("path,kind,label\na.png,x,p\nb.png,y,q\n")
    assert load_samples(tmp_path / "list.csv", None).paths == ("p", "q")
    assert load_samples(tmp_path / "list.csv", None, Source(["kind", "label"])).paths == ("x/p", "y/q")
    (tmp_path / "bare.csv").write_text("path\na.png\nb.png\n")
    assert load_samples(tmp_path / "bare.csv", None).paths is None
    (tmp_path / "half.csv").write_text("path,label\na.png,p\nb.png,\n")
    with pytest.raises(ValueError, match=r"row 1 .* lacks a label"):
        load_samples(tmp_path / "half.csv", None)
    table = {"image": [{"bytes": (tmp_path / f"{name}.png").read_bytes()} for name in "ab"]}
    pd.DataFrame(table).to_parquet(tmp_path / "bare.parquet")
    assert load_samples(tmp_path / "bare.parquet", None).paths is None


def test_feature_files_with_labels_or_without(tmp_path):
    (tmp_path / "x.csv").write_text("label,a,b\nanimal/dog,1,2\nplant/oak,3,4\n")
    samples = load_samples(tmp_path / "x.csv", "train")
    assert samples.kind == "features" and samples.n_features == 2
    assert list(samples.labelled()) == ["superclass", "class"]
    np.save(tmp_path / "y.npy", np.eye(3))
    bare = load_samples(tmp_path / "y.npy", None)
    assert bare.paths is None and bare.subset([2, 0]).ids == ("2", "0")
    with pytest.raises(ValueError, match="one column of labels"):
        load_samples(tmp_path / "x.csv", None, Source(["a", "b"]))


def test_what_tells_samples_apart():
    rows = np.arange(12.0).reshape(4, 3)
    samples = RetrievalSet(rows, ("a", "b", "a", "b"), tuple("wxyz"))
    others = [
        RetrievalSet(rows, ("a", "b", "a", "a"), tuple("wxyz")),
        RetrievalSet(rows, None, tuple("wxyz")),
        RetrievalSet(rows + 1, ("a", "b", "a", "b"), tuple("wxyz")),
        samples.subset([0, 1, 2]),
    ]
    assert all(samples.fingerprint() != other.fingerprint() for other in others)
    assert samples.fingerprint() == samples.subset(slice(None)).fingerprint()
    assert set(samples.batch([0])) == {"inputs", "rows"}
    with pytest.raises(ValueError, match="2 ids for 4"):
        RetrievalSet(rows, None, ("a", "b"))


@pytest.mark.skipif(data_home() is None, reason="no data folder")
def test_cifar100_is_divided_by_classes():
    parts = {split: load_samples("cifar100", split) for split in ("train", "val", "test")}
    classes = {split: {path.split("/")[1] for path in part.paths} for split, part in parts.items()}
    assert classes["train"] == classes["val"] and len(classes["train"]) == 50
    assert not classes["train"] & classes["test"] and max(classes["train"]) < min(classes["test"])
    assert all(len(part) == 5000 for part in parts.values())
    assert [parts[split].learning for split in parts] == [True, False, False]
    known = parts["test"].labelled()
    assert len(set(known["class"])) == 50 and len(set(known["superclass"])) <= 20
    assert set(parts["train"].paths[0].split("/")) == {"fruit and vegetables", "apple"}
    with pytest.raises(ValueError, match="train, val or test"):
        load_samples("cifar100", "dev")

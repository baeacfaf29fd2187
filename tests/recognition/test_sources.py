"""Samples to learn from and inputs to predict for are read from the same files, labelled or not."""

import numpy as np
import pytest
from PIL import Image

from hyperclade.data.image_rows import Pictures
from hyperclade.recognition.config import Source
from hyperclade.recognition.sources import load_inputs, load_samples

ARFF = "@attribute x numeric\n@attribute class hierarchical 1,1/2\n@data\n"


def test_the_labels_that_training_reads_are_no_features(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("name,kind,x,y\nrex,a/dog,1,2\ntom,a/cat,3,4\n")
    source = Source(labels=["kind"])
    inputs, ids, skipped, _ = load_inputs(path, source=source)
    assert inputs.tolist() == [[1, 2], [3, 4]] and inputs.dtype == np.float32
    np.testing.assert_array_equal(inputs, load_samples(path, source=source).inputs)
    assert (ids, skipped) == (("0", "1"), ())
    with pytest.raises(ValueError, match="one column of labels, got kind, x"):
        load_inputs(path, source=Source(labels=["kind", "x"]))


def test_inputs_of_arff_files_need_no_labels(tmp_path):
    path = tmp_path / "x.arff"
    path.write_text(ARFF + "1,1/2\n2,?\n")
    inputs, ids, *_ = load_inputs(path)
    assert inputs.tolist() == [[1], [2]] and ids == ("line 4", "line 5")
    with pytest.raises(ValueError, match="line 5 has the label"):
        load_samples(path)


@pytest.mark.parametrize("split", ["train", "test", "validate"])
def test_files_have_no_splits(tmp_path, split):
    (tmp_path / "x.arff").write_text(ARFF + "1,1/2\n2,1\n")
    assert len(load_samples(tmp_path / "x.arff")) == 2
    with pytest.raises(ValueError, match=f"x.arff has no split '{split}'"):
        load_samples(tmp_path / "x.arff", split)


def write_images(folder):
    for name, size in (("a", (6, 4)), ("b", (3, 5))):
        Image.new("RGB", size, (9, 9, 9)).save(folder / f"{name}.png")


def test_a_quoted_header_lists_images(tmp_path):
    write_images(tmp_path)
    (tmp_path / "x.csv").write_text('"path","label"\n"a.png","dog"\n"b.png","cat"\n')
    source = Source(size=(4, 4))
    inputs, ids, *_ = load_inputs(tmp_path / "x.csv", source=source)
    assert ids == ("a.png", "b.png")
    samples = load_samples(tmp_path / "x.csv", source=source)
    np.testing.assert_array_equal(inputs.read([0, 1]), samples.inputs.read([0, 1]))
    (tmp_path / "x.csv").write_text("path,label\na.png,dog\nb.png\n")
    with pytest.raises(ValueError, match=r"x\.csv: row 1 .* has 1 cells"):
        load_inputs(tmp_path / "x.csv", source=source)


def test_images_of_their_own_sizes(tmp_path):
    write_images(tmp_path)
    (tmp_path / "c.png").write_text("no image")
    inputs, ids, skipped, _ = load_inputs(tmp_path, source=Source(size=(2, 2)), own_sizes=True)
    assert isinstance(inputs, Pictures)
    assert [pixels.shape for pixels in inputs.read([0, 1])] == [(3, 4, 6), (3, 5, 3)]
    assert ids == ("a.png", "b.png") and skipped[0][0] == "c.png"

"""Labelled samples: targets against a walk up the parents, readers against files written here."""

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hyperclade.data.features import write_features
from hyperclade.data.image_rows import ImageRows, open_images, open_pictures
from hyperclade.data.images import ImageItem, image_folder
from hyperclade.data.labelled import LabelledSet, count_incomplete, node_labels
from hyperclade.data.labelled_files import labelled_features, labelled_images, listed_images
from hyperclade.data.samples import data_home, load_cifar100_images
from hyperclade.data.taxonomies import read_taxonomy
from hyperclade.trees.taxonomy import Taxonomy

PETS = Taxonomy.from_edges([("dog", "animal"), ("cat", "animal"), ("oak", "plant")])


@st.composite
def labelled_nodes(draw):
    m = draw(st.integers(1, 12))
    parents = [draw(st.lists(st.integers(0, node - 1), max_size=2)) if node else [] for node in range(m)]
    row = st.lists(st.integers(0, m - 1), min_size=1, max_size=4)
    return Taxonomy(map(str, range(m)), parents), draw(st.lists(row, min_size=1, max_size=5))


@given(labelled_nodes())
def test_targets_and_completion_against_a_walk(drawn):
    taxonomy, rows = drawn
    labels = node_labels([[str(node) for node in row] for row in rows], taxonomy, str)
    closed = [set(row).union(*(taxonomy.ancestors(node).tolist() for node in row)) for row in rows]
    samples = LabelledSet(np.zeros((len(rows), 1), np.float32), labels, taxonomy, ("",) * len(rows))
    assert [set(np.flatnonzero(row).tolist()) for row in samples.targets()] == closed
    some = samples.targets([len(rows) - 1, 0])
    np.testing.assert_array_equal(some, samples.targets()[[len(rows) - 1, 0]])
    incomplete = sum(all_of != set(row) for all_of, row in zip(closed, rows, strict=True))
    assert count_incomplete(labels, taxonomy) == incomplete
    leaves = {str(leaf) for leaf in taxonomy.leaves}
    assert set(samples.empty_classes()) == leaves - {str(node) for row in rows for node in row}


def test_subset_goes_along():
    samples = LabelledSet(np.eye(3, dtype=np.float32), np.array([[0], [2], [3]]), PETS, ("a", "b", "c"))
    part = samples.subset([2, 0])
    assert part.ids == ("c", "a")
    assert part.labels.tolist() == [[3], [0]]
    assert part.inputs.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert samples.subset(np.array([False, True, False])).ids == ("b",)


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        (np.array([[0], [9]]), "sample 'b' are not in -1..4"),
        (np.array([[0], [-1]]), "sample 'b' has no label"),
        (np.array([0, 1]), r"must be \(2, L\) int64"),
        (np.array([[0.0], [1.0]]), "int64"),
    ],
)
def test_labels_must_be_nodes(labels, match):
    with pytest.raises(ValueError, match=match):
        LabelledSet(np.zeros((2, 1), np.float32), labels, PETS, ("a", "b"))
    with pytest.raises(ValueError, match="1 ids for 2 samples"):
        LabelledSet(np.zeros((2, 1), np.float32), np.array([[0], [1]]), PETS, ("a",))


def test_features_with_labels(tmp_path):
    write_features(
        tmp_path / "x.npy", np.eye(3), ids=["a", "b", "c"], labels=["dog", "cat@animal", "plant@oak"]
    )
    samples = labelled_features(tmp_path / "x.npy", PETS)
    assert samples.inputs.dtype == np.float32
    assert samples.ids == ("a", "b", "c")
    assert [{PETS.names[node] for node in row if node >= 0} for row in samples.labels] == [
        {"dog"},
        {"cat", "animal"},
        {"oak", "plant"},
    ]
    assert samples.completed == 1
    (tmp_path / "labels.txt").write_text("x/y\nx\nx/z\n")
    flat = labelled_features(tmp_path / "x.npy", labels=str(tmp_path / "labels.txt"))
    assert flat.taxonomy.names == ("x", "x/y", "x/z")


@pytest.mark.parametrize(
    ("labels", "taxonomy", "match"),
    [
        (None, PETS, "has no column 'label'"),
        (["dog", "wolf"], PETS, r"x.npy: row 1 \(counted from 0\) has the label 'wolf'"),
        (["dog", None], PETS, "row 1 .* has no label"),
        (["animal", "plant"], PETS, "every class is empty"),
        (["a/b", "a//b"], None, "row 1 .*: label 'a//b' has an empty part"),
        ([None, None], None, "no label"),
    ],
)
def test_faults_of_feature_labels_name_the_row(tmp_path, labels, taxonomy, match):
    write_features(tmp_path / "x.npy", np.eye(2), labels=labels)
    with pytest.raises(ValueError, match=match):
        labelled_features(tmp_path / "x.npy", taxonomy)


def picture(path, value, size=(6, 4), mode="RGB"):
    """An image of one colour; `value` is its red."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, (value, 0, 255) if mode == "RGB" else value).save(path)


def reds(samples):
    return samples.inputs.read(np.arange(len(samples)))[:, 0, 0, 0].tolist()


def test_folder_makes_its_taxonomy(tmp_path):
    for value, path in enumerate(("animal/dog/1.png", "animal/dog/2.png", "animal/cat/1.png", "plant/1.png")):
        picture(tmp_path / path, 10 * value)
    samples = labelled_images(tmp_path)
    assert samples.taxonomy.names == ("animal", "animal/cat", "animal/dog", "plant")
    assert samples.ids == ("animal/cat/1.png", "animal/dog/1.png", "animal/dog/2.png", "plant/1.png")
    assert samples.labels.tolist() == [[1], [2], [2], [3]]
    assert reds(samples) == [20, 0, 10, 30]
    assert samples.inputs.size == (4, 6)
    assert samples.empty_classes() == ()


def test_folder_with_a_taxonomy_goes_by_the_last_folder(tmp_path):
    picture(tmp_path / "train/dog/1.png", 1)
    picture(tmp_path / "train/cat/1.png", 2)
    samples = labelled_images(tmp_path, PETS)
    assert [PETS.names[node] for node in samples.labels[:, 0]] == ["cat", "dog"]
    assert samples.empty_classes() == ("oak",)
    picture(tmp_path / "train/wolf/1.png", 3)
    with pytest.raises(ValueError, match=r"train/wolf/1\.png has the label 'wolf'"):
        labelled_images(tmp_path, PETS)


def test_image_in_no_folder(tmp_path):
    picture(tmp_path / "a/1.png", 1)
    picture(tmp_path / "2.png", 1)
    with pytest.raises(ValueError, match=r"2\.png has no label"):
        labelled_images(tmp_path)


def test_broken_images_are_left_out_and_named(tmp_path):
    for value in range(3):
        picture(tmp_path / f"dog/{value}.jpg", 90, size=(64, 64))
    whole = (tmp_path / "dog/1.jpg").read_bytes()
    (tmp_path / "dog/1.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "dog/0.jpg").write_text("no image")
    samples = labelled_images(tmp_path)
    assert samples.ids == ("dog/2.jpg",)
    assert len(samples.labels) == 1
    assert [key for key, _ in samples.skipped] == ["dog/0.jpg", "dog/1.jpg"]
    assert "truncated" in samples.skipped[1][1].lower()
    (tmp_path / "dog/2.jpg").write_text("neither")
    with pytest.raises(ValueError, match=r"none of 3 images decodes; the first, dog/0\.jpg"):
        labelled_images(tmp_path)


def test_sizes(tmp_path):
    picture(tmp_path / "dog/a.png", 1, size=(6, 4))
    picture(tmp_path / "dog/b.png", 2, size=(4, 6))
    with pytest.raises(
        ValueError, match=r"dog/b\.png has 6 × 4 pixels .*, dog/a\.png has 4 × 6; give a size"
    ):
        labelled_images(tmp_path)
    assert labelled_images(tmp_path, size=(5, 5)).inputs.read([0, 1]).shape == (2, 3, 5, 5)


def test_parquet_and_csv_with_superclasses(tmp_path):
    rows = [("animal", "dog"), ("plant", "oak"), ("animal", "cat"), ("", "cat")]
    for k in range(4):
        picture(tmp_path / f"images/{k}.png", k)
    frame = pd.DataFrame(rows, columns=["kingdom", "kind"])
    frame["path"] = [f"images/{k}.png" for k in range(4)]
    frame.to_csv(tmp_path / "x.csv", index=False)
    frame["image"] = [(tmp_path / path).read_bytes() for path in frame["path"]]
    frame.to_parquet(tmp_path / "x.parquet")
    for suffix in ("csv", "parquet"):
        samples = labelled_images(tmp_path / f"x.{suffix}", PETS, labels=("kingdom", "kind"))
        assert [{PETS.names[node] for node in row if node >= 0} for row in samples.labels] == [
            {"animal", "dog"},
            {"plant", "oak"},
            {"animal", "cat"},
            {"cat"},
        ]
        assert samples.completed == 1
        assert reds(samples) == [0, 1, 2, 3]
        paths = labelled_images(tmp_path / f"x.{suffix}", labels=["kingdom", "kind"])
        assert paths.taxonomy.names == ("animal", "animal/cat", "animal/dog", "cat", "plant", "plant/oak")
        assert paths.labels[:, 0].tolist() == [2, 5, 1, 3]
        with pytest.raises(ValueError, match=rf"x\.{suffix}: no column 'label' .*kingdom"):
            labelled_images(tmp_path / f"x.{suffix}")
        with pytest.raises(ValueError, match=rf"x\.{suffix}: row 3 .* has no label"):
            labelled_images(tmp_path / f"x.{suffix}", PETS, labels="kingdom")
        with pytest.raises(ValueError, match=rf"x\.{suffix}: row 1 .* has the label 'oak'"):
            labelled_images(tmp_path / f"x.{suffix}", Taxonomy.from_edges([("dog", "animal")]), labels="kind")


def test_parquet_without_its_first_image(tmp_path):
    image = png(np.zeros((4, 6, 3), np.uint8))
    pd.DataFrame({"image": [None, image], "label": ["dog", "cat"]}).to_parquet(tmp_path / "x.parquet")
    samples = labelled_images(tmp_path / "x.parquet", PETS)
    assert samples.ids == ("1",)
    assert samples.inputs.size == (4, 6)
    assert samples.skipped == (("0", "no image in this row"),)


def test_csv_names_missing_files(tmp_path):
    picture(tmp_path / "a.png", 1)
    (tmp_path / "x.csv").write_text("path,label\na.png,dog\nb.png,dog\n")
    samples = labelled_images(tmp_path / "x.csv")
    assert samples.ids == ("a.png",)
    assert samples.skipped[0][0] == "b.png"
    assert "No such file" in samples.skipped[0][1]
    (tmp_path / "x.csv").write_text("file,label\na.png,dog\n")
    with pytest.raises(ValueError, match="no column 'path'"):
        labelled_images(tmp_path / "x.csv")
    with pytest.raises(ValueError, match=r"no folder of images, nor a \.parquet or \.csv"):
        labelled_images(tmp_path / "a.png")


def test_quoted_cells_of_a_table(tmp_path):
    (tmp_path / "x.csv").write_text('"path","label"\n"a,b.png","dog"\n\n"c ""d"".png",\n')
    items, cells = listed_images(tmp_path / "x.csv", ["label"])
    assert [item.source for item in items] == [tmp_path / "a,b.png", tmp_path / 'c "d".png']
    assert cells == [["dog"], []]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("label,path\ndog,a.png\ndog\n", r"x\.csv: row 1 .* has 1 cells, the header has 2"),
        ("path,label\na.png,dog,x\n", r"x\.csv: row 0 .* has 3 cells"),
        ("path,label\na.png,dog\n ,dog\n", r"x\.csv: row 1 .* has no path"),
        ("path,path\na.png,b.png\n", r"x\.csv: .* two columns of one name"),
        ("path\n", r"x\.csv: no rows"),
        ("", r"x\.csv: no rows"),
        ('path,label\n"a.png,dog\n', r"x\.csv: not a readable CSV file"),
    ],
)
def test_faults_of_tables_name_the_row(tmp_path, text, match):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(ValueError, match=match):
        listed_images(tmp_path / "x.csv")


def test_pictures_keep_their_sizes(tmp_path):
    picture(tmp_path / "a.png", 7, size=(6, 4))
    picture(tmp_path / "b.png", 8, size=(3, 5))
    (tmp_path / "c.png").write_text("no image")
    items = image_folder(tmp_path)
    pictures, good, skipped = open_pictures(items)
    assert [pixels.shape for pixels in pictures.read([0, 1])] == [(3, 4, 6), (3, 5, 3)]
    assert [pixels[0, 0, 0] for pixels in pictures.read([1, 0])] == [8, 7]
    assert good.tolist() == [0, 1] and [key for key, _ in skipped] == ["c.png"]
    with pytest.raises(ValueError, match=r"none of 1 images decodes; the first, c\.png"):
        open_pictures(items[2:])
    (tmp_path / "b.png").unlink()
    with pytest.raises(ValueError, match=r"image b\.png: .*No such file"):
        pictures.read([0, 1])


def test_scaling_covers_and_cuts_the_middle():
    """A picture that is red to the left, green in the middle, blue to the right becomes its middle."""
    wide = np.zeros((20, 60, 3), np.uint8)
    for colour in range(3):
        wide[:, 20 * colour : 20 * colour + 20, colour] = 255
    images, _, _ = open_images([ImageItem("a", None, "a", png(wide))], (10, 10))
    inner = images.read([0])[0, :, 2:-2, 2:-2]
    assert (inner == np.array([0, 255, 0])[:, None, None]).all()


def png(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "png")
    return stream.getvalue()


def test_many_images_are_decoded_when_read(tmp_path, monkeypatch):
    for value in range(5):
        picture(tmp_path / f"dog/{value}.png", value)
    kept = labelled_images(tmp_path, size=(3, 3))
    monkeypatch.setattr("hyperclade.data.image_rows.KEPT_BYTES", 5 * 27 - 1)
    lazy = labelled_images(tmp_path, size=(3, 3))
    assert isinstance(kept.inputs.source, np.ndarray)
    assert isinstance(lazy.inputs.source, tuple)
    for samples in (kept, lazy):
        assert reds(samples.subset([4, 0, 3])) == [4, 0, 3]
    np.testing.assert_array_equal(kept.inputs.read(slice(1, 4)), lazy.inputs.read(slice(1, 4)))
    (tmp_path / "dog/2.png").unlink()
    with pytest.raises(ValueError, match=r"image dog/2\.png: .*No such file"):
        lazy.inputs.read([2])


def test_pixels_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\(n, 3, h, w\) uint8, got \(2, 4, 4, 3\)"):
        ImageRows.of_pixels(np.zeros((2, 4, 4, 3), np.uint8))


def test_cifar100():
    if data_home() is None:
        pytest.skip("no data folder")
    samples = load_cifar100_images("test")
    assert samples.inputs.size == (32, 32)
    assert samples.labels.shape == (10_000, 2)
    assert (samples.completed, samples.skipped, samples.empty_classes()) == (0, (), ())
    assert (samples.targets().sum(axis=1) == 2).all()
    assert (np.bincount(samples.labels.ravel())[samples.taxonomy.leaves] == 100).all()
    frame = pd.read_parquet(data_home() / "cifar100" / "test.parquet").iloc[77:79]
    taxonomy = read_taxonomy("cifar100")
    assert samples.targets([77, 78])[:, [taxonomy.index(name) for name in frame["label"]]].diagonal().all()

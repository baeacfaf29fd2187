"""Files of features and images with labels: readers against files written here, faults by name."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hyperclade.data.features import write_features
from hyperclade.data.labelled_files import labelled_features, labelled_images, listed_images
from hyperclade.data.samples import data_home, load_cifar100_images
from hyperclade.data.taxonomies import read_taxonomy
from hyperclade.trees.taxonomy import Taxonomy

PETS = Taxonomy.from_edges([("dog", "animal"), ("cat", "animal"), ("oak", "plant")])


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


def test_rows_that_a_file_of_labels_leaves_blank_are_left_out(tmp_path):
    write_features(tmp_path / "x.npy", np.eye(4), ids=list("abcd"))
    pd.DataFrame({"class": ["dog", None, "cat@home", "cat"]}).to_parquet(tmp_path / "classes.parquet")
    kinds = Taxonomy.from_edges([("dog", "animal"), ("cat", "animal"), ("cat@home", "animal")])
    samples = labelled_features(tmp_path / "x.npy", kinds, labels=str(tmp_path / "classes.parquet"))
    assert samples.ids == ("a", "c", "d") and samples.inputs.tolist() == np.eye(4)[[0, 2, 3]].tolist()
    # a name with the sign that joins several is one name where it is a node's
    assert [kinds.names[node] for node in samples.labels[:, 0]] == ["dog", "cat@home", "cat"]
    assert samples.remarks == (f"{tmp_path / 'classes.parquet'}: 1 row of 4 without a label left out",)
    pd.DataFrame({"class": ["dog", None, "wolf", "cat"]}).to_parquet(tmp_path / "classes.parquet")
    with pytest.raises(ValueError, match=r"row 2 \(counted from 0\) has the label 'wolf'"):
        labelled_features(tmp_path / "x.npy", kinds, labels=str(tmp_path / "classes.parquet"))


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
    samples = labelled_images(tmp_path)
    assert samples.inputs.read([0, 1]).shape == (2, 3, 256, 256)
    assert samples.remarks == ("images of 2 sizes are brought to 256 × 256 pixels (option `size`)",)
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
    picture(tmp_path / "a.png", 0)
    image = (tmp_path / "a.png").read_bytes()
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
    with pytest.raises(ValueError, match=r"no folder of images, nor a \.parquet, \.csv or \.tsv"):
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
    assert (
        samples.subset([77, 78])
        .targets()[:, [taxonomy.index(name) for name in frame["label"]]]
        .diagonal()
        .all()
    )

"""What a path is, by suffix and content; what is said of one that is missing or unknown."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from hyperclade.data.images import decode_images, image_folder
from hyperclade.data.opening import IMAGE_SUFFIXES, existing, files_under, passed_over, what_is


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("x.npy", "features"),
        ("x.NPZ", "features"),
        ("x.txt", "texts"),
        ("x.JPeG", "image"),
        ("x.arff", "arff"),
        ("x.arff.gz", "arff"),
    ],
)
def test_suffixes(tmp_path, name, kind):
    (tmp_path / name).touch()
    assert what_is(tmp_path / name) == kind
    assert what_is(str(tmp_path / name)) == kind


def test_a_folder_is_one_whatever_it_is_called(tmp_path):
    (tmp_path / "x.npy").mkdir()
    assert what_is(tmp_path / "x.npy") == "folder"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("path,label\na.png,x\n", "image list"),
        ('\n"label","path"\nx,a.png\n', "image list"),
        ("label,x\npath,1\n", "features"),
        ("1,2\n", "features"),
        ("", "features"),  # who reads it says that it is empty
    ],
)
def test_a_csv_file_lists_images_if_it_has_paths(tmp_path, text, kind):
    (tmp_path / "x.csv").write_text(text)
    assert what_is(tmp_path / "x.csv") == kind


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pa.array([b"a"]), "image table"),
        (pa.array([b"a"], pa.large_binary()), "image table"),
        (pa.array([{"bytes": b"a", "path": "a.png"}]), "image table"),
        (pa.array([{"path": "a.png"}]), "features"),
        (pa.array([[0.5, 1.0]]), "features"),  # an embedding that is called so
    ],
)
def test_a_parquet_file_has_images_if_they_are_encoded(tmp_path, column, kind):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"image": column}), path)
    assert what_is(path) == kind
    pq.write_table(pa.table({"picture": column}), path)
    assert what_is(path) == "features"
    assert what_is(path, image="picture") == "image table"


def test_what_is_missing_damaged_or_unknown_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no data .*absent\.npy.*: give a cat or a dog$"):
        what_is(tmp_path / "absent.npy", give="a cat or a dog")
    with pytest.raises(ValueError, match=r"no data .*: give a file or a folder$"):
        what_is(tmp_path / "absent.npy")
    with pytest.raises(ValueError, match=r"give x$"):
        existing(tmp_path / "absent", "x")
    (tmp_path / "x.doc").touch()
    with pytest.raises(ValueError, match=r"x\.doc: '\.doc' is no known kind of data; use \.npy, .*\.txt"):
        what_is(tmp_path / "x.doc")
    assert what_is(tmp_path / "x.doc", otherwise="texts") == "texts"
    (tmp_path / "x.parquet").write_text("no table")
    with pytest.raises(ValueError, match=r"x\.parquet: not a readable Parquet file"):
        what_is(tmp_path / "x.parquet")


def test_files_of_a_kind_in_a_folder(tmp_path):
    for name in ("b/x.MP4", "a/y.mkv", ".hidden/x.mp4", "b/.z.mp4", "b/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = files_under(tmp_path, {".mp4", ".mkv"}, "films")
    assert found == [tmp_path / "a" / "y.mkv", tmp_path / "b" / "x.MP4"]
    with pytest.raises(ValueError, match=r"no sounds under .*: no file ends in \.ogg, \.wav"):
        files_under(tmp_path, {".wav", ".ogg"}, "sounds")
    with pytest.raises(ValueError, match="is not a folder"):
        files_under(tmp_path / "b" / "notes.txt", {".txt"}, "texts")


def test_links_are_followed_but_not_around(tmp_path):
    (tmp_path / "far" / "owls").mkdir(parents=True)
    Image.new("RGB", (2, 2), "red").save(tmp_path / "far" / "owls" / "a.png")
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "owls").symlink_to(tmp_path / "far" / "owls")
    (photos / "b.png").symlink_to("owls/a.png")
    (photos / "gone.png").symlink_to("nowhere.png")
    (photos / "again").symlink_to(photos)
    (tmp_path / "far" / "owls" / "up").symlink_to("..")
    items = image_folder(photos)
    assert [item.id for item in items] == ["b.png", "gone.png", "owls/a.png"]
    _, good, broken = decode_images(items)
    assert [(item.id, item.label) for item in good] == [("b.png", None), ("owls/a.png", "owls")]
    assert broken[0][0] == "gone.png" and "No such file" in broken[0][1]


def test_files_of_other_kinds_are_counted(tmp_path):
    for name in ("a.PNG", "b.psd", "c.psd", "d.mp4", "README", ".hidden", "deep/e.txt", ".git/f.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    told = "5 files passed over: 2 .psd, 1 without a suffix, 1 .mp4, 1 .txt"
    assert passed_over(tmp_path, IMAGE_SUFFIXES) == told
    assert passed_over(tmp_path / "a.PNG", IMAGE_SUFFIXES) is None
    assert passed_over(tmp_path, IMAGE_SUFFIXES | {".psd", "", ".mp4", ".txt"}) is None
    (tmp_path / "a.PNG").unlink()
    with pytest.raises(ValueError, match=r"no file ends in .*\(5 files passed over: 2 \.psd"):
        files_under(tmp_path, IMAGE_SUFFIXES, "images")


def test_folders_of_parquet_files(tmp_path):
    for name, column in (("images", pa.array([b"a"])), ("vectors", pa.array([[0.5, 1.0]]))):
        (tmp_path / name / "deep").mkdir(parents=True)
        pq.write_table(pa.table({"image": column}), tmp_path / name / "deep" / "x.parquet")
    assert what_is(tmp_path / "images") == "image table"
    assert what_is(tmp_path / "vectors") == "features"
    (tmp_path / "vectors" / "a.png").touch()
    assert what_is(tmp_path / "vectors") == "folder"

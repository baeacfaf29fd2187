"""Images are listed in a fixed order, and broken ones are named, not fatal."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hyperclade.data.images import decode_images, image_folder, image_parquet

Image = pytest.importorskip("PIL.Image")


def encoded(colour, suffix="PNG", size=(8, 6), mode="RGB"):
    buffer = io.BytesIO()
    Image.new(mode, size, colour).save(buffer, suffix)
    return buffer.getvalue()


def test_folder_is_listed_in_order_with_labels(tmp_path):
    for name in ("b/2.png", "a/x/1.JPG", "0.webp", "a/notes.txt", ".hidden/3.png", "b/.4.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    items = image_folder(tmp_path)
    assert [(item.id, item.label, item.name) for item in items] == [
        ("0.webp", None, "0"),
        ("a/x/1.JPG", "x", "1"),
        ("b/2.png", "b", "2"),
    ]
    assert items[2].source == tmp_path / "b" / "2.png"
    with pytest.raises(ValueError, match="no images under"):
        image_folder(make_empty(tmp_path))
    with pytest.raises(ValueError, match="not a folder"):
        image_folder(tmp_path / "0.webp")


def make_empty(tmp_path):
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


@pytest.mark.parametrize("struct", [False, True])
def test_parquet_rows_come_in_batches(tmp_path, struct):
    images = [encoded((k, 0, 0)) for k in range(5)]
    images[3] = None
    column = [None if b is None else {"bytes": b, "path": None} for b in images] if struct else images
    pq.write_table(
        pa.table({"image": column, "label": list("aabbc"), "title": list("vwxyz")}), tmp_path / "x.parquet"
    )
    batches = list(image_parquet(tmp_path / "x.parquet", name="title", batch_size=2))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    items = [item for batch in batches for item in batch]
    assert [(i.id, i.label, i.name) for i in items] == list(zip("01234", "aabbc", "vwxyz", strict=True))
    decoded, good, broken = decode_images(items)
    assert [np.asarray(image)[0, 0, 0] for image in decoded] == [0, 1, 2, 4]
    assert [item.id for item in good] == ["0", "1", "2", "4"]
    assert broken == [("3", "no image in this row")]


def test_parquet_faults_are_named_before_reading(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"image": ["text"], "label": [1]}), path)
    with pytest.raises(ValueError, match="column 'image' is string, not encoded images"):
        image_parquet(path)
    with pytest.raises(ValueError, match="no column 'picture'; the file has image, label"):
        image_parquet(path, image="picture")
    path.write_bytes(b"not parquet")
    with pytest.raises(ValueError, match="not a readable Parquet file"):
        image_parquet(path)


def test_any_mode_becomes_rgb_and_exif_turns_the_picture(tmp_path):
    (tmp_path / "grey.png").write_bytes(encoded(200, mode="L"))
    (tmp_path / "palette.gif").write_bytes(encoded(3, "GIF", mode="P"))
    (tmp_path / "alpha.png").write_bytes(encoded((1, 2, 3, 4), mode="RGBA"))
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    Image.new("RGB", (8, 6)).save(tmp_path / "turned.jpg", exif=exif)
    images, items, broken = decode_images(image_folder(tmp_path))
    assert not broken
    assert {image.mode for image in images} == {"RGB"}
    sizes = {item.id: image.size for item, image in zip(items, images, strict=True)}
    assert sizes == {"alpha.png": (8, 6), "grey.png": (8, 6), "palette.gif": (8, 6), "turned.jpg": (6, 8)}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_broken_files_are_named_with_a_reason(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    for suffix in ("png", "jpg", "bmp", "webp", "tif", "gif"):
        noise.save(tmp_path / f"whole.{suffix}")
        content = (tmp_path / f"whole.{suffix}").read_bytes()
        (tmp_path / f"cut.{suffix}").write_bytes(content[: len(content) // 2])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("no image")
    Image.new("L", (3000, 3000)).save(tmp_path / "huge.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000_000)
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    _, items, broken = decode_images(image_folder(tmp_path))
    assert {item.id for item in items} == {f"whole.{s}" for s in ("png", "jpg", "bmp", "webp", "tif", "gif")}
    named = dict(broken)
    assert set(named) == {f"cut.{s}" for s in ("png", "jpg", "bmp", "webp", "tif", "gif")} | {
        "empty.png", "text.jpg", "huge.png", "gone.png",
    }  # fmt: skip
    assert named["text.jpg"] == "not an image that Pillow knows"
    assert all(named.values())

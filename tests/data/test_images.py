"""Images are listed in a fixed order, and broken ones are named, not fatal."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hyperclade.data.image_rows import image_size
from hyperclade.data.images import decode_images, image_folder, image_parquet, on_background

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


def pixels_of(path):
    """Pixels (h, w, 3) of a file, as readers give them."""
    images, _, broken = decode_images(image_folder(path.parent))
    assert not broken
    return np.asarray(images[0])


def reason(path):
    _, _, broken = decode_images(image_folder(path.parent))
    return broken[0][1]


@pytest.mark.parametrize(
    ("suffix", "dtype"), [("png", "<u2"), ("png", ">u2"), ("tif", "<u2"), ("tif", ">u2"), ("ppm", "<u2")]
)
def test_16_bits_are_scaled_from_their_range(tmp_path, suffix, dtype):
    """They were once cut off at 255, so that all but the darkest were white."""
    grey = np.random.default_rng(0).integers(0, 256, (6, 8))
    near = grey * 257 + np.random.default_rng(1).integers(-128, 129, grey.shape)
    for values in (grey * 257, np.clip(near, 0, 65535)):
        Image.fromarray(values.astype(dtype)).save(tmp_path / f"a.{suffix}")
        np.testing.assert_array_equal(pixels_of(tmp_path / f"a.{suffix}"), np.stack([grey] * 3, axis=2))


def test_32_bit_integers_within_16_bits_are_scaled_so_too(tmp_path):
    grey = np.array([[0, 10, 255]])
    Image.fromarray((grey * 257).astype(np.int32)).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(pixels_of(tmp_path / "a.tif")[:, :, 1], grey)


def test_floats_are_scaled_from_0_to_1(tmp_path):
    grey = np.array([[0, 1, 100, 254, 255]])
    Image.fromarray((grey / 255).astype(np.float32)).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(pixels_of(tmp_path / "a.tif"), np.stack([grey] * 3, axis=2))


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (np.array([[0, 70_000]], np.int32), "whole-number pixels from 0 to 70000; only 0 to 65535"),
        (np.array([[-3, 5]], np.int32), "whole-number pixels from -3 to 5; only 0 to 65535"),
        (np.array([[0, 1.5]], np.float32), "floating-point pixels from 0 to 1.5; only 0 to 1"),
        (np.array([[-0.5, 1]], np.float32), "floating-point pixels from -0.5 to 1; only 0 to 1"),
        (np.array([[0, np.nan]], np.float32), "floating-point pixels from nan to nan"),
        (np.array([[0, np.inf]], np.float32), "floating-point pixels from 0 to inf"),
    ],
)
def test_numbers_without_a_known_scale_are_left_out_with_their_range(tmp_path, values, match):
    Image.fromarray(values).save(tmp_path / "a.tif")
    assert match in reason(tmp_path / "a.tif")


def test_transparent_parts_are_white(tmp_path):
    """Not the colours that lie hidden under them; half-transparent ones are half white."""
    pixels = np.array([[[200, 40, 0, 255], [200, 40, 0, 0], [200, 40, 0, 128]]], np.uint8)
    expected = [[[200, 40, 0], [255, 255, 255], [227, 147, 127]]]
    for suffix, settings in (("png", {}), ("webp", {"lossless": True, "exact": True}), ("tif", {})):
        path = tmp_path / suffix / f"a.{suffix}"
        path.parent.mkdir()
        Image.fromarray(pixels).save(path, **settings)
        np.testing.assert_allclose(pixels_of(path), expected, atol=1)
    grey = tmp_path / "grey" / "a.png"
    grey.parent.mkdir()
    Image.fromarray(pixels[:, :, [1, 3]]).save(grey)
    np.testing.assert_allclose(pixels_of(grey)[0, :, 0], [40, 255, 147], atol=1)


@pytest.mark.parametrize("suffix", ["png", "gif"])
def test_palettes_give_colours_and_white_where_transparent(tmp_path, suffix):
    indices = np.array([[0, 1, 2, 1]], np.uint8)
    image = Image.fromarray(indices, "P")
    image.putpalette([10, 20, 30, 0, 0, 255, 250, 128, 0])
    path = tmp_path / f"a.{suffix}"
    image.save(path)
    np.testing.assert_array_equal(pixels_of(path)[0], [[10, 20, 30], [0, 0, 255], [250, 128, 0], [0, 0, 255]])
    image.save(path, transparency=1)
    np.testing.assert_array_equal(pixels_of(path)[0, :, 0], [10, 255, 250, 255])
    np.testing.assert_array_equal(pixels_of(path)[0, :, 1], [20, 255, 128, 255])


def test_grey_and_rgb_with_one_transparent_colour(tmp_path):
    for k, (pixels, hidden) in enumerate(
        [(np.array([[7, 90]], np.uint8), 7), (np.array([[[1, 2, 3], [9, 8, 7]]], np.uint8), (1, 2, 3))]
    ):
        path = tmp_path / str(k) / "a.png"
        path.parent.mkdir()
        Image.fromarray(pixels).save(path, transparency=hidden)
        expected = np.broadcast_to(pixels[0, 1], 3)
        np.testing.assert_array_equal(pixels_of(path)[0], [[255] * 3, expected])


def test_cmyk_jpeg_has_the_colours_of_its_inks(tmp_path):
    inks = np.zeros((16, 48, 4), np.uint8)
    inks[:, :16, 1:3] = 255  # magenta and yellow: red
    inks[:, 16:32, 0] = 255  # cyan
    inks[:, 32:, 3] = 255  # black
    Image.fromarray(inks, "CMYK").save(tmp_path / "a.jpg", quality=95)
    assert Image.open(tmp_path / "a.jpg").mode == "CMYK"
    found = pixels_of(tmp_path / "a.jpg")[8, [8, 24, 40]]
    np.testing.assert_allclose(found, [[255, 0, 0], [0, 255, 255], [0, 0, 0]], atol=8)


def test_one_bit_and_grey(tmp_path):
    grey = np.array([[0, 77, 255]], np.uint8)
    for k, image in enumerate((Image.fromarray(grey), Image.fromarray(grey > 50))):
        path = tmp_path / str(k) / "a.png"
        path.parent.mkdir()
        image.save(path)
        np.testing.assert_array_equal(pixels_of(path)[0, :, 2], [[0, 77, 255], [0, 255, 255]][k])


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(tmp_path, suffix, orientation):
    """By what the tag is defined to mean: which side of the scene the first row and column show."""
    upright = np.zeros((24, 40), np.uint8)
    upright[:12, :20], upright[:12, 20:], upright[12:, :20] = 250, 170, 90
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.T, 6: np.rot90(upright, 1), 7: upright[::-1, ::-1].T, 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.stack([stored] * 3, axis=2)).save(path, exif=exif)
    found = pixels_of(path)
    assert found.shape == (24, 40, 3)
    assert image_size(image_folder(tmp_path)[0]) == (24, 40)
    inner = found[[6, 6, 18, 18], [10, 30, 10, 30], 0]
    np.testing.assert_allclose(inner, [250, 170, 90, 0], atol=4)


def test_16_bits_are_turned_upright(tmp_path):
    values = np.array([[0, 257, 514], [771, 1028, 1285]], np.uint16)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(values)).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(pixels_of(tmp_path / "a.png")[:, :, 0], values // 257)


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


@pytest.mark.parametrize("suffix", ["avif", "heic", "heif", "jfif", "jp2", "jpe", "tga"])
def test_other_kinds_of_photos_are_read(tmp_path, suffix):
    decode_images([])  # registers what reads and writes HEIF
    Image.new("RGB", (64, 48), (200, 40, 90)).save(tmp_path / f"a.{suffix}")
    images, _, broken = decode_images(image_folder(tmp_path))
    assert not broken
    assert images[0].size == (64, 48)
    np.testing.assert_allclose(np.asarray(images[0]).mean((0, 1)), (200, 40, 90), atol=4)


def test_what_reads_a_kind_of_photos_is_said(tmp_path, monkeypatch):
    (tmp_path / "a.jxl").write_bytes(b"\xff\x0a" + bytes(9))
    (tmp_path / "b.heic").write_bytes(b"no photo")
    monkeypatch.setattr("hyperclade.data.images.find_spec", lambda name: None)
    broken = dict(decode_images(image_folder(tmp_path))[2])
    assert broken["a.jxl"] == ".jxl is not read by this Pillow; convert it"
    assert "pip install 'hyperclade[heif]'" in broken["b.heic"]


def test_transparent_parts_are_laid_on_the_background_asked_for(tmp_path):
    hidden = np.zeros((2, 2, 4), np.uint8)
    hidden[..., :3] = (9, 8, 7)
    hidden[0, :, 3] = 255
    Image.fromarray(hidden).save(tmp_path / "a.png")
    items = image_folder(tmp_path)
    for colour, ground in (("white", (255, 255, 255)), ("#ff8800", (255, 136, 0)), ("black", (0, 0, 0))):
        (image,), _, _ = decode_images(on_background(items, colour))
        assert image.getpixel((0, 0)) == (9, 8, 7) and image.getpixel((0, 1)) == ground
    with pytest.raises(ValueError, match="must be a colour such as white or #ff8800, got 'sky'"):
        on_background(items, "sky")

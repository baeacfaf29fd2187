"""Images and masks read by rows: sizes, what is kept decoded and what is not."""

import io

import numpy as np
import pytest
from PIL import Image

from hyperclade.data.image_rows import ImageRows, open_images, open_pictures
from hyperclade.data.images import ImageItem, image_folder


def picture(path, value, size=(6, 4), mode="RGB"):
    """An image of one colour; `value` is its red."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, (value, 0, 255) if mode == "RGB" else value).save(path)


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


def test_both_readers_give_the_right_values_of_any_image(tmp_path):
    """Grey of 8 and 16 bits, hidden colours and a turned image, of several sizes."""
    grey = np.random.default_rng(0).integers(0, 256, (4, 6)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(grey).save(tmp_path / "a.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "b.tif")
    Image.fromarray(grey[::-1, ::-1]).save(tmp_path / "c.png", exif=exif)
    Image.fromarray(np.stack([grey, 0 * grey], axis=2)).save(tmp_path / "d.png")
    picture(tmp_path / "e.png", 9, size=(12, 8))
    picture(tmp_path / "f.tif", 2.0, mode="F")
    items = image_folder(tmp_path)
    images, good, skipped = open_images(items, (4, 6))
    pictures, _, also_skipped = open_pictures(items)
    assert good.tolist() == [0, 1, 2, 3, 4]
    assert (
        skipped
        == also_skipped
        == (("f.tif", "floating-point pixels from 2 to 2; only 0 to 1 has a known scale"),)
    )
    expected = np.broadcast_to(np.stack([grey, grey, grey, 0 * grey + 255])[:, None], (4, 3, 4, 6))
    np.testing.assert_array_equal(images.read(slice(0, 4)), expected)
    np.testing.assert_array_equal(pictures.read([0, 1, 2, 3]), expected)
    assert (images.read([4])[0] == np.array([9, 0, 255])[:, None, None]).all()
    assert pictures.read([4])[0].shape == (3, 8, 12)


def test_a_turned_tiff_has_its_upright_size(tmp_path):
    """Its header may give the size already turned, with the tag to turn it still there."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (6, 4)).save(tmp_path / "a.tif", exif=exif)
    picture(tmp_path / "b.png", 1, size=(4, 6))
    images, good, _ = open_images(image_folder(tmp_path))
    assert (images.size, good.tolist()) == ((6, 4), [0, 1])


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


def test_pixels_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\(n, 3, h, w\) uint8, got \(2, 4, 4, 3\)"):
        ImageRows.of_pixels(np.zeros((2, 4, 4, 3), np.uint8))

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

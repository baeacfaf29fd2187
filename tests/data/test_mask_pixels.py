"""Masks of every kind keep their values or colours, and those that cannot are refused with the reason."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from hyperclade.data.image_rows import VOID, open_masks
from hyperclade.data.images import ImageItem
from hyperclade.data.mask_values import mask_key
from hyperclade.trees.taxonomy import Taxonomy

CLASSES = [f"c{k}" for k in range(4)]
TREE = Taxonomy.from_paths(CLASSES)
VALUES = mask_key(TREE)[1]
PALETTE = {"0,0,0": "c0", "255,255,255": "c1", "#102030": "c2", "3,2,1": "c3", "9,9,9": None}
COLOURS = mask_key(TREE, palette=PALETTE)[1]
RGB = np.array([[0, 0, 0], [255, 255, 255], [16, 32, 48], [3, 2, 1]], dtype=np.uint8)
TRUE = np.array([[0, 1, 2, 3], [3, 2, 1, 0], [1, 1, 0, 0]], dtype=np.uint8)


def classes(image, key, size=TRUE.shape, form="png", **options):
    if isinstance(image, Image.Image):
        stream = io.BytesIO()
        image.save(stream, form, **options)
        image = stream.getvalue()
    rows, good, skipped, found = open_masks([ImageItem("m", None, "m", image)], size, key)
    assert len(good) == 1 and skipped == ()
    return rows.read([0])[0], found


def png(rows, bits, kind, w=4):
    """A PNG of raw rows, of a depth that Pillow does not write."""

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", w, len(rows), bits, kind, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def paletted(values):
    image = Image.fromarray(values, "P")
    image.putpalette(RGB.tobytes())
    return image


def with_alpha(bands, alpha):
    return Image.fromarray(np.dstack([bands, alpha]))


@pytest.mark.parametrize(
    ("image", "form"),
    [
        (Image.fromarray(TRUE), "png"),
        (paletted(TRUE), "png"),
        (paletted(TRUE), "gif"),
        (paletted(TRUE), "bmp"),
        (Image.fromarray(TRUE.astype(np.uint16)), "png"),
        (Image.fromarray(TRUE.astype(np.uint16)), "tiff"),
        (Image.fromarray(TRUE.astype(np.int32)), "tiff"),
        (with_alpha(TRUE, np.full_like(TRUE, 255)), "png"),
        (Image.fromarray(TRUE), "tiff"),
    ],
)
def test_grey_levels_and_indices_are_the_values(image, form):
    np.testing.assert_array_equal(classes(image, VALUES, form=form)[0], TRUE)
    if form != "gif":
        wide, _ = classes(image, VALUES, size=(6, 8), form=form)
        np.testing.assert_array_equal(wide, TRUE.repeat(2, axis=0).repeat(2, axis=1))


def test_one_bit():
    ones = TRUE % 2
    for form in ("png", "tiff"):
        np.testing.assert_array_equal(classes(Image.fromarray(ones == 1), VALUES, form=form)[0], ones)


@pytest.mark.parametrize("form", ["png", "tiff", "ppm"])
def test_levels_of_less_than_8_bits_are_those_of_the_file(form):
    """Pillow reads 0, 1, 2, 3 of 2 bits as 0, 85, 170, 255; of which 255 would be void."""
    if form == "png":
        assert TRUE.shape[1] == 4
        two = png([[int("".join(f"{v:02b}" for v in row), 2)] for row in TRUE.tolist()], 2, 0)
        four = png([[row[0] << 4 | row[1], row[2] << 4 | row[3]] for row in TRUE.tolist()], 4, 0)
        files = [two, four]
    elif form == "tiff":
        rows = bytes(row[0] << 4 | row[1] for pair in TRUE.reshape(3, 2, 2).tolist() for row in pair)
        tags = [(256, 4), (257, 3), (258, 4), (259, 1), (262, 1), (273, 200), (277, 1), (278, 3), (279, 6)]
        entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
        head = struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + struct.pack("<I", 0)
        files = [head.ljust(200, b"\0") + rows]
    else:
        files = [b"P5 4 3 %d\n" % top + TRUE.tobytes() for top in (3, 15, 100, 254)]
        files += [b"P5 4 3 1000\n" + TRUE.astype(">u2").tobytes()]
    for file in files:
        np.testing.assert_array_equal(classes(file, VALUES)[0], TRUE)


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(RGB[TRUE]),
        paletted(TRUE),
        with_alpha(RGB[TRUE], np.full_like(TRUE, 255)),
    ],
)
def test_colours_of_the_palette(image):
    np.testing.assert_array_equal(classes(image, COLOURS)[0], TRUE)


def test_grey_masks_have_colours_too():
    ones = TRUE % 2
    for image in (Image.fromarray(ones * 255), Image.fromarray(ones == 1)):
        np.testing.assert_array_equal(classes(image, COLOURS)[0], ones)
    np.testing.assert_array_equal(classes(Image.fromarray(TRUE * 0 + 9), COLOURS)[0], TRUE * 0 + VOID)


def test_transparent_pixels_are_void_and_counted():
    alpha = np.full_like(TRUE, 255)
    alpha[0, 1:] = 0
    hidden = np.where(alpha == 0, 77, TRUE).astype(np.uint8)  # what they hide does not matter
    expected = np.where(alpha == 0, VOID, TRUE)
    for image, key in (
        (with_alpha(hidden, alpha), VALUES),
        (with_alpha(np.where(alpha[:, :, None] == 0, 77, RGB[TRUE]).astype(np.uint8), alpha), COLOURS),
    ):
        found, seen = classes(image, key)
        np.testing.assert_array_equal(found, expected)
        assert seen.transparent == 1 and len(seen.codes) == 4
    alpha[2, 2] = 100
    with pytest.raises(ValueError, match=r"mask m has a pixel that is partly transparent \(alpha 100\)"):
        classes(with_alpha(TRUE, alpha), VALUES)


def test_lossy_kinds_are_refused():
    image = Image.fromarray(TRUE)
    for form, options in (("jpeg", {}), ("jpeg2000", {}), ("tiff", {"compression": "jpeg"})):
        with pytest.raises(ValueError, match=r"mask m is compressed as .*; write masks as PNG"):
            classes(image, VALUES, form=form, **options)
    noisy = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8))
    with pytest.raises(
        ValueError, match=r"mask m has the colour #[0-9a-f]{6} \([0-9,]+\), which no class has"
    ):
        classes(noisy, COLOURS, size=(16, 16), form="webp")


def test_16_bits_that_pillow_cuts_off_are_refused():
    for file, key in (
        (png([[1, 44, 255, 255] * 4], 16, 4), VALUES),  # 300 with alpha, read as 1
        (png([[3, 9, 2, 9, 1, 9] * 4], 16, 2), COLOURS),
    ):
        with pytest.raises(ValueError, match=r"mask m has colours or transparency of 16 bits"):
            classes(file, key, size=(1, 4))


@pytest.mark.parametrize(
    ("image", "form", "key", "match"),
    [
        (Image.fromarray(RGB[TRUE]), "png", VALUES, r"is of kind 'RGB'; .* the option palette"),
        (Image.new("F", (4, 3)), "tiff", VALUES, "is of kind 'F'"),
        (Image.new("F", (4, 3)), "tiff", COLOURS, "is of kind 'F'; a palette needs"),
        (Image.new("CMYK", (4, 3)), "tiff", COLOURS, "is of kind 'CMYK'"),
        (Image.fromarray(TRUE.astype(np.uint16)), "png", COLOURS, "is of kind 'I;16'"),
        (Image.fromarray(TRUE + 1), "png", VALUES, "has the value 4, which no class has"),
        (Image.new("RGB", (4, 3), (1, 0, 255)), "png", COLOURS, r"has the colour #0100ff \(1,0,255\), which"),
    ],
)
def test_kinds_and_codes_without_class_are_named(image, form, key, match):
    with pytest.raises(ValueError, match=f"mask m {match}"):
        classes(image, key, form=form)

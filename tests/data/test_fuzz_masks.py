"""Masks of random bytes, kinds and sizes: classes, a reason why there are none, or ValueError; never else."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hyperclade.data.image_rows import VOID, image_size, open_masks
from hyperclade.data.images import ImageItem
from hyperclade.data.mask_values import mask_key
from hyperclade.trees.taxonomy import Taxonomy

TREE = Taxonomy.from_paths([f"c{k}" for k in range(6)])
COLOURS = np.array([[0, 0, 0], [255, 255, 255], [1, 2, 3], [3, 2, 1], [0, 0, 255], [128, 64, 128]], np.uint8)
BY_VALUE = mask_key(TREE)[1]
BY_COLOUR = mask_key(TREE, palette={",".join(map(str, c)): f"c{k}" for k, c in enumerate(COLOURS.tolist())})[
    1
]
FORMS = {
    "1": ("png", "tiff", "bmp"),
    "L": ("png", "tiff", "bmp", "ppm"),
    "P": ("png", "tiff", "bmp", "gif"),
    "LA": ("png", "tiff"),
    "I;16": ("png", "tiff"),
    "I": ("tiff",),
    "RGB": ("png", "tiff", "bmp", "ppm"),
    "RGBA": ("png", "tiff"),
    "F": ("tiff",),
    "CMYK": ("tiff", "jpeg"),
    "YCbCr": ("jpeg", "tiff"),
}
KINDS = [(mode, form) for mode, forms in FORMS.items() for form in forms]
pytestmark = pytest.mark.filterwarnings("ignore:::PIL")  # about damaged files
fuzz = settings(deadline=None, derandomize=True, database=None)


@st.composite
def true_masks(draw):
    """A mask of classes 0 to 5, each as likely, with sides from 1 to 9."""
    h, w = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    return np.random.default_rng(draw(st.integers(0, 1 << 16))).integers(0, 6, (h, w)).astype(np.uint8)


def encoded(image, form):
    stream = io.BytesIO()
    image.save(stream, form, **({"optimize": False} if form == "gif" else {}))  # which drops colours
    return stream.getvalue()


def drawn(mode, true):
    """The mask in a mode: its classes as values, or the colours of the classes."""
    if mode == "1":
        return Image.fromarray(true == 1)
    if mode == "P":
        image = Image.fromarray(true, "P")
        image.putpalette(COLOURS.tobytes())
        return image
    if mode in ("LA", "RGBA"):
        bands = true if mode == "LA" else COLOURS[true]
        return Image.fromarray(np.dstack([bands, np.full_like(true, 255)]))
    if mode == "RGB":
        return Image.fromarray(COLOURS[true])
    if mode in ("CMYK", "YCbCr"):
        return Image.fromarray(COLOURS[true]).convert(mode)
    return Image.fromarray(true.astype({"L": "u1", "I;16": "u2", "I": "i4", "F": "f4"}[mode]))


def read(data, key, size):
    """Classes, or None where they are refused or there are none."""
    item = ImageItem("m", None, "m", data)
    image_size(item)
    try:
        rows, good, skipped, _ = open_masks([item], size, key)
    except ValueError as error:
        assert "mask" in str(error) and "m" in str(error)
        return None
    assert len(rows) == len(good) == 1 and not skipped
    classes = rows.read([0])[0]
    assert classes.shape == size and ((classes < 6) | (classes == VOID)).all()
    return classes


@settings(fuzz, max_examples=300)
@given(true_masks(), st.sampled_from(KINDS), st.booleans())
def test_well_formed_masks_have_the_classes_written(true, kind, by_colour):
    mode, form = kind
    found = read(encoded(drawn(mode, true), form), BY_COLOUR if by_colour else BY_VALUE, true.shape)
    readable = mode in ("1", "P", "RGB", "RGBA") if by_colour else mode in ("1", "L", "LA", "P", "I;16", "I")
    if by_colour and mode in ("L", "LA"):  # grey of 1 to 5 is no colour of theirs
        assert found is None or not true.any()
    elif not readable:
        assert found is None
    else:
        np.testing.assert_array_equal(found, true == 1 if mode == "1" else true)


@settings(fuzz, max_examples=400)
@given(true_masks(), st.sampled_from(KINDS), st.data())
def test_damaged_masks_are_read_or_refused(true, kind, data):
    whole = bytearray(encoded(drawn(kind[0], true), kind[1]))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, min(len(whole), 400) - 1))
        whole[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(1, len(whole)))
    key = data.draw(st.sampled_from([BY_VALUE, BY_COLOUR]))
    size = data.draw(st.sampled_from([true.shape, (4, 5), (1, 1)]))
    read(bytes(whole if data.draw(st.booleans()) else whole[:cut]), key, size)


@settings(fuzz, max_examples=400)
@given(
    st.sampled_from(
        [b"", b"\x89PNG\r\n\x1a\n", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"GIF89a", b"BM", b"P5 "]
    ),
    st.binary(max_size=200),
    st.sampled_from([BY_VALUE, BY_COLOUR]),
)
def test_random_bytes_are_read_or_refused(head, body, key):
    read(head + body, key, (4, 5))


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (40, 2)])
def test_masks_of_any_size_are_brought_to_it(size):
    rng = np.random.default_rng(0)
    for h, w in ((1, 1), (1, 30), (30, 1), (5, 8)):
        true = rng.integers(0, 6, (h, w)).astype(np.uint8)
        found = read(encoded(Image.fromarray(true), "png"), BY_VALUE, size)
        assert set(np.unique(found)) <= set(np.unique(true))

"""Masks become files that say the same, beside all others: colours, paths, pictures, marks."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import interpolate

from hyperclade.data.image_rows import ImageRows, Pictures
from hyperclade.data.images import ImageItem
from hyperclade.learning.painting import (
    class_colours,
    legend,
    likeliest,
    mark_of,
    mask_paths,
    overlay,
    read_mask,
    write_picture,
)
from hyperclade.trees.taxonomy import Taxonomy

TAXONOMY = Taxonomy.from_paths(["animal/dog", "animal/cat", "plant/oak", "plant/fern", "rock"])
NO_FILES = ImageRows.of_pixels(np.zeros((1, 3, 2, 2), np.uint8))


def never(path):
    return False


@pytest.mark.parametrize("size", [(5, 7), (23, 31), (1, 40), (40, 1), (6, 9)])
def test_the_likeliest_is_that_of_all_scores_at_once(size):
    scores = torch.randn(2, 9, 6, 9, generator=torch.Generator().manual_seed(0))
    expected = interpolate(scores, size, mode="bilinear", align_corners=False).argmax(1)
    found = likeliest(scores, size)
    assert found.dtype == torch.uint8
    assert torch.equal(found.long(), expected)


def test_of_more_classes_than_a_byte_holds_the_likeliest_is_told_too():
    scores = torch.zeros(1, 300, 2, 3)
    scores[0, 280, 0], scores[0, 31, 1] = 1.0, 1.0
    assert likeliest(scores, (2, 3)).tolist() == [[[280] * 3, [31] * 3]]


def test_colours_of_classes_differ_and_parents_have_their_mean():
    colours = class_colours(TAXONOMY, TAXONOMY.leaves)
    leaves = colours[TAXONOMY.leaves]
    assert len(np.unique(leaves, axis=0)) == len(leaves)
    animals = [TAXONOMY.index("animal/dog"), TAXONOMY.index("animal/cat")]
    assert np.abs(colours[TAXONOMY.index("animal")] - colours[animals].mean(0)).max() <= 1


def test_classes_under_one_parent_look_alike():
    interleaved = Taxonomy.from_paths([f"{k % 3}/{k}" for k in range(12)])
    colours = class_colours(interleaved, interleaved.leaves)[interleaved.leaves] / 255.0
    red, green, blue = colours.T
    angle = np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue)
    apart = np.abs(np.angle(np.exp(1j * (angle[:, None] - angle))))
    same = np.arange(12)[:, None] % 3 == np.arange(12) % 3
    for k in range(12):  # the 3 nearest hues of a run of 4 are within 3/12 of the circle
        assert apart[k][same[k]].max() < 3.2 / 12 * 2 * np.pi


def test_no_classes_have_no_colours():
    with pytest.raises(ValueError, match="no classes"):
        class_colours(TAXONOMY, np.zeros(0, np.int64))


def test_overlays_mix_images_and_colours():
    rng = np.random.default_rng(0)
    image, first, second = rng.integers(0, 256, (3, 4, 5, 3)).astype(np.uint8)
    found = np.split(overlay(image, [first, second]), 3, axis=1)
    np.testing.assert_array_equal(found[0], image)
    for view, colours in zip(found[1:], (first, second), strict=True):
        assert np.abs(view - (0.45 * image + 0.55 * colours)).max() <= 1


@pytest.mark.parametrize(("k", "mode"), [(3, "P"), (256, "P"), (257, "I;16"), (700, "I;16")])
def test_masks_are_read_as_they_were_written(k, mode, tmp_path):
    rng = np.random.default_rng(k)
    mask, palette = rng.integers(0, k, (9, 7)), rng.integers(0, 256, (k, 3)).astype(np.uint8)
    mask[0, 0] = k - 1
    write_picture(tmp_path / "new" / "a.png", mask, palette, mark="mine")
    np.testing.assert_array_equal(read_mask(tmp_path / "new" / "a.png"), mask)
    assert mark_of(tmp_path / "new" / "a.png") == "mine"
    with Image.open(tmp_path / "new" / "a.png") as picture:
        assert picture.mode == mode
        if mode == "P":
            np.testing.assert_array_equal(np.asarray(picture.convert("RGB")), palette[mask])


def test_only_marked_pictures_have_a_mark(tmp_path):
    write_picture(tmp_path / "a.png", np.zeros((2, 2, 3), np.uint8))
    (tmp_path / "b.png").write_text("no picture")
    assert [mark_of(tmp_path / name) for name in ("a.png", "b.png", "c.png")] == [None] * 3


def test_a_legend_can_be_written_as_json():
    colours = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
    found = json.loads(json.dumps(legend(["sky", "sea"], colours)))
    assert found == {"0": {"name": "sky", "colour": [1, 2, 3]}, "1": {"name": "sea", "colour": [4, 5, 6]}}


def test_paths_stay_in_their_folder(tmp_path):
    ids = (str(tmp_path / "a.png"), "../../b.jpg", "frame.001", "frame.002", "c.tar.PNG")
    inside = tmp_path.relative_to(tmp_path.anchor).as_posix()
    found = mask_paths(tmp_path / "out", ids, NO_FILES, ours=never)
    names = [path.relative_to(tmp_path / "out").as_posix() for path in found]
    assert names == [f"{inside}/a.png", "b.png", "frame.001.png", "frame.002.png", "c.tar.png"]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("ids", "match"),
    [
        (("a.png", "b", "a.jpg"), r"images 'a\.png' and 'a\.jpg' would both be written to .*a\.png"),
        (("a/b", "c", "../a/b.png"), r"'a/b' and '\.\./a/b\.png' would both"),
        (("a", "a.fine", "b"), r"'a' and 'a\.fine' would both"),
        (("a", "b", ".."), r"id '\.\.' names no file"),
        (("a", "deep/kept.png"), r"'deep/kept\.png' would be written to .*kept\.png, which is needed"),
    ],
)
def test_ids_that_name_one_file_or_none_are_refused(ids, match, tmp_path):
    with pytest.raises(ValueError, match=match):
        mask_paths(
            tmp_path, ids, NO_FILES, ours=never, endings=(".fine.png",),
            reserved=[tmp_path / "deep" / "kept.png"],
        )  # fmt: skip


def test_images_and_files_of_others_are_never_replaced(tmp_path):
    for name in ("a.png", "b.fine.png"):
        Image.new("RGB", (2, 2)).save(tmp_path / name)
    with pytest.raises(ValueError, match=r"a\.png is there already and would be replaced"):
        mask_paths(tmp_path, ["a.jpg"], NO_FILES, ours=never)
    with pytest.raises(ValueError, match=r"b\.fine\.png is there already"):
        mask_paths(tmp_path, ["b.jpg"], NO_FILES, ours=never, endings=(".fine.png",))
    assert mask_paths(tmp_path, ["a.jpg"], NO_FILES, ours=lambda path: True) == [tmp_path / "a.png"]
    itself = Pictures((ImageItem("a.png", None, "a", tmp_path / "a.png"),))
    with pytest.raises(ValueError, match=r"a\.png is there already"):  # even where it were ours
        mask_paths(tmp_path, ["a.png"], itself, ours=lambda path: True)
    with pytest.raises(ValueError, match="is a file"):
        mask_paths(tmp_path / "a.png", ["b"], NO_FILES, ours=never)

"""Joint augmentation against torch's resizing, and by what images and masks must keep in common."""

import pytest
import torch

from hyperclade.data.image_rows import VOID
from hyperclade.learning.augment_masks import augment_masked

PLAIN = {"scale": (1.0, 1.0), "flip": False, "strengths": None}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def numbered(b, h, w):
    """Images whose channels name the place of every pixel, and masks of random classes."""
    images = torch.zeros(b, 3, h, w, dtype=torch.uint8)
    images[:, 0] = torch.arange(h)[:, None]
    images[:, 1] = torch.arange(w)
    return images, torch.randint(0, 20, (b, h, w), dtype=torch.uint8, generator=seeded(9))


def test_a_crop_of_the_whole_image_is_the_image():
    images, masks = numbered(2, 12, 15)
    crops, classes = augment_masked(images, masks, size=(12, 15), **PLAIN)
    torch.testing.assert_close(crops, images / 255)
    assert torch.equal(classes, masks)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_scaling_is_torchs_resizing_with_antialiasing(factor):
    images, masks = numbered(2, 24, 32)
    images += torch.randint(0, 200, images.shape, dtype=torch.uint8, generator=seeded())
    size = (int(24 * factor), int(32 * factor))
    settings = PLAIN | {"scale": (factor, factor)}
    crops, classes = augment_masked(images, masks, size=size, **settings)
    expected = torch.nn.functional.interpolate(images.float() / 255, size, mode="bilinear", antialias=True)
    torch.testing.assert_close(crops, expected, atol=1e-4, rtol=0)
    whole = torch.nn.functional.interpolate(masks[:, None].float(), size, mode="nearest-exact")
    assert torch.equal(classes, whole[:, 0].byte())


def test_pixels_keep_their_classes_through_scale_crop_and_mirror():
    h, w = 40, 60
    images, masks = numbered(60, h, w)
    crops, classes = augment_masked(images, masks, size=(30, 36), strengths=None, generator=seeded())
    rows, columns = (crops[:, :2] * 255).unbind(1)
    inside = classes != VOID
    # Far from halfway between two pixels and from the border, the colours say where a pixel lies.
    sure = inside & ((rows % 1 - 0.5).abs() > 0.01) & ((columns % 1 - 0.5).abs() > 0.01)
    sure &= (rows > 1) & (rows < h - 2) & (columns > 1) & (columns < w - 2)
    assert sure.float().mean() > 0.5
    image = torch.arange(60)[:, None, None].expand_as(rows)[sure]
    assert torch.equal(classes[sure], masks[image, rows[sure].round().long(), columns[sure].round().long()])


def test_scales_places_and_mirrors_fill_their_ranges():
    images, masks = numbered(2_000, 10, 10)
    images *= 20
    crops, _ = augment_masked(images, masks, size=(4, 4), scale=(1.0, 2.0), strengths=None)
    middle = crops[:, :2, 1:3, 1:3] * 255 / 20
    down = (middle[:, 0, 1, :] - middle[:, 0, 0, :]).mean(dim=1)  # source pixels of a pixel: 1 / scale
    across = (middle[:, 1, :, 1] - middle[:, 1, :, 0]).mean(dim=1)
    assert 0.4 < (across < 0).float().mean() < 0.6
    inner = (middle.amin(dim=(1, 2, 3)) > 1) & (middle.amax(dim=(1, 2, 3)) < 8)  # not smoothed by an edge
    torch.testing.assert_close(down[inner], across[inner].abs(), atol=1e-2, rtol=0)
    logs = (1 / down[inner]).log2()
    quantiles = torch.quantile(logs, torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0]))
    torch.testing.assert_close(quantiles, torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0]), atol=0.1, rtol=0)
    centres = middle[:, 0].mean(dim=(1, 2)) + 0.5
    assert centres.min() < 1.5
    assert centres.max() > 8.5
    assert abs(centres.mean() - 5) < 0.1


def test_around_small_images_lie_grey_and_void():
    images = torch.full((50, 3, 8, 10), 255, dtype=torch.uint8)
    masks = torch.full((50, 8, 10), 3, dtype=torch.uint8)
    crops, classes = augment_masked(images, masks, size=(20, 30), scale=(0.5, 1.5), generator=seeded())
    inside = classes == 3
    assert torch.equal(~inside, classes == VOID)
    assert torch.isfinite(crops).all()
    assert (crops.movedim(1, -1)[~inside] == 0.5).all()
    height, width = inside.any(dim=2).sum(dim=1), inside.any(dim=1).sum(dim=1)
    assert torch.equal(inside.sum(dim=(1, 2)), height * width)  # one rectangle
    assert 4 <= height.min() < 6
    assert 10 < height.max() <= 12
    first = inside.any(dim=2).float().argmax(dim=1)
    assert first.min() < 3
    assert (first + height).max() > 17


def test_colours_change_and_classes_do_not():
    images, masks = numbered(6, 9, 9)
    images += torch.randint(0, 200, images.shape, dtype=torch.uint8, generator=seeded())
    settings = {"size": (9, 9), "scale": (1.0, 1.0), "flip": False}
    crops, classes = augment_masked(images, masks, **settings)
    assert torch.equal(classes, masks)
    assert ((crops - images / 255).abs().amax(dim=(1, 2, 3)) > 0.02).all()
    assert 0 <= crops.min() <= crops.max() <= 1


def test_one_state_gives_one_augmentation():
    images, masks = numbered(4, 16, 16)
    one, again, other = (augment_masked(images, masks, size=(8, 8), generator=seeded(s)) for s in (1, 1, 2))
    assert torch.equal(one[0], again[0])
    assert torch.equal(one[1], again[1])
    assert not torch.equal(one[0], other[0])


@pytest.mark.parametrize(
    ("images", "masks", "settings", "message"),
    [
        (torch.zeros(1, 1, 4, 4, dtype=torch.uint8), None, {}, "images must be uint8 of shape"),
        (torch.zeros(1, 3, 4, 4), None, {}, "images must be uint8 of shape"),
        (None, torch.zeros(1, 4, 5, dtype=torch.uint8), {}, r"masks must be uint8 of shape \(1, 4, 4\)"),
        (None, torch.zeros(1, 4, 4, dtype=torch.int64), {}, "masks must be uint8"),
        (None, None, {"size": (0, 4)}, "size must be"),
        (None, None, {"scale": (2.0, 1.0)}, "scale must be"),
    ],
)
def test_other_inputs_are_refused(images, masks, settings, message):
    images = torch.zeros(1, 3, 4, 4, dtype=torch.uint8) if images is None else images
    masks = torch.zeros(1, 4, 4, dtype=torch.uint8) if masks is None else masks
    with pytest.raises(ValueError, match=message):
        augment_masked(images, masks, **({"size": (4, 4)} | settings))

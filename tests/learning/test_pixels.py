"""Samples of pixels by their laws, and features at pixels against torch's interpolation of the whole map."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperclade.data.image_rows import VOID
from hyperclade.learning.pixels import features_at, sample_pixels

SIDES = st.integers(1, 9)


@settings(max_examples=60, deadline=None)
@given(st.tuples(SIDES, SIDES), st.tuples(st.integers(1, 40), st.integers(1, 40)), st.integers(0, 99))
def test_features_are_those_of_the_map_resized_to_the_image(cells, size, seed):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(2, 3, *cells, generator=generator)
    positions = torch.cartesian_prod(torch.arange(2), torch.arange(size[0]), torch.arange(size[1]))
    whole = torch.nn.functional.interpolate(features, size, mode="bilinear", align_corners=False)
    expected = whole.permute(0, 2, 3, 1).reshape(-1, 3)
    torch.testing.assert_close(features_at(features, positions, size), expected, atol=1e-4, rtol=1e-4)


def test_gradients_reach_the_map():
    features = torch.randn(2, 3, 2, 4, dtype=torch.float64, requires_grad=True)
    positions = torch.tensor([[0, 0, 0], [1, 6, 15], [1, 6, 15], [1, 3, 8]])
    assert torch.autograd.gradcheck(lambda maps: features_at(maps, positions, (7, 16)), features)


def test_every_labelled_pixel_is_as_likely_and_none_comes_twice():
    masks = torch.zeros(3, 5, 6, dtype=torch.uint8)
    masks[1] = VOID
    masks[1, 2, 3] = masks[1, 4, 0] = 7
    masks[2, 1:] = VOID
    counts = torch.zeros(3, 5, 6)
    generator = torch.Generator().manual_seed(0)
    for _ in range(2_000):
        positions = sample_pixels(masks, 4, generator=generator)
        assert torch.equal(positions[:, 0], torch.tensor([0] * 4 + [1] * 2 + [2] * 4))
        image, row, column = positions.T
        assert len(positions.unique(dim=0)) == 10
        counts[image, row, column] += 1 / 2_000
    expected = torch.where(masks == VOID, 0, torch.tensor([4 / 30, 1, 4 / 6])[:, None, None])
    torch.testing.assert_close(counts, expected, atol=0.05, rtol=0)
    assert torch.equal(counts > 0, masks != VOID)


def test_images_without_any_class_give_no_pixels():
    assert sample_pixels(torch.full((2, 3, 3), VOID, dtype=torch.uint8), 5).shape == (0, 3)


def test_more_pixels_than_there_are_give_them_all():
    positions = sample_pixels(torch.zeros(2, 3, 4, dtype=torch.uint8), 100)
    assert len(positions.unique(dim=0)) == 24


@pytest.mark.parametrize(
    ("masks", "n", "message"),
    [
        (torch.zeros(3, 3, dtype=torch.uint8), 1, "masks must be uint8"),
        (torch.zeros(1, 3, 3, dtype=torch.int64), 1, "masks must be uint8"),
        (torch.zeros(1, 3, 3, dtype=torch.uint8), 0, "n_per_image must be at least 1"),
    ],
)
def test_other_inputs_are_refused(masks, n, message):
    with pytest.raises(ValueError, match=message):
        sample_pixels(masks, n)

"""Texture mosaics: masks are held against the tints of pixels, bytes against those of other machines."""

import hashlib
import itertools

import numpy as np
import pytest

from hyperclade.data.mosaics import texture_mosaics

SIZE = (64, 80)


def digest(mosaics):
    every = slice(None)
    content = mosaics.images.read(every).tobytes() + mosaics.masks.read(every).tobytes()
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(scope="module")
def mosaics():
    return texture_mosaics(40, seed=3, size=SIZE)


def test_masks_are_exact(mosaics):
    """The tint that a class is named after is that of each of its pixels, up to the borders of regions.

    Noise and light are the same for red, green and blue, so tints differ in the signs of their differences.
    """
    red, green, blue = mosaics.images.read(slice(None)).astype(int).transpose(1, 0, 2, 3)
    seen = np.select([red - blue > 14, blue - red > 14, green - red > 10], ["brown", "blue", "green"], "grey")
    seen[(green - red > 10) & (green - blue > 0)] = "green"
    names = [mosaics.taxonomy.names[node].split("/")[-1].split()[0] for node in mosaics.class_nodes]
    assert set(names) == {"brown", "blue", "green", "grey"}
    np.testing.assert_array_equal(seen, np.array(names)[mosaics.masks.read(slice(None))])


def test_images_are_of_several_regions_and_all_classes_occur(mosaics):
    masks = mosaics.masks.read(slice(None))
    numbers = [len(np.unique(mask)) for mask in masks]
    assert 4 <= min(numbers) < max(numbers) <= 14
    assert mosaics.empty_classes() == ()
    same = (masks[:, :, 1:] == masks[:, :, :-1]).mean()
    assert same > 0.9  # neighbours lie in one region, as a rule


def test_three_levels_nest(mosaics):
    taxonomy = mosaics.taxonomy
    levels = taxonomy.levels(mosaics.class_nodes)
    assert [len(np.unique(level)) for level in levels] == [6, 12, 24]
    for above, below in itertools.pairwise(levels):
        assert all(len(set(above[below == node])) == 1 for node in below)
        assert {len(set(below[above == node])) for node in above} == {2}
    for material in np.unique(levels[0]):
        leaves = [taxonomy.names[node] for node in mosaics.class_nodes[levels[0] == material]]
        assert sorted(leaf.split("/")[-1].split()[0] for leaf in leaves) == ["blue", "brown", "green", "grey"]


def test_the_seed_decides_the_bytes(mosaics):
    again, longer = texture_mosaics(40, seed=3, size=SIZE), texture_mosaics(41, seed=3, size=SIZE)
    assert digest(again) == digest(mosaics) == digest(longer.subset(slice(0, 40)))
    assert mosaics.fingerprint() == again.fingerprint()


def test_bytes_are_those_of_other_processors():
    """All operations are rounded exactly by IEEE 754, so another digest means that one of them is not."""
    assert digest(texture_mosaics(12, seed=0, size=SIZE)) == (
        "fc67884b596c7ade8c22ab526c9c5930cd473cefce0f3fd6591ba4812ece0289"
    )


def test_seeds_share_no_image(mosaics):
    other = texture_mosaics(40, seed=4, size=SIZE)
    both = np.concatenate([mosaics.images.read(slice(None)), other.images.read(slice(None))])
    assert len({image.tobytes() for image in both}) == 80
    assert not set(mosaics.ids) & set(other.ids)


@pytest.mark.parametrize("wrong", [{"n": 0}, {"seed": -1}, {"size": (15, 64)}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="need an image, a seed from 0 and 16 × 16 pixels"):
        texture_mosaics(**{"n": 1, "size": SIZE} | wrong)

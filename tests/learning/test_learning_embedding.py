"""Features of images and of their views: the network's, kept in blocks, the same wherever a kill comes."""

import numpy as np
import pytest
import torch

from hyperclade.data.image_rows import ImageRows
from hyperclade.learning import kept
from hyperclade.learning.augment import augment_frames, plain_frames
from hyperclade.learning.embedding import features_of, load_body, view_features
from hyperclade.learning.kept import Kept
from hyperclade.learning.settings import Training
from small_segmentation import save_vit


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    return str(save_vit(tmp_path_factory.mktemp("vit")))


def images(n=40, seed=0):
    return ImageRows.of_pixels(np.random.default_rng(seed).integers(0, 256, (n, 3, 20, 24), dtype=np.uint8))


def test_features_are_those_of_the_network(vit):
    rows, body = images(5), load_body(vit, 32).eval()
    pixels = torch.from_numpy(rows.read(slice(None)))
    with torch.no_grad():
        expected = body(plain_frames(pixels[:, None], size=32)[:, 0]).numpy()
    np.testing.assert_allclose(features_of(rows, vit, 32, device="cpu"), expected, atol=1e-5)
    found = view_features(rows, {}, None, vit, 32, device="cpu")
    np.testing.assert_allclose(found[:, 0], expected, atol=2e-3)


def test_views_are_random_crops_that_depend_on_nothing_but_the_settings(vit):
    rows, training = images(5), Training(colour=False)
    found = view_features(rows, {}, None, vit, 32, views=2, training=training, device="cpu")
    assert found.shape == (5, 3, 16) and found.dtype == np.float16
    torch.manual_seed(7)  # whatever torch's own numbers
    again = view_features(rows, {}, None, vit, 32, views=2, training=training, device="cpu")
    assert (found == again).all() and np.abs(found[:, 1] - found[:, 2].astype(np.float32)).max() > 0.01
    generator, body = torch.Generator().manual_seed(1), load_body(vit, 32).eval()
    frames = augment_frames(
        torch.from_numpy(rows.read(slice(None)))[:, None], size=32, colour=False, area=training.area,
        generator=generator,
    )  # fmt: skip
    with torch.no_grad():
        np.testing.assert_allclose(found[:, 2], body(frames[:, 0]).numpy(), atol=5e-3)


def test_a_killed_call_goes_on_with_the_block_that_it_was_at(vit, tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "_BLOCK", 16)
    rows, options = images(), {"views": 1, "training": Training(), "device": "cpu"}
    whole = view_features(rows, {"n": 1}, None, vit, 32, **options)
    fill, filled = Kept._fill, []

    def stop(self, found, block, compute):
        if len(filled) == 2:
            raise KeyboardInterrupt
        filled.append(block)
        fill(self, found, block, compute)

    monkeypatch.setattr(Kept, "_fill", stop)
    with pytest.raises(KeyboardInterrupt):
        view_features(rows, {"n": 1}, tmp_path, vit, 32, **options)

    def noted(self, found, block, compute):
        filled.append(block)
        fill(self, found, block, compute)

    monkeypatch.setattr(Kept, "_fill", noted)
    found = view_features(rows, {"n": 1}, tmp_path, vit, 32, **options)
    assert (found == whole).all() and [block.start for block in filled] == [0, 16, 32]
    view_features(rows, {"n": 2}, tmp_path, vit, 32, **options)  # other images
    assert len(filled) == 6


def test_a_line_that_a_kill_has_cut_does_not_spoil_the_next(tmp_path):
    asked = []

    def compute(rows):
        asked.append(rows.start)
        return np.array(rows)

    Kept(tmp_path, {}, None, at_once=32).array("x", 70, (), compute, "counting")
    sums = next(tmp_path.glob("*.jsonl"))
    sums.write_bytes(sums.read_bytes()[:-3])
    for times in (4, 4):  # the block of that line once more, then none
        found = Kept(tmp_path, {}, None, at_once=32).array("x", 70, (), compute, "counting")
        assert found.tolist() == list(range(70)) and len(asked) == times


def test_images_need_a_backbone():
    with pytest.raises(ValueError, match=r"need a backbone\.name"):
        load_body(None, 32)

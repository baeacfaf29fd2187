"""Crops, features, components, nearest crops and local weights against loops; what a kill leaves is used."""

import json
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from hyperclade.data.image_rows import Pictures
from hyperclade.data.images import ImageItem
from hyperclade.encoders.patches import load_patches
from hyperclade.learning import kept
from hyperclade.learning.kept import Kept
from hyperclade.segmentation import prepare
from hyperclade.segmentation.method import Segmenter
from hyperclade.segmentation.prepare import (
    components_of,
    digest_of,
    local_weights,
    mirrored_features,
    nearest,
    prepare_crops,
    prepare_judged,
)
from hyperclade.segmentation.sources import ImageSet
from small_segmentation import planted, recipe, save_vit, to_judge, to_learn


class AllOfIt(Segmenter):
    needs = frozenset({"positive", "view", "local"})


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    return save_vit(tmp_path_factory.mktemp("vit"))


@pytest.fixture(scope="module")
def patches(vit):
    return load_patches(str(vit))


@pytest.fixture
def blocks_of_2(monkeypatch):
    monkeypatch.setattr(kept, "_BLOCK", 2)


def of_sizes(*sizes):
    """Images, each of its own size."""
    items, arrays = [], []
    for seed, size in enumerate(sizes):
        arrays.append(planted(1, seed=seed, size=size)[0][0])
        items.append(ImageItem(f"{seed}.png", None, str(seed), encoded(arrays[-1])))
    return ImageSet(Pictures(tuple(items)), tuple(item.id for item in items)), arrays


def encoded(pixels):
    file = BytesIO()
    Image.fromarray(pixels.transpose(1, 2, 0)).save(file, "png")
    return file.getvalue()


def square(pixels, side):
    """Brought to `side` by Pillow, whose antialiased bilinear filter is the same triangle; values 0 … 1."""
    channels = [Image.fromarray(channel.astype(np.float32)).resize((side, side), 2) for channel in pixels]
    return np.stack([np.asarray(channel) for channel in channels]) / 255


# ---- crops and features ----


@pytest.mark.parametrize("size", [(60, 90), (81, 47), (33, 33)])
def test_crops_are_the_middle_squares_of_corners_and_middle(size):
    pixels = planted(1, size=size)[0][0]
    training = recipe("x", ratio=0.6, five_crop=True).training
    found = prepare._cut(pixels, training, 32).numpy()
    (h, w), (tall, wide) = size, (round(0.6 * size[0]), round(0.6 * size[1]))
    n = min(tall, wide)
    corners = [(0, 0), (0, w - wide), (h - tall, 0), (h - tall, w - wide), ((h - tall) // 2, (w - wide) // 2)]
    assert len(found) == 5
    for crop, (top, left) in zip(found, corners, strict=True):
        top, left = top + (tall - n) // 2, left + (wide - n) // 2
        np.testing.assert_allclose(crop, square(pixels[:, top : top + n, left : left + n], 32), atol=1e-4)


def test_without_five_crops_it_is_the_middle_square_of_the_image():
    pixels = planted(1, size=(40, 70))[0][0]
    found = prepare._cut(pixels, recipe("x", five_crop=False).training, 32).numpy()
    np.testing.assert_allclose(found[0], square(pixels[:, :, 15:55], 32), atol=1e-4)
    assert len(found) == 1


def test_features_are_those_of_the_network_for_images_of_any_sizes(vit, patches, blocks_of_2, tmp_path):
    samples, arrays = of_sizes((60, 90), (33, 47), (8, 300), (90, 60), (1, 1))
    chosen = recipe(vit, five_crop=True)
    found = prepare_crops(chosen, samples, AllOfIt, tmp_path, device="cpu")
    assert found.features.shape == (25, 16, 4, 4) and found.local.shape == (25, 9, 4, 4)
    for image, pixels in enumerate(arrays):
        crops = prepare._cut(pixels, chosen.training, 32)
        own = found.features[5 * image : 5 * image + 5].astype(np.float32)
        np.testing.assert_allclose(own, patches(crops).numpy(), atol=5e-3)
    assert found.view.shape == found.features.shape and not np.array_equal(found.view, found.features)
    in_memory = prepare_crops(chosen, samples, AllOfIt, None, device="cpu")
    for name in ("features", "view", "local", "neighbours"):
        np.testing.assert_array_equal(getattr(in_memory, name), getattr(found, name))


@pytest.mark.parametrize(("size", "seen"), [((32, 40), (4, 5)), ((29, 43), (4, 5)), ((2, 12), (1, 2))])
def test_mirror_images_have_features_of_their_own(patches, size, seen):
    images = torch.from_numpy(planted(2, size=size)[0])
    found = mirrored_features(patches, images)
    assert found.shape == (2, 2, 16, *seen)
    again = mirrored_features(patches, images.flip(3))
    np.testing.assert_allclose(found[:, 0].astype(np.float32), again[:, 1].astype(np.float32), atol=5e-3)


# ---- components, nearest crops, local weights ----


def test_components_are_the_leading_right_singular_vectors():
    rng = np.random.default_rng(0)
    features = (rng.normal(size=(5, 3, 6, 4, 2)) * np.array([9, 5, 3, 1, 1, 1])[:, None, None]).astype(
        np.float16
    )
    found = components_of(features, 3)
    rows = np.moveaxis(features.astype(np.float64), 2, -1).reshape(-1, 6)
    expected = np.linalg.svd(rows, full_matrices=False)[2][:3]
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.abs(found @ expected.T), np.eye(3), atol=1e-6)
    strongest = np.abs(found).argmax(axis=1)
    assert (found[np.arange(3), strongest] > 0).all()
    np.testing.assert_allclose(components_of(-features, 3), found)


def test_nearest_crops_are_those_of_all_cosines():
    rng = np.random.default_rng(1)
    features = rng.normal(size=(40, 6, 3, 2)).astype(np.float16)
    wide = features.astype(np.float64)
    means = (wide / np.linalg.norm(wide, axis=1, keepdims=True)).mean(axis=(2, 3))
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    cosines = means @ means.T
    np.fill_diagonal(cosines, -np.inf)
    found = nearest(features, 4)
    np.testing.assert_array_equal(found, np.argsort(-cosines, axis=1)[:, :4])
    assert nearest(features[:3], 9).shape == (3, 2)  # there are no more others
    assert nearest(features[:1], 9).tolist() == [[0]]


class Scored:
    """A network of 3 × 3 places with given features and attention."""

    def __init__(self, features, scores):
        self.features, self.scores = features, scores
        self.has_attention = scores is not None

    def __call__(self, pictures):
        return self.features

    def attention(self, pictures):
        return self.features, self.scores


@pytest.mark.parametrize("attends", [True, False])
def test_local_weights_are_those_of_loops(attends):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 5, 3, 3, generator=generator)
    scores = torch.rand(2, 9, 9, generator=generator) if attends else None
    found = local_weights(Scored(features, scores), torch.zeros(2, 3, 24, 24)).numpy()
    assert found.shape == (2, 9, 3, 3)
    for image in range(2):
        if attends:
            own = scores[image].numpy().astype(np.float64)
        else:
            flat = features[image].flatten(1).numpy().astype(np.float64)
            flat /= np.linalg.norm(flat, axis=0)
            own = flat.T @ flat
        low, high = np.quantile(own, [0.1, 0.9])
        for place in range(9):
            shares = np.exp(np.clip(own[place], low, high))
            shares /= shares.sum()
            shares[shares < shares.mean() * (1 - 1e-6)] = 0
            row, column = divmod(place, 3)
            for near in range(9):
                r, c = row + near // 3 - 1, column + near % 3 - 1
                inside = 0 <= r < 3 and 0 <= c < 3
                expected = shares[3 * r + c] if inside else 0.0
                assert found[image, near, row, column] == pytest.approx(expected, abs=1e-5)


# ---- what is kept ----


def counted(monkeypatch):
    """Notes the rows that are computed."""
    rows, fill = [], Kept._fill

    def noted(self, found, block, compute):
        rows.append(block)
        fill(self, found, block, compute)

    monkeypatch.setattr(Kept, "_fill", noted)
    return rows


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix == ".npy"}


def test_a_killed_preparation_goes_on_with_the_block_that_it_was_at(vit, blocks_of_2, tmp_path, monkeypatch):
    samples, chosen = to_learn(7), recipe(vit, components=4)
    whole, out = tmp_path / "whole", tmp_path / "out"
    prepare_crops(chosen, samples, AllOfIt, whole, device="cpu")

    def killed(stage, done):
        if stage == "computing features" and done > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_crops(chosen, samples, AllOfIt, out, device="cpu", progress=killed)
    (sums,) = out.glob("*.blocks.jsonl")
    assert len(sums.read_text().splitlines()) == 2
    sums.write_text(sums.read_text()[:-3])  # the last line was being written
    rows = counted(monkeypatch)
    prepare_crops(chosen, samples, AllOfIt, out, device="cpu")
    assert rows[:3] == [range(2, 4), range(4, 6), range(6, 7)] and len(rows) == 3 + 4 + 4
    assert contents(out) == contents(whole)


def test_a_damaged_block_alone_is_made_again(vit, blocks_of_2, tmp_path, monkeypatch):
    samples, chosen = to_learn(7), recipe(vit)
    found = prepare_crops(chosen, samples, Segmenter, tmp_path, device="cpu")
    before = contents(tmp_path)
    (path,) = (path for path in tmp_path.glob("*.npy") if "nearest" not in path.name)
    array = np.load(path, mmap_mode="r+")
    array[4] += 1  # of rows 4 and 5
    array.flush()
    assert contents(tmp_path) != before
    rows = counted(monkeypatch)
    again = prepare_crops(chosen, samples, Segmenter, tmp_path, device="cpu")
    assert rows == [range(4, 6)] and contents(tmp_path) == before
    np.testing.assert_array_equal(again.features, found.features)
    prepare_crops(chosen, samples, Segmenter, tmp_path, device="cpu")
    assert len(rows) == 1


@pytest.mark.parametrize("left", [0, 100, 1000])
def test_half_a_file_is_made_again(left, vit, tmp_path):
    samples, chosen = to_learn(3), recipe(vit)
    prepare_crops(chosen, samples, Segmenter, tmp_path, device="cpu")
    before = contents(tmp_path)
    (path,) = (path for path in tmp_path.glob("*.npy") if "nearest" not in path.name)
    path.write_bytes(path.read_bytes()[:left])
    prepare_crops(chosen, samples, Segmenter, tmp_path, device="cpu")
    assert contents(tmp_path)[path.name] == before[path.name]


def test_runs_share_features_by_name_and_other_images_have_another(vit, tmp_path, monkeypatch):
    prepare_crops(recipe(vit, "stego"), to_learn(5), Segmenter, tmp_path, device="cpu")
    names = set(contents(tmp_path))
    rows = counted(monkeypatch)
    prepare_crops(recipe(vit, "kmeans", seed=3, epochs=9.0), to_learn(5), Segmenter, tmp_path, device="cpu")
    assert not rows and set(contents(tmp_path)) == names  # method, seed and length do not matter
    few = recipe(vit, components=3)
    found = prepare_crops(few, to_learn(5), Segmenter, tmp_path, device="cpu")
    assert not rows and found.components.shape == (3, 16)
    for changed, samples in [
        (recipe(vit), to_learn(5, seed=9)),
        (recipe(vit), to_learn(4)),
        (recipe(vit, side=40), to_learn(5)),
        (recipe(vit, ratio=0.9), to_learn(5)),
    ]:
        before = len(rows)
        prepare_crops(changed, samples, Segmenter, tmp_path, device="cpu")
        assert len(rows) > before
    other = save_vit(tmp_path / "other", seed=1)
    assert digest_of(load_patches(str(other))) != digest_of(load_patches(str(vit)))


def test_what_is_judged_is_kept_too(vit, patches, tmp_path, monkeypatch):
    samples = to_judge(3)
    found = prepare_judged(recipe(vit), samples, tmp_path, device="cpu")
    expected = mirrored_features(patches, torch.from_numpy(samples.images.read(slice(None))))
    np.testing.assert_allclose(found.features.astype(np.float32), expected.astype(np.float32), atol=5e-3)
    rows = counted(monkeypatch)
    prepare_judged(recipe(vit, "kmeans"), samples, tmp_path, device="cpu")
    assert not rows and len(found) == 3


def test_more_components_than_channels_are_refused_before_any_work(vit, tmp_path):
    with pytest.raises(ValueError, match=r"backbone\.components is 17, but .* has only 16"):
        prepare_crops(recipe(vit, components=17), to_learn(3), Segmenter, tmp_path / "x", device="cpu")
    assert not (tmp_path / "x").exists()


def test_an_image_that_has_gone_is_named(vit, tmp_path):
    Image.fromarray(planted(1)[0][0].transpose(1, 2, 0)).save(tmp_path / "gone.png")
    items = (ImageItem("gone.png", None, "gone", tmp_path / "gone.png"),)
    samples = ImageSet(Pictures(items), ("gone.png",))
    (tmp_path / "gone.png").unlink()
    with pytest.raises(ValueError, match=r"gone\.png"):
        prepare_crops(recipe(vit), samples, Segmenter, None, device="cpu")


def test_crops_are_told_by_their_images(vit):
    found = prepare_crops(recipe(vit), to_learn(3), Segmenter, None, device="cpu")
    assert len(found) == 3 and found.ids == ("0.png", "1.png", "2.png")
    assert found.batch([2, 0])["rows"].tolist() == [2, 0]
    assert json.dumps(found.fingerprint()) == json.dumps(to_learn(3).fingerprint())
    with pytest.raises(ValueError, match="no subsets"):
        found.subset([0])

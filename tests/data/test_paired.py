"""Pairs give what their rows say, and AV digits are what the data folder holds."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from hyperclade.data import PairedSet, add_noise, blur_images, data_home, load_avdigits
from hyperclade.data.avdigits import _window_on_energy


def small_set(**changes):
    rng = np.random.default_rng(0)
    given = {
        "frames": rng.integers(0, 256, (4, 2, 3, 5, 6)).astype(np.uint8),
        "sounds": rng.standard_normal((3, 7, 8)).astype(np.float16),
        "frame_rows": np.array([3, 0, 1, 2, 0]),
        "sound_rows": np.array([2, 0, 0, 1, 1]),
        "labels": np.array([1, 0, -1, 1, 0]),
        "class_names": ("dog", "owl"),
        "ids": ("a", "b", "c", "d", "e"),
    }
    return PairedSet(**(given | changes))


@given(st.lists(st.integers(0, 4), max_size=9))
def test_a_batch_holds_the_media_of_its_pairs_one_by_one(rows):
    pairs = small_set()
    batch = pairs.batch(rows)
    assert batch["rows"].tolist() == rows
    assert batch["frames"].shape == (len(rows), 2, 3, 5, 6)
    assert batch["sounds"].shape == (len(rows), 1, 7, 8)
    assert [batch[name].dtype for name in ("rows", "frames", "sounds")] == [np.int64, np.uint8, np.float32]
    for place, row in enumerate(rows):
        assert np.array_equal(batch["frames"][place], pairs.frames[pairs.frame_rows[row]])
        assert np.array_equal(batch["sounds"][place, 0], pairs.sounds[pairs.sound_rows[row]])


def test_memory_maps_stay_maps_and_batches_are_copies(tmp_path):
    pairs = small_set()
    np.save(tmp_path / "frames.npy", pairs.frames)
    np.save(tmp_path / "sounds.npy", pairs.sounds)
    mapped = replace(
        pairs,
        frames=np.load(tmp_path / "frames.npy", mmap_mode="r", allow_pickle=False),
        sounds=np.load(tmp_path / "sounds.npy", mmap_mode="r", allow_pickle=False),
    )
    assert isinstance(mapped.subset([1, 2]).frames, np.memmap)
    batch, expected = mapped.batch([4, 1]), pairs.batch([4, 1])
    assert all(np.array_equal(batch[key], expected[key]) for key in batch)
    batch["frames"].fill(0)
    batch["sounds"].fill(0)
    assert np.array_equal(mapped.batch([4, 1])["frames"], expected["frames"])
    in_memory = replace(pairs, sounds=pairs.sounds.astype(np.float32))
    in_memory.batch([0])["sounds"].fill(0)
    assert np.array_equal(in_memory.sounds, pairs.sounds.astype(np.float32))


@pytest.mark.parametrize("rows", [[4, 0, 0], [-1], [], np.array([True, False, False, True, False])])
def test_a_subset_is_those_pairs_and_shares_the_media(rows):
    pairs = small_set()
    part = pairs.subset(rows)
    chosen = np.arange(5)[np.asarray(rows, dtype=bool if len(rows) == 5 else int)]
    assert len(part) == len(chosen)
    assert part.frames is pairs.frames
    assert part.sounds is pairs.sounds
    assert part.ids == tuple("abcde"[row] for row in chosen)
    assert np.array_equal(part.labels, pairs.labels[chosen])
    for new, old in enumerate(chosen):
        assert np.array_equal(part.batch([new])["frames"], pairs.batch([old])["frames"])
        assert np.array_equal(part.batch([new])["sounds"], pairs.batch([old])["sounds"])
    bare = replace(pairs, labels=None, ids=()).subset([1])
    assert bare.labels is None
    assert bare.ids == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frames": np.zeros((4, 3, 5, 6), np.uint8)}, r"frames must be uint8 .* shape \(4, 3, 5, 6\)"),
        ({"frames": np.zeros((4, 2, 3, 5, 6), np.float32)}, "frames must be uint8 .* got float32"),
        ({"frames": np.zeros((4, 2, 3, 0, 6), np.uint8)}, "frames are empty"),
        ({"sounds": np.zeros((3, 7, 8))}, "sounds must be float16 or float32 .* got float64"),
        ({"sounds": np.zeros((3, 8), np.float32)}, r"sounds must be .* shape \(3, 8\)"),
        ({"frame_rows": np.array([0, 1, 2, 4, 0])}, r"frame_rows\[3\] is 4, but there are 4"),
        ({"sound_rows": np.array([0, -1, 2, 1, 0])}, r"sound_rows\[1\] is -1, but there are 3"),
        ({"frame_rows": np.zeros(5)}, "frame_rows must be one-dimensional integers, got float64"),
        ({"sound_rows": np.zeros(4, int)}, "5 frame_rows for 4 sound_rows"),
        ({"labels": np.zeros(4, int)}, r"labels must be 5 integers, .* shape \(4,\)"),
        ({"labels": np.full(5, "owl")}, "labels must be 5 integers"),
        ({"labels": np.array([0, 1, 2, 0, 1])}, r"labels\[2\] is 2, but there are 2 class names"),
        ({"labels": np.array([0, -2, 1, 0, 1])}, r"labels\[1\] is -2"),
        ({"ids": ("a", "b")}, "2 ids for 5 pairs"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        small_set(**changes)


# ---- AV digits ----


@pytest.fixture(scope="module")
def digits():
    home = data_home()
    if home is None or not (home / "avdigits").is_dir():
        pytest.skip("no avdigits in the data folder (HYPERCLADE_DATA)")
    return load_avdigits(), load_avdigits("test")


def takes_in_file(split):
    table = pd.read_parquet(data_home() / "avdigits" / "fsdd.parquet")
    return table[table["split"] == split].reset_index(drop=True)


def test_every_picture_is_paired_with_a_take_of_its_digit_and_split(digits):
    from PIL import Image

    for pairs, split, n_pictures, n_takes in zip(
        digits, ("train", "test"), (20_000, 5_000), (2_700, 300), strict=True
    ):
        assert pairs.frames.shape == (n_pictures, 1, 1, 28, 28)
        assert pairs.sounds.shape == (n_takes, 32, 32)
        assert np.array_equal(np.sort(pairs.frame_rows), np.arange(n_pictures))
        takes = takes_in_file(split)
        assert np.array_equal(takes["label"].to_numpy()[pairs.sound_rows], pairs.labels)
        assert len(np.unique(pairs.sound_rows)) > 0.99 * n_takes  # all takes serve
        pictures = pd.read_parquet(data_home() / "avdigits" / f"mnist_{split}.parquet")
        assert np.array_equal(pictures["label"], pairs.labels)
        row = n_pictures // 2 + 7
        assert np.array_equal(pairs.frames[row, 0, 0], Image.open(io.BytesIO(pictures["image"][row])))
        take = takes.iloc[pairs.sound_rows[row]]
        assert pairs.ids[row] == f"mnist_{split}/{row}+{take.label}_{take.speaker}_{take['take']}"


def test_a_linear_classifier_reads_the_pictures_and_the_takes_of_the_other_split(digits):
    train, test = digits
    spoken = [takes_in_file(split)["label"].to_numpy() for split in ("train", "test")]
    sounds = [pairs.sounds.reshape(len(pairs.sounds), -1) for pairs in digits]
    mean, spread = sounds[0].mean(axis=0), sounds[0].std(axis=0)
    model = LogisticRegression(C=0.01, max_iter=200).fit((sounds[0] - mean) / spread, spoken[0])
    assert model.score((sounds[1] - mean) / spread, spoken[1]) > 0.95
    rows = np.random.default_rng(0).permutation(20_000)[:2_000]
    pixels = [pairs.frames.reshape(len(pairs.frames), -1) / 255 for pairs in digits]
    model = LogisticRegression(C=0.1, max_iter=200).fit(pixels[0][rows], train.labels[rows])
    assert model.score(pixels[1], test.labels) > 0.87


def test_sounds_are_relative_to_their_mean_power_above_a_floor_of_30_db(digits):
    for pairs in digits:
        assert pairs.sounds.dtype == np.float32
        assert pairs.sounds.min() >= -3 * np.log(10) - 1e-5
        power = np.exp(pairs.sounds.astype(np.float64)).mean(axis=(1, 2))
        assert np.allclose(power, 1 + 1e-3, atol=1e-4)  # the mean, and the floor on top of it


def test_fewer_and_wrong_pairs_change_nothing_else(digits):
    test = digits[1]
    few, fewer = load_avdigits("test", n_pairs=500), load_avdigits("test", n_pairs=200)
    assert (len(few), len(fewer)) == (500, 200)
    assert set(fewer.ids) < set(few.ids) < set(test.ids)
    assert np.array_equal(few.labels, test.labels[few.frame_rows])
    spoilt = load_avdigits("test", n_pairs=500, wrong_pairs=0.2)
    spoken = takes_in_file("test")["label"].to_numpy()[spoilt.sound_rows]
    assert np.array_equal(spoilt.labels, few.labels)
    assert np.sum(spoken != spoilt.labels) == 100
    untouched = spoken == spoilt.labels
    assert np.array_equal(spoilt.sound_rows[untouched], few.sound_rows[untouched])
    all_wrong = load_avdigits("test", wrong_pairs=1.0)
    spoken = takes_in_file("test")["label"].to_numpy()[all_wrong.sound_rows]
    assert np.bincount((spoken - test.labels) % 10, minlength=10)[0] == 0
    assert np.bincount((spoken - test.labels) % 10, minlength=10)[1:].min() > 450  # of 556 expected
    other = load_avdigits("test", random_state=1)
    assert np.mean(other.sound_rows == test.sound_rows) < 0.1
    assert np.array_equal(load_avdigits("test", random_state=1).sound_rows, other.sound_rows)


def test_one_modality_degrades_and_the_other_stays(digits):
    test = digits[1]
    blurred, loud = (load_avdigits("test", noisy=kind, noise=0.5) for kind in ("vision", "audio"))
    assert np.array_equal(blurred.sounds, test.sounds)
    assert np.array_equal(loud.frames, test.frames)
    assert np.array_equal(blurred.sound_rows, test.sound_rows)
    assert np.mean(blurred.frames != test.frames) > 0.3
    more = load_avdigits("test", noisy="audio", noise=2.0)
    assert np.abs(more.sounds - test.sounds).mean() > np.abs(loud.sounds - test.sounds).mean() > 0.1
    silent = load_avdigits("test", noisy="audio", noise=0.0)
    assert np.array_equal(silent.sounds, test.sounds)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "dev"}, "split must be"),
        ({"wrong_pairs": 1.5}, "wrong_pairs is a fraction"),
        ({"noisy": "both"}, "noisy must be"),
        ({"noise": -1.0}, "noise must be"),
        ({"noise": float("nan")}, "noise must be"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        load_avdigits(**options)


@pytest.mark.parametrize("n_pairs", [0, -3, 5_001])
def test_impossible_numbers_of_pairs_are_refused(digits, n_pairs):
    with pytest.raises(ValueError, match=r"n_pairs must be 1 … 5000"):
        load_avdigits("test", n_pairs=n_pairs)


# ---- degrading ----


def test_blur_is_a_gaussian_per_image_and_keeps_the_brightness():
    from scipy.signal import convolve2d

    rng = np.random.default_rng(0)
    images = np.zeros((3, 2, 41, 41))
    images[..., 15:26, 15:26] = rng.random((3, 2, 11, 11))
    offsets = np.arange(-7, 8)
    kernel = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    kernel /= kernel.sum()
    blurred = blur_images(images, 1.5)
    for one, original in zip(blurred.reshape(-1, 41, 41), images.reshape(-1, 41, 41), strict=True):
        assert np.allclose(one, convolve2d(original, kernel, mode="same"), atol=1e-4)
    assert blur_images(np.full((1, 9, 9), 200, np.uint8), 3.0).tolist() == [[[200] * 9] * 9]
    assert blur_images(images, 0.0) is not images
    assert np.array_equal(blur_images(images, 0.0), images)
    with pytest.raises(ValueError, match="sigma"):
        blur_images(images, -1.0)


@pytest.mark.parametrize("ratio", [0.0, 0.1, 2.0])
def test_noise_is_relative_to_each_signal(ratio):
    loudness = np.array([[1e-3], [1.0], [50.0]])
    signals = loudness * np.sin(np.arange(20_000) * 0.3)
    noise = add_noise(signals, ratio) - signals
    assert np.allclose(noise.std(axis=1), ratio * loudness[:, 0] / np.sqrt(2), rtol=0.03)
    assert abs(noise[0] @ noise[1]) <= 0.03 * np.linalg.norm(noise[0]) * np.linalg.norm(noise[1])
    assert not add_noise(np.zeros((1, 100)), ratio).any()
    pictures = np.full((2, 4, 4), 250, np.uint8)
    assert add_noise(pictures, ratio).dtype == np.uint8
    assert (add_noise(pictures, ratio) == 250).all() == (ratio == 0)
    with pytest.raises(ValueError, match="ratio"):
        add_noise(signals, -0.1)


@given(length=st.integers(50, 400), where=st.integers(0, 399), width=st.integers(1, 30))
def test_takes_are_cut_or_padded_without_losing_the_word(length, where, width):
    samples = np.zeros(max(length, where + width), np.float32)
    samples[where : where + width] = 1.0
    window = _window_on_energy(samples, 120)
    assert len(window) == 120
    assert window.sum() == width
    if len(samples) < 120:  # and the word stands as near the middle as the padding allows
        ideal = np.clip(60 - (width - 1) / 2, where, where + 120 - len(samples))
        assert abs(np.flatnonzero(window)[0] - ideal) <= 1

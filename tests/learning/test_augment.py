"""Augmentation against Pillow and torch's resizing, and by what each step must leave alone."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperclade.learning import augment_frames, augment_sounds, plain_frames
from hyperclade.learning.augment import _hue_rotations, _random_boxes

Image = pytest.importorskip("PIL.Image")

LUMA = torch.tensor([0.299, 0.587, 0.114])
GEOMETRY = {"flip": False, "colour": False}
COLOUR = {"crop": False, "flip": False}


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def pillow(frame, size, box):
    """(size, size) of a (h, w) uint8 frame, 0 … 1."""
    image = Image.fromarray(frame.float().numpy())  # float pixels: no rounding
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box=box)) / 255


def test_a_crop_is_what_pillow_cuts_and_resizes():
    frames = torch.randint(0, 256, (40, 1, 2, 48, 60), dtype=torch.uint8)
    for size in (16, 40, 64):  # smaller, much the same, larger
        images = augment_frames(frames, size=size, generator=seeded(size), **GEOMETRY)
        assert images.shape == (40, 1, 2, size, size)
        boxes = _random_boxes(40, 48, 60, (0.2, 1.0), (3 / 4, 4 / 3), seeded(size)).numpy()
        for frame, image, (left, top, width, height) in zip(frames, images, boxes, strict=True):
            box = (left, top, min(left + width, 60), min(top + height, 48))
            for channel in range(2):
                expected = pillow(frame[0, channel], size, box)
                np.testing.assert_allclose(image[0, channel], expected, atol=1e-4)


def test_crops_fill_the_range_of_areas_and_shapes_and_the_frame():
    boxes = _random_boxes(2_000, 48, 60, (0.2, 0.5), (0.5, 2.0), None).numpy()
    left, top, width, height = boxes.T
    assert boxes.min() >= 0
    assert (left + width).max() <= 60 + 1e-9
    assert (top + height).max() <= 48 + 1e-9
    area, aspect = width * height / (48 * 60), np.log2(width / height)
    free = (width < 60) & (height < 48)  # others are cut to the frame
    assert free.mean() > 0.8
    assert 0.2 - 1e-9 < area[free].min() < 0.21
    assert 0.48 < area[free].max() < 0.5 + 1e-9
    assert -1 - 1e-9 < aspect[free].min() < -0.98
    assert 0.95 < aspect[free].max() < 1 + 1e-9
    for start, room in ((left, 60 - width), (top, 48 - height)):
        place = start[free] / room[free]
        assert np.abs(np.quantile(place, [0.1, 0.5, 0.9]) - [0.1, 0.5, 0.9]).max() < 0.06


def test_every_other_clip_is_mirrored_whole():
    frames = torch.randint(0, 256, (400, 2, 1, 8, 8), dtype=torch.uint8)
    images = augment_frames(frames, crop=False, colour=False)
    plain = plain_frames(frames)
    same = (images - plain).abs().amax(dim=(1, 2, 3, 4)) < 1e-5
    mirrored = (images - plain.flip(-1)).abs().amax(dim=(1, 2, 3, 4)) < 1e-5
    assert torch.equal(same, ~mirrored)
    assert 150 < mirrored.sum() < 250


def test_a_mirrored_crop_is_the_crop_mirrored():
    frames = torch.randint(0, 256, (30, 1, 3, 32, 32), dtype=torch.uint8)
    straight = augment_frames(frames, generator=seeded(3), **GEOMETRY)
    maybe = augment_frames(frames, generator=seeded(3), flip=True, colour=False)
    mirrored = 0
    for one, other in zip(straight, maybe, strict=True):
        errors = [(one - other).abs().max(), (one.flip(-1) - other).abs().max()]
        assert min(errors) < 1e-4
        mirrored += errors[1] < errors[0]
    assert 5 < mirrored < 25


def test_frames_of_a_clip_are_treated_alike_and_clips_are_not():
    frames = torch.randint(0, 256, (3, 1, 3, 20, 20), dtype=torch.uint8).expand(3, 4, 3, 20, 20)
    images = augment_frames(frames)
    for frame in range(1, 4):
        torch.testing.assert_close(images[:, frame], images[:, 0])
    alike = frames[:1].expand(3, 4, 3, 20, 20)
    images = augment_frames(alike)
    assert (images[0] - images[1]).abs().max() > 0.01


@pytest.mark.parametrize(("h", "w", "size"), [(30, 30, 12), (30, 50, 30), (50, 30, 24), (12, 12, 31)])
def test_plain_frames_are_the_central_square_resized(h, w, size):
    frames = torch.randint(0, 256, (2, 3, 3, h, w), dtype=torch.uint8)
    side, top, left = min(h, w), (h - min(h, w)) / 2, (w - min(h, w)) / 2
    images = plain_frames(frames, size=size)
    for frame, image in zip(frames.view(-1, h, w), images.view(-1, size, size), strict=True):
        expected = pillow(frame, size, (left, top, left + side, top + side))
        np.testing.assert_allclose(image, expected, atol=1e-5)
    if h == w:
        expected = torch.nn.functional.interpolate(
            frames.flatten(0, 1) / 255, (size, size), mode="bilinear", antialias=True
        )
        torch.testing.assert_close(images.flatten(0, 1), expected, atol=1e-5, rtol=1e-5)
    nothing = augment_frames(frames, size=size, crop=False, flip=False, colour=False)
    torch.testing.assert_close(nothing, plain_frames(frames, size=size))


# ---- colour ----


def middling(b, c):
    """Frames that no mild jitter drives to black or white."""
    return torch.randint(100, 140, (b, 2, c, 6, 6), dtype=torch.uint8)


@pytest.mark.parametrize("c", [1, 3])
def test_brightness_multiplies(c):
    frames = middling(200, c)
    factors = augment_frames(frames, strengths=(0.3, 0, 0, 0), **COLOUR) / plain_frames(frames)
    of_clip = factors.flatten(1)
    assert (of_clip.amax(dim=1) - of_clip.amin(dim=1)).max() < 1e-5
    assert 0.7 <= of_clip.min() < 0.72
    assert 1.28 < of_clip.max() <= 1.3 + 1e-5


@pytest.mark.parametrize("c", [1, 3])
def test_contrast_spreads_about_the_mean_luma(c):
    frames = middling(200, c)
    luma = LUMA if c == 3 else torch.ones(1)
    plain = plain_frames(frames)
    grey = (plain.mean(dim=(1, 3, 4)) @ luma)[:, None, None, None, None]
    moved = augment_frames(frames, strengths=(0, 0.5, 0, 0), **COLOUR) - grey
    factors = (moved * (plain - grey)).sum(dim=(1, 2, 3, 4)) / (plain - grey).square().sum(dim=(1, 2, 3, 4))
    torch.testing.assert_close(moved, factors[:, None, None, None, None] * (plain - grey), atol=1e-5, rtol=0)
    assert 0.5 <= factors.min() < 0.55
    assert 1.45 < factors.max() <= 1.5 + 1e-4


def test_saturation_keeps_luma_and_hue_keeps_grey():
    frames = middling(100, 3)
    plain = plain_frames(frames)
    images = augment_frames(frames, strengths=(0, 0, 0.5, 0), **COLOUR)
    torch.testing.assert_close(
        torch.einsum("bfchw,c->bfhw", images, LUMA), torch.einsum("bfchw,c->bfhw", plain, LUMA)
    )
    assert (images - plain).abs().max() > 0.02
    images = augment_frames(frames, strengths=(0, 0, 0, 0.5), **COLOUR)
    torch.testing.assert_close(images.mean(dim=2), plain.mean(dim=2))
    spread, before = (x.var(dim=2) for x in (images, plain))
    torch.testing.assert_close(spread, before, atol=1e-5, rtol=1e-4)
    assert (images - plain).abs().max() > 0.05
    grey = middling(20, 1).expand(20, 2, 3, 6, 6)
    coloured = augment_frames(grey, strengths=(0, 0, 1, 0.5), **COLOUR)
    torch.testing.assert_close(coloured, plain_frames(grey))


def test_a_third_of_a_turn_of_hue_makes_red_green_green_blue_blue_red():
    red_green_blue = torch.eye(3)
    turned = _hue_rotations(torch.tensor([0.0, 1 / 3, 2 / 3, 1.0])) @ red_green_blue
    expected = [red_green_blue.roll(turns, dims=0) for turns in (0, 1, 2, 0)]
    torch.testing.assert_close(turned, torch.stack(expected), atol=1e-6, rtol=0)


def test_values_stay_colours():
    frames = torch.randint(0, 256, (50, 1, 3, 8, 8), dtype=torch.uint8)
    images = augment_frames(frames, strengths=(1, 1, 1, 0.5))
    assert images.min() >= 0
    assert images.max() <= 1


# ---- sounds ----


@given(b=st.integers(1, 5), steps=st.integers(1, 30), shift=st.floats(0, 0.99), seed=st.integers(0, 99))
@settings(deadline=None)
def test_a_sound_is_shifted_and_louder_by_one_number_each(b, steps, shift, seed):
    sounds = torch.randn(b, 1, 4, steps, generator=seeded(seed))
    out = augment_sounds(sounds, volume=(0.5, 2.0), shift=shift, generator=seeded(seed))
    assert out.shape == sounds.shape
    most = int(shift * steps)
    for one, other in zip(sounds[:, 0].numpy(), out[:, 0].numpy(), strict=True):
        spreads = []
        for by in range(-most, most + 1):
            shifted = np.pad(one, ((0, 0), (most, most)), mode="edge")[:, most + by : most + by + steps]
            gain = (other - shifted).mean()
            spreads.append(np.abs(other - shifted - gain).max())
            if spreads[-1] < 1e-5:
                assert 0.5 - 1e-4 <= np.exp(gain / 2) <= 2.0 + 1e-4
                break
        assert min(spreads) < 1e-5


def test_volumes_are_those_of_the_waveform_and_shifts_go_both_ways():
    waves = np.sin(np.arange(64) * np.linspace(0.3, 1.2, 500)[:, None])
    power = np.log(np.abs(np.fft.rfft(waves.reshape(500, 8, 8))) ** 2 + 1e-30)
    sounds = torch.from_numpy(power).float()[:, None]
    out = augment_sounds(sounds, volume=(0.9, 1.1), shift=0.0)
    gains = torch.exp((out - sounds).mean(dim=(1, 2, 3)) / 2).numpy()
    louder = np.log(np.abs(np.fft.rfft((gains[:, None] * waves).reshape(500, 8, 8))) ** 2 + 1e-30)
    np.testing.assert_allclose(out[:, 0], louder, atol=1e-4)
    assert np.abs(np.quantile(gains, [0, 0.25, 0.5, 0.75, 1]) - [0.9, 0.95, 1, 1.05, 1.1]).max() < 0.02
    steps = torch.arange(20.0).expand(500, 1, 1, 20)
    shifts = augment_sounds(steps, volume=(1.0, 1.0), shift=0.1)[:, 0, 0, 10] - 10
    assert np.bincount(shifts.numpy().astype(int) + 2, minlength=5).min() > 60  # of 100 expected


def test_half_precision_is_taken():
    sounds = torch.randn(3, 1, 4, 5).half()
    out = augment_sounds(sounds, volume=(1.0, 1.0), shift=0.0)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, sounds.float())


# ---- chance ----


def test_the_same_state_gives_the_same_augmentation_and_a_generator_leaves_torchs_alone():
    frames = torch.randint(0, 256, (4, 1, 3, 16, 16), dtype=torch.uint8)
    sounds = torch.randn(4, 1, 8, 10)
    torch.manual_seed(7)
    first = augment_frames(frames), augment_sounds(sounds)
    state = torch.get_rng_state()
    then = augment_frames(frames)
    assert (then - first[0]).abs().max() > 0.01
    torch.manual_seed(7)
    assert torch.equal(augment_frames(frames), first[0])
    assert torch.equal(augment_sounds(sounds), first[1])
    assert torch.equal(torch.get_rng_state(), state)
    given = augment_frames(frames, generator=seeded(7)), augment_sounds(sounds, generator=seeded(7))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(given[0], first[0])
    assert torch.equal(augment_sounds(sounds, generator=seeded(7)), given[1])
    plain_frames(frames)
    assert torch.equal(torch.get_rng_state(), state)


def test_mixed_precision_around_it_changes_nothing():
    frames = torch.randint(0, 256, (4, 1, 3, 20, 20), dtype=torch.uint8)
    expected = augment_frames(frames, size=12, generator=seeded(0))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(augment_frames(frames, size=12, generator=seeded(0)), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": torch.zeros(2, 3, 8, 8, dtype=torch.uint8)}, r"frames must be uint8 .* \(2, 3, 8, 8\)"),
        ({"frames": torch.zeros(2, 1, 3, 8, 8)}, "frames must be uint8 .* got torch.float32"),
        ({"size": 0}, "size must be at least 1"),
        ({"area": (0.0, 1.0)}, "area"),
        ({"area": (0.8, 0.5)}, "area"),
        ({"aspect": (2.0, 1.0)}, "aspect"),
        ({"strengths": (0.4, 0.4)}, "four numbers"),
        ({"strengths": (0.4, -0.4, 0, 0)}, "strengths"),
    ],
)
def test_frames_and_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        augment_frames(**({"frames": torch.zeros(2, 1, 3, 8, 8, dtype=torch.uint8)} | options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"log_mel": torch.zeros(2, 8, 8)}, "log-mel spectrograms must be floating-point"),
        ({"log_mel": torch.zeros(2, 1, 8, 8, dtype=torch.int64)}, "got torch.int64"),
        ({"volume": (0.0, 1.0)}, "volume must be two rising"),
        ({"volume": (1.1, 0.9)}, "volume must be two rising"),
        ({"shift": 1.0}, "shift must be a fraction"),
        ({"shift": -0.1}, "shift must be a fraction"),
    ],
)
def test_sounds_and_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        augment_sounds(**({"log_mel": torch.zeros(2, 1, 8, 8)} | options))

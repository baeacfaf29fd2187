"""Clips against files whose frames and sounds are known, and against decoding them whole."""

import pickle
from pathlib import Path

import av
import numpy as np
import pytest
from scipy.signal import resample_poly

from generated_media import LEVELS, frame_number, onset, write_media
from hyperclade.data.media import MediaError, probe, read_clip
from hyperclade.data.samples import data_home

rng = np.random.default_rng(0)
IRREGULAR = np.cumsum(np.r_[0.0, rng.uniform(0.02, 0.3, 30)])
IRREGULAR = IRREGULAR[IRREGULAR < 2.9]

FORMATS = {
    "steady.mp4": {},
    "stereo.mp4": {"layout": "stereo", "rate": 48000},
    "pcm.mkv": {"audio_codec": "pcm_s16le"},
    "late sound.mp4": {"sound_start": 0.7},
    "late sound.mkv": {"sound_start": 0.7, "rate": 48000, "audio_codec": "flac"},
    "irregular.mp4": {"frame_times": IRREGULAR},
    "irregular.mkv": {"frame_times": IRREGULAR, "rate": 22050, "audio_codec": "pcm_s16le"},
    "short groups.mp4": {"video_options": {"g": "7", "bf": "3"}},
    "no index.ts": {"audio_codec": "mp2", "video_options": {"g": "12"}},
    "one group.ts": {"audio_codec": "mp2"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("media")


@pytest.mark.parametrize("name", FORMATS)
def test_frames_and_sound_come_from_their_times(folder, name):
    shown = write_media(folder / name, burst=1.5, **FORMATS[name])
    # MPEG audio is coded with a lead-in that players hear as part of the file; it moves the file's clock.
    lead = probe(folder / name)[0].start if name.endswith(".ts") else 0.0
    clip = read_clip(folder / name, 0.5, 2.5, n_frames=5, frame_size=32)
    wanted = clip.sound_time - lead + (np.arange(5) + 0.5) / 5
    number = np.searchsorted(shown, wanted + 1e-3, side="right") - 1
    np.testing.assert_allclose(clip.frame_times - lead, shown[number], atol=1.1e-3)
    assert [frame_number(picture) for picture in clip.frames] == (number % LEVELS).tolist()
    assert clip.frames.shape == (5, 3, 32, 32)
    assert clip.sound.shape == (24000,)
    assert onset(clip.sound, clip.sound_time, 24000) - lead == pytest.approx(1.5, abs=2e-3)


def test_time_stamps_that_start_late_start_the_file(folder):
    write_media(folder / "plain.mkv", audio_codec="flac", sound_start=0.4)
    write_media(folder / "shifted.mkv", audio_codec="flac", sound_start=0.4, shift=100.0)
    plain, shifted = (read_clip(folder / f"{name}.mkv", n_frames=3) for name in ("plain", "shifted"))
    np.testing.assert_array_equal(plain.frames, shifted.frames)
    np.testing.assert_allclose(plain.frame_times, shifted.frame_times, atol=1e-6)
    assert plain.sound_time == pytest.approx(shifted.sound_time, abs=2e-3)
    assert onset(shifted.sound, shifted.sound_time, 24000) == pytest.approx(1.5, abs=2e-3)


def test_flash_and_tone_stay_together_though_the_sound_is_late(folder):
    """The acceptance case: the frame lit at 1.52 s and the tone at 1.52 s, in a file whose streams differ."""
    flash = 38
    times = write_media(
        folder / "flash.mp4", burst=flash / 25, sound_start=0.6, rate=22050, video_options={"g": "10"}
    )
    clip = read_clip(folder / "flash.mp4", 0.2, 2.9, n_frames=25)
    lit = clip.frame_times[[frame_number(picture) for picture in clip.frames].index(flash % LEVELS)]
    assert lit == pytest.approx(times[flash], abs=1e-3)
    assert abs(onset(clip.sound, clip.sound_time, 24000) - lit) < 0.5 / 25


@pytest.mark.parametrize("rate", [22050, 44100, 48000])
def test_sound_is_resampled_as_scipy_does(folder, rate):
    n = 3 * rate
    spectrum = np.zeros(n // 2 + 1, complex)
    band = slice(3 * 100, 3 * 6000)  # Hz
    spectrum[band] = rng.normal(size=spectrum[band].shape) + 1j * rng.normal(size=spectrum[band].shape)
    noise = np.fft.irfft(spectrum)
    noise *= 0.5 / np.abs(noise).max()
    path = folder / f"noise {rate}.mov"
    write_media(path, sound=noise, rate=rate, audio_codec="pcm_s16le", layout="stereo")
    clip = read_clip(path, 0.5, 2.5, frame_size=8)
    expected = resample_poly(noise, 24000 // np.gcd(24000, rate), rate // np.gcd(24000, rate))[24000:48000]
    error = np.sqrt(np.mean((clip.sound - expected) ** 2) / np.mean(expected**2))
    assert error < 0.06  # a shift of one sample gives about 0.6


def test_gaps_are_silent_and_what_follows_is_in_time(folder):
    write_media(folder / "gap.mkv", audio_codec="pcm_s16le", burst=1.5, gap=(1.2, 1.28))
    tone = np.sin(2 * np.pi * 500 * np.arange(3 * 48000) / 48000) / 2
    write_media(folder / "hum.mkv", audio_codec="pcm_s16le", sound=tone, rate=48000, gap=(1.2, 1.28))
    clip = read_clip(folder / "gap.mkv", 1.0, 2.0)
    assert onset(clip.sound, clip.sound_time, 24000) == pytest.approx(1.5, abs=2e-3)
    hum = read_clip(folder / "hum.mkv", 1.0, 2.0).sound
    silent = np.flatnonzero(hum == 0)
    silent = silent[(silent > 24000 * 0.15) & (silent < 24000 * 0.35)]
    assert len(silent) == pytest.approx(
        24000 * 0.08, abs=24000 * 1024 / 48000 + 4
    )  # whole packets are missing
    with pytest.raises(MediaError, match=r"intact sound for only 9[0-9]%"):
        read_clip(folder / "hum.mkv", 1.0, 2.0, min_sound=1.0)


def test_pictures_have_the_size_and_proportions_asked_for(folder):
    write_media(folder / "wide.mp4", size=(128, 64))
    assert read_clip(folder / "wide.mp4", frame_size=None).frames.shape == (1, 3, 64, 128)
    clip = read_clip(folder / "wide.mp4", frame_size=48)
    assert clip.frames.shape == (1, 3, 48, 48)
    assert clip.frames.dtype == np.uint8
    assert frame_number(clip.frames[0]) == 37 % LEVELS  # shown from 1.48 s on


# a, b, c, d of the display matrix, by which a point (x, y) goes to (a·x + c·y, b·x + d·y), and what it makes
# of a picture (h, w, 3)
ORIENTATIONS = {
    "as it is": ((1, 0, 0, 1), lambda p: p),
    "quarter turn right": ((0, 1, -1, 0), lambda p: np.rot90(p, -1)),
    "half turn": ((-1, 0, 0, -1), lambda p: np.rot90(p, 2)),
    "quarter turn left": ((0, -1, 1, 0), np.rot90),
    "mirrored": ((-1, 0, 0, 1), np.fliplr),
    "upside down": ((1, 0, 0, -1), np.flipud),
    "mirrored, then turned left": ((0, 1, 1, 0), lambda p: np.rot90(np.fliplr(p))),
    "mirrored, then turned right": ((0, -1, -1, 0), lambda p: np.rot90(np.fliplr(p), -1)),
}


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_pictures_are_upright(folder, name):
    """Files whose header says that the pictures are to be turned or mirrored, as telephones write it."""
    picture = np.zeros((64, 96, 3), np.uint8)  # no two of its orientations are alike
    picture[:32, :32], picture[32:, :32], picture[:32, 64:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    write_media(folder / "lying.mp4", picture=picture)
    data = bytearray((folder / "lying.mp4").read_bytes())
    one = (1 << 16).to_bytes(4, "big")
    matrix = data.index(one + bytes(12) + one, data.index(b"tkhd"))  # the identity
    (a, b, c, d), oriented = ORIENTATIONS[name]
    numbers = [value << 16 for value in (a, b, 0, c, d)]
    data[matrix : matrix + 20] = b"".join(value.to_bytes(4, "big", signed=True) for value in numbers)
    (folder / "turned.mp4").write_bytes(data)
    plain, found = (
        read_clip(folder / f"{file}.mp4", frame_size=None).frames[0] for file in ("lying", "turned")
    )
    np.testing.assert_array_equal(found.transpose(1, 2, 0), oriented(plain.transpose(1, 2, 0)))
    assert np.abs(plain.transpose(1, 2, 0).astype(int) - picture)[8:24, 8:24].max() < 30


def test_probe_tells_when_streams_begin_and_end(folder):
    write_media(folder / "probed.mkv", sound_start=0.5, rate=22050, audio_codec="flac", size=(96, 64))
    video, audio = probe(folder / "probed.mkv")
    assert (video.start, audio.start) == pytest.approx((0.0, 0.5), abs=2e-3)
    assert max(video.end, audio.end) == pytest.approx(3.0, abs=0.05)


# ---- bad input ----


def test_streams_that_lack_are_named(folder):
    write_media(folder / "silent.mp4", audio_codec=None)
    write_media(folder / "blind.mp4", video_codec=None)
    with pytest.raises(MediaError, match=r"silent\.mp4: no sound stream"):
        read_clip(folder / "silent.mp4")
    with pytest.raises(MediaError, match=r"blind\.mp4: no video stream"):
        read_clip(folder / "blind.mp4")
    assert probe(folder / "silent.mp4")[1] is None


def test_files_that_are_none(folder):
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("this is no film " * 100)
    for name, reason in [
        ("none.mp4", "no such file"),
        ("empty.mp4", "empty"),
        ("text.mp4", "not a media file"),
    ]:
        with pytest.raises(MediaError, match=reason) as caught:
            read_clip(folder / name)
        assert caught.value.path == str(folder / name)
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    with pytest.raises(MediaError, match="folder"):
        read_clip(folder)


def test_clips_outside_or_too_short(folder):
    write_media(folder / "three.mp4")
    write_media(folder / "half.mp4", seconds=0.5, burst=0.2)
    with pytest.raises(MediaError, match=r"begins at 5 s, but video and sound end at 3\.\d* s"):
        read_clip(folder / "three.mp4", 5.0)
    with pytest.raises(MediaError, match=r"shorter than the window of 1 s"):
        read_clip(folder / "three.mp4", 2.5)
    with pytest.raises(
        MediaError, match=r"0\.4\d* s of video with sound in the clip, shorter than the window"
    ):
        read_clip(folder / "half.mp4")
    assert read_clip(folder / "half.mp4", window=0.3).sound.shape == (7200,)


@pytest.mark.parametrize(
    "arguments",
    [
        {"start": -1.0},
        {"start": float("nan")},
        {"start": 2.0, "end": 2.0},
        {"n_frames": 0},
        {"frame_size": 0},
        {"window": 0.0},
        {"window": float("nan")},
        {"window": 1.0, "sample_rate": 0},
        {"min_sound": 1.5},
    ],
)
def test_arguments_without_sense(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))) as caught:
        read_clip("any.mp4", **arguments)
    assert not isinstance(caught.value, MediaError)


@pytest.mark.parametrize("name", ["damaged.mp4", "damaged.ts"])
def test_damage_in_the_middle_fails_only_the_clips_it_hits(folder, name):
    options = {"video_options": {"g": "25"}, "seconds": 6.0}
    sound = 0.3 * np.sin(np.arange(6 * 44100) * 0.05)
    write_media(folder / name, sound=sound, audio_codec="mp2" if name.endswith(".ts") else "aac", **options)
    whole = {k: read_clip(folder / name, k, k + 1.5) for k in (0, 4)}
    data = bytearray((folder / name).read_bytes())
    low, high = int(len(data) * 0.45), int(len(data) * 0.55)
    data[low:high] = rng.integers(0, 256, high - low).astype(np.uint8).tobytes()
    (folder / name).write_bytes(data)
    for k, clip in whole.items():
        again = read_clip(folder / name, k, k + 1.5)
        np.testing.assert_array_equal(again.frames, clip.frames)
        np.testing.assert_array_equal(again.sound, clip.sound)
    with pytest.raises(MediaError, match=r"damaged at|intact sound"):
        read_clip(folder / name, 2.25, 3.75, n_frames=25)


def test_a_torn_file_gives_what_it_has(folder):
    write_media(folder / "torn.ts", audio_codec="mp2", seconds=6.0, video_options={"g": "25"})
    whole = read_clip(folder / "torn.ts", 0.0, 2.0)
    data = (folder / "torn.ts").read_bytes()
    (folder / "torn.ts").write_bytes(data[: len(data) // 2])
    np.testing.assert_array_equal(read_clip(folder / "torn.ts", 0.0, 2.0).frames, whole.frames)
    with pytest.raises(MediaError, match=r"begins at 4\.5 s, but video and sound end"):
        read_clip(folder / "torn.ts", 4.5, 6.0)


# ---- real files ----


@pytest.mark.parametrize("name", ["cockatoo.mp4", "bento.mp4", "bbaf2n.mpg", "swiz3n.mpg"])
def test_searching_gives_what_decoding_the_whole_file_gives(name):
    """cockatoo.mp4 is 4:4:4 H.264 of an old x264, of which FFmpeg's own search shows garbage."""
    path = clips_or_skip() / name
    with av.open(str(path)) as container:
        frames = [(f.time, f) for f in container.decode(video=0)]
        times = np.array([time for time, _ in frames])
        ends = [6.0, 9.5] if name.startswith("cockatoo") else [times[-1] * 0.9, times[-1]]
        for end in ends:
            start = max(0.0, end - 1.2)
            clip = read_clip(path, start, float(end), frame_size=None, window=0.5, n_frames=3)
            wanted = clip.sound_time + (np.arange(3) + 0.5) / 6
            rows = np.searchsorted(times, wanted + 1e-6, side="right") - 1
            np.testing.assert_allclose(clip.frame_times, times[rows], atol=1e-6)
            for picture, row in zip(clip.frames, rows, strict=True):
                whole = frames[row][1].reformat(format="rgb24", interpolation="BICUBIC").to_ndarray()
                np.testing.assert_array_equal(picture, whole.transpose(2, 0, 1))


def test_sound_of_a_real_file_is_the_window_of_the_whole():
    path = clips_or_skip() / "bbaf2n.mpg"
    clip = read_clip(path)
    with av.open(str(path)) as container:
        pieces = [(f.time, f.to_ndarray()) for f in container.decode(audio=0)]
    whole = np.concatenate([samples for _, samples in pieces], axis=1).mean(axis=0) / 32768
    expected = resample_poly(whole, 80, 147)  # 24000 / 44100
    first = round((clip.sound_time - pieces[0][0]) * 24000)
    expected = expected[first : first + 24000]
    assert np.corrcoef(clip.sound, expected)[0, 1] > 0.995
    assert np.sqrt(np.mean(clip.sound**2)) == pytest.approx(np.sqrt(np.mean(expected**2)), rel=0.02)


def clips_or_skip() -> Path:
    home = data_home()
    if home is None or not (home / "clips").is_dir():
        pytest.skip("no real clips: HYPERCLADE_DATA is not set")
    return home / "clips"

"""Log-mel spectrograms against transformers, and by their laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperclade.data.spectrogram import LOG_FLOOR, log_mel, mel_filters

audio_utils = pytest.importorskip("transformers.audio_utils")


def mel_frequencies(n_bins, rate):
    """Centres of bands that are equally wide in mel, 1127 ln(1 + f / 700)."""
    mel = np.linspace(0, 1127 * np.log1p(rate / 2 / 700), n_bins + 2)[1:-1]
    return 700 * np.expm1(mel / 1127)


@pytest.mark.filterwarnings("ignore:At least one mel filter")
@pytest.mark.parametrize(
    ("n_bins", "rate", "n_fft"), [(257, 24000, 1024), (64, 16000, 512), (40, 24000, 2048)]
)
def test_agrees_with_transformers(n_bins, rate, n_fft):
    wave = np.random.default_rng(0).normal(0, 0.1, rate).astype(np.float32)
    theirs_filters = audio_utils.mel_filter_bank(
        n_fft // 2 + 1, n_bins, 0.0, rate / 2, rate, norm=None, mel_scale="htk"
    )
    filled = theirs_filters.any(axis=0)
    length = round(0.02 * rate)
    theirs = audio_utils.spectrogram(
        wave,
        audio_utils.window_function(length, "hann"),
        frame_length=length,
        hop_length=length // 2,
        fft_length=n_fft,
        power=2.0,
        center=False,
        mel_filters=theirs_filters,
        log_mel="log",
        mel_floor=LOG_FLOOR,
    )
    ours = log_mel(wave, sample_rate=rate, n_bins=n_bins, n_fft=n_fft)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours[filled], theirs[filled], atol=1e-3)
    np.testing.assert_allclose(mel_filters(n_bins, rate, n_fft)[filled], theirs_filters.T[filled], atol=1e-6)
    assert (filled.sum() < n_bins) == (n_bins == 257)  # the default has bands without a line of the transform


def test_bands_without_a_line_interpolate_the_power_at_their_centre():
    filters = mel_filters(257, 24000, 1024)
    centres = mel_frequencies(257, 24000)
    theirs = audio_utils.mel_filter_bank(513, 257, 0.0, 12000.0, 24000, norm=None, mel_scale="htk").T
    lines = np.arange(513) * 24000 / 1024
    power = np.random.default_rng(0).uniform(size=513)
    for band in np.flatnonzero(~theirs.any(axis=1)):
        assert filters[band] @ power == pytest.approx(np.interp(centres[band], lines, power), rel=1e-5)
    noise = np.random.default_rng(1).normal(0, 0.1, 24000)
    assert (log_mel(noise) > np.log(LOG_FLOOR) + 5).all()


def test_one_second_is_257_by_99():
    assert log_mel(np.zeros(24000)).shape == (257, 99)
    assert log_mel(np.zeros((2, 3, 12000)), n_bins=20).shape == (2, 3, 20, 49)
    assert log_mel(np.zeros(24000)).dtype == np.float32
    np.testing.assert_allclose(log_mel(np.zeros(2400)), np.log(LOG_FLOOR), rtol=1e-6)


@given(st.floats(200, 11000))
def test_a_tone_is_loudest_in_its_band(frequency):
    tone = np.sin(2 * np.pi * frequency * np.arange(4800) / 24000)
    loudest = log_mel(tone, n_bins=64).mean(axis=1).argmax()
    centres = mel_frequencies(64, 24000)
    assert abs(int(loudest) - int(np.abs(centres - frequency).argmin())) <= 1


@given(st.floats(0.1, 5.0))
def test_a_gain_adds_twice_its_logarithm(gain):
    noise = np.random.default_rng(2).normal(0, 0.1, 4800)
    np.testing.assert_allclose(log_mel(gain * noise), log_mel(noise) + 2 * np.log(gain), atol=2e-3)


def test_a_batch_is_its_rows(monkeypatch):
    noise = np.random.default_rng(3).normal(size=(5, 2400))
    whole = log_mel(noise)
    monkeypatch.setattr("hyperclade.data.spectrogram._BLOCK_BYTES", 1)
    np.testing.assert_allclose(log_mel(noise), whole, atol=1e-5)
    np.testing.assert_allclose(log_mel(noise[3]), whole[3], atol=1e-5)


@pytest.mark.parametrize(
    ("wave", "arguments", "message"),
    [
        (np.zeros(100), {}, "less than a window of 480"),
        (np.float32(1), {}, "less than a window"),
        (np.full(2400, np.nan), {}, "NaN"),
        (np.zeros(2400), {"window": 0.1}, "at most n_fft"),
        (np.zeros(2400), {"step": 0.0}, "at least one sample"),
        (np.zeros(2400), {"n_bins": 0}, "n_bins"),
    ],
)
def test_bad_input(wave, arguments, message):
    with pytest.raises(ValueError, match=message):
        log_mel(wave, **arguments)

"""Log-mel spectrograms."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft

LOG_FLOOR = 1e-10
_BLOCK_BYTES = 1 << 26


def log_mel(
    waveform: Any,
    *,
    sample_rate: int = 24000,
    n_bins: int = 257,
    window: float = 0.02,
    step: float = 0.01,
    n_fft: int = 1024,
    f_min: float = 0.0,
    f_max: float | None = None,
    floor: float = LOG_FLOOR,
) -> np.ndarray:
    """Natural logarithm of the power in mel bands, over time.

    Each stretch of `window` seconds is weighted by a periodic Hann window, padded with zeros to `n_fft` and
    transformed; its power is summed by the filters of `mel_filters` and the logarithm of max(power, `floor`)
    taken. Only whole windows count, nothing is padded at the ends: one second gives 99 steps by default.
    Twice the amplitude adds 2 log 2 everywhere above the floor.

    Parameters
    ----------
    waveform : (…, samples) floats, one channel; full scale at ±1.
    sample_rate : samples a second.
    n_bins : mel bands between `f_min` and `f_max` Hz (default: half the sample rate).
    window, step : seconds, rounded to samples.
    n_fft : samples of the transform, at least a window.
    floor : the least power; the default lies below the noise of 16-bit sound. Silence gives log(floor).

    Returns
    -------
    (…, n_bins, steps) float32, steps = 1 + ⌊(samples − window) / step⌋.

    Raises
    ------
    ValueError : no axis of samples, fewer samples than a window, NaN or infinity, or settings without sense.

    Examples
    --------
    >>> one_second = np.sin(2 * np.pi * 440 * np.arange(24000) / 24000)
    >>> spectrogram = log_mel(one_second)
    >>> spectrogram.shape, mel_frequencies(257, 24000)[spectrogram[:, 0].argmax()].round()
    ((257, 99), np.float64(422.0))
    """
    waveform = np.asarray(waveform, dtype=np.float32)
    length, hop = round(window * sample_rate), round(step * sample_rate)
    if not 1 <= length <= n_fft or hop < 1:
        raise ValueError(
            f"window and step must be at least one sample and the window at most n_fft = {n_fft} samples, "
            f"got {length} and {hop} samples"
        )
    if not floor > 0:
        raise ValueError(f"floor must be positive, got {floor}")
    if waveform.ndim == 0 or waveform.shape[-1] < length:
        raise ValueError(
            f"shape {waveform.shape} holds less than a window of {length} samples on its last axis"
        )
    if not np.isfinite(waveform).all():
        raise ValueError("the waveform holds NaN or infinity")
    filters = mel_filters(n_bins, sample_rate, n_fft, f_min, f_max)
    hann = np.hanning(length + 1)[:-1].astype(np.float32)
    stretches = np.lib.stride_tricks.sliding_window_view(waveform, length, axis=-1)[..., ::hop, :]
    rows = stretches.reshape(-1, *stretches.shape[-2:]) if waveform.ndim != 2 else stretches
    result = np.empty((len(rows), n_bins, stretches.shape[-2]), np.float32)
    block = max(1, _BLOCK_BYTES // (8 * n_fft * stretches.shape[-2]))
    for first in range(0, len(rows), block):
        spectrum = scipy.fft.rfft(rows[first : first + block] * hann, n_fft)
        power = spectrum.real**2 + spectrum.imag**2
        mel = np.maximum(np.matmul(filters, power.swapaxes(-1, -2)), np.float32(floor))
        np.log(mel, out=result[first : first + block])
    return result.reshape(*waveform.shape[:-1], *result.shape[1:])


@lru_cache(maxsize=16)
def mel_filters(
    n_bins: int, sample_rate: int, n_fft: int, f_min: float = 0.0, f_max: float | None = None
) -> np.ndarray:
    """Triangular filters, equally spaced on the HTK mel scale, none of them empty.

    Where bands are narrower than the transform's lines are apart, some triangles hold no line, and their band
    would be silent whatever is heard. These take the power at their centre, interpolated linearly between the
    two nearest lines. The peak of a triangle is 1, and so is the sum of those two weights.

    Returns
    -------
    (n_bins, n_fft // 2 + 1) float32, not writable.

    Raises
    ------
    ValueError : no bins, or frequencies out of order or above half the sample rate.

    Examples
    --------
    >>> filters = mel_filters(257, 24000, 1024)
    >>> filters.shape, bool(filters.any(axis=1).all())
    ((257, 513), True)
    """
    triangles = _edges(n_bins, sample_rate, f_min, f_max)
    lines = np.arange(n_fft // 2 + 1) * (sample_rate / n_fft)
    left, centre, right = triangles[:-2, None], triangles[1:-1, None], triangles[2:, None]
    filters = np.minimum((lines - left) / (centre - left), (right - lines) / (right - centre)).clip(min=0)
    empty = np.flatnonzero(~(filters > 0).any(axis=1))
    place = centre[empty, 0] * n_fft / sample_rate
    below = np.minimum(np.floor(place).astype(int), len(lines) - 2)
    filters[empty, below] = 1 - (place - below)
    filters[empty, below + 1] = place - below
    filters = filters.astype(np.float32)
    filters.flags.writeable = False
    return filters


def mel_frequencies(
    n_bins: int, sample_rate: int, f_min: float = 0.0, f_max: float | None = None
) -> np.ndarray:
    """Centres of the bands in Hz, (n_bins,) float64.

    Examples
    --------
    >>> mel_frequencies(3, 16000).round()
    array([ 614., 1768., 3934.])
    """
    return _edges(n_bins, sample_rate, f_min, f_max)[1:-1]


def _edges(n_bins: int, sample_rate: int, f_min: float, f_max: float | None) -> np.ndarray:
    f_max = sample_rate / 2 if f_max is None else f_max
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, got {n_bins}")
    if not 0 <= f_min < f_max <= sample_rate / 2:
        raise ValueError(
            f"the bands must lie between 0 and {sample_rate / 2:g} Hz (half the sample rate), "
            f"got f_min {f_min:g}, f_max {f_max:g}"
        )
    lowest, highest = 2595 * np.log10(1 + np.array([f_min, f_max]) / 700)
    mel = np.linspace(lowest, highest, n_bins + 2)
    return 700 * (10 ** (mel / 2595) - 1)

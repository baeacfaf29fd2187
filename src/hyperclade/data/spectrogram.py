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
) -> np.ndarray:
    """Natural logarithm of the power in mel bands, over time.

    Each stretch of `window` seconds is weighted by a periodic Hann window, padded with zeros to `n_fft` and
    transformed; its power is summed by the filters of `mel_filters` and the logarithm taken, of 1e-10 at
    least (below the noise of 16-bit sound). Only whole windows count, nothing is padded at the ends: one
    second gives 99 steps by default.
    Twice the amplitude adds 2 log 2 everywhere above the floor.

    Parameters
    ----------
    waveform : (…, samples) floats
        One channel; full scale at ±1.
    sample_rate : int
        Samples per second.
    n_bins : int
        Mel bands from 0 Hz to half the sample rate.
    window, step : float
        Seconds, rounded to samples.
    n_fft : int
        Samples of the transform, at least a window.

    Returns
    -------
    (…, n_bins, steps) float32
        steps = 1 + ⌊(samples − window) / step⌋.

    Raises
    ------
    ValueError
        No axis of samples, fewer samples than a window, NaN or infinity, or settings without sense.

    Examples
    --------
    >>> one_second = np.sin(2 * np.pi * 440 * np.arange(24000) / 24000)
    >>> log_mel(one_second).shape
    (257, 99)
    """
    waveform = np.asarray(waveform, dtype=np.float32)
    length, hop = round(window * sample_rate), round(step * sample_rate)
    if not 1 <= length <= n_fft or hop < 1:
        raise ValueError(
            f"window and step must be at least one sample and the window at most n_fft = {n_fft} samples, "
            f"got {length} and {hop} samples"
        )
    if waveform.ndim == 0 or waveform.shape[-1] < length:
        raise ValueError(
            f"shape {waveform.shape} holds less than a window of {length} samples on its last axis"
        )
    if not np.isfinite(waveform).all():
        raise ValueError("the waveform holds NaN or infinity")
    filters = mel_filters(n_bins, sample_rate, n_fft)
    hann = np.hanning(length + 1)[:-1].astype(np.float32)
    stretches = np.lib.stride_tricks.sliding_window_view(waveform, length, axis=-1)[..., ::hop, :]
    rows = stretches.reshape(-1, *stretches.shape[-2:]) if waveform.ndim != 2 else stretches
    result = np.empty((len(rows), n_bins, stretches.shape[-2]), np.float32)
    block = max(1, _BLOCK_BYTES // (8 * n_fft * stretches.shape[-2]))
    for first in range(0, len(rows), block):
        spectrum = scipy.fft.rfft(rows[first : first + block] * hann, n_fft)
        power = spectrum.real**2 + spectrum.imag**2
        mel = np.maximum(np.matmul(filters, power.swapaxes(-1, -2)), np.float32(LOG_FLOOR))
        np.log(mel, out=result[first : first + block])
    return result.reshape(*waveform.shape[:-1], *result.shape[1:])


@lru_cache(maxsize=16)
def mel_filters(n_bins: int, sample_rate: int, n_fft: int) -> np.ndarray:
    """Triangular filters `(n_bins, n_fft // 2 + 1) float32`, equally spaced on the HTK mel scale, none empty.

    Where bands are narrower than the transform's lines are apart, some triangles hold no line, and their band
    would be silent whatever is heard. These take the power at their centre, interpolated linearly between the
    two nearest lines. The peak of a triangle is 1, and so is the sum of those two weights.

    Examples
    --------
    >>> filters = mel_filters(257, 24000, 1024)
    >>> filters.shape, bool(filters.any(axis=1).all())
    ((257, 513), True)
    """
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, got {n_bins}")
    lowest, highest = 2595 * np.log10(1 + np.array([0.0, sample_rate / 2]) / 700)
    triangles = 700 * (10 ** (np.linspace(lowest, highest, n_bins + 2) / 2595) - 1)
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

"""AV digits: pictures of handwritten digits paired with takes of the same spoken digits (MNIST and FSDD)."""

from __future__ import annotations

import io
import math
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from hyperclade.data.paired import PairedSet
from hyperclade.data.samples import data_file
from hyperclade.data.spectrogram import log_mel
from hyperclade.environment import require

SAMPLE_RATE = 8000
_N_BINS, _N_STEPS, _STEP = 32, 32, 0.02  # of the spectrograms; steps in seconds
CLASS_NAMES = tuple(str(digit) for digit in range(10))


def load_avdigits(
    split: str = "train",
    *,
    n_pairs: int | None = None,
    wrong_pairs: float = 0.0,
    noisy: Literal["vision", "audio"] | None = None,
    noise: float = 1.0,
    random_state: int = 0,
) -> PairedSet:
    """Pairs of a handwritten and a spoken digit from the data folder.

    Every picture of the split appears once, with a take drawn at random from the split's takes of its digit:
    20,000 training pairs over 2,700 takes, or 5,000 test pairs over 300 other takes. The pairs depend on
    `split` and `random_state` alone: the other options drop some, spoil some, or degrade their media.

    Parameters
    ----------
    n_pairs : int, optional
        So many pairs drawn at random; None for all. Smaller sets are part of larger ones.
    wrong_pairs : float
        Fraction of the pairs whose sound is another digit, 0 … 1; the label is the picture's.
    noisy : {"vision", "audio"}, optional
        Modality to degrade by `noise`: pictures are blurred by 2·noise pixels and then, like sounds, get
        white noise of `noise` times their own root mean square (1 is 0 dB). 0 changes nothing.

    Returns
    -------
    PairedSet
        Frames (20000 or 5000, 1, 1, 28, 28) and sounds (2700 or 300, 32, 32) float32: log mel power relative
        to the take's mean power (0), with a floor 30 dB below it, centred on the energy of the take. Ids name
        the picture's row, and the take as FSDD does: "mnist_train/12+7_jackson_31".

    Raises
    ------
    FileNotFoundError
        No data folder, or it lacks the set.
    ValueError
        An option out of its range.

    Examples
    --------
    >>> load_avdigits("dev")
    Traceback (most recent call last):
    ...
    ValueError: split must be 'train' or 'test', got 'dev'
    """
    _check_options(split, wrong_pairs, noisy, noise)
    pictures = pd.read_parquet(data_file("avdigits", f"mnist_{split}.parquet"))
    takes = pd.read_parquet(data_file("avdigits", "fsdd.parquet"), filters=[("split", "==", split)])
    labels, spoken = pictures["label"].to_numpy(np.int64), takes["label"].to_numpy(np.int64)
    if n_pairs is not None and not 1 <= n_pairs <= len(labels):
        raise ValueError(f"n_pairs must be 1 … {len(labels)} for the split {split!r}, got {n_pairs}")

    for_pairs, for_subset, for_wrong, for_noise = np.random.default_rng(random_state).spawn(4)
    takes_of = [np.flatnonzero(spoken == digit) for digit in range(10)]
    sound_rows = _draw_takes(labels, takes_of, for_pairs)
    chosen = np.sort(for_subset.permutation(len(labels))[:n_pairs])
    wrong = for_wrong.permutation(chosen)[: round(wrong_pairs * len(chosen))]
    other_digits = (labels[wrong] + for_wrong.integers(1, 10, len(wrong))) % 10
    sound_rows[wrong] = _draw_takes(other_digits, takes_of, for_wrong)

    frames = _decode_pictures(pictures["image"])
    waveforms = _decode_takes(takes["audio"])
    if noisy == "vision" and noise > 0:
        frames = add_noise(blur_images(frames, 2 * noise), noise, random_state=for_noise)
    if noisy == "audio" and noise > 0:
        waveforms = add_noise(waveforms, noise, random_state=for_noise)
    names = [f"{t.label}_{t.speaker}_{t.take}" for t in takes.itertuples()]
    return PairedSet(
        frames=frames,
        sounds=_relative_log_mel(waveforms),
        frame_rows=np.arange(len(labels)),
        sound_rows=sound_rows,
        labels=labels,
        class_names=CLASS_NAMES,
        ids=tuple(f"mnist_{split}/{row}+{names[take]}" for row, take in enumerate(sound_rows)),
    ).subset(chosen)


def blur_images(images: np.ndarray, sigma: float) -> np.ndarray:
    """Blur (…, h, w) images of any dtype by a Gaussian of standard deviation `sigma` pixels.

    Examples
    --------
    >>> image = np.zeros((1, 5, 5), np.uint8)
    >>> image[0, 2, 2] = 255
    >>> blur_images(image, 1.0)[0, 2].tolist()
    [6, 25, 41, 25, 6]
    """
    if sigma < 0:
        raise ValueError(f"sigma must be 0 or more pixels, got {sigma}")
    if sigma == 0:
        return images.copy()
    return _like(gaussian_filter(images.astype(np.float32), sigma, axes=(-2, -1)), images.dtype)


def add_noise(
    signals: np.ndarray, ratio: float, *, random_state: int | np.random.Generator = 0
) -> np.ndarray:
    """Add white Gaussian noise of `ratio` times each signal's root mean square: −20·log10(ratio) dB.

    signals : (n, …) waveforms, or images (integers are rounded and clipped); silence stays silence.

    Examples
    --------
    >>> tones = np.sin(np.arange(80000.0)).reshape(1, 80000)
    >>> noise = add_noise(tones, 0.5) - tones
    >>> round(float(noise.std() / tones.std()), 2)
    0.5
    """
    if ratio < 0:
        raise ValueError(f"ratio must be 0 or more, got {ratio}")
    rng = np.random.default_rng(random_state)
    axes = tuple(range(1, signals.ndim))
    rms = np.sqrt(np.mean(np.square(signals, dtype=np.float32), axis=axes, keepdims=True))
    noise = rng.standard_normal(signals.shape, dtype=np.float32)
    return _like(signals + ratio * rms * noise, signals.dtype)


def _check_options(split: str, wrong_pairs: float, noisy: Any, noise: float) -> None:
    if split not in ("train", "test"):
        raise ValueError(f"split must be 'train' or 'test', got {split!r}")
    if not 0 <= wrong_pairs <= 1:
        raise ValueError(f"wrong_pairs is a fraction, 0 … 1, got {wrong_pairs}")
    if noisy not in (None, "vision", "audio"):
        raise ValueError(f"noisy must be 'vision', 'audio' or None, got {noisy!r}")
    if not 0 <= noise < math.inf:
        raise ValueError(f"noise must be 0 or more, got {noise}")


def _draw_takes(digits: np.ndarray, takes_of: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """(n,) rows of takes, each uniform among those of its digit."""
    drawn = np.empty(len(digits), dtype=np.int64)
    for digit, takes in enumerate(takes_of):
        pairs = np.flatnonzero(digits == digit)
        drawn[pairs] = rng.choice(takes, len(pairs))
    return drawn


def _decode_pictures(encoded: pd.Series) -> np.ndarray:
    """(m, 1, 1, 28, 28) uint8: one frame of one channel each."""
    require("reading images", "PIL")
    from PIL import Image

    pictures = np.empty((len(encoded), 1, 1, 28, 28), dtype=np.uint8)
    for row, image in enumerate(encoded):
        pictures[row, 0, 0] = np.asarray(Image.open(io.BytesIO(image)))
    return pictures


def _decode_takes(encoded: pd.Series) -> np.ndarray:
    """(m, samples) float32 in −1 … 1: 33 steps around the centre of each take's energy, or zeros."""
    from scipy.io import wavfile

    length = round((_N_STEPS + 1) * _STEP * SAMPLE_RATE)  # windows last two steps
    placed = np.zeros((len(encoded), length), dtype=np.float32)
    for row, audio in enumerate(encoded):
        rate, samples = wavfile.read(io.BytesIO(audio))
        if rate != SAMPLE_RATE or samples.dtype != np.int16:
            raise ValueError(
                f"take {row} of FSDD is {samples.dtype} at {rate} Hz, not int16 at {SAMPLE_RATE}"
            )
        placed[row] = _window_on_energy(samples.astype(np.float32) / 2**15, length)
    return placed


def _window_on_energy(samples: np.ndarray, length: int) -> np.ndarray:
    """`length` samples with the centre of energy in the middle as far as none is lost that need not be.

    Takes last 0.14 … 2.3 s; long ones are mostly silence around the word.
    """
    energy = np.square(samples, dtype=np.float64)
    if len(samples) >= length:
        inside = np.cumsum(np.concatenate(([0.0], energy)))
        start = int(np.argmax(inside[length:] - inside[:-length]))
        return samples[start : start + length]
    centre = float(energy @ np.arange(len(samples))) / max(float(energy.sum()), 1e-12)
    before = int(np.clip(length // 2 - round(centre), 0, length - len(samples)))
    return np.pad(samples, (before, length - len(samples) - before))


def _relative_log_mel(waveforms: np.ndarray) -> np.ndarray:
    """(m, 32, 32) float32 log power over each take's mean power, with a soft floor 30 dB below it.

    Speakers differ in gain by 30 dB and in background: with neither, the nearest training takes tell 87 %
    of the test takes' digits, with both 97 %.
    """
    levels = log_mel(
        waveforms, sample_rate=SAMPLE_RATE, n_bins=_N_BINS, window=2 * _STEP, step=_STEP, n_fft=512
    )
    mean_power = np.exp(levels).mean(axis=(1, 2), keepdims=True)
    return np.logaddexp(levels - np.log(mean_power), np.float32(math.log(1e-3))).astype(np.float32)


def _like(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        values = values.round().clip(limits.min, limits.max)
    return values.astype(dtype)

"""Data sets of the clustering benchmark, by name; `python benchmarks/clustering_data.py` makes the slow ones.

Tables: "zoo", "iris", "glass", "wine", "breast cancer", "segment", "spambase", "pendigits" and "digits", with
how their columns are scaled: "glass@minmax" (to [0, 1]), "glass@standard" (mean 0, variance 1), "glass@raw".
Rows stay as they are: the metric decides what of them counts.

Embeddings and pictures: "nouns" (the bundled sample), "wordnet" (all nouns), "wordnet:5000:2" (5,000 random
nouns, seed 2), "wordnet:20000x64:0" (their first 64 components), "cifar100" (features of the test images),
"mnist" (raw pixels of 5,000 digits), "imclef07A" and "imclef07A:5000:0" (edge histograms of X-ray images),
"fsdd" (spoken digits: mean log-mel levels of five stretches).

Mixtures: "mixture:20000x64:0" (gaussian clusters around 40 centres), "nested:20000:0" (three levels of 25
clusters in each, float16, 128 features; a shorter one is the start of a longer one).

For costs in the cosine similarity: "zoo", "iris", "glass", "wine", "breast cancer", "digits" (columns
standardised, then rows of length one), "digits, raw" (pixels), "iris, scikit-learn" (not quite the UCI file).

Rows with labels are shuffled: some files are sorted by class, and some methods break ties by row order.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets

from data_sets import cifar100_rows, uci_table, wordnet
from hyperclade.data.samples import data_home, load_imclef, load_nouns

CACHE = Path(__file__).parent / "cache"  # made from the data folder or from a seed; git ignores it
TABLES = ("zoo", "iris", "glass", "wine", "breast cancer", "segment", "spambase", "pendigits", "digits")
SCALINGS = ("minmax", "standard", "raw")
NESTED = (25, 625, 15_625)  # clusters of each level of the nested mixture
ROWS_PER_COMPONENT, N_SUPER = 100, 40  # of the mixture
_BATCH = 64
_NESTED_WIDTH, _NESTED_SPREADS, _NESTED_NOISE = 128, (1.0, 0.7, 0.5), 0.7
_NESTED_BLOCK = 8192


@dataclass(frozen=True)
class Data:
    """Features `(n, d)` and labellings of their rows by name."""

    X: np.ndarray
    labels: dict[str, np.ndarray] = field(default_factory=dict)


def load(name: str) -> Data:
    """The data set of that name."""
    kind, _, rest = name.partition(":")
    table, _, scaling = name.partition("@")
    if table in TABLES and scaling in SCALINGS:
        X, labels = _table(table)
        return _shuffled(_scaled(X, scaling), labels)
    if name in ("zoo", "iris", "glass"):
        features, classes = _uci(kind)
        return _shuffled(_standardised(features), classes)
    if name in ("iris, scikit-learn", "wine", "breast cancer", "digits"):
        bunch = getattr(datasets, f"load_{name.split(',')[0].replace(' ', '_')}")()
        return _shuffled(_standardised(bunch.data), {"class": bunch.target})
    if name == "digits, raw":
        digits = datasets.load_digits()
        return _shuffled(digits.data, {"class": digits.target})
    if kind == "mixture":
        return Data(np.load(mixture(name), mmap_mode="r", allow_pickle=False))
    if kind == "nested":
        return Data(np.load(nested(name), mmap_mode="r", allow_pickle=False), nested_labels(name))
    if kind in _READERS and (not rest or kind in ("wordnet", "imclef07A")):
        return _READERS[kind](rest)
    raise ValueError(f"no data set {name!r}")


def stored(name: str) -> Path:
    """File of the data set, X and labels "label NAME", for programs that cannot load it; written once.

    Delete `cache/sets` when `load` changes.
    """
    path = CACHE / stored_name(name)
    if not path.exists():
        loaded = load(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npz")
        codes: dict[str, Any] = {
            f"label {key}": np.unique(values, return_inverse=True)[1] for key, values in loaded.labels.items()
        }
        np.savez(part, X=loaded.X, **codes)
        part.rename(path)
    return path


def stored_name(name: str) -> str:
    """Where `stored` writes, seen from the cache."""
    return f"sets/{name.replace(' ', '_').replace(':', '-')}.npz"


def nested(name: str) -> Path:
    """File of rows around 15,625 centres, which lie around 625, which lie around 25; written once.

    Standard deviations are 1 between the 25, then .7 and .5, and .7 within the smallest clusters.
    """
    n, _, seed = _size(name.partition(":")[2])
    path = CACHE / f"nested_{n}_{seed}.npy"
    if not path.exists():
        centres: np.ndarray = np.zeros((1, _NESTED_WIDTH), np.float32)
        rng = np.random.default_rng(seed)
        for k, spread in zip(NESTED, _NESTED_SPREADS, strict=True):
            offsets = rng.normal(0, spread, (k, _NESTED_WIDTH))
            centres = (np.repeat(centres, k // len(centres), axis=0) + offsets).astype(np.float32)
        CACHE.mkdir(exist_ok=True)
        part = path.with_suffix(".part")
        rows = np.lib.format.open_memmap(part, mode="w+", dtype=np.float16, shape=(n, _NESTED_WIDTH))
        for start, rng, cluster in _nested_blocks(n, seed):
            noise = rng.standard_normal((_NESTED_BLOCK, _NESTED_WIDTH), dtype=np.float32)[: len(cluster)]
            rows[start : start + len(cluster)] = centres[cluster] + np.float32(_NESTED_NOISE) * noise
        rows.flush()
        part.rename(path)
    return path


def nested_labels(name: str) -> dict[str, np.ndarray]:
    """Cluster of each row at the three levels, by the number of clusters: "25", "625", "15625"."""
    n, _, seed = _size(name.partition(":")[2])
    cluster = np.concatenate([block for _, _, block in _nested_blocks(n, seed)])
    return {str(k): cluster // (NESTED[-1] // k) for k in NESTED}


def title(name: str) -> str:
    """Readable name of a data set, without the seed: "wordnet:5000:1" is "WordNet 5,000".

    >>> title("mixture:20000x64:0"), title("glass@minmax")
    ('mixture 20,000 × 64', 'glass, minmax')
    """
    kind, _, rest = name.replace("@", ", ").partition(":")
    known = {
        "wordnet": "WordNet", "cifar100": "CIFAR-100", "mnist": "MNIST", "imclef07A": "ImCLEF07A",
        "fsdd": "FSDD", "nested": "nested mixture",
    }  # fmt: skip
    text = known.get(kind, kind)
    if not rest:
        return text
    n, _, d = rest.split(":")[0].partition("x")
    return f"{text} {int(n):,}" + (f" × {d}" if d else "")


def mixture(name: str) -> Path:
    """File of gaussian clusters of 100 rows on average, whose centres lie around 40 others; written once."""
    n, d, seed = _size(name.partition(":")[2])
    assert d is not None
    path = CACHE / f"mixture_{n}x{d}_{seed}.npy"
    if not path.exists():
        rng = np.random.default_rng(seed)
        centres = rng.normal(size=(N_SUPER, d))
        k = max(n // ROWS_PER_COMPONENT, 2)
        centres = (centres[rng.integers(N_SUPER, size=k)] + 0.7 * rng.normal(size=(k, d))).astype(np.float32)
        CACHE.mkdir(exist_ok=True)
        part = path.with_suffix(".part")
        rows = np.lib.format.open_memmap(part, mode="w+", dtype=np.float32, shape=(n, d))
        for start in range(0, n, 8192):
            block = rows[start : start + 8192]
            block[:] = centres[rng.integers(k, size=len(block))]
            block += rng.standard_normal(block.shape, dtype=np.float32)
        rows.flush()
        part.rename(path)
    return path


def cifar100_features() -> Path:
    """File of EfficientNet-Lite0 features of the 10,000 test images; computed once, in minutes."""
    path = CACHE / "cifar100_test_efficientnet_lite0.npy"
    if not path.exists():
        from hyperclade.data.images import ImageItem, decode_images
        from hyperclade.encoders.pretrained import load_encoder

        encoder = load_encoder("efficientnet-lite0", device="auto")
        images = cifar100_rows("test")["image"]
        features = np.empty((len(images), encoder.dim), np.float32)
        for start in range(0, len(images), _BATCH):
            batch = [
                image["bytes"] if isinstance(image, dict) else image
                for image in images[start : start + _BATCH]
            ]
            decoded, _, broken = decode_images(
                [ImageItem(str(i), None, str(i), b) for i, b in enumerate(batch)]
            )
            assert not broken, broken
            features[start : start + len(batch)] = encoder.encode_images(decoded)
            print(f"CIFAR-100 features: {start + len(batch)} of {len(images)}", end="\r", flush=True)
        CACHE.mkdir(exist_ok=True)
        part = path.with_suffix(".part.npy")
        np.save(part, features)
        part.rename(path)
    return path


def _nested_blocks(n: int, seed: int) -> Iterator[tuple[int, np.random.Generator, np.ndarray]]:
    """First row, generator and smallest clusters of each block of rows."""
    for start in range(0, n, _NESTED_BLOCK):
        rng = np.random.default_rng([seed, 1 + start // _NESTED_BLOCK])
        yield start, rng, rng.integers(NESTED[-1], size=_NESTED_BLOCK)[: n - start]


def _table(name: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    if name in ("wine", "breast cancer", "digits"):
        bunch = getattr(datasets, f"load_{name.replace(' ', '_')}")()
        return bunch.data, {"class": bunch.target}
    return _uci(name)


def _uci(name: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    features, labels = uci_table(name)
    return features.to_numpy(), {"class": pd.factorize(labels, sort=True)[0]}


def _nouns(_: str) -> Data:
    sample = load_nouns()
    labels = {"category": sample.labels, "lexname": sample.other_labels["lexname"]}
    return _shuffled(sample.features.astype(np.float32), labels)


def _wordnet(rest: str) -> Data:
    nouns, features = wordnet()
    labels = pd.factorize(nouns["lexname"], sort=True)[0]
    if not rest:
        return Data(features, {"lexname": labels})
    n, d, seed = _size(rest)
    rows = np.sort(np.random.default_rng(seed).choice(len(features), n, replace=False))
    return Data(features[rows, :d].astype(np.float32), {"lexname": labels[rows]})


def _cifar100(_: str) -> Data:
    frame = cifar100_rows("test")
    features = np.load(cifar100_features(), allow_pickle=False)
    return _shuffled(features, {key: frame[key].to_numpy() for key in ("label", "superclass")})


def _mnist(_: str) -> Data:
    from PIL import Image

    frame = _avdigits("mnist_test")
    pixels = [np.asarray(Image.open(io.BytesIO(picture))).ravel() for picture in frame["image"]]
    return _shuffled(np.array(pixels, np.float32), {"digit": frame["label"].to_numpy()})


def _imclef(rest: str) -> Data:
    samples = load_imclef("07A", "train")
    X, targets, taxonomy = samples.inputs, samples.targets(), samples.taxonomy
    assert isinstance(X, np.ndarray)
    if rest:
        n, _, seed = _size(rest)
        rows = np.sort(np.random.default_rng(seed).choice(len(X), n, replace=False))
        X, targets = X[rows], targets[rows]
    labels = {}
    for level in (0, 1):
        nodes = np.flatnonzero(taxonomy.depth == level)
        assert (targets[:, nodes].sum(axis=1) == 1).all(), "one node of a level each"
        labels[f"level {level + 1}"] = targets[:, nodes].argmax(axis=1)
    return _shuffled(X, labels)


def _fsdd(_: str) -> Data:
    from scipy.io import wavfile

    from hyperclade.data.spectrogram import log_mel

    frame = _avdigits("fsdd")
    rows = []
    for audio in frame["audio"]:
        rate, samples = wavfile.read(io.BytesIO(audio))
        levels = log_mel(samples / 2.0**15, sample_rate=rate, n_bins=32, window=0.025, n_fft=256)
        stretches = np.array_split(levels, 5, axis=1)
        rows.append(np.concatenate([stretch.mean(axis=1) for stretch in stretches]))
    labels = {"digit": frame["label"].to_numpy(), "speaker": frame["speaker"].to_numpy(dtype=str)}
    return _shuffled(np.array(rows, np.float32), labels)


_READERS: dict[str, Callable[[str], Data]] = {
    "nouns": _nouns,
    "wordnet": _wordnet,
    "cifar100": _cifar100,
    "mnist": _mnist,
    "imclef07A": _imclef,
    "fsdd": _fsdd,
}


def _avdigits(name: str) -> pd.DataFrame:
    home = data_home()
    if home is None:
        raise FileNotFoundError("no data folder: set HYPERCLADE_DATA to it")
    return pd.read_parquet(home / "avdigits" / f"{name}.parquet")


def _shuffled(X: np.ndarray, labels: dict[str, np.ndarray]) -> Data:
    order = np.random.default_rng(0).permutation(len(X))
    return Data(X[order], {name: np.asarray(values)[order] for name, values in labels.items()})


def _scaled(X: np.ndarray, scaling: str) -> np.ndarray:
    """Columns scaled, rows left alone."""
    if scaling == "raw":
        return X
    start, spread = (
        (X.min(axis=0), np.ptp(X, axis=0)) if scaling == "minmax" else (X.mean(axis=0), X.std(axis=0))
    )
    return (X - start) / np.where(spread > 0, spread, 1)


def _standardised(X: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and variance 1, then rows of length 1."""
    spread = X.std(axis=0)
    X = (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def _size(text: str) -> tuple[int, int | None, int]:
    shape, seed = text.split(":")
    n, _, d = shape.partition("x")
    return int(n), int(d) if d else None, int(seed)


if __name__ == "__main__":
    cifar100_features()
    print()
    mixture("mixture:200000x512:0")
    for rows in (20_000, 40_000, 80_000, 160_000, 300_000, 320_000, 640_000, 1_000_000):
        nested(f"nested:{rows}:0")

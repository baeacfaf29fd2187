"""Data sets of the clustering benchmark, by name; `python benchmarks/clustering_data.py` makes the slow ones.

Names: "zoo", "iris", "glass", "wine", "breast cancer", "digits" (columns standardised), "digits, raw"
(pixels), "iris, scikit-learn" (not quite the UCI file), "cifar100" (features of the test images),
"wordnet" (all nouns), "wordnet:5000:2" (5,000 random nouns, seed 2), "wordnet:20000x64:0" (their first 64
components), "mixture:20000x64:0" (a synthetic gaussian mixture). All are compared by cosine. Rows with
labels are shuffled: some files are sorted by class, and some methods break ties by row order.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sklearn import datasets

from hyperclade.data.samples import load_cifar100, load_uci, load_wordnet

CACHE = Path(__file__).parent / "cache"  # made from the data folder or from a seed; git ignores it
ROWS_PER_COMPONENT, N_SUPER = 100, 40  # of the mixture
_BATCH = 64


@dataclass(frozen=True)
class Data:
    """Features `(n, d)` and labellings of their rows by name."""

    X: np.ndarray
    labels: dict[str, np.ndarray] = field(default_factory=dict)


def load(name: str) -> Data:
    """The data set of that name."""
    kind, _, rest = name.partition(":")
    if name in ("zoo", "iris", "glass"):
        sample = load_uci(kind)
        return _shuffled(_standardised(sample.features), {"class": sample.labels})
    if name in ("iris, scikit-learn", "wine", "breast cancer", "digits"):
        bunch = getattr(datasets, f"load_{name.split(',')[0].replace(' ', '_')}")()
        return _shuffled(_standardised(bunch.data), {"class": bunch.target})
    if name == "digits, raw":
        digits = datasets.load_digits()
        return _shuffled(digits.data, {"class": digits.target})
    if kind == "wordnet":
        nouns, _ = load_wordnet()
        if not rest:
            return Data(nouns.features, {"lexname": nouns.labels})
        n, d, seed = _size(rest)
        rows = np.sort(np.random.default_rng(seed).choice(len(nouns.features), n, replace=False))
        return Data(nouns.features[rows, :d].astype(np.float32), {"lexname": nouns.labels[rows]})
    if kind == "mixture":
        return Data(np.load(mixture(name), mmap_mode="r", allow_pickle=False))
    if kind == "cifar100":
        frame = load_cifar100("test")
        features = np.load(cifar100_features(), allow_pickle=False)
        return _shuffled(features, {key: frame[key].to_numpy() for key in ("label", "superclass")})
    raise ValueError(f"no data set {name!r}")


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
        images = load_cifar100("test")["image"]
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


def _shuffled(X: np.ndarray, labels: dict[str, np.ndarray]) -> Data:
    order = np.random.default_rng(0).permutation(len(X))
    return Data(X[order], {name: np.asarray(values)[order] for name, values in labels.items()})


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

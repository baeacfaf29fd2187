"""Tiny pairs of pictures and sounds with planted classes, and recipes that suit them."""

import numpy as np

from hyperclade.data.paired import PairedSet
from hyperclade.selflabel.config import Encoders, Recipe, System, Training

CLASSES = 4
SYSTEMS = {
    "l3": {"labeller": "none"},
    "deepcluster": {"labeller": "kmeans", "teacher": "own", "n_heads": 1},
    "xdc": {"labeller": "kmeans", "teacher": "other", "n_heads": 1},
    "sela": {"teacher": "own"},
    "selavi": {"teacher": "joint"},
    "euclidean": {"geometry": "euclidean", "dim": 8},
    "ball": {"geometry": "ball", "dim": 8},
    "shhc": {"hierarchy": True, "geometry": "ball", "dim": 8, "first_labels": "features"},
    "shhc_flat": {"hierarchy": True, "geometry": "euclidean", "dim": 8, "first_labels": "features"},
    "post": {"labeller": "hierarchy", "n_heads": 1},
}


def planted_pairs(n=200, seed=0, channels=1):
    """Each class brightens another quarter of frame and spectrogram."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % CLASSES)
    frames = rng.integers(0, 90, (n, 1, channels, 12, 12))
    sounds = rng.standard_normal((n, 12, 12)).astype(np.float32)
    for name in range(CLASSES):
        rows = labels == name
        top, left = 6 * (name // 2), 6 * (name % 2)
        frames[rows, :, :, top : top + 6, left : left + 6] += 60 + 25 * name
        sounds[rows, 3 * name : 3 * name + 3] += 2 + name / 2
    return PairedSet(frames.astype(np.uint8), sounds, np.arange(n), np.arange(n), labels)


def recipe(name="selavi", *, seed=0, system=None, **training):
    """The system of a name at the size of the planted pairs."""
    sizes = {"n_clusters": 6, "n_heads": 2, "hidden": 16, "n_relabellings": 4, "dropout": 0.1}
    budget = {
        "warmup_epochs": 1.0,
        "epochs": 3.0,
        "batch_size": 32,
        "learning_rate": 1e-2,
        "flip": False,
        "crop": False,
        "checkpoint_every": 5,
    }
    return Recipe(
        System(**(sizes | SYSTEMS[name] | (system or {}))),
        Encoders(channels=[4, 8]),
        Training(**(budget | training)),
        seed,
    )

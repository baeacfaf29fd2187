"""Small sets of features, images and masks with planted classes, and recipes that suit them."""

import numpy as np

from hyperclade.data.image_rows import ImageRows, MaskRows
from hyperclade.data.labelled import LabelledSet
from hyperclade.data.masks import VOID, MaskedSet
from hyperclade.recognition.config import Backbone, Method, Recipe, Training
from hyperclade.trees.taxonomy import Taxonomy

TAXONOMY = Taxonomy.from_paths(["animal/dog", "animal/cat", "plant/oak", "plant/fern/tree", "rock"])
NAMES = ("red", "green", "blue")


def planted_features(n=120, d=6, seed=0, noise=0.3):
    """Each leaf around a point of its own; features far from standard."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(TAXONOMY.leaves[np.arange(n) % len(TAXONOMY.leaves)])
    centres = np.random.default_rng(1).normal(size=(len(TAXONOMY), d))
    rows = (centres[labels] + noise * rng.normal(size=(n, d))) * np.linspace(1, 90, d) + 40
    return LabelledSet(
        rows.astype(np.float32), labels[:, None].astype(np.int64), TAXONOMY, tuple(map(str, range(n)))
    )


def planted_images(n=12, size=16, seed=0):
    """Images of one colour and noise, labelled with the colour."""
    rng = np.random.default_rng(seed)
    taxonomy = Taxonomy.from_paths(["warm/red", "cold/green", "cold/blue"])
    colour = rng.permutation(np.arange(n) % 3)
    pixels = rng.integers(0, 60, (n, 3, size, size))
    pixels[np.arange(n), colour] += 180
    labels = taxonomy.leaves[colour][:, None]
    return LabelledSet(
        ImageRows.of_pixels(pixels.astype(np.uint8)), labels, taxonomy, tuple(map(str, range(n)))
    )


def planted_masks(n=6, size=(40, 48), seed=0):
    """Left and right halves of different colours, which are the classes; the top row is void."""
    rng = np.random.default_rng(seed)
    taxonomy = Taxonomy.from_paths(["warm/red", "cold/green", "cold/blue"])
    h, w = size
    pairs = np.stack([rng.permutation(3)[:2] for _ in range(n)])
    classes = np.repeat(pairs[:, None, :, None], w // 2, 3).reshape(n, 1, w).repeat(h, 1).astype(np.uint8)
    pixels = rng.integers(0, 60, (n, h, w, 3)) + 180 * np.eye(3, dtype=int)[classes]
    classes[:, 0] = VOID
    return MaskedSet(
        ImageRows.of_pixels(pixels.transpose(0, 3, 1, 2).astype(np.uint8)),
        MaskRows.of_classes(classes),
        taxonomy,
        taxonomy.leaves,
        tuple(f"street{k}" for k in range(n)),
    )


def recipe(name="leaf-softmax", *, settings=None, backbone=None, seed=0, **training):
    """A small network and a short run."""
    budget = {"epochs": 3.0, "batch_size": 16, "learning_rate": 1e-2, "checkpoint_every": 5}
    if settings is None:
        settings = {"hidden": [8], "dropout": 0.2} if backbone is None else {"hidden": []}
    return Recipe(Method(name, settings), Backbone(**(backbone or {})), Training(**(budget | training)), seed)

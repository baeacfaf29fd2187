"""A small vision transformer in a folder, pictures with planted stripes, and recipes that take seconds."""

import json

import numpy as np
import torch
import transformers

from hyperclade.data.image_rows import ImageRows, MaskRows
from hyperclade.data.masks import MaskedSet
from hyperclade.segmentation.config import Backbone, Hierarchy, Method, Recipe, Training
from hyperclade.segmentation.sources import ImageSet
from hyperclade.trees.taxonomy import Taxonomy

TAXONOMY = Taxonomy.from_paths(["warm/red", "warm/yellow", "blue"])
CLASS_NODES = np.array([TAXONOMY.index(name) for name in ("warm/red", "warm/yellow", "blue")])
COLOURS = np.array([[220, 30, 30], [210, 200, 40], [30, 40, 220]], np.uint8)
SIZE = (64, 80)


def save_vit(folder, *, patch=8, seed=0):
    """A ViT of two layers with random weights and its processor's settings; gives the folder."""
    torch.manual_seed(seed)
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, image_size=32,
        patch_size=patch,
    )  # fmt: skip
    transformers.ViTModel(config, add_pooling_layer=False).save_pretrained(folder)
    processor = {
        "image_processor_type": "ViTImageProcessor", "do_resize": True, "resample": 2,
        "size": {"height": 32, "width": 32}, "do_rescale": True, "rescale_factor": 1 / 255,
        "do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return folder


def planted(n, *, seed=0, size=SIZE):
    """Pictures of upright stripes of three colours, with noise, and the colour of each pixel."""
    rng = np.random.default_rng(seed)
    stripes = rng.integers(0, 3, (n, -(-size[1] // 16)))
    classes = np.repeat(np.repeat(stripes, 16, axis=1)[:, None, : size[1]], size[0], axis=1).astype(np.uint8)
    noise = rng.integers(-12, 13, (n, *size, 3))
    pixels = np.clip(COLOURS[classes].astype(int) + noise, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)), classes


def to_learn(n=12, **options):
    pixels, _ = planted(n, **options)
    return ImageSet(ImageRows.of_pixels(pixels), tuple(f"{k}.png" for k in range(n)))


def to_judge(n=6, **options):
    pixels, classes = planted(n, **({"seed": 1} | options))
    ids = tuple(f"{k}.png" for k in range(n))
    return MaskedSet(ImageRows.of_pixels(pixels), MaskRows.of_classes(classes), TAXONOMY, CLASS_NODES, ids)


def recipe(backbone, method="stego", *, levels=0, seed=0, settings=None, components=None, **training):
    usual = {"epochs": 3.0, "batch_size": 4, "learning_rate": 1e-3, "side": 32, "neighbours": 4}
    return Recipe(
        Method(method, 3, settings or {}),
        Hierarchy(levels, temperature=0.01, revive=2),
        Backbone(str(backbone), components=components),
        Training(**(usual | training)),
        seed=seed,
    )

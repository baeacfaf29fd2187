"""Scores of samples by a trained module, and how good they are."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from hyperclade.data.image_rows import ImageRows, read_rows
from hyperclade.data.labelled import LabelledSet
from hyperclade.data.masks import MaskedSet
from hyperclade.learning.module import evaluating
from hyperclade.metrics.mistakes import mistakes_report
from hyperclade.metrics.multilabel import recognition_report
from hyperclade.metrics.segmentation import PixelConfusion, mean_iou_per_level
from hyperclade.progress import Progress, tracked
from hyperclade.recognition.module import Recognition

_FEATURE_ROWS, _IMAGES = 4096, 64  # scored at once
_BLOCK_PIXELS = 1 << 20


def predict_scores(
    module: Recognition, inputs: np.ndarray | ImageRows, *, progress: Progress | None = None
) -> np.ndarray:
    """Scores of all nodes of the taxonomy for n samples, `(n, m) float32`, the higher the likelier.

    Raises ValueError for samples of another kind or length than the module was trained on.
    """
    _check_kind(module, inputs)
    parts = [module.scores(block).float().cpu().numpy() for block in _blocks(module, inputs, progress)]
    return np.concatenate(parts)


def predict_classes(
    module: Recognition, images: ImageRows, *, progress: Progress | None = None
) -> Iterator[np.ndarray]:
    """The likeliest class of every pixel, in blocks `(b, h, w) uint8`, by a module trained on pixels."""
    if module.task.kind != "pixels":
        raise ValueError(f"the module was trained on {module.task.kind}, which have no classes of pixels")
    for block in _blocks(module, images, progress):
        yield module.pixel_scores(block).argmax(1).to(torch.uint8).cpu().numpy()


def evaluate(
    module: Recognition, samples: LabelledSet | MaskedSet, *, progress: Progress | None = None
) -> dict[str, Any]:
    """How good the scores of labelled samples are.

    Labelled samples: `recognition_report` and, where each has one deepest label, that label being a leaf,
    `mistakes_report` under "mistakes", with None for NaN. Masks: "levels", from the classes upwards,
    each with its mIoU ("mean_iou") and the IoU of its nodes ("iou") by name, and "pixel_accuracy".

    Raises ValueError for samples of another kind or taxonomy than the module's.
    """
    check_taxonomy(module, samples)
    if isinstance(samples, MaskedSet):
        return _segmentation_report(module, samples, progress)
    scores, targets = predict_scores(module, samples.inputs, progress=progress), samples.targets()
    report: dict[str, Any] = dict(recognition_report(scores, targets, samples.taxonomy))
    leaves = samples.taxonomy.leaves
    if (targets[:, leaves].sum(1) == 1).all():
        true = leaves[targets[:, leaves].argmax(1)]
        mistakes = mistakes_report(scores, true, samples.taxonomy)
        report["mistakes"] = {name: None if np.isnan(value) else value for name, value in mistakes.items()}
    return report


def cost(module: Recognition, samples: LabelledSet | MaskedSet, *, seconds: float = 2.0) -> dict[str, float]:
    """What a module costs at prediction, one sample at a time; the first of the samples is used.

    Gives "parameters", those used in training alone included; "flops" of a sample, a multiplication and an
    addition being two (papers often count them as one); "samples_per_second" on the module's device.
    """
    inputs = samples.inputs
    _check_kind(module, inputs)
    first = next(_blocks(module, inputs.subset([0]) if isinstance(inputs, ImageRows) else inputs[:1]))
    score = module.pixel_scores if module.task.kind == "pixels" else module.scores
    with evaluating(module):
        with FlopCounterMode(display=False) as counter:
            score(first)
        n, began = 0, time.perf_counter()
        while (spent := time.perf_counter() - began) < seconds or n == 0:
            score(first).sum().item()  # waits for a GPU
            n += 1
    return {
        "parameters": sum(parameter.numel() for parameter in module.scorer.parameters()),
        "flops": counter.get_total_flops(),
        "samples_per_second": n / spent,
    }


def check_taxonomy(module: Recognition, samples: LabelledSet | MaskedSet) -> None:
    """Raise ValueError unless samples are labelled with the very nodes that a module scores."""
    taxonomy, theirs = module.task.taxonomy, samples.taxonomy
    if theirs.names != taxonomy.names or not np.array_equal(theirs.edges, taxonomy.edges):
        other = sorted(set(theirs.names) ^ set(taxonomy.names))
        named = (
            f"{other[0]!r} is in one of them only" if other else "nodes have other parents or another order"
        )
        raise ValueError(
            f"the samples have another taxonomy, of {len(theirs)} nodes, than the module ({len(taxonomy)}): "
            f"{named}"
        )
    if isinstance(samples, MaskedSet) and tuple(samples.class_nodes) != module.task.class_nodes:
        raise ValueError("the masks have other classes than those that the module was trained on")


def _segmentation_report(
    module: Recognition, samples: MaskedSet, progress: Progress | None
) -> dict[str, Any]:
    confusion = PixelConfusion(len(samples.class_nodes))
    row = 0
    for predicted in predict_classes(module, samples.images, progress=progress):
        confusion.update(predicted, samples.masks.read(slice(row, row + len(predicted))))
        row += len(predicted)
    names = samples.taxonomy.names
    levels = [
        {
            "level": level.level,
            "mean_iou": level.mean_iou,
            "iou": {
                names[node]: None if np.isnan(iou) else float(iou)
                for node, iou in zip(level.nodes.tolist(), level.iou, strict=True)
            },
        }
        for level in mean_iou_per_level(confusion.counts, samples.taxonomy, samples.class_nodes)
    ]
    accuracy = float(np.trace(confusion.counts) / confusion.counts.sum())
    return {"n_samples": len(samples), "levels": levels, "pixel_accuracy": accuracy}


def _check_kind(module: Recognition, inputs: np.ndarray | ImageRows) -> None:
    kind, width = module.task.kind, len(module.net.mean)
    if isinstance(inputs, ImageRows):
        if kind == "features":
            raise ValueError("the module was trained on features; these samples are images")
    elif kind == "pixels":
        raise ValueError("the module was trained on images with masks; these samples are features")
    elif inputs.shape[1] != width:
        raise ValueError(
            f"the module was trained on {width} features per sample; these have {inputs.shape[1]}"
        )


def _blocks(
    module: Recognition, inputs: np.ndarray | ImageRows, progress: Progress | None = None
) -> Iterator[torch.Tensor]:
    """Samples on the module's device, the module being in evaluation mode meanwhile."""
    size = _FEATURE_ROWS
    if isinstance(inputs, ImageRows):
        size = _IMAGES
        if module.task.kind == "pixels":
            size = max(1, _BLOCK_PIXELS // (inputs.size[0] * inputs.size[1]))
    with evaluating(module):
        for start in tracked(range(0, len(inputs), size), "scoring", progress):
            rows = slice(start, start + size)
            block = read_rows(inputs, rows)
            if not isinstance(inputs, ImageRows):
                block = np.array(block, dtype=np.float32)
            yield torch.from_numpy(block).to(module.device)

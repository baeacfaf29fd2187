"""How good the clusters of a trained module are, on masked images: as classes, and level by level."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate, normalize

from hyperclade.data.masks import MaskedSet
from hyperclade.environment import IntArray
from hyperclade.hierarchy.shhc import SHHC
from hyperclade.learning.module import evaluating
from hyperclade.learning.painting import likeliest
from hyperclade.metrics.segmentation import PixelConfusion, matched_iou
from hyperclade.progress import Progress
from hyperclade.segmentation.crf import CRF
from hyperclade.segmentation.levels import learned_levels
from hyperclade.segmentation.module import Segmentation
from hyperclade.segmentation.prepare import JudgedSet, mirrored_features
from hyperclade.segmentation.protocol import Protocol
from hyperclade.trees.taxonomy import Taxonomy

_BATCH = 8
_STEP = 4  # of every so many pixels each way, levels count one


def evaluate(
    module: Segmentation,
    samples: MaskedSet | JudgedSet,
    protocol: Protocol,
    *,
    crf: bool = False,
    level: int = 0,
    levels: bool = True,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Figures by name, as JSON holds them.

    Parameters
    ----------
    crf : bool
        Also judge what the conditional random field makes of the clusters ("crf"), by far the longest part.
    level : int
        Levels of groups above the classes, which clusters are matched with; 0 for the classes.
    levels : bool
        Also judge the hierarchy: at each number of clusters, and for the classes and each level above them,
        the learned levels ("learned"), their tree cut to just that number ("merged"), clusters of k-means
        each for itself ("kmeans"), its finest ones merged by sHHC ("shhc"), and those that OMH has trained
        with ("heads"), where it has as many levels.

    Raises
    ------
    ValueError
        No pixel of the masks has a class, or there are not so many levels above the classes.
    """
    masked = samples.samples if isinstance(samples, JudgedSet) else samples
    truths = class_levels(masked.taxonomy, masked.class_nodes)
    if level >= len(truths):
        raise ValueError(f"level must be below {len(truths)}, the levels that the classes have; got {level}")
    n_classes, centres = len(masked.class_nodes), module.net.centres(fitted=protocol.fitted)
    plain, refined = (PixelConfusion(n_classes, len(centres)) for _ in range(2))
    heads = module.net.hierarchy
    several = (*module.net.fitted, *(() if heads is None else heads.centres)) if levels else ()
    finest = [normalize(each, dim=1) for each in several]
    coarser = [PixelConfusion(n_classes, len(each)) for each in finest]
    field = CRF()
    with evaluating(module), torch.no_grad():
        for rows, features in _features(module, samples, progress):
            masks = masked.masks.read(rows)
            codes = module.codes(features.to(module.device))
            plain.update(pixel_clusters(codes, centres, masks.shape[1:]), masks)
            few = masks[:, _STEP // 2 :: _STEP, _STEP // 2 :: _STEP]
            for counts, each in zip(coarser, finest, strict=True):
                counts.update(pixel_clusters(codes, each, few.shape[1:]), few)
            if crf:
                images = masked.images.read(rows)
                shares = pixel_shares(codes, centres, masks.shape[1:], protocol.sharpness)
                found = [field(share, image).argmax(0) for share, image in zip(shares, images, strict=True)]
                refined.update(np.stack(found), masks)
    names, group = truths[level]
    figures: dict[str, Any] = {
        "protocol": protocol.name, "n_samples": len(masked), "n_clusters": len(centres),
        "n_classes": len(names), **_told(plain.counts, names, group),
    }  # fmt: skip
    if crf:
        figures["crf"] = _told(refined.counts, names, group)
    if levels:
        groups = [group for _, group in truths]
        figures["levels"] = _levels([counts.counts for counts in coarser], module, groups)
    return figures


def pixel_clusters(codes: Tensor, centres: Tensor, size: Sequence[int]) -> np.ndarray:
    """The nearest centre of every pixel, `(b, h, w) int64`, codes being interpolated to pixels.

    >>> codes = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])
    >>> pixel_clusters(codes, torch.eye(2), (1, 4)).tolist()
    [[[0, 0, 1, 1]]]
    """
    # As the length of a code does not matter, products can be interpolated in its place.
    products = torch.einsum("bdhw,kd->bkhw", codes, centres)
    return likeliest(products, size).long().cpu().numpy()


def pixel_shares(codes: Tensor, centres: Tensor, size: Sequence[int], sharpness: float) -> np.ndarray:
    """Soft clusters of pixels, `(b, k, h, w) float32`: a softmax over cosines times the sharpness."""
    cosines = torch.einsum("bdhw,kd->bkhw", normalize(codes, dim=1), centres)
    pixels = interpolate(cosines, tuple(size), mode="bilinear", align_corners=False)
    return (pixels * sharpness).softmax(1).float().cpu().numpy()


def class_levels(taxonomy: Taxonomy, class_nodes: IntArray) -> list[tuple[list[str], IntArray]]:
    """For the classes and each level above them, names of groups and the group of each class.

    The classes keep their order. A level of a single group is left out.

    >>> class_levels(Taxonomy.from_paths(["flat/road", "flat/pavement", "sky"]), np.array([3, 1, 2]))[1]
    (['flat', 'sky'], array([1, 0, 0]))
    """
    levels = [([taxonomy.names[node] for node in class_nodes], np.arange(len(class_nodes)))]
    for at in taxonomy.levels(class_nodes)[::-1]:
        nodes, group = np.unique(at, return_inverse=True)
        if 1 < len(nodes) < len(levels[-1][0]):
            levels.append(([taxonomy.names[node] for node in nodes], group))
    return levels


def _features(
    module: Segmentation, samples: MaskedSet | JudgedSet, progress: Progress | None
) -> Iterator[tuple[slice, Tensor]]:
    for start in range(0, len(samples), _BATCH):
        rows = slice(start, start + _BATCH)
        if isinstance(samples, JudgedSet):
            yield rows, torch.from_numpy(np.array(samples.features[rows]))
        else:
            found = mirrored_features(module.net.patches, torch.from_numpy(samples.images.read(rows)))
            yield rows, torch.from_numpy(found)
        if progress is not None:
            progress("judging", min(start + _BATCH, len(samples)) / len(samples))


def _told(counts: np.ndarray, names: Sequence[str], group: IntArray) -> dict[str, Any]:
    found = matched_iou(_joined(counts.T, group).T)
    iou = {name: None if np.isnan(v) else float(v) for name, v in zip(names, found.iou, strict=True)}
    return {"accuracy": found.accuracy, "mean_iou": found.mean_iou, "iou": iou}


def _levels(
    counts: Sequence[np.ndarray], module: Segmentation, truths: Sequence[IntArray]
) -> list[dict[str, Any]]:
    own = learned_levels(module.net)
    kmeans, heads = counts[: len(own.labels)], counts[len(own.labels) :]
    ends = module.net.fitted[-1].double().cpu().numpy()
    above = SHHC(metric="cosine", n_clusters=None, random_state=0).fit(ends).tree_
    rows = []
    for at, (labels, fitted) in enumerate(zip(own.labels, kmeans, strict=True)):
        k = fitted.shape[1]
        clusters = {
            "learned": _joined(kmeans[-1], labels),
            "merged": _joined(kmeans[-1], own.tree.cut(k)),
            "kmeans": fitted,
            "shhc": _joined(kmeans[-1], above.cut(k)),
        } | ({"heads": heads[at]} if at < len(heads) else {})
        for group in truths:
            classes = {name: _joined(found.T, group).T for name, found in clusters.items()}
            figures = {name: matched_iou(found).mean_iou for name, found in classes.items()}
            rows.append({"clusters": k, "classes": int(group.max()) + 1, "mean_iou": figures})
    return rows


def _joined(counts: np.ndarray, labels: IntArray) -> np.ndarray:
    """Counts whose columns of one label are one."""
    joined = np.zeros((len(counts), int(labels.max()) + 1), dtype=counts.dtype)
    np.add.at(joined.T, labels, counts.T)
    return joined

"""What a trained module says about samples: scores, labels, a way down the taxonomy; masks and overlays."""

import csv
import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from hyperclade.data.atomic import atomic_write
from hyperclade.data.image_rows import ImageRows, Pictures, resized
from hyperclade.learning.module import evaluating
from hyperclade.learning.painting import (
    OVERLAY,
    class_colours,
    legend,
    likeliest,
    mask_paths,
    overlay,
    write_picture,
)
from hyperclade.metrics.multilabel import coherent_scores
from hyperclade.progress import Progress, tracked
from hyperclade.recognition.evaluation import predict_scores
from hyperclade.recognition.module import Recognition
from hyperclade.recognition.stopping import NOWHERE, Stop, cheapest_nodes, likely_nodes
from hyperclade.trees.taxonomy import Taxonomy

_LEGEND = "classes.json"
_LOWEST = 32  # pixels of a side that the network sees, if those of training have them


@dataclass(frozen=True)
class Predictions:
    """Of n samples, over the m nodes of a taxonomy.

    Attributes
    ----------
    scores : (n, m) float32
        Coherent if so asked for.
    labels : (n, m) bool
        The nodes that score at least the threshold, and those on the way to the end.
    leaf : (n,) int64
        The leaf that scores best.
    end : (n,) int64
        The node that the path ends in: the leaf unless it may stop above, -1 where it has no node.
    taxonomy : Taxonomy
        Taxonomy of the nodes.
    """

    scores: np.ndarray
    labels: np.ndarray
    leaf: np.ndarray
    end: np.ndarray
    taxonomy: Taxonomy

    def paths(self) -> list[tuple[str, ...]]:
        """Names from the top to the end, for each sample."""
        ends, of_sample = np.unique(self.end[self.end != NOWHERE], return_inverse=True)
        ways = self.taxonomy.levels(ends).T
        named = [tuple(self.taxonomy.names[node] for node in dict.fromkeys(way.tolist())) for way in ways]
        found = iter(of_sample.tolist())
        return [() if end == NOWHERE else named[next(found)] for end in self.end]

    def end_scores(self) -> np.ndarray:
        """(n,) score of the end of each path, NaN where it has no node."""
        own = self.scores[np.arange(len(self.end)), self.end]
        return np.where(self.end == NOWHERE, np.nan, own).astype(self.scores.dtype)


def predict(
    module: Recognition,
    inputs: np.ndarray | ImageRows,
    *,
    coherent: Literal["max", "min", "none"] = "min",
    threshold: float = 0.5,
    stop: Stop | None = None,
    progress: Progress | None = None,
) -> Predictions:
    """Scores, labels and a path for samples, of the kind that the module was trained on.

    Parameters
    ----------
    coherent : {"max", "min", "none"}
        Bring the scores in line with the taxonomy: no node above an ancestor ("min"), no node below a
        descendant ("max"), or leave them as they are ("none").
    threshold : float
        Score from which on a node is a label. Of coherent scores the ancestors of a label are labels. The
        scores of BoxE, DeViSE, Barz & Denzler and HSSN are no probabilities (`probabilities` of their classes
        is False), so that 0.5 means nothing there.
    stop : float or "cost", optional
        Where the path may end above the best leaf: a probability that its nodes have at least, as
        `likely_nodes` has it, or "cost" for the node with the least expected distance, `cheapest_nodes`.

    Raises
    ------
    ValueError
        Samples of another kind or length than those trained on; a `stop` that is no probability or has none
        to go by: scores that are no probabilities, or that are left incoherent.
    """
    check_stop(module, stop, coherent)
    taxonomy = module.task.taxonomy
    free = predict_scores(module, inputs, progress=progress)
    scores = free if coherent == "none" else coherent_scores(free, taxonomy, coherent)
    leaves = taxonomy.leaves
    # Siblings tie where their parent's score bounds them: their own scores decide.
    best = scores[:, leaves].max(axis=1, keepdims=True)
    leaf = leaves[np.where(scores[:, leaves] == best, free[:, leaves], -np.inf).argmax(axis=1)]
    end = leaf
    if stop == "cost":
        end = cheapest_nodes(scores, taxonomy)
    elif stop is not None:
        end = likely_nodes(scores, taxonomy, stop, ties=free)
    way = taxonomy.ancestor_matrix()[end].toarray() & (end != NOWHERE)[:, None]
    return Predictions(scores, (scores >= threshold) | way, leaf, end, taxonomy)


def check_stop(module: Recognition, stop: Stop | None, coherent: str) -> None:
    """Raise ValueError where paths cannot stop as asked for, which `predict` says more about."""
    if stop is None:
        return
    if stop != "cost" and (isinstance(stop, str | bool) or not 0 <= stop <= 1):
        raise ValueError(f"stop must be a probability from 0 to 1, or cost, got {stop}")
    if module.task.kind == "pixels":
        raise ValueError(
            "pixels of masks have the classes learned from, none above them: leave the option stop out"
        )
    if not module.scorer.method.probabilities:
        raise ValueError(
            f"scores of {module.recipe.method.name} are no probabilities, so that no path can stop by them; "
            "leave the option stop out"
        )
    if coherent == "none":
        raise ValueError("paths stop by coherent scores: the option coherent must be min or max with stop")


def write_predictions(path: str | os.PathLike, predictions: Predictions, ids: Sequence[str]) -> None:
    """Write a table: id, path, score of its end, labels, and the scores of all nodes by name.

    The path's names are joined by " / ", the labels' by " | ". Raises ValueError for a suffix other than
    `.parquet` or `.csv`.
    """
    path = check_table(path)
    names = predictions.taxonomy.names
    columns: dict[str, Any] = {
        "id": list(ids),
        "path": [" / ".join(way) for way in predictions.paths()],
        "score": predictions.end_scores(),
        "labels": [" | ".join(names[node] for node in np.flatnonzero(row)) for row in predictions.labels],
    }
    columns |= {f"score: {name}": predictions.scores[:, node] for node, name in enumerate(names)}
    if path.suffix.lower() == ".parquet":
        with atomic_write(path) as file:
            pq.write_table(pa.table(columns), file)
        return
    with atomic_write(path, "w") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*(map(str, values) for values in columns.values()), strict=True))


def check_table(path: str | os.PathLike) -> Path:
    """The path of a table; ValueError for another suffix."""
    path = Path(path)
    if path.suffix.lower() not in (".parquet", ".csv"):
        raise ValueError(f"{path}: predictions are written as .parquet or .csv")
    return path


def write_masks(
    folder: str | os.PathLike,
    module: Recognition,
    images: np.ndarray | ImageRows | Pictures,
    ids: Sequence[str],
    *,
    progress: Progress | None = None,
) -> list[Path]:
    """Write the class of every pixel, as masks and beside the images, which keep their sizes.

    The network sees an image scaled to as many pixels as those that it was trained on have; its scores are
    scaled back. The folder gets for each image `ID.png`, a palette PNG whose values are classes, and
    `ID.overlay.png`: the image, and at each level of the taxonomy, coarse to fine, the image under the
    colours of its classes. And `classes.json`: name and colour of each class by its value. It is new, empty,
    of an earlier call, or else without files called so. Of ids that are paths to other folders, the part
    below those counts.

    Gives the masks' paths. Raises ValueError, before anything is written, where the module was not trained on
    pixels, the folder is a file, two ids give one file, or a file would replace an image, or what no earlier
    call has written.
    """
    if module.task.kind != "pixels" or isinstance(images, np.ndarray):
        raise ValueError("masks need images, and a method that was trained on images with masks")
    folder = Path(folder)
    earlier = (folder / _LEGEND).exists()
    targets = mask_paths(folder, ids, images, ours=lambda _: earlier)
    folder.mkdir(parents=True, exist_ok=True)
    taxonomy, nodes = module.task.taxonomy, np.array(module.task.class_nodes)
    colours, levels = class_colours(taxonomy, nodes), taxonomy.levels(nodes)
    names = [taxonomy.names[node] for node in nodes.tolist()]
    with atomic_write(folder / _LEGEND, "w") as file:  # first: it tells that the masks are ours
        json.dump(legend(names, colours[nodes]), file, indent=1)
    for row, path in enumerate(tracked(targets, "masking", progress)):
        pixels = images.read([row])[0]
        mask = _classes(module, pixels)
        write_picture(path, mask, colours[nodes])
        views = overlay(pixels.transpose(1, 2, 0), [colours[level[mask]] for level in levels])
        write_picture(path.with_suffix(OVERLAY), views)
    return targets


def _classes(module: Recognition, pixels: np.ndarray) -> np.ndarray:
    """The likeliest class of every pixel, `(h, w) uint8`, of an image `(3, h, w)`."""
    h, w = pixels.shape[1:]
    assert module.task.size is not None
    factor = math.sqrt(math.prod(module.task.size) / (h * w))
    lowest = min(_LOWEST, *module.task.size)  # a strip would vanish between the strides of the network
    seen = resized(pixels, (max(lowest, round(h * factor)), max(lowest, round(w * factor))))
    with evaluating(module):
        scores = module.pixel_scores(torch.from_numpy(seen.copy())[None].to(module.device))
    return likeliest(scores, (h, w))[0].cpu().numpy()

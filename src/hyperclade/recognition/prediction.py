"""What a trained module says about samples: scores, labels, a way down the taxonomy; masks and overlays."""

import colorsys
import csv
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hyperclade.data.atomic import atomic_write
from hyperclade.data.image_rows import VOID, ImageRows
from hyperclade.metrics.multilabel import coherent_scores
from hyperclade.recognition.evaluation import predict_classes, predict_scores
from hyperclade.recognition.module import Recognition
from hyperclade.trees.taxonomy import Taxonomy

_OVERLAY = 0.55  # share of the colour of classes over the image


@dataclass(frozen=True)
class Predictions:
    """Of n samples, over the m nodes of a taxonomy.

    scores : (n, m) float32, coherent if so asked for.
    labels : (n, m) bool, the nodes that score at least the threshold, and those on the way to the leaf.
    leaf : (n,) int64 the leaf that scores best.
    taxonomy : of the nodes.
    """

    scores: np.ndarray
    labels: np.ndarray
    leaf: np.ndarray
    taxonomy: Taxonomy

    def paths(self) -> list[tuple[str, ...]]:
        """Names from the top to the leaf, for each sample."""
        leaves, of_sample = np.unique(self.leaf, return_inverse=True)
        ways = self.taxonomy.levels(leaves).T
        named = [tuple(self.taxonomy.names[node] for node in dict.fromkeys(way.tolist())) for way in ways]
        return [named[k] for k in of_sample]


def predict(
    module: Recognition,
    inputs: np.ndarray | ImageRows,
    *,
    coherent: Literal["max", "min", "none"] = "min",
    threshold: float = 0.5,
    progress: bool = False,
) -> Predictions:
    """Scores, labels and the best leaf of samples.

    Args:
        module: trained on features or labelled images.
        inputs: n samples of that kind.
        coherent: bring the scores in line with the taxonomy: no node above an ancestor ("min"), no node below
            a descendant ("max"), or leave them as they are ("none").
        threshold: score from which on a node is a label. Of coherent scores the ancestors of a label are
            labels.
        progress: show a bar.

    Raises:
        ValueError: samples of another kind than the module was trained on.
    """
    taxonomy = module.task.taxonomy
    free = predict_scores(module, inputs, progress=progress)
    scores = free if coherent == "none" else coherent_scores(free, taxonomy, coherent)
    leaves = taxonomy.leaves
    # Siblings tie where their parent's score bounds them: their own scores decide.
    best = scores[:, leaves].max(axis=1, keepdims=True)
    leaf = leaves[np.where(scores[:, leaves] == best, free[:, leaves], -np.inf).argmax(axis=1)]
    way = taxonomy.ancestor_matrix()[leaf].toarray()
    return Predictions(scores, (scores >= threshold) | way, leaf, taxonomy)


def write_predictions(path: str | os.PathLike, predictions: Predictions, ids: Sequence[str]) -> None:
    """Write a table: id, path to the best leaf, its score, labels, and the scores of all nodes by name.

    Args:
        path: `.parquet` or `.csv`. The path's names are joined by " / ", the labels' by " | ".
        predictions: of n samples.
        ids: of the n samples.

    Raises:
        ValueError: another suffix.
    """
    path = check_table(path)
    names = predictions.taxonomy.names
    columns: dict[str, Any] = {
        "id": list(ids),
        "path": [" / ".join(way) for way in predictions.paths()],
        "score": predictions.scores[np.arange(len(predictions.leaf)), predictions.leaf],
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
    images: np.ndarray | ImageRows,
    ids: Sequence[str],
    *,
    progress: bool = False,
) -> list[Path]:
    """Write the class of every pixel, as masks and beside the images.

    Args:
        folder: gets for each image `ID.png`, a palette PNG whose values are classes, and `ID.overlay.png`:
            the image, and at each level of the taxonomy, coarse to fine, the image under the colours of its
            classes. And `classes.json`: name and colour of each class by its value.
        module: trained on pixels.
        images: n images.
        ids: of the n images.
        progress: show a bar.

    Returns:
        The masks.

    Raises:
        ValueError: the module was not trained on pixels, or the folder is a file.
    """
    from PIL import Image

    if module.task.kind != "pixels" or not isinstance(images, ImageRows):
        raise ValueError("masks need images, and a method that was trained on images with masks")
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file, cannot write masks there")
    folder.mkdir(parents=True, exist_ok=True)
    taxonomy, nodes = module.task.taxonomy, np.array(module.task.class_nodes)
    palette, levels = class_colours(taxonomy, nodes), taxonomy.levels(nodes)
    classes = {
        str(k): {"name": taxonomy.names[node], "colour": palette[node].tolist()}
        for k, node in enumerate(nodes.tolist())
    }
    written = []
    for row, mask in enumerate(_masks(predict_classes(module, images, progress=progress))):
        path = folder / f"{Path(ids[row]).with_suffix('').as_posix()}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(mask)
        picture.putpalette(np.vstack([palette[nodes], np.zeros((256 - len(nodes), 3), np.uint8)]).tobytes())
        image = images.read([row])[0].transpose(1, 2, 0)
        views = [image, *(_under(image, palette[level[mask]]) for level in levels)]
        for target, shown in (
            (path, picture),
            (path.with_suffix(".overlay.png"), Image.fromarray(np.concatenate(views, axis=1))),
        ):
            with atomic_write(target) as file:
                shown.save(file, format="PNG")
        written.append(path)
    with atomic_write(folder / "classes.json", "w") as file:
        json.dump(classes, file, indent=1)
    return written


def class_colours(taxonomy: Taxonomy, nodes: np.ndarray) -> np.ndarray:
    """Colours `(m, 3) uint8` of all nodes, for classes at some of them.

    The classes in the order of their ways from the top share out the circle of hues, so that classes under
    one parent look alike; a parent has the mean of their colours.

    >>> class_colours(Taxonomy.from_paths(["a/b", "a/c", "d"]), np.array([1, 2, 3])).tolist()[1]
    [229, 45, 45]
    """
    if not 0 < len(nodes) <= VOID:
        raise ValueError(f"1..{VOID} classes can have colours, got {len(nodes)}")
    order = nodes[np.lexsort(taxonomy.levels(nodes)[::-1])]
    colours = np.zeros((len(taxonomy), 3))
    for k, node in enumerate(order.tolist()):
        light = (0.9, 0.65)[k % 2] if len(order) > 8 else 0.9  # neighbouring hues are hard to tell apart
        colours[node] = 255 * np.array(colorsys.hsv_to_rgb(k / len(order), 0.8, light))
    below = taxonomy.ancestor_matrix()[order].toarray().T
    mean = below @ colours[order] / np.maximum(below.sum(axis=1, keepdims=True), 1)
    mean[order] = colours[order]
    return np.floor(mean).astype(np.uint8)


def _masks(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    for block in blocks:
        yield from block


def _under(image: np.ndarray, colours: np.ndarray) -> np.ndarray:
    return (image * (1 - _OVERLAY) + colours * _OVERLAY).astype(np.uint8)

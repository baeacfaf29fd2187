"""Segments of images, each below its cluster, as a hierarchy to be written and looked through."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hyperclade.data.image_rows import VOID
from hyperclade.environment import IntArray
from hyperclade.report.outcome import Outcome, Partition
from hyperclade.segmentation.levels import Levels
from hyperclade.trees.tree import Tree

_LEAST = 0.005  # of an image: smaller ones are specks along borders


@dataclass(frozen=True)
class Truth:
    """What is known of the pixels of the images.

    Attributes
    ----------
    masks : iterable of (h, w) uint8
        Classes of each image, `VOID` where there is none.
    names : sequence of str
        Of the classes.
    """

    masks: Iterable[np.ndarray]
    names: Sequence[str]


def segments_outcome(
    levels: Levels,
    masks: Iterable[np.ndarray],
    ids: Sequence[str],
    *,
    truth: Truth | None = None,
    least: float = _LEAST,
    exemplars: int = 8,
    title: str = "",
    facts: dict[str, Any] | None = None,
) -> Outcome:
    """The hierarchy over segments: all places of an image that are in one finest cluster.

    A row is a segment, called "IMAGE#CLUSTER". Segments of one cluster hang at height 0 below a common node,
    or are that node where there is one alone; above are the merges of `Levels.tree`, at their heights, but
    for clusters without segments. Layers are the learned levels, whose nodes have the names of the clusters.

    Parameters
    ----------
    levels : Levels
    masks : n (h, w) int
        Finest cluster of every pixel of each image; read once.
    ids : n str
        Of the images.
    truth : Truth, optional
        Its majority class is the label of a segment, None where no pixel has one.
    least : float
        Share of its image from which on a segment counts; the largest of an image always does.
    exemplars : int
        Segments to keep for each cluster of a level: those with the largest shares of their images.
    title : str
        What the images are, for the picture.
    facts : dict, optional
        What the summary says first.

    Returns
    -------
    Outcome

    Raises
    ------
    ValueError
        No images, or other numbers of masks and ids; a mask with clusters that there are not.

    Examples
    --------
    >>> angles = np.array([0.0, 0.1, 1.5, 1.6])
    >>> centres = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    >>> levels = Levels.of(centres, [np.array([0, 0, 1, 1])])
    >>> outcome = segments_outcome(levels, [np.array([[0, 0, 3]]), np.array([[1, 2, 2]])], ["a", "b"])
    >>> outcome.ids.tolist(), [layer.labels.tolist() for layer in outcome.layers]
    (['a#0', 'a#3', 'b#1', 'b#2'], [[0, 1, 0, 1], [0, 3, 1, 2]])
    """
    parts = [
        _segments(mask, len(levels.centres), least, known)
        for mask, known in zip(masks, truth.masks if truth else _nothing(), strict=truth is not None)
    ]
    if not parts or len(parts) != len(ids):
        raise ValueError(f"need images and a mask of each, got {len(ids)} images and {len(parts)} masks")
    clusters, shares, classes = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    of_image = np.repeat(np.arange(len(ids)), [len(part[0]) for part in parts])
    tree = _tree(levels.tree, clusters)
    layers: list[Partition] = []
    names: dict[int, str] = {}
    for level, (labels, called) in enumerate(zip(levels.labels, levels.names(), strict=True), 1):
        present, own = np.unique(labels[clusters], return_inverse=True)
        layers.append(Partition.of(tree, f"level_{level}", own))
        names |= {
            node: called[cluster]
            for node, cluster in zip(layers[-1].nodes.tolist(), present.tolist(), strict=True)
        }
    return Outcome(
        tree,
        layers,
        ids=np.array([f"{ids[image]}#{c}" for image, c in zip(of_image.tolist(), clusters, strict=True)]),
        labels=None if truth is None else _labels(classes, truth.names),
        node_names=names,
        shown_names=names,
        exemplars={node: _largest(tree, node, shares, exemplars) for node in names if exemplars},
        title=f"{title}{' · ' if title else ''}{len(clusters):,} segments of {len(ids):,} images",
        facts={
            **(facts or {}),
            "images": len(ids),
            "segments": len(clusters),
            "least_share": least,
            "clusters_of_levels": levels.sizes,
        },
    )


def _segments(
    mask: np.ndarray, n_clusters: int, least: float, known: np.ndarray | None
) -> tuple[IntArray, np.ndarray, IntArray]:
    """Clusters of the segments of an image, their shares of it and majority classes, `VOID` for none."""
    flat = np.asarray(mask, dtype=np.int64).ravel()
    pixels = np.bincount(flat, minlength=n_clusters)
    if len(pixels) > n_clusters:
        raise ValueError(f"a mask has cluster {len(pixels) - 1}; there are only {n_clusters}")
    counts = pixels >= max(1.0, least * flat.size)
    counts[pixels.argmax()] = True
    clusters = np.flatnonzero(counts)
    classes = np.full(len(clusters), VOID)
    if known is not None:
        votes = np.bincount(flat * (VOID + 1) + known.ravel(), minlength=n_clusters * (VOID + 1))
        votes = votes.reshape(n_clusters, VOID + 1)[clusters, :VOID]
        classes = np.where(votes.any(axis=1), votes.argmax(axis=1), VOID)
    return clusters, pixels[clusters] / flat.size, classes


def _nothing() -> Iterator[None]:
    while True:
        yield None


def _tree(above: Tree, clusters: IntArray) -> Tree:
    """Leaves below the leaves of a tree, each below its cluster; of other clusters nothing is left."""
    present, own = np.unique(clusters, return_inverse=True)
    n, above = len(clusters), above.restrict(present)
    parent = np.r_[own + n, np.where(above.parent < 0, -1, above.parent + n)]
    return Tree.from_parents(parent, np.r_[np.zeros(n), above.height]).collapse()


def _labels(classes: IntArray, names: Sequence[str]) -> np.ndarray | None:
    if (classes == VOID).all():
        return None
    labels = np.full(len(classes), None, dtype=object)
    for row in np.flatnonzero(classes != VOID).tolist():
        labels[row] = names[classes[row]]
    return labels


def _largest(tree: Tree, node: int, shares: np.ndarray, most: int) -> IntArray:
    rows = np.sort(tree.leaves(node))
    return rows[np.argsort(-shares[rows], kind="stable")[:most]]

"""Hierarchies side by side with examples of each cluster: what sound and vision tell apart (sHHC, Fig. 4)."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from hyperclade.environment import FloatArray, IntArray
from hyperclade.hierarchy.naming import shortened
from hyperclade.progress import Say
from hyperclade.report.branches import branch_colours, leaf_branches
from hyperclade.report.dendrogram import (
    DPI,
    INK,
    check_format,
    dendrogram,
    draw_dendrogram,
    rotate_to,
    save_figure,
    text_inches,
)
from hyperclade.report.lettering import Lettering
from hyperclade.report.similarity import checked_clusters, checked_labels, cluster_centroids
from hyperclade.trees.tree import Tree

Images = NDArray[np.uint8]

_MOST_LEAVES = 120
_TREE, _LINKS, _EDGE, _GAP = 2.2, 1.7, 0.4, 0.1  # inches
_TEXT = 9.0  # points
_LONGEST = 44  # characters of a line of a caption
_ROWS = 1 << 16  # features read at a time


@dataclass(frozen=True, eq=False)
class HierarchyPanel:
    """One hierarchy of clusters, with pictures of each.

    Parameters
    ----------
    title : str
    tree : Tree over k clusters
        `upper_tree` makes one of a larger tree.
    exemplars : k arrays (e, c, h, w) uint8
        Pictures of each cluster, the most typical first; c is 1 (grey) or 3 (RGB). e may differ between
        clusters and be 0; one array (k, e, c, h, w) will do as well.
    captions : k str
        What stands beside each cluster, up to two lines; empty for none.

    Raises
    ------
    ValueError
        If exemplars or captions are not one per cluster, or pictures are not uint8 in 1 or 3 channels.
    """

    title: str
    tree: Tree
    exemplars: Sequence[Images]
    captions: Sequence[str] = ()

    def __post_init__(self) -> None:
        k = self.tree.n_leaves
        if k > _MOST_LEAVES:
            raise ValueError(
                f"{self.title!r} has {k} clusters, too many to show examples of each; "
                "draw the upper part of the tree, upper_tree(tree, 30)"
            )
        for what, items in (("exemplars", self.exemplars), ("captions", self.captions)):
            if len(items) != k and not (what == "captions" and not len(items)):
                raise ValueError(f"{self.title!r} needs {what} for {k} clusters, got {len(items)}")
        for cluster, images in enumerate(self.exemplars):
            images = np.asarray(images)
            if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
                raise ValueError(
                    f"exemplars of cluster {cluster} must be uint8 of shape (e, 1 or 3, h, w), "
                    f"got {images.dtype} of shape {images.shape}"
                )


def draw_hierarchies(
    panels: Sequence[HierarchyPanel],
    path: str | os.PathLike,
    *,
    same_clusters: bool = False,
    title: str | None = None,
    say: Say | None = None,
) -> list[IntArray]:
    """Draw hierarchies side by side, with pictures and a caption at every leaf.

    The second of two panels is mirrored, so that the leaves of both face each other. Each main branch has a
    colour of its own.

    Parameters
    ----------
    panels : HierarchyPanel, one or more
        Sound and vision for instance.
    path : path
        The suffix is the format: .png, .pdf or .svg. Written whole or not at all.
    same_clusters : bool
        Leaf c of two panels is the same cluster: lines join them, the branches of the second tree are turned
        to follow the first, and have a colour of the first where all their leaves had it.
    title : str, optional
    say : callable, optional
        Told of texts with letters that no installed font has.

    Returns
    -------
    list of (k,) int64
        Clusters from top to bottom, a panel each.

    Raises
    ------
    ValueError
        If there is no panel, or `same_clusters` without two panels of equally many clusters.

    Examples
    --------
    >>> import tempfile
    >>> tree = Tree([4, 4, 5, 5, 6, 6, -1])
    >>> grey = np.repeat(np.arange(0, 256, 64, dtype=np.uint8), 3 * 8 * 8).reshape(4, 3, 1, 8, 8)
    >>> panel = HierarchyPanel("greys", tree, grey, captions=["black", "dark", "light", "white"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     order = draw_hierarchies([panel], os.path.join(folder, "greys.png"))
    >>> order[0].tolist()
    [0, 1, 2, 3]
    """
    check_format(path)
    if not panels:
        raise ValueError("there must be at least one hierarchy to draw")
    sizes = [panel.tree.n_leaves for panel in panels]
    if same_clusters and (len(panels) != 2 or sizes[0] != sizes[1]):
        raise ValueError(f"same_clusters needs two hierarchies of equally many clusters, got {sizes}")
    orders = [panel.tree.leaf_order for panel in panels]
    branches = [leaf_branches(panel.tree) for panel in panels]
    if same_clusters:
        orders[1] = rotate_to(panels[1].tree, np.argsort(orders[0]))
        branches[1] = branches[0]

    row = float(np.clip(11.5 / max(sizes), 0.2, 0.55))  # inches
    text = min(_TEXT, 72 * row / 2.5)
    captions = [[_caption(line) for line in panel.captions] for panel in panels]
    title = title or ""
    letters = Lettering([title, *(panel.title for panel in panels), *chain.from_iterable(captions)])
    columns = [
        _columns(panel, lines, row, text, letters) for panel, lines in zip(panels, captions, strict=True)
    ]
    between = _LINKS if same_clusters else 0.5
    top = 1.05 if title else 0.7
    width = 2 * _EDGE + sum(column.width for column in columns) + between * (len(panels) - 1)
    width = max(width, 2 * _EDGE + text_inches([title], 13, letters))
    height = row * max(sizes) + top + _EDGE
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))  # in inches from the upper left corner
    axes.set_axis_off()

    left, inner = _EDGE, []
    for number, panel in enumerate(panels):
        column = columns[number]
        mirrored = len(panels) == 2 and number == 1
        place = _Place(left + column.width if mirrored else left, -1 if mirrored else 1)
        heights = np.empty(panel.tree.n_leaves)
        spare = row * (max(sizes) - panel.tree.n_leaves) / 2
        heights[orders[number]] = top + spare + row * (np.arange(panel.tree.n_leaves) + 0.5)
        lines = captions[number]
        _draw_panel(axes, letters, panel, place, column, heights, branches[number], lines, row, text)
        inner.append((place.at(column.width + _GAP), heights))
        left += column.width + between
    if same_clusters:
        _draw_links(axes, inner, branches[0])
    letters.write(axes, _EDGE, 0.3, title, fontsize=13, color=INK, va="top")
    axes.set_xlim(0, width)  # after the pictures, which set their own
    axes.set_ylim(height, 0)
    axes.set_aspect("auto")
    save_figure(figure, path)
    letters.tell(say, path)
    return orders


def nearest_exemplars(
    features: ArrayLike,
    labels: ArrayLike,
    n_clusters: int | None = None,
    *,
    count: int = 5,
    items: ArrayLike | None = None,
) -> list[IntArray]:
    """The rows of each cluster with the largest cosine to its centroid, the nearest first.

    Parameters
    ----------
    features : (n, d) float array or memory map
        Read in blocks.
    labels : (n,) int
        Cluster of each row, −1 for none.
    n_clusters : int, optional
        Default: the largest label plus one.
    count : int
        Rows per cluster; smaller clusters give all they have.
    items : (n,) int, optional
        What each row shows; of several rows of a cluster that show the same only the nearest is given.

    Returns
    -------
    list of n_clusters arrays of int64 rows

    Raises
    ------
    ValueError
        If shapes do not match, or features are not finite.

    Examples
    --------
    >>> features = [[1, 0], [2, 1], [3, 1], [0, 1], [0, 2]]
    >>> found = nearest_exemplars(features, [0, 0, 0, 1, 1], count=2, items=[0, 1, 2, 3, 3])
    >>> [rows.tolist() for rows in found]
    [[2, 1], [3]]
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    rows, cluster, k = checked_clusters(features, labels, n_clusters)
    what = np.arange(len(rows)) if items is None else np.asarray(items)
    if what.shape != (len(rows),):
        raise ValueError(f"items must be one per row, {len(rows)}; got shape {what.shape}")
    centroids, _ = cluster_centroids(rows, cluster, k)
    nearness = np.concatenate(
        [
            _cosines(rows[start : start + _ROWS], centroids[cluster[start : start + _ROWS]])
            for start in range(0, len(rows), _ROWS)
        ]
    )
    order = np.lexsort((np.arange(len(rows)), -nearness, cluster))
    order = order[cluster[order] >= 0]
    _, what = np.unique(what, return_inverse=True)
    _, first = np.unique(cluster[order] * (what.max() + 1) + what[order], return_index=True)
    order = order[np.sort(first)]
    start = np.searchsorted(cluster[order], np.arange(k + 1))
    return [order[begin : min(begin + count, end)] for begin, end in pairwise(start)]


def describe_clusters(
    clusters: ArrayLike,
    classes: ArrayLike,
    class_names: Sequence[str],
    n_clusters: int | None = None,
    *,
    most: int = 2,
) -> list[str]:
    """What each cluster is made of: its most frequent classes with their shares, the larger first.

    Parameters
    ----------
    clusters, classes : (n,) int
        Cluster and class of each sample, −1 for none; such samples do not count.
    class_names : sequence of str
    n_clusters : int, optional
        Default: the largest cluster plus one.
    most : int
        Classes named for a cluster; those below 5 % are left out after the first. Without a known class it
        is called "".

    Examples
    --------
    >>> describe_clusters([0, 0, 0, 1], [2, 2, 0, 1], ["cello", "flute", "guitar"])
    ['guitar (67 %), cello (33 %)', 'flute (100 %)']
    """
    truth = np.asarray(classes)
    if truth.ndim != 1 or not np.issubdtype(truth.dtype, np.integer):
        raise ValueError(f"classes must be one integer per sample, got {truth.dtype} of shape {truth.shape}")
    if truth.min(initial=0) < -1 or truth.max(initial=-1) >= len(class_names):
        raise ValueError(
            f"classes must lie in 0..{len(class_names) - 1}, as many as class_names has, or be -1 if unknown"
        )
    cluster, k = checked_labels(clusters, len(truth), n_clusters)
    known = (cluster >= 0) & (truth >= 0)
    table = np.zeros((k, len(class_names)), dtype=np.int64)
    np.add.at(table, (cluster[known], truth[known]), 1)
    texts = []
    for counts in table:
        order = np.argsort(-counts, kind="stable")[:most]
        share = counts / max(counts.sum(), 1)
        named = [c for rank, c in enumerate(order.tolist()) if share[c] >= (0.05 if rank else 1e-9)]
        texts.append(", ".join(f"{class_names[c]} ({100 * share[c]:.0f} %)" for c in named))
    return texts


def sound_pictures(log_mel: ArrayLike) -> Images:
    """Log-mel spectrograms `(m, bins, steps)` as pictures `(m, 3, bins, steps) uint8`, low sounds below.

    Each picture uses the full range of colours, from its 2nd percentile to its maximum. Raises ValueError for
    another shape, or values that are not finite.

    Examples
    --------
    >>> picture = sound_pictures([[[0.0, 0.0], [1.0, 0.0]]])  # a sound in the upper of two bins
    >>> picture.shape, picture[0, :, 0, 0].tolist(), picture[0, :, 1, 0].tolist()
    ((1, 3, 2, 2), [251, 252, 191], [0, 0, 3])
    """
    values = np.asarray(log_mel, dtype=np.float64)
    if values.ndim != 3 or (len(values) and not values.size):
        raise ValueError(f"log_mel must have shape (m, bins, steps), got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("log_mel holds NaN or infinite values")
    if not values.size:
        return np.zeros((0, 3, *values.shape[1:]), dtype=np.uint8)
    low = np.quantile(values, 0.02, axis=(1, 2), keepdims=True)
    span = values.max(axis=(1, 2), keepdims=True) - low
    share = np.divide(values - low, span, out=np.zeros_like(values), where=span > 0)
    colours = matplotlib.colormaps["magma"](np.clip(share, 0, 1)[:, ::-1], bytes=True)
    return np.ascontiguousarray(np.moveaxis(colours[..., :3], -1, 1))


@dataclass(frozen=True)
class _Columns:
    """Widths in inches, from the root of a tree to the captions of its leaves."""

    picture: float
    pictures: int
    caption: float

    @property
    def width(self) -> float:
        return _TREE + self.pictures * self.picture + self.caption + 2 * _GAP


@dataclass(frozen=True)
class _Place:
    """Inches along a panel, from its root on, as inches along the figure."""

    origin: float
    direction: int

    def at(self, along: float) -> float:
        return self.origin + self.direction * along


def _columns(
    panel: HierarchyPanel, captions: list[str], row: float, text: float, letters: Lettering
) -> _Columns:
    shapes = [np.shape(images) for images in panel.exemplars]
    aspects = [shape[3] / shape[2] for shape in shapes if min(shape) > 0]
    picture = _fill(row) * float(np.clip(np.median(aspects), 0.6, 2.0)) + _space(row) if aspects else 0.0
    return _Columns(picture, max(shape[0] for shape in shapes), text_inches(captions, text, letters))


def _fill(row: float) -> float:
    """Height of the pictures in a row."""
    return row - _space(row)


def _space(row: float) -> float:
    return min(0.06, 0.12 * row)


def _draw_panel(
    axes: Axes,
    letters: Lettering,
    panel: HierarchyPanel,
    place: _Place,
    column: _Columns,
    heights: FloatArray,
    branches: IntArray,
    captions: list[str],
    row: float,
    text: float,
) -> None:
    edges = dendrogram(panel.tree, heights)
    edges[..., 0] = place.origin + place.direction * _TREE * edges[..., 0]
    draw_dendrogram(axes, panel.tree, edges, branches, 1.3)
    ends = place.direction > 0
    letters.write(
        axes, place.origin, float(heights.min()) - row / 2 - 0.12, panel.title,
        fontsize=11, fontweight="bold", color=INK, ha="left" if ends else "right",
    )  # fmt: skip
    for leaf, images in enumerate(panel.exemplars):
        y, half = float(heights[leaf]), _fill(row) / 2
        start = _TREE + _GAP
        for picture in np.asarray(images):
            sides = place.at(start), place.at(start + column.picture - _space(row))
            axes.imshow(
                _rgb(picture), extent=(min(sides), max(sides), y + half, y - half), aspect="auto",
                interpolation="antialiased", zorder=1,
            )  # fmt: skip
            start += column.picture
        if captions:
            letters.write(
                axes, place.at(column.width - column.caption), y, captions[leaf],
                fontsize=text, color=INK, linespacing=1.05,
                ha="left" if ends else "right", va="center",
            )  # fmt: skip


def _draw_links(axes: Axes, inner: list[tuple[float, FloatArray]], branches: IntArray) -> None:
    """Lines between the same clusters of two panels, level at both ends."""
    (left, from_heights), (right, to_heights) = inner
    share = np.linspace(0, 1, 33)
    eased = share * share * (3 - 2 * share)
    x = np.broadcast_to(left + (right - left) * share, (len(from_heights), len(share)))
    y = from_heights[:, None] + (to_heights - from_heights)[:, None] * eased
    axes.add_collection(
        LineCollection(
            list(np.stack([x, y], axis=2)),
            colors=list(branch_colours(branches)), linewidths=1.4, alpha=0.65, capstyle="round", zorder=1,
        )
    )  # fmt: skip


def _rgb(picture: Images) -> Images:
    return np.moveaxis(np.broadcast_to(picture, (3, *picture.shape[1:])), 0, -1)


def _cosines(rows: ArrayLike, centroids: FloatArray) -> FloatArray:
    """Cosines of rows with their own centroids, up to the lengths of the centroids; 0 for rows of zeros."""
    block = np.asarray(rows, dtype=np.float64)
    lengths = np.linalg.norm(block, axis=1)
    products = np.einsum("nd,nd->n", block, centroids)
    return np.divide(products, lengths, out=np.zeros(len(block)), where=lengths > 0)


def _caption(text: str) -> str:
    """At most two lines, neither too long."""
    lines = str(text).splitlines()[:2]
    return "\n".join(shortened(line, _LONGEST) for line in lines if line.strip())

"""The similarities between clusters, ordered by the hierarchy and in an arbitrary order (sHHC, Figure 3)."""

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike, NDArray

from hyperclade.environment import FloatArray, IntArray
from hyperclade.hierarchy.naming import shortened
from hyperclade.metrics.blocks import block_score, block_score_spread
from hyperclade.progress import Say
from hyperclade.report.branches import branch_colours, leaf_branches
from hyperclade.report.dendrogram import (
    DPI,
    INK,
    QUIET,
    check_format,
    dendrogram,
    draw_dendrogram,
    save_figure,
    text_inches,
)
from hyperclade.report.lettering import Lettering
from hyperclade.trees.tree import Tree

SIMILARITY_COLOURS = LinearSegmentedColormap.from_list(
    "similarity", ["#FCFCF8", "#D9E6E4", "#96C3CB", "#4B93B3", "#2C5C94", "#332288", "#1B0F4F"]
)
_SIDE = 5.0  # inches of a matrix
_TREE, _STRIP, _GAP, _EDGE, _BELOW = 1.1, 0.09, 0.06, 0.4, 0.6  # inches
_MOST_NAMED = 60  # clusters; the names of more would overlap
_LONGEST = 24  # characters of a name
_ROWS = 1 << 16  # features read at a time


class BlockScores(NamedTuple):
    """Block scores of the two orders, and the standard deviation over all orders."""

    tree: float
    arbitrary: float
    spread: float


def draw_cluster_similarity(
    tree: Tree,
    path: str | os.PathLike,
    features: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    names: Sequence[str] | None = None,
    title: str | None = None,
    random_state: int = 0,
    say: Say | None = None,
) -> BlockScores:
    """Draw the similarity matrix of clusters in the order of their tree, beside an arbitrary order.

    Left the leaf order of the tree, with its dendrogram; right the same matrix in a random order. Under each
    stands its block score (`hyperclade.metrics.block_score`). Strips in the colours of the main branches show
    where these lie in either order. The colour scale is common to both; its ends are the 1st and the 99th
    percentile of the similarities between different clusters.

    Parameters
    ----------
    tree : Tree over k clusters
    path : path
        The suffix is the format: .png, .pdf or .svg. Written whole or not at all.
    features : (n, d) float, or (k, d) centroids
    labels : (n,) int, optional
        Leaf of the tree that each row belongs to, −1 for none. Default: row c is the centroid of leaf c.
    names : k str, optional
        Names of the clusters, shown for up to 60. Default: those of the tree.
    title : str, optional
    random_state : int
        Seed of the arbitrary order.
    say : callable, optional
        Told of texts with letters that no installed font has.

    Returns
    -------
    BlockScores

    Raises
    ------
    ValueError
        If rows, labels or names do not match the tree, a cluster is empty, or features are not finite.

    Examples
    --------
    >>> import tempfile
    >>> tree = Tree([4, 5, 4, 5, 6, 6, -1])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "similarity.png")
    ...     scores = draw_cluster_similarity(tree, path, [[3, 1], [1, 3], [3, 2], [2, 3]])
    ...     os.path.getsize(path) > 10_000, scores.tree > 0
    (True, True)
    """
    check_format(path)
    k = tree.n_leaves
    names = tree.names if names is None else names
    if names is not None and len(names) != k:
        raise ValueError(f"there must be one name per cluster, {k}; got {len(names)}")
    similarity = cluster_similarity(features, labels, n_clusters=k)
    orders = [tree.leaf_order, arbitrary_order(k, random_state)]
    in_tree, in_any = (block_score(similarity, order) for order in orders)
    scores = BlockScores(in_tree, in_any, block_score_spread(similarity))

    shown = (
        [shortened(str(name), _LONGEST) for name in names] if names is not None and k <= _MOST_NAMED else []
    )
    size = float(np.clip(0.8 * 72 * _SIDE / k, 4.0, 8.0))
    title = title or ""
    letters = Lettering([title, *shown])
    room = text_inches(shown, size, letters) + 0.1 if shown else 0.0
    top = 0.95 if title else 0.6
    panel = _STRIP + _GAP + _SIDE + room
    width = 2 * _EDGE + _TREE + 2 * panel + 0.45 + 0.75
    figure = Figure(figsize=(width, _BELOW + _SIDE + top), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    branches = leaf_branches(tree)
    limits = _limits(similarity)

    left = _EDGE
    _draw_tree(_axes(figure, left, _BELOW, _TREE, _SIDE), tree, branches)
    left += _TREE
    headings = ("Ordered by the hierarchy", "In arbitrary order")
    for order, score, heading in zip(orders, scores[:2], headings, strict=True):
        _draw_strip(_axes(figure, left, _BELOW, _STRIP, _SIDE), branches[order])
        axes = _axes(figure, left + _STRIP + _GAP, _BELOW, _SIDE, _SIDE)
        image = _draw_matrix(axes, similarity[np.ix_(order, order)], limits)
        axes.set_title(heading, fontsize=11, color=INK, pad=7)
        for row, cluster in enumerate(order.tolist() if shown else []):
            letters.write(
                axes, k - 0.5 + k * 0.05 / _SIDE, row, shown[cluster],
                fontsize=size, color=INK, va="center",
            )  # fmt: skip
        axes.text(
            0.5, -0.28 / _SIDE, _score_text(score, scores.spread),
            transform=axes.transAxes, fontsize=10, color=QUIET, ha="center", va="center",
        )  # fmt: skip
        left += panel + 0.45
    _draw_scale(_axes(figure, left - 0.2, _BELOW, 0.14, _SIDE), image)
    height = 1 - 0.22 / figure.get_figheight()
    letters.write(figure, _EDGE / width, height, title, fontsize=13, color=INK, va="top")
    save_figure(figure, path)
    letters.tell(say, path)
    return scores


def cluster_similarity(
    features: ArrayLike, labels: ArrayLike | None = None, n_clusters: int | None = None
) -> FloatArray:
    """Cosines between the centroids of clusters, `(k, k) float64`; a centroid of zeros has 0 with all others.

    Parameters
    ----------
    features : (n, d) float array or memory map
        Read in blocks.
    labels : (n,) int, optional
        Cluster of each row, −1 for none. Default: every row is a centroid.
    n_clusters : int, optional
        Default: the largest label plus one.

    Raises
    ------
    ValueError
        If shapes do not match, a cluster is empty, or features are not finite.

    Examples
    --------
    >>> cluster_similarity([[1, 0], [3, 0], [0, 1], [0, 5]], [0, 0, 1, 1]).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    centroids, counts = cluster_centroids(features, labels, n_clusters)
    if (counts == 0).any():
        raise ValueError(
            f"{(counts == 0).sum()} clusters have no rows (first: {int(np.argmin(counts))}); "
            "leave them out of the tree and number the others from 0"
        )
    largest = np.abs(centroids).max(axis=1, keepdims=True)  # divided out: squares could over- or underflow
    centroids = np.divide(centroids, largest, out=np.zeros_like(centroids), where=largest > 0)
    norms = np.linalg.norm(centroids, axis=1, keepdims=True)
    unit = np.divide(centroids, norms, out=np.zeros_like(centroids), where=norms > 0)
    similarity = np.clip(unit @ unit.T, -1, 1)
    similarity = (similarity + similarity.T) / 2
    np.fill_diagonal(similarity, 1)
    return similarity


def cluster_centroids(
    features: ArrayLike, labels: ArrayLike | None = None, n_clusters: int | None = None
) -> tuple[FloatArray, IntArray]:
    """Means `(k, d) float64` of the rows of each cluster, zeros without rows, and their numbers `(k,) int64`.

    Parameters are those of `cluster_similarity`.

    Examples
    --------
    >>> means, counts = cluster_centroids([[1, 0], [3, 0], [0, 1]], [0, 0, 2])
    >>> means.tolist(), counts.tolist()
    ([[2.0, 0.0], [0.0, 0.0], [0.0, 1.0]], [2, 0, 1])
    """
    rows, cluster, k = checked_clusters(features, labels, n_clusters)
    totals = np.zeros((k, rows.shape[1]))
    for start in range(0, len(rows), _ROWS):
        here = cluster[start : start + _ROWS]
        block = np.asarray(rows[start : start + _ROWS], dtype=np.float64)[here >= 0]
        here = here[here >= 0]
        if not np.isfinite(block).all():
            raise ValueError("features hold NaN or infinite values; drop or repair those rows")
        order = np.argsort(here, kind="stable")
        found, first = np.unique(here[order], return_index=True)
        if found.size:
            totals[found] += np.add.reduceat(block[order], first, axis=0)
    counts = np.bincount(cluster[cluster >= 0], minlength=k)
    return totals / np.maximum(counts, 1)[:, None], counts


def arbitrary_order(k: int, random_state: int) -> IntArray:
    """A random order of k clusters, ``(k,) int64``, from a stream of random numbers of its own.

    Of the seed alone the order of clusters that were shuffled with the same seed would be found again.

    >>> arbitrary_order(4, 0).tolist()
    [0, 2, 3, 1]
    """
    return np.random.default_rng([random_state, k, 0xB10C]).permutation(k)


def checked_clusters(
    features: ArrayLike, labels: ArrayLike | None, n_clusters: int | None
) -> tuple[NDArray, IntArray, int]:
    """Features, the cluster of each row and the number of clusters, checked against each other."""
    rows = np.asanyarray(features)
    if rows.ndim != 2 or not rows.size or not np.issubdtype(rows.dtype, np.number):
        raise ValueError(f"features must be numbers of shape (n, d), got {rows.dtype} of shape {rows.shape}")
    if labels is None:
        if n_clusters not in (None, len(rows)):
            raise ValueError(
                f"without labels there must be one row per cluster, {n_clusters}; got {len(rows)} rows"
            )
        return rows, np.arange(len(rows)), len(rows)
    return rows, *checked_labels(labels, len(rows), n_clusters)


def checked_labels(labels: ArrayLike, n_rows: int, n_clusters: int | None) -> tuple[IntArray, int]:
    """The cluster of each row and the number of clusters, checked against each other."""
    cluster = np.asarray(labels)
    if cluster.shape != (n_rows,) or not np.issubdtype(cluster.dtype, np.integer):
        raise ValueError(
            f"labels must be one integer per row, {n_rows}; got {cluster.dtype} of shape {cluster.shape}"
        )
    least, largest = int(cluster.min(initial=0)), int(cluster.max(initial=-1))
    k = largest + 1 if n_clusters is None else n_clusters
    if least < -1 or largest >= k or k < 1:
        raise ValueError(
            f"labels must lie in 0..{k - 1}, or be -1 for rows without a cluster; got {least}..{largest}"
        )
    return cluster.astype(np.int64), k


def _limits(similarity: FloatArray) -> tuple[float, float]:
    """Ends of the colour scale: nearly all similarities of different clusters lie between them."""
    apart = similarity[~np.eye(len(similarity), dtype=bool)]
    low, high = np.quantile(apart, [0.01, 0.99]) if apart.size else (0.0, 1.0)
    middle, half = (low + high) / 2, max((high - low) / 2, 0.005)
    return float(middle - half), float(middle + half)


def _draw_tree(axes: Axes, tree: Tree, branches: IntArray) -> None:
    edges = dendrogram(tree, np.argsort(tree.leaf_order))
    draw_dendrogram(axes, tree, edges, branches, float(np.clip(40 / tree.n_leaves, 0.4, 1.1)))
    axes.set_xlim(-0.02, 1.06)
    axes.set_ylim(tree.n_leaves - 0.5, -0.5)
    axes.set_axis_off()


def _draw_strip(axes: Axes, branches: IntArray) -> None:
    colours = np.array([to_rgb(colour) for colour in branch_colours(branches)])
    colours[branches < 0] = 1
    axes.imshow(colours[:, None], aspect="auto", interpolation="nearest")
    axes.set_axis_off()


def _draw_matrix(axes: Axes, similarity: FloatArray, limits: tuple[float, float]) -> AxesImage:
    image = axes.imshow(
        similarity, cmap=SIMILARITY_COLOURS, vmin=limits[0], vmax=limits[1], interpolation="nearest"
    )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(color="#D8D8D2", linewidth=0.8)
    return image


def _draw_scale(axes: Axes, image: AxesImage) -> None:
    figure = axes.get_figure()
    assert figure is not None
    bar = figure.colorbar(image, cax=axes)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, labelcolor=INK, color="#B8B8B2", length=2.5)
    bar.set_label("cosine between centroids", fontsize=9, color=QUIET)


def _score_text(score: float, spread: float) -> str:
    text = f"block score {_signed(score, 2)}"
    if not spread:
        return text
    side = "above" if score >= 0 else "below"
    return f"{text}   ({abs(score) / spread:.1f} sd {side} the mean of random orders)"


def _signed(number: float, digits: int) -> str:
    """A number with a true minus sign, and none before zeros."""
    text = f"{number:.{digits}f}"
    return f"{0:.{digits}f}" if float(text) == 0 else text.replace("-", "−")


def _axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """By inches."""
    w, h = figure.get_size_inches()
    return figure.add_axes((left / w, bottom / h, width / w, height / h))

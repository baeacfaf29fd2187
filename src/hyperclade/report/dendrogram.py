"""What figures of trees share: the upper part of a tree, dendrograms, rotated branches, how to write them."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from hyperclade.data.atomic import atomic_write
from hyperclade.environment import FloatArray, IntArray
from hyperclade.report.branches import branch_colours, common_value
from hyperclade.report.lettering import Lettering
from hyperclade.trees.tree import Tree

INK, QUIET = "#22222A", "#66666F"
DPI = 150
_FORMATS = (".png", ".pdf", ".svg")


def upper_tree(tree: Tree, k: int) -> Tree:
    """The tree above a cut into k clusters, with its heights; leaf c is the cluster that `Tree.cut` labels c.

    Where a node has more than two children there may be fewer clusters than k, as in `Tree.cut`.

    Examples
    --------
    >>> tree = Tree([4, 4, 5, 6, 5, 6, -1])
    >>> tree.cut(3).tolist(), upper_tree(tree, 3).parent.tolist()
    ([0, 0, 1, 2], [3, 3, 4, 4, -1])
    """
    clusters = tree.cut_nodes(k)
    cluster_at = np.repeat(clusters, tree.size[clusters])  # by position in the order of the leaves
    above = np.flatnonzero(np.arange(tree.n_nodes) > cluster_at[tree.leaf_interval[:, 0]])
    kept = np.concatenate([clusters, above])
    rank = np.full(tree.n_nodes + 1, -1, dtype=np.int64)  # the root's parent, -1, indexes the last entry
    rank[kept] = np.arange(len(kept))
    return Tree(rank[tree.parent[kept]], np.r_[np.zeros(len(clusters)), tree.height[above]])


def dendrogram(tree: Tree, position: ArrayLike) -> FloatArray:
    """The edges of a tree drawn with right angles, from the root at depth 0 to the leaves at depth 1.

    A node lies in the middle of its leaves, at a depth that falls with the logarithm of its number of leaves:
    so every split is legible, whatever the scale of the heights. The leaves of every node must be neighbours
    by their positions `(n,)`. Row v of `(m-1, 3, 2) float64` is the edge above node v: (depth, position) at
    its parent, at the corner, and at v.

    Examples
    --------
    >>> dendrogram(Tree([2, 2, -1]), [0, 1]).tolist()
    [[[0.0, 0.5], [0.0, 0.0], [1.0, 0.0]], [[0.0, 0.5], [0.0, 1.0], [1.0, 1.0]]]
    """
    middle = mean_positions(tree, position)
    depth = 1 - np.log(tree.size) / np.log(max(tree.n_leaves, 2))
    parent = tree.parent[:-1]
    start = np.column_stack([depth[parent], middle[parent]])
    corner = np.column_stack([depth[parent], middle[:-1]])
    return np.stack([start, corner, np.column_stack([depth[:-1], middle[:-1]])], axis=1)


def mean_positions(tree: Tree, position: ArrayLike) -> FloatArray:
    """Mean over the leaves under each node of a number given for every leaf, ``(m,) float64``.

    >>> mean_positions(Tree([3, 3, 4, 4, -1]), [0, 1, 5]).tolist()
    [0.0, 1.0, 5.0, 0.5, 2.0]
    """
    values = np.asarray(position, dtype=np.float64)
    if values.shape != (tree.n_leaves,):
        raise ValueError(f"there must be one position per leaf, {tree.n_leaves}; got shape {values.shape}")
    total = np.concatenate([[0.0], np.cumsum(values[tree.leaf_order])])
    start, stop = tree.leaf_interval.T
    return (total[stop] - total[start]) / tree.size


def rotate_to(tree: Tree, position: ArrayLike) -> IntArray:
    """The leaves by position, `(n,) int64`, as near to given positions as turning children round allows.

    The children of every node are sorted by the mean position of their leaves; leaves under any node are
    neighbours, as in `Tree.leaf_order`.

    Examples
    --------
    >>> rotate_to(Tree([4, 4, 5, 5, 6, 6, -1]), [3, 2, 0, 1]).tolist()
    [2, 3, 1, 0]
    """
    wish = mean_positions(tree, position)
    start = np.zeros(tree.n_nodes, dtype=np.int64)
    for node in range(tree.root, tree.n_leaves - 1, -1):
        children = tree.children(node)
        children = children[np.argsort(wish[children], kind="stable")]
        start[children] = start[node] + np.cumsum(tree.size[children]) - tree.size[children]
    return np.argsort(start[: tree.n_leaves])


def draw_dendrogram(axes: Axes, tree: Tree, edges: FloatArray, branch: ArrayLike, linewidth: float) -> None:
    """Add the edges of `dendrogram` to axes: in a branch's colour where all leaves below are in the branch.

    Branches are numbers `(n,)` of the leaves, −1 for none; the width of lines is in points.
    """
    colour = branch_colours(common_value(tree, branch))
    lines = np.concatenate([edges[:, :2], edges[:, 1:]])  # across from the parent, then along to the node
    order = np.argsort(-tree.parent[:-1], kind="stable")
    of_parent, of_node = colour[tree.parent[:-1]], colour[:-1]
    axes.add_collection(
        LineCollection(
            list(lines[np.r_[order, len(edges) + order]]),
            colors=[*of_parent[order], *of_node[order]],
            linewidths=linewidth,
            capstyle="projecting",
            zorder=2,
        )
    )


def check_format(path: str | os.PathLike) -> str:
    """The format that the suffix of a path names, "png", "pdf" or "svg"; `ValueError` for another."""
    suffix = Path(path).suffix.lower()
    if suffix not in _FORMATS:
        raise ValueError(f"the name of a figure must end in .png, .pdf or .svg, got {os.fspath(path)!r}")
    return suffix[1:]


def save_figure(figure: Figure, path: str | os.PathLike) -> None:
    """Write a figure, all of it or nothing, in the format that the suffix names."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=check_format(path))
    with atomic_write(path) as file:
        file.write(buffer.getbuffer())


def text_inches(texts: list[str], fontsize: float, letters: Lettering | None = None) -> float:
    """Width of the widest of some texts (lines of one text apart), 0 for none."""
    letters = letters or Lettering(texts)
    figure = Figure(dpi=DPI)
    renderer = FigureCanvasAgg(figure).get_renderer()
    how: dict[str, Any] = {"fontsize": fontsize, "fontfamily": letters.families, "parse_math": False}
    widths = [
        figure.text(0, 0, letters.shown(text), **how).get_window_extent(renderer).width
        for text in texts
        if text
    ]
    return max(widths, default=0.0) / DPI

"""A static picture of a hierarchy: the Poincaré disk with geodesic edges, coloured branches and names."""

import os
import re
from collections.abc import Mapping
from textwrap import wrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Arc, Circle
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox
from numpy.typing import ArrayLike, NDArray

from hyperclade.environment import FloatArray, IntArray
from hyperclade.hierarchy.naming import columns, shortened
from hyperclade.progress import Say
from hyperclade.report.branches import (
    branch_colours,
    common_value,
    largest_parts,
    leaf_branches,
    main_branches,
)
from hyperclade.report.dendrogram import DPI, INK, check_format, save_figure
from hyperclade.report.lettering import Lettering
from hyperclade.trees.tree import Tree

_MOST_NODES = 6000  # drawn; of larger trees only the top
_POINTS_PER_EDGE = 17
_LONGEST = 400  # columns of a name of which a part is drawn
_MOST_AROUND = 100  # names around the disk
_INCHES = 12.0
_EXTENT = 1.52  # of the axes; the disk has radius 1
_SMALL = 7.5  # points, of many names around the disk
_LEAF_RADIUS = 0.985
_BRANCH_GAP = 0.006  # of the circle, before each main branch
_RING = 1.02  # radius of the coloured arcs around the disk
_TEXT_RADIUS = 1.05


def draw_hierarchy(
    tree: Tree,
    path: str | os.PathLike,
    coordinates: ArrayLike | None = None,
    *,
    node_names: Mapping[int, str] | None = None,
    title: str | None = None,
    say: Say | None = None,
) -> None:
    """Draw a tree in the Poincaré disk and save it as an image.

    Edges are geodesics. Each of the main branches (`main_branches`) has a colour of its own. Names of nodes
    stand around the disk, at the direction of the node, and those of the main branches inside; of names that
    would overlap the one of the larger node stays. Names are plain text in any script that an installed font
    has, one line each, and shortened. Of trees of more than some 3,000 leaves only the largest
    nodes are drawn.

    Parameters
    ----------
    tree : Tree
    path : path
        The suffix is the format: .png, .pdf or .svg.
    coordinates : (m, 2) float, optional
        Points of all nodes in the open unit disk (curvature -1). Default: `sector_layout`, made for the eye.
    node_names : dict of int to str, optional
        Names of some nodes, upper ones as a rule.
    title : str, optional
    say : callable, optional
        Told of names with letters that no installed font has.

    Raises
    ------
    ValueError
        If coordinates are not (m, 2), or not inside the unit disk.

    Examples
    --------
    >>> import tempfile
    >>> tree = Tree([4, 4, 5, 5, 6, 6, -1])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "tree.png")
    ...     draw_hierarchy(tree, path, node_names={4: "pets", 5: "trees"})
    ...     os.path.getsize(path) > 10_000
    True
    """
    check_format(path)
    branches = main_branches(tree)
    if coordinates is None:
        points = sector_layout(tree, branches)
    else:
        points = np.asarray(coordinates, dtype=np.float64)
    if points.shape != (tree.n_nodes, 2):
        raise ValueError(f"coordinates must have shape ({tree.n_nodes}, 2), got {points.shape}")
    if not (np.square(points).sum(axis=1) < 1).all():
        raise ValueError("coordinates must lie inside the unit disk")
    figure = Figure(figsize=(_INCHES, _INCHES), dpi=DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_aspect("equal")
    axes.set_xlim(-_EXTENT, _EXTENT)
    axes.set_ylim(-_EXTENT, _EXTENT)
    axes.add_patch(Circle((0, 0), 1, facecolor="#FAFAF7", edgecolor="#D8D8D2", linewidth=0.8, zorder=0))

    colour = branch_colours(common_value(tree, leaf_branches(tree)))
    drawn = _largest_nodes(tree)
    edges = drawn[drawn != tree.root]
    edges = edges[np.argsort(tree.size[edges], kind="stable")]  # thick ones on top
    finest = np.clip(12 / np.sqrt(len(edges) + 1), 0.35, 1.5)  # points
    thickness = finest + 2.6 * (np.log1p(tree.size[edges]) / np.log1p(tree.n_leaves)) ** 3
    axes.add_collection(
        LineCollection(
            list(geodesics(points[tree.parent[edges]], points[edges])),
            colors=[colour[node] for node in edges.tolist()],
            linewidths=thickness,
            capstyle="round",
            zorder=2,
        )
    )
    _draw_nodes(axes, tree, points, drawn, colour)
    _draw_ring(axes, tree, points, branches)
    names = {int(node): shortened(name, _LONGEST) for node, name in (node_names or {}).items()}
    names = {node: name for node, name in names.items() if name}
    title = title or ""
    letters = Lettering([*names.values(), title])
    inside = _name_branches(canvas, axes, letters, tree, points, branches, names)
    _name_around(axes, letters, tree, points, colour, names, inside)
    letters.write(axes, -_EXTENT + 0.03, _EXTENT - 0.03, title, fontsize=13, color=INK, va="top",
                  linespacing=1.5)  # fmt: skip
    save_figure(figure, path)
    letters.tell(say, path)


def sector_layout(tree: Tree, branches: ArrayLike | None = None) -> FloatArray:
    """Points in the disk for the eye: sectors as wide as their share of the leaves, the root in the centre.

    A node lies in the middle of its sector, at a hyperbolic distance from the centre that grows with the
    logarithm of one over its share, as the room on a hyperbolic circle grows; all leaves lie on one circle.
    Unlike `hyperclade.trees.ball_layout` this cannot be decoded. There is a gap before each of the branches,
    by default the main ones. `(m, 2) float64`.

    Examples
    --------
    >>> np.linalg.norm(sector_layout(Tree([4, 4, 5, 5, 6, 6, -1])), axis=1).round(3).tolist()
    [0.985, 0.985, 0.985, 0.985, 0.84, 0.84, 0.0]
    """
    n = tree.n_leaves
    opening = np.zeros(n)
    branches = main_branches(tree) if branches is None else np.asarray(branches, dtype=np.int64)
    opening[tree.leaf_interval[branches, 0]] = _BRANCH_GAP * n
    position = np.arange(n) + np.cumsum(opening)
    angle_of_leaf = 2 * np.pi * position / (position[-1] + 1)
    start, stop = tree.leaf_interval.T
    angle = (angle_of_leaf[start] + angle_of_leaf[stop - 1]) / 2
    share = np.log(n / tree.size) / np.log(max(n, 2))
    radius = np.tanh(np.arctanh(_LEAF_RADIUS) * share)
    return np.column_stack([np.cos(angle), np.sin(angle)]) * radius[:, None]


def named_nodes(tree: Tree) -> IntArray:
    """The nodes that a picture has room to name, ascending: the main branches, finer ones around the disk.

    Those around are all leaves where they are few, else the largest parts that the main branches divide into.

    Examples
    --------
    >>> named_nodes(Tree([4, 4, 5, 5, 6, 6, -1])).tolist()
    [0, 1, 2, 3, 4, 5]
    """
    branches = main_branches(tree)
    finer = (
        np.arange(tree.n_leaves)
        if tree.n_leaves <= _MOST_AROUND
        else largest_parts(tree, branches, _MOST_AROUND, max(2.0, 0.003 * tree.n_leaves))
    )
    return np.union1d(branches, finer)


def geodesics(start: FloatArray, stop: FloatArray, n_points: int = _POINTS_PER_EDGE) -> FloatArray:
    """Points `(k, n_points, 2)` along the geodesics between points `(k, 2)` of the Poincaré disk.

    In Klein coordinates geodesics are straight. Points are denser towards the ends, which spaces them evenly
    on the arc that a geodesic near the boundary is.

    Examples
    --------
    >>> geodesics(np.array([[0.5, 0.0]]), np.array([[0.0, 0.5]]), 3).round(3).tolist()
    [[[0.5, 0.0], [0.219, 0.219], [0.0, 0.5]]]
    """
    share = ((1 - np.cos(np.linspace(0, np.pi, n_points))) / 2)[:, None]
    start, stop = (
        (2 * point / (1 + np.square(point).sum(axis=1, keepdims=True)))[:, None] for point in (start, stop)
    )
    klein = start + share * (stop - start)
    rest = np.sqrt(np.maximum(0, 1 - np.square(klein).sum(axis=2, keepdims=True)))
    return klein / (1 + rest)


def _largest_nodes(tree: Tree) -> IntArray:
    """Ids of the nodes to draw; with a node all its ancestors, as sizes grow towards the root."""
    if tree.n_nodes <= _MOST_NODES:
        return np.arange(tree.n_nodes)
    order = np.lexsort((np.arange(tree.n_nodes), tree.size))[::-1]  # ties: ancestors have larger ids
    return np.sort(order[:_MOST_NODES])


def _draw_nodes(axes: Axes, tree: Tree, points: FloatArray, drawn: IntArray, colour: NDArray) -> None:
    area = np.clip(2000 / len(drawn), 1.5, 30) + 60 * (tree.size[drawn] / tree.n_leaves) ** 0.7
    x, y = points[drawn].T
    axes.scatter(x, y, s=area, c=list(colour[drawn]), linewidths=0, zorder=3)


def _draw_ring(axes: Axes, tree: Tree, points: FloatArray, branches: IntArray) -> None:
    """An arc around the leaves of each branch, long enough to be seen of a single leaf too."""
    order = tree.leaf_order
    colours = branch_colours(np.arange(len(branches)))
    margin = 120 / tree.n_leaves + 0.1  # degrees
    for k, branch in enumerate(branches.tolist()):
        start, stop = tree.leaf_interval[branch]
        first, last = (np.degrees(np.arctan2(*points[order[at]][::-1])) for at in (start, stop - 1))
        first, last = first - min(margin, 0.7), last + min(margin, 0.7)
        axes.add_patch(
            Arc((0, 0), 2 * _RING, 2 * _RING, theta1=first, theta2=last, linewidth=4.5,
                color=colours[k], zorder=3)
        )  # fmt: skip


def _name_around(
    axes: Axes,
    letters: Lettering,
    tree: Tree,
    points: FloatArray,
    colour: NDArray,
    names: Mapping[int, str],
    inside: list[int],
) -> None:
    """Names of the lowest named nodes, along the radius outside the disk, larger nodes first.

    Those that stand inside already are left out.
    """
    nodes = np.array(sorted(names), dtype=np.int64)
    if not nodes.size:
        return
    start, stop = tree.leaf_interval[nodes].T
    holds = (start[:, None] <= start) & (stop[:, None] >= stop) & (nodes[:, None] != nodes)
    nodes = nodes[~holds.any(axis=1) & ~np.isin(nodes, inside)]
    if not nodes.size:
        return
    nodes = nodes[np.argsort(-tree.size[nodes], kind="stable")]
    size = min(11.0, _SMALL * np.sqrt(_MOST_AROUND / min(len(nodes), _MOST_AROUND)))
    least = 1.2 * size / 72 * (2 * _EXTENT / _INCHES) / _TEXT_RADIUS  # radians a line of text takes
    placed: list[float] = []
    for node in nodes.tolist():
        angle = float(np.arctan2(points[node, 1], points[node, 0]))
        apart = np.abs((np.array(placed) - angle + np.pi) % (2 * np.pi) - np.pi)
        if placed and apart.min() < least:
            continue
        placed.append(angle)
        left = abs(angle) > np.pi / 2
        letters.write(
            axes, _TEXT_RADIUS * np.cos(angle), _TEXT_RADIUS * np.sin(angle),
            _fit(names[node], int(30 * _SMALL / size)),
            fontsize=size, color=INK, rotation=np.degrees(angle) + (180 if left else 0),
            rotation_mode="anchor", ha="right" if left else "left", va="center_baseline",
        )  # fmt: skip


def _name_branches(
    canvas: FigureCanvasAgg,
    axes: Axes,
    letters: Lettering,
    tree: Tree,
    points: FloatArray,
    branches: IntArray,
    names: Mapping[int, str],
) -> list[int]:
    """Names of the main branches beside their nodes, where they hit no other; returns the nodes so named.

    A branch of a single leaf lies at the rim, and is left to be named around it.
    """
    renderer = canvas.get_renderer()
    named: list[int] = []
    taken: list[Bbox] = []
    halo = [withStroke(linewidth=3.5, foreground="white", alpha=0.9)]
    for k in np.argsort(-tree.size[branches], kind="stable").tolist():
        node = int(branches[k])
        if node not in names or node < tree.n_leaves:
            continue
        text = letters.write(axes, 0, 0, _lines(names[node]), fontsize=11, fontweight="bold", ha="center",
                             va="center", color=INK, path_effects=halo, zorder=6)  # fmt: skip
        for position in _places(points[node]):
            text.set_position(position)
            box = text.get_window_extent(renderer).padded(4)
            if not any(box.overlaps(other) for other in taken):
                taken.append(box)
                named.append(node)
                break
        else:
            text.remove()
    return named


def _places(point: FloatArray) -> FloatArray:
    """Positions for a text, the best first: at the point, then around it in growing circles."""
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    circle = np.column_stack([np.cos(angles), np.sin(angles)])
    return np.concatenate([point + radius * circle for radius in (0.0, 0.05, 0.1, 0.16)])


def _lines(name: str) -> str:
    """A name on lines of some 20 characters; "62 % oak" stays together."""
    name = re.sub(r" % (?=\S)", "\N{NO-BREAK SPACE}%\N{NO-BREAK SPACE}", _fit(name, 44))
    wide = columns(name) > len(name)
    return "\n".join(wrap(name, 12 if wide else 20, break_long_words=wide))


def _fit(name: str, length: int) -> str:
    """A name of at most so many characters, without its last samples rather than cut."""
    while columns(name) > length and ", " in name:
        name = name.rpartition(", ")[0] + (")" if name.endswith(")") else "")
    return shortened(name, length)

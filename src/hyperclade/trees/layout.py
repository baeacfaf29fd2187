"""Tree to Poincaré ball and back.

Leaves lie on one common radius, where the depth of the lowest common ancestor of two leaves depends on the
angle between them alone, so a layout is a choice of directions and decoding is their single linkage.

The directions form a staircase. Leaves in depth-first order are steps along one circle (or several, in higher
dimensions), and the step between neighbours is as long as their lowest common ancestor is large, in leaves.
Every subtree is then an arc whose inner steps are all shorter than the step that separates it from its
sibling, which is what single linkage needs. Sizes grow by at least one from child to parent, so that the
layout of a tree a million levels deep still fits float64, where steps in geometric progression would be lost
after fifty levels. In a balanced tree they do grow geometrically, as hyperbolic space has it.
"""

from __future__ import annotations

import fastcluster
import numpy as np
from numpy.typing import ArrayLike

from hyperclade.environment import FloatArray, IntArray
from hyperclade.trees.kernels import cartesian_parents
from hyperclade.trees.tree import Tree

# Hyperbolic radius (curvature -1) that leaves never exceed: the norm stays below 1 - 1e-5, the margin that
# float64 implementations of the ball project to.
_MAX_RADIUS = 12.0

# Least difference of two steps in radians; coordinates and arctan2 together lose about 2e-15.
_RESOLUTION = 1e-14


def ball_layout(tree: Tree, dim: int, curvature: float = 1.0) -> FloatArray:
    """Points of all nodes in the Poincaré ball such that `decode_ball` of the leaves gives the tree back.

    An internal node is the lowest common ancestor of the two leaves beside its (middle) step: the point
    nearest the origin on the geodesic between them. Ancestors are never farther from the origin than
    descendants; strictly nearer as far as float64 resolves. A node with one child shares the child's point.

    Directions lie on a flat torus of ``dim // 2`` circles: the steps of a node run along the circle numbered
    by its depth, modulo their number. Squared chords add up over the circles and no coordinate ever turns
    back, so two siblings are exactly their step apart in any dimension. In an odd dimension the last
    coordinate separates the children of the root.

    Parameters
    ----------
    tree : Tree
        With more than two children at a node its steps are equal, and decoding gives a binary refinement.
    dim : int, at least 2
    curvature : float
        c > 0 of the ball ``c‖x‖² < 1`` of curvature -c.

    Returns
    -------
    (m, dim) float64

    Raises
    ------
    ValueError
        If float64 cannot tell the steps apart (chains of more than some 3·10⁷ leaves), dim is below 2, or
        curvature is not positive.

    Examples
    --------
    >>> tree = Tree([4, 4, 5, 5, 6, 6, -1])
    >>> points = ball_layout(tree, 5)
    >>> points.shape, decode_ball(points[:4]).same_clades(tree)
    ((7, 5), True)
    """
    if dim < 2:
        raise ValueError(f"dim must be at least 2, got {dim}")
    if not (curvature > 0 and np.isfinite(curvature)):
        raise ValueError(
            f"curvature must be a positive number c (the ball's curvature is -c), got {curvature}"
        )
    middle = _middle_gaps(tree)
    direction = _staircase(tree, dim, middle[tree.root])

    # Klein coordinates: geodesics are straight, so between leaves of one radius the point nearest the origin
    # is the middle. 1 - ‖k‖² is summed from positive terms, as it would cancel near the boundary.
    before, after = direction[:-1], direction[1:]
    half_chord_squared = ((before - after) ** 2).sum(axis=1) / 4
    narrowest = 2 * np.arcsin(np.sqrt(half_chord_squared.min(initial=1.0)))
    radius = min(np.log(2 / narrowest) + 2, _MAX_RADIUS)  # 2: the closest leaves stay clear of their ancestor
    klein_radius, leaf_rest = np.tanh(radius), 1 / np.cosh(radius)
    points = np.empty((tree.n_nodes, dim))
    points[tree.leaf_order] = direction * (klein_radius / (1 + leaf_rest))
    split = np.flatnonzero(middle >= 0)
    gap = middle[split]
    rest = np.sqrt(leaf_rest**2 + klein_radius**2 * half_chord_squared[gap])
    points[split] = (before[gap] + after[gap]) * (klein_radius / 2 / (1 + rest))[:, None]
    return points[_branching_node(tree)] / np.sqrt(curvature)


def decode_disk(points: ArrayLike) -> Tree:
    """Binary tree of points by single linkage on their directions, in the plane; O(n log n).

    Around the circle single linkage merges over the gaps in ascending order and never over the largest; the
    tree is the Cartesian tree of the others. Heights are angles in radians.

    Parameters
    ----------
    points : (n, 2) float
        Only directions matter.

    Raises
    ------
    ValueError
        If the shape is wrong, or a point is not finite or the origin.

    Examples
    --------
    >>> decode_disk([[1, 0], [0, 1], [1, 0.1]]).parent.tolist()
    [3, 4, 3, 4, -1]
    """
    points = _points(points)
    if points.shape[1] != 2:
        raise ValueError(f"decode_disk needs points of shape (n, 2), got {points.shape}; see decode_ball")
    angle = np.arctan2(points[:, 1], points[:, 0])
    order = np.argsort(angle, kind="stable")
    gap = np.diff(angle[order], append=angle[order[0]] + 2 * np.pi)
    after_largest = -1 - int(np.argmax(gap))
    order = np.roll(order, after_largest)
    gap = np.roll(gap, after_largest)[:-1]

    n = len(points)
    by_gap = np.argsort(gap, kind="stable")
    rank = np.empty(n - 1, dtype=np.int64)
    rank[by_gap] = np.arange(n - 1)
    parent = np.full(2 * n - 1, -1, dtype=np.int64)
    if n > 1:
        bounded = np.r_[n, rank, n]  # larger than any rank
        parent[order] = n + np.minimum(bounded[:-1], bounded[1:])
        parent[n:] = cartesian_parents(rank)
    return Tree(parent, np.r_[np.zeros(n), gap[by_gap]])


def decode_ball(points: ArrayLike) -> Tree:
    """Binary tree of points by single linkage on their directions, in any dimension.

    The depth of the lowest common ancestor of leaves on one radius grows with ``⟨u, v⟩``, so that this is
    HypHC's decoding. O(n² d) time, O(n d) memory (and `decode_disk` in the plane). Heights are angles in
    radians.

    Parameters
    ----------
    points : (n, d) float
        Only directions matter.

    Raises
    ------
    ValueError
        If the shape is wrong, or a point is not finite or the origin.

    Examples
    --------
    >>> decode_ball([[1, 0, 0], [0, 1, 0], [1, 0.1, 0]]).parent.tolist()
    [3, 4, 3, 4, -1]
    """
    points = _points(points)
    if points.shape[1] == 2 or len(points) == 1:
        return decode_disk(np.ones((1, 2)) if len(points) == 1 else points)
    linkage = fastcluster.linkage_vector(points / np.linalg.norm(points, axis=1, keepdims=True), "single")
    linkage[:, 2] = 2 * np.arcsin(np.minimum(linkage[:, 2] / 2, 1.0))  # from chords
    return Tree.from_linkage(linkage)


def _points(points: ArrayLike) -> FloatArray:
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or 0 in points.shape:
        raise ValueError(f"points must have shape (n, d) with n and d at least 1, got {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError("points must be finite")
    largest = np.abs(points).max(axis=1, keepdims=True)
    if not largest.all():
        raise ValueError(f"point {int(np.argmin(largest))} is the origin and has no direction")
    return points / largest  # so that norms neither overflow nor vanish


def _middle_gaps(tree: Tree) -> IntArray:
    """Position of the middle one of the gaps that each node opens in `leaf_order`; -1 if it opens none."""
    gaps = np.argsort(tree.gap_node, kind="stable")
    counts = np.bincount(tree.gap_node, minlength=tree.n_nodes)
    opens = counts > 0
    middle = np.full(tree.n_nodes, -1, dtype=np.int64)
    middle[opens] = gaps[(np.cumsum(counts) - counts + (counts - 1) // 2)[opens]]
    return middle


def _staircase(tree: Tree, dim: int, root_gap: int) -> FloatArray:
    """Unit directions of the leaves in depth-first order, ``(n, dim) float64``."""
    n, n_circles = tree.n_leaves, dim // 2
    steps = np.zeros((n, n_circles), dtype=np.int64)
    steps[np.arange(1, n), tree.depth[tree.gap_node] % n_circles] = tree.size[tree.gap_node]
    latitude = np.zeros(n)
    if dim % 2 and n > 1:
        # wider than any step on the circles, as those are shrunk by the same latitude on both sides
        steps[root_gap + 1] = 0
        latitude[: root_gap + 1], latitude[root_gap + 1 :] = -np.pi / 4, np.pi / 4
    position = np.cumsum(steps, axis=0)
    total = position[-1]
    radians = (
        2 * np.pi / (total.max() + n)
    )  # the way back around each circle is no shorter than the root's step
    growth = tree.size[tree.parent[n:-1]] - tree.size[n:-1]
    if radians * growth.min(initial=n, where=growth > 0) < _RESOLUTION * np.sqrt(n_circles):
        raise ValueError(
            f"float64 cannot hold the layout of this tree: its nodes hold {total.sum():.3g} leaves in all, "
            "counted with repetition, so their steps are too fine; lay out a collapsed tree or a subtree"
        )
    angle = (position - total / 2) * radians
    direction = np.zeros((n, dim))
    shrunk = (np.cos(latitude) / np.sqrt(n_circles))[:, None]
    direction[:, 0 : 2 * n_circles : 2] = np.cos(angle) * shrunk
    direction[:, 1 : 2 * n_circles : 2] = np.sin(angle) * shrunk
    if dim % 2:
        direction[:, -1] = np.sin(latitude)
    return direction


def _branching_node(tree: Tree) -> IntArray:
    """Each node, or if it has one child, its nearest descendant that has several or is a leaf."""
    node = np.arange(tree.n_nodes)
    single = tree.n_leaves + np.flatnonzero(np.diff(tree.child_pointer)[tree.n_leaves :] == 1)
    node[single] = tree.child_index[tree.child_pointer[single]]
    while (node[node] != node).any():
        node = node[node]
    return node

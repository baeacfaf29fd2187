"""The main branches of a tree, which pictures colour and outlines begin with."""

from heapq import heapify, heappop, heappush

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperclade.environment import IntArray
from hyperclade.trees.tree import Tree

# Paul Tol's "muted" scheme and four more of his colours, distinct with any kind of colour vision; ordered so
# that neighbours differ most.
BRANCH_COLOURS = (
    "#332288", "#CC6677", "#117733", "#DDCC77", "#88CCEE", "#882255", "#44AA99", "#AA4499", "#999933",
    "#6699CC", "#661100", "#BBBBBB",
)  # fmt: skip
MOST_BRANCHES = len(BRANCH_COLOURS)
TRUNK = "#55555F"
_MOST_LEFT_OUT = 0.1  # of the leaves, in pieces too small for a branch


def main_branches(
    tree: Tree, count: int = MOST_BRANCHES, *, least_share: float = 0.01, root: int | None = None
) -> IntArray:
    """Disjoint nodes that stand for the leaves under a node: the coarsest natural layer, or largest parts.

    Of a whole tree these are the clusters of ``tree.layers()[0]`` where there are at most `count` of them.
    Otherwise, and under a given `root`, the largest part is divided until there are `count`, at the first
    node down along its large children that has two of them, of `least_share` of the leaves or more. What goes
    off on that way, or is too small at that node, is in no branch. So that this stays under a tenth of all
    leaves, some parts stay whole, and so do leaves that nothing tells apart (nodes of height 0).

    Parameters
    ----------
    tree : Tree
    count : int
    least_share : float
        Share of the leaves under `root` that a branch has, two at least, where it is no cluster of the layer.
    root : int, optional
        Default: the tree's.

    Returns
    -------
    (k,) int64
        At most `count` nodes in depth-first order, `root` itself if nothing divides it. Clusters of the layer
        hold every leaf, other branches nine of ten, unless a node has more large children than `count`.

    Examples
    --------
    >>> tree = Tree([5, 5, 6, 6, 7, 7, 8, 8, -1])
    >>> main_branches(tree).tolist()  # the coarsest layer
    [7, 6]
    >>> main_branches(tree, root=7).tolist()  # one leaf of three is too much to leave out
    [7]
    """
    if root is None:
        coarsest = int(tree.layers()[0].max()) + 1
        if 2 <= coarsest <= count:
            return tree.cut_nodes(coarsest)
        root = tree.root
    return largest_parts(tree, np.array([root]), count, max(2.0, least_share * tree.size[root]))


def leaf_branches(tree: Tree) -> IntArray:
    """Number of the main branch that each leaf is in, in the order of the leaves, −1 outside, ``(n,) int64``.

    >>> leaf_branches(Tree([5, 5, 6, 6, 7, 7, 8, 8, -1])).tolist()
    [0, 0, 1, 1, 0]
    """
    branch = np.full(tree.n_leaves, -1, dtype=np.int64)
    for number, node in enumerate(main_branches(tree).tolist()):
        branch[tree.leaves(node)] = number
    return branch


def common_value(tree: Tree, values: ArrayLike) -> IntArray:
    """The number that all leaves under a node have, −1 where they differ, ``(m,) int64``.

    >>> common_value(Tree([4, 4, 5, 5, 6, 6, -1]), [7, 7, 7, 8]).tolist()
    [7, 7, 7, 8, 7, -1, -1]
    """
    ordered = np.asarray(values, dtype=np.int64)[tree.leaf_order]
    changes = np.concatenate([[0], np.cumsum(ordered[1:] != ordered[:-1])])
    start, stop = tree.leaf_interval.T
    return np.where(changes[start] == changes[stop - 1], ordered[start], -1)


def branch_colours(branch: ArrayLike) -> NDArray[np.object_]:
    """Colours of branches by number, that of the trunk for −1."""
    number = np.asarray(branch, dtype=np.int64)
    colours = np.array([*BRANCH_COLOURS, TRUNK], dtype=object)
    return colours[np.where(number >= 0, number % len(BRANCH_COLOURS), len(BRANCH_COLOURS))]


def largest_parts(tree: Tree, nodes: IntArray, count: int, least: float) -> IntArray:
    """Divides the largest of some disjoint nodes into parts of `least` leaves until there are `count`."""
    spare = _MOST_LEFT_OUT * int(tree.size[nodes].sum())
    heap = [(-int(tree.size[node]), -int(node)) for node in nodes.tolist()]
    heapify(heap)
    finished: list[int] = []
    while heap and len(heap) + len(finished) < count:
        node = -heappop(heap)[1]
        parts, left_out = _division(tree, node, least, spare)
        alone = not heap and not finished  # rather the largest parts of a star than the star itself
        room = count - len(heap) - len(finished)
        if len(parts) > room and alone:
            parts = parts[np.argsort(-tree.size[parts], kind="stable")[:room]]
        if not 2 <= len(parts) <= room:
            finished.append(node)
            continue
        spare -= left_out
        for part in parts.tolist():
            heappush(heap, (-int(tree.size[part]), -part))
    found = np.array(finished + [-node for _, node in heap], dtype=np.int64)
    return found[np.argsort(tree.leaf_interval[found, 0])]


def _division(tree: Tree, node: int, least: float, spare: float) -> tuple[IntArray, int]:
    """The large children of the first node from `node` down that has two, and how many leaves are left out.

    No parts if there is no such node, or too many leaves would be left out on the way.
    """
    size, left_out = tree.size, 0
    while tree.height[node] > 0:
        children = tree.children(node)
        large = children[size[children] >= least]
        left_out += int(size[node] - size[large].sum())
        if not len(large) or left_out > spare:
            break
        if len(large) > 1:
            return large, left_out
        node = int(large[0])
    return np.empty(0, dtype=np.int64), 0

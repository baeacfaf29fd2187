"""How far two trees over the same leaves agree, node by node and in all."""

from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from hyperclade.environment import FloatArray, IntArray
from hyperclade.trees.kernels import range_max

if TYPE_CHECKING:
    from hyperclade.trees.tree import Tree


def best_matches(tree: "Tree", other: "Tree", nodes: ArrayLike | None = None) -> tuple[IntArray, FloatArray]:
    """For nodes of a tree the node of the other whose leaves are most nearly the same, by the Jaccard index.

    That is the number of leaves under both, over that of leaves under either; exact over all nodes of the
    other tree. Takes O(s log s) time for a node of s leaves, so that all nodes of a balanced tree of 100,000
    leaves take a second, but those of a chain of so many levels minutes: name some of the nodes then.

    Parameters
    ----------
    tree, other : Tree
        Over the same n leaves.
    nodes : k int, optional
        Of `tree`. Default: all inner nodes.

    Returns
    -------
    (k,) int64
        Nodes of `other`; of equally good ones that with the smallest id, of a chain of nodes over the same
        leaves the lowest.
    (k,) float64
        Their Jaccard indices, above 0.

    Raises
    ------
    ValueError
        The trees have not as many leaves, or a node is none.

    Examples
    --------
    >>> from hyperclade.trees.tree import Tree
    >>> tree, other = Tree([4, 4, 5, 5, 6, 6, -1]), Tree([4, 4, 5, 6, 5, 6, -1])  # ((0, 1), 2), 3
    >>> match, jaccard = best_matches(tree, other)
    >>> match.tolist(), jaccard.tolist()
    ([4, 2, 6], [1.0, 0.5, 1.0])
    """
    if tree.n_leaves != other.n_leaves:
        raise ValueError(
            f"need two trees over the same leaves, got {tree.n_leaves:,} and {other.n_leaves:,} leaves"
        )
    asked = np.arange(tree.n_leaves, tree.n_nodes) if nodes is None else np.asarray(nodes, dtype=np.int64)
    if ((asked < 0) | (asked >= tree.n_nodes)).any():
        raise ValueError(f"nodes must be in 0..{tree.n_nodes - 1}")
    place = other.leaf_interval[tree.leaf_order, 0]
    interval = tree.leaf_interval[asked]
    return _best(interval, place, other.leaf_order, other.size, other.gap_node, other.gap_maxima)


def mean_match(tree: "Tree", jaccard: ArrayLike, nodes: ArrayLike | None = None) -> float:
    """One number of `best_matches`: the mean over nodes weighted by their sizes, so that levels count alike.

    Weighted as the overall F-measure of a hierarchy is (Larsen & Aone, KDD 1999). Nodes over all leaves,
    which match whatever the trees are, do not count.

    Parameters
    ----------
    tree : Tree
    jaccard : (k,) float
    nodes : k int, optional
        Default: all inner nodes.

    Returns
    -------
    float
        In (0, 1]; NaN where no node counts.
    """
    asked = np.arange(tree.n_leaves, tree.n_nodes) if nodes is None else np.asarray(nodes, dtype=np.int64)
    size = tree.size[asked]
    weight = np.where(size < tree.n_leaves, size, 0).astype(np.float64)
    total = weight.sum()
    return float(weight @ np.asarray(jaccard, dtype=np.float64) / total) if total else float("nan")


def match_agreement(tree: "Tree", other: "Tree") -> float:
    """How far two trees agree: `mean_match` of the one in the other and of the other in the one, halfway.

    Returns
    -------
    float
        1 for the same clades; NaN where neither tree divides its leaves into more than single ones.

    Examples
    --------
    >>> from hyperclade.trees.tree import Tree
    >>> tree = Tree([4, 4, 5, 5, 6, 6, -1])
    >>> match_agreement(tree, tree), match_agreement(tree, Tree([4, 4, 5, 6, 5, 6, -1]))
    (1.0, 0.8)
    """
    means = [mean_match(one, best_matches(one, two)[1]) for one, two in ((tree, other), (other, tree))]
    return mean_of_both(*means)


def mean_of_both(one: float, two: float) -> float:
    """The mean of the two directions; of a star, which has no nodes to match, the other direction alone."""
    known = [mean for mean in (one, two) if mean == mean]
    return sum(known) / len(known) if known else float("nan")


@njit(cache=True)
def _best(interval, place, leaf_order, size, gap_node, gap_maxima):
    """Of each set of leaves, an interval of `place`, the node with the largest Jaccard index, and that.

    Only lowest common ancestors of the set's leaves in the other tree can be best: any other node has the
    same leaves of the set as one of these below it, and more beside. They are met by one pass over the leaves
    in the other tree's order, with those that are still open on a stack, the highest at its bottom.
    """
    n = len(place)
    match = np.empty(len(interval), dtype=np.int64)
    best = np.zeros(len(interval))
    marked = np.zeros(n, dtype=np.bool_)
    ordered = np.empty(n, dtype=np.int64)
    node = np.empty(2 * n, dtype=np.int64)
    count = np.empty(2 * n, dtype=np.int64)
    for at in range(len(interval)):
        start, stop = interval[at]
        s = stop - start
        if s * np.log2(s + 1) < n:
            ordered[:s] = np.sort(place[start:stop])
        else:
            for k in range(start, stop):
                marked[place[k]] = True
            filled = 0
            for position in range(n):
                if marked[position]:
                    ordered[filled] = position
                    filled += 1
                    marked[position] = False
        found, largest, height = -1, 0.0, 0
        for k in range(s + 1):
            # The last step closes all that is open.
            joint = len(size)
            if 0 < k < s:
                joint = range_max(gap_node, gap_maxima, ordered[k - 1], ordered[k] - 1)
            carried = 0
            while k > 0 and height > 0 and node[height - 1] < joint:
                height -= 1
                carried += count[height]
                own = node[height]
                jaccard = carried / (s + size[own] - carried)
                if jaccard > largest or (jaccard == largest and own < found):
                    found, largest = own, jaccard
            if k == s:
                break
            if k > 0:
                if height > 0 and node[height - 1] == joint:
                    count[height - 1] += carried
                else:
                    node[height], count[height] = joint, carried
                    height += 1
            node[height], count[height] = leaf_order[ordered[k]], 1
            height += 1
        match[at], best[at] = found, largest
    return match, best

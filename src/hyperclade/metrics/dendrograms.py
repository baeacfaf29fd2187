"""Agreement of a hierarchy with reference labels, or with the levels of a reference taxonomy."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from hyperclade.metrics.labels import encode_labels

if TYPE_CHECKING:
    from hyperclade.trees.tree import Tree


def dendrogram_purity(tree: "Tree", labels: Any, *, ignore_unlabelled: bool = False) -> float:
    """Exact dendrogram purity (Heller & Ghahramani 2005): how pure are the subtrees that join classmates?

    For every pair of samples of one class, the share of that class among the leaves under the pair's lowest
    common ancestor; averaged over all such pairs. 1 when every class is a subtree of its own. Covers all
    pairs in O(n log n) time and O(n) memory, on trees of any arity and depth.

    Parameters
    ----------
    tree : Tree
        Rooted tree over n leaves.
    labels : (n,) array-like
        Labels of the leaves, of any hashable kind.
    ignore_unlabelled : bool
        Leave out leaves without a label (None, NaN, −1), as if pruned from the tree. Otherwise a missing
        label is an error and −1 a class like any other.

    Returns
    -------
    float
        Float in (0, 1]; NaN if no class has two samples (no pair to average over).

    Raises
    ------
    ValueError
        Not one label per leaf, or a missing label without `ignore_unlabelled`.

    Examples
    --------
    >>> import numpy as np
    >>> from hyperclade.trees.tree import Tree
    >>> tree = Tree.from_merges(np.array([[0, 1], [2, 3], [4, 5]]))  # ((0, 1), (2, 3))
    >>> dendrogram_purity(tree, ["cat", "cat", "dog", "dog"])
    1.0
    >>> dendrogram_purity(tree, ["cat", "dog", "cat", "dog"])
    0.5
    """
    codes, n_classes = encode_labels(labels, minus_one_is_missing=ignore_unlabelled)
    if len(codes) != tree.n_leaves:
        raise ValueError(f"got {len(codes)} labels for a tree of {tree.n_leaves} leaves: one per leaf")
    if not ignore_unlabelled and (codes < 0).any():
        raise ValueError(
            f"{(codes < 0).sum()} leaves lack a label (first: {codes.argmin()}); pass ignore_unlabelled=True "
            "to leave them out"
        )
    counts = np.bincount(codes[codes >= 0], minlength=n_classes).astype(np.float64)
    n_pairs = float((counts * (counts - 1) / 2).sum())
    if n_pairs == 0:
        return float("nan")
    return _summed_purity(np.asarray(tree.parent, dtype=np.int64), codes, n_classes) / n_pairs


def taxonomy_purity(
    tree: "Tree", levels: Sequence[Any] | np.ndarray, *, ignore_unlabelled: bool = False
) -> np.ndarray:
    """Dendrogram purity against each level of a reference taxonomy, e.g. superclasses and classes.

    Parameters
    ----------
    tree : Tree
        Rooted tree over n leaves.
    levels : (L, n)
        Labels, a row per level; a list of L label sequences serves as well.
    ignore_unlabelled : bool
        See `dendrogram_purity`; per level, so a level may label some of the leaves only.

    Returns
    -------
    (L,) float64

    Examples
    --------
    >>> import numpy as np
    >>> from hyperclade.trees.tree import Tree
    >>> tree = Tree.from_merges(np.array([[0, 1], [2, 3], [4, 5]]))
    >>> taxonomy_purity(tree, [["pet"] * 4, ["cat", "cat", "dog", "dog"]])
    array([1., 1.])
    """
    if len(levels) == 0:
        raise ValueError("levels are empty: give at least one row of labels")
    return np.array([dendrogram_purity(tree, level, ignore_unlabelled=ignore_unlabelled) for level in levels])


@njit(cache=True)
def _summed_purity(parent: np.ndarray, codes: np.ndarray, n_classes: int) -> float:
    """Sum over pairs of classmates of the class's share under their lowest common ancestor.

    Every labelled leaf is counted once per light edge (an edge to a child that is not its parent's largest)
    above it: a heavy path is climbed from its lowest leaf with one table of class counts, and only the leaves
    of the light children are added on the way. At most log2(n) light edges lie above a leaf.
    """
    n, m = codes.shape[0], parent.shape[0]
    root = m - 1
    size = np.zeros(m, dtype=np.int64)  # labelled leaves under a node
    for v in range(n):
        size[v] = codes[v] >= 0
    for v in range(root):
        size[parent[v]] += size[v]
    heavy = np.full(m, -1, dtype=np.int64)
    for v in range(root):
        p = parent[v]
        if size[v] > 0 and (heavy[p] < 0 or size[v] > size[heavy[p]]):
            heavy[p] = v

    # Depth-first order, so that the leaves under v are order[start[v] : start[v] + size[v]]; children of a
    # node are linked lists in first_child / next_sibling.
    start = np.zeros(m, dtype=np.int64)
    filled = np.zeros(m, dtype=np.int64)
    first_child = np.full(m, -1, dtype=np.int64)
    next_sibling = np.full(m, -1, dtype=np.int64)
    order = np.empty(size[root], dtype=np.int64)  # class of each labelled leaf
    for v in range(root - 1, -1, -1):
        p = parent[v]
        start[v] = start[p] + filled[p]
        filled[p] += size[v]
        next_sibling[v] = first_child[p]
        first_child[p] = v
    for v in range(n):
        if codes[v] >= 0:
            order[start[v]] = codes[v]

    count = np.zeros(n_classes, dtype=np.int64)
    pairs = np.zeros(n_classes, dtype=np.int64)  # pairs of classmates that meet at the current node
    total = 0.0
    for bottom in range(n):
        if codes[bottom] < 0:
            continue
        count[codes[bottom]] = 1
        v = bottom
        while v != root and heavy[parent[v]] == v:
            below = v
            v = parent[v]
            child = first_child[v]
            while child >= 0:
                if child != below:
                    end = start[child] + size[child]
                    for i in range(start[child], end):
                        pairs[order[i]] += count[order[i]]
                    for i in range(start[child], end):
                        count[order[i]] += 1
                child = next_sibling[child]
            child = first_child[v]
            while child >= 0:
                if child != below:
                    for i in range(start[child], start[child] + size[child]):
                        c = order[i]
                        if pairs[c] > 0:
                            total += float(pairs[c]) * float(count[c]) / float(size[v])
                            pairs[c] = 0
                child = next_sibling[child]
        for i in range(start[v], start[v] + size[v]):
            count[order[i]] = 0
    return total

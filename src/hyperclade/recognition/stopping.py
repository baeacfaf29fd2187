"""Where a way down a taxonomy stops: at a node that is likely enough, or from which the truth is nearest."""

from typing import Literal

import numpy as np

from hyperclade.trees.taxonomy import Taxonomy

Stop = float | Literal["cost"]
NOWHERE = -1  # above all roots
_ROUNDING = 1e-6  # of float32 probabilities and of sums of them


def likely_nodes(
    scores: np.ndarray, taxonomy: Taxonomy, threshold: float, ties: np.ndarray | None = None
) -> np.ndarray:
    """The last node on the way down to the likeliest child that has at least a probability.

    Parameters
    ----------
    scores : (n, m) float
        Probabilities of the nodes, no node's above its parents'. A node in several places has one.
    threshold : float
        At 0 all ways end in leaves, which need not be the likeliest ones: a likely node may share its
        probability among many.
    ties : (n, m) float, optional
        What decides between children of equal probability; then the smaller id does.

    Returns
    -------
    (n,) int64
        -1 where no root has it.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_paths(["animal/dog", "animal/cat", "rock"])
    >>> likely_nodes(np.array([[0.9, 0.5, 0.4, 0.1], [0.4, 0.2, 0.2, 0.3]]), taxonomy, 0.5).tolist()
    [1, -1]
    """
    rows = np.arange(len(scores))
    last, moving = np.full(len(scores), NOWHERE, dtype=np.int64), np.ones(len(scores), dtype=bool)
    for _ in range(int(taxonomy.depth.max()) + 1):
        following = np.full(len(scores), NOWHERE, dtype=np.int64)
        for node in np.unique(last[moving]).tolist():
            below = _children(taxonomy, node)
            here = rows[moving & (last == node)]
            if len(below):
                own = scores[np.ix_(here, below)]
                if ties is not None:
                    best = own == own.max(axis=1, keepdims=True)
                    own = np.where(best, ties[np.ix_(here, below)], -np.inf)
                following[here] = below[own.argmax(axis=1)]
        moving &= (following != NOWHERE) & (scores[rows, following] >= threshold - _ROUNDING)
        last = np.where(moving, following, last)
    return last


def cheapest_nodes(scores: np.ndarray, taxonomy: Taxonomy) -> np.ndarray:
    """The node with the least expected number of edges to the true leaf; of equal ones the least deep.

    In a tree that is the deepest node with more than half of the probability, where a node has it.

    Parameters
    ----------
    scores : (n, m) float
        Of which those of the leaves, divided by their sum, are the leaves' probabilities. If they are all 0,
        these are equal.

    Returns
    -------
    (n,) int64

    Examples
    --------
    >>> taxonomy = Taxonomy.from_paths(["animal/dog", "animal/cat", "rock"])
    >>> cheapest_nodes(np.array([[0.8, 0.4, 0.4, 0.2], [0.8, 0.6, 0.2, 0.2]]), taxonomy).tolist()
    [0, 1]
    """
    leaves = taxonomy.leaves
    weights = scores[:, leaves].astype(np.float64)
    total = weights.sum(axis=1, keepdims=True)
    shares = np.where(total > 0, weights / np.where(total > 0, total, 1), 1 / len(leaves))
    cost = shares @ taxonomy.distance_matrix()[leaves]
    order = np.argsort(taxonomy.depth, kind="stable")
    cheapest = cost[:, order] <= cost.min(axis=1, keepdims=True) + _ROUNDING
    return order[cheapest.argmax(axis=1)]


def _children(taxonomy: Taxonomy, node: int) -> np.ndarray:
    if node == NOWHERE:
        return taxonomy.roots
    return taxonomy.child_index[taxonomy.child_pointer[node] : taxonomy.child_pointer[node + 1]]

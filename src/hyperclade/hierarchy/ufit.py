"""UFit: ultrametric fitting by gradient descent (Chierchia & Perret, NeurIPS 2019) with Dasgupta's loss.

The unknowns are weights of a graph's edges. Single linkage turns them into an ultrametric: the height of the
lowest common ancestor (LCA) of two rows is the largest weight on their path in the minimum spanning tree
(min-max path), so that a slope in a node's height belongs to the one tree edge that made the node. In
Dasgupta's cost Σ w_ij |lca(i,j)| the size of a node p above row x, the number of rows z with
u(lca(x,z)) ≤ u(p), is softened to Σ_z sigmoid((u(p) − u(lca(x,z)))/τ), which has a slope in the heights.
"""

from __future__ import annotations

from numbers import Integral
from typing import Self

import numpy as np
from numba import njit
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from hyperclade.environment import require
from hyperclade.hierarchy.cost import dasgupta_cost
from hyperclade.hierarchy.linkage import FloatArray, IntArray, TreeEstimator, check_positive
from hyperclade.hierarchy.neighbours import NeighbourIndex
from hyperclade.hierarchy.rows import Rows
from hyperclade.hierarchy.search import merge_cost
from hyperclade.hierarchy.similarity import similarity_of
from hyperclade.trees.tree import Tree

_COMPLETE_UP_TO = 512
_PAIRS = 20_000  # per step; all pairs where there are no more
_EVALUATIONS = 50


class UFit(TreeEstimator):
    """Hierarchical clustering by fitting an ultrametric to Dasgupta's cost, similarity (1 + cos)/2.

    Descent starts from the subdominant ultrametric (single linkage of the cosine distances) and takes the
    tree of least exact cost on its way.

    Parameters
    ----------
    n_neighbors : int or "auto"
        Edges of the graph: each row's nearest rows, and a minimum spanning tree of all rows. "auto": the
        complete graph up to 512 rows, 10 above.
    temperature : float
        Softness τ of node sizes, in standard deviations of the first tree's heights.
    learning_rate : float
        Rate of Adam (AMSGrad), in the same unit.
    n_iterations : int
    n_clusters : int, optional
        Number of flat clusters for `labels_`; None: the tree's coarsest layer (`Tree.layers`).
    random_state : int, RandomState or None
        Seed of the pairs that make up the loss of a step, 20,000 where there are more.

    Attributes
    ----------
    tree_ : Tree
        Heights are the ultrametric, shifted to start above 0.
    cost_ : float
        Exact Dasgupta cost of `tree_`.
    cost_history_ : float64 array
        Cost at the start and at each evaluation; `tree_` is that of the least.
    labels_ : (n,) int64
    n_features_in_ : int

    Raises
    ------
    ValueError
        Option out of range, NaN or infinity, no rows or n_clusters out of range.
    ModuleNotFoundError
        No torch, whose Adam this takes.

    Notes
    -----
    A step costs O(edges log edges + pairs · depth of the tree).

    Examples
    --------
    >>> X = [[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]
    >>> labels = UFit(n_clusters=2, n_iterations=10).fit(X).labels_
    >>> bool(labels[0] == labels[1] != labels[2] == labels[3])
    True
    """

    def __init__(
        self,
        n_neighbors: int | str = "auto",
        temperature: float = 2.0,
        learning_rate: float = 0.1,
        n_iterations: int = 300,
        n_clusters: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.temperature = temperature
        self.learning_rate = learning_rate
        self.n_iterations = n_iterations
        self.n_clusters = n_clusters
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Fit the ultrametric over the rows of X `(n, d)`; y is ignored."""
        check_positive("temperature", self.temperature)
        check_positive("learning_rate", self.learning_rate)
        if not isinstance(self.n_iterations, Integral) or self.n_iterations < 0:
            raise ValueError(f"n_iterations={self.n_iterations!r} must be a whole number, at least 0")
        require("UFit", "torch")
        X = validate_data(self, X, dtype=np.float64)
        self._check_n_clusters(len(X))
        unit = Rows(X).read(slice(None), np.float64)
        edges = _graph(unit, self.n_neighbors)
        lengths = 1 - np.einsum("ij,ij->i", unit[edges[:, 0]], unit[edges[:, 1]])
        merges, height, self.cost_history_ = self._descend(unit, edges, lengths)
        height = height - min(height.min(initial=0.0), 0.0)
        self.tree_ = Tree.from_merges(merges, height)
        self.cost_ = dasgupta_cost(self.tree_, X)
        return self._set_labels()

    def _descend(
        self, unit: FloatArray, edges: IntArray, lengths: FloatArray
    ) -> tuple[IntArray, FloatArray, FloatArray]:
        """Merges and heights of the best tree, and the cost at each evaluation."""
        import torch

        n = len(unit)
        rng = check_random_state(self.random_state)
        rows = similarity_of(unit, "cosine", merge_equal=False).items()
        weights = torch.tensor(lengths)
        merges, made_by = single_linkage(edges, lengths, n)
        # In units of their spread, so that temperature and learning rate fit any data.
        spread = lengths[made_by].std() if n > 2 else 0.0
        scale = spread if spread > 0 else 1.0
        weights = (weights / scale).requires_grad_()
        optimiser = torch.optim.Adam([weights], lr=self.learning_rate, amsgrad=True)
        best, best_height = merges, lengths[made_by]
        history = [merge_cost(merges, rows)]
        every = max(self.n_iterations // _EVALUATIONS, 1)
        all_pairs = np.column_stack(np.triu_indices(n, 1)) if n * (n - 1) // 2 <= _PAIRS else None
        for step in range(self.n_iterations if n > 2 else 0):
            pairs = _random_pairs(n, rng) if all_pairs is None else all_pairs
            similarity = (1 + np.einsum("ij,ij->i", unit[pairs[:, 0]], unit[pairs[:, 1]])) / 2
            height = weights.detach().numpy()[made_by]
            _, slope = soft_cost(merges, height, pairs, similarity, self.temperature)
            weights.grad = torch.zeros_like(weights)
            weights.grad[torch.from_numpy(made_by)] = torch.from_numpy(slope / len(pairs))
            optimiser.step()
            values = weights.detach().numpy()
            merges, made_by = single_linkage(edges, values, n)
            if (step + 1) % every == 0 or step + 1 == self.n_iterations:
                history.append(merge_cost(merges, rows))
                if history[-1] < min(history[:-1]):
                    best, best_height = merges, scale * values[made_by]
        return best, best_height, np.array(history)


def soft_cost(
    merges: IntArray, height: FloatArray, pairs: IntArray, similarity: FloatArray, temperature: float
) -> tuple[float, FloatArray]:
    """Σ over the pairs of similarity × soft size of their LCA, and its slope in the heights of the nodes.

    Parameters
    ----------
    merges : (n-1, 2) int
    height : (n-1,) float
        Ascending.
    pairs : (p, 2) int
        The soft size is the mean of the sizes seen from the two rows.
    similarity : (p,) float
    temperature : float
        τ; towards 0 the soft size becomes the size, if heights differ.

    Returns
    -------
    cost : float
    slope : (n-1,) float64

    Examples
    --------
    >>> merges, pair = np.array([[0, 1], [2, 3]]), np.array([[0, 1]])
    >>> round(soft_cost(merges, np.array([1.0, 2.0]), pair, np.ones(1), temperature=0.01)[0], 6)
    2.0
    """
    return _soft_cost(merges, height, pairs, similarity, 1 / temperature)


def single_linkage(edges: IntArray, weights: FloatArray, n: int) -> tuple[IntArray, IntArray]:
    """Merges `(n-1, 2)` of the n rows of a connected graph by ascending weight, and the edge behind each.

    >>> single_linkage(np.array([[0, 1], [1, 2], [0, 2]]), np.array([3.0, 1.0, 2.0]), 3)[1].tolist()
    [1, 2]
    """
    return _kruskal(edges, np.argsort(weights, kind="stable"), n)


def _graph(unit: FloatArray, n_neighbors: int | str) -> IntArray:
    """Edges `(e, 2)` of the complete or of the nearest-neighbour graph, each once and connected."""
    n = len(unit)
    if n_neighbors == "auto":
        n_neighbors = n - 1 if n <= _COMPLETE_UP_TO else 10
    if not isinstance(n_neighbors, Integral) or (n_neighbors < 1 and n > 1):
        raise ValueError(f'n_neighbors={n_neighbors!r} is neither "auto" nor a whole number of at least 1')
    if n_neighbors >= n - 1:
        return np.column_stack(np.triu_indices(n, 1))
    nearest = NeighbourIndex(Rows(unit)).own(int(n_neighbors))[0]
    row, at = np.nonzero(nearest >= 0)
    edges = np.vstack([np.column_stack([row, nearest[row, at]]), _spanning_tree(unit)])
    edges.sort(axis=1)
    return np.unique(edges, axis=0)


def _random_pairs(n: int, rng: np.random.RandomState) -> IntArray:
    first = rng.randint(n, size=_PAIRS)
    return np.column_stack([first, (first + rng.randint(1, n, size=_PAIRS)) % n])


@njit(cache=True)
def _spanning_tree(unit):
    """Prim's algorithm on cosine distances, n − 1 edges in O(n²d) time and O(n) memory."""
    n = len(unit)
    edges = np.empty((n - 1, 2), np.int64)
    nearest = np.full(n, -np.inf)  # by cosine, so larger is nearer
    via = np.zeros(n, np.int64)
    done = np.zeros(n, np.bool_)
    last = 0
    for step in range(n - 1):
        done[last] = True
        following = -1
        for i in range(n):
            if not done[i]:
                cosine = np.dot(unit[i], unit[last])
                if cosine > nearest[i]:
                    nearest[i], via[i] = cosine, last
                if following < 0 or nearest[i] > nearest[following]:
                    following = i
        edges[step] = via[following], following
        last = following
    return edges


@njit(cache=True)
def _kruskal(edges, order, n):
    parent = np.arange(n)
    node = np.arange(n)
    merges = np.empty((n - 1, 2), np.int64)
    made_by = np.empty(n - 1, np.int64)
    made = 0
    for edge in order:
        a, b = edges[edge]
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        if a != b:
            merges[made] = node[a], node[b]
            made_by[made] = edge
            parent[a] = b
            node[b] = n + made
            made += 1
            if made == n - 1:
                break
    return merges, made_by


@njit(cache=True)
def _soft_cost(merges, height, pairs, similarity, sharpness):
    n = len(merges) + 1
    parent = np.full(2 * n - 1, -1)
    size = np.ones(2 * n - 1)
    for i in range(n - 1):
        a, b = merges[i]
        parent[a] = parent[b] = n + i
        size[n + i] = size[a] + size[b]
    slope = np.zeros(n - 1)
    total = 0.0
    for e in range(len(pairs)):
        a, b = pairs[e]
        while a != b:  # children have smaller numbers than their parents
            if a < b:
                a = parent[a]
            else:
                b = parent[b]
        weight = similarity[e] / 2
        for side in range(2):
            below = pairs[e, side]
            node = parent[below]
            soft_size = 1.0  # the row itself
            while node >= 0:
                gained = size[node] - size[below]
                if node == a:
                    soft_size += gained
                else:
                    inside = 1 / (1 + np.exp((height[node - n] - height[a - n]) * sharpness))
                    soft_size += gained * inside
                    steep = weight * gained * inside * (1 - inside) * sharpness
                    slope[a - n] += steep
                    slope[node - n] -= steep
                below = node
                node = parent[node]
            total += weight * soft_size
    return total, slope

"""sHHC: a hierarchy over every row in two stages, pre-clusters and a tree over them (sHHC §3)."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from numbers import Integral
from typing import Any, Literal, Self, TypeVar

import numpy as np
import scipy.sparse
from numba import njit
from numpy.typing import NDArray
from sklearn.base import TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from hyperclade.hierarchy.bisection import bisect
from hyperclade.hierarchy.cost import AnySimilarity, dasgupta_cost, normalised_score
from hyperclade.hierarchy.linkage import TreeEstimator
from hyperclade.hierarchy.rows import as_array
from hyperclade.hierarchy.search import best_grafts, improve, merge_cost, merge_costs, merge_heights
from hyperclade.hierarchy.similarity import (
    FeatureSimilarity,
    GraphSimilarity,
    Similarity,
    similarity_of,
    ties_to,
)
from hyperclade.trees.layout import ball_layout
from hyperclade.trees.tree import Tree

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
T = TypeVar("T")

_FULL_RESOLUTION = 100_000  # rows up to which "auto" gives every row its own leaf from the start
_THOROUGH = 5_000  # items up to which the search runs to the end, from several starts
_ROWS_PER_CLUSTER = 200  # of the pre-clusters that "auto" makes above that
_NO_EDGES = scipy.sparse.csr_matrix((0, 0), dtype=np.float32)


class SHHC(TransformerMixin, TreeEstimator):
    """Scalable hyperbolic hierarchical clustering: a tree over all rows of X, placed in the Poincaré ball.

    Stage 1 (sHHC §3.1) divides many rows into pre-clusters of equal size by optimal transport. Stage 2
    (sHHC §3.2) builds a tree over them, and then a subtree inside each. Trees come from top-down bisection
    improved by an exact search for the lowest Dasgupta cost.

    Parameters
    ----------
    n_clusters : int, None or "auto"
        Number of pre-clusters; None: every row is its own leaf from the start. "auto": None up to 100,000
        rows, else one pre-cluster per 200 rows.
    similarity : {"knn", "cosine", "softmax"}
        What the tree keeps together; see `hyperclade.hierarchy.similarity`.
    balanced : bool
        Pre-clusters of equal size (sHHC Eq. 4); False: plain spherical k-means, for trees of a little less
        cost.
    search : bool
        False is the paper's plain procedure: HypHC over the pre-clusters, from the exponential map of their
        features (sHHC Eq. 10 and 12), and bisection inside them.
    refine : bool
        Also try HypHC started from the tree over the pre-clusters; the tree of lowest exact cost wins.
    dim : int
        Dimension of the ball.
    n_neighbors : int
        Neighbours of a row, for "knn".
    temperature : float
        τ, for "softmax".
    n_init : int or "auto"
        Starts of the tree search, of which the best is kept. "auto": 8 up to 2,000 items, 2 up to 5,000,
        else 1.
    device : str
        Where the pre-clusters and HypHC are computed: "auto", "cpu", "cuda".
    random_state : int, RandomState or None
    progress : callable, optional
        Called as ``progress(stage, fraction)`` with the stage's name and the part of it done, in [0, 1].

    Attributes
    ----------
    tree_ : Tree
        Over all rows; heights are −log of the mean similarity between the two sides of a merge.
    labels_ : (n,) int64
        Pre-cluster of each row; without pre-clusters the coarsest of `layers_`.
    layers_ : list of (n,) int64
        A few natural granularities, coarse to fine.
    embedding_, node_embedding_ : (n, dim) and (m, dim) float64
        Rows, and all nodes of the tree, in the ball of curvature −1.
    cluster_embedding_ : (K, dim) float64
        Pre-clusters in the ball, by label.
    cost_, score_ : float
        Exact Dasgupta cost in the chosen similarity, and `normalised_score` of it.
    n_clusters_ : int
        Number of labels.
    timings_ : dict
        Seconds a stage.
    n_features_in_ : int

    Raises
    ------
    ValueError
        For NaN or infinite values, fewer than two rows, fewer rows than clusters, options out of range.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> model = SHHC(random_state=0).fit(load_iris().data)
    >>> model.tree_
    Tree(n_leaves=150, n_nodes=299)
    >>> np.bincount(model.cut(2)).tolist()
    [50, 100]
    >>> model.predict([[5.0, 3.5, 1.4, 0.2]]).shape
    (1,)
    """

    def __init__(
        self,
        n_clusters: int | Literal["auto"] | None = "auto",
        *,
        similarity: Literal["knn", "cosine", "softmax"] = "knn",
        balanced: bool = True,
        search: bool = True,
        refine: bool = False,
        dim: int = 2,
        n_neighbors: int = 10,
        temperature: float = 0.1,
        n_init: int | Literal["auto"] = "auto",
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
        progress: Callable[[str, float], None] | None = None,
    ) -> None:
        self.n_clusters = n_clusters  # type: ignore[assignment]
        self.similarity = similarity
        self.balanced = balanced
        self.search = search
        self.refine = refine
        self.dim = dim
        self.n_neighbors = n_neighbors
        self.temperature = temperature
        self.n_init = n_init
        self.device = device
        self.random_state = random_state
        self.progress = progress

    def fit(self, X: Any, y: object = None) -> Self:
        """Find the hierarchy of the rows of X.

        Parameters
        ----------
        X : (n, d) array, memory map, torch tensor or CSR matrix
            Any real dtype. Rows are compared by direction; a row of zeros has cosine 0 with all others.
            Kept by reference for `predict` and `insert`.
        y : ignored
        """
        X = validate_data(
            self, as_array(X), accept_sparse="csr", dtype="numeric", ensure_min_samples=2, copy=False
        )
        n = X.shape[0]
        k = self._n_preclusters(n)
        if self.dim < 2:
            raise ValueError(f"dim must be at least 2, got {self.dim}")
        if self.n_init != "auto" and self.n_init < 1:
            raise ValueError(f'n_init must be "auto" or at least 1, got {self.n_init}')
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.timings_: dict[str, float] = {}
        self._X = X
        with _Stage(self, "similarity"):
            guide = FeatureSimilarity(X)
            self._weights: AnySimilarity = similarity_of(
                X,
                self.similarity,
                n_neighbors=self.n_neighbors,
                temperature=self.temperature,
                random_state=seed,
            )
        if k is None:
            self._parts = None
            with _Stage(self, "tree"):
                items = self._weights.items()
                self._top = self._solve(items, guide if self._is_graph else None, seed)
        else:
            with _Stage(self, "pre-clusters"):
                from hyperclade.hierarchy.precluster import precluster

                found = precluster(
                    X, k, balanced=self.balanced, random_state=seed, device=_device(self.device)
                )
                # Without balance a pre-cluster may end up empty.
                used, labels = np.unique(found.labels, return_inverse=True)
                k = len(used)
                self._parts = _parts(labels, k)
            with _Stage(self, "tree"):
                items = self._weights.groups(labels, k)
                start = guide.groups(labels, k) if self._is_graph else items
                self._top = self._solve(items, start, seed)
            with _Stage(self, "leaves"):
                self._subtrees = self._solve_parts(guide, seed)
        self._items = items
        with _Stage(self, "layout"):
            self._finish()
        return self

    def cut(self, k: int) -> IntArray:
        """Labels `(n,) int64` of k clusters, merged from the leaves by moving to parents, 1 ≤ k ≤ n."""
        return super().cut(k)

    def fit_predict(self, X: Any, y: object = None, **kwargs: Any) -> IntArray:
        """Fit and return `labels_`."""
        return self.fit(X).labels_

    @property
    def score_(self) -> float:
        """Normalised score of `cost_`: 0 for random trees, 1 for the (unreachable) lower bound."""
        check_is_fitted(self)
        return normalised_score(self.cost_, self._weights)

    @property
    def layers_(self) -> list[IntArray]:
        """A few natural granularities, coarse to fine, as `(n,) int64` labels."""
        check_is_fitted(self)
        return self.tree_.layers()

    def predict(self, X: Any) -> IntArray:
        """Label of each new row, `(b,) int64`: that of the place where it makes the tree cheapest."""
        node = self._grafts(X)
        return self._node_label[node]

    def transform(self, X: Any) -> FloatArray:
        """New rows in the ball, `(b, dim) float64`: on the leaves' radius, where they belong in the tree."""
        points = self.node_embedding_[self._grafts(X)]
        radius = np.linalg.norm(self.embedding_[0])
        norms = np.linalg.norm(points, axis=1, keepdims=True)
        # The root of two opposite halves lies at the origin, and has no direction.
        directions = np.where(norms > 0, points / np.where(norms > 0, norms, 1), self.embedding_[:1] / radius)
        return directions * radius

    def insert(self, X: Any) -> Self:
        """Add new rows to the tree, each where it costs least; leaves n, n+1, … of `tree_`.

        Rows already there keep their places relative to one another; `cost_` is exact for all rows. With
        "knn" a new row is tied by ½ to each of its nearest old rows.

        Parameters
        ----------
        X : (b, d) array, memory map, torch tensor or CSR matrix
        """
        check_is_fitted(self)
        X = validate_data(self, as_array(X), accept_sparse="csr", dtype="numeric", reset=False)
        n, b = len(self._weights), X.shape[0]
        stack = (
            scipy.sparse.vstack if scipy.sparse.issparse(X) or scipy.sparse.issparse(self._X) else np.vstack
        )
        both = stack([self._X, X])
        if isinstance(self._weights, GraphSimilarity):
            ties = ties_to(self._weights, X, self.n_neighbors)
            edges = scipy.sparse.bmat([[self._weights.edges, ties.T], [ties, None]], format="csr")
            index = self._weights.index
            assert index is not None
            weights: AnySimilarity = GraphSimilarity(edges, index)
        else:
            weights = self._weights.of(both)
        added = np.arange(n, n + b)
        if self._parts is None:
            self._top = _with_leaves(self._top, weights.items(), n)
            self._items = weights.items()
        else:
            part_of = self.predict(X)
            for k in np.unique(part_of).tolist():
                rows = np.r_[self._parts[k], added[part_of == k]]
                self._subtrees[k] = _with_leaves(self._subtrees[k], weights.items(rows), len(self._parts[k]))
                self._parts[k] = rows
            labels = np.empty(n + b, dtype=np.int64)
            for k, rows in enumerate(self._parts):
                labels[rows] = k
            self._items = weights.groups(labels, len(self._parts))
        self._X, self._weights = both, weights
        self._finish()
        return self

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @property
    def _is_graph(self) -> bool:
        return isinstance(self._weights, GraphSimilarity)

    def _n_preclusters(self, n: int) -> int | None:
        k: Any = self.n_clusters
        if k == "auto":
            return None if n <= _FULL_RESOLUTION else n // _ROWS_PER_CLUSTER
        if k is not None and not (isinstance(k, Integral) and 1 <= int(k) <= n):
            raise ValueError(f'n_clusters={k!r} must be "auto", None or from 1 to the n_samples={n} rows')
        return None if k is None else int(k)

    def _solve(self, items: Similarity, start: Similarity | FeatureSimilarity | None, seed: int) -> IntArray:
        """Tree of lowest cost found over the items; `start` gives the features to bisect on."""
        features = start.items() if isinstance(start, FeatureSimilarity) else start or items
        if len(items) == 1:
            return np.empty((0, 2), dtype=np.int64)
        if not self.search:
            return self._hyperbolic(items, features, None)
        n = len(items)
        n_init = (8 if n <= 2000 else 2 if n <= _THOROUGH else 1) if self.n_init == "auto" else self.n_init
        tolerance = 1e-6 if n <= _THOROUGH else 1e-4
        done = [0]

        def report() -> None:
            # How many passes there will be is not known: each fills half of what is left.
            done[0] += 1
            self._report("tree", 1 - 0.5 ** (done[0] / n_init))

        def attempt(i: int, check: Callable[[], None]) -> tuple[float, IntArray]:
            def after_pass() -> None:
                check()
                report()

            merges = improve(
                bisect(features, seed=seed % 2**30 + i), items, tolerance=tolerance, after_pass=after_pass
            )
            return merge_cost(merges, items), merges

        cost, merges = min(_in_threads(attempt, n_init), key=lambda found: found[0])
        if self.refine:
            refined = self._hyperbolic(items, features, merges)
            refined = improve(refined, items, tolerance=tolerance)
            if merge_cost(refined, items) < cost:
                merges = refined
        return merges

    def _hyperbolic(self, items: Similarity, features: Similarity, merges: IntArray | None) -> IntArray:
        """HypHC over the items, from a tree's layout or from the exponential map of their features."""
        from hyperclade.hierarchy.hyphc import fit_directions, principal_directions

        dim = max(self.dim, 8)
        if merges is None:
            start = principal_directions(
                (features.features / features.sizes[:, None]).astype(np.float64), dim
            )
        else:
            start = ball_layout(Tree.from_merges(merges), dim)[: len(items)]
        found = fit_directions(
            items, start=start, random_state=self.random_state, device=_device(self.device)
        )
        return found.merges

    def _solve_parts(self, guide: FeatureSimilarity, seed: int) -> list[IntArray]:
        assert self._parts is not None
        parts = self._parts
        done = [0]

        def solve(k: int, check: Callable[[], None]) -> IntArray:
            check()
            features = guide.items(parts[k])
            merges = bisect(features, seed=(seed + k) % 2**30)
            if self.search:
                items = self._weights.items(parts[k]) if self._weights.name != guide.name else features
                merges = improve(merges, items, max_passes=4, tolerance=1e-4)
            done[0] += 1
            if done[0] % 16 == 0:
                self._report("leaves", done[0] / len(parts))
            return merges

        return _in_threads(solve, len(parts))

    def _finish(self) -> None:
        """Everything that follows from the merges: the tree, its layout, labels, cost."""
        top_cross = merge_costs(self._top, self._items)[1]
        n = len(self._weights)
        if self._parts is None:
            merges, cross = self._top, top_cross
            self._item_node = np.arange(2 * n - 1)
        else:
            merges, self._item_node = _composed(self._top, self._parts, self._subtrees, n)
            inner = [
                merge_costs(m, self._weights.items(rows))[1]
                for m, rows in zip(self._subtrees, self._parts, strict=True)
                if len(m)
            ]
            cross = np.concatenate([*inner, top_cross])
        self.tree_ = Tree.from_merges(merges, merge_heights(merges, cross, 0.25 if self._is_graph else 1e-9))
        self.node_embedding_ = ball_layout(self.tree_, self.dim)
        self.embedding_ = self.node_embedding_[:n]
        if self._parts is None:
            self.labels_ = self.layers_[0]
        else:
            self.labels_ = np.empty(n, dtype=np.int64)
            for k, rows in enumerate(self._parts):
                self.labels_[rows] = k
        self.n_clusters_ = int(self.labels_.max()) + 1
        self._node_label = _larger_side(self.tree_.parent, self.tree_.size, self.labels_)
        self.cluster_embedding_ = self.node_embedding_[
            _cluster_roots(self.tree_, self.labels_, self.n_clusters_)
        ]
        self.cost_ = dasgupta_cost(self.tree_, None, self._weights)

    def _grafts(self, X: Any) -> IntArray:
        """Node of `tree_` above which each new row makes the tree over the items cheapest."""
        check_is_fitted(self)
        X = validate_data(self, as_array(X), accept_sparse="csr", dtype="numeric", reset=False)
        if isinstance(self._weights, GraphSimilarity):
            features = np.zeros((X.shape[0], 0), np.float32)
            ties = ties_to(self._weights, X, self.n_neighbors)
            if self._parts is not None:
                n = len(self._weights)
                pick = (np.ones(n, np.float32), (np.arange(n), self.labels_))
                ties = (ties @ scipy.sparse.csr_matrix(pick, shape=(n, len(self._parts)))).tocsr()
        else:
            features, ties = self._weights.of(X).features(slice(None)), _NO_EDGES
        return self._item_node[best_grafts(self._top, self._items, features, ties)]

    def _report(self, stage: str, fraction: float) -> None:
        if self.progress is not None:
            self.progress(stage, fraction)


class _Stage:
    """Times a stage of a fit and reports its start and end."""

    def __init__(self, model: SHHC, name: str) -> None:
        self.model, self.name = model, name

    def __enter__(self) -> None:
        self.model._report(self.name, 0.0)
        self.start = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        self.model.timings_[self.name] = time.perf_counter() - self.start
        self.model._report(self.name, 1.0)


def _in_threads(task: Callable[[int, Callable[[], None]], T], count: int) -> list[T]:
    """``[task(0, check), …]`` on all cores; compiled kernels run without the interpreter's lock.

    Tasks call `check()` now and then: it ends them when one has failed or the user has pressed Ctrl-C.
    """
    stop = threading.Event()

    def check() -> None:
        if stop.is_set():
            raise CancelledError

    with ThreadPoolExecutor(min(count, os.cpu_count() or 1)) as pool:
        futures = [pool.submit(task, i, check) for i in range(count)]
        try:
            return [future.result() for future in futures]
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _device(name: str) -> str:
    if name != "auto":
        return name
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _parts(labels: IntArray, k: int) -> list[IntArray]:
    """Rows of each label, ascending."""
    return np.split(np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels, minlength=k))[:-1])


def _with_leaves(merges: IntArray, items: Similarity, n: int) -> IntArray:
    """The tree with items n, n+1, … grafted one after another, each on its best edge."""
    total = len(items)
    # First hung one above the other over the root, from where each then moves to its place.
    shifted = np.where(merges >= n, merges + (total - n), merges)
    roots = np.r_[total + n - 2 if n > 1 else 0, np.arange(total + n - 1, 2 * total - 2)]
    added = np.arange(n, total)
    chained = np.r_[shifted.reshape(-1, 2), np.stack([roots, added], axis=1)]
    return improve(chained, items, max_passes=1, only=added)


def _composed(
    top: IntArray, parts: list[IntArray], subtrees: list[IntArray], n: int
) -> tuple[IntArray, IntArray]:
    """Merges over all rows from those inside and over the parts; the node of each item of `top`."""
    merges = []
    roots = np.empty(len(parts), dtype=np.int64)
    made = n
    for k, (rows, inner) in enumerate(zip(parts, subtrees, strict=True)):
        merges.append(np.r_[rows, np.arange(made, made + len(inner))][inner])
        made += len(inner)
        roots[k] = made - 1 if len(inner) else rows[0]
    nodes = np.r_[roots, np.arange(made, made + len(top))]
    return np.concatenate([*merges, nodes[top]]).reshape(-1, 2), nodes


@njit(cache=True)
def _larger_side(parent, size, labels):
    """Label of each node: that of its leaf reached by always taking the larger child."""
    m = parent.shape[0]
    label = np.empty(m, np.int64)
    label[: labels.shape[0]] = labels
    largest = np.zeros(m)
    for node in range(m - 1):
        p = parent[node]
        if size[node] > largest[p]:
            largest[p] = size[node]
            label[p] = label[node]
    return label


def _cluster_roots(tree: Tree, labels: IntArray, k: int) -> IntArray:
    """The node of the tree that holds exactly the rows of each label, `(k,)`."""
    in_order = labels[tree.leaf_order]
    first = np.full(k, tree.n_leaves)
    last = np.zeros(k, dtype=np.int64)
    np.minimum.at(first, in_order, np.arange(tree.n_leaves))
    np.maximum.at(last, in_order, np.arange(tree.n_leaves))
    return tree.lca(tree.leaf_order[first], tree.leaf_order[last])

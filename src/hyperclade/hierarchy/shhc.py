"""sHHC: a hierarchy over every row in two stages, pre-clusters and a tree over them (sHHC §3)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import scipy.sparse
from numba import njit
from numpy.typing import NDArray
from sklearn.base import TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from hyperclade.environment import device_of
from hyperclade.hierarchy.bisection import bisect
from hyperclade.hierarchy.composition import Composed, compose, with_leaves
from hyperclade.hierarchy.cost import dasgupta_cost, normalised_score
from hyperclade.hierarchy.linkage import TreeEstimator
from hyperclade.hierarchy.neighbours import DEFAULT_RECALL, NeighbourIndex
from hyperclade.hierarchy.rows import METRICS, Metric, Rows, as_array
from hyperclade.hierarchy.search import best_grafts, improve, merge_cost, merge_costs
from hyperclade.hierarchy.similarity import (
    N_NEIGHBORS,
    AnySimilarity,
    FeatureSimilarity,
    GraphSimilarity,
    Similarity,
    SimilarityName,
    similarity_of,
)
from hyperclade.hierarchy.threads import in_threads
from hyperclade.trees.layout import ball_layout
from hyperclade.trees.tree import Tree

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_FULL_RESOLUTION = 100_000  # distinct rows up to which "auto" gives each its own leaf from the start
_THOROUGH = 5_000  # items up to which the search runs to the end, from several starts
_ROWS_PER_CLUSTER = 200  # of the pre-clusters that "auto" makes above that
_ORDINARY = 0.99  # share of the rows that are no outliers
_NO_EDGES = scipy.sparse.csr_matrix((0, 0), dtype=np.float32)


@dataclass(frozen=True)
class Assignment:
    """Where new rows belong in a hierarchy, see `SHHC.assign`.

    labels : (b,) int64, of the cluster.
    confidence : (b,) float64 in [0, 1], share of the nearest rows that lie in that cluster, near ones
        counting more.
    outlier : (b,) bool, whether the row is farther from its neighbours than 99 % of the fitted rows are from
        theirs.
    nearest : (b,) int64, the nearest fitted row.
    leaf : (b,) int64, the fitted row whose labels the new one has, in this cut and every other.
    """

    labels: IntArray
    confidence: FloatArray
    outlier: NDArray[np.bool_]
    nearest: IntArray
    leaf: IntArray


class SHHC(TransformerMixin, TreeEstimator):
    """Scalable hyperbolic hierarchical clustering: a tree over all rows of X, placed in the Poincaré ball.

    Stage 1 (sHHC §3.1) divides many rows into pre-clusters of equal size by optimal transport. Stage 2
    (sHHC §3.2) builds a tree over them, and then a subtree inside each. Trees come from top-down bisection
    improved by an exact search for the lowest Dasgupta cost.

    Parameters
    ----------
    n_clusters : int, None or "auto"
        Number of pre-clusters; None: every row is its own leaf from the start. "auto": None up to 100,000
        distinct rows, else one pre-cluster per 200. For a number of flat clusters see `cut`.
    metric : {"euclidean", "cosine"}, optional
        How rows are compared: by distance, for tables of measurements and most embeddings, or by direction
        alone. For neighbours, pre-clusters, and where the tree starts from. Default: "cosine" for the
        similarity "cosine", else "euclidean".
    similarity : {"knn", "cosine", "euclidean", "softmax"}
        What the tree keeps together; see `hyperclade.hierarchy.similarity`.
    balanced : bool or "auto"
        Whether pre-clusters have equal size, in distinct rows (sHHC Eq. 4), or as many rows as they attract,
        for better trees where groups differ in size. "auto": equal sizes where `n_clusters` is a number.
    search : bool
        False is the paper's plain procedure: HypHC over the pre-clusters, from the exponential map of their
        features (sHHC Eq. 10 and 12), and bisection inside them.
    refine : bool
        Also try HypHC started from the tree over the pre-clusters; the tree of lowest exact cost wins.
    dim : int
        Dimension of the ball.
    n_neighbors : int
        Neighbours of a row, for "knn".
    recall : float
        Share of the true neighbours to find, for "knn" of more than 20,000 rows.
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
        Over all rows. Heights are −log of the mean similarity between the two sides of a merge, as a share of
        the largest there is; a merge of more similar sides than one below it lies just above that. Equal rows
        are a subtree of height 0.
    labels_ : (n,) int64
        Pre-cluster of each row; without pre-clusters the coarsest of `layers_`. Numbered in leaf order.
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
    metric_ : str
        The metric used.
    recall_ : float or None
        Measured share of the true neighbours that were found; None without neighbours.
    timings_ : dict
        Seconds a stage.
    n_features_in_ : int

    Raises
    ------
    ValueError
        For NaN or infinite values, fewer than two rows, fewer rows than clusters, options out of range.

    Notes
    -----
    The same rows and seed give the same tree on every processor, for any number of threads, memory layout and
    real dtype of the same values, and in whatever order the rows stand.

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
        metric: Metric | None = None,
        similarity: SimilarityName = "knn",
        balanced: bool | Literal["auto"] = "auto",
        search: bool = True,
        refine: bool = False,
        dim: int = 2,
        n_neighbors: int = N_NEIGHBORS,
        recall: float = DEFAULT_RECALL,
        temperature: float = 0.1,
        n_init: int | Literal["auto"] = "auto",
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
        progress: Callable[[str, float], None] | None = None,
    ) -> None:
        self.n_clusters = n_clusters  # type: ignore[assignment]
        self.metric = metric
        self.similarity = similarity
        self.balanced = balanced
        self.search = search
        self.refine = refine
        self.dim = dim
        self.n_neighbors = n_neighbors
        self.recall = recall
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
            Any real dtype. Under "cosine" a row of zeros has cosine 0 with all others. Kept by reference for
            `predict` and `insert`.
        y : ignored
        """
        X = validate_data(
            self, as_array(X), accept_sparse="csr", dtype="numeric", ensure_min_samples=2, copy=False
        )
        self._check_options(X.shape[0])
        self._seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.timings_: dict[str, float] = {}
        with _Stage(self, "similarity"):
            self._compare(X)
            guide = self._guide()
        m = len(guide.rows)
        k = self._n_preclusters(m)
        if k is None:
            self._parts = None
            with _Stage(self, "tree"):
                self._items = self._weights.items()
                self._top = self._solve(self._items, guide.items() if self._is_graph else None)
        else:
            with _Stage(self, "pre-clusters"):
                from hyperclade.hierarchy.precluster import precluster

                found = precluster(
                    guide.rows,
                    k,
                    balanced=self.n_clusters != "auto" if self.balanced == "auto" else bool(self.balanced),
                    random_state=self._seed,
                    device=device_of(self.device),
                    progress=lambda done: self._report("pre-clusters", done),
                )
                # Without balance a pre-cluster may end up empty.
                used, labels = np.unique(found.labels, return_inverse=True)
                self._parts = _parts(labels, len(used))
            with _Stage(self, "tree"):
                self._items = self._weights.groups(labels, len(used))
                start = guide.groups(labels, len(used)) if self._is_graph else None
                self._top = self._solve(self._items, start)
            with _Stage(self, "leaves"):
                self._subtrees = self._solve_parts(guide)
        with _Stage(self, "layout"):
            self._finish()
            self._set_own_labels()
            self._label_nodes()
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

    def predict(self, X: Any, k: int | None = None) -> IntArray:
        """Label of each new row, `(b,) int64`: that of the place where it makes the tree cheapest.

        A row equal to a fitted one has its place. With k the labels are those of `cut(k)`.
        """
        X = self._checked(X)
        return self._labels(k)[self._leaves(self._places(X))]

    def assign(self, X: Any, k: int | None = None) -> Assignment:
        """Labels of new rows as `predict` gives them, how sure they are, and which rows are out of place."""
        X = self._checked(X)
        leaf, own = self._leaves(self._places(X)), self._labels(k)
        labels = own[leaf]
        index, reach = self._nearby
        found, distance = index.of(index.rows.of(X), min(self.n_neighbors, len(index.rows)))
        near = self._distinct.first[np.maximum(found, 0)]
        weight = self._rank_weights(np.where(found >= 0, self._distinct.sizes[np.maximum(found, 0)], 0))
        confidence = (weight * (own[near] == labels[:, None])).sum(axis=1) / weight.sum(axis=1)
        return Assignment(labels, confidence, distance[:, -1] > reach, near[:, 0], leaf)

    def transform(self, X: Any) -> FloatArray:
        """New rows in the ball, `(b, dim) float64`: on the leaves' radius, where they belong in the tree."""
        points = self.node_embedding_[self._places(self._checked(X))]
        radius = np.linalg.norm(self.embedding_[0])
        norms = np.linalg.norm(points, axis=1, keepdims=True)
        # The root of two opposite halves lies at the origin, and has no direction.
        directions = np.where(norms > 0, points / np.where(norms > 0, norms, 1), self.embedding_[:1] / radius)
        return directions * radius

    def insert(self, X: Any, *, settle: bool = True) -> Self:
        """Add new rows to the tree, each where it costs least; leaves n, n+1, … of `tree_`.

        Rows already there keep their labels. The similarity is that of all rows together, as a new fit would
        have it, and `cost_` is exact.

        Parameters
        ----------
        X : (b, d) array, memory map, torch tensor or CSR matrix
        settle : bool
            Whether rows already there may move where that makes the tree cheaper, as new neighbours change
            who is near whom. False: they keep their places relative to one another.
        """
        X = self._checked(X)
        leaf = self._leaves(self._places(X))
        labels = np.r_[self.labels_, self.labels_[leaf]]
        before = self._distinct
        stack = scipy.sparse.vstack if scipy.sparse.issparse(X) else np.vstack
        self._compare(stack([self._X, X]))
        now = self._distinct
        old = now.item_of[before.first]  # what the items are called now
        is_new = np.ones(len(now), dtype=bool)
        is_new[old] = False
        added = np.flatnonzero(is_new)
        if self._parts is None:
            self._items = self._weights.items()
            self._top = with_leaves(self._top, self._items, old, added, settle=settle)
        else:
            # The part that holds the place of an added item, or of the first of the rows equal to it.
            part = self._part_of_item[before.item_of[leaf[now.first[added] - len(before.item_of)]]]
            for k, own in enumerate(self._parts):
                more = added[part == k]
                rows = np.r_[old[own], more]
                if len(more):
                    self._subtrees[k] = with_leaves(
                        self._subtrees[k],
                        self._weights.items(rows),
                        np.arange(len(own)),
                        np.arange(len(own), len(rows)),
                        settle=settle,
                    )
                self._parts[k] = rows
            self._items = self._weights.groups(self._part_of_item, len(self._parts))
            if settle:
                self._top = improve(self._top, self._items)
        self.__dict__.pop("_nearby_", None)
        self._finish()
        self.labels_ = labels
        self._label_nodes()
        return self

    def save(self, folder: str | Path) -> None:
        """Write the fitted model to a new folder, as arrays and JSON; `load` reads it."""
        from hyperclade.hierarchy.saved import save

        check_is_fitted(self)
        save(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> SHHC:
        """The model that `save` wrote to a folder."""
        from hyperclade.hierarchy.saved import load

        return load(cls, Path(folder))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @property
    def _is_graph(self) -> bool:
        return isinstance(self._weights, GraphSimilarity)

    def _check_options(self, n: int) -> None:
        k: Any = self.n_clusters
        if k is not None and k != "auto" and not (isinstance(k, Integral) and 1 <= int(k) <= n):
            raise ValueError(f'n_clusters={k!r} must be "auto", None or from 1 to the n_samples={n} rows')
        if self.metric is not None and self.metric not in METRICS:
            raise ValueError(f"metric must be one of {', '.join(METRICS)}, got {self.metric!r}")
        if self.dim < 2:
            raise ValueError(f"dim must be at least 2, got {self.dim}")
        if self.n_init != "auto" and self.n_init < 1:
            raise ValueError(f'n_init must be "auto" or at least 1, got {self.n_init}')
        if self.device not in ("auto", "cpu"):  # those need no torch until there are pre-clusters
            device_of(self.device)

    def _n_preclusters(self, m: int) -> int | None:
        """Of m distinct rows."""
        if self.n_clusters == "auto":
            return None if m <= _FULL_RESOLUTION else m // _ROWS_PER_CLUSTER
        return None if self.n_clusters is None else min(int(self.n_clusters), m)

    def _compare(self, X: Any, graph: GraphSimilarity | None = None) -> None:
        """The similarity of the rows of X, or a graph over them that is known already."""
        own = {"cosine": "cosine", "euclidean": "euclidean"}.get(self.similarity, self.metric)
        self.metric_: Metric = self.metric or own or "euclidean"  # type: ignore[assignment]
        self._X = X
        self._weights: AnySimilarity = graph or similarity_of(
            X,
            self.similarity,
            metric=self.metric_,
            n_neighbors=self.n_neighbors,
            temperature=self.temperature,
            recall=self.recall,
            random_state=self._seed,
            progress=lambda done: self._report("similarity", done),
        )
        self._distinct = self._weights.distinct
        self.recall_ = self._weights.index.recall_ if self._weights.index is not None else None

    def _guide(self) -> FeatureSimilarity:
        """Directions of the items' rows, from which trees start."""
        rows = self._weights.rows
        if rows.metric != self.metric_:
            rows = Rows(self._X, self.metric_).at(self._distinct.first)
        return FeatureSimilarity.over(rows, self._distinct)

    def _solve(self, items: Similarity, start: Similarity | None) -> IntArray:
        """Tree of lowest cost found over the items; `start` gives the features to bisect on."""
        features = start or items
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
                bisect(features, seed=self._seed % 2**30 + i),
                items,
                tolerance=tolerance,
                after_pass=after_pass,
            )
            return merge_cost(merges, items), merges

        cost, merges = min(in_threads(attempt, n_init), key=lambda found: found[0])
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
            items, start=start, random_state=self.random_state, device=device_of(self.device)
        )
        return found.merges

    def _solve_parts(self, guide: FeatureSimilarity) -> list[IntArray]:
        assert self._parts is not None
        parts = self._parts
        done = [0]

        def solve(k: int, check: Callable[[], None]) -> IntArray:
            check()
            items = self._weights.items(parts[k])
            features = guide.items(parts[k]) if self._is_graph else items
            merges = bisect(features, seed=(self._seed + k) % 2**30)
            if self.search:
                merges = improve(merges, items, max_passes=4, tolerance=1e-4)
            done[0] += 1
            if done[0] % 16 == 0:
                self._report("leaves", done[0] / len(parts))
            return merges

        return in_threads(solve, len(parts))

    def _finish(self) -> None:
        """Everything that follows from the merges: the tree over all rows, its layout, its cost."""
        cross = [merge_costs(self._top, self._items)[1]]
        if self._parts is not None:
            cross = [
                merge_costs(merges, self._weights.items(rows))[1]
                for merges, rows in zip(self._subtrees, self._parts, strict=True)
            ] + cross
        least = 0.25 if self._is_graph else 1e-9
        self._composed: Composed = compose(
            self._top,
            self._parts,
            None if self._parts is None else self._subtrees,
            np.concatenate(cross),
            self._distinct,
            least=least,
            peak=self._items.peak,
        )
        self.tree_ = self._composed.tree
        self.node_embedding_ = ball_layout(self.tree_, self.dim)
        self.embedding_ = self.node_embedding_[: self.tree_.n_leaves]
        self.cost_ = dasgupta_cost(self.tree_, None, self._weights)

    def _set_own_labels(self) -> None:
        """Pre-clusters, or the coarsest layer, numbered in leaf order."""
        if self._parts is None:
            self.labels_ = self.layers_[0]
            return
        part = self._part_of_item[self._distinct.item_of]
        in_order = part[self.tree_.leaf_order]
        number = np.empty(len(self._parts), dtype=np.int64)
        number[in_order[np.flatnonzero(np.diff(in_order, prepend=-1))]] = np.arange(len(self._parts))
        self.labels_ = number[part]

    def _label_nodes(self) -> None:
        self.n_clusters_ = int(self.labels_.max()) + 1
        self.cluster_embedding_ = self.node_embedding_[
            _cluster_roots(self.tree_, self.labels_, self.n_clusters_)
        ]

    @property
    def _part_of_item(self) -> IntArray:
        assert self._parts is not None
        part = np.empty(sum(map(len, self._parts)), dtype=np.int64)
        for k, rows in enumerate(self._parts):
            part[rows] = k
        return part

    def _set_parts(self, part_of_item: IntArray, subtrees: IntArray) -> None:
        """Parts and the trees inside them, from the part of each item and all merges one after another."""
        self._parts = _parts(part_of_item, int(part_of_item.max()) + 1)
        self._subtrees = np.split(subtrees, np.cumsum([len(rows) - 1 for rows in self._parts])[:-1])

    def _checked(self, X: Any) -> Any:
        check_is_fitted(self)
        X = validate_data(self, as_array(X), accept_sparse="csr", dtype="numeric", reset=False)
        if scipy.sparse.issparse(self._X):
            return scipy.sparse.csr_matrix(X)
        return X.toarray() if scipy.sparse.issparse(X) else X

    def _labels(self, k: int | None) -> IntArray:
        return self.labels_ if k is None else self.cut(k)

    def _leaves(self, nodes: IntArray) -> IntArray:
        """The leaf under each node that is reached by always taking the larger child."""
        rows = np.arange(self.tree_.n_leaves)
        return _larger_side(self.tree_.parent, self.tree_.size, rows)[nodes]

    def _places(self, X: Any) -> IntArray:
        """Node of `tree_` above which each new row makes the tree over the items cheapest.

        Of a row equal to a fitted one it is the leaf of that.
        """
        weights = self._weights
        if isinstance(weights, GraphSimilarity):
            ties = weights.ties(X, self.n_neighbors)
            if self._parts is not None:
                part = self._part_of_item
                pick = (np.ones(len(part), np.float32), (np.arange(len(part)), part))
                ties = (ties @ scipy.sparse.csr_matrix(pick, shape=(len(part), len(self._parts)))).tocsr()
            offsets, features = np.zeros(X.shape[0]), np.zeros((X.shape[0], 0), np.int32)
            if weights.dense is not None:
                offsets, features = weights.dense.of(X)
                offsets = offsets * weights.dense_weight
        else:
            (offsets, features), ties = weights.of(X), _NO_EDGES
        places = self._composed.item_node[best_grafts(self._top, self._items, offsets, features, ties)]
        twin = self._distinct.find(Rows(X))
        return np.where(twin >= 0, self._distinct.first[np.maximum(twin, 0)], places)

    def _rank_weights(self, sizes: IntArray) -> FloatArray:
        """What items of so many rows `(b, m)`, nearest first, weigh: the row of rank r < k ``1 − r/k``."""
        k = min(self.n_neighbors, len(self._distinct.item_of))
        last = np.minimum(np.cumsum(sizes, axis=1), k)
        up_to = last - last * (last - 1) / (2 * k)
        return np.diff(up_to, axis=1, prepend=0)

    @property
    def _nearby(self) -> tuple[NeighbourIndex, float]:
        """Index of the items, and the squared distance of the farthest neighbour that most of them have."""
        if "_nearby_" not in self.__dict__:
            if isinstance(self._weights, GraphSimilarity):
                index, distances = self._weights.index, self._weights.distances
            else:
                index = NeighbourIndex(self._guide().rows, recall=self.recall, random_state=self._seed)
                distances = index.own(max(min(self.n_neighbors, len(index.rows) - 1), 0))[1]
            assert index is not None and distances is not None
            farthest = distances[:, -1] if distances.shape[1] else np.zeros(1)
            self._nearby_ = index, float(np.quantile(farthest, _ORDINARY))
        return self._nearby_

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


def _parts(labels: IntArray, k: int) -> list[IntArray]:
    """Rows of each label, ascending."""
    return np.split(np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels, minlength=k))[:-1])


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

"""sHHC: a hierarchy over every row in two stages, pre-clusters and a tree over them (sHHC §3)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from numbers import Integral
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import scipy.sparse
from sklearn.base import TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from hyperclade.environment import FloatArray, IntArray, device_of
from hyperclade.hierarchy import saved
from hyperclade.hierarchy.bisection import bisect
from hyperclade.hierarchy.composition import Nested, compose, larger_side
from hyperclade.hierarchy.cost import node_costs, normalised_score
from hyperclade.hierarchy.insertion import Assignment, Neighbourhood, best_nodes, with_rows
from hyperclade.hierarchy.linkage import TreeEstimator
from hyperclade.hierarchy.neighbours import DEFAULT_RECALL, NeighbourIndex
from hyperclade.hierarchy.rows import METRICS, Metric, Rows, as_array, rows_by_label
from hyperclade.hierarchy.search import improve, merge_cost
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
from hyperclade.progress import timed
from hyperclade.trees.layout import ball_layout
from hyperclade.trees.tree import Tree

_FULL_RESOLUTION = 100_000  # distinct rows up to which "auto" gives each its own leaf from the start
_THOROUGH = 5_000  # items up to which the search runs to the end, from several starts
_ROWS_PER_CLUSTER = 200  # of the pre-clusters that "auto" makes above that


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
    node_costs_ : (m - n,) float64
        What each inner node pays of that cost.
    n_clusters_ : int
        Number of labels.
    metric_ : str
        The metric used.
    recall_ : float or None
        Measured share of the true neighbours that were found; None without neighbours.
    timings_ : dict
        Seconds per stage.
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
        with timed(self.timings_, "similarity", self.progress):
            self._compare(X)
            guide = self._guide()
        m = len(guide.rows)
        k = self._n_preclusters(m)
        if k is None:
            with timed(self.timings_, "tree", self.progress):
                self._items = self._weights.items()
                self._nested = Nested(self._solve(self._items, guide.items() if self._is_graph else None))
        else:
            with timed(self.timings_, "pre-clusters", self.progress):
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
                parts = rows_by_label(labels, len(used))
            with timed(self.timings_, "tree", self.progress):
                self._items = self._weights.groups(labels, len(used))
                start = guide.groups(labels, len(used)) if self._is_graph else None
                top = self._solve(self._items, start)
            with timed(self.timings_, "leaves", self.progress):
                self._nested = Nested(top, parts, self._solve_parts(parts, guide))
        with timed(self.timings_, "layout", self.progress):
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
    def n_distinct_(self) -> int:
        """How many different rows there are; equal ones are never told apart."""
        check_is_fitted(self)
        return len(self._distinct)

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
        return self._neighbourhood.assignment(X, self._leaves(self._places(X)), self._labels(k))

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
        self._nested, self._items = with_rows(self._nested, self._weights, before, leaf, settle=settle)
        self._finish()
        self.labels_ = labels
        self._label_nodes()
        return self

    def save(self, folder: str | Path) -> None:
        """Write the fitted model to a new folder, as arrays and JSON; `load` reads it."""
        check_is_fitted(self)
        arrays: dict[str, Any] = {"labels": self.labels_, "top": self._nested.top}
        if self._nested.parts is not None:
            arrays["part_of_item"] = self._nested.part_of_item
            arrays["subtrees"] = np.concatenate(self._nested.subtrees).reshape(-1, 2)
        header = {
            "parameters": self.get_params() | {"random_state": None, "progress": None},
            "seed": self._seed,
            "recall": self.recall_,
            "metric": self.metric_,
            "seconds": self.timings_,
            "names": getattr(self, "feature_names_in_", np.empty(0)).tolist(),
        }
        saved.save(Path(folder), self._X, self._weights, header, arrays)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """The model that `save` wrote to a folder."""
        return saved.load(Path(folder), cls._restored)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @classmethod
    def _restored(cls, header: dict[str, Any], X: Any, arrays: saved.Arrays) -> Self:
        model = cls(**header["parameters"])
        model._seed, model.timings_ = header["seed"], header["seconds"]
        model.n_features_in_ = X.shape[1]
        if header["names"]:
            model.feature_names_in_ = np.array(header["names"], dtype=object)
        model._compare(X, saved.graph_of(X, header, arrays) if model.similarity == "knn" else None)
        model._nested = Nested(arrays["top"])
        if "part_of_item" in arrays:
            part = arrays["part_of_item"]
            parts = rows_by_label(part, int(part.max()) + 1)
            ends = np.cumsum([len(rows) - 1 for rows in parts])[:-1]
            model._nested = Nested(arrays["top"], parts, np.split(arrays["subtrees"], ends))
        model._items = model._nested.items(model._weights)
        model._finish()
        model.labels_ = arrays["labels"]
        model._label_nodes()
        return model

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
        self.__dict__.pop("_neighbourhood", None)
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

    def _solve_parts(self, parts: list[IntArray], guide: FeatureSimilarity) -> list[IntArray]:
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
        self._composed = compose(self._nested, self._items, self._weights)
        self.tree_ = self._composed.tree
        self.node_embedding_ = ball_layout(self.tree_, self.dim)
        self.embedding_ = self.node_embedding_[: self.tree_.n_leaves]
        self.node_costs_ = node_costs(self.tree_, None, self._weights)
        self.cost_ = float(self.node_costs_.sum())

    def _set_own_labels(self) -> None:
        """Pre-clusters, or the coarsest layer, numbered in leaf order."""
        if self._nested.parts is None:
            self.labels_ = self.layers_[0]
            return
        part = self._nested.part_of_item[self._distinct.item_of]
        in_order = part[self.tree_.leaf_order]
        number = np.empty(len(self._nested.parts), dtype=np.int64)
        number[in_order[np.flatnonzero(np.diff(in_order, prepend=-1))]] = np.arange(len(number))
        self.labels_ = number[part]

    def _label_nodes(self) -> None:
        self.n_clusters_ = int(self.labels_.max()) + 1
        self.cluster_embedding_ = self.node_embedding_[self.tree_.nodes_of(self.labels_)]

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
        return larger_side(self.tree_.parent, self.tree_.size, self.tree_.n_leaves)[nodes]

    def _places(self, X: Any) -> IntArray:
        """Node of `tree_` above which each new row makes the tree over the items cheapest.

        Of a row equal to a fitted one it is the leaf of that.
        """
        nodes = best_nodes(X, self._nested, self._items, self._weights, self.n_neighbors)
        places = self._composed.item_node[nodes]
        twin = self._distinct.find(Rows(X))
        return np.where(twin >= 0, self._distinct.first[np.maximum(twin, 0)], places)

    @cached_property
    def _neighbourhood(self) -> Neighbourhood:
        if isinstance(self._weights, GraphSimilarity):
            index, distances = self._weights.index, self._weights.distances
        else:
            index = NeighbourIndex(self._guide().rows, recall=self.recall, random_state=self._seed)
            distances = index.own(max(min(self.n_neighbors, len(index.rows) - 1), 0))[1]
        assert index is not None and distances is not None
        return Neighbourhood(index, distances, self._distinct, self.n_neighbors)

    def _report(self, stage: str, fraction: float) -> None:
        if self.progress is not None:
            self.progress(stage, fraction)

"""What estimators of trees share, and agglomerative linkage (fastcluster) as the baseline among them."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Self

import fastcluster
import numpy as np
from scipy.spatial.distance import pdist
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from hyperclade.environment import FloatArray, IntArray
from hyperclade.hierarchy.cost import dasgupta_cost
from hyperclade.hierarchy.rows import Rows
from hyperclade.trees.tree import Tree

_METHODS = ("average", "single", "complete", "weighted", "ward")
_METRICS = ("cosine", "euclidean")


class TreeEstimator(ClusterMixin, BaseEstimator):
    """What estimators with a `tree_` over the rows share: flat cuts, labels, exact cost.

    >>> sorted(set(Linkage().fit([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]).cut(2).tolist()))
    [0, 1]
    """

    n_clusters: int | None
    tree_: Tree

    def cut(self, k: int) -> IntArray:
        """Labels `(n,)` of the k clusters got by merging to parents from the leaves, 1 ≤ k ≤ n."""
        check_is_fitted(self, "tree_")
        return self.tree_.cut(k)

    def _check_n_clusters(self, n: int) -> None:
        k = self.n_clusters
        if k is None:
            return
        if not isinstance(k, Integral) or not 1 <= k <= n:
            raise ValueError(f"n_clusters={k!r} must be a whole number from 1 to the n_samples={n} rows")

    def _set_labels(self) -> Self:
        self.labels_ = self.tree_.layers()[0] if self.n_clusters is None else self.cut(self.n_clusters)
        return self


class Linkage(TreeEstimator):
    """Classic agglomerative linkage as an estimator, on fastcluster.

    Parameters
    ----------
    method : {"average", "single", "complete", "weighted", "ward"}
        The distance of two clusters: mean, smallest, largest, mean of the two merged parts', or the growth
        of the within-cluster sum of squares (Ward; under cosine that of the L2-normalised rows).
    metric : {"cosine", "euclidean"}
    n_clusters : int, optional
        Number of flat clusters for `labels_`; None: the tree's coarsest layer (`Tree.layers`).

    Attributes
    ----------
    tree_ : Tree
        Heights are the merge distances.
    cost_ : float
        Exact Dasgupta cost for the similarity (1 + cos)/2, whatever the metric.
    labels_ : (n,) int64
    n_features_in_ : int

    Raises
    ------
    ValueError
        Unknown option, NaN or infinity, no rows, or n_clusters out of range.

    Notes
    -----
    Ward and euclidean single linkage need O(n d) memory, the others the n(n−1)/2 distances. A row of zeros
    has cosine 0 with every row.

    Examples
    --------
    >>> model = Linkage("average", n_clusters=2).fit([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
    >>> bool(model.labels_[0] == model.labels_[1] != model.labels_[2])
    True
    """

    def __init__(
        self, method: str = "average", metric: str = "cosine", n_clusters: int | None = None
    ) -> None:
        self.method = method
        self.metric = metric
        self.n_clusters = n_clusters

    def fit(self, X: Any, y: object = None) -> Self:
        """Build the tree over the rows of X `(n, d)`; y is ignored."""
        if self.method not in _METHODS:
            raise ValueError(f"method={self.method!r} is not one of {', '.join(_METHODS)}")
        if self.metric not in _METRICS:
            raise ValueError(f"metric={self.metric!r} is not one of {', '.join(_METRICS)}")
        X = validate_data(self, X, dtype=np.float64)
        self._check_n_clusters(len(X))
        cosine = self.metric == "cosine"
        rows = Rows(X).read(slice(None), np.float64) if cosine else X
        self.tree_ = _link(rows, self.method, cosine)
        self.cost_ = dasgupta_cost(self.tree_, X)
        return self._set_labels()


def check_positive(name: str, value: object) -> None:
    """Raise ValueError unless the value of option `name` is a positive, finite number.

    >>> check_positive("temperature", 0.5)
    """
    if not isinstance(value, int | float | np.number) or not 0 < value < np.inf:
        raise ValueError(f"{name}={value!r} must be a positive number")


def _link(rows: FloatArray, method: str, cosine: bool) -> Tree:
    if len(rows) == 1:
        return Tree.from_merges(np.empty((0, 2), np.int64))
    if method == "ward" or (method == "single" and not cosine):
        merged = fastcluster.linkage_vector(rows, method)  # without n² distances
    else:
        distances = pdist(rows, "cosine" if cosine else "euclidean")
        distances[np.isnan(distances)] = 1  # the cosine with a row of zeros counts as 0
        merged = fastcluster.linkage(np.maximum(distances, 0), method, preserve_input=False)
    # Rounding can put a merge a hair below its children.
    return Tree.from_merges(merged[:, :2].astype(np.int64), np.maximum.accumulate(merged[:, 2]))

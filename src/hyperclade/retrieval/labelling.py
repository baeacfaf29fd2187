"""Labels without a teacher: levels of a hierarchy, k-means, nearest neighbours; and batches drawn by them."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from hyperclade.environment import IntArray
from hyperclade.progress import Progress
from hyperclade.retrieval.distances import Metric
from hyperclade.trees.tree import Tree

_BLOCK = 256  # rows at once
_SAME = 1e-12  # squared chord of rows that rounding alone tells apart
_KMEANS_STARTS, _KMEANS_STEPS = 3, 25


def hierarchy_levels(
    vectors: np.ndarray,
    metric: Metric,
    *,
    counts: Sequence[int] = (),
    thresholds: Sequence[float] | None = None,
    exact: int = 5000,
    random_state: int = 0,
    progress: Progress | None = None,
) -> IntArray:
    """Clusters of a hierarchy over embeddings at several levels, fine to coarse, `(L, n) int64` (UHML §3.3).

    Up to `exact` rows the hierarchy is average linkage on all distances (Eq. 3, by the distance of the ball
    where the paper writes the Euclidean norm), above it `SHHC` over the vectors, which for "hyperbolic" are
    tangent at the origin.

    Parameters
    ----------
    vectors : (n, d) float
        Before the exponential map.
    metric : Metric
    counts : sequence of int
        Clusters of each level; more than half the rows are cut down to that.
    thresholds : sequence of float, optional
        Distances to cut at instead, for average linkage alone.

    Raises
    ------
    ValueError
        Thresholds for more than `exact` rows, fewer than 4 rows.

    Examples
    --------
    >>> rows = np.array([[0.0, 1.0], [0.1, 1.0], [0.6, 1.0], [0.7, 1.0], [5.0, 0.0], [5.1, 0.0]])
    >>> hierarchy_levels(rows, Metric("euclidean"), counts=[3, 2]).tolist()
    [[0, 0, 1, 1, 2, 2], [0, 0, 0, 0, 1, 1]]
    """
    n = len(vectors)
    if n < 4:
        raise ValueError(f"{n} samples make no hierarchy of levels: at least 4 are needed")
    if thresholds is not None and n > exact:
        raise ValueError(
            f"thresholds cut the tree of average linkage, which is for up to {exact:,} samples, and these "
            f"are {n:,}: give labelling.counts"
        )
    tree = hierarchy_of(vectors, metric, exact=exact, random_state=random_state, progress=progress)
    if thresholds is None:
        return np.stack([tree.cut(min(k, n // 2)) for k in counts])
    return np.stack([tree.cut_height(height) for height in thresholds])


def hierarchy_of(
    vectors: np.ndarray,
    metric: Metric,
    *,
    exact: int = 5000,
    random_state: int = 0,
    progress: Progress | None = None,
) -> Tree:
    """The tree over embeddings `(n, d)` that `hierarchy_levels` cuts.

    >>> hierarchy_of(np.array([[0.0, 0.1], [0.0, 0.2], [3.0, 0.0]]), Metric("hyperbolic")).parent.tolist()
    [3, 3, 4, 4, -1]
    """
    if len(vectors) <= exact:
        return _average_linkage(np.asarray(vectors, dtype=np.float64), metric)
    from hyperclade.hierarchy.shhc import SHHC

    kind: Literal["cosine", "euclidean"] = "cosine" if metric.name == "cosine" else "euclidean"
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    return SHHC(metric=kind, random_state=random_state, progress=progress).fit(rows).tree_


def kmeans_clusters(vectors: np.ndarray, n_clusters: int, *, random_state: int = 0) -> IntArray:
    """Clusters `(n,) int64` of vectors `(n, d)` by k-means, the best of three starts.

    >>> found = kmeans_clusters(np.array([[0.0], [0.1], [5.0], [5.1]]), 2)
    >>> bool(found[0] == found[1] != found[2] == found[3])
    True
    """
    from sklearn.cluster import KMeans

    rows = np.ascontiguousarray(vectors, dtype=np.float64)
    rows = rows - rows.mean(axis=0)
    model = KMeans(n_clusters, n_init=_KMEANS_STARTS, max_iter=_KMEANS_STEPS, random_state=random_state)
    return model.fit_predict(rows).astype(np.int64)


def grouped_rows(groups: IntArray, n_groups: int, instances: int, rng: np.random.Generator) -> IntArray:
    """Rows of a batch: of some groups, drawn by their sizes, so many instances each, `(p · m,) int64`.

    A group of fewer members gives each of them as often, but for one more or less. Where there are fewer
    groups, all of them are drawn.

    Parameters
    ----------
    groups : (n,) int64
        Group of each row.
    n_groups, instances : int
        p and m.

    Examples
    --------
    >>> rows = grouped_rows(np.array([0, 0, 1, 1, 1]), 2, 4, np.random.default_rng(0))
    >>> np.bincount(rows[:4]).tolist() in ([2, 2], [0, 0, 2, 1, 1], [0, 0, 1, 2, 1], [0, 0, 1, 1, 2])
    True
    """
    order = np.argsort(groups, kind="stable")
    sizes = np.bincount(groups)
    starts = np.cumsum(sizes) - sizes
    most = min(n_groups, int(np.count_nonzero(sizes)))
    drawn = rng.choice(len(sizes), most, replace=False, p=sizes / sizes.sum())
    return np.concatenate([order[starts[g] + _spread(int(sizes[g]), instances, rng)] for g in drawn])


def neighbour_rows(nearest: IntArray, n_groups: int, instances: int, rng: np.random.Generator) -> IntArray:
    """Rows of a batch: some at random and the nearest of each, `(p · m,) int64`, as STML draws them.

    Parameters
    ----------
    nearest : (n, k) int64
        Nearest other rows of each, k ≥ m − 1.
    n_groups, instances : int
        p and m.

    Examples
    --------
    >>> neighbour_rows(np.array([[1], [0], [1]]), 3, 2, np.random.default_rng(0)).shape
    (6,)
    """
    drawn = rng.choice(len(nearest), min(n_groups, len(nearest)), replace=False)
    return np.concatenate([drawn[:, None], nearest[drawn, : instances - 1]], axis=1).ravel()


def _average_linkage(vectors: np.ndarray, metric: Metric) -> Tree:
    """The tree of average linkage on all distances of the metric."""
    import fastcluster

    n = len(vectors)
    unit, length = vectors, np.zeros(n)
    if metric.name != "euclidean":
        length = np.sqrt(np.square(vectors).sum(axis=1))
        unit = vectors / np.where(length > 0, length, 1)[:, None]
    squares = np.square(unit).sum(axis=1)
    radius = 2 * np.sqrt(metric.c) * length
    condensed = np.empty(n * (n - 1) // 2)
    done = 0
    for start in range(0, n, _BLOCK):
        block = slice(start, min(start + _BLOCK, n))
        chord = squares[block, None] + squares - 2 * unit[block] @ unit.T
        chord = np.where(chord < _SAME, 0, chord)
        if metric.name == "euclidean":
            found = np.sqrt(chord)
        elif metric.name == "cosine":
            found = chord / 2
        else:
            apart = np.square(np.sinh((radius[block, None] - radius) / 2))
            turned = np.sinh(radius[block, None]) * np.sinh(radius) * chord / 4
            found = 2 / np.sqrt(metric.c) * np.arcsinh(np.sqrt(apart + turned))
        above = found[np.arange(n) > np.arange(block.start, block.stop)[:, None]]
        condensed[done : done + len(above)] = above
        done += len(above)
    merged = fastcluster.linkage(condensed, "average", preserve_input=False)
    # Rounding can put a merge a hair below its children.
    return Tree.from_merges(merged[:, :2].astype(np.int64), np.maximum.accumulate(merged[:, 2]))


def _spread(size: int, count: int, rng: np.random.Generator) -> IntArray:
    """So many of the numbers below `size`, each as often as the others, but for one."""
    rounds = -(-count // size)
    return np.concatenate([rng.permutation(size) for _ in range(rounds)])[:count]

"""How well scores for the nodes of a taxonomy rank the true ones, and how often they contradict it.

Scores are (n, m), higher = more likely, targets (n, m) bool, a row per sample and a column per node. All
functions raise `ValueError` for shapes that do not fit, scores that are NaN, and samples without a true node,
which have no average precision.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from hyperclade.trees.taxonomy import Taxonomy

_CELLS = 1 << 21  # of the temporary arrays in a block of samples


def mean_average_precision(scores: Any, targets: Any) -> float:
    """Average precision of each sample's ranking of the nodes, averaged over samples (MAP).

    The average precision of a ranking is Σ_k (R_k − R_{k−1}) P_k over its distinct scores, P_k and R_k the
    precision and recall of the nodes with at least the k-th score; equal scores count as one step, as in
    scikit-learn.

    >>> mean_average_precision([[0.9, 0.8, 0.1], [0.9, 0.8, 0.1]], [[1, 1, 0], [0, 1, 0]])  # (1 + 1/2) / 2
    0.75
    """
    return float(_average_precisions(*_scores_and_targets(scores, targets)).mean())


def micro_average_precision(scores: Any, targets: Any) -> float:
    """Average precision of one ranking of all cells, so that scores must be comparable between samples.

    C-HMCNN (NeurIPS 2020) reports this figure, HVSA and MBM that of `mean_average_precision`.

    >>> micro_average_precision([[0.9, 0.1], [0.8, 0.7]], [[True, False], [False, True]])  # (1 + 2/3) / 2
    0.8333333333333333
    """
    scores, targets = _scores_and_targets(scores, targets)
    return float(_average_precisions(scores.reshape(1, -1), targets.reshape(1, -1))[0])


def constraint_violation(scores: Any, taxonomy: "Taxonomy") -> float:
    """Share of edges whose parent scores less than its child, over all samples (CV; HVSA, Eq. 15).

    0 (coherent, as in a taxonomy without edges) … 1. Papers print it in percent.

    >>> from hyperclade.trees import Taxonomy
    >>> taxonomy = Taxonomy.from_paths(["animal/dog", "animal/cat"])
    >>> constraint_violation([[0.5, 0.9, 0.1]], taxonomy)
    0.5
    """
    return _violations(checked_scores(scores, taxonomy), *taxonomy.edges.T)


def constraint_violation_closure(scores: Any, taxonomy: "Taxonomy") -> float:
    """Share of pairs (ancestor, node) whose ancestor scores less, over all samples, as MBM's program counts.

    It differs from `constraint_violation` in two ways: pairs further apart than an edge count as well, and so
    does each node with itself, which never violates anything and lowers the figure. Published figures of MBM
    (ICLR 2022) and of those who compare with it can be of this kind.

    >>> from hyperclade.trees import Taxonomy
    >>> taxonomy = Taxonomy.from_paths(["animal/dog", "animal/cat"])
    >>> constraint_violation_closure([[0.5, 0.9, 0.1]], taxonomy)  # 1 of 2 edges and 3 nodes
    0.2
    """
    below, above = taxonomy.ancestor_matrix().nonzero()
    return _violations(checked_scores(scores, taxonomy), above, below)


def coherent_scores(scores: Any, taxonomy: "Taxonomy", how: Literal["min", "max"] = "min") -> np.ndarray:
    """Scores that no longer contradict the taxonomy: no node scores more than an ancestor (HVSA, Eq. 16).

    Parameters
    ----------
    scores : (n, m) floats
    how : {"min", "max"}
        "min" over the node and its ancestors (δ^m), or "max" over the node and its descendants (δ^M).

    Returns
    -------
    (n, m) array
        Of the dtype of the scores. Time O(n e) for e edges, no memory beyond copies of the scores.

    Examples
    --------
    >>> from hyperclade.trees import Taxonomy
    >>> taxonomy = Taxonomy.from_paths(["animal/dog", "animal/cat"])
    >>> coherent_scores([[0.5, 0.9, 0.1]], taxonomy).tolist()
    [[0.5, 0.5, 0.1]]
    >>> coherent_scores([[0.5, 0.9, 0.1]], taxonomy, "max").tolist()
    [[0.9, 0.9, 0.1]]
    """
    if how not in ("min", "max"):
        raise ValueError(f"how must be 'min' or 'max', got {how!r}")
    by_node = checked_scores(scores, taxonomy).T.copy()  # a node's scores side by side in memory
    downwards = taxonomy.edges[np.argsort(taxonomy.depth[taxonomy.edges[:, 1]], kind="stable")]
    if how == "min":
        for parent, child in downwards:
            np.minimum(by_node[child], by_node[parent], out=by_node[child])
    else:
        for parent, child in downwards[::-1]:
            np.maximum(by_node[parent], by_node[child], out=by_node[parent])
    return np.ascontiguousarray(by_node.T)


def coherent_mean_average_precision(scores: Any, targets: Any, taxonomy: "Taxonomy") -> dict[str, float]:
    """MAP after `coherent_scores` (CMAP), for each way and for the better one, which papers publish.

    >>> from hyperclade.trees import Taxonomy
    >>> taxonomy = Taxonomy.from_paths(["animal/dog", "rock"])
    >>> coherent_mean_average_precision([[0.1, 0.9, 0.5]], [[True, True, False]], taxonomy)
    {'min': 0.6666666666666666, 'max': 1.0, 'best': 1.0}
    """
    by_min = mean_average_precision(coherent_scores(scores, taxonomy, "min"), targets)
    by_max = mean_average_precision(coherent_scores(scores, taxonomy, "max"), targets)
    return {"min": by_min, "max": by_max, "best": max(by_min, by_max)}


def recognition_report(scores: Any, targets: Any, taxonomy: "Taxonomy") -> dict[str, float | int]:
    """Every measure of this module at once, all in 0 … 1, with the numbers of samples and nodes.

    >>> from hyperclade.trees import Taxonomy
    >>> taxonomy = Taxonomy.from_paths(["animal/dog", "rock"])
    >>> report = recognition_report([[0.1, 0.9, 0.5]], [[True, True, False]], taxonomy)
    >>> report["cv"], report["cmap"]
    (1.0, 1.0)
    """
    scores, targets = _scores_and_targets(checked_scores(scores, taxonomy), targets)
    coherent = coherent_mean_average_precision(scores, targets, taxonomy)
    return {
        "n_samples": scores.shape[0],
        "n_nodes": scores.shape[1],
        "map": mean_average_precision(scores, targets),
        "micro_ap": micro_average_precision(scores, targets),
        "cv": constraint_violation(scores, taxonomy),
        "cv_closure": constraint_violation_closure(scores, taxonomy),
        "cmap": coherent["best"],
        "cmap_min": coherent["min"],
        "cmap_max": coherent["max"],
    }


def checked_scores(scores: Any, taxonomy: "Taxonomy | None" = None) -> np.ndarray:
    """Scores as an array of floats (n, m), and a column for each node of the taxonomy, or ValueError."""
    array = np.asarray(scores)
    if array.dtype.kind != "f":
        array = array.astype(np.float64)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"scores must be (n samples, m nodes) and not empty, got shape {array.shape}")
    if taxonomy is not None and array.shape[1] != len(taxonomy):
        raise ValueError(f"scores have {array.shape[1]} columns for {len(taxonomy)} nodes: one per node")
    if (wrong := np.isnan(array).any(axis=1)).any():
        raise ValueError(f"scores are NaN for {wrong.sum()} samples (first: row {wrong.argmax()})")
    return array


def _average_precisions(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(n,) average precision of each row."""
    n, m = scores.shape
    position = np.arange(m)
    result = np.empty(n)
    for rows in _blocks(n, m):
        order = np.argsort(-scores[rows], axis=1, kind="stable")
        ranked = np.take_along_axis(scores[rows], order, axis=1)
        true = np.take_along_axis(targets[rows], order, axis=1)
        last = np.full(ranked.shape, m - 1)  # of the positions with the same score
        last[:, :-1] = np.where(ranked[:, :-1] != ranked[:, 1:], position[:-1], m - 1)
        last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
        precision = np.take_along_axis(np.cumsum(true, axis=1), last, axis=1) / (last + 1)
        result[rows] = (precision * true).sum(axis=1) / true.sum(axis=1)
    return result


def _violations(scores: np.ndarray, above: np.ndarray, below: np.ndarray) -> float:
    n, n_pairs = len(scores), len(above)
    count = sum(
        int(np.count_nonzero(scores[rows][:, above] < scores[rows][:, below])) for rows in _blocks(n, n_pairs)
    )
    return count / (n * max(n_pairs, 1))


def _blocks(n: int, width: int) -> Iterator[slice]:
    step = max(1, _CELLS // max(width, 1))
    return (slice(start, start + step) for start in range(0, n, step))


def _scores_and_targets(scores: Any, targets: Any) -> tuple[np.ndarray, np.ndarray]:
    array, true = checked_scores(scores), np.asarray(targets)
    if true.shape != array.shape:
        raise ValueError(f"targets must have the shape of the scores, {array.shape}, got {true.shape}")
    if true.dtype != bool and not np.isin(true, (0, 1)).all():
        raise ValueError("targets must be True or False (or 1 and 0)")
    true = true.astype(bool)
    if (without := ~true.any(axis=1)).any():
        raise ValueError(
            f"{without.sum()} samples have no true node (first: row {without.argmax()}); leave them out"
        )
    return array, true

"""How far from the truth a classifier's mistakes lead in a taxonomy (Bertinetto et al., CVPR 2020).

The distance between two nodes is the height of their lowest common ancestor, the number of edges from it down
to its deepest leaf: 0 for a leaf and itself, 1 for leaves whose parent has only leaves below it. Nodes that
have no ancestor in common meet above the highest root (`Taxonomy.lca_height_matrix`). Nodes are given by id.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperclade.metrics.multilabel import checked_scores

if TYPE_CHECKING:
    from hyperclade.trees.taxonomy import Taxonomy


def top1_error(predicted: Any, true: Any) -> float:
    """Share of samples whose predicted node is not the true one, given (n,) ids each.

    >>> top1_error([3, 1, 4, 1], [3, 1, 4, 2])
    0.25
    """
    predicted, true = _nodes(predicted, true)
    return float(np.mean(predicted[:, 0] != true))


def hierarchical_distance(predicted: Any, true: Any, taxonomy: "Taxonomy") -> float:
    """Height of the lowest common ancestor of predicted and true node, averaged over all samples.

    Parameters
    ----------
    predicted : (n,) node ids, or (n, k) for the k best of each sample, over which the average runs as well
        (average hierarchical distance @k).
    true : (n,) array-like
        Node ids.

    Examples
    --------
    >>> from hyperclade.trees import Taxonomy
    >>> taxonomy = Taxonomy.from_paths(["animal/dog", "animal/cat", "rock"])
    >>> hierarchical_distance([1, 1, 1, 1], [1, 1, 2, 3], taxonomy)  # (0 + 0 + 1 + 2) / 4
    0.75
    """
    return float(_distances(*_nodes(predicted, true, taxonomy), taxonomy).mean())


def mistake_distance(predicted: Any, true: Any, taxonomy: "Taxonomy") -> float:
    """Height of the lowest common ancestor of predicted and true node, averaged over mistakes only.

    Parameters
    ----------
    predicted, true : (n,) array-like
        Node ids.

    Returns
    -------
    float
        NaN if there is no mistake.

    Examples
    --------
    >>> from hyperclade.trees import Taxonomy
    >>> taxonomy = Taxonomy.from_paths(["animal/dog", "animal/cat", "rock"])
    >>> mistake_distance([1, 1, 1, 1], [1, 1, 2, 3], taxonomy)  # (1 + 2) / 2
    1.5
    """
    predicted, true = _nodes(predicted, true, taxonomy)
    return _mean_over(predicted[:, 0] != true, _distances(predicted, true, taxonomy)[:, 0])


def mistakes_report(
    scores: Any, true: Any, taxonomy: "Taxonomy", ks: Sequence[int] = (1, 5, 20)
) -> dict[str, float | int]:
    """Every measure of this module at once, for the leaves ranked by their scores.

    Parameters
    ----------
    scores : (n, m) array-like
        Scores of all nodes, of which those of the leaves count. The smaller id wins a tie.
    true : (n,) array-like
        Node ids.
    ks : sequence of int
        How many of the best leaves `hierarchical_distance` averages over, from 1; numbers beyond that of the
        leaves are left out.

    Examples
    --------
    >>> from hyperclade.trees import Taxonomy
    >>> taxonomy = Taxonomy.from_paths(["animal/dog", "animal/cat", "rock"])
    >>> mistakes_report([[0.0, 0.5, 0.3, 0.2], [0.0, 0.1, 0.2, 0.7]], [1, 1], taxonomy, ks=(1, 2))
    {'n_samples': 2, 'top1_error': 0.5, 'mistake_distance': 2.0, 'distance@1': 1.0, 'distance@2': 1.0}
    """
    if not ks or min(ks) < 1:
        raise ValueError(f"ks must be numbers of leaves from 1, got {tuple(ks)}")
    of_leaves = checked_scores(scores, taxonomy)[:, taxonomy.leaves]
    order = np.argsort(-of_leaves, axis=1, kind="stable")[:, : max(ks)]
    ranked, true = _nodes(taxonomy.leaves[order], true, taxonomy)
    distance, wrong = _distances(ranked, true, taxonomy), ranked[:, 0] != true
    report: dict[str, float | int] = {
        "n_samples": len(true),
        "top1_error": float(wrong.mean()),
        "mistake_distance": _mean_over(wrong, distance[:, 0]),
    }
    return report | {f"distance@{k}": float(distance[:, :k].mean()) for k in ks if k <= len(taxonomy.leaves)}


def _distances(predicted: np.ndarray, true: np.ndarray, taxonomy: "Taxonomy") -> np.ndarray:
    return taxonomy.lca_height_matrix()[predicted, true[:, None]]


def _mean_over(wrong: np.ndarray, distance: np.ndarray) -> float:
    return float(distance[wrong].mean()) if wrong.any() else float("nan")


def _nodes(predicted: Any, true: Any, taxonomy: "Taxonomy | None" = None) -> tuple[np.ndarray, np.ndarray]:
    """Predicted nodes as (n, k), true ones as (n,)."""
    predicted, true = np.asarray(predicted), np.asarray(true)
    if true.ndim != 1 or len(true) == 0:
        raise ValueError(f"true must hold a node per sample and not be empty, got shape {true.shape}")
    if predicted.ndim not in (1, 2) or len(predicted) != len(true) or predicted.size == 0:
        raise ValueError(
            f"predicted must hold one node (or k) for each of {len(true)} samples, got {predicted.shape}"
        )
    for name, nodes in (("predicted", predicted), ("true", true)):
        if nodes.dtype.kind not in "iu":
            raise ValueError(f"{name} must hold integer node ids, got {nodes.dtype}")
        wrong = nodes < 0 if taxonomy is None else (nodes < 0) | (nodes >= len(taxonomy))
        if wrong.any():
            row = int(np.argwhere(wrong)[0, 0])
            raise ValueError(f"{name}, row {row}: node {nodes[wrong][0]} is not in the taxonomy")
    return predicted.reshape(len(true), -1), true

"""Agreement of a flat clustering with reference labels.

All functions take `(labels_true, labels_pred)`, two sequences of n labels of any hashable kind, and raise
`ValueError` when they are empty, of unequal length or hold a missing label (None, NaN).
"""

from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, normalized_mutual_info_score

from hyperclade.metrics.labels import encode_labels


def nmi(labels_true: Any, labels_pred: Any) -> float:
    """Mutual information over the arithmetic mean of the two entropies: 0 (independent) … 1 (equal).

    >>> nmi(["a", "a", "b", "b"], [1, 1, 0, 0])
    1.0
    """
    true, pred = _encode(labels_true, labels_pred)
    return float(normalized_mutual_info_score(true, pred, average_method="arithmetic"))


def ami(labels_true: Any, labels_pred: Any) -> float:
    """Mutual information adjusted for chance (arithmetic mean): 1 for equal partitions, near 0 for random.

    >>> ami(["a", "a", "b", "b"], [1, 1, 0, 0])
    1.0
    """
    true, pred = _encode(labels_true, labels_pred)
    return float(adjusted_mutual_info_score(true, pred, average_method="arithmetic"))


def ari(labels_true: Any, labels_pred: Any) -> float:
    """Rand index adjusted for chance (Hubert & Arabie 1985): 1 for equal partitions, about 0 for random ones.

    >>> ari(["a", "a", "b", "b"], [1, 1, 0, 0])
    1.0
    """
    true, pred = _encode(labels_true, labels_pred)
    return float(adjusted_rand_score(true, pred))


def mean_purity(labels_true: Any, labels_pred: Any) -> float:
    """Share of the most frequent class in a cluster, averaged over clusters whatever their size (sHHC, §5).

    Small clusters weigh as much as large ones; `weighted_purity` counts samples instead.

    >>> mean_purity(["a", "a", "a", "b", "a", "b"], [0, 0, 0, 0, 1, 1])
    0.625
    """
    return _mean_purity(_contingency(*_encode(labels_true, labels_pred)))


def weighted_purity(labels_true: Any, labels_pred: Any) -> float:
    """Share of samples that belong to the most frequent class of their cluster.

    >>> weighted_purity(["a", "a", "a", "b", "c", "c"], [0, 0, 0, 0, 1, 1])  # 5 of 6
    0.8333333333333334
    """
    return _weighted_purity(_contingency(*_encode(labels_true, labels_pred)))


def cluster_entropy(labels_true: Any, labels_pred: Any) -> float:
    """Entropy of the classes in a cluster, in nats, averaged over clusters whatever their size (sHHC, §5).

    0 when every cluster holds one class; at most the log of the number of classes.

    >>> round(cluster_entropy(["a", "b", "c", "c"], [0, 0, 1, 1]), 4)  # (log 2 + 0) / 2
    0.3466
    """
    return _cluster_entropy(_contingency(*_encode(labels_true, labels_pred)))


def hungarian_accuracy(labels_true: Any, labels_pred: Any) -> float:
    """Share of samples that are right under the best one-to-one matching of clusters with classes.

    Clusters beyond the number of classes (or classes beyond the number of clusters) stay unmatched and count
    as wrong. Memory: a dense clusters × classes table.

    >>> hungarian_accuracy(["a", "a", "b", "b"], [1, 1, 0, 1])
    0.75
    """
    return _hungarian_accuracy(_contingency(*_encode(labels_true, labels_pred)))


def partition_report(labels_true: Any, labels_pred: Any) -> dict[str, float | int]:
    """Every measure of this module at once, with the numbers of samples, classes and clusters.

    >>> report = partition_report(["a", "a", "b", "b"], [1, 1, 0, 0])
    >>> report["n_clusters"], report["ari"], report["cluster_entropy"]
    (2, 1.0, 0.0)
    """
    true, pred = _encode(labels_true, labels_pred)
    table = _contingency(true, pred)
    return {
        "n_samples": len(true),
        "n_classes": table.shape[1],
        "n_clusters": table.shape[0],
        "nmi": nmi(true, pred),
        "ami": ami(true, pred),
        "ari": ari(true, pred),
        "mean_purity": _mean_purity(table),
        "weighted_purity": _weighted_purity(table),
        "cluster_entropy": _cluster_entropy(table),
        "hungarian_accuracy": _hungarian_accuracy(table),
    }


def _encode(labels_true: Any, labels_pred: Any) -> tuple[np.ndarray, np.ndarray]:
    (true, _), (pred, _) = encode_labels(labels_true), encode_labels(labels_pred)
    if len(true) != len(pred):
        raise ValueError(f"labels_true has {len(true)} labels, labels_pred {len(pred)}: one per sample")
    for name, codes in (("labels_true", true), ("labels_pred", pred)):
        if (codes < 0).any():
            raise ValueError(
                f"{name} lacks a label for {(codes < 0).sum()} samples (first: {codes.argmin()}); drop them"
            )
    return true, pred


def _contingency(true: np.ndarray, pred: np.ndarray) -> csr_array:
    """Counts, clusters × classes; sparse, because thousands of each meet in few cells."""
    return csr_array((np.ones(len(true), dtype=np.int64), (pred, true)))


def _mean_purity(table: csr_array) -> float:
    return float(np.mean(table.max(axis=1).toarray().ravel() / table.sum(axis=1)))


def _weighted_purity(table: csr_array) -> float:
    return float(table.max(axis=1).sum() / table.sum())


def _cluster_entropy(table: csr_array) -> float:
    cells = table.tocoo()
    share = cells.data / table.sum(axis=1)[cells.row]
    return float(-(share * np.log(share)).sum() / table.shape[0]) + 0.0  # + 0.0: never "-0.0"


def _hungarian_accuracy(table: csr_array) -> float:
    dense = table.toarray()
    clusters, classes = linear_sum_assignment(dense, maximize=True)
    return float(dense[clusters, classes].sum() / dense.sum())

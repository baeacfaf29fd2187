"""How good a ranking of neighbours is, by labels: Recall@K, R-precision, MAP@R.

Every sample is a query among all others. One whose class has no other member has nothing to find: it is no
query, but others may find it. Memory is that of the neighbours given.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperclade.environment import IntArray
from hyperclade.metrics.labels import encode_labels

_BLOCK = 1 << 22  # neighbours at once


def recall_at(neighbours: Any, labels: Any, ks: Sequence[int]) -> dict[int, float]:
    """Share of the queries that find their own class among the K nearest, for each K.

    Parameters
    ----------
    neighbours : (n, m) int
        Rows of the nearest others of each sample, nearest first; −1 where there is none.
    labels : (n,)
        Classes.
    ks : sequence of int
        K ≥ 1; one beyond the number of others counts all of them.

    Raises
    ------
    ValueError
        Fewer neighbours than a K asks for, no sample with another of its class.

    Examples
    --------
    >>> recall_at([[1, 2], [0, 2], [1, 0]], ["cat", "dog", "cat"], [1, 2])
    {1: 0.0, 2: 1.0}
    """
    found, codes, _, queries = _checked(neighbours, labels)
    needed = min(max(ks), len(codes) - 1)
    if min(ks) < 1 or found.shape[1] < needed:
        raise ValueError(f"Recall@{max(ks)} needs K ≥ 1 and {needed} neighbours, got {found.shape[1]}")
    hits = np.zeros(needed, dtype=np.int64)
    for rows, right in _blocks(found, codes, needed):
        first = np.where(right.any(axis=1), right.argmax(axis=1), needed)[queries[rows]]
        hits += np.bincount(first, minlength=needed + 1)[:needed]
    share = np.cumsum(hits) / queries.sum()
    return {k: float(share[min(k, needed) - 1]) for k in ks}


def r_precision(neighbours: Any, labels: Any) -> float:
    """Mean over queries of the share of their class among their R nearest, R the others of the class.

    Parameters are those of `recall_at`; as many neighbours as the largest R are needed.

    >>> r_precision([[1, 2], [0, 2], [1, 0]], ["cat", "dog", "cat"])
    0.0
    """
    return _at_r(neighbours, labels)[0]


def map_at_r(neighbours: Any, labels: Any) -> float:
    """MAP@R: mean over queries of 1/R Σ_{i ≤ R} [the i-th nearest is of the class] · precision@i.

    R is the number of others of the query's class. Musgrave et al., A Metric Learning Reality Check, 2020.
    Parameters are those of `recall_at`; as many neighbours as the largest R are needed.

    >>> map_at_r([[1, 2], [0, 2], [0, 1]], ["cat", "cat", "cat"])
    1.0
    """
    return _at_r(neighbours, labels)[1]


def neighbours_needed(labels: Any, ks: Sequence[int] = ()) -> int:
    """Neighbours of each sample that all figures of these labels need: the largest R, or K if that is more.

    >>> neighbours_needed(["cat", "cat", "cat", "dog"], [1])
    2
    """
    codes, n_classes = encode_labels(labels)
    largest = int(np.bincount(codes, minlength=n_classes).max())
    return max(largest - 1, min(max(ks, default=1), len(codes) - 1))


def retrieval_report(neighbours: Any, labels: Any, ks: Sequence[int] = (1, 2, 4, 8)) -> dict[str, Any]:
    """Recall at several K ("recall_at_1"), "r_precision" and "map_at_r", and how many queries there are.

    The last two are None where fewer neighbours are given than the largest class has others. "n_alone" counts
    samples whose class has no other member.

    >>> report = retrieval_report([[1, 2], [0, 2], [1, 0]], ["cat", "cat", "dog"], ks=[1])
    >>> report["n_queries"], report["n_alone"], report["recall_at_1"], report["map_at_r"]
    (2, 1, 1.0, 1.0)
    """
    found, codes, others, queries = _checked(neighbours, labels)
    report: dict[str, Any] = {
        "n_queries": int(queries.sum()),
        "n_alone": int((~queries).sum()),
        "n_classes": int(codes.max()) + 1,
    }
    report |= {f"recall_at_{k}": value for k, value in recall_at(found, labels, ks).items()}
    enough = found.shape[1] >= others.max()
    precision, mean_average = _at_r(found, labels) if enough else (None, None)
    return report | {"r_precision": precision, "map_at_r": mean_average}


def _at_r(neighbours: Any, labels: Any) -> tuple[float, float]:
    """R-precision and MAP@R."""
    found, codes, others, queries = _checked(neighbours, labels)
    most = int(others.max())
    if found.shape[1] < most:
        raise ValueError(f"the largest class needs {most} neighbours of each sample, got {found.shape[1]}")
    precision = mean_average = 0.0
    place = np.arange(1, most + 1)
    for rows, right in _blocks(found, codes, most):
        r = others[rows][:, None]
        relevant = right & (place <= r)
        so_far = np.cumsum(relevant, axis=1) / place
        size = np.maximum(r[:, 0], 1)
        precision += float((relevant.sum(axis=1) / size)[queries[rows]].sum())
        mean_average += float(((so_far * relevant).sum(axis=1) / size)[queries[rows]].sum())
    n = float(queries.sum())
    return precision / n, mean_average / n


def _checked(neighbours: Any, labels: Any) -> tuple[IntArray, IntArray, IntArray, NDArray[np.bool_]]:
    """Neighbours, codes of the classes, other members of each sample's class, and who is a query."""
    found = np.asarray(neighbours)
    codes, n_classes = encode_labels(labels)
    if found.ndim != 2 or len(found) != len(codes) or found.dtype.kind not in "iu":
        raise ValueError(f"need rows of neighbours for each of {len(codes)} labels, got {found.shape}")
    if (codes < 0).any():
        raise ValueError(f"{(codes < 0).sum()} samples lack a label (first: {codes.argmin()}); drop them")
    if found.size and not (found.min() >= -1 and found.max() < len(codes)):
        raise ValueError(f"neighbours must be rows 0 … {len(codes) - 1}, or −1 for none")
    others = np.bincount(codes, minlength=n_classes)[codes] - 1
    if not others.any():
        raise ValueError("no class has two samples, so there is nothing to find")
    return found, codes, others, others > 0


def _blocks(found: IntArray, codes: IntArray, width: int) -> Any:
    """Slices of the rows, and which of their first neighbours are of their class."""
    size = max(1, _BLOCK // max(width, 1))
    for start in range(0, len(found), size):
        rows = slice(start, min(start + size, len(found)))
        near = found[rows, :width]
        yield rows, (codes[near] == codes[rows, None]) & (near >= 0)

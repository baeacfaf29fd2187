"""Intersection over union of segmentations: of classes, of every level above them, of matched clusters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import linear_sum_assignment

if TYPE_CHECKING:
    from hyperclade.trees.taxonomy import Taxonomy

_PIXELS = 1 << 20  # in a block, which bincount turns to int64


class PixelConfusion:
    """Counts of pixels by true and predicted class, or cluster, gathered mask by mask.

    Parameters
    ----------
    n_classes : int
    n_clusters : int, optional
        What is predicted are so many clusters; default: the classes.

    Attributes
    ----------
    counts : (k, c) int64
        Row = true class, column = prediction. The counts of several machines may be added.

    Examples
    --------
    >>> confusion = PixelConfusion(2)
    >>> confusion.update([[0, 1], [1, 1]], [[0, 0], [1, 255]])
    >>> confusion.counts.tolist()
    [[1, 1], [0, 1]]
    """

    def __init__(self, n_classes: int, n_clusters: int | None = None) -> None:
        n_clusters = n_classes if n_clusters is None else n_clusters
        if min(n_classes, n_clusters) < 1:
            raise ValueError(f"n_classes and n_clusters must be at least 1, got {n_classes}, {n_clusters}")
        self.counts = np.zeros((n_classes, n_clusters), dtype=np.int64)

    def update(self, predicted: Any, true: Any, void: int = 255) -> None:
        """Count the pixels of masks.

        Parameters
        ----------
        predicted, true
            Integer indices of classes, or clusters, from 0 on, of any one shape.
        void : int
            Mark of true pixels without a class, which are not counted whatever is predicted there.

        Raises
        ------
        ValueError
            If shapes differ or a counted pixel is of a class that does not exist; nothing is counted then.
        """
        predicted, true = np.asarray(predicted), np.asarray(true)
        k, c = self.counts.shape
        if 0 <= void < k:
            raise ValueError(f"void must not be one of the classes 0..{k - 1}, got {void}")
        if predicted.shape != true.shape:
            raise ValueError(f"masks differ in shape: predicted {predicted.shape}, true {true.shape}")
        for name, mask, most in (("predicted", predicted, c), ("true", true, k)):
            if mask.dtype.kind not in "iu":
                raise ValueError(f"{name} mask must hold integer class indices, got {mask.dtype}")
            if (wrong := ((mask < 0) | (mask >= most)) & (true != void)).any():
                where = tuple(np.argwhere(wrong)[0].tolist())
                raise ValueError(f"{name} mask has value {mask[where]} at {where}: not in 0..{most - 1}")
        predicted, true = predicted.ravel(), true.ravel()
        for start in range(0, true.size, _PIXELS):
            block = slice(start, start + _PIXELS)
            counted = true[block] != void
            row = true[block][counted].astype(np.int64)
            column = predicted[block][counted].astype(np.int64)
            self.counts += np.bincount(row * c + column, minlength=k * c).reshape(k, c)


def class_iou(counts: np.ndarray) -> np.ndarray:
    """Intersection over union of each class: pixels that are and are called so, over those that are or are.

    Parameters
    ----------
    counts : (k, k) array
        Counts by true (row) and predicted (column) class.

    Returns
    -------
    (k,) float64
        NaN for a class that neither occurs nor is predicted.

    Examples
    --------
    >>> import numpy as np
    >>> class_iou(np.array([[1, 1, 0], [0, 2, 0], [0, 0, 0]]))
    array([0.5       , 0.66666667,        nan])
    """
    counts = np.asarray(counts)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ValueError(f"counts must be (classes, classes), got shape {counts.shape}")
    if not counts.any():
        raise ValueError("no pixel has been counted: every true pixel is void, or there was none")
    right = np.diagonal(counts)
    union = counts.sum(axis=0) + counts.sum(axis=1) - right
    return np.where(union > 0, right / np.maximum(union, 1), np.nan)


def mean_iou(counts: np.ndarray) -> float:
    """`class_iou` averaged over the classes that occur or are predicted (mIoU); others are left out.

    >>> import numpy as np
    >>> mean_iou(np.array([[1, 1, 0], [0, 3, 0], [0, 0, 0]]))
    0.625
    """
    return float(np.nanmean(class_iou(counts)))


@dataclass(frozen=True, eq=False)
class MatchedIoU:
    """Clusters of pixels against classes, matched one to one so that most pixels are right.

    Attributes
    ----------
    cluster_of : (k,) int64
        Cluster of each class, -1 where there are fewer clusters than classes.
    accuracy : float
        Share of the pixels that are right.
    iou : (k,) float64
        Of each class; 0 without a cluster, NaN for a class that does not occur.
    mean_iou : float
        Over the classes that occur.
    """

    cluster_of: np.ndarray
    accuracy: float
    iou: np.ndarray
    mean_iou: float


def matched_iou(counts: np.ndarray) -> MatchedIoU:
    """Match clusters with classes one to one (Hungarian method) and judge them as such.

    Pixels of a cluster without a class are wrong, so that more clusters than classes raise nothing by leaving
    pixels out.

    Parameters
    ----------
    counts : (k, c) array
        Counts by true class (row) and cluster (column).

    Raises
    ------
    ValueError
        No pixel has been counted.

    Examples
    --------
    >>> import numpy as np
    >>> found = matched_iou(np.array([[0, 4, 4], [4, 0, 0]]))
    >>> found.cluster_of.tolist(), round(found.accuracy, 2), found.iou.tolist()
    ([1, 0], 0.67, [0.5, 1.0])
    """
    counts = np.asarray(counts)
    if counts.ndim != 2:
        raise ValueError(f"counts must be (classes, clusters), got shape {counts.shape}")
    if not counts.any():
        raise ValueError("no pixel has been counted: every true pixel is void, or there was none")
    classes, clusters = linear_sum_assignment(counts, maximize=True)
    cluster_of = np.full(len(counts), -1, dtype=np.int64)
    cluster_of[classes] = clusters
    right = np.zeros(len(counts), dtype=np.int64)
    right[classes] = counts[classes, clusters]
    called = np.zeros(len(counts), dtype=np.int64)
    called[classes] = counts[:, clusters].sum(axis=0)
    true = counts.sum(axis=1)
    iou = np.where(true > 0, right / np.maximum(true + called - right, 1), np.nan)
    return MatchedIoU(cluster_of, float(right.sum() / counts.sum()), iou, float(np.nanmean(iou)))


@dataclass(frozen=True)
class LevelIoU:
    """Intersection over union at one level of a taxonomy."""

    level: int  # 1 = the classes themselves
    nodes: np.ndarray  # (c,) int64, ascending
    iou: np.ndarray  # (c,) float64; NaN for a node that neither occurs nor is predicted
    mean_iou: float  # over the other nodes


def mean_iou_per_level(
    counts: np.ndarray, taxonomy: "Taxonomy", class_nodes: Sequence[int] | np.ndarray
) -> list[LevelIoU]:
    """mIoU of the classes and of every level above, where classes with the same ancestor are one (mIoU^l).

    Levels are those of `Taxonomy.levels`, here from fine to coarse as papers number them (HSSN, HVSA): 1 =
    the classes, 2 = one edge nearer to the root, and so on. A class that is less deep than a level stands for
    itself there. A top level of a single node is left out: every pixel would be right.

    Parameters
    ----------
    counts : (k, k) array
        Counts by true (row) and predicted (column) class.
    class_nodes : (k,)
        Node id of each class.

    Examples
    --------
    >>> import numpy as np
    >>> from hyperclade.trees import Taxonomy
    >>> taxonomy = Taxonomy.from_paths(["flat/road", "flat/pavement", "sky"])
    >>> counts = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]])
    >>> [(at.level, at.mean_iou) for at in mean_iou_per_level(counts, taxonomy, [1, 2, 3])]
    [(1, 0.6666666666666666), (2, 1.0)]
    """
    counts = np.asarray(counts)
    if counts.shape != (len(class_nodes),) * 2:
        raise ValueError(
            f"counts are {counts.shape} for {len(class_nodes)} class_nodes: (k, k) for k are needed"
        )
    result: list[LevelIoU] = []
    for ancestors in taxonomy.levels(class_nodes)[::-1]:
        nodes, merged = np.unique(ancestors, return_inverse=True)
        if len(nodes) == 1 and result:
            break
        member = np.equal.outer(np.arange(len(nodes)), merged).astype(counts.dtype)
        iou = class_iou(member @ counts @ member.T)
        result.append(LevelIoU(len(result) + 1, nodes, iou, float(np.nanmean(iou))))
    return result

"""Intersection over union of segmentations, for the classes and for every level of a taxonomy above them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hyperclade.trees.taxonomy import Taxonomy

_PIXELS = 1 << 20  # in a block, which bincount turns to int64


class PixelConfusion:
    """Counts of pixels by true and predicted class, gathered mask by mask.

    Attributes
    ----------
    counts : (k, k) int64
        Row = true class, column = predicted class. The counts of several machines may be added.

    Examples
    --------
    >>> confusion = PixelConfusion(2)
    >>> confusion.update([[0, 1], [1, 1]], [[0, 0], [1, 255]])
    >>> confusion.counts.tolist()
    [[1, 1], [0, 1]]
    """

    def __init__(self, n_classes: int) -> None:
        if n_classes < 1:
            raise ValueError(f"n_classes must be at least 1, got {n_classes}")
        self.counts = np.zeros((n_classes, n_classes), dtype=np.int64)

    def update(self, predicted: Any, true: Any, void: int = 255) -> None:
        """Count the pixels of masks.

        Parameters
        ----------
        predicted, true
            Integer class indices in 0..k-1, of any one shape.
        void : int
            Mark of true pixels without a class, which are not counted whatever is predicted there.

        Raises
        ------
        ValueError
            If shapes differ or a counted pixel is of a class that does not exist; nothing is counted then.
        """
        predicted, true = np.asarray(predicted), np.asarray(true)
        k = len(self.counts)
        if 0 <= void < k:
            raise ValueError(f"void must not be one of the classes 0..{k - 1}, got {void}")
        if predicted.shape != true.shape:
            raise ValueError(f"masks differ in shape: predicted {predicted.shape}, true {true.shape}")
        for name, mask in (("predicted", predicted), ("true", true)):
            if mask.dtype.kind not in "iu":
                raise ValueError(f"{name} mask must hold integer class indices, got {mask.dtype}")
            if (wrong := ((mask < 0) | (mask >= k)) & (true != void)).any():
                where = tuple(np.argwhere(wrong)[0].tolist())
                raise ValueError(f"{name} mask has value {mask[where]} at {where}: not in 0..{k - 1}")
        predicted, true = predicted.ravel(), true.ravel()
        for start in range(0, true.size, _PIXELS):
            block = slice(start, start + _PIXELS)
            counted = true[block] != void
            row = true[block][counted].astype(np.int64)
            column = predicted[block][counted].astype(np.int64)
            self.counts += np.bincount(row * k + column, minlength=k * k).reshape(k, k)


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

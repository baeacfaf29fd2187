"""Samples labelled with nodes of a taxonomy."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import scipy.sparse as sp

from hyperclade.data.image_rows import FeaturesOrImages, ImageRows, Skipped, read_rows
from hyperclade.data.sets import content_digest, some_rows
from hyperclade.trees.taxonomy import Taxonomy


@dataclass(frozen=True, eq=False)
class LabelledSet(FeaturesOrImages):
    """n samples, each labelled with one or more nodes of a taxonomy.

    Attributes
    ----------
    inputs : (n, d) float32
        Features, or n images.
    labels : (n, L) int64
        Ids of nodes, -1 pads. Ancestors may be missing: `targets` completes.
    taxonomy : Taxonomy
        Taxonomy of m nodes.
    ids : tuple of str
        A name for each sample.
    completed : int
        How many samples were read without an ancestor of one of their labels.
    skipped : (id, reason)
        Images left out because they do not decode.
    columns : tuple of str, optional
        Names of the d features.
    means : mapping of str to float, optional
        What missing values of each column became, or would have.
    remarks : tuple of str
        What was assumed of the files or left out of them, a sentence each.

    Raises
    ------
    ValueError
        Lengths that differ, a label that is no node, or a sample without label; says which.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_paths(["animal/dog", "animal/cat"])
    >>> samples = LabelledSet(np.zeros((2, 3), np.float32), np.array([[1], [0]]), taxonomy, ("rex", "it"))
    >>> samples.targets().astype(int).tolist()
    [[1, 1, 0], [1, 0, 0]]
    >>> samples.empty_classes()
    ('animal/cat',)
    """

    word: ClassVar[str] = "samples"

    inputs: np.ndarray | ImageRows
    labels: np.ndarray
    taxonomy: Taxonomy
    ids: tuple[str, ...]
    completed: int = 0
    skipped: Skipped = ()
    columns: tuple[str, ...] | None = None
    means: Mapping[str, float] | None = None
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n, m = len(self.inputs), len(self.taxonomy)
        if len(self.ids) != n:
            raise ValueError(f"{len(self.ids)} ids for {n} samples")
        if self.labels.ndim != 2 or len(self.labels) != n or self.labels.dtype != np.int64:
            raise ValueError(f"labels must be ({n}, L) int64, got {self.labels.shape} of {self.labels.dtype}")
        wrong = ((self.labels < -1) | (self.labels >= m)).any(axis=1)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise ValueError(f"labels of sample {self.ids[row]!r} are not in -1..{m - 1}: {self.labels[row]}")
        bare = (self.labels < 0).all(axis=1)
        if bare.any():
            raise ValueError(f"sample {self.ids[int(np.argmax(bare))]!r} has no label; drop it or label it")

    def subset(self, rows: Any) -> "LabelledSet":
        """These rows, in this order; the counts of what was completed and skipped stay those of the whole."""
        rows = np.arange(len(self))[rows]
        inputs = self.inputs.subset(rows) if isinstance(self.inputs, ImageRows) else self.inputs[rows]
        return replace(
            self, inputs=inputs, labels=self.labels[rows], ids=tuple(self.ids[row] for row in rows)
        )

    def batch(self, rows: Any) -> dict[str, np.ndarray]:
        """Features `(b, d) float32` or images `(b, 3, h, w) uint8` ("inputs"), and "labels" `(b, L)`."""
        return {"inputs": read_rows(self.inputs, rows), "labels": self.labels[rows]}

    def fingerprint(self) -> dict[str, Any]:
        """Their number, and a digest of ids, taxonomy, labels and a few inputs."""
        arrays = (self.taxonomy.edges, self.labels, read_rows(self.inputs, some_rows(len(self))))
        return {"number": len(self), "content": content_digest((*self.ids, *self.taxonomy.names), arrays)}

    def targets(self) -> np.ndarray:
        """Which nodes are labels of which rows, or above one of them, `(n, m) bool`."""
        return _closed_upwards(self.labels, self.taxonomy.ancestor_matrix())[1]

    def empty_classes(self) -> tuple[str, ...]:
        """Names of the leaves of the taxonomy that no sample has as a label."""
        leaves = self.taxonomy.leaves
        return tuple(self.taxonomy.names[leaf] for leaf in leaves[~np.isin(leaves, self.labels)])


def node_labels(
    names: Sequence[Sequence[str]], taxonomy: Taxonomy, place: Callable[[int], str]
) -> np.ndarray:
    """Labels `(n, L) int64` of a `LabelledSet`, padded by -1, from the names of the nodes of each sample.

    `place` says how an error calls a row, such as "x.csv: line 3". Raises ValueError for a sample without
    label, or a name that is no node; names the row.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_paths(["animal/dog"])
    >>> node_labels([["animal"], ["animal", "animal/dog"]], taxonomy, "row {}".format).tolist()
    [[0, -1], [0, 1]]
    """
    counts = np.array([len(of_sample) for of_sample in names], dtype=np.int64)
    if not counts.all():
        raise ValueError(f"{place(int(np.argmin(counts)))} has no label; drop it or label it")
    sample = np.repeat(np.arange(len(counts)), counts)
    codes, distinct = pd.factorize(
        np.array([name for of_sample in names for name in of_sample], dtype=object)
    )
    known = {name: node for node, name in enumerate(taxonomy.names)}
    nodes = np.array([known.get(name, -1) for name in distinct], dtype=np.int64)[codes]
    if (nodes < 0).any():
        wrong = int(np.argmin(nodes))
        raise ValueError(
            f"{place(int(sample[wrong]))} has the label {distinct[codes[wrong]]!r}, which the taxonomy "
            "lacks; add it, or mend or drop the row"
        )
    labels = np.full((len(counts), counts.max(initial=1)), -1, dtype=np.int64)
    labels[sample, np.arange(len(sample)) - np.repeat(np.cumsum(counts) - counts, counts)] = nodes
    return labels


def count_incomplete(labels: np.ndarray, taxonomy: Taxonomy) -> int:
    """How many rows of labels lack an ancestor of one of them.

    >>> count_incomplete(np.array([[1, -1], [0, 1]]), Taxonomy.from_paths(["animal/dog"]))
    1
    """
    distinct, times = np.unique(labels, axis=0, return_counts=True)
    own, closed = _closed_upwards(distinct, taxonomy.ancestor_matrix())
    return int(times[(closed & ~own).any(axis=1)].sum())


def _closed_upwards(labels: np.ndarray, closure: sp.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Which nodes (b, m) are labels of a row, and which are so or above one that is."""
    sample, column = np.nonzero(labels >= 0)
    nodes = labels[sample, column]
    above = closure[nodes]
    own, closed = np.zeros((2, len(labels), closure.shape[0]), dtype=bool)
    own[sample, nodes] = True
    closed[np.repeat(sample, np.diff(above.indptr)), above.indices] = True
    return own, closed

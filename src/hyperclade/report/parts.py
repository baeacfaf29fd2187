"""Mean rows of a few hundred parts of a tree, from which the similarity of any groups of them follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from hyperclade.environment import IntArray
from hyperclade.hierarchy.rows import Metric, Rows
from hyperclade.trees.tree import Tree

_MOST_PARTS = 512
_MOST_COLUMNS = 64


@dataclass(frozen=True, eq=False)
class Parts:
    """Disjoint nodes that hold all leaves of a tree, and the mean of the unit-length rows under each.

    The similarity of two groups of parts is the product of their mean rows, each part weighing its size: the
    mean cosine of a row of one with a row of the other.

    Parameters
    ----------
    nodes : (p,) int64
        In depth-first order.
    rows : (p, q) float32
    """

    nodes: IntArray
    rows: NDArray[np.float32]

    @classmethod
    def of(cls, tree: Tree, X: Any, metric: Metric) -> Parts:
        """The cut of a tree into at most 512 parts, with at most 64 numbers for each.

        Rows are of length one under "cosine"; under "euclidean" they are moved to their mean before (but for
        sparse ones, which stay sparse). Sparse rows of more than 512 columns are projected, as
        `Rows.sketch` says. The columns are those of the singular value decomposition of the mean rows,
        weighted by size, that keep most of the products.

        Parameters
        ----------
        tree : Tree over n leaves
        X : (n, d) array, memory map or sparse matrix
            Read in blocks.
        metric : {"euclidean", "cosine"}

        Examples
        --------
        >>> X = np.array([[1, 0], [2, 0], [0, 3], [0, 1]])
        >>> parts = Parts.of(Tree([4, 4, 5, 5, 6, 6, -1]), X, "cosine")
        >>> parts.nodes.tolist(), (parts.rows @ parts.rows.T).round(6).tolist()[1]
        ([0, 1, 2, 3], [1.0, 1.0, 0.0, 0.0])
        """
        k = min(_MOST_PARTS, tree.n_leaves)
        nodes, label = tree.cut_nodes(k), tree.cut(k)
        size = tree.size[nodes].astype(np.float64)
        rows = Rows(X, metric)
        means = np.zeros((len(nodes), rows.width))
        for block in rows.blocks():
            count = block.stop - block.start
            pick = scipy.sparse.csr_array(
                (np.ones(count), (label[block], np.arange(count))), shape=(len(nodes), count)
            )
            means += pick @ rows.directions(block)
        means /= size[:, None]
        _, _, axes = np.linalg.svd(np.sqrt(size)[:, None] * means, full_matrices=False)
        axes = axes[:_MOST_COLUMNS]
        largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
        return cls(nodes, (means @ (axes * np.where(largest < 0, -1.0, 1.0)).T).astype(np.float32))

    def of_leaves(self, tree: Tree) -> IntArray:
        """The number of the part that each leaf of their tree is in, `(n,)`.

        >>> parts = Parts(np.array([5, 4]), np.eye(2, dtype=np.float32))
        >>> parts.of_leaves(Tree([4, 4, 5, 5, 6, 6, -1])).tolist()
        [1, 1, 0, 0]
        """
        order = np.argsort(tree.leaf_interval[self.nodes, 0])
        part = np.empty(tree.n_leaves, dtype=np.int64)
        part[tree.leaf_order] = np.repeat(order, tree.size[self.nodes[order]])
        return part

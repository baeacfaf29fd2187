"""Flat clusters as nodes of a tree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hyperclade.environment import IntArray
from hyperclade.trees.tree import Tree


@dataclass(frozen=True, eq=False)
class Partition:
    """Flat clusters, each the leaves under one node of a tree.

    Parameters
    ----------
    column : str
        What it is called in tables, "layer_5".
    labels : (n,) int64
    nodes : (k,) int64
        The node of each label.
    """

    column: str
    labels: IntArray
    nodes: IntArray

    @classmethod
    def of(cls, tree: Tree, column: str, labels: ArrayLike) -> Partition:
        """Labels from 0 on of the leaves of a tree, with the node of each.

        Raises
        ------
        ValueError
            The leaves of a label are not those under one node.

        Examples
        --------
        >>> Partition.of(Tree([4, 4, 5, 5, 6, 6, -1]), "kinds", [1, 1, 0, 0]).nodes.tolist()
        [5, 4]
        """
        own = np.asarray(labels, dtype=np.int64)
        if own.shape != (tree.n_leaves,) or own.min() < 0:
            raise ValueError(f"{column} must be a label from 0 on for each of the {tree.n_leaves} leaves")
        nodes = tree.nodes_of(own)
        if not np.array_equal(tree.size[nodes], np.bincount(own)):
            raise ValueError(f"{column}: the leaves of each label must be those under one node of the tree")
        return cls(column, own, nodes)

"""What is told of the nodes of a tree over features: names, typical and borderline rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperclade.data.columns import row_names
from hyperclade.environment import IntArray
from hyperclade.hierarchy.members import MOST_CANDIDATES, members_of
from hyperclade.hierarchy.naming import name_nodes, nearest_above
from hyperclade.hierarchy.rows import Metric
from hyperclade.hierarchy.traits import name_by_features
from hyperclade.report.branches import main_branches
from hyperclade.report.picture import named_nodes
from hyperclade.report.text import outline_nodes
from hyperclade.trees.tree import Tree

if TYPE_CHECKING:
    from hyperclade.data.features import FeatureTable

_MOST_TOLD = 4000  # inner nodes, the largest, beside those that are shown or listed
_MOST_READ = 2**20  # rows of these, so that wide ones do not take long


@dataclass(frozen=True, eq=False)
class Told:
    """Names and rows of nodes, as `Outcome` has them."""

    node_names: Mapping[int, str]
    shown_names: Mapping[int, str]
    typical: Mapping[int, IntArray]
    borderline: Mapping[int, IntArray]


def tell(
    tree: Tree,
    table: FeatureTable,
    rows: Any,
    metric: Metric,
    listed: Sequence[IntArray],
    *,
    columns: Sequence[str] | None = None,
    stop_words: Sequence[str] | None = None,
    exemplars: int = 8,
) -> Told:
    """Names, typical and borderline rows of the nodes that are shown or listed, and of the largest others.

    A node that holds all rows has no name: a few of them would say nothing of it.

    Parameters
    ----------
    tree : Tree over n leaves
    table : FeatureTable
        Its features, or names of rows, name the nodes; see `Outcome.of`.
    rows : (n, d) array, memory map or sparse matrix
        What the tree was made of.
    metric : {"euclidean", "cosine"}
    listed : sequence of (k,) int64
        Nodes of partitions whose clusters are listed.
    columns, stop_words, exemplars
        As in `Outcome.of`.

    Examples
    --------
    >>> from hyperclade.data.features import FeatureTable
    >>> table = FeatureTable(np.array([[0.0], [1.0], [5.0], [9.0]]), names=np.array(["a", "b", "c", "d"]))
    >>> told = tell(Tree([4, 4, 5, 5, 6, 6, -1]), table, table.features, "euclidean", [], exemplars=1)
    >>> told.node_names, told.borderline[4].tolist()
    ({0: 'a', 1: 'b', 2: 'c', 3: 'd', 4: 'a, b', 5: 'c, d'}, [1])
    """
    shown = shown_nodes(tree)
    wanted = np.unique(np.concatenate([shown, *listed]))
    inner = np.arange(tree.n_leaves, tree.n_nodes)
    largest = inner[np.argsort(-tree.size[inner], kind="stable")[:_MOST_TOLD]]
    others = np.setdiff1d(largest, wanted)
    nodes = np.concatenate([wanted, others])
    called = None if columns is not None else row_names(table.names, table.ids)
    typical: dict[int, IntArray] = {}
    borderline: dict[int, IntArray] = {}
    if exemplars or called is not None:
        few = min(_MOST_READ // max(len(others), 1), MOST_CANDIDATES)
        for some, most in ((wanted, MOST_CANDIDATES), (others, few)):
            members = members_of(tree, rows, some, metric, most=most, doubtful=exemplars > 0)
            typical |= members.typical
            borderline |= members.borderline
    # Names of what is shown do not hang on how many nodes are told of beside it.
    within = np.concatenate([nearest_above(tree, wanted), nearest_above(tree, nodes)[len(wanted) :]])
    named, within = np.r_[nodes, shown], np.r_[within, _branch_above(tree, shown)]
    titles: list[str] = []
    if columns is not None:
        within[: len(wanted)] = tree.root
        titles = name_by_features(tree, table.features, named, columns, within=within)
    elif called is not None:
        titles = name_nodes(
            tree, called, rows, named,
            metric=metric, within=within, stop_words=stop_words, typical=typical,
        )  # fmt: skip
    node_names = dict(zip(nodes.tolist(), titles, strict=False))
    return Told(
        {node: title for node, title in node_names.items() if tree.size[node] < tree.n_leaves},
        dict(zip(shown.tolist(), titles[len(nodes) :], strict=False)),
        {node: leaves[:exemplars] for node, leaves in typical.items() if exemplars},
        {node: leaves[:exemplars] for node, leaves in borderline.items()},
    )


def shown_nodes(tree: Tree) -> IntArray:
    """The nodes of the outline and of the picture, ascending.

    >>> shown_nodes(Tree([4, 4, 5, 5, 6, 6, -1])).tolist()
    [0, 1, 2, 3, 4, 5]
    """
    nodes = [node for branch, below in outline_nodes(tree) for node in (branch, *below)]
    return np.union1d(np.array(nodes, dtype=np.int64), named_nodes(tree))


def _branch_above(tree: Tree, nodes: IntArray) -> IntArray:
    """The main branch that each node lies below, else the root."""
    branches = main_branches(tree)
    start, stop = tree.leaf_interval.T
    nearest = branches[np.maximum(np.searchsorted(start[branches], start[nodes], side="right") - 1, 0)]
    below = (start[nearest] <= start[nodes]) & (stop[nodes] <= stop[nearest]) & (nodes != nearest)
    return np.where(below, nearest, tree.root)

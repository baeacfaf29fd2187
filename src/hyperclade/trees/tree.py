"""`Tree`: a rooted tree over n leaves in flat arrays, immutable, with iterative algorithms only.

Numbering, as in a SciPy linkage: leaves are nodes ``0..n-1``, internal nodes ``n..m-1``, every child has a
smaller id than its parent, and the root is ``m-1``. One pass over ascending ids therefore meets children
before parents, and one over descending ids parents before children: no recursion and no stack is needed, and
a tree a million levels deep costs no more than a balanced one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import networkx

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

_BLOCK = 16  # gaps per block of the range-maximum table: its memory is n/16·log n, its scans at most 30 steps


class Tree:
    """A rooted tree over n leaves, immutable once built.

    Internal nodes may have any number of children from one up. Equality (``==``) compares the arrays;
    `same_clades` compares the topology.

    Parameters
    ----------
    parent : (m,) int
        Parent of each node, -1 at the root; see the module's docstring for the numbering.
    height : (m,) float, optional
        Merge heights: 0 at the leaves, never below a child's. Default: the number of levels above the
        deepest leaf of the node.
    names : n str, optional
        Names of the leaves.

    Attributes
    ----------
    n_leaves, n_nodes, root : int
    parent : (m,) int64
    height : (m,) float64
    names : tuple of n str, or None

    Raises
    ------
    ValueError
        If the arrays break the numbering, heights decrease towards the root, or lengths disagree.

    Examples
    --------
    >>> tree = Tree([4, 4, 5, 5, 6, 6, -1], names=["cat", "dog", "oak", "fir"])
    >>> tree
    Tree(n_leaves=4, n_nodes=7)
    >>> tree.height.tolist(), tree.size.tolist()
    ([0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 2.0], [1, 1, 1, 1, 2, 2, 4])
    >>> tree.cut(2).tolist(), int(tree.lca(0, 3))
    ([0, 0, 1, 1], 6)
    """

    def __init__(
        self, parent: ArrayLike, height: ArrayLike | None = None, names: Iterable[str] | None = None
    ) -> None:
        self.parent = _frozen(_integers(parent, "parent", ndim=1).copy())
        self.n_nodes = len(self.parent)
        self.root = self.n_nodes - 1
        _check_numbering(self.parent)
        self.n_leaves = int(np.count_nonzero(np.bincount(self.parent[:-1], minlength=self.n_nodes) == 0))
        if height is None:
            self.height = _frozen(_levels(self.parent))
        else:
            self.height = _frozen(_heights(height, self.n_nodes).copy())
            _check_heights(self.parent, self.height, self.n_leaves)
        self.names = _leaf_names(names, self.n_leaves)

    @classmethod
    def from_merges(
        cls, merges: ArrayLike, height: ArrayLike | None = None, names: Iterable[str] | None = None
    ) -> Tree:
        """Binary tree from its merges: row i joins two nodes into node n+i.

        Parameters
        ----------
        merges : (n-1, 2) int
            An empty ``(0, 2)`` array is the tree of one leaf.
        height : (n-1,) float, optional
            Height of each merge.
        names : n str, optional

        Raises
        ------
        ValueError
            If a row names a node that does not exist yet, or a node is merged twice.

        Examples
        --------
        >>> Tree.from_merges([[0, 1], [2, 3]], height=[0.5, 2.0]).parent.tolist()
        [3, 3, 4, 4, -1]
        """
        merges = _integers(merges, "merges", ndim=2)
        if merges.shape[1] != 2:
            raise ValueError(f"merges must have shape (n-1, 2), got {merges.shape}")
        n = len(merges) + 1
        made = np.arange(n, 2 * n - 1)
        wrong = np.flatnonzero(((merges < 0) | (merges >= made[:, None])).any(axis=1))
        if wrong.size:
            row = int(wrong[0])
            raise ValueError(f"merges[{row}] = {merges[row].tolist()} must name nodes in 0..{n + row - 1}")
        times = np.bincount(merges.ravel(), minlength=2 * n - 2)
        if (times > 1).any():
            raise ValueError(f"node {int(np.argmax(times > 1))} is merged more than once in merges")
        parent = np.full(2 * n - 1, -1, dtype=np.int64)
        parent[merges] = made[:, None]
        return cls(parent, None if height is None else np.r_[np.zeros(n), _heights(height, n - 1)], names)

    @classmethod
    def from_parents(
        cls, parent: ArrayLike, height: ArrayLike | None = None, names: Iterable[str] | None = None
    ) -> Tree:
        """Tree from a parent array in any numbering.

        Leaves keep their order and come first; internal nodes follow by height, then by level above their
        deepest leaf, then by their old id. `canonical_order` gives the old id of each node.

        Parameters
        ----------
        parent : (m,) int
            Parent of each node, -1 at the root.
        height : (m,) float, optional
            Height of each node, in the given numbering.
        names : n str, optional
            Names of the leaves, in their order.

        Examples
        --------
        >>> Tree.from_parents([-1, 0, 0, 2, 2]).parent.tolist()
        [4, 3, 3, 4, -1]
        """
        parent = _integers(parent, "parent", ndim=1)
        order = canonical_order(parent, height)
        rank = np.empty(len(order) + 1, dtype=np.int64)
        rank[order] = np.arange(len(order))
        rank[-1] = -1  # the root's parent, -1, indexes the last entry
        sorted_height = None if height is None else _heights(height, len(parent))[order]
        return cls(rank[parent[order]], sorted_height, names)

    # Structure

    @cached_property
    def size(self) -> IntArray:
        """Number of leaves under each node, ``(m,) int64``."""
        ones = np.zeros(self.n_nodes, dtype=np.int64)
        ones[: self.n_leaves] = 1
        return _frozen(_sum_up(self.parent, ones))

    @cached_property
    def depth(self) -> IntArray:
        """Number of edges from the root to each node, ``(m,) int64``."""
        return _frozen(_depths(self.parent))

    @cached_property
    def child_pointer(self) -> IntArray:
        """Children of node v are ``child_index[child_pointer[v]:child_pointer[v + 1]]``, ``(m+1,) int64``."""
        counts = np.bincount(self.parent[:-1], minlength=self.n_nodes)
        return _frozen(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))

    @cached_property
    def child_index(self) -> IntArray:
        """All nodes but the root, grouped by parent, ascending within a group, ``(m-1,) int64``."""
        return _frozen(np.argsort(self.parent[:-1], kind="stable"))

    @cached_property
    def is_binary(self) -> bool:
        """Whether every internal node has exactly two children."""
        return self.n_nodes == 2 * self.n_leaves - 1 and bool(
            (np.diff(self.child_pointer)[self.n_leaves :] == 2).all()
        )

    @property
    def merges(self) -> IntArray:
        """Children of each internal node of a binary tree, ``(n-1, 2) int64``; see `from_merges`."""
        if not self.is_binary:
            raise ValueError("the tree is not binary, so it has no merges; to_linkage() binarises it")
        return self.child_index.reshape(-1, 2)

    def children(self, node: int) -> IntArray:
        """Children of a node in ascending order, ``(k,) int64``.

        >>> Tree([3, 3, 4, 4, -1]).children(4).tolist()
        [2, 3]
        """
        node = self._node(node)
        return self.child_index[self.child_pointer[node] : self.child_pointer[node + 1]]

    @cached_property
    def leaf_interval(self) -> IntArray:
        """Positions in `leaf_order` of the leaves under each node, ``(m, 2) int64``: start and stop."""
        start = _starts(self.child_pointer, self.child_index, self.size, 0)
        return _frozen(np.column_stack([start, start + self.size]))

    @cached_property
    def leaf_order(self) -> IntArray:
        """Leaves in depth-first order, ``(n,) int64``: those under any node are neighbours."""
        order = np.empty(self.n_leaves, dtype=np.int64)
        order[self.leaf_interval[: self.n_leaves, 0]] = np.arange(self.n_leaves)
        return _frozen(order)

    def leaves(self, node: int) -> IntArray:
        """Leaves under a node, in depth-first order, ``(size[node],) int64``.

        >>> Tree([3, 4, 3, 4, -1]).leaves(3).tolist()
        [0, 2]
        """
        start, stop = self.leaf_interval[self._node(node)]
        return self.leaf_order[start:stop]

    @cached_property
    def gap_node(self) -> IntArray:
        """Lowest common ancestor of the leaves at positions p and p+1 of `leaf_order`, ``(n-1,) int64``."""
        gaps = np.empty(self.n_leaves - 1, dtype=np.int64)
        later = np.ones(self.n_nodes - 1, dtype=bool)  # every child but the first of its parent opens a gap
        later[self.child_pointer[self.n_leaves : -1]] = False
        child = self.child_index[later]
        gaps[self.leaf_interval[child, 0] - 1] = self.parent[child]
        return _frozen(gaps)

    def lca(self, i: ArrayLike, j: ArrayLike) -> Any:
        """Lowest common ancestors of nodes i and j, any ids, broadcast against each other.

        A range maximum over `gap_node`: the ancestor is the largest id between two disjoint leaf intervals.
        O(n) to prepare (once), O(1) a query, whatever the depth.

        Returns
        -------
        int64, of the broadcast shape

        Examples
        --------
        >>> tree = Tree([4, 4, 5, 5, 6, 6, -1])
        >>> tree.lca([0, 0, 4], [1, 2, 1]).tolist()
        [4, 6, 4]
        """
        i, j = np.broadcast_arrays(self._nodes(i), self._nodes(j))
        start, stop = self.leaf_interval.T
        found = _lca(i.flatten(), j.flatten(), start, stop, self.gap_node, self._gap_maxima)
        return found.reshape(i.shape)[()]

    @cached_property
    def _gap_maxima(self) -> IntArray:
        """Sparse table ``(levels, blocks)`` of maxima of `gap_node` over runs of 2^level blocks."""
        blocks = max(1, -(-(self.n_leaves - 1) // _BLOCK))
        padded = np.full(blocks * _BLOCK, -1, dtype=np.int64)
        padded[: self.n_leaves - 1] = self.gap_node
        table = np.empty((blocks.bit_length(), blocks), dtype=np.int64)
        table[0] = padded.reshape(blocks, _BLOCK).max(axis=1)
        for level in range(1, len(table)):
            half = 1 << (level - 1)
            table[level] = table[level - 1]
            np.maximum(table[level - 1, :-half], table[level - 1, half:], out=table[level, :-half])
        return table

    # Flat clusterings

    def cut_nodes(self, k: int) -> IntArray:
        """The clusters left after splitting the highest nodes first until there are k.

        Ties in height go to the larger id. Where a node has more than two children no prefix of the splits
        may give exactly k; then the largest count below k is returned.

        Parameters
        ----------
        k : int from 1 to n

        Returns
        -------
        (k,) int64 node ids in depth-first order, disjoint, together covering all leaves

        Examples
        --------
        >>> Tree([4, 4, 5, 5, 6, 6, -1]).cut_nodes(3).tolist()
        [4, 2, 3]
        """
        if not 1 <= k <= self.n_leaves:
            raise ValueError(f"k must be between 1 and the number of leaves, {self.n_leaves}; got {k}")
        order, counts = self._splits
        reached = counts[np.searchsorted(counts, k, side="right") - 1]
        return self._below_splits(order[: np.searchsorted(counts, reached)])

    def cut(self, k: int) -> IntArray:
        """Labels ``0..k-1`` of the leaves, ``(n,) int64``, numbered as the nodes of `cut_nodes`.

        >>> Tree([4, 4, 5, 5, 6, 6, -1]).cut(3).tolist()
        [0, 0, 1, 2]
        """
        return self._labels(self.cut_nodes(k))

    def cut_height(self, height: float) -> IntArray:
        """Labels of the leaves when every node above the height is split, ``(n,) int64``.

        >>> Tree([4, 4, 5, 5, 6, 6, -1], height=[0, 0, 0, 0, 1, 3, 4]).cut_height(2).tolist()
        [0, 0, 1, 2]
        """
        if not height >= 0:
            raise ValueError(f"height must be a number not below 0, got {height}")
        return self._labels(self._below_splits(np.flatnonzero(self.height > height)))

    def layers(self, max_layers: int = 5, min_clusters: int = 2) -> list[IntArray]:
        """A few natural granularities, coarse to fine.

        A count k is the more natural the longer it survives: its score is the drop of the log height of the
        splits per step of log k, ``log(h[k-1]/h[k]) / log(k/(k-1))`` with h[k] the k-th highest split. The
        range of k (clusters of two leaves and more on average) is divided into at most `max_layers` equal
        parts on the log scale, each at least a factor 2 wide; each part gives its best k, and of two closer
        than a factor 2 the better stays. Ties in height are never cut.

        Parameters
        ----------
        max_layers : int
        min_clusters : int
            The least number of clusters in a layer.

        Returns
        -------
        list of (n,) int64 labels, never empty: if there is no such cut, every leaf is its own cluster.

        Examples
        --------
        >>> tree = Tree([4, 4, 5, 5, 6, 6, -1], height=[0, 0, 0, 0, 1, 1, 9])
        >>> [labels.tolist() for labels in tree.layers()]
        [[0, 0, 1, 1]]
        """
        if max_layers < 1 or min_clusters < 1:
            raise ValueError(f"max_layers and min_clusters must be 1 or more: {max_layers}, {min_clusters}")
        counts, scores = self._persistence()
        inside = (counts >= max(2, min_clusters)) & (counts <= max(min_clusters, self.n_leaves // 2))
        counts, scores = counts[inside], scores[inside]
        if not counts.size:
            return [self.cut(self.n_leaves)]
        octaves = np.log2(counts / counts[0])
        n_parts = int(np.clip(octaves[-1], 1, max_layers))
        part = np.minimum((octaves * n_parts / max(octaves[-1], 1)).astype(np.int64), n_parts - 1)
        by_score = np.argsort(-scores, kind="stable")
        best = by_score[np.sort(np.unique(part[by_score], return_index=True)[1])]  # best first
        chosen: list[int] = []
        for k in counts[best].tolist():
            if all(max(k, other) >= 2 * min(k, other) for other in chosen):
                chosen.append(k)
        return [self.cut(k) for k in sorted(chosen)]

    # New trees

    def collapse(
        self, min_size: int | None = None, min_gap: float | None = None, max_depth: int | None = None
    ) -> Tree:
        """Contract internal nodes into their parents; the leaves and the top node with several children stay.

        Nodes with a single child always go. Parents and depths mean those of the new tree, so that a chain of
        small gaps does not vanish as a whole.

        Parameters
        ----------
        min_size : int, optional
            Contract nodes with fewer leaves.
        min_gap : float in [0, 1), optional
            Contract nodes whose height is within this fraction of the parent's height below it; 0 contracts
            ties.
        max_depth : int, optional
            Contract nodes so that no leaf is deeper.

        Examples
        --------
        >>> tree = Tree([4, 4, 5, 6, 5, 6, -1], height=[0, 0, 0, 0, 1, 9, 10])
        >>> tree.collapse(min_gap=0.2).parent.tolist()
        [4, 4, 5, 5, 5, -1]
        """
        if min_gap is not None and not 0 <= min_gap < 1:
            raise ValueError(f"min_gap must be in [0, 1), got {min_gap}")
        if max_depth is not None and max_depth < 1:
            raise ValueError(f"max_depth must be 1 or more, got {max_depth}")
        top = int(
            np.argmax(self.size == self.n_leaves)
        )  # below it come its descendants, above it only a chain
        keep, host = _collapse(
            self.parent[: top + 1],
            self.height,
            self.size,
            np.diff(self.child_pointer),
            0 if min_size is None else min_size,
            -1.0 if min_gap is None else min_gap,
            self.n_nodes if max_depth is None else max_depth,
        )
        kept = np.flatnonzero(keep)
        rank = np.cumsum(keep) - 1
        return Tree(np.r_[rank[host[kept[:-1]]], -1], self.height[kept], self.names)

    def subtree(self, node: int) -> Tree:
        """The tree under a node; its leaf i is the i-th smallest of `leaves(node)`.

        >>> Tree([4, 4, 5, 5, 6, 6, -1], names=["a", "b", "c", "d"]).subtree(5).names
        ('c', 'd')
        """
        node = self._node(node)
        start, preorder, count = self._preorder
        nodes = np.sort(preorder[start[node] : start[node] + count[node]])
        names = None
        if self.names is not None:
            names = [self.names[leaf] for leaf in nodes[nodes < self.n_leaves].tolist()]
        return Tree(np.r_[np.searchsorted(nodes, self.parent[nodes[:-1]]), -1], self.height[nodes], names)

    # Comparison

    def same_clades(self, other: Tree) -> bool:
        """Whether both trees have the same sets of leaves under their nodes (Day 1985, O(n)).

        Heights, node numbering and nodes with a single child do not matter.

        >>> Tree([3, 3, 4, 4, -1]).same_clades(Tree([3, 3, 4, 4, -1], height=[0, 0, 0, 2, 7]))
        True
        >>> Tree([3, 3, 4, 4, -1]).same_clades(Tree([4, 3, 3, 4, -1]))
        False
        """
        if self.n_leaves != other.n_leaves:
            return False
        n = self.n_leaves
        low, high = _position_range(other.parent, self.leaf_interval[:n, 0])
        if (high - low + 1 != other.size).any():
            return False
        mine = self.leaf_interval[:, 0] * n + self.leaf_interval[:, 1] - 1
        return np.array_equal(sorted_distinct(mine), sorted_distinct(low * n + high))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tree):
            return NotImplemented
        return (
            np.array_equal(self.parent, other.parent)
            and np.array_equal(self.height, other.height)
            and self.names == other.names
        )

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        """Number of leaves."""
        return self.n_leaves

    def __repr__(self) -> str:
        return f"Tree(n_leaves={self.n_leaves}, n_nodes={self.n_nodes})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Tree, (self.parent, self.height, self.names)

    # Exchange; formats and errors are described in `hyperclade.trees.exchange`

    def to_newick(self, node_names: Sequence[str | None] | None = None) -> str:
        """Newick text; see `exchange.to_newick`."""
        from hyperclade.trees import exchange

        return exchange.to_newick(self, node_names)

    @classmethod
    def from_newick(cls, text: str) -> Tree:
        """Tree from Newick text; see `exchange.from_newick`."""
        from hyperclade.trees import exchange

        return exchange.from_newick(text)

    def to_linkage(self) -> FloatArray:
        """SciPy linkage ``(n-1, 4) float64``; see `exchange.to_linkage`."""
        from hyperclade.trees import exchange

        return exchange.to_linkage(self)

    @classmethod
    def from_linkage(cls, linkage: ArrayLike, names: Iterable[str] | None = None) -> Tree:
        """Tree from a SciPy linkage; see `exchange.from_linkage`."""
        from hyperclade.trees import exchange

        return exchange.from_linkage(linkage, names)

    def to_json(self) -> str:
        """JSON text; see `exchange.to_json`."""
        from hyperclade.trees import exchange

        return exchange.to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Tree:
        """Tree from JSON text; see `exchange.from_json`."""
        from hyperclade.trees import exchange

        return exchange.from_json(text)

    def to_networkx(self, node_names: Sequence[str | None] | None = None) -> networkx.DiGraph:
        """Directed graph from the root to the leaves; see `exchange.to_networkx`."""
        from hyperclade.trees import exchange

        return exchange.to_networkx(self, node_names)

    def to_graphml(self, node_names: Sequence[str | None] | None = None) -> str:
        """GraphML text; see `exchange.to_graphml`."""
        from hyperclade.trees import exchange

        return exchange.to_graphml(self, node_names)

    # Helpers

    def _node(self, node: int) -> int:
        return int(self._nodes(node)[()])

    def _nodes(self, nodes: ArrayLike) -> IntArray:
        nodes = _integers(nodes, "node ids")
        wrong = (nodes < 0) | (nodes >= self.n_nodes)
        if wrong.any():
            raise ValueError(f"node {nodes[wrong].flat[0]} is not in 0..{self.n_nodes - 1}")
        return nodes

    @cached_property
    def _splits(self) -> tuple[IntArray, IntArray]:
        """Internal nodes from the highest down, and the number of clusters before the first and after each.

        Heights and ids both grow towards the root, so every node comes after its ancestors.
        """
        order = self.n_leaves + np.argsort(self.height[self.n_leaves :], kind="stable")[::-1]
        counts = np.cumsum(np.r_[1, np.diff(self.child_pointer)[order] - 1])
        return order, counts

    def _below_splits(self, split: IntArray) -> IntArray:
        """Nodes not split whose parent is, in depth-first order."""
        is_split = np.zeros(self.n_nodes + 1, dtype=bool)
        is_split[split] = True
        is_split[-1] = True  # as if above the root, whose parent, -1, indexes the last entry
        nodes = np.flatnonzero(~is_split[:-1] & is_split[self.parent])
        return nodes[np.argsort(self.leaf_interval[nodes, 0])]

    def _labels(self, nodes: IntArray) -> IntArray:
        labels = np.empty(self.n_leaves, dtype=np.int64)
        labels[self.leaf_order] = np.repeat(np.arange(len(nodes)), self.size[nodes])
        return labels

    def _persistence(self) -> tuple[IntArray, FloatArray]:
        """Counts k of clusters between splits of different height, and the score of each; see `layers`."""
        order, counts = self._splits
        log_height = np.log(
            self.height[order], out=np.full(len(order), -np.inf), where=self.height[order] > 0
        )
        strict = np.flatnonzero(self.height[order[:-1]] > self.height[order[1:]])
        k = counts[strict + 1]
        fanout = counts[strict + 1] - counts[strict]
        strict, k = strict[fanout > 0], k[fanout > 0]
        return k, (log_height[strict] - log_height[strict + 1]) / np.log(k / (k - 1))

    @cached_property
    def _preorder(self) -> tuple[IntArray, IntArray, IntArray]:
        """Position of each node in preorder, the nodes in preorder, and the number of nodes under each."""
        count = _sum_up(self.parent, np.ones(self.n_nodes, dtype=np.int64))
        start = _starts(self.child_pointer, self.child_index, count, 1)
        preorder = np.empty(self.n_nodes, dtype=np.int64)
        preorder[start] = np.arange(self.n_nodes)
        return start, preorder, count


def canonical_order(parent: ArrayLike, height: ArrayLike | None = None) -> IntArray:
    """Old ids in the order of the numbering that `Tree.from_parents` gives.

    Parameters
    ----------
    parent : (m,) int
        Parent of each node, -1 at the root, in any numbering.
    height : (m,) float, optional

    Returns
    -------
    (m,) int64

    Raises
    ------
    ValueError
        If there is not exactly one root, a parent does not exist, there is a cycle, or a node is higher than
        its parent.

    Examples
    --------
    >>> canonical_order([-1, 0, 0, 2, 2]).tolist()
    [1, 3, 4, 2, 0]
    """
    parent = _integers(parent, "parent", ndim=1)
    m = len(parent)
    if ((parent < -1) | (parent >= m)).any():
        raise ValueError(f"parents must be -1 (the root) or in 0..{m - 1}")
    roots = np.flatnonzero(parent < 0)
    if len(roots) != 1:
        raise ValueError(f"a tree has one root (parent -1); found {len(roots)}")
    n_children = np.bincount(parent[parent >= 0], minlength=m)
    level, reached = _levels_any_order(parent, n_children)
    if reached < m:
        raise ValueError(f"the parents of {m - reached} nodes form a cycle")
    key = level if height is None else _heights(height, m)
    below = np.flatnonzero(parent >= 0)
    wrong = below[key[below] > key[parent[below]]]
    if wrong.size:
        raise ValueError(f"node {wrong[0]} is higher than its parent")
    return np.lexsort((np.arange(m), level, key, n_children > 0))


def sorted_distinct(values: IntArray) -> IntArray:
    """As `np.unique`, whose hash table takes seconds for a million keys of this kind.

    >>> sorted_distinct(np.array([3, 1, 3])).tolist()
    [1, 3]
    """
    values = np.sort(values)
    return values[np.diff(values, prepend=values[:1] - 1) > 0]


def _frozen(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array


def _integers(values: ArrayLike, name: str, ndim: int | None = None) -> IntArray:
    array = np.asarray(values)
    if array.size == 0:
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name} must be integers, got {array.dtype}")
    if ndim is not None and array.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimension(s), got shape {array.shape}")
    return array.astype(np.int64, copy=False)


def _heights(height: ArrayLike, length: int) -> FloatArray:
    array = np.asarray(height, dtype=np.float64)
    if array.shape != (length,):
        raise ValueError(f"height must have shape ({length},), got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("heights must be finite")
    return array


def _leaf_names(names: Iterable[str] | None, n: int) -> tuple[str, ...] | None:
    if names is None:
        return None
    if isinstance(names, str):
        raise ValueError("names must be a sequence of strings, got a single string")
    names = tuple(map(str, names))
    if len(names) != n:
        raise ValueError(f"names must hold one name for each of the {n} leaves, got {len(names)}")
    return names


def _check_numbering(parent: IntArray) -> None:
    m = len(parent)
    if m == 0:
        raise ValueError("a tree needs at least one leaf; parent is empty")
    if parent[-1] != -1:
        raise ValueError(f"the last node, {m - 1}, must be the root with parent -1, got {parent[-1]}")
    wrong = np.flatnonzero((parent[:-1] <= np.arange(m - 1)) | (parent[:-1] >= m))
    if wrong.size:
        node = int(wrong[0])
        raise ValueError(
            f"parent[{node}] = {parent[node]} must be larger than {node} and at most {m - 1}; "
            "Tree.from_parents accepts any numbering"
        )
    is_leaf = np.bincount(parent[:-1], minlength=m) == 0
    if (is_leaf[1:] > is_leaf[:-1]).any():
        node = 1 + int(np.argmax(is_leaf[1:] > is_leaf[:-1]))
        raise ValueError(
            f"node {node} has no children but comes after internal nodes; leaves must come first "
            "(Tree.from_parents accepts any numbering)"
        )


def _check_heights(parent: IntArray, height: FloatArray, n: int) -> None:
    if height[:n].any():
        leaf = int(np.argmax(height[:n] != 0))
        raise ValueError(f"leaves must have height 0, but leaf {leaf} has {height[leaf]}")
    wrong = np.flatnonzero(height[:-1] > height[parent[:-1]])
    if wrong.size:
        node = int(wrong[0])
        raise ValueError(
            f"node {node} has height {height[node]}, above its parent {parent[node]} with "
            f"{height[parent[node]]}; heights must not decrease towards the root"
        )


@njit(cache=True)
def _levels(parent):
    height = np.zeros(len(parent))
    for node in range(len(parent) - 1):
        height[parent[node]] = max(height[parent[node]], height[node] + 1.0)
    return height


@njit(cache=True)
def _levels_any_order(parent, n_children):
    """Levels above the deepest leaf, and how many nodes no cycle holds back."""
    m = len(parent)
    level = np.zeros(m, dtype=np.int64)
    waiting = n_children.copy()
    queue = np.empty(m, dtype=np.int64)
    filled = 0
    for node in range(m):
        if waiting[node] == 0:
            queue[filled] = node
            filled += 1
    done = 0
    while done < filled:
        node = queue[done]
        done += 1
        above = parent[node]
        if above >= 0:
            level[above] = max(level[above], level[node] + 1)
            waiting[above] -= 1
            if waiting[above] == 0:
                queue[filled] = above
                filled += 1
    return level, done


@njit(cache=True)
def _sum_up(parent, values):
    total = values.copy()
    for node in range(len(parent) - 1):
        total[parent[node]] += total[node]
    return total


@njit(cache=True)
def _depths(parent):
    depth = np.zeros(len(parent), dtype=np.int64)
    for node in range(len(parent) - 2, -1, -1):
        depth[node] = depth[parent[node]] + 1
    return depth


@njit(cache=True)
def _starts(child_pointer, child_index, weight, own):
    """First slot of each node when a node takes `own` slots and then its children, `weight` slots each."""
    start = np.zeros(len(weight), dtype=np.int64)
    for node in range(len(weight) - 1, -1, -1):
        position = start[node] + own
        for at in range(child_pointer[node], child_pointer[node + 1]):
            start[child_index[at]] = position
            position += weight[child_index[at]]
    return start


@njit(cache=True)
def _position_range(parent, position):
    """Lowest and highest position of the leaves under each node."""
    n = len(position)
    low = np.full(len(parent), n, dtype=np.int64)
    high = np.full(len(parent), -1, dtype=np.int64)
    low[:n] = position
    high[:n] = position
    for node in range(len(parent) - 1):
        above = parent[node]
        low[above] = min(low[above], low[node])
        high[above] = max(high[above], high[node])
    return low, high


@njit(cache=True)
def _range_max(values, table, low, high):
    """Maximum of values[low..high], both ends included."""
    first, last = low // _BLOCK, high // _BLOCK
    best = values[low]
    if last - first < 2:
        for at in range(low, high + 1):
            best = max(best, values[at])
        return best
    for at in range(low, (first + 1) * _BLOCK):
        best = max(best, values[at])
    for at in range(last * _BLOCK, high + 1):
        best = max(best, values[at])
    level = 0
    while (2 << level) <= last - first - 1:
        level += 1
    return max(best, table[level, first + 1], table[level, last - (1 << level)])


@njit(cache=True)
def _lca(first, second, start, stop, gap_node, gap_maxima):
    found = np.empty(len(first), dtype=np.int64)
    for at in range(len(first)):
        left, right = first[at], second[at]
        if start[left] > start[right]:
            left, right = right, left
        if start[right] < stop[left]:  # intervals of a tree that overlap are nested
            found[at] = max(left, right)
        else:
            found[at] = _range_max(gap_node, gap_maxima, stop[left] - 1, start[right] - 1)
    return found


@njit(cache=True)
def _collapse(parent, height, size, n_children, min_size, min_gap, max_depth):
    """Which nodes stay, and the nearest ancestor that stays, of each node."""
    m = len(parent)
    keep = np.ones(m, dtype=np.bool_)
    host = np.full(m, -1, dtype=np.int64)
    depth = np.zeros(m, dtype=np.int64)
    for node in range(m - 2, -1, -1):
        above = parent[node] if keep[parent[node]] else host[parent[node]]
        host[node] = above
        depth[node] = depth[above] + 1
        if n_children[node] > 0:
            near = min_gap >= 0 and height[above] - height[node] <= min_gap * height[above]
            small = size[node] < min_size or n_children[node] == 1
            keep[node] = not (near or small or depth[node] >= max_depth)
    return keep, host

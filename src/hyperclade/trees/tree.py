"""`Tree`: a rooted tree over n leaves in flat arrays, immutable, with iterative algorithms only.

Numbering, as in a SciPy linkage: leaves are nodes ``0..n-1``, internal nodes ``n..m-1``, every child has a
smaller id than its parent, and the root is ``m-1``. One pass over ascending ids therefore meets children
before parents, and one over descending ids parents before children: no recursion and no stack is needed, and
a tree a million levels deep costs no more than a balanced one.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hyperclade.environment import FloatArray, IntArray
from hyperclade.trees import exchange, kernels

_STANDS_OUT = 1.5  # heights of the splits above a layer over those below
_LAYER_MEAN = 5  # leaves of a cluster on average, in the finest layer


class Tree:
    """A rooted tree over n leaves, immutable once built.

    Internal nodes may have any number of children from one up. Equality (``==``) compares the arrays;
    `same_clades` compares the topology.

    **Order.** The children of a node stand in the order of the smallest leaf under each. All that follows
    from it (`children`, `leaf_order`, the labels of cuts, Newick) is the same however internal nodes are
    numbered. Their canonical numbering is by height, then by level above the deepest leaf, then by smallest
    leaf: no two nodes agree in all three. `from_parents` and `canonical` give it, so that two trees with the
    same clades, heights and names become equal; `from_merges` and the constructor keep the given numbering.

    Parameters
    ----------
    parent : (m,) int
        Parent of each node, -1 at the root; see the module's docstring for the numbering.
    height : (m,) float, optional
        Merge heights: 0 at the leaves, never below a child's; -0.0 becomes 0.0. Default: the number of
        levels above the deepest leaf of the node.
    names : n str, optional
        Names of the leaves.
    inner_names : m-n str or None, optional
        Names of the internal nodes, None where a node has none.
    branch_length : (m,) float, optional
        Length of the branch above each node where it is not the difference of two heights, as in a phylogeny
        whose leaves are not equally far from the root; NaN where it is unknown. It is kept for `to_newick`
        and the graphs, while all that measures or cuts the tree goes by `height`.

    Attributes
    ----------
    n_leaves, n_nodes, root : int
    parent : (m,) int64
    height : (m,) float64
    names : tuple of n str, or None
    inner_names : tuple of m-n str or None, or None
    branch_length : (m,) float64, or None

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
        self,
        parent: ArrayLike,
        height: ArrayLike | None = None,
        names: Iterable[str] | None = None,
        inner_names: Iterable[str | None] | None = None,
        branch_length: ArrayLike | None = None,
    ) -> None:
        self.parent = _frozen(_integers(parent, "parent", ndim=1).copy())
        self.n_nodes = len(self.parent)
        self.root = self.n_nodes - 1
        _check_numbering(self.parent)
        self.n_leaves = int(np.count_nonzero(np.bincount(self.parent[:-1], minlength=self.n_nodes) == 0))
        if height is None:
            self.height = _frozen(kernels.levels(self.parent))
        else:
            self.height = _frozen(_heights(height, self.n_nodes))
            _check_heights(self.parent, self.height, self.n_leaves)
        self.names: tuple[str, ...] | None = _names(names, "names", self.n_leaves)
        self.inner_names = _names(inner_names, "inner_names", self.n_nodes - self.n_leaves)
        self.branch_length = None
        if branch_length is not None:
            self.branch_length = _frozen(_branch_lengths(branch_length, self.n_nodes))

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
        cls,
        parent: ArrayLike,
        height: ArrayLike | None = None,
        names: Iterable[str] | None = None,
        inner_names: Iterable[str | None] | None = None,
        branch_length: ArrayLike | None = None,
    ) -> Tree:
        """Tree from a parent array in any numbering, in the canonical one.

        Leaves keep their order and come first; internal nodes follow by height, then by level above their
        deepest leaf, then by the smallest leaf under them, so that their old ids do not matter.
        `canonical_order` gives the old id of each node.

        Parameters
        ----------
        parent : (m,) int
            Parent of each node, -1 at the root.
        height : (m,) float, optional
            Height of each node, in the given numbering.
        names : n str, optional
            Names of the leaves, in their order.
        inner_names : str or None for each internal node, optional
            Names in the order of their given ids.
        branch_length : (m,) float, optional
            Lengths in the given numbering.

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
        n_inner = int(np.count_nonzero(np.bincount(parent[parent >= 0])))
        inner_names = _names(inner_names, "inner_names", n_inner)
        if inner_names is not None:
            inner_names = [inner_names[at] for at in order[-n_inner:].argsort().argsort().tolist()]
        return cls(
            rank[parent[order]],
            None if height is None else _heights(height, len(parent))[order],
            names,
            inner_names,
            None if branch_length is None else _branch_lengths(branch_length, len(parent))[order],
        )

    # Structure

    @cached_property
    def size(self) -> IntArray:
        """Number of leaves under each node, ``(m,) int64``."""
        ones = np.zeros(self.n_nodes, dtype=np.int64)
        ones[: self.n_leaves] = 1
        return _frozen(kernels.sum_up(self.parent, ones))

    @cached_property
    def depth(self) -> IntArray:
        """Number of edges from the root to each node, ``(m,) int64``."""
        return _frozen(kernels.depths(self.parent))

    @cached_property
    def child_pointer(self) -> IntArray:
        """Children of node v are ``child_index[child_pointer[v]:child_pointer[v + 1]]``, ``(m+1,) int64``."""
        counts = np.bincount(self.parent[:-1], minlength=self.n_nodes)
        return _frozen(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))

    @cached_property
    def child_index(self) -> IntArray:
        """All nodes but the root, grouped by parent, in a group by smallest leaf, ``(m-1,) int64``."""
        return _frozen(kernels.children_by_leaf(self.parent, self.child_pointer, self.n_leaves))

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
        """Children of a node by the smallest leaf under each, ``(k,) int64``.

        >>> Tree([3, 3, 4, 4, -1]).children(4).tolist()
        [3, 2]
        """
        node = self._node(node)
        return self.child_index[self.child_pointer[node] : self.child_pointer[node + 1]]

    @cached_property
    def leaf_interval(self) -> IntArray:
        """Positions in `leaf_order` of the leaves under each node, ``(m, 2) int64``: start and stop."""
        start = kernels.starts(self.child_pointer, self.child_index, self.size, 0)
        return _frozen(np.column_stack([start, start + self.size]))

    @cached_property
    def leaf_order(self) -> IntArray:
        """Leaves in depth-first order, ``(n,) int64``.

        Those under any node are neighbours, the smallest of them first.
        """
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
        O(n) to prepare (once), O(1) per query, whatever the depth.

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
        found = kernels.common_ancestors(
            i.flatten(), j.flatten(), start, stop, self.gap_node, self.gap_maxima
        )
        return found.reshape(i.shape)[()]

    @cached_property
    def gap_maxima(self) -> IntArray:
        """Sparse table ``(levels, blocks)`` of maxima of `gap_node` over runs of 2^level blocks."""
        blocks = max(1, -(-(self.n_leaves - 1) // kernels.BLOCK))
        padded = np.full(blocks * kernels.BLOCK, -1, dtype=np.int64)
        padded[: self.n_leaves - 1] = self.gap_node
        table = np.empty((blocks.bit_length(), blocks), dtype=np.int64)
        table[0] = padded.reshape(blocks, kernels.BLOCK).max(axis=1)
        for level in range(1, len(table)):
            half = 1 << (level - 1)
            table[level] = table[level - 1]
            np.maximum(table[level - 1, :-half], table[level - 1, half:], out=table[level, :-half])
        return table

    @cached_property
    def fingerprint(self) -> str:
        """32 hexadecimal digits that tell this tree from any other, whatever its names and the machine.

        Equal for trees whose parents and heights are equal to the last bit.

        >>> Tree([2, 2, -1]).fingerprint
        '922a422138b222d617d29f5fb3112d65'
        """
        digest = hashlib.sha256(self.parent.astype("<i8").tobytes())
        digest.update(self.height.astype("<f8").tobytes())
        return digest.hexdigest()[:32]

    # Flat clusterings

    def nodes_of(self, labels: ArrayLike) -> IntArray:
        """The lowest node above all leaves of each label, of labels `(n,)` from 0 on: `(k,) int64`.

        Examples
        --------
        >>> Tree([4, 4, 5, 5, 6, 6, -1]).nodes_of([1, 1, 0, 0]).tolist()
        [5, 4]
        """
        own = np.asarray(labels)
        sizes = np.bincount(own)
        # In the leaf order the first leaf of a label and its last have that node in common.
        order, stop = self.leaf_order[np.argsort(own[self.leaf_order], kind="stable")], np.cumsum(sizes)
        return self.lca(order[stop - sizes], order[stop - 1])

    def cut_nodes(self, k: int) -> IntArray:
        """The clusters left after splitting the highest nodes first until there are k.

        Of nodes of the same height the one with more levels below it is split first, then the one whose
        smallest leaf is larger: the canonical numbering from its end, whatever the numbering of this tree.
        Where a node has more than two children no prefix of the splits may give exactly k; then the largest
        count below k is returned.

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

        Clusters are numbered in the order of `leaf_order`, so that leaf 0 has label 0. `cut_nodes` says how
        ties in height are split; `cut_height` never separates them.

        >>> Tree([4, 4, 5, 5, 6, 6, -1]).cut(3).tolist()
        [0, 0, 1, 2]
        """
        return self._labels(self.cut_nodes(k))

    def cut_height(self, height: float) -> IntArray:
        """Labels of the leaves when every node above the height is split, ``(n,) int64``.

        A node of exactly this height stays whole, and so do all that tie with it: these are the flat clusters
        of SciPy's ``fcluster(linkage, height, "distance")``, numbered in the order of `leaf_order`. At height
        0 clusters are the leaves that nothing tells apart.

        >>> Tree([4, 4, 5, 5, 6, 6, -1], height=[0, 0, 0, 0, 1, 3, 4]).cut_height(2).tolist()
        [0, 0, 1, 2]
        """
        if not height >= 0:
            raise ValueError(f"height must be a number not below 0, got {height}")
        return self._labels(self._below_splits(np.flatnonzero(self.height > height)))

    def layers(self, max_layers: int = 5, min_clusters: int = 2) -> list[IntArray]:
        """A few natural granularities, coarse to fine.

        A count k stands out if the splits above it are half as high again as those below:
        ``h[k-1] ≥ 1.5 h[k]`` with h[k] the k-th highest split. Counts stand for choice from `min_clusters` to
        clusters of five leaves on average (in a tree of fewer than 25 leaves: to as many clusters as leaves
        in each). Their range is divided into at most `max_layers` equal parts on the log scale, each at least
        a factor 2 wide. Each part gives the k that stands out most, by the drop of the log height per step of
        log k, ``log(h[k-1]/h[k]) / log(k/(k-1))``, or, where none does, the one next to its middle: there
        all counts are alike, and the choice must not hang on the last digits of heights. Of two closer than
        a factor 2 the one that stands out more stays.

        Ties in height are never cut, so that every layer is a `cut_height`, and nodes of height 0, which hold
        identical rows, are never split. Where no count stands for choice, the one layer is the coarsest cut
        between two heights with `min_clusters` or more; where there is none either, as in a star, it is
        ``cut_height(0)``: every leaf for itself, identical rows together.

        Parameters
        ----------
        max_layers : int
        min_clusters : int
            The least number of clusters in a layer, but for ``cut_height(0)``; 1 means 2.

        Returns
        -------
        list of (n,) int64 labels, never empty, numbered as those of `cut`

        Examples
        --------
        >>> tree = Tree([4, 4, 5, 5, 6, 6, -1], height=[0, 0, 0, 0, 1, 1, 9])
        >>> [labels.tolist() for labels in tree.layers()]
        [[0, 0, 1, 1]]
        """
        if max_layers < 1 or min_clusters < 1:
            raise ValueError(f"max_layers and min_clusters must be 1 or more: {max_layers}, {min_clusters}")
        counts, scores = self._persistence()
        enough = counts >= max(2, min_clusters)
        counts, scores = counts[enough], scores[enough]
        if not counts.size:
            return [self.cut_height(0)]
        few = counts <= max(self.n_leaves // _LAYER_MEAN, math.isqrt(self.n_leaves))
        few[0] |= not few.any()
        counts, scores = counts[few], scores[few]
        octaves = np.log2(counts / counts[0])
        n_parts = int(np.clip(octaves[-1], 1, max_layers))
        place = octaves * n_parts / max(octaves[-1], 1)
        part = np.minimum(place.astype(np.int64), n_parts - 1)
        stands_out = scores * np.log(counts / (counts - 1)) >= math.log(_STANDS_OUT)
        from_middle = np.abs(place - part - 0.5)
        in_order = np.lexsort((from_middle, np.where(stands_out, -scores, np.inf)))
        best = in_order[np.sort(np.unique(part[in_order], return_index=True)[1])]  # best first
        chosen: list[int] = []
        for k in counts[best].tolist():
            if all(max(k, other) >= 2 * min(k, other) for other in chosen):
                chosen.append(k)
        return [self.cut(k) for k in sorted(chosen)]

    # New trees

    def canonical(self) -> Tree:
        """The same tree in the canonical numbering, in which it equals any other of its clades and heights.

        >>> tree = Tree.from_merges([[2, 3], [0, 1], [4, 5]], height=[1, 1, 2])
        >>> tree.canonical().parent.tolist()
        [4, 4, 5, 5, 6, 6, -1]
        >>> tree.canonical() == Tree.from_merges([[0, 1], [2, 3], [4, 5]], height=[1, 1, 2])
        True
        """
        return Tree.from_parents(self.parent, self.height, self.names, self.inner_names, self.branch_length)

    def collapse(
        self, min_size: int | None = None, min_gap: float | None = None, max_depth: int | None = None
    ) -> Tree:
        """Contract internal nodes into their parents; the leaves and the top node with several children stay.

        Nodes with a single child always go. Parents and depths mean those of the new tree, so that a chain of
        small gaps does not vanish as a whole. Nodes that stay keep their order, names and, longer by the
        branches of the contracted nodes above them, branch lengths.

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
        keep, host = kernels.collapsed(
            self.parent[: top + 1],
            self.height,
            self.size,
            np.diff(self.child_pointer),
            0 if min_size is None else min_size,
            -1.0 if min_gap is None else min_gap,
            self.n_nodes if max_depth is None else max_depth,
        )
        keep = np.r_[keep, np.zeros(self.root - top, dtype=bool)]
        kept = np.flatnonzero(keep)
        rank = np.cumsum(keep) - 1
        length = None
        if self.branch_length is not None:
            length = kernels.joined_lengths(self.parent, keep, self.branch_length)
        return self._part(kept, np.r_[rank[host[kept[:-1]]], -1], length)

    def subtree(self, node: int) -> Tree:
        """The tree under a node; its leaf i is the i-th smallest of `leaves(node)`.

        >>> Tree([4, 4, 5, 5, 6, 6, -1], names=["a", "b", "c", "d"]).subtree(5).names
        ('c', 'd')
        """
        node = self._node(node)
        start, preorder, count = self._preorder
        nodes = np.sort(preorder[start[node] : start[node] + count[node]])
        parent = np.r_[np.searchsorted(nodes, self.parent[nodes[:-1]]), -1]
        return self._part(nodes, parent, self.branch_length)

    def restrict(self, leaves: ArrayLike) -> Tree:
        """The tree over some of its leaves, which are numbered in the order given.

        What is left with a single child goes; its branch is joined to the one below. Other nodes keep their
        heights and names.

        Parameters
        ----------
        leaves : k int
            Distinct leaves, one at least.

        Examples
        --------
        >>> tree = Tree([4, 4, 5, 5, 6, 6, -1], names=["a", "b", "c", "d"])
        >>> part = tree.restrict([3, 0, 2])
        >>> part.names, part.parent.tolist()
        (('d', 'a', 'c'), [3, 4, 3, 4, -1])
        """
        leaves = self._nodes(leaves)
        divides, above = self._dividing(leaves)
        nodes = np.r_[leaves, np.flatnonzero(divides)]
        rank = np.full(self.n_nodes + 1, -1, dtype=np.int64)
        rank[nodes] = np.arange(len(nodes))
        divides[: self.n_leaves] = True
        length = self.branch_length
        return self._part(
            nodes,
            rank[above[nodes]],
            None if length is None else kernels.joined_lengths(self.parent, divides, length),
        )

    def dividing(self, leaves: ArrayLike) -> IntArray:
        """The inner nodes that `restrict` keeps, ascending, as it numbers them: `(j,) int64`.

        >>> Tree([4, 4, 5, 5, 6, 6, -1]).dividing([3, 0, 2]).tolist()
        [5, 6]
        """
        return np.flatnonzero(self._dividing(self._nodes(leaves))[0])

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
        low, high = kernels.position_range(other.parent, self.leaf_interval[:n, 0])
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
            and self.inner_names == other.inner_names
            and _same_lengths(self.branch_length, other.branch_length)
        )

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        """Number of leaves."""
        return self.n_leaves

    def __repr__(self) -> str:
        return f"Tree(n_leaves={self.n_leaves}, n_nodes={self.n_nodes})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Tree, (self.parent, self.height, self.names, self.inner_names, self.branch_length)

    # Exchange; what these take, give and refuse stands in `hyperclade.trees.exchange`

    to_newick = exchange.to_newick
    to_linkage = exchange.to_linkage
    to_json = exchange.to_json
    to_networkx = exchange.to_networkx
    to_graphml = exchange.to_graphml
    from_newick = classmethod(exchange.from_newick)
    from_linkage = classmethod(exchange.from_linkage)
    from_json = classmethod(exchange.from_json)

    # Helpers

    def _node(self, node: int) -> int:
        return int(self._nodes(node)[()])

    def _nodes(self, nodes: ArrayLike) -> IntArray:
        nodes = _integers(nodes, "node ids")
        wrong = (nodes < 0) | (nodes >= self.n_nodes)
        if wrong.any():
            raise ValueError(f"node {nodes[wrong].flat[0]} is not in 0..{self.n_nodes - 1}")
        return nodes

    def _dividing(self, leaves: IntArray) -> tuple[np.ndarray, IntArray]:
        """Which nodes divide some leaves, and the nearest such above each node."""
        chosen = np.bincount(leaves, minlength=self.n_nodes) if leaves.ndim == 1 else np.zeros(0)
        if not leaves.size or leaves.max() >= self.n_leaves or chosen.max(initial=0) != 1:
            raise ValueError(f"leaves must be some of 0..{self.n_leaves - 1}, each once, one at least")
        return kernels.dividing(self.parent, kernels.sum_up(self.parent, chosen))

    def _part(self, nodes: IntArray, parent: IntArray, branch_length: FloatArray | None) -> Tree:
        """A tree over some nodes, leaves first; parents are in the new ids, lengths of all old nodes."""
        n_leaves = int(np.searchsorted(nodes, self.n_leaves))
        names, inner_names = self.names, self.inner_names
        return Tree(
            parent,
            self.height[nodes],
            names and [names[leaf] for leaf in nodes[:n_leaves].tolist()],
            inner_names and [inner_names[node] for node in (nodes[n_leaves:] - self.n_leaves).tolist()],
            None if branch_length is None else branch_length[nodes],
        )

    @cached_property
    def _splits(self) -> tuple[IntArray, IntArray]:
        """Internal nodes from the highest down, and the number of clusters before the first and after each.

        Heights and levels both grow towards the root, so every node comes after its ancestors.
        """
        order = canonical_order(self.parent, self.height)[: self.n_leaves - 1 : -1]
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
        count = kernels.sum_up(self.parent, np.ones(self.n_nodes, dtype=np.int64))
        start = kernels.starts(self.child_pointer, self.child_index, count, 1)
        preorder = np.empty(self.n_nodes, dtype=np.int64)
        preorder[start] = np.arange(self.n_nodes)
        return start, preorder, count


def canonical_order(parent: ArrayLike, height: ArrayLike | None = None) -> IntArray:
    """Old ids in the order of the numbering that `Tree.from_parents` gives.

    Leaves by old id, then internal nodes by height, level above the deepest leaf, and smallest leaf. The old
    ids of internal nodes do not matter. O(m log m).

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
    level, smallest, reached = kernels.levels_any_order(parent, n_children)
    if reached < m:
        raise ValueError(f"the parents of {m - reached} nodes form a cycle")
    key = level if height is None else _heights(height, m)
    below = np.flatnonzero(parent >= 0)
    wrong = below[key[below] > key[parent[below]]]
    if wrong.size:
        raise ValueError(f"node {wrong[0]} is higher than its parent")
    inner = np.flatnonzero(n_children)
    order = inner[np.argsort(key[inner])]
    same = np.diff(key[order]) == 0
    tied = np.flatnonzero(np.r_[same, False] | np.r_[False, same])
    among = order[tied]  # often few, which saves the time to sort all by all keys
    # Of two nodes with the same smallest leaf one is above the other, so no two agree in all three keys.
    order[tied] = among[np.lexsort((smallest[among], level[among], key[among]))]
    return np.r_[np.flatnonzero(n_children == 0), order]


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


def _numbers(values: ArrayLike, name: str, length: int, *, some_unknown: bool = False) -> FloatArray:
    array = np.asarray(values, dtype=np.float64) + 0.0  # a copy, in which -0.0 is 0.0
    if array.shape != (length,):
        raise ValueError(f"{name} must have shape ({length},), got {array.shape}")
    if not (np.isfinite(array) | (np.isnan(array) & some_unknown)).all():
        raise ValueError(f"{name} must be finite{', or NaN where unknown' if some_unknown else ''}")
    return array


def _heights(height: ArrayLike, length: int) -> FloatArray:
    return _numbers(height, "height", length)


def _branch_lengths(length: ArrayLike, m: int) -> FloatArray:
    return _numbers(length, "branch_length", m, some_unknown=True)


def _names(names: Iterable[str | None] | None, field: str, count: int) -> tuple[Any, ...] | None:
    """Names as the tree holds them; only internal nodes may have none."""
    of_leaves = field == "names"
    if names is None:
        return None
    if isinstance(names, str):
        raise ValueError(f"{field} must be a sequence of strings, got a single string")
    names = tuple(None if name is None and not of_leaves else str(name) for name in names)
    if len(names) != count:
        nodes = "leaves" if of_leaves else "internal nodes"
        raise ValueError(f"{field} must hold one name for each of the {count} {nodes}, got {len(names)}")
    return names if any(name is not None for name in names) else None


def _same_lengths(first: FloatArray | None, second: FloatArray | None) -> bool:
    if first is None or second is None:
        return first is second
    return np.array_equal(first, second, equal_nan=True)


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

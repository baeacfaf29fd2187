"""`Taxonomy`: named nodes under one another, in a tree or a directed acyclic graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import scipy.sparse

from hyperclade.environment import IntArray
from hyperclade.trees.kernels import longest_depths
from hyperclade.trees.tree import Tree, sorted_distinct

_APART = np.int64(2**40)  # stands for infinity between nodes without a common ancestor
_MAX_PARTS = 1000  # of a path: its nodes' names together grow with the square


class Taxonomy:
    """Named nodes with any number of parents each, without cycles; immutable.

    Parameters
    ----------
    names : m str
        Unique names of the nodes.
    parents : (m,) int array with -1 for roots, or m sequences of int
        Parents of each node. There may be several roots.

    Attributes
    ----------
    names : tuple of m str
    parent_pointer, parent_index : int64
        Parents of node v are ``parent_index[parent_pointer[v]:parent_pointer[v + 1]]``, ascending.
    child_pointer, child_index : int64
        Likewise the children.
    depth : (m,) int64
        Number of edges on the longest way from a root, so that every parent is less deep.

    Raises
    ------
    ValueError
        If names repeat, a parent does not exist, or there is a cycle (which the message names).

    Examples
    --------
    >>> taxonomy = Taxonomy(["animal", "pet", "dog"], [[], [], [0, 1]])
    >>> taxonomy
    Taxonomy(n_nodes=3, n_leaves=1, is_tree=False)
    >>> taxonomy.ancestors("dog").tolist()
    [0, 1]
    """

    def __init__(self, names: Iterable[str], parents: IntArray | Iterable[Iterable[int]]) -> None:
        self.names = tuple(map(str, names))
        self._index = {name: node for node, name in enumerate(self.names)}
        m = len(self.names)
        if m == 0:
            raise ValueError("a taxonomy needs at least one node")
        if len(self._index) < m:
            twice = next(name for node, name in enumerate(self.names) if self._index[name] != node)
            raise ValueError(f"names must be unique; {twice!r} occurs more than once")
        child, parent = _edges(parents, m)
        if ((parent < 0) | (parent >= m)).any():
            raise ValueError(f"parents must be in 0..{m - 1}, got {parent.min()}..{parent.max()}")
        edges = sorted_distinct(child * m + parent)
        child, self.parent_index = edges // m, edges % m
        self.parent_pointer = np.searchsorted(child, np.arange(m + 1))
        by_parent = np.argsort(self.parent_index, kind="stable")
        self.child_index = child[by_parent]
        self.child_pointer = np.searchsorted(self.parent_index[by_parent], np.arange(m + 1))
        self.depth, waiting = longest_depths(
            np.diff(self.parent_pointer), self.child_pointer, self.child_index
        )
        if waiting.any():
            raise ValueError(f"the taxonomy has a cycle: {' -> '.join(self._cycle(waiting > 0))}")
        for array in (
            self.parent_pointer,
            self.parent_index,
            self.child_pointer,
            self.child_index,
            self.depth,
        ):
            array.setflags(write=False)

    @classmethod
    def from_edges(cls, edges: Iterable[tuple[str, str]]) -> Taxonomy:
        """Taxonomy from pairs of names, child first; nodes are numbered as they first occur.

        The parent of a root may be empty.

        >>> Taxonomy.from_edges([("dog", "animal"), ("oak", "plant"), ("dog", "pet")]).names
        ('dog', 'animal', 'oak', 'plant', 'pet')
        """
        parents: dict[str, list[str]] = {}
        for child, parent in edges:
            above = parents.setdefault(child, [])
            if parent:
                above.append(parent)
                parents.setdefault(parent, [])
        index = {name: node for node, name in enumerate(parents)}
        return cls(parents, [[index[name] for name in above] for above in parents.values()])

    @classmethod
    def from_paths(cls, paths: Iterable[str], sep: str = "/") -> Taxonomy:
        """Taxonomy from paths, such as those of folders; a node is named by its path from the top.

        Raises
        ------
        ValueError
            If a part of a path is empty, or there are more than a thousand.

        Examples
        --------
        >>> Taxonomy.from_paths(["animal/dog", "animal/cat", "toy/dog"]).names
        ('animal', 'animal/dog', 'animal/cat', 'toy', 'toy/dog')
        """
        index: dict[str, int] = {}
        parents: list[list[int]] = []
        for path in paths:
            above: list[int] = []
            parts = path.split(sep)
            if "" in parts:
                raise ValueError(f"path {path!r} has an empty part between {sep!r}")
            if len(parts) > _MAX_PARTS:
                raise ValueError(f"path {path[:20]!r}… has {len(parts)} parts, more than {_MAX_PARTS}")
            for end in range(1, len(parts) + 1):
                name = sep.join(parts[:end])
                if name not in index:
                    index[name] = len(parents)
                    parents.append(above)
                above = [index[name]]
        return cls(index, parents)

    @classmethod
    def from_tree(cls, tree: Tree, node_names: Sequence[str]) -> Taxonomy:
        """Taxonomy of a tree with names for all its nodes, which keep their ids.

        >>> Taxonomy.from_tree(Tree([2, 2, -1]), ["cat", "dog", "animal"]).index("animal")
        2
        """
        if len(node_names) != tree.n_nodes:
            raise ValueError(f"node_names must name all {tree.n_nodes} nodes, got {len(node_names)}")
        return cls(node_names, tree.parent)

    def __len__(self) -> int:
        """Number of nodes."""
        return len(self.names)

    def __repr__(self) -> str:
        return f"Taxonomy(n_nodes={len(self)}, n_leaves={len(self.leaves)}, is_tree={self.is_tree})"

    def index(self, name: str) -> int:
        """Id of the node of this name; ValueError if there is none.

        >>> Taxonomy.from_edges([("dog", "animal")]).index("animal")
        1
        """
        if name not in self._index:
            raise ValueError(f"the taxonomy has no node {name!r}")
        return self._index[name]

    @cached_property
    def roots(self) -> IntArray:
        """Nodes without parents, ascending."""
        return np.flatnonzero(np.diff(self.parent_pointer) == 0)

    @cached_property
    def leaves(self) -> IntArray:
        """Nodes without children, ascending."""
        return np.flatnonzero(np.diff(self.child_pointer) == 0)

    @cached_property
    def edges(self) -> IntArray:
        """(e, 2) int64 rows (parent, child), by ascending child, then parent.

        >>> Taxonomy(["animal", "pet", "dog"], [[], [], [0, 1]]).edges.tolist()
        [[0, 2], [1, 2]]
        """
        child = np.repeat(np.arange(len(self)), np.diff(self.parent_pointer))
        return np.column_stack([self.parent_index, child])

    @cached_property
    def height(self) -> IntArray:
        """(m,) int64 number of edges on the longest way down to a leaf; 0 for leaves.

        >>> Taxonomy.from_paths(["animal/dog", "rock"]).height.tolist()
        [1, 0, 0]
        """
        return longest_depths(np.diff(self.child_pointer), self.parent_pointer, self.parent_index)[0]

    @cached_property
    def is_tree(self) -> bool:
        """Whether no node has more than one parent (there may be several roots)."""
        return bool((np.diff(self.parent_pointer) <= 1).all())

    def ancestors(self, node: int | str) -> IntArray:
        """All nodes above a node, given by id or name, ascending ids, without the node.

        >>> Taxonomy(["thing", "animal", "dog"], [[], [0], [1]]).ancestors("dog").tolist()
        [0, 1]
        """
        return _reached(self.parent_pointer, self.parent_index, self._ids([node])[0])

    def descendants(self, node: int | str) -> IntArray:
        """All nodes below a node, given by id or name, ascending ids, without the node.

        >>> Taxonomy(["thing", "animal", "dog"], [[], [0], [1]]).descendants(0).tolist()
        [1, 2]
        """
        return _reached(self.child_pointer, self.child_index, self._ids([node])[0])

    def ancestor_matrix(self) -> scipy.sparse.csr_matrix:
        """Which node (column) is an ancestor of which (row), each also of itself.

        For a label matrix Y over the nodes ``Y @ matrix`` closes the labels upwards.

        Returns
        -------
        (m, m) CSR bool

        Examples
        --------
        >>> Taxonomy(["animal", "dog"], [[], [0]]).ancestor_matrix().toarray().tolist()
        [[True, False], [True, True]]
        """
        m = len(self)
        parents = scipy.sparse.csr_matrix(
            (np.ones(len(self.parent_index), dtype=bool), self.parent_index, self.parent_pointer),
            shape=(m, m),
        )
        closure = parents + scipy.sparse.identity(m, dtype=bool, format="csr")
        for _ in range(int(self.depth.max()).bit_length()):  # each product doubles the length of the ways
            closure = closure @ closure
        closure.sort_indices()
        return closure

    def distance_matrix(self) -> IntArray:
        """Number of edges between each two nodes, on the shortest way over a common ancestor.

        The way climbs from one node to the common ancestor and descends to the other; a tree has no other.
        Nodes without a common ancestor are joined as if all roots hung under one more node.

        Returns
        -------
        (m, m) int64, symmetric

        Examples
        --------
        >>> Taxonomy.from_paths(["animal/dog", "animal/cat", "rock"]).distance_matrix().tolist()
        [[0, 1, 1, 2], [1, 0, 2, 3], [1, 2, 0, 3], [2, 3, 3, 0]]
        """
        distance = self._over_common_ancestors(np.zeros(len(self), dtype=np.int64), step=1)
        to_root = distance[:, self.roots].min(axis=1)
        return np.where(distance < _APART, distance, to_root[:, None] + to_root + 2)

    def lca_height_matrix(self) -> IntArray:
        """Height of the lowest common ancestor of each two nodes, `height` of a node with itself.

        Of several common ancestors the least high counts. Nodes without any are joined as if all roots hung
        under one more node, which is one higher than the highest root.

        Returns
        -------
        (m, m) int64, symmetric

        Examples
        --------
        >>> Taxonomy.from_paths(["animal/dog", "animal/cat", "rock"]).lca_height_matrix().tolist()
        [[1, 1, 1, 2], [1, 0, 1, 2], [1, 1, 0, 2], [2, 2, 2, 0]]
        """
        height = self._over_common_ancestors(self.height, step=0)
        return np.where(height < _APART, height, self.height.max() + 1)

    def levels(self, nodes: Sequence[int | str] | IntArray | None = None) -> IntArray:
        """Labels of nodes at each depth, coarse to fine.

        Row l holds the ancestor at depth l; a node that is less deep keeps itself. Where a node has several
        parents the way leads over the deepest one, and of these over the one with the smallest id.

        Parameters
        ----------
        nodes : n ids or names, optional
            Default: the leaves.

        Returns
        -------
        (L, n) int64 node ids, L the number of levels down to the deepest of the nodes

        Examples
        --------
        >>> taxonomy = Taxonomy(["thing", "animal", "dog", "rock"], [[], [0], [1], [0]])
        >>> taxonomy.levels(["dog", "rock"]).tolist()
        [[0, 0], [1, 3], [2, 3]]
        """
        current = self.leaves if nodes is None else self._ids(nodes)
        levels = np.empty((int(self.depth[current].max(initial=-1)) + 1, len(current)), dtype=np.int64)
        for level in range(len(levels) - 1, -1, -1):
            current = np.where(self.depth[current] > level, self._main_parent[current], current)
            levels[level] = current
        return levels

    @cached_property
    def _main_parent(self) -> IntArray:
        """The deepest parent of each node, of these the one with the smallest id; -1 for roots."""
        child = self.edges[:, 1]
        deepest = self.depth[self.parent_index] == self.depth[child] - 1
        main = np.full(len(self), -1, dtype=np.int64)
        nodes, first = np.unique(child[deepest], return_index=True)
        main[nodes] = self.parent_index[deepest][first]
        return main

    def _over_common_ancestors(self, of_itself: IntArray, *, step: int) -> IntArray:
        """(m, m) least value over common ancestors, `step` more for each edge climbed; at least _APART: none.

        A node reaches any node that is not below it through one of its parents. So rows are filled in order
        of depth, each from those of the parents.
        """
        order = np.argsort(self.depth, kind="stable")
        rank = np.empty_like(order)
        rank[order] = np.arange(len(self))
        least = np.full((len(self), len(self)), _APART)
        for k, node in enumerate(order):
            least[k, k] = of_itself[node]
            above = rank[self.parent_index[self.parent_pointer[node] : self.parent_pointer[node + 1]]]
            if len(above):
                least[k, :k] = least[:k, k] = least[above, :k].min(axis=0) + step
        return least[np.ix_(rank, rank)]

    def _ids(self, nodes: Sequence[int | str] | IntArray) -> IntArray:
        ids = np.array(
            [self.index(node) if isinstance(node, str) else node for node in nodes], dtype=np.int64
        )
        wrong = (ids < 0) | (ids >= len(self))
        if wrong.any():
            raise ValueError(f"node {ids[wrong][0]} is not in 0..{len(self) - 1}")
        return ids

    def _cycle(self, stuck: np.ndarray) -> list[str]:
        """Names along a cycle, from child to parent; every stuck node has a stuck parent."""
        node = int(np.argmax(stuck))
        seen: dict[int, None] = {}
        while node not in seen:
            seen[node] = None
            above = self.parent_index[self.parent_pointer[node] : self.parent_pointer[node + 1]]
            node = int(above[stuck[above]][0])
        way = list(seen)
        return [self.names[step] for step in [*way[way.index(node) :], node]]


def _edges(parents: IntArray | Iterable[Iterable[int]], m: int) -> tuple[IntArray, IntArray]:
    """Child and parent of each edge."""
    if isinstance(parents, np.ndarray):
        if parents.shape != (m,) or parents.dtype.kind not in "iu":
            raise ValueError(f"parents must be ({m},) integers, got {parents.shape} of {parents.dtype}")
        child = np.flatnonzero(parents != -1)
        return child, parents[child].astype(np.int64)
    above = [list(of_node) for of_node in parents]
    if len(above) != m:
        raise ValueError(f"parents must have an entry for each of the {m} nodes, got {len(above)}")
    child = np.repeat(np.arange(m), [len(of_node) for of_node in above])
    return child, np.array([parent for of_node in above for parent in of_node], dtype=np.int64)


def _reached(pointer: IntArray, index: IntArray, node: int) -> IntArray:
    seen: set[int] = set()
    stack = [int(node)]
    while stack:
        node = stack.pop()
        new = set(index[pointer[node] : pointer[node + 1]].tolist()) - seen
        seen |= new
        stack.extend(new)
    return np.array(sorted(seen), dtype=np.int64)

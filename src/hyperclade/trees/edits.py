"""Corrections of a hierarchy by hand: a file of edits, and the tree after them.

`{"format": "hyperclade-edits", "version": 1, "tree": FINGERPRINT, "leaves": n, "nodes": m, "cut": k or null,
"edits": […]}` is applied in order. Nodes are called by the ids of the tree, 0..m-1; each node that `merge` or
`split` makes has the next id, m, m+1, ….

| edit | what it does |
|---|---|
| `{"op": "rename", "node": v, "name": text}` | names a node; "" takes its name away |
| `{"op": "merge", "nodes": […], "name"?}` | some, not all, children of a node go under one of their own |
| `{"op": "dissolve", "node": v}` | the children of v, no leaf and not the root, go to its parent |
| `{"op": "move", "node": v, "to": u}` | v becomes a child of u, which is no leaf and not below v |
| `{"op": "split", "node": v, "nodes": […], "name"?}` | disjoint nodes below v become a sibling of it |
| `{"op": "drop", "nodes": […]}` | their leaves leave the tree |
| `{"op": "keep", "nodes": […]}` | only their leaves stay |

A merged node is half as high as its highest child and its parent together. A move lifts u, and what is above
it, to at least the height of v. A split of several nodes makes a new one of the height of v; of one it makes
none. After each edit a node without leaves vanishes, and one that has lost a child and has one left gives it
its place, its own id and name being gone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hyperclade.environment import IntArray
from hyperclade.trees import edit_kernels as kernels
from hyperclade.trees.tree import Tree, canonical_order

FORMAT, VERSION = "hyperclade-edits", 1
_NODE, _NODES, _NAME = "node", "nodes", "name"
# op: fields that it needs, fields that it may have
_FIELDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "rename": ((_NODE, _NAME), ()),
    "merge": ((_NODES,), (_NAME,)),
    "dissolve": ((_NODE,), ()),
    "move": ((_NODE, "to"), ()),
    "split": ((_NODE, _NODES), (_NAME,)),
    "drop": ((_NODES,), ()),
    "keep": ((_NODES,), ()),
}


@dataclass(frozen=True)
class Edits:
    """The edits of one tree, of the right form; whether they fit shows when they are applied.

    Parameters
    ----------
    edits : sequence of dict
        See the module's table.
    tree : str, optional
        Fingerprint of the tree that they are for; None: of any.
    leaves, nodes : int, optional
        Its size.
    cut : int, optional
        How many clusters the tree showed when the edits were taken away.
    source : path, optional
        Where they were read from, for messages.
    """

    edits: Sequence[Mapping[str, Any]]
    tree: str | None = None
    leaves: int | None = None
    nodes: int | None = None
    cut: int | None = None
    source: Path | None = None

    def check(self, tree: Tree) -> None:
        """ValueError if the edits are for another tree."""
        sizes = [(self.leaves, tree.n_leaves, "leaves"), (self.nodes, tree.n_nodes, "nodes")]
        for made_for, there, what in sizes:
            if made_for is not None and made_for != there:
                raise ValueError(
                    f"{self.where}the edits are for another tree: one of {made_for:,} {what}, this one has "
                    f"{there:,}"
                )
        if self.tree is not None and self.tree != tree.fingerprint:
            raise ValueError(
                f"{self.where}the edits are for another tree: {self.tree[:32]!r}, this one is "
                f"{tree.fingerprint}"
            )

    @property
    def where(self) -> str:
        """What messages begin with."""
        return "" if self.source is None else f"{self.source}: "


@dataclass(frozen=True, eq=False)
class Edited:
    """A tree after edits, and where its nodes come from.

    Parameters
    ----------
    tree : Tree
        In the canonical numbering, of n' leaves and m' nodes.
    leaves : (n',) int64
        The leaf that each leaf was before, ascending.
    node_names : dict of int to str
        By new ids: names given before to nodes that are still there, and those of the edits. A leaf whose
        name was taken away has the name "".
    origin : (m',) int64
        The id of each node before, m and above for nodes that edits have made.
    """

    tree: Tree
    leaves: IntArray
    node_names: dict[int, str]
    origin: IntArray


def read_edits(source: str | os.PathLike | Mapping[str, Any]) -> Edits:
    """Edits from a JSON file, or from what such a file holds.

    Raises
    ------
    ValueError
        No such form; names the file, and the edit by its number, from 1.
    OSError
        No such file.

    Examples
    --------
    >>> edits = read_edits(
    ...     {
    ...         "format": "hyperclade-edits", "version": 1, "tree": Tree([2, 2, -1]).fingerprint,
    ...         "leaves": 2, "nodes": 3, "cut": None,
    ...         "edits": [{"op": "rename", "node": 2, "name": "pets"}],
    ...     }
    ... )
    >>> apply_edits(Tree([2, 2, -1]), edits).node_names
    {2: 'pets'}
    """  # fmt: skip
    if isinstance(source, Mapping):
        return _checked(source)
    path = Path(source)
    try:
        content = json.loads(path.read_bytes().decode("utf-8-sig"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text ({error}); export the edits again") from error
    except RecursionError as error:
        raise ValueError(f"{path}: nested too deeply to be edits; export them again") from error
    except ValueError as error:  # also numbers of more digits than Python reads
        raise ValueError(f"{path}: not JSON ({error}); export the edits again") from error
    try:
        return replace(_checked(content), source=path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def apply_edits(
    tree: Tree, edits: Edits | Sequence[Mapping[str, Any]], node_names: Mapping[int, str] | None = None
) -> Edited:
    """The tree after edits, one after the other (see the module's table). It has no branch lengths.

    O(m) once, and for an edit no more than that; edits of few nodes cost the way up from them.

    Parameters
    ----------
    tree : Tree
    edits : Edits, or sequence of dict
    node_names : dict of int to str, optional
        Names of nodes before; by default the tree's own of its internal nodes.

    Returns
    -------
    Edited
        With no edits the tree itself.

    Raises
    ------
    ValueError
        The edits are for another tree, or one of them cannot be done; names its number, from 1.

    Examples
    --------
    >>> tree = Tree([5, 5, 6, 6, 6, 7, 7, -1], names=["cat", "dog", "oak", "fir", "wolf"])
    >>> move = {"op": "move", "node": 4, "to": 5}
    >>> merge = {"op": "merge", "nodes": [1, 4], "name": "dogs"}
    >>> done = apply_edits(tree, [move, merge], {6: "plants"})
    >>> done.tree.leaves(5).tolist(), done.node_names, done.origin.tolist()
    ([1, 4], {6: 'plants', 5: 'dogs'}, [0, 1, 2, 3, 4, 8, 6, 5, 7])
    """
    if not isinstance(edits, Edits):
        edits = Edits(edits)
    edits.check(tree)
    wanted = _checked_edits(edits.edits)
    if node_names is None:
        inner = enumerate(tree.inner_names or (), tree.n_leaves)
        node_names = {node: name for node, name in inner if name is not None}
    if not wanted:
        return Edited(tree, np.arange(tree.n_leaves), dict(node_names), np.arange(tree.n_nodes))
    state = _Editing(tree, node_names, len(wanted))
    for number, edit in enumerate(wanted, 1):
        try:
            getattr(state, edit["op"])(**{field: value for field, value in edit.items() if field != "op"})
        except ValueError as error:
            raise ValueError(f"{edits.where}edit {number} ({edit['op']}): {error}") from error
    return state.finished()


class _Editing:
    """A tree that changes in place; its methods are the edits."""

    def __init__(self, tree: Tree, node_names: Mapping[int, str], most_new: int) -> None:
        self.before = tree
        self.used = tree.n_nodes
        self.names = dict(node_names)
        room = np.zeros(most_new, dtype=np.int64)
        self._parent = np.concatenate([tree.parent, room + kernels.GONE])
        self._count = np.concatenate([np.diff(tree.child_pointer), room])
        self._total = np.zeros(len(self._parent), dtype=np.int64)
        np.add.at(self._total, tree.parent[:-1], np.arange(tree.n_nodes - 1))
        self.height = np.concatenate([tree.height, room])

    # Edits

    def rename(self, node: int, name: str) -> None:
        self._name(self._one(node), name)

    def merge(self, nodes: list[int], name: str = "") -> None:
        group = self._some(nodes)
        above = self._parent[group]
        parent = int(above[0])
        if len(group) < 2:
            raise ValueError("needs two nodes at least")
        _refuse_twice(group)
        if parent == kernels.ROOT or (above != parent).any():
            raise ValueError("the nodes must be children of one node")
        if len(group) == self._count[parent]:
            raise ValueError(f"these are all children of node {parent}, which is their group already")
        height = (float(self.height[group].max()) + float(self.height[parent])) / 2
        if not np.isfinite(height):
            raise ValueError("the heights are too large to add")
        kernels.detach(*self._links, group)
        kernels.attach(*self._links, group, self._new(parent, height, name))

    def dissolve(self, node: int) -> None:
        node = self._one(node, inner=True)
        parent = int(self._parent[node])
        if parent == kernels.ROOT:
            raise ValueError(f"node {node} is the root, which cannot be dissolved")
        children = np.flatnonzero(self._parent[: self.used] == node)
        lost = kernels.detach(*self._links, np.array([node]))
        kernels.attach(*self._links, children, parent)
        kernels.settle(*self._links, lost)

    def move(self, node: int, to: int) -> None:
        node, to = self._one(node), self._one(to, inner=True)
        if node == to or self._nearest(np.array([to]), [node])[0] == node:
            raise ValueError(f"node {to} lies in the subtree of node {node}, which cannot go there")
        if self._parent[node] == to:
            raise ValueError(f"node {node} is a child of node {to} already")
        moved = np.array([node])
        lost = kernels.detach(*self._links, moved)
        kernels.attach(*self._links, moved, to)
        kernels.lift(self._parent, self.height, to, self.height[node])
        kernels.settle(*self._links, lost)

    def split(self, node: int, nodes: list[int], name: str = "") -> None:
        node, group = self._one(node, inner=True), self._some(nodes)
        parent = int(self._parent[node])
        if parent == kernels.ROOT:
            raise ValueError(f"node {node} is the root, which has no siblings")
        _refuse_twice(group)
        nearest = self._nearest(group, [node, *nodes])
        if (wrong := np.flatnonzero(nearest != node)).size:
            at, above = int(group[wrong[0]]), int(nearest[wrong[0]])
            other = f"lies below node {above}, which is named too"
            raise ValueError(f"node {at} {other if above >= 0 else f'does not lie below node {node}'}")
        lost = kernels.detach(*self._links, group)
        above = parent if len(group) == 1 else self._new(parent, self.height[node], name)
        kernels.attach(*self._links, group, above)
        kernels.settle(*self._links, lost)
        if not self._count[node]:
            raise ValueError(f"these are all leaves of node {node}; some must stay")

    def drop(self, nodes: list[int]) -> None:
        if not kernels.settle(*self._links, kernels.detach(*self._links, self._some(nodes))):
            raise ValueError("no leaf would be left")

    def keep(self, nodes: list[int]) -> None:
        group = self._some(nodes)
        tops = np.unique(group[self._nearest(group, nodes) < 0])
        kernels.settle(*self._links, kernels.keep_only(*self._links, tops))

    # The tree

    def finished(self) -> Edited:
        n, before = self.before.n_leaves, self.before
        standing = self._nearest(np.arange(self.used), []) != kernels.GONE
        kept = np.flatnonzero(standing)
        rank = np.cumsum(standing) - 1
        above = self._parent[kept]
        parent, height = np.where(above < 0, -1, rank[above]), self.height[kept]
        origin = kept[canonical_order(parent, height)]
        n_leaves = int(np.searchsorted(kept, n))
        after = np.full(self.used, -1, dtype=np.int64)
        after[origin] = np.arange(len(origin))
        names = {int(after[node]): name for node, name in self.names.items() if after[node] >= 0}
        leaf_names = inner_names = None
        if before.names is not None:
            given = (before.names[leaf] for leaf in kept[:n_leaves].tolist())
            leaf_names = [names.get(leaf, name) for leaf, name in enumerate(given)]
        if before.inner_names is not None:
            inner_names = [self.names.get(node) for node in kept[n_leaves:].tolist()]
        tree = Tree.from_parents(parent, height, leaf_names, inner_names)
        return Edited(tree, kept[:n_leaves], names, origin)

    @property
    def _links(self) -> tuple[IntArray, IntArray, IntArray]:
        return self._parent, self._count, self._total

    def _new(self, parent: int, height: float, name: str) -> int:
        node = self.used
        self.used += 1
        self.height[node] = height
        kernels.attach(*self._links, np.array([node]), parent)
        self._name(node, name)
        return node

    def _name(self, node: int, name: str) -> None:
        if name or node < self.before.n_leaves:
            self.names[node] = name
        else:
            self.names.pop(node, None)

    def _one(self, node: int, inner: bool = False) -> int:
        self._some([node])
        if inner and node < self.before.n_leaves:
            raise ValueError(f"node {node} is a leaf")
        return node

    def _some(self, nodes: list[int]) -> IntArray:
        """Ids of nodes that are there."""
        for node in (min(nodes), max(nodes)):
            if not 0 <= node < self.used:
                raise ValueError(f"there is no node {_short(node)}; ids here are 0..{self.used - 1}")
        found = np.array(nodes, dtype=np.int64)
        gone = self._nearest(found, []) == kernels.GONE
        if gone.any():
            raise ValueError(f"node {found[np.argmax(gone)]} is gone by an earlier edit")
        return found

    def _nearest(self, nodes: IntArray, marks: list[int]) -> IntArray:
        marked = np.zeros(self.used, dtype=bool)
        marked[marks] = True
        return kernels.nearest_marked(self._parent, nodes, marked, np.zeros(self.used, dtype=np.int64))


def _checked(content: Any) -> Edits:
    if not isinstance(content, Mapping) or content.get("format") != FORMAT:
        raise ValueError(f'these are no edits: "format" must be "{FORMAT}"')
    version = content.get("version")
    if type(version) is not int or version != VERSION:
        raise ValueError(f"edits of version {_short(version)}; this release reads {VERSION}")
    if type(fingerprint := content.get("tree")) is not str:
        raise ValueError(f'"tree" must be the fingerprint of a tree, got {_short(fingerprint)}')
    for field in ("leaves", "nodes"):
        if type(size := content.get(field)) is not int or size < 1:
            raise ValueError(f'"{field}" must be a number from 1 on, got {_short(size)}')
    leaves, cut = content["leaves"], content.get("cut")
    if cut is not None and (type(cut) is not int or not 1 <= cut <= leaves):
        raise ValueError(f'"cut" must be null or from 1 to the number of leaves, got {_short(cut)}')
    return Edits(_checked_edits(content.get("edits")), fingerprint, leaves, content["nodes"], cut)


def _checked_edits(edits: Any) -> list[dict[str, Any]]:
    if not isinstance(edits, Sequence) or isinstance(edits, str | bytes):
        raise ValueError(f'"edits" must be a list of edits, got {_short(edits)}')
    return [_checked_edit(number, edit) for number, edit in enumerate(edits, 1)]


def _checked_edit(number: int, edit: Any) -> dict[str, Any]:
    if not isinstance(edit, Mapping):
        raise ValueError(f"edit {number} must be an object, got {_short(edit)}")
    op = edit.get("op")
    if type(op) is not str or op not in _FIELDS:
        raise ValueError(f"edit {number}: no edit is called {_short(op)}; there are {', '.join(_FIELDS)}")
    needed, optional = _FIELDS[op]
    if missing := [field for field in needed if field not in edit]:
        raise ValueError(f'edit {number} ({op}) has no "{missing[0]}"')
    if foreign := [field for field in edit if field not in ("op", *needed, *optional)]:
        raise ValueError(f"edit {number} ({op}) has a field {_short(foreign[0])}, which is not known")
    found = dict(edit)
    for field, value in edit.items():
        wanted = None
        if field in (_NODE, "to") and type(value) is not int:
            wanted = "a node's id"
        elif field == _NAME and type(value) is not str:
            wanted = "a text"
        elif field == _NAME:
            found[field] = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        elif field == _NODES and not _are_ids(value):
            wanted = "a list of ids of nodes, one at least"
        if wanted is not None:
            raise ValueError(f'edit {number} ({op}): "{field}" must be {wanted}, got {_short(value)}')
    return found


def _are_ids(value: Any) -> bool:
    return isinstance(value, list | tuple) and {type(node) for node in value} == {int}


def _refuse_twice(nodes: IntArray) -> None:
    distinct, times = np.unique(nodes, return_counts=True)
    if len(distinct) < len(nodes):
        raise ValueError(f"node {distinct[np.argmax(times > 1)]} is named twice")


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def _short(value: Any) -> str:
    """A value as an error shows it, however large it is."""
    if isinstance(value, Mapping | list | tuple):
        return "an object" if isinstance(value, Mapping) else f"a list of {len(value)}"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 64:
        return "a number of more than 64 bits"
    text = json.dumps(value) if isinstance(value, str | bool | float | None) else repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"

"""Classes to learn: the clusters of a cut of a hierarchy, named each for itself, under what is above them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hyperclade.data.atomic import atomic_write
from hyperclade.environment import IntArray
from hyperclade.trees.tree import Tree

_LONGEST = 10_000  # characters of a name, which a cell of a table can well hold


@dataclass(frozen=True, eq=False)
class Classes:
    """The clusters of a cut, and the nodes above them, as a taxonomy names them.

    Parameters
    ----------
    nodes : (k,) int64
        The node of each class.
    labels : (n,) int64
        The class of each leaf, from 0 on.
    names : list of k str
        No two are equal.
    edges : list of (str, str)
        Names of child and parent, of the root with the parent "", parents first, then the classes in order.

    Examples
    --------
    >>> tree = Tree([4, 4, 5, 5, 6, 6, -1])
    >>> classes = Classes.of(tree, 2, ["", "", "", "", "pets", "pets", "life"])
    >>> classes.names, classes.labels.tolist()
    (['pets', 'pets (2)'], [0, 0, 1, 1])
    >>> classes.edges
    [('life', ''), ('pets', 'life'), ('pets (2)', 'life')]
    """

    nodes: IntArray
    labels: IntArray
    names: list[str]
    edges: list[tuple[str, str]]

    @classmethod
    def of(cls, tree: Tree, k: int, node_names: Sequence[str]) -> Classes:
        """The classes of `tree.cut(k)`, and of m names of nodes, which may be empty or equal.

        Names are as tables keep them: without blanks around them or NUL, with "\\n" between lines, of at most
        10,000 characters. Nodes without a name are called "node 17".
        """
        nodes, labels = tree.cut_nodes(k), tree.cut(k)
        above = _above(tree, nodes)
        every = [*nodes.tolist(), *above.tolist()]
        names = dict(zip(every, _unique(_plain(node_names[node], node) for node in every), strict=True))
        parents = tree.parent.tolist()
        below = [*above.tolist(), *(nodes.tolist() if tree.root not in nodes else [tree.root])]
        edges = [(names[node], names.get(parents[node], "")) for node in below]
        return cls(nodes, labels, [names[node] for node in nodes.tolist()], edges)

    def write(self, path: str | Path) -> None:
        """Write the edges to a .csv file that `read_taxonomy` reads."""
        with atomic_write(path, "w") as file:
            lines = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
            lines.writerow(("child", "parent"))
            lines.writerows(self.edges)


def _above(tree: Tree, nodes: IntArray) -> IntArray:
    """The nodes above those of a cut, from the root down: the splits from the highest to the last."""
    start, stop = tree.leaf_interval.T
    # A node of a cut has all that starts and ends within its leaves below it, and nothing else has.
    cut = np.searchsorted(start[nodes], start, side="right") - 1
    inside = (stop <= stop[nodes][cut]) & (np.arange(tree.n_nodes) <= nodes[cut])
    return np.flatnonzero(~inside)[::-1]


def _plain(name: str, node: int) -> str:
    name = name.replace("\0", "\N{REPLACEMENT CHARACTER}").replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(name) > _LONGEST:
        name = f"{name[: _LONGEST - 1].rstrip()}…"
    return name or f"node {node}"


def _unique(names: Iterable[str]) -> list[str]:
    """Names with " (2)", " (3)", … after those that stood before."""
    every = list(names)
    taken, found = set(every), []
    used: dict[str, int] = {}
    for name in every:
        number = used.get(name, 0) + 1
        told = name
        while number > 1 and (told := f"{name} ({number})") in taken:
            number += 1
        used[name] = number
        taken.add(told)
        found.append(told)
    return found

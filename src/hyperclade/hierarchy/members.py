"""Leaves that stand for a node, and those under it that might as well lie elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike

from hyperclade.environment import FloatArray, IntArray
from hyperclade.hierarchy.rows import METRICS
from hyperclade.trees.tree import Tree

MOST_CANDIDATES = 2048  # members of a node among which the typical ones are looked for
_MOST_SIBLINGS = 64  # largest ones of a node, among which the nearest is looked for


@dataclass(frozen=True, eq=False)
class Members:
    """Leaves under nodes, of at most so many candidates each; see `members_of`.

    Attributes
    ----------
    typical, borderline : dict of int to (c,) int64
        The most typical, and the most doubtful, first.
    """

    typical: dict[int, IntArray]
    borderline: dict[int, IntArray]


def members_of(
    tree: Tree, X: Any, nodes: ArrayLike, metric: str, *, most: int = MOST_CANDIDATES, doubtful: bool = True
) -> Members:
    """How typical the leaves under nodes are, and how doubtful.

    Typical leaves are those nearest to the mean row under the node (metric "euclidean") or whose directions
    are nearest to the mean direction ("cosine"). The doubtful are nearest to belonging to the node's sibling
    of the nearest mean, among its 64 largest: those that are least nearer to the one mean than to the other.
    Under a node without a sibling they are the least typical ones.

    Parameters
    ----------
    tree : Tree over n leaves
    X : (n, d) array, memory map or sparse matrix
        Features of any real dtype and size; read for the candidates only.
    nodes : k int
    metric : {"euclidean", "cosine"}
    most : int
        Candidates under a node; of more leaves so many evenly spaced ones in the order of the tree.
    doubtful : bool
        Whether the borderline ones are asked for.

    Raises
    ------
    ValueError
        If the metric is another, rows are not one per leaf, or a node does not exist.

    Examples
    --------
    >>> tree = Tree([5, 5, 5, 6, 6, 7, 7, -1])
    >>> found = members_of(tree, np.array([[0.0], [1.0], [3.0], [9.0], [10.0]]), [5], "euclidean")
    >>> found.typical[5].tolist(), found.borderline[5].tolist()
    ([1, 0, 2], [2, 1, 0])
    """
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {', '.join(METRICS)}, got {metric!r}")
    if X.shape[0] != tree.n_leaves:
        raise ValueError(f"need a row for each of the {tree.n_leaves} leaves, got {X.shape[0]}")
    X = X.tocsr() if scipy.sparse.issparse(X) else X
    nodes = np.unique(np.asarray(nodes, dtype=np.int64))
    if len(nodes) and not 0 <= nodes[0] <= nodes[-1] < tree.n_nodes:
        raise ValueError(f"nodes must be in 0..{tree.n_nodes - 1}")
    kind = _Directions if metric == "cosine" else _Positions

    def group(node: int) -> _Directions | _Positions:
        return kind(X[_candidates(tree, node, most)].astype(np.float64))

    found = Members({}, {})
    for asked, siblings in _families(tree, nodes, doubtful):
        groups = {node: group(node) for node in siblings} if len(siblings) <= 2 else {}  # else read again
        centres = {node: (groups.get(node) or group(node)).centre for node in siblings}
        for node in asked:
            own, leaves = groups.get(node) or group(node), _candidates(tree, node, most)
            found.typical[node] = leaves[_ascending(-own.nearness())]
            others = [centre for sibling, centre in centres.items() if sibling != node]
            if others:
                found.borderline[node] = leaves[_ascending(own.margins(others))]
            elif doubtful:
                found.borderline[node] = found.typical[node][::-1]
    return found


def typical_leaves(tree: Tree, X: Any, node: int, metric: str) -> IntArray:
    """Leaves under a node, the most typical first as in `members_of`, at most 2,048."""
    return members_of(tree, X, [node], metric, doubtful=False).typical[node]


def _families(tree: Tree, nodes: IntArray, doubtful: bool) -> Iterator[tuple[list[int], list[int]]]:
    """The nodes asked for, those with the same parent together, and the children it has, the largest."""
    if not doubtful:
        yield nodes.tolist(), []
        return
    parents = tree.parent[nodes]
    order = np.argsort(parents, kind="stable")
    for asked in np.split(nodes[order], np.flatnonzero(np.diff(parents[order])) + 1):
        above = int(tree.parent[asked[0]]) if len(asked) else -1
        siblings = tree.children(above) if above >= 0 else asked[:0]
        largest = np.argsort(-tree.size[siblings], kind="stable")[:_MOST_SIBLINGS]
        yield asked.tolist(), siblings[largest].tolist()


def _candidates(tree: Tree, node: int, most: int) -> IntArray:
    start, stop = tree.leaf_interval[node].tolist()
    if stop - start > most:
        return np.sort(tree.leaf_order[start:stop][np.linspace(0, stop - start - 1, most).astype(np.int64)])
    return np.sort(tree.leaf_order[start:stop])  # memory maps are read forwards


def _ascending(values: FloatArray) -> IntArray:
    """The order of values; ties rounded, so that the order of summation does not decide."""
    largest = max(np.abs(values).max(), np.finfo(float).tiny)
    return np.argsort(np.round(values / largest, 9), kind="stable")


class _Directions:
    """Rows compared by direction; in a unit of their own, so that no square overflows or vanishes."""

    def __init__(self, rows: Any) -> None:
        largest = abs(rows).max(axis=1)
        self.rows = _divided(rows, largest.toarray().ravel() if _sparse(rows) else largest)
        norms = np.sqrt(_squares(self.rows))
        self.inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
        self.total = self.rows.T @ self.inverse

    def nearness(self) -> FloatArray:
        """A multiple of the cosine of each row with the mean direction, `(b,)`."""
        return (self.rows @ self.total) * self.inverse

    @property
    def centre(self) -> tuple[FloatArray, float]:
        length = np.sqrt(self.total @ self.total)
        return (self.total / length if length > 0 else self.total), 1.0

    def margins(self, others: Sequence[tuple[FloatArray, float]]) -> FloatArray:
        """Cosine of each row with the mean direction less that with the nearest of others, `(b,)`."""
        mean, directions = self.centre[0], np.stack([row for row, _ in others])
        nearest = directions[np.argmax(np.round(directions @ mean, 9))]
        return (self.rows @ (mean - nearest)) * self.inverse


class _Positions:
    """Rows compared by distance, in a unit of their own."""

    def __init__(self, rows: Any) -> None:
        self.unit = float(abs(rows).max()) or 1.0
        self.rows = _divided(rows, np.full(rows.shape[0], self.unit))
        self.mean = np.asarray(self.rows.mean(axis=0)).ravel()

    def nearness(self) -> FloatArray:
        """Minus the squared distance of each row from the mean row, in some unit, `(b,)`."""
        if not _sparse(self.rows):
            return -np.square(self.rows - self.mean).sum(axis=1)
        return 2 * (self.rows @ self.mean) - _squares(self.rows) - self.mean @ self.mean

    @property
    def centre(self) -> tuple[FloatArray, float]:
        return self.mean, self.unit

    def margins(self, others: Sequence[tuple[FloatArray, float]]) -> FloatArray:
        """How much farther each row is from the nearest other mean than from its own, but for a constant."""
        unit = max(self.unit, *(own for _, own in others))
        away = self.mean * (self.unit / unit) - np.stack([row * (own / unit) for row, own in others])
        distance = np.square(away).sum(axis=1)
        nearest = away[np.argmin(np.round(distance / (distance.max() or 1.0), 9))]
        return self.rows @ nearest - self.mean @ nearest


def _divided(rows: Any, divisors: FloatArray) -> Any:
    """Rows by one number each; not where it is 0."""
    divisors = np.where(divisors > 0, divisors, 1.0)
    if not _sparse(rows):
        return rows / divisors[:, None]
    rows = rows.tocsr()
    rows.data = rows.data / np.repeat(divisors, np.diff(rows.indptr))
    return rows


def _squares(rows: Any) -> FloatArray:
    squares = rows.multiply(rows) if _sparse(rows) else np.square(rows)
    return np.asarray(squares.sum(axis=1)).ravel()


def _sparse(rows: Any) -> bool:
    return scipy.sparse.issparse(rows)

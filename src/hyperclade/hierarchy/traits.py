"""What sets the rows under a node apart: features that are high or low there, and the mix of their labels."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse
from numpy.typing import ArrayLike

from hyperclade.environment import FloatArray, IntArray
from hyperclade.trees.tree import Tree

_LEAST_DIFFERENCE = 0.3  # standard deviations; between Cohen's "small" and "medium" effects
_LEAST_OF_LARGEST = 0.5  # of the largest difference, for another feature to be named beside it
_LEAST_SHARE = 0.05  # of a label to be named after the most frequent one
_BLOCK_VALUES = 2**22  # read at a time
_MOST_SUMS = 2**23  # kept at a time: columns are taken in chunks where they are many


def name_by_features(
    tree: Tree,
    X: Any,
    nodes: ArrayLike,
    columns: Sequence[str] | None = None,
    *,
    within: ArrayLike | None = None,
    most: int = 2,
) -> list[str]:
    """Name nodes by the features that are higher or lower under them than elsewhere: "petal length high".

    A feature's difference is that of its mean under the node from its mean over all other rows, in standard
    deviations over all rows. Features are named from the largest difference on, if it is 0.3 or more and at
    least half the largest. Scaling or shifting columns changes no name.

    Parameters
    ----------
    tree : Tree over n leaves
    X : (n, d) array, memory map or sparse matrix
        Features of any real dtype; read twice, in blocks.
    nodes : k int
        The nodes to name.
    columns : d str, optional
        Names of the features; default f0, f1, …
    within : k int, optional
        For each node one above it, whose rows stand for all. Default: the root.
    most : int
        Features named for a node.

    Returns
    -------
    k str
        "as elsewhere" where no feature differs, "all rows" for a node that holds all.

    Raises
    ------
    ValueError
        If rows are not one per leaf, names not one per column, or a node is none or not below its `within`.

    Examples
    --------
    >>> tree = Tree([4, 4, 5, 5, 6, 6, -1])
    >>> X = np.array([[1.0, 5.0], [2.0, 5.0], [8.0, 5.0], [9.0, 5.0]])
    >>> name_by_features(tree, X, [4, 5, 6], ["length", "width"])
    ['length low', 'length high', 'all rows']
    >>> name_by_features(tree, X, [3], within=[5])
    ['f0 high']
    """
    X = X.tocsr() if scipy.sparse.issparse(X) else X
    n, d = X.shape
    if n != tree.n_leaves:
        raise ValueError(f"need a row for each of the {tree.n_leaves} leaves, got {n}")
    titles = [f"f{column}" for column in range(d)] if columns is None else [str(name) for name in columns]
    if len(titles) != d:
        raise ValueError(f"need a name for each of the {d} columns, got {len(titles)}")
    asked = _nodes(tree, nodes)
    whole = np.full(len(asked), tree.root) if within is None else _nodes(tree, within)
    start, stop = tree.leaf_interval.T
    if len(whole) != len(asked) or ((start[asked] < start[whole]) | (stop[asked] > stop[whole])).any():
        raise ValueError("every node must lie below its node of `within`, one each")
    found = _largest_differences(tree, X, asked, whole, most)
    named = []
    for node, above, (at, difference) in zip(asked.tolist(), whole.tolist(), found, strict=True):
        size = np.abs(difference)
        kept = size >= max(_LEAST_DIFFERENCE, _LEAST_OF_LARGEST * size.max(initial=0.0))
        parts = [
            f"{titles[column]} {'high' if sign > 0 else 'low'}"
            for column, sign in zip(at[kept].tolist(), difference[kept].tolist(), strict=True)
        ]
        everything = tree.size[node] == tree.size[above]
        named.append("all rows" if everything else ", ".join(parts) or "as elsewhere")
    return named


def label_mix(tree: Tree, labels: ArrayLike, nodes: ArrayLike, *, most: int = 2) -> list[str]:
    """The most frequent labels under nodes with their shares, to judge a tree that was made without them.

    Parameters
    ----------
    tree : Tree over n leaves
    labels : array-like
        n values, None or NaN where unknown; such rows do not count.
    nodes : k int
    most : int
        Labels named for a node; those below 5 % are left out after the first.

    Returns
    -------
    k str, empty for nodes without a known label

    Examples
    --------
    >>> tree = Tree([4, 4, 5, 5, 6, 6, -1])
    >>> label_mix(tree, ["oak", "oak", "elm", None], [6, 4, 3])
    ['67 % oak, 33 % elm', '100 % oak', '']
    """
    codes, classes = pd.factorize(np.asarray(labels, dtype=object), sort=False)
    if len(codes) != tree.n_leaves:
        raise ValueError(f"need a label for each of the {tree.n_leaves} leaves, got {len(codes)}")
    in_order = codes[tree.leaf_order]
    texts = []
    for node in _nodes(tree, nodes).tolist():
        start, stop = tree.leaf_interval[node]
        below = in_order[start:stop]
        counts = np.bincount(below[below >= 0], minlength=len(classes))
        total = max(int(counts.sum()), 1)
        order = np.argsort(-counts, kind="stable")[:most].tolist()
        kept = [c for rank, c in enumerate(order) if counts[c] > (_LEAST_SHARE * total if rank else 0)]
        texts.append(", ".join(f"{_percent(int(counts[c]), total)} {classes[c]}" for c in kept))
    return texts


def _percent(count: int, total: int) -> str:
    """Whole percent; 100 % is said of all only."""
    return "> 99 %" if count < total and 200 * count >= 199 * total else f"{100 * count / total:.0f} %"


def _largest_differences(
    tree: Tree, X: Any, nodes: IntArray, whole: IntArray, most: int
) -> list[tuple[IntArray, FloatArray]]:
    """Columns and signed differences of each node, the largest first."""
    start, stop = tree.leaf_interval.T
    bounds = np.unique(np.concatenate([start[nodes], stop[nodes], start[whole], stop[whole]]))
    piece = np.empty(
        tree.n_leaves, dtype=np.int64
    )  # of each row: between which bounds of the leaf order it is
    piece[tree.leaf_order] = np.searchsorted(bounds, np.arange(tree.n_leaves), side="right")
    n_pieces = len(bounds) + 1
    first, last = np.searchsorted(bounds, [start[nodes], stop[nodes]]) + 1
    first_whole, last_whole = np.searchsorted(bounds, [start[whole], stop[whole]]) + 1
    inside, everything = tree.size[nodes][:, None], tree.size[whole][:, None]
    centre, reach = _middles(X)
    step = max(_MOST_SUMS // n_pieces, 1)
    columns: list[IntArray] = []
    differences: list[FloatArray] = []
    for chunk in (slice(at, at + step) for at in range(0, X.shape[1], step)):
        sums, squares = _piece_sums(X, chunk, piece, n_pieces, centre, reach)
        own = sums[last] - sums[first]
        all_ = sums[last_whole] - sums[first_whole]
        variance = (squares[last_whole] - squares[first_whole]) / everything - np.square(all_ / everything)
        difference = own / inside - (all_ - own) / np.maximum(everything - inside, 1)
        # Below this a variance is rounding: columns reach from -1 to 1.
        spread = np.sqrt(np.where(variance > 1e-12, variance, np.inf))
        # Ties rounded, so that the order of summation does not decide.
        difference = np.round(difference / spread, 9)
        best = np.argsort(-np.abs(difference), axis=1, kind="stable")[:, :most]
        columns.append(best + chunk.start)
        differences.append(np.take_along_axis(difference, best, axis=1))
    at, difference = np.concatenate(columns, axis=1), np.concatenate(differences, axis=1)
    order = np.argsort(-np.abs(difference), axis=1, kind="stable")[:, :most]
    return [(at[k, order[k]], difference[k, order[k]]) for k in range(len(nodes))]


def _piece_sums(
    X: Any, chunk: slice, piece: IntArray, n_pieces: int, centre: FloatArray, reach: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Running sums over the pieces of the prepared columns and their squares, `(n_pieces, columns)`.

    Row p is the sum of the pieces before p.
    """
    shape = (n_pieces, len(centre[chunk]))
    sums, squares = np.zeros(shape), np.zeros(shape)
    for rows in _blocks(X):
        block = X[rows, chunk] if chunk.stop < X.shape[1] or chunk.start else X[rows]
        block = block.astype(np.float64)
        if scipy.sparse.issparse(block):
            block = block @ scipy.sparse.diags_array(1 / reach[chunk])
            square = block.multiply(block)
        else:
            block = np.asarray(block)
            block -= centre[chunk]
            block /= reach[chunk]
            square = np.square(block)
        count = block.shape[0]
        pick = scipy.sparse.csr_array(
            (np.ones(count), (piece[rows], np.arange(count))), shape=(n_pieces, count)
        )
        for total, part in ((sums, pick @ block), (squares, pick @ square)):
            total += part.toarray() if scipy.sparse.issparse(part) else part
    zero = np.zeros((1, shape[1]))
    before = [np.concatenate([zero, np.cumsum(total, axis=0)[:-1]]) for total in (sums, squares)]
    return before[0], before[1]


def _middles(X: Any) -> tuple[FloatArray, FloatArray]:
    """Of each column the middle and half the length of its range: with them no square overflows."""
    d = X.shape[1]
    if scipy.sparse.issparse(X):
        reach = np.asarray(abs(X.tocsr().astype(np.float64)).max(axis=0).toarray()).ravel()
        return np.zeros(d), np.where(reach > 0, reach, 1.0)
    low, high = np.full(d, np.inf), np.full(d, -np.inf)
    for rows in _blocks(X):
        block = np.asarray(X[rows])
        low, high = np.minimum(low, block.min(axis=0)), np.maximum(high, block.max(axis=0))
    reach = high / 2 - low / 2
    return low / 2 + high / 2, np.where(reach > 0, reach, 1.0)


def _blocks(X: Any) -> Iterator[slice]:
    rows = max(_BLOCK_VALUES // max(X.shape[1], 1), 16)
    return (slice(start, min(start + rows, X.shape[0])) for start in range(0, X.shape[0], rows))


def _nodes(tree: Tree, nodes: ArrayLike) -> IntArray:
    found = np.asarray(nodes, dtype=np.int64).reshape(-1)
    if ((found < 0) | (found >= tree.n_nodes)).any():
        raise ValueError(f"nodes must be in 0..{tree.n_nodes - 1}")
    return found

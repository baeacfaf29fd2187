"""Names of internal nodes, from the names of the samples under them; labels play no part."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import scipy.sparse
from scipy.special import xlogy

from hyperclade.trees.tree import Tree

_MOST_CANDIDATES = 2048  # members of a node among which the typical ones are looked for
_LEAST_SHARE = 0.25  # of the samples under a node that a word must name to stand for all of them
_LONGEST_NAME = 40  # characters of a sample's name (a text, perhaps) that fit into a node's name
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_EMPTY_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be by for from has have he her his i if in into is it its not of on or our she "
        "so such that the their them there these they this to was we were which who will with you your",
    )
)


def name_nodes(
    tree: Tree,
    names: Sequence[str],
    X: Any,
    nodes: Sequence[int] | np.ndarray,
    *,
    metric: Literal["euclidean", "cosine"] = "cosine",
    n_typical: int = 3,
) -> list[str]:
    """Name nodes by the word that is over-represented in them and by their most typical samples.

    The word is the one with the largest likelihood ratio (G², Dunning 1993) of the share of samples whose
    names hold it under the node against the share among all samples; it must be in a quarter of the names
    under the node and in two at least. The typical samples are those nearest to the mean row under the node
    (metric "euclidean") or whose directions are nearest to the mean direction ("cosine"); in a node of more
    than 2,048 samples, of as many evenly spaced in the order of the tree. A node without such a word is named
    by `n_typical` samples alone, a leaf by its own name.

    Parameters
    ----------
    tree : Tree over n leaves
    names : n str
        Names of the samples.
    X : (n, d) array, memory map or sparse matrix
        Features of any real dtype and size; read for the candidates only.
    nodes : k int
        The nodes to name.
    metric : {"euclidean", "cosine"}
        The one that the tree was made with.
    n_typical : int
        How many samples stand for a node.

    Returns
    -------
    list of str
        k str: "word (sample, sample)" or "sample, sample, sample".

    Raises
    ------
    ValueError
        If names or rows are not one per leaf, a node does not exist, or the metric is another.

    Examples
    --------
    >>> tree = Tree([6, 6, 7, 8, 9, 9, 7, 8, 10, 10, -1])
    >>> names = ["sea gull", "black gull", "owl gull", "robin", "oak", "fir"]
    >>> X = np.array([[9, 0], [9, 1], [9, 2], [9, 3], [0, 9], [1, 9]])
    >>> name_nodes(tree, names, X, [7, 9, 3])
    ['gull (black gull, owl gull)', 'oak, fir', 'robin']
    """
    n = tree.n_leaves
    if len(names) != n or X.shape[0] != n:
        raise ValueError(
            f"need a name and a row for each of the {n} leaves, got {len(names)} and {X.shape[0]}"
        )
    nodes = np.asarray(nodes, dtype=np.int64)
    if ((nodes < 0) | (nodes >= tree.n_nodes)).any():
        raise ValueError(f"nodes must be in 0..{tree.n_nodes - 1}")
    if metric not in _NEARNESS:
        raise ValueError(f"metric must be one of {', '.join(_NEARNESS)}, got {metric!r}")
    X = X.tocsr() if scipy.sparse.issparse(X) else X
    names = [str(name) for name in names]
    words = _Words(tree, names)
    titles = []
    for node in nodes.tolist():
        if node < n:
            titles.append(shortened(names[node]))
            continue
        word = words.over_represented(node)
        typical = _distinct((names[leaf] for leaf in typical_leaves(tree, X, node, metric)), word)
        count = n_typical if word is None else n_typical - 1
        shown = ", ".join(name for _, name in zip(range(count), typical, strict=False))
        titles.append(shown if word is None else f"{word} ({shown})" if shown else word)
    return titles


def typical_leaves(tree: Tree, X: Any, node: int, metric: str) -> np.ndarray:
    """Leaves under a node, the most typical first as in `name_nodes`, at most 2,048; X dense or CSR."""
    leaves = tree.leaves(node)
    if len(leaves) > _MOST_CANDIDATES:
        leaves = leaves[np.linspace(0, len(leaves) - 1, _MOST_CANDIDATES).astype(np.int64)]
    leaves = np.sort(leaves)  # memory maps are read forwards
    nearness = _NEARNESS[metric](X[leaves].astype(np.float64))
    ties_rounded = np.round(nearness / max(np.abs(nearness).max(), np.finfo(float).tiny), 9)
    return leaves[np.argsort(-ties_rounded, kind="stable")]


def _nearness_to_mean_direction(rows: Any) -> np.ndarray:
    """A multiple of the cosine of each row with the mean direction, `(b,)`."""
    largest = abs(rows).max(axis=1)
    rows = _divided(rows, largest.toarray().ravel() if _sparse(rows) else largest)
    norms = np.sqrt(_squares(rows))
    inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
    return (rows @ (rows.T @ inverse)) * inverse


def _nearness_to_mean_row(rows: Any) -> np.ndarray:
    """Minus the squared distance of each row from the mean row, in some unit, `(b,)`."""
    rows = _divided(rows, np.full(rows.shape[0], abs(rows).max()))
    mean = np.asarray(rows.mean(axis=0)).ravel()
    if not _sparse(rows):
        return -np.square(rows - mean).sum(axis=1)
    return 2 * (rows @ mean) - _squares(rows) - mean @ mean


_NEARNESS = {"euclidean": _nearness_to_mean_row, "cosine": _nearness_to_mean_direction}


def _divided(rows: Any, divisors: np.ndarray) -> Any:
    """Rows by one number each, so that no square overflows or vanishes; not where it is 0."""
    divisors = np.where(divisors > 0, divisors, 1.0)
    if not _sparse(rows):
        return rows / divisors[:, None]
    rows = rows.tocsr()
    rows.data = rows.data / np.repeat(divisors, np.diff(rows.indptr))
    return rows


def _squares(rows: Any) -> np.ndarray:
    squares = rows.multiply(rows) if _sparse(rows) else np.square(rows)
    return np.asarray(squares.sum(axis=1)).ravel()


def _sparse(rows: Any) -> bool:
    return scipy.sparse.issparse(rows)


class _Words:
    """The words of the samples' names, in the order of the leaves, each once per name."""

    def __init__(self, tree: Tree, names: list[str]) -> None:
        self.tree = tree
        found = [dict.fromkeys(_words(names[leaf])) for leaf in tree.leaf_order.tolist()]
        self.pointer = np.r_[0, np.cumsum([len(words) for words in found])].astype(np.int64)
        codes, self.vocabulary = pd.factorize(
            np.array([word for words in found for word in words], dtype=object), sort=True
        )
        self.codes = codes.astype(np.int64)
        self.counts = np.bincount(self.codes, minlength=len(self.vocabulary))

    def over_represented(self, node: int) -> str | None:
        start, stop = self.tree.leaf_interval[node]
        found, inside = np.unique(self.codes[self.pointer[start] : self.pointer[stop]], return_counts=True)
        if not found.size:
            return None
        n, size = self.tree.n_leaves, int(stop - start)
        total = self.counts[found]
        evidence = (
            _log_likelihood(inside, size)
            + _log_likelihood(total - inside, n - size)
            - _log_likelihood(total, n)
        )
        fits = (inside >= max(2, _LEAST_SHARE * size)) & (inside * n > total * size)
        if not fits.any():
            return None
        return str(self.vocabulary[found[np.argmax(np.where(fits, evidence, -np.inf))]])


def _log_likelihood(count: np.ndarray, trials: int) -> np.ndarray:
    """Of so many successes at the rate that fits them best."""
    share = count / max(trials, 1)
    return xlogy(count, share) + xlogy(trials - count, 1 - share)


def _words(name: str) -> Iterator[str]:
    return (word for word in map(str.lower, _WORD.findall(name)) if word not in _EMPTY_WORDS)


def _distinct(names: Iterator[str], word: str | None) -> Iterator[str]:
    """Shortened names, each once, without empty ones and any that is but the word."""
    seen = {"", word}
    for name in map(shortened, names):
        if name.lower() not in seen:
            seen.add(name.lower())
            yield name


def shortened(name: str, most: int = _LONGEST_NAME) -> str:
    """A name on one line, of at most so many characters.

    >>> shortened("barn\\nowl and others", 9)
    'barn owl…'
    """
    name = " ".join(name.split())
    return name if len(name) <= most else name[: most - 1].rstrip() + "…"

"""Names of internal nodes, from the names of the samples under them; labels play no part."""

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, Literal

import numpy as np
import scipy.sparse
from scipy.special import xlogy

from hyperclade.environment import IntArray
from hyperclade.hierarchy.words import NameWords
from hyperclade.trees.tree import Tree

_MOST_CANDIDATES = 2048  # members of a node among which the typical ones are looked for
_LEAST_SHARE = 0.25  # of the samples under a node that a word must name to stand for all of them
_MOST_ELSEWHERE = 0.5  # of all other samples that may hold it too
_LEAST_EVIDENCE = 2.71  # G² that a word sets a node apart within another; of chance 10 % have more
_UNSEEN = {"Cc": " ", "Cf": "", "Cs": "\N{REPLACEMENT CHARACTER}"}
_LONGEST_NAME = 40  # columns of a sample's name (a text, perhaps) that fit into a node's name


def name_nodes(
    tree: Tree,
    names: Sequence[str],
    X: Any,
    nodes: Sequence[int] | np.ndarray,
    *,
    metric: Literal["euclidean", "cosine"] = "cosine",
    n_typical: int = 3,
    within: Sequence[int] | np.ndarray | None = None,
    stop_words: Sequence[str] | None = None,
) -> list[str]:
    """Name nodes by the word that is over-represented in them and by their most typical samples.

    The word is the one with the largest likelihood ratio (G², Dunning 1993) of the share of samples whose
    names hold it under the node against the share among all samples; it must be in a quarter of the names
    under the node and in two at least, and in no more than half of all other names. Below another node that
    is named, it is one that no node above is called by and that tells the node from the rest of the nearest
    above (G² of 2.71 or more), if there is one; words of a single letter come last. `NameWords` says
    what counts as a word. The typical samples are those nearest to the mean row under the node (metric
    "euclidean") or whose directions are nearest to the mean direction ("cosine"); in a node of more than
    2,048 samples, of as many evenly spaced in the order of the tree. A node without such a word is named by
    `n_typical` samples alone, a leaf by its own name.

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
    within : k int, optional
        For each node one above it, whose name it does not repeat. Default: the nearest of `nodes`, or the
        root.
    stop_words : sequence of str, optional
        Words that name nothing, beside the built-in ones of large languages; with "none" among them, instead
        of these.

    Returns
    -------
    list of str
        k str: "word (sample, sample)" or "sample, sample, sample".

    Raises
    ------
    ValueError
        If names or rows are not one per leaf, a node does not exist or is not below its `within`, the metric
        is another, or stop words are one text.

    Examples
    --------
    >>> tree = Tree([6, 6, 7, 8, 9, 9, 7, 8, 10, 10, -1])
    >>> names = ["sea gull", "black gull", "owl gull", "robin", "oak", "fir"]
    >>> X = np.array([[9, 0], [9, 1], [9, 2], [9, 3], [0, 9], [1, 9]])
    >>> name_nodes(tree, names, X, [7, 9, 3])
    ['gull (black gull, owl gull)', 'oak, fir', 'robin']
    >>> names = ["small gull", "small gull", "large gull", "large gull", "oak", "fir"]
    >>> name_nodes(tree, names, X, [6, 8], n_typical=1)
    ['small', 'gull']
    """
    n = tree.n_leaves
    if len(names) != n or X.shape[0] != n:
        raise ValueError(
            f"need a name and a row for each of the {n} leaves, got {len(names)} and {X.shape[0]}"
        )
    nodes = np.asarray(nodes, dtype=np.int64)
    if ((nodes < 0) | (nodes >= tree.n_nodes)).any():
        raise ValueError(f"nodes must be in 0..{tree.n_nodes - 1}")
    above = nearest_above(tree, nodes) if within is None else np.asarray(within, dtype=np.int64)
    if not _holds(tree, above, nodes):
        raise ValueError("every node must lie below its node of `within`, one each")
    above = np.where(above == nodes, tree.root, above)
    if metric not in _NEARNESS:
        raise ValueError(f"metric must be one of {', '.join(_NEARNESS)}, got {metric!r}")
    X = X.tocsr() if scipy.sparse.issparse(X) else X
    names = [str(name) for name in names]
    words = _node_words(
        tree, NameWords([names[leaf] for leaf in tree.leaf_order.tolist()], stop_words), nodes, above
    )
    titles = []
    for node, word in zip(nodes.tolist(), words, strict=True):
        if node < n:
            titles.append(shortened(names[node]))
            continue
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


def nearest_above(tree: Tree, nodes: IntArray) -> IntArray:
    """Of each node the smallest of the others that holds it, else the root.

    >>> nearest_above(Tree([4, 4, 5, 6, 5, 6, -1]), np.array([0, 4, 5])).tolist()
    [4, 5, 6]
    """
    start, stop = tree.leaf_interval.T
    nearest: dict[int, int] = {}
    path: list[int] = []
    unique = np.unique(nodes)[::-1]  # of nodes with the same leaves, upper ones have larger numbers
    for node in unique[np.lexsort((-stop[unique], start[unique]))].tolist():
        while path and stop[path[-1]] < stop[node]:
            path.pop()
        nearest[node] = path[-1] if path else tree.root
        path.append(node)
    return np.array([nearest[node] for node in nodes.tolist()], dtype=np.int64)


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


def _holds(tree: Tree, above: IntArray, nodes: IntArray) -> bool:
    """Whether each node lies below another or is the same."""
    if above.shape != nodes.shape or ((above < 0) | (above >= tree.n_nodes)).any():
        return False
    start, stop = tree.leaf_interval.T
    return bool(((start[above] <= start[nodes]) & (stop[nodes] <= stop[above])).all())


def _node_words(tree: Tree, words: NameWords, nodes: IntArray, above: IntArray) -> list[str | None]:
    """The word of each node, none of leaves, by the nodes `above`; words are in the order of the leaves."""
    counts = _Counts(tree, words)
    chosen: dict[tuple[int, int], int | None] = {}
    taken: dict[int, frozenset[int]] = {tree.root: frozenset()}
    pairs = {*zip(nodes.tolist(), above.tolist(), strict=True)}
    pairs |= {(node, tree.root) for node in {*above.tolist()} - {*nodes.tolist()}}
    held, within = -1, (counts.codes[:0], counts.codes[:0])
    for node, upper in sorted(pairs, key=lambda pair: (-pair[1], -pair[0])):  # children have smaller numbers
        if node < tree.n_leaves:
            continue
        if upper != held:
            held, within = upper, counts.inside(upper)
        code = counts.best(node, upper, within, taken[upper])
        chosen[node, upper] = code
        own = () if code is None else words.parts(words.vocabulary[code])
        taken[node] = taken.get(node, frozenset()) | taken[upper] | frozenset(own)
    codes = [chosen.get(pair) for pair in zip(nodes.tolist(), above.tolist(), strict=True)]
    return [None if code is None else words.vocabulary[code] for code in codes]


class _Counts:
    """How many names under a node hold each word."""

    def __init__(self, tree: Tree, words: NameWords) -> None:
        self.tree, self.pointer, self.codes = tree, words.pointer, words.codes
        self.everywhere = np.bincount(self.codes, minlength=len(words.vocabulary))
        self.short = np.array([len(word) == 1 for word in words.vocabulary], dtype=bool)

    def inside(self, node: int) -> tuple[IntArray, IntArray]:
        """The words under a node, ascending, and their numbers of names."""
        start, stop = self.tree.leaf_interval[node]
        return np.unique(self.codes[self.pointer[start] : self.pointer[stop]], return_counts=True)

    def best(
        self, node: int, upper: int, within: tuple[IntArray, IntArray], taken: frozenset[int]
    ) -> int | None:
        """The word of a node: one that sets it apart under `upper`, whose words are `within`, if there is."""
        n, size, room = self.tree.n_leaves, int(self.tree.size[node]), int(self.tree.size[upper])
        found, inside = self.inside(node)
        total = self.everywhere[found]
        fits = (inside >= max(2, _LEAST_SHARE * size)) & (inside * n > total * size)
        fits &= total - inside <= _MOST_ELSEWHERE * (n - size)
        if not fits.any():
            return None
        found, inside, total = found[fits], inside[fits], total[fits]
        if upper != self.tree.root:
            beside = within[1][np.searchsorted(within[0], found)]
            evidence = _likelihood_ratio(inside, size, beside, room)
            apart = (evidence >= _LEAST_EVIDENCE) & (inside * room > beside * size)
            apart &= ~np.isin(found, list(taken))
            if apart.any():
                return self._most_evident(found[apart], evidence[apart])
        return self._most_evident(found, _likelihood_ratio(inside, size, total, n))

    def _most_evident(self, found: IntArray, evidence: np.ndarray) -> int:
        """The first of the largest; of words of a single letter only where there are no others."""
        return int(found[np.lexsort((found, -evidence, self.short[found]))[0]])


def _likelihood_ratio(inside: IntArray, size: int, total: IntArray, n: int) -> np.ndarray:
    """G² of so many of `size` samples against so many of n, among which they are."""
    found = _log_likelihood(inside, size) + _log_likelihood(total - inside, n - size)
    return 2 * (found - _log_likelihood(total, n))


def _log_likelihood(count: np.ndarray, trials: int) -> np.ndarray:
    """Of so many successes at the rate that fits them best."""
    share = count / max(trials, 1)
    return xlogy(count, share) + xlogy(trials - count, 1 - share)


def _distinct(names: Iterator[str], word: str | None) -> Iterator[str]:
    """Shortened names, each once, without empty ones and any that is but the word."""
    seen = {"", word}
    for name in map(shortened, names):
        if name.lower() not in seen:
            seen.add(name.lower())
            yield name


def shortened(name: str, most: int = _LONGEST_NAME) -> str:
    """A name as `plain` has it, of at most so many columns: wide letters, as of Chinese, take two.

    >>> shortened("barn\\nowl and others", 9), shortened("红色的苹果树", 9)
    ('barn owl…', '红色的苹…')
    """
    name = plain(name)
    if len(name) <= most and columns(name) <= most:
        return name
    room = accumulate(map(columns, name[:most]))
    return name[: sum(end < most for end in room)].rstrip() + "…"


def plain(text: str) -> str:
    """A text on one line, without control characters and any that are not seen.

    >>> plain("barn\\x1b\\nowl\\u200b\\u202e")
    'barn owl'
    """
    if not (text.isascii() and text.isprintable()):
        text = text.translate({ord(letter): _UNSEEN.get(unicodedata.category(letter), letter)
                               for letter in set(text)})  # fmt: skip
    return " ".join(text.split())


def columns(text: str) -> int:
    """Columns that a text takes where letters are equally wide; wide ones, as of Chinese, take two."""
    if text.isascii():
        return len(text)
    return len(text) + sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)

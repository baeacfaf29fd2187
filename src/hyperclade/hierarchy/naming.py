"""Names of internal nodes, from the names of the samples under them; labels play no part."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import accumulate
from typing import Any, Literal

import numpy as np
from scipy.special import xlogy

from hyperclade.environment import FloatArray, IntArray
from hyperclade.hierarchy.members import members_of
from hyperclade.hierarchy.words import NameWords
from hyperclade.trees.tree import Tree

_LEAST_SHARE = 0.25  # of the samples under a node that a word must name to stand for all of them
_MOST_ELSEWHERE = 0.5  # of all other samples that may hold it too
_SEARCH = 20  # names that are counted in the time in which a word is looked up
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
    typical: Mapping[int, IntArray] | None = None,
) -> list[str]:
    """Name nodes by the word that is over-represented in them and by their most typical samples.

    The word is the one with the largest likelihood ratio (G², Dunning 1993) of the share of samples whose
    names hold it under the node against the share among all samples; it must be in a quarter of the names
    under the node and in two at least, and in no more than half of all other names. Below another node that
    is named, it is one that no node above is called by and that tells the node from the rest of the nearest
    above (G² of 2.71 or more), if there is one; words of a single letter come last. `NameWords` says
    what counts as a word. The typical samples are those of `members_of`. A node without such a word is named
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
    within : k int, optional
        For each node one above it, whose name it does not repeat. Default: the nearest of `nodes`, or the
        root.
    stop_words : sequence of str, optional
        Words that name nothing, beside the built-in ones of large languages; with "none" among them, instead
        of these.
    typical : dict of int to (c,) int64, optional
        The typical leaves of nodes where they are known, the most typical first.

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
    inner = np.setdiff1d(nodes[nodes >= n], np.array([*(typical or ())], dtype=np.int64))
    typical = {**(typical or {}), **members_of(tree, X, inner, metric, doubtful=False).typical}
    names = [str(name) for name in names]
    words = _node_words(
        tree, NameWords([names[leaf] for leaf in tree.leaf_order.tolist()], stop_words), nodes, above
    )
    titles = []
    short = cache(shortened)
    for node, word in zip(nodes.tolist(), words, strict=True):
        if node < n:
            titles.append(short(names[node]))
            continue
        members = _distinct((short(names[leaf]) for leaf in typical[node].tolist()), word)
        count = n_typical if word is None else n_typical - 1
        shown = ", ".join(name for _, name in zip(range(count), members, strict=False))
        titles.append(shown if word is None else f"{word} ({shown})" if shown else word)
    return titles


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


def _holds(tree: Tree, above: IntArray, nodes: IntArray) -> bool:
    """Whether each node lies below another or is the same."""
    if above.shape != nodes.shape or ((above < 0) | (above >= tree.n_nodes)).any():
        return False
    start, stop = tree.leaf_interval.T
    return bool(((start[above] <= start[nodes]) & (stop[nodes] <= stop[above])).all())


def _node_words(tree: Tree, words: NameWords, nodes: IntArray, above: IntArray) -> list[str | None]:
    """The word of each node, none of leaves, by the nodes `above`; words are in the order of the leaves."""
    asked = [*zip(nodes.tolist(), above.tolist(), strict=True)]
    pairs = {*asked} | {(node, tree.root) for node in {*above.tolist()} - {*nodes.tolist()}}
    # Children have smaller numbers, so that what is taken above a node is known before it is named.
    ordered = sorted(
        (pair for pair in pairs if pair[0] >= tree.n_leaves), key=lambda pair: (-pair[1], -pair[0])
    )
    chosen: dict[tuple[int, int], int | None] = {}
    taken: dict[int, frozenset[int]] = {tree.root: frozenset()}
    for pair, (apart, best) in zip(ordered, _Counts(tree, words).ranked(ordered), strict=True):
        node, upper = pair
        code = next((word for word in apart if word not in taken[upper]), best)
        chosen[pair] = code
        own = () if code is None else words.parts(words.vocabulary[code])
        taken[node] = taken.get(node, frozenset()) | taken[upper] | frozenset(own)
    codes = [chosen.get(pair) for pair in asked]
    return [None if code is None else words.vocabulary[code] for code in codes]


class _Counts:
    """How many names under a node hold each word."""

    def __init__(self, tree: Tree, words: NameWords) -> None:
        self.tree, self.pointer, self.codes = tree, words.pointer, words.codes
        self.everywhere = np.bincount(self.codes, minlength=len(words.vocabulary))
        self.short = np.array([len(word) == 1 for word in words.vocabulary], dtype=bool)
        self.frequent = np.argsort(-self.everywhere, kind="stable")
        # Where words stand: all places of the first one, ascending, then all of the next.
        places = np.repeat(np.arange(tree.n_leaves), np.diff(self.pointer))
        self.places = np.sort(self.codes * tree.n_leaves + places)

    def ranked(self, pairs: Sequence[tuple[int, int]]) -> Iterator[tuple[list[int], int | None]]:
        """For each node and one above: words that set it apart there, the best first; the best among all."""
        tree = self.tree
        node, upper = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        own, of_pair = np.unique(node, return_inverse=True)
        listed = [self._candidates(which) for which in own.tolist()]
        lengths = np.array([len(found) for found, _ in listed], dtype=np.int64)
        begin = np.cumsum(lengths) - lengths
        none = np.zeros(0, dtype=np.int64)
        found = np.concatenate([none, *(words for words, _ in listed)])
        inside = np.concatenate([none, *(names for _, names in listed)])
        # From here on a line is a pair and a word of its node.
        count = lengths[of_pair]
        pair = np.repeat(np.arange(len(node)), count)
        line = np.arange(len(pair)) - np.repeat(np.cumsum(count) - count, count) + begin[of_pair][pair]
        found, inside, size, room = found[line], inside[line], tree.size[node][pair], tree.size[upper][pair]
        total = self.everywhere[found]
        order = np.lexsort(
            (found, -_likelihood_ratio(inside, size, total, tree.n_leaves), self.short[found], pair)
        )
        bounds = np.searchsorted(pair, np.arange(len(node) + 1))
        best = found[order]
        start, stop = tree.leaf_interval[upper[pair]].T
        beside = np.where(room < tree.n_leaves, self._holding(found, start, stop), total)
        evidence = _likelihood_ratio(inside, size, beside, room)
        apart = (evidence >= _LEAST_EVIDENCE) & (inside * room > beside * size) & (upper[pair] != tree.root)
        order = np.lexsort((found, -evidence, self.short[found], ~apart, pair))
        first = found[order].tolist()
        ends = bounds[:-1] + np.bincount(pair, apart, minlength=len(node)).astype(np.int64)
        for at, end, last in zip(bounds[:-1].tolist(), ends.tolist(), bounds[1:].tolist(), strict=True):
            yield first[at:end], int(best[at]) if at < last else None

    def _candidates(self, node: int) -> tuple[IntArray, IntArray]:
        """Words that may stand for a node, ascending, and the number of names under it that hold each."""
        tree = self.tree
        n, size = tree.n_leaves, int(tree.size[node])
        least = max(2, _LEAST_SHARE * size)
        start, stop = tree.leaf_interval[node]
        below = self.codes[self.pointer[start] : self.pointer[stop]]
        few = int(np.searchsorted(-self.everywhere[self.frequent], -least, side="right"))
        if few * _SEARCH < len(below):  # rather the places of the few words that are frequent enough
            found = np.sort(self.frequent[:few])
            inside = self._holding(found, start, stop)
        else:
            found, inside = np.unique(below, return_counts=True)
        total = self.everywhere[found]
        fits = (
            (inside >= least) & (inside * n > total * size) & (total - inside <= _MOST_ELSEWHERE * (n - size))
        )
        return found[fits], inside[fits]

    def _holding(self, words: IntArray, start: IntArray, stop: IntArray) -> IntArray:
        """How many names from one place in the order of leaves to another hold each word."""
        first = words * self.tree.n_leaves
        return np.searchsorted(self.places, first + stop) - np.searchsorted(self.places, first + start)


def _likelihood_ratio(inside: IntArray, size: IntArray, total: IntArray, n: IntArray | int) -> FloatArray:
    """G² of so many of `size` samples against so many of n, among which they are."""
    found = _log_likelihood(inside, size) + _log_likelihood(total - inside, n - size)
    return 2 * (found - _log_likelihood(total, n))


def _log_likelihood(count: IntArray, trials: IntArray | int) -> FloatArray:
    """Of so many successes at the rate that fits them best."""
    share = count / np.maximum(trials, 1)
    return xlogy(count, share) + xlogy(trials - count, 1 - share)


def _distinct(names: Iterator[str], word: str | None) -> Iterator[str]:
    """Shortened names, each once, without empty ones and any that is but the word."""
    seen = {"", word}
    for name in names:
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

"""Trees to and from other formats: SciPy linkage, Newick, JSON; out to networkx and GraphML.

Everything here turns a `Tree` into a string, array or graph, or back, and is a method of it; writing files is
the caller's concern. What reads a format is told which class to make, so that `Tree` can have it as a class
method without a circle of imports.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from types import NoneType
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import ArrayLike

from hyperclade.environment import FloatArray, IntArray, require
from hyperclade.trees.kernels import lifted, path_heights

if TYPE_CHECKING:
    import networkx

    from hyperclade.trees.tree import Tree

JSON_FORMAT = "hyperclade-tree"

# Fields of a tree by the version that brought them, and what their lists may hold; the newest version is
# written only where its fields are needed.
_FIELDS: dict[int, dict[str, set[type]]] = {
    1: {"parent": {int}, "height": {int, float}, "names": {str}},
    2: {"inner_names": {str, NoneType}, "branch_length": {int, float, NoneType}},
}
_NULLABLE = {"names", "inner_names", "branch_length"}

_BOM = "\ufeff"
# Letters and digits of any script, and signs without a meaning in Newick. An unquoted underscore would mean a
# blank to many readers, and an unquoted number at a leaf is read as its id.
_PLAIN_LABEL = re.compile(r"(?:(?!_)[\w.+\-*/|@#%&!?$^~<>])+\Z")
_LEAF_ID = re.compile(r"[0-9]+\Z")
# A double quote opens a name only where one begins: inside, it may be the sign of inches or seconds.
_QUOTED = r"""'(?:[^']|'')*'|(?<![^\s()\[\]:;,'])"(?:[^"]|"")*["]"""
_TOKEN = re.compile(rf"""[(),:;]|{_QUOTED}|[^\s()\[\]:;,'"][^\s()\[\]:;,']*|\S""")
_LABEL = re.compile(r"""['"].|[^()\[\]:;,'"]""", re.DOTALL)
_BRACKET = re.compile(r"[\[\]]")
_QUOTED_OR_BRACKET = re.compile(rf"{_QUOTED}|[\[\]]")
# Data in a comment: of BEAST or NHX (but not [&R] or [&U], for rooted or not), or a support value by itself.
_ANNOTATION = re.compile(r"\[(?:&(?![RU]\s*\])|\s*[\d.]+\s*\])", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\Z", re.ASCII)
_HINTS = {
    "start": "a name or '(' is due",
    "label": "check the brackets and commas, and quote names with blanks",
    "end": "the text must hold one tree",
}
_REPLACEMENT = "\ufffd"
_ENTITIES = {"\r": "&#13;"}  # bare, it would be read as a line feed
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_linkage(tree: Tree) -> FloatArray:
    """SciPy linkage with rows in order of height.

    A node with k children becomes k-1 merges of its height, its children joined one after the other; a node
    with one child vanishes. Leaves keep their ids; rows of one height, and the children of a node, follow the
    canonical order of `Tree`. Names and branch lengths have no place in a linkage.

    Returns
    -------
    (n-1, 4) float64: two clusters, height, number of leaves, valid for `scipy.cluster.hierarchy`

    Examples
    --------
    >>> from hyperclade.trees import Tree
    >>> Tree([3, 3, 4, 4, -1], height=[0, 0, 0, 0.5, 2]).to_linkage().tolist()
    [[0.0, 1.0, 0.5, 2.0], [2.0, 3.0, 2.0, 3.0]]
    """
    if np.diff(tree.child_pointer)[tree.n_leaves :].min(initial=2) < 2:
        tree = tree.collapse()
    n = tree.n_leaves
    tree = tree.canonical()

    # child_index lists the children by ascending parent, that is, in the order of the merges
    first = np.zeros(tree.n_nodes - 1, dtype=bool)
    first[tree.child_pointer[n:-1]] = True
    cluster = np.r_[
        np.arange(n), n - 1 + np.cumsum(np.diff(tree.child_pointer)[n:] - 1)
    ]  # final id of a node
    merge = np.cumsum(~first) - 1  # row of every child but the first of its parent
    rows = np.flatnonzero(~first)
    joined = np.where(first[rows - 1], cluster[tree.child_index[rows - 1]], n - 1 + merge[rows])
    sizes = np.cumsum(tree.size[tree.child_index])
    before = (sizes - tree.size[tree.child_index])[tree.child_pointer[tree.parent[tree.child_index[rows]]]]
    pairs = np.sort(np.column_stack([joined, cluster[tree.child_index[rows]]]), axis=1)
    return np.column_stack([pairs, tree.height[tree.parent[tree.child_index[rows]]], sizes[rows] - before])


def from_linkage(make: type[Tree], linkage: ArrayLike, names: Iterable[str] | None = None) -> Tree:
    """Binary tree from a SciPy linkage; row i becomes node n+i.

    Where a merge lies below one of its clusters (an inversion, as centroid linkage gives) it is lifted to the
    cluster's height.

    Parameters
    ----------
    make : class
        `Tree`, whose class method this is.
    linkage : (n-1, 4) float
    names : n str, optional

    Raises
    ------
    ValueError
        If the shape, ids, heights or counts are not those of a linkage.

    Examples
    --------
    >>> from hyperclade.trees import Tree
    >>> Tree.from_linkage([[0, 1, 0.5, 2], [2, 3, 2.0, 3]]).parent.tolist()
    [3, 3, 4, 4, -1]
    """
    linkage = np.asarray(linkage, dtype=np.float64)
    if linkage.ndim != 2 or linkage.shape[1] != 4 or len(linkage) == 0:
        raise ValueError(f"a linkage has shape (n-1, 4) with at least one row, got {linkage.shape}")
    if not np.isfinite(linkage).all():
        raise ValueError("the linkage holds NaN or infinite values")
    merges = linkage[:, :2].astype(np.int64)
    if (merges != linkage[:, :2]).any():
        raise ValueError("the first two columns of a linkage must be whole numbers, the ids of clusters")
    if (linkage[:, 2] < 0).any():
        raise ValueError("the heights (third column) of a linkage must not be negative")
    tree = make.from_merges(merges, names=names)
    wrong = np.flatnonzero(linkage[:, 3] != tree.size[tree.n_leaves :])
    if wrong.size:
        row = int(wrong[0])
        raise ValueError(
            f"row {row} of the linkage counts {linkage[row, 3]:g} leaves (fourth column), but joins "
            f"{tree.size[tree.n_leaves + row]}"
        )
    height = linkage[:, 2]
    if (np.r_[np.zeros(tree.n_leaves), height][merges] > height[:, None]).any():
        height = lifted(tree.parent, np.r_[np.zeros(tree.n_leaves), height])[tree.n_leaves :]
    return make.from_merges(merges, height, names)


def to_newick(tree: Tree, node_names: Sequence[str | None] | None = None) -> str:
    """Newick text with the tree's branch lengths or, where it has none, the differences of its heights.

    Names with blanks, underscores, brackets and the like, and names of leaves that are whole numbers, are
    quoted. A tree without names has its leaf ids as labels. Children stand in the canonical order of `Tree`.

    Parameters
    ----------
    tree : Tree
    node_names : m str or None, optional
        Names of all nodes. Default: the names of the leaves and internal nodes that the tree holds.

    Examples
    --------
    >>> from hyperclade.trees import Tree
    >>> Tree([3, 3, 4, 4, -1], names=["cat", "big dog", "oak"], inner_names=["pets", None]).to_newick()
    "((cat:1.0,'big dog':1.0)pets:1.0,oak:2.0);"
    """
    names = _all_names(tree, node_names)
    labels = [_newick_label(name, node < tree.n_leaves) for node, name in enumerate(names)]
    if tree.names is None and node_names is None:
        labels[: tree.n_leaves] = map(str, range(tree.n_leaves))
    length = _height_differences(tree) if tree.branch_length is None else tree.branch_length
    written = [f":{value!r}" if value == value else "" for value in length.tolist()]  # but for NaN
    pointer, children = tree.child_pointer.tolist(), tree.child_index.tolist()
    pieces: list[str] = []
    stack = [tree.root]
    while stack:
        node = stack.pop()
        if node < 0:  # the way back up: ~node has all its children written
            node = ~node
            pieces.append(")")
        elif node >= tree.n_leaves:
            pieces.append("(")
            stack.append(~node)
            stack.extend(reversed(children[pointer[node] : pointer[node + 1]]))
            continue
        pieces.append(labels[node] + written[node])
        if stack and stack[-1] >= 0:
            pieces.append(",")
    return "".join(pieces) + ";"


def from_newick(make: type[Tree], text: str) -> Tree:
    """Tree from Newick text of one tree.

    Leaves are numbered in the order of the text, unless all are labelled with the unquoted numbers
    ``0..n-1``: these are taken for leaf ids, as `to_newick` writes them. Names stand bare, or in single or
    double quotes; a bare underscore is kept. Labels of internal nodes, support values too, become
    `Tree.inner_names`. Comments in square brackets (nested too) are skipped.

    The height of a node is the length of the longest path down to a leaf, where missing and negative branches
    (of neighbour joining) count 0; without any branch length it is the number of levels. Where the
    differences of heights are not the branch lengths to the last bit, the tree holds these as
    `Tree.branch_length`, so that `to_newick` writes what was read.

    Raises
    ------
    ValueError
        Naming the position (from 0) of the character where the text breaks the format.

    Warns
    -----
    UserWarning
        If comments hold annotations (``[&...]``, of NHX or BEAST, or a number), which a tree does not keep.

    Examples
    --------
    >>> from hyperclade.trees import Tree
    >>> tree = Tree.from_newick("((cat:1,'big dog':1)pets:1[a comment],oak:2e0);")
    >>> tree.names, tree.inner_names, tree.height.tolist()
    (('cat', 'big dog', 'oak'), ('pets', None), [0.0, 0.0, 0.0, 1.0, 2.0])
    >>> tree = Tree.from_newick("(A:0.1,B:1);")
    >>> tree.height.tolist(), tree.branch_length.tolist(), tree.to_newick()
    ([0.0, 0.0, 1.0], [0.1, 1.0, nan], '(A:0.1,B:1.0);')
    """
    parents, labels, lengths = _parse_newick(text)
    heights = path_heights(parents, np.nan_to_num(lengths))
    if not np.isfinite(heights).all():
        raise ValueError("Newick: branch lengths add up to more than a number can hold; divide them all")
    differences = np.r_[np.nan, heights[parents[1:]] - heights[1:]]
    branch_length = None if np.array_equal(lengths, differences, equal_nan=True) else lengths
    is_leaf = np.bincount(parents[1:], minlength=len(parents)) == 0
    leaves = np.flatnonzero(is_leaf)
    found = [labels[leaf] for leaf in leaves.tolist()]
    names = None
    if set(found) == set(map(str, range(len(found)))):
        ids = np.array(found, dtype=np.int64)
        parents[leaves[ids]], lengths[leaves[ids]] = parents[leaves], lengths[leaves]
    elif any(label is not None for label in found):
        names = ["" if label is None else _unquoted(label) for label in found]
    inner = [labels[node] for node in np.flatnonzero(~is_leaf).tolist()]
    inner_names = [None if label is None else _unquoted(label) for label in inner]
    given_heights = None if np.isnan(lengths).all() else heights
    return make.from_parents(parents, given_heights, names, inner_names, branch_length)


def to_json(tree: Tree) -> str:
    """JSON object of the arrays ``parent``, ``height`` and ``names`` with ``format`` and ``version``.

    `from_json` gives back an equal tree, heights to the last bit. Trees with names of internal nodes or with
    branch lengths are of version 2, which adds ``inner_names`` and ``branch_length`` (null where unknown).

    Examples
    --------
    >>> from hyperclade.trees import Tree
    >>> Tree([2, 2, -1]).to_json()
    '{"format":"hyperclade-tree","version":1,"parent":[2,2,-1],"height":[0.0,0.0,1.0],"names":null}'
    """
    content = {
        "format": JSON_FORMAT,
        "version": 1,
        "parent": tree.parent.tolist(),
        "height": tree.height.tolist(),
        "names": tree.names,
    }
    if tree.inner_names is not None or tree.branch_length is not None:
        content |= {"version": 2, "inner_names": tree.inner_names, "branch_length": None}
    if tree.branch_length is not None:
        content["branch_length"] = _nan_as_none(tree.branch_length)
    return json.dumps(content, separators=(",", ":"), allow_nan=False)


def from_json(make: type[Tree], text: str) -> Tree:
    """Tree from the JSON text of `to_json`.

    Raises
    ------
    ValueError
        If the text is not JSON, is of another format or version, or lacks or adds a field.

    Examples
    --------
    >>> from hyperclade.trees import Tree
    >>> Tree.from_json(Tree([2, 2, -1], names=["a", "b"]).to_json()).names
    ('a', 'b')
    """
    try:
        content = json.loads(text.removeprefix(_BOM))
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply to be a tree") from error
    if not isinstance(content, dict) or content.get("format") != JSON_FORMAT:
        raise ValueError(f'this is not a tree: "format" must be "{JSON_FORMAT}"')
    version = content.get("version")
    if not isinstance(version, int) or version not in _FIELDS:
        raise ValueError(f"tree of version {version!r}; this release reads {' and '.join(map(str, _FIELDS))}")
    fields = _FIELDS[1] | _FIELDS[version]
    if odd := content.keys() ^ {"format", "version", *fields}:
        raise ValueError(f"fields missing or unknown: {', '.join(sorted(odd))}")
    for field, kinds in fields.items():
        values = content[field]
        if values is None and field in _NULLABLE:
            continue
        if not isinstance(values, list) or not {type(value) for value in values} <= kinds:
            what = f"a list of {'strings' if str in kinds else 'numbers'}"
            raise ValueError(f'"{field}" must be {"null or " if field in _NULLABLE else ""}{what}')
    try:
        return make(**{field: content[field] for field in fields})
    except OverflowError as error:
        raise ValueError(f"a number is too large: {error}") from error


def to_networkx(tree: Tree, node_names: Sequence[str | None] | None = None) -> networkx.DiGraph:
    """Directed graph with edges from parents to children.

    Nodes are the ids, with attributes ``size``, ``height`` and, where the tree has them, ``name`` and
    ``branch_length``.

    Parameters
    ----------
    tree : Tree
    node_names : m str or None, optional
        Names of all nodes. Default: the names of the leaves and internal nodes that the tree holds.

    Raises
    ------
    ImportError
        If networkx is not installed.

    Examples
    --------
    >>> from hyperclade.trees import Tree
    >>> graph = Tree([2, 2, -1], names=["a", "b"]).to_networkx()
    >>> sorted(graph.edges), graph.nodes[0]
    ([(2, 0), (2, 1)], {'size': 1, 'height': 0.0, 'name': 'a'})
    """
    require("to_networkx", "networkx")
    import networkx

    graph = networkx.DiGraph()
    for node, attributes in enumerate(_attributes(tree, node_names)):
        graph.add_node(node, **attributes)
    graph.add_edges_from(zip(tree.parent[:-1].tolist(), range(tree.n_nodes - 1), strict=True))
    return graph


def to_graphml(tree: Tree, node_names: Sequence[str | None] | None = None) -> str:
    """GraphML text of the graph of `to_networkx`; characters that XML cannot hold become U+FFFD.

    Examples
    --------
    >>> from hyperclade.trees import Tree
    >>> print(Tree([2, 2, -1], names=["a", "b & c"]).to_graphml().splitlines()[-4])
    <edge source="2" target="0"/>
    """
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">',
        '<key id="size" for="node" attr.name="size" attr.type="long"/>',
        '<key id="height" for="node" attr.name="height" attr.type="double"/>',
        '<key id="name" for="node" attr.name="name" attr.type="string"/>',
        '<key id="branch_length" for="node" attr.name="branch_length" attr.type="double"/>',
        '<graph edgedefault="directed">',
    ]
    for node, attributes in enumerate(_attributes(tree, node_names)):
        data = "".join(
            f'<data key="{key}">{escape(_NOT_IN_XML.sub(_REPLACEMENT, str(value)), _ENTITIES)}</data>'
            for key, value in attributes.items()
        )
        lines.append(f'<node id="{node}">{data}</node>')
    lines += [
        f'<edge source="{above}" target="{node}"/>' for node, above in enumerate(tree.parent[:-1].tolist())
    ]
    return "\n".join([*lines, "</graph>", "</graphml>", ""])


def _all_names(tree: Tree, node_names: Sequence[str | None] | None) -> list[str | None]:
    if node_names is None:
        n_inner = tree.n_nodes - tree.n_leaves
        return [*(tree.names or [None] * tree.n_leaves), *(tree.inner_names or [None] * n_inner)]
    if len(node_names) != tree.n_nodes:
        raise ValueError(f"node_names must name all {tree.n_nodes} nodes, got {len(node_names)}")
    return list(node_names)


def _attributes(tree: Tree, node_names: Sequence[str | None] | None) -> Iterator[dict[str, Any]]:
    lengths = [None] * tree.n_nodes if tree.branch_length is None else _nan_as_none(tree.branch_length)
    for size, height, name, length in zip(
        tree.size.tolist(), tree.height.tolist(), _all_names(tree, node_names), lengths, strict=True
    ):
        found = {"size": size, "height": height, "name": name, "branch_length": length}
        yield {key: value for key, value in found.items() if value is not None}


def _height_differences(tree: Tree) -> FloatArray:
    """Branch lengths ``(m,) float64`` by the heights; NaN at the root."""
    return np.r_[tree.height[tree.parent[:-1]] - tree.height[:-1], np.nan]


def _nan_as_none(values: FloatArray) -> list[float | None]:
    return [None if value != value else value for value in values.tolist()]


def _newick_label(name: str | None, of_leaf: bool) -> str:
    if name is None or (_PLAIN_LABEL.match(name) and not (of_leaf and _LEAF_ID.match(name))):
        return name or ""
    return "'" + name.replace("'", "''") + "'"


def _unquoted(label: str) -> str:
    quote = label[0]
    return label[1:-1].replace(quote * 2, quote) if quote in ("'", '"') else label


def _parse_newick(text: str) -> tuple[IntArray, list[str | None], FloatArray]:
    """Parents (nodes numbered from the root in preorder), labels as written, and branch lengths or NaN."""
    text = _without_comments(" " + text[1:] if text.startswith(_BOM) else text)
    parents, labels, lengths = [-1], [None], [np.nan]  # type: tuple[list[int], list[str | None], list[float]]
    node, inside = 0, False
    last = (
        "start"  # what the current node got last: start, children, label, colon, length; or end of the tree
    )
    for match in _TOKEN.finditer(text):
        token = match.group()
        if last == "colon":
            length = float(token) if _NUMBER.match(token) else np.nan
            if not np.isfinite(length):
                raise _newick_error(match, "a finite branch length is due")
            lengths[node], last = length, "length"
        elif token == ":" and last in ("start", "children", "label"):
            last = "colon"
        elif (token == "," and inside) or (token == "(" and last == "start"):
            parents.append(parents[node] if token == "," else node)
            labels.append(None)
            lengths.append(np.nan)
            node, inside, last = len(parents) - 1, True, "start"
        elif token == ")" and inside:
            node, last = parents[node], "children"
            inside = node > 0
        elif token == ";" and not inside and last not in ("start", "end"):
            last = "end"
        elif last in ("start", "children") and _LABEL.match(token):
            labels[node], last = token, "label"
        else:
            raise _newick_error(match, _HINTS.get(last, "check the brackets and commas"))
    if last != "end":
        raise ValueError(f"Newick: the text ends at character {len(text)} without the ';' that closes a tree")
    return np.array(parents), labels, np.array(lengths)


def _newick_error(match: re.Match[str], hint: str) -> ValueError:
    if match.group() in ("'", '"'):
        return ValueError(f"Newick: the quote at character {match.start()} is never closed")
    return ValueError(f"Newick: unexpected {match.group()!r} at character {match.start()}; {hint}")


def _without_comments(text: str) -> str:
    """Blanks in the place of comments, so that positions stay; annotations among them are warned of."""
    if "[" not in text:
        return text
    pieces = []
    annotations = []
    kept, opened, depth = 0, 0, 0  # end of the last comment, start of this one, open brackets
    position = 0
    while match := (_BRACKET if depth else _QUOTED_OR_BRACKET).search(text, position):
        position = match.end()
        if match.group() == "[":
            if depth == 0:
                opened = match.start()
                pieces.append(text[kept:opened])
            depth += 1
        elif match.group() == "]" and depth:
            depth -= 1
            if depth == 0:
                pieces.append(" " * (position - opened))
                kept = position
                if _ANNOTATION.match(text, opened):
                    annotations.append(text[opened:position])
    if depth:
        raise ValueError(f"Newick: the comment at character {opened} is never closed")
    if annotations:
        warnings.warn(
            f"Newick: a tree keeps no annotations; dropped {len(annotations)}, such as {annotations[0]}",
            stacklevel=4,  # at the caller of Tree.from_newick
        )
    return "".join(pieces) + text[kept:]

"""Taxonomies from files and the ones that come with the package.

| source | reads as |
|---|---|
| `.csv` of two columns | edges `child,parent`, an empty parent for a root; the header may be absent |
| `.csv` of one column | paths from the top, "animal/dog"; the header `path` may be absent |
| `.json` | children inside parents, `{"animal": {"dog": {}, "cat": {}}}` or `{"animal": ["dog", "cat"]}` |
| `.json` of a discovered tree | its leaves by their names, every other node as "node 17" |

| bundled | leaves | levels above |
|---|---|---|
| `camvid` | the 11 classes of CamVid by their mask values | 7 groups |
| `cifar100` | the 100 classes of CIFAR-100 | 20 superclasses |
| `cityscapes` | the 19 classes of Cityscapes by their training ids | 7 groups |
| `cityscapes27` | the 27 of Cityscapes by their label ids, from 7 on | 7 groups |
| `cocostuff27` | the 182 of COCO-Stuff by their mask values | 27 groups; indoor, outdoor; things, stuff |
| `lip` | the 20 of LIP by their mask values, background first | upper and lower body; human |
| `pascal-person-part` | the 7 of PASCAL-Person-Part by their mask values, background first | as LIP |
| `potsdam3` | the 6 of ISPRS Potsdam, as IIC numbers them | 3 groups |
| `tiered-imagenet-h` | the 608 of tieredImageNet by WordNet ids | WordNet, nodes with one child left out |

The leaves stand in the order of the classes, so leaf i is class i. tieredImageNet-H joins each class to
"physical entity" of WordNet 3.0 by its longest way (Bertinetto et al., Making Better Mistakes, CVPR 2020).
"""

import csv
import json
import os
from bisect import bisect_left
from collections import deque
from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from hyperclade.trees.exchange import JSON_FORMAT
from hyperclade.trees.taxonomy import Taxonomy
from hyperclade.trees.tree import Tree

BUNDLED = (
    "camvid", "cifar100", "cityscapes", "cityscapes27", "cocostuff27",
    "lip", "pascal-person-part", "potsdam3", "tiered-imagenet-h",
)  # fmt: skip


def read_taxonomy(source: str | os.PathLike | Mapping[str, Any]) -> Taxonomy:
    """Taxonomy of a file, by the name of a bundled one, or of nested mappings (see the module's tables).

    Raises
    ------
    ValueError
        A cycle, a repeated edge, path or name, an empty name, or no taxonomy; names file and line.
    FileNotFoundError
        No such file, and no bundled taxonomy of this name.

    Examples
    --------
    >>> streets = read_taxonomy("cityscapes")
    >>> streets
    Taxonomy(n_nodes=25, n_leaves=19, is_tree=True)
    >>> streets.names[streets.leaves[13]], [streets.names[node] for node in streets.ancestors("car")]
    ('car', ['vehicle'])
    >>> read_taxonomy({"animal": {"dog": {}, "cat": {}}, "plant": ["oak"]}).names
    ('animal', 'plant', 'dog', 'cat', 'oak')
    """
    if isinstance(source, Mapping):
        return _from_nested(source, "taxonomy")
    if str(source) in BUNDLED:
        with as_file(files("hyperclade.data") / "bundled" / "trees" / f"{source}.csv") as path:
            return _from_csv(path)
    path = Path(source)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is no file, nor one of the bundled taxonomies ({', '.join(BUNDLED)})"
        )
    try:
        if path.suffix.lower() == ".csv":
            return _from_csv(path)
        if path.suffix.lower() == ".json":
            return _from_json(path)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text ({error}); convert it first") from error
    raise ValueError(
        f"{path}: a taxonomy is a .csv of edges or paths, or .json; {path.suffix!r} is not known"
    )


def _from_csv(path: Path) -> Taxonomy:
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(row)]
    if not rows:
        raise ValueError(f"{path}: empty; write one edge (child,parent) or path a line")
    header = [cell.lower() for cell in rows[0][1]]
    if {"child", "parent"} <= set(header):
        columns, rows = [header.index("child"), header.index("parent")], rows[1:]
    elif header == ["path"]:
        columns, rows = [0], rows[1:]
    else:
        columns = list(range(len(header)))
    if len(columns) > 2:
        raise ValueError(
            f"{path}: line {rows[0][0]} has {len(columns)} cells; need columns child and parent, or only path"
        )
    for line, row in rows:
        if len(row) != len(header):
            raise ValueError(f"{path}: line {line} has {len(row)} cells, the first line {len(header)}")
    _refuse_repeats([(f"line {line}", tuple(row[k] for k in columns)) for line, row in rows], path)
    if len(columns) == 2:
        child, parent = columns
        return _from_edges([(f"line {line}", row[child], row[parent]) for line, row in rows], path)
    for line, row in rows:
        if "" in row[0].split("/"):
            raise ValueError(f"{path}: line {line}: path {row[0]!r} has an empty part")
    return Taxonomy.from_paths([row[0] for _, row in rows])


def _from_json(path: Path) -> Taxonomy:
    text = path.read_text(encoding="utf-8-sig")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        _refuse_repeats([(f"the entry {name!r}", (name,)) for name, _ in pairs], path)
        return dict(pairs)

    try:
        content = json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: not JSON ({error})") from error
    if not isinstance(content, dict):
        raise ValueError(f'{path}: need an object of children inside parents, such as {{"animal": ["dog"]}}')
    if content.get("format") != JSON_FORMAT:
        return _from_nested(content, path)
    try:
        tree = Tree.from_json(text)
        leaves = tree.names if tree.names is not None else tuple(map(str, range(tree.n_leaves)))
        inner = (f"node {node}" for node in range(tree.n_leaves, tree.n_nodes))
        return Taxonomy.from_tree(tree, [*leaves, *inner])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _from_nested(content: Mapping[str, Any], source: Path | str) -> Taxonomy:
    edges: list[tuple[str, str, str]] = []
    waiting: deque[tuple[str, Any]] = deque([("", content)])
    while waiting:
        parent, below = waiting.popleft()
        children = dict.fromkeys(below) if isinstance(below, list) else {} if below is None else below
        if not isinstance(children, Mapping) or not all(isinstance(name, str) for name in children):
            raise ValueError(f"{source}: below {parent!r} there must be an object or a list of names")
        if len(children) < len(below or ()):
            raise ValueError(f"{source}: a name occurs twice below {parent!r}; keep one")
        edges += [(f"the entry {name!r}", name, parent) for name in children]
        waiting.extend(children.items())
    return _from_edges(edges, source)


def _from_edges(edges: list[tuple[str, str, str]], source: Path | str) -> Taxonomy:
    """Taxonomy from (place in the source, child, parent), the parent of a root being empty."""
    for place, child, _ in edges:
        if not child:
            raise ValueError(f"{source}: {place} has no name for the child")
    try:
        return _built(edges)
    except ValueError as error:
        closing = bisect_left(range(len(edges)), True, key=lambda last: _has_cycle(edges[: last + 1]))
        place = f"{edges[closing][0]} closes a cycle: " if closing < len(edges) else ""
        raise ValueError(f"{source}: {place}{error}") from error


def _built(edges: list[tuple[str, str, str]]) -> Taxonomy:
    return Taxonomy.from_edges((child, parent) for _, child, parent in edges)


def _has_cycle(edges: list[tuple[str, str, str]]) -> bool:
    try:
        _built(edges)
    except ValueError:
        return True
    return False


def _refuse_repeats(entries: list[tuple[str, tuple[str, ...]]], source: Path | str) -> None:
    first: dict[tuple[str, ...], str] = {}
    for place, entry in entries:
        if first.setdefault(entry, place) is not place:
            raise ValueError(f"{source}: {place} repeats {first[entry]} ({','.join(entry)}); keep one")

"""Taxonomies from files and the ones that come with the package.

| source | reads as |
|---|---|
| `.csv` of two columns | edges `child,parent`, an empty parent for a root; the header may be absent |
| `.csv` of one column | paths from the top, "animal/dog"; the header `path` may be absent |
| `.csv` with more columns | those that the header calls `child` and `parent`, or `path` |
| `.tsv`, `.csv` with ; or tabs | the same |
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
import io
import json
import os
from bisect import bisect_left
from collections import deque
from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from hyperclade.data.texts import read_text
from hyperclade.trees.exchange import JSON_FORMAT
from hyperclade.trees.taxonomy import Taxonomy
from hyperclade.trees.tree import Tree

_SINGULAR = {"children": "child", "parents": "parent", "paths": "path"}

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
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        return _from_csv(path)
    if suffix == ".json":
        return _from_json(path)
    raise ValueError(
        f"{path}: a taxonomy is a .csv or .tsv of edges or paths, or .json; {path.suffix!r} is not known"
    )


def _from_csv(path: Path) -> Taxonomy:
    rows = _rows(path)
    if not rows:
        raise ValueError(f"{path}: empty; write one edge (child,parent) or path a line")
    columns = _columns(path, *rows[0])
    if columns is None:
        columns = list(range(len(rows[0][1])))
        if len(columns) > 2:
            raise ValueError(
                f"{path}: line {rows[0][0]} has {len(columns)} cells; need columns child and parent, or only "
                "path, called so in the first line"
            )
        below = rows
    else:
        below = rows[1:]
    for line, row in below:
        if len(row) != len(rows[0][1]):
            raise ValueError(f"{path}: line {line} has {len(row)} cells, the first line {len(rows[0][1])}")
    if len(columns) == 2:
        child, parent = columns
        edges = [(f"line {line}", row[child], row[parent]) for line, row in below]
        _refuse_repeats([(place, names) for place, *names in edges], path)
        return _from_edges(edges, path)
    paths = [
        (f"line {line}", "/".join(part.strip() for part in row[columns[0]].split("/"))) for line, row in below
    ]
    _refuse_repeats([(place, [name]) for place, name in paths], path)
    for place, name in paths:
        if "" in name.split("/"):
            raise ValueError(f"{path}: {place}: path {name!r} has an empty part")
    try:
        return Taxonomy.from_paths([name for _, name in paths])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _columns(path: Path, line: int, first: list[str]) -> list[int] | None:
    """Which columns hold child and parent, or path, by the first line; None if it is no header."""
    header = _header(first)
    for wanted in (["child", "parent"], ["path"]):
        if all(header.count(name) == 1 for name in wanted):
            return [header.index(name) for name in wanted]
    if not {"child", "parent", "path"}.isdisjoint(header):
        raise ValueError(
            f"{path}: line {line} ({', '.join(first)}) seems to be a header; call one column each child and "
            "parent, or one path. If these are nodes, put such a header above"
        )
    return None


def _header(first: list[str]) -> list[str]:
    return [_SINGULAR.get(cell.lower(), cell.lower()) for cell in first]


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Number and cells of the lines that are not blank, parted by the sign that makes edges of them.

    That is the comma, or else ; or the tab, where the header or two cells in every line say so; in a .tsv
    file it is the tab.
    """
    text = read_text(path)
    if "\0" in text:
        raise ValueError(f"{path}: not UTF-8 text (it has NUL bytes); convert it first")
    signs = "\t" if path.suffix.lower() == ".tsv" else ",;\t"
    for sign in signs:
        try:
            rows = _parted(path, text, sign)
        except ValueError:
            continue
        header = _header(rows[0][1]) if rows else []
        if {"child", "parent"} <= set(header) or "path" in header or all(len(row) == 2 for _, row in rows):
            return rows
    return _parted(path, text, signs[0])


def _parted(path: Path, text: str, sign: str) -> list[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=sign, skipinitialspace=True, strict=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise ValueError(
            f"{path}: line {reader.line_num} cannot be read as cells ({error}); write a quote inside a "
            "quoted name twice"
        ) from error
    return [(line, row) for line, row in rows if any(row)]


def _from_json(path: Path) -> Taxonomy:
    text = read_text(path)

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        _refuse_repeats([(f"the entry {name!r}", [name]) for name, _ in pairs], path)
        return dict(pairs)

    try:
        content = json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: not JSON ({error})") from error
    except RecursionError as error:
        raise ValueError(f"{path}: nested too deeply; write a .csv of edges") from error
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
        children = {} if below is None else below
        if not isinstance(children, Mapping | list) or not all(isinstance(name, str) for name in children):
            raise ValueError(f"{source}: below {parent!r} there must be an object or a list of names")
        if isinstance(children, list):
            if len(set(children)) < len(children):
                raise ValueError(f"{source}: a name occurs twice below {parent!r}; keep one")
            children = dict.fromkeys(children)
        edges += [(f"the entry {name!r}", name, parent) for name in children]
        waiting.extend(children.items())
    return _from_edges(edges, source)


def _from_edges(edges: list[tuple[str, str, str]], source: Path | str) -> Taxonomy:
    """Taxonomy from (place in the source, child, parent), the parent of a root being empty."""
    for place, child, _ in edges:
        if not child.strip():
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


def _refuse_repeats(entries: list[tuple[str, list[str]]], source: Path | str) -> None:
    first: dict[tuple[str, ...], str] = {}
    for place, names in entries:
        entry = tuple(names)
        if first.setdefault(entry, place) is not place:
            raise ValueError(f"{source}: {place} repeats {first[entry]} ({','.join(entry)}); keep one")

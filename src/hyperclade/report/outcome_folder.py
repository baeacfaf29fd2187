"""The folder of an outcome: what is in it, written so that all of it can be read back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hyperclade.data.formats.arrow import column_values, to_arrow
from hyperclade.data.formats.rows import plain_values
from hyperclade.data.store import read_json, write_json
from hyperclade.environment import FloatArray, IntArray
from hyperclade.hierarchy.naming import plain
from hyperclade.progress import Progress, Say, timed
from hyperclade.report.partition import Partition
from hyperclade.report.parts import Parts
from hyperclade.report.picture import draw_hierarchy
from hyperclade.trees.tree import Tree

if TYPE_CHECKING:
    from hyperclade.report.outcome import Outcome

#: The last two only where these are known.
FILES = (
    "hierarchy.png", "assignments.parquet", "tree.json", "summary.json", "tree.nwk", "linkage.npy",
    "nodes.parquet", "parts.npz", "cost_shares.npy",
)  # fmt: skip
_FORMAT, _VERSION = "hyperclade-outcome", 1
_SUMMARY, _ROWS, _NODES, _TREE = "summary.json", "assignments.parquet", "nodes.parquet", "tree.json"
_PARTS, _SHARES = "parts.npz", "cost_shares.npy"
_AGAIN = "run hyperclade discover again"
_COLUMNS = {"ids": "id", "names": "name", "labels": "label", "clusters": "cluster"}
_LARGEST_ERROR = 200  # characters of what a library says


def write_outcome(
    outcome: Outcome, folder: Path, progress: Progress | None = None, say: Say | None = None
) -> dict[str, Any]:
    """Write the `FILES` of an outcome; see `Outcome.write`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (_SUMMARY, _PARTS, _SHARES):  # of an earlier outcome, which is no longer whole
        (folder / name).unlink(missing_ok=True)
    with timed(outcome.seconds, "writing", progress):
        tree = outcome.tree
        remarks: list[str] = []
        if outcome.names is not None:
            tree = Tree(tree.parent, tree.height, outcome.names, tree.inner_names, tree.branch_length)
        titles: list[str | None] = [*(tree.names or map(str, range(tree.n_leaves)))]
        titles += [outcome.node_names.get(node) for node in range(tree.n_leaves, tree.n_nodes)]
        (folder / _TREE).write_text(tree.to_json(), encoding="utf-8")
        (folder / "tree.nwk").write_text(tree.to_newick(titles) + "\n", encoding="utf-8")
        np.save(folder / "linkage.npy", tree.to_linkage(), allow_pickle=False)
        table, values = _rows(outcome)
        pq.write_table(table, folder / _ROWS)
        pq.write_table(_nodes(outcome), folder / _NODES)
        if outcome.parts is not None:
            np.savez(folder / _PARTS, nodes=outcome.parts.nodes, rows=outcome.parts.rows)
        if outcome.cost_shares is not None:
            np.save(folder / _SHARES, outcome.cost_shares, allow_pickle=False)
        draw_hierarchy(
            tree, folder / "hierarchy.png",
            node_names=outcome.captions(), title=outcome.title, say=remarks.append,
        )  # fmt: skip
    if say is not None:
        for remark in remarks:
            say(remark)
    content = {
        "files": [name for name in FILES if name == _SUMMARY or (folder / name).exists()],
        "facts": [*outcome.facts],
        "settings": [*outcome.settings],
        "of_rows": [role for role in _COLUMNS if getattr(outcome, role) is not None],
        "dim": 0 if outcome.points is None else int(outcome.points.shape[1]),
        "values": values,
        "tree_has_names": outcome.tree.names is not None,
    }
    head = {"format": _FORMAT, "version": _VERSION, "tree": tree.fingerprint, "title": outcome.title}
    summary = head | outcome.summary() | head
    if remarks:
        summary["remarks"] = remarks
    summary["content"] = content
    write_json(folder / _SUMMARY, summary, allow_nan=False, ensure_ascii=False)
    return summary


def read_outcome(folder: Path) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """What `Outcome` is made of, and its evaluation, from a folder; see `Outcome.read`."""
    path = folder / _SUMMARY
    if not path.is_file():
        what = f"holds no outcome: there is no {_SUMMARY}" if folder.is_dir() else "is no folder"
        raise ValueError(f"{folder} {what}; hyperclade discover … --out {folder} makes one")
    with _damage(path):
        summary = read_json(path)
    if "format" not in summary and {"layers", "versions"} <= summary.keys():
        raise ValueError(f"{folder} was written by an older release; {_AGAIN}")
    if summary.get("format") != _FORMAT or summary.get("version") != _VERSION:
        there = f"{summary.get('format')!r} of version {summary.get('version')!r}"
        raise ValueError(f"{path} is {there}; this release reads {_FORMAT!r} of version {_VERSION}: {_AGAIN}")
    with _damage(path):
        head = _Head(summary)
    missing = sorted({_TREE, _ROWS, _NODES, *head.files} - {file.name for file in folder.iterdir()})
    if missing:
        raise ValueError(f"{folder} is incomplete: {', '.join(missing)} missing; copy all of it, or {_AGAIN}")
    with _damage(folder / _TREE):
        tree = Tree.from_json((folder / _TREE).read_text(encoding="utf-8"))
    if tree.fingerprint != summary["tree"]:
        raise ValueError(f"{folder / _TREE} is not the tree of {path}; {_AGAIN} instead of editing it")
    fields: dict[str, Any] = head.fields
    with _damage(folder / _ROWS):
        fields |= _read_rows(folder / _ROWS, tree, head)
    with _damage(folder / _NODES):
        fields |= _read_nodes(folder / _NODES, tree)
    if _PARTS in head.files:
        with _damage(folder / _PARTS):
            fields["parts"] = _read_parts(folder / _PARTS, tree)
    if _SHARES in head.files:
        with _damage(folder / _SHARES):
            shares = np.load(folder / _SHARES, allow_pickle=False)
            _check(shares.shape == (tree.n_nodes - tree.n_leaves,), "not one share for each inner node")
            fields["cost_shares"] = _finite(shares)
    if not head.tree_has_names:
        tree = Tree(tree.parent, tree.height, None, tree.inner_names, tree.branch_length)
    return fields | {"tree": tree}, head.evaluation


class _Head:
    """What the summary says of the other files; KeyError or ValueError if it lacks a part of that."""

    def __init__(self, summary: dict[str, Any]) -> None:
        content = _typed(summary["content"], dict)
        self.files = _texts(content["files"])
        self.of_rows = _texts(content["of_rows"])
        self.dim = _typed(content["dim"], int)
        self.values = _typed(content["values"], dict)
        self.tree_has_names = _typed(content["tree_has_names"], bool)
        self.partitions = {
            kind: _texts([own["column"] for own in summary[kind]]) for kind in ("layers", "cuts")
        }
        _texts([*self.values.values()])
        _check({*self.of_rows} <= {*_COLUMNS}, "of_rows names what rows do not have")
        self.evaluation = summary["evaluation"]
        _check(self.evaluation is None or isinstance(self.evaluation, dict), "the evaluation is no object")
        self.fields: dict[str, Any] = {
            "title": _typed(summary["title"], str),
            "facts": {name: summary[name] for name in _texts(content["facts"])},
            "settings": {name: summary[name] for name in _texts(content["settings"])},
            "seconds": {stage: float(spent) for stage, spent in _typed(summary["seconds"], dict).items()},
        }


def _rows(outcome: Outcome) -> tuple[pa.Table, dict[str, str]]:
    """A row a leaf: what it is called, its clusters, its place in the ball; columns of further values."""
    leaves = np.arange(outcome.tree.n_leaves)
    columns: dict[str, Any] = {"id": leaves if outcome.ids is None else outcome.ids}
    if outcome.names is not None:
        columns["name"] = outcome.names.astype(object)
    if outcome.labels is not None:
        columns["label"] = to_arrow(plain_values(outcome.labels, blank_is_missing=False))
    columns["leaf"] = leaves
    if outcome.clusters is not None:
        columns["cluster"] = outcome.clusters
    columns |= {own.column: own.labels for own in (*outcome.layers, *outcome.cuts)}
    if outcome.points is not None:
        columns |= {f"x{k}": column for k, column in enumerate(outcome.points.T)}
    called: dict[str, str] = {}
    for title, values in outcome.values.items():
        name = title
        while name in columns:
            name += " (value)"
        called[title], columns[name] = name, values
    return pa.table(columns), called


def _read_rows(path: Path, tree: Tree, head: _Head) -> dict[str, Any]:
    table = pq.ParquetFile(path).read()
    n = tree.n_leaves
    if table.num_rows != n:
        raise ValueError(f"{table.num_rows} rows, but the tree beside it has {n} leaves")
    absent = {*(_COLUMNS[role] for role in head.of_rows), *head.values.values(), "leaf"}
    absent |= {column for columns in head.partitions.values() for column in columns}
    absent |= {f"x{k}" for k in range(head.dim)}
    if absent := absent - {*table.column_names}:
        raise ValueError(f"no column {', '.join(map(repr, sorted(absent)))}")
    _check(np.array_equal(_whole(table, "leaf"), np.arange(n)), "rows do not stand in the order of leaves")
    fields: dict[str, Any] = {
        role: column_values(table[_COLUMNS[role]]) for role in head.of_rows if role != "clusters"
    }
    if "clusters" in head.of_rows:
        fields["clusters"] = _whole(table, "cluster")
    if head.dim:
        points = np.column_stack([table[f"x{k}"].to_numpy() for k in range(head.dim)])
        fields["points"] = _finite(points)
    for kind, columns in head.partitions.items():
        fields[kind] = [Partition.of(tree, column, _whole(table, column)) for column in columns]
    fields["values"] = {
        title: table[column].to_numpy(zero_copy_only=False) for title, column in head.values.items()
    }
    return fields


def _nodes(outcome: Outcome) -> pa.Table:
    """A row a node that is told of."""
    known: tuple[Mapping[int, Any], ...] = (
        outcome.node_names, outcome.shown_names, outcome.exemplars, outcome.borderline,
    )  # fmt: skip
    nodes = np.unique(np.array([int(node) for own in known for node in own], dtype=np.int64))
    names, shown, typical, borderline = ([own.get(node) for node in nodes.tolist()] for own in known)
    return pa.table(
        {
            "node": nodes,
            "size": outcome.tree.size[nodes],
            "height": outcome.tree.height[nodes],
            "name": pa.array(names, pa.string()),
            "shown_name": pa.array(shown, pa.string()),
            "typical": pa.array(typical, pa.list_(pa.int64())),
            "borderline": pa.array(borderline, pa.list_(pa.int64())),
        }
    )


def _read_nodes(path: Path, tree: Tree) -> dict[str, Any]:
    table = pq.ParquetFile(path).read()
    nodes = _whole(table, "node")
    _check(bool(((nodes >= 0) & (nodes < tree.n_nodes)).all()), "a node is none of the tree beside it")
    _check(np.array_equal(_whole(table, "size"), tree.size[nodes]), "sizes are not those of the tree")
    fields: dict[str, Any] = {}
    for field, column in (("node_names", "name"), ("shown_names", "shown_name")):
        fields[field] = {
            node: _typed(name, str)
            for node, name in zip(nodes.tolist(), table[column].to_pylist(), strict=True)
            if name is not None
        }
    for field, column in (("exemplars", "typical"), ("borderline", "borderline")):
        fields[field] = {
            node: _integers(rows)
            for node, rows in zip(nodes.tolist(), table[column].to_pylist(), strict=True)
            if rows is not None
        }
        known = np.concatenate([*fields[field].values(), np.zeros(0, np.int64)])
        _check(bool(((known >= 0) & (known < tree.n_leaves)).all()), f"a row of {column} is no leaf")
    return fields


def _read_parts(path: Path, tree: Tree) -> Parts:
    with np.load(path, allow_pickle=False) as arrays:
        nodes, rows = _integers(arrays["nodes"]), arrays["rows"]
    _check(nodes.ndim == 1 and rows.ndim == 2 and len(nodes) == len(rows), "not one row for each part")
    _check(bool(((nodes >= 0) & (nodes < tree.n_nodes)).all()), "a part is no node of the tree beside it")
    start, stop = tree.leaf_interval[nodes[np.argsort(tree.leaf_interval[nodes, 0])]].T
    whole = np.array_equal(np.r_[start, tree.n_leaves], np.r_[0, stop])
    _check(whole, "parts do not hold each leaf once")
    return Parts(nodes, _finite(rows).astype(np.float32, copy=False))


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Say in one line what file is wrong, whatever library noticed."""
    try:
        yield
    except (OSError, EOFError, LookupError, TypeError, ValueError, BadZipFile, pa.ArrowException,
            RecursionError, MemoryError, AttributeError, OverflowError) as error:  # fmt: skip
        what = f"no {error}" if isinstance(error, KeyError) else plain(str(error)) or type(error).__name__
        what = what.removeprefix(f"{path} is damaged (").removesuffix(")")[:_LARGEST_ERROR]
        raise ValueError(f"{path} is damaged or edited ({what}); {_AGAIN}") from error


def _whole(table: pa.Table, column: str) -> IntArray:
    return _integers(table[column].to_numpy())


def _integers(values: Any) -> IntArray:
    array = np.asarray(values)
    _check(array.dtype.kind in "iu" or not array.size, "numbers that must be whole are not")
    return array.astype(np.int64)


def _finite(values: FloatArray) -> FloatArray:
    _check(values.dtype.kind == "f" and bool(np.isfinite(values).all()), "not all are finite numbers")
    return values


def _texts(values: Any) -> list[str]:
    return [_typed(value, str) for value in _typed(values, list)]


def _typed(value: Any, kind: type) -> Any:
    _check(isinstance(value, kind), f"{value!r} is no {kind.__name__}")
    return value


def _check(right: bool, what: str) -> None:
    if not right:
        raise ValueError(what)

"""An outcome after edits of its tree by hand, and the classes that it gives to learn."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hyperclade.environment import FloatArray, IntArray
from hyperclade.progress import Progress, Say, counted, say_if
from hyperclade.report import outcome_folder
from hyperclade.report.classes import Classes
from hyperclade.report.cuts import Cuts
from hyperclade.report.outcome import Outcome
from hyperclade.report.partition import Partition
from hyperclade.report.parts import Parts
from hyperclade.report.saved import MODEL
from hyperclade.report.told import shown_nodes
from hyperclade.trees.edits import Edited, Edits, apply_edits
from hyperclade.trees.tree import Tree

TAXONOMY, CLASSES = "taxonomy.csv", "classes.parquet"
#: What `write_edited` leaves.
FILES = (*outcome_folder.FILES, TAXONOMY, CLASSES)
_COLUMN = "class"
_OF_THE_TREE = ("cost", "score")  # facts that hold of the tree that was found
_COUNT, _HEIGHT = re.compile(r"(?:cut|level)_(\d{1,18})"), re.compile(r"height_(\d+(?:\.\d+)?(?:e[+-]?\d+)?)")


def edited_outcome(outcome: Outcome, edits: Edits, say: Say | None = None) -> tuple[Outcome, IntArray]:
    """What is told of a tree, told of the tree after edits, and the leaf before of each of its leaves.

    Names, members, costs and similarities stay with the nodes for which they still hold. Layers and cuts are
    those of the new tree. Columns of rows stay.

    Parameters
    ----------
    outcome : Outcome
        Over n rows.
    edits : Edits
    say : callable, optional
        Told what does not stay.

    Returns
    -------
    Outcome
        Over n' rows; with no edits that given.
    leaves : (n',) int64

    Raises
    ------
    ValueError
        The edits are for another tree, or cannot be done.
    """
    done = apply_edits(outcome.tree, edits, outcome.node_names)
    if not edits.edits:
        return outcome, done.leaves
    clusters = outcome.clusters
    if clusters is not None:  # those left, from 0 on
        clusters = np.unique(clusters[done.leaves], return_inverse=True)[1]
    tree, leaves, n = done.tree, done.leaves, outcome.tree.n_leaves
    dropped = n - len(leaves)
    same = _only_named(done, outcome.tree)
    labels = _some(outcome.labels, leaves)
    if labels is not None and pd.isna(labels).all():
        labels = None
        say_if(say, "the rows left have no labels, so there is nothing to compare the tree with")
    if not same and not outcome.facts.keys().isdisjoint(_OF_THE_TREE):
        say_if(say, "cost and score are of the tree that was found, and are left out")
    ids = _some(outcome.ids, leaves)
    renamed = {
        node: name
        for node, name in done.node_names.items()
        if name != _before(outcome.node_names, done, node)
    }
    after = f"after {counted(len(edits.edits), 'edit')} by hand"
    facts = {key: fact for key, fact in outcome.facts.items() if same or key not in _OF_THE_TREE}
    if "rows" in facts:
        facts["rows"] = len(leaves)
    return Outcome(
        tree,
        [Partition.of(tree, f"layer_{own.max() + 1}", own) for own in tree.layers()],
        [Partition.of(tree, own, tree_labels) for own, tree_labels in _cuts(outcome, tree, say).items()],
        clusters=clusters,
        points=_some(outcome.points, leaves),
        ids=leaves if ids is None and dropped else ids,
        names=_row_names(outcome, leaves, renamed),
        labels=labels,
        node_names={node: name for node, name in done.node_names.items() if name},
        shown_names=_shown(outcome, done, renamed),
        exemplars=_members(outcome.exemplars, done, n),
        borderline=_members(outcome.borderline, done, n),
        cost_shares=_cost_shares(outcome, done) if same else None,
        parts=_parts(outcome, done),
        values={name: values[leaves] for name, values in outcome.values.items()},
        title=f"{outcome.title}\n{after}: {counted(len(leaves), 'row')}" if outcome.title else after,
        facts=facts,
        settings=outcome.settings,
    ), leaves  # fmt: skip


def write_edited(
    source: str | Path,
    folder: str | Path,
    edits: Edits,
    k: int | None = None,
    *,
    progress: Progress | None = None,
    say: Say | None = None,
) -> tuple[dict[str, Any], Outcome, Classes]:
    """Apply edits to the results in a folder; write those of the new tree, and classes to learn, to another.

    Beside what `Outcome.write` leaves there are the column `class` of assignments.parquet, `taxonomy.csv`
    with the classes as its leaves, and `classes.parquet`: the class of each row that the hierarchy was first
    found in, missing where the row was dropped.

    Parameters
    ----------
    source, folder : path
        A folder of results, and one to fill.
    edits : Edits
    k : int, optional
        Number of classes; default: what the edits say, or the finest layer.
    progress, say : callable, optional

    Returns
    -------
    dict, Outcome, Classes
        The summary, with what was applied as "edited", and what it is about.

    Raises
    ------
    ValueError
        No results, edits for another tree or that cannot be done, or no such number of classes.
    """
    source, folder = Path(source), Path(folder)
    before = Outcome.read(source)
    outcome, leaves = edited_outcome(before, edits, say)
    tree = outcome.tree
    if k is not None and not 1 <= k <= tree.n_leaves:
        raise ValueError(f"--classes must be from 1 to the number of rows left, {tree.n_leaves}, got {k}")
    wanted = k
    if wanted is None:
        finest = max((len(layer.nodes) for layer in outcome.layers), default=1)
        wanted = finest if edits.cut is None else min(edits.cut, tree.n_leaves)
    classes = Classes.of(tree, wanted, _titles(outcome))
    if len(classes.names) != wanted:
        there = f"no cut of the tree has {wanted:,}, the nearest below has {len(classes.names):,}"
        say_if(say, f"{counted(len(classes.names), 'class')}: {there}")
    about = {
        "from": str(source),
        "edits": len(edits.edits),
        "by_kind": dict(Counter(edit["op"] for edit in edits.edits)),
        "rows_dropped": before.tree.n_leaves - tree.n_leaves,
        "classes": len(classes.names),
    }
    outcome = replace(outcome, facts={**outcome.facts, "edited": about})
    if (source / MODEL).exists():
        say_if(say, "the model, which assigns new rows to the tree that was found, stays where it is")
    summary = outcome.write(folder, progress, say)
    classes.write(folder / TAXONOMY)
    names = pa.array(np.array(classes.names, dtype=object)[classes.labels], pa.string())
    table = pq.read_table(folder / "assignments.parquet")
    if _COLUMN in table.column_names:
        say_if(say, f"the column {_COLUMN!r} of the results holds the new classes in place of what it held")
        table = table.drop_columns([_COLUMN])
    pq.write_table(table.append_column(_COLUMN, names), folder / "assignments.parquet")
    first, total = _first_rows(source, before.tree.n_leaves)
    of_all = np.full(total, None, dtype=object)
    of_all[first[leaves]] = np.array(classes.names, dtype=object)[classes.labels]
    pq.write_table(pa.table({_COLUMN: pa.array(of_all, pa.string())}), folder / CLASSES)
    return summary, outcome, classes


def _first_rows(source: Path, n: int) -> tuple[IntArray, int]:
    """The row in the data first given of each leaf, and how many rows these have: edits may follow edits."""
    path = source / CLASSES
    if not path.exists():
        return np.arange(n), n
    try:
        known = pq.read_table(path).column(0).is_valid().to_numpy()
    except (pa.ArrowException, IndexError) as error:
        raise ValueError(f"{path} is damaged ({error}); apply the edits before these again") from error
    if known.sum() != n:
        raise ValueError(f"{path} has classes of {known.sum():,} rows, the hierarchy {n:,} rows; apply again")
    return np.flatnonzero(known), len(known)


def _titles(outcome: Outcome) -> list[str]:
    """What every node is called, "" where nothing is known of it."""
    tree = outcome.tree
    leaves = range(tree.n_leaves) if outcome.ids is None else outcome.ids
    titles = [f"#{leaf}" if outcome.ids is None else str(leaf) for leaf in leaves]
    if outcome.names is not None:
        called = zip(outcome.names, titles, strict=True)
        titles = [title if pd.isna(name) or not name else str(name) for name, title in called]
    return titles + [outcome.node_names.get(node, "") for node in range(tree.n_leaves, tree.n_nodes)]


def _only_named(done: Edited, before: Tree) -> bool:
    """Whether the tree has the nodes that it had, under one another and of the heights as before."""
    tree, origin = done.tree, done.origin
    if not np.array_equal(np.sort(origin), np.arange(before.n_nodes)):
        return False
    above = np.where(before.parent[origin] < 0, -1, np.argsort(origin)[before.parent[origin]])
    return np.array_equal(above, tree.parent) and np.array_equal(before.height[origin], tree.height)


def _some(values: NDArray | None, leaves: IntArray) -> Any:
    return None if values is None else values[leaves]


def _before(names: Mapping[int, str], done: Edited, node: int) -> str | None:
    return names.get(int(done.origin[node]))


def _row_names(outcome: Outcome, leaves: IntArray, renamed: Mapping[int, str]) -> NDArray | None:
    """Names of rows, those given by hand among them, for which ids serve where there are no other names."""
    names = _some(outcome.names, leaves)
    by_hand = {node: name for node, name in renamed.items() if node < len(leaves)}
    if not by_hand:
        return names
    if names is None:
        ids = leaves if outcome.ids is None else outcome.ids[leaves]
        names = np.array([f"#{own}" if outcome.ids is None else str(own) for own in ids], dtype=object)
    names = names.astype(object)
    names[list(by_hand)] = list(by_hand.values())
    return names


def _shown(outcome: Outcome, done: Edited, renamed: Mapping[int, str]) -> dict[int, str]:
    """Names in the outline and the picture: those shown before, if none was given or taken away by hand."""
    shown = {}
    for node in shown_nodes(done.tree).tolist():
        name = done.node_names.get(node)
        if name is not None and node not in renamed:
            name = outcome.shown_names.get(int(done.origin[node]), name)
        if name:
            shown[node] = name
    return shown


def _members(told: Mapping[int, IntArray], done: Edited, n: int) -> dict[int, IntArray]:
    """Rows of nodes that are still there, those that still are under them."""
    after = np.full(n, -1, dtype=np.int64)
    after[done.leaves] = np.arange(len(done.leaves))
    start, stop = done.tree.leaf_interval.T
    found = {}
    for node, old in enumerate(done.origin.tolist()):
        if old in told:
            rows = after[np.asarray(told[old], dtype=np.int64)]
            place = start[rows]
            rows = rows[(rows >= 0) & (start[node] <= place) & (place < stop[node])]
            if rows.size:
                found[node] = rows
    return found


def _cost_shares(outcome: Outcome, done: Edited) -> FloatArray | None:
    """Of the same clades in another order."""
    n = outcome.tree.n_leaves
    return None if outcome.cost_shares is None else outcome.cost_shares[done.origin[n:] - n]


def _parts(outcome: Outcome, done: Edited) -> Parts | None:
    """The parts, where each has all its leaves under one node still, or none."""
    if outcome.parts is None:
        return None
    before, tree = outcome.tree, done.tree
    there, own = np.unique(outcome.parts.of_leaves(before)[done.leaves], return_inverse=True)
    nodes = tree.nodes_of(own)
    whole = before.size[outcome.parts.nodes][there]
    if not (np.array_equal(whole, np.bincount(own)) and np.array_equal(whole, tree.size[nodes])):
        return None
    order = np.argsort(tree.leaf_interval[nodes, 0])
    return Parts(nodes[order], outcome.parts.rows[there][order])


def _cuts(outcome: Outcome, tree: Tree, say: Say | None) -> dict[str, IntArray]:
    """The partitions asked for before, of the new tree."""
    found: dict[str, IntArray] = {}
    for column in (own.column for own in outcome.cuts):
        count, height = _COUNT.fullmatch(column), _HEIGHT.fullmatch(column)
        if count is not None and 1 <= int(count[1]) <= tree.n_leaves:
            found[column] = tree.cut(int(count[1]))
        elif height is not None:
            found |= Cuts(height=float(height[1])).of(tree)
        else:
            say_if(say, f"the tree has no {column} any more")
    return found

"""Two trees over the same samples, for one page: matched by ids, restricted to what both have, compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hyperclade.environment import FloatArray, IntArray
from hyperclade.metrics.agreement import best_matches, mean_match, mean_of_both
from hyperclade.progress import Say, counted, say_if
from hyperclade.report.outcome import Outcome
from hyperclade.report.partition import Partition
from hyperclade.report.parts import Parts
from hyperclade.trees.taxonomy import Taxonomy
from hyperclade.trees.tree import Tree, canonical_order

_MOST_LEAVES = 10**8  # under all nodes that are matched, which takes seconds
_MOST_NAMED = 3


@dataclass(frozen=True, eq=False)
class Pair:
    """Two outcomes over the same samples in the same order, and how far their trees agree.

    Attributes
    ----------
    one, two : Outcome
    matches : two of ((m-n,) int64, (m-n,) float64)
        For each inner node of a tree the best match in the other, and its Jaccard index; −1 and NaN where
        there are too many to match all.
    mean : float
        `metrics.match_agreement` over the nodes that are matched.
    """

    one: Outcome
    two: Outcome
    matches: tuple[tuple[IntArray, FloatArray], tuple[IntArray, FloatArray]]
    mean: float


def aligned(outcome: Outcome, other: Outcome | Taxonomy, say: Say | None = None) -> Pair:
    """An outcome and another tree over its samples.

    Parameters
    ----------
    outcome : Outcome
    other : Outcome or Taxonomy
        Over the same samples by their ids, in any order; or over the classes that the labels of the outcome
        name: its nodes, by their names or the last parts of their paths.
    say : callable, optional
        What is left out is said.

    Raises
    ------
    ValueError
        Ids repeat, no sample is in both, there are no labels, or the taxonomy is no tree.
    """
    if isinstance(other, Taxonomy):
        rows, two = _given(outcome, other)
        left, what = outcome.tree.n_leaves - len(rows), "without a label in the given tree"
        if left:
            say_if(say, f"{counted(left, 'sample')} {what} left out of both trees")
    else:
        rows, theirs = _matched(outcome, other)
        for own, kept, whose in ((outcome, rows, "first"), (other, theirs, "second")):
            if left := own.tree.n_leaves - len(kept):
                say_if(say, f"{counted(left, 'sample')} of the {whose} tree left out, which the other lacks")
        two = restricted(other, theirs)
    one = restricted(outcome, rows)
    if one is not outcome:
        say_if(say, "edits made on the page are of the tree over these samples, not of the whole one")
    borrowed: dict[str, Any] = {
        role: getattr(two, role) for role in ("names", "labels") if getattr(one, role) is None
    }
    one = replace(one, **borrowed) if any(own is not None for own in borrowed.values()) else one
    found, means = [], []
    for tree, against, of in ((one.tree, two.tree, one), (two.tree, one.tree, two)):
        nodes = _nodes_to_match(of)
        if len(nodes) < tree.n_nodes - tree.n_leaves:
            say_if(say, f"only {counted(len(nodes), 'node')} of a deep tree matched with the other tree")
        match, jaccard = np.full(tree.n_nodes, -1), np.full(tree.n_nodes, np.nan)
        match[nodes], jaccard[nodes] = best_matches(tree, against, nodes)
        means.append(mean_match(tree, jaccard[nodes], nodes))
        found.append((match[tree.n_leaves :], jaccard[tree.n_leaves :]))
    return Pair(one, two, (found[0], found[1]), mean_of_both(*means))


def restricted(outcome: Outcome, leaves: IntArray) -> Outcome:
    """What is told of some leaves, numbered in the order given; shares of the cost are not known of them."""
    whole = outcome.tree
    if np.array_equal(leaves, np.arange(whole.n_leaves)):
        return outcome
    tree = whole.restrict(leaves)
    new = np.full(whole.n_nodes, -1, dtype=np.int64)
    new[np.r_[leaves, whole.dividing(leaves)]] = np.arange(tree.n_nodes)

    def named(names: Mapping[int, str]) -> dict[int, str]:
        return {int(new[node]): name for node, name in names.items() if new[node] >= 0}

    def rows(of: Mapping[int, IntArray]) -> dict[int, IntArray]:
        found = {int(new[node]): new[own] for node, own in of.items() if new[node] >= 0}
        return {node: own[own >= 0] for node, own in found.items() if (own >= 0).any()}

    def taken(values: NDArray | None) -> NDArray | None:
        return None if values is None else values[leaves]

    def parted(partitions: Sequence[Partition]) -> list[Partition]:
        return [
            Partition.of(tree, own.column, pd.factorize(own.labels[leaves], sort=True)[0])
            for own in partitions
        ]

    labels = taken(outcome.labels)
    return replace(
        outcome,
        tree=tree,
        layers=parted(outcome.layers),
        cuts=parted(outcome.cuts),
        clusters=None,
        points=taken(outcome.points),
        ids=leaves if outcome.ids is None else taken(outcome.ids),
        names=taken(outcome.names),
        labels=None if labels is None or pd.isna(labels).all() else labels,
        node_names=named(outcome.node_names),
        shown_names=named(outcome.shown_names),
        exemplars=rows(outcome.exemplars),
        borderline=rows(outcome.borderline),
        cost_shares=None,
        parts=None if outcome.parts is None else _parts(outcome, tree, leaves),
        values={title: own[leaves] for title, own in outcome.values.items()},
    )


def _parts(outcome: Outcome, tree: Tree, leaves: IntArray) -> Parts:
    """The parts that have some of the leaves left; their mean rows are those of all their leaves."""
    assert outcome.parts is not None
    codes, left = pd.factorize(outcome.parts.of_leaves(outcome.tree)[leaves], sort=True)
    return Parts(tree.nodes_of(codes), outcome.parts.rows[left])


def _matched(one: Outcome, two: Outcome) -> tuple[IntArray, IntArray]:
    """The rows of the samples that are in both, in the order of the first."""
    ours, theirs = (pd.Index(own.id_texts(), dtype=object) for own in (one, two))
    if ours.equals(theirs):
        rows = np.arange(len(ours))
        return rows, rows
    for ids, which in ((ours, "first"), (theirs, "second")):
        if not ids.is_unique:
            twice = ids[ids.duplicated()][0]
            raise ValueError(f"id {twice!r} occurs twice in the {which} outcome; ids must tell samples apart")
    place = theirs.get_indexer(ours)
    rows = np.flatnonzero(place >= 0)
    if not len(rows):
        few = [", ".join(repr(own[:40]) for own in ids[:_MOST_NAMED]) for ids in (ours, theirs)]
        raise ValueError(
            f"no sample is in both outcomes by its id: {few[0]} … in one, {few[1]} … in the other"
        )
    return rows, place[rows]


def _given(outcome: Outcome, taxonomy: Taxonomy) -> tuple[IntArray, Outcome]:
    """The rows whose labels are nodes of a taxonomy, and its tree put above them."""
    if outcome.labels is None:
        raise ValueError("a given tree is put above samples by their labels, and there are none")
    if not taxonomy.is_tree:
        raise ValueError("the given taxonomy has nodes with several parents; only a tree can stand beside")
    by_label = _by_label(taxonomy)
    codes, distinct = pd.factorize(np.asarray(outcome.labels, dtype=object))
    node_of = np.array([by_label.get(str(label), -1) for label in distinct] + [-1], dtype=np.int64)
    place = node_of[codes]
    rows = np.flatnonzero(place >= 0)
    if not len(rows):
        few = ", ".join(repr(str(label)) for label in distinct[:_MOST_NAMED])
        raise ValueError(f"no label of a sample ({few}) is a node of the given tree")
    n, m = len(rows), len(taxonomy)
    root = n + m  # above those of the taxonomy
    above = np.full(m, root, dtype=np.int64)
    below = np.repeat(np.arange(m), np.diff(taxonomy.parent_pointer))
    above[below] = n + taxonomy.parent_index
    parent = np.r_[n + place[rows], above, -1]
    names = np.array([*([""] * n), *_short_names(taxonomy), ""], dtype=object)[canonical_order(parent)]
    tree = Tree.from_parents(parent)
    leaves = np.arange(n)
    kept = tree.dividing(leaves)
    tree = tree.restrict(leaves)
    node_names = {n + at: name for at, name in enumerate(names[kept].tolist()) if name}
    ids = np.arange(outcome.tree.n_leaves) if outcome.ids is None else outcome.ids
    return rows, Outcome(
        tree,
        ids=ids[rows],
        names=None if outcome.names is None else outcome.names[rows],
        labels=outcome.labels[rows],
        node_names=node_names,
        shown_names=node_names,
        title="the given tree",
    )


def _by_label(taxonomy: Taxonomy) -> dict[str, int]:
    """Nodes by name, or by the last part of a path that only one has."""
    last: dict[str, int] = {}
    for node, name in enumerate(taxonomy.names):
        end = name.rpartition("/")[2]
        last[end] = -1 if end in last else node
    return last | {name: node for node, name in enumerate(taxonomy.names)}


def _short_names(taxonomy: Taxonomy) -> list[str]:
    """Names without what a path repeats of the parent's."""
    pointer, parents = taxonomy.parent_pointer, taxonomy.parent_index
    return [
        name.removeprefix(f"{taxonomy.names[parents[pointer[node]]]}/")
        if pointer[node] < pointer[node + 1]
        else name
        for node, name in enumerate(taxonomy.names)
    ]


def _nodes_to_match(outcome: Outcome) -> IntArray:
    """All inner nodes, or of trees too deep for that the largest of those told of."""
    tree = outcome.tree
    nodes = np.arange(tree.n_leaves, tree.n_nodes)
    if tree.size[nodes].sum() <= _MOST_LEAVES:
        return nodes
    told = np.unique([node for node in (*outcome.node_names, *outcome.exemplars) if node >= tree.n_leaves])
    told = told.astype(np.int64)
    told = told[np.argsort(-tree.size[told], kind="stable")]
    return np.sort(told[np.cumsum(tree.size[told]) <= _MOST_LEAVES])

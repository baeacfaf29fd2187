"""What a finished discovery is, whichever system made its tree, and how it is written, told and summed up."""

from __future__ import annotations

import math
import platform
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse
from numpy.typing import ArrayLike, NDArray

from hyperclade import metrics
from hyperclade.data.columns import row_names
from hyperclade.data.store import write_json
from hyperclade.environment import FloatArray, IntArray
from hyperclade.hierarchy.members import typical_leaves
from hyperclade.hierarchy.naming import name_nodes, nearest_above
from hyperclade.hierarchy.traits import label_mix, name_by_features
from hyperclade.progress import Progress, Say, timed
from hyperclade.report.branches import main_branches
from hyperclade.report.cuts import Cuts
from hyperclade.report.picture import draw_hierarchy, named_nodes
from hyperclade.report.text import outline, outline_nodes
from hyperclade.trees.tree import Tree

if TYPE_CHECKING:
    from hyperclade.data.features import FeatureTable
    from hyperclade.hierarchy.shhc import SHHC

FILES = ("tree.json", "tree.nwk", "linkage.npy", "assignments.parquet", "summary.json", "hierarchy.png")
_MOST_LISTED = 200  # clusters in a partition that the summary lists by name
_MEASURES = ("nmi", "ami", "ari", "mean_purity", "weighted_purity")
_VERSIONED = ("hyperclade", "numpy", "scipy", "scikit-learn", "numba", "faiss-cpu", "torch")


@dataclass(frozen=True, eq=False)
class Partition:
    """Flat clusters, each the leaves under one node of a tree.

    Parameters
    ----------
    column : str
        What it is called in tables, "layer_5".
    labels : (n,) int64
    nodes : (k,) int64
        The node of each label.
    """

    column: str
    labels: IntArray
    nodes: IntArray

    @classmethod
    def of(cls, tree: Tree, column: str, labels: ArrayLike) -> Partition:
        """Labels from 0 on of the leaves of a tree, with the node of each.

        Raises
        ------
        ValueError
            The leaves of a label are not those under one node.

        Examples
        --------
        >>> Partition.of(Tree([4, 4, 5, 5, 6, 6, -1]), "kinds", [1, 1, 0, 0]).nodes.tolist()
        [5, 4]
        """
        own = np.asarray(labels, dtype=np.int64)
        if own.shape != (tree.n_leaves,) or own.min() < 0:
            raise ValueError(f"{column} must be a label from 0 on for each of the {tree.n_leaves} leaves")
        nodes = tree.nodes_of(own)
        if not np.array_equal(tree.size[nodes], np.bincount(own)):
            raise ValueError(f"{column}: the leaves of each label must be those under one node of the tree")
        return cls(column, own, nodes)


@dataclass(frozen=True, eq=False)
class Outcome:
    """A hierarchy over rows with all that is told of it: clusters, names of nodes, labels, scores, facts.

    `Outcome.of` makes one of a fitted `SHHC`. Whoever has a tree from elsewhere gives it, and what there is.

    Parameters
    ----------
    tree : Tree
        Over n rows.
    layers, cuts : sequence of Partition
        Natural granularities, coarse to fine, and partitions asked for.
    clusters : (n,) int64, optional
        The labels of first choice, column `cluster`.
    points : (n, dim) float64, optional
        Rows in the Poincaré ball.
    ids, names, labels : (n,) array, optional
        What is known of the rows; labels are used to evaluate (None where unknown), never to name.
    node_names, shown_names : dict of int to str
        Names of nodes in files; and in the outline and the picture, where those of the nodes below a main
        branch may tell them apart within it.
    exemplars : dict of int to (e,) int64
        Rows that stand for a node, the most typical first.
    title : str
        Title of the picture.
    facts, settings : dict
        What the summary begins and ends with: how the tree was found, what was asked for.
    seconds : dict of str to float
        Time of each stage so far; `write` adds its own.

    Raises
    ------
    ValueError
        If there are not as many clusters, points, ids, names or labels as leaves.

    Examples
    --------
    >>> tree = Tree([4, 4, 5, 5, 6, 6, -1])
    >>> kinds = Partition.of(tree, "kinds", [0, 0, 1, 1])
    >>> labels = np.array(["cat", "dog", "oak", "oak"], dtype=object)
    >>> outcome = Outcome(tree, [kinds], labels=labels, shown_names={4: "pets"})
    >>> print(*outcome.outline(), sep="\\n")
    4 rows
    ├─ pets  2  50 % cat, 50 % dog
    └─ 2 rows  100 % oak
    >>> outcome.evaluation["layers"]["kinds"]["mean_purity"]
    0.75
    """

    tree: Tree
    layers: Sequence[Partition] = ()
    cuts: Sequence[Partition] = ()
    clusters: IntArray | None = None
    points: FloatArray | None = None
    ids: NDArray | None = None
    names: NDArray | None = None
    labels: NDArray | None = None
    node_names: Mapping[int, str] = field(default_factory=dict)
    shown_names: Mapping[int, str] = field(default_factory=dict)
    exemplars: Mapping[int, IntArray] = field(default_factory=dict)
    title: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for what in ("clusters", "points", "ids", "names", "labels"):
            values = getattr(self, what)
            if values is not None and len(values) != self.tree.n_leaves:
                raise ValueError(f"need {what} of the {self.tree.n_leaves} leaves, got {len(values)}")

    @classmethod
    def of(
        cls,
        model: SHHC,
        table: FeatureTable,
        rows: Any = None,
        *,
        columns: Sequence[str] | None = None,
        stop_words: Sequence[str] | None = None,
        cuts: Cuts | None = None,
        exemplars: int = 0,
        title: str = "",
        facts: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        seconds: Mapping[str, float] | None = None,
        progress: Progress | None = None,
    ) -> Outcome:
        """What a model has found in a table.

        Nodes are named by `columns`, where given, else by names of rows, or ids that are no numbers.

        Parameters
        ----------
        model : SHHC
        table : FeatureTable
        rows : (n, d) array, memory map or sparse matrix, optional
            What the model was fitted to, where the features of the table have been scaled.
        columns : d str, optional
            Names of the features.
        stop_words : sequence of str, optional
            Words in names of rows that name no node, beside the built-in ones of large languages; with
            "none" among them, instead of these.
        cuts : Cuts, optional
            Partitions asked for.
        exemplars : int
            Rows to keep for each node that is shown, and each cluster of a partition of at most 200.
        title : str
            What the table holds, for the picture.
        facts, settings : dict, optional
            What the summary says before and after what the model knows.
        seconds : dict, optional
            Of the stages before the fit.
        progress : callable, optional
        """
        tree, features = model.tree_, table.features
        rows = features if rows is None else rows
        found = [Partition.of(tree, f"layer_{own.max() + 1}", own) for own in model.layers_]
        asked = [Partition.of(tree, column, own) for column, own in (cuts or Cuts()).of(tree).items()]
        n, d = features.shape
        shown, spent = _shown(tree), {**(seconds or {}), **model.timings_}
        with timed(spent, "naming", progress):
            X = rows.tocsr() if scipy.sparse.issparse(rows) else rows
            listed = [own.nodes for own in found + asked if len(own.nodes) <= _MOST_LISTED]
            wanted = np.unique(np.concatenate([shown, *listed]))
            titles: list[str] = []
            named, above = np.r_[wanted, shown], _branch_above(tree, shown)
            if columns is not None:
                within = np.r_[np.full(len(wanted), tree.root), above]
                titles = name_by_features(tree, features, named, columns, within=within)
            elif (called := row_names(table.names, table.ids)) is not None:
                within = np.r_[nearest_above(tree, wanted), above]
                titles = name_nodes(
                    tree, called, X, named, metric=model.metric_, within=within, stop_words=stop_words
                )
            typical = {
                node: typical_leaves(tree, X, node, model.metric_)[:exemplars]
                for node in (wanted.tolist() if exemplars else [])
            }
        outcome = cls(
            tree,
            found,
            asked,
            clusters=model.labels_,
            points=model.embedding_,
            ids=table.ids,
            names=table.names,
            labels=table.labels,
            node_names=dict(zip(wanted.tolist(), titles, strict=False)),
            shown_names=dict(zip(shown.tolist(), titles[len(wanted) :], strict=False)),
            exemplars=typical,
            title=f"{title}{' · ' if title else ''}{n:,} rows × {d:,} features\n"
            f"{model.similarity} similarity, {model.metric_} metric",
            facts={
                **(facts or {}),
                "rows": n,
                "features": d,
                "dtype": str(features.dtype),
                "similarity": model.similarity,
                "metric": model.metric_,
                "neighbour_recall": None if model.recall_ is None else round(float(model.recall_), 4),
                "cost": float(model.cost_),
                "score": float(model.score_),
            },
            settings=settings or {},
            seconds=spent,
        )
        with timed(spent, "evaluation", progress):
            _ = outcome.evaluation  # kept
        return outcome

    @cached_property
    def mixes(self) -> dict[int, str]:
        """The labels under the nodes that are shown, where labels are known."""
        if self.labels is None:
            return {}
        shown = _shown(self.tree)
        return dict(zip(shown.tolist(), label_mix(self.tree, self.labels, shown), strict=True))

    @cached_property
    def evaluation(self) -> dict[str, Any] | None:
        """How well the tree and its partitions agree with the labels, of the rows that have one.

        Raises
        ------
        ValueError
            There are labels, but all are missing.
        """
        if self.labels is None:
            return None
        known = ~pd.isna(self.labels)
        if not known.any():
            raise ValueError("the labels are all missing")
        labels = self.labels[known]
        purity = metrics.dendrogram_purity(self.tree, self.labels, ignore_unlabelled=True)
        return {
            "labelled_rows": int(known.sum()),
            "classes": len(set(labels.tolist())),
            "dendrogram_purity": None if math.isnan(purity) else purity,
            "layers": {
                own.column: {name: getattr(metrics, name)(labels, own.labels[known]) for name in _MEASURES}
                for own in (*self.layers, *self.cuts)
            },
        }

    def outline(self) -> list[str]:
        """The top of the hierarchy as lines of text, with names, sizes and labels."""
        return outline(self.tree, self.shown_names, self.mixes)

    def summary(self) -> dict[str, Any]:
        """Facts, clusters of layers and cuts, evaluation, time, memory and versions, as JSON has them."""
        number = {} if self.clusters is None else {"clusters": int(self.clusters.max()) + 1}
        return {
            **self.facts,
            **number,
            "layers": [self._about(layer) for layer in self.layers],
            "cuts": [self._about(cut) for cut in self.cuts],
            "evaluation": self.evaluation,
            "seconds": {stage: round(spent, 4) for stage, spent in self.seconds.items()},
            "peak_memory_mib": _peak_memory(),
            "versions": _versions(),
            **self.settings,
        }

    def write(
        self, folder: str | Path, progress: Progress | None = None, say: Say | None = None
    ) -> dict[str, Any]:
        """Write `FILES` into a folder, which is made if it is not there.

        What the picture lacks is said, and listed in the summary as "remarks".

        Returns
        -------
        dict
            The summary; its file is the last to be written.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with timed(self.seconds, "writing", progress):
            tree = self.tree
            remarks: list[str] = []
            if self.names is not None:
                tree = Tree(tree.parent, tree.height, self.names)
            titles: list[str | None] = [*(tree.names or map(str, range(tree.n_leaves)))]
            titles += [self.node_names.get(node) for node in range(tree.n_leaves, tree.n_nodes)]
            (folder / "tree.json").write_text(tree.to_json(), encoding="utf-8")
            (folder / "tree.nwk").write_text(tree.to_newick(titles) + "\n", encoding="utf-8")
            np.save(folder / "linkage.npy", tree.to_linkage(), allow_pickle=False)
            pq.write_table(self._table(), folder / "assignments.parquet")
            picture = folder / "hierarchy.png"
            draw_hierarchy(tree, picture, node_names=self._captions(), title=self.title, say=remarks.append)
        if say is not None:
            for remark in remarks:
                say(remark)
        summary = self.summary()
        if remarks:
            summary["remarks"] = remarks
        write_json(folder / "summary.json", summary, allow_nan=False, ensure_ascii=False)
        return summary

    def _table(self) -> pa.Table:
        """A row a leaf: what it is called, its clusters, its place in the ball."""
        leaves = np.arange(self.tree.n_leaves)
        columns: dict[str, Any] = {"id": leaves if self.ids is None else self.ids}
        if self.names is not None:
            columns["name"] = self.names.astype(object)
        columns["leaf"] = leaves
        if self.clusters is not None:
            columns["cluster"] = self.clusters
        columns |= {own.column: own.labels for own in (*self.layers, *self.cuts)}
        if self.points is not None:
            columns |= {f"x{k}": column for k, column in enumerate(self.points.T)}
        return pa.table(columns)

    def _captions(self) -> dict[int, str]:
        """What stands at nodes in the picture: their names, or else what is known of their rows."""
        tree, called = self.tree, row_names(self.names, self.ids)
        captions = {node: f"{int(tree.size[node]):,} rows" for node in main_branches(tree).tolist()}
        for node in named_nodes(tree).tolist():
            if node < tree.n_leaves and called is None:
                captions[node] = f"#{node if self.ids is None else self.ids[node]}"
            elif name := self.shown_names.get(node) or self.mixes.get(node):
                captions[node] = name
        return captions

    def _about(self, partition: Partition) -> dict[str, Any]:
        """A partition and, where they are few, its clusters."""
        sizes = self.tree.size[partition.nodes]
        about = {
            "column": partition.column,
            "clusters": len(sizes),
            "smallest": int(sizes.min()),
            "largest": int(sizes.max()),
        }
        if len(sizes) <= _MOST_LISTED:
            about["listed"] = [
                {"label": label, "node": node, "size": int(self.tree.size[node])}
                | ({"name": self.node_names[node]} if node in self.node_names else {})
                for label, node in enumerate(partition.nodes.tolist())
            ]
        return about


def _shown(tree: Tree) -> IntArray:
    """The nodes of the outline and of the picture, ascending."""
    nodes = [node for branch, below in outline_nodes(tree) for node in (branch, *below)]
    return np.union1d(np.array(nodes, dtype=np.int64), named_nodes(tree))


def _branch_above(tree: Tree, nodes: IntArray) -> IntArray:
    """The main branch that each node lies below, else the root."""
    branches = main_branches(tree)
    start, stop = tree.leaf_interval.T
    nearest = branches[np.maximum(np.searchsorted(start[branches], start[nodes], side="right") - 1, 0)]
    below = (start[nearest] <= start[nodes]) & (stop[nodes] <= stop[nearest]) & (nodes != nearest)
    return np.where(below, nearest, tree.root)


def _versions() -> dict[str, str]:
    """Of what is installed here."""
    found = {}
    for name in _VERSIONED:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found | {"python": platform.python_version()}


def _peak_memory() -> float | None:
    """MiB that this process has held at most; unknown on Windows."""
    if sys.platform == "win32":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20

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
import scipy.sparse
from numpy.typing import NDArray

from hyperclade import metrics
from hyperclade.data.columns import row_names
from hyperclade.environment import FloatArray, IntArray
from hyperclade.hierarchy.traits import label_mix
from hyperclade.progress import Progress, Say, timed
from hyperclade.report.branches import main_branches
from hyperclade.report.cuts import Cuts
from hyperclade.report.outcome_folder import read_outcome, write_outcome
from hyperclade.report.partition import Partition
from hyperclade.report.parts import Parts
from hyperclade.report.picture import named_nodes
from hyperclade.report.text import outline
from hyperclade.report.told import shown_nodes, tell
from hyperclade.trees.tree import Tree

if TYPE_CHECKING:
    from hyperclade.data.features import FeatureTable
    from hyperclade.hierarchy.shhc import SHHC

_MOST_LISTED = 200  # clusters in a partition that the summary lists by name
_MOST_VALUES = 32  # columns of features to tell rows by
_MEASURES = ("nmi", "ami", "ari", "mean_purity", "weighted_purity")
_VERSIONED = ("hyperclade", "numpy", "scipy", "scikit-learn", "numba", "faiss-cpu", "torch")


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
    exemplars, borderline : dict of int to (e,) int64
        Rows that stand for a node, the most typical first, and rows of it that are nearest to belonging
        elsewhere, the most doubtful first (see `hierarchy.members`).
    cost_shares : (m - n,) float64, optional
        Share of the Dasgupta cost that each inner node pays.
    parts : Parts, optional
        For the similarity of groups.
    values : dict of str to (n,) array
        Further columns of numbers.
    title : str
        Title of the picture.
    facts, settings : dict
        What the summary begins and ends with: how the tree was found, what was asked for.
    seconds : dict of str to float
        Time of each stage so far; `write` adds its own.

    Raises
    ------
    ValueError
        If there are not as many clusters, points, ids, names, labels or values as leaves, or shares of the
        cost as inner nodes.

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
    borderline: Mapping[int, IntArray] = field(default_factory=dict)
    cost_shares: FloatArray | None = None
    parts: Parts | None = None
    values: Mapping[str, NDArray] = field(default_factory=dict)
    title: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        of_rows = {what: getattr(self, what) for what in ("clusters", "points", "ids", "names", "labels")}
        for what, values in (of_rows | {repr(title): own for title, own in self.values.items()}).items():
            if values is not None and len(values) != self.tree.n_leaves:
                raise ValueError(f"need {what} of the {self.tree.n_leaves} leaves, got {len(values)}")
        inner = self.tree.n_nodes - self.tree.n_leaves
        if self.cost_shares is not None and len(self.cost_shares) != inner:
            raise ValueError(f"need cost shares of the {inner} inner nodes, got {len(self.cost_shares)}")

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
        exemplars: int = 8,
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
            Rows to keep for each node that is told of, the typical ones and as many borderline ones. These
            are the nodes that are shown, the clusters of partitions of at most 200, and the 4,000 largest
            other inner nodes.
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
        spent = {**(seconds or {}), **model.timings_}
        X = rows.tocsr() if scipy.sparse.issparse(rows) else rows
        with timed(spent, "naming", progress):
            told = tell(
                tree, table, X, model.metric_,
                [own.nodes for own in found + asked if len(own.nodes) <= _MOST_LISTED],
                columns=columns, stop_words=stop_words, exemplars=exemplars,
            )  # fmt: skip
            parts = Parts.of(tree, X, model.metric_)
        costs = np.maximum(model.node_costs_, 0)
        outcome = cls(
            tree,
            found,
            asked,
            clusters=model.labels_,
            points=model.embedding_,
            ids=table.ids,
            names=table.names,
            labels=table.labels,
            node_names=told.node_names,
            shown_names=told.shown_names,
            exemplars=told.typical,
            borderline=told.borderline,
            cost_shares=costs / costs.sum() if costs.any() else None,
            parts=parts,
            values=_values(table, columns),
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
        shown = shown_nodes(self.tree)
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
        """Write all there is into a folder, which is made if it is not there; `read` gives it back.

        What the picture lacks is said, and listed in the summary as "remarks".

        Returns
        -------
        dict
            The summary as its file has it, the last to be written: with what else the folder holds.
        """
        return write_outcome(self, Path(folder), progress, say)

    @classmethod
    def read(cls, folder: str | Path) -> Outcome:
        """The outcome that `write` left in a folder.

        Raises
        ------
        ValueError
            There is none, or one of another version; a file is missing, damaged or edited, or is of another
            tree.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Outcome(Tree([2, 2, -1]), node_names={2: "both"}).write(folder)
        ...     Outcome.read(folder).node_names
        {2: 'both'}
        """
        fields, evaluation = read_outcome(Path(folder))
        outcome = cls(**fields)
        outcome.__dict__["evaluation"] = evaluation  # kept, as it takes long for large trees
        return outcome

    def id_texts(self) -> list[str]:
        """Ids of the rows as texts, their numbers where there are none."""
        own = range(self.tree.n_leaves) if self.ids is None else self.ids.tolist()
        return [str(id) for id in own]

    def captions(self) -> dict[int, str]:
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


def _values(table: FeatureTable, columns: Sequence[str] | None) -> dict[str, NDArray]:
    """The columns of a table that have names, where they are few; the first of those with one name."""
    titles = table.columns if columns is None else columns
    if titles is None or len(titles) > _MOST_VALUES:
        return {}
    X = table.features.toarray() if scipy.sparse.issparse(table.features) else table.features
    wide = np.float32 if X.dtype == np.float16 else X.dtype  # which tables elsewhere do not all know
    return {title: np.array(X[:, k], dtype=wide) for k, title in reversed([*enumerate(titles)])}


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

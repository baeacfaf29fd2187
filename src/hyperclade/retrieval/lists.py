"""Nearest rows among very many: rows in lists by k-means, of which a query looks into the nearest few."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hyperclade.environment import FloatArray, IntArray
from hyperclade.retrieval.distances import Metric
from hyperclade.retrieval.nearest import nearest

EXACT = 20_000  # rows up to which all are compared
RECALL = 0.98
_TRAINING_ROWS = 40  # for each list
_ITERATIONS = 8
_ASKED, _NEIGHBOURS = 256, 10  # queries, and neighbours of each, that recall is measured by
_SPARE = 16  # candidates beyond those asked for, among which float64 decides
_BLOCK = 1 << 16


@dataclass(frozen=True, eq=False)
class Lists:
    """Rows that lie in lists.

    Attributes
    ----------
    vectors : (n, d) float32
        Embeddings, a list after the other.
    lengths : (n,) float64
        Their Euclidean norms.
    centres : (k, d) float32
        Of the lists; none where all rows are compared.
    offsets : (k + 1,) int64
        Where each list begins, and the end.
    probes : int
        Lists that a query looks into.
    metric : Metric
    """

    vectors: np.ndarray
    lengths: np.ndarray
    centres: np.ndarray
    offsets: np.ndarray
    probes: int
    metric: Metric

    def __len__(self) -> int:
        return len(self.vectors)

    def search(
        self, query: np.ndarray, k: int, skip: NDArray[np.bool_] | None = None
    ) -> tuple[IntArray, FloatArray]:
        """The k nearest rows of a query `(d,)`, nearest first, that are not to be skipped, and distances."""
        parts = [slice(0, len(self))]
        if len(self.centres):
            near = np.argsort(self._apart(query, self.centres), kind="stable")[: self.probes]
            parts = [slice(int(self.offsets[own]), int(self.offsets[own + 1])) for own in np.sort(near)]
        rows = np.concatenate([np.arange(part.start, part.stop) for part in parts])
        score = np.concatenate([self._apart(query, self.vectors[part], self.lengths[part]) for part in parts])
        if skip is not None:
            score = np.where(skip[rows], np.inf, score)
        best = np.argpartition(score, min(k + _SPARE, len(score)) - 1)[: k + _SPARE]
        chosen = np.sort(rows[best[np.isfinite(score[best])]])
        distance = self.metric.distances(query, self.vectors[chosen])
        order = np.argsort(distance, kind="stable")[:k]
        return chosen[order], distance[order]

    def _apart(self, query: np.ndarray, rows: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
        """What rises with the distance from a query, by a product in float32."""
        own = np.asarray(query, dtype=np.float32)
        length = float(np.sqrt(np.square(own, dtype=np.float64).sum()))
        if lengths is None:
            lengths = np.sqrt(np.square(rows, dtype=np.float64).sum(axis=1))
        products = (rows @ own).astype(np.float64)
        if self.metric.name == "euclidean":
            return np.square(lengths) - 2 * products
        cosine = products / np.where(lengths * length > 0, lengths * length, np.inf)
        if self.metric.name == "cosine":
            return 1 - cosine
        root = 2 * np.sqrt(self.metric.c)
        a, b = np.minimum(root * length, 300), np.minimum(root * lengths, 300)
        return np.square(np.sinh((a - b) / 2)) + np.sinh(a) * np.sinh(b) * np.maximum(1 - cosine, 0) / 2


def make_lists(vectors: np.ndarray, metric: Metric, *, random_state: int = 0) -> tuple[Lists, IntArray]:
    """Lists of embeddings `(n, d)`, and the row that each of theirs was, `(n,) int64`.

    Up to `EXACT` rows keep their order and are all compared. Above, twice as many lists are looked into as
    give 98 % of the ten nearest of 256 of the rows.
    """
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    lengths = np.sqrt(np.square(rows, dtype=np.float64).sum(axis=1))
    n, d = rows.shape
    if n <= EXACT:
        none = np.empty((0, d), np.float32)
        return Lists(rows, lengths, none, np.array([0, n]), 0, metric), np.arange(n)
    import faiss

    rng = np.random.default_rng(random_state)
    k = round(2 * np.sqrt(n))
    guide = rows
    if metric.name == "cosine":
        guide = (rows / np.where(lengths > 0, lengths, 1)[:, None]).astype(np.float32)
    sample = np.sort(rng.choice(n, min(n, _TRAINING_ROWS * k), replace=False))
    model = faiss.Kmeans(d, k, niter=_ITERATIONS, seed=random_state, min_points_per_centroid=1)
    model.train(guide[sample])
    nearest_list = np.concatenate(
        [model.index.search(guide[at : at + _BLOCK], 1)[1][:, 0] for at in range(0, n, _BLOCK)]
    )
    order = np.argsort(nearest_list, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(nearest_list, minlength=k))])
    centres = np.asarray(model.centroids, dtype=np.float32)
    lists = Lists(rows[order], lengths[order], centres, offsets, 1, metric)
    return _probing(lists, rng), order


def _probing(lists: Lists, rng: np.random.Generator) -> Lists:
    """With twice as many lists to look into as the recall asks for: queries lie farther out than rows."""
    asked = np.sort(rng.choice(len(lists), _ASKED, replace=False))
    true, _ = nearest(lists.vectors[asked], lists.vectors, _NEIGHBOURS + 1, lists.metric)
    trial = lists
    while True:
        found = 0
        for row, own in zip(asked, true, strict=True):
            near = trial.search(lists.vectors[row], _NEIGHBOURS + 1)[0]
            found += len(np.intersect1d(near[near != row], own[own != row][:_NEIGHBOURS]))
        enough = found >= RECALL * _ASKED * _NEIGHBOURS
        trial = replace(trial, probes=min(2 * trial.probes, len(lists.centres)))
        if enough or trial.probes == len(lists.centres):
            return trial

"""The methods of the clustering benchmark: from the rows of an array and a seed to a tree over them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import fastcluster
import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial.distance import pdist
from sklearn.neighbors import NearestNeighbors

from clustering_baselines import bisecting_kmeans_tree, random_tree
from hyperclade import SHHC, HypHC, Tree, UFit
from hyperclade.trees.tree import canonical_order

COMPLETE_GRAPH_ROWS = 2000  # up to which Paris also runs on all pairs


@dataclass(frozen=True)
class Method:
    """`build(X, seed)` gives a tree; the result depends on the seed if `randomised`."""

    build: Callable[[Any, int], Tree]
    randomised: bool = False


def link(X: Any, method: str) -> Tree:
    """fastcluster's linkage by cosine distance; Ward on rows of length one."""
    rows = unit_rows(X)
    if method in ("single", "ward"):  # fastcluster needs no distance matrix for these
        merged = fastcluster.linkage_vector(rows, method)
    else:
        merged = fastcluster.linkage(pdist(rows, "cosine"), method, preserve_input=False)
    return from_merges(merged)


def from_merges(dendrogram: Any) -> Tree:
    """Tree of a linkage matrix whose rows may stand in any order: scikit-network sorts them by height."""
    merges = np.asarray(dendrogram)[:, :2].astype(np.int64)
    n = len(merges) + 1
    parent = np.full(2 * n - 1, -1)
    parent[merges] = np.arange(n, 2 * n - 1)[:, None]
    return Tree.from_parents(parent)


def from_dendrogram(dendrogram: Any) -> Tree:
    """Tree of a linkage matrix with its heights, so that `cut` undoes the highest merges first.

    Rows may stand in any order. Heights that fall towards the root, or are infinite as those of separate
    components, are brought to the least that is in order.
    """
    dendrogram = np.asarray(dendrogram, dtype=np.float64)
    merges, height = dendrogram[:, :2].astype(np.int64), dendrogram[:, 2]
    n = len(merges) + 1
    parent = np.full(2 * n - 1, -1)
    parent[merges] = np.arange(n, 2 * n - 1)[:, None]
    height = np.r_[
        np.zeros(n), np.where(np.isfinite(height), height, 2 * height[np.isfinite(height)].max() + 1)
    ]
    order = canonical_order(parent)
    rank = np.argsort(order)
    parent, height = rank[parent[order]], height[order]
    parent[-1] = -1
    for node in range(2 * n - 2):
        height[parent[node]] = max(height[parent[node]], height[node])
    return Tree.from_parents(parent, height)


def unit_rows(X: Any) -> np.ndarray:
    """Rows scaled to length one, float64; a row of zeros stays."""
    rows = np.array(X, dtype=np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)


def neighbour_graph(X: Any, k: int, metric: str) -> csr_matrix:
    """Symmetric graph of the k nearest others: pairs that list each other weigh 1, if only one does ½."""
    rows = unit_rows(X) if metric == "cosine" else np.asarray(X, dtype=np.float64)
    k = min(k, len(rows) - 1)
    directed = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(rows).kneighbors_graph()
    return csr_matrix((directed + directed.T) / 2)


def _shhc(X: Any, seed: int, **options: Any) -> Tree:
    return SHHC(random_state=seed, **options).fit(X).tree_


def _paris(X: Any, seed: int, k: int = 10, metric: str = "cosine") -> Tree:
    from sknetwork.hierarchy import Paris

    return from_dendrogram(Paris().fit_transform(neighbour_graph(X, k, metric)))


def _paris_on_all_pairs(X: Any, seed: int) -> Tree:
    from sknetwork.hierarchy import Paris

    rows = unit_rows(X)
    weights = (1 + rows @ rows.T) / 2
    np.fill_diagonal(weights, 0)
    return from_dendrogram(Paris().fit_transform(csr_matrix(weights)))


def _louvain(X: Any, seed: int, k: int = 10, metric: str = "cosine") -> Tree:
    from sknetwork.hierarchy import LouvainHierarchy

    graph = neighbour_graph(X, k, metric)
    return from_dendrogram(LouvainHierarchy(shuffle_nodes=True, random_state=seed).fit_transform(graph))


def _genie(X: Any, seed: int, metric: str = "cosine") -> Tree:
    """Cuts undo Genie's last merges, as its own labels do."""
    from genieclust import Genie

    rows = unit_rows(X) if metric == "cosine" else np.array(X, dtype=np.float64)
    return Tree.from_merges(Genie(n_clusters=1).fit(rows).children_, np.arange(1.0, len(rows)))


def _linkage(X: Any, seed: int, method: str, metric: str) -> Tree:
    """fastcluster's linkage; "cosine" is 1 − cos, for Ward the Euclidean distance of rows of length one."""
    rows = unit_rows(X) if metric == "cosine" else np.asarray(X, dtype=np.float64)
    distances = _distances(rows)
    if metric == "cosine" and method != "ward":
        distances = distances**2 / 2
    return from_dendrogram(fastcluster.linkage(distances, method, preserve_input=False))


def _distances(rows: np.ndarray) -> np.ndarray:
    """Condensed Euclidean distances; of many features from inner products, in a fraction of the time."""
    n, d = rows.shape
    if d <= 64:
        return pdist(rows)
    rows = rows - rows.mean(axis=0)
    squares = (rows**2).sum(axis=1)
    found = np.empty(n * (n - 1) // 2)
    at = 0
    for start in range(0, n, 512):
        block = (
            squares[start : start + 512, None]
            + squares[start:]
            - 2 * rows[start : start + 512] @ rows[start:].T
        )
        for i, line in enumerate(block):
            found[at : at + len(line) - i - 1] = line[i + 1 :]
            at += len(line) - i - 1
    return np.sqrt(np.maximum(found, 0))


METHODS = {
    "SHHC (cosine)": Method(partial(_shhc, n_clusters=None, similarity="cosine"), True),
    "SHHC (softmax)": Method(partial(_shhc, n_clusters=None, similarity="softmax"), True),
    "SHHC (knn)": Method(partial(_shhc, n_clusters=None, similarity="knn", metric="cosine"), True),
    "SHHC (cosine), search=False": Method(
        partial(_shhc, n_clusters=None, similarity="cosine", search=False), True
    ),
    "single": Method(lambda X, seed: link(X, "single")),
    "complete": Method(lambda X, seed: link(X, "complete")),
    "average": Method(lambda X, seed: link(X, "average")),
    "weighted": Method(lambda X, seed: link(X, "weighted")),
    "Ward": Method(lambda X, seed: link(X, "ward")),
    "bisecting k-means": Method(lambda X, seed: bisecting_kmeans_tree(unit_rows(X), random_state=seed), True),
    "Paris": Method(_paris),
    "Paris, all pairs": Method(_paris_on_all_pairs),
    "LouvainHierarchy": Method(_louvain, True),
    "Genie": Method(_genie),
    "HypHC": Method(lambda X, seed: HypHC(random_state=seed).fit(X).tree_, True),
    "UFit": Method(lambda X, seed: UFit(random_state=seed).fit(X).tree_, True),
    "random": Method(lambda X, seed: random_tree(len(X), random_state=seed), True),
}

#: Those of the section `classes`, in groups that share a process. "SHHC" has default options.
CLASS_METHODS = {
    "SHHC": {
        "SHHC": Method(_shhc, True),
        "SHHC, euclidean": Method(partial(_shhc, metric="euclidean"), True),
        "SHHC, cosine": Method(partial(_shhc, metric="cosine"), True),
    },
    "linkages": {
        f"{name}, {metric}": Method(partial(_linkage, method=name.lower(), metric=metric))
        for name in ("average", "complete", "Ward")
        for metric in ("euclidean", "cosine")
    },
    "graphs": {
        f"{name}, {k} neighbours, {metric}": Method(partial(build, k=k, metric=metric), name != "Paris")
        for name, build in (("Paris", _paris), ("LouvainHierarchy", _louvain))
        for k in (15, 10)
        for metric in ("euclidean", "cosine")
    },
    "Genie": {
        f"Genie, {metric}": Method(partial(_genie, metric=metric)) for metric in ("euclidean", "cosine")
    },
}

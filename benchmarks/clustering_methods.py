"""The methods of the clustering benchmark: from the rows of an array and a seed to a tree over them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import fastcluster
import numpy as np
from scipy.spatial.distance import pdist

from hyperclade import SHHC, HypHC, Tree, UFit
from hyperclade.hierarchy.linkage import bisecting_kmeans_tree, random_tree
from hyperclade.hierarchy.rows import UnitRows
from hyperclade.hierarchy.similarity import FeatureSimilarity, knn_graph

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


def unit_rows(X: Any) -> np.ndarray:
    """Rows scaled to length one, float64."""
    return UnitRows(X).read(slice(None), np.float64)


def _shhc(X: Any, seed: int, **options: Any) -> Tree:
    return SHHC(n_clusters=None, random_state=seed, **options).fit(X).tree_


def _paris(X: Any, seed: int) -> Tree:
    from sknetwork.hierarchy import Paris

    return from_merges(Paris().fit_transform(knn_graph(X).edges.astype(np.float64)))


def _paris_on_all_pairs(X: Any, seed: int) -> Tree:
    from scipy.sparse import csr_matrix
    from sknetwork.hierarchy import Paris

    features = FeatureSimilarity(X).features(slice(None), np.float64)
    weights = features @ features.T + 0.5
    np.fill_diagonal(weights, 0)
    return from_merges(Paris().fit_transform(csr_matrix(weights)))


def _louvain(X: Any, seed: int) -> Tree:
    from sknetwork.hierarchy import LouvainHierarchy

    graph = knn_graph(X).edges.astype(np.float64)
    return from_merges(LouvainHierarchy(shuffle_nodes=True, random_state=seed).fit_transform(graph))


def _genie(X: Any, seed: int) -> Tree:
    from genieclust import Genie

    return from_merges(Genie(n_clusters=1).fit(unit_rows(X)).children_)


METHODS = {
    "SHHC (cosine)": Method(partial(_shhc, similarity="cosine"), True),
    "SHHC (softmax)": Method(partial(_shhc, similarity="softmax"), True),
    "SHHC (knn)": Method(partial(_shhc, similarity="knn"), True),
    "SHHC (cosine), search=False": Method(partial(_shhc, similarity="cosine", search=False), True),
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

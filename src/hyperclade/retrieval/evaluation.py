"""How good embeddings are for retrieval: neighbours, clusters and a hierarchy, by labels of every level."""

from typing import TYPE_CHECKING, Any

import numpy as np

from hyperclade.metrics import dendrogram_purity, neighbours_needed, nmi, retrieval_report
from hyperclade.progress import Progress
from hyperclade.retrieval.labelling import hierarchy_of, kmeans_clusters
from hyperclade.retrieval.nearest import nearest

if TYPE_CHECKING:
    from hyperclade.retrieval.distances import Metric
    from hyperclade.retrieval.module import Retrieval
    from hyperclade.retrieval.sources import RetrievalSet

_MOST = 2000  # neighbours of a sample that are looked up for MAP@R


def evaluate(
    module: "Retrieval",
    samples: "RetrievalSet",
    ks: list[int],
    *,
    exact: int = 5000,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """`judge` of the embeddings of labelled samples; ValueError for samples without labels."""
    known = samples.labelled()
    vectors = module.embed(samples, progress=progress)
    return judge(vectors, module.recipe.space.metric, known, ks, exact=exact, progress=progress)


def judge(
    vectors: np.ndarray,
    metric: "Metric",
    levels: dict[str, np.ndarray],
    ks: list[int],
    *,
    exact: int = 5000,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Figures of embeddings before the exponential map `(n, d)`, by level of the labels.

    Parameters
    ----------
    vectors : (n, d) float
    metric : Metric
    levels : dict of str to (n,) int
        Labels by the name of their level.
    ks : list of int
        K of Recall@K.
    exact : int
        Samples up to which the hierarchy is average linkage.

    Returns
    -------
    dict
        "n_samples" and, under "levels", for each: `retrieval_report` (each sample is a query among all
        others; MAP@R and R-precision are None where a class has more than 2,000 samples), "nmi_kmeans" (as
        many clusters as classes, of the vectors), "nmi_hierarchy" (the tree cut to as many) and
        "dendrogram_purity" of the tree.
    """
    n = len(vectors)
    needed = {name: neighbours_needed(labels, ks) for name, labels in levels.items()}
    most = max([*(min(k, n - 1) for k in ks), *(k for k in needed.values() if k <= _MOST)])
    found, _ = nearest(vectors, vectors, most, metric, own=True, progress=progress)
    tree = hierarchy_of(vectors, metric, exact=exact, progress=progress)
    figures: dict[str, Any] = {}
    for name, labels in levels.items():
        own = retrieval_report(found, labels, ks)
        k = min(len(np.unique(labels)), n)
        figures[name] = own | {
            "nmi_kmeans": nmi(labels, kmeans_clusters(vectors, k)),
            "nmi_hierarchy": nmi(labels, tree.cut(k)),
            "dendrogram_purity": dendrogram_purity(tree, labels),
        }
    return {"n_samples": n, "levels": figures}

"""What the clustering benchmark measures: each job runs in a process of its own (`measure.in_process`).

Every job first runs the same code on a few rows, so that no time includes compilation or imports.
"""

from functools import partial
from typing import Any
from unittest import mock

import numpy as np

from clustering_baselines import random_tree
from clustering_data import load
from clustering_methods import METHODS, link
from hyperclade import SHHC, Tree, dasgupta_cost
from hyperclade.hierarchy.cost import cost_lower_bound, normalised_score, random_cost
from hyperclade.hierarchy.search import improve
from hyperclade.hierarchy.similarity import FeatureSimilarity, similarity_of
from hyperclade.metrics.dendrograms import dendrogram_purity
from hyperclade.metrics.partitions import ami, ari, nmi
from measure import measured

_WARM_ROWS = 256
_MEASURES = {"nmi": nmi, "ari": ari, "ami": ami}

#: Ablation: arguments of SHHC, and whether its trees are searched; all but the first start from bisection.
STAGES: dict[str, tuple[dict[str, bool], bool]] = {
    "plain procedure": ({"search": False}, True),
    "bisection": ({}, False),
    "bisection + refinement": ({"refine": True}, False),
    "bisection + search": ({}, True),
    "both": ({"refine": True}, True),
}


def compare(
    data: str, method: str, seeds: list[int], costs: list[str] | None = None, purity: bool = False
) -> dict[str, Any]:
    """Time, memory, costs in the given similarities and dendrogram purities of a method, seed by seed."""
    loaded, build = load(data), METHODS[method].build
    X = loaded.X
    build(X[:_WARM_ROWS], 0)
    runs, trees = [], []
    for seed in seeds if METHODS[method].randomised else seeds[:1]:
        tree, run = measured(partial(build, X, seed))
        trees.append(tree)
        runs.append({"seed": seed} | run)
    weights = {name: _weights(X, name) for name in costs or []}
    for run, tree in zip(runs, trees, strict=True):
        run["cost"] = {name: dasgupta_cost(tree, None, w) for name, w in weights.items()}
        if purity:
            run["purity"] = _purities(tree, loaded.labels)
    return {"runs": runs}


def references(data: str, costs: list[str]) -> dict[str, Any]:
    """What costs are measured against: `unit` = (n³ − n)/6, random trees' expected cost, a lower bound."""
    X = load(data).X
    n, d = X.shape
    found: dict[str, Any] = {"n": n, "d": d, "unit": (n**3 - n) / 6, "feature_mib": X.nbytes / 2**20}
    for name in costs:
        weights = _weights(X, name)
        found[name] = {"random": random_cost(weights), "bound": cost_lower_bound(weights)}
    return found


def agreement(data: str, seeds: list[int]) -> dict[str, Any]:
    """Final cosine costs from different seeds, from average linkage and from a random tree."""
    X = load(data).X
    weights = FeatureSimilarity(X, merge_equal=False)
    items = weights.items()
    costs = {f"seed {s}": SHHC(None, similarity="cosine", random_state=s).fit(X).cost_ for s in seeds}
    starts = {"average linkage": link(X, "average"), "random tree": random_tree(len(X), random_state=0)}
    for name, start in starts.items():
        costs[name] = dasgupta_cost(Tree.from_merges(improve(start.merges, items)), None, weights)
    return {"costs": costs}


def flat(data: str, seeds: list[int]) -> dict[str, Any]:
    """EVoC's layers against `cut(k)` at each k: on all rows (noise a cluster), and on those EVoC keeps."""
    from evoc import EVoC

    loaded = load(data)
    X = np.ascontiguousarray(loaded.X, np.float32)
    EVoC(random_state=0).fit(X[: 4 * _WARM_ROWS])
    SHHC(random_state=0).fit(X[:_WARM_ROWS])
    layers, runs = [], []
    for seed in seeds:
        peer, peer_run = measured(lambda seed=seed: EVoC(random_state=seed).fit(X))
        model, run = measured(lambda seed=seed: SHHC(random_state=seed).fit(X))
        runs.append({"seed": seed, "EVoC": peer_run, "SHHC": run})
        for layer, theirs in enumerate(peer.cluster_layers_):
            kept = theirs >= 0
            k = len(np.unique(theirs[kept]))
            if k < 2:
                continue
            ours = model.cut(k)
            for labelling, truth in loaded.labels.items():
                layers.append(
                    {"seed": seed, "layer": layer, "k": k, "noise": 1 - kept.mean(), "labelling": labelling}
                    | {
                        name: {key: measure(truth[rows], labels[rows]) for key, measure in _MEASURES.items()}
                        for name, labels, rows in (
                            ("EVoC", theirs, slice(None)),
                            ("SHHC", ours, slice(None)),
                            ("EVoC, kept rows", theirs, kept),
                            ("SHHC, kept rows", ours, kept),
                        )
                    }
                )
    return {"runs": runs, "layers": layers}


def spherical_kmeans(data: str, k: int, iterations: int, seeds: list[int]) -> dict[str, Any]:
    """faiss's spherical k-means over all rows, average linkage over its centroids, and the cost of both."""
    import faiss

    X = np.array(load(data).X)
    weights = FeatureSimilarity(X)

    def train(rows: np.ndarray, k: int, seed: int) -> Any:
        means = faiss.Kmeans(
            X.shape[1], k, niter=iterations, spherical=True, seed=seed, max_points_per_centroid=len(rows)
        )
        means.train(rows)
        return means

    train(X[: 40 * 8], 8, 0)
    runs = []
    for seed in seeds:
        means, run = measured(partial(train, X, k, seed))
        (_, nearest), assign = measured(lambda means=means: means.index.search(X, 1))
        used, labels = np.unique(nearest[:, 0], return_inverse=True)
        top, linkage = measured(lambda means=means, used=used: link(means.centroids[used], "average"))
        cost = dasgupta_cost(stopped_tree(top, labels), None, weights)
        times = {"assignment": assign["seconds"], "linkage": linkage["seconds"]}
        runs.append({"seed": seed, "clusters": len(used), "cost": {"cosine": cost}, "stages": times} | run)
    return {"runs": runs}


def two_stage(data: str, k: int, similarity: str, balanced: bool, seeds: list[int]) -> dict[str, Any]:
    """SHHC with k pre-clusters of a memory map: its stages, and the cost of its tree stopped at these."""
    X = load(data).X
    SHHC(8, similarity=similarity, balanced=balanced, random_state=0).fit(X[:_WARM_ROWS])
    weights = FeatureSimilarity(X)
    runs = []
    for seed in seeds:
        model, run = measured(
            lambda seed=seed: SHHC(k, similarity=similarity, balanced=balanced, random_state=seed).fit(X)
        )
        stopped = stopped_tree(*upper_tree(model.tree_, model.labels_))
        runs.append(
            {
                "seed": seed,
                "clusters": model.n_clusters_,
                "cost": {"cosine": dasgupta_cost(stopped, None, weights)},
                "full_cost": {"cosine": dasgupta_cost(model.tree_, None, weights)},
                "stages": model.timings_,
            }
            | run
        )
    return {"runs": runs}


def ablation(
    data: str, preclusters: str, n_clusters: int | None, similarity: str, stage: str, seeds: list[int]
) -> dict[str, Any]:
    """One combination of SHHC's parts. What no option reaches is put in place of the part it stands for."""
    loaded = load(data)
    options, search = STAGES[stage]
    moves = mock.patch("hyperclade.hierarchy.shhc.improve", improve if search else _unimproved)

    def fit(X: np.ndarray, k: int | None, seed: int) -> SHHC:
        balanced = preclusters != "k-means"
        return SHHC(k, similarity=similarity, balanced=balanced, random_state=seed, **options).fit(X)

    runs = []
    with moves:
        fit(loaded.X[:_WARM_ROWS], n_clusters and 16, 0)
        for seed in seeds:
            model, run = measured(partial(fit, loaded.X, n_clusters, seed))
            cosine = FeatureSimilarity(loaded.X)
            own, cost = model.cost_, dasgupta_cost(model.tree_, None, cosine)
            runs.append(
                {
                    "seed": seed,
                    "cost": {similarity: own, "cosine": cost},
                    "score": {similarity: model.score_, "cosine": normalised_score(cost, cosine)},
                    "purity": _purities(model.tree_, loaded.labels),
                }
                | run
            )
    return {"runs": runs}


def upper_tree(tree: Tree, labels: np.ndarray) -> tuple[Tree, np.ndarray]:
    """The part of a tree above the clades that `labels` `(n,)` name, with these as leaves; and the labels."""
    in_order = labels[tree.leaf_order]
    changes = np.r_[0, np.cumsum(in_order[1:] != in_order[:-1])]
    start, stop = tree.leaf_interval.T
    pure = changes[start] == changes[stop - 1]
    inner = np.flatnonzero(~pure)
    if not inner.size:
        return Tree([-1]), labels
    roots = np.flatnonzero(pure[:-1] & ~pure[tree.parent[:-1]])
    node = np.full(tree.n_nodes, -1)
    node[roots] = in_order[start[roots]]
    node[inner] = len(roots) + np.arange(len(inner))
    parent = np.full(len(roots) + len(inner), -1)
    kept = np.r_[roots, inner[:-1]]
    parent[node[kept]] = node[tree.parent[kept]]
    return Tree(parent), labels


def stopped_tree(top: Tree, labels: np.ndarray) -> Tree:
    """Tree over rows whose clusters, the leaves of `top`, are not divided further."""
    n = len(labels)
    return Tree(np.r_[n + labels, np.where(top.parent >= 0, top.parent + n, -1)])


def _weights(X: Any, name: str) -> Any:
    """The named similarity; all of these sections compare rows by their direction."""
    return similarity_of(X, name, metric="cosine" if name == "knn" else None)


def _purities(tree: Tree, labels: dict[str, np.ndarray]) -> dict[str, float]:
    return {name: dendrogram_purity(tree, values) for name, values in labels.items()}


def _unimproved(merges: np.ndarray, *_: Any, **__: Any) -> np.ndarray:
    return merges

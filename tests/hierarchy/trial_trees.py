"""Small random inputs and brute-force sums shared by the tests of the clustering."""

import numpy as np

from hyperclade.hierarchy.similarity import FeatureSimilarity, GraphSimilarity
from hyperclade.trees.tree import Tree


def random_merges(n: int, rng: np.random.Generator) -> np.ndarray:
    roots = list(range(n))
    merges = []
    for i in range(n - 1):
        a, b = rng.choice(len(roots), 2, replace=False)
        merges.append((roots[a], roots[b]))
        roots = [r for j, r in enumerate(roots) if j not in (a, b)] + [n + i]
    return np.array(merges, dtype=np.int64).reshape(-1, 2)


def dense(weights: FeatureSimilarity | GraphSimilarity) -> np.ndarray:
    """All pairwise similarities `(n, n)`, diagonal zero, from their definitions."""
    if isinstance(weights, GraphSimilarity):
        return weights.edges.toarray().astype(np.float64)
    features = weights.features(slice(None), np.float64)
    w = features @ features.T + weights.constant
    np.fill_diagonal(w, 0)
    return w


def brute_cost(tree: Tree, w: np.ndarray) -> float:
    """Dasgupta's definition, pair by pair: the LCA is the first common node of the two root paths."""
    parent, size = tree.parent, tree.size
    total = 0.0
    for i in range(tree.n_leaves):
        path = []
        node = i
        while node >= 0:
            path.append(node)
            node = parent[node]
        for j in range(i):
            node = j
            while node not in path:
                node = parent[node]
            total += w[i, j] * size[node]
    return total

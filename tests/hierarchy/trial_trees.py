"""Small random inputs and brute-force sums shared by the tests of the clustering."""

import numpy as np

from hyperclade.hierarchy.similarity import AnySimilarity, FeatureSimilarity, Similarity
from hyperclade.trees.tree import Tree


def random_merges(n: int, rng: np.random.Generator) -> np.ndarray:
    roots = list(range(n))
    merges = []
    for i in range(n - 1):
        a, b = rng.choice(len(roots), 2, replace=False)
        merges.append((roots[a], roots[b]))
        roots = [r for j, r in enumerate(roots) if j not in (a, b)] + [n + i]
    return np.array(merges, dtype=np.int64).reshape(-1, 2)


def random_tree(n: int, seed: int = 0) -> Tree:
    return Tree.from_merges(random_merges(n, np.random.default_rng(seed)))


def dense(weights: AnySimilarity) -> np.ndarray:
    """All pairwise similarities of rows `(n, n)`, diagonal zero, from their definitions."""
    item_of = weights.distinct.item_of
    if isinstance(weights, FeatureSimilarity):
        features, offsets = weights.features(item_of), weights.offsets(item_of)
        w = features @ features.T + offsets[:, None] + offsets
    else:
        w = weights.edges.toarray().astype(np.float64)[np.ix_(item_of, item_of)]
        w[item_of[:, None] == item_of] = 1.0
        if weights.dense is not None:
            w += weights.dense_weight * dense(weights.dense)
    np.fill_diagonal(w, 0)
    return w


def dense_items(items: Similarity) -> np.ndarray:
    """Similarities between items `(n, n)`, diagonal zero."""
    features = items.features.astype(np.float64)
    w = items.scale * features @ features.T
    w += np.outer(items.sizes, items.offsets) + np.outer(items.offsets, items.sizes)
    if items.edges.nnz:
        w += items.edges.toarray()
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

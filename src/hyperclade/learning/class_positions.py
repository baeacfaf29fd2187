"""Classes placed in space by their hierarchy: similarity between clusters → tree → positions (sHHC §3.2)."""

from typing import Literal

import fastcluster
import numpy as np
import torch
from scipy.spatial.distance import squareform

from hyperclade.hierarchy.composition import merge_heights
from hyperclade.hierarchy.search import improve, merge_costs
from hyperclade.hierarchy.similarity import Similarity
from hyperclade.transport.shards import sum_over_processes
from hyperclade.trees.tree import Tree

_BLOCK_ROWS = 8192
_THOROUGH = 200  # classes up to which the search runs to its end; a pass takes k² similarities per class


def centroid_similarity(features: np.ndarray, labels: np.ndarray, n_clusters: int) -> np.ndarray:
    """Mean similarity (1 + cos)/2 between the rows of two clusters, for centred rows: `(k, k) float64`.

    Features `(n, d) float` and labels `(n,) int` are, under `torch.distributed`, those of this process. Empty
    clusters are as similar to all as a right angle is: ½.

    >>> rows = np.array([[2.0, 0.0], [2.0, 0.0], [0.0, 2.0], [0.0, 2.0]])
    >>> centroid_similarity(rows, np.array([0, 0, 1, 1]), 2).round(6)
    array([[1., 0.],
           [0., 1.]])
    """
    rows, clusters = torch.as_tensor(np.asarray(features)), torch.as_tensor(labels)
    count = sum_over_processes(torch.tensor([float(len(rows))], dtype=torch.float64))
    centre = sum_over_processes(rows.sum(0, dtype=torch.float64)) / count
    sums = torch.zeros(n_clusters, rows.shape[1], dtype=torch.float64)
    for start in range(0, len(rows), _BLOCK_ROWS):
        block = rows[start : start + _BLOCK_ROWS].double() - centre
        block /= torch.linalg.vector_norm(block, dim=1, keepdim=True).clamp_min(1e-12)
        sums.index_add_(0, clusters[start : start + _BLOCK_ROWS], block)
    sizes = clusters.bincount(minlength=n_clusters).double()
    sums, sizes = sum_over_processes(sums), sum_over_processes(sizes)
    means = sums / sizes.clamp_min(1)[:, None]
    return ((1 + means @ means.T) / 2).clamp(0, 1).numpy()


def class_tree(similarity: np.ndarray) -> Tree:
    """Binary tree over k classes of low Dasgupta cost: average linkage, then search.

    The similarity `(k, k) float` in [0, 1] is symmetric, between the rows of two classes on average.

    >>> similarity = np.array([[1.0, 0.9, 0.1], [0.9, 1.0, 0.2], [0.1, 0.2, 1.0]])
    >>> class_tree(similarity).parent.tolist()
    [3, 3, 4, 4, -1]
    """
    similarity = (similarity + similarity.T) / 2
    k = len(similarity)
    if k == 1:
        return Tree([-1])
    distance = squareform(1 - similarity, checks=False)
    start = fastcluster.linkage(np.maximum(distance, 0), method="average")
    items = Similarity.from_matrix(similarity)
    merges = improve(start[:, :2].astype(np.int64), items, tolerance=1e-6 if k <= _THOROUGH else 1e-3)
    heights = merge_heights(merges, merge_costs(merges, items)[1], items.sizes, 1e-9, items.peak)
    return Tree.from_merges(merges, heights)


def class_positions(
    tree: Tree, dim: int, *, geometry: Literal["ball", "euclidean"] = "ball", radius: float = 5.0
) -> np.ndarray:
    """Positions ψ(k) of the leaves of a tree: `(k, dim) float64`, all at distance `radius` from the origin.

    Two leaves whose lowest common ancestor has s leaves are as far apart as if it lay at distance
    r = radius · (1 − log 2s / log 2k) from the origin: their directions have cosine 1 − exp(−2r). Such
    cosines are a Gram matrix G for every tree, and the directions are the rows of its root √G, which changes
    little where a tree changes little: heads need not learn renewed positions from the start. Exact for
    k ≤ dim; more classes are projected at random, which keeps distances up to a factor of about 1 ± 1/√dim.
    In Euclidean space they have the same directions as in the Poincaré ball of curvature −1.

    >>> np.linalg.norm(class_positions(Tree([2, 2, -1]), 4, radius=2.0), axis=1).round(4)
    array([0.7616, 0.7616])
    """
    k = tree.n_leaves
    if k == 1:
        return np.zeros((1, dim))
    first, second = np.triu_indices(k, 1)
    ancestor_size = tree.size[tree.lca(first, second)]
    depth = radius * (1 - np.log(2 * ancestor_size) / np.log(2 * k))
    cosine = np.eye(k)
    cosine[first, second] = cosine[second, first] = -np.expm1(-2 * depth)
    values, vectors = np.linalg.eigh(cosine)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    if k <= dim:
        directions = np.pad(root, ((0, 0), (0, dim - k)))
    else:
        directions = root @ np.random.default_rng(0).normal(size=(k, dim))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions * (np.tanh(radius / 2) if geometry == "ball" else radius)

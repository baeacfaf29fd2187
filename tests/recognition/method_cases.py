"""A small uneven taxonomy, one with two parents, samples, and what methods compute of them in plain numpy."""

import inspect

import numpy as np
import torch
from hypothesis import strategies as st

from hyperclade.trees.taxonomy import Taxonomy

TREE = Taxonomy.from_paths(["a/x/p", "a/x/q", "a/y", "b", "c/z/r", "c/z/s/t"])
DAG = Taxonomy(list("abcdef"), [[], [], [0], [0, 1], [2, 3], [3]])
N_FEATURES = 5
# of samples: with one leaf, with an inner node, with two
LABELS = {TREE: [("a/x/q",), ("b",), ("a/x",), ("a/y", "c/z/r")], DAG: [("e",), ("d",), ("a", "f")]}


def made(method, taxonomy=TREE, n_features=N_FEATURES, **given):
    """The method, narrow, without dropout, in float64."""
    torch.manual_seed(0)
    narrow = {"hidden": [], "dropout": 0.0, "dim": 4, "projection": 3}
    known = inspect.signature(method).parameters
    small = {name: value for name, value in narrow.items() if name in known}
    return method(n_features, taxonomy, **{**small, **given}).double()


def closed(taxonomy, *labels):
    """Targets with the given nodes and all above them, a row for each tuple of nodes."""
    targets = np.zeros((len(labels), len(taxonomy)))
    for row, nodes in zip(targets, labels, strict=True):
        for node in nodes:
            row[[taxonomy.index(node), *taxonomy.ancestors(node)]] = 1
    return targets


def samples(taxonomy=TREE, labels=(("a/x/q",), ("b",), ("c/z/s/t",), ("a/x",), ("a/y", "c/z/r"))):
    """Features, and the numpy targets of samples with one leaf, with an inner node, with two leaves."""
    torch.manual_seed(1)
    return torch.randn(len(labels), N_FEATURES, dtype=torch.float64), closed(taxonomy, *labels)


def loss_of(method, features, targets):
    return method.loss(features, torch.from_numpy(targets))["loss"].item()


def below(taxonomy, node):
    return [node, *taxonomy.descendants(node)]


def above(taxonomy, node):
    return [node, *taxonomy.ancestors(node)]


def node_probabilities(taxonomy, leaf_logits):
    """(b, m) by sums over the leaves below each node, one by one."""
    leaf = np.exp(leaf_logits) / np.exp(leaf_logits).sum(1, keepdims=True)
    position = {leaf_node: k for k, leaf_node in enumerate(taxonomy.leaves)}
    return np.stack(
        [
            sum(leaf[:, position[v]] for v in below(taxonomy, u) if v in position)
            for u in range(len(taxonomy))
        ],
        axis=1,
    )


def deepest(taxonomy, row):
    """Labels of a 0/1 row without a label below them."""
    return [v for v in np.flatnonzero(row) if not row[taxonomy.descendants(v)].any()]


def lca_height(taxonomy, u, v):
    """Of a taxonomy whose roots hang under one more node."""
    height = [0] * len(taxonomy)
    for node in range(len(taxonomy)):
        for leaf in taxonomy.descendants(node):
            height[node] = max(height[node], taxonomy.depth[leaf] - taxonomy.depth[node])
    common = set(above(taxonomy, u)) & set(above(taxonomy, v))
    return min((height[a] for a in common), default=max(height) + 1)


def leaf_dissimilarities(taxonomy, nodes):
    heights = np.array([[lca_height(taxonomy, u, v) for v in taxonomy.leaves] for u in nodes], dtype=float)
    return heights / max(lca_height(taxonomy, u, v) for u in taxonomy.leaves for v in taxonomy.leaves)


def directions(taxonomy, leaf_vectors):
    leaf = dict(zip(taxonomy.leaves, leaf_vectors, strict=True))
    sums = np.stack([sum(leaf[v] for v in below(taxonomy, u) if v in leaf) for u in range(len(taxonomy))])
    return sums / np.linalg.norm(sums, axis=1, keepdims=True)


def best_leaf(taxonomy, scores):
    leaves = set(taxonomy.leaves)
    columns = [[v for v in below(taxonomy, u) if v in leaves] for u in range(len(taxonomy))]
    return np.stack([scores[:, column].max(1) for column in columns], axis=1)


def softmax(x):
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def binary(p, y):
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()


@st.composite
def taxonomies(draw):
    """Forests and acyclic graphs of 1 to 12 nodes."""
    parents = [
        draw(st.lists(st.integers(0, v - 1), max_size=2, unique=True)) if v else []
        for v in range(draw(st.integers(1, 12)))
    ]
    return Taxonomy(map(str, range(len(parents))), parents)

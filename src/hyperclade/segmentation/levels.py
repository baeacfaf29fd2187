"""The hierarchy that a run has learned: levels of clusters of its codes, and a tree over the finest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import fastcluster
import numpy as np
from scipy.spatial.distance import pdist, squareform
from torch.nn.functional import normalize

from hyperclade.environment import FloatArray, IntArray
from hyperclade.segmentation.omh import matched_parents
from hyperclade.trees.taxonomy import Taxonomy
from hyperclade.trees.tree import Tree

if TYPE_CHECKING:
    from hyperclade.segmentation.module import Network

_APART = 4.0  # above any distance of directions, which is at most 2


@dataclass(frozen=True, eq=False)
class Levels:
    """Nested clusters of codes.

    Attributes
    ----------
    centres : (m, n_code) float64
        Directions of the finest clusters.
    labels : sequence of (m,) int64
        For each level, coarse to fine, the cluster that each finest one belongs to, from 0 on; the last is
        0..m-1.
    tree : Tree
        Binary, over the finest clusters: every cluster of a level is a node.
    """

    centres: FloatArray
    labels: tuple[IntArray, ...]
    tree: Tree

    @classmethod
    def of(cls, centres: FloatArray, parents: list[IntArray]) -> Levels:
        """From centres of the finest level and, for each level but the first, the cluster above each.

        Clusters without one below them are left out, and numbers close up. Within a cluster, and above the
        coarsest level, average linkage by cosine joins what is nearest.

        Examples
        --------
        >>> angles = np.array([0.0, 0.1, 1.5, 1.6])
        >>> levels = Levels.of(np.stack([np.cos(angles), np.sin(angles)], axis=1), [np.array([0, 1, 0, 1])])
        >>> levels.labels[0].tolist(), levels.tree.cut(2).tolist()
        ([0, 1, 0, 1], [0, 1, 0, 1])
        """
        directions = centres / np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-300)
        ancestors = np.arange(len(centres))
        labels = [ancestors]
        for above in reversed(parents):
            ancestors = above[ancestors]
            labels.insert(0, np.unique(ancestors, return_inverse=True)[1])
        if len(centres) == 1:
            return cls(directions, tuple(labels), Tree.from_merges(np.empty((0, 2), np.int64)))
        distance = squareform(np.maximum(pdist(directions, "cosine"), 0))
        for level in labels[:-1]:
            distance += _APART * (level[:, None] != level[None])
        merged = fastcluster.linkage(squareform(distance, checks=False), "average")
        heights = np.maximum.accumulate(merged[:, 2])
        return cls(directions, tuple(labels), Tree.from_merges(merged[:, :2].astype(np.int64), heights))

    @property
    def sizes(self) -> list[int]:
        """Clusters of each level."""
        return [int(labels.max()) + 1 for labels in self.labels]

    def names(self) -> list[list[str]]:
        """Of the clusters of each level: numbers from the top, "3", "3/7", "3/7/20"."""
        ways = np.array(self.labels).T
        return [
            [
                "/".join(map(str, ways[np.argmax(self.labels[level] == cluster), : level + 1].tolist()))
                for cluster in range(size)
            ]
            for level, size in enumerate(self.sizes)
        ]

    def taxonomy(self) -> Taxonomy:
        """All clusters, each below that of the level above it."""
        return Taxonomy.from_paths(self.names()[-1])


def learned_levels(network: Network) -> Levels:
    """Clusters that k-means finds in the codes, as levels.

    With OMH the clusters of each number belong to those of the next smaller one that the transport plan
    between their centres matches them with. Without it the finest are merged by average linkage.
    """
    fitted = [_array(centres) for centres in network.fitted]
    if network.hierarchy is not None and len(network.hierarchy.sizes) > 1:
        temperature = network.hierarchy.settings.temperature
        parents = [matched_parents(*pair, temperature) for pair in pairwise(fitted)]
        return Levels.of(fitted[-1], parents)
    found = Levels.of(fitted[-1], [])
    cuts = [found.tree.cut(len(centres)) for centres in fitted]
    return replace(found, labels=tuple(cuts))


def _array(centres: object) -> FloatArray:
    return normalize(centres.detach().double(), dim=1).cpu().numpy()  # type: ignore[attr-defined]

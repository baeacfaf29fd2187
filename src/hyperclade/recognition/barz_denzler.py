"""Barz and Denzler, Hierarchy-based Image Embeddings for Semantic Image Retrieval (WACV 2019)."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from hyperclade.recognition.chmcnn import NodeMaximum
from hyperclade.recognition.classes import Classes
from hyperclade.recognition.method import NodeScorer, perceptron
from hyperclade.recognition.soft_labels import dissimilarity
from hyperclade.trees.taxonomy import Taxonomy


class BarzDenzler(NodeScorer):
    """Features mapped to the unit sphere, near the fixed place of their class, where near classes are near.

    The loss is 1 − cosine to the class (L_CORR), plus a weight times the cross-entropy of a linear classifier
    on the embedding (L_CLS). A label that is no leaf stands at the mean direction of its leaves. The score of
    a leaf is the cosine, that of another node the best of its leaves': coherent, and not a probability.

    Parameters
    ----------
    classification_weight : float
        λ ≥ 0 of L_CLS; 0 for none.

    Raises
    ------
    ValueError
        A negative weight.
    """

    coherent: ClassVar[bool] = True
    probabilities: ClassVar[bool] = False
    places: Tensor

    def __init__(
        self,
        n_features: int,
        taxonomy: Taxonomy,
        *,
        classification_weight: float = 0.1,
        hidden: Sequence[int] = (1024, 1024),
        dropout: float = 0.5,
    ) -> None:
        super().__init__(n_features, taxonomy)
        if not classification_weight >= 0:
            raise ValueError(f"classification_weight must not be negative, got {classification_weight}")
        self.classification_weight = classification_weight
        leaf_places = torch.from_numpy(leaf_embeddings(taxonomy))
        # Stored with the parameters: eigenvectors may be others on another machine.
        self.register_buffer("places", node_embeddings(self.classes, leaf_places))
        self.embed = perceptron([n_features, *hidden, leaf_places.shape[1]], dropout=dropout)
        self.classify = perceptron([leaf_places.shape[1], self.classes.n_leaves])
        self.below = NodeMaximum(self.classes, over="descendants")

    def loss(self, features: Tensor, targets: Tensor) -> dict[str, Tensor]:
        embedding = self.embed(features)
        shares = self.classes.shares(targets)
        away = (shares * (1 - normalize(embedding, dim=1) @ self.places.T)).sum(1).mean()
        if not self.classification_weight:
            return {"loss": away}
        log_node = self.classes.node_log_probability(self.classify(embedding))
        cross_entropy = -(shares * log_node).sum(1).mean()
        return {
            "loss": away + self.classification_weight * cross_entropy,
            "correlation": away,
            "classification": cross_entropy,
        }

    def scores(self, features: Tensor) -> Tensor:
        cosines = normalize(self.embed(features), dim=1) @ self.places.T
        return self.below(leaves_only(self.classes, cosines))


def leaf_embeddings(taxonomy: Taxonomy) -> np.ndarray:
    """Unit vectors of the k leaves, `(k, n) float64` of rank n ≤ k, with inner products 1 − `dissimilarity`.

    From the eigenvectors of the matrix of these. In a tree it is positive definite, and the products are
    exact; otherwise negative eigenvalues are left out, and the products come near.

    >>> vectors = leaf_embeddings(Taxonomy.from_paths(["animal/dog", "animal/cat", "toy"]))
    >>> (vectors @ vectors.T).round(6) + 0.0
    array([[1. , 0.5, 0. ],
           [0.5, 1. , 0. ],
           [0. , 0. , 1. ]])
    """
    leaves = np.ix_(taxonomy.leaves, taxonomy.leaves)
    values, vectors = np.linalg.eigh(1 - dissimilarity(taxonomy)[leaves])
    kept = values > 1e-9
    embeddings = vectors[:, kept] * np.sqrt(values[kept])
    return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)


def node_embeddings(classes: Classes, leaf_vectors: Tensor) -> Tensor:
    """Unit vectors `(m, n) float32` of all nodes: mean directions of the vectors `(k, n)` of their leaves."""
    sums = classes.ways.T.double() @ normalize(leaf_vectors, dim=1)
    return normalize(sums, dim=1).float()


def leaves_only(classes: Classes, scores: Tensor) -> Tensor:
    """Scores `(b, m)` with −inf for all nodes that are no leaves."""
    return torch.full_like(scores, -torch.inf).index_copy(1, classes.leaves, scores[:, classes.leaves])

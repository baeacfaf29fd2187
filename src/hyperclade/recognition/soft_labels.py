"""Soft labels of Bertinetto et al., Making Better Mistakes (CVPR 2020)."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from hyperclade.recognition.leaf_softmax import LeafSoftmax
from hyperclade.trees.taxonomy import Taxonomy


class SoftLabels(LeafSoftmax):
    """Leaf softmax with targets that favour leaves near the true one.

    The target of leaf A for label C is exp(−β d(A, C)) / Σ_B exp(−β d(B, C)), d the height of the lowest
    common ancestor over the largest among leaves. A label that is no leaf gives all leaves below it the same.

    Parameters
    ----------
    beta : float
        β > 0; towards infinity the targets become one-hot.

    Raises
    ------
    ValueError
        A β that is not positive.
    """

    soft: Tensor

    def __init__(
        self,
        n_features: int,
        taxonomy: Taxonomy,
        *,
        beta: float = 10.0,
        hidden: Sequence[int] = (1024, 1024),
        dropout: float = 0.5,
    ) -> None:
        super().__init__(n_features, taxonomy, hidden=hidden, dropout=dropout)
        if not beta > 0:
            raise ValueError(f"beta must be positive, got {beta}")
        distance = torch.from_numpy(dissimilarity(taxonomy))[:, self.classes.leaves]
        self.register_buffer("soft", torch.softmax(-beta * distance, dim=1).float(), persistent=False)

    def loss(self, features: Tensor, targets: Tensor) -> dict[str, Tensor]:
        soft_targets = self.classes.shares(targets) @ self.soft
        log_leaf = torch.log_softmax(self.logits(features), dim=1)
        return {"loss": -(soft_targets * log_leaf).sum(1).mean()}


def dissimilarity(taxonomy: Taxonomy) -> np.ndarray:
    """Height of the lowest common ancestor of nodes `(m, m)`, over the largest that two leaves have.

    >>> dissimilarity(Taxonomy.from_paths(["animal/dog", "animal/cat", "toy"]))[1].tolist()
    [0.5, 0.0, 0.5, 1.0]
    """
    height = taxonomy.lca_height_matrix().astype(np.float64)
    return height / max(height[np.ix_(taxonomy.leaves, taxonomy.leaves)].max(), 1.0)

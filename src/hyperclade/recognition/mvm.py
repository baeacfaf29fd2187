"""MVM: the multi-label vector model that Patel et al. (ICLR 2022) compare boxes with."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from hyperclade.recognition.method import NodeScorer, perceptron
from hyperclade.trees.taxonomy import Taxonomy


class MVM(NodeScorer):
    """A vector for each sample and each label; the probability of a label is σ(⟨x, l⟩), the loss binary.

    Parameters
    ----------
    dim : int
        Dimension of the vectors.
    """

    def __init__(
        self,
        n_features: int,
        taxonomy: Taxonomy,
        *,
        dim: int = 256,
        hidden: Sequence[int] = (1024, 1024),
        dropout: float = 0.5,
    ) -> None:
        super().__init__(n_features, taxonomy)
        self.embed = perceptron([n_features, *hidden, dim], dropout=dropout)
        self.labels = nn.Parameter(torch.randn(self.classes.n_nodes, dim) * dim**-0.5)

    def loss(self, features: Tensor, targets: Tensor) -> dict[str, Tensor]:
        return {"loss": binary_cross_entropy_with_logits(self.logits(features), targets)}

    def scores(self, features: Tensor) -> Tensor:
        return self.logits(features).sigmoid()

    def logits(self, features: Tensor) -> Tensor:
        """Of the probabilities of all nodes, `(b, m)`."""
        return self.embed(features) @ self.labels.T

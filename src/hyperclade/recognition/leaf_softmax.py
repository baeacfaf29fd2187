"""Leaf softmax: a distribution over the leaves, whose sums are the probabilities of all nodes."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from hyperclade.recognition.method import NodeScorer, perceptron
from hyperclade.trees.taxonomy import Taxonomy


class LeafSoftmax(NodeScorer):
    """Cross-entropy of the deepest labels under a softmax over the leaves; a node has its leaves' sum.

    −log P(v) for a sample whose deepest label is v, a leaf or not; the mean of it where there are several.
    Scores are probabilities, coherent by construction. Without hidden layers this is the usual linear
    classifier of images or pixels, with the probabilities of coarser classes by summation.

    >>> method = LeafSoftmax(2, Taxonomy.from_paths(["animal/dog", "animal/cat", "toy"]), hidden=[])
    >>> _ = torch.nn.init.zeros_(method.logits[0].weight), torch.nn.init.zeros_(method.logits[0].bias)
    >>> method.scores(torch.zeros(1, 2))
    tensor([[0.6667, 0.3333, 0.3333, 0.3333]], grad_fn=<MmBackward0>)
    """

    coherent: ClassVar[bool] = True

    def __init__(
        self,
        n_features: int,
        taxonomy: Taxonomy,
        *,
        hidden: Sequence[int] = (1024, 1024),
        dropout: float = 0.5,
    ) -> None:
        super().__init__(n_features, taxonomy)
        self.logits = perceptron([n_features, *hidden, self.classes.n_leaves], dropout=dropout)

    def loss(self, features: Tensor, targets: Tensor) -> dict[str, Tensor]:
        log_node = self.classes.node_log_probability(self.logits(features))
        return {"loss": -(self.classes.shares(targets) * log_node).sum(1).mean()}

    def scores(self, features: Tensor) -> Tensor:
        leaf_probability = torch.softmax(self.logits(features), dim=1)
        return leaf_probability @ self.classes.ways

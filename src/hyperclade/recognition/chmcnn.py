"""C-HMCNN: coherent hierarchical multi-label classification of Giunchiglia and Lukasiewicz (NeurIPS 2020)."""

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from hyperclade.recognition.classes import Classes
from hyperclade.recognition.method import NodeScorer, perceptron
from hyperclade.trees.taxonomy import Taxonomy


class CHMCNN(NodeScorer):
    """A node's probability is the largest among it and its descendants (MCM), in the loss as in the scores.

    The loss is BCE((1 − y) MCM(h) + y MCM(y ⊙ h)): nodes that are labels take the maximum among the labels
    below them alone. It is written as −y log MCM(1[y > 0] ⊙ h) − (1 − y) log(1 − MCM(h)), the same for y in
    {0, 1}, which also has a sense for mixed targets. Scores are probabilities, coherent by construction.
    """

    coherent: ClassVar[bool] = True

    def __init__(
        self,
        n_features: int,
        taxonomy: Taxonomy,
        *,
        hidden: Sequence[int] = (1000, 1000),
        dropout: float = 0.7,
    ) -> None:
        super().__init__(n_features, taxonomy)
        self.logits = perceptron([n_features, *hidden, self.classes.n_nodes], dropout=dropout)
        self.below = NodeMaximum(self.classes, over="descendants")

    def loss(self, features: Tensor, targets: Tensor) -> dict[str, Tensor]:
        logits = self.logits(features)
        of_labels = self.below(logits.masked_fill(targets <= 0, torch.finfo(logits.dtype).min))
        nll = -targets * logsigmoid(of_labels) - (1 - targets) * logsigmoid(-self.below(logits))
        return {"loss": nll.mean()}

    def scores(self, features: Tensor) -> Tensor:
        # In this order: equal logits at different places may differ in the last bit of their sigmoid.
        return self.below(self.logits(features).sigmoid())


class NodeMaximum(nn.Module):
    """Maximum of scores `(b, m)` over each node and all below it, or all above it; memory O(b · pairs).

    >>> import torch
    >>> classes = Classes(Taxonomy.from_paths(["animal/dog", "animal/cat", "toy"]))
    >>> NodeMaximum(classes, over="descendants")(torch.tensor([[1.0, 3.0, 2.0, 0.0]]))
    tensor([[3., 3., 2., 0.]])
    """

    pairs: Tensor

    def __init__(self, classes: Classes, *, over: Literal["descendants", "ancestors"]) -> None:
        super().__init__()
        below, above = (classes.closure - torch.eye(classes.n_nodes)).nonzero(as_tuple=True)
        pairs = (above, below) if over == "descendants" else (below, above)
        self.register_buffer("pairs", torch.stack(pairs), persistent=False)

    def forward(self, scores: Tensor) -> Tensor:
        node, other = self.pairs
        return scores.scatter_reduce(1, node.expand(len(scores), -1), scores[:, other], "amax")

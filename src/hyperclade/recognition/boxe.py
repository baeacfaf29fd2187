"""BoxE: boxes with the distance of Abboud et al. (NeurIPS 2020), as Patel et al. (ICLR 2022) adapt it."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from hyperclade.recognition.method import NodeScorer, perceptron
from hyperclade.trees.taxonomy import Taxonomy

_BLOCK = 1 << 24  # numbers at once


class BoxE(NodeScorer):
    """A point for each sample, a box for each label; the score is minus the distance of the two.

    The loss ranks each label above each node that is none by a margin of 1: Σ max(0, 1 − s_label + s_other) /
    m over the pairs of a sample, in the mean. Training takes memory O(b m (dim + labels of a sample)).

    Parameters
    ----------
    dim : int
        Dimension of the boxes.
    """

    probabilities: ClassVar[bool] = False

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
        self.centre = nn.Parameter(torch.randn(self.classes.n_nodes, dim))
        self.side = nn.Parameter(torch.randn(self.classes.n_nodes, dim))

    def loss(self, features: Tensor, targets: Tensor) -> dict[str, Tensor]:
        scores = self.scores(features)
        sample, label = targets.nonzero(as_tuple=True)
        excess = (1 - scores[sample, label][:, None] + scores[sample]).clamp_min(0)
        weighted = targets[sample, label][:, None] * (1 - targets[sample]) * excess
        return {"loss": weighted.sum() / targets.numel()}

    def scores(self, features: Tensor) -> Tensor:
        side = softplus(self.side)
        points = row_blocks(self.embed(features), len(side))
        return -torch.cat([box_distance(block[:, None], self.centre, side) for block in points])


def row_blocks(rows: Tensor, m: int) -> tuple[Tensor, ...]:
    """Rows `(b, d)` in parts small enough to hold differences to m others, `(·, m, d)`.

    >>> [len(block) for block in row_blocks(torch.zeros(5, 1024), 8192)]
    [2, 2, 1]
    """
    return rows.split(max(1, _BLOCK // (m * rows.shape[1])))


def box_distance(point: Tensor, centre: Tensor, side: Tensor) -> Tensor:
    """Distance `(...)` of points `(..., d)` from boxes of BoxE: slow to grow inside, fast outside.

    In each dimension |x − c| / w inside, |x − c| w − (w − 1)(w − 1/w) / 2 outside, where w = side + 1, which
    is continuous; over the dimensions the Euclidean norm.

    >>> box_distance(torch.tensor([[0.5], [3.0]]), torch.tensor([0.0]), torch.tensor([1.0]))
    tensor([0.2500, 5.2500])
    """
    width = side + 1
    apart = (point - centre).abs()
    outside = apart * width - side * (width - 1 / width) / 2
    return torch.linalg.vector_norm(torch.where(apart <= side / 2, apart / width, outside), dim=-1)

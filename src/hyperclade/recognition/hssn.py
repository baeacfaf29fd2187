"""HSSN: hierarchical segmentation of Li et al., Deep Hierarchical Semantic Segmentation (CVPR 2022)."""

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, normalize, relu

from hyperclade.recognition.barz_denzler import leaves_only
from hyperclade.recognition.chmcnn import NodeMaximum
from hyperclade.recognition.method import NodeScorer, perceptron
from hyperclade.trees.taxonomy import Taxonomy


class HSSN(NodeScorer):
    """Sigmoid probabilities made coherent for the loss, and features arranged as the tree is.

    - Focal tree-min loss: a label counts with the smallest probability among it and its ancestors, another
      node with the largest among it and its descendants; the mean over nodes and samples.
    - Tree-triplet loss: of projected features i, j, k, where j's label is nearer to i's in the tree than k's,
      ½(1 − cosine) is to be smaller for (i, j) than for (i, k), by a margin that grows with the difference of
      the tree distances. Every sample is once an i, with two others drawn at random, and its label is its
      deepest one of the largest share. The weight rises with the steps of training by half a cosine.
    - Scores: a leaf has the mean probability on the way down to it, another node the best of its leaves'. The
      paper takes sums, whose order is the same where all leaves are equally deep. Coherent.

    Parameters
    ----------
    gamma : float
        Focal exponent.
    triplet_weight : float
        Weight of the tree-triplet loss, when warm; 0 for none.
    warmup_steps : int
        Number of calls of `loss` in training until then; the paper's is the whole training.
    margin : float
        Smallest margin of the tree-triplet loss; half the difference of distances, relative to the largest,
        is added.
    projection : int
        Dimensions of the projected features.

    Raises
    ------
    ValueError
        A negative exponent, weight or margin, or no step of warm-up.
    """

    coherent: ClassVar[bool] = True
    probabilities: ClassVar[bool] = False
    step: Tensor
    distance: Tensor

    def __init__(
        self,
        n_features: int,
        taxonomy: Taxonomy,
        *,
        gamma: float = 2.0,
        triplet_weight: float = 0.5,
        warmup_steps: int = 1000,
        margin: float = 0.1,
        projection: int = 256,
        hidden: Sequence[int] = (),
        dropout: float = 0.0,
    ) -> None:
        super().__init__(n_features, taxonomy)
        if not min(gamma, triplet_weight, margin) >= 0:
            raise ValueError(
                "gamma, triplet_weight and margin must not be negative, got "
                f"{gamma}, {triplet_weight} and {margin}"
            )
        if warmup_steps < 1:
            raise ValueError(f"warmup_steps must be positive, got {warmup_steps}")
        self.gamma, self.margin = gamma, margin
        self.triplet_weight, self.warmup_steps = triplet_weight, warmup_steps
        self.logits = perceptron([n_features, *hidden, self.classes.n_nodes], dropout=dropout)
        self.project = perceptron([n_features, n_features, projection])
        self.below = NodeMaximum(self.classes, over="descendants")
        self.above = NodeMaximum(self.classes, over="ancestors")
        distance = torch.from_numpy(taxonomy.distance_matrix()).float()
        self.register_buffer("distance", distance / distance.max().clamp_min(1), persistent=False)
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    def loss(self, features: Tensor, targets: Tensor) -> dict[str, Tensor]:
        tree_min = self._tree_min(self.logits(features), targets)
        if not self.triplet_weight:
            return {"loss": tree_min}
        label = self.classes.ends(targets).argmax(1)
        first, second = torch.randint(len(label), (2, len(label)), device=label.device)
        triplet = self._triplet(self.project(features), label, first, second)
        loss = tree_min + self._weight() * triplet
        if self.training:
            self.step += 1
        return {"loss": loss, "tree_min": tree_min, "triplet": triplet}

    def scores(self, features: Tensor) -> Tensor:
        ways = self.classes.closure / self.classes.closure.sum(1, keepdim=True)
        means = self.logits(features).sigmoid() @ ways.T
        return self.below(leaves_only(self.classes, means))

    def _tree_min(self, logits: Tensor, targets: Tensor) -> Tensor:
        smallest, largest = -self.above(-logits), self.below(logits)
        positive = torch.sigmoid(-smallest).pow(self.gamma) * logsigmoid(smallest)
        negative = torch.sigmoid(largest).pow(self.gamma) * logsigmoid(-largest)
        return -(targets * positive + (1 - targets) * negative).mean()

    def _triplet(self, projected: Tensor, label: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Mean loss of triplets whose anchor i is sample i, over those of two different tree distances."""
        direction = normalize(projected, dim=1)
        further = self.distance[label, label[second]] - self.distance[label, label[first]]
        cosine_gap = (direction * (direction[first] - direction[second])).sum(1)
        # Half the gap is how much more distant `second` is than `first`; the sign puts the nearer first.
        loss = relu(self.margin + further.abs() / 2 - further.sign() * cosine_gap / 2)
        valid = further != 0
        return (loss * valid).sum() / valid.sum().clamp_min(1)

    def _weight(self) -> Tensor:
        done = (self.step / self.warmup_steps).clamp_max(1)
        return self.triplet_weight * (1 - torch.cos(math.pi * done)) / 2

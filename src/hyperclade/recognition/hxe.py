"""HXE: the hierarchical cross-entropy of Bertinetto et al., Making Better Mistakes (CVPR 2020)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from hyperclade.recognition.leaf_softmax import LeafSoftmax
from hyperclade.trees.taxonomy import Taxonomy


class HXE(LeafSoftmax):
    """Leaf softmax whose cross-entropy is split over the way from the root, with less weight further down.

    Σ_v exp(−α depth(v)) (−log P(v | parent of v)) over the deepest label and its ancestors. The paper's text
    has heights in the exponent; its programs have depths, and its results too. With several roots the choice
    among these counts as depth 0. α = 0 gives `LeafSoftmax`.

    Parameters
    ----------
    alpha : float
        α ≥ 0, how much less deeper choices weigh.

    Raises
    ------
    ValueError
        A taxonomy that is no tree, or a negative α.
    """

    discount: Tensor

    def __init__(
        self,
        n_features: int,
        taxonomy: Taxonomy,
        *,
        alpha: float = 0.1,
        hidden: Sequence[int] = (1024, 1024),
        dropout: float = 0.5,
    ) -> None:
        super().__init__(n_features, taxonomy, hidden=hidden, dropout=dropout)
        if not alpha >= 0:
            raise ValueError(f"alpha must not be negative, got {alpha}")
        if not taxonomy.is_tree:
            raise ValueError("HXE needs a tree, and the taxonomy has nodes with several parents")
        self.register_buffer("discount", torch.exp(-alpha * self.classes.depth), persistent=False)

    def loss(self, features: Tensor, targets: Tensor) -> dict[str, Tensor]:
        log_node = self.classes.node_log_probability(self.logits(features))
        parent, child = self.classes.edges.T
        log_given_parent = log_node.index_add(1, child, -log_node[:, parent])
        on_the_way = self.classes.shares(targets) @ self.classes.closure
        return {"loss": -(on_the_way * self.discount * log_given_parent).sum(1).mean()}

"""DeViSE: a deep visual-semantic embedding model, of Frome et al. (NeurIPS 2013)."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from hyperclade.recognition.barz_denzler import leaf_embeddings, leaves_only, node_embeddings
from hyperclade.recognition.chmcnn import NodeMaximum
from hyperclade.recognition.method import NodeScorer, perceptron
from hyperclade.trees.taxonomy import Taxonomy


class DeViSE(NodeScorer):
    """Features mapped to the space of fixed unit vectors of classes, the true one ranked first by a margin.

    Σ_j max(0, margin − ⟨t_label, M x⟩ + ⟨t_j, M x⟩) over the other leaves j (Eq. 1). A label that is no leaf
    has the mean direction of its leaves, which are not ranked below it. The score of a leaf is the inner
    product, that of another node the best of its leaves': coherent, and not a probability. The paper's map
    has no hidden layer.

    Parameters
    ----------
    embeddings : (k, n), optional
        A vector for each leaf in order of their ids, such as the word vectors of the paper; by default those
        of `leaf_embeddings`, from the taxonomy.
    margin : float
        Lead that the label is to have.

    Raises
    ------
    ValueError
        Embeddings of another shape, not finite or zero, or a margin that is not positive.
    """

    coherent: ClassVar[bool] = True
    probabilities: ClassVar[bool] = False
    places: Tensor

    def __init__(
        self,
        n_features: int,
        taxonomy: Taxonomy,
        *,
        embeddings: list[list[float]] | None = None,
        margin: float = 0.1,
        hidden: Sequence[int] = (),
        dropout: float = 0.0,
    ) -> None:
        super().__init__(n_features, taxonomy)
        if not margin > 0:
            raise ValueError(f"margin must be positive, got {margin}")
        self.margin = margin
        vectors = leaf_embeddings(taxonomy) if embeddings is None else embeddings
        leaf_places = torch.as_tensor(vectors, dtype=torch.float64)
        if leaf_places.ndim != 2 or len(leaf_places) != self.classes.n_leaves:
            raise ValueError(
                f"embeddings must have a row for each of the {self.classes.n_leaves} leaves, "
                f"got shape {tuple(leaf_places.shape)}"
            )
        wrong = ~(leaf_places.isfinite().all(1) & leaf_places.any(1))
        if wrong.any():
            raise ValueError(f"embeddings must be finite and not zero; row {int(wrong.nonzero()[0])} is")
        self.register_buffer("places", node_embeddings(self.classes, leaf_places))
        self.embed = perceptron([n_features, *hidden, leaf_places.shape[1]], dropout=dropout)
        self.below = NodeMaximum(self.classes, over="descendants")

    def loss(self, features: Tensor, targets: Tensor) -> dict[str, Tensor]:
        products = self.embed(features) @ self.places.T
        shares = self.classes.shares(targets)
        sample, label = shares.nonzero(as_tuple=True)
        leaves = self.classes.leaves
        excess = self.margin - products[sample, label][:, None] + products[sample][:, leaves]
        other = 1 - self.classes.ways[:, label].T
        ranked = (other * excess.clamp_min(0)).sum(1)
        return {"loss": (shares[sample, label] * ranked).sum() / len(targets)}

    def scores(self, features: Tensor) -> Tensor:
        return self.below(leaves_only(self.classes, self.embed(features) @ self.places.T))

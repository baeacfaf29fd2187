"""What all losses of metric learning have in common: a batch of embeddings in, one number out."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor, nn

if TYPE_CHECKING:
    from hyperclade.retrieval.config import Space


@dataclass(frozen=True)
class Batch:
    """What a step learns from: b samples, of each group (the finest cluster, say) several.

    Attributes
    ----------
    points : (b, d)
        Embeddings: points of the ball, float64, or Euclidean ones, float32.
    degrees : (b, b) int64
        At how many levels of the labelling two samples lie in one cluster: 0 in none, 1 in the coarsest, and
        so on. Flat labels have one level.
    features : (b, n_features) float32
        What the embeddings were made of.
    done : float
        Share of the steps that lie behind, 0 … 1.
    teacher : (b, e) float32, optional
        What `MetricLoss.taught` of the moving average of the network makes of the samples.
    """

    points: Tensor
    degrees: Tensor
    features: Tensor
    done: float = 0.0
    teacher: Tensor | None = None


class MetricLoss(nn.Module):
    """What training minimises; each method is a subclass, whose keyword-only arguments are its settings.

    Parameters
    ----------
    n_features, dim : int
        Length of the features that embeddings are made of, and of an embedding.
    space : Space
        Where embeddings lie.

    Attributes
    ----------
    teaches : bool
        Whether the loss reads `Batch.teacher`, made by `taught`.
    """

    teaches: ClassVar[bool] = False

    def __init__(self, n_features: int, dim: int, space: "Space") -> None:
        super().__init__()
        self.space = space

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """What is minimised ("loss", a scalar, with finite gradients for any batch), and parts to log."""
        raise NotImplementedError

    def taught(self, features: Tensor) -> Tensor:
        """What a teacher, of this make, says of features `(b, n_features)`; for methods that have one."""
        raise NotImplementedError

    def parameter_groups(self) -> list[dict]:
        """Its own parameters ("params") with the factor of their learning rate ("lr_scale")."""
        return [{"params": list(self.parameters()), "lr_scale": 1.0}]

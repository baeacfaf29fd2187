"""What a run of metric learning is: loss, space, labels, backbone, training; presets are YAML files of these."""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from hyperclade.learning import settings
from hyperclade.learning.settings import check_choices, check_numbers

if TYPE_CHECKING:
    from torch import Tensor

    from hyperclade.retrieval.distances import Metric

# name: module and class
METHODS = {
    "uhml": ("uhml", "UHML"),
    "contrastive": ("contrastive", "Contrastive"),
    "triplet": ("triplet", "Triplet"),
    "hyp-vit": ("hyp_vit", "HypViT"),
    "hier": ("hier", "HIER"),
    "stml": ("stml", "STML"),
}
MethodName = Literal[*METHODS]  # type: ignore[valid-type]


@dataclass
class Method:
    """The loss.

    Attributes
    ----------
    name : str
        Name of the loss.
    settings : dict
        Keyword arguments of its class, by name.
    """

    name: MethodName = "uhml"
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_choices(self)


@dataclass
class Space:
    """Where embeddings lie, and how the features of the backbone get there.

    Attributes
    ----------
    geometry : {"hyperbolic", "euclidean"}
        The Poincaré ball, or flat space.
    curvature : float
        c of the ball's curvature −c.
    clip : float or None
        Largest Euclidean norm of a vector before the exponential map; None for any.
    normalize : bool
        Bring all vectors to length 1 first, and so all points to one sphere, on which the distance says no
        more than the cosine: UHML's public program. For comparison.
    """

    geometry: Literal["hyperbolic", "euclidean"] = "hyperbolic"
    curvature: float = 0.1
    clip: float | None = 2.3
    normalize: bool = False

    def __post_init__(self) -> None:
        check_choices(self)
        if not (self.curvature > 0 and math.isfinite(self.curvature)):
            raise ValueError(f"curvature must be positive, got {self.curvature}")
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip must be positive, or null for none, got {self.clip}")

    @property
    def metric(self) -> "Metric":
        """How vectors before the exponential map are compared."""
        from hyperclade.retrieval.distances import Metric

        return Metric(self.geometry, self.curvature)

    def bounded(self, vectors: "Tensor") -> "Tensor":
        """Vectors `(b, d)`, normalised or clipped as the settings say; a zero stays one, gradients finite."""
        from torch.nn.functional import normalize

        from hyperclade.geometry.ball import norm

        if self.normalize:
            return normalize(vectors, dim=-1)
        if self.clip is None:
            return vectors
        return vectors * (self.clip / norm(vectors, keepdim=True).clamp_min(1e-30)).clamp_max(1.0)

    def points(self, bounded: "Tensor") -> "Tensor":
        """Points in the space, `(b, d)`: in the ball in float64."""
        from hyperclade.geometry.ball import exp0

        return exp0(bounded, self.curvature) if self.geometry == "hyperbolic" else bounded

    def pairwise(self, x: "Tensor", y: "Tensor") -> "Tensor":
        """Distances `(n, k)` of points `(n, d)` and `(k, d)`, in float64; of equal points without gradient."""
        from hyperclade.geometry.ball import double, pairwise_distance

        if self.geometry == "hyperbolic":
            return pairwise_distance(x, y, self.curvature, tolerance=1e-6)
        from torch import cdist

        return cdist(double(x), double(y), compute_mode="donot_use_mm_for_euclid_dist")

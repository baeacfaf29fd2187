"""What a run of metric learning is: loss, space, labels, backbone, training; presets are YAML of these."""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from hyperclade.learning import settings
from hyperclade.learning.settings import FileSource, check_choices, check_numbers

if TYPE_CHECKING:
    from torch import Tensor

    from hyperclade.retrieval.distances import Metric

# name: module and class
METHODS = {
    "none": ("untrained", "Untrained"),
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
        """Distances `(n, k)` of points `(n, d)` and `(k, d)`, in float64; equal ones have no gradient."""
        from hyperclade.geometry.ball import double, pairwise_distance

        if self.geometry == "hyperbolic":
            return pairwise_distance(x, y, self.curvature, tolerance=1e-6)
        from torch import cdist

        return cdist(double(x), double(y), compute_mode="donot_use_mm_for_euclid_dist")


@dataclass
class Head:
    """The linear map from features to vectors.

    Attributes
    ----------
    dim : int or None
        Length of an embedding; None takes the features as they are, so that a frozen backbone leaves nothing
        to learn.
    unit : bool
        Bring features to length 1 first.
    start : {"pca", "random"}
        First weights: the principal components of the features of the samples learned from, or random ones.
    whiten : float
        Of principal components, what power of a component's variance it is divided by: 0 leaves distances as
        they are, 0.5 gives all the same variance.
    scale : float
        Mean length of the vectors at the start, from principal components.
    """

    dim: int | None = 512
    unit: bool = True
    start: Literal["pca", "random"] = "pca"
    whiten: float = 0.0
    scale: float = 2.0

    def __post_init__(self) -> None:
        check_choices(self)
        check_numbers(self, positive=("scale",), not_negative=("whiten",))
        if self.dim is not None and self.dim < 1:
            raise ValueError(f"dim must be at least 1, or null for the features themselves, got {self.dim}")


@dataclass
class Labelling:
    """How samples get the labels that the loss learns from, and how often.

    Attributes
    ----------
    kind : {"hierarchy", "kmeans", "neighbours", "labels"}
        A hierarchy over the embeddings, cut into levels; k-means on them, at the first count alone; no labels
        but groups of each a sample and its nearest; or the true labels, for supervised training.
    counts : list of int
        Clusters of each level, fine to coarse; more than half the samples are cut down to that.
    thresholds : list of float or None
        Instead of counts: distances, rising, at which the tree of average linkage is cut.
    exact : int
        Up to so many samples the hierarchy is average linkage on distances in the space; above it is `SHHC`'s
        over the vectors before the exponential map.
    every : float
        Epochs between labellings.
    views_level : bool
        A further, finest level: two views of the same sample.
    """

    kind: Literal["hierarchy", "kmeans", "neighbours", "labels"] = "hierarchy"
    counts: list[int] = field(default_factory=lambda: [100, 50, 10])
    thresholds: list[float] | None = None
    exact: int = 5000
    every: float = 1.0
    views_level: bool = False

    def __post_init__(self) -> None:
        check_choices(self)
        check_numbers(self, ("exact",), ("every",))
        if not self.counts or min(self.counts) < 2 or sorted(self.counts, reverse=True) != self.counts:
            raise ValueError(f"counts must fall, fine to coarse, from at least 2 clusters, got {self.counts}")
        if self.thresholds is not None:
            if self.kind != "hierarchy":
                raise ValueError(f"thresholds cut a hierarchy; the labelling is {self.kind!r}")
            if not self.thresholds or self.thresholds[0] <= 0 or sorted(self.thresholds) != self.thresholds:
                raise ValueError(f"thresholds must rise from above 0, got {self.thresholds}")

    @property
    def n_levels(self) -> int:
        """Levels of the labels that it finds, that of the views not counted; of "labels" the samples know."""
        if self.kind == "hierarchy":
            return len(self.counts if self.thresholds is None else self.thresholds)
        return 1 if self.kind == "kmeans" else 0


@dataclass
class Backbone:
    """What turns images into features; samples that are features need none.

    Attributes
    ----------
    name : str or None
        "efficientnet-lite0", or a `transformers` image model by hub name or local folder.
    frozen : bool
        Keep its weights as they are; features are then computed once.
    size : int or None
        Side in pixels of what the network sees; default: as it was trained.
    views : int
        Frozen: so many augmented views of each image to draw from in training, beside the plain one.
    learning_rate_scale : float
        Factor of the learning rate of its weights.
    """

    name: str | None = "efficientnet-lite0"
    frozen: bool = True
    size: int | None = None
    views: int = 6
    learning_rate_scale: float = 1.0

    def __post_init__(self) -> None:
        check_numbers(self, not_negative=("views", "learning_rate_scale"))
        if self.size is not None and self.size < 1:
            raise ValueError(f"size must be at least 1, got {self.size}")


@dataclass
class Training(settings.AdamTraining):
    """How long and how.

    Attributes
    ----------
    batch_size : int
        Samples per step.
    instances : int
        Samples of each group in a batch.
    ema : float
        Decay of the moving average of the weights that is the teacher of methods that have one; 0 else.
    """

    at_least_1: ClassVar[tuple[str, ...]] = (*settings.Training.at_least_1, "instances")

    instances: int = 16
    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    ema: float = 0.0  # type: ignore[misc]
    area: tuple[float, float] = (0.4, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.batch_size < 2 * self.instances:
            raise ValueError(
                f"a batch of {self.batch_size} has no two groups of {self.instances} instances: give a "
                "larger batch_size or fewer instances"
            )
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip must be positive, or null for none, got {self.clip}")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema must be at least 0 and below 1, got {self.ema}")


@dataclass
class Judging:
    """How runs are judged; training does not depend on it.

    Attributes
    ----------
    ks : list of int
        K of Recall@K.
    """

    ks: list[int] = field(default_factory=lambda: [1, 2, 4, 8])

    def __post_init__(self) -> None:
        if not self.ks or min(self.ks) < 1:
            raise ValueError(f"ks must be numbers of at least 1, got {self.ks}")


@dataclass
class Recipe:
    """All of a run but its data."""

    method: Method = field(default_factory=Method)
    space: Space = field(default_factory=Space)
    head: Head = field(default_factory=Head)
    labelling: Labelling = field(default_factory=Labelling)
    backbone: Backbone = field(default_factory=Backbone)
    training: Training = field(default_factory=Training)
    judging: Judging = field(default_factory=Judging)
    seed: int = 0


@dataclass
class Source(FileSource):
    """How files and folders are read.

    Attributes
    ----------
    root : str or None
        Folder of a data set by name; default: within the data folder.
    boxes : bool
        Of cub200 and cars196 only what lies in the bounding boxes.
    """

    root: str | None = None
    boxes: bool = False

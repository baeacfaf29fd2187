"""What a segmentation run is: method, hierarchy, backbone, training; presets are YAML files of these."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from hyperclade.data.mask_values import MaskSource
from hyperclade.learning import settings
from hyperclade.learning.settings import check_choices, check_numbers

# name: module and class
METHODS = {
    "kmeans": ("kmeans", "KMeans"),
    "stego": ("stego", "STEGO"),
    "hp": ("hp", "HP"),
    "smooseg": ("smooseg", "SmooSeg"),
}
MethodName = Literal[*METHODS]  # type: ignore[valid-type]
ProtocolName = Literal["strict", "stego", "hp", "smooseg"]


@dataclass
class Method:
    """How a code for every place of an image is learned, and clusters of codes are found.

    Attributes
    ----------
    name : str
        Name of the method.
    n_clusters : int
        Clusters to find; no label tells how many there should be.
    settings : dict
        Keyword arguments of its class, by name.
    """

    name: MethodName = "stego"
    n_clusters: int = 27
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_choices(self)
        if not 2 <= self.n_clusters <= 255:
            raise ValueError(f"n_clusters must be between 2 and 255, got {self.n_clusters}")


@dataclass
class Hierarchy:
    """OMH: levels of clusters that are matched by optimal transport while the codes are learned.

    Attributes
    ----------
    levels : int
        Number of levels, the first with as many clusters as the method; 0 leaves the method as it is.
    factor : float
        Clusters of a level for each of the level above (ρ).
    temperature : float
        Weight of the entropy of the plan between two levels (λ), on the scale of cosines.
    anneal_from : float or None
        Temperature at the start, from which it falls geometrically over the first 70 % of the steps; None
        for the same throughout.
    plan : {"columns", "literal"}
        Scale of the plan in the matching loss: columns that sum to 1, or the paper's, whose columns sum to
        one over the number of clusters.
    sparsity : float
        Weight of the clustering losses.
    structure : float
        Weight of the matching losses.
    first : {"random", "kmeans"}
        Centres to begin with: random directions, or those of k-means on the codes of the first step.
    start : float
        Share of the steps before the hierarchy begins.
    revive : int
        Steps after which centres that hardly any place was near to move to random codes, over the first 70 %
        of the steps; 0 leaves them where they are.
    learning_rate_scale : float
        Factor of the learning rate of the centres.
    """

    levels: int = 0
    factor: float = 2.0
    temperature: float = 0.02
    anneal_from: float | None = None
    plan: Literal["columns", "literal"] = "columns"
    sparsity: float = 0.01
    structure: float = 0.3
    first: Literal["random", "kmeans"] = "kmeans"
    start: float = 0.0
    revive: int = 25
    learning_rate_scale: float = 10.0

    def __post_init__(self) -> None:
        check_choices(self)
        check_numbers(
            self, (), ("temperature",), ("levels", "sparsity", "structure", "revive", "learning_rate_scale")
        )
        if self.factor < 1:
            raise ValueError(f"factor must be at least 1, got {self.factor}")
        if self.anneal_from is not None and self.anneal_from < self.temperature:
            raise ValueError(
                f"anneal_from must not be below the temperature {self.temperature}, got {self.anneal_from}"
            )
        if not 0 <= self.start < 1:
            raise ValueError(f"start must be at least 0 and below 1, got {self.start}")

    def sizes(self, n_clusters: int) -> list[int]:
        """Clusters of each level, coarse to fine.

        >>> Hierarchy(levels=3).sizes(27)
        [27, 54, 108]
        """
        return [round(n_clusters * self.factor**level) for level in range(self.levels)]


@dataclass
class Backbone:
    """The frozen network whose features all is learned from.

    Attributes
    ----------
    name : str
        "efficientnet-lite0", or a `transformers` model (a ViT, or a network of several strides) by hub name
        or local folder.
    stride : int or None
        Pixels between features; None for the network's own.
    components : int or None
        Principal components of the features to keep, by the images learned from; None for all features.
    """

    name: str = "efficientnet-lite0"
    stride: int | None = None
    components: int | None = None

    def __post_init__(self) -> None:
        for name in ("stride", "components"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")


@dataclass
class Training(settings.AdamTraining):
    """How long and how.

    Attributes
    ----------
    side : int
        Height and width in pixels of what the network sees.
    five_crop : bool
        Learn from the four corners and the middle of an image, else from its middle.
    ratio : float
        Sides of these crops, as a share of the image's.
    neighbours : int
        Nearest images that are kept of each crop.
    """

    at_least_1: ClassVar[tuple[str, ...]] = (*settings.Training.at_least_1, "side", "neighbours")

    epochs: float = 5.0
    batch_size: int = 16
    learning_rate: float = 5e-4
    weight_decay: float = 0.0
    side: int = 224
    five_crop: bool = True
    ratio: float = 0.5
    neighbours: int = 30

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.ratio <= 1:
            raise ValueError(f"ratio must be above 0 and at most 1, got {self.ratio}")

    def rate(self, step: int, n_steps: int) -> float:
        return 1.0


@dataclass
class Judging:
    """How a comparison judges its runs; training does not depend on it.

    Attributes
    ----------
    protocol : str
        Name of the protocol.
    crf : bool
        Also judge what a conditional random field makes of the clusters.
    level : int
        Levels of groups above the classes of the masks, which clusters are matched with; 0 for the classes.
    """

    protocol: ProtocolName = "strict"
    crf: bool = False
    level: int = 0

    def __post_init__(self) -> None:
        check_choices(self)
        check_numbers(self, not_negative=("level",))


@dataclass
class Source(MaskSource):
    """How files and folders are read; masks are to judge by.

    Attributes
    ----------
    taxonomy : str or None
        Taxonomy of the classes of masks: CSV of edges (child,parent) or of paths, JSON, or a bundled one
        by its name; default: the classes alone.
    root : str or None
        Folder of a data set by name; default: within the data folder.
    """

    taxonomy: str | None = None
    root: str | None = None


@dataclass
class Recipe:
    """All of a run but its data."""

    method: Method = field(default_factory=Method)
    hierarchy: Hierarchy = field(default_factory=Hierarchy)
    backbone: Backbone = field(default_factory=Backbone)
    training: Training = field(default_factory=Training)
    judging: Judging = field(default_factory=Judging)
    seed: int = 0

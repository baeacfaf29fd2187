"""What a recognition run is: method, backbone, training and source; presets are YAML files of these."""

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from hyperclade.data.mask_values import MaskSource
from hyperclade.learning import settings
from hyperclade.learning.schedule import cosine_rate
from hyperclade.learning.settings import FileSource, check_choices

# name: module and class
METHODS = {
    "leaf-softmax": ("leaf_softmax", "LeafSoftmax"),
    "hvsa": ("hvsa", "HVSA"),
    "mvm": ("mvm", "MVM"),
    "mhm": ("mhm", "MHM"),
    "mbm": ("mbm", "MBM"),
    "boxe": ("boxe", "BoxE"),
    "c-hmcnn": ("chmcnn", "CHMCNN"),
    "hxe": ("hxe", "HXE"),
    "soft-labels": ("soft_labels", "SoftLabels"),
    "devise": ("devise", "DeViSE"),
    "barz-denzler": ("barz_denzler", "BarzDenzler"),
    "hssn": ("hssn", "HSSN"),
}
MethodName = Literal[*METHODS]  # type: ignore[valid-type]


@dataclass
class Method:
    """How nodes are scored from features.

    Attributes
    ----------
    name : str
        Name of the method.
    settings : dict
        Keyword arguments of its class, by name.
    """

    name: MethodName = "leaf-softmax"
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_choices(self)


@dataclass
class Backbone:
    """What turns images into features; samples that are features need none.

    Attributes
    ----------
    name : str or None
        "efficientnet-lite0", or a `transformers` model by hub name or local folder.
    frozen : bool
        Keep its weights as they are; features of labelled images are then computed once, of the images as
        they are.
    size : int or None
        Side in pixels of the labelled images that the network sees; default: as it was trained.
    learning_rate_scale : float
        Factor of the learning rate of its weights.
    head : {"deeplab", "ocr"}
        Network for masks: "deeplab" (DeepLabV3+) or "ocr" (object-contextual representations).
    width : int
        Features of a pixel, for masks.
    auxiliary : float
        Weight of the coarse pixel loss that the head "ocr" needs.
    """

    name: str | None = None
    frozen: bool = False
    size: int | None = None
    learning_rate_scale: float = 0.1
    head: Literal["deeplab", "ocr"] = "deeplab"
    width: int = 256
    auxiliary: float = 0.4

    def __post_init__(self) -> None:
        check_choices(self)
        if self.width < 1 or (self.size is not None and self.size < 1):
            raise ValueError(f"width and size must be at least 1, got {self.width} and {self.size}")
        if self.learning_rate_scale < 0 or self.auxiliary < 0:
            raise ValueError("learning_rate_scale and auxiliary must not be negative")


@dataclass
class Training(settings.Training):
    """How long and how.

    Attributes
    ----------
    optimizer : {"adam", "adamw", "sgd"}
        "adam", "adamw" or "sgd" (with momentum 0.9).
    schedule : {"cosine", "constant"}
        "cosine": the rate rises for the share `warmup` of the steps, then falls as a half cosine; "constant":
        it rises, then stays.
    warmup : float
        Share of the steps.
    clip : float or None
        Largest norm of a gradient; None for any.
    mixup : float
        α of Beta(α, α), by which pairs of samples and their labels are mixed; 0 for none. Not for masks.
    noise : float
        Standard deviation of normal noise on standardised features in training.
    ema : float
        Decay of the moving average of the weights that are kept in the end; 0 for the last weights.
    validation : float
        Fraction of the samples, drawn by the seed, that are not learned from but judged by.
    validate_every : int
        Epochs between judgements.
    standardise : bool
        Give features mean 0 and deviation 1, by the samples learned from.
    crop_size : (int, int) or None
        Masks: height and width of crops in pixels; None for those of the images.
    scale : (float, float)
        Masks: range of the factors that images are resized by before the crop.
    pixels : int
        Masks: so many labelled pixels of each crop are learned from.
    """

    positive: ClassVar[tuple[str, ...]] = ("epochs", "learning_rate")
    at_least_1: ClassVar[tuple[str, ...]] = (*settings.Training.at_least_1, "validate_every", "pixels")
    not_negative: ClassVar[tuple[str, ...]] = (*settings.Training.not_negative, "mixup", "noise")

    epochs: float = 100.0
    optimizer: Literal["adam", "adamw", "sgd"] = "adamw"
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: float = 0.05
    clip: float | None = None  # type: ignore[misc]
    mixup: float = 0.0
    noise: float = 0.0
    ema: float = 0.0  # type: ignore[misc]
    validation: float = 0.0  # type: ignore[misc]
    validate_every: int = 10
    standardise: bool = True
    colour: bool = False
    area: tuple[float, float] = (0.5, 1.0)
    crop_size: tuple[int, int] | None = None
    scale: tuple[float, float] = (0.5, 2.0)
    pixels: int = 1024
    checkpoint_every: int = 2000

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("warmup", "ema", "validation"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 0 and below 1, got {getattr(self, name)}")
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip must be positive, or null for none, got {self.clip}")
        settings.check_range("scale", self.scale)
        if self.crop_size is not None and min(self.crop_size) < 1:
            raise ValueError(f"crop_size must be positive, got {self.crop_size}")

    def make_optimizer(self, groups: list[dict[str, Any]]) -> Any:
        import torch

        rate, decay = self.learning_rate, self.weight_decay
        if self.optimizer == "sgd":
            return torch.optim.SGD(groups, lr=rate, momentum=0.9, weight_decay=decay)
        kind = torch.optim.Adam if self.optimizer == "adam" else torch.optim.AdamW
        # Scaled gradients of half precision would be clipped before they are unscaled.
        return kind(groups, lr=rate, weight_decay=decay, fused=self.precision != "16-mixed")

    def rate(self, step: int, n_steps: int) -> float:
        warmup = math.ceil(self.warmup * n_steps)
        if self.schedule == "constant":
            return min(1.0, (step + 1) / max(1, warmup))
        return cosine_rate(step, n_steps, warmup)


@dataclass
class Source(FileSource, MaskSource):
    """How files and folders are read.

    Attributes
    ----------
    taxonomy : str or None
        CSV of edges (child,parent) or of paths, JSON, or a bundled one by its name; default: folders or label
        columns are paths.
    """

    taxonomy: str | None = None


@dataclass
class Recipe:
    """All of a run but its data."""

    method: Method = field(default_factory=Method)
    backbone: Backbone = field(default_factory=Backbone)
    training: Training = field(default_factory=Training)
    seed: int = 0

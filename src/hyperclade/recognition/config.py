"""What a recognition run is: the method, what turns samples into features, how it is trained, and how files
are read; presets are YAML files of these."""

from dataclasses import dataclass, field
from typing import Any, Literal

from hyperclade.learning.settings import check_choices

MethodName = Literal[
    "leaf-softmax",
    "hvsa",
    "mvm",
    "mhm",
    "mbm",
    "boxe",
    "c-hmcnn",
    "hxe",
    "soft-labels",
    "devise",
    "barz-denzler",
    "hssn",
]


@dataclass
class Method:
    """How nodes are scored from features.

    Attributes:
        name: of the method.
        settings: keyword arguments of its class, by name.
    """

    name: MethodName = "leaf-softmax"
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_choices(self)


@dataclass
class Backbone:
    """What turns images into features; samples that are features need none.

    Attributes:
        name: "efficientnet-lite0", or a `transformers` model by hub name or local folder.
        frozen: keep its weights as they are; features of labelled images are then computed once, of the
            images as they are.
        size: side in pixels of the labelled images that the network sees; default: as it was trained.
        learning_rate_scale: factor of the learning rate of its weights.
        head: for masks: "deeplab" (DeepLabV3+) or "ocr" (object-contextual representations).
        width: for masks: features of a pixel.
        auxiliary: weight of the coarse pixel loss that the head "ocr" needs.
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
class Training:
    """How long and how.

    Attributes:
        epochs: passes over the samples.
        batch_size: samples a step, on each device.
        learning_rate: the highest.
        optimizer: "adam", "adamw" or "sgd" (with momentum 0.9).
        weight_decay: of the optimizer.
        schedule: "cosine": the rate rises for the share `warmup` of the steps, then falls as a half cosine;
            "constant": it rises, then stays.
        warmup: share of the steps.
        clip: largest norm of a gradient; None for any.
        mixup: α of Beta(α, α), by which pairs of samples and their labels are mixed; 0 for none. Not for
            masks.
        noise: standard deviation of normal noise on standardised features in training.
        ema: decay of the moving average of the weights that are kept in the end; 0 for the last weights.
        validation: fraction of the samples, drawn by the seed, that are not learned from but judged by.
        validate_every: epochs between judgements.
        standardise: give features mean 0 and deviation 1, by the samples learned from.
        flip: mirror images at random.
        crop: crop images at random.
        area: labelled images: range of a crop's area, as a share of the image.
        crop_size: masks: height and width of crops in pixels; None for those of the images.
        scale: masks: range of the factors that images are resized by before the crop.
        colour: change colours at random.
        pixels: masks: so many labelled pixels of each crop are learned from.
        precision: of Lightning: "32-true", "bf16-mixed" or "16-mixed". Hyperbolic mathematics stay in
            float64.
        devices: processes or GPUs, of all machines together; those that torchrun starts, where it does.
        n_workers: that read batches of images; 0 reads in the main process.
        checkpoint_every: steps between checkpoints, if they take less than five minutes.
    """

    epochs: float = 100.0
    batch_size: int = 128
    learning_rate: float = 1e-3
    optimizer: Literal["adam", "adamw", "sgd"] = "adamw"
    weight_decay: float = 1e-4
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: float = 0.05
    clip: float | None = None
    mixup: float = 0.0
    noise: float = 0.0
    ema: float = 0.0
    validation: float = 0.0
    validate_every: int = 10
    standardise: bool = True
    flip: bool = True
    crop: bool = True
    area: tuple[float, float] = (0.5, 1.0)
    crop_size: tuple[int, int] | None = None
    scale: tuple[float, float] = (0.5, 2.0)
    colour: bool = False
    pixels: int = 1024
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    devices: int = 1
    n_workers: int = 0
    checkpoint_every: int = 2000

    def __post_init__(self) -> None:
        check_choices(self)
        for name in ("batch_size", "devices", "validate_every", "checkpoint_every", "pixels"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("epochs", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        for name in ("weight_decay", "mixup", "noise", "n_workers"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")
        for name in ("warmup", "ema", "validation"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 0 and below 1, got {getattr(self, name)}")
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip must be positive, or null for none, got {self.clip}")
        for name in ("area", "scale"):
            low, high = getattr(self, name)
            if not 0 < low <= high or (name == "area" and high > 1):
                raise ValueError(f"{name} must be a rising range above 0, got {low} and {high}")
        if self.crop_size is not None and min(self.crop_size) < 1:
            raise ValueError(f"crop_size must be positive, got {self.crop_size}")


@dataclass
class Source:
    """How files and folders are read.

    Attributes:
        taxonomy: CSV of edges (child,parent) or of paths, JSON, or a bundled one by its name; default:
            folders or label columns are paths.
        labels: column of the labels or, for images, columns from coarse to fine; default: "label".
        size: height and width in pixels to bring images to; default: as they are.
        masks: folder of masks, which makes the data a folder of images with a class for each pixel.
        classes: names of the classes by mask value; default: the leaves of the taxonomy.
        void: mask values without class.
        image_ending: what follows the common part of the names of image and mask, "_leftImg8bit".
        mask_ending: the same of masks, "_gtFine_labelTrainIds".
    """

    taxonomy: str | None = None
    labels: list[str] | None = None
    size: tuple[int, int] | None = None
    masks: str | None = None
    classes: list[str] | None = None
    void: tuple[int, ...] = (255,)
    image_ending: str = ""
    mask_ending: str = ""


@dataclass
class Recipe:
    """All of a run but its data."""

    method: Method = field(default_factory=Method)
    backbone: Backbone = field(default_factory=Backbone)
    training: Training = field(default_factory=Training)
    seed: int = 0

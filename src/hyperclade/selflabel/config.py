"""What a self-labelling run is: system, encoders and training; presets are YAML files of these."""

from dataclasses import dataclass, field
from typing import Literal

from hyperclade.encoders.l3net import FULL
from hyperclade.learning import settings
from hyperclade.learning.settings import check_choices, check_numbers

Modality = Literal["vision", "audio"]
LabelSet = Literal["vision", "audio", "joint"]
MODALITIES: tuple[Modality, Modality] = ("vision", "audio")
VIEWS = (*MODALITIES, "joint")
_MAX_RADIUS = 8.0  # where heads in the ball are clipped


@dataclass
class System:
    """Where labels come from, who learns them, and in which space (one row of the table of systems).

    Attributes
    ----------
    inputs : {"pairs", "images"}
        What it learns from: "pairs" of frames and sounds, or "images" without sound, which have vision alone.
    labeller : {"none", "kmeans", "sinkhorn", "hierarchy"}
        "none" (correspondence alone, L3), "kmeans", "sinkhorn", or "hierarchy": a tree over all samples cut
        into clusters.
    teacher : {"own", "other", "joint"}
        Whose labels a modality learns: its "own", the "other"'s, or "joint" labels of both.
    hierarchy : bool
        Classes lie where the trees of both modalities over the clusters place them, and each modality learns
        the positions by its own and by the other's tree.
    geometry : {"simplex", "euclidean", "ball"}
        Space of the heads' outputs: "simplex" (plain softmax), "euclidean" or "ball"; without hierarchy the
        last two learn class positions freely.
    dim : int
        Dimension of the Euclidean space or the ball.
    n_clusters : int
        K.
    n_heads : int
        H; the k-means labeller has one, whatever is given.
    hidden : int
        Width of a head's hidden layer.
    dropout : float
        Dropout in the heads.
    sharpness : float
        λ of the Sinkhorn labeller.
    marginal : {"uniform", "gaussian", "zipf"}
        Cluster sizes: "uniform", "gaussian" or "zipf".
    marginal_sd : float
        Standard deviation of "gaussian", relative to the mean size.
    first_labels : {"posterior", "features"}
        "posterior" of the untrained heads, or pre-clusters of the "features".
    radius : float
        Distance of classes from the origin, at most 8.
    temperature : float
        What distances are divided by.
    n_relabellings : int
        How often labels are renewed in the run; the k-means and hierarchy labellers, which start heads anew,
        do it at every epoch, whatever is given.
    schedule_power : float
        Exponent of the relabelling schedule; larger is denser at the start.
    """

    inputs: Literal["pairs", "images"] = "pairs"
    labeller: Literal["none", "kmeans", "sinkhorn", "hierarchy"] = "sinkhorn"
    teacher: Literal["own", "other", "joint"] = "joint"
    hierarchy: bool = False
    geometry: Literal["simplex", "euclidean", "ball"] = "simplex"
    dim: int = 50
    n_clusters: int = 100
    n_heads: int = 10
    hidden: int = 512
    dropout: float = 0.3
    sharpness: float = 20.0
    marginal: Literal["uniform", "gaussian", "zipf"] = "uniform"
    marginal_sd: float = 0.1
    first_labels: Literal["posterior", "features"] = "posterior"
    radius: float = 5.0
    temperature: float = 1.0
    n_relabellings: int = 100
    schedule_power: float = 1.5

    def __post_init__(self) -> None:
        check_choices(self)
        if self.inputs == "images" and self.needs_pairs:
            raise ValueError(f'inputs "images" have no sound, and {self.needs_pairs}')
        if self.hierarchy and self.geometry == "simplex":
            raise ValueError(
                'hierarchy: true needs geometry "ball" or "euclidean", where trees have positions'
            )
        if self.hierarchy and self.teacher != "joint":
            raise ValueError('hierarchy: true needs teacher "joint": both trees are over the same clusters')
        if self.hierarchy and self.labeller == "sinkhorn" and self.first_labels != "features":
            raise ValueError(
                'hierarchy: true needs first_labels "features": without a tree, classes have no positions'
            )
        if self.labeller == "kmeans" and self.teacher == "joint":
            raise ValueError('labeller "kmeans" needs teacher "own" or "other": it labels modalities apart')
        if self.labeller == "hierarchy" and self.teacher != "joint":
            raise ValueError('labeller "hierarchy" needs teacher "joint"')
        if self.labeller == "kmeans":
            self.n_heads = 1
        check_numbers(
            self,
            at_least_1=("dim", "n_clusters", "n_heads", "hidden", "n_relabellings"),
            positive=("sharpness", "radius", "temperature", "schedule_power"),
        )
        if self.radius > _MAX_RADIUS:
            raise ValueError(
                f"radius must be at most {_MAX_RADIUS:g}, where heads are clipped, got {self.radius}"
            )

    @property
    def needs_pairs(self) -> str | None:
        """Why images alone will not do; None where they will."""
        if self.labeller == "none":
            return 'labeller "none" (L3) learns which sound belongs to which frame'
        if self.teacher == "other":
            return 'teacher "other" (XDC) has vision and sound learn the labels of each other'
        return None

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """What there are towers for."""
        return MODALITIES if self.inputs == "pairs" else ("vision",)

    @property
    def views(self) -> tuple[str, ...]:
        """What clusters, trees and features are by: each modality and, if there are two, both ("joint")."""
        return VIEWS if self.inputs == "pairs" else self.modalities

    @property
    def label_sets(self) -> tuple[LabelSet, ...]:
        """Names of the label sets: one per modality, or "joint"."""
        if self.labeller == "none":
            return ()
        return ("joint",) if self.teacher == "joint" else self.modalities

    @property
    def lessons(self) -> tuple[tuple[Modality, str], ...]:
        """Who learns what: (student, label set), or (student, modality whose tree places joint labels)."""
        if self.labeller == "none":
            return ()
        other: dict[Modality, Modality] = {"vision": "audio", "audio": "vision"}
        if self.hierarchy:
            return tuple((student, tree) for student in self.modalities for tree in self.modalities)
        if self.teacher == "joint":
            return tuple((student, "joint") for student in self.modalities)
        return tuple((m, m if self.teacher == "own" else other[m]) for m in self.modalities)


@dataclass
class Encoders:
    """The network of each modality.

    Attributes
    ----------
    channels : list of int
        Channels of L3-Net's blocks.
    vision : str or None
        A `transformers` model by hub name or local folder, instead of L3-Net for frames.
    audio : str or None
        The same for sounds.
    """

    channels: list[int] = field(default_factory=lambda: list(FULL))
    vision: str | None = None
    audio: str | None = None


@dataclass
class Training(settings.Training):
    """How long and how.

    Attributes
    ----------
    warmup_epochs : float
        Epochs of correspondence learning (L3) before the first labels.
    volume : (float, float)
        Range of the random gain of sounds.
    shift : float
        Largest shift of a sound, as a share of its window.
    """

    warmup_epochs: float = 2.0
    volume: tuple[float, float] = (0.9, 1.1)
    shift: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.warmup_epochs < 0 or self.epochs < 0 or not self.warmup_epochs + self.epochs > 0:
            raise ValueError(
                "warmup_epochs and epochs must not be negative nor both 0, got "
                f"{self.warmup_epochs} and {self.epochs}"
            )
        if self.batch_size < 2:
            raise ValueError("batch_size must be at least 2, as batch normalisation needs two rows")


@dataclass
class Recipe:
    """All of a run but its data."""

    system: System = field(default_factory=System)
    encoders: Encoders = field(default_factory=Encoders)
    training: Training = field(default_factory=Training)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.system.labeller != "none" and self.training.epochs == 0:
            raise ValueError(
                f"epochs must be positive with labeller {self.system.labeller!r}, which needs them to label; "
                'labeller "none" learns correspondence alone'
            )
        if self.system.inputs == "images":
            self._check_images()

    def _check_images(self) -> None:
        if self.training.warmup_epochs:
            raise ValueError(
                f"warmup_epochs must be 0 for images, got {self.training.warmup_epochs:g}: warming up learns "
                "which sound belongs to which frame (the preset images has 0)"
            )
        usual = Training()
        given = [name for name in ("volume", "shift") if getattr(self.training, name) != getattr(usual, name)]
        if given or self.encoders.audio is not None:
            what = f"training.{given[0]}" if given else "encoders.audio"
            raise ValueError(f"{what} is a setting of sound, which images have not")

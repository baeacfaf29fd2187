"""All methods as one Lightning module: samples → backbone → features, of samples or pixels → method."""

from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn

from hyperclade.data.image_rows import VOID, ImageRows
from hyperclade.data.labelled import LabelledSet
from hyperclade.data.masks import MaskedSet
from hyperclade.encoders.backbone import Backbone as Body
from hyperclade.encoders.backbone import Tower
from hyperclade.encoders.pyramid import load_pyramid, pyramid_from
from hyperclade.encoders.segmentation_heads import DeepLabHead, OcrHead
from hyperclade.learning.augment import augment_frames
from hyperclade.learning.augment_masks import augment_masked
from hyperclade.learning.embedding import WithBody, image_features, load_body
from hyperclade.learning.module import Learner
from hyperclade.learning.pixels import features_at, sample_pixels
from hyperclade.learning.settings import plain
from hyperclade.recognition.config import Recipe
from hyperclade.recognition.method import method_class
from hyperclade.trees.taxonomy import Taxonomy

_CONSTANT = 1e-8  # relative deviation of features that say nothing
_PIXEL_ROWS = 1 << 16  # that a method scores at once


@dataclass(frozen=True)
class Task:
    """What goes into a module and comes out of it.

    Attributes
    ----------
    taxonomy : Taxonomy
        Taxonomy of the m nodes that it scores.
    kind : {"features", "images", "pixels"}
        What samples are: "features", "images" with labels, or images with classes of "pixels".
    n_features : int or None
        Length of a sample that is features.
    class_nodes : tuple of int
        Node of each class of the masks, for pixels.
    size : (h, w)
        Size of the images to learn from.
    columns : tuple of str, optional
        Names of the features.
    means : dict of str to float, optional
        What missing values of each become.
    """

    taxonomy: Taxonomy
    kind: Literal["features", "images", "pixels"]
    n_features: int | None = None
    class_nodes: tuple[int, ...] = ()
    size: tuple[int, int] | None = None
    columns: tuple[str, ...] | None = None
    means: dict[str, float] | None = None

    @classmethod
    def of(cls, samples: LabelledSet | MaskedSet) -> "Task":
        """The task that samples set."""
        if samples.kind == "pixels":
            nodes = tuple(samples.class_nodes.tolist())
            return cls(samples.taxonomy, "pixels", class_nodes=nodes, size=samples.images.size)
        if isinstance(samples.inputs, ImageRows):
            return cls(samples.taxonomy, "images", size=samples.inputs.size)
        n, means = samples.inputs.shape[1], samples.means
        return cls(
            samples.taxonomy,
            "features",
            n_features=n,
            columns=samples.columns,
            means=dict(means) if means else None,
        )

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> "Task":
        """From what `settings` gave."""
        taxonomy = Taxonomy(settings["names"], settings["parents"])
        return cls(
            taxonomy,
            settings["kind"],
            settings["n_features"],
            tuple(settings["class_nodes"]),
            settings["size"] and tuple(settings["size"]),
            # Runs of version 0.1 know none.
            tuple(columns) if (columns := settings.get("columns")) else None,
            settings.get("means"),
        )

    def settings(self) -> dict[str, Any]:
        """As numbers, texts and lists of them."""
        parents: list[list[int]] = [[] for _ in self.taxonomy.names]
        for parent, child in self.taxonomy.edges.tolist():
            parents[child].append(parent)
        return {
            "names": list(self.taxonomy.names),
            "parents": parents,
            "kind": self.kind,
            "n_features": self.n_features,
            "class_nodes": list(self.class_nodes),
            "size": self.size and list(self.size),
            "columns": self.columns and list(self.columns),
            "means": self.means,
        }


class Network(WithBody):
    """Backbone, standardisation and method.

    With a blueprint of the backbone its weights are not asked for. Raises ValueError for settings that the
    method does not have, and a backbone that does not exist, is missing, or is given for features.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, recipe: Recipe, task: Task, blueprint: dict[str, Any] | None = None) -> None:
        super().__init__()
        backbone = recipe.backbone
        self.frozen = backbone.frozen
        self.body: nn.Module | None = None
        self.head: nn.Module | None = None
        if task.kind == "features":
            assert task.n_features is not None
            if backbone.name is not None:
                raise ValueError(f"backbone.name is {backbone.name!r}, but the samples are features already")
            n_features = task.n_features
        elif task.kind == "images" or backbone.name is None:
            body = load_body(backbone.name, backbone.size, blueprint)
            self.body, n_features = body, body.out_features
        else:
            pyramid = load_pyramid(backbone.name) if blueprint is None else pyramid_from(blueprint)
            maps = (pyramid.channels, pyramid.strides)
            if backbone.head == "ocr":
                self.head = OcrHead(*maps, n_classes=len(task.class_nodes), width=backbone.width)
            else:
                self.head = DeepLabHead(*maps, width=backbone.width)
            self.body, n_features = pyramid, backbone.width
        self.freeze()
        made, settings = method_class(recipe.method)
        torch.manual_seed(recipe.seed)  # whatever the backbone has drawn: alike on images and their features
        self.method = made(n_features, task.taxonomy, **settings)
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("deviation", torch.ones(n_features))

    def standardised(self, features: Tensor) -> Tensor:
        return (features - self.mean) / self.deviation

    def loss(self, features: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """The method's, of standardised features, in full precision whatever the backbone computes in."""
        with torch.autocast(features.device.type, enabled=False):
            return self.method.loss(features.float(), targets.float())

    def scores(self, features: Tensor) -> Tensor:
        """The method's, of standardised features, in full precision."""
        with torch.autocast(features.device.type, enabled=False):
            return self.method.scores(features.float())

    def feature_map(self, pictures: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features `(b, c, h/4, w/4)` of pictures of values 0 … 1 and, of some heads, coarse logits."""
        assert self.body is not None and self.head is not None
        return self.head(self.body(pictures))

    def parameter_groups(self, backbone_scale: float) -> list[dict[str, Any]]:
        """Parameters ("params") that are trained, with the factor of their learning rate ("lr_scale")."""
        groups = self.method.parameter_groups()
        for part, scale in ((self.head, 1.0), (self.body, backbone_scale)):
            if part is not None:
                groups.append({"params": list(part.parameters()), "lr_scale": scale})
        for group in groups:
            group["params"] = [parameter for parameter in group["params"] if parameter.requires_grad]
        return [group for group in groups if group["params"]]


class Recognition(Learner):
    """Trains a method on labelled samples and scores the nodes of their taxonomy.

    Without samples it is there to load a trained one, with the blueprint of its backbone.
    """

    net: Network
    class_nodes: Tensor

    def __init__(
        self,
        recipe: Recipe,
        task: Task,
        samples: LabelledSet | MaskedSet | None = None,
        *,
        blueprint: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(recipe)
        self.task = task
        torch.manual_seed(recipe.seed)
        self.net = Network(recipe, task, blueprint)
        made = None if self.net.body is None else cast(Tower, self.net.body).blueprint
        self.save_hyperparameters({"recipe": plain(recipe), "task": task.settings(), "blueprint": made})
        self.register_buffer(
            "class_nodes", torch.tensor(task.class_nodes, dtype=torch.int64), persistent=False
        )
        if samples is not None:
            self.prepare(samples)

    def learn_from(self, samples: Any) -> None:
        """Train on these, by whose features, if they are such, those to come are standardised."""
        super().learn_from(samples)
        if samples.kind == "features" and self.recipe.training.standardise:
            features = cast(np.ndarray, samples.inputs)
            mean, deviation = features.mean(0, dtype=np.float64), features.std(0, dtype=np.float64)
            deviation[deviation < _CONSTANT * (1 + np.abs(mean))] = 1.0
            self.net.mean.copy_(torch.from_numpy(mean))
            self.net.deviation.copy_(torch.from_numpy(deviation))

    @property
    def scorer(self) -> Network:
        """The network that scores: of averaged weights, if there are such."""
        return self.net if self.averaged is None else cast(Network, self.averaged.module)

    def parameter_groups(self) -> list[dict[str, Any]]:
        return self.net.parameter_groups(self.recipe.backbone.learning_rate_scale)

    def report(self, n_steps: int) -> dict[str, Any]:
        """The epoch, the parts of the loss and, now and then, the judgement of what is held out."""
        step = self.trainer.global_step
        epoch = step / self.steps_per_epoch
        line = {"epoch": round(epoch, 3)} | super().report(n_steps)
        due = step == self.n_steps or epoch % self.recipe.training.validate_every == 0
        if self.judged is not None and due:
            line["validation"] = self.judged()
        return line

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        if self.task.kind == "pixels":
            parts = self._pixel_loss(batch["inputs"], batch["masks"])
        else:
            parts = self._label_loss(batch["inputs"], batch["labels"])
        self.note(parts)
        return parts["loss"]

    @torch.no_grad()
    def scores(self, inputs: Tensor) -> Tensor:
        """Scores `(b, m)` of all nodes for features `(b, d)` or images `(b, 3, h, w) uint8`.

        Features may also be those of images by the frozen backbone.
        """
        net = self.scorer
        if inputs.ndim == 4:
            inputs = image_features(cast(Body, net.body), inputs, self.recipe.backbone.size)
        return net.scores(net.standardised(inputs))

    @torch.no_grad()
    def pixel_scores(self, images: Tensor) -> Tensor:
        """Scores `(b, k, h, w)` of the k classes for the pixels of images `(b, 3, h, w) uint8`."""
        net = self.scorer
        found, _ = net.feature_map(images.float() / 255)
        b, c, h, w = found.shape
        rows = found.permute(0, 2, 3, 1).reshape(-1, c)
        parts = [net.scores(part)[:, self.class_nodes].float() for part in rows.split(_PIXEL_ROWS)]
        scores = torch.cat(parts).view(b, h, w, -1).permute(0, 3, 1, 2)
        return nn.functional.interpolate(scores, images.shape[2:], mode="bilinear", align_corners=False)

    def _label_loss(self, inputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        training, net = self.recipe.training, self.net
        targets = self._targets(labels)
        images = inputs.ndim == 4
        if images:
            inputs = augment_frames(
                inputs[:, None],
                size=self.recipe.backbone.size,
                crop=training.crop,
                flip=training.flip,
                colour=training.colour,
                area=training.area,
            )[:, 0]
        if training.mixup:
            inputs, targets = _mixed(inputs, targets, training.mixup)
        if images:
            assert net.body is not None
            inputs = net.body(inputs).float()
        features = net.standardised(inputs)
        if training.noise:
            features = features + training.noise * torch.randn_like(features)
        return net.loss(features, targets)

    def _pixel_loss(self, images: Tensor, masks: Tensor) -> dict[str, Tensor]:
        training, backbone = self.recipe.training, self.recipe.backbone
        size = training.crop_size or (images.shape[2], images.shape[3])
        colour = {} if training.colour else {"strengths": None}
        pictures, masks = augment_masked(
            images, masks, size=size, scale=training.scale, flip=training.flip, **colour
        )
        features, coarse = self.net.feature_map(pictures)
        positions = sample_pixels(masks, training.pixels)
        if not len(positions):  # crops without a labelled pixel teach nothing
            return {"loss": features.sum() * 0}
        classes = masks[tuple(positions.T)].long()
        targets = self.net.method.classes.closure[self.class_nodes[classes]]
        parts = self.net.loss(features_at(features, positions, size), targets)
        if coarse is not None:
            logits = nn.functional.interpolate(coarse, list(size), mode="bilinear", align_corners=False)
            extra = nn.functional.cross_entropy(logits.float(), masks.long(), ignore_index=VOID)
            parts = parts | {"coarse": extra, "loss": parts["loss"] + backbone.auxiliary * extra}
        return parts

    def _targets(self, labels: Tensor) -> Tensor:
        """Labels `(b, L)`, −1 where there is none, as `(b, m) float32`, closed upwards."""
        closure = self.net.method.classes.closure
        above = closure[labels.clamp_min(0)] * (labels >= 0)[:, :, None]
        return above.amax(1)


def _mixed(inputs: Tensor, targets: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Each sample mixed with another of the batch, by a share of its own (mixup)."""
    b = len(inputs)
    share = torch.distributions.Beta(alpha, alpha).sample((b,)).to(inputs.device)
    other = torch.randperm(b).to(inputs.device)
    for_inputs = share.view(-1, *[1] * (inputs.ndim - 1))
    return inputs[other].lerp(inputs, for_inputs), targets[other].lerp(targets, share[:, None])

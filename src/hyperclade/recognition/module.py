"""All methods as one Lightning module: samples → backbone → features, of samples or pixels → method."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

import numpy as np
import pytorch_lightning as lightning
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from hyperclade.data.image_rows import VOID, ImageRows
from hyperclade.data.labelled import LabelledSet
from hyperclade.data.masks import MaskedSet
from hyperclade.encoders.backbone import Backbone as Body
from hyperclade.encoders.backbone import Tower
from hyperclade.encoders.pyramid import load_pyramid, pyramid_from
from hyperclade.encoders.segmentation_heads import DeepLabHead, OcrHead
from hyperclade.learning.augment import augment_frames
from hyperclade.learning.augment_masks import augment_masked
from hyperclade.learning.pixels import features_at, sample_pixels
from hyperclade.learning.runs import batch_loader, plain
from hyperclade.learning.schedule import cosine_rate, seed_step
from hyperclade.recognition.config import Recipe
from hyperclade.recognition.embedding import image_features, load_body
from hyperclade.recognition.recipes import method_class
from hyperclade.transport.shards import world
from hyperclade.trees.taxonomy import Taxonomy

_CONSTANT = 1e-8  # relative deviation of features that say nothing
_PIXEL_ROWS = 1 << 16  # that a method scores at once


@dataclass(frozen=True)
class Task:
    """What goes into a module and comes out of it.

    taxonomy : of m nodes, which it scores.
    kind : of the samples: "features", "images" with labels, or images with classes of "pixels".
    n_features : length of a sample that is features.
    class_nodes : for pixels, node of each class of the masks.
    size : (h, w) of the images to learn from.
    """

    taxonomy: Taxonomy
    kind: Literal["features", "images", "pixels"]
    n_features: int | None = None
    class_nodes: tuple[int, ...] = ()
    size: tuple[int, int] | None = None

    @classmethod
    def of(cls, samples: LabelledSet | MaskedSet) -> "Task":
        """The task that samples set."""
        if isinstance(samples, MaskedSet):
            nodes = tuple(samples.class_nodes.tolist())
            return cls(samples.taxonomy, "pixels", class_nodes=nodes, size=samples.images.size)
        if isinstance(samples.inputs, ImageRows):
            return cls(samples.taxonomy, "images", size=samples.inputs.size)
        return cls(samples.taxonomy, "features", n_features=samples.inputs.shape[1])

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
        }


class Network(nn.Module):
    """Backbone, standardisation and method.

    Args:
        recipe: of the run.
        task: what goes in and comes out.
        blueprint: of the backbone, whose weights are then not asked for; default: load it by its name.

    Raises:
        ValueError: settings that the method does not have, a backbone that does not exist, is missing, or is
            given for features.
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
            body = load_body(backbone, blueprint)
            self.body, n_features = body, body.out_features
        else:
            pyramid = load_pyramid(backbone.name) if blueprint is None else pyramid_from(blueprint)
            maps = (pyramid.channels, pyramid.strides)
            if backbone.head == "ocr":
                self.head = OcrHead(*maps, n_classes=len(task.class_nodes), width=backbone.width)
            else:
                self.head = DeepLabHead(*maps, width=backbone.width)
            self.body, n_features = pyramid, backbone.width
        if self.body is not None and self.frozen:
            self.body.requires_grad_(False).eval()
        made, settings = method_class(recipe.method)
        torch.manual_seed(recipe.seed)  # whatever the backbone has drawn: alike on images and their features
        self.method = made(n_features, task.taxonomy, **settings)
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("deviation", torch.ones(n_features))

    def train(self, mode: bool = True) -> "Network":
        super().train(mode)
        if self.body is not None and self.frozen:
            self.body.eval()
        return self

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
        """Features `(b, c, h/4, w/4)` of pictures of values 0 … 1 and, of some heads, coarse logits of the
        classes."""
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


class Recognition(lightning.LightningModule):
    """Trains a method on labelled samples and scores the nodes of their taxonomy.

    All of its state lies in parameters and buffers, so a checkpoint resumes it exactly.

    Args:
        recipe: method, backbone, training, seed.
        task: what goes in and comes out.
        samples: to learn from, of that task; None to load a trained module.
        blueprint: of the backbone, if a state dict is to bring its weights.

    Attributes:
        net: the `Network`.
        averaged: in training with `ema`, the moving average of its weights; `keep_average` makes it `net`.
        n_steps: of the run.
        loss_parts: sums, over the steps since they were last read, of what the method reports.
    """

    class_nodes: Tensor

    def __init__(
        self,
        recipe: Recipe,
        task: Task,
        samples: LabelledSet | MaskedSet | None = None,
        *,
        blueprint: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.recipe, self.task = recipe, task
        self.samples: LabelledSet | MaskedSet | None = None
        torch.manual_seed(recipe.seed)
        self.net = Network(recipe, task, blueprint)
        made = None if self.net.body is None else cast(Tower, self.net.body).blueprint
        self.save_hyperparameters(
            {"recipe": plain(asdict(recipe)), "task": task.settings(), "blueprint": made}
        )
        self.register_buffer(
            "class_nodes", torch.tensor(task.class_nodes, dtype=torch.int64), persistent=False
        )
        self.averaged: AveragedModel | None = None
        self.loss_parts: dict[str, Tensor] = {}
        if samples is None:
            return
        training = recipe.training
        if len(samples) < 2 * training.devices:
            raise ValueError(f"training needs at least 2 samples for each device, got {len(samples)}")
        if training.ema:
            self.averaged = AveragedModel(self.net, multi_avg_fn=get_ema_multi_avg_fn(training.ema))
            self.averaged.requires_grad_(False)
        batch = min(training.batch_size, len(samples) // training.devices)
        self.steps_per_epoch = max(1, len(samples) // (batch * training.devices))
        self.n_steps = math.ceil(training.epochs * self.steps_per_epoch)
        self.learn_from(samples)

    def learn_from(self, samples: LabelledSet | MaskedSet) -> None:
        """Train on these, by whose features, if they are such, those to come are standardised."""
        self.samples = samples
        features = None if isinstance(samples, MaskedSet) else samples.inputs
        if isinstance(features, np.ndarray) and self.recipe.training.standardise:
            mean, deviation = features.mean(0, dtype=np.float64), features.std(0, dtype=np.float64)
            deviation[deviation < _CONSTANT * (1 + np.abs(mean))] = 1.0
            self.net.mean.copy_(torch.from_numpy(mean))
            self.net.deviation.copy_(torch.from_numpy(deviation))

    @property
    def scorer(self) -> Network:
        """The network that scores: of averaged weights, if there are such."""
        return self.net if self.averaged is None else cast(Network, self.averaged.module)

    def keep_average(self) -> None:
        """Go on without training, with the averaged weights."""
        if self.averaged is not None:
            self.net.load_state_dict(self.averaged.module.state_dict())
            self.averaged = None

    def train_dataloader(self) -> DataLoader:
        assert self.samples is not None
        training = self.recipe.training
        in_memory = isinstance(self.samples, LabelledSet) and isinstance(self.samples.inputs, np.ndarray)
        return batch_loader(
            _Reader(self.samples),
            self,
            training.batch_size,
            self.recipe.seed,
            n_workers=0 if in_memory else training.n_workers,
        )

    def configure_optimizers(self) -> Any:
        training = self.recipe.training
        rate, decay = training.learning_rate, training.weight_decay
        groups: list[dict[str, Any]] = [
            {"params": group["params"], "lr": rate * group["lr_scale"]}
            for group in self.net.parameter_groups(self.recipe.backbone.learning_rate_scale)
        ]
        optimizer: torch.optim.Optimizer
        if training.optimizer == "sgd":
            optimizer = torch.optim.SGD(groups, lr=rate, momentum=0.9, weight_decay=decay)
        else:
            kind = torch.optim.Adam if training.optimizer == "adam" else torch.optim.AdamW
            # Scaled gradients of half precision would be clipped before they are unscaled.
            fused = training.precision != "16-mixed"
            optimizer = kind(groups, lr=rate, weight_decay=decay, fused=fused)
        warmup = math.ceil(training.warmup * self.n_steps)

        def factor(step: int) -> float:
            if training.schedule == "constant":
                return min(1.0, (step + 1) / max(1, warmup))
            return cosine_rate(step, self.n_steps, warmup)

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        seed_step(self.recipe.seed, self.trainer.global_step, world()[0])

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        if self.task.kind == "pixels":
            parts = self._pixel_loss(batch["inputs"], batch["masks"])
        else:
            parts = self._label_loss(batch["inputs"], batch["labels"])
        for name, part in parts.items():
            if name != "loss":
                self.loss_parts[name] = self.loss_parts.get(name, 0) + part.detach()
        if self.trainer.progress_bar_callback is not None:
            self.log("loss", parts["loss"], prog_bar=True)
        return parts["loss"]

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        if self.recipe.training.clip is not None:
            nn.utils.clip_grad_norm_(self.net.parameters(), self.recipe.training.clip)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        # Not after the batch, where a checkpoint would be written first.
        super().optimizer_step(*args, **kwargs)
        if self.averaged is not None:
            self.averaged.update_parameters(self.net)

    def on_train_end(self) -> None:
        if self.trainer.global_step >= self.n_steps:
            self.keep_average()

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


class _Reader:
    """Batches of samples by their rows."""

    def __init__(self, samples: LabelledSet | MaskedSet) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitems__(self, rows: list[int]) -> dict[str, Tensor]:
        samples = self.samples
        if isinstance(samples, MaskedSet):
            images, masks = samples.images.read(rows), samples.masks.read(rows)
            return {"inputs": torch.from_numpy(images), "masks": torch.from_numpy(masks)}
        inputs = samples.inputs.read(rows) if isinstance(samples.inputs, ImageRows) else samples.inputs[rows]
        return {"inputs": torch.from_numpy(inputs), "labels": torch.from_numpy(samples.labels[rows])}


def _mixed(inputs: Tensor, targets: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Each sample mixed with another of the batch, by a share of its own (mixup)."""
    b = len(inputs)
    share = torch.distributions.Beta(alpha, alpha).sample((b,)).to(inputs.device)
    other = torch.randperm(b).to(inputs.device)
    for_inputs = share.view(-1, *[1] * (inputs.ndim - 1))
    return inputs[other].lerp(inputs, for_inputs), targets[other].lerp(targets, share[:, None])

"""Metric learning as one Lightning module: features → vectors → points; labels renewed by the embeddings."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.utils.data import DataLoader

from hyperclade.data.image_rows import pixels_of
from hyperclade.encoders.backbone import Backbone as Body
from hyperclade.encoders.pretrained import Encoder
from hyperclade.environment import IntArray
from hyperclade.learning.augment import augment_frames, plain_frames
from hyperclade.learning.embedding import WithBody, digest_of, load_body
from hyperclade.learning.module import Learner, evaluating
from hyperclade.learning.settings import named_class, plain
from hyperclade.progress import Progress, tracked
from hyperclade.retrieval.config import METHODS, Recipe
from hyperclade.retrieval.labelling import grouped_rows, hierarchy_levels, kmeans_clusters, neighbour_rows
from hyperclade.retrieval.method import Batch, MetricLoss
from hyperclade.retrieval.nearest import nearest
from hyperclade.retrieval.sources import RetrievalSet

_ROWS = 4096  # features at once
_IMAGES = 64
_CONSTANT = 1e-8  # relative variance of components that say nothing


class Network(WithBody):
    """Backbone, linear head and loss.

    Parameters
    ----------
    recipe : Recipe
    n_features : int or None
        Length of samples that are features; None for images.
    blueprint : dict, optional
        Of the backbone, whose weights are then not asked for.
    """

    def __init__(
        self, recipe: Recipe, n_features: int | None, blueprint: dict[str, Any] | None = None
    ) -> None:
        super().__init__()
        backbone, self.space, self.unit = recipe.backbone, recipe.space, recipe.head.unit
        self.frozen = backbone.frozen
        self.body: Body | None = None
        self.digest = ""
        if n_features is None:
            self.body = load_body(backbone.name, backbone.size, blueprint)
            self.digest = digest_of(self.body)
            n_features = self.body.out_features
        self.freeze()
        torch.manual_seed(recipe.seed)  # whatever the backbone has drawn
        dim = recipe.head.dim
        self.head: nn.Module = nn.Identity() if dim is None else nn.Linear(n_features, dim)
        self.dim = dim or n_features
        made, settings = named_class("hyperclade.retrieval", METHODS, recipe.method, "method")
        self.method: MetricLoss = made(n_features, self.dim, recipe.space, **settings)

    def features(self, inputs: Tensor) -> Tensor:
        """Features `(b, n_features) float32` of features, or of images `(b, 3, h, w)` of values 0 … 1."""
        if inputs.ndim == 4:
            assert self.body is not None
            inputs = self.body(inputs)
        features = inputs.float()
        return normalize(features, dim=1) if self.unit else features

    def vectors(self, features: Tensor) -> Tensor:
        """Embeddings before the exponential map, `(b, dim) float32`, clipped or normalised."""
        with torch.autocast(features.device.type, enabled=False):
            return self.space.bounded(self.head(features.float()))


class Retrieval(Learner):
    """Learns embeddings by labels that it renews from them.

    Without samples it is there to load a trained one: with `n_samples`, `n_levels`, `n_features`, the size of
    the images that it learned from, and the blueprint of the backbone.

    Attributes
    ----------
    levels : (L, n) int32
        Labels of all samples, fine to coarse.
    nearest : (n, m − 1) int32
        Nearest other samples of each, where batches are drawn by them.
    """

    net: Network
    levels: Tensor
    nearest: Tensor
    started: Tensor

    def __init__(
        self,
        recipe: Recipe,
        samples: RetrievalSet | None = None,
        *,
        n_samples: int = 0,
        n_levels: int = 0,
        n_features: int | None = None,
        size: tuple[int, int] | None = None,
        blueprint: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(recipe)
        if recipe.training.devices != 1:  # pairs are those of a batch, drawn by labels that one process makes
            raise ValueError("retrieval trains on one device: leave training.devices at 1")
        own = recipe.labelling
        if samples is not None:
            n_samples, n_levels = len(samples), own.n_levels
            if own.kind == "labels":
                n_levels = len(samples.labelled())
            size = samples.size
            n_features = samples.n_features
            if n_features is not None and recipe.backbone.name is not None and not recipe.backbone.frozen:
                raise ValueError("the samples are features: a backbone that is not frozen has nothing to see")
        self.size = size
        self.net = Network(recipe, n_features, blueprint)
        if self.net.method.teaches and not recipe.training.ema:
            raise ValueError(f"{recipe.method.name} has a teacher: give training.ema, 0.999 for example")
        if own.kind == "neighbours" and not self.net.method.teaches:
            raise ValueError(f"{recipe.method.name} needs labels: neighbours are groups for a teacher alone")
        made = None if self.net.body is None else self.net.body.blueprint
        shapes: dict[str, Any] = {"n_samples": n_samples, "n_levels": n_levels, "n_features": n_features}
        shapes["size"] = size and list(size)
        self.save_hyperparameters({"recipe": plain(recipe), **shapes, "blueprint": made})
        near = recipe.training.instances - 1 if own.kind == "neighbours" else 0
        self.register_buffer("levels", torch.full((n_levels, n_samples), -1, dtype=torch.int32))
        self.register_buffer("nearest", torch.full((n_samples, near), -1, dtype=torch.int32))
        self.register_buffer("started", torch.tensor(False))
        self.relabelled: dict[str, float] = {}
        if samples is not None:
            self.origin["backbone"] = self.net.digest
            self.prepare(samples)

    def prepare(self, samples: Any) -> None:
        training = self.recipe.training
        if len(samples) < training.batch_size:
            raise ValueError(
                f"{len(samples)} {samples.word} are fewer than a batch of {training.batch_size}: give a "
                "smaller training.batch_size"
            )
        super().prepare(samples)
        self.relabel_every = max(1, self.steps_of(self.recipe.labelling.every))

    def keep_average(self) -> None:
        """Go on without training: with the averaged weights, unless these are a teacher's."""
        if self.net.method.teaches:
            self.averaged = None
        super().keep_average()

    def parameter_groups(self) -> list[dict[str, Any]]:
        groups = [*self.net.method.parameter_groups(), {"params": list(self.net.head.parameters())}]
        if self.net.body is not None and not self.net.frozen:
            trained = [one for one in self.net.body.parameters() if one.requires_grad]
            groups.append({"params": trained, "lr_scale": self.recipe.backbone.learning_rate_scale})
        return [{"lr_scale": 1.0} | group for group in groups if group["params"]]

    def train_dataloader(self) -> DataLoader:
        steps = _Steps(self.n_steps, lambda: self.trainer.global_step)
        return DataLoader(cast(Any, range(self.n_steps)), batch_sampler=steps, num_workers=0)

    def on_fit_start(self) -> None:
        if not self.n_steps:  # then no step comes before which to do it
            self._start()

    def before_step(self, step: int) -> None:
        self._start()
        if step % self.relabel_every == 0:
            self.relabel(step)

    def report(self, n_steps: int) -> dict[str, Any]:
        return super().report(n_steps) | self.relabelled

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        step = self.trainer.global_step
        rows = self.drawn(step)
        inputs = self._augmented(rows)
        features = self.net.features(inputs).float()
        vectors = self.net.vectors(features)
        with torch.autocast(features.device.type, enabled=False):
            points = self.recipe.space.points(vectors)
            taught = Batch(points, self.degrees(rows), features, step / self.n_steps, self._teacher(inputs))
            parts = self.net.method.loss(taught)
        self.note(parts)
        return parts["loss"]

    def drawn(self, step: int) -> IntArray:
        """Rows of the batch of a step, by the newest labels: of each group several."""
        training = self.recipe.training
        asked = (training.batch_size // training.instances, training.instances)
        rng = np.random.default_rng([self.recipe.seed, step])
        if self.recipe.labelling.kind == "neighbours":
            return neighbour_rows(self.nearest.cpu().numpy(), *asked, rng)
        return grouped_rows(self.levels[0].cpu().numpy(), *asked, rng)

    def degrees(self, rows: IntArray) -> Tensor:
        """At how many levels rows share a cluster, `(b, b) int64`."""
        own = torch.from_numpy(rows).to(self.device)
        labels = self.levels[:, own]
        shared = (labels[:, :, None] == labels[:, None, :]).sum(0)
        if self.recipe.labelling.views_level:
            shared = shared + (own[:, None] == own)
        return shared

    @torch.no_grad()
    def relabel(self, step: int) -> None:
        """Renew labels, or nearest samples, by the embeddings of all samples as they are now."""
        own, began = self.recipe.labelling, time.perf_counter()
        metric, seed = self.recipe.space.metric, self.recipe.seed + step
        if own.kind == "labels":
            known = list(self.samples.labelled().values())
            self.levels.copy_(torch.from_numpy(np.stack(known[::-1])))
            return
        vectors = self.embed(self.samples)
        embedded = time.perf_counter()
        if own.kind == "neighbours":
            found, _ = nearest(vectors, vectors, self.nearest.shape[1], metric, own=True)
            self.nearest.copy_(torch.from_numpy(found))
        elif own.kind == "kmeans":
            k = min(own.counts[0], len(vectors) // 2)
            self.levels[0].copy_(torch.from_numpy(kmeans_clusters(vectors, k, random_state=seed)))
        else:
            levels = hierarchy_levels(
                vectors,
                metric,
                counts=own.counts,
                thresholds=own.thresholds,
                exact=own.exact,
                random_state=seed,
            )
            self.levels.copy_(torch.from_numpy(levels))
        self.relabelled = {
            "embedding_seconds": round(embedded - began, 3),
            "labelling_seconds": round(time.perf_counter() - embedded, 3),
        }

    @torch.no_grad()
    def embed(self, samples: RetrievalSet, *, progress: Progress | None = None) -> np.ndarray:
        """Embeddings of samples before the exponential map, `(n, dim) float32`, in evaluation mode."""
        with evaluating(self.net):
            blocks = self._features(samples, progress)
            return np.concatenate([self.net.vectors(block).float().cpu().numpy() for block in blocks])

    def encoder(self) -> Encoder:
        """The network as an encoder of images, whose rows `recipe.space.metric` compares.

        Raises ValueError where it has learned from features.
        """
        if self.net.body is None or self.size is None:
            raise ValueError(
                "this run has learned from features, not from images: `predict retrieval` gives the "
                "embeddings of a feature file, which can be indexed"
            )
        size = self.size

        @torch.no_grad()
        def encode(images: Sequence[Any]) -> Tensor:
            pixels = np.stack([pixels_of(image.convert("RGB"), size) for image in images])
            with evaluating(self.net):
                return self.net.vectors(self._plain(torch.from_numpy(pixels)))

        return Encoder(self.recipe.method.name, "image", encode)

    def _teacher(self, inputs: Tensor) -> Tensor | None:
        if not self.net.method.teaches:
            return None
        assert self.averaged is not None
        teacher = cast(Network, self.averaged.module)
        with torch.no_grad(), evaluating(teacher):
            return teacher.method.taught(teacher.features(inputs).float())

    def _augmented(self, rows: IntArray) -> Tensor:
        """Features of the rows, one of several views each, or their images in random crops and colours."""
        training = self.recipe.training
        if self.samples.kind == "features":
            features = self.samples.inputs
            if features.ndim == 3:
                view = torch.randint(features.shape[1], (len(rows),)).numpy()
                features = features[rows, view]
            else:
                features = features[rows]
            return torch.from_numpy(np.ascontiguousarray(features, dtype=np.float32)).to(self.device)
        images = torch.from_numpy(self.samples.batch(rows)["inputs"]).to(self.device)
        return augment_frames(
            images[:, None],
            size=self.recipe.backbone.size,
            crop=training.crop,
            flip=training.flip,
            colour=training.colour,
            area=training.area,
        )[:, 0]

    def _features(self, samples: RetrievalSet, progress: Progress | None = None) -> Iterator[Tensor]:
        """Features of samples as they are, in blocks."""
        size = _ROWS if samples.kind == "features" else _IMAGES
        for start in tracked(range(0, len(samples), size), "embedding", progress):
            rows = np.arange(start, min(start + size, len(samples)))
            if isinstance(samples.inputs, np.ndarray):
                found = samples.inputs[rows, 0] if samples.inputs.ndim == 3 else samples.inputs[rows]
                own = torch.from_numpy(np.ascontiguousarray(found, dtype=np.float32)).to(self.device)
                yield self.net.features(own)
            else:
                yield self._plain(torch.from_numpy(samples.batch(rows)["inputs"]))

    def _plain(self, images: Tensor) -> Tensor:
        """Features of images `(b, 3, h, w) uint8`, not augmented."""
        own = plain_frames(images.to(self.device)[:, None], size=self.recipe.backbone.size)[:, 0]
        return self.net.features(own).float()

    def _start(self) -> None:
        """Give the head its first weights, once."""
        if not self.started and self.recipe.head.start == "pca" and self.recipe.head.dim is not None:
            self._start_from_components()
        self.started.fill_(True)

    @torch.no_grad()
    def _start_from_components(self) -> None:
        """Make the head the principal components of the features of all samples, at the scale asked for."""
        head = cast(nn.Linear, self.net.head)
        with evaluating(self.net):
            total, n = torch.zeros(head.in_features, dtype=torch.float64, device=self.device), 0
            moments = torch.zeros(head.in_features, head.in_features, dtype=torch.float64, device=self.device)
            for block in self._features(self.samples):
                rows = block.double()
                total, moments, n = total + rows.sum(0), moments + rows.mT @ rows, n + len(rows)
        mean = total / n
        variance, axes = torch.linalg.eigh(moments / n - mean[:, None] * mean)
        axes = axes.mT.flip(0)[: head.out_features]
        largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
        axes = axes * largest.sign()  # which of two directions it is depends on the processor
        variance = variance.flip(0)[: len(axes)].clamp_min(0)
        if not variance[0] > 0:
            raise ValueError("all samples have the same features: there is nothing to learn")
        known = variance > _CONSTANT * variance[0]
        scaling = torch.where(known, variance.clamp_min(1e-300) ** -self.recipe.head.whiten, 0.0)
        spread = (variance * scaling.square()).sum().sqrt()
        weight = torch.zeros_like(head.weight, dtype=torch.float64)
        weight[: len(axes)] = axes * scaling[:, None] * (self.recipe.head.scale / spread)
        head.weight.copy_(weight)
        head.bias.copy_(-weight @ mean)


class _Steps:
    """The steps that are left of so many, one at a time."""

    def __init__(self, n: int, first: Callable[[], int]) -> None:
        self.n, self.first = n, first

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[list[int]]:
        return ([step] for step in range(self.first(), self.n))

"""The loop of all systems as a Lightning module: features of all samples → labels → train on them."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from hyperclade.data.image_set import Frames, ImageSet
from hyperclade.data.paired import PairedSet
from hyperclade.learning.alignment import matching_columns
from hyperclade.learning.augment import augment_frames, augment_sounds, plain_frames
from hyperclade.learning.class_positions import (
    centroid_similarity,
    class_positions,
    class_tree,
)
from hyperclade.learning.labelling import (
    ScoreBlocks,
    hierarchy_labels,
    kmeans_labels,
    precluster_labels,
    sinkhorn_labels,
)
from hyperclade.learning.module import Learner, evaluating, tensors
from hyperclade.learning.schedule import relabelling_steps, seed_step
from hyperclade.learning.settings import plain
from hyperclade.selflabel.config import MODALITIES, LabelSet, Modality, Recipe, System
from hyperclade.selflabel.network import CrossModalNet
from hyperclade.selflabel.sources import Seen
from hyperclade.transport.shards import gather_rows, own_rows, world
from hyperclade.trees.tree import Tree

_BLOCK_ROWS = 4096
_BN_BATCHES = 20  # that batch normalisation sees before the first labels
_RESETTING = ("kmeans", "hierarchy")  # labellers whose clusters have nothing to do with those before
_LOSS_MEMORY = 0.02  # share of the newest step in the running loss of a head


class SelfLabelling(Learner):
    """Trains towers and heads on labels that it renews by the recipe's labeller and schedule.

    Samples are pairs of frames and sounds or, where the recipe's inputs are, images alone. Without any it is
    there to load a trained one, from their `shapes`: `frame_channels`, `n_pairs` (or images), `frame_shape`
    (f, c, h, w), `sound_shape` (bins, steps) or None, and `blueprints` of pretrained towers.
    With `warm_start`, the state dict of another run and its file, to name in an error, it starts from those
    towers.

    Attributes
    ----------
    net : CrossModalNet
    labels_joint, labels_vision, labels_audio : (H, n) int32
        −1 before the first labelling; the first, or the other two.
    merges_vision, merges_audio, merges_joint : (H, K−1, 2) int64
        Trees over the clusters by vision, by audio and by both (joint); of images by vision alone.
    head_loss : (H,) Tensor
        Running training loss; its least names a head without looking at true classes.
    sound_scale : Tensor
        Mean and standard deviation of the log-mel values, where there are sounds.
    """

    net: CrossModalNet
    head_loss: Tensor
    sound_scale: Tensor
    # Labels are too large to send at every step; statistics of normalisation are made equal before use.
    broadcast_buffers = False

    def __init__(
        self,
        recipe: Recipe,
        samples: Seen | None = None,
        *,
        warm_start: tuple[dict[str, Tensor], Path] | None = None,
        **shapes: Any,
    ) -> None:
        super().__init__(recipe)
        self.labelling_report: dict[str, float] = {}
        system = recipe.system
        if samples is not None:
            check_inputs(system, images=isinstance(samples, ImageSet))
            if system.labeller != "none" and len(samples) < system.n_clusters:
                n, k = len(samples), system.n_clusters
                raise ValueError(
                    f"{n} {samples.word} cannot make {k} clusters: lower the option system.n_clusters"
                )
            shapes = {
                "frame_channels": samples.frames.shape[2],
                "n_pairs": len(samples),
                "frame_shape": list(samples.frames.shape[1:]),
                "sound_shape": list(samples.sounds.shape[1:]) if isinstance(samples, PairedSet) else None,
            }
        n_pairs = shapes.get("n_pairs", 0)
        torch.manual_seed(recipe.seed)
        channels = shapes.get("frame_channels", 3)
        self.net = CrossModalNet(system, recipe.encoders, channels, shapes.get("blueprints"))
        self.save_hyperparameters({"recipe": plain(recipe), **shapes, "blueprints": self.net.blueprints})
        for name in system.label_sets:
            self.register_buffer(
                f"labels_{name}", torch.full((system.n_heads, n_pairs), -1, dtype=torch.int32)
            )
            self.register_buffer(
                f"dual_{name}", torch.zeros(system.n_heads, system.n_clusters, dtype=torch.float64)
            )
        if system.label_sets == ("joint",):
            for view in system.views:
                shape = (system.n_heads, system.n_clusters - 1, 2)
                self.register_buffer(f"merges_{view}", torch.zeros(shape, dtype=torch.int64))
                self.register_buffer(f"heights_{view}", torch.zeros(shape[:2], dtype=torch.float64))
        self.register_buffer("head_loss", torch.zeros(system.n_heads))
        if "audio" in system.modalities:
            self.register_buffer("sound_scale", torch.tensor([0.0, 1.0]))
        self.origin = {"warm_start": None}
        if samples is not None:
            self.prepare(samples)
        if warm_start is not None:
            self.origin["warm_start"] = self._adopt_towers(*warm_start)

    def prepare(self, samples: Any) -> None:
        super().prepare(samples)
        recipe, system = self.recipe, self.recipe.system
        if "audio" in system.modalities:
            used = np.unique(samples.sound_rows)
            some = samples.sounds[used[:: max(1, len(used) // 1000)]].astype(np.float64)
            self.sound_scale.copy_(torch.tensor([some.mean(), max(float(some.std()), 1e-6)]))
        self.warmup_steps = self.steps_of(recipe.training.warmup_epochs)
        label_steps = self.n_steps
        if system.labeller == "none":
            self.warmup_steps, label_steps = self.warmup_steps + label_steps, 0
        self.n_steps = self.warmup_steps + label_steps
        self.relabel_at: set[int] = set()
        if label_steps:
            if system.labeller in _RESETTING:  # heads that start anew need their time (DeepCluster)
                steps = np.arange(0, label_steps, self.steps_per_epoch)
            else:
                steps = relabelling_steps(label_steps, system.n_relabellings, system.schedule_power)
            self.relabel_at = set((steps + self.warmup_steps).tolist())

    def _adopt_towers(self, state: dict[str, Tensor], path: Path) -> str:
        """Start from the towers of another run's state; gives their digest."""
        kept = {
            name: value
            for name, value in state.items()
            if name.startswith(("net.towers.", "net.correspondence.")) or name == "sound_scale"
        }
        try:
            missing, _ = self.load_state_dict(kept, strict=False)
        except RuntimeError as error:
            raise ValueError(f"the towers of {path} have other sizes than this recipe's: {error}") from error
        if any(name.startswith("net.towers.") for name in missing):
            raise ValueError(f"the towers of {path} are other networks than this recipe's")
        digest = hashlib.sha256()
        for name, value in kept.items():
            digest.update(name.encode() + value.reshape(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    def reports_at(self, step: int) -> bool:
        return step in self.relabel_at or step == self.n_steps

    def report(self, n_steps: int) -> dict[str, Any]:
        """What the newest labelling changed."""
        return self.labelling_report

    def before_step(self, step: int) -> None:
        if step in self.relabel_at:
            # Alike on all processes: heads start anew here, and dropout comes before normalisation.
            seed_step(self.recipe.seed, step)
            if step == self.warmup_steps:
                self._settle_normalisation()
            self.relabel(step)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        inputs = self.augmented(batch)
        features = {modality: self.net.features(modality, values) for modality, values in inputs.items()}
        if self.trainer.global_step < self.warmup_steps:
            return self._correspondence_loss(features["vision"], features["audio"])
        return self._lesson_loss(features, batch["rows"])

    def augmented(self, batch: dict[str, Tensor]) -> dict[Modality, Tensor]:
        """What the towers see of a batch in training."""
        training, frames = self.recipe.training, batch["frames"].to(self.device)
        frames = augment_frames(
            frames, crop=training.crop, flip=training.flip, colour=training.colour, area=training.area
        )
        if "sounds" not in batch:
            return {"vision": frames}
        sounds = batch["sounds"].to(self.device)
        sounds = augment_sounds(sounds, volume=training.volume, shift=training.shift)
        return {"vision": frames, "audio": self.scaled(sounds)}

    def on_train_end(self) -> None:
        # Other labellers' new clusters have nothing to do with those that the heads have learned.
        if self.recipe.system.labeller == "sinkhorn" and self.trainer.global_step >= self.n_steps:
            self.relabel(self.n_steps)

    @torch.no_grad()
    def relabel(self, step: int) -> None:
        """Renew the labels of all samples, the trees over the clusters, and the class positions."""
        system = self.recipe.system
        own = own_rows(len(self.samples))
        self._share_normalisation()
        began = time.perf_counter()
        features = self.extract(self.samples, own)
        extracted = time.perf_counter()
        former = {name: getattr(self, f"labels_{name}").clone() for name in system.label_sets}
        first = bool((former[system.label_sets[0]] < 0).any())
        for head in range(system.n_heads):
            seed = self.recipe.seed + 1000 * step + head
            self._relabel_head(head, features, own, seed, first=first, last=step == self.n_steps)
        if system.labeller in _RESETTING and step < self.n_steps:
            self._reset_heads()
        changed = [
            (getattr(self, f"labels_{name}") != labels).float().mean() for name, labels in former.items()
        ]
        self.labelling_report = {
            "changed_labels": round(float(torch.stack(changed).mean()), 4),
            "extraction_seconds": round(extracted - began, 3),
            "labelling_seconds": round(time.perf_counter() - extracted, 3),
        }

    @torch.no_grad()
    def extract(self, samples: Seen, rows: np.ndarray | None = None) -> dict[Modality, Tensor]:
        """Features `(n, d) float32` by modality, of all or some, in evaluation mode, not augmented."""
        rows = np.arange(len(samples)) if rows is None else rows
        size = min(256, 4 * self.recipe.training.batch_size)  # a GPU that can train has room for it
        found: dict[Modality, Tensor] = {}
        with evaluating(self.net):
            for modality in self.recipe.system.modalities:
                media, of_samples = media_of(samples, modality)
                used, place = np.unique(of_samples[rows], return_inverse=True)
                parts = []
                for start in range(0, len(used), size):
                    block = torch.from_numpy(np.ascontiguousarray(media[used[start : start + size]])).to(
                        self.device
                    )
                    inputs = (
                        plain_frames(block) if modality == "vision" else self.scaled(block.float()[:, None])
                    )
                    parts.append(self.net.features(modality, inputs).float())
                found[modality] = torch.cat(parts)[torch.from_numpy(place).to(self.device)]
        return found

    def _relabel_head(
        self,
        head: int,
        features: dict[Modality, Tensor],
        own: np.ndarray,
        seed: int,
        *,
        first: bool,
        last: bool,
    ) -> None:
        system = self.recipe.system
        by_features: Callable[..., np.ndarray] | None
        by_features = {"kmeans": kmeans_labels, "hierarchy": hierarchy_labels}.get(system.labeller)
        if first and system.labeller == "sinkhorn" and system.first_labels == "features":
            by_features = precluster_labels
        for name in system.label_sets:
            if by_features is None:
                labels = self._transport_labels(head, name, features, first, seed)
            else:
                rows = both_features(features, own) if name == "joint" else features[name].cpu().numpy()
                labels = by_features(rows, system.n_clusters, random_state=seed)
            stored = getattr(self, f"labels_{name}")
            stored[head] = gather_rows(torch.from_numpy(labels).to(torch.int32)).to(stored.device)
            if name == "joint":
                self._grow_trees(head, features, labels)
                if system.hierarchy and not last:  # no training follows that could teach new positions
                    self._place_classes(head)

    def _transport_labels(
        self, head: int, name: LabelSet, features: dict[Modality, Tensor], first: bool, seed: int
    ) -> np.ndarray:
        system = self.recipe.system
        modalities: tuple[Modality, ...] = (
            system.modalities if name == "joint" else tuple(m for m in MODALITIES if m == name)
        )
        n = len(features["vision"])

        def posteriors(rows: slice) -> list[Tensor]:
            return [self.net.head_log_posterior(m, features[m][rows], head) for m in modalities]

        if first and len(modalities) == 2:
            blocks = (posteriors(slice(start, start + _BLOCK_ROWS)) for start in range(0, n, _BLOCK_ROWS))
            self.net.permute_clusters("audio", "joint", head, matching_columns(blocks))
        dual = getattr(self, f"dual_{name}")
        labels, dual[head] = sinkhorn_labels(
            ScoreBlocks(
                n,
                system.n_clusters,
                lambda rows: torch.stack(posteriors(rows)).mean(0),
                block_rows=_BLOCK_ROWS,
            ),
            system.n_clusters,
            sharpness=system.sharpness,
            marginal=system.marginal,
            marginal_sd=system.marginal_sd,
            column_dual=None if first else dual[head],
            random_state=seed,
        )
        return labels

    def _grow_trees(self, head: int, features: dict[Modality, Tensor], labels: np.ndarray) -> None:
        """Trees over the clusters by each view."""
        system = self.recipe.system
        k = system.n_clusters
        similarity: dict[str, np.ndarray] = {
            m: centroid_similarity(features[m].cpu().numpy(), labels, k) for m in system.modalities
        }
        if "joint" in system.views:
            similarity["joint"] = (similarity["vision"] + similarity["audio"]) / 2
        for name, values in similarity.items():
            tree = class_tree(values)
            getattr(self, f"merges_{name}")[head] = torch.from_numpy(tree.merges.copy())
            getattr(self, f"heights_{name}")[head] = torch.from_numpy(tree.height[k:].copy())

    def _place_classes(self, head: int) -> None:
        """Positions ψ of the classes by the tree of each modality."""
        system = self.recipe.system
        geometry: Literal["ball", "euclidean"] = "ball" if system.geometry == "ball" else "euclidean"
        for modality in system.modalities:
            tree = self.tree(modality, head)
            places = class_positions(tree, system.dim, geometry=geometry, radius=system.radius)
            stored = getattr(self.net, f"positions_{modality}")
            stored[head] = torch.from_numpy(places).to(stored.device)

    def tree(self, view: str, head: int) -> Tree:
        """Tree over the clusters of a head, of systems with joint labels, by one of its views."""
        merges, heights = getattr(self, f"merges_{view}")[head], getattr(self, f"heights_{view}")[head]
        return Tree.from_merges(merges.cpu().numpy(), heights.cpu().numpy())

    def _reset_heads(self) -> None:
        optimizer = self.trainer.optimizers[0]
        for student, lesson in self.recipe.system.lessons:
            module = self.net.head(student, lesson)
            module.reset_output()
            optimizer.state.pop(module.weight, None)
            optimizer.state.pop(module.bias, None)

    def _lesson_loss(self, features: dict[Modality, Tensor], rows: Tensor) -> Tensor:
        system = self.recipe.system
        per_head = torch.zeros(system.n_heads, device=self.device)
        for student, lesson in system.lessons:
            labels = getattr(self, f"labels_{'joint' if system.teacher == 'joint' else lesson}")
            target = labels[:, rows].long()
            log_posterior = self.net.log_posterior(student, lesson, features[student])
            loss = -log_posterior.gather(2, target[:, :, None])[:, :, 0]
            if system.labeller in _RESETTING:  # every cluster weighs the same (DeepCluster)
                sizes = torch.stack([row.long().bincount(minlength=system.n_clusters) for row in labels])
                weight = (labels.shape[1] / system.n_clusters) / sizes.clamp_min(1).gather(1, target)
                loss = loss * weight
            per_head = per_head + loss.mean(1).float() / len(system.lessons)
        with torch.no_grad():
            unset = self.head_loss == 0
            self.head_loss.lerp_(per_head.detach(), _LOSS_MEMORY)
            self.head_loss[unset] = per_head.detach()[unset]
        return per_head.mean()

    def _correspondence_loss(self, vision: Tensor, audio: Tensor) -> Tensor:
        logits = torch.cat(
            [self.net.corresponds(vision, audio), self.net.corresponds(vision, audio.roll(1, 0))]
        )
        answer = torch.ones(len(logits), dtype=torch.int64, device=self.device)
        answer[len(vision) :] = 0
        return torch.nn.functional.cross_entropy(logits.float(), answer)

    def _share_normalisation(self) -> None:
        """Give all processes the batch statistics of the first: each has seen other batches."""
        if world()[1] > 1:
            for buffer in self.net.buffers():
                torch.distributed.broadcast(buffer, 0)

    @torch.no_grad()
    def _settle_normalisation(self) -> None:
        """Let batch normalisation see some batches, so that evaluation mode means something."""
        rng = np.random.default_rng(self.recipe.seed)
        for _ in range(_BN_BATCHES):
            size = min(self.recipe.training.batch_size, len(self.samples))
            batch = tensors(self.samples.batch(rng.choice(len(self.samples), size, replace=False)))
            features = {"vision": self.net.features("vision", plain_frames(batch["frames"].to(self.device)))}
            if "sounds" in batch:
                features["audio"] = self.net.features("audio", self.scaled(batch["sounds"].to(self.device)))
            for student, lesson in self.recipe.system.lessons:
                self.net.head(student, lesson)(features[student])

    def scaled(self, sounds: Tensor) -> Tensor:
        if self.recipe.encoders.audio is not None:  # a pretrained network scales its input itself
            return sounds
        return (sounds - self.sound_scale[0]) / self.sound_scale[1]


def both_features(features: dict[Modality, Tensor], own: np.ndarray | None = None) -> np.ndarray:
    """Features of both modalities side by side `(n, d_v + d_a)`, centred and scaled to weigh the same.

    Of images they are those of vision, `(n, d_v)`.

    Where `own` names the rows of this process, which the features are of, all processes share one centre.
    """
    parts = []
    for modality in (m for m in MODALITIES if m in features):
        rows = features[modality].cpu()
        centre = (rows if own is None else gather_rows(rows)).mean(0, dtype=torch.float64)
        parts.append(torch.nn.functional.normalize(rows - centre.float(), dim=1))
    return torch.cat(parts, dim=1).numpy()


def media_of(samples: Seen, modality: Modality) -> tuple[np.ndarray | Frames, np.ndarray]:
    """Frames or sounds, and the row `(n,) int64` of each sample among them."""
    if modality == "vision":
        return samples.frames, samples.frame_rows
    assert isinstance(samples, PairedSet)
    return samples.sounds, samples.sound_rows


def check_inputs(system: System, *, images: bool) -> None:
    """Raise ValueError where a system learns from pairs and is given images alone, or the other way round."""
    if images and system.needs_pairs:
        raise ValueError(f"these are images without sound, and {system.needs_pairs}")
    if images and system.inputs == "pairs":
        raise ValueError(
            'these are images without sound, and the system has inputs "pairs": inputs "images" learn from '
            "images alone (presets sela-images and deepcluster-images, or images laid over another)"
        )
    if not images and system.inputs == "images":
        raise ValueError(
            'these are pairs of sound and vision, and the system has inputs "images": give images, or a '
            'system of inputs "pairs" (preset sela, for instance)'
        )

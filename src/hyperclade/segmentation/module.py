"""Methods and OMH's hierarchy as one Lightning module: crops → features → codes → clusters."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from hyperclade.encoders.patches import Patches, load_patches, patches_from
from hyperclade.learning.module import Learner, evaluating
from hyperclade.learning.settings import named_class, plain
from hyperclade.segmentation.config import METHODS, Hierarchy, Method, Recipe
from hyperclade.segmentation.kmeans import spherical_kmeans
from hyperclade.segmentation.method import Batch, Segmenter
from hyperclade.segmentation.omh import MatchedHierarchy
from hyperclade.segmentation.prepare import FeatureSet, digest_of
from hyperclade.segmentation.sources import ImageSet

_GRANULARITIES = 3  # at least, at which k-means finds clusters in the end
_FITTED = 50_000  # places whose codes it sees
_RESTARTS = 5


def method_class(choice: Method) -> tuple[type[Segmenter], dict[str, Any]]:
    """The class of a method and its settings, checked.

    >>> method_class(Method("stego", settings={"n_code": 32}))[1]
    {'n_code': 32}
    """
    return named_class(__package__, METHODS, choice, "method")


class Network(nn.Module):
    """Frozen backbone, components, method, hierarchy, and the clusters that are found in the end.

    Attributes
    ----------
    fitted : list of (k, n_code) Tensor
        Centres by k-means at several granularities, coarse to fine; of length 0 before the end of training.
    """

    components: Tensor

    def __init__(self, recipe: Recipe, blueprint: dict[str, Any] | None = None) -> None:
        super().__init__()
        backbone, n_clusters = recipe.backbone, recipe.method.n_clusters
        if blueprint is None:
            self.patches: Patches = load_patches(backbone.name, stride=backbone.stride)
        else:
            self.patches = patches_from(blueprint)
        made, settings = method_class(recipe.method)
        n_features = backbone.components or self.patches.channels
        torch.manual_seed(recipe.seed)  # whatever the backbone has drawn
        self.method = made(n_features, n_clusters, **settings)
        self.register_buffer("components", torch.zeros(n_features, self.patches.channels))
        if backbone.components is None:
            self.components.copy_(torch.eye(n_features))
        self.hierarchy: MatchedHierarchy | None = None
        if recipe.hierarchy.levels:
            self.hierarchy = MatchedHierarchy(
                recipe.hierarchy, n_clusters, self.method.n_code, seed=recipe.seed
            )
        for level, size in enumerate(granularities(recipe)):
            self.register_buffer(f"fitted_{level}", torch.zeros(size, self.method.n_code))

    @property
    def fitted(self) -> list[Tensor]:
        return [buffer for name, buffer in self.named_buffers() if name.startswith("fitted_")]

    def kept(self, features: Tensor) -> Tensor:
        """The components of features `(b, channels, h, w)`, in single precision."""
        features = features.float()
        if self.components.shape[0] == self.components.shape[1]:
            return features
        return torch.einsum("bchw,kc->bkhw", features, self.components)

    def centres(self, *, fitted: bool = True) -> Tensor:
        """Directions of the clusters, `(k, n_code)`, of length 1: by k-means, or those of training itself."""
        found = self.fitted[0] if self.method.fits and fitted else self.method.centres
        return normalize(found.detach(), dim=1)


class Segmentation(Learner):
    """Learns codes of places without labels, and clusters of them.

    Without samples it is there to load a trained one, with the blueprint of its backbone.
    """

    net: Network

    def __init__(
        self, recipe: Recipe, samples: ImageSet | None = None, *, blueprint: dict[str, Any] | None = None
    ) -> None:
        super().__init__(recipe)
        if recipe.training.devices != 1:  # centres are placed by what one process sees
            raise ValueError("segmentation trains its heads on one device: leave training.devices at 1")
        self.net = Network(recipe, blueprint)
        made = self.net.patches.blueprint
        self.save_hyperparameters({"recipe": plain(recipe), "blueprint": made})
        if samples is not None:
            self.origin["backbone"] = digest_of(self.net.patches)
            self.prepare(samples)

    def learn_from(self, samples: Any) -> None:
        """Train on these, by whose features components of features are chosen."""
        super().learn_from(samples)
        if isinstance(samples, FeatureSet) and samples.components is not None:
            self.net.components.copy_(torch.from_numpy(samples.components))

    def parameter_groups(self) -> list[dict[str, Any]]:
        groups = self.net.method.parameter_groups()
        if self.net.hierarchy is not None:
            scale = self.recipe.hierarchy.learning_rate_scale
            parameters = list(self.net.hierarchy.parameters())
            groups.append({"params": parameters, "lr_scale": scale, "weight_decay": 0.0})
        return groups

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        drawn = self._drawn(batch["rows"])
        parts, codes = self.net.method.loss(drawn)
        if self.net.hierarchy is not None:
            above = self.net.hierarchy.loss(codes, drawn.done)
            parts |= above | {"loss": parts["loss"] + above["hierarchy"]}
        self.note(parts)
        return parts["loss"]

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        self.net.method.after_step()

    def on_train_end(self) -> None:
        if self.trainer.global_step >= self.n_steps:
            self.fit_clusters()
        super().on_train_end()

    @torch.no_grad()
    def fit_clusters(self) -> None:
        """Find clusters of the codes of a sample of the training crops, by k-means at each granularity."""
        features = self.samples.features
        places = features.shape[2] * features.shape[3]
        generator = torch.Generator().manual_seed(self.recipe.seed)
        n = min(len(features), max(1, _FITTED // min(places, 128)))
        rows = torch.randperm(len(features), generator=generator)[:n].sort().values
        each = max(1, _FITTED // n)
        codes = []
        with evaluating(self.net):
            for some in rows.split(32):
                found = self.net.method.code(self._read(features, some.numpy())).flatten(2)
                for crop in found.mT:
                    codes.append(crop[torch.randperm(places, generator=generator)[:each].to(crop.device)])
        known = torch.cat(codes)
        for level, buffer in enumerate(self.net.fitted):
            if len(buffer) > len(known):
                raise ValueError(
                    f"{len(known)} places cannot make {len(buffer)} clusters: lower the "
                    "option method.n_clusters"
                )
            seed = self.recipe.seed + level
            buffer.copy_(spherical_kmeans(known, len(buffer), seed=seed, restarts=_RESTARTS)[0])

    def codes(self, features: Tensor) -> Tensor:
        """Codes `(b, n_code, h, w)` of features `(b, 2, c, h, w)` of images and their mirror images."""
        there, mirrored = (self.net.method.code(self.net.kept(features[:, side])) for side in (0, 1))
        return (there + mirrored.flip(3)) / 2

    def _drawn(self, rows: Tensor) -> Batch:
        """Of each image a crop, with what the method needs."""
        samples, method = self.samples, self.net.method
        crops = (rows.cpu() * samples.crops + torch.randint(samples.crops, (len(rows),))).numpy()
        extra: dict[str, Tensor] = {}
        if "positive" in method.needs:
            near = samples.neighbours[crops]
            rank = torch.randint(min(method.n_positives, near.shape[1]), (len(crops),)).numpy()
            extra["positive"] = self._read(samples.features, near[range(len(crops)), rank])
        if "view" in method.needs:
            extra["view"] = self._read(samples.view, crops)
        if "local" in method.needs:
            extra["local"] = torch.from_numpy(samples.local[crops]).to(self.device).float()
        done = self.trainer.global_step / self.n_steps
        return Batch(self._read(samples.features, crops), torch.from_numpy(crops), done, **extra)

    def _read(self, features: Any, rows: Any) -> Tensor:
        return self.net.kept(torch.from_numpy(np.array(features[rows])).to(self.device))


def granularities(recipe: Recipe) -> list[int]:
    """Numbers of clusters that k-means finds, coarse to fine: those of the levels, at least three."""
    own = recipe.hierarchy
    return Hierarchy(max(own.levels, _GRANULARITIES), own.factor).sizes(recipe.method.n_clusters)

"""What is learned from and judged by, computed once: crops, features of the frozen network, nearest crops."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate, normalize

from hyperclade.data.masks import MaskedSet
from hyperclade.data.sets import content_digest
from hyperclade.encoders.patches import Patches, load_patches
from hyperclade.environment import pick_device
from hyperclade.hierarchy.neighbours import NeighbourIndex
from hyperclade.hierarchy.rows import Rows
from hyperclade.learning.augment import augment_frames
from hyperclade.learning.kept import Kept
from hyperclade.progress import Progress
from hyperclade.segmentation.config import Backbone, Recipe, Training
from hyperclade.segmentation.method import Segmenter
from hyperclade.segmentation.sources import ImageSet

_BLOCK = 32  # crops at once
_SAMPLED = 64  # images whose features the components are found by
_COLOURS = 1  # of the seeds: apart from others


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """Features of the crops of n images, and what methods ask for beside them.

    Attributes
    ----------
    images : ImageSet
    features : (n · crops, c, h, w) float16
        Of crop j of image i in row i · crops + j, of all channels of the network.
    components : (c', c) float32 or None
        Directions that are kept of them.
    neighbours : (n · crops, m) int32
        Nearest other crops, nearest first.
    view, local : arrays or None
        Features of the crops in other colours; what each place attends to around itself, `(n · crops, 9, h,
        w) float16`.
    crops : int
        Of each image.
    """

    word: ClassVar[str] = "images"
    in_memory: ClassVar[bool] = True

    images: ImageSet
    features: np.ndarray
    components: np.ndarray | None
    neighbours: np.ndarray
    view: np.ndarray | None
    local: np.ndarray | None
    crops: int

    def __len__(self) -> int:
        return len(self.images)

    @property
    def ids(self) -> tuple[str, ...]:
        return self.images.ids

    @property
    def skipped(self) -> tuple[tuple[str, str], ...]:
        return self.images.skipped

    def batch(self, rows: Any) -> dict[str, np.ndarray]:
        """Rows of images ("rows"); a step draws of each a crop and reads what it needs of it."""
        return {"rows": np.asarray(rows, dtype=np.int64)}

    def fingerprint(self) -> dict[str, Any]:
        return self.images.fingerprint()

    def describe(self) -> str:
        return self.images.describe()

    def subset(self, rows: Any) -> "FeatureSet":
        raise ValueError("crops have their nearest crops among all images: there are no subsets of them")


@dataclass(frozen=True, eq=False)
class JudgedSet:
    """Masked images with their features.

    Attributes
    ----------
    samples : MaskedSet
    features : (n, 2, c, h, w) float16
        Of each image and of its mirror image.
    """

    samples: MaskedSet
    features: np.ndarray

    def __len__(self) -> int:
        return len(self.samples)


def prepare_crops(
    recipe: Recipe,
    samples: ImageSet,
    method: type[Segmenter],
    folder: Path | None,
    *,
    device: str = "auto",
    progress: Progress | None = None,
) -> FeatureSet:
    """Crops of images, their features and nearest others, kept in a folder if one is given.

    What a killed call has finished, in blocks of 32 images, the next one checks by its checksum and keeps.
    Files are named by images, network and crops, so that several runs share them.

    Raises
    ------
    ValueError
        A network that is not there or does not fit, more components than channels, an image that does not
        decode any more.
    """
    patches = load_patches(recipe.backbone.name, stride=recipe.backbone.stride)
    patches.to(pick_device(device))
    _check(recipe.backbone, patches)
    training, n = recipe.training, len(samples)
    crops = 5 if training.five_crop else 1
    side = _side(training.side, patches.stride)
    grid = side // patches.stride
    about = {
        "images": samples.fingerprint(), "backbone": digest_of(patches), "side": side,
        "ratio": training.ratio if training.five_crop else None,
    }  # fmt: skip
    kept = Kept(folder, about, progress)

    def pictures(rows: range) -> Tensor:
        return torch.cat([_cut(picture, training, side) for picture in samples.images.read(list(rows))])

    def plain(rows: range) -> np.ndarray:
        return _half(patches(pictures(rows).to(patches.mean.device)))

    def coloured(rows: range) -> np.ndarray:
        generator = torch.Generator().manual_seed(rows.start * 2 + _COLOURS)
        frames = (pictures(rows)[:, None] * 255).round().to(torch.uint8)
        seen = augment_frames(frames, crop=False, flip=False, colour=True, generator=generator)[:, 0]
        return _half(patches(seen.to(patches.mean.device)))

    def around(rows: range) -> np.ndarray:
        return _half(local_weights(patches, pictures(rows).to(patches.mean.device)))

    shape = (crops, patches.channels, grid, grid)
    features = kept.array("", n, shape, plain, "computing features")
    view = local = None
    if "view" in method.needs:
        view = kept.array("view", n, shape, coloured, "computing features in other colours")
    if "local" in method.needs:
        local = kept.array("local", n, (crops, 9, grid, grid), around, "computing attention")
    n_kept, n_near = recipe.backbone.components, training.neighbours
    return FeatureSet(
        samples,
        _flat(features),
        kept.made(f"components-{n_kept}", lambda: components_of(features, n_kept)) if n_kept else None,
        kept.made(f"nearest-{n_near}", lambda: nearest(_flat(features), n_near)),
        None if view is None else _flat(view),
        None if local is None else _flat(local),
        crops,
    )  # fmt: skip


def prepare_judged(
    recipe: Recipe,
    samples: MaskedSet,
    folder: Path | None,
    *,
    device: str = "auto",
    progress: Progress | None = None,
) -> JudgedSet:
    """Features of whole images and of their mirror images, kept in a folder if one is given."""
    patches = load_patches(recipe.backbone.name, stride=recipe.backbone.stride)
    patches.to(pick_device(device))
    about = {"images": samples.fingerprint(), "size": samples.images.size, "backbone": digest_of(patches)}

    def both(rows: range) -> np.ndarray:
        return mirrored_features(patches, torch.from_numpy(samples.images.read(list(rows))))

    grid = [_side(side, patches.stride) // patches.stride for side in samples.images.size]
    shape = (2, patches.channels, *grid)
    kept = Kept(folder, about, progress)
    return JudgedSet(samples, kept.array("judged", len(samples), shape, both, "computing features"))


@torch.no_grad()
def mirrored_features(patches: Patches, images: Tensor) -> np.ndarray:
    """Features `(b, 2, c, h', w') float16` of images `(b, 3, h, w) uint8` and of their mirror images.

    Images whose sides are no multiples of the stride are brought to the nearest that are.
    """
    pictures = images.float() / 255
    size = [_side(side, patches.stride) for side in images.shape[2:]]
    if size != list(images.shape[2:]):
        pictures = interpolate(pictures, size, mode="bilinear", antialias=True, align_corners=False)
    pictures = torch.stack([pictures, pictures.flip(3)], dim=1).to(patches.mean.device)
    return _half(patches(pictures.flatten(0, 1))).reshape(
        len(images), 2, patches.channels, *(s // patches.stride for s in size)
    )


def components_of(features: np.ndarray, n_components: int) -> np.ndarray:
    """Principal directions `(n_components, c) float32` of features, not centred, as cosines are not."""
    rows = np.linspace(0, len(features) - 1, min(_SAMPLED, len(features))).astype(np.int64)
    moments = np.zeros((features.shape[2],) * 2)
    for row in rows:
        places = np.moveaxis(features[row].astype(np.float64), 1, -1).reshape(-1, features.shape[2])
        moments += places.T @ places
    directions = np.linalg.eigh(moments)[1].T[::-1][:n_components]
    signs = np.sign(directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)])
    return (directions * signs[:, None]).astype(np.float32)


def nearest(features: np.ndarray, k: int) -> np.ndarray:
    """The k crops `(n, k) int32` whose mean features have the highest cosines with that of each."""
    k = min(k, len(features) - 1)
    if k < 1:
        return np.zeros((len(features), 1), dtype=np.int32)
    means = [
        normalize(torch.from_numpy(features[at : at + _BLOCK].astype(np.float32)), dim=1).mean((2, 3))
        for at in range(0, len(features), _BLOCK)
    ]
    return NeighbourIndex(Rows(torch.cat(means).numpy(), "cosine")).own(k)[0]


@torch.no_grad()
def local_weights(patches: Patches, pictures: Tensor) -> Tensor:
    """What each place attends to among itself and the eight around it, `(b, 9, h, w)` (HP §3.3).

    Attention of the last layer, or cosines of features where the network has none, is clipped to its 10th …
    90th percentile, made shares by a softmax over all places, and 0 where it is below the mean of a place.
    """
    if patches.has_attention:
        features, scores = patches.attention(pictures)
    else:
        features = patches(pictures)
        flat = normalize(features, dim=1).flatten(2)
        scores = flat.mT @ flat
    b, _, h, w = features.shape
    low, high = (torch.quantile(scores.flatten(1).float(), q, dim=1)[:, None, None] for q in (0.1, 0.9))
    shares = torch.minimum(torch.maximum(scores, low), high).softmax(2)
    shares = torch.where(shares < shares.mean(2, keepdim=True), 0.0, shares).view(b, h, w, h, w)
    around = torch.nn.functional.pad(shares, (1, 1, 1, 1))
    rows, columns = torch.arange(h)[:, None], torch.arange(w)[None]
    return torch.stack(
        [around[:, rows, columns, rows + down, columns + across] for down in range(3) for across in range(3)],
        dim=1,
    )


def digest_of(patches: Patches) -> str:
    """Of a network's make and weights."""
    weights = [tensor.detach().cpu().numpy() for tensor in patches.state_dict().values()]
    return content_digest([json.dumps(patches.blueprint, sort_keys=True), str(patches.stride)], weights)[:16]


def _check(backbone: Backbone, patches: Patches) -> None:
    if backbone.components is not None and backbone.components > patches.channels:
        raise ValueError(
            f"backbone.components is {backbone.components}, but {backbone.name} has only {patches.channels}"
        )


def _side(side: int, stride: int) -> int:
    return max(1, round(side / stride)) * stride


def _flat(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1, *array.shape[2:])


def _half(values: Tensor) -> np.ndarray:
    return values.half().cpu().numpy()


def _cut(picture: np.ndarray, training: Training, side: int) -> Tensor:
    """Middle squares `(crops, 3, side, side)`, values 0 … 1, of crops of a picture `(3, h, w) uint8`."""
    h, w = picture.shape[1:]
    ratio = training.ratio if training.five_crop else 1.0
    tall, wide = max(1, round(h * ratio)), max(1, round(w * ratio))
    corners = [((h - tall) // 2, (w - wide) // 2)]
    if training.five_crop:
        corners = [(0, 0), (0, w - wide), (h - tall, 0), (h - tall, w - wide), *corners]
    square = min(tall, wide)
    down, across = (tall - square) // 2, (wide - square) // 2
    crops = np.stack(
        [
            picture[:, top + down : top + down + square, left + across : left + across + square]
            for top, left in corners
        ]
    )
    return interpolate(
        torch.from_numpy(crops).float() / 255,
        (side, side),
        mode="bilinear",
        antialias=True,
        align_corners=False,
    )

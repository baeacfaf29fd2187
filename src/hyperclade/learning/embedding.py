"""Features of images by a pretrained backbone whose weights stay as they are, computed once."""

import json
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from hyperclade.data.image_rows import ImageRows
from hyperclade.data.sets import content_digest
from hyperclade.encoders.backbone import Backbone, backbone_from, load_backbone
from hyperclade.environment import pick_device
from hyperclade.learning.augment import augment_frames, plain_frames
from hyperclade.learning.kept import Kept
from hyperclade.learning.settings import Training
from hyperclade.progress import Progress, tracked

_IMAGES = 64  # at once
_VIEWED = 16  # images whose views are made at once


def load_body(name: str | None, size: int | None, blueprint: dict[str, Any] | None = None) -> Backbone:
    """The pretrained network of that name or, from its blueprint, one without weights."""
    if name is None:
        raise ValueError('images need a backbone.name, "efficientnet-lite0" for example')
    body = load_backbone(name) if blueprint is None else backbone_from(blueprint)
    if size is not None:
        body.size = (size, size)
    return body


class WithBody(nn.Module):
    """A network with a pretrained `body`, if any, which stays as it is where it is `frozen`."""

    body: nn.Module | None
    frozen: bool

    def freeze(self) -> None:
        """Keep the body as it is, if it is to be frozen."""
        if self.body is not None and self.frozen:
            self.body.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        if self.body is not None and self.frozen:
            self.body.eval()
        return self


def digest_of(body: Backbone) -> str:
    """Of a network's make and of the weights that its features depend on, as it was loaded."""
    weights = [one.detach().cpu().numpy() for one in body.parameters() if one.requires_grad]
    return content_digest([json.dumps(body.blueprint, sort_keys=True)], weights)[:16]


@torch.no_grad()
def image_features(body: Backbone, images: Tensor, size: int | None) -> Tensor:
    """Features `(b, d) float32` of the middle squares of images `(b, 3, h, w) uint8`."""
    return body(plain_frames(images[:, None], size=size)[:, 0]).float()


def features_of(
    images: ImageRows,
    name: str | None,
    size: int | None = None,
    *,
    device: str = "auto",
    progress: Progress | None = None,
) -> np.ndarray:
    """Features `(n, d) float32` of images by the backbone of that name, which sees them at a size."""
    body = load_body(name, size).to(pick_device(device)).eval()
    parts = []
    for start in tracked(range(0, len(images), _IMAGES), "features", progress):
        some = torch.from_numpy(images.read(slice(start, start + _IMAGES)))
        parts.append(image_features(body, some.to(body.mean.device), size).cpu().numpy())
    return np.concatenate(parts)


def view_features(
    images: ImageRows,
    about: dict[str, Any],
    folder: Path | None,
    name: str | None,
    size: int | None = None,
    *,
    views: int = 0,
    training: Training | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> np.ndarray:
    """Features `(n, 1 + views, d) float16` of images as they are and of random views of each.

    Views are cropped, mirrored and coloured as `training` says, and depend on nothing but image, number of
    the view and these settings. With a folder, what a killed call has finished is kept, in blocks.

    Parameters
    ----------
    images : ImageRows
    about : dict
        What tells the images apart: their fingerprint.
    folder : Path or None
    name, size : str and int
        Backbone, and the side in pixels of what it sees.
    views : int
    training : Training, optional
        How views are made.

    Raises
    ------
    ValueError
        No such backbone, an image that does not decode any more.
    """
    body = load_body(name, size)
    made: dict[str, Any] = {"images": about, "backbone": digest_of(body), "size": size, "views": views}
    body.to(pick_device(device)).eval()
    training = training or Training()
    if views:
        made |= {key: getattr(training, key) for key in ("crop", "flip", "colour", "area")}

    def compute(rows: range) -> np.ndarray:
        some = torch.from_numpy(images.read(np.array(rows)))
        seen = [plain_frames(some[:, None], size=size)[:, 0]]
        for view in range(views):
            generator = torch.Generator().manual_seed(rows.start * 1000 + view)
            seen.append(
                augment_frames(
                    some[:, None],
                    size=size,
                    crop=training.crop,
                    flip=training.flip,
                    colour=training.colour,
                    area=training.area,
                    generator=generator,
                )[:, 0]
            )
        found = body(torch.stack(seen, dim=1).flatten(0, 1).to(body.mean.device))
        return found.view(len(some), 1 + views, -1).half().cpu().numpy()

    kept = Kept(folder, made, progress, at_once=_VIEWED)
    return kept.array("views", len(images), (1 + views, body.out_features), compute, "features")

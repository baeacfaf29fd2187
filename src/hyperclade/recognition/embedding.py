"""Features of images by a pretrained backbone whose weights stay as they are, computed once."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hyperclade.data.image_rows import ImageRows
from hyperclade.data.labelled import LabelledSet
from hyperclade.encoders.backbone import Backbone as Body
from hyperclade.encoders.backbone import backbone_from, load_backbone
from hyperclade.environment import pick_device
from hyperclade.learning.augment import plain_frames
from hyperclade.progress import Progress, tracked
from hyperclade.recognition.config import Backbone

_IMAGES = 64  # at once


def embed(
    samples: LabelledSet, backbone: Backbone, *, device: str = "auto", progress: Progress | None = None
) -> LabelledSet:
    """The same labelled images, with features by the backbone of that name and size instead of their pixels.

    Raises ValueError where the samples are features already, or there is no such backbone.
    """
    if not isinstance(samples.inputs, ImageRows):
        raise ValueError("the samples are features already")
    body = load_body(backbone).to(pick_device(device)).eval()
    parts = []
    for start in tracked(range(0, len(samples), _IMAGES), "features", progress):
        images = torch.from_numpy(samples.inputs.read(slice(start, start + _IMAGES)))
        parts.append(image_features(body, images.to(body.mean.device), backbone.size).cpu().numpy())
    return replace(samples, inputs=np.concatenate(parts))


def load_body(backbone: Backbone, blueprint: dict[str, Any] | None = None) -> Body:
    """The pretrained network of labelled images or, from its blueprint, one without its weights."""
    if backbone.name is None:
        raise ValueError('images need a backbone.name, "efficientnet-lite0" for example')
    body = load_backbone(backbone.name) if blueprint is None else backbone_from(blueprint)
    if backbone.size is not None:
        body.size = (backbone.size, backbone.size)
    return body


@torch.no_grad()
def image_features(body: Body, images: Tensor, size: int | None) -> Tensor:
    """Features `(b, d) float32` of the middle squares of images `(b, 3, h, w) uint8`."""
    return body(plain_frames(images[:, None], size=size)[:, 0]).float()

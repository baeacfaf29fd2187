"""Labelled images as features by a pretrained backbone whose weights stay as they are."""

from dataclasses import replace

from hyperclade.data.image_rows import ImageRows
from hyperclade.data.labelled import LabelledSet
from hyperclade.learning.embedding import features_of
from hyperclade.progress import Progress
from hyperclade.recognition.config import Backbone


def embed(
    samples: LabelledSet, backbone: Backbone, *, device: str = "auto", progress: Progress | None = None
) -> LabelledSet:
    """The same labelled images, with features by the backbone of that name and size instead of their pixels.

    Raises ValueError where the samples are features already, or there is no such backbone.
    """
    if not isinstance(samples.inputs, ImageRows):
        raise ValueError("the samples are features already")
    found = features_of(samples.inputs, backbone.name, backbone.size, device=device, progress=progress)
    return replace(samples, inputs=found)

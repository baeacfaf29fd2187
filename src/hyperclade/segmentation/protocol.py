"""Named protocols: how images become clusters of pixels, and clusters are called classes."""

from dataclasses import dataclass

from hyperclade.segmentation.sources import SIDE


@dataclass(frozen=True)
class Protocol:
    """How segmentations are judged.

    All of them take the middle of an image at 320 × 320, codes as means over it and its mirror image, brought
    to pixels bilinearly; match clusters and classes one to one over the whole split, and count all labelled
    pixels: those of clusters without a class are errors, in whatever number clusters are. The checkpoint is
    the last.

    Attributes
    ----------
    name : str
    fitted : bool
        Clusters are those of k-means on the codes, the best of several starts by their cosines; else those
        that the method's probe has learned, as published figures are.
    crf : bool
        Whether the figures that stand first are those after the conditional random field.
    side : int
        Of the images.
    sharpness : float
        Factor of cosines in the softmax whose shares the random field refines.
    """

    name: str
    fitted: bool
    crf: bool
    side: int = SIDE
    sharpness: float = 2.0


PROTOCOLS = {
    "strict": Protocol("strict", fitted=True, crf=False),
    "stego": Protocol("stego", fitted=False, crf=True),
    "hp": Protocol("hp", fitted=False, crf=True, sharpness=3.0),
    "smooseg": Protocol("smooseg", fitted=False, crf=True, sharpness=10.0),
}


def protocol_of(name: str) -> Protocol:
    """The protocol of that name; ValueError where there is none.

    >>> protocol_of("strict").fitted
    True
    """
    if name not in PROTOCOLS:
        raise ValueError(f"--protocol takes one of {', '.join(PROTOCOLS)}, got {name!r}")
    return PROTOCOLS[name]

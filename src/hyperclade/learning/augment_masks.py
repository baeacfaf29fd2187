"""Joint augmentation of images and the classes of their pixels, a batch at a time, in closed form.

As in `augment`, cutting and resizing is two small matrix products per image. A pixel of the result takes its
class from the pixel that its centre falls on.
"""

import torch
from torch import Tensor

from hyperclade.data.image_rows import VOID
from hyperclade.learning.augment import interpolation, jitter_colour

_GREY = 0.5  # around an image: about 0 after any network's normalisation


def augment_masked(
    images: Tensor,
    masks: Tensor,
    *,
    size: tuple[int, int],
    scale: tuple[float, float] = (0.5, 2.0),
    flip: bool = True,
    strengths: tuple[float, float, float, float] | None = (0.4, 0.4, 0.4, 0.1),
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Random scale, crop to one size, horizontal flip and colour jitter.

    Parameters
    ----------
    images : (b, 3, h, w) uint8
    masks : (b, h, w) uint8
        Class indices, VOID where a pixel has none.
    size : (int, int)
        Height and width of the crop, in pixels of the scaled image. Where it reaches over the image, the crop
        is grey and VOID.
    scale : (float, float)
        Smallest and largest factor of height and width; its logarithm is drawn uniformly.
    flip : bool
        Mirror every other image, drawn at random.
    strengths : (float, float, float, float) or None
        Those of brightness, contrast, saturation and hue, as for `augment_frames`; None changes no colours.
    generator : torch.Generator, optional
        One on the CPU; None for torch's global one.

    Returns
    -------
    (b, 3, *size) float32
        Images of values 0 … 1 and (b, *size) uint8 masks.

    Raises
    ------
    ValueError
        Images or masks of another shape or dtype, or a parameter out of its range.

    Examples
    --------
    >>> images, masks = torch.zeros(2, 3, 6, 8, dtype=torch.uint8), torch.ones(2, 6, 8, dtype=torch.uint8)
    >>> crops, classes = augment_masked(images, masks, size=(4, 4))
    >>> crops.shape, classes.shape
    (torch.Size([2, 3, 4, 4]), torch.Size([2, 4, 4]))
    """
    _check(images, masks, size, scale)
    b, _, h, w = images.shape
    factors = torch.rand(b, generator=generator, dtype=torch.float64)
    factors = scale[0] * (scale[1] / scale[0]) ** factors
    height, width = size[0] / factors, size[1] / factors
    top, left = torch.rand(2, b, generator=generator, dtype=torch.float64)
    top, left = top * (h - height), left * (w - width)  # within the image, or around it
    if flip:
        mirrored = torch.rand(b, generator=generator) < 0.5
        left = torch.where(mirrored, left + width, left)
        width = torch.where(mirrored, -width, width)
    with torch.autocast(images.device.type, enabled=False):
        values = images.float() / 255
        if strengths is not None:
            values = jitter_colour(values[:, None], strengths, generator)[:, 0]
        rows, down, inside_rows = _resampling(top, height, h, size[0], images.device)
        columns, across, inside_columns = _resampling(left, width, w, size[1], images.device)
        inside = inside_rows[:, :, None] & inside_columns[:, None]
        wide = values.reshape(b, 3 * h, w) @ columns.mT
        crops = rows[:, None] @ wide.view(b, 3, h, size[1])
        crops = torch.where(inside[:, None], crops, _GREY)
    of = torch.arange(b, device=images.device)[:, None, None]
    classes = masks[of, down[:, :, None], across[:, None]]
    return crops, classes.masked_fill(~inside, VOID)


def _resampling(
    start: Tensor, length: Tensor, n: int, size: int, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """(b, size, n) weights of n pixels in new ones; the pixel under each new centre; whether there is one."""
    centres = start[:, None] + length[:, None] / size * (torch.arange(size, dtype=torch.float64) + 0.5)
    nearest = centres.floor().long()
    inside = (nearest >= 0) & (nearest < n)
    weights = interpolation(start, length, n, size)
    weights = torch.where(inside[:, :, None], weights, 0.0)  # far outside there are none: 0/0
    return weights.to(device), nearest.clamp(0, n - 1).to(device), inside.to(device)


def _check(images: Tensor, masks: Tensor, size: tuple[int, int], scale: tuple[float, float]) -> None:
    if images.ndim != 4 or images.shape[1] != 3 or images.dtype != torch.uint8:
        raise ValueError(
            f"images must be uint8 of shape (b, 3, height, width), got {images.dtype} of shape "
            f"{tuple(images.shape)}"
        )
    if masks.dtype != torch.uint8 or masks.shape != images[:, 0].shape:
        raise ValueError(
            f"masks must be uint8 of shape {tuple(images[:, 0].shape)} as the images, got {masks.dtype} of "
            f"shape {tuple(masks.shape)}"
        )
    if min(size) < 1:
        raise ValueError(f"size must be a height and width of at least 1 pixel, got {size}")
    if not 0 < scale[0] <= scale[1]:
        raise ValueError(f"scale must be two rising factors above 0, got {scale}")

"""Augmentation of frames and log-mel spectrograms, a batch at a time, in closed form.

A crop with flip and resize is two small matrix products per image, colour jitter one matrix and an offset:
kornia's modules take three times as long on one core, and do not antialias. Random numbers come from torch's
CPU generator, whatever the device of the batch: the same state gives the same augmentation everywhere.
"""

import math

import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)


def augment_frames(
    frames: Tensor,
    *,
    size: int | None = None,
    crop: bool = True,
    flip: bool = True,
    colour: bool = True,
    area: tuple[float, float] = (0.2, 1.0),
    aspect: tuple[float, float] = (3 / 4, 4 / 3),
    strengths: tuple[float, float, float, float] = (0.4, 0.4, 0.4, 0.1),
    generator: torch.Generator | None = None,
) -> Tensor:
    """Random resized crop, horizontal flip and colour jitter; all frames of a clip are treated alike.

    Parameters
    ----------
    frames : (b, f, c, h, w) uint8
        f frames of each of b clips.
    size : int, optional
        Height and width of the result; None for the shorter side of the frames.
    crop : bool
        Cut a rectangle of `area` (fraction of the frame) and `aspect` (width : height); else the central
        square.
    flip : bool
        Mirror every other clip, drawn at random; not for digits or letters.
    colour : bool
        Brightness, contrast and, of three channels, saturation and hue, by up to ± `strengths` (hue in turns
        around the grey axis).
    generator : torch.Generator, optional
        One on the CPU; None for torch's global one.

    Returns
    -------
    (b, f, c, size, size) float32
        Values 0 … 1, on the device of `frames`.

    Raises
    ------
    ValueError
        Frames of another shape or dtype, or a parameter out of its range.

    Examples
    --------
    >>> frames = torch.zeros(2, 1, 3, 40, 60, dtype=torch.uint8)
    >>> augment_frames(frames, size=32).shape
    torch.Size([2, 1, 3, 32, 32])
    """
    if frames.ndim != 5 or frames.dtype != torch.uint8:
        raise ValueError(
            "frames must be uint8 of shape (clips, frames, channels, height, width), got "
            f"{frames.dtype} of shape {tuple(frames.shape)}"
        )
    if size is not None and size < 1:
        raise ValueError(f"size must be at least 1 pixel, got {size}")
    if not (0 < area[0] <= area[1] <= 1 and 0 < aspect[0] <= aspect[1]):
        raise ValueError(f"area {area} must be rising fractions of 0 … 1, and aspect {aspect} rising")
    if len(strengths) != 4 or not all(0 <= strength <= 1 for strength in strengths):
        raise ValueError(f"strengths must be four numbers of 0 … 1, got {strengths}")
    b, _, _, h, w = frames.shape
    size = size or min(h, w)
    boxes = _random_boxes(b, h, w, area, aspect, generator) if crop else _central_boxes(b, h, w)
    if flip:
        mirrored = torch.rand(b, generator=generator) < 0.5
        boxes[mirrored, 0] += boxes[mirrored, 2]
        boxes[mirrored, 2] *= -1
    as_is = h == w == size and not (crop or flip)
    with torch.autocast(frames.device.type, enabled=False):
        images = frames.float() / 255 if as_is else _cut(frames, boxes, size)
        return jitter_colour(images, strengths, generator) if colour else images


def plain_frames(frames: Tensor, *, size: int | None = None) -> Tensor:
    """The central square at `size` × `size`: `augment_frames` with nothing left to chance.

    Examples
    --------
    >>> plain_frames(torch.full((1, 1, 1, 4, 6), 255, dtype=torch.uint8), size=2).tolist()
    [[[[[1.0, 1.0], [1.0, 1.0]]]]]
    """
    return augment_frames(frames, size=size, crop=False, flip=False, colour=False)


def augment_sounds(
    log_mel: Tensor,
    *,
    volume: tuple[float, float] = (0.9, 1.1),
    shift: float = 0.1,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Random volume and a small shift in time.

    Parameters
    ----------
    log_mel : (b, 1, bins, steps) float
        Natural logarithms of power.
    volume : (float, float)
        Factor g of the waveform, drawn uniformly; it adds 2·log g to every logarithm of power.
    shift : float
        At most this fraction of the steps, earlier or later; the first or last step fills the gap.
    generator : torch.Generator, optional
        One on the CPU; None for torch's global one.

    Returns
    -------
    (b, 1, bins, steps) float32

    Raises
    ------
    ValueError
        Another shape, or a parameter out of its range.

    Examples
    --------
    >>> louder = augment_sounds(torch.zeros(1, 1, 2, 3), volume=(2.0, 2.0), shift=0.0)
    >>> round(louder[0, 0, 0, 0].item(), 4) == round(2 * math.log(2), 4)
    True
    """
    if log_mel.ndim != 4 or log_mel.shape[1] != 1 or not log_mel.is_floating_point():
        raise ValueError(
            "log-mel spectrograms must be floating-point of shape (sounds, 1, bins, steps), got "
            f"{log_mel.dtype} of shape {tuple(log_mel.shape)}"
        )
    if not 0 < volume[0] <= volume[1]:
        raise ValueError(f"volume must be two rising factors above 0, got {volume}")
    if not 0 <= shift < 1:
        raise ValueError(f"shift must be a fraction of the steps, 0 … 1, got {shift}")
    b, _, bins, steps = log_mel.shape
    sounds = log_mel.float()
    most = int(shift * steps)
    if most:
        by = torch.randint(-most, most + 1, (b, 1), generator=generator)
        source = (torch.arange(steps) + by).clamp(0, steps - 1).to(sounds.device)
        sounds = sounds.gather(3, source[:, None, None].expand(b, 1, bins, steps))
    gains = torch.rand(b, 1, 1, 1, generator=generator) * (volume[1] - volume[0]) + volume[0]
    return sounds + (2 * gains.log()).to(sounds.device)


def _random_boxes(
    b: int,
    h: int,
    w: int,
    area: tuple[float, float],
    aspect: tuple[float, float],
    generator: torch.Generator | None,
) -> Tensor:
    """(b, 4) left, top, width, height in pixels; sides that would not fit are cut to the frame's."""
    areas, shapes, left, top = torch.rand(4, b, generator=generator, dtype=torch.float64)
    pixels = (area[0] + (area[1] - area[0]) * areas) * h * w
    ratios = torch.exp(math.log(aspect[0]) + math.log(aspect[1] / aspect[0]) * shapes)
    widths, heights = (pixels * ratios).sqrt().clamp(max=w), (pixels / ratios).sqrt().clamp(max=h)
    return torch.stack([left * (w - widths), top * (h - heights), widths, heights], dim=1)


def _central_boxes(b: int, h: int, w: int) -> Tensor:
    side = min(h, w)
    return torch.tensor([(w - side) / 2, (h - side) / 2, side, side], dtype=torch.float64).repeat(b, 1)


def _cut(frames: Tensor, boxes: Tensor, size: int) -> Tensor:
    """The boxes of (b, f, c, h, w) uint8 frames, resized to (b, f, c, size, size) float32 of 0 … 1.

    Bilinear with antialiasing is separable: rows · frame · columnsᵀ. As in Pillow, pixels around a box count
    at its edges.
    """
    b, f, c, h, w = frames.shape
    columns = interpolation(boxes[:, 0], boxes[:, 2], w, size).mT.contiguous()
    rows = interpolation(boxes[:, 1], boxes[:, 3], h, size) / 255
    columns, rows = columns.to(frames.device), rows.to(frames.device)
    across = frames.reshape(b, f * c * h, w).float() @ columns
    return (rows[:, None] @ across.view(b, f * c, h, size)).view(b, f, c, size, size)


def interpolation(start: Tensor, length: Tensor, n: int, size: int) -> Tensor:
    """(b, size, n) float32 weights of n pixels in `size` new ones on start … start + length (< 0: mirrored).

    Triangles about the new pixels' centres, as wide as a pixel or, where the image shrinks, a new pixel.
    """
    step = (length / size).float()[:, None]
    sharpness = 1 / step.abs().clamp(min=1)
    centres = (start.float()[:, None] + step * (torch.arange(size) + 0.5)) * sharpness
    pixels = (torch.arange(n) + 0.5) * sharpness
    weights = torch.sub(centres[:, :, None], pixels[:, None]).abs_().neg_().add_(1).clamp_(min=0)
    return weights.div_(weights.sum(dim=2, keepdim=True))


def jitter_colour(
    images: Tensor, strengths: tuple[float, float, float, float], generator: torch.Generator | None
) -> Tensor:
    """Brightness, contrast about the clip's mean, saturation and hue as one affine map of the channels."""
    b, _, c, _, _ = images.shape
    draws = (2 * torch.rand(4, b, generator=generator) - 1) * torch.tensor(strengths)[:, None]
    brightness, contrast, saturation = (1 + draws[:3]).to(images.device)[:, :, None, None]
    mixing = torch.eye(c, device=images.device)
    if c == 3:
        luma = torch.tensor(LUMA, device=images.device).expand(3, 3)
        mixing = _hue_rotations(draws[3]).to(images.device) @ (saturation * mixing + (1 - saturation) * luma)
    mixing = contrast * mixing
    weights = torch.tensor(LUMA if c == 3 else [1 / c] * c, device=images.device)
    grey = (images.mean(dim=(1, 3, 4)) @ weights)[:, None, None]
    offset = (1 - contrast) * grey
    mixed = (brightness * mixing)[:, None] @ images.flatten(3)
    return mixed.add_((brightness * offset)[:, None]).clamp_(0, 1).view_as(images)


def _hue_rotations(turns: Tensor) -> Tensor:
    """(b, 3, 3) rotations of colours about the grey axis (Rodrigues' formula)."""
    angles = (2 * math.pi * turns)[:, None, None]
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    along = torch.full((3, 3), 1 / 3)
    return angles.cos() * torch.eye(3) + angles.sin() * cross + (1 - angles.cos()) * along

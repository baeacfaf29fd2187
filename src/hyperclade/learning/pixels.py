"""Pixels as samples: which ones to learn from, and their features on a coarser map."""

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from hyperclade.data.image_rows import VOID


def sample_pixels(masks: Tensor, n_per_image: int, *, generator: torch.Generator | None = None) -> Tensor:
    """Draw pixels that have a class, without repetition.

    Parameters
    ----------
    masks : (b, h, w) uint8
        Class indices, VOID where a pixel has none.
    n_per_image : int
        Pixels of an image; all that have a class, where they are fewer.
    generator : torch.Generator, optional
        One on the CPU; None for torch's global one.

    Returns
    -------
    (k, 3) int64
        Rows (image, row, column) on the device of the masks, images in order.

    Raises
    ------
    ValueError
        Masks of another shape or dtype, or n_per_image below 1.

    Examples
    --------
    >>> masks = torch.full((2, 2, 2), VOID, dtype=torch.uint8)
    >>> masks[1, 0, 1] = 3
    >>> sample_pixels(masks, 2)
    tensor([[1, 0, 1]])
    """
    if masks.ndim != 3 or masks.dtype != torch.uint8:
        raise ValueError(
            f"masks must be uint8 of shape (b, height, width), got {masks.dtype} of shape "
            f"{tuple(masks.shape)}"
        )
    if n_per_image < 1:
        raise ValueError(f"n_per_image must be at least 1, got {n_per_image}")
    b, h, w = masks.shape
    order = torch.rand(b, h * w, generator=generator).to(masks.device)
    order = order.masked_fill((masks == VOID).flatten(1), 2.0)  # after every draw
    drawn, places = order.topk(min(n_per_image, h * w), largest=False)
    image, of = (drawn < 2).nonzero(as_tuple=True)
    places = places[image, of]
    return torch.stack([image, places // w, places % w], dim=1)


def features_at(features: Tensor, positions: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear interpolation of maps at pixels: rows of what resizing the maps to the image would give.

    Parameters
    ----------
    features : (b, c, h', w') float
        Maps.
    positions : (k, 3) int64
        Rows (image, row, column) of pixels.
    size : (int, int)
        Height and width of the images.

    Returns
    -------
    (k, c) Tensor
        Equal to `interpolate(features, size, mode="bilinear", align_corners=False)` at the positions.

    Examples
    --------
    >>> features = torch.tensor([[[[0.0, 4.0]]]])
    >>> features_at(features, torch.tensor([[0, 0, 0], [0, 0, 1], [0, 0, 3]]), (1, 4))
    tensor([[0.],
            [1.],
            [4.]])
    """
    _, _, h, w = features.shape
    image, row, column = positions.T
    top, bottom, down = _neighbours(row, size[0], h)
    left, right, across = _neighbours(column, size[1], w)
    corners = [(top, left), (top, right), (bottom, left), (bottom, right)]
    weights = [(1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across]
    cells = torch.stack([(image * h + y) * w + x for y, x in corners], dim=1)
    table = features.permute(0, 2, 3, 1).flatten(0, 2)
    shares = torch.stack(weights, dim=1).to(features.dtype)
    return embedding_bag(cells, table, per_sample_weights=shares, mode="sum")


def _neighbours(pixels: Tensor, n: int, cells: int) -> tuple[Tensor, Tensor, Tensor]:
    """The cells whose centres lie around a pixel's, and how far it is from the first to the second."""
    places = ((pixels + 0.5) * (cells / n) - 0.5).clamp(0, cells - 1)
    first = places.floor()
    return first.long(), (first.long() + 1).clamp(max=cells - 1), places - first

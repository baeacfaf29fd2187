"""Heads that turn the maps of a pyramid into one feature vector for every fourth pixel.

Both work on pyramids of any backbone: coarse maps are resized to a finer one by bilinear interpolation where
the papers dilate the backbone's last stages, which most pretrained networks do not offer and which costs up
to 4² times the multiplications of those stages.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

_STRIDE, _RATES = 16, (6, 12, 18)  # as in the paper


class DeepLabHead(nn.Module):
    """Atrous spatial pyramid pooling with a decoder (DeepLabV3+, Chen et al., ECCV 2018).

    The maps from stride 16 on, resized to its size, pass a 1 × 1 convolution, three atrous separable 3 × 3
    convolutions and an average over the image. These five views, merged, are joined with the finest map,
    reduced to `low_level` channels, in two separable 3 × 3 convolutions.

    Parameters
    ----------
    channels, strides : sequence of int
        Those of the pyramid's maps.
    width : int
        c of the features.
    low_level : int
        Channels of the finest map after its reduction.

    Raises
    ------
    ValueError
        Fewer than two maps, or a size below 1.

    Examples
    --------
    >>> head = DeepLabHead([8, 16], [4, 16], width=32)
    >>> features, _ = head([torch.zeros(2, 8, 15, 20), torch.zeros(2, 16, 4, 5)])
    >>> features.shape
    torch.Size([2, 32, 15, 20])
    """

    def __init__(
        self, channels: Sequence[int], strides: Sequence[int], *, width: int = 256, low_level: int = 48
    ) -> None:
        super().__init__()
        _check_sizes(channels, strides, width=width, low_level=low_level)
        self.out_features = width
        coarse = [index for index, stride in enumerate(strides) if stride >= _STRIDE]
        self._deep = min(coarse, default=len(strides) - 1)
        deep = sum(channels[self._deep :])
        self.views = nn.ModuleList(
            [_pointwise(deep, width), *(_separable(deep, width, rate) for rate in _RATES)]
        )
        # One value per image and channel is too little for a batch norm.
        self.image_view = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(deep, width, 1), nn.ReLU())
        self.merged_views = _pointwise((len(self.views) + 1) * width, width)
        self.reduced = _pointwise(channels[0], low_level)
        self.decoded = nn.Sequential(_separable(width + low_level, width), _separable(width, width))

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, None]:
        """(b, width, h/4, w/4) features, at the size of the finest map; no auxiliary logits."""
        deep = _joined(maps[self._deep :])
        views = [view(deep) for view in self.views]
        views.append(self.image_view(deep).expand_as(views[0]))
        coarse = self.merged_views(torch.cat(views, dim=1))
        return self.decoded(_joined([self.reduced(maps[0]), coarse])), None


class OcrHead(nn.Module):
    """Object-contextual representations (Yuan, Chen and Wang, ECCV 2020, Section 3).

    Every class has a soft region, the softmax over the image of its auxiliary logits, and a representation,
    the mean of the pixels' by it. A pixel attends to the regions and is joined with what it gets from them.

    Parameters
    ----------
    channels, strides : sequence of int
        Those of the pyramid's maps, all of which make the pixels' representations.
    n_classes : int
        k regions.
    width : int
        c of the features.

    Raises
    ------
    ValueError
        Fewer than two maps, or a size below 1.

    Examples
    --------
    >>> head = OcrHead([8, 16], [4, 8], n_classes=5, width=32)
    >>> features, logits = head([torch.zeros(2, 8, 6, 8), torch.zeros(2, 16, 3, 4)])
    >>> features.shape, logits.shape
    (torch.Size([2, 32, 6, 8]), torch.Size([2, 5, 6, 8]))
    """

    def __init__(
        self, channels: Sequence[int], strides: Sequence[int], *, n_classes: int, width: int = 256
    ) -> None:
        super().__init__()
        _check_sizes(channels, strides, n_classes=n_classes, width=width)
        self.out_features = width
        # By map, before resizing: the same as one 1 × 1 convolution of all of them resized, at less cost.
        self.laterals = nn.ModuleList([nn.Conv2d(c, width, 1, bias=False) for c in channels])
        self.joined = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU())
        self.region_logits = nn.Sequential(_pointwise(width, width), nn.Conv2d(width, n_classes, 1))
        self.pixels = _separable(width, width)
        inner = max(width // 2, 1)
        self.queries = nn.Sequential(_pointwise(width, inner), _pointwise(inner, inner))
        self.keys = nn.Sequential(_pointwise(width, inner), _pointwise(inner, inner))
        self.values = _pointwise(width, inner)
        self.context = _pointwise(inner, width)
        self.fused = _pointwise(2 * width, width)

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """(b, width, h/4, w/4) features and (b, k, h/4, w/4) auxiliary logits, at the finest map's size."""
        laterals = [lateral(map) for lateral, map in zip(self.laterals, maps, strict=True)]
        size = laterals[0].shape[2:]
        joined = self.joined(laterals[0] + sum(_resized(lateral, size) for lateral in laterals[1:]))
        logits = self.region_logits(joined)
        pixels = self.pixels(joined)
        shares = logits.flatten(2).softmax(dim=2)  # of a pixel in a region: over the image, not over regions
        regions = (pixels.flatten(2) @ shares.mT).unsqueeze(3)  # (b, width, k, 1)
        attended = nn.functional.scaled_dot_product_attention(
            self.queries(pixels).flatten(2).mT,
            self.keys(regions).flatten(2).mT,
            self.values(regions).flatten(2).mT,
        )
        context = self.context(attended.mT.unflatten(2, size))
        return self.fused(torch.cat([pixels, context], dim=1)), logits


def _pointwise(in_channels: int, channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(in_channels, channels, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU())


def _separable(in_channels: int, channels: int, rate: int = 1) -> nn.Sequential:
    """A 3 × 3 convolution of each channel, its places `rate` apart, and a 1 × 1 convolution of all."""
    each = nn.Conv2d(in_channels, in_channels, 3, padding=rate, dilation=rate, groups=in_channels, bias=False)
    return nn.Sequential(each, nn.BatchNorm2d(in_channels), nn.ReLU(), _pointwise(in_channels, channels))


def _joined(maps: Sequence[Tensor]) -> Tensor:
    """All channels at the size of the first map."""
    size = maps[0].shape[2:]
    return torch.cat([maps[0], *(_resized(map, size) for map in maps[1:])], dim=1)


def _resized(map: Tensor, size: Sequence[int]) -> Tensor:
    return interpolate(map, size=list(size), mode="bilinear", align_corners=False)


def _check_sizes(channels: Sequence[int], strides: Sequence[int], **sizes: int) -> None:
    if len(channels) != len(strides) or len(channels) < 2:
        raise ValueError(
            "heads need the channels and strides of at least two maps, got "
            f"{list(channels)} and {list(strides)}"
        )
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} must be at least 1, got {size}")

"""L3-Net: one tower of 3×3 convolutions per modality (Arandjelović and Zisserman 2017, arXiv 1705.08168)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

FULL = (64, 128, 256, 512)
SMALL = (8, 16, 32, 64)


class L3Net(nn.Module):
    """Blocks [conv 3×3 – BN – ReLU]×2 with 2×2 max-pooling between them and a global maximum at the end.

    Parameters
    ----------
    in_channels : int
        3 for colour images, 1 for grey images and log-mel spectrograms.
    channels : sequence of int
        Channels of the blocks; `FULL` is the paper's, `SMALL` suits inputs of about 30×30.

    Attributes
    ----------
    out_features
        Length of a feature vector, the channels of the last block.

    Raises
    ------
    ValueError
        No channels, or a number below 1.

    Examples
    --------
    >>> L3Net(1, SMALL)(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 64])
    """

    def __init__(self, in_channels: int, channels: Sequence[int] = FULL) -> None:
        super().__init__()
        if not channels or min(in_channels, *channels) < 1:
            raise ValueError(f"channels must be positive, got {in_channels} and {tuple(channels)}")
        layers: list[nn.Module] = []
        for block, width in enumerate(channels):
            if block:
                layers.append(nn.MaxPool2d(2, ceil_mode=True))
            layers += _convolution(in_channels, width) + _convolution(width, width)
            in_channels = width
        self.blocks = nn.Sequential(*layers)
        self.out_features = int(channels[-1])

    def forward(self, images: Tensor) -> Tensor:
        """Features `(b, out_features) float` of images `(b, in_channels, h, w) float` of any size."""
        return self.blocks(images.contiguous(memory_format=torch.channels_last)).amax(dim=(2, 3))


def _convolution(in_channels: int, out_channels: int) -> list[nn.Module]:
    convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
    # On CPUs training takes about 40 % less time with channels last.
    convolution.weight.data = convolution.weight.data.contiguous(memory_format=torch.channels_last)
    return [
        convolution,
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    ]

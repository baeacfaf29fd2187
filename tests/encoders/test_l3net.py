"""L3-Net by its published layers."""

import pytest
import torch
from torch import nn

from hyperclade.encoders.l3net import FULL, SMALL, L3Net


def parameters(in_channels, channels):
    """Weights of two 3×3 convolutions without bias per block, two numbers per channel and normalisation."""
    total = 0
    for width in channels:
        total += 9 * in_channels * width + 9 * width * width + 4 * width
        in_channels = width
    return total


@pytest.mark.parametrize("in_channels", [1, 3])
@pytest.mark.parametrize("channels", [FULL, SMALL, (5,)])
def test_parameters_are_those_of_its_convolutions(in_channels, channels):
    net = L3Net(in_channels, channels)
    assert sum(p.numel() for p in net.parameters()) == parameters(in_channels, channels)
    assert net.out_features == channels[-1]


def test_the_full_net_gives_512_numbers_of_pictures_and_of_spectrograms():
    net = L3Net(1, FULL).eval()
    with torch.no_grad():
        assert net(torch.rand(1, 1, 64, 64)).shape == (1, 512)
        assert net(torch.rand(1, 1, 257, 99)).shape == (1, 512)
        assert net(torch.rand(1, 1, 1, 1)).shape == (1, 512)  # smaller than the pools


def test_it_is_the_plain_stack_of_layers():
    torch.manual_seed(0)
    net = L3Net(3, (4, 6)).eval()
    convolutions = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        nn.init.uniform_(norm.running_mean)
        nn.init.uniform_(norm.running_var, 0.5, 2.0)
        nn.init.uniform_(norm.weight)
        nn.init.uniform_(norm.bias)
    images = torch.rand(2, 3, 10, 7)
    x = images
    for index, (convolution, norm) in enumerate(zip(convolutions, norms, strict=True)):
        if index == 2:
            x = torch.max_pool2d(nn.functional.pad(x, (0, 1), value=-torch.inf), 2)
        x = nn.functional.conv2d(x, convolution.weight, padding=1)
        shape = (1, -1, 1, 1)
        x = (x - norm.running_mean.view(shape)) / (norm.running_var.view(shape) + norm.eps).sqrt()
        x = (x * norm.weight.view(shape) + norm.bias.view(shape)).clamp_min(0)
    torch.testing.assert_close(net(images), x.flatten(2).max(2).values, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("arguments", [(0, SMALL), (3, ()), (3, (4, 0))])
def test_bad_channels(arguments):
    with pytest.raises(ValueError, match="channels must be positive"):
        L3Net(*arguments)

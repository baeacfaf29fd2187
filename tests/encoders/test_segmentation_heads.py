"""Heads by what each part may see, and against sums over regions and pixels written out."""

import math

import pytest
import torch
from torch import nn

from hyperclade.encoders import DeepLabHead, OcrHead

CHANNELS, STRIDES = [6, 8, 10, 12], [4, 8, 16, 32]


def maps(h=40, w=56, n=2):
    generator = torch.Generator().manual_seed(0)
    sides = [(-(-h // stride), -(-w // stride)) for stride in STRIDES]
    return [torch.randn(n, c, *side, generator=generator) for c, side in zip(CHANNELS, sides, strict=True)]


def settled(head, *inputs):
    """With statistics of batch norms and weights that a trained network could have."""
    torch.manual_seed(1)
    for module in head.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            module.momentum = 1.0
    with torch.no_grad():
        head.train()(*inputs)
    return head.eval()


HEADS = [
    lambda: DeepLabHead(CHANNELS, STRIDES, width=16, low_level=5),
    lambda: OcrHead(CHANNELS, STRIDES, n_classes=3, width=16),
]


@pytest.mark.parametrize("make", HEADS)
@pytest.mark.parametrize("n", [1, 2])
def test_features_have_the_size_of_the_finest_map_and_all_weights_learn(make, n):
    head, inputs = make(), maps(n=n)
    features, auxiliary = head(inputs)
    assert features.shape == (n, head.out_features, 10, 14)
    total = features.square().mean() + (0 if auxiliary is None else auxiliary.square().mean())
    total.backward()
    assert all(parameter.grad is not None for parameter in head.parameters())


@pytest.mark.parametrize("make", HEADS)
def test_heads_learn_to_find_what_a_coarse_map_and_a_fine_map_show(make):
    torch.manual_seed(0)
    head, inputs = make(), maps(n=4)
    coarse = nn.functional.interpolate(inputs[3][:, :1], (10, 14), mode="bilinear")[:, 0] > 0
    target = coarse.long() + 2 * (inputs[0][:, 0] > 0).long()
    classifier = nn.Conv2d(16, 4, 1)
    optimiser = torch.optim.Adam([*head.parameters(), *classifier.parameters()], lr=0.01)
    for _ in range(60):
        loss = nn.functional.cross_entropy(classifier(head(inputs)[0]), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    accuracy = (classifier(head(inputs)[0]).argmax(1) == target).float().mean()
    assert accuracy > 0.9  # by the coarse map or the fine one alone: about half


@pytest.mark.parametrize(("view", "rate"), [(1, 6), (2, 12), (3, 18)])
def test_an_atrous_view_sees_nine_places_its_rate_apart(view, rate):
    head = settled(DeepLabHead([4, 8], [4, 16], width=8), [torch.randn(2, 4, 8, 8), torch.randn(2, 8, 4, 4)])
    deep = torch.randn(1, 8, 61, 61, requires_grad=True)
    head.views[view](deep)[0, :, 30, 30].sum().backward()
    seen = (deep.grad[0].abs().sum(0) > 0).nonzero()
    steps = torch.tensor([-rate, 0, rate])
    assert torch.equal(seen, torch.cartesian_prod(30 + steps, 30 + steps))


def test_deeplab_reads_the_finest_map_and_those_from_stride_16():
    inputs = maps()
    head = settled(DeepLabHead(CHANNELS, STRIDES, width=16), inputs)
    for map in inputs:
        map.requires_grad_()
    head(inputs)[0][0, :, 5, 5].sum().backward()
    assert inputs[1].grad is None
    assert (inputs[0].grad[0].abs().sum(0) > 0).sum() == 25  # two 3 × 3 convolutions
    for deep in inputs[2:]:
        assert (deep.grad[0].abs().sum(0) > 0).all()  # by the view of the whole image
        assert (deep.grad[1] == 0).all()


def test_without_coarse_maps_deeplab_takes_the_last():
    inputs = [torch.randn(2, 4, 8, 8), torch.randn(2, 6, 4, 4)]
    head = DeepLabHead([4, 6], [4, 8], width=16)
    assert head(inputs)[0].shape == (2, 16, 8, 8)


@torch.no_grad()
def test_ocr_is_the_sum_over_regions_of_means_over_pixels():
    inputs = maps(h=24, w=20)
    head = settled(OcrHead(CHANNELS, STRIDES, n_classes=3, width=16), inputs)
    seen = {}
    for name in ("joined", "pixels", "context"):
        head.get_submodule(name).register_forward_hook(
            lambda _, inputs, out, name=name: seen.update({name: (inputs[0], out)})
        )
    features, logits = head(inputs)
    alike = {"size": (6, 5), "mode": "bilinear", "align_corners": False}
    stacked = torch.cat(
        [nn.functional.interpolate(map, **alike) for map in inputs],
        dim=1,
    )
    kernel = torch.cat([lateral.weight for lateral in head.laterals], dim=1)
    torch.testing.assert_close(seen["joined"][0], nn.functional.conv2d(stacked, kernel), atol=1e-4, rtol=1e-4)
    pixels = seen["pixels"][1]
    places = [(y, x) for y in range(6) for x in range(5)]
    for image in range(2):
        regions = []
        for k in range(3):
            total = sum(math.exp(logits[image, k, y, x]) for y, x in places)
            shares = {place: math.exp(logits[image, k][place]) / total for place in places}
            regions.append(sum(shares[y, x] * pixels[image, :, y, x] for y, x in places))
        columns = torch.stack(regions, dim=1)[None, :, :, None]
        keys, values = head.keys(columns)[0, :, :, 0], head.values(columns)[0, :, :, 0]
        queries = head.queries(pixels)[image]
        for y, x in places:
            scores = [math.exp(float(queries[:, y, x] @ keys[:, k]) / math.sqrt(8)) for k in range(3)]
            expected = sum(score / sum(scores) * values[:, k] for k, score in enumerate(scores))
            torch.testing.assert_close(seen["context"][0][image, :, y, x], expected, atol=1e-4, rtol=1e-4)
    joined = torch.cat([pixels, seen["context"][1]], dim=1)
    torch.testing.assert_close(features, head.fused(joined))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DeepLabHead([8], [4]), "at least two maps"),
        (lambda: OcrHead([8, 8], [4], n_classes=2), "at least two maps"),
        (lambda: DeepLabHead([8, 8], [4, 8], width=0), "width must be at least 1, got 0"),
        (lambda: OcrHead([8, 8], [4, 8], n_classes=0), "n_classes must be at least 1, got 0"),
    ],
)
def test_other_settings_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()

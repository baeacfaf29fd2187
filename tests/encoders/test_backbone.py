"""Backbones against the same networks driven by hand, on small models saved here."""

import json

import numpy as np
import pytest
import torch

from hyperclade.encoders.backbone import backbone_from, load_backbone

Image = pytest.importorskip("PIL.Image")
transformers = pytest.importorskip("transformers")

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
MEAN, STD = [0.4, 0.5, 0.6], [0.2, 0.3, 0.4]
RESCALED = {"do_rescale": True, "rescale_factor": 1 / 255, "do_resize": True, "resample": 2}
NORMALISED = {"do_normalize": True, "image_mean": MEAN, "image_std": STD}
VIT = {"image_processor_type": "ViTImageProcessor", **RESCALED, **NORMALISED}
VIT |= {"size": {"height": 32, "width": 32}}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder of models, each with its processor's settings as they lie on the hub."""
    home = tmp_path_factory.mktemp("backbones")
    torch.manual_seed(0)

    def save(name, model, settings):
        model.save_pretrained(home / name)
        (home / name / "preprocessor_config.json").write_text(json.dumps(settings))

    vit = transformers.ViTConfig(**SMALL, image_size=32, patch_size=8)
    save("vit", transformers.ViTModel(vit), VIT)
    save("vit-unpooled", transformers.ViTModel(vit, add_pooling_layer=False), VIT)
    resnet = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1], layer_type="basic"
    )
    convnext = {"image_processor_type": "ConvNextImageProcessor", **RESCALED, **NORMALISED}
    save("resnet", transformers.ResNetModel(resnet), convnext | {"size": {"shortest_edge": 64}})
    dino = transformers.Dinov2Config(**SMALL, image_size=28, patch_size=14)
    bit = {"image_processor_type": "BitImageProcessor", **RESCALED, "do_normalize": False}
    bit |= {"size": {"shortest_edge": 32}, "do_center_crop": True, "crop_size": {"height": 28, "width": 28}}
    save("dino", transformers.Dinov2Model(dino), bit | {"rescale_factor": 1 / 128})
    beit = transformers.BeitConfig(**SMALL, image_size=32, patch_size=8, use_mean_pooling=False)
    save("beit", transformers.BeitModel(beit), VIT)
    mae = transformers.ViTMAEConfig(**SMALL, image_size=32, patch_size=8, mask_ratio=0.0)
    save("unpooled", transformers.ViTMAEModel(mae), VIT | {"resample": 3})
    clip = transformers.CLIPConfig(
        text_config={**SMALL, "vocab_size": 20}, vision_config={**SMALL, "image_size": 32, "patch_size": 8}
    )
    save("clip", transformers.CLIPModel(clip), VIT)
    save(
        "reversed",
        transformers.ResNetModel(resnet),
        {
            "image_processor_type": "MobileViTImageProcessor",
            **RESCALED,
            "do_flip_channel_order": True,
            "size": {"shortest_edge": 36},
            "crop_size": {"height": 32, "width": 32},
            "do_center_crop": True,
        },
    )
    ast = transformers.ASTConfig(
        **SMALL, num_mel_bins=16, max_length=24, patch_size=8, frequency_stride=8, time_stride=8
    )
    extractor = {"feature_extractor_type": "ASTFeatureExtractor", "num_mel_bins": 16, "max_length": 24}
    extractor |= {"do_normalize": True, "mean": -4.0, "std": 3.0}
    save("ast", transformers.ASTModel(ast), extractor)
    save("ast-raw", transformers.ASTModel(ast), extractor | {"do_normalize": False})
    for name, config in (
        ("wave", transformers.Wav2Vec2Config(**SMALL, conv_dim=[8], conv_stride=[4], conv_kernel=[8])),
        ("bert", transformers.BertConfig(**SMALL)),
    ):
        config.save_pretrained(home / name)
    return home


def pictures(side, channels=3, n=3):
    return torch.rand(n, channels, side, side, generator=torch.Generator().manual_seed(1))


def by_hand(images, mean=MEAN, std=STD):
    return (images - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]


def close(got, expected):
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_vit_gives_its_pooled_output(home):
    backbone = load_backbone(home / "vit")
    model = transformers.ViTModel.from_pretrained(home / "vit").eval()
    assert (backbone.out_features, backbone.modality) == (16, "vision")
    close(backbone(pictures(32)), model(by_hand(pictures(32))).pooler_output)


@torch.no_grad()
def test_a_checkpoint_without_pooler_gives_the_class_token(home):
    backbone = load_backbone(str(home / "vit-unpooled"))
    model = transformers.ViTModel.from_pretrained(home / "vit-unpooled", add_pooling_layer=False).eval()
    close(backbone(pictures(32)), model(by_hand(pictures(32))).last_hidden_state[:, 0])


@torch.no_grad()
def test_a_vocabulary_of_image_parts_makes_no_model_of_texts(home):
    backbone = load_backbone(home / "beit").eval()
    model = transformers.BeitModel.from_pretrained(home / "beit").eval()
    close(backbone(pictures(32)), model(by_hand(pictures(32))).last_hidden_state[:, 0])


@torch.no_grad()
def test_a_convolutional_network_is_averaged_over_its_map(home):
    backbone = load_backbone(home / "resnet").eval()
    model = transformers.ResNetModel.from_pretrained(home / "resnet").eval()
    assert backbone.out_features == 12
    close(backbone(pictures(64)), model(by_hand(pictures(64))).last_hidden_state.mean(dim=(2, 3)))


@torch.no_grad()
def test_a_network_without_pooler_is_averaged_over_its_positions(home):
    backbone = load_backbone(home / "unpooled").eval()
    model = transformers.ViTMAEModel.from_pretrained(home / "unpooled").eval()
    torch.manual_seed(0)
    expected = model(by_hand(pictures(32))).last_hidden_state.mean(dim=1)
    torch.manual_seed(0)
    close(backbone(pictures(32)), expected)


@torch.no_grad()
def test_rescaling_crop_size_and_channel_order_are_the_processors(home):
    backbone = load_backbone(home / "dino")
    model = transformers.Dinov2Model.from_pretrained(home / "dino").eval()
    assert backbone.size == (28, 28)
    close(backbone(pictures(28)), model(pictures(28) * 255 / 128).pooler_output)
    backbone = load_backbone(home / "reversed").eval()
    model = transformers.ResNetModel.from_pretrained(home / "reversed").eval()
    close(backbone(pictures(32)), model(pictures(32)[:, [2, 1, 0]]).last_hidden_state.mean(dim=(2, 3)))


@torch.no_grad()
def test_of_two_towers_the_image_half_is_kept(home):
    backbone = load_backbone(home / "clip")
    model = transformers.CLIPVisionModel.from_pretrained(home / "clip").eval()
    close(backbone(pictures(32)), model(by_hand(pictures(32))).pooler_output)
    assert not any("text" in name for name, _ in backbone.named_parameters())


@torch.no_grad()
def test_frames_of_other_sizes_are_resized_as_pillow_does(home):
    backbone = load_backbone(home / "vit")
    rng = np.random.default_rng(0)
    large = rng.integers(0, 256, (80, 80, 3), dtype=np.uint8)
    small = np.asarray(Image.fromarray(large).resize((32, 32), Image.Resampling.BILINEAR))
    got, expected, unlike = (
        backbone(torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)[None])
        for image in (large, small, large[24:56, 24:56])
    )
    assert (got - expected).abs().max() < 0.05 * (unlike - expected).abs().max()


@torch.no_grad()
@pytest.mark.parametrize("name", ["vit", "resnet", "dino", "clip"])
def test_grey_frames_are_shown_to_every_channel(home, name):
    backbone = load_backbone(home / name).eval()
    grey = pictures(28, channels=1)
    close(backbone(grey), backbone(grey.repeat(1, 3, 1, 1)))


@torch.no_grad()
@pytest.mark.parametrize(("name", "mean", "std"), [("ast", -4.0, 6.0), ("ast-raw", 0.0, 1.0)])
def test_spectrograms_reach_the_ast_with_time_first_and_normalised(home, name, mean, std):
    backbone = load_backbone(home / name, "audio")
    model = transformers.ASTModel.from_pretrained(home / name).eval()
    sounds = torch.randn(2, 1, 16, 24, generator=torch.Generator().manual_seed(0)) * 3 - 4
    expected = model(((sounds[:, 0] - mean) / std).transpose(1, 2)).pooler_output
    close(backbone(sounds), expected)
    assert (backbone.out_features, backbone.modality) == (16, "audio")


@torch.no_grad()
def test_spectrograms_of_other_sizes_are_resized(home):
    backbone = load_backbone(home / "ast", "audio")
    level = torch.full((1, 1, 16, 24), -2.0)
    close(backbone(torch.full((1, 1, 257, 99), -2.0)), backbone(level))
    rising = torch.linspace(-8, 0, 24).expand(1, 1, 16, 24)
    longer = torch.linspace(-8, 0, 96).expand(1, 1, 32, 96)
    error = (backbone(longer) - backbone(rising)).abs().max()
    assert error < 0.1 * (backbone(longer) - backbone(level)).abs().max()


@pytest.mark.parametrize(
    ("name", "modality", "frozen"),
    [
        ("vit", "vision", ()),
        ("vit-unpooled", "vision", ("pooler",)),
        ("dino", "vision", ("mask_token",)),
        ("clip", "vision", ()),
        ("ast", "audio", ()),
    ],
)
def test_everything_that_reaches_the_features_learns(home, name, modality, frozen):
    backbone = load_backbone(home / name, modality)
    assert backbone.training
    backbone(torch.rand(2, 1, 20, 20)).square().sum().backward()
    for key, parameter in backbone.named_parameters():
        expected = not any(part in key for part in frozen)
        assert parameter.requires_grad == expected, key
        assert (parameter.grad is not None) == expected, key


def test_checkpoints_in_half_precision_learn_in_single(home, tmp_path):
    transformers.ViTModel.from_pretrained(home / "vit").half().save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(VIT))
    backbone = load_backbone(tmp_path).eval()
    assert {parameter.dtype for parameter in backbone.parameters()} == {torch.float32}
    with torch.no_grad():
        expected = load_backbone(home / "vit").eval()(pictures(32))
        torch.testing.assert_close(backbone(pictures(32)), expected, rtol=0.05, atol=0.01)


def test_weights_survive_a_checkpoint(home):
    backbone, other = load_backbone(home / "vit").eval(), load_backbone(home / "vit").eval()
    with torch.no_grad():
        for parameter in backbone.parameters():
            parameter.add_(0.1)
        assert (backbone(pictures(32)) - other(pictures(32))).abs().max() > 1e-3
        other.load_state_dict(backbone.state_dict())
        assert torch.equal(backbone(pictures(32)), other(pictures(32)))


@pytest.mark.parametrize(
    ("name", "modality", "message"),
    [
        ("wave", "audio", "'wav2vec2' model, which does not read log-mel .* give an Audio Spectrogram"),
        ("vit", "audio", "'vit' model, which does not read log-mel spectrograms"),
        ("ast", "vision", "which does not read images"),
        ("bert", "vision", "'bert' model, which does not read images"),
        ("wave", "vision", "'wav2vec2' model, which does not read images"),
        ("vit", "text", "modality must be 'vision' or 'audio', got 'text'"),
        ("absent/", "vision", "no such folder"),
    ],
)
def test_other_models_are_refused(home, name, modality, message):
    with pytest.raises(ValueError, match=message):
        load_backbone(f"{home}/{name}", modality)


def test_incomplete_folders_are_refused(home, tmp_path):
    with pytest.raises(ValueError, match="cannot be loaded"):
        load_backbone(tmp_path)
    transformers.ViTModel.from_pretrained(home / "vit").save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"cannot be loaded: .* processor"):
        load_backbone(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(VIT))
    weights = transformers.ViTModel.from_pretrained(home / "vit").state_dict()
    lost = next(key for key in weights if "layers.1" in key or "layer.1" in key)
    del weights[lost]
    (tmp_path / "model.safetensors").unlink()
    from safetensors.torch import save_file

    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="lacks the weights"):
        load_backbone(tmp_path)


@pytest.mark.parametrize(
    "inputs",
    [torch.zeros(2, 4, 32, 32), torch.zeros(3, 32, 32), torch.zeros(2, 3, 32, 32, dtype=torch.uint8)],
)
def test_other_inputs_are_refused(home, inputs):
    with pytest.raises(ValueError, match="vision backbones take floating-point"):
        load_backbone(home / "vit")(inputs)


@pytest.mark.parametrize(
    "name", ["vit", "vit-unpooled", "resnet", "dino", "unpooled", "clip", "reversed", "ast"]
)
def test_blueprints_make_the_same_network_without_its_files(name, home):
    modality = "audio" if name == "ast" else "vision"
    backbone = load_backbone(home / name, modality).eval()
    blueprint = json.loads(json.dumps(backbone.blueprint)) | {"name": "gone/"}
    again = backbone_from(blueprint).eval()
    again.load_state_dict(backbone.state_dict())
    inputs = torch.rand(2, 1, 40, 36, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(again(inputs), backbone(inputs))  # not equal: one shuffles patches

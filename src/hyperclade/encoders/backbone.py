"""Pretrained vision and audio networks as towers: trainable, from frames or spectrograms to features."""

import json
import os
from typing import Any, Literal

import torch
from torch import Tensor, nn

from hyperclade.encoders.checkpoints import (
    has_two_towers,
    image_config,
    image_processor,
    load_model,
    pooled_features,
    source_of,
    told,
)
from hyperclade.encoders.efficientnet import MEAN, STD, Lite0
from hyperclade.environment import require

Modality = Literal["vision", "audio"]


def load_backbone(name: str | os.PathLike, modality: Modality = "vision") -> "Backbone":
    """Load a pretrained network with its weights as a tower, in training mode and on the CPU.

    Parameters
    ----------
    name : path
        "efficientnet-lite0" (ImageNet, d = 1280; weights from a Python package), or a `transformers` model: a
        name on the Hugging Face hub ("facebook/dinov2-small", "microsoft/resnet-18",
        "MIT/ast-finetuned-audioset-10-10-0.4593") or a local folder with a config, weights and a processor.
    modality : {"vision", "audio"}
        "vision" takes any image model, of two-tower models (CLIP, SigLIP) the image half; "audio" the Audio
        Spectrogram Transformer, as other models read waveforms.

    Raises
    ------
    ModuleNotFoundError
        A package is missing; says which command installs it.
    ValueError
        No such model, weights missing from the checkpoint, or not a model of that modality.

    Examples
    --------
    >>> load_backbone("absent-folder/")
    Traceback (most recent call last):
    ...
    ValueError: backbone 'absent-folder/': no such folder
    """
    name = os.fspath(name)
    if modality not in ("vision", "audio"):
        raise ValueError(f"modality must be 'vision' or 'audio', got {modality!r}")
    if name == "efficientnet-lite0" and modality == "vision":
        settings: dict[str, Any] = {"channels": 3, "mean": MEAN, "std": STD}
        settings |= {"size": (224, 224), "resample": "bicubic"}
        return Backbone(Lite0(with_head=True), modality, blueprint={"name": name}, **settings)
    return _load(name, source_of(f"backbone {name!r}", name), modality)


def backbone_from(blueprint: dict[str, Any]) -> "Backbone":
    """A backbone of the same make as the one whose `blueprint` it is, for a state dict to fill in.

    Weights are random or, of packaged networks, pretrained; neither hub nor folder is asked.
    """
    if "config" not in blueprint:
        return load_backbone(blueprint["name"])
    from transformers import AutoModel

    config = config_from(blueprint)
    return _backbone(AutoModel.from_config(config), config, blueprint)


class Tower(nn.Module):
    """A network behind the input that it was trained for: its channels in order, its size and range.

    Parameters
    ----------
    blueprint : dict
        What makes the same tower without its weights; texts, numbers, lists and dictionaries.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: nn.Module,
        modality: Modality,
        *,
        blueprint: dict[str, Any],
        channels: int,
        size: tuple[int, int] | None,
        mean: float | list[float],
        std: float | list[float],
        resample: str = "bilinear",
        reverse_channels: bool = False,
    ) -> None:
        super().__init__()
        self.network = network
        self.modality = modality
        self.blueprint = blueprint
        self.in_channels = channels
        self.size = None if size is None else (size[0], size[1])
        self.resample = resample
        self.reverse_channels = reverse_channels
        for key, value in (("mean", mean), ("std", std)):
            self.register_buffer(key, torch.tensor(value).view(-1, 1, 1), persistent=False)

    def _prepared(self, inputs: Tensor) -> Tensor:
        allowed = {1, self.in_channels}
        if inputs.ndim != 4 or inputs.shape[1] not in allowed or not inputs.is_floating_point():
            raise ValueError(
                f"{self.modality} backbones take floating-point (b, c, height, width) with c of "
                f"{sorted(allowed)}, got {inputs.dtype} of shape {tuple(inputs.shape)}"
            )
        if self.size is not None and inputs.shape[2:] != self.size:
            inputs = nn.functional.interpolate(inputs, self.size, mode=self.resample, antialias=True)
        if self.reverse_channels:
            inputs = inputs.flip(1)
        inputs = inputs.expand(-1, self.in_channels, -1, -1)
        return (inputs - self.mean) / self.std

    def _probe(self, *size: int) -> list[Tensor]:
        """Outputs for an image of zeros; freezes what they ignore, which distributed training minds."""
        self.eval()
        with torch.enable_grad():
            outputs = self(torch.zeros(1, self.in_channels, *size))
            outputs = [outputs] if isinstance(outputs, Tensor) else outputs
            torch.stack([output.sum() for output in outputs]).sum().backward()
        for parameter in self.parameters():
            parameter.requires_grad_(parameter.grad is not None)
            parameter.grad = None
        return outputs


class Backbone(Tower):
    """A network with the input that it was trained for in front of it; made by `load_backbone`.

    modality : "vision": (b, c, h, w) float images of values 0 … 1, grey ones (c = 1) or with the network's
        channels, are resized to the size that its processor makes and normalised as it says.
        "audio": (b, 1, bins, steps) float natural logarithms of mel power are resized to the network's bins
        and steps and normalised as its feature extractor says.
    out_features : length d of a feature vector: the pooled output, the class token if the checkpoint lacks
        the pooler's weights, or the mean over positions if the network has no pooler.

    Parameters that do not reach the features (mask tokens, an untrained pooler) are frozen.
    """

    def __init__(
        self, network: nn.Module, modality: Modality, *, pooler_is_trained: bool = True, **settings: Any
    ) -> None:
        super().__init__(network, modality, **settings)
        self.pooler_is_trained = pooler_is_trained
        self.out_features = self._probe(*(self.size or (64, 64)))[0].shape[1]
        self.train()

    def forward(self, inputs: Tensor) -> Tensor:
        """(b, out_features) features; ValueError for inputs of another shape."""
        inputs = self._prepared(inputs)
        if self.modality == "audio":
            output = self.network(input_values=inputs[:, 0].mT)  # time first
        else:
            output = self.network(pixel_values=inputs)
        return pooled_features(output, pooler_is_trained=self.pooler_is_trained)


def _load(name: str, source: str, modality: Modality) -> Backbone:
    from transformers import AutoModel

    what = f"backbone {name!r}"
    config = read_config(name, source, modality)
    with told(what):
        settings = (vision_settings if modality == "vision" else _audio_settings)(source, config)
    model, is_whole = load_model(what, AutoModel, source, may_lack=".pooler.")
    blueprint = blueprint_of(name, config, settings)
    blueprint |= {"modality": modality, "pooler_is_trained": is_whole}
    return _backbone(model, config, blueprint)


def _backbone(model: Any, config: Any, blueprint: dict[str, Any]) -> Backbone:
    return Backbone(
        network_of(model, config),
        blueprint["modality"],
        pooler_is_trained=blueprint["pooler_is_trained"],
        blueprint=blueprint,
        **blueprint["settings"],
    )


def network_of(model: Any, config: Any) -> Any:
    """The network that features are taken from, in single precision: of two towers the image half."""
    network = model.vision_model if hasattr(config, "vision_config") else model
    return network.float()  # transformers 5 leaves checkpoints in half precision in it


def read_config(name: str, source: str, modality: Modality = "vision") -> Any:
    """The model's `transformers` config; ValueError if there is none, or it reads another modality."""
    from transformers import AutoConfig

    with told(f"backbone {name!r}"):
        config = AutoConfig.from_pretrained(source)
    (_check_vision if modality == "vision" else _check_audio)(name, config)
    return config


def blueprint_of(name: str, config: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """Of a `transformers` model with its config and the settings of its tower."""
    return json.loads(json.dumps({"name": name, "config": config.to_dict(), "settings": settings}))


def config_from(blueprint: dict[str, Any]) -> Any:
    """The `transformers` config of a blueprint."""
    require(f"backbone {blueprint['name']!r}", "transformers")
    from transformers import AutoConfig

    return type(AutoConfig.for_model(blueprint["config"]["model_type"])).from_dict(blueprint["config"])


def _check_audio(name: str, config: Any) -> None:
    if config.model_type != "audio-spectrogram-transformer":
        raise ValueError(
            f"backbone {name!r} is a {config.model_type!r} model, which does not read log-mel spectrograms "
            "(wav2vec2, HuBERT and their like read waveforms): give an Audio Spectrogram Transformer"
        )


def _check_vision(name: str, config: Any) -> None:
    if not has_two_towers(config) and (
        (getattr(config, "vocab_size", None) and config.model_type != "beit")  # its words are of images
        or config.model_type == "audio-spectrogram-transformer"
        or not any(hasattr(config, key) for key in ("image_size", "num_channels"))
    ):
        raise ValueError(f"backbone {name!r} is a {config.model_type!r} model, which does not read images")


def _audio_settings(source: str, config: Any) -> dict[str, Any]:
    from transformers import AutoFeatureExtractor

    extractor = AutoFeatureExtractor.from_pretrained(source)
    return {
        "channels": 1,
        "size": (config.num_mel_bins, config.max_length),
        "mean": float(extractor.mean) if extractor.do_normalize else 0.0,
        "std": 2 * float(extractor.std) if extractor.do_normalize else 1.0,  # AST's own convention
    }


def vision_settings(source: str, config: Any, *, resized: bool = True) -> dict[str, Any]:
    """What a `Tower` is told of the images that the model takes; its size only if they are to be resized."""
    processor = image_processor(f"backbone {source!r}", source)
    # In units of values 0 … 1, whatever the network's own are.
    scale = 255.0
    if getattr(processor, "do_rescale", False):
        scale *= processor.rescale_factor
    mean, std = [0.0], [1.0]
    if getattr(processor, "do_normalize", False):
        mean, std = (
            [value] if isinstance(value, float | int) else list(value)
            for value in (processor.image_mean, processor.image_std)
        )
    settings = {
        "channels": getattr(image_config(config), "num_channels", 3),
        "mean": [value / scale for value in mean],
        "std": [value / scale for value in std],
        "reverse_channels": bool(getattr(processor, "do_flip_channel_order", False)),
    }
    if resized:
        bicubic = int(getattr(processor, "resample", None) or 2) == 3
        settings |= {"size": _size(processor), "resample": "bicubic" if bicubic else "bilinear"}
    return settings


def _size(processor: Any) -> tuple[int, int] | None:
    if getattr(processor, "do_center_crop", False):
        return _height_and_width(processor.crop_size)
    return _height_and_width(processor.size) if getattr(processor, "do_resize", False) else None


def _height_and_width(size: Any) -> tuple[int, int] | None:
    """Of a processor's size in any of its forms; None where it keeps the image's own."""
    if isinstance(size, int):
        return size, size
    sizes = dict(size)
    side = sizes.get("shortest_edge")
    height, width = sizes.get("height") or side, sizes.get("width") or side
    return (int(height), int(width)) if height and width else None

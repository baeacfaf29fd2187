"""Frozen pretrained networks as dense features: a vector for every patch of an image of any size."""

import inspect
import os
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate, normalize

from hyperclade.encoders.backbone import (
    Tower,
    blueprint_of,
    config_from,
    network_of,
    read_config,
    vision_settings,
)
from hyperclade.encoders.checkpoints import image_config, load_model, source_of, told
from hyperclade.encoders.pyramid import Pyramid, load_pyramid, pyramid_from

_STRIDE = 16  # of features from a pyramid, where none is asked for
# Strides of the maps that make them: spherical k-means of EfficientNet-Lite0's finds more of the classes of
# street scenes (CamVid) in these two than in either alone, and no more with the map of stride 8.
_MAPS = (16, 32)


def load_patches(name: str | os.PathLike, *, stride: int | None = None) -> "Patches":
    """Load a pretrained network as dense features, frozen, in evaluation mode and on the CPU.

    Parameters
    ----------
    name : path
        "efficientnet-lite0" (ImageNet; weights from a Python package), or a `transformers` model: a vision
        transformer (DINO, DINOv2, DeiT, BEiT; of CLIP and SigLIP the image half) or a network that coarsens
        step by step (ResNet, ConvNeXt, Swin), by its name on the Hugging Face hub ("facebook/dino-vits8") or
        as a local folder with a config, weights and an image processor, whose normalisation is kept.
    stride : int, optional
        Pixels from one feature to the next: of a vision transformer its patch size, the default; of other
        networks the stride of any of their maps, 16 by default.

    Returns
    -------
    Patches

    Raises
    ------
    ModuleNotFoundError
        A package is missing; says which command installs it.
    ValueError
        No such model, weights missing from the checkpoint, a stride that it does not have, or a network with
        neither patch tokens nor maps of several strides.

    Examples
    --------
    >>> load_patches("absent-folder/")
    Traceback (most recent call last):
    ...
    ValueError: backbone 'absent-folder/': no such folder
    """
    name = os.fspath(name)
    if name != "efficientnet-lite0":
        source = source_of(f"backbone {name!r}", name)
        config = read_config(name, source)
        if _is_plain_transformer(config):
            return _load_tokens(name, source, config, stride)
    pyramid = load_pyramid(name)
    stride = _STRIDE if stride is None else stride
    if stride not in pyramid.strides:
        raise ValueError(
            f"backbone {name!r} has maps of the strides {list(pyramid.strides)}; stride must be one of them, "
            f"got {stride}"
        )
    maps = [s for s in pyramid.strides if s in _MAPS] or [pyramid.strides[-1]]
    blueprint = {"name": name, "stride": stride, "maps": maps, "pyramid": pyramid.blueprint}
    return _patches_of_maps(pyramid, blueprint)


def patches_from(blueprint: dict[str, Any]) -> "Patches":
    """Dense features of the same make as those whose `blueprint` it is, for a state dict to fill in.

    Weights are random or, of packaged networks, pretrained; neither hub nor folder is asked.
    """
    if "pyramid" in blueprint:
        return _patches_of_maps(pyramid_from(blueprint["pyramid"]), blueprint)
    from transformers import AutoModel

    config = config_from(blueprint)
    return _patches_of_tokens(AutoModel.from_config(config), config, blueprint)


class Patches(Tower):
    """Dense features of a frozen network; made by `load_patches`.

    stride : s, the pixels from one feature to the next, down and across.
    channels : d of a feature. Of vision transformers, features are the last layer's patch tokens, behind the
        final norm where the network has one for them. Of other networks they are joined from maps of several
        strides, each brought to the stride asked for (finer ones by averages, coarser ones by bilinear
        interpolation) and to the same length at every place, so that a feature has length 1.
    has_attention : whether `attention` is to be had, as it is of vision transformers.

    It stays in evaluation mode, also as a part of a module that is trained.
    """

    network: "_Maps | _Tokens"

    def __init__(self, network: "_Maps | _Tokens", *, blueprint: dict[str, Any], **settings: Any) -> None:
        super().__init__(network, "vision", size=None, blueprint=blueprint, **settings)
        self.stride = network.stride
        self.channels = network.channels
        self.has_attention = network.has_attention
        self.requires_grad_(False)
        self.train(False)

    def forward(self, images: Tensor) -> Tensor:
        """Features of images.

        Parameters
        ----------
        images : (b, 3 or 1, h, w) float
            Values 0 … 1; sides are multiples of the stride.

        Returns
        -------
        (b, d, h/s, w/s) float

        Raises
        ------
        ValueError
            Images of another shape or type.
        """
        return self.network(self._prepared(images))

    def attention(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features of images, and how much their patches attend to one another in the last layer.

        Parameters
        ----------
        images : (b, 3 or 1, h, w) float
            As above.

        Returns
        -------
        features : (b, d, h/s, w/s) float
        attention : (b, n, n) float
            Mean over the heads of what each of the n = (h/s)·(w/s) patches gives to each, row by row as the
            softmax left it: what a row lacks to 1 went to class and register tokens.

        Raises
        ------
        ValueError
            The network has no attention, or images of another shape or type.
        """
        network = self.network
        if isinstance(network, _Maps) or not network.has_attention:
            raise ValueError(f"backbone {self.blueprint['name']!r} has no attention between patches")
        inputs = self._prepared(images)
        # All layers and heads come at once, n × n each: one image at a time.
        outputs = [network.attention(image) for image in inputs.split(1)]
        features, shares = zip(*outputs, strict=True)
        return torch.cat(features), torch.cat(shares)

    def train(self, mode: bool = True) -> "Patches":
        return super().train(False)

    def _prepared(self, inputs: Tensor) -> Tensor:
        inputs = super()._prepared(inputs)
        if not len(inputs) or any(side < self.stride or side % self.stride for side in inputs.shape[2:]):
            raise ValueError(
                f"got {len(inputs)} images of {inputs.shape[2]} × {inputs.shape[3]} pixels (height × width); "
                f"need at least one, and sides that are multiples of the stride {self.stride}"
            )
        return inputs


class _Maps(nn.Module):
    """Maps of a pyramid as one."""

    has_attention = False

    def __init__(self, pyramid: Pyramid, stride: int, maps: Sequence[int]) -> None:
        super().__init__()
        self.pyramid = pyramid
        self.stride = stride
        self._kept = [pyramid.strides.index(s) for s in maps]
        self.channels = sum(pyramid.channels[index] for index in self._kept)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.pyramid(images)
        size = (images.shape[2] // self.stride, images.shape[3] // self.stride)
        return _joined([maps[index] for index in self._kept], size)


def _joined(maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    parts = [normalize(_brought(map, size), dim=1) for map in maps]
    return torch.cat(parts, dim=1) / len(parts) ** 0.5


def _brought(map: Tensor, size: tuple[int, int]) -> Tensor:
    if map.shape[2] > size[0] or map.shape[3] > size[1]:
        return adaptive_avg_pool2d(map, size)
    return interpolate(map, size, mode="bilinear", align_corners=False)


def _patches_of_maps(pyramid: Pyramid, blueprint: dict[str, Any]) -> Patches:
    network = _Maps(pyramid, blueprint["stride"], blueprint["maps"])
    # The pyramid normalises.
    return Patches(network, blueprint=blueprint, channels=pyramid.in_channels, mean=0.0, std=1.0)


class _Tokens(nn.Module):
    """Patch tokens of the last layer of a vision transformer."""

    def __init__(self, network: Any, patch: int, channels: int) -> None:
        super().__init__()
        if getattr(network, "pooler", None) is not None:
            network.pooler = nn.Identity()  # no part of the features, and untrained in many checkpoints
        self.network = network
        self.stride = patch
        takes = inspect.signature(network.forward).parameters
        self._options = {"interpolate_pos_encoding": True} if "interpolate_pos_encoding" in takes else {}
        self.eval()
        self._survey(channels)

    def forward(self, images: Tensor) -> Tensor:
        return self._features(self._output(images), images)

    def attention(self, images: Tensor) -> tuple[Tensor, Tensor]:
        output = self._attentive_output(images)
        features = self._features(output, images)
        patches = self._patches(images)
        return features, output.attentions[-1][:, :, patches, patches].mean(dim=1)

    def _features(self, output: Any, images: Tensor) -> Tensor:
        tokens = output.last_hidden_state[:, self._patches(images)]
        return tokens.mT.unflatten(2, [side // self.stride for side in images.shape[2:]])

    def _patches(self, images: Tensor) -> slice:
        """Where their tokens are, row by row; class, register and distillation tokens lie around them."""
        down, across = (side // self.stride for side in images.shape[2:])
        return slice(self._first, self._first + down * across)

    def _output(self, images: Tensor, **options: Any) -> Any:
        return self.network(pixel_values=images, **self._options, **options)

    def _attentive_output(self, images: Tensor) -> Any:
        """Output with the attentions, which only the plain implementation of attention yields."""
        change = getattr(self.network, "set_attn_implementation", None)  # older ones change by themselves
        usual = self.network.config._attn_implementation
        if change is None or usual == "eager":
            return self._output(images, output_attentions=True)
        change("eager")
        try:
            return self._output(images, output_attentions=True)
        finally:
            change(usual)

    @torch.no_grad()
    def _survey(self, channels: int) -> None:
        """Find the patches' tokens: image k ≥ 1 differs from the first in patch k - 1 of 2 × 3."""
        down, across, patch = 2, 3, self.stride
        images = torch.zeros(1 + down * across, channels, down * patch, across * patch)
        for k in range(down * across):
            top, left = k // across * patch, k % across * patch
            images[1 + k, :, top : top + patch, left : left + patch] = 1
        embedded: list[Any] = []
        hook = self.network.embeddings.register_forward_hook(lambda _, __, out: embedded.append(out))
        with hook:
            output = self._attentive_output(images)
        states = embedded[0] if isinstance(embedded[0], Tensor) else embedded[0][0]
        if states.shape != output.last_hidden_state.shape:
            raise ValueError(f"{tuple(states.shape)} become {tuple(output.last_hidden_state.shape)}")
        changes = (states[1:] - states[0]).abs().amax(dim=2)
        rows, tokens = (changes > changes.max() / 100).nonzero(as_tuple=True)
        self._first = int(tokens.min()) if len(tokens) else 0
        if len(rows) != down * across or not torch.equal(rows, tokens - self._first):
            raise ValueError(f"patches {rows.tolist()} are in the tokens {tokens.tolist()}")
        self.channels = states.shape[2]
        shares = getattr(output, "attentions", None) or [None]
        self.has_attention = shares[-1] is not None


def _is_plain_transformer(config: Any) -> bool:
    """Whether it is of one width and resolution throughout: those that coarsen have heads by stage."""
    return isinstance(getattr(image_config(config), "num_attention_heads", None), int)


def _load_tokens(name: str, source: str, config: Any, stride: int | None) -> Patches:
    from transformers import AutoModel

    what = f"backbone {name!r}"
    patch = _patch_size(what, config)
    if stride not in (None, patch):
        raise ValueError(
            f"{what} has patches of {patch} pixels, and features of that stride; got stride {stride}"
        )
    with told(what):
        settings = vision_settings(source, config, resized=False)
    model, _ = load_model(what, AutoModel, source, may_lack=".pooler.")
    return _patches_of_tokens(model, config, blueprint_of(name, config, settings))


def _patches_of_tokens(model: Any, config: Any, blueprint: dict[str, Any]) -> Patches:
    what, settings = f"backbone {blueprint['name']!r}", blueprint["settings"]
    try:
        network = _Tokens(network_of(model, config), _patch_size(what, config), settings["channels"])
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        raise _no_tokens(what, config) from error
    return Patches(network, blueprint=blueprint, **settings)


def _patch_size(what: str, config: Any) -> int:
    size = getattr(image_config(config), "patch_size", None)
    down, across = (size, size) if isinstance(size, int) else size or (None, None)
    if down is None or down != across:
        raise _no_tokens(what, config)
    return int(down)


def _no_tokens(what: str, config: Any) -> ValueError:
    return ValueError(
        f"{what} is a {config.model_type!r} model, which does not yield a token for every square patch of "
        "images of any size: give a vision transformer that does (ViT, DINO, DINOv2, DeiT, BEiT, CLIP), or a "
        "network that coarsens step by step (ResNet, ConvNeXt, Swin)"
    )

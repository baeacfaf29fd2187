"""Pretrained networks as pyramids: from images of any size to feature maps of several strides."""

import os
from typing import Any

import torch
from torch import Tensor, nn

from hyperclade.encoders.backbone import (
    Tower,
    blueprint_of,
    config_from,
    read_config,
    vision_settings,
)
from hyperclade.encoders.checkpoints import load_model, source_of, told
from hyperclade.encoders.efficientnet import MEAN, STD, Lite0

_SIDE = 128  # of the image that shows the strides
_ADVICE = "give a network that coarsens step by step (ResNet, ConvNeXt, HGNet, Swin)"


def load_pyramid(name: str | os.PathLike, *, frozen_norm: bool = True) -> "Pyramid":
    """Load a pretrained network as a pyramid of feature maps, in training mode and on the CPU.

    Parameters
    ----------
    name : path
        "efficientnet-lite0" (ImageNet; weights from a Python package), or a `transformers` model with a
        backbone of several strides (ResNet, ConvNeXt, HGNet, Swin): a name on the Hugging Face hub or a local
        folder with a config, weights and an image processor, whose normalisation is kept.
    frozen_norm : bool
        Keep the pretrained statistics of batch norms in training too, as the few large images of a batch say
        little; their scales and offsets learn all the same.

    Raises
    ------
    ModuleNotFoundError
        A package is missing; says which command installs it.
    ValueError
        No such model, weights missing from the checkpoint, or no maps of several strides.

    Examples
    --------
    >>> load_pyramid("absent-folder/")
    Traceback (most recent call last):
    ...
    ValueError: backbone 'absent-folder/': no such folder
    """
    name = os.fspath(name)
    if name == "efficientnet-lite0":
        settings = {"channels": 3, "mean": MEAN, "std": STD}
        blueprint = {"name": name, "frozen_norm": frozen_norm}
        pyramid = Pyramid(Lite0(with_head=False), frozen_norm=frozen_norm, blueprint=blueprint, **settings)
    else:
        pyramid = _load(name, source_of(f"backbone {name!r}", name), frozen_norm)
    if len(pyramid.strides) < 2:
        raise ValueError(f"backbone {name!r} has maps of the strides {list(pyramid.strides)} only: {_ADVICE}")
    return pyramid


def pyramid_from(blueprint: dict[str, Any]) -> "Pyramid":
    """A pyramid of the same make as the one whose `blueprint` it is, for a state dict to fill in.

    Weights are random or, of packaged networks, pretrained; neither hub nor folder is asked.
    """
    if "config" not in blueprint:
        return load_pyramid(blueprint["name"], frozen_norm=blueprint["frozen_norm"])
    return _pyramid(_untrained(config_from(blueprint)), blueprint)


class Pyramid(Tower):
    """Feature maps at rising strides; made by `load_pyramid`.

    strides : s of the maps, in pixels: for most networks 4, 8, 16, 32.
    channels : c of the maps.

    Where several stages have one stride, the map is of the last. Parameters that reach no map are frozen.
    """

    def __init__(self, network: nn.Module, *, frozen_norm: bool, **settings: Any) -> None:
        super().__init__(network, "vision", size=None, **settings)
        self.frozen_norm = frozen_norm
        self._survey()
        self._probe(_SIDE, _SIDE)
        self.train()

    def forward(self, images: Tensor) -> list[Tensor]:
        """Maps (b, c, h/s, w/s) of (b, 3 or 1, h, w) float images of values 0 … 1.

        Where s does not divide a side, most networks round up, those that do not pad (ConvNeXt) down.
        """
        maps = self._all_maps(images)
        return [maps[stage] for stage in self._stages]

    def train(self, mode: bool = True) -> "Pyramid":
        super().train(mode)
        if self.frozen_norm:
            for module in self.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self

    def _all_maps(self, images: Tensor) -> list[Tensor]:
        return self.network(pixel_values=self._prepared(images)).feature_maps

    @torch.no_grad()
    def _survey(self) -> None:
        self.eval()
        maps = self._all_maps(torch.zeros(1, self.in_channels, _SIDE, _SIDE))
        last_of = {round(_SIDE / map.shape[2]): stage for stage, map in enumerate(maps)}
        self.strides = tuple(last_of)
        self._stages = tuple(last_of.values())
        self.channels = tuple(maps[stage].shape[1] for stage in self._stages)


def _load(name: str, source: str, frozen_norm: bool) -> Pyramid:
    what = f"backbone {name!r}"
    config = read_config(name, source)
    try:
        kind = type(_untrained(config))  # AutoBackbone.from_pretrained asks the hub about folders
    except (AttributeError, ValueError) as error:
        raise ValueError(f"{what} is a {config.model_type!r} model: {_ADVICE}") from error
    with told(what):
        settings = vision_settings(source, config, resized=False)
    # Norms of the maps are no part of classifiers; untrained, they do just that.
    network, _ = load_model(what, kind, source, may_lack="hidden_states_norms", config=config)
    return _pyramid(network, blueprint_of(name, config, settings) | {"frozen_norm": frozen_norm})


def _untrained(config: Any) -> Any:
    from transformers import AutoBackbone

    config.out_features = config.stage_names[1:]  # without the stem
    return AutoBackbone.from_config(config)


def _pyramid(network: Any, blueprint: dict[str, Any]) -> Pyramid:
    return Pyramid(
        network.float(),
        frozen_norm=blueprint["frozen_norm"],
        blueprint=blueprint,
        **blueprint["settings"],
    )

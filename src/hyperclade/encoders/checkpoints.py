"""Checkpoints of `transformers` models: where they are, whether they are whole, how they take images."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from hyperclade.encoders.hub import hub_source
from hyperclade.environment import require


def source_of(what: str, name: str) -> str:
    """What `transformers` is to load: the local folder of that name or, if there is none, the hub's model.

    >>> source_of("backbone 'absent-folder/'", "absent-folder/")
    Traceback (most recent call last):
    ...
    ValueError: backbone 'absent-folder/': no such folder
    """
    folder = Path(name).expanduser()
    if not folder.is_dir() and (name[:1] in "./~" or name.endswith(os.sep) or folder.is_absolute()):
        raise ValueError(f"{what}: no such folder")
    require(what, "transformers")
    return str(folder) if folder.is_dir() else hub_source(what, name)


@contextmanager
def told(what: str) -> Iterator[None]:
    """Errors of loading as a `ValueError` that says what was to be loaded, and what can be."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{what} cannot be loaded: {error}. Give a folder with a config, weights and an image processor, "
            "feature extractor or tokenizer, or the name of such a model on the Hugging Face hub"
        ) from error


def load_model(what: str, kind: Any, source: str, *, may_lack: str, **options: Any) -> tuple[Any, bool]:
    """A model of a class of `transformers`, and whether its checkpoint has all weights.

    Parameters
    ----------
    what : str
        For messages.
    kind : class with `from_pretrained`
    source : str
    may_lack : str
        Weights with this in their name may be missing.

    Raises
    ------
    ValueError
        No such model, or other weights missing.
    """
    with told(what):
        model, info = kind.from_pretrained(source, output_loading_info=True, **options)
    missing = set(info["missing_keys"])
    needed = sorted(key for key in missing if may_lack not in f".{key}")
    if needed:
        raise ValueError(f"{what}: the checkpoint lacks the weights of {needed[:3]}")
    return model, not missing


def image_processor(what: str, source: str) -> Any:
    """The model's image processor that computes with Pillow and numpy; the others need torchvision."""
    require(what, "PIL")
    import transformers

    new = int(transformers.__version__.split(".")[0]) >= 5
    option: dict[str, Any] = {"backend": "pil"} if new else {"use_fast": False}
    return transformers.AutoImageProcessor.from_pretrained(source, **option)


def has_two_towers(config: Any) -> bool:
    """Whether it is the config of a model for images and texts (CLIP, SigLIP …)."""
    return hasattr(config, "vision_config") and hasattr(config, "text_config")


def image_config(config: Any) -> Any:
    """What a config says of images: all of it or, of two towers, the part of the image half."""
    return getattr(config, "vision_config", config)


def pooled_features(output: Any, *, pooler_is_trained: bool) -> torch.Tensor:
    """Rows `(b, d)`: pooled, else the class token of models with a pooler, else the mean over positions."""
    pooled = getattr(output, "pooler_output", None)
    if pooled is not None and pooler_is_trained:
        return pooled.flatten(1)  # convolutional models pool to (b, d, 1, 1)
    states = output.last_hidden_state
    if states.ndim == 4:
        return states.mean(dim=(2, 3))
    return states[:, 0] if pooled is not None else states.mean(dim=1)

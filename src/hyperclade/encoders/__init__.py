"""Networks that turn images and texts into features."""

from importlib import import_module
from typing import Any

_EXPORTS = {"Encoder": "pretrained", "load_encoder": "pretrained"}
__all__ = sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(import_module(f"{__name__}.{_EXPORTS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

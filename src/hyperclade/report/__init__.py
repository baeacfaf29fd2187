"""What people look at: the static picture of a hierarchy."""

from importlib import import_module
from typing import Any

_EXPORTS = {"draw_hierarchy": "picture", "main_branches": "picture", "named_nodes": "picture"}
__all__ = sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(import_module(f"{__name__}.{_EXPORTS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Rooted trees over samples: `Tree`, `Taxonomy`, exchange formats, and layout in the Poincaré ball."""

from importlib import import_module
from typing import Any

_HOME = {
    "Tree": "tree",
    "Taxonomy": "taxonomy",
    "ball_layout": "layout",
    "decode_ball": "layout",
    "decode_disk": "layout",
    "disk_layout": "layout",
    "from_json": "exchange",
    "from_linkage": "exchange",
    "from_newick": "exchange",
    "to_graphml": "exchange",
    "to_json": "exchange",
    "to_linkage": "exchange",
    "to_networkx": "exchange",
    "to_newick": "exchange",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

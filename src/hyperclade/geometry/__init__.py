"""Hyperbolic geometry on the Poincaré ball: distances and maps (`ball`), lowest common ancestors (`lca`)."""

from importlib import import_module
from typing import Any

_HOME = {
    "distance": "ball",
    "exp0": "ball",
    "expmap": "ball",
    "klein_to_poincare": "ball",
    "log0": "ball",
    "mobius_add": "ball",
    "norm_to_radius": "ball",
    "poincare_to_klein": "ball",
    "radius_to_norm": "ball",
    "gram_lca_depth": "lca",
    "lca_depth": "lca",
    "lca_depth_on_sphere": "lca",
    "lca_point": "lca",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

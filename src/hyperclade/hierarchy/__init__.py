"""Hierarchical clustering: similarities, exact costs, tree solvers, HypHC, UFit, pre-clusters, `SHHC`."""

from importlib import import_module
from typing import Any

_EXPORTS = {
    "SHHC": "shhc",
    "HypHC": "hyphc",
    "UFit": "ufit",
    "Linkage": "linkage",
    "bisecting_kmeans_tree": "linkage",
    "random_tree": "linkage",
    "dasgupta_cost": "cost",
    "moseley_wang_reward": "cost",
    "cohen_addad_value": "cost",
    "normalised_score": "cost",
    "similarity_of": "similarity",
    "precluster": "precluster",
    "name_nodes": "naming",
}
__all__ = list(_EXPORTS)


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(import_module(f"{__name__}.{_EXPORTS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

"""Hyperclade: find the hierarchy in unlabelled data, and learn from it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Loaded on first use, so that `import hyperclade` costs next to nothing.
_EXPORTS = {
    "SHHC": "hyperclade.hierarchy",
    "HypHC": "hyperclade.hierarchy",
    "UFit": "hyperclade.hierarchy",
    "Linkage": "hyperclade.hierarchy",
    "dasgupta_cost": "hyperclade.hierarchy",
    "Tree": "hyperclade.trees",
    "Taxonomy": "hyperclade.trees",
}
__all__ = ["__version__", *_EXPORTS]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'hyperclade' has no attribute {name!r}")
    return getattr(import_module(_EXPORTS[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_EXPORTS])

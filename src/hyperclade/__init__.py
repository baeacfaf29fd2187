"""Hyperclade: find the hierarchy in unlabelled data, and learn from it."""

from hyperclade._lazy import lazy_exports

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "SHHC": "hierarchy",
        "HypHC": "hierarchy",
        "UFit": "hierarchy",
        "Linkage": "hierarchy",
        "dasgupta_cost": "hierarchy",
        "Tree": "trees",
        "Taxonomy": "trees",
        "show": "report",
    },
)

"""How good a partition or a hierarchy is, judged against labels; nothing here looks at features."""

from importlib import import_module
from typing import Any

_EXPORTS = {
    "ami": "partitions",
    "ari": "partitions",
    "cluster_entropy": "partitions",
    "hungarian_accuracy": "partitions",
    "mean_purity": "partitions",
    "nmi": "partitions",
    "partition_report": "partitions",
    "weighted_purity": "partitions",
    "dendrogram_purity": "dendrograms",
    "taxonomy_purity": "dendrograms",
}
__all__ = sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(import_module(f"{__name__}.{_EXPORTS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

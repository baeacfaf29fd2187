"""Metric learning without labels: UHML, STML, HIER, Hyp-ViT; judging by retrieval; indexes to query."""

from hyperclade._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Metric": "distances",
    },
)

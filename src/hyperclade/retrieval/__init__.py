"""Metric learning without labels: UHML, STML, HIER, Hyp-ViT; judging by retrieval; indexes to query."""

from hyperclade._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Answer": "answers",
        "Backbone": "config",
        "Batch": "method",
        "Head": "config",
        "Index": "index",
        "Labelling": "config",
        "METHODS": "config",
        "Method": "config",
        "Metric": "distances",
        "MetricLoss": "method",
        "Recipe": "config",
        "Retrieval": "module",
        "RetrievalSet": "sources",
        "SYSTEM": "system",
        "Source": "config",
        "Space": "config",
        "Training": "config",
        "ask": "answers",
        "hierarchy_levels": "labelling",
        "judge": "evaluation",
        "load": "system",
        "model_of": "models",
        "preset": "system",
        "preset_names": "system",
        "train": "system",
    },
)

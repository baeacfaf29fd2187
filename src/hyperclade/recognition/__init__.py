"""Structured recognition: labels with a taxonomy, for features, images and pixels (HVSA and others)."""

from hyperclade._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Backbone": "config",
        "HVSA": "hvsa",
        "Method": "config",
        "METHODS": "recipes",
        "NodeScorer": "method",
        "Recipe": "config",
        "Recognition": "module",
        "Source": "config",
        "TABLES": "published",
        "Training": "config",
        "compare": "reproduce",
        "cost": "evaluation",
        "embed": "embedding",
        "evaluate": "evaluation",
        "load": "training",
        "load_inputs": "sources",
        "load_samples": "sources",
        "planned": "reproduce",
        "predict": "prediction",
        "predict_scores": "evaluation",
        "preset": "recipes",
        "preset_names": "recipes",
        "train": "training",
        "write_masks": "prediction",
        "write_predictions": "prediction",
    },
)

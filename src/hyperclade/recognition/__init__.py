"""Structured recognition: labels with a taxonomy, for features, images and pixels (HVSA and others)."""

from hyperclade._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Backbone": "config",
        "HVSA": "hvsa",
        "METHODS": "config",
        "Method": "config",
        "NodeScorer": "method",
        "Recipe": "config",
        "Recognition": "module",
        "SYSTEM": "system",
        "Source": "config",
        "Training": "config",
        "cost": "evaluation",
        "embed": "embedding",
        "evaluate": "evaluation",
        "load": "system",
        "load_inputs": "sources",
        "load_samples": "sources",
        "predict": "prediction",
        "predict_scores": "evaluation",
        "preset": "system",
        "preset_names": "system",
        "train": "system",
        "write_masks": "prediction",
        "write_predictions": "prediction",
    },
)

"""Unsupervised segmentation: STEGO, HP, SmooSeg, and OMH's hierarchy of clusters on each."""

from hyperclade._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Backbone": "config",
        "CRF": "crf",
        "Hierarchy": "config",
        "METHODS": "config",
        "Method": "config",
        "Recipe": "config",
        "SYSTEM": "system",
        "Segmentation": "module",
        "Source": "config",
        "Training": "config",
        "learned_levels": "levels",
        "load": "system",
        "preset": "system",
        "preset_names": "system",
        "segments_outcome": "segments",
        "train": "system",
        "write_segments": "prediction",
    },
)

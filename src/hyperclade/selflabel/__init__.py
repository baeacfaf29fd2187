"""Self-labelling of sound and vision, or of images: L3, DeepCluster, XDC, SeLa, SeLaVi, sHHC as presets."""

from hyperclade._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Comparison": "reproduce",
        "Encoders": "config",
        "Media": "sources",
        "Recipe": "config",
        "SYSTEM": "system",
        "SelfLabelling": "module",
        "System": "config",
        "Training": "config",
        "cluster_labels": "evaluation",
        "compare": "system",
        "evaluate_clusters": "evaluation",
        "export_found": "export",
        "fine_tune": "evaluation",
        "linear_probe": "evaluation",
        "load": "system",
        "load_images": "sources",
        "load_pairs": "sources",
        "preset": "system",
        "preset_names": "system",
        "train": "system",
    },
)

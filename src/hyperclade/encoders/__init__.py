"""Networks that turn images, sounds and texts into features, pretrained or to be trained, and heads."""

from hyperclade._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "DeepLabHead": "segmentation_heads",
        "Encoder": "pretrained",
        "L3Net": "l3net",
        "MultiHead": "heads",
        "OcrHead": "segmentation_heads",
        "Patches": "patches",
        "Pyramid": "pyramid",
        "load_backbone": "backbone",
        "load_encoder": "pretrained",
        "load_patches": "patches",
        "load_pyramid": "pyramid",
    },
)

"""Networks that turn images, sounds and texts into features, pretrained or to be trained, and heads."""

from hyperclade._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Encoder": "pretrained",
        "L3Net": "l3net",
        "MultiHead": "heads",
        "load_backbone": "backbone",
        "load_encoder": "pretrained",
    },
)

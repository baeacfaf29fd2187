"""Networks that turn images and texts into features."""

from hyperclade._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {"Encoder": "pretrained", "load_encoder": "pretrained"},
)

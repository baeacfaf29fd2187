"""What the systems that learn share: augmentation, and what else one training loop needs."""

from hyperclade._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "augment_frames": "augment",
        "augment_sounds": "augment",
        "plain_frames": "augment",
        "plain_sounds": "augment",
    },
)

"""Rooted trees over samples: `Tree`, `Taxonomy`, exchange formats, edits, and layout in the Poincaré ball."""

from hyperclade._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Tree": "tree",
        "Taxonomy": "taxonomy",
        "Edited": "edits",
        "Edits": "edits",
        "apply_edits": "edits",
        "ball_layout": "layout",
        "decode_ball": "layout",
        "decode_disk": "layout",
        "read_edits": "edits",
    },
)

"""What people look at: the static picture of a hierarchy."""

from hyperclade._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {"draw_hierarchy": "picture", "main_branches": "picture", "named_nodes": "picture"},
)

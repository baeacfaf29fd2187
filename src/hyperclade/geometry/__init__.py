"""Hyperbolic geometry on the Poincaré ball: distances and maps (`ball`), lowest common ancestors (`lca`)."""

from hyperclade._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "distance": "ball",
        "exp0": "ball",
        "expmap": "ball",
        "klein_to_poincare": "ball",
        "log0": "ball",
        "mobius_add": "ball",
        "norm_to_radius": "ball",
        "pairwise_distance": "ball",
        "poincare_to_klein": "ball",
        "radius_to_norm": "ball",
        "gram_lca_depth": "lca",
        "lca_depth": "lca",
        "lca_depth_on_sphere": "lca",
        "lca_point": "lca",
    },
)

"""Hyperbolic geometry on the Poincaré ball.

Distances and maps (`ball`), lowest common ancestors (`lca`), entailment cones (`cones`), and a normal
distribution (`wrapped_normal`).
"""

from hyperclade._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "conformal_factor": "ball",
        "distance": "ball",
        "exp0": "ball",
        "expmap": "ball",
        "klein_to_poincare": "ball",
        "log0": "ball",
        "log_sinhc": "ball",
        "logmap": "ball",
        "mobius_add": "ball",
        "norm_to_radius": "ball",
        "pairwise_distance": "ball",
        "poincare_to_klein": "ball",
        "radius_to_norm": "ball",
        "aperture": "cones",
        "cone_angle": "cones",
        "cone_energy": "cones",
        "euclidean_aperture": "cones",
        "euclidean_cone_angle": "cones",
        "euclidean_cone_energy": "cones",
        "pairwise_cone_energy": "cones",
        "gram_lca_depth": "lca",
        "lca_depth": "lca",
        "lca_depth_on_sphere": "lca",
        "lca_point": "lca",
        "WrappedNormal": "wrapped_normal",
    },
)

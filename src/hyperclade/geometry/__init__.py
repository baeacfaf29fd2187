"""Hyperbolic geometry on the Poincaré ball.

Distances and maps (`ball`), entailment cones (`cones`), and a normal distribution (`wrapped_normal`).
"""

from hyperclade._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "conformal_factor": "ball",
        "distance": "ball",
        "exp0": "ball",
        "expmap": "ball",
        "log0": "ball",
        "log_sinhc": "ball",
        "logmap": "ball",
        "pairwise_distance": "ball",
        "aperture": "cones",
        "cone_energy": "cones",
        "euclidean_aperture": "cones",
        "euclidean_cone_energy": "cones",
        "WrappedNormal": "wrapped_normal",
    },
)

"""How two embeddings are compared: by hyperbolic or Euclidean distance, or by cosine.

Embeddings are vectors `(n, d)`, kept in float32 and compared in float64. Hyperbolic ones are tangent vectors
at the origin of the Poincaré ball of curvature −c, which are its points before `exp0`: float32 holds them
near the boundary too, where it cannot hold a point.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from hyperclade.environment import FloatArray

#: Hyperbolic radius, of curvature −1, beyond which points count as being there: sinh would overflow.
MAX_RADIUS = 700.0
MetricName = Literal["hyperbolic", "euclidean", "cosine"]


@dataclass(frozen=True)
class Metric:
    """A distance of embeddings.

    Attributes
    ----------
    name : {"hyperbolic", "euclidean", "cosine"}
        "cosine" is 1 − cos, with a vector of zeros 1.
    c : float
        Curvature −c of the ball; of "hyperbolic" alone.
    """

    name: MetricName = "cosine"
    c: float = 1.0

    def __post_init__(self) -> None:
        if self.name not in ("hyperbolic", "euclidean", "cosine"):
            raise ValueError(f"a metric is hyperbolic, euclidean or cosine, not {self.name!r}")
        if not (self.c > 0 and np.isfinite(self.c)):
            raise ValueError(f"the curvature is −c with c > 0, but c is {self.c!r}")

    def distances(self, x: ArrayLike, y: ArrayLike) -> FloatArray:
        """Distances `(...)` of embeddings `(..., d)`, which broadcast.

        Hyperbolic: with radii a, b (of curvature −1) and angle θ, sinh² of half the distance is
        sinh²((a − b)/2) + sinh a sinh b sin²(θ/2), in which nothing cancels.

        >>> Metric("hyperbolic").distances([[0.0, 0.0]], [[0.5, 0.0]])  # 2 · 0.5
        array([1.])
        """
        a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
        if self.name == "euclidean":
            return np.sqrt(np.square(a - b).sum(-1))
        length_a, length_b = (np.sqrt(np.square(v).sum(-1)) for v in (a, b))
        unit_a, unit_b = (
            v / np.where(length > 0, length, 1)[..., None] for v, length in ((a, length_a), (b, length_b))
        )
        half_sine = np.square(unit_a - unit_b).sum(-1) / 4  # sin² of half the angle
        if self.name == "cosine":
            return np.where((length_a > 0) & (length_b > 0), 2 * half_sine, 1.0)
        root = np.sqrt(self.c)
        radius_a, radius_b = (np.minimum(2 * root * length, MAX_RADIUS) for length in (length_a, length_b))
        turned = np.sqrt(np.sinh(radius_a)) * np.sqrt(np.sinh(radius_b)) * np.sqrt(half_sine)
        return 2 / root * np.arcsinh(np.hypot(np.sinh((radius_a - radius_b) / 2), turned))

"""A normal distribution on the Poincaré ball: drawn in the tangent space, wrapped onto the ball."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from hyperclade.geometry.ball import (
    ArrayLike,
    conformal_factor,
    curvature_root,
    double,
    expmap,
    log_sinhc,
    logmap,
    norm,
)


class WrappedNormal(Distribution):
    """The image of a normal distribution in the tangent space at `loc` under the exponential map.

    With λ = 2/(1 − c‖loc‖²) the vector u = λ log_loc(z) of a point z has the hyperbolic distance r of z and
    loc as its norm, and is distributed as Normal(0, diag(scale²)). With respect to the Riemannian volume the
    density of z is Normal(u; 0, diag(scale²)) · (√c r / sinh √c r)^(D−1), which integrates to 1 for all D and
    c (HVSA Eq. 3 lacks λ log_loc and the exponent; Mathieu et al. 2019, Nagano et al. 2019). The Fréchet mean
    is loc.

    All is float64, whatever is given. In D dimensions samples lie √D·scale away from loc, as a rule, and no
    farther than `MAX_RADIUS`/√c = 32/√c from the origin, where they are clipped: keep √D·scale well below.

    Parameters
    ----------
    loc : array-like
        Points `(..., D)` of the ball of curvature −c.
    scale : array-like
        Standard deviations `(..., D)` > 0 along the axes, in units of hyperbolic distance.
    c : float
        Minus the curvature.
    validate_args : bool, optional
        Whether to check arguments and values, as in all of `torch.distributions`.

    Raises
    ------
    ValueError
        c ≤ 0; shapes that do not broadcast; with validation, loc outside the ball or scale ≤ 0.

    Examples
    --------
    >>> at_origin = WrappedNormal(torch.zeros(2), torch.ones(2))
    >>> at_origin.log_prob(torch.tensor([0.5, 0.0]))  # log(exp(-r²/2) / 2π · r / sinh r) for r = 2 artanh 0.5
    tensor(-2.6350, dtype=torch.float64)
    >>> at_origin.rsample((4, 3)).shape
    torch.Size([4, 3, 2])
    """

    has_rsample = True

    def __init__(
        self, loc: ArrayLike, scale: ArrayLike, c: float = 1.0, validate_args: bool | None = None
    ) -> None:
        self._root = curvature_root(c)
        self.c = c
        try:
            self.loc, self.scale = torch.broadcast_tensors(double(loc), double(scale))
        except RuntimeError as error:
            raise ValueError(f"the shapes of loc and scale do not broadcast: {error}") from error
        if self.loc.ndim == 0:
            raise ValueError("loc and scale must be vectors, or arrays of vectors along the last axis")
        super().__init__(self.loc.shape[:-1], self.loc.shape[-1:], validate_args)

    @property
    def arg_constraints(self) -> dict[str, constraints.Constraint]:
        """What `loc` and `scale` must satisfy."""
        return {"loc": self.support, "scale": constraints.independent(constraints.positive, 1)}

    @constraints.dependent_property(is_discrete=False, event_dim=1)
    def support(self) -> constraints.Constraint:
        """The ball."""
        return _Ball(self._root)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Samples `(*sample_shape, ..., D)`, differentiable in loc and scale."""
        return self._wrap(self._noise(sample_shape))

    def rsample_with_log_prob(self, sample_shape: Sequence[int] = ()) -> tuple[Tensor, Tensor]:
        """Samples as `rsample` gives, with their log-density `(*sample_shape, ...)`, which needs no `logmap`.

        The density and its gradient are those of `log_prob` at the samples, where none is clipped.
        """
        noise = self._noise(sample_shape)
        distance = norm(self.scale * noise)
        return self._wrap(noise), self._log_density(noise.square().sum(-1), distance)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density `(...)` of points `(..., D)`, with respect to the Riemannian volume.

        Raises
        ------
        ValueError
            With validation, for shapes that do not fit and points outside the ball.
        """
        value = double(value)
        if self._validate_args:
            self._validate_sample(value)
        tangent = logmap(self.loc, value, self.c)
        stretch = conformal_factor(self.loc, self.c)
        squares = (tangent / self.scale).square().sum(-1) * stretch.square()
        return self._log_density(squares, stretch * norm(tangent))

    def _noise(self, sample_shape: Sequence[int]) -> Tensor:
        shape = self._extended_shape(torch.Size(sample_shape))
        return torch.randn(shape, dtype=torch.float64, device=self.loc.device)

    def _wrap(self, noise: Tensor) -> Tensor:
        stretch = conformal_factor(self.loc, self.c).unsqueeze(-1)
        return expmap(self.loc, self.scale / stretch * noise, self.c)

    def _log_density(self, squares: Tensor, distance: Tensor) -> Tensor:
        """From ‖u/scale‖² and ‖u‖."""
        dim = self.loc.shape[-1]
        log_volume = dim * math.log(2 * math.pi) / 2 + self.scale.log().sum(-1)
        return -squares / 2 - log_volume - (dim - 1) * log_sinhc(self._root * distance)


class _Ball(constraints.Constraint):
    """Points with √c‖x‖ < 1."""

    is_discrete = False
    event_dim = 1

    def __init__(self, root: float) -> None:
        self._root = root
        super().__init__()

    def check(self, value: Tensor) -> Tensor:
        return self._root * norm(value) < 1

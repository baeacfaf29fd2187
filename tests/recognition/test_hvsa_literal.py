"""HVSA's formulas as printed, by hand."""

import math

import numpy as np
import pytest
import torch

from hyperclade.recognition import hvsa_literal


def test_the_printed_formulas_at_a_point():
    """By hand, in scalars: Eq. 2 and 3 with the exponent 1, Eq. 11 with the root over 1 + ‖x‖² alone."""
    z, mu, sigma = np.array([0.3, 0.1]), np.array([0.1, -0.2]), np.array([0.5, 0.7])
    gap = 1 - mu @ mu
    length = np.linalg.norm(z - mu)
    tangent = gap * math.atanh(length / math.sqrt(gap)) * (z - mu) / length
    normal = -0.5 * ((tangent / sigma) ** 2).sum() - np.log(sigma).sum() - math.log(2 * math.pi)
    d = math.acosh(1 + 2 * length**2 / (gap * (1 - z @ z)))
    found = hvsa_literal.log_density(*(torch.from_numpy(v) for v in (z, mu, sigma)))
    assert found.item() == pytest.approx(normal + math.log(d / math.sinh(d)), rel=1e-9)
    x, y = mu, z
    above = x @ y * (1 + x @ x) - x @ x * (1 + y @ y)
    below = np.linalg.norm(x) * np.linalg.norm(x - y) * (math.sqrt(1 + x @ x) * (y @ y) - 2 * x @ y)
    angle = math.acos(np.clip(above / below, -1 + 1e-7, 1 - 1e-7))
    opening = math.asin(0.1 * (1 - x @ x) / np.linalg.norm(x))
    energy = hvsa_literal.cone_energy(torch.from_numpy(x), torch.from_numpy(y), 0.1)
    assert energy.item() == pytest.approx(max(0, angle - opening), rel=1e-6)

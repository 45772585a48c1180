# SPDX-License-Identifier: BSD-3-Clause
"""Critical values of simultaneous confidence bands, by quadrature."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.linalg import expm
from scipy.optimize import brentq

NODES = 80
IMAGES = 12


@lru_cache(maxsize=256)
def hall_wellner_critical(a: float, b: float, level: float) -> float:
    r"""Value c with ``P(sup over [a, b] of |B0(u)| <= c) = level`` for a Brownian bridge B0.

    Given B0(a) and B0(b), the path between them stays within +-c with the probability of the
    two-barrier image sum; Gauss-Legendre quadrature over both ends. ``0 < a < b < 1``.
    """
    return float(brentq(lambda c: _bridge_stays(c, a, b) - level, 0.05, 12.0, xtol=1e-12))


@lru_cache(maxsize=256)
def equal_precision_critical(a: float, b: float, level: float) -> float:
    r"""Value c with ``P(sup over [a, b] of |B0(u)| / sqrt(u (1 - u)) <= c) = level``.

    In the time ``log(u / (1 - u)) / 2`` the ratio is an Ornstein-Uhlenbeck process; the survival
    probability of one killed at +-c solves ``u_s = u_xx - x u_x``, here by Chebyshev collocation.
    """
    return float(brentq(lambda c: _ratio_stays(c, a, b) - level, 0.05, 12.0, xtol=1e-12))


def _normal_density(x: np.ndarray, mean: np.ndarray | float, scale: float) -> np.ndarray:
    return np.exp(-0.5 * ((x - mean) / scale) ** 2) / (scale * np.sqrt(2.0 * np.pi))


def _bridge_stays(c: float, a: float, b: float) -> float:
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    reach_a = min(c, 9.0 * np.sqrt(a * (1.0 - a)))
    reach_b = min(c, 9.0 * np.sqrt(b * (1.0 - b)))
    x, y = (nodes * reach_a)[:, None], (nodes * reach_b)[None, :]
    tau = b - a
    density = _normal_density(x, 0.0, float(np.sqrt(a * (1.0 - a)))) * _normal_density(
        y, x * (1.0 - b) / (1.0 - a), float(np.sqrt(tau * (1.0 - b) / (1.0 - a)))
    )
    stays = np.zeros((NODES, NODES))
    for size in range(IMAGES + 1):  # outwards, until images no longer show
        added = np.zeros_like(stays)
        for k in {size, -size}:
            m = (2 * k - 1) * c
            added += np.exp(-4.0 * k * c * (2.0 * k * c + y - x) / tau)
            added -= np.exp(-2.0 * (m - x) * (m - y) / tau)
        stays += added
        if size > 0 and np.abs(added).max() < 1e-17:
            break
    return float((weights * reach_a) @ (density * stays) @ (weights * reach_b))


def _ratio_stays(c: float, a: float, b: float) -> float:
    length = 0.5 * np.log(b * (1.0 - a) / (a * (1.0 - b)))
    j = np.arange(NODES + 1)
    x = np.cos(np.pi * j / NODES)
    # Chebyshev differentiation matrix (Trefethen, Spectral Methods in MATLAB, 2000, chapter 6).
    ends = np.where((j == 0) | (j == NODES), 2.0, 1.0) * (-1.0) ** j
    D = np.outer(ends, 1.0 / ends) / (x[:, None] - x[None, :] + np.eye(NODES + 1))
    D -= np.diag(D.sum(axis=1))
    x, D = x * c, D / c
    generator = (D @ D - x[:, None] * D)[1:-1, 1:-1]
    inside = expm(length * generator) @ np.ones(NODES - 1)
    # Clenshaw-Curtis weights of the inner nodes.
    theta = np.pi * j[1:-1] / NODES
    k = np.arange(1, NODES // 2)
    v = 1.0 - (2.0 * np.cos(2.0 * np.outer(theta, k)) / (4.0 * k**2 - 1.0)).sum(axis=1)
    v -= np.cos(NODES * theta) / (NODES**2 - 1.0)
    return float((2.0 * v / NODES * c) @ (_normal_density(x[1:-1], 0.0, 1.0) * inside))

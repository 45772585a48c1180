# SPDX-License-Identifier: BSD-3-Clause
"""Small transport problems, and their values and certificates without any solver."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from taut.ot import OTResult


def problem(seed, n, m):
    rng = np.random.default_rng(seed)
    X, Y = rng.random((n, 2)), rng.random((m, 2))
    a, b = rng.random(n) + 0.2, rng.random(m) + 0.2
    return a / a.sum(), b / b.sum(), X, Y, ((X[:, None] - Y[None]) ** 2).sum(axis=2)


def certified(result: OTResult, a, b, tol=1e-6):
    """Marginals and gap, measured here."""
    T = result.plan_relaxed
    T = T.toarray() if sp.issparse(T) else T
    assert T.min() >= 0
    assert np.abs(T.sum(axis=1) - a).sum() <= tol * a.sum()
    assert np.abs(T.sum(axis=0) - b).sum() <= tol * b.sum()
    assert result.duality_gap >= -1e-12 * max(1.0, abs(result.value))
    return T


def largest_column(T, b):
    return (1e-9 * b < T).sum(axis=0).max()


def k_support_square(t, k):
    """min of sum t^2 / theta over 0 <= theta <= 1, sum theta = k: theta = min(1, t / nu)."""
    low, high = 0.0, t.sum()
    if (t > 0).sum() <= k:
        return t @ t
    for _ in range(100):
        nu = (low + high) / 2
        low, high = (nu, high) if np.minimum(1.0, t / nu).sum() > k else (low, nu)
    theta = np.minimum(1.0, t / nu)
    return (t[t > 0] ** 2 / theta[t > 0]).sum()


def semi_dual(a, b, C, gamma, k, alpha):
    total = a @ alpha
    for j, mass in enumerate(b):
        scores = alpha - C[:, j]
        top = scores.max()  # taken off, or a small mass is lost beside the scores
        u = np.sort(scores - top)[::-1][:k]
        taus = (np.cumsum(u) - gamma * mass) / np.arange(1, k + 1)
        tau = taus[np.flatnonzero(u > taus)[-1]]
        total -= (np.maximum(u - tau, 0) ** 2).sum() / (2 * gamma) + (tau + top) * mass
    return total

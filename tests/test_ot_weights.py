# SPDX-License-Identifier: BSD-3-Clause
"""Transport between weights of very different size."""

from __future__ import annotations

import numpy as np
import pytest
from ot_reference import certified, k_support_square, semi_dual

from taut.ot import PointCloud, ot_exact, smooth_ot


def test_weights_of_very_different_size():
    rng = np.random.default_rng(0)
    a, b = rng.random(60), rng.random(50)
    a[:20], b[:15] = 1e-9, 1e-9
    a, b = a / a.sum(), b / b.sum()
    cloud = PointCloud(rng.random((60, 3)), rng.random((50, 3)))
    result = smooth_ot(a, b, cloud, reg=1.0)
    assert result.converged
    assert result.duality_gap < 1e-6
    certified(result, a, b)


@pytest.mark.parametrize("reg", [0.1, 1.0, 10.0])
def test_most_points_nearly_empty(reg):
    """Their potentials have to rise far before any column takes them in."""
    rng = np.random.default_rng(3)
    X, Y = rng.random((300, 3)), rng.random((300, 3))
    a, b = (rng.random(300) ** 8 + 1e-9 for _ in range(2))
    a, b = a / a.sum(), b / b.sum()
    C = PointCloud(X, Y).matrix()
    result = smooth_ot(a, b, C, reg=reg)
    assert result.converged
    assert result.duality_gap < 1e-6 * result.value
    certified(result, a, b)
    alpha = result.potentials[0]
    assert result.dual_value == pytest.approx(semi_dual(a, b, C, reg, 300, alpha), rel=1e-9)


def uneven(name, n):
    """Weights over decades: two bells on a line, far tails in the plane, one point in twenty."""
    rng = np.random.default_rng(0)
    if name == "bells":
        X = Y = (np.arange(n) / n * 100)[:, None]
        a = np.exp(-((X[:, 0] - 30) ** 2) / 50) + 1e-9
        b = np.exp(-((Y[:, 0] - 60) ** 2) / 80) + 1e-9
    else:
        X, Y = rng.normal(size=(n, 2)), rng.normal(size=(n, 2)) + 1
        a, b = np.exp(-3 * (X**2).sum(axis=1)), np.exp(-3 * ((Y - 1) ** 2).sum(axis=1))
        if name == "few":
            a, b = (np.where(rng.random(n) < 0.05, 1.0, 1e-12) for _ in range(2))
    C = PointCloud(X, Y).matrix()
    return a / a.sum(), b / b.sum(), C / C.max()


@pytest.mark.parametrize("name", ["bells", "tails", "few"])
@pytest.mark.parametrize(("share", "k"), [(1e-2, None), (1e-4, 8), (1e-4, None)])
def test_weights_over_decades_are_solved(name, share, k):
    n = 200
    a, b, C = uneven(name, n)
    limit = dict(reg_type="sparse", max_nz=k) if k else {}
    result = smooth_ot(a, b, C, reg=share * n, **limit)
    assert result.converged
    T = certified(result, a, b)
    alpha = result.potentials[0]
    lower = semi_dual(a, b, C, share * n, k or n, alpha)
    upper = (T * C).sum() + share * n / 2 * sum(k_support_square(t, k or n) for t in T.T)
    assert lower <= upper <= lower * (1 + 1.1e-6)


@pytest.mark.parametrize("name", ["bells", "few"])
def test_weights_over_decades_tend_to_the_linear_program(name):
    a, b, C = uneven(name, 100)
    program = ot_exact(a, b, C, method="highs").value
    reg = 1e-3
    result = smooth_ot(a, b, C, reg=reg)
    assert result.converged
    # Between <T, C> >= program of any plan and the regulariser of the program's own plan.
    assert program * (1 - 1e-6) <= result.value <= program + reg / 2 * min(a.max(), b.max())

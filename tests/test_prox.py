# SPDX-License-Identifier: BSD-3-Clause
"""Proximal operators: against grids, published values, each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taut import prox

NAMES = ("l1", "mcp", "scad", "cel0", "l0", "lq")
GAMMAS = {
    "mcp": st.floats(0.2, 10.0),
    "scad": st.floats(2.05, 10.0),
    "cel0": st.floats(0.2, 4.0),
    "lq": st.sampled_from([0.5, 2 / 3]) | st.floats(0.05, 0.95),
}
GRID = np.linspace(-6.0, 6.0, 10_001)


def call(name, x, alpha, gamma, **options):
    positional = () if gamma is None else (gamma,)
    return getattr(prox, name)(x, alpha, *positional, **options)


@given(data=st.data(), name=st.sampled_from(NAMES))
def test_prox_beats_a_grid(data, name):
    z = data.draw(st.floats(-5.0, 5.0))
    step = data.draw(st.floats(0.05, 8.0))
    alpha = data.draw(st.floats(0.0, 2.0))
    gamma = data.draw(GAMMAS.get(name, st.none()))
    lower = data.draw(st.none() | st.floats(-3.0, 0.0))
    upper = data.draw(st.none() | st.floats(0.0, 3.0))
    u = call(name, z, alpha, gamma, step=step, lower=lower, upper=upper)
    assert u.shape == ()
    low, high = -np.inf if lower is None else lower, np.inf if upper is None else upper
    assert low <= u <= high

    def cost(v):
        return 0.5 * (v - z) ** 2 + step * prox.value(name, v, alpha, gamma)

    grid = np.clip(GRID, low, high)
    best = cost(np.append(grid, 0.0)).min()
    assert cost(u) <= best + 4e-15 * (1.0 + abs(best))


def test_published_values():
    # Lambda times step is 1/2 for L0, L1/2, L2/3; the last digits were computed by brute force.
    half = {"step": 0.5}
    assert prox.l0([0.99, 1.01], 1.0, **half).tolist() == [0.0, 1.01]
    np.testing.assert_allclose(prox.lq(2.0, 1.0, 0.5, **half), 1.8144020186, rtol=1e-10)
    np.testing.assert_allclose(prox.lq(2.0, 1.0, 2 / 3, **half), 1.7218942826, rtol=1e-10)
    assert prox.lq([0.9449407874, 0.9449407875], 1.0, 0.5, **half).astype(bool).tolist() == [0, 1]
    assert prox.lq([0.8773826753, 0.8773826754], 1.0, 2 / 3, **half).astype(bool).tolist() == [0, 1]
    np.testing.assert_allclose(prox.mcp([2.0, 3.0], 1.0, 3.0, **half), [1.8, 3.0])
    np.testing.assert_allclose(prox.scad([1.2, 2.0], 1.0, 3.7, **half), [0.7, 1.6136363636])
    cel0 = [prox.cel0(x, 1.0, 1.69, step=t) for t in (0.3, 0.8) for x in (1.0, 2.0)]
    np.testing.assert_allclose(cel0, [0.9096485004, 2.0, 0.0, 2.0], rtol=1e-9)


@given(
    x=st.lists(st.floats(-5, 5), min_size=1, max_size=20),
    alpha=st.floats(0.01, 2.0),
    curvature=st.floats(0.1, 4.0),
    step=st.floats(0.05, 3.0),
)
def test_cel0_is_mcp(x, alpha, curvature, step):
    strength, gamma = np.sqrt(2.0 * alpha * curvature), 1.0 / curvature
    np.testing.assert_array_equal(
        prox.cel0(x, alpha, curvature, step=step), prox.mcp(x, strength, gamma, step=step)
    )
    np.testing.assert_array_equal(
        prox.value("cel0", x, alpha, curvature), prox.value("mcp", x, strength, gamma)
    )


def test_infinite_concavity_is_l1():
    x = np.linspace(-4, 4, 41)
    for name in ("mcp", "scad"):
        np.testing.assert_allclose(
            call(name, x, 0.7, np.inf, step=1.3), prox.l1(x, 0.7, step=1.3), atol=1e-15
        )


def test_values_are_continuous_and_flat():
    x = np.linspace(0, 10, 100_001)
    for name, gamma, flat in (("mcp", 3.0, 1.5), ("scad", 3.7, 2.35), ("cel0", 2.0, 1.0)):
        v = prox.value(name, x, 1.0, gamma)
        assert np.abs(np.diff(v)).max() <= 2.1e-4
        assert v[-1] == pytest.approx(flat)
        np.testing.assert_array_equal(v, prox.value(name, -x, 1.0, gamma))


def test_arguments_broadcast():
    x = np.linspace(-3, 3, 12).reshape(3, 4)
    alpha, step = np.array([0.1, 0.5, 1.0])[:, None], np.array([0.3, 1.0, 2.0, 4.0])
    out = prox.mcp(x, alpha, 2.0, step=step, lower=-1.0)
    assert out.shape == (3, 4)
    for i in range(3):
        for j in range(4):
            one = prox.mcp(x[i, j], alpha[i, 0], 2.0, step=step[j], lower=-1.0)
            assert out[i, j] == one
    assert prox.l1(1.0, np.ones(5)).shape == (5,)
    assert prox.l0(np.empty((0, 3)), 1.0).shape == (0, 3)


def test_elastic_net_and_group():
    x = np.random.default_rng(0).standard_normal((5, 3))
    np.testing.assert_allclose(
        prox.elastic_net(x, 0.8, 0.25, step=2.0, upper=0.3),
        np.minimum(np.sign(x) * np.maximum(np.abs(x) - 0.4, 0) / 2.2, 0.3),
        atol=1e-15,
    )
    size = np.linalg.norm(x, axis=1, keepdims=True)
    np.testing.assert_allclose(prox.group(x, 0.5), np.maximum(1 - 0.5 / size, 0) * x, atol=1e-15)
    np.testing.assert_allclose(prox.group(x, 0.5, axis=0), prox.group(x.T, 0.5).T)
    assert prox.group(np.zeros((2, 2)), 1.0).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("call_", "message"),
    [
        (lambda: prox.l1([np.nan], 1.0), "x must not contain NaN"),
        (lambda: prox.l1([1.0], -1.0), "alpha must be finite and >= 0, got -1"),
        (lambda: prox.l1([1.0], np.inf), "alpha must be finite and >= 0, got inf"),
        (lambda: prox.mcp([1.0], 1.0, 0.0), "gamma must be > 0, got 0"),
        (lambda: prox.scad([1.0], 1.0, 2.0), "gamma must be > 2, got 2"),
        (lambda: prox.lq([1.0], 1.0, 1.0), r"exponent must be in \(0, 1\), got 1"),
        (lambda: prox.cel0([1.0], 1.0, -1.0), "curvature must be > 0, got -1"),
        (lambda: prox.l0([1.0], 1.0, step=0.0), "step must be finite and > 0, got 0"),
        (lambda: prox.l0([1.0], 1.0, lower=0.5), "lower must be <= 0, got 0.5"),
        (lambda: prox.l0([1.0], 1.0, upper=-0.5), "upper must be >= 0, got -0.5"),
        (lambda: prox.elastic_net([1.0], 1.0, 1.5), r"l1_ratio must be in \[0, 1\], got 1.5"),
        (lambda: prox.value("log", [1.0], 1.0), "penalty must be one of 'l1'"),
        (lambda: prox.value("l0", [1.0], 1.0, 3.0), "'l0' has no gamma"),
        (lambda: prox.value("mcp", [1.0], 1.0), "'mcp' needs gamma, > 0"),
    ],
)
def test_bad_input(call_, message):
    with pytest.raises(ValueError, match=message):
        call_()

# SPDX-License-Identifier: BSD-3-Clause
"""Proximal operators: against grids, published values, each other."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taut import prox
from taut.linear_model import PenalizedGLM
from taut.penalties import Group

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


# --------------------------------------------------------------------------------------
# First-order methods
# --------------------------------------------------------------------------------------
def correlated(n, p, rho, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    for j in range(1, p):
        X[:, j] = rho * X[:, j - 1] + np.sqrt(1 - rho**2) * X[:, j]
    y = X[:, :: p // 10] @ rng.choice([-1.0, 1.0], len(range(0, p, p // 10)))
    return X, y + y.std() * rng.standard_normal(n) / 3


@pytest.mark.parametrize("solver", ["proximal_gradient", "fista", "ag", "ag_original", "pncg"])
@pytest.mark.parametrize("datafit", ["quadratic", "logistic", "huber", "poisson"])
def test_minimize_finds_the_lasso(solver, datafit):
    X, y = correlated(60, 20, 0.5)
    if datafit == "logistic":
        y = (y > 0).astype(float)
    if datafit == "poisson":
        y = np.random.default_rng(1).poisson(np.exp(0.3 * y / y.std())).astype(float)
    path = PenalizedGLM(datafit, "l1", alpha=0.05, tol=1e-12).fit(X, y)
    result = prox.minimize(
        X, y, alpha=0.05, datafit=datafit, solver=solver, tol=1e-7, max_iter=20_000
    )
    assert result.converged
    np.testing.assert_allclose(result.coef, np.ravel(path.coef_), atol=1e-5)
    np.testing.assert_allclose(result.intercept, np.ravel(path.intercept_)[0], atol=1e-5)
    assert result.objective.shape == result.products.shape == (result.n_iter,)
    assert (np.diff(result.products) > 0).all()
    if solver in ("proximal_gradient", "pncg"):
        assert (np.diff(result.objective) <= 1e-12).all()


def test_minimize_stops_where_it_is_told():
    X, y = correlated(50, 30, 0.3)
    full = prox.minimize(X, y, alpha=0.1, penalty="mcp", solver="pncg", tol=1e-9)
    halfway = 0.5 * (full.objective[0] + full.objective[-1])
    early = prox.minimize(X, y, alpha=0.1, penalty="mcp", solver="pncg", tol=-1.0, floor=halfway)
    assert early.converged
    assert early.n_iter < full.n_iter
    assert early.objective[-1] <= halfway
    again = prox.minimize(
        X, y, alpha=0.1, penalty="mcp", solver="pncg", tol=1e-8, coef_init=full.coef
    )
    assert again.n_iter <= 3
    two = prox.minimize(X, y, alpha=0.1, penalty="l0", solver="fista", max_iter=2, tol=-1.0)
    assert two.n_iter == 2
    assert not two.converged


def test_conjugate_gradients_need_fewer_products_than_fista():
    # Products with X to 1e-8 of the optimum, n = 200, p = 500: 43 and 264 against 142 and 529 at
    # correlation 0.5, 177 and 462 against 493 and 896 at 0.9. Most are spent finding the support.
    for rho in (0.5, 0.9):
        X, y = correlated(200, 500, rho)
        X -= X.mean(axis=0)
        y -= y.mean()
        for share in (0.1, 0.02):
            alpha = share * np.abs(X.T @ y).max() / len(y)
            options = {"alpha": alpha, "fit_intercept": False, "tol": 1e-10, "max_iter": 5000}
            runs = {s: prox.minimize(X, y, solver=s, **options) for s in ("pncg", "fista")}
            best = min(r.objective.min() for r in runs.values())
            spent = {
                s: r.products[np.flatnonzero(r.objective <= best * (1 + 1e-8))[0]]
                for s, r in runs.items()
            }
            assert 1.5 * spent["pncg"] <= spent["fista"]


@pytest.mark.slow
@pytest.mark.parametrize("penalty", ["scad", "mcp"])
def test_accelerated_gradient_reproduces_its_paper(penalty):
    """Medians of iterations to within e^3 of the best, p = 2050 (arXiv 2009.10629)."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))
    try:
        import accelerated_gradient as study
    finally:
        sys.path.pop(0)
    for tau, n in ((0.9, 200), (0.5, 500), (0.1, 1000)):
        ours = study.iterations(n, tau, 3, penalty, 400)
        assert ours["ag"] < ours["ag_original"] < ours["proximal_gradient"]
        assert 0.5 <= ours["ag"] / ours["ag_original"] <= 0.75
        at = study.SIZES.index(n)
        for method, count in ours.items():
            published = study.PUBLISHED.get((penalty, method))
            if published:
                assert count == pytest.approx(published[tau][at], rel=0.2, abs=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"solver": "newton"}, "solver must be one of 'proximal_gradient'"),
        ({"alpha": -1.0}, "alpha must be finite and >= 0, got -1.0"),
        ({"max_iter": 0}, "max_iter must be >= 1, got 0"),
        ({"penalty": "l0", "solver": "ag"}, "accelerated gradient needs a penalty"),
        ({"penalty": "l0", "solver": "ag_original"}, "accelerated gradient needs a penalty"),
        ({"datafit": "poisson", "penalty": "l0", "y": [1.0, 2.0]}, "cannot combine"),
        ({"datafit": "sqrt"}, "does not take datafit='sqrt'"),
        ({"penalty": Group([[0, 1]])}, "penalties of single coefficients, got 'group'"),
        ({"y": [1.0]}, "y has 1 rows, X has 2"),
        ({"datafit": "multinomial"}, "one-hot rows"),
        ({"datafit": "logistic", "y": [0.0, 2.0]}, r"must lie in \[0, 1\]"),
        ({"coef_init": [1.0]}, r"coef_init must have shape \(1, 2\), got \(1, 1\)"),
        ({"X": [[1.0, np.nan], [0.0, 1.0]]}, "X contains NaN or infinity"),
    ],
)
def test_minimize_refuses(options, message):
    arguments = {"X": [[1.0, 0.0], [0.0, 1.0]], "y": [0.0, 1.0], "alpha": 0.1} | options
    X, y = arguments.pop("X"), arguments.pop("y")
    with pytest.raises(ValueError, match=message):
        prox.minimize(X, y, **arguments)

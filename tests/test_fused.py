# SPDX-License-Identifier: BSD-3-Clause
"""Differences along chains of coefficients: against their dual, closed forms, and KKT."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from taut import _core, prox
from taut.linear_model import PenalizedGLM, penalized_path
from taut.penalties import Fused


def solve(X: Any, y: Any, datafit: str = "quadratic", alphas: Any = None, **options: Any) -> Any:
    if alphas is not None:
        options["alphas"] = np.atleast_1d(np.asarray(alphas, dtype=float))
    if sp.issparse(X):
        X = sp.csc_array(X)
        X = (X.data, X.indices, X.indptr, *X.shape)
    else:
        X = np.asfortranarray(X)
    options = {"tol": 1e-11, "l1_ratio": 0.0, "penalty": "fused"} | options
    return _core.fit_path(X, np.array(y, dtype=float), datafit, **options)


def data(n=80, p=24, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    b = np.repeat([0.0, 2.0, -1.0, 0.5], p // 4)
    return X, X @ b + rng.standard_normal(n), rng


@pytest.mark.parametrize("alpha", [0.5, 0.1, 0.02])
def test_dual_solution_by_bounded_least_squares(alpha):
    """b = G^-1 (c - D'u), G = X'X/n = LL', with u least |L^-1 (c - D'u)| in a box of alpha."""
    X, y, _ = data()
    n, p = X.shape
    D = np.diff(np.eye(p), axis=0)
    L = np.linalg.cholesky(X.T @ X / n)
    found = optimize.lsq_linear(
        np.linalg.solve(L, D.T),
        np.linalg.solve(L, X.T @ y / n),
        bounds=(-alpha, alpha),
        method="bvls",
        tol=1e-14,
    )
    expected = np.linalg.solve(L @ L.T, X.T @ y / n - D.T @ found.x)
    fit = solve(X, y, alphas=alpha, fit_intercept=False)
    np.testing.assert_allclose(fit["coefs"][0, 0], expected, atol=1e-7)
    # Pieces are equal to the last bit.
    assert np.unique(fit["coefs"][0, 0]).size == 1 + fit["n_active"][0] - 1


@given(data=st.data())
def test_signal_approximation_is_the_proximal_point(data):
    n = data.draw(st.integers(1, 40))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    y = np.cumsum(rng.standard_normal(n) * (rng.random(n) < 0.3)) + rng.standard_normal(n)
    alpha = data.draw(st.sampled_from([1e-3, 0.01, 0.1, 1.0]))
    factor = np.ones(n)
    if data.draw(st.booleans()):
        factor = rng.uniform(0, 2, n)
    factor[0] = 0.0
    X = sp.eye_array(n) if data.draw(st.booleans()) else np.eye(n)
    fit = solve(X, y, alphas=alpha, fit_intercept=False, penalty_factor=factor)
    expected = _core.prox_tv1d(y, n * alpha * factor)
    np.testing.assert_allclose(fit["coefs"][0, 0], expected, atol=1e-6 * (1 + np.abs(y).max()))


@given(data=st.data())
def test_proximal_point_of_total_variation(data):
    n = data.draw(st.integers(1, 200))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    x = rng.standard_normal(n) * 10.0 ** data.draw(st.integers(-3, 3))
    if data.draw(st.booleans()):
        x = np.round(x)
    weight = np.abs(x).mean() * rng.uniform(0, data.draw(st.sampled_from([0.1, 1.0, 10.0])), n)
    u = _core.prox_tv1d(x, weight)
    # The dual of difference i is the sum of u - x before it.
    z = np.cumsum(u - x)
    slack = 1e-12 * n * (np.abs(x).max() + 1e-300)
    assert abs(z[-1]) <= slack
    step, dual, limit = np.diff(u), z[:-1], weight[1:]
    assert np.all(np.abs(dual) <= limit + slack)
    np.testing.assert_allclose(dual[step > 0], limit[step > 0], atol=slack)
    np.testing.assert_allclose(dual[step < 0], -limit[step < 0], atol=slack)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("datafit", ["quadratic", "logistic", "poisson", "huber", "sqrt"])
def test_conditions_of_optimality(datafit, standardize):
    X, y, rng = data(seed=1)
    X *= rng.uniform(0.5, 2, X.shape[1])
    weight = rng.uniform(0.5, 2, y.size)
    groups = np.repeat([0, 1, 2, 3], 6)[rng.permutation(24)].astype(np.int64)
    factor = rng.uniform(0.5, 2, 24)
    if datafit == "logistic":
        y = (y > 0).astype(float)
    elif datafit == "poisson":
        y = rng.poisson(np.exp(0.3 * y)).astype(float)
    options = {"sample_weight": weight, "penalty_factor": factor, "groups": groups}
    fit = solve(X, y, datafit, n_alphas=6, eps=0.02, standardize=standardize, **options)
    assert fit["converged"].all()
    s = weight / weight.sum()
    scale = np.sqrt(s @ (X - s @ X) ** 2) if standardize else np.ones(24)
    for k, alpha in enumerate(fit["alphas"]):
        coef = fit["coefs"][k, 0]
        eta = X @ coef + fit["intercepts"][k, 0]
        r = {
            "quadratic": lambda eta=eta: y - eta,
            "logistic": lambda eta=eta: y - 1 / (1 + np.exp(-eta)),
            "poisson": lambda eta=eta: y - np.exp(eta),
            "huber": lambda eta=eta: np.clip(y - eta, -1.35, 1.35),
            "sqrt": lambda eta=eta: (y - eta) / np.sqrt(s @ (y - eta) ** 2),
        }[datafit]()
        pull = (X / scale).T @ (s * r)
        value = 0.0
        for g in range(4):
            chain = np.flatnonzero(groups == g)
            # A step at place i moves all coefficients from i on.
            slope = np.cumsum(pull[chain][::-1])[::-1]
            step = np.diff(coef[chain] * scale[chain], prepend=0.0)
            step[np.abs(step) < 1e-12] = 0.0
            limit = alpha * factor[chain]
            assert np.all(np.abs(slope) <= limit + 1e-5 * alpha)
            on = step != 0
            np.testing.assert_allclose(
                slope[on], (limit * np.sign(step))[on], atol=2e-4 * fit["alphas"][0]
            )
            value += limit @ np.abs(step)
        loss = fit["objective"][k] - value
        if datafit == "quadratic":
            assert loss == pytest.approx(0.5 * s @ r**2, rel=1e-9)


def test_strong_fusion_is_regression_on_the_row_sums():
    X, y, _ = data(seed=2)
    fit = solve(X, y, n_alphas=3)
    slope, intercept = np.polyfit(X.sum(axis=1), y, 1)
    np.testing.assert_allclose(fit["coefs"][0, 0], slope, rtol=1e-6)
    assert fit["intercepts"][0, 0] == pytest.approx(intercept, rel=1e-6)
    assert np.all(fit["n_active"][1:] > 1)


def test_sparse_float32_multinomial_and_warm_start_agree():
    X, y, rng = data(seed=3)
    X = (X * (rng.random(X.shape) < 0.3)).astype(np.float32)
    groups = (np.arange(24) % 5).astype(np.int64)
    one = solve(X.astype(float), y, n_alphas=8, groups=groups)
    for other in (X, sp.csc_array(X), sp.csc_array(X.astype(float))):
        two = solve(other, y, alphas=one["alphas"], groups=groups)
        np.testing.assert_allclose(two["coefs"], one["coefs"], atol=2e-5)
    again = solve(
        X.astype(float),
        y,
        alphas=one["alphas"][5],
        groups=groups,
        coef_init=np.ascontiguousarray(one["coefs"][5]),
        intercept_init=np.ascontiguousarray(one["intercepts"][5]),
    )
    np.testing.assert_allclose(again["coefs"][0], one["coefs"][5], atol=1e-6)
    assert again["n_iter"][0] <= 2
    Y = np.eye(3)[rng.integers(0, 3, 80)]
    multi = solve(X.astype(float), Y, "multinomial", n_alphas=5, eps=0.1, groups=groups)
    assert multi["converged"].all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"l1_ratio": 0.5}, "takes l1_ratio=0, got 0.5"),
        ({"lower": np.full(4, -1.0)}, "lower and upper do not go with penalty='fused'"),
        ({"groups": np.array([0, 0, 2, 2])}, "no column in group 1"),
        ({"groups": np.array([0, 0, 1])}, "groups"),
        ({"penalty_factor": np.ones(3)}, "penalty_factor"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        solve(np.eye(6)[:, :4], np.arange(6.0), alphas=0.1, **options)


@pytest.mark.parametrize("store", [np.asfortranarray, sp.csc_array])
@pytest.mark.parametrize("share", [0.9, 0.4, 0.1])
@pytest.mark.parametrize("scales", [(1e-3, 1e3), (1e3, 1e-3)])
def test_pair_of_badly_scaled_columns_in_closed_form(scales, share, store):
    # Counted from the light column, the two sums agree in six digits: the fit once stopped where it
    # began, and the certificate took its gap, 5e-3 of the null loss, for 1e-8.
    rng = np.random.default_rng(1)
    X = rng.standard_normal((20, 2)) * scales
    y = X @ (1.0 / np.array(scales)) + rng.standard_normal(20)
    light, total = int(scales[0] > scales[1]), X.sum(axis=1)
    u = X[:, light] - total * (total @ X[:, light]) / (total @ total)
    pull = u @ y / 20
    alpha = share * abs(pull)
    step = np.sign(pull) * (abs(pull) - alpha) / (u @ u / 20)  # of the light one from the other
    b = np.zeros(2)
    b[1 - light] = total @ (y - X[:, light] * step) / (total @ total)
    b[light] = b[1 - light] + step
    fit = solve(store(X), y, alphas=alpha, fit_intercept=False)
    assert fit["converged"][0]
    np.testing.assert_allclose(fit["coefs"][0, 0], b, rtol=1e-7, atol=1e-9)


def test_public_proximal_operator():
    x = np.random.default_rng(0).standard_normal(50)
    strengths = np.linspace(0, 1, 49)
    expected = _core.prox_tv1d(x, np.concatenate([[0], 0.5 * strengths]))
    np.testing.assert_array_equal(prox.tv1d(x, strengths, step=0.5), expected)
    np.testing.assert_allclose(prox.tv1d(x, 1e6), x.mean())
    np.testing.assert_array_equal(prox.tv1d([3.0], 1.0), [3.0])
    for bad, message in (
        ((np.eye(2), 1.0), "x must be a vector"),
        (([], 1.0), "x must be a vector"),
        (([1.0, np.nan], 1.0), "x must be a vector of finite"),
        ((x, -1.0), "alpha must be >= 0"),
        ((x, np.nan), "alpha must be >= 0"),
        ((x, np.ones(50)), r"alpha must be a number or have shape \(49,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            prox.tv1d(*bad)
    with pytest.raises(ValueError, match="step must be finite and > 0"):
        prox.tv1d(x, 1.0, step=0.0)


def test_estimator_takes_chains():
    X, y, _ = data()
    model = PenalizedGLM(datafit="quadratic", penalty=Fused(), alpha=0.1).fit(X, y)
    fit = solve(X, y, alphas=0.1, tol=1e-6)
    np.testing.assert_allclose(model.coef_.ravel(), fit["coefs"][0, 0], atol=1e-3)


@pytest.mark.parametrize("datafit", ["quadratic", "huber", "sqrt", "logistic", "poisson"])
def test_nothing_enters_where_free_ends_explain_all(datafit):
    """One free coefficient says it all: what is left to enter is rounding, at no strength."""
    rng = np.random.default_rng(3)
    X = np.repeat(rng.standard_normal((12, 1)), 3, axis=1) * [1.0, 1e-3, 1.0]
    X[:, 2] = 3.0
    y = rng.integers(0, 2, 12).astype(float)
    path = penalized_path(X, y, datafit, Fused(), n_alphas=3, standardize=True)
    assert path.alpha_max == 0.0
    assert path.converged.all()
    assert np.abs(path.coefs * X.std(axis=0)[:, None]).max() < 10.0


@pytest.mark.parametrize("make", [np.asfortranarray, sp.csc_array])
def test_sums_that_cancel_are_no_columns(make):
    """Once scaled, column 1 is minus column 0: their sum is rounding, and nothing stands on it."""
    rng = np.random.default_rng(4)
    X = rng.standard_normal((40, 4))
    X[:, 1] = -0.217 * X[:, 0]
    y = X[:, 2] + 0.1 * rng.standard_normal(40)
    labels = [0, 0, 1, 1]
    path = penalized_path(
        make(X), y, "quadratic", Fused(labels), n_alphas=5, eps=0.05, standardize=True
    )
    assert path.converged.all()
    assert np.abs(path.coefs).max() < 100.0

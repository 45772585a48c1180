# SPDX-License-Identifier: BSD-3-Clause
"""Ridge regression by systems that are solved with a learned parameter."""

from __future__ import annotations

import doctest
import importlib

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.linear_model import Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from taut.exceptions import ConvergenceWarning
from taut.linsolve import RidgePath


@parametrize_with_checks([RidgePath(alphas=np.geomspace(10.0, 1e-3, 6), tol=1e-12)])
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


def problem(sparse, n=80, p=30):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, p)) * (rng.random((n, p)) < 0.3) + 0.5 * (rng.random((n, p)) < 0.1)
    X[:, 3] = 0.0
    y = X[:, :5] @ np.arange(1.0, 6.0) + rng.normal(size=n) + 7.0
    return (sp.csr_array(X) if sparse else X), y, rng.random(n) + 0.1


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("policy", ["cheb", "binned", "tsallis_inf", "fixed"])
def test_path_is_that_of_scikit_learn(sparse, intercept, weighted, policy):
    X, y, weights = problem(sparse)
    w = weights if weighted else None
    alphas = [0.5, 10.0, 0.01]
    model = RidgePath(alphas, fit_intercept=intercept, policy=policy, random_state=0)
    model.fit(X, y, sample_weight=w)
    assert model.alphas_.tolist() == sorted(alphas, reverse=True)
    total = weights.sum() if weighted else 80.0
    for j, alpha in enumerate(model.alphas_):
        peer = Ridge(alpha=alpha * total, fit_intercept=intercept, tol=1e-12)
        peer.fit(X.toarray() if sparse else X, y, sample_weight=w)
        np.testing.assert_allclose(model.coefs_[:, j], peer.coef_, atol=1e-7)
        assert model.intercepts_[j] == pytest.approx(peer.intercept_, abs=1e-7)
    assert model.solver_.n_rounds_ == 3 * (1 + model.n_probes)
    np.testing.assert_allclose(
        model.predict(X), X @ model.coef_ + model.intercept_, rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("sparse", [False, True])
def test_degrees_of_freedom_are_the_trace_and_choose_as_exact_gcv(sparse):
    X, y, _ = problem(sparse)
    model = RidgePath(n_probes=400, random_state=0).fit(X, y)
    dense = X.toarray() if sparse else X
    centred = dense - dense.mean(axis=0)
    values = np.linalg.eigvalsh(centred.T @ centred / 80)
    exact = 1.0 + (values / (values + model.alphas_[:, None])).sum(axis=1)
    np.testing.assert_allclose(model.dof_, exact, rtol=0.03)
    fitted = centred @ model.coefs_ + y.mean()
    gcv = ((y[:, None] - fitted) ** 2).mean(axis=0) / (1.0 - exact / 80) ** 2
    assert abs(int(gcv.argmin()) - int(model.gcv_.argmin())) <= 1
    assert model.alpha_ == model.alphas_[model.gcv_.argmin()]


def test_more_features_than_samples():
    rng = np.random.default_rng(1)
    X = sp.random_array((40, 400), density=0.03, rng=rng, format="csr")
    y = rng.normal(size=40)
    model = RidgePath(random_state=0).fit(X, y)
    assert np.isfinite(model.coefs_).all()
    assert (model.residuals_ < 1e-8).all()


def test_same_seed_same_path():
    X, y, _ = problem(True)
    one, two = (RidgePath(random_state=3, n_jobs=jobs).fit(X, y) for jobs in (1, 2))
    assert one.coefs_.tobytes() == two.coefs_.tobytes()
    assert one.solver_.arms_.tolist() == two.solver_.arms_.tolist()


def test_early_end_is_told():
    X, y, _ = problem(False)
    with pytest.warns(ConvergenceWarning, match="ssor_cg ended after 1 iterations"):
        RidgePath([1e-3], max_iter=1, random_state=0).fit(X, y)


@pytest.mark.parametrize("alphas", [[0.0], [-1.0], [], [np.nan], [[1.0]]])
def test_strengths_that_are_refused(alphas):
    X, y, _ = problem(False)
    with pytest.raises(ValueError, match="alphas must be finite numbers > 0"):
        RidgePath(alphas).fit(X, y)


def test_examples():
    outcome = doctest.testmod(importlib.import_module("taut.linsolve._ridge"))
    assert outcome.attempted > 0
    assert outcome.failed == 0

# SPDX-License-Identifier: BSD-3-Clause
"""Logistic Lasso against peers, stored fits of glmnet and an independent solver."""

from __future__ import annotations

import golden
import numpy as np
import pytest
import reference_solver
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression

from taut.linear_model import LogisticLasso, MultinomialLasso, logistic_path

TIGHT = {"tol": 1e-11}


def make(n=80, p=10, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) + 0.3
    y = (X[:, :3] @ [1.5, -1.0, 0.5] + rng.logistic(size=n) > 0).astype(int)
    return X, y


def test_known_solution():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 8))
    w = np.array([2, -1, 0.5, 0, 0, 0, 0, 0])
    y = X @ w + 1 + 0.5 * rng.standard_normal(60) > 1
    assert y.sum() == 31
    model = LogisticLasso(0.05, **TIGHT).fit(X, y)
    np.testing.assert_allclose(
        model.coef_[0], [1.879833, -1.161132, 0.418734, 0, 0, 0, 0, 0], atol=1e-6
    )
    assert model.intercept_[0] == pytest.approx(0.077210, abs=1e-6)
    assert model.alpha_max_ == pytest.approx(0.252063069236, rel=1e-10)
    eta = model.decision_function(X)
    value = np.mean(np.logaddexp(0, eta) - y * eta) + 0.05 * np.abs(model.coef_).sum()
    assert value == pytest.approx(0.472998472083, abs=1e-11)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_agrees_with_scikit_learn(weighted, fit_intercept, l1_ratio):
    X, y = make()
    weight = np.random.default_rng(1).uniform(0.2, 2, 80) if weighted else None
    total = 80 if weight is None else weight.sum()
    theirs = LogisticRegression(
        C=1 / (0.02 * total),
        l1_ratio=l1_ratio,
        solver="saga",
        tol=1e-12,
        max_iter=100_000,
        fit_intercept=fit_intercept,
        random_state=0,
    ).fit(X, y, sample_weight=weight)
    ours = LogisticLasso(0.02, l1_ratio=l1_ratio, fit_intercept=fit_intercept, **TIGHT)
    ours.fit(X, y, sample_weight=weight)
    # saga stops on the largest change of a coefficient
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=2e-6)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=2e-6)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=2e-6)


@pytest.mark.parametrize("name", golden.cases("binomial"))
def test_path_equals_glmnet(name):
    case = golden.load("binomial", name)
    path = logistic_path(
        case.X, case.y, alphas=case.alphas, sample_weight=case.weight, tol=1e-12, **case.options
    )
    case.check(path.coefs.T[:, None], path.intercepts[:, None])
    np.testing.assert_allclose(path.dev_ratio, case.raw["dev_ratio"], atol=1e-8)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"l1_ratio": 0.4},
        {"standardize": True},
        {"fit_intercept": False},
        {"penalty_factor": [0, 1, 2, 1, np.inf, 0.5, 1, 1, 1, 1]},
        {"lower": np.full(10, -0.2), "upper": np.full(10, 0.4)},
        {"offset": np.linspace(-1, 1, 80)},
        {"sample_weight": np.r_[np.zeros(10), np.linspace(0.1, 2, 70)], "standardize": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("sparse", [False, True])
def test_agrees_with_an_independent_solver(options, sparse):
    X, y = make(seed=2)
    X[np.abs(X) < 0.4] = 0.0
    alphas = np.array([0.1, 0.03, 0.005])
    path = logistic_path(sp.csc_array(X) if sparse else X, y, alphas=alphas, **options, **TIGHT)
    expected = reference_solver.fit_path(X, y, "logistic", alphas=alphas, **options)
    np.testing.assert_allclose(path.objective, expected["objective"], rtol=1e-9)
    np.testing.assert_allclose(path.coefs.T, expected["coefs"][:, 0], atol=2e-5)
    np.testing.assert_allclose(path.intercepts, expected["intercepts"][:, 0], atol=2e-5)
    assert path.null_loss == pytest.approx(expected["null_loss"], rel=1e-9)
    assert path.alpha_max == pytest.approx(expected["alpha_max"], rel=1e-7)


def test_exchange_of_the_classes_turns_the_signs():
    X, y = make()
    one, two = LogisticLasso(0.02, **TIGHT).fit(X, y), LogisticLasso(0.02, **TIGHT).fit(X, 1 - y)
    np.testing.assert_allclose(one.coef_, -two.coef_, atol=1e-7)
    np.testing.assert_allclose(one.intercept_, -two.intercept_, atol=1e-7)


def test_integer_weights_are_repetitions():
    X, y = make()
    times = np.random.default_rng(0).integers(0, 4, 80)
    np.testing.assert_allclose(
        LogisticLasso(0.02, **TIGHT).fit(X, y, sample_weight=times).coef_,
        LogisticLasso(0.02, **TIGHT).fit(X.repeat(times, axis=0), y.repeat(times)).coef_,
        atol=1e-7,
    )


@pytest.mark.parametrize("alpha", [0.1, 0.02])
def test_two_classes_of_the_multinomial_are_the_logistic_lasso(alpha):
    X, y = make()
    binary = LogisticLasso(alpha, standardize=True, **TIGHT).fit(X, y)
    several = MultinomialLasso(alpha, **TIGHT).fit(X, y)
    assert several.coef_.shape == (2, 10)
    np.testing.assert_allclose(several.coef_[1] - several.coef_[0], binary.coef_[0], atol=2e-6)
    np.testing.assert_allclose(several.decision_function(X), binary.decision_function(X), atol=1e-5)
    assert several.alpha_max_ == pytest.approx(binary.alpha_max_)


def test_path_equals_single_fits():
    X, y = make(40, 60)
    path = logistic_path(X, y, n_alphas=8, eps=0.05, **TIGHT)
    for i, alpha in enumerate(path.alphas):
        model = LogisticLasso(alpha, **TIGHT).fit(X, y)
        np.testing.assert_allclose(model.coef_[0], path.coefs[:, i], atol=1e-5)


def test_zero_at_alpha_max_and_prior_as_prediction():
    X, y = make()
    model = LogisticLasso(1.0).fit(X, y)
    assert not np.any(model.coef_)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], y.mean())
    below = LogisticLasso(0.99 * model.alpha_max_, **TIGHT).fit(X, y)
    assert np.count_nonzero(below.coef_) == 1


def test_alpha_zero_is_plain_logistic_regression():
    X, y = make()
    ours = LogisticLasso(0.0, **TIGHT).fit(X, y)
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)
    assert ours.dual_gap_ <= 1e-10


def test_unpenalised_feature_is_in_the_null_model():
    X, y = make()
    factor = np.r_[0.0, np.ones(9)]
    model = LogisticLasso(5.0, penalty_factor=factor, **TIGHT).fit(X, y)
    alone = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(X[:, :1], y)
    assert np.flatnonzero(model.coef_).tolist() == [0]
    assert model.coef_[0, 0] == pytest.approx(alone.coef_[0, 0], rel=1e-5)


def test_separable_classes_stay_finite():
    X = np.linspace(-1, 1, 20)[:, None]
    path = logistic_path(X, X[:, 0] > 0, early_stop=True)
    assert np.isfinite(path.coefs).all()
    assert path.dev_ratio[-1] > 0.9


def test_threads_give_equal_bits():
    rng = np.random.default_rng(5)
    X = rng.standard_normal((200, 1000))
    y = X[:, :10].sum(axis=1) + rng.logistic(size=200) > 0
    results = [logistic_path(X, y, n_alphas=10, eps=0.1, n_jobs=k) for k in (1, 2, 4)]
    for other in results[1:]:
        np.testing.assert_array_equal(other.coefs, results[0].coefs)
        np.testing.assert_array_equal(other.dual_gaps, results[0].dual_gaps)

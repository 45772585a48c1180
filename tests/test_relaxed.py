# SPDX-License-Identifier: BSD-3-Clause
"""Relaxed fits and refits against R's glmnet, NumPy's least squares and themselves."""

from __future__ import annotations

import json

import golden
import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

from taut.linear_model import (
    GroupLasso,
    Lasso,
    LassoCV,
    LogisticLasso,
    MultinomialLasso,
    PenalizedGLM,
    RelaxedLasso,
    RelaxedLassoCV,
    lasso_path,
    relaxed_path,
)
from taut.model_selection import PathCV, PathIC, Refitted, StabilitySelection

CASES = ["binomial", "gaussian", "gaussian_weights", "gaussian_wide"]


def read(name):
    raw = json.loads((golden.ROOT / "relaxed" / f"{name}.json").read_text())
    with (golden.ROOT / raw["table"]).open() as file:
        header = file.readline().strip().split(",")
        table = np.loadtxt(file, delimiter=",")
    column = dict(zip(header, table.T, strict=True))
    X = np.asfortranarray(table[:, : header.index("y")])
    weight = column["weight"] if raw["weighted"] else None
    return X, column["y"], column["fold"].astype(int), weight, raw


@pytest.mark.parametrize("name", CASES)
def test_refits_are_those_of_glmnet(name):
    X, y, _, weight, raw = read(name)
    datafit = "logistic" if raw["family"] == "binomial" else "quadratic"
    path = relaxed_path(
        X, y, datafit, alphas=raw["lambda"], sample_weight=weight, standardize=True, tol=1e-9
    )
    kept = np.array(raw["index"])
    theirs = np.array(raw["coef"])[:, 0]
    ours = (path.coefs.T if path.coefs.ndim == 2 else path.coefs[:, 0])[kept]
    b0 = np.array(raw["intercept"]).ravel()
    fitted = theirs @ X.T + b0[:, None]
    np.testing.assert_allclose(
        ours @ X.T + path.intercepts.ravel()[kept][:, None],
        fitted,
        atol=2e-6 * np.abs(fitted).max(),
    )
    if name == "gaussian_wide":
        return  # two of its columns are proportional: only fitted values are unique
    np.testing.assert_array_equal(ours != 0, theirs != 0)
    scale = X.std(axis=0)
    # The refit is determined by its features: what differs is what glmnet left undone.
    size = np.abs(theirs * scale).max(axis=1, keepdims=True) + 1e-300
    np.testing.assert_allclose(ours * scale / size, theirs * scale / size, rtol=0, atol=2e-6)
    np.testing.assert_allclose(path.intercepts.ravel()[kept], b0, rtol=2e-6)


def test_cross_validation_over_strength_and_mixture_is_that_of_glmnet():
    X, y, fold, _, raw = read("gaussian")
    cv = raw["cv"]
    model = RelaxedLassoCV(
        alphas=raw["lambda"], gamma=cv["gamma"], cv=fold, standardize=True, tol=1e-10
    ).fit(X, y)
    assert model.gamma_ == cv["gamma_min"]
    assert model.alpha_ == pytest.approx(cv["lambda_min"], rel=1e-12)
    which = cv["gamma"].index(model.gamma_)
    # cv.glmnet ran at thresh 1e-13, which leaves an error of that size in its own curve.
    np.testing.assert_allclose(model.cv_mean_, cv["cvm"][which], rtol=5e-6)
    np.testing.assert_allclose(model.cv_se_, cv["cvsd"][which], rtol=5e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0])
def test_every_mixture_has_glmnets_curve(gamma):
    X, y, fold, _, raw = read("gaussian")
    cv = raw["cv"]
    model = RelaxedLassoCV(
        alphas=raw["lambda"], gamma=gamma, cv=fold, standardize=True, tol=1e-10
    ).fit(X, y)
    curve = cv["cvm"][cv["gamma"].index(gamma)]
    np.testing.assert_allclose(model.cv_mean_, curve, rtol=1e-6)


def test_path_cv_relaxes_any_model():
    X, y, fold, _, _ = read("gaussian")
    named = RelaxedLassoCV(alphas=30, eps=1e-3, cv=fold, standardize=True).fit(X, y)
    general = PathCV(
        Lasso(standardize=True), relax=(0.0, 0.25, 0.5, 0.75, 1.0), alphas=30, eps=1e-3, cv=fold
    ).fit(X, y)
    assert general.best_params_ == {"relax": named.gamma_}
    np.testing.assert_array_equal(general.coef_, named.coef_)
    X, y = load_breast_cancer(return_X_y=True)
    model = PathCV(
        PenalizedGLM("logistic", standardize=True), relax=[0.0, 1.0], alphas=10, eps=0.1, cv=3
    ).fit(X, y)
    assert model.score(X, y) > 0.9


def test_gamma_0_is_least_squares_and_gamma_1_the_lasso():
    X, y = load_diabetes(return_X_y=True)
    lasso = Lasso(5.0, standardize=True, tol=1e-12).fit(X, y)
    on = lasso.coef_ != 0
    assert 0 < on.sum() < 10
    plain = RelaxedLasso(5.0, standardize=True, tol=1e-12).fit(X, y)
    A = np.c_[X[:, on], np.ones(len(y))]
    best = np.linalg.lstsq(A, y, rcond=None)[0]
    np.testing.assert_allclose(plain.coef_[on], best[:-1], rtol=1e-9)
    assert not plain.coef_[~on].any()
    assert plain.intercept_ == pytest.approx(best[-1], rel=1e-9)
    same = RelaxedLasso(5.0, gamma=1.0, standardize=True, tol=1e-12).fit(X, y)
    np.testing.assert_array_equal(same.coef_, lasso.coef_)
    half = RelaxedLasso(5.0, gamma=0.5, standardize=True, tol=1e-12).fit(X, y)
    np.testing.assert_allclose(half.coef_, (plain.coef_ + lasso.coef_) / 2, rtol=1e-12)
    assert 0 <= plain.refit_gap_ <= 1e-9


def test_bounds_hold_in_the_refit_too():
    X, y = load_diabetes(return_X_y=True)
    model = RelaxedLasso(1.0, positive=True, upper=300.0, standardize=True).fit(X, y)
    assert model.coef_.min() >= 0
    assert model.coef_.max() == pytest.approx(300.0)


def test_supports_that_leave_no_residual_end_the_path():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, 60)), rng.standard_normal(20)
    whole = lasso_path(X, y, n_alphas=50, eps=1e-3)
    path = relaxed_path(X, y, n_alphas=50, eps=1e-3)
    assert whole.n_active.max() > 17
    assert path.n_active.max() <= 17
    assert 0 < len(path.alphas) < 50
    np.testing.assert_array_equal(path.alphas, whole.alphas[: len(path.alphas)])
    # A single fit with too many features is the penalised one.
    alpha = float(whole.alphas[-1])
    np.testing.assert_array_equal(RelaxedLasso(alpha).fit(X, y).coef_, Lasso(alpha).fit(X, y).coef_)


def test_sparse_equals_dense():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((50, 12)) * (rng.random((50, 12)) < 0.4)
    y = X[:, 0] - X[:, 1] + 0.3 * rng.standard_normal(50)
    dense = relaxed_path(X, y, n_alphas=10, eps=0.05)
    sparse = relaxed_path(sp.csc_array(X), y, n_alphas=10, eps=0.05)
    np.testing.assert_allclose(sparse.coefs, dense.coefs, atol=1e-7)


# --------------------------------------------------------------------------------------- Refitted


def test_refit_of_two_classes_has_zero_gradient():
    X, y = load_breast_cancer(return_X_y=True)
    model = Refitted(LogisticLasso(0.1, standardize=True)).fit(X, y)
    on = model.support_
    assert 0 < on.sum() < 10
    p = model.predict_proba(X)[:, 1]
    gradient = (y - p) @ np.c_[X[:, on], np.ones(len(y))] / len(y)
    scale = np.r_[np.abs(X[:, on]).max(axis=0), 1.0]
    assert np.abs(gradient / scale).max() < 1e-7
    assert np.abs(model.coef_).sum() > np.abs(model.selector_.coef_).sum()


def test_refit_of_three_classes_has_zero_gradient():
    X, y = load_iris(return_X_y=True)
    model = Refitted(MultinomialLasso(0.3)).fit(X, y)
    on = model.support_
    P = model.predict_proba(X)
    gradient = (np.eye(3)[y] - P).T @ np.c_[X[:, on], np.ones(len(y))] / len(y)
    assert np.abs(gradient).max() < 1e-5
    assert set(model.predict(X)) == {0, 1, 2}


@pytest.mark.parametrize(
    "selector",
    [
        LassoCV(alphas=20, rule="1se", standardize=True),
        PathIC(Lasso(standardize=True), alphas=20),
        PathCV(Lasso(standardize=True), alphas=20),
        StabilitySelection(Lasso(standardize=True), n_resamples=10, random_state=0),
    ],
    ids=lambda s: type(s).__name__,
)
def test_any_selector_is_followed_by_least_squares(selector):
    X, y = load_diabetes(return_X_y=True)
    model = Refitted(selector).fit(X, y)
    on = model.support_
    best = np.linalg.lstsq(np.c_[X[:, on], np.ones(len(y))], y, rcond=None)[0]
    np.testing.assert_allclose(model.coef_[on], best[:-1], rtol=1e-6)
    assert not model.coef_[~on].any()
    np.testing.assert_allclose(model.predict(X), model.estimator_.predict(X))


def test_weights_reach_the_refit():
    X, y = load_diabetes(return_X_y=True)
    weight = np.arange(len(y)) % 3
    rows = np.repeat(np.arange(len(y)), weight)
    one = Refitted(Lasso(5.0, standardize=True)).fit(X, y, sample_weight=weight)
    two = Refitted(Lasso(5.0, standardize=True)).fit(X[rows], y[rows])
    np.testing.assert_allclose(one.coef_, two.coef_, rtol=1e-8)


def test_nothing_selected_leaves_the_intercept():
    X, y = load_diabetes(return_X_y=True)
    model = Refitted(Lasso(1e6)).fit(X, y)
    assert not model.coef_.any()
    assert model.intercept_ == pytest.approx(y.mean())


def test_groups_are_refitted_as_a_whole():
    X, y = load_diabetes(return_X_y=True)
    groups = [0] * 4 + [1] * 6
    model = Refitted(GroupLasso(0.05, groups=groups)).fit(X, y)
    best = np.linalg.lstsq(np.c_[X[:, model.support_], np.ones(len(y))], y, rcond=None)[0]
    np.testing.assert_allclose(model.coef_[model.support_], best[:-1], rtol=1e-6)

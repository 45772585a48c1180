# SPDX-License-Identifier: BSD-3-Clause
"""Criteria, path choices and stability selection against closed forms and by recomputation."""

from __future__ import annotations

import doctest
import importlib
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.stats import norm
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import Lasso as TheirLasso
from sklearn.linear_model import LassoLarsIC
from sklearn.preprocessing import StandardScaler

from taut.linear_model import (
    AdaptiveLasso,
    ElasticNet,
    ElasticNetCV,
    Lasso,
    LassoCV,
    LogisticLasso,
    LogisticLassoCV,
    MultinomialLasso,
    PenalizedGLM,
    enet_path,
    group_lasso_path,
    lasso_path,
    logistic_path,
    multinomial_path,
)
from taut.model_selection import (
    PathCV,
    PathIC,
    StabilitySelection,
    information_criterion,
)
from taut.model_selection._stability import _unimodal_bound
from taut.penalties import ElasticNet as ElasticNetPenalty


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return StandardScaler().fit_transform(X), y


# ---------------------------------------------------------------------------------------- criteria


@pytest.mark.parametrize("criterion", ["aic", "bic"])
def test_lasso_criterion_is_that_of_lars(diabetes, criterion):
    X, y = diabetes
    theirs = LassoLarsIC(criterion=criterion).fit(X, y)
    path = lasso_path(X, y, alphas=theirs.alphas_, tol=1e-12)
    ours = information_criterion(
        path, X, y, criterion=criterion, noise_variance=theirs.noise_variance_
    )
    # scikit-learn adds n log(2 pi sigma^2) and does not count the intercept.
    price = 2.0 if criterion == "aic" else np.log(len(y))
    constant = len(y) * np.log(2 * np.pi * theirs.noise_variance_) - price
    order = np.argsort(-theirs.alphas_, kind="stable")
    # At a knot of the path a coefficient is zero up to rounding: compare where counts agree.
    same = np.isclose(ours.values + constant, theirs.criterion_[order], rtol=1e-9)
    off = np.abs(ours.values + constant - theirs.criterion_[order]) / price
    assert same.mean() > 0.5
    np.testing.assert_allclose(off, np.round(off), atol=1e-6)
    assert off.max() <= 1 + 1e-6


def test_profiled_variance_by_hand(diabetes):
    X, y = diabetes
    path = lasso_path(X, y, n_alphas=20)
    found = information_criterion(path, X, y)
    rss = ((y[:, None] - X @ path.coefs - path.intercepts) ** 2).sum(axis=0)
    n = len(y)
    df = (path.coefs != 0).sum(axis=0) + 1
    np.testing.assert_array_equal(found.df, df)
    np.testing.assert_allclose(found.values, n * np.log(rss / n) + np.log(n) * df, rtol=1e-10)
    assert found.index_min == np.argmin(found.values)
    assert found.alpha_min == path.alphas[found.index_min]


def test_ebic_counts_the_models_of_a_size(diabetes):
    from scipy.special import comb

    X, y = diabetes
    path = lasso_path(X, y, n_alphas=20)
    bic = information_criterion(path, X, y)
    size = (path.coefs != 0).sum(axis=0)
    for gamma in (0.0, 0.5, 1.0):
        ebic = information_criterion(path, X, y, criterion="ebic", ebic_gamma=gamma)
        extra = 2 * gamma * np.log(comb(10, size))
        np.testing.assert_allclose(ebic.values, bic.values + extra, rtol=1e-10)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("stored_sparse", [False, True])
def test_ridge_has_the_trace_of_its_hat_matrix(stored_sparse, standardize):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 6)) * np.array([1, 2, 3, 0.5, 1, 4.0]) + 1.0
    y = X[:, 0] + rng.standard_normal(40)
    A = sp.csc_array(X) if stored_sparse else X
    path = enet_path(A, y, l1_ratio=0.0, alphas=[0.5], standardize=standardize)
    C = X - X.mean(axis=0)
    D = X.var(axis=0) if standardize else np.ones(6)
    hat = C @ np.linalg.solve(C.T @ C / 40 + 0.5 * np.diag(D), C.T) / 40
    found = information_criterion(path, A, y)
    assert found.df[0] == pytest.approx(1 + np.trace(hat), rel=1e-9)


def test_degrees_of_freedom_are_those_of_steins_lemma():
    # df = sum_i cov(y_i, fit_i) / sigma^2 = E div(fit), estimated by differences.
    rng = np.random.default_rng(3)
    X = rng.standard_normal((30, 5))
    y = X @ [1.0, -0.5, 0.3, 0, 0] + rng.standard_normal(30)
    options = {"alphas": [0.1], "l1_ratio": 0.5, "tol": 1e-14}

    def fitted(v):
        path = enet_path(X, v, **options)
        return X @ path.coefs[:, 0] + path.intercepts[0]

    h = 1e-5
    divergence = sum(
        (fitted(y + h * e)[i] - fitted(y - h * e)[i]) / (2 * h) for i, e in enumerate(np.eye(30))
    )
    found = information_criterion(enet_path(X, y, **options), X, y)
    assert found.df[0] == pytest.approx(divergence, rel=1e-5)


def test_likelihoods_of_classes():
    X, y = load_breast_cancer(return_X_y=True)
    path = logistic_path(X, y, n_alphas=5, eps=0.1, standardize=True)
    found = information_criterion(path, X, y, criterion="aic")
    eta = X @ path.coefs.reshape(30, 5) + path.intercepts.ravel()
    expected = 2 * (np.logaddexp(0, eta) - y[:, None] * eta).sum(axis=0)
    np.testing.assert_allclose(found.deviance, expected, rtol=1e-9)
    X, y = load_iris(return_X_y=True)
    path = multinomial_path(X, y, n_alphas=5, eps=0.1)
    found = information_criterion(path, X, y)
    assert found.deviance[0] == pytest.approx(2 * 150 * np.log(3))
    # Two free intercepts: the third is fixed by the others.
    np.testing.assert_array_equal(found.df, (path.coefs != 0).sum(axis=(1, 2)) + 2)


def test_grouped_multinomial_counts_between_groups_and_coefficients():
    X, y = load_iris(return_X_y=True)
    path = multinomial_path(X, y, grouped=True, n_alphas=10, eps=0.05)
    df = information_criterion(path, X, y).df
    active = path.coefs.any(axis=1).sum(axis=1)
    assert np.all(df <= 3 * active + 2 + 1e-9)
    assert np.all(df[active > 0] > 2)


def test_weights_count_rows(diabetes):
    X, y = diabetes
    weight = np.r_[np.ones(300), np.zeros(142)]
    one = lasso_path(X, y, n_alphas=10, sample_weight=weight)
    two = lasso_path(X[:300], y[:300], n_alphas=10)
    np.testing.assert_allclose(
        information_criterion(one, X, y, sample_weight=weight).values,
        information_criterion(two, X[:300], y[:300]).values,
        rtol=1e-6,
    )
    three = lasso_path(np.r_[X[:300], X[:300]], np.r_[y[:300], y[:300]], alphas=two.alphas)
    np.testing.assert_allclose(
        information_criterion(one, X, y, sample_weight=2 * weight).values,
        information_criterion(three, np.r_[X[:300], X[:300]], np.r_[y[:300], y[:300]]).values,
        rtol=1e-6,
    )


def test_saturated_models_are_never_chosen():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((15, 40)), rng.standard_normal(15)
    found = information_criterion(lasso_path(X, y), X, y)
    assert np.isinf(found.values[found.df >= 15]).all()
    assert found.df[found.index_min] < 15


BAD_CRITERIA = [
    ("name", {"criterion": "cp"}, "criterion must be one of"),
    ("gamma", {"ebic_gamma": 2.0}, r"ebic_gamma must lie in \[0, 1\], got 2.0"),
    ("variance", {"noise_variance": -1.0}, "noise_variance must be > 0, got -1.0"),
]


@pytest.mark.parametrize(("options", "message"), [b[1:] for b in BAD_CRITERIA])
def test_bad_criteria(diabetes, options, message):
    X, y = diabetes
    with pytest.raises(ValueError, match=message):
        information_criterion(lasso_path(X, y, n_alphas=3), X, y, **options)


def test_path_of_other_data_is_refused(diabetes):
    X, y = diabetes
    path = lasso_path(X, y, n_alphas=3)
    with pytest.raises(ValueError, match="X has 4 features, the path was fitted to 10"):
        information_criterion(path, X[:, :4], y)
    bare = replace(path, datafit=None, penalty=None)
    with pytest.raises(ValueError, match="does not say what was minimised"):
        information_criterion(bare, X, y)
    labels = logistic_path(X, y > 100, n_alphas=3)
    with pytest.raises(ValueError, match="y has classes"):
        information_criterion(labels, X, np.where(y > 100, "a", "b"))


# ------------------------------------------------------------------------------------ path choices


@pytest.mark.parametrize(
    ("named", "single"),
    [
        (LassoCV(alphas=15, eps=1e-2), Lasso()),
        (ElasticNetCV(alphas=15, eps=1e-2, l1_ratio=0.7), ElasticNet(l1_ratio=0.7)),
        (LassoCV(alphas=15, eps=1e-2, rule="1se"), PenalizedGLM()),
        (
            LogisticLassoCV(alphas=10, eps=0.1, scoring="class"),
            PenalizedGLM("logistic"),
        ),
    ],
    ids=["lasso", "enet", "1se", "logistic"],
)
def test_path_cv_is_the_named_twin(diabetes, named, single):
    X, y = diabetes
    y = y > 140 if isinstance(named, LogisticLassoCV) else y
    named = named.fit(X, y)
    options = {k: getattr(named, k) for k in ("alphas", "eps", "rule")}
    general = PathCV(single, scoring=named.scoring, **options).fit(X, y)
    np.testing.assert_array_equal(general.loss_path_, named.loss_path_)
    np.testing.assert_array_equal(general.coef_, named.coef_)
    assert general.alpha_ == named.alpha_ == general.estimator_.alpha
    np.testing.assert_array_equal(general.predict(X), named.predict(X))
    assert general.score(X, y) == named.score(X, y)
    assert hasattr(general, "predict_proba") == hasattr(named, "predict_proba")


def test_grid_of_the_penalty_is_searched(diabetes):
    X, y = diabetes
    ratios = [0.2, 0.9]
    named = ElasticNetCV(alphas=15, eps=1e-2, l1_ratio=ratios).fit(X, y)
    one = PathCV(ElasticNet(), grid={"l1_ratio": ratios}, alphas=15, eps=1e-2).fit(X, y)
    two = PathCV(
        PenalizedGLM(penalty="elastic_net"),
        grid={"penalty__l1_ratio": ratios},
        alphas=15,
        eps=1e-2,
    ).fit(X, y)
    assert one.best_params_ == {"l1_ratio": named.l1_ratio_}
    assert two.best_params_ == {"penalty__l1_ratio": named.l1_ratio_}
    assert two.estimator_.penalty == ElasticNetPenalty(named.l1_ratio_)
    for model in (one, two):
        np.testing.assert_array_equal(model.coef_, named.coef_)
    kinds = PathCV(PenalizedGLM(), grid={"penalty": ["l1", "elastic_net"]}, alphas=10).fit(X, y)
    assert kinds.best_params_["penalty"] in ("l1", "elastic_net")


def test_path_ic_takes_the_minimum(diabetes):
    X, y = diabetes
    model = PathIC(Lasso(), criterion="bic", alphas=40, eps=1e-3).fit(X, y)
    by_hand = information_criterion(model.path_, X, y)
    assert model.alpha_ == by_hand.alpha_min == model.estimator_.alpha
    np.testing.assert_array_equal(model.criterion_, by_hand.values)
    np.testing.assert_allclose(
        model.coef_, clone(model.estimator_).set_params(tol=1e-9).fit(X, y).coef_, atol=0.05
    )
    sparser = PathIC(Lasso(), criterion="ebic", alphas=40, eps=1e-3).fit(X, y)
    richer = PathIC(Lasso(), criterion="aic", alphas=40, eps=1e-3).fit(X, y)
    counts = [int((m.coef_ != 0).sum()) for m in (sparser, model, richer)]
    assert counts == sorted(counts)


def test_path_ic_of_classes_predicts_labels():
    X, y = load_iris(return_X_y=True)
    names = np.array(["a", "b", "c"])[y]
    model = PathIC(MultinomialLasso(), alphas=20).fit(X, names)
    assert model.score(X, names) > 0.9
    assert model.predict_proba(X).shape == (150, 3)
    assert model.classes_.tolist() == ["a", "b", "c"]


BAD_CHOICES = [
    (lambda X, y: PathCV(TheirLasso()).fit(X, y), TypeError, "needs an estimator of taut"),
    (lambda X, y: PathIC(LassoCV()).fit(X, y), TypeError, "that has alpha"),
    (lambda X, y: PathCV(Lasso(tol=-1)).fit(X, y), ValueError, "'tol' parameter of Lasso"),
    (
        lambda X, y: PathCV(Lasso(), grid={"tol": [1]}).fit(X, y),
        ValueError,
        "parameters of the",
    ),
    (lambda X, y: PathCV(Lasso(), scoring="auc").fit(X, y), ValueError, "'mse', 'mae' with"),
    (lambda X, y: PathCV(Lasso(), relax=[2.0]).fit(X, y), ValueError, r"relax must lie in \[0, 1"),
    (lambda X, y: PathCV(Lasso(), alphas=[-1.0]).fit(X, y), ValueError, "alphas must be finite"),
    (lambda X, y: PathIC(Lasso(), criterion="cp").fit(X, y), ValueError, "'criterion' parameter"),
    (lambda X, y: PathIC(Lasso(), max_active=0).fit(X, y), ValueError, "'max_active' parameter"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD_CHOICES)
def test_bad_choices(diabetes, call, error, message):
    with pytest.raises(error, match=message):
        call(*diabetes)


def test_failed_path_cv_is_not_fitted(diabetes):
    X, y = diabetes
    model = PathCV(Lasso(), scoring="auc")
    with pytest.raises(ValueError, match="scoring"):
        model.fit(X, y)
    assert not hasattr(model, "estimator_")


# --------------------------------------------------------------------------------------- stability


@pytest.fixture(scope="module")
def signal():
    rng = np.random.default_rng(5)
    X = rng.standard_normal((120, 40))
    return X, X[:, :3] @ [2.0, -2.0, 1.5] + rng.standard_normal(120)


def test_stability_finds_the_signal(signal):
    X, y = signal
    model = StabilitySelection(Lasso(), n_resamples=20, random_state=0).fit(X, y)
    assert model.get_support(indices=True).tolist() == [0, 1, 2]
    assert model.transform(X).shape == (120, 3)
    assert model.error_bound_ <= 1.0
    assert model.mean_selected_ <= model.max_features_


@pytest.mark.parametrize("n_jobs", [2, -1])
def test_stability_does_not_depend_on_threads(signal, n_jobs):
    X, y = signal
    one = StabilitySelection(n_resamples=10, random_state=3).fit(X, y)
    many = StabilitySelection(n_resamples=10, random_state=3, n_jobs=n_jobs).fit(X, y)
    np.testing.assert_array_equal(one.probabilities_path_, many.probabilities_path_)
    other = StabilitySelection(n_resamples=10, random_state=4).fit(X, y)
    assert not np.array_equal(one.selection_probabilities_, other.selection_probabilities_)


def test_shares_are_counts_of_features_that_entered_first(signal):
    X, y = signal
    model = StabilitySelection(
        Lasso(), n_resamples=4, max_features=5, alphas=60, eps=0.05, random_state=1
    ).fit(X, y)
    rng = np.random.default_rng(1)
    count = np.zeros(40)
    for _ in range(4):
        shuffled = rng.permutation(120)
        for half in (np.sort(shuffled[:60]), np.sort(shuffled[60:])):
            used = lasso_path(X[half], y[half], alphas=model.alphas_).coefs != 0
            ever = np.logical_or.accumulate(used, axis=1)
            within = np.flatnonzero(ever.sum(axis=0) <= 5)
            count += ever[:, within[-1]]
    np.testing.assert_allclose(model.selection_probabilities_, count / 8, atol=1e-12)
    path = model.probabilities_path_
    assert np.all(np.diff(path, axis=0) >= 0)
    np.testing.assert_array_equal(path[-1], model.selection_probabilities_)


def test_error_bounds_by_hand():
    # Shah and Samworth's theorem 2 in its two pieces, and where it says nothing.
    assert _unimodal_bound(10, 1000, 0.6, 50) == pytest.approx(0.1 / (2 * (0.2 - 0.01)))
    assert _unimodal_bound(10, 1000, 0.9, 50) == pytest.approx(0.1 * 4 * (0.1 + 0.01) / 1.02)
    assert np.isnan(_unimodal_bound(8, 10, 0.9, 50))
    assert np.isnan(_unimodal_bound(10, 1000, 0.5001, 50))
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 50)), rng.standard_normal(40)
    model = StabilitySelection(n_resamples=2, threshold=0.9, max_features=4, random_state=0)
    assert model.fit(X, y).error_bound_ == pytest.approx(16 / (0.8 * 50))


def test_noise_alone_is_kept_as_rarely_as_promised():
    # 40 tables of noise; the expected number of kept features is bounded by 0.5 each.
    kept = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        X, y = rng.standard_normal((40, 32)), rng.standard_normal(40)
        model = StabilitySelection(
            Lasso(), n_resamples=5, threshold=0.75, max_features=2, alphas=30, random_state=seed
        ).fit(X, y)
        assert model.error_bound_ == pytest.approx(0.25)
        kept += int(model.get_support().sum())
    # Mean at most 0.25, so Poisson-like counts above 20 have a chance below 0.1 percent.
    assert kept <= 20


def test_classes_are_halved_each():
    X, y = load_iris(return_X_y=True)
    model = StabilitySelection(
        MultinomialLasso(), n_resamples=5, max_features=2, alphas=30, random_state=0
    ).fit(X, y)
    assert model.get_support().sum() <= 2
    rare = np.r_[np.zeros(149, int), 1]
    with pytest.raises(ValueError, match="at least 2 rows of every class"):
        StabilitySelection(LogisticLasso(), n_resamples=2).fit(X, rare)


def test_estimators_of_others_are_counted_too(signal):
    X, y = signal
    model = StabilitySelection(TheirLasso(alpha=0.6), n_resamples=10, random_state=0).fit(X, y)
    assert model.get_support(indices=True).tolist() == [0, 1, 2]
    assert not hasattr(model, "probabilities_path_")
    assert "features selected" in model.report()


BAD_STABILITY = [
    ({"threshold": 0.5}, "'threshold' parameter"),
    ({"threshold": 1.1}, "'threshold' parameter"),
    ({"n_resamples": 0}, "'n_resamples' parameter"),
    ({"max_features": 0}, "'max_features' parameter"),
    ({"estimator": 3}, "'estimator' parameter"),
]


@pytest.mark.parametrize(("options", "message"), BAD_STABILITY)
def test_bad_stability(signal, options, message):
    with pytest.raises(ValueError, match=message):
        StabilitySelection(**options).fit(*signal)


def test_stability_draws_itself(signal):
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    model = StabilitySelection(Lasso(), n_resamples=5, random_state=0).fit(*signal)
    ax = Figure().subplots()
    display = model.plot(ax=ax)
    assert display.ax_ is ax
    assert len(display.lines_) == int(model.get_support().sum())
    assert display.threshold_line_.get_ydata()[0] == 0.75
    assert "wrong features expected" in ax.get_title(loc="left")
    with pytest.raises(ValueError, match="probabilities must have shape"):
        type(display)([1.0], np.zeros((2, 3)))


# ---------------------------------------------------------------------------------- adaptive Lasso


def test_adaptive_lasso_is_a_lasso_on_rescaled_columns(diabetes):
    X, y = diabetes
    first = Lasso(2.0, tol=1e-12).fit(X, y).coef_
    model = AdaptiveLasso(30.0, alpha_initial=2.0, eps_weight=0.05, nu=0.5, tol=1e-12).fit(X, y)
    w = 1 / (np.abs(first) + 0.05 * np.abs(first).max()) ** 0.5
    np.testing.assert_allclose(model.factors_, w, rtol=1e-6)
    rescaled = Lasso(30.0, tol=1e-12).fit(X / w, y)
    np.testing.assert_allclose(model.coef_, rescaled.coef_ / w, atol=1e-5)


def test_rounds_of_reweighting_use_their_own_solutions(diabetes):
    X, y = diabetes
    one = AdaptiveLasso(300.0, eps_weight=0.1, tol=1e-12).fit(X, y)
    two = AdaptiveLasso(300.0, eps_weight=0.1, n_rounds=2, tol=1e-12).fit(X, y)
    w = 1 / (np.abs(one.coef_) + 0.1 * np.abs(one.coef_).max())
    np.testing.assert_allclose(two.factors_, w, rtol=1e-5)
    by_hand = Lasso(300.0, penalty_factor=w, tol=1e-12).fit(X, y)
    np.testing.assert_allclose(two.coef_, by_hand.coef_, atol=1e-4)


def test_first_fit_by_ridge_and_factors_of_the_caller(diabetes):
    X, y = diabetes
    factor = np.array([0.0, np.inf] + [1.0] * 8)
    model = AdaptiveLasso(100.0, initial="ridge", penalty_factor=factor).fit(X, y)
    assert model.alpha_initial_ == pytest.approx(1e-3)
    assert model.coef_[0] != 0
    assert model.coef_[1] == 0
    assert model.factors_[0] == 0


def test_scale_of_the_response_changes_only_the_unit(diabetes):
    X, y = diabetes
    one = AdaptiveLasso(200.0, tol=1e-12).fit(X, y)
    two = AdaptiveLasso(200.0 * 100, tol=1e-12).fit(X, 10 * y)
    np.testing.assert_allclose(two.coef_, 10 * one.coef_, rtol=1e-6, atol=1e-5)


def test_weights_of_folds_do_not_see_the_rows_left_out(diabetes):
    from taut.linear_model import AdaptiveLassoCV

    X, y = diabetes
    half = np.arange(len(y)) % 2
    splits = [(np.flatnonzero(half == 0), np.flatnonzero(half == 1))]
    options = {"alphas": [400.0, 200.0, 100.0], "cv": splits}
    model = AdaptiveLassoCV(**options).fit(X, y)
    # Other values in the rows left out: the fold's fit must be the same, its loss computable.
    train = half == 0
    for k, alpha in enumerate(model.alphas_):
        alone = AdaptiveLasso(alpha).fit(X[train], y[train])
        error = np.mean((y[~train] - alone.predict(X[~train])) ** 2)
        assert model.mse_path_[k, 0] == pytest.approx(error, rel=1e-3)


def test_nothing_found_at_first_is_nothing_at_last(diabetes):
    X, y = diabetes
    model = AdaptiveLasso(1.0, alpha_initial=1e6).fit(X, y)
    assert not model.coef_.any()
    assert np.isinf(model.factors_).all()


def test_square_root_rule_of_noise_is_covered():
    # The quantile named in SqrtLasso's docstring keeps noise out about 95 percent of the time:
    # checked here for the Lasso at alpha * sigma, which has the same solutions.
    n, p, out = 100, 30, 0
    alpha = 1.1 * norm.ppf(1 - 0.05 / (2 * p)) / np.sqrt(n)
    for seed in range(100):
        rng = np.random.default_rng(seed)
        X, y = rng.standard_normal((n, p)), rng.standard_normal(n)
        X = (X - X.mean(axis=0)) / X.std(axis=0)
        r = y - y.mean()
        out += bool(np.abs(X.T @ r).max() / n <= alpha * np.sqrt(np.mean(r**2)))
    assert out >= 90


@pytest.mark.parametrize("module", ["_criteria", "_path_choice", "_refit", "_rules", "_stability"])
def test_examples_in_docstrings(module):
    result = doctest.testmod(importlib.import_module(f"taut.model_selection.{module}"))
    assert result.attempted > 0
    assert result.failed == 0


def test_orthonormal_groups_have_the_degrees_of_yuan_and_lin():
    # Eq. (6.2): a group counts 1 if it is in, plus (size - 1) times how far it is unshrunk.
    rng = np.random.default_rng(2)
    X = np.linalg.qr(rng.standard_normal((30, 7)))[0] * np.sqrt(30)
    y = X @ [1.0, -0.5, 0.3, 0.2, 0.1, 0.6, 0.0] + rng.standard_normal(30)
    groups = np.array([0, 0, 0, 1, 1, 2, 2])
    options = {"fit_intercept": False, "tol": 1e-13}
    path = group_lasso_path(X, y, groups=groups, n_alphas=8, eps=0.05, **options)
    found = information_criterion(path, X, y)
    least_squares = X.T @ y / 30
    for k in range(8):
        expected = 0.0
        for g in range(3):
            size = np.linalg.norm(path.coefs[groups == g, k])
            whole = np.linalg.norm(least_squares[groups == g])
            expected += (size > 0) + size / whole * ((groups == g).sum() - 1)
        assert found.df[k] == pytest.approx(expected, rel=1e-6)

# SPDX-License-Identifier: BSD-3-Clause
"""Cross-validation: folds, losses, the choice of a strength."""

from __future__ import annotations

import io
import tracemalloc
from contextlib import redirect_stderr

import golden
import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import ElasticNetCV as TheirElasticNetCV
from sklearn.linear_model import LassoCV as TheirLassoCV
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneOut,
    ShuffleSplit,
    StratifiedKFold,
)

from taut.linear_model import (
    ElasticNetCV,
    Lasso,
    LassoCV,
    LogisticLassoCV,
    MultinomialLasso,
    MultinomialLassoCV,
)
from taut.model_selection import one_standard_error


@pytest.fixture(scope="module")
def diabetes():
    return load_diabetes(return_X_y=True)


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


class TestOneStandardError:
    def test_takes_the_largest_strength_within_one_error(self):
        chosen = one_standard_error(
            [4.0, 3.0, 2.0, 1.0, 0.5], [9.0, 5.9, 5.2, 5.0, 5.5], [1.0, 1.0, 1.0, 1.0, 9.0]
        )
        assert chosen == (1.0, 3.0, 3, 1)

    def test_takes_the_largest_of_equal_minimisers(self):
        assert one_standard_error([3.0, 2.0, 1.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]).alpha_min == 3

    def test_may_jump_over_a_bump(self):
        # a stronger penalty counts even if one in between is worse
        chosen = one_standard_error([3.0, 2.0, 1.0], [1.1, 2.0, 1.0], [0.2, 0.2, 0.2])
        assert chosen.alpha_1se == 3.0

    def test_order_of_strengths_does_not_matter(self):
        alphas, mean, se = np.array([[4.0, 3, 2, 1], [7.0, 5.5, 5, 6], [1.0, 1, 1, 1]])
        shuffled = [2, 0, 3, 1]
        one = one_standard_error(alphas, mean, se)
        two = one_standard_error(alphas[shuffled], mean[shuffled], se[shuffled])
        assert one[:2] == two[:2] == (2.0, 3.0)
        assert shuffled[two.index_min] == one.index_min

    def test_is_never_smaller_than_the_minimiser(self):
        rng = np.random.default_rng(0)
        for _ in range(200):
            chosen = one_standard_error(
                rng.uniform(size=9), rng.uniform(size=9), rng.uniform(size=9)
            )
            assert chosen.alpha_1se >= chosen.alpha_min

    def test_leaves_out_nan(self):
        assert one_standard_error([2.0, 1.0], [np.nan, 1.0], [np.nan, np.nan]).alpha_1se == 1.0
        with pytest.raises(ValueError, match="no number"):
            one_standard_error([1.0], [np.nan], [1.0])
        with pytest.raises(ValueError, match="of one length"):
            one_standard_error([1.0, 2.0], [1.0], [1.0])


@pytest.mark.parametrize("name", ["lasso", "lasso_weights", "enet", "wide_lasso"])
def test_regression_equals_glmnet(name):
    case = golden.load("gaussian", name)
    theirs = case.raw["cv"]["mse"]
    options = dict(case.options)
    model = ElasticNetCV(
        alphas=case.alphas, cv=case.fold - 1, tol=1e-11, l1_ratio=options.pop("l1_ratio"), **options
    ).fit(case.X, case.y, sample_weight=case.weight)
    if case.scale == 1.0:  # with a ridge part glmnet's problem depends on each fold's sd of y
        k = len(theirs["cvm"])
        np.testing.assert_allclose(model.cv_mean_[:k], theirs["cvm"], rtol=1e-4)
        np.testing.assert_allclose(model.cv_se_[:k], theirs["cvsd"], rtol=1e-3)
        assert model.alpha_min_ == pytest.approx(theirs["lambda_min"], rel=1e-9)
        assert model.alpha_1se_ == pytest.approx(theirs["lambda_1se"], rel=1e-9)
    else:
        np.testing.assert_allclose(model.cv_mean_, theirs["cvm"], rtol=0.02)


def check_against_glmnet(model, theirs, scoring):
    """Curve and choice are glmnet's; its own error at weak penalties is about 1e-5."""
    k = len(theirs["cvm"])
    if scoring == "class":
        # At strong penalties two classes may be equally probable: rounding decides their rows.
        assert np.mean(np.abs(model.cv_mean_[:k] - theirs["cvm"]) < 1e-9) > 0.9
    else:
        np.testing.assert_allclose(model.cv_mean_[:k], theirs["cvm"], rtol=1e-4)
        np.testing.assert_allclose(model.cv_se_[:k], theirs["cvsd"], rtol=1e-3)
    assert model.alpha_min_ == pytest.approx(theirs["lambda_min"], rel=1e-9)
    assert model.alpha_1se_ == pytest.approx(theirs["lambda_1se"], rel=1e-9)


def scored_cases(method):
    cases = [(name, golden.load(method, name).raw.get("cv") or {}) for name in golden.cases(method)]
    return [(n, measure) for n, cv in cases for measure in cv if measure in {"deviance", "class"}]


@pytest.mark.parametrize(("name", "scoring"), scored_cases("multinomial"))
def test_multinomial_equals_glmnet(name, scoring):
    case = golden.load("multinomial", name)
    model = MultinomialLassoCV(
        alphas=case.alphas, cv=case.fold - 1, scoring=scoring, tol=1e-10, **case.options
    ).fit(case.X, case.y, sample_weight=case.weight)
    check_against_glmnet(model, case.raw["cv"][scoring], scoring)


@pytest.mark.parametrize(("name", "scoring"), scored_cases("binomial"))
def test_logistic_equals_glmnet(name, scoring):
    case = golden.load("binomial", name)
    model = LogisticLassoCV(
        alphas=case.alphas, cv=case.fold - 1, scoring=scoring, tol=1e-11, **case.options
    ).fit(case.X, case.y, sample_weight=case.weight)
    check_against_glmnet(model, case.raw["cv"][scoring], scoring)


@pytest.mark.parametrize("weighted", [False, True])
def test_lasso_equals_scikit_learn(diabetes, weighted):
    X, y = diabetes
    alphas = np.logspace(0, -2, 12)
    weight = np.random.default_rng(0).uniform(0.5, 2, len(y)) if weighted else None
    theirs = TheirLassoCV(alphas=alphas, tol=1e-13, max_iter=100_000, cv=4)
    theirs.fit(X, y, sample_weight=weight)
    ours = LassoCV(alphas=alphas, tol=1e-12, cv=4).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(ours.mse_path_, theirs.mse_path_, rtol=1e-7)
    if not weighted:  # scikit-learn averages folds without their weights
        assert ours.alpha_ == theirs.alpha_
        np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)
    np.testing.assert_array_equal(ours.mse_path_, ours.loss_path_)


def test_best_of_several_mixtures(diabetes):
    X, y = diabetes
    ratios, alphas = [0.3, 0.9], np.logspace(0, -3, 10)
    theirs = TheirElasticNetCV(l1_ratio=ratios, alphas=alphas, tol=1e-13, max_iter=100_000)
    theirs.fit(X, y)
    ours = ElasticNetCV(l1_ratio=ratios, alphas=alphas, tol=1e-12).fit(X, y)
    assert ours.l1_ratio_ == theirs.l1_ratio_
    assert ours.alpha_ == theirs.alpha_
    alone = ElasticNetCV(l1_ratio=ours.l1_ratio_, alphas=alphas, tol=1e-12).fit(X, y)
    np.testing.assert_array_equal(alone.cv_mean_, ours.cv_mean_)


def test_curve_is_that_of_fits_without_the_fold(iris):
    """Mean, standard error and frequencies by hand from separate fits."""
    X, y = iris
    alphas = np.array([0.2, 0.05, 0.02])
    weight = np.random.default_rng(3).uniform(0.5, 2, 150)
    folds = np.random.default_rng(4).permutation(150) % 3
    model = MultinomialLassoCV(alphas=alphas, cv=folds, tol=1e-11, rule="1se").fit(
        X, y, sample_weight=weight
    )
    loss, used = np.empty((3, 3)), np.zeros((3, 3, 4))
    for f in range(3):
        train, test = folds != f, folds == f
        for i, alpha in enumerate(alphas):
            single = MultinomialLasso(alpha, tol=1e-11).fit(X[train], y[train], weight[train])
            log_p = single.predict_log_proba(X[test])[np.arange(test.sum()), y[test]]
            loss[i, f] = np.average(-2 * log_p, weights=weight[test])
            used[i] += (single.coef_ != 0) / 3
    share = np.bincount(folds, weight)
    share /= share.sum()
    mean = loss @ share
    se = np.sqrt((loss - mean[:, None]) ** 2 @ share / 2)
    np.testing.assert_allclose(model.loss_path_, loss, atol=1e-6)
    np.testing.assert_allclose(model.cv_mean_, mean, atol=1e-6)
    np.testing.assert_allclose(model.cv_se_, se, atol=1e-6)
    at = int(np.flatnonzero(alphas == model.alpha_)[0])
    np.testing.assert_allclose(model.selection_frequency_, used[at])
    assert model.alpha_ == model.alpha_1se_ >= model.alpha_min_


def test_attributes_agree_with_each_other(diabetes):
    X, y = diabetes
    for rule in ("min", "1se"):
        model = LassoCV(alphas=30, rule=rule, cv=6).fit(X, y)
        k = len(model.alphas_)
        at = int(np.flatnonzero(model.alphas_ == model.alpha_)[0])
        assert model.alpha_ == (model.alpha_min_ if rule == "min" else model.alpha_1se_)
        assert model.coefs_path_.shape == (k, 10)
        assert model.intercepts_path_.shape == model.dual_gaps_.shape == (k,)
        assert model.loss_path_.shape == (k, 6)
        np.testing.assert_array_equal(model.coef_, model.coefs_path_[at])
        np.testing.assert_array_equal(model.coefs_path_.T, model.path_.coefs)
        assert model.intercept_ == model.intercepts_path_[at]
        assert model.dual_gap_ == model.dual_gaps_[at]
        assert model.alphas_[0] == pytest.approx(model.alpha_max_)
        assert np.all(model.dual_gaps_ <= model.tol * model.path_.null_loss)
        single = Lasso(model.alpha_, tol=1e-9).fit(X, y)
        np.testing.assert_allclose(model.coef_, single.coef_, rtol=1e-2, atol=1.0)
        assert set(np.unique(model.selection_frequency_ * 6).round(9)) <= set(range(7))


def test_sparse_equals_dense():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 30))
    X[np.abs(X) < 1.0] = 0.0
    y = X[:, :4].sum(axis=1) + rng.standard_normal(80)
    dense = LassoCV(alphas=10, tol=1e-11).fit(X, y)
    for kind in (sp.csc_array, sp.csr_matrix):
        sparse = LassoCV(alphas=10, tol=1e-11).fit(kind(X), y)
        np.testing.assert_allclose(sparse.loss_path_, dense.loss_path_, rtol=1e-6)
        assert sparse.alpha_ == pytest.approx(dense.alpha_)


def test_every_kind_of_cv(diabetes):
    X, y = diabetes
    X, y = X[:90], y[:90]
    fit = LassoCV(alphas=[1.0, 0.1], tol=1e-10).set_params
    plain = fit(cv=3).fit(X, y).loss_path_
    ids = np.repeat([0, 1, 2], 30)
    pairs = list(KFold(3).split(X))
    for cv in (KFold(3), ids, ids.tolist(), pairs, iter(pairs), np.int64(3)):
        np.testing.assert_array_equal(fit(cv=cv).fit(X, y).loss_path_, plain)
    masks = [(ids != f, ids == f) for f in range(3)]
    np.testing.assert_array_equal(fit(cv=masks).fit(X, y).loss_path_, plain)
    assert fit(cv=ShuffleSplit(7, random_state=0)).fit(X, y).loss_path_.shape == (2, 7)
    assert fit(cv=LeaveOneOut()).fit(X[:20], y[:20]).loss_path_.shape == (2, 20)
    never = np.where(np.arange(90) < 10, -1, ids)
    assert fit(cv=never).fit(X, y).loss_path_.shape == (2, 3)
    grouped = fit(cv=GroupKFold(3)).fit(X, y, groups=ids)
    np.testing.assert_allclose(np.sort(grouped.loss_path_), np.sort(plain))


def test_rows_drawn_twice_count_twice(diabetes):
    X, y = diabetes
    rng = np.random.default_rng(0)
    train, test = rng.integers(0, 442, 300), np.arange(300, 442)
    model = LassoCV(alphas=[0.5], cv=[(train, test)], tol=1e-11).fit(X, y)
    single = Lasso(0.5, tol=1e-11).fit(X[train], y[train])
    assert model.loss_path_[0, 0] == pytest.approx(
        np.mean((single.predict(X[test]) - y[test]) ** 2), rel=1e-6
    )
    assert np.isnan(model.cv_se_).all()
    assert model.alpha_1se_ == model.alpha_min_ == 0.5


def test_random_state_shuffles_and_repeats(diabetes):
    X, y = diabetes
    fit = LassoCV(alphas=[1.0, 0.1]).set_params
    one = fit(random_state=1).fit(X, y).loss_path_
    np.testing.assert_array_equal(one, fit(random_state=1).fit(X, y).loss_path_)
    assert not np.array_equal(one, fit(random_state=2).fit(X, y).loss_path_)
    assert not np.array_equal(one, fit(random_state=None).fit(X, y).loss_path_)
    generator = np.random.default_rng(1)
    assert fit(random_state=generator).fit(X, y).loss_path_.shape == one.shape


def test_classification_is_stratified(iris):
    X, y = iris  # sorted by class: plain folds would leave a class out
    model = MultinomialLassoCV(alphas=[0.1, 0.05], cv=3).fit(X, y)
    pairs = list(StratifiedKFold(3).split(X, y))
    same = MultinomialLassoCV(alphas=[0.1, 0.05], cv=pairs).fit(X, y)
    np.testing.assert_array_equal(model.loss_path_, same.loss_path_)
    shares = MultinomialLassoCV(alphas=[0.1, 0.05], cv=3).fit(X, np.eye(3)[y])
    np.testing.assert_allclose(shares.loss_path_, model.loss_path_, rtol=1e-6)


@pytest.mark.parametrize("n_jobs", [2, 3, 16])
def test_threads_give_equal_bits(iris, diabetes, n_jobs):
    for model, (X, y) in (
        (LassoCV(alphas=20), diabetes),
        (LogisticLassoCV(alphas=8), (iris[0], iris[1] == 2)),
        (MultinomialLassoCV(alphas=6, eps=0.05), iris),
    ):
        one = model.set_params(n_jobs=1).fit(X, y)
        curve, coefs, gaps = one.loss_path_, one.coefs_path_, one.dual_gaps_
        many = model.set_params(n_jobs=n_jobs).fit(X, y)
        np.testing.assert_array_equal(many.loss_path_, curve)
        np.testing.assert_array_equal(many.coefs_path_, coefs)
        np.testing.assert_array_equal(many.dual_gaps_, gaps)


def test_early_stop_shortens_all_arrays():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 5))
    y = X @ [1.0, 2.0, 3.0, 4.0, 5.0] + 0.01 * rng.standard_normal(60)
    model = LassoCV(alphas=60).fit(X, y)
    k = len(model.alphas_)
    assert 5 < k < 60
    assert model.coefs_path_.shape == (k, 5)
    assert model.loss_path_.shape == (k, 5)
    assert model.alpha_ in model.alphas_
    full = LassoCV(alphas=np.geomspace(model.alpha_max_, 1e-3 * model.alpha_max_, 60)).fit(X, y)
    assert len(full.alphas_) == 60
    np.testing.assert_allclose(full.alphas_[:k], model.alphas_)


def test_folds_share_one_design():
    """No copy of X for a fold: memory stays far below one X per fold."""
    rng = np.random.default_rng(0)
    X = np.asfortranarray(rng.standard_normal((2000, 400)))
    y = X[:, :5].sum(axis=1) + rng.standard_normal(2000)
    for design in (X, sp.csc_array(X)):
        model = LassoCV(alphas=5, eps=0.3, cv=5)
        model.fit(design, y)  # imports and caches
        tracemalloc.start()
        model.fit(design, y)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 0.5 * X.nbytes


def test_progress_bar_counts_to_the_end(diabetes):
    pytest.importorskip("rich")
    shown = io.StringIO()
    with redirect_stderr(shown):
        LassoCV(alphas=5, progress=True).fit(*diabetes)
    assert "100%" in shown.getvalue()


def test_proportions_are_scored_against_the_saturated_model():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 4))
    Y = rng.dirichlet([5.0, 5.0, 5.0], 60)
    model = MultinomialLassoCV(alphas=5).fit(X, Y)
    assert 0 < model.cv_mean_.min() < 0.2  # -2 mean sum Y log P alone would be about 2 log 3

# SPDX-License-Identifier: BSD-3-Clause
"""Derivatives of held-out losses of sparse models, and strengths learned with them."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LassoCV as SkLassoCV
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from taut.bilevel import CriterionPoint, LowerSolverError, SparseCriterion
from taut.bilevel._descent import descend, walk
from taut.exceptions import ConvergenceWarning
from taut.linear_model import (
    AdaptiveLasso,
    ElasticNet,
    Lasso,
    LassoCV,
    LogisticLasso,
    MCPRegression,
    PenalizedGLM,
    PoissonLasso,
)
from taut.model_selection import BilevelCV


def held_out_data():
    rng = np.random.default_rng(0)
    beta = np.zeros(30)
    beta[:5] = 2, -1.5, 1, -0.5, 0.25
    X = rng.normal(size=(80, 30))
    y = X @ beta + 0.5 * rng.normal(size=80)
    Xv = rng.normal(size=(60, 30))
    yv = Xv @ beta + 0.5 * rng.normal(size=60)
    return np.vstack([X, Xv]), np.r_[y, yv], [(np.arange(80), 80 + np.arange(60))]


def dense_slope(X, y, train, test, coef, l1, l2):
    """Closed form of the JMLR paper by dense algebra, no intercept: by log l1_j and log l2_j."""
    S = np.flatnonzero(coef)
    A, B = X[np.ix_(train, S)], X[np.ix_(test, S)]
    M = A.T @ A / len(train) + np.diag(l2[S])
    v = 2.0 * B.T @ (B @ coef[S] - y[test]) / len(test)
    q = np.linalg.solve(M, v)
    d1, d2 = np.zeros(coef.size), np.zeros(coef.size)
    d1[S] = -l1[S] * np.sign(coef[S]) * q
    d2[S] = -l2[S] * coef[S] * q
    return d1, d2


def test_elastic_net_of_the_worked_example():
    X, y, cv = held_out_data()
    model = ElasticNet(l1_ratio=0.1 / 0.15, fit_intercept=False)
    criterion = SparseCriterion(model, X, y, cv=cv, tol=1e-14)
    theta = criterion.start
    theta[0] = np.log(0.15)
    point = criterion(theta, prove=True)
    by_a1, by_a2 = 0.188198007, 0.118246900  # at a1 = 0.1, a2 = 0.05
    rho = 0.1 / 0.15
    np.testing.assert_allclose(point.value, 0.3985062397, rtol=1e-9)
    np.testing.assert_allclose(
        point.gradient, [by_a1 + by_a2, (1 - rho) * by_a1 - rho * by_a2], rtol=1e-8
    )
    assert point.certified
    assert point.error < 1e-5


def test_lasso_of_the_worked_example():
    X, y, cv = held_out_data()
    criterion = SparseCriterion(Lasso(fit_intercept=False), X, y, cv=cv, tol=1e-14)
    point = criterion([np.log(0.1)])
    np.testing.assert_allclose(point.value, 0.3056403576, rtol=1e-9)
    np.testing.assert_allclose(point.gradient, [0.1286024728], rtol=1e-8)


def test_weighted_lasso_equals_the_dense_closed_form():
    X, y, cv = held_out_data()
    criterion = SparseCriterion(
        Lasso(fit_intercept=False), X, y, cv=cv, strengths="feature", tol=1e-14
    )
    theta = np.log(0.1) + 0.5 * np.random.default_rng(1).standard_normal(30)
    point = criterion(theta)
    ((coef, _),) = criterion.coefficients()
    d1, _ = dense_slope(X, y, *cv[0], coef, np.exp(theta), np.zeros(30))
    np.testing.assert_allclose(point.gradient, d1, atol=1e-9)
    assert not point.gradient[coef == 0].any()


MODELS = {
    "lasso": Lasso(standardize=True),
    "no_intercept": Lasso(fit_intercept=False),
    "positive": Lasso(positive=True, standardize=True),
    "factors": Lasso(penalty_factor=[0.0, 1, 2, 1, np.inf, 1, 1, 0.5, 1, 1], standardize=True),
    "bounds": Lasso(upper=200.0, standardize=True),
    "enet": ElasticNet(l1_ratio=0.7, standardize=True),
    "logistic": LogisticLasso(standardize=True),
    "logistic_enet": LogisticLasso(l1_ratio=0.6, standardize=True),
    "poisson": PoissonLasso(standardize=True),
    "glm": PenalizedGLM("quadratic", "elastic_net", standardize=True),
}


def target(name, y):
    if "logistic" in name:
        return (y > 140).astype(int)
    return np.floor(y / 30) if name == "poisson" else y


@pytest.mark.parametrize("strengths", ["shared", "feature"])
@pytest.mark.parametrize("name", MODELS)
def test_gradient_equals_differences_of_the_criterion(name, strengths):
    X, y = load_diabetes(return_X_y=True)
    y = target(name, y)
    weight = np.random.default_rng(0).uniform(0.5, 2.0, y.size)
    criterion = SparseCriterion(
        MODELS[name],
        X,
        y,
        sample_weight=weight,
        strengths=strengths,
        cv=3,
        tol=1e-13 if name == "poisson" else 1e-15,
    )
    theta = criterion.start - 0.537
    if criterion.tunes_l1_ratio:
        theta[-1] = 0.3
    h = 1e-5
    gradient = criterion(theta).gradient
    for i in range(min(3, theta.size)):
        i = -1 - i
        e = np.zeros(theta.size)
        e[i] = h
        difference = (criterion(theta + e).value - criterion(theta - e).value) / (2 * h)
        size = np.abs(gradient).max()
        assert abs(gradient[i] - difference) <= 2e-6 * max(size, abs(criterion(theta).value) * 1e-3)


def test_value_is_the_loss_of_scikit_learn_at_the_same_strength():
    X, y = load_diabetes(return_X_y=True)
    alphas = np.geomspace(2.0, 0.02, 8)
    theirs = SkLassoCV(alphas=alphas, cv=5, tol=1e-10, max_iter=100000).fit(X, y)
    criterion = SparseCriterion(Lasso(), X, y, cv=5)
    # Ours is weighted by the size of the folds, theirs is not; five folds differ by one row.
    sizes = np.array([89, 89, 88, 88, 88])
    for alpha, losses in zip(theirs.alphas_, theirs.mse_path_, strict=True):
        ours = criterion([np.log(alpha)]).value
        np.testing.assert_allclose(ours, sizes @ losses / 442, rtol=1e-7)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(8, 60),
    p=st.integers(1, 80),
    share=st.floats(0.05, 0.9),
    ratio=st.sampled_from([1.0, 0.5]),
    looseness=st.sampled_from([1e-4, 1e-6, 1e-9]),
)
def test_bound_of_the_gradient_holds_in_every_random_trial(seed, n, p, share, ratio, looseness):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * np.exp(rng.normal(size=p))
    y = X[:, : min(3, p)].sum(axis=1) + rng.normal(size=n)
    model = ElasticNet(l1_ratio=ratio)
    loose = SparseCriterion(
        model, X, y, cv=3, strengths="feature", tune_l1_ratio=False, tol=looseness
    )
    exact = SparseCriterion(model, X, y, cv=3, strengths="feature", tune_l1_ratio=False, tol=1e-15)
    theta = np.log(loose.alpha_max * share) + 0.3 * rng.normal(size=p)
    try:
        near, truth = loose(theta, prove=True), exact(theta)
    except LowerSolverError:
        return  # dependent columns, or a gap of 1e-15 that rounding forbids
    if near.certified:
        assert np.linalg.norm(near.gradient - truth.gradient) <= near.error * (1 + 1e-9)
    else:
        assert near.error == np.inf


def test_sparse_matrix_equals_dense_and_float32_is_close():
    rng = np.random.default_rng(3)
    X = np.where(rng.random((90, 40)) < 0.2, rng.normal(size=(90, 40)), 0.0)
    y = X[:, :4].sum(axis=1) + 0.3 * rng.normal(size=90)
    theta = SparseCriterion(Lasso(), X, y).start
    dense = SparseCriterion(Lasso(), X, y)(theta)
    sparse = SparseCriterion(Lasso(), sp.csc_array(X), y)(theta)
    single = SparseCriterion(Lasso(), X.astype(np.float32), y)(theta)
    np.testing.assert_allclose(sparse.gradient, dense.gradient, rtol=1e-7)
    np.testing.assert_allclose(single.gradient, dense.gradient, rtol=1e-3)


def test_threads_change_no_bit():
    X, y = load_diabetes(return_X_y=True)
    fits = [
        BilevelCV(Lasso(standardize=True), strengths="feature", n_jobs=k).fit(X, y)
        for k in (1, 2, 3)
    ]
    for other in fits[1:]:
        assert np.array_equal(fits[0].theta_, other.theta_)
        assert np.array_equal(fits[0].hypergradient_, other.hypergradient_)


@pytest.mark.slow
def test_conjugate_gradients_on_a_large_support_equal_the_dense_closed_form():
    rng = np.random.default_rng(5)
    n, p = 2600, 2100
    X = sp.random_array((n, p), density=0.004, rng=rng, format="csc")
    y = X @ rng.normal(size=p) + 0.1 * rng.normal(size=n)
    model = ElasticNet(l1_ratio=0.05, fit_intercept=False)
    cv = [(np.arange(2500), np.arange(2500, n))]
    criterion = SparseCriterion(model, X, y, cv=cv, tune_l1_ratio=False, tol=1e-15)
    theta = criterion.start - 9.0
    point = criterion(theta)
    ((coef, _),) = criterion.coefficients()
    assert (coef != 0).sum() > 2000
    strength = np.full(p, np.exp(theta[0]))
    d1, d2 = dense_slope(X.toarray(), y, *cv[0], coef, 0.05 * strength, 0.95 * strength)
    np.testing.assert_allclose(point.gradient[0], (d1 + d2).sum(), rtol=1e-7)


def test_sure_is_unbiased_for_the_prediction_risk_and_has_the_slope_it_says():
    rng = np.random.default_rng(7)
    n, p, variance = 60, 20, 0.25
    X = rng.normal(size=(n, p))
    mean = X[:, :3] @ [1.0, -1.0, 0.5]
    estimates, risks = [], []
    for i in range(60):
        y = mean + 0.5 * rng.normal(size=n)
        criterion = SparseCriterion(
            Lasso(fit_intercept=False),
            X,
            y,
            criterion="sure",
            noise_variance=variance,
            random_state=i,
        )
        theta = [np.log(0.1)]
        estimates.append(criterion(theta).value)
        coef = criterion.coefficients()[0][0]
        risks.append(np.mean((X @ coef - mean) ** 2))
    error = np.std(np.subtract(estimates, risks)) / np.sqrt(60)
    assert abs(np.mean(estimates) - np.mean(risks)) < 3 * error
    criterion = SparseCriterion(Lasso(), X, y, criterion="sure", noise_variance=variance, tol=1e-15)
    h = 1e-6
    up, down = criterion([np.log(0.1) + h]).value, criterion([np.log(0.1) - h]).value
    np.testing.assert_allclose(
        criterion([np.log(0.1)]).gradient[0], (up - down) / (2 * h), rtol=1e-4
    )


def test_gradient_is_zero_above_alpha_max():
    X, y = load_diabetes(return_X_y=True)
    criterion = SparseCriterion(Lasso(), X, y)
    point = criterion([np.log(2.0 * criterion.alpha_max)], prove=True)
    assert point.gradient[0] == 0.0
    assert point.certified
    assert point.error == 0.0


# --- BilevelCV


@pytest.mark.parametrize("standardize", [False, True])
def test_alpha_reaches_the_error_of_a_grid(standardize):
    X, y = load_diabetes(return_X_y=True)
    model = Lasso(standardize=standardize)
    grid = LassoCV(alphas=100, standardize=standardize).fit(X, y)
    learned = BilevelCV(model, n_probes=8, tol=1e-5).fit(X, y)
    assert learned.best_loss_ <= grid.cv_mean_.min() * (1 + 1e-4)
    assert learned.n_evaluations_ <= 40
    assert learned.converged_
    assert learned.certified_
    refit = clone(model).set_params(**learned.best_params_).fit(X, y)
    assert np.array_equal(refit.coef_, learned.coef_)
    assert learned.score(X, y) == refit.score(X, y)


def test_elastic_net_reaches_the_error_of_a_grid_in_two_dimensions():
    X, y = load_diabetes(return_X_y=True)
    grid = GridSearchCV(
        ElasticNet(standardize=True),
        {"alpha": np.geomspace(0.1, 30, 12), "l1_ratio": [0.1, 0.3, 0.5, 0.7, 0.9, 0.99]},
        scoring="neg_mean_squared_error",
    ).fit(X, y)
    learned = BilevelCV(ElasticNet(standardize=True)).fit(X, y)
    # Means over folds there, over rows here: 89 and 88 rows.
    assert learned.best_loss_ <= -grid.best_score_ * (1 + 1e-3)
    assert set(learned.best_params_) == {"alpha", "l1_ratio"}


def test_weights_of_1000_features_beat_the_best_single_strength_on_new_rows():
    rng = np.random.default_rng(0)
    n, m, p = 200, 1000, 1000
    X, T = rng.normal(size=(n + m, p)), rng.normal(size=(2000, p))
    beta = np.zeros(p)
    beta[:5] = 2, -1.5, 1, -0.5, 0.25
    y, t = X @ beta + 0.5 * rng.normal(size=n + m), T @ beta + 0.5 * rng.normal(size=2000)
    cv = [(np.arange(n), np.arange(n, n + m))]
    learned = BilevelCV(Lasso(), strengths="feature", cv=cv).fit(X, y)
    train = slice(0, n)
    many = Lasso(**learned.best_params_).fit(X[train], y[train])
    best = min(
        np.mean((t - Lasso(alpha=a).fit(X[train], y[train]).predict(T)) ** 2)
        for a in np.geomspace(0.2, 0.03, 12)
    )
    assert np.mean((t - many.predict(T)) ** 2) < 0.92 * best
    assert learned.theta_.shape == (p,)


def test_groups_share_a_strength_and_classifier_stays_one():
    X, y = load_breast_cancer(return_X_y=True)
    labels = ["mean"] * 10 + ["error"] * 10 + ["worst"] * 10
    model = BilevelCV(LogisticLasso(standardize=True), strengths=labels, max_iter=15, tol=1e-3)
    assert is_classifier(model)
    model.fit(X, y)
    assert model.theta_.shape == (3,)
    assert np.unique(model.strengths_.round(12)).size == 3
    assert not model.certified_
    assert model.hypergradient_error_ == np.inf
    assert model.score(X, y) > 0.95
    assert model.predict_proba(X).shape == (569, 2)


def test_groups_reach_the_splitter():
    X, y, *_ = held_out_data()
    groups = np.arange(len(y)) % 6
    by_groups = BilevelCV(Lasso(), cv=GroupKFold(3))
    plain = by_groups.fit(X, y, groups=groups)
    pairs = list(GroupKFold(3).split(X, y, groups))
    assert plain.alpha_ == BilevelCV(Lasso(), cv=pairs).fit(X, y).alpha_
    assert plain.alpha_ != BilevelCV(Lasso(), cv=3).fit(X, y).alpha_
    with sklearn.config_context(enable_metadata_routing=True):
        routed = clone(by_groups).fit(X, y, groups=groups)
        assert routed.alpha_ == plain.alpha_
        asks = routed.get_metadata_routing().consumes("fit", ["groups", "sample_weight"])
        weight = np.linspace(0.5, 2.0, len(y))
        search = GridSearchCV(
            clone(by_groups)
            .set_fit_request(sample_weight=True)
            .set_score_request(sample_weight=False),
            {"tol": [1e-4]},
            cv=GroupKFold(2),
        ).fit(X, y, groups=groups, sample_weight=weight)
    assert asks == {"groups"}
    alone = clone(by_groups).fit(X, y, groups=groups, sample_weight=weight)
    assert search.best_estimator_.alpha_ == alone.alpha_
    with pytest.raises(TypeError, match="takes X, y, sample_weight and groups, got colour"):
        by_groups.fit(X, y, colour=groups)
    with pytest.raises(ValueError, match="groups"):
        by_groups.fit(X, y)


def test_works_inside_cross_val_score_and_with_a_penalized_glm():
    X, y = load_diabetes(return_X_y=True)
    assert cross_val_score(BilevelCV(Lasso(standardize=True), cv=3), X, y, cv=3).min() > 0.3
    glm = BilevelCV(PenalizedGLM("quadratic", "elastic_net", standardize=True)).fit(X, y)
    enet = BilevelCV(ElasticNet(standardize=True)).fit(X, y)
    np.testing.assert_allclose(glm.best_loss_, enet.best_loss_, rtol=1e-9)
    assert glm.best_params_["penalty"].l1_ratio == pytest.approx(enet.best_params_["l1_ratio"])


def test_stop_before_the_tolerance_warns_with_the_gradient():
    X, y = load_diabetes(return_X_y=True)
    with pytest.warns(ConvergenceWarning, match="stopped after 1 steps with a gradient"):
        model = BilevelCV(Lasso(standardize=True), max_iter=1, theta_init=[2.0]).fit(X, y)
    assert not model.converged_
    assert model.stop_reason_ == "max_iter"


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"estimator": MCPRegression()}, TypeError, "L1 or elastic-net penalty"),
        ({"estimator": AdaptiveLasso()}, TypeError, "needs an estimator of taut.linear_model"),
        ({"estimator": SkLassoCV()}, TypeError, "needs an estimator of taut.linear_model"),
        ({"estimator": PenalizedGLM("huber", "l1")}, TypeError, "datafit among"),
        ({"strengths": "all"}, ValueError, "strengths must be 'shared', 'feature' or one label"),
        ({"strengths": [1, 2]}, ValueError, "one label for each of the 10 features"),
        ({"tune_l1_ratio": True}, ValueError, "tune_l1_ratio needs an estimator with 0 < l1_ratio"),
        ({"criterion": "aic"}, ValueError, "criterion"),
        ({"criterion": "sure"}, ValueError, "needs noise_variance > 0"),
        ({"noise_variance": 0.0}, ValueError, "noise_variance"),
        ({"theta_init": [0.0, 1.0]}, ValueError, r"theta_init must have shape \(1,\)"),
        ({"theta_init": [50.0]}, ValueError, "theta_init must lie within the bounds; entry 0"),
        ({"theta_init": [np.nan]}, ValueError, "theta_init must lie within the bounds"),
        ({"n_probes": -1}, ValueError, "n_probes"),
        ({"tol": 0.0}, ValueError, "tol"),
        ({"max_iter": 0}, ValueError, "max_iter"),
        ({"estimator": Lasso(penalty_factor=np.zeros(10))}, ValueError, "no feature penalised"),
        ({"cv": 1000}, ValueError, "Lower cv"),
    ],
)
def test_bad_parameters_are_refused(settings, error, message):
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(error, match=message):
        BilevelCV(**settings).fit(X, y)


def test_bad_data_are_refused():
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(ValueError, match="alpha_max is 0"):
        BilevelCV(Lasso()).fit(X, np.ones(442))
    with pytest.raises(TypeError, match="Lasso takes no offset"):
        BilevelCV(Lasso()).fit(X, y, offset=y)
    criterion = SparseCriterion(Lasso(), X, y)
    with pytest.raises(ValueError, match=r"theta must have shape \(1,\), got \(2,\)"):
        criterion([0.0, 0.0])
    with pytest.raises(ValueError, match="theta must be finite"):
        criterion([np.inf])
    with pytest.raises(ValueError, match="tol must be > 0"):
        SparseCriterion(Lasso(), X, y, tol=0.0)
    with pytest.raises(ValueError, match="for least squares without sample_weight"):
        SparseCriterion(LogisticLasso(), X, y > 100, criterion="sure", noise_variance=1.0)


def test_lower_problem_that_is_not_solved_is_an_error_with_its_gap():
    X, y = load_diabetes(return_X_y=True)
    criterion = SparseCriterion(Lasso(solver="naive"), X, y, tol=1e-30, max_iter=1)
    with pytest.raises(LowerSolverError, match="stopped with relative duality gap"):
        criterion([np.log(1e-3)])


def test_dependent_columns_have_no_derivative_and_say_so():
    X, y = load_diabetes(return_X_y=True)
    X = np.hstack([X, X[:, :1] + X[:, 1:2]])
    model = Lasso(penalty_factor=[0.0, 0.0, *[1.0] * 8, 0.0])
    criterion = SparseCriterion(model, X, y)
    with pytest.raises(LowerSolverError, match="linearly dependent"):
        criterion(criterion.start)


# --- the descent


class _Point:
    def __init__(self, value, gradient):
        self.value, self.gradient = value, np.asarray(gradient)


def test_descent_finds_the_minimum_of_a_quadratic_in_a_box():
    H, c = np.diag([1.0, 10.0, 100.0]), np.array([1.0, -2.0, 3.0])

    def evaluate(theta):
        r = theta - c
        return _Point(1.0 + 0.5 * r @ H @ r, H @ r)

    box = np.array([-5.0, -1.5, -5.0]), np.full(3, 5.0)
    done = descend(evaluate, np.zeros(3), box, tol=1e-9, max_iter=200)
    np.testing.assert_allclose(done.theta, [1.0, -1.5, 3.0], atol=1e-6)
    assert done.converged
    assert done.reason == "gradient"
    assert (np.diff(done.values) <= 0).all()


@pytest.mark.parametrize("minimum", [-9.0, -5.3, -0.2, 0.0])
def test_walk_finds_the_minimum_between_two_bounds(minimum):
    def value(theta):
        t = theta[0] - minimum
        return CriterionPoint(1.0 + t * t + abs(t), np.array([2 * t + np.sign(t)]), 0, True, 0)

    done = walk(value, (np.array([-9.0]), np.array([0.0])), tol=1e-6, max_iter=100)
    assert done.converged
    assert done.theta[0] == pytest.approx(minimum, abs=1e-5)
    assert done.n_iter == len(done.values) == len(done.thetas)
    assert np.all(np.diff(done.values) <= 0.0)


def test_walk_stays_where_lower_problems_can_be_solved():
    def value(theta):
        if theta[0] < -3.1:
            raise LowerSolverError("too weak", np.inf, np.inf)
        return CriterionPoint(10.0 + theta[0], np.ones(1), 0, True, 0)

    done = walk(value, (np.array([-9.0]), np.array([0.0])), tol=1e-6, max_iter=100)
    assert done.theta[0] == pytest.approx(-3.1, abs=1e-4)
    short = walk(value, (np.array([-9.0]), np.array([0.0])), tol=1e-6, max_iter=2)
    assert not short.converged
    assert short.n_iter == 2


def test_descent_ends_at_a_kink_and_steps_back_from_failures():
    def evaluate(theta):
        if theta[0] > 2.0:
            raise LowerSolverError("too far", np.inf, np.inf)
        return _Point(1.0 + abs(theta[0] - 1.0), [np.sign(theta[0] - 1.0)])

    done = descend(
        evaluate, np.array([-3.0]), (np.array([-9.0]), np.array([9.0])), tol=1e-6, max_iter=100
    )
    assert abs(done.theta[0] - 1.0) < 1e-3
    assert done.reason in ("kink", "value")


@parametrize_with_checks([BilevelCV(Lasso(), cv=3), BilevelCV(LogisticLasso(), cv=3)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)

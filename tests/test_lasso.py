# SPDX-License-Identifier: BSD-3-Clause
"""Lasso and elastic net of least squares against closed forms, peers and invariances."""

from __future__ import annotations

import golden
import numpy as np
import pytest
import reference_solver
import scipy.sparse as sp
from sklearn.linear_model import ElasticNet as TheirElasticNet
from sklearn.linear_model import Lasso as TheirLasso

from taut.linear_model import ElasticNet, Lasso, enet_path, lasso_path

TIGHT = {"tol": 1e-12}


@pytest.fixture(scope="module")
def spec():
    """The small problem whose solutions are known to many digits."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 8))
    w = np.array([2, -1, 0.5, 0, 0, 0, 0, 0])
    y = X @ w + 1 + 0.5 * rng.standard_normal(60)
    rng.poisson(np.exp(0.3 * X @ w))  # keeps the stream where it was when s was drawn
    s = rng.uniform(0.5, 2, 60)
    np.testing.assert_allclose(X.sum(), -11.402854776616, rtol=1e-12)
    np.testing.assert_allclose(y.sum(), 59.995549570276, rtol=1e-12)
    np.testing.assert_allclose((s / s.sum())[0], 0.006897602722, rtol=1e-9)
    return X, y, s


def objective(X, y, coef, intercept, alpha, l1_ratio=1.0, s=None):
    s = np.full(len(y), 1 / len(y)) if s is None else s / s.sum()
    resid = y - X @ coef - intercept
    penalty = l1_ratio * np.abs(coef).sum() + (1 - l1_ratio) / 2 * coef @ coef
    return s @ resid**2 / 2 + alpha * penalty


@pytest.mark.parametrize(
    ("l1_ratio", "weighted", "value", "intercept", "coef"),
    [
        (
            1.0,
            False,
            0.451245750017,
            1.014908,
            [1.839063, -0.968551, 0.370048, 0, 0.035239, 0, 0.006449, 0],
        ),
        (
            0.5,
            False,
            0.398461381427,
            1.038193,
            [1.779160, -0.966975, 0.398937, 0, 0.072932, 0, 0.032981, 0],
        ),
        (
            1.0,
            True,
            0.446219960315,
            1.000939,
            [1.816639, -0.948801, 0.356890, 0, 0.029640, 0, 0.020880, 0],
        ),
    ],
)
def test_known_solutions(spec, l1_ratio, weighted, value, intercept, coef):
    X, y, s = spec
    weight = s if weighted else None
    model = ElasticNet(0.1, l1_ratio=l1_ratio, **TIGHT).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(model.coef_, coef, atol=6e-7)
    np.testing.assert_allclose(model.intercept_, intercept, atol=6e-7)
    reached = objective(X, y, model.coef_, model.intercept_, 0.1, l1_ratio, weight)
    assert reached == pytest.approx(value, abs=1e-11)
    assert model.dual_gap_ <= 1e-10


def test_alpha_max_is_where_coefficients_vanish(spec):
    X, y, _ = spec
    model = Lasso(2.0).fit(X, y)
    assert model.alpha_max_ == pytest.approx(1.365944071616, rel=1e-11)
    assert not np.any(Lasso(model.alpha_max_).fit(X, y).coef_)
    inside = Lasso(0.999 * model.alpha_max_, **TIGHT).fit(X, y)
    gradient = (X - X.mean(axis=0)).T @ (y - y.mean())
    assert np.flatnonzero(inside.coef_).tolist() == [np.abs(gradient).argmax()]
    assert model.intercept_ == pytest.approx(y.mean())


def test_orthonormal_design_is_soft_thresholding():
    rng = np.random.default_rng(1)
    Q, _ = np.linalg.qr(rng.standard_normal((40, 6)))
    X, y = np.sqrt(40) * Q, rng.standard_normal(40)
    z = X.T @ y / 40
    for alpha in (0.01, 0.1, 0.3):
        soft = np.sign(z) * np.maximum(np.abs(z) - alpha, 0)
        model = Lasso(alpha, fit_intercept=False, **TIGHT).fit(X, y)
        np.testing.assert_allclose(model.coef_, soft, atol=1e-10)
        enet = ElasticNet(alpha, l1_ratio=0.3, fit_intercept=False, **TIGHT).fit(X, y)
        soft = np.sign(z) * np.maximum(np.abs(z) - 0.3 * alpha, 0) / (1 + 0.7 * alpha)
        np.testing.assert_allclose(enet.coef_, soft, atol=1e-10)


def test_one_feature():
    model = Lasso(0.1, **TIGHT).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0])
    assert model.coef_[0] == pytest.approx(1 - 0.1 / (2 / 3), abs=1e-12)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("shape", [(80, 20), (30, 60)])
def test_agrees_with_scikit_learn(shape, weighted, positive, fit_intercept):
    rng = np.random.default_rng(2)
    X = rng.standard_normal(shape) + 0.5
    y = X[:, :5] @ [3.0, -2.0, 1.0, 0.5, 0.2] + rng.standard_normal(shape[0])
    weight = rng.uniform(0.2, 3.0, shape[0]) if weighted else None
    options = {"fit_intercept": fit_intercept, "positive": positive}
    theirs = TheirLasso(0.1, tol=1e-14, max_iter=1_000_000, **options)
    ours = Lasso(0.1, **TIGHT, **options).fit(X, y, sample_weight=weight)
    theirs.fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-7)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-7)
    theirs = TheirElasticNet(0.1, l1_ratio=0.4, tol=1e-14, max_iter=1_000_000, **options)
    ours = ElasticNet(0.1, l1_ratio=0.4, **TIGHT, **options).fit(X, y, sample_weight=weight)
    theirs.fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-7)


@pytest.mark.parametrize("name", golden.cases("gaussian"))
def test_path_equals_glmnet(name):
    case = golden.load("gaussian", name)
    path = enet_path(
        case.X, case.y, alphas=case.alphas, sample_weight=case.weight, tol=1e-13, **case.options
    )
    # `wide` has columns that are functions of two-valued ones: equal up to a shift and a scale
    case.check(
        path.coefs.T[:, None], path.intercepts[:, None], unique=not name.startswith("wide_l")
    )
    np.testing.assert_allclose(path.dev_ratio, case.raw["dev_ratio"], atol=1e-8)


@pytest.mark.parametrize("name", ["lasso", "lasso_raw", "lasso_weights", "enet", "wide_lasso"])
def test_default_path_equals_that_of_glmnet(name):
    case = golden.load("gaussian", name)
    path = enet_path(
        case.X,
        case.y,
        sample_weight=case.weight,
        eps=case.eps,
        early_stop=True,
        tol=1e-12,
        **case.options,
    )
    np.testing.assert_allclose(path.alphas, case.alphas, rtol=1e-9)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"l1_ratio": 0.5},
        {"l1_ratio": 0.0},
        {"standardize": True},
        {"standardize": True, "fit_intercept": False},
        {"penalty_factor": [0, 1, 2, 1, np.inf, 0.5, 1, 1, 1, 1]},
        {"lower": -0.4, "upper": 0.3},
        {"lower": -0.4, "upper": 0.3, "standardize": True, "l1_ratio": 0.7},
        {"positive": True},
        {"offset": np.linspace(-1, 1, 40)},
        {"sample_weight": np.r_[np.zeros(10), np.linspace(0.1, 2, 30)], "standardize": True},
        {"solver": "naive"},
        {"solver": "gram"},
    ],
    ids=str,
)
@pytest.mark.parametrize("sparse", [False, True])
def test_agrees_with_an_independent_solver(options, sparse):
    rng = np.random.default_rng(3)
    X = rng.standard_normal((40, 10)) * np.logspace(-1, 1, 10) + 0.3
    X[np.abs(X) < 0.3] = 0.0
    y = X @ (rng.standard_normal(10) / np.logspace(-1, 1, 10)) + rng.standard_normal(40)
    alphas = np.array([0.5, 0.1, 0.02])
    path = enet_path(
        sp.csc_array(X) if sparse else X, y, alphas=alphas, **{"l1_ratio": 1.0, **options}, **TIGHT
    )
    theirs = dict(options)
    theirs.pop("solver", None)
    if theirs.pop("positive", False):
        theirs["lower"] = np.zeros(10)
    for bound in ("lower", "upper"):
        if np.ndim(theirs.get(bound, [])) == 0:
            theirs[bound] = np.full(10, theirs[bound])
    expected = reference_solver.fit_path(X, y, "quadratic", alphas=alphas, **theirs)
    np.testing.assert_allclose(path.objective, expected["objective"], rtol=1e-10)
    np.testing.assert_allclose(path.coefs.T, expected["coefs"][:, 0], atol=2e-6)
    np.testing.assert_allclose(path.intercepts, expected["intercepts"][:, 0], atol=2e-6)
    assert path.null_loss == pytest.approx(expected["null_loss"], rel=1e-9)
    assert path.alpha_max == pytest.approx(expected["alpha_max"], rel=1e-8)


def make(n=50, p=12, seed=4):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) + 0.2
    y = X[:, :4] @ [2.0, -1.5, 1.0, 0.3] + rng.standard_normal(n)
    return X, y


@pytest.mark.parametrize("standardize", [False, True])
class TestInvariances:
    def fit(self, X, y, standardize, **params):
        model = Lasso(0.1, standardize=standardize, **TIGHT)
        return model.fit(X, y, **params)

    def test_rows_may_be_permuted(self, standardize):
        X, y = make()
        order = np.random.default_rng(0).permutation(50)
        np.testing.assert_allclose(
            self.fit(X, y, standardize).coef_,
            self.fit(X[order], y[order], standardize).coef_,
            atol=1e-9,
        )

    def test_columns_may_be_permuted(self, standardize):
        X, y = make()
        order = np.random.default_rng(0).permutation(12)
        np.testing.assert_allclose(
            self.fit(X, y, standardize).coef_[order],
            self.fit(X[:, order], y, standardize).coef_,
            atol=1e-9,
        )

    def test_integer_weights_are_repetitions(self, standardize):
        X, y = make()
        times = np.random.default_rng(0).integers(0, 4, 50)
        np.testing.assert_allclose(
            self.fit(X, y, standardize, sample_weight=times).coef_,
            self.fit(X.repeat(times, axis=0), y.repeat(times), standardize).coef_,
            atol=1e-9,
        )

    def test_scale_of_weights_does_not_matter(self, standardize):
        X, y = make()
        weight = np.linspace(0.5, 2, 50)
        np.testing.assert_allclose(
            self.fit(X, y, standardize, sample_weight=weight).coef_,
            self.fit(X, y, standardize, sample_weight=1e6 * weight).coef_,
            atol=1e-9,
        )

    def test_shift_of_y_moves_the_intercept_only(self, standardize):
        X, y = make()
        one, two = self.fit(X, y, standardize), self.fit(X, y + 10, standardize)
        np.testing.assert_allclose(one.coef_, two.coef_, atol=1e-9)
        assert two.intercept_ - one.intercept_ == pytest.approx(10, abs=1e-9)

    def test_shift_of_columns_moves_the_intercept_only(self, standardize):
        X, y = make()
        one, two = self.fit(X, y, standardize), self.fit(X + 3.0, y, standardize)
        np.testing.assert_allclose(one.coef_, two.coef_, atol=1e-8)

    def test_sign_of_y_turns_the_signs(self, standardize):
        X, y = make()
        np.testing.assert_allclose(
            self.fit(X, y, standardize).coef_, -self.fit(X, -y, standardize).coef_, atol=1e-12
        )

    def test_sparse_equals_dense(self, standardize):
        X, y = make()
        X[np.abs(X) < 0.7] = 0.0
        np.testing.assert_allclose(
            self.fit(sp.csc_array(X), y, standardize).coef_,
            self.fit(X, y, standardize).coef_,
            atol=1e-9,
        )

    def test_standardised_problem_knows_no_units(self, standardize):
        X, y = make()
        units = np.logspace(-6, 6, 12)
        if not standardize:
            X = (X - X.mean(axis=0)) / X.std(axis=0)
            units = np.ones(12)
        one = self.fit(X, y, True).coef_
        np.testing.assert_allclose(self.fit(X * units, y, True).coef_ * units, one, atol=1e-8)
        if not standardize:
            np.testing.assert_allclose(self.fit(X, y, False).coef_, one, atol=1e-9)


def test_path_equals_single_fits():
    X, y = make(30, 40)
    path = lasso_path(X, y, n_alphas=12, eps=0.01, **TIGHT)
    assert path.alphas[0] == pytest.approx(path.alpha_max)
    assert path.alphas[-1] == pytest.approx(0.01 * path.alpha_max)
    np.testing.assert_allclose(np.diff(np.log(path.alphas)), np.log(0.01) / 11)
    for i in range(12):
        model = Lasso(path.alphas[i], **TIGHT).fit(X, y)
        np.testing.assert_allclose(model.coef_, path.coefs[:, i], atol=1e-7)
        np.testing.assert_allclose(model.intercept_, path.intercepts[i], atol=1e-7)


def test_alphas_come_back_sorted():
    X, y = make()
    assert lasso_path(X, y, alphas=[0.1, 1.0, 0.3]).alphas.tolist() == [1.0, 0.3, 0.1]


def test_gap_bounds_the_distance_to_the_minimum():
    X, y = make(40, 80)
    tight = lasso_path(X, y, n_alphas=10, eps=0.05, tol=1e-13)
    loose = lasso_path(X, y, alphas=tight.alphas, tol=1e-2)
    assert np.all(loose.dual_gaps >= loose.objective - tight.objective - 1e-12)
    assert np.all(loose.dual_gaps <= 1e-2 * loose.null_loss)
    assert np.all(tight.dual_gaps >= -1e-14 * tight.null_loss)
    computed = [
        objective(X, y, tight.coefs[:, i], tight.intercepts[i], a)
        for i, a in enumerate(tight.alphas)
    ]
    np.testing.assert_allclose(tight.objective, computed, rtol=1e-10)


def test_alpha_zero_is_least_squares():
    X, y = make()
    model = Lasso(0.0).fit(X, y)
    A = np.column_stack([X, np.ones(len(y))])
    exact = np.linalg.lstsq(A, y, rcond=None)[0]
    np.testing.assert_allclose(model.coef_, exact[:-1], atol=1e-5)
    path = lasso_path(X, y, alphas=[0.1, 0.0], tol=1e-10)
    np.testing.assert_allclose(path.coefs[:, 1], exact[:-1], atol=1e-6)


def test_unpenalised_and_excluded_features():
    X, y = make()
    factor = np.ones(12)
    factor[7], factor[0] = 0.0, np.inf
    path = lasso_path(X, y, penalty_factor=factor, n_alphas=5, **TIGHT)
    assert np.count_nonzero(path.coefs[:, 0]) == 1
    z = X[:, 7] - X[:, 7].mean()
    assert path.coefs[7, 0] == pytest.approx(z @ y / (z @ z), rel=1e-7)
    assert not np.any(path.coefs[0])


def test_bounds_hold_and_are_reached():
    X, y = make()
    model = Lasso(0.01, lower=-0.5, upper=np.r_[1.0, np.full(11, np.inf)], **TIGHT).fit(X, y)
    assert model.coef_[0] == 1.0
    assert model.coef_.min() == -0.5


def test_rows_of_a_fortran_array_are_read_in_place():
    X, y = make()
    F = np.asfortranarray(X)
    np.testing.assert_array_equal(
        Lasso(0.1).fit(F[5:40], y[5:40]).coef_, Lasso(0.1).fit(F[5:40].copy(), y[5:40]).coef_
    )


def test_more_features_than_rows_without_penalty_interpolate():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, 50)), rng.standard_normal(20)
    model = Lasso(0.0).fit(X, y)
    np.testing.assert_allclose(model.predict(X), y, atol=1e-2)


def test_unsorted_and_repeated_sparse_entries():
    X, y = make()
    X[np.abs(X) < 0.7] = 0.0
    S = sp.csc_array(X)
    doubled = sp.csc_array(
        (np.repeat(S.data / 2, 2), np.repeat(S.indices, 2)[::1], 2 * S.indptr), shape=S.shape
    )
    assert not doubled.has_canonical_format
    before = doubled.data.copy()
    np.testing.assert_allclose(
        Lasso(0.1, **TIGHT).fit(doubled, y).coef_, Lasso(0.1, **TIGHT).fit(S, y).coef_, atol=1e-12
    )
    np.testing.assert_array_equal(doubled.data, before)


@pytest.mark.parametrize("sparse", [False, True])
def test_threads_give_equal_bits(sparse):
    rng = np.random.default_rng(5)
    X = rng.standard_normal((300, 2000))
    y = X[:, :20].sum(axis=1) + rng.standard_normal(300)
    if sparse:
        X[np.abs(X) < 1.5] = 0.0
        X = sp.csc_array(X)
    results = [lasso_path(X, y, n_alphas=20, eps=0.05, n_jobs=k) for k in (1, 2, 4)]
    for other in results[1:]:
        np.testing.assert_array_equal(other.coefs, results[0].coefs)
        np.testing.assert_array_equal(other.dual_gaps, results[0].dual_gaps)
        np.testing.assert_array_equal(other.intercepts, results[0].intercepts)


def test_early_stop_shortens_the_path():
    rng = np.random.default_rng(6)
    X = rng.standard_normal((50, 5))
    y = X @ [1.0, 2.0, 3.0, 4.0, 5.0]
    full = lasso_path(X, y, n_alphas=50)
    short = lasso_path(X, y, n_alphas=50, early_stop=True)
    assert len(full.alphas) == 50
    assert 5 < len(short.alphas) < 50
    assert short.dev_ratio[-1] > 0.999
    assert short.coefs.shape == (5, len(short.alphas))
    limited = lasso_path(X, y, n_alphas=50, max_active=2)
    assert len(limited.alphas) < 50


def test_far_from_alpha_max_one_strength_is_solved_as_a_path_solves_it() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 600))
    y = X[:, :5] @ [3.0, -2.0, 1.0, 1.0, -1.0] + rng.normal(size=80)
    alpha = 0.03 * np.abs(X.T @ (y - y.mean())).max() / 80
    path = lasso_path(X, y, alphas=np.geomspace(30 * alpha, alpha, 30), tol=1e-12)
    one = Lasso(alpha=alpha, tol=1e-12).fit(X, y)
    np.testing.assert_allclose(one.coef_, path.coefs[:, -1], atol=1e-6)
    np.testing.assert_allclose(one.intercept_, path.intercepts[-1], atol=1e-6)
    assert one.dual_gap_ <= 1e-12 * np.var(y) / 2

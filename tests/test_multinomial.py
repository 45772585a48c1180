# SPDX-License-Identifier: BSD-3-Clause
"""Multinomial Lasso against glmnet, known solutions and an independent solver."""

from __future__ import annotations

import golden
import numpy as np
import pytest
import reference_solver
import scipy.sparse as sp
from scipy.special import logsumexp
from sklearn.datasets import load_iris, load_wine
from sklearn.linear_model import LogisticRegression

from taut.linear_model import MultinomialLasso, multinomial_path

TIGHT = {"tol": 1e-11}


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


def objective(model, X, y):
    eta = X @ model.coef_.T + model.intercept_
    loss = np.mean(logsumexp(eta, axis=1) - eta[np.arange(len(y)), y])
    size = model.coef_ * (X.std(axis=0) if model.standardize else 1.0)
    pen = np.linalg.norm(size, axis=0).sum() if model.grouped else np.abs(size).sum()
    rho = model.l1_ratio
    return loss + model.alpha * (rho * pen + (1 - rho) / 2 * (size**2).sum())


@pytest.mark.parametrize(
    ("options", "value", "table"),
    [
        (
            {},
            0.554148606854,
            """2.858803 1.383809 -4.242612  0 0 0  .747814 -.053263 0
               -1.359928 0 0  0 0 3.332854""",
        ),
        (
            {"grouped": True},
            0.476459593290,
            """3.727149 2.492403 -6.219552  0 0 0  .507726 -.363497 -.144229
               -.729442 .069038 .660404  -2.420502 -.359094 2.779596""",
        ),
        (
            {"l1_ratio": 0.5},
            None,
            """2.4581 2.7020 -5.1601  -.4700 0 .1321  1.1990 -.5714 0
               -.5820 0 .5016  -1.1244 0 1.7992""",
        ),
        (
            {"standardize": False},
            None,
            "7.4482 1.7878 -9.2360  0 0 0  0 0 0  -2.0218 0 2.2613  0 0 0",
        ),
    ],
    ids=["ungrouped", "grouped", "elastic net", "raw"],
)
def test_known_solutions_on_iris(iris, options, value, table):
    X, y = iris
    rows = np.array(table.split(), dtype=float).reshape(5, 3)
    model = MultinomialLasso(0.05, **TIGHT, **options).fit(X, y)
    atol = 6e-5 if value is None else 2e-6  # digits of the table
    np.testing.assert_allclose(model.intercept_, rows[0], atol=atol)
    np.testing.assert_allclose(model.coef_.T, rows[1:], atol=atol)
    if value is not None:
        assert objective(model, X, y) == pytest.approx(value, abs=1e-10)


@pytest.mark.parametrize(
    ("options", "alpha_max"),
    [
        ({}, 0.4349957740),
        ({"grouped": True}, 0.5601701286),
        ({"standardize": False}, 0.7653333333),
    ],
)
def test_alpha_max_on_iris(iris, options, alpha_max):
    path = multinomial_path(*iris, n_alphas=3, **options)
    assert path.alpha_max == pytest.approx(alpha_max, abs=6e-11)
    assert not np.any(path.coefs[0])
    assert path.null_loss == pytest.approx(np.log(3))
    model = MultinomialLasso(0.99 * alpha_max, **TIGHT, **options).fit(*iris)
    assert np.any(model.coef_)


@pytest.mark.parametrize("name", golden.cases("multinomial"))
def test_path_equals_glmnet(name):
    case = golden.load("multinomial", name)
    path = multinomial_path(
        case.X, case.y, alphas=case.alphas, sample_weight=case.weight, tol=1e-12, **case.options
    )
    case.check(path.coefs, path.intercepts)
    case.check_polished(path.coefs, rtol=1e-7)
    np.testing.assert_allclose(path.dev_ratio, case.raw["dev_ratio"], atol=1e-6)


@pytest.mark.parametrize("name", golden.cases("multinomial"))
def test_default_path_equals_that_of_glmnet(name):
    case = golden.load("multinomial", name)
    path = multinomial_path(
        case.X,
        case.y,
        sample_weight=case.weight,
        eps=case.eps,
        early_stop=True,
        tol=1e-10,
        **case.options,
    )
    np.testing.assert_allclose(path.alphas, case.alphas, rtol=1e-9)


def test_agrees_with_scikit_learn():
    X, y = load_wine(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    theirs = LogisticRegression(
        C=1 / (0.02 * len(y)),
        l1_ratio=1,
        solver="saga",
        tol=1e-12,
        max_iter=100_000,
        random_state=0,
    ).fit(X, y)
    ours = MultinomialLasso(0.02, standardize=False, **TIGHT).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"grouped": True},
        {"l1_ratio": 0.5},
        {"l1_ratio": 0.5, "grouped": True},
        {"standardize": False, "grouped": True},
        {"fit_intercept": False},
        {"penalty_factor": [0.5, 1, 2, 1, np.inf, 1]},
        {"penalty_factor": [0.5, 1, 2, 1, np.inf, 1], "grouped": True},
        {"offset": np.outer(np.linspace(-1, 1, 90), [1.0, 0.0, 0.5])},
        {"sample_weight": np.r_[np.zeros(10), np.linspace(0.1, 2, 80)]},
        {"lower": np.full(6, -0.3), "upper": np.full(6, 0.4)},
        {"lower": np.full(6, -0.3), "upper": np.full(6, 0.4), "standardize": False},
        {"lower": np.zeros(6), "l1_ratio": 0.8},
    ],
    ids=str,
)
@pytest.mark.parametrize("sparse", [False, True])
def test_agrees_with_an_independent_solver(options, sparse):
    X, y = make()
    X[np.abs(X) < 0.4] = 0.0
    alphas = np.array([0.1, 0.03, 0.01])
    path = multinomial_path(sp.csc_array(X) if sparse else X, y, alphas=alphas, **options, **TIGHT)
    theirs = {"standardize": True, **options}
    expected = reference_solver.fit_path(X, np.eye(3)[y], "multinomial", alphas=alphas, **theirs)
    np.testing.assert_allclose(path.objective, expected["objective"], rtol=1e-9)
    np.testing.assert_allclose(path.coefs, expected["coefs"], atol=5e-5)
    np.testing.assert_allclose(path.intercepts, expected["intercepts"], atol=5e-5)
    assert path.null_loss == pytest.approx(expected["null_loss"], rel=1e-9)


def make(n=90, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 6)) * [1, 2, 0.5, 1, 3, 1] + 0.2
    eta = X[:, :3] @ rng.standard_normal((3, 3))
    return X, (eta + rng.gumbel(size=(n, 3))).argmax(axis=1)


@pytest.mark.parametrize("grouped", [False, True])
class TestInvariances:
    def fit(self, X, y, grouped, **params):
        return MultinomialLasso(0.03, grouped=grouped, **TIGHT).fit(X, y, **params)

    def test_names_of_classes_permute_the_rows(self, grouped):
        X, y = make()
        order = np.array([2, 0, 1])
        one, two = self.fit(X, y, grouped), self.fit(X, order[y], grouped)
        np.testing.assert_allclose(two.coef_[order], one.coef_, atol=1e-6)
        np.testing.assert_allclose(two.intercept_[order], one.intercept_, atol=1e-6)

    def test_columns_may_be_permuted(self, grouped):
        X, y = make()
        order = np.random.default_rng(0).permutation(6)
        np.testing.assert_allclose(
            self.fit(X[:, order], y, grouped).coef_,
            self.fit(X, y, grouped).coef_[:, order],
            atol=1e-6,
        )

    def test_integer_weights_are_repetitions(self, grouped):
        X, y = make()
        times = np.random.default_rng(0).integers(0, 4, 90)
        np.testing.assert_allclose(
            self.fit(X, y, grouped, sample_weight=times).coef_,
            self.fit(X.repeat(times, axis=0), y.repeat(times), grouped).coef_,
            atol=1e-6,
        )

    def test_units_of_columns_do_not_matter(self, grouped):
        X, y = make()
        units = np.logspace(-4, 4, 6)
        np.testing.assert_allclose(
            self.fit(X * units, y, grouped).coef_ * units, self.fit(X, y, grouped).coef_, atol=1e-6
        )

    def test_one_hot_matrix_equals_labels(self, grouped):
        X, y = make()
        one, two = self.fit(X, y, grouped), self.fit(X, np.eye(3)[y], grouped)
        np.testing.assert_array_equal(one.coef_, two.coef_)
        assert two.classes_.tolist() == [0, 1, 2]

    def test_counts_equal_repeated_labels(self, grouped):
        X, _ = make(30)
        counts = np.random.default_rng(1).integers(0, 4, (30, 3))
        counts[0] = 0  # a row without observations
        rows, labels = np.repeat(np.indices((30, 3)).reshape(2, -1), counts.ravel(), axis=1)
        np.testing.assert_allclose(
            self.fit(X, counts, grouped).coef_, self.fit(X[rows], labels, grouped).coef_, atol=1e-6
        )

    def test_intercepts_sum_to_zero_and_rows_are_centred(self, grouped):
        model = self.fit(*make(), grouped)
        assert model.intercept_.sum() == pytest.approx(0, abs=1e-9)
        if grouped:
            np.testing.assert_allclose(model.coef_.sum(axis=0), 0, atol=1e-6)
        else:
            assert np.all((model.coef_ > 0).sum(axis=0) <= 1.5)
            assert np.all((model.coef_ < 0).sum(axis=0) <= 1.5)


@pytest.mark.parametrize("grouped", [False, True])
def test_alpha_zero_is_plain_multinomial_regression(grouped):
    X, y = make()
    ours = MultinomialLasso(0.0, grouped=grouped, **TIGHT).fit(X, y)
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5)


def test_grouped_features_enter_for_all_classes():
    X, y = make()
    path = multinomial_path(X, y, n_alphas=20, grouped=True, eps=0.05)
    used = path.coefs != 0
    assert np.array_equal(used.any(axis=1), used.all(axis=1))
    assert np.array_equal(path.n_active, used.any(axis=1).sum(axis=1))


def test_gap_bounds_the_distance_to_the_minimum():
    X, y = make()
    tight = multinomial_path(X, y, n_alphas=10, eps=0.02, tol=1e-11)
    loose = multinomial_path(X, y, alphas=tight.alphas, tol=1e-2)
    assert np.all(loose.dual_gaps >= loose.objective - tight.objective - 1e-12)
    assert np.all(loose.dual_gaps <= 1e-2 * np.log(3))


def test_column_names_of_a_frame_are_classes():
    pandas = pytest.importorskip("pandas")
    X, y = make()
    frame = pandas.DataFrame(np.eye(3)[y], columns=["low", "mid", "high"])
    model = MultinomialLasso(0.03).fit(X, frame)
    assert model.classes_.tolist() == ["low", "mid", "high"]
    assert set(model.predict(X)) <= {"low", "mid", "high"}


def test_classes_without_weight_do_not_exist():
    X, y = make()
    alive = MultinomialLasso(0.03, **TIGHT).fit(X[y != 1], y[y != 1])
    masked = MultinomialLasso(0.03, **TIGHT).fit(X, y, sample_weight=(y != 1).astype(float))
    assert masked.classes_.tolist() == [0, 2]
    np.testing.assert_allclose(masked.coef_, alive.coef_, atol=1e-6)


def test_threads_give_equal_bits():
    rng = np.random.default_rng(5)
    X = rng.standard_normal((200, 500))
    y = (X[:, :3] + rng.gumbel(size=(200, 3))).argmax(axis=1)
    for grouped in (False, True):
        results = [
            multinomial_path(X, y, n_alphas=8, eps=0.2, grouped=grouped, n_jobs=k)
            for k in (1, 2, 4)
        ]
        for other in results[1:]:
            np.testing.assert_array_equal(other.coefs, results[0].coefs)
            np.testing.assert_array_equal(other.dual_gaps, results[0].dual_gaps)

# SPDX-License-Identifier: BSD-3-Clause
"""What goes wrong at the border, and what is defined although it looks degenerate."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from taut.exceptions import ConvergenceWarning, DataConversionWarning
from taut.linear_model import (
    ElasticNet,
    ElasticNetCV,
    Lasso,
    LassoCV,
    LogisticLasso,
    LogisticLassoCV,
    MultinomialLasso,
    MultinomialLassoCV,
    enet_path,
    lasso_path,
    logistic_path,
    multinomial_path,
)

RNG = np.random.default_rng(0)
X = RNG.standard_normal((12, 3))
Y = X[:, 0] + 0.1 * RNG.standard_normal(12)
TWO = np.array(["a", "b"] * 6)
THREE = np.array(["a", "b", "c"] * 4)


def swap(array, at, value):
    array = np.array(array)
    array[at] = value
    return array


def with_nan_sparse():
    S = sp.csc_array(X)
    S.data[3] = np.nan
    return S


# (what is wrong, call, exception, fragment of the message)
TABLE = [
    ("NaN in X", lambda: Lasso().fit(swap(X, (2, 1), np.nan), Y), ValueError, "contains NaN"),
    ("inf in X", lambda: Lasso().fit(swap(X, (2, 1), np.inf), Y), ValueError, "infinity"),
    ("NaN in sparse X", lambda: Lasso().fit(with_nan_sparse(), Y), ValueError, "contains NaN"),
    ("NaN in y", lambda: Lasso().fit(X, swap(Y, 0, np.nan)), ValueError, "y contains NaN"),
    ("inf in y", lambda: Lasso().fit(X, swap(Y, 0, np.inf)), ValueError, "y contains infinity"),
    ("text in y", lambda: Lasso().fit(X, TWO), ValueError, "could not convert string"),
    ("text in X", lambda: Lasso().fit(X.astype(str) + "x", Y), ValueError, "got text in columns"),
    ("complex X", lambda: Lasso().fit(X + 1j, Y), ValueError, "Complex data not supported"),
    ("lengths", lambda: Lasso().fit(X, Y[:-1]), ValueError, "y has 11 rows, X has 12 rows"),
    ("lengths, classes", lambda: LogisticLasso().fit(X, TWO[:-1]), ValueError, "y has 11 rows"),
    ("no y", lambda: Lasso().fit(X, None), ValueError, "requires y to be passed"),
    ("one-dimensional X", lambda: Lasso().fit(X[:, 0], Y), ValueError, "Expected 2D array"),
    ("no feature", lambda: Lasso().fit(X[:, :0], Y), ValueError, "0 feature"),
    ("no feature, sparse", lambda: Lasso().fit(sp.csc_array((12, 0)), Y), ValueError, "0 feature"),
    ("no row", lambda: Lasso().fit(X[:0], Y[:0]), ValueError, "0 sample"),
    ("several responses", lambda: Lasso().fit(X, X[:, :2]), ValueError, "y should be a 1d array"),
    (
        "several responses, classes",
        lambda: LogisticLasso().fit(X, np.c_[TWO, TWO]),
        ValueError,
        "y should be a 1d array",
    ),
    (
        "negative weight",
        lambda: Lasso().fit(X, Y, sample_weight=swap(np.ones(12), 4, -2.0)),
        ValueError,
        "sample_weight must be >= 0, got -2 in row 4",
    ),
    (
        "all weights zero",
        lambda: Lasso().fit(X, Y, sample_weight=np.zeros(12)),
        ValueError,
        "zero in every row",
    ),
    (
        "NaN weight",
        lambda: Lasso().fit(X, Y, sample_weight=swap(np.ones(12), 1, np.nan)),
        ValueError,
        "sample_weight contains NaN",
    ),
    (
        "length of weights",
        lambda: Lasso().fit(X, Y, sample_weight=np.ones(5)),
        ValueError,
        "sample_weight has 5 values, X has 12 rows",
    ),
    (
        "shape of weights",
        lambda: Lasso().fit(X, Y, sample_weight=np.ones((12, 2))),
        ValueError,
        r"sample_weight must have shape \(12,\)",
    ),
    ("negative alpha", lambda: Lasso(-1.0).fit(X, Y), ValueError, "'alpha' parameter of Lasso"),
    ("NaN alpha", lambda: Lasso(np.nan).fit(X, Y), ValueError, "'alpha' parameter of Lasso"),
    ("text alpha", lambda: Lasso("big").fit(X, Y), ValueError, "'alpha' parameter of Lasso"),
    ("l1_ratio", lambda: ElasticNet(l1_ratio=1.5).fit(X, Y), ValueError, "'l1_ratio' parameter"),
    ("tol", lambda: Lasso(tol=0.0).fit(X, Y), ValueError, "'tol' parameter of Lasso"),
    ("max_iter", lambda: Lasso(max_iter=0).fit(X, Y), ValueError, "'max_iter' parameter of Lasso"),
    ("solver", lambda: Lasso(solver="fast").fit(X, Y), ValueError, "'solver' parameter of Lasso"),
    ("n_jobs", lambda: Lasso(n_jobs=0).fit(X, Y), ValueError, "n_jobs must not be 0"),
    (
        "penalty_factor length",
        lambda: Lasso(penalty_factor=[1.0, 1.0]).fit(X, Y),
        ValueError,
        r"penalty_factor must have shape \(3,\)",
    ),
    (
        "penalty_factor sign",
        lambda: Lasso(penalty_factor=[1.0, -1.0, 1.0]).fit(X, Y),
        ValueError,
        "penalty_factor must be >= 0, got -1 for feature 1",
    ),
    (
        "penalty_factor NaN",
        lambda: Lasso(penalty_factor=[1.0, np.nan, 1.0]).fit(X, Y),
        ValueError,
        "penalty_factor must be >= 0, got nan for feature 1",
    ),
    (
        "nothing penalised",
        lambda: lasso_path(X, Y, penalty_factor=[0.0, 0.0, np.inf]),
        ValueError,
        "no feature penalised",
    ),
    ("lower", lambda: Lasso(lower=1.0).fit(X, Y), ValueError, "lower must be <= 0, got 1"),
    (
        "upper",
        lambda: Lasso(upper=[1.0, 1.0, -0.5]).fit(X, Y),
        ValueError,
        "upper must be >= 0, got -0.5 for feature 2",
    ),
    (
        "bounds on groups",
        lambda: MultinomialLasso(grouped=True, upper=1.0).fit(X, THREE),
        ValueError,
        "upper do not go with grouped=True",
    ),
    ("one class", lambda: LogisticLasso().fit(X, ["a"] * 12), ValueError, "one class: 'a'"),
    ("one class, many", lambda: MultinomialLasso().fit(X, [3] * 12), ValueError, "one class: 3"),
    (
        "one class with weight",
        lambda: LogisticLasso().fit(X, TWO, sample_weight=TWO == "b"),
        ValueError,
        "one class: 'b'",
    ),
    (
        "three classes",
        lambda: LogisticLasso().fit(X, THREE),
        ValueError,
        "Only binary classification is supported.*use MultinomialLasso",
    ),
    ("real classes", lambda: LogisticLasso().fit(X, Y), ValueError, "Unknown label type"),
    ("NaN class", lambda: LogisticLasso().fit(X, [np.nan, 1.0] * 6), ValueError, "contains NaN"),
    (
        "missing class",
        lambda: LogisticLasso().fit(X, np.array([None, "a", "b"] * 4, dtype=object)),
        ValueError,
        "None, first in row 0",
    ),
    (
        "negative counts",
        lambda: MultinomialLasso().fit(X, swap(np.ones((12, 3)), (5, 1), -1)),
        ValueError,
        "got -1 in row 5, column 1",
    ),
    (
        "class without counts",
        lambda: MultinomialLasso().fit(X, np.eye(3)[[0, 2] * 6]),
        ValueError,
        "column 1 of y",
    ),
    ("no counts", lambda: MultinomialLasso().fit(X, np.zeros((12, 3))), ValueError, "no positive"),
    ("alphas sign", lambda: lasso_path(X, Y, alphas=[1.0, -0.1]), ValueError, "got -0.1 at pos"),
    ("alphas NaN", lambda: lasso_path(X, Y, alphas=[np.nan]), ValueError, "alphas must be finite"),
    ("no alphas", lambda: lasso_path(X, Y, alphas=[]), ValueError, "not empty"),
    ("alphas shape", lambda: lasso_path(X, Y, alphas=[[1.0]]), ValueError, "one-dimensional"),
    ("eps", lambda: lasso_path(X, Y, eps=2.0), ValueError, "'eps' parameter of lasso_path"),
    ("path tol", lambda: enet_path(X, Y, tol=-1.0), ValueError, "'tol' parameter of enet_path"),
    (
        "offset",
        lambda: multinomial_path(X, THREE, offset=np.zeros(12)),
        ValueError,
        r"offset must have shape \(12, 3\)",
    ),
    (
        "callback",
        lambda: logistic_path(X, TWO, callback="print"),
        ValueError,
        "'callback' parameter of logistic_path",
    ),
    ("cv number", lambda: LassoCV(cv=1).fit(X, Y), ValueError, "'cv' parameter of LassoCV"),
    ("more folds than rows", lambda: LassoCV(cv=20).fit(X, Y), ValueError, "n_samples=12"),
    ("fold numbers", lambda: LassoCV(cv=[0, 1, 0]).fit(X, Y), ValueError, "must hold 12 integers"),
    (
        "row outside",
        lambda: LassoCV(cv=[([0, 1, 2], [99])]).fit(X, Y),
        ValueError,
        "outside 0 .. 11",
    ),
    (
        "negative row",
        lambda: LassoCV(cv=[([0, -1, 2], [3])]).fit(X, Y),
        ValueError,
        "outside 0 .. 11",
    ),
    ("no split", lambda: LassoCV(cv=[]).fit(X, Y), ValueError, "no split"),
    (
        "nothing to fit",
        lambda: LassoCV(cv=[([], [1, 2])]).fit(X, Y),
        ValueError,
        "Fold 0 of cv leaves no row",
    ),
    (
        "nothing to score",
        lambda: LassoCV(cv=[([1, 2], [])]).fit(X, Y),
        ValueError,
        "positive weight to score",
    ),
    (
        "one fold and 1se",
        lambda: LassoCV(cv=[(np.arange(8), np.arange(8, 12))], rule="1se").fit(X, Y),
        ValueError,
        "at least 2 folds",
    ),
    (
        "single observation of a class",
        lambda: MultinomialLassoCV().fit(X, swap(TWO, 3, "z")),
        ValueError,
        "one of class 'z'",
    ),
    (
        "class not in a fold",
        lambda: LogisticLassoCV(cv=[(np.arange(0, 12, 2), np.arange(1, 12, 2))]).fit(X, TWO),
        ValueError,
        "Fold 0 of cv leaves no row of class 'b'",
    ),
    ("rule", lambda: LassoCV(rule="2se").fit(X, Y), ValueError, "'rule' parameter of LassoCV"),
    (
        "scoring",
        lambda: LogisticLassoCV(scoring="auc").fit(X, TWO),
        ValueError,
        "'scoring' parameter of LogisticLassoCV",
    ),
    (
        "mixtures",
        lambda: ElasticNetCV(l1_ratio=[0.5, 2.0]).fit(X, Y),
        ValueError,
        "l1_ratio must lie in",
    ),
    (
        "alphas of CV",
        lambda: LassoCV(alphas=[1.0, -1.0]).fit(X, Y),
        ValueError,
        "got -1 at position 1",
    ),
    (
        "unknown metadata",
        lambda: LassoCV().fit(X, Y, colour="red"),
        TypeError,
        "takes X, y, sample_weight and groups, got colour",
    ),
    (
        "features at predict",
        lambda: Lasso().fit(X, Y).predict(X[:, :2]),
        ValueError,
        "2 features, but Lasso is expecting 3",
    ),
]


@pytest.mark.parametrize(
    ("call", "error", "fragment"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_message_says_what_is_wrong(call, error, fragment):
    with pytest.raises(error, match=fragment):
        call()


REGRESSORS = [Lasso(0.1), ElasticNet(0.1), LassoCV(alphas=5), ElasticNetCV(alphas=5)]


@pytest.mark.parametrize("model", REGRESSORS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("standardize", [False, True])
def test_constant_response_is_the_intercept(model, standardize):
    model = model.set_params(standardize=standardize).fit(X, np.full(12, 2.5))
    assert not np.any(model.coef_)
    assert model.intercept_ == pytest.approx(2.5)
    assert model.dual_gap_ == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(model.predict(X), 2.5)


def test_path_of_a_constant_response_is_zero():
    path = lasso_path(X, np.ones(12), n_alphas=5)
    assert not np.any(path.coefs)
    assert path.converged.all()


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("value", [0.0, 3.7, 1e8])
def test_constant_column_gets_zero(sparse, standardize, value):
    A = np.c_[X, np.full(12, value)]
    for fit, y in ((Lasso(0.01), Y), (LogisticLasso(0.01), TWO), (MultinomialLasso(0.01), THREE)):
        fit.set_params(standardize=standardize)
        without = fit.fit(X, y).coef_.copy()
        model = fit.fit(sp.csc_array(A) if sparse else A, y)
        assert not np.any(np.atleast_2d(model.coef_)[:, 3])
        np.testing.assert_allclose(
            np.atleast_2d(model.coef_)[:, :3], np.atleast_2d(without), atol=0.02
        )
        assert np.isfinite(model.coef_).all()


def test_only_constant_columns():
    model = Lasso(0.1).fit(np.ones((12, 2)), Y)
    assert model.coef_.tolist() == [0.0, 0.0]
    assert model.intercept_ == pytest.approx(Y.mean())


@pytest.mark.parametrize("solver", ["auto", "gram", "naive"])
def test_duplicated_columns_reach_the_minimum_of_one(solver):
    one = lasso_path(X, Y, n_alphas=10, tol=1e-10)
    two = lasso_path(np.c_[X, X], Y, alphas=one.alphas, tol=1e-10, solver=solver)
    np.testing.assert_allclose(two.objective, one.objective, rtol=1e-8)
    np.testing.assert_allclose(two.coefs[:3] + two.coefs[3:], one.coefs, atol=1e-4)
    assert two.converged.all()


def test_duplicated_columns_of_classifiers():
    for path, y in ((logistic_path, TWO), (multinomial_path, THREE)):
        one = path(X, y, n_alphas=6, eps=0.2, tol=1e-9)
        two = path(np.c_[X, X], y, alphas=one.alphas, tol=1e-9)
        np.testing.assert_allclose(two.objective, one.objective, rtol=1e-7)


def test_one_row():
    model = Lasso(0.1).fit([[1.0, 2.0]], [3.0])
    assert model.coef_.tolist() == [0.0, 0.0]
    assert model.intercept_ == 3.0
    through_origin = Lasso(0.5, fit_intercept=False, tol=1e-12).fit([[2.0]], [3.0])
    assert through_origin.coef_[0] == pytest.approx((6.0 - 0.5) / 4.0)
    with pytest.raises(ValueError, match="one class"):
        LogisticLasso().fit([[1.0]], ["a"])
    with pytest.raises(ValueError, match="n_samples=1"):
        LassoCV().fit([[1.0]], [1.0])


def test_one_row_of_positive_weight():
    model = Lasso(0.1).fit(X, Y, sample_weight=np.eye(12)[3])
    assert not np.any(model.coef_)
    assert model.intercept_ == pytest.approx(Y[3])


def test_column_vector_is_taken_with_a_warning():
    with pytest.warns(DataConversionWarning, match="column-vector"):
        Lasso(0.1).fit(X, Y[:, None])


def test_no_warning_on_good_data():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Lasso(0.1).fit(X.tolist(), Y.tolist())
        LogisticLasso(0.1).fit(X, TWO.tolist())
        MultinomialLasso(0.1).fit(X, THREE.tolist())


def test_warning_names_model_gap_and_tolerance():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((50, 100))
    b = rng.standard_normal(50)
    with pytest.warns(
        ConvergenceWarning, match=r"Lasso stopped after 1 iterations with duality gap"
    ) as caught:
        model = Lasso(1e-3, tol=1e-15, max_iter=1).fit(A, b)
    assert caught[0].filename == __file__
    assert model.dual_gap_ > 0
    assert np.isfinite(model.coef_).all()
    with pytest.warns(ConvergenceWarning, match=r"lasso_path .* of 10 penalty strengths") as caught:
        lasso_path(A, b, n_alphas=10, tol=1e-15, max_iter=1)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("scale", [1e-100, 1e-30, 1e30, 1e100])
def test_units_of_the_response_do_not_matter(scale):
    ours = Lasso(0.1 * scale, tol=1e-10).fit(X, Y * scale)
    np.testing.assert_allclose(ours.coef_ / scale, Lasso(0.1, tol=1e-10).fit(X, Y).coef_, atol=1e-8)


def test_columns_of_text_are_named():
    from taut.decomposition import SparseCoder
    from taut.linear_model import Lasso
    from taut.survival import CoxPH

    rows = pd.DataFrame({"age": [1.0, 2.0, 3.0], "city": ["a", "b", "c"], "sex": ["f", "m", "f"]})
    y = ([1.0, 2.0, 3.0], [1, 1, 0])
    for fit in (
        lambda X: Lasso().fit(X, [1.0, 2.0, 3.0]),
        lambda X: CoxPH().fit(X, y),
        lambda X: SparseCoder(np.eye(3)).fit(X),
    ):
        with pytest.raises(ValueError, match="got text in columns 'city', 'sex'"):
            fit(rows)
        with pytest.raises(ValueError, match="got text in columns 1, 2"):
            fit(rows.to_numpy())

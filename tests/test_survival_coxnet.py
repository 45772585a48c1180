# SPDX-License-Identifier: BSD-3-Clause
"""Penalised Cox paths against R's glmnet, against optimality conditions, and against CoxPH."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from survival_reference import complete, numbers, results, step_weights

from taut import _core
from taut.exceptions import ConvergenceWarning
from taut.survival import CoxNet, CoxNetCV, CoxPH

BLOCKS = [
    "coxnet_lasso",
    "coxnet_half",
    "coxnet_ridgeish",
    "coxnet_weighted",
    "coxnet_unstandardised",
    "coxnet_pf",
]


def pbc():
    """Complete rows; censored times half a day later, as in the script that made the numbers."""
    names = results("pbc")["vars"]
    data = complete("pbc", *names)
    X = np.column_stack([data[c] for c in names])
    return X, (data["time"] + 0.5 * (1 - data["event"]), data["event"])


def kkt(model, X, y, weight=None, strata=None):
    """Largest violation of the optimality conditions over the path, in units of alpha."""
    n, p = X.shape
    s = np.full(n, 1 / n) if weight is None else weight / weight.sum()
    scale = np.sqrt(s @ (X - s @ X) ** 2) if model.standardize else np.ones(p)
    factor = np.ones(p) if model.penalty_factor is None else np.array(model.penalty_factor, float)
    factor = factor * p / factor.sum()
    codes = None if strata is None else np.unique(strata, return_inverse=True)[1].astype(np.int32)
    worst = 0.0
    for alpha, b in zip(model.alphas_, model.coefs_path_.T, strict=True):
        _, g, _ = _core.cox_loss(
            X @ b, y[0], np.asarray(y[1], np.uint8), weight, codes, 1 if codes is None else 2
        )
        slope, u = (X.T @ g) / scale, b * scale
        limit = alpha * factor * model.l1_ratio
        ridge = alpha * factor * (1 - model.l1_ratio) * u
        off = np.where(
            u != 0,
            np.abs(slope + limit * np.sign(u) + ridge),
            np.maximum(np.abs(slope) - limit, 0.0),
        )
        worst = max(worst, off.max() / alpha)
    return worst


def polished(X, y, weight, coef, alpha, ratio, factor):
    """Move coefficients of standardised columns to where the optimality conditions hold.

    Newton's method on the columns that are not 0, in plain NumPy: the signs and the zeros are
    those given, what a solver's stopping rule left undone is done.
    """
    order = np.argsort(y[0], kind="stable")
    time, died = y[0][order], np.asarray(y[1])[order] == 1
    w = np.ones(len(time)) if weight is None else weight[order]
    first = np.searchsorted(time, time, side="left")[died]
    used = np.flatnonzero(coef)
    Z, b = X[order][:, used], coef[used].copy()
    products = Z[:, :, None] * Z[:, None, :]
    for _ in range(4):
        risk = w * np.exp(Z @ b)

        def above(values, risk=risk):
            sums = np.cumsum((values.T * risk).T[::-1], axis=0)[::-1]
            return sums[first]

        total = above(np.ones(len(time)))
        mean = above(Z) / total[:, None]
        spread = above(products) / total[:, None, None] - mean[:, :, None] * mean[:, None, :]
        slope = -(w[died] @ (Z[died] - mean)) / w.sum()
        slope += alpha * factor[used] * (ratio * np.sign(b) + (1 - ratio) * b)
        curve = np.tensordot(w[died], spread, axes=1) / w.sum()
        curve += np.diag(alpha * factor[used] * (1 - ratio))
        b -= np.linalg.solve(curve, slope)
    assert_array_equal(np.sign(b), np.sign(coef[used]))
    out = np.zeros_like(coef)
    out[used] = b
    return out


@pytest.mark.parametrize("block", BLOCKS)
def test_paths_are_those_of_glmnet(block):
    X, y = pbc()
    ref = results("pbc")[block]
    weight = step_weights(len(X)) if block == "coxnet_weighted" else None
    model = CoxNet(
        float(numbers(ref["alpha"])[0]),
        alphas=numbers(ref["lambda"]),
        penalty_factor=numbers(ref["penalty_factor"]),
        standardize=ref["standardize"][0],
        tol=1e-14,
    ).fit(X, y, weight)
    s = np.full(len(X), 1 / len(X)) if weight is None else weight / weight.sum()
    scale = np.sqrt(s @ (X - s @ X) ** 2)
    want, got = numbers(ref["beta"]).T * scale, model.coefs_path_.T * scale
    size = np.abs(want).max()
    # glmnet stops on changes of coefficients, up to 3e-9 from the optimum of its own active set.
    assert_allclose(got, want, rtol=0, atol=3e-9 * size)
    factor = numbers(ref["penalty_factor"])
    unit = np.ones_like(scale) if model.standardize else scale
    for alpha, theirs, ours in zip(model.alphas_[::4], want[::4], got[::4], strict=True):
        optimum = polished(
            X / (scale / unit), y, weight, theirs / unit, alpha, model.l1_ratio,
            factor * factor.size / factor.sum(),
        ) * unit  # fmt: skip
        assert np.abs(ours - optimum).max() <= 1e-9 * size
    assert_allclose(model.dev_ratio_, numbers(ref["dev_ratio"]), rtol=0, atol=1e-10)
    assert kkt(model, X, y, weight) < 1e-8
    assert_array_equal((model.coefs_path_ != 0).sum(axis=0), numbers(ref["df"]))


@pytest.mark.parametrize(("ratio", "key"), [(1.0, "lasso"), (0.5, "half")])
def test_largest_strength_is_that_of_glmnet(ratio, key):
    X, y = pbc()
    model = CoxNet(ratio, n_alphas=3).fit(X, y)
    assert_allclose(model.alpha_max_, numbers(results("pbc")["lambda_max"][key])[0], rtol=1e-10)
    assert model.alphas_[0] == model.alpha_max_
    assert_array_equal(model.coefs_path_[:, 0], 0.0)


def sample(seed, n=120, p=12):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) * rng.uniform(0.5, 3, p) + rng.uniform(-2, 2, p)
    hazard = np.exp(0.6 * X[:, 0] - 0.4 * X[:, 3])
    time = np.ceil(rng.exponential(1 / hazard) * 20) / 7
    return X, (time, rng.random(n) < 0.7), rng


@given(st.integers(0, 500), st.sampled_from([1.0, 0.4, 0.0]), st.booleans(), st.booleans())
def test_optimality_with_ties_weights_and_strata(seed, ratio, weighted, stratified):
    X, y, rng = sample(seed)
    weight = rng.uniform(0.2, 2, 120) if weighted else None
    strata = rng.integers(0, 2, 120) if stratified else None
    model = CoxNet(ratio, alphas=[0.2, 0.05, 0.01], tol=1e-13).fit(X, y, weight, strata=strata)
    assert kkt(model, X, y, weight, strata) < 1e-5


def test_certificates_bound_what_is_missing():
    X, y, _ = sample(1)
    event = np.asarray(y[1], np.uint8)
    alphas = [0.1, 0.02]
    rough = CoxNet(alphas=alphas, tol=1e-2).fit(X, y)
    exact = CoxNet(alphas=alphas, tol=1e-14).fit(X, y)
    scale = X.std(axis=0)

    def objective(model, k):
        b = model.coefs_path_[:, k]
        return _core.cox_loss(X @ b, y[0], event, None, None, 1)[0] + alphas[k] * (
            np.abs(b * scale).sum()
        )

    for k in range(2):
        missing = objective(rough, k) - objective(exact, k)
        assert -1e-12 <= missing <= rough.dual_gaps_[k] + 1e-12
        assert rough.dual_gaps_[k] <= 1e-2 * 6


def test_without_a_penalty_it_is_cox_regression():
    X, y, rng = sample(2)
    cox = CoxPH("breslow").fit(X, y)
    path = CoxNet(alphas=[1e-8], tol=1e-11).fit(X, y)
    assert_allclose(path.coefs_path_[:, 0], cox.coef_, rtol=1e-5, atol=1e-6)
    strata = rng.integers(0, 2, 120)
    cox = CoxPH("breslow").fit(X, y, strata=strata)
    path = CoxNet(alphas=[1e-8], tol=1e-11).fit(X, y, strata=strata)
    assert_allclose(path.coefs_path_[:, 0], cox.coef_, rtol=1e-5, atol=1e-6)


def test_sparse_columns_give_the_same_path():
    X, y, rng = sample(3)
    X = X * (rng.random(X.shape) < 0.3)
    options = {"alphas": [0.1, 0.03], "tol": 1e-13}
    dense = CoxNet(**options).fit(X, y)
    for kind in (sp.csc_array, sp.csr_matrix):
        sparse = CoxNet(**options).fit(kind(X), y)
        assert_allclose(sparse.coefs_path_, dense.coefs_path_, atol=1e-7)
    assert_allclose(sparse.predict(sp.csr_array(X), 0.03), X @ dense.coefs_path_[:, 1], atol=1e-6)


def test_more_columns_than_rows():
    rng = np.random.default_rng(4)
    X = rng.standard_normal((40, 200))
    y = (rng.exponential(np.exp(-X[:, 0])), np.ones(40))
    model = CoxNet(n_alphas=15).fit(X, y)
    assert_allclose(model.alphas_[-1] / model.alphas_[0], 0.01)
    assert model.coefs_path_[0, 8] != 0
    assert kkt(model, X, y) < 1e-2
    assert (model.dual_gaps_ >= 0).all()


def test_constant_columns_stay_out_and_factors_count():
    X, y, _ = sample(5)
    X[:, 2] = 7.0
    factor = np.ones(12)
    factor[0], factor[1] = 0.0, np.inf
    model = CoxNet(alphas=[0.5, 0.02], penalty_factor=factor, tol=1e-12).fit(X, y)
    assert_array_equal(model.coefs_path_[[1, 2]], 0.0)
    alone = CoxPH("breslow").fit(X[:, :1], y)
    assert_allclose(model.coefs_path_[0, 0], alone.coef_[0], rtol=1e-5)


def test_cross_validation_by_hand():
    X, y, _ = sample(6)
    folds = np.arange(120) % 4
    splits = [(np.flatnonzero(folds != f), np.flatnonzero(folds == f)) for f in range(4)]
    alphas = np.array([0.1, 0.03, 0.01])
    # Columns are standardised once, on all records.
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    model = CoxNetCV(alphas=alphas, cv=splits, tol=1e-12).fit(X, y)
    event = np.asarray(y[1], np.uint8)
    scores, sizes = [], []
    for train, test in splits:
        part = tuple(c[train] for c in y)
        fit = CoxNet(alphas=alphas, standardize=False, tol=1e-12).fit(Z[train], part)
        row = []
        for b in fit.coefs_path_.T:
            whole = _core.cox_loss(Z @ b, y[0], event, None, None, 1)[0] * 120
            rest = _core.cox_loss(Z[train] @ b, part[0], event[train], None, None, 1)[0] * len(
                train
            )
            row.append(2 * (whole - rest) / y[1][test].sum())
        scores.append(row)
        sizes.append(y[1][test].sum())
    assert_allclose(model.cv_mean_, np.average(scores, axis=0, weights=sizes), rtol=1e-6)
    assert model.alpha_ == model.alpha_min_ == alphas[model.cv_mean_.argmin()]
    one = CoxNetCV(alphas=alphas, cv=splits, rule="1se").fit(X, y)
    assert one.alpha_ == one.alpha_1se_ >= model.alpha_min_


def test_the_chosen_model_predicts_survival():
    X, y, rng = sample(7, n=200)
    model = CoxNetCV(n_alphas=20).fit(X, y)
    assert model.coef_[0] > 0
    again = clone(model).fit(X, y)
    assert_array_equal(again.coef_, model.coef_)
    at = np.array([0.1, 1.0])
    cox = CoxPH("breslow").fit(X, y)
    weak = CoxNetCV(alphas=[1e-7], tol=1e-13).fit(X, y)
    assert_allclose(
        weak.predict_survival_function(X[:5], at),
        cox.predict_survival_function(X[:5], at),
        rtol=1e-4,
    )
    assert 0.5 < model.score(X, y) < 1
    strata = rng.integers(0, 2, 200)
    split = CoxNetCV(n_alphas=5).fit(X, y, strata=strata)
    assert len(split.baseline_time_) == 2
    with pytest.raises(ValueError, match="the model has strata"):
        split.predict_survival_function(X[:1], at)


Y = ([1.0, 2.0, 3.0, 4.0], [1, 0, 1, 1])
X4 = [[1.0], [3.0], [2.0], [0.0]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"l1_ratio": 2.0}, r"l1_ratio must lie in \[0, 1\]"),
        ({"n_alphas": 0}, "n_alphas must be a whole number >= 1"),
        ({"max_iter": 1.5}, "max_iter must be a whole number >= 1"),
        ({"eps": 1.0}, r"eps must lie in \(0, 1\)"),
        ({"tol": 0.0}, "tol must be > 0"),
        ({"alphas": [-1.0]}, "alphas must be finite and >= 0"),
        ({"penalty_factor": [1.0, 1.0]}, r"penalty_factor must have shape \(1,\)"),
        ({"penalty_factor": [0.0]}, "at least one positive finite value"),
        ({"tie_tol": 1}, "tie_tol must be"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        CoxNet(**options).fit(X4, Y)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": (Y[0], [0, 0, 0, 0])}, "no events"),
        ({"y": (*Y, [0.0, 0.0, 0.0, 0.0])}, "no entry times"),
        ({"y": ([1.0], [1])}, "X has 4 rows, y has 1 records"),
        ({"X": np.ones((4, 1))}, "no penalised column says anything of the events"),
        ({"X": [[1.0], [np.nan], [2.0], [0.0]]}, "NaN"),
        ({"sample_weight": [1.0]}, "sample_weight has 1"),
        ({"strata": [1]}, "strata has 1"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        CoxNet().fit(**{"X": X4, "y": Y, **arguments})


def test_other_mistakes():
    model = CoxNet(alphas=[0.1]).fit(X4, Y)
    with pytest.raises(ValueError, match="alpha must be one of alphas_"):
        model.predict(X4, 0.2)
    with pytest.raises(ValueError, match="rule must be one of"):
        CoxNetCV(rule="best").fit(X4, Y)
    with pytest.raises(ValueError, match="cv must be at least 2"):
        CoxNetCV(cv=1).fit(X4, Y)
    with pytest.raises(ValueError, match="cv = 5 folds need as many events, got 3"):
        CoxNetCV().fit(X4, Y)
    X, y, _ = sample(8)
    with pytest.warns(ConvergenceWarning, match="reached a duality gap"):
        CoxNet(alphas=[1e-8], max_iter=1, tol=1e-17).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CoxNet(n_alphas=5).fit(X, y)

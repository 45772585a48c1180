# SPDX-License-Identifier: BSD-3-Clause
"""Penalties of groups, and least squares with several outputs, at the kernel's door."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from group_reference import Problem
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import MultiTaskElasticNet, MultiTaskLasso

from taut import _core, penalties
from taut.linear_model import penalized_path

KINDS = ("quadratic", "multitask", "logistic", "multinomial")


def data(kind: str, n: int = 50, p: int = 18, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) + 0.7 * rng.standard_normal((n, 1)) + rng.uniform(-1, 1, p)
    X *= rng.uniform(0.5, 2.0, p)
    signal = X[:, : p // 3] @ rng.standard_normal(p // 3)
    if kind == "quadratic":
        return X, signal + rng.standard_normal(n)
    if kind == "multitask":
        return X, signal[:, None] * [1.0, -0.5, 0.0] + rng.standard_normal((n, 3))
    noisy = signal - np.median(signal) + rng.logistic(size=n)
    if kind == "logistic":
        return X, (noisy > 0).astype(float)
    return X, np.eye(3)[np.digitize(noisy, np.quantile(noisy, [0.3, 0.7]))]


def labels(p: int, seed: int = 0) -> np.ndarray:
    """Groups of different sizes whose columns lie apart."""
    rng = np.random.default_rng(seed)
    cut = np.sort(rng.choice(np.arange(1, p), 4, replace=False))
    return rng.permutation(np.searchsorted(cut, np.arange(p), side="right")).astype(np.int64)


def kernel(X: Any, y: np.ndarray, kind: str, **options: Any) -> dict[str, Any]:
    if sp.issparse(X):
        X = sp.csc_array(X)
        X = (X.data, X.indices, X.indptr, *X.shape)
    elif X.dtype == np.float64:
        X = np.asfortranarray(X)
    settings = {"tol": 1e-12, "n_alphas": 4, "eps": 0.03} | options
    datafit = "quadratic" if kind == "multitask" else kind
    return _core.fit_path(X, np.ascontiguousarray(y), datafit, **settings)


def judge(
    X: Any, y: np.ndarray, kind: str, penalty: str, groups: np.ndarray, **options: Any
) -> Problem:
    """The same problem for the reference."""
    c = options.get("penalty_factor")
    return Problem(
        X,
        y,
        "quadratic" if kind == "multitask" else kind,
        penalty,
        groups,
        np.sqrt(np.bincount(groups)) if c is None else c,
        rho=options.get("l1_ratio", 1.0),
        s=options.get("sample_weight"),
        offset=options.get("offset"),
        intercept=options.get("fit_intercept", True),
        standardize=options.get("standardize", False),
    )


@pytest.mark.parametrize("solver", ["gram", "naive"])
@pytest.mark.parametrize("penalty", ["group", "sparse_group"])
@pytest.mark.parametrize("kind", KINDS)
def test_agrees_with_accelerated_proximal_gradient(kind, penalty, solver):
    X, y = data(kind)
    groups = labels(18)
    rng = np.random.default_rng(1)
    options: dict[str, Any] = {
        "l1_ratio": 0.6,
        "standardize": True,
        "sample_weight": rng.uniform(0.2, 2.0, len(X)),
        "offset": 0.3 * rng.standard_normal(y.shape),
        "penalty_factor": np.array([1.0, 0.0, np.inf, 0.7, 2.0]),
    }
    if penalty == "sparse_group":
        options["penalty_factor"][1] = 0.4
    raw = kernel(X, y, kind, penalty=penalty, groups=groups, solver=solver, **options)
    assert raw["converged"].all()
    assert np.isnan(raw["stop_crits"]).all()
    problem = judge(X, y, kind, penalty, groups, **options)
    for alpha, coef, b, value in zip(
        raw["alphas"], raw["coefs"], raw["intercepts"], raw["objective"], strict=True
    ):
        expected, b_expected = problem.solve(alpha)
        np.testing.assert_allclose(coef, expected, atol=2e-5)
        assert value == pytest.approx(problem.objective(coef, b, alpha), rel=1e-11)
        best = problem.objective(expected, b_expected, alpha)
        assert value <= best + 1e-11 * raw["null_loss"]
        assert value >= best - 1e-11 * raw["null_loss"]


@pytest.mark.parametrize("kind", KINDS)
def test_groups_of_one_are_the_lasso(kind):
    X, y = data(kind)
    order = np.random.default_rng(2).permutation(18).astype(np.int64)
    factor = np.random.default_rng(3).uniform(0.5, 2.0, 18)
    if kind in ("quadratic", "logistic"):
        ours = kernel(X, y, kind, penalty="group", groups=order, penalty_factor=factor)
        lasso = kernel(X, y, kind, penalty_factor=factor[order])
        np.testing.assert_allclose(ours["coefs"], lasso["coefs"], atol=2e-5)
        np.testing.assert_allclose(ours["alphas"], lasso["alphas"], rtol=1e-12)
    # Rows of several outputs: no groups and groups of one column are the same.
    rows = kernel(X, y, kind, penalty="group") if y.ndim > 1 else None
    if rows is not None:
        ours = kernel(X, y, kind, penalty="group", groups=np.arange(18))
        np.testing.assert_array_equal(ours["coefs"], rows["coefs"])


@pytest.mark.parametrize("kind", KINDS)
def test_sparse_group_ends_at_lasso_and_group_lasso(kind):
    X, y = data(kind)
    groups = labels(18)
    lasso = kernel(X, y, kind)
    l1 = kernel(X, y, kind, penalty="sparse_group", groups=groups, l1_ratio=1.0)
    np.testing.assert_allclose(l1["alphas"], lasso["alphas"], rtol=1e-10)
    np.testing.assert_allclose(l1["objective"], lasso["objective"], rtol=1e-10)
    if kind != "multinomial":  # whose coefficients need not be unique
        np.testing.assert_allclose(l1["coefs"], lasso["coefs"], atol=2e-5)
    group = kernel(X, y, kind, penalty="group", groups=groups)
    none = kernel(X, y, kind, penalty="sparse_group", groups=groups, l1_ratio=0.0)
    np.testing.assert_allclose(none["alphas"], group["alphas"], rtol=1e-12)
    np.testing.assert_allclose(none["coefs"], group["coefs"], atol=2e-5)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
@pytest.mark.parametrize("shape", [(40, 12, 2), (25, 60, 7)])
def test_rows_of_tasks_agree_with_scikit_learn(shape, l1_ratio):
    n, p, K = shape
    rng = np.random.default_rng(4)
    X = rng.standard_normal((n, p))
    Y = X[:, :4] @ rng.standard_normal((4, K)) + rng.standard_normal((n, K)) + 2.0
    raw = kernel(X, Y, "multitask", penalty="group", l1_ratio=l1_ratio)
    for alpha, coef, b in zip(raw["alphas"], raw["coefs"], raw["intercepts"], strict=True):
        if l1_ratio == 1.0:
            model = MultiTaskLasso(alpha=alpha, tol=1e-13, max_iter=200_000)
        else:
            model = MultiTaskElasticNet(alpha=alpha, l1_ratio=l1_ratio, tol=1e-13, max_iter=200_000)
        model.fit(X, Y)
        np.testing.assert_allclose(coef, model.coef_, atol=1e-5)
        np.testing.assert_allclose(b, model.intercept_, atol=1e-5)


@pytest.mark.parametrize("solver", ["gram", "naive", "auto"])
def test_outputs_apart_are_fits_apart(solver):
    X, Y = data("multitask")
    alphas = np.array([0.5, 0.1])
    together = kernel(X, Y, "multitask", l1_ratio=0.8, alphas=alphas, solver=solver)
    for k in range(3):
        alone = kernel(X, Y[:, k], "quadratic", l1_ratio=0.8, alphas=alphas)
        np.testing.assert_allclose(together["coefs"][:, k], alone["coefs"][:, 0], atol=1e-5)


@pytest.mark.parametrize("penalty", ["group", "sparse_group"])
@pytest.mark.parametrize("kind", KINDS)
def test_permuted_columns_and_sparse_and_single_precision(kind, penalty):
    X, y = data(kind)
    X[np.random.default_rng(5).random(X.shape) < 0.4] = 0.0
    X = X.astype(np.float32).astype(np.float64)
    groups = labels(18)
    options: dict[str, Any] = {"penalty": penalty, "l1_ratio": 0.7, "standardize": True}
    base = kernel(X, y, kind, groups=groups, **options)
    order = np.random.default_rng(6).permutation(18)
    permuted = kernel(X[:, order], y, kind, groups=groups[order], **options)
    np.testing.assert_allclose(permuted["coefs"], base["coefs"][:, :, order], atol=2e-5)
    sparse = kernel(sp.csc_array(X), y, kind, groups=groups, **options)
    np.testing.assert_allclose(sparse["coefs"], base["coefs"], atol=2e-5)
    single = kernel(np.asfortranarray(X, dtype=np.float32), y, kind, groups=groups, **options)
    np.testing.assert_allclose(single["coefs"], base["coefs"], atol=2e-5)


@pytest.mark.parametrize("penalty", ["group", "sparse_group"])
@pytest.mark.parametrize("kind", KINDS)
def test_alpha_max_is_where_the_first_group_enters(kind, penalty):
    X, y = data(kind)
    groups = labels(18)
    options: dict[str, Any] = {"penalty": penalty, "groups": groups}
    options["l1_ratio"] = 0.5 if penalty == "sparse_group" else 1.0
    top = kernel(X, y, kind, n_alphas=1, **options)["alpha_max"]
    raw = kernel(X, y, kind, alphas=top * np.array([1 + 1e-9, 1 - 1e-3]), **options)
    assert not raw["coefs"][0].any()
    assert np.unique(groups[raw["coefs"][1].any(axis=0)]).size == 1


@pytest.mark.parametrize("kind", ["quadratic", "logistic"])
def test_warm_start_and_more_groups_than_rows(kind):
    X, y = data(kind, n=30, p=200)
    groups = np.repeat(np.arange(50), 4).astype(np.int64)
    cold = kernel(X, y, kind, penalty="group", groups=groups, tol=1e-10)
    warm = kernel(
        X,
        y,
        kind,
        penalty="group",
        groups=groups,
        alphas=cold["alphas"][-1:],
        coef_init=np.ascontiguousarray(cold["coefs"][-1]),
        intercept_init=cold["intercepts"][-1],
        tol=1e-10,
    )
    assert warm["n_iter"][0] <= cold["n_iter"].sum()
    assert warm["objective"][0] == pytest.approx(cold["objective"][-1], rel=1e-8)
    problem = judge(X, y, kind, "group", groups)
    assert problem.violation(cold["coefs"][-1], cold["intercepts"][-1], cold["alphas"][-1]) < 1e-4


@pytest.mark.parametrize("make", [np.asfortranarray, sp.csc_array])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_column_is_no_part_of_its_group(kind, fit_intercept, make):
    """Standardised it has no scale: zero, as if it were not there."""
    X, y = data(kind)
    groups = labels(18)
    X[:, 4] = 3.0
    factor = np.sqrt(np.bincount(groups))
    options = {"penalty": "group", "penalty_factor": factor, "standardize": True}
    options |= {"fit_intercept": fit_intercept, "n_alphas": 5, "eps": 0.05}
    path = kernel(make(X), y, kind, groups=groups, **options)
    without = kernel(make(np.delete(X, 4, axis=1)), y, kind, groups=np.delete(groups, 4), **options)
    assert path["converged"].all()
    assert not path["coefs"][..., 4].any()
    np.testing.assert_allclose(path["alphas"], without["alphas"], rtol=1e-9)
    np.testing.assert_allclose(
        np.delete(path["coefs"], 4, axis=-1), without["coefs"], rtol=1e-4, atol=1e-5
    )


def test_refused():
    X, y = data("quadratic")
    groups = labels(18)
    with pytest.raises(ValueError, match="no column in group 1 of 3"):
        kernel(X, y, "quadratic", penalty="group", groups=np.repeat([0, 2], 9))
    with pytest.raises(ValueError, match="numbered from 0"):
        kernel(X, y, "quadratic", penalty="group", groups=groups - 1)
    with pytest.raises(ValueError, match="groups"):
        kernel(X, y, "quadratic", penalty="group", groups=groups[1:])
    with pytest.raises(ValueError, match="groups do not go with"):
        kernel(X, y, "quadratic", groups=groups)
    with pytest.raises(ValueError, match="lower and upper do not go with"):
        kernel(X, y, "quadratic", penalty="group", groups=groups, lower=np.zeros(18))
    with pytest.raises(ValueError, match="penalty must be"):
        kernel(X, y, "quadratic", penalty="ridge")
    with pytest.raises(ValueError, match="penalty_factor"):
        kernel(X, y, "quadratic", penalty="group", groups=groups, penalty_factor=np.ones(18))


@st.composite
def cases(draw: Any) -> tuple[Any, ...]:
    kind = draw(st.sampled_from(KINDS))
    penalty = draw(st.sampled_from(["group", "sparse_group"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, p = draw(st.integers(6, 30)), draw(st.integers(2, 24))
    X = rng.standard_normal((n, p))
    X[:, 1:] += draw(st.sampled_from([0.0, 2.0])) * X[:, :1]
    if draw(st.booleans()):
        X[:, 1] = -2.0 * X[:, 0]  # dependent columns
    if draw(st.booleans()):
        X[:, rng.integers(p)] = draw(st.sampled_from([0.0, 3.0]))
    if draw(st.booleans()):
        X[rng.random(X.shape) < 0.6] = 0.0
    count = draw(st.integers(1, p))
    groups = np.concatenate([np.arange(count), rng.integers(0, count, p - count)])
    groups = rng.permutation(groups).astype(np.int64)
    signal = X[:, rng.integers(p)] + 0.5 * X[:, 0]
    if kind == "quadratic":
        y = signal + rng.standard_normal(n)
    elif kind == "multitask":
        y = signal[:, None] * [1.0, 2.0] + rng.standard_normal((n, 2))
    else:
        code = rng.permutation(np.arange(n) % (2 if kind == "logistic" else 3))
        y = code.astype(float) if kind == "logistic" else np.eye(3)[code]
    options: dict[str, Any] = {
        "l1_ratio": draw(st.sampled_from([1.0, 0.6, 0.1])),
        "standardize": draw(st.booleans()),
        "fit_intercept": draw(st.booleans()),
    }
    if draw(st.booleans()):
        options["sample_weight"] = rng.uniform(0.1, 3.0, n)
    if draw(st.booleans()):
        options["penalty_factor"] = rng.uniform(0.3, 2.0, count)
        if count > 1 and draw(st.booleans()):
            options["penalty_factor"][0] = np.inf
    return X, y, kind, penalty, groups, options


@settings(max_examples=120, deadline=None)
@given(case=cases(), solver=st.sampled_from(["auto", "gram", "naive"]), as_sparse=st.booleans())
def test_conditions_of_optimality(case, solver, as_sparse):
    X, y, kind, penalty, groups, options = case
    design = sp.csc_array(X) if as_sparse else X
    raw = kernel(
        design, y, kind, penalty=penalty, groups=groups, solver=solver, tol=1e-9, **options
    )
    assert raw["converged"].all()
    problem = judge(X, y, kind, penalty, groups, **options)
    for alpha, coef, b, value, gap in zip(
        raw["alphas"],
        raw["coefs"],
        raw["intercepts"],
        raw["objective"],
        raw["dual_gaps"],
        strict=True,
    ):
        assert value == pytest.approx(problem.objective(coef, b, alpha), rel=1e-9, abs=1e-12)
        assert gap <= 1e-9 * raw["null_loss"] + 1e-15
        # A gap of g leaves violations of the order of sqrt(2 L g).
        curvature = max(np.linalg.norm(problem.Z[:, rows], 2) ** 2 for rows in problem.groups)
        room = 2 * np.sqrt(2 * problem.s.max() * curvature * (gap + 1e-14 * raw["null_loss"]))
        assert problem.violation(coef, b, alpha) <= room + 1e-9 * raw["alpha_max"]


def test_a_column_that_two_groups_share_does_not_delay_the_end():
    # What moves between its copies is worth nothing and comes to rest slowly, worst of all where a
    # coefficient enters (0.2378): the gap is small by then.
    X = np.array(
        [
            [0.001, -0.274, -0.891, -0.455, -0.992],
            [1.340, -0.620, 0.490, 0.357, 0.105],
            [-0.029, -1.344, -0.458, -1.901, -1.290],
            [-0.235, 0.271, 0.157, -0.187, -2.517],
            [-0.049, -1.530, -0.478, -0.979, -0.809],
            [-0.808, 0.884, -0.584, -0.112, 0.110],
            [-1.225, 1.359, -1.547, 0.859, 0.119],
        ]
    )
    path = penalized_path(
        X[:, [0, 0, 1, 2, 3, 4]],
        np.array([1.458, 4.440, 1.892, 2.028, 2.524, -0.228, -0.799]),
        "quadratic",
        penalties.SparseGroup([2, 1, 0, 0, 1, 0], l1_ratio=0.1),
        penalty_factor=np.sqrt([3.0, 2.0, 2.0]),
        sample_weight=[1.041, 2.647, 2.054, 0.569, 2.566, 2.846, 2.731],
        fit_intercept=False,
        alphas=np.geomspace(1.0, 0.1, 1500),
        tol=1e-7,
    )
    assert path.converged.all()
    assert path.n_iter.max() <= 500

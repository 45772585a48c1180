# SPDX-License-Identifier: BSD-3-Clause
"""PRESTO against R's ends, known solutions, SciPy and its own optimality conditions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.utils.estimator_checks import parametrize_with_checks

from taut import _core
from taut.exceptions import ConvergenceWarning
from taut.linear_model import PRESTO, PRESTOCV
from taut.linear_model._cumulative import class_probabilities, log_class_probabilities

ENDS = Path(__file__).parent / "references" / "presto"


def draw(seed=42, n=500):
    """Return the example of the tables below: four columns, four classes."""
    rng = np.random.default_rng(seed)
    centre = np.array([0.0, 1.0, -2.0, 5.0])
    X = rng.uniform(-1, 1, (n, 4)) + centre
    slopes = np.array([[0.5, 0.5, 0.5], [-0.5, -0.5, 0], [0, 0.5, 0.5], [0.5, 0.5, 0.5]])
    F = expit(np.array([0, 1.5, 3]) + (X - centre) @ slopes)
    return X, (rng.random(n)[:, None] > F).sum(axis=1)


@pytest.fixture(scope="module")
def data():
    return draw()


@pytest.fixture(scope="module")
def ends():
    table = np.loadtxt(ENDS / "ordered.csv", delimiter=",", skiprows=1)
    fits = json.loads((ENDS / "ends.json").read_text())
    return table[:, :4], table[:, 4].astype(int), table[:, 5], fits


def own_log_likelihood(eta, y):
    """log P of each row's class, from the definition."""
    n = len(y)
    F = np.column_stack([np.zeros(n), expit(eta), np.ones(n)])
    rows = np.arange(n)
    return np.log(F[rows, y + 1] - F[rows, y])


def objective(model, X, y, weight=None):
    s = np.full(len(y), 1 / len(y)) if weight is None else weight / weight.sum()
    scale = np.sqrt(s @ (X - s @ X) ** 2) if model.standardize else np.ones(X.shape[1])
    psi = model.increments_ * scale
    factor = np.ones(psi.shape)
    if model.penalty_factor is not None:
        factor = factor * np.asarray(model.penalty_factor)
    if not model.penalize_base:
        factor[0] = 0.0
    rho = model.l1_ratio
    eta = X @ model.coef_.T + model.intercept_
    pen = (factor * (rho * np.abs(psi) + (1 - rho) / 2 * psi**2)).sum()
    return -s @ own_log_likelihood(eta, y) + model.alpha * pen


def kkt(model, X, y, weight=None):
    """Largest violation of the optimality conditions on the standardised scale."""
    s = np.full(len(y), 1 / len(y)) if weight is None else weight / weight.sum()
    mean = s @ X
    scale = np.sqrt(s @ (X - mean) ** 2) if model.standardize else np.ones(X.shape[1])
    Z = (X - mean) / np.where(scale > 0, scale, 1.0)
    n, m = len(y), model.coef_.shape[0]
    eta = X @ model.coef_.T + model.intercept_
    F = np.column_stack([np.zeros(n), expit(eta), np.ones(n)])
    rows = np.arange(n)
    P = F[rows, y + 1] - F[rows, y]
    slope = F * (1 - F)
    u = np.zeros((n, m))  # of log P by eta
    for k in range(m):
        u[:, k] = ((y == k) * slope[:, k + 1] - (y == k + 1) * slope[:, k + 1]) / P
    by_increment = np.cumsum(u[:, ::-1], axis=1)[:, ::-1]
    g = -(by_increment * s[:, None]).T @ Z
    g0 = -s @ u
    psi = model.increments_ * scale
    factor = np.ones(psi.shape)
    if model.penalty_factor is not None:
        factor = factor * np.asarray(model.penalty_factor)
    if not model.penalize_base:
        factor[0] = 0.0
    t, rho = model.alpha * factor, model.l1_ratio
    at_zero = np.maximum(np.abs(g) - t * rho, 0.0)
    away = np.abs(g + t * (rho * np.sign(psi) + (1 - rho) * psi))
    return max(np.where(psi == 0, at_zero, away).max(), np.abs(g0).max())


# ------------------------------------------------------------------------------- known solutions


@pytest.mark.parametrize(
    ("alpha", "value", "intercept", "slopes", "rare"),
    [
        (
            0.03,
            1.091626205870,
            "-0.789186 0.322218 1.443033",
            """.621167 .621167 .621167  -.327086 -.327086 -.327086
               0 .067936 .067936  .259503 .354318 .354318""",
            0.03487197,
        ),
        (
            0.01,
            1.069973197853,
            "-1.176487 -0.393770 0.985630",
            """.759204 .759204 .802417  -.487556 -.482624 -.230905
               0 .210094 .457920  .372924 .598936 .598936""",
            0.02050665,
        ),
        (
            0.003,
            1.057817897249,
            "-1.324194 -0.735195 1.157319",
            """.809401 .809401 .997785  -.577945 -.473866 -.090332
               .001599 .263747 .634260  .422513 .690705 .621215""",
            0.01533161,
        ),
    ],
)
def test_known_solutions(data, alpha, value, intercept, slopes, rare):
    # Made by an independent prototype in NumPy that keeps the Hessian of all coordinates.
    X, y = data
    assert np.bincount(y).tolist() == [269, 142, 55, 34]
    model = PRESTO(alpha, tol=1e-11).fit(X, y)
    assert model.alpha_max_ == pytest.approx(0.1255017946, abs=1e-10)
    assert objective(model, X, y) == pytest.approx(value, abs=1e-11)
    np.testing.assert_allclose(model.intercept_, np.array(intercept.split(), float), atol=2e-6)
    B = np.array(slopes.split(), float).reshape(4, 3)
    np.testing.assert_allclose(model.coef_.T, B, atol=2e-6)
    assert model.predict_rare(X)[0] == pytest.approx(rare, abs=2e-8)
    assert model.crossing_rate_ == 0.0


# ---------------------------------------------------------------------------------- the two ends


@pytest.mark.parametrize("case", ["plain", "weighted"])
def test_fused_end_is_proportional_odds_of_R(ends, case):
    X, y, weight, fits = ends
    s = weight if case == "weighted" else None
    model = PRESTO(1.0, penalize_base=False, tol=1e-13).fit(X, y, sample_weight=s)
    assert model.alpha_max_ < 1.0
    assert not model.increments_[1:].any()
    exact, rough = fits[case]["clm"], fits[case]["polr"]
    assert objective(model, X, y, s) == pytest.approx(exact["loss"], abs=1e-13)
    # R models log odds of theta - x'b. clm stops at gradients of 1e-11 (summed over rows), polr
    # where its objective no longer moves.
    np.testing.assert_allclose(-model.coef_[0], exact["beta"], atol=1e-9)
    np.testing.assert_allclose(model.intercept_, exact["theta"], atol=1e-9)
    np.testing.assert_allclose(-model.coef_[0], rough["beta"], atol=1e-6)
    np.testing.assert_allclose(model.intercept_, rough["theta"], atol=1e-6)
    # At alpha_max_ itself, too: nothing has entered yet.
    edge = clone(model).set_params(alpha=model.alpha_max_ * (1 + 1e-9)).fit(X, y, sample_weight=s)
    assert not edge.increments_[1:].any()
    inside = clone(model).set_params(alpha=model.alpha_max_ * 0.99).fit(X, y, sample_weight=s)
    assert np.count_nonzero(inside.increments_[1:]) == 1


@pytest.mark.parametrize("name", ["wine", "housing", "soup"])
def test_fused_end_on_known_data(name):
    table = np.loadtxt(ENDS / f"{name}.csv.gz", delimiter=",", skiprows=1)
    X, y, weight = table[:, :-2], table[:, -2].astype(int), table[:, -1]
    fits = json.loads((ENDS / "known.json").read_text())[name]
    model = PRESTO(10.0, penalize_base=False, tol=1e-13).fit(X, y, sample_weight=weight)
    assert not model.increments_[1:].any()
    assert objective(model, X, y, weight) == pytest.approx(fits["clm"]["loss"], abs=1e-13)
    for source, atol in (("clm", 1e-9), ("polr", 1e-6)):
        theirs = fits[source]
        np.testing.assert_allclose(-model.coef_[0], theirs["beta"], atol=atol)
        np.testing.assert_allclose(model.intercept_, theirs["theta"], atol=atol)


@pytest.mark.parametrize("case", ["plain", "weighted"])
@pytest.mark.parametrize("penalize_base", [True, False])
def test_free_end_is_nominal_effects_of_R(ends, case, penalize_base):
    X, y, weight, fits = ends
    s = weight if case == "weighted" else None
    model = PRESTO(0.0, penalize_base=penalize_base, tol=1e-13).fit(X, y, sample_weight=s)
    free = fits[case]["nominal"]
    assert objective(model, X, y, s) == pytest.approx(free["loss"], abs=1e-12)
    np.testing.assert_allclose(model.coef_, free["gamma"], atol=1e-7)
    np.testing.assert_allclose(model.intercept_, free["theta"], atol=1e-6)


def test_free_end_is_near_separate_logits(data):
    X, y = data
    model = PRESTO(0.0).fit(X, y)
    for k in range(3):
        alone = LogisticRegression(C=np.inf, tol=1e-10).fit(X, y <= k)
        apart = np.abs(model.coef_[k] - alone.coef_[0]).max()
        assert 1e-6 < apart < 0.25 * np.abs(alone.coef_).max()


# ------------------------------------------------------------------------- optimality conditions


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"l1_ratio": 0.4},
        {"l1_ratio": 0.0},
        {"penalize_base": False},
        {"penalize_base": False, "l1_ratio": 0.5, "standardize": False},
        {"penalty_factor": [1.0, 0.0, 3.0, 0.5]},
        {"penalize_base": False, "penalty_factor": [1.0, 0.0, 3.0, 0.5]},
        {"standardize": False},
    ],
    ids=str,
)
def test_conditions_and_certificate(data, options, weighted):
    X, y = data
    weight = np.tile([0.5, 1.0, 0.0, 2.0], 125) if weighted else None
    for alpha in (0.05, 0.005, 0.0002):
        model = PRESTO(alpha, tol=1e-12, **options).fit(X, y, sample_weight=weight)
        assert kkt(model, X, y, weight) < 1e-6
        assert 0 <= model.dual_gap_ <= 1.2e-12


def test_gap_bounds_the_distance_to_the_minimum(data):
    X, y = data
    for base in (True, False):
        best = objective(PRESTO(0.004, penalize_base=base, tol=1e-13).fit(X, y), X, y)
        for tol in (1e-2, 1e-4, 1e-6):
            rough = PRESTO(0.004, penalize_base=base, tol=tol).fit(X, y)
            excess = objective(rough, X, y) - best
            assert -1e-13 <= excess <= rough.dual_gap_ + 1e-13
            assert rough.dual_gap_ <= tol * 1.2


def test_same_minimum_as_scipy_on_the_split_form(data):
    X, y = data
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    n, p, m, alpha = len(y), 4, 3, 0.006
    rows = np.arange(n)

    def loss(v):
        a, plus, minus = v[:m], v[m : m + m * p], v[m + m * p :]
        beta = np.cumsum((plus - minus).reshape(m, p), axis=0)
        eta = Z @ beta.T + a
        F = np.column_stack([np.zeros(n), expit(eta), np.ones(n)])
        P = F[rows, y + 1] - F[rows, y]
        if P.min() <= 0:
            return 1e10, np.zeros_like(v)
        slope = F[:, 1:-1] * (1 - F[:, 1:-1]) / P[:, None]
        hit = (y[:, None] == np.arange(m)).astype(float) - (y[:, None] == np.arange(m) + 1)
        u = slope * hit / n
        g = -np.cumsum((u.T @ Z)[::-1], axis=0)[::-1].ravel()
        value = -np.log(P).mean() + alpha * (plus + minus).sum()
        return value, np.r_[-u.sum(axis=0), g + alpha, -g + alpha]

    share = np.cumsum(np.bincount(y))[:-1] / n
    start = np.r_[np.log(share / (1 - share)), np.zeros(2 * m * p)]
    bounds = [(None, None)] * m + [(0, None)] * (2 * m * p)
    found = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=bounds,
        options={"maxiter": 5000, "maxfun": 10000, "ftol": 1e-15, "gtol": 1e-9},
    )  # fmt: skip
    model = PRESTO(alpha, tol=1e-12).fit(X, y)
    ours = objective(model, X, y)
    assert ours <= found.fun + 1e-13
    assert ours == pytest.approx(found.fun, abs=1e-8)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    classes=st.integers(3, 6),
    p=st.integers(1, 12),
    alpha=st.sampled_from([0.1, 0.02, 0.004]),
    base=st.booleans(),
    l1_ratio=st.sampled_from([1.0, 0.5, 0.0]),
)
def test_any_shape_meets_its_conditions(seed, classes, p, alpha, base, l1_ratio):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5 * classes, 80))
    X = rng.standard_normal((n, p)) + rng.uniform(-3, 3, p)
    latent = X[:, 0] + rng.logistic(size=n)
    y = np.searchsorted(np.quantile(latent, np.arange(1, classes) / classes), latent)
    model = PRESTO(alpha, penalize_base=base, l1_ratio=l1_ratio).fit(X, y)
    free = not base and np.abs(model.coef_).max() > 15  # nearly separable without a penalty
    assert kkt(model, X, y) < (1e-3 if free else 5e-5)
    assert model.dual_gap_ <= 1e-9 * np.log(classes) * 1.0001
    P = model.predict_proba(10 * rng.standard_normal((20, p)))
    assert P.min() >= 0
    np.testing.assert_allclose(P.sum(axis=1), 1.0, atol=1e-14)


# -------------------------------------------------------------------------------------- symmetry


def test_strong_penalty_gives_the_class_shares(data):
    X, y = data
    model = PRESTO(0.1256).fit(X, y)
    assert not model.increments_.any()
    np.testing.assert_allclose(model.predict_proba(X[:3]), [np.bincount(y) / 500] * 3, atol=1e-14)


def test_weights_equal_repeated_rows(data):
    X, y = data
    weight = np.arange(500) % 3
    a = PRESTO(0.01, tol=1e-12).fit(X, y, sample_weight=weight)
    b = PRESTO(0.01, tol=1e-12).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(a.coef_, b.coef_, atol=1e-7)
    np.testing.assert_allclose(a.intercept_, b.intercept_, atol=1e-6)


@pytest.mark.parametrize("base", [True, False])
def test_affine_changes_of_columns_change_no_probability(data, base):
    X, y = data
    P = PRESTO(0.005, penalize_base=base, tol=1e-12).fit(X, y).predict_proba(X)
    model = PRESTO(0.005, penalize_base=base, tol=1e-12)
    # Intercepts must take back the cumulated slopes times the means.
    moved = X + np.array([100.0, -3.0, 0.5, 7.0])
    np.testing.assert_allclose(model.fit(moved, y).predict_proba(moved), P, atol=1e-7)
    scaled = X * np.array([1e-3, 10.0, 5.0, 1e3])
    np.testing.assert_allclose(model.fit(scaled, y).predict_proba(scaled), P, atol=1e-7)
    wider = np.c_[X, np.full(500, 3.0)]
    fitted = model.fit(wider, y)
    np.testing.assert_allclose(fitted.predict_proba(wider), P, atol=1e-12)
    assert not fitted.coef_[:, 4].any()


def test_reversed_classes_mirror_only_without_a_penalty_on_the_base():
    X, y = draw(3)
    y = np.minimum(y, 2)
    for base in (False, True):
        one = PRESTO(0.01, penalize_base=base, tol=1e-12).fit(X, y)
        two = PRESTO(0.01, penalize_base=base, tol=1e-12).fit(X, 2 - y)
        apart = np.abs(one.predict_proba(X) - two.predict_proba(X)[:, ::-1]).max()
        assert apart > 1e-3 if base else apart < 1e-7


def test_duplicated_columns_share_no_more_than_one(data):
    X, y = data
    P = PRESTO(0.01, tol=1e-12).fit(X, y).predict_proba(X)
    twice = np.c_[X, X[:, 1]]
    np.testing.assert_allclose(
        PRESTO(0.01, tol=1e-12).fit(twice, y).predict_proba(twice), P, atol=1e-6
    )
    free = PRESTO(0.01, penalize_base=False, tol=1e-12)
    expected = clone(free).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(free.fit(twice, y).predict_proba(twice), expected, atol=1e-6)


# ------------------------------------------------------------------------------------ prediction


def test_probabilities_keep_their_precision():
    # The naive difference of two distribution functions near one is zero here.
    eta = np.array([[40.0, 41.0, 50.0], [-50.0, -45.0, -44.0]])
    P = class_probabilities(eta)
    expected = np.exp(-40.0) - np.exp(-41.0)  # to exp(-40) relative
    assert P[0, 1] == pytest.approx(expected, rel=1e-14)
    assert P[1, 1] == pytest.approx(np.exp(-45.0) - np.exp(-50.0), rel=1e-14)
    np.testing.assert_allclose(np.log(P), log_class_probabilities(eta), rtol=1e-13, atol=1e-16)
    far = log_class_probabilities(np.array([[-2000.0, 0.0, 2000.0]]))
    assert np.isfinite(far).all()
    assert far[0, 0] == -2000.0


def test_crossed_boundaries_take_the_largest_so_far():
    eta = np.array([[1.0, 0.5, 2.0], [1.0, -1.0, -2.0]])
    P = class_probabilities(eta)
    np.testing.assert_allclose(P[0], [expit(1), 0, expit(2) - expit(1), expit(-2)], atol=1e-15)
    np.testing.assert_allclose(P[1], [expit(1), 0, 0, expit(-1)], atol=1e-15)
    assert log_class_probabilities(eta)[0, 1] == -np.inf


def test_predictions_agree_with_each_other(data):
    X, y = data
    model = PRESTO(0.002).fit(X, y)
    far = 50 * X
    for rows in (X, far):
        P = model.predict_proba(rows)
        assert P.shape == (500, 4)
        assert P.min() >= 0
        np.testing.assert_allclose(P.sum(axis=1), 1.0, atol=1e-14)
        np.testing.assert_array_equal(model.predict(rows), P.argmax(axis=1))
        np.testing.assert_array_equal(model.predict_rare(rows), P[:, -1])
        with np.errstate(divide="ignore"):
            np.testing.assert_allclose(np.exp(model.predict_log_proba(rows)), P, atol=1e-14)
    eta = model.cumulative_log_odds(X)
    np.testing.assert_allclose(eta, X @ model.coef_.T + model.intercept_)
    np.testing.assert_allclose(model.predict_rare(X), expit(-eta[:, -1]))
    assert (np.diff(model.cumulative_log_odds(far), axis=1) < 0).any()
    with pytest.raises(NotFittedError):
        PRESTO().predict_proba(X)


# ------------------------------------------------------------------------- crossing in training


@pytest.fixture(scope="module")
def crossing():
    """Rows of which some have boundaries that cross, where their own class does not lie."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((60, 3))
    slopes = np.array([[2.0, 0.0, -2.0], [0.0, 1.5, 1.5], [0.0, 0.0, 1.0]])
    eta = np.maximum.accumulate(X @ slopes + [-0.7, 0.0, 0.7], axis=1)
    return X, (rng.logistic(size=(60, 1)) > eta).sum(axis=1)


def test_monotone_on_training_rows(crossing):
    X, y = crossing
    free = PRESTO(1e-3, tol=1e-10).fit(X, y)
    assert free.crossing_rate_ > 0
    assert (np.diff(free.cumulative_log_odds(X), axis=1) <= 0).any(axis=1).mean() == pytest.approx(
        free.crossing_rate_
    )
    kept = PRESTO(1e-3, monotone="train", tol=1e-10).fit(X, y)
    assert kept.crossing_rate_ == 0.0
    assert np.diff(kept.cumulative_log_odds(X), axis=1).min() > 0
    # SciPy on the likelihood with linear constraints says how good it can be.
    assert objective(free, X, y) <= objective(kept, X, y)
    best = constrained(X, y, 1e-3, kept)
    assert objective(kept, X, y) <= best + 3e-6
    sparse = PRESTO(1e-3, monotone="train", tol=1e-10).fit(sp.csr_array(X), y)
    np.testing.assert_allclose(sparse.coef_, kept.coef_, atol=1e-6)
    path = PRESTOCV(alphas=[0.01, 1e-3], monotone="train", cv=2).fit(X, y)
    np.testing.assert_allclose(path.coefs_path_[1], kept.coef_, atol=1e-4)


def constrained(X, y, alpha, model):
    """Objective of the best model whose boundaries do not cross on training rows, by SLSQP."""
    m, p = model.coef_.shape
    scale = X.std(axis=0)

    def parts(v):
        psi = (v[m : m + m * p] - v[m + m * p :]).reshape(m, p)
        return X @ np.cumsum(psi / scale, axis=0).T + np.cumsum(v[:m]), psi

    def value(v):
        eta, _ = parts(v)
        F = np.column_stack([np.zeros(len(y)), expit(eta), np.ones(len(y))])
        P = F[np.arange(len(y)), y + 1] - F[np.arange(len(y)), y]
        return -np.log(np.maximum(P, 1e-12)).mean() + alpha * v[m:].sum()

    psi = model.increments_ * scale
    start = np.r_[
        np.diff(model.intercept_, prepend=0.0),
        np.maximum(psi, 0).ravel(),
        np.maximum(-psi, 0).ravel(),
    ]
    found = minimize(
        value, start, method="SLSQP",
        bounds=[(None, None)] * m + [(0, None)] * (2 * m * p),
        constraints={"type": "ineq", "fun": lambda v: np.diff(parts(v)[0], axis=1).ravel()},
        options={"maxiter": 50, "ftol": 1e-12},
    )  # fmt: skip
    return min(found.fun, value(start))


# ---------------------------------------------------------------------------------- input, forms


def test_sparse_equals_dense(data):
    rng = np.random.default_rng(0)
    X = data[0] * (rng.random(data[0].shape) < 0.4)
    for base in (True, False):
        dense = PRESTO(0.003, penalize_base=base, tol=1e-12).fit(X, data[1])
        for kind in (sp.csr_array, sp.csc_matrix):
            sparse = PRESTO(0.003, penalize_base=base, tol=1e-12).fit(kind(X), data[1])
            np.testing.assert_allclose(sparse.coef_, dense.coef_, atol=1e-7)
            np.testing.assert_allclose(
                sparse.predict_proba(kind(X)), dense.predict_proba(X), atol=1e-7
            )


def test_wide_sparse_design_is_never_dense():
    rng = np.random.default_rng(0)
    X = sp.random_array((60, 300_000), density=2e-4, rng=rng, format="csc")  # dense: 144 MB
    y = np.arange(60) % 3
    with _address_space(limit=100 << 20):
        model = PRESTO(0.05).fit(X, y)
    assert model.dual_gap_ < 1e-8


class _address_space:
    """At most so many bytes of memory more than there are now, where the system can be asked."""

    def __init__(self, limit):
        self.limit = limit

    def __enter__(self):
        resource = pytest.importorskip("resource")
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        self.old = resource.getrlimit(resource.RLIMIT_AS)
        limit = pages * resource.getpagesize() + self.limit
        resource.setrlimit(resource.RLIMIT_AS, (limit, self.old[1]))

    def __exit__(self, *_):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, self.old)


def test_single_precision_stays_so(data):
    X, y = data
    wide = PRESTO(0.005).fit(X, y)
    narrow = PRESTO(0.005).fit(X.astype(np.float32), y)
    for name in ("coef_", "increments_", "intercept_"):
        assert getattr(narrow, name).dtype == np.float32
        np.testing.assert_allclose(getattr(narrow, name), getattr(wide, name), atol=1e-4)
    for method in ("predict_proba", "predict_log_proba", "cumulative_log_odds"):
        assert getattr(narrow, method)(X.astype(np.float32)).dtype == np.float32


def test_same_bits_for_any_number_of_threads(data):
    X, y = data
    X = np.tile(X, (4, 5)) + np.random.default_rng(0).standard_normal((2000, 20))
    y = np.tile(y, 4)
    one, two = (PRESTO(0.001, n_jobs=k).fit(X, y) for k in (1, 2))
    np.testing.assert_array_equal(one.coef_, two.coef_)
    np.testing.assert_array_equal(one.intercept_, two.intercept_)


def test_separable_classes():
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-1, 1, 90))
    y = np.repeat([0, 1, 2], 30)
    model = PRESTO(1e-4).fit(x[:, None], y)
    assert np.isfinite(model.coef_).all()
    assert model.score(x[:, None], y) > 0.98
    assert kkt(model, x[:, None], y) < 1e-6
    # Without a penalty the likelihood has no maximum.
    with pytest.warns(ConvergenceWarning, match="duality gap"):
        PRESTO(0.0, max_iter=5).fit(x[:, None], y)


def test_order_of_classes(data):
    pandas = pytest.importorskip("pandas")
    X, y = data
    names = np.array(["low", "mid", "high", "top"])
    plain = PRESTO(0.01).fit(X, y)
    given = PRESTO(0.01, categories=names).fit(X, names[y])
    assert given.classes_.tolist() == names.tolist()
    np.testing.assert_array_equal(given.coef_, plain.coef_)
    np.testing.assert_array_equal(given.predict(X), names[plain.predict(X)])
    # An ordered Categorical says it all; a category that does not occur is left out.
    ordered = pandas.Categorical.from_codes(
        y + (y > 1), ["low", "mid", "none", "high", "top"], True
    )
    for labels in (ordered, pandas.Series(ordered)):
        model = PRESTO(0.01).fit(pandas.DataFrame(X, columns=list("abcd")), labels)
        assert model.classes_.tolist() == names.tolist()
        np.testing.assert_array_equal(model.coef_, plain.coef_)
        assert model.feature_names_in_.tolist() == list("abcd")
    # Without an order labels are sorted.
    unordered = PRESTO(0.01).fit(X, pandas.Categorical(names[y]))
    assert unordered.classes_.tolist() == sorted(names)
    cv = PRESTOCV(alphas=3, categories=names[::-1]).fit(X, names[y])
    assert cv.classes_.tolist() == names[::-1].tolist()


def test_classes_without_weight_do_not_exist(data):
    X, y = data
    weight = (y != 1).astype(float)
    some = PRESTO(0.01, tol=1e-12).fit(X[y != 1], y[y != 1])
    model = PRESTO(0.01, tol=1e-12).fit(X, y, sample_weight=weight)
    assert model.classes_.tolist() == [0, 2, 3]
    np.testing.assert_allclose(model.coef_, some.coef_, atol=1e-8)


def test_warm_start(data):
    X, y = data
    model = PRESTO(0.01, warm_start=True, tol=1e-12).fit(X, y)
    first = model.n_iter_
    expected = PRESTO(0.009, tol=1e-12).fit(X, y)
    again = model.set_params(alpha=0.009).fit(X, y)
    assert again.n_iter_ < first
    np.testing.assert_allclose(again.coef_, expected.coef_, atol=1e-7)
    # A start that gives some row's class no probability is no start.
    again.increments_ = again.increments_ * -50
    np.testing.assert_allclose(again.fit(X, y).coef_, expected.coef_, atol=1e-7)
    again.fit(X[:, :2], y)
    assert again.coef_.shape == (3, 2)


@pytest.mark.parametrize("model", [PRESTO(), PRESTOCV()], ids=["one", "cv"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.arange(60) % 2}, "at least three ordered classes, got 0, 1; use LogisticLasso"),
        ({"y": np.ones(60)}, "at least 2 classes"),
        ({"y": np.linspace(0, 1, 60)}, "continuous"),
        ({"y": np.eye(3)[np.arange(60) % 3]}, "1d array"),
        ({"categories": [0, 1]}, "not in categories: 2"),
        ({"categories": [0, 1, 2, 3]}, "y does not, or without weight: 3"),
        ({"categories": [0, 1, 1, 2]}, "without repeats"),
        ({"X": np.full((60, 2), np.nan)}, "NaN"),
        ({"X": np.full((60, 2), np.inf)}, "infinity"),
        ({"sample_weight": -np.ones(60)}, "sample_weight must be >= 0"),
        ({"sample_weight": np.zeros(60)}, "zero in every row"),
        ({"l1_ratio": 1.5}, "l1_ratio"),
        ({"penalty_factor": [1.0]}, "penalty_factor must have shape"),
        ({"penalty_factor": [1.0, -1.0]}, "penalty_factor must be >= 0"),
        ({"monotone": "all"}, "monotone"),
        ({"alpha": -1.0}, "alpha"),
        ({"alphas": [-1.0]}, "alphas must be finite and >= 0"),
    ],
    ids=lambda v: None if isinstance(v, dict) else v[:20],
)
def test_bad_input(model, change, message):
    rng = np.random.default_rng(0)
    given = {"X": rng.standard_normal((60, 2)), "y": np.arange(60) % 3, "sample_weight": None}
    settings_ = {k: v for k, v in change.items() if k not in given}
    if not set(settings_) <= set(model.get_params()):
        settings_ = {"l1_ratio": 1.5}
        message = "l1_ratio"
    given |= {k: v for k, v in change.items() if k in given}
    with pytest.raises(ValueError, match=message):
        clone(model).set_params(**settings_).fit(**given)


def test_kernel_refuses_what_it_cannot_read():
    X = np.asfortranarray(np.random.default_rng(0).standard_normal((4, 1)))
    good = np.array([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
    fit = {"alphas": np.array([0.1])}
    assert _core.fit_path(X, good, "cumulative_logit", **fit)["converged"].all()
    for bad, message in (
        (good[:, ::-1].copy(), "row 1"),
        (good * 0.5, "row 0"),
        (good[[0, 0, 2, 2]], "no weight in class 1"),
    ):
        with pytest.raises(ValueError, match=message):
            _core.fit_path(X, bad, "cumulative_logit", **fit)
    factor = np.array([0.0, 1.0])
    for options in ({"penalty": "mcp"}, {"solver": "fista"}):
        with pytest.raises(ValueError, match="output_factor goes with"):
            _core.fit_path(X, good, "cumulative_logit", output_factor=factor, **fit, **options)
    with pytest.raises(ValueError, match="output_factor goes with"):
        _core.fit_path(X, good, "multinomial", output_factor=factor, **fit)


# ------------------------------------------------------------------------------- cross-validation


@pytest.mark.parametrize("scoring", ["brier", "log_loss", "rare_brier"])
def test_cross_validation_by_hand(data, scoring):
    X, y = data
    alphas = np.array([0.05, 0.01, 0.002])
    cv = PRESTOCV(alphas, scoring=scoring, cv=3).fit(X, y)
    loss = np.zeros((3, 3))
    for f, (train, test) in enumerate(StratifiedKFold(3).split(X, y)):
        for a, alpha in enumerate(alphas):
            P = PRESTO(alpha).fit(X[train], y[train]).predict_proba(X[test])
            hit = np.eye(4)[y[test]]
            loss[a, f] = {
                "brier": ((P - hit) ** 2).sum(axis=1).mean(),
                "log_loss": -np.log(P[hit > 0]).mean(),
                "rare_brier": ((P - hit)[:, -1] ** 2).mean(),
            }[scoring]
    np.testing.assert_allclose(cv.loss_path_, loss, rtol=1e-6)
    assert cv.alpha_ == alphas[np.argmin(cv.cv_mean_)]
    best = PRESTO(cv.alpha_).fit(X, y)
    np.testing.assert_allclose(cv.coef_, best.coef_, atol=1e-5)
    np.testing.assert_allclose(cv.increments_, best.increments_, atol=1e-5)
    at = int(np.argmin(cv.cv_mean_))
    np.testing.assert_array_equal(cv.coefs_path_[at], cv.coef_)
    np.testing.assert_array_equal(cv.intercepts_path_[at], cv.intercept_)
    np.testing.assert_array_equal(cv.path_.coefs, cv.coefs_path_)
    assert cv.selection_frequency_.shape == (3, 4)


def test_path_and_choice(data):
    X, y = data
    model = PRESTOCV(random_state=0).fit(X, y)
    np.testing.assert_allclose(
        model.alphas_, model.alpha_max_ * 0.01 ** (np.arange(len(model.alphas_)) / 19)
    )
    assert not model.coefs_path_[0].any()
    np.testing.assert_array_less(model.dual_gaps_, 1.2e-9)
    assert model.alpha_1se_ >= model.alpha_min_ == model.alpha_
    strong = PRESTOCV(random_state=0, rule="1se").fit(X, y)
    assert strong.alpha_ == model.alpha_1se_
    both = PRESTOCV(alphas=5, l1_ratio=[0.0, 1.0]).fit(X, y)
    assert both.l1_ratio_ in (0.0, 1.0)
    proportional = PRESTOCV(alphas=5, penalize_base=False).fit(X, y)
    assert not np.diff(proportional.coefs_path_[0], axis=0).any()
    two = PRESTOCV(random_state=0, n_jobs=2).fit(X, y)
    np.testing.assert_array_equal(two.coef_, model.coef_)


def test_folds_need_every_class(data):
    X, y = data
    y = y.copy()
    y[y == 3] = 2
    y[:1] = 3
    with pytest.raises(ValueError, match="at least 2 observations of each class"):
        PRESTOCV(alphas=3).fit(X, y)
    with pytest.raises(ValueError, match="no row of class"):
        PRESTOCV(alphas=3, cv=[(np.arange(100, 500), np.arange(100))]).fit(X, y)


# ---------------------------------------------------------------------------------- conventions

#: Checks of scikit-learn that give two classes, which belong to another estimator.
TWO_CLASSES = "at least three ordered classes"
GIVE_TWO_CLASSES = {
    "check_classifier_data_not_an_array",
    "check_classifiers_classes",
    "check_classifiers_train",
    "check_estimators_dtypes",
    "check_estimators_nan_inf",
    "check_estimators_pickle",
    "check_fit2d_1feature",
    "check_fit_check_is_fitted",
    "check_fit_idempotent",
    "check_n_features_in",
    "check_pipeline_consistency",
    "check_sample_weights_not_an_array",
    "check_sample_weights_not_overwritten",
    "check_sample_weights_pandas_series",
    "check_sample_weights_shape",
}


@parametrize_with_checks(
    [PRESTO(tol=1e-12), PRESTOCV(alphas=5, eps=0.05, cv=3, tol=1e-12)],
)
def test_scikit_learn_checks(estimator, check):
    try:
        check(estimator)
    except (ValueError, AssertionError) as error:
        if check.func.__name__ not in GIVE_TWO_CLASSES:
            raise
        chain = [error]
        while chain[-1].__context__ is not None:
            chain.append(chain[-1].__context__)
        if not any(TWO_CLASSES in str(e) for e in chain):
            raise


# ------------------------------------------------------------------------------------ simulation


def rare_errors(seed, thresholds, share):
    """Squared errors of rare probabilities: ours, logistic regression, proportional odds."""
    rng = np.random.default_rng(seed)
    while True:
        X = rng.uniform(-1, 1, (2500, 10))
        psi = np.zeros((3, 10))
        psi[0] = 0.5 * (rng.random(10) < share)
        psi[1:] = 0.5 * (rng.random((2, 10)) < share) * rng.choice([-1, 1], (2, 10))
        eta = X @ np.cumsum(psi, axis=0).T + thresholds
        y = (rng.logistic(size=(2500, 1)) > eta).sum(axis=1)
        if np.diff(eta, axis=1).min() > 0 and np.bincount(y, minlength=4).min() > 1:
            break
    truth = expit(-eta[:, 2])
    logit = LogisticRegression(C=np.inf, tol=1e-8).fit(X, y == 3).predict_proba(X)[:, 1]
    odds = PRESTO(1.0, penalize_base=False).fit(X, y).predict_rare(X)
    ours = PRESTOCV(random_state=seed, n_jobs=-1).fit(X, y).predict_rare(X)
    return [np.mean((guess - truth) ** 2) for guess in (ours, logit, odds)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The least populated class")
def test_rare_probabilities_beat_both_ends():
    # Medians of 60 repetitions were 0.57 of logistic regression and 0.77 of proportional odds.
    errors = np.array([rare_errors(seed, [0.0, 3.0, 5.0], 1 / 3) for seed in range(24)])
    assert np.median(errors[:, 0] / errors[:, 1]) < 0.8
    assert np.median(errors[:, 0] / errors[:, 2]) < 0.95

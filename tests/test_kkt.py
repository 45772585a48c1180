# SPDX-License-Identifier: BSD-3-Clause
"""The certificates are checked against solvers that share no code with them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, sparse, special
from sklearn.datasets import load_iris
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression

from taut.testing.kkt import alpha_max, duality_gap, kkt_violation, null_loss, objective


@pytest.fixture(scope="module")
def small():
    """n = 60, p = 8 problem whose optimal values an accelerated gradient run gave to 1e-14."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 8))
    w = np.array([2, -1, 0.5, 0, 0, 0, 0, 0])
    y = X @ w + 1 + 0.5 * rng.standard_normal(60)
    rng.poisson(np.exp(0.3 * X @ w))
    weights = rng.uniform(0.5, 2, 60)
    assert X.sum() == pytest.approx(-11.402854776616)
    assert y.sum() == pytest.approx(59.995549570276)
    assert (weights / weights.sum())[0] == pytest.approx(0.006897602722)
    return X, y, (y > 1).astype(float), weights


# intercept, coefficients (6 digits) and objective (12 digits) of the independent run
REFERENCE = {
    "lasso": (
        {"alpha": 0.1},
        0.451245750017,
        [1.014908, 1.839063, -0.968551, 0.370048, 0, 0.035239, 0, 0.006449, 0],
    ),
    "elastic net": (
        {"alpha": 0.1, "l1_ratio": 0.5},
        0.398461381427,
        [1.038193, 1.779160, -0.966975, 0.398937, 0, 0.072932, 0, 0.032981, 0],
    ),
    "weighted lasso": (
        {"alpha": 0.1, "sample_weight": "weights"},
        0.446219960315,
        [1.000939, 1.816639, -0.948801, 0.356890, 0, 0.029640, 0, 0.020880, 0],
    ),
    "logistic": (
        {"alpha": 0.05, "datafit": "logistic"},
        0.472998472083,
        [0.077210, 1.879833, -1.161132, 0.418734, 0, 0, 0, 0, 0],
    ),
}


@pytest.mark.parametrize("name", REFERENCE)
def test_reference_optimum_has_the_stored_objective_and_a_small_gap(small, name):
    X, y, labels, weights = small
    options, value, solution = REFERENCE[name]
    options = {k: weights if v == "weights" else v for k, v in options.items()}
    target = labels if name == "logistic" else y
    args = (X, target, solution[1:], solution[0])
    # Coefficients are rounded to 6 digits: first-order effect on the gap, second on the objective.
    assert objective(*args, **options) == pytest.approx(value, abs=1e-11)
    assert 0 <= duality_gap(*args, **options) < 5e-6
    assert kkt_violation(*args, **options) < 5e-6


def test_alpha_max_equals_the_stored_values(small):
    X, y, labels, _ = small
    assert alpha_max(X, y) == pytest.approx(1.365944071616, abs=1e-12)
    assert alpha_max(X, labels, datafit="logistic") == pytest.approx(0.252063069236, abs=1e-12)


@pytest.mark.parametrize(
    ("grouped", "value", "lam_max", "rows"),
    [
        (
            False,
            0.554148606854,
            0.4349957740,
            "2.858803 1.383809 -4.242612 0 0 0 .747814 -.053263 0 -1.359928 0 0 0 0 3.332854",
        ),
        (
            True,
            0.476459593290,
            0.5601701286,
            "3.727149 2.492403 -6.219552 0 0 0 .507726 -.363497 -.144229 -.729442 .069038 "
            ".660404 -2.420502 -.359094 2.779596",
        ),
    ],
)
def test_multinomial_reference_on_iris(grouped, value, lam_max, rows):
    X, y = load_iris(return_X_y=True)
    table = np.array(rows.split(), dtype=float).reshape(5, 3)
    args = (X, y, table[1:].T, table[0])
    options = {"datafit": "multinomial", "grouped": grouped, "standardize": True}
    assert objective(*args, alpha=0.05, **options) == pytest.approx(value, abs=1e-11)
    assert 0 <= duality_gap(*args, alpha=0.05, **options) < 5e-6
    assert kkt_violation(*args, alpha=0.05, **options) < 5e-6
    assert alpha_max(X, y, **options) == pytest.approx(lam_max, abs=1e-10)


def test_null_loss_is_the_entropy_of_the_class_shares():
    y = [0, 0, 0, 1, 2, 2]
    share = np.array([3, 1, 2]) / 6
    expected = -(share * np.log(share)).sum()
    assert null_loss(y, datafit="multinomial") == pytest.approx(expected, rel=1e-14)
    assert null_loss(y, datafit="multinomial", fit_intercept=False) == pytest.approx(np.log(3))
    assert null_loss([1.0, 3.0], fit_intercept=False) == pytest.approx(2.5)
    assert null_loss([0, 1, 1, 1], datafit="logistic", sample_weight=[3, 1, 1, 1]) == (
        pytest.approx(np.log(2))
    )


# --------------------------------------------------------------------------------------
# A slow solver for everything: L-BFGS-B on w = w_plus - w_minus with bounds
# --------------------------------------------------------------------------------------
def _solve(X, y, options, *, fit_intercept, n_classes):
    alpha, rho = options["alpha"], options.get("l1_ratio", 1.0)
    n, p = X.shape
    K = n_classes
    s = np.asarray(options.get("sample_weight", np.ones(n)), dtype=float)
    s = s / s.sum()
    c = np.asarray(options.get("penalty_factor", np.ones(p)), dtype=float)
    lower = np.asarray(options.get("lower", np.full(p, -np.inf)), dtype=float)
    upper = np.asarray(options.get("upper", np.full(p, np.inf)), dtype=float)
    lower, upper = np.where(np.isinf(c), 0, lower), np.where(np.isinf(c), 0, upper)
    c = np.where(np.isinf(c), 0, c)
    offset = np.reshape(options.get("offset", np.zeros((n, K))), (n, K))
    datafit = options.get("datafit", "quadratic")
    Y = np.eye(K)[y] if datafit == "multinomial" else np.asarray(y, float)[:, None]

    def value(flat):
        plus, minus = flat[: p * K].reshape(p, K), flat[p * K : 2 * p * K].reshape(p, K)
        b = flat[2 * p * K :] if fit_intercept else np.zeros(K)
        W = plus - minus
        eta = X @ W + b + offset
        if datafit == "quadratic":
            loss, u = 0.5 * (s[:, None] * (eta - Y) ** 2).sum(), eta - Y
        elif datafit == "logistic":
            loss = (s[:, None] * (np.logaddexp(0, eta) - Y * eta)).sum()
            u = special.expit(eta) - Y
        else:
            loss = (s * (special.logsumexp(eta, axis=1) - (Y * eta).sum(axis=1))).sum()
            u = special.softmax(eta, axis=1) - Y
        u = s[:, None] * u
        g = X.T @ u
        a, r = alpha * rho * c[:, None], alpha * (1 - rho) * c[:, None]
        # plus * minus = 0 at the optimum if a > 0; the ridge of the difference keeps it exact
        total = loss + (a * (plus + minus) + 0.5 * r * W**2).sum()
        parts = [(g + a + r * W).ravel(), (-g + a - r * W).ravel()]
        if fit_intercept:
            parts.append(u.sum(axis=0))
        return total, np.concatenate(parts)

    bounds = [(0, hi) for hi in np.repeat(upper, K)] + [(0, -lo) for lo in np.repeat(lower, K)]
    bounds += [(None, None)] * (K if fit_intercept else 0)
    result = optimize.minimize(
        value,
        np.zeros(len(bounds)),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 20000, "maxfun": 40000, "ftol": 1e-16, "gtol": 1e-10, "maxcor": 30},
    )
    flat = result.x
    W = (flat[: p * K] - flat[p * K : 2 * p * K]).reshape(p, K).T
    b = flat[2 * p * K :] if fit_intercept else None
    if datafit != "multinomial":
        return W[0], (None if b is None else float(b[0]))
    return W, b


CASES = {
    "plain": {},
    "elastic net": {"l1_ratio": 0.3},
    "ridge": {"l1_ratio": 0.0},
    "weights": {"sample_weight": "weights"},
    "offset": {"offset": "offset"},
    "factors": {"penalty_factor": [0, 1, 2, 0.5, np.inf]},
    "positive": {"lower": np.zeros(5)},
    "box": {"lower": np.full(5, -0.2), "upper": np.full(5, 0.1)},
    "mixed bounds": {
        "lower": [-0.1, 0, -np.inf, -0.3, 0],
        "upper": [np.inf, 0.2, 0, 0.3, np.inf],
        "l1_ratio": 0.7,
    },
    "unpenalised positive": {"penalty_factor": [0, 0, 1, 1, 1], "lower": [0, 0, -np.inf, 0, 0]},
    "unpenalised box": {"penalty_factor": [0, 1, 1, 0, 1], "lower": -0.15, "upper": 0.15},
    "alpha zero": {"alpha": 0.0},
}


def _case(name, datafit):
    rng = np.random.default_rng(sum(map(ord, name)))
    n, p = 40, 5
    X = rng.standard_normal((n, p)) * [1, 2, 0.5, 1, 1] + [0, 1, 0, -1, 0]
    eta = 0.7 * X[:, 0] - 0.4 * X[:, 1] + 0.5 * X[:, 2] + 0.3
    noise = rng.logistic(size=n)
    if datafit == "quadratic":
        y = eta + noise
    elif datafit == "logistic":
        y = (eta + noise > 0).astype(float)
    else:
        y = np.digitize(eta + noise, [-1, 1])
    K = 3 if datafit == "multinomial" else 1
    available = {
        "weights": rng.integers(0, 4, n).astype(float),
        "offset": rng.standard_normal((n, K)) if K > 1 else rng.standard_normal(n),
    }
    options = {"alpha": 0.08, "datafit": datafit} | CASES[name]
    options = {
        k: available[v] if isinstance(v, str) and v in available else v for k, v in options.items()
    }
    for bound in ("lower", "upper"):
        if bound in options:
            options[bound] = np.broadcast_to(np.asarray(options[bound], float), (p,))
    return X, y, options, K, rng


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("datafit", ["quadratic", "logistic", "multinomial"])
@pytest.mark.parametrize("name", CASES)
def test_gap_bounds_the_suboptimality_and_vanishes_at_the_optimum(name, datafit, fit_intercept):
    X, y, options, K, rng = _case(name, datafit)
    w, b = _solve(X, y, options, fit_intercept=fit_intercept, n_classes=K)
    best = objective(X, y, w, b, **options)
    scale = null_loss(y, datafit=datafit, offset=options.get("offset"))
    # L-BFGS-B stops at the rounding of the objective; the gap is first order in its error.
    assert -1e-14 <= duality_gap(X, y, w, b, **options) <= 2e-5 * scale
    assert kkt_violation(X, y, w, b, **options) <= 1e-5
    lower, upper = options.get("lower", -np.inf), options.get("upper", np.inf)
    excluded = np.isinf(options.get("penalty_factor", np.ones(5)))
    for size in (1e-3, 0.1, 1.0):
        for _ in range(5):
            moved = np.clip(w + size * rng.standard_normal(w.shape), lower, upper)
            moved = np.where(excluded, 0.0, moved)
            shift = size * rng.standard_normal(np.shape(b)) if b is not None else None
            b_moved = None if b is None else b + shift
            excess = objective(X, y, moved, b_moved, **options) - best
            gap = duality_gap(X, y, moved, b_moved, **options)
            assert excess > 0
            assert gap >= excess * (1 - 1e-9) - 1e-11 * scale
            assert np.isfinite(gap)
            assert kkt_violation(X, y, moved, b_moved, **options) > 0


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(2, 30),
    p=st.integers(1, 12),
    log_alpha=st.floats(-4, 0.5),
    l1_ratio=st.floats(0.05, 1.0),
    fit_intercept=st.booleans(),
    positive=st.booleans(),
)
def test_gap_and_violation_vanish_at_the_solution_of_scikit_learn(
    seed, n, p, log_alpha, l1_ratio, fit_intercept, positive
):
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((n, p)), rng.standard_normal(n)
    y = (y - y.mean()) / y.std()
    top = alpha_max(
        X, y, l1_ratio=l1_ratio, fit_intercept=fit_intercept, lower=0.0 if positive else None
    )
    alpha = max(top, 1e-3) * 10.0**log_alpha
    model = ElasticNet(
        alpha=alpha,
        l1_ratio=l1_ratio,
        fit_intercept=fit_intercept,
        positive=positive,
        tol=1e-13,
        max_iter=500_000,
    )
    model.fit(X, y)
    intercept = model.intercept_ if fit_intercept else None
    options = {"alpha": alpha, "l1_ratio": l1_ratio, "lower": 0.0 if positive else None}
    gap = duality_gap(X, y, model.coef_, intercept, **options)
    assert -1e-15 <= gap <= 1e-9
    assert kkt_violation(X, y, model.coef_, intercept, **options) <= 1e-5
    if log_alpha >= 0:
        assert not model.coef_.any()
    other = rng.standard_normal(p) if not positive else rng.exponential(size=p)
    excess = objective(X, y, other, intercept, **options) - objective(
        X, y, model.coef_, intercept, **options
    )
    assert duality_gap(X, y, other, intercept, **options) >= excess - 1e-9


def test_gap_vanishes_at_the_logistic_solution_of_scikit_learn(small):
    X, _, labels, _ = small
    alpha = 0.05
    model = LogisticRegression(
        C=1 / (60 * alpha), l1_ratio=1.0, solver="saga", tol=1e-12, max_iter=100_000
    ).fit(X, labels)
    args = (X, labels, model.coef_[0], model.intercept_)
    assert duality_gap(*args, alpha=alpha, datafit="logistic") < 1e-9
    assert kkt_violation(*args, alpha=alpha, datafit="logistic") < 1e-8


def test_two_class_multinomial_equals_logistic(small):
    X, _, labels, _ = small
    w, b = _solve(
        X, labels, {"alpha": 0.05, "datafit": "logistic"}, fit_intercept=True, n_classes=1
    )
    W, intercepts = np.vstack([np.zeros(8), w]), [0.0, b]
    one = {"alpha": 0.05, "datafit": "logistic"}
    two = {"alpha": 0.05, "datafit": "multinomial"}
    assert objective(X, labels, W, intercepts, **two) == pytest.approx(
        objective(X, labels, w, b, **one), rel=1e-13
    )
    assert duality_gap(X, labels, W, intercepts, **two) == pytest.approx(
        duality_gap(X, labels, w, b, **one), abs=1e-12
    )


# --------------------------------------------------------------------------------------
# Definitions and invariances
# --------------------------------------------------------------------------------------
def test_orthonormal_design_has_the_soft_threshold_as_optimum():
    rng = np.random.default_rng(3)
    n, p = 30, 6
    X = np.linalg.qr(rng.standard_normal((n, p)))[0] * np.sqrt(n)
    y = rng.standard_normal(n)
    z = X.T @ y / n
    alpha = np.median(np.abs(z))
    w = np.sign(z) * np.maximum(np.abs(z) - alpha, 0)
    assert duality_gap(X, y, w, None, alpha=alpha) < 1e-15
    assert kkt_violation(X, y, w, None, alpha=alpha) < 1e-15


@pytest.mark.parametrize("name", ["plain", "elastic net", "mixed bounds"])
def test_violation_equals_one_sided_finite_differences(name):
    X, y, options, _, _ = _case(name, "logistic")
    lower = np.asarray(options.get("lower", np.full(5, -np.inf)))
    upper = np.asarray(options.get("upper", np.full(5, np.inf)))
    w = np.clip(np.array([0.0, 0.15, -0.2, 0.3, 0.0]), lower, upper)
    h, base = 1e-6, objective(X, y, w, None, **options)
    worst = 0.0
    for j in range(5):
        for sign in (1, -1):
            moved = w.copy()
            moved[j] += sign * h
            slope = (objective(X, y, moved, None, **options) - base) / h
            if np.isfinite(slope):  # a step out of the box has an infinite objective
                worst = max(worst, -slope)
    assert kkt_violation(X, y, w, None, **options) == pytest.approx(worst, abs=1e-5)


@pytest.mark.parametrize("datafit", ["quadratic", "logistic", "multinomial"])
def test_integer_weights_equal_repeated_rows(datafit):
    X, y, options, K, rng = _case("weights", datafit)
    weights = options.pop("sample_weight").astype(int)
    w = rng.standard_normal((K, 5)) if K > 1 else rng.standard_normal(5)
    b = rng.standard_normal(K) if K > 1 else 0.3
    rows = np.repeat(np.arange(40), weights)
    for f in (objective, duality_gap, kkt_violation):
        for standardize in (False, True):
            weighted = f(X, y, w, b, sample_weight=weights, standardize=standardize, **options)
            repeated = f(X[rows], y[rows], w, b, standardize=standardize, **options)
            assert weighted == pytest.approx(repeated, rel=1e-9)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("container", [sparse.csc_matrix, sparse.csr_array])
def test_sparse_equals_dense(container, standardize):
    X, y, options, _, rng = _case("factors", "logistic")
    X = X * (rng.random(X.shape) < 0.4)
    w = np.where(np.isinf(options["penalty_factor"]), 0, rng.standard_normal(5))
    for f in (objective, duality_gap, kkt_violation):
        dense = f(X, y, w, 0.1, standardize=standardize, **options)
        assert f(container(X), y, w, 0.1, standardize=standardize, **options) == pytest.approx(
            dense, rel=1e-9
        )
    del options["alpha"]
    assert alpha_max(container(X), y, standardize=standardize, **options) == pytest.approx(
        alpha_max(X, y, standardize=standardize, **options), rel=1e-10
    )


def test_standardize_is_the_problem_on_scaled_columns():
    X, y, options, _, rng = _case("elastic net", "quadratic")
    d = X.std(axis=0)
    w = rng.standard_normal(5)
    for f in (objective, duality_gap, kkt_violation):
        assert f(X, y, w, 0.2, standardize=True, **options) == pytest.approx(
            f(X / d, y, w * d, 0.2, **options), rel=1e-9
        )


@pytest.mark.parametrize("name", [n for n in CASES if n not in ("ridge", "alpha zero")])
@pytest.mark.parametrize("datafit", ["quadratic", "logistic", "multinomial"])
def test_penalised_coefficients_leave_zero_below_alpha_max(name, datafit):
    X, y, options, K, _ = _case(name, datafit)
    del options["alpha"]
    top = alpha_max(X, y, **options)
    penalised = np.asarray(options.get("penalty_factor", np.ones(5))) > 0
    above, _ = _solve(X, y, {**options, "alpha": 1.01 * top}, fit_intercept=True, n_classes=K)
    below, _ = _solve(X, y, {**options, "alpha": 0.95 * top}, fit_intercept=True, n_classes=K)
    assert np.abs(np.atleast_2d(above)[:, penalised]).max() < 1e-6
    assert np.abs(np.atleast_2d(below)[:, penalised]).max() > 1e-4


def test_alpha_max_ignores_an_unpenalised_column_of_zeros():
    X, y, _, _, _ = _case("plain", "logistic")
    options = {"datafit": "logistic", "lower": [-np.inf, 0, 0, 0, 0]}
    expected = alpha_max(X[:, :4], y, datafit="logistic", lower=[-np.inf, 0, 0, 0])
    X[:, 4] = 0.0
    for bound in (0.0, 0.3, np.inf):
        upper = [np.inf] * 4 + [bound]
        value = alpha_max(X, y, penalty_factor=[1, 1, 1, 1, 0], upper=upper, **options)
        assert value == pytest.approx(expected, rel=1e-9)


def test_coefficients_outside_the_bounds_have_no_finite_value():
    X, y, _, _, _ = _case("plain", "quadratic")
    w = np.array([0.0, -0.1, 0, 0, 0])
    for f in (objective, duality_gap, kkt_violation):
        assert f(X, y, w, 0.0, alpha=0.1, lower=0.0) == np.inf
        assert f(X, y, w, 0.0, alpha=0.1, penalty_factor=[1, np.inf, 1, 1, 1]) == np.inf
        assert f(X, y, [np.nan] * 5, 0.0, alpha=0.1) == np.inf


def test_missing_intercept_shows_in_gap_and_violation():
    X, y, options, _, _ = _case("plain", "quadratic")
    w, b = _solve(X, y, options, fit_intercept=False, n_classes=1)
    assert b is None
    assert duality_gap(X, y, w, None, **options) < 1e-6
    # The same numbers are far from optimal for the model that has an intercept.
    assert duality_gap(X, y, w, 0.0, **options) > 1e-4
    assert kkt_violation(X, y, w, 0.0, **options) > 1e-3


def test_gap_is_finite_where_the_loss_is_nearly_zero():
    # Next to the best intercepts the progress of the inner refit is below the rounding of
    # log-sum-exp; it must go by the gradient.
    eta = np.array(
        [
            [4.76166351, -1.63851632, -3.12314723],
            [-1.12905374, 5.30757890, -4.17852513],
            [-1.50008052, -4.74087685, 6.24095710],
        ]
    )
    rng = np.random.default_rng(0)
    for _ in range(50):
        intercept = 1e-8 * rng.standard_normal(3)
        gap = duality_gap(np.eye(3), [0, 1, 2], eta.T, intercept, alpha=1e-3, datafit="multinomial")
        assert 0 < gap < 0.1


def test_tiny_gaps_are_resolved_below_the_rounding_of_the_objective():
    rng = np.random.default_rng(5)
    X, y = rng.standard_normal((50, 4)), rng.standard_normal(50) + 1e6
    model = Lasso(alpha=0.05, tol=1e-14, max_iter=100_000).fit(X, y - 1e6)
    gap = duality_gap(X, y, model.coef_, model.intercept_ + 1e6, alpha=0.05)
    assert -1e-12 <= gap < 1e-8


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        ({"datafit": "cauchy"}, "datafit must be one of"),
        ({"datafit": "poisson"}, "y of the Poisson datafit must be >= 0"),
        ({"delta": 0.0}, "delta must be finite and > 0, got 0.0"),
        ({"sigma_min": -1.0}, "sigma_min must be finite and >= 0, got -1.0"),
        ({"alpha": -1.0}, "alpha must be finite and >= 0, got -1.0"),
        ({"alpha": np.nan}, "alpha must be finite"),
        ({"l1_ratio": 1.5}, r"l1_ratio must lie in \[0, 1\], got 1.5"),
        ({"grouped": True}, "grouped=True needs datafit='multinomial'"),
        ({"penalty_factor": [1, 1]}, r"penalty_factor must have shape \(5,\), got \(2,\)"),
        ({"penalty_factor": [1, 1, -1, 1, 1]}, "penalty_factor must be >= 0"),
        ({"lower": 0.5}, "lower <= 0 <= upper"),
        ({"upper": [1, np.nan, 1, 1, 1]}, "upper contains NaN"),
        ({"sample_weight": np.ones(3)}, r"sample_weight must have shape \(40,\), got \(3,\)"),
        ({"sample_weight": -np.ones(40)}, "sample_weight must be finite and >= 0"),
        ({"sample_weight": np.zeros(40)}, "at least one entry > 0"),
        ({"offset": np.ones(3)}, "offset must have one entry per entry of y"),
        ({"coef": np.ones(4)}, r"coef must have shape \(5,\), got \(4,\)"),
        ({"y": np.ones(3)}, "y has 3 rows, X has 40"),
        ({"intercept": [1.0, 2.0]}, "intercept must have 1 entries"),
        ({"datafit": "logistic", "y": np.full(40, 2.0)}, r"must lie in \[0, 1\]"),
    ],
)
def test_bad_input_is_named(change, fragment):
    X, y, _, _, _ = _case("plain", "quadratic")
    call = {"y": y, "coef": np.zeros(5), "intercept": 0.0, "alpha": 0.1} | change
    with pytest.raises(ValueError, match=fragment):
        duality_gap(X, **call)


def test_bounds_and_groups_are_refused_together():
    X, y, _, _, _ = _case("plain", "multinomial")
    with pytest.raises(ValueError, match="cannot be combined"):
        duality_gap(
            X, y, np.zeros((3, 5)), None, alpha=1, datafit="multinomial", grouped=True, lower=0.0
        )

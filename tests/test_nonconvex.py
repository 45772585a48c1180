# SPDX-License-Identifier: BSD-3-Clause
"""Nonconvex penalties and first-order solvers.

Stationarity is judged by taut.testing.nonconvex; closed forms, other solvers of the same problem,
and scikit-learn where the problem is a Lasso, say the rest.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.linear_model import ElasticNet, Lasso

from taut import _core, prox
from taut._validation import kernel_design
from taut.testing import kkt, nonconvex

PENALTIES = ("mcp", "scad", "l0", "cel0", "lq")
GAMMA = {"mcp": 3.0, "scad": 3.7, "lq": 0.5}
DATAFITS = ("quadratic", "logistic", "multinomial", "huber")
# What poisson, whose curvature has no bound, goes with.
CELLS = [(d, p) for d in DATAFITS for p in PENALTIES] + [("poisson", "mcp"), ("poisson", "scad")]
FIRST_ORDER = ("fista", "ag", "pncg")
TOL = 1e-7


def fit(X: Any, y: np.ndarray, penalty: str, datafit: str = "quadratic", **options: Any) -> Any:
    gamma = options.pop("gamma", GAMMA.get(penalty, 3.0))
    named = {"exponent": gamma} if penalty == "lq" else {"gamma": gamma}
    options = {"tol": TOL, "max_iter": 20_000} | named | options
    y = np.ascontiguousarray(np.eye(y.max() + 1)[y]) if datafit == "multinomial" else y
    return _core.fit_path(
        kernel_design(X), np.ascontiguousarray(y, dtype=float), datafit, penalty=penalty, **options
    )


def problem(seed: int, n: int, p: int, datafit: str = "quadratic", rho: float = 0.5) -> Any:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    for j in range(1, p):
        X[:, j] = rho * X[:, j - 1] + np.sqrt(1 - rho**2) * X[:, j]
    f = X[:, :: max(1, p // 5)] @ rng.choice([-1.0, 1.0, 2.0], len(range(0, p, max(1, p // 5))))
    if datafit in ("quadratic", "huber"):
        return X, f / f.std() + rng.standard_normal(n) / 2 + 1.0
    if datafit == "poisson":
        return X, rng.poisson(np.exp(0.7 * f / f.std())).astype(float)
    noisy = f + f.std() * rng.standard_normal(n)
    cuts = [0.5] if datafit == "logistic" else [1 / 3, 2 / 3]
    return X, np.digitize(noisy, np.quantile(noisy, cuts))


def judge(path: Any, X: Any, y: np.ndarray, penalty: str, datafit: str, **options: Any) -> float:
    """Largest violation along a path, over what the path promises; checks the report too."""
    gamma = {"gamma": GAMMA.get(penalty)} if penalty in GAMMA else {}
    X = X.astype(np.float64)
    worst = 0.0
    for k, alpha in enumerate(path["alphas"]):
        B, b = path["coefs"][k], path["intercepts"][k]
        coef = B if datafit == "multinomial" else B[0]
        v = nonconvex.violation(
            X, y, coef, b, alpha=alpha, penalty=penalty, datafit=datafit, **gamma, **options
        )
        assert v == pytest.approx(path["stop_crits"][k], rel=1e-3, abs=1e-9)
        value = nonconvex.objective(
            X, y, coef, b, alpha=alpha, penalty=penalty, datafit=datafit, **gamma, **options
        )
        assert value == pytest.approx(path["objective"][k], rel=1e-9)
        worst = max(worst, v)
    assert np.isnan(path["dual_gaps"]).all()
    return worst


# --------------------------------------------------------------------------------------
# Closed forms and published numbers
# --------------------------------------------------------------------------------------
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("solver", ["auto", "naive", "fista", "pncg"])
def test_orthonormal_columns_are_solved_by_the_prox(penalty, solver):
    rng = np.random.default_rng(1)
    n, p = 40, 12
    X = np.sqrt(n) * np.linalg.qr(rng.standard_normal((n, p)))[0]
    y = X @ rng.uniform(-2, 2, p) + rng.standard_normal(n)
    alpha = 0.4
    path = fit(
        X, y, penalty, alphas=np.array([alpha]), fit_intercept=False, solver=solver, tol=1e-10
    )
    z = X.T @ y / n
    gamma = {"cel0": (1.0,), "l0": ()}.get(penalty, (GAMMA.get(penalty),))
    expected = getattr(prox, penalty)(z, alpha, *gamma)
    np.testing.assert_allclose(path["coefs"][0, 0], expected, atol=1e-8)
    assert 0 < path["n_active"][0] < p


def test_published_mcp_solution():
    # An independent accelerated proximal gradient to 1e-14, and coordinate descent from zero.
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 8))
    y = X[:, :3] @ [2.0, -1.0, 0.5] + 1 + 0.5 * rng.standard_normal(60)
    for solver in ("auto", "naive", *FIRST_ORDER):
        path = fit(X, y, "mcp", alphas=np.array([0.3]), solver=solver, tol=1e-10)
        assert path["objective"][0] == pytest.approx(0.473934808816, abs=1e-12)
        np.testing.assert_allclose(
            path["coefs"][0, 0], [1.988041, -1.088089, 0.240725, 0, 0, 0, 0, 0], atol=1e-6
        )


@pytest.mark.parametrize("penalty", ["mcp", "scad"])
@pytest.mark.parametrize("solver", ["auto", "naive", *FIRST_ORDER])
def test_infinite_concavity_is_the_lasso(penalty, solver):
    X, y = problem(2, 50, 30)
    path = fit(X, y, penalty, gamma=np.inf, alphas=np.array([0.3, 0.1]), solver=solver, tol=1e-9)
    for k, alpha in enumerate((0.3, 0.1)):
        lasso = Lasso(alpha, tol=1e-12, max_iter=100_000).fit(X, y)
        np.testing.assert_allclose(path["coefs"][k, 0], lasso.coef_, atol=1e-7)


@pytest.mark.parametrize("solver", FIRST_ORDER)
@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
def test_first_order_solvers_agree_with_scikit_learn(solver, l1_ratio):
    X, y = problem(3, 60, 100)
    path = fit(
        X,
        y,
        "elastic_net",
        l1_ratio=l1_ratio,
        alphas=np.array([0.5, 0.1]),
        solver=solver,
        tol=1e-12,
        max_iter=100_000,
    )
    assert path["converged"].all()
    for k, alpha in enumerate((0.5, 0.1)):
        other = ElasticNet(alpha, l1_ratio=l1_ratio, tol=1e-14, max_iter=1_000_000).fit(X, y)
        np.testing.assert_allclose(path["coefs"][k, 0], other.coef_, atol=2e-5)
        gap = kkt.duality_gap(
            X, y, path["coefs"][k, 0], path["intercepts"][k], alpha=alpha, l1_ratio=l1_ratio
        )
        assert gap <= 1.01e-12 * path["null_loss"] + 1e-15


@pytest.mark.parametrize("datafit", ["logistic", "multinomial"])
@pytest.mark.parametrize("solver", FIRST_ORDER)
def test_first_order_solvers_certify_other_datafits(datafit, solver):
    X, y = problem(4, 60, 20, datafit)
    penalties = ("elastic_net", "group") if datafit == "multinomial" else ("elastic_net",)
    for penalty in penalties:
        path = fit(X, y, penalty, datafit, n_alphas=4, eps=0.1, solver=solver, tol=1e-8)
        assert path["converged"].all()
        for k, alpha in enumerate(path["alphas"]):
            B = path["coefs"][k]
            gap = kkt.duality_gap(
                X,
                y,
                B if datafit == "multinomial" else B[0],
                path["intercepts"][k],
                alpha=alpha,
                datafit=datafit,
                grouped=penalty == "group",
            )
            assert gap <= 1.01e-8 * path["null_loss"]


# --------------------------------------------------------------------------------------
# Stationarity of every pair, by every solver
# --------------------------------------------------------------------------------------
@pytest.mark.parametrize(("datafit", "penalty"), CELLS)
@pytest.mark.parametrize("solver", ["auto", "naive", "pncg"])
def test_paths_are_stationary(penalty, datafit, solver):
    X, y = problem(5, 150, 40, datafit)
    path = fit(X, y, penalty, datafit, n_alphas=6, eps=0.2, solver=solver)
    assert path["converged"].all()
    unit = np.abs(kkt.alpha_max(X, y, datafit=datafit))
    assert judge(path, X, y, penalty, datafit) <= TOL * unit
    assert path["n_active"][0] == 0
    assert path["n_active"][-1] >= 2


@pytest.mark.parametrize("solver", ["auto", "naive"])
@pytest.mark.parametrize("penalty", ["l0", "cel0", "lq"])
@pytest.mark.parametrize("delta", [0.05, 0.3])
def test_most_rows_beyond_delta(delta, penalty, solver):
    """A Hessian of few rows says little of who is zero: models must majorise, or jump for ever."""
    rng = np.random.default_rng(1)
    for n, p in [(24, 10), (40, 60)]:
        X = rng.standard_normal((n, p))
        y = X[:, :4] @ [2.0, -1.5, 1.0, 0.5] + rng.standard_t(2, n)
        options = {"n_alphas": 8, "eps": 0.02, "tol": 1e-6, "max_iter": 1000, "solver": solver}
        path = fit(X, y, penalty, "huber", delta=delta, **options)
        assert path["converged"].all()
        unit = kkt.alpha_max(X, y, datafit="huber", delta=delta)
        assert judge(path, X, y, penalty, "huber", delta=delta) <= 1e-6 * unit


@pytest.mark.parametrize("solver", ["auto", "naive"])
@pytest.mark.parametrize("penalty", ["l0", "cel0"])
def test_a_class_of_its_own_side(penalty, solver):
    """Nothing is shrunk: one coefficient grows until its slope is below the tolerance."""
    x = np.array([0.0, -2.5, 0.0, -0.5, 0.0, 0.0] * 2)[:, None]
    y = np.array([0, 1, 2, 1, 1, 0, 1, 2, 0, 2, 2, 1])
    path = fit(x, y, penalty, "multinomial", n_alphas=3, eps=0.1, tol=1e-6, max_iter=200)
    assert path["converged"].all()
    assert judge(path, x, y, penalty, "multinomial") <= 1e-6


@pytest.mark.parametrize(("datafit", "penalty"), CELLS)
def test_first_order_solvers_reach_the_level_of_coordinate_descent(penalty, datafit):
    """Local minima may differ; none of the solvers is systematically worse."""
    solvers = [s for s in FIRST_ORDER if not (s == "ag" and penalty in ("l0", "lq"))]
    total = dict.fromkeys(["auto", *solvers], 0.0)
    for seed in range(2):
        X, y = problem(10 + seed, 120, 25, datafit)
        for solver in total:
            path = fit(X, y, penalty, datafit, n_alphas=5, eps=0.2, solver=solver, tol=1e-5)
            assert path["converged"].all()
            total[solver] += path["objective"].sum()
    best = min(total.values())
    assert total["auto"] <= 1.03 * best
    assert max(total.values()) <= 1.1 * best


@pytest.mark.parametrize(("datafit", "penalty"), CELLS)
def test_alpha_max(penalty, datafit):
    X, y = problem(6, 40, 15, datafit)
    X[:, 3] *= 0.05  # a column whose curvature is below the penalty's
    gamma = {"gamma": GAMMA[penalty]} if penalty in GAMMA else {}
    top = nonconvex.alpha_max(X, y, penalty=penalty, datafit=datafit, **gamma)
    path = fit(X, y, penalty, datafit, n_alphas=1)
    assert path["alpha_max"] == pytest.approx(top, rel=1e-10)
    assert path["n_active"].tolist() == [0]
    assert fit(X, y, penalty, datafit, alphas=np.array([0.99 * top]))["n_active"][0] > 0


@st.composite
def hostile(draw):
    penalty = draw(st.sampled_from(PENALTIES))
    datafit = draw(st.sampled_from(DATAFITS))
    n, p = draw(st.integers(4, 30)), draw(st.integers(1, 20))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    X = rng.standard_normal((n, p)) + draw(st.sampled_from([0.0, 1.0, 4.0])) * rng.standard_normal(
        (n, 1)
    )
    if draw(st.booleans()):
        X *= 10.0 ** rng.integers(-2, 3, p)
    if p > 2 and draw(st.booleans()):
        X[:, 1], X[:, 2] = X[:, 0], -2.0 * X[:, 0]
    if draw(st.booleans()):
        X[:, rng.integers(p)] = 1.0
    options: dict[str, Any] = {}
    if draw(st.booleans()):
        options["sample_weight"] = rng.integers(0, 3, n) + 0.01
    if draw(st.booleans()):
        options["penalty_factor"] = rng.choice([0.5, 1.0, 2.0, np.inf], p)
    if draw(st.booleans()):
        options["lower"] = rng.choice([0.0, -0.5, -np.inf], p)
    if draw(st.booleans()):
        options["upper"] = rng.choice([0.1, 1.0, np.inf], p)
    options["standardize"] = draw(st.booleans())
    stored = draw(st.sampled_from(["dense", "float32", "sparse"]))
    if stored == "sparse":
        X = sparse.csc_array(X * (rng.random((n, p)) < 0.5))
    elif stored == "float32":
        X = X.astype(np.float32)
    if datafit == "quadratic":
        y = rng.standard_normal(n) + X[:, [0]].sum(axis=1)
    else:
        K = 2 if datafit == "logistic" else 3
        y = np.append(np.arange(K), rng.integers(0, K, n - K))
    return X, np.asarray(y), penalty, datafit, options, draw(st.sampled_from(["auto", "naive"]))


@given(hostile())
def test_hostile_problems_are_stationary(case):
    X, y, penalty, datafit, options, solver = case
    path = fit(X, y, penalty, datafit, n_alphas=4, eps=0.3, tol=1e-5, solver=solver, **options)
    done = path["converged"]
    # Separable classes have no solution once the penalty is flat; nobody claims one then.
    if datafit == "quadratic":
        assert done.all()
    if not done.all():
        return
    unit = max(path["stop_crits"].max(), 0.0)
    judge(path, X, y, penalty, datafit, **options)
    assert np.isfinite(unit)


# --------------------------------------------------------------------------------------
# Invariances
# --------------------------------------------------------------------------------------
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("datafit", ["quadratic", "logistic"])
def test_storage_weights_scale_and_sign(penalty, datafit):
    X, y = problem(7, 60, 20, datafit)
    X = X * (np.random.default_rng(0).random(X.shape) < 0.6)
    options = {"n_alphas": 5, "eps": 0.3, "tol": 1e-9}
    base = fit(X, y, penalty, datafit, **options)

    def same(other, sign=1.0, tol=1e-6):
        np.testing.assert_allclose(other["coefs"], sign * base["coefs"], atol=tol)

    same(fit(sparse.csc_array(X), y, penalty, datafit, **options))
    same(fit(X, y, penalty, datafit, **options, sample_weight=np.full(len(y), 3.0)))
    same(fit(-X, y, penalty, datafit, **options), sign=-1.0)
    half = fit(X, y, penalty, datafit, **options, n_threads=2)
    np.testing.assert_array_equal(half["coefs"], base["coefs"])
    weights = np.arange(len(y)) % 3 + 1.0
    repeated = np.repeat(np.arange(len(y)), weights.astype(int))
    np.testing.assert_allclose(
        fit(X, y, penalty, datafit, **options, sample_weight=weights)["coefs"],
        fit(X[repeated], y[repeated], penalty, datafit, **options)["coefs"],
        atol=1e-6,
    )


@pytest.mark.parametrize("penalty", PENALTIES)
def test_factors_and_bounds(penalty):
    X, y = problem(8, 80, 15)
    factor = np.ones(15)
    factor[[0, 1]] = 0.0, np.inf
    path = fit(
        X,
        y,
        penalty,
        n_alphas=5,
        eps=0.1,
        penalty_factor=factor,
        lower=np.zeros(15),
        upper=np.full(15, 0.8),
    )
    B = path["coefs"][:, 0]
    assert (B >= 0).all()
    assert (B <= 0.8).all()
    assert (B[:, 1] == 0).all()
    assert B[0, 0] != 0
    limits = {"lower": 0.0, "upper": 0.8, "penalty_factor": factor}
    assert judge(path, X, y, penalty, "quadratic", **limits) <= 1e-5


# --------------------------------------------------------------------------------------
# Refusals
# --------------------------------------------------------------------------------------
def test_refusals():
    X, y = problem(9, 20, 5)
    for penalty in ("l0", "lq"):
        with pytest.raises(ValueError, match="accelerated gradient needs a penalty that is convex"):
            fit(X, y, penalty, solver="ag")
    for penalty in ("l0", "cel0", "lq"):
        with pytest.raises(ValueError, match="need a datafit of bounded curvature"):
            fit(X, np.round(np.exp(y - y.max())), penalty, "poisson")
    with pytest.raises(ValueError, match="needs a convex penalty"):
        fit(X, y, "mcp", "sqrt")
    with pytest.raises(ValueError, match="solver must be 'auto', 'gram', 'naive', 'fista', 'ag'"):
        fit(X, y, "mcp", solver="newton")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"penalty": "log"}, "penalty must be 'mcp'"),
        ({"penalty": "l0", "datafit": "poisson"}, "'l0' needs a datafit of bounded curvature"),
        ({"penalty": "mcp"}, r"'mcp' needs gamma in \(0, inf\), got None"),
        ({"penalty": "scad", "gamma": 2.0}, r"'scad' needs gamma in \(2, inf\), got 2.0"),
        ({"penalty": "lq", "gamma": 1.0}, r"'lq' needs gamma in \(0, 1\), got 1.0"),
    ],
)
def test_the_judge_checks_its_input(options, message):
    with pytest.raises(ValueError, match=message):
        nonconvex.violation([[1.0], [0.0]], [1.0, 0.0], [0.0], 0.0, alpha=1.0, **options)

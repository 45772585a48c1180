# SPDX-License-Identifier: BSD-3-Clause
"""Optimal transport against POT, closed forms, differences and its own certificates."""

from __future__ import annotations

import doctest
import importlib
import itertools
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from ot_reference import certified, k_support_square, largest_column, problem, semi_dual
from scipy.optimize import linprog

from taut import _core
from taut.exceptions import ConvergenceWarning
from taut.ot import PointCloud, ot_exact, sinkhorn, sinkhorn_divergence, smooth_ot

POT = json.loads((Path(__file__).parent / "references/ot/pot.json").read_text())


def case_id(case):
    return f"{case['n']}x{case['m']}"


# --- against POT ---


@pytest.mark.parametrize("case", POT, ids=case_id)
@pytest.mark.parametrize("method", ["log", "kernel"])
@pytest.mark.parametrize("reg", [0.1, 0.01])
def test_sinkhorn_plan_is_that_of_pot(case, method, reg):
    a, b, _, _, C = problem(case["seed"], case["n"], case["m"])
    result = sinkhorn(a, b, C, reg=reg, method=method, tol=1e-13, max_iter=100_000)
    np.testing.assert_allclose(result.plan, case[f"sinkhorn {reg}"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("case", POT, ids=case_id)
def test_unbalanced_plan_is_that_of_pot(case):
    a, b, _, _, C = problem(case["seed"], case["n"], case["m"])
    result = sinkhorn(a, b, C, reg=0.05, reg_m=0.5, tol=1e-13, max_iter=100_000)
    np.testing.assert_allclose(result.plan, case["unbalanced 0.05 0.5"], rtol=0, atol=1e-9)
    assert result.duality_gap == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("case", POT, ids=case_id)
@pytest.mark.parametrize("reg", [0.1, 1.0])
@pytest.mark.parametrize("solver", ["auto", "lbfgs"])
def test_quadratic_value_is_that_of_pot(case, reg, solver):
    a, b, _, _, C = problem(case["seed"], case["n"], case["m"])
    result = smooth_ot(a, b, C, reg=reg, tol=1e-9, solver=solver, max_iter=5000)
    assert result.value == pytest.approx(case[f"smooth {reg}"], abs=1e-8)
    assert result.duality_gap < 1e-8


@pytest.mark.parametrize("case", POT, ids=case_id)
def test_exact_value_is_that_of_pot(case):
    a, b, _, _, C = problem(case["seed"], case["n"], case["m"])
    result = ot_exact(a, b, C, method="highs")
    assert result.value == pytest.approx(case["exact"], abs=1e-12)
    assert result.duality_gap <= 1e-12
    certified(result, a, b)


# --- sparse plans ---

# Values of the relaxation from a bundle method in another language and a conic solver.
RELAXED = {
    (0.1, 2): 0.10172243,
    (0.1, 3): 0.10093484,
    (0.1, 4): 0.10082688,
    (1.0, 2): 0.13530195,
    (1.0, 3): 0.12692023,
    (1.0, 4): 0.12437122,
    (1.0, 6): 0.12387409,
}


@pytest.mark.parametrize(("reg", "k"), RELAXED, ids=str)
@pytest.mark.parametrize("cloud", [False, True])
def test_sparse_value_is_the_true_optimum_where_gradient_methods_stop_early(reg, k, cloud):
    a, b, X, Y, C = problem(1, 12, 9)
    cost = PointCloud(X, Y) if cloud else C
    result = smooth_ot(a, b, cost, reg=reg, reg_type="sparse", max_nz=k, max_iter=3000)
    assert result.dual_value == pytest.approx(RELAXED[reg, k], abs=2e-8)
    assert result.duality_gap < 2e-6
    assert result.converged
    certified(result, a, b)
    T = result.plan.toarray()
    assert (T > 0).sum(axis=0).max() <= k
    np.testing.assert_allclose(T.sum(axis=0), b, rtol=1e-12)
    # A plan with k entries and exact rows exists where nothing ties.
    assert (result.n_ties == 0) == (result.marginal_error[0] < 1e-5)


@pytest.mark.parametrize(("n", "m"), [(50, 60), (120, 160), (200, 200)])
@pytest.mark.parametrize("share", [0.02, 1.0])
def test_small_limits_are_certified_for_hundreds_of_points(n, m, share):
    a, b, _, _, C = problem(1, n, m)
    reg = share * m / 9
    gaps, values = [], []
    for k in (1, 2, 3, 4):
        result = smooth_ot(a, b, C, reg=reg, reg_type="sparse", max_nz=k)
        assert result.converged
        T = certified(result, a, b)
        gaps.append(result.duality_gap / result.value)
        values.append(result.dual_value)
        # The upper bound once more, by a formula of its own, and the lower one by brute force.
        upper = (T * C).sum() + reg / 2 * sum(k_support_square(t, k) for t in T.T)
        assert result.value == pytest.approx(upper, rel=1e-9)
        assert result.dual_value == pytest.approx(
            semi_dual(a, b, C, reg, k, result.potentials[0]), rel=1e-9
        )
        plan = result.plan.toarray()
        assert result.cardinality == ((plan > 0).sum(axis=0).max(), largest_column(T, b))
        assert result.cardinality[0] <= k
        assert result.n_ties > 0
        assert result.cardinality[1] > k  # no plan with k entries a column is optimal here
    assert max(gaps) < 2e-7
    program = ot_exact(a, b, C, method="highs").value
    assert values[0] == pytest.approx(program + reg / 2 * (b**2).sum(), rel=2e-7)
    assert all(x > y for x, y in itertools.pairwise(values))


def test_values_against_the_limit_of_the_published_colour_transfer():
    """256 colours of scikit-learn's photographs: direction and size of the published table."""
    case = json.loads((Path(__file__).parent / "references/ot/colors.json").read_text())
    x, y = np.array(case["source"]) / 256, np.array(case["target"]) / 256
    a, b = (np.array(case[f"{side}_counts"]) for side in ("source", "target"))
    a, b = (w / w.sum() + 1e-9 for w in (a, b))
    a, b = a / a.sum(), b / b.sum()
    C = ((x[:, None] - y[None]) ** 2).sum(axis=2)
    program = case["linear_program"]
    limits = (1, 2, 4, 8)
    results = {
        k: smooth_ot(a, b, C, reg=1.0, reg_type="sparse", max_nz=k, max_iter=3000) for k in limits
    }
    results[256] = smooth_ot(a, b, C, reg=1.0)
    values = [result.value for result in results.values()]
    # values of stalled L-BFGS runs elsewhere, which are below the truth
    for k, stalled in zip(limits, (0.509636, 0.509062, 0.508756), strict=False):
        assert stalled < results[k].value < stalled + 1e-3
    assert values[0] == pytest.approx(program + (b**2).sum() / 2, abs=1e-6)
    assert values[-1] == pytest.approx(0.5087, abs=5e-5)
    assert all(x > y for x, y in itertools.pairwise(values))
    for k, result in results.items():
        assert result.converged
        assert 0 <= result.duality_gap < 1e-6 * result.value
        certified(result, a, b)
        # the published order: the fewer partners, the worse a plan with k entries meets its rows
        assert result.cardinality[0] <= k
        assert result.linear_cost >= program - 1e-9
    costs = [results[k].linear_cost for k in (1, 2, 4, 8, 256)]
    assert all(x < y for x, y in itertools.pairwise(costs))
    errors = [((results[k].plan.sum(axis=1) - a) ** 2).sum() for k in (1, 2, 4, 8)]
    assert all(x > y for x, y in itertools.pairwise(errors))
    assert errors[0] < 0.1


@pytest.mark.parametrize("reg", [0.1, 1.0])
def test_one_partner_is_the_linear_program_plus_a_constant(reg):
    a, b, _, _, C = problem(5, 9, 12)
    result = smooth_ot(a, b, C, reg=reg, reg_type="sparse", max_nz=1, max_iter=3000)
    exact = ot_exact(a, b, C, method="highs").value
    assert result.dual_value == pytest.approx(exact + 0.5 * reg * (b**2).sum(), abs=1e-7)


def test_lbfgs_alone_says_that_it_stalled():
    a, b, _, _, C = problem(1, 12, 9)
    with pytest.warns(ConvergenceWarning, match=r"kink here; solver='auto' goes on with proximal"):
        result = smooth_ot(a, b, C, reg=0.1, reg_type="sparse", max_nz=2, solver="lbfgs")
    assert result.dual_value < RELAXED[0.1, 2]
    assert not result.converged
    assert result.marginal_error[0] > 0.1


@pytest.mark.parametrize("solver", ["bundle", "proximal"])
@pytest.mark.parametrize(("reg", "k"), [(0.1, 2), (0.1, 3), (1.0, 2)], ids=str)
def test_bundle_and_proximal_steps_reach_the_kink(solver, reg, k):
    a, b, _, _, C = problem(1, 12, 9)
    result = smooth_ot(
        a, b, C, reg=reg, reg_type="sparse", max_nz=k, solver=solver, max_iter=20_000
    )
    assert result.converged
    assert result.dual_value == pytest.approx(RELAXED[reg, k], abs=2e-8)
    certified(result, a, b, tol=1e-5)


def test_no_limit_is_quadratic_and_the_value_falls_with_k():
    a, b, _, _, C = problem(2, 15, 20)
    quadratic = smooth_ot(a, b, C, reg=0.5)
    full = smooth_ot(a, b, C, reg=0.5, reg_type="sparse", max_nz=15)
    assert abs(quadratic.plan - full.plan).max() < 1e-9
    values = [
        smooth_ot(a, b, C, reg=0.5, reg_type="sparse", max_nz=k, max_iter=3000).dual_value
        for k in (1, 2, 3, 5, 15)
    ]
    assert all(x >= y - 1e-9 for x, y in itertools.pairwise(values))
    assert values[-1] == pytest.approx(quadratic.dual_value, abs=1e-12)


def test_strong_and_weak_quadratic_limits():
    a, b, _, _, C = problem(3, 30, 30)
    assert smooth_ot(a, b, C, reg=1e-4).linear_cost == pytest.approx(
        ot_exact(a, b, C, method="highs").value, abs=1e-6
    )
    # reg -> inf: the projection of 0 onto the plans, which is affine in a and b.
    a, b = (np.linspace(1.0, 1.3, 30) / 34.5 for _ in range(2))
    flat = smooth_ot(a, b, C, reg=1e6, tol=1e-10).plan.toarray()
    expected = a[:, None] / 30 + b / 30 - 1 / 900
    np.testing.assert_allclose(flat, expected, atol=1e-6)


def test_rows_instead_of_columns_is_the_transposed_problem():
    a, b, _, _, C = problem(2, 15, 20)
    rows = smooth_ot(a, b, C, reg=0.05, reg_type="sparse", max_nz=5, axis=1)
    cols = smooth_ot(b, a, C.T, reg=0.05, reg_type="sparse", max_nz=5)
    assert abs(rows.plan - cols.plan.T).max() < 1e-12
    np.testing.assert_allclose(rows.potentials[0], cols.potentials[1], atol=1e-12)
    assert (rows.plan.toarray() > 0).sum(axis=1).max() <= 5


def test_dual_form_reaches_the_same_value():
    a, b, _, _, C = problem(2, 15, 20)
    dual = smooth_ot(a, b, C, reg=0.5, form="dual", tol=1e-7, max_iter=5000)
    semi = smooth_ot(a, b, C, reg=0.5, tol=1e-7)
    assert dual.value == pytest.approx(semi.value, abs=1e-7)
    assert abs(dual.plan - semi.plan).max() < 1e-6


def test_semi_dual_is_below_the_linear_program_and_ignores_constants():
    a, b, _, _, C = problem(2, 15, 20)
    rng = np.random.default_rng(0)
    exact = linprog(
        C.ravel(),
        A_eq=np.vstack([np.kron(np.eye(15), np.ones(20)), np.kron(np.ones(15), np.eye(20))]),
        b_eq=np.r_[a, b],
    )
    T = exact.x.reshape(15, 20)
    for k in (1, 3, 15):
        alpha = rng.normal(size=15) * 0.3
        Ct = np.ascontiguousarray(C.T)
        one = _core.ot_semi_dual(Ct, a, b, 0.3, k, alpha)
        assert one["value"] <= exact.fun + 0.15 * (T.sum(axis=0) ** 2).sum() + 1e-12
        two = _core.ot_semi_dual(Ct, a, b, 0.3, k, alpha + 7.0)
        assert two["value"] == pytest.approx(one["value"], abs=1e-11)
        np.testing.assert_allclose(two["row_mass"], one["row_mass"], atol=1e-11)


def conjugate(s, k, mass, gamma):
    """max s't - gamma/2 |t|^2 over the simplex of that mass with k entries, by all supports."""
    best = -np.inf
    for support in itertools.combinations(range(s.size), k):
        u = np.sort(s[list(support)])[::-1]
        taus = (np.cumsum(u) - gamma * mass) / np.arange(1, k + 1)
        tau = taus[np.flatnonzero(u > taus)[-1]]
        t = np.maximum(u - tau, 0) / gamma
        best = max(best, u @ t - gamma / 2 * t @ t)
    return best


@pytest.mark.parametrize("k", range(1, 7))
def test_semi_dual_value_is_the_brute_force_conjugate(k):
    rng = np.random.default_rng(k)
    for _ in range(5):
        C, alpha = rng.normal(size=(6, 3)), rng.normal(size=6)
        b, a = rng.random(3) + 0.1, rng.random(6)
        gamma = float(rng.random() + 0.1)
        point = _core.ot_semi_dual(np.ascontiguousarray(C.T), a, b, gamma, k, alpha)
        expected = a @ alpha - sum(conjugate(alpha - C[:, j], k, b[j], gamma) for j in range(3))
        assert point["value"] == pytest.approx(expected, abs=1e-11)


def test_a_cloud_is_its_matrix():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(700, 3)), rng.normal(size=(300, 3)) + 1
    cloud = PointCloud(X, Y)
    near = smooth_ot(None, None, cloud, reg=5.0, reg_type="l2")
    dense = smooth_ot(None, None, cloud.matrix(), reg=5.0, reg_type="l2")
    assert near.value == pytest.approx(dense.value, rel=1e-6)
    assert abs(near.plan - dense.plan).max() < 1e-6
    alpha = rng.normal(size=700) * 3
    a, b = np.full(700, 1 / 700), np.full(300, 1 / 300)
    for k in (1, 4, 700):
        one = _core.ot_semi_dual((X, Y), a, b, 100.0, k, alpha)
        two = _core.ot_semi_dual(np.ascontiguousarray(cloud.matrix().T), a, b, 100.0, k, alpha)
        assert one["value"] == pytest.approx(two["value"], rel=1e-13)
        np.testing.assert_allclose(one["row_mass"], two["row_mass"], atol=1e-13)


def test_large_clouds_start_from_a_sample():
    rng = np.random.default_rng(0)
    cloud = PointCloud(rng.normal(size=(5000, 2)), rng.normal(size=(4500, 2)) + 1)
    result = smooth_ot(None, None, cloud, reg=100.0, tol=1e-5)
    assert result.converged
    assert result.duality_gap < 1e-4 * result.value
    certified(result, np.full(5000, 1 / 5000), np.full(4500, 1 / 4500))


# --- Sinkhorn ---


def test_known_costs_of_two_gaussian_clouds():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(1000, 2)), rng.normal(size=(1000, 2)) + 1
    C = ((X[:, None] - Y[None]) ** 2).sum(axis=2)
    C /= C.max()
    assert ot_exact(None, None, C).value == pytest.approx(0.0327329259, abs=1e-10)
    assert sinkhorn(None, None, C, reg=0.1, tol=1e-9).linear_cost == pytest.approx(
        0.07619962, abs=1e-8
    )
    assert sinkhorn(None, None, C, reg=0.01).linear_cost == pytest.approx(0.041594, abs=1e-6)


@pytest.mark.parametrize("method", ["log", "kernel"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sinkhorn_is_certified(method, dtype):
    a, b, _, _, C = problem(2, 15, 20)
    tol = 1e-4 if dtype == np.float32 else 1e-8
    result = sinkhorn(a, b, C.astype(dtype), reg=0.02, method=method, tol=tol)
    assert result.converged
    T = certified(result, a, b, tol=tol)
    assert result.duality_gap <= 10 * tol
    entropy = (T * np.log(T / np.outer(a, b)) - T + np.outer(a, b)).sum()
    objective = (T * C).sum() + 0.02 * entropy
    assert result.value == pytest.approx(objective, abs=max(1e-10, 10 * tol))
    reference = sinkhorn(a, b, C, reg=0.02, tol=1e-12, max_iter=10**5).plan
    # the error of float32 costs, 6e-8 max|C| / reg, and that of the stopping rule
    np.testing.assert_allclose(T, reference, atol=2e-5 if dtype == np.float32 else 1e-8)


def test_one_sweep_is_two_half_steps():
    a, b, _, _, C = problem(2, 15, 20)
    result = {}
    for form in ("log", "kernel"):
        result[form] = _core.ot_sinkhorn(
            C, a, b, 0.05, np.zeros(15), np.zeros(20), lam_a=np.inf, lam_b=np.inf, form=form,
            tol=1e-300, max_iter=3, over_relax=False,
        )  # fmt: skip
    f, g = np.zeros(15), np.zeros(20)
    for _ in range(3):
        f = -0.05 * np.log(np.exp((g - C) / 0.05) @ b)
        g = -0.05 * np.log(np.exp((f[:, None] - C) / 0.05).T @ a)
    for form in result:
        np.testing.assert_allclose(result[form]["f"], f, atol=1e-13)
        np.testing.assert_allclose(result[form]["g"], g, atol=1e-13)


def test_limits_in_reg():
    a, b, _, _, C = problem(3, 30, 30)
    np.testing.assert_allclose(sinkhorn(a, b, C, reg=1e8).plan, np.outer(a, b), atol=1e-10)
    weak = sinkhorn(a, b, C, reg=2e-4, max_iter=50_000)
    assert weak.linear_cost == pytest.approx(ot_exact(a, b, C, method="highs").value, abs=1e-4)


def test_permuting_points_permutes_the_plan():
    a, b, _, _, C = problem(2, 15, 20)
    rng = np.random.default_rng(0)
    p, q = rng.permutation(15), rng.permutation(20)
    plain = sinkhorn(a, b, C, reg=0.05, tol=1e-12).plan
    moved = sinkhorn(a[p], b[q], C[p][:, q], reg=0.05, tol=1e-12).plan
    np.testing.assert_allclose(moved, plain[p][:, q], atol=1e-12)


def test_very_strong_marginal_terms_are_the_balanced_problem():
    a, b, _, _, C = problem(2, 15, 20)
    balanced = sinkhorn(a, b, C, reg=0.05, tol=1e-10)
    strong = sinkhorn(a, b, C, reg=0.05, reg_m=1e6, tol=1e-10, max_iter=10**5)
    np.testing.assert_allclose(strong.plan, balanced.plan, atol=1e-6)
    one_side = sinkhorn(a, 2 * b, C, reg=0.05, reg_m=(np.inf, 1.0), tol=1e-10)
    np.testing.assert_allclose(one_side.plan.sum(axis=1), a, rtol=1e-8)
    assert one_side.duality_gap == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("scale", [1e8, 1e-8])
@pytest.mark.parametrize("method", ["log", "kernel"])
def test_any_scale_of_costs(scale, method):
    a, b, _, _, C = problem(2, 15, 20)
    one = sinkhorn(a, b, C, reg=0.01, method=method)
    other = sinkhorn(a, b, C * scale, reg=0.01 * scale, method=method)
    np.testing.assert_allclose(other.plan, one.plan, atol=1e-9)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("method", ["log", "kernel"])
def test_tiny_reg_gives_no_nan(method):
    a, b, _, _, C = problem(2, 15, 20)
    result = sinkhorn(a, b, C * 1e8, reg=1e-3, method=method, max_iter=200)
    assert np.isfinite(result.plan).all()
    assert np.isfinite([*result.marginal_error, result.value, result.dual_value]).all()
    assert not result.converged


def test_scaling_and_warm_start_end_at_the_same_plan():
    a, b, _, _, C = problem(3, 30, 30)
    plain = sinkhorn(a, b, C, reg=2e-3, tol=1e-9, max_iter=10**5)
    scaled = sinkhorn(a, b, C, reg=2e-3, tol=1e-9, scaling=0.25, max_iter=10**5)
    np.testing.assert_allclose(scaled.plan, plain.plan, atol=1e-8)
    warm = sinkhorn(a, b, C, reg=2e-3, tol=1e-8, warm_start=plain.potentials)
    assert warm.n_iter <= 5


def test_divergence_is_a_distance_from_zero():
    a, b, X, Y, _ = problem(2, 15, 20)
    assert sinkhorn_divergence(a, a, X, X, reg=0.1) == 0.0
    assert sinkhorn_divergence(a, b, X, Y, reg=0.1) > 0
    assert sinkhorn_divergence(a, 2 * b, X, Y, reg=0.1, reg_m=1.0) > 0
    far = sinkhorn_divergence(a, a, X, X + 3.0, reg=0.1, tol=1e-9)
    assert far == pytest.approx(18.0, rel=1e-5)  # a shift costs its square


# --- exact ---


def test_sorting_is_the_linear_program_in_one_dimension():
    rng = np.random.default_rng(0)
    for n, m in [(7, 7), (5, 11), (1, 4), (4, 1)]:
        x, y = rng.normal(size=(n, 1)), rng.normal(size=(m, 1))
        a, b = rng.random(n), rng.random(m)
        b *= a.sum() / b.sum()
        result = ot_exact(a, b, PointCloud(x, y))
        program = ot_exact(a, b, PointCloud(x, y), method="highs")
        assert result.value == pytest.approx(program.value, rel=1e-9)
        assert result.duality_gap <= 1e-12 * max(1, result.value)
        certified(result, a, b)


def test_potentials_are_feasible_and_tight_on_the_plan():
    rng = np.random.default_rng(1)
    C = rng.random((40, 40))
    result = ot_exact(None, None, C)
    f, g = result.potentials
    slack = C - f[:, None] - g
    assert slack.min() >= -1e-14
    assert np.abs(slack[result.plan.nonzero()]).max() < 1e-13
    assert result.plan.nnz == 40


def test_pot_is_used_where_it_is_installed():
    pytest.importorskip("ot")
    a, b, _, _, C = problem(2, 15, 20)
    result = ot_exact(a, b, C, method="pot")
    assert result.value == pytest.approx(ot_exact(a, b, C, method="highs").value, abs=1e-12)


def test_missing_pot_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ot", None)
    with pytest.raises(ImportError, match="needs POT"):
        ot_exact([0.4, 0.6], None, [[0.0, 1.0], [1.0, 0.0]], method="pot")


# --- gradients ---

SOLVERS = {
    "entropic": lambda a, b, C: sinkhorn(a, b, C, reg=0.05, tol=1e-12),
    "unbalanced": lambda a, b, C: sinkhorn(a, b, C, reg=0.05, reg_m=0.7, tol=1e-13),
    "quadratic": lambda a, b, C: smooth_ot(a, b, C, reg=0.3, tol=1e-10),
    "sparse": lambda a, b, C: smooth_ot(a, b, C, reg=0.05, reg_type="sparse", max_nz=6, tol=1e-10),
    "exact": lambda a, b, C: ot_exact(a, b, C, method="highs"),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_gradients_are_those_of_differences(name):
    a, b, X, Y, _ = problem(2, 15, 20)
    solve = SOLVERS[name]
    rng = np.random.default_rng(0)
    step = 1e-5
    cloud = PointCloud(X, Y)
    C = cloud.matrix()
    result = solve(a, b, cloud)

    def slope(f):
        return (f(step) - f(-step)) / (2 * step)

    D = rng.normal(size=C.shape)
    by_cost = result.gradient_cost()
    by_cost = by_cost.toarray() if sp.issparse(by_cost) else by_cost
    expected = slope(lambda h: solve(a, b, C + h * D).dual_value)
    assert (by_cost * D).sum() == pytest.approx(expected, abs=2e-6)
    da, db = 0.1 * rng.normal(size=15), 0.1 * rng.normal(size=20)
    if name != "unbalanced":
        da, db = da - da.mean(), db - db.mean()
    expected = slope(lambda h: solve(a + h * da, b + h * db, C).dual_value)
    assert result.gradient_a() @ da + result.gradient_b() @ db == pytest.approx(expected, abs=2e-6)
    dX = rng.normal(size=X.shape)
    expected = slope(lambda h: solve(a, b, PointCloud(X + h * dX, Y)).dual_value)
    assert (result.gradient_x() * dX).sum() == pytest.approx(expected, abs=2e-6)


def test_unbalanced_gradient_with_other_masses():
    a, b, _, _, C = problem(2, 15, 20)
    b = 1.7 * b
    result = sinkhorn(a, b, C, reg=0.05, reg_m=(0.7, 0.4), tol=1e-13)
    rng = np.random.default_rng(0)
    da, db = 0.1 * rng.normal(size=15), 0.1 * rng.normal(size=20)
    up, down = (
        sinkhorn(a + h * da, b + h * db, C, reg=0.05, reg_m=(0.7, 0.4), tol=1e-13).value
        for h in (1e-5, -1e-5)
    )
    assert result.gradient_a() @ da + result.gradient_b() @ db == pytest.approx(
        (up - down) / 2e-5, abs=1e-6
    )


# --- results ---


@pytest.mark.parametrize("name", SOLVERS)
def test_apply_is_a_product_with_the_plan(name):
    a, b, X, Y, _ = problem(2, 15, 20)
    a[3] = b[4] = 0.0
    a, b = a / a.sum(), b / b.sum()
    result = SOLVERS[name](a, b, PointCloud(X, Y))
    T = result.plan.toarray() if sp.issparse(result.plan) else result.plan
    M = np.random.default_rng(0).normal(size=(20, 3))
    np.testing.assert_allclose(result.apply(M), T @ M, atol=1e-12)
    np.testing.assert_allclose(result.apply(M[:, 0]), T @ M[:, 0], atol=1e-12)
    np.testing.assert_allclose(result.apply(M[:15], axis=1), T.T @ M[:15], atol=1e-12)
    with pytest.raises(ValueError, match="M must have 20 rows"):
        result.apply(M[:3])
    with pytest.raises(ValueError, match="axis must be 0 or 1"):
        result.apply(M, axis=2)


@pytest.mark.parametrize("name", SOLVERS)
def test_points_without_weight_are_left_out_and_come_back_as_zeros(name):
    a, b, _, _, C = problem(2, 15, 20)
    keep_a, keep_b = np.delete(np.arange(15), [0, 7]), np.delete(np.arange(20), [19])
    a[[0, 7]] = 0.0
    b[19] = 0.0
    a, b = a / a.sum(), b / b.sum()
    whole = SOLVERS[name](a, b, C)
    part = SOLVERS[name](a[keep_a], b[keep_b], np.ascontiguousarray(C[keep_a][:, keep_b]))
    T, S = (r.plan.toarray() if sp.issparse(r.plan) else r.plan for r in (whole, part))
    np.testing.assert_array_equal(T[keep_a][:, keep_b], S)
    assert T[[0, 7]].sum() == 0.0
    assert T[:, 19].sum() == 0.0
    assert np.isfinite(whole.gradient_a()).all()
    if name == "exact":
        return  # its potentials are one of several, and the derivative the least of theirs
    # The derivative from the right: a little weight on an empty row, taken from all others.
    h = 1e-7
    moved = a * (1 - h)
    moved[0] += h
    slope = (SOLVERS[name](moved, b, C).dual_value - whole.dual_value) / h
    expected = whole.gradient_a()[0] - whole.gradient_a() @ a
    # entropy makes the value differ from its tangent by h log h
    assert slope == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1)])
@pytest.mark.parametrize("name", SOLVERS)
def test_one_point_on_a_side(shape, name):
    rng = np.random.default_rng(0)
    a, b = rng.random(shape[0]), rng.random(shape[1])
    b *= a.sum() / b.sum()
    C = rng.random(shape)
    if name == "sparse":
        k = shape[0]
        result = smooth_ot(a, b, C, reg=0.1, reg_type="sparse", max_nz=k)
    else:
        result = SOLVERS[name](a, b, C)
    T = result.plan.toarray() if sp.issparse(result.plan) else result.plan
    if name != "unbalanced":
        np.testing.assert_allclose(T, np.outer(a, b) / a.sum(), atol=3e-6)
    assert np.isfinite(result.value)


def test_equal_points_share_ties_by_lowest_row():
    X = np.zeros((6, 2))
    cloud = PointCloud(X, X[:3])
    for cost in (cloud, cloud.matrix()):
        point = _core.ot_semi_dual(
            (cost.X, cost.Y) if cost is cloud else np.ascontiguousarray(cost.T),
            np.full(6, 1 / 6), np.full(3, 1 / 3), 1.0, 2, np.zeros(6),
        )  # fmt: skip
        np.testing.assert_array_equal(point["plan"][1].reshape(3, 2), [[0, 1]] * 3)
        assert point["n_ties"] == 3


FORMS = ["log", "log to 1e-9", "kernel to 1e-9", "float32"]


@pytest.mark.parametrize("name", [*SOLVERS, *FORMS])
def test_threads_do_not_change_a_bit(name):
    rng = np.random.default_rng(0)
    X, Y = rng.random((150, 2)), rng.random((170, 2))
    cloud = PointCloud(X, Y)
    calls = {
        "entropic": lambda n: sinkhorn(None, None, cloud, reg=0.05, n_jobs=n),
        "log": lambda n: sinkhorn(None, None, cloud, reg=0.05, method="log", n_jobs=n),
        "log to 1e-9": lambda n: sinkhorn(
            None, None, cloud, reg=0.05, method="log", tol=1e-9, n_jobs=n
        ),
        "kernel to 1e-9": lambda n: sinkhorn(None, None, cloud, reg=0.05, tol=1e-9, n_jobs=n),
        "float32": lambda n: sinkhorn(
            None, None, cloud, reg=0.05, tol=1e-4, dtype=np.float32, n_jobs=n
        ),
        "unbalanced": lambda n: sinkhorn(None, None, cloud, reg=0.05, reg_m=1.0, n_jobs=n),
        "quadratic": lambda n: smooth_ot(None, None, cloud.matrix(), reg=1.0, n_jobs=n),
        "sparse": lambda n: smooth_ot(
            None, None, cloud, reg=0.1, reg_type="sparse", max_nz=6, n_jobs=n
        ),
        "exact": lambda n: ot_exact(np.r_[2, np.ones(149)] / 151, None, cloud, method="highs"),
    }
    one, two, four = (calls[name](n) for n in (1, 2, 4))
    for other in (two, four):
        np.testing.assert_array_equal(one.potentials[0], other.potentials[0])
        np.testing.assert_array_equal(one.potentials[1], other.potentials[1])
        assert abs(one.plan - other.plan).max() == 0


def test_cloud_formats_and_high_dimensions():
    rng = np.random.default_rng(0)
    for d in (1, 2, 3, 4, 5, 17):
        X, Y = rng.normal(size=(40, d)), rng.normal(size=(33, d))
        cloud = PointCloud(X, Y)
        a, b, f, g = np.full(40, 1 / 40), np.full(33, 1 / 33), rng.normal(size=40), np.zeros(33)
        one = _core.ot_plan_dense((X, Y), a, b, f, g, 2.0)
        expected = np.exp((f[:, None] - cloud.matrix()) / 2.0) / (40 * 33)
        np.testing.assert_allclose(one, expected, rtol=1e-12)
    assert PointCloud(X.astype("f4"), Y.astype("f4")).matrix().dtype == np.float32
    assert repr(cloud) == "PointCloud(n=40, m=33, d=17)"


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 12),
    m=st.integers(1, 12),
    zeros=st.booleans(),
    dtype=st.sampled_from([np.float32, np.float64]),
    equal=st.booleans(),
    k=st.integers(1, 12),
)
def test_every_result_is_certified(seed, n, m, zeros, dtype, equal, k):
    rng = np.random.default_rng(seed)
    X, Y = rng.random((n, 2)), rng.random((m, 2))
    if equal:
        X, Y = X.round(1), Y.round(1)
    a, b = rng.random(n) + 0.05, rng.random(m) + 0.05
    if zeros:
        a[rng.random(n) < 0.3] = 0.0
        b[rng.random(m) < 0.3] = 0.0
        a[0], b[-1] = 0.5, 0.5
    b *= a.sum() / b.sum()
    C = ((X[:, None] - Y[None]) ** 2).sum(axis=2).astype(dtype)
    k = min(n, max(k, -(-int((a > 0).sum()) // int((b > 0).sum()))))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        entropic = sinkhorn(a, b, C, reg=0.05, tol=1e-5)
        quadratic = smooth_ot(a, b, C, reg=0.3)
        sparse = smooth_ot(a, b, C, reg=0.3, reg_type="sparse", max_nz=k)
        exact = ot_exact(a, b, C, method="highs")
    scale = float(a.sum())
    certified(entropic, a, b, tol=1e-4)
    certified(quadratic, a, b)
    certified(sparse, a, b)
    certified(exact, a, b)
    assert quadratic.converged
    assert quadratic.duality_gap <= 1e-5 * (scale + scale**2)
    assert sparse.duality_gap <= 1e-3 * (scale + scale**2)
    assert (sparse.plan.toarray() > 0).sum(axis=0).max() <= k
    assert exact.value <= sparse.linear_cost + 1e-6 * scale
    assert sparse.value >= quadratic.dual_value - 1e-9 * scale


# --- bad input ---

ONES = np.ones((3, 4))
BAD = [
    ("negative weight", lambda: sinkhorn([1, -1, 1], None, ONES, reg=1), r"a must be finite and"),
    ("NaN weight", lambda: smooth_ot([1, np.nan, 1], None, ONES, reg=1), "at position 1"),
    ("no mass", lambda: ot_exact([0, 0, 0], None, ONES), "a is zero everywhere"),
    (
        "shape of a",
        lambda: sinkhorn(np.ones(4) / 4, None, ONES, reg=1),
        r"a must have shape",
    ),
    (
        "shape of b",
        lambda: sinkhorn(None, np.ones(3) / 3, ONES, reg=1),
        r"b must have shape",
    ),
    ("sums", lambda: sinkhorn(np.ones(3), np.ones(4), ONES, reg=1), "reg_m"),
    ("sums for l2", lambda: smooth_ot(np.ones(3), np.ones(4), ONES, reg=1), "sum"),
    ("sums for exact", lambda: ot_exact(np.ones(3), np.ones(4), ONES), "sum"),
    ("infinite weight", lambda: sinkhorn(None, [1, 1, 1, np.inf], ONES, reg=1), "b must be finite"),
    ("costs of one row", lambda: smooth_ot(None, None, np.ones(4), reg=1), "C must have shape"),
    ("reg negative", lambda: smooth_ot(None, None, ONES, reg=-1.0), "reg must be > 0, got -1"),
    ("infinite cost", lambda: sinkhorn(None, None, ONES * np.inf, reg=1), "C must be finite"),
    ("NaN cost", lambda: smooth_ot(None, None, ONES * np.nan, reg=1), "in row 0, column 0"),
    ("reg 0", lambda: sinkhorn(None, None, ONES, reg=0), "reg must be > 0, got 0"),
    ("reg text", lambda: smooth_ot(None, None, ONES, reg="big"), "reg must be one of"),
    ("reg NaN", lambda: smooth_ot(None, None, ONES, reg=np.nan), "reg must be a finite number"),
    ("method", lambda: sinkhorn(None, None, ONES, reg=1, method="fast"), "method must be one of"),
    ("exact method", lambda: ot_exact(None, None, ONES, method="x"), "method must be one of"),
    ("sort", lambda: ot_exact(None, None, ONES, method="sort"), "in one dimension"),
    ("assignment", lambda: ot_exact(None, None, ONES, method="assignment"), "n = m"),
    ("tol", lambda: sinkhorn(None, None, ONES, reg=1, tol=-1), "tol must be > 0"),
    ("max_iter", lambda: sinkhorn(None, None, ONES, reg=1, max_iter=0), "max_iter must be"),
    ("scaling", lambda: sinkhorn(None, None, ONES, reg=1, scaling=2.0), r"in \(0, 1\)"),
    ("reg_m", lambda: sinkhorn(None, None, ONES, reg=1, reg_m=(1, -1)), "reg_m must be"),
    ("reg_m pair", lambda: sinkhorn(None, None, ONES, reg=1, reg_m=(1, 2, 3)), "reg_m must be"),
    ("dtype", lambda: sinkhorn(None, None, ONES, reg=1, dtype="int32"), "dtype must be"),
    ("start", lambda: sinkhorn(None, None, ONES, reg=1, warm_start=([1], [2])), r"warm_start\[0\]"),
    ("reg_type", lambda: smooth_ot(None, None, ONES, reg=1, reg_type="l1"), "reg_type must be"),
    ("axis", lambda: smooth_ot(None, None, ONES, reg=1, axis=2), "axis must be 0 or 1"),
    ("form", lambda: smooth_ot(None, None, ONES, reg=1, form="primal"), "form must be one of"),
    ("solver", lambda: smooth_ot(None, None, ONES, reg=1, solver="adam"), "solver must be one of"),
    (
        "dual form",
        lambda: smooth_ot(None, None, ONES, reg=1, form="dual", solver="bundle"),
        'solver must be "auto" or "lbfgs"',
    ),
    ("no max_nz", lambda: smooth_ot(None, None, ONES, reg=1, reg_type="sparse"), "needs max_nz"),
    ("max_nz for l2", lambda: smooth_ot(None, None, ONES, reg=1, max_nz=2), "max_nz goes with"),
    (
        "max_nz too large",
        lambda: smooth_ot(None, None, ONES, reg=1, reg_type="sparse", max_nz=4),
        r"max_nz must be in \[1, 3\], got 4",
    ),
    (
        "max_nz 0",
        lambda: smooth_ot(None, None, ONES, reg=1, reg_type="sparse", max_nz=0),
        r"max_nz must be in \[1, 3\], got 0",
    ),
    (
        "max_nz bool",
        lambda: smooth_ot(None, None, ONES, reg=1, reg_type="sparse", max_nz=True),
        "max_nz must be an integer",
    ),
    (
        "infeasible by rows",
        lambda: smooth_ot(None, None, np.ones((4, 9)), reg=1, reg_type="sparse", max_nz=2, axis=1),
        "max_nz = 2 is infeasible: 4 rows .* max_nz must be at least 3",
    ),
    (
        "max_nz no integer",
        lambda: smooth_ot(None, None, ONES, reg=1, reg_type="sparse", max_nz=1.5),
        "max_nz must be an integer",
    ),
    (
        "infeasible",
        lambda: smooth_ot(None, None, np.ones((9, 4)), reg=1, reg_type="sparse", max_nz=2),
        "max_nz = 2 is infeasible: 4 columns .* max_nz must be at least 3",
    ),
    ("clouds", lambda: PointCloud(np.ones((2, 2)), np.ones((2, 3))), "same number of columns"),
    ("NaN point", lambda: PointCloud([[np.nan]], [[1.0]]), "X contains NaN"),
    ("divergence", lambda: sinkhorn_divergence(None, None, ONES, ONES, reg=1, reg_m=[1]), "reg_m"),
    ("auto", lambda: smooth_ot(None, None, 0 * ONES, reg="auto"), "positive median"),
    ("gradient", lambda: sinkhorn(None, None, ONES, reg=1).gradient_x(), "PointCloud"),
]


@pytest.mark.parametrize(("call", "message"), [row[1:] for row in BAD], ids=[r[0] for r in BAD])
def test_bad_input_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_early_stop_warns_with_the_error_reached():
    a, b, _, _, C = problem(2, 15, 20)
    with pytest.warns(ConvergenceWarning, match=r"sinkhorn stopped after 3 iterations with .* tol"):
        assert not sinkhorn(a, b, C, reg=1e-3, max_iter=3).converged
    with pytest.warns(ConvergenceWarning, match=r"smooth_ot stopped after .* duality gap"):
        assert not smooth_ot(a, b, C, reg=1e-3, max_iter=3).converged


def test_float32_that_cannot_reach_tol_warns():
    a, b, _, _, C = problem(2, 15, 20)
    with pytest.warns(ConvergenceWarning, match="float32 costs carry an error"):
        sinkhorn(a, b, C.astype(np.float32), reg=0.01, tol=1e-7, max_iter=2000)


@pytest.mark.parametrize(
    "module",
    ["_color", "_cost", "_estimator", "_exact", "_route", "_sinkhorn", "_smooth"],
)
def test_examples_in_docstrings(module):
    failed, tried = doctest.testmod(importlib.import_module(f"taut.ot.{module}"))
    assert tried > 0
    assert failed == 0


def test_quadratic_plans_start_from_an_entropic_one(rng):
    X, Y = rng.normal(size=(300, 2)), rng.normal(size=(300, 2)) + 1.0
    C = PointCloud(X, Y).matrix()
    near = smooth_ot(None, None, C, reg=10.0, n_jobs=1)
    from_zero = _core.ot_smooth(
        np.ascontiguousarray(C.T), np.full(300, 1 / 300), np.full(300, 1 / 300), 10.0, 300
    )
    assert near.converged
    assert near.n_iter < from_zero["n_iter"]
    assert near.value == pytest.approx(from_zero["value"], rel=1e-6)


@pytest.mark.parametrize("constant", [0.0, -2.0, 3.0])
def test_equal_costs_spread_the_plan(constant):
    a, b = np.array([0.5, 0.3, 0.2]), np.array([0.6, 0.4])
    result = smooth_ot(a, b, np.full((3, 2), constant), reg=1.0)
    # The plan of least norm with these marginals, which happens to be positive.
    expected = a[:, None] / 2 + b / 3 - 1 / 6
    np.testing.assert_allclose(result.plan.toarray(), expected, atol=1e-7)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("bad", [np.nan, -np.nan, np.inf, -np.inf, "large", "-large"])
def test_the_kernel_refuses_costs_beyond_its_range(kind, bad):
    C, third = np.zeros((5, 7), kind), np.full(7, 1 / 7)
    largest = np.sqrt(np.finfo(kind).max) / 1024
    C[3, 4] = largest
    assert np.isfinite(_core.ot_semi_dual(C, third, np.full(5, 0.2), 1.0, 7, np.zeros(7))["value"])
    C[3, 4] = {"large": 1.01 * largest, "-large": -1.01 * largest}.get(bad, bad)
    with pytest.raises(ValueError, match="cost holds NaN or numbers too large"):
        _core.ot_semi_dual(C, third, np.full(5, 0.2), 1.0, 7, np.zeros(7))

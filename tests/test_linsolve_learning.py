# SPDX-License-Identifier: BSD-3-Clause
"""The bandits of taut.linsolve, and the solver that they set."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from hypothesis import given
from hypothesis import strategies as st
from linsolve_reference import GRID_OMEGAS, experiment, laplacian
from scipy.optimize import lsq_linear
from sklearn.base import clone

from taut.exceptions import ConvergenceWarning, NotFittedError
from taut.linsolve import (
    BinnedTsallisINF,
    ChebCB,
    HeatEquation,
    RelaxationSolver,
    TsallisINF,
    count_iterations,
    sor,
    ssor_cg,
)

SPAN = (-0.15, 0.65)


def policies(seed, n_arms=20):
    return {
        "tsallis_inf": TsallisINF(n_arms, random_state=seed),
        "binned": BinnedTsallisINF(n_arms, SPAN, random_state=seed),
        "cheb": ChebCB(n_arms, SPAN, random_state=seed),
    }


def play(policy, table, contexts):
    """Arms over a table of losses (T, d)."""
    arms = np.empty(len(table), dtype=int)
    for t, losses in enumerate(table):
        arms[t] = policy.predict(contexts[t])
        policy.update(losses[arms[t]])
    return arms


# --- Tsallis-INF ---


@given(
    estimates=st.lists(st.floats(0.0, 1e6), min_size=1, max_size=40),
    shift=st.floats(0.0, 1e5),
    rounds=st.integers(1, 10**6),
    mean=st.floats(1.0, 1e4),
)
def test_distribution_is_the_one_that_is_defined(estimates, shift, rounds, mean):
    q = np.array(estimates)

    def draw(values):
        policy = TsallisINF(q.size, random_state=0)
        policy.state = {
            "key": (1, 2), "n_rounds": rounds, "estimates": values, "loss_sum": [mean * rounds],
        }  # fmt: skip
        policy.predict()
        return policy.probabilities_

    p = draw(q)
    assert abs(p.sum() - 1.0) <= 1e-12
    assert (p > 0).all()
    order = np.argsort(q)
    assert (np.diff(p[order]) <= 1e-15).all()
    np.testing.assert_allclose(draw(q + shift), p, rtol=1e-6, atol=1e-12)
    # p_i = 4 / (eta (q_i - x))^2 with one x for all arms
    eta, scale = 2.0 / np.sqrt(rounds + 1.0), max(mean - 1.0, 1e-12)
    x = q / scale - 2.0 / (eta * np.sqrt(p))
    np.testing.assert_allclose(x, x[0], rtol=1e-6, atol=1e-6 / eta + 1e-9 * q.max() / scale)


def test_first_round_is_uniform():
    policy = TsallisINF(7, random_state=0)
    policy.predict()
    np.testing.assert_allclose(policy.probabilities_, 1 / 7, rtol=1e-12)


def test_estimates_are_unbiased():
    table = 1.0 + 5.0 * np.random.default_rng(0).random((30, 4))
    sums = []
    for seed in range(1500):
        policy = TsallisINF(4, random_state=seed)
        play(policy, table, [None] * 30)
        sums.append(policy.estimates_)
    error = np.mean(sums, axis=0) - (table - 1.0).sum(axis=0)
    assert (np.abs(error) <= 4.0 * np.std(sums, axis=0) / np.sqrt(1500)).all()


def exp3(table, rng):
    T, d = table.shape
    eta, q, total = np.sqrt(2 * np.log(d) / (d * T)), np.zeros(d), 0.0
    for losses in table - 1.0:
        p = np.exp(-eta * (q - q.min()))
        p /= p.sum()
        arm = rng.choice(d, p=p)
        q[arm] += losses[arm] / p[arm]
        total += losses[arm]
    return total + T


def epsilon_greedy(table, rng):
    d = table.shape[1]
    sums, seen, total = np.zeros(d), np.zeros(d), 0.0
    for losses in table:
        explore = rng.random() < 0.1
        arm = rng.integers(d) if explore else int(np.argmin(sums / np.maximum(seen, 1)))
        sums[arm] += losses[arm]
        seen[arm] += 1
        total += losses[arm]
    return total


def test_regret_on_coins_grows_slower_than_rounds_and_stays_below_exp3():
    rng = np.random.default_rng(0)
    regret = {}
    for T in (1000, 4000, 16000):
        coins = 1.0 + (rng.random((T, 5)) < [0.5, 0.4, 0.5, 0.6, 0.5])
        best = coins[:, 1].sum()
        runs = []
        for seed in range(5):
            arms = play(TsallisINF(5, random_state=seed), coins, [None] * T)
            runs.append(coins[np.arange(T), arms].sum() - best)
        regret[T] = np.mean(runs)
        assert regret[T] <= 4 * np.sqrt(5 * T) + 1
    assert regret[16000] < 2.5 * regret[4000] < 6.0 * regret[1000]
    table = 1.0 + (rng.random((4000, 5)) < [0.5, 0.4, 0.5, 0.6, 0.5])
    ours = np.mean(
        [
            table[np.arange(4000), play(TsallisINF(5, random_state=s), table, [None] * 4000)].sum()
            for s in range(5)
        ]
    )
    assert ours < np.mean([exp3(table, np.random.default_rng(s)) for s in range(5)])


def test_a_change_of_the_best_arm_costs_greed_more():
    """The adversary that a sequence of solves may be: good at first, bad for long."""
    table = np.ones((6000, 2)) + [[0.0, 1.0]]
    table[600:] = np.ones(2) + [[8.0, 1.0]]
    ours = np.mean(
        [
            table[np.arange(6000), play(TsallisINF(2, random_state=s), table, [None] * 6000)].sum()
            for s in range(5)
        ]
    )
    greedy = np.mean([epsilon_greedy(table, np.random.default_rng(s)) for s in range(5)])
    assert ours < table.sum(axis=0).min() * 1.2
    assert greedy > table.sum(axis=0).min()


# --- ChebCB ---


def test_chebyshev_fit_is_bounded_least_squares_as_scipy_has_it():
    rng = np.random.default_rng(0)
    policy = ChebCB(3, (2.0, 5.0), n_features=4, random_state=0)
    history = []
    met_the_box = 0
    for t in range(60):
        c = rng.uniform(2.0, 5.0)
        arm = policy.predict(c)
        p = policy.probabilities_
        assert abs(p.sum() - 1.0) <= 1e-12
        assert (p > 0).all()
        loss = 1.0 + 50.0 * rng.random() * (t % 7 == 0) + 3.0 * arm
        policy.update(loss)
        history.append((c, arm, loss))
        # From the history, by the definition.
        cs, arms, losses = (np.array(v) for v in zip(*history, strict=True))
        most, spread = losses.max(), losses.max() - losses.min()
        N = 2.0 + 4.0 * spread / most * (1.0 + np.log(4.0))
        s = most * N
        box = np.r_[1.0 / N, 2.0 * spread / (s * np.arange(1, 4))]
        for k in range(3):
            if not (arms == k).any():
                continue
            u = 2.0 * (cs[arms == k] - 2.0) / 3.0 - 1.0
            phi = np.polynomial.chebyshev.chebvander(u, 3)
            y = (losses[arms == k] - 1.0) / s
            theta = np.linalg.lstsq(phi, y, rcond=1e-5)[0]
            found = policy.theta_[k] / s
            if (np.abs(theta) > box).any():
                met_the_box += 1
                wall = np.maximum(box, 1e-300)
                exact = lsq_linear(phi, y, (-wall, wall), tol=1e-14)
                ours = 0.5 * np.sum((phi @ found - y) ** 2)
                assert ours <= exact.cost + 1e-9
                assert (np.abs(found) <= box * (1 + 1e-12)).all()
            elif np.linalg.matrix_rank(phi, tol=1e-3) == 4:
                np.testing.assert_allclose(found, theta, atol=1e-6)
            else:
                np.testing.assert_allclose(phi @ found, phi @ theta, atol=1e-5)
    assert met_the_box > 10


def test_polynomial_costs_are_learned():
    rng = np.random.default_rng(1)
    grid = np.linspace(0.0, 1.0, 6)
    contexts = rng.random(4000)
    table = 2.0 + 20.0 * (contexts[:, None] - grid) ** 2
    policy = ChebCB(6, (0.0, 1.0), random_state=3)
    arms = play(policy, table, contexts)
    assert np.mean(arms[3000:] == table[3000:].argmin(axis=1)) > 0.7
    seen = policy.predict_losses(0.33)
    np.testing.assert_allclose(seen, 2.0 + 20.0 * (0.33 - grid) ** 2, atol=1e-6)
    paid = table[np.arange(4000), arms]
    assert paid[3000:].mean() < 1.02 * table[3000:].min(axis=1).mean()


@pytest.mark.parametrize("m", [1, 2, 17])
def test_any_number_of_features(m):
    policy = ChebCB(3, (0.0, 1.0), n_features=m, random_state=0)
    play(policy, np.random.default_rng(0).random((200, 3)) + 1.0, np.linspace(0, 1, 200))
    assert np.isfinite(policy.theta_).all()
    assert policy.probabilities_.sum() == pytest.approx(1.0)


def test_one_context_only():
    policy = ChebCB(4, (0.0, 1.0), random_state=0)
    play(policy, np.tile([9.0, 3.0, 5.0, 9.0], (500, 1)), [0.5] * 500)
    assert policy.predict_losses(0.5).argmin() == 1
    same = ChebCB(2, (0.0, 1.0), random_state=0)
    play(same, np.full((50, 2), 4.0), np.linspace(0, 1, 50))
    assert np.isfinite(same.probabilities_).all()


# --- all policies ---


@pytest.mark.parametrize("name", ["tsallis_inf", "binned", "cheb"])
def test_state_goes_on_where_it_was(name):
    rng = np.random.default_rng(0)
    table, contexts = 1.0 + 9.0 * rng.random((300, 5)), rng.uniform(*SPAN, 300)
    whole = policies(4, 5)[name]
    arms = play(whole, table, contexts)
    first = policies(4, 5)[name]
    play(first, table[:150], contexts[:150])
    copy, other = pickle.loads(pickle.dumps(first)), policies(99, 5)[name]
    other.state = first.state
    for policy in (first, copy, other):
        assert policy.n_rounds_ == 150
        assert play(policy, table[150:], contexts[150:]).tolist() == arms[150:].tolist()
    assert repr(first).startswith(type(first).__name__)
    assert play(policies(5, 5)[name], table, contexts).tolist() != arms.tolist()


@pytest.mark.parametrize("name", ["tsallis_inf", "binned", "cheb"])
def test_state_that_does_not_fit_is_refused(name):
    policy = policies(0, 5)[name]
    with pytest.raises(ValueError, match="state lacks"):
        policy.state = {"key": (0, 0)}
    other = policies(0, 6)[name] if name != "binned" else BinnedTsallisINF(5, SPAN, n_bins=2)
    state = other.state
    with pytest.raises(ValueError, match=r"must have (shape|length)"):
        policy.state = state


@pytest.mark.parametrize("name", ["tsallis_inf", "binned", "cheb"])
def test_calls_out_of_turn_and_bad_losses_are_refused(name):
    policy = policies(0)[name]
    with pytest.raises(ValueError, match="call predict first"):
        policy.update(2.0)
    policy.predict(0.1)
    for loss in (0.5, np.nan, np.inf, -1.0):
        with pytest.raises(ValueError, match="loss must be a finite number >= 1"):
            policy.update(loss)
    policy.update(1.0)
    with pytest.raises(ValueError, match="call predict first"):
        policy.update(2.0)
    assert policy.n_rounds_ == 1


@pytest.mark.parametrize("kind", [BinnedTsallisINF, ChebCB])
def test_contexts_that_are_refused_or_clipped(kind):
    policy = kind(3, (0.0, 1.0), random_state=0)
    for context in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match=r"context must lie in context_range = \[0, 1\]"):
            policy.predict(context)
    with pytest.raises(ValueError, match="needs a context"):
        policy.predict()
    clipping = kind(3, (0.0, 1.0), clip_context=True, random_state=0)
    with pytest.warns(UserWarning, match=r"context 1.5 was clipped to context_range = \[0, 1\]"):
        clipping.predict(1.5)
    with pytest.raises(ValueError, match="context must lie"):
        clipping.predict(np.nan)
    for span in ((1.0, 0.0), (0.0, np.inf), (1.0, 1.0), 3.0, ("a", "b"), (0.0, 1.0, 2.0)):
        with pytest.raises(ValueError, match="context_range must be a pair of finite numbers"):
            kind(3, span)


def test_numbers_of_arms_bins_and_features_are_checked():
    with pytest.raises(ValueError, match="n_arms must be an integer >= 1"):
        TsallisINF(0)
    with pytest.raises(ValueError, match="n_bins must be an integer >= 1"):
        BinnedTsallisINF(3, (0, 1), n_bins=0)
    with pytest.raises(ValueError, match="n_features must be an integer >= 1"):
        ChebCB(3, (0, 1), n_features=0)


# --- the solver ---


def sequence(T=60, n=8, seed=0):
    rng = np.random.default_rng(seed)
    return laplacian(n, n), rng.uniform(0.0, 0.5, T), rng.normal(size=(T, n * n))


@pytest.mark.parametrize("policy", ["tsallis_inf", "binned", "cheb", "fixed"])
@pytest.mark.parametrize("method", ["sor", "ssor", "ssor_cg"])
def test_every_policy_solves_with_every_method(method, policy):
    A, shifts, B = sequence()
    solver = RelaxationSolver(method, policy, context_range=(0.0, 0.5), random_state=0)
    results = solver.solve_many((A, shifts), B)
    for c, b, result in zip(shifts, B, results, strict=True):
        assert np.linalg.norm(b - A @ result.x - c * result.x) <= 1.1e-8 * np.linalg.norm(b)
    assert solver.n_rounds_ == 60
    np.testing.assert_array_equal(solver.costs_, [max(r.n_iter, 1) for r in results])
    np.testing.assert_array_equal(solver.omegas_[solver.arms_], [r.omega for r in results])
    assert solver.omegas_.tolist() == ([1.5] if policy == "fixed" else GRID_OMEGAS.tolist())
    assert solver.best_omega_ in solver.omegas_
    assert solver.probabilities_.sum() == pytest.approx(1.0)
    assert (solver.policy_ is None) == (policy == "fixed")
    if policy == "cheb":
        assert solver.theta_.shape == (20, 6)
    else:
        with pytest.raises(AttributeError, match="theta_ belongs to policy='cheb'"):
            _ = solver.theta_


def test_each_round_is_the_solve_of_its_parameter():
    A, shifts, B = sequence(12)
    for method, call in (("sor", sor), ("ssor_cg", ssor_cg)):
        solver = RelaxationSolver(method, ordering="natural", random_state=1)
        for c, b in zip(shifts, B, strict=True):
            shifted = A + c * sp.eye_array(64)
            result = solver.solve(shifted, b)
            alone = call(shifted, b, result.omega)
            assert (result.n_iter, result.x.tobytes()) == (alone.n_iter, alone.x.tobytes())


def test_matrices_shifts_and_their_tuple_are_the_same_sequence():
    A, shifts, B = sequence(25)
    runs = []
    for kind in range(3):
        solver = RelaxationSolver("sor", "cheb", context_range=(0.0, 0.5), random_state=3)
        if kind == 0:
            solver.solve_many((A, shifts), B)
        elif kind == 1:
            matrices = (A + c * sp.eye_array(64) for c in shifts)
            solver.solve_many(matrices, B, contexts=shifts)
        else:
            solver.set_matrix(A)
            for c, b in zip(shifts, B, strict=True):
                solver.shift(c).solve(b=b, context=c)
        runs.append((solver.arms_.tolist(), solver.costs_.tolist()))
    assert runs[0] == runs[1] == runs[2]


@pytest.mark.parametrize("policy", ["tsallis_inf", "cheb"])
def test_arms_do_not_depend_on_threads(policy):
    A = laplacian(150, 150)
    rng = np.random.default_rng(0)
    shifts, B = rng.uniform(0.2, 0.6, 15), rng.normal(size=(15, 22500))
    runs = []
    for threads in (1, 2, 3):
        solver = RelaxationSolver(
            "sor", policy, context_range=(0.2, 0.6), n_jobs=threads, random_state=5
        )
        results = solver.solve_many((A, shifts), B)
        runs.append((solver.arms_.tolist(), [r.n_iter for r in results], results[-1].x.tobytes()))
    assert runs[0] == runs[1] == runs[2]


def test_starts():
    A, shifts, _ = sequence(5)
    b = np.ones(64)
    options = dict(policy="fixed", omegas=1.3, norm_ref="b")
    cold = RelaxationSolver("ssor_cg", **options).solve_many((A, 1e-3 * shifts), b)
    warm = RelaxationSolver("ssor_cg", **options).solve_many((A, 1e-3 * shifts), b, x0="previous")
    given_start = RelaxationSolver("ssor_cg", **options).solve_many(
        (A, 1e-3 * shifts), b, x0=cold[0].x
    )
    assert warm[0].n_iter == cold[0].n_iter
    assert sum(r.n_iter for r in warm[1:]) < sum(r.n_iter for r in cold[1:])
    assert given_start[0].n_iter == 0
    with pytest.raises(ValueError, match="x0 must be an array, 'previous' or None"):
        RelaxationSolver("ssor_cg").solve_many((A, shifts), b, x0="last")


def test_new_values_and_new_patterns_are_seen():
    solver = RelaxationSolver("ssor_cg", random_state=0)
    for n, factor in ((5, 1.0), (5, 3.0), (6, 1.0), (5, 1.0)):
        A = factor * laplacian(n, n)
        b = np.ones(n * n)
        np.testing.assert_allclose(A @ solver.solve(A, b).x, b, atol=1e-6)
    A = laplacian(5, 5).tocsc()
    b = np.ones(25)
    np.testing.assert_allclose(A @ solver.solve(A.toarray(), b).x, b, atol=1e-6)
    assert solver.n_rounds_ == 5
    stencils = RelaxationSolver("sor", "fixed")
    for A in (
        laplacian(6, 6),
        laplacian(6, 6) + sp.diags_array(np.linspace(0, 1, 36)),
        laplacian(6, 6),
    ):
        np.testing.assert_allclose(A @ stencils.solve(A, np.ones(36)).x, 1.0, atol=1e-6)


def test_a_matrix_changed_by_its_owner_is_another_matrix():
    A, b = laplacian(5, 5), np.ones(25)
    solver = RelaxationSolver("ssor_cg", random_state=0).set_matrix(A)
    before = solver.solve(b=b).x
    old = A.copy()
    A.data *= 2.0
    np.testing.assert_allclose(old @ solver.shift(0.0).solve(b=b).x, b, atol=1e-6)
    np.testing.assert_allclose(solver.solve(A, b).x, before / 2, atol=1e-6)
    A.data[np.flatnonzero(A.indices == 7)] = 0.0
    A.setdiag(8.0)
    A.eliminate_zeros()
    A = (A + A.T) / 2
    np.testing.assert_allclose(A @ solver.solve(A, b).x, b, atol=1e-6)


def test_failure_costs_the_cap_and_errors_cost_nothing():
    A, _, B = sequence(3)
    solver = RelaxationSolver(max_iter=50, random_state=0)
    with pytest.warns(ConvergenceWarning, match="sor ended after"):
        result = solver.solve(A - 1.0 * sp.eye_array(64), B[0])
    assert not result.converged
    assert solver.costs_.tolist() == [50.0]
    assert result.residual_norm == pytest.approx(
        np.linalg.norm(B[0] - A @ result.x + result.x), rel=1e-6
    )
    for bad in (np.ones(3), np.full(64, np.nan)):
        with pytest.raises(ValueError, match="b must"):
            solver.solve(A, bad)
    with pytest.raises(ValueError, match="positive"):
        solver.solve(A - 5.0 * sp.eye_array(64), B[0])
    assert solver.n_rounds_ == 1
    contextual = RelaxationSolver(policy="cheb", context_range=(0, 1), random_state=0)
    with pytest.raises(ValueError, match="context must lie"):
        contextual.solve(A, B[0], context=2.0)
    with pytest.raises(ValueError, match="needs a context"):
        contextual.solve(A, B[0])
    assert contextual.n_rounds_ == 0


def test_profile_counts_every_parameter_and_learns_nothing():
    A, _, B = sequence(2)
    for method, call in (("sor", sor), ("ssor_cg", ssor_cg)):
        solver = RelaxationSolver(method, omegas=[1.0, 1.5, 1.9], max_iter=100, ordering="natural")
        counts = solver.profile(A, B[0])
        assert solver.n_rounds_ == 0
        expected = []
        for omega in (1.0, 1.5, 1.9):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                expected.append(call(A, B[0], omega, max_iter=100).n_iter)
        assert counts.tolist() == expected
        assert solver.profile(b=B[1], x0=B[0]).shape == (3,)
    with pytest.raises(ValueError, match="b is missing"):
        solver.profile(A)


def test_time_as_a_cost():
    A, shifts, B = sequence(20)
    solver = RelaxationSolver("ssor_cg", cost="time", random_state=0)
    solver.solve_many((A, shifts), B)
    assert (solver.costs_ >= 1.0).all()
    assert len(set(solver.costs_.tolist())) > 10
    capped = RelaxationSolver("sor", cost="time", max_iter=3, random_state=0)
    with pytest.warns(ConvergenceWarning):
        capped.solve(A, B[0])
    assert capped.costs_[0] >= 1.0


def test_cg_with_operators():
    A, _, B = sequence(3)
    solver = RelaxationSolver("cg", "fixed").set_matrix(A).shift(0.3)
    shifted = A + 0.3 * sp.eye_array(64)
    plain = solver.solve(b=B[0])
    np.testing.assert_allclose(shifted @ plain.x, B[0], atol=1e-6)
    by_operator = solver.solve(spla.aslinearoperator(shifted), B[0])
    assert by_operator.n_iter == plain.n_iter
    helped = solver.solve(b=B[0], M=sp.diags_array(1 / shifted.diagonal()))
    np.testing.assert_allclose(shifted @ helped.x, B[0], atol=1e-6)
    assert solver.n_rounds_ == 3
    with pytest.raises(ValueError, match="M and LinearOperators are for method='cg'"):
        RelaxationSolver("sor").solve(A, B[0], M=sp.eye_array(64))


def test_pickle_and_clone():
    A, shifts, B = sequence(30)
    solver = RelaxationSolver("ssor_cg", "cheb", context_range=(0.0, 0.5), random_state=2)
    solver.solve_many((A, shifts[:15]), B[:15])
    copy = pickle.loads(pickle.dumps(solver))
    solver.solve_many((A, shifts[15:]), B[15:])
    copy.solve_many((A, shifts[15:]), B[15:])
    assert solver.arms_.tolist() == copy.arms_.tolist()
    fresh = clone(solver)
    assert fresh.get_params() == solver.get_params()
    for name in ("n_rounds_", "costs_", "arms_", "probabilities_", "best_omega_", "theta_"):
        with pytest.raises(NotFittedError, match="has not solved anything"):
            getattr(fresh, name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "jacobi"}, "method must be one of"),
        ({"policy": "greedy"}, "policy must be one of"),
        ({"ordering": "random"}, "ordering must be one of"),
        ({"cost": "flops"}, "cost must be one of"),
        ({"norm_ref": "A"}, "norm_ref must be one of"),
        ({"tol": 2.0}, "tol must be"),
        ({"max_iter": 0}, "max_iter must be"),
        ({"omegas": [1.0, 2.0]}, "omegas must be numbers in the open interval"),
        ({"omegas": []}, "omegas must be numbers in the open interval"),
        ({"omegas": [1.2, 1.1]}, "omegas must be sorted and distinct"),
        ({"omegas": [1.1, 1.1]}, "omegas must be sorted and distinct"),
        ({"policy": "fixed", "omegas": [1.1, 1.2]}, "takes one omega, got 2"),
        ({"policy": "cheb"}, "policy='cheb' needs context_range"),
        ({"policy": "binned"}, "policy='binned' needs context_range"),
        ({"policy": "cheb", "context_range": (1, 0)}, "context_range must be a pair"),
        ({"policy": "cheb", "context_range": (0, 1), "n_features": 0}, "n_features must be"),
        ({"method": "cg"}, "method='cg' has no parameter to learn"),
    ],
)
def test_parameters_that_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        RelaxationSolver(**options).set_matrix(laplacian(3, 3))


def test_calls_that_are_refused():
    A, shifts, B = sequence(4)
    solver = RelaxationSolver(random_state=0)
    with pytest.raises(ValueError, match="there is no matrix yet"):
        solver.solve(b=B[0])
    with pytest.raises(ValueError, match="there is no matrix yet"):
        RelaxationSolver().shift(1.0)
    with pytest.raises(ValueError, match="b is missing"):
        solver.solve(A)
    solver.set_matrix(A)
    with pytest.raises(ValueError, match="a shift must be finite"):
        solver.shift(np.nan)
    with pytest.raises(ValueError, match=r"where it is 4 \+ shift -4"):
        solver.shift(-4.0)
    with pytest.raises(ValueError, match="B must have 4 rows"):
        solver.solve_many((A, shifts), B[:3])
    with pytest.raises(ValueError, match="B must have one or two dimensions"):
        solver.solve_many((A, shifts), B[None])
    with pytest.raises(ValueError, match="contexts must have length 4"):
        solver.solve_many((A, shifts), B, contexts=[1.0])
    unsymmetric = A.copy()
    unsymmetric.data[1] *= 2
    with pytest.raises(ValueError, match="A must be symmetric"):
        RelaxationSolver("ssor_cg").set_matrix(unsymmetric)
    with pytest.warns(UserWarning, match="not symmetric"):
        RelaxationSolver("sor").set_matrix(unsymmetric)


# --- the paper's claims ---


def test_learning_passes_poor_parameters_and_context_passes_the_best():
    """The first experiment, shorter: the order of the curves."""
    shifts, B = experiment("high", T=1500)
    table = count_iterations(laplacian(10, 10), B, shifts=shifts, omegas=GRID_OMEGAS, n_jobs=2)
    paid = {}
    for name in ("tsallis_inf", "cheb"):
        runs = []
        for seed in range(5):
            arms = play(policies(seed)[name], table, shifts)
            runs.append(table[np.arange(1500), arms])
        paid[name] = np.mean(runs, axis=0)
    fixed = table.mean(axis=0)
    assert paid["tsallis_inf"].mean() < np.median(fixed)
    assert paid["cheb"][750:].mean() < fixed.min()


TARGETS = {  # mean and standard error over 10 seeds
    "high": {"tsallis_inf": (120.3, 1.3), "binned": (103.4, 1.4), "cheb": (65.8, 1.1)},
    "low": {"tsallis_inf": (66.1, 0.8), "binned": (63.1, 1.1), "cheb": (46.5, 0.4)},
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["high", "low"])
def test_means_of_the_experiment(kind):
    shifts, B = experiment(kind)
    table = count_iterations(laplacian(10, 10), B, shifts=shifts, omegas=GRID_OMEGAS, n_jobs=2)
    for name, (target, spread) in TARGETS[kind].items():
        means = [
            table[np.arange(5000), play(policies(seed)[name], table, shifts)].mean()
            for seed in range(20)
        ]
        error = np.hypot(np.std(means, ddof=1), spread) / np.sqrt(10)
        assert abs(np.mean(means) - target) <= 3.0 * error, name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("nx", "instance", "tsallis", "cheb"), [(25, 24158, 30619, 25185), (50, 34703, 45691, 36085)]
)
def test_heat_totals_with_learned_parameters(nx, instance, tsallis, cheb):
    totals = {"tsallis_inf": [], "cheb": []}
    for policy, runs in totals.items():
        for seed in range(3):
            heat = HeatEquation(nx)
            solver = RelaxationSolver(
                "ssor_cg", policy, context_range=heat.context_range, random_state=seed
            )
            for _ in range(5000):
                A, b = heat.system()
                result = solver.solve(A, b[::-1], heat.context, x0=heat.u[::-1])
                heat.advance(result.x[::-1])
            runs.append(solver.costs_.sum())
    assert np.mean(totals["cheb"]) == pytest.approx(cheb, rel=0.03)
    assert np.mean(totals["tsallis_inf"]) == pytest.approx(tsallis, rel=0.05)
    assert np.mean(totals["cheb"]) <= 1.15 * instance


def test_no_warning_goes_unseen():
    """A converged sequence is silent."""
    A, shifts, B = sequence(10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RelaxationSolver("ssor_cg", random_state=0).solve_many((A, shifts), B)

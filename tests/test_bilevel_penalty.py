# SPDX-License-Identifier: BSD-3-Clause
"""Penalty methods for bilevel problems, their projections, and data hyper-cleaning."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, minimize
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from taut.bilevel import (
    Box,
    CallableLower,
    CallableUpper,
    Halfspace,
    HeldOutMSE,
    HyperCleaning,
    L1Ball,
    L2Ball,
    NonNegative,
    PenaltyBilevel,
    Product,
    RidgeLower,
    Simplex,
    hypergradient,
)
from taut.exceptions import ConvergenceWarning


class BoxProblem:
    """The golden problem: a quadratic on [0, 1]^6 with a linear parameter, three of them."""

    def __init__(self, noise=0.0):
        rng = np.random.default_rng(0)
        R = rng.normal(size=(6, 6))
        self.Q = R @ R.T / 6 + 0.5 * np.eye(6)
        self.B, self.t = rng.normal(size=(6, 3)), rng.random(6)
        self.noise, self.n_x, self.n_theta, self.n_samples = noise, 6, 3, 0
        self.top = float(np.linalg.eigvalsh(self.Q)[-1])
        self.low = float(np.linalg.eigvalsh(self.Q)[0])

    def value(self, y, x):
        return 0.5 * y @ self.Q @ y - (self.B @ x) @ y

    def grad(self, y, x, batch=None):
        return self.Q @ y - self.B @ x + (0.0 if batch is None else batch[0])

    def grad_theta(self, y, x, batch=None):
        # Noise that multiplies y, so that common samples matter.
        return -self.B.T @ y + (0.0 if batch is None else batch[1] * y[:3])

    def mu(self, x):
        return self.low

    def smoothness(self, x):
        return self.top

    def sample(self, rng, n):
        self.n_samples += n
        scale = self.noise / np.sqrt(n)
        return scale * rng.normal(size=6), scale * rng.normal(size=3)

    def upper(self):
        return CallableUpper(
            lambda y, x: 0.5 * (y - self.t) @ (y - self.t) + 0.05 * x @ x,
            lambda y, x: y - self.t,
            lambda y, x: 0.1 * x,
            lip=1.0,
            convex=True,
        )

    def solve(self, x):
        """Exact lower solution, from an active-set method that nobody here wrote."""
        done = minimize(
            self.value, np.full(6, 0.5), args=(x,), jac=self.grad, bounds=[(0, 1)] * 6,
            method="L-BFGS-B", options={"ftol": 1e-16, "gtol": 1e-13, "maxiter": 5000},
        )  # fmt: skip
        return done.x

    def psi(self, x):
        return self.upper().value(self.solve(x), x)

    def implicit_gradient(self, x):
        """On the free block: B_F' Q_FF^-1 (y - t)_F + 0.1 x."""
        y = self.solve(x)
        F = np.flatnonzero((y > 1e-7) & (y < 1 - 1e-7))
        q = np.linalg.solve(self.Q[np.ix_(F, F)], (y - self.t)[F])
        return self.B[F].T @ q + 0.1 * x

    def model(self, **settings):
        settings = {
            "x_projection": Box(np.zeros(6), np.ones(6)),
            "theta_projection": Box(-5.0, 5.0),
            **settings,
        }
        return PenaltyBilevel(self, self.upper(), **settings)


X0 = np.array([0.5, -0.3, 0.8])


def held(problem, theta, **settings):
    """The method with theta held where it is: psi_sigma and its gradient."""
    theta = np.asarray(theta, dtype=float)
    settings = {"sigma_path": [settings["sigma"]], "tol": 1e-9, "inner_max": 20000, **settings}
    return problem.model(theta_projection=Box(theta, theta), **settings).fit(theta)


def test_the_problem_is_the_published_one():
    p = BoxProblem()
    values = np.linalg.eigvalsh(p.Q)
    np.testing.assert_allclose(values[[0, -1]], [0.51680613, 2.21261374], rtol=1e-7)
    np.testing.assert_allclose([p.B[0, 0], p.t[0]], [-0.65382861, 0.33611706], rtol=1e-6)
    np.testing.assert_allclose(p.psi(X0), 0.529409928, rtol=1e-8)
    np.testing.assert_allclose(
        p.implicit_gradient(X0), [0.10336625, 0.68647108, 1.14892725], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("sigma", "value", "slope"),
    [
        (1e-1, -1.457e-2, 1.486e-1),
        (1e-2, -1.650e-3, 1.670e-2),
        (1e-3, -1.672e-4, 1.691e-3),
        (1e-4, -1.674e-5, 1.693e-4),
    ],
)
def test_bias_of_value_and_gradient_is_the_published_multiple_of_sigma(sigma, value, slope):
    p = BoxProblem()
    model = held(p, X0, sigma=sigma)
    psi_sigma = model.value_ - model.bias_gap_
    np.testing.assert_allclose(psi_sigma - 0.529409928, value, rtol=1e-3)
    error = np.linalg.norm(model.hypergradient_ - p.implicit_gradient(X0))
    np.testing.assert_allclose(error, slope, rtol=1e-3)
    assert model.value_lower_bound_ <= psi_sigma <= p.psi(X0) <= model.value_ + 1e-9
    assert model.value_lower_bound_ > psi_sigma - 1e-6


def test_psi_sigma_rises_to_psi_as_sigma_falls():
    models = [held(BoxProblem(), X0, sigma=s) for s in (1.0, 0.3, 0.1, 0.03, 0.01)]
    values = [m.value_ - m.bias_gap_ for m in models]
    np.testing.assert_allclose(
        values, [0.46114536, 0.49460695, 0.51483861, 0.52460271, 0.52776029], rtol=1e-7
    )


def test_gradient_equals_differences_of_psi_sigma():
    p, h = BoxProblem(), 1e-5
    model = held(p, X0, sigma=0.1)
    for i, e in enumerate(np.eye(3)):
        ends = [held(p, X0 + s * h * e, sigma=0.1) for s in (1, -1)]
        up, down = (m.value_ - m.bias_gap_ for m in ends)
        np.testing.assert_allclose(model.hypergradient_[i], (up - down) / (2 * h), rtol=1e-5)


@pytest.mark.parametrize(
    ("sigma", "psi", "residual"),
    [
        (1e-1, 0.060937725, 2.34e-2),
        (1e-2, 0.060873089, 2.68e-3),
        (1e-3, 0.060872253, 2.72e-4),
        (1e-4, 0.060872245, 2.72e-5),
    ],
)
def test_descent_reaches_the_published_minimum_but_for_sigma(sigma, psi, residual):
    p = BoxProblem()
    model = p.model(sigma=sigma, tol=1e-7, inner_max=20000).fit(X0)
    assert model.converged_
    assert not model.eb_suspect_
    np.testing.assert_allclose(p.psi(model.theta_), psi, rtol=2e-7)
    np.testing.assert_allclose(
        np.linalg.norm(p.implicit_gradient(model.theta_)), residual, rtol=0.02
    )
    assert p.psi(model.theta_) >= 0.0608722448 - 1e-9


@pytest.mark.parametrize("penalty", ["scalar", "feature"])
def test_small_sigma_gives_the_hypergradient_of_implicit_differentiation(penalty):
    rng = np.random.default_rng(1)
    X, V = rng.normal(size=(40, 5)), rng.normal(size=(30, 5))
    beta = rng.normal(size=5)
    y, v = X @ beta + rng.normal(size=40), V @ beta + rng.normal(size=30)
    lower, upper = RidgeLower(X, y, penalty=penalty), HeldOutMSE(V, v)
    theta = np.full(lower.n_theta, -1.0)
    exact = hypergradient(lower, upper, theta, 1e-12, 1e-12).z
    errors = []
    for sigma in (1e-2, 1e-3):
        model = PenaltyBilevel(
            lower, upper, sigma=sigma, sigma_path=[sigma], tol=1e-9, inner_max=5000,
            theta_projection=Box(theta, theta),
        ).fit(theta)  # fmt: skip
        errors.append(np.linalg.norm(model.hypergradient_ - exact))
    assert errors[1] < 1e-2 * np.linalg.norm(exact)
    np.testing.assert_allclose(errors[0] / errors[1], 10.0, rtol=0.2)


def test_several_lower_solutions_where_implicit_differentiation_has_no_hessian():
    rng = np.random.default_rng(2)
    A = rng.normal(size=(3, 6))

    class Wide:
        n_x, n_theta = 6, 3

        def value(self, y, x):
            return 0.5 * float(np.sum((A @ y - x) ** 2))

        def grad(self, y, x):
            return A.T @ (A @ y - x)

        def grad_theta(self, y, x):
            return x - A @ y

        def smoothness(self, x):
            return float(np.linalg.norm(A, 2) ** 2)

    upper = CallableUpper(lambda y, x: 0.5 * y @ y, lambda y, x: y)
    theta, sigma = np.array([1.0, -0.5, 0.3]), 1e-3
    model = PenaltyBilevel(
        Wide(), upper, sigma=sigma, sigma_path=[sigma], tol=1e-8, inner_max=20000,
        theta_projection=Box(theta, theta),
    ).fit(theta)  # fmt: skip
    exact = np.linalg.solve(A @ A.T, theta)
    np.testing.assert_allclose(model.hypergradient_, exact, atol=20 * sigma)
    np.testing.assert_allclose(model.value_ - model.bias_gap_, 0.5 * theta @ exact, atol=20 * sigma)
    assert model.value_lower_bound_ == -np.inf


def product_problem():
    lower = CallableLower(
        1, 1,
        value=lambda y, x: float(x[0] * y[0]), grad=lambda y, x: x.copy(),
        hess=lambda y, x: np.zeros((1, 1)), cross=lambda y, x: np.eye(1),
        grad_theta=lambda y, x: y.copy(), mu=lambda x: 0.0, smoothness=0.1,
    )  # fmt: skip
    upper = CallableUpper(lambda y, x: float((y[0] - 0.5) ** 2), lambda y, x: 2 * (y - 0.5))
    return lower, upper


def test_discontinuous_problem_has_its_closed_form_and_is_suspected():
    def psi_sigma(x, sigma, path=None):
        return PenaltyBilevel(
            *product_problem(), sigma=sigma, sigma_path=[sigma] if path is None else path,
            x_projection=Box([-1.0], [1.0]), theta_projection=Box([x], [x]),
        ).fit([x])  # fmt: skip

    rough, fine = psi_sigma(0.05, 0.1), psi_sigma(0.05, 0.01)
    np.testing.assert_allclose(rough.value_ - rough.bias_gap_, 0.6875, rtol=1e-6)
    np.testing.assert_allclose(fine.value_ - fine.bias_gap_, 2.25, rtol=1e-9)
    np.testing.assert_allclose(psi_sigma(-0.05, 0.01).value_, 0.25, rtol=1e-9)
    with pytest.warns(UserWarning, match="not linear in sigma"):
        both = psi_sigma(0.05, 0.01, [0.1, 0.01])
    assert both.eb_suspect_


def test_upper_or_lower_objective_that_does_not_know_the_other_variable():
    p = BoxProblem()
    free = CallableUpper(
        lambda y, x: float(0.5 * x @ x), lambda y, x: np.zeros(6), lambda y, x: x.copy()
    )
    model = PenaltyBilevel(
        p, free, sigma=0.01, sigma_path=[0.01], x_projection=Box(0.0, 1.0),
        theta_projection=Box(X0, X0), tol=1e-8,
    ).fit(X0)  # fmt: skip
    np.testing.assert_allclose(model.hypergradient_, X0, atol=1e-6)
    p.B = np.zeros((6, 3))
    np.testing.assert_allclose(held(p, X0, sigma=0.1).hypergradient_, 0.1 * X0, atol=1e-12)


def test_proximal_steps_find_the_same_point():
    p = BoxProblem()
    plain = held(p, X0, sigma=0.1)
    prox = held(p, X0, sigma=0.1, proximal=True, tol=1e-6)
    np.testing.assert_allclose(prox.hypergradient_, plain.hypergradient_, atol=1e-5)


# --- stochastic


@pytest.mark.parametrize("variant", ["single_loop", "double_loop"])
def test_stochastic_without_noise_approaches_the_minimum(variant):
    p = BoxProblem(noise=0.0)
    steps = 1500 if variant == "single_loop" else 100
    model = p.model(
        stochastic=True, variant=variant, max_iter=steps, inner_max=40, random_state=0
    ).fit(X0)
    assert p.psi(model.theta_) < 0.075
    assert model.history_["theta"].shape[1] == 3


def test_stochastic_runs_repeat_and_average_the_tail():
    p = BoxProblem(noise=0.1)
    settings = {"stochastic": True, "variant": "single_loop", "max_iter": 1000}
    first, again = (p.model(random_state=3, **settings).fit(X0) for _ in range(2))
    other = p.model(random_state=4, **settings).fit(X0)
    assert np.array_equal(first.theta_, again.theta_)
    assert not np.array_equal(first.theta_, other.theta_)
    drawn = p.model(random_state=3, average=False, **settings).fit(X0)
    assert not np.array_equal(first.theta_, drawn.theta_)
    assert p.psi(first.theta_) < 0.12


def test_noise_of_the_outer_gradient_goes_with_the_distance_of_y_and_z():
    from taut.bilevel._penalty import _Problem

    p = BoxProblem(noise=1.0)
    problem = _Problem(p.model(stochastic=True))
    rng, y = np.random.default_rng(0), np.full(6, 0.5)
    spread = []
    for distance in (1e-1, 1e-3, 0.0):
        z = y + distance
        spread.append(
            np.std([problem.difference(y, z, X0, p.sample(rng, 4))[0] for _ in range(50)])
        )
    assert spread[1] < 0.05 * spread[0]
    assert spread[2] == 0.0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "steps", "theory", "settings"),
    [
        ("single_loop", (1000, 4000, 16000), -1 / 5, {}),
        # Batches and inner loops that grow as the theory says, from one sample and without bound.
        (
            "double_loop",
            (10, 20, 40, 80),
            -1 / 7,
            {"batch_size": 1, "batch_max": 10**9, "inner_max": 10**9},
        ),
    ],
)
def test_stationarity_falls_with_samples_as_the_theorem_says(variant, steps, theory, settings):
    samples, sizes = [], []
    for total in steps:
        norms = []
        for seed in range(3):
            p = BoxProblem(noise=0.1)
            model = p.model(
                stochastic=True, variant=variant, max_iter=total, random_state=seed, **settings
            ).fit(X0)
            norms.append(np.linalg.norm(p.implicit_gradient(model.theta_)))
        samples.append(p.n_samples)
        sizes.append(np.mean(norms))
    slope = np.polyfit(np.log(samples), np.log(sizes), 1)[0]
    # 0.02: three seeds and not infinitely many.
    assert slope <= theory + 0.02


@pytest.mark.slow
def test_oracle_calls_of_the_deterministic_method_grow_no_faster_than_the_theorem():
    p, calls, sizes = BoxProblem(), [], []
    tolerances = np.array([1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4])
    for eps in tolerances:
        model = p.model(sigma=eps, tol=eps, inner_max=20000).fit(X0)
        assert model.converged_
        calls.append(model.n_grad_lower_ + model.n_grad_upper_)
        sizes.append(np.linalg.norm(p.implicit_gradient(model.theta_)))
    # O(eps)-stationary for the exact problem, as sigma = eps.
    assert (sizes <= 2.0 * tolerances).all()
    slope = np.polyfit(np.log(sizes), np.log(calls), 1)[0]
    assert -3.0 <= slope < 0.0


# --- projections


SETS = [
    Box(-0.5, [1.0, 2.0, 0.3, np.inf]),
    NonNegative(),
    Simplex(2.0),
    L1Ball(0.7),
    L2Ball(1.5),
    Halfspace([1.0, -2.0, 0.5, 0.0], 0.4),
    Product([(Simplex(1.0), 3), (NonNegative(), 1)]),
]
VECTORS = st.lists(st.floats(-5, 5), min_size=4, max_size=4).map(np.array)


@given(x=VECTORS, w=VECTORS)
@pytest.mark.parametrize("project", SETS, ids=lambda s: type(s).__name__)
def test_projection_is_idempotent_nonexpansive_and_optimal(project, x, w):
    px, pw = project(x), project(w)
    np.testing.assert_allclose(project(px), px, atol=1e-12)
    assert np.linalg.norm(px - pw) <= np.linalg.norm(x - w) + 1e-12
    assert (x - px) @ (pw - px) <= 1e-10


@pytest.mark.parametrize("total", [0.0, 0.3, 1.0])
def test_simplex_is_the_solution_of_the_quadratic_program(total):
    x = np.random.default_rng(0).normal(size=12)
    sums = LinearConstraint(np.ones(12), total, total)
    done = minimize(
        lambda u: 0.5 * np.sum((u - x) ** 2), np.full(12, total / 12), jac=lambda u: u - x,
        bounds=Bounds(0, np.inf), constraints=[sums], method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )  # fmt: skip
    np.testing.assert_allclose(Simplex(total)(x), done.x, atol=1e-6)


def test_projections_have_exact_zeros_and_leave_their_argument():
    x = np.random.default_rng(1).normal(size=10000)
    before = x.copy()
    for project in (Simplex(1.0), L1Ball(3.0)):
        p = project(x)
        assert 0 < np.count_nonzero(p) < 100
        np.testing.assert_allclose(np.abs(p).sum(), getattr(project, "total", 3.0), rtol=1e-12)
    assert np.array_equal(x, before)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Box(1.0, 0.0), "lo <= hi"),
        (lambda: Box(np.nan, 0.0), "lo <= hi"),
        (lambda: Simplex(-1.0), "total of Simplex must be finite and >= 0"),
        (lambda: L1Ball(np.inf), "radius of L1Ball"),
        (lambda: L2Ball(np.nan), "radius of L2Ball"),
        (lambda: Halfspace([0.0, 0.0], 1.0), "normal of Halfspace"),
        (lambda: Product([]), "at least one set"),
        (lambda: Product([(NonNegative(), 2)])(np.zeros(3)), r"shape \(2,\), got \(3,\)"),
    ],
)
def test_sets_that_are_none_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# --- bad input


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sigma": 0.0}, "sigma must be >= 1e-06"),
        ({"sigma": -1.0}, "sigma must be >= 1e-06"),
        ({"sigma": 1e-7}, "less than ten digits"),
        ({"sigma": np.nan}, "sigma must be"),
        ({"sigma_path": "steep"}, "sigma_path must be 'auto'"),
        ({"sigma_path": [0.1, 0.2, 1e-3]}, "decreasing"),
        ({"sigma_path": [0.1, 0.01]}, "must end at sigma"),
        ({"tol": 0.0}, "tol must be finite and > 0"),
        ({"rho": -1.0}, "rho must be finite and > 0"),
        ({"max_iter": 0}, "max_iter"),
        ({"variant": "no_loop"}, "variant must be"),
        ({"theta_projection": lambda t: 0.5 * t}, "theta_projection moves a point"),
        ({"x_projection": lambda x: x + 1.0}, "x_projection moves a point"),
        ({"x_projection": lambda x: x[:2]}, r"x_projection must return an array of shape \(6,\)"),
    ],
)
def test_bad_parameters_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        BoxProblem().model(**settings).fit(X0)


def test_bad_problems_are_refused_by_name():
    p = BoxProblem()
    with pytest.raises(ValueError, match=r"theta0 must return an array of shape \(3,\)|theta0"):
        p.model().fit([1.0])
    with pytest.raises(ValueError, match="x0"):
        p.model().fit(X0, np.zeros(5))
    with pytest.raises(TypeError, match="lower must have"):
        PenaltyBilevel(object(), p.upper()).fit(X0)
    lower, upper = product_problem()
    with pytest.raises(ValueError, match=r"stochastic=True needs lower.sample"):
        PenaltyBilevel(lower, upper, stochastic=True).fit([0.0])
    p.grad_theta = lambda y, x: np.full(3, np.nan)
    with pytest.raises(ValueError, match=r"lower.grad_theta returned nan"):
        p.model().fit(X0)
    p = BoxProblem()
    p.grad = lambda y, x: -(p.Q @ y - p.B @ x) - 10.0
    with pytest.raises(ValueError, match="value and gradient do not belong together"):
        p.model(x_projection=Box(-9.0, 9.0)).fit(X0)


def test_start_outside_of_its_set_is_projected_with_a_warning():
    with pytest.warns(UserWarning, match="theta0 is not in its set"):
        model = BoxProblem().model(sigma=0.1).fit([50.0, 0.0, 0.0])
    assert np.abs(model.theta_).max() <= 5.0


def test_early_stop_warns_with_the_residual():
    with pytest.warns(ConvergenceWarning, match=r"> tol = 1.0e-05 at sigma = 0.1"):
        model = BoxProblem().model(sigma=0.1, max_iter=1).fit(X0)
    assert not model.converged_
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = BoxProblem().model(sigma=1e-3, inner_max=2, max_iter=3).fit(X0)
    assert any("Raise inner_max" in str(w.message) for w in caught)
    assert not model.converged_


# --- hyper-cleaning


def dirty_digits(n=200, seed=0):
    rng = np.random.default_rng(seed)
    X, y = load_digits(return_X_y=True)
    order = rng.permutation(y.size)
    X, y = X[order] / 16.0, y[order]
    train, clean, test = slice(0, n), slice(1000, 1200), slice(1200, None)
    dirty = y[train].copy()
    bad = rng.random(n) < 0.5
    dirty[bad] = rng.integers(10, size=int(bad.sum()))
    return (X[train], dirty, X[clean], y[clean]), (X[test], y[test]), dirty != y[train]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::taut.exceptions.ConvergenceWarning")
def test_cleaning_finds_the_wrong_labels():
    (X, y, Xc, yc), (T, t), wrong = dirty_digits()
    model = HyperCleaning(sigma=0.1, max_iter=10).fit(X, y, X_clean=Xc, y_clean=yc)
    plain = HyperCleaning().unweighted(X, y)
    assert roc_auc_score(~wrong, model.weights_) > 0.85
    assert model.score(T, t) > plain.score(T, t) + 0.03
    assert model.weights_.min() >= 0.0
    assert model.weights_.max() <= 1.0
    np.testing.assert_allclose(model.predict_proba(T).sum(axis=1), 1.0)


def test_cleaning_refuses_what_it_cannot_use():
    (X, y, Xc, yc), _, _ = dirty_digits(60)
    model = HyperCleaning()
    with pytest.raises(ValueError, match="labels of y_clean that y does not have"):
        model.fit(X[:20], np.zeros(20), X_clean=Xc, y_clean=yc)
    with pytest.raises(ValueError, match="features"):
        model.fit(X, y, X_clean=Xc[:, :5], y_clean=yc)
    with pytest.raises(ValueError, match="alpha"):
        clone(model).set_params(alpha=0.0).fit(X, y, X_clean=Xc, y_clean=yc)

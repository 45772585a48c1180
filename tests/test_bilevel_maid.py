# SPDX-License-Identifier: BSD-3-Clause
"""MAID, HOAG, the error bound of hypergradients, and the denoisers of taut.bilevel."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.linalg import norm
from sklearn.base import clone
from sklearn.datasets import load_digits, load_sample_images

from taut.bilevel import (
    HOAG,
    MAID,
    CallableLower,
    CallableUpper,
    FieldsOfExpertsLower,
    FoEDenoiserLearner,
    HeldOutLogLoss,
    HeldOutMSE,
    ImageMSE,
    LowerSolverError,
    MultinomialLower,
    RidgeLower,
    SmoothedTVLower,
    TVDenoiserLearner,
    check_problem,
    hypergradient,
    psnr,
)
from taut.exceptions import ConvergenceWarning

pytestmark = pytest.mark.filterwarnings("ignore:MAID stopped by max_iter")


def random_problem(kind, seed):
    """A small native problem, its upper problem and parameters."""
    rng = np.random.default_rng(seed)
    if kind == "ridge":
        penalty = ["scalar", "feature", "group"][seed % 3]
        groups = [0, 0, 1, 1, 2] if penalty == "group" else None
        lower = RidgeLower(rng.normal(size=(12, 5)), rng.normal(size=12), penalty, groups=groups)
        upper = HeldOutMSE(rng.normal(size=(9, 5)), rng.normal(size=9))
        return lower, upper, rng.normal(size=lower.n_theta) - 1
    if kind == "multinomial":
        penalty = ["coefficient", "feature", "scalar"][seed % 3]
        labels = np.arange(20) % 3
        lower = MultinomialLower(rng.normal(size=(20, 4)), labels, penalty)
        upper = HeldOutLogLoss(rng.normal(size=(15, 4)), np.arange(15) % 3, lower.classes_)
        return lower, upper, rng.normal(size=lower.n_theta) - 1
    images = rng.random((2, 6, 7))
    upper = ImageMSE(rng.random((2, 6, 7)))
    if kind == "tv":
        return SmoothedTVLower(images), upper, rng.uniform([-4, -3], [0, 0])
    lower = FieldsOfExpertsLower(images, 3, 3)
    return lower, upper, lower.initial_theta("random", rng) + 0.3 * rng.normal(size=lower.n_theta)


KINDS = ["ridge", "multinomial", "tv", "foe"]


def dense(lower, x, theta):
    """H and J of a lower problem as matrices."""
    eye = np.eye(lower.n_x)
    hess = np.array([lower.hvp(x, theta, e) for e in eye])
    cross = np.array([lower.cross_vjp(x, theta, e) for e in eye])
    return hess, cross


def exact(lower, upper, theta):
    """The minimiser by Newton's method with the dense Hessian, the hypergradient by its inverse."""
    x = np.zeros(lower.n_x)
    for _ in range(60):
        hess, cross = dense(lower, x, theta)
        grad = lower.grad(x, theta)
        step, value, length = np.linalg.solve(hess, grad), lower.value(x, theta), 1.0
        while lower.value(x - length * step, theta) > value + 1e-12 * abs(value):
            length /= 2.0
        x = x - length * step
        if norm(step) <= 1e-13 * max(1.0, norm(x)):
            break
    hess, cross = dense(lower, x, theta)
    return x, -cross.T @ np.linalg.solve(hess, upper.grad_x(x, theta))


@given(
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 10**6),
    log_eps=st.floats(-9, 1),
    log_delta=st.floats(-9, 0),
    solver=st.sampled_from(["newton", "fista"]),
    bound=st.sampled_from(["tight", "paper"]),
)
def test_the_error_bound_holds(kind, seed, log_eps, log_delta, solver, bound):
    lower, upper, theta = random_problem(kind, seed)
    x, z = exact(lower, upper, theta)
    start = x + 10.0**log_eps * np.random.default_rng(seed).normal(size=x.size)
    result = hypergradient(
        lower, upper, theta, 10.0**log_eps, 10.0**log_delta, x0=start, solver=solver, bound=bound,
        max_lower_iter=10**5,
    )  # fmt: skip
    assert result.certified
    assert norm(result.x - x) <= result.eps + 1e-12
    assert norm(result.z - z) <= result.omega + 1e-12 * norm(z)
    assert result.omega > 0


@pytest.mark.parametrize("kind", KINDS)
def test_hypergradient_at_full_accuracy_is_the_dense_one_and_the_difference(kind):
    for seed in range(3):
        lower, upper, theta = random_problem(kind, seed)
        _, z = exact(lower, upper, theta)
        result = hypergradient(lower, upper, theta, 1e-11, 1e-12)
        np.testing.assert_allclose(result.z, z, rtol=1e-7, atol=1e-9 * norm(z))

        def value(t, lower=lower, upper=upper):
            x = hypergradient(lower, upper, t, 1e-12, 1.0).x
            return upper.value(x, t)

        u = np.random.default_rng(seed).normal(size=theta.size)
        slope = (value(theta + 1e-4 * u) - value(theta - 1e-4 * u)) / 2e-4
        assert slope == pytest.approx(z @ u, rel=1e-5, abs=1e-7 * norm(z) * norm(u))


@pytest.mark.parametrize("kind", KINDS)
def test_constants_bound_what_dense_matrices_show(kind):
    for seed in range(4):
        lower, upper, theta = random_problem(kind, seed)
        rng = np.random.default_rng(seed)
        x = rng.normal(size=lower.n_x)
        report = check_problem(lower, upper, theta, x)
        assert set(report.errors) >= {"grad", "hvp", "cross_vjp", "grad_theta"}
        radius = 10.0 ** rng.uniform(-3, 0)
        move = rng.normal(size=lower.n_x)
        move *= radius / norm(move)
        mu, smoothness, cross_norm, lip_cross, lip_hess = _constants(lower, x, theta, radius)
        hess, cross = dense(lower, x, theta)
        values = np.linalg.eigvalsh(hess)
        assert mu <= values[0] * (1 + 1e-10)
        assert values[-1] <= smoothness * (1 + 1e-10)
        assert norm(cross, 2) <= cross_norm * (1 + 1e-10)
        far_hess, far_cross = dense(lower, x + move, theta)
        assert norm(far_cross - cross, 2) <= lip_cross * radius * (1 + 1e-10)
        assert norm(far_hess - hess, 2) <= lip_hess * radius * (1 + 1e-10) + 1e-12


def _constants(lower, x, theta, radius):
    from taut import _core

    return _core.bilevel_evaluate(lower.to_native(), "constants", theta, x, None, radius, 1)


def quadratic():
    """The quadratic of the authors' experiment, with our random numbers."""
    rng = np.random.default_rng(0)
    A1, A2, A3 = (rng.random((1000, 10)) for _ in range(3))
    b1 = A1 @ rng.random(10) + 0.01 * rng.normal(size=1000)
    b2 = A2 @ rng.random(10) + A3 @ rng.random(10) + 0.01 * rng.normal(size=1000)
    hess, cross = A2.T @ A2, A2.T @ A3
    values = np.linalg.eigvalsh(hess)
    lower = CallableLower(
        10,
        10,
        value=lambda x, t: 0.5 * np.sum((A2 @ x + A3 @ t - b2) ** 2),
        grad=lambda x, t: hess @ x + cross @ t - A2.T @ b2,
        hess=lambda x, t: hess,
        cross=lambda x, t: cross,
        mu=values[0],
        smoothness=values[-1],
        cross_norm=norm(cross, 2),
        lip_cross=0.0,
        lip_hess=0.0,
    )
    upper = CallableUpper(
        lambda x, t: 0.5 * np.sum((A1 @ x - b1) ** 2),
        lambda x, t: A1.T @ (A1 @ x - b1),
        lip=np.linalg.eigvalsh(A1.T @ A1)[-1],
        convex=True,
    )
    # xhat = H^{-1} (A2'b2 - C theta) takes all values: the best is that of x alone.
    best = np.linalg.lstsq(A1, b1, rcond=None)[0]
    return lower, upper, values, float(0.5 * np.sum((A1 @ best - b1) ** 2))


def test_golden_numbers_of_the_quadratic():
    lower, upper, values, best = quadratic()
    np.testing.assert_allclose(values[[0, -1]], [72.911641, 2637.8615], rtol=1e-8)
    assert upper.lip == pytest.approx(2573.8932, rel=1e-8)
    result = hypergradient(lower, upper, np.ones(10), 1e-10, 1e-8)
    assert result.value == pytest.approx(5148.497233, abs=1e-6)
    assert norm(result.z) == pytest.approx(4909.589798, abs=1e-6)
    assert best == pytest.approx(0.052083790, abs=1e-9)
    assert result.certified


def test_first_accuracy_does_not_matter_on_the_quadratic():
    lower, upper, _, _ = quadratic()
    ends = []
    for eps in (1e2, 1e-1, 1e-3, 1e-5):
        maid = MAID(lower, upper, eps0=eps, delta0=eps, max_iter=60).fit(np.ones(10))
        ends.append((maid.value_, maid.n_lower_iter_))
        assert maid.certified_
    values, work = np.array(ends).T
    assert values.max() <= 1.02 * values.min()
    assert work.max() <= 1.1 * work.min()
    # With the fixed accuracy 0.1 no step can be proved any more long before.
    with pytest.warns(ConvergenceWarning, match="no_step"):
        fixed = MAID(lower, upper, accuracy="fixed", max_iter=200).fit(np.ones(10))
    assert fixed.value_ > 1.1 * values.max()


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    lower = MultinomialLower(X[::2] / 16, y[::2])
    return lower, HeldOutLogLoss(X[1::2] / 16, y[1::2], lower.classes_)


def test_golden_numbers_of_the_digits(digits):
    lower, upper = digits
    theta = np.full(640, -3.0)
    result = hypergradient(lower, upper, theta, 1e-10, 1e-11)
    assert lower.value(result.x, theta) == pytest.approx(1.3585420744, abs=1e-9)
    assert result.value == pytest.approx(0.9534100306, abs=1e-9)
    assert norm(result.z) == pytest.approx(3.5715835036e-2, rel=1e-9)
    assert result.z.sum() == pytest.approx(0.42784790281, rel=1e-9)
    along = np.random.default_rng(1).standard_normal(640)
    assert result.z @ along == pytest.approx(2.73926532e-3, rel=1e-7)
    assert upper.lip == pytest.approx(5.2165, abs=5e-5)


@pytest.mark.parametrize("eps", [1e-1, 1e-4])
def test_path_on_the_digits(digits, eps):
    # eta near 1 makes the hypergradients of both first accuracies those of the exact path.
    maid = MAID(*digits, eps0=eps, delta0=eps, alpha0=1.0, max_iter=25, eta=0.998, bound="paper")
    maid.fit(np.full(640, -3.0))
    values = maid.history_["value"]
    got = [values[1], values[5], values[10], maid.value_]
    np.testing.assert_allclose(got, [0.952136, 0.945445, 0.931935, 0.806485], atol=3e-5)
    assert maid.certified_
    history = maid.history_
    assert (history["hypergradient_error"] <= 0.002 * history["hypergradient_norm"]).all()


def test_large_steps_on_the_digits(digits):
    maid = MAID(*digits, alpha0=60.0, max_iter=11).fit(np.full(640, -3.0))
    expected = [
        *(0.877021, 0.794204, 0.710274, 0.632604, 0.565558, 0.509582),
        *(0.463488, 0.425335, 0.392991, 0.364654, 0.339055),
    ]
    np.testing.assert_allclose([*maid.history_["value"][1:], maid.value_], expected, atol=2e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("nonmonotone", [False, True])
def test_every_step_decreases_the_exact_value(kind, nonmonotone):
    lower, upper, theta = random_problem(kind, 4)
    path = [theta]
    maid = MAID(lower, upper, max_iter=1, nonmonotone=nonmonotone)
    values, norms, alphas = [], [], []
    for _ in range(5):
        maid.fit(path[-1])
        if maid.n_iter_ == 0:
            break
        x, _ = exact(lower, upper, path[-1])
        values.append(upper.value(x, path[-1]))
        norms.append(maid.history_["hypergradient_norm"][0])
        alphas.append(maid.alpha_ / maid.rho_bar)
        path.append(maid.theta_)
    values.append(upper.value(exact(lower, upper, path[-1])[0], path[-1]))
    decrease = -np.diff(values)
    assert len(decrease) >= 2
    assert (decrease >= 0.1 * np.array(alphas) * np.array(norms) ** 2 * (1 - 1e-9) - 1e-13).all()
    low, high = maid.value_bounds_
    assert low - 1e-12 <= values[-1] <= high + 1e-12


def test_maid_finds_the_minimum_that_scipy_finds():
    from scipy.optimize import minimize

    rng = np.random.default_rng(1)
    X, coef = rng.normal(size=(50, 4)), np.array([1.0, 0.5, 0.2, 0.1])
    y = X @ coef + 2.0 * rng.normal(size=50)
    lower, upper = RidgeLower(X[:25], y[:25]), HeldOutMSE(X[25:], y[25:])
    maid = MAID(lower, upper, tol=1e-6).fit([0.0])
    assert maid.converged_
    assert maid.stop_reason_ == "tol"

    def objective(t):
        x, z = exact(lower, upper, t)
        return upper.value(x, t), z

    best = minimize(objective, [0.0], jac=True, method="L-BFGS-B", tol=1e-14, bounds=[(-30, 30)])
    assert -5 < best.x[0] < 5
    assert maid.value_ == pytest.approx(best.fun, abs=1e-10)
    np.testing.assert_allclose(maid.theta_, best.x, atol=1e-4)


def test_accuracy_floor_warns_with_what_was_reached():
    lower, upper, theta = random_problem("multinomial", 2)
    with pytest.warns(ConvergenceWarning, match="by accuracy_floor after .* error of at most"):
        maid = MAID(lower, upper, tol=1e-300, max_iter=3000).fit(theta)
    assert maid.stop_reason_ == "accuracy_floor"
    assert norm(maid.hypergradient_) + maid.hypergradient_error_ < 1e-6


@pytest.mark.parametrize("kind", ["tv", "foe", "multinomial"])
@pytest.mark.parametrize("delta0", [1e3, 1e-3])
def test_a_first_accuracy_beyond_the_gradient_is_no_end(kind, delta0):
    lower, upper, theta = random_problem(kind, 1)
    maid = MAID(lower, upper, delta0=delta0, check_descent=False, max_iter=5).fit(theta)
    assert maid.n_iter_ == 5
    before, after = (upper.value(exact(lower, upper, t)[0], t) for t in (theta, maid.theta_))
    assert after < before


def test_small_strong_convexity_does_not_end_the_fit(digits):
    # Weights of pixels that are never inked fall and with them mu: bounds of the hypergradient
    # reach the limit of doubles long before the loss its minimum.
    maid = MAID(*digits, max_iter=30).fit(np.full(640, -3.0))
    assert maid.n_iter_ == 30
    assert maid.value_ < 0.11


def test_threads_give_the_same_bits(digits):
    runs = [MAID(*digits, max_iter=3, n_jobs=n).fit(np.full(640, -3.0)) for n in (1, 2)]
    np.testing.assert_array_equal(runs[0].theta_, runs[1].theta_)
    lower, upper, theta = random_problem("foe", 0)
    runs = [MAID(lower, upper, max_iter=2, n_jobs=n).fit(theta) for n in (1, 2)]
    np.testing.assert_array_equal(runs[0].theta_, runs[1].theta_)


def test_copies_of_the_data_change_nothing():
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(30, 4)), np.arange(30) % 3
    one = MultinomialLower(X, y)
    three = MultinomialLower(np.tile(X, (3, 1)), np.tile(y, 3))
    upper = HeldOutLogLoss(rng.normal(size=(15, 4)), np.arange(15) % 3, one.classes_)
    ends = [MAID(lower, upper, max_iter=5).fit(np.zeros(12)).theta_ for lower in (one, three)]
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-8)


def test_simple_images():
    rng = np.random.default_rng(0)
    noisy = rng.random((7, 9))
    faint = hypergradient(SmoothedTVLower(noisy), ImageMSE(noisy), [-20.0, -3.0], 1e-10)
    np.testing.assert_allclose(faint.x, noisy.ravel(), atol=1e-8)
    flat = hypergradient(SmoothedTVLower(np.ones((5, 5))), ImageMSE(noisy[:5, :5]), [0.0, -3.0])
    np.testing.assert_allclose(flat.x, 1.0, atol=1e-6)
    lower = FieldsOfExpertsLower(noisy, 2, 3)
    theta = lower.initial_theta()
    theta[5:] = 0.0
    np.testing.assert_allclose(hypergradient(lower, ImageMSE(noisy), theta).x, noisy.ravel())


def test_fields_of_experts_against_scipy():
    from scipy.ndimage import correlate

    lower, _, theta = random_problem("foe", 1)
    images = lower.to_native()[1].reshape(lower.shape)
    x = np.random.default_rng(0).random(lower.shape)
    taps = theta[7:].reshape(3, 3, 3)
    value = 0.5 * np.sum((x - images) ** 2)
    for k in range(3):
        response = np.array([correlate(image, taps[k], mode="mirror") for image in x])
        smooth = np.sqrt(response**2 + np.exp(2 * theta[4 + k]))
        value += 0.5 * np.exp(theta[0] + theta[1 + k]) * smooth.sum()
    assert lower.value(x.ravel(), theta) == pytest.approx(value, rel=1e-13)


# --- what is refused ---


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rho": 1.0}, "rho must be"),
        ({"rho_bar": 1.0}, "rho_bar must be"),
        ({"nu": 0.0}, "nu must be"),
        ({"nu_bar": 0.9}, "nu_bar must be"),
        ({"eta": 1.0}, "eta must be"),
        ({"lam": 0.6}, "lam must be"),
        ({"eps0": -1.0}, "eps0 must be"),
        ({"alpha0": "big"}, "alpha0 must be"),
        ({"accuracy": "some"}, "accuracy must be"),
        ({"theta_bounds": (1.0, 0.0)}, "theta_bounds are empty"),
        ({"theta_bounds": (1.0, 2.0)}, "theta0 must lie within theta_bounds"),
        ({"max_iter": 0}, "max_iter must be"),
    ],
)
def test_bad_options_are_refused(options, message):
    lower, upper, theta = random_problem("ridge", 0)
    with pytest.raises(ValueError, match=message):
        MAID(lower, upper, **options).fit(theta * 0.0)


def broken(**change):
    parts = {
        "value": lambda x, t: 0.5 * np.exp(t[0]) * (x @ x) - x.sum(),
        "grad": lambda x, t: np.exp(t[0]) * x - 1.0,
        "hvp": lambda x, t, v: np.exp(t[0]) * v,
        "cross_vjp": lambda x, t, q: np.array([np.exp(t[0]) * (x @ q)]),
        "mu": lambda t: np.exp(t[0]),
    }
    return CallableLower(3, 1, **{**parts, **change})


UPPER = CallableUpper(lambda x, t: 0.5 * (x @ x), lambda x, t: x)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": lambda x, t: np.nan}, r"lower\.value returned nan"),
        (
            {"grad": lambda x, t: np.array([0, np.nan, 0])},
            r"lower\.grad returned nan at position 1",
        ),
        ({"hvp": lambda x, t, v: v * np.inf}, r"lower\.hvp returned"),
        (
            {"cross_vjp": lambda x, t, q: q},
            r"lower\.cross_vjp must return an array of shape \(1,\)",
        ),
        ({"cross_vjp": lambda x, t, q: 2 * q[:1]}, r"lower\.cross_vjp differs from differences"),
        ({"hvp": lambda x, t, v: 2 * v}, r"lower\.hvp differs from differences"),
        ({"mu": 0.0}, r"lower\.mu must be finite and > 0"),
        ({"mu": lambda t: None}, r"lower\.mu must return a number > 0"),
        ({"mu": 3.0}, r"lower\.mu is 3, but the Hessian has an eigenvalue of at most 1"),
        ({"smoothness": 0.5}, r"lower\.smoothness is 0\.5"),
        ({"grad": lambda x, t: np.exp(t[0]) * x - 1 + np.sign(x)}, r"lower\.grad jumps by"),
    ],
)
def test_a_broken_problem_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        MAID(broken(**change), UPPER, max_iter=3).fit([0.0])


def test_estimates_are_not_called_certified():
    maid = MAID(broken(), UPPER, max_iter=5).fit([0.0])
    assert not maid.certified_
    assert maid.value_ < maid.history_["value"][0]
    given = broken(cross_norm=lambda x, t: np.exp(t[0]) * norm(x), lip_cross=30.0, lip_hess=0.0)
    assert not MAID(given, UPPER, max_iter=2).fit([0.0]).certified_
    upper = CallableUpper(lambda x, t: 0.5 * (x @ x), lambda x, t: x, lip=1.0)
    assert MAID(given, upper, max_iter=2).fit([0.0]).certified_


def test_incomplete_problems_are_named():
    with pytest.raises(TypeError, match="lacks n_x, n_theta, value"):
        MAID(object(), UPPER).fit([0.0])
    with pytest.raises(TypeError, match="upper must have value, grad_x"):
        MAID(broken(), object()).fit([0.0])
    with pytest.raises(ValueError, match="Give one of hvp or hess"):
        broken(hess=lambda x, t: np.eye(3))
    with pytest.raises(ValueError, match=r"needs lower\.smoothness"):
        MAID(broken(), UPPER, solver="fista").fit([0.0])
    with pytest.raises(ValueError, match="none of the classes"):
        HeldOutLogLoss(np.eye(2), ["a", "c"], ["a", "b"])


def test_lower_solver_that_stops_early():
    lower, upper, theta = random_problem("tv", 0)
    with pytest.raises(LowerSolverError, match="error of the hypergradient is at most"):
        MAID(lower, upper, eps0=1e-6, solver="fista", max_lower_iter=2).fit([2.0, -5.0])
    # Later on it ends the fit with what was reached.
    lower, upper, theta = random_problem("multinomial", 2)
    with pytest.warns(
        ConvergenceWarning, match=r"by lower_solver after \d+ steps.*error of at most"
    ):
        maid = MAID(lower, upper, solver="fista", max_lower_iter=15, tol=1e-12).fit(theta)
    assert maid.stop_reason_ == "lower_solver"
    assert not maid.converged_


def test_bounds_that_matter_are_named():
    lower, upper, _ = random_problem("ridge", 3)
    with pytest.warns(UserWarning, match="at the default bounds"):
        MAID(lower, upper, max_iter=1).fit([30.0])
    boxed = MAID(lower, upper, theta_bounds=(-1.0, 0.0), tol=1e-9).fit([-0.5])
    assert -1.0 <= boxed.theta_[0] <= 0.0
    assert boxed.converged_


def test_callback_ends_the_fit_and_history_is_complete():
    lower, upper, theta = random_problem("multinomial", 0)
    rows = []
    maid = MAID(lower, upper, callback=lambda row: rows.append(row) or len(rows) == 3).fit(theta)
    assert maid.stop_reason_ == "callback"
    assert maid.n_iter_ == 3
    assert {len(column) for column in maid.history_.values()} == {3}
    assert (np.diff(maid.history_["n_lower_iter"]) > 0).all()
    assert (maid.history_["value_lower"] <= maid.history_["value_upper"]).all()
    clone(maid)


def test_interrupt_keeps_the_last_step():
    code = """
import numpy as np
from taut.bilevel import ImageMSE, MAID, FieldsOfExpertsLower
rng = np.random.default_rng(0)
noisy = rng.random((2, 96, 96))
lower = FieldsOfExpertsLower(noisy, 24, 7)
maid = MAID(lower, ImageMSE(noisy), solver="fista", max_lower_iter=10**7, eps0=1e-6, delta0=1e-6)
print("ready", flush=True)
try:
    maid.fit(lower.initial_theta())
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    time.sleep(0.3)
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=30)
    assert out == "interrupted\n"


# --- the baseline and the denoisers ---


@pytest.mark.parametrize("schedule", ["geometric", "quadratic", "cubic"])
@pytest.mark.filterwarnings("ignore:HOAG stopped at max_iter")
def test_hoag_descends(digits, schedule):
    hoag = HOAG(*digits, schedule=schedule, max_iter=8).fit(np.full(640, -3.0))
    assert hoag.value_ == hoag.history_["value"].min() < 0.9
    assert not hoag.certified_
    assert hoag.n_lower_iter_ == hoag.history_["n_lower_iter"][-1]


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(5)
    clean = np.kron(rng.random((2, 4, 4)), np.ones((6, 6)))
    return clean + 0.1 * rng.normal(size=clean.shape), clean


@pytest.mark.parametrize(
    "model",
    [TVDenoiserLearner(), FoEDenoiserLearner(n_filters=8, size=3, max_iter=12)],
    ids=["tv", "foe"],
)
def test_denoisers_learn(model, pair):
    noisy, clean = pair
    fitted = clone(model).fit(noisy, clean)
    assert fitted.score(noisy, clean) > psnr(noisy, clean) + 5
    assert fitted.predict(noisy[0]).shape == noisy[0].shape
    np.testing.assert_allclose(fitted.predict(noisy)[1], fitted.predict(noisy[1]), atol=1e-12)
    in_bytes = clone(model).set_params(data_range=255.0).fit(255 * noisy, 255 * clean)
    np.testing.assert_allclose(in_bytes.theta_, fitted.theta_, atol=1e-5)
    np.testing.assert_allclose(
        in_bytes.predict(255 * noisy) / 255, fitted.predict(noisy), atol=1e-4
    )
    with pytest.raises(ValueError, match="same shape"):
        clone(model).fit(noisy, clean[:1])
    with pytest.raises(ValueError, match="must be finite"):
        clone(model).fit(noisy * np.nan, clean)


def test_fields_of_experts_beat_the_total_variation_that_they_contain():
    temple, flower = (
        image[:420, :640].mean(axis=2).reshape(210, 2, 320, 2).mean(axis=(1, 3)) / 255.0
        for image in load_sample_images().images
    )
    rng = np.random.default_rng(0)
    clean = np.array([temple[r : r + 48, c : c + 48] for r, c in [(60, 100), (100, 180)]])
    noisy = clean + 0.1 * rng.normal(size=clean.shape)
    other = flower[40:168, 90:218]
    grainy = other + 0.1 * rng.normal(size=other.shape)
    tv = TVDenoiserLearner().fit(noisy, clean)
    foe = FoEDenoiserLearner(max_iter=40).fit(noisy, clean)
    assert foe.maid_.value_bounds_[1] < tv.maid_.value_bounds_[0]
    assert foe.score(grainy, other) > tv.score(grainy, other)


def test_tv_learner_matches_a_grid(pair):
    noisy, clean = pair
    model = TVDenoiserLearner(max_iter=200).fit(noisy, clean)
    lower, upper = SmoothedTVLower(noisy), ImageMSE(clean)
    grid = [
        upper.value(hypergradient(lower, upper, [a, b], 1e-4, 1.0).x, None)
        for a in np.linspace(-4, 0, 17)
        for b in (-7.0, -6.0, -5.0, -4.0, -3.0)
    ]
    assert model.maid_.value_ <= 1.005 * min(grid)

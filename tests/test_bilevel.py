# SPDX-License-Identifier: BSD-3-Clause
"""Lower and upper problems of taut.bilevel, and gradients through them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.linalg import norm

from taut import _core
from taut.bilevel import (
    CallableLower,
    FieldsOfExpertsLower,
    HeldOutMSE,
    LowerProblem,
    LowerSolverError,
    RidgeLower,
    SmoothedTVLower,
    check_problem,
    hypergradient,
)


def ridge_pair(rng, penalty="feature", n=40, p=6):
    groups = np.arange(p) // 2 if penalty == "group" else None
    lower = RidgeLower(rng.normal(size=(n, p)), rng.normal(size=n), penalty, groups=groups)
    return lower, HeldOutMSE(rng.normal(size=(30, p)), rng.normal(size=30))


class Plain(LowerProblem):
    """A native problem as if a user had written it."""

    def __init__(self, native):
        self.native = native
        self.n_x, self.n_theta = native.n_x, native.n_theta
        for name in ("value", "grad", "hvp", "cross_vjp", "grad_theta", "mu", "smoothness"):
            setattr(self, name, getattr(native, name))


def central(f, theta, step=1e-5):
    eye = np.eye(theta.size)
    return np.array([(f(theta + step * e) - f(theta - step * e)) / (2 * step) for e in eye])


@pytest.mark.parametrize("penalty", ["scalar", "feature", "group"])
@pytest.mark.parametrize("solver", ["auto", "newton", "fista"])
def test_ridge_hypergradient_is_the_difference_quotient(rng, penalty, solver):
    lower, upper = ridge_pair(rng, penalty)
    theta = rng.normal(size=lower.n_theta)
    result = hypergradient(lower, upper, theta, 1e-10, 1e-10, solver=solver)
    expected = central(lambda t: hypergradient(lower, upper, t).value, theta)
    np.testing.assert_allclose(result.z, expected, rtol=1e-6, atol=1e-9)
    assert result.certified
    python = hypergradient(Plain(lower), upper, theta, 1e-10, 1e-10)
    assert not python.certified
    assert norm(python.z - result.z) <= python.omega + result.omega


def test_a_kink_is_found():
    kinked = CallableLower(
        2,
        1,
        value=lambda x, theta: abs(x[0]) + 0.5 * (x @ x),
        grad=lambda x, theta: x + [np.sign(x[0]), 0.0],
        hess=lambda x, theta: np.eye(2),
        cross=lambda x, theta: np.zeros((2, 1)),
        mu=1.0,
    )
    with pytest.raises(ValueError, match=r"lower\.grad jumps by 2"):
        check_problem(kinked)


def test_a_solver_that_stops_early_says_what_it_reached(rng):
    lower, upper = ridge_pair(rng)
    with pytest.raises(LowerSolverError, match="error of the hypergradient is at most") as error:
        hypergradient(lower, upper, np.full(6, -9.0), 1e-9, solver="fista", max_lower_iter=3)
    assert error.value.eps > 1e-9
    assert error.value.error > 0


def test_check_problem_tells_errors_from_rounding():
    rng = np.random.default_rng(5)
    for seed in range(20):
        image = 0.1 * rng.random((6, 6))
        for lower in (
            SmoothedTVLower(image),
            FieldsOfExpertsLower(image, n_filters=2, size=3),
        ):
            assert check_problem(lower, random_state=seed).ok
    A = rng.normal(size=(4, 4)) + 5.0 * np.eye(4)
    Q = A @ A.T

    def quadratic(factor):
        return CallableLower(
            4,
            4,
            value=lambda x, theta: 0.5 * x @ Q @ x - theta @ x,
            grad=lambda x, theta: factor * (Q @ x) - theta,
            hess=lambda x, theta: factor * Q,
            cross=lambda x, theta: -np.eye(4),
            mu=0.1,
        )

    assert check_problem(quadratic(1.0), x=np.ones(4)).ok
    with pytest.raises(ValueError, match=r"lower.grad differs from differences by .e-05"):
        check_problem(quadratic(1.0 + 5e-5), x=np.ones(4))


def test_native_problems_refuse_sizes_whose_products_overflow() -> None:
    X, labels, group = np.zeros((3, 2), order="F"), np.zeros(3, dtype=np.int64), np.zeros(0)
    parts = ("multinomial", X, labels, 2**62, group.astype(np.int64), 1, 1.0, 1.0)
    with pytest.raises(ValueError, match="n_classes"):
        _core.bilevel_spectrum(parts, np.zeros(1))
    images = np.zeros(16)
    with pytest.raises(ValueError, match="filters"):
        _core.bilevel_spectrum(("fields_of_experts", images, 1, 4, 4, 2**62, 3), np.zeros(1))

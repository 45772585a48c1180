# SPDX-License-Identifier: BSD-3-Clause
"""Columns without penalty that nearly depend on each other: solved, and certified truly."""

from __future__ import annotations

import cells
import numpy as np
import pytest
from scipy import optimize, sparse
from sklearn.linear_model import Lasso as PeerLasso

from taut import penalties
from taut.linear_model import Lasso, LogisticLasso, lasso_path, penalized_path
from taut.testing import groups, kkt

N, P, ALPHA = 100, 12, 0.05
FACTOR = np.r_[0.0, 0.0, np.ones(P - 2)]


def nearly_dependent(share, seed=1):
    """Columns 0 and 1 differ by `share` of a direction that the response needs."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((N, P))
    z = rng.standard_normal(N)
    X[:, 1] = X[:, 0] + share * z
    return X, X[:, 0] + 2.0 * z + X[:, 3], rng


def least_objective(X, y, alpha):
    """Minimum of the Lasso whose first two columns are free, by QR and scikit-learn.

    Least squares takes the free columns and the intercept out of everything else.
    """
    Q = np.linalg.qr(np.column_stack([np.ones(N), X[:, 0], (X[:, 1] - X[:, 0]) / X[0, 0]]))[0]
    rest, left = X[:, 2:] - Q @ (Q.T @ X[:, 2:]), y - Q @ (Q.T @ y)
    peer = PeerLasso(alpha, fit_intercept=False, tol=1e-14, max_iter=10**6).fit(rest, left)
    loss = 0.5 * np.mean((left - rest @ peer.coef_) ** 2)
    return loss + alpha * np.abs(peer.coef_).sum()


@pytest.mark.parametrize("solver", ["auto", "gram", "naive", "fista"])
@pytest.mark.parametrize("share", [1e-2, 1e-5, 1e-7, 1e-8])
def test_the_gap_is_no_less_than_what_is_missing(share, solver):
    X, y, rng = nearly_dependent(share)
    y = y + rng.standard_normal(N)
    path = lasso_path(
        X, y, alphas=[4 * ALPHA, ALPHA], penalty_factor=FACTOR, tol=1e-7, solver=solver
    )
    assert path.converged.all()
    null = kkt.null_loss(y)
    for k, alpha in enumerate(path.alphas):
        least = least_objective(X, y, alpha)
        reached = kkt.objective(
            X, y, path.coefs[:, k], path.intercepts[k], alpha=alpha, penalty_factor=FACTOR
        )
        # Coefficients of 1 / share round the predictor by a share of 1e-16 / share.
        assert reached - least <= path.dual_gaps[k] + (1e-13 + 1e-16 / share) * null
        assert path.objective[k] == pytest.approx(reached, abs=(1e-13 + 1e-16 / share) * null)
        assert path.dual_gaps[k] <= 1e-7 * null


@pytest.mark.parametrize("share", [1e-3, 1e-7])
@pytest.mark.parametrize("name", ["logistic", "multinomial", "poisson", "huber", "sqrt"])
def test_other_losses_by_the_judge(name, share):
    X, eta, rng = nearly_dependent(share)
    y = cells.response(name, 0.3 * eta, rng)
    case = cells.Case(name, penalties.L1(), X, y, options={"penalty_factor": FACTOR})
    path = case.path([ALPHA], tol=1e-7)
    assert path.converged.all()
    coef = path.coefs[0] if path.coefs.ndim == 3 else path.coefs[:, 0]
    gap = case.judge(coef, path.intercepts[0], ALPHA)[1]
    assert gap <= 1.01e-7 * case.null_loss()


@pytest.mark.parametrize("make", [np.asfortranarray, sparse.csc_array])
def test_a_free_group(make):
    X, y, rng = nearly_dependent(1e-6)
    y = y + rng.standard_normal(N)
    labels = [2, 2] + [0, 1] * (P // 2 - 1)
    factor = [1.0, 1.0, 0.0]
    path = penalized_path(
        make(X), y, "quadratic", penalties.Group(labels), alphas=[ALPHA], penalty_factor=factor
    )
    gap = groups.duality_gap(
        X,
        y,
        path.coefs[:, 0],
        path.intercepts[0],
        alpha=ALPHA,
        groups=np.array(labels),
        penalty_factor=factor,
        penalty="group",
    )
    assert gap <= 1.01e-6 * kkt.null_loss(y)


@pytest.mark.parametrize("share", [1e-4, 1e-7])
def test_at_strength_zero_all_columns_are_free(share):
    X, y, rng = nearly_dependent(share)
    y = y + rng.standard_normal(N)
    Xc = np.column_stack([X[:, 0], (X[:, 1] - X[:, 0]) / share, X[:, 2:], np.ones(N)])
    best = np.linalg.lstsq(Xc, y, rcond=None)[0]
    least = 0.5 * np.mean((y - Xc @ best) ** 2)
    path = lasso_path(X, y, alphas=[0.1, ALPHA, 0.0, 0.0], tol=1e-8)
    assert path.converged.all()
    assert path.alphas.tolist() == [0.1, ALPHA, 0.0, 0.0]
    assert path.alpha_max == pytest.approx(lasso_path(X, y, n_alphas=1).alpha_max, rel=1e-12)
    # The difference of two columns has lost the digits that they share.
    np.testing.assert_allclose(path.objective[2:], least, rtol=1e-16 / share)
    np.testing.assert_allclose(path.coefs[:, 2], path.coefs[:, 3], rtol=1e-9)
    fitted = X @ path.coefs[:, 2] + path.intercepts[2]
    np.testing.assert_allclose(fitted, Xc @ best, atol=1e-14 / share)
    alone = lasso_path(X, y, alphas=[0.0], tol=1e-8)
    np.testing.assert_allclose(alone.objective, path.objective[2], rtol=1e-12)
    assert alone.alpha_max == path.alpha_max
    # Penalised strengths know nothing of the end.
    np.testing.assert_array_equal(
        path.coefs[:, :2], lasso_path(X, y, alphas=[0.1, ALPHA], tol=1e-8).coefs
    )


def test_logistic_at_strength_zero_is_maximum_likelihood():
    X, eta, rng = nearly_dependent(1e-6)
    X, y = X[:, :4], cells.response("logistic", 0.3 * eta, rng)
    Xc = np.column_stack([X[:, 0], (X[:, 1] - X[:, 0]) / 1e-6, X[:, 2:], np.ones(N)])
    sign = 2.0 * y - 1.0

    def loss(b):
        return np.mean(np.logaddexp(0.0, -sign * (Xc @ b)))

    best = optimize.minimize(loss, np.zeros(5), method="BFGS", options={"gtol": 1e-7})
    model = LogisticLasso(alpha=0.0, tol=1e-9).fit(X, y)
    assert model.dual_gap_ <= 1e-9 * np.log(2)
    assert loss_of(model, X, sign) == pytest.approx(best.fun, rel=1e-9)


def loss_of(model, X, sign):
    return np.mean(np.logaddexp(0.0, -sign * model.decision_function(X)))


@pytest.mark.parametrize("share", [0.0, 1e-12])
def test_dependent_columns_share_one_coefficient(share):
    """What is left of the second column is rounding, and nothing may be built on it."""
    X, y, rng = nearly_dependent(share)
    y = y + rng.standard_normal(N)
    model = Lasso(alpha=ALPHA, penalty_factor=FACTOR, tol=1e-9).fit(X, y)
    without = Lasso(alpha=ALPHA, penalty_factor=np.delete(FACTOR, 1), tol=1e-9)
    without.fit(np.delete(X, 1, axis=1), y)
    assert model.coef_[1] == 0.0
    np.testing.assert_allclose(np.delete(model.coef_, 1), without.coef_, atol=1e-6)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_warm_start_keeps_the_solution(fit_intercept):
    X, y, rng = nearly_dependent(1e-5)
    X += 3.0
    weight = rng.uniform(0.0, 2.0, N) * (rng.random(N) < 0.9)
    model = Lasso(
        alpha=ALPHA, penalty_factor=FACTOR, warm_start=True, fit_intercept=fit_intercept, tol=1e-8
    ).fit(X, y, sample_weight=weight)
    first = model.predict(X)
    iterations = model.n_iter_
    model.fit(X, y, sample_weight=weight)
    assert model.n_iter_ <= iterations
    np.testing.assert_allclose(model.predict(X), first, atol=1e-5)

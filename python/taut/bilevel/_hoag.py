# SPDX-License-Identifier: BSD-3-Clause
"""Descent with hypergradients whose accuracy follows a schedule."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from taut._threads import n_threads
from taut.bilevel._adapter import Lower, Upper
from taut.bilevel._hypergradient import (
    check_integer,
    check_one_of,
    check_real,
    check_solver,
    check_theta,
    compute,
)
from taut.bilevel._maid import Bounds, Box
from taut.exceptions import ConvergenceWarning

__all__ = ["HOAG"]

_FIELDS = ("value", "hypergradient_norm", "eps", "alpha", "n_lower_iter", "n_hvp")


class HOAG(BaseEstimator):
    r"""Hyperparameter optimisation with approximate gradient, the baseline of :class:`MAID`.

    Accuracies fall by a schedule that is fixed beforehand; a step is judged by the inexact values
    with a slack. Nothing is certified.

    Parameters
    ----------
    lower : LowerProblem
    upper : UpperProblem
    schedule : {"geometric", "quadratic", "cubic"}, default="geometric"
        Relative accuracies ``eps0 * 0.9^k``, ``eps0 / k^2`` or ``eps0 / k^3``.
    eps0 : float, default=0.1
    max_iter : int, default=100
        Hypergradients.
    tol : float, default=1e-6
        On ``|z|``, which is not known to be accurate.
    solver : {"auto", "newton", "fista"}, default="auto"
    max_lower_iter, max_adjoint_iter : int, default=2000
    theta_bounds : pair of floats or arrays, default=None
    n_jobs : int or None, default=None

    Attributes
    ----------
    theta_, x_, value_, hypergradient_
        As in :class:`MAID`, at the point of the lowest value seen.
    n_iter_, n_lower_iter_, n_hvp_ : int
    history_ : dict of ndarrays
        value, hypergradient_norm, eps (relative), alpha, n_lower_iter, n_hvp, of each iteration.
    converged_ : bool
    certified_ : bool
        False.

    Notes
    -----
    The lower problem is solved until its gradient is eps times its first one, the linear system
    until the residual is eps times its right side; the original relates accuracies to the first
    gradient too.

    References
    ----------
    .. [1] F. Pedregosa (2016), Hyperparameter optimization with approximate gradient, ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import HOAG, HeldOutMSE, RidgeLower
    >>> rng = np.random.default_rng(0)
    >>> X, w = rng.normal(size=(60, 5)), np.array([2.0, -1.0, 0.0, 0.0, 0.0])
    >>> y = X @ w + rng.normal(size=60)
    >>> lower = RidgeLower(X[:40], y[:40], penalty="feature")
    >>> hoag = HOAG(lower, HeldOutMSE(X[40:], y[40:]), tol=1e-2).fit(np.zeros(5))
    >>> bool(hoag.value_ < hoag.history_["value"][0]), hoag.certified_
    (True, False)
    """

    def __init__(
        self,
        lower: Any,
        upper: Any,
        *,
        schedule: str = "geometric",
        eps0: float = 0.1,
        max_iter: int = 100,
        tol: float = 1e-6,
        solver: str = "auto",
        max_lower_iter: int = 2000,
        max_adjoint_iter: int = 2000,
        theta_bounds: Bounds = None,
        n_jobs: int | None = None,
    ) -> None:
        self.lower = lower
        self.upper = upper
        self.schedule = schedule
        self.eps0 = eps0
        self.max_iter = max_iter
        self.tol = tol
        self.solver = solver
        self.max_lower_iter = max_lower_iter
        self.max_adjoint_iter = max_adjoint_iter
        self.theta_bounds = theta_bounds
        self.n_jobs = n_jobs

    def fit(self, theta0: ArrayLike, x0: ArrayLike | None = None) -> HOAG:
        """Minimise from ``theta0``; arguments as in :meth:`MAID.fit`."""
        check_one_of(self.schedule, "schedule", ("geometric", "quadratic", "cubic"))
        check_real(self.eps0, "eps0", 0.0)
        check_real(self.tol, "tol", 0.0)
        check_integer(self.max_iter, "max_iter")
        lower = Lower(self.lower, n_threads(self.n_jobs))
        upper = Upper(self.upper, lower.n_x, lower.n_theta)
        theta = check_theta(theta0, lower.n_theta, "theta0")
        box = Box(self.theta_bounds, lower.n_theta)
        box.require(theta)
        check_solver(self.solver, lower, theta)
        x = np.zeros(lower.n_x) if x0 is None else check_theta(x0, lower.n_x, "x0")
        q = np.zeros(lower.n_x)
        first = float(np.linalg.norm(lower.grad_at(x, theta)))
        rows: list[tuple[float, ...]] = []
        before, old_eps, moved = math.inf, 0.0, 0.0
        start, scale = theta, math.nan
        best = math.inf
        shrink = 1.0
        self.converged_ = False
        for k in range(1, self.max_iter + 1):
            decay = {"geometric": 0.9 ** (k - 1), "quadratic": k**-2.0, "cubic": k**-3.0}
            eps = shrink * self.eps0 * decay[self.schedule]
            mu = lower.mu(theta)
            size = max(float(np.linalg.norm(upper.grad_x(x, theta))), 1e-300)
            g = compute(
                lower, upper, theta, eps * first / mu, eps * size, x, q, solver=self.solver,
                max_lower=self.max_lower_iter, max_adjoint=self.max_adjoint_iter,
            )  # fmt: skip
            x, q = g.x, g.q
            z = box.free(theta, g.z)
            norm = float(np.linalg.norm(z))
            if math.isnan(scale):
                scale = norm / math.sqrt(theta.size) if norm > 1e-3 else 1.0
            if g.value < best:
                best = g.value
                self.theta_, self.x_, self.value_, self.hypergradient_ = theta, x, g.value, g.z
            done = lower.n_grad + lower.n_lower_hvp
            rows.append((g.value, norm, eps, 1.0 / scale, done, lower.n_hvp))
            if norm <= self.tol:
                self.converged_ = True
                break
            slack = eps / 4.0 + old_eps * 1.25 * moved - scale * moved**2
            if k > 1 and g.value >= 1.2 * before and theta is not start:
                theta = start  # back, with smaller steps and more accuracy
                scale *= 2.0
                shrink *= 0.5
                before, moved = math.inf, 0.0
                continue
            if g.value <= before + slack:
                scale *= 0.95
            before, old_eps = g.value, eps
            start = theta
            theta = box.clip(theta - z / scale)
            moved = float(np.linalg.norm(theta - start))
        columns = np.array(rows).T
        self.history_ = {
            name: column.astype(np.int64) if name.startswith("n_") else column
            for name, column in zip(_FIELDS, columns, strict=True)
        }
        self.n_iter_ = len(rows)
        self.n_lower_iter_ = lower.n_grad + lower.n_lower_hvp
        self.n_hvp_ = lower.n_hvp
        self.certified_ = False
        if not self.converged_:
            warnings.warn(
                f"HOAG stopped at max_iter={self.max_iter} with a hypergradient of norm {norm:.3g} "
                f"(tol {self.tol:g}), whose error is not known.",
                ConvergenceWarning,
                stacklevel=2,
            )
        box.warn_active(self.theta_)
        return self

# SPDX-License-Identifier: BSD-3-Clause
"""Descent with hypergradients that are as accurate as progress needs."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from taut._threads import n_threads
from taut.bilevel._adapter import Lower, Upper
from taut.bilevel._check import check_problem
from taut.bilevel._hypergradient import (
    Hypergradient,
    LowerSolverError,
    check_integer,
    check_one_of,
    check_real,
    check_solver,
    check_theta,
    compute,
    rounding_of,
)
from taut.exceptions import ConvergenceWarning

__all__ = ["MAID"]

Float64 = NDArray[np.float64]
Bounds = tuple[ArrayLike, ArrayLike] | None

_FIELDS = (
    *("value", "value_lower", "value_upper", "hypergradient_norm", "hypergradient_error"),
    *("eps", "delta", "alpha", "n_trials", "n_lower_iter", "n_hvp"),
)
_NONMONOTONE = 0.85
#: Powers of nu that one tightening may take.
_MOST_POWERS = 30
#: Residual of the linear system that is never exceeded, relative to its right side.
_RELATIVE = 0.03


class Box:
    """Bounds of theta; by default those within which e^theta is a sensible strength.

    See Also
    --------
    PenaltyBilevel : The method that projects, and its source.
    """

    def __init__(self, bounds: Bounds, n_theta: int) -> None:
        self.given = bounds is not None
        pair = (-30.0, 30.0) if bounds is None else bounds
        if not isinstance(pair, Sequence | np.ndarray) or len(pair) != 2:
            raise ValueError(f"theta_bounds must be a pair (lower, upper), got {bounds!r}.")
        ends = []
        for end, name in zip(pair, ("lower", "upper"), strict=True):
            array = np.asarray(end, dtype=np.float64)
            if array.shape not in ((), (n_theta,)) or np.isnan(array).any():
                raise ValueError(
                    f"The {name} end of theta_bounds must be a number or have shape ({n_theta},) "
                    f"without NaN, got shape {array.shape}."
                )
            ends.append(np.broadcast_to(array, (n_theta,)))
        self.low, self.high = ends
        if (self.low > self.high).any():
            i = int((self.low > self.high).argmax())
            raise ValueError(
                f"theta_bounds are empty at position {i}: {self.low[i]:g} > {self.high[i]:g}."
            )

    def require(self, theta: Float64) -> None:
        outside = (theta < self.low) | (theta > self.high)
        if outside.any():
            i = int(outside.argmax())
            raise ValueError(
                f"theta0 must lie within theta_bounds; position {i} has {theta[i]:g}, allowed is "
                f"[{self.low[i]:g}, {self.high[i]:g}]."
            )

    def clip(self, theta: Float64) -> Float64:
        return np.clip(theta, self.low, self.high)

    def free(self, theta: Float64, z: Float64) -> Float64:
        """Return z without what points out of the box."""
        stuck = ((theta <= self.low) & (z > 0.0)) | ((theta >= self.high) & (z < 0.0))
        return np.where(stuck, 0.0, z)

    def warn_active(self, theta: Float64) -> None:
        active = int(((theta <= self.low) | (theta >= self.high)).sum())
        if active and not self.given:
            warnings.warn(
                f"{active} of {theta.size} parameters are at the default bounds [-30, 30]; give "
                "theta_bounds if that is meant.",
                UserWarning,
                stacklevel=3,
            )


class MAID(BaseEstimator):
    r"""Method of adaptive inexact descent for ``min_theta g(xhat(theta)) + r(theta)``.

    The lower problem and the linear system of the hypergradient are solved only as accurately as
    progress needs: until the bound of the error of the hypergradient shows that its negative is a
    direction of descent, and until bounds of the values show that a step decreases the exact
    ``f``. Where a step is found, accuracies are loosened again. Neither tolerances nor step sizes
    have to be chosen.

    Parameters
    ----------
    lower : LowerProblem
        Or any object with its members.
    upper : UpperProblem
    eps0, delta0 : float, default=0.1
        First accuracies of the lower problem and of the linear system, > 0.
    alpha0 : float or "auto", default="auto"
        First step. "auto" changes no parameter by more than 1 at first:
        ``min(sqrt(n_theta) / |z|, 1 / max |z|)``, or 1 for ``|z| <= 1e-3``.
    rho, rho_bar : float, default=0.5, 10 / 9
        Factors of the step after a trial that fails, in (0, 1), and after one that succeeds, > 1.
    nu, nu_bar : float, default=0.5, 1.25
        The same for the accuracies.
    eta : float, default=0.5
        A hypergradient z is good enough if its error is at most ``(1 - eta) |z|``; in (0, 1).
    lam : float, default=0.1
        Decrease ``lam * step * |z|^2`` that a step must prove; in (0, eta).
    max_bt, max_outer_bt : int, default=10, 40
        Trials of a line search, one more for each that failed before; and line searches that may
        fail in a row.
    max_iter : int, default=1000
    tol : float, default=1e-6
        Stops when ``|z|`` and the bound of its error sum to at most this.
    check_descent : bool, default=True
        Without it the first hypergradient is taken whatever its error. Steps are still proved to
        decrease f, but may fail to be found; there is no convergence theorem, and it is cheaper.
    accuracy : {"adaptive", "fixed", "fixed_plain"}, default="adaptive"
        For comparison: "fixed" keeps ``eps0`` and ``delta0`` and stops when no step can be proved;
        "fixed_plain" believes the values, as descent with inexact gradients mostly does.
    step : {"grow", "bb"}, default="grow"
        "bb" starts line searches at the step of Barzilai and Borwein, within a tenth and ten times
        the last one.
    nonmonotone : bool, default=False
        Compare with a running mean of values (Zhang and Hager, 0.85) instead of the last.
    bound : {"tight", "paper"}, default="tight"
        As in :func:`hypergradient`.
    solver : {"auto", "newton", "fista"}, default="auto"
        As in :func:`hypergradient`.
    max_lower_iter, max_adjoint_iter : int, default=2000
        Gradients and products in one solve.
    theta_bounds : pair of floats or arrays, default=None
        By default [-30, 30] with a warning when it matters.
    check : bool, default=True
        Run :func:`check_problem` on problems that are not native, before anything else.
    callback : callable, default=None
        Called after each step with a dict of the last row of ``history_`` and the new ``theta``;
        returning True ends the fit.
    n_jobs : int or None, default=None
        Threads of the native problems. Results are the same for any number.
    verbose : int, default=0

    Attributes
    ----------
    theta_ : ndarray of shape (n_theta,)
    x_ : ndarray of shape (n_x,)
        Minimiser of the lower problem at ``theta_``, to ``eps_``.
    value_ : float
        Upper loss at ``x_``.
    value_bounds_ : tuple of two floats
        Between which the exact ``f(theta_)`` lies.
    hypergradient_ : ndarray of shape (n_theta,)
    hypergradient_error_ : float
        Bound of its error.
    eps_, delta_ : float
        Accuracies reached at the end.
    alpha_ : float
        Last step.
    n_iter_ : int
        Steps.
    n_lower_iter_, n_hvp_, n_cross_ : int
        Gradients and products of all lower solves; products of the linear systems; products J'q.
    history_ : dict of ndarrays
        One entry a step: value, value_lower, value_upper, hypergradient_norm,
        hypergradient_error, eps, delta, alpha, n_trials, and cumulated n_lower_iter and n_hvp.
    converged_ : bool
    certified_ : bool
        Whether every constant behind the bounds was given or computed, none estimated.
    stop_reason_ : str
        "tol", "accuracy_floor" (the limit of doubles), "max_iter", "no_step", "lower_solver" or
        "callback".

    Raises
    ------
    LowerSolverError
        If the first lower problem cannot be solved within ``max_lower_iter``.
    ValueError
        If a parameter is out of its range, theta0 is outside of the bounds, ``mu`` is not
        positive, a callable returns NaN, or ``check`` finds the derivatives wrong.

    Warns
    -----
    ConvergenceWarning
        If it stops before ``tol``, with the bound that was reached.

    Notes
    -----
    Deviations from the paper: bounds use the accuracy that was reached, not the one asked for;
    the bound of the hypergradient is the smaller of theorem 2.1 and one through the q at hand;
    accuracies are tightened by the power of ``nu`` that the bound calls for, in one go, and only
    the one that the bound suffers from; where values say that a step decreases f and their bounds
    cannot tell, these are made sharper before the step is made shorter. Where the bound cannot be
    met in doubles, or within ``max_lower_iter``, the fit goes on as with ``check_descent=False``.

    After Ctrl-C the attributes hold the last accepted step.

    References
    ----------
    .. [1] M. S. Salehi, S. Mukherjee, L. Roberts, M. J. Ehrhardt (2025), An adaptively inexact
       first-order method for bilevel optimization with application to hyperparameter learning,
       SIAM Journal on Mathematics of Data Science, arXiv 2308.10098, algorithms 3.1 and 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import MAID, HeldOutMSE, RidgeLower
    >>> rng = np.random.default_rng(0)
    >>> X, w = rng.normal(size=(60, 5)), np.array([2.0, -1.0, 0.0, 0.0, 0.0])
    >>> y = X @ w + rng.normal(size=60)
    >>> lower = RidgeLower(X[:40], y[:40], penalty="feature")
    >>> maid = MAID(lower, HeldOutMSE(X[40:], y[40:]), tol=0.05).fit(np.zeros(5))
    >>> bool(maid.value_ < maid.history_["value"][0]), maid.certified_
    (True, True)
    """

    def __init__(
        self,
        lower: Any,
        upper: Any,
        *,
        eps0: float = 0.1,
        delta0: float = 0.1,
        alpha0: float | str = "auto",
        rho: float = 0.5,
        rho_bar: float = 10.0 / 9.0,
        nu: float = 0.5,
        nu_bar: float = 1.25,
        eta: float = 0.5,
        lam: float = 0.1,
        max_bt: int = 10,
        max_outer_bt: int = 40,
        max_iter: int = 1000,
        tol: float = 1e-6,
        check_descent: bool = True,
        accuracy: str = "adaptive",
        step: str = "grow",
        nonmonotone: bool = False,
        bound: str = "tight",
        solver: str = "auto",
        max_lower_iter: int = 2000,
        max_adjoint_iter: int = 2000,
        theta_bounds: Bounds = None,
        check: bool = True,
        callback: Callable[[dict[str, Any]], Any] | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.lower = lower
        self.upper = upper
        self.eps0 = eps0
        self.delta0 = delta0
        self.alpha0 = alpha0
        self.rho = rho
        self.rho_bar = rho_bar
        self.nu = nu
        self.nu_bar = nu_bar
        self.eta = eta
        self.lam = lam
        self.max_bt = max_bt
        self.max_outer_bt = max_outer_bt
        self.max_iter = max_iter
        self.tol = tol
        self.check_descent = check_descent
        self.accuracy = accuracy
        self.step = step
        self.nonmonotone = nonmonotone
        self.bound = bound
        self.solver = solver
        self.max_lower_iter = max_lower_iter
        self.max_adjoint_iter = max_adjoint_iter
        self.theta_bounds = theta_bounds
        self.check = check
        self.callback = callback
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, theta0: ArrayLike, x0: ArrayLike | None = None) -> MAID:
        """Minimise from ``theta0``.

        Parameters
        ----------
        theta0 : array-like of shape (n_theta,)
            Inside of ``theta_bounds``.
        x0 : array-like of shape (n_x,), default=None
            Start of the first lower solve, zero by default.

        Returns
        -------
        MAID
            Itself.
        """
        self._check_parameters()
        lower = Lower(self.lower, n_threads(self.n_jobs))
        upper = Upper(self.upper, lower.n_x, lower.n_theta)
        theta = check_theta(theta0, lower.n_theta, "theta0")
        box = Box(self.theta_bounds, lower.n_theta)
        box.require(theta)
        check_solver(self.solver, lower, theta)
        x = np.zeros(lower.n_x) if x0 is None else check_theta(x0, lower.n_x, "x0")
        if self.check and not lower.native:
            check_problem(self.lower, self.upper, theta, x)
        run = _Run(self, lower, upper, box, theta, x)
        try:
            run.descend()
        finally:
            if run.gradient is not None:
                run.store()
        if run.reason in ("max_iter", "lower_solver", "no_step", "accuracy_floor"):
            warnings.warn(
                f"MAID stopped by {run.reason} after {run.n_iter} steps: the hypergradient has "
                f"norm {run.norm:.3g} and an error of at most {run.gradient.omega:.3g} "  # type: ignore[union-attr]
                f"(tol {self.tol:g}); the lower problem is solved to {run.gradient.eps:.3g}.",  # type: ignore[union-attr]
                ConvergenceWarning,
                stacklevel=2,
            )
        box.warn_active(run.theta)
        return self

    def _check_parameters(self) -> None:
        for name in ("eps0", "delta0", "tol"):
            check_real(getattr(self, name), name, 0.0)
        if self.alpha0 != "auto":
            check_real(self.alpha0, "alpha0", 0.0)
        for name in ("rho", "nu", "eta"):
            check_real(getattr(self, name), name, 0.0, 1.0)
        for name in ("rho_bar", "nu_bar"):
            check_real(getattr(self, name), name, 1.0)
        check_real(self.lam, "lam", 0.0, self.eta)
        for name in ("max_bt", "max_outer_bt", "max_iter", "max_lower_iter", "max_adjoint_iter"):
            check_integer(getattr(self, name), name)
        check_one_of(self.accuracy, "accuracy", ("adaptive", "fixed", "fixed_plain"))
        check_one_of(self.step, "step", ("grow", "bb"))
        check_one_of(self.bound, "bound", ("tight", "paper"))
        if self.callback is not None and not callable(self.callback):
            raise TypeError(f"callback must be callable or None, got {self.callback!r}.")


class _Run:
    """One fit: where it stands, and what it stores."""

    def __init__(
        self, options: MAID, lower: Lower, upper: Upper, box: Box, theta: Float64, x: Float64
    ) -> None:
        self.o, self.lower, self.upper, self.box = options, lower, upper, box
        self.theta, self.x = theta, x
        self.q = np.zeros(lower.n_x)
        self.eps, self.delta = float(options.eps0), float(options.delta0)
        self.alpha = math.nan
        self.gradient: Hypergradient | None = None
        self.free = np.zeros(lower.n_theta)
        self.norm = math.nan
        self.reason = "max_iter"
        self.n_iter = 0
        self.certified = True
        self.rows: list[tuple[float, ...]] = []
        self.mean, self.mass = -math.inf, 0.0
        self.capped = False
        self.tested = bool(options.check_descent)

    # ---------------------------------------------------------------------------- one gradient

    def compute(self) -> None:
        o = self.o
        self.gradient = g = compute(
            self.lower, self.upper, self.theta, self.eps, self.delta, self.x, self.q,
            solver=o.solver, bound=o.bound, max_lower=o.max_lower_iter,
            max_adjoint=o.max_adjoint_iter, relative=_RELATIVE,
        )  # fmt: skip
        self.x, self.q = g.x, g.q
        self.free = self.box.free(self.theta, g.z)
        self.norm = float(np.linalg.norm(self.free))
        self.certified = self.certified and g.certified

    def floor(self) -> bool:
        return self.eps < 1e-13 * max(1.0, float(np.linalg.norm(self.x)))

    def tighten(self, ratio: float = 1.0) -> None:
        """Multiply both accuracies by the power of nu that divides by ``ratio``, at least once."""
        factor = self.power(ratio)
        self.eps *= factor
        self.delta *= factor

    def power(self, ratio: float) -> float:
        """Return the power of nu that divides by at least ``ratio``; the first power at least."""
        n = math.ceil(math.log(max(ratio, 1.0)) / -math.log(self.o.nu) - 1e-9)
        return self.o.nu ** max(1, min(_MOST_POWERS, n))

    def sharpen(self, g: Hypergradient, goal: float) -> bool:
        """Tighten what keeps omega above ``goal``. False if its solver can do no better."""
        shares = (g.omega_lower, g.omega - g.omega_lower)
        wanted = [share > 0.5 * goal for share in shares]
        possible = [w and e == "converged" for w, e in zip(wanted, g.endings, strict=True)]
        if possible[0]:
            self.eps = min(self.eps, g.eps) * self.power(2.0 * shares[0] / goal)
        if possible[1]:
            self.delta = min(self.delta, g.delta) * self.power(2.0 * shares[1] / goal)
        return any(possible)

    def find_gradient(self) -> bool:
        """Tighten until the hypergradient is good enough. False ends the fit, with a reason."""
        first = self.gradient is None
        before = self.eps, self.delta
        while True:
            self.compute()
            g = self.gradient
            assert g is not None
            if self.norm + g.omega <= self.o.tol:
                self.reason = "tol"
                return False
            goal = (1.0 - self.o.eta) * self.norm
            fixed = self.o.accuracy != "adaptive"
            if fixed or not self.tested or g.omega <= goal:
                if "max_iter" in g.endings and first:
                    self.refuse(g)
                return True
            if "max_iter" in g.endings and first:
                self.refuse(g)
            # With a gradient close to zero the sum with its error is to fall to tol.
            if self.floor() or not self.sharpen(g, max(goal, self.o.tol - self.norm)):
                # The bound falls no further, here nor further on: whether a step decreases f can
                # still be proved, by values.
                self.tested = False
                self.eps, self.delta = before
                return True

    def refuse(self, g: Hypergradient) -> None:
        raise LowerSolverError(
            f"The first lower problem was solved to {g.eps:.3g} only (asked: {self.eps:.3g}), its "
            f"linear system to {g.delta:.3g} (asked: {self.delta:.3g}), within max_lower_iter="
            f"{self.o.max_lower_iter} and max_adjoint_iter={self.o.max_adjoint_iter}; the error of "
            f"the hypergradient is at most {g.omega:.3g}.",
            g.eps,
            g.omega,
        )

    # -------------------------------------------------------------------------------- one step

    def bounds(self, value: float, slope: float, eps: float) -> tuple[float, float]:
        """Bounds of f from the upper loss and the norm of its gradient at an inexact point."""
        bend = 0.5 * self.upper.lip * eps * eps
        below = value - slope * eps - (0.0 if self.upper.convex else bend)
        return below, value + slope * eps + bend

    def search(self, trials: int) -> int:
        """Try steps. Number of trials with the accepted one, or 0."""
        self.capped = False  # whether a trial was not solved as asked
        for i in range(trials):
            alpha = self.alpha * self.o.rho**i
            theta = self.box.clip(self.theta - alpha * self.free)
            if np.array_equal(theta, self.theta):
                return 0
            x = self.attempt(theta, alpha)
            if x is not None:
                assert self.gradient is not None
                self.record(self.gradient, i + 1)
                self.difference = (theta - self.theta, self.free)
                self.theta, self.x, self.alpha = theta, x, alpha
                return i + 1
        return 0

    def attempt(self, theta: Float64, alpha: float) -> Float64 | None:
        """Return x at ``theta`` if the step there is proved to decrease f enough, or None.

        Where the values say that it does and their bounds cannot tell, they are made sharper
        rather than the step shorter.
        """
        o, x = self.o, self.x
        need = o.lam / alpha * float((theta - self.theta) @ (theta - self.theta))
        mu = self.lower.mu(theta)
        rounding = rounding_of(self.lower, theta, mu)
        while True:
            x, norm, ending = self.lower.solve(theta, x, o.solver, self.eps * mu, o.max_lower_iter)
            if ending == "not_finite":
                return None
            self.capped = self.capped or ending == "max_iter"
            value = self.upper.value(x, theta)
            eps = (norm + rounding * float(np.linalg.norm(x))) / mu
            slope = float(np.linalg.norm(self.upper.grad_x(x, theta)))
            g = self.gradient
            assert g is not None
            if o.accuracy == "fixed_plain":
                return x if value - g.value + need <= 0.0 else None
            above = self.bounds(value, slope, eps)[1]
            below = self.bounds(g.value, g.grad_norm_x, g.eps)[0]
            if o.nonmonotone:
                below = max(below, self.mean)
            if above - below + need <= 0.0:
                return x
            margin = g.value - value - need
            hidden = above - value + g.value - below
            if o.accuracy == "fixed" or margin < need or ending != "converged" or self.floor():
                return None
            self.eps = min(self.eps, max(eps, g.eps)) * self.power(2.0 * hidden / margin)
            if g.eps > self.eps and not self.resolve(g):
                return None

    def resolve(self, g: Hypergradient) -> bool:
        """Solve the lower problem at theta again, to ``self.eps``. False if that cannot be."""
        mu = self.lower.mu(self.theta)
        x, norm, ending = self.lower.solve(
            self.theta, self.x, self.o.solver, self.eps * mu, self.o.max_lower_iter
        )
        if ending != "converged":
            self.capped = self.capped or ending == "max_iter"
            return False
        self.x = x
        eps = (norm + rounding_of(self.lower, self.theta, mu) * float(np.linalg.norm(x))) / mu
        slope = float(np.linalg.norm(self.upper.grad_x(x, self.theta)))
        # z and its bound stay those of the point where they were computed.
        self.gradient = replace(
            g, x=x, eps=eps, value=self.upper.value(x, self.theta), grad_norm_x=slope
        )
        return True

    def below_rounding(self) -> bool:
        """Whether the decrease that a step may promise is lost in the rounding of values."""
        g = self.gradient
        assert g is not None
        # A gradient that may be all error promises nothing yet.
        known = g.omega <= self.norm or not math.isfinite(g.omega)
        return known and self.alpha * self.norm**2 <= 1e-14 * abs(g.value)

    def record(self, g: Hypergradient, trials: int) -> None:
        below, above = self.bounds(g.value, g.grad_norm_x, g.eps)
        done = self.lower.n_grad + self.lower.n_lower_hvp
        self.rows.append(
            (g.value, below, above, self.norm, g.omega, g.eps, g.delta, self.alpha, trials, done,
             self.lower.n_hvp)
        )  # fmt: skip
        mass = _NONMONOTONE * self.mass + 1.0
        before = self.mean if self.mass else 0.0
        self.mean = (_NONMONOTONE * self.mass * before + below) / mass
        self.mass = mass

    def descend(self) -> None:
        o = self.o
        failed = 0
        while True:
            if not self.find_gradient():
                return
            if math.isnan(self.alpha):
                self.alpha = self.first_step()
            elif o.step == "bb" and failed == 0:
                self.alpha = self.barzilai_borwein()
            if self.n_iter >= o.max_iter:
                return
            before = len(self.rows)
            if self.search(o.max_bt + failed):
                failed = 0
                self.n_iter += 1
                self.alpha *= o.rho_bar
                if o.accuracy == "adaptive":
                    self.eps *= o.nu_bar
                    self.delta *= o.nu_bar
                if self.report(before):
                    self.compute()
                    self.reason = "callback"
                    return
                continue
            failed += 1
            if o.accuracy != "adaptive":
                self.reason = "no_step"
                return
            assert self.gradient is not None
            if "max_iter" in self.gradient.endings:
                self.reason = "lower_solver"
                return
            if self.floor() or self.below_rounding() or failed > o.max_outer_bt:
                self.reason = "no_step" if failed > o.max_outer_bt else "accuracy_floor"
                if self.capped:
                    self.reason = "lower_solver"
                return
            self.tighten()

    def first_step(self) -> float:
        if self.o.alpha0 != "auto":
            return float(self.o.alpha0)
        if self.norm <= 1e-3:
            return 1.0
        return min(math.sqrt(self.free.size) / self.norm, 1.0 / float(np.abs(self.free).max()))

    def barzilai_borwein(self) -> float:
        moved, before = self.difference
        curvature = float(moved @ (self.free - before))
        if curvature <= 0.0:
            return self.alpha
        return min(max(float(moved @ moved) / curvature, 0.1 * self.alpha), 10.0 * self.alpha)

    def report(self, row: int) -> bool:
        info: dict[str, Any] = dict(zip(_FIELDS, self.rows[row], strict=True))
        info["theta"] = self.theta
        if self.o.verbose:
            print(
                f"step {self.n_iter}: loss {info['value']:.6g}, |z| {self.norm:.3g} "
                f"(error {info['hypergradient_error']:.2g}), eps {info['eps']:.2g}, "
                f"alpha {info['alpha']:.3g}, lower iterations {info['n_lower_iter']}"
            )
        return self.o.callback is not None and self.o.callback(info) is True

    # ------------------------------------------------------------------------------- attributes

    def store(self) -> None:
        o, g = self.o, self.gradient
        assert g is not None
        o.theta_, o.x_, o.value_ = self.theta, self.x, g.value
        o.value_bounds_ = self.bounds(g.value, g.grad_norm_x, g.eps)
        o.hypergradient_, o.hypergradient_error_ = g.z, g.omega
        o.eps_, o.delta_, o.alpha_ = g.eps, g.delta, self.alpha
        o.n_iter_ = self.n_iter
        o.n_lower_iter_ = self.lower.n_grad + self.lower.n_lower_hvp
        o.n_hvp_, o.n_cross_ = self.lower.n_hvp, self.lower.n_cross
        columns = np.array(self.rows, dtype=np.float64).reshape(-1, len(_FIELDS)).T
        o.history_ = {
            name: column.astype(np.int64) if name.startswith("n_") else column
            for name, column in zip(_FIELDS, columns, strict=True)
        }
        o.converged_ = self.reason == "tol"
        o.certified_ = self.certified
        o.stop_reason_ = self.reason

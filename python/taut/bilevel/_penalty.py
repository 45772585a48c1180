# SPDX-License-Identifier: BSD-3-Clause
"""First-order bilevel learning: the lower problem as a penalty."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from taut._random import philox_key
from taut.bilevel._adapter import as_number, as_vector, require_members
from taut.bilevel._projections import Box
from taut.exceptions import ConvergenceWarning
from taut.typing import RandomState

__all__ = ["PenaltyBilevel"]

Float64 = NDArray[np.float64]

_LEAST_SIGMA = 1e-6
_ARMIJO = 1e-4
#: Decrease, as a share of the slope, that a step must promise where values cannot show it.
_SLOPE = 0.1
_HALVINGS = 30
_LARGEST_STEP = 1e6
#: Rounding of a value, relative.
_ROUNDING = 1e-15
#: Share of the iterates that a stochastic run averages.
_TAIL = 0.1
#: A gap over sigma that moves by more than this factor between levels is not linear in sigma.
_NOT_LINEAR = 3.0


@dataclass
class _Inner:
    """Where an inner problem stands: the point, its value, residual, bound of the value's error."""

    x: Float64
    value: float
    residual: float
    error: float
    solved: bool


class PenaltyBilevel(BaseEstimator):
    r"""Bilevel learning by a penalty, with gradients of both objectives and projections only.

    Minimises ``psi(theta) = min f(x, theta)`` over the minimisers x of the lower objective
    ``g(., theta)`` on a convex set, by descent on

    ``psi_sigma(theta) = min_y max_z f(y, theta) + (g(y, theta) - g(z, theta)) / sigma``,

    whose gradient is ``grad_theta f(y) + (grad_theta g(y) - grad_theta g(z)) / sigma``. No second
    derivative is needed, the lower problem may be constrained and may have several minimisers. The
    price is a bias of order ``sigma`` [1]_; ``psi_sigma <= psi`` is a lower bound and ``f(z)`` an
    upper one.

    Parameters
    ----------
    lower : object
        With ``n_x``, ``n_theta``, ``value``, ``grad`` and ``grad_theta`` (:class:`LowerProblem`).
        ``smoothness`` is the inverse of the first step, ``mu``, for an upper loss that is convex,
        gives the bound of the error of values. For ``stochastic=True`` also ``sample(rng, n)``,
        whose result is handed to ``grad`` and ``grad_theta`` as ``batch=``.
    upper : object
        With ``value``, ``grad_x`` and ``grad_theta`` (:class:`UpperProblem`); ``grad_theta`` may
        depend on x.
    sigma : float, default=1e-3
        The last penalty's inverse, at least 1e-6.
    sigma_path : "auto" or array-like of shape (n_levels,), default="auto"
        Decreasing values down to `sigma`; "auto" goes from 0.1 in factors of ten.
    stochastic : bool, default=False
    variant : {"double_loop", "single_loop"}, default="double_loop"
        Of the stochastic method: batches that grow and inner loops, or one sample batch a step and
        recursive momentum. Both let sigma fall from `sigma0` as long as they run.
    proximal : bool, default=False
        Solve inner problems by proximal steps ``|w - x|^2 / (2 rho)``, for those that are not
        convex.
    rho : float, optional
        Of those; by default half the inverse of ``smoothness``.
    tol : float, default=1e-5
        Stop when ``|theta - P(theta - gradient)|`` is at most this (deterministic method).
    max_iter : int, default=500
        Outer steps: of each sigma, or in all of the stochastic method.
    inner_max : int, default=1000
        Bound of the steps of an inner problem.
    alpha0 : float, optional
        First step in theta; by default 1, stochastic 0.3.
    sigma0 : float, default=0.5
        First sigma of the stochastic method.
    batch_size : int, default=32
        Samples of a batch, of the first one in a double loop.
    batch_max : int, default=4096
        Bound of batches that grow.
    theta_projection, x_projection : callable, optional
        Such as :class:`Box`; none by default.
    random_state : int, Generator or RandomState, optional
        Step k draws from stream k of a counter-based generator.
    average : bool, default=True
        Return the mean of the last tenth of a stochastic run, else a random one of these.

    Attributes
    ----------
    theta_ : ndarray of shape (n_theta,)
    x_ : ndarray of shape (n_x,)
        The penalised lower point y, which is not a minimiser of g.
    x_lower_ : ndarray of shape (n_x,)
        The lower minimiser z.
    value_ : float
        ``f(x_lower_, theta_)``.
    value_lower_bound_ : float
        ``psi_sigma`` less what the inner problems may be off; ``-inf`` where neither strong
        convexity nor the diameter of the lower set bounds that.
    bias_gap_ : float
        ``value_`` minus ``psi_sigma``.
    hypergradient_ : ndarray of shape (n_theta,)
    stationarity_ : float
    inner_residuals_ : ndarray of shape (2,)
        Norms of the projected gradients at y and z.
    sigma_ : float
    n_iter_, n_grad_upper_, n_grad_lower_ : int
    history_ : dict of ndarrays
        "sigma", "value", "stationarity", "bias_gap" and "theta", at the end of every level, or of
        every hundredth of a stochastic run.
    converged_ : bool
    eb_suspect_ : bool
        The gap is not linear in sigma between two levels: solutions jump, or the error bound on
        which the theory rests fails.

    Raises
    ------
    ValueError
        If a parameter is out of its range, a projection moves a point that it returned, a callable
        returns NaN or infinity or a wrong shape (the message names it).
    TypeError
        If a problem lacks a member.

    References
    ----------
    .. [1] J. Kwon, D. Kwon, S. Wright, R. Nowak (2024), On penalty methods for nonconvex bilevel
       optimization and first-order stochastic approximation, ICLR, arXiv 2309.01753. Deviations: an
       Armijo search in place of a constant step, which is not safe for small sigma.

    Examples
    --------
    The lower problem ``(x - theta)^2 / 2`` on [0, 1], the upper one ``(x - 2)^2 / 2``: theta may be
    anything from 1 on.

    >>> import numpy as np
    >>> from taut.bilevel import Box, CallableLower, CallableUpper, PenaltyBilevel
    >>> lower = CallableLower(
    ...     1,
    ...     1,
    ...     value=lambda x, theta: 0.5 * float((x - theta) @ (x - theta)),
    ...     grad=lambda x, theta: x - theta,
    ...     hess=lambda x, theta: np.eye(1),
    ...     cross=lambda x, theta: -np.eye(1),
    ...     grad_theta=lambda x, theta: theta - x,
    ...     mu=1.0,
    ...     smoothness=1.0,
    ... )
    >>> upper = CallableUpper(
    ...     lambda x, theta: 0.5 * float((x - 2.0) @ (x - 2.0)), lambda x, theta: x - 2.0
    ... )
    >>> model = PenaltyBilevel(lower, upper, x_projection=Box([0.0], [1.0])).fit([0.2])
    >>> bool(model.theta_[0] >= 1.0), round(model.value_, 3), model.converged_
    (True, 0.5, True)
    """

    def __init__(
        self,
        lower: Any,
        upper: Any,
        *,
        sigma: float = 1e-3,
        sigma_path: Any = "auto",
        stochastic: bool = False,
        variant: str = "double_loop",
        proximal: bool = False,
        rho: float | None = None,
        tol: float = 1e-5,
        max_iter: int = 500,
        inner_max: int = 1000,
        alpha0: float | None = None,
        sigma0: float = 0.5,
        batch_size: int = 32,
        batch_max: int = 4096,
        theta_projection: Callable[[Float64], Float64] | None = None,
        x_projection: Callable[[Float64], Float64] | None = None,
        random_state: RandomState = None,
        average: bool = True,
    ) -> None:
        self.lower, self.upper = lower, upper
        self.sigma, self.sigma_path = sigma, sigma_path
        self.stochastic, self.variant = stochastic, variant
        self.proximal, self.rho = proximal, rho
        self.tol, self.max_iter, self.inner_max = tol, max_iter, inner_max
        self.alpha0, self.sigma0 = alpha0, sigma0
        self.batch_size, self.batch_max = batch_size, batch_max
        self.theta_projection, self.x_projection = theta_projection, x_projection
        self.random_state, self.average = random_state, average

    def fit(self, theta0: ArrayLike, x0: ArrayLike | None = None) -> PenaltyBilevel:
        """Run the method.

        Parameters
        ----------
        theta0 : array-like of shape (n_theta,)
            Projected, with a warning, if it is not in its set.
        x0 : array-like of shape (n_x,), optional
            Start of the lower problem; zero by default.

        Returns
        -------
        self : PenaltyBilevel

        Raises
        ------
        ValueError, TypeError
            See the class.
        """
        path = self._check()
        problem = _Problem(self)
        theta, x = problem.start(theta0, x0)
        self.converged_, self.eb_suspect_ = False, False
        rows: list[tuple[float, float, float, float, Float64]] = []
        if self.stochastic:
            theta, pair = self._stochastic(problem, theta, x, rows)
        else:
            theta, pair = self._deterministic(problem, theta, x, path, rows)
        self._publish(problem, theta, pair, rows)
        return self

    # ------------------------------------------------------------------------ deterministic

    def _deterministic(
        self, problem: _Problem, theta: Float64, x: Float64, path: Float64, rows: list[Any]
    ) -> tuple[Float64, tuple[Float64, Float64]]:
        y, z = x, x
        for sigma in path:
            alpha, outer, done = float(self.alpha0 or 1.0), 1.0, False
            state = problem.evaluate(theta, y, z, sigma, outer, self.tol)
            for step in range(int(self.max_iter)):
                outer = problem.stationarity(theta, state.gradient)
                # The inner problems must be as exact as the outer residual is small.
                state = problem.evaluate(theta, state.y.x, state.z.x, sigma, outer, self.tol)
                outer = problem.stationarity(theta, state.gradient)
                done = outer <= self.tol
                if done:
                    break
                found = self._search(problem, theta, state, sigma, outer, alpha)
                self.n_iter_ = step + 1
                if found is None:
                    break
                theta, state, alpha = found
            y, z = state.y.x, state.z.x
            gap = problem.upper_value(z, theta) - state.value
            rows.append((sigma, state.value, outer, gap, theta.copy()))
        self.converged_ = bool(done)
        self.eb_suspect_ = _not_linear([r[0] for r in rows], [r[3] for r in rows], state.value)
        if not done:
            warnings.warn(
                f"PenaltyBilevel stopped with |theta - P(theta - gradient)| = {outer:.1e} > tol = "
                f"{self.tol:.1e} at sigma = {path[-1]:g}, inner residuals {state.y.residual:.1e} "
                f"and {state.z.residual:.1e}. Raise max_iter, inner_max or tol.",
                ConvergenceWarning,
                stacklevel=3,
            )
        if self.eb_suspect_:
            warnings.warn(
                "PenaltyBilevel's gap between upper and lower bound is not linear in sigma: lower "
                "solutions jump, or the error bound of the theory fails. Look at history_.",
                UserWarning,
                stacklevel=3,
            )
        return theta, (y, z)

    def _search(
        self,
        problem: _Problem,
        theta: Float64,
        state: _State,
        sigma: float,
        outer: float,
        alpha: float,
    ) -> tuple[Float64, _State, float] | None:
        for _ in range(_HALVINGS):
            trial = problem.project_theta(theta - alpha * state.gradient)
            moved = float((trial - theta) @ (trial - theta))
            new = problem.evaluate(trial, state.y.x, state.z.x, sigma, outer, self.tol)
            if moved > 0.0 and self._decreases(theta, state, trial, new, alpha):
                return trial, new, min(2.0 * alpha, _LARGEST_STEP)
            alpha *= 0.5
        return None

    @staticmethod
    def _decreases(
        theta: Float64, state: _State, trial: Float64, new: _State, alpha: float
    ) -> bool:
        """Armijo's condition; where values differ by their noise alone, by slopes instead.

        The second is the approximate condition of Hager and Zhang (2005), SIAM Journal on
        Optimization 16(1), equation 2.9: on a quadratic both are the same.
        """
        d = trial - theta
        if new.value <= state.value - _ARMIJO / alpha * float(d @ d):
            return True
        slope = float(state.gradient @ d)
        near = new.value <= state.value + state.noise + new.noise
        return near and float(new.gradient @ d) <= (2.0 * _SLOPE - 1.0) * slope

    # --------------------------------------------------------------------------- stochastic

    def _stochastic(
        self, problem: _Problem, theta: Float64, x: Float64, rows: list[Any]
    ) -> tuple[Float64, tuple[Float64, Float64]]:
        single = self.variant == "single_loop"
        run = problem.single_loop if single else problem.double_loop
        key = np.array(philox_key(self.random_state), dtype=np.uint64)
        total = int(self.max_iter)
        first = total - max(1, int(_TAIL * total))
        chosen = first + int(_stream(key, total).integers(total - first))
        mean, at_draw, y, z = np.zeros_like(theta), theta, x, x
        every = max(1, total // 100)
        alpha0 = 0.3 if self.alpha0 is None else float(self.alpha0)
        for k, now in enumerate(run(theta, x, key, total, alpha0)):
            theta, y, z, sigma = now
            if k >= first:
                mean += theta / (total - first)
            if k == chosen:
                at_draw = theta
            if k % every == every - 1:
                rows.append((sigma, np.nan, np.nan, np.nan, theta.copy()))
        self.n_iter_ = total
        self.converged_ = True
        return (mean if self.average else at_draw), (y, z)

    # ------------------------------------------------------------------------------- shared

    def _publish(
        self,
        problem: _Problem,
        theta: Float64,
        x: tuple[Float64, Float64],
        rows: list[Any],
    ) -> None:
        sigma = float(self.sigma)
        counts = dict(problem.counts)
        state = problem.evaluate(theta, x[0], x[1], sigma, self.tol, self.tol)
        self.theta_, self.x_, self.x_lower_ = theta, state.y.x, state.z.x
        self.value_ = problem.upper_value(state.z.x, theta)
        self.value_lower_bound_ = state.value - state.bound
        self.bias_gap_ = self.value_ - state.value
        self.hypergradient_ = state.gradient
        self.stationarity_ = problem.stationarity(theta, state.gradient)
        self.inner_residuals_ = np.array([state.y.residual, state.z.residual])
        self.sigma_ = sigma
        self.n_grad_upper_, self.n_grad_lower_ = counts["upper"], counts["lower"]
        names = ("sigma", "value", "stationarity", "bias_gap", "theta")
        self.history_ = {name: np.array([row[i] for row in rows]) for i, name in enumerate(names)}
        if not (state.y.solved and state.z.solved):
            self.converged_ = False
            warnings.warn(
                f"Inner problems of PenaltyBilevel stopped after {self.inner_max} steps with "
                f"residuals {state.y.residual:.1e} and {state.z.residual:.1e}; the hypergradient "
                f"is off by about these over sigma = {sigma:g}. Raise inner_max.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _check(self) -> Float64:
        if not (np.isfinite(self.sigma) and self.sigma >= _LEAST_SIGMA):
            raise ValueError(
                f"sigma must be >= {_LEAST_SIGMA:g}, got {self.sigma!r}: gradients are differences "
                "divided by it, of which less than ten digits would be left."
            )
        positive = {
            name: getattr(self, name)
            for name in ("tol", "max_iter", "inner_max", "sigma0", "batch_size", "batch_max")
        }
        positive |= {n: v for n, v in (("rho", self.rho), ("alpha0", self.alpha0)) if v is not None}
        for name, value in positive.items():
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be finite and > 0, got {value!r}.")
        if self.variant not in ("double_loop", "single_loop"):
            raise ValueError(
                f"variant must be 'double_loop' or 'single_loop', got {self.variant!r}."
            )
        if self.stochastic and not hasattr(self.lower, "sample"):
            raise ValueError(
                "stochastic=True needs lower.sample(rng, n), whose result is handed to grad and "
                f"grad_theta as batch=; {type(self.lower).__name__} has none."
            )
        if isinstance(self.sigma_path, str):
            if self.sigma_path != "auto":
                raise ValueError(
                    f"sigma_path must be 'auto' or decreasing numbers, got {self.sigma_path!r}."
                )
            count = max(0, math.ceil(-1.0 - math.log10(self.sigma) - 1e-9))
            return np.array([*(0.1 * 0.1**i for i in range(count)), self.sigma])
        path = np.asarray(self.sigma_path, dtype=np.float64)
        if path.ndim != 1 or not path.size or not (np.diff(path) < 0).all():
            raise ValueError("sigma_path must hold decreasing numbers.")
        if path[-1] != self.sigma:
            raise ValueError(f"sigma_path must end at sigma = {self.sigma:g}, got {path[-1]:g}.")
        return path


@dataclass
class _State:
    """psi_sigma at a point, and its gradient."""

    value: float
    gradient: Float64
    y: _Inner
    z: _Inner
    noise: float  # what the value may be off, as far as it is known: for comparisons
    bound: float  # the same, proved or infinite


class _Problem:
    """Both problems, checked at every call, with projections."""

    def __init__(self, owner: PenaltyBilevel) -> None:
        require_members(owner.lower, ("n_x", "n_theta", "value", "grad", "grad_theta"), "lower")
        require_members(owner.upper, ("value", "grad_x"), "upper")
        self.owner, self.lower, self.upper = owner, owner.lower, owner.upper
        self.n_x, self.n_theta = int(self.lower.n_x), int(self.lower.n_theta)
        self.counts = {"upper": 0, "lower": 0}
        own = getattr(self.lower, "project", None)
        self._project_x: Callable[[Float64], Float64] = owner.x_projection or own or _same
        self._project_theta: Callable[[Float64], Float64] = owner.theta_projection or _same
        self._smoothness = [1.0, 1.0]
        self.diameter = float(getattr(self._project_x, "diameter", np.inf))
        if isinstance(self._project_x, Box):
            sides = np.broadcast_to(self._project_x.hi - self._project_x.lo, (self.n_x,))
            self.diameter = float(np.linalg.norm(sides))

    # Callables, with their names in errors.

    def upper_value(self, x: Float64, theta: Float64) -> float:
        return as_number(self.upper.value(x, theta), "upper.value")

    def lower_value(self, x: Float64, theta: Float64) -> float:
        return as_number(self.lower.value(x, theta), "lower.value")

    def upper_grad(self, x: Float64, theta: Float64) -> Float64:
        self.counts["upper"] += 1
        return as_vector(self.upper.grad_x(x, theta), self.n_x, "upper.grad_x")

    def upper_grad_theta(self, x: Float64, theta: Float64) -> Float64:
        if not hasattr(self.upper, "grad_theta"):
            return np.zeros(self.n_theta)
        return as_vector(self.upper.grad_theta(x, theta), self.n_theta, "upper.grad_theta")

    def lower_grad(self, x: Float64, theta: Float64, **batch: Any) -> Float64:
        self.counts["lower"] += 1
        return as_vector(self.lower.grad(x, theta, **batch), self.n_x, "lower.grad")

    def lower_grad_theta(self, x: Float64, theta: Float64, **batch: Any) -> Float64:
        value = self.lower.grad_theta(x, theta, **batch)
        return as_vector(value, self.n_theta, "lower.grad_theta")

    def project_x(self, x: Float64) -> Float64:
        return as_vector(self._project_x(x), self.n_x, "x_projection")

    def project_theta(self, theta: Float64) -> Float64:
        return as_vector(self._project_theta(theta), self.n_theta, "theta_projection")

    def start(self, theta0: ArrayLike, x0: ArrayLike | None) -> tuple[Float64, Float64]:
        theta = as_vector(theta0, self.n_theta, "theta0")
        x = np.zeros(self.n_x) if x0 is None else as_vector(x0, self.n_x, "x0")
        inside = self.project_theta(theta)
        for name, once, project in (
            ("theta_projection", inside, self.project_theta),
            ("x_projection", self.project_x(x), self.project_x),
        ):
            moved = float(np.abs(project(once.copy()) - once).max(initial=0.0))
            if moved > 1e-10 * max(1.0, float(np.abs(once).max(initial=0.0))):
                raise ValueError(
                    f"{name} moves a point that it returned by {moved:.1e}: it is no projection."
                )
        if np.abs(inside - theta).max() > 1e-10 * max(1.0, float(np.abs(theta).max())):
            warnings.warn("theta0 is not in its set and was projected.", UserWarning, stacklevel=4)
        return inside, self.project_x(x)

    def stationarity(self, theta: Float64, gradient: Float64) -> float:
        return float(np.linalg.norm(theta - self.project_theta(theta - gradient)))

    def _mu(self, theta: Float64) -> float:
        try:
            mu = float(self.lower.mu(theta))
        except (AttributeError, NotImplementedError, TypeError):
            return 0.0
        return mu if np.isfinite(mu) and mu > 0.0 else 0.0

    def smooth(self, theta: Float64) -> float | None:
        try:
            constant = self.lower.smoothness(theta)
        except (AttributeError, NotImplementedError):
            return None
        return None if constant is None else as_number(constant, "lower.smoothness")

    # The deterministic method.

    def evaluate(
        self, theta: Float64, y0: Float64, z0: Float64, sigma: float, outer: float, tol: float
    ) -> _State:
        """psi_sigma and its gradient, inner problems solved in proportion to the outer residual."""
        target = 0.1 * sigma * max(tol, min(outer, 1.0))

        def h(x: Float64) -> float:
            return sigma * self.upper_value(x, theta) + self.lower_value(x, theta)

        def grad_h(x: Float64) -> Float64:
            return sigma * self.upper_grad(x, theta) + self.lower_grad(x, theta)

        def g(x: Float64) -> float:
            return self.lower_value(x, theta)

        def grad_g(x: Float64) -> Float64:
            return self.lower_grad(x, theta)

        mu = self._mu(theta)
        convex = bool(getattr(self.upper, "convex", False))
        y = self._inner(h, grad_h, y0, target, theta, 0, mu if convex else 0.0)
        z = self._inner(g, grad_g, z0, target, theta, 1, mu)
        # Different local minima would make the difference meaningless: the better point wins.
        if h(z.x) < y.value - _ROUNDING * abs(y.value):
            y = self._inner(h, grad_h, z.x, target, theta, 0, mu if convex else 0.0)
        if g(y.x) < z.value - _ROUNDING * abs(z.value):
            z = self._inner(g, grad_g, y.x, target, theta, 1, mu)
        value = self.upper_value(y.x, theta) + (g(y.x) - z.value) / sigma
        gradient = (
            self.upper_grad_theta(y.x, theta)
            + (self.lower_grad_theta(y.x, theta) - self.lower_grad_theta(z.x, theta)) / sigma
        )
        rounding = _ROUNDING * (abs(y.value) + abs(z.value)) / sigma
        bound = (y.error + z.error) / sigma + rounding
        guess = sum(
            part.error
            if np.isfinite(part.error)
            else part.residual**2 / max(mu, 0.1 * self._smoothness[i])
            for i, part in enumerate((y, z))
        )
        return _State(value, gradient, y, z, guess / sigma + 8.0 * rounding, bound)

    def _inner(
        self,
        value: Callable[[Float64], float],
        grad: Callable[[Float64], Float64],
        x0: Float64,
        target: float,
        theta: Float64,
        which: int,
        mu: float,
    ) -> _Inner:
        smooth = self.smooth(theta)
        if smooth is not None:
            self._smoothness[which] = max(smooth, 1e-12)
        if not self.owner.proximal:
            return self._fista(value, grad, x0, target, which, mu)
        rho = self.owner.rho or 0.5 / self._smoothness[which]
        x = x0
        for _ in range(int(self.owner.inner_max)):
            centre = x

            def near(w: Float64, c: Float64 = centre) -> float:
                return value(w) + float((w - c) @ (w - c)) / (2.0 * rho)

            def near_grad(w: Float64, c: Float64 = centre) -> Float64:
                return grad(w) + (w - c) / rho

            step = self._fista(near, near_grad, centre, 0.1 * target, which, 0.0)
            x = step.x
            residual = float(np.linalg.norm(x - centre)) / rho
            if residual <= target:
                break
        error = min(residual**2 / (2.0 * mu) if mu > 0.0 else np.inf, residual * self.diameter)
        return _Inner(x, value(x), residual, error, residual <= target)

    def _fista(
        self,
        value: Callable[[Float64], float],
        grad: Callable[[Float64], Float64],
        x0: Float64,
        target: float,
        which: int,
        mu: float,
    ) -> _Inner:
        """Accelerated projected gradients, restarted when they turn back, step by backtracking.

        With G = L (x - x+) the gradient mapping at x, the value at x+ is within |G|^2 / (2 mu) of
        the least (Nesterov, Introductory Lectures, theorem 2.2.7), and for a convex problem within
        |G| times the diameter.
        """
        x = e = x0
        fx, t, smooth = value(x0), 1.0, self._smoothness[which]
        residual, solved = np.inf, False
        for _ in range(int(self.owner.inner_max)):
            fe, ge = value(e), grad(e)
            while True:
                new = self.project_x(e - ge / smooth)
                d = new - e
                f_new = value(new)
                quadratic = fe + float(ge @ d) + 0.5 * smooth * float(d @ d)
                # Near the minimum differences of values drown in rounding.
                if f_new <= quadratic + 4.0 * _ROUNDING * (abs(fe) + abs(f_new)):
                    break
                smooth *= 2.0
                if smooth > 1e18:
                    raise ValueError(
                        "No step length is short enough for the gradient of an inner problem: "
                        "value and gradient do not belong together. Try check_problem."
                    )
            residual = smooth * float(np.linalg.norm(d))
            size = float(np.linalg.norm(ge)) + smooth * float(np.linalg.norm(e))
            rounding = _ROUNDING * size
            if residual <= max(target, rounding):
                x, fx, solved = new, f_new, True
                break
            if float(d @ (new - x)) < 0.0:
                x, e, fx, t = new, new, f_new, 1.0
                continue
            t_next = 0.5 * (1.0 + math.sqrt(1.0 + 4.0 * t * t))
            e = new + (t - 1.0) / t_next * (new - x)
            x, fx, t = new, f_new, t_next
        self._smoothness[which] = smooth
        error = min(residual**2 / (2.0 * mu) if mu > 0.0 else np.inf, residual * self.diameter)
        return _Inner(x, fx, residual, error, solved)

    # The stochastic methods; x, y, z of the paper are theta, y, z here.

    def _steps(self, theta: Float64) -> tuple[float, float]:
        smooth = self.smooth(theta)
        if smooth is None:
            raise ValueError(
                "stochastic=True needs lower.smoothness(theta): the step of the inner problems."
            )
        return 0.5 / smooth, self.owner.rho or 0.5 / smooth

    def double_loop(
        self, theta: Float64, x: Float64, key: NDArray[np.uint64], total: int, alpha0: float
    ) -> Any:
        owner, y, z = self.owner, x, x
        for k in range(total):
            rng = _stream(key, k)
            gamma, rho = self._steps(theta)
            sigma = max(float(owner.sigma0) * (k + 1.0) ** (-1 / 3), float(owner.sigma))
            alpha = alpha0 * (k + 1.0) ** (-1 / 3)
            growth = (k + 1.0) ** (4 / 3)
            size = min(math.ceil(owner.batch_size * growth), int(owner.batch_max))
            inner = min(math.ceil(10 * growth), int(owner.inner_max))
            u, v, mean_u, mean_v, count = y, z, np.zeros_like(y), np.zeros_like(z), 0
            for t in range(inner):
                batch = self.lower.sample(rng, int(owner.batch_size))
                step = min(gamma, 2.0 * rho / (t + 10.0)) if owner.proximal else gamma
                du = sigma * self.upper_grad(u, theta) + self.lower_grad(u, theta, batch=batch)
                dv = self.lower_grad(v, theta, batch=batch)
                if owner.proximal:
                    du, dv = du + (u - y) / rho, dv + (v - z) / rho
                u, v = self.project_x(u - step * du), self.project_x(v - step * dv)
                if t >= inner // 2:
                    mean_u, mean_v, count = mean_u + u, mean_v + v, count + 1
            y, z = mean_u / count, mean_v / count
            batch = self.lower.sample(rng, size)
            slope = sigma * self.upper_grad_theta(y, theta) + self.difference(y, z, theta, batch)
            theta = self.project_theta(theta - alpha / sigma * slope)
            yield theta, y, z, sigma

    def difference(self, y: Float64, z: Float64, theta: Float64, batch: Any) -> Float64:
        """grad_theta g at y less that at z, on the same samples: its noise goes with y - z."""
        return self.lower_grad_theta(y, theta, batch=batch) - self.lower_grad_theta(
            z, theta, batch=batch
        )

    def single_loop(
        self, theta: Float64, x: Float64, key: NDArray[np.uint64], total: int, alpha0: float
    ) -> Any:
        owner, y, z = self.owner, x, x
        y_bar, z_bar = y, z
        before: tuple[Float64, Float64, Float64, float] | None = None
        vy = vz = np.zeros_like(y)
        vt = np.zeros_like(theta)
        y_old, z_old = y, z
        for k in range(1, total + 1):
            batch = self.lower.sample(_stream(key, k - 1), int(owner.batch_size))
            gamma, rho = self._steps(theta)
            sigma = max(float(owner.sigma0) * k ** (-1 / 5), float(owner.sigma))
            alpha, eta = alpha0 * k ** (-3 / 5), min(1.0, 4.0 * k ** (-4 / 5))

            def slopes(
                t: Float64, u: Float64, v: Float64, s: float, b: Any
            ) -> tuple[Float64, Float64]:
                return (
                    s * self.upper_grad(u, t) + self.lower_grad(u, t, batch=b),
                    self.lower_grad(v, t, batch=b),
                )

            def outer(t: Float64, u: Float64, v: Float64, s: float, b: Any) -> Float64:
                return s * self.upper_grad_theta(u, t) + self.difference(u, v, t, b)

            sy, sz = slopes(theta, y, z, sigma, batch)
            if before is None:
                vy, vz = sy, sz
            else:
                py, pz = slopes(before[0], before[1], before[2], before[3], batch)
                vy, vz = sy + (1.0 - eta) * (vy - py), sz + (1.0 - eta) * (vz - pz)
            dy, dz = vy, vz
            if owner.proximal:
                dy, dz = vy + (y - y_bar) / rho, vz + (z - z_bar) / rho
            y_new, z_new = self.project_x(y - gamma * dy), self.project_x(z - gamma * dz)
            y_bar, z_bar = 0.9 * y_bar + 0.1 * y_new, 0.9 * z_bar + 0.1 * z_new
            st = outer(theta, y_new, z_new, sigma, batch)
            # At the previous step's own points: those after its inner steps, which are y and z.
            vt = (
                st
                if before is None
                else st + (1.0 - eta) * (vt - outer(before[0], y, z, before[3], batch))
            )
            before = (theta, y, z, sigma)
            theta = self.project_theta(theta - alpha / sigma * vt)
            y_old, z_old, y, z = y, z, y_new, z_new
            yield theta, y_old, z_old, sigma


def _same(point: Float64) -> Float64:
    return point


def _stream(key: NDArray[np.uint64], k: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=key, counter=[0, k, 0, 0]))


def _not_linear(sigmas: list[float], gaps: list[float], value: float) -> bool:
    floor = 1e-9 * max(1.0, abs(value))
    for i in range(1, len(gaps)):
        slopes = [max(gaps[i - 1], 0.0) / sigmas[i - 1], max(gaps[i], 0.0) / sigmas[i]]
        if max(gaps[i - 1 : i + 1]) > floor and max(slopes) > _NOT_LINEAR * min(slopes):
            return True
    return False

# SPDX-License-Identifier: BSD-3-Clause
r"""Stationarity of linear models with nonconvex penalties, in plain NumPy and SciPy.

The problem is that of :mod:`taut.testing.kkt` with ``psi_j(u) = pen(d_j u; alpha c_j)`` and

=====  =============================================================================
pen    value for x = ``|u|``
=====  =============================================================================
mcp    ``alpha x - x^2 / (2 gamma)`` up to ``gamma alpha``, then ``gamma alpha^2 / 2``
scad   slope alpha up to alpha, falling linearly to 0 at ``gamma alpha``
l0     ``alpha`` if x > 0
cel0   ``alpha - L_j/2 (x - sqrt(2 alpha / L_j))^2`` up to ``sqrt(2 alpha / L_j)``, then alpha
lq     ``alpha x^gamma``, 0 < gamma < 1
=====  =============================================================================

There is no duality gap. For mcp and scad :func:`violation` is the largest distance of minus the
gradient g from the subdifferential. For l0, cel0 and lq, whose subdifferential at zero says
nothing (or too little), it is the largest ``L_j |u_j - argmin_v (v - u_j + g_j / L_j)^2 / 2 +
pen(v) / L_j|``, with ``L_j`` the largest curvature of the loss along coordinate j. Both have the
unit of a gradient and are zero exactly at points where no coordinate, or small step, gains.

Subdifferentials of functions that are not convex: R. T. Rockafellar, R. J.-B. Wets (1998),
Variational analysis, Springer, chapter 8.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from taut.testing._problem import (
    Array,
    Datafit,
    Problem,
    coefficients,
    loss_value,
    make_problem,
    working_residual,
)
from taut.testing.kkt import _null_predictor, _predictor

__all__ = ["Penalty", "alpha_max", "objective", "violation"]

Penalty = Literal["mcp", "scad", "l0", "cel0", "lq"]

# Largest second derivative of the loss in eta.
_CURVATURE = {"quadratic": 1.0, "logistic": 0.25, "multinomial": 0.5, "huber": 1.0}
# Two candidates of a coordinate whose objectives differ by less than this share are a tie.
_TIE = 1e-9
_ROOT_STEPS = 80


def _value(penalty: str, x: Array, alpha: Array, gamma: float, L: Array) -> Array:
    if penalty == "mcp":
        inner = alpha * x - 0.5 * x**2 / gamma
        return np.where(x < gamma * alpha, inner, 0.5 * gamma * alpha**2)
    if penalty == "scad":
        bent = alpha * x - 0.5 * (x - alpha) ** 2 / (gamma - 1.0)
        flat = 0.5 * alpha**2 * (gamma + 1.0)
        return np.where(x <= alpha, alpha * x, np.where(x < gamma * alpha, bent, flat))
    if penalty == "l0":
        return np.where(x > 0, alpha, 0.0)
    if penalty == "cel0":
        width = np.sqrt(2.0 * alpha / L)
        return np.where(x < width, alpha - 0.5 * L * (x - width) ** 2, alpha)
    return np.where(x > 0, alpha * x**gamma, 0.0)


def _slope(penalty: str, x: Array, alpha: Array, gamma: float) -> Array:
    """Right derivative at x >= 0 of mcp or scad."""
    if penalty == "mcp":
        return np.maximum(alpha - x / gamma, 0.0)
    return np.where(x <= alpha, alpha, np.maximum(gamma * alpha - x, 0.0) / (gamma - 1.0))


def _coordinate_minimum(
    penalty: str, z: Array, alpha: Array, gamma: float, L: Array, bound: Array
) -> Array:
    """The candidate other than 0 of min L (v - z)^2 / 2 + pen(v) over 0 <= v <= bound, z >= 0."""
    if penalty != "lq":
        return np.minimum(z, bound)
    # The largest root of v + (alpha gamma / L) v^(gamma - 1) = z, by Newton from the right.
    v = z.copy()
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for _ in range(_ROOT_STEPS):
            power = alpha * gamma / L * v ** (gamma - 1.0)
            step = (v + power - z) / (1.0 + (gamma - 1.0) * power / v)
            v = np.where((step > 0) & (step < v), v - step, v)
    return np.minimum(v, bound)


def _fixpoint_distance(
    penalty: str, u: Array, g: Array, alpha: Array, gamma: float, L: Array, lo: Array, up: Array
) -> Array:
    z = u - g / L
    x, bound = np.abs(z), np.where(z >= 0, up, -lo)
    other = _coordinate_minimum(penalty, x, alpha, gamma, L, bound)
    at_zero = 0.5 * L * x**2
    at_other = 0.5 * L * (other - x) ** 2 + _value(penalty, other, alpha, gamma, L)
    signed = np.sign(z) * other
    tie = np.abs(at_other - at_zero) <= _TIE * (at_zero + at_other)
    best = np.where(at_other < at_zero, signed, 0.0)
    distance = np.abs(u - best)
    nearest = np.minimum(np.abs(u - signed), np.abs(u))
    return L * np.where(tie, nearest, distance)


def _curvatures(problem: Problem) -> Array:
    """L_j / (bound of l''): squared norms of the columns that the solver sees, (p, 1)."""
    X, s = problem.X, problem.s
    squared = X.multiply(X) if sparse.issparse(X) else X * X
    square = np.asarray(squared.T @ s).reshape(-1)
    if problem.fit_intercept:
        dense = X.toarray() if sparse.issparse(X) else X
        mean = dense.T @ s
        square = ((dense - mean.T) ** 2).T @ s
    return np.asarray(square).reshape(-1, 1) / problem.scale[:, None] ** 2


def _check(penalty: str, gamma: float | None) -> float:
    limits = {"mcp": (0.0, np.inf), "scad": (2.0, np.inf), "lq": (0.0, 1.0)}
    if penalty in limits:
        low, high = limits[penalty]
        if gamma is None or not low < gamma <= high or gamma == 1.0 == high:
            raise ValueError(f"{penalty!r} needs gamma in ({low:g}, {high:g}), got {gamma!r}.")
        return float(gamma)
    if penalty not in ("l0", "cel0"):
        raise ValueError(f"penalty must be 'mcp', 'scad', 'l0', 'cel0' or 'lq', got {penalty!r}.")
    return np.nan


class _Judged:
    """Problem, coefficients in the units of the penalty, and what the penalty needs to know."""

    def __init__(
        self,
        X: Any,
        y: ArrayLike,
        coef: ArrayLike | None,
        intercept: ArrayLike | None,
        alpha: float,
        datafit: Datafit,
        penalty: str,
        gamma: float | None,
        options: dict[str, Any],
    ) -> None:
        self.gamma = _check(penalty, gamma)
        if penalty not in ("mcp", "scad") and datafit not in _CURVATURE:
            raise ValueError(f"{penalty!r} needs a datafit of bounded curvature, got {datafit!r}.")
        p = int(np.shape(X)[1])
        K = None if datafit != "multinomial" or coef is None else int(np.shape(coef)[0])
        self.problem = make_problem(
            X,
            y,
            alpha=alpha,
            datafit=datafit,
            l1_ratio=1.0,
            grouped=False,
            fit_intercept=intercept is not None,
            n_classes=K,
            **({"penalty_factor": None, "lower": None, "upper": None} | options),
        )
        scale = self.problem.scale[:, None]
        self.alpha = alpha * self.problem.factor[:, None]
        self.L = _CURVATURE.get(datafit, 1.0) * _curvatures(self.problem)
        self.lower, self.upper = self.problem.lower * scale, self.problem.upper * scale
        if coef is None:
            W = np.zeros((p, self.problem.Y.shape[1]))
            self.eta = _null_predictor(self.problem)
        else:
            W, b = coefficients(coef, intercept, datafit, p)
            self.eta = _predictor(self.problem, W, b)
        self.u = W * scale
        self.v = self.problem.s * working_residual(self.problem, self.eta)
        self.g = -np.asarray(self.problem.X.T @ self.v) / scale


def _defaults(
    penalty_factor: ArrayLike | None,
    lower: ArrayLike | None,
    upper: ArrayLike | None,
    sample_weight: ArrayLike | None,
    offset: ArrayLike | None,
    standardize: bool,
    delta: float,
) -> dict[str, Any]:
    return {
        "penalty_factor": penalty_factor,
        "lower": lower,
        "upper": upper,
        "sample_weight": sample_weight,
        "offset": offset,
        "standardize": standardize,
        "delta": delta,
    }


def objective(
    X: Any,
    y: ArrayLike,
    coef: ArrayLike,
    intercept: ArrayLike | None,
    *,
    alpha: float,
    penalty: Penalty,
    gamma: float | None = None,
    datafit: Datafit = "quadratic",
    penalty_factor: ArrayLike | None = None,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    standardize: bool = False,
    delta: float = 1.35,
) -> float:
    """Value of the penalised objective.

    Parameters
    ----------
    X, y, coef, intercept, alpha, datafit, penalty_factor, lower, upper, sample_weight, offset, \
standardize
        As in :func:`taut.testing.kkt.objective`; a factor multiplies ``alpha``.
    penalty : {"mcp", "scad", "l0", "cel0", "lq"}
    gamma : float, default=None
        Concavity of "mcp" (> 0) and "scad" (> 2), exponent of "lq" (in (0, 1)).
    delta : float, default=1.35
        Of the Huber loss.

    Returns
    -------
    float
        ``inf`` if a coefficient violates a bound.

    Raises
    ------
    ValueError
        If shapes disagree or a value lies outside its range.

    Examples
    --------
    >>> from taut.testing.nonconvex import objective
    >>> objective([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0], [1.0], 0.0, alpha=0.5, penalty="l0")
    0.5
    """
    options = _defaults(penalty_factor, lower, upper, sample_weight, offset, standardize, delta)
    judged = _Judged(X, y, coef, intercept, alpha, datafit, penalty, gamma, options)
    slack = 1e-14 * (1.0 + np.abs(judged.u))
    if np.any(judged.u < judged.lower - slack) or np.any(judged.u > judged.upper + slack):
        return float("inf")
    L = np.where(judged.L > 0, judged.L, 1.0)
    cost = _value(penalty, np.abs(judged.u), judged.alpha, judged.gamma, L)
    return loss_value(judged.problem, judged.eta) + float(cost.sum())


def violation(
    X: Any,
    y: ArrayLike,
    coef: ArrayLike,
    intercept: ArrayLike | None,
    *,
    alpha: float,
    penalty: Penalty,
    gamma: float | None = None,
    datafit: Datafit = "quadratic",
    penalty_factor: ArrayLike | None = None,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    standardize: bool = False,
    delta: float = 1.35,
) -> float:
    """Largest distance of a coordinate from stationarity, in units of the gradient.

    Parameters
    ----------
    X, y, coef, intercept, alpha, penalty, gamma, datafit, penalty_factor, lower, upper, \
sample_weight, offset, standardize, delta
        As in :func:`objective`.

    Returns
    -------
    float
        With ``standardize`` in the units of the standardised columns. The size of the
        intercept's gradient counts too.

    Raises
    ------
    ValueError
        If shapes disagree or a value lies outside its range.

    Examples
    --------
    >>> from taut.testing.nonconvex import violation
    >>> X, y = [[-1.0], [0.0], [1.0]], [-1.0, 0.0, 1.0]
    >>> violation(X, y, [1.0], 0.0, alpha=0.1, penalty="mcp", gamma=3.0)
    0.0
    """
    options = _defaults(penalty_factor, lower, upper, sample_weight, offset, standardize, delta)
    j = _Judged(X, y, coef, intercept, alpha, datafit, penalty, gamma, options)
    alive = (j.L > 0) & ((j.lower < 0) | (j.upper > 0))
    L = np.where(alive, j.L, 1.0)
    if penalty in ("mcp", "scad"):
        inside = np.sign(j.u) * _slope(penalty, np.abs(j.u), j.alpha, j.gamma)
        right = j.g + np.where(j.u == 0, j.alpha, inside)
        left = j.g + np.where(j.u == 0, -j.alpha, inside)
        slack = 1e-14 * (1.0 + np.abs(j.u))
        distance = np.maximum(
            np.where(j.u >= j.upper - slack, 0.0, -right),
            np.where(j.u <= j.lower + slack, 0.0, left),
        )
    else:
        distance = _fixpoint_distance(penalty, j.u, j.g, j.alpha, j.gamma, L, j.lower, j.upper)
        free = (j.alpha == 0) & np.isinf(j.lower) & np.isinf(j.upper)
        distance = np.where(free, np.abs(j.g), distance)
    worst = float(np.where(alive, np.maximum(distance, 0.0), 0.0).max(initial=0.0))
    if j.problem.fit_intercept:
        worst = max(worst, float(np.abs(j.v.sum(axis=0)).max()))
    return worst


def alpha_max(
    X: Any,
    y: ArrayLike,
    *,
    penalty: Penalty,
    gamma: float | None = None,
    datafit: Datafit = "quadratic",
    fit_intercept: bool = True,
    penalty_factor: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    standardize: bool = False,
    delta: float = 1.35,
) -> float:
    """Smallest strength at which the model without penalised coefficients is stationary.

    Parameters
    ----------
    X, y, penalty, gamma, datafit, penalty_factor, sample_weight, offset, standardize, delta
        As in :func:`objective`.
    fit_intercept : bool, default=True

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If shapes disagree or a value lies outside its range.

    Examples
    --------
    >>> from taut.testing.nonconvex import alpha_max
    >>> alpha_max([[-1.0], [1.0]], [-3.0, 3.0], penalty="l0")
    4.5
    """
    options = _defaults(penalty_factor, None, None, sample_weight, offset, standardize, delta)
    intercept = 0.0 if fit_intercept else None
    j = _Judged(X, y, None, intercept, 1.0, datafit, penalty, gamma, options)
    open_ = (j.L > 0) & (j.alpha > 0) & ((j.lower < 0) | (j.upper > 0))
    g, L, c = np.abs(j.g), np.where(open_, j.L, 1.0), np.where(open_, j.alpha, 1.0)
    if penalty in ("mcp", "scad"):
        entry = g
    elif penalty in ("l0", "cel0"):
        entry = g**2 / (2.0 * L)
    else:
        q = j.gamma
        # |g| / L is where zero and the other minimum of x^2/2 - |g| x / L + (alpha/L) x^q tie.
        entry = L / (2.0 * (1.0 - q)) * (2.0 * (1.0 - q) * g / ((2.0 - q) * L)) ** (2.0 - q)
    return float(np.where(open_, entry / c, 0.0).max(initial=0.0))

# SPDX-License-Identifier: BSD-3-Clause
r"""Optimality certificates for penalised linear models, in plain NumPy and SciPy.

Every function judges coefficients, wherever they come from, for the problem::

    P(b, w) = sum_i s_i l(y_i, eta_i) + sum_j psi_j(w_j),     eta_i = b + o_i + x_i'w,
    psi_j(u) = alpha c_j (rho d_j |u| + (1 - rho)/2 d_j^2 u^2)   for lower_j <= u <= upper_j,

(for one datafit the root of the mean square in place of the sum), with weights s normalised to
sum 1, penalty factors c (0: not penalised, inf: excluded),
rho = ``l1_ratio`` and d_j = 1, or with ``standardize`` the weighted 1/n standard deviation of
column j. The multinomial model has one column of coefficients per class; ``grouped`` replaces
the sum of ``|u|`` over the classes by the Euclidean norm.

``intercept=None`` means a model without intercept, which is a different problem from a model
whose intercept happens to be zero: with an intercept its gradient has to vanish too.

Derivation of the gap
---------------------
Write F(eta) = sum_i s_i l(y_i, eta_i). For every v with sum_i v_i = 0 (if there is an
intercept), Fenchel's inequality for F at (eta, -v) and for psi at (w, X'v) gives the dual::

    D(v) = -F*(-v) - v'o - sum_j psi_j*(x_j'v) <= min P,

and P(b, w) - D(v) splits into two sums of non-negative terms, because v'eta = v'o + (X'v)'w::

    gap = [F(eta) + F*(-v) + v'eta] + sum_j [psi_j(w_j) + psi_j*(z_j) - z_j w_j],   z = X'v.

Written like this nothing cancels: with v_i = s_i (y_i - q_i) the first bracket is
sum_i s_i (eta_i - q_i)^2 / 2 (quadratic) or sum_i s_i KL(q_i || p_i) (logistic, multinomial,
Poisson; p the fitted means). With e = y - eta it is sum_i s_i [(r_i - u_i)^2 / 2 +
(e_i - r_i)(r_i - u_i)] (Huber; r = clip(e, -delta, delta), u = v / s) or, with r = e / sigma and
sigma = max(sigma_min, ||e||_s), sigma ||r - u||_s^2 / 2 + (sigma - sigma_min)(1 - ||u||_s^2) / 2
(root of the mean square). The candidates are q = (1 - t) y + t p~, that is v = t v~, with t
minimising the gap; they stay in the domain of F* for t in [0, 1] (quadratic: any t).
p~ are the fitted values after the intercept and the unpenalised coefficients were refitted
to machine precision, because the dual is -inf unless their gradients vanish.

The conjugate psi*(z) = ``max_{lower <= u <= upper} z u - a |u| - r u^2 / 2``, with
a = alpha c rho d and r = alpha c (1 - rho) d^2, is attained at

    u* = clip(S(z, a) / r, lower, upper)   if r > 0      (S: soft threshold),
    u* = upper if z > a, lower if z < -a, else 0          if r = 0,

so a finite bound makes its side of psi* finite (upper * (z - a)_+), and only an infinite bound
with r = 0 leaves a constraint z <= a (or -z <= a), which limits t. Grouped rows have
psi*(z) = (||z|| - a)_+^2 / (2 r), or the constraint ||z|| <= a.

The gap as a certificate: O. Fercoq, A. Gramfort, J. Salmon (2015), Mind the duality gap: safer
rules for the lasso, ICML, arXiv 1505.03410.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, sparse

from taut.testing._problem import (
    Array,
    Datafit,
    Problem,
    check_datafit,
    coefficients,
    fenchel_young_loss,
    free_directions,
    loss_value,
    make_problem,
    refit,
    working_residual,
)

__all__ = ["alpha_max", "duality_gap", "kkt_violation", "null_loss", "objective"]

# alpha_max divides by l1_ratio; below this value (ridge) the grid would start at infinity.
_MIN_L1_RATIO = 1e-3
# Coefficients that were scaled and scaled back may sit a few ulp outside a bound.
_BOUND_SLACK = 16 * np.finfo(np.float64).eps


# --------------------------------------------------------------------------------------
# Penalties
# --------------------------------------------------------------------------------------
def _infeasible(problem: Problem, W: Array) -> bool:
    if not np.all(np.isfinite(W)):
        return True
    lo, up = _widened(problem, _BOUND_SLACK)
    return bool(np.any(lo > W) or np.any(up < W))


def _widened(problem: Problem, slack: float) -> tuple[Array, Array]:
    """Bounds moved outwards by a share of their size (inwards if slack < 0)."""
    lo, up = problem.lower, problem.upper
    return (
        lo - slack * np.where(np.isfinite(lo), np.abs(lo), 0.0),
        up + slack * np.where(np.isfinite(up), np.abs(up), 0.0),
    )


def _penalty(problem: Problem, W: Array) -> float:
    size = np.linalg.norm(W, axis=1, keepdims=True) if problem.grouped else np.abs(W)
    return float((problem.a * size + 0.5 * problem.r * size**2).sum())


def _fenchel_young_penalty(problem: Problem, W: Array, z: Array) -> float:
    """sum psi(w) + psi*(z) - z w, with z inside the constraints that infinite bounds leave."""
    a, r = problem.a, problem.r
    value = _penalty(problem, W) - float((z * W).sum())
    if problem.grouped:
        excess = np.maximum(np.linalg.norm(z, axis=1, keepdims=True) - a, 0.0)
        conjugate = np.divide(0.5 * excess**2, r, out=np.zeros_like(excess), where=r > 0)
        return value + float(conjugate.sum())
    a, r, lo, up, _ = np.broadcast_arrays(a, r, problem.lower, problem.upper, z)
    shrunk = np.sign(z) * np.maximum(np.abs(z) - a, 0.0)
    u = np.zeros_like(z)
    ridge = r > 0
    u[ridge] = np.clip(shrunk[ridge] / r[ridge], lo[ridge], up[ridge])
    at_upper = ~ridge & (shrunk > 0) & np.isfinite(up)
    at_lower = ~ridge & (shrunk < 0) & np.isfinite(lo)
    u[at_upper], u[at_lower] = up[at_upper], lo[at_lower]
    # psi(w) - z w minus the same expression at its minimiser u: non-negative term by term.
    here = a * np.abs(W) + 0.5 * r * W**2 - z * W
    best = a * np.abs(u) + 0.5 * r * u**2 - z * u
    return float((here - best).sum())


def _dual_scale_limit(problem: Problem, z: Array) -> float:
    """Largest t for which t z meets the constraints z <= a (upper infinite), -z <= a (lower)."""
    a, lo, up = problem.a, problem.lower, problem.upper
    constrained = (problem.r == 0) & (a > 0)
    if problem.grouped:
        size = np.where(constrained, np.linalg.norm(z, axis=1, keepdims=True), 0.0)
    else:
        size = np.maximum(np.where(np.isinf(up), z, 0.0), np.where(np.isinf(lo), -z, 0.0))
        size = np.where(constrained, size, 0.0)
    if not np.any(size > 0):
        return np.inf
    with np.errstate(divide="ignore"):
        return float(np.min(np.where(size > 0, a / np.where(size > 0, size, 1.0), np.inf)))


def _free_dual(problem: Problem, eta: Array) -> tuple[Array, Array] | None:
    """eta whose residual has zero gradient wherever the dual demands it, and z = X'v there.

    Unpenalised coefficients without bounds need z = 0; with one infinite bound z <= 0 or z >= 0,
    and such a column joins the refit when the sign is wrong.
    """
    flat = (problem.a == 0) & (problem.r == 0)
    need_up, need_down = flat & np.isinf(problem.upper), flat & np.isinf(problem.lower)
    free = (need_up & need_down)[:, 0]
    one_sided = bool((need_up ^ need_down).any())
    norm = np.sqrt(_squared_norms(problem))[:, None] if one_sided else 0.0
    while True:
        free_eta, ok = refit(problem, eta, np.flatnonzero(free))
        if not ok:
            return None
        residual = working_residual(problem, free_eta)
        z = np.asarray(problem.X.T @ (problem.s * residual))
        if not one_sided:
            z[free] = 0.0
            return free_eta, z
        slack = 1e-13 * norm * float(np.sqrt((problem.s * residual**2).sum()))
        wrong = (need_up & (z > slack)) | (need_down & (z < -slack))
        new = wrong.any(axis=1) & ~free
        if not new.any():
            z[free] = 0.0
            return free_eta, z
        free = free | new


def _squared_norms(problem: Problem) -> Array:
    X = problem.X
    squared = X.multiply(X) if sparse.issparse(X) else X * X
    return np.asarray(squared.T @ problem.s).reshape(-1)


# --------------------------------------------------------------------------------------
# Public functions
# --------------------------------------------------------------------------------------
def objective(
    X: Any,
    y: ArrayLike,
    coef: ArrayLike,
    intercept: ArrayLike | None,
    *,
    alpha: float,
    datafit: Datafit = "quadratic",
    l1_ratio: float = 1.0,
    grouped: bool = False,
    penalty_factor: ArrayLike | None = None,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    standardize: bool = False,
    delta: float = 1.35,
    sigma_min: float = 0.0,
) -> float:
    """Value of the penalised objective.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_classes)
        Real values (quadratic, huber, sqrt), values in [0, 1] (logistic), counts >= 0 (poisson),
        labels or rows that sum to 1 (multinomial; labels are coded in sorted order).
    coef : array-like of shape (n_features,) or (n_classes, n_features)
    intercept : float, array-like of shape (n_classes,) or None
        None: the model has no intercept.
    alpha : float
        Penalty strength, >= 0.
    datafit : {"quadratic", "logistic", "multinomial", "poisson", "huber", "sqrt"}, \
default="quadratic"
        Mean of half the squared error; mean negative log likelihood (poisson: log link, without
        log y!); mean of the Huber loss; root of the mean squared error.
    l1_ratio : float, default=1.0
        Share of the L1 term, in [0, 1].
    grouped : bool, default=False
        Multinomial only: one Euclidean norm per feature over the classes.
    penalty_factor : array-like of shape (n_features,), default=None
        >= 0; 0 is not penalised, inf excludes the column.
    lower, upper : float or array-like of shape (n_features,), default=None
        Bounds with ``lower <= 0 <= upper``, on the scale of ``coef``.
    sample_weight : array-like of shape (n_samples,), default=None
        >= 0, normalised to sum 1.
    offset : array-like of the shape of y, default=None
        Added to the linear predictor.
    standardize : bool, default=False
        Let the penalty act on ``coef`` times the weighted 1/n standard deviation of its column.
    delta : float, default=1.35
        huber: size of the residual, in units of y, from which the loss is linear. > 0.
    sigma_min : float, default=0.0
        sqrt: below this root-mean-square error e, in units of y, the loss is
        ``e**2 / (2 * sigma_min) + sigma_min / 2``. >= 0.

    Returns
    -------
    float
        ``inf`` if a coefficient violates a bound or an excluded column has one.

    Raises
    ------
    ValueError
        If shapes disagree or a value lies outside its range.

    Examples
    --------
    >>> from taut.testing.kkt import objective
    >>> objective([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0], [1.0], 0.0, alpha=0.5)
    0.5
    """
    problem, W, b = _judged(
        X,
        y,
        coef,
        intercept,
        alpha,
        datafit,
        l1_ratio,
        grouped,
        penalty_factor,
        lower,
        upper,
        sample_weight,
        offset,
        standardize,
        delta,
        sigma_min,
    )
    if _infeasible(problem, W):
        return float("inf")
    return loss_value(problem, _predictor(problem, W, b)) + _penalty(problem, W)


def duality_gap(
    X: Any,
    y: ArrayLike,
    coef: ArrayLike,
    intercept: ArrayLike | None,
    *,
    alpha: float,
    datafit: Datafit = "quadratic",
    l1_ratio: float = 1.0,
    grouped: bool = False,
    penalty_factor: ArrayLike | None = None,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    standardize: bool = False,
    delta: float = 1.35,
    sigma_min: float = 0.0,
) -> float:
    """Upper bound of ``objective(coef) - min objective``, in units of the objective.

    Parameters
    ----------
    X, y, coef, intercept, alpha, datafit, l1_ratio, grouped, penalty_factor, lower, upper, \
sample_weight, offset, standardize, delta, sigma_min
        As in :func:`objective`.

    Returns
    -------
    float
        Absolute gap, zero exactly at the optimum (up to rounding). ``inf`` if the coefficients
        violate a bound, or if no dual point was found (the intercept or the unpenalised
        coefficients have no finite optimum).

    Raises
    ------
    ValueError
        If shapes disagree or a value lies outside its range.

    Notes
    -----
    The derivation stands at the head of the module. The gap is a sum of terms that are each
    non-negative, so it resolves values far below the rounding error of the objective.

    Examples
    --------
    >>> from taut.testing.kkt import duality_gap
    >>> X, y = [[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0]
    >>> round(duality_gap(X, y, [0.85], 0.15, alpha=0.1), 12)
    0.0
    """
    problem, W, b = _judged(
        X,
        y,
        coef,
        intercept,
        alpha,
        datafit,
        l1_ratio,
        grouped,
        penalty_factor,
        lower,
        upper,
        sample_weight,
        offset,
        standardize,
        delta,
        sigma_min,
    )
    if _infeasible(problem, W):
        return float("inf")
    eta = _predictor(problem, W, b)
    dual = _free_dual(problem, eta)
    if dual is None:
        return float("inf")
    free_eta, z = dual

    def gap(t: float) -> float:
        return fenchel_young_loss(problem, eta, free_eta, t) + _fenchel_young_penalty(
            problem, W, t * z
        )

    limit = _dual_scale_limit(problem, z)
    top = min(limit, 10.0 if problem.datafit == "quadratic" else 1.0)
    best = min(gap(t) for t in {min(1.0, top), top})
    if top > 0:
        found = optimize.minimize_scalar(
            gap, bounds=(0.0, top), method="bounded", options={"xatol": 1e-12 * top}
        )
        best = min(best, float(found.fun))
    return best


def kkt_violation(
    X: Any,
    y: ArrayLike,
    coef: ArrayLike,
    intercept: ArrayLike | None,
    *,
    alpha: float,
    datafit: Datafit = "quadratic",
    l1_ratio: float = 1.0,
    grouped: bool = False,
    penalty_factor: ArrayLike | None = None,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    standardize: bool = False,
    delta: float = 1.35,
    sigma_min: float = 0.0,
) -> float:
    """Largest distance of minus the gradient to the subdifferential of the penalty.

    Parameters
    ----------
    X, y, coef, intercept, alpha, datafit, l1_ratio, grouped, penalty_factor, lower, upper, \
sample_weight, offset, standardize, delta, sigma_min
        As in :func:`objective`.

    Returns
    -------
    float
        In units of alpha (with ``standardize`` on the standardised scale), maximum over the
        coefficients and the intercept. Zero exactly at the optimum, ``inf`` outside the bounds.

    Raises
    ------
    ValueError
        If shapes disagree or a value lies outside its range.

    Notes
    -----
    In one dimension a point is optimal iff the right derivative is >= 0 (unless it sits at its
    upper bound) and the left derivative is <= 0 (unless it sits at its lower bound); the
    violation is the larger of the two excesses. This covers zeros, bounds and excluded columns.

    Examples
    --------
    >>> from taut.testing.kkt import kkt_violation
    >>> round(kkt_violation([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0], [0.0], 1.0, alpha=0.1), 6)
    0.566667
    """
    problem, W, b = _judged(
        X,
        y,
        coef,
        intercept,
        alpha,
        datafit,
        l1_ratio,
        grouped,
        penalty_factor,
        lower,
        upper,
        sample_weight,
        offset,
        standardize,
        delta,
        sigma_min,
    )
    if _infeasible(problem, W):
        return float("inf")
    v = problem.s * working_residual(problem, _predictor(problem, W, b))
    g = -np.asarray(problem.X.T @ v)
    a, r = problem.a, problem.r
    if problem.grouped:
        size = np.linalg.norm(W, axis=1, keepdims=True)
        zero = size == 0
        direction = W / np.where(zero, 1.0, size)
        active = np.linalg.norm(g + a * direction + r * W, axis=1, keepdims=True)
        inactive = np.maximum(np.linalg.norm(g, axis=1, keepdims=True) - a, 0.0)
        excluded = (problem.lower == 0) & (problem.upper == 0)
        distance = np.where(excluded, 0.0, np.where(zero, inactive, active))
    else:
        right = g + np.where(W >= 0, a, -a) + r * W
        left = g + np.where(W > 0, a, -a) + r * W
        lo, up = _widened(problem, -_BOUND_SLACK)
        distance = np.maximum(np.where(up <= W, 0.0, -right), np.where(lo >= W, 0.0, left))
    worst = float((np.maximum(distance, 0.0) / problem.scale[:, None]).max(initial=0.0))
    if problem.fit_intercept:
        worst = max(worst, float(np.abs(v.sum(axis=0)).max()))
    return worst


def alpha_max(
    X: Any,
    y: ArrayLike,
    *,
    datafit: Datafit = "quadratic",
    l1_ratio: float = 1.0,
    grouped: bool = False,
    penalty_factor: ArrayLike | None = None,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    standardize: bool = False,
    fit_intercept: bool = True,
    delta: float = 1.35,
    sigma_min: float = 0.0,
) -> float:
    """Smallest alpha at which every penalised coefficient is zero.

    Parameters
    ----------
    X, y, datafit, l1_ratio, grouped, penalty_factor, lower, upper, sample_weight, offset, \
standardize, delta, sigma_min
        As in :func:`objective`. Below 1e-3 ``l1_ratio`` counts as 1e-3, as in glmnet.
    fit_intercept : bool, default=True
        Whether the model has an intercept.

    Returns
    -------
    float
        Zero if no coefficient is penalised.

    Raises
    ------
    ValueError
        If shapes disagree or a value lies outside its range.

    Notes
    -----
    With the gradient g of the model of intercept and unpenalised coefficients,
    ``max_j |g_j| / (c_j d_j l1_ratio)``; a bound at zero removes its side of ``|g_j|``.

    Examples
    --------
    >>> from taut.testing.kkt import alpha_max
    >>> round(alpha_max([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0]), 6)
    0.666667
    """
    problem = make_problem(
        X,
        y,
        alpha=0.0,
        datafit=datafit,
        l1_ratio=l1_ratio,
        grouped=grouped,
        penalty_factor=penalty_factor,
        lower=lower,
        upper=upper,
        sample_weight=sample_weight,
        offset=offset,
        standardize=standardize,
        fit_intercept=fit_intercept,
        n_classes=None,
        delta=delta,
        sigma_min=sigma_min,
    )
    eta = _null_predictor(problem)
    z = np.asarray(problem.X.T @ (problem.s * working_residual(problem, eta)))
    if problem.grouped:
        size = np.linalg.norm(z, axis=1)
    else:
        up = np.where(problem.upper > 0, z, 0.0)
        down = np.where(problem.lower < 0, -z, 0.0)
        size = np.maximum(np.maximum(up, down), 0.0).max(axis=1)
    penalised = problem.factor > 0
    if not penalised.any():
        return 0.0
    unit = problem.factor[penalised] * problem.scale[penalised] * max(l1_ratio, _MIN_L1_RATIO)
    return float((size[penalised] / unit).max())


def null_loss(
    y: ArrayLike,
    *,
    datafit: Datafit = "quadratic",
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    fit_intercept: bool = True,
    delta: float = 1.35,
    sigma_min: float = 0.0,
) -> float:
    """Loss at zero coefficients, with the best intercept if there is one.

    The unit of the tolerances: a solution counts as converged when its gap is at most ``tol``
    times this value (poisson: times what it has more than the loss of the saturated model).

    Parameters
    ----------
    y, datafit, sample_weight, offset, delta, sigma_min
        As in :func:`objective`.
    fit_intercept : bool, default=True
        Whether the model has an intercept.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If shapes disagree or a value lies outside its range.

    Examples
    --------
    >>> from taut.testing.kkt import null_loss
    >>> round(null_loss([0.0, 1.0, 2.0]), 6)
    0.333333
    """
    rows = np.shape(y)[0]
    problem = make_problem(
        np.zeros((rows, 0)),
        y,
        alpha=0.0,
        datafit=datafit,
        l1_ratio=1.0,
        grouped=False,
        penalty_factor=None,
        lower=None,
        upper=None,
        sample_weight=sample_weight,
        offset=offset,
        standardize=False,
        fit_intercept=fit_intercept,
        n_classes=None,
        delta=delta,
        sigma_min=sigma_min,
    )
    return loss_value(problem, _null_predictor(problem))


def _judged(
    X: Any,
    y: ArrayLike,
    coef: ArrayLike,
    intercept: ArrayLike | None,
    alpha: float,
    datafit: str,
    l1_ratio: float,
    grouped: bool,
    penalty_factor: ArrayLike | None,
    lower: ArrayLike | None,
    upper: ArrayLike | None,
    sample_weight: ArrayLike | None,
    offset: ArrayLike | None,
    standardize: bool,
    delta: float,
    sigma_min: float,
) -> tuple[Problem, Array, Array]:
    check_datafit(datafit)
    W, b = coefficients(coef, intercept, datafit, int(np.shape(X)[1]))
    problem = make_problem(
        X,
        y,
        alpha=alpha,
        datafit=datafit,
        l1_ratio=l1_ratio,
        grouped=grouped,
        penalty_factor=penalty_factor,
        lower=lower,
        upper=upper,
        sample_weight=sample_weight,
        offset=offset,
        standardize=standardize,
        fit_intercept=intercept is not None,
        n_classes=W.shape[1] if datafit == "multinomial" else None,
        delta=delta,
        sigma_min=sigma_min,
    )
    return problem, W, b


def _predictor(problem: Problem, W: Array, b: Array) -> Array:
    return np.asarray(problem.X @ W) + b + problem.offset


def _null_predictor(problem: Problem) -> Array:
    """eta of the model of intercept and unpenalised coefficients (within their bounds)."""
    eta = problem.offset.copy()
    if problem.fit_intercept and problem.datafit in ("quadratic", "sqrt"):
        eta = eta + (problem.s * (problem.Y - eta)).sum(axis=0)
    unpenalised = (problem.factor == 0) & ((problem.lower < 0) | (problem.upper > 0))[:, 0]
    columns = np.flatnonzero(unpenalised)
    bounded = np.isfinite(problem.lower[columns]) | np.isfinite(problem.upper[columns])
    if bounded.any():
        eta, columns = _fit_in_box(problem, eta, columns)
    eta, _ = refit(problem, eta, columns)
    return eta


def _fit_in_box(
    problem: Problem, eta: Array, columns: NDArray[np.intp]
) -> tuple[Array, NDArray[np.intp]]:
    """Bounded fit of intercept and columns; returns eta and the columns away from a bound.

    L-BFGS-B finds the bounds that bind; the caller polishes the rest by Newton's method.
    """
    A = free_directions(problem, columns)
    K, m = eta.shape[1], A.shape[1]
    lo, up = np.full((m, K), -np.inf), np.full((m, K), np.inf)
    norm = np.sqrt(_squared_norms(problem))[columns, None]
    norm = np.where(norm > 0, norm, 1.0)  # a bound may be infinite
    lo[m - columns.size :] = problem.lower[columns] * norm
    up[m - columns.size :] = problem.upper[columns] * norm

    def value(flat: Array) -> tuple[float, Array]:
        trial = eta + A @ flat.reshape(m, K)
        return loss_value(problem, trial), -(
            A.T @ (problem.s * working_residual(problem, trial))
        ).reshape(-1)

    found = optimize.minimize(
        value,
        np.zeros(m * K),
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(lo.reshape(-1), up.reshape(-1), strict=True)),
        options={"ftol": 1e-16, "gtol": 1e-12, "maxiter": 10_000, "maxfun": 100_000},
    )
    solution = found.x.reshape(m, K)
    binds = ((solution <= lo) | (solution >= up)).any(axis=1)[m - columns.size :]
    return eta + A @ solution, columns[~binds]

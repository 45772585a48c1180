# SPDX-License-Identifier: BSD-3-Clause
"""The penalised problem as checked arrays, and its datafits, for :mod:`taut.testing.kkt`.

Nothing here is shared with the solvers, on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, special

Datafit = Literal["quadratic", "logistic", "multinomial", "poisson", "huber", "sqrt"]
Array = NDArray[np.float64]

_DATAFITS = ("quadratic", "logistic", "multinomial", "poisson", "huber", "sqrt")


# --------------------------------------------------------------------------------------
# The problem, as arrays. Single responses are stored with K = 1 columns.
# --------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Problem:
    X: Any  # (n, p) float64, dense or CSC; rows of weight zero removed
    Y: Array  # (n, K)
    s: Array  # (n, 1), sum 1
    offset: Array  # (n, K)
    datafit: str
    fit_intercept: bool
    grouped: bool
    factor: Array  # (p,) penalty factors, 0 where excluded
    scale: Array  # (p,) d
    l1_ratio: float
    lower: Array  # (p, 1)
    upper: Array  # (p, 1)
    a: Array  # (p, 1) alpha c rho d
    r: Array  # (p, 1) alpha c (1 - rho) d^2
    delta: float = 1.35  # of the Huber loss
    sigma_min: float = 0.0  # of the root-mean-square loss


def check_datafit(datafit: str) -> None:
    if datafit not in _DATAFITS:
        raise ValueError(f"datafit must be one of {_DATAFITS}, got {datafit!r}.")


def _weights(sample_weight: ArrayLike | None, n: int) -> Array:
    if sample_weight is None:
        return np.full(n, 1.0 / n)
    s = np.asarray(sample_weight, dtype=np.float64)
    if s.shape != (n,):
        raise ValueError(f"sample_weight must have shape ({n},), got {s.shape}.")
    if not np.all(np.isfinite(s)) or np.any(s < 0):
        raise ValueError("sample_weight must be finite and >= 0.")
    if not np.any(s > 0):
        raise ValueError("sample_weight must have at least one entry > 0.")
    s = s / s.max()  # the sum of large weights could overflow
    return s / s.sum()


def _response(y: ArrayLike, datafit: str, n_classes: int | None) -> Array:
    """Response as an (n, K) float array; labels of the multinomial model become one-hot rows."""
    if datafit == "multinomial":
        raw = np.asarray(y)
        if raw.ndim == 1:
            classes, codes = np.unique(raw, return_inverse=True)
            if n_classes is not None and n_classes != classes.size:
                raise ValueError(f"y has {classes.size} classes, coef has {n_classes} rows.")
            return np.eye(classes.size)[codes]
        Y = np.asarray(raw, dtype=np.float64)
        if Y.ndim != 2 or np.any(Y < 0) or not np.allclose(Y.sum(axis=1), 1.0):
            raise ValueError("A matrix y of the multinomial model must have rows that sum to 1.")
        if n_classes is not None and n_classes != Y.shape[1]:
            raise ValueError(f"y has {Y.shape[1]} columns, coef has {n_classes} rows.")
        return Y
    out = np.asarray(y, dtype=np.float64)
    if out.ndim != 1:
        raise ValueError(f"y must have one dimension, got {out.ndim}.")
    if datafit == "logistic" and (np.any(out < 0) or np.any(out > 1)):
        raise ValueError("y of the logistic datafit must lie in [0, 1].")
    if datafit == "poisson" and not np.all(out >= 0):
        raise ValueError("y of the Poisson datafit must be >= 0.")
    return out[:, None]


def _offset(offset: ArrayLike | None, shape: tuple[int, int]) -> Array:
    if offset is None:
        return np.zeros(shape)
    o = np.asarray(offset, dtype=np.float64)
    if o.shape == shape:
        return o
    if shape[1] == 1 and o.shape == (shape[0],):
        return o[:, None]
    raise ValueError(f"offset must have one entry per entry of y {shape}, got shape {o.shape}.")


def _vector(value: ArrayLike | None, p: int, default: float, name: str) -> Array:
    if value is None:
        return np.full(p, default)
    out = np.asarray(value, dtype=np.float64)
    if out.ndim == 0:
        out = np.full(p, float(out))
    if out.shape != (p,):
        raise ValueError(f"{name} must have shape ({p},), got {out.shape}.")
    if np.any(np.isnan(out)):
        raise ValueError(f"{name} contains NaN.")
    return out


def _column_scale(X: Any, s: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Weighted 1/n standard deviation of the columns (1 where constant), and a constant mask."""
    mean = np.asarray(X.T @ s).reshape(-1)
    if sparse.issparse(X):
        # Two-pass on the stored entries; the implicit zeros contribute their weight times mean^2.
        indptr, rows = X.indptr, X.indices
        column = np.repeat(np.arange(X.shape[1]), np.diff(indptr))
        centred = s[rows, 0] * (X.data - mean[column]) ** 2
        stored = np.bincount(column, weights=s[rows, 0], minlength=X.shape[1])
        var = np.bincount(column, weights=centred, minlength=X.shape[1])
        # A full column has no implicit zeros, whatever the rounding of 1 - stored says.
        full = np.diff(indptr) == X.shape[0]
        var = var + np.where(full, 0.0, np.maximum(1.0 - stored, 0.0)) * mean**2
    else:
        var = (s * (X - mean) ** 2).sum(axis=0)
    constant = np.sqrt(var) <= 1e-13 * np.abs(mean)
    return np.where(constant, 1.0, np.sqrt(var)), constant


def make_problem(
    X: Any,
    y: ArrayLike,
    *,
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
    fit_intercept: bool,
    n_classes: int | None,
    delta: float = 1.35,
    sigma_min: float = 0.0,
) -> Problem:
    check_datafit(datafit)
    if not (np.isfinite(delta) and delta > 0):
        raise ValueError(f"delta must be finite and > 0, got {delta!r}.")
    if not (np.isfinite(sigma_min) and sigma_min >= 0):
        raise ValueError(f"sigma_min must be finite and >= 0, got {sigma_min!r}.")
    if not (np.isfinite(alpha) and alpha >= 0):
        raise ValueError(f"alpha must be finite and >= 0, got {alpha!r}.")
    if not 0 <= l1_ratio <= 1:
        raise ValueError(f"l1_ratio must lie in [0, 1], got {l1_ratio!r}.")
    if grouped and datafit != "multinomial":
        raise ValueError(f"grouped=True needs datafit='multinomial', got {datafit!r}.")
    if sparse.issparse(X):
        X = sparse.csc_array(X, dtype=np.float64)
    else:
        X = np.asarray(X, dtype=np.float64)
    if X.ndim != 2:
        raise ValueError(f"X must have two dimensions, got {X.ndim}.")
    n, p = X.shape
    Y = _response(y, datafit, n_classes)
    if Y.shape[0] != n:
        raise ValueError(f"y has {Y.shape[0]} rows, X has {n}.")
    s = _weights(sample_weight, n)
    o = _offset(offset, Y.shape)
    keep = s > 0
    if not keep.all():
        X, Y, s, o = X[np.flatnonzero(keep)], Y[keep], s[keep], o[keep]
        X = sparse.csc_array(X) if sparse.issparse(X) else X

    c = _vector(penalty_factor, p, 1.0, "penalty_factor")
    lo, up = _vector(lower, p, -np.inf, "lower"), _vector(upper, p, np.inf, "upper")
    if np.any(c < 0):
        raise ValueError("penalty_factor must be >= 0.")
    if np.any(lo > 0) or np.any(up < 0):
        raise ValueError("Bounds must satisfy lower <= 0 <= upper.")
    if grouped and (np.any(np.isfinite(lo)) or np.any(np.isfinite(up))):
        raise ValueError("grouped=True cannot be combined with finite lower or upper.")
    scale = np.ones(p)
    excluded = np.isinf(c)
    if standardize:
        scale, constant = _column_scale(X, s[:, None])
        excluded = excluded | constant
    # An excluded coefficient is a box [0, 0] without penalty: psi* = 0, no special case later.
    c = np.where(excluded, 0.0, c)
    lo, up = np.where(excluded, 0.0, lo), np.where(excluded, 0.0, up)
    problem = Problem(
        X=X,
        Y=Y,
        s=s[:, None],
        offset=o,
        datafit=datafit,
        fit_intercept=fit_intercept,
        grouped=grouped,
        factor=c,
        scale=scale,
        l1_ratio=l1_ratio,
        lower=lo[:, None],
        upper=up[:, None],
        a=np.zeros((p, 1)),
        r=np.zeros((p, 1)),
        delta=float(delta),
        sigma_min=float(sigma_min),
    )
    return _at_alpha(problem, alpha)


def _at_alpha(problem: Problem, alpha: float) -> Problem:
    a = alpha * problem.factor * problem.l1_ratio * problem.scale
    r = alpha * problem.factor * (1.0 - problem.l1_ratio) * problem.scale**2
    return replace(problem, a=a[:, None], r=r[:, None])


def coefficients(
    coef: ArrayLike, intercept: ArrayLike | None, datafit: str, p: int
) -> tuple[Array, Array]:
    """Coefficients as (p, K) and intercepts as (K,)."""
    w = np.asarray(coef, dtype=np.float64)
    if datafit == "multinomial":
        if w.ndim != 2 or w.shape[1] != p:
            raise ValueError(f"coef must have shape (n_classes, {p}), got {w.shape}.")
        W = w.T
    else:
        if w.shape not in ((p,), (1, p)):
            raise ValueError(f"coef must have shape ({p},), got {w.shape}.")
        W = w.reshape(p, 1)
    if intercept is None:
        return W, np.zeros(W.shape[1])
    b = np.atleast_1d(np.asarray(intercept, dtype=np.float64))
    if b.shape != (W.shape[1],):
        raise ValueError(f"intercept must have {W.shape[1]} entries, got shape {b.shape}.")
    return W, b


# --------------------------------------------------------------------------------------
# Datafits
# --------------------------------------------------------------------------------------
def loss_value(problem: Problem, eta: Array) -> float:
    Y = problem.Y
    if problem.datafit == "quadratic":
        values = 0.5 * (Y - eta) ** 2
    elif problem.datafit == "logistic":
        # log(1 + e^eta) - y eta, written so that large |eta| does not cancel.
        values = Y * np.logaddexp(0.0, -eta) + (1.0 - Y) * np.logaddexp(0.0, eta)
    elif problem.datafit == "poisson":
        values = _exp(eta) - Y * eta
    elif problem.datafit == "huber":
        r = np.clip(Y - eta, -problem.delta, problem.delta)
        values = r * (Y - eta - 0.5 * r)
    elif problem.datafit == "sqrt":
        norm, sigma = _root(problem, eta)
        return norm if norm >= problem.sigma_min else 0.5 * (norm**2 / sigma + sigma)
    else:
        values = -(Y * special.log_softmax(eta, axis=1)).sum(axis=1, keepdims=True)
    return float((problem.s * values).sum())


def _fitted(problem: Problem, eta: Array) -> tuple[Array, Array]:
    """Fitted means, and their complement 1 - mean without cancellation (logistic only)."""
    if problem.datafit in ("quadratic", "huber", "sqrt"):
        return eta, eta
    if problem.datafit == "poisson":
        return _exp(eta), np.empty(0)
    if problem.datafit == "logistic":
        return special.expit(eta), special.expit(-eta)
    return special.softmax(eta, axis=1), np.empty(0)


def _exp(eta: Array) -> Array:
    with np.errstate(over="ignore"):  # a trial step too far has an infinite loss
        return np.exp(eta)


def _root(problem: Problem, eta: Array) -> tuple[float, float]:
    """Root of the weighted mean square residual, and the scale sigma that belongs to it."""
    norm = float(np.sqrt((problem.s * (problem.Y - eta) ** 2).sum()))
    return norm, max(norm, problem.sigma_min)


def working_residual(problem: Problem, eta: Array) -> Array:
    """y minus fitted mean, (n, K); minus the gradient of the loss before the weights.

    Clipped at delta for the Huber loss, divided by sigma for the root-mean-square loss.
    """
    mean, complement = _fitted(problem, eta)
    if problem.datafit == "huber":
        return np.clip(problem.Y - eta, -problem.delta, problem.delta)
    if problem.datafit == "sqrt":
        sigma = _root(problem, eta)[1]
        return (problem.Y - eta) / sigma if sigma > 0 else np.zeros_like(eta)
    if problem.datafit == "logistic":
        return problem.Y * complement - (1.0 - problem.Y) * mean
    return problem.Y - mean


def fenchel_young_loss(problem: Problem, eta: Array, free_eta: Array, t: float) -> float:
    """F(eta) + F*(-v) + v'eta for v = t s r~: squared distance or Kullback-Leibler."""
    Y, s = problem.Y, problem.s
    if problem.datafit in ("huber", "sqrt"):
        r, u = working_residual(problem, eta), t * working_residual(problem, free_eta)
        if problem.datafit == "huber":
            return float((s * (0.5 * (r - u) ** 2 + (Y - eta - r) * (r - u))).sum())
        sigma = _root(problem, eta)[1]
        room = max(0.0, 1.0 - float((s * u**2).sum()))
        near = float((s * (r - u) ** 2).sum())
        return 0.5 * (sigma * near + (sigma - problem.sigma_min) * room)
    p, p_c = _fitted(problem, eta)
    q, q_c = _fitted(problem, free_eta)
    if problem.datafit == "quadratic":
        return float((0.5 * s * ((Y - p) - t * (Y - q)) ** 2).sum())
    mixed = (1.0 - t) * Y + t * q
    divergence = special.kl_div(mixed, p)  # of masses that need not sum to one
    if problem.datafit == "logistic":
        divergence = divergence + special.kl_div((1.0 - t) * (1.0 - Y) + t * q_c, p_c)
    return float((s * divergence).sum())


def _hessian_apply(problem: Problem, eta: Array, A: Array) -> Array:
    """Hessian of the loss in directions A (n, m), per class: shape (m K, m K)."""
    m, K = A.shape[1], problem.Y.shape[1]
    if problem.datafit == "quadratic":
        return A.T @ (problem.s * A)
    mean, complement = _fitted(problem, eta)
    if problem.datafit == "logistic":
        return A.T @ (problem.s * mean * complement * A)
    if problem.datafit == "poisson":
        return A.T @ (problem.s * mean * A)
    if problem.datafit == "huber":
        # Weights that majorise the loss: no row is flat, and every step goes down.
        size = np.maximum(np.abs(problem.Y - eta), problem.delta)
        return A.T @ (problem.s * (problem.delta / size) * A)
    H = np.empty((K, m, K, m))
    for k in range(K):
        for other in range(K):
            h = mean[:, [k]] * (float(k == other) - mean[:, [other]])
            H[k, :, other, :] = A.T @ (problem.s * h * A)
    return H.reshape(K * m, K * m)


def free_directions(problem: Problem, columns: NDArray[np.intp]) -> Array:
    """Intercept and the given columns, each scaled to unit weighted norm; (n, m) dense."""
    block = problem.X[:, columns]
    A = block.toarray() if sparse.issparse(block) else block
    if problem.fit_intercept:
        A = np.hstack([np.ones((A.shape[0], 1)), A])
    norm = np.sqrt((problem.s * A**2).sum(axis=0))
    return A / np.where(norm > 0, norm, 1.0)


def refit(problem: Problem, eta: Array, columns: NDArray[np.intp]) -> tuple[Array, bool]:
    """Minimise the loss over eta + span(intercept, columns).

    Returns the new eta and whether the gradient in those directions vanishes.
    """
    A = free_directions(problem, columns)
    if A.shape[1] == 0:
        return eta, True
    if problem.datafit in ("quadratic", "sqrt"):
        root = np.sqrt(problem.s)
        for _ in range(2):  # the second pass removes the rounding of the first
            step = np.linalg.lstsq(root * A, root * (problem.Y - eta), rcond=None)[0]
            eta = eta + A @ step
        return eta, True
    unit = 1.0  # of slopes
    if problem.datafit in ("poisson", "huber"):
        unit = float((problem.s * np.abs(problem.Y)).sum()) or 1.0
    if problem.datafit == "huber":
        eta = _huber_refit(problem, eta, A)
    loss = loss_value(problem, eta)
    for _ in range(200):
        gradient = -(A.T @ (problem.s * working_residual(problem, eta)))  # (m, K)
        if np.abs(gradient).max() <= 1e-16 * unit:
            break
        H = _hessian_apply(problem, eta, A)
        newton = np.linalg.lstsq(H, -gradient.T.reshape(-1), rcond=1e-13)[0]
        step = A @ newton.reshape(gradient.shape[1], -1).T
        size = 1.0
        while size > 1e-10:
            trial = eta + size * step
            trial_loss = loss_value(problem, trial)
            trial_gradient = A.T @ (problem.s * working_residual(problem, trial))
            # Close to the optimum the loss no longer resolves progress, the gradient does.
            if trial_loss < loss or (
                trial_loss <= loss + 1e-13 * (1.0 + abs(loss))
                and np.abs(trial_gradient).max() < np.abs(gradient).max()
            ):
                break
            size *= 0.5
        else:
            break
        eta, loss = trial, trial_loss
    gradient = A.T @ (problem.s * working_residual(problem, eta))
    return eta, bool(np.abs(gradient).max() <= 1e-11 * unit)


def _huber_refit(problem: Problem, eta: Array, A: Array) -> Array:
    """Minimise the Huber loss over eta + A x by linear programming's neighbour: a small QP.

    The rows beyond delta change with x, so Newton's method alone may run in circles. Here a row
    beyond delta keeps a thousandth of its curvature, then less, and the loss always falls.
    """
    loss = loss_value(problem, eta)
    flat = 1e-1
    for _ in range(2000):
        e = problem.Y - eta
        gradient = -(A.T @ (problem.s * np.clip(e, -problem.delta, problem.delta)))
        h = problem.s * np.where(np.abs(e) < problem.delta, 1.0, flat)
        step = A @ np.linalg.lstsq(A.T @ (h * A), -gradient, rcond=1e-14)[0]
        slope = -float((problem.s * np.clip(e, -problem.delta, problem.delta) * step).sum())
        trial = loss_value(problem, eta + step)
        if trial <= loss + 0.1 * slope and trial < loss:
            eta, loss, flat = eta + step, trial, max(flat * 0.1, 1e-12)
        elif flat >= 1.0:
            break
        else:
            flat = min(1.0, 10.0 * flat)
    return eta

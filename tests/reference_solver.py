# SPDX-License-Identifier: BSD-3-Clause
"""An independent solver of the penalised problems, for the tests of small size.

Accelerated proximal gradient with restarts on the public objective

    sum_i s_i l(y_i, b0 + x_i'w) + alpha * sum_j c_j (rho |w_j| + (1 - rho)/2 w_j^2),

written in NumPy from the formulas alone. It shares no code and no idea with the coordinate
descent of the library, so agreement of the two says something about both. `fit_path` takes the
arguments of the kernel and returns a dictionary of the same shape.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.special import expit, logsumexp, softmax, xlogy

CURVATURE = {"quadratic": 1.0, "logistic": 0.25, "multinomial": 0.5}


def dense(X: Any) -> np.ndarray:
    """Return the float64 array behind a dense, CSC-tuple or sparse design."""
    if isinstance(X, tuple):
        data, indices, indptr, n, p = X
        X = sp.csc_array((data, indices, indptr), shape=(n, p))
    return np.asarray(X.toarray() if sp.issparse(X) else X, dtype=np.float64)


def loss(datafit: str, y: np.ndarray, eta: np.ndarray, s: np.ndarray) -> float:
    """Return the weighted mean loss; y and eta have shape (n, K)."""
    if datafit == "quadratic":
        return float(s @ (0.5 * (y - eta) ** 2)[:, 0])
    if datafit == "logistic":
        return float(s @ (np.logaddexp(0.0, eta) - y * eta)[:, 0])
    if datafit == "poisson":
        return float(s @ (np.exp(eta) - y * eta)[:, 0])
    return float(s @ (logsumexp(eta, axis=1) - (y * eta).sum(axis=1)))


def mean_of(datafit: str, eta: np.ndarray) -> np.ndarray:
    """Return the fitted mean at eta."""
    if datafit == "quadratic":
        return eta
    return expit(eta) if datafit == "logistic" else softmax(eta, axis=1)


def penalty(W: np.ndarray, c: np.ndarray, rho: float, grouped: bool) -> float:
    """Return the penalty of W (p, K) without its strength; c may hold inf where W is zero."""
    c = np.where(np.isinf(c), 0.0, c)
    size = np.linalg.norm(W, axis=1) if grouped else np.abs(W).sum(axis=1)
    return float(c @ (rho * size + 0.5 * (1 - rho) * (W**2).sum(axis=1)))


def prox(
    W: np.ndarray, t: float, c: np.ndarray, rho: float, grouped: bool, lo: Any, hi: Any
) -> np.ndarray:
    """Return the proximal point of t times the penalty, on the box [lo, hi]."""
    excluded = np.isinf(c)
    c = np.where(excluded, 0.0, c)[:, None]
    size = np.linalg.norm(W, axis=1, keepdims=True) if grouped else np.abs(W)
    with np.errstate(divide="ignore", invalid="ignore"):
        keep = np.where(size > 0, np.maximum(size - t * rho * c, 0.0) / size, 0.0)
    out = np.clip(keep * W / (1.0 + t * (1 - rho) * c), lo, hi)
    out[excluded] = 0.0
    return out


def dual_value(datafit: str, y: np.ndarray, v: np.ndarray, s: np.ndarray, offset: Any) -> float:
    """Return minus the conjugate of the loss at -v (rows of zero weight are left out)."""
    on = s > 0
    y, v, s, offset = y[on], v[on], s[on, None], offset[on]
    if datafit == "quadratic":
        return float(((y - offset) * v - v**2 / (2 * s)).sum())
    q = y - v / s
    if datafit == "logistic":
        q = np.clip(q, 0.0, 1.0)
        entropy = xlogy(q, q) + xlogy(1 - q, 1 - q)
    else:
        q = np.clip(q, 0.0, None)
        entropy = xlogy(q, q)
    return float(-(s * entropy).sum() - (v * offset).sum())


def gap_of(
    datafit: str,
    Z: np.ndarray,
    y: np.ndarray,
    s: np.ndarray,
    eta: np.ndarray,
    primal: float,
    lam: float,
    c: np.ndarray,
    rho: float,
    grouped: bool,
    offset: np.ndarray,
    positive: bool,
) -> float:
    """Return the duality gap at eta (penalties without finite non-zero box bounds only)."""
    v = s[:, None] * (y - mean_of(datafit, eta))
    G = Z.T @ v
    if positive:
        G = np.maximum(G, 0.0)
    size = np.linalg.norm(G, axis=1) if grouped else np.abs(G).max(axis=1)
    held = (c > 0) & np.isfinite(c)
    best = -np.inf
    bound = lam * rho * c[held]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(size[held] > 0, bound / size[held], np.inf)
    scale = min(1.0, ratio.min(initial=1.0))
    if datafit == "quadratic":
        on = s > 0
        norm = (v[on, 0] ** 2 / s[on]).sum()
        best_scale = ((y - offset)[:, 0] @ v[:, 0]) / norm if norm > 0 else 1.0
        scale = min(max(best_scale, 0.0), ratio.min(initial=np.inf))
    best = dual_value(datafit, y, scale * v, s, offset)
    if rho < 1:
        over = np.maximum((size[held] if grouped else np.abs(G[held]).T) - bound, 0.0) ** 2
        best = max(
            best,
            dual_value(datafit, y, v, s, offset)
            - float((over / (2 * lam * (1 - rho) * c[held])).sum()),
        )
    return primal - best


def centre_rows(W: np.ndarray, rho: float, grouped: bool, c: np.ndarray) -> np.ndarray:
    """Return W with the constant of each penalised row that makes the penalty least."""
    W = W.copy()
    for j in np.flatnonzero(np.any(W != 0, axis=1)):
        if grouped or c[j] == 0:
            W[j] -= W[j].mean()
            continue
        if rho == 1:
            w = np.sort(W[j])
            low, high = w[(len(w) - 1) // 2], w[len(w) // 2]
            W[j] -= min(max(0.0, low), high)
            continue
        # The derivative in the shift is increasing and piecewise linear: bisect it.
        low, high = W[j].min(), W[j].max()
        for _ in range(200):
            mid = 0.5 * (low + high)
            slope = -rho * np.sign(W[j] - mid).sum() - (1 - rho) * (W[j] - mid).sum()
            low, high = (low, mid) if slope > 0 else (mid, high)
        W[j] -= 0.5 * (low + high)
    return W


def solve(
    datafit: str,
    Z: np.ndarray,
    y: np.ndarray,
    s: np.ndarray,
    lam: float,
    c: np.ndarray,
    *,
    rho: float,
    grouped: bool,
    lo: Any,
    hi: Any,
    fit_intercept: bool,
    offset: np.ndarray,
    start: tuple[np.ndarray, np.ndarray],
    max_iter: int = 200_000,
    accuracy: float = 1e-13,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Minimise by accelerated proximal gradient with gradient restarts."""
    A = np.column_stack([Z, np.ones(len(Z))]) if fit_intercept else Z
    top = np.linalg.norm(np.sqrt(s)[:, None] * A, 2) ** 2
    step = 1.0 / max(CURVATURE[datafit] * top, 1e-300)
    W, b0 = start[0].copy(), start[1].copy()
    W_old, b_old, momentum = W, b0, 1.0
    for it in range(1, max_iter + 1):
        nxt = 0.5 * (1 + np.sqrt(1 + 4 * momentum**2))
        beta = (momentum - 1) / nxt
        V, d0 = W + beta * (W - W_old), b0 + beta * (b0 - b_old)
        U = s[:, None] * (mean_of(datafit, Z @ V + d0 + offset) - y)
        W_new = prox(V - step * (Z.T @ U), step * lam, c, rho, grouped, lo, hi)
        b_new = d0 - step * U.sum(axis=0) if fit_intercept else d0
        # gradient-mapping restart: momentum points uphill
        if ((V - W_new) * (W_new - W)).sum() + ((d0 - b_new) * (b_new - b0)).sum() > 0:
            nxt = 1.0
        move = max(np.abs(V - W_new).max(initial=0.0), np.abs(d0 - b_new).max(initial=0.0))
        W_old, b_old, W, b0, momentum = W, b0, W_new, b_new, nxt
        size = max(1.0, np.abs(W).max(initial=0.0), np.abs(b0).max(initial=0.0))
        if move <= accuracy * size:
            return W, b0, it
    return W, b0, max_iter


def fit_path(
    X: Any,
    y: np.ndarray,
    datafit: str,
    *,
    sample_weight: np.ndarray | None = None,
    offset: np.ndarray | None = None,
    penalty_factor: np.ndarray | None = None,
    lower: np.ndarray | None = None,
    upper: np.ndarray | None = None,
    l1_ratio: float = 1.0,
    grouped: bool = False,
    alphas: np.ndarray | None = None,
    n_alphas: int = 100,
    eps: float = 1e-3,
    fit_intercept: bool = True,
    standardize: bool = False,
    coef_init: np.ndarray | None = None,
    intercept_init: np.ndarray | None = None,
    tol: float = 1e-6,
    max_iter: int = 200_000,
    early_stop: bool = False,
    max_active: int = -1,
    solver: str = "auto",
    n_threads: int = 1,
    callback: Any = None,
) -> dict[str, Any]:
    """Solve at each alpha; same result dictionary as the kernel of the library."""
    D = dense(X)
    n, p = D.shape
    s = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    s = s / s.sum()
    Y = np.asarray(y, dtype=float).reshape(n, -1)
    K = Y.shape[1]
    off = np.zeros((n, K)) if offset is None else np.asarray(offset, dtype=float).reshape(n, K)
    c = np.ones(p) if penalty_factor is None else np.asarray(penalty_factor, dtype=float)
    mean = s @ D
    centred = D - mean
    scale = np.ones(p)
    if standardize:
        sd = np.sqrt(s @ centred**2)
        scale = np.where(sd > 1e-12 * np.maximum(np.abs(mean), 1e-300), sd, 1.0)
    shift = mean if fit_intercept else np.zeros(p)
    Z = (D - shift) / scale
    Z[:, np.sqrt(s @ centred**2) <= 1e-13 * np.abs(mean)] *= 0.0 if fit_intercept else 1.0
    lo = -np.inf if lower is None else (np.asarray(lower) * scale)[:, None]
    hi = np.inf if upper is None else (np.asarray(upper) * scale)[:, None]
    shared = dict(grouped=grouped, lo=lo, hi=hi, fit_intercept=fit_intercept, offset=off)

    zero = (np.zeros((p, K)), np.zeros(K))
    if fit_intercept and datafit == "quadratic":
        zero = (zero[0], s @ (Y - off))
    free = np.where(c == 0, 0.0, np.inf)
    null = solve(datafit, Z, Y, s, 0.0, free, rho=1.0, start=zero, **shared)
    U = s[:, None] * (mean_of(datafit, Z @ null[0] + null[1] + off) - Y)
    G = Z.T @ U
    if lower is not None and not np.any(lower):
        G = np.minimum(G, 0.0)
    size = np.linalg.norm(G, axis=1) if grouped else np.abs(G).max(axis=1)
    held = (c > 0) & np.isfinite(c)
    alpha_max = float((size[held] / (c[held] * max(l1_ratio, 1e-3))).max(initial=0.0))
    null_loss = loss(datafit, Y, Z @ zero[0] + null[1] * (not np.any(c == 0)) + off, s)
    if np.any(c == 0):
        only = solve(datafit, Z, Y, s, 0.0, np.full(p, np.inf), rho=1.0, start=zero, **shared)
        null_loss = loss(datafit, Y, only[1] + off, s)
    if alphas is None:
        alphas = alpha_max * eps ** (np.arange(n_alphas) / max(n_alphas - 1, 1))

    out: dict[str, list[Any]] = {
        k: [] for k in ("coefs", "intercepts", "dual_gaps", "n_iter", "objective", "loss")
    }
    start: tuple[np.ndarray, np.ndarray] = null[:2]
    saturated = 0.0 if datafit != "multinomial" else -float(s @ xlogy(Y, Y).sum(axis=1))
    for i, lam in enumerate(np.asarray(alphas, dtype=float)):
        W, b0, it = solve(datafit, Z, Y, s, lam, c, rho=l1_ratio, start=start, **shared)
        start = (W, b0)
        if datafit == "multinomial" and lower is None and upper is None:
            W = centre_rows(W, l1_ratio, grouped, c)
            b0 = b0 - b0.mean() if fit_intercept else b0
        eta = Z @ W + b0 + off
        value = loss(datafit, Y, eta, s)
        primal = value + lam * penalty(W, c, l1_ratio, grouped)
        gap = gap_of(
            datafit, Z, Y, s, eta, primal, lam, c, l1_ratio, grouped, off,
            positive=lower is not None and not np.any(lower),
        ) if lam > 0 else 0.0  # fmt: skip
        B = W / scale[:, None]
        out["coefs"].append(B.T)
        b0 = b0 - shift @ B
        out["intercepts"].append(
            b0 - b0.mean() if datafit == "multinomial" and fit_intercept else b0
        )
        out["dual_gaps"].append(max(gap, 0.0))
        out["n_iter"].append(it)
        out["objective"].append(primal)
        out["loss"].append(value)
        if callback is not None:
            callback(
                dict(
                    step=i,
                    n_steps=len(alphas),
                    alpha=lam,
                    gap=gap,
                    n_active=int((W != 0).any(1).sum()),
                )
            )
        if early_stop and i >= 5:
            dev = 1 - (np.array(out["loss"]) - saturated) / (null_loss - saturated)
            if dev[-1] > 0.999 or dev[-1] - dev[-2] < 1e-5 * dev[-1]:
                break
    k = len(out["coefs"])
    gaps = np.array(out["dual_gaps"])
    coefs = np.ascontiguousarray(np.array(out["coefs"]).reshape(k, K, p))
    spread = null_loss - saturated
    return dict(
        alphas=np.asarray(alphas, dtype=float)[:k].copy(),
        coefs=coefs,
        intercepts=np.array(out["intercepts"]).reshape(k, K),
        dual_gaps=gaps,
        n_iter=np.array(out["n_iter"], dtype=np.int64),
        converged=gaps <= tol * null_loss + 1e-15,
        objective=np.array(out["objective"]),
        null_loss=float(null_loss),
        dev_ratio=1 - (np.array(out["loss"]) - saturated) / spread if spread > 0 else np.zeros(k),
        alpha_max=alpha_max,
        n_active=(coefs != 0).any(axis=1).sum(axis=1).astype(np.int64),
        stats={},
    )

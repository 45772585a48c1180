# SPDX-License-Identifier: BSD-3-Clause
"""Certificates computed from the data and the coefficients alone.

Nothing here knows which solver made the coefficients, and nothing is imported from taut.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp


def lasso_bounds(
    X: Any, y: np.ndarray, alphas: np.ndarray, coefs: Any
) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the primal and the dual value of every path point, each of shape (k,).

    Primal ``||y - X b||^2 / 2n + alpha ||b||_1``, dual ``(||y||^2 - ||y - c r||^2) / 2n`` at the
    residual ``r`` scaled by the best feasible ``c``: the unconstrained maximiser
    ``y'r / r'r`` clipped to ``|c| <= alpha n / ||X'r||_inf``. Both values are divided by
    ``||y||^2 / 2n``, the objective at zero. Their difference is the relative duality gap, which
    anyone can verify from the coefficients alone. Solvers may know better dual points than their
    last residual; the primal value against the best dual value that anybody found bounds the true
    suboptimality.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n, p)
    y : ndarray of shape (n,)
    alphas : ndarray of shape (k,)
    coefs : ndarray or sparse matrix of shape (p, k)
    """
    n = y.size
    coefs = coefs.tocsc() if sp.issparse(coefs) else np.asarray(coefs, dtype=np.float64)
    fitted = X @ coefs
    fitted = fitted.toarray() if sp.issparse(fitted) else fitted
    R = y[:, None] - fitted  # (n, k)
    l1 = np.asarray(abs(coefs).sum(axis=0)).ravel()
    slope = np.abs(X.T @ R).max(axis=0)
    rr = np.einsum("ij,ij->j", R, R)
    yr = y @ R
    tiny = np.finfo(float).tiny
    cmax = alphas * n / np.maximum(slope, tiny)
    c = np.clip(yr / np.maximum(rr, tiny), -cmax, cmax)
    primal = rr / (2 * n) + alphas * l1
    dual = c * yr / n - c**2 * rr / (2 * n)
    at_zero = y @ y / (2 * n)
    return primal / at_zero, dual / at_zero


def multinomial_kkt(
    X: np.ndarray,
    classes: np.ndarray,
    alphas: np.ndarray,
    coefs: np.ndarray,
    intercepts: np.ndarray,
) -> np.ndarray:
    """Return the largest violation of the optimality conditions per alpha, over alpha_max, (k,).

    For the ungrouped multinomial Lasso (l1_ratio = 1) whose penalty acts on columns scaled to unit
    1/n standard deviation. The violation of one entry is the distance of the negative gradient
    to ``alpha`` times the subdifferential of the absolute value; of an intercept, its gradient.

    Parameters
    ----------
    X : ndarray of shape (n, p)
    classes : ndarray of shape (n,)
        Integers 0..K-1.
    alphas : ndarray of shape (k,)
    coefs : ndarray of shape (k, K, p)
        On the original scale of X.
    intercepts : ndarray of shape (k, K)
    """
    n = X.shape[0]
    mean, sd = X.mean(axis=0), X.std(axis=0)
    Z = (X - mean) / sd
    Y = np.eye(coefs.shape[1])[classes]
    alpha_max = np.abs(Z.T @ (Y - Y.mean(axis=0))).max() / n
    worst = np.empty(alphas.size)
    for i, alpha in enumerate(alphas):
        eta = X @ coefs[i].T + intercepts[i]
        eta -= eta.max(axis=1, keepdims=True)
        P = np.exp(eta)
        P /= P.sum(axis=1, keepdims=True)
        U = (P - Y) / n
        G = U.T @ Z  # (K, p)
        B = coefs[i] * sd
        at_zero = np.maximum(np.abs(G) - alpha, 0.0)
        off_zero = np.abs(G + alpha * np.sign(B))
        violation = np.where(B == 0.0, at_zero, off_zero).max()
        worst[i] = max(violation, np.abs(U.sum(axis=0)).max())
    return worst / alpha_max

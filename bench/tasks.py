# SPDX-License-Identifier: BSD-3-Clause
"""What is minimised in each benchmark: responses, largest strengths, certificates.

All without intercept and in the normalisation ``mean loss + alpha * penalty``. A certificate is
computed from the data and the coefficients alone: nothing here knows which solver made them, and
nothing is imported from taut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from score import lasso_bounds

HUBER_DELTA = 1.35
MCP_GAMMA = 3.0
GROUP_SIZE = 10
N_OUTPUTS = 20
N_SIGNALS = 50

Bounds = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Task:
    """One kind of problem.

    ``bounds(X, y, alphas, coefs)`` returns primal and dual values of every path point, divided by
    the loss at zero; coefs has shape (p, k), or (p * n_outputs, k) with the outputs of a feature
    side by side. Where there is no dual the first is the distance of the gradient to the
    subdifferential over the largest alpha, the second zero.
    """

    name: str
    respond: Callable[[np.random.Generator, Any], np.ndarray]
    alpha_max: Callable[[Any, np.ndarray], float]
    bounds: Callable[[Any, np.ndarray, np.ndarray, Any], Bounds]
    criterion: str = "relative duality gap"


def signal(X: Any, places: np.ndarray | None = None) -> np.ndarray:
    """Return X b (n,) for 50 coefficients +1, -1, ... spread over the columns."""
    p = X.shape[1]
    if places is None:
        places = np.linspace(0, p - 1, N_SIGNALS).astype(int)
    b = np.zeros(p)
    b[places] = np.where(np.arange(places.size) % 2 == 0, 1.0, -1.0)
    return np.asarray(X @ b)


def linear_response(rng: np.random.Generator, X: Any) -> np.ndarray:
    """Return y (n,) of unit variance with a noise to signal of 1/3."""
    f = signal(X)
    y = f + rng.standard_normal(f.size) * f.std() / np.sqrt(3.0)
    return y / y.std()


def binary_response(rng: np.random.Generator, X: Any) -> np.ndarray:
    """Return labels 0 and 1 (n,) with log odds of standard deviation 2."""
    f = signal(X)
    return (rng.random(f.size) < 1.0 / (1.0 + np.exp(-2.0 * f / f.std()))).astype(float)


def count_response(rng: np.random.Generator, X: Any) -> np.ndarray:
    """Return counts (n,) with log means of standard deviation 1/2 around 0."""
    f = signal(X)
    return rng.poisson(np.exp(0.5 * f / f.std())).astype(float)


def outlier_response(rng: np.random.Generator, X: Any) -> np.ndarray:
    """Return y (n,) with one row in ten off by ten standard deviations."""
    y = linear_response(rng, X)
    return y + 10.0 * (rng.random(y.size) < 0.1) * rng.choice([-1.0, 1.0], y.size)


def group_response(rng: np.random.Generator, X: Any) -> np.ndarray:
    """Return y (n,) of unit variance made by five whole groups."""
    first = np.linspace(0, X.shape[1] // GROUP_SIZE - 1, 5).astype(int) * GROUP_SIZE
    f = signal(X, np.concatenate([np.arange(j, j + GROUP_SIZE) for j in first]))
    y = f + rng.standard_normal(f.size) * f.std() / np.sqrt(3.0)
    return y / y.std()


def several_responses(rng: np.random.Generator, X: Any) -> np.ndarray:
    """Return Y (n, n_outputs), Fortran order, made by the same 50 columns."""
    places = np.linspace(0, X.shape[1] - 1, N_SIGNALS).astype(int)
    F = np.asarray(X[:, places] @ rng.standard_normal((N_SIGNALS, N_OUTPUTS)))
    Y = F + rng.standard_normal(F.shape) * F.std() / np.sqrt(3.0)
    return np.asfortranarray(Y / Y.std())


def _dense(values: Any) -> np.ndarray:
    return values.toarray() if sp.issparse(values) else np.asarray(values, dtype=float)


def _l1(coefs: Any) -> np.ndarray:
    return np.asarray(abs(coefs).sum(axis=0)).ravel()


def _share(alphas: np.ndarray, slopes: np.ndarray, most: float = 1.0) -> np.ndarray:
    """Return the largest c <= most for which c times the residual is feasible."""
    return np.minimum(most, alphas / np.maximum(slopes, np.finfo(float).tiny))


def _slopes(X: Any, R: np.ndarray) -> np.ndarray:
    return np.abs(X.T @ R).max(axis=0) / R.shape[0]


def logistic_bounds(X: Any, y: np.ndarray, alphas: np.ndarray, coefs: Any) -> Bounds:
    """Dual ``-mean(q log q + (1 - q) log(1 - q))`` at ``q = y - c (y - p)``."""
    eta = _dense(X @ coefs)
    primal = (np.logaddexp(0.0, eta) - y[:, None] * eta).mean(axis=0) + alphas * _l1(coefs)
    R = y[:, None] - 1.0 / (1.0 + np.exp(-eta))
    q = y[:, None] - _share(alphas, _slopes(X, R)) * R
    entropy = -sum(np.where(t > 0, t * np.log(np.maximum(t, 1e-300)), 0.0) for t in (q, 1.0 - q))
    return primal / np.log(2.0), entropy.mean(axis=0) / np.log(2.0)


def poisson_bounds(X: Any, y: np.ndarray, alphas: np.ndarray, coefs: Any) -> Bounds:
    """Dual ``mean(q - q log q)`` at ``q = y - c (y - mu)``; the loss at zero is 1."""
    eta = _dense(X @ coefs)
    mu = np.exp(eta)
    primal = (mu - y[:, None] * eta).mean(axis=0) + alphas * _l1(coefs)
    R = y[:, None] - mu
    q = y[:, None] - _share(alphas, _slopes(X, R)) * R
    dual = (q - np.where(q > 0, q * np.log(np.maximum(q, 1e-300)), 0.0)).mean(axis=0)
    return primal, dual


def _huber(r: np.ndarray) -> np.ndarray:
    size = np.abs(r)
    return np.where(size <= HUBER_DELTA, r * r / 2, HUBER_DELTA * (size - HUBER_DELTA / 2))


def huber_bounds(X: Any, y: np.ndarray, alphas: np.ndarray, coefs: Any) -> Bounds:
    """Dual ``mean(y v - v^2 / 2)`` at ``v = c clip(r)``."""
    r = y[:, None] - _dense(X @ coefs)
    R = np.clip(r, -HUBER_DELTA, HUBER_DELTA)
    V = _share(alphas, _slopes(X, R)) * R
    at_zero = _huber(y).mean()
    primal = _huber(r).mean(axis=0) + alphas * _l1(coefs)
    return primal / at_zero, (y[:, None] * V - V * V / 2).mean(axis=0) / at_zero


def sqrt_bounds(X: Any, y: np.ndarray, alphas: np.ndarray, coefs: Any) -> Bounds:
    """Loss ``||r|| / sqrt(n)``; dual ``y'v / sqrt(n)`` at ``v = c r / ||r||``."""
    root = np.sqrt(y.size)
    R = y[:, None] - _dense(X @ coefs)
    norms = np.linalg.norm(R, axis=0)
    slopes = np.abs(X.T @ R).max(axis=0) / (norms * root)
    dual = _share(alphas, slopes) * (y @ R) / (norms * root)
    at_zero = np.linalg.norm(y) / root
    return (norms / root + alphas * _l1(coefs)) / at_zero, dual / at_zero


def _block_bounds(Y, R, alphas, slopes, penalty):
    """Least squares with a norm penalty; Y and R (n, K, k), c the best feasible scale."""
    n = Y.shape[0]
    rr = (R * R).sum(axis=(0, 1))
    yr = (Y * R).sum(axis=(0, 1))
    most = alphas / np.maximum(slopes, np.finfo(float).tiny)
    c = np.clip(yr / np.maximum(rr, np.finfo(float).tiny), -most, most)
    at_zero = (Y * Y).sum() / (2 * n)
    primal = rr / (2 * n) + alphas * penalty
    return primal / at_zero, (c * yr / n - c * c * rr / (2 * n)) / at_zero


def group_bounds(X: Any, y: np.ndarray, alphas: np.ndarray, coefs: Any) -> Bounds:
    """Groups of ten neighbours weigh the root of their size."""
    coefs, weight = _dense(coefs), np.sqrt(GROUP_SIZE)
    R = y[:, None] - _dense(X @ coefs)

    def norms(B):
        return np.linalg.norm(B.reshape(-1, GROUP_SIZE, alphas.size), axis=1)

    slopes = norms(np.asarray(X.T @ R)).max(axis=0) / (y.size * weight)
    penalty = weight * norms(coefs).sum(axis=0)
    return _block_bounds(y[:, None, None], R[:, None, :], alphas, slopes, penalty)


def multitask_bounds(X: Any, y: np.ndarray, alphas: np.ndarray, coefs: Any) -> Bounds:
    """Loss ``||Y - X B||^2 / 2n``, penalty the sum of the norms of the rows of B."""
    n, p = X.shape
    B = _dense(coefs).reshape(p, N_OUTPUTS, alphas.size)
    R = y[:, :, None] - np.einsum("ij,jkt->ikt", X, B, optimize=True)
    G = np.einsum("ij,ikt->jkt", X, R, optimize=True) / n
    slopes = np.linalg.norm(G, axis=1).max(axis=0)
    return _block_bounds(y[:, :, None], R, alphas, slopes, np.linalg.norm(B, axis=1).sum(axis=0))


def mcp_bounds(X: Any, y: np.ndarray, alphas: np.ndarray, coefs: Any) -> Bounds:
    """Distance of the gradient to the subdifferential of the MCP, over the largest alpha."""
    B = _dense(coefs)
    G = np.asarray(X.T @ (_dense(X @ B) - y[:, None])) / y.size
    size = np.abs(B)
    slope = np.where(size < MCP_GAMMA * alphas, alphas - size / MCP_GAMMA, 0.0) * np.sign(B)
    distance = np.where(B == 0.0, np.maximum(np.abs(G) - alphas, 0.0), np.abs(G + slope))
    return distance.max(axis=0) / alphas[0], np.zeros(alphas.size)


def _largest(X, r):
    return float(np.abs(X.T @ r).max() / r.size)


def _group_largest(X, y):
    G = np.asarray(X.T @ y).reshape(-1, GROUP_SIZE)
    return float(np.linalg.norm(G, axis=1).max() / (y.size * np.sqrt(GROUP_SIZE)))


TASKS = {
    task.name: task
    for task in (
        Task("lasso", linear_response, _largest, lasso_bounds),
        Task("logistic", binary_response, lambda X, y: _largest(X, y - 0.5), logistic_bounds),
        Task("poisson", count_response, lambda X, y: _largest(X, y - 1.0), poisson_bounds),
        Task(
            "huber",
            outlier_response,
            lambda X, y: _largest(X, np.clip(y, -HUBER_DELTA, HUBER_DELTA)),
            huber_bounds,
        ),
        Task(
            "sqrt",
            linear_response,
            lambda X, y: _largest(X, y) * np.sqrt(y.size) / np.linalg.norm(y),
            sqrt_bounds,
        ),
        Task("group", group_response, _group_largest, group_bounds),
        Task(
            "multitask",
            several_responses,
            lambda X, Y: float(np.linalg.norm(X.T @ Y, axis=1).max() / Y.shape[0]),
            multitask_bounds,
        ),
        Task(
            "mcp",
            linear_response,
            _largest,
            mcp_bounds,
            criterion="distance of the gradient to the subdifferential over alpha_max",
        ),
    )
}

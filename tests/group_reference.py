# SPDX-License-Identifier: BSD-3-Clause
"""An independent solver and judge of penalties of groups, for the tests of small size.

Accelerated proximal gradient with restarts on

    sum_i s_i l(y_i, b + o_i + x_i'W) + alpha * sum_g psi_g(d o W_g),
    psi_g(u) = c_g (rho ||u|| + (1 - rho)/2 ||u||^2)     ("group") or
               rho ||u||_1 + (1 - rho) c_g ||u||         ("sparse_group"),

written in NumPy from these formulas; d is 1 or the standard deviation of the columns.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from reference_solver import CURVATURE, dense, mean_of


@dataclass
class Problem:
    X: np.ndarray
    Y: np.ndarray
    datafit: str
    penalty: str
    labels: np.ndarray
    c: np.ndarray
    rho: float = 1.0
    s: np.ndarray | None = None
    offset: np.ndarray | None = None
    intercept: bool = True
    standardize: bool = False
    Z: np.ndarray = field(init=False)
    scale: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.X = dense(self.X)
        n = len(self.X)
        self.Y = np.asarray(self.Y, dtype=float).reshape(n, -1)
        self.s = np.full(n, 1 / n) if self.s is None else self.s / np.sum(self.s)
        self.offset = np.zeros_like(self.Y) if self.offset is None else self.offset.reshape(n, -1)
        mean = self.s @ self.X
        sd = np.sqrt(self.s @ (self.X - mean) ** 2)
        self.scale = np.where(sd > 1e-12, sd, 1.0) if self.standardize else np.ones(len(sd))
        self.mean = mean if self.intercept else np.zeros(len(sd))
        self.Z = (self.X - self.mean) / self.scale
        self.groups = [np.flatnonzero(self.labels == g) for g in range(len(self.c))]

    def prox(self, W: np.ndarray, t: float) -> np.ndarray:
        W = W.copy()
        for rows, c in zip(self.groups, self.c, strict=True):
            if np.isinf(c):
                W[rows] = 0.0
                continue
            u, norm, ridge = W[rows], t * c * self.rho, t * c * (1 - self.rho)
            if self.penalty == "sparse_group":
                u = np.sign(u) * np.maximum(np.abs(u) - t * self.rho, 0.0)
                norm, ridge = ridge, 0.0
            size = np.linalg.norm(u)
            W[rows] = u * (max(size - norm, 0.0) / size if size > 0 else 0.0) / (1 + ridge)
        return W

    def loss(self, eta: np.ndarray) -> float:
        if self.datafit == "quadratic":
            return float((self.s[:, None] * 0.5 * (self.Y - eta) ** 2).sum())
        if self.datafit == "logistic":
            return float(self.s @ (np.logaddexp(0, eta) - self.Y * eta)[:, 0])
        top = eta.max(axis=1, keepdims=True)
        lse = top[:, 0] + np.log(np.exp(eta - top).sum(axis=1))
        return float(self.s @ (lse - (self.Y * eta).sum(axis=1)))

    def penalise(self, W: np.ndarray) -> float:
        total = 0.0
        for rows, c in zip(self.groups, self.c, strict=True):
            size = np.linalg.norm(W[rows])
            if np.isinf(c):
                total += np.inf if size > 0 else 0.0
            elif self.penalty == "group":
                total += c * (self.rho * size + 0.5 * (1 - self.rho) * size**2)
            else:
                total += self.rho * np.abs(W[rows]).sum() + (1 - self.rho) * c * size
        return float(total)

    def state(self, coef: np.ndarray, intercept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """W on the scale of Z and eta, of coefficients (K, p) as the kernel gives them."""
        coef, intercept = np.atleast_2d(coef), np.atleast_1d(intercept)
        return coef.T * self.scale[:, None], self.X @ coef.T + intercept + self.offset

    def objective(self, coef: np.ndarray, intercept: np.ndarray, alpha: float) -> float:
        W, eta = self.state(coef, intercept)
        return self.loss(eta) + alpha * self.penalise(W)

    def violation(self, coef: np.ndarray, intercept: np.ndarray, alpha: float) -> float:
        """Largest distance from the conditions of optimality, by group and for the intercept."""
        W, eta = self.state(coef, intercept)
        v = self.s[:, None] * (mean_of(self.datafit, eta) - self.Y)
        G = self.Z.T @ v
        worst = float(np.abs(v.sum(axis=0)).max()) if self.intercept else 0.0
        for rows, c in zip(self.groups, self.c, strict=True):
            if np.isinf(c):
                assert not W[rows].any()
                continue
            u, g = W[rows], G[rows]
            size = np.linalg.norm(u)
            l1 = alpha * self.rho if self.penalty == "sparse_group" else 0.0
            norm = alpha * c * (self.rho if self.penalty == "group" else 1 - self.rho)
            ridge = alpha * c * (1 - self.rho) if self.penalty == "group" else 0.0
            smooth = g + ridge * u + (norm * u / size if size > 0 else 0.0)
            shrunk = np.maximum(np.abs(smooth) - l1, 0.0)
            parts = np.where(u != 0, smooth + l1 * np.sign(u), shrunk)
            away = np.linalg.norm(parts)
            worst = max(worst, away if size > 0 else away - norm)
        return worst

    def solve(self, alpha: float, max_iter: int = 60_000) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients (K, p) and intercepts (K,) on the scale of X."""
        n, p = self.Z.shape
        A = np.column_stack([self.Z, np.ones(n)]) if self.intercept else self.Z
        top = np.linalg.norm(np.sqrt(self.s)[:, None] * A, 2) ** 2
        step = 1.0 / (CURVATURE[self.datafit] * top)
        W = np.zeros((A.shape[1], self.Y.shape[1]))
        V, momentum = W, 1.0
        for _ in range(max_iter):
            U = self.s[:, None] * (mean_of(self.datafit, A @ V + self.offset) - self.Y)
            new = V - step * (A.T @ U)
            new[:p] = self.prox(new[:p], step * alpha)
            if ((V - new) * (new - W)).sum() > 0:
                momentum = 1.0
            following = 0.5 * (1 + np.sqrt(1 + 4 * momentum**2))
            moved = np.abs(V - new).max()
            V = new + (momentum - 1) / following * (new - W)
            W, momentum = new, following
            if moved < 1e-14:
                break
        coef = W[:p] / self.scale[:, None]
        intercept = (W[p] if self.intercept else 0.0) - self.mean @ coef
        return coef.T, intercept

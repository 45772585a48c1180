# SPDX-License-Identifier: BSD-3-Clause
"""Textbook forms of the methods of taut.linsolve on dense arrays, and their test problems."""

from __future__ import annotations

import numpy as np
import scipy.linalg as sla
import scipy.sparse as sp

GRID_OMEGAS = np.linspace(1.0, 1.95, 20)


def laplacian(*shape):
    """Minus the 5- or 7-point Laplacian with unit spacing, last coordinate fastest."""
    A = sp.csr_array((1, 1))
    for size in shape:
        line = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(size, size))
        A = sp.kron(A, sp.eye_array(size)) + sp.kron(sp.eye_array(A.shape[0]), line)
    return sp.csr_array(A)


def experiment(kind, T=5000, seed=0):
    """Shifts and right-hand sides of the paper's first experiment, for a 10 x 10 grid."""
    rng = np.random.default_rng(seed)
    p, q = (0.5, 1.5) if kind == "high" else (2.0, 6.0)
    shifts = -0.15 + 0.6 * rng.beta(p, q, size=T)
    B = np.empty((T, 100))
    for t in range(T):
        B[t] = rng.normal(size=100)
        while np.linalg.norm(B[t]) > 10.0:
            B[t] = rng.normal(size=100)
    return shifts, B


def sor_matrix(A, omega):
    """D / omega + L."""
    return np.diag(np.diag(A)) / omega + np.tril(A, -1)


def sor_iterates(A, b, omega, x0, count, backward=False):
    """x after 1 .. count sweeps; with ``backward``, of pairs of sweeps."""
    lower = sor_matrix(A, omega)
    upper = np.diag(np.diag(A)) / omega + np.triu(A, 1)
    x, out = x0.copy(), []
    for _ in range(count):
        x = x + sla.solve_triangular(lower, b - A @ x, lower=True)
        if backward:
            x = x + sla.solve_triangular(upper, b - A @ x, lower=False)
        out.append(x)
    return np.array(out)


def sor_count(A, b, omega, tol=1e-8, max_iter=10000):
    """First k >= 1 with |r_k| <= tol |r_0| from zero."""
    lower = sor_matrix(A, omega)
    x = np.zeros(b.size)
    for k in range(1, max_iter + 1):
        x = x + sla.solve_triangular(lower, b - A @ x, lower=True)
        if np.linalg.norm(b - A @ x) <= tol * np.linalg.norm(b):
            return k
    return max_iter


def pcg_iterates(A, b, x0, solve, target, max_iter=10000):
    """Preconditioned conjugate gradients until |b - A x| <= target, all iterates."""
    x, out = x0.copy(), []
    r = b - A @ x
    z = solve(r)
    p, rho = z.copy(), r @ z
    while np.linalg.norm(r) > target and len(out) < max_iter:
        q = A @ p
        x = x + rho / (p @ q) * p
        r = r - rho / (p @ q) * q
        z = solve(r)
        p, rho = z + (r @ z) / rho * p, r @ z
        out.append(x)
    return out


def ssor_solve(A, omega):
    """v -> P^{-1} v with P = omega / (2 - omega) (D/omega + L) D^{-1} (D/omega + L')."""
    lower, d = sor_matrix(A, omega), np.diag(A)

    def apply(v):
        y = sla.solve_triangular(lower, v, lower=True)
        return (2.0 - omega) / omega * sla.solve_triangular(lower.T, d * y, lower=False)

    return apply


def random_spd(rng, n, density):
    """Symmetric positive definite and sparse, badly scaled, without structure."""
    S = sp.random_array((n, n), density=density, rng=rng, data_sampler=rng.standard_normal)
    S = (S + S.T).toarray()
    A = S + np.diag(np.abs(S).sum(axis=0) + rng.random(n) * 0.1 + 1e-3)
    scale = 10.0 ** rng.uniform(-1, 1, size=n)
    return scale[:, None] * A * scale

# SPDX-License-Identifier: BSD-3-Clause
"""What is known of the best parameter: Young's formula, and bounds on iterations."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike
from scipy.sparse.linalg import ArpackNoConvergence, eigsh

from taut.linsolve._matrix import Float64, Pattern, Rows, check_omega, check_tol

__all__ = ["jacobi_radius", "omega_opt", "sor_radius", "ssor_cg_bound"]

_DENSE = 200  # rows up to which eigenvalues are computed densely


def jacobi_radius(A: Any) -> float:
    """Spectral radius of the Jacobi iteration ``I - D^{-1} A``.

    Parameters
    ----------
    A : sparse matrix or array, or array-like, of shape (n, n)
        Symmetric with a positive diagonal.

    Returns
    -------
    float
        By Lanczos' method (ARPACK), with the same start each time.

    Raises
    ------
    ValueError
        If A is not square or symmetric, or its diagonal not positive.

    See Also
    --------
    omega_opt : What it is for.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.linsolve import jacobi_radius
    >>> round(jacobi_radius(2 * np.eye(10) - np.eye(10, k=1) - np.eye(10, k=-1)), 5)
    0.95949
    """
    rows = Rows(A)
    if not Pattern(rows, "natural").split(rows).symmetric:
        raise ValueError("A must be symmetric.")
    scale = 1.0 / np.sqrt(rows.diagonal())
    matrix = sp.csr_array((rows.data, rows.indices, rows.indptr), (rows.n, rows.n))
    scaled = sp.diags_array(scale) @ matrix @ sp.diags_array(scale)
    jacobi = sp.eye_array(rows.n) - scaled
    if rows.n <= _DENSE:
        return float(np.abs(np.linalg.eigvalsh(jacobi.toarray())).max())
    start = np.random.default_rng(0).random(rows.n) + 0.5
    try:
        # Both ends: the spectrum of a bipartite matrix is symmetric.
        values = eigsh(jacobi, k=2, which="BE", v0=start, tol=1e-8, return_eigenvectors=False)
    except ArpackNoConvergence as failure:
        values = failure.eigenvalues
        if values.size == 0:
            raise ValueError("Lanczos' method did not converge on A.") from failure
    return float(np.abs(values).max())


def omega_opt(A: Any) -> float:
    r"""Best parameter of SOR by Young's formula, ``1 + (beta / (1 + sqrt(1 - beta^2)))^2``.

    Exact, asymptotically, where A is consistently ordered (block tridiagonal with diagonal blocks
    on its diagonal, up to a permutation: grids, trees); a guess elsewhere.

    Parameters
    ----------
    A : sparse matrix or array, or array-like, of shape (n, n)
        Symmetric positive definite.

    Returns
    -------
    float
        In [1, 2).

    Raises
    ------
    ValueError
        As :func:`jacobi_radius`; and if beta, the Jacobi radius, is not below 1: the formula says
        nothing then.

    References
    ----------
    .. [1] D. M. Young (1971), Iterative solution of large linear systems, section 6.2.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.linsolve import omega_opt
    >>> round(omega_opt(2 * np.eye(10) - np.eye(10, k=1) - np.eye(10, k=-1)), 4)
    1.5604
    """
    beta = jacobi_radius(A)
    if not beta < 1.0:
        raise ValueError(
            f"the Jacobi iteration of A has spectral radius {beta:.6g}; Young's formula needs a "
            "radius below 1. Learn omega by RelaxationSolver instead."
        )
    return float(1.0 + (beta / (1.0 + np.sqrt(1.0 - beta * beta))) ** 2)


def sor_radius(omega: ArrayLike, beta: float) -> Float64:
    """Spectral radius of SOR for a consistently ordered matrix with Jacobi radius beta.

    Parameters
    ----------
    omega : float or array-like of any shape
        In (0, 2).
    beta : float
        In [0, 1).

    Returns
    -------
    ndarray of the shape of omega

    Raises
    ------
    ValueError
        If a number is out of its range.

    References
    ----------
    .. [1] D. M. Young (1971), Iterative solution of large linear systems, section 6.2.

    Examples
    --------
    >>> from taut.linsolve import sor_radius
    >>> sor_radius([1.0, 1.5604, 1.8], 0.95949).round(4)
    array([0.9206, 0.5604, 0.8   ])
    """
    w = np.asarray(omega, dtype=np.float64)
    if not ((w > 0) & (w < 2)).all():
        raise ValueError(f"omega must be in (0, 2), got {omega!r}.")
    if not 0.0 <= float(beta) < 1.0:
        raise ValueError(f"beta must be in [0, 1), got {beta!r}.")
    root = np.sqrt(np.maximum((w * beta) ** 2 - 4.0 * (w - 1.0), 0.0))
    best = 1.0 + (beta / (1.0 + np.sqrt(1.0 - beta * beta))) ** 2
    return np.where(w >= best, w - 1.0, (0.5 * (w * beta + root)) ** 2)


def ssor_cg_bound(A: Any, omega: float, tol: float = 1e-8) -> float:
    r"""Bound on the iterations of :func:`ssor_cg` from the condition of the preconditioned matrix.

    Parameters
    ----------
    A : sparse matrix or array, or array-like, of shape (n, n)
        Symmetric positive definite; its eigenvalues are computed densely.
    omega : float
        In (0, 2).
    tol : float, default=1e-8
        Relative to ``|b - A x0|``.

    Returns
    -------
    float
        A smooth function of omega.

    Raises
    ------
    ValueError
        If A is not symmetric positive definite, or a number out of its range.

    References
    ----------
    .. [1] O. Axelsson (1994), Iterative solution methods, theorem 7.17.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.linsolve import ssor_cg_bound
    >>> A = 2 * np.eye(50) - np.eye(50, k=1) - np.eye(50, k=-1)
    >>> [int(ssor_cg_bound(A, w)) for w in (1.0, 1.5, 1.9)]
    [130, 77, 46]
    """
    omega, tol = check_omega(omega), check_tol(tol)
    rows = Rows(A)
    if not Pattern(rows, "natural").split(rows).symmetric:
        raise ValueError("A must be symmetric.")
    dense = sp.csr_array((rows.data, rows.indices, rows.indptr), (rows.n, rows.n)).toarray()
    values, vectors = np.linalg.eigh(dense)
    if not values[0] > 0:
        raise ValueError(f"A must be positive definite; its least eigenvalue is {values[0]:g}.")
    inverse = (vectors / values) @ vectors.T
    diag = np.diag(dense)
    lower = np.tril(dense, -1)
    a = np.linalg.eigvals(diag[:, None] * inverse).real.max()
    c = np.linalg.eigvals(((lower / diag) @ lower.T - np.diag(diag) / 4.0) @ inverse).real.max()
    kappa = values[-1] / values[0]
    kappa_w = (1.0 + (2.0 - omega) ** 2 / (4.0 * omega) * a + omega * c) / (2.0 - omega)
    start = np.sqrt(kappa) / tol + np.sqrt(kappa / tol**2 - 1.0)
    return float(1.0 + np.log(start) / -np.log1p(-2.0 / (1.0 + np.sqrt(kappa_w))))

# SPDX-License-Identifier: BSD-3-Clause
"""A sequence of related systems: the heat equation in time steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from taut.linsolve._matrix import check_count, check_vector

__all__ = ["HeatEquation"]

Float64 = NDArray[np.float64]


class HeatEquation:
    r"""Heat equation on the unit square with a diffusivity that varies over a factor of thousands.

    ``u_t = kappa(t) Laplace(u) + f`` with zero boundary values, by Crank and Nicolson's scheme:
    each step is a system ``(I - kappa dt / 2 Laplace) u_new = b`` whose best relaxation parameter
    follows ``kappa(t) = max(0.1 sin(2 pi t), -10 sin(2 pi t))``. The source f is a bump that runs
    around the centre eight times in a unit of time.

    Parameters
    ----------
    nx : int, default=50
        Cells along a side; there are ``(nx - 1)^2`` unknowns, the second coordinate running
        fastest.
    dt : float, default=1e-3
        Time step, > 0.

    Attributes
    ----------
    u : ndarray of shape (n,)
        Values at time ``t``.
    t : float
    n : int
    context_range : tuple (0.0, 10.0)
        Range of :meth:`diffusivity`.

    Raises
    ------
    ValueError
        If nx is below 2, or dt is not positive.

    References
    ----------
    .. [1] M. Khodak, E. Chow, M.-F. Balcan, A. Talwalkar (2024), Learning to relax, ICLR,
       section 4.2.

    Examples
    --------
    >>> from taut.linsolve import HeatEquation, ssor_cg
    >>> heat = HeatEquation(20)
    >>> for _ in range(3):
    ...     A, b = heat.system()
    ...     heat.advance(ssor_cg(A, b, x0=heat.u).x)
    >>> round(heat.t, 6), round(float(heat.u.max()), 4)
    (0.003, 0.9998)
    """

    context_range = (0.0, 10.0)

    def __init__(self, nx: int = 50, dt: float = 1e-3) -> None:
        self.nx = check_count(nx, "nx")
        if self.nx < 2:
            raise ValueError(f"nx must be at least 2, got {nx}.")
        if not 0.0 < float(dt) < np.inf:
            raise ValueError(f"dt must be a finite number > 0, got {dt!r}.")
        self.dt = float(dt)
        side = self.nx - 1
        self.n = side * side
        self._x: Float64 = np.arange(1, self.nx) / self.nx
        line = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(side, side))
        one = sp.eye_array(side)
        # nx^2 is one over the squared width of a cell.
        minus_laplace = ((sp.kron(line, one) + sp.kron(one, line)) * float(nx) ** 2).tocsr()
        minus_laplace.sort_indices()
        self._indices = minus_laplace.indices.astype(np.int32)
        self._indptr = minus_laplace.indptr.astype(np.int32)
        self._values: Float64 = minus_laplace.data
        rows = np.repeat(np.arange(self.n), np.diff(self._indptr))
        self._diagonal = np.flatnonzero(rows == self._indices)
        self.t = 0.0
        self.u = _bump(self._x, (0.5, 0.5), 0.25)

    @staticmethod
    def diffusivity(t: ArrayLike) -> Any:
        """Return kappa at a time, or at an array of times."""
        wave = np.sin(2.0 * np.pi * np.asarray(t, dtype=np.float64))
        kappa = np.maximum(0.1 * wave, -10.0 * wave) + 0.0  # no negative zero
        return float(kappa) if kappa.ndim == 0 else kappa

    @property
    def context(self) -> float:
        """The diffusivity at the present time, for policies that take a context."""
        return float(self.diffusivity(self.t))

    def system(self) -> tuple[Any, Float64]:
        """Return A, a csr_array of shape (n, n), and b of the next step.

        All matrices share one pattern, so that a solver analyses it once.
        """
        middle = self.t + 0.5 * self.dt
        half = 0.5 * self.diffusivity(middle) * self.dt
        values = half * self._values
        A = self._matrix(values)
        turn = 16.0 * np.pi * middle
        source = _bump(self._x, (0.5 + np.cos(turn) / 4, 0.5 + np.sin(turn) / 4), 0.125)
        b = self.u - A @ self.u + (32.0 * self.dt) * source
        values[self._diagonal] += 1.0
        return A, b

    def _matrix(self, values: Float64) -> Any:
        A = sp.csr_array((values, self._indices, self._indptr), shape=(self.n, self.n))
        A.has_canonical_format = True
        return A

    def advance(self, u: ArrayLike) -> None:
        """Go one step ahead, to the solution of :meth:`system`."""
        self.u = check_vector(u, self.n, "u")
        self.t += self.dt

    def grid(self) -> Float64:
        """Return u with its zero boundary, an ndarray of shape (nx + 1, nx + 1)."""
        return np.pad(self.u.reshape(self.nx - 1, self.nx - 1), 1)


def _bump(x: Float64, centre: tuple[float, float], radius: float) -> Float64:
    """exp(1 - 1 / (1 - s)) where s, the squared distance in radii, is below one; else zero."""
    first, second = ((x - c) ** 2 / radius**2 for c in centre)
    rows, cols = first < 1.0, second < 1.0
    inside = first[rows, None] + second[cols]
    part = np.zeros_like(inside)
    near = inside < 1.0
    part[near] = np.exp(1.0 - 1.0 / (1.0 - inside[near]))
    out = np.zeros((x.size, x.size))
    out[np.ix_(rows, cols)] = part
    return out.ravel()

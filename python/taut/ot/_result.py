# SPDX-License-Identifier: BSD-3-Clause
"""What every solver of :mod:`taut.ot` returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from taut.ot._cost import PointCloud, Problem

Float64 = NDArray[np.float64]


class OTResult:
    """Plan, potentials and certificate of a transport problem.

    Attributes
    ----------
    plan : ndarray or csr_array of shape (n, m)
        Mass moved from i to j. Dense for :func:`sinkhorn` (made when first asked for), sparse
        otherwise.
    plan_relaxed : ndarray or csr_array of shape (n, m)
        A plan whose rows and columns both have the right sums: the one that ``value`` is the
        value of. Differs from ``plan`` where ``plan`` does not meet both marginals.
    potentials : tuple of ndarray (n,) and ndarray (m,)
        Dual variables, in units of the cost.
    value : float
        Objective at ``plan_relaxed``: an upper bound of the optimum (of the convex relaxation,
        where the number of entries is limited).
    linear_cost : float
        ``sum(plan * C)``, at ``plan_relaxed`` for sparse plans.
    dual_value : float
        Lower bound of the optimum, from ``potentials``.
    duality_gap : float
        ``value - dual_value``: what the optimum can still differ by.
    marginal_error : tuple of two floats
        ``|T 1 - a|_1`` and ``|T' 1 - b|_1`` of ``plan``.
    n_iter : int
        Sweeps (Sinkhorn) or evaluations of the dual.
    converged : bool
    n_ties : int
        Columns (rows, for axis=1) in which the k-th and the next score are equal: there the
        relaxation mixes several choices of k partners and ``plan`` alone is not its optimum.
    cardinality : tuple of two int, or None
        Largest number of partners of a column (row, for axis=1) of ``plan`` and of
        ``plan_relaxed``: entries above 1e-9 of what the column weighs. None for Sinkhorn, whose
        plans have no zeros.
    errors : ndarray of shape (n_steps,)
        Marginal error after each step.

    Raises
    ------
    AttributeError
        If what was not asked for (``return_plan=False``, say) is read.

    See Also
    --------
    sinkhorn, smooth_ot, ot_exact : Return one.

    Examples
    --------
    >>> from taut.ot import ot_exact
    >>> result = ot_exact([0.5, 0.5], [0.5, 0.5], [[0.0, 1.0], [1.0, 0.0]])
    >>> result.value, result.cardinality
    (0.0, (1, 1))
    """

    def __init__(
        self,
        problem: Problem,
        *,
        potentials: tuple[Float64, Float64],
        marginal_error: tuple[float, float],
        n_iter: int,
        converged: bool,
        errors: Float64 | None = None,
        n_ties: int = 0,
        eps: float | None = None,
        plan: Any = None,
        plan_relaxed: Any = None,
        linear_cost: float | None = None,
        dual_value: float | None = None,
        value: float | None = None,
        parts: Callable[[], dict[str, Any]] | None = None,
        multiply: Callable[[Float64, bool], Float64] | None = None,
        gradients: tuple[Float64, Float64] | None = None,
        axis: int = 0,
    ) -> None:
        self._problem = problem
        self.potentials = potentials
        self.marginal_error = marginal_error
        self.n_iter = n_iter
        self.converged = converged
        self.errors = np.empty(0) if errors is None else errors
        self.n_ties = n_ties
        self.reg = eps
        self._axis = axis
        self._parts = parts
        self._multiply = multiply
        self._gradients = potentials if gradients is None else gradients
        self._known: dict[str, Any] = {
            name: item
            for name, item in (
                ("plan", plan),
                ("plan_relaxed", plan_relaxed),
                ("linear_cost", linear_cost),
                ("dual_value", dual_value),
                ("value", value),
            )
            if item is not None
        }

    def _get(self, name: str) -> Any:
        if name not in self._known:
            if self._parts is None:
                raise AttributeError(name)
            self._known.update(self._parts())
        return self._known[name]

    @property
    def plan(self) -> Any:
        """Mass moved from i to j."""
        if "plan" not in self._known and self._multiply is not None:
            n, m = self._problem.full_a.size, self._problem.full_b.size
            self._known["plan"] = self._dense_plan(n, m)
        return self._get("plan")

    def _dense_plan(self, n: int, m: int) -> Float64:
        from taut.ot._sinkhorn import dense_plan

        return dense_plan(self._problem, self.potentials, float(self.reg or 0.0), n, m)

    @property
    def plan_relaxed(self) -> Any:
        """A plan that meets both marginals."""
        return self._known.get("plan_relaxed", self.plan)

    @property
    def linear_cost(self) -> float:
        """Cost of the plan."""
        return float(self._get("linear_cost"))

    @property
    def dual_value(self) -> float:
        """Lower bound of the optimum."""
        return float(self._get("dual_value"))

    @property
    def value(self) -> float:
        """Objective at ``plan_relaxed``."""
        return float(self._get("value"))

    @property
    def duality_gap(self) -> float:
        """What the optimum can still differ by."""
        return self.value - self.dual_value

    @property
    def cardinality(self) -> tuple[int, int] | None:
        """Largest numbers of partners."""
        if not sp.issparse(self._known.get("plan")):
            return None
        weights = self._problem.full_b if self._axis == 0 else self._problem.full_a
        return (
            _most_partners(self.plan, weights, self._axis),
            _most_partners(self.plan_relaxed, weights, self._axis),
        )

    def apply(self, M: ArrayLike, axis: int = 0) -> Float64:
        """Product of the plan with a matrix, without making a dense plan.

        Parameters
        ----------
        M : array-like of shape (m,) or (m, q) for axis=0, (n,) or (n, q) for axis=1
        axis : {0, 1}, default=0
            0 gives ``T @ M``, 1 gives ``T.T @ M``.

        Returns
        -------
        ndarray of shape (n, q) or (m, q), or without q for a vector
        """
        if axis not in (0, 1):
            raise ValueError(f"axis must be 0 or 1, got {axis!r}.")
        matrix = np.asarray(M, dtype=np.float64)
        n, m = self._problem.full_a.size, self._problem.full_b.size
        needed = m if axis == 0 else n
        if matrix.ndim not in (1, 2) or matrix.shape[0] != needed:
            raise ValueError(
                f"M must have {needed} rows for axis={axis}, got an array of shape {matrix.shape}."
            )
        if self._multiply is not None:
            wide = np.ascontiguousarray(matrix.reshape(needed, -1))
            out = self._multiply(wide, axis == 1)
            return out[:, 0] if matrix.ndim == 1 else out
        return (self.plan if axis == 0 else self.plan.T) @ matrix

    def gradient_cost(self) -> Any:
        """Derivative of the optimal value in C: the plan itself."""
        return self.plan_relaxed

    def gradient_a(self) -> Float64:
        """Derivative in a (n,); for balanced problems up to a constant, chosen to have mean 0.

        Rows of weight 0 get the derivative from the right.
        """
        return self._gradients[0].copy()

    def gradient_b(self) -> Float64:
        """Derivative in b (m,), as :meth:`gradient_a`."""
        return self._gradients[1].copy()

    def gradient_x(self) -> Float64:
        """Derivative in the source points X of a :class:`PointCloud`, (n, d).

        Raises
        ------
        ValueError
            If the cost was given as a matrix.
        """
        cost = self._problem.full_cost
        if not isinstance(cost, PointCloud):
            raise ValueError("gradient_x needs the cost as a PointCloud, got a matrix.")
        X = np.asarray(cost.X, dtype=np.float64)
        Y = np.asarray(cost.Y, dtype=np.float64)
        both = np.column_stack([Y, np.ones(Y.shape[0])])
        if self._multiply is not None:
            product = self.apply(both)
        else:
            product = self.plan_relaxed @ both
        return 2.0 * (product[:, -1:] * X - product[:, :-1])

    def plot(self, ax: Any = None) -> Any:
        """Draw the plan; see :class:`taut.plotting.TransportPlanDisplay`."""
        from taut.plotting import TransportPlanDisplay

        return TransportPlanDisplay.from_result(self, ax=ax)

    def __repr__(self) -> str:
        n, m = self._problem.full_a.size, self._problem.full_b.size
        error = max(self.marginal_error)
        state = "converged" if self.converged else "not converged"
        return f"OTResult(n={n}, m={m}, {state}, n_iter={self.n_iter}, marginal_error={error:.1e})"


def _most_partners(plan: sp.csr_array, weights: Float64, axis: int) -> int:
    coo = plan.tocoo()
    lines = coo.coords[1 - axis]
    counted = lines[coo.data > 1e-9 * weights[lines]]
    return int(np.bincount(counted, minlength=1).max())


def centred(values: Float64, weights: Float64) -> Float64:
    """Subtract the mean over points of positive weight."""
    return values - values[weights > 0].mean()


def scatter_plan(problem: Problem, plan: sp.csr_array) -> sp.csr_array:
    """Put a plan of the reduced problem at its place in the full one."""
    if problem.rows is None and problem.cols is None:
        return plan
    coo = plan.tocoo()
    rows, cols = coo.coords
    if problem.rows is not None:
        rows = problem.rows[rows]
    if problem.cols is not None:
        cols = problem.cols[cols]
    shape = (problem.full_a.size, problem.full_b.size)
    return sp.csr_array((coo.data, (rows, cols)), shape=shape)


def marginal_errors(problem: Problem, plan: sp.csr_array) -> tuple[float, float]:
    """L1 errors of rows and columns of a plan of the full problem."""
    row = np.abs(np.asarray(plan.sum(axis=1)).ravel() - problem.full_a).sum()
    col = np.abs(np.asarray(plan.sum(axis=0)).ravel() - problem.full_b).sum()
    return float(row), float(col)

# SPDX-License-Identifier: BSD-3-Clause
"""Costs and weights: what is accepted, and what the kernels get."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_array

from taut.typing import FloatArray

Float64 = NDArray[np.float64]
KernelCost = Any  # ndarray, or tuple of two clouds


class PointCloud:
    """Squared Euclidean distances between two clouds of points, never stored as a matrix.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Source points, float32 or float64.
    Y : array-like of shape (m, d)
        Target points.

    Attributes
    ----------
    shape : tuple (n, m)

    Raises
    ------
    ValueError
        If the numbers of columns differ, or a coordinate is NaN or infinite.

    See Also
    --------
    sinkhorn : Takes one.

    Examples
    --------
    >>> from taut.ot import PointCloud
    >>> PointCloud([[0.0], [3.0]], [[1.0]]).matrix()
    array([[1.],
           [4.]])
    """

    def __init__(self, X: ArrayLike, Y: ArrayLike) -> None:
        x = check_array(X, dtype=[np.float64, np.float32], order="C", input_name="X")
        y = check_array(Y, dtype=[np.float64, np.float32], order="C", input_name="Y")
        if x.shape[1] != y.shape[1]:
            raise ValueError(
                f"X and Y must have the same number of columns, got {x.shape[1]} and {y.shape[1]}."
            )
        dtype = np.promote_types(x.dtype, y.dtype)
        self.X: FloatArray = np.ascontiguousarray(x, dtype=dtype)
        self.Y: FloatArray = np.ascontiguousarray(y, dtype=dtype)

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of sources and targets."""
        return self.X.shape[0], self.Y.shape[0]

    def matrix(self) -> FloatArray:
        """Return the costs as an (n, m) array, for small clouds."""
        out = np.zeros(self.shape, dtype=self.X.dtype)
        for k in range(self.X.shape[1]):
            out += (self.X[:, k, None] - self.Y[:, k]) ** 2
        return out

    def __repr__(self) -> str:
        return f"PointCloud(n={self.shape[0]}, m={self.shape[1]}, d={self.X.shape[1]})"


@dataclass(frozen=True)
class Problem:
    """A checked problem without its rows and columns of zero weight.

    ``rows`` and ``cols`` are the positions kept; None where all are.
    """

    a: Float64
    b: Float64
    cost: FloatArray | PointCloud
    rows: NDArray[np.intp] | None
    cols: NDArray[np.intp] | None
    full_a: Float64
    full_b: Float64
    full_cost: FloatArray | PointCloud

    @property
    def shape(self) -> tuple[int, int]:
        return self.a.size, self.b.size

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.cost.X.dtype if isinstance(self.cost, PointCloud) else self.cost.dtype

    @cached_property
    def row_major(self) -> KernelCost:
        """The cost as the kernels that work by rows take it."""
        if isinstance(self.cost, PointCloud):
            return self.cost.X, self.cost.Y
        return np.ascontiguousarray(self.cost)

    @cached_property
    def column_major(self) -> KernelCost:
        """The transposed cost, for kernels that work by columns."""
        if isinstance(self.cost, PointCloud):
            return self.cost.X, self.cost.Y
        return np.ascontiguousarray(self.cost.T)

    def block(self, rows: Any, cols: Any) -> Float64:
        """Costs of some rows and columns of the full problem, as a float64 matrix."""
        if isinstance(self.full_cost, PointCloud):
            part = PointCloud(self.full_cost.X[rows], self.full_cost.Y[cols]).matrix()
        else:
            part = self.full_cost[rows][:, cols]
        return np.asarray(part, dtype=np.float64)

    def restore(
        self, f: Float64, g: Float64, eps: float = 0.0, damping: tuple[float, float] = (1.0, 1.0)
    ) -> tuple[Float64, Float64]:
        """Potentials with values at the dropped rows and columns too.

        A dropped point gets the largest potential that leaves it empty, the (soft, if eps > 0)
        minimum of cost minus the other potential, times the damping of unbalanced problems.
        """
        rows = np.arange(self.full_a.size) if self.rows is None else self.rows
        cols = np.arange(self.full_b.size) if self.cols is None else self.cols
        f_full, g_full = np.empty(self.full_a.size), np.empty(self.full_b.size)
        f_full[rows], g_full[cols] = f, g
        gone = np.setdiff1d(np.arange(f_full.size), rows)
        if gone.size:
            f_full[gone] = damping[0] * _soft_min(self.block(gone, cols) - g, self.b, eps)
        gone = np.setdiff1d(np.arange(g_full.size), cols)
        if gone.size:
            g_full[gone] = damping[1] * _soft_min(self.block(rows, gone).T - f, self.a, eps)
        return f_full, g_full


def _soft_min(values: Float64, weights: Float64, eps: float) -> Float64:
    low = values.min(axis=1)
    if eps == 0.0:
        return low
    return low - eps * np.log(np.exp((low[:, None] - values) / eps) @ weights)


def check_problem(
    a: ArrayLike | None,
    b: ArrayLike | None,
    C: ArrayLike | PointCloud,
    *,
    balanced: bool = True,
    dtype: Any = None,
) -> Problem:
    """Check weights and costs of a transport problem.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, a side has no mass, the sums differ (balanced
        problems), shapes disagree, or a cost is not finite.
    """
    if dtype is not None and np.dtype(dtype) not in (np.dtype("f4"), np.dtype("f8")):
        raise ValueError(f"dtype must be float32 or float64, got {dtype!r}.")
    if isinstance(C, PointCloud):
        cost: FloatArray | PointCloud = C
        if dtype is not None and C.X.dtype != np.dtype(dtype):
            cost = PointCloud(C.X.astype(dtype), C.Y.astype(dtype))
    else:
        if np.ndim(C) != 2:
            raise ValueError(f"C must have shape (n, m), got an array of {np.ndim(C)} dimensions.")
        matrix = check_array(
            C,
            dtype=[np.float64, np.float32] if dtype is None else dtype,
            ensure_all_finite=False,
            input_name="C",
        )
        if not np.isfinite(matrix.sum(dtype=np.float64)) and not np.isfinite(matrix).all():
            i, j = np.unravel_index(int((~np.isfinite(matrix)).argmax()), matrix.shape)
            raise ValueError(f"C must be finite, got {matrix[i, j]} in row {i}, column {j}.")
        cost = matrix
    n, m = cost.shape
    weights_a, weights_b = _weights(a, "a", n), _weights(b, "b", m)
    if weights_a is None:
        total = 1.0 if weights_b is None else float(weights_b.sum())
        weights_a = np.full(n, total / n)
    if weights_b is None:
        weights_b = np.full(m, float(weights_a.sum()) / m)
    if balanced:
        sum_a, sum_b = float(weights_a.sum()), float(weights_b.sum())
        if abs(sum_a - sum_b) > 1e-6 * max(sum_a, sum_b):
            raise ValueError(
                f"a and b must have the same sum, got {sum_a:.8g} and {sum_b:.8g}. Normalise them, "
                "or let sinkhorn() create and destroy mass by its argument reg_m."
            )
        weights_b = weights_b * (sum_a / sum_b)  # rounding: the kernels assume equal sums
    rows, cols = _positive(weights_a), _positive(weights_b)
    kept = cost
    if rows is not None or cols is not None:
        take_rows = slice(None) if rows is None else rows
        take_cols = slice(None) if cols is None else cols
        if isinstance(cost, PointCloud):
            kept = PointCloud(cost.X[take_rows], cost.Y[take_cols])
        else:
            kept = cost[take_rows][:, take_cols]
    return Problem(
        a=weights_a if rows is None else weights_a[rows],
        b=weights_b if cols is None else weights_b[cols],
        cost=kept,
        rows=rows,
        cols=cols,
        full_a=weights_a,
        full_b=weights_b,
        full_cost=cost,
    )


def _weights(values: ArrayLike | None, name: str, size: int) -> Float64 | None:
    if values is None:
        return None
    array = np.array(values, dtype=np.float64)
    if array.shape != (size,):
        raise ValueError(
            f"{name} must have shape ({size},), as the cost has, got shape {array.shape}."
        )
    bad = ~(np.isfinite(array) & (array >= 0))
    if bad.any():
        i = int(bad.argmax())
        raise ValueError(f"{name} must be finite and >= 0, got {array[i]:g} at position {i}.")
    if not array.any():
        raise ValueError(f"{name} is zero everywhere; at least one weight must be positive.")
    return array


def _positive(weights: Float64) -> NDArray[np.intp] | None:
    kept = np.flatnonzero(weights > 0)
    return None if kept.size == weights.size else kept


def check_positive(value: Any, name: str) -> float:
    """Return a finite number > 0."""
    if isinstance(value, bool) or not isinstance(value, Real) or not np.isfinite(float(value)):
        raise ValueError(f"{name} must be a finite number > 0, got {value!r}.")
    if float(value) <= 0:
        raise ValueError(f"{name} must be > 0, got {float(value):g}.")
    return float(value)


def check_count(value: Any, name: str) -> int:
    """Return an integer >= 1."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be an integer >= 1, got {value!r}.")
    return int(value)


def check_choice(value: Any, name: str, allowed: tuple[str, ...]) -> str:
    """Return one of the allowed strings."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {allowed}, got {value!r}.")
    return str(value)

# SPDX-License-Identifier: BSD-3-Clause
"""Upper problems: what parameters are judged by."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_array

from taut._validation import check_response, check_weights
from taut.bilevel._problem import UpperProblem
from taut.bilevel._regression import spectrum_bounds

__all__ = ["HeldOutMSE"]

Float64 = NDArray[np.float64]


def top_eigenvalue(X: Float64) -> float:
    """Upper bound of the largest eigenvalue of X'X, by the smaller of the two Gram matrices."""
    gram = X.T @ X if X.shape[1] <= X.shape[0] else X @ X.T
    return spectrum_bounds(gram)[1]


class HeldOutMSE(UpperProblem):
    """Mean squared error of a linear model on rows that the lower problem does not see.

    ``g(w) = |y - X w|^2 / n``.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Held-out rows, centred as those of the lower problem were.
    y : array-like of shape (n_samples,)
    sample_weight : array-like of shape (n_samples,), default=None

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import HeldOutMSE
    >>> HeldOutMSE(np.eye(2), [1.0, 3.0]).value(np.zeros(2), np.zeros(1))
    5.0
    """

    convex = True

    def __init__(
        self, X: ArrayLike, y: ArrayLike, *, sample_weight: ArrayLike | None = None
    ) -> None:
        data: Float64 = check_array(X, dtype=np.float64, input_name="X")
        target = check_response(y, data.shape[0], "HeldOutMSE")
        weights = check_weights(sample_weight, data.shape[0])
        if weights is not None:
            root = np.sqrt(weights / weights.mean())
            data, target = data * root[:, None], target * root
        self._data, self._target = data, target
        self._lip = 2.0 * top_eigenvalue(data) / data.shape[0]

    @property
    def lip(self) -> float:
        return self._lip

    def value(self, x: Float64, theta: Any) -> float:
        residual = self._data @ x - self._target
        return float(residual @ residual) / self._target.size

    def grad_x(self, x: Float64, theta: Any) -> Float64:
        residual = self._data @ x - self._target
        grad: Float64 = self._data.T @ residual * (2.0 / self._target.size)
        return grad

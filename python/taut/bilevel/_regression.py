# SPDX-License-Identifier: BSD-3-Clause
"""Lower problems of penalised regression, with all constants."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_array

from taut import _core
from taut._validation import check_classes, check_groups, check_response, check_weights
from taut.bilevel._problem import LowerProblem

__all__ = ["MultinomialLower", "RidgeLower"]

Float64 = NDArray[np.float64]

#: Up to here spectra are computed, beyond they are bounded.
_SPECTRUM_SIZE = 2000


class NativeLower(LowerProblem):
    """A lower problem of the kernels; its bounds hold, so results with it can be certified."""

    _handle: tuple[Any, ...]

    def to_native(self) -> tuple[Any, ...]:
        """Return the description that the kernels take."""
        return self._handle

    def _ask(self, what: str, x: ArrayLike, theta: ArrayLike, v: ArrayLike | None = None) -> Any:
        vector = None if v is None else self._vector(v, self.n_x, "v")
        return _core.bilevel_evaluate(
            self._handle,
            what,
            self._vector(theta, self.n_theta, "theta"),
            self._vector(x, self.n_x, "x"),
            vector,
        )

    @staticmethod
    def _vector(value: ArrayLike, size: int, name: str) -> Float64:
        vector = np.ascontiguousarray(value, dtype=np.float64)
        if vector.shape != (size,):
            raise ValueError(f"{name} must have shape ({size},), got {vector.shape}.")
        return vector

    def value(self, x: ArrayLike, theta: ArrayLike) -> float:
        return float(self._ask("value_grad", x, theta)[0])

    def grad(self, x: ArrayLike, theta: ArrayLike) -> Float64:
        grad: Float64 = self._ask("value_grad", x, theta)[1]
        return grad

    def hvp(self, x: ArrayLike, theta: ArrayLike, v: ArrayLike) -> Float64:
        product: Float64 = self._ask("hvp", x, theta, v)
        return product

    def cross_vjp(self, x: ArrayLike, theta: ArrayLike, q: ArrayLike) -> Float64:
        product: Float64 = self._ask("cross_vjp", x, theta, q)
        return product

    def grad_theta(self, x: ArrayLike, theta: ArrayLike) -> Float64:
        grad: Float64 = self._ask("grad_theta", x, theta)
        return grad

    def mu(self, theta: ArrayLike) -> float:
        theta = self._vector(theta, self.n_theta, "theta")
        return float(_core.bilevel_spectrum(self._handle, theta)[0])

    def smoothness(self, theta: ArrayLike) -> float:
        theta = self._vector(theta, self.n_theta, "theta")
        return float(_core.bilevel_spectrum(self._handle, theta)[1])

    def cross_norm(self, x: ArrayLike, theta: ArrayLike) -> float:
        return float(self._ask("constants", x, theta)[2])


class RidgeLower(NativeLower):
    r"""Ridge regression with one strength, one per group or one per feature.

    ``h(w, theta) = |y - X w|^2 / (2 n) + sum_j e^{theta_g(j)} w_j^2 / 2``, without intercept:
    centre X and y. The minimiser and the adjoint come from one Cholesky factor of ``p^3 / 3``
    multiply-adds, so that accuracies need no choice here.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
    penalty : {"scalar", "feature", "group"}, default="scalar"
    groups : array-like of shape (n_features,) or list of lists, default=None
        For ``penalty="group"``: a label per feature, or lists of columns.
    sample_weight : array-like of shape (n_samples,), default=None
        The first term becomes the weighted mean.

    Attributes
    ----------
    n_x : int
        Number of features.
    n_theta : int
        Number of strengths.

    Raises
    ------
    ValueError
        If X or y is not finite, shapes differ, or groups are wrong or missing.

    See Also
    --------
    hypergradient : The derivative through it, and its source.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import RidgeLower
    >>> lower = RidgeLower(np.eye(2), [2.0, 4.0])
    >>> lower.grad(np.zeros(2), np.zeros(1))
    array([-1., -2.])
    """

    def __init__(
        self,
        X: ArrayLike,
        y: ArrayLike,
        penalty: str = "scalar",
        *,
        groups: Any = None,
        sample_weight: ArrayLike | None = None,
    ) -> None:
        data: Float64 = check_array(X, dtype=np.float64, input_name="X")
        n, p = data.shape
        target = check_response(y, n, "RidgeLower")
        if penalty not in ("scalar", "feature", "group"):
            raise ValueError(f"penalty must be 'scalar', 'feature' or 'group', got {penalty!r}.")
        if (groups is not None) != (penalty == "group"):
            raise ValueError("groups goes with penalty='group', and only with it.")
        codes, count = np.zeros(p, dtype=np.int64), 1
        if penalty == "feature":
            codes, count = np.arange(p, dtype=np.int64), p
        elif penalty == "group":
            codes, count = check_groups(groups, p)
        weights = check_weights(sample_weight, n)
        if weights is not None:
            root = np.sqrt(weights / weights.mean())
            data, target = data * root[:, None], target * root
        self.n_x, self.n_theta = p, count
        gram = np.asfortranarray(data.T @ data / n)
        low, high = spectrum_bounds(gram, full_rank=n >= p)
        self._handle = (
            "ridge", gram, data.T @ target / n, float(target @ target) / n, codes, count, low, high,
        )  # fmt: skip


class MultinomialLower(NativeLower):
    r"""Multinomial logistic regression with a ridge strength for every coefficient.

    ``h(W, theta) = mean cross-entropy of softmax(X W) + sum_jk e^{theta_jk} W_jk^2 / 2``, without
    intercept. x is W of shape (n_features, n_classes) in row order, and so is theta.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
        Labels.
    penalty : {"coefficient", "feature", "scalar"}, default="coefficient"
        One strength for each coefficient, for each row of W, or for all.

    Attributes
    ----------
    n_x, n_theta : int
    classes_ : ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        If X is not finite, shapes differ, or y has less than two classes.

    See Also
    --------
    hypergradient : The derivative through it, and its source.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import MultinomialLower
    >>> lower = MultinomialLower(np.eye(2), ["a", "b"])
    >>> round(lower.value(np.zeros(4), np.zeros(4)), 6)
    0.693147
    """

    def __init__(self, X: ArrayLike, y: ArrayLike, penalty: str = "coefficient") -> None:
        data: Float64 = check_array(X, dtype=np.float64, order="F", input_name="X")
        n, p = data.shape
        target = check_classes(y, n, "MultinomialLower", None)
        c = len(target.classes)
        if penalty not in ("coefficient", "feature", "scalar"):
            raise ValueError(
                f"penalty must be 'coefficient', 'feature' or 'scalar', got {penalty!r}."
            )
        codes = np.arange(p * c, dtype=np.int64)
        if penalty == "feature":
            codes //= c
        elif penalty == "scalar":
            codes[:] = 0
        self.n_x, self.n_theta = p * c, int(codes[-1]) + 1
        self.classes_ = target.classes
        norms = np.sqrt(np.einsum("ij,ij->i", data, data))
        self._handle = (
            "multinomial", data, target.codes.astype(np.int64), c, codes, self.n_theta,
            top_eigenvalue(data) / (2.0 * n), math.sqrt(0.5) * float(np.mean(norms**3)),
        )  # fmt: skip


def top_eigenvalue(X: Float64) -> float:
    """Upper bound of the largest eigenvalue of X'X, by the smaller of the two Gram matrices."""
    gram = X.T @ X if X.shape[1] <= X.shape[0] else X @ X.T
    return spectrum_bounds(gram)[1]


def spectrum_bounds(gram: Float64, *, full_rank: bool = True) -> tuple[float, float]:
    """Bounds of the eigenvalues of a positive semidefinite matrix, rounding allowed for."""
    p = gram.shape[0]
    if p > _SPECTRUM_SIZE:
        return 0.0, float(np.abs(gram).sum(axis=0).max())
    values = np.linalg.eigvalsh(gram)
    margin = 4.0 * p * np.finfo(np.float64).eps * float(values[-1])
    low = max(0.0, float(values[0]) - margin) if full_rank else 0.0
    return low, float(values[-1]) + margin

# SPDX-License-Identifier: BSD-3-Clause
"""Upper problems: what parameters are judged by."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_array

from taut._validation import check_response, check_weights
from taut.bilevel._images import check_images
from taut.bilevel._problem import UpperProblem
from taut.bilevel._regression import top_eigenvalue

__all__ = ["HeldOutLogLoss", "HeldOutMSE", "ImageMSE"]

Float64 = NDArray[np.float64]


class HeldOutMSE(UpperProblem):
    """Mean squared error of a linear model on rows that the lower problem does not see.

    ``g(w) = |y - X w|^2 / n``.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Held-out rows, centred as those of the lower problem were.
    y : array-like of shape (n_samples,)
    sample_weight : array-like of shape (n_samples,), default=None

    See Also
    --------
    hypergradient : The derivative through it, and its source.

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
        """Lipschitz constant of the gradient of g, or None."""
        return self._lip

    def value(self, x: Float64, theta: Any) -> float:
        """Return the value."""
        residual = self._data @ x - self._target
        return float(residual @ residual) / self._target.size

    def grad_x(self, x: Float64, theta: Any) -> Float64:
        """Return the gradient in x."""
        residual = self._data @ x - self._target
        grad: Float64 = self._data.T @ residual * (2.0 / self._target.size)
        return grad


class HeldOutLogLoss(UpperProblem):
    """Mean cross-entropy of a multinomial model on rows that the lower problem does not see.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
        Labels out of ``classes``.
    classes : array-like of shape (n_classes,)
        ``classes_`` of the lower problem.

    Raises
    ------
    ValueError
        If a label is none of the classes.

    See Also
    --------
    hypergradient : The derivative through it, and its source.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import HeldOutLogLoss
    >>> upper = HeldOutLogLoss(np.eye(2), ["a", "b"], ["a", "b"])
    >>> round(upper.value(np.zeros(4), None), 6)
    0.693147
    """

    convex = True

    def __init__(self, X: ArrayLike, y: ArrayLike, classes: ArrayLike) -> None:
        data: Float64 = check_array(X, dtype=np.float64, input_name="X")
        labels, names = np.asarray(y), np.asarray(classes)
        if labels.shape != (data.shape[0],):
            raise ValueError(f"y must have shape ({data.shape[0]},), got {labels.shape}.")
        order = np.argsort(names)
        places = np.minimum(np.searchsorted(names, labels, sorter=order), names.size - 1)
        codes = order[places]
        if (names[codes] != labels).any():
            unknown = labels[names[codes] != labels][0]
            raise ValueError(f"y holds {unknown!r}, which is none of the classes.")
        self._data, self._codes, self._n_classes = data, codes, names.size
        self._lip = top_eigenvalue(data) / (2.0 * data.shape[0])

    @property
    def lip(self) -> float:
        """Lipschitz constant of the gradient of g, or None."""
        return self._lip

    def _scores(self, x: Float64) -> Float64:
        scores: Float64 = self._data @ x.reshape(-1, self._n_classes)
        return scores - scores.max(axis=1, keepdims=True)

    def value(self, x: Float64, theta: Any) -> float:
        """Return the value."""
        scores = self._scores(x)
        own = scores[np.arange(self._codes.size), self._codes]
        return float(np.mean(np.log(np.exp(scores).sum(axis=1)) - own))

    def grad_x(self, x: Float64, theta: Any) -> Float64:
        """Return the gradient in x."""
        shares = np.exp(self._scores(x))
        shares /= shares.sum(axis=1, keepdims=True)
        shares[np.arange(self._codes.size), self._codes] -= 1.0
        grad: Float64 = self._data.T @ shares / self._codes.size
        return grad.ravel()


class ImageMSE(UpperProblem):
    """Mean squared difference from clean images.

    Parameters
    ----------
    clean : array-like of shape (height, width) or (n_images, height, width)

    See Also
    --------
    hypergradient : The derivative through it, and its source.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import ImageMSE
    >>> ImageMSE(np.ones((2, 2))).value(np.zeros(4), None)
    1.0
    """

    convex = True

    def __init__(self, clean: ArrayLike) -> None:
        self._clean = check_images(clean, "clean").ravel()

    @property
    def lip(self) -> float:
        """Lipschitz constant of the gradient of g, or None."""
        return 2.0 / self._clean.size

    def value(self, x: Float64, theta: Any) -> float:
        """Return the value."""
        difference = x - self._clean
        return float(difference @ difference) / self._clean.size

    def grad_x(self, x: Float64, theta: Any) -> Float64:
        """Return the gradient in x."""
        grad: Float64 = (x - self._clean) * (2.0 / self._clean.size)
        return grad

# SPDX-License-Identifier: BSD-3-Clause
"""Weights of training rows learned on rows that are known to be clean."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.utils._param_validation import Interval
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, check_X_y, validate_data

from taut.bilevel._penalty import PenaltyBilevel
from taut.bilevel._projections import Box
from taut.typing import ArrayLike

__all__ = ["HyperCleaning"]

Float64 = NDArray[np.float64]


class _Multinomial:
    """Mean cross entropy of rows with weights theta, plus ``alpha / 2 |W|^2``; no intercept."""

    convex = True

    def __init__(self, X: Float64, codes: NDArray[np.intp], n_classes: int, alpha: float) -> None:
        self.X, self.codes, self.alpha = X, codes, alpha
        self.n_theta, self.n_classes = X.shape[0], n_classes
        self.n_x = X.shape[1] * n_classes
        self._rows = np.arange(X.shape[0])
        # Half the largest eigenvalue: the Hessian of softmax is at most one half.
        self._square = float(np.linalg.norm(X, 2) ** 2) / (2.0 * X.shape[0])

    def _losses(self, x: Float64) -> tuple[Float64, Float64]:
        eta = self.X @ x.reshape(-1, self.n_classes)
        return eta, logsumexp(eta, axis=1) - eta[self._rows, self.codes]

    def value(self, x: Float64, theta: Float64) -> float:
        return float(theta @ self._losses(x)[1]) / theta.size + 0.5 * self.alpha * float(x @ x)

    def grad(self, x: Float64, theta: Float64) -> Float64:
        eta = self.X @ x.reshape(-1, self.n_classes)
        rest = softmax(eta, axis=1)
        rest[self._rows, self.codes] -= 1.0
        rest *= theta[:, None] / theta.size
        return (self.X.T @ rest).ravel() + self.alpha * x

    def grad_theta(self, x: Float64, theta: Float64) -> Float64:
        return self._losses(x)[1] / theta.size

    def mu(self, theta: Float64) -> float:
        return self.alpha

    def smoothness(self, theta: Float64) -> float:
        return self._square * float(np.max(theta, initial=0.0)) + self.alpha


class _Clean:
    """Mean cross entropy of the clean rows."""

    convex = True

    def __init__(self, loss: _Multinomial) -> None:
        self._loss, self._ones = loss, np.ones(loss.n_theta)

    def value(self, x: Float64, theta: Float64) -> float:
        return self._loss.value(x, self._ones)

    def grad_x(self, x: Float64, theta: Float64) -> Float64:
        return self._loss.grad(x, self._ones)

    def grad_theta(self, x: Float64, theta: Float64) -> Float64:
        return np.zeros_like(theta)


class HyperCleaning(ClassifierMixin, BaseEstimator):
    r"""Multinomial logistic regression whose rows are weighted by what clean rows say of them.

    The lower problem is ``1/n * sum_i w_i * ce_i(W) + alpha/2 * ||W||^2`` with weights in [0, 1],
    the upper one the mean cross entropy of clean rows: rows with wrong labels end with small
    weights. Solved by :class:`PenaltyBilevel`, from gradients only. A column of ones in X is the
    intercept.

    Parameters
    ----------
    alpha : float, default=1e-3
        Ridge strength > 0.
    sigma : float, default=1e-2
        Inverse of the penalty: the bias of the method.
    max_iter : int, default=50
        Bound of the steps in the weights for each sigma.
    inner_max : int, default=500
        Bound of the steps of an inner problem.

    Attributes
    ----------
    weights_ : ndarray of shape (n_samples,)
    coef_ : ndarray of shape (n_classes, n_features)
        The lower solution at these weights.
    classes_ : ndarray of shape (n_classes,)
    solver_ : PenaltyBilevel
        With its bounds and history; None after :meth:`unweighted`.
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if a parameter is out of its range, the two designs have different numbers of
        features, or clean rows have a label that no training row has.

    References
    ----------
    .. [1] J. Kwon, D. Kwon, S. Wright, R. Nowak (2024), On penalty methods for nonconvex bilevel
       optimization and first-order stochastic approximation, ICLR, arXiv 2309.01753.

    Examples
    --------
    Two groups of points, and one label that is wrong:

    >>> import numpy as np
    >>> from taut.bilevel import HyperCleaning
    >>> X = np.array([[1.0, 0.0], [1.1, 0.1], [0.9, 0.2], [0.0, 1.0], [0.1, 1.1], [0.2, 0.9]])
    >>> model = HyperCleaning(max_iter=20)
    >>> model = model.fit(X, [0, 0, 1, 1, 1, 1], X_clean=X[[0, 2, 3]], y_clean=[0, 0, 1])
    >>> int(model.weights_.argmin())
    2
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "sigma": [Interval(Real, 1e-6, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "inner_max": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        *,
        alpha: float = 1e-3,
        sigma: float = 1e-2,
        max_iter: int = 50,
        inner_max: int = 500,
    ) -> None:
        self.alpha, self.sigma = alpha, sigma
        self.max_iter, self.inner_max = max_iter, inner_max

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: ArrayLike, y: ArrayLike, *, X_clean: ArrayLike, y_clean: ArrayLike
    ) -> HyperCleaning:
        """Learn the weights.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels, some of them wrong.
        X_clean : array-like of shape (n_clean, n_features)
        y_clean : array-like of shape (n_clean,)

        Returns
        -------
        self : HyperCleaning
        """
        lower = self._lower(X, y)
        rows, labels = check_X_y(X_clean, y_clean, dtype=np.float64)
        if rows.shape[1] != lower.X.shape[1]:
            raise ValueError(
                f"X_clean has {rows.shape[1]} features, X has {lower.X.shape[1]} features."
            )
        unknown = np.setdiff1d(labels, self.classes_)
        if unknown.size:
            raise ValueError(f"There are labels of y_clean that y does not have: {unknown}.")
        codes = np.searchsorted(self.classes_, labels)
        clean = _Multinomial(rows, codes, self.classes_.size, 0.0)
        n = lower.n_theta
        solver = PenaltyBilevel(
            lower,
            _Clean(clean),
            sigma=self.sigma,
            tol=1e-2 / np.sqrt(n),
            max_iter=self.max_iter,
            inner_max=self.inner_max,
            # Gradients are of the order of 1 / n.
            alpha0=float(n),
            theta_projection=Box(0.0, 1.0),
        )
        solver.fit(np.full(n, 0.5))
        return self._finish(lower, solver.theta_, solver.x_lower_, solver)

    def unweighted(self, X: ArrayLike, y: ArrayLike) -> HyperCleaning:
        """Fit the same model with all weights one, for comparison.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)

        Returns
        -------
        self : HyperCleaning
        """
        lower = self._lower(X, y)
        nothing = _Clean(_Multinomial(lower.X[:1] * 0.0, lower.codes[:1], lower.n_classes, 0.0))
        ones = np.ones(lower.n_theta)
        solver = PenaltyBilevel(
            lower, nothing, sigma=1.0, tol=1e-4, theta_projection=Box(ones, ones), inner_max=5000
        ).fit(ones)
        return self._finish(lower, ones, solver.x_lower_, None)

    def _lower(self, X: ArrayLike, y: ArrayLike) -> _Multinomial:
        rows, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        return _Multinomial(rows, codes, self.classes_.size, float(self.alpha))

    def _finish(self, lower: _Multinomial, weights: Float64, x: Float64, solver: Any) -> Any:
        self.weights_, self.solver_ = weights, solver
        self.coef_ = x.reshape(-1, lower.n_classes).T.copy()
        return self

    def predict_proba(self, X: ArrayLike) -> Float64:
        """Return class probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        check_is_fitted(self)
        rows: Float64 = validate_data(self, X, dtype=np.float64, reset=False)
        return np.asarray(softmax(rows @ self.coef_.T, axis=1))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])

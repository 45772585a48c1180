# SPDX-License-Identifier: BSD-3-Clause
"""What the linear estimators share: validate, one kernel call, fitted attributes."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from taut._threads import n_threads
from taut._validation import DESIGN_CHECKS, PREDICT_CHECKS
from taut.linear_model._problem import Problem, Raw, product, warn_unless_converged
from taut.typing import ArrayLike, FloatArray, MatrixLike

STRENGTH: dict[str, list[Any]] = {"alpha": [Interval(Real, 0, None, closed="left")]}
L1_RATIO: dict[str, list[Any]] = {"l1_ratio": [Interval(Real, 0, 1, closed="both")]}
PROBLEM: dict[str, list[Any]] = {
    "fit_intercept": ["boolean"],
    "positive": ["boolean"],
    "penalty_factor": ["array-like", None],
    "lower": [Real, "array-like", None],
    "upper": [Real, "array-like", None],
    "standardize": ["boolean"],
    "tol": [Interval(Real, 0, None, closed="neither")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "n_jobs": [Integral, None],
    "solver": [StrOptions({"auto", "gram", "naive"})],
}
WARM_START: dict[str, list[Any]] = {"warm_start": ["boolean"]}


class PenalizedModel(BaseEstimator):
    """Reads X and y into a `Problem`; knows how coefficients are stored."""

    _datafit: ClassVar[str]
    _parameter_constraints: ClassVar[dict[str, list[Any]]]

    coef_: NDArray[Any]
    intercept_: Any
    dual_gap_: float
    n_iter_: int
    alpha_max_: float
    n_features_in_: int

    def __sklearn_is_fitted__(self) -> bool:
        # n_features_in_ is set before the solver runs, which may be interrupted.
        return hasattr(self, "coef_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _problem(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None) -> Problem:
        X = validate_data(self, X, **DESIGN_CHECKS)
        params = {
            name: getattr(self, name)
            for name in ("positive", "penalty_factor", "lower", "upper", "grouped")
            if hasattr(self, name)
        }
        return Problem.build(
            type(self).__name__,
            self._datafit,
            X,
            y,
            sample_weight=sample_weight,
            fit_intercept=bool(self.fit_intercept),
            standardize=bool(self.standardize),
            tol=float(self.tol),
            max_iter=int(self.max_iter),
            solver=self.solver,
            **params,
        )

    def _store(self, problem: Problem, raw: Raw, at: int) -> None:
        """Keep step `at` of a path as the fitted model."""
        if problem.target is not None:
            self.classes_ = problem.target.classes
        coef = raw["coefs"][at].astype(problem.dtype)
        intercept = raw["intercepts"][at]
        if problem.datafit == "quadratic":
            # A Python float leaves float32 predictions in float32.
            self.coef_, self.intercept_ = coef[0], float(intercept[0])
        else:
            self.coef_, self.intercept_ = coef, intercept.astype(problem.dtype)
        self.dual_gap_ = float(raw["dual_gaps"][at])
        self.n_iter_ = max(int(raw["n_iter"][at]), 1)
        self.alpha_max_ = float(raw["alpha_max"])

    def _linear_predictor(self, X: MatrixLike) -> FloatArray:
        check_is_fitted(self)
        X = validate_data(self, X, **PREDICT_CHECKS)
        return product(X, self.coef_.T) + self.intercept_


class SingleFit(PenalizedModel):
    """`fit` at one strength."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Any:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Float64 or float32. Fortran-ordered arrays and CSC matrices are read in place,
            memory-mapped ones too. A C-ordered array is copied once, a CSR matrix converted once.
        y : array-like of shape (n_samples,)
            Target, or class labels.
        sample_weight : array-like of shape (n_samples,) or float, optional
            Weights >= 0, of any scale; integer weights equal repeated rows.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If X or y contains NaN or infinity, lengths differ, weights are negative or all zero,
            or a parameter is out of its range.
        """
        problem = self._problem(X, y, sample_weight)
        raw = problem.solve(
            alphas=np.array([self.alpha], dtype=np.float64),
            l1_ratio=float(getattr(self, "l1_ratio", 1.0)),
            n_threads=n_threads(self.n_jobs),
            **self._start(problem),
        )
        warn_unless_converged(problem, [raw])
        self._store(problem, raw, 0)
        return self

    def _start(self, problem: Problem) -> dict[str, Any]:
        if not (self.warm_start and hasattr(self, "coef_")):
            return {}
        coef = np.atleast_2d(np.asarray(self.coef_, dtype=np.float64))
        n_outputs = 1 if problem.single else problem.y.shape[1]
        if coef.shape != (n_outputs, problem.X.shape[1]):
            return {}
        return {
            "coef_init": np.ascontiguousarray(coef),
            "intercept_init": np.atleast_1d(np.asarray(self.intercept_, dtype=np.float64)),
        }


class LinearRegressor(RegressorMixin, PenalizedModel):
    """Least squares: predictions are the linear predictor."""

    _datafit = "quadratic"

    def predict(self, X: MatrixLike) -> FloatArray:
        """Predict the target.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self._linear_predictor(X)


class LinearClassifier(ClassifierMixin, PenalizedModel):
    """Logistic and multinomial models: probabilities from one or K linear predictors."""

    classes_: NDArray[Any]

    def decision_function(self, X: MatrixLike) -> FloatArray:
        """Return the linear predictor.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            With two classes the log odds of the second, else one column per class.
        """
        eta = self._linear_predictor(X)
        if eta.shape[1] == 1:
            return eta[:, 0]
        return eta[:, 1] - eta[:, 0] if eta.shape[1] == 2 else eta

    def predict(self, X: MatrixLike) -> NDArray[Any]:
        """Predict the most probable class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        eta = self.decision_function(X)
        best = (eta > 0).astype(np.intp) if eta.ndim == 1 else eta.argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X: MatrixLike) -> FloatArray:
        """Return class probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        eta = self.decision_function(X)
        if eta.ndim == 1:
            return np.column_stack([expit(-eta), expit(eta)])
        return np.asarray(softmax(eta, axis=1))

    def predict_log_proba(self, X: MatrixLike) -> FloatArray:
        """Return logarithms of class probabilities, finite even where those underflow.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        eta = self.decision_function(X)
        if eta.ndim == 1:
            return np.column_stack([log_expit(-eta), log_expit(eta)])
        return np.asarray(log_softmax(eta, axis=1))

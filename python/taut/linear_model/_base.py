# SPDX-License-Identifier: BSD-3-Clause
"""What the linear estimators share: validate, one kernel call, fitted attributes.

A named estimator says which datafit and penalty it stands for (`_datafit_type`,
`_penalty_type`); their parameters are its own of the same names.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, log_softmax, softmax, xlogy
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, _fit_context
from sklearn.utils.validation import check_is_fitted

from taut._holder import Holder
from taut._threads import n_threads
from taut._validation import DESIGN_CHECKS, PREDICT_CHECKS, validate_data
from taut.datafits import Datafit, Quadratic
from taut.linear_model._problem import Problem, Raw, narrowed, product, warn_unless_converged
from taut.penalties import L1, Penalty
from taut.typing import ArrayLike, FloatArray, MatrixLike

_BOUNDS = ("positive", "lower", "upper")


class PenalizedModel(BaseEstimator):
    """Reads X and y into a `Problem`; knows how coefficients are stored."""

    _datafit_type: ClassVar[type[Datafit]] = Quadratic
    _penalty_type: ClassVar[type[Penalty]] = L1
    #: Whether a real y has several columns; None takes it as it comes.
    _several: ClassVar[bool | None] = False
    _parameter_constraints: ClassVar[dict[str, list[Any]]]

    fit_intercept: bool
    penalty_factor: Any
    standardize: bool
    tol: float
    max_iter: int
    n_jobs: int | None
    solver: str

    coef_: NDArray[Any]
    intercept_: Any
    dual_gap_: float
    stop_crit_: float
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

    def _make_datafit(self) -> Datafit:
        """Return the datafit that the parameters stand for."""
        return self._datafit_type(**self._parameters_of(self._datafit_type))

    def _make_penalty(self, **tuned: Any) -> Penalty:
        """Return the penalty that the parameters stand for, some of them replaced."""
        return self._penalty_type(**{**self._parameters_of(self._penalty_type), **tuned})

    def _parameters_of(self, holder: type[Holder]) -> dict[str, Any]:
        names = [field.name for field in fields(holder)]
        return {name: getattr(self, name) for name in names if hasattr(self, name)}

    def _problem(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        offset: ArrayLike | None = None,
        penalty: Penalty | None = None,
        **replaced: Any,
    ) -> Problem:
        X = validate_data(self, X, **DESIGN_CHECKS)
        bounds = {name: getattr(self, name) for name in _BOUNDS if hasattr(self, name)}
        settings = {"penalty_factor": self.penalty_factor, **bounds, **replaced}
        return Problem.build(
            type(self).__name__,
            self._make_datafit(),
            self._make_penalty() if penalty is None else penalty,
            X,
            y,
            sample_weight=sample_weight,
            offset=offset,
            several=self._several,
            fit_intercept=bool(self.fit_intercept),
            standardize=bool(self.standardize),
            tol=float(self.tol),
            max_iter=int(self.max_iter),
            solver=self.solver,
            **settings,
        )

    def _solve(self, problem: Problem, **settings: Any) -> Raw:
        """Solve along strengths; a model that needs more than one kernel call overrides this."""
        return problem.solve(**settings)

    def _alpha_max(self, problem: Problem, workers: int) -> float:
        """Return the largest strength of a default grid."""
        return problem.alpha_max(workers)

    def _store(self, problem: Problem, raw: Raw, at: int) -> None:
        """Keep step `at` of a path as the fitted model."""
        if problem.target is not None:
            self.classes_ = problem.target.classes
        coef = narrowed(raw["coefs"][at], problem.dtype)
        intercept = raw["intercepts"][at]
        if problem.single and problem.target is None:
            # A Python float leaves float32 predictions in float32.
            self.coef_, self.intercept_ = coef[0], float(intercept[0])
        else:
            self.coef_, self.intercept_ = coef, narrowed(intercept, problem.dtype)
        self.dual_gap_ = float(raw["dual_gaps"][at])
        self.stop_crit_ = float(raw["stop_crits"][at]) if "stop_crits" in raw else np.nan
        if raw.get("sigmas") is not None:
            self.sigma_ = float(raw["sigmas"][at])
        self.n_iter_ = max(int(raw["n_iter"][at]), 1)
        self.alpha_max_ = float(raw["alpha_max"])
        self._has_offset = problem.offset is not None

    def _linear_predictor(self, X: MatrixLike, offset: ArrayLike | None = None) -> FloatArray:
        check_is_fitted(self)
        if offset is None and self._has_offset:
            raise ValueError(
                f"This {type(self).__name__} was fitted with an offset; give offset here too "
                "(zeros for none)."
            )
        X = validate_data(self, X, **PREDICT_CHECKS)
        eta = product(X, self.coef_.T) + self.intercept_
        return eta if offset is None else eta + _as_offset(offset, eta)


def _as_offset(offset: ArrayLike, eta: FloatArray) -> FloatArray:
    values = np.asarray(offset, dtype=eta.dtype)
    if eta.ndim == 2 and eta.shape[1] == 1 and values.ndim == 1:
        values = values[:, None]
    if values.shape != eta.shape:
        raise ValueError(
            f"offset must have the shape {eta.shape} of the predictions, got {values.shape}."
        )
    return values


class SingleFit(PenalizedModel):
    """`fit` at one strength."""

    alpha: float
    warm_start: bool

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Any:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Float64 or float32. Fortran-ordered arrays and CSC matrices are read in place,
            memory-mapped ones too. A C-ordered array is copied once, a CSR matrix converted once.
        y : array-like of shape (n_samples,)
            Target, or class labels; of shape (n_samples, n_tasks) for several responses.
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
        return self._fit(self._problem(X, y, sample_weight))

    def _fit(self, problem: Problem) -> Any:
        raw = self._solve(
            problem,
            alphas=np.array([self.alpha], dtype=np.float64),
            n_threads=n_threads(self.n_jobs),
            **self._start(problem),
        )
        warn_unless_converged(problem, [raw], stacklevel=5)
        self._store(problem, raw, 0)
        return self

    def _start(self, problem: Problem) -> dict[str, Any]:
        if not (self.warm_start and hasattr(self, "coef_")):
            return {}
        coef = np.atleast_2d(np.asarray(self.coef_, dtype=np.float64))
        if coef.shape != (problem.n_outputs, problem.X.shape[1]):
            return {}
        return {
            "coef_init": np.ascontiguousarray(coef),
            "intercept_init": np.atleast_1d(np.asarray(self.intercept_, dtype=np.float64)),
        }


class SingleFitWithOffset(SingleFit):
    """`fit` at one strength, with a known part of the linear predictor."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> Any:
        """Fit the model.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`Lasso.fit`.
        offset : array-like of the shape of the linear predictor, optional
            Known part of it, added to ``X @ coef_ + intercept_``: the logarithm of an exposure.
            Predictions then need one as well.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If X or y contains NaN or infinity, y is out of the datafit's domain, lengths differ,
            weights are negative or all zero, or a parameter is out of its range.
        """
        return self._fit(self._problem(X, y, sample_weight, offset))


# --------------------------------------------------------------- from linear predictors to answers


def log_odds(eta: FloatArray) -> FloatArray:
    """Return the log odds of the second of two classes, or one column per class."""
    if eta.shape[1] == 1:
        return eta[:, 0]
    return eta[:, 1] - eta[:, 0] if eta.shape[1] == 2 else eta


def most_probable(odds: FloatArray) -> NDArray[np.intp]:
    """Return the number of the most probable class."""
    return (odds > 0).astype(np.intp) if odds.ndim == 1 else odds.argmax(axis=1)


def probabilities(odds: FloatArray) -> FloatArray:
    """Return one column of probabilities per class."""
    if odds.ndim == 1:
        return np.column_stack([expit(-odds), expit(odds)])
    return np.asarray(softmax(odds, axis=1))


def log_probabilities(odds: FloatArray) -> FloatArray:
    """Return logarithms of probabilities, finite even where those underflow."""
    if odds.ndim == 1:
        return np.column_stack([log_expit(-odds), log_expit(odds)])
    return np.asarray(log_softmax(odds, axis=1))


class LinearRegressor(RegressorMixin, PenalizedModel):
    """Predictions are the linear predictor."""

    def predict(self, X: MatrixLike) -> FloatArray:
        """Predict the target.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_tasks)
        """
        return self._linear_predictor(X)


class CountRegressor(RegressorMixin, PenalizedModel):
    """Counts: predictions are the exponential of the linear predictor."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = True
        return tags

    def predict(self, X: MatrixLike, offset: ArrayLike | None = None) -> FloatArray:
        """Predict the mean, ``exp(X @ coef_ + intercept_ + offset)``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of shape (n_samples,), optional
            Needed if the model was fitted with one.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return np.exp(self._linear_predictor(X, offset))

    def score(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> float:
        """Return D2, the share of the Poisson deviance explained; 1 is perfect.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional
        offset : array-like of shape (n_samples,), optional

        Returns
        -------
        float
        """
        return poisson_d2(y, self._linear_predictor(X, offset), sample_weight, offset)


def poisson_d2(y: Any, eta: FloatArray, sample_weight: Any, offset: Any) -> float:
    """Share of the deviance of the model of an intercept (and the offset) that eta explains."""
    counts = np.asarray(y, dtype=np.float64)
    if counts.min(initial=0.0) < 0:
        raise ValueError(f"y must be >= 0, got {counts.min():g}.")
    exposure = np.ones(counts.size) if offset is None else np.exp(np.asarray(offset, dtype=float))
    weight = np.ones(counts.size) if sample_weight is None else np.asarray(sample_weight, float)

    def deviance(mean: NDArray[Any]) -> float:
        return float(weight @ (xlogy(counts, counts / mean) - counts + mean))

    null = exposure * (weight @ counts) / (weight @ exposure)
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1.0 - deviance(np.exp(eta, dtype=np.float64)) / deviance(null)


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
        return log_odds(self._linear_predictor(X))

    def predict(self, X: MatrixLike) -> NDArray[Any]:
        """Predict the most probable class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        best = most_probable(self.decision_function(X))
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
        return probabilities(self.decision_function(X))

    def predict_log_proba(self, X: MatrixLike) -> FloatArray:
        """Return logarithms of class probabilities, finite even where those underflow.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return log_probabilities(self.decision_function(X))

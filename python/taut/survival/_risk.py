# SPDX-License-Identifier: BSD-3-Clause
"""Regression of censored times by any learner that takes weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from taut._validation import validate_data
from taut.survival._surv import Float64, check_weights, choice
from taut.survival._weights import CensoringWeights
from taut.typing import MatrixLike

METRICS = ("mse", "mae", "r2")


class KaplanMeierRiskRegressor(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    r"""Any regressor, trained on the Kaplan-Meier risk of censored times.

    Minimises ``1/n * sum_i event_i loss(T_i, f(x_i)) / G(T_i- | x_i)`` over the functions f of the
    estimator, where G is the survival curve of the censoring time given x: an estimate of the mean
    loss over the times that would have been seen without censoring, unbiased where G is known.
    Under smoothness the excess risk falls at the same rate as without censoring [1]_.

    Parameters
    ----------
    estimator : object
        Regressor whose ``fit`` takes ``sample_weight``, or a pipeline that ends in one.
    weights : CensoringWeights, optional
        How censoring is made up for; ``CensoringWeights()`` by default.
    drop_zero_weight : bool, default=True
        Fit on rows of positive weight only: the minimiser is the same, the fit is shorter, and
        forests spend no draws on rows that do not count.
    metric : {'mse', 'mae', 'r2'}, default='mse'
        What :meth:`score` reports.

    Attributes
    ----------
    estimator_ : object
        The fitted regressor.
    censoring_weights_ : CensoringWeights
        Fitted; tells how many weights are capped and how many records the sample is worth.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)
        If X was a data frame with text column names.

    Raises
    ------
    TypeError
        If ``estimator.fit`` does not take ``sample_weight``.
    ValueError
        As :class:`CensoringWeights`.

    Notes
    -----
    Learners that stop early by a split of their own score it without weights; switch that off. The
    floor ``min_survival`` and the horizon ``tau`` of the weights decide how much of a long tail is
    believed; see :class:`CensoringWeights`.

    References
    ----------
    .. [1] G. Ausset, S. Clemencon, F. Portier (2022), Empirical risk minimization under random
       censorship, J. Mach. Learn. Res. 23, 1-59.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from taut.survival import KaplanMeierRiskRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(size=(5000, 1))
    >>> lasts = (1 + X[:, 0]) * rng.gamma(8, 1 / 8, 5000)  # mean 1 + x
    >>> ends = rng.exponential(4, 5000)
    >>> y = (np.minimum(lasts, ends), lasts <= ends)
    >>> model = KaplanMeierRiskRegressor(LinearRegression()).fit(X, y)
    >>> model.predict([[0.0], [1.0]]).round(1)
    array([1., 2.])
    >>> LinearRegression().fit(X, y[0]).predict([[0.0], [1.0]]).round(1)  # censoring ignored
    array([0.9, 1.6])
    """

    def __init__(
        self,
        estimator: Any,
        weights: CensoringWeights | None = None,
        *,
        drop_zero_weight: bool = True,
        metric: str = "mse",
    ) -> None:
        self.estimator = estimator
        self.weights = weights
        self.drop_zero_weight = drop_zero_weight
        self.metric = metric

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator).input_tags
        tags.input_tags.sparse = inner.sparse and self._rows_only()
        tags.input_tags.allow_nan = inner.allow_nan and self._rows_only()
        return tags

    def _rows_only(self) -> bool:
        """Whether the weights leave X alone."""
        return getattr(self.weights, "method", "beran") in ("kaplan-meier", "none")

    def fit(
        self, X: MatrixLike, y: Any, sample_weight: ArrayLike | None = None
    ) -> KaplanMeierRiskRegressor:
        """Estimate the weights, then fit the estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : structured array, array of shape (n_samples, 2), or tuple of columns
            See :class:`Surv`; without entry times. Splitters of scikit-learn cut arrays, not
            tuples.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the records, in the censoring curve and in the risk.

        Returns
        -------
        KaplanMeierRiskRegressor
        """
        choice(self.metric, "metric", METRICS)
        name = weight_argument(self.estimator)
        X = as_rows(X)
        validate_data(self, X, skip_check_array=True)
        fitted, weight = fit_weights(self.weights, X, y, sample_weight)
        rows = np.flatnonzero(weight > 0) if self.drop_zero_weight else np.arange(weight.size)
        self.censoring_weights_ = fitted
        self.estimator_ = clone(self.estimator).fit(
            _safe_indexing(X, rows), fitted.time_[rows], **{name: weight[rows]}
        )
        return self

    def predict(self, X: MatrixLike) -> Any:
        """Predict the duration, or the one up to the horizon ``tau``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        check_is_fitted(self, "estimator_")
        return self.estimator_.predict(X)

    def score(self, X: MatrixLike, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """Score predictions of censored records, weighted by the training records' curve.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : structured array, array of shape (n_samples, 2), or tuple of columns
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        float
            Minus the mean squared error, minus the mean absolute error, or R2.
        """
        choice(self.metric, "metric", METRICS)
        return censored_score(
            self.censoring_weights_, X, y, self.predict(X), self.metric, sample_weight
        )


def as_rows(X: MatrixLike) -> Any:
    """Return X in a form whose rows can be chosen: frames stay frames."""
    if sp.issparse(X):
        return X.tocsr()
    return X if hasattr(X, "iloc") else np.asarray(X)


def weight_argument(estimator: Any) -> str:
    """Name under which ``fit`` takes weights, looking through pipelines.

    Raises
    ------
    TypeError
        If it does not take any.
    """
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        return f"{name}__{weight_argument(last)}"
    if not has_fit_parameter(estimator, "sample_weight"):
        raise TypeError(
            f"{type(estimator).__name__}.fit takes no sample_weight, without which censoring "
            "cannot be made up for."
        )
    return "sample_weight"


def fit_weights(
    weights: CensoringWeights | None, X: MatrixLike, y: Any, sample_weight: ArrayLike | None
) -> tuple[CensoringWeights, Float64]:
    """Return fitted weights, and their product with those of the records."""
    if not isinstance(weights, CensoringWeights | None):
        raise TypeError(f"weights must be CensoringWeights or None, got {weights!r}.")
    fitted = CensoringWeights() if weights is None else clone(weights)
    fitted.fit(X, y, sample_weight)
    weight = check_weights(sample_weight, fitted.weights_.size)
    return fitted, fitted.weights_ if weight is None else fitted.weights_ * weight


def censored_score(
    fitted: CensoringWeights,
    X: MatrixLike,
    y: Any,
    predicted: Any,
    metric: str,
    sample_weight: ArrayLike | None,
) -> float:
    """Weighted score of predictions for new records.

    Raises
    ------
    ValueError
        If no record is complete.
    """
    time, share = fitted.transform_targets(X, y)
    weight = check_weights(sample_weight, share.size)
    share = share if weight is None else share * weight
    if not share.any():
        raise ValueError("no record of y is complete: there is nothing to score.")
    total = share.size if weight is None else float(weight.sum())
    error = time - np.asarray(predicted, dtype=np.float64)
    if metric == "mae":
        return -float(share @ np.abs(error)) / total
    if metric == "mse":
        return -float(share @ error**2) / total
    mean = float(share @ time) / float(share.sum())
    spread = float(share @ (time - mean) ** 2)
    return 1.0 - float(share @ error**2) / spread if spread > 0 else float("nan")

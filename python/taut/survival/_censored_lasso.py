# SPDX-License-Identifier: BSD-3-Clause
"""The Lasso of censored times."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar

import numpy as np
from sklearn.base import _fit_context, clone
from sklearn.utils import _safe_indexing

from taut.linear_model import Lasso, LassoCV
from taut.linear_model._folds import Fold
from taut.linear_model._problem import Problem
from taut.survival._risk import censored_score, fit_weights
from taut.survival._surv import check_censored
from taut.survival._weights import CensoringWeights
from taut.typing import ArrayLike, MatrixLike

WEIGHTS: dict[str, list[Any]] = {"weights": [CensoringWeights, None]}


class _CensoredScore:
    """Scores of predictions of censored times."""

    censoring_weights_: CensoringWeights

    def score(self, X: MatrixLike, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """R2 of censored records, weighted by the training records' censoring curve.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : structured array, array of shape (n_samples, 2), or tuple of columns
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        float
        """
        predicted = self.predict(X)  # type: ignore[attr-defined]
        return censored_score(self.censoring_weights_, X, y, predicted, "r2", sample_weight)


@dataclass(eq=False, repr=False)
class CensoredLasso(_CensoredScore, Lasso):
    r"""Lasso of censored times.

    Minimises ``1/(2 sum w) * sum_i w_i (T_i - c - x_i b)^2 + alpha * ||b||_1`` with the weights w
    of :class:`CensoringWeights`, 0 for censored records: an estimate of the Lasso of the times that
    would have been seen without censoring.

    Parameters
    ----------
    weights : CensoringWeights, optional
        How censoring is made up for; ``CensoringWeights()`` by default. With more than a handful of
        columns choose ``kernel_features``, or ``method="kaplan-meier"`` or ``"cox"``.
    alpha, fit_intercept, positive, penalty_factor, lower, upper, standardize, tol, max_iter
        See :class:`~taut.linear_model.Lasso`.
    warm_start, n_jobs, solver
        See :class:`~taut.linear_model.Lasso`.

    Attributes
    ----------
    censoring_weights_ : CensoringWeights
    coef_, intercept_, dual_gap_, n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`~taut.linear_model.Lasso`.

    Examples
    --------
    >>> from taut.datasets import load_lung
    >>> from taut.survival import CensoredLasso, CensoringWeights
    >>> lung = load_lung()
    >>> X = lung.data[:, :2]  # sex, age
    >>> model = CensoredLasso(alpha=5.0, weights=CensoringWeights("kaplan-meier", tau=500.0))
    >>> model.fit(X, lung.y).coef_.round(1)
    array([50.3, -1.2])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Lasso._parameter_constraints,
        **WEIGHTS,
    }

    _: KW_ONLY
    weights: CensoringWeights | None = None

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: MatrixLike, y: Any, sample_weight: ArrayLike | None = None) -> Any:
        """Fit the weights, then the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Sparse only if the weights leave it alone ('kaplan-meier', 'none').
        y : structured array, array of shape (n_samples, 2), or tuple of columns
            See :class:`Surv`; without entry times.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            As :class:`CensoringWeights` and :meth:`taut.linear_model.Lasso.fit`.
        """
        fitted, weight = fit_weights(self.weights, X, y, sample_weight)
        self._fit(self._problem(X, fitted.time_, weight))
        self.censoring_weights_ = fitted
        return self


@dataclass(eq=False, repr=False)
class CensoredLassoCV(_CensoredScore, LassoCV):
    r"""Lasso of censored times whose strength is chosen by cross-validation.

    The weights of a fold are estimated from its training records alone, and so are those with which
    its held-out records are scored: their own squared errors over the training records' censoring
    curve.

    Parameters
    ----------
    weights : CensoringWeights, optional
        See :class:`CensoredLasso`.
    alphas, eps, cv, rule, n_jobs, random_state, progress
        See :class:`~taut.linear_model.LassoCV`.
    fit_intercept, positive, penalty_factor, lower, upper, standardize, tol, max_iter, solver
        See :class:`~taut.linear_model.Lasso`.

    Attributes
    ----------
    censoring_weights_ : CensoringWeights
        Of all records.
    alpha_, alpha_min_, alpha_1se_, alphas_, cv_mean_, cv_se_, mse_path_, path_
        See :class:`~taut.linear_model.LassoCV`.
    coef_, intercept_, dual_gap_, n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`~taut.linear_model.Lasso`.

    Raises
    ------
    ValueError
        If a parameter or a record is out of its range, or a fold has no event.

    Examples
    --------
    >>> from taut.datasets import load_lung
    >>> from taut.survival import CensoredLassoCV, CensoringWeights
    >>> lung = load_lung()
    >>> model = CensoredLassoCV(weights=CensoringWeights("kaplan-meier", tau=500.0))
    >>> model.fit(lung.data[:, :2], lung.y).coef_.shape
    (2,)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **LassoCV._parameter_constraints,
        **WEIGHTS,
    }

    _: KW_ONLY
    weights: CensoringWeights | None = None

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: MatrixLike, y: Any, sample_weight: ArrayLike | None = None, **params: Any
    ) -> Any:
        """Fit the path on all records and with each fold left out, and choose a strength.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`CensoredLasso.fit`.
        **params
            ``groups`` for the splitter.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            As :class:`CensoringWeights` and :meth:`taut.linear_model.LassoCV.fit`; also if a fold
            has no complete record.
        """
        fitted, weight = fit_weights(self.weights, X, y, sample_weight)
        records = check_censored(y)
        self._censored = (X, np.c_[records.time, records.event], sample_weight)
        try:
            self._fit(X, fitted.time_, weight, None, params)
        finally:
            del self._censored
        self.censoring_weights_ = fitted
        return self

    def _folds(self, problem: Problem, split_params: dict[str, Any]) -> list[Fold]:
        X, y, sample_weight = self._censored
        own = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        folds = []
        for fold in super()._folds(replace(problem, sample_weight=own), split_params):
            train = np.flatnonzero(fold.train_weight > 0)
            fitted = CensoringWeights() if self.weights is None else clone(self.weights)
            fitted.fit(_safe_indexing(X, train), y[train], fold.train_weight[train])
            weight = np.zeros(problem.y.shape[0])
            weight[train] = fitted.weights_ * fold.train_weight[train]
            held = fitted.transform_weights(_safe_indexing(X, fold.test), y[fold.test])
            scored = held > 0
            folds.append(Fold(weight, fold.test[scored], (held * fold.test_weight)[scored]))
        if not all(fold.test.size for fold in folds):
            raise ValueError("a fold has no complete record to score; use fewer folds.")
        return folds

# SPDX-License-Identifier: BSD-3-Clause
"""Lasso and elastic net of least squares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from taut import penalties
from taut.linear_model._base import LinearRegressor, SingleFit
from taut.linear_model._cv import CrossValidatedPath
from taut.linear_model._parameters import (
    CV,
    L1_RATIO,
    L1_RATIOS,
    PROBLEM,
    STRENGTH,
    WARM_START,
    Bounded,
    CVParameters,
    SingleParameters,
)
from taut.typing import ArrayLike, FloatArray


@dataclass(eq=False, repr=False)
class Lasso(SingleFit, LinearRegressor, Bounded, SingleParameters):
    r"""Least squares with an L1 penalty.

    Minimises ``1/(2n) * ||y - X b - c||^2 + alpha * ||b||_1``; with sample weights the mean is the
    weighted one. The intercept ``c`` is not penalised. Same problem as scikit-learn's ``Lasso``.

    Parameters
    ----------
    alpha : float, default=1.0
        Penalty strength >= 0, in the units of ``X.T @ y / n``. 0 is least squares.
    fit_intercept : bool, default=True
    positive : bool, default=False
        The same as ``lower=0``.
    penalty_factor : array-like of shape (n_features,), optional
        Multipliers >= 0 of the penalty: 0 leaves a feature unpenalised, ``inf`` keeps it out.
    lower, upper : float or array-like of shape (n_features,), optional
        Bounds of the coefficients, ``lower <= 0 <= upper``.
    standardize : bool, default=False
        Penalise the coefficients of columns divided by their (weighted, 1/n) standard deviation.
        ``coef_`` is on the original scale.
    tol : float, default=1e-6
        Stop when the duality gap is at most ``tol`` times the loss of the model without
        coefficients, that is half the variance of y.
    max_iter : int, default=1000
        Bound of the solver's outer iterations.
    warm_start : bool, default=False
        Start from the coefficients of the previous fit.
    n_jobs : int, optional
        Threads; None is 1, -1 all. The result is the same to the bit for any number.
    solver : {"auto", "gram", "naive", "fista", "ag", "pncg"}, default="auto"
        Keep inner products of the columns, or residuals ("auto" chooses by size), or use a
        first-order method, which needs products with X only: see :func:`taut.prox.minimize`.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Of the dtype of X.
    intercept_ : float
    dual_gap_ : float
        Duality gap in units of the objective: the objective is at most this far from its minimum.
    n_iter_ : int
    alpha_max_ : float
        Least strength at which all penalised coefficients are zero.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)
        Only if X is a frame with text column names.

    See Also
    --------
    LassoCV : Chooses ``alpha`` by cross-validation.
    lasso_path : Many strengths at once.

    References
    ----------
    .. [1] R. Tibshirani (1996), Regression shrinkage and selection via the lasso, J. R. Stat.
       Soc. B 58, 267-288.

    Examples
    --------
    The slope of least squares is 1 here; the column has variance 2/3, so a strength of 0.1
    shrinks it by 0.15.

    >>> from taut.linear_model import Lasso
    >>> model = Lasso(alpha=0.1).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0])
    >>> model.coef_.round(2), round(model.intercept_, 2)
    (array([0.85]), 0.15)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {**STRENGTH, **PROBLEM, **WARM_START}


@dataclass(eq=False, repr=False)
class ElasticNet(SingleFit, LinearRegressor, Bounded, SingleParameters):
    r"""Least squares with a mixture of L1 and squared L2 penalties.

    Minimises ``1/(2n) * ||y - X b - c||^2 + alpha * (l1_ratio * ||b||_1 + (1 - l1_ratio)/2 *
    ||b||^2)``; with sample weights the mean is the weighted one. The intercept ``c`` is not
    penalised. Same problem as scikit-learn's ``ElasticNet``.

    Parameters
    ----------
    alpha : float, default=1.0
        Penalty strength >= 0, in the units of ``X.T @ y / n``. 0 is least squares.
    l1_ratio : float, default=0.5
        Between 0 (ridge) and 1 (Lasso).
    fit_intercept : bool, default=True
    positive : bool, default=False
        The same as ``lower=0``.
    penalty_factor : array-like of shape (n_features,), optional
        Multipliers >= 0 of the penalty: 0 leaves a feature unpenalised, ``inf`` keeps it out.
    lower, upper : float or array-like of shape (n_features,), optional
        Bounds of the coefficients, ``lower <= 0 <= upper``.
    standardize : bool, default=False
        Penalise the coefficients of columns divided by their (weighted, 1/n) standard deviation.
        ``coef_`` is on the original scale.
    tol : float, default=1e-6
        Stop when the duality gap is at most ``tol`` times the loss of the model without
        coefficients, that is half the variance of y.
    max_iter : int, default=1000
        Bound of the solver's outer iterations.
    warm_start : bool, default=False
        Start from the coefficients of the previous fit.
    n_jobs : int, optional
        Threads; None is 1, -1 all. The result is the same to the bit for any number.
    solver : {"auto", "gram", "naive", "fista", "ag", "pncg"}, default="auto"
        Keep inner products of the columns, or residuals ("auto" chooses by size), or use a
        first-order method, which needs products with X only: see :func:`taut.prox.minimize`.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Of the dtype of X.
    intercept_ : float
    dual_gap_ : float
        Duality gap in units of the objective: the objective is at most this far from its minimum.
    n_iter_ : int
    alpha_max_ : float
        Least strength at which all penalised coefficients are zero.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)
        Only if X is a frame with text column names.

    Notes
    -----
    R's glmnet divides y by its standard deviation first, so its ridge part equals this one
    divided by that standard deviation; the L1 parts agree.

    References
    ----------
    .. [1] H. Zou, T. Hastie (2005), Regularization and variable selection via the elastic net,
       J. R. Stat. Soc. B 67, 301-320.

    Examples
    --------
    >>> from taut.linear_model import ElasticNet
    >>> model = ElasticNet(alpha=0.1).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0])
    >>> model.coef_.round(4)
    array([0.8605])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **STRENGTH,
        **L1_RATIO,
        **PROBLEM,
        **WARM_START,
    }
    _penalty_type = penalties.ElasticNet

    l1_ratio: float = field(default=0.5, kw_only=True)


class RegressionCV(CrossValidatedPath, LinearRegressor):
    """Squared error as the loss of the folds."""

    mse_path_: FloatArray

    @property
    def scoring(self) -> str:
        """Loss of the folds."""
        return "mse"

    def _publish(self, chosen: Any) -> None:
        super()._publish(chosen)
        self.mse_path_ = self.loss_path_


@dataclass(eq=False, repr=False)
class LassoCV(RegressionCV, Bounded, CVParameters):
    r"""Lasso whose strength is chosen by cross-validation.

    Minimises ``1/(2n) * ||y - X b - c||^2 + alpha * ||b||_1`` along a path of strengths, on all
    rows and with each fold left out, and takes the strength of least mean squared error on the
    rows left out, or the strongest within one standard error of it.

    Parameters
    ----------
    alphas : int or array-like of shape (n_alphas,), default=100
        Number of strengths, equally spaced in the logarithm from the least that gives zero
        coefficients down to `eps` times it; or the strengths themselves.
    eps : float, optional
        By default 1e-3.
    fit_intercept, positive, penalty_factor, lower, upper, standardize, tol, max_iter, solver
        See :class:`Lasso`.
    cv : int, splitter, iterable of (train, test) or array-like of shape (n_samples,), default=5
        Number of folds, or any scikit-learn splitter, or pairs of index arrays, or the number of
        the fold of each row (-1: never left out).
    rule : {"min", "1se"}, default="min"
        Which strength ``coef_`` belongs to.
    n_jobs : int, optional
        Threads. Folds run side by side, each on one thread; the result does not depend on it.
    random_state : int, Generator or RandomState, optional
        Shuffles the rows when `cv` is a number. None keeps their order.
    progress : bool, default=False
        Show a progress bar.

    Attributes
    ----------
    alpha_ : float
        The chosen strength: ``alpha_min_`` or ``alpha_1se_``.
    alpha_min_, alpha_1se_ : float
    alphas_ : ndarray of shape (n_alphas,)
        Strengths tried, decreasing. Shorter than asked for if the path stopped early.
    cv_mean_, cv_se_ : ndarray of shape (n_alphas,)
        Mean squared error over folds, weighted by the folds' weights, and its standard error.
    mse_path_ : ndarray of shape (n_alphas, n_folds)
        Also as ``loss_path_``.
    coefs_path_ : ndarray of shape (n_alphas, n_features)
    intercepts_path_ : ndarray of shape (n_alphas,)
    dual_gaps_ : ndarray of shape (n_alphas,)
    selection_frequency_ : ndarray of shape (n_features,)
        Share of the folds in which the coefficient at the chosen strength is not zero.
    path_ : PathResult
        The path on all rows.
    coef_, intercept_, dual_gap_, n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`Lasso`.

    Notes
    -----
    With a number of strengths, paths end early as those of glmnet do: when more than 0.999 of the
    deviance is explained, or a step explains less than 1e-5 more of it. A fold that ends before
    the path on all rows keeps its last coefficients. Give the strengths to have them all.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from taut.linear_model import LassoCV
    >>> model = LassoCV(rule="1se", standardize=True).fit(*load_diabetes(return_X_y=True))
    >>> int((model.coef_ != 0).sum()), model.alpha_1se_ > model.alpha_min_
    (6, True)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {**CV, **PROBLEM}
    _default_eps: ClassVar[float | None] = 1e-3


@dataclass(eq=False, repr=False)
class ElasticNetCV(RegressionCV, Bounded, CVParameters):
    r"""Elastic net whose strength is chosen by cross-validation.

    Minimises ``1/(2n) * ||y - X b - c||^2 + alpha * (l1_ratio * ||b||_1 + (1 - l1_ratio)/2 *
    ||b||^2)`` along a path of strengths, on all rows and with each fold left out, and takes the
    strength of least mean squared error on the rows left out, or the strongest within one
    standard error of it.

    Parameters
    ----------
    l1_ratio : float or array-like of float, default=0.5
        Between 0 (ridge) and 1 (Lasso). Of several, the one with the least mean error is kept.
    alphas, eps, cv, rule, n_jobs, random_state, progress
        See :class:`LassoCV`.
    fit_intercept, positive, penalty_factor, lower, upper, standardize, tol, max_iter, solver
        See :class:`ElasticNet`.

    Attributes
    ----------
    l1_ratio_ : float
        The chosen mixture; all other attributes belong to it.
    alpha_, alpha_min_, alpha_1se_, alphas_, cv_mean_, cv_se_, mse_path_, loss_path_, path_
        See :class:`LassoCV`.
    coefs_path_, intercepts_path_, dual_gaps_, selection_frequency_
        See :class:`LassoCV`.
    coef_, intercept_, dual_gap_, n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`ElasticNet`.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from taut.linear_model import ElasticNetCV
    >>> model = ElasticNetCV(l1_ratio=[0.5, 1.0], standardize=True)
    >>> model.fit(*load_diabetes(return_X_y=True)).l1_ratio_ in (0.5, 1.0)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {**CV, **L1_RATIOS, **PROBLEM}
    _default_eps: ClassVar[float | None] = 1e-3
    _penalty_type = penalties.ElasticNet
    _tuned: ClassVar[tuple[str, ...]] = ("l1_ratio",)

    l1_ratio: float | ArrayLike = field(default=0.5, kw_only=True)


__all__ = ["ElasticNet", "ElasticNetCV", "Lasso", "LassoCV"]

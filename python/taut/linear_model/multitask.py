# SPDX-License-Identifier: BSD-3-Clause
"""Several responses that share their features."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from taut import penalties
from taut.linear_model._base import LinearRegressor, PenalizedModel, SingleFit
from taut.linear_model._parameters import (
    CV,
    L1_RATIO,
    L1_RATIOS,
    SOLVE,
    STRENGTH,
    WARM_START,
    CVParameters,
    SingleParameters,
)
from taut.linear_model.lasso import RegressionCV
from taut.typing import ArrayLike


class _SeveralTasks(PenalizedModel):
    _several: ClassVar[bool | None] = True
    _penalty_type = penalties.Group

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = False
        tags.target_tags.multi_output = True
        return tags


@dataclass(eq=False, repr=False)
class MultiTaskLasso(_SeveralTasks, SingleFit, LinearRegressor, SingleParameters):
    r"""Least squares of several responses: a feature is in for all of them or for none.

    Minimises ``1/(2n) * ||Y - X B - c||^2 + alpha * sum_j ||B_j||``, where row ``B_j`` holds the
    coefficients of feature j in all tasks; with sample weights the mean is the weighted one. Same
    problem as scikit-learn's ``MultiTaskLasso``.

    Parameters
    ----------
    alpha : float, default=1.0
        Penalty strength >= 0, in the units of ``X.T @ Y / n``.
    penalty_factor : array-like of shape (n_features,), optional
        Multipliers >= 0 of the penalty: 0 leaves a feature unpenalised, ``inf`` keeps it out.
    fit_intercept, standardize, tol, max_iter, warm_start, n_jobs, solver
        See :class:`Lasso`.

    Attributes
    ----------
    coef_ : ndarray of shape (n_tasks, n_features)
    intercept_ : ndarray of shape (n_tasks,)
    dual_gap_, n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`Lasso`.

    References
    ----------
    .. [1] G. Obozinski, B. Taskar, M. I. Jordan (2010), Joint covariate selection and joint
       subspace selection for multiple classification problems, Stat. Comput. 20, 231-252.

    Examples
    --------
    >>> from taut.linear_model import MultiTaskLasso
    >>> X, Y = [[0.0, 1.0], [1.0, -1.0], [2.0, 0.0]], [[0.0, 0.0], [1.0, 2.0], [2.0, 4.0]]
    >>> MultiTaskLasso(alpha=0.2).fit(X, Y).coef_.round(3) + 0.0
    array([[0.866, 0.   ],
           [1.732, 0.   ]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {**STRENGTH, **SOLVE, **WARM_START}


@dataclass(eq=False, repr=False)
class MultiTaskElasticNet(_SeveralTasks, SingleFit, LinearRegressor, SingleParameters):
    r"""Least squares of several responses with norms of rows mixed with squares.

    Minimises ``1/(2n) * ||Y - X B - c||^2 + alpha * sum_j (l1_ratio * ||B_j|| +
    (1 - l1_ratio)/2 * ||B_j||^2)``, where row ``B_j`` holds the coefficients of feature j in all
    tasks. Same problem as scikit-learn's ``MultiTaskElasticNet``.

    Parameters
    ----------
    alpha, penalty_factor
        See :class:`MultiTaskLasso`.
    l1_ratio : float, default=0.5
        Between 0 (ridge) and 1 (norms of rows).
    fit_intercept, standardize, tol, max_iter, warm_start, n_jobs, solver
        See :class:`Lasso`.

    Attributes
    ----------
    coef_, intercept_, dual_gap_, n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`MultiTaskLasso`.

    Examples
    --------
    >>> from taut.linear_model import MultiTaskElasticNet
    >>> X, Y = [[0.0, 1.0], [1.0, -1.0], [2.0, 0.0]], [[0.0, 0.0], [1.0, 2.0], [2.0, 4.0]]
    >>> MultiTaskElasticNet(alpha=0.2, l1_ratio=0.5).fit(X, Y).coef_.shape
    (2, 2)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **STRENGTH,
        **L1_RATIO,
        **SOLVE,
        **WARM_START,
    }

    l1_ratio: float = field(default=0.5, kw_only=True)


@dataclass(eq=False, repr=False)
class MultiTaskLassoCV(_SeveralTasks, RegressionCV, CVParameters):
    r"""Multitask Lasso whose strength is chosen by cross-validation.

    Minimises the objective of :class:`MultiTaskLasso` along a path of strengths, on all rows and
    with each fold left out, and takes the strength of least mean squared error (over rows and
    tasks) on the rows left out, or the strongest within one standard error of it.

    Parameters
    ----------
    alphas, eps, cv, rule, n_jobs, random_state, progress
        See :class:`LassoCV`.
    fit_intercept, penalty_factor, standardize, tol, max_iter, solver
        See :class:`MultiTaskLasso`.

    Attributes
    ----------
    coefs_path_ : ndarray of shape (n_alphas, n_tasks, n_features)
    alpha_, alpha_min_, alpha_1se_, alphas_, cv_mean_, cv_se_, mse_path_, loss_path_, path_
        See :class:`LassoCV`.
    intercepts_path_, dual_gaps_, selection_frequency_
        See :class:`LassoCV`; one row per task.
    coef_, intercept_, dual_gap_, n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`MultiTaskLasso`.

    Examples
    --------
    >>> from sklearn.datasets import load_linnerud
    >>> from taut.linear_model import MultiTaskLassoCV
    >>> X, Y = load_linnerud(return_X_y=True)
    >>> MultiTaskLassoCV(alphas=10, standardize=True).fit(X, Y).coef_.shape
    (3, 3)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {**CV, **SOLVE}
    _default_eps: ClassVar[float | None] = 1e-3


@dataclass(eq=False, repr=False)
class MultiTaskElasticNetCV(_SeveralTasks, RegressionCV, CVParameters):
    r"""Multitask elastic net whose strength is chosen by cross-validation.

    As :class:`MultiTaskLassoCV`, with the objective of :class:`MultiTaskElasticNet`.

    Parameters
    ----------
    l1_ratio : float or array-like of float, default=0.5
        Between 0 (ridge) and 1 (norms of rows). Of several, the one with the least mean error is
        kept.
    alphas, eps, cv, rule, n_jobs, random_state, progress
        See :class:`LassoCV`.
    fit_intercept, penalty_factor, standardize, tol, max_iter, solver
        See :class:`MultiTaskLasso`.

    Attributes
    ----------
    l1_ratio_ : float
        The chosen mixture; all other attributes belong to it.
    alpha_, alpha_min_, alpha_1se_, alphas_, cv_mean_, cv_se_, mse_path_, loss_path_, path_
        See :class:`MultiTaskLassoCV`.
    coefs_path_, intercepts_path_, dual_gaps_, selection_frequency_
        See :class:`MultiTaskLassoCV`.
    coef_, intercept_, dual_gap_, n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`MultiTaskLasso`.

    Examples
    --------
    >>> from sklearn.datasets import load_linnerud
    >>> from taut.linear_model import MultiTaskElasticNetCV
    >>> X, Y = load_linnerud(return_X_y=True)
    >>> MultiTaskElasticNetCV(l1_ratio=[0.2, 0.9], alphas=10).fit(X, Y).l1_ratio_ in (0.2, 0.9)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {**CV, **L1_RATIOS, **SOLVE}
    _default_eps: ClassVar[float | None] = 1e-3
    _tuned: ClassVar[tuple[str, ...]] = ("l1_ratio",)

    l1_ratio: float | ArrayLike = field(default=0.5, kw_only=True)


__all__ = ["MultiTaskElasticNet", "MultiTaskElasticNetCV", "MultiTaskLasso", "MultiTaskLassoCV"]

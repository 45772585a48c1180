# SPDX-License-Identifier: BSD-3-Clause
"""Least squares with penalties of groups: of features, or of a feature's coefficients in tasks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from taut import penalties
from taut.linear_model._base import LinearRegressor, SingleFit
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

_GROUPS: dict[str, list[Any]] = {"groups": ["array-like", None]}


@dataclass(eq=False, repr=False)
class GroupLasso(SingleFit, LinearRegressor, SingleParameters):
    r"""Least squares with groups of features that are in or out as a whole.

    Minimises ``1/(2n) * ||y - X b - c||^2 + alpha * sum_g w_g ||b_g||``; with sample weights the
    mean is the weighted one. The intercept ``c`` is not penalised.

    Parameters
    ----------
    alpha : float, default=1.0
        Penalty strength >= 0, in the units of ``X.T @ y / n``.
    groups : array-like of shape (n_features,) or list of lists of int
        A label for each feature, or the features of each group; together they must hold every
        feature once. None makes each feature a group of its own (the Lasso).
    penalty_factor : array-like of shape (n_groups,), optional
        The ``w_g`` >= 0, in the order of the sorted labels or of the lists: 0 leaves a group
        unpenalised, ``inf`` keeps it out. By default the root of the group's size.
    fit_intercept, standardize, tol, max_iter, warm_start, n_jobs, solver
        See :class:`Lasso`.

    Attributes
    ----------
    coef_, intercept_, dual_gap_, n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`Lasso`.

    References
    ----------
    .. [1] M. Yuan, Y. Lin (2006), Model selection and estimation in regression with grouped
       variables, J. R. Stat. Soc. B 68, 49-67.

    Examples
    --------
    >>> from taut.linear_model import GroupLasso
    >>> X = [[1.0, 1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, -1.0, 1.0], [0.0, -1.0, -1.0]]
    >>> y = [2.0, -1.0, -0.4, -0.6]
    >>> GroupLasso(alpha=0.2, groups=["a", "a", "b"]).fit(X, y).coef_.round(2) + 0.0
    array([0.98, 0.39, 0.  ])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **STRENGTH,
        **_GROUPS,
        **SOLVE,
        **WARM_START,
    }

    groups: Any = field(default=None, kw_only=True)

    def _make_penalty(self, **tuned: Any) -> penalties.Penalty:
        return penalties.L1() if self.groups is None else penalties.Group(self.groups)


@dataclass(eq=False, repr=False)
class GroupLassoCV(RegressionCV, CVParameters):
    r"""Group Lasso whose strength is chosen by cross-validation.

    Minimises the objective of :class:`GroupLasso` along a path of strengths, on all rows and with
    each fold left out, and takes the strength of least mean squared error on the rows left out,
    or the strongest within one standard error of it.

    Parameters
    ----------
    groups, penalty_factor
        See :class:`GroupLasso`. (Groups of rows for a splitter go to ``fit``.)
    alphas, eps, cv, rule, n_jobs, random_state, progress
        See :class:`LassoCV`.
    fit_intercept, standardize, tol, max_iter, solver
        See :class:`Lasso`.

    Attributes
    ----------
    alpha_, alpha_min_, alpha_1se_, alphas_, cv_mean_, cv_se_, mse_path_, loss_path_, path_
        See :class:`LassoCV`.
    coefs_path_, intercepts_path_, dual_gaps_, selection_frequency_
        See :class:`LassoCV`.
    coef_, intercept_, dual_gap_, n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`Lasso`.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from taut.linear_model import GroupLassoCV
    >>> body, blood = [0, 1, 2, 3], [4, 5, 6, 7, 8, 9]
    >>> model = GroupLassoCV(groups=[body, blood], alphas=20, standardize=True)
    >>> model.fit(*load_diabetes(return_X_y=True)).alpha_ > 0
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {**CV, **_GROUPS, **SOLVE}
    _default_eps: ClassVar[float | None] = 1e-3

    groups: Any = field(default=None, kw_only=True)

    def _make_penalty(self, **tuned: Any) -> penalties.Penalty:
        return penalties.L1() if self.groups is None else penalties.Group(self.groups)


@dataclass(eq=False, repr=False)
class SparseGroupLasso(SingleFit, LinearRegressor, SingleParameters):
    r"""Least squares with groups of features, sparse between groups and within them.

    Minimises ``1/(2n) * ||y - X b - c||^2 + alpha * (l1_ratio * ||b||_1 + (1 - l1_ratio) *
    sum_g w_g ||b_g||)``; with sample weights the mean is the weighted one. The intercept ``c`` is
    not penalised.

    Parameters
    ----------
    alpha : float, default=1.0
        Penalty strength >= 0, in the units of ``X.T @ y / n``.
    groups, penalty_factor
        See :class:`GroupLasso`. An unpenalised group (factor 0) keeps its share of the L1 term.
    l1_ratio : float, default=0.5
        Between 0 (group Lasso) and 1 (Lasso); ``alpha`` in [1]_.
    fit_intercept, standardize, tol, max_iter, warm_start, n_jobs, solver
        See :class:`Lasso`.

    Attributes
    ----------
    coef_, intercept_, dual_gap_, n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`Lasso`.

    References
    ----------
    .. [1] N. Simon, J. Friedman, T. Hastie, R. Tibshirani (2013), A sparse-group lasso, J. Comput.
       Graph. Statist. 22, 231-245.

    Examples
    --------
    >>> from taut.linear_model import SparseGroupLasso
    >>> X = [[1.0, 1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, -1.0, 1.0], [0.0, -1.0, -1.0]]
    >>> y = [2.0, -1.0, -0.4, -0.6]
    >>> model = SparseGroupLasso(alpha=0.5, groups=["a", "a", "b"], l1_ratio=0.9)
    >>> model.fit(X, y).coef_.round(2) + 0.0
    array([0.46, 0.04, 0.  ])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **STRENGTH,
        **_GROUPS,
        **L1_RATIO,
        **SOLVE,
        **WARM_START,
    }

    groups: Any = field(default=None, kw_only=True)
    l1_ratio: float = field(default=0.5, kw_only=True)

    def _make_penalty(self, **tuned: Any) -> penalties.Penalty:
        return _sparse_group(self.groups, self.l1_ratio)


@dataclass(eq=False, repr=False)
class SparseGroupLassoCV(RegressionCV, CVParameters):
    r"""Sparse group Lasso whose strength is chosen by cross-validation.

    Minimises the objective of :class:`SparseGroupLasso` along a path of strengths, on all rows and
    with each fold left out, and takes the strength of least mean squared error on the rows left
    out, or the strongest within one standard error of it.

    Parameters
    ----------
    l1_ratio : float or array-like of float, default=0.5
        Between 0 (group Lasso) and 1 (Lasso). Of several, the one with the least mean error is
        kept.
    groups, penalty_factor
        See :class:`GroupLasso`. (Groups of rows for a splitter go to ``fit``.)
    alphas, eps, cv, rule, n_jobs, random_state, progress
        See :class:`LassoCV`.
    fit_intercept, standardize, tol, max_iter, solver
        See :class:`Lasso`.

    Attributes
    ----------
    l1_ratio_ : float
        The chosen mixture; all other attributes belong to it.
    alpha_, alpha_min_, alpha_1se_, alphas_, cv_mean_, cv_se_, mse_path_, loss_path_, path_
        See :class:`LassoCV`.
    coefs_path_, intercepts_path_, dual_gaps_, selection_frequency_
        See :class:`LassoCV`.
    coef_, intercept_, dual_gap_, n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`Lasso`.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from taut.linear_model import SparseGroupLassoCV
    >>> model = SparseGroupLassoCV(groups=[0] * 4 + [1] * 6, l1_ratio=[0.2, 0.8], alphas=10)
    >>> model.fit(*load_diabetes(return_X_y=True)).l1_ratio_ in (0.2, 0.8)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CV,
        **_GROUPS,
        **L1_RATIOS,
        **SOLVE,
    }
    _default_eps: ClassVar[float | None] = 1e-3
    _tuned: ClassVar[tuple[str, ...]] = ("l1_ratio",)

    groups: Any = field(default=None, kw_only=True)
    l1_ratio: float | ArrayLike = field(default=0.5, kw_only=True)

    def _make_penalty(self, **tuned: Any) -> penalties.Penalty:
        return _sparse_group(self.groups, tuned.get("l1_ratio", self.l1_ratio))


def _sparse_group(groups: Any, l1_ratio: Any) -> penalties.Penalty:
    # Groups of one feature each: both terms are absolute values.
    return penalties.L1() if groups is None else penalties.SparseGroup(groups, l1_ratio)


__all__ = ["GroupLasso", "GroupLassoCV", "SparseGroupLasso", "SparseGroupLassoCV"]

# SPDX-License-Identifier: BSD-3-Clause
"""Least squares with penalties that leave large coefficients alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Real
from typing import Any, ClassVar

from sklearn.utils._param_validation import Interval

from taut import penalties
from taut.linear_model._base import LinearRegressor, SingleFit
from taut.linear_model._parameters import (
    CV,
    PROBLEM,
    STRENGTH,
    WARM_START,
    Bounded,
    CVParameters,
    SingleParameters,
)
from taut.linear_model.lasso import RegressionCV
from taut.typing import ArrayLike

_ABOVE_1 = Interval(Real, 1, None, closed="neither")
_ABOVE_2 = Interval(Real, 2, None, closed="neither")


@dataclass(eq=False, repr=False)
class MCPRegression(SingleFit, LinearRegressor, Bounded, SingleParameters):
    r"""Least squares with the minimax concave penalty.

    Minimises ``1/(2n) * ||y - X b - c||^2 + sum_j MCP(b_j)`` with
    ``MCP(b) = alpha |b| - b^2/(2 gamma)`` up to ``|b| = gamma alpha`` and ``gamma alpha^2 / 2``
    beyond. Use it instead of the Lasso when large effects must not be shrunk.

    Parameters
    ----------
    alpha : float, default=1.0
        Penalty strength >= 0, in the units of ``X.T @ y / n``.
    gamma : float, default=3.0
        Concavity, > 1; the larger, the closer to the Lasso. It is measured against the columns'
        mean squares, so standardise columns or set ``standardize=True``.
    penalty_factor : array-like of shape (n_features,), optional
        Multipliers >= 0 of ``alpha``: 0 leaves a feature unpenalised, ``inf`` keeps it out.
    tol : float, default=1e-6
        Stop when the distance of the gradient to the penalty's subdifferential is at most ``tol``
        times the largest gradient of the model without coefficients.
    fit_intercept, positive, lower, upper, standardize, max_iter, warm_start, n_jobs, solver
        See :class:`PenalizedGLM`.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
    intercept_ : float
    stop_crit_ : float
        Distance to stationarity that was reached, in units of the gradient. ``dual_gap_`` is NaN:
        the problem is not convex.
    n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`Lasso`.

    Notes
    -----
    A single fit starts at zero (or where a warm start ends) and finds a stationary point;
    :func:`mcp_path` and :class:`MCPRegressionCV` follow one down from the strongest penalty,
    which is the way to good ones.

    References
    ----------
    .. [1] C.-H. Zhang (2010), Nearly unbiased variable selection under minimax concave penalty,
       Ann. Statist. 38, 894-942.

    Examples
    --------
    The slope of least squares is 1 and beyond ``gamma * alpha = 0.3``: it is not shrunk.

    >>> from taut.linear_model import MCPRegression
    >>> MCPRegression(alpha=0.1).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0]).coef_.round(2)
    array([1.])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **STRENGTH,
        "gamma": [_ABOVE_1],
        **PROBLEM,
        **WARM_START,
    }
    _penalty_type = penalties.MCP

    gamma: float = field(default=3.0, kw_only=True)


@dataclass(eq=False, repr=False)
class SCADRegression(SingleFit, LinearRegressor, Bounded, SingleParameters):
    r"""Least squares with the smoothly clipped absolute deviation penalty.

    Minimises ``1/(2n) * ||y - X b - c||^2 + sum_j SCAD(b_j)``, where SCAD is ``alpha |b|`` up to
    ``alpha``, quadratic up to ``gamma alpha`` and ``(gamma + 1) alpha^2 / 2`` beyond.

    Parameters
    ----------
    alpha : float, default=1.0
        Penalty strength >= 0, in the units of ``X.T @ y / n``.
    gamma : float, default=3.7
        Concavity, > 2; ``a`` in [1]_. It is measured against the columns' mean squares.
    penalty_factor, tol
        See :class:`MCPRegression`.
    fit_intercept, positive, lower, upper, standardize, max_iter, warm_start, n_jobs, solver
        See :class:`PenalizedGLM`.

    Attributes
    ----------
    coef_, intercept_, stop_crit_, n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`MCPRegression`.

    References
    ----------
    .. [1] J. Fan, R. Li (2001), Variable selection via nonconcave penalized likelihood and its
       oracle properties, J. Amer. Statist. Assoc. 96, 1348-1360.

    Examples
    --------
    >>> from taut.linear_model import SCADRegression
    >>> SCADRegression(alpha=0.1).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0]).coef_.round(2)
    array([1.])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **STRENGTH,
        "gamma": [_ABOVE_2],
        **PROBLEM,
        **WARM_START,
    }
    _penalty_type = penalties.SCAD

    gamma: float = field(default=3.7, kw_only=True)


@dataclass(eq=False, repr=False)
class MCPRegressionCV(RegressionCV, Bounded, CVParameters):
    r"""Least squares with the minimax concave penalty, its strength by cross-validation.

    Follows :class:`MCPRegression` along a path of strengths, on all rows and with each fold left
    out, and takes the strength of least mean squared error on the rows left out, or the strongest
    within one standard error of it.

    Parameters
    ----------
    gamma : float or array-like of float, default=3.0
        Concavity, > 1. Of several, the one with the least mean error is kept.
    alphas, eps, cv, rule, n_jobs, random_state, progress
        See :class:`LassoCV`.
    fit_intercept, positive, lower, upper, penalty_factor, standardize, tol, max_iter, solver
        See :class:`MCPRegression`.

    Attributes
    ----------
    gamma_ : float
        The chosen concavity; all other attributes belong to it.
    alpha_, alpha_min_, alpha_1se_, alphas_, cv_mean_, cv_se_, mse_path_, loss_path_, path_
        See :class:`LassoCV`.
    coefs_path_, intercepts_path_, dual_gaps_, selection_frequency_
        See :class:`LassoCV`.
    coef_, intercept_, stop_crit_, n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`MCPRegression`.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from taut.linear_model import MCPRegressionCV
    >>> model = MCPRegressionCV(gamma=[2.0, 4.0], alphas=20, standardize=True)
    >>> model.fit(*load_diabetes(return_X_y=True)).gamma_ in (2.0, 4.0)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CV,
        "gamma": [_ABOVE_1, "array-like"],
        **PROBLEM,
    }
    _default_eps: ClassVar[float | None] = 1e-2
    _penalty_type = penalties.MCP
    _tuned: ClassVar[tuple[str, ...]] = ("gamma",)

    gamma: float | ArrayLike = field(default=3.0, kw_only=True)


@dataclass(eq=False, repr=False)
class SCADRegressionCV(RegressionCV, Bounded, CVParameters):
    r"""Least squares with the SCAD penalty, its strength by cross-validation.

    Follows :class:`SCADRegression` along a path of strengths, on all rows and with each fold left
    out, and takes the strength of least mean squared error on the rows left out, or the strongest
    within one standard error of it.

    Parameters
    ----------
    gamma : float or array-like of float, default=3.7
        Concavity, > 2. Of several, the one with the least mean error is kept.
    alphas, eps, cv, rule, n_jobs, random_state, progress
        See :class:`LassoCV`.
    fit_intercept, positive, lower, upper, penalty_factor, standardize, tol, max_iter, solver
        See :class:`MCPRegression`.

    Attributes
    ----------
    gamma_ : float
        The chosen concavity; all other attributes belong to it.
    alpha_, alpha_min_, alpha_1se_, alphas_, cv_mean_, cv_se_, mse_path_, loss_path_, path_
        See :class:`LassoCV`.
    coefs_path_, intercepts_path_, dual_gaps_, selection_frequency_
        See :class:`LassoCV`.
    coef_, intercept_, stop_crit_, n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`MCPRegression`.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from taut.linear_model import SCADRegressionCV
    >>> model = SCADRegressionCV(alphas=20, standardize=True)
    >>> model.fit(*load_diabetes(return_X_y=True)).gamma_
    3.7
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CV,
        "gamma": [_ABOVE_2, "array-like"],
        **PROBLEM,
    }
    _default_eps: ClassVar[float | None] = 1e-2
    _penalty_type = penalties.SCAD
    _tuned: ClassVar[tuple[str, ...]] = ("gamma",)

    gamma: float | ArrayLike = field(default=3.7, kw_only=True)


__all__ = ["MCPRegression", "MCPRegressionCV", "SCADRegression", "SCADRegressionCV"]

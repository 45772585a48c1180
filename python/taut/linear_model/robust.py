# SPDX-License-Identifier: BSD-3-Clause
"""Lassos that need no noise level, and one that outliers do not pull."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Real
from typing import Any, ClassVar

from sklearn.utils._param_validation import Interval, StrOptions

from taut import datafits
from taut.linear_model._base import LinearRegressor, SingleFit
from taut.linear_model._cv import CrossValidatedPath
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

_POSITIVE = Interval(Real, 0, None, closed="neither")
_NOT_NEGATIVE = Interval(Real, 0, None, closed="left")


@dataclass(eq=False, repr=False)
class SqrtLasso(SingleFit, LinearRegressor, Bounded, SingleParameters):
    r"""Square-root Lasso: the right strength does not depend on the noise level.

    Minimises ``||y - X b - c|| / sqrt(n) + alpha * ||b||_1``; with sample weights the mean square
    is the weighted one. The intercept ``c`` is not penalised.

    Parameters
    ----------
    alpha : float, default=0.1
        Penalty strength >= 0, without units of y. For standardised columns and independent noise
        ``1.1 * norm.ppf(1 - 0.05 / (2 p)) / sqrt(n)`` keeps all p features out with probability
        0.95 when none has an effect [1]_.
    fit_intercept, positive, lower, upper, penalty_factor, standardize
        See :class:`Lasso`.
    tol, max_iter, warm_start, n_jobs, solver
        See :class:`Lasso`.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
    intercept_ : float
    sigma_ : float
        Noise level: the root of the mean squared residual.
    dual_gap_, n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`Lasso`.

    Notes
    -----
    The solution is that of the Lasso at ``alpha * sigma_``. When the fit interpolates, the
    smoothed problem of :class:`ConcomitantLasso` with a tiny floor is solved.

    References
    ----------
    .. [1] A. Belloni, V. Chernozhukov, L. Wang (2011), Square-root lasso: pivotal recovery of
       sparse signals via conic programming, Biometrika 98, 791-806.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from taut.linear_model import Lasso, SqrtLasso
    >>> X, y = load_diabetes(return_X_y=True)
    >>> root = SqrtLasso(alpha=0.1, standardize=True).fit(X, y)
    >>> plain = Lasso(alpha=0.1 * root.sigma_, standardize=True).fit(X, y)
    >>> bool(abs(root.coef_ - plain.coef_).max() < 1e-3 * abs(plain.coef_).max())
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {**STRENGTH, **PROBLEM, **WARM_START}
    _datafit_type = datafits.SqrtQuadratic

    alpha: float = 0.1


@dataclass(eq=False, repr=False)
class ConcomitantLasso(SingleFit, LinearRegressor, Bounded, SingleParameters):
    r"""Lasso that estimates the noise level together with the coefficients.

    Minimises ``1/(2n sigma) * ||y - X b - c||^2 + sigma/2 + alpha * ||b||_1`` over ``b``, ``c``
    and ``sigma >= sigma_min``. It is :class:`SqrtLasso` with a floor under the noise level.

    Parameters
    ----------
    alpha : float, default=0.1
        Penalty strength >= 0, without units of y; see :class:`SqrtLasso`.
    sigma_min : float, default=1e-3
        Floor >= 0 under ``sigma``, in the units of y.
    fit_intercept, positive, lower, upper, penalty_factor, standardize
        See :class:`Lasso`.
    tol, max_iter, warm_start, n_jobs, solver
        See :class:`Lasso`.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
    intercept_ : float
    sigma_ : float
        Estimated noise level.
    dual_gap_, n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`Lasso`.

    References
    ----------
    .. [1] T. Sun, C.-H. Zhang (2012), Scaled sparse linear regression, Biometrika 99, 879-898.
    .. [2] E. Ndiaye, O. Fercoq, A. Gramfort, V. Leclere, J. Salmon (2017), Efficient smoothed
       concomitant lasso estimation for high dimensional regression, J. Phys. Conf. Ser. 904.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from taut.linear_model import ConcomitantLasso
    >>> X, y = load_diabetes(return_X_y=True)
    >>> bool(50 < ConcomitantLasso(alpha=0.05, standardize=True).fit(X, y).sigma_ < 60)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **STRENGTH,
        "sigma_min": [_NOT_NEGATIVE],
        **PROBLEM,
        **WARM_START,
    }
    _datafit_type = datafits.SqrtQuadratic

    alpha: float = 0.1
    sigma_min: float = field(default=1e-3, kw_only=True)


@dataclass(eq=False, repr=False)
class HuberLasso(SingleFit, LinearRegressor, Bounded, SingleParameters):
    r"""Robust regression: residuals beyond ``delta`` count linearly.

    Minimises ``1/n * sum_i h(y_i - x_i' b - c) + alpha * ||b||_1`` with ``h(r) = r^2/2`` up to
    ``|r| = delta`` and ``delta |r| - delta^2/2`` beyond; with sample weights the mean is the
    weighted one. The intercept ``c`` is not penalised.

    Parameters
    ----------
    alpha : float, default=0.1
        Penalty strength >= 0, in the units of ``X.T @ y / n``.
    delta : float, default=1.35
        Where the loss turns linear, > 0 and in the units of y. With noise of standard deviation 1,
        1.35 loses 5 percent of efficiency against least squares if there is no outlier.
    fit_intercept, positive, lower, upper, penalty_factor, standardize
        See :class:`Lasso`.
    tol, max_iter, warm_start, n_jobs, solver
        See :class:`Lasso`.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
    intercept_ : float
    dual_gap_, n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`Lasso`.

    References
    ----------
    .. [1] P. J. Huber (1964), Robust estimation of a location parameter, Ann. Math. Statist. 35,
       73-101.

    Examples
    --------
    One gross error, and the line through the other points:

    >>> from taut.linear_model import HuberLasso
    >>> X = [[float(i)] for i in range(10)]
    >>> y = [float(i) for i in range(9)] + [1000.0]
    >>> HuberLasso(alpha=0.0, delta=0.1).fit(X, y).coef_.round(1)
    array([1.])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **STRENGTH,
        "delta": [_POSITIVE],
        **PROBLEM,
        **WARM_START,
    }
    _datafit_type = datafits.Huber

    alpha: float = 0.1
    delta: float = field(default=1.35, kw_only=True)


@dataclass(eq=False, repr=False)
class SqrtLassoCV(RegressionCV, Bounded, CVParameters):
    r"""Square-root Lasso whose strength is chosen by cross-validation.

    Minimises the objective of :class:`SqrtLasso` along a path of strengths, on all rows and with
    each fold left out, and takes the strength of least mean squared error on the rows left out,
    or the strongest within one standard error of it.

    Parameters
    ----------
    alphas, eps, cv, rule, n_jobs, random_state, progress
        See :class:`LassoCV`.
    fit_intercept, positive, lower, upper, penalty_factor, standardize, tol, max_iter, solver
        See :class:`Lasso`.

    Attributes
    ----------
    alpha_, alpha_min_, alpha_1se_, alphas_, cv_mean_, cv_se_, mse_path_, loss_path_, path_
        See :class:`LassoCV`.
    coefs_path_, intercepts_path_, dual_gaps_, selection_frequency_
        See :class:`LassoCV`.
    coef_, intercept_, sigma_, dual_gap_, n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`SqrtLasso`.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from taut.linear_model import SqrtLassoCV
    >>> model = SqrtLassoCV(alphas=20, rule="1se", standardize=True)
    >>> bool(50 < model.fit(*load_diabetes(return_X_y=True)).sigma_ < 60)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {**CV, **PROBLEM}
    _default_eps: ClassVar[float | None] = 1e-2
    _datafit_type = datafits.SqrtQuadratic


@dataclass(eq=False, repr=False)
class ConcomitantLassoCV(RegressionCV, Bounded, CVParameters):
    r"""Concomitant Lasso whose strength is chosen by cross-validation.

    As :class:`SqrtLassoCV`, with the objective of :class:`ConcomitantLasso`.

    Parameters
    ----------
    sigma_min : float, default=1e-3
        See :class:`ConcomitantLasso`.
    alphas, eps, cv, rule, n_jobs, random_state, progress
        See :class:`LassoCV`.
    fit_intercept, positive, lower, upper, penalty_factor, standardize, tol, max_iter, solver
        See :class:`Lasso`.

    Attributes
    ----------
    alpha_, alpha_min_, alpha_1se_, alphas_, cv_mean_, cv_se_, mse_path_, loss_path_, path_
        See :class:`LassoCV`.
    coefs_path_, intercepts_path_, dual_gaps_, selection_frequency_
        See :class:`LassoCV`.
    coef_, intercept_, sigma_, dual_gap_, n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`ConcomitantLasso`.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from taut.linear_model import ConcomitantLassoCV
    >>> model = ConcomitantLassoCV(alphas=20, rule="1se", standardize=True)
    >>> bool(50 < model.fit(*load_diabetes(return_X_y=True)).sigma_ < 60)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CV,
        "sigma_min": [_NOT_NEGATIVE],
        **PROBLEM,
    }
    _default_eps: ClassVar[float | None] = 1e-2
    _datafit_type = datafits.SqrtQuadratic

    sigma_min: float = field(default=1e-3, kw_only=True)


@dataclass(eq=False, repr=False)
class HuberLassoCV(CrossValidatedPath, LinearRegressor, Bounded, CVParameters):
    r"""Huber Lasso whose strength is chosen by cross-validation.

    Minimises the objective of :class:`HuberLasso` along a path of strengths, on all rows and with
    each fold left out, and takes the strength of least mean loss on the rows left out, or the
    strongest within one standard error of it.

    Parameters
    ----------
    delta : float, default=1.35
        See :class:`HuberLasso`.
    scoring : {"deviance", "mse", "mae"}, default="deviance"
        Loss on the rows left out; "deviance" is twice Huber's loss, so that outliers do not
        choose the strength.
    alphas, eps, cv, rule, n_jobs, random_state, progress
        See :class:`LassoCV`.
    fit_intercept, positive, lower, upper, penalty_factor, standardize, tol, max_iter, solver
        See :class:`Lasso`.

    Attributes
    ----------
    alpha_, alpha_min_, alpha_1se_, alphas_, cv_mean_, cv_se_, loss_path_, path_
        See :class:`LassoCV`.
    coefs_path_, intercepts_path_, dual_gaps_, selection_frequency_
        See :class:`LassoCV`.
    coef_, intercept_, dual_gap_, n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`HuberLasso`.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from taut.linear_model import HuberLassoCV
    >>> model = HuberLassoCV(delta=70.0, alphas=20, standardize=True)
    >>> model.fit(*load_diabetes(return_X_y=True)).alpha_ > 0
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CV,
        "delta": [_POSITIVE],
        **PROBLEM,
        "scoring": [StrOptions({"deviance", "mse", "mae"})],
    }
    _default_eps: ClassVar[float | None] = 1e-3
    _datafit_type = datafits.Huber

    delta: float = field(default=1.35, kw_only=True)
    scoring: str = field(default="deviance", kw_only=True)


__all__ = [
    "ConcomitantLasso",
    "ConcomitantLassoCV",
    "HuberLasso",
    "HuberLassoCV",
    "SqrtLasso",
    "SqrtLassoCV",
]

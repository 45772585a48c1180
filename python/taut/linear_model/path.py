# SPDX-License-Identifier: BSD-3-Clause
"""Whole regularisation paths as functions."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions, validate_params
from sklearn.utils.validation import check_array

from taut._threads import n_threads
from taut._validation import DESIGN_CHECKS, Float64, check_alphas
from taut.linear_model._problem import (
    Callback,
    PathResult,
    Problem,
    path_result,
    warn_unless_converged,
)
from taut.typing import ArrayLike, MatrixLike

_CONSTRAINTS: dict[str, Any] = {
    "X": ["array-like", "sparse matrix"],
    "y": ["array-like"],
    "alphas": ["array-like", None],
    "n_alphas": [Interval(Integral, 1, None, closed="left")],
    "eps": [Interval(Real, 0, 1, closed="neither"), None],
    "l1_ratio": [Interval(Real, 0, 1, closed="both")],
    "grouped": ["boolean"],
    "fit_intercept": ["boolean"],
    "positive": ["boolean"],
    "standardize": ["boolean"],
    "tol": [Interval(Real, 0, None, closed="neither")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "max_active": [Interval(Integral, 1, None, closed="left"), None],
    "early_stop": ["boolean"],
    "solver": [StrOptions({"auto", "gram", "naive"})],
    "n_jobs": [Integral, None],
    "callback": [callable, None],
}

_SHARED_DOC = """
    sample_weight : array-like of shape (n_samples,) or float, optional
        Weights >= 0, of any scale; integer weights equal repeated rows.
    offset : array-like of the shape of the linear predictor, optional
        Known part of the linear predictor, added to ``X @ coef + intercept``.
    penalty_factor : array-like of shape (n_features,), optional
        Multipliers of the penalty: 0 leaves a feature unpenalised, ``inf`` keeps it out.
    lower, upper : float or array-like of shape (n_features,), optional
        Bounds of the coefficients, ``lower <= 0 <= upper``.
    positive : bool, default=False
        The same as ``lower=0``.
    standardize : bool
        Penalise the coefficients of columns divided by their (weighted, 1/n) standard deviation.
        Coefficients always come back on the original scale.
    tol : float
        Stop at a duality gap of at most ``tol`` times the loss of the model without coefficients.
    max_iter : int, default=1000
        Bound of the solver's outer iterations at one strength.
    early_stop : bool, default=False
        End the path when the share of deviance explained exceeds 0.999, or grows by less than
        1e-5 of itself in a step (after five steps), as glmnet does.
    max_active : int, optional
        End the path when more features than this are active.
    solver : {"auto", "gram", "naive"}, default="auto"
        Keep inner products of the columns, or residuals; "auto" chooses by size.
    n_jobs : int, optional
        Threads. The result is the same to the bit for any number.
    callback : callable, optional
        Called with a dictionary (step, n_steps, alpha, gap, n_active) at most every 50 ms. What
        it raises ends the path.

    Returns
    -------
    PathResult
        Also usable as the tuple ``alphas, coefs, dual_gaps``.

    Raises
    ------
    ValueError
        If X or y contains NaN or infinity, lengths differ, or a parameter is out of its range.
"""


def _documented(function: Any) -> Any:
    if function.__doc__:  # absent under python -OO
        function.__doc__ = function.__doc__.replace("\n    <shared>\n", _SHARED_DOC)
    return function


def _checked(*names: str) -> Any:
    rules = {name: _CONSTRAINTS[name] for name in names if name in _CONSTRAINTS}
    return validate_params(rules, prefer_skip_nested_validation=True)


_COMMON = tuple(_CONSTRAINTS)


def _path(
    owner: str,
    datafit: str,
    X: Any,
    y: Any,
    *,
    alphas: Any,
    n_alphas: int,
    eps: float | None,
    l1_ratio: float,
    early_stop: bool,
    max_active: int | None,
    n_jobs: int | None,
    callback: Callback | None,
    **options: Any,
) -> PathResult:
    X = check_array(X, input_name="X", **DESIGN_CHECKS)
    problem = Problem.build(owner, datafit, X, y, **options)
    if alphas is None:
        problem.require_penalty()
    raw = problem.solve(
        alphas=None if alphas is None else check_alphas(alphas),
        n_alphas=int(n_alphas),
        eps=glmnet_eps(*X.shape) if eps is None else float(eps),
        l1_ratio=float(l1_ratio),
        early_stop=bool(early_stop),
        max_active=-1 if max_active is None else int(max_active),
        n_threads=n_threads(n_jobs),
        callback=callback,
    )
    warn_unless_converged(problem, [raw], stacklevel=5)
    return path_result(problem, raw)


def default_grid(alpha_max: float, n_alphas: int, eps: float) -> Float64:
    """Return strengths equally spaced in the logarithm from alpha_max to eps times it."""
    steps = np.arange(n_alphas) / max(n_alphas - 1, 1)
    # A constant response is explained by the intercept alone: any strength gives zero then.
    return np.asarray((alpha_max or np.finfo(np.float64).resolution) * eps**steps)


def glmnet_eps(n_samples: int, n_features: int) -> float:
    """Return the default ratio of the least to the largest strength in R's glmnet."""
    return 1e-4 if n_samples > n_features else 1e-2


@_documented
@_checked(*_COMMON)
def enet_path(
    X: MatrixLike,
    y: ArrayLike,
    *,
    l1_ratio: float = 0.5,
    alphas: ArrayLike | None = None,
    n_alphas: int = 100,
    eps: float = 1e-3,
    fit_intercept: bool = True,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    penalty_factor: ArrayLike | None = None,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
    positive: bool = False,
    standardize: bool = False,
    tol: float = 1e-6,
    max_iter: int = 1000,
    early_stop: bool = False,
    max_active: int | None = None,
    solver: str = "auto",
    n_jobs: int | None = None,
    callback: Callback | None = None,
) -> PathResult:
    r"""Elastic-net path of least squares.

    Minimises, for each strength ``alpha``,
    ``1/(2n) * ||y - X b - c||^2 + alpha * (l1_ratio * ||b||_1 + (1 - l1_ratio)/2 * ||b||^2)``.
    With weights the mean is the weighted one. The intercept ``c`` is never penalised.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Float64 or float32. Fortran-ordered arrays and CSC matrices are read in place,
        memory-mapped ones too; others are copied once.
    y : array-like of shape (n_samples,)
    l1_ratio : float, default=0.5
        Between 0 (ridge) and 1 (Lasso).
    alphas : array-like of shape (n_alphas,), optional
        Strengths >= 0; sorted, largest first. By default ``n_alphas`` values, equally spaced
        in the logarithm from the least that gives zero coefficients down to ``eps`` times it.
    n_alphas : int, default=100
    eps : float, default=1e-3
    fit_intercept : bool, default=True
    <shared>
    References
    ----------
    .. [1] J. Friedman, T. Hastie, R. Tibshirani (2010), Regularization paths for generalized
       linear models via coordinate descent, J. Stat. Softw. 33(1).

    Examples
    --------
    >>> from taut.linear_model import enet_path
    >>> path = enet_path([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0], alphas=[0.1], l1_ratio=0.5)
    >>> path.coefs.round(4)
    array([[0.8605]])
    """
    return _path(
        "enet_path",
        "quadratic",
        X,
        y,
        alphas=alphas,
        n_alphas=n_alphas,
        eps=eps,
        l1_ratio=l1_ratio,
        early_stop=early_stop,
        max_active=max_active,
        n_jobs=n_jobs,
        callback=callback,
        fit_intercept=fit_intercept,
        sample_weight=sample_weight,
        offset=offset,
        penalty_factor=penalty_factor,
        lower=lower,
        upper=upper,
        positive=positive,
        standardize=standardize,
        tol=tol,
        max_iter=max_iter,
        solver=solver,
    )


@_documented
@_checked(*_COMMON)
def lasso_path(
    X: MatrixLike,
    y: ArrayLike,
    *,
    alphas: ArrayLike | None = None,
    n_alphas: int = 100,
    eps: float = 1e-3,
    fit_intercept: bool = True,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    penalty_factor: ArrayLike | None = None,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
    positive: bool = False,
    standardize: bool = False,
    tol: float = 1e-6,
    max_iter: int = 1000,
    early_stop: bool = False,
    max_active: int | None = None,
    solver: str = "auto",
    n_jobs: int | None = None,
    callback: Callback | None = None,
) -> PathResult:
    r"""Lasso path of least squares.

    Minimises ``1/(2n) * ||y - X b - c||^2 + alpha * ||b||_1`` for each strength ``alpha``. With
    weights the mean is the weighted one. The intercept ``c`` is never penalised.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Float64 or float32. Fortran-ordered arrays and CSC matrices are read in place,
        memory-mapped ones too; others are copied once.
    y : array-like of shape (n_samples,)
    alphas : array-like of shape (n_alphas,), optional
        Strengths >= 0; sorted, largest first. By default ``n_alphas`` values, equally spaced
        in the logarithm from the least that gives zero coefficients down to ``eps`` times it.
    n_alphas : int, default=100
    eps : float, default=1e-3
    fit_intercept : bool, default=True
    <shared>
    References
    ----------
    .. [1] R. Tibshirani (1996), Regression shrinkage and selection via the lasso, J. R. Stat.
       Soc. B 58, 267-288.

    Examples
    --------
    The slope of least squares is 1 here; the column has variance 2/3, so a strength of 0.1
    shrinks it by 0.15.

    >>> from taut.linear_model import lasso_path
    >>> lasso_path([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0], alphas=[0.1]).coefs.round(2)
    array([[0.85]])
    """
    return _path(
        "lasso_path",
        "quadratic",
        X,
        y,
        alphas=alphas,
        n_alphas=n_alphas,
        eps=eps,
        l1_ratio=1.0,
        early_stop=early_stop,
        max_active=max_active,
        n_jobs=n_jobs,
        callback=callback,
        fit_intercept=fit_intercept,
        sample_weight=sample_weight,
        offset=offset,
        penalty_factor=penalty_factor,
        lower=lower,
        upper=upper,
        positive=positive,
        standardize=standardize,
        tol=tol,
        max_iter=max_iter,
        solver=solver,
    )


@_documented
@_checked(*_COMMON)
def logistic_path(
    X: MatrixLike,
    y: ArrayLike,
    *,
    alphas: ArrayLike | None = None,
    n_alphas: int = 100,
    eps: float | None = None,
    l1_ratio: float = 1.0,
    fit_intercept: bool = True,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    penalty_factor: ArrayLike | None = None,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
    positive: bool = False,
    standardize: bool = False,
    tol: float = 1e-6,
    max_iter: int = 1000,
    early_stop: bool = False,
    max_active: int | None = None,
    solver: str = "auto",
    n_jobs: int | None = None,
    callback: Callback | None = None,
) -> PathResult:
    r"""Path of penalised logistic regression with two classes.

    Minimises ``1/n * sum_i [log(1 + exp(eta_i)) - y_i eta_i] + alpha * (l1_ratio * ||b||_1 +
    (1 - l1_ratio)/2 * ||b||^2)`` with ``eta = X b + c`` for each strength ``alpha``; y_i is 1 for
    the second class in sorted order. The intercept ``c`` is never penalised.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Float64 or float32. Fortran-ordered arrays and CSC matrices are read in place,
        memory-mapped ones too; others are copied once.
    y : array-like of shape (n_samples,)
        Labels of two classes.
    alphas : array-like of shape (n_alphas,), optional
        Strengths >= 0; sorted, largest first. By default ``n_alphas`` values, equally spaced
        in the logarithm from the least that gives zero coefficients down to ``eps`` times it.
    n_alphas : int, default=100
    eps : float, optional
        By default 1e-4 if there are more samples than features, else 1e-2.
    l1_ratio : float, default=1.0
        Between 0 (ridge) and 1 (L1).
    fit_intercept : bool, default=True
    <shared>
    Notes
    -----
    scikit-learn's ``LogisticRegression`` has ``C = 1 / (n_samples * alpha)``.

    References
    ----------
    .. [1] J. Friedman, T. Hastie, R. Tibshirani (2010), Regularization paths for generalized
       linear models via coordinate descent, J. Stat. Softw. 33(1).

    Examples
    --------
    >>> from taut.linear_model import logistic_path
    >>> path = logistic_path([[0.0], [1.0], [2.0], [3.0]], ["no", "no", "yes", "yes"], n_alphas=3)
    >>> path.classes
    array(['no', 'yes'], dtype='<U3')
    >>> round(path.alpha_max, 6)
    0.5
    """
    return _path(
        "logistic_path",
        "logistic",
        X,
        y,
        alphas=alphas,
        n_alphas=n_alphas,
        eps=eps,
        l1_ratio=l1_ratio,
        early_stop=early_stop,
        max_active=max_active,
        n_jobs=n_jobs,
        callback=callback,
        fit_intercept=fit_intercept,
        sample_weight=sample_weight,
        offset=offset,
        penalty_factor=penalty_factor,
        lower=lower,
        upper=upper,
        positive=positive,
        standardize=standardize,
        tol=tol,
        max_iter=max_iter,
        solver=solver,
    )


@_documented
@_checked(*_COMMON)
def multinomial_path(
    X: MatrixLike,
    y: ArrayLike,
    *,
    alphas: ArrayLike | None = None,
    l1_ratio: float = 1.0,
    grouped: bool = False,
    standardize: bool = True,
    n_alphas: int = 100,
    eps: float | None = None,
    fit_intercept: bool = True,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    penalty_factor: ArrayLike | None = None,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
    positive: bool = False,
    tol: float = 1e-7,
    max_iter: int = 1000,
    early_stop: bool = False,
    max_active: int | None = None,
    solver: str = "auto",
    n_jobs: int | None = None,
    callback: Callback | None = None,
) -> PathResult:
    r"""Path of the multinomial Lasso, in the symmetric form and with the conventions of glmnet.

    Minimises ``-1/n * sum_i log P[i, y_i] + alpha * sum_j (l1_ratio * pen(B_j) +
    (1 - l1_ratio)/2 * ||B_j||^2)`` for each strength ``alpha``, where row ``P_i`` is the softmax
    of ``x_i' B + c``, one column of ``B`` per class and none left out, and ``pen(B_j)`` is
    ``||B_j||_1``, or ``||B_j||_2`` if `grouped`: a feature then enters for all classes at once.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Float64 or float32. Fortran-ordered arrays and CSC matrices are read in place,
        memory-mapped ones too; others are copied once.
    y : array-like of shape (n_samples,) or (n_samples, n_classes)
        Labels, or a matrix of counts or proportions per class: its rows are divided by their
        sums, which multiply the sample weights.
    alphas : array-like of shape (n_alphas,), optional
        Strengths >= 0; sorted, largest first. By default ``n_alphas`` values, equally spaced
        in the logarithm from the least that gives zero coefficients down to ``eps`` times it.
    l1_ratio : float, default=1.0
        Between 0 (ridge) and 1 (Lasso).
    grouped : bool, default=False
    standardize : bool, default=True
        See below. True is glmnet's default.
    n_alphas : int, default=100
    eps : float, optional
        By default 1e-4 if there are more samples than features, else 1e-2.
    fit_intercept : bool, default=True
    <shared>
    Notes
    -----
    A constant added to all classes of a row of ``B`` changes no probability. The penalty fixes
    it; intercepts sum to zero.
    Deviation from glmnet: penalty factors are not rescaled to sum to ``n_features``.

    References
    ----------
    .. [1] J. Friedman, T. Hastie, R. Tibshirani (2010), Regularization paths for generalized
       linear models via coordinate descent, J. Stat. Softw. 33(1).
    .. [2] N. Simon, J. Friedman, T. Hastie (2013), A blockwise descent algorithm for
       group-penalized multiresponse and multinomial regression, arXiv:1311.6529.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from taut.linear_model import multinomial_path
    >>> path = multinomial_path(*load_iris(return_X_y=True), alphas=[0.05])
    >>> path.coefs.shape
    (1, 3, 4)
    >>> round(float(path.objective[0]), 5)
    0.55415
    """
    return _path(
        "multinomial_path",
        "multinomial",
        X,
        y,
        alphas=alphas,
        n_alphas=n_alphas,
        eps=eps,
        l1_ratio=l1_ratio,
        grouped=grouped,
        early_stop=early_stop,
        max_active=max_active,
        n_jobs=n_jobs,
        callback=callback,
        fit_intercept=fit_intercept,
        sample_weight=sample_weight,
        offset=offset,
        penalty_factor=penalty_factor,
        lower=lower,
        upper=upper,
        positive=positive,
        standardize=standardize,
        tol=tol,
        max_iter=max_iter,
        solver=solver,
    )


__all__ = [
    "PathResult",
    "enet_path",
    "lasso_path",
    "logistic_path",
    "multinomial_path",
]

# SPDX-License-Identifier: BSD-3-Clause
"""Whole regularisation paths as functions."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from inspect import Parameter, signature
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypedDict

from sklearn.utils._param_validation import Interval, StrOptions, validate_params
from sklearn.utils.validation import check_array

from taut._threads import n_threads
from taut._validation import DESIGN_CHECKS, check_alphas
from taut.datafits import (
    Datafit,
    Huber,
    Logistic,
    Multinomial,
    Poisson,
    Quadratic,
    SqrtQuadratic,
    as_datafit,
)
from taut.linear_model._cells import SOLVERS
from taut.linear_model._grid import glmnet_eps
from taut.linear_model._problem import Callback, Problem, Raw, warn_unless_converged
from taut.linear_model._result import PathResult, path_result
from taut.penalties import (
    L1,
    MCP,
    SCAD,
    ElasticNet,
    Group,
    Penalty,
    SparseGroup,
    as_penalty,
)
from taut.typing import ArrayLike, MatrixLike

if TYPE_CHECKING:
    from typing_extensions import Unpack


class PathOptions(TypedDict, total=False):
    """What every path function takes by name; see :func:`penalized_path`."""

    alphas: ArrayLike | None
    n_alphas: int
    eps: float | None
    fit_intercept: bool
    sample_weight: ArrayLike | None
    offset: ArrayLike | None
    penalty_factor: ArrayLike | None
    lower: ArrayLike | None
    upper: ArrayLike | None
    positive: bool
    standardize: bool
    tol: float
    max_iter: int
    early_stop: bool
    max_active: int | None
    solver: str
    n_jobs: int | None
    callback: Callback | None


_DEFAULTS: PathOptions = {
    "alphas": None,
    "n_alphas": 100,
    "eps": None,
    "fit_intercept": True,
    "sample_weight": None,
    "offset": None,
    "penalty_factor": None,
    "lower": None,
    "upper": None,
    "positive": False,
    "standardize": False,
    "tol": 1e-6,
    "max_iter": 1000,
    "early_stop": False,
    "max_active": None,
    "solver": "auto",
    "n_jobs": None,
    "callback": None,
}

_CONSTRAINTS: dict[str, Any] = {
    "X": ["array-like", "sparse matrix"],
    "y": ["array-like"],
    "alphas": ["array-like", None],
    "n_alphas": [Interval(Integral, 1, None, closed="left")],
    "eps": [Interval(Real, 0, 1, closed="neither"), None],
    "l1_ratio": [Interval(Real, 0, 1, closed="both")],
    "gamma": [Real],
    "grouped": ["boolean"],
    "fit_intercept": ["boolean"],
    "positive": ["boolean"],
    "standardize": ["boolean"],
    "tol": [Interval(Real, 0, None, closed="neither")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "max_active": [Interval(Integral, 1, None, closed="left"), None],
    "early_stop": ["boolean"],
    "solver": [StrOptions(set(SOLVERS))],
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
    solver : {"auto", "gram", "naive", "fista", "ag", "pncg"}, default="auto"
        Keep inner products of the columns, or residuals ("auto" chooses by size), or use a
        first-order method, which needs products with X only: see :func:`taut.prox.minimize`.
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


def path_function(**defaults: Any) -> Callable[[Any], Any]:
    """Give a function the shared options: in its signature, its text and its checks.

    `defaults` replace those of `_DEFAULTS`. Names and ranges are checked before the call.
    """
    shared = {**_DEFAULTS, **defaults}

    def decorate(function: Any) -> Any:
        own = signature(function)
        first = [p for p in own.parameters.values() if p.kind is not Parameter.VAR_KEYWORD]
        rest = [
            Parameter(
                name,
                Parameter.KEYWORD_ONLY,
                default=default,
                annotation=PathOptions.__annotations__[name].__forward_arg__,
            )
            for name, default in shared.items()
        ]
        function.__signature__ = own.replace(parameters=[*first, *rest])
        if function.__doc__:  # absent under python -OO
            function.__doc__ = re.sub(r"\n    <shared>\n+", _SHARED_DOC + "\n", function.__doc__)
        names = [p.name for p in (*first, *rest)]
        rules = {name: _CONSTRAINTS[name] for name in names if name in _CONSTRAINTS}

        @wraps(function)
        def filled(*args: Any, **options: Any) -> Any:
            return function(*args, **{**defaults, **options})

        return validate_params(rules, prefer_skip_nested_validation=True)(filled)

    return decorate


def _path(
    owner: str,
    datafit: Datafit,
    penalty: Penalty,
    X: Any,
    y: Any,
    *,
    several: bool | None = False,
    **given: Unpack[PathOptions],
) -> PathResult:
    problem, raw, _ = solve_path(owner, datafit, penalty, X, y, several=several, **given)
    warn_unless_converged(problem, [raw], stacklevel=6)
    return path_result(problem, raw)


def solve_path(
    owner: str,
    datafit: Datafit,
    penalty: Penalty,
    X: Any,
    y: Any,
    *,
    several: bool | None = False,
    **given: Unpack[PathOptions],
) -> tuple[Problem, Raw, int]:
    """Return the checked problem, what the kernel says of its path, and the number of threads."""
    options: dict[str, Any] = {**_DEFAULTS, **given}
    alphas, eps, most = options.pop("alphas"), options.pop("eps"), options.pop("max_active")
    walk: dict[str, Any] = {
        "n_alphas": int(options.pop("n_alphas")),
        "early_stop": bool(options.pop("early_stop")),
        "max_active": -1 if most is None else int(most),
        "n_threads": n_threads(options.pop("n_jobs")),
        "callback": options.pop("callback"),
    }
    X = check_array(X, input_name="X", **DESIGN_CHECKS)
    problem = Problem.build(owner, datafit, penalty, X, y, several=several, **options)
    if alphas is None:
        problem.require_penalty()
    raw = problem.solve(
        alphas=None if alphas is None else check_alphas(alphas),
        eps=glmnet_eps(*X.shape) if eps is None else float(eps),
        **walk,
    )
    return problem, raw, walk["n_threads"]


@path_function()
def penalized_path(
    X: MatrixLike,
    y: ArrayLike,
    datafit: str | Datafit = "quadratic",
    penalty: str | Penalty = "l1",
    **options: Unpack[PathOptions],
) -> PathResult:
    r"""Path of any datafit with any penalty.

    Minimises ``mean loss(y, X b + c + offset) + penalty(b; alpha)`` for each strength ``alpha``;
    the losses are listed in :mod:`taut.datafits`, the penalties in :mod:`taut.penalties`.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Float64 or float32. Fortran-ordered arrays and CSC matrices are read in place,
        memory-mapped ones too; others are copied once.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    datafit : str or Datafit, default="quadratic"
        A name, or a holder with parameters such as ``Huber(delta=0.5)``.
    penalty : str or Penalty, default="l1"
        A name, or a holder with parameters such as ``MCP(gamma=2.0)``.
    alphas : array-like of shape (n_alphas,), optional
        Strengths >= 0; sorted, largest first. By default ``n_alphas`` values, equally spaced
        in the logarithm from the least that gives zero coefficients down to ``eps`` times it.
    n_alphas : int, default=100
    eps : float, optional
        By default 1e-4 if there are more samples than features, else 1e-2.
    fit_intercept : bool, default=True
    <shared>
    See Also
    --------
    refusal : Which pairs are not solved, and why.

    Examples
    --------
    >>> from taut.linear_model import penalized_path
    >>> from taut.penalties import ElasticNet
    >>> path = penalized_path([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0], penalty=ElasticNet(0.5))
    >>> path
    PathResult(100 alphas from 1.33 to 0.000133, coefs (1, 100), largest duality gap ...)
    """
    chosen = as_datafit(datafit), as_penalty(penalty)
    return _path("penalized_path", *chosen, X, y, several=None, **options)


@path_function(eps=1e-3)
def enet_path(
    X: MatrixLike,
    y: ArrayLike,
    *,
    l1_ratio: float = 0.5,
    **options: Unpack[PathOptions],
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
    return _path("enet_path", Quadratic(), ElasticNet(l1_ratio), X, y, **options)


@path_function(eps=1e-3)
def lasso_path(
    X: MatrixLike,
    y: ArrayLike,
    **options: Unpack[PathOptions],
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
    return _path("lasso_path", Quadratic(), L1(), X, y, **options)


@path_function()
def logistic_path(
    X: MatrixLike,
    y: ArrayLike,
    *,
    l1_ratio: float = 1.0,
    **options: Unpack[PathOptions],
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
    return _path("logistic_path", Logistic(), ElasticNet(l1_ratio), X, y, **options)


@path_function(standardize=True, tol=1e-7)
def multinomial_path(
    X: MatrixLike,
    y: ArrayLike,
    *,
    l1_ratio: float = 1.0,
    grouped: bool = False,
    **options: Unpack[PathOptions],
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
        Multinomial(),
        Group(l1_ratio=l1_ratio) if grouped else ElasticNet(l1_ratio),
        X,
        y,
        **options,
    )


@path_function()
def poisson_path(
    X: MatrixLike,
    y: ArrayLike,
    *,
    l1_ratio: float = 1.0,
    **options: Unpack[PathOptions],
) -> PathResult:
    r"""Path of penalised Poisson regression.

    Minimises ``1/n * sum_i [exp(eta_i) - y_i eta_i] + alpha * (l1_ratio * ||b||_1 +
    (1 - l1_ratio)/2 * ||b||^2)`` with ``eta = X b + c + offset`` for each strength ``alpha``.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Float64 or float32. Fortran-ordered arrays and CSC matrices are read in place,
        memory-mapped ones too; others are copied once.
    y : array-like of shape (n_samples,)
        Values >= 0.
    l1_ratio : float, default=1.0
        Between 0 (ridge) and 1 (L1).
    alphas : array-like of shape (n_alphas,), optional
        Strengths >= 0; sorted, largest first. By default ``n_alphas`` values, equally spaced
        in the logarithm from the least that gives zero coefficients down to ``eps`` times it.
    n_alphas : int, default=100
    eps : float, optional
        By default 1e-4 if there are more samples than features, else 1e-2.
    fit_intercept : bool, default=True
    <shared>
    References
    ----------
    .. [1] J. Friedman, T. Hastie, R. Tibshirani (2010), Regularization paths for generalized
       linear models via coordinate descent, J. Stat. Softw. 33(1).

    Examples
    --------
    >>> from taut.linear_model import poisson_path
    >>> path = poisson_path([[0.0], [1.0], [2.0]], [1, 2, 4], n_alphas=3)
    >>> round(path.alpha_max, 4)
    1.0
    """
    return _path("poisson_path", Poisson(), ElasticNet(l1_ratio), X, y, **options)


@path_function(eps=1e-3)
def huber_lasso_path(
    X: MatrixLike,
    y: ArrayLike,
    *,
    delta: float = 1.35,
    **options: Unpack[PathOptions],
) -> PathResult:
    r"""Path of the Huber Lasso.

    Minimises the objective of :class:`HuberLasso` for each strength ``alpha``.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Float64 or float32. Fortran-ordered arrays and CSC matrices are read in place,
        memory-mapped ones too; others are copied once.
    y : array-like of shape (n_samples,)
    delta : float, default=1.35
        Residuals beyond it count linearly; > 0, in the units of y.
    alphas : array-like of shape (n_alphas,), optional
        Strengths >= 0; sorted, largest first. By default ``n_alphas`` values, equally spaced
        in the logarithm from the least that gives zero coefficients down to ``eps`` times it.
    n_alphas : int, default=100
    eps : float, default=1e-3
    fit_intercept : bool, default=True
    <shared>
    References
    ----------
    .. [1] P. J. Huber (1964), Robust estimation of a location parameter, Ann. Math. Statist. 35,
       73-101.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from taut.linear_model import huber_lasso_path
    >>> X, y = load_diabetes(return_X_y=True)
    >>> huber_lasso_path(X, y, delta=70.0, n_alphas=5).coefs.shape
    (10, 5)
    """
    return _path("huber_lasso_path", Huber(delta), L1(), X, y, **options)


@path_function(eps=1e-2)
def sqrt_lasso_path(
    X: MatrixLike,
    y: ArrayLike,
    *,
    sigma_min: float = 0.0,
    **options: Unpack[PathOptions],
) -> PathResult:
    r"""Path of the square-root (concomitant) Lasso.

    Minimises ``1/(2n sigma) * ||y - X b - c||^2 + sigma/2 + alpha * ||b||_1`` over b, c and
    ``sigma >= sigma_min`` for each strength ``alpha``; without a floor the first two terms are
    ``||y - X b - c|| / sqrt(n)``. ``sigmas`` of the result has the noise levels.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Float64 or float32. Fortran-ordered arrays and CSC matrices are read in place,
        memory-mapped ones too; others are copied once.
    y : array-like of shape (n_samples,)
    sigma_min : float, default=0.0
        Floor under the noise level.
    alphas : array-like of shape (n_alphas,), optional
        Strengths >= 0; sorted, largest first. By default ``n_alphas`` values, equally spaced
        in the logarithm from the least that gives zero coefficients down to ``eps`` times it.
    n_alphas : int, default=100
    eps : float, default=1e-2
    fit_intercept : bool, default=True
    <shared>
    References
    ----------
    .. [1] A. Belloni, V. Chernozhukov, L. Wang (2011), Square-root lasso: pivotal recovery of
       sparse signals via conic programming, Biometrika 98, 791-806.
    .. [2] E. Ndiaye, O. Fercoq, A. Gramfort, V. Leclere, J. Salmon (2017), Efficient smoothed
       concomitant lasso estimation for high dimensional regression, J. Phys. Conf. Ser. 904.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from taut.linear_model import sqrt_lasso_path
    >>> path = sqrt_lasso_path(*load_diabetes(return_X_y=True), n_alphas=5)
    >>> bool((path.sigmas[1:] < path.sigmas[:-1]).all())
    True
    """
    return _path("sqrt_lasso_path", SqrtQuadratic(sigma_min), L1(), X, y, **options)


@path_function(eps=1e-3)
def multitask_lasso_path(
    X: MatrixLike,
    y: ArrayLike,
    *,
    l1_ratio: float = 1.0,
    **options: Unpack[PathOptions],
) -> PathResult:
    r"""Path of the multitask Lasso: features shared by several responses.

    Minimises ``1/(2n) * ||Y - X B - c||^2 + alpha * sum_j (l1_ratio * ||B_j|| + (1 - l1_ratio)/2
    * ||B_j||^2)`` for each strength ``alpha``; row ``B_j`` holds feature j's coefficients in all
    tasks.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Float64 or float32. Fortran-ordered arrays and CSC matrices are read in place,
        memory-mapped ones too; others are copied once.
    y : array-like of shape (n_samples, n_tasks)
    l1_ratio : float, default=1.0
        Between 0 (ridge) and 1 (norms of rows).
    alphas : array-like of shape (n_alphas,), optional
        Strengths >= 0; sorted, largest first. By default ``n_alphas`` values, equally spaced
        in the logarithm from the least that gives zero coefficients down to ``eps`` times it.
    n_alphas : int, default=100
    eps : float, default=1e-3
    fit_intercept : bool, default=True
    <shared>
    References
    ----------
    .. [1] G. Obozinski, B. Taskar, M. I. Jordan (2010), Joint covariate selection and joint
       subspace selection for multiple classification problems, Stat. Comput. 20, 231-252.

    Examples
    --------
    >>> from sklearn.datasets import load_linnerud
    >>> from taut.linear_model import multitask_lasso_path
    >>> multitask_lasso_path(*load_linnerud(return_X_y=True), n_alphas=5).coefs.shape
    (5, 3, 3)
    """
    return _path(
        "multitask_lasso_path", Quadratic(), Group(l1_ratio=l1_ratio), X, y, several=True, **options
    )


@path_function(eps=1e-3)
def group_lasso_path(
    X: MatrixLike,
    y: ArrayLike,
    *,
    groups: Any,
    **options: Unpack[PathOptions],
) -> PathResult:
    r"""Path of the group Lasso of least squares.

    Minimises ``1/(2n) * ||y - X b - c||^2 + alpha * sum_g w_g ||b_g||`` for each strength
    ``alpha``.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Float64 or float32. Fortran-ordered arrays and CSC matrices are read in place,
        memory-mapped ones too; others are copied once.
    y : array-like of shape (n_samples,)
    groups : array-like of shape (n_features,) or list of lists of int
        A label for each feature, or the features of each group. ``penalty_factor`` then has one
        value per group, by default the root of its size.
    alphas : array-like of shape (n_alphas,), optional
        Strengths >= 0; sorted, largest first. By default ``n_alphas`` values, equally spaced
        in the logarithm from the least that gives zero coefficients down to ``eps`` times it.
    n_alphas : int, default=100
    eps : float, default=1e-3
    fit_intercept : bool, default=True
    <shared>
    References
    ----------
    .. [1] M. Yuan, Y. Lin (2006), Model selection and estimation in regression with grouped
       variables, J. R. Stat. Soc. B 68, 49-67.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from taut.linear_model import group_lasso_path
    >>> path = group_lasso_path(*load_diabetes(return_X_y=True), groups=[0] * 4 + [1] * 6)
    >>> sorted(set(path.n_active.tolist())) in ([0, 4, 10], [0, 6, 10], [0, 10])
    True
    """
    return _path("group_lasso_path", Quadratic(), Group(groups), X, y, **options)


@path_function(eps=1e-3)
def sparse_group_lasso_path(
    X: MatrixLike,
    y: ArrayLike,
    *,
    groups: Any,
    l1_ratio: float = 0.5,
    **options: Unpack[PathOptions],
) -> PathResult:
    r"""Path of the sparse group Lasso of least squares.

    Minimises ``1/(2n) * ||y - X b - c||^2 + alpha * (l1_ratio * ||b||_1 + (1 - l1_ratio) *
    sum_g w_g ||b_g||)`` for each strength ``alpha``.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Float64 or float32. Fortran-ordered arrays and CSC matrices are read in place,
        memory-mapped ones too; others are copied once.
    y : array-like of shape (n_samples,)
    groups : array-like of shape (n_features,) or list of lists of int
        A label for each feature, or the features of each group. ``penalty_factor`` then has one
        value per group, by default the root of its size.
    l1_ratio : float, default=0.5
        Between 0 (group Lasso) and 1 (Lasso).
    alphas : array-like of shape (n_alphas,), optional
        Strengths >= 0; sorted, largest first. By default ``n_alphas`` values, equally spaced
        in the logarithm from the least that gives zero coefficients down to ``eps`` times it.
    n_alphas : int, default=100
    eps : float, default=1e-3
    fit_intercept : bool, default=True
    <shared>
    References
    ----------
    .. [1] N. Simon, J. Friedman, T. Hastie, R. Tibshirani (2013), A sparse-group lasso, J. Comput.
       Graph. Statist. 22, 231-245.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from taut.linear_model import sparse_group_lasso_path
    >>> X, y = load_diabetes(return_X_y=True)
    >>> path = sparse_group_lasso_path(X, y, groups=[0] * 4 + [1] * 6, n_alphas=10)
    >>> path.coefs.shape
    (10, 10)
    """
    return _path(
        "sparse_group_lasso_path", Quadratic(), SparseGroup(groups, l1_ratio), X, y, **options
    )


@path_function(eps=1e-2)
def mcp_path(
    X: MatrixLike,
    y: ArrayLike,
    *,
    gamma: float = 3.0,
    **options: Unpack[PathOptions],
) -> PathResult:
    r"""Path of least squares with the minimax concave penalty.

    Minimises the objective of :class:`MCPRegression` for each strength ``alpha``, each from the
    solution of the one before.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Float64 or float32. Fortran-ordered arrays and CSC matrices are read in place,
        memory-mapped ones too; others are copied once.
    y : array-like of shape (n_samples,)
    gamma : float, default=3.0
        Concavity, > 1.
    alphas : array-like of shape (n_alphas,), optional
        Strengths >= 0; sorted, largest first. By default ``n_alphas`` values, equally spaced
        in the logarithm from the least that gives zero coefficients down to ``eps`` times it.
    n_alphas : int, default=100
    eps : float, default=1e-2
    fit_intercept : bool, default=True
    <shared>
    References
    ----------
    .. [1] C.-H. Zhang (2010), Nearly unbiased variable selection under minimax concave penalty,
       Ann. Statist. 38, 894-942.

    Examples
    --------
    >>> from taut.linear_model import mcp_path
    >>> mcp_path([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0], alphas=[0.1]).coefs.round(2)
    array([[1.]])
    """
    return _path("mcp_path", Quadratic(), MCP(gamma), X, y, **options)


@path_function(eps=1e-2)
def scad_path(
    X: MatrixLike,
    y: ArrayLike,
    *,
    gamma: float = 3.7,
    **options: Unpack[PathOptions],
) -> PathResult:
    r"""Path of least squares with the SCAD penalty.

    Minimises the objective of :class:`SCADRegression` for each strength ``alpha``, each from the
    solution of the one before.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Float64 or float32. Fortran-ordered arrays and CSC matrices are read in place,
        memory-mapped ones too; others are copied once.
    y : array-like of shape (n_samples,)
    gamma : float, default=3.7
        Concavity, > 2.
    alphas : array-like of shape (n_alphas,), optional
        Strengths >= 0; sorted, largest first. By default ``n_alphas`` values, equally spaced
        in the logarithm from the least that gives zero coefficients down to ``eps`` times it.
    n_alphas : int, default=100
    eps : float, default=1e-2
    fit_intercept : bool, default=True
    <shared>
    References
    ----------
    .. [1] J. Fan, R. Li (2001), Variable selection via nonconcave penalized likelihood and its
       oracle properties, J. Amer. Statist. Assoc. 96, 1348-1360.

    Examples
    --------
    >>> from taut.linear_model import scad_path
    >>> scad_path([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0], alphas=[0.1]).coefs.round(2)
    array([[1.]])
    """
    return _path("scad_path", Quadratic(), SCAD(gamma), X, y, **options)


__all__ = [
    "PathOptions",
    "enet_path",
    "group_lasso_path",
    "huber_lasso_path",
    "lasso_path",
    "logistic_path",
    "mcp_path",
    "multinomial_path",
    "multitask_lasso_path",
    "path_function",
    "penalized_path",
    "poisson_path",
    "scad_path",
    "solve_path",
    "sparse_group_lasso_path",
    "sqrt_lasso_path",
]

# SPDX-License-Identifier: BSD-3-Clause
"""Fits without penalty on the features that a penalised fit has chosen, and mixtures of the two."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval

from taut import _core
from taut._validation import Float64, kernel_design
from taut.datafits import Datafit, as_datafit
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
from taut.linear_model._problem import Problem, Raw, warn_unless_converged
from taut.linear_model._result import PathResult, path_result
from taut.linear_model.lasso import RegressionCV
from taut.linear_model.path import PathOptions, path_function, solve_path
from taut.penalties import Penalty, as_penalty
from taut.typing import ArrayLike, MatrixLike

if TYPE_CHECKING:
    from typing_extensions import Unpack

#: Mixtures that glmnet tries by default.
GAMMAS = (0.0, 0.25, 0.5, 0.75, 1.0)

#: A refit is cheap; its certificate should not be what limits a mixture.
_REFIT_TOL = 1e-10

_SHARE = Interval(Real, 0, 1, closed="both")


def refit(problem: Problem, support: NDArray[np.intp], weight: Float64 | None, workers: int) -> Raw:
    """Fit the datafit without penalty to the columns in `support`, within the problem's bounds."""
    X = problem.X[:, support]
    rest: dict[str, Any] = {
        name: None if (b := problem.options.get(name)) is None else b[support]
        for name in ("lower", "upper")
    }
    rest |= {k: problem.kernel[k] for k in ("delta", "sigma_min") if k in problem.kernel}
    raw: Raw = _core.fit_path(
        kernel_design(sp.csc_array(X) if sp.issparse(X) else X),
        problem.y,
        problem.datafit.name,
        penalty="elastic_net",
        l1_ratio=1.0,
        alphas=np.zeros(1),
        sample_weight=problem.sample_weight if weight is None else weight,
        offset=problem.offset,
        fit_intercept=problem.options["fit_intercept"],
        tol=min(problem.options["tol"], _REFIT_TOL),
        max_iter=problem.options["max_iter"],
        n_threads=workers,
        **rest,
    )
    return raw


def relax(problem: Problem, raw: Raw, weight: Float64 | None, workers: int) -> tuple[Raw, Raw]:
    """Return a path and its unpenalised refits, both up to where supports get too large.

    That is, as in R's glmnet, at more than n - 3 features for n rows of positive weight.
    """
    rows = problem.weights() if weight is None else weight
    most = int(np.count_nonzero(rows)) - 3
    used = raw["coefs"].any(axis=1)  # (k, p)
    too_many = np.flatnonzero(used.sum(axis=1) > max(most, 0))
    steps = int(too_many[0]) if too_many.size else len(used)
    steps = max(steps, 1)
    path = {k: v[:steps] if k in _PER_ALPHA else v for k, v in raw.items()}
    coefs, intercepts = np.zeros_like(path["coefs"]), np.empty_like(path["intercepts"])
    gaps, converged = np.empty(steps), np.empty(steps, dtype=bool)
    last: tuple[bytes, Raw] | None = None
    for k in range(steps):
        key = used[k].tobytes()
        support = np.flatnonzero(used[k])
        if support.size == 0 or (too_many.size and k == too_many[0]):
            coefs[k], intercepts[k] = path["coefs"][k], path["intercepts"][k]
            gaps[k], converged[k] = path["dual_gaps"][k], path["converged"][k]
            continue
        if last is None or last[0] != key:
            last = key, refit(problem, support, weight, workers)
        one = last[1]
        coefs[k][:, support], intercepts[k] = one["coefs"][0], one["intercepts"][0]
        gaps[k], converged[k] = one["dual_gaps"][0], one["converged"][0]
    return path, {
        **path,
        "coefs": coefs,
        "intercepts": intercepts,
        "dual_gaps": gaps,
        "converged": converged,
    }


def mix(path: Raw, refitted: Raw, gamma: float) -> Raw:
    """Return ``gamma`` times a path plus ``1 - gamma`` times its refits."""
    return {
        **path,
        "coefs": gamma * path["coefs"] + (1.0 - gamma) * refitted["coefs"],
        "intercepts": gamma * path["intercepts"] + (1.0 - gamma) * refitted["intercepts"],
        "converged": path["converged"] & refitted["converged"],
        "refit_gaps": refitted["dual_gaps"],
    }


_PER_ALPHA = {
    "alphas",
    "coefs",
    "intercepts",
    "dual_gaps",
    "stop_crits",
    "sigmas",
    "n_iter",
    "converged",
    "objective",
    "dev_ratio",
    "n_active",
}


@path_function()
def relaxed_path(
    X: MatrixLike,
    y: ArrayLike,
    datafit: str | Datafit = "quadratic",
    penalty: str | Penalty = "l1",
    *,
    gamma: float = 0.0,
    **options: Unpack[PathOptions],
) -> PathResult:
    r"""Path of mixtures of a penalised fit and the fit without penalty to its features.

    ``coefs = gamma * penalised + (1 - gamma) * refitted`` at each strength, intercepts too. With
    ``gamma=0`` this is least squares (or the unpenalised model of the datafit) after selection.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    datafit : str or Datafit, default="quadratic"
    penalty : str or Penalty, default="l1"
        What selects the features.
    gamma : float, default=0.0
        Share of the penalised fit, in [0, 1].
    alphas : array-like of shape (n_alphas,), optional
        Strengths >= 0; sorted, largest first. By default ``n_alphas`` values, equally spaced
        in the logarithm from the least that gives zero coefficients down to ``eps`` times it.
    n_alphas : int, default=100
    eps : float, optional
        By default 1e-4 if there are more samples than features, else 1e-2.
    fit_intercept : bool, default=True
    <shared>
    Notes
    -----
    As in R's ``glmnet(relax = TRUE)`` the path ends before more than ``n_samples - 3`` features
    are active. ``objective``, ``dual_gaps`` and ``dev_ratio`` are those of the penalised fit.

    References
    ----------
    .. [1] N. Meinshausen (2007), Relaxed Lasso, Comput. Stat. Data Anal. 52, 374-393.
    .. [2] T. Hastie, R. Tibshirani, R. J. Tibshirani (2020), Best subset, forward stepwise or
       lasso? Analysis and recommendations based on extensive comparisons, Stat. Sci. 35, 579-592.

    Examples
    --------
    The slope of least squares is 1, whatever the strength:

    >>> from taut.linear_model import relaxed_path
    >>> relaxed_path([[0.0], [1.0], [2.0], [3.0], [4.0]], [0, 1, 2, 3, 4], alphas=[0.1]).coefs
    array([[1.]])
    """
    chosen = as_datafit(datafit), as_penalty(penalty)
    problem, raw, workers = solve_path("relaxed_path", *chosen, X, y, several=None, **options)
    path, refitted = relax(problem, raw, None, workers)
    mixed = mix(path, refitted, float(gamma))
    warn_unless_converged(problem, [path, refitted], stacklevel=5)
    return path_result(problem, mixed)


@dataclass(eq=False, repr=False)
class RelaxedLasso(SingleFit, LinearRegressor, Bounded, SingleParameters):
    r"""Mixture of the Lasso and least squares on the features that it selects.

    ``coef_ = gamma * lasso + (1 - gamma) * least_squares``, the intercept too. With ``gamma=0``
    it is least squares after selection: no shrinkage.

    Parameters
    ----------
    alpha : float, default=1.0
        Penalty strength >= 0 of the Lasso.
    gamma : float, default=0.0
        Share of the Lasso, in [0, 1].
    fit_intercept, positive, lower, upper, penalty_factor, standardize
        See :class:`Lasso`. Bounds hold in both fits.
    tol, max_iter, warm_start, n_jobs, solver
        See :class:`Lasso`.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
    intercept_ : float
    dual_gap_ : float
        Of the Lasso.
    refit_gap_ : float
        Of least squares, in the same units.
    n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`Lasso`.

    Notes
    -----
    If the Lasso keeps more than ``n_samples - 3`` features there is nothing to refit; the result
    is the Lasso then.

    References
    ----------
    .. [1] N. Meinshausen (2007), Relaxed Lasso, Comput. Stat. Data Anal. 52, 374-393.

    Examples
    --------
    >>> from taut.linear_model import RelaxedLasso
    >>> X, y = [[0.0], [1.0], [2.0], [3.0], [4.0]], [0.0, 1.0, 2.0, 3.0, 4.0]
    >>> RelaxedLasso(alpha=0.1).fit(X, y).coef_, RelaxedLasso(0.1, gamma=1.0).fit(X, y).coef_
    (array([1.]), array([0.95]))
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **STRENGTH,
        "gamma": [_SHARE],
        **PROBLEM,
        **WARM_START,
    }

    gamma: float = field(default=0.0, kw_only=True)

    def _solve(self, problem: Problem, **settings: Any) -> Raw:
        raw = problem.solve(**settings)
        return mix(
            *relax(problem, raw, settings.get("sample_weight"), settings["n_threads"]), self.gamma
        )

    def _store(self, problem: Problem, raw: Raw, at: int) -> None:
        super()._store(problem, raw, at)
        self.refit_gap_ = float(raw["refit_gaps"][at])


@dataclass(eq=False, repr=False)
class RelaxedLassoCV(RegressionCV, Bounded, CVParameters):
    r"""Relaxed Lasso whose strength and mixture are chosen by cross-validation.

    Follows the Lasso along a path of strengths, on all rows and with each fold left out, refits
    each selection by least squares, and takes the strength and the mixture of least mean squared
    error on the rows left out. It is R's ``cv.glmnet(relax = TRUE)``.

    Parameters
    ----------
    gamma : float or array-like of float, default=(0.0, 0.25, 0.5, 0.75, 1.0)
        Shares of the Lasso to try, in [0, 1].
    rule : {"min", "1se"}, default="min"
        "1se" takes the strongest penalty within one standard error, at the mixture of the least
        error.
    alphas, eps, cv, n_jobs, random_state, progress
        See :class:`LassoCV`.
    fit_intercept, positive, lower, upper, penalty_factor, standardize, tol, max_iter, solver
        See :class:`RelaxedLasso`.

    Attributes
    ----------
    gamma_ : float
        The chosen share of the Lasso; all other attributes belong to it.
    alpha_, alpha_min_, alpha_1se_, alphas_, cv_mean_, cv_se_, mse_path_, loss_path_, path_
        See :class:`LassoCV`.
    coefs_path_, intercepts_path_, dual_gaps_, selection_frequency_
        See :class:`LassoCV`.
    coef_, intercept_, dual_gap_, refit_gap_, n_iter_, alpha_max_
        See :class:`RelaxedLasso`.
    n_features_in_, feature_names_in_
        See :class:`Lasso`.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from taut.linear_model import RelaxedLassoCV
    >>> model = RelaxedLassoCV(alphas=50, standardize=True).fit(*load_diabetes(return_X_y=True))
    >>> model.gamma_ in (0.0, 0.25, 0.5, 0.75, 1.0)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CV,
        "gamma": [_SHARE, "array-like"],
        **PROBLEM,
    }
    _default_eps: ClassVar[float | None] = 1e-3

    gamma: float | ArrayLike = field(default=GAMMAS, kw_only=True)

    def _blends(self) -> list[dict[str, Any]]:
        return [{"gamma": gamma} for gamma in check_shares("gamma", self.gamma)]

    def _blend(
        self, problem: Problem, raw: Raw, weight: Float64 | None, blends: list[dict[str, Any]]
    ) -> list[Raw]:
        path, refitted = relax(problem, raw, weight, 1)
        return [mix(path, refitted, blend["gamma"]) for blend in blends]

    def _store(self, problem: Problem, raw: Raw, at: int) -> None:
        super()._store(problem, raw, at)
        self.refit_gap_ = float(raw["refit_gaps"][at])


def check_shares(name: str, values: Any) -> list[float]:
    """Return mixtures as a list.

    Raises
    ------
    ValueError
        If there is none, or one is outside [0, 1].
    """
    shares = np.atleast_1d(np.asarray(values, dtype=np.float64)).ravel()
    if shares.size == 0 or not np.all((shares >= 0) & (shares <= 1)):
        raise ValueError(f"{name} must lie in [0, 1], got {values}.")
    return [float(share) for share in shares]


__all__ = [
    "GAMMAS",
    "RelaxedLasso",
    "RelaxedLassoCV",
    "check_shares",
    "mix",
    "refit",
    "relax",
    "relaxed_path",
]

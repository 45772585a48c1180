# SPDX-License-Identifier: BSD-3-Clause
"""Lasso with weights from a first fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from sklearn.utils._param_validation import Interval, StrOptions

from taut._validation import Float64
from taut.linear_model._base import LinearRegressor, PenalizedModel, SingleFit
from taut.linear_model._parameters import (
    CV,
    PROBLEM,
    STRENGTH,
    WARM_START,
    Bounded,
    CVParameters,
    SingleParameters,
)
from taut.linear_model._problem import Problem, Raw
from taut.linear_model.lasso import RegressionCV
from taut.penalties import ElasticNet

_ADAPTIVE: dict[str, list[Any]] = {
    "initial": [StrOptions({"lasso", "ridge"})],
    "alpha_initial": [Interval(Real, 0, None, closed="left"), None],
    "nu": [Interval(Real, 0, None, closed="neither")],
    "eps_weight": [Interval(Real, 0, None, closed="left")],
    "n_rounds": [Interval(Integral, 1, None, closed="left")],
}

#: Ridge strength of a first fit, relative to the mean square of the centred columns.
_LIGHT_RIDGE = 1e-3


#: Columns are centred in blocks of about this many numbers.
_BLOCK = 1_000_000


class _Adaptive(PenalizedModel):
    """A kernel call for the weights, then one or more with them; on the rows it is given."""

    initial: str
    alpha_initial: float | None
    nu: float
    eps_weight: float
    n_rounds: int
    alpha_initial_: float
    factors_: Float64

    def _solve(self, problem: Problem, **settings: Any) -> Raw:
        weight = settings.get("sample_weight")
        scale = _scale(problem, weight)
        first, alpha_initial = self._first_fit(problem, weight, settings["n_threads"])
        factors = self._factors(problem, first * scale)
        raw = problem.with_penalty(problem.penalty, factors).solve(**settings)
        raw["factors"] = np.broadcast_to(factors, (len(raw["alphas"]), factors.size))
        for _ in range(1, self.n_rounds):
            self._again(problem, raw, scale, settings)
        raw["alpha_initial"] = alpha_initial
        return raw

    def _again(self, problem: Problem, raw: Raw, scale: Float64, settings: dict[str, Any]) -> None:
        """Replace every point of a path by the solution with the weights of that point."""
        own = {k: settings.get(k) for k in ("sample_weight", "n_threads", "callback")}
        before, raw["factors"] = raw["coefs"].copy(), raw["factors"].copy()
        for k, alpha in enumerate(raw["alphas"]):
            factors = self._factors(problem, before[k, 0] * scale)
            one = problem.with_penalty(problem.penalty, factors).solve(
                alphas=np.array([alpha]),
                coef_init=before[k],
                intercept_init=raw["intercepts"][k],
                **own,
            )
            raw["factors"][k] = factors
            for key in _PER_ALPHA & raw.keys():
                raw[key][k] = one[key][0]

    def _alpha_max(self, problem: Problem, workers: int) -> float:
        first, _ = self._first_fit(problem, None, workers)
        factors = self._factors(problem, first * _scale(problem, None))
        return problem.with_penalty(problem.penalty, factors).alpha_max(workers)

    def _first_fit(
        self, problem: Problem, weight: Float64 | None, workers: int
    ) -> tuple[Float64, float]:
        """Return coefficients and the strength they were fitted at."""
        given = self.alpha_initial
        ridge = self.initial == "ridge"
        if ridge:
            problem = problem.with_penalty(ElasticNet(l1_ratio=0.0))
            if given is None:
                given = _LIGHT_RIDGE
                if not problem.options["standardize"]:
                    given *= float(np.mean(_deviation(problem, weight) ** 2))
        alphas = None if given is None else np.array([given], dtype=np.float64)
        raw = problem.solve(
            alphas=alphas, sample_weight=weight, n_threads=workers, early_stop=given is None
        )
        at = 0
        if given is None:
            # Bayes' criterion; past n/2 features it falls without end as the fit interpolates.
            s = problem.weights() if weight is None else weight
            n = int(np.count_nonzero(s))
            loss = np.maximum(1.0 - raw["dev_ratio"], np.finfo(float).eps)
            bic = n * np.log(loss) + np.log(n) * raw["n_active"]
            at = int(np.argmin(np.where(2 * raw["n_active"] <= n, bic, np.inf)))
        return raw["coefs"][at, 0], float(raw["alphas"][at])

    def _factors(self, problem: Problem, coef: Float64) -> Float64:
        size = np.abs(coef)
        with np.errstate(divide="ignore"):
            factors = 1.0 / (size + self.eps_weight * size.max(initial=0.0)) ** self.nu
        own = problem.kernel["penalty_factor"]
        if own is None:
            return factors
        return np.where(own == 0, 0.0, factors * np.where(own == 0, 1.0, own))

    def _store(self, problem: Problem, raw: Raw, at: int) -> None:
        super()._store(problem, raw, at)
        self.factors_ = np.array(raw["factors"][at])
        self.alpha_initial_ = raw["alpha_initial"]


#: Entries of a path that have one value per strength and belong to the last round.
_PER_ALPHA = {
    "coefs",
    "intercepts",
    "dual_gaps",
    "stop_crits",
    "n_iter",
    "converged",
    "objective",
    "dev_ratio",
    "n_active",
}


def _scale(problem: Problem, weight: Float64 | None) -> Any:
    """Units in which coefficients are penalised."""
    return _deviation(problem, weight) if problem.options["standardize"] else 1.0


def _deviation(problem: Problem, weight: Float64 | None) -> Float64:
    """Weighted 1/n standard deviations of the columns, root mean squares without intercept."""
    s = problem.weights() if weight is None else weight
    s = s / s.sum()
    X = problem.X
    mean = np.asarray(s @ X, dtype=np.float64).ravel()
    if not (problem.options["fit_intercept"] or problem.options["standardize"]):
        mean = np.zeros_like(mean)
    if not sp.issparse(X):
        step = max(1, _BLOCK // X.shape[0])
        blocks = [slice(j, j + step) for j in range(0, X.shape[1], step)]
        return np.sqrt(np.concatenate([s @ (X[:, b] - mean[b]) ** 2 for b in blocks]))
    column = np.repeat(np.arange(X.shape[1]), np.diff(X.indptr))
    stored = np.bincount(column, weights=s[X.indices], minlength=X.shape[1])
    away = s[X.indices] * (X.data - mean[column]) ** 2
    variance = np.bincount(column, weights=away, minlength=X.shape[1])
    return np.sqrt(variance + np.maximum(1.0 - stored, 0.0) * mean**2)


@dataclass(eq=False, repr=False)
class AdaptiveLasso(_Adaptive, SingleFit, LinearRegressor, Bounded, SingleParameters):
    r"""Lasso whose penalty is light on features that a first fit found large.

    Minimises ``1/(2n) * ||y - X b - c||^2 + alpha * sum_j w_j |b_j|`` with ``w_j = 1 / (|a_j| +
    eps_weight * max_k |a_k|)^nu`` from the coefficients ``a`` of a first fit, and then again with
    weights from its own solution, ``n_rounds`` times in all.

    Parameters
    ----------
    alpha : float, default=1.0
        Penalty strength >= 0; with ``nu=1`` in the units of ``y**2``.
    initial : {"lasso", "ridge"}, default="lasso"
        The first fit.
    alpha_initial : float, optional
        Its strength. By default the Lasso's is chosen by BIC along its path (among at most n/2
        features), and ridge is light: 1e-3 times the mean square of the centred columns.
    nu : float, default=1.0
        Power of the weights, > 0.
    eps_weight : float, default=1e-3
        Keeps weights finite, as a share of the largest coefficient, >= 0. With 0 a feature that
        the first fit left out stays out.
    n_rounds : int, default=1
        Weighted fits. The first is the adaptive Lasso of [1]_, more are iterated reweighting [2]_.
    penalty_factor : array-like of shape (n_features,), optional
        Multiplies the weights: 0 leaves a feature unpenalised, ``inf`` keeps it out.
    fit_intercept, positive, lower, upper, standardize
        See :class:`Lasso`. Standardised columns are weighted by standardised coefficients.
    tol, max_iter, warm_start, n_jobs, solver
        See :class:`Lasso`.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
    intercept_ : float
    factors_ : ndarray of shape (n_features,)
        Weights of the last round; ``inf`` keeps a feature out.
    alpha_initial_ : float
        Strength of the first fit.
    dual_gap_, n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`Lasso`; they belong to the last round.

    References
    ----------
    .. [1] H. Zou (2006), The adaptive lasso and its oracle properties, J. Amer. Statist. Assoc.
       101, 1418-1429.
    .. [2] E. J. Candès, M. B. Wakin, S. P. Boyd (2008), Enhancing sparsity by reweighted l1
       minimization, J. Fourier Anal. Appl. 14, 877-905.

    Examples
    --------
    >>> from taut.linear_model import AdaptiveLasso
    >>> X, y = [[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0]
    >>> AdaptiveLasso(alpha=0.1, initial="ridge", alpha_initial=0.0).fit(X, y).coef_.round(2)
    array([0.85])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **STRENGTH,
        **_ADAPTIVE,
        **PROBLEM,
        **WARM_START,
    }

    initial: str = field(default="lasso", kw_only=True)
    alpha_initial: float | None = field(default=None, kw_only=True)
    nu: float = field(default=1.0, kw_only=True)
    eps_weight: float = field(default=1e-3, kw_only=True)
    n_rounds: int = field(default=1, kw_only=True)


@dataclass(eq=False, repr=False)
class AdaptiveLassoCV(_Adaptive, RegressionCV, Bounded, CVParameters):
    r"""Adaptive Lasso whose strength is chosen by cross-validation.

    Follows :class:`AdaptiveLasso` along a path of strengths, on all rows and with each fold left
    out, and takes the strength of least mean squared error on the rows left out, or the strongest
    within one standard error of it. Every fold makes its own first fit, without the rows left
    out: weights from all rows would have seen them, and the error would be too small.

    Parameters
    ----------
    initial, alpha_initial, nu, eps_weight, n_rounds
        See :class:`AdaptiveLasso`.
    alphas, eps, cv, rule, n_jobs, random_state, progress
        See :class:`LassoCV`.
    fit_intercept, positive, lower, upper, penalty_factor, standardize, tol, max_iter, solver
        See :class:`AdaptiveLasso`.

    Attributes
    ----------
    alpha_, alpha_min_, alpha_1se_, alphas_, cv_mean_, cv_se_, mse_path_, loss_path_, path_
        See :class:`LassoCV`.
    coefs_path_, intercepts_path_, dual_gaps_, selection_frequency_
        See :class:`LassoCV`.
    coef_, intercept_, factors_, alpha_initial_, dual_gap_, n_iter_, alpha_max_
        See :class:`AdaptiveLasso`.
    n_features_in_, feature_names_in_
        See :class:`Lasso`.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from taut.linear_model import AdaptiveLassoCV
    >>> model = AdaptiveLassoCV(rule="1se", standardize=True).fit(*load_diabetes(return_X_y=True))
    >>> int((model.coef_ != 0).sum()) <= 6
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {**CV, **_ADAPTIVE, **PROBLEM}
    _default_eps: ClassVar[float | None] = 1e-3

    initial: str = field(default="lasso", kw_only=True)
    alpha_initial: float | None = field(default=None, kw_only=True)
    nu: float = field(default=1.0, kw_only=True)
    eps_weight: float = field(default=1e-3, kw_only=True)
    n_rounds: int = field(default=1, kw_only=True)


__all__ = ["AdaptiveLasso", "AdaptiveLassoCV"]

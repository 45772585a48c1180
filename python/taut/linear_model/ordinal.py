# SPDX-License-Identifier: BSD-3-Clause
"""Ordered classes: slopes that shrink towards those of the boundary before (PRESTO)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils._param_validation import StrOptions

from taut import penalties
from taut._validation import (
    Float64,
    kernel_design,
)
from taut.linear_model._base import PenalizedModel, SingleFit
from taut.linear_model._cumulative import (
    CumulativeLogit,
    class_probabilities,
    log_class_probabilities,
    ordered,
    thresholds,
)
from taut.linear_model._cv import CrossValidatedPath
from taut.linear_model._parameters import CV, L1_RATIO, L1_RATIOS, SOLVE, STRENGTH, WARM_START
from taut.linear_model._problem import Problem, Raw, product
from taut.penalties import Penalty
from taut.typing import ArrayLike, FloatArray, MatrixLike, RandomState

_SHARED: dict[str, list[Any]] = {
    **{key: SOLVE[key] for key in ("penalty_factor", "standardize", "tol", "max_iter", "n_jobs")},
    "penalize_base": ["boolean"],
    "categories": ["array-like", None],
    "monotone": [StrOptions({"observed", "train"})],
}

#: Weights of the barrier between classes of a training row, each fit starting from the last one.
#: Below the last, certificates drown in the rounding of residuals that grow as its inverse.
_BARRIER = 10.0 ** -np.arange(2, 7)


class _OrderedClasses(ClassifierMixin, PenalizedModel):
    """Reads ordered classes, adds up increments, predicts."""

    _datafit_type = CumulativeLogit
    _penalty_type = penalties.ElasticNet
    fit_intercept: ClassVar[bool] = True  # type: ignore[misc]
    solver: ClassVar[str] = "auto"  # type: ignore[misc]

    l1_ratio: Any
    penalize_base: bool
    categories: Any
    monotone: str

    classes_: NDArray[Any]
    increments_: NDArray[Any]
    intercept_: NDArray[Any]
    crossing_rate_: float

    def _problem(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        offset: ArrayLike | None = None,
        penalty: Penalty | None = None,
        **replaced: Any,
    ) -> Problem:
        problem = super()._problem(X, y, sample_weight, offset, penalty, **replaced)
        target = problem.target
        assert target is not None  # the datafit is one of classes
        target = ordered(target, y, self.categories, type(self).__name__)
        m = len(target.classes) - 1
        # Rows of a class without weight have code -1 and count as the first: they do not matter.
        below = np.ascontiguousarray(target.codes[:, None] <= np.arange(m), dtype=np.float64)
        options = dict(problem.options)
        if not self.penalize_base:
            options["output_factor"] = np.r_[0.0, np.ones(m - 1)]
        return replace(problem, y=below, target=target, options=options)

    def _solve(self, problem: Problem, **settings: Any) -> Raw:
        """Solve along strengths; intercepts become increments of the boundaries' log odds."""
        weight = settings.get("sample_weight")
        weight = problem.sample_weight if weight is None else weight
        raw = problem.solve(**settings)
        raw["intercepts"] = raw["intercepts"] + _base(problem, weight)
        if self.monotone == "train":
            for step in range(len(raw["alphas"])):
                _uncross(problem, weight, raw, step, settings)
        return raw

    def _store(self, problem: Problem, raw: Raw, at: int) -> None:
        super()._store(problem, raw, at)
        self.increments_ = self.coef_
        self.coef_ = np.cumsum(raw["coefs"][at], axis=0).astype(problem.dtype)
        self.intercept_ = np.cumsum(raw["intercepts"][at]).astype(problem.dtype)
        crossed = _crossed(problem, problem.sample_weight, raw["coefs"][at], raw["intercepts"][at])
        self.crossing_rate_ = crossed.size / np.count_nonzero(problem.weights())

    def cumulative_log_odds(self, X: MatrixLike) -> FloatArray:
        """Return the log odds of being at or below each boundary, as fitted.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes - 1)
            ``X @ coef_.T + intercept_``. Where they fall from one boundary to the next, boundaries
            cross; probabilities then take the largest so far.
        """
        return self._linear_predictor(X)

    def predict_proba(self, X: MatrixLike) -> FloatArray:
        """Return class probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``; rows sum to one.
        """
        return class_probabilities(self._linear_predictor(X))

    def predict_log_proba(self, X: MatrixLike) -> FloatArray:
        """Return logarithms of class probabilities, finite even where those underflow.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            ``-inf`` for a class between boundaries that cross.
        """
        return log_class_probabilities(self._linear_predictor(X))

    def predict_rare(self, X: MatrixLike) -> FloatArray:
        """Return the probability of the last class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self.predict_proba(X)[:, -1]

    def predict(self, X: MatrixLike) -> NDArray[Any]:
        """Predict the most probable class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]


def _base(problem: Problem, weight: Float64 | None) -> Float64:
    """What the kernel's intercepts are measured from."""
    return np.diff(thresholds(problem.y, weight), prepend=0.0)


def _log_odds(X: Any, increments: Float64, steps: Float64) -> Float64:
    eta = product(X, np.cumsum(increments, axis=0).T) + np.cumsum(steps)
    return np.asarray(eta, dtype=np.float64)


def _crossed(
    problem: Problem, weight: Float64 | None, increments: Float64, steps: Float64
) -> NDArray[np.intp]:
    """Return the rows of positive weight in which two boundaries meet or cross."""
    meet = (np.diff(_log_odds(problem.X, increments, steps), axis=1) <= 0.0).any(axis=1)
    return np.flatnonzero(meet if weight is None else meet & (weight > 0))


def _feasible(problem: Problem, increments: Float64, steps: Float64) -> bool:
    """Whether every row gives its own class a positive probability."""
    eta = _log_odds(problem.X, increments, steps)
    gap = np.diff(eta, axis=1)
    own = np.diff(problem.y, axis=1) == 1.0  # inner classes only; the outer ones have no end
    apart = ~(own & ~(gap > 0.0)).any(axis=1)
    return bool(np.all(apart if problem.sample_weight is None else apart[problem.weights() > 0]))


def _uncross(
    problem: Problem, weight: Float64 | None, raw: Raw, at: int, settings: dict[str, Any]
) -> None:
    """Keep the inner classes of training rows apart by a barrier ``-mu log P`` and replace a step.

    A barrier for class k of a row is what the likelihood of a row of that class and weight mu would
    be: the same kernel serves, with such rows added.
    """
    rows = _crossed(problem, weight, raw["coefs"][at], raw["intercepts"][at])
    if rows.size == 0:
        return
    n, m = problem.y.shape
    weights = np.ones(n) if weight is None else weight
    alpha, total = float(raw["alphas"][at]), float(weights.sum())
    shared = {key: settings[key] for key in ("n_threads", "callback") if key in settings}
    n_iter, fit = int(raw["n_iter"][at]), raw
    start: dict[str, Any] = {}
    for mu in _BARRIER:
        while True:
            pick = np.repeat(rows, m - 1)
            inner = np.tile(np.arange(1, m), rows.size)[:, None] <= np.arange(m)
            added = np.full(pick.size, mu * total / rows.size)
            joined = _with_rows(problem, pick, inner.astype(np.float64), np.r_[weights, added])
            base = _base(joined, joined.sample_weight)
            if start:
                start["intercept_init"] = start["steps"] - base
            given = {key: start[key] for key in start if key != "steps"}
            grown = float(added.sum()) / total
            fit = joined.solve(alphas=np.array([alpha / (1.0 + grown)]), **given, **shared)
            n_iter += int(fit["n_iter"][0])
            steps = fit["intercepts"][0] + base
            more = np.union1d(rows, _crossed(problem, weight, fit["coefs"][0], steps))
            if more.size == rows.size:
                break
            rows, start = more, {}
        start = {"coef_init": np.ascontiguousarray(fit["coefs"][0]), "steps": steps}
    raw["coefs"][at], raw["intercepts"][at] = fit["coefs"][0], steps
    raw["objective"][at] = fit["objective"][0] * (1.0 + grown)
    raw["dual_gaps"][at] = fit["dual_gaps"][0] * (1.0 + grown)
    raw["converged"][at] = fit["converged"][0]
    raw["n_iter"][at] = n_iter


def _with_rows(
    problem: Problem, rows: NDArray[np.intp], below: Float64, weight: Float64
) -> Problem:
    """Return the problem with copies of rows, of other classes, appended."""
    X = problem.X
    if sp.issparse(X):
        X = sp.vstack([X, X.tocsr()[rows]], format="csc")
    else:
        X = np.concatenate([X, X[rows]])
    y = np.concatenate([problem.y, below])
    return replace(problem, X=X, design=kernel_design(X), y=y, sample_weight=weight)


@dataclass(eq=False, repr=False)
class PRESTO(SingleFit, _OrderedClasses):
    r"""Probabilities of ordered classes by shrinking towards proportional odds.

    For classes ``0 .. K-1`` in order, the log odds of being at or below class ``k`` are
    ``eta_k = x_i' beta_k + c_k``, with slopes of their own for each of the ``K - 1`` boundaries.
    Minimises ``-1/n * sum_i log P[i, y_i] + alpha * sum_jk (l1_ratio * |psi_jk| + (1 - l1_ratio)/2
    * psi_jk^2)`` over intercepts and the increments ``psi_0 = beta_0``,
    ``psi_k = beta_k - beta_(k-1)``. A feature whose increments after the first are zero has one
    effect at all boundaries (proportional odds). What the common early stages say about the rare
    last one is used as far as the data bear it out.

    Parameters
    ----------
    alpha : float, default=0.01
        Penalty strength >= 0. At 0 all boundaries are free: cumulative logits, fitted jointly.
    l1_ratio : float, default=1.0
        Between 0 (ridge on the increments) and 1 (PRESTO).
    penalize_base : bool, default=True
        Whether ``psi_0`` is penalised as well. If not, strengths from ``alpha_max_`` on give the
        proportional-odds model (R's ``MASS::polr``, with the opposite sign of the slopes).
    standardize : bool, default=True
        Penalise the increments of columns divided by their (weighted, 1/n) standard deviation.
        ``coef_`` and ``increments_`` are on the original scale.
    penalty_factor : array-like of shape (n_features,), optional
        Multipliers >= 0 of the penalty: 0 leaves a feature unpenalised, ``inf`` keeps it out.
    categories : array-like of shape (n_classes,), optional
        The classes from first to last. By default the order of an ordered pandas ``Categorical``,
        of which categories that do not occur are left out; else labels are sorted.
    monotone : {"observed", "train"}, default="observed"
        Which probabilities must be positive: those of each training row's own class, as the
        likelihood demands, or those of all classes in all training rows. ``crossing_rate_`` says
        whether that makes a difference. The second is approached by a barrier of weight 1e-6, and
        ``dual_gap_`` is that of the problem with the barrier.
    tol : float, default=1e-9
        Stop when the duality gap is at most ``tol`` times the loss of the model without
        coefficients.
    max_iter : int, default=1000
        Bound of the solver's outer iterations.
    warm_start : bool, default=False
        Start from the coefficients of the previous fit, where they give every row's class a
        positive probability.
    n_jobs : int, optional
        Threads; None is 1, -1 all. The result is the same to the bit for any number.

    Attributes
    ----------
    coef_ : ndarray of shape (n_classes - 1, n_features)
        ``beta``, of the dtype of X.
    increments_ : ndarray of shape (n_classes - 1, n_features)
        ``psi``: a non-zero entry after the first row says at which boundary an effect changes.
    intercept_ : ndarray of shape (n_classes - 1,)
    classes_ : ndarray of shape (n_classes,)
        Labels of positive total weight, in order.
    crossing_rate_ : float
        Share of the training rows in which two boundaries cross. Predictions there take the largest
        log odds so far; zero means that none was changed.
    dual_gap_ : float
        Duality gap in units of the objective: the objective is at most this far from its minimum.
    n_iter_ : int
    alpha_max_ : float
        Least strength at which all penalised increments are zero.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)
        Only if X is a frame with text column names.

    Raises
    ------
    ValueError
        From ``fit``, if there are fewer than three classes: :class:`LogisticLasso` is for two.

    Notes
    -----
    The likelihood is convex where every row's own class has a positive probability, and its own
    barrier there; the duality gap has a closed form. Boundaries may still cross for another class
    of the same row, and for new rows.

    Reversing the order of the classes mirrors the fit if ``penalize_base=False``. Else it does not:
    ``psi_0`` is then the slope of another boundary.

    The authors' code subtracts the increments' means where it should subtract those of the slopes
    when it takes the intercepts back to the original scale, and tunes with increments in place of
    slopes; neither is done here.

    References
    ----------
    .. [1] G. Faletto, J. Bien (2023), Predicting rare events by shrinking towards proportional
       odds, ICML, PMLR 202, arXiv:2305.18700.
    .. [2] P. McCullagh (1980), Regression models for ordinal data, J. R. Stat. Soc. B 42.

    Examples
    --------
    Ads shown, clicked, bought; the first column matters alike at both steps, the second only for
    buying:

    >>> import numpy as np
    >>> from taut.linear_model import PRESTO
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (4000, 3))
    >>> odds = np.c_[1.0 - X[:, 0], 3.5 - X[:, 0] - X[:, 1]]
    >>> y = (rng.logistic(size=(4000, 1)) > odds).sum(axis=1)
    >>> stage = np.array(["shown", "clicked", "bought"])[y]
    >>> model = PRESTO(0.01, categories=["shown", "clicked", "bought"]).fit(X, stage)
    >>> (model.increments_ != 0).tolist()
    [[True, False, False], [False, True, False]]
    >>> model.predict_rare(X[:2]).round(3).tolist()
    [0.039, 0.02]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **STRENGTH,
        **L1_RATIO,
        **_SHARED,
        **WARM_START,
    }

    alpha: float = 0.01
    _: KW_ONLY
    l1_ratio: float = 1.0
    penalize_base: bool = True
    standardize: bool = True
    penalty_factor: ArrayLike | None = None
    categories: ArrayLike | None = None
    monotone: str = "observed"
    tol: float = 1e-9
    max_iter: int = 1000
    warm_start: bool = False
    n_jobs: int | None = None

    def _start(self, problem: Problem) -> dict[str, Any]:
        if not super()._start(problem):
            return {}
        increments = np.ascontiguousarray(self.increments_, dtype=np.float64)
        steps = np.diff(np.asarray(self.intercept_, dtype=np.float64), prepend=0.0)
        if not _feasible(problem, increments, steps):
            return {}
        steps -= _base(problem, problem.sample_weight)
        return {"coef_init": increments, "intercept_init": steps}


@dataclass(eq=False, repr=False)
class PRESTOCV(CrossValidatedPath, _OrderedClasses):
    r"""PRESTO whose strength is chosen by cross-validation.

    Minimises the objective of :class:`PRESTO` along a path of strengths, on all rows and with each
    fold left out, and takes the strength of least mean loss on the rows left out, or the strongest
    within one standard error of it. Folds are stratified by class.

    Parameters
    ----------
    l1_ratio : float or array-like of float, default=1.0
        Between 0 (ridge on the increments) and 1 (PRESTO). Of several, the one with the least mean
        loss is kept.
    alphas : int or array-like of shape (n_alphas,), default=20
        Strengths, or how many of them between ``alpha_max_`` and `eps` times it.
    eps : float, default=0.01
        Ratio of the least to the largest strength.
    cv, rule, n_jobs, random_state, progress
        See :class:`LassoCV`.
    scoring : {"brier", "log_loss", "rare_brier"}, default="brier"
        Loss on the rows left out: ``sum_k (1{y = k} - P_k)^2``; ``-log P_y``, of probabilities not
        below 1e-5; or the squared error of the last class's probability alone.
    penalize_base, standardize, penalty_factor, categories, monotone, tol, max_iter
        See :class:`PRESTO`. Standardisation is done anew in every fold.

    Attributes
    ----------
    l1_ratio_ : float
        The chosen mixture; all other attributes belong to it.
    cv_mean_, cv_se_ : ndarray of shape (n_alphas,)
        Mean loss over folds, weighted by the folds' weights, and its standard error.
    loss_path_ : ndarray of shape (n_alphas, n_folds)
    coefs_path_ : ndarray of shape (n_alphas, n_classes - 1, n_features)
    intercepts_path_ : ndarray of shape (n_alphas, n_classes - 1)
    selection_frequency_ : ndarray of shape (n_classes - 1, n_features)
        Share of the folds in which the increment at the chosen strength is not zero.
    alpha_, alpha_min_, alpha_1se_, alphas_, dual_gaps_, path_
        See :class:`LassoCV`.
    coef_, increments_, intercept_, classes_, crossing_rate_, dual_gap_, n_iter_, alpha_max_
        See :class:`PRESTO`.
    n_features_in_, feature_names_in_
        See :class:`PRESTO`.

    Notes
    -----
    A class needs at least two observations, and each fold's training rows all classes.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.linear_model import PRESTOCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (2000, 3))
    >>> odds = np.c_[1.0 - X[:, 0], 3.5 - X[:, 0] - X[:, 1]]
    >>> y = (rng.logistic(size=(2000, 1)) > odds).sum(axis=1)
    >>> model = PRESTOCV().fit(X, y)
    >>> model.coefs_path_.shape, model.coef_.shape
    ((20, 2, 3), (2, 3))
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CV,
        **L1_RATIOS,
        **_SHARED,
        "scoring": [StrOptions({"brier", "log_loss", "rare_brier"})],
    }
    _tuned: ClassVar[tuple[str, ...]] = ("l1_ratio",)

    alphas: int | ArrayLike = 20
    _: KW_ONLY
    eps: float | None = 1e-2
    l1_ratio: float | ArrayLike = 1.0
    penalize_base: bool = True
    standardize: bool = True
    penalty_factor: ArrayLike | None = None
    categories: ArrayLike | None = None
    monotone: str = "observed"
    cv: Any = 5
    scoring: str = "brier"
    rule: str = "min"
    tol: float = 1e-9
    max_iter: int = 1000
    n_jobs: int | None = None
    random_state: RandomState = None
    progress: bool = False

    def _publish(self, best: Any) -> None:
        super()._publish(best)
        self.coefs_path_ = np.cumsum(self.coefs_path_, axis=1)
        self.intercepts_path_ = np.cumsum(self.intercepts_path_, axis=1)
        self.path_ = replace(self.path_, coefs=self.coefs_path_, intercepts=self.intercepts_path_)


__all__ = ["PRESTO", "PRESTOCV"]

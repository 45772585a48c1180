# SPDX-License-Identifier: BSD-3-Clause
"""Penalty strengths learned by gradient: one, one per group, or one per feature."""

from __future__ import annotations

import warnings
from dataclasses import KW_ONLY, dataclass
from inspect import signature
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from taut._progress import progress_bar
from taut._validation import Float64
from taut.bilevel._descent import Descent, descend, walk
from taut.bilevel._hypergradient import LowerSolverError
from taut.bilevel._sparse import CriterionPoint, SparseCriterion, checked
from taut.exceptions import ConvergenceWarning
from taut.linear_model._cv import SplitterRouting
from taut.linear_model.lasso import Lasso
from taut.model_selection._path_choice import _ESTIMATOR, Meta
from taut.typing import ArrayLike, MatrixLike, RandomState

#: Lower problems of the last point are solved to this gap, for its certificate.
_FINAL_TOL = 1e-12


@dataclass(eq=False, repr=False)
class BilevelCV(SplitterRouting, Meta):
    r"""Learns the penalty strengths of a sparse model by descent on its cross-validated loss.

    A grid costs a fit for each combination of values; here a step costs a warm-started fit of each
    fold and a small linear system (:class:`taut.bilevel.SparseCriterion`), whatever the number of
    strengths. The criterion is not convex: the descent ends in a local minimum.

    Parameters
    ----------
    estimator : estimator, default=None
        Of :mod:`taut.linear_model`, with ``alpha``, least squares, logistic or Poisson loss and an
        L1 or elastic-net penalty: ``Lasso``, ``ElasticNet``, ``LogisticLasso``,
        ``PoissonLasso``, ``PenalizedGLM``. Its ``alpha`` is not used; its ``penalty_factor``
        multiplies. None is ``Lasso()``.
    strengths : {"shared", "feature"} or array-like of shape (n_features,), default="shared"
        Which features have a strength in common: all, none, or those with the same label. With
        several strengths the best common one is found first.
    tune_l1_ratio : bool, optional
        Learn ``l1_ratio`` too. By default if the estimator's lies strictly between 0 and 1.
    criterion : {"cv", "sure"}, default="cv"
        See :class:`taut.bilevel.SparseCriterion`.
    cv : int, splitter, iterable of (train, test) or array-like of shape (n_samples,), default=5
        As in :class:`taut.linear_model.LassoCV`. One pair of index arrays is a held-out set.
    noise_variance : float, optional
        Of y given X; needed for "sure".
    theta_init : array-like of shape (n_theta,), optional
        Logarithms of the strengths to start from, then the logit of l1_ratio if that is learned.
        By default a fifth of the strength at which all coefficients are zero, or, without l1_ratio,
        where a walk down from it with one strength for all finds the least loss.
    n_probes : int, default=0
        Shared strengths to look at beforehand, from half of that strength to 1e-3 of it; the
        descent starts from the best. They guard against a local minimum.
    tol : float, default=1e-4
        Stop when a change of a logarithm by 1 would gain at most this share of the loss, to first
        order, or when three steps gain less.
    max_iter : int, default=100
        Bound of the descent's steps.
    n_jobs : int, optional
        Threads. Folds run side by side; the result does not depend on it.
    random_state : int, Generator or RandomState, optional
        Shuffles the rows when `cv` is a number.
    progress : bool, default=False
        Show a progress bar.

    Attributes
    ----------
    best_estimator_, estimator_ : estimator
        The estimator with what was learned, fitted on all rows; its attributes are also attributes
        of this object.
    best_params_ : dict
        What was learned, as parameters of the estimator: ``alpha``, and where learned
        ``penalty_factor`` and ``l1_ratio`` (``penalty`` for ``PenalizedGLM``).
    best_score_ : float
        Minus ``best_loss_``, so that larger is better as in scikit-learn.
    best_loss_ : float
        Criterion at the end: mean squared error, deviance, or the estimated risk.
    alpha_ : float
        The strength, or the geometric mean of several.
    strengths_ : ndarray of shape (n_features,)
        ``alpha_`` times the factors: the strength of each feature.
    theta_, hypergradient_ : ndarray of shape (n_theta,)
    hypergradient_error_ : float
        Bound of the distance of ``hypergradient_`` from the exact one; ``inf`` without a proof.
    certified_ : bool
        Whether the duality gaps prove that each fold's exact solution has the support and signs of
        the computed one; the gradient is then that of the criterion up to
        ``hypergradient_error_``. Only for least squares.
    history_ : dict of ndarray
        "value" and "theta" along the descent.
    n_steps_ : int
    n_evaluations_ : int
        Evaluations of the criterion with its gradient.
    converged_ : bool
    stop_reason_ : {"gradient", "value", "kink", "max_iter"}
        "kink": no step downhill along the gradient, the criterion is not differentiable there.
    coef_, intercept_, ...
        Of the estimator.

    Raises
    ------
    TypeError
        In ``fit``, if the estimator is none of those.
    ValueError
        In ``fit``, if `theta_init` has another length or lies outside of the bounds, or the data
        are not what the estimator takes.
    LowerSolverError
        In ``fit``, if the start's lower problem is not solved or has no derivative.

    References
    ----------
    .. [1] Q. Bertrand, Q. Klopfenstein, M. Massias, M. Blondel, S. Vaiter, A. Gramfort, J. Salmon
       (2022), Implicit differentiation for fast hyperparameter selection in non-smooth convex
       learning, J. Mach. Learn. Res. 23(149), sections 3 and 4.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from taut.linear_model import Lasso
    >>> from taut.model_selection import BilevelCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> one = BilevelCV(Lasso(standardize=True)).fit(X, y)
    >>> ten = BilevelCV(Lasso(standardize=True), strengths="feature").fit(X, y)
    >>> one.n_evaluations_ < 20, ten.strengths_.size, ten.best_loss_ < one.best_loss_
    (True, 10, True)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_ESTIMATOR,
        "strengths": [str, "array-like"],
        "tune_l1_ratio": ["boolean", None],
        "criterion": [StrOptions({"cv", "sure"})],
        "cv": ["cv_object", "array-like"],
        "noise_variance": [Interval(Real, 0, None, closed="neither"), None],
        "theta_init": ["array-like", None],
        "n_probes": [Interval(Integral, 0, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state", np.random.Generator],
        "progress": ["boolean", None],
    }

    estimator: Any = None
    _: KW_ONLY
    strengths: Any = "shared"
    tune_l1_ratio: bool | None = None
    criterion: str = "cv"
    cv: Any = 5
    noise_variance: float | None = None
    theta_init: ArrayLike | None = None
    n_probes: int = 0
    tol: float = 1e-4
    max_iter: int = 100
    n_jobs: int | None = None
    random_state: RandomState = None
    progress: bool = False

    def _unfitted(self) -> Any:
        return Lasso() if self.estimator is None else self.estimator

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
        **params: Any,
    ) -> Any:
        """Learn the strengths, then fit the estimator on all rows with them.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`taut.linear_model.Lasso.fit`.
        offset : array-like of the shape of the linear predictor, optional
            Known part of it, for estimators that take one.
        **params
            ``groups`` for the splitter; with metadata routing enabled, whatever it requests.

        Returns
        -------
        self : object

        Raises
        ------
        TypeError
            If the estimator is none whose strengths can be learned, or takes no offset.
        ValueError
            If the data are not what the estimator takes, or `theta_init` has another length, is
            not finite or lies outside of the bounds.
        LowerSolverError
            If the lower problem of the start is not solved, or has no derivative.
        """
        model = checked(self._unfitted(), type(self).__name__)
        split_params = self._split_params(sample_weight, offset, params)
        extra = {} if offset is None else {"offset": offset}
        if extra and "offset" not in signature(model.fit).parameters:
            raise TypeError(f"{type(model).__name__} takes no offset.")
        criterion = SparseCriterion(
            model,
            X,
            y,
            sample_weight=sample_weight,
            offset=offset,
            strengths=self.strengths,
            tune_l1_ratio=self.tune_l1_ratio,
            criterion=self.criterion,
            cv=self.cv,
            noise_variance=self.noise_variance,
            n_jobs=self.n_jobs,
            random_state=self.random_state,
            split_params=split_params,
        )
        with progress_bar(int(self.max_iter), type(self).__name__, enabled=self.progress) as bar:
            descents = self._descend(criterion, lambda step, _: bar.update(step))
        last = descents[-1]
        point = criterion.certificate(last.theta, _FINAL_TOL)
        if not last.converged:
            warnings.warn(
                f"{type(self).__name__} stopped after {self.max_iter} steps with a gradient of at "
                f"most {np.abs(last.point.gradient).max():.1e} by the logarithm of a strength, tol "
                f"* loss is {self.tol * abs(last.point.value):.1e}. Raise max_iter or tol.",
                ConvergenceWarning,
                stacklevel=3,
            )
        learned = criterion.params(last.theta)
        model.set_params(**learned).fit(X, y, sample_weight=sample_weight, **extra)
        self.estimator_ = self.best_estimator_ = model
        self._take_over()
        self._publish(criterion, descents, point, learned)
        return self

    def _descend(self, criterion: SparseCriterion, watch: Any) -> list[Descent]:
        limits: dict[str, Any] = {"tol": self.tol, "max_iter": int(self.max_iter), "watch": watch}
        done = []
        if self.theta_init is not None:
            start = _check_start(self.theta_init, criterion)
        else:
            common = criterion.shared() if criterion.n_strengths > 1 else criterion
            probes = int(self.n_probes)
            if common.n_theta == 1 and probes == 0:
                done.append(walk(common, common.bounds, **limits))
            start = _best_probe(common, probes) if not done else done[0].theta
            if criterion.n_strengths > 1:
                if not done:
                    done.append(descend(common, start, common.bounds, **limits))
                start = criterion.spread(done[0].theta)
            elif done:
                return done
        done.append(descend(criterion, start, criterion.bounds, **limits))
        return done

    def _publish(
        self,
        criterion: SparseCriterion,
        descents: list[Descent],
        point: CriterionPoint,
        params: dict[str, Any],
    ) -> None:
        last = descents[-1]
        self.best_params_ = params
        self.best_loss_ = point.value
        self.best_score_ = -point.value
        self.alpha_ = params["alpha"]
        self.strengths_: Float64 = criterion.strengths(last.theta)
        self.theta_ = last.theta
        self.hypergradient_ = point.gradient
        self.hypergradient_error_ = point.error
        self.certified_ = point.certified
        self.history_ = {"value": np.array(last.values), "theta": np.array(last.thetas)}
        self.n_steps_ = sum(d.n_iter for d in descents)
        self.n_evaluations_ = criterion.n_evaluations
        self.converged_ = last.converged
        self.stop_reason_ = last.reason


def _best_probe(criterion: SparseCriterion, count: int) -> Float64:
    best, least = criterion.start, np.inf
    for theta in criterion.probes(count):
        try:
            value = criterion(theta).value
        except LowerSolverError:  # too weak a penalty for these columns
            continue
        if value < least:
            best, least = theta, value
    return best


def _check_start(theta: ArrayLike, criterion: SparseCriterion) -> Float64:
    start = np.array(theta, dtype=np.float64)
    if start.shape != (criterion.n_theta,):
        raise ValueError(f"theta_init must have shape ({criterion.n_theta},), got {start.shape}.")
    low, high = criterion.bounds
    bad = np.flatnonzero(~((start >= low) & (start <= high)))
    if bad.size:
        i = bad[0]
        raise ValueError(
            f"theta_init must lie within the bounds; entry {i} must be in [{low[i]:.4g}, "
            f"{high[i]:.4g}], got {start[i]:.4g}."
        )
    return start


__all__ = ["BilevelCV"]

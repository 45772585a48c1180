# SPDX-License-Identifier: BSD-3-Clause
"""Any estimator of this library with its strength chosen for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from dataclasses import fields as dataclass_fields
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, _fit_context, clone
from sklearn.model_selection import ParameterGrid
from sklearn.utils import get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from taut._threads import n_threads
from taut._validation import Float64, is_integral
from taut.linear_model._base import SingleFit
from taut.linear_model._cv import CrossValidatedPathWithOffset, grid_of
from taut.linear_model._parameters import CV
from taut.linear_model._problem import Problem, Raw, warn_unless_converged
from taut.linear_model._result import path_result
from taut.linear_model.general import PenalizedGLM
from taut.linear_model.relaxed import check_shares, mix, relax
from taut.model_selection._criteria import CRITERIA, information_criterion
from taut.penalties import Penalty
from taut.typing import ArrayLike, FloatArray, MatrixLike, RandomState

_ESTIMATOR: dict[str, list[Any]] = {"estimator": [HasMethods(["fit", "get_params"]), None]}


def _delegated(name: str) -> Callable[..., Any]:
    def has(self: Any) -> bool:
        target = getattr(self, "estimator_", None) or self._unfitted()
        getattr(target, name)  # its AttributeError tells why
        return True

    return available_if(has)


class Meta(BaseEstimator):
    """An estimator at one strength inside, which does everything but choose the strength."""

    estimator: Any
    estimator_: Any

    def _unfitted(self) -> Any:
        return PenalizedGLM() if self.estimator is None else self.estimator

    def _new_estimator(self) -> Any:
        model = self._unfitted()
        if not isinstance(model, SingleFit):
            raise TypeError(
                f"{type(self).__name__} needs an estimator of taut.linear_model that has alpha, "
                f"such as PenalizedGLM or MCPRegression, got {model!r}."
            )
        model = clone(model)
        model._validate_params()
        return model

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "coef_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self._unfitted())
        tags.estimator_type = inner.estimator_type
        tags.classifier_tags, tags.regressor_tags = inner.classifier_tags, inner.regressor_tags
        tags.target_tags, tags.input_tags = inner.target_tags, inner.input_tags
        return tags

    def _take_over(self) -> None:
        """Show the fitted attributes of the inner estimator as one's own."""
        for name, value in vars(self.estimator_).items():
            if name.endswith("_") and not name.startswith("_"):
                setattr(self, name, value)

    @_delegated("predict")
    def predict(self, X: MatrixLike, offset: ArrayLike | None = None) -> NDArray[Any]:
        """Predict with the chosen model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like, optional
            Needed if the model was fitted with one.

        Returns
        -------
        ndarray
        """
        return self._call("predict", X, offset)

    @_delegated("decision_function")
    def decision_function(self, X: MatrixLike, offset: ArrayLike | None = None) -> FloatArray:
        """Return the linear predictor of each class, or the log odds of the second of two.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like, optional

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        return self._call("decision_function", X, offset)

    @_delegated("predict_proba")
    def predict_proba(self, X: MatrixLike, offset: ArrayLike | None = None) -> FloatArray:
        """Return class probabilities, columns in the order of ``classes_``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like, optional

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return self._call("predict_proba", X, offset)

    @_delegated("predict_log_proba")
    def predict_log_proba(self, X: MatrixLike, offset: ArrayLike | None = None) -> FloatArray:
        """Return logarithms of class probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like, optional

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return self._call("predict_log_proba", X, offset)

    @_delegated("score")
    def score(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the score of the inner estimator: accuracy, D2 or R2.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        float
        """
        check_is_fitted(self)
        return float(self.estimator_.score(X, y, sample_weight=sample_weight))

    def _call(self, name: str, X: MatrixLike, offset: ArrayLike | None) -> Any:
        check_is_fitted(self)
        method = getattr(self.estimator_, name)
        return method(X) if offset is None else method(X, offset)


@dataclass(eq=False, repr=False)
class PathCV(Meta, CrossValidatedPathWithOffset):
    r"""Chooses the strength of any estimator of this library by cross-validation along its path.

    Parameters
    ----------
    estimator : estimator, default=None
        One with ``alpha``, such as ``PenalizedGLM("poisson", "mcp")`` or ``GroupLasso(groups=g)``;
        its ``alpha`` is not used. None is ``PenalizedGLM()``.
    grid : dict, optional
        Parameters of the penalty to choose as well, by name: ``{"gamma": [2.0, 3.0]}`` for
        ``MCPRegression``, ``{"penalty__gamma": ...}`` for ``PenalizedGLM``.
    relax : float or array-like of float, optional
        Mixtures to choose from as well: shares in [0, 1] of the penalised fit, the rest being the
        fit without penalty to its features (:class:`taut.linear_model.RelaxedLasso`).
    alphas, eps, cv, rule, n_jobs, random_state, progress
        See :class:`taut.linear_model.LassoCV`. By default ``eps`` is 1e-4 if there are more
        samples than features, else 1e-2.
    scoring : str, optional
        Loss on the rows left out: "deviance" or "class" for classes, "deviance", "mse" or "mae"
        for counts and Huber's loss, "mse" or "mae" for other real responses. The first by default.

    Attributes
    ----------
    estimator_ : estimator
        The chosen model, fitted; its attributes are also attributes of this object.
    best_params_ : dict
        What was chosen from `grid`, and from `relax`.
    alpha_, alpha_min_, alpha_1se_, alphas_, cv_mean_, cv_se_, loss_path_, path_
        See :class:`taut.linear_model.LassoCV`.
    coefs_path_, intercepts_path_, dual_gaps_, selection_frequency_
        See :class:`taut.linear_model.LassoCV`.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or the estimator has no strength ``alpha``.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from taut.linear_model import PenalizedGLM
    >>> from taut.model_selection import PathCV
    >>> model = PathCV(PenalizedGLM(standardize=True), rule="1se", alphas=50)
    >>> model = model.fit(*load_diabetes(return_X_y=True))
    >>> int((model.coef_ != 0).sum()), model.alpha_1se_ > model.alpha_min_
    (6, True)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_ESTIMATOR,
        **CV,
        "grid": [dict, None],
        "relax": [Interval(Real, 0, 1, closed="both"), "array-like", None],
        "scoring": [str, None],
        "n_jobs": [Integral, None],
    }

    estimator: Any = None
    _: KW_ONLY
    grid: dict[str, Any] | None = None
    relax: float | ArrayLike | None = None
    alphas: int | ArrayLike = 100
    eps: float | None = None
    cv: Any = 5
    scoring: str | None = None
    rule: str = "min"
    n_jobs: int | None = None
    random_state: RandomState = None
    progress: bool = False

    def _fit(
        self, X: MatrixLike, y: Any, sample_weight: Any, offset: Any, params: dict[str, Any]
    ) -> Any:
        self.estimator_ = self._new_estimator()
        try:
            return super()._fit(X, y, sample_weight, offset, params)
        except BaseException:
            del self.estimator_
            raise

    def _problem(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        offset: ArrayLike | None = None,
        penalty: Penalty | None = None,
        **replaced: Any,
    ) -> Problem:
        problem: Problem = self.estimator_._problem(
            X, y, sample_weight, offset, penalty, **replaced
        )
        return problem

    def _make_penalty(self, **tuned: Any) -> Penalty:
        penalty: Penalty = self.estimator_._make_penalty(**tuned)
        return penalty

    def _solve(self, problem: Problem, **settings: Any) -> Raw:
        raw: Raw = self.estimator_._solve(problem, **settings)
        return raw

    def _alpha_max(self, problem: Problem, workers: int) -> float:
        return float(self.estimator_._alpha_max(problem, workers))

    def _variants(self) -> list[dict[str, Any]]:
        if not self.grid:
            return [{}]
        model = self.estimator_
        if isinstance(model, PenalizedGLM):
            known = {"penalty"} | {
                f"penalty__{name}" for name in model._make_penalty().get_params()
            }
        else:
            known = {field.name for field in dataclass_fields(model._penalty_type)}
            known &= set(model.get_params())
        unknown = sorted(set(self.grid) - known)
        if unknown:
            raise ValueError(
                f"grid may hold parameters of the penalty ({', '.join(sorted(known)) or 'none'}), "
                f"got {', '.join(unknown)}. Use GridSearchCV for others."
            )
        return list(ParameterGrid({k: np.atleast_1d(v).tolist() for k, v in self.grid.items()}))

    def _blends(self) -> list[dict[str, Any]]:
        if self.relax is None:
            return [{}]
        return [{"relax": share} for share in check_shares("relax", self.relax)]

    def _blend(
        self, problem: Problem, raw: Raw, weight: Float64 | None, blends: list[dict[str, Any]]
    ) -> list[Raw]:
        if self.relax is None:
            return [raw]
        path, refitted = relax(problem, raw, weight, 1)
        return [mix(path, refitted, blend["relax"]) for blend in blends]

    def _store(self, problem: Problem, raw: Raw, at: int) -> None:
        self.estimator_._store(problem, raw, at)
        self._take_over()

    def _publish(self, best: Any) -> None:
        super()._publish(best)
        for name in best.tuned:
            delattr(self, f"{name}_")
        self.best_params_ = dict(best.tuned)
        tuned = {name: value for name, value in best.tuned.items() if name != "relax"}
        self.estimator_.set_params(alpha=self.alpha_, **tuned)


@dataclass(eq=False, repr=False)
class PathIC(Meta):
    r"""Chooses the strength of any estimator of this library by an information criterion.

    One path and no folds; :func:`information_criterion` has the formulas.

    Parameters
    ----------
    estimator : estimator, default=None
        One with ``alpha``, such as ``PenalizedGLM("poisson", "mcp")``; its ``alpha`` is not used.
        None is ``PenalizedGLM()``.
    criterion : {"aic", "bic", "ebic"}, default="bic"
        "ebic" when there are many features, p of the order of n or more.
    alphas : int or array-like of shape (n_alphas,), default=100
        Number of strengths, equally spaced in the logarithm from the least that gives zero
        coefficients down to `eps` times it; or the strengths themselves.
    eps : float, optional
        By default 1e-4 if there are more samples than features, else 1e-2.
    max_active : int, optional
        End the path when more features than this are active. By default half the number of rows:
        beyond it the profiled likelihood rewards interpolation.
    noise_variance, ebic_gamma
        See :func:`information_criterion`.
    n_jobs : int, optional
        Threads. The result is the same to the bit for any number.

    Attributes
    ----------
    estimator_ : estimator
        The chosen model, fitted; its attributes are also attributes of this object.
    alpha_ : float
    alphas_ : ndarray of shape (n_alphas,)
    criterion_ : ndarray of shape (n_alphas,)
        The criterion along the path.
    df_ : ndarray of shape (n_alphas,)
        Degrees of freedom along the path.
    path_ : PathResult

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from taut.linear_model import Lasso
    >>> from taut.model_selection import PathIC
    >>> model = PathIC(Lasso(standardize=True)).fit(*load_diabetes(return_X_y=True))
    >>> int((model.coef_ != 0).sum())
    7
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_ESTIMATOR,
        "criterion": [StrOptions(set(CRITERIA))],
        "alphas": CV["alphas"],
        "eps": CV["eps"],
        "max_active": [Interval(Integral, 1, None, closed="left"), None],
        "noise_variance": [Interval(Real, 0, None, closed="neither"), None],
        "ebic_gamma": [Interval(Real, 0, 1, closed="both")],
        "n_jobs": [Integral, None],
    }

    estimator: Any = None
    _: KW_ONLY
    criterion: str = "bic"
    alphas: int | ArrayLike = 100
    eps: float | None = None
    max_active: int | None = None
    noise_variance: float | None = None
    ebic_gamma: float = 1.0
    n_jobs: int | None = None

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> Any:
        """Fit the path and choose a strength.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`taut.linear_model.Lasso.fit`.
        offset : array-like of the shape of the linear predictor, optional
            Known part of it. Predictions then need one as well.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If the data are not what the estimator takes, or no model of the path has fewer
            degrees of freedom than there are rows.
        """
        model = self._new_estimator()
        problem = model._problem(X, y, sample_weight, offset)
        workers = n_threads(self.n_jobs)
        most = self.max_active
        if most is None:
            most = max(int(problem.weights().sum()) // 2, 1)
        raw = model._solve(
            problem,
            alphas=grid_of(self.alphas, self.eps, model, problem, workers),
            early_stop=is_integral(self.alphas),
            max_active=int(most),
            n_threads=workers,
        )
        warn_unless_converged(problem, [raw], " of the path")
        path = path_result(problem, raw)
        chosen = information_criterion(
            path,
            X,
            y,
            criterion=self.criterion,
            sample_weight=sample_weight,
            offset=offset,
            noise_variance=self.noise_variance,
            ebic_gamma=self.ebic_gamma,
        )
        model._store(problem, raw, chosen.index_min)
        model.set_params(alpha=chosen.alpha_min)
        self.estimator_, self.path_ = model, path
        self.alpha_, self.alphas_ = chosen.alpha_min, path.alphas
        self.criterion_, self.df_ = chosen.values, chosen.df
        self._take_over()
        return self


__all__ = ["Meta", "PathCV", "PathIC"]

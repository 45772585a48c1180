# SPDX-License-Identifier: BSD-3-Clause
"""Any datafit with any penalty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import ClassifierTags, RegressorTags
from sklearn.utils.metaestimators import available_if

from taut.datafits import Datafit, as_datafit
from taut.linear_model._base import (
    PenalizedModel,
    SingleFitWithOffset,
    log_odds,
    log_probabilities,
    most_probable,
    poisson_d2,
    probabilities,
)
from taut.linear_model._parameters import PROBLEM, STRENGTH, WARM_START, Bounded, SingleParameters
from taut.penalties import Penalty, as_penalty
from taut.typing import ArrayLike, FloatArray, MatrixLike


def _classifies(model: GeneralPrediction) -> bool:
    if model._kind() == "classes":
        return True
    raise AttributeError(f"datafit={model.datafit!r} has no classes.")


_for_classes: Callable[..., Any] = available_if(_classifies)


class GeneralPrediction(PenalizedModel):
    """Classifier, regressor or model of counts, according to the datafit."""

    datafit: str | Datafit

    classes_: NDArray[Any]

    def _kind(self) -> str:
        try:
            return as_datafit(self.datafit).kind
        except (TypeError, ValueError):  # told to the user in fit
            return "real"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        kind = self._kind()
        tags.target_tags.required = True
        if kind == "classes":
            tags.estimator_type = "classifier"
            several = as_datafit(self.datafit).several
            tags.classifier_tags = ClassifierTags(multi_class=several)
        else:
            tags.estimator_type = "regressor"
            tags.regressor_tags = RegressorTags()
            tags.target_tags.positive_only = kind == "counts"
        return tags

    def predict(self, X: MatrixLike, offset: ArrayLike | None = None) -> NDArray[Any]:
        """Predict the class, the mean count, or the target.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of the shape of the linear predictor, optional
            Needed if the model was fitted with one.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_tasks)
        """
        eta = self._linear_predictor(X, offset)
        kind = self._kind()
        if kind == "classes":
            return np.asarray(self.classes_[most_probable(log_odds(eta))])
        return np.exp(eta) if kind == "counts" else eta

    def score(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> float:
        """Return accuracy (classes), D2 (counts: share of the deviance explained) or R2.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_tasks)
        sample_weight : array-like of shape (n_samples,), optional
        offset : array-like of the shape of the linear predictor, optional

        Returns
        -------
        float
        """
        if self._kind() == "counts":
            return poisson_d2(y, self._linear_predictor(X, offset), sample_weight, offset)
        measure = accuracy_score if self._kind() == "classes" else r2_score
        return float(measure(y, self.predict(X, offset), sample_weight=sample_weight))

    @_for_classes
    def decision_function(self, X: MatrixLike, offset: ArrayLike | None = None) -> FloatArray:
        """Return the linear predictor of each class, or the log odds of the second of two.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of the shape of the linear predictor, optional

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        return log_odds(self._linear_predictor(X, offset))

    @_for_classes
    def predict_proba(self, X: MatrixLike, offset: ArrayLike | None = None) -> FloatArray:
        """Return class probabilities, columns in the order of ``classes_``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of the shape of the linear predictor, optional

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return probabilities(log_odds(self._linear_predictor(X, offset)))

    @_for_classes
    def predict_log_proba(self, X: MatrixLike, offset: ArrayLike | None = None) -> FloatArray:
        """Return logarithms of class probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        offset : array-like of the shape of the linear predictor, optional

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return log_probabilities(log_odds(self._linear_predictor(X, offset)))


@dataclass(eq=False, repr=False)
class PenalizedGLM(SingleFitWithOffset, GeneralPrediction, Bounded, SingleParameters):
    r"""Any datafit with any penalty: the general form of the estimators with names.

    Minimises ``mean loss(y, X b + c + offset) + penalty(b; alpha)``; the losses are listed in
    :mod:`taut.datafits`, the penalties in :mod:`taut.penalties`. With sample weights the mean is
    the weighted one. The intercept ``c`` is not penalised. It is a classifier if the datafit is
    about classes, else a regressor.

    Parameters
    ----------
    datafit : str or Datafit, default="quadratic"
        "quadratic", "logistic", "multinomial", "poisson", "huber" or "sqrt", or a holder with
        parameters such as ``Huber(delta=0.5)``.
    penalty : str or Penalty, default="l1"
        "l1", "elastic_net", "group", "sparse_group", "mcp", "scad", "l0", "cel0", "lq" or
        "fused", or a holder with parameters such as ``MCP(gamma=2.0)``.
    alpha : float, default=0.01
        Penalty strength >= 0.
    penalty_factor : array-like of shape (n_features,) or (n_groups,), optional
        Multipliers >= 0 of the penalty: 0 leaves a feature (group) unpenalised, ``inf`` keeps it
        out. Groups have the root of their size by default.
    fit_intercept, positive, lower, upper, standardize, tol, max_iter, warm_start, n_jobs
        See :class:`Lasso`. With a penalty that is not convex ``tol`` is relative to the largest
        gradient of the model without coefficients.
    solver : {"auto", "gram", "naive", "fista", "ag", "pncg"}, default="auto"
        Keep inner products of the columns, or residuals ("auto" chooses by size), or use a
        first-order method, which needs products with X only: see :func:`taut.prox.minimize`.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_outputs, n_features)
        The second shape for classes and several responses.
    intercept_ : float or ndarray of shape (n_outputs,)
    classes_ : ndarray of shape (n_classes,)
        With a datafit of classes.
    sigma_ : float
        Noise level, with datafit "sqrt".
    dual_gap_ : float
        Duality gap in units of the objective: the objective is at most this far from its minimum.
        NaN if the penalty is not convex.
    stop_crit_ : float
        Largest distance of the gradient to the penalty's subdifferential, in units of the
        gradient, if the penalty is not convex.
    n_iter_ : int
    alpha_max_ : float
        Least strength at which all penalised coefficients are zero.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)
        Only if X is a frame with text column names.

    Raises
    ------
    ValueError
        In ``fit``, if the pair is not solved (:func:`refusal` gives the reason beforehand).

    See Also
    --------
    taut.model_selection.PathCV : Chooses ``alpha`` by cross-validation.
    penalized_path : Many strengths at once.

    Examples
    --------
    >>> from taut.linear_model import PenalizedGLM
    >>> from taut.penalties import ElasticNet
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["no", "no", "yes", "yes"]
    >>> model = PenalizedGLM("logistic", ElasticNet(l1_ratio=0.5), alpha=0.1).fit(X, y)
    >>> model.predict([[0.5]]), model.set_params(penalty__l1_ratio=1.0).penalty
    (array(['no'], dtype='<U3'), ElasticNet(l1_ratio=1.0))
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "datafit": [str, Datafit],
        "penalty": [str, Penalty],
        **STRENGTH,
        **PROBLEM,
        **WARM_START,
    }
    _several: ClassVar[bool | None] = None

    datafit: str | Datafit = "quadratic"
    penalty: str | Penalty = "l1"
    alpha: float = field(default=0.01, kw_only=True)

    def _make_datafit(self) -> Datafit:
        return as_datafit(self.datafit)

    def _make_penalty(self, **tuned: Any) -> Penalty:
        if not tuned:
            return as_penalty(self.penalty)
        own = {name.removeprefix("penalty__"): value for name, value in tuned.items()}
        base = as_penalty(own.pop("penalty", self.penalty))
        return base.with_params(**own)

    def set_params(self, **params: Any) -> PenalizedGLM:
        """Set parameters; those of the holders as ``penalty__gamma`` or ``datafit__delta``.

        Parameters
        ----------
        **params

        Returns
        -------
        self : PenalizedGLM
        """
        nested: dict[str, dict[str, Any]] = {"datafit": {}, "penalty": {}}
        for name in list(params):
            holder, _, inner = name.partition("__")
            if inner and holder in nested:
                nested[holder][inner] = params.pop(name)
        super().set_params(**params)
        if nested["datafit"]:  # holders are frozen: replaced, not changed
            self.datafit = as_datafit(self.datafit).with_params(**nested["datafit"])
        if nested["penalty"]:
            self.penalty = as_penalty(self.penalty).with_params(**nested["penalty"])
        return self


__all__ = ["GeneralPrediction", "PenalizedGLM"]

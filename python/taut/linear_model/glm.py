# SPDX-License-Identifier: BSD-3-Clause
"""Logistic regression with two classes and a sparse penalty."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from sklearn.utils._param_validation import StrOptions

from taut import datafits, penalties
from taut.linear_model._base import LinearClassifier, SingleFit
from taut.linear_model._cv import CrossValidatedPath
from taut.linear_model._parameters import (
    CV,
    L1_RATIO,
    L1_RATIOS,
    PROBLEM,
    STRENGTH,
    WARM_START,
    Bounded,
    CVParameters,
    SingleParameters,
)
from taut.typing import ArrayLike


class _TwoClasses(LinearClassifier):
    _datafit_type = datafits.Logistic
    _penalty_type = penalties.ElasticNet

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


@dataclass(eq=False, repr=False)
class LogisticLasso(SingleFit, _TwoClasses, Bounded, SingleParameters):
    r"""Logistic regression of two classes with an L1 or elastic-net penalty.

    Minimises ``1/n * sum_i [log(1 + exp(eta_i)) - y_i eta_i] + alpha * (l1_ratio * ||b||_1 +
    (1 - l1_ratio)/2 * ||b||^2)`` with ``eta = X b + c`` and y_i = 1 for the second class; with
    sample weights the mean is the weighted one. The intercept ``c`` is not penalised.

    Parameters
    ----------
    alpha : float, default=0.01
        Penalty strength >= 0, in the units of ``X.T @ y / n``.
    l1_ratio : float, default=1.0
        Between 0 (ridge) and 1 (L1).
    fit_intercept : bool, default=True
    positive : bool, default=False
        The same as ``lower=0``.
    penalty_factor : array-like of shape (n_features,), optional
        Multipliers >= 0 of the penalty: 0 leaves a feature unpenalised, ``inf`` keeps it out.
    lower, upper : float or array-like of shape (n_features,), optional
        Bounds of the coefficients, ``lower <= 0 <= upper``.
    standardize : bool, default=False
        Penalise the coefficients of columns divided by their (weighted, 1/n) standard deviation.
        ``coef_`` is on the original scale.
    tol : float, default=1e-6
        Stop when the duality gap is at most ``tol`` times the loss of the model without
        coefficients.
    max_iter : int, default=1000
        Bound of the solver's outer iterations.
    warm_start : bool, default=False
        Start from the coefficients of the previous fit.
    n_jobs : int, optional
        Threads; None is 1, -1 all. The result is the same to the bit for any number.
    solver : {"auto", "gram", "naive", "fista", "ag", "pncg"}, default="auto"
        Keep inner products of the columns, or residuals ("auto" chooses by size), or use a
        first-order method, which needs products with X only: see :func:`taut.prox.minimize`.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features)
        Of the dtype of X.
    intercept_ : ndarray of shape (1,)
    classes_ : ndarray of shape (2,)
        Labels of positive total weight, sorted.
    dual_gap_ : float
        Duality gap in units of the objective: the objective is at most this far from its minimum.
    n_iter_ : int
    alpha_max_ : float
        Least strength at which all penalised coefficients are zero.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)
        Only if X is a frame with text column names.

    See Also
    --------
    LogisticLassoCV : Chooses ``alpha`` by cross-validation.
    MultinomialLasso : Any number of classes.

    Notes
    -----
    ``C`` of scikit-learn's ``LogisticRegression`` is ``1 / (n * alpha)``.

    References
    ----------
    .. [1] J. Friedman, T. Hastie, R. Tibshirani (2010), Regularization paths for generalized
       linear models via coordinate descent, J. Stat. Softw. 33(1).

    Examples
    --------
    At half of the least strength that gives zero, one feature is in.

    >>> from taut.linear_model import LogisticLasso
    >>> X = [[0.0, 1.0], [1.0, -1.0], [2.0, 1.0], [3.0, -1.0]]
    >>> model = LogisticLasso(alpha=0.25).fit(X, ["no", "no", "yes", "yes"])
    >>> model.coef_.round(3)
    array([[0.908, 0.   ]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **STRENGTH,
        **L1_RATIO,
        **PROBLEM,
        **WARM_START,
    }

    alpha: float = 0.01
    l1_ratio: float = field(default=1.0, kw_only=True)


@dataclass(eq=False, repr=False)
class LogisticLassoCV(CrossValidatedPath, _TwoClasses, Bounded, CVParameters):
    r"""Logistic regression whose L1 strength is chosen by cross-validation.

    Minimises ``1/n * sum_i [log(1 + exp(eta_i)) - y_i eta_i] + alpha * (l1_ratio * ||b||_1 +
    (1 - l1_ratio)/2 * ||b||^2)`` along a path of strengths, on all rows and with each fold left
    out, and takes the strength of least mean loss on the rows left out, or the strongest within
    one standard error of it. Folds are stratified by class.

    Parameters
    ----------
    l1_ratio : float or array-like of float, default=1.0
        Between 0 (ridge) and 1 (L1). Of several, the one with the least mean loss is kept.
    alphas, cv, rule, n_jobs, random_state, progress
        See :class:`LassoCV`.
    eps : float, optional
        Ratio of the least to the largest strength. By default 1e-4 if there are more samples than
        features, else 1e-2.
    scoring : {"deviance", "class"}, default="deviance"
        Loss on the rows left out: ``-2 log p`` with probabilities clipped to [1e-5, 1 - 1e-5] as in
        glmnet, or the share of wrong predictions.
    fit_intercept, positive, penalty_factor, lower, upper, standardize, tol, max_iter, solver
        See :class:`LogisticLasso`.

    Attributes
    ----------
    l1_ratio_ : float
        The chosen mixture; all other attributes belong to it.
    cv_mean_, cv_se_ : ndarray of shape (n_alphas,)
        Mean loss over folds, weighted by the folds' weights, and its standard error.
    loss_path_ : ndarray of shape (n_alphas, n_folds)
    alpha_, alpha_min_, alpha_1se_, alphas_, path_
        See :class:`LassoCV`.
    coefs_path_, intercepts_path_, dual_gaps_, selection_frequency_
        See :class:`LassoCV`.
    coef_, intercept_, classes_, dual_gap_, n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`LogisticLasso`.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from taut.linear_model import LogisticLassoCV
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = LogisticLassoCV(alphas=20, rule="1se", standardize=True).fit(X, y)
    >>> model.score(X, y) > 0.95
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CV,
        **L1_RATIOS,
        **PROBLEM,
        "scoring": [StrOptions({"deviance", "class"})],
    }
    _tuned: ClassVar[tuple[str, ...]] = ("l1_ratio",)

    l1_ratio: float | ArrayLike = field(default=1.0, kw_only=True)
    scoring: str = field(default="deviance", kw_only=True)


__all__ = ["LogisticLasso", "LogisticLassoCV"]

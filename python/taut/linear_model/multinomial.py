# SPDX-License-Identifier: BSD-3-Clause
"""Multinomial Lasso: any number of classes, features shared or not."""

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

_GROUPED: dict[str, list[Any]] = {"grouped": ["boolean"]}


class _SeveralClasses(LinearClassifier):
    _datafit_type = datafits.Multinomial

    grouped: bool
    l1_ratio: Any

    def _make_penalty(self, **tuned: Any) -> penalties.Penalty:
        kind = penalties.Group if self.grouped else penalties.ElasticNet
        return kind(**{"l1_ratio": self.l1_ratio, **tuned})


@dataclass(eq=False, repr=False)
class MultinomialLasso(SingleFit, _SeveralClasses, Bounded, SingleParameters):
    r"""Multinomial regression with an L1, group or elastic-net penalty, as glmnet poses it.

    Minimises ``-1/n * sum_i log P[i, y_i] + alpha * sum_j (l1_ratio * pen(B_j) +
    (1 - l1_ratio)/2 * ||B_j||^2)``, where row ``P_i`` is the softmax of ``x_i' B + c``, one column
    of ``B`` per class and none left out, and ``pen(B_j)`` is ``||B_j||_1``, or ``||B_j||_2`` if
    `grouped`: a feature is then in for all classes or for none. Intercepts are not penalised.

    Parameters
    ----------
    alpha : float, default=0.01
        Penalty strength >= 0.
    l1_ratio : float, default=1.0
        Between 0 (ridge) and 1 (Lasso).
    grouped : bool, default=False
    standardize : bool, default=True
        Penalise the coefficients of columns divided by their (weighted, 1/n) standard deviation,
        as glmnet does by default. ``coef_`` is on the original scale.
    fit_intercept : bool, default=True
    positive : bool, default=False
        The same as ``lower=0``.
    penalty_factor : array-like of shape (n_features,), optional
        Multipliers >= 0 of the penalty: 0 leaves a feature unpenalised, ``inf`` keeps it out. They
        are not rescaled (glmnet rescales them to sum to ``n_features``).
    lower, upper : float or array-like of shape (n_features,), optional
        Bounds of the coefficients in every class, ``lower <= 0 <= upper``.
    tol : float, default=1e-7
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
    coef_ : ndarray of shape (n_classes, n_features)
        Of the dtype of X.
    intercept_ : ndarray of shape (n_classes,)
        They sum to zero.
    classes_ : ndarray of shape (n_classes,)
        Labels of positive total weight, sorted; column numbers (or names) if y was a matrix.
    dual_gap_ : float
        Duality gap in units of the objective: the objective is at most this far from its minimum.
    n_iter_ : int
    alpha_max_ : float
        Least strength at which all penalised coefficients are zero.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)
        Only if X is a frame with text column names.

    Notes
    -----
    ``fit`` also takes y of shape (n_samples, n_classes) with counts or proportions: its rows are
    divided by their sums, which multiply the sample weights.

    A constant added to a feature's coefficients in all classes changes no probability. The penalty
    fixes it: without `grouped` and with ``l1_ratio=1`` zero is a median of the coefficients.

    With two classes ``decision_function`` is the log odds of the second; the model then equals
    :class:`LogisticLasso` at the same strength if ``l1_ratio=1``.

    References
    ----------
    .. [1] J. Friedman, T. Hastie, R. Tibshirani (2010), Regularization paths for generalized
       linear models via coordinate descent, J. Stat. Softw. 33(1).
    .. [2] N. Simon, J. Friedman, T. Hastie (2013), A blockwise descent algorithm for
       group-penalized multiresponse and multinomial regression, arXiv:1311.6529.

    Examples
    --------
    Which measurements tell irises apart:

    >>> from sklearn.datasets import load_iris
    >>> from taut.linear_model import MultinomialLasso
    >>> model = MultinomialLasso(alpha=0.05).fit(*load_iris(return_X_y=True))
    >>> (model.coef_.round(2) + 0.0).tolist()
    [[0.0, 0.75, -1.36, 0.0], [0.0, -0.05, 0.0, 0.0], [0.0, 0.0, 0.0, 3.33]]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **STRENGTH,
        **L1_RATIO,
        **_GROUPED,
        **PROBLEM,
        **WARM_START,
    }

    alpha: float = 0.01
    l1_ratio: float = field(default=1.0, kw_only=True)
    grouped: bool = field(default=False, kw_only=True)
    standardize: bool = field(default=True, kw_only=True)
    tol: float = field(default=1e-7, kw_only=True)


@dataclass(eq=False, repr=False)
class MultinomialLassoCV(CrossValidatedPath, _SeveralClasses, Bounded, CVParameters):
    r"""Multinomial Lasso whose strength is chosen by cross-validation.

    Minimises the objective of :class:`MultinomialLasso` along a path of strengths, on all rows and
    with each fold left out, and takes the strength of least mean loss on the rows left out, or the
    strongest within one standard error of it. Folds are stratified by class.

    Parameters
    ----------
    l1_ratio : float or array-like of float, default=1.0
        Between 0 (ridge) and 1 (Lasso). Of several, the one with the least mean loss is kept.
    alphas, cv, rule, n_jobs, random_state, progress
        See :class:`LassoCV`.
    eps : float, optional
        Ratio of the least to the largest strength. By default 1e-4 if there are more samples than
        features, else 1e-2.
    scoring : {"deviance", "class"}, default="deviance"
        Loss on the rows left out: ``-2 log p`` with probabilities clipped to [1e-5, 1 - 1e-5] as in
        glmnet, or the share of wrong predictions.
    grouped, standardize, fit_intercept, positive, penalty_factor, lower, upper
        See :class:`MultinomialLasso`. Standardisation is done anew in every fold.
    tol, max_iter, solver
        See :class:`MultinomialLasso`.

    Attributes
    ----------
    l1_ratio_ : float
        The chosen mixture; all other attributes belong to it.
    cv_mean_, cv_se_ : ndarray of shape (n_alphas,)
        Mean loss over folds, weighted by the folds' weights, and its standard error.
    loss_path_ : ndarray of shape (n_alphas, n_folds)
    coefs_path_ : ndarray of shape (n_alphas, n_classes, n_features)
    intercepts_path_ : ndarray of shape (n_alphas, n_classes)
    selection_frequency_ : ndarray of shape (n_classes, n_features)
        Share of the folds in which the coefficient at the chosen strength is not zero.
    alpha_, alpha_min_, alpha_1se_, alphas_, dual_gaps_, path_
        See :class:`LassoCV`.
    coef_, intercept_, classes_, dual_gap_, n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`MultinomialLasso`.

    Notes
    -----
    The loss of the folds follows R's ``cv.glmnet``. A class needs at least two observations.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from taut.linear_model import MultinomialLassoCV
    >>> X, y = load_wine(return_X_y=True)
    >>> model = MultinomialLassoCV(alphas=20, rule="1se").fit(X, y)
    >>> model.coefs_path_.shape[1:], model.score(X, y) > 0.95
    ((3, 13), True)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CV,
        **L1_RATIOS,
        **_GROUPED,
        **PROBLEM,
        "scoring": [StrOptions({"deviance", "class"})],
    }
    _tuned: ClassVar[tuple[str, ...]] = ("l1_ratio",)

    l1_ratio: float | ArrayLike = field(default=1.0, kw_only=True)
    grouped: bool = field(default=False, kw_only=True)
    standardize: bool = field(default=True, kw_only=True)
    scoring: str = field(default="deviance", kw_only=True)
    tol: float = field(default=1e-7, kw_only=True)


__all__ = ["MultinomialLasso", "MultinomialLassoCV"]

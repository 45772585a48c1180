# SPDX-License-Identifier: BSD-3-Clause
"""Counts and rates: Poisson regression with a sparse penalty."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from sklearn.utils._param_validation import StrOptions

from taut import datafits, penalties
from taut.linear_model._base import CountRegressor, SingleFitWithOffset
from taut.linear_model._cv import CrossValidatedPathWithOffset
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


@dataclass(eq=False, repr=False)
class PoissonLasso(SingleFitWithOffset, CountRegressor, Bounded, SingleParameters):
    r"""Poisson regression with an L1 or elastic-net penalty.

    Minimises ``1/n * sum_i [exp(eta_i) - y_i eta_i] + alpha * (l1_ratio * ||b||_1 +
    (1 - l1_ratio)/2 * ||b||^2)`` with ``eta = X b + c + offset``; with sample weights the mean is
    the weighted one. The intercept ``c`` is not penalised.

    Parameters
    ----------
    alpha : float, default=0.01
        Penalty strength >= 0, in the units of ``X.T @ y / n``.
    l1_ratio : float, default=1.0
        Between 0 (ridge) and 1 (L1).
    fit_intercept, positive, lower, upper, penalty_factor, standardize
        See :class:`Lasso`.
    tol, max_iter, warm_start, n_jobs, solver
        See :class:`Lasso`.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
    intercept_ : float
    dual_gap_, n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`Lasso`.

    Notes
    -----
    ``fit`` takes ``offset``, the logarithm of the exposure of each row; ``predict`` and ``score``
    then need one too. A model of rates ``y / exposure`` with ``sample_weight=exposure`` is the
    same one.

    ``score`` is D2, the share of the deviance explained.

    References
    ----------
    .. [1] J. Friedman, T. Hastie, R. Tibshirani (2010), Regularization paths for generalized
       linear models via coordinate descent, J. Stat. Softw. 33(1).

    Examples
    --------
    Counts that double with each step:

    >>> import numpy as np
    >>> from taut.linear_model import PoissonLasso
    >>> model = PoissonLasso(alpha=0.0).fit([[0.0], [1.0], [2.0]], [1, 2, 4])
    >>> np.exp(model.coef_).round(3), model.predict([[3.0]]).round(2)
    (array([2.]), array([8.]))
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **STRENGTH,
        **L1_RATIO,
        **PROBLEM,
        **WARM_START,
    }
    _datafit_type = datafits.Poisson
    _penalty_type = penalties.ElasticNet

    alpha: float = 0.01
    l1_ratio: float = field(default=1.0, kw_only=True)


@dataclass(eq=False, repr=False)
class PoissonLassoCV(CrossValidatedPathWithOffset, CountRegressor, Bounded, CVParameters):
    r"""Poisson regression whose L1 strength is chosen by cross-validation.

    Minimises the objective of :class:`PoissonLasso` along a path of strengths, on all rows and
    with each fold left out, and takes the strength of least mean deviance on the rows left out,
    or the strongest within one standard error of it.

    Parameters
    ----------
    l1_ratio : float or array-like of float, default=1.0
        Between 0 (ridge) and 1 (L1). Of several, the one with the least mean loss is kept.
    alphas, cv, rule, n_jobs, random_state, progress
        See :class:`LassoCV`.
    eps : float, optional
        Ratio of the least to the largest strength. By default 1e-4 if there are more samples than
        features, else 1e-2.
    scoring : {"deviance", "mse", "mae"}, default="deviance"
        Loss on the rows left out.
    fit_intercept, positive, lower, upper, penalty_factor, standardize, tol, max_iter, solver
        See :class:`Lasso`.

    Attributes
    ----------
    l1_ratio_ : float
        The chosen mixture; all other attributes belong to it.
    alpha_, alpha_min_, alpha_1se_, alphas_, cv_mean_, cv_se_, loss_path_, path_
        See :class:`LassoCV`.
    coefs_path_, intercepts_path_, dual_gaps_, selection_frequency_
        See :class:`LassoCV`.
    coef_, intercept_, dual_gap_, n_iter_, alpha_max_, n_features_in_, feature_names_in_
        See :class:`PoissonLasso`.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.linear_model import PoissonLassoCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((100, 5))
    >>> y = rng.poisson(np.exp(X[:, 0]))
    >>> PoissonLassoCV(alphas=20).fit(X, y).score(X, y) > 0.4
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CV,
        **L1_RATIOS,
        **PROBLEM,
        "scoring": [StrOptions({"deviance", "mse", "mae"})],
    }
    _datafit_type = datafits.Poisson
    _penalty_type = penalties.ElasticNet
    _tuned: ClassVar[tuple[str, ...]] = ("l1_ratio",)

    l1_ratio: float | ArrayLike = field(default=1.0, kw_only=True)
    scoring: str = field(default="deviance", kw_only=True)


__all__ = ["PoissonLasso", "PoissonLassoCV"]

# SPDX-License-Identifier: BSD-3-Clause
"""The model without penalty on the features that another has chosen."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.base import _fit_context, clone
from sklearn.utils._param_validation import HasMethods

from taut._threads import n_threads
from taut.linear_model._base import PenalizedModel
from taut.linear_model._problem import warn_unless_converged
from taut.linear_model.lasso import LassoCV
from taut.linear_model.relaxed import refit
from taut.model_selection._path_choice import Meta
from taut.penalties import L1
from taut.typing import ArrayLike, MatrixLike


@dataclass(eq=False, repr=False)
class Refitted(Meta):
    r"""Fits a selector, then the same datafit without penalty on the features it selected.

    Least squares after the Lasso, an unpenalised logistic regression after
    ``LogisticLassoCV``, and so on: the coefficients are not shrunk. Their standard errors as if
    the features had been chosen beforehand are too small all the same.

    Parameters
    ----------
    estimator : estimator, default=None
        One of :mod:`taut.linear_model` or a :class:`PathCV`, :class:`PathIC` or
        :class:`StabilitySelection`. Features count as selected where ``coef_`` is not zero, or
        where ``get_support()`` says so. None is ``LassoCV()``.

    Attributes
    ----------
    selector_ : estimator
        The fitted selector.
    estimator_ : estimator
        A copy of the model in it with the coefficients of the refit.
    support_ : ndarray of bool of shape (n_features,)
    refit_gap_ : float
        Duality gap of the refit in units of the loss.
    coef_, intercept_, classes_, n_features_in_, feature_names_in_
        As of the estimator.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or the estimator has no coefficients.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from taut.linear_model import Lasso
    >>> from taut.model_selection import Refitted
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = Refitted(Lasso(alpha=10.0, standardize=True)).fit(X, y)
    >>> [int(b) for b in model.coef_[model.support_]]
    [555, 269, -193, 484]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasMethods(["fit", "get_params"]), None]
    }

    estimator: Any = None

    def _unfitted(self) -> Any:
        return LassoCV() if self.estimator is None else self.estimator

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> Any:
        """Fit the selector, then the refit.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`taut.linear_model.Lasso.fit`.

        Returns
        -------
        self : object

        Raises
        ------
        TypeError
            If the estimator holds no model of :mod:`taut.linear_model`.
        ValueError
            If the data are not what the estimator takes.
        """
        selector = clone(self._unfitted())
        weight = {} if sample_weight is None else {"sample_weight": sample_weight}
        selector.fit(X, y, **weight)
        inner = getattr(selector, "estimator_", selector)
        if not isinstance(inner, PenalizedModel):
            raise TypeError(
                "Refitted needs an estimator of taut.linear_model or a selector that holds one, "
                f"got {self.estimator!r}."
            )
        if hasattr(selector, "get_support"):
            support = np.asarray(selector.get_support())
        else:
            support = np.asarray(np.atleast_2d(selector.coef_).any(axis=0))
        model = copy(inner)
        problem = model._problem(X, y, sample_weight, None, L1(), penalty_factor=None)
        raw = refit(problem, np.flatnonzero(support), None, n_threads(inner.n_jobs))
        warn_unless_converged(problem, [raw])
        coefs = np.zeros((1, raw["coefs"].shape[1], support.size))
        coefs[0][:, support] = raw["coefs"][0]
        raw["coefs"] = coefs
        PenalizedModel._store(model, problem, raw, 0)
        self.selector_, self.estimator_, self.support_ = selector, model, support
        self.refit_gap_ = float(raw["dual_gaps"][0])
        self._take_over()
        return self


__all__ = ["Refitted"]

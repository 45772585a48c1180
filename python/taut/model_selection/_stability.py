# SPDX-License-Identifier: BSD-3-Clause
"""Which features are chosen again and again from halves of the rows."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, _fit_context, clone, is_classifier
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import get_tags
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_is_fitted

from taut._random import generator
from taut._validation import (
    DESIGN_CHECKS,
    Float64,
    check_alphas,
    is_integral,
    name_classes,
    validate_data,
)
from taut.linear_model._base import SingleFit
from taut.linear_model._grid import default_grid, glmnet_eps
from taut.linear_model._problem import Problem
from taut.linear_model.general import PenalizedGLM
from taut.typing import ArrayLike, BoolArray, MatrixLike, RandomState

#: Half samples may have a larger alpha_max than all rows; their paths begin above it.
_HEADROOM = 2.0


@dataclass(eq=False, repr=False)
class StabilitySelection(SelectorMixin, MetaEstimatorMixin, BaseEstimator):
    r"""Keeps the features that an estimator selects from most halves of the rows.

    Draws ``n_resamples`` random splits of the rows into two halves (stratified by class) and
    follows the estimator's path on each half until ``max_features`` features have been active. A
    feature is kept if it was among them in a share of at least ``threshold`` of all halves.

    Parameters
    ----------
    estimator : estimator, default=None
        One of :mod:`taut.linear_model` with ``alpha`` (which is not used), or any other with
        ``coef_`` that is fitted as it is. None is ``PenalizedGLM(standardize=True)``.
    n_resamples : int, default=50
        Pairs of halves, so there are twice as many fits.
    threshold : float, default=0.75
        In (0.5, 1].
    max_features : int, optional
        Features to take from each half. By default the most for which the bound on the expected
        number of wrong features is at most 1. Not used for other estimators than taut's.
    alphas : int or array-like of shape (n_alphas,), default=100
        Number of strengths, or the strengths themselves.
    eps : float, optional
        Ratio of the least to the largest strength. By default 1e-4 if there are more samples than
        features, else 1e-2.
    n_jobs : int, optional
        Halves that are fitted side by side, by joblib. The result does not depend on it.
    random_state : int, Generator or RandomState, optional

    Attributes
    ----------
    selection_probabilities_ : ndarray of shape (n_features,)
        Share of the halves in which the feature was selected.
    probabilities_path_ : ndarray of shape (n_alphas, n_features)
        The same up to each strength, growing as the penalty weakens; for estimators of taut.
    alphas_ : ndarray of shape (n_alphas,)
    max_features_ : int
        Features taken from each half at most (the largest number seen, for other estimators).
    mean_selected_ : float
        Mean number of features selected from a half.
    error_bound_ : float
        Bound on the expected number of kept features that are not better than chance at being
        selected: ``q^2 / ((2 threshold - 1) p)`` with ``q = max_features_`` [1]_ [2]_.
    error_bound_unimodal_ : float
        The sharper one if the distribution of the selection shares of such features has one mode
        [2]_; ``nan`` where it does not hold.
    n_features_in_, feature_names_in_
        See :class:`taut.linear_model.Lasso`.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or the estimator has no path.

    Notes
    -----
    ``fit`` takes no sample weights: drawing halves of repeated rows is not drawing halves of
    weighted ones.

    "Wrong" are features that a random half selects with a probability of at most ``q / p``, the
    average one; no exchangeability is assumed. For an estimator that is not of taut, q in the
    bound is the mean number of features selected.

    References
    ----------
    .. [1] N. Meinshausen, P. Bühlmann (2010), Stability selection, J. R. Stat. Soc. B 72, 417-473,
       theorem 1.
    .. [2] R. D. Shah, R. J. Samworth (2013), Variable selection with error control: another look
       at stability selection, J. R. Stat. Soc. B 75, 55-80, theorems 1 and 2.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from taut.linear_model import Lasso
    >>> from taut.model_selection import StabilitySelection
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> stable = StabilitySelection(Lasso(standardize=True), random_state=0).fit(X, y)
    >>> stable.get_feature_names_out()
    array(['bmi', 's5'], dtype=object)
    >>> print(stable.report())
    2 of 10 features selected from at least 0.75 of 100 half samples, at most 2 from each.
    Expected number of wrong ones: at most 0.8 (0.41 if selection shares are unimodal).
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasMethods(["fit", "get_params"]), None],
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "threshold": [Interval(Real, 0.5, 1, closed="right")],
        "max_features": [Interval(Integral, 1, None, closed="left"), None],
        "alphas": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "eps": [Interval(Real, 0, 1, closed="neither"), None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state", np.random.Generator],
    }

    estimator: Any = None
    _: KW_ONLY
    n_resamples: int = 50
    threshold: float = 0.75
    max_features: int | None = None
    alphas: int | ArrayLike = 100
    eps: float | None = None
    n_jobs: int | None = None
    random_state: RandomState = None

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: MatrixLike, y: ArrayLike) -> StabilitySelection:
        """Fit the estimator on halves of the rows and count what it selects.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)

        Returns
        -------
        self : StabilitySelection

        Raises
        ------
        ValueError
            If there are fewer than two rows (of a class), or the data are not what the estimator
            takes.
        """
        model = clone(self._unfitted())
        pairs = Parallel(n_jobs=self.n_jobs, prefer="threads")
        rng = generator(self.random_state)
        if isinstance(model, SingleFit):
            model._validate_params()
            problem = model._problem(X, y, None)
            validate_data(self, X, skip_check_array=True)
            weights = problem.weights()  # of counts, if y was a matrix
            codes = None if problem.target is None else problem.target.codes
            halves = self._halves(weights, codes, None if codes is None else problem.target, rng)
            alphas, most = self._grid(model, problem), self._most(problem.X.shape[1])
            entered = pairs(
                delayed(_first_entries)(model, problem, weights, half, alphas, most)
                for half in halves
            )
            entry = np.stack(entered)  # (n_halves, p): step at which a feature came in
            steps = np.arange(alphas.size)
            path = np.stack([(entry <= k).mean(axis=0) for k in steps])
            self.alphas_, self.probabilities_path_ = alphas, path
            chosen, q, self.max_features_ = entry < alphas.size, float(most), most
        else:
            X = validate_data(self, X, **{**DESIGN_CHECKS, "accept_sparse": "csr"})
            y = np.asarray(y)
            codes = np.unique(y, return_inverse=True)[1] if is_classifier(model) else None
            halves = self._halves(np.ones(X.shape[0]), codes, None, rng)
            chosen = np.stack(
                pairs(delayed(_support_of)(clone(model), X, y, half) for half in halves)
            )
            q, self.max_features_ = float(chosen.sum(axis=1).mean()), int(chosen.sum(axis=1).max())
        self.mean_selected_ = float(chosen.sum(axis=1).mean())
        self.selection_probabilities_ = chosen.mean(axis=0)
        p = chosen.shape[1]
        self.error_bound_ = _bound(q, p, float(self.threshold))
        self.error_bound_unimodal_ = _unimodal_bound(q, p, float(self.threshold), self.n_resamples)
        self.estimator_ = model
        return self

    def report(self) -> str:
        """Return the result and its error bounds in words.

        Returns
        -------
        str
        """
        check_is_fitted(self, "selection_probabilities_")
        support = self.get_support()
        sharp = self.error_bound_unimodal_
        extra = "" if np.isnan(sharp) else f" ({sharp:.2g} if selection shares are unimodal)"
        return (
            f"{int(support.sum())} of {support.size} features selected from at least "
            f"{self.threshold:g} of {2 * self.n_resamples} half samples, at most "
            f"{self.max_features_} from each.\n"
            f"Expected number of wrong ones: at most {self.error_bound_:.2g}{extra}."
        )

    def plot(self, ax: Any = None, **kwargs: Any) -> Any:
        """Draw the selection shares.

        Parameters
        ----------
        ax : Axes, optional
        **kwargs
            Passed to :meth:`taut.plotting.StabilityDisplay.from_estimator`.

        Returns
        -------
        taut.plotting.StabilityDisplay
        """
        from taut.plotting import StabilityDisplay

        return StabilityDisplay.from_estimator(self, ax=ax, **kwargs)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self._unfitted())
        tags.input_tags.sparse = inner.input_tags.sparse
        tags.target_tags.required = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "selection_probabilities_")

    def _unfitted(self) -> Any:
        return PenalizedGLM(standardize=True) if self.estimator is None else self.estimator

    def _get_support_mask(self) -> BoolArray:
        check_is_fitted(self)
        # Shares are sums of 1/(2 n): a share that equals the threshold must not miss it.
        return np.asarray(self.selection_probabilities_ >= self.threshold - 1e-9)

    def _most(self, p: int) -> int:
        if self.max_features is not None:
            return int(self.max_features)
        return max(int(np.sqrt((2.0 * self.threshold - 1.0) * p)), 1)

    def _grid(self, model: SingleFit, problem: Problem) -> Float64:
        if not is_integral(self.alphas):
            return check_alphas(self.alphas)
        problem.require_penalty()
        count = int(np.asarray(self.alphas))
        eps = glmnet_eps(*problem.X.shape) if self.eps is None else float(self.eps)
        return default_grid(_HEADROOM * model._alpha_max(problem, 1), count, eps / _HEADROOM)

    def _halves(
        self, weights: Float64, codes: NDArray[np.intp] | None, target: Any, rng: Any
    ) -> list[NDArray[np.intp]]:
        """Return the halves, pair after pair; no row is in both of a pair."""
        on = weights > 0
        strata = [np.flatnonzero(on)]
        if codes is not None:
            strata = [np.flatnonzero(on & (codes == k)) for k in range(int(codes.max()) + 1)]
        small = [k for k, rows in enumerate(strata) if rows.size < 2]
        if small:
            what = "rows"
            if codes is not None:
                names = small if target is None else target.classes[small]
                what = f"rows of every class (class {name_classes(names)} has fewer)"
            raise ValueError(
                f"StabilitySelection needs at least 2 {what} to halve, got "
                f"n_samples={int(on.sum())}."
            )
        halves = []
        for _ in range(self.n_resamples):
            one, two = [], []
            for rows in strata:
                shuffled = rng.permutation(rows)
                half = rows.size // 2
                one.append(shuffled[:half])
                two.append(shuffled[half : 2 * half])
            halves += [np.sort(np.concatenate(one)), np.sort(np.concatenate(two))]
        return halves


def _first_entries(
    model: SingleFit,
    problem: Problem,
    weights: Float64,
    half: NDArray[np.intp],
    alphas: Float64,
    most: int,
) -> NDArray[np.intp]:
    """Step of a half's path at which each feature came in, n_alphas if it did not.

    Steps count until more than `most` features have been active.
    """
    mask = np.zeros_like(weights)
    mask[half] = weights[half]
    raw = model._solve(
        problem, sample_weight=mask, alphas=alphas, n_threads=1, max_active=int(most)
    )
    used = raw["coefs"].any(axis=1)
    ever = np.maximum.accumulate(used, axis=0)
    within = ever.sum(axis=1) <= most
    ever = ever[: int(within.sum())]  # growing, so the steps within come first
    entry = np.full(used.shape[1], alphas.size, dtype=np.intp)
    if len(ever):
        entry[ever[-1]] = ever[:, ever[-1]].argmax(axis=0)
    return entry


def _support_of(model: Any, X: Any, y: NDArray[Any], half: NDArray[np.intp]) -> BoolArray:
    model.fit(X[half], y[half])
    return np.asarray(np.atleast_2d(model.coef_).any(axis=0))


def _bound(q: float, p: int, threshold: float) -> float:
    return min(q**2 / ((2.0 * threshold - 1.0) * p), q)


def _unimodal_bound(q: float, p: int, threshold: float, pairs: int) -> float:
    """Theorem 2 of Shah and Samworth, with E|selected| <= q; nan outside its conditions."""
    theta, tau, b = q / p, threshold, pairs
    lowest = min(0.5 + theta**2, 0.5 + 1.0 / (2 * b) + 0.75 * theta**2)
    if theta > 1.0 / np.sqrt(3.0) or tau <= lowest:
        return float("nan")
    if tau <= 0.75:
        spread = 2.0 * (2.0 * tau - 1.0 - 1.0 / (2 * b))
        if spread <= 0:
            return float("nan")
        constant = 1.0 / spread
    else:
        constant = 4.0 * (1.0 - tau + 1.0 / (2 * b)) / (1.0 + 1.0 / b)
    return float(constant * theta * q)


__all__ = ["StabilitySelection"]

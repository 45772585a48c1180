# SPDX-License-Identifier: BSD-3-Clause
"""Weights that make any learner see through censoring."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _num_samples, check_is_fitted

from taut._random import generator
from taut._validation import is_integral, is_real, validate_data
from taut.survival._censoring import TIE_RULES, CensoringCurve, observed_until
from taut.survival._conditional import (
    KERNELS,
    ConditionalKaplanMeier,
    check_bandwidth,
    same_length,
    without_entry,
)
from taut.survival._cox import CoxPH
from taut.survival._surv import (
    Censored,
    Float64,
    check_censored,
    check_weights,
    choice,
    snap,
    times_passed,
)
from taut.typing import MatrixLike, RandomState

METHODS = ("beran", "kaplan-meier", "cox", "none")
#: Shares of capped weights, and of records after the last event, from which on `fit` warns.
MANY_CAPPED, MANY_BEYOND = 0.01, 0.05


class CensoringWeights(BaseEstimator):
    r"""Weights ``event_i / G(T_i- | x_i)`` under which censored records stand for all.

    ``G(t | x)`` is the probability not to be censored by t. For every function f the mean of
    ``w_i f(T_i, x_i)`` estimates the mean of f over the times without censoring, if censoring and
    event are independent given x and G is positive; so any learner that takes ``sample_weight``
    can be trained on complete records alone.

    Parameters
    ----------
    method : {'beran', 'kaplan-meier', 'cox', 'none'}, default='beran'
        Estimate of G: :class:`ConditionalKaplanMeier`; :class:`CensoringCurve`, where censoring
        does not depend on x; :class:`CoxPH` of the censoring time; or 1, so that censored records
        are dropped and nothing makes up for them.
    leave_one_out : bool, default=True
        For 'beran': estimate G at each training record without it. A record that is its own
        neighbour keeps its risk set from becoming empty, and has too small a weight.
    cross_fit : int, optional
        Estimate G at each training record from the other ones of so many folds in place of that.
    min_survival : float, default=0.1
        Floor of G, in (0, 1]. Without one a single record can outweigh all others: the last one of
        its neighbourhood has G = 0 if the last but one is censored. A floor that is too low is
        worse than one that biases.
    tau : float, optional
        Horizon > 0: the target is min(T, tau), and records still observed at tau are complete.
        Needed where the largest times are all censored.
    normalize : bool, default=True
        Scale the weights to a mean of 1 (Hajek).
    bandwidth, kernel, kernel_features, tie_tol, random_state, n_jobs
        As in :class:`ConditionalKaplanMeier`.
    tie_rule : {'events_first', 'reverse'}, default='events_first'
        As in :class:`CensoringCurve`. Cox regression always keeps events at risk at their time.

    Attributes
    ----------
    weights_ : ndarray of shape (n_samples,)
        Of the training records; 0 for those that are not complete.
    time_ : ndarray of shape (n_samples,)
        ``min(T, tau)``.
    survival_ : ndarray of shape (n_samples,)
        G at the training records, before the floor; NaN for those that are not complete.
    n_capped_ : int
        How many weights the floor keeps down.
    max_weight_ : float
    effective_sample_size_ : float
        ``(sum w)**2 / sum w**2``.
    curve_ : ConditionalKaplanMeier, CensoringCurve, CoxPH or None
    bandwidth_ : float
        Of 'beran'.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)
        If X was a data frame with text column names.

    Raises
    ------
    ValueError
        If y has entry times or no complete record, an option is unknown, ``min_survival``,
        ``cross_fit`` or ``tau`` is out of range, or as :class:`ConditionalKaplanMeier`.

    Warns
    -----
    UserWarning
        If more than 1 % of the weights are capped, or if without ``tau`` more than 5 % of the
        records are censored after the last event.

    References
    ----------
    .. [1] G. Ausset, S. Clemencon, F. Portier (2022), Empirical risk minimization under random
       censorship, J. Mach. Learn. Res. 23, 1-59.
    .. [2] J. M. Robins, A. Rotnitzky (1992), Recovery of information and adjustment for dependent
       censoring using surrogate markers, in AIDS Epidemiology, 297-331.

    Examples
    --------
    >>> from taut.survival import CensoringWeights
    >>> model = CensoringWeights("kaplan-meier", normalize=False)
    >>> model.fit([[0.0]] * 4, ([1.0, 2.0, 3.0, 4.0], [1, 0, 1, 1])).weights_
    array([1. , 0. , 1.5, 1.5])
    """

    def __init__(
        self,
        method: str = "beran",
        *,
        leave_one_out: bool = True,
        cross_fit: int | None = None,
        min_survival: float = 0.1,
        tau: float | None = None,
        normalize: bool = True,
        bandwidth: float | str = "cv",
        kernel: str = "gaussian",
        kernel_features: ArrayLike | None = None,
        tie_rule: str = "events_first",
        tie_tol: str | int = "ulp",
        random_state: RandomState = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.method = method
        self.leave_one_out = leave_one_out
        self.cross_fit = cross_fit
        self.min_survival = min_survival
        self.tau = tau
        self.normalize = normalize
        self.bandwidth = bandwidth
        self.kernel = kernel
        self.kernel_features = kernel_features
        self.tie_rule = tie_rule
        self.tie_tol = tie_tol
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(
        self, X: MatrixLike, y: Any, sample_weight: ArrayLike | None = None
    ) -> CensoringWeights:
        """Estimate G and the weights of the training records.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            'kaplan-meier' and 'none' only count its rows.
        y : structured array, array of shape (n_samples, 2), or tuple of columns
            See :class:`Surv`; without entry times.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the records in the estimate of G. They are no factor of ``weights_``.

        Returns
        -------
        CensoringWeights
        """
        self._check_parameters()
        X, records = self._read(X, y, reset=True)
        weight = check_weights(sample_weight, records.time.shape[0])
        self.time_, complete = observed_until(records, self.tau)
        counted = complete if weight is None else complete & (weight > 0)
        if not counted.any():
            raise ValueError("all records are censored: nothing to learn.")
        self.survival_ = np.full(self.time_.shape[0], np.nan)
        rows = np.flatnonzero(complete)
        self.curve_: Any = self._curve(X, records, weight, self.bandwidth)
        if self.method == "beran":
            self.bandwidth_ = self.curve_.bandwidth_
        self.survival_[rows] = self._training_survival(X, records, weight, rows)
        self.n_capped_ = int(np.count_nonzero(self.survival_[rows] < self.min_survival))
        self.weights_ = self._weights(self.survival_, weight)
        self.max_weight_ = float(self.weights_.max())
        self.effective_sample_size_ = float(self.weights_.sum() ** 2 / (self.weights_**2).sum())
        self._warn(records, rows.size)
        return self

    def transform_weights(self, X: MatrixLike, y: Any) -> Float64:
        """Weights of new records by the curve of the training records.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : structured array, array of shape (n_samples, 2), or tuple of columns

        Returns
        -------
        ndarray of shape (n_samples,)
            Of mean 1 over these records with ``normalize``, unless all are 0.
        """
        return self.transform_targets(X, y)[1]

    def transform_targets(self, X: MatrixLike, y: Any) -> tuple[Float64, Float64]:
        """Times up to the horizon, and weights, of new records.

        Parameters
        ----------
        X, y
            As in :meth:`transform_weights`.

        Returns
        -------
        (ndarray of shape (n_samples,), ndarray of shape (n_samples,))
        """
        check_is_fitted(self, "weights_")
        X, records = self._read(X, y, reset=False)
        time, complete = observed_until(records, self.tau)
        survival = np.full(time.shape[0], np.nan)
        rows = np.flatnonzero(complete)
        if rows.size:
            points = None if X is None else X[rows]
            survival[rows] = self._left_limits(self.curve_, points, time[rows])
        return time, self._weights(survival, None)

    # --- parts ------------------------------------------------------------------------------

    def _check_parameters(self) -> None:
        choice(self.method, "method", METHODS)
        choice(self.tie_rule, "tie_rule", TIE_RULES)
        choice(self.kernel, "kernel", KERNELS)
        check_bandwidth(self.bandwidth, self.kernel)
        if not is_real(self.min_survival) or not 0 < self.min_survival <= 1:
            raise ValueError(f"min_survival must lie in (0, 1], got {self.min_survival!r}.")
        if self.tau is not None and (not is_real(self.tau) or not self.tau > 0):
            raise ValueError(f"tau must be > 0 or None, got {self.tau!r}.")
        if self.cross_fit is not None and (not is_integral(self.cross_fit) or self.cross_fit < 2):
            raise ValueError(
                f"cross_fit must be a whole number >= 2 or None, got {self.cross_fit!r}."
            )

    def _read(self, X: MatrixLike, y: Any, *, reset: bool) -> tuple[Any, Censored]:
        """X as the curve reads it (None if it does not), and the records."""
        records = snap(without_entry(check_censored(y), type(self).__name__), self.tie_tol)
        if self.method in ("beran", "cox"):
            X = validate_data(self, X, dtype=np.float64, reset=reset)
        same_length(_num_samples(X), records.time.shape[0])
        return X if self.method in ("beran", "cox") else None, records

    def _curve(
        self, X: Any, records: Censored, weight: Float64 | None, bandwidth: float | str
    ) -> Any:
        """Estimate of G from given records; None stands for 1."""
        if self.method == "kaplan-meier":
            return CensoringCurve(records, weight, self.tie_rule, self.tie_tol)
        if self.method == "beran":
            return ConditionalKaplanMeier(
                bandwidth,
                self.kernel,
                self.kernel_features,
                "censoring",
                self.tie_rule,
                tie_tol=self.tie_tol,
                random_state=self.random_state,
                n_jobs=self.n_jobs,
            ).fit(X, records[:2], weight)
        censored = records.event == 0 if weight is None else (records.event == 0) & (weight > 0)
        if self.method == "none" or not censored.any():
            return None
        cox = CoxPH(tie_tol=self.tie_tol, n_jobs=self.n_jobs)
        return cox.fit(X, (records.time, 1 - records.event), weight)

    def _left_limits(self, curve: Any, X: Any, time: Float64) -> Float64:
        """G just before the time of each row."""
        if curve is None:
            return np.ones(time.shape[0])
        if self.method == "kaplan-meier":
            return np.asarray(curve(time, left_limit=True))
        if self.method == "beran":
            return np.asarray(curve.predict_at(X, time, left_limit=True))
        hazard = np.concatenate([[0.0], curve.baseline_cumulative_hazard_])
        passed = times_passed(curve.baseline_time_, time, self.tie_tol, left_limit=True)
        return np.exp(-hazard[passed] * np.exp(curve.predict(X)))

    def _training_survival(
        self, X: Any, records: Censored, weight: Float64 | None, rows: NDArray[np.intp]
    ) -> Float64:
        time = self.time_[rows]
        if self.cross_fit is None or self.curve_ is None:
            if self.method == "beran":
                return np.asarray(
                    self.curve_.training_left_limits(rows, time, leave_out=bool(self.leave_one_out))
                )
            return self._left_limits(self.curve_, None if X is None else X[rows], time)
        n, k = self.time_.shape[0], int(self.cross_fit)
        if n < k:
            raise ValueError(f"cross_fit = {k} folds need as many records, got {n}.")
        fold = generator(self.random_state).permutation(np.arange(n) % k)
        out = np.empty(rows.size)
        for f in range(k):
            used, asked = fold != f, fold[rows] == f
            part = Censored(records.time[used], records.event[used], None)
            share = None if weight is None else weight[used]
            curve = self._curve(
                None if X is None else X[used], part, share, getattr(self, "bandwidth_", 1.0)
            )
            points = None if X is None else X[rows[asked]]
            if asked.any():
                out[asked] = self._left_limits(curve, points, time[asked])
        return out

    def _weights(self, survival: Float64, weight: Float64 | None) -> Float64:
        out = np.zeros(survival.shape[0])
        complete = ~np.isnan(survival)
        out[complete] = 1.0 / np.maximum(survival[complete], self.min_survival)
        total = out.sum() if weight is None else weight @ out
        if self.normalize and total > 0:
            out *= (out.shape[0] if weight is None else weight.sum()) / total
        return out

    def _warn(self, records: Censored, n_complete: int) -> None:
        if self.n_capped_ > MANY_CAPPED * n_complete:
            warnings.warn(
                f"{self.n_capped_} of {n_complete} weights are capped: the probability not to be "
                f"censored before these records' times is below min_survival = "
                f"{self.min_survival:g}. Estimates are biased towards shorter times; consider tau.",
                UserWarning,
                stacklevel=3,
            )
        if self.tau is None and self.method != "none":
            beyond = np.mean(records.time > records.time[records.event == 1].max())
            if beyond > MANY_BEYOND:
                warnings.warn(
                    f"{beyond:.0%} of the records are censored after the last event: nothing is "
                    "known of the longest times. Choose a horizon tau.",
                    UserWarning,
                    stacklevel=3,
                )

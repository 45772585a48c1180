# SPDX-License-Identifier: BSD-3-Clause
"""Cox's proportional hazards model."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from taut import _core
from taut._threads import n_threads
from taut._validation import validate_data
from taut.exceptions import ConvergenceWarning
from taut.survival._scores import concordance_index
from taut.survival._surv import (
    Censored,
    Float64,
    check_censored,
    check_groups,
    check_level,
    check_weights,
    choice,
    normal_quantile,
    snap,
    tie_ulps,
)
from taut.typing import MatrixLike

#: Change of the linear predictor by one more Newton step, in standard deviations of a column, from
#: which on a coefficient runs away; after convergence it is below 1e-8.
RUNAWAY = 1e-4

RESIDUALS = ("martingale", "deviance", "score", "schoenfeld", "scaled-schoenfeld", "dfbeta")


class ChiSquared(NamedTuple):
    """A chi-squared test."""

    statistic: float
    df: int
    p_value: float


class ProportionalHazardsResult(NamedTuple):
    """Result of :meth:`CoxPH.proportional_hazards_test`.

    Attributes
    ----------
    statistic, p_value : ndarray of shape (n_features,)
        One score statistic per feature, of one degree of freedom.
    overall : ChiSquared
        All features together: ``statistic``, ``df``, ``p_value``.

    Examples
    --------
    >>> from taut.datasets import load_lung
    >>> from taut.survival import CoxPH
    >>> lung = load_lung()
    >>> X, y = lung.data[:, :2], lung.y
    >>> CoxPH().fit(X, y).proportional_hazards_test(X, y).overall.df
    2
    """

    statistic: Float64
    p_value: Float64
    overall: ChiSquared


class CoxPH(BaseEstimator):
    r"""Cox regression: hazards ``h(t | x) = h0(t) exp(x b)`` with an unknown h0.

    Maximises the partial log-likelihood

    ``sum over event times [ sum_{i in D} w_i eta_i - sum_l v log(S0 - f_l D0) ]``,

    D the k records with an event at the time, v their mean weight, S0 and D0 the sums of
    ``w exp(eta)`` over the risk set and over D, and ``f_l = 0`` (Breslow) or ``l / k`` (Efron) for
    l = 0 to k - 1, by Newton's method.

    Parameters
    ----------
    ties : {'efron', 'breslow'}, default='efron'
    robust : bool or 'auto', default='auto'
        Sandwich variance in place of the inverse information; 'auto' takes it when ``fit`` gets
        clusters, or weights that are not whole numbers.
    conf_level : float, default=0.95
        Level of the limits in :meth:`summary`.
    tol : float, default=1e-12
        Stop when half the Newton decrement, an estimate of what the log-likelihood still lacks, is
        at most ``tol * max(1, |log-likelihood|)``. One more step follows.
    max_iter : int, default=30
    tie_tol : {'ulp', 'r', 0}, default='ulp'
        As in :class:`KaplanMeier`.
    n_jobs : int or None, default=None
        Threads for sorting.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Log hazard ratios. 0 for a column that depends on others before it (with a warning).
    variance_, naive_variance_ : ndarray of shape (n_features, n_features)
        The variance as ``robust`` asks, and the inverse information.
    std_err_ : ndarray of shape (n_features,)
    loglik_, loglik_null_ : float
        Partial log-likelihood at ``coef_`` and at 0.
    likelihood_ratio_test_, wald_test_, score_test_ : ChiSquared
        That all coefficients are 0; model-based.
    baseline_time_, baseline_cumulative_hazard_ : ndarray of shape (n_event_times,), or list of such
        Cumulative hazard for x = 0; one per stratum if there are strata.
    strata_ : ndarray of shape (n_strata,) or None
    means_ : ndarray of shape (n_features,)
        Weighted means of the columns.
    n_iter_ : int
    stop_crit_ : float
        Half the Newton decrement before the last step.
    converged_ : bool
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)
        If X was a data frame.

    Raises
    ------
    ValueError
        As :class:`KaplanMeier`; if there is no event, or X has missing values.

    References
    ----------
    .. [1] D. R. Cox (1972), J. R. Stat. Soc. B 34, 187-220.
    .. [2] B. Efron (1977), J. Am. Stat. Assoc. 72, 557-565.
    .. [3] T. M. Therneau, P. M. Grambsch (2000), Modeling Survival Data.

    Examples
    --------
    >>> from taut.datasets import load_lung
    >>> from taut.survival import CoxPH
    >>> lung = load_lung()
    >>> model = CoxPH().fit(lung.data[:, :2], lung.y)  # sex, age
    >>> model.coef_.round(4)
    array([-0.5132,  0.017 ])
    """

    def __init__(
        self,
        ties: str = "efron",
        *,
        robust: bool | str = "auto",
        conf_level: float = 0.95,
        tol: float = 1e-12,
        max_iter: int = 30,
        tie_tol: str | int = "ulp",
        n_jobs: int | None = None,
    ) -> None:
        self.ties = ties
        self.robust = robust
        self.conf_level = conf_level
        self.tol = tol
        self.max_iter = max_iter
        self.tie_tol = tie_tol
        self.n_jobs = n_jobs

    def fit(
        self,
        X: MatrixLike,
        y: Any,
        sample_weight: ArrayLike | None = None,
        *,
        strata: ArrayLike | None = None,
        cluster: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> CoxPH:
        """Fit the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : structured array, array of shape (n_samples, 2 or 3), or tuple of columns
            See :class:`Surv`. With entry times: (start, stop] rows, of which several may belong to
            one subject.
        sample_weight : array-like of shape (n_samples,), optional
        strata : array-like of shape (n_samples,), optional
            Each label has a baseline hazard of its own.
        cluster : array-like of shape (n_samples,), optional
            Labels of independent units for the robust variance, such as subjects.
        offset : array-like of shape (n_samples,), optional
            Added to the linear predictor.

        Returns
        -------
        CoxPH
        """
        choice(self.ties, "ties", ("efron", "breslow"))
        check_level(self.conf_level)
        if self.robust not in (True, False, "auto"):
            raise ValueError(f"robust must be True, False or 'auto', got {self.robust!r}.")
        if not self.tol > 0:
            raise ValueError(f"tol must be > 0, got {self.tol!r}.")
        if self.max_iter < 1:
            raise ValueError(f"max_iter must be >= 1, got {self.max_iter!r}.")
        data, records, labels = self._data(X, y, sample_weight, strata, offset, reset=True)
        codes = None
        if cluster is not None:
            codes, _ = check_groups(cluster, records.time.shape[0], "cluster")
        events = records.event == 1
        if data["weight"] is not None:
            events = events & (data["weight"] > 0)
        if not events.any():
            raise ValueError("no events: the partial likelihood is constant.")
        out = _core.cox_fit(data, float(self.tol), int(self.max_iter))
        self.coef_ = out["coef"]
        self.naive_variance_ = out["variance"]
        self.loglik_, self.loglik_null_ = out["loglik"], out["loglik_null"]
        self.n_iter_, self.stop_crit_ = out["n_iter"], out["stop_crit"]
        self.converged_ = out["converged"]
        self.means_ = out["means"]
        self.strata_ = labels
        self._baseline(out)
        aliased = out["aliased"] != 0
        df = int(np.count_nonzero(~aliased))
        null = _solve(out["information_null"], out["score_null"])
        self.score_test_ = _test(float(out["score_null"] @ null), df)
        self.wald_test_ = _test(float(self.coef_ @ out["information"] @ self.coef_), df)
        self.likelihood_ratio_test_ = _test(2.0 * (self.loglik_ - self.loglik_null_), df)
        weight = data["weight"]
        fractional = weight is not None and bool((weight % 1).any())
        self.variance_ = self.naive_variance_
        if self.robust is True or (self.robust == "auto" and (codes is not None or fractional)):
            influence = self._dfbeta(_core.cox_residuals(data, self.coef_)["score"], weight)
            if codes is not None:
                sums = np.zeros((int(codes.max()) + 1, self.coef_.size))
                np.add.at(sums, codes, influence)
                influence = sums
            self.variance_ = influence.T @ influence
        self.std_err_ = np.sqrt(np.diag(self.variance_))
        # Where columns order the events, each Newton step still moves the predictor by about 1.
        spread = np.sqrt(np.diag(out["information_null"]) / np.count_nonzero(events))
        self._warn(aliased, np.abs(out["next"]) * spread > RUNAWAY)
        return self

    def _warn(self, aliased: NDArray[np.bool_], endless: NDArray[np.bool_]) -> None:
        if aliased.any():
            names = getattr(self, "feature_names_in_", np.arange(aliased.size))
            shown = ", ".join(str(name) for name in names[aliased][:5])
            warnings.warn(
                f"columns {shown} are constant or depend on columns before them; "
                "their coefficients are set to 0.",
                UserWarning,
                stacklevel=3,
            )
        if self.converged_ and endless.any():
            names = getattr(self, "feature_names_in_", np.arange(endless.size))
            shown = ", ".join(str(name) for name in names[endless][:5])
            warnings.warn(
                f"the coefficients of columns {shown} may be infinite: they keep growing while the "
                "log-likelihood stands still, as for a feature that orders all events.",
                ConvergenceWarning,
                stacklevel=3,
            )
        if not self.converged_:
            warnings.warn(
                f"CoxPH stopped after {self.n_iter_} steps; the log-likelihood may still rise by "
                f"{self.stop_crit_:.1e}, the tolerance is "
                f"{self.tol * max(1.0, abs(self.loglik_)):.1e}. A coefficient may be infinite "
                "(a feature that orders all events); otherwise raise max_iter.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _data(
        self,
        X: MatrixLike,
        y: Any,
        sample_weight: Any,
        strata: Any,
        offset: Any,
        *,
        reset: bool,
    ) -> tuple[dict[str, Any], Censored, NDArray[Any] | None]:
        """Everything the kernel reads, checked."""
        records = snap(check_censored(y), self.tie_tol)
        X = validate_data(self, X, dtype=np.float64, order="C", reset=reset)
        n = X.shape[0]
        if records.time.shape[0] != n:
            raise ValueError(f"X has {n} rows, y has {records.time.shape[0]} records.")
        codes, labels = (None, None) if strata is None else check_groups(strata, n, "strata")
        if offset is not None:
            offset = np.ascontiguousarray(offset, dtype=np.float64)
            if offset.shape != (n,) or not np.isfinite(offset).all():
                raise ValueError(f"offset must hold {n} finite values, got {offset.shape}.")
        data = {
            "time": records.time,
            "event": records.event,
            "entry": records.entry,
            "weight": check_weights(sample_weight, n),
            "stratum": codes,
            "n_strata": 1 if labels is None else labels.size,
            "X": np.ascontiguousarray(X),
            "offset": offset,
            "ties": self.ties,
            "ulps": tie_ulps(self.tie_tol),
            "n_threads": n_threads(self.n_jobs),
        }
        return data, records, labels

    def _baseline(self, out: dict[str, Any]) -> None:
        inner = out["row_ptr"][1:-1]
        times = np.split(out["row_time"], inner)
        hazards = [np.cumsum(part) for part in np.split(out["baseline"], inner)]
        one = self.strata_ is None
        self.baseline_time_: Any = times[0] if one else times
        self.baseline_cumulative_hazard_: Any = hazards[0] if one else hazards

    def _dfbeta(self, score: Float64, weight: Float64 | None) -> Float64:
        influence = score @ self.naive_variance_
        return influence if weight is None else influence * weight[:, None]

    # --- questions ----------------------------------------------------------------------------

    def predict(self, X: MatrixLike) -> Float64:
        """Linear predictor ``X b``: the log hazard relative to x = 0, high for early events.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        check_is_fitted(self, "coef_")
        return validate_data(self, X, dtype=np.float64, reset=False) @ self.coef_

    def predict_cumulative_hazard(
        self, X: MatrixLike, times: ArrayLike, strata: ArrayLike | None = None
    ) -> Float64:
        """Cumulative hazard of each row at given times.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        times : array-like of shape (n_times,)
        strata : array-like of shape (n_samples,)
            Labels seen in ``fit``, if that had strata.

        Returns
        -------
        ndarray of shape (n_samples, n_times)
            0 before the first event; the last value after the last one.
        """
        relative = np.exp(self.predict(X))
        at = np.atleast_1d(np.asarray(times, dtype=np.float64))
        if at.ndim != 1 or np.isnan(at).any():
            raise ValueError("times must be one-dimensional and not NaN.")
        if self.strata_ is None:
            if strata is not None:
                raise ValueError("strata were given, but the model was fitted without.")
            base = _step(self.baseline_time_, self.baseline_cumulative_hazard_, at)
            return relative[:, None] * base
        if strata is None:
            raise ValueError("strata must be given: the model was fitted with strata.")
        labels = np.asarray(strata)
        if labels.shape != relative.shape:
            raise ValueError(f"strata must have shape {relative.shape}, got {labels.shape}.")
        out = np.empty((relative.size, at.size))
        known = np.zeros(relative.size, dtype=bool)
        for label, time, hazard in zip(
            self.strata_, self.baseline_time_, self.baseline_cumulative_hazard_, strict=True
        ):
            rows = labels == label
            out[rows] = relative[rows, None] * _step(time, hazard, at)
            known |= rows
        if not known.all():
            raise ValueError(f"stratum {str(labels[~known][0])!r} was not seen in fit.")
        return out

    def predict_survival_function(
        self, X: MatrixLike, times: ArrayLike, strata: ArrayLike | None = None
    ) -> Float64:
        """Probability that each row survives beyond given times: ``exp(-H)``.

        Parameters
        ----------
        X, times, strata
            As in :meth:`predict_cumulative_hazard`.

        Returns
        -------
        ndarray of shape (n_samples, n_times)
        """
        return np.exp(-self.predict_cumulative_hazard(X, times, strata))

    def score(self, X: MatrixLike, y: Any) -> float:
        """Harrell's C of the linear predictor."""
        return concordance_index(y, self.predict(X), tie_tol=self.tie_tol).statistic

    def summary(self) -> dict[str, Any]:
        """Coefficients with what is asked of them.

        Returns
        -------
        dict
            ``feature``, ``coef``, ``hazard_ratio``, ``std_err``, ``z``, ``p_value``, and limits of
            the hazard ratio ``lower`` and ``upper``; each of length n_features.
        """
        check_is_fitted(self, "coef_")
        from scipy.special import ndtr

        z = normal_quantile(self.conf_level)
        names = getattr(self, "feature_names_in_", [f"x{j}" for j in range(self.coef_.size)])
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            ratio = self.coef_ / self.std_err_
            return {
                "feature": [str(name) for name in names],
                "coef": self.coef_,
                "hazard_ratio": np.exp(self.coef_),
                "std_err": self.std_err_,
                "z": ratio,
                "p_value": 2.0 * ndtr(-np.abs(ratio)),
                "lower": np.exp(self.coef_ - z * self.std_err_),
                "upper": np.exp(self.coef_ + z * self.std_err_),
            }

    def residuals(
        self,
        X: MatrixLike,
        y: Any,
        kind: str = "martingale",
        sample_weight: ArrayLike | None = None,
        *,
        strata: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> Float64:
        """Residuals of the records that the model was fitted to.

        Parameters
        ----------
        X, y, sample_weight, strata, offset
            As in :meth:`fit`.
        kind : str, default='martingale'
            'martingale': event minus cumulative hazard, shape (n_samples,). 'deviance': the same on
            a scale that is about normal. 'score': derivative of the log-likelihood by the weight of
            each record, shape (n_samples, n_features). 'dfbeta': change of ``coef_`` when a record
            is left out, to first order, of the same shape. 'schoenfeld': covariate minus its mean
            over the risk set, shape (n_events, n_features), by stratum, time and position.
            'scaled-schoenfeld': these times the number of events and the variance, plus ``coef_``.

        Returns
        -------
        ndarray
        """
        check_is_fitted(self, "coef_")
        choice(kind, "kind", RESIDUALS)
        data, records, _ = self._data(X, y, sample_weight, strata, offset, reset=False)
        out = _core.cox_residuals(data, self.coef_)
        if kind == "score":
            return out["score"]
        if kind == "dfbeta":
            return self._dfbeta(out["score"], data["weight"])
        if kind == "schoenfeld":
            return out["schoenfeld"]
        if kind == "scaled-schoenfeld":
            events = out["schoenfeld"].shape[0]
            return self.coef_ + events * out["schoenfeld"] @ self.naive_variance_
        M = out["martingale"]
        if kind == "martingale":
            return M
        event = records.event == 1
        log = np.zeros_like(M)
        log[event] = np.log(1.0 - M[event])
        return np.sign(M) * np.sqrt(np.maximum(0.0, -2.0 * (M + log)))

    def proportional_hazards_test(
        self,
        X: MatrixLike,
        y: Any,
        sample_weight: ArrayLike | None = None,
        *,
        transform: str = "km",
        strata: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> ProportionalHazardsResult:
        """Test that hazard ratios do not change with time.

        Score test of adding ``x g(t)`` to the model, feature by feature and for all at once
        (Grambsch & Therneau 1994, in the exact form of R's ``cox.zph`` since version 3).

        Parameters
        ----------
        X, y, sample_weight, strata, offset
            As in :meth:`fit`.
        transform : {'km', 'identity', 'rank', 'log'}, default='km'
            g: one minus the Kaplan-Meier curve of all records just before t, t, the rank of t among
            the event times, or log t.

        Returns
        -------
        ProportionalHazardsResult
        """
        check_is_fitted(self, "coef_")
        choice(transform, "transform", ("km", "identity", "rank", "log"))
        data, records, _ = self._data(X, y, sample_weight, strata, offset, reset=False)
        out = _core.cox_residuals(data, self.coef_)
        time, count = out["row_time"], out["row_events"]
        if transform == "km":
            km = _core.survival_fit(
                records.time, records.event, records.entry, ulps=data["ulps"], conf_type=""
            )
            before = np.searchsorted(km["time"], time, side="left")
            g = 1.0 - np.concatenate([[1.0], km["survival"]])[before]
        elif transform == "rank":
            order = np.argsort(np.argsort(np.repeat(time, count.astype(int)), kind="stable"))
            g = _mean_by(np.asarray(order + 1.0), np.repeat(time, count.astype(int)), time)
        elif transform == "log":
            if time.min() <= 0:
                raise ValueError("transform='log' needs event times > 0.")
            g = np.log(time)
        else:
            g = time
        g = g - np.average(g, weights=count)
        u, cross = _core.cox_scaled(data, self.coef_, g)
        _, square = _core.cox_scaled(data, self.coef_, g * g)
        _, plain = _core.cox_scaled(data, self.coef_, np.ones_like(g))
        p = self.coef_.size
        statistic = np.empty(p)
        for j in range(p):
            matrix = np.block([[plain, cross[:, [j]]], [cross[[j], :], square[[j]][:, [j]]]])
            right = np.zeros(p + 1)
            right[p] = u[j]
            statistic[j] = right @ _solve(matrix, right)
        right = np.concatenate([np.zeros(p), u])
        total = float(right @ _solve(np.block([[plain, cross], [cross, square]]), right))
        used = np.diag(plain) > 0
        from scipy.special import chdtrc

        return ProportionalHazardsResult(
            statistic, chdtrc(1, statistic), _test(total, int(np.count_nonzero(used)))
        )


def _step(time: Float64, value: Float64, at: Float64) -> Float64:
    return np.concatenate([[0.0], value])[np.searchsorted(time, at, side="right")]


def _mean_by(values: Float64, keys: Float64, at: Float64) -> Float64:
    labels, inverse = np.unique(keys, return_inverse=True)
    means = np.bincount(inverse, values) / np.bincount(inverse)
    return means[np.searchsorted(labels, at)]


def _solve(A: Float64, b: Float64) -> Float64:
    """Solve a symmetric system that may be singular along aliased columns."""
    scale = np.sqrt(np.where(np.diag(A) > 0, np.diag(A), 1.0))
    values, vectors = np.linalg.eigh(A / scale / scale[:, None])
    good = values > 1e-11 * max(float(values.max(initial=0.0)), 0.0)
    along = vectors[:, good].T @ (b / scale)
    return (vectors[:, good] @ (along / values[good])) / scale


def _test(statistic: float, df: int) -> ChiSquared:
    from scipy.special import chdtrc

    statistic = max(statistic, 0.0)
    return ChiSquared(statistic, df, float(chdtrc(df, statistic)) if df else float("nan"))

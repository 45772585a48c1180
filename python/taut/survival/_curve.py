# SPDX-License-Identifier: BSD-3-Clause
"""Kaplan-Meier, Nelson-Aalen and Fleming-Harrington curves."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from taut import _core
from taut._threads import n_threads
from taut.survival._bands import equal_precision_critical, hall_wellner_critical
from taut.survival._surv import (
    CONF_TYPES,
    ESTIMATORS,
    Censored,
    Float64,
    check_censored,
    check_columns,
    check_groups,
    check_level,
    check_weights,
    choice,
    normal_quantile,
    snap,
    tie_ulps,
)
from taut.survival._table import EventTable


class SurvivalArrays(NamedTuple):
    """A survival curve as arrays, one value per distinct time.

    Attributes
    ----------
    time, n_at_risk, n_event, n_censor : ndarray of shape (n_times,)
    survival : ndarray of shape (n_times,)
    std_err : ndarray of shape (n_times,)
        Standard error of the survival probability; NaN where it has reached 0.
    conf_lower, conf_upper : ndarray of shape (n_times,)

    See Also
    --------
    kaplan_meier : Returns one.
    KaplanMeier : The curve as an estimator.

    Examples
    --------
    >>> from taut.survival import kaplan_meier
    >>> kaplan_meier([1.0, 2.0, 2.0], [1, 1, 0]).n_at_risk
    array([3., 2.])
    """

    time: Float64
    n_at_risk: Float64
    n_event: Float64
    n_censor: Float64
    survival: Float64
    std_err: Float64
    conf_lower: Float64
    conf_upper: Float64


class RestrictedMean(NamedTuple):
    """Mean of min(T, tau) and its standard error, each a number or one value per group.

    Attributes
    ----------
    mean, std_err : float or ndarray of shape (n_groups,)
        In the units of time.

    See Also
    --------
    KaplanMeier : Its ``rmst`` returns one.

    Examples
    --------
    >>> from taut.survival import KaplanMeier
    >>> KaplanMeier().fit(([1.0, 2.0, 3.0], [1, 1, 1])).rmst(3.0).mean
    2.0
    """

    mean: Any
    std_err: Any


class ConfidenceBand(NamedTuple):
    """A simultaneous band at the distinct times of a curve within [t_min, t_max].

    Attributes
    ----------
    time, lower, upper : ndarray of shape (n_times,)
    critical : float
        Critical value in place of the normal quantile.

    See Also
    --------
    KaplanMeier : Has bands of two kinds.

    Examples
    --------
    >>> from taut.datasets import load_lung
    >>> from taut.survival import KaplanMeier
    >>> band = KaplanMeier().fit(load_lung().y).confidence_band()
    >>> bool((band.lower <= band.upper).all())
    True
    """

    time: Float64
    lower: Float64
    upper: Float64
    critical: float


def kaplan_meier(
    time: ArrayLike,
    event: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    conf_type: str = "log-log",
    conf_level: float = 0.95,
    tie_tol: str | int = "ulp",
    n_jobs: int | None = None,
) -> SurvivalArrays:
    """Kaplan-Meier curve of one sample, as arrays: the shortest way to it.

    Parameters
    ----------
    time, event, entry : array-like of shape (n_samples,)
        Exit times, 1 for events and 0 for censored records, and entry times if any.
    sample_weight : array-like of shape (n_samples,), optional
    conf_type, conf_level, tie_tol
        As in :class:`KaplanMeier`.
    n_jobs : int or None, default=None
        Threads; results are the same bits for any number.

    Returns
    -------
    SurvivalArrays

    Examples
    --------
    >>> from taut.survival import kaplan_meier
    >>> curve = kaplan_meier([1.0, 2.0, 3.0, 4.0], [1, 0, 1, 1])
    >>> curve.survival
    array([0.75 , 0.75 , 0.375, 0.   ])
    """
    y = check_columns(time, event, entry)
    if sample_weight is not None or tie_tol != "ulp":
        model = KaplanMeier(
            conf_type=conf_type, conf_level=conf_level, tie_tol=tie_tol, n_jobs=n_jobs
        ).fit((y.time, y.event, y.entry) if y.entry is not None else y[:2], sample_weight)
        flat = {**model.flat_, "std_err": model.std_err_}
    else:
        choice(conf_type, "conf_type", CONF_TYPES)
        flat = _core.survival_fit(
            y.time,
            y.event,
            y.entry,
            conf_type=conf_type,
            z=normal_quantile(check_level(conf_level)),
            scaled=True,
            n_threads=n_threads(n_jobs),
        )
        if y.entry is not None:
            _check_consistent(flat)
        flat["conf_lower"], flat["conf_upper"] = flat["lower"], flat["upper"]
    return SurvivalArrays(
        flat["time"],
        flat["n_at_risk"],
        flat["n_event"],
        flat["n_censor"],
        flat["survival"],
        flat["std_err"],
        flat["conf_lower"],
        flat["conf_upper"],
    )


class KaplanMeier(BaseEstimator):
    r"""Survival curves of censored records, with limits, for one sample or many groups.

    ``S(t) = prod over t_j <= t of (1 - d_j / n_j)``, where ``d_j`` of the ``n_j`` records at risk
    have their event at time ``t_j``. A record is at risk in ``(entry, time]``: one that enters at t
    is not yet at risk, one censored at t still is.

    Parameters
    ----------
    conf_type : {'log-log', 'log', 'plain', 'logit', 'arcsin'}, default='log-log'
        Scale on which pointwise limits are symmetric. The default keeps them in [0, 1] and covers
        well in small samples; R's default is 'log'.
    conf_level : float, default=0.95
        Level of the limits, in (0, 1).
    variance : {'auto', 'greenwood', 'jackknife'}, default='auto'
        Greenwood's formula takes weights as counts of records; the infinitesimal jackknife takes
        them as weights. 'auto' takes the second if a weight is not a whole number, as R does.
    estimator : {'km', 'nelson-aalen', 'fleming-harrington'}, default='km'
        The others are ``exp(-H)`` of the cumulative hazard ``sum d_j / n_j``, or of the same with
        tied events taken one after the other, each with the variance of that hazard.
    conf_lower : {'usual', 'modified', 'peto'}, default='usual'
        Wider lower limits where censoring has thinned the risk set: Dorey & Korn's effective
        sample size, or Peto's ``sqrt((1 - S) / n)``.
    tie_tol : {'ulp', 'r', 0}, default='ulp'
        Which times are one: neighbours at most 4 units in the last place apart (rounding of
        ``age + followup / 12``), those of R's ``timefix`` (1.5e-8, which in large samples also
        joins times that differ), or equal ones only. The first time of a chain is kept.
    start_time : float, optional
        Estimate survival given survival to this time: earlier exits only shape the risk set. Under
        left truncation an early risk set of one record would otherwise put the curve to 0 for good.
    n_jobs : int or None, default=None
        Threads; results are the same bits for any number.

    Attributes
    ----------
    time_, n_at_risk_, n_event_, n_censor_ : ndarray of shape (n_times,), or list of such
        One array without groups, else one for each group.
    n_enter_ : ndarray of shape (n_times,), list of such, or None
        Records that entered since the time before, with left truncation.
    survival_, std_err_, conf_lower_, conf_upper_ : ndarray of shape (n_times,), or list of such
        Right-continuous curve, its standard error (NaN where it is 0) and pointwise limits.
    std_err_log_ : ndarray of shape (n_times,), or list of such
        Standard error of ``log S``, which is what R's ``survfit`` reports.
    cumulative_hazard_, cumulative_hazard_std_err_ : ndarray of shape (n_times,), or list of such
    groups_ : ndarray of shape (n_groups,) or None
        Labels in ascending order.
    flat_ : dict of str to ndarray
        All of the above with the groups one after the other: no list of thousands of arrays.
    group_ptr_ : ndarray of shape (n_groups + 1,)
        Rows of group g in ``flat_`` are ``group_ptr_[g]`` to ``group_ptr_[g + 1]``.
    n_records_ : ndarray of shape (n_groups,)

    Raises
    ------
    ValueError
        If lengths differ, a time is not finite, an event is not 0 or 1, an exit is not after its
        entry, a weight is negative or all are 0, a group label is missing, or an option is unknown.

    References
    ----------
    .. [1] E. L. Kaplan, P. Meier (1958), J. Am. Stat. Assoc. 53, 457-481.
    .. [2] T. R. Fleming, D. P. Harrington (1991), Counting Processes and Survival Analysis.
    .. [3] J. P. Klein, M. L. Moeschberger (2003), Survival Analysis, 2nd ed., sections 4.2-4.4.

    Examples
    --------
    >>> from taut.datasets import load_lung
    >>> from taut.survival import KaplanMeier
    >>> lung = load_lung()
    >>> model = KaplanMeier().fit(lung.y, groups=lung.data[:, 0])  # by sex
    >>> model.groups_, model.median()
    (array([1., 2.]), array([270., 426.]))
    """

    def __init__(
        self,
        conf_type: str = "log-log",
        conf_level: float = 0.95,
        *,
        variance: str = "auto",
        estimator: str = "km",
        conf_lower: str = "usual",
        tie_tol: str | int = "ulp",
        start_time: float | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.conf_type = conf_type
        self.conf_level = conf_level
        self.variance = variance
        self.estimator = estimator
        self.conf_lower = conf_lower
        self.tie_tol = tie_tol
        self.start_time = start_time
        self.n_jobs = n_jobs

    # --- fitting ------------------------------------------------------------------------------

    def fit(
        self, y: Any, sample_weight: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> KaplanMeier:
        """Estimate.

        Parameters
        ----------
        y : structured array, array of shape (n_samples, 2 or 3), tuple of columns, or EventTable
            See :class:`Surv`.
        sample_weight : array-like of shape (n_samples,), optional
            Whole numbers count repeated records; others are sampling weights.
        groups : array-like of shape (n_samples,), optional
            One curve for each distinct label.

        Returns
        -------
        KaplanMeier
        """
        choice(self.conf_type, "conf_type", CONF_TYPES)
        choice(self.estimator, "estimator", ESTIMATORS)
        choice(self.variance, "variance", ("auto", "greenwood", "jackknife"))
        choice(self.conf_lower, "conf_lower", ("usual", "modified", "peto"))
        z = normal_quantile(check_level(self.conf_level))
        ulps, threads = tie_ulps(self.tie_tol), n_threads(self.n_jobs)
        if isinstance(y, EventTable):
            if sample_weight is not None or groups is not None:
                raise ValueError("an EventTable takes no sample_weight and no groups.")
            if self.variance == "jackknife":
                raise ValueError("variance='jackknife' needs the records, not an EventTable.")
            flat: dict[str, Any] = {"n_tied": None, **y.at_exits()}
            flat["group_ptr"] = np.array([0, flat["time"].size], dtype=np.intp)
            self.n_records_ = np.array([y.n_event.sum() + y.n_censor.sum()])
            self.groups_, plain, jackknife = None, False, False
            records, weights, codes = None, None, None
            if self.estimator == "fleming-harrington" and (flat["n_event"] % 1).any():
                raise ValueError(
                    "estimator='fleming-harrington' needs whole numbers of events in an EventTable."
                )
        else:
            records = snap(check_censored(y), self.tie_tol)
            n = records.time.shape[0]
            weights = check_weights(sample_weight, n)
            codes, self.groups_ = (None, None) if groups is None else check_groups(groups, n)
            sizes = [n] if codes is None else np.bincount(codes)
            self.n_records_ = np.asarray(sizes, dtype=float)
            fractional = weights is not None and bool((weights % 1).any())
            jackknife = self.variance == "jackknife" or (self.variance == "auto" and fractional)
            plain = not jackknife and self.start_time is None and self.conf_lower == "usual"
            flat = _core.survival_fit(
                records.time,
                records.event,
                records.entry,
                weights,
                codes,
                1 if self.groups_ is None else self.groups_.size,
                ulps=ulps,
                estimator=self.estimator if plain else "",
                conf_type=self.conf_type,
                z=z,
                n_threads=threads,
            )
            _check_consistent(flat)
        if plain:
            flat["std_err_log"] = flat.pop("std_err")
        else:
            flat = self._finish(flat, records, weights, codes, jackknife, z, threads)
        flat["conf_lower"], flat["conf_upper"] = flat.pop("lower"), flat.pop("upper")
        for name in ("consistent", "event_squares", "censor_squares"):
            flat.pop(name, None)
        self.jackknife_ = jackknife
        self.group_ptr_ = flat.pop("group_ptr")
        self.flat_ = flat
        if flat.get("n_enter") is not None:
            self._warn_of_early_zero()
        return self

    def _finish(
        self,
        flat: dict[str, Any],
        records: Censored | None,
        weights: Float64 | None,
        codes: NDArray[np.int32] | None,
        jackknife: bool,
        z: float,
        threads: int,
    ) -> dict[str, Any]:
        """Curve and limits for the options that the one-call kernel does not know."""
        if self.start_time is not None:
            if jackknife:
                raise ValueError("start_time cannot be combined with the jackknife variance.")
            flat = _rows_from(flat, float(self.start_time))
        columns: list[Any] = [
            flat[k] for k in ("time", "n_at_risk", "n_event", "n_tied", "group_ptr")
        ]
        time, risk, event, tied, ptr = columns
        kind = self.estimator
        survival, se = _core.survival_curve(time, risk, event, tied, ptr, kind, False, threads)
        if jackknife and records is not None:
            se = _core.survival_jackknife(
                flat, kind, records.time, records.event, records.entry, weights, codes
            )
        scale = _lower_scale(self.conf_lower, flat, survival, se)
        lower, upper = _core.survival_limits(survival, se, scale, self.conf_type, z, threads)
        return {**flat, "survival": survival, "std_err_log": se, "lower": lower, "upper": upper}

    def _warn_of_early_zero(self) -> None:
        last = self.group_ptr_[1:] - 1
        filled = np.diff(self.group_ptr_) > 0
        survival, risk = self.flat_["survival"], self.flat_["n_at_risk"]
        zero = survival == 0.0
        # Zero before the last row of its group: somebody is still at risk later.
        zero[last[filled]] = False
        if zero.any():
            k = int(zero.argmax())
            warnings.warn(
                f"all of the {risk[k]:g} at risk at time {self.flat_['time'][k]:g} had their "
                "event, so the curve is 0 from there on although others enter later. Set "
                "start_time to estimate survival given survival to a time with more at risk.",
                UserWarning,
                stacklevel=3,
            )

    # --- attributes ---------------------------------------------------------------------------

    def _column(self, name: str) -> Any:
        check_is_fitted(self, "flat_")
        column = self.flat_.get(name)
        if column is None or self.groups_ is None:
            return column
        return np.split(column, self.group_ptr_[1:-1])

    @property
    def time_(self) -> Any:
        """Distinct exit times."""
        return self._column("time")

    @property
    def n_at_risk_(self) -> Any:
        """Weight at risk at each time."""
        return self._column("n_at_risk")

    @property
    def n_event_(self) -> Any:
        """Weight of the events at each time."""
        return self._column("n_event")

    @property
    def n_censor_(self) -> Any:
        """Weight of the censored records at each time."""
        return self._column("n_censor")

    @property
    def n_enter_(self) -> Any:
        """Weight of the records that entered since the time before, or None."""
        return self._column("n_enter")

    @property
    def survival_(self) -> Any:
        """Estimated probability of survival beyond each time."""
        return self._column("survival")

    @property
    def std_err_log_(self) -> Any:
        """Standard error of the logarithm of the curve."""
        return self._column("std_err_log")

    @property
    def std_err_(self) -> Any:
        """Standard error of the curve."""
        check_is_fitted(self, "flat_")
        if "std_err" not in self.flat_:
            self.flat_["std_err"] = _std_err(self.flat_["survival"], self.flat_["std_err_log"])
        return self._column("std_err")

    @property
    def conf_lower_(self) -> Any:
        """Lower pointwise limits."""
        return self._column("conf_lower")

    @property
    def conf_upper_(self) -> Any:
        """Upper pointwise limits."""
        return self._column("conf_upper")

    def _hazard(self) -> None:
        check_is_fitted(self, "flat_")
        if "cumulative_hazard" not in self.flat_:
            kind = "nelson-aalen" if self.estimator == "km" else self.estimator
            flat = self.flat_
            flat["cumulative_hazard"], flat["cumulative_hazard_std_err"] = _core.survival_curve(
                flat["time"],
                flat["n_at_risk"],
                flat["n_event"],
                flat["n_tied"],
                self.group_ptr_,
                kind,
                True,
            )
            if self.jackknife_ and self.estimator != "km":
                flat["cumulative_hazard_std_err"] = flat["std_err_log"]

    @property
    def cumulative_hazard_(self) -> Any:
        """Cumulative hazard: Nelson-Aalen, or that of the estimator."""
        self._hazard()
        return self._column("cumulative_hazard")

    @property
    def cumulative_hazard_std_err_(self) -> Any:
        """Standard error of the cumulative hazard."""
        self._hazard()
        return self._column("cumulative_hazard_std_err")

    @property
    def event_table_(self) -> EventTable:
        """The counts as a mergeable table; of one sample without late entry."""
        check_is_fitted(self, "flat_")
        if self.groups_ is not None or self.flat_.get("n_enter") is not None:
            raise AttributeError(
                "event_table_ is there for one sample without entry times; "
                "use EventTable.from_records otherwise."
            )
        return EventTable(self.flat_["time"], self.flat_["n_event"], self.flat_["n_censor"])

    # --- questions ----------------------------------------------------------------------------

    def _drop_group_axis(self, values: Any) -> Any:
        if self.groups_ is not None:
            return values
        first = values[0]
        return first.item() if np.ndim(first) == 0 else first

    def predict(self, times: ArrayLike) -> Float64:
        """Survival probabilities at given times.

        Parameters
        ----------
        times : array-like of shape (n_times,)

        Returns
        -------
        ndarray of shape (n_times,), or (n_groups, n_times) with groups
            1 before the first exit; the last value after the last one.
        """
        check_is_fitted(self, "flat_")
        at = np.ascontiguousarray(np.atleast_1d(times), dtype=np.float64)
        if np.isnan(at).any():
            raise ValueError("times must not be NaN.")
        flat = self.flat_
        out = _core.survival_lookup(flat["time"], flat["survival"], self.group_ptr_, 1.0, at)
        return out if self.groups_ is not None else out[0]

    def _quantiles(self, q: ArrayLike, column: str) -> Any:
        check_is_fitted(self, "flat_")
        probs = np.ascontiguousarray(np.atleast_1d(q), dtype=np.float64)
        if not ((probs >= 0) & (probs <= 1)).all():
            raise ValueError(f"q must lie between 0 and 1, got {q!r}.")
        flat = self.flat_
        out = _core.survival_quantiles(flat["time"], flat[column], self.group_ptr_, probs)
        out = out if np.ndim(q) else out[:, 0]
        return self._drop_group_axis(out)

    def quantile(self, q: ArrayLike) -> Any:
        """Times by which a share q has had its event.

        The first time at which the curve is below ``1 - q``; where it is level at ``1 - q``, the
        middle of that stretch. NaN if it never gets there.

        Parameters
        ----------
        q : float or array-like of shape (n_q,)

        Returns
        -------
        float or ndarray of shape (n_q,); with groups, (n_groups,) or (n_groups, n_q)
        """
        return self._quantiles(q, "survival")

    def quantile_limits(self, q: ArrayLike) -> tuple[Any, Any]:
        """Confidence limits of quantiles: where the pointwise limits cross ``1 - q`` first.

        Returns
        -------
        lower, upper : as :meth:`quantile`
            NaN where a limit never gets there.
        """
        return self._quantiles(q, "conf_lower"), self._quantiles(q, "conf_upper")

    def median(self) -> Any:
        """Median survival time: :meth:`quantile` of 0.5."""
        return self.quantile(0.5)

    def rmst(self, tau: float) -> RestrictedMean:
        r"""Restricted mean survival time, ``E min(T, tau)``: the area under the curve up to tau.

        Parameters
        ----------
        tau : float
            Above 0 and above the first time if that is negative. Beyond the last time the curve is
            carried forward, with a warning.

        Returns
        -------
        RestrictedMean
            ``mean`` and ``std_err`` (Greenwood's formula), numbers or one value per group.
        """
        check_is_fitted(self, "flat_")
        flat, ptr = self.flat_, self.group_ptr_
        tau = float(tau)
        start = min(0.0, float(flat["time"].min()))
        if not np.isfinite(tau) or tau <= start:
            raise ValueError(f"tau must be finite and above {start:g}, got {tau:g}.")
        last = flat["time"][ptr[1:][np.diff(ptr) > 0] - 1]
        if (last < tau).any():
            warnings.warn(
                f"tau = {tau:g} is beyond the last time, {last.min():g}; the curve is carried "
                "forward.",
                UserWarning,
                stacklevel=2,
            )
        mean, se = _core.survival_restricted_mean(
            flat["time"], flat["n_at_risk"], flat["n_event"], ptr, flat["survival"], tau
        )
        return RestrictedMean(self._drop_group_axis(mean), self._drop_group_axis(se))

    def confidence_band(
        self,
        kind: str = "hall-wellner",
        t_min: float | None = None,
        t_max: float | None = None,
        conf_type: str | None = None,
        group: Any = None,
    ) -> ConfidenceBand:
        """Band that holds the whole curve between two times with probability ``conf_level``.

        Parameters
        ----------
        kind : {'hall-wellner', 'equal-precision'}, default='hall-wellner'
        t_min, t_max : float, optional
            By default the first event time, and the last one with a positive curve.
        conf_type : {'log-log', 'log', 'plain', 'arcsin', 'logit'}, optional
            The estimator's by default.
        group : label, optional
            Which group, if there are groups.

        Returns
        -------
        ConfidenceBand

        Notes
        -----
        With ``u = n V / (1 + n V)`` for the variance V of log S, the scaled error is a Brownian
        bridge at time u. Critical values are computed, not approximated, to 1e-11.

        References
        ----------
        .. [1] W. J. Hall, J. A. Wellner (1980), Biometrika 67, 133-143.
        .. [2] V. N. Nair (1984), Technometrics 26, 265-275.
        """
        check_is_fitted(self, "flat_")
        choice(kind, "kind", ("hall-wellner", "equal-precision"))
        scale = self.conf_type if conf_type is None else choice(conf_type, "conf_type", CONF_TYPES)
        g = self._position(group)
        rows = slice(self.group_ptr_[g], self.group_ptr_[g + 1])
        time, survival = self.flat_["time"][rows], self.flat_["survival"][rows]
        variance, n = self.flat_["std_err_log"][rows] ** 2, float(self.n_records_[g])
        usable = (variance > 0) & np.isfinite(variance) & (survival > 0)
        if not usable.any():
            raise ValueError("a band needs at least one event with somebody surviving it.")
        low = float(time[usable][0]) if t_min is None else float(t_min)
        high = float(time[usable][-1]) if t_max is None else float(t_max)
        keep = usable & (time >= low) & (time <= high)
        first = np.flatnonzero(usable & (time <= low))
        if not keep.any() or (t_min is not None and first.size == 0):
            raise ValueError(
                f"t_min and t_max must enclose event times, from {time[usable][0]:g} to "
                f"{time[usable][-1]:g}; got {low:g} and {high:g}."
            )
        variance = np.where(usable, variance, 0.0)  # infinite where the curve is 0
        u = n * variance / (1.0 + n * variance)
        a, b = float(u[first[-1]] if first.size else u[keep][0]), float(u[keep][-1])
        if not a < b:
            raise ValueError("t_min and t_max must enclose more than one event time.")
        if kind == "hall-wellner":
            critical = hall_wellner_critical(a, b, self.conf_level)
            se, z = (1.0 + n * variance[keep]) / np.sqrt(n), critical
        else:
            critical = equal_precision_critical(a, b, self.conf_level)
            se, z = np.sqrt(variance[keep]), critical
        lower, upper = _core.survival_limits(survival[keep], se, None, scale, z)
        return ConfidenceBand(time[keep], lower, upper, critical)

    def _position(self, group: Any) -> int:
        if self.groups_ is None:
            if group is not None:
                raise ValueError("group was given, but the curve was fitted without groups.")
            return 0
        found = np.flatnonzero(self.groups_ == group) if group is not None else np.empty(0)
        if len(found) != 1:
            shown = ", ".join(str(label) for label in self.groups_[:6])
            raise ValueError(f"group must be one of the fitted labels {shown}, got {group!r}.")
        return int(found[0])


class NelsonAalen(KaplanMeier):
    """Cumulative hazard ``H(t) = sum d_j / n_j`` of censored records.

    :class:`KaplanMeier` with ``estimator='nelson-aalen'``: ``cumulative_hazard_`` and
    ``cumulative_hazard_std_err_`` are what is asked for here, ``survival_`` is ``exp(-H)``.

    Parameters
    ----------
    conf_type, conf_level, variance, tie_tol, n_jobs
        As in :class:`KaplanMeier`.

    Examples
    --------
    >>> from taut.survival import NelsonAalen
    >>> NelsonAalen().fit(([1.0, 2.0, 4.0], [1, 1, 0])).cumulative_hazard_.round(3)
    array([0.333, 0.833, 0.833])
    """

    estimator = "nelson-aalen"
    conf_lower = "usual"
    start_time = None

    def __init__(
        self,
        conf_type: str = "log-log",
        conf_level: float = 0.95,
        *,
        variance: str = "auto",
        tie_tol: str | int = "ulp",
        n_jobs: int | None = None,
    ) -> None:
        self.conf_type = conf_type
        self.conf_level = conf_level
        self.variance = variance
        self.tie_tol = tie_tol
        self.n_jobs = n_jobs


def _std_err(survival: Float64, std_err_log: Float64) -> Float64:
    if survival[-1] > 0.0:
        return survival * std_err_log
    with np.errstate(invalid="ignore"):  # 0 times infinity where nobody is left
        return survival * std_err_log


def _check_consistent(flat: dict[str, Any]) -> None:
    if not flat.get("consistent", True):
        raise ValueError(
            "a record's exit is not after its entry once nearly equal times are joined; "
            "set tie_tol=0, or leave such records out."
        )


def _rows_from(flat: dict[str, Any], start: float) -> dict[str, Any]:
    """Rows at or after a time."""
    keep = flat["time"] >= start
    ptr = np.concatenate([[0], np.cumsum(keep)])[flat["group_ptr"]]
    if ptr[-1] == 0:
        raise ValueError(f"start_time = {start:g} is after the last time.")
    out = {
        k: v[keep] if isinstance(v, np.ndarray) and k != "group_ptr" else v for k, v in flat.items()
    }
    return {**out, "group_ptr": ptr.astype(np.intp)}


def _lower_scale(kind: str, flat: dict[str, Any], survival: Float64, se: Float64) -> Any:
    """Factor of the standard error in lower limits, or None."""
    if kind == "usual":
        return None
    risk = flat["n_at_risk"]
    with np.errstate(invalid="ignore", divide="ignore"):
        if kind == "peto":
            factor = np.sqrt((1.0 - survival) / risk) / se
        else:
            # Rows carry the number at risk of the last event, or of the group's first row.
            anchor = flat["n_event"] > 0
            anchor[flat["group_ptr"][:-1][np.diff(flat["group_ptr"]) > 0]] = True
            last = np.maximum.accumulate(np.where(anchor, np.arange(risk.size), 0))
            factor = np.sqrt(risk[last] / risk)
    return np.where(np.isfinite(factor), factor, 1.0)

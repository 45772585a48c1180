# SPDX-License-Identifier: BSD-3-Clause
"""How good predictions are when some times are censored."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from taut import _core
from taut._threads import n_threads
from taut.survival._censoring import CensoringCurve, positive
from taut.survival._surv import (
    Censored,
    Float64,
    check_censored,
    check_weights,
    choice,
    snap,
    tie_ulps,
)

TIME_WEIGHTS = ("n", "S", "S/G", "n/G2", "I")


class Concordance(NamedTuple):
    """Result of :func:`concordance_index`.

    Attributes
    ----------
    statistic : float
        Share of comparable pairs in the right order, ties counting half; NaN without such pairs.
    std_err : float
    concordant, discordant : float
        Weighted pairs.
    tied_risk : float
        Comparable pairs of one score.
    tied_time, tied_both : float
        Pairs of events at one time, of different and of one score.

    Examples
    --------
    >>> from taut.survival import concordance_index
    >>> concordance_index(([1.0, 2.0, 3.0], [1, 1, 1]), [3.0, 2.0, 1.0]).statistic
    1.0
    """

    statistic: float
    std_err: float
    concordant: float
    discordant: float
    tied_risk: float
    tied_time: float
    tied_both: float


class DynamicAUC(NamedTuple):
    """Result of :func:`cumulative_dynamic_auc`.

    Attributes
    ----------
    auc : ndarray of shape (n_times,)
    mean : float
        Mean over the times, weighted by the steps of the survival curve.

    Examples
    --------
    >>> from taut.survival import cumulative_dynamic_auc
    >>> y = ([1.0, 2.0, 3.0, 4.0], [1, 1, 1, 0])
    >>> cumulative_dynamic_auc(y, [4.0, 3.0, 2.0, 1.0], [1.5, 2.5]).auc
    array([1., 1.])
    """

    auc: Float64
    mean: float


def concordance_index(
    y: Any,
    risk: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    time_weight: str = "n",
    tau: float | None = None,
    reverse: bool = False,
    left_limit: bool = True,
    tie_tol: str | int = "ulp",
    n_jobs: int | None = None,
) -> Concordance:
    """Harrell's C and its relatives, in O(n log n), with a standard error.

    Records i and j can be compared if i has its event before j leaves (at the same time if j is
    censored then) and j has entered by then. They are concordant if i has the higher risk.

    Parameters
    ----------
    y : structured array, array of shape (n_samples, 2 or 3), or tuple of columns
        See :class:`Surv`.
    risk : array-like of shape (n_samples,)
        Predicted risk: high for early events. A linear predictor of :class:`CoxPH` is one.
    sample_weight : array-like of shape (n_samples,), optional
    time_weight : {'n', 'S', 'S/G', 'n/G2', 'I'}, default='n'
        What a pair counts, by the time t of its earlier event: 1 (Harrell); N S(t-)/n(t);
        N S(t-)/(G(t-) n(t)), 1/G(t-)^2 (Uno), 1/n(t). G is the censoring curve, n(t) the number at
        risk. The names are those of R's ``concordance``.
    tau : float, optional
        Only events before tau count as the earlier one.
    reverse : bool, default=False
        True if ``risk`` is high for late events, such as a predicted survival time.
    left_limit : bool, default=True
        False takes G(t) for G(t-), as scikit-survival does.
    tie_tol, n_jobs
        As in :class:`KaplanMeier`.

    Returns
    -------
    Concordance

    Raises
    ------
    ValueError
        As :class:`KaplanMeier`; if ``risk`` is not finite or has another length.

    References
    ----------
    .. [1] F. E. Harrell et al. (1982), JAMA 247, 2543-2546.
    .. [2] H. Uno et al. (2011), Stat. Med. 30, 1105-1117.

    Examples
    --------
    >>> from taut.survival import concordance_index
    >>> concordance_index(([1.0, 2.0, 3.0], [1, 1, 0]), [3.0, 1.0, 2.0]).statistic.__round__(3)
    0.667
    """
    records = snap(check_censored(y), tie_tol)
    n = records.time.shape[0]
    weights = check_weights(sample_weight, n)
    scores = _predictions(risk, "risk", (n,))
    choice(time_weight, "time_weight", TIME_WEIGHTS)
    if tau is not None and np.isnan(tau):
        raise ValueError("tau must not be NaN.")
    out = _core.concordance(
        *records[:2],
        records.entry,
        weights,
        scores if reverse else -scores,
        time_weight,
        None if tau is None else float(tau),
        bool(left_limit),
        ulps=tie_ulps(tie_tol),
        n_threads=n_threads(n_jobs),
    )
    variance = out.pop("variance")
    return Concordance(std_err=float(np.sqrt(variance)), **out)


def brier_score(
    y: Any,
    survival: ArrayLike,
    times: ArrayLike,
    *,
    y_train: Any = None,
    left_limit: bool = True,
    tie_tol: str | int = "ulp",
) -> Float64:
    r"""Mean squared error of predicted survival probabilities, weighted for censoring.

    ``mean of S(t|x)**2 1{T <= t, event} / G(T-) + (1 - S(t|x))**2 1{T > t} / G(t)``.

    Parameters
    ----------
    y : structured array, array of shape (n_samples, 2), or tuple of columns
        See :class:`Surv`; without late entry.
    survival : array-like of shape (n_samples, n_times)
        Predicted probabilities of survival beyond each time.
    times : array-like of shape (n_times,)
        Strictly increasing.
    y_train : as ``y``, optional
        Records from which the censoring curve G is estimated; ``y`` by default.
    left_limit : bool, default=True
        False takes G(T) for G(T-), as scikit-survival does.
    tie_tol
        As in :class:`KaplanMeier`.

    Returns
    -------
    ndarray of shape (n_times,)

    Raises
    ------
    ValueError
        If shapes differ, a probability lies outside [0, 1], or G is 0 where it is divided by.

    References
    ----------
    .. [1] E. Graf et al. (1999), Stat. Med. 18, 2529-2545.

    Examples
    --------
    >>> from taut.survival import brier_score
    >>> brier_score(([1.0, 3.0], [1, 1]), [[0.2], [0.9]], [2.0])
    array([0.025])
    """
    records, at, curve = _ipcw(y, times, y_train, tie_tol)
    n = records.time.shape[0]
    S = _predictions(survival, "survival", (n, at.size))
    if S.min() < 0 or S.max() > 1:
        raise ValueError(
            f"survival must hold probabilities in [0, 1], got {S.min():g} to {S.max():g}."
        )
    event = records.event == 1
    inverse = np.zeros(n)
    seen = event & (records.time <= at[-1])
    inverse[seen] = 1.0 / positive(
        curve(records.time[seen], left_limit=left_limit), records.time[seen]
    )
    G = curve(at)
    alive = records.time[:, None] > at
    positive(G[alive.any(axis=0)], at[alive.any(axis=0)])
    late = np.divide(1.0, G, out=np.zeros_like(G), where=G > 0)
    gone = (~alive) & event[:, None]
    return np.mean(S**2 * gone * inverse[:, None] + (1.0 - S) ** 2 * alive * late, axis=0)


def integrated_brier_score(
    y: Any,
    survival: ArrayLike,
    times: ArrayLike,
    *,
    y_train: Any = None,
    left_limit: bool = True,
    tie_tol: str | int = "ulp",
) -> float:
    """Mean of :func:`brier_score` over the span of ``times``, by the trapezoidal rule.

    Parameters
    ----------
    y, survival, times, y_train, left_limit, tie_tol
        As in :func:`brier_score`, with at least two times.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If there are fewer than two times, and as in :func:`brier_score`.

    Examples
    --------
    >>> from taut.survival import integrated_brier_score
    >>> y = ([1.0, 2.0, 3.0], [1, 1, 1])
    >>> integrated_brier_score(y, [[0.5, 0.5]] * 3, [0.5, 2.5])
    0.25
    """
    at = np.asarray(times, dtype=np.float64)
    if at.size < 2:
        raise ValueError(f"times must hold at least two times, got {at.size}.")
    scores = brier_score(y, survival, at, y_train=y_train, left_limit=left_limit, tie_tol=tie_tol)
    return float(np.sum((scores[1:] + scores[:-1]) * np.diff(at)) / 2 / (at[-1] - at[0]))


def cumulative_dynamic_auc(
    y: Any,
    risk: ArrayLike,
    times: ArrayLike,
    *,
    y_train: Any = None,
    left_limit: bool = True,
    tie_tol: str | int = "ulp",
) -> DynamicAUC:
    """How well a risk separates those with an event by t from those alive after t.

    At each time the weighted probability that a case (event at T <= t, weight ``1 / G(T-)``) has
    a higher risk than a control (T > t), equal risks counting half.

    Parameters
    ----------
    y, times, y_train, left_limit, tie_tol
        As in :func:`brier_score`.
    risk : array-like of shape (n_samples,) or (n_samples, n_times)
        High for early events; one column per time if it changes.

    Returns
    -------
    DynamicAUC
        NaN at times without cases or without controls.

    References
    ----------
    .. [1] H. Uno et al. (2007), J. Am. Stat. Assoc. 102, 527-537.
    .. [2] J. Lambert, S. Chevret (2016), Stat. Methods Med. Res. 25, 2088-2102.

    Examples
    --------
    >>> from taut.survival import cumulative_dynamic_auc
    >>> y = ([1.0, 2.0, 3.0, 4.0], [1, 1, 1, 1])
    >>> cumulative_dynamic_auc(y, [4.0, 2.0, 3.0, 1.0], [1.5, 2.5]).auc
    array([1.  , 0.75])
    """
    records, at, curve = _ipcw(y, times, y_train, tie_tol)
    n = records.time.shape[0]
    R = np.asarray(risk, dtype=np.float64)
    R = _predictions(R, "risk", (n,) if R.ndim == 1 else (n, at.size))
    event = records.event == 1
    inverse = np.zeros(n)
    seen = event & (records.time <= at[-1])
    inverse[seen] = 1.0 / positive(
        curve(records.time[seen], left_limit=left_limit), records.time[seen]
    )
    auc = np.full(at.size, np.nan)
    for k, t in enumerate(at):
        if k == 0 or R.ndim == 2:
            column = R if R.ndim == 1 else R[:, k]
            order = np.argsort(column, kind="stable")
            first = np.concatenate([[True], np.diff(column[order]) > 0])
            block = np.cumsum(first) - 1
        case = np.where(records.time[order] <= t, inverse[order], 0.0)
        control = (records.time[order] > t).astype(np.float64)
        size = block[-1] + 1
        cases = np.bincount(block, case, minlength=size)
        controls = np.bincount(block, control, minlength=size)
        below = np.cumsum(controls) - 0.5 * controls
        total = case.sum() * control.sum()
        if total > 0:
            auc[k] = cases @ below / total
    # Mean by the events that the pooled curve sees between the times.
    km = _core.survival_fit(*records[:2], ulps=tie_ulps(tie_tol), conf_type="")
    S = np.concatenate([[1.0], km["survival"]])[np.searchsorted(km["time"], at, side="right")]
    steps = -np.diff(np.concatenate([[1.0], S]))
    used = np.isfinite(auc) & (steps > 0)
    mean = float(auc[used] @ steps[used] / steps[used].sum()) if used.any() else float("nan")
    return DynamicAUC(auc, mean)


def _predictions(values: Any, name: str, shape: tuple[int, ...]) -> Float64:
    array = np.ascontiguousarray(values, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}.")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite.")
    return array


def _ipcw(
    y: Any, times: ArrayLike, y_train: Any, tie_tol: str | int
) -> tuple[Censored, Float64, CensoringCurve]:
    records = check_censored(y)
    if records.entry is not None:
        raise ValueError("y must have no entry times: these scores are for right censoring only.")
    at = np.atleast_1d(np.asarray(times, dtype=np.float64))
    if at.ndim != 1 or at.size == 0 or not np.isfinite(at).all() or not (np.diff(at) > 0).all():
        raise ValueError("times must be one-dimensional, finite and strictly increasing.")
    train = records if y_train is None else check_censored(y_train)
    return records, at, CensoringCurve(train, tie_tol=tie_tol)

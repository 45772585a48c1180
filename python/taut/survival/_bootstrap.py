# SPDX-License-Identifier: BSD-3-Clause
"""Bootstrap of survival curves, from the event table."""

from __future__ import annotations

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from taut import _core
from taut._random import philox_key
from taut._threads import n_threads
from taut.survival._surv import Float64, check_censored, check_level, snap, tie_ulps
from taut.typing import RandomState


class BootstrapCurve(NamedTuple):
    """Result of :func:`bootstrap_curve`; replicates are along the first axis.

    Attributes
    ----------
    time : ndarray of shape (n_times,)
    survival, std_err : ndarray of shape (n_times,)
    lower, upper : ndarray of shape (n_times,)
        Percentile limits at each time.
    band_lower, band_upper : ndarray of shape (n_times,)
        Band that holds the whole curve, from the largest studentised deviation.
    replicates : ndarray of shape (n_boot, n_times)
    quantiles : ndarray of shape (n_boot, n_quantiles) or None
        Of the replicates; None if not asked for.
    rmst : ndarray of shape (n_boot,) or None
        Restricted means of the replicates; None if not asked for.

    Examples
    --------
    >>> from taut.datasets import load_lung
    >>> from taut.survival import bootstrap_curve
    >>> curve = bootstrap_curve(load_lung().y, n_boot=20, random_state=0)
    >>> curve.replicates.shape == (20, curve.time.size)
    True
    """

    time: Float64
    survival: Float64
    std_err: Float64
    lower: Float64
    upper: Float64
    band_lower: Float64
    band_upper: Float64
    replicates: Float64
    quantiles: Float64 | None
    rmst: Float64 | None


def bootstrap_curve(
    y: Any,
    n_boot: int = 1000,
    *,
    times: ArrayLike | None = None,
    quantiles: ArrayLike | None = None,
    tau: float | None = None,
    conf_level: float = 0.95,
    tie_tol: str | int = "ulp",
    random_state: RandomState = None,
    n_jobs: int | None = None,
) -> BootstrapCurve:
    """Kaplan-Meier curves of records drawn with replacement.

    Nothing is sorted again for a replicate. Differences between two samples have the replicates of
    one less those of the other.

    Parameters
    ----------
    y : structured array, array of shape (n_samples, 2 or 3), or tuple of columns
        See :class:`Surv`.
    n_boot : int, default=1000
        At least 2.
    times : array-like of shape (n_times,), optional
        Where the curve is wanted; the event times by default (at most 200 of them, evenly chosen).
    quantiles : array-like of shape (n_quantiles,), optional
        Shares, as in :meth:`KaplanMeier.quantile`.
    tau : float, optional
        Horizon of a restricted mean.
    conf_level, tie_tol
        As in :class:`KaplanMeier`.
    random_state : None, int, Generator or RandomState, default=None
        Replicate b draws from stream b of the key made from it.
    n_jobs : int or None, default=None
        Threads; results are the same bits for any number.

    Returns
    -------
    BootstrapCurve

    Raises
    ------
    ValueError
        As :class:`KaplanMeier`; if n_boot < 2, or tau or a quantile is out of range.

    References
    ----------
    .. [1] B. Efron (1981), J. Am. Stat. Assoc. 76, 312-319.

    Examples
    --------
    >>> from taut.datasets import load_lung
    >>> from taut.survival import bootstrap_curve
    >>> result = bootstrap_curve(load_lung().y, 500, times=[365.0], random_state=0)
    >>> result.std_err.round(3)  # Greenwood: 0.036
    array([0.037])
    """
    if isinstance(n_boot, bool) or not isinstance(n_boot, Integral) or n_boot < 2:
        raise ValueError(f"n_boot must be a whole number >= 2, got {n_boot!r}.")
    level = check_level(conf_level)
    records = snap(check_censored(y), tie_tol)
    table = _core.survival_fit(
        records.time,
        records.event,
        records.entry,
        ulps=tie_ulps(tie_tol),
        conf_type="",
    )
    rows = table["time"]
    if times is None:
        at = rows[table["n_event"] > 0]
        if at.size > 200:
            at = at[np.linspace(0, at.size - 1, 200).astype(int)]
    else:
        at = np.atleast_1d(np.asarray(times, dtype=np.float64))
        if at.ndim != 1 or np.isnan(at).any():
            raise ValueError("times must be one-dimensional and not NaN.")
    probs = np.atleast_1d(np.asarray([] if quantiles is None else quantiles, dtype=np.float64))
    if not ((probs >= 0) & (probs <= 1)).all():
        raise ValueError(f"quantiles must lie between 0 and 1, got {quantiles!r}.")
    start = min(0.0, float(rows[0]))
    if tau is not None and not (np.isfinite(tau) and tau > start):
        raise ValueError(f"tau must be finite and above {start:g}, got {tau!r}.")
    first = None
    if records.entry is not None:
        first = np.searchsorted(rows, records.entry, side="right").astype(np.int32)
    where = (np.searchsorted(rows, at, side="right") - 1).astype(np.int32)
    k0, k1 = philox_key(random_state)
    S, q, m = _core.survival_bootstrap(
        rows,
        (np.searchsorted(rows, records.time, side="right") - 1).astype(np.int32),
        first,
        records.event,
        where,
        probs,
        np.array([] if tau is None else [tau], dtype=np.float64),
        int(n_boot),
        k0,
        k1,
        n_threads(n_jobs),
    )
    estimate = np.concatenate([[1.0], table["survival"]])[where + 1]
    se = S.std(axis=0, ddof=1)
    tail = (1.0 - level) / 2.0
    lower, upper = np.quantile(S, [tail, 1.0 - tail], axis=0) if at.size else (se, se)
    varies = se > 0
    half = np.zeros_like(se)
    if varies.any():
        largest = np.abs((S[:, varies] - estimate[varies]) / se[varies]).max(axis=1)
        half = float(np.quantile(largest, level)) * se
    return BootstrapCurve(
        time=at,
        survival=estimate,
        std_err=se,
        lower=lower,
        upper=upper,
        band_lower=np.clip(estimate - half, 0.0, 1.0),
        band_upper=np.clip(estimate + half, 0.0, 1.0),
        replicates=S,
        quantiles=None if quantiles is None else q,
        rmst=None if tau is None else m[:, 0],
    )

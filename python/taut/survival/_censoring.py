# SPDX-License-Identifier: BSD-3-Clause
"""The curve of the censoring time, and what makes up for censoring by it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taut import _core
from taut.survival._surv import (
    Censored,
    Float64,
    check_censored,
    choice,
    snap,
    tie_ulps,
    times_passed,
)

TIE_RULES = ("events_first", "reverse")


class CensoringCurve:
    """Kaplan-Meier curve of the censoring time, with events leaving first.

    Parameters
    ----------
    records : Censored
    sample_weight : ndarray of shape (n_samples,) or None
    tie_rule : {'events_first', 'reverse'}
        At a time with events and censorings the events have left the risk set when censoring
        happens: factor ``1 - c/(n - d)``. 'reverse' keeps them: ``1 - c/n``, as R's
        ``Surv(time, 1 - event)`` does.
    tie_tol
        As in :class:`KaplanMeier`.

    Attributes
    ----------
    time, value : ndarray of shape (n_times,)
        Right-continuous.

    See Also
    --------
    censoring_weights : Weights by this curve, from arrays.

    Examples
    --------
    >>> from taut.datasets import load_lung
    >>> from taut.survival import CensoringWeights
    >>> weights = CensoringWeights("kaplan-meier").fit(load_lung().data[:, :1], load_lung().y)
    >>> bool(weights.effective_sample_size_ > 50)
    True
    """

    def __init__(
        self,
        records: Censored,
        sample_weight: Float64 | None = None,
        tie_rule: str = "events_first",
        tie_tol: str | int = "ulp",
    ) -> None:
        choice(tie_rule, "tie_rule", TIE_RULES)
        records = snap(records, tie_tol)
        table = _core.survival_fit(
            *records[:2],
            records.entry,
            sample_weight,
            ulps=tie_ulps(tie_tol),
            estimator="",
        )
        censored = table["n_censor"]
        risk = table["n_at_risk"]
        if tie_rule == "events_first":
            risk = risk - table["n_event"]
        # Where all who are left are censored, rounding of weighted sums must not leave a crumb.
        factor = np.ones_like(risk)
        some = censored > 0
        factor[some] = 1.0 - censored[some] / risk[some]
        factor[np.abs(factor) < 1e-12] = 0.0
        self._tie_tol = tie_tol
        self.time: Float64 = table["time"]
        self.value: Float64 = np.cumprod(factor)

    def __call__(self, times: ArrayLike, *, left_limit: bool = False) -> Float64:
        """Value at given times, or just before them. 1 before the first time."""
        times = np.asarray(times, dtype=np.float64)
        at = times_passed(self.time, times, self._tie_tol, left_limit=left_limit)
        return np.concatenate([[1.0], self.value])[at]


def censoring_weights(
    y: Any,
    *,
    tau: float | None = None,
    y_train: Any = None,
    left_limit: bool = True,
    tie_rule: str = "events_first",
    tie_tol: str | int = "ulp",
) -> Float64:
    """Inverse probabilities of not being censored, as ``sample_weight`` for complete records.

    ``w_i = event_i / G(T_i-)``, so that sums over events estimate sums over all records. With
    ``tau``, records still observed at tau are complete as well, of weight ``1 / G(tau-)``.

    Parameters
    ----------
    y : structured array, array of shape (n_samples, 2 or 3), or tuple of columns
        See :class:`Surv`.
    tau : float, optional
        Horizon: what is estimated is a mean of a function of min(T, tau).
    y_train : as ``y``, optional
        Records from which G is estimated; ``y`` by default.
    left_limit, tie_rule, tie_tol
        As in :func:`brier_score`.

    Returns
    -------
    ndarray of shape (n_samples,)
        0 for records that are censored first.

    Raises
    ------
    ValueError
        If tau is NaN, or a complete record has ``G = 0``: its time lies beyond all of the
        censoring records.

    Examples
    --------
    >>> from taut.survival import censoring_weights
    >>> censoring_weights(([1.0, 2.0, 3.0, 4.0], [1, 0, 1, 1]))
    array([1. , 0. , 1.5, 1.5])
    """
    records = check_censored(y)
    train = records if y_train is None else check_censored(y_train)
    curve = CensoringCurve(train, tie_rule=tie_rule, tie_tol=tie_tol)
    time, complete = observed_until(records, tau)
    out = np.zeros(time.shape[0])
    out[complete] = 1.0 / positive(curve(time[complete], left_limit=left_limit), time[complete])
    return out


def observed_until(records: Censored, tau: float | None) -> tuple[Float64, NDArray[np.bool_]]:
    """Return min(T, tau) and whether it was observed."""
    complete = records.event == 1
    if tau is None:
        return records.time, complete
    if np.isnan(tau):
        raise ValueError("tau must not be NaN.")
    return np.minimum(records.time, tau), complete | (records.time >= tau)


def positive(G: Float64, times: Float64) -> Float64:
    """Return a censoring curve's values at times, or raise ValueError where it is 0."""
    if (G <= 0).any():
        raise ValueError(
            f"the censoring curve is 0 at time {times[int((G <= 0).argmax())]:g}: nobody in the "
            "training records was observed longer. Choose earlier times."
        )
    return G

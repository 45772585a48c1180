# SPDX-License-Identifier: BSD-3-Clause
"""Whether predicted survival probabilities come true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taut._validation import is_integral
from taut.plotting import _style

Float64 = NDArray[np.float64]


class CalibrationBins(NamedTuple):
    """Groups of records with similar predictions, each array of shape (n_bins,)."""

    #: Mean prediction.
    predicted: Float64
    #: Kaplan-Meier estimate at the time and its limits; NaN where a group was not seen so long.
    observed: Float64
    lower: Float64
    upper: Float64
    n_records: NDArray[np.intp]

    @property
    def error(self) -> float:
        """Mean distance of prediction and estimate, weighted by records."""
        known = np.isfinite(self.observed)
        if not known.any():
            return float("nan")
        gaps = np.abs(self.predicted - self.observed)[known]
        return float(np.average(gaps, weights=self.n_records[known]))


class SurvivalCalibrationDisplay:
    """Predicted survival probabilities at one time against what happened.

    Records are grouped by their prediction; each group's mean prediction stands against its
    Kaplan-Meier estimate at that time, with pointwise limits. A model whose predictions come true
    lies on the diagonal.

    Parameters
    ----------
    time : float
    bins : dict from name to CalibrationBins

    Attributes
    ----------
    time : float
    bins : dict from name to CalibrationBins
        ``bins[name].error`` is the mean distance from the diagonal.
    lines_ : list of ErrorbarContainer
    ax_ : Axes
    figure_ : Figure

    Raises
    ------
    ImportError
        In ``plot``, if matplotlib is not installed.

    Examples
    --------
    >>> from taut.datasets import load_lung
    >>> from taut.plotting import SurvivalCalibrationDisplay
    >>> from taut.survival import CoxPH
    >>> lung = load_lung()
    >>> X = lung.data[:, :2]
    >>> year = CoxPH().fit(X, lung.y).predict_survival_function(X, [365.0])[:, 0]
    >>> bins = SurvivalCalibrationDisplay.compare(lung.y, {"Cox": year}, 365.0, n_bins=4)
    >>> bins["Cox"].observed.round(2)
    array([0.29, 0.38, 0.45, 0.52])
    """

    ax_: Any
    figure_: Any
    lines_: list[Any]

    def __init__(self, time: float, bins: Mapping[str, CalibrationBins]) -> None:
        self.time = float(time)
        self.bins = dict(bins)

    @staticmethod
    def compare(
        y: Any, predictions: Mapping[str, ArrayLike], time: float, *, n_bins: int = 10
    ) -> dict[str, CalibrationBins]:
        """Group records by prediction and estimate each group's survival.

        Parameters
        ----------
        y : as in :func:`~taut.survival.brier_score`
            Best of records that no model has seen.
        predictions : dict from name to array-like of shape (n_samples,)
            Probability of survival beyond ``time``.
        time : float
        n_bins : int, default=10
            Groups of equally many records; fewer where predictions are equal.

        Returns
        -------
        dict from name to CalibrationBins

        Raises
        ------
        ValueError
            If there is no prediction, a probability lies outside [0, 1], a length differs, or
            ``n_bins`` or ``time`` cannot be.
        """
        from taut.survival import KaplanMeier

        if not is_integral(n_bins) or n_bins < 1:
            raise ValueError(f"n_bins must be a whole number >= 1, got {n_bins!r}.")
        if not np.isfinite(time):
            raise ValueError(f"time must be finite, got {time!r}.")
        if not predictions:
            raise ValueError("predictions holds no model.")
        out = {}
        for name, values in predictions.items():
            p = np.asarray(values, dtype=np.float64)
            if p.ndim != 1 or not (p.size and (p >= 0).all() and (p <= 1).all()):
                raise ValueError(
                    f"predictions[{name!r}] must hold one probability in [0, 1] per record."
                )
            edges = np.unique(np.quantile(p, np.arange(1, n_bins) / n_bins))
            codes = np.searchsorted(edges, p, side="right")
            model = KaplanMeier().fit(y, groups=codes)
            flat, ptr = model.flat_, model.group_ptr_
            curve = np.ones((3, len(ptr) - 1))
            for g in range(len(ptr) - 1):
                rows = slice(ptr[g], ptr[g + 1])
                k = int(np.searchsorted(flat["time"][rows], time, side="right")) - 1
                if k >= 0:
                    curve[:, g] = [
                        flat[c][rows][k] for c in ("survival", "conf_lower", "conf_upper")
                    ]
                unseen = time > flat["time"][rows][-1] and curve[0, g] > 0
                curve[:, g] = np.nan if unseen else curve[:, g]
            labels, back, counts = np.unique(codes, return_inverse=True, return_counts=True)
            means = np.bincount(back, p, minlength=labels.size) / counts
            out[name] = CalibrationBins(means, curve[0], curve[1], curve[2], counts)
        return out

    @classmethod
    def from_predictions(
        cls,
        y: Any,
        predictions: Mapping[str, ArrayLike],
        time: float,
        ax: Any = None,
        *,
        n_bins: int = 10,
    ) -> SurvivalCalibrationDisplay:
        """Compare and draw.

        Parameters
        ----------
        y, predictions, time, n_bins
            As in :meth:`compare`.
        ax : Axes, optional

        Returns
        -------
        SurvivalCalibrationDisplay
        """
        return cls(time, cls.compare(y, predictions, time, n_bins=n_bins)).plot(ax)

    def plot(self, ax: Any = None) -> SurvivalCalibrationDisplay:
        """Draw into ``ax``, or into a new figure.

        Returns
        -------
        SurvivalCalibrationDisplay
            The display itself, with ``ax_`` and ``figure_`` set.
        """
        if ax is None:
            (ax,) = _style.new_axes(width=4.6, height=4.4)
        ax.plot([0, 1], [0, 1], color=_style.MUTED, linestyle="--", linewidth=1.0, zorder=1)
        self.lines_ = []
        for k, (name, found) in enumerate(self.bins.items()):
            known = np.isfinite(found.observed)
            # Limits are unknown where the curve has come down to 0.
            low = np.where(np.isfinite(found.lower), found.observed - found.lower, 0.0)
            high = np.where(np.isfinite(found.upper), found.upper - found.observed, 0.0)
            self.lines_.append(
                ax.errorbar(
                    found.predicted[known],
                    found.observed[known],
                    np.maximum([low[known], high[known]], 0.0),
                    color=_style.CYCLE[k % len(_style.CYCLE)],
                    marker="o",
                    markersize=4,
                    linewidth=1.4,
                    elinewidth=0.9,
                    label=f"{_style.shorten(name)} (mean error {found.error:.3f})",
                )
            )
        ax.set_xlim(-0.02, 1.02)
        ax.set_ylim(-0.02, 1.02)
        ax.set_xlabel(f"predicted survival at time {self.time:g}")
        ax.set_ylabel("Kaplan-Meier estimate")
        ax.legend(frameon=False, fontsize=9)
        _style.tidy(ax)
        self.ax_, self.figure_ = ax, _style.figure_of(ax)
        return self

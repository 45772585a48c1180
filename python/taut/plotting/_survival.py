# SPDX-License-Identifier: BSD-3-Clause
"""Survival curves with limits, censoring marks and numbers at risk; Brier scores over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taut.plotting import _style

Float64 = NDArray[np.float64]
MAX_CURVES = 8


def _steps(time: Float64, value: Float64, start: float) -> tuple[Float64, Float64]:
    """Corners of a right-continuous step function that is 1 from ``start`` on."""
    return np.concatenate([[start], time]), np.concatenate([[1.0], value])


class SurvivalCurveDisplay:
    """Survival curves as steps, with what a reader needs to judge them.

    Parameters
    ----------
    estimator : KaplanMeier
        Fitted, with at most eight groups.
    names : sequence of str, optional
        Names of the groups in the order of ``estimator.groups_``.

    Attributes
    ----------
    p_value : float or None
        Log-rank test that all groups are alike; None for one group, for late entry and for weights
        that are not counts.
    lines_ : list of Line2D
        Curves, one per group.
    limits_ : list of PolyCollection
    censored_ : list of Line2D
        Ticks at times with censored records.
    at_risk_ : list of Text
        Numbers at risk below the axis.
    ax_ : Axes
    figure_ : Figure

    Raises
    ------
    ImportError
        In ``plot``, if matplotlib is not installed.
    ValueError
        If there are too many groups, or names do not fit.

    Examples
    --------
    >>> from taut.datasets import load_lung
    >>> from taut.plotting import SurvivalCurveDisplay
    >>> from taut.survival import KaplanMeier
    >>> lung = load_lung()
    >>> model = KaplanMeier().fit(lung.y, groups=lung.data[:, 0])
    >>> round(SurvivalCurveDisplay(model, names=["men", "women"]).p_value, 4)
    0.0013
    """

    ax_: Any
    figure_: Any
    lines_: list[Any]
    limits_: list[Any]
    censored_: list[Any]
    at_risk_: list[Any]

    def __init__(self, estimator: Any, *, names: Sequence[object] | None = None) -> None:
        _style.require(estimator, "flat_", "a curve such as KaplanMeier")
        self.estimator = estimator
        n_groups = estimator.group_ptr_.size - 1
        if n_groups > MAX_CURVES:
            raise ValueError(
                f"{n_groups} groups are too many for one plot, at most {MAX_CURVES} are drawn; fit "
                "the ones of interest."
            )
        if names is None:
            groups = estimator.groups_
            names = ["all"] if groups is None else [_label(label) for label in groups]
        if len(names) != n_groups:
            raise ValueError(f"names has {len(names)} names, there are {n_groups} curves.")
        self.names = [str(name) for name in names]
        self.p_value = self._test() if n_groups > 1 else None

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        ax: Any = None,
        *,
        names: Sequence[object] | None = None,
        **options: Any,
    ) -> SurvivalCurveDisplay:
        """Draw a fitted :class:`~taut.survival.KaplanMeier`; ``options`` as in :meth:`plot`."""
        return cls(estimator, names=names).plot(ax, **options)

    def _curve(self, g: int) -> dict[str, Float64]:
        flat, ptr = self.estimator.flat_, self.estimator.group_ptr_
        rows = slice(ptr[g], ptr[g + 1])
        names = ("time", "survival", "conf_lower", "conf_upper", "n_at_risk", "n_event", "n_censor")
        return {name: flat[name][rows] for name in names}

    def _test(self) -> float | None:
        from taut.survival import EventTable, logrank_test

        flat = self.estimator.flat_
        counts = (flat["n_event"] % 1 == 0).all() and (flat["n_censor"] % 1 == 0).all()
        if flat.get("n_enter") is not None or not counts or not flat["n_event"].any():
            return None
        tables = {}
        for g, name in enumerate(self.names):
            c = self._curve(g)
            tables[f"{g} {name}"] = EventTable(c["time"], c["n_event"], c["n_censor"])
        return logrank_test(tables).p_value

    def plot(
        self,
        ax: Any = None,
        *,
        limits: bool = True,
        band: str | None = None,
        censored: bool = True,
        at_risk: bool = True,
        time_unit: str | None = None,
    ) -> SurvivalCurveDisplay:
        """Draw into ``ax``, or into a new figure.

        Parameters
        ----------
        ax : Axes, optional
        limits : bool, default=True
            Shade the pointwise limits.
        band : {'hall-wellner', 'equal-precision'}, optional
            Shade a simultaneous band in their place.
        censored : bool, default=True
            Mark times with censored records.
        at_risk : bool, default=True
            Write the numbers at risk below the axis.
        time_unit : str, optional
            Of the horizontal axis.

        Returns
        -------
        SurvivalCurveDisplay
            The display itself, with ``ax_`` and ``figure_`` set.
        """
        n = len(self.names)
        if ax is None:
            (ax,) = _style.new_axes(height=3.8 + 0.22 * n * at_risk)
        self.lines_, self.limits_, self.censored_, self.at_risk_ = [], [], [], []
        start = min(0.0, float(self.estimator.flat_["time"].min()))
        for g, name in enumerate(self.names):
            colour = _style.CYCLE[g]
            c = self._curve(g)
            x, y = _steps(c["time"], c["survival"], start)
            (line,) = ax.step(
                x, y, where="post", color=colour, linewidth=1.6, label=_style.shorten(name)
            )
            self.lines_.append(line)
            shade = self._shade(g, c, start, band) if limits or band else None
            if shade is not None:
                self.limits_.append(
                    ax.fill_between(
                        *shade, step="post", color=colour, alpha=0.15, linewidth=0, zorder=1
                    )
                )
            gone = c["n_censor"] > 0
            if censored and gone.any():
                (ticks,) = ax.plot(
                    c["time"][gone],
                    c["survival"][gone],
                    "|",
                    color=colour,
                    markersize=6,
                    markeredgewidth=1.0,
                    rasterized=int(gone.sum()) > 2000,
                )
                self.censored_.append(ticks)
        ax.set_ylim(-0.02, 1.02)
        ax.set_xlim(left=start)
        ax.set_xlabel("time" if time_unit is None else f"time ({time_unit})")
        ax.set_ylabel("survival probability")
        _style.tidy(ax)
        if n > 1:
            title = None if self.p_value is None else f"log-rank {_p_text(self.p_value)}"
            ax.legend(title=title, frameon=False, fontsize=9, title_fontsize=9)
        if at_risk:
            self._write_numbers(ax, start)
        self.ax_, self.figure_ = ax, _style.figure_of(ax)
        return self

    def _shade(self, g: int, c: dict[str, Float64], start: float, band: str | None) -> Any:
        if band is not None:
            group = None if self.estimator.groups_ is None else self.estimator.groups_[g]
            found = self.estimator.confidence_band(band, group=group)
            return found.time, found.lower, found.upper
        lower, upper = c["conf_lower"], c["conf_upper"]
        known = ~np.isnan(lower)
        if not known.any():
            return None
        x, low = _steps(c["time"][known], lower[known], start)
        return x, low, _steps(c["time"][known], upper[known], start)[1]

    def _write_numbers(self, ax: Any, start: float) -> None:
        end = max(float(self.estimator.flat_["time"].max()), start + 1e-12)
        ticks = [t for t in ax.get_xticks() if start <= t <= end]
        across = ax.get_xaxis_transform()

        def write(text: str, x: float, row: float, colour: str, side: str, where: Any) -> None:
            self.at_risk_.append(
                ax.annotate(
                    text,
                    (x, 0.0),
                    xycoords=where,
                    xytext=(-20 if side == "right" else 0, -38 - 12 * row),
                    textcoords="offset points",
                    ha=side,
                    va="top",
                    fontsize=8.5,
                    color=colour,
                    annotation_clip=False,
                )
            )

        write("at risk", 0.0, 0, _style.MUTED, "right", ax.transAxes)
        for g, name in enumerate(self.names):
            colour = _style.CYCLE[g]
            c = self._curve(g)
            if len(self.names) > 1:
                write(_style.shorten(name, 14), 0.0, g + 1, colour, "right", ax.transAxes)
            row = g + 1 if len(self.names) > 1 else 0
            for t in ticks:
                k = int(np.searchsorted(c["time"], t, side="left"))
                number = float(c["n_at_risk"][k]) if k < c["time"].size else 0.0
                write(f"{number:,.4g}" if number % 1 else f"{number:,.0f}", t, row, colour,
                      "center", across)  # fmt: skip
        ax.set_xlim(start, max(ax.get_xlim()[1], end))


class BrierDisplay:
    """Brier score over time of one or several models, beside the curve that knows no features.

    Parameters
    ----------
    times : array-like of shape (n_times,)
    scores : dict from name to array-like of shape (n_times,)

    Attributes
    ----------
    lines_ : list of Line2D
    ax_ : Axes
    figure_ : Figure

    Raises
    ------
    ImportError
        In ``plot``, if matplotlib is not installed.
    ValueError
        If a score has another length than the times.

    Examples
    --------
    >>> from taut.plotting import BrierDisplay
    >>> BrierDisplay([1.0, 2.0], {"Cox": [0.1, 0.2]}).times
    array([1., 2.])
    """

    ax_: Any
    figure_: Any
    lines_: list[Any]

    def __init__(self, times: ArrayLike, scores: Mapping[str, ArrayLike]) -> None:
        self.times = np.asarray(times, dtype=np.float64)
        self.scores = {name: np.asarray(s, dtype=np.float64) for name, s in scores.items()}
        for name, score in self.scores.items():
            if score.shape != self.times.shape:
                raise ValueError(
                    f"scores[{name!r}] has shape {score.shape}, times has {self.times.shape}."
                )

    @classmethod
    def from_predictions(
        cls,
        y: Any,
        predictions: Mapping[str, ArrayLike],
        times: ArrayLike,
        ax: Any = None,
        *,
        y_train: Any = None,
    ) -> BrierDisplay:
        """Score predicted survival probabilities and draw.

        Parameters
        ----------
        y : as in :func:`~taut.survival.brier_score`
        predictions : dict from name to array-like of shape (n_samples, n_times)
        times : array-like of shape (n_times,)
        ax : Axes, optional
        y_train : as ``y``, optional
            For the censoring curve, and for the Kaplan-Meier curve that is the reference.

        Returns
        -------
        BrierDisplay
        """
        from taut.survival import KaplanMeier, brier_score

        at = np.asarray(times, dtype=np.float64)
        scores = {
            name: brier_score(y, survival, at, y_train=y_train)
            for name, survival in predictions.items()
        }
        train = y if y_train is None else y_train
        n = np.asarray(next(iter(predictions.values()))).shape[0]
        flat = np.tile(KaplanMeier().fit(train).predict(at), (n, 1))
        scores["Kaplan-Meier (no features)"] = brier_score(y, flat, at, y_train=y_train)
        return cls(at, scores).plot(ax)

    def plot(self, ax: Any = None) -> BrierDisplay:
        """Draw into ``ax``, or into a new figure.

        Returns
        -------
        BrierDisplay
            The display itself, with ``ax_`` and ``figure_`` set.
        """
        if ax is None:
            (ax,) = _style.new_axes()
        self.lines_ = []
        for k, (name, score) in enumerate(self.scores.items()):
            reference = name.startswith("Kaplan-Meier")
            (line,) = ax.plot(
                self.times,
                score,
                color=_style.MUTED if reference else _style.CYCLE[k % len(_style.CYCLE)],
                linestyle="--" if reference else "-",
                linewidth=1.6,
                label=_style.shorten(name),
            )
            self.lines_.append(line)
        ax.set_ylim(bottom=0.0)
        ax.set_xlabel("time")
        ax.set_ylabel("Brier score (0 is best)")
        ax.legend(frameon=False, fontsize=9)
        _style.tidy(ax)
        self.ax_, self.figure_ = ax, _style.figure_of(ax)
        return self


def _label(label: Any) -> str:
    """Text of a group's label; whole numbers without a decimal point."""
    if isinstance(label, float | np.floating) and float(label).is_integer():
        return str(int(label))
    return str(label)


def _p_text(p: float) -> str:
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"

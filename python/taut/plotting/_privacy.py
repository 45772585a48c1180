# SPDX-License-Identifier: BSD-3-Clause
"""Private curves beside exact ones, their error against epsilon, and audits of such claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taut.plotting import _style

Float64 = NDArray[np.float64]
MAX_CURVES = 8


class PrivateCurveDisplay:
    """A private survival curve with limits that count the noise.

    Parameters
    ----------
    estimator : PrivateKaplanMeier
        Fitted, with at most eight groups.
    exact : KaplanMeier, optional
        Curve of the same groups without noise, for data that need no protection: drawn beside the
        private one, it gives away what that one hides.
    names : sequence of str, optional
        Names of the groups in the order of ``estimator.groups_``.
    level : float, default=0.95
        Of the limits.
    n_boot : int, default=999
    random_state : int, Generator or RandomState, optional
        For the limits.

    Attributes
    ----------
    bounds : PrivateLimits
        The limits.
    lines_, exact_ : list of Line2D
    limits_ : list of PolyCollection
    ax_ : Axes
    figure_ : Figure

    Raises
    ------
    ImportError
        In ``plot``, if matplotlib is not installed.
    ValueError
        If there are too many groups, or names or groups do not fit.

    Examples
    --------
    >>> from taut.datasets import load_lung
    >>> from taut.plotting import PrivateCurveDisplay
    >>> from taut.privacy import PrivateKaplanMeier
    >>> model = PrivateKaplanMeier(1.0, time_range=1050).fit(load_lung().y)
    >>> PrivateCurveDisplay(model).bounds.lower.shape
    (14,)
    """

    ax_: Any
    figure_: Any
    lines_: list[Any]
    limits_: list[Any]
    exact_: list[Any]

    def __init__(
        self,
        estimator: Any,
        *,
        exact: Any = None,
        names: Sequence[object] | None = None,
        level: float = 0.95,
        n_boot: int = 999,
        random_state: Any = None,
    ) -> None:
        _style.require(estimator, "noisy_counts_", "a PrivateKaplanMeier")
        self.estimator, self.exact = estimator, exact
        n_groups = 1 if estimator.groups_ is None else len(estimator.groups_)
        if n_groups > MAX_CURVES:
            raise ValueError(
                f"{n_groups} groups are too many for one plot, at most {MAX_CURVES} are drawn; fit "
                "the ones of interest."
            )
        if names is None:
            names = ["private curve"] if estimator.groups_ is None else estimator.groups_
        if len(names) != n_groups:
            raise ValueError(f"names has {len(names)} names, there are {n_groups} curves.")
        if exact is not None and exact.group_ptr_.size - 1 != n_groups:
            raise ValueError(
                f"exact has {exact.group_ptr_.size - 1} curves, the private estimator {n_groups}."
            )
        self.names = [str(name) for name in names]
        self.level = level
        self.bounds = estimator.confidence_interval(level, n_boot, random_state)

    @classmethod
    def from_estimator(
        cls, estimator: Any, ax: Any = None, *, time_unit: str | None = None, **options: Any
    ) -> PrivateCurveDisplay:
        """Draw a fitted :class:`~taut.privacy.PrivateKaplanMeier`; other options as the class."""
        return cls(estimator, **options).plot(ax, time_unit=time_unit)

    def plot(self, ax: Any = None, *, time_unit: str | None = None) -> PrivateCurveDisplay:
        """Draw into ``ax``, or into a new figure.

        Returns
        -------
        PrivateCurveDisplay
            The display itself, with ``ax_`` and ``figure_`` set.
        """
        if ax is None:
            (ax,) = _style.new_axes()
        self.lines_, self.limits_, self.exact_ = [], [], []
        model = self.estimator
        time, step = model.time_, model.interpolation == "step"
        survival, lower, upper = (
            np.atleast_2d(v) for v in (model.survival_, self.bounds.lower, self.bounds.upper)
        )
        for g, name in enumerate(self.names):
            colour = _style.CYCLE[g]
            (line,) = ax.plot(
                time,
                survival[g],
                color=colour,
                drawstyle="steps-post" if step else "default",
                linewidth=1.8,
                label=_style.shorten(name),
            )
            self.lines_.append(line)
            self.limits_.append(
                ax.fill_between(
                    time,
                    lower[g],
                    upper[g],
                    step="post" if step else None,
                    color=colour,
                    alpha=0.15,
                    linewidth=0,
                )
            )
            if self.exact is not None:
                ptr, flat = self.exact.group_ptr_, self.exact.flat_
                rows = slice(ptr[g], ptr[g + 1])
                (line,) = ax.step(
                    np.concatenate([[0.0], flat["time"][rows]]),
                    np.concatenate([[1.0], flat["survival"][rows]]),
                    where="post",
                    color=_style.INK if len(self.names) == 1 else colour,
                    linewidth=0.9,
                    linestyle=(0, (3, 1.2)),
                    label="exact" if g == 0 else None,
                )
                self.exact_.append(line)
        ax.set_xlim(0.0, time[-1])
        ax.set_ylim(-0.02, 1.02)
        ax.set_xlabel("time" if time_unit is None else f"time ({time_unit})")
        ax.set_ylabel("survival probability")
        ax.set_title(
            "no guarantee: seeded noise"
            if model.privacy_guarantee_ is None
            else f"ε = {model.epsilon_effective_:.4g}, limits {100 * self.level:g} %",
            loc="left",
        )
        if len(self.names) > 1 or self.exact is not None:
            ax.legend(frameon=False, fontsize=9)
        _style.tidy(ax)
        self.ax_, self.figure_ = ax, _style.figure_of(ax)
        return self


class PrivacyErrorDisplay:
    """Root-mean-square error of mechanisms against epsilon.

    Parameters
    ----------
    study : AccuracyStudy
        See :func:`~taut.privacy.accuracy_study`. Mechanisms that do not keep their epsilon are
        dashed and say so.
    marks : dict from text to (epsilon, error), optional
        Points to compare with, from elsewhere.

    Attributes
    ----------
    lines_ : list of Line2D
    ax_ : Axes
    figure_ : Figure

    Raises
    ------
    ImportError
        In ``plot``, if matplotlib is not installed.

    Examples
    --------
    >>> from taut.datasets import load_lung
    >>> from taut.plotting import PrivacyErrorDisplay
    >>> from taut.privacy import accuracy_study
    >>> study = accuracy_study(load_lung().y, [1.0, 2.0], time_range=1050, n_runs=20)
    >>> sorted(PrivacyErrorDisplay(study).study.rmse)
    ['PrivateKaplanMeier', 'time-indexed Laplace']
    """

    ax_: Any
    figure_: Any
    lines_: list[Any]

    def __init__(self, study: Any, *, marks: Mapping[str, tuple[float, float]] | None = None):
        self.study = study
        self.marks = dict(marks or {})

    @classmethod
    def from_study(cls, study: Any, ax: Any = None, **options: Any) -> PrivacyErrorDisplay:
        """Draw the result of :func:`~taut.privacy.accuracy_study`."""
        return cls(study, **options).plot(ax)

    def plot(self, ax: Any = None) -> PrivacyErrorDisplay:
        """Draw into ``ax``, or into a new figure.

        Returns
        -------
        PrivacyErrorDisplay
            The display itself, with ``ax_`` and ``figure_`` set.
        """
        if ax is None:
            (ax,) = _style.new_axes()
        self.lines_ = []
        study = self.study
        for k, (name, errors) in enumerate(study.rmse.items()):
            colour = _style.CYCLE[k % len(_style.CYCLE)]
            loose = name in study.without_guarantee
            (line,) = ax.plot(
                study.epsilons,
                errors,
                color=colour,
                marker="o",
                markersize=3.5,
                linewidth=1.6,
                linestyle="--" if loose else "-",
                label=_style.shorten(name, 40) + (" (no guarantee)" if loose else ""),
            )
            ax.fill_between(study.epsilons, *study.spread[name], color=colour, alpha=0.13, lw=0)
            self.lines_.append(line)
        for text, (epsilon, error) in self.marks.items():
            (line,) = ax.plot(
                [epsilon], [error], "x", color=_style.INK, markersize=7, label=text, zorder=4
            )
            self.lines_.append(line)
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xlabel("epsilon, nominal where there is no guarantee   (weaker privacy →)")
        ax.set_ylabel("root-mean-square error")
        ax.legend(frameon=False, fontsize=8.5)
        _style.tidy(ax)
        self.ax_, self.figure_ = ax, _style.figure_of(ax)
        return self


class PrivacyAuditDisplay:
    """How well an attacker tells two neighbouring data sets apart, and what epsilon allows.

    A mechanism that is epsilon-private keeps its curve out of the shaded regions: there a bet is
    right more than exp(epsilon) times as often as wrong.

    Parameters
    ----------
    results : AuditResult, or dict from name to AuditResult
        See :func:`~taut.privacy.audit_mechanism`.
    epsilon : float, optional
        Whose allowance is drawn; by default the smallest one claimed.

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
        If no result claims an epsilon and none is given.

    Examples
    --------
    >>> from taut.plotting import PrivacyAuditDisplay
    >>> from taut.privacy import PrivateKaplanMeier, audit_mechanism
    >>> y, other = ([1.0, 2.0], [1, 1]), ([1.0, 2.0], [1, 0])
    >>> game = audit_mechanism(PrivateKaplanMeier(1.0, grid=[0, 2]), y, other, 1000)
    >>> PrivacyAuditDisplay(game).epsilon
    1.0
    """

    ax_: Any
    figure_: Any
    lines_: list[Any]

    def __init__(self, results: Any, *, epsilon: float | None = None) -> None:
        self.results: dict[str, Any] = (
            dict(results) if isinstance(results, Mapping) else {"mechanism": results}
        )
        if epsilon is None:
            claims = [r.epsilon_claimed for r in self.results.values()]
            claims = [c for c in claims if not np.isnan(c)]
            if not claims:
                raise ValueError("no result claims an epsilon; pass the one to be drawn.")
            epsilon = min(claims)
        self.epsilon = float(epsilon)

    @classmethod
    def from_results(cls, results: Any, ax: Any = None, **options: Any) -> PrivacyAuditDisplay:
        """Draw results of :func:`~taut.privacy.audit_mechanism`."""
        return cls(results, **options).plot(ax)

    def plot(self, ax: Any = None) -> PrivacyAuditDisplay:
        """Draw into ``ax``, or into a new figure; logarithmic, because rare errors are the point.

        Returns
        -------
        PrivacyAuditDisplay
            The display itself, with ``ax_`` and ``figure_`` set.
        """
        if ax is None:
            (ax,) = _style.new_axes()
        self.lines_ = []
        n = max(r.n_trials for r in self.results.values())
        low = 0.5 / n
        fpr = np.geomspace(low, 1.0, 400)
        growth = np.exp(self.epsilon)
        allowed = np.minimum(np.minimum(growth * fpr, 1.0 - (1.0 - fpr) / growth), 1.0)
        ax.fill_between(fpr, allowed, 1.2, color=_style.FAINT, alpha=0.55, linewidth=0)
        ax.plot(fpr, allowed, color=_style.MUTED, linewidth=1.0)
        ax.annotate(
            f"not allowed by ε = {self.epsilon:g}",
            (0.03, 0.96),
            xycoords="axes fraction",
            va="top",
            fontsize=8.5,
            color=_style.MUTED,
        )
        for k, (name, result) in enumerate(self.results.items()):
            # Between two thresholds the attacker tosses a coin.
            (line,) = ax.plot(
                fpr,
                np.interp(fpr, result.fpr, result.tpr),
                color=_style.CYCLE[k % len(_style.CYCLE)],
                linewidth=1.6,
                label=f"{_style.shorten(name, 40)}: ε ≥ {result.epsilon_lower:.2f}",
            )
            self.lines_.append(line)
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xlim(low, 1.0)
        ax.set_ylim(min(1e-3, 20 * low), 1.15)
        ax.set_xlabel("false-positive rate")
        ax.set_ylabel("true-positive rate")
        ax.legend(frameon=False, fontsize=8.5, loc="lower right")
        _style.tidy(ax)
        self.ax_, self.figure_ = ax, _style.figure_of(ax)
        return self


class InfluentialPointsDisplay:
    """Counts of "influential points" as arXiv 2412.05164 has them, beside those without removals.

    A record is called influential if a noisy curve without it is, somewhere, further than
    ``threshold`` from a noisy curve with all. The dashed line removes nobody and counts the same:
    this measures the noise between two runs. It falls as epsilon rises because the noise does, and
    says nothing on membership, which is easier to infer the less noise there is.

    Parameters
    ----------
    epsilons : array-like of shape (n_epsilons,)
        Nominal.
    removed, unchanged : array-like of shape (n_epsilons,)
        Counts with each record removed once, and with nobody removed.

    Attributes
    ----------
    lines_ : list of Line2D
        Of `removed` and of `unchanged`.
    ax_ : Axes
    figure_ : Figure

    Raises
    ------
    ImportError
        In ``plot``, if matplotlib is not installed.
    ValueError
        If the lengths differ.

    Examples
    --------
    >>> from taut.datasets import load_lung
    >>> from taut.plotting import InfluentialPointsDisplay
    >>> y = load_lung().y
    >>> display = InfluentialPointsDisplay.from_data(y, [1.0, 4.0], random_state=0)
    >>> len(display.lines_)
    2
    """

    ax_: Any
    figure_: Any
    lines_: list[Any]

    def __init__(self, epsilons: Any, removed: Any, unchanged: Any) -> None:
        self.epsilons, self.removed, self.unchanged = map(
            np.atleast_1d, (epsilons, removed, unchanged)
        )
        if not len(self.epsilons) == len(self.removed) == len(self.unchanged):
            raise ValueError(
                "epsilons, removed and unchanged must be equally long; got "
                f"{len(self.epsilons)}, {len(self.removed)} and {len(self.unchanged)}."
            )

    @classmethod
    def from_data(
        cls,
        y: Any,
        epsilons: Sequence[float],
        ax: Any = None,
        *,
        threshold: float = 0.2,
        random_state: Any = None,
        **options: Any,
    ) -> InfluentialPointsDisplay:
        """Count and draw.

        Parameters
        ----------
        y : as in :class:`~taut.survival.KaplanMeier`
        epsilons : sequence of float
            Nominal.
        ax : Axes, optional
        threshold : float, default=0.2
            Distance of two curves.
        random_state : int, Generator or RandomState, optional
        **options
            Of :class:`~taut.privacy.TimeIndexedLaplaceKaplanMeier`.

        Returns
        -------
        InfluentialPointsDisplay
            The display, drawn.
        """
        from taut._random import generator
        from taut.privacy._time_indexed import influential_points

        rng = generator(random_state)
        counts = [influential_points(y, epsilon, threshold, rng, options) for epsilon in epsilons]
        return cls(epsilons, *np.array(counts).T).plot(ax)

    def plot(self, ax: Any = None) -> InfluentialPointsDisplay:
        """Draw into ``ax``, or into a new figure.

        Returns
        -------
        InfluentialPointsDisplay
            The display itself, with ``ax_`` and ``figure_`` set.
        """
        if ax is None:
            (ax,) = _style.new_axes()
        removed = ax.plot(self.epsilons, self.removed, "o-", color=_style.BLUE)
        unchanged = ax.plot(self.epsilons, self.unchanged, "s--", color=_style.VERMILLION)
        self.lines_ = [*removed, *unchanged]
        ax.set_xlabel("nominal epsilon")
        ax.set_ylabel("“influential points”")
        ax.set_title("measures output noise, not membership", loc="left")
        labels = ("each record removed once", "nobody removed")
        ax.legend(self.lines_, labels, frameon=False, fontsize=9)
        _style.tidy(ax)
        self.ax_, self.figure_ = ax, _style.figure_of(ax)
        return self

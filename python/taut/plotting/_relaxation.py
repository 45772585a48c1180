# SPDX-License-Identifier: BSD-3-Clause
"""What a sequence of linear solves cost, and the fields that came out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taut.plotting import _style

Float64 = NDArray[np.float64]


class LearnedIterationsDisplay:
    """Iterations of a sequence of solves under several choices of the parameter, and their regret.

    Parameters
    ----------
    costs : mapping from str to array-like of shape (T,)
        Iterations of each solve, by the name of the choice.
    best : array-like of shape (T,), optional
        Least iterations that any parameter would have taken, solve by solve. With it there is a
        panel of cumulative regret against it.
    window : int, default=25
        Curves of iterations are means over so many solves.

    Attributes
    ----------
    regret : dict from str to ndarray of shape (T,)
        Cumulative sums of costs less best; empty without ``best``.
    axes_ : list of Axes
    figure_ : Figure
    lines_ : dict from str to Line2D
        Curves of iterations, by name; "best of each" is that of ``best``.
    regret_lines_ : dict from str to Line2D

    Raises
    ------
    ImportError
        In ``plot``, if matplotlib is not installed.
    ValueError
        If there is no curve, lengths differ, or the window is below 1.

    Examples
    --------
    >>> from taut.plotting import LearnedIterationsDisplay
    >>> display = LearnedIterationsDisplay({"learned": [9, 5, 4]}, best=[4, 4, 4])
    >>> display.regret["learned"]
    array([5., 6., 6.])
    """

    axes_: list[Any]
    figure_: Any
    lines_: dict[str, Any]
    regret_lines_: dict[str, Any]

    def __init__(
        self, costs: Mapping[str, ArrayLike], best: ArrayLike | None = None, *, window: int = 25
    ) -> None:
        self.costs: dict[str, Float64] = {
            str(name): np.asarray(values, dtype=float).ravel() for name, values in costs.items()
        }
        self.best: Float64 | None = None if best is None else np.asarray(best, dtype=float).ravel()
        if not self.costs:
            raise ValueError("costs must hold at least one curve.")
        sizes = {values.size for values in self.costs.values()}
        if self.best is not None:
            sizes.add(self.best.size)
        if len(sizes) != 1 or 0 in sizes:
            raise ValueError(f"all curves must have the same length > 0, got {sorted(sizes)}.")
        if isinstance(window, bool) or window < 1:
            raise ValueError(f"window must be an integer >= 1, got {window!r}.")
        self.window = int(window)
        self.regret: dict[str, Float64] = {}
        if self.best is not None:
            self.regret = {
                name: np.cumsum(values - self.best) for name, values in self.costs.items()
            }

    @classmethod
    def from_solvers(
        cls,
        solvers: Mapping[str, Any],
        best: ArrayLike | None = None,
        *,
        window: int = 25,
        ax: Any = None,
    ) -> LearnedIterationsDisplay:
        """Draw the ``costs_`` of some :class:`taut.linsolve.RelaxationSolver`, by name."""
        costs = {name: solver.costs_ for name, solver in solvers.items()}
        return cls(costs, best, window=window).plot(ax)

    def plot(self, ax: Any = None) -> LearnedIterationsDisplay:
        """Draw into ``ax``, one axes or two (with ``best``), or into a new figure.

        Returns
        -------
        LearnedIterationsDisplay
            The display itself, with ``axes_`` and ``figure_`` set.
        """
        axes = _style.take_axes(ax, 1 if self.best is None else 2)
        self.lines_, self.regret_lines_ = {}, {}
        for k, (name, values) in enumerate(self.costs.items()):
            color = _style.CYCLE[k % len(_style.CYCLE)]
            self.lines_[name] = self._curve(axes[0], values, name, color, "-")
            if self.best is not None:
                steps = np.arange(1, values.size + 1)
                (line,) = axes[1].plot(steps, self.regret[name], color=color, label=name)
                self.regret_lines_[name] = line
        if self.best is not None:
            self.lines_["best of each"] = self._curve(
                axes[0], self.best, "best of each", _style.INK, "--"
            )
            axes[1].set_xlabel("system")
            axes[1].set_ylabel("iterations above the best of each, in all")
            _style.tidy(axes[1])
        axes[0].set_xlabel("system")
        mean = f" (means of {self.window})" if self.window > 1 else ""
        axes[0].set_ylabel("iterations" + mean)
        highest = max(float(line.get_ydata().max()) for line in self.lines_.values())
        axes[0].set_ylim(0.0, (1.2 + 0.09 * len(self.lines_)) * highest)  # room for the legend
        axes[0].legend(frameon=False, fontsize=9, loc="upper left")
        _style.tidy(axes[0])
        self.axes_, self.figure_ = list(axes), _style.figure_of(axes[0])
        return self

    def _curve(self, ax: Any, values: Float64, name: str, color: str, style: str) -> Any:
        width = min(self.window, values.size)
        means = np.convolve(values, np.full(width, 1.0 / width), mode="valid")
        at = np.arange(means.size) + (width + 1) / 2
        (line,) = ax.plot(at, means, color=color, linestyle=style, linewidth=1.6, label=name)
        return line


class LearnedParameterDisplay:
    """Parameters that a policy chose, over the context it was told.

    Parameters
    ----------
    contexts : array-like of shape (T,)
    chosen : array-like of shape (T,)
        Parameter of each system.
    best : array-like of shape (T,), optional
        Best parameter of each system.

    Attributes
    ----------
    ax_ : Axes
    figure_ : Figure
    chosen_ : Line2D
        One point a system.
    best_ : Line2D
        One point a system, with ``best``.

    Raises
    ------
    ImportError
        In ``plot``, if matplotlib is not installed.
    ValueError
        If lengths differ.

    Examples
    --------
    >>> from taut.plotting import LearnedParameterDisplay
    >>> LearnedParameterDisplay([0.1, 1.0], [1.2, 1.8]).chosen
    array([1.2, 1.8])
    """

    ax_: Any
    figure_: Any
    chosen_: Any
    best_: Any

    def __init__(
        self, contexts: ArrayLike, chosen: ArrayLike, best: ArrayLike | None = None
    ) -> None:
        self.contexts: Float64 = np.asarray(contexts, dtype=float).ravel()
        self.chosen: Float64 = np.asarray(chosen, dtype=float).ravel()
        self.best: Float64 | None = None if best is None else np.asarray(best, dtype=float).ravel()
        for name, values in (("chosen", self.chosen), ("best", self.best)):
            if values is not None and values.size != self.contexts.size:
                raise ValueError(
                    f"{name} must have length {self.contexts.size}, as contexts, got {values.size}."
                )

    @classmethod
    def from_solver(
        cls, solver: Any, contexts: ArrayLike, best: ArrayLike | None = None, *, ax: Any = None
    ) -> LearnedParameterDisplay:
        """Draw the rounds of a :class:`taut.linsolve.RelaxationSolver`, with their contexts."""
        return cls(contexts, solver.omegas_[solver.arms_], best).plot(ax)

    def plot(self, ax: Any = None) -> LearnedParameterDisplay:
        """Draw into ``ax``, or into a new figure."""
        (ax,) = _style.take_axes(ax, 1)
        (self.chosen_,) = ax.plot(
            self.contexts, self.chosen, ".", color=_style.BLUE, markersize=3, label="chosen"
        )
        if self.best is not None:
            (self.best_,) = ax.plot(
                self.contexts, self.best, ".", color=_style.VERMILLION, markersize=3, label="best"
            )
        ax.set_xlabel("context")
        ax.set_ylabel("omega")
        ax.legend(frameon=False, fontsize=9)
        _style.tidy(ax)
        self.ax_, self.figure_ = ax, _style.figure_of(ax)
        return self


class FramesDisplay:
    """Fields on a grid, side by side.

    Parameters
    ----------
    frames : sequence of array-like of shape (rows, columns)
    titles : sequence of str, optional
        One a frame.
    shared : bool, default=True
        One colour scale for all, with a bar; otherwise each frame has its own, from 0 up.

    Attributes
    ----------
    axes_ : list of Axes
    figure_ : Figure
    images_ : list of AxesImage

    Raises
    ------
    ImportError
        In ``plot``, if matplotlib is not installed.
    ValueError
        If there is no frame, one is not a matrix, or the number of titles differs.

    Examples
    --------
    >>> from taut.plotting import FramesDisplay
    >>> len(FramesDisplay([[[0.0, 1.0]], [[1.0, 0.0]]], titles=["before", "after"]).frames)
    2
    """

    axes_: list[Any]
    figure_: Any
    images_: list[Any]

    def __init__(
        self,
        frames: Sequence[ArrayLike],
        titles: Sequence[str] | None = None,
        *,
        shared: bool = True,
    ) -> None:
        self.frames: list[Float64] = [np.asarray(frame, dtype=float) for frame in frames]
        if not self.frames or any(f.ndim != 2 or f.size == 0 for f in self.frames):
            raise ValueError("frames must be a sequence of matrices, at least one.")
        if titles is not None and len(titles) != len(self.frames):
            raise ValueError(f"there are {len(self.frames)} frames and {len(titles)} titles.")
        self.shared = bool(shared)
        self.titles = None if titles is None else [str(title) for title in titles]

    def plot(self, ax: Any = None) -> FramesDisplay:
        """Draw into ``ax``, one axes a frame, or into a new figure.

        Returns
        -------
        FramesDisplay
            The display itself, with ``axes_`` and ``figure_`` set.
        """
        axes = _style.take_axes(ax, len(self.frames), height=3.4)
        lows = [min(0.0, float(frame.min())) for frame in self.frames]
        highs = [float(frame.max()) for frame in self.frames]
        if self.shared:
            lows, highs = [min(lows)] * len(lows), [max(highs)] * len(highs)
        self.images_ = []
        for k, (panel, frame) in enumerate(zip(axes, self.frames, strict=True)):
            image = panel.imshow(
                frame.T,
                origin="lower",
                cmap="inferno",
                vmin=lows[k],
                vmax=highs[k] if highs[k] > lows[k] else lows[k] + 1.0,
            )
            panel.set_axis_off()
            if self.titles is not None:
                panel.set_title(self.titles[k], loc="left", fontsize=10)
            self.images_.append(image)
        self.axes_, self.figure_ = list(axes), _style.figure_of(axes[0])
        if self.shared:
            self.figure_.colorbar(self.images_[-1], ax=self.axes_, shrink=0.8, pad=0.02)
        return self

# SPDX-License-Identifier: BSD-3-Clause
"""Transport plans, and how a solver came to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from taut.plotting import _style


class TransportPlanDisplay:
    """A transport plan as a heat map, or as lines between matched points.

    Parameters
    ----------
    plan : ndarray or sparse matrix of shape (n, m)
        Masses >= 0.
    X, Y : array-like of shape (n, 2) and (m, 2), optional
        Positions of sources and targets, for lines.

    Attributes
    ----------
    ax_ : Axes
    figure_ : Figure
    image_ : AxesImage
        The heat map, if one was drawn.
    lines_ : LineCollection
        The lines, if they were drawn; their width follows the mass.

    Raises
    ------
    ImportError
        In ``plot``, if matplotlib is not installed.
    ValueError
        If shapes do not agree, or lines are asked for without positions in the plane.

    Examples
    --------
    >>> from taut.plotting import TransportPlanDisplay
    >>> TransportPlanDisplay([[0.5, 0.0], [0.0, 0.5]]).density
    0.5
    """

    ax_: Any
    figure_: Any
    image_: Any
    lines_: Any

    def __init__(self, plan: Any, X: ArrayLike | None = None, Y: ArrayLike | None = None) -> None:
        self.plan = sp.csr_array(plan)
        if (X is None) != (Y is None):
            raise ValueError("X and Y go together: give both or none.")
        self.X = None if X is None else _plane(X, "X", self.plan.shape[0])
        self.Y = None if Y is None else _plane(Y, "Y", self.plan.shape[1])

    @property
    def density(self) -> float:
        """Share of entries that are not zero."""
        return float(self.plan.count_nonzero() / (self.plan.shape[0] * self.plan.shape[1]))

    @classmethod
    def from_result(
        cls,
        result: Any,
        X: ArrayLike | None = None,
        Y: ArrayLike | None = None,
        *,
        kind: str = "auto",
        ax: Any = None,
    ) -> TransportPlanDisplay:
        """Draw the plan of an :class:`taut.ot.OTResult`.

        The points of a PointCloud in the plane are used when X and Y are not given and ``kind``
        is not "heatmap".
        """
        if X is None and Y is None and kind != "heatmap":
            cost = result._problem.full_cost
            if getattr(cost, "X", None) is not None and cost.X.shape[1] == 2:
                X, Y = cost.X, cost.Y
        return cls(result.plan, X, Y).plot(ax, kind=kind)

    @classmethod
    def from_estimator(
        cls, estimator: Any, Xt: ArrayLike | None = None, *, kind: str = "auto", ax: Any = None
    ) -> TransportPlanDisplay:
        """Draw the plan of a fitted :class:`taut.ot.SparseTransport`; Xt are its targets."""
        _style.require(estimator, "plan_", "a SparseTransport")
        X = estimator.source_ if Xt is not None else None
        return cls(estimator.plan_, X, Xt).plot(ax, kind=kind)

    def plot(
        self, ax: Any = None, *, kind: str = "auto", max_lines: int = 2000
    ) -> TransportPlanDisplay:
        """Draw into ``ax``, or into a new figure.

        Parameters
        ----------
        ax : Axes, optional
        kind : {"auto", "heatmap", "lines"}, default="auto"
            "auto" is "lines" where positions are known.
        max_lines : int, default=2000
            Only the largest masses get a line; the title says how much of the mass they carry.

        Returns
        -------
        TransportPlanDisplay
            The display itself, with ``ax_`` and ``figure_`` set.
        """
        if kind not in ("auto", "heatmap", "lines"):
            raise ValueError(f"kind must be 'auto', 'heatmap' or 'lines', got {kind!r}.")
        if kind == "lines" and self.X is None:
            raise ValueError("kind='lines' needs X and Y, positions in the plane.")
        (ax,) = _style.take_axes(ax, 1, height=4.4)
        if self.X is not None and kind != "heatmap":
            self._draw_lines(ax, max_lines)
        else:
            self._draw_map(ax)
        self.ax_, self.figure_ = ax, _style.figure_of(ax)
        return self

    def _draw_map(self, ax: Any) -> None:
        n, m = self.plan.shape
        # Sums over blocks where there are more entries than pixels: no mass is lost from sight.
        rows, cols = min(n, 400), min(m, 400)
        coo = self.plan.tocoo()
        grid = np.zeros((rows, cols))
        i, j = coo.coords
        np.add.at(grid, (i * rows // n, j * cols // m), coo.data)
        shown = np.ma.masked_less_equal(grid, 0.0)
        self.image_ = ax.imshow(
            shown, cmap="Blues", aspect="auto", extent=(0, m, n, 0), interpolation="nearest"
        )
        self.image_.set_clim(0.0, float(grid.max()) or 1.0)
        bar = _style.figure_of(ax).colorbar(self.image_, ax=ax, pad=0.02)
        bar.set_label("mass" if (rows, cols) == (n, m) else "mass (summed over blocks)")
        bar.outline.set_visible(False)
        ax.set_xlabel("target")
        ax.set_ylabel("source")
        ax.set_title(f"{100 * self.density:.3g} % of the entries carry mass", loc="left")
        _style.tidy(ax, grid=None)

    def _draw_lines(self, ax: Any, max_lines: int) -> None:
        from matplotlib.collections import LineCollection

        assert self.X is not None
        assert self.Y is not None
        coo = self.plan.tocoo()
        order = np.argsort(-coo.data, kind="stable")[:max_lines]
        i, j = (part[order] for part in coo.coords)
        mass = coo.data[order]
        top = float(mass.max()) if mass.size else 1.0
        self.lines_ = LineCollection(
            list(np.stack([self.X[i], self.Y[j]], axis=1)),
            linewidths=0.2 + 1.8 * mass / top,
            colors=_style.MUTED,
            alpha=0.7,
            zorder=1,
        )
        ax.add_collection(self.lines_)
        sides = ((self.X, _style.BLUE, "source"), (self.Y, _style.VERMILLION, "target"))
        for points, color, label in sides:
            ax.plot(*points.T, "o", markersize=4, color=color, label=label, zorder=2)
        ax.legend(frameon=False, fontsize=9)
        ax.set_aspect("equal", adjustable="datalim")
        share = mass.sum() / max(coo.data.sum(), 1e-300)
        drawn = f"{mass.size} of {coo.data.size} partners"
        ax.set_title(f"{drawn}, {100 * share:.3g} % of the mass", loc="left")
        _style.tidy(ax, grid=None)


class OTConvergenceDisplay:
    """Marginal error of a transport solver after each of its steps.

    Parameters
    ----------
    errors : array-like of shape (n_steps,)
    tol : float, optional
        Drawn as a line.
    gap : float, optional
        Duality gap at the end, for the title.

    Attributes
    ----------
    ax_ : Axes
    figure_ : Figure
    line_ : Line2D

    Examples
    --------
    >>> from taut.plotting import OTConvergenceDisplay
    >>> OTConvergenceDisplay([1.0, 0.1, 0.01]).errors.size
    3
    """

    ax_: Any
    figure_: Any
    line_: Any

    def __init__(
        self, errors: ArrayLike, tol: float | None = None, gap: float | None = None
    ) -> None:
        self.errors: NDArray[np.float64] = np.asarray(errors, dtype=float).ravel()
        self.tol = tol
        self.gap = gap

    @classmethod
    def from_result(
        cls, result: Any, tol: float | None = None, ax: Any = None
    ) -> OTConvergenceDisplay:
        """Draw the steps of an :class:`taut.ot.OTResult`; the title has its duality gap."""
        return cls(result.errors, tol, result.duality_gap).plot(ax)

    def plot(self, ax: Any = None) -> OTConvergenceDisplay:
        """Draw into ``ax``, or into a new figure."""
        (ax,) = _style.take_axes(ax, 1)
        steps = np.arange(1, self.errors.size + 1)
        (self.line_,) = ax.plot(steps, self.errors, color=_style.BLUE, linewidth=1.6)
        if np.any(self.errors > 0):
            ax.set_yscale("log")
        if self.tol is not None:
            ax.axhline(self.tol, color=_style.INK, linewidth=1.0, linestyle=(0, (4, 2)))
        ax.set_xlabel("step")
        ax.set_ylabel("L1 error of the marginals")
        if self.gap is not None:
            ax.set_title(f"final duality gap {self.gap:.1e}", loc="left")
        _style.tidy(ax)
        self.ax_, self.figure_ = ax, _style.figure_of(ax)
        return self


def _plane(points: ArrayLike, name: str, size: int) -> NDArray[np.float64]:
    array = np.asarray(points, dtype=float)
    if array.shape != (size, 2):
        raise ValueError(f"{name} must have shape ({size}, 2), got {array.shape}.")
    return array

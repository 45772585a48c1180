# SPDX-License-Identifier: BSD-3-Clause
"""Directed acyclic graphs in layers."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taut._dag import require_dag, topological_order
from taut.exceptions import OptionalDependencyError
from taut.plotting import _style

__all__ = ["DagDisplay"]

_LAYOUTS = ("layers", "dot")
#: Area of the largest node and width of the widest edge, in points.
_AREA, _LEAST_AREA, _WIDTH, _LEAST_WIDTH = 700.0, 120.0, 4.0, 0.5


class DagDisplay:
    """A weighted DAG: causes above effects, wide edges for large weights.

    Positive weights are blue, negative ones vermillion. Nodes have the area of their noise scale.

    Parameters
    ----------
    adjacency : array-like of shape (d, d)
        Weights; entry (i, j) is the edge i -> j. No cycles.
    noise_scale : array-like of shape (d,), optional
        Standard deviations of the noise; nodes are of one size without.
    feature_names : sequence of str of length d, optional
    stability : array-like of shape (d, d), optional
        Share of subsamples with each edge, in [0, 1], drawn as opacity.

    Attributes
    ----------
    ax_ : Axes
    figure_ : Figure
    positions_ : ndarray of shape (d, 2)
    nodes_ : PathCollection
    edges_ : list of FancyArrowPatch
        In the order of ``numpy.argwhere(adjacency)``.
    labels_ : list of Text

    Raises
    ------
    ImportError
        In ``plot``, if matplotlib is not installed, or Graphviz for ``layout="dot"``.
    ValueError
        If the graph has a cycle, or shapes do not agree.

    Examples
    --------
    >>> from taut.plotting import DagDisplay
    >>> DagDisplay([[0, 1.5], [0, 0]]).layers()
    array([0, 1])
    """

    ax_: Any
    figure_: Any
    nodes_: Any
    positions_: NDArray[np.float64]
    edges_: list[Any]
    labels_: list[Any]

    def __init__(
        self,
        adjacency: ArrayLike,
        *,
        noise_scale: ArrayLike | None = None,
        feature_names: Sequence[object] | None = None,
        stability: ArrayLike | None = None,
    ) -> None:
        require_dag(adjacency, "adjacency")
        self.adjacency = np.asarray(adjacency, dtype=float)
        d = self.adjacency.shape[0]
        self.feature_names = _style.feature_names(feature_names, d)
        self.noise_scale = None
        if noise_scale is not None:
            self.noise_scale = np.asarray(noise_scale, dtype=float)
            if self.noise_scale.shape != (d,):
                raise ValueError(
                    f"noise_scale must have shape ({d},), got {self.noise_scale.shape}."
                )
        self.stability = None
        if stability is not None:
            self.stability = np.asarray(stability, dtype=float)
            if self.stability.shape != (d, d):
                raise ValueError(
                    f"stability must have shape ({d}, {d}), got {self.stability.shape}."
                )
            if not np.all((self.stability >= 0) & (self.stability <= 1)):
                raise ValueError("stability must lie in [0, 1].")

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        ax: Any = None,
        *,
        feature_names: Sequence[object] | None = None,
        stability: ArrayLike | None = None,
        layout: str = "layers",
    ) -> DagDisplay:
        """Draw the graph of a fitted :class:`taut.graph.CoLiDE`.

        Parameters
        ----------
        estimator : fitted CoLiDE
        ax : Axes, optional
            Where to draw. A new figure is made when it is None.
        feature_names : sequence of str of length d, optional
            By default the names seen in ``fit``.
        stability : array-like of shape (d, d), optional
            As :meth:`taut.graph.CoLiDE.edge_stability` returns it.
        layout : {"layers", "dot"}, default="layers"
        """
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(estimator)
        size = estimator.adjacency_.shape[0]
        return cls(
            estimator.adjacency_,
            noise_scale=estimator.noise_scale_,
            feature_names=_style.feature_names(feature_names, size, estimator),
            stability=stability,
        ).plot(ax, layout=layout)

    def layers(self) -> NDArray[np.int64]:
        """Return the length of the longest path that leads to each node."""
        layer = np.zeros(self.adjacency.shape[0], dtype=np.int64)
        for j in topological_order(self.adjacency):
            parents = np.flatnonzero(self.adjacency[:, j])
            if parents.size:
                layer[j] = layer[parents].max() + 1
        return layer

    def plot(self, ax: Any = None, *, layout: str = "layers") -> DagDisplay:
        """Draw into ``ax``, or into a new figure.

        Parameters
        ----------
        ax : Axes, optional
        layout : {"layers", "dot"}, default="layers"
            A row for each layer, nodes near their neighbours in it; or the places that the program
            ``dot`` of Graphviz gives.
        """
        if layout not in _LAYOUTS:
            raise ValueError(f"layout must be one of {_LAYOUTS}, got {layout!r}.")
        layer = self.layers()
        height = min(2.0 + 0.8 * float(layer.max(initial=0)), 12.0)
        (ax,) = _style.take_axes(ax, 1, height=height)
        self.positions_ = self._rows(layer) if layout == "layers" else self._dot()
        places = np.argwhere(self.adjacency != 0)
        size = np.abs(self.adjacency)
        top = float(size.max(initial=0.0)) or 1.0
        area = self._areas()
        self.edges_ = [self._edge(ax, i, j, size[i, j] / top, area, layer) for i, j in places]
        self.nodes_ = ax.scatter(
            *self.positions_.T, s=area, color="white", edgecolor=_style.INK, linewidth=1.2, zorder=3
        )
        self.labels_ = [
            ax.annotate(
                _style.shorten(name, 14), at, xytext=(0, -np.sqrt(a) / 2 - 3),
                textcoords="offset points", ha="center", va="top", fontsize=9, color=_style.INK,
                bbox=dict(boxstyle="square,pad=0.05", fc="white", ec="none", alpha=0.8), zorder=4,
            )
            for name, at, a in zip(self.feature_names, self.positions_, area, strict=True)
        ]  # fmt: skip
        ax.margins(0.12, 0.16)
        ax.set_axis_off()
        ax.set_title(f"{len(places)} edges", loc="left", fontsize=10)
        self.ax_, self.figure_ = ax, _style.figure_of(ax)
        return self

    def _areas(self) -> NDArray[np.float64]:
        d = self.adjacency.shape[0]
        if self.noise_scale is None:
            return np.full(d, 300.0)
        largest = float(self.noise_scale.max(initial=0.0)) or 1.0
        return _LEAST_AREA + (_AREA - _LEAST_AREA) * self.noise_scale / largest

    def _edge(
        self, ax: Any, i: int, j: int, share: float, area: NDArray[np.float64], layer: Any
    ) -> Any:
        from matplotlib.patches import FancyArrowPatch

        # An edge over several layers bends, away from the nodes that it passes.
        span = int(layer[j] - layer[i])
        bend = 0.0 if span < 2 else (0.2 if (i + j) % 2 else -0.2)
        arrow = FancyArrowPatch(
            tuple(self.positions_[i]),
            tuple(self.positions_[j]),
            arrowstyle="-|>",
            mutation_scale=8 + 6 * share,
            connectionstyle=f"arc3,rad={bend}",
            shrinkA=float(np.sqrt(area[i])) / 2,
            shrinkB=float(np.sqrt(area[j])) / 2,
            linewidth=_LEAST_WIDTH + (_WIDTH - _LEAST_WIDTH) * share,
            color=_style.BLUE if self.adjacency[i, j] > 0 else _style.VERMILLION,
            alpha=0.85 if self.stability is None else 0.1 + 0.9 * float(self.stability[i, j]),
            zorder=2,
        )
        ax.add_patch(arrow)
        return arrow

    def _rows(self, layer: NDArray[np.int64]) -> NDArray[np.float64]:
        """Nodes of a layer side by side, brought near the means of their neighbours in sweeps."""
        near = (self.adjacency != 0) | (self.adjacency != 0).T
        x = np.zeros(layer.size)
        rows = [np.flatnonzero(layer == k) for k in range(int(layer.max(initial=0)) + 1)]
        for row in rows:
            x[row] = np.arange(row.size) - (row.size - 1) / 2
        for sweep in range(8):
            for row in rows if sweep % 2 == 0 else rows[::-1]:
                wanted = [x[near[j]].mean() if near[j].any() else x[j] for j in row]
                order = row[np.argsort(wanted, kind="stable")]
                x[order] = np.arange(row.size) - (row.size - 1) / 2
        # The nodes of every other layer stand in the gaps, so that fewer edges pass behind one.
        return np.column_stack([x + 0.25 * (layer % 2), -layer.astype(float)])

    def _dot(self) -> NDArray[np.float64]:
        program = shutil.which("dot")
        if program is None:
            raise OptionalDependencyError('layout="dot"', "the program dot of Graphviz")
        nodes = "".join(f"{j};" for j in range(self.adjacency.shape[0]))
        edges = "".join(f"{i}->{j};" for i, j in np.argwhere(self.adjacency != 0))
        done = subprocess.run(
            [program, "-Tplain"], input=f"digraph{{{nodes}{edges}}}", capture_output=True,
            text=True, check=True,
        )  # fmt: skip
        positions = np.zeros((self.adjacency.shape[0], 2))
        for line in done.stdout.splitlines():
            word = line.split()
            if word[0] == "node":
                positions[int(word[1])] = float(word[2]), float(word[3])
        return positions

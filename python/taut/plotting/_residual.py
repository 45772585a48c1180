# SPDX-License-Identifier: BSD-3-Clause
"""Held-out residuals against predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from taut.plotting import _style


class ResidualDisplay:
    """Residual (observed minus predicted) against prediction.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)

    Attributes
    ----------
    ax_ : Axes
    figure_ : Figure
    points_ : Line2D

    Raises
    ------
    ImportError
        In ``plot``, if matplotlib is not installed.
    ValueError
        If the lengths differ.

    Examples
    --------
    >>> from taut.plotting import ResidualDisplay
    >>> ResidualDisplay([1.0, 2.0], [1.5, 2.0]).residuals
    array([-0.5,  0. ])
    """

    ax_: Any
    figure_: Any
    points_: Any

    def __init__(self, y_true: ArrayLike, y_pred: ArrayLike) -> None:
        self.y_true = np.asarray(y_true, dtype=float).ravel()
        self.y_pred = np.asarray(y_pred, dtype=float).ravel()
        if self.y_true.shape != self.y_pred.shape:
            raise ValueError(
                f"y_true has {self.y_true.size} values, y_pred has {self.y_pred.size}."
            )
        self.residuals = self.y_true - self.y_pred

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: ArrayLike, ax: Any = None
    ) -> ResidualDisplay:
        """Predict the rows of ``X`` and draw. Use rows the estimator has not seen."""
        return cls(y, estimator.predict(X)).plot(ax)

    @classmethod
    def from_predictions(
        cls, y_true: ArrayLike, y_pred: ArrayLike, ax: Any = None
    ) -> ResidualDisplay:
        """Draw from predictions made earlier."""
        return cls(y_true, y_pred).plot(ax)

    def plot(self, ax: Any = None) -> ResidualDisplay:
        """Draw into ``ax``, or into a new figure.

        Returns
        -------
        ResidualDisplay
            The display itself, with ``ax_`` and ``figure_`` set.
        """
        (ax,) = _style.take_axes(ax, 1)
        n = self.residuals.size
        ax.axhline(0.0, color=_style.INK, linewidth=1.0)
        (self.points_,) = ax.plot(
            self.y_pred,
            self.residuals,
            "o",
            markersize=5 if n <= 300 else 3,
            markerfacecolor=_style.BLUE,
            markeredgecolor="none",
            alpha=0.65 if n <= 300 else 0.35,
            rasterized=n > 2000,
        )
        reach = 1.08 * float(np.max(np.abs(self.residuals), initial=0.0)) or 1.0
        ax.set_ylim(-reach, reach)  # symmetric, so that a bias is seen
        ax.set_xlabel("predicted")
        ax.set_ylabel("observed - predicted".replace("-", "\N{MINUS SIGN}"))
        _style.tidy(ax)
        self.ax_, self.figure_ = ax, _style.figure_of(ax)
        return self

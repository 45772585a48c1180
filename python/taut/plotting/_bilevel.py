# SPDX-License-Identifier: BSD-3-Clause
"""How a bilevel fit went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taut.plotting import _style


class BilevelDisplay:
    """Upper loss of a bilevel fit against its lower iterations, and the accuracies it worked with.

    Parameters
    ----------
    history : mapping
        ``history_`` of :class:`taut.bilevel.MAID`.

    Attributes
    ----------
    work : ndarray of shape (n_iter,)
        Gradients and Hessian products so far.
    axes_ : list of Axes
        Loss with its bounds; accuracy of the lower problem and relative error bound of the
        hypergradient.
    figure_ : Figure

    Raises
    ------
    ImportError
        In ``plot``, if matplotlib is not installed.
    ValueError
        If the history is empty.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import MAID, HeldOutMSE, RidgeLower
    >>> from taut.plotting import BilevelDisplay
    >>> lower, upper = RidgeLower(np.eye(2), [2.0, 4.0]), HeldOutMSE(np.eye(2), [1.0, 1.0])
    >>> display = BilevelDisplay(MAID(lower, upper).fit([0.0]).history_)
    >>> bool((np.diff(display.work) > 0).all())
    True
    """

    axes_: list[Any]
    figure_: Any

    def __init__(self, history: Mapping[str, ArrayLike]) -> None:
        self.history: dict[str, NDArray[Any]] = {k: np.asarray(v) for k, v in history.items()}
        if self.history["value"].size == 0:
            raise ValueError("history holds no step.")
        self.work = self.history["n_lower_iter"] + self.history["n_hvp"]

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> BilevelDisplay:
        """Draw the ``history_`` of a fitted :class:`taut.bilevel.MAID` or denoiser."""
        return cls(estimator.history_).plot(ax)

    def plot(self, ax: Any = None) -> BilevelDisplay:
        """Draw into ``ax``, two axes, or into a new figure."""
        axes = _style.take_axes(ax, 2)
        h = self.history
        axes[0].fill_between(
            self.work, h["value_lower"], h["value_upper"], color=_style.FAINT, label="bounds"
        )
        axes[0].plot(self.work, h["value"], color=_style.BLUE, label="upper loss")
        axes[0].set_ylabel("upper loss")
        axes[1].semilogy(self.work, h["eps"], color=_style.BLUE, label="lower problem")
        ratio = h["hypergradient_error"] / np.maximum(h["hypergradient_norm"], 1e-300)
        axes[1].semilogy(
            self.work, ratio, color=_style.VERMILLION, label="hypergradient, relative bound"
        )
        axes[1].set_ylabel("accuracy")
        for panel in axes:
            panel.set_xlabel("lower iterations")
            panel.legend(frameon=False, fontsize=9)
            _style.tidy(panel)
        self.axes_, self.figure_ = list(axes), _style.figure_of(axes[0])
        return self

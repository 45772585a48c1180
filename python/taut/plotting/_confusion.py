# SPDX-License-Identifier: BSD-3-Clause
"""Confusion matrix of held-out predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from taut.plotting import _style


class ConfusionDisplay:
    """Counts of true against predicted classes, shaded by the share of the true class.

    Parameters
    ----------
    matrix : array-like of shape (n_classes, n_classes)
        ``matrix[i, j]`` rows of true class i were predicted as class j.
    classes : sequence of length n_classes, optional

    Attributes
    ----------
    ax_ : Axes
    figure_ : Figure
    image_ : AxesImage
    text_ : ndarray of Text, of shape (n_classes, n_classes)

    Raises
    ------
    ImportError
        In ``plot``, if matplotlib is not installed.
    ValueError
        If the matrix is not square or the labels do not fit it.

    Examples
    --------
    >>> from taut.plotting import ConfusionDisplay
    >>> ConfusionDisplay([[5, 1], [0, 4]]).classes
    [0, 1]
    """

    ax_: Any
    figure_: Any
    image_: Any
    text_: Any

    def __init__(self, matrix: ArrayLike, *, classes: Sequence[object] | None = None) -> None:
        self.matrix = np.asarray(matrix)
        if self.matrix.ndim != 2 or self.matrix.shape[0] != self.matrix.shape[1]:
            raise ValueError(f"matrix must be square, got shape {self.matrix.shape}.")
        n_classes = self.matrix.shape[0]
        self.classes = list(range(n_classes)) if classes is None else list(classes)
        if len(self.classes) != n_classes:
            raise ValueError(f"classes has {len(self.classes)} labels, matrix {n_classes} rows.")

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: ArrayLike, ax: Any = None
    ) -> ConfusionDisplay:
        """Predict the rows of ``X`` and draw. Use rows the estimator has not seen."""
        return cls.from_predictions(y, estimator.predict(X), ax, classes=estimator.classes_)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        ax: Any = None,
        *,
        classes: Sequence[object] | None = None,
    ) -> ConfusionDisplay:
        """Draw from predictions made earlier. ``classes`` fixes the order of the labels."""
        from sklearn.metrics import confusion_matrix
        from sklearn.utils.multiclass import unique_labels

        labels = unique_labels(y_true, y_pred) if classes is None else classes
        return cls(confusion_matrix(y_true, y_pred, labels=labels), classes=list(labels)).plot(ax)

    def plot(self, ax: Any = None) -> ConfusionDisplay:
        """Draw into ``ax``, or into a new figure.

        Returns
        -------
        ConfusionDisplay
            The display itself, with ``ax_`` and ``figure_`` set.
        """
        n = len(self.classes)
        if ax is None:
            (ax,) = _style.new_axes(width=1.9 + 0.75 * max(n, 3), height=1.2 + 0.75 * max(n, 3))
        totals = self.matrix.sum(axis=1, keepdims=True)
        share = self.matrix / np.maximum(totals, 1)
        self.image_ = ax.imshow(share, cmap="Blues", vmin=0.0, vmax=1.15)
        self.text_ = np.empty((n, n), dtype=object)
        for i, j in np.ndindex(n, n):
            self.text_[i, j] = ax.text(
                j,
                i,
                f"{self.matrix[i, j]:,}",
                ha="center",
                va="center",
                fontsize=11 if n <= 6 else 8,
                color="white" if share[i, j] > 0.6 else _style.INK,
            )
        names = [_style.shorten(label, 16) for label in self.classes]
        crowded = n > 3 and max(len(name) for name in names) > 8
        ax.set_xticks(np.arange(n), names, rotation=35 if crowded else 0)
        if crowded:
            for label in ax.get_xticklabels():
                label.set_horizontalalignment("right")
        ax.set_yticks(np.arange(n), names)
        ax.set_xlabel("predicted class")
        ax.set_ylabel("true class")
        _style.tidy(ax, grid=None)
        ax.tick_params(length=0, colors=_style.INK)
        for side in ("left", "bottom"):
            ax.spines[side].set_visible(False)
        self.ax_, self.figure_ = ax, _style.figure_of(ax)
        return self

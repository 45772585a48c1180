# SPDX-License-Identifier: BSD-3-Clause
"""The chosen features: sign, size, and how often the folds agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from taut.plotting import _style


class CoefficientDisplay:
    """Nonzero coefficients as horizontal bars, largest on top.

    Parameters
    ----------
    coef : array-like of shape (n_features,) or (n_classes, n_features)
    feature_names : sequence of str of length n_features, optional
    selection_frequency : array-like with the shape of coef, optional
        Share of the folds, in [0, 1], in which the coefficient is not zero.
    classes : sequence of length n_classes, optional
    feature_scale : array-like of shape (n_features,), optional
        Coefficients are multiplied by it, see :class:`PathDisplay`.

    Attributes
    ----------
    ax_ : Axes, or ndarray of Axes with one entry per class
    figure_ : Figure
    bars_ : BarContainer, or list of such with one entry per class
    shown_ : ndarray of int, or list of such
        Positions of the features drawn, from top to bottom.

    Raises
    ------
    ImportError
        In ``plot``, if matplotlib is not installed.
    ValueError
        If the shapes do not agree.

    Examples
    --------
    >>> from taut.plotting import CoefficientDisplay
    >>> CoefficientDisplay([0.0, -2.0, 1.0]).coef.shape
    (1, 3)
    """

    ax_: Any
    figure_: Any
    bars_: Any
    shown_: Any

    def __init__(
        self,
        coef: ArrayLike,
        *,
        feature_names: Sequence[object] | None = None,
        selection_frequency: ArrayLike | None = None,
        classes: Sequence[object] | None = None,
        feature_scale: ArrayLike | None = None,
    ) -> None:
        self.coef = np.atleast_2d(np.asarray(coef, dtype=float))
        n_classes, n_features = self.coef.shape
        self.scaled = feature_scale is not None
        if feature_scale is not None:
            scale = np.asarray(feature_scale, dtype=float)
            if scale.shape != (n_features,):
                raise ValueError(
                    f"feature_scale must have shape ({n_features},), got {scale.shape}."
                )
            self.coef = self.coef * scale
        self.feature_names = _style.feature_names(feature_names, n_features)
        self.selection_frequency = (
            None
            if selection_frequency is None
            else np.atleast_2d(np.asarray(selection_frequency, dtype=float))
        )
        if (
            self.selection_frequency is not None
            and self.selection_frequency.shape != self.coef.shape
        ):
            raise ValueError(
                f"selection_frequency must have the shape of coef {self.coef.shape}, "
                f"got {self.selection_frequency.shape}."
            )
        self.classes = list(range(n_classes)) if classes is None else list(classes)
        if n_classes == 1 and len(self.classes) == 2:  # two classes share one row of coefficients
            self.classes = self.classes[1:]
        if len(self.classes) != n_classes:
            raise ValueError(f"classes has {len(self.classes)} labels, coef {n_classes} rows.")

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        ax: Any = None,
        *,
        class_label: object | None = None,
        feature_names: Sequence[object] | None = None,
        feature_scale: ArrayLike | None = None,
        max_features: int = 20,
    ) -> CoefficientDisplay:
        """Draw the coefficients of a fitted estimator.

        Parameters
        ----------
        estimator : fitted linear model of taut
        ax : Axes or array of Axes, optional
            Where to draw. A new figure is made when it is None.
        class_label, feature_names, feature_scale, max_features
            See :class:`CoefficientDisplay` and :meth:`plot`.
        """
        _style.require(estimator, "coef_", "a linear model")
        if feature_names is None:
            feature_names = getattr(estimator, "feature_names_in_", None)
        return cls(
            estimator.coef_,
            feature_names=feature_names,
            selection_frequency=getattr(estimator, "selection_frequency_", None),
            classes=getattr(estimator, "classes_", None),
            feature_scale=feature_scale,
        ).plot(ax, class_label=class_label, max_features=max_features)

    def plot(
        self, ax: Any = None, *, class_label: object | None = None, max_features: int = 20
    ) -> CoefficientDisplay:
        """Draw.

        Parameters
        ----------
        ax : Axes or array of Axes, optional
            One axes, or one per class for several classes. A new figure when None.
        class_label : object, optional
            Draw only this class. By default every class has its own panel.
        max_features : int, default=20
            Draw at most this many bars in each panel, the largest ones.

        Returns
        -------
        CoefficientDisplay
            The display itself, with ``ax_`` and ``figure_`` set.
        """
        rows = _style.choose_class(self.classes, class_label)
        chosen = [self._largest(k, max_features) for k in rows]
        longest = max(len(features) for features in chosen)
        axes = _style.take_axes(ax, len(rows), height=1.3 + 0.24 * max(longest, 3))
        bars = [self._draw(a, k, f) for a, k, f in zip(axes, rows, chosen, strict=True)]
        single = len(rows) == 1
        self.ax_ = axes[0] if single else np.array(axes, dtype=object)
        self.figure_ = _style.figure_of(axes[0])
        self.bars_ = bars[0] if single else bars
        self.shown_ = chosen[0] if single else chosen
        return self

    def _largest(self, k: int, max_features: int) -> Any:
        size = np.abs(self.coef[k])
        order = np.argsort(-size, kind="stable")
        return order[: min(int(np.count_nonzero(size)), max(max_features, 1))]

    def _draw(self, ax: Any, k: int, features: Any) -> Any:
        values = self.coef[k, features]
        rows = np.arange(features.size)
        colors = np.where(values > 0, _style.BLUE, _style.VERMILLION)
        bars = ax.barh(rows, values, height=0.62, color=list(colors))
        ax.axvline(0.0, color=_style.MUTED, linewidth=0.8)
        ax.set_yticks(rows, [_style.shorten(self.feature_names[j], 30) for j in features])
        ax.set_ylim(max(features.size, 1) - 0.4, -0.6)
        ax.set_xlabel("coefficient per standard deviation" if self.scaled else "coefficient")
        hidden = int(np.count_nonzero(self.coef[k])) - features.size
        title = f"class {_style.shorten(self.classes[k])}" if len(self.classes) > 1 else ""
        if hidden > 0:
            title = (title + "   " if title else "") + f"({hidden} smaller ones not drawn)"
        if title:
            ax.set_title(title, loc="left")
        if features.size == 0:
            ax.text(
                0.5,
                0.5,
                "no feature chosen",
                transform=ax.transAxes,
                ha="center",
                va="center",
                color=_style.MUTED,
                fontsize=10,
            )
            ax.set_xticks([])
        _style.tidy(ax, grid="x")
        ax.tick_params(axis="y", length=0, colors=_style.INK)
        ax.spines["left"].set_visible(False)
        if self.selection_frequency is not None and features.size:
            self._write_frequencies(ax, rows, self.selection_frequency[k, features])
        return bars

    @staticmethod
    def _write_frequencies(ax: Any, rows: Any, frequency: Any) -> None:
        across = ax.get_yaxis_transform()
        ax.text(
            1.02,
            -0.75,
            "in folds",
            transform=across,
            fontsize=8.5,
            color=_style.MUTED,
            va="bottom",
        )
        for row, share in zip(rows, frequency, strict=True):
            ax.text(
                1.02,
                row,
                f"{100 * share:.0f}%",
                transform=across,
                va="center",
                fontsize=8.5,
                color=_style.INK if share >= 0.8 else _style.MUTED,
            )

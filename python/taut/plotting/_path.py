# SPDX-License-Identifier: BSD-3-Clause
"""Coefficients along the regularisation path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taut.plotting import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class PathDisplay:
    """Coefficients against the penalty strength.

    The largest coefficients are drawn in colour and named, the others in grey.

    Parameters
    ----------
    alphas : array-like of shape (n_alphas,)
        Penalty strengths, decreasing. Strengths of 0 are left out of the picture.
    coefs : array-like of shape (n_features, n_alphas) or (n_alphas, n_classes, n_features)
        Coefficients at each strength, laid out as in :class:`taut.linear_model.PathResult`.
    alpha_min, alpha_1se : float, optional
        Strengths to mark by vertical lines.
    feature_names : sequence of str of length n_features, optional
    classes : sequence of length n_classes, optional
        Labels of the classes when ``coefs`` has three dimensions.
    feature_scale : array-like of shape (n_features,), optional
        Coefficients are multiplied by it. The columns' standard deviations make effects of
        features with different units comparable.

    Attributes
    ----------
    ax_ : Axes, or ndarray of Axes with one entry per class
    figure_ : Figure
    lines_ : list of Line2D, or list of such lists with one entry per class
    alpha_lines_ : dict with keys "min" and "1se", or list of such dicts

    Raises
    ------
    ImportError
        In ``plot``, if matplotlib is not installed.
    ValueError
        If the shapes do not agree.

    Examples
    --------
    >>> from taut.plotting import PathDisplay
    >>> display = PathDisplay([1.0, 0.1], [[0.0, 2.0], [0.0, -1.0]])
    >>> display.feature_names
    ['x0', 'x1']
    """

    ax_: Any
    figure_: Any
    lines_: list[Any]
    alpha_lines_: Any

    def __init__(
        self,
        alphas: ArrayLike,
        coefs: ArrayLike,
        *,
        alpha_min: float | None = None,
        alpha_1se: float | None = None,
        feature_names: Sequence[object] | None = None,
        classes: Sequence[object] | None = None,
        feature_scale: ArrayLike | None = None,
    ) -> None:
        self.alphas = np.asarray(alphas, dtype=float)
        values = np.asarray(coefs, dtype=float)
        if values.ndim == 2:  # (p, k) -> (k, 1, p): one layout inside
            values = values.T[:, None, :]
        if values.ndim != 3 or values.shape[0] != self.alphas.shape[0]:
            raise ValueError(
                f"coefs must have shape (n_features, {self.alphas.size}) or "
                f"({self.alphas.size}, n_classes, n_features), got {np.shape(coefs)}."
            )
        n_classes, n_features = values.shape[1:]
        if feature_scale is not None:
            scale = np.asarray(feature_scale, dtype=float)
            if scale.shape != (n_features,):
                raise ValueError(
                    f"feature_scale must have shape ({n_features},), got {scale.shape}."
                )
            values = values * scale
        self.coefs: NDArray[np.float64] = values
        self.scaled = feature_scale is not None
        self.alpha_min = alpha_min
        self.alpha_1se = alpha_1se
        self.feature_names = _style.feature_names(feature_names, n_features)
        self.named = classes is not None
        self.classes = list(range(n_classes)) if classes is None else list(classes)
        if len(self.classes) != n_classes:
            raise ValueError(f"classes has {len(self.classes)} labels, coefs {n_classes} classes.")

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        ax: Any = None,
        *,
        class_label: object | None = None,
        feature_names: Sequence[object] | None = None,
        feature_scale: ArrayLike | None = None,
        x: str = "-log10(alpha)",
        max_labels: int = 8,
    ) -> PathDisplay:
        """Draw the path of a fitted cross-validated estimator.

        Parameters
        ----------
        estimator : fitted LassoCV, ElasticNetCV, LogisticLassoCV or MultinomialLassoCV
        ax : Axes or array of Axes, optional
            Where to draw. A new figure is made when it is None.
        class_label, feature_names, feature_scale, x, max_labels
            See :class:`PathDisplay` and :meth:`plot`.
        """
        _style.require(estimator, "path_", "one with a path, such as LassoCV")
        if feature_names is None:
            feature_names = getattr(estimator, "feature_names_in_", None)
        return cls.from_path(
            estimator.path_,
            ax,
            alpha_min=getattr(estimator, "alpha_min_", None),
            alpha_1se=getattr(estimator, "alpha_1se_", None),
            classes=getattr(estimator, "classes_", None),
            class_label=class_label,
            feature_names=feature_names,
            feature_scale=feature_scale,
            x=x,
            max_labels=max_labels,
        )

    @classmethod
    def from_path(
        cls,
        path: Any,
        ax: Any = None,
        *,
        alpha_min: float | None = None,
        alpha_1se: float | None = None,
        classes: Sequence[object] | None = None,
        class_label: object | None = None,
        feature_names: Sequence[object] | None = None,
        feature_scale: ArrayLike | None = None,
        x: str = "-log10(alpha)",
        max_labels: int = 8,
    ) -> PathDisplay:
        """Draw a :class:`taut.linear_model.PathResult`; parameters as above."""
        coefs = np.asarray(path.coefs)
        display = cls(
            path.alphas,
            coefs,
            alpha_min=alpha_min,
            alpha_1se=alpha_1se,
            feature_names=feature_names,
            classes=classes if coefs.ndim == 3 else None,
            feature_scale=feature_scale,
        )
        return display.plot(ax, class_label=class_label, x=x, max_labels=max_labels)

    def plot(
        self,
        ax: Any = None,
        *,
        class_label: object | None = None,
        x: str = "-log10(alpha)",
        max_labels: int = 8,
    ) -> PathDisplay:
        """Draw.

        Parameters
        ----------
        ax : Axes or array of Axes, optional
            One axes, or one per class for several classes. A new figure when None.
        class_label : object, optional
            Draw only this class. By default every class has its own panel.
        x : {"-log10(alpha)", "alpha"}, default="-log10(alpha)"
            Horizontal axis. "alpha" is logarithmic and runs from large to small.
        max_labels : int, default=8
            How many features are coloured and named, in each panel.

        Returns
        -------
        PathDisplay
            The display itself, with ``ax_`` and ``figure_`` set.
        """
        chosen = _style.choose_class(self.classes, class_label)
        abscissa = _style.alpha_axis(self.alphas, x)
        axes = _style.take_axes(ax, len(chosen))
        lines, marks = [], []
        for panel, k in zip(axes, chosen, strict=True):
            lines.append(self._draw(panel, abscissa, self.coefs[:, k, :], max_labels))
            _style.label_alpha_axis(panel, x)
            marks.append(_style.mark_alphas(panel, x, self.alpha_min, self.alpha_1se, inside=False))
            if len(self.classes) > 1:
                word = "class" if self.named else "output"
                title = f"{word} {_style.shorten(self.classes[k])}"
                panel.set_title(title, loc="left", pad=17)
            _style.tidy(panel)
        single = len(chosen) == 1
        self.ax_ = axes[0] if single else np.array(axes, dtype=object)
        self.figure_ = _style.figure_of(axes[0])
        self.lines_ = lines[0] if single else lines
        self.alpha_lines_ = marks[0] if single else marks
        return self

    def _draw(
        self, ax: Axes, x: NDArray[np.floating], coefs: NDArray[np.float64], max_labels: int
    ) -> list[Any]:
        shown = np.isfinite(x)
        x, coefs = x[shown], coefs[shown]
        used = np.flatnonzero(np.any(coefs != 0, axis=0))
        ax.axhline(0.0, color=_style.MUTED, linewidth=0.8, zorder=1)
        ax.set_ylabel("coefficient per standard deviation" if self.scaled else "coefficient")
        if used.size == 0:
            return []
        size = np.abs(coefs).max(axis=0)
        named = used[np.argsort(-size[used], kind="stable")[: max(max_labels, 0)]]
        grey = np.setdiff1d(used, named)
        raster = grey.size > 200  # thousands of curves make a vector file of many megabytes
        lines = []
        if grey.size:
            lines += ax.plot(
                x, coefs[:, grey], color=_style.FAINT, linewidth=0.9, zorder=2, rasterized=raster
            )
        for rank, j in enumerate(named):
            color = _style.CYCLE[rank % len(_style.CYCLE)]
            (line,) = ax.plot(
                x, coefs[:, j], color=color, linewidth=1.6, zorder=3, label=self.feature_names[j]
            )
            lines.append(line)
        self._name(ax, named, coefs)
        return lines

    def _name(self, ax: Axes, named: NDArray[np.intp], coefs: NDArray[np.float64]) -> None:
        """Write names at the right ends of the curves, moved apart so that none overlap."""
        low, high = ax.get_ylim()
        ends = coefs[-1, named]
        height = ax.get_position().height * _style.figure_of(ax).get_figheight() * 72
        gap = 11.0 / max(height, 40.0) * (high - low)
        middles = np.clip(_style.spread(ends, gap), low - 0.04 * (high - low), None)
        for rank, (j, y_end, y_text) in enumerate(zip(named, ends, middles, strict=True)):
            ax.annotate(
                _style.shorten(self.feature_names[j], 22),
                xy=(1.0, y_end),
                xycoords=ax.get_yaxis_transform(),
                xytext=(1.03, y_text),
                textcoords=ax.get_yaxis_transform(),
                color=_style.CYCLE[rank % len(_style.CYCLE)],
                fontsize=8.5,
                va="center",
                annotation_clip=False,
                arrowprops={
                    "arrowstyle": "-",
                    "linewidth": 0.6,
                    "color": _style.FAINT,
                    "shrinkA": 1,
                    "shrinkB": 1,
                },
            )
        ax.set_ylim(low, high)
        ax.margins(x=0)

# SPDX-License-Identifier: BSD-3-Clause
"""Selection shares along the path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from taut.plotting import _style


class StabilityDisplay:
    """Share of half samples that select each feature, against the penalty strength.

    Features above the threshold are drawn in colour and named, the others in grey.

    Parameters
    ----------
    alphas : array-like of shape (n_alphas,)
        Penalty strengths, decreasing.
    probabilities : array-like of shape (n_alphas, n_features)
        Shares in [0, 1].
    threshold : float, default=0.75
    feature_names : sequence of str of length n_features, optional
    error_bound : float, optional
        Bound on the expected number of wrong features, for the title.

    Attributes
    ----------
    ax_ : Axes
    figure_ : Figure
    lines_ : list of Line2D
        Of the named features.
    threshold_line_ : Line2D

    Raises
    ------
    ImportError
        In ``plot``, if matplotlib is not installed.
    ValueError
        If the shapes do not agree.

    Examples
    --------
    >>> from taut.plotting import StabilityDisplay
    >>> StabilityDisplay([1.0, 0.1], [[0.0, 0.9], [0.2, 1.0]]).feature_names
    ['x0', 'x1']
    """

    ax_: Any
    figure_: Any
    lines_: list[Any]
    threshold_line_: Any

    def __init__(
        self,
        alphas: ArrayLike,
        probabilities: ArrayLike,
        *,
        threshold: float = 0.75,
        feature_names: Sequence[object] | None = None,
        error_bound: float | None = None,
    ) -> None:
        self.alphas = np.asarray(alphas, dtype=float)
        self.probabilities = np.asarray(probabilities, dtype=float)
        if self.probabilities.ndim != 2 or len(self.probabilities) != self.alphas.size:
            raise ValueError(
                f"probabilities must have shape ({self.alphas.size}, n_features), got "
                f"{self.probabilities.shape}."
            )
        self.threshold = threshold
        self.feature_names = _style.feature_names(feature_names, self.probabilities.shape[1])
        self.error_bound = error_bound

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        ax: Any = None,
        *,
        feature_names: Sequence[object] | None = None,
        x: str = "-log10(alpha)",
        max_labels: int = 8,
    ) -> StabilityDisplay:
        """Draw a fitted :class:`taut.model_selection.StabilitySelection`.

        Parameters
        ----------
        estimator : fitted StabilitySelection of an estimator of taut
        ax : Axes, optional
            Where to draw. A new figure is made when it is None.
        feature_names : sequence of str of length n_features, optional
            By default the names seen in ``fit``.
        x : {"-log10(alpha)", "alpha"}, default="-log10(alpha)"
        max_labels : int, default=8
            How many features are named at most.
        """
        _style.require(estimator, "probabilities_path_", "a StabilitySelection")
        path = estimator.probabilities_path_
        return cls(
            estimator.alphas_,
            path,
            threshold=float(estimator.threshold),
            feature_names=_style.feature_names(feature_names, path.shape[1], estimator),
            error_bound=float(estimator.error_bound_),
        ).plot(ax, x=x, max_labels=max_labels)

    def plot(
        self, ax: Any = None, *, x: str = "-log10(alpha)", max_labels: int = 8
    ) -> StabilityDisplay:
        """Draw into ``ax``, or into a new figure.

        Parameters
        ----------
        ax : Axes, optional
        x : {"-log10(alpha)", "alpha"}, default="-log10(alpha)"
        max_labels : int, default=8

        Returns
        -------
        StabilityDisplay
            The display itself, with ``ax_`` and ``figure_`` set.
        """
        at = _style.alpha_axis(self.alphas, x)
        shown = np.isfinite(at)
        (ax,) = _style.take_axes(ax, 1)
        best = self.probabilities.max(axis=0)
        order = np.argsort(-best, kind="stable")
        stable = [int(j) for j in order if best[j] >= self.threshold][:max_labels]
        grey = [int(j) for j in order if best[j] > 0 and int(j) not in stable]
        share = self.probabilities[shown]
        if grey:
            ax.plot(
                at[shown],
                share[:, grey],
                color=_style.FAINT,
                linewidth=0.9,
                rasterized=len(grey) > 200,
            )
        self.lines_ = []
        for rank, j in enumerate(stable):
            color = _style.CYCLE[rank % len(_style.CYCLE)]
            name = _style.shorten(self.feature_names[j], 22)
            self.lines_ += ax.plot(at[shown], share[:, j], color=color, linewidth=1.6, label=name)
        self.threshold_line_ = ax.axhline(
            self.threshold, color=_style.INK, linewidth=1.1, linestyle=(0, (4, 2))
        )
        ax.set_ylim(-0.02, 1.02)
        ax.set_ylabel("share of half samples")
        _style.label_alpha_axis(ax, x)
        if self.lines_:
            ax.legend(frameon=False, fontsize=8.5, loc="upper left")
        if self.error_bound is not None:
            ax.set_title(f"at most {self.error_bound:.2g} wrong features expected", loc="left")
        _style.tidy(ax)
        self.ax_, self.figure_ = ax, _style.figure_of(ax)
        return self

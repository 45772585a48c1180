# SPDX-License-Identifier: BSD-3-Clause
"""The cross-validation curve."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taut.plotting import _style


class CVCurveDisplay:
    """Cross-validated loss with a band of one standard error, against the penalty strength.

    Parameters
    ----------
    alphas : array-like of shape (n_alphas,)
        Penalty strengths. Strengths of 0 are left out of the picture.
    cv_mean, cv_se : array-like of shape (n_alphas,)
        Mean loss over folds and its standard error.
    alpha_min, alpha_1se : float, optional
        The strength of least loss, and the largest one within one standard error of it.
    n_nonzero : array-like of shape (n_alphas,), optional
        Number of features in the model fitted to all rows, written above the curve.
    loss_name : str, default="cross-validated loss"

    Attributes
    ----------
    ax_ : Axes
    figure_ : Figure
    line_ : Line2D
    band_ : PolyCollection
    alpha_lines_ : dict with keys "min" and "1se"
    top_axis_ : SecondaryAxis or None

    Raises
    ------
    ImportError
        In ``plot``, if matplotlib is not installed.
    ValueError
        If the arrays differ in length.

    Examples
    --------
    >>> from taut.plotting import CVCurveDisplay
    >>> CVCurveDisplay([1.0, 0.1], [3.0, 2.0], [0.2, 0.3], alpha_min=0.1).alpha_min
    0.1
    """

    ax_: Any
    figure_: Any
    line_: Any
    band_: Any
    alpha_lines_: dict[str, Any]
    top_axis_: Any

    def __init__(
        self,
        alphas: ArrayLike,
        cv_mean: ArrayLike,
        cv_se: ArrayLike,
        *,
        alpha_min: float | None = None,
        alpha_1se: float | None = None,
        n_nonzero: ArrayLike | None = None,
        loss_name: str = "cross-validated loss",
    ) -> None:
        self.alphas = np.asarray(alphas, dtype=float)
        self.cv_mean = np.asarray(cv_mean, dtype=float)
        self.cv_se = np.asarray(cv_se, dtype=float)
        self.n_nonzero: NDArray[np.intp] | None = (
            None if n_nonzero is None else np.asarray(n_nonzero, dtype=np.intp)
        )
        for name in ("cv_mean", "cv_se", "n_nonzero"):
            values = getattr(self, name)
            if values is not None and values.shape != self.alphas.shape:
                raise ValueError(
                    f"{name} must have shape {self.alphas.shape} like alphas, got {values.shape}."
                )
        self.alpha_min = alpha_min
        self.alpha_1se = alpha_1se
        self.loss_name = loss_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        ax: Any = None,
        *,
        x: str = "-log10(alpha)",
        loss_name: str | None = None,
    ) -> CVCurveDisplay:
        """Draw the curve of a fitted cross-validated estimator.

        Parameters
        ----------
        estimator : fitted LassoCV, ElasticNetCV, LogisticLassoCV or MultinomialLassoCV
        ax : Axes, optional
            Where to draw. A new figure is made when it is None.
        x : {"-log10(alpha)", "alpha"}, default="-log10(alpha)"
        loss_name : str, optional
            Label of the vertical axis. By default named after the loss that was averaged.
        """
        _style.require(estimator, "cv_mean_", "one that cross-validates, such as LassoCV")
        if loss_name is None:
            loss_name = _loss_name(estimator)
        return cls(
            estimator.alphas_,
            estimator.cv_mean_,
            estimator.cv_se_,
            alpha_min=getattr(estimator, "alpha_min_", None),
            alpha_1se=getattr(estimator, "alpha_1se_", None),
            n_nonzero=_count_features(estimator),
            loss_name=loss_name,
        ).plot(ax, x=x)

    def plot(self, ax: Any = None, *, x: str = "-log10(alpha)") -> CVCurveDisplay:
        """Draw into ``ax``, or into a new figure.

        Parameters
        ----------
        ax : Axes, optional
        x : {"-log10(alpha)", "alpha"}, default="-log10(alpha)"

        Returns
        -------
        CVCurveDisplay
            The display itself, with ``ax_`` and ``figure_`` set.
        """
        abscissa = _style.alpha_axis(self.alphas, x)
        shown = np.isfinite(abscissa)
        at, mean, se = abscissa[shown], self.cv_mean[shown], self.cv_se[shown]
        (ax,) = _style.take_axes(ax, 1)
        self.band_ = ax.fill_between(
            at, mean - se, mean + se, color=_style.BLUE, alpha=0.18, linewidth=0
        )
        (self.line_,) = ax.plot(at, mean, color=_style.BLUE, linewidth=1.8)
        _style.label_alpha_axis(ax, x)
        ax.set_ylabel(self.loss_name)
        ax.margins(x=0.01)
        self.alpha_lines_ = _style.mark_alphas(ax, x, self.alpha_min, self.alpha_1se, inside=True)
        self._mark_points(ax, at, mean, shown)
        _style.tidy(ax)
        self.top_axis_ = self._count_axis(ax, at, shown)
        self.ax_, self.figure_ = ax, _style.figure_of(ax)
        return self

    def _mark_points(
        self,
        ax: Any,
        at: NDArray[np.floating],
        mean: NDArray[np.floating],
        shown: NDArray[np.bool_],
    ) -> None:
        alphas = self.alphas[shown]
        for alpha in (self.alpha_min, self.alpha_1se):
            if alpha is not None and alphas.size:
                i = int(np.argmin(np.abs(alphas - alpha)))
                ax.plot(at[i], mean[i], "o", color=_style.BLUE, markersize=5, zorder=4)

    def _count_axis(self, ax: Any, at: NDArray[np.floating], shown: NDArray[np.bool_]) -> Any:
        if self.n_nonzero is None or at.size == 0:
            return None
        counts = self.n_nonzero[shown]
        picks = np.unique(np.linspace(0, at.size - 1, min(at.size, 8)).round().astype(int))
        top = ax.secondary_xaxis("top")
        top.set_xticks(at[picks], [str(c) for c in counts[picks]], minor=False)
        top.minorticks_off()
        top.tick_params(labelsize=8.5, colors=_style.MUTED, length=0, pad=1)
        top.spines["top"].set_visible(False)
        top.set_xlabel("features in the model", fontsize=8.5, color=_style.MUTED)
        return top


def _loss_name(estimator: Any) -> str:
    if hasattr(estimator, "mse_path_"):
        return "mean squared error"
    if getattr(estimator, "scoring", None) == "class":
        return "misclassified share"
    return "deviance per row"


def _count_features(estimator: Any) -> NDArray[np.intp] | None:
    """Features with a nonzero coefficient, in any class, at each strength."""
    coefs = getattr(estimator, "coefs_path_", None)
    if coefs is None:
        return None
    nonzero = np.asarray(coefs) != 0  # (k, p) or (k, K, p)
    if nonzero.ndim == 3:
        nonzero = nonzero.any(axis=1)
    return np.asarray(nonzero.sum(axis=1), dtype=np.intp)

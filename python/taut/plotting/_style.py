# SPDX-License-Identifier: BSD-3-Clause
"""What all displays share: lazy matplotlib, colours, axes without clutter, names of features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from taut.exceptions import OptionalDependencyError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette: distinguishable with every common form of colour blindness.
BLUE, VERMILLION, GREEN = "#0072B2", "#D55E00", "#009E73"
CYCLE = (BLUE, VERMILLION, GREEN, "#CC79A7", "#E69F00", "#56B4E9", "#6B4C9A", "#3A3A3A")
INK, MUTED, FAINT = "#222222", "#6B6B6B", "#D4D4D4"

X_AXES = ("-log10(alpha)", "alpha")


def require_matplotlib() -> None:
    """Raise an ImportError that names the extra if matplotlib is absent."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise OptionalDependencyError("taut.plotting", "matplotlib", "plot") from error


def new_axes(n_panels: int = 1, *, width: float = 5.6, height: float = 3.8) -> list[Axes]:
    """Make one figure with ``n_panels`` axes side by side, at most three in a row."""
    require_matplotlib()
    import matplotlib.pyplot as plt

    n_cols = min(n_panels, 3)
    n_rows = -(-n_panels // n_cols)
    _, grid = plt.subplots(
        n_rows,
        n_cols,
        figsize=(width if n_cols == 1 else 4.6 * n_cols, height * n_rows),
        squeeze=False,
        layout="constrained",
    )
    axes = list(grid.ravel())
    for unused in axes[n_panels:]:
        unused.remove()
    return axes[:n_panels]


def take_axes(ax: Any, n_panels: int, *, height: float = 3.8) -> list[Axes]:
    """Return ``n_panels`` axes: the given ones, or those of a new figure when ``ax`` is None."""
    if ax is None:
        return new_axes(n_panels, height=height)
    require_matplotlib()
    axes = list(np.atleast_1d(np.asarray(ax, dtype=object)).ravel())
    if len(axes) != n_panels:
        raise ValueError(
            f"ax must hold {n_panels} axes, one per class, got {len(axes)}. "
            "Pass class_label to draw one class only."
        )
    return axes


def figure_of(ax: Axes) -> Figure:
    """Return the figure an axes belongs to."""
    return ax.get_figure()


def tidy(ax: Axes, *, grid: str | None = "y") -> None:
    """Take away what does not carry information; set sizes for reading."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(MUTED)
        ax.spines[side].set_linewidth(0.8)
    ax.tick_params(labelsize=9, colors=MUTED, length=3, width=0.8)
    ax.xaxis.label.set_size(10)
    ax.yaxis.label.set_size(10)
    ax.xaxis.label.set_color(INK)
    ax.yaxis.label.set_color(INK)
    ax.title.set_size(10.5)
    ax.title.set_color(INK)
    ax.set_axisbelow(True)
    if grid is not None:
        ax.grid(axis=grid, color="#EBEBEB", linewidth=0.7)


def shorten(name: object, length: int = 26) -> str:
    """Cut a long name in the middle, so that both ends stay readable.

    Dollar signs are escaped: matplotlib would read them as mathematics.
    """
    text = str(name)
    if len(text) > length:
        head = (length - 1) * 2 // 3
        text = text[:head] + "…" + text[-(length - 1 - head) :]
    return text.replace("$", r"\$")


def feature_names(
    names: Sequence[object] | NDArray[Any] | None, n_features: int, estimator: object = None
) -> list[str]:
    """Names given by the caller, else those seen in ``fit``, else ``x0, x1, ...``."""
    if names is None:
        names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        return [f"x{j}" for j in range(n_features)]
    if len(names) != n_features:
        raise ValueError(f"feature_names has {len(names)} names, the model {n_features} features.")
    return [str(name) for name in names]


def choose_class(classes: Sequence[object], class_label: object | None) -> list[int]:
    """Positions of the classes to draw: all, or the one that was asked for."""
    if class_label is None:
        return list(range(len(classes)))
    for position, label in enumerate(classes):
        if label == class_label:
            return [position]
    known = ", ".join(repr(getattr(c, "item", lambda c=c: c)()) for c in classes)
    raise ValueError(f"class_label must be one of {known}, got {class_label!r}.")


def alpha_axis(alphas: NDArray[np.floating], x: str) -> NDArray[np.floating]:
    """Return the abscissa of each penalty strength (nan where the logarithm has none)."""
    if x not in X_AXES:
        raise ValueError(f"x must be one of {X_AXES}, got {x!r}.")
    positive = np.where(alphas > 0, alphas, np.nan)
    return -np.log10(positive) if x == "-log10(alpha)" else positive


def label_alpha_axis(ax: Axes, x: str) -> None:
    """Write what the horizontal axis is; the penalty weakens from left to right either way."""
    if x == "alpha":
        ax.set_xscale("log")
        if not ax.xaxis_inverted():
            ax.invert_xaxis()
        ax.set_xlabel("alpha   (weaker penalty →)")
    else:
        ax.set_xlabel(r"$-\log_{10}$ alpha   (weaker penalty →)")


def mark_alphas(
    ax: Axes, x: str, alpha_min: float | None, alpha_1se: float | None, *, inside: bool
) -> dict[str, Any]:
    """Draw the vertical lines of the two usual choices of the penalty, named at the top.

    The names point away from each other, so that they stay apart however close the lines are.
    """
    lines: dict[str, Any] = {}
    for key, alpha, style in (("1se", alpha_1se, (0, (4, 2))), ("min", alpha_min, (0, (1, 1.5)))):
        if alpha is None or not alpha > 0:
            continue
        at = float(alpha_axis(np.asarray([alpha], dtype=float), x)[0])
        text = "minimum" if key == "min" else "1 SE"
        lines[key] = ax.axvline(
            at, color=INK, linewidth=1.1, linestyle=style, zorder=1.5, label=text
        )
        ax.annotate(
            text,
            xy=(at, 1.0),
            xycoords=ax.get_xaxis_transform(),
            xytext=(3 if key == "min" else -3, -3 if inside else 3),
            textcoords="offset points",
            ha="left" if key == "min" else "right",
            va="top" if inside else "bottom",
            fontsize=8.5,
            color=INK,
        )
    return lines


def spread(positions: NDArray[np.floating], gap: float) -> NDArray[np.floating]:
    """Move points apart until neighbours are ``gap`` from each other, keeping their order.

    Least total movement: merge neighbours into blocks centred on the mean of their members.
    """
    order = np.argsort(positions, kind="stable")
    blocks: list[tuple[float, int]] = []  # (mean of the shifted positions, members)
    for rank, value in enumerate(positions[order]):
        mean, size = float(value) - gap * rank, 1
        while blocks and blocks[-1][0] > mean:
            last_mean, last_size = blocks.pop()
            mean = (mean * size + last_mean * last_size) / (size + last_size)
            size += last_size
        blocks.append((mean, size))
    means = np.repeat([b[0] for b in blocks], [b[1] for b in blocks])
    moved = np.empty_like(positions, dtype=float)
    moved[order] = means + gap * np.arange(len(order))
    return moved


def require(estimator: Any, attribute: str, wanted: str) -> None:
    """Refuse an estimator that is not fitted, or is of a kind without `attribute`.

    Raises
    ------
    NotFittedError
        If it is not fitted.
    TypeError
        If it is, and has no such attribute: `wanted` says what would have.
    """
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(estimator)
    if not hasattr(estimator, attribute):
        raise TypeError(
            f"estimator must be {wanted}, got {type(estimator).__name__}, which has no {attribute}."
        )

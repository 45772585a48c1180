# SPDX-License-Identifier: BSD-3-Clause
"""The figures of a report, on figures of their own: pyplot is not touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from taut.cli._errors import one_line
from taut.cli._html import figure_html
from taut.plotting import (
    CoefficientDisplay,
    ConfusionDisplay,
    CVCurveDisplay,
    PathDisplay,
    ResidualDisplay,
)

if TYPE_CHECKING:
    from taut.cli._fit import FitResult

MAX_BARS = 20


def _axes(width: float = 5.0, height: float = 3.4) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height)).subplots()


def _classes(result: FitResult) -> list[Any]:
    """Classes with coefficients of their own: one per row when there are several, else none."""
    return list(result.estimator.classes_) if result.coef.shape[0] > 1 else [None]


def cv_curve(result: FitResult) -> str:
    """The cross-validation curve as an HTML figure."""
    display = CVCurveDisplay.from_estimator(result.estimator, ax=_axes())
    return figure_html(
        display.figure_,
        "Cross-validated loss against penalty strength",
        "Line: mean over the folds. Band: one standard error to either side. Along the top: how "
        "many features the model fitted to all training rows uses.",
    )


def path(result: FitResult) -> str:
    """The coefficient path, one figure per class."""
    figures = []
    classes = _classes(result)
    for label in classes:
        display = PathDisplay.from_estimator(
            result.estimator,
            ax=_axes(),
            class_label=label,
            feature_names=list(result.X_train.columns),
            feature_scale=result.scale,
        )
        about = f" for class {one_line(label)}" if label is not None else ""
        figures.append(figure_html(display.figure_, "Coefficient path" + about))
    return f'<div class="grid">{"".join(figures)}</div>' if len(figures) > 1 else figures[0]


def coefficients(result: FitResult, position: int) -> str:
    """Bars of the coefficients of one class (position 0 when there is one row only)."""
    n_bars = min(int(np.count_nonzero(result.coef[position])), MAX_BARS)
    label = _classes(result)[position]
    display = CoefficientDisplay(
        result.coef[position],  # one class at a time: the page has the heading
        feature_names=list(result.X_train.columns),
        selection_frequency=result.frequency[position],
        feature_scale=result.scale,
    ).plot(_axes(4.2, 0.9 + 0.25 * max(n_bars, 2)), max_features=MAX_BARS)
    about = f" of class {one_line(label)}" if label is not None else ""
    return figure_html(display.figure_, "Chosen features and their coefficients" + about)


def held_out(result: FitResult) -> str:
    """Residuals, or the confusion matrix, of the held-out rows."""
    if result.table.task == "regression":
        display = ResidualDisplay.from_predictions(result.y_test, result.y_pred, ax=_axes())
        return figure_html(
            display.figure_,
            "Residuals of the held-out rows against their predictions",
            "Each point is one row the model has not seen. Above the line: the model predicted "
            "too little; below: too much. A bend or a funnel is something the model misses.",
        )
    classes = list(result.estimator.classes_)
    side = 0.8 + 0.68 * max(len(classes), 3)
    confusion = ConfusionDisplay.from_predictions(
        result.y_test, result.y_pred, ax=_axes(side + 0.6, side), classes=classes
    )
    return figure_html(
        confusion.figure_,
        "Confusion matrix of the held-out rows",
        "Rows the model has not seen. On the diagonal: predicted rightly. Shaded by the share of "
        "each true class.",
    )

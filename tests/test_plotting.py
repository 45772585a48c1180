# SPDX-License-Identifier: BSD-3-Clause
"""The displays draw what they are given: positions, counts, labels."""

from __future__ import annotations

import sys

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.colors import to_hex  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from sklearn.base import BaseEstimator  # noqa: E402
from sklearn.exceptions import NotFittedError  # noqa: E402

from taut.plotting import (  # noqa: E402
    CoefficientDisplay,
    ConfusionDisplay,
    CVCurveDisplay,
    PathDisplay,
    ResidualDisplay,
)
from taut.plotting._style import BLUE, VERMILLION, shorten, spread  # noqa: E402

ALPHAS = np.array([1.0, 0.1, 0.01])
COEFS = np.array([[0.0, 1.0, 2.0], [0.0, 0.0, 0.0], [0.0, -0.5, -3.0]])  # (p, k); x1 never enters


@pytest.fixture(autouse=True)
def _no_leftovers():
    yield
    plt.close("all")


class _Path:
    alphas = ALPHAS
    coefs = COEFS


class FittedModel(BaseEstimator):
    """The attributes a fitted cross-validated estimator has."""

    def __init__(self) -> None:
        self.path_ = _Path()
        self.alphas_ = ALPHAS
        self.coefs_path_ = COEFS.T
        self.cv_mean_ = np.array([3.0, 2.0, 2.5])
        self.cv_se_ = np.array([0.5, 0.25, 0.5])
        self.alpha_min_, self.alpha_1se_ = 0.1, 1.0
        self.coef_ = COEFS[:, 2]
        self.selection_frequency_ = np.array([1.0, 0.0, 0.6])
        self.feature_names_in_ = np.array(["age", "height", "weight"], dtype=object)

    def fit(self, X, y):
        return self


def _texts(ax):
    return [t.get_text() for t in ax.texts]


def test_path_draws_the_curves_that_leave_zero():
    display = PathDisplay.from_estimator(FittedModel())
    assert len(display.lines_) == 2
    by_name = {line.get_label(): line for line in display.lines_}
    assert set(by_name) == {"age", "weight"}
    np.testing.assert_allclose(by_name["weight"].get_xdata(), [0.0, 1.0, 2.0])
    np.testing.assert_array_equal(by_name["weight"].get_ydata(), COEFS[2])
    assert {"age", "weight", "minimum", "1 SE"} <= set(_texts(display.ax_))
    assert display.figure_ is display.ax_.get_figure()


@pytest.mark.parametrize(
    ("x", "at_min", "at_1se"), [("-log10(alpha)", 1.0, 0.0), ("alpha", 0.1, 1.0)]
)
def test_path_marks_both_alphas(x, at_min, at_1se):
    display = PathDisplay.from_estimator(FittedModel(), x=x)
    np.testing.assert_allclose(display.alpha_lines_["min"].get_xdata(), at_min, atol=1e-15)
    np.testing.assert_allclose(display.alpha_lines_["1se"].get_xdata(), at_1se, atol=1e-15)


def test_path_runs_from_strong_to_weak_on_either_axis():
    left = {}
    for x in ("-log10(alpha)", "alpha"):
        ax = PathDisplay.from_estimator(FittedModel(), x=x).ax_
        line = next(li for li in ax.lines if li.get_label() == "weight")
        left[x] = ax.transData.transform(np.column_stack(line.get_data()))[:, 0]
    assert all(np.all(np.diff(pixels) > 0) for pixels in left.values())


def test_path_labels_only_the_largest():
    display = PathDisplay.from_estimator(FittedModel(), max_labels=1)
    assert "weight" in _texts(display.ax_)
    assert "age" not in _texts(display.ax_)
    assert len(display.lines_) == 2  # the other one is there in grey
    assert display.lines_[0].get_color() != display.lines_[1].get_color()


def test_path_scale_multiplies_and_says_so():
    display = PathDisplay.from_path(_Path(), feature_scale=[10.0, 1.0, 1.0])
    (first,) = [li for li in display.lines_ if li.get_label() == "x0"]
    np.testing.assert_array_equal(first.get_ydata(), 10.0 * COEFS[0])
    assert "standard deviation" in display.ax_.get_ylabel()


def test_path_leaves_alpha_zero_out():
    display = PathDisplay([1.0, 0.1, 0.0], COEFS).plot()
    assert all(len(line.get_xdata()) == 2 for line in display.lines_)


def test_path_has_a_panel_for_each_class():
    coefs = np.stack([COEFS.T, -COEFS.T], axis=1)  # (k, K, p)
    display = PathDisplay(ALPHAS, coefs, classes=["no", "yes"])
    assert [a.get_title(loc="left") for a in display.plot().ax_] == ["class no", "class yes"]
    assert len(display.lines_) == 2
    one = display.plot(class_label="yes")
    assert one.ax_.get_title(loc="left") == "class yes"
    by_name = {line.get_label(): line for line in one.lines_}
    np.testing.assert_array_equal(by_name["x2"].get_ydata(), -COEFS[2])


def test_several_classes_do_not_fit_one_axes():
    coefs = np.stack([COEFS.T, -COEFS.T], axis=1)
    with pytest.raises(ValueError, match="ax must hold 2 axes"):
        PathDisplay(ALPHAS, coefs).plot(Figure().subplots())


def test_empty_path_is_drawn():
    assert PathDisplay(ALPHAS, np.zeros((2, 3))).plot().lines_ == []


def test_many_curves():
    rng = np.random.default_rng(0)
    coefs = np.cumsum(rng.standard_normal((300, 3)), axis=1)
    display = PathDisplay(ALPHAS, coefs).plot(max_labels=5)
    assert len(display.lines_) == 300
    assert len(_texts(display.ax_)) == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"coefs": COEFS[:, :2]}, r"coefs must have shape"),
        ({"feature_names": ["a"]}, "feature_names has 1 names, the model 3"),
        ({"feature_scale": [1.0]}, r"feature_scale must have shape \(3,\)"),
        ({"classes": ["a", "b"]}, "classes has 2 labels"),
    ],
)
def test_path_refuses_shapes_that_disagree(arguments, message):
    with pytest.raises(ValueError, match=message):
        PathDisplay(**{"alphas": ALPHAS, "coefs": COEFS, **arguments})


def test_unknown_axis_and_class_are_refused():
    display = PathDisplay(ALPHAS, np.stack([COEFS.T, COEFS.T], axis=1), classes=["no", "yes"])
    with pytest.raises(ValueError, match="x must be one of"):
        display.plot(x="lambda")
    with pytest.raises(ValueError, match="class_label must be one of 'no', 'yes', got 'maybe'"):
        display.plot(class_label="maybe")


def test_cv_curve_band_lines_and_counts():
    display = CVCurveDisplay.from_estimator(FittedModel())
    np.testing.assert_allclose(display.line_.get_xdata(), [0.0, 1.0, 2.0])
    np.testing.assert_array_equal(display.line_.get_ydata(), [3.0, 2.0, 2.5])
    corners = display.band_.get_paths()[0].vertices
    assert corners[:, 1].min() == 1.75
    assert corners[:, 1].max() == 3.5
    np.testing.assert_allclose(display.alpha_lines_["min"].get_xdata(), 1.0)
    np.testing.assert_allclose(display.alpha_lines_["1se"].get_xdata(), 0.0, atol=1e-15)
    display.figure_.draw_without_rendering()
    counts = [t.get_text() for t in display.top_axis_.get_xticklabels()]
    assert counts == ["0", "2", "2"]


def test_cv_curve_names_the_loss():
    model = FittedModel()
    assert CVCurveDisplay.from_estimator(model).ax_.get_ylabel() == "deviance per row"
    model.scoring = "class"
    assert CVCurveDisplay.from_estimator(model).ax_.get_ylabel() == "misclassified share"
    model.mse_path_ = np.zeros((3, 2))
    assert CVCurveDisplay.from_estimator(model).ax_.get_ylabel() == "mean squared error"


def test_cv_curve_counts_a_feature_once_over_classes():
    model = FittedModel()
    model.coefs_path_ = np.stack([COEFS.T, -COEFS.T], axis=1)
    display = CVCurveDisplay.from_estimator(model)
    assert display.n_nonzero.tolist() == [0, 2, 2]


def test_cv_curve_refuses_lengths_that_disagree():
    with pytest.raises(ValueError, match="cv_se must have shape"):
        CVCurveDisplay([1.0, 0.1], [1.0, 1.0], [0.1])


def test_coefficients_largest_first_with_signs_and_frequencies():
    display = CoefficientDisplay.from_estimator(FittedModel())
    assert display.shown_.tolist() == [2, 0]
    assert [bar.get_width() for bar in display.bars_] == [-3.0, 2.0]
    assert [to_hex(bar.get_facecolor()) for bar in display.bars_] == [
        VERMILLION.lower(),
        BLUE.lower(),
    ]
    assert [t.get_text() for t in display.ax_.get_yticklabels()] == ["weight", "age"]
    assert [t for t in _texts(display.ax_) if "%" in t] == ["60%", "100%"]
    low, high = display.ax_.get_ylim()
    assert low > high  # the first bar is on top


def test_coefficients_say_how_many_are_not_drawn():
    display = CoefficientDisplay(np.arange(1.0, 8.0)).plot(max_features=3)
    assert len(display.bars_) == 3
    assert display.ax_.get_title(loc="left") == "(4 smaller ones not drawn)"


def test_coefficients_of_several_classes():
    display = CoefficientDisplay([[1.0, 0.0], [0.0, -1.0], [0.0, 0.0]], classes=["a", "b", "c"])
    axes = display.plot().ax_
    assert [len(bars) for bars in display.bars_] == [1, 1, 0]
    assert "no feature chosen" in _texts(axes[2])


def test_coefficients_of_two_classes_in_one_row():
    assert CoefficientDisplay([1.0, 2.0], classes=["no", "yes"]).classes == ["yes"]


def test_coefficients_refuse_shapes_that_disagree():
    with pytest.raises(ValueError, match="selection_frequency must have the shape"):
        CoefficientDisplay([1.0, 2.0], selection_frequency=[1.0])


def test_residuals_are_observed_minus_predicted():
    display = ResidualDisplay.from_predictions([3.0, 1.0], [1.0, 2.0])
    np.testing.assert_array_equal(display.points_.get_xdata(), [1.0, 2.0])
    np.testing.assert_array_equal(display.points_.get_ydata(), [2.0, -1.0])
    low, high = display.ax_.get_ylim()
    assert low == -high
    with pytest.raises(ValueError, match="y_true has 2 values, y_pred has 1"):
        ResidualDisplay([1.0, 2.0], [1.0])


def test_confusion_counts():
    display = ConfusionDisplay.from_predictions(
        ["a", "a", "b", "c"], ["a", "b", "b", "c"], classes=["a", "b", "c"]
    )
    shown = [[t.get_text() for t in row] for row in display.text_]
    assert shown == [["1", "1", "0"], ["0", "1", "0"], ["0", "0", "1"]]
    np.testing.assert_allclose(display.image_.get_array()[0], [0.5, 0.5, 0.0])
    assert [t.get_text() for t in display.ax_.get_xticklabels()] == ["a", "b", "c"]
    with pytest.raises(ValueError, match="must be square"):
        ConfusionDisplay([[1, 2]])


@pytest.mark.parametrize("display", [PathDisplay, CVCurveDisplay, CoefficientDisplay])
def test_given_axes_are_used_and_pyplot_is_left_alone(display):
    before = dict(matplotlib.rcParams)
    ax = Figure().subplots()
    drawn = display.from_estimator(FittedModel(), ax=ax)
    assert drawn.ax_ is ax
    assert drawn.figure_ is ax.get_figure()
    assert plt.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


def test_one_new_figure_without_axes():
    PathDisplay.from_estimator(FittedModel())
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize("display", [PathDisplay, CVCurveDisplay, CoefficientDisplay])
def test_unfitted_estimators_are_refused(display):
    from sklearn.linear_model import Lasso

    with pytest.raises(NotFittedError):
        display.from_estimator(Lasso())


def test_missing_matplotlib_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"taut\[plot\]"):
        PathDisplay(ALPHAS, COEFS).plot()
    with pytest.raises(ImportError, match=r"taut\[plot\]"):
        CVCurveDisplay([1.0], [1.0], [0.1]).plot(object())


def test_spread_keeps_order_and_distance_with_least_movement():
    moved = spread(np.array([0.0, 0.1, 5.0]), 1.0)
    np.testing.assert_allclose(moved, [-0.45, 0.55, 5.0])
    apart = np.array([3.0, 1.0, 2.0])
    np.testing.assert_allclose(spread(apart, 1.0), apart)
    crowded = spread(np.zeros(9), 0.5)
    np.testing.assert_allclose(np.diff(np.sort(crowded)), 0.5)
    assert crowded.mean() == pytest.approx(0.0)


def test_names_with_dollars_are_not_mathematics():
    display = CoefficientDisplay([1.0], feature_names=["cost in $ or $^{"]).plot()
    display.figure_.draw_without_rendering()  # would raise if read as mathematics
    assert shorten("a" * 40) == "a" * 16 + "…" + "a" * 9


@pytest.mark.parametrize("multi", [False, True])
def test_displays_of_real_estimators(multi):
    from sklearn.datasets import load_diabetes, load_iris

    from taut.linear_model import LassoCV, MultinomialLassoCV

    X, y = (load_iris if multi else load_diabetes)(return_X_y=True)
    model = (MultinomialLassoCV if multi else LassoCV)(cv=3, alphas=20).fit(X, y)
    n_panels = 3 if multi else 1
    path = PathDisplay.from_estimator(model)
    assert np.size(path.ax_) == n_panels
    marks = path.alpha_lines_[0] if multi else path.alpha_lines_
    np.testing.assert_allclose(marks["min"].get_xdata(), -np.log10(model.alpha_min_))
    curve = CVCurveDisplay.from_estimator(model)
    np.testing.assert_array_equal(curve.line_.get_ydata(), model.cv_mean_)
    bars = CoefficientDisplay.from_estimator(model)
    first = bars.bars_[0] if multi else bars.bars_
    assert len(first) == np.count_nonzero(np.atleast_2d(model.coef_)[0])


@pytest.mark.parametrize(
    ("display", "wanted"),
    [
        ("PathDisplay", "such as LassoCV"),
        ("CVCurveDisplay", "such as LassoCV"),
        ("SurvivalCurveDisplay", "KaplanMeier"),
        ("StabilityDisplay", "StabilitySelection"),
        ("TransportPlanDisplay", "SparseTransport"),
    ],
)
def test_estimators_of_another_kind_are_refused(display, wanted):
    from taut import plotting
    from taut.linear_model import Lasso

    model = Lasso().fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0])
    with pytest.raises(TypeError, match=wanted):
        getattr(plotting, display).from_estimator(model)

# SPDX-License-Identifier: BSD-3-Clause
"""Displays of survival curves and scores draw what was estimated."""

from __future__ import annotations

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402
from numpy.testing import assert_allclose, assert_array_equal  # noqa: E402

from taut.datasets import load_lung  # noqa: E402
from taut.plotting import (  # noqa: E402
    BrierDisplay,
    SurvivalCalibrationDisplay,
    SurvivalCurveDisplay,
)
from taut.survival import CoxPH, KaplanMeier, brier_score, logrank_test  # noqa: E402


@pytest.fixture(autouse=True)
def _no_leftovers():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def lung():
    return load_lung()


def test_curves_limits_and_marks(lung):
    model = KaplanMeier().fit(lung.y, groups=lung.data[:, 0])
    display = SurvivalCurveDisplay.from_estimator(model, names=["men", "women"], time_unit="days")
    assert len(display.lines_) == len(display.limits_) == len(display.censored_) == 2
    for g, line in enumerate(display.lines_):
        assert_array_equal(line.get_xdata()[1:], model.time_[g])
        assert_array_equal(line.get_ydata(), np.r_[1.0, model.survival_[g]])
        marks = display.censored_[g]
        assert_array_equal(marks.get_xdata(), model.time_[g][model.n_censor_[g] > 0])
    legend = display.ax_.get_legend()
    assert [t.get_text() for t in legend.get_texts()] == ["men", "women"]
    assert legend.get_title().get_text() == "log-rank p = 0.0013"
    assert_allclose(display.p_value, logrank_test(lung.y, lung.data[:, 0]).p_value, rtol=1e-9)
    assert display.ax_.get_xlabel() == "time (days)"
    display.figure_.canvas.draw()


def test_numbers_at_risk_stand_below_the_ticks(lung):
    model = KaplanMeier().fit(lung.y)
    display = SurvivalCurveDisplay.from_estimator(model)
    texts = [t.get_text() for t in display.at_risk_]
    ticks = [t for t in display.ax_.get_xticks() if 0 <= t <= 1022]
    time = lung.y["time"]
    assert texts == ["at risk", *(f"{(time >= t).sum()}" for t in ticks)]
    display.figure_.canvas.draw()
    box = display.at_risk_[1].get_window_extent()
    assert 0 <= box.y0 < display.ax_.get_window_extent().y0
    assert SurvivalCurveDisplay.from_estimator(model, at_risk=False).at_risk_ == []


def test_simultaneous_bands_take_the_place_of_limits(lung):
    model = KaplanMeier().fit(lung.y, groups=lung.data[:, 0])
    display = SurvivalCurveDisplay.from_estimator(model, band="hall-wellner", censored=False)
    assert display.censored_ == []
    band = model.confidence_band("hall-wellner", group=1.0)
    corners = display.limits_[0].get_paths()[0].vertices[:, 1]
    assert np.isclose(corners.min(), band.lower.min())


@pytest.mark.filterwarnings("ignore:all of the:UserWarning")
def test_no_p_value_where_there_is_no_test(lung):
    y = (lung.y["time"], lung.y["event"], lung.y["time"] - 50)
    assert SurvivalCurveDisplay(KaplanMeier().fit(y, groups=lung.data[:, 0])).p_value is None
    weights = np.full(228, 0.5)
    model = KaplanMeier().fit(lung.y, weights, groups=lung.data[:, 0])
    display = SurvivalCurveDisplay.from_estimator(model)
    assert display.p_value is None
    assert display.names == ["1", "2"]
    assert SurvivalCurveDisplay(KaplanMeier().fit(lung.y)).p_value is None
    censored = KaplanMeier().fit(([1.0, 2.0], [0, 0]), groups=["a", "b"])
    assert SurvivalCurveDisplay.from_estimator(censored).p_value is None


def test_what_cannot_be_drawn(lung):
    many = KaplanMeier().fit(lung.y, groups=np.arange(228) % 9)
    with pytest.raises(ValueError, match="9 groups are too many"):
        SurvivalCurveDisplay(many)
    with pytest.raises(ValueError, match="names has 2 names"):
        SurvivalCurveDisplay(KaplanMeier().fit(lung.y), names=["a", "b"])
    with pytest.raises(ValueError, match="has shape"):
        BrierDisplay([1.0, 2.0], {"a": [0.1]})


def test_brier_scores_beside_the_reference(lung):
    X, y = lung.data[:, :2], lung.y
    times = np.array([100.0, 300.0, 600.0])
    predicted = CoxPH().fit(X, y).predict_survival_function(X, times)
    display = BrierDisplay.from_predictions(y, {"Cox": predicted}, times)
    assert_array_equal(display.lines_[0].get_ydata(), brier_score(y, predicted, times))
    assert list(display.scores) == ["Cox", "Kaplan-Meier (no features)"]
    assert (display.scores["Cox"] <= display.scores["Kaplan-Meier (no features)"] + 1e-3).all()


def test_calibration_groups_records_by_their_prediction(lung):
    X, y = lung.data[:, :2], lung.y
    year = CoxPH().fit(X, y).predict_survival_function(X, [365.0])[:, 0]
    display = SurvivalCalibrationDisplay.from_predictions(
        y, {"Cox": year, "none": np.full(228, 0.4)}, 365.0, n_bins=4
    )
    cox, none = display.bins["Cox"], display.bins["none"]
    codes = np.searchsorted(np.quantile(year, [0.25, 0.5, 0.75]), year, side="right")
    for g in range(4):
        mine = codes == g
        curve = KaplanMeier().fit(y[mine])
        k = np.searchsorted(curve.time_, 365.0, side="right") - 1
        assert cox.n_records[g] == mine.sum()
        assert_allclose(cox.predicted[g], year[mine].mean())
        assert_allclose(cox.observed[g], curve.predict([365.0])[0])
        assert_allclose([cox.lower[g], cox.upper[g]], [curve.conf_lower_[k], curve.conf_upper_[k]])
    gaps = np.abs(cox.predicted - cox.observed)
    assert_allclose(cox.error, gaps @ cox.n_records / 228)
    assert_array_equal(none.n_records, [228])  # equal predictions cannot be told apart
    assert_allclose(none.observed, KaplanMeier().fit(y).predict([365.0]))
    line = display.lines_[0][0]
    assert_array_equal(line.get_xdata(), cox.predicted)
    assert_array_equal(line.get_ydata(), cox.observed)
    display.figure_.canvas.draw()


def test_calibration_where_nobody_was_seen_so_long():
    y = ([1.0, 2.0, 3.0, 4.0], [1, 0, 1, 1])
    predictions = {"model": [0.1, 0.1, 0.9, 0.9]}
    display = SurvivalCalibrationDisplay.from_predictions(y, predictions, 3.5, n_bins=2)
    found = display.bins["model"]
    assert_allclose(found.observed, [np.nan, 0.5])
    assert_allclose(found.error, 0.4)
    assert display.lines_[0][0].get_xdata().size == 1
    early = SurvivalCalibrationDisplay.compare(y, predictions, 0.5, n_bins=2)["model"]
    assert_array_equal(early.observed, [1.0, 1.0])
    never = SurvivalCalibrationDisplay.compare(([1.0], [0]), {"a": [0.5]}, 2.0)["a"]
    assert np.isnan(never.error)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"predictions": {"a": [0.5, 1.5]}}, r"must hold one probability in \[0, 1\]"),
        ({"predictions": {"a": [0.5, np.nan]}}, "must hold one probability"),
        ({"predictions": {"a": [[0.5, 0.5]]}}, "must hold one probability"),
        ({"predictions": {"a": [0.5]}}, "groups has 1 values, y has 2 records"),
        ({"predictions": {}}, "predictions holds no model"),
        ({"n_bins": 0}, "n_bins must be a whole number >= 1"),
        ({"time": np.inf}, "time must be finite"),
    ],
)
def test_calibration_refuses(arguments, message):
    given = {"predictions": {"a": [0.5, 0.5]}, "time": 1.0, **arguments}
    with pytest.raises(ValueError, match=message):
        SurvivalCalibrationDisplay.compare(([1.0, 2.0], [1, 1]), **given)

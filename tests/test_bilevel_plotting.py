# SPDX-License-Identifier: BSD-3-Clause
"""What BilevelDisplay draws is the history of the fit."""

from __future__ import annotations

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402
from numpy.testing import assert_array_equal  # noqa: E402

from taut.bilevel import MAID, HeldOutMSE, RidgeLower  # noqa: E402
from taut.exceptions import ConvergenceWarning  # noqa: E402
from taut.plotting import BilevelDisplay  # noqa: E402


def test_curves_hold_the_history(rng):
    X, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    lower = RidgeLower(X[:12], y[:12])
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        maid = MAID(lower, HeldOutMSE(X[12:], y[12:]), max_iter=3, tol=1e-12).fit([0.0])
    display = BilevelDisplay.from_estimator(maid)
    history = maid.history_
    assert_array_equal(display.work, history["n_lower_iter"] + history["n_hvp"])
    loss = display.axes_[0].lines[0]
    assert_array_equal(loss.get_xdata(), display.work)
    assert_array_equal(loss.get_ydata(), history["value"])
    eps, ratio = display.axes_[1].lines
    assert_array_equal(eps.get_ydata(), history["eps"])
    expected = history["hypergradient_error"] / history["hypergradient_norm"]
    np.testing.assert_allclose(ratio.get_ydata(), expected, rtol=1e-15)
    plt.close(display.figure_)


def test_a_history_without_steps_is_refused():
    with pytest.raises(ValueError, match="no step"):
        BilevelDisplay({"value": [], "n_lower_iter": [], "n_hvp": []})

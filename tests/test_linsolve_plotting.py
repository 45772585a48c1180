# SPDX-License-Identifier: BSD-3-Clause
"""Displays of learned solves draw what they are given."""

from __future__ import annotations

import re

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from linsolve_reference import laplacian  # noqa: E402
from matplotlib import pyplot as plt  # noqa: E402

from taut.cli._heat import heat_report  # noqa: E402
from taut.linsolve import RelaxationSolver  # noqa: E402
from taut.plotting import (  # noqa: E402
    FramesDisplay,
    LearnedIterationsDisplay,
    LearnedParameterDisplay,
)


@pytest.fixture(autouse=True)
def _no_leftovers():
    yield
    plt.close("all")


def test_iterations_are_means_over_the_window_and_regret_is_a_sum():
    costs = {"a": [4.0, 8.0, 6.0, 2.0], "b": [5.0, 5.0, 5.0, 5.0]}
    best = [4.0, 5.0, 5.0, 2.0]
    display = LearnedIterationsDisplay(costs, best, window=2).plot()
    np.testing.assert_allclose(display.lines_["a"].get_ydata(), [6.0, 7.0, 4.0])
    np.testing.assert_allclose(display.lines_["a"].get_xdata(), [1.5, 2.5, 3.5])
    np.testing.assert_allclose(display.lines_["best of each"].get_ydata(), [4.5, 5.0, 3.5])
    np.testing.assert_allclose(display.regret_lines_["a"].get_ydata(), [0.0, 3.0, 4.0, 4.0])
    assert display.regret["b"].tolist() == [1.0, 1.0, 1.0, 4.0]
    assert len(display.axes_) == 2
    labels = [text.get_text() for text in display.axes_[0].get_legend().get_texts()]
    assert labels == ["a", "b", "best of each"]


def test_iterations_of_solvers_in_given_axes():
    A, b = laplacian(6, 6), np.ones(36)
    solvers = {}
    for omega in (1.0, 1.5):
        solvers[f"omega {omega}"] = RelaxationSolver("ssor_cg", "fixed", omegas=omega)
        solvers[f"omega {omega}"].solve_many([A, A, A], b)
    _, ax = plt.subplots()
    display = LearnedIterationsDisplay.from_solvers(solvers, window=1, ax=ax)
    assert display.axes_ == [ax]
    for name, solver in solvers.items():
        assert display.lines_[name].get_ydata().tolist() == solver.costs_.tolist()
    assert display.regret == {}
    assert ax.get_ylabel() == "iterations"


def test_choices_over_contexts():
    rng = np.random.default_rng(0)
    solver = RelaxationSolver("ssor_cg", "cheb", context_range=(0.0, 1.0), random_state=0)
    shifts = rng.random(12)
    solver.solve_many((laplacian(5, 5), shifts), np.ones(25))
    display = LearnedParameterDisplay.from_solver(solver, shifts, best=np.full(12, 1.2))
    np.testing.assert_array_equal(display.chosen_.get_xdata(), shifts)
    np.testing.assert_array_equal(display.chosen_.get_ydata(), solver.omegas_[solver.arms_])
    assert display.best_.get_ydata().tolist() == [1.2] * 12
    assert not hasattr(LearnedParameterDisplay(shifts, shifts).plot(), "best_")


@pytest.mark.parametrize("shared", [True, False])
def test_frames_have_one_scale_or_their_own(shared):
    frames = [np.array([[0.0, 1.0], [2.0, 3.0]]), np.array([[0.0, -1.0], [0.5, 0.25]])]
    display = FramesDisplay(frames, ["first", "second"], shared=shared).plot()
    limits = [image.get_clim() for image in display.images_]
    assert limits == ([(-1.0, 3.0)] * 2 if shared else [(0.0, 3.0), (-1.0, 0.5)])
    np.testing.assert_array_equal(display.images_[0].get_array(), frames[0].T)
    assert [ax.get_title(loc="left") for ax in display.axes_] == ["first", "second"]
    FramesDisplay([np.zeros((2, 2))], shared=shared).plot()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: LearnedIterationsDisplay({}), "at least one curve"),
        (lambda: LearnedIterationsDisplay({"a": [1, 2], "b": [1]}), "same length"),
        (lambda: LearnedIterationsDisplay({"a": []}), "same length > 0"),
        (lambda: LearnedIterationsDisplay({"a": [1, 2]}, best=[1]), "same length"),
        (lambda: LearnedIterationsDisplay({"a": [1]}, window=0), "window must be"),
        (lambda: LearnedParameterDisplay([1.0], [1.0, 2.0]), "chosen must have length 1"),
        (lambda: LearnedParameterDisplay([1.0], [1.0], [1.0, 2.0]), "best must have length 1"),
        (lambda: FramesDisplay([]), "at least one"),
        (lambda: FramesDisplay([[1.0, 2.0]]), "sequence of matrices"),
        (lambda: FramesDisplay([[[1.0]]], titles=["a", "b"]), "1 frames and 2 titles"),
    ],
)
def test_input_that_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_page_of_the_demo_tells_the_order_of_the_choices():
    html = heat_report(n_steps=60, nx=8)
    rows = re.findall(r"<tr><td>([^<]*)</td><td class=\"n\">([0-9,]+)</td>", html)
    totals = {name: int(count.replace(",", "")) for name, count in rows}
    assert len(totals) == 5
    best = totals.pop("best of each system")
    assert best <= min(totals.values())
    assert html.count("<svg") + html.count("data:image") >= 3

# SPDX-License-Identifier: BSD-3-Clause
"""The display of graphs draws what it is given."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.colors import to_hex  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from taut.datasets import make_linear_sem  # noqa: E402
from taut.exceptions import NotFittedError  # noqa: E402
from taut.graph import CoLiDE  # noqa: E402
from taut.plotting import DagDisplay  # noqa: E402
from taut.plotting._style import BLUE, VERMILLION  # noqa: E402

# 0 -> 1 -> 3, 0 -> 2 -> 3, 0 -> 3; 4 alone
A = np.zeros((5, 5))
A[0, 1], A[1, 3], A[0, 2], A[2, 3], A[0, 3] = 2.0, -1.0, 0.5, 1.0, -0.25


@pytest.fixture(autouse=True)
def _no_leftovers():
    yield
    plt.close("all")


def test_causes_stand_above_effects():
    display = DagDisplay(A).plot()
    np.testing.assert_array_equal(display.layers(), [0, 1, 1, 2, 0])
    for i, j in np.argwhere(A):
        assert display.positions_[i, 1] > display.positions_[j, 1]
    assert len(np.unique(display.positions_, axis=0)) == 5


def test_edges_say_sign_size_and_stability():
    stability = np.where(A != 0, 0.5, 0.0)
    stability[0, 1] = 1.0
    display = DagDisplay(A, stability=stability).plot()
    places = [tuple(p) for p in np.argwhere(A)]
    assert len(display.edges_) == 5
    width = {p: e.get_linewidth() for p, e in zip(places, display.edges_, strict=True)}
    assert sorted(places, key=width.get) == sorted(places, key=lambda p: abs(A[p]))
    for place, edge in zip(places, display.edges_, strict=True):
        assert to_hex(edge.get_edgecolor()) == (BLUE if A[place] > 0 else VERMILLION).lower()
        assert edge.get_alpha() == pytest.approx(0.1 + 0.9 * stability[place])


def test_nodes_have_the_area_of_their_noise_and_names():
    display = DagDisplay(A, noise_scale=[1, 2, 3, 4, 5], feature_names=list("abcde")).plot()
    assert (np.diff(display.nodes_.get_sizes()) > 0).all()
    assert [text.get_text() for text in display.labels_] == list("abcde")
    assert len(set(DagDisplay(A).plot().nodes_.get_sizes())) == 1


def test_a_fitted_graph_is_drawn_into_given_axes():
    X, _, _ = make_linear_sem(200, 4, degree=1, random_state=0)
    model = CoLiDE("equal", warm_iter=2000, max_iter=4000, lr=1e-3, tol=1e-5)
    with pytest.raises(NotFittedError):
        DagDisplay.from_estimator(model)
    model.fit(pd.DataFrame(X, columns=list("wxyz")))
    ax = Figure().subplots()
    display = DagDisplay.from_estimator(model, ax)
    assert display.ax_ is ax
    assert ax.get_title(loc="left") == f"{model.n_edges_} edges"
    assert [text.get_text() for text in display.labels_] == list("wxyz")
    display.figure_.canvas.draw()


def test_an_empty_graph_has_nodes_alone():
    display = DagDisplay(np.zeros((3, 3))).plot()
    assert display.edges_ == []
    assert len(display.positions_) == 3


def test_dot_places_the_nodes_if_it_is_there():
    if shutil.which("dot") is None:
        with pytest.raises(ImportError, match='layout="dot" needs the program dot of Graphviz'):
            DagDisplay(A).plot(layout="dot")
    else:
        display = DagDisplay(A).plot(layout="dot")
        for i, j in np.argwhere(A):
            assert display.positions_[i, 1] > display.positions_[j, 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"adjacency": [[0, 1], [1, 0]]}, "adjacency must be the matrix of a graph without cycles"),
        ({"noise_scale": [1.0]}, r"noise_scale must have shape \(5,\)"),
        ({"stability": np.ones((2, 2))}, r"stability must have shape \(5, 5\)"),
        ({"stability": np.full((5, 5), 2.0)}, r"stability must lie in \[0, 1\]"),
        ({"feature_names": ["a"]}, "feature_names"),
    ],
)
def test_bad_graphs_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        DagDisplay(**{"adjacency": A, **options})


def test_unknown_layout_is_refused():
    with pytest.raises(ValueError, match="layout must be one of"):
        DagDisplay(A).plot(layout="circle")

# SPDX-License-Identifier: BSD-3-Clause
"""Domain adaptation, routing and colour transfer."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_moons
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from taut.ot import (
    PointCloud,
    SparseTransport,
    ot_exact,
    sinkhorn,
    sparse_route,
    transfer_colors,
)
from taut.plotting import OTConvergenceDisplay, TransportPlanDisplay


@parametrize_with_checks(
    [
        SparseTransport(),
        SparseTransport(method="l2"),
        SparseTransport(method="entropic", reg=1.0, tol=1e-4),
    ]
)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def domains():
    X, y = make_moons(120, noise=0.05, random_state=0)
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    Xt, yt = make_moons(150, noise=0.05, random_state=1)
    return X, y, Xt @ turn.T * 0.9 + 1.0, yt


@pytest.mark.parametrize("method", ["sparse", "l2", "entropic", "exact"])
def test_sources_go_to_the_barycentre_of_their_partners(domains, method):
    X, _, Xt, _ = domains
    model = SparseTransport(method=method, max_nz=4, tol=1e-5, max_iter=5000)
    if method == "exact":
        X, Xt = X[:40], Xt[:40]
    moved = model.fit(X, Xt=Xt).transform(X)
    T = model.plan_ if isinstance(model.plan_, np.ndarray) else model.plan_.toarray()
    rows = T.sum(axis=1) > 0
    np.testing.assert_allclose(moved[rows], (T @ Xt)[rows] / T.sum(axis=1)[rows, None], atol=1e-10)
    if method == "sparse":
        assert (T > 0).sum(axis=0).max() <= 4
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.transform(X), moved)
    np.testing.assert_array_equal(clone(model).fit(X, Xt=Xt).transform(X), moved)


def test_new_points_move_with_their_nearest_source(domains):
    X, _, Xt, _ = domains
    model = SparseTransport(reg=1.0, method="l2").fit(X, Xt=Xt)
    shift = model.transform(X[:5]) - X[:5]
    np.testing.assert_allclose(model.transform(X[:5] + 1e-6), X[:5] + 1e-6 + shift)


def test_adaptation_improves_a_classifier_in_the_target_domain():
    # A shift and a scaling keep the order of the classes, which is what transport assumes.
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 60)
    X = rng.normal(size=(120, 2)) * 0.4 + np.where(y[:, None] == 1, [2.0, 0.0], [0.0, 0.0])
    yt = np.repeat([0, 1], 80)
    Xt = rng.normal(size=(160, 2)) * 0.4 + np.where(yt[:, None] == 1, [2.0, 0.0], [0.0, 0.0])
    Xt = Xt * 1.1 + [3.0, 1.0]
    before = LogisticRegression().fit(X, y).score(Xt, yt)
    moved = SparseTransport(method="l2").fit(X, Xt=Xt).transform(X)
    after = LogisticRegression().fit(moved, y).score(Xt, yt)
    assert before < 0.6
    assert after > 0.97


def test_weights_and_metric(domains):
    X, _, Xt, _ = domains
    weight = np.ones(120)
    weight[:60] = 0.0
    model = SparseTransport(method="l2", reg=1.0, metric="cityblock")
    model.fit(X, Xt=Xt, source_weight=weight, target_weight=np.full(150, 2.0))
    assert model.plan_[:60].sum() == 0.0
    np.testing.assert_allclose(model.plan_.sum(axis=1)[60:], 1 / 60, rtol=1e-4)
    assert np.isfinite(model.transform(X)).all()


def test_float32_stays_float32(domains):
    X, _, Xt, _ = domains
    moved = SparseTransport(method="l2", reg=1.0).fit(X.astype("f4"), Xt=Xt.astype("f4"))
    assert moved.transform(X.astype("f4")).dtype == np.float32
    assert list(moved.get_feature_names_out()) == ["x0", "x1"]


@pytest.mark.parametrize(
    ("fit", "message"),
    [
        (lambda m, X: m.fit(X, Xt=X[:, :1]), "Xt has 1 features, but X has 2"),
        (lambda m, X: m.fit(X, Xt=X, target_weight=-np.ones(120)), "target_weight must be >= 0"),
        (lambda m, X: m.fit(X, Xt=X, source_weight=np.ones(3)), "source_weight has 3 values"),
        (lambda m, X: m.set_params(max_nz=0).fit(X, Xt=X), "'max_nz' parameter"),
        (lambda m, X: m.set_params(reg="x").fit(X, Xt=X), "'reg' parameter"),
        (lambda m, X: m.set_params(max_nz=1).fit(X, Xt=X[:50]), "max_nz must be at least 3"),
    ],
)
def test_bad_input_of_the_estimator(domains, fit, message):
    with pytest.raises(ValueError, match=message):
        fit(SparseTransport(), domains[0])


# --- routing ---


def softmax(logits):
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def test_experts_respect_capacity_and_tokens_are_balanced():
    rng = np.random.default_rng(0)
    scores = softmax(rng.normal(size=(5, 64, 8)))
    routes = sparse_route(scores)
    assert routes.indices.shape == (5, 8, 8)
    np.testing.assert_array_equal(routes.counts.sum(axis=1), (routes.indices >= 0).sum(axis=(1, 2)))
    for g in range(5):
        for e in range(8):
            used = routes.indices[g, e][routes.indices[g, e] >= 0]
            assert len(set(used)) == used.size
            np.testing.assert_allclose(
                routes.weights[g, e][: used.size], scores[g, used, e], rtol=1e-15
            )
    # Choosing by score alone leaves tokens out; transport serves more of them.
    top = np.argsort(-scores, axis=1)[:, :8]
    served = np.mean([np.unique(top[g]).size for g in range(5)])
    assert (routes.counts > 0).sum(axis=1).mean() > served + 2


def test_tokens_choose_and_experts_fill_evenly():
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(3, 60, 6))
    logits[..., 0] += 3.0  # an expert that everybody wants
    scores = softmax(logits)
    routes = sparse_route(scores, max_nz=2, choose="tokens", weights="plan")
    assert routes.indices.shape == (3, 60, 2)
    np.testing.assert_allclose(routes.weights.sum(axis=2), 1.0, rtol=1e-9)
    greedy = np.apply_along_axis(np.bincount, 1, scores.argmax(axis=2), minlength=6)
    assert routes.counts.max() < greedy.max()
    assert routes.marginal_error.max() < 0.3


def test_routing_is_that_of_the_assignment_for_weak_regularisation():
    scores = np.random.default_rng(2).random((6, 6))
    routes = sparse_route(scores, max_nz=6, reg=1e-3, tol=1e-6, max_iter=2000)
    plan = ot_exact(None, None, -scores).plan.toarray()
    np.testing.assert_array_equal(routes.indices[0, :, 0], plan.argmax(axis=0))


def test_capacity_is_rounded_up_and_threads_agree():
    scores = softmax(np.random.default_rng(3).normal(size=(9, 20, 4)))
    assert sparse_route(scores, round_to=4).indices.shape == (9, 4, 8)
    one, two = sparse_route(scores, n_jobs=1), sparse_route(scores, n_jobs=2)
    np.testing.assert_array_equal(one.indices, two.indices)
    np.testing.assert_array_equal(one.weights, two.weights)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda S: sparse_route(S[0, 0]), "scores must have shape"),
        (lambda S: sparse_route(S * np.nan), "scores must be finite"),
        (lambda S: sparse_route(S, max_nz=21), r"max_nz must be in \[1, 20\]"),
        (lambda S: sparse_route(S, choose="all"), "choose must be one of"),
        (lambda S: sparse_route(S, reg=0), "reg must be > 0"),
        (lambda S: sparse_route(S, weights="x"), "weights must be one of"),
        (lambda S: sparse_route(S, round_to=0), "round_to must be"),
    ],
)
def test_bad_input_of_routing(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.ones((2, 20, 4)))


# --- colours ---


@pytest.mark.parametrize("method", ["sparse", "l2", "entropic", "exact"])
def test_colours_come_from_the_target(method):
    rng = np.random.default_rng(0)
    source = rng.integers(0, 120, size=(20, 24, 3), dtype=np.uint8)
    target = rng.integers(130, 255, size=(16, 18, 3), dtype=np.uint8)
    image, result = transfer_colors(source, target, n_colors=40, method=method, max_nz=4)
    assert image.shape == source.shape
    assert image.dtype == np.uint8
    assert np.abs(image.mean(axis=(0, 1)) - target.mean(axis=(0, 1))).max() < 8
    assert result.plan.shape == (40, 40)
    if method == "sparse":
        assert np.diff(result.plan.tocsc().indptr).max() <= 4


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.zeros((4, 4)), "source must have shape"),
        (np.full((4, 4, 3), 2.0), r"source as floats must be in \[0, 1\]"),
        (np.zeros((4, 4, 3), dtype=int), "source must be uint8 or floats"),
    ],
)
def test_bad_images_are_refused(source, message):
    with pytest.raises(ValueError, match=message):
        transfer_colors(source, np.zeros((4, 4, 3)))


# --- displays ---


@pytest.fixture
def ax():
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    return Figure().subplots()


def test_plan_as_heat_map_keeps_all_mass(ax):
    rng = np.random.default_rng(0)
    plan = rng.random((900, 450)) * (rng.random((900, 450)) < 0.01)
    display = TransportPlanDisplay(plan).plot(ax)
    assert display.image_.get_array().sum() == pytest.approx(plan.sum())
    assert display.density == pytest.approx((plan > 0).mean())
    assert "mass" in display.figure_.axes[1].get_ylabel()


def test_plan_as_lines_joins_the_partners(ax, domains):
    X, _, Xt, _ = domains
    result = ot_exact(None, None, PointCloud(X[:20], Xt[:20]))
    display = result.plot(ax)
    segments = np.array(display.lines_.get_segments())
    assert segments.shape == (20, 2, 2)
    i, j = result.plan.nonzero()
    assert {tuple(s.ravel()) for s in segments} == {
        tuple(np.r_[X[p], Xt[q]]) for p, q in zip(i, j, strict=True)
    }
    few = TransportPlanDisplay(result.plan, X[:20], Xt[:20]).plot(ax, max_lines=5)
    assert len(few.lines_.get_segments()) == 5
    assert "5 of 20 partners, 25 %" in ax.get_title(loc="left")


def test_display_of_an_estimator_and_of_convergence(ax, domains):
    X, _, Xt, _ = domains
    model = SparseTransport(method="l2").fit(X, Xt=Xt)
    assert TransportPlanDisplay.from_estimator(model, Xt, ax=ax).lines_ is not None
    result = sinkhorn(None, None, PointCloud(X, Xt), reg=0.5)
    line = OTConvergenceDisplay.from_result(result, tol=1e-6, ax=ax).line_
    np.testing.assert_array_equal(line.get_ydata(), result.errors)
    assert ax.get_title(loc="left").startswith("final duality gap")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda ax: TransportPlanDisplay(np.eye(2)).plot(ax, kind="x"), "kind must be"),
        (lambda ax: TransportPlanDisplay(np.eye(2)).plot(ax, kind="lines"), "needs X and Y"),
        (lambda ax: TransportPlanDisplay(np.eye(2), X=np.eye(2)), "go together"),
        (lambda ax: TransportPlanDisplay(np.eye(2), np.eye(3), np.eye(2)), "X must have shape"),
    ],
)
def test_bad_input_of_displays(ax, call, message):
    with pytest.raises(ValueError, match=message):
        call(ax)

# SPDX-License-Identifier: BSD-3-Clause
"""CoLiDE: the iteration against a NumPy loop, the estimator against the official code's results."""

from __future__ import annotations

import json
import signal
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from taut import _core
from taut.datasets import load_sachs, make_linear_sem
from taut.exceptions import ConvergenceWarning, NotFittedError
from taut.graph import CoLiDE, acyclicity, is_dag
from taut.graph._refine import refine
from taut.metrics import graph_metrics

REFERENCES = Path(__file__).parent / "references" / "graph"
NOISES = ("equal", "unequal", "none")
#: Enough for small problems: the paper's constants would take a second each.
QUICK = dict(warm_iter=3000, max_iter=6000, lr=1e-3, tol=1e-5)


def covariance(d, seed=0, n=500, **options):
    X = make_linear_sem(n, d, degree=min(2, d - 1), random_state=seed, **options)[0]
    X -= X.mean(axis=0)
    return np.asfortranarray(X.T @ X / n)


def first_sigma(C, noise):
    deviation = np.sqrt(np.diag(C))
    least = np.full(len(C), deviation.min())
    return {"equal": least, "unequal": deviation, "none": np.ones(len(C))}[noise]


def scales(q, C, noise):
    floor = 1e-2 * np.sqrt(np.diag(C).min())
    if noise == "none":
        return np.ones(len(q))
    if noise == "equal":
        q = np.full(len(q), q.mean())
    return np.maximum(np.sqrt(q), floor)


def score(C, W, sigma, noise, alpha):
    rest = np.eye(len(C)) - W
    q = np.diag(rest.T @ C @ rest)
    l1 = alpha * np.abs(W).sum()
    return q.sum() / 2 + l1 if noise == "none" else (q / sigma + sigma).sum() / 2 + l1


def measure(W, s):
    sign, log_det = np.linalg.slogdet(s * np.eye(len(W)) - W * W)
    assert sign > 0
    return len(W) * np.log(s) - log_det


def objective(C, W, sigma, noise, alpha, mu, s):
    return mu * score(C, W, sigma, noise, alpha) + measure(W, s)


def loop(C, noise, n_iter, checkpoint, mu=1.0, s=1.0, alpha=0.05, allowed=1.0):
    """The iteration of the paper's code, written down from its description."""
    d = len(C)
    W, m, v = np.zeros((d, d)), np.zeros((d, d)), np.zeros((d, d))
    sigma, values = first_sigma(C, noise), []
    for t in range(1, n_iter + 1):
        M = np.linalg.inv(s * np.eye(d) - W * W)
        assert M.min() > -1e-6
        G = -mu * C @ (np.eye(d) - W) / sigma + mu * alpha * np.sign(W) + 2 * W * M.T
        G = G * allowed
        m = 0.99 * m + 0.01 * G
        v = 0.999 * v + 0.001 * G * G
        W = W - 3e-4 * (m / (1 - 0.99**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        rest = np.eye(d) - W
        sigma = scales(np.diag(rest.T @ C @ rest), C, noise)
        if t % checkpoint == 0:
            values.append(objective(C, W, sigma, noise, alpha, mu, s))
    return W, sigma, values


def path(C, noise, *, rows=None, n_iter=200, **options):
    settings_ = dict(
        noise=noise, alpha=0.05, mu=np.ones(1), s=np.ones(1), max_iter=np.array([n_iter]), lr=3e-4,
        beta1=0.99, beta2=0.999, tol=1e-12, checkpoint=100,
    )  # fmt: skip
    return _core.graph_colide(C, rows, **{**settings_, **options})


def contraction(rng, d):
    """A random W for which W * W has a spectral radius below 0.3."""
    W = rng.normal(size=(d, d))
    return np.asfortranarray(W * np.sqrt(0.25 / np.abs(np.linalg.eigvals(W * W)).max()))


# --- the objective ---


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("s", [1.0, 0.7])
def test_gradient_is_that_of_the_objective(noise, s, rng):
    C, W, sigma = covariance(6), contraction(rng, 6), rng.uniform(0.5, 2, 6)
    if noise == "none":
        sigma = np.ones(6)
    raw = _core.graph_objective(C, W, sigma, noise, 0.05, 0.3, s)
    assert raw["value"] == pytest.approx(objective(C, W, sigma, noise, 0.05, 0.3, s), rel=1e-12)
    numeric, step = np.empty((6, 6)), 1e-6
    for i in range(6):
        for j in range(6):
            E = np.zeros((6, 6))
            E[i, j] = step
            up, down = (objective(C, W + e, sigma, noise, 0.05, 0.3, s) for e in (E, -E))
            numeric[i, j] = (up - down) / (2 * step)
    error = np.abs(raw["gradient"] - numeric).max() / np.abs(numeric).max()
    assert error < 1e-6


@pytest.mark.parametrize("noise", ["equal", "unequal"])
def test_score_scales_with_the_data(noise, rng):
    C, W, sigma = covariance(5), contraction(rng, 5), rng.uniform(0.5, 2, 5)
    l1 = 0.05 * np.abs(W).sum()
    one = _core.graph_objective(C, W, sigma, noise, 0.05, 1.0, 1.0)["score"] - l1
    # X -> 7 X
    two = _core.graph_objective(49 * C, W, 7 * sigma, noise, 0.05, 1.0, 1.0)["score"] - l1
    assert two == pytest.approx(7 * one, rel=1e-12)


@given(st.integers(0, 10**6), st.integers(2, 60), st.sampled_from([0.5, 1.0, 3.0]))
def test_acyclic_graphs_measure_zero(seed, d, s):
    W = np.triu(np.random.default_rng(seed).normal(size=(d, d)) * 3, 1)
    h, gradient = acyclicity(W, s)
    assert h == pytest.approx(0.0, abs=1e-10 * d)
    assert gradient.shape == (d, d)
    assert acyclicity(np.zeros((d, d)), s)[0] == pytest.approx(0.0, abs=1e-12 * d)


@given(st.floats(0.05, 1.5), st.floats(0.05, 1.5), st.sampled_from([0.7, 1.0, 1.3]))
def test_two_cycle_measures_its_product(a, b, s):
    h, gradient = acyclicity([[0.0, a], [-b, 0.0]], s)
    ratio = a * a * b * b / s**2
    if ratio < 1 - 1e-12:
        assert h == pytest.approx(-np.log1p(-ratio), rel=1e-9, abs=1e-15)
        assert h > 0
        assert gradient[0, 1] == pytest.approx(2 * a * b * b / (s * s - a * a * b * b), rel=1e-9)
    elif ratio > 1 + 1e-12:
        assert h == np.inf
        assert np.isnan(gradient).all()


@given(st.integers(0, 10**6), st.integers(1, 70))
def test_measure_and_gradient_are_those_of_numpy(seed, d):
    W = contraction(np.random.default_rng(seed), d)
    h, gradient = acyclicity(W, 0.6)
    assert h == pytest.approx(measure(W, 0.6), rel=1e-9, abs=1e-12)
    expected = 2 * W * np.linalg.inv(0.6 * np.eye(d) - W * W).T
    np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("W", "s", "message"),
    [
        ([[0.0, 1.0]], 1.0, "W must be a square matrix"),
        ([[0.0, np.inf], [0.0, 0.0]], 1.0, "W contains infinity"),
        ([[0.0]], 0.0, "s must be finite and > 0, got 0.0"),
    ],
)
def test_acyclicity_refuses(W, s, message):
    with pytest.raises(ValueError, match=message):
        acyclicity(W, s)


# --- the iteration ---


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("d", [2, 5, 12, 30, 67])
def test_trajectory_is_that_of_the_loop(noise, d):
    C = covariance(d, variance=(0.5, 5.0), weights=(0.3, 1.0))
    W, sigma, values = loop(C, noise, 200, 100)
    raw = path(C, noise)
    np.testing.assert_allclose(raw["weights"], W, atol=1e-9)
    np.testing.assert_allclose(raw["sigma"], sigma, rtol=1e-9)
    np.testing.assert_allclose(raw["objective"], values, rtol=1e-9)
    np.testing.assert_array_equal(raw["objective_iter"], [100, 200])


@pytest.mark.parametrize("d", [6, 20])
def test_masked_trajectory_is_that_of_the_masked_loop(d, rng):
    C, allowed = covariance(d), rng.random((d, d)) < 0.6
    W, _, _ = loop(C, "unequal", 200, 100, allowed=allowed)
    raw = path(C, "unequal", allowed=np.asfortranarray(allowed, dtype=np.uint8))
    np.testing.assert_allclose(raw["weights"], W, atol=1e-9)
    assert not raw["weights"][~allowed].any()


@pytest.mark.parametrize("noise", ["equal", "unequal"])
def test_products_through_few_rows_are_those_through_the_covariance(noise, rng):
    d, n = 30, 11
    rows = np.asfortranarray(rng.normal(size=(n, d)) / np.sqrt(n))
    C = np.asfortranarray(rows.T @ rows)
    one, two = path(C, noise), path(C, noise, rows=rows)
    np.testing.assert_allclose(two["weights"], one["weights"], atol=1e-9)


@pytest.mark.parametrize("options", [{}, dict(inverse_lag=8, float_steps=True), dict(single=True)])
@pytest.mark.parametrize("d", [70, 170, 270])
def test_bits_do_not_depend_on_threads(options, d):
    C = covariance(d, weights=(0.1, 0.4))
    one = path(C, "equal", n_iter=20, **options)
    for threads in (2, 3):
        other = path(C, "equal", n_iter=20, n_threads=threads, **options)
        for name in ("weights", "sigma", "objective"):
            np.testing.assert_array_equal(one[name], other[name])


def test_float32_follows_float64():
    C = covariance(20, weights=(0.3, 0.8))
    one, two = path(C, "unequal"), path(C, "unequal", single=True)
    np.testing.assert_allclose(two["weights"], one["weights"], atol=2e-4)
    np.testing.assert_allclose(two["objective"], one["objective"], rtol=1e-4)


@pytest.mark.parametrize("float_steps", [False, True])
def test_inverse_of_some_iterations_ago_changes_little(float_steps):
    C = covariance(20, weights=(0.3, 0.8))
    one = path(C, "unequal", n_iter=2000)
    two = path(C, "unequal", n_iter=2000, inverse_lag=8, float_steps=float_steps)
    assert not np.array_equal(one["weights"], two["weights"])
    np.testing.assert_allclose(two["objective"], one["objective"], rtol=1e-3)
    # The scales are those of the last W, however its product was kept up.
    at_end = _core.graph_objective(
        C, np.asfortranarray(two["weights"]), two["sigma"], "unequal", 0.05, 1.0, 1.0
    )
    np.testing.assert_allclose(two["sigma"], scales(at_end["residual"], C, "unequal"), rtol=1e-12)


def test_steps_in_float_are_those_in_double_to_single_precision(rng):
    C = covariance(40, weights=(0.3, 0.8))
    allowed = np.asfortranarray(rng.random((40, 40)) < 0.8, dtype=np.uint8)
    rows = np.asfortranarray(np.linalg.cholesky(C).T)
    for options in ({}, {"allowed": allowed}, {"rows": rows}):
        one = path(C, "unequal", inverse_lag=8, **options)
        two = path(C, "unequal", inverse_lag=8, float_steps=True, **options)
        assert not np.array_equal(one["weights"], two["weights"])
        np.testing.assert_allclose(two["weights"], one["weights"], atol=2e-4)
        np.testing.assert_allclose(two["sigma"], one["sigma"], rtol=1e-4)


def test_steps_in_float_keep_small_variances_beside_large_ones():
    # Residual variances of 1 beside variances of 1e10, where float products would lose them.
    C = np.asfortranarray(np.diag([1.0, 1e10, 1.0]))
    C[0, 2] = C[2, 0] = 0.8
    two = path(C, "unequal", inverse_lag=8, float_steps=True, n_iter=2000)
    one = path(C, "unequal", inverse_lag=8, n_iter=2000)
    np.testing.assert_allclose(two["sigma"], one["sigma"], rtol=1e-3)


@pytest.mark.parametrize("lag", [1, 8])
def test_a_start_outside_of_a_later_domain_restarts_the_stage(lag):
    C = covariance(3)
    # Cycle of weight 0.81: inside s = 1, outside s = 0.6 and 0.7.
    start = np.asfortranarray([[0.0, 0.9, 0.0], [0.9, 0.0, 0.0], [0.0, 0.0, 0.0]])
    raw = path(
        C, "equal", start=start, mu=np.array([1e-6, 1e-6]), s=np.array([1.0, 0.6]),
        max_iter=np.array([1, 5]), inverse_lag=lag,
    )  # fmt: skip
    np.testing.assert_array_equal(raw["restarts"], [0, 3])
    assert raw["s"][1] == pytest.approx(0.9)
    assert np.isfinite(raw["h"]).all()


@pytest.mark.parametrize("lag", [1, 8])
def test_a_step_that_leaves_the_domain_is_made_smaller(lag):
    # A step as long as the domain is wide, s > 0.9: back, and on with a smaller one.
    C = covariance(4)
    raw = path(C, "equal", lr=0.5, n_iter=50, checkpoint=10, inverse_lag=lag)
    assert raw["restarts"][0] == 0
    assert np.isfinite(raw["weights"]).all()
    assert np.isfinite(raw["objective"][-1])
    assert np.isfinite(acyclicity(raw["weights"])[0])


@pytest.mark.parametrize("noise", ["equal", "unequal"])
def test_stationary_at_convergence(noise):
    # Weights below the derivative's jump at 0 swing around it; the others stand still. Adam's steps
    # are lr long until its moments fade, so the last stage has a short one.
    C = covariance(6, seed=3, n=2000)
    raw = path(C, noise, mu=np.array([1.0, 0.1]), s=np.array([1.0, 0.9]), tol=1e-9,
               max_iter=np.array([20_000, 70_000]), checkpoint=1000)  # fmt: skip
    again = path(C, noise, mu=np.array([0.1]), s=np.array([0.9]), tol=1e-12, lr=1e-7,
                 max_iter=np.array([20_000]), checkpoint=1000,
                 start=np.asfortranarray(raw["weights"]))  # fmt: skip
    W, sigma = again["weights"], again["sigma"]
    at_end = _core.graph_objective(C, W, sigma, noise, 0.05, 0.1, 0.9)
    assert np.abs(at_end["gradient"][np.abs(W) > 1e-3]).max() < 1e-4 * 0.1
    np.testing.assert_allclose(sigma, scales(at_end["residual"], C, noise), rtol=1e-12)


def test_interrupt_ends_the_path():
    C = covariance(100)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.3, signal.raise_signal, (signal.SIGINT,))
    start = time.perf_counter()
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            path(C, "equal", n_iter=10**7, tol=0.0, checkpoint=10**7)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)
    assert time.perf_counter() - start < 2.0


def test_iterations_without_end_are_counted():
    most = np.iinfo(np.int64).max
    out = path(
        covariance(8), "equal", max_iter=np.full(2, most), mu=np.ones(2), s=np.ones(2), tol=1.0
    )
    assert out["converged"].all()


@pytest.mark.parametrize("limit", [0, -1, np.iinfo(np.int64).min])
def test_the_kernel_refuses_stages_without_iterations(limit):
    with pytest.raises(ValueError, match="max_iter must be >= 1"):
        path(covariance(8), "equal", max_iter=np.array([limit]))


def test_callback_sees_the_iterations():
    seen = []
    path(covariance(60), "equal", n_iter=20_000, callback=lambda state: seen.append(state))
    assert seen
    assert seen[-1]["n_steps"] == 20_000
    assert 0 < seen[-1]["step"] <= 20_000


# --- the estimator on data ---


@pytest.mark.parametrize("noise", ["equal", "unequal"])
@pytest.mark.parametrize("preset", ["paper", "fast"])
def test_sachs_graph_is_that_of_the_official_code(noise, preset):
    sachs = load_sachs(REFERENCES / "sachs.csv.gz")
    reference = json.loads((REFERENCES / "sachs_official.json").read_text())[noise]
    model = CoLiDE(noise, preset=preset, refit=False).fit(sachs.data)
    W = np.array(reference["W"])
    np.testing.assert_allclose(model.weights_, W, atol=5e-3 * np.abs(W).max())
    np.testing.assert_array_equal(
        model.adjacency_ != 0, (np.abs(W) > 0.3) & ~np.eye(11, dtype=bool)
    )
    sigma = np.broadcast_to(reference["sigma"], 11)
    np.testing.assert_allclose(model.sigma_, sigma, rtol=1e-3)
    found = graph_metrics(sachs.adjacency, model.adjacency_)
    assert (found["shd"], found["n_edges"]) == (12, 13)
    assert found["tpr"] == pytest.approx(6 / 17)
    assert model.converged_


@pytest.mark.slow
@pytest.mark.parametrize(("noise", "limit"), [("equal", 20.0), ("unequal", 45.0)])
def test_random_graphs_of_fifty_nodes(noise, limit):
    variance = 1.0 if noise == "equal" else (0.5, 10.0)
    means = {}
    for preset in ("paper", "fast"):
        distances = []
        for seed in range(5):
            X, W, _ = make_linear_sem(1000, 50, variance=variance, random_state=seed)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model = CoLiDE(noise, preset=preset).fit(X)
            distances.append(graph_metrics(W, model.adjacency_, sid=False)["shd"])
        means[preset] = np.mean(distances)
    assert max(means.values()) <= limit, means
    assert abs(means["fast"] - means["paper"]) <= 0.25 * means["paper"], means


#: Distances of dagma 1.1.1 (lambda1=0.03), gcastle 1.0.4's GOLEM and NOTEARS, cut at 0.3, on
#: ``make_linear_sem(1000, 20)``, seeds 0 to 2, as bench/graph.py calls them.
PEERS_AT_20 = {
    "equal": [(3, 9, 11), (1, 5, 17), (20, 27, 63)],
    "unequal": [(2, 11, 16), (26, 13, 15), (42, 13, 44)],
}


@pytest.mark.filterwarnings("ignore:CoLiDE stopped after:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("noise", "variance"), [("equal", 1.0), ("unequal", (0.5, 10.0))])
def test_thorough_graphs_are_nearer_than_those_of_others(noise, variance):
    thorough, plain, refined = 0, 0, 0
    for seed in range(3):
        X, W, _ = make_linear_sem(1000, 20, variance=variance, random_state=seed)

        def distance(model, W=W):
            return graph_metrics(W, model.adjacency_, sid=False)["shd"]

        model = CoLiDE(noise, preset="thorough").fit(X)
        assert model.bic_.shape == ((3,) if noise == "equal" else (4,))
        assert model.stage_n_iter_.shape == (5,)
        thorough += distance(model)
        fast = CoLiDE(noise, preset="fast").fit(X)
        plain += distance(fast)
        better = fast.set_params(refine=True).fit(X)
        refined += distance(better)
        assert model.bic_.min() <= better.bic_[0]
    assert thorough < min(sum(distances) for distances in PEERS_AT_20[noise])
    assert refined < plain


@pytest.mark.parametrize("scale", [1.0, 10.0])
@pytest.mark.parametrize("refine", [False, True])
def test_thorough_keeps_the_graph_of_least_criterion(scale, refine):
    X = scale * make_linear_sem(300, 12, variance=1.0, random_state=3)[0]
    options = dict(threshold=0.2, refine=refine)
    model = CoLiDE("equal", alpha=0.05 * scale, preset="thorough", **options).fit(X)
    n, d = X.shape
    residual = model.transform(X)
    expected = n * d * np.log(np.mean(residual**2)) + np.log(n) * model.n_edges_
    np.testing.assert_allclose(model.bic_.min(), expected, rtol=1e-10)
    weaker = CoLiDE("equal", alpha=0.03 * scale, preset="fast", **options)
    weaker.set_params(s=(1, 0.9, 0.8, 0.7, 0.6), warm_iter=30_000, max_iter=60_000).fit(X)
    np.testing.assert_allclose(model.bic_[1], weaker.bic_[0], rtol=1e-12)


def criterion(X, edges, equal):
    """BIC of a graph, by one regression after the other."""
    n, d = X.shape
    variance = np.empty(d)
    for j in range(d):
        parents = X[:, edges[:, j]]
        coef = np.linalg.lstsq(parents, X[:, j], rcond=None)[0]
        variance[j] = np.mean((X[:, j] - parents @ coef) ** 2)
    fit = d * np.log(variance.mean()) if equal else np.log(variance).sum()
    return n * fit + np.log(n) * edges.sum()


def changes(edges, allowed):
    """Graphs without cycles that differ in one edge, with the edge that is new or None."""
    for i, j in np.argwhere(~np.eye(len(edges), dtype=bool)):
        other = edges.copy()
        if edges[i, j]:
            other[i, j] = False
            yield other.copy(), None
            other[j, i] = True
            new = (j, i)
        else:
            other[i, j] = True
            new = (i, j)
        if allowed[new] and not edges[new] and is_dag(other.astype(float)):
            yield other, new


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.integers(3, 7), st.booleans(), st.booleans(), st.floats(0.0, 0.5))
def test_no_single_change_betters_a_refined_graph(seed, d, equal, masked, threshold):
    rng = np.random.default_rng(seed)
    X = make_linear_sem(60, d, degree=1, random_state=seed)[0]
    X = X - X.mean(axis=0)
    allowed = rng.random((d, d)) < 0.7 if masked else np.ones((d, d), bool)
    start = np.triu(rng.random((d, d)) < 0.5, 1) & allowed
    cov = X.T @ X / len(X)
    edges, moves = refine(
        cov, len(X), start, equal=equal, threshold=np.full((d, d), threshold),
        allowed=allowed if masked else None,
    )  # fmt: skip
    assert is_dag(edges.astype(float))
    assert not (edges & ~allowed).any()
    assert (moves == 0) == (edges == start).all()
    best = criterion(X, edges, equal)
    assert best <= criterion(X, start, equal) + 1e-6
    for other, new in changes(edges, allowed):
        if new is not None:
            parents = np.flatnonzero(other[:, new[1]])
            coef = np.linalg.lstsq(X[:, parents], X[:, new[1]], rcond=None)[0]
            if abs(coef[parents == new[0]][0]) <= threshold:
                continue
        assert criterion(X, other, equal) > best - 1e-4


def test_refining_keeps_what_is_known_and_the_standardized_threshold():
    X, _, _ = make_linear_sem(500, 8, variance=1.0, random_state=4)
    X = X * 10.0 ** np.arange(-4, 4)
    options = dict(tiers=[[0, 1, 2, 3], [4, 5, 6, 7]], threshold_on="standardized", rescale="min")
    model = CoLiDE(refine=True, threshold=0.1, warm_iter=500, max_iter=1000, tol=1.0, **options)
    model.fit(X)
    assert model.n_refined_ > 0
    assert not model.adjacency_[4:, :4].any()
    other = clone(model).set_params(refine=False).fit(X)
    assert other.n_refined_ == 0
    assert model.bic_[0] < other.bic_[0]
    sd = X.std(axis=0)
    new = (model.adjacency_ != 0) & (other.adjacency_ == 0) & (other.adjacency_.T == 0)
    assert (np.abs(model.adjacency_ * sd[:, None] / sd)[new] > 0.05).all()


def test_two_variables():
    rng = np.random.default_rng(5)
    cause = rng.normal(size=100_000)
    X = np.column_stack([cause, 1.5 * cause + rng.normal(size=100_000)])
    model = CoLiDE("equal").fit(X)
    np.testing.assert_array_equal(model.adjacency_ != 0, [[False, True], [False, False]])
    assert model.adjacency_[0, 1] == pytest.approx(1.5, abs=0.02)
    np.testing.assert_allclose(model.noise_scale_, [1.0, 1.0], atol=0.02)
    edge = model.to_edges()[0]
    assert (edge.source, edge.target) == (0, 1)
    assert edge.standard_error == pytest.approx(1 / np.sqrt(100_000), rel=0.02)
    np.testing.assert_allclose(model.total_effects(), [[0, edge.weight], [0, 0]], atol=1e-12)
    assert model.varsortability_ == 1.0


def test_permuted_columns_give_the_permuted_graph(rng):
    X, W, _ = make_linear_sem(2000, 10, degree=2, random_state=1)
    model = CoLiDE("equal", preset="fast").fit(X)
    place = rng.permutation(10)
    other = CoLiDE("equal", preset="fast").fit(X[:, place])
    np.testing.assert_array_equal(
        other.adjacency_ != 0, (model.adjacency_ != 0)[np.ix_(place, place)]
    )
    assert graph_metrics(W, model.adjacency_)["shd"] <= 2


def test_refit_is_least_squares_on_the_parents():
    X, _, _ = make_linear_sem(300, 8, degree=2, random_state=2)
    model = CoLiDE("equal", **QUICK).fit(X)
    centred = X - X.mean(axis=0)
    checked = 0
    for j in range(8):
        parents = np.flatnonzero(model.adjacency_[:, j])
        if parents.size == 0:
            continue
        P = centred[:, parents]
        coef, rest, _, _ = np.linalg.lstsq(P, centred[:, j], rcond=None)
        np.testing.assert_allclose(model.adjacency_[parents, j], coef, rtol=1e-9)
        variance = rest[0] / (300 - parents.size - 1)
        errors = np.sqrt(variance * np.diag(np.linalg.inv(P.T @ P)))
        np.testing.assert_allclose(model.standard_errors_[parents, j], errors, rtol=1e-9)
        checked += parents.size
    assert checked == model.n_edges_ == len(model.to_edges()) > 0
    assert np.isnan(model.standard_errors_[model.adjacency_ == 0]).all()
    noise = model.transform(X)
    np.testing.assert_allclose(noise, centred - centred @ model.adjacency_, atol=1e-12)
    scale = np.sqrt(np.mean(noise.var(axis=0)))
    np.testing.assert_allclose(model.noise_scale_, scale, rtol=1e-9)
    density = -0.5 * (noise / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi)
    assert model.score(X) == pytest.approx(density.sum(axis=1).mean(), rel=1e-12)


def test_without_refit_weights_stay_shrunken():
    X, _, _ = make_linear_sem(300, 8, degree=2, random_state=2)
    model = CoLiDE("unequal", refit=False, **QUICK).fit(X)
    edges = model.adjacency_ != 0
    np.testing.assert_array_equal(model.adjacency_[edges], model.weights_[edges])
    assert np.isnan(model.standard_errors_).all()
    assert np.abs(model.adjacency_[edges]).min() > 0.3


def test_sampling_and_interventions():
    X, _, _ = make_linear_sem(4000, 6, degree=2, variance=(0.5, 2.0), random_state=6)
    frame = pd.DataFrame(X + 3.0, columns=list("abcdef"))
    model = CoLiDE("unequal", **QUICK).fit(frame)
    draws = model.sample(200_000, random_state=0)
    np.testing.assert_allclose(draws.mean(axis=0), model.mean_, atol=0.1)
    rest = np.linalg.inv(np.eye(6) - model.adjacency_)
    expected = rest.T @ np.diag(model.noise_scale_**2) @ rest
    np.testing.assert_allclose(np.cov(draws.T), expected, atol=0.03 * expected.max())
    source = int(model.order_[0])
    name = "abcdef"[source]
    held = model.intervene({name: model.mean_[source] + 1.0}, 200_000, random_state=0)
    np.testing.assert_array_equal(held[:, source], model.mean_[source] + 1.0)
    shift = held.mean(axis=0) - model.mean_
    effect = model.total_effects()[source] + np.eye(6)[source]
    np.testing.assert_allclose(shift, effect, atol=0.1)
    # Holding an effect says nothing about its causes.
    last = int(model.order_[-1])
    np.testing.assert_allclose(
        model.intervene({last: 50.0}, 1000, 1)[:, source], model.sample(1000, 1)[:, source]
    )
    np.testing.assert_array_equal(model.sample(5, 7), model.sample(5, 7))


def test_prior_knowledge_is_kept():
    X, _, _ = make_linear_sem(500, 6, degree=2, random_state=8)
    names = list("abcdef")
    frame = pd.DataFrame(X, columns=names)
    free = CoLiDE("equal", **QUICK).fit(frame)
    i, j = np.argwhere(free.adjacency_ != 0)[0]
    by_name = CoLiDE("equal", forbidden=[(names[i], names[j])], **QUICK).fit(frame)
    assert by_name.weights_[i, j] == 0
    mask = np.zeros((6, 6), dtype=bool)
    mask[i, j] = True
    by_mask = CoLiDE("equal", forbidden=mask, **QUICK).fit(X)
    np.testing.assert_array_equal(by_mask.weights_, by_name.weights_)
    only = CoLiDE("equal", allowed=[(i, j)], **QUICK).fit(X)
    assert np.count_nonzero(only.weights_) == 1
    order = [names[k] for k in free.order_]
    tiers = CoLiDE("equal", tiers=[order[3:], order[:3]], **QUICK).fit(frame)
    early, late = free.order_[3:], free.order_[:3]
    assert not tiers.weights_[np.ix_(late, early)].any()


def test_covariance_gives_the_graph_of_the_data():
    X, _, _ = make_linear_sem(400, 7, degree=2, random_state=9)
    model = CoLiDE("unequal", **QUICK).fit(X)
    C = np.cov(X.T, bias=True)
    other = CoLiDE("unequal", **QUICK).fit_cov(C, 400, feature_names=list("abcdefg"))
    np.testing.assert_allclose(other.adjacency_, model.adjacency_, atol=1e-8)
    np.testing.assert_allclose(other.standard_errors_, model.standard_errors_, atol=1e-8)
    assert other.to_edges()[0].source in "abcdefg"
    assert not hasattr(other.fit_cov(C, 400), "feature_names_in_")


def test_weights_are_repetitions(rng):
    X, _, _ = make_linear_sem(60, 5, degree=2, random_state=10)
    w = rng.integers(0, 3, 60)
    one = CoLiDE("unequal", **QUICK).fit(X, sample_weight=w)
    two = CoLiDE("unequal", **QUICK).fit(np.repeat(X, w, axis=0))
    np.testing.assert_allclose(one.adjacency_, two.adjacency_, atol=1e-8)
    np.testing.assert_allclose(one.noise_scale_, two.noise_scale_, rtol=1e-8)


def test_common_unit_does_not_matter_with_rescale():
    X, _, _ = make_linear_sem(300, 6, degree=2, random_state=11)
    one = CoLiDE("equal", rescale="min", **QUICK).fit(X)
    two = CoLiDE("equal", rescale="min", **QUICK).fit(1000 * X)
    np.testing.assert_allclose(two.weights_, one.weights_, atol=1e-6)
    np.testing.assert_allclose(two.sigma_, 1000 * one.sigma_, rtol=1e-6)


def test_standardized_threshold_has_no_units():
    X, _, _ = make_linear_sem(500, 5, degree=1, random_state=12)
    model = CoLiDE("unequal", threshold_on="standardized", refit=False, **QUICK).fit(X)
    deviation = X.std(axis=0)
    size = np.abs(model.weights_) * deviation[:, None] / deviation
    assert size[model.adjacency_ != 0].min(initial=np.inf) > 0.3
    assert model.n_edges_ + model.n_removed_ == np.sum((size > 0.3) & ~np.eye(5, dtype=bool))


def test_scaled_strength_is_the_default_where_the_paper_set_it(rng):
    C = np.eye(200)
    assert CoLiDE(alpha="scaled")._strength(200, 1000) == pytest.approx(0.05)
    assert CoLiDE(alpha="scaled")._strength(20, 1000) < 0.05
    model = CoLiDE(alpha="scaled", warm_iter=1, max_iter=2, checkpoint=1, tol=1.0)
    assert model.fit_cov(C, 1000).n_edges_ == 0


def test_warm_start_takes_the_given_weights():
    X, _, _ = make_linear_sem(400, 6, degree=2, random_state=13)
    one = CoLiDE("equal", **QUICK).fit(X)
    start = one.adjacency_ * 0.5
    stages = dict(s=(1.0,), mu_init=1e-3, max_iter=20_000, lr=1e-3)
    two = CoLiDE("equal", **stages).fit(X, W_init=start)
    np.testing.assert_array_equal(two.adjacency_ != 0, one.adjacency_ != 0)


@settings(max_examples=25)
@given(
    st.integers(0, 10**6),
    st.integers(2, 12),
    st.integers(3, 20),
    st.sampled_from([0.0, 0.05, 0.3]),
    st.sampled_from(NOISES),
    st.sampled_from(["paper", "fast", "thorough"]),
    st.booleans(),
)
def test_result_is_a_dag_for_every_input(seed, d, n, threshold, noise, preset, refine):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) * 10 ** rng.uniform(-2, 2, d)
    X[:, -1] = X[:, 0]  # duplicated columns
    model = CoLiDE(
        noise, threshold=threshold, preset=preset, warm_iter=50, max_iter=100, checkpoint=10,
        lr=1e-2, tol=1.0, warn_varsortability=False, refine=refine,
    )  # fmt: skip
    model.fit(X)
    assert is_dag(model.adjacency_)
    assert not np.diag(model.adjacency_).any()
    assert np.isfinite(model.weights_).all()
    assert np.isfinite(model.adjacency_).all()
    assert np.isfinite(model.noise_scale_).all()
    assert (np.sort(model.order_) == np.arange(d)).all()


def test_fewer_rows_than_half_the_columns(rng):
    X = rng.normal(size=(12, 40))
    model = CoLiDE(warm_iter=500, max_iter=500, checkpoint=100, tol=1.0).fit(X)
    C = np.cov(X.T, bias=True)
    other = CoLiDE(warm_iter=500, max_iter=500, checkpoint=100, tol=1.0).fit_cov(C, 12)
    np.testing.assert_allclose(model.weights_, other.weights_, atol=1e-8)


def test_edge_stability_counts_subsamples():
    X, W, _ = make_linear_sem(400, 5, degree=1, weights=(1.0, 2.0), random_state=14)
    model = CoLiDE("equal", preset="fast", **QUICK)
    share = model.edge_stability(X, n_boot=8, random_state=0)
    np.testing.assert_array_equal(share * 8, np.round(share * 8))
    assert share[W != 0].min() >= 0.75
    assert share[(W == 0) & (W.T == 0)].max() <= 0.5
    np.testing.assert_array_equal(
        share, clone(model).set_params(n_jobs=2).edge_stability(X, n_boot=8, random_state=0)
    )
    with pytest.raises(ValueError, match="n_boot must be an integer >= 1, got 0"):
        model.edge_stability(X, n_boot=0)
    with pytest.raises(ValueError, match=r"frac must be in \(0, 1\], got 2"):
        model.edge_stability(X, frac=2)
    with pytest.raises(ValueError, match="leaves fewer than two"):
        model.edge_stability(X, frac=0.001)
    frame = pd.DataFrame(X, columns=list("abcde"))
    tiers = clone(model).set_params(tiers=[["b", "c", "d", "e"], ["a"]])
    assert not tiers.edge_stability(frame, n_boot=2, random_state=0)[0].any()


def test_edges_have_names_and_go_to_networkx():
    X, _, _ = make_linear_sem(400, 4, degree=1, random_state=15)
    model = CoLiDE("equal", **QUICK).fit(pd.DataFrame(X, columns=list("abcd")))
    edges = model.to_edges()
    assert all(e.source in "abcd" and e.target in "abcd" for e in edges)
    assert [abs(e.weight) for e in edges] == sorted((abs(e.weight) for e in edges), reverse=True)
    assert model.cpdag().shape == (4, 4)
    assert list(model.get_feature_names_out()) == list("abcd")
    try:
        import networkx
    except ImportError:
        with pytest.raises(ImportError, match=r"CoLiDE.to_networkx needs networkx"):
            model.to_networkx()
    else:
        graph = model.to_networkx()
        assert networkx.is_directed_acyclic_graph(graph)
        assert graph.number_of_edges() == len(edges)


# --- warnings and errors ---


def test_a_stage_cut_short_warns():
    X, _, _ = make_linear_sem(100, 5, degree=1, random_state=0)
    with pytest.warns(ConvergenceWarning, match="stopped after 20 iterations of its last stage"):
        model = CoLiDE(warm_iter=10, max_iter=20, checkpoint=10).fit(X)
    assert not model.converged_
    np.testing.assert_array_equal(model.stage_n_iter_, [10, 10, 10, 20])
    assert model.n_iter_ == 50
    assert model.objective_path_.size == 5
    with pytest.warns(ConvergenceWarning, match="2 of 2 fits of subsamples stopped at max_iter"):
        CoLiDE(warm_iter=10, max_iter=20, checkpoint=10).edge_stability(X, 2, random_state=0)


def test_standardised_columns_warn_with_equal_noise(rng):
    X, _, _ = make_linear_sem(100, 5, degree=1, random_state=0)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    with pytest.warns(UserWarning, match="Every variable has variance 1"):
        CoLiDE("equal", **QUICK).fit(X)
    CoLiDE("equal", warn_varsortability=False, **QUICK).fit(X)
    CoLiDE("unequal", **QUICK).fit(X)


X4 = np.random.default_rng(0).normal(size=(30, 4)) + np.arange(4)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"noise": "normal"}, ValueError, "The 'noise' parameter of CoLiDE must be a str among"),
        ({"alpha": -1.0}, ValueError, "The 'alpha' parameter of CoLiDE"),
        ({"mu_factor": 1.0}, ValueError, "The 'mu_factor' parameter of CoLiDE"),
        ({"s": ()}, ValueError, "s must hold at least one number, all > 0"),
        ({"s": (1.0, 0.0)}, ValueError, "s must hold at least one number, all > 0"),
        ({"betas": (0.9,)}, ValueError, r"betas must be two numbers in \[0, 1\)"),
        ({"betas": (0.9, 1.0)}, ValueError, r"betas must be two numbers in \[0, 1\)"),
        ({"preset": "quick"}, ValueError, "The 'preset' parameter of CoLiDE"),
        ({"max_iter": 2**63}, ValueError, "The 'max_iter' parameter of CoLiDE"),
        ({"refine": True, "refit": False}, ValueError, "refine=True needs refit=True"),
        ({"forbidden": [(0, 4)]}, ValueError, "There is no feature 4; there are 0 .. 3"),
        ({"forbidden": [("a", "b")]}, ValueError, "the data had no column names"),
        ({"forbidden": [(0, 1.5)]}, TypeError, "given by its number or name, got 1.5"),
        ({"forbidden": [3]}, TypeError, "forbidden must hold pairs"),
        ({"allowed": np.ones((3, 3), bool)}, ValueError, r"allowed as a mask must have shape \(4"),
        ({"allowed": np.ones((4, 4))}, TypeError, "allowed must be a boolean mask or a list"),
        ({"tiers": [[0, 1], [2]]}, ValueError, "tiers must hold every feature once; missing: 3"),
        ({"tiers": [[0, 1], [1, 2, 3]]}, ValueError, "feature 1 is in two of them"),
        ({"tiers": [0, 1, 2, 3]}, TypeError, "tiers must be a list of lists"),
    ],
)
def test_bad_parameters_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        CoLiDE(**options).fit(X4)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.ones((10, 1)), "1 feature"),
        (np.ones((1, 3)), "1 sample"),
        (np.ones(5), "Expected 2D array"),
        (np.where(np.arange(4) == 2, 7.0, X4), "feature 2 has zero variance"),
        (np.where(np.arange(4) == 2, np.nan, X4), "contains NaN"),
        (pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 1.0]}), "feature 'b' has zero variance"),
    ],
)
def test_bad_data_are_refused(X, message):
    with pytest.raises(ValueError, match=message):
        CoLiDE().fit(X)


def test_float32_is_refused_where_it_would_lose_the_residuals():
    X = X4 * [1.0, 1.0, 1.0, 1e3]
    with pytest.raises(ValueError, match="dtype='float32' needs variances within a factor of 1"):
        CoLiDE(dtype="float32").fit(X)
    CoLiDE(dtype="float32", **QUICK).fit(X4)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (np.zeros((3, 3)), r"W_init must have shape \(4, 4\), got \(3, 3\)"),
        (np.full((4, 4), 0.9), "W_init lies outside the domain of s = 1"),
        (np.full((4, 4), 0.1), "W_init has an edge 0 -> 1, which is not allowed"),
    ],
)
def test_bad_starts_are_refused(start, message):
    with pytest.raises(ValueError, match=message):
        CoLiDE(forbidden=[(0, 1)]).fit(X4, W_init=start)


@pytest.mark.parametrize(
    ("cov", "n", "message"),
    [
        (np.eye(3)[:2], 10, "cov must be a square matrix"),
        (np.eye(1), 10, "cov must have at least 2 rows, got 1"),
        ([[1.0, 0.5], [0.4, 1.0]], 10, "cov must be symmetric, got entries that differ by 0.1"),
        ([[1.0, 2.0], [2.0, 1.0]], 10, "positive semidefinite, got an eigenvalue of -1"),
        ([[1.0, 0.0], [0.0, 0.0]], 10, "feature 1 has zero variance"),
        (np.eye(2), 1, "n_samples must be >= 2, got 1"),
    ],
)
def test_bad_covariances_are_refused(cov, n, message):
    with pytest.raises(ValueError, match=message):
        CoLiDE().fit_cov(cov, n)
    with pytest.raises(ValueError, match="feature_names must have length 2, got 1"):
        CoLiDE().fit_cov(np.eye(2), 10, feature_names=["a"])


def test_bad_interventions_are_refused():
    model = CoLiDE(**QUICK).fit(X4)
    with pytest.raises(ValueError, match="There is no feature 9"):
        model.intervene({9: 1.0})
    with pytest.raises(ValueError, match="The value of feature 1 must be finite, got nan"):
        model.intervene({1: np.nan})
    with pytest.raises(ValueError, match="n_samples must be an integer >= 1, got 0"):
        model.sample(0)
    with pytest.raises(NotFittedError):
        CoLiDE().sample(3)


@parametrize_with_checks([CoLiDE(**QUICK, warn_varsortability=False)])
def test_estimator_follows_scikit_learn(estimator, check):
    check(estimator)

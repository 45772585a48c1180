# SPDX-License-Identifier: BSD-3-Clause
"""Distances between graphs, and simulated structural equations."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taut import _core
from taut.datasets import load_sachs, make_linear_sem
from taut.graph import cpdag, is_dag, topological_order
from taut.metrics import graph_metrics, varsortability

REFERENCES = Path(__file__).parent / "references" / "graph"
CASES = json.loads((REFERENCES / "gadjid.json").read_text())


def random_dag(rng, d, share=0.4):
    place = rng.permutation(d)
    return np.triu(rng.random((d, d)) < share, 1)[np.ix_(place, place)].astype(float)


# --- distances ---


def test_three_nodes_by_hand():
    truth = np.array([[0, 1, 1], [0, 0, 1], [0, 0, 0]])
    turned = np.array([[0, 0, 1], [1, 0, 1], [0, 0, 0]])
    assert graph_metrics(truth, turned) == {
        "shd": 1,
        "tpr": 2 / 3,
        "fdr": 1 / 3,
        "fpr": 0.0,
        "n_edges": 3,
        "shd_cpdag": 0,
        "sid": 4,
    }


@pytest.mark.parametrize("number", range(len(CASES)))
def test_distances_are_those_of_gadjid(number):
    case = CASES[number]
    found = graph_metrics(case["truth"], case["estimate"])
    assert (found["shd"], found["sid"]) == (case["shd"], case["sid"])
    if "cpdag" in case:
        np.testing.assert_array_equal(cpdag(case["truth"]), np.array(case["cpdag"], dtype=bool))


def test_there_are_references_of_every_kind():
    assert sum("cpdag" in case for case in CASES) >= 10
    assert {len(case["truth"]) for case in CASES} >= {2, 3, 10, 20}


@given(st.integers(0, 10**6), st.integers(2, 12))
def test_a_graph_is_at_no_distance_from_itself(seed, d):
    A = random_dag(np.random.default_rng(seed), d)
    found = graph_metrics(A, A * -3.0)
    assert (found["shd"], found["sid"], found["shd_cpdag"], found["fdr"]) == (0, 0, 0, 0.0)
    assert found["tpr"] == 1.0


@given(st.integers(0, 10**6), st.integers(2, 12))
def test_counts_fit_together(seed, d):
    rng = np.random.default_rng(seed)
    A, B = random_dag(rng, d), random_dag(rng, d)
    found, back = graph_metrics(A, B), graph_metrics(B, A)
    assert found["shd"] == back["shd"]
    assert found["shd_cpdag"] == back["shd_cpdag"] <= d * (d - 1) // 2
    assert 0 <= found["sid"] <= d * (d - 1)
    wrong = round(found["fdr"] * found["n_edges"])
    assert found["n_edges"] - wrong == round(found["tpr"] * A.sum())


def test_threads_do_not_change_the_distance():
    rng = np.random.default_rng(3)
    A, B = random_dag(rng, 40, 0.1), random_dag(rng, 40, 0.1)
    assert graph_metrics(A, B) == graph_metrics(A, B, n_jobs=2)


def test_the_empty_graph_has_no_edges_to_be_wrong():
    found = graph_metrics(np.zeros((3, 3)), np.zeros((3, 3)), sid=False)
    assert (found["tpr"], found["fdr"], found["fpr"], found["sid"]) == (1.0, 0.0, 0.0, None)


@pytest.mark.parametrize(
    ("truth", "estimate", "message"),
    [
        ([[0, 1], [1, 0]], [[0, 1], [0, 0]], "A_true must be the matrix of a graph without cycles"),
        ([[0, 1], [0, 0]], [[1, 0], [0, 0]], "A_est must be the matrix of a graph without cycles"),
        ([[0, 1]], [[0, 1], [0, 0]], r"A_true must be a square matrix, got shape \(1, 2\)"),
        (np.zeros((2, 2)), np.zeros((3, 3)), r"one shape, got \(2, 2\) and \(3, 3\)"),
        ([[0, np.nan], [0, 0]], np.zeros((2, 2)), "A_true contains NaN"),
    ],
)
def test_bad_graphs_are_refused(truth, estimate, message):
    with pytest.raises(ValueError, match=message):
        graph_metrics(truth, estimate)


# --- order and cycles ---


@given(st.integers(0, 10**6), st.integers(1, 15))
def test_order_puts_sources_before_targets(seed, d):
    A = random_dag(np.random.default_rng(seed), d)
    place = np.argsort(topological_order(A))
    assert all(place[i] < place[j] for i, j in np.argwhere(A))
    assert is_dag(A)


def test_a_cycle_has_no_order():
    ring = np.roll(np.eye(5), 1, axis=1)
    assert not is_dag(ring)
    with pytest.raises(ValueError, match="A has a cycle"):
        topological_order(ring)


@given(st.integers(0, 10**6), st.integers(2, 10), st.sampled_from([0.0, 0.3, 1.0]))
def test_pruning_takes_the_fewest_of_the_smallest(seed, d, threshold):
    W = np.random.default_rng(seed).normal(size=(d, d))
    pruned = _core.graph_prune(np.asfortranarray(W), threshold)
    edges = pruned["edges"].astype(bool)
    above = np.abs(W) > threshold
    np.fill_diagonal(above, False)
    assert is_dag(edges)
    assert not (edges & ~above).any()
    assert pruned["n_above"] == above.sum()
    assert pruned["n_removed"] == above.sum() - edges.sum()
    if pruned["n_removed"]:
        # Every removed edge is smaller than every one kept, and with one fewer there is a cycle.
        removed = np.abs(W[above & ~edges])
        assert removed.max() < np.abs(W[edges]).min(initial=np.inf)
        last = above & ~edges & (np.abs(W) == removed.max())
        assert not is_dag(edges | last)


def test_markov_equivalent_chains_have_one_completed_graph():
    chain = np.diag([1.0, 1.0], 1)
    np.testing.assert_array_equal(cpdag(chain), cpdag(chain.T))
    collider = np.array([[0, 1, 0], [0, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(cpdag(collider), collider.astype(bool))


# --- varsortability ---


def test_varsortability_counts_paths():
    chain = np.diag([1.0, 1.0], 1)
    assert varsortability([1.0, 2.0, 3.0], chain) == 1.0
    assert varsortability([3.0, 2.0, 1.0], chain) == 0.0
    assert varsortability([1.0, 1.0, 1.0], chain) == 0.5
    assert np.isnan(varsortability([1.0, 2.0], np.zeros((2, 2))))
    with pytest.raises(ValueError, match=r"variances must have shape \(3,\)"):
        varsortability([1.0, 2.0], chain)


# --- simulated data ---


@pytest.mark.parametrize("graph", ["er", "sf"])
@pytest.mark.parametrize("noise", ["normal", "laplace", "exponential", "gumbel"])
def test_simulated_data_follow_their_equations(graph, noise):
    X, W, scale = make_linear_sem(
        40_000, 12, graph=graph, degree=2, noise=noise, variance=(0.5, 10.0), random_state=1
    )
    assert is_dag(W)
    rest = X @ (np.eye(12) - W)
    np.testing.assert_allclose(rest.std(axis=0), scale, rtol=0.03)
    correlation = np.corrcoef(rest.T) - np.eye(12)
    assert np.abs(correlation).max() < 0.03
    size = np.abs(W[W != 0])
    assert size.min() >= 0.5
    assert size.max() <= 2.0


def test_expected_number_of_edges():
    counts = [np.count_nonzero(make_linear_sem(1, 50, random_state=seed)[1]) for seed in range(20)]
    assert abs(np.mean(counts) - 200) < 4 * np.sqrt(200 / 20)
    scale_free = make_linear_sem(1, 50, graph="sf", degree=3, random_state=0)[1] != 0
    # 3 edges for each of 50 nodes but the first ones, which have fewer nodes before them.
    assert scale_free.sum() == 3 * 50 - (3 + 2 + 1)
    assert scale_free.sum(axis=1).max() == 3


def test_column_order_says_nothing():
    # Along a random order each direction is as likely.
    up = [np.triu(make_linear_sem(1, 30, random_state=seed)[1] != 0).sum() for seed in range(20)]
    down = [np.tril(make_linear_sem(1, 30, random_state=seed)[1] != 0).sum() for seed in range(20)]
    assert abs(np.sum(up) / (np.sum(up) + np.sum(down)) - 0.5) < 0.1


def test_a_seed_draws_the_same_data():
    one, two = (make_linear_sem(20, 5, random_state=4) for _ in range(2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_nodes": 1}, "n_nodes must be >= 2, got 1"),
        ({"n_samples": 0}, "n_samples must be >= 1, got 0"),
        ({"degree": 0}, "degree must be >= 1, got 0"),
        ({"graph": "tree"}, "graph must be 'er' or 'sf', got 'tree'"),
        ({"noise": "cauchy"}, "noise must be one of"),
        ({"variance": (2.0, 1.0)}, "variance must satisfy 0 < low <= high"),
        ({"weights": (0.0, 1.0)}, "weights must satisfy 0 < low <= high"),
    ],
)
def test_bad_simulations_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make_linear_sem(**options)


# --- Sachs ---


def test_sachs_is_read_with_its_graph():
    sachs = load_sachs(REFERENCES / "sachs.csv.gz")
    assert sachs.data.shape == (853, 11)
    assert sachs.adjacency.sum() == 17
    assert is_dag(sachs.adjacency)
    names = list(sachs.feature_names)
    assert sachs.adjacency[names.index("PKC"), names.index("PKA")] == 1


def test_another_table_is_not_sachs(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="must have the columns"):
        load_sachs(path)
    text = gzip.decompress((REFERENCES / "sachs.csv.gz").read_bytes()).decode("ascii")
    path.write_text("\n".join(text.splitlines()[:100]))
    with pytest.raises(ValueError, match="at least 853 rows, got 99"):
        load_sachs(path)

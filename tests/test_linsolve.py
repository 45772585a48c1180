# SPDX-License-Identifier: BSD-3-Clause
"""Relaxation and conjugate gradients against textbook forms, pyamg, SciPy and closed forms."""

from __future__ import annotations

import doctest
import importlib
import json
import signal
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from hypothesis import given
from hypothesis import strategies as st
from linsolve_reference import (
    GRID_OMEGAS,
    experiment,
    laplacian,
    pcg_iterates,
    random_spd,
    sor_count,
    sor_iterates,
    sor_matrix,
    ssor_solve,
)

from taut.exceptions import ConvergenceWarning
from taut.linsolve import (
    HeatEquation,
    RelaxationSolver,
    cg,
    count_iterations,
    jacobi_radius,
    omega_opt,
    solve,
    sor,
    sor_radius,
    ssor_cg,
    ssor_cg_bound,
    ssor_preconditioner,
)

PYAMG = json.loads((Path(__file__).parent / "references/linsolve/pyamg.json").read_text())
MODULES = ("_bandits", "_heat", "_solve", "_solver", "_theory")


def sweeps(A, b, omega, x0, count, **options):
    """x after exactly `count` iterations."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return sor(A, b, omega, x0=x0, tol=1e-15, max_iter=count, **options).x


def counts_of(result, A, b):
    """Checks a converged result and returns its iterations."""
    assert result.converged
    assert result.ending == "converged"
    assert result.residual_norm == pytest.approx(np.linalg.norm(b - A @ result.x), rel=1e-3)
    return result.n_iter


# --- the methods are what they are called ---


@pytest.mark.parametrize("case", PYAMG, ids=lambda case: case["name"])
def test_sweeps_are_those_of_pyamg(case):
    A, b, x0 = (np.array(case[key]) for key in ("A", "b", "x0"))
    for key, omega, symmetric in (
        ("gauss_seidel", 1.0, False),
        ("symmetric", 1.0, True),
        ("sor 1.4", 1.4, False),
    ):
        x = sweeps(A, b, omega, x0, 4, symmetric=symmetric)
        np.testing.assert_allclose(x, case[key], rtol=0, atol=2e-14 * np.abs(case[key]).max())


@given(seed=st.integers(0, 10**6), n=st.integers(1, 40), omega=st.floats(0.05, 1.95))
def test_sweeps_are_the_dense_recurrence(seed, n, omega):
    rng = np.random.default_rng(seed)
    A, b, x0 = random_spd(rng, n, 0.2), rng.normal(size=n), rng.normal(size=n)
    for symmetric in (False, True):
        exact = sor_iterates(A, b, omega, x0, 3, backward=symmetric)[-1]
        x = sweeps(sp.csr_array(A), b, omega, x0, 3, symmetric=symmetric)
        np.testing.assert_allclose(x, exact, rtol=0, atol=1e-11 * np.abs(exact).max())
        # Values that are symmetric up to rounding take another route through the triangles.
        nearly = A * (1 + 1e-14 * rng.random((n, n)))
        x = sweeps(sp.csr_array(nearly), b, omega, x0, 3, symmetric=symmetric)
        np.testing.assert_allclose(x, exact, rtol=0, atol=1e-11 * np.abs(exact).max())


@given(seed=st.integers(0, 10**6), n=st.integers(2, 30))
def test_unsymmetric_patterns_are_swept_as_they_are(seed, n):
    rng = np.random.default_rng(seed)
    A = sp.random_array((n, n), density=0.3, rng=rng).toarray() + np.diag(np.full(n, 4.0 * n))
    A[0, n - 1], A[n - 1, 0] = 1.0, 0.0
    b, x0 = rng.normal(size=n), np.zeros(n)
    with pytest.warns(UserWarning, match="not symmetric"):
        result = sor(sp.csr_array(A), b, 1.2)
    np.testing.assert_allclose(A @ result.x, b, atol=1e-7 * np.linalg.norm(b))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x = sweeps(sp.csr_array(A), b, 1.2, x0, 2)
        y = sweeps(sp.csr_array(A), b, 1.2, x0, 2, symmetric=True)
        z = sweeps(sp.csr_array(A), b, 1.2, x0, 200, ordering="multicolor")
    np.testing.assert_allclose(x, sor_iterates(A, b, 1.2, x0, 2)[-1], rtol=1e-12)
    np.testing.assert_allclose(y, sor_iterates(A, b, 1.2, x0, 2, backward=True)[-1], rtol=1e-12)
    np.testing.assert_allclose(A @ z, b, atol=1e-10 * np.linalg.norm(b))


@pytest.mark.parametrize("shape", [(7, 9), (8, 8), (60, 50), (5, 6, 7), (2, 2), (3, 2, 4)])
@pytest.mark.parametrize("omega", [0.7, 1.0, 1.6])
def test_red_black_order_is_the_dense_recurrence_with_and_without_the_stencil(shape, omega):
    A = laplacian(*shape) + 0.1 * sp.eye_array(int(np.prod(shape)))
    n = A.shape[0]
    rng = np.random.default_rng(n)
    b, x0 = rng.normal(size=n), rng.normal(size=n)
    odd = np.indices(shape).sum(axis=0).ravel() % 2
    order = np.argsort(odd, kind="stable")
    x = sweeps(A, b, omega, x0, 4, ordering="multicolor")
    exact = np.empty(n)
    permuted = A.tocsr()[order][:, order].toarray()
    exact[order] = sor_iterates(permuted, b[order], omega, x0[order], 4)[-1]
    np.testing.assert_allclose(x, exact, rtol=0, atol=1e-12)
    # One coefficient in the last bits: no stencil any more, and the same numbers.
    A.data[-1] *= 1 + 1e-13
    np.testing.assert_allclose(sweeps(A, b, omega, x0, 4, ordering="multicolor"), x, atol=1e-11)


def test_stencils_may_have_different_couplings():
    line, one = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(9, 9)), sp.eye_array(9)
    A = (3.0 * sp.kron(line, one) + 0.5 * sp.kron(one, line)).tocsr()
    b = np.random.default_rng(0).normal(size=81)
    result = sor(A, b, 1.5, ordering="multicolor")
    counts_of(result, A, b)
    A.data[0] *= 1 + 1e-13
    assert result.n_iter == sor(A, b, 1.5, ordering="multicolor").n_iter


def test_graphs_with_odd_cycles_are_coloured_greedily():
    rng = np.random.default_rng(1)
    A = random_spd(rng, 60, 0.1)
    b = rng.normal(size=60)
    result = sor(A, b, 1.1, ordering="multicolor", tol=1e-12)
    np.testing.assert_allclose(result.x, np.linalg.solve(A, b), rtol=1e-6)
    np.testing.assert_allclose(
        sor(A, b, 1.1, ordering="multicolor", symmetric=True, tol=1e-12).x,
        np.linalg.solve(A, b),
        rtol=1e-6,
    )


def test_preconditioned_iterates_are_those_of_the_plain_form():
    A = laplacian(20, 20)
    b = np.random.default_rng(0).normal(size=400)
    dense = A.toarray()
    plain = pcg_iterates(dense, b, np.zeros(400), ssor_solve(dense, 1.5), 1e-8 * np.linalg.norm(b))
    result = ssor_cg(A, b, 1.5)
    assert counts_of(result, A, b) == len(plain) == 19
    np.testing.assert_allclose(result.x, plain[-1], rtol=0, atol=1e-13 * np.abs(plain[-1]).max())
    with pytest.warns(ConvergenceWarning):
        x = ssor_cg(A, b, 1.5, max_iter=7).x
    np.testing.assert_allclose(x, plain[6], rtol=0, atol=1e-13 * np.abs(x).max())


@given(seed=st.integers(0, 10**6), n=st.integers(1, 40), omega=st.floats(0.3, 1.9))
def test_preconditioned_counts_are_those_of_the_plain_form(seed, n, omega):
    rng = np.random.default_rng(seed)
    A, b, x0 = random_spd(rng, n, 0.2), rng.normal(size=n), rng.normal(size=n)
    for reference, scale in (("b", np.linalg.norm(b)), ("r0", np.linalg.norm(b - A @ x0))):
        plain = pcg_iterates(A, b, x0, ssor_solve(A, omega), 1e-6 * scale)
        result = ssor_cg(sp.csr_array(A), b, omega, x0=x0, tol=1e-6, norm_ref=reference)
        assert abs(counts_of(result, A, b) - len(plain)) <= 1  # rounding, where the matrix is bad
        assert result.residual_norm <= 1e-6 * scale


def test_spec_counts_by_ordering():
    """Natural order gains from omega what colours lose."""
    A = laplacian(64, 64)
    b = np.random.default_rng(0).normal(size=4096)
    natural = [ssor_cg(A, b, w).n_iter for w in (1.0, 1.3, 1.5, 1.7, 1.9)]
    colours = [ssor_cg(A, b, w, ordering="multicolor").n_iter for w in (1.0, 1.3, 1.5, 1.7, 1.9)]
    assert natural == sorted(natural, reverse=True)
    assert colours == sorted(colours)
    assert natural[-1] < natural[0] / 2 < colours[0]


@pytest.mark.parametrize("M", [None, "diagonal", "ssor"])
def test_cg_counts_are_those_of_scipy(M):
    A = laplacian(15, 15) + sp.diags_array(np.linspace(0.0, 3.0, 225))
    b = np.random.default_rng(2).normal(size=225)
    inverse = {
        None: None,
        "diagonal": sp.diags_array(1.0 / A.diagonal()),
        "ssor": ssor_preconditioner(A, 1.3),
    }[M]
    steps = []
    x, info = spla.cg(A, b, rtol=1e-8, M=inverse, callback=lambda _: steps.append(1))
    assert info == 0
    result = cg(A, b, M=inverse)
    assert counts_of(result, A, b) == len(steps)
    np.testing.assert_allclose(result.x, x, atol=1e-8)
    operator = cg(spla.aslinearoperator(A), b, M=inverse)
    assert operator.n_iter == len(steps)
    if M == "ssor":
        assert len(steps) == ssor_cg(A, b, 1.3).n_iter


def test_preconditioner_is_the_one_of_the_textbook():
    rng = np.random.default_rng(4)
    A = random_spd(rng, 30, 0.2)
    v = rng.normal(size=30)
    np.testing.assert_allclose(
        ssor_preconditioner(A, 1.2) @ v, ssor_solve(A, 1.2)(v), rtol=1e-10, atol=1e-14
    )


# --- counts of the paper's experiment ---

FIRST = {  # on the grid of 20 parameters
    "high": "229 205 182 161 140 116 103 100 92 82 72 60 46 47 55 66 86 117 177 360",
    "low": "247 223 201 181 162 145 129 113 99 85 72 57 41 46 55 67 86 117 179 365",
}
SHIFTS = {"high": [-0.04285977, -0.0093854, 0.04579539], "low": [-0.02993111, -0.08870607]}
MEANS = {
    "high": ([616.50, 408.85, 258.97, 152.44, 103.98], 103.98, 1.80, 58.68, 56.43),
    "low": ([266.88, 175.66, 108.43, 62.22, 85.97], 58.50, 1.65, 42.97, 41.53),
}


@pytest.mark.parametrize("kind", ["high", "low"])
def test_counts_of_the_first_instance_are_those_of_the_experiment(kind):
    shifts, B = experiment(kind)
    np.testing.assert_allclose(shifts[: len(SHIFTS[kind])], SHIFTS[kind], atol=5e-9)
    A = laplacian(10, 10)
    batch = count_iterations(A, B[:3], shifts=shifts[:3], omegas=GRID_OMEGAS)
    first = [int(count) for count in FIRST[kind].split()]
    assert batch[0].tolist() == first
    shifted = A + shifts[0] * sp.eye_array(100)
    assert [sor(shifted, B[0], w).n_iter for w in GRID_OMEGAS] == first
    assert [sor_count(shifted.toarray(), B[0], w) for w in GRID_OMEGAS[::5]] == first[::5]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_batch_counts_are_those_of_single_solves(n_jobs):
    rng = np.random.default_rng(0)
    A = sp.csr_array(random_spd(rng, 37, 0.15))
    shifts, B, omegas = rng.random(11), rng.normal(size=(11, 37)), [0.6, 1.0, 1.3, 1.7]
    batch = count_iterations(A, B, shifts=shifts, omegas=omegas, n_jobs=n_jobs)
    single = [
        [sor(A + c * sp.eye_array(37), b, w).n_iter for w in omegas]
        for c, b in zip(shifts, B, strict=True)
    ]
    assert batch.tolist() == single


def test_batch_marks_what_does_not_converge():
    A = laplacian(10, 10)
    B = np.ones((3, 100))
    B[2] = 0.0
    batch = count_iterations(A, B, shifts=[-0.2, 0.1, 0.1], omegas=[1.2, 1.6], max_iter=500)
    assert batch[0].tolist() == [500, 500]  # indefinite: the least eigenvalue is 0.162
    assert batch[1].max() < 200
    assert batch[2].tolist() == [0, 0]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["high", "low"])
def test_mean_counts_are_those_of_the_experiment(kind):
    shifts, B = experiment(kind)
    A = laplacian(10, 10)
    fixed, best, omega, instance, formula = MEANS[kind]
    table = count_iterations(A, B, shifts=shifts, omegas=GRID_OMEGAS, n_jobs=2)
    means = count_iterations(A, B, shifts=shifts, omegas=[1.0, 1.2, 1.4, 1.6, 1.8], n_jobs=2)
    np.testing.assert_allclose(means.mean(axis=0), fixed, rtol=0, atol=0.005)
    assert table.mean(axis=0).min() == pytest.approx(best, abs=0.005)
    assert GRID_OMEGAS[table.mean(axis=0).argmin()] == pytest.approx(omega)
    assert table.min(axis=1).mean() == pytest.approx(instance, abs=0.005)
    beta = 4.0 * np.cos(np.pi / 11) / (4.0 + shifts)
    young = 1.0 + (beta / (1.0 + np.sqrt(1.0 - beta**2))) ** 2
    own = [
        count_iterations(A, B[t : t + 1], shifts=shifts[t : t + 1], omegas=young[t : t + 1])[0, 0]
        for t in range(5000)
    ]
    assert np.mean(own) == pytest.approx(formula, abs=0.005)


# --- the heat equation ---

HEAT = {  # iterations of omega = 1, 1.3, 1.5, 1.75, 1.95 and of CG; final mean and maximum
    25: ([32800, 29802, 32296, 44898, 63050, 85422], 0.026937042, 0.28156863),
    50: ([60725, 49743, 43952, 50776, 89195, 164441], 0.025906363, 0.28523690),
    100: ([117568, 90518, 77269, 63834, 112686, 325008], 0.025394060, 0.28482182),
}


def heat_counts(nx, steps, omegas):
    """Totals over steps, in the backward-forward order of the authors, and the final state.

    On a grid that order is the forward-backward one with all unknowns reversed. Starts are the
    steps before, solved to 1e-12.
    """
    heat = HeatEquation(nx)
    options = dict(policy="fixed", norm_ref="b")
    solvers = [RelaxationSolver("ssor_cg", omegas=w, **options) for w in omegas]
    plain, exact = (
        RelaxationSolver("cg", **options),
        RelaxationSolver("ssor_cg", tol=1e-12, **options),
    )
    for _ in range(steps):
        A, b = heat.system()
        for solver in solvers:
            solver.solve(A, b[::-1], x0=heat.u[::-1])
        plain.solve(A, b, x0=heat.u)
        heat.advance(exact.solve(A, b, x0=heat.u).x)
    return [int(s.costs_.sum()) for s in (*solvers, plain)], heat


def test_heat_counts_are_those_of_a_plain_implementation():
    counts, heat = heat_counts(12, 20, [1.0, 1.7])
    assert heat.t == pytest.approx(0.02)
    again = HeatEquation(12)
    totals = np.zeros(3, dtype=int)
    for _ in range(20):
        A, b = again.system()
        dense, target = A.toarray(), 1e-8 * np.linalg.norm(b)
        backward = dense[::-1, ::-1]
        for k, w in enumerate((1.0, 1.7)):
            run = pcg_iterates(backward, b[::-1], again.u[::-1], ssor_solve(backward, w), target)
            totals[k] += max(len(run), 1)
        totals[2] += max(len(pcg_iterates(dense, b, again.u, lambda v: v, target)), 1)
        again.advance(np.linalg.solve(dense, b))
    assert counts == totals.tolist()
    np.testing.assert_allclose(heat.u, again.u, atol=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("nx", [25, 50, 100])
def test_heat_totals_are_those_of_the_experiment(nx):
    counts, mean, largest = HEAT[nx]
    found, heat = heat_counts(nx, 5000, [1.0, 1.3, 1.5, 1.75, 1.95])
    assert found == counts
    assert heat.u.mean() == pytest.approx(mean, abs=6e-10)
    assert heat.u.max() == pytest.approx(largest, abs=6e-8)


def test_heat_equation_decays_as_its_slowest_mode_does():
    heat = HeatEquation(16, dt=1e-4)
    heat.t = 0.75  # kappa = 10
    heat.u = np.outer(*[np.sin(np.pi * np.arange(1, 16) / 16)] * 2).ravel()
    eigenvalue = 4 * 16**2 * (1 - np.cos(np.pi / 16))
    A, b = heat.system()
    b = b - 1e-4 * (b - (2 * sp.eye_array(225) - A) @ heat.u) / 1e-4  # without the source
    ratio = (1 - 5e-4 * eigenvalue) / (1 + 5e-4 * eigenvalue)
    np.testing.assert_allclose(ssor_cg(A, b, tol=1e-13).x, ratio * heat.u, atol=1e-8)
    assert heat.context == pytest.approx(10.0)
    assert heat.grid().shape == (17, 17)
    assert HeatEquation.diffusivity(np.array([0.25, 0.75])).tolist() == pytest.approx([0.1, 10.0])


# --- theory ---


def test_radius_of_the_iteration_is_that_of_the_formula():
    A = laplacian(10, 10).toarray()
    beta = np.cos(np.pi / 11)
    assert jacobi_radius(A) == pytest.approx(beta, abs=1e-12)
    assert round(beta, 5) == 0.95949
    best = omega_opt(A)
    assert round(best, 4) == 1.5604
    odd = np.indices((10, 10)).sum(axis=0).ravel() % 2
    order = np.argsort(odd, kind="stable")
    for omega in (1.0, 1.4, 1.7, 1.9):
        for B in (A, A[order][:, order]):
            C = np.eye(100) - B @ np.linalg.inv(sor_matrix(B, omega))
            radius = np.abs(np.linalg.eigvals(C)).max()
            assert sor_radius(omega, beta) == pytest.approx(radius, abs=1e-6)
    near = sor_radius(np.array([best - 0.01, best, best + 0.01]), beta)
    assert near[1] == near.min()
    assert sor_radius(best, beta) == pytest.approx(best - 1, abs=1e-7)


def test_lanczos_finds_the_radius_of_a_large_grid():
    assert jacobi_radius(laplacian(40, 30)) == pytest.approx(
        (np.cos(np.pi / 41) + np.cos(np.pi / 31)) / 2, abs=1e-6
    )


@pytest.mark.parametrize("omega", [0.9, 1.3, 1.6, 1.9])
def test_bound_holds_for_the_counts(omega):
    A = laplacian(12, 12)
    b = np.random.default_rng(0).normal(size=144)
    assert ssor_cg_bound(A, omega) >= ssor_cg(A, b, omega).n_iter


# --- the same for any number of threads ---


@pytest.mark.parametrize("ordering", ["natural", "multicolor"])
@pytest.mark.parametrize("shape", [(150, 150), (30, 30, 30)])
def test_same_bits_for_any_number_of_threads(ordering, shape):
    A = laplacian(*shape)
    n = A.shape[0]
    A.setdiag(A.diagonal() + np.linspace(0.01, 1.0, n))  # no stencil
    b = np.random.default_rng(0).normal(size=n)
    for call in (
        lambda threads: sor(A, b, 1.6, ordering=ordering, n_jobs=threads, tol=1e-4),
        lambda threads: sor(A, b, 1.6, ordering=ordering, n_jobs=threads, tol=1e-4, symmetric=True),
        lambda threads: ssor_cg(A, b, 1.6, ordering=ordering, n_jobs=threads),
        lambda threads: cg(A, b, n_jobs=threads, tol=1e-4),
        lambda threads: sor(
            laplacian(*shape) + 0.1 * sp.eye_array(n),
            b,
            ordering=ordering,
            n_jobs=threads,
            tol=1e-4,
        ),
    ):
        one, two = call(1), call(2)
        assert one.n_iter == two.n_iter
        assert one.x.tobytes() == two.x.tobytes()
        assert one.residual_norm == two.residual_norm


def test_same_bits_for_levels_that_are_shared_by_threads():
    """Thousands of chains of four rows: four levels, wide enough for a region each."""
    chain = sp.diags_array([-1.0, 2.1, -1.0], offsets=[-1, 0, 1], shape=(4, 4))
    A = sp.csr_array(sp.kron(sp.eye_array(5000), chain))
    b = np.random.default_rng(0).normal(size=20000)
    for call in (
        lambda threads: sor(A, b, 1.3, n_jobs=threads),
        lambda threads: sor(A, b, 1.3, n_jobs=threads, symmetric=True),
        lambda threads: ssor_cg(A, b, 1.3, n_jobs=threads),
    ):
        one, two = call(1), call(2)
        assert (one.n_iter, one.x.tobytes()) == (two.n_iter, two.x.tobytes())
        np.testing.assert_allclose(A @ one.x, b, atol=1e-6)


# --- what may come in ---


FORMATS = (
    "csr_matrix csr_array csc_matrix csc_array coo_array lil_matrix dok_array bsr_array dia_array"
)
CONVERSIONS = [
    *(getattr(sp, name) for name in FORMATS.split()),
    lambda A: A.toarray(),
    lambda A: A.toarray().tolist(),
    lambda A: A.astype(np.float32),
    lambda A: A.astype(np.int64),
    "int64",
    "unsorted",
    "doubled",
]


@pytest.mark.parametrize("convert", CONVERSIONS)
def test_any_matrix_gives_the_same_solution(convert):
    A = laplacian(6, 7)
    b = np.random.default_rng(0).normal(size=42)
    expected = ssor_cg(A, b, 1.3).x
    if convert == "int64":
        given_matrix = A.copy()
        given_matrix.indices = A.indices.astype(np.int64)
        given_matrix.indptr = A.indptr.astype(np.int64)
    elif convert == "unsorted":
        coo = A.tocoo()
        given_matrix = sp.csr_array(
            (A.data[::-1], (coo.coords[0][::-1], coo.coords[1][::-1])), A.shape
        )
        given_matrix.has_sorted_indices = False
    elif convert == "doubled":
        coo = A.tocoo()
        twice = [np.concatenate([c, c]) for c in coo.coords]
        given_matrix = sp.coo_array((np.concatenate([A.data, A.data]) / 2, tuple(twice)), A.shape)
    else:
        given_matrix = convert(A)
    before = sp.csr_array(given_matrix).toarray()
    np.testing.assert_array_equal(ssor_cg(given_matrix, b, 1.3).x, expected)
    np.testing.assert_array_equal(ssor_cg(given_matrix, b[:, None], 1.3).x, expected)
    np.testing.assert_array_equal(sp.csr_array(given_matrix).toarray(), before)


def test_unsorted_rows_with_repetitions_are_summed():
    indices = np.array([1, 0, 0, 1, 0], dtype=np.int32)
    A = sp.csr_array(
        (np.array([1.0, 2.0, 2.0, 3.0, 1.0]), indices, np.array([0, 3, 5])), shape=(2, 2)
    )
    x = sor(A, [1.0, 2.0], 1.0, tol=1e-12).x
    np.testing.assert_allclose(x, np.linalg.solve([[4.0, 1.0], [1.0, 3.0]], [1.0, 2.0]), rtol=1e-10)
    assert A.indices.tolist() == [1, 0, 0, 1, 0]


@pytest.mark.parametrize("n", [1, 2])
def test_tiny_systems(n):
    A = 2.0 * np.eye(n) + 0.5 * (np.ones((n, n)) - np.eye(n))
    b = np.arange(1.0, n + 1)
    for result in (sor(A, b, 1.0), sor(A, b, 1.0, symmetric=True), ssor_cg(A, b), cg(A, b)):
        np.testing.assert_allclose(result.x, np.linalg.solve(A, b), rtol=1e-6)
    assert sor(np.eye(3), [1.0, 2.0, 3.0], 1.0).n_iter == 1


def test_nothing_to_do_takes_no_iteration():
    A = laplacian(5, 5)
    x = np.random.default_rng(0).normal(size=25)
    assert ssor_cg(A, A @ x, x0=x).n_iter == 0
    assert sor(A, np.zeros(25)).n_iter == 0
    assert cg(A, np.zeros(25), x0=x).x.tolist() == [0.0] * 25
    for x0 in (None, x):
        result = ssor_cg(A, np.zeros(25), x0=x0)
        assert (result.n_iter, result.converged, result.x.any()) == (0, True, False)


UNITS = [
    (scale, matrix_scale)
    for scale in (1e-300, 1e-160, 1.0, 1e160, 1e300)
    for matrix_scale in (1e-140, 1.0, 1e140)
    if 1e-300 <= scale / matrix_scale <= 1e300  # the size of the solution
]


@pytest.mark.parametrize(("scale", "matrix_scale"), UNITS)
def test_counts_do_not_depend_on_units(scale, matrix_scale):
    A = laplacian(6, 6)
    A.setdiag(4.5)
    b = np.random.default_rng(0).normal(size=36)
    for call in (
        lambda A, b: sor(A, b, 1.2),
        lambda A, b: sor(A, b, 1.2, ordering="multicolor"),
        lambda A, b: sor(A, b, 1.2, ordering="multicolor", symmetric=True),
        lambda A, b: ssor_cg(A, b, 1.2),
        lambda A, b: ssor_cg(A, b, 1.2, norm_ref="r0"),
        lambda A, b: cg(A, b),
    ):
        plain, scaled = call(A, b), call(matrix_scale * A, scale * b)
        assert scaled.converged
        assert scaled.n_iter == plain.n_iter
        np.testing.assert_allclose(scaled.x * matrix_scale / scale, plain.x, rtol=1e-6)
        ratio = scaled.residual_norm / scale
        assert ratio == pytest.approx(plain.residual_norm, rel=1e-2)


# --- systems that cannot be solved ---


def failing(A, b, call):
    """The call warns, and reports the residual of the x it hands back."""
    with pytest.warns(ConvergenceWarning):
        result = call(A, b)
    assert not result.converged
    assert np.isfinite(result.x).all()
    true = np.linalg.norm(b - A @ result.x)
    rounding = 1e-15 * np.linalg.norm(abs(A) @ np.abs(result.x))
    assert result.residual_norm == pytest.approx(true, rel=1e-6, abs=rounding)
    return result


CALLS = {
    "sor": lambda A, b: sor(A, b, 1.5, max_iter=3000),
    "ssor": lambda A, b: sor(A, b, 1.5, max_iter=3000, symmetric=True),
    "multicolor": lambda A, b: sor(A, b, 1.5, max_iter=3000, ordering="multicolor"),
    "ssor_cg": lambda A, b: ssor_cg(A, b, 1.5, max_iter=3000),
    "cg": lambda A, b: cg(A, b, max_iter=3000),
    "operator": lambda A, b: cg(spla.aslinearoperator(A), b, max_iter=3000),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("stencil", [True, False])
def test_indefinite_system_ends_with_a_warning_and_the_true_residual(name, stencil):
    A = laplacian(10, 10) - 1.0 * sp.eye_array(100)
    if not stencil:
        A.setdiag(A.diagonal() + np.linspace(0.0, 0.1, 100))
    b = np.random.default_rng(0).normal(size=100)
    failing(A, b, CALLS[name])


@pytest.mark.parametrize("name", CALLS)
def test_singular_system_ends_with_a_warning_and_the_true_residual(name):
    line = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(60, 60)).tolil()
    line[0, 0] = line[59, 59] = 1.0
    A = line.tocsr()  # constants are in its kernel
    result = failing(A, np.ones(60), CALLS[name])
    assert result.residual_norm >= 0.99 * np.sqrt(60)


@pytest.mark.parametrize("name", ["sor", "ssor", "multicolor", "ssor_cg", "cg"])
@pytest.mark.parametrize("size", [1e5, 1e80, 1e200])
def test_growth_beyond_the_range_of_numbers_ends_with_the_true_residual(name, size):
    n = 30
    A = sp.diags_array([size, 1.0, size], offsets=[-1, 0, 1], shape=(n, n)).tocsr()
    b = np.random.default_rng(0).normal(size=n)
    result = failing(A, b, CALLS[name])
    assert result.n_iter < 3000


def test_tolerance_beyond_rounding_ends_with_the_true_residual():
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.normal(size=(40, 40)))[0]
    A = (Q * np.logspace(0, 12, 40)) @ Q.T
    A = (A + A.T) / 2
    b = rng.normal(size=40)
    for call in (
        lambda A, b: ssor_cg(A, b, 1.0, tol=1e-15),
        lambda A, b: cg(A, b, tol=1e-15),
        lambda A, b: cg(spla.aslinearoperator(A), b, tol=1e-15),
        lambda A, b: sor(A, b, 1.0, tol=1e-15, max_iter=500),
    ):
        with pytest.warns(ConvergenceWarning):
            result = call(A, b)
        true = np.linalg.norm(b - A @ result.x)
        rounding = 1e-15 * np.linalg.norm(np.abs(A) @ np.abs(result.x))
        assert result.residual_norm == pytest.approx(true, abs=rounding)


def test_negative_shift_reaches_the_cap():
    A = laplacian(10, 10) - 0.17 * sp.eye_array(100)  # least eigenvalue 0.162
    b = np.random.default_rng(0).normal(size=100)
    with pytest.warns(ConvergenceWarning, match="max_iter was reached"):
        assert sor(A, b, 1.5, max_iter=200).n_iter == 200


def test_interrupt_ends_a_long_solve_at_once():
    A = laplacian(300, 300)
    b = np.random.default_rng(0).normal(size=90000)

    def stop(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, stop)
    try:
        for call in (
            lambda: sor(A, b, 1.0, tol=1e-14, max_iter=10**6),
            lambda: sor(A, b, 1.0, tol=1e-14, max_iter=10**6, ordering="multicolor"),
            lambda: count_iterations(
                laplacian(10, 10), np.ones((10**5, 100)), shifts=np.zeros(10**5), omegas=[1.0]
            ),
        ):
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            start = time.perf_counter()
            with pytest.raises(KeyboardInterrupt):
                call()
            assert time.perf_counter() - start < 10.0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


# --- bad input ---

GOOD = laplacian(3, 3)


def changed(i, j, value):
    A = GOOD.toarray()
    A[i, j] = value
    return A


@pytest.mark.parametrize("call", [sor, ssor_cg, cg], ids=["sor", "ssor_cg", "cg"])
@pytest.mark.parametrize(
    ("A", "message"),
    [
        (np.ones((2, 3)), r"A must be square, got shape \(2, 3\)"),
        (np.ones(3), "A must be a sparse matrix or a 2-d array"),
        ("matrix", "A must be a sparse matrix or a 2-d array"),
        (np.zeros((0, 0)), "A must have at least one row"),
        (GOOD.toarray() * 1j, "A must be real, got dtype complex128"),
        (changed(4, 4, 0.0), "not positive at row 4, where it is 0"),
        (changed(2, 2, -1.0), "not positive at row 2, where it is -1"),
        (changed(2, 2, np.nan), "not finite at row 2, where it is nan"),
        (changed(2, 2, np.inf), "not finite at row 2, where it is inf"),
        (changed(0, 1, np.nan), "NaN or infinity off the diagonal"),
        (changed(1, 0, np.inf), "NaN or infinity off the diagonal"),
    ],
)
def test_matrices_that_are_refused(call, A, message):
    with pytest.raises(ValueError, match=message):
        call(A, np.ones(9))


@pytest.mark.parametrize("call", [sor, ssor_cg, cg], ids=["sor", "ssor_cg", "cg"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"b": np.ones(8)}, r"b must have shape \(9,\), as A has rows, got shape \(8,\)"),
        ({"b": np.ones((9, 2))}, r"b must have shape \(9,\)"),
        ({"b": np.r_[np.ones(8), np.nan]}, "b must be finite, got nan at position 8"),
        ({"b": ["a"] * 9}, "b must hold real numbers"),
        ({"b": np.ones(9) * 1j}, "b must hold real numbers, got dtype complex128"),
        ({"x0": np.ones(4)}, r"x0 must have shape \(9,\)"),
        ({"x0": np.full(9, np.inf)}, "x0 must be finite, got inf at position 0"),
        ({"tol": 0.0}, "tol must be a number in the open interval"),
        ({"tol": 1.0}, "tol must be a number in the open interval"),
        ({"tol": "small"}, "tol must be a number in the open interval"),
        ({"max_iter": 0}, "max_iter must be an integer >= 1, got 0"),
        ({"max_iter": 2.5}, "max_iter must be an integer >= 1, got 2.5"),
        ({"norm_ref": "x"}, "norm_ref must be one of"),
        ({"n_jobs": 0}, "n_jobs must not be 0"),
    ],
)
def test_options_that_are_refused(call, options, message):
    arguments = {"b": np.ones(9), **options}
    with pytest.raises(ValueError, match=message):
        call(GOOD, **arguments)


@pytest.mark.parametrize("call", [sor, ssor_cg], ids=["sor", "ssor_cg"])
@pytest.mark.parametrize("omega", [0.0, 2.0, -0.5, 2.5, np.nan, "1", True])
def test_omega_outside_of_its_interval_is_refused(call, omega):
    with pytest.raises(ValueError, match=r"omega must be a number in the open interval \(0, 2\)"):
        call(GOOD, np.ones(9), omega)


def test_other_arguments_that_are_refused():
    with pytest.raises(ValueError, match="ordering must be one of"):
        sor(GOOD, np.ones(9), ordering="random")
    with pytest.raises(ValueError, match="A must be symmetric for ssor_cg"):
        ssor_cg(changed(0, 1, 0.5), np.ones(9))
    with pytest.raises(ValueError, match="A must be symmetric for cg"):
        cg(changed(0, 1, 0.0), np.ones(9))
    with pytest.raises(ValueError, match=r"M must have shape \(9, 9\)"):
        cg(GOOD, np.ones(9), M=np.eye(4))
    with pytest.raises(ValueError, match=r"A must be square, got shape \(9, 4\)"):
        cg(spla.aslinearoperator(np.ones((9, 4))), np.ones(9))
    with pytest.raises(ValueError, match="must have one row of 9 numbers for each of the 2 shifts"):
        count_iterations(GOOD, np.ones((3, 9)), shifts=[0.0, 1.0], omegas=[1.0])
    with pytest.raises(ValueError, match="must have a positive diagonal"):
        count_iterations(GOOD, np.ones((1, 9)), shifts=[-4.0], omegas=[1.0])
    with pytest.raises(ValueError, match="omegas must be a number"):
        count_iterations(GOOD, np.ones((1, 9)), shifts=[1.0], omegas=[2.0])
    with pytest.raises(ValueError, match="B and shifts must be finite"):
        count_iterations(GOOD, np.full((1, 9), np.nan), shifts=[1.0], omegas=[1.0])
    with pytest.raises(ValueError, match=r"max_iter must be below 2\*\*31"):
        count_iterations(GOOD, np.ones((1, 9)), shifts=[1.0], omegas=[1.0], max_iter=2**31)
    with pytest.raises(ValueError, match="spectral radius"):
        omega_opt(np.array([[1.0, 0.9, 0.9], [0.9, 1.0, 0.9], [0.9, 0.9, 1.0]]))
    with pytest.raises(ValueError, match="must be symmetric"):
        omega_opt(changed(0, 1, 0.5))
    with pytest.raises(ValueError, match="must be symmetric"):
        ssor_cg_bound(changed(0, 1, 0.5), 1.0)
    with pytest.raises(ValueError, match="positive definite"):
        ssor_cg_bound(GOOD - 3.0 * sp.eye_array(9), 1.0)
    with pytest.raises(ValueError, match="beta must be in"):
        sor_radius(1.0, 1.0)
    with pytest.raises(ValueError, match="omega must be in"):
        sor_radius([1.0, 2.0], 0.5)
    with pytest.raises(ValueError, match="nx must be at least 2"):
        HeatEquation(1)
    with pytest.raises(ValueError, match="dt must be a finite number > 0"):
        HeatEquation(4, dt=0.0)


# --- the function shaped like SciPy's ---


@pytest.mark.parametrize("method", ["ssor_cg", "cg", "sor", "ssor"])
def test_solve_stops_where_scipy_stops(method):
    A = laplacian(8, 8)
    b = np.random.default_rng(0).normal(size=64)
    x, info = solve(A, b, rtol=1e-6, method=method)
    assert info == 0
    assert np.linalg.norm(b - A @ x) <= 1e-6 * np.linalg.norm(b)
    seen = []
    again, info = solve(A, b, rtol=1e-6, method=method, callback=lambda v: seen.append(v.copy()))
    assert info == 0
    np.testing.assert_allclose(again, x, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(seen[-1], again)
    residuals = [np.linalg.norm(b - A @ v) for v in seen]
    assert min(residuals[:-1]) > 1e-6 * np.linalg.norm(b) >= residuals[-1]
    x, info = solve(A, b, x0=x, rtol=0.0, atol=1e-2, method=method)
    assert info == 0
    x, info = solve(A, b, rtol=1e-12, maxiter=3, method=method)
    assert info == 3
    x, info = solve(A, b, rtol=1e-12, maxiter=3, method=method, callback=lambda v: None)
    assert info == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert solve(A - 3.0 * sp.eye_array(64), b, method=method)[1] != 0


def test_solve_takes_operators_and_preconditioners():
    A = laplacian(8, 8)
    b = np.random.default_rng(0).normal(size=64)
    x, info = solve(spla.aslinearoperator(A), b, method="cg", M=sp.diags_array(1 / A.diagonal()))
    theirs, _ = spla.cg(A, b, M=sp.diags_array(1 / A.diagonal()))
    assert info == 0
    np.testing.assert_allclose(x, theirs, rtol=1e-10)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "gmres"}, ValueError, "method must be one of"),
        ({"rtol": -1.0}, ValueError, "rtol must be a finite number >= 0"),
        ({"atol": np.inf}, ValueError, "atol must be a finite number >= 0"),
        ({"maxiter": 0}, ValueError, "maxiter must be an integer >= 1"),
        ({"M": np.eye(9)}, ValueError, "M is for method='cg'"),
        ({"A": spla.aslinearoperator(GOOD)}, ValueError, "needs the entries of A"),
        ({"callback": 3}, TypeError, "callback must be callable"),
    ],
)
def test_arguments_that_solve_refuses(options, error, message):
    with pytest.raises(error, match=message):
        solve(**{"A": GOOD, "b": np.ones(9), **options})


@pytest.mark.parametrize("module", MODULES)
def test_examples(module):
    outcome = doctest.testmod(importlib.import_module(f"taut.linsolve.{module}"))
    assert outcome.attempted > 0
    assert outcome.failed == 0

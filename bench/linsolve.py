# SPDX-License-Identifier: BSD-3-Clause
"""Time relaxation kernels against pyamg and SciPy, and learned against fixed parameters.

Kernels take turns in one process, and the ratios are those of the medians of their turns. With
--cpu the clock is processor time, which other work on the machine disturbs least; it says nothing
about two threads, whose time is wall time and is left out then.

Examples
--------
::

    python bench/linsolve.py                    # kernels, experiment, bandits: a minute
    python bench/linsolve.py --cpu
    python bench/linsolve.py --heat 100         # the heat equation: minutes
    python bench/linsolve.py --heat 200 --best  # with the best parameter of each step: much longer
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
import warnings

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla

from taut.exceptions import ConvergenceWarning
from taut.linsolve import (
    BinnedTsallisINF,
    ChebCB,
    HeatEquation,
    RelaxationSolver,
    TsallisINF,
    count_iterations,
)

try:
    from pyamg.relaxation.relaxation import sor as pyamg_sor
except ImportError:
    pyamg_sor = None

CLOCK = time.perf_counter
OMEGAS = np.linspace(1.0, 1.95, 20)
SPAN = (-0.15, 0.65)


def laplacian(n):
    line = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(n, n))
    one = sp.eye_array(n)
    return (sp.kron(line, one) + sp.kron(one, line)).tocsr()


def took(call):
    start = CLOCK()
    call()
    return CLOCK() - start


def per_sweep(solver, b, few=10, many=30):
    """Time of a sweep: difference of two lengths, so that setting up does not count."""

    def run(count):
        solver._stop = type(solver._stop)(1e-15, 0.0, False, count)
        return took(lambda: solver.solve(b=b))

    return (run(many) - run(few)) / (many - few)


def bench_kernels(n, rounds, threads):
    A = laplacian(n)
    other = A.copy()
    other.data[0] *= 1.0 + 1e-12  # no constant stencil any more
    b = np.random.default_rng(0).normal(size=n * n)
    x = np.zeros(n * n)
    old = sp.csr_matrix(A)
    old.indices, old.indptr = old.indices.astype(np.int32), old.indptr.astype(np.int32)
    turns = {}
    if pyamg_sor is not None:
        turns["pyamg sor"] = lambda: took(lambda: pyamg_sor(old, x, b, 1.5))
    turns["SciPy |b - A x|"] = lambda: took(lambda: np.linalg.norm(b - old @ x))

    def ours(name, matrix, ordering, jobs):
        solver = RelaxationSolver("sor", "fixed", ordering=ordering, n_jobs=jobs).set_matrix(matrix)
        turns[name] = lambda: per_sweep(solver, b)

    ours("natural", A, "natural", 1)
    ours("red-black", other, "multicolor", 1)
    ours("stencil", A, "multicolor", 1)
    if CLOCK is time.perf_counter:
        ours(f"red-black, {threads} threads", other, "multicolor", threads)
        ours(f"stencil, {threads} threads", A, "multicolor", threads)
    times = {name: [] for name in turns}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for _ in range(rounds):
            for name, turn in turns.items():
                times[name].append(turn())
    print(f"one sweep with its residual, {n} x {n} Laplacian", flush=True)
    median = {name: statistics.median(values) for name, values in times.items()}
    peer = median.get("pyamg sor", np.nan) + median["SciPy |b - A x|"]
    fastest = sum(min(times[name]) for name in times if name.startswith(("pyamg", "SciPy")))
    for name, values in times.items():
        ratio = ""
        if not name.startswith(("pyamg", "SciPy")):
            ratio = f"ratio {median[name] / peer:.3f}, of the least {min(values) / fastest:.3f}"
        print(f"  {name:<24}{1e3 * median[name]:8.3f} ms   least {1e3 * min(values):.3f}   {ratio}")


def experiment(kind, T=5000):
    rng = np.random.default_rng(0)
    shifts = -0.15 + 0.6 * rng.beta(*((0.5, 1.5) if kind == "high" else (2.0, 6.0)), size=T)
    B = np.empty((T, 100))
    for t in range(T):
        B[t] = rng.normal(size=100)
        while np.linalg.norm(B[t]) > 10.0:
            B[t] = rng.normal(size=100)
    return shifts, B


def bench_experiment(threads):
    A = laplacian(10)
    for kind in ("high", "low"):
        shifts, B = experiment(kind)
        start = CLOCK()
        table = count_iterations(A, B, shifts=shifts, omegas=OMEGAS, n_jobs=threads)
        seconds = CLOCK() - start
        print(
            f"5000 systems x 20 omegas, {kind} variance: {seconds:.2f} s, {threads} threads, "
            f"{table.sum():.2e} sweeps",
            flush=True,
        )
        losses, contexts = table.tolist(), shifts.tolist()
        for name, make in {
            "TsallisINF": lambda s: TsallisINF(20, random_state=s),
            "BinnedTsallisINF": lambda s: BinnedTsallisINF(20, SPAN, random_state=s),
            "ChebCB": lambda s: ChebCB(20, SPAN, random_state=s),
        }.items():
            totals, rounds = [], []
            for seed in range(20):
                policy, total = make(seed), 0
                start = CLOCK()
                for c, row in zip(contexts, losses, strict=True):
                    loss = row[policy.predict(c)]
                    policy.update(loss)
                    total += loss
                rounds.append((CLOCK() - start) / 5000)
                totals.append(total / 5000)
            print(
                f"  {name:<18}{np.mean(totals):7.2f} +- {np.std(totals, ddof=1):.2f} iterations "
                f"(20 seeds), {1e6 * statistics.median(rounds):.2f} us a round"
            )
        best, each = table.mean(axis=0).min(), table.min(axis=1).mean()
        print(f"  best fixed {best:.2f}, best of each {each:.2f}", flush=True)


def heat_run(nx, steps, solver):
    """Iterations, seconds of solving and of all, over a run of the heat equation."""
    heat = HeatEquation(nx)
    solving, start = 0.0, CLOCK()
    for _ in range(steps):
        A, b = heat.system()
        began = CLOCK()
        result = solver.solve(A, b, heat.context, x0=heat.u)
        solving += CLOCK() - began
        heat.advance(result.x)
    return int(solver.costs_.sum()), solving, CLOCK() - start


def scipy_run(nx, steps):
    heat = HeatEquation(nx)
    solving, start, count = 0.0, CLOCK(), [0]

    def step(_):
        count[0] += 1

    for _ in range(steps):
        A, b = heat.system()
        began = CLOCK()
        x, _ = spla.cg(A, b, x0=heat.u, rtol=1e-8, callback=step)
        solving += CLOCK() - began
        heat.advance(x)
    return count[0], solving, CLOCK() - start


def heat_best(nx, steps, patience=4):
    """Sum over steps of the least iterations of the grid, starts solved to 1e-12.

    The search goes outward from the best parameter of the step before; `patience` parameters in a
    row that are no better end it on that side.
    """
    heat = HeatEquation(nx)
    solvers = [RelaxationSolver("ssor_cg", "fixed", omegas=w) for w in OMEGAS]
    exact = RelaxationSolver("ssor_cg", "fixed", tol=1e-12)
    total, best = 0, 10
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for _ in range(steps):
            A, b = heat.system()
            least, start = 10000, best
            for side in (range(start, -1, -1), range(start + 1, 20)):
                failures = 0
                for arm in side:
                    if least == 1 or failures == patience:
                        break
                    solver = solvers[arm].set_matrix(A)
                    # Whether it is better than the best so far is all that is asked.
                    solver._stop = type(solver._stop)(1e-8, 0.0, True, least - 1)
                    result = solver.solve(b=b, x0=heat.u)
                    failures = 0 if result.converged else failures + 1
                    if result.converged:
                        least, best = max(result.n_iter, 1), arm
            total += least
            heat.advance(exact.solve(A, b, x0=heat.u).x)
    return total


def bench_heat(nx, steps, omegas, policies, seeds, with_best, with_scipy):
    print(f"heat equation, nx = {nx}, n = {(nx - 1) ** 2}, {steps} steps", flush=True)
    span = HeatEquation.context_range

    def show(name, outcome):
        count, solving, whole = outcome
        print(
            f"  {name:<22}{count:8d} iterations {solving:8.2f} s solving {whole:8.2f} s in all",
            flush=True,
        )

    if with_scipy:
        show("SciPy cg", scipy_run(nx, steps))
    show("cg", heat_run(nx, steps, RelaxationSolver("cg", "fixed")))
    for omega in omegas:
        solver = RelaxationSolver("ssor_cg", "fixed", omegas=omega)
        show(f"omega = {omega:g}", heat_run(nx, steps, solver))
    for policy in policies:
        for seed in range(seeds):
            solver = RelaxationSolver(
                "ssor_cg", policy, context_range=span, n_bins=6, random_state=seed
            )
            show(f"{policy}, seed {seed}", heat_run(nx, steps, solver))
    if with_best:
        print(f"  best of 20 each step  {heat_best(nx, steps):8d} iterations", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=512, help="side of the grid of the kernels")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cpu", action="store_true", help="measure processor time")
    parser.add_argument("--heat", type=int, nargs="*", default=None, help="cells along a side")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--omegas", type=float, nargs="*", default=[1.0, 1.5, 1.75])
    parser.add_argument("--policies", nargs="*", default=["tsallis_inf", "binned", "cheb"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--best", action="store_true", help="also the best parameter of each step")
    parser.add_argument("--scipy", action="store_true", help="also SciPy's cg on the heat equation")
    arguments = parser.parse_args()
    CLOCK = time.process_time if arguments.cpu else time.perf_counter
    print(json.dumps({"load": os.getloadavg(), "pyamg": pyamg_sor is not None}))
    if arguments.heat:
        for cells in arguments.heat:
            bench_heat(
                cells,
                arguments.steps,
                arguments.omegas,
                arguments.policies,
                arguments.seeds,
                arguments.best,
                arguments.scipy,
            )
    else:
        bench_kernels(arguments.n, arguments.rounds, arguments.threads)
        bench_experiment(1 if arguments.cpu else arguments.threads)

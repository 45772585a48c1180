# SPDX-License-Identifier: BSD-3-Clause
"""Time paths of nonconvex least squares of taut and its peers at an equal criterion.

MCP against skglm, 100 strengths by warm starts: each package runs a ladder of tolerances, the
loosest that keeps the whole path within 1e-6 alpha_max of stationarity is timed. The distance is
computed here, by taut.testing.nonconvex's definition, from the coefficients. Local minima may
differ, so the sum of the objectives stands beside the time. Best subsets (L0) against abess: its
path over support sizes up to the last one of ours; the criterion is the loss at equal size.

Peers run in a process of their own, in a Python that has them.

Examples
--------
::

    python bench/nonconvex.py --python .venv-bench/bin/python
    python bench/nonconvex.py --python .venv-bench/bin/python --problems dense
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import problems as catalogue
import scipy.sparse as sp

GAMMA = 3.0
TARGET = 1e-6
LADDER = (1e-4, 1e-5, 1e-6, 1e-7)

PROBLEMS = {
    "dense": (catalogue.Problem("dense", "dense", 1000, 5000, "", rho=0.5, ratio=0.05), "mcp"),
    "dense-deep": (catalogue.Problem("dense", "dense", 1000, 5000, "", rho=0.5, ratio=0.01), "mcp"),
    "sparse": (
        catalogue.Problem("sparse", "sparse", 5000, 100_000, "", density=1e-3, ratio=0.05),
        "mcp",
    ),
    "tall-sparse": (
        catalogue.Problem("sparse", "sparse", 20_000, 20_000, "", density=1e-2, ratio=0.05),
        "mcp",
    ),
    "subsets": (catalogue.Problem("dense", "dense", 1000, 5000, "", rho=0.5, ratio=0.05), "l0"),
}


def fit_taut(X, y, alphas, tol, penalty):
    from taut import _core
    from taut._validation import kernel_design

    design = kernel_design(X)

    def run():
        return _core.fit_path(
            design,
            y,
            "quadratic",
            penalty=penalty,
            gamma=GAMMA,
            alphas=alphas,
            tol=tol,
            fit_intercept=False,
            max_iter=10_000,
        )

    return run, lambda r: r["coefs"][:, 0]


def fit_skglm(X, y, alphas, tol, penalty):
    from skglm.datafits import Quadratic
    from skglm.penalties import MCPenalty
    from skglm.solvers import AndersonCD
    from skglm.utils.jit_compilation import compiled_clone

    datafit, cost = compiled_clone(Quadratic()), compiled_clone(MCPenalty(alphas[0], GAMMA))
    if sp.issparse(X):
        datafit.initialize_sparse(X.data, X.indptr, X.indices, y)
    else:
        datafit.initialize(X, y)
    solver = AndersonCD(
        tol=tol * alphas[0], fit_intercept=False, warm_start=True, max_iter=500, max_epochs=50_000
    )

    def run(count=None):
        coefs = np.zeros((len(alphas[:count]), X.shape[1]))
        w, Xw = np.zeros(X.shape[1]), np.zeros(X.shape[0])
        for k, alpha in enumerate(alphas[:count]):
            cost.alpha = alpha
            w = solver.solve(X, y, datafit, cost, w.copy(), Xw.copy())[0]
            Xw = X @ w
            coefs[k] = w
        return coefs

    run(2)  # compiles
    return run, lambda coefs: coefs


def fit_abess(X, y, alphas, tol, penalty):
    from abess.linear import LinearRegression

    sizes = range(int(tol) + 1)
    model = LinearRegression(
        path_type="seq", support_size=sizes, fit_intercept=False, ic_type="gic", screening_size=-1
    )
    model.cv = 1

    def run():
        return model.fit(X, y)

    return run, lambda m: m.coef_[None]


PEERS = {"taut": fit_taut, "skglm": fit_skglm, "abess": fit_abess}


def worker(peer: str, problem: str, tol: float, repeats: int, out: str) -> None:
    warnings.simplefilter("ignore")
    made, penalty = PROBLEMS[problem]
    X, y, alphas = made.make()
    if penalty == "l0":
        alphas = subset_alphas(X, y, made.ratio)
    run, coefficients = PEERS[peer](X, y, alphas, tol, penalty)
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        result = run()
        times.append(time.perf_counter() - begin)
    np.savez(out, coefs=coefficients(result), seconds=np.median(times))


def subset_alphas(X: np.ndarray, y: np.ndarray, ratio: float) -> np.ndarray:
    top = ((X.T @ y / len(y)) ** 2 / (2 * (X * X).mean(axis=0))).max()
    return np.geomspace(top, ratio * top, 100)


def judge_mcp(X, y, alphas, coefs) -> tuple[float, float]:
    """Largest distance from stationarity over alpha_max, and the sum of the objectives."""
    worst = total = 0.0
    for alpha, w in zip(alphas, coefs, strict=True):
        r = y - X @ w
        g, a = -(X.T @ r) / len(y), np.abs(w)
        slope = np.sign(w) * np.maximum(alpha - a / GAMMA, 0.0)
        distance = np.where(w == 0, np.maximum(np.abs(g) - alpha, 0.0), np.abs(g + slope))
        worst = max(worst, distance.max())
        cost = np.where(a < GAMMA * alpha, alpha * a - a**2 / (2 * GAMMA), GAMMA * alpha**2 / 2)
        total += r @ r / (2 * len(y)) + cost.sum()
    return worst / alphas[0], total


def call(python: str, peer: str, problem: str, tol: float, repeats: int) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "out.npz")
        env = dict(os.environ)
        for name in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
            env[f"{name}_NUM_THREADS"] = "1"
        command = [python, __file__, "--worker", peer, problem, repr(tol), str(repeats), out]
        subprocess.run(command, check=True, env=env)
        with np.load(out) as saved:
            return {"coefs": saved["coefs"], "seconds": float(saved["seconds"])}


def compare_mcp(problem: str, python: str, repeats: int) -> None:
    X, y, alphas = PROBLEMS[problem][0].make()
    seconds = {}
    for peer, executable in (("taut", sys.executable), ("skglm", python)):
        for tol in LADDER:
            result = call(executable, peer, problem, tol, repeats)
            worst, total = judge_mcp(X, y, alphas, result["coefs"])
            reached = worst <= TARGET * (1 + 1e-9)
            print(
                f"{problem:12} {peer:6} tol {tol:.0e} {result['seconds']:8.3f} s  "
                f"criterion {worst:.1e}  sum of objectives {total:.5f}  "
                f"nonzeros at the end {np.count_nonzero(result['coefs'][-1])}",
                flush=True,
            )
            if reached:
                seconds[peer] = result["seconds"]
                break
    if len(seconds) == 2:
        print(f"{problem:12} taut / skglm = {seconds['taut'] / seconds['skglm']:.3f}", flush=True)


def compare_subsets(problem: str, python: str, repeats: int) -> None:
    X, y, _ = PROBLEMS[problem][0].make()
    ours = call(sys.executable, "taut", problem, 1e-6, repeats)
    last = ours["coefs"][-1]
    size = np.count_nonzero(last)
    theirs = call(python, "abess", problem, float(size), max(1, repeats - 2))
    chosen = theirs["coefs"][0]
    at = np.count_nonzero(chosen)
    loss = lambda w: float(((y - X @ w) ** 2).mean() / 2)  # noqa: E731
    same = [w for w in ours["coefs"] if np.count_nonzero(w) == at]
    print(
        f"{problem:12} taut  100 strengths to {size} features {ours['seconds']:.3f} s; "
        f"abess sizes 0..{size} {theirs['seconds']:.3f} s; taut / abess = "
        f"{ours['seconds'] / theirs['seconds']:.3f}"
    )
    mine = f"{min(map(loss, same)):.6f}" if same else "none of that size"
    print(f"{problem:12} loss of {at} features: abess {loss(chosen):.6f}, taut {mine}")


def main() -> None:
    if len(sys.argv) > 1 and sys.argv[1] == "--worker":
        peer, problem, tol, repeats, out = sys.argv[2:]
        worker(peer, problem, float(tol), int(repeats), out)
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", default=sys.executable, help="a Python that has the peers")
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS), choices=list(PROBLEMS))
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    for problem in arguments.problems:
        compare = compare_subsets if PROBLEMS[problem][1] == "l0" else compare_mcp
        compare(problem, arguments.python, arguments.repeats)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: BSD-3-Clause
"""The accelerated gradient of Yang, Asgharian and Bhatnagar (arXiv 2009.10629) against its rivals.

First their speed study: iterations until the objective is within e^3 of the best that the three
methods reach, for their generator (p = 2050, five groups of ten signals, lambda 0.2, SCAD a = 3.7,
MCP gamma = 3, start at the signs of X'y). Published medians stand beside ours.

Then time and products with X until the distance from stationarity is 1e-6 of the largest gradient,
from a cold start, against proximal gradient, FISTA, the proximal conjugate gradient and coordinate
descent, for SCAD and MCP, linear and logistic. Their stationary points may differ: beside the count
of all iterations stands the count until the objective is as low as where proximal gradient ends.

Examples
--------
::

    python bench/accelerated_gradient.py --seeds 3 --rows 200 500
    python bench/accelerated_gradient.py            # minutes
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
from scipy.signal import lfilter

from taut import _core, prox
from taut.penalties import MCP, SCAD

METHODS = ("ag", "ag_original", "proximal_gradient")
PENALTIES = {"scad": SCAD(3.7), "mcp": MCP(3.0)}
# Medians of 100 runs as published (code repository nonconvexAG of the first author), by
# correlation, for n = 200, 500, 1000, 3000.
SIZES = (200, 500, 1000, 3000)
PUBLISHED = {
    ("scad", "ag"): {0.1: (9, 14, 23, 26), 0.5: (11, 18, 32, 50), 0.9: (37, 72, 172, 432)},
    ("scad", "ag_original"): {
        0.1: (15, 23, 38, 41),
        0.5: (19, 30, 51, 76),
        0.9: (60, 111, 260, 657),
    },
    ("scad", "proximal_gradient"): {
        0.1: (11, 26, 68, 94),
        0.5: (21, 38, 116, 308),
        0.9: (104, 362, 2013, np.inf),
    },
    ("mcp", "ag"): {0.1: (6, 10, 17, 25), 0.5: (10, 15, 26, 48), 0.9: (31, 68, 152, 429)},
}


def generate(n: int, tau: float, seed: int, snr: float = 5.0) -> tuple[np.ndarray, np.ndarray]:
    """Return X (n, 2050), standardised, Fortran order, and y (n,)."""
    rng = np.random.default_rng(seed)
    beta = []
    for mean, sd in ((0.5, 1), (5, 2), (10, 3), (20, 4), (50, 5)):
        beta += [rng.normal(mean, sd, 10), np.zeros(500)]
    beta = np.concatenate(beta[:-1])
    Z = rng.standard_normal((n, beta.size))
    Z[:, 1:] *= np.sqrt(1.0 - tau**2)
    X = lfilter([1.0], [1.0, -tau], Z, axis=1)
    at = np.flatnonzero(beta)
    power = beta[at] @ tau ** np.abs(at[:, None] - at[None]) @ beta[at]
    y = X @ beta + np.sqrt(power / snr) * rng.standard_normal(n)
    return np.asfortranarray((X - X.mean(axis=0)) / X.std(axis=0)), y


def iterations(n: int, tau: float, seeds: int, name: str, max_iter: int) -> dict[str, float]:
    """Median iterations of every method until the objective is within e^3 of the best."""
    counts: dict[str, list[float]] = {m: [] for m in METHODS}
    for seed in range(seeds):
        X, y = generate(n, tau, seed)
        start = np.sign(X.T @ (y - y.mean()))
        traces = {
            m: prox.minimize(
                X,
                y,
                alpha=0.2,
                penalty=PENALTIES[name],
                solver=m,
                coef_init=start,
                tol=-1.0,
                max_iter=max_iter,
            ).objective
            for m in METHODS
        }
        best = min(t.min() for t in traces.values())
        for m, t in traces.items():
            hit = np.flatnonzero(t - best <= np.exp(3))
            counts[m].append(hit[0] + 1 if hit.size else np.inf)
    return {m: float(np.median(c)) for m, c in counts.items()}


def published_table(rows: list[int], taus: list[float], seeds: int, max_iter: int) -> None:
    print(f"iterations to within e^3 of the best objective, median of {seeds} seeds (published)")
    print(f"{'':18}" + "".join(f"{m:>26}" for m in METHODS))
    for name in PENALTIES:
        for tau in taus:
            for n in rows:
                ours = iterations(n, tau, seeds, name, max_iter)
                cells = []
                for m in METHODS:
                    known = PUBLISHED.get((name, m), {}).get(tau)
                    there = f"({known[SIZES.index(n)]})" if known and n in SIZES else "( )"
                    cells.append(f"{ours[m]:>16.0f} {there:>9}")
                print(f"{name:5} {tau:.1f} n={n:<7}" + "".join(cells), flush=True)


def stationarity_table(n: int, tau: float, share: float, repeats: int, max_iter: int) -> None:
    X, f = generate(n, tau, 0)
    rng = np.random.default_rng(1)
    f = (f - f.mean()) / f.std()
    responses = {"quadratic": f, "logistic": (rng.random(n) < 1 / (1 + np.exp(-2 * f))) * 1.0}
    print(
        f"\nto a distance of 1e-6 from stationarity: n={n}, p={X.shape[1]}, correlation {tau}, "
        f"alpha = {share} alpha_max, from zero, one thread"
    )
    print(f"{'':16}{'solver':>20}{'iterations':>12}{'to level':>10}{'ms':>10}  objective")
    for datafit, y in responses.items():
        residual = y - y.mean()
        alpha = share * np.abs(X.T @ residual).max() / n
        for name, penalty in PENALTIES.items():
            level = np.inf
            for solver in ("proximal_gradient", "ag", "ag_original", "fista", "pncg", "auto"):
                times = []
                for _ in range(repeats):
                    begin = time.perf_counter()
                    if solver == "auto":
                        r = _core.fit_path(
                            X,
                            y,
                            datafit,
                            penalty=name,
                            gamma=penalty.gamma,
                            alphas=np.array([alpha]),
                            tol=1e-6,
                            max_iter=10_000,
                        )
                        line, end = f"{r['n_iter'][0]:>12}{'':>10}", r["objective"][0]
                    else:
                        m = prox.minimize(
                            X,
                            y,
                            alpha=alpha,
                            datafit=datafit,
                            penalty=penalty,
                            solver=solver,
                            max_iter=max_iter,
                        )
                        end = m.objective[-1]
                        if solver == "proximal_gradient":
                            level = end * (1 + 1e-6)
                        low = np.flatnonzero(m.objective <= level)
                        line = f"{m.n_iter:>12}{low[0] + 1 if low.size else '-':>10}"
                    times.append(time.perf_counter() - begin)
                mark = "" if solver == "auto" or m.converged else "  not reached"
                label = "coordinate descent" if solver == "auto" else solver
                print(
                    f"{name:5}{datafit:11}{label:>20}{line}{1e3 * np.median(times):>10.1f}"
                    f"  {end:.8f}{mark}",
                    flush=True,
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=7)
    parser.add_argument("--rows", type=int, nargs="+", default=[200, 500, 1000, 3000])
    parser.add_argument("--taus", type=float, nargs="+", default=[0.1, 0.5, 0.9])
    parser.add_argument("--max-iter", type=int, default=2500)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--stationary-rows", type=int, default=3000)
    parser.add_argument("--only", choices=["published", "stationarity"])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    if arguments.only != "stationarity":
        published_table(arguments.rows, arguments.taus, arguments.seeds, arguments.max_iter)
    if arguments.only != "published":
        stationarity_table(arguments.stationary_rows, 0.5, 0.1, arguments.repeats, 20_000)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: BSD-3-Clause
"""Time best subsets (L0) of taut and abess; MCP paths are rows of run.py.

Ours: 100 strengths by warm starts. abess: its path over support sizes up to our last one. The two
walk differently, so the losses of a subset of equal size stand beside the times. One thread each.

``python bench/subsets.py``, in a Python that has abess (``make bench`` makes one).
"""

from __future__ import annotations

import argparse
import os
import time
import warnings

for _name in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{_name}_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402  (after the thread settings)
from problems import Problem  # noqa: E402

TOL = 1e-6


def taut_path(X, y, alphas):
    from taut.linear_model import penalized_path

    path = penalized_path(X, y, penalty="l0", alphas=alphas, tol=TOL, fit_intercept=False)
    return path.coefs.T


def abess_path(X, y, largest):
    from abess.linear import LinearRegression

    model = LinearRegression(
        support_size=range(largest + 1), fit_intercept=False, screening_size=-1, thread=1
    )
    return model.fit(X, y).coef_


def timed(repeats, solve, *arguments):
    """Return the result and the median of seconds."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        result = solve(*arguments)
        times.append(time.perf_counter() - begin)
    return result, float(np.median(times))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--columns", type=int, default=5000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")

    X, y, _ = Problem("subsets", "dense", options.rows, options.columns, "", rho=0.5).make()
    top = float(((X.T @ y / len(y)) ** 2 / (2.0 * (X * X).mean(axis=0))).max())
    taut_path(X[:, :50], y, [top])  # imports
    abess_path(X[:, :50], y, 1)
    coefs, ours = timed(options.repeats, taut_path, X, y, np.geomspace(top, 0.05 * top, 100))
    sizes = np.count_nonzero(coefs, axis=1)
    chosen, theirs = timed(1, abess_path, X, y, int(sizes[-1]))
    size = np.count_nonzero(chosen)

    def loss(w):
        return float(((y - X @ w) ** 2).mean() / 2.0)

    print(
        f"taut: 100 strengths to {sizes[-1]} features {ours:.3f} s; abess: sizes 0 to {sizes[-1]} "
        f"{theirs:.3f} s; taut / abess = {ours / theirs:.3f}"
    )
    same = [loss(w) for w, m in zip(coefs, sizes, strict=True) if m == size]
    mine = f"{min(same):.6f}" if same else "none of that size"
    print(f"loss of {size} features: abess {loss(chosen):.6f}, taut {mine}")


if __name__ == "__main__":
    main()

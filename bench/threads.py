# SPDX-License-Identifier: BSD-3-Clause
"""taut with 1, 2 and 4 threads on the wide dense problem: speed-up, and equal bits.

``python bench/threads.py [--problem NAME] [--tol 1e-8] [--runs 5]``
"""

from __future__ import annotations

import argparse
import os
import statistics
import time

for _name in ("OPENBLAS", "MKL", "BLIS"):
    os.environ[f"{_name}_NUM_THREADS"] = "1"  # only taut's own threads may vary

import numpy as np  # noqa: E402  (after the thread settings)
from problems import by_name  # noqa: E402
from score import lasso_bounds  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problem", default="dense-500x10000-rho0.5")
    parser.add_argument("--tol", type=float, default=1e-8)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2, 4])
    options = parser.parse_args()
    from taut.linear_model import lasso_path

    X, y, alphas = by_name(options.problem).make()
    times = {threads: [] for threads in options.threads}
    coefs = {}
    lasso_path(X, y, alphas=alphas[:5], tol=1e-3, fit_intercept=False)
    for _ in range(options.runs):
        for threads in options.threads:
            start, cpu = time.perf_counter(), time.process_time()
            path = lasso_path(
                X, y, alphas=alphas, tol=options.tol, fit_intercept=False, n_jobs=threads
            )
            times[threads].append((time.perf_counter() - start, time.process_time() - cpu))
            coefs[threads] = path.coefs
    first = options.threads[0]
    base = statistics.median(wall for wall, _ in times[first])
    primal, dual = lasso_bounds(X, y, alphas, np.asarray(coefs[first]))
    print(f"{options.problem}, tol {options.tol:.0e}, worst gap {(primal - dual).max():.1e}")
    print("| threads | wall | CPU | speed-up | same bits as first |")
    print("| --- | --- | --- | --- | --- |")
    for threads in options.threads:
        wall = statistics.median(pair[0] for pair in times[threads])
        cpu = statistics.median(pair[1] for pair in times[threads])
        same = np.array_equal(coefs[threads], coefs[first])
        print(f"| {threads} | {wall:.3f} | {cpu:.3f} | {base / wall:.2f} | {same} |")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: BSD-3-Clause
"""How the cost of a Lasso path grows with rows and columns, dense and sparse.

Paths of 30 alphas down to alpha_max / 10, tolerance 1e-6, one thread. For each series one size is
fixed and the other grows; the slope printed is that of log seconds in log entries over the last
three points: 1 means that a path costs a fixed number of reads of X.

``python bench/growth.py [--most-dense 1e7] [--most-sparse 1e8] [--output growth.json]``; the figure
is written beside the output.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

for _name in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{_name}_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402  (after the thread settings)
import scipy.sparse as sp  # noqa: E402
from problems import ar1_columns  # noqa: E402
from tasks import linear_response  # noqa: E402


def dense(n, p):
    return ar1_columns(np.random.default_rng(0), n, p, 0.5)


def sparse(n, p, per_column=20):
    """Return X (n, p) in CSC form with 20 normal values a column at rows that differ."""
    rng = np.random.default_rng(0)
    first = rng.integers(n, size=p)[:, None]
    step = rng.integers(1, max(2, n // per_column), size=p)[:, None]
    rows = np.sort((first + step * np.arange(per_column)) % n, axis=1).astype(np.int32)
    indptr = np.arange(0, per_column * p + 1, per_column, dtype=np.int64)
    if indptr[-1] < 2**31:
        indptr = indptr.astype(np.int32)
    data = rng.standard_normal(per_column * p)
    return sp.csc_matrix((data, rows.ravel(), indptr), shape=(n, p))


def series(most_dense, most_sparse):
    """Yield (name, fixed, maker, sizes): sizes by the square root of ten, down from the limits."""

    def grid(least, most):
        steps = int(2 * np.log10(most / least))
        return [round(most / 10 ** (i / 2)) for i in range(steps, -1, -1)]

    n = p = 500
    yield "dense, 500 rows", "columns", lambda m: dense(n, m), grid(500, most_dense / n)
    yield "dense, 500 columns", "rows", lambda m: dense(m, p), grid(500, most_dense / p)
    rows = 20_000
    yield (
        "sparse, 20000 rows, 20 entries a column",
        "columns",
        lambda m: sparse(rows, m),
        grid(5000, most_sparse / 20),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most-dense", type=float, default=1e7)
    parser.add_argument("--most-sparse", type=float, default=1e8)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("growth.json"))
    options = parser.parse_args()
    from taut.linear_model import lasso_path

    out = []
    for name, grows, make, sizes in series(options.most_dense, options.most_sparse):
        points = []
        for size in sizes:
            X = make(size)
            y = linear_response(np.random.default_rng(1), X)
            entries = X.nnz if sp.issparse(X) else X.size
            times = []
            for _ in range(options.runs):
                start = time.perf_counter()
                path = lasso_path(X, y, n_alphas=30, eps=0.1, tol=1e-6)
                times.append(time.perf_counter() - start)
            points.append(
                {
                    "size": size,
                    "entries": int(entries),
                    "seconds": float(np.median(times)),
                    "active": int(path.n_active[-1]),
                    "gap": float(path.dual_gaps.max() / path.null_loss),
                }
            )
            print(f"{name}: {size} {grows}, {points[-1]['seconds']:.4f} s", flush=True)
            del X
        last = points[-3:]
        slope = np.polyfit(
            np.log([q["entries"] for q in last]), np.log([q["seconds"] for q in last]), 1
        )[0]
        print(f"{name}: slope {slope:.2f}")
        out.append({"name": name, "grows": grows, "points": points, "slope": float(slope)})
    options.output.write_text(json.dumps(out, indent=1) + "\n")
    print(f"figure: {figure(out, options.output.with_suffix('.png'))}")


def figure(results, path):
    """Draw seconds against entries for every series, both logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
    for line in results:
        ax.loglog(
            [q["entries"] for q in line["points"]],
            [q["seconds"] for q in line["points"]],
            marker="o",
            label=f"{line['name']} (slope {line['slope']:.2f})",
        )
    ax.set(xlabel="entries of X", ylabel="seconds for a path of 30 alphas")
    ax.legend(fontsize=8)
    fig.savefig(path, dpi=120)
    plt.close(fig)
    return path


if __name__ == "__main__":
    main()

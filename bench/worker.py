# SPDX-License-Identifier: BSD-3-Clause
"""One peer and one problem in a process of its own.

Reads requests as JSON lines on standard input and answers on standard output; whatever a package
prints goes to standard error. Called by run.py as ``worker.py PEER FOLDER THREADS``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from tasks import TASKS


def load(folder):
    """Return X, y, alphas as run.py stored them."""
    meta = json.loads((folder / "problem.json").read_text())
    if meta["kind"] == "dense":
        X = np.load(folder / "X.npy")
    else:
        parts = [np.load(folder / f"{name}.npy") for name in ("data", "indices", "indptr")]
        X = sp.csc_matrix(tuple(parts), shape=(meta["n"], meta["p"]))
    return meta["task"], X, np.load(folder / "y.npy"), np.load(folder / "alphas.npy")


def timed(solve, X, y, alphas, tol, threads):
    """Return coefficients (p, k), wall seconds and CPU seconds of one solve."""
    wall, cpu = time.perf_counter(), time.process_time()
    out = solve(X, y, alphas, tol, threads)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return out if isinstance(out, tuple) else (out, wall, cpu)


def warm_up(solve, task, X, y, threads):
    """Solve a small problem of the same kind: compilation and imports are not counted."""
    small = X[:, :60]
    small = sp.csc_matrix(small) if sp.issparse(X) else np.asfortranarray(small)
    top = TASKS[task].alpha_max(small, y)
    timed(solve, small, y, top * np.array([1.0, 0.5, 0.2]), 1e-4, threads)


def main():
    peer, folder, threads = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def send(**message):
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    try:
        module = import_module(f"peers.{peer}")
        task, X, y, alphas = load(folder)
        solve = getattr(module, task, None)
        if solve is None:
            send(ok=False, reason=f"has no {task} path", absent=True)
            return
        warm_up(solve, task, X, y, threads)
        send(
            ok=True,
            version=module.version(),
            note=getattr(module, "NOTE", ""),
            comparable=getattr(module, "COMPARABLE", True),
        )
    except Exception as error:
        send(ok=False, reason=f"{type(error).__name__}: {error}"[:300])
        return
    for line in sys.stdin:
        request = json.loads(line)
        try:
            coefs, wall, cpu = timed(solve, X, y, alphas, request["tol"], threads)
            target = folder / f"coefs-{peer}-{threads}.npz"
            sp.save_npz(target, sp.csc_matrix(coefs), compressed=False)
            send(ok=True, wall=float(wall), cpu=float(cpu), coefs=str(target))
        except Exception as error:
            send(ok=False, reason=f"{type(error).__name__}: {error}"[:300])


if __name__ == "__main__":
    main()

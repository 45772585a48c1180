# SPDX-License-Identifier: BSD-3-Clause
"""One package on one problem of ot.py, in a process and an environment of its own.

Called as ``ot_worker.py PEER FILE THREADS``. FILE holds clouds X and Y and a strength; the answer
is one line of JSON with the seconds of an iteration of each form of Sinkhorn that the package has,
or, where FILE holds a potential, of evaluations and solves of the semi-dual.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib import import_module


def best(call, runs):
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - start)
        if sum(times) > 20:
            break
    return min(times), result


def main():
    peer, path, threads = sys.argv[1:]
    for variable in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{variable}_NUM_THREADS"] = threads
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.path.append(sys.path.pop(0))  # ot.py beside this file has the name of a package
    import numpy as np

    data = np.load(path)
    X, Y, reg = data["X"], data["Y"], float(data["reg"])
    C = ((X[:, None] - Y[None]) ** 2).sum(axis=2)
    adapter = import_module(f"peers.ot_{peer}")
    out = {"version": adapter.version(), "forms": {}}
    if "alpha" in data:
        limit = int(data["max_nz"]) or None
        counts = {"semi-dual": int(data["iterations"]), "dual": int(data["dual_iterations"])}
        parts = adapter.semi_dual(C / C.max(), reg, limit, data["alpha"], counts)
        for form, (evaluation, solve, alpha) in parts.items():
            out["forms"][form] = {
                "evaluation": evaluation, "solve": solve, "alpha": alpha.tolist()
            }  # fmt: skip
        answers.write(json.dumps(out) + "\n")
        answers.flush()
        return
    for form, (prepare, few, many) in adapter.forms(X, Y, C, reg, int(threads)).items():
        times, counts = {}, {}
        for setting in (few, many):
            call, counts[setting] = prepare(setting)
            call()  # compilation and first touch of memory
            times[setting], plan = best(call, 4)
        each = (times[many] - times[few]) / (counts[many] - counts[few])
        T = plan()
        out["forms"][form] = {
            "seconds": each,
            "fine": bool(np.isfinite(T).all() and T.sum() > 0.5),
            "iterations": counts[many],
            "error": max(float(np.abs(T.sum(axis=k) - 1 / T.shape[1 - k]).sum()) for k in (0, 1)),
        }
    answers.write(json.dumps(out) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: BSD-3-Clause
"""POT: its kernel form and its log form."""

from __future__ import annotations

import contextlib
import io
import time
import warnings

import numpy as np
import ot
from ot import smooth


def version():
    return ot.__version__


def forms(X, Y, C, reg, threads):
    """form -> (prepare, few, many): prepare(count) gives a call and its number of iterations."""
    a, b = np.full(len(X), 1 / len(X)), np.full(len(Y), 1 / len(Y))
    warnings.simplefilter("ignore")

    def method(name):
        def prepare(count):
            def call():
                T = ot.sinkhorn(
                    a, b, C, reg, method=name, stopThr=0.0, numItermax=count, warn=False
                )
                return lambda: T

            return call, count

        return prepare

    return {"kernel": (method("sinkhorn"), 1, 21), "log": (method("sinkhorn_log"), 1, 4)}


def semi_dual(C, reg, max_nz, alpha, iterations):
    """Seconds of one evaluation at alpha, and of L-BFGS on the semi-dual and on the dual.

    Returns for both forms (seconds of an evaluation, seconds of the solve, last alpha).
    """
    n, m = C.shape
    a, b = np.full(n, 1 / n), np.full(m, 1 / m)
    sparse = max_nz is not None
    kind = smooth.SparsityConstrained(max_nz, gamma=reg) if sparse else smooth.SquaredL2(reg)
    options = {"reg_type": "sparsity_constrained", "max_nz": max_nz} if sparse else {}
    out = {}
    beta = np.zeros(m)
    for form, evaluate, solve in (
        ("semi-dual", lambda: smooth.semi_dual_obj_grad(alpha, a, b, C, kind),
         smooth.smooth_ot_semi_dual),
        ("dual", lambda: smooth.dual_obj_grad(alpha, beta, a, b, C, kind),
         smooth.smooth_ot_dual),
    ):  # fmt: skip
        with contextlib.redirect_stdout(io.StringIO()):
            times = []
            while len(times) < 4 and sum(times) < 6:
                start = time.perf_counter()
                evaluate()
                times.append(time.perf_counter() - start)
            start = time.perf_counter()
            _, log = solve(
                a, b, C, reg, numItermax=iterations[form], stopThr=1e-12, log=True, **options
            )
            took = time.perf_counter() - start
        out[form] = (min(times), took, np.asarray(log["alpha"]))
    return out

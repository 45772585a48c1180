# SPDX-License-Identifier: BSD-3-Clause
"""Ctrl-C ends every long computation of taut.ot at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

# One process for all of them: imports would take most of the time.
CHILD = """
import numpy as np
from taut.ot import PointCloud, sinkhorn, smooth_ot, sparse_route

rng = np.random.default_rng(0)
near = PointCloud(rng.random((1500, 3)), rng.random((1500, 3)) + 1)
C = near.matrix()
wide = PointCloud(rng.random((30000, 3)), rng.random((30000, 3)) + 1)
scores = rng.random((300, 512, 64))
endless = dict(tol=1e-15, max_iter=10**7)
sparse = dict(reg_type="sparse", max_nz=2, **endless)
calls = dict(
    log=lambda: sinkhorn(None, None, C, reg=1e-3, method="log", **endless),
    kernel=lambda: sinkhorn(None, None, C, reg=1e-3, method="kernel", **endless),
    cloud=lambda: sinkhorn(None, None, wide, reg=1e-2, **endless),
    quadratic=lambda: smooth_ot(None, None, C, reg=0.01, **endless),
    quadratic_cloud=lambda: smooth_ot(None, None, wide, reg=1.0, **endless),
    proximal=lambda: smooth_ot(None, None, C, reg=100.0, **sparse),
    dual=lambda: smooth_ot(None, None, C, reg=1.0, form="dual", **endless),
    bundle=lambda: smooth_ot(None, None, C, reg=9.0, solver="bundle", **sparse),
    routing=lambda: sparse_route(scores, 64, tol=1e-15, max_iter=1000),
)
for name, call in calls.items():
    try:
        print(name, flush=True)
        call()
        print("finished", flush=True)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""
KERNELS = ["log", "kernel", "cloud", "quadratic", "quadratic_cloud", "proximal", "dual"]
KERNELS += ["bundle", "routing"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_ends_every_long_solve():
    child = subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True)
    took = {}
    try:
        for name in KERNELS:
            assert child.stdout.readline() == f"{name}\n"
            time.sleep(0.4)
            started = time.perf_counter()
            child.send_signal(signal.SIGINT)
            assert child.stdout.readline() == "interrupted\n", name
            took[name] = time.perf_counter() - started
        assert max(took.values()) < 0.3, took
        assert child.wait(timeout=10) == 0
    finally:
        child.kill()
        child.wait()
        child.stdout.close()

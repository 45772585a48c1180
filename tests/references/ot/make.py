# SPDX-License-Identifier: BSD-3-Clause
"""Numbers of POT for tests/test_ot.py. Run by hand: python make.py (needs POT, SciPy, Pillow)."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import numpy as np
import ot
import scipy

HERE = Path(__file__).parent


def problem(seed, n, m):
    rng = np.random.default_rng(seed)
    X, Y = rng.random((n, 2)), rng.random((m, 2))
    a, b = rng.random(n) + 0.2, rng.random(m) + 0.2
    return a / a.sum(), b / b.sum(), ((X[:, None] - Y[None]) ** 2).sum(axis=2)


def colors():
    """Palettes and histograms of scikit-learn's two photographs (needs Pillow)."""
    from scipy.spatial import cKDTree
    from sklearn.datasets import load_sample_images

    out = {}
    for side, image in zip(("source", "target"), load_sample_images().images, strict=True):
        pixels = image.reshape(-1, 3)
        palette = pixels[np.random.RandomState(0).permutation(len(pixels))[:256]]
        counts = np.bincount(cKDTree(palette).query(pixels)[1], minlength=256)
        out |= {side: palette.tolist(), f"{side}_counts": counts.tolist()}
    x, y = np.array(out["source"]) / 256, np.array(out["target"]) / 256
    a, b = (np.array(out[f"{side}_counts"]) for side in ("source", "target"))
    a, b = (w / w.sum() + 1e-9 for w in (a, b))
    cost = ((x[:, None] - y[None]) ** 2).sum(axis=2)
    out["linear_program"] = float(ot.emd2(a / a.sum(), b / b.sum(), cost, numItermax=10**6))
    (HERE / "colors.json").write_text(json.dumps(out) + "\n")


def main():
    colors()
    cases = []
    for seed, n, m in [(1, 12, 9), (2, 15, 20), (3, 30, 30)]:
        a, b, C = problem(seed, n, m)
        case = {"seed": seed, "n": n, "m": m, "exact": float(ot.emd2(a, b, C))}
        for reg in (0.1, 0.01):
            T, log = ot.sinkhorn(
                a, b, C, reg, method="sinkhorn_log", stopThr=1e-14, numItermax=200_000, log=True
            )
            case[f"sinkhorn {reg}"] = T.round(16).tolist()
        for reg in (0.1, 1.0):
            # Of the dual, whose error is the square of that of the plan.
            _, log = ot.smooth.smooth_ot_dual(
                a, b, C, reg, reg_type="l2", stopThr=1e-15, numItermax=200_000, log=True
            )
            case[f"smooth {reg}"] = -float(log["res"].fun)
        T = ot.unbalanced.sinkhorn_unbalanced(
            a, b, C, 0.05, 0.5, method="sinkhorn_stabilized", reg_type="kl",
            stopThr=1e-15, numItermax=200_000,
        )  # fmt: skip
        case["unbalanced 0.05 0.5"] = T.round(16).tolist()
        cases.append(case)
    (HERE / "pot.json").write_text(json.dumps(cases) + "\n")
    meta = {
        "made_by": "make.py",
        "versions": {
            "POT": ot.__version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "python": platform.python_version(),
        },
        "date": "2026-11-23",
        "tolerance": {
            "sinkhorn": "1e-9 absolute on plan entries: both iterate to 1e-12",
            "smooth": "1e-8 absolute on the value: POT stops L-BFGS by its function tolerance",
            "exact": "1e-12 on the value",
            "unbalanced": "1e-9 absolute on plan entries",
        },
    }
    (HERE / "meta.json").write_text(json.dumps(meta, indent=2) + "\n")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: BSD-3-Clause
"""Distances of gadjid for tests/test_graph_metrics.py. By hand: python make.py (needs gadjid)."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from itertools import product
from pathlib import Path

import gadjid
import numpy as np

HERE = Path(__file__).parent


def dag(rng, d, share):
    place = rng.permutation(d)
    return np.triu(rng.random((d, d)) < share, 1)[np.ix_(place, place)].astype(np.int8)


def completed(A):
    """Union of the class by brute force: every orientation with the same colliders."""
    d = len(A)
    pairs = [(i, j) for i in range(d) for j in range(i) if A[i, j] or A[j, i]]
    near = (A + A.T) > 0

    def colliders(B):
        return {
            (i, k, j)
            for k in range(d)
            for i in range(d)
            for j in range(i)
            if B[i, k] and B[j, k] and not near[i, j]
        }

    wanted, seen = colliders(A), np.zeros((d, d), dtype=bool)
    for turns in product((0, 1), repeat=len(pairs)):
        B = np.zeros_like(A)
        for (i, j), turn in zip(pairs, turns, strict=True):
            B[(i, j) if turn else (j, i)] = 1
        acyclic = not np.linalg.matrix_power(B.astype(float), d).any()
        if acyclic and colliders(B) == wanted:
            seen |= B > 0
    return seen


def main():
    rng = np.random.default_rng(0)
    cases = []
    for d in [2, 3, 4, 5, 6, 8, 10, 15, 20] * 4:
        truth, estimate = dag(rng, d, rng.uniform(0.1, 0.8)), dag(rng, d, rng.uniform(0.1, 0.8))
        case = {"truth": truth.tolist(), "estimate": estimate.tolist()}
        case["shd"] = int(gadjid.shd(truth, estimate)[1])
        case["sid"] = int(gadjid.sid(truth, estimate, edge_direction="from row to column")[1])
        if truth.sum() <= 12:
            case["cpdag"] = completed(truth).astype(int).tolist()
        cases.append(case)
    (HERE / "gadjid.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
    meta = {
        "made_by": "make.py",
        "versions": {
            "gadjid": version("gadjid"),
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "sachs.csv.gz": (
            "First 853 rows of cdt/data/resources/cyto_full_data.csv in the package cdt 0.6.0 "
            "(MIT licence, copyright Diviyan Kalainathan), measured by Sachs et al. (2005), "
            "Science 308, 523-529"
        ),
        "sachs_official.json": (
            "Final W of model.py of github.com/SAMiatto/colide at its main.py's constants "
            "(lambda1 0.05, T 4, s 1 .9 .8 .7, 20000 and 70000 iterations, lr 3e-4) on sachs.csv.gz"
        ),
        "tolerance": {"shd, sid, cpdag": "exact", "sachs_official": "5e-3 on weights"},
    }
    (HERE / "meta.json").write_text(json.dumps(meta, indent=2) + "\n")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: BSD-3-Clause
"""Write pyamg.json, the sweeps of pyamg that tests/test_linsolve.py compares with.

Run by hand: python make.py (needs pyamg; 5.4.1 was used).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from pyamg.relaxation.relaxation import gauss_seidel, sor

sys.path.insert(0, str(Path(__file__).parents[2]))
from linsolve_reference import laplacian, random_spd


def main():
    cases = []
    for name, n, A in (
        ("grid", 30, laplacian(5, 6)),
        ("random", 25, sp.csr_array(random_spd(np.random.default_rng(3), 25, 0.2))),
    ):
        A = sp.csr_matrix(A)
        rng = np.random.default_rng(7)
        b, start = rng.normal(size=n), rng.normal(size=n)
        out = {"name": name, "A": A.toarray().tolist(), "b": b.tolist(), "x0": start.tolist()}
        for key, call in (
            ("gauss_seidel", lambda x, b=b, A=A: gauss_seidel(A, x, b, iterations=4)),
            (
                "symmetric",
                lambda x, b=b, A=A: gauss_seidel(A, x, b, iterations=4, sweep="symmetric"),
            ),
            ("sor 1.4", lambda x, b=b, A=A: sor(A, x, b, 1.4, iterations=4)),
        ):
            x = start.copy()
            call(x)
            out[key] = x.tolist()
        cases.append(out)
    Path(__file__).with_name("pyamg.json").write_text(json.dumps(cases) + "\n")


if __name__ == "__main__":
    main()

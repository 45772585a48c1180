# SPDX-License-Identifier: BSD-3-Clause
"""A Lasso path on a float32 matrix that is larger than memory, read through a read-only map.

Writes the matrix (Fortran order, neighbouring columns correlated by 0.5) to a file, solves the path
and prints time, passes over X, the worst duality gap and the peak of memory that is not the file's
page cache. Sizes are chosen by the caller; the file is removed afterwards unless --keep is given.

``python bench/out_of_core.py --gib 30 --rows 20000 --file /big/disk/X.f32``
"""

from __future__ import annotations

import argparse
import json
import os
import threading
import time
from pathlib import Path

import numpy as np

RHO, SEED, N_SIGNALS = 0.5, 0, 50


def write(path, n, p):
    """Write X (n, p) column by column and return the response, of unit variance."""
    rng = np.random.default_rng(SEED)
    signals = dict.fromkeys(np.linspace(0, p - 1, N_SIGNALS).astype(int).tolist())
    y, sign = np.zeros(n), 1.0
    last = np.zeros(n, dtype=np.float32)
    chunk = max(1, (1 << 26) // n)
    with path.open("wb") as file:
        for start in range(0, p, chunk):
            Z = rng.standard_normal((min(chunk, p - start), n), dtype=np.float32)
            for row in Z:
                row *= np.float32(np.sqrt(1 - RHO**2) if start or last.any() else 1.0)
                row += np.float32(RHO) * last
                last = row
            for j in signals:
                if start <= j < start + len(Z):
                    y += sign * Z[j - start]
                    sign = -sign
            last = last.copy()
            Z.tofile(file)
    y += rng.standard_normal(n) * y.std() / np.sqrt(3.0)
    return y / y.std()


class AnonymousMemory:
    """Peak of the process' memory that is not a mapped file, sampled; and what it was before."""

    def __enter__(self):
        self.before = self.peak = self._now()
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    @staticmethod
    def _now():
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("RssAnon")).split()[1])

    def _watch(self):
        while not self.done.wait(0.01):
            self.peak = max(self.peak, self._now())

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gib", type=float, default=1.0)
    parser.add_argument("--rows", type=int, default=20000)
    parser.add_argument("--file", type=Path, default=Path("X.f32"))
    parser.add_argument("--n-alphas", type=int, default=50)
    parser.add_argument("--eps", type=float, default=0.1)
    parser.add_argument("--tol", type=float, default=1e-6)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    from taut import _core

    n = options.rows
    p = int(options.gib * 2**30 / (4 * n))
    start = time.perf_counter()
    y = write(options.file, n, p)
    written = time.perf_counter() - start
    try:
        X = np.memmap(options.file, dtype=np.float32, mode="r", shape=(p, n)).T
        start, cpu = time.perf_counter(), time.process_time()
        with AnonymousMemory() as memory:
            path = _core.fit_path(
                X,
                y,
                "quadratic",
                n_alphas=options.n_alphas,
                eps=options.eps,
                tol=options.tol,
                n_threads=options.threads,
            )
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    finally:
        if not options.keep:
            options.file.unlink()
    print(
        json.dumps(
            {
                "shape": [n, p],
                "GiB": round(4 * n * p / 2**30, 2),
                "machine GiB": round(
                    os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1
                ),
                "seconds to write": round(written, 1),
                "wall": round(wall, 1),
                "CPU": round(cpu, 1),
                "full passes": path["stats"]["full_passes"],
                "partial passes": round(path["stats"]["partial_passes"], 2),
                "active at the end": int(path["n_active"][-1]),
                "worst gap": float((path["dual_gaps"] / path["null_loss"]).max()),
                "converged": bool(path["converged"].all()),
                "anonymous GiB before": round(memory.before / 2**30, 3),
                "anonymous GiB at peak": round(memory.peak / 2**30, 3),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: BSD-3-Clause
"""Time optimal transport of taut and of POT in one run, at marginal errors measured here.

Every line is the minimum of a few runs: the machine may be busy, and what it adds is never
negative. With --cpu the clock is the processor time of the process, which other work on the machine
disturbs least; use it with one thread.

POT's time to a tolerance is its time per iteration times the number of plain sweeps that the
tolerance takes (counted by taut with over-relaxation off: it is the same iteration), because
running its log form to the end takes many minutes.

Examples
--------
::

    python bench/ot.py --sizes 1000            # a minute
    python bench/ot.py --sizes 2000 4000 --threads 2
    python bench/ot.py --cloud 100000          # memory and time of a large cloud
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import resource
import sys
import threading
import time
import warnings
from functools import partial

CLOCK = time.perf_counter


def clouds(n, d=2):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, d)), rng.normal(size=(n, d)) + 1


def best(call, runs=3, limit=20.0):
    """Minimum wall time; fewer runs when they are long. Returns time and the last result."""
    least, spent = np.inf, 0.0
    for _ in range(runs):
        start = CLOCK()
        result = call()
        took = CLOCK() - start
        least, spent = min(least, took), spent + took
        if spent > limit:
            break
    return least, result


def bandwidth(threads):
    """Bytes a second that `threads` threads read from arrays too large for caches."""
    parts = [np.ones(8_000_000) for _ in range(threads)]

    def read():
        workers = [threading.Thread(target=part.sum) for part in parts]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    return sum(part.nbytes for part in parts) / best(read, runs=15)[0]


def line(name, seconds, note=""):
    print(f"  {name:<44}{1e3 * seconds:12.2f} ms   {note}", flush=True)


def bench_sinkhorn(n, share, threads, tol):
    X, Y = clouds(n)
    C = PointCloud(X, Y).matrix()
    reg = share * float(np.median(C))
    a = np.full(n, 1 / n)
    print(f"Sinkhorn n=m={n}, reg={share} median cost, tol={tol:g}, {threads} threads", flush=True)
    times, sweeps = {}, {}
    for name, options in {
        "taut kernel": dict(method="kernel"),
        "taut log": dict(method="log"),
        "taut kernel plain": dict(method="kernel", over_relax=False, max_iter=100_000),
        "taut log float32": dict(method="log", dtype=np.float32),
    }.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seconds, result = best(
                lambda o=options: sinkhorn(None, None, C, reg=reg, tol=tol, n_jobs=threads, **o)
            )
        times[name], sweeps[name] = seconds, result.n_iter
        error = max(result.marginal_error)
        line(name, seconds, f"{result.n_iter} sweeps, L1 error {error:.1e}, {result.converged}")
    plain = sweeps["taut kernel plain"]
    per = {}
    for name, form in {
        "taut log": "log",
        "taut kernel": "compact",
        "taut kernel64": "kernel",
    }.items():
        for kind in (np.float64, np.float32):
            cost = C.astype(kind)
            start = sinkhorn(None, None, cost, reg=reg, tol=1e-3).potentials

            def sweep(count, cost=cost, form=form, start=start):
                return _core.ot_sinkhorn(
                    cost, a, a, reg, *start, lam_a=np.inf, lam_b=np.inf, form=form, tol=1e-300,
                    max_iter=count, over_relax=False, n_threads=threads,
                )  # fmt: skip

            few, many = best(partial(sweep, 3), 5)[0], best(partial(sweep, 23), 5)[0]
            per[name, kind] = (many - few) / 20
            line(f"{name} {np.dtype(kind).name}, one sweep", per[name, kind])
    stream = bandwidth(threads)
    for name, size in {"taut kernel": 4, "taut kernel64": 8}.items():
        reached = size * n * n / per[name, np.float64]
        print(f"  {name}: {reached / 1e9:.1f} GB/s, {reached / stream:.2f} of {stream / 1e9:.1f}")
    if ot is None:
        return
    theirs = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for method, count in (("sinkhorn", 20), ("sinkhorn_log", 5)):

            def run(iterations, method=method):
                return ot.sinkhorn(
                    a, a, C, reg, method=method, stopThr=0.0, numItermax=iterations, warn=False
                )

            T = run(count)
            finite = np.isfinite(T).all() and T.sum() > 0.5
            one = best(partial(run, 1), 2, 60)[0]
            more = best(partial(run, 1 + count), 2, 60)[0]
            each = (more - one) / count
            line(f"POT {method}, one iteration", each, "" if finite else "fails: plan empty or NaN")
            if finite:
                theirs[method] = each * plain
    ours = min(times["taut kernel"], times["taut log"])
    peer = min(theirs.values())
    print(f"  best against best: {ours / peer:.4f}   (POT {peer:.2f} s for {plain} iterations)")
    log_ratio = times["taut log"] / theirs["sinkhorn_log"]
    print(f"  log against log, to tol: {log_ratio:.4f}")
    each = theirs["sinkhorn_log"] / plain
    print(f"  log against log, per sweep: {per['taut log', np.float64] / each:.4f}")
    ratio = per["taut log", np.float64] / per["taut log", np.float32]
    print(f"  float32 log sweep is {ratio:.2f} times as fast", flush=True)


def bench_smooth(n, threads, iterations):
    X, Y = clouds(n)
    C = np.asfortranarray(PointCloud(X, Y).matrix())
    C /= C.max()
    a = np.full(n, 1 / n)
    for k, reg in ((None, 1e-2 * n), (8, 1e-4 * n)):
        kind = "quadratic" if k is None else f"k={k}"
        options = dict(reg=reg) if k is None else dict(reg=reg, reg_type="sparse", max_nz=k)
        print(f"semi-dual {kind}, n=m={n}, reg={reg:g}, {threads} threads", flush=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            solve, result = best(lambda o=options: smooth_ot(None, None, C, n_jobs=threads, **o))
        scale = abs(result.value)
        line(
            "taut solve", solve,
            f"{result.n_iter} evaluations, gap {result.duality_gap / scale:.1e}, "
            f"error {max(result.marginal_error):.1e}, ties {result.n_ties}",
        )  # fmt: skip
        Ct, alpha = np.ascontiguousarray(C.T), np.ascontiguousarray(result.potentials[0])
        one = best(partial(_core.ot_semi_dual, Ct, a, a, reg, k or n, alpha, threads), 7)[0]
        line("taut evaluation, cold", one)
        if ot is None:
            continue
        from ot import smooth

        regul = (
            smooth.SquaredL2(gamma=reg)
            if k is None
            else smooth.SparsityConstrained(gamma=reg, max_nz=k)
        )
        silent = io.StringIO()
        with contextlib.redirect_stdout(silent):
            theirs = best(partial(smooth.semi_dual_obj_grad, alpha, a, a, C, regul), 3, 15)[0]
        line("POT evaluation", theirs)
        with contextlib.redirect_stdout(silent):
            start = CLOCK()
            T = smooth.smooth_ot_semi_dual(
                a, a, C, reg, reg_type="l2" if k is None else "sparsity_constrained",
                **({} if k is None else {"max_nz": k}), numItermax=iterations, stopThr=1e-12,
            )  # fmt: skip
            took = CLOCK() - start
        error = np.abs(T.sum(axis=1) - a).sum()
        line("POT solve", took, f"at most {iterations} iterations, error {error:.1e}")
        reached = "" if error <= 1e-6 else " and POT is not there yet"
        print(f"  evaluation {one / theirs:.4f}, solve {solve / took:.4f}{reached}", flush=True)


def bench_cloud(n, threads, k):
    X, Y = clouds(n, 3)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = smooth_ot(
            None, None, PointCloud(X, Y), reg=1e-2 * n, reg_type="sparse", max_nz=k, n_jobs=threads,
            tol=1e-5, max_iter=250,
        )  # fmt: skip
    took = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"cloud n=m={n}, d=3, k={k}: {took:.1f} s, {result.n_iter} evaluations")
    print(f"  gap {result.duality_gap / result.value:.1e} of the value {result.value:.6f}")
    print(f"  marginal error {max(result.marginal_error):.1e}, converged {result.converged}")
    print(f"  {result.plan.nnz} entries, {result.n_ties} ties")
    print(f"  peak RSS {peak / 1024:.0f} MB, {before / 1024:.0f} MB before", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[])
    parser.add_argument("--shares", type=float, nargs="*", default=[0.05, 0.005])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tol", type=float, default=1e-6)
    parser.add_argument("--iterations", type=int, default=100, help="of POT's L-BFGS")
    parser.add_argument("--cloud", type=int, default=0)
    parser.add_argument("--max-nz", type=int, default=8)
    parser.add_argument("--cpu", action="store_true", help="measure processor time")
    parser.add_argument("--only", choices=("sinkhorn", "smooth"))
    arguments = parser.parse_args()
    CLOCK = time.process_time if arguments.cpu else time.perf_counter
    for variable in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{variable}_NUM_THREADS"] = str(arguments.threads)
    sys.path.pop(0)  # this file has the name of the package
    import numpy as np

    try:
        import ot
    except ImportError:
        ot = None
    from taut import _core
    from taut.ot import PointCloud, sinkhorn, smooth_ot

    print(json.dumps({"load": os.getloadavg(), "POT": getattr(ot, "__version__", None)}))
    for n in arguments.sizes:
        if arguments.only != "smooth":
            for share in arguments.shares:
                bench_sinkhorn(n, share, arguments.threads, arguments.tol)
        if arguments.only != "sinkhorn":
            bench_smooth(n, arguments.threads, arguments.iterations)
    if arguments.cloud:
        bench_cloud(arguments.cloud, arguments.threads, arguments.max_nz)

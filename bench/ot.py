# SPDX-License-Identifier: BSD-3-Clause
"""Time optimal transport of taut, POT, ott-jax and geomloss in one run, at errors measured here.

Each package runs in a process, and where it is not importable in an environment, of its own, which
is made at first use. Every line is the minimum of a few runs: the machine may be busy, and what it
adds is never negative. Floors are bytes over the bandwidth of memory in the same run;
a matrix that fits in cache can pass them, and so can one on a machine that was busier a moment ago.

A peer's time to a tolerance is its time per iteration times the number of plain sweeps that the
tolerance takes (counted by taut with over-relaxation off: it is the same iteration), because
running some to the end takes many minutes. For geomloss, whose strength falls on a schedule of its
own and whose updates are averages, that flatters.

Examples
--------
::

    python bench/ot.py --sizes 1000            # a minute
    python bench/ot.py --sizes 2000 4000 --only sinkhorn
    python bench/ot.py --sizes 1000 4000 --only smooth
    python bench/ot.py --paper                 # values against k, and routing
    python bench/ot.py --cloud 100000          # memory and time of a large cloud
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import venv
import warnings
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEERS = {
    "pot": ("ot", ["POT==0.9.7.post1", "scipy"]),
    "ott": ("ott", ["ott-jax==0.6.0"]),
    "geomloss": ("geomloss", ["geomloss==0.3.1", "torch"]),
}


def interpreter(peer):
    """Return a Python that has the package, making its environment at first use."""
    module, requirements = PEERS[peer]
    if importlib.util.find_spec(module) is not None:
        return sys.executable
    home = HERE / ".envs" / peer
    python = home / "bin" / "python"
    if not python.exists():
        print(f"making the environment of {peer} ...", flush=True)
        venv.create(home, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *requirements], check=True)
    return str(python)


def ask(peer, threads, **data):
    """Answer of ot_worker.py, or None where the package cannot be had."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "problem.npz"
        np.savez(path, **data)
        command = [interpreter(peer), str(HERE / "ot_worker.py"), peer, str(path), str(threads)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"  {peer}: {(done.stderr.strip().splitlines() or ['no answer'])[-1][:150]}")
        return None
    return json.loads(done.stdout.splitlines()[-1])


def clouds(n, d=2):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, d)), rng.normal(size=(n, d)) + 1


def best(call, runs=3, limit=20.0):
    """Minimum wall time; fewer runs when they are long. Returns time and the last result."""
    least, spent = np.inf, 0.0
    for _ in range(runs):
        start = time.perf_counter()
        result = call()
        took = time.perf_counter() - start
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


def bench_sinkhorn(n, share, threads, tol, peers):
    X, Y = clouds(n)
    C = PointCloud(X, Y).matrix()
    reg = share * float(np.median(C))
    a = np.full(n, 1 / n)
    print(f"Sinkhorn n=m={n}, reg={share} median cost, tol={tol:g}, {threads} threads", flush=True)
    stream = bandwidth(threads)
    times, sweeps = {}, {}
    for name, runs, options in (
        ("taut kernel", 5, dict(method="kernel")),
        ("taut log", 5, dict(method="log")),
        ("taut log float32", 5, dict(method="log", dtype=np.float32, max_iter=2000)),
        ("taut kernel plain", 1, dict(method="kernel", over_relax=False, max_iter=100_000)),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seconds, result = best(
                lambda o=options: sinkhorn(None, None, C, reg=reg, tol=tol, n_jobs=threads, **o),
                runs,
            )
        times[name], sweeps[name] = seconds, result.n_iter
        error = max(result.marginal_error)
        line(name, seconds, f"{result.n_iter} sweeps, L1 error {error:.1e}, {result.converged}")
    plain = sweeps["taut kernel plain"]
    per = {}
    start = sinkhorn(None, None, C, reg=reg, tol=1e-3).potentials
    for name, form, kind, entry in (
        ("kernel, as tol=1e-6 takes it", "compact", np.float64, 4),
        ("kernel in float64", "kernel", np.float64, 8),
        ("log, as tol=1e-6 takes it", "log_compact", np.float64, 8),
        ("log in float64", "log", np.float64, 8),
        ("log in float32", "log", np.float32, 4),
    ):
        cost = C.astype(kind)

        def sweep(count, cost=cost, form=form):
            return _core.ot_sinkhorn(
                cost, a, a, reg, *start, lam_a=np.inf, lam_b=np.inf, form=form, tol=1e-300,
                max_iter=count, over_relax=False, n_threads=threads,
            )  # fmt: skip

        few, many = best(partial(sweep, 3), 7)[0], best(partial(sweep, 43), 5)[0]
        per[name] = (many - few) / 40
        floor = entry * n * n / stream
        line(f"taut {name}, one sweep", per[name],
             f"floor {1e3 * floor:.2f} ms, one read at {stream / 1e9:.1f} GB/s: "
             f"{floor / per[name]:.2f} of it")  # fmt: skip
    theirs = {}
    for peer in peers:
        answer = ask(peer, threads, X=X, Y=Y, reg=reg)
        for form, result in (answer or {"forms": {}})["forms"].items():
            note = "" if result["fine"] else "fails: plan empty or NaN"
            if peer == "geomloss":
                note = f"its {result['iterations']} steps end at an error of {result['error']:.1e}"
            line(f"{peer} {answer['version']} {form}, one iteration", result["seconds"], note)
            if result["fine"]:
                theirs[peer, form] = result["seconds"] * plain
    if not theirs:
        return
    ours = min(times["taut kernel"], times["taut log"])
    first = min(theirs, key=theirs.get)
    print(f"  best against best: {ours / theirs[first]:.4f}   ({' '.join(first)}, "
          f"{theirs[first]:.2f} s for {plain} iterations)")  # fmt: skip
    logs = {key: seconds for key, seconds in theirs.items() if key[1] == "log"}
    for key, seconds in logs.items():
        ratio, each = times["taut log"] / seconds, per["log, as tol=1e-6 takes it"] * plain
        print(f"  log against {' '.join(key)}: to tol {ratio:.4f}, a sweep {each / seconds:.4f}")
    ratio = per["log in float64"] / per["log in float32"]
    closer = per["log, as tol=1e-6 takes it"] / per["log in float32"]
    print(f"  a float32 log sweep is {ratio:.2f} times as fast as one in float64, "
          f"{closer:.2f} times as fast as that for tol=1e-6", flush=True)  # fmt: skip


def bench_smooth(n, threads, iterations, peers):
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
            solve, result = best(lambda o=options: smooth_ot(None, None, C, n_jobs=threads, **o), 5)
        scale = abs(result.value)
        line(
            "taut solve", solve,
            f"{result.n_iter} evaluations, gap {result.duality_gap / scale:.1e}, "
            f"error {max(result.marginal_error):.1e}, ties {result.n_ties}",
        )  # fmt: skip
        Ct, alpha = np.ascontiguousarray(C.T), np.ascontiguousarray(result.potentials[0])
        value = partial(_core.ot_semi_dual, Ct, a, a, reg, k or n, n_threads=threads)
        # A call also looks for NaN among the costs, and copies the plan.
        once = best(partial(value, alpha), 5)[0]
        one = (best(partial(value, alpha, repeats=41), 5)[0] - once) / 40
        floor = Ct.nbytes / bandwidth(threads)
        line("taut evaluation, cold", one, f"floor {1e3 * floor:.2f} ms, one read of the costs")
        if "pot" not in peers:
            continue
        answer = ask(
            "pot", threads, X=X, Y=Y, reg=reg, max_nz=k or 0, alpha=alpha,
            iterations=iterations[0], dual_iterations=iterations[1],
        )  # fmt: skip
        if answer is None:
            continue
        for form, theirs in answer["forms"].items():
            line(f"POT {form} evaluation", theirs["evaluation"])
            gap = (result.value - value(np.array(theirs["alpha"]))["value"]) / scale
            there = "reaches it" if gap <= 1e-6 else "not there yet: the true ratio is smaller"
            line(f"POT {form} solve", theirs["solve"], f"gap {gap:.1e}")
            print(
                f"  against POT's {form}: evaluation {one / theirs['evaluation']:.4f}, "
                f"solve {solve / theirs['solve']:.4f} ({there})", flush=True,
            )  # fmt: skip


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


def bench_paper(threads):
    """Values against the limit k, and routing, as the paper's tables have them; for figures."""
    case = json.loads((HERE.parent / "tests/references/ot/colors.json").read_text())
    x, y = np.array(case["source"]) / 256, np.array(case["target"]) / 256
    a, b = (np.array(case[f"{side}_counts"]) + 0.0 for side in ("source", "target"))
    a, b = (w / w.sum() + 1e-9 for w in (a, b))
    a, b = a / a.sum(), b / b.sum()
    C = PointCloud(x, y).matrix()
    print(f"256 colours, reg=1; linear program {case['linear_program']:.6f}")
    print(
        "     k      value        gap   <T, C>   filled   row error^2  ties  evals  L-BFGS to 1e-2"
    )
    for k in (1, 2, 4, 8, 256):
        options = dict(reg=1.0, reg_type="sparse", max_nz=k, n_jobs=threads)
        result = smooth_ot(a, b, C, max_iter=3000, **options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            plain = smooth_ot(a, b, C, solver="lbfgs", tol=1e-2, **options)
        T = result.plan.toarray()
        count = plain.n_iter if plain.converged else f"stalls at {plain.marginal_error[0]:.2f}"
        print(
            f"{k:6d} {result.value:.8f} {result.duality_gap / result.value:10.1e} "
            f"{(T * C).sum():.6f} {(T > 0).mean():8.5f} {((T.sum(axis=1) - a) ** 2).sum():12.2e} "
            f"{result.n_ties:5d} {result.n_iter:6d}  {count}"
        )
    rng = np.random.default_rng(0)
    for groups, tokens, experts in ((64, 256, 8), (32, 1024, 32)):
        scores = np.exp(rng.normal(size=(groups, tokens, experts)))
        scores /= scores.sum(axis=2, keepdims=True)
        seconds, routes = best(partial(sparse_route, scores, n_jobs=threads), 5)
        top = np.argsort(-scores, axis=1)[:, : tokens // experts]
        left = 1 - np.mean([np.unique(rows).size for rows in top]) / tokens
        line(
            f"routing {tokens} tokens, {experts} experts, a group", seconds / groups,
            f"tokens without expert {(routes.counts == 0).mean():.3f}, "
            f"by scores alone {left:.3f}; fullest expert "
            f"{(routes.indices >= 0).sum(axis=2).max()} of {tokens // experts}",
        )  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[])
    parser.add_argument("--shares", type=float, nargs="*", default=[0.05, 0.005])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tol", type=float, default=1e-6)
    parser.add_argument(
        "--iterations",
        type=int,
        nargs=2,
        default=[60, 300],
        help="POT's L-BFGS: semi, dual",
    )
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--cloud", type=int, default=0)
    parser.add_argument("--max-nz", type=int, default=8)
    parser.add_argument("--paper", action="store_true", help="values against k, and routing")
    parser.add_argument("--only", choices=("sinkhorn", "smooth"))
    arguments = parser.parse_args()
    for variable in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{variable}_NUM_THREADS"] = str(arguments.threads)
    sys.path.pop(0)  # this file has the name of a package
    import numpy as np

    from taut import _core
    from taut.ot import PointCloud, sinkhorn, smooth_ot, sparse_route

    print(json.dumps({"load": os.getloadavg()}))
    for n in arguments.sizes:
        if arguments.only != "smooth":
            for share in arguments.shares:
                bench_sinkhorn(n, share, arguments.threads, arguments.tol, arguments.peers)
        if arguments.only != "sinkhorn":
            bench_smooth(n, arguments.threads, arguments.iterations, arguments.peers)
    if arguments.cloud:
        bench_cloud(arguments.cloud, arguments.threads, arguments.max_nz)
    if arguments.paper:
        bench_paper(arguments.threads)

# SPDX-License-Identifier: BSD-3-Clause
"""CoLiDE against the same algorithm in NumPy, and against other learners of linear DAGs.

``NumpyColide`` is the algorithm as its authors' code runs it (SciPy's inverse and three products an
iteration), written from the description of it; the graphs are those of ``make_linear_sem`` with
unit variances ("ev") or variances between 0.5 and 10 ("nv"), four edges a node, a thousand rows.

Examples
--------
::

    python bench/graph.py iterations                     # microseconds an iteration, two minutes
    python bench/graph.py iterations --sizes 100 200 --threads 2
    python bench/graph.py graphs --sizes 50 --seeds 10   # whole fits: distance and seconds
    python bench/graph.py graphs --sizes 50 --seeds 3 --numpy --peers
    python bench/graph.py graphs --sizes 500 --seeds 1 --presets fast --peers --limit 300

With ``--limit`` every fit has a process of its own that is ended after so many seconds.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
import warnings
from functools import partial

CLOCK = time.perf_counter
CPU_CLOCK = time.process_time
STAGES = ((1.0, 1.0), (0.1, 0.9), (0.01, 0.8), (0.001, 0.7))
SHORT = {"warm_iter": 5_000, "max_iter": 10_000}
#: The schedule of dagma.
FIVE = {"s": (1.0, 0.9, 0.8, 0.7, 0.6), "warm_iter": 30_000, "max_iter": 60_000}


class NumpyColide:
    """CoLiDE as a loop over NumPy calls."""

    def __init__(self, noise, alpha=0.05, lr=3e-4, warm_iter=20_000, max_iter=70_000):
        self.noise, self.alpha, self.lr = noise, alpha, lr
        self.limits = (warm_iter, warm_iter, warm_iter, max_iter)

    def fit(self, X):
        X = X - X.mean(axis=0)
        self.C = X.T @ X / len(X)
        W = np.zeros_like(self.C)
        deviation = np.sqrt(np.diag(self.C))
        sigma = deviation.min() if self.noise == "equal" else deviation
        self.n_iter_ = 0
        for (mu, s), limit in zip(STAGES, self.limits, strict=True):
            lr, done = self.lr, None
            while done is None:
                done = self.stage(W.copy(), sigma, mu, s, lr, limit)
                lr, s = lr / 2, s + 0.1
            W, sigma = done
        self.weights_ = W
        return self

    def scale(self, W):
        rest = np.eye(len(W)) - W
        residual = rest.T @ (self.C @ rest)
        if self.noise == "equal":
            return np.sqrt(np.trace(residual) / len(W))
        return np.sqrt(np.diag(residual))

    def objective(self, W, sigma, mu, s):
        d = len(W)
        rest = np.eye(d) - W
        q = np.diag(rest.T @ (self.C @ rest))
        score = np.sum(q / sigma + sigma) / 2 + self.alpha * np.abs(W).sum()
        return mu * score + d * np.log(s) - np.linalg.slogdet(s * np.eye(d) - W * W)[1]

    def stage(self, W, sigma, mu, s, lr, limit):
        """W and sigma at the end, or None where W has left the domain."""
        eye, m, v, step, before = np.eye(len(W)), 0.0, 0.0, 0.0, 1e16
        for t in range(1, limit + 1):
            M = scipy.linalg.inv(s * eye - W * W)
            while np.any(M < -1e-6):
                if t == 1 or s <= 0.9:
                    return None
                W = W + lr * step
                lr /= 2
                if lr <= 1e-16:
                    return W, sigma
                W = W - lr * step
                sigma = self.scale(W)
                M = scipy.linalg.inv(s * eye - W * W)
            if self.noise == "equal":
                pull = -mu * self.C @ (eye - W) / sigma
            else:
                pull = -mu * (self.C @ (eye - W) @ np.diag(1 / sigma))
            G = pull + mu * self.alpha * np.sign(W) + 2 * W * M.T
            m = 0.99 * m + 0.01 * G
            v = 0.999 * v + 0.001 * G**2
            step = (m / (1 - 0.99**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
            W -= lr * step
            sigma = self.scale(W)
            self.n_iter_ += 1
            if t % 1000 == 0 or t == limit:
                now = self.objective(W, sigma, mu, s)
                if abs((before - now) / before) <= 1e-6:
                    break
                before = now
        return W, sigma


def graph(d, kind, seed):
    variance = 1.0 if kind == "ev" else (0.5, 10.0)
    X, W, _ = make_linear_sem(1000, d, variance=variance, random_state=seed)
    return X, W


def noise_of(kind):
    return "equal" if kind == "ev" else "unequal"


# --- one iteration ---


def bench_iterations(sizes, threads, runs):
    """Median over runs of both, which take turns."""
    for d in sizes:
        count = max(20, min(3000, int(4e8 / d**3)))
        for kind in ("ev", "nv"):
            X, _ = graph(d, kind, 0)
            centred = X - X.mean(axis=0)
            C = np.asfortranarray(centred.T @ centred / len(X))
            theirs = NumpyColide(noise_of(kind))
            theirs.C, theirs.n_iter_ = C, 0
            deviation = np.sqrt(np.diag(C))
            first = deviation.min() if kind == "ev" else deviation

            def numpy_loop(theirs=theirs, first=first, d=d, count=count):
                assert theirs.stage(np.zeros((d, d)), first, 1.0, 1.0, 3e-4, count) is not None

            def kernel(lag, n_threads, C=C, kind=kind, count=4 * count):
                _core.graph_colide(
                    C, None, noise=noise_of(kind), alpha=0.05, mu=np.ones(1), s=np.ones(1),
                    max_iter=np.array([count]), lr=3e-4, beta1=0.99, beta2=0.999, tol=0.0,
                    checkpoint=10**9, inverse_lag=lag, float_steps=lag > 1, n_threads=n_threads,
                )  # fmt: skip

            calls = {"numpy": (numpy_loop, count)}
            for n_threads in range(1, threads + 1):
                for preset, lag in (("paper", 1), ("fast", 8)):
                    name = f"{preset} {n_threads}t"
                    calls[name] = (lambda lag=lag, n=n_threads: kernel(lag, n), 4 * count)
            if threads > 1 or d > 200:
                del calls["numpy"]  # its threads spin against ours; too slow for the large ones
            taken = {name: [] for name in calls}
            for _ in range(runs):
                for name, (call, n) in calls.items():
                    start = CLOCK()
                    call()
                    taken[name].append((CLOCK() - start) / n)
            median = {name: 1e6 * float(np.median(t)) for name, t in taken.items()}
            base = median.get("numpy")
            line = f"d={d:<4} {kind}"
            for name, us in median.items():
                line += f"   {name} {us:.1f} us"
                if base is not None and name != "numpy":
                    line += f" ({base / us:.1f}x)"
                if name.endswith("2t"):
                    line += f" ({median[name[:-2] + '1t'] / us:.2f}x of one)"
            print(line, flush=True)


# --- whole graphs ---


def sort_and_regress(X):
    """Order by variance, Lasso on the earlier variables with the strength of BIC (Reisach 2021)."""
    order = np.argsort(X.var(axis=0))
    W = np.zeros((X.shape[1],) * 2)
    for place, j in enumerate(order[1:], start=1):
        earlier = order[:place]
        weight = np.abs(LinearRegression().fit(X[:, earlier], X[:, j]).coef_)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            lasso = LassoLarsIC("bic").fit(X[:, earlier] * weight, X[:, j])
        W[earlier, j] = lasso.coef_ * weight
    return W


def dagma(X):
    from dagma.linear import DagmaLinear

    return DagmaLinear(loss_type="l2", verbose=False).fit(X.copy(), lambda1=0.03, w_threshold=0.0)


def notears(X):
    from castle.algorithms import Notears

    learner = Notears(lambda1=0.1, w_threshold=0.0)
    learner.learn(X)
    return np.asarray(learner.weight_causal_matrix)


def golem(X, kind):
    from castle.algorithms import GOLEM

    options = dict(lambda_2=5.0, num_iter=100_000, graph_thres=0.0, device_type="cpu", seed=1)
    # Centred: its likelihood has no intercepts. Unequal scales start where equal ones end.
    X = X - X.mean(axis=0)
    learner = GOLEM(equal_variances=True, lambda_1=0.02, **options)
    learner.learn(X)
    if kind == "nv":
        start = np.asarray(learner.weight_causal_matrix, dtype=float)
        learner = GOLEM(start, equal_variances=False, lambda_1=2e-3, **options)
        learner.learn(X)
    return np.asarray(learner.weight_causal_matrix)


def pruned(W):
    return _core.graph_prune(np.asfortranarray(W, dtype=float), 0.3)["edges"]


def learners(kind, arguments):
    noise = noise_of(kind)
    out = {}
    for preset in arguments.presets:

        def fit(X, preset=preset, **options):
            model = CoLiDE(noise, preset=preset, n_jobs=arguments.threads, **options).fit(X)
            return model.adjacency_, model.n_iter_

        out[f"taut {preset}"] = fit
        if preset != "thorough":
            out[f"taut {preset}, refined"] = partial(fit, refine=True)
    # A fifth of the iterations, for hundreds of nodes.
    out["taut short, refined"] = lambda X: fit(X, "fast", refine=True, **SHORT)
    if arguments.numpy:

        def loop(X):
            model = NumpyColide(noise).fit(X)
            return pruned(model.weights_), model.n_iter_

        out["numpy"] = loop
    out["sort, regress"] = lambda X: (pruned(sort_and_regress(X)), 0)
    if arguments.peers:
        out["taut DAGMA"] = lambda X: (
            CoLiDE("none", alpha=0.03, n_jobs=arguments.threads, **FIVE).fit(X).adjacency_,
            0,
        )
        out["dagma"] = lambda X: (pruned(dagma(X)), 0)
        out["NOTEARS"] = lambda X: (pruned(notears(X)), 0)
        out["GOLEM"] = lambda X: (pruned(golem(X, kind)), 0)
    return {n: f for n, f in out.items() if not arguments.only or n in arguments.only}


def measure(name, d, kind, seed, arguments):
    """Distance, shares of true and false edges, seconds and iterations of one fit."""
    X, W = graph(d, kind, seed)
    learn = learners(kind, arguments)[name]
    clock = CPU_CLOCK if arguments.cpu else CLOCK
    start = clock()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        A, n_iter = learn(X)
    took = clock() - start
    found = graph_metrics(W, A, sid=False)
    return found["shd"], found["tpr"], found["fdr"], took, n_iter


def send(pipe, *task):
    try:
        pipe.send(measure(*task))
    except ImportError as error:
        pipe.send(error)


def measure_within(limit, *task):
    """What `measure` returns, or None after `limit` seconds."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=send, args=(theirs, *task))
    child.start()
    theirs.close()
    try:
        found = ours.recv() if ours.poll(limit) else None
    finally:
        child.terminate()
        child.join()
    if isinstance(found, ImportError):
        raise found
    return found


def bench_graphs(arguments):
    for d in arguments.sizes:
        for kind in arguments.kinds:
            print(
                f"d={d} {kind}, {arguments.seeds} graphs, {arguments.threads} threads", flush=True
            )
            for name in learners(kind, arguments):
                rows = []
                for seed in range(arguments.seeds):
                    task = (name, d, kind, seed, arguments)
                    try:
                        if arguments.limit is None:
                            row = measure(*task)
                        else:
                            row = measure_within(arguments.limit, *task)
                    except ImportError as error:
                        print(f"  {name:<16} not installed: {error}")
                        break
                    if row is None:
                        print(
                            f"  {name:<16} graph {seed}: no end in {arguments.limit:g} s",
                            flush=True,
                        )
                        break
                    rows.append(row)
                if not rows:
                    continue
                r = np.array(rows)
                shd = f"{r[:, 0].mean():7.1f} +/- {r[:, 0].std():5.1f}"
                print(
                    f"  {name:<16} SHD {shd}   TPR {r[:, 1].mean():.3f}   FDR {r[:, 2].mean():.3f}"
                    f"   {r[:, 3].mean():8.2f} s   {r[:, 4].mean():8.0f} iterations   "
                    f"{r[:, 0].astype(int).tolist()}",
                    flush=True,
                )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("iterations", "graphs"))
    parser.add_argument("--sizes", type=int, nargs="+")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--kinds", nargs="+", default=["ev", "nv"])
    parser.add_argument("--presets", nargs="+", default=["paper", "fast", "thorough"])
    parser.add_argument("--numpy", action="store_true", help="also the NumPy loop")
    parser.add_argument("--peers", action="store_true", help="also dagma and gcastle")
    parser.add_argument("--cpu", action="store_true", help="processor time, for a busy machine")
    parser.add_argument("--only", nargs="+", help="these learners alone")
    parser.add_argument("--limit", type=float, help="seconds that a fit may take")
    arguments = parser.parse_args()
    if arguments.what == "iterations":
        bench_iterations(arguments.sizes or [50, 100, 200], arguments.threads, arguments.runs)
    else:
        arguments.sizes = arguments.sizes or [50]
        bench_graphs(arguments)


if __name__ == "__main__":
    # Before NumPy is loaded: one BLAS thread for everybody.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402
import scipy.linalg  # noqa: E402
from sklearn.linear_model import LassoLarsIC, LinearRegression  # noqa: E402

from taut import _core  # noqa: E402
from taut.datasets import make_linear_sem  # noqa: E402
from taut.graph import CoLiDE  # noqa: E402
from taut.metrics import graph_metrics  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())

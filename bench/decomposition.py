# SPDX-License-Identifier: BSD-3-Clause
"""Sparse codes of natural patches: error against activity, filters, speed by scikit-learn's.

The two photographs of scikit-learn, whitened; patches of 12 x 12 without their mean, 200 atoms.
Error is ``||S - R D||^2 / ||S||^2`` on patches that learning has not seen; "refit" is least squares
on the same atoms. Every penalty is brought to the same mean number of active atoms. OMP is that of
scikit-learn, down to one residual for all of 1000 patches, in the dictionary of the row.

    python bench/decomposition.py curves     # minutes
    python bench/decomposition.py speed      # half a minute, one thread
    python bench/decomposition.py sizes      # dictionaries of other sizes
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
import warnings

SIDE, ATOMS = 12, 200


def patches(n, seed):
    from sklearn.datasets import load_sample_images

    photographs = [whiten(image.mean(axis=2)) for image in load_sample_images().images]
    return extract_patches(photographs, (SIDE, SIDE), n, random_state=seed)


def error(X, codes, D):
    rest = X - codes @ D
    return float((rest * rest).sum() / (X * X).sum())


def at_activity(X, D, target, alpha, **options):
    """Codes whose mean activity is within a percent of the target, by bisection on log alpha."""
    low, high = None, None
    for _ in range(30):
        codes = sparse_encode(X, D, alpha=alpha, **options)
        active = (codes != 0).sum(axis=1).mean()
        if abs(active / target - 1) < 0.01:
            break
        if active > target:
            low = alpha
            alpha = alpha * 1.5 if high is None else np.sqrt(low * high)
        else:
            high = alpha
            alpha = alpha / 1.5 if low is None else np.sqrt(low * high)
    return codes, alpha, active


def learn(X, penalty, target, n_atoms, epochs, alpha=0.5, atoms=None):
    start = time.process_time()
    model = DictionaryLearner(
        n_atoms, penalty=penalty, alpha=alpha, target_sparsity=target, n_epochs=epochs,
        dict_init=atoms, random_state=0,
    ).fit(X)  # fmt: skip
    return model, time.process_time() - start


def omp(X, D, target):
    """OMP down to one squared residual for all patches, bisected to the mean activity."""
    low, high = 0.0, float((X * X).sum(axis=1).max())
    for _ in range(14):
        middle = 0.5 * (low + high)
        codes = orthogonal_mp_gram(
            D @ D.T, D @ X.T, tol=middle, norms_squared=(X * X).sum(axis=1)
        ).T
        active = (codes != 0).sum(axis=1).mean()
        if abs(active / target - 1) < 0.01:
            break
        low, high = (middle, high) if active > target else (low, middle)
    return codes


def penalties():
    return L1(), Lq(2 / 3), Lq(0.5), SCAD(), MCP(), CEL0(), L0()


def curves(arguments):
    X, held_out = patches(arguments.patches, 1), patches(arguments.test, 2)
    for target in arguments.active:
        print(f"{target} active atoms on average, {arguments.epochs} epochs of {len(X)} patches")
        print(f"{'penalty':22s}{'alpha':>8s}{'error':>8s}{'refit':>8s}{'OMP':>8s}", end="")
        print(f"{'to l1':>8s}{'learning':>10s}  dead", flush=True)
        first = atoms = None
        for penalty in (*penalties(), "cel0 from l1's"):
            start = None
            if isinstance(penalty, str):
                name, penalty, start = penalty, CEL0(), atoms
            else:
                name = repr(penalty)
            model, took = learn(X, penalty, target, ATOMS, arguments.epochs, atoms=start)
            D = model.components_
            atoms = D if penalty.name == "l1" else atoms
            codes, alpha, _ = at_activity(held_out, D, target, model.alpha_, penalty=penalty)
            refitted = sparse_encode(held_out, D, penalty=penalty, alpha=alpha, refit=True)
            now, part = error(held_out, codes, D), held_out[:1000]
            first = first or now
            print(f"{name:22s}{alpha:8.3f}{now:8.4f}{error(held_out, refitted, D):8.4f}", end="")
            print(f"{error(part, omp(part, D, target), D):8.4f}{now / first:8.2f}", end="")
            print(f"{took:8.1f} s  {model.n_dead_}", flush=True)
            if penalty.name in ("l1", "cel0"):
                filters(model, held_out)
            if penalty.name == "cel0":
                same_dictionary(held_out, D, target, alpha)


def filters(model, X):
    used = model.usage_ > 0.01 * model.usage_.mean()
    start = time.process_time()
    shape = (SIDE, SIDE)
    fit = gabor_fit(model.components_[used], shape)
    tuned = orientation_selectivity(model.components_[used], shape)
    print(
        f"  filters: {used.sum()} used, {np.mean(fit.r2 > 0.7):.2f} with Gabor R^2 > 0.7, ", end=""
    )
    print(
        f"median R^2 {np.median(fit.r2):.2f}, orientation selectivity {np.median(tuned):.2f} ",
        end="",
    )
    print(f"({time.process_time() - start:.0f} s)")


def same_dictionary(X, D, target, alpha):
    """Ways of coding in one dictionary."""
    X = X[:1000]
    for penalty, method, init in (
        ("cel0", "cd", "zero"), ("cel0", "cd", "continuation"), ("cel0", "cd", "l1"),
        ("cel0", "ista", "zero"), ("cel0", "ista", "continuation"),
        ("l0", "ista", "zero"), ("l0", "ista", "continuation"),
    ):  # fmt: skip
        codes, *_ = at_activity(
            X, D, target, alpha, penalty=penalty, method=method, init=init, max_iter=2000
        )
        print(f"  this dictionary, {penalty}, {method}, from {init}: {error(X, codes, D):.4f}")


def sizes(arguments):
    X, held_out = patches(arguments.patches, 1), patches(arguments.test, 2)
    target = arguments.active[-1]
    for n_atoms in arguments.sizes:
        for penalty in (L1(), CEL0()):
            model, took = learn(X, penalty, target, n_atoms, arguments.epochs)
            codes, *_ = at_activity(
                held_out, model.components_, target, model.alpha_, penalty=penalty
            )
            now = error(held_out, codes, model.components_)
            print(f"{n_atoms} atoms, {penalty!r}: error {now:.4f}, {took:.0f} s", flush=True)


def timed(run, repeats):
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def speed(arguments):
    """Codes per second, and scikit-learn's time at an objective that is at least ours."""
    X, held_out = patches(20000, 1), patches(8192, 2)
    print(f"{'penalty':22s}{'alpha':>8s}{'active':>8s}{'float64':>10s}{'float32':>10s}", end="")
    print(f" codes/s{'updates':>9s}{'pulls':>9s}{'bound':>10s}")
    chain = one_update()
    print(f"one update after the other: {1e9 * chain:.1f} ns")
    for target in (5, 10):
        for penalty in penalties():
            model, _ = learn(X, penalty, target, ATOMS, 1)
            alpha, D = model.alpha_, model.components_
            rates = []
            for dtype in (np.float64, np.float32):
                coder = SparseCoder(D.astype(dtype), penalty=penalty, alpha=alpha)
                signals = held_out.astype(dtype)
                coder.fit(signals)
                rates.append(len(signals) / timed(lambda c=coder, s=signals: c.transform(s), 3))
            active = (coder.transform(signals) != 0).sum(axis=1).mean()
            print(
                f"{penalty!r:22s}{alpha:8.3f}{active:8.1f}{rates[0]:10.0f}{rates[1]:10.0f}        ",
                end="",
            )
            roofline(held_out, D, penalty, alpha, chain)
            if penalty.name == "l1":
                against_sklearn(held_out, D, alpha)


def one_update():
    """Seconds of one update of descent with L1, the shortest of all.

    Updates wait for one another: pull, prox, difference, pull of the next. Timed on one signal in
    two atoms so alike that sweeps do not end.
    """
    atoms = np.array([[1.0, 0.0], [1.0, 1e-5]]) / np.sqrt([[1.0], [1 + 1e-10]])

    def descend():
        return _core.decomposition_encode(
            np.array([[3.0, 2.0]]), atoms, penalty="l1", gamma=1.0, alpha=0.5, method="cd",
            init="zero", max_iter=100_000, tol=0.0, nonnegative=False, refit=False, dense=False,
            n_threads=1,
        )  # fmt: skip

    return timed(descend, 3) / descend()["n_updates"]


def roofline(X, D, penalty, alpha, chain):
    """What descent cannot go below: its updates at L1's pace, and one product for the pulls."""
    name, gamma = coding_penalty(penalty, "cd")
    raw = _core.decomposition_encode(
        X, D, penalty=name, gamma=gamma, alpha=alpha, method="cd", init="zero", max_iter=1000,
        tol=1e-4, nonnegative=False, refit=False, dense=False, n_threads=1,
    )  # fmt: skip
    updates = raw["n_updates"] / len(X)
    pulls = timed(lambda: X @ D.T, 5) / len(X)
    print(f"{updates:9.0f}{1e6 * pulls:6.1f} us{1 / (updates * chain + pulls):10.0f}", flush=True)


def against_sklearn(X, D, alpha):
    n = 512
    part = X[:n]

    def above(codes, best):
        mine = coding_objective(part, D, codes, penalty="l1", alpha=alpha).mean()
        return mine / best - 1

    exact = sparse_encode(part, D, penalty="l1", alpha=alpha, tol=1e-10, max_iter=100000)
    best = coding_objective(part, D, exact, penalty="l1", alpha=alpha).mean()
    options = dict(penalty="l1", alpha=alpha)
    ours = {}
    for tol in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6):
        took = timed(lambda t=tol: sparse_encode(X, D, tol=t, **options), 3) / len(X)
        ours[tol] = took, above(sparse_encode(part, D, tol=tol, **options), best)
        print(f"  taut tol={tol:g}: {1e6 * took:.1f} us a patch, objective +{ours[tol][1]:.1e}")
    for algorithm in ("lasso_cd", "lasso_lars"):

        def run(algorithm=algorithm):
            return sklearn_encode(part, D, algorithm=algorithm, alpha=alpha)

        took, theirs = timed(run, 1) / n, above(run(), best)
        fitting = [t for t, high in ours.values() if high <= max(theirs, 1e-9)]
        ratio = f"{took / min(fitting):.0f}x" if fitting else "no tol of ours is as exact"
        print(f"  scikit-learn {algorithm}: {1e6 * took:.0f} us, objective +{theirs:.1e}: {ratio}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("curves", "speed", "sizes"), nargs="?", default="speed")
    parser.add_argument("--patches", type=int, default=50000)
    parser.add_argument("--test", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--active", type=float, nargs="*", default=[5, 10])
    parser.add_argument("--sizes", type=int, nargs="*", default=[100, 200, 400, 800])
    arguments = parser.parse_args()
    for variable in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{variable}_NUM_THREADS"] = "1"
    sys.path.pop(0)  # this file has the name of a package
    import numpy as np
    from sklearn.decomposition import sparse_encode as sklearn_encode
    from sklearn.linear_model import orthogonal_mp_gram

    from taut import _core
    from taut.decomposition import (
        DictionaryLearner,
        SparseCoder,
        coding_objective,
        extract_patches,
        gabor_fit,
        orientation_selectivity,
        sparse_encode,
        whiten,
    )
    from taut.decomposition._coder import coding_penalty
    from taut.penalties import CEL0, L0, L1, MCP, SCAD, Lq

    warnings.simplefilter("ignore")
    {"curves": curves, "speed": speed, "sizes": sizes}[arguments.what](arguments)

# SPDX-License-Identifier: BSD-3-Clause
"""PRESTO: errors of rare probabilities beside the paper's, and time against L-BFGS-B.

``python bench/presto.py`` repeats the simulations of Faletto and Bien (ICML 2023, arXiv:2305.18700,
sections 4.1 and 4.2): 2500 rows, 10 uniform columns, 4 classes, the last one rare. Printed are
medians over repetitions of the mean squared error of the rare probability, ours (strength by 5-fold
Brier score), of logistic regression of the rare class on the rest, and of proportional odds, and
medians of the ratios. The paper's ratios are read off its box plots, to about a tenth.

``python bench/presto.py --speed`` fits a path of 20 strengths by us and by SciPy's L-BFGS-B on the
split form (every increment the difference of two numbers >= 0), one thread each. L-BFGS-B starts
from the strength before and ends as soon as its objective is what our certificate allows ours to
be, which in practice nobody could tell it.

``python bench/presto.py --cvx`` gives single strengths to Clarabel by CVXPY (not among the
requirements of the benchmarks), in the same split form, and to us from a cold start.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import partial

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
from scipy.optimize import minimize  # noqa: E402
from scipy.special import expit  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402

from taut import _core  # noqa: E402
from taut.linear_model import PRESTO, PRESTOCV  # noqa: E402

#: (kind, share of non-zero entries, intercepts, paper: ours / logistic, ours / proportional odds).
SETTINGS = [
    ("sparse", 1 / 3, (0.0, 3.0, 5.0), 0.57, 0.77),
    ("sparse", 1 / 3, (0.0, 3.5, 5.5), 0.40, 0.88),
    ("sparse", 1 / 3, (0.0, 4.0, 6.0), 0.25, 0.95),
    ("sparse", 1 / 2, (0.0, 3.0, 5.0), 0.74, 0.65),
    ("sparse", 1 / 2, (0.0, 3.5, 5.5), 0.55, 0.76),
    ("sparse", 1 / 2, (0.0, 4.0, 6.0), 0.33, 0.90),
    ("dense", 1.0, (0.0, 3.0, 5.0), 0.62, 0.75),
    ("dense", 1.0, (0.0, 3.5, 5.5), 0.45, 0.85),
    ("dense", 1.0, (0.0, 4.0, 6.0), 0.27, 0.93),
]


def draw(rng, kind, share, intercepts, n=2500, p=10):
    """Return X, y and the true log odds, drawn again until they are a model with all classes."""
    while True:
        X = rng.uniform(-1, 1, (n, p))
        if kind == "sparse":
            psi = 0.5 * (rng.random((3, p)) < share)
            psi[1:] *= rng.choice([-1.0, 1.0], (2, p))
        else:
            psi = rng.uniform(-0.5, 0.5, (3, p))
        eta = X @ np.cumsum(psi, axis=0).T + intercepts
        y = (rng.logistic(size=(n, 1)) > eta).sum(axis=1)
        if np.diff(eta, axis=1).min() > 0 and np.bincount(y, minlength=4).min() >= 2:
            return X, y, eta


def repetition(seed, setting):
    """Return (rare share, squared errors of us, logistic regression, proportional odds)."""
    warnings.filterwarnings("ignore", message="The least populated class")
    kind, share, intercepts = setting[:3]
    X, y, eta = draw(
        np.random.default_rng([seed, SETTINGS.index(setting)]), kind, share, intercepts
    )
    truth = expit(-eta[:, 2])
    logit = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(X, y == 3)
    guesses = (
        PRESTOCV(random_state=seed).fit(X, y).predict_rare(X),
        logit.predict_proba(X)[:, 1],
        PRESTO(10.0, penalize_base=False).fit(X, y).predict_rare(X),
    )
    return np.mean(y == 3), *(np.mean((guess - truth) ** 2) for guess in guesses)


def simulate(settings, repetitions, workers):
    """Print one line per setting."""
    head = ("setting", "rare", "PRESTO", "logit", "PO", "/logit", "paper", "/PO", "paper", "wins")
    print("{:26s} {:>6s} {:>8s} {:>8s} {:>8s} {:>7s} {:>5s} {:>6s} {:>5s}  {}".format(*head))
    with ProcessPoolExecutor(workers) as pool:
        for setting in settings:
            rows = pool.map(partial(repetition, setting=setting), range(repetitions), chunksize=2)
            rare, ours, logit, odds = np.array(list(rows)).T
            kind, share, intercepts, by_logit, by_odds = setting
            name = f"{kind} {share:.2f} {intercepts[1]:g} {intercepts[2]:g}"
            print(
                f"{name:26s} {rare.mean():6.2%} {np.median(ours):8.2e} {np.median(logit):8.2e} "
                f"{np.median(odds):8.2e} {np.median(ours / logit):7.2f} {by_logit:5.2f} "
                f"{np.median(ours / odds):6.2f} {by_odds:5.2f}  "
                f"{np.mean(ours < logit):.2f} / {np.mean(ours < odds):.2f}",
                flush=True,
            )


def split_form(Z, y, m):
    """Return the mean loss of (intercepts, positive parts, negative parts) and its gradient."""
    n, p = Z.shape
    rows, size = np.arange(n), m * p
    hit = (y[:, None] == np.arange(m)).astype(float) - (y[:, None] == np.arange(m) + 1)
    F = np.ones((n, m + 2))
    F[:, 0] = 0.0

    def loss(v, alpha):
        beta = np.cumsum((v[m : m + size] - v[m + size :]).reshape(m, p), axis=0)
        F[:, 1:-1] = expit(Z @ beta.T + v[:m])
        P = F[rows, y + 1] - F[rows, y]
        if P.min() <= 0:
            return 1e10, np.zeros_like(v)
        inner = F[:, 1:-1]
        u = inner * (1 - inner) * hit / (n * P[:, None])
        g = -np.cumsum((u.T @ Z)[::-1], axis=0)[::-1].ravel()
        value = -np.log(P).mean() + alpha * v[m:].sum()
        return value, np.r_[-u.sum(axis=0), g + alpha, alpha - g]

    return loss


def stop_at(goal):
    """Return a callback that ends SciPy's search at an objective."""

    def callback(intermediate_result):
        if intermediate_result.fun <= goal:
            raise StopIteration

    return callback


def ordered_data(n, p, correlation):
    """Return standardised columns, the classes, and which of them are below each boundary."""
    rng, m = np.random.default_rng(0), 3
    X = rng.standard_normal((n, p))
    for j in range(1, p):
        X[:, j] = correlation * X[:, j - 1] + np.sqrt(1 - correlation**2) * X[:, j]
    psi = np.zeros((m, p))
    psi[0, : min(p, 10)], psi[1, :3], psi[2, 3:6] = 0.3, 0.3, -0.3
    eta = np.maximum.accumulate(X @ np.cumsum(psi, axis=0).T + (0.0, 3.0, 5.0), axis=1)
    y = (rng.logistic(size=(n, 1)) > eta).sum(axis=1)
    Z = np.asfortranarray((X - X.mean(axis=0)) / X.std(axis=0))
    return Z, y, (y[:, None] <= np.arange(m)).astype(float)


def speed(n, p, correlation, repeats=5):
    """Print times of one path, ours certified to 1e-9, and SciPy's until it is as good."""
    tol = 1e-9
    Z, y, below = ordered_data(n, p, correlation)
    m = below.shape[1]

    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        path = _core.fit_path(Z, below, "cumulative_logit", n_alphas=20, eps=0.01, tol=tol)
        times.append(time.perf_counter() - start)
    our_time = np.median(times)
    room = tol * path["null_loss"]

    loss, found, calls = split_form(Z, y, m), [], 0
    share = below.mean(axis=0)
    v = np.r_[np.log(share / (1 - share)), np.zeros(2 * m * p)]
    bounds = [(None, None)] * m + [(0, None)] * (2 * m * p)
    start = time.perf_counter()
    for alpha, ours in zip(path["alphas"], path["objective"], strict=True):
        end = minimize(
            loss, v, args=(alpha,), jac=True, method="L-BFGS-B", bounds=bounds,
            callback=stop_at(ours + room),
            options={"maxiter": 10**5, "maxfun": 10**5, "ftol": 0.0, "gtol": 0.0, "maxcor": 20},
        )  # fmt: skip
        v, calls = end.x, calls + end.nfev
        found.append(end.fun)
    their_time = time.perf_counter() - start
    excess = np.array(found) - path["objective"]
    print(
        f"n={n} p={p} correlation {correlation:g}: ours {our_time:.4f} s, largest gap "
        f"{path['dual_gaps'].max():.1e}; L-BFGS-B {their_time:.3f} s ({calls} evaluations), "
        f"largest excess {excess.max():.1e}; ratio {their_time / our_time:.1f}",
        flush=True,
    )


def cone_program(Z, y, m, alpha):
    """Return the problem in CVXPY, its loss and its variables."""
    import cvxpy as cp

    n, p = Z.shape
    theta, psi, rest = cp.Variable(m), cp.Variable((m, p)), cp.Variable(n)
    beta = np.tril(np.ones((m, m))) @ psi
    eta = Z @ beta.T + np.ones((n, 1)) @ cp.reshape(theta, (1, m), order="C")
    # -log P = softplus(-u) + softplus(v) - log(1 - e^(v - u)), u and v the predictors around y.
    upper, lower = np.flatnonzero(y < m), np.flatnonzero(y > 0)
    own = (y[:, None] == np.arange(m)).astype(float)
    below = (y[:, None] == np.arange(m) + 1).astype(float)
    u = cp.sum(cp.multiply(own, eta), axis=1)
    v = cp.sum(cp.multiply(below, eta), axis=1)
    both = np.intersect1d(upper, lower)
    loss = cp.sum(cp.logistic(-u[upper])) + cp.sum(cp.logistic(v[lower])) + cp.sum(rest[both])
    # rest >= -log(1 - e^(v - u)).
    inside = cp.log_sum_exp(cp.vstack([-rest[both], v[both] - u[both]]), axis=0) <= 0
    objective = cp.Minimize(loss / n + alpha * cp.sum(cp.abs(psi)))
    return cp.Problem(objective, [inside]), theta, psi


def cvx(n, p, correlation):
    """Print times at three strengths."""
    Z, y, below = ordered_data(n, p, correlation)
    m = below.shape[1]
    loss = split_form(Z, y, m)
    largest = _core.fit_path(Z, below, "cumulative_logit", n_alphas=2, eps=0.5)["alpha_max"]
    for share in (0.3, 0.1, 0.03):
        alpha = np.array([share * largest])

        def fit(alpha=alpha):
            return _core.fit_path(Z, below, "cumulative_logit", alphas=alpha, tol=1e-9)

        times = []
        for _ in range(5):
            start = time.perf_counter()
            ours = fit()
            times.append(time.perf_counter() - start)
        problem, theta, psi = cone_program(Z, y, m, alpha[0])
        start = time.perf_counter()
        problem.solve(solver="CLARABEL")
        took = time.perf_counter() - start
        v = np.r_[theta.value, np.maximum(psi.value, 0).ravel(), np.maximum(-psi.value, 0).ravel()]
        # Its objective from its coefficients, by the same function as L-BFGS-B's.
        excess = loss(v, alpha[0])[0] - ours["objective"][0]
        print(
            f"n={n} p={p} correlation {correlation:g} alpha {share:g} of the largest: ours "
            f"{np.median(times):.4f} s, Clarabel {took:.2f} s of which in the solver "
            f"{problem.solver_stats.solve_time:.2f} s, its excess {excess:.1e}; ratio "
            f"{problem.solver_stats.solve_time / np.median(times):.0f}",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--repetitions", type=int, default=60)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--settings", type=int, nargs="*", help="numbers of settings, from 0")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--cvx", action="store_true", help="against Clarabel, needs cvxpy")
    options = parser.parse_args()
    if options.speed:
        for n, p, correlation in (
            (2500, 10, 0.0),
            (2500, 10, 0.9),
            (2500, 50, 0.0),
            (2500, 50, 0.5),
            (2500, 50, 0.9),
            (20000, 30, 0.5),
        ):
            speed(n, p, correlation)
        return 0
    if options.cvx:
        cvx(2500, 10, 0.0)
        cvx(2500, 50, 0.5)
        return 0
    chosen = SETTINGS if options.settings is None else [SETTINGS[i] for i in options.settings]
    simulate(chosen, options.repetitions, options.workers)
    return 0


if __name__ == "__main__":
    sys.exit(main())

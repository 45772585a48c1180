# SPDX-License-Identifier: BSD-3-Clause
"""Strengths of the Lasso by gradient against grids, and against the hypergradient of sparse-ho.

``python bench/bilevel_lasso.py [grid] [weights] [peer]`` prints

- grid: time of ``BilevelCV(Lasso())`` until its cross-validated loss is that of the best of 100
  alphas, against ``LassoCV(alphas=100)``, which shares its kernels, and scikit-learn's,
- weights: one strength for each of 1000 features against the best single one, on new rows,
- peer: the same hypergradient from sparse-ho (Bertrand et al. 2022; from its sources, which are of
  before NumPy 1.24 and SciPy 1.14), and the times.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LassoCV as SklearnLassoCV
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from taut.bilevel import SparseCriterion
from taut.linear_model import Lasso, LassoCV
from taut.model_selection import BilevelCV


def diabetes() -> tuple[Any, Any]:
    X, y = load_diabetes(return_X_y=True)
    return X / X.std(axis=0), y


def interactions() -> tuple[Any, Any]:
    X, y = load_diabetes(return_X_y=True)
    X = PolynomialFeatures(3, include_bias=False).fit_transform(X)
    return StandardScaler().fit_transform(X), y


def simulated(n: int, p: int, k: int, correlation: float) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, p))
    for j in range(1, p):
        X[:, j] = correlation * X[:, j - 1] + np.sqrt(1 - correlation**2) * X[:, j]
    beta = np.zeros(p)
    beta[rng.choice(p, k, replace=False)] = rng.choice([-1.0, 1.0], k)
    y = X @ beta
    return np.asfortranarray(X), y + y.std() / 2 * rng.normal(size=n)


DATA: dict[str, Callable[[], tuple[Any, Any]]] = {
    "diabetes 442 x 10": diabetes,
    "its monomials 442 x 285": interactions,
    "simulated 200 x 1000": lambda: simulated(200, 1000, 10, 0.5),
    "simulated 500 x 2000": lambda: simulated(500, 2000, 20, 0.5),
    "simulated 1000 x 5000": lambda: simulated(1000, 5000, 50, 0.8),
}


def seconds(run: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    times, result = [], run()
    for _ in range(repeats):
        begin = time.perf_counter()
        result = run()
        times.append(time.perf_counter() - begin)
    return float(np.median(times)), result


def grid() -> None:
    print("ms of BilevelCV, LassoCV, scikit-learn; theirs over ours; excess of loss; fits")
    for name, make in DATA.items():
        X, y = make()
        repeats = 15 if X.size < 2e5 else 5
        grid_time, best = seconds(lambda X=X, y=y: LassoCV(alphas=100).fit(X, y), repeats)
        time_, learned = seconds(lambda X=X, y=y: BilevelCV(Lasso()).fit(X, y), repeats)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            peer_time, _ = seconds(lambda X=X, y=y: SklearnLassoCV(cv=5).fit(X, y), 1)
        excess = learned.best_loss_ / best.cv_mean_.min() - 1.0
        print(
            f"  {name:24s} {time_ * 1e3:8.2f} {grid_time * 1e3:8.2f} {peer_time * 1e3:8.1f}   "
            f"{grid_time / time_:5.2f} {peer_time / time_:6.1f}   {excess:+.1e}   "
            f"{learned.n_evaluations_}"
        )


def weights() -> None:
    print("one strength per feature (p = 1000): error on new rows over that of the best alpha")
    for seed in range(5):
        rng = np.random.default_rng(seed)
        n, m, p = 200, 1000, 1000
        X, T = rng.normal(size=(n + m, p)), rng.normal(size=(2000, p))
        beta = np.zeros(p)
        beta[:5] = 2, -1.5, 1, -0.5, 0.25
        y, t = X @ beta + 0.5 * rng.normal(size=n + m), T @ beta + 0.5 * rng.normal(size=2000)
        cv = [(np.arange(n), np.arange(n, n + m))]
        begin = time.perf_counter()
        learned = BilevelCV(Lasso(), strengths="feature", cv=cv).fit(X, y)
        spent = time.perf_counter() - begin
        train = slice(0, n)
        many = Lasso(**learned.best_params_).fit(X[train], y[train])
        one = min(
            float(np.mean((t - Lasso(alpha=a).fit(X[train], y[train]).predict(T)) ** 2))
            for a in np.geomspace(0.3, 0.01, 100)
        )
        ratio = float(np.mean((t - many.predict(T)) ** 2)) / one
        print(f"  seed {seed}: {ratio:.3f}, {spent:.2f} s, {learned.n_evaluations_} evaluations")


def peer() -> None:
    try:
        from sparse_ho import Implicit
        from sparse_ho.criterion import HeldOutMSE
        from sparse_ho.models import Lasso as PeerLasso
    except ImportError as error:
        print(f"sparse-ho is not installed: {error}")
        return
    print("hypergradient of a held-out error: ours, sparse-ho's, difference; ms of both")
    for name, make in DATA.items():
        X, y = make()
        y = y - y.mean()
        train, test = np.arange(0, y.size, 2), np.arange(1, y.size, 2)
        alpha = 0.1 * np.abs(X[train].T @ y[train]).max() / train.size

        def theirs(X: Any = X, y: Any = y, rows: Any = (train, test), a: float = alpha) -> Any:
            algorithm = Implicit(max_iter=100_000, tol_lin_sys=1e-14, max_iter_lin_sys=10_000)
            return HeldOutMSE(*rows).get_val_grad(
                PeerLasso(), X, y, np.log(a), algorithm.compute_beta_grad, max_iter=100_000,
                tol=1e-13,
            )  # fmt: skip

        def ours(X: Any = X, y: Any = y, rows: Any = (train, test), a: float = alpha) -> Any:
            model = Lasso(fit_intercept=False)
            return SparseCriterion(model, X, y, cv=[rows], tol=1e-14)([np.log(a)])

        time_, point = seconds(ours, 3)
        peer_time, (_, gradient) = seconds(theirs, 3)
        other = float(np.ravel(gradient)[0])
        print(
            f"  {name:24s} {point.gradient[0]:14.10g} {other:14.10g} "
            f"{abs(point.gradient[0] / other - 1):.1e}   {time_ * 1e3:.2f} {peer_time * 1e3:.2f}"
        )


def main() -> None:
    parts = {"grid": grid, "weights": weights, "peer": peer}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(parts))
    for part in parser.parse_args().parts:
        parts[part]()


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: BSD-3-Clause
"""Rates of the penalty methods against those of the theory, and hyper-cleaning of digits.

``python bench/bilevel_penalty.py [rates] [bias] [cleaning]`` prints

- rates: how the norm of the gradient of the exact hyper-objective falls with samples or gradients,
  on a quadratic over a box (theory, Kwon, Kwon, Wright, Nowak 2024, arXiv 2309.01753: gradients
  grow as eps^-3, samples of the double loop as eps^-7, of the single loop as eps^-5),
- bias: distance to the hyper-objective and to its gradient as sigma falls,
- cleaning: half of 1000 labels replaced, 200 clean rows.
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from taut.bilevel import Box, CallableUpper, HyperCleaning, PenaltyBilevel
from taut.exceptions import ConvergenceWarning

START = np.array([0.5, -0.3, 0.8])


class BoxQuadratic:
    """``y'Qy / 2 - (B theta)'y`` on [0, 1]^6; samples add normal noise to the gradients."""

    n_x, n_theta = 6, 3

    def __init__(self, noise: float = 0.0) -> None:
        rng = np.random.default_rng(0)
        R = rng.normal(size=(6, 6))
        self.Q = R @ R.T / 6 + 0.5 * np.eye(6)
        self.B, self.t = rng.normal(size=(6, 3)), rng.random(6)
        values = np.linalg.eigvalsh(self.Q)
        self.low, self.top, self.noise, self.n_samples = values[0], values[-1], noise, 0

    def value(self, y: Any, theta: Any) -> float:
        return float(0.5 * y @ self.Q @ y - (self.B @ theta) @ y)

    def grad(self, y: Any, theta: Any, batch: Any = None) -> Any:
        return self.Q @ y - self.B @ theta + (0.0 if batch is None else batch[0])

    def grad_theta(self, y: Any, theta: Any, batch: Any = None) -> Any:
        return -self.B.T @ y + (0.0 if batch is None else batch[1] * y[:3])

    def mu(self, theta: Any) -> float:
        return float(self.low)

    def smoothness(self, theta: Any) -> float:
        return float(self.top)

    def sample(self, rng: np.random.Generator, n: int) -> tuple[Any, Any]:
        self.n_samples += n
        scale = self.noise / np.sqrt(n)
        return scale * rng.normal(size=6), scale * rng.normal(size=3)

    def upper(self) -> CallableUpper:
        return CallableUpper(
            lambda y, theta: 0.5 * (y - self.t) @ (y - self.t) + 0.05 * theta @ theta,
            lambda y, theta: y - self.t,
            lambda y, theta: 0.1 * theta,
            lip=1.0,
            convex=True,
        )

    def solve(self, theta: Any) -> Any:
        options = {"ftol": 1e-16, "gtol": 1e-13, "maxiter": 5000}
        found = minimize(
            self.value, np.full(6, 0.5), args=(theta,), jac=self.grad, bounds=[(0, 1)] * 6,
            method="L-BFGS-B", options=options,
        )  # fmt: skip
        return found.x

    def psi(self, theta: Any) -> float:
        return self.upper().value(self.solve(theta), theta)

    def gradient(self, theta: Any) -> Any:
        y = self.solve(theta)
        free = np.flatnonzero((y > 1e-7) & (y < 1 - 1e-7))
        q = np.linalg.solve(self.Q[np.ix_(free, free)], (y - self.t)[free])
        return self.B[free].T @ q + 0.1 * theta

    def model(self, **settings: Any) -> PenaltyBilevel:
        return PenaltyBilevel(
            self, self.upper(), x_projection=Box(np.zeros(6), np.ones(6)),
            theta_projection=settings.pop("theta_projection", Box(-5.0, 5.0)), **settings,
        )  # fmt: skip


def slope(x: Any, y: Any) -> float:
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def rates() -> None:
    calls, sizes = [], []
    print("deterministic, sigma = eps: |grad psi| at the end, gradients of both levels")
    for eps in 10.0 ** -np.arange(1.0, 5.0):
        problem = BoxQuadratic()
        fitted = problem.model(sigma=eps, tol=eps, inner_max=20000).fit(START)
        sizes.append(np.linalg.norm(problem.gradient(fitted.theta_)))
        calls.append(fitted.n_grad_lower_ + fitted.n_grad_upper_)
        print(f"  eps {eps:7.0e}   {sizes[-1]:.3e}   {calls[-1]:6d}")
    print(f"  calls grow as |grad psi|^{slope(sizes, calls):.2f} (theory: -3)")
    # The theory's batches and inner loops grow without bound, from one sample.
    grow = {"batch_size": 1, "batch_max": 10**9, "inner_max": 10**9}
    runs: list[tuple[str, tuple[int, ...], dict[str, int], float]] = [
        ("single_loop", (1000, 4000, 16000), {}, -1 / 5),
        ("double_loop", (10, 20, 40, 80), grow, -1 / 7),
    ]
    for variant, steps, settings, theory in runs:
        print(f"{variant}, noise 0.1, 5 seeds: steps, samples, mean |grad psi|, mean psi")
        samples, sizes = [], []
        for total in steps:
            values, norms = [], []
            for seed in range(5):
                problem = BoxQuadratic(noise=0.1)
                fitted = problem.model(
                    stochastic=True, variant=variant, max_iter=total, random_state=seed,
                    **settings,
                ).fit(START)  # fmt: skip
                norms.append(np.linalg.norm(problem.gradient(fitted.theta_)))
                values.append(problem.psi(fitted.theta_))
            samples.append(problem.n_samples)
            sizes.append(np.mean(norms))
            print(f"  {total:6d} {samples[-1]:10d}   {sizes[-1]:.3e}   {np.mean(values):.5f}")
        power = slope(samples, sizes)
        print(f"  |grad psi| falls as samples^{power:.3f} (theory: {theory:.3f})")


def bias() -> None:
    problem = BoxQuadratic()
    exact, gradient = problem.psi(START), problem.gradient(START)
    held = Box(START, START)
    print("sigma, psi - psi_sigma, |grad psi - grad psi_sigma|, at a point")
    sigmas, values, slopes = 10.0 ** -np.arange(1.0, 5.0), [], []
    for sigma in sigmas:
        fitted = problem.model(
            sigma=sigma, sigma_path=[sigma], tol=1e-9, inner_max=20000, theta_projection=held
        ).fit(START)
        values.append(exact - (fitted.value_ - fitted.bias_gap_))
        slopes.append(np.linalg.norm(gradient - fitted.hypergradient_))
        print(f"  {sigma:6.0e}   {values[-1]:.3e}   {slopes[-1]:.3e}")
    print(f"  powers of sigma: {slope(sigmas, values):.3f}, {slope(sigmas, slopes):.3f}")


def cleaning() -> None:
    rng = np.random.default_rng(0)
    X, y = load_digits(return_X_y=True)
    order = rng.permutation(y.size)
    X, y = X[order] / 16.0, y[order]
    dirty = y[:1000].copy()
    bad = rng.random(1000) < 0.5
    dirty[bad] = rng.integers(10, size=int(bad.sum()))
    right = dirty == y[:1000]
    clean, test = slice(1000, 1200), slice(1200, None)
    begin = time.perf_counter()
    model = HyperCleaning().fit(X[:1000], dirty, X_clean=X[clean], y_clean=y[clean])
    seconds = time.perf_counter() - begin
    fits = {
        "learned weights": model,
        "all rows alike": HyperCleaning().unweighted(X[:1000], dirty),
        "clean rows alone": HyperCleaning().unweighted(X[clean], y[clean]),
        "rows that are right": HyperCleaning().unweighted(X[:1000][right], dirty[right]),
    }
    print(f"hyper-cleaning, {seconds:.1f} s: AUC {roc_auc_score(right, model.weights_):.3f}")
    for name, fit in fits.items():
        print(f"  {name:20s} accuracy {fit.score(X[test], y[test]):.4f}")


def main() -> None:
    warnings.simplefilter("ignore", ConvergenceWarning)
    parts = {"rates": rates, "bias": bias, "cleaning": cleaning}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(parts))
    for part in parser.parse_args().parts:
        parts[part]()


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: BSD-3-Clause
"""What adaptive accuracy saves in bilevel learning, in lower-level iterations.

``python bench/bilevel.py`` prints, for multinomial logistic regression (digits), total variation
and fields of experts (photographs of scikit-learn):

- lower iterations (gradients and Hessian products of lower solves and linear systems) to a given
  upper loss, for MAID and for descent at fixed accuracies; the loss is evaluated exactly,
- the spread of MAID's results over four decades of first accuracy and of first step,
- the bound of the error of hypergradients against the true error.

``kernels`` prints times of single products against the bytes or flops that they need.
"""

from __future__ import annotations

import argparse
import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.datasets import load_digits, load_sample_images

from taut import _core
from taut.bilevel import (
    HOAG,
    MAID,
    CallableLower,
    CallableUpper,
    FieldsOfExpertsLower,
    HeldOutLogLoss,
    ImageMSE,
    MultinomialLower,
    SmoothedTVLower,
    hypergradient,
)
from taut.exceptions import ConvergenceWarning

warnings.simplefilter("ignore", ConvergenceWarning)
warnings.simplefilter("ignore", UserWarning)

ACCURACIES = (1e0, 1e-1, 1e-2, 1e-3, 1e-4)


def quadratic(condition: float | None = None) -> tuple[Any, Any, np.ndarray]:
    """The authors' quadratic; with a condition number, deepinv's way of making it harder."""
    rng = np.random.default_rng(0)
    A1, A2, A3 = (rng.random((1000, 10)) for _ in range(3))
    b1 = A1 @ rng.random(10) + 0.01 * rng.normal(size=1000)
    b2 = A2 @ rng.random(10) + A3 @ rng.random(10) + 0.01 * rng.normal(size=1000)
    if condition is not None:
        u, _, v = np.linalg.svd(A2, full_matrices=False)
        A2 = u @ np.diag(np.linspace(math.sqrt(condition), 1.0, 10)) @ v * math.sqrt(1000.0)
    hess, cross, right = A2.T @ A2, A2.T @ A3, A2.T @ b2
    values = np.linalg.eigvalsh(hess)
    lower = CallableLower(
        10,
        10,
        value=lambda x, t: 0.5 * np.sum((A2 @ x + A3 @ t - b2) ** 2),
        grad=lambda x, t: hess @ x + cross @ t - right,
        hess=lambda x, t: hess,
        cross=lambda x, t: cross,
        mu=values[0],
        smoothness=values[-1],
        cross_norm=np.linalg.norm(cross, 2),
        lip_cross=0.0,
        lip_hess=0.0,
    )
    upper = CallableUpper(
        lambda x, t: 0.5 * np.sum((A1 @ x - b1) ** 2),
        lambda x, t: A1.T @ (A1 @ x - b1),
        lip=np.linalg.eigvalsh(A1.T @ A1)[-1],
        convex=True,
    )
    return lower, upper, np.ones(10)


def digits() -> tuple[Any, Any, np.ndarray]:
    X, y = load_digits(return_X_y=True)
    lower = MultinomialLower(X[::2] / 16, y[::2])
    return lower, HeldOutLogLoss(X[1::2] / 16, y[1::2], lower.classes_), np.full(640, -3.0)


def pictures(n: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy and clean crops of two photographs at half their size."""
    rng = np.random.default_rng(0)
    crops = []
    for image in load_sample_images().images:
        grey = image.mean(axis=2) / 255.0
        for _ in range(n):
            r, c = (int(rng.integers(s - 2 * size)) for s in grey.shape)
            block = grey[r : r + 2 * size, c : c + 2 * size]
            crops.append(block.reshape(size, 2, size, 2).mean(axis=(1, 3)))
    clean = np.array(crops)
    return clean + 0.1 * rng.normal(size=clean.shape), clean


def variation() -> tuple[Any, Any, np.ndarray]:
    noisy, clean = pictures(2, 48)
    return SmoothedTVLower(noisy), ImageMSE(clean), np.array([-5.0, -5.0])


def experts() -> tuple[Any, Any, np.ndarray]:
    noisy, clean = pictures(1, 32)
    lower = FieldsOfExpertsLower(noisy, 8, 3)
    return lower, ImageMSE(clean), lower.initial_theta()


PROBLEMS: dict[str, Callable[[], tuple[Any, Any, np.ndarray]]] = {
    "quadratic": quadratic,
    "multinomial": digits,
    "tv": variation,
    "foe": experts,
}


def exact_loss(lower: Any, upper: Any, theta: np.ndarray) -> float:
    return float(hypergradient(lower, upper, theta, 1e-8, 1e9, max_lower_iter=10**6).value)


def trace(model: Any, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, Any]:
    """Work and exact loss after each step of a MAID."""
    thetas: list[np.ndarray] = []
    work: list[int] = []

    def keep(row: dict[str, Any]) -> None:
        thetas.append(row["theta"])
        work.append(int(row["n_lower_iter"] + row["n_hvp"]))

    fitted = model.set_params(callback=keep).fit(theta)
    losses = [exact_loss(model.lower, model.upper, t) for t in thetas]
    return np.array(work), np.array(losses), fitted


def work_to(goal: float, work: np.ndarray, losses: np.ndarray) -> str:
    below = np.flatnonzero(losses <= goal)
    return f"{work[below[0]]:>8d}" if below.size else f"{'-':>8s}"


def compare(name: str, solver: str, max_iter: int) -> None:
    """Lower iterations to three losses between the start and the best that was seen."""
    lower, upper, theta = PROBLEMS[name]()
    runs: list[tuple[str, np.ndarray, np.ndarray, str]] = []
    base = {"solver": solver, "max_iter": max_iter, "max_lower_iter": 5000, "check": False}
    for label, options in (
        ("MAID", {}),
        ("MAID, no descent test", {"check_descent": False}),
        ("MAID, Barzilai-Borwein", {"step": "bb"}),
        ("MAID, both", {"check_descent": False, "step": "bb"}),
    ):
        work, losses, fitted = trace(MAID(lower, upper, **base, **options), theta)
        runs.append((label, work, losses, fitted.stop_reason_))
    for eps in ACCURACIES:
        for kind in ("fixed", "fixed_plain"):
            model = MAID(lower, upper, **base, accuracy=kind, eps0=eps, delta0=eps)
            try:
                work, losses, fitted = trace(model, theta)
            except (ValueError, RuntimeError) as error:
                print(f"  {kind} {eps:g}: {str(error)[:60]}")
                continue
            runs.append((f"{kind} {eps:g}", work, losses, fitted.stop_reason_))
    start = exact_loss(lower, upper, theta)
    best = min(losses.min() for _, _, losses, _ in runs if losses.size)
    goals = [start - share * (start - best) for share in (0.5, 0.9, 0.99)]
    print(f"{name}, {solver}: exact upper loss {start:.6g} at the start, {best:.6g} at best")
    print(f"  lower iterations to {', '.join(f'{g:.5g}' for g in goals)}; final loss; end")
    for label, work, losses, reason in runs:
        cells = " ".join(work_to(g, work, losses) for g in goals)
        final = f"{losses[-1]:.6g}" if losses.size else "-"
        print(f"  {label:24s} {cells}  {final:>10s}  {reason}")


def robustness(name: str, solver: str, max_iter: int) -> None:
    """Final loss and work over decades of eps0 = delta0 and of alpha0."""
    lower, upper, theta = PROBLEMS[name]()
    print(f"{name}, {solver}: first accuracy or step, final loss, lower iterations, end")
    first = MAID(lower, upper, solver=solver, max_iter=1, check=False).fit(theta)
    alpha = float(first.history_["alpha"][0])
    cases: list[tuple[str, dict[str, Any]]] = [
        ("eps0", {"eps0": e, "delta0": e}) for e in (1e1, 1e0, 1e-1, 1e-2, 1e-3, 1e-4)
    ]
    for step in ("grow", "bb"):
        cases += [
            (f"{step}, alpha0", {"alpha0": alpha * s, "step": step})
            for s in (1e-2, 1e-1, 1e0, 1e1, 1e2)
        ]
    for label, options in cases:
        fitted = MAID(
            lower, upper, solver=solver, max_iter=max_iter, max_lower_iter=5000, check=False,
            **options,
        ).fit(theta)  # fmt: skip
        value = next(iter(options.values()))
        work = fitted.n_lower_iter_ + fitted.n_hvp_
        loss = exact_loss(lower, upper, fitted.theta_)
        print(f"  {label:13s} {value:8.2g}  {loss:.6g}  {work:7d}  {fitted.stop_reason_}")


def hoag(max_iter: int) -> None:
    lower, upper, theta = digits()
    print("digits, newton: HOAG's loss at its best, lower iterations")
    for schedule in ("geometric", "quadratic", "cubic"):
        fitted = HOAG(lower, upper, schedule=schedule, max_iter=max_iter).fit(theta)
        work = fitted.n_lower_iter_ + fitted.n_hvp_
        print(f"  {schedule:10s} {exact_loss(lower, upper, fitted.theta_):.6g}  {work}")
    fitted = MAID(lower, upper, max_iter=max_iter).fit(theta)
    work = fitted.n_lower_iter_ + fitted.n_hvp_
    print(f"  {'MAID':10s} {exact_loss(lower, upper, fitted.theta_):.6g}  {work}")


def bounds() -> None:
    """Omega against the true error, over random accuracies."""
    rng = np.random.default_rng(0)
    print("bound / true error of the hypergradient: violations, quartiles (tight; paper)")
    for name, problem in PROBLEMS.items():
        lower, upper, theta = problem()
        exact = hypergradient(
            lower, upper, theta, 1e-10, 1e-10, max_lower_iter=10**6, max_adjoint_iter=10**6
        )
        ratios: dict[str, list[float]] = {"tight": [], "paper": []}
        broken = 0
        for _ in range(60):
            eps, delta = 10.0 ** rng.uniform(-6, 0, size=2)
            for kind, out in ratios.items():
                got = hypergradient(
                    lower, upper, theta, eps, delta, bound=kind, max_lower_iter=10**6
                )
                error = float(np.linalg.norm(got.z - exact.z))
                broken += error > got.omega + exact.omega
                out.append(got.omega / max(error, 1e-300))
        spread = "; ".join(
            ", ".join(f"{v:.3g}" for v in np.quantile(r, [0.25, 0.5, 0.75]))
            for r in ratios.values()
        )
        print(f"  {name:12s} {broken} of 120   {spread}")


def conditions() -> None:
    """Where adaptive accuracy loses: cheap lower problems."""
    print("quadratic: lower iterations, MAID / fixed_plain 1e-4, to a gap of 5e-3 of the first")
    for condition in (2, 5, 10, 20, 30):
        lower, upper, theta = quadratic(condition)
        totals = []
        for options in ({}, {"step": "bb"}, {"accuracy": "fixed_plain", "eps0": 1e-4}):
            if "eps0" in options:
                options = {**options, "delta0": 1e-4}
            model = MAID(lower, upper, solver="fista", check=False, max_iter=300, **options)
            work, losses, _ = trace(model, theta)
            # The minimum over theta is that over x: H^{-1} C is regular.
            goal = 5e-3 * exact_loss(lower, upper, theta)
            below = np.flatnonzero(losses <= goal)
            totals.append(float(work[below[0]]) if below.size else math.nan)
        ratios = [t / totals[-1] for t in totals[:2]]
        print(f"  condition {condition:3d}: {ratios[0]:.2f}, with bb {ratios[1]:.2f}")


def kernels() -> None:
    """Milliseconds of one lower iteration, single thread."""
    rng = np.random.default_rng(0)
    cases: list[tuple[str, Any, np.ndarray, float, str]] = []
    X = np.asfortranarray(rng.normal(size=(60000, 144)))
    lower: Any = MultinomialLower(X, rng.integers(10, size=60000))
    flops = 4.0 * X.size * 10
    cases.append(("multinomial 60000 x 144 x 10", lower, np.full(1440, -3.0), flops, "flop"))
    images = rng.random((4, 512, 512))
    tv = SmoothedTVLower(images)
    cases.append(("tv 4 x 512 x 512", tv, np.array([-2.0, -3.0]), 32.0 * images.size, "byte"))
    images = rng.random((4, 96, 96))
    for k, size in ((8, 3), (24, 5), (48, 7)):
        foe = FieldsOfExpertsLower(images, k, size)
        flops = 4.0 * k * size * size * images.size
        label = f"foe 4 x 96 x 96, {k} of {size} x {size}"
        cases.append((label, foe, foe.initial_theta(), flops, "flop"))
    for label, problem, theta, amount, unit in cases:
        x0 = np.zeros(problem.n_x)
        times = []
        for _ in range(3):
            begin = time.perf_counter()
            _, _, n_grad, n_hvp, _ = _core.bilevel_solve(
                problem.to_native(), theta, x0, "newton", 1e-14, 25, 1
            )
            times.append((time.perf_counter() - begin) / (n_grad + n_hvp))
        seconds = float(np.median(times))
        print(f"  {label:30s} {seconds * 1e3:8.3f} ms, {amount / seconds / 1e9:6.2f} G{unit}/s")
    lower, upper, theta = digits()
    begin = time.perf_counter()
    fitted = MAID(lower, upper, max_iter=20).fit(theta)
    total = time.perf_counter() - begin
    calls = int(fitted.history_["n_trials"].sum()) + 2 * fitted.n_cross_
    print(f"  digits, 20 steps of MAID: {total:.3f} s, {calls} kernel calls")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parts = ["compare", "robustness", "hoag", "bounds", "conditions", "kernels"]
    parser.add_argument("parts", nargs="*", default=parts)
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS), choices=list(PROBLEMS))
    parser.add_argument("--solver", default="fista", choices=("fista", "newton"))
    parser.add_argument("--max-iter", type=int, default=40)
    arguments = parser.parse_args()
    for part in arguments.parts:
        if part in ("compare", "robustness"):
            for name in arguments.problems:
                run = compare if part == "compare" else robustness
                run(name, arguments.solver, arguments.max_iter)
        elif part == "hoag":
            hoag(arguments.max_iter)
        else:
            {"bounds": bounds, "conditions": conditions, "kernels": kernels}[part]()


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: BSD-3-Clause
"""The problems that every package is timed on.

Each problem is a path without intercept: ``n_alphas`` values, log-spaced from the smallest alpha
with an all-zero solution down to ``ratio`` times that value; tasks.py says what is minimised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.signal import lfilter
from tasks import TASKS


@dataclass(frozen=True)
class Problem:
    """One benchmark problem: its sizes, its seed, and why it is in the list."""

    name: str
    kind: str  # "dense" or "sparse"
    n: int
    p: int
    reason: str
    rho: float = 0.0
    density: float = 1.0
    seed: int = 0
    n_alphas: int = 100
    ratio: float = 0.01
    smoke: bool = False
    task: str = "lasso"

    def make(self) -> tuple[Any, np.ndarray, np.ndarray]:
        """Return X (n, p), y (n,) or (n, n_outputs), and the alphas (n_alphas,)."""
        rng = np.random.default_rng(self.seed)
        if self.kind == "dense":
            X = ar1_columns(rng, self.n, self.p, self.rho)
        else:
            X = sparse_normal(rng, self.n, self.p, self.density)
        task = TASKS[self.task]
        y = task.respond(rng, X)
        alpha_max = task.alpha_max(X, y)
        return X, y, np.geomspace(alpha_max, self.ratio * alpha_max, self.n_alphas)


def ar1_columns(rng: np.random.Generator, n: int, p: int, rho: float) -> np.ndarray:
    """Return X (n, p), Fortran order, with corr(X[:, j], X[:, k]) = rho ** |j - k|."""
    Z = rng.standard_normal((n, p))
    scale = np.sqrt(1.0 - rho**2)
    Z[:, 1:] *= scale  # the first column starts the recursion at unit variance
    return np.asfortranarray(lfilter([1.0], [1.0, -rho], Z, axis=1))


def sparse_normal(rng: np.random.Generator, n: int, p: int, density: float) -> sp.csc_matrix:
    """Return X (n, p) in CSC form with normal values at uniformly random places."""
    nnz = round(n * p * density)
    cells = np.sort(rng.choice(n * p, size=nnz, replace=False))  # column-major cell numbers
    columns, rows = np.divmod(cells, n)
    indptr = np.searchsorted(columns, np.arange(p + 1)).astype(np.int32)
    return sp.csc_matrix((rng.standard_normal(nnz), rows.astype(np.int32), indptr), shape=(n, p))


def multinomial_problem(
    n: int = 2000, p: int = 100, n_classes: int = 3, n_active: int = 10, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return X (n, p) with AR(1) 0.5 columns, classes (n,) and stratified folds (n,) in 0..4.

    Every class has ``n_active`` nonzero coefficients at places of its own; the class is drawn from
    the softmax of the scores.
    """
    rng = np.random.default_rng(seed)
    X = ar1_columns(rng, n, p, 0.5)
    B = np.zeros((p, n_classes))
    for k in range(n_classes):
        B[rng.choice(p, n_active, replace=False), k] = rng.choice([-0.8, 0.8], n_active)
    gumbel = rng.gumbel(size=(n, n_classes))
    classes = np.argmax(X @ B + gumbel, axis=1)
    folds = np.empty(n, dtype=int)
    for k in range(n_classes):
        members = np.flatnonzero(classes == k)
        folds[rng.permutation(members)] = np.arange(members.size) % 5
    return X, classes, folds


PROBLEMS = [
    Problem(
        "dense-500x10000-rho0.5",
        "dense",
        500,
        10000,
        "many more columns than rows, mild correlation: screening and passes over X dominate",
        rho=0.5,
    ),
    Problem(
        "dense-500x5000-rho0.95",
        "dense",
        500,
        5000,
        "strong correlation: coordinate descent converges slowly, stopping rules go wrong",
        rho=0.95,
    ),
    Problem(
        "sparse-5000x100000-1e-3",
        "sparse",
        5000,
        100000,
        "text-like: five nonzeros a column, the design must not be densified",
        density=1e-3,
    ),
    Problem(
        "dense-20000x500-rho0.5",
        "dense",
        20000,
        500,
        "tall: the Gram matrix is small, one product X'X is most of the work",
        rho=0.5,
    ),
    Problem(
        "logistic-dense-1000x5000",
        "dense",
        1000,
        5000,
        "two classes, wide: few Newton models must do for the path",
        rho=0.5,
        ratio=0.05,
        task="logistic",
    ),
    Problem(
        "logistic-sparse-5000x100000",
        "sparse",
        5000,
        100000,
        "two classes, text-like",
        density=1e-3,
        ratio=0.05,
        task="logistic",
    ),
    Problem(
        "poisson-dense-1000x5000",
        "dense",
        1000,
        5000,
        "counts: unbounded curvature",
        rho=0.5,
        ratio=0.05,
        task="poisson",
    ),
    Problem(
        "huber-dense-1000x5000",
        "dense",
        1000,
        5000,
        "one row in ten is an outlier: the curvature of rows switches on and off",
        rho=0.5,
        ratio=0.05,
        task="huber",
    ),
    Problem(
        "sqrt-dense-1000x5000",
        "dense",
        1000,
        5000,
        "the noise level is estimated along; down to where skglm gives up (small residuals)",
        rho=0.5,
        ratio=0.2,
        task="sqrt",
    ),
    Problem(
        "group-dense-1000x5000",
        "dense",
        1000,
        5000,
        "500 groups of ten columns",
        rho=0.5,
        ratio=0.05,
        task="group",
    ),
    Problem(
        "multitask-dense-300x3000x20",
        "dense",
        300,
        3000,
        "twenty responses that share their columns",
        rho=0.5,
        ratio=0.05,
        task="multitask",
    ),
    Problem(
        "mcp-dense-1000x5000",
        "dense",
        1000,
        5000,
        "not convex: solutions of different packages may differ, all are stationary",
        rho=0.5,
        ratio=0.05,
        task="mcp",
    ),
    Problem(
        "mcp-sparse-5000x100000",
        "sparse",
        5000,
        100000,
        "not convex, text-like",
        density=1e-3,
        ratio=0.05,
        task="mcp",
    ),
    Problem("smoke-dense-60x200", "dense", 60, 200, "seconds, not minutes", rho=0.5, smoke=True),
    Problem(
        "smoke-sparse-200x1000", "sparse", 200, 1000, "seconds, sparse", density=0.02, smoke=True
    ),
    Problem("smoke-dense-600x60", "dense", 600, 60, "seconds, tall", rho=0.5, smoke=True),
    *(
        Problem(
            f"smoke-{task}",
            "dense",
            80,
            200,
            "seconds",
            0.5,
            ratio=0.3,
            n_alphas=20,
            smoke=True,
            task=task,
        )
        for task in TASKS
        if task != "lasso"
    ),
]


def by_name(name: str) -> Problem:
    """Return the problem of that name; KeyError lists the names there are."""
    for problem in PROBLEMS:
        if problem.name == name:
            return problem
    raise KeyError(f"no problem {name!r}; there are {[q.name for q in PROBLEMS]}")

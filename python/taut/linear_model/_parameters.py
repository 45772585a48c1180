# SPDX-License-Identifier: BSD-3-Clause
"""Parameters that the linear estimators share, declared once.

Each block is a dataclass whose generated ``__init__`` only assigns, which is what scikit-learn
asks of a constructor; an estimator inherits the blocks it needs and adds its own parameters. The
dictionaries hold the ranges that scikit-learn's validation checks in ``fit``.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from taut.linear_model._cells import SOLVERS
from taut.typing import ArrayLike, RandomState

STRENGTH: dict[str, list[Any]] = {"alpha": [Interval(Real, 0, None, closed="left")]}
L1_RATIO: dict[str, list[Any]] = {"l1_ratio": [Interval(Real, 0, 1, closed="both")]}
L1_RATIOS: dict[str, list[Any]] = {"l1_ratio": [Interval(Real, 0, 1, closed="both"), "array-like"]}
SOLVE: dict[str, list[Any]] = {
    "fit_intercept": ["boolean"],
    "penalty_factor": ["array-like", None],
    "standardize": ["boolean"],
    "tol": [Interval(Real, 0, None, closed="neither")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "n_jobs": [Integral, None],
    "solver": [StrOptions(set(SOLVERS))],
}
BOUNDS: dict[str, list[Any]] = {
    "positive": ["boolean"],
    "lower": [Real, "array-like", None],
    "upper": [Real, "array-like", None],
}
PROBLEM: dict[str, list[Any]] = {**SOLVE, **BOUNDS}
WARM_START: dict[str, list[Any]] = {"warm_start": ["boolean"]}
CV: dict[str, list[Any]] = {
    "alphas": [Interval(Integral, 1, None, closed="left"), "array-like"],
    "eps": [Interval(Real, 0, 1, closed="neither"), None],
    "cv": ["cv_object", "array-like"],
    "rule": [StrOptions({"min", "1se"})],
    "random_state": ["random_state", np.random.Generator],
    "progress": ["boolean", None],
}


@dataclass(eq=False, repr=False)
class SingleParameters:
    """Constructor of an estimator at one strength."""

    alpha: float = 1.0
    _: KW_ONLY
    fit_intercept: bool = True
    penalty_factor: ArrayLike | None = None
    standardize: bool = False
    tol: float = 1e-6
    max_iter: int = 1000
    warm_start: bool = False
    n_jobs: int | None = None
    solver: str = "auto"


@dataclass(eq=False, repr=False, kw_only=True)
class Bounded:
    """Bounds of the coefficients."""

    positive: bool = False
    lower: ArrayLike | None = None
    upper: ArrayLike | None = None


@dataclass(eq=False, repr=False, kw_only=True)
class CVParameters:
    """Constructor of an estimator that chooses its strength."""

    alphas: int | ArrayLike = 100
    eps: float | None = None
    fit_intercept: bool = True
    penalty_factor: ArrayLike | None = None
    standardize: bool = False
    cv: Any = 5
    rule: str = "min"
    tol: float = 1e-6
    max_iter: int = 1000
    n_jobs: int | None = None
    random_state: RandomState = None
    progress: bool = False
    solver: str = "auto"


__all__ = [
    "BOUNDS",
    "CV",
    "L1_RATIO",
    "L1_RATIOS",
    "PROBLEM",
    "SOLVE",
    "STRENGTH",
    "WARM_START",
    "Bounded",
    "CVParameters",
    "SingleParameters",
]

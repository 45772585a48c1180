# SPDX-License-Identifier: BSD-3-Clause
"""One validated problem and the one kernel call that solves it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import assert_all_finite

from taut import _core
from taut._validation import (
    ClassTarget,
    Float64,
    check_classes,
    check_offset,
    check_per_feature,
    check_response,
    check_weights,
    kernel_design,
)
from taut.exceptions import ConvergenceWarning
from taut.typing import ProgressInfo

Callback = Callable[[ProgressInfo], None]
Raw = dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """Data and options of a fit, checked, in the form in which the kernel reads them.

    `options` are passed through to the kernel unchanged: intercept, scaling, penalty factors,
    bounds, tolerance, solver.
    """

    owner: str
    datafit: str
    X: Any
    y: Float64
    sample_weight: Float64 | None
    offset: Float64 | None
    options: dict[str, Any]
    target: ClassTarget | None = None
    design: Any = field(default=None, repr=False)

    @classmethod
    def build(
        cls,
        owner: str,
        datafit: str,
        X: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        offset: Any = None,
        penalty_factor: Any = None,
        lower: Any = None,
        upper: Any = None,
        positive: bool = False,
        **options: Any,
    ) -> Problem:
        """Check everything that goes with a validated X."""
        n, p = X.shape
        weights = check_weights(sample_weight, n)
        target = None
        if datafit == "quadratic":
            response = check_response(y, n, owner)
        else:
            several = datafit == "multinomial"
            target = check_classes(y, n, owner, weights, binary=not several, allow_matrix=several)
            weights = target.row_weight
            # Rows without weight keep their place; their code does not matter.
            response = target.one_hot() if several else (target.codes > 0).astype(np.float64)
        if options.pop("grouped", False):
            options["penalty"] = "group"
        grouped = options.get("penalty") == "group"
        if grouped and (positive or lower is not None or upper is not None):
            raise ValueError(
                "positive, lower and upper do not go with grouped=True: a bound would break the "
                "group's norm."
            )
        low = check_per_feature(lower, "lower", p, low=-np.inf, high=0.0)
        if positive:
            low = np.zeros(p)
        return cls(
            owner=owner,
            datafit=datafit,
            X=X,
            y=response,
            sample_weight=weights,
            offset=check_offset(offset, response.shape),
            options={
                "penalty_factor": check_per_feature(
                    penalty_factor, "penalty_factor", p, low=0.0, high=np.inf
                ),
                "lower": low,
                "upper": check_per_feature(upper, "upper", p, low=0.0, high=np.inf),
                **options,
            },
            target=target,
            design=kernel_design(X),
        )

    @property
    def single(self) -> bool:
        """Whether there is one coefficient per feature."""
        return self.y.ndim == 1

    @property
    def dtype(self) -> Any:
        """Type of X, hence of the coefficients."""
        return self.X.dtype

    def require_penalty(self) -> None:
        """Raise a ValueError when no feature is penalised, so that there is no default path."""
        factor = self.options["penalty_factor"]
        if factor is not None and not np.any((factor > 0) & np.isfinite(factor)):
            raise ValueError(
                "penalty_factor leaves no feature penalised (all are 0 or inf), so there is no "
                "default path; give alphas."
            )

    def weights(self) -> Float64:
        """Return the sample weights, ones if none were given."""
        if self.sample_weight is None:
            return np.ones(self.X.shape[0])
        return self.sample_weight

    def solve(self, *, sample_weight: Float64 | None = None, **settings: Any) -> Raw:
        """Run the kernel; `sample_weight` replaces the problem's own (zeros mask rows)."""
        weights = self.sample_weight if sample_weight is None else sample_weight
        raw: Raw = _core.fit_path(
            self.design,
            self.y,
            self.datafit,
            sample_weight=weights,
            offset=self.offset,
            **self.options,
            **settings,
        )
        if not raw["finite"]:
            # The kernel looks for NaN and infinity in the pass over X that it makes anyway.
            assert_all_finite(self.X, estimator_name=self.owner, input_name="X")
            raise ValueError("X contains values whose squares overflow; rescale its columns.")
        return raw

    def alpha_max(self, l1_ratio: float, n_threads: int) -> float:
        """Return the least strength that leaves only what is not penalised."""
        raw = self.solve(l1_ratio=l1_ratio, alphas=None, n_alphas=1, n_threads=n_threads)
        return float(raw["alpha_max"])


@dataclass(frozen=True, eq=False, repr=False)
class PathResult:
    """Solutions along a sequence of penalty strengths, each with its certificate.

    Also the tuple ``alphas, coefs, dual_gaps`` that scikit-learn's path functions return:
    ``alphas, coefs, gaps = lasso_path(X, y)``.

    Attributes
    ----------
    alphas : ndarray of shape (n_alphas,)
        Penalty strengths, decreasing.
    coefs : ndarray of shape (n_features, n_alphas) or (n_alphas, n_classes, n_features)
        Coefficients on the original scale of the columns; the second shape for several classes.
    intercepts : ndarray of shape (n_alphas,) or (n_alphas, n_classes)
    dual_gaps : ndarray of shape (n_alphas,)
        Duality gaps in units of the objective: how far the objective may be from its minimum.
    n_iter : ndarray of shape (n_alphas,)
    objective : ndarray of shape (n_alphas,)
        Mean loss plus penalty.
    null_loss : float
        Loss of the model without coefficients; tolerances are relative to it.
    dev_ratio : ndarray of shape (n_alphas,)
        Share of the deviance explained.
    converged : ndarray of bool of shape (n_alphas,)
        Whether ``dual_gaps <= tol * null_loss`` was reached.
    n_active : ndarray of shape (n_alphas,)
        Number of features with a non-zero coefficient.
    alpha_max : float
        Least strength at which all penalised coefficients are zero.
    classes : ndarray of shape (n_classes,), or None for a real response

    Examples
    --------
    >>> from taut.linear_model import lasso_path
    >>> path = lasso_path([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0], alphas=[0.5, 0.1])
    >>> path.coefs.round(2)
    array([[0.25, 0.85]])
    >>> alphas, coefs, dual_gaps = path
    """

    alphas: Float64
    coefs: NDArray[Any]
    intercepts: NDArray[Any]
    dual_gaps: Float64
    n_iter: NDArray[np.integer[Any]]
    objective: Float64
    null_loss: float
    dev_ratio: Float64
    converged: NDArray[np.bool_]
    n_active: NDArray[np.integer[Any]]
    alpha_max: float
    classes: NDArray[Any] | None = None

    def __iter__(self) -> Any:
        return iter((self.alphas, self.coefs, self.dual_gaps))

    def __len__(self) -> int:
        return 3

    def __repr__(self) -> str:
        k = len(self.alphas)
        gap = float(self.dual_gaps.max(initial=0.0))
        return (
            f"PathResult({k} alphas from {self.alphas[0]:.3g} to {self.alphas[-1]:.3g}, "
            f"coefs {self.coefs.shape}, largest duality gap {gap:.1e})"
        )

    def plot(self, ax: Any = None, **kwargs: Any) -> Any:
        """Draw the coefficients against the strength.

        Parameters
        ----------
        ax : Axes or array of Axes, optional
        **kwargs
            Passed to :meth:`taut.plotting.PathDisplay.from_path`.

        Returns
        -------
        taut.plotting.PathDisplay
        """
        from taut.plotting import PathDisplay

        return PathDisplay.from_path(self, ax=ax, **{"classes": self.classes, **kwargs})


def path_result(problem: Problem, raw: Raw) -> PathResult:
    """Return what the kernel computed in the public layout, in the dtype of X."""
    coefs = raw["coefs"].astype(problem.dtype, copy=False)
    intercepts = raw["intercepts"].astype(problem.dtype, copy=False)
    return PathResult(
        alphas=raw["alphas"],
        coefs=coefs[:, 0, :].T if problem.single else coefs,
        intercepts=intercepts[:, 0] if problem.single else intercepts,
        dual_gaps=raw["dual_gaps"],
        n_iter=raw["n_iter"],
        objective=raw["objective"],
        null_loss=float(raw["null_loss"]),
        dev_ratio=raw["dev_ratio"],
        converged=raw["converged"],
        n_active=raw["n_active"],
        alpha_max=float(raw["alpha_max"]),
        classes=None if problem.target is None else problem.target.classes,
    )


def warn_unless_converged(
    problem: Problem, raws: list[Raw], where: str = "", *, stacklevel: int = 4
) -> None:
    """Warn once, with the worst gap reached and the gap asked for.

    The default level blames the caller of a decorated method.
    """
    missed = [(r, ~np.asarray(r["converged"], dtype=bool)) for r in raws]
    count = sum(int(m.sum()) for _, m in missed)
    if count == 0:
        return
    total = sum(m.size for _, m in missed)
    tol = problem.options["tol"]

    def excess(item: tuple[Raw, NDArray[np.bool_]]) -> float:
        raw, mask = item
        return float(np.max(raw["dual_gaps"][mask], initial=0.0)) / max(raw["null_loss"], 1e-300)

    raw, mask = max((item for item in missed if item[1].any()), key=excess)
    gap = float(np.max(raw["dual_gaps"][mask]))
    several = "" if total == 1 else f" at {count} of {total} penalty strengths{where}"
    warnings.warn(
        f"{problem.owner} stopped after {problem.options['max_iter']} iterations with duality gap "
        f"{gap:.1e} > tol * null loss = {tol * raw['null_loss']:.1e}{several}. "
        "Raise max_iter or tol.",
        ConvergenceWarning,
        stacklevel=stacklevel,
    )


def product(X: Any, coef: NDArray[Any]) -> NDArray[Any]:
    """Return X @ coef as an array."""
    out = X @ coef
    return np.asarray(out.toarray() if sp.issparse(out) else out)


__all__ = [
    "ArrayLike",
    "Callback",
    "PathResult",
    "Problem",
    "Raw",
    "path_result",
    "product",
    "warn_unless_converged",
]

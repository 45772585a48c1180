# SPDX-License-Identifier: BSD-3-Clause
"""One validated problem and the one kernel call that solves it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
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
    check_counts,
    check_offset,
    check_per_feature,
    check_response,
    check_weights,
    kernel_design,
)
from taut.datafits import Datafit
from taut.exceptions import ConvergenceWarning
from taut.linear_model._cells import kernel_options, require_cell
from taut.penalties import Fused, Penalty
from taut.typing import ProgressInfo

Callback = Callable[[ProgressInfo], None]
Raw = dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """Data and options of a fit, checked, in the form in which the kernel reads them.

    `kernel` and `options` are passed through to the kernel unchanged: what the datafit and the
    penalty are there, and intercept, scaling, bounds, tolerance, solver.
    """

    owner: str
    datafit: Datafit
    penalty: Penalty
    X: Any
    y: Float64
    sample_weight: Float64 | None
    offset: Float64 | None
    penalty_factor: Any
    kernel: dict[str, Any]
    options: dict[str, Any]
    target: ClassTarget | None = None
    design: Any = field(default=None, repr=False)

    @classmethod
    def build(
        cls,
        owner: str,
        datafit: Datafit,
        penalty: Penalty,
        X: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        offset: Any = None,
        penalty_factor: Any = None,
        lower: Any = None,
        upper: Any = None,
        positive: bool = False,
        several: bool | None = None,
        **options: Any,
    ) -> Problem:
        """Check everything that goes with a validated X.

        `several` says whether a real y has several columns; None takes it as it comes.
        """
        require_cell(owner, datafit, penalty)
        n, p = X.shape
        weights = check_weights(sample_weight, n)
        response, target = _check_y(owner, datafit, y, n, weights, several)
        if target is not None:
            weights = target.row_weight
        if penalty.blocks and (positive or lower is not None or upper is not None):
            named = "grouped=True" if penalty.get_params().get("groups") is None else "groups"
            reason = "a bound would break the group's norm"
            if isinstance(penalty, Fused):
                named, reason = "penalty='fused'", "a bound on a coefficient joins all of its chain"
            raise ValueError(f"positive, lower and upper do not go with {named}: {reason}.")
        low = check_per_feature(lower, "lower", p, low=-np.inf, high=0.0)
        if positive:
            low = np.zeros(p)
        return cls(
            owner=owner,
            datafit=datafit,
            penalty=penalty,
            X=X,
            y=response,
            sample_weight=weights,
            offset=check_offset(offset, response.shape),
            penalty_factor=penalty_factor,
            kernel=kernel_options(datafit, penalty, p, response.ndim == 1, penalty_factor),
            options={
                "lower": low,
                "upper": check_per_feature(upper, "upper", p, low=0.0, high=np.inf),
                **options,
            },
            target=target,
            design=kernel_design(X),
        )

    def with_penalty(self, penalty: Penalty, penalty_factor: Any = None) -> Problem:
        """Return the problem with another penalty, and other factors unless None."""
        if penalty is self.penalty and penalty_factor is None:
            return self
        require_cell(self.owner, self.datafit, penalty)
        factor = self.penalty_factor if penalty_factor is None else penalty_factor
        kernel = kernel_options(self.datafit, penalty, self.X.shape[1], self.single, factor)
        return replace(self, penalty=penalty, penalty_factor=factor, kernel=kernel)

    @property
    def single(self) -> bool:
        """Whether there is one coefficient per feature."""
        return self.y.ndim == 1

    @property
    def n_outputs(self) -> int:
        """Coefficients per feature."""
        return 1 if self.single else self.y.shape[1]

    @property
    def dtype(self) -> Any:
        """Type of X, hence of the coefficients."""
        return self.X.dtype

    def require_penalty(self) -> None:
        """Raise a ValueError when nothing is penalised, so that there is no default path."""
        factor = self.kernel["penalty_factor"]
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
            self.datafit.name,
            sample_weight=weights,
            offset=self.offset,
            **self.kernel,
            **self.options,
            **settings,
        )
        if not raw["finite"]:
            # The kernel looks for NaN and infinity in the pass over X that it makes anyway.
            assert_all_finite(self.X, estimator_name=self.owner, input_name="X")
            raise ValueError("X contains values whose squares overflow; rescale its columns.")
        if not np.isfinite(raw["objective"]).all():
            at = raw["alphas"][~np.isfinite(raw["objective"])][0]
            raise ValueError(
                f"{self.owner} left the range of float64 at a penalty strength of {at:.3g}: "
                "rescale y, or columns of X whose scales differ by more than about 1e100."
            )
        return raw

    def alpha_max(self, n_threads: int) -> float:
        """Return the least strength that leaves only what is not penalised."""
        return float(self.solve(alphas=None, n_alphas=1, n_threads=n_threads)["alpha_max"])


def _check_y(
    owner: str,
    datafit: Datafit,
    y: Any,
    n: int,
    weights: Float64 | None,
    several: bool | None,
) -> tuple[Float64, ClassTarget | None]:
    if datafit.kind == "classes":
        matrix = datafit.several
        target = check_classes(y, n, owner, weights, binary=not matrix, allow_matrix=matrix)
        # Rows without weight keep their place; their code does not matter.
        return target.one_hot() if matrix else (target.codes > 0).astype(np.float64), target
    if datafit.kind == "counts":
        return _require_magnitude(check_counts(y, n, owner, weights)), None
    if several is None:
        shape = np.shape(y) if hasattr(y, "shape") else np.shape(np.asarray(y))
        several = datafit.several and len(shape) == 2 and shape[1] > 1
    return _require_magnitude(check_response(y, n, owner, several=several)), None


def _require_magnitude(y: Float64) -> Float64:
    """Return y if squares of it and what is derived from those are within float64."""
    size = float(np.abs(y).max(initial=0.0))
    if size > 0.0 and not 1e-140 <= size <= 1e140:
        raise ValueError(
            f"the largest value of y has magnitude {size:.1e}, whose square is at the end of "
            "float64; rescale y to between 1e-140 and 1e140."
        )
    return y


def warn_unless_converged(
    problem: Problem, raws: list[Raw], where: str = "", *, stacklevel: int = 4
) -> None:
    """Warn once, with the worst certificate reached and the one asked for.

    The default level blames the caller of a decorated method.
    """
    missed = [(r, ~np.asarray(r["converged"], dtype=bool)) for r in raws]
    count = sum(int(m.sum()) for _, m in missed)
    if count == 0:
        return
    total = sum(m.size for _, m in missed)
    tol = problem.options["tol"]
    key = "dual_gaps" if problem.penalty.convex else "stop_crits"

    def excess(item: tuple[Raw, NDArray[np.bool_]]) -> float:
        raw, mask = item
        return float(np.max(raw[key][mask], initial=0.0)) / max(raw["tol_unit"], 1e-300)

    raw, mask = max((item for item in missed if item[1].any()), key=excess)
    worst = float(np.max(raw[key][mask]))
    if problem.penalty.convex:
        reached = f"duality gap {worst:.1e} > tol * null loss = {tol * raw['tol_unit']:.1e}"
    else:
        reached = f"criterion {worst:.1e} (distance to stationarity, in units of the gradient)"
    several = "" if total == 1 else f" at {count} of {total} penalty strengths{where}"
    warnings.warn(
        f"{problem.owner} stopped after {problem.options['max_iter']} iterations with {reached}"
        f"{several}. Raise max_iter or tol.",
        ConvergenceWarning,
        stacklevel=stacklevel,
    )


def narrowed(values: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Return coefficients in the type of X.

    Raises
    ------
    ValueError
        If the type is float32 and cannot hold them.
    """
    try:
        with np.errstate(over="raise"):
            return values.astype(dtype, copy=False)
    except FloatingPointError:
        raise ValueError(
            "coefficients are beyond the range of float32, the type of X: pass X as float64, or "
            "rescale y or the columns of X."
        ) from None


def product(X: Any, coef: NDArray[Any]) -> NDArray[Any]:
    """Return X @ coef as an array."""
    out = X @ coef
    return np.asarray(out.toarray() if sp.issparse(out) else out)


__all__ = [
    "ArrayLike",
    "Callback",
    "Problem",
    "Raw",
    "narrowed",
    "product",
    "warn_unless_converged",
]

# SPDX-License-Identifier: BSD-3-Clause
"""Entropic transport."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taut import _core
from taut._threads import n_threads
from taut.exceptions import ConvergenceWarning
from taut.ot._cost import (
    PointCloud,
    Problem,
    check_choice,
    check_count,
    check_positive,
    check_problem,
)
from taut.ot._result import OTResult, centred

__all__ = ["sinkhorn", "sinkhorn_divergence"]

Float64 = NDArray[np.float64]
_COMPACT_TOL = 1e-7  # below, the entries of the plan need double precision
_EXACT = {"compact": "kernel", "log_compact": "log"}  # forms of which the plan is rounded
_CLOUD_KERNEL = 2**28  # bytes of a kernel that "auto" stores for a cloud


def sinkhorn(
    a: ArrayLike | None,
    b: ArrayLike | None,
    C: ArrayLike | PointCloud,
    *,
    reg: float,
    method: str = "auto",
    reg_m: float | tuple[float, float] | None = None,
    tol: float = 1e-6,
    max_iter: int = 10000,
    scaling: float | None = None,
    over_relax: bool = True,
    warm_start: tuple[ArrayLike, ArrayLike] | None = None,
    dtype: Any = None,
    n_jobs: int | None = None,
) -> OTResult:
    r"""Entropic optimal transport by Sinkhorn's iteration.

    Solves ``min_T <T, C> + reg * KL(T | a b')`` over plans ``T >= 0`` with row sums a and column
    sums b, where ``KL(T | Q) = sum T log(T / Q) - T + Q``. With ``reg_m`` the marginals are not
    constraints but cost ``reg_m[0] KL(T 1 | a) + reg_m[1] KL(T' 1 | b)``.

    Parameters
    ----------
    a, b : array-like of shape (n,) and (m,), or None
        Weights >= 0. None is uniform. Balanced problems need equal sums (to 1e-6; the rest is
        taken for rounding and scaled away).
    C : array-like of shape (n, m) or PointCloud
        Costs. float32 stays float32 in the kernels; potentials are returned in float64.
    reg : float
        Strength > 0, in units of C.
    method : {"auto", "kernel", "log"}, default="auto"
        "kernel" stores ``exp((f + g - C) / reg)`` around the current potentials and makes it anew
        when they drift, so it is safe for every reg; it is read once an iteration. "log" reads C,
        takes one exponential an entry and iteration, and stores nothing. If tol >= 1e-7 both keep
        entries in float32 and potentials, exponents and sums in float64; the error of the plan is
        then measured in float64, and iterations go on so if it is above tol. "auto" is "kernel"
        for a matrix and for clouds whose kernel takes at most 256 MB.
    reg_m : float, pair of floats or None, default=None
        Strength of the marginal terms, > 0, ``inf`` for an exact marginal. None is balanced.
    tol : float, default=1e-6
        Stop when the L1 error of the rows is at most ``tol * sum(a)``. Unbalanced: when a sweep
        changes the plan by less than that.
    max_iter : int, default=10000
        Sweeps in all.
    scaling : float in (0, 1) or None, default=None
        Solve for decreasing strengths first, from the range of C down by this factor. Helps for
        very small reg; most often over-relaxation alone is quicker.
    over_relax : bool, default=True
        Over-relax the updates, with a factor estimated from the observed rate; same limit, fewer
        sweeps.
    warm_start : pair of array-like (n,) and (m,), default=None
        Potentials to start from.
    dtype : float32, float64 or None, default=None
        Precision of the kernels; None is that of C.
    n_jobs : int or None, default=None
        Threads; the result has the same bits for any number.

    Returns
    -------
    OTResult
        ``plan`` is dense and made on request; ``apply`` multiplies without it. ``value``,
        ``dual_value`` and ``duality_gap`` are computed when first read, at a cost of about
        three sweeps, from the plan rounded to the marginals.

    Raises
    ------
    ValueError
        If weights are negative or NaN, sums differ without ``reg_m``, shapes disagree, costs are
        not finite, or a parameter is out of its range.

    Warns
    -----
    ConvergenceWarning
        If max_iter is reached; or if float32 cannot be expected to reach tol.

    Notes
    -----
    POT regularises by ``reg * sum(T log T)``: same plan; its potentials are ours plus
    ``reg * log(a)`` and ``reg * log(b)``, and for weights of sum one its value is ours plus
    ``reg * (sum a log a + sum b log b)``.

    One sweep updates both potentials in a single pass: row i of the plan gives f_i, and is added,
    rescaled, to the column sums that give g. The error of the rows before the update comes with it.

    References
    ----------
    .. [1] M. Cuturi (2013), Sinkhorn distances, NIPS.
    .. [2] T. Lehmann, M.-K. von Renesse, A. Sambale, A. Uschmajew (2022), A note on
       overrelaxation in the Sinkhorn algorithm, Optimization Letters 16, 2209-2220.
    .. [3] B. Schmitzer (2019), Stabilized sparse scaling algorithms for entropy regularized
       transport problems, SIAM J. Sci. Comput. 41, A1443-A1481.

    Examples
    --------
    >>> from taut.ot import sinkhorn
    >>> result = sinkhorn(None, None, [[0.0, 1.0], [1.0, 0.0]], reg=0.1)
    >>> result.plan.round(4)
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    eps = check_positive(reg, "reg")
    check_choice(method, "method", ("auto", "kernel", "log"))
    lam = _check_reg_m(reg_m)
    accuracy = check_positive(tol, "tol")
    sweeps = check_count(max_iter, "max_iter")
    if scaling is not None and not 0.0 < check_positive(scaling, "scaling") < 1.0:
        raise ValueError(f"scaling must be in (0, 1), got {scaling:g}.")
    threads = n_threads(n_jobs)
    problem = check_problem(a, b, C, balanced=reg_m is None, dtype=dtype)
    f, g = _start(problem, warm_start)
    limit = _float32_limit(problem, eps)
    if accuracy < limit:
        warnings.warn(
            f"float32 costs carry an error of about {limit / 10:.1e} in the plan at reg = {eps:g}; "
            f"tol = {accuracy:.1e} may not be reached. Use dtype='float64' or a larger tol.",
            ConvergenceWarning,
            stacklevel=2,
        )
    form = _form(problem, method, accuracy)
    errors: list[Float64] = []
    done = 0
    for level in _levels(problem, eps, scaling):
        report = _run(problem, level, lam, form, 0.1, min(20, sweeps - done), False, f, g, threads)
        f, g, done = report["f"], report["g"], done + report["n_iter"]
        errors.append(report["errors"])
    settled, sums = False, None
    for kernel in dict.fromkeys((form, _EXACT.get(form, form))):
        if done >= sweeps:
            break
        report = _run(problem, eps, lam, kernel, accuracy, sweeps - done, over_relax, f, g, threads)
        f, g, done = report["f"], report["g"], done + report["n_iter"]
        errors.append(report["errors"])
        sums = _sums(problem, f, g, eps, threads)
        # The error of the plan itself: a kernel in float32 is not quite that of C.
        exact = float(np.abs(sums["row"] - problem.a).sum())
        settled = report["converged"] and (lam != _BALANCED or exact <= accuracy * problem.a.sum())
        if settled:
            break
    if sums is None:
        sums = _sums(problem, f, g, eps, threads)
    result = _result(problem, f, g, eps, lam, sums, done, settled, np.concatenate(errors), threads)
    if not settled:
        reached = errors[-1][-1] / problem.a.sum() if errors[-1].size else np.inf
        warnings.warn(
            f"sinkhorn stopped after {done} iterations with a relative marginal error of "
            f"{reached:.1e} > tol = {accuracy:.1e}. Raise max_iter, reg or tol.",
            ConvergenceWarning,
            stacklevel=2,
        )
    return result


_BALANCED = (np.inf, np.inf)


def _check_reg_m(reg_m: Any) -> tuple[float, float]:
    if reg_m is None:
        return _BALANCED
    pair = tuple(reg_m) if isinstance(reg_m, Sequence | np.ndarray) else (reg_m, reg_m)
    if len(pair) != 2 or any(isinstance(x, bool) or not float(x) > 0 for x in pair):
        raise ValueError(f"reg_m must be a number > 0 or a pair of them, got {reg_m!r}.")
    return float(pair[0]), float(pair[1])


def _start(problem: Problem, warm_start: Any) -> tuple[Float64, Float64]:
    n, m = problem.shape
    if warm_start is None:
        return np.zeros(n), np.zeros(m)
    parts = []
    for values, kept, weights, name in zip(
        warm_start,
        (problem.rows, problem.cols),
        (problem.full_a, problem.full_b),
        ("warm_start[0]", "warm_start[1]"),
        strict=True,
    ):
        array = np.array(values, dtype=np.float64)
        if array.shape != weights.shape or not np.isfinite(array).all():
            raise ValueError(
                f"{name} must hold {weights.size} finite numbers, got shape {array.shape}."
            )
        parts.append(array if kept is None else array[kept])
    return parts[0], parts[1]


def _float32_limit(problem: Problem, eps: float) -> float:
    """Ten times the relative error that rounding of float32 costs puts on the plan, else 0."""
    if problem.dtype != np.float32:
        return 0.0
    return 10 * 6e-8 * _cost_range(problem)[1] / eps


def _cost_range(problem: Problem) -> tuple[float, float]:
    """Smallest and largest cost; for clouds 0 and a bound."""
    if isinstance(problem.cost, PointCloud):
        X, Y = problem.cost.X, problem.cost.Y
        low = np.minimum(X.min(axis=0), Y.min(axis=0)).astype(float)
        high = np.maximum(X.max(axis=0), Y.max(axis=0)).astype(float)
        return 0.0, float(((high - low) ** 2).sum())
    return float(problem.cost.min()), float(np.abs(problem.cost).max())


def _form(problem: Problem, method: str, tol: float) -> str:
    n, m = problem.shape
    if method == "auto":
        cloud = isinstance(problem.cost, PointCloud)
        method = "log" if cloud and 4 * n * m > _CLOUD_KERNEL else "kernel"
    if method == "log":
        return "log_compact" if tol >= _COMPACT_TOL and problem.dtype == np.float64 else "log"
    return "compact" if tol >= _COMPACT_TOL else "kernel"


def _levels(problem: Problem, eps: float, scaling: float | None) -> list[float]:
    if scaling is None:
        return []
    low, high = _cost_range(problem)
    levels, level = [], high - low
    while level > eps:
        levels.append(level)
        level *= scaling
    return levels


def _run(
    problem: Problem,
    eps: float,
    lam: tuple[float, float],
    form: str,
    tol: float,
    max_iter: int,
    over_relax: bool,
    f: Float64,
    g: Float64,
    threads: int,
) -> dict[str, Any]:
    return _core.ot_sinkhorn(
        problem.row_major,
        problem.a,
        problem.b,
        eps,
        f,
        g,
        lam_a=lam[0],
        lam_b=lam[1],
        form=form,
        tol=tol,
        max_iter=max(max_iter, 1),
        over_relax=over_relax,
        n_threads=threads,
    )


def _sums(
    problem: Problem,
    f: Float64,
    g: Float64,
    eps: float,
    threads: int,
    x: Float64 | None = None,
    y: Float64 | None = None,
) -> dict[str, Any]:
    return _core.ot_plan_sums(
        problem.row_major, problem.a, problem.b, f, g, eps, x, y, n_threads=threads
    )


def _kl(t: Float64, q: Float64) -> float:
    ratio = np.where(t > 0, t / q, 1.0)
    return float((t * np.log(ratio) - t + q).sum())


def _result(
    problem: Problem,
    f: Float64,
    g: Float64,
    eps: float,
    lam: tuple[float, float],
    sums: dict[str, Any],
    n_iter: int,
    converged: bool,
    errors: Float64,
    threads: int,
) -> OTResult:
    a, b = problem.a, problem.b
    mass_a, mass_b = float(a.sum()), float(b.sum())
    damping = tuple(1.0 if np.isinf(strength) else strength / (strength + eps) for strength in lam)
    potentials = problem.restore(f, g, eps, (damping[0], damping[1]))

    def dual() -> float:
        value = -eps * (float(sums["row"].sum()) - mass_a * mass_b)
        for potential, weight, strength in ((f, a, lam[0]), (g, b, lam[1])):
            if np.isinf(strength):
                value += float(potential @ weight)
            else:
                value -= strength * float(weight @ np.expm1(-potential / strength))
        return value

    def primal() -> float:
        # Rows, then columns, that hold too much are scaled down; what is missing is added as a
        # rank-one term (Altschuler, Weed, Rigollet 2017, algorithm 2). Only exact marginals ask.
        shifted_f, shifted_g, plan = f, g, sums
        if np.isinf(lam[0]):
            scale = a / plan["row"]
            scale = np.minimum(scale, 1.0) if np.isinf(lam[1]) else scale
            shifted_f = f + eps * np.log(scale)
            plan = _sums(problem, shifted_f, shifted_g, eps, threads)
        if np.isinf(lam[1]):
            scale = b / plan["col"]
            scale = np.minimum(scale, 1.0) if np.isinf(lam[0]) else scale
            if np.any(scale < 1.0) or not np.isinf(lam[0]):
                shifted_g = g + eps * np.log(scale)
                plan = _sums(problem, shifted_f, shifted_g, eps, threads)
        if np.isinf(lam[0]) and np.isinf(lam[1]):
            x, y = np.maximum(a - plan["row"], 0.0), np.maximum(b - plan["col"], 0.0)
            missing = float(y.sum())
            if missing > 0 and x.sum() > 0:
                plan = _sums(problem, shifted_f, shifted_g, eps, threads, x / x.sum(), y)
        value = plan["linear"] + eps * (
            plan["entropy"] - float(plan["row"].sum()) + mass_a * mass_b
        )
        if not np.isinf(lam[0]):
            value += lam[0] * _kl(plan["row"], a)
        if not np.isinf(lam[1]):
            value += lam[1] * _kl(plan["col"], b)
        return float(value)

    def multiply(matrix: Float64, transposed: bool) -> Float64:
        kept_in, kept_out = (
            (problem.rows, problem.cols) if transposed else (problem.cols, problem.rows)
        )
        part = matrix if kept_in is None else np.ascontiguousarray(matrix[kept_in])
        product = _core.ot_plan_apply(
            problem.row_major, a, b, f, g, eps, part, transposed, n_threads=threads
        )
        if kept_out is None:
            return product
        size = problem.full_b.size if transposed else problem.full_a.size
        out = np.zeros((size, matrix.shape[1]))
        out[kept_out] = product
        return out

    gradients = tuple(
        centred(potential, weight)
        if lam == _BALANCED
        else _unbalanced_gradient(potential, eps, strength, other)
        for potential, weight, strength, other in (
            (potentials[0], problem.full_a, lam[0], mass_b),
            (potentials[1], problem.full_b, lam[1], mass_a),
        )
    )
    return OTResult(
        problem,
        potentials=potentials,
        marginal_error=(
            float(np.abs(sums["row"] - a).sum()),
            float(np.abs(sums["col"] - b).sum()),
        ),
        n_iter=n_iter,
        converged=converged,
        errors=errors,
        eps=eps,
        linear_cost=sums["linear"],
        parts=lambda: {"dual_value": dual(), "value": primal()},
        multiply=multiply,
        gradients=(gradients[0], gradients[1]),
    )


def _unbalanced_gradient(potential: Float64, eps: float, lam: float, mass: float) -> Float64:
    if np.isinf(lam):
        return potential + eps * (mass - 1.0)
    filled = np.exp(-potential / lam)  # marginal of the plan over the weight
    return lam * (1.0 - filled) + eps * (mass - filled)


def dense_plan(
    problem: Problem, potentials: tuple[Float64, Float64], eps: float, n: int, m: int
) -> Float64:
    """Entropic plan of the full problem."""
    f, g = potentials
    f = f if problem.rows is None else f[problem.rows]
    g = g if problem.cols is None else g[problem.cols]
    plan = _core.ot_plan_dense(
        problem.row_major,
        problem.a,
        problem.b,
        np.ascontiguousarray(f),
        np.ascontiguousarray(g),
        eps,
    )
    if problem.rows is None and problem.cols is None:
        return plan
    out = np.zeros((n, m))
    rows = np.arange(n) if problem.rows is None else problem.rows
    cols = np.arange(m) if problem.cols is None else problem.cols
    out[np.ix_(rows, cols)] = plan
    return out


def sinkhorn_divergence(
    a: ArrayLike | None,
    b: ArrayLike | None,
    X: ArrayLike,
    Y: ArrayLike,
    *,
    reg: float,
    reg_m: float | None = None,
    tol: float = 1e-6,
    max_iter: int = 10000,
    n_jobs: int | None = None,
) -> float:
    r"""Debiased entropic transport cost between two weighted point clouds.

    ``OT(a, b) - OT(a, a) / 2 - OT(b, b) / 2`` with ``OT`` the value of :func:`sinkhorn` on squared
    Euclidean distances, plus ``reg / 2 (sum a - sum b)^2`` for unbalanced problems. At least 0,
    and 0 exactly for equal clouds.

    Parameters
    ----------
    a, b : array-like of shape (n,) and (m,), or None
        Weights; None is uniform.
    X, Y : array-like of shape (n, d) and (m, d)
        Points.
    reg : float
        Strength > 0, in units of a squared distance.
    reg_m : float or None, default=None
        Strength of the marginal terms; None is balanced.
    tol, max_iter, n_jobs
        As in :func:`sinkhorn`.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If shapes disagree or an argument is out of its range.

    References
    ----------
    .. [1] J. Feydy, T. Sejourne, F.-X. Vialard, S. Amari, A. Trouve, G. Peyre (2019),
       Interpolating between optimal transport and MMD using Sinkhorn divergences, AISTATS,
       theorem 1.
    .. [2] T. Sejourne, J. Feydy, F.-X. Vialard, A. Trouve, G. Peyre (2019), Sinkhorn divergences
       for unbalanced optimal transport, arXiv 1910.12958, definition 5.

    Examples
    --------
    >>> from taut.ot import sinkhorn_divergence
    >>> float(sinkhorn_divergence(None, None, [[0.0], [1.0]], [[0.0], [1.0]], reg=0.1))
    0.0
    """
    if reg_m is not None and not np.isscalar(reg_m):
        raise ValueError(f"reg_m must be one number here, got {reg_m!r}.")
    cloud = PointCloud(X, Y)
    checked = check_problem(a, b, cloud, balanced=reg_m is None)
    wa, wb = checked.full_a, checked.full_b
    if np.array_equal(cloud.X, cloud.Y) and np.array_equal(wa, wb):
        return 0.0
    parameters: dict[str, Any] = dict(
        reg=reg, reg_m=reg_m, tol=tol, max_iter=max_iter, n_jobs=n_jobs
    )
    cross = sinkhorn(wa, wb, cloud, **parameters).dual_value
    own_a = sinkhorn(wa, wa, PointCloud(cloud.X, cloud.X), **parameters).dual_value
    own_b = sinkhorn(wb, wb, PointCloud(cloud.Y, cloud.Y), **parameters).dual_value
    value = cross - 0.5 * (own_a + own_b)
    if reg_m is not None:
        value += 0.5 * reg * float(wa.sum() - wb.sum()) ** 2
    return value

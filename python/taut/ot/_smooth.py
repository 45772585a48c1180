# SPDX-License-Identifier: BSD-3-Clause
"""Transport with a quadratic regulariser and a limit on the number of partners."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.sparse as sp
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
from taut.ot._result import OTResult, centred, marginal_errors, scatter_plan
from taut.ot._sinkhorn import sinkhorn

__all__ = ["auto_reg", "smooth_ot"]

Float64 = NDArray[np.float64]
_STORED = 2**27  # entries of a cost matrix beside which a kernel in float32 may stand for a moment
_UNEVEN = 1e-3  # least weight over the mean below which weights span decades
_COARSE = 4000  # clouds above this size start from the solution of a sample


def smooth_ot(
    a: ArrayLike | None,
    b: ArrayLike | None,
    C: ArrayLike | PointCloud,
    *,
    reg: float | str,
    reg_type: str = "l2",
    max_nz: int | None = None,
    axis: int = 0,
    form: str = "semi_dual",
    solver: str = "auto",
    tol: float = 1e-6,
    max_iter: int = 1000,
    n_jobs: int | None = None,
) -> OTResult:
    r"""Transport with sparse plans: quadratic, or with at most ``max_nz`` partners a column.

    Solves ``min_T <T, C> + sum_j Omega(t_j)`` over plans with marginals a and b, where t_j is
    column j of T and ``Omega(t) = reg / 2 * |t|^2``, with ``reg_type="sparse"`` also "t has at
    most max_nz entries". That limit is not convex: solved is its convex relaxation (the
    biconjugate of Omega, ``reg / 2`` times the squared k-support norm), whose dual is the same.

    Parameters
    ----------
    a, b : array-like of shape (n,) and (m,), or None
        Weights >= 0 of equal sum; None is uniform.
    C : array-like of shape (n, m) or PointCloud
        Costs. A Fortran-ordered matrix is taken as it is (C-ordered for axis=1); the other order
        is copied once.
    reg : float or "auto"
        Strength > 0, in units of C divided by mass. An entry of the plan is ``score / reg``: its
        natural size is ``b_j / max_nz``, so the same reg means more partners where masses are
        small. "auto" is ``1e-2 * median(C) * m / sum(b)``, some five to ten partners.
    reg_type : {"l2", "sparse", "entropic"}, default="l2"
        "entropic" calls :func:`sinkhorn` with its defaults.
    max_nz : int or None, default=None
        Largest number k of partners, 1 <= k <= n (m for axis=1); only for "sparse".
    axis : {0, 1}, default=0
        0 limits columns (targets), 1 rows (sources).
    form : {"semi_dual", "dual"}, default="semi_dual"
        "semi_dual" has one variable a row, and columns of every plan are exact. "dual" has both
        potentials, always with L-BFGS; for comparison.
    solver : {"auto", "newton", "lbfgs", "proximal", "bundle"}, default="auto"
        "auto" is a semismooth Newton method, followed by "proximal" where the maximum is a kink
        (small max_nz), at which gradient methods stop early. "proximal" goes from plan to plan,
        each time with a small quadratic term around the last one, by Newton steps. "bundle" is a
        proximal bundle method, for comparison: slow beyond a dozen points.
    tol : float, default=1e-6
        Stop when the L1 error of the other marginal is at most ``tol * sum(a)``, and the duality
        gap at most tol times the value (a tenth of that where the maximum is a kink).
    max_iter : int, default=1000
        Evaluations of the (semi-)dual in all.
    n_jobs : int or None, default=None
        Threads; the result has the same bits for any number.

    Returns
    -------
    OTResult
        ``plan`` (CSR) has at most max_nz entries a column, and exact columns. ``plan_relaxed``
        has exact rows and columns, and in a kink a few more entries. ``value`` belongs to
        ``plan_relaxed``, ``dual_value`` to the potentials.

    Raises
    ------
    ValueError
        On bad weights, costs or parameters; and if the limit cannot be met: m columns of k
        entries must reach every row of positive weight.

    Warns
    -----
    ConvergenceWarning
        If max_iter is reached, or a solver other than "auto" stopped in a kink; the message has
        the error reached.

    Notes
    -----
    Where no two scores tie at the k-th place above the threshold (``n_ties == 0``) ``plan`` meets
    both marginals, and is a global minimum of the problem with the limit. With ties it does not:
    look at ``marginal_error``. Deviation from [1]: Newton and proximal steps in place of
    L-BFGS, started from a rough entropic plan, and the limit on entries introduced only at the
    end of a path of decreasing reg.

    References
    ----------
    .. [1] T. Liu, J. Puigcerver, M. Blondel (2023), Sparsity-constrained optimal transport, ICLR.
    .. [2] M. Blondel, V. Seguy, A. Rolet (2018), Smooth and sparse optimal transport, AISTATS.
    .. [3] D. Lorenz, P. Manns, C. Meyer (2021), Quadratically regularized optimal transport,
       Applied Mathematics and Optimization 83, 1919-1949.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.ot import smooth_ot
    >>> C = np.array([[0.0, 2.0], [1.0, 0.5], [2.0, 0.0]])
    >>> result = smooth_ot(None, None, C, reg=0.1, reg_type="sparse", max_nz=2)
    >>> result.plan.toarray().round(4)
    array([[0.3333, 0.    ],
           [0.1667, 0.1667],
           [0.    , 0.3333]])
    """
    check_choice(reg_type, "reg_type", ("l2", "sparse", "entropic"))
    check_choice(form, "form", ("semi_dual", "dual"))
    check_choice(solver, "solver", ("auto", "newton", "lbfgs", "proximal", "bundle"))
    if axis not in (0, 1):
        raise ValueError(f"axis must be 0 or 1, got {axis!r}.")
    if form == "dual" and solver not in ("auto", "lbfgs"):
        raise ValueError(f'solver must be "auto" or "lbfgs" with form="dual", got {solver!r}.')
    accuracy, budget = check_positive(tol, "tol"), check_count(max_iter, "max_iter")
    threads = n_threads(n_jobs)
    problem = check_problem(a, b, C)
    strength = auto_reg(problem, reg_type) if _is_auto(reg) else check_positive(reg, "reg")
    if reg_type == "entropic":
        if max_nz is not None:
            raise ValueError('max_nz goes with reg_type="sparse" only, got reg_type="entropic".')
        return sinkhorn(problem.full_a, problem.full_b, problem.full_cost, reg=strength, tol=tol,
                        n_jobs=n_jobs)  # fmt: skip
    limit = _check_max_nz(problem, reg_type, max_nz, axis)
    # Inside, columns carry the limit: axis=1 is the transposed problem.
    cost = problem.column_major if axis == 0 else _transposed(problem)
    source, target = (problem.a, problem.b) if axis == 0 else (problem.b, problem.a)
    start = None
    spent = 0
    by_newton = solver in ("auto", "newton", "proximal") and form != "dual"
    if by_newton and isinstance(problem.cost, PointCloud):
        start, spent = _coarse_start(cost, source, target, strength, threads)
    elif by_newton:
        start, spent = _soft_start(cost, source, target, threads)
    report = _core.ot_smooth(
        cost,
        source,
        target,
        strength,
        limit,
        start=start,
        solver=solver,
        dual=form == "dual",
        tol=accuracy,
        max_iter=max(budget - spent, 2),
        n_threads=threads,
    )
    plan = _matrix(report["plan"], source.size, target.size)
    relaxed = _matrix(report["plan_relaxed"], source.size, target.size)
    f, g = report["alpha"], -report["tau"]
    if axis == 1:
        plan, relaxed, (f, g) = plan.T, relaxed.T, (g, f)
    plan = scatter_plan(problem, sp.csr_array(plan))
    relaxed = scatter_plan(problem, sp.csr_array(relaxed))
    potentials = problem.restore(f, g)
    if not report["converged"]:
        hint = (
            "The maximum of the dual is a kink here; solver='auto' goes on with proximal steps."
            if limit < source.size and solver in ("newton", "lbfgs")
            else "Raise max_iter, reg or tol."
        )
        warnings.warn(
            f"smooth_ot stopped after {report['n_iter']} evaluations with a relative marginal "
            f"error of {report['error'] / source.sum():.1e} > tol = {accuracy:.1e} and a duality "
            f"gap of {report['value'] - report['dual_value']:.1e}. {hint}",
            ConvergenceWarning,
            stacklevel=2,
        )
    return OTResult(
        problem,
        potentials=potentials,
        marginal_error=marginal_errors(problem, plan),
        n_iter=int(report["n_iter"]),
        converged=bool(report["converged"]),
        axis=axis,
        errors=report["errors"],
        n_ties=int(report["n_ties"]),
        eps=strength,
        plan=plan,
        plan_relaxed=relaxed,
        linear_cost=report["linear_cost"],
        dual_value=report["dual_value"],
        value=report["value"],
        gradients=(
            centred(potentials[0], problem.full_a),
            centred(potentials[1], problem.full_b),
        ),
    )


def _is_auto(reg: Any) -> bool:
    if isinstance(reg, str):
        check_choice(reg, "reg", ("auto",))
        return True
    return False


def auto_reg(problem: Problem, reg_type: str) -> float:
    """Strength chosen from the median cost; of a seeded sample for clouds."""
    if isinstance(problem.cost, PointCloud):
        rng = np.random.default_rng(0)
        rows = rng.choice(problem.a.size, min(1000, problem.a.size), replace=False)
        cols = rng.choice(problem.b.size, min(1000, problem.b.size), replace=False)
        costs = PointCloud(problem.cost.X[rows], problem.cost.Y[cols]).matrix()
    else:
        costs = problem.cost
    level = 1e-2 * float(np.median(costs))
    if level <= 0:
        raise ValueError('reg="auto" needs a positive median cost; give a number.')
    return level if reg_type == "entropic" else level * problem.b.size / float(problem.b.sum())


def _check_max_nz(problem: Problem, reg_type: str, max_nz: Any, axis: int) -> int:
    n, m = problem.shape if axis == 0 else problem.shape[::-1]
    if reg_type == "l2":
        if max_nz is not None:
            raise ValueError('max_nz goes with reg_type="sparse" only, got reg_type="l2".')
        return n
    full = (problem.full_a if axis == 0 else problem.full_b).size
    if max_nz is None:
        raise ValueError('reg_type="sparse" needs max_nz, the largest number of partners.')
    if isinstance(max_nz, bool) or not isinstance(max_nz, int | np.integer):
        raise ValueError(f"max_nz must be an integer in [1, {full}], got {max_nz!r}.")
    if not 1 <= max_nz <= full:
        raise ValueError(f"max_nz must be in [1, {full}], got {max_nz}.")
    if m * int(max_nz) < n:
        sides = ("columns", "rows") if axis == 0 else ("rows", "columns")
        raise ValueError(
            f"max_nz = {max_nz} is infeasible: {m} {sides[0]} of at most {max_nz} entries cannot "
            f"reach {n} {sides[1]} of positive weight. max_nz must be at least {-(-n // m)}."
        )
    return min(int(max_nz), n)


def _transposed(problem: Problem) -> Any:
    if isinstance(problem.cost, PointCloud):
        return problem.cost.Y, problem.cost.X
    return problem.row_major


def _soft_start(cost: Any, a: Float64, b: Float64, threads: int) -> tuple[Float64 | None, int]:
    """Potentials of a rough entropic plan, in which every row is near a column that takes it.

    From zero most rows are inactive, and Newton steps feel their way to each of them. Where weights
    span decades the rough plan leaves the potentials of the light points anywhere, for they move no
    sum of rows that counts; sweeps treat light and heavy alike, so there they go on at smaller and
    smaller strengths. Returns the potentials of the rows and about how many evaluations the sweeps
    are worth.
    """
    if isinstance(cost, tuple):
        x, y = (points[:: max(1, len(points) // 200)] for points in cost)
        sample = ((x[:, None] - y[None]) ** 2).sum(axis=2)
    else:
        sample = cost[:: max(1, cost.shape[0] // 200), :: max(1, cost.shape[1] // 200)]
    least = float(np.min(sample))
    scale = float(np.median(sample)) - least or float(np.mean(sample)) - least
    if not scale > 0.0:
        return None, 0
    # The costs of ot_smooth lie target by target. A stored kernel is half their size again.
    stored = not isinstance(cost, tuple) and cost.dtype == np.float64 and cost.size <= _STORED
    if isinstance(cost, tuple):
        cost = cost[::-1]
    uneven = min(a.min() / a.mean(), b.min() / b.mean()) < _UNEVEN
    deep = uneven and (stored or a.size * b.size <= 10**6)
    f, start, sweeps = np.zeros(b.size), np.zeros(a.size), 0
    for level in range(5 if deep else 1):
        report = _core.ot_sinkhorn(
            cost, b, a, 0.02 * 0.2**level * scale, f, start, lam_a=np.inf, lam_b=np.inf,
            form="compact" if stored else "log", tol=1e-7 if level else 1e-2,
            max_iter=250 if level else 40, over_relax=True, n_threads=threads,
        )  # fmt: skip
        if not (np.isfinite(report["f"]).all() and np.isfinite(report["g"]).all()):
            break
        f, start = report["f"], report["g"]
        sweeps += report["n_iter"]
    return (start if sweeps else None), sweeps // (8 if deep else 4)


def _coarse_start(
    cost: tuple[Any, Any], a: Float64, b: Float64, strength: float, threads: int
) -> tuple[Float64 | None, int]:
    """Potentials from a sixteenth of both clouds, extended by the minimum of cost minus beta.

    A sample has sixteen times the mass a point, so a sixteenth of the strength keeps the length
    scale of the regularisation. Returns the potentials and the evaluations spent, in units of
    evaluations of the whole problem.
    """
    X, Y = cost
    if max(a.size, b.size) <= _COARSE:
        return _soft_start(cost, a, b, threads)
    rng = np.random.default_rng(0)
    samples = []
    for points, weights in ((X, a), (Y, b)):
        size = max(weights.size // 16, min(weights.size, 250))
        chosen = np.sort(rng.choice(weights.size, size, replace=False, p=weights / weights.sum()))
        samples.append((np.ascontiguousarray(points[chosen]), np.full(size, a.sum() / size)))
    (x, wx), (y, wy) = samples
    start, spent = _coarse_start((x, y), wx, wy, strength / 16, threads)
    report = _core.ot_smooth(
        (x, y), wx, wy, strength / 16, wx.size, start=start, tol=1e-2, max_iter=150,
        n_threads=threads,
    )  # fmt: skip
    # alpha_i = min_j (c_ij - beta_j) by the top-1 column of the mirrored problem: its scores are
    # beta_j - c_ij, and tau tends to the largest of them as the strength tends to 0.
    tiny = np.full(X.shape[0], 1e-300)
    extension = _core.ot_semi_dual(
        (y, X), np.zeros(y.shape[0]), tiny, 1.0, 1, -report["tau"], n_threads=threads
    )
    return -extension["tau"], spent + report["n_iter"] // 16


def _matrix(parts: tuple[Any, Any, Any], n: int, m: int) -> sp.csc_array:
    data, rows, starts = parts
    if max(data.size, n, m) < 2**31:
        rows, starts = rows.astype(np.int32), starts.astype(np.int32)
    return sp.csc_array((data, rows, starts), shape=(n, m))

# SPDX-License-Identifier: BSD-3-Clause
"""Exact transport by the solvers of SciPy and, where it is installed, POT."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment, linprog

from taut.exceptions import ConvergenceWarning, OptionalDependencyError
from taut.ot._cost import PointCloud, Problem, check_choice, check_problem
from taut.ot._result import OTResult, centred, marginal_errors, scatter_plan

__all__ = ["ot_exact"]

Float64 = NDArray[np.float64]
_LARGE_PROGRAM = 250_000  # variables above which HiGHS takes minutes


def ot_exact(
    a: ArrayLike | None,
    b: ArrayLike | None,
    C: ArrayLike | PointCloud,
    *,
    method: str = "auto",
) -> OTResult:
    r"""Exact optimal transport, ``min <T, C>`` over plans with marginals a and b.

    Parameters
    ----------
    a, b : array-like of shape (n,) and (m,), or None
        Weights >= 0 of equal sum; None is uniform.
    C : array-like of shape (n, m) or PointCloud
        Costs. A PointCloud in one dimension is solved by sorting, in O((n + m) log(n + m)).
    method : {"auto", "sort", "assignment", "pot", "highs"}, default="auto"
        "sort": one-dimensional clouds. "assignment": n = m and equal weights, SciPy's
        ``linear_sum_assignment``. "pot": the network simplex of the package POT. "highs": SciPy's
        linear programming. "auto" is the first of these that applies and is installed.

    Returns
    -------
    OTResult
        ``plan`` is CSR with at most n + m - 1 entries. ``duality_gap`` is computed from
        potentials that are made feasible, so it is a proof whatever the solver did.

    Raises
    ------
    ValueError
        On bad weights or costs, or a method that does not apply.
    ImportError
        If ``method="pot"`` and POT is not installed.

    Warns
    -----
    ConvergenceWarning
        If the solver stopped without a solution it calls optimal, or left a gap.

    See Also
    --------
    smooth_ot, sinkhorn : Regularised, for larger problems.

    Examples
    --------
    >>> from taut.ot import ot_exact
    >>> result = ot_exact([0.5, 0.5], [0.25, 0.75], [[0.0, 1.0], [2.0, 0.0]], method="highs")
    >>> result.value, result.duality_gap
    (0.25, 0.0)
    """
    check_choice(method, "method", ("auto", "sort", "assignment", "pot", "highs"))
    problem = check_problem(a, b, C)
    if method == "auto":
        method = _choose(problem)
    if method == "sort":
        plan, f = _sorted(problem)
        costs = None
    else:
        costs = _matrix(problem)
        if method == "assignment":
            if not _is_assignment(problem):
                raise ValueError('method="assignment" needs n = m and equal weights.')
            plan, f = _assignment(problem, costs)
        elif method == "pot":
            plan, f = _network_simplex(problem, costs)
        else:
            plan, f = _linear_program(problem, costs)
    # Feasible potentials: g is the largest that f allows.
    g = _transform(problem, costs, f)
    dual = float(problem.a @ f + problem.b @ g)
    coo = plan.tocoo()
    value = float(coo.data @ _entries(problem, costs, *coo.coords))
    full = scatter_plan(problem, plan)
    potentials = problem.restore(f, g)
    scale = max(abs(value), abs(dual), 1e-300)
    errors = marginal_errors(problem, full)
    converged = value - dual <= 1e-6 * scale and max(errors) <= 1e-6 * problem.a.sum()
    if not converged:
        warnings.warn(
            f"ot_exact (method={method!r}) ended with a duality gap of {value - dual:.1e} and "
            f"marginal errors of {max(errors):.1e}.",
            ConvergenceWarning,
            stacklevel=2,
        )
    return OTResult(
        problem,
        potentials=potentials,
        marginal_error=errors,
        n_iter=0,
        converged=converged,
        plan=full,
        linear_cost=value,
        dual_value=dual,
        value=value,
        gradients=(
            centred(potentials[0], problem.full_a),
            centred(potentials[1], problem.full_b),
        ),
    )


def _choose(problem: Problem) -> str:
    if isinstance(problem.cost, PointCloud) and problem.cost.X.shape[1] == 1:
        return "sort"
    if _is_assignment(problem):
        return "assignment"
    return "pot" if importlib.util.find_spec("ot") is not None else "highs"


def _is_assignment(problem: Problem) -> bool:
    n, m = problem.shape
    return bool(n == m and np.ptp(np.concatenate([problem.a, problem.b])) <= 1e-12 * problem.a[0])


def _matrix(problem: Problem) -> Float64:
    cost = problem.cost.matrix() if isinstance(problem.cost, PointCloud) else problem.cost
    return np.asarray(cost, dtype=np.float64)


def _entries(problem: Problem, costs: Float64 | None, rows: Any, cols: Any) -> Float64:
    if costs is not None:
        return costs[rows, cols]
    assert isinstance(problem.cost, PointCloud)
    X, Y = problem.cost.X.astype(float), problem.cost.Y.astype(float)
    return ((X[rows] - Y[cols]) ** 2).sum(axis=1)


def _transform(problem: Problem, costs: Float64 | None, f: Float64) -> Float64:
    """min_i (C_ij - f_i)."""
    if costs is not None:
        return (costs - f[:, None]).min(axis=0)
    from taut import _core

    assert isinstance(problem.cost, PointCloud)
    # tau of the best row alone, at a strength of 0, is the largest score f_i - C_ij.
    tiny = np.full(problem.b.size, 1e-300)
    cloud = problem.cost
    point = _core.ot_semi_dual((cloud.X, cloud.Y), problem.a, tiny, 1.0, 1, f)
    return -point["tau"]


def _csr(rows: Any, cols: Any, mass: Any, shape: tuple[int, int]) -> sp.csr_array:
    kept = np.asarray(mass) > 0
    return sp.csr_array((mass[kept], (rows[kept], cols[kept])), shape=shape)


def _sorted(problem: Problem) -> tuple[sp.csr_array, Float64]:
    """Monotone plan of a one-dimensional convex cost, and its potentials along the staircase."""
    if not isinstance(problem.cost, PointCloud) or problem.cost.X.shape[1] != 1:
        raise ValueError('method="sort" needs a PointCloud in one dimension.')
    x, y = problem.cost.X[:, 0].astype(float), problem.cost.Y[:, 0].astype(float)
    by_x, by_y = np.argsort(x, kind="stable"), np.argsort(y, kind="stable")
    ends_a, ends_b = np.cumsum(problem.a[by_x]), np.cumsum(problem.b[by_y])
    ends_b *= ends_a[-1] / ends_b[-1]
    ends = np.union1d(ends_a, ends_b)
    starts = np.concatenate([[0.0], ends[:-1]])
    i = np.minimum(np.searchsorted(ends_a, starts, side="right"), x.size - 1)
    j = np.minimum(np.searchsorted(ends_b, starts, side="right"), y.size - 1)
    plan = _csr(by_x[i], by_y[j], ends - starts, problem.shape)
    # Along the staircase f_i + g_j = c_ij; where both steps change together, one cell is added,
    # so that f changes while g stays: f_{i+1} - f_i = c_{i+1,j} - c_{i,j}.
    xs, ys = x[by_x], y[by_y]
    first = np.flatnonzero(np.diff(i, prepend=-1))  # where each new row begins
    rows = i[first]
    column = np.concatenate([[0], j[first[1:] - 1]])
    steps = np.zeros(xs.size)
    steps[rows[1:]] = (xs[rows[1:]] - ys[column[1:]]) ** 2 - (
        xs[rows[1:] - 1] - ys[column[1:]]
    ) ** 2
    f = np.empty_like(x)
    f[by_x] = np.cumsum(steps)
    return plan, f


def _assignment(problem: Problem, costs: Float64) -> tuple[sp.csr_array, Float64]:
    rows, cols = linear_sum_assignment(costs)
    plan = _csr(rows, cols, problem.a.copy(), problem.shape)
    # f_i + g_j <= c_ij with equality on the assignment asks for g_j <= g_s(i) + c_ij - c_is(i):
    # shortest paths, by Bellman and Ford.
    own = costs[rows, cols]
    reduced = costs - own[:, None]
    g = np.zeros(cols.size)
    slack = 1e-15 * max(float(np.abs(own).max()), 1e-300)
    for _ in range(cols.size):
        shorter = np.minimum(g, (reduced + g[cols][:, None]).min(axis=0))
        done = (g - shorter).max() <= slack
        g = shorter
        if done:
            break
    f = own - g[cols]
    return plan, f


def _network_simplex(problem: Problem, costs: Float64) -> tuple[sp.csr_array, Float64]:
    try:
        ot: Any = importlib.import_module("ot")
    except ImportError as error:
        raise OptionalDependencyError('ot_exact(method="pot")', "POT") from error
    limit = max(100_000, 50 * sum(problem.shape))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its state is read from the certificate instead
        plan, log = ot.emd(
            problem.a, problem.b, np.ascontiguousarray(costs), numItermax=limit, log=True
        )
    rows, cols = np.nonzero(plan)
    return _csr(rows, cols, plan[rows, cols], problem.shape), np.asarray(log["u"], dtype=float)


def _linear_program(problem: Problem, costs: Float64) -> tuple[sp.csr_array, Float64]:
    n, m = problem.shape
    if n * m > _LARGE_PROGRAM:
        warnings.warn(
            f"ot_exact solves a linear program of {n * m} variables with SciPy, which may take "
            "minutes. Installing POT (pip install POT) brings a network simplex.",
            UserWarning,
            stacklevel=3,
        )
    incidence = sp.vstack(
        [
            sp.kron(sp.eye_array(n), np.ones((1, m)), format="csr"),
            sp.kron(np.ones((1, n)), sp.eye_array(m), format="csr"),
        ],
        format="csc",
    )
    # The equations sum to the same on both sides; without the last they are independent, and no
    # rounding of the weights can contradict them.
    done = linprog(
        costs.ravel(),
        A_eq=incidence[:-1],
        b_eq=np.concatenate([problem.a, problem.b])[:-1],
        bounds=(0, None),
        method="highs",
    )
    if done.x is None:
        raise ValueError(f"SciPy found no plan: {done.message}")
    plan = done.x.reshape(n, m)
    rows, cols = np.nonzero(plan)
    return _csr(rows, cols, plan[rows, cols], problem.shape), done.eqlin.marginals[:n].copy()

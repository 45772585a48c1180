# SPDX-License-Identifier: BSD-3-Clause
r"""Optimality of linear models with penalties of groups, in plain NumPy and SciPy.

The problem is that of :mod:`taut.testing.kkt` with, for a group g of features and the block
``u_g`` of their coefficients times d (all outputs), the penalty

============  ==================================================================
group         ``alpha c_g (rho ||u_g|| + (1 - rho)/2 ||u_g||^2)``
sparse_group  ``alpha (rho ||u_g||_1 + (1 - rho) c_g ||u_g||)``
============  ==================================================================

with ``rho = l1_ratio`` and factors c_g, by default the root of the number of features of the group
if groups are given, else 1 (each feature with its outputs is a group then). ``c_g = inf`` excludes
a group. A constant column has no scale to be standardised to: it counts as zero.

The gap is derived as in :mod:`taut.testing.kkt`: with v a scaled residual and ``z = X'v / d``,

    gap = [F(eta) + F*(-v) + v'eta] + sum_g [psi(u_g) + psi*(z_g) - <z_g, u_g>],

where ``psi*(z) = (||z|| - alpha c rho)_+^2 / (2 alpha c (1 - rho))`` for a group with ridge and
otherwise a constraint: ``||z|| <= alpha c``, or ``||S(z, alpha rho)|| <= alpha (1 - rho) c`` with
the soft threshold S. It limits how far v may be scaled up.

The gap of groups: E. Ndiaye, O. Fercoq, A. Gramfort, J. Salmon (2016), GAP safe screening rules
for sparse-group lasso, NeurIPS.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, sparse

from taut.testing._problem import (
    Array,
    Problem,
    fenchel_young_loss,
    loss_value,
    make_problem,
    refit,
    working_residual,
)

__all__ = ["Penalty", "alpha_max", "duality_gap", "objective", "violation"]

Penalty = Literal["group", "sparse_group"]


@dataclass(frozen=True)
class _Judged:
    problem: Problem
    eta: Array  # (n, K)
    u: Array  # (p, K) coefficients times d
    of: NDArray[np.intp]  # (p,) group of each feature
    norm: Array  # (G,) weight of the Euclidean norm
    ridge: Array  # (G,) weight of half its square
    l1: Array  # (G,) weight of the absolute values
    excluded: NDArray[np.bool_]  # (p,)

    def gradient(self, eta: Array) -> Array:
        """Gradient of the loss in u."""
        v = self.problem.s * working_residual(self.problem, eta)
        g = -np.asarray(self.problem.X.T @ v) / self.problem.scale[:, None]
        return np.where(self.excluded[:, None], 0.0, g)

    def blocks(self) -> list[NDArray[np.intp]]:
        return [np.flatnonzero(self.of == g) for g in range(self.norm.size)]


def _judge(
    X: Any,
    y: ArrayLike,
    coef: ArrayLike | None,
    intercept: ArrayLike | None,
    *,
    alpha: float,
    penalty: Penalty,
    groups: ArrayLike | None,
    l1_ratio: float,
    penalty_factor: ArrayLike | None,
    datafit: str,
    sample_weight: ArrayLike | None,
    offset: ArrayLike | None,
    standardize: bool,
    **loss: float,
) -> _Judged:
    if penalty not in ("group", "sparse_group"):
        raise ValueError(f"penalty must be 'group' or 'sparse_group', got {penalty!r}.")
    p = int(np.shape(X)[1])
    several = datafit == "quadratic" and np.ndim(y) == 2
    Y = np.asarray(y)
    first = Y[:, 0] if several else y
    problem = make_problem(
        X,
        first,
        alpha=0.0,
        datafit=datafit,
        l1_ratio=1.0,
        grouped=False,
        penalty_factor=None,
        lower=None,
        upper=None,
        sample_weight=sample_weight,
        offset=None if several else offset,
        standardize=standardize,
        fit_intercept=intercept is not None,
        n_classes=None,
        **loss,
    )
    if several:
        weight = np.ones(len(Y)) if sample_weight is None else np.asarray(sample_weight, float)
        on = weight > 0
        shift = np.zeros(Y.shape) if offset is None else np.asarray(offset, dtype=float)
        problem = replace(problem, Y=np.asarray(Y[on], dtype=float), offset=shift[on])
    K = problem.Y.shape[1]
    W = np.zeros((p, K)) if coef is None else np.asarray(coef, dtype=float).reshape(K, p).T
    b = np.zeros(K) if intercept is None else np.broadcast_to(np.asarray(intercept, float), K)

    of = np.arange(p) if groups is None else np.asarray(groups, dtype=np.intp)
    if of.shape != (p,):
        raise ValueError(f"groups must have shape ({p},), got {of.shape}.")
    sizes = np.bincount(of).astype(float)
    c = np.sqrt(sizes) if groups is not None else np.ones(p)
    if penalty_factor is not None:
        c = np.asarray(penalty_factor, dtype=float)
    if c.shape != sizes.shape:
        raise ValueError(f"penalty_factor must have shape {sizes.shape}, got {c.shape}.")
    constant = (problem.lower[:, 0] == 0) & (problem.upper[:, 0] == 0)
    if constant.any():
        keep = np.where(constant, 0.0, 1.0)
        zeroed = problem.X @ sparse.diags(keep) if sparse.issparse(problem.X) else problem.X * keep
        problem = replace(problem, X=zeroed)
    excluded = np.isinf(c)[of] | constant
    c = np.where(np.isinf(c), 0.0, c)
    if penalty == "group":
        norm, ridge, l1 = alpha * l1_ratio * c, alpha * (1 - l1_ratio) * c, 0.0 * c
    else:
        norm, ridge, l1 = alpha * (1 - l1_ratio) * c, 0.0 * c, np.full(c.size, alpha * l1_ratio)
    eta = np.asarray(problem.X @ W) + b + problem.offset
    return _Judged(problem, eta, W * problem.scale[:, None], of, norm, ridge, l1, excluded)


def _soft(z: Array, level: float) -> Array:
    return np.sign(z) * np.maximum(np.abs(z) - level, 0.0)


def _feasible(j: _Judged) -> bool:
    return bool(np.isfinite(j.u).all() and not j.u[j.excluded].any())


def _penalty_value(j: _Judged) -> float:
    total = 0.0
    for g, rows in enumerate(j.blocks()):
        size = float(np.linalg.norm(j.u[rows]))
        total += j.norm[g] * size + 0.5 * j.ridge[g] * size**2
        total += j.l1[g] * float(np.abs(j.u[rows]).sum())
    return total


def objective(
    X: Any,
    y: ArrayLike,
    coef: ArrayLike,
    intercept: ArrayLike | None,
    *,
    alpha: float,
    penalty: Penalty = "group",
    groups: ArrayLike | None = None,
    l1_ratio: float = 1.0,
    penalty_factor: ArrayLike | None = None,
    datafit: str = "quadratic",
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    standardize: bool = False,
    **loss: float,
) -> float:
    """Value of the penalised objective.

    Parameters
    ----------
    X, y, coef, intercept, alpha, datafit, sample_weight, offset, standardize
        As in :func:`taut.testing.kkt.objective`. The quadratic datafit also takes y of shape
        (n_samples, n_tasks), and the loss is the sum over tasks.
    penalty : {"group", "sparse_group"}, default="group"
    groups : array-like of int of shape (n_features,), default=None
        Numbers 0, 1, ... of the groups.
    l1_ratio : float, default=1.0
        Share of the norms against ridge ("group"), of the absolute values ("sparse_group").
    penalty_factor : array-like of shape (n_groups,), default=None
    **loss
        Parameters of the datafit.

    Returns
    -------
    float
        ``inf`` if an excluded group has a coefficient.

    Raises
    ------
    ValueError
        If shapes disagree or a value lies outside its range.

    Examples
    --------
    >>> from taut.testing.groups import objective
    >>> X, y = [[1.0, 0.0], [0.0, 1.0]], [3.0, 4.0]
    >>> objective(X, y, [3.0, 4.0], None, alpha=0.5, groups=[0, 0], penalty_factor=[1.0])
    2.5
    """
    j = _judge(
        X,
        y,
        coef,
        intercept,
        alpha=alpha,
        penalty=penalty,
        groups=groups,
        l1_ratio=l1_ratio,
        penalty_factor=penalty_factor,
        datafit=datafit,
        sample_weight=sample_weight,
        offset=offset,
        standardize=standardize,
        **loss,
    )
    return float(loss_value(j.problem, j.eta) + _penalty_value(j)) if _feasible(j) else float("inf")


def violation(
    X: Any,
    y: ArrayLike,
    coef: ArrayLike,
    intercept: ArrayLike | None,
    *,
    alpha: float,
    penalty: Penalty = "group",
    groups: ArrayLike | None = None,
    l1_ratio: float = 1.0,
    penalty_factor: ArrayLike | None = None,
    datafit: str = "quadratic",
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    standardize: bool = False,
    **loss: float,
) -> float:
    """Largest distance of minus the gradient of a group to the subdifferential of its penalty.

    Parameters
    ----------
    X, y, coef, intercept, alpha, penalty, groups, l1_ratio, penalty_factor, datafit, \
sample_weight, offset, standardize, **loss
        As in :func:`objective`.

    Returns
    -------
    float
        In units of alpha; the intercept's gradient counts too.

    Raises
    ------
    ValueError
        If shapes disagree or a value lies outside its range.

    Examples
    --------
    >>> from taut.testing.groups import violation
    >>> X, y = [[1.0, 0.0], [0.0, 1.0]], [3.0, 4.0]
    >>> round(violation(X, y, [0.0, 0.0], None, alpha=2.0, groups=[0, 0], penalty_factor=[1.0]), 6)
    0.5
    """
    j = _judge(
        X,
        y,
        coef,
        intercept,
        alpha=alpha,
        penalty=penalty,
        groups=groups,
        l1_ratio=l1_ratio,
        penalty_factor=penalty_factor,
        datafit=datafit,
        sample_weight=sample_weight,
        offset=offset,
        standardize=standardize,
        **loss,
    )
    if not _feasible(j):
        return float("inf")
    g = j.gradient(j.eta)
    worst = 0.0
    for k, rows in enumerate(j.blocks()):
        u, pull = j.u[rows], g[rows]
        size = float(np.linalg.norm(u))
        if size == 0.0:
            worst = max(worst, float(np.linalg.norm(_soft(pull, j.l1[k]))) - j.norm[k])
            continue
        smooth = pull + (j.norm[k] / size + j.ridge[k]) * u
        distance = np.where(u == 0, _soft(smooth, j.l1[k]), smooth + j.l1[k] * np.sign(u))
        distance = np.where(j.excluded[rows][:, None], 0.0, distance)
        worst = max(worst, float(np.linalg.norm(distance)))
    if j.problem.fit_intercept:
        v = j.problem.s * working_residual(j.problem, j.eta)
        worst = max(worst, float(np.abs(v.sum(axis=0)).max()))
    return float(worst)


def _dual_norm(z: Array, l1: float, norm: float) -> float:
    """The t with ||S(z, t l1)|| = t norm: z / t is on the border of the constraint."""
    if norm == 0.0 or l1 == 0.0:
        return float(np.abs(z).max(initial=0.0)) / l1 if l1 > 0 else float(np.linalg.norm(z)) / norm
    high = float(np.linalg.norm(z)) / norm
    if high == 0.0:
        return 0.0
    return float(
        optimize.brentq(
            lambda t: float(np.linalg.norm(_soft(z, t * l1))) - t * norm,
            0.0,
            high,
            xtol=1e-15 * high,
        )
    )


def _dual_scale_limit(j: _Judged, z: Array) -> float:
    limit = np.inf
    for k, rows in enumerate(j.blocks()):
        if j.ridge[k] > 0 or (j.norm[k] == 0 and j.l1[k] == 0):
            continue
        size = _dual_norm(z[rows], j.l1[k], j.norm[k])
        if size > 0:
            limit = min(limit, 1.0 / size)
    return limit


def _fenchel_young_penalty(j: _Judged, z: Array) -> float:
    value = _penalty_value(j) - float((z * j.u).sum())
    for k, rows in enumerate(j.blocks()):
        if j.ridge[k] > 0:
            excess = max(float(np.linalg.norm(z[rows])) - j.norm[k], 0.0)
            value += 0.5 * excess**2 / j.ridge[k]
    return value


def duality_gap(
    X: Any,
    y: ArrayLike,
    coef: ArrayLike,
    intercept: ArrayLike | None,
    *,
    alpha: float,
    penalty: Penalty = "group",
    groups: ArrayLike | None = None,
    l1_ratio: float = 1.0,
    penalty_factor: ArrayLike | None = None,
    datafit: str = "quadratic",
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    standardize: bool = False,
    **loss: float,
) -> float:
    """Upper bound of ``objective(coef) - min objective``, in units of the objective.

    Parameters
    ----------
    X, y, coef, intercept, alpha, penalty, groups, l1_ratio, penalty_factor, datafit, \
sample_weight, offset, standardize, **loss
        As in :func:`objective`.

    Returns
    -------
    float
        ``inf`` if an excluded group has a coefficient, or if the intercept and the unpenalised
        groups have no finite optimum.

    Raises
    ------
    ValueError
        If shapes disagree or a value lies outside its range.

    Examples
    --------
    >>> from taut.testing.groups import duality_gap
    >>> X, y = [[1.0, 0.0], [0.0, 1.0]], [3.0, 4.0]
    >>> options = {"alpha": 0.5, "groups": [0, 0], "penalty_factor": [1.0]}
    >>> abs(round(duality_gap(X, y, [2.4, 3.2], None, **options), 12))
    0.0
    """
    j = _judge(
        X,
        y,
        coef,
        intercept,
        alpha=alpha,
        penalty=penalty,
        groups=groups,
        l1_ratio=l1_ratio,
        penalty_factor=penalty_factor,
        datafit=datafit,
        sample_weight=sample_weight,
        offset=offset,
        standardize=standardize,
        **loss,
    )
    if not _feasible(j):
        return float("inf")
    free = (j.norm + j.ridge + j.l1 == 0)[j.of] & ~j.excluded
    free_eta, ok = refit(j.problem, j.eta, np.flatnonzero(free))
    if not ok:
        return float("inf")
    z = -j.gradient(free_eta)
    z[free] = 0.0

    def gap(t: float) -> float:
        return fenchel_young_loss(j.problem, j.eta, free_eta, t) + _fenchel_young_penalty(j, t * z)

    top = min(_dual_scale_limit(j, z), 10.0 if j.problem.datafit == "quadratic" else 1.0)
    best = min(gap(t) for t in {min(1.0, top), top})
    if top > 0:
        found = optimize.minimize_scalar(
            gap, bounds=(0.0, top), method="bounded", options={"xatol": 1e-12 * top}
        )
        best = min(best, float(found.fun))
    return float(best)


def alpha_max(
    X: Any,
    y: ArrayLike,
    *,
    penalty: Penalty = "group",
    groups: ArrayLike | None = None,
    l1_ratio: float = 1.0,
    penalty_factor: ArrayLike | None = None,
    datafit: str = "quadratic",
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    standardize: bool = False,
    fit_intercept: bool = True,
    **loss: float,
) -> float:
    """Smallest alpha at which every penalised group is zero.

    Parameters
    ----------
    X, y, penalty, groups, l1_ratio, penalty_factor, datafit, sample_weight, offset, standardize, \
**loss
        As in :func:`objective`. For "group", ``l1_ratio`` below 1e-3 counts as 1e-3.
    fit_intercept : bool, default=True

    Returns
    -------
    float
        Zero if nothing is penalised.

    Raises
    ------
    ValueError
        If shapes disagree or a value lies outside its range.

    Examples
    --------
    >>> from taut.testing.groups import alpha_max
    >>> X, y = [[1.0, 0.0], [0.0, 1.0]], [3.0, 4.0]
    >>> alpha_max(X, y, groups=[0, 0], penalty_factor=[1.0], fit_intercept=False)
    2.5
    """
    j = _judge(
        X,
        y,
        None,
        0.0 if fit_intercept else None,
        alpha=1.0,
        penalty=penalty,
        groups=groups,
        l1_ratio=max(l1_ratio, 1e-3) if penalty == "group" else l1_ratio,
        penalty_factor=penalty_factor,
        datafit=datafit,
        sample_weight=sample_weight,
        offset=offset,
        standardize=standardize,
        **loss,
    )
    penalised = j.norm + j.l1 > 0
    free = ~penalised[j.of] & ~j.excluded
    eta, _ = refit(j.problem, j.problem.offset.copy(), np.flatnonzero(free))
    g = j.gradient(eta)
    tops = [
        _dual_norm(g[rows], j.l1[k], j.norm[k]) for k, rows in enumerate(j.blocks()) if penalised[k]
    ]
    return float(max(tops, default=0.0))

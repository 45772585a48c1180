# SPDX-License-Identifier: BSD-3-Clause
"""First-order methods on one composite problem, iteration by iteration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_array

from taut import _core
from taut._validation import DESIGN_CHECKS, check_weights, kernel_design
from taut.datafits import Datafit, as_datafit
from taut.linear_model._cells import kernel_options, require_cell
from taut.penalties import Penalty, as_penalty

SOLVERS = ("proximal_gradient", "fista", "ag", "ag_original", "pncg")


@dataclass(frozen=True)
class CompositeResult:
    """Where a first-order method ended, and how it got there.

    Attributes
    ----------
    coef : ndarray of shape (n_features,) or (n_outputs, n_features)
    intercept : float or ndarray of shape (n_outputs,)
    objective : ndarray of shape (n_iter,)
        After every iteration.
    products : ndarray of shape (n_iter,)
        Products with ``X`` or its transpose spent so far; restricted ones count by their share,
        those that find L do not count.
    n_iter : int
    stop_crit : float
        Distance from stationarity at the end, in units of the gradient.
    lipschitz : float
        Curvature bound L of the smooth part that step lengths came from.
    converged : bool
        Whether the tolerance, or the floor, was reached.

    See Also
    --------
    minimize : Returns one.

    Examples
    --------
    >>> from taut.prox import minimize
    >>> minimize([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0], alpha=0.1).converged
    True
    """

    coef: NDArray[np.float64]
    intercept: Any
    objective: NDArray[np.float64]
    products: NDArray[np.float64]
    n_iter: int
    stop_crit: float
    lipschitz: float
    converged: bool


def minimize(
    X: Any,
    y: ArrayLike,
    *,
    alpha: float,
    datafit: str | Datafit = "quadratic",
    penalty: str | Penalty = "l1",
    solver: str = "fista",
    fit_intercept: bool = True,
    standardize: bool = False,
    penalty_factor: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    coef_init: ArrayLike | None = None,
    tol: float = 1e-6,
    floor: float | None = None,
    max_iter: int = 1000,
    n_threads: int = 1,
) -> CompositeResult:
    r"""Minimise mean datafit + penalty by one first-order method, and write down every iteration.

    For comparing methods: estimators and paths with ``solver="fista"``, ``"ag"`` or ``"pncg"``
    use the same code on working sets, and certify what they return.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Numbers, as the datafit wants them: classes as 0 and 1, or one-hot rows for
        ``"multinomial"``.
    alpha : float
        Penalty strength, >= 0.
    datafit : str or Datafit, default="quadratic"
        A name or holder of :mod:`taut.datafits`.
    penalty : str or Penalty, default="l1"
        A name or holder of :mod:`taut.penalties`, of single coefficients.
    solver : str, default="fista"
        ``"proximal_gradient"``: fixed steps 1 / L. ``"fista"``: accelerated [1]_ and restarted
        [2]_; monotone for penalties that are not convex. ``"ag"``: the accelerated gradient of
        [4]_, that is [3]_ with step lengths of the largest kind; the concave part of MCP and SCAD
        joins the smooth part. ``"ag_original"``: with the step lengths of [3]_. ``"pncg"``:
        proximal steps of Barzilai-Borwein length, and conjugate gradients on the support while
        they leave it alone.
    fit_intercept, standardize, penalty_factor, sample_weight
        As in :class:`taut.linear_model.PenalizedGLM`.
    coef_init : array-like of the shape of coef, default=None
        Where to start; None: zero.
    tol : float, default=1e-6
        Stop when the distance from stationarity is at most ``tol`` times the largest gradient of
        the model without coefficients; negative: never.
    floor : float, default=None
        Stop when the objective is at most this.
    max_iter : int, default=1000
    n_threads : int, default=1

    Returns
    -------
    CompositeResult

    Raises
    ------
    ValueError
        If an argument is outside of its range, or the method does not go with the penalty.

    References
    ----------
    .. [1] A. Beck and M. Teboulle (2009), SIAM J. Imaging Sci. 2, 183-202.
    .. [2] B. O'Donoghue and E. Candes (2015), Found. Comput. Math. 15, 715-732.
    .. [3] S. Ghadimi and G. Lan (2016), Math. Program. 156, 59-99.
    .. [4] K. Yang, M. Asgharian and S. Bhatnagar (2024), Stat. Comput. 34, arXiv 2009.10629.

    Examples
    --------
    >>> from taut import prox
    >>> X, y = [[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0]
    >>> prox.minimize(X, y, alpha=0.1, penalty="mcp", solver="ag").coef.round(3)
    array([1.])
    """
    if solver not in SOLVERS:
        names = ", ".join(map(repr, SOLVERS))
        raise ValueError(f"solver must be one of {names}, got {solver!r}.")
    if not (np.isfinite(alpha) and alpha >= 0):
        raise ValueError(f"alpha must be finite and >= 0, got {alpha!r}.")
    if max_iter < 1:
        raise ValueError(f"max_iter must be >= 1, got {max_iter!r}.")
    fit, pen = as_datafit(datafit), as_penalty(penalty)
    require_cell("minimize", fit, pen)
    if fit.name == "sqrt":
        raise ValueError("minimize does not take datafit='sqrt', whose curvature has no bound.")
    if pen.blocks:
        raise ValueError(f"minimize takes penalties of single coefficients, got {pen.name!r}.")
    X = check_array(X, **DESIGN_CHECKS)
    targets = check_array(y, dtype=np.float64, ensure_2d=False, order="C", input_name="y")
    if targets.shape[0] != X.shape[0]:
        raise ValueError(f"y has {targets.shape[0]} rows, X has {X.shape[0]}.")
    single = targets.ndim == 1
    if single and fit.name == "multinomial":
        raise ValueError("datafit='multinomial' takes y as one-hot rows, got one dimension.")
    if fit.name in ("logistic", "multinomial") and not (
        (targets >= 0).all() and (targets <= 1).all()
    ):
        raise ValueError(f"y of datafit={fit.name!r} must lie in [0, 1].")
    options = kernel_options(fit, pen, X.shape[1], single, penalty_factor)
    start = None
    if coef_init is not None:
        start = np.ascontiguousarray(np.atleast_2d(np.asarray(coef_init, dtype=np.float64)))
        shape = (1 if single else targets.shape[1], X.shape[1])
        if start.shape != shape:
            raise ValueError(f"coef_init must have shape {shape}, got {start.shape}.")
    result = _core.first_order(
        kernel_design(X),
        targets,
        fit.name,
        solver=solver,
        alpha=float(alpha),
        sample_weight=check_weights(sample_weight, X.shape[0]),
        coef_init=start,
        fit_intercept=fit_intercept,
        standardize=standardize,
        tol=float(tol),
        floor=-1e300 if floor is None else float(floor),
        max_iter=int(max_iter),
        n_threads=int(n_threads),
        **options,
    )
    if not result["finite"]:
        raise ValueError("X contains NaN or infinity.")
    return CompositeResult(
        coef=result["coef"][0] if single else result["coef"],
        intercept=float(result["intercept"][0]) if single else result["intercept"],
        **{
            name: result[name]
            for name in ("objective", "products", "n_iter", "stop_crit", "lipschitz", "converged")
        },
    )

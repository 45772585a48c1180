# SPDX-License-Identifier: BSD-3-Clause
"""Gradients through a minimiser that is known to an accuracy, with a bound of their error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taut._threads import n_threads
from taut.bilevel._adapter import Constants, Lower, Upper

__all__ = ["Hypergradient", "LowerSolverError", "hypergradient"]

Float64 = NDArray[np.float64]

METHODS = ("auto", "newton", "fista")

#: Rounding of a product or sum, relative to the size of what goes in.
_ROUNDING = 16.0 * float(np.finfo(np.float64).eps)


class LowerSolverError(RuntimeError):
    """A lower problem, or the linear system of its Hessian, was not solved as accurately as asked.

    Parameters
    ----------
    message : str
    eps : float
        Bound of the distance to the minimiser that was reached.
    error : float
        Bound of the error of the hypergradient that was reached.

    See Also
    --------
    hypergradient : The derivative through it, and its source.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import HeldOutLogLoss, LowerSolverError, MultinomialLower, hypergradient
    >>> X, y = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), [0, 1, 0]
    >>> lower = MultinomialLower(X, y)
    >>> try:
    ...     hypergradient(lower, HeldOutLogLoss(X, y, [0, 1]), np.zeros(4), max_lower_iter=1)
    ... except LowerSolverError as error:
    ...     print(error.eps > 1e-6)
    True
    """

    def __init__(self, message: str, eps: float, error: float) -> None:
        super().__init__(message)
        self.eps = eps
        self.error = error


@dataclass(frozen=True)
class Hypergradient:
    """A hypergradient with what proves it; also usable as the tuple ``z, omega, x, q``.

    Attributes
    ----------
    z : ndarray of shape (n_theta,)
    omega : float
        Bound of ``|z - grad f(theta)|``.
    x : ndarray of shape (n_x,)
        The minimiser, but for ``eps``.
    q : ndarray of shape (n_x,)
        Solution of ``H q = grad g(x)``, but for a residual of norm ``delta``.
    eps, delta : float
        What was reached, not what was asked for.
    value : float
        g(x) + r(theta).
    grad_norm_x : float
        ``|grad g(x)|``.
    certified : bool
        Whether every constant in ``omega`` is a bound that holds, none an estimate.
    endings : tuple of {"converged", "max_iter", "stagnated"}
        How the solvers of the lower problem and of the linear system ended; "stagnated" at the
        limit of doubles.
    omega_lower : float
        What ``omega`` would be with a linear system that is solved exactly.

    See Also
    --------
    hypergradient : The derivative through it, and its source.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import HeldOutMSE, RidgeLower, hypergradient
    >>> lower = RidgeLower(np.eye(2), [2.0, 4.0])
    >>> result = hypergradient(lower, HeldOutMSE(np.eye(2), [1.0, 2.0]), 0.0)
    >>> result.endings, bool(result.eps < 1e-12)
    (('converged', 'converged'), True)
    """

    z: Float64
    omega: float
    x: Float64
    q: Float64
    eps: float
    delta: float
    value: float
    grad_norm_x: float
    certified: bool
    endings: tuple[str, str]
    omega_lower: float

    def __iter__(self) -> Any:
        return iter((self.z, self.omega, self.x, self.q))


def error_bound(
    c: Constants, eps: float, delta: float, grad_norm: float, q_norm: float, kind: str
) -> float:
    """Bound of the error of a hypergradient: theorem 2.1, or the least of it and ours.

    The paper bounds |H^{-1} grad g| by |grad g| / mu. The q that was computed is at hand, and
    mostly much shorter: e_q below bounds |q - qhat| through it.
    """
    hess = c.lip_hess
    upper, cross, norm, mu = c.lip_upper, c.lip_cross, c.cross_norm, c.mu
    slope = upper * norm / mu + hess / mu**2 * grad_norm * norm + cross * grad_norm / mu
    paper = slope * eps + norm / mu * delta + cross * upper / mu * eps**2
    if kind == "paper":
        return paper
    exact = min(q_norm + delta / mu, grad_norm / mu)
    e_q = (delta + eps * (hess * exact + upper)) / mu
    mine = norm * e_q + cross * eps * (q_norm + e_q)
    return min(paper, mine)


def compute(
    lower: Lower,
    upper: Upper,
    theta: Float64,
    eps: float,
    delta: float,
    x0: Float64,
    q0: Float64,
    *,
    solver: str = "auto",
    max_lower: int = 2000,
    max_adjoint: int = 2000,
    bound: str = "tight",
    relative: float = math.inf,
) -> Hypergradient:
    """Hypergradient from warm starts, on checked problems.

    The linear system is solved to ``delta``, and at least to ``relative`` times its right side.
    """
    mu = lower.mu(theta)
    x, norm, ending = lower.solve(theta, x0, solver, eps * mu, max_lower)
    if ending == "not_finite":
        raise ValueError("The lower solver met NaN or infinity; theta is out of reasonable range.")
    rounding = rounding_of(lower, theta, mu)
    reached = (norm + rounding * float(np.linalg.norm(x))) / mu
    grad = upper.grad_x(x, theta)
    value = upper.value(x, theta)
    grad_norm = float(np.linalg.norm(grad))
    method = "auto" if solver == "auto" else "newton"
    # A right side of zero is solved by zero, whatever the tolerance.
    goal = min(delta, relative * grad_norm) if grad_norm > 0.0 else delta
    q, residual, cross, ending_q = lower.adjoint(theta, x, grad, q0, method, goal, max_adjoint)
    constants = lower.constants(x, theta, reached, upper.given_lip)
    if upper.given_lip is None:
        constants = Constants(
            constants.mu, constants.cross_norm, constants.lip_cross, constants.lip_hess,
            upper.lip, False,
        )  # fmt: skip
    q_norm = float(np.linalg.norm(q))
    residual += rounding * q_norm + _ROUNDING * grad_norm
    omega = error_bound(constants, reached, residual, grad_norm, q_norm, bound)
    return Hypergradient(
        upper.grad_theta(x, theta) - cross,
        omega,
        x,
        q,
        reached,
        residual,
        value,
        grad_norm,
        constants.certified,
        (ending, ending_q),
        error_bound(constants, reached, 0.0, grad_norm, q_norm, bound),
    )


def rounding_of(lower: Lower, theta: Float64, mu: float) -> float:
    """What sums in doubles may leave of a gradient that is zero, relative to |x|."""
    smoothness = lower.smoothness(theta)
    return _ROUNDING * (smoothness if math.isfinite(smoothness) else mu)


def check_theta(theta: ArrayLike, n_theta: int, name: str = "theta") -> Float64:
    """Return finite parameters of shape (n_theta,); a scalar will do for one."""
    array = np.asarray(theta)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold real numbers, got dtype {array.dtype}.")
    if array.ndim == 0 and n_theta == 1:
        array = array.reshape(1)
    if array.shape != (n_theta,):
        raise ValueError(f"{name} must have shape ({n_theta},), got {array.shape}.")
    vector = np.array(array, dtype=np.float64)
    if not np.isfinite(vector).all():
        i = int((~np.isfinite(vector)).argmax())
        raise ValueError(f"{name} must be finite, got {vector[i]} at position {i}.")
    return vector


def check_real(value: Any, name: str, low: float, high: float = math.inf) -> float:
    """Return a number in the open interval (low, high)."""
    if isinstance(value, bool) or not isinstance(value, Real) or not low < float(value) < high:
        raise ValueError(f"{name} must be a number in ({low:g}, {high:g}), got {value!r}.")
    return float(value)


def check_integer(value: Any, name: str, low: int = 1) -> int:
    """Return an integer >= low."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < low:
        raise ValueError(f"{name} must be an integer >= {low}, got {value!r}.")
    return int(value)


def check_one_of(value: Any, name: str, allowed: tuple[str, ...]) -> str:
    """Return one of the allowed strings."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {allowed}, got {value!r}.")
    return value


def hypergradient(
    lower: Any,
    upper: Any,
    theta: ArrayLike,
    eps: float = 1e-6,
    delta: float = 1e-6,
    *,
    x0: ArrayLike | None = None,
    q0: ArrayLike | None = None,
    solver: str = "auto",
    bound: str = "tight",
    max_lower_iter: int = 10_000,
    max_adjoint_iter: int = 10_000,
    n_jobs: int | None = None,
) -> Hypergradient:
    r"""Gradient of ``f(theta) = g(xhat(theta)) + r(theta)`` with a bound of its error.

    ``xhat`` is found to ``eps`` (``|grad h(x)| <= mu eps`` proves it), then
    ``|H q - grad g(x)| <= delta`` by conjugate gradients, and ``z = grad r - J' q``.

    Parameters
    ----------
    lower : LowerProblem
        Or any object with its members.
    upper : UpperProblem
    theta : array-like of shape (n_theta,)
    eps, delta : float, default=1e-6
        > 0. Accuracies asked for; what is reached is in the result.
    x0, q0 : array-like of shape (n_x,), default=None
        Starts, zero by default.
    solver : {"auto", "newton", "fista"}, default="auto"
        "auto" takes the solver of the problem: a factorisation or a ``solve`` of its own where it
        has one, else Newton's method by conjugate gradients. "fista" needs ``smoothness``.
    bound : {"tight", "paper"}, default="tight"
        The bound of theorem 2.1, or the smaller of it and one through the q that was computed.
    max_lower_iter, max_adjoint_iter : int, default=10000
        Gradients and products that the two solvers may take.
    n_jobs : int or None, default=None
        Threads of the native problems.

    Returns
    -------
    Hypergradient

    Raises
    ------
    LowerSolverError
        If a solver stops before its accuracy; the message has the bound that was reached.
    ValueError
        If an argument is out of range, or a callable returns NaN or the wrong shape.

    References
    ----------
    .. [1] M. S. Salehi, S. Mukherjee, L. Roberts, M. J. Ehrhardt (2025), An adaptively inexact
       first-order method for bilevel optimization with application to hyperparameter learning,
       SIAM Journal on Mathematics of Data Science, arXiv 2308.10098, theorem 2.1.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import HeldOutMSE, RidgeLower, hypergradient
    >>> lower = RidgeLower(np.eye(2), [2.0, 4.0])
    >>> result = hypergradient(lower, HeldOutMSE(np.eye(2), [1.0, 2.0]), 0.0)
    >>> result.z.round(6), bool(result.omega < 1e-12), result.certified
    (array([0.740741]), True, True)
    """
    check_real(eps, "eps", 0.0)
    check_real(delta, "delta", 0.0)
    check_one_of(bound, "bound", ("tight", "paper"))
    low = Lower(lower, n_threads(n_jobs))
    up = Upper(upper, low.n_x, low.n_theta)
    at = check_theta(theta, low.n_theta)
    check_solver(solver, low, at)
    start = np.zeros(low.n_x) if x0 is None else check_theta(x0, low.n_x, "x0")
    q = np.zeros(low.n_x) if q0 is None else check_theta(q0, low.n_x, "q0")
    result = compute(
        low, up, at, eps, delta, start, q,
        solver=solver, bound=bound,
        max_lower=check_integer(max_lower_iter, "max_lower_iter"),
        max_adjoint=check_integer(max_adjoint_iter, "max_adjoint_iter"),
    )  # fmt: skip
    require_solved(result, eps, delta, low)
    return result


def check_solver(solver: str, lower: Lower, theta: Float64) -> None:
    """Refuse accelerated gradients without a step."""
    check_one_of(solver, "solver", METHODS)
    if solver == "fista" and not math.isfinite(lower.smoothness(theta)):
        raise ValueError("solver='fista' needs lower.smoothness(theta); use solver='newton'.")


def require_solved(result: Hypergradient, eps: float, delta: float, lower: Lower) -> None:
    """Raise a LowerSolverError where an accuracy was not reached, but for rounding."""
    if result.endings == ("converged", "converged"):
        return
    raise LowerSolverError(
        f"The lower problem was solved to |x - xhat| <= {result.eps:.3g} after {lower.n_grad} "
        f"gradients and {lower.n_lower_hvp} products (asked: {eps:.3g}), the linear system to a "
        f"residual of {result.delta:.3g} (asked: {delta:.3g}); the error of the hypergradient is "
        f"at most {result.omega:.3g}. Raise max_lower_iter and max_adjoint_iter, or ask for less.",
        result.eps,
        result.omega,
    )

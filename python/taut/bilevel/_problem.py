# SPDX-License-Identifier: BSD-3-Clause
"""What a lower and an upper problem are, and how one's own are written."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CallableLower", "CallableUpper", "LowerProblem", "UpperProblem"]

Float64 = NDArray[np.float64]
Constant = float | Callable[..., float] | None


class LowerProblem:
    """The problem ``xhat(theta) = argmin_x h(x, theta)`` whose parameters are learned.

    ``h(., theta)`` is twice continuously differentiable and ``mu(theta)``-strongly convex. Any
    object with these members will do; this class supplies the optional ones. Arrays are float64.
    With H the Hessian in x and J the derivative of the gradient in theta, of shape
    (n_x, n_theta):

    - needed: ``n_x``, ``n_theta``, ``value``, ``grad``, ``hvp``, ``cross_vjp``, ``mu``;
    - for :class:`PenaltyBilevel`: ``grad_theta``;
    - for certified errors: ``cross_norm``, ``lip_cross``, ``lip_hess``. What is None is estimated,
      and the result is not called certified;
    - ``smoothness``: step of accelerated gradients;
    - ``solve(theta, x0, tol)``: a solver of one's own that returns x with ``|grad(x)| <= tol``.

    Raises
    ------
    NotImplementedError
        By a member that is needed and missing.

    See Also
    --------
    CallableLower : Makes one of functions.
    hypergradient : The derivative through it, and its source.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import HeldOutMSE, LowerProblem, hypergradient
    >>> class Shrink(LowerProblem):
    ...     n_x, n_theta = 2, 1
    ...     def value(self, x, theta):
    ...         return 0.5 * float((x - 1.0) @ (x - 1.0) + np.exp(theta[0]) * x @ x)
    ...     def grad(self, x, theta):
    ...         return x - 1.0 + np.exp(theta[0]) * x
    ...     def hvp(self, x, theta, v):
    ...         return (1.0 + np.exp(theta[0])) * v
    ...     def cross_vjp(self, x, theta, q):
    ...         return np.array([np.exp(theta[0]) * (x @ q)])
    ...     def mu(self, theta):
    ...         return 1.0 + float(np.exp(theta[0]))
    >>> upper = HeldOutMSE(np.eye(2), [0.0, 0.0])
    >>> hypergradient(Shrink(), upper, [0.0]).z.round(6)
    array([-0.25])
    """

    n_x: int
    n_theta: int

    def value(self, x: Float64, theta: Float64) -> float:
        """Return h(x, theta)."""
        raise NotImplementedError(f"{type(self).__name__} has no value.")

    def grad(self, x: Float64, theta: Float64) -> Float64:
        """Return the gradient in x, of shape (n_x,)."""
        raise NotImplementedError(f"{type(self).__name__} has no grad.")

    def hvp(self, x: Float64, theta: Float64, v: Float64) -> Float64:
        """Return H v, of shape (n_x,)."""
        raise NotImplementedError(f"{type(self).__name__} has no hvp.")

    def cross_vjp(self, x: Float64, theta: Float64, q: Float64) -> Float64:
        """Return J' q, of shape (n_theta,)."""
        raise NotImplementedError(f"{type(self).__name__} has no cross_vjp.")

    def grad_theta(self, x: Float64, theta: Float64) -> Float64:
        """Return the gradient in theta, of shape (n_theta,)."""
        raise NotImplementedError(f"{type(self).__name__} has no grad_theta.")

    def mu(self, theta: Float64) -> float:
        """Return a lower bound > 0 of the eigenvalues of H(x, theta) over all x."""
        raise NotImplementedError(f"{type(self).__name__} has no mu.")

    def smoothness(self, theta: Float64) -> float | None:
        """Return an upper bound of the eigenvalues of H(x, theta) over all x, or None."""
        return None

    def cross_norm(self, x: Float64, theta: Float64) -> float | None:
        """Return an upper bound of the spectral norm of J(x, theta), or None."""
        return None

    def lip_cross(self, theta: Float64) -> float | None:
        """Return a Lipschitz constant of J in x, or None."""
        return None

    def lip_hess(self, theta: Float64) -> float | None:
        """Return a Lipschitz constant of H in x, or None."""
        return None

    def project(self, x: Float64) -> Float64:
        """Return the nearest point of the set that x is restricted to; here all x."""
        return x

    def to_native(self) -> tuple[Any, ...] | None:
        """Return the description that the kernels take, or None for a problem in Python."""
        return None


class UpperProblem:
    """The loss ``g(x) + r(theta)`` by which parameters are judged.

    ``g`` is ``lip``-smooth and bounded below; ``r`` is free. Any object with these members will do.

    Raises
    ------
    NotImplementedError
        By a member that is needed and missing.

    See Also
    --------
    CallableUpper : Makes one of functions.
    hypergradient : The derivative through it, and its source.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import RidgeLower, UpperProblem, hypergradient
    >>> class FirstCoefficient(UpperProblem):
    ...     def value(self, x, theta):
    ...         return 0.5 * float(x[0]) ** 2
    ...     def grad_x(self, x, theta):
    ...         return np.array([x[0], 0.0])
    >>> lower = RidgeLower(np.eye(2), [2.0, 4.0])
    >>> hypergradient(lower, FirstCoefficient(), [0.0]).z.round(6)
    array([-0.296296])
    """

    #: Whether g is convex, which makes its bounds tighter.
    convex: bool = False

    def value(self, x: Float64, theta: Float64) -> float:
        """Return g(x) + r(theta)."""
        raise NotImplementedError(f"{type(self).__name__} has no value.")

    def grad_x(self, x: Float64, theta: Float64) -> Float64:
        """Return the gradient of g, of shape (n_x,)."""
        raise NotImplementedError(f"{type(self).__name__} has no grad_x.")

    def grad_theta(self, x: Float64, theta: Float64) -> Float64:
        """Return the gradient of r, of shape (n_theta,), which does not depend on x."""
        return np.zeros_like(theta)

    @property
    def lip(self) -> float | None:
        """A Lipschitz constant of the gradient of g, or None."""
        return None


class CallableLower(LowerProblem):
    """A lower problem made of functions, or of SciPy operators and matrices.

    Parameters
    ----------
    n_x, n_theta : int
    value, grad : callable(x, theta)
    hvp : callable(x, theta, v), optional
        H v; or give ``hess``.
    cross_vjp : callable(x, theta, q), optional
        J' q; or give ``cross``.
    hess : callable(x, theta), optional
        Anything that is multiplied by ``@``: array, sparse matrix, ``LinearOperator``, (n_x, n_x).
    cross : callable(x, theta), optional
        The same for J of shape (n_x, n_theta), which needs ``.T``.
    grad_theta : callable(x, theta), optional
    mu : float or callable(theta)
        Strong convexity. There is no default: a guess would void every certificate.
    smoothness, lip_cross, lip_hess : float or callable(theta), optional
    cross_norm : float or callable(x, theta), optional

    Raises
    ------
    TypeError, ValueError
        If something is missing, given twice, or not callable.

    See Also
    --------
    hypergradient : The derivative through it, and its source.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import CallableLower
    >>> lower = CallableLower(
    ...     2,
    ...     1,
    ...     value=lambda x, theta: 0.5 * np.exp(theta[0]) * (x @ x) - x[0],
    ...     grad=lambda x, theta: np.exp(theta[0]) * x - np.array([1.0, 0.0]),
    ...     hess=lambda x, theta: np.exp(theta[0]) * np.eye(2),
    ...     cross=lambda x, theta: np.exp(theta[0]) * x[:, None],
    ...     mu=lambda theta: np.exp(theta[0]),
    ... )
    >>> lower.cross_vjp(np.array([1.0, 0.0]), np.zeros(1), np.array([2.0, 0.0]))
    array([2.])
    """

    def __init__(
        self,
        n_x: int,
        n_theta: int,
        *,
        value: Callable[[Float64, Float64], float],
        grad: Callable[[Float64, Float64], Float64],
        mu: Constant,
        hvp: Callable[[Float64, Float64, Float64], Float64] | None = None,
        cross_vjp: Callable[[Float64, Float64, Float64], Float64] | None = None,
        hess: Callable[[Float64, Float64], Any] | None = None,
        cross: Callable[[Float64, Float64], Any] | None = None,
        grad_theta: Callable[[Float64, Float64], Float64] | None = None,
        smoothness: Constant = None,
        cross_norm: Constant = None,
        lip_cross: Constant = None,
        lip_hess: Constant = None,
    ) -> None:
        for name, size in (("n_x", n_x), ("n_theta", n_theta)):
            if isinstance(size, bool) or not isinstance(size, Integral) or size < 1:
                raise ValueError(f"{name} must be an integer >= 1, got {size!r}.")
        for one, other, names in (
            (hvp, hess, "hvp or hess"),
            (cross_vjp, cross, "cross_vjp or cross"),
        ):
            if (one is None) == (other is None):
                raise ValueError(f"Give one of {names}, not both and not none.")
        functions: dict[str, Any] = {
            "value": value, "grad": grad, "hvp": hvp, "cross_vjp": cross_vjp, "hess": hess,
            "cross": cross, "grad_theta": grad_theta,
        }  # fmt: skip
        for name, function in functions.items():
            if function is not None and not callable(function):
                raise TypeError(f"{name} must be callable, got {type(function).__name__}.")
        if mu is None:
            raise ValueError(
                "mu must be a number > 0 or a function of theta: without strong convexity there "
                "is no derivative of the minimiser. Add a quadratic term if there is none."
            )
        self.n_x, self.n_theta = int(n_x), int(n_theta)
        self._functions = functions
        self._constants = {
            "mu": _constant(mu, "mu"),
            "smoothness": _constant(smoothness, "smoothness"),
            "cross_norm": _constant(cross_norm, "cross_norm"),
            "lip_cross": _constant(lip_cross, "lip_cross"),
            "lip_hess": _constant(lip_hess, "lip_hess"),
        }

    def value(self, x: Float64, theta: Float64) -> Any:
        """Return the value."""
        return self._functions["value"](x, theta)

    def grad(self, x: Float64, theta: Float64) -> Any:
        """Return the gradient in x."""
        return self._functions["grad"](x, theta)

    def hvp(self, x: Float64, theta: Float64, v: Float64) -> Any:
        """Return the Hessian in x times v."""
        hvp, hess = self._functions["hvp"], self._functions["hess"]
        return hess(x, theta) @ v if hvp is None else hvp(x, theta, v)

    def cross_vjp(self, x: Float64, theta: Float64, q: Float64) -> Any:
        """Return the transpose of J times q."""
        vjp, cross = self._functions["cross_vjp"], self._functions["cross"]
        return cross(x, theta).T @ q if vjp is None else vjp(x, theta, q)

    def grad_theta(self, x: Float64, theta: Float64) -> Any:
        """Return the gradient in theta."""
        function = self._functions["grad_theta"]
        if function is None:
            raise NotImplementedError("This CallableLower was given no grad_theta.")
        return function(x, theta)

    def mu(self, theta: Float64) -> Any:
        """Return the strong convexity at theta."""
        return self._constants["mu"](theta)

    def smoothness(self, theta: Float64) -> Any:
        """Return the smoothness at theta, or None."""
        return self._constants["smoothness"](theta)

    def cross_norm(self, x: Float64, theta: Float64) -> Any:
        """Return an upper bound of the norm of J, or None."""
        return self._constants["cross_norm"](x, theta)

    def lip_cross(self, theta: Float64) -> Any:
        """Return a Lipschitz constant of J in x, or None."""
        return self._constants["lip_cross"](theta)

    def lip_hess(self, theta: Float64) -> Any:
        """Return a Lipschitz constant of H in x, or None."""
        return self._constants["lip_hess"](theta)


class CallableUpper(UpperProblem):
    """An upper problem made of functions.

    Parameters
    ----------
    value : callable(x, theta)
        g(x) + r(theta).
    grad_x : callable(x, theta)
        Gradient of g.
    grad_theta : callable(x, theta), optional
        Gradient of r; zero by default.
    lip : float, optional
        Lipschitz constant of the gradient of g. What is not given is estimated, and the result is
        not called certified.
    convex : bool, default=False
        Whether g is convex.

    Raises
    ------
    TypeError
        If a function is not callable.
    ValueError
        If ``lip`` is not a finite number >= 0.

    See Also
    --------
    hypergradient : The derivative through it, and its source.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import CallableUpper
    >>> upper = CallableUpper(
    ...     lambda x, theta: 0.5 * (x @ x), lambda x, theta: x, lip=1.0, convex=True
    ... )
    >>> float(upper.value(np.array([3.0, 4.0]), np.zeros(1)))
    12.5
    """

    def __init__(
        self,
        value: Callable[[Float64, Float64], float],
        grad_x: Callable[[Float64, Float64], Float64],
        grad_theta: Callable[[Float64, Float64], Float64] | None = None,
        *,
        lip: float | None = None,
        convex: bool = False,
    ) -> None:
        for name, function in (("value", value), ("grad_x", grad_x), ("grad_theta", grad_theta)):
            if not callable(function) and not (function is None and name == "grad_theta"):
                raise TypeError(f"{name} must be callable, got {type(function).__name__}.")
        if lip is not None and not (isinstance(lip, Real) and np.isfinite(lip) and lip >= 0):
            raise ValueError(f"lip must be a finite number >= 0 or None, got {lip!r}.")
        self._value, self._grad_x, self._grad_theta = value, grad_x, grad_theta
        self._lip = None if lip is None else float(lip)
        self.convex = bool(convex)

    def value(self, x: Float64, theta: Float64) -> float:
        """Return the value."""
        return self._value(x, theta)

    def grad_x(self, x: Float64, theta: Float64) -> Float64:
        """Return the gradient in x."""
        return self._grad_x(x, theta)

    def grad_theta(self, x: Float64, theta: Float64) -> Float64:
        """Return the gradient in theta."""
        if self._grad_theta is None:
            return super().grad_theta(x, theta)
        return self._grad_theta(x, theta)

    @property
    def lip(self) -> float | None:
        """Lipschitz constant of the gradient of g, or None."""
        return self._lip


class _Fixed:
    """A constant as a function; not a lambda, so that problems can be pickled."""

    def __init__(self, value: float | None) -> None:
        self.value = value

    def __call__(self, *_: Float64) -> Any:
        return self.value


def _constant(value: Constant, name: str) -> Callable[..., Any]:
    if callable(value):
        return value
    if value is not None and (isinstance(value, bool) or not isinstance(value, Real)):
        raise TypeError(f"{name} must be a number, a function or None, got {value!r}.")
    return _Fixed(None if value is None else float(value))

# SPDX-License-Identifier: BSD-3-Clause
"""Lower and upper problems as the methods use them: checked, counted, with all constants."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taut import _core

Float64 = NDArray[np.float64]

#: Products with which a norm that nobody gave is estimated, and the factor for what they miss.
_POWER_STEPS = 20
_SAFETY = 1.1
_LOWER_MEMBERS = ("n_x", "n_theta", "value", "grad", "hvp", "cross_vjp", "mu")
_UPPER_MEMBERS = ("value", "grad_x")


@dataclass(frozen=True)
class Constants:
    """Constants of the error bound at a point; ``certified`` if none of them is an estimate."""

    mu: float
    cross_norm: float
    lip_cross: float
    lip_hess: float
    lip_upper: float
    certified: bool


def as_vector(value: Any, size: int, name: str) -> Float64:
    """Return what a callable gave as float64 of shape (size,).

    Raises
    ------
    ValueError
        If it has another shape or holds NaN or infinity; the message names the callable.
    """
    array = np.asarray(value)
    if array.shape != (size,):
        raise ValueError(f"{name} must return an array of shape ({size},), got {array.shape}.")
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must return real numbers, got dtype {array.dtype}.")
    vector = np.ascontiguousarray(array, dtype=np.float64)
    if not np.isfinite(vector).all():
        i = int((~np.isfinite(vector)).argmax())
        raise ValueError(f"{name} returned {vector[i]} at position {i}.")
    return vector


def as_number(value: Any, name: str) -> float:
    """Return what a callable gave as a finite float; the error names the callable."""
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must return a number, got {value!r}.")
    number = float(array.reshape(()))
    if not math.isfinite(number):
        raise ValueError(f"{name} returned {number}.")
    return number


def require_members(problem: Any, members: tuple[str, ...], argument: str) -> None:
    missing = [name for name in members if not hasattr(problem, name)]
    if missing:
        raise TypeError(
            f"{argument} must have {', '.join(members)}; {type(problem).__name__} lacks "
            f"{', '.join(missing)}."
        )


class Lower:
    """A lower problem, native or not. It is itself what the kernels call when it is not native."""

    def __init__(self, problem: Any, n_threads: int = 1) -> None:
        require_members(problem, _LOWER_MEMBERS, "lower")
        self.user = problem
        self.n_x, self.n_theta = int(problem.n_x), int(problem.n_theta)
        self.n_threads = n_threads
        to_native = getattr(problem, "to_native", None)
        native = to_native() if callable(to_native) else None
        self.native = native is not None
        self.handle = native if native is not None else ("python", self, self.n_x, self.n_theta)
        self.n_grad = self.n_lower_hvp = self.n_hvp = self.n_cross = 0
        self._rng = np.random.default_rng(0)
        self._lip_cross = self._lip_hess = 0.0
        self._last: tuple[Float64, Float64] | None = None

    # ------------------------------------------------------------- called back by the kernels

    def value(self, x: Float64, theta: Float64) -> float:
        return as_number(self.user.value(x, theta), "lower.value")

    def grad(self, x: Float64, theta: Float64) -> Float64:
        return as_vector(self.user.grad(x, theta), self.n_x, "lower.grad")

    def hvp(self, x: Float64, theta: Float64, v: Float64) -> Float64:
        return as_vector(self.user.hvp(x, theta, v), self.n_x, "lower.hvp")

    def cross_vjp(self, x: Float64, theta: Float64, q: Float64) -> Float64:
        return as_vector(self.user.cross_vjp(x, theta, q), self.n_theta, "lower.cross_vjp")

    def grad_theta(self, x: Float64, theta: Float64) -> Float64:
        return as_vector(self.user.grad_theta(x, theta), self.n_theta, "lower.grad_theta")

    def mu(self, theta: Float64) -> float:
        """Return the strong convexity at theta, checked.

        Raises
        ------
        ValueError
            If it is not a finite number > 0.
        """
        mu = self.user.mu(theta)
        if mu is None:
            raise ValueError("lower.mu must return a number > 0; strong convexity is needed.")
        mu = float(mu)
        if not (math.isfinite(mu) and mu > 0.0):
            raise ValueError(f"lower.mu must be finite and > 0, got {mu} at this theta.")
        return mu

    def smoothness(self, theta: Float64) -> float:
        smoothness = self._optional("smoothness", theta)
        return math.inf if smoothness is None else smoothness

    def _optional(self, name: str, *at: Float64) -> float | None:
        function = getattr(self.user, name, None)
        value = function(*at) if callable(function) else function
        if value is None:
            return None
        number = as_number(value, f"lower.{name}")
        if number < 0.0:
            raise ValueError(f"lower.{name} must be >= 0, got {number}.")
        return number

    # ------------------------------------------------------------------------ what methods ask

    def solve(
        self, theta: Float64, x0: Float64, method: str, tol: float, max_iter: int
    ) -> tuple[Float64, float, str]:
        """Return x, the norm of the gradient at x, and how the solver ended."""
        own = getattr(self.user, "solve", None)
        if callable(own) and method == "auto":
            x = as_vector(own(theta, x0, tol), self.n_x, "lower.solve")
            norm = float(np.linalg.norm(self.grad(x, theta)))
            self.n_grad += 1
            return x, norm, "converged" if norm <= tol else "max_iter"
        x, norm, n_grad, n_hvp, ending = _core.bilevel_solve(
            self.handle, theta, x0, method, tol, max_iter, self.n_threads
        )
        self.n_grad += n_grad
        self.n_lower_hvp += n_hvp
        return x, norm, ending

    def grad_at(self, x: Float64, theta: Float64) -> Float64:
        """Return the gradient of the lower problem, counted."""
        self.n_grad += 1
        grad: Float64 = _core.bilevel_evaluate(
            self.handle, "value_grad", theta, x, None, 0.0, self.n_threads
        )[1]
        return grad

    def adjoint(
        self,
        theta: Float64,
        x: Float64,
        rhs: Float64,
        q0: Float64,
        method: str,
        tol: float,
        max_iter: int,
    ) -> tuple[Float64, float, Float64, str]:
        """Return q, ``|H q - rhs|``, J'q and how the solver ended."""
        q, residual, n_hvp, ending, cross = _core.bilevel_adjoint(
            self.handle, theta, x, rhs, q0, method, tol, max_iter, self.n_threads
        )
        self.n_hvp += n_hvp
        self.n_cross += 1
        return q, residual, cross, ending

    def constants(
        self, x: Float64, theta: Float64, radius: float, lip_upper: float | None
    ) -> Constants:
        """Return the constants of the bound; estimates stand in for what the problem lacks."""
        upper = math.nan if lip_upper is None else lip_upper
        if self.native:
            mu, _, norm, cross, hess = _core.bilevel_evaluate(
                self.handle, "constants", theta, x, None, radius, self.n_threads
            )
            norm *= 1.0 + 1e-12  # its own rounding
            return Constants(mu, norm, cross, hess, upper, lip_upper is not None)
        known = [
            self._optional("cross_norm", x, theta),
            self._optional("lip_cross", theta),
            self._optional("lip_hess", theta),
        ]
        certified = lip_upper is not None and None not in known
        norm, lip_cross, lip_hess = known
        if norm is None:
            norm = self._estimate_cross_norm(x, theta)
        if lip_cross is None or lip_hess is None:
            self._observe(x, theta)
        return Constants(
            self.mu(theta),
            norm,
            self._lip_cross if lip_cross is None else lip_cross,
            self._lip_hess if lip_hess is None else lip_hess,
            upper,
            certified,
        )

    def _estimate_cross_norm(self, x: Float64, theta: Float64) -> float:
        """Power iterations on J'J, with J u by a central difference of the gradient."""
        u = self._rng.standard_normal(self.n_theta)
        norm = 0.0
        for _ in range(_POWER_STEPS):
            size = float(np.linalg.norm(u))
            if size == 0.0:
                break
            u /= size
            step = 6e-6 * max(1.0, float(np.abs(theta).max()))
            image = (self.grad(x, theta + step * u) - self.grad(x, theta - step * u)) / (2 * step)
            norm = max(norm, float(np.linalg.norm(image)))
            u = self.cross_vjp(x, theta, image)
        return _SAFETY * norm

    def _observe(self, x: Float64, theta: Float64) -> None:
        """Raise the running Lipschitz constants by what J and H do between this point and the last.

        Both are compared at this theta, along a few directions.
        """
        last, self._last = self._last, (x.copy(), theta.copy())
        other = x + 1e-3 * max(1.0, float(np.abs(x).max())) * self._rng.standard_normal(self.n_x)
        for point in [other] if last is None else [other, last[0]]:
            gap = float(np.linalg.norm(point - x))
            if gap <= 1e-12 * max(1.0, float(np.linalg.norm(x))):
                continue
            v = point - x
            for _ in range(3):
                v = v / np.linalg.norm(v)
                cross = self.cross_vjp(x, theta, v) - self.cross_vjp(point, theta, v)
                hess = self.hvp(x, theta, v) - self.hvp(point, theta, v)
                self._lip_cross = max(self._lip_cross, float(np.linalg.norm(cross)) / gap)
                self._lip_hess = max(self._lip_hess, float(np.linalg.norm(hess)) / gap)
                v = hess if np.linalg.norm(hess) > 0.0 else self._rng.standard_normal(self.n_x)


class Upper:
    """An upper problem with checked answers."""

    def __init__(self, problem: Any, n_x: int, n_theta: int) -> None:
        require_members(problem, _UPPER_MEMBERS, "upper")
        self.user = problem
        self.n_x, self.n_theta = n_x, n_theta
        self.convex = bool(getattr(problem, "convex", False))
        lip = getattr(problem, "lip", None)
        lip = lip() if callable(lip) else lip
        if lip is not None and not (math.isfinite(lip) and lip >= 0.0):
            raise ValueError(f"upper.lip must be finite and >= 0, got {lip!r}.")
        #: None where it has to be estimated.
        self.given_lip = None if lip is None else float(lip)
        self._seen = 0.0
        self._last: tuple[Float64, Float64] | None = None

    @property
    def lip(self) -> float:
        """Lipschitz constant of the gradient, given or the largest seen."""
        return self._seen * _SAFETY if self.given_lip is None else self.given_lip

    def value(self, x: Float64, theta: Float64) -> float:
        return as_number(self.user.value(x, theta), "upper.value")

    def grad_x(self, x: Float64, theta: Float64) -> Float64:
        grad = as_vector(self.user.grad_x(x, theta), self.n_x, "upper.grad_x")
        if self.given_lip is None:
            self._observe(x, theta, grad)
        return grad

    def _observe(self, x: Float64, theta: Float64, grad: Float64) -> None:
        if self._last is None:
            shift = 1e-3 * max(1.0, float(np.abs(x).max()))
            shifted = x + shift * np.random.default_rng(0).standard_normal(self.n_x)
            other = as_vector(self.user.grad_x(shifted, theta), self.n_x, "upper.grad_x")
            self._last = (shifted, other)
        gap = float(np.linalg.norm(x - self._last[0]))
        if gap > 1e-12 * max(1.0, float(np.linalg.norm(x))):
            self._seen = max(self._seen, float(np.linalg.norm(grad - self._last[1])) / gap)
        self._last = (x.copy(), grad.copy())

    def grad_theta(self, x: Float64, theta: Float64) -> Float64:
        function = getattr(self.user, "grad_theta", None)
        if function is None:
            return np.zeros(self.n_theta)
        return as_vector(function(x, theta), self.n_theta, "upper.grad_theta")

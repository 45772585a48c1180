# SPDX-License-Identifier: BSD-3-Clause
"""Descent in a box for criteria that are smooth in pieces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from taut._validation import Float64
from taut.bilevel._hypergradient import LowerSolverError

_MEMORY = 10
_ARMIJO = 1e-4
_TRIALS = 12
#: Largest first change of a logarithm, and largest later one.
_FIRST, _MOST = 0.35, 2.0
#: Steps of little gain in a row that end a descent: one may be a kink.
_IDLE = 3


@dataclass
class Descent:
    """Where a descent ended, and how it came there."""

    theta: Float64
    point: Any
    n_iter: int = 0
    converged: bool = False
    reason: str = "max_iter"
    values: list[float] = field(default_factory=list)
    thetas: list[Float64] = field(default_factory=list)


def descend(
    evaluate: Callable[[Float64], Any],
    theta: Float64,
    bounds: tuple[Float64, Float64],
    *,
    tol: float,
    max_iter: int,
    watch: Callable[[int, Any], None] | None = None,
) -> Descent:
    """Projected limited-memory BFGS with an Armijo search (Nocedal and Wright, chapters 3 and 7).

    `evaluate` gives something with ``value`` and ``gradient``. Ends when the projected gradient is
    at most `tol` times the value, when three steps in a row each gain less than that, or when no
    step along the gradient gains anything ("kink": no derivative there, or rounding).
    A trial that raises LowerSolverError is taken back like one that gains nothing.
    """
    low, high = bounds
    theta = np.clip(theta, low, high)
    at = Descent(theta, evaluate(theta))
    at.values.append(at.point.value)
    at.thetas.append(theta)
    pairs: list[tuple[Float64, Float64]] = []
    idle = 0
    for k in range(max_iter):
        g = at.point.gradient
        unit = tol * max(abs(at.point.value), 1e-300)
        free = ~((at.theta <= low) & (g > 0.0) | (at.theta >= high) & (g < 0.0))
        if np.abs(g * free).max(initial=0.0) <= unit:
            at.converged, at.reason = True, "gradient"
            return at
        found = None
        while found is None:
            d = _direction(pairs, g, free)
            largest = np.abs(d).max()
            most = _MOST if pairs else _FIRST
            d *= min(1.0, most / largest) if pairs else most / largest
            found = _search(evaluate, at, d, bounds)
            if found is None and not pairs:
                at.converged, at.reason = True, "kink"
                return at
            if found is None:
                pairs.clear()
        theta, point = found
        s, y = theta - at.theta, point.gradient - g
        if s @ y > 1e-10 * np.sqrt((s @ s) * (y @ y)):
            pairs.append((s, y))
            del pairs[:-_MEMORY]
        gain = at.point.value - point.value
        at.theta, at.point, at.n_iter = theta, point, k + 1
        at.values.append(point.value)
        at.thetas.append(theta)
        if watch is not None:
            watch(k + 1, point)
        idle = idle + 1 if gain <= unit else 0
        if idle == _IDLE:
            at.converged, at.reason = True, "value"
            return at
    return at


def _direction(pairs: list[tuple[Float64, Float64]], g: Float64, free: Any) -> Float64:
    q = np.where(free, g, 0.0)
    shares = []
    for s, y in reversed(pairs):
        a = (s @ q) / (s @ y)
        q = q - a * y
        shares.append(a)
    if pairs:
        s, y = pairs[-1]
        q = q * ((s @ y) / (y @ y))
    for (s, y), a in zip(pairs, reversed(shares), strict=True):
        q = q + (a - (y @ q) / (s @ y)) * s
    d = np.where(free, -q, 0.0)
    return d if d @ g < 0.0 else np.where(free, -g, 0.0)


def _search(
    evaluate: Callable[[Float64], Any],
    at: Descent,
    d: Float64,
    bounds: tuple[Float64, Float64],
) -> tuple[Float64, Any] | None:
    step, value, g = 1.0, at.point.value, at.point.gradient
    for _ in range(_TRIALS):
        theta = np.clip(at.theta + step * d, *bounds)
        slope = float(g @ (theta - at.theta))
        if not slope < 0.0:
            return None
        try:
            point = evaluate(theta)
        except LowerSolverError:
            step *= 0.5
            continue
        if point.value <= value + _ARMIJO * slope:
            return theta, point
        # Minimum of the parabola through both values and the slope here.
        bend = 2.0 * (point.value - value - slope)
        step *= float(np.clip(-slope / bend, 0.1, 0.5)) if np.isfinite(bend) else 0.1
    return None


__all__ = ["Descent", "descend"]

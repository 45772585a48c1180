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
#: Step of a walk along one logarithm, and the width of a bracket that ends it.
_STEP, _NARROW = 0.35, 1e-6
#: What the criterion has to rise, of its value, for a walk to end; and the slope, as a share of it,
#: that ends a walk too: there weaker strengths get dear, and are not where the minimum is.
_RISE, _STEEP = 1e-3, 0.02


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


def walk(
    evaluate: Callable[[Float64], Any],
    bounds: tuple[Float64, Float64],
    *,
    tol: float,
    max_iter: int,
    watch: Callable[[int, Any], None] | None = None,
) -> Descent:
    """Minimum along one logarithm: down from the upper bound, then within a bracket.

    Solutions at a strength are cheap to find from those of the one before, and the dearer the
    weaker it is. So steps are short, and end where the criterion has risen. The bracket about the
    best point is narrowed by the secant of slopes (Illinois: Dowell and Jarratt 1971, BIT 11).
    Ends like `descend`, or when slopes promise at most `tol` of the value within the bracket.
    """
    low, high = float(bounds[0][0]), float(bounds[1][0])
    points: list[tuple[float, Any]] = []
    at = Descent(np.array([high - _STEP]), None)

    def look(t: float) -> Any:
        theta = np.array([t])
        point = evaluate(theta)
        points.append((t, point))
        if at.point is None or point.value < at.point.value:
            at.theta, at.point = theta, point
        at.n_iter += 1
        at.values.append(at.point.value)
        at.thetas.append(at.theta)
        if watch is not None:
            watch(at.n_iter, point)
        return point

    place, failed, over = high - _STEP, low, False
    while not over and len(points) < max_iter:
        try:
            point = look(max(place, low))
        except LowerSolverError:  # too weak a penalty for these columns
            if not points:
                raise
            failed = place
            break
        rise = point.value - at.point.value
        size = abs(at.point.value)
        upward = point.gradient[0] < -_STEEP * size or (
            rise > _RISE * size and point.gradient[0] < 0.0
        )
        over = place <= low or upward
        place -= _STEP
    best = float(at.theta[0])
    if at.point.gradient[0] < 0.0 and best == points[0][0]:
        look(high)
        best = float(at.theta[0])
    down = at.point.gradient[0] > 0.0
    others = [t for t, _ in points if (t < best) == down and t != best]
    other = min(others, key=lambda t: abs(t - best), default=failed if down else high)
    a, b = min(best, other), max(best, other)
    slopes = {t: float(point.gradient[0]) for t, point in points}
    left, right, last = slopes.get(a, 0.0), slopes.get(b, 0.0), 0
    unit = tol * max(abs(at.point.value), 1e-300)
    while True:
        slope = abs(float(at.point.gradient[0]))
        if slope <= unit:
            at.converged, at.reason = True, "gradient"
            return at
        if slope * (b - a) <= unit or b - a <= _NARROW:
            at.converged, at.reason = True, "value"
            return at
        if len(points) >= max_iter:
            return at
        known = left < 0.0 < right
        share = float(np.clip(-left / (right - left), 0.05, 0.95)) if known else 0.5
        t = a + share * (b - a)
        try:
            g = float(look(t).gradient[0])
        except LowerSolverError:
            a, left, last = t, 0.0, 0
            continue
        if g < 0.0:
            right *= 0.5 if last < 0 else 1.0
            a, left, last = t, g, -1
        else:
            left *= 0.5 if last > 0 else 1.0
            b, right, last = t, g, 1


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


__all__ = ["Descent", "descend", "walk"]

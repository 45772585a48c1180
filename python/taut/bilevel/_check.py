# SPDX-License-Identifier: BSD-3-Clause
"""Whether the derivatives and constants of a problem are what they should be."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taut._random import generator
from taut.bilevel._adapter import Lower, Upper
from taut.bilevel._hypergradient import check_real, check_theta
from taut.typing import RandomState

__all__ = ["ProblemReport", "check_problem"]

Float64 = NDArray[np.float64]

_BISECTIONS = 30
_LANCZOS = 30
_EPS = float(np.finfo(np.float64).eps)


@dataclass
class ProblemReport:
    """What :func:`check_problem` measured.

    Attributes
    ----------
    errors : dict of str to float
        Largest relative difference from central differences, by member.
    mu, smoothness : float
        What the problem says at theta; NaN if nothing.
    eigen_min, eigen_max : float
        Extreme Ritz values of the Hessian over the points that were looked at.
    problems : list of str
        What is wrong, in words; empty if nothing was found.

    See Also
    --------
    check_problem : Makes it.
    hypergradient : The derivative through it, and its source.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import HeldOutMSE, RidgeLower, check_problem
    >>> lower, upper = RidgeLower(np.eye(2), [2.0, 4.0]), HeldOutMSE(np.eye(2), [1.0, 1.0])
    >>> report = check_problem(lower, upper, [0.0])
    >>> report.ok, report.problems, bool(max(report.errors.values()) < 1e-6)
    (True, [], True)
    """

    errors: dict[str, float] = field(default_factory=dict)
    mu: float = math.nan
    smoothness: float = math.nan
    eigen_min: float = math.inf
    eigen_max: float = -math.inf
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing wrong was found."""
        return not self.problems


def check_problem(
    lower: Any,
    upper: Any = None,
    theta: ArrayLike | None = None,
    x: ArrayLike | None = None,
    *,
    tol: float = 1e-5,
    n_points: int = 2,
    raise_error: bool = True,
    random_state: RandomState = 0,
) -> ProblemReport:
    """Compare the derivatives of a problem with differences, its constants with eigenvalues.

    Looks at x and at random points around it: the gradient against values, Hessian products and
    J'q against gradients, mu and smoothness against Ritz values (Lanczos). Between the points it
    looks for jumps of the gradient, by bisection: a gradient that jumps has no hypergradient.

    Parameters
    ----------
    lower : LowerProblem
    upper : UpperProblem, default=None
    theta : array-like of shape (n_theta,), default=None
        Zero by default.
    x : array-like of shape (n_x,), default=None
        Zero by default.
    tol : float, default=1e-5
        Relative difference that is let pass.
    n_points : int, default=2
        Random points beside x.
    raise_error : bool, default=True
        Whether to raise what is found; otherwise read ``problems`` of the report.
    random_state : None, int, Generator or RandomState, default=0

    Returns
    -------
    ProblemReport

    Raises
    ------
    ValueError
        If something is wrong, with all that was found; or if a callable returns NaN.

    See Also
    --------
    hypergradient : The derivative through it, and its source.

    Notes
    -----
    Passing is no proof: a kink that lies between the points and is not crossed stays unseen.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import RidgeLower, check_problem
    >>> rng = np.random.default_rng(0)
    >>> report = check_problem(RidgeLower(rng.normal(size=(9, 3)), rng.normal(size=9)))
    >>> report.ok
    True
    """
    check_real(tol, "tol", 0.0)
    low = Lower(lower)
    at = np.zeros(low.n_theta) if theta is None else check_theta(theta, low.n_theta)
    start = np.zeros(low.n_x) if x is None else check_theta(x, low.n_x, "x")
    rng = generator(random_state)
    scale = max(1.0, float(np.linalg.norm(start)) / math.sqrt(low.n_x))
    points = [start] + [start + scale * rng.standard_normal(low.n_x) for _ in range(n_points)]
    report = ProblemReport()
    report.mu = low.mu(at)
    smoothness = low.smoothness(at)
    report.smoothness = smoothness if math.isfinite(smoothness) else math.nan
    for point in points:
        _check_lower(report, low, point, at, rng)
    for name, error in report.errors.items():
        if not error <= tol:
            report.problems.append(
                f"lower.{name} differs from differences by {error:.2g} (relative)."
            )
    # Through x and beyond, so that a kink at x lies inside.
    for point in points[1:]:
        _check_jump(report, lambda u: low.grad(u, at), 2.0 * start - point, point, "lower.grad")
    _check_spectrum(report)
    if upper is not None:
        up = Upper(upper, low.n_x, low.n_theta)
        errors: dict[str, float] = {}
        for point in points:
            v = rng.standard_normal(low.n_x)
            slope = _slope(lambda t, p=point, v=v: up.value(p + t * v, at), point, v)  # type: ignore[misc]
            _worst(errors, "grad_x", slope, float(up.grad_x(point, at) @ v))
            u = rng.standard_normal(low.n_theta)
            slope = _slope(lambda t, p=point, u=u: up.value(p, at + t * u), at, u)  # type: ignore[misc]
            _worst(errors, "grad_theta", slope, float(up.grad_theta(point, at) @ u))
        for name, error in errors.items():
            report.errors[f"upper.{name}"] = error
            if not error <= tol:
                report.problems.append(
                    f"upper.{name} differs from differences by {error:.2g} (relative)."
                )
        for point in points[1:]:
            _check_jump(
                report, lambda u: up.grad_x(u, at), 2.0 * start - point, point, "upper.grad_x"
            )
    if report.problems and raise_error:
        raise ValueError("The problem is not what it says: " + " ".join(report.problems))
    return report


def _check_lower(
    report: ProblemReport, low: Lower, x: Float64, theta: Float64, rng: np.random.Generator
) -> None:
    v, u = rng.standard_normal(low.n_x), rng.standard_normal(low.n_theta)
    grad = low.grad(x, theta)
    _worst(
        report.errors, "grad", _slope(lambda t: low.value(x + t * v, theta), x, v), float(grad @ v)
    )
    product = low.hvp(x, theta, v)
    difference = _slope(lambda t: low.grad(x + t * v, theta), x, v)
    _worst(report.errors, "hvp", difference, product)
    difference = _slope(lambda t: low.grad(x, theta + t * u), theta, u)
    along = (float(v @ difference[0]), float(np.linalg.norm(v)) * difference[1])
    _worst(report.errors, "cross_vjp", along, float(low.cross_vjp(x, theta, v) @ u))
    try:
        in_theta = low.grad_theta(x, theta)
    except (AttributeError, NotImplementedError):
        pass
    else:
        slope = _slope(lambda t: low.value(x, theta + t * u), theta, u)
        _worst(report.errors, "grad_theta", slope, float(in_theta @ u))
    low_end, high_end = _ritz(lambda w: low.hvp(x, theta, w), v)
    report.eigen_min = min(report.eigen_min, low_end)
    report.eigen_max = max(report.eigen_max, high_end)


def _slope(f: Callable[[float], Any], at: Float64, v: Float64) -> tuple[Any, float]:
    """Derivative of f at 0 by central differences of fourth order, and how far to trust it."""
    step = 1e-3 * max(1.0, float(np.linalg.norm(at))) / max(float(np.linalg.norm(v)), 1e-300)
    best, error = None, math.inf
    previous = None
    # Quarter while neighbours agree better (curvature is large in some problems), counting what is
    # rounded in the values: differences that are noise agree by chance now and then.
    for _ in range(12):
        ahead, behind = np.asarray(f(step)), np.asarray(f(-step))
        far = np.asarray(f(2 * step)) - f(-2 * step)
        now = (8.0 * (ahead - behind) - far) / (12.0 * step)
        if previous is not None:
            rounding = _EPS * float(np.linalg.norm(ahead)) / step
            gap = float(np.linalg.norm(now - previous)) + rounding
            if gap < error:
                best, error = now, gap
        previous, step = now, step / 4.0
    return (previous, math.inf) if best is None else (best, error)


def _worst(
    errors: dict[str, float], name: str, difference: tuple[Any, float], claimed: Any
) -> None:
    slope, doubt = difference
    scale = max(float(np.linalg.norm(slope)), float(np.linalg.norm(claimed)), 1e-8)
    # Rounding is no error of the derivative; a doubt that could hide one does not count.
    doubt = min(doubt, max(1e-3 * scale, 1e-8))
    error = max(float(np.linalg.norm(np.asarray(slope) - claimed)) - doubt, 0.0) / scale
    errors[name] = max(errors.get(name, 0.0), error)


def _check_jump(
    report: ProblemReport,
    grad: Callable[[Float64], Float64],
    a: Float64,
    b: Float64,
    name: str,
) -> None:
    """Follow the larger half of a gradient's change: it shrinks with the interval, or jumps."""
    at_a, at_b = grad(a), grad(b)
    whole = float(np.linalg.norm(at_b - at_a))
    scale = max(float(np.linalg.norm(at_a)), float(np.linalg.norm(at_b)))
    # Off the middle, where x lies: there the arguments of a kink may round to either side.
    for k in range(_BISECTIONS):
        middle = a + (0.5 if k else 0.4871) * (b - a)
        at_m = grad(middle)
        left, right = float(np.linalg.norm(at_m - at_a)), float(np.linalg.norm(at_b - at_m))
        if left >= right:
            b, at_b = middle, at_m
        else:
            a, at_a = middle, at_m
    left_over = float(np.linalg.norm(at_b - at_a))
    if left_over > 1e-4 * whole and left_over > 1e-7 * scale:
        report.problems.append(
            f"{name} jumps by {left_over:.2g} within {float(np.linalg.norm(b - a)):.1e}: the "
            "problem is not differentiable enough for hypergradients. Smooth it, or use a method "
            "for kinks."
        )


def _check_spectrum(report: ProblemReport) -> None:
    slack = 1e-7 * max(abs(report.eigen_max), abs(report.eigen_min), report.mu)
    if report.eigen_min < report.mu - slack:
        report.problems.append(
            f"lower.mu is {report.mu:.4g}, but the Hessian has an eigenvalue of at most "
            f"{report.eigen_min:.4g}."
        )
    if report.eigen_max > report.smoothness + slack:
        report.problems.append(
            f"lower.smoothness is {report.smoothness:.4g}, but the Hessian has an eigenvalue of at "
            f"least {report.eigen_max:.4g}."
        )


def _ritz(product: Callable[[Float64], Float64], v: Float64) -> tuple[float, float]:
    """Extreme Ritz values: the largest eigenvalue is at least, the smallest at most, these."""
    basis = [v / np.linalg.norm(v)]
    steps = min(_LANCZOS, v.size)
    small = np.zeros((steps, steps))
    for k in range(steps):
        w = product(basis[k])
        for i, b in enumerate(basis):  # all of them: rounding would bring copies back
            small[i, k] = float(b @ w)
        for _ in range(2):
            for b in basis:
                w = w - (b @ w) * b
        size = float(np.linalg.norm(w))
        if k + 1 == steps or size <= 1e-12 * max(1.0, abs(small[k, k])):
            small = small[: k + 1, : k + 1]
            break
        basis.append(w / size)
    values = np.linalg.eigvalsh((small + small.T) / 2.0)
    return float(values[0]), float(values[-1])

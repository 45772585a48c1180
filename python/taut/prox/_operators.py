# SPDX-License-Identifier: BSD-3-Clause
"""Proximal operators on arrays. Arguments broadcast; results are float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taut import _core

Float64 = NDArray[np.float64]

_UNUSED = np.ones(())

#: Name: (allowed interval of gamma as text, test that a gamma lies in it).
_SHAPES = {
    "l1": ("", None),
    "mcp": ("> 0", lambda g: g > 0),
    "scad": ("> 2", lambda g: g > 2),
    "cel0": ("> 0", lambda g: g > 0),
    "l0": ("", None),
    "lq": ("in (0, 1)", lambda g: (g > 0) & (g < 1)),
}
_GAMMA_NAMES = {"cel0": "curvature", "lq": "exponent"}


def _array(values: ArrayLike, name: str) -> Float64:
    array = np.asarray(values, dtype=np.float64)
    if np.isnan(array).any():
        raise ValueError(f"{name} must not contain NaN.")
    return array


def _limited(values: ArrayLike, name: str, allowed: str, ok: NDArray[np.bool_]) -> None:
    if not ok.all():
        got = np.asarray(values, dtype=np.float64)[~ok].ravel()[0]
        raise ValueError(f"{name} must be {allowed}, got {got:g}.")


def _checked(
    penalty: str, x: ArrayLike, alpha: ArrayLike, gamma: ArrayLike | None
) -> tuple[Float64, Float64, Float64]:
    z, a = _array(x, "x"), _array(alpha, "alpha")
    _limited(a, "alpha", "finite and >= 0", np.isfinite(a) & (a >= 0))
    if penalty not in _SHAPES:
        names = ", ".join(map(repr, _SHAPES))
        raise ValueError(f"penalty must be one of {names}, got {penalty!r}.")
    allowed, test = _SHAPES[penalty]
    name = _GAMMA_NAMES.get(penalty, "gamma")
    if test is None:
        if gamma is not None:
            raise ValueError(f"{penalty!r} has no gamma, got {gamma!r}.")
        return z, a, _UNUSED
    if gamma is None:
        raise ValueError(f"{penalty!r} needs {name}, {allowed}.")
    g = _array(gamma, name)
    _limited(g, name, allowed, np.asarray(test(g)))
    return z, a, g


def _broadcast(*arrays: Float64) -> tuple[list[Float64], tuple[int, ...]]:
    """Vectors of one common size, or of size 1 where a value holds for all entries."""
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    flat = [
        a.reshape(1) if a.size == 1 else np.ascontiguousarray(np.broadcast_to(a, shape)).ravel()
        for a in arrays
    ]
    flat[0] = np.ascontiguousarray(np.broadcast_to(arrays[0], shape)).ravel()
    return flat, shape


def _prox(
    penalty: str,
    x: ArrayLike,
    alpha: ArrayLike,
    gamma: ArrayLike | None,
    step: ArrayLike,
    lower: ArrayLike | None,
    upper: ArrayLike | None,
) -> Float64:
    z, a, g = _checked(penalty, x, alpha, gamma)
    t = _array(step, "step")
    _limited(t, "step", "finite and > 0", np.isfinite(t) & (t > 0))
    low = _array(-np.inf if lower is None else lower, "lower")
    high = _array(np.inf if upper is None else upper, "upper")
    _limited(low, "lower", "<= 0", low <= 0)
    _limited(high, "upper", ">= 0", high >= 0)
    (z, a, g, t, low, high), shape = _broadcast(z, a, g, t, low, high)
    out = _core.prox(z, penalty, alpha=a, gamma=g, step=t, lower=low, upper=high)
    return out.reshape(shape)


def l1(
    x: ArrayLike,
    alpha: ArrayLike,
    *,
    step: ArrayLike = 1.0,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
) -> Float64:
    """Proximal operator of ``alpha |u|``: soft thresholding.

    Parameters
    ----------
    x : array-like of any shape
    alpha : float or array-like of any shape
        Strength, >= 0. All arguments broadcast against each other.
    step : float or array-like of any shape, default=1.0
        Step length of the proximal step, > 0.
    lower, upper : float or array-like of any shape, default=None
        Bounds of the result, ``lower <= 0 <= upper``.

    Returns
    -------
    ndarray of the broadcast shape, float64

    Raises
    ------
    ValueError
        If an argument is NaN or outside of its range.

    References
    ----------
    .. [1] N. Parikh, S. Boyd (2014), Proximal algorithms, Found. Trends Optim. 1, 127-239.

    Examples
    --------
    >>> from taut import prox
    >>> prox.l1([-2.0, 0.5, 3.0], 1.0).tolist()
    [-1.0, 0.0, 2.0]
    """
    return _prox("l1", x, alpha, None, step, lower, upper)


def elastic_net(
    x: ArrayLike,
    alpha: ArrayLike,
    l1_ratio: ArrayLike = 0.5,
    *,
    step: ArrayLike = 1.0,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
) -> Float64:
    """Proximal operator of ``alpha (l1_ratio |u| + (1 - l1_ratio) u^2 / 2)``.

    Parameters
    ----------
    x : array-like of any shape
    alpha : float or array-like of any shape
        Strength, >= 0.
    l1_ratio : float or array-like of any shape, default=0.5
        Share of the L1 term, in [0, 1].
    step : float or array-like of any shape, default=1.0
        > 0.
    lower, upper : float or array-like of any shape, default=None
        Bounds of the result, ``lower <= 0 <= upper``.

    Returns
    -------
    ndarray of the broadcast shape, float64

    Raises
    ------
    ValueError
        If an argument is NaN or outside of its range.

    References
    ----------
    .. [1] N. Parikh, S. Boyd (2014), Proximal algorithms, Found. Trends Optim. 1, 127-239.

    Examples
    --------
    >>> from taut import prox
    >>> prox.elastic_net([-2.0, 0.5, 3.0], 1.0, 0.5).tolist()
    [-1.0, 0.0, 1.6666666666666667]
    """
    rho, a, t = _array(l1_ratio, "l1_ratio"), _array(alpha, "alpha"), _array(step, "step")
    _limited(rho, "l1_ratio", "in [0, 1]", (rho >= 0) & (rho <= 1))
    shrunk = l1(x, a * rho, step=t) / (1.0 + t * a * (1.0 - rho))
    if lower is None and upper is None:
        return np.asarray(shrunk)
    # One coordinate of a convex problem: the box clips.
    return l1(shrunk, 0.0, lower=lower, upper=upper)


def mcp(
    x: ArrayLike,
    alpha: ArrayLike,
    gamma: ArrayLike = 3.0,
    *,
    step: ArrayLike = 1.0,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
) -> Float64:
    """Proximal operator of the minimax concave penalty [1]_.

    ``pen(u) = alpha |u| - u^2 / (2 gamma)`` up to ``|u| = gamma alpha``, constant beyond. For
    ``step >= gamma`` it is hard thresholding at ``alpha sqrt(step gamma)``.

    Parameters
    ----------
    x : array-like of any shape
    alpha : float or array-like of any shape
        Strength, >= 0.
    gamma : float or array-like of any shape, default=3.0
        Concavity, > 0; infinite gives :func:`l1`.
    step : float or array-like of any shape, default=1.0
        > 0; not limited by gamma.
    lower, upper : float or array-like of any shape, default=None
        Bounds of the result, ``lower <= 0 <= upper``.

    Returns
    -------
    ndarray of the broadcast shape, float64

    Raises
    ------
    ValueError
        If an argument is NaN or outside of its range.

    References
    ----------
    .. [1] C.-H. Zhang (2010), Ann. Statist. 38, 894-942, eq. (2.1).

    Examples
    --------
    >>> from taut import prox
    >>> prox.mcp([0.5, 1.5, 4.0], 1.0, 2.0).tolist()
    [0.0, 1.0, 4.0]
    """
    return _prox("mcp", x, alpha, gamma, step, lower, upper)


def scad(
    x: ArrayLike,
    alpha: ArrayLike,
    gamma: ArrayLike = 3.7,
    *,
    step: ArrayLike = 1.0,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
) -> Float64:
    """Proximal operator of the smoothly clipped absolute deviation penalty [1]_.

    ``pen`` has slope alpha up to ``|u| = alpha``, a slope that falls linearly to zero at
    ``gamma alpha``, and is constant beyond.

    Parameters
    ----------
    x : array-like of any shape
    alpha : float or array-like of any shape
        Strength, >= 0.
    gamma : float or array-like of any shape, default=3.7
        Concavity (``a`` in the paper), > 2; infinite gives :func:`l1`.
    step : float or array-like of any shape, default=1.0
        > 0; not limited by gamma.
    lower, upper : float or array-like of any shape, default=None
        Bounds of the result, ``lower <= 0 <= upper``.

    Returns
    -------
    ndarray of the broadcast shape, float64

    Raises
    ------
    ValueError
        If an argument is NaN or outside of its range.

    References
    ----------
    .. [1] J. Fan and R. Li (2001), J. Amer. Statist. Assoc. 96, 1348-1360, eq. (2.7), (2.8).

    Examples
    --------
    >>> from taut import prox
    >>> prox.scad([1.5, 3.0, 4.0], 1.0, 3.7).round(4).tolist()
    [0.5, 2.5882, 4.0]
    """
    return _prox("scad", x, alpha, gamma, step, lower, upper)


def l0(
    x: ArrayLike,
    alpha: ArrayLike,
    *,
    step: ArrayLike = 1.0,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
) -> Float64:
    """Proximal operator of ``alpha 1{u != 0}``: hard thresholding at ``sqrt(2 step alpha)``.

    Parameters
    ----------
    x : array-like of any shape
    alpha : float or array-like of any shape
        Price of a nonzero entry, >= 0.
    step : float or array-like of any shape, default=1.0
        > 0.
    lower, upper : float or array-like of any shape, default=None
        Bounds of the result, ``lower <= 0 <= upper``.

    Returns
    -------
    ndarray of the broadcast shape, float64

    Raises
    ------
    ValueError
        If an argument is NaN or outside of its range.

    References
    ----------
    .. [1] N. Parikh, S. Boyd (2014), Proximal algorithms, Found. Trends Optim. 1, 127-239.

    Examples
    --------
    >>> from taut import prox
    >>> prox.l0([-2.0, 0.5, 3.0], 1.0).tolist()
    [-2.0, 0.0, 3.0]
    """
    return _prox("l0", x, alpha, None, step, lower, upper)


def cel0(
    x: ArrayLike,
    alpha: ArrayLike,
    curvature: ArrayLike = 1.0,
    *,
    step: ArrayLike = 1.0,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
) -> Float64:
    """Proximal operator of the continuous exact L0 penalty [1]_.

    ``pen(u) = alpha - a^2 / 2 (|u| - sqrt(2 alpha) / a)^2`` up to ``|u| = sqrt(2 alpha) / a``,
    alpha beyond, with ``a^2 = curvature`` the squared norm of the column that u belongs to: for
    least squares it has the global minimisers of L0 and fewer local ones. It is MCP of strength
    ``a sqrt(2 alpha)`` and concavity ``1 / a^2``.

    Parameters
    ----------
    x : array-like of any shape
    alpha : float or array-like of any shape
        Price of a nonzero entry, >= 0.
    curvature : float or array-like of any shape, default=1.0
        ``a^2``, > 0.
    step : float or array-like of any shape, default=1.0
        > 0; with ``step >= 1 / curvature`` it is :func:`l0`.
    lower, upper : float or array-like of any shape, default=None
        Bounds of the result, ``lower <= 0 <= upper``.

    Returns
    -------
    ndarray of the broadcast shape, float64

    Raises
    ------
    ValueError
        If an argument is NaN or outside of its range.

    References
    ----------
    .. [1] E. Soubies, L. Blanc-Feraud and G. Aubert (2015), SIAM J. Imaging Sci. 8, 1607-1639.

    Examples
    --------
    >>> from taut import prox
    >>> prox.cel0([0.5, 1.2, 3.0], 1.0, step=0.5).round(4).tolist()
    [0.0, 0.9858, 3.0]
    """
    return _prox("cel0", x, alpha, curvature, step, lower, upper)


def lq(
    x: ArrayLike,
    alpha: ArrayLike,
    exponent: ArrayLike = 0.5,
    *,
    step: ArrayLike = 1.0,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
) -> Float64:
    """Proximal operator of ``alpha |u|^exponent``, ``0 < exponent < 1``.

    Closed forms for exponents 1/2 [1]_ and 2/3, Newton's method for the others.

    Parameters
    ----------
    x : array-like of any shape
    alpha : float or array-like of any shape
        Strength, >= 0.
    exponent : float or array-like of any shape, default=0.5
        In (0, 1).
    step : float or array-like of any shape, default=1.0
        > 0.
    lower, upper : float or array-like of any shape, default=None
        Bounds of the result, ``lower <= 0 <= upper``.

    Returns
    -------
    ndarray of the broadcast shape, float64

    Raises
    ------
    ValueError
        If an argument is NaN or outside of its range.

    References
    ----------
    .. [1] Z. Xu, X. Chang, F. Xu and H. Zhang (2012), IEEE Trans. Neural Netw. Learn. Syst. 23,
       1013-1027.

    Examples
    --------
    >>> from taut import prox
    >>> prox.lq([0.9, 2.0], 1.0, 0.5, step=0.5).round(4).tolist()
    [0.0, 1.8144]
    """
    return _prox("lq", x, alpha, exponent, step, lower, upper)


def group(x: ArrayLike, alpha: ArrayLike, *, step: ArrayLike = 1.0, axis: int = -1) -> Float64:
    """Proximal operator of ``alpha ||u||_2``, u a vector along one axis: block soft thresholding.

    Parameters
    ----------
    x : array-like of any shape
    alpha : float or array-like of any shape
        Strength, >= 0; broadcasts against x with that axis left out.
    step : float or array-like of any shape, default=1.0
        > 0.
    axis : int, default=-1
        The axis along which a block lies.

    Returns
    -------
    ndarray of the shape of x, float64

    Raises
    ------
    ValueError
        If an argument is NaN or outside of its range.

    References
    ----------
    .. [1] N. Parikh, S. Boyd (2014), Proximal algorithms, Found. Trends Optim. 1, 127-239.

    Examples
    --------
    >>> from taut import prox
    >>> prox.group([[3.0, 4.0], [0.3, 0.4]], 1.0).round(3).tolist()
    [[2.4, 3.2], [0.0, 0.0]]
    """
    z = _array(x, "x")
    size = np.linalg.norm(z, axis=axis)
    shrunk = l1(size, alpha, step=step)
    share = np.divide(shrunk, size, out=np.zeros_like(shrunk), where=size > 0)
    return np.asarray(z * np.expand_dims(share, axis))


def value(penalty: str, x: ArrayLike, alpha: ArrayLike, gamma: ArrayLike | None = None) -> Float64:
    """Value of a penalty at every entry.

    Parameters
    ----------
    penalty : {"l1", "mcp", "scad", "cel0", "l0", "lq"}
    x : array-like of any shape
    alpha : float or array-like of any shape
        Strength, >= 0.
    gamma : float or array-like of any shape, default=None
        Concavity of "mcp" (> 0) and "scad" (> 2), curvature of "cel0" (> 0), exponent of "lq"
        (in (0, 1)).

    Returns
    -------
    ndarray of the broadcast shape, float64

    Raises
    ------
    ValueError
        If the name is unknown, or an argument is NaN or outside of its range.

    References
    ----------
    .. [1] N. Parikh, S. Boyd (2014), Proximal algorithms, Found. Trends Optim. 1, 127-239.

    Examples
    --------
    >>> from taut import prox
    >>> prox.value("mcp", [0.0, 1.0, 5.0], 1.0, 3.0).round(4).tolist()
    [0.0, 0.8333, 1.5]
    """
    z, a, g = _checked(penalty, x, alpha, gamma)
    (z, a, g), shape = _broadcast(z, a, g)
    return _core.penalty_values(z, penalty, alpha=a, gamma=g).reshape(shape)

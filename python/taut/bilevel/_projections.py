# SPDX-License-Identifier: BSD-3-Clause
"""Convex sets by their projections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taut import _core

__all__ = [
    "Box",
    "Halfspace",
    "L1Ball",
    "L2Ball",
    "NonNegative",
    "Product",
    "Projection",
    "Simplex",
]

Float64 = NDArray[np.float64]


class Projection:
    """The nearest point of a closed convex set.

    Calling it projects a vector. ``diameter`` is the largest distance of two points of the set,
    ``inf`` if there is none.

    See Also
    --------
    PenaltyBilevel : The method that projects, and its source.

    Examples
    --------
    >>> from taut.bilevel import Projection, Simplex
    >>> isinstance(Simplex(1.0), Projection)
    True
    """

    diameter: float = np.inf

    def __call__(self, x: Float64) -> Float64:
        """Return the nearest point.

        Parameters
        ----------
        x : ndarray of shape (n,)

        Returns
        -------
        ndarray of shape (n,)
        """
        raise NotImplementedError


class Box(Projection):
    """Points between two bounds.

    Parameters
    ----------
    lo, hi : float or array-like of shape (n,)
        ``lo <= hi``; infinite bounds leave a side open.

    Raises
    ------
    ValueError
        If the box is empty or a bound is NaN.

    See Also
    --------
    PenaltyBilevel : The method that projects, and its source.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import Box
    >>> Box(0.0, 1.0)(np.array([-2.0, 0.5, 3.0]))
    array([0. , 0.5, 1. ])
    """

    def __init__(self, lo: ArrayLike, hi: ArrayLike) -> None:
        self.lo, self.hi = np.asarray(lo, dtype=np.float64), np.asarray(hi, dtype=np.float64)
        if not np.all(self.lo <= self.hi):
            raise ValueError(f"Box needs lo <= hi everywhere, got lo={lo!r} and hi={hi!r}.")
        sides = np.broadcast_arrays(self.lo, self.hi)
        # The length of a scalar box's diagonal depends on the number of entries.
        self.diameter = float(np.linalg.norm(sides[1] - sides[0])) if sides[0].ndim else np.inf

    def __call__(self, x: Float64) -> Float64:
        return np.clip(x, self.lo, self.hi)


class NonNegative(Projection):
    """Points without a negative entry.

    See Also
    --------
    PenaltyBilevel : The method that projects, and its source.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import NonNegative
    >>> NonNegative()(np.array([-2.0, 0.5]))
    array([0. , 0.5])
    """

    def __call__(self, x: Float64) -> Float64:
        return np.maximum(x, 0.0)


class Simplex(Projection):
    """Points without a negative entry whose sum is `total`.

    Parameters
    ----------
    total : float, default=1.0

    Raises
    ------
    ValueError
        If `total` is negative or not finite.

    References
    ----------
    .. [1] L. Condat (2016), Fast projection onto the simplex and the l1 ball, Math. Program. 158,
       575-585, algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import Simplex
    >>> Simplex(1.0)(np.array([1.0, 0.5, -3.0]))
    array([0.75, 0.25, 0.  ])
    """

    def __init__(self, total: float = 1.0) -> None:
        self.total = _size(total, "total of Simplex")
        self.diameter = float(np.sqrt(2.0)) * self.total

    def __call__(self, x: Float64) -> Float64:
        return _core.bilevel_project("simplex", np.ascontiguousarray(x, np.float64), self.total)


class L1Ball(Projection):
    """Points whose absolute values sum to at most `radius`.

    Parameters
    ----------
    radius : float, default=1.0

    Raises
    ------
    ValueError
        If `radius` is negative or not finite.

    See Also
    --------
    PenaltyBilevel : The method that projects, and its source.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import L1Ball
    >>> L1Ball(1.0)(np.array([1.0, -0.5, 0.1]))
    array([ 0.75, -0.25,  0.  ])
    """

    def __init__(self, radius: float = 1.0) -> None:
        self.radius = _size(radius, "radius of L1Ball")
        self.diameter = 2.0 * self.radius

    def __call__(self, x: Float64) -> Float64:
        return _core.bilevel_project("l1", np.ascontiguousarray(x, np.float64), self.radius)


class L2Ball(Projection):
    """Points whose Euclidean norm is at most `radius`.

    Parameters
    ----------
    radius : float, default=1.0

    Raises
    ------
    ValueError
        If `radius` is negative or not finite.

    See Also
    --------
    PenaltyBilevel : The method that projects, and its source.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import L2Ball
    >>> L2Ball(1.0)(np.array([3.0, 4.0]))
    array([0.6, 0.8])
    """

    def __init__(self, radius: float = 1.0) -> None:
        self.radius = _size(radius, "radius of L2Ball")
        self.diameter = 2.0 * self.radius

    def __call__(self, x: Float64) -> Float64:
        norm = float(np.linalg.norm(x))
        return x if norm <= self.radius else x * (self.radius / norm)


class Halfspace(Projection):
    """Points with ``normal @ x <= offset``.

    Parameters
    ----------
    normal : array-like of shape (n,)
        Not zero.
    offset : float

    Raises
    ------
    ValueError
        If `normal` is zero or not finite.

    See Also
    --------
    PenaltyBilevel : The method that projects, and its source.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import Halfspace
    >>> Halfspace([1.0, 1.0], 1.0)(np.array([1.0, 1.0]))
    array([0.5, 0.5])
    """

    def __init__(self, normal: ArrayLike, offset: float) -> None:
        self.normal, self.offset = np.asarray(normal, dtype=np.float64), float(offset)
        square = float(self.normal @ self.normal)
        if not (0.0 < square < np.inf):
            raise ValueError(f"normal of Halfspace must be finite and not zero, got {normal!r}.")
        self._square = square

    def __call__(self, x: Float64) -> Float64:
        excess = float(self.normal @ x) - self.offset
        return x if excess <= 0.0 else x - (excess / self._square) * self.normal


class Product(Projection):
    """Vectors whose parts lie in sets of their own.

    Parameters
    ----------
    sets : sequence of (Projection or callable, int)
        Each with the number of entries that it takes, in their order.

    Raises
    ------
    ValueError
        If a size is below 1, or in a call the sizes do not add up to the vector's.

    See Also
    --------
    PenaltyBilevel : The method that projects, and its source.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import L2Ball, NonNegative, Product
    >>> Product([(NonNegative(), 1), (L2Ball(1.0), 2)])(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 1.])
    """

    def __init__(self, sets: Sequence[tuple[Any, int]]) -> None:
        self.sets = [(project, int(size)) for project, size in sets]
        if not self.sets or min(size for _, size in self.sets) < 1:
            raise ValueError("Product needs at least one set, each with a size >= 1.")
        parts = [getattr(project, "diameter", np.inf) for project, _ in self.sets]
        self.diameter = float(np.linalg.norm(parts))

    def __call__(self, x: Float64) -> Float64:
        total = sum(size for _, size in self.sets)
        if x.shape != (total,):
            raise ValueError(f"Product takes a vector of shape ({total},), got {x.shape}.")
        edges = np.cumsum([size for _, size in self.sets])[:-1]
        parts = np.split(x, edges)
        return np.concatenate(
            [project(part) for (project, _), part in zip(self.sets, parts, strict=True)]
        )


def _size(value: float, name: str) -> float:
    if not (np.isfinite(value) and value >= 0.0):
        raise ValueError(f"{name} must be finite and >= 0, got {value!r}.")
    return float(value)

# SPDX-License-Identifier: BSD-3-Clause
"""Proximal operators of chains."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from taut import _core
from taut._validation import Float64


def tv1d(x: ArrayLike, alpha: ArrayLike, *, step: float = 1.0) -> Float64:
    """Proximal operator of one-dimensional total variation, ``sum_i alpha_i |u_(i+1) - u_i|``.

    Parameters
    ----------
    x : array-like of shape (n,)
    alpha : float or array-like of shape (n - 1,)
        Strength of each difference, >= 0; infinity joins two entries.
    step : float, default=1.0
        > 0.

    Returns
    -------
    ndarray of shape (n,), float64
        Entries of one piece are equal to the last bit.

    Raises
    ------
    ValueError
        If x is empty or not of one dimension, if an argument is NaN, or outside of its range.

    Notes
    -----
    Dynamic programming over the chain [1]_, O(n) for any strengths.

    References
    ----------
    .. [1] N. A. Johnson (2013), J. Comput. Graph. Stat. 22, 246-260.

    Examples
    --------
    >>> from taut import prox
    >>> prox.tv1d([1.0, 2.0, 6.0, 7.0], 0.5).tolist()
    [1.5, 2.0, 6.0, 6.5]
    """
    z = np.ascontiguousarray(x, dtype=np.float64)
    if z.ndim != 1 or z.size == 0 or not np.all(np.isfinite(z)):
        raise ValueError(f"x must be a vector of finite numbers, got an array of shape {z.shape}.")
    if not (np.isfinite(step) and step > 0):
        raise ValueError(f"step must be finite and > 0, got {step!r}.")
    a = np.asarray(alpha, dtype=np.float64)
    if a.shape not in ((), (z.size - 1,)):
        raise ValueError(f"alpha must be a number or have shape ({z.size - 1},), got {a.shape}.")
    if not np.all(a >= 0):
        raise ValueError("alpha must be >= 0.")
    weight = np.zeros(z.size)
    weight[1:] = step * a
    return _core.prox_tv1d(z, weight)


__all__ = ["tv1d"]

# SPDX-License-Identifier: BSD-3-Clause
"""Colour transfer between two images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taut._random import generator
from taut.ot._cost import PointCloud, check_choice, check_count, check_problem
from taut.ot._exact import ot_exact
from taut.ot._result import OTResult
from taut.ot._sinkhorn import sinkhorn
from taut.ot._smooth import auto_reg, smooth_ot
from taut.typing import RandomState

__all__ = ["transfer_colors"]


def transfer_colors(
    source: ArrayLike,
    target: ArrayLike,
    *,
    n_colors: int = 256,
    method: str = "sparse",
    max_nz: int = 4,
    reg: float | str = "auto",
    random_state: RandomState = 0,
    n_jobs: int | None = None,
) -> tuple[NDArray[Any], OTResult]:
    """Paint an image in the colours of another.

    Both images are reduced to ``n_colors`` colours; a plan between the two palettes, weighted by
    how often each colour occurs, maps a source colour to the mean of its partners; every pixel is
    moved as its palette colour is.

    Parameters
    ----------
    source, target : array-like of shape (height, width, 3)
        RGB images, uint8 or floats in [0, 1].
    n_colors : int, default=256
        Size of the palettes: pixels drawn at random, without repetition.
    method : {"sparse", "l2", "entropic", "exact"}, default="sparse"
        Kind of plan; "sparse" allows ``max_nz`` source colours a target colour.
    max_nz : int, default=4
    reg : float or "auto", default="auto"
        As in :func:`smooth_ot`, for colours in [0, 1].
    random_state : None, int, Generator or RandomState, default=0
        Choice of the palettes.
    n_jobs : int or None, default=None

    Returns
    -------
    image : ndarray of shape (height, width, 3)
        Of the dtype of ``source``.
    result : OTResult
        The plan between the palettes.

    Raises
    ------
    ValueError
        If an image does not have three channels or floats are outside [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from taut.ot import transfer_colors
    >>> red = np.zeros((2, 2, 3)); red[..., 0] = [[0.2, 0.4], [0.6, 0.8]]
    >>> image, _ = transfer_colors(red, red[::-1] / 2, n_colors=4, method="exact")
    >>> image[..., 0]
    array([[0.1, 0.2],
           [0.3, 0.4]])
    """
    check_choice(method, "method", ("sparse", "l2", "entropic", "exact"))
    size = check_count(n_colors, "n_colors")
    rng = generator(random_state)
    pixels, shape, dtype = _pixels(source, "source")
    others, _, _ = _pixels(target, "target")
    palettes, weights, labels = [], [], []
    for values in (pixels, others):
        chosen = rng.choice(len(values), min(size, len(values)), replace=False)
        palette = np.unique(values[chosen], axis=0)
        label = _nearest(values, palette)
        palettes.append(palette)
        weights.append(np.bincount(label, minlength=len(palette)) / len(values))
        labels.append(label)
    cost = PointCloud(*palettes)
    a, b = weights
    if method == "exact":
        result = ot_exact(a, b, cost)
    elif method == "entropic":
        strength = auto_reg(check_problem(a, b, cost), method) if reg == "auto" else reg
        result = sinkhorn(a, b, cost, reg=strength, n_jobs=n_jobs)  # type: ignore[arg-type]
    else:
        result = smooth_ot(
            a,
            b,
            cost,
            reg=reg,
            reg_type=method,
            max_nz=max_nz if method == "sparse" else None,
            n_jobs=n_jobs,
        )
    mass = np.asarray(result.apply(np.ones(len(b)))).ravel()
    mapped = np.asarray(result.apply(palettes[1])).reshape(len(a), 3)
    moved = mass > 0
    mapped[moved] /= mass[moved, None]
    mapped[~moved] = palettes[0][~moved]
    # The palette moves, and a pixel keeps its difference to its palette colour.
    image = np.clip(mapped[labels[0]] + pixels - palettes[0][labels[0]], 0.0, 1.0).reshape(shape)
    if np.issubdtype(dtype, np.integer):
        return np.rint(image * 255).astype(dtype), result
    return image.astype(dtype), result


def _pixels(image: ArrayLike, name: str) -> tuple[NDArray[np.float64], tuple[int, ...], Any]:
    array = np.asarray(image)
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise ValueError(f"{name} must have shape (height, width, 3), got {array.shape}.")
    if array.dtype == np.uint8:
        return array.reshape(-1, 3) / 255.0, array.shape, array.dtype
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"{name} must be uint8 or floats in [0, 1], got {array.dtype}.")
    values = array.reshape(-1, 3).astype(np.float64)
    if not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(f"{name} as floats must be in [0, 1], got values outside, or NaN.")
    return values, array.shape, array.dtype


def _nearest(values: NDArray[np.float64], palette: NDArray[np.float64]) -> NDArray[np.intp]:
    from scipy.spatial import cKDTree

    return np.asarray(cKDTree(palette).query(values)[1], dtype=np.intp)

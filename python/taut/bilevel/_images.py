# SPDX-License-Identifier: BSD-3-Clause
"""Lower problems that denoise images, with all constants."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taut._random import generator
from taut.bilevel._regression import NativeLower
from taut.typing import RandomState

__all__ = ["FieldsOfExpertsLower", "SmoothedTVLower"]

Float64 = NDArray[np.float64]


def check_images(images: ArrayLike, name: str = "images") -> Float64:
    """Return finite images as float64 of shape (n_images, height, width), in row order.

    Raises
    ------
    ValueError
        If the shape is another, an image is narrower than two pixels, or a value is not finite.
    """
    array = np.asarray(images)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold real numbers, got dtype {array.dtype}.")
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3 or min(array.shape, default=0) < 1 or min(array.shape[1:]) < 2:
        raise ValueError(
            f"{name} must have shape (height, width) or (n_images, height, width) with at least "
            f"2 x 2 pixels, got {np.shape(images)}."
        )
    out = np.ascontiguousarray(array, dtype=np.float64)
    if not np.isfinite(out).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(out))[0])
        raise ValueError(f"{name} must be finite, got {out[where]} at {where}.")
    return out


class SmoothedTVLower(NativeLower):
    r"""Denoising by smoothed anisotropic total variation.

    ``h(x, theta) = |x - y|^2 / 2 + (e^{theta_0} / 2) sum sqrt(d^2 + nu^2)`` over the differences d
    of horizontal and vertical neighbours, ``nu = e^{theta_1}``; x is the images in one row.

    Parameters
    ----------
    images : array-like of shape (height, width) or (n_images, height, width)
        Noisy images y.

    See Also
    --------
    TVDenoiserLearner : Learns its two parameters.
    hypergradient : The derivative through it, and its source.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import SmoothedTVLower
    >>> lower = SmoothedTVLower(np.ones((4, 4)))
    >>> float(abs(lower.grad(np.ones(16), np.zeros(2))).max())
    0.0
    """

    n_theta = 2

    def __init__(self, images: ArrayLike) -> None:
        data = check_images(images)
        self.shape = data.shape
        self.n_x = data.size
        self._handle: tuple[Any, ...] = ("total_variation", data.ravel(), *data.shape)


class FieldsOfExpertsLower(NativeLower):
    r"""Denoising by fields of experts: learned filters, weights and smoothings.

    ``h(x, theta) = |x - y|^2 / 2 + (e^a / 2) sum_i e^{b_i} sum_pixels sqrt((k_i * x)^2 + nu_i^2)``
    with reflecting borders and theta = (a, b_1 .. b_K, log nu_1 .. log nu_K, taps of k_1, ...).

    Parameters
    ----------
    images : array-like of shape (height, width) or (n_images, height, width)
        Noisy images y.
    n_filters : int, default=8
    size : int, default=3
        Odd: filters are of size x size.

    Raises
    ------
    ValueError
        If the size is even or filters do not fit into the images.

    References
    ----------
    .. [1] S. Roth, M. J. Black (2009), Fields of experts, International Journal of Computer Vision
       82.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import FieldsOfExpertsLower
    >>> lower = FieldsOfExpertsLower(np.ones((8, 8)), n_filters=2, size=3)
    >>> lower.n_theta, lower.initial_theta().shape
    (23, (23,))
    """

    def __init__(self, images: ArrayLike, n_filters: int = 8, size: int = 3) -> None:
        data = check_images(images)
        if isinstance(n_filters, bool) or int(n_filters) != n_filters or n_filters < 1:
            raise ValueError(f"n_filters must be an integer >= 1, got {n_filters!r}.")
        if isinstance(size, bool) or int(size) != size or size < 1 or size % 2 == 0:
            raise ValueError(f"size must be an odd integer >= 1, got {size!r}.")
        if size // 2 >= min(data.shape[1:]):
            raise ValueError(
                f"size // 2 must be less than the sides of the images {data.shape[1:]}, got {size}."
            )
        self.shape = data.shape
        self.n_filters, self.size = int(n_filters), int(size)
        self.n_x = data.size
        self.n_theta = 1 + 2 * self.n_filters + self.n_filters * self.size**2
        self._handle: tuple[Any, ...] = (
            "fields_of_experts", data.ravel(), *data.shape, self.n_filters, self.size,
        )  # fmt: skip

    def initial_theta(self, init: str = "dct", random_state: RandomState = None) -> Float64:
        """Return a start: strengths e^-4, smoothings e^-3.5, and filters.

        Parameters
        ----------
        init : {"dct", "random"}, default="dct"
            Filters are the cosines of lowest frequency but the constant, of norm 1; or normal
            numbers less their mean, which are taken too where there are not enough cosines.
        random_state : None, int, Generator or RandomState, default=None
        """
        area = self.size**2
        taps = generator(random_state).standard_normal((self.n_filters, area)) / self.size
        taps -= taps.mean(axis=1, keepdims=True)
        if init == "dct":
            atoms = _cosines(self.size)[: self.n_filters]
            taps[: len(atoms)] = atoms
        elif init != "random":
            raise ValueError(f"init must be 'dct' or 'random', got {init!r}.")
        scalars = np.full(1 + 2 * self.n_filters, -4.0)
        scalars[0] = 0.0
        scalars[1 + self.n_filters :] = -3.5
        return np.concatenate([scalars, taps.ravel()])


def _cosines(size: int) -> Float64:
    """Products of cosines (DCT-II) but the constant, lowest frequencies first."""
    grid = np.arange(size)
    waves = np.cos(np.pi * (grid[None, :] + 0.5) * grid[:, None] / size)
    waves /= np.linalg.norm(waves, axis=1, keepdims=True)
    order = sorted(((i, j) for i in grid for j in grid if i + j), key=lambda f: (sum(f), f))
    return np.array([np.outer(waves[i], waves[j]).ravel() for i, j in order]).reshape(-1, size**2)

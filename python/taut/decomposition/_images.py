# SPDX-License-Identifier: BSD-3-Clause
"""Patches of images, and what learned filters look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares
from sklearn.utils.validation import check_array

from taut._random import generator
from taut._validation import is_integral
from taut.typing import RandomState

__all__ = ["GaborFit", "extract_patches", "gabor_fit", "orientation_selectivity", "whiten"]

Float64 = NDArray[np.float64]

#: Zero-padded side of the transform in which a filter's frequency is looked for.
_SPECTRUM = 32
#: Widths, in shares of the patch, from which a fit starts.
_START_WIDTHS = (0.12, 0.25)


def whiten(image: ArrayLike, f0: float = 0.4) -> Float64:
    """Flatten the spectrum of a natural image: mean zero, variance one.

    Multiplies by ``f exp(-(f / (2 f0))^4)``, f in units of the Nyquist frequency: the rise undoes
    the fall of natural spectra, the fall keeps the noise of the corners out.

    Parameters
    ----------
    image : array-like of shape (height, width)
    f0 : float, default=0.4
        Half the frequency at which the filter has fallen to ``1/e`` of the ramp, > 0.

    Returns
    -------
    ndarray of shape (height, width)

    Raises
    ------
    ValueError
        If the image has no variation, or f0 is not positive.

    References
    ----------
    .. [1] B. Olshausen, D. Field (1996), Nature 381, 607-609.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.decomposition import whiten
    >>> white = whiten(np.random.default_rng(0).normal(size=(16, 20)))
    >>> white.shape, round(float(white.std()), 6)
    ((16, 20), 1.0)
    """
    table = check_array(image, dtype=np.float64, input_name="image")
    if not f0 > 0:
        raise ValueError(f"f0 must be > 0, got {f0!r}.")
    rows = np.fft.fftfreq(table.shape[0]) * 2
    columns = np.fft.rfftfreq(table.shape[1]) * 2
    f = np.hypot(rows[:, None], columns[None, :])
    flat: Float64 = np.fft.irfft2(
        np.fft.rfft2(table) * f * np.exp(-((f / (2 * f0)) ** 4)), s=table.shape
    )
    flat -= flat.mean()
    size = float(flat.std())
    if not size > 1e-12 * float(np.abs(table).max()):
        raise ValueError("image has no variation to whiten.")
    return flat / size


def extract_patches(
    images: Sequence[ArrayLike],
    patch_shape: tuple[int, int],
    n_patches: int,
    *,
    remove_mean: bool = True,
    random_state: RandomState = None,
) -> Float64:
    """Patches at random places of images, as rows.

    Parameters
    ----------
    images : sequence of array-like of shape (height, width)
        Sizes may differ; an image is drawn as often as any other.
    patch_shape : tuple of two int
    n_patches : int
    remove_mean : bool, default=True
        Subtract from each patch its mean.
    random_state : None, int, Generator or RandomState, default=None

    Returns
    -------
    ndarray of shape (n_patches, height * width of a patch)

    Raises
    ------
    ValueError
        If an image is smaller than a patch, or a size is below 1.

    See Also
    --------
    SparseCoder : What it is for.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.decomposition import extract_patches
    >>> extract_patches([np.eye(8)], (3, 3), 5, random_state=0).shape
    (5, 9)
    """
    h, w = patch_shape
    if not (is_integral(h) and is_integral(w) and h >= 1 and w >= 1):
        raise ValueError(f"patch_shape must be two whole numbers >= 1, got {patch_shape!r}.")
    if not (is_integral(n_patches) and n_patches >= 1):
        raise ValueError(f"n_patches must be a whole number >= 1, got {n_patches!r}.")
    tables = [check_array(image, dtype=np.float64, input_name="images") for image in images]
    if not tables:
        raise ValueError("images is empty; give at least one.")
    for i, table in enumerate(tables):
        if table.shape[0] < h or table.shape[1] < w:
            raise ValueError(f"Image {i} of shape {table.shape} is smaller than a patch, {h, w}.")
    rng = generator(random_state)
    which = rng.integers(len(tables), size=n_patches)
    out = np.empty((n_patches, h * w))
    for i, table in enumerate(tables):
        rows = np.flatnonzero(which == i)
        top = rng.integers(table.shape[0] - h + 1, size=rows.size)
        left = rng.integers(table.shape[1] - w + 1, size=rows.size)
        windows = np.lib.stride_tricks.sliding_window_view(table, (h, w))
        out[rows] = windows[top, left].reshape(rows.size, h * w)
    if remove_mean:
        out -= out.mean(axis=1, keepdims=True)
    return out


@dataclass(frozen=True)
class GaborFit:
    """Gabor functions fitted to filters; arrays have one entry (or row) a filter.

    ``amplitude * exp(-u^2 / (2 sigma_u^2) - v^2 / (2 sigma_v^2)) cos(2 pi frequency u + phase)``
    with u along the wave and v across it, from ``center``, in pixels.

    Attributes
    ----------
    r2 : ndarray of shape (n,)
        Share of the filter's squares that is explained.
    center : ndarray of shape (n, 2)
        Row, column.
    theta : ndarray of shape (n,)
        Direction of the wave from the columns' axis, radians in [0, pi).
    frequency : ndarray of shape (n,)
        Cycles per pixel.
    phase : ndarray of shape (n,)
    sigma : ndarray of shape (n, 2)
        Along the wave, across it.
    amplitude : ndarray of shape (n,)

    See Also
    --------
    gabor_fit : Returns one.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.decomposition import gabor_fit
    >>> v, u = np.mgrid[-4:5, -4:5]
    >>> wave = np.exp(-(u**2 + v**2) / 8) * np.cos(2 * np.pi * 0.2 * u)
    >>> round(float(gabor_fit(wave.reshape(1, -1), (9, 9)).frequency[0]), 2)
    0.2
    """

    r2: Float64
    center: Float64
    theta: Float64
    frequency: Float64
    phase: Float64
    sigma: Float64
    amplitude: Float64


def _waves(parameters: Float64, rows: Float64, columns: Float64) -> Float64:
    """Envelope times cosine and sine, (pixels, 2)."""
    y, x, theta, log_frequency, log_u, log_v = parameters
    u = (columns - x) * np.cos(theta) + (rows - y) * np.sin(theta)
    v = (rows - y) * np.cos(theta) - (columns - x) * np.sin(theta)
    envelope = np.exp(-0.5 * (u * np.exp(-log_u)) ** 2 - 0.5 * (v * np.exp(-log_v)) ** 2)
    angle = 2 * np.pi * np.exp(log_frequency) * u
    return np.stack([envelope * np.cos(angle), envelope * np.sin(angle)], axis=1)


def _weights(basis: Float64, target: Float64) -> Float64:
    gram: Any = basis.T @ basis
    gram[np.diag_indices(2)] += 1e-9 * np.trace(gram) + 1e-300
    weights: Float64 = np.linalg.solve(gram, basis.T @ target)
    return weights


def _filters(atoms: ArrayLike, shape: tuple[int, int]) -> Float64:
    table = check_array(atoms, dtype=np.float64, input_name="atoms")
    if len(shape) != 2 or shape[0] * shape[1] != table.shape[1] or min(shape) < 2:
        raise ValueError(
            f"shape must be two sides >= 2 whose product is {table.shape[1]}, the length of an "
            f"atom, got {shape!r}."
        )
    return table.reshape(len(table), *shape)


def _spectra(filters: Float64) -> tuple[Float64, Float64, Float64]:
    """Power of each filter, and the frequencies of rows and columns."""
    side = max(_SPECTRUM, *filters.shape[1:])
    power: Any = np.abs(np.fft.fft2(filters, s=(side, side))) ** 2
    f: Any = np.fft.fftfreq(side)
    return power, f[:, None] + np.zeros(side), f[None, :] + np.zeros((side, 1))


def gabor_fit(atoms: ArrayLike, shape: tuple[int, int]) -> GaborFit:
    """Fit a Gabor function to each filter by least squares.

    Amplitude and phase are eliminated; the six others start at the peak of the spectrum and the
    centre of the squares, with two widths of envelope.

    Parameters
    ----------
    atoms : array-like of shape (n, height * width)
    shape : tuple of two int
        Height and width, at least 2 each.

    Returns
    -------
    GaborFit

    Raises
    ------
    ValueError
        If the shape does not fit the atoms, or an atom is zero.

    References
    ----------
    .. [1] J. P. Jones, L. A. Palmer (1987), An evaluation of the two-dimensional Gabor filter
       model of simple receptive fields in cat striate cortex, J. Neurophysiol. 58, 1233-1258.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.decomposition import gabor_fit
    >>> y, x = np.mgrid[:12, :12] - 5.5
    >>> wave = np.exp(-(x**2 + y**2) / 8) * np.cos(2 * np.pi * 0.2 * x)
    >>> bool(gabor_fit([wave.ravel()], (12, 12)).r2[0] > 0.999)
    True
    """
    filters = _filters(atoms, shape)
    h, w = filters.shape[1:]
    total = (filters**2).sum(axis=(1, 2))
    if not total.all():
        raise ValueError(f"Atom {int(total.argmin())} is zero; there is nothing to fit.")
    rows, columns = (g.ravel() for g in np.mgrid[:h, :w].astype(np.float64))
    power, fy, fx = _spectra(filters)
    found: list[tuple[float, Float64, Float64]] = []
    low, high = np.log(0.25), np.log(2.0 * max(h, w))
    bounds = (
        np.array([-1.0, -1.0, -np.inf, np.log(0.25 / max(h, w)), low, low]),
        np.array([h, w, np.inf, np.log(0.71), high, high]),
    )
    for image, spectrum, square in zip(filters, power, total, strict=True):
        peak = int(spectrum.argmax())
        frequency = max(float(np.hypot(fy.flat[peak], fx.flat[peak])), 0.5 / max(h, w))
        theta = float(np.arctan2(fy.flat[peak], fx.flat[peak]))
        target = image.ravel() / np.sqrt(square)
        share = target**2
        best: tuple[float, Float64, Float64] | None = None
        for width in _START_WIDTHS:
            sigma = np.log(width * max(h, w))
            start = np.array(
                [share @ rows, share @ columns, theta, np.log(frequency), sigma, sigma]
            )

            def residual(q: Float64, target: Float64 = target) -> Float64:
                basis = _waves(q, rows, columns)
                return target - basis @ _weights(basis, target)

            fit = least_squares(residual, start, bounds=bounds, max_nfev=60, xtol=1e-5, ftol=1e-5)
            if best is None or 2 * fit.cost < best[0]:
                best = (2 * float(fit.cost), fit.x, _weights(_waves(fit.x, rows, columns), target))
        assert best is not None
        found.append((best[0], best[1], best[2] * np.sqrt(square)))
    at = np.array([q for _, q, _ in found])
    weights = np.array([c for _, _, c in found])
    # Half a turn of theta mirrors u: the sine changes sign.
    turns = np.floor(at[:, 2] / np.pi)
    sine = np.where(turns % 2 == 0, weights[:, 1], -weights[:, 1])
    return GaborFit(
        r2=1.0 - np.array([cost for cost, _, _ in found]),
        center=at[:, :2],
        theta=at[:, 2] - turns * np.pi,
        frequency=np.exp(at[:, 3]),
        phase=np.arctan2(-sine, weights[:, 0]),
        sigma=np.exp(at[:, 4:]),
        amplitude=np.hypot(weights[:, 0], weights[:, 1]),
    )


def orientation_selectivity(atoms: ArrayLike, shape: tuple[int, int]) -> Float64:
    """How far the power of each filter lies in one orientation, from 0 (none) to 1 (all).

    Length of the mean of ``exp(2 i angle)`` over the power spectrum: one minus the circular
    variance of the orientation tuning.

    Parameters
    ----------
    atoms : array-like of shape (n, height * width)
    shape : tuple of two int

    Returns
    -------
    ndarray of shape (n,)

    See Also
    --------
    SparseCoder : What it is for.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.decomposition import orientation_selectivity
    >>> stripes = np.tile([1.0, -1.0], 32)
    >>> bool(orientation_selectivity([stripes], (8, 8))[0] > 0.9)
    True
    """
    power, fy, fx = _spectra(_filters(atoms, shape))
    turning: Any = np.exp(2j * np.arctan2(fy, fx))
    turning[0, 0] = 0.0
    total = power.sum(axis=(1, 2)) - power[:, 0, 0]
    mean = np.abs((power * turning).sum(axis=(1, 2)))
    return np.divide(mean, total, out=np.zeros_like(mean), where=total > 0)

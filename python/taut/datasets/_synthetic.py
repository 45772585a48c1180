# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy import sparse
from scipy.signal import lfilter

from taut.datasets._plans import _generator
from taut.typing import RandomState

__all__ = ["make_sparse_classification", "make_sparse_regression"]

Array = NDArray[np.float64]


def make_sparse_regression(
    n_samples: int = 100,
    n_features: int = 1000,
    *,
    rho: float | None = None,
    n_informative: int = 50,
    snr: float = 3.0,
    density: float | None = None,
    center: bool = True,
    dtype: DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Any, Array, Array]:
    """Draw a linear model with few non-zero coefficients and correlated columns.

    The columns are a stationary first-order autoregression, ``corr(x_j, x_k) = rho^|j - k|``;
    the coefficients are +1, -1, +1, ... at evenly spaced columns; the noise has variance
    ``var(X b) / snr``; the response is scaled to unit (1/n) variance.

    Parameters
    ----------
    n_samples, n_features : int
        Sizes of X, at least 1.
    rho : float, default=None
        Correlation of neighbouring columns, in (-1, 1). None is 0.5 for a dense X and 0 for a
        sparse one, whose columns are always independent.
    n_informative : int, default=50
        Number of non-zero coefficients, at most ``n_features``.
    snr : float, default=3.0
        Ratio of the variances of signal and noise, > 0; ``inf`` for no noise.
    density : float, default=None
        Share of stored entries, in (0, 1]: X becomes a CSC matrix with standard normal values at
        uniformly random places. None gives a dense X.
    center : bool, default=True
        Subtract the column means of a dense X, and the mean of y. A sparse X is never centred.
    dtype : {float64, float32}, default=float64
        Type of X; the response is computed in float64.
    random_state : int, Generator, RandomState or None, default=None
        Seed.

    Returns
    -------
    X : ndarray (Fortran order) or csc_array of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
        Unit variance.
    coef : ndarray of shape (n_features,)
        Coefficients on the scale of y.

    Raises
    ------
    ValueError
        If an argument lies outside its range.

    Examples
    --------
    >>> from taut.datasets import make_sparse_regression
    >>> X, y, coef = make_sparse_regression(50, 200, rho=0.5, n_informative=3, random_state=0)
    >>> X.shape, round(float(y.std()), 6), (coef != 0).sum()
    ((50, 200), 1.0, np.int64(3))
    """
    _check_sizes(n_samples, n_features, n_informative)
    if not snr > 0:
        raise ValueError(f"snr must be > 0, got {snr!r}.")
    rng = _generator(random_state)
    X = _design(rng, n_samples, n_features, rho, density, center)
    coef = np.zeros(n_features)
    coef[_places(n_features, n_informative)] = _alternating(n_informative)
    signal = X @ coef
    y = signal + rng.standard_normal(n_samples) * (signal.std() / np.sqrt(snr))
    if center:
        y = y - y.mean()
    scale = y.std()
    if scale > 0:
        y, coef = y / scale, coef / scale
    return X.astype(dtype, copy=False), y, coef


def make_sparse_classification(
    n_samples: int = 2000,
    n_features: int = 100,
    *,
    n_classes: int = 3,
    rho: float | None = None,
    n_informative: int = 10,
    signal: float = 2.0,
    density: float | None = None,
    dtype: DTypeLike = np.float64,
    random_state: RandomState = None,
) -> tuple[Any, NDArray[np.int64], Array]:
    """Draw classes from a multinomial logit model with few non-zero coefficients.

    Every class has ``n_informative`` coefficients of alternating sign at evenly spaced columns,
    shifted from class to class so that the supports differ. The scores of a class have standard
    deviation ``signal``; the class is the largest score plus a standard Gumbel draw, that is a
    draw from their softmax.

    Parameters
    ----------
    n_samples, n_features : int
        Sizes of X, at least 1.
    n_classes : int, default=3
        At least 2.
    rho, density, dtype, random_state
        As in :func:`make_sparse_regression`.
    n_informative : int, default=10
        Non-zero coefficients per class, at most ``n_features``.
    signal : float, default=2.0
        Standard deviation of the scores, > 0. Larger values separate the classes.

    Returns
    -------
    X : ndarray (Fortran order) or csc_array of shape (n_samples, n_features)
    y : ndarray of int64 of shape (n_samples,)
        Classes 0 to ``n_classes - 1``; a class can be missing in very small samples.
    coef : ndarray of shape (n_classes, n_features)

    Raises
    ------
    ValueError
        If an argument lies outside its range.

    Examples
    --------
    >>> from taut.datasets import make_sparse_classification
    >>> X, y, coef = make_sparse_classification(200, 20, n_informative=2, random_state=0)
    >>> X.shape, coef.shape, (coef != 0).sum(axis=1)
    ((200, 20), (3, 20), array([2, 2, 2]))
    """
    _check_sizes(n_samples, n_features, n_informative)
    if n_classes < 2:
        raise ValueError(f"n_classes must be >= 2, got {n_classes!r}.")
    if not signal > 0:
        raise ValueError(f"signal must be > 0, got {signal!r}.")
    rng = _generator(random_state)
    X = _design(rng, n_samples, n_features, rho, density, center=density is None)
    places = _places(n_features, n_informative)
    shift = np.arange(n_classes) * max(1, n_features // (n_informative * n_classes))
    coef = np.zeros((n_classes, n_features))
    columns = (places + shift[:, None]) % n_features
    np.put_along_axis(coef, columns, np.tile(_alternating(n_informative), (n_classes, 1)), axis=1)
    scores = X @ coef.T
    spread = scores.std(axis=0)
    factor = np.divide(signal, spread, out=np.ones(n_classes), where=spread > 0)
    y = np.argmax(scores * factor + rng.gumbel(size=scores.shape), axis=1).astype(np.int64)
    return X.astype(dtype, copy=False), y, coef * factor[:, None]


def _check_sizes(n_samples: int, n_features: int, n_informative: int) -> None:
    if n_samples < 1:
        raise ValueError(f"n_samples must be >= 1, got {n_samples!r}.")
    if n_features < 1:
        raise ValueError(f"n_features must be >= 1, got {n_features!r}.")
    if not 0 <= n_informative <= n_features:
        raise ValueError(
            f"n_informative must lie between 0 and n_features = {n_features}, "
            f"got {n_informative!r}."
        )


def _places(n_features: int, n_informative: int) -> NDArray[np.int64]:
    return np.linspace(0, n_features - 1, n_informative).astype(np.int64)


def _alternating(n: int) -> Array:
    return np.where(np.arange(n) % 2 == 0, 1.0, -1.0)


def _design(
    rng: np.random.Generator,
    n: int,
    p: int,
    rho: float | None,
    density: float | None,
    center: bool,
) -> Any:
    if density is not None:
        if not 0 < density <= 1:
            raise ValueError(f"density must lie in (0, 1], got {density!r}.")
        if rho not in (None, 0, 0.0):
            raise ValueError(f"rho must be None or 0 when density is given, got {rho!r}.")
        return _sparse_normal(rng, n, p, density)
    rho = 0.5 if rho is None else rho
    if not -1 < rho < 1:
        raise ValueError(f"rho must lie in (-1, 1), got {rho!r}.")
    Z = rng.standard_normal((n, p))
    Z[:, 1:] *= np.sqrt(1.0 - rho**2)  # the first column starts the recursion at unit variance
    X = np.asfortranarray(lfilter([1.0], [1.0, -rho], Z, axis=1))
    if center:
        X -= X.mean(axis=0)
    return X


def _sparse_normal(rng: np.random.Generator, n: int, p: int, density: float) -> Any:
    # Cells are numbered column by column, so sorting them sorts the rows within each column.
    cells = np.sort(rng.choice(n * p, size=round(n * p * density), replace=False))
    columns, rows = np.divmod(cells, n)
    indptr = np.searchsorted(columns, np.arange(p + 1))
    index = np.int32 if max(n, cells.size) <= np.iinfo(np.int32).max else np.int64
    values = rng.standard_normal(cells.size)
    return sparse.csc_array((values, rows.astype(index), indptr.astype(index)), shape=(n, p))

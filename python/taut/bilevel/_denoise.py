# SPDX-License-Identifier: BSD-3-Clause
"""Image denoisers that learn their parameters from pairs of noisy and clean images."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from taut.bilevel._hypergradient import check_integer, check_real
from taut.bilevel._images import FieldsOfExpertsLower, SmoothedTVLower, check_images
from taut.bilevel._maid import MAID
from taut.bilevel._regression import NativeLower
from taut.bilevel._upper import ImageMSE
from taut.exceptions import ConvergenceWarning
from taut.typing import RandomState

__all__ = ["FoEDenoiserLearner", "TVDenoiserLearner", "psnr"]

Float64 = NDArray[np.float64]

#: Steps that learn total variation, where fields of experts start from it, and the logarithm of
#: how strong their other filters are then.
_TV_STEPS = 30
_OTHERS = -2.5


def psnr(image: ArrayLike, clean: ArrayLike, data_range: float = 1.0) -> float:
    """Peak signal-to-noise ratio, ``10 log10(data_range^2 / mean squared error)``.

    Parameters
    ----------
    image, clean : array-like of the same shape
    data_range : float, default=1.0

    Returns
    -------
    float
        In dB; infinite for equal images.

    Raises
    ------
    ValueError
        If the shapes differ.

    See Also
    --------
    TVDenoiserLearner : Its ``score`` is a mean of these.
    MAID : Descent on the exact loss, and its source.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import psnr
    >>> round(psnr(np.full((2, 2), 0.1), np.zeros((2, 2))), 6)
    20.0
    """
    a, b = np.asarray(image, dtype=np.float64), np.asarray(clean, dtype=np.float64)
    if a.shape != b.shape:
        raise ValueError(f"Images must have the same shape, got {a.shape} and {b.shape}.")
    error = float(np.mean((a - b) ** 2))
    return math.inf if error == 0.0 else 10.0 * math.log10(data_range**2 / error)


class _Denoiser(BaseEstimator):
    """Learn theta by MAID on the mean squared error, apply by solving the lower problem."""

    def _lower(self, images: Float64) -> NativeLower:
        raise NotImplementedError

    def _start(self, lower: Any, noisy: Float64, clean: Float64) -> Float64:
        raise NotImplementedError

    def _options(self) -> dict[str, Any]:
        return {}

    def _fit(self, X: ArrayLike, y: ArrayLike) -> None:
        noisy, clean = check_images(X, "X"), check_images(y, "y")
        if noisy.shape != clean.shape:
            raise ValueError(
                f"X and y must have the same shape, got {noisy.shape} and {clean.shape}."
            )
        params = self.get_params()
        check_real(params["data_range"], "data_range", 0.0)
        check_integer(params["max_iter"], "max_iter")
        check_real(params["tol"], "tol", 0.0)
        scale = params["data_range"]
        lower = self._lower(noisy / scale)
        start = self._start(lower, noisy / scale, clean / scale)
        eps = 0.01 * math.sqrt(lower.n_x)
        self.maid_ = MAID(
            lower, ImageMSE(clean / scale), eps0=eps, delta0=0.01 / math.sqrt(lower.n_x),
            max_iter=params["max_iter"], tol=params["tol"], n_jobs=params["n_jobs"],
            **self._options(),
        )  # fmt: skip
        with warnings.catch_warnings():
            # Learning may end when the pictures no longer gain; the attributes say how it ended.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.maid_.fit(start, (noisy / scale).ravel())
        self.theta_: Float64 = self.maid_.theta_
        self.history_: dict[str, NDArray[Any]] = self.maid_.history_
        self.n_iter_: int = self.maid_.n_iter_
        self.converged_: bool = self.maid_.converged_
        self.stop_reason_: str = self.maid_.stop_reason_

    def predict(self, X: ArrayLike) -> Float64:
        """Denoise images.

        Parameters
        ----------
        X : array-like of shape (height, width) or (n_images, height, width)
            Of any size, in the units of those learned from.

        Returns
        -------
        ndarray of the shape of X
            Within a root mean square of ``1e-5 data_range`` of the exact minimiser.
        """
        check_is_fitted(self)
        from taut._threads import n_threads
        from taut.bilevel._adapter import Lower

        images = check_images(X, "X")
        params = self.get_params()
        scale = params["data_range"]
        out = np.empty_like(images)
        for k, image in enumerate(images / scale):
            lower = Lower(self._lower(image[None]), n_threads(params["n_jobs"]))
            tol = 1e-5 * math.sqrt(image.size) * lower.mu(self.theta_)
            x, norm, _ = lower.solve(self.theta_, image.ravel(), "auto", tol, 10_000)
            if not norm <= tol:
                warnings.warn(
                    f"Image {k} was solved to a root mean square of "
                    f"{norm / math.sqrt(image.size):.2g} only.",
                    ConvergenceWarning,
                    stacklevel=2,
                )
            out[k] = scale * x.reshape(image.shape)
        return out.reshape(np.shape(X))

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """Mean peak signal-to-noise ratio in dB of denoised images against clean ones."""
        denoised = check_images(self.predict(X))
        clean = check_images(y, "y")
        scale = self.get_params()["data_range"]
        return float(np.mean([psnr(a, b, scale) for a, b in zip(denoised, clean, strict=True)]))


class TVDenoiserLearner(_Denoiser):
    r"""Denoising by smoothed total variation, with learned strength and smoothing.

    ``argmin_x |x - y|^2 / 2 + (alpha / 2) sum sqrt(d^2 + nu^2)`` over differences d of neighbours;
    alpha and nu minimise the mean squared error on the pairs of the fit, by :class:`MAID`.

    Parameters
    ----------
    alpha_init, smoothing_init : float, default=0.05, 0.02
        Where learning starts, for images between 0 and ``data_range``; > 0.
    data_range : float, default=1.0
        Images are divided by it.
    max_iter : int, default=50
        Steps of MAID.
    tol : float, default=1e-5
        Of MAID, on the hypergradient in units of ``data_range^2``.
    n_jobs : int or None, default=None

    Attributes
    ----------
    alpha_, smoothing_ : float
        In units of ``data_range``.
    theta_ : ndarray of shape (2,)
        Their logarithms.
    maid_ : MAID
        The fit, with ``certified_`` and the bounds.
    history_ : dict of ndarrays
    n_iter_ : int
    converged_ : bool
    stop_reason_ : str

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import TVDenoiserLearner, psnr
    >>> clean = np.kron([[0.2, 0.8], [0.6, 0.4]], np.ones((12, 12)))
    >>> noisy = clean + 0.1 * np.random.default_rng(0).normal(size=clean.shape)
    >>> model = TVDenoiserLearner().fit(noisy, clean)
    >>> model.score(noisy, clean) > psnr(noisy, clean) + 8
    True
    """

    def __init__(
        self,
        *,
        alpha_init: float = 0.05,
        smoothing_init: float = 0.02,
        data_range: float = 1.0,
        max_iter: int = 50,
        tol: float = 1e-5,
        n_jobs: int | None = None,
    ) -> None:
        self.alpha_init = alpha_init
        self.smoothing_init = smoothing_init
        self.data_range = data_range
        self.max_iter = max_iter
        self.tol = tol
        self.n_jobs = n_jobs

    def _lower(self, images: Float64) -> NativeLower:
        return SmoothedTVLower(images)

    def _start(self, lower: Any, noisy: Float64, clean: Float64) -> Float64:
        alpha = check_real(self.alpha_init, "alpha_init", 0.0)
        return np.log([alpha, check_real(self.smoothing_init, "smoothing_init", 0.0)])

    def fit(self, X: ArrayLike, y: ArrayLike) -> TVDenoiserLearner:
        """Learn from noisy images X and clean ones y, both (n_images, height, width)."""
        self._fit(X, y)
        self.alpha_, self.smoothing_ = (float(v) for v in np.exp(self.theta_))
        return self


class FoEDenoiserLearner(_Denoiser):
    r"""Denoising by fields of experts, with learned filters, strengths and smoothings.

    The minimiser of :class:`FieldsOfExpertsLower`, whose parameters minimise the mean squared error
    on the pairs of the fit, by :class:`MAID` without its descent test: bounds of third derivatives
    over thousands of parameters are too wide for it. Every step is still proved to decrease the
    exact error.

    Parameters
    ----------
    n_filters : int, default=8
    size : int, default=3
        Odd.
    init : {"tv", "dct", "random"}, default="tv"
        Filters to start from: cosines of low frequency, the first two of them replaced by
        differences of neighbours with the strength and smoothing that
        :class:`TVDenoiserLearner` learns; cosines; or random numbers.
    data_range : float, default=1.0
        Images are divided by it.
    max_iter : int, default=60
    tol : float, default=1e-5
    random_state : None, int, Generator or RandomState, default=None
        For ``init="random"``.
    n_jobs : int or None, default=None

    Attributes
    ----------
    filters_ : ndarray of shape (n_filters, size, size)
    weights_, smoothings_ : ndarray of shape (n_filters,)
        ``e^{a + b_i}`` and ``nu_i``.
    theta_ : ndarray of shape (1 + n_filters * (2 + size^2),)
    maid_ : MAID
    history_ : dict of ndarrays
    n_iter_ : int
    converged_ : bool
    stop_reason_ : str

    Raises
    ------
    ValueError
        In ``fit``, if a parameter is out of its range, ``init="tv"`` has fewer than two filters or
        filters of one pixel, or the pairs differ in shape or are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.bilevel import FoEDenoiserLearner, psnr
    >>> clean = np.kron([[0.2, 0.8], [0.6, 0.4]], np.ones((12, 12)))
    >>> noisy = clean + 0.1 * np.random.default_rng(0).normal(size=clean.shape)
    >>> model = FoEDenoiserLearner(max_iter=10).fit(noisy, clean)
    >>> model.score(noisy, clean) > psnr(noisy, clean) + 4
    True
    """

    def __init__(
        self,
        *,
        n_filters: int = 8,
        size: int = 3,
        init: str = "tv",
        data_range: float = 1.0,
        max_iter: int = 60,
        tol: float = 1e-5,
        random_state: RandomState = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_filters = n_filters
        self.size = size
        self.init = init
        self.data_range = data_range
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _lower(self, images: Float64) -> NativeLower:
        return FieldsOfExpertsLower(images, self.n_filters, self.size)

    def _start(self, lower: Any, noisy: Float64, clean: Float64) -> Float64:
        if self.init != "tv":
            theta: Float64 = lower.initial_theta(self.init, self.random_state)
            return theta
        if self.n_filters < 2 or self.size < 3:
            raise ValueError(
                f"init='tv' needs n_filters >= 2 and size >= 3, got {self.n_filters} and "
                f"{self.size}."
            )
        tv = TVDenoiserLearner(max_iter=_TV_STEPS, tol=self.tol, n_jobs=self.n_jobs)
        k, middle = self.n_filters, self.size // 2
        theta = lower.initial_theta("dct", self.random_state)
        taps = theta[1 + 2 * k :].reshape(k, self.size, self.size)
        taps[:2] = 0.0
        taps[0, middle, middle : middle + 2] = taps[1, middle : middle + 2, middle] = [-1.0, 1.0]
        theta[1 : 1 + k], theta[1 + k : 1 + 2 * k] = tv.fit(noisy, clean).theta_
        theta[3 : 1 + k] += _OTHERS
        return theta

    def _options(self) -> dict[str, Any]:
        return {"check_descent": False, "step": "bb"}

    def fit(self, X: ArrayLike, y: ArrayLike) -> FoEDenoiserLearner:
        """Learn from noisy images X and clean ones y, both (n_images, height, width)."""
        self._fit(X, y)
        k = self.n_filters
        self.weights_ = np.exp(self.theta_[0] + self.theta_[1 : 1 + k])
        self.smoothings_ = np.exp(self.theta_[1 + k : 1 + 2 * k])
        self.filters_ = self.theta_[1 + 2 * k :].reshape(k, self.size, self.size).copy()
        return self

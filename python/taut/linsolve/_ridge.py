# SPDX-License-Identifier: BSD-3-Clause
"""Ridge regression along a path of strengths: a sequence of related systems."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from taut._random import generator
from taut._validation import check_response, check_weights, validate_data
from taut.linsolve._solver import RelaxationSolver
from taut.typing import MatrixLike, RandomState

__all__ = ["RidgePath"]

Float64 = NDArray[np.float64]


class RidgePath(RegressorMixin, BaseEstimator):
    r"""Ridge regression for many strengths, by a solver that learns its parameter on the way.

    For every alpha of a path,

    ``min 1 / (2 sum_i w_i) sum_i w_i (y_i - intercept - x_i' coef)^2 + alpha / 2 |coef|^2``,

    from the normal equations ``(X'WX / sum w + alpha I) coef = X'Wy / sum w``, which are one matrix
    with many shifts. Each is solved from the solution before by :class:`RelaxationSolver`, whose
    context is ``log(alpha)``; besides, for every alpha a few systems with random right-hand sides
    estimate the degrees of freedom, from which generalised cross-validation chooses ``alpha_``.

    Meant for sparse X with many columns, whose Gram matrix stays sparse and is never factorised.

    Parameters
    ----------
    alphas : array-like of shape (k,), default=None
        Strengths > 0, in any order; solved from the largest down. By default 30 from 1000 to 1e-4
        times the mean variance of a feature.
    fit_intercept : bool, default=True
    n_probes : int, default=8
        Random vectors of the estimate of degrees of freedom (Hutchinson's).
    method : {"ssor_cg", "sor", "ssor"}, default="ssor_cg"
    policy : {"cheb", "binned", "tsallis_inf", "fixed"}, default="cheb"
    tol : float, default=1e-10
        Of the systems, relative to their right-hand sides.
    max_iter : int, default=10000
    n_jobs : int or None, default=None
    random_state : None, int, Generator or RandomState, default=None

    Attributes
    ----------
    alphas_ : ndarray of shape (k,)
        Decreasing.
    coefs_ : ndarray of shape (n_features, k)
    intercepts_ : ndarray of shape (k,)
    dof_ : ndarray of shape (k,)
        Estimated degrees of freedom, the intercept's included.
    gcv_ : ndarray of shape (k,)
        ``mean squared error / (1 - dof / sum w)^2``.
    alpha_ : float
        The strength of least ``gcv_``.
    coef_ : ndarray of shape (n_features,)
    intercept_ : float
    n_iter_ : ndarray of shape (k,)
        Iterations of the systems of the coefficients.
    residuals_ : ndarray of shape (k,)
        Norms of the residuals of the normal equations.
    solver_ : RelaxationSolver
    n_features_in_ : int

    Raises
    ------
    ValueError
        If a parameter is out of its range, or X, y or weights are not what they should be.

    Warns
    -----
    ConvergenceWarning
        If a system does not reach tol.

    Notes
    -----
    scikit-learn's ``Ridge`` minimises ``sum_i w_i (..)^2 + a |coef|^2``; its ``a`` is
    ``alpha * sum w``. Weights count as repetitions in ``gcv_``.

    References
    ----------
    .. [1] G. H. Golub, M. Heath, G. Wahba (1979), Generalized cross-validation as a method for
       choosing a good ridge parameter, Technometrics 21, 215-223.
    .. [2] M. F. Hutchinson (1989), A stochastic estimator of the trace of the influence matrix,
       Communications in Statistics - Simulation and Computation 18, 1059-1076.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.linsolve import RidgePath
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 20))
    >>> y = X[:, 0] + 0.5 * rng.normal(size=60)
    >>> model = RidgePath(random_state=0).fit(X, y)
    >>> model.coefs_.shape, bool(model.score(X, y) > 0.7)
    ((20, 30), True)
    """

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012
        "alphas": ["array-like", None],
        "fit_intercept": ["boolean"],
        "n_probes": [Interval(Integral, 1, None, closed="left")],
        "method": [StrOptions({"ssor_cg", "sor", "ssor"})],
        "policy": [StrOptions({"cheb", "binned", "tsallis_inf", "fixed"})],
        "tol": [Interval(Real, 0, 1, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
    }

    coefs_: Float64
    intercepts_: Float64
    gcv_: Float64

    def __init__(
        self,
        alphas: ArrayLike | None = None,
        *,
        fit_intercept: bool = True,
        n_probes: int = 8,
        method: str = "ssor_cg",
        policy: str = "cheb",
        tol: float = 1e-10,
        max_iter: int = 10000,
        n_jobs: int | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.n_probes = n_probes
        self.method = method
        self.policy = policy
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> RidgePath:
        """Solve for every strength.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        RidgePath
            The estimator itself.
        """
        self._validate_params()
        X = validate_data(self, X, accept_sparse="csr", dtype=np.float64)
        n, p = X.shape
        target = check_response(y, n, type(self).__name__)
        weights = check_weights(sample_weight, n)
        w = np.ones(n) if weights is None else weights
        total = float(w.sum())
        # Dense columns are centred; sparse ones keep their zeros, and the intercept is an unknown.
        bordered = self.fit_intercept and sp.issparse(X)
        x_mean, y_mean = np.zeros(p), 0.0
        if self.fit_intercept:
            y_mean = float(w @ target) / total
            if not bordered:
                x_mean = (w @ X) / total
        right = target - y_mean
        Z = X if sp.issparse(X) else X - x_mean
        if bordered:
            Z = sp.hstack([Z, sp.csr_array(np.ones((n, 1)))], format="csr")
        gram = _gram(Z, w, total)
        variance = gram.diagonal()[:p]
        if bordered:
            variance = variance - np.asarray(w @ X).ravel() ** 2 / total**2
        self.alphas_ = self._grid(variance)
        penalised = np.ones(gram.shape[0])
        penalised[p:] = 0.0
        on_diagonal = sp.diags_array(penalised, format="csr")
        b = np.asarray(Z.T @ (w * right)).ravel() / total
        random = generator(self.random_state)
        signs = random.choice([-1.0, 1.0], size=(self.n_probes, gram.shape[0]))
        images = np.asarray((gram @ signs.T).T)
        self.solver_ = self._make_solver(random)
        k = self.alphas_.size
        solutions = np.zeros((k, gram.shape[0]))
        self.n_iter_, self.residuals_ = np.zeros(k, dtype=int), np.zeros(k)
        self.dof_ = np.zeros(k)
        starts = np.zeros_like(images)
        x = np.zeros(gram.shape[0])
        for j, alpha in enumerate(self.alphas_):
            A = (gram + alpha * on_diagonal).tocsr()
            context = None if self.policy in ("tsallis_inf", "fixed") else float(np.log(alpha))
            result = self.solver_.solve(A, b, context, x0=x)
            x = solutions[j] = result.x
            self.n_iter_[j], self.residuals_[j] = result.n_iter, result.residual_norm
            for i, image in enumerate(images):
                starts[i] = self.solver_.solve(b=image, context=context, x0=starts[i]).x
            self.dof_[j] = float((signs * starts).sum()) / self.n_probes
        if self.fit_intercept and not bordered:
            self.dof_ += 1.0
        self.coefs_ = np.ascontiguousarray(solutions[:, :p].T)
        intercepts = y_mean - x_mean @ self.coefs_
        self.intercepts_ = intercepts + (solutions[:, p] if bordered else 0.0)
        left = right[:, None] - np.asarray(Z @ solutions.T)
        error = (w @ left**2) / total
        # A fit that spends all its degrees of freedom says nothing about new rows.
        room = 1.0 - self.dof_ / total
        with np.errstate(divide="ignore"):
            self.gcv_ = np.where(room > 0.0, error / np.maximum(room, 0.0) ** 2, np.inf)
        best = int(np.argmin(self.gcv_))
        self.alpha_ = float(self.alphas_[best])
        self.coef_ = self.coefs_[:, best].copy()
        self.intercept_ = float(self.intercepts_[best])
        return self

    def _grid(self, variance: Float64) -> Float64:
        if self.alphas is None:
            unit = float(variance.mean())
            return np.geomspace(1e3, 1e-4, 30) * (unit if unit > 0.0 else 1.0)
        grid = np.asarray(self.alphas, dtype=np.float64)
        if grid.ndim != 1 or grid.size == 0 or not ((grid > 0) & np.isfinite(grid)).all():
            raise ValueError(f"alphas must be finite numbers > 0, got {self.alphas!r}.")
        return np.sort(grid)[::-1].copy()

    def _make_solver(self, random: np.random.Generator) -> RelaxationSolver:
        low, high = np.log(self.alphas_[-1]), np.log(self.alphas_[0])
        margin = 1e-9 * max(1.0, abs(low), abs(high))
        return RelaxationSolver(
            self.method,
            self.policy,
            context_range=(float(low - margin), float(high + margin)),
            tol=self.tol,
            max_iter=self.max_iter,
            ordering="natural",
            norm_ref="b",
            n_jobs=self.n_jobs,
            random_state=random,
        )

    def predict(self, X: MatrixLike) -> Float64:
        """Predict with the coefficients of ``alpha_``.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=np.float64, reset=False)
        return np.asarray(X @ self.coef_).ravel() + self.intercept_


def _gram(Z: Any, w: Float64, total: float) -> Any:
    """Z' W Z / sum w as a csr_array that is symmetric to the last bit, with its diagonal stored."""
    if sp.issparse(Z):
        Z = sp.csr_array(Z)
        root = sp.diags_array(np.sqrt(w / total)) @ Z
        half = sp.csr_array(root.T @ root)
    else:
        root = np.sqrt(w / total)[:, None] * Z
        half = sp.csr_array(root.T @ root)
    return sp.csr_array((half + half.T) / 2.0)

# SPDX-License-Identifier: BSD-3-Clause
"""Concomitant estimation of a linear DAG and its noise scales."""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context, clone
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from taut import _core
from taut._dag import acyclicity, check_square, cpdag
from taut._random import generator
from taut._threads import n_threads
from taut._validation import check_weights, validate_data
from taut.exceptions import ConvergenceWarning, OptionalDependencyError
from taut.graph._priors import allowed_mask, feature_index
from taut.graph._refine import refine
from taut.graph._regression import criterion, least_squares, residual_variances
from taut.metrics import varsortability
from taut.typing import RandomState

__all__ = ["CoLiDE", "Edge"]

Float64 = NDArray[np.float64]

#: Iterations that share an inverse.
_LAGS = {"paper": 1, "fast": 8, "thorough": 8}
#: Domains of the stages, iterations before the last stage and in it.
_SCHEDULES = {
    "paper": ((1.0, 0.9, 0.8, 0.7), 20_000, 70_000),
    "fast": ((1.0, 0.9, 0.8, 0.7), 20_000, 70_000),
    "thorough": ((1.0, 0.9, 0.8, 0.7, 0.6), 30_000, 60_000),
}
#: Strength of the second and third attempt of "thorough", as a share of alpha: dagma's 0.03.
_WEAKER = 0.6
#: What an int64 holds.
_MOST_ITERATIONS = 2**63 - 1
#: Largest ratio of variances for float32: beyond it residual variances are lost to rounding.
_SINGLE_RATIO = 1e5


class _Attempt(NamedTuple):
    """A solution: what was solved, in which unit, what came out, and its graph."""

    noise: str
    alpha: float
    unit: float
    raw: dict[str, Any]
    edges: NDArray[np.bool_]
    n_removed: int
    n_refined: int
    bic: float
    scale: float  # common to the residuals


class Edge(NamedTuple):
    """One edge of an estimated graph.

    Attributes
    ----------
    source, target : str or int
        Names of the columns, or their numbers.
    weight : float
        Change of the target by a unit of the source.
    standard_error : float
        Of the weight, given the graph.

    See Also
    --------
    CoLiDE : Its ``edges`` returns them.

    Examples
    --------
    >>> from taut.graph import Edge
    >>> Edge("age", "income", 0.5, 0.1).weight
    0.5
    """

    source: Any
    target: Any
    weight: float
    standard_error: float


class CoLiDE(TransformerMixin, BaseEstimator):
    r"""Linear DAG and noise scales from observations, estimated together.

    For variables ``x = W^T x + z`` with independent noise of standard deviations sigma, follows
    minima of

    ``mu * (sum_j (q_j / sigma_j + sigma_j) / 2 + alpha * ||W||_1) + h_s(W)``

    with ``q_j`` the diagonal of ``(I - W)^T C (I - W)`` and C the covariance, for falling ``mu``,
    where ``h_s`` is the log-determinant measure of cycles (:func:`acyclicity`). The scales adapt
    to the noise, so that ``alpha`` need not follow its level. The smallest weights are then cut off
    and, where cycles are left, the smallest of the rest, until there is none.

    Parameters
    ----------
    noise : {"unequal", "equal", "none"}, default="unequal"
        A scale for every variable (CoLiDE-NV), one for all (CoLiDE-EV), or scales fixed at 1 with
        the squared loss ``tr(Q) / 2``, which is DAGMA for linear models.
    alpha : float or "scaled", default=0.05
        Strength of the L1 penalty, >= 0. "scaled" is ``0.05 * sqrt(log(d) / n)`` over its value at
        d = 200, n = 1000, where the paper set 0.05; experimental.
    mu_init, mu_factor : float, default=1.0, 0.1
        Weights of the score: ``mu_init * mu_factor ** k`` in stage k; the factor in (0, 1).
    s : sequence of float or None, default=None
        Domain of ``h_s`` in each stage, > 0; its length is the number of stages. None for
        (1, 0.9, 0.8, 0.7), with 0.6 as a fifth for ``preset="thorough"``.
    warm_iter, max_iter : int or None, default=None
        Iterations in stages before the last, and in the last. None for 20,000 and 70,000, with
        ``preset="thorough"`` 30,000 and 60,000.
    lr : float, default=3e-4
        Step of Adam. Larger ones give worse graphs on hundred variables and more.
    betas : tuple of two floats, default=(0.99, 0.999)
        Decay of its moments, in [0, 1).
    tol : float, default=1e-6
        A stage ends when its objective changes by less than this share between checkpoints.
    checkpoint : int, default=1000
        Iterations between checkpoints.
    threshold : float, default=0.3
        Weights of at most this size are no edges.
    threshold_on : {"weight", "standardized"}, default="weight"
        Whether ``threshold`` is compared with ``|W_ij|``, in units of j per unit of i, or with
        ``|W_ij| sd_i / sd_j``, which has no units.
    preset : {"paper", "fast", "thorough"}, default="paper"
        "paper" makes an inverse in every iteration; "fast" in every eighth, with Adam's moments and
        steps in float32 beside weights and covariance in float64: graphs of the same quality (the
        docs have the measurement), not the same iterates. "thorough" iterates like "fast" on
        dagma's longer schedule, refines, and keeps the graph with the least ``bic_`` of several
        attempts: with ``alpha``, with 0.6 of it, for unequal scales with equal ones, and with one
        scale fixed at what the best so far leaves. The best graphs, in five to ten times the time.
    refine : bool or None, default=None
        Add, remove and turn single edges of the graph as long as its ``bic_`` falls; an edge is
        added only with a weight above the threshold. Much better graphs in next to no time. Not
        part of the paper's method; None for ``preset="thorough"`` alone. Needs ``refit``.
    refit : bool, default=True
        Estimate the weights of the chosen edges by least squares, with standard errors. Otherwise
        they stay shrunken.
    forbidden, allowed : list of (source, target) or bool mask of shape (d, d), default=None
        Edges that cannot be, or those that alone can be, by column number or name.
    tiers : list of lists of features, default=None
        A partition of the features: no edge leads from a later to an earlier list.
    rescale : {None, "min"}, default=None
        "min" divides X by the smallest standard deviation before the fit and multiplies the scales
        back, so that a change of unit common to all variables does not matter; experimental.
    dtype : {"float64", "float32"}, default="float64"
        Of the iteration. float32 is faster and refused where variances differ by more than 1e5:
        there it loses the residual variances.
    n_jobs : int or None, default=None
        Threads. The result has the same bits for any number of them.
    warn_varsortability : bool, default=True
        Warn when ``noise="equal"`` meets variables of unit variance.

    Attributes
    ----------
    weights_ : ndarray of shape (d, d)
        W before thresholding; not the matrix of a DAG.
    adjacency_ : ndarray of shape (d, d)
        Weights of the DAG; entry (i, j) is the edge i -> j, in units of j per unit of i.
    standard_errors_ : ndarray of shape (d, d)
        Of the least-squares weights, NaN elsewhere and for ``refit=False``.
    noise_scale_ : ndarray of shape (d,)
        Standard deviations of what ``adjacency_`` leaves, in units of the variables; equal entries
        for ``noise="equal"``.
    sigma_ : ndarray of shape (d,)
        Scales that go with ``weights_``.
    order_ : ndarray of shape (d,)
        A topological order.
    n_edges_ : int
    objective_path_ : ndarray of shape (n_checkpoints,)
        Objective at each checkpoint; ``objective_iter_`` has the iterations before it.
    h_path_ : ndarray of shape (n_stages,)
        Measure of cycles at the end of each stage.
    n_iter_ : int
        In all stages; ``stage_n_iter_`` of shape (n_stages,) has those of each stage.
    bic_ : ndarray of shape (n_attempts,)
        Bayesian information criterion of the graph of each attempt, with weights by least squares:
        ``n * sum_j log(variance_j) + log(n) * edges``. What else is stored is of the attempt with
        the least.
    n_refined_ : int
        Changes by ``refine``.
    converged_ : bool
        Whether the last stage ended by ``tol``.
    domain_restarts_ : int
        Stages begun again with a larger s, because W had left the domain.
    stop_crit_ : float
        Largest derivative over the weights above 1e-3, as a share of the last mu, computed from
        the final W.
    n_removed_ : int
        Edges above the threshold that were removed because of cycles, before ``refine``.
    mean_ : ndarray of shape (d,)
    varsortability_ : float
        Share of paths of ``adjacency_`` along which the variance rises (:func:`varsortability`).
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (d,)
        Only for data with column names.

    Raises
    ------
    ValueError
        If X has NaN, infinity, a constant column, fewer than two rows or columns, or a parameter
        is out of its range.

    Warns
    -----
    ConvergenceWarning
        If the last stage ends at ``max_iter``.

    Notes
    -----
    With Gaussian noise of unequal scales the direction of an edge can be told only up to Markov
    equivalence: :meth:`cpdag` has what is identified. With equal scales it can be told from the
    variances, which standardising X destroys. In simulated data variances mostly rise along the
    edges, and sorting by them does nearly as well; ``varsortability_`` says how much of that there
    is.

    The score is not invariant to units: its loss is proportional to the scale of X, the penalty is
    not. One DAG from one sample looks more certain than it is; :meth:`edge_stability` helps.

    An iteration costs ``2 d^3`` flops for a product with C, ``4 n d^2`` when ``n < d / 2``, and
    ``2 d^3`` for an inverse. With "fast" most products, and the inverses, are made in float32;
    where variances differ so much that residual variances would suffer, products stay in float64.

    Deviation: the scales have a floor at a hundredth of the smallest standard deviation, without
    which duplicated columns divide by zero. The domain is tested by the pivots of the
    factorisation, not by the signs of the inverse; the two agree but for rounding.

    References
    ----------
    .. [1] S. S. Saboksayr, G. Mateos, M. Tepper (2024), CoLiDE: Concomitant linear DAG estimation,
       ICLR, arXiv 2310.02895, eq. (2), (7) and section 4.
    .. [2] K. Bello, B. Aragam, P. Ravikumar (2022), DAGMA: Learning DAGs via M-matrices and a
       log-determinant acyclicity characterization, NeurIPS.

    Examples
    --------
    >>> import numpy as np
    >>> from taut.graph import CoLiDE
    >>> rng = np.random.default_rng(0)
    >>> cause = rng.normal(size=1000)
    >>> X = np.column_stack([cause, 1.5 * cause + rng.normal(size=1000)])
    >>> model = CoLiDE(noise="equal").fit(X)
    >>> model.adjacency_.round(2)
    array([[0.  , 1.56],
           [0.  , 0.  ]])
    """

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012
        "noise": [StrOptions({"equal", "unequal", "none"})],
        "alpha": [Interval(Real, 0, None, closed="left"), StrOptions({"scaled"})],
        "mu_init": [Interval(Real, 0, None, closed="neither")],
        "mu_factor": [Interval(Real, 0, 1, closed="neither")],
        "s": ["array-like", None],
        "warm_iter": [Interval(Integral, 1, _MOST_ITERATIONS, closed="both"), None],
        "max_iter": [Interval(Integral, 1, _MOST_ITERATIONS, closed="both"), None],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "betas": ["array-like"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "checkpoint": [Interval(Integral, 1, None, closed="left")],
        "threshold": [Interval(Real, 0, None, closed="left")],
        "threshold_on": [StrOptions({"weight", "standardized"})],
        "preset": [StrOptions(set(_LAGS))],
        "refine": ["boolean", None],
        "refit": ["boolean"],
        "forbidden": [list, tuple, set, np.ndarray, None],
        "allowed": [list, tuple, set, np.ndarray, None],
        "tiers": [list, tuple, None],
        "rescale": [StrOptions({"min"}), None],
        "dtype": [StrOptions({"float64", "float32"})],
        "n_jobs": [Integral, None],
        "warn_varsortability": ["boolean"],
    }

    n_features_in_: int
    feature_names_in_: NDArray[Any]

    def __init__(
        self,
        noise: str = "unequal",
        *,
        alpha: float | str = 0.05,
        mu_init: float = 1.0,
        mu_factor: float = 0.1,
        s: Sequence[float] | None = None,
        warm_iter: int | None = None,
        max_iter: int | None = None,
        lr: float = 3e-4,
        betas: tuple[float, float] = (0.99, 0.999),
        tol: float = 1e-6,
        checkpoint: int = 1000,
        threshold: float = 0.3,
        threshold_on: str = "weight",
        preset: str = "paper",
        refine: bool | None = None,
        refit: bool = True,
        forbidden: Any = None,
        allowed: Any = None,
        tiers: Any = None,
        rescale: str | None = None,
        dtype: str = "float64",
        n_jobs: int | None = None,
        warn_varsortability: bool = True,
    ) -> None:
        self.noise = noise
        self.alpha = alpha
        self.mu_init = mu_init
        self.mu_factor = mu_factor
        self.s = s
        self.warm_iter = warm_iter
        self.max_iter = max_iter
        self.lr = lr
        self.betas = betas
        self.tol = tol
        self.checkpoint = checkpoint
        self.threshold = threshold
        self.threshold_on = threshold_on
        self.preset = preset
        self.refine = refine
        self.refit = refit
        self.forbidden = forbidden
        self.allowed = allowed
        self.tiers = tiers
        self.rescale = rescale
        self.dtype = dtype
        self.n_jobs = n_jobs
        self.warn_varsortability = warn_varsortability

    # ------------------------------------------------------------------------------------ fitting

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        W_init: ArrayLike | None = None,
    ) -> CoLiDE:
        """Estimate the graph from data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            At least two rows and two columns, none of them constant. Centred here, not scaled.
        y : ignored
        sample_weight : array-like of shape (n_samples,), optional
            Weights >= 0 of any scale; integer weights equal repeated rows. Standard errors take
            ``sum(w)^2 / sum(w^2)`` for the number of samples.
        W_init : array-like of shape (d, d), optional
            Start of the first stage, inside the domain of ``s[0]``.

        Returns
        -------
        CoLiDE
            The estimator itself.
        """
        data: Float64 = validate_data(
            self, X, dtype=np.float64, ensure_min_samples=2, ensure_min_features=2
        )
        weights = check_weights(sample_weight, data.shape[0])
        if weights is None:
            weights = np.full(data.shape[0], 1.0 / data.shape[0])
        else:
            kept = weights > 0
            data, weights = data[kept], weights[kept] / weights.sum()
        constant = np.flatnonzero(data.max(axis=0) == data.min(axis=0))
        if constant.size:
            raise ValueError(f"{self._named(int(constant[0]))} has zero variance; leave it out.")
        mean: Float64 = weights @ data
        rows: Float64 = np.asfortranarray((data - mean) * np.sqrt(weights)[:, None])
        thin = 2 * rows.shape[0] < rows.shape[1]
        cov = rows.T @ rows
        return self._fit(cov, mean, 1.0 / float(weights @ weights), W_init, rows if thin else None)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_cov(
        self,
        cov: ArrayLike,
        n_samples: float,
        feature_names: Sequence[str] | None = None,
        W_init: ArrayLike | None = None,
    ) -> CoLiDE:
        """Estimate the graph from a covariance.

        Parameters
        ----------
        cov : array-like of shape (d, d)
            Symmetric and positive semidefinite, with divisor n.
        n_samples : float
            Number of samples behind it, >= 2, for standard errors and ``alpha="scaled"``.
        feature_names : sequence of str, optional
        W_init : array-like of shape (d, d), optional

        Returns
        -------
        CoLiDE
            The estimator itself; ``mean_`` is zero.

        Raises
        ------
        ValueError
            If cov is not symmetric or has an eigenvalue below ``-1e-8 * trace(cov) / d``.
        """
        matrix = check_square(cov, "cov")
        d = matrix.shape[0]
        if d < 2:
            raise ValueError(f"cov must have at least 2 rows, got {d}.")
        if not (np.isfinite(n_samples) and n_samples >= 2):
            raise ValueError(f"n_samples must be >= 2, got {n_samples!r}.")
        if hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        self.n_features_in_ = d
        if feature_names is not None:
            names = np.asarray(feature_names, dtype=object)
            if names.shape != (d,):
                raise ValueError(f"feature_names must have length {d}, got {names.size}.")
            self.feature_names_in_ = names
        zero = np.flatnonzero(np.diag(matrix) == 0)
        if zero.size:
            raise ValueError(f"{self._named(int(zero[0]))} has zero variance; leave it out.")
        tolerance = 1e-8 * max(float(np.trace(matrix)) / d, 0.0)
        gap = float(np.abs(matrix - matrix.T).max())
        if gap > tolerance:
            raise ValueError(f"cov must be symmetric, got entries that differ by {gap:.3g}.")
        matrix = (matrix + matrix.T) / 2
        least = float(np.linalg.eigvalsh(matrix)[0])
        if least < -tolerance:
            raise ValueError(
                f"cov must be positive semidefinite, got an eigenvalue of {least:.3g}."
            )
        return self._fit(matrix, np.zeros(d), float(n_samples), W_init, None)

    def _fit(
        self, cov: Float64, mean: Float64, n: float, W_init: Any, rows: Float64 | None
    ) -> CoLiDE:
        d = cov.shape[0]
        variances = np.diag(cov).copy()
        domain, betas = self._checked_sequences()
        mask = allowed_mask(self.forbidden, self.allowed, self.tiers, self._names, d)
        if self.dtype == "float32" and variances.max() > _SINGLE_RATIO * variances.min():
            raise ValueError(
                f"dtype='float32' needs variances within a factor of {_SINGLE_RATIO:g}, got "
                f"{variances.max() / variances.min():.3g}; use dtype='float64'."
            )
        if self.refine and not self.refit:
            raise ValueError(
                "refine=True needs refit=True: edges that it adds have no other weight."
            )
        start = self._checked_start(W_init, mask, domain[0])
        if (
            self.warn_varsortability
            and self.noise == "equal"
            and np.abs(variances - 1).max() < 2 / n + 1e-6
        ):
            warnings.warn(
                "Every variable has variance 1. Equal noise scales show directions by variances "
                "alone, which standardising removes; give the variables in their units, or use "
                "noise='unequal'.",
                UserWarning,
                stacklevel=5,
            )
        unit = math.sqrt(float(variances.min())) if self.rescale == "min" else 1.0
        _, warm_iter, max_iter = _SCHEDULES[self.preset]
        warm_iter = warm_iter if self.warm_iter is None else self.warm_iter
        max_iter = max_iter if self.max_iter is None else self.max_iter
        stages = np.arange(domain.size)
        limits = np.where(stages == domain.size - 1, max_iter, warm_iter)
        mu: Float64 = float(self.mu_init) * np.power(float(self.mu_factor), stages)
        allowed = None if mask is None else np.asfortranarray(mask, dtype=np.uint8)

        def attempt(noise: str, alpha: float, unit: float) -> _Attempt:
            raw = _core.graph_colide(
                np.asfortranarray(cov / unit**2),
                None if rows is None else np.asfortranarray(rows / unit),
                noise=noise,
                alpha=alpha,
                mu=mu,
                s=domain,
                max_iter=limits.astype(np.int64),
                lr=float(self.lr),
                beta1=betas[0],
                beta2=betas[1],
                tol=float(self.tol),
                checkpoint=int(self.checkpoint),
                inverse_lag=_LAGS[self.preset],
                allowed=allowed,
                start=start,
                single=self.dtype == "float32",
                float_steps=self.preset != "paper",
                n_threads=n_threads(self.n_jobs),
            )
            return _Attempt(noise, alpha, unit, raw, *self._graph(raw["weights"], cov, n, mask))

        alpha = self._strength(d, n)
        attempts = [attempt(self.noise, alpha, unit)]
        if self.preset == "thorough" and self.noise != "none":
            attempts.append(attempt(self.noise, _WEAKER * alpha, unit))
            if self.noise == "unequal":
                attempts.append(attempt("equal", alpha, unit))
            scale = min(attempts, key=lambda one: one.bic).scale
            if scale > 0:
                attempts.append(attempt("none", _WEAKER * alpha, scale))
        self.bic_ = np.array([one.bic for one in attempts])
        best = attempts[int(np.argmin(self.bic_))]
        noise, alpha, unit, raw = best.noise, best.alpha, best.unit, best.raw
        weights = raw["weights"]
        at_end = _core.graph_objective(
            np.asfortranarray(cov / unit**2),
            weights, raw["sigma"], noise, alpha, float(mu[-1]), float(raw["s"][-1]),
        )  # fmt: skip
        free = np.abs(weights) > 1e-3
        gradient = np.abs(at_end["gradient"][free])
        self.stop_crit_ = float(gradient.max(initial=0.0)) / float(mu[-1])
        self.weights_ = np.ascontiguousarray(weights)
        self.sigma_ = raw["sigma"] * unit
        self.objective_path_ = raw["objective"]
        self.objective_iter_ = raw["objective_iter"]
        self.h_path_ = raw["h"]
        self.n_iter_ = int(raw["n_iter"].sum())
        self.stage_n_iter_ = raw["n_iter"]
        self.converged_ = bool(raw["converged"][-1])
        self.domain_restarts_ = int(raw["restarts"].sum())
        self.mean_ = mean
        if not self.converged_:
            path = self.objective_path_
            last = abs(path[-1] / path[-2] - 1) if path.size > 1 else np.inf
            warnings.warn(
                f"CoLiDE stopped after {self.stage_n_iter_[-1]} iterations of its last stage; the "
                f"objective last changed by {last:.1e}, tol = {self.tol:.1e}. Raise max_iter or "
                "tol.",
                ConvergenceWarning,
                stacklevel=5,
            )
        self._store_graph(best, cov, n)
        return self

    @property
    def _refines(self) -> bool:
        return self.preset == "thorough" and self.refit if self.refine is None else self.refine

    def _graph(
        self, weights: Float64, cov: Float64, n: float, mask: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.bool_], int, int, float, float]:
        """Threshold, remove cycles, refine: the last five fields of an attempt."""
        units = np.ones_like(cov)
        if self.threshold_on == "standardized":
            deviation = np.sqrt(np.diag(cov))
            units = deviation[:, None] / deviation[None, :]
        pruned = _core.graph_prune(np.asfortranarray(weights * units), float(self.threshold))
        start = pruned["edges"].astype(bool)
        common = self.noise != "unequal"
        found = [(criterion(cov, n, start, common), start, 0)]
        # Down the criterion at once, or first down the other one: two ways to a minimum.
        for way in ((common,), (not common, common)) if self._refines else ():
            edges, moves = start, 0
            for equal in way:
                edges, more = refine(
                    cov, n, edges, equal=equal, threshold=self.threshold / units, allowed=mask
                )
                moves += more
            found.append((criterion(cov, n, edges, common), edges, moves))
        (bic, scale), edges, moves = min(found, key=lambda one: one[0][0])
        return edges, int(pruned["n_removed"]), moves, bic, scale

    def _store_graph(self, best: _Attempt, cov: Float64, n: float) -> None:
        """Everything that depends on the edges."""
        edges = best.edges
        self.n_removed_, self.n_refined_ = best.n_removed, best.n_refined
        self.order_ = _core.graph_order(np.asfortranarray(edges, dtype=np.uint8))
        if self.refit:
            self.adjacency_, self.standard_errors_ = least_squares(cov, edges, n)
        else:
            self.adjacency_ = np.where(edges, self.weights_, 0.0)
            self.standard_errors_ = np.full(edges.shape, np.nan)
        self.n_edges_ = int(np.count_nonzero(self.adjacency_))
        residual = residual_variances(cov, self.adjacency_)
        if self.noise == "equal":
            residual = np.full(residual.size, residual.mean())
        self.noise_scale_ = np.sqrt(residual)
        self.varsortability_ = varsortability(np.diag(cov), edges)

    def _checked_sequences(self) -> tuple[Float64, tuple[float, float]]:
        given = _SCHEDULES[self.preset][0] if self.s is None else self.s
        domain = np.array(given, dtype=np.float64, ndmin=1)
        if domain.ndim != 1 or domain.size == 0 or not np.all(np.isfinite(domain) & (domain > 0)):
            raise ValueError(f"s must hold at least one number, all > 0, got {self.s!r}.")
        betas = np.asarray(self.betas, dtype=np.float64)
        if betas.shape != (2,) or not np.all((betas >= 0) & (betas < 1)):
            raise ValueError(f"betas must be two numbers in [0, 1), got {self.betas!r}.")
        return domain, (float(betas[0]), float(betas[1]))

    def _checked_start(self, W_init: Any, mask: Any, s: float) -> Float64 | None:
        if W_init is None:
            return None
        start = check_square(W_init, "W_init")
        d = self.n_features_in_
        if start.shape != (d, d):
            raise ValueError(f"W_init must have shape ({d}, {d}), got {start.shape}.")
        if not np.isfinite(acyclicity(start, s)[0]):
            raise ValueError(
                f"W_init lies outside the domain of s = {s:g}: s I - W_init * W_init is no "
                "M-matrix. Shrink it or raise s[0]."
            )
        if mask is not None and start[~mask].any():
            i, j = np.argwhere((start != 0) & ~mask)[0]
            raise ValueError(f"W_init has an edge {i} -> {j}, which is not allowed.")
        return start

    def _strength(self, d: int, n: float) -> float:
        if self.alpha == "scaled":
            return 0.05 * math.sqrt(math.log(d) / n) / math.sqrt(math.log(200) / 1000)
        return float(self.alpha)

    @property
    def _names(self) -> Sequence[str] | None:
        return getattr(self, "feature_names_in_", None)

    def _named(self, j: int) -> str:
        return f"feature {j}" if self._names is None else f"feature {self._names[j]!r}"

    # ------------------------------------------------------------------------- what the fit says

    def transform(self, X: ArrayLike) -> Float64:
        """Return the estimated noise of samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            ``(X - mean_) (I - adjacency_)``.
        """
        check_is_fitted(self)
        data: Float64 = validate_data(self, X, dtype=np.float64, reset=False)
        centred: Float64 = data - self.mean_
        return centred - centred @ self.adjacency_

    def score(self, X: ArrayLike, y: Any = None) -> float:
        """Return the mean Gaussian log-likelihood of a sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        float
            Infinite where the graph leaves a variable no noise.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            z = self.transform(X) / self.noise_scale_
            logs = 2 * np.log(self.noise_scale_) + math.log(2 * math.pi)
            return float(-0.5 * np.mean(np.sum(z * z + logs, axis=1)))

    def total_effects(self) -> Float64:
        """Return the effect on j of setting i one unit higher, over all directed paths.

        Returns
        -------
        ndarray of shape (d, d)
            ``inv(I - adjacency_) - I``.
        """
        check_is_fitted(self)
        identity = np.eye(self.n_features_in_)
        return np.linalg.inv(identity - self.adjacency_) - identity

    def cpdag(self) -> NDArray[np.bool_]:
        """Return what the Markov equivalence class of the graph agrees on.

        Returns
        -------
        ndarray of bool of shape (d, d)
            See :func:`taut.graph.cpdag`.
        """
        check_is_fitted(self)
        return cpdag(self.adjacency_)

    def sample(self, n_samples: int = 1, random_state: RandomState = None) -> Float64:
        """Draw from the fitted model with Gaussian noise.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, Generator, RandomState or None, default=None

        Returns
        -------
        ndarray of shape (n_samples, d)
        """
        return self.intervene({}, n_samples, random_state)

    def intervene(
        self, values: dict[Any, float], n_samples: int = 1, random_state: RandomState = None
    ) -> Float64:
        """Draw from the model with some variables held at values.

        Parameters
        ----------
        values : dict of feature (number or name) to float
            The equations of these variables are replaced by the values.
        n_samples : int, default=1
        random_state : int, Generator, RandomState or None, default=None

        Returns
        -------
        ndarray of shape (n_samples, d)

        Raises
        ------
        ValueError, TypeError
            If a feature is unknown or a value is not finite.
        """
        check_is_fitted(self)
        if isinstance(n_samples, bool) or not isinstance(n_samples, Integral) or n_samples < 1:
            raise ValueError(f"n_samples must be an integer >= 1, got {n_samples!r}.")
        d = self.n_features_in_
        noise = generator(random_state).standard_normal((int(n_samples), d)) * self.noise_scale_
        weights = self.adjacency_.copy()
        for feature, value in values.items():
            j = feature_index(feature, self._names, d)
            if not np.isfinite(value):
                raise ValueError(f"The value of {self._named(j)} must be finite, got {value!r}.")
            weights[:, j] = 0.0
            noise[:, j] = float(value) - self.mean_[j]
        draws = np.linalg.solve((np.eye(d) - weights).T, noise.T).T + self.mean_
        for feature, value in values.items():
            draws[:, feature_index(feature, self._names, d)] = float(value)
        return np.ascontiguousarray(draws)

    def to_edges(self) -> list[Edge]:
        """Return the edges, largest weight first.

        Returns
        -------
        list of Edge
            (source, target, weight, standard error), by name where there are names.
        """
        check_is_fitted(self)
        d = self.n_features_in_
        names = list(range(d)) if self._names is None else [str(name) for name in self._names]
        found = [
            Edge(
                names[i], names[j], float(self.adjacency_[i, j]), float(self.standard_errors_[i, j])
            )
            for i, j in np.argwhere(self.adjacency_ != 0)
        ]
        return sorted(found, key=lambda edge: -abs(edge.weight))

    def to_networkx(self) -> Any:
        """Return a ``networkx.DiGraph`` with weights of edges and noise scales of nodes.

        Raises
        ------
        OptionalDependencyError
            If networkx is not installed.
        """
        check_is_fitted(self)
        try:
            networkx: Any = importlib.import_module("networkx")
        except ImportError as error:
            raise OptionalDependencyError("CoLiDE.to_networkx", "networkx") from error
        out = networkx.DiGraph()
        names = range(self.n_features_in_) if self._names is None else self._names
        for name, scale in zip(names, self.noise_scale_, strict=True):
            out.add_node(name, noise_scale=float(scale))
        for edge in self.to_edges():
            out.add_edge(
                edge.source, edge.target, weight=edge.weight, standard_error=edge.standard_error
            )
        return out

    def edge_stability(
        self,
        X: ArrayLike,
        n_boot: int = 50,
        frac: float = 0.5,
        random_state: RandomState = None,
    ) -> Float64:
        """Fit random subsamples and count how often each edge is found.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        n_boot : int, default=50
            Subsamples, each drawn without replacement.
        frac : float, default=0.5
            Share of the rows in each, in (0, 1].
        random_state : int, Generator, RandomState or None, default=None

        Returns
        -------
        ndarray of shape (d, d)
            Share of the subsamples with the edge i -> j. ``n_jobs`` of them are fitted at once,
            each by one thread.

        Raises
        ------
        ValueError
            If ``n_boot`` or ``frac`` is out of its range, or a subsample has fewer than two rows.
        """
        if isinstance(n_boot, bool) or not isinstance(n_boot, Integral) or n_boot < 1:
            raise ValueError(f"n_boot must be an integer >= 1, got {n_boot!r}.")
        if not 0 < frac <= 1:
            raise ValueError(f"frac must be in (0, 1], got {frac!r}.")
        rows = validate_data(
            clone(self), X, dtype=np.float64, ensure_min_samples=2, ensure_min_features=2
        )
        names = getattr(X, "columns", None)
        size = int(frac * rows.shape[0])
        if size < 2:
            raise ValueError(f"frac = {frac:g} of {rows.shape[0]} rows leaves fewer than two.")
        rng = generator(random_state)
        parts = [rng.choice(rows.shape[0], size, replace=False) for _ in range(int(n_boot))]
        model = clone(self).set_params(n_jobs=None, warn_varsortability=False)
        model.set_params(refit=self._refines)

        def fit(part: NDArray[np.intp]) -> tuple[NDArray[np.bool_], bool]:
            sample: Any = rows[part]
            if names is not None:
                import pandas as pd

                sample = pd.DataFrame(sample, columns=names)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                one = clone(model).fit(sample)
            return one.adjacency_ != 0, one.converged_

        from joblib import Parallel, delayed

        workers = n_threads(self.n_jobs)
        found = Parallel(n_jobs=workers, prefer="threads")(delayed(fit)(part) for part in parts)
        stopped = sum(not done for _, done in found)
        if stopped:
            warnings.warn(
                f"{stopped} of {n_boot} fits of subsamples stopped at max_iter. Raise max_iter or "
                "tol.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return np.mean([edges for edges, _ in found], axis=0)

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Release 0.1.0 had no `refine`.
        super().__setstate__({"refine": None, **state})

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "adjacency_") and hasattr(self, "varsortability_")

    @property
    def _n_features_out(self) -> int:
        return int(self.n_features_in_)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Names of the columns of :meth:`transform`: those of the input."""
        from sklearn.utils.validation import _check_feature_names_in

        check_is_fitted(self)
        return _check_feature_names_in(self, input_features)

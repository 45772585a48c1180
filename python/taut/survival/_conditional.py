# SPDX-License-Identifier: BSD-3-Clause
"""Kaplan-Meier curves that depend on covariates (Beran)."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from taut import _core
from taut._random import generator
from taut._threads import n_threads
from taut._validation import is_real, validate_data
from taut.survival._censoring import TIE_RULES
from taut.survival._surv import (
    Censored,
    Float64,
    check_censored,
    check_weights,
    choice,
    distinct_times,
    snap,
    times_passed,
)
from taut.typing import MatrixLike, RandomState

KERNELS = ("gaussian", "epanechnikov", "biweight", "knn")
#: Bandwidths tried, in units of the rate ``n ** (-1 / (d + 4))``.
MULTIPLES = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
#: With more records, cross-validation looks at as many random ones, and at fewer times.
CV_RECORDS, CV_TIMES = 2000, 500
#: Beyond as many features a neighbourhood is empty or holds everyone.
MANY_FEATURES = 5


class _Sorted(NamedTuple):
    """Training records in the order of the kernel, and the place there of each one as given."""

    X: Float64  # standardised
    weight: Float64
    jump: NDArray[np.uint8]
    rank: NDArray[np.intp]  # number of the distinct time
    place: NDArray[np.intp]

    @property
    def records(self) -> tuple[Float64, Float64, NDArray[np.uint8]]:
        return self.X, self.weight, self.jump


class ConditionalKaplanMeier(BaseEstimator):
    r"""Survival curve at a point x, from records weighted by their distance from x.

    ``S(t | x) = prod over t_j <= t of (1 - sum_{i in D_j} K_i / sum_{i in R_j} K_i)``, where D_j
    are the records with an event at t_j, R_j those at risk, and ``K_i = K(|x - x_i| / h)`` with
    distances in standard deviations of each column. A factor ``0 / 0`` counts as 1.

    Parameters
    ----------
    bandwidth : {'cv', 'scott'} or float, default='cv'
        Radius h > 0. 'scott' is ``1.5 n ** (-1 / (d + 4))`` for d features; 'cv' chooses among 0.25
        to 10 times ``n ** (-1 / (d + 4))`` by how well the curve at each record, made without it,
        foretells whether the record lasts beyond the other records' times, where that is known.
        ``inf`` is the ordinary Kaplan-Meier curve. For 'knn' the number of neighbours,
        where 'scott' is ``n ** (4 / (d + 4))`` and 'cv' tries 0.25 to 10 times that.
    kernel : {'gaussian', 'epanechnikov', 'biweight', 'knn'}, default='gaussian'
        ``exp(-u**2 / 2)``, ``max(0, 1 - u**2)``, or the square of the latter, of the joint
        distance u; 'knn' is the biweight with the distance to the k-th neighbour as radius.
    kernel_features : array-like of int, str or bool, optional
        Columns that enter the distance; all by default. More than 5 are too many.
    target : {'event', 'censoring'}, default='event'
        Whose curve: that of the event times, or that of the censoring times.
    tie_rule : {'events_first', 'reverse'}, default='events_first'
        For the censoring curve: whether events at a time have left when censorings happen. Events
        leave before censorings in the curve of the event times.
    tie_tol : {'ulp', 'r', 0}, default='ulp'
        As in :class:`KaplanMeier`.
    random_state : int, Generator, RandomState or None, default=0
        Of the records that cross-validation looks at, if there are more than 2000.
    n_jobs : int or None, default=None
        Threads; results are the same bits for any number.

    Attributes
    ----------
    bandwidth_ : float
    scale_ : ndarray of shape (n_kernel_features,)
        Weighted standard deviations (1 for constant columns); the radius in column k is
        ``bandwidth_ * scale_[k]``.
    cv_bandwidths_, cv_scores_ : ndarray of shape (n_bandwidths,) or None
        Bandwidths tried and their mean squared errors.
    time_ : ndarray of shape (n_times,)
        Distinct times of the records.
    kernel_features_ : ndarray of shape (n_kernel_features,)
        Numbers of the columns that enter the distance.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)
        If X was a data frame with text column names.

    Raises
    ------
    ValueError
        If X is not finite or has no column, a bandwidth is not positive, an option or a column is
        unknown, or y is wrong (see :class:`KaplanMeier`) or has entry times.

    Notes
    -----
    One walk over the records for 16 points at a time: O(n_points n_records n_features) time, no
    matrix of distances. Cross-validation computes each distance once for all bandwidths.

    References
    ----------
    .. [1] R. Beran (1981), Nonparametric regression with randomly censored survival data, Technical
       report, University of California, Berkeley.
    .. [2] D. M. Dabrowska (1989), Uniform consistency of the kernel conditional Kaplan-Meier
       estimate, Ann. Stat. 17, 1157-1167.
    .. [3] C. Geerdens, E. F. Acar, P. Janssen (2018), Conditional copula models for right-censored
       clustered event time data, Biostatistics 19, 247-262: the criterion of 'cv'.

    Examples
    --------
    >>> from taut.datasets import load_lung
    >>> from taut.survival import ConditionalKaplanMeier
    >>> lung = load_lung()
    >>> model = ConditionalKaplanMeier(bandwidth=0.5).fit(lung.data[:, 1:2], lung.y)  # age
    >>> model.predict_survival_function([[50.0], [75.0]], [180.0, 365.0]).round(2)
    array([[0.79, 0.43],
           [0.68, 0.34]])
    """

    def __init__(
        self,
        bandwidth: float | str = "cv",
        kernel: str = "gaussian",
        kernel_features: ArrayLike | None = None,
        target: str = "event",
        tie_rule: str = "events_first",
        *,
        tie_tol: str | int = "ulp",
        random_state: RandomState = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.bandwidth = bandwidth
        self.kernel = kernel
        self.kernel_features = kernel_features
        self.target = target
        self.tie_rule = tie_rule
        self.tie_tol = tie_tol
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(
        self, X: MatrixLike, y: Any, sample_weight: ArrayLike | None = None
    ) -> ConditionalKaplanMeier:
        """Keep the records, and choose the bandwidth.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : structured array, array of shape (n_samples, 2), or tuple of columns
            See :class:`Surv`; without entry times.
        sample_weight : array-like of shape (n_samples,), optional
            Multiplies the kernel.

        Returns
        -------
        ConditionalKaplanMeier
        """
        choice(self.kernel, "kernel", KERNELS)
        choice(self.target, "target", ("event", "censoring"))
        choice(self.tie_rule, "tie_rule", TIE_RULES)
        check_bandwidth(self.bandwidth, self.kernel)
        X = validate_data(self, X, dtype=np.float64)
        records = snap(without_entry(check_censored(y), type(self).__name__), self.tie_tol)
        n = X.shape[0]
        same_length(n, records.time.shape[0])
        weight = check_weights(sample_weight, n)
        weight = np.ones(n) if weight is None else weight
        self.kernel_features_ = self._columns(X.shape[1])
        if self.kernel_features_.size > MANY_FEATURES:
            warnings.warn(
                f"the kernel sees {self.kernel_features_.size} features: in so many dimensions a "
                "neighbourhood holds nearly everyone or nearly no one. Choose a few by "
                "kernel_features, or another method.",
                UserWarning,
                stacklevel=2,
            )
        Z = X[:, self.kernel_features_]
        share = weight / weight.sum()
        self._mean = share @ Z
        spread = np.sqrt(share @ (Z - self._mean) ** 2)
        constant = spread <= 1e-12 * np.abs(self._mean)
        self.scale_ = np.where(constant, 1.0, spread)

        rank, self.time_ = distinct_times(records.time, self.tie_tol)
        # Events leave first, but for the censoring curve with the other rule.
        censored_first = self.target == "censoring" and self.tie_rule == "reverse"
        order = np.lexsort((records.event if censored_first else 1 - records.event, rank))
        place = np.empty_like(order)
        place[order] = np.arange(n)
        jump = records.event if self.target == "event" else 1 - records.event
        self._sorted = _Sorted(
            self._standardized(Z[order]), weight[order], jump[order], rank[order], place
        )
        self._first = np.searchsorted(rank[order], np.arange(self.time_.size + 1))
        self._tree: Any = None
        if self.kernel == "knn":
            from sklearn.neighbors import NearestNeighbors

            self._tree = NearestNeighbors().fit(self._sorted.X)
        self.cv_bandwidths_: Float64 | None = None
        self.cv_scores_: Float64 | None = None
        if self.bandwidth == "cv":
            self._cross_validate()
        else:
            self.bandwidth_ = (
                float(self._grid(np.array([1.0 if self.kernel == "knn" else 1.5]))[0])
                if self.bandwidth == "scott"
                else float(self.bandwidth)
            )
        return self

    def predict_survival_function(self, X: MatrixLike, times: ArrayLike) -> Float64:
        """Probability of lasting beyond given times.

        Parameters
        ----------
        X : array-like of shape (n_points, n_features)
        times : array-like of shape (n_times,)

        Returns
        -------
        ndarray of shape (n_points, n_times)
            Right-continuous in time.
        """
        Z = self._points(X)
        at = finite_times(times, None)
        stop, back = np.unique(self._stops(at, left_limit=False), return_inverse=True)
        alone = np.full(Z.shape[0], -1, dtype=np.intp)
        curves = _core.beran_curves(
            self._sorted.records,
            (Z, self._scales(Z, [self.bandwidth_], alone), alone),
            self._smoother(),
            stop,
            n_threads=n_threads(self.n_jobs),
        )
        return curves[:, back]

    def predict_at(
        self, X: MatrixLike, times_per_row: ArrayLike, *, left_limit: bool = False
    ) -> Float64:
        """Probability that each point lasts beyond a time of its own.

        Parameters
        ----------
        X : array-like of shape (n_points, n_features)
        times_per_row : array-like of shape (n_points,)
        left_limit : bool, default=False
            Give the probability of lasting to the time at least.

        Returns
        -------
        ndarray of shape (n_points,)
        """
        Z = self._points(X)
        at = finite_times(times_per_row, Z.shape[0])
        alone = np.full(Z.shape[0], -1, dtype=np.intp)
        return self._at(Z, self._stops(at, left_limit=left_limit), alone)

    def training_left_limits(
        self, rows: NDArray[np.intp], times: Float64, *, leave_out: bool
    ) -> Float64:
        """Curve of given training records just before their own times, or before earlier ones.

        Parameters
        ----------
        rows : ndarray of shape (n_rows,)
        times : ndarray of shape (n_rows,)
        leave_out : bool
            Estimate each one from the other records.

        Returns
        -------
        ndarray of shape (n_rows,)
        """
        check_is_fitted(self, "bandwidth_")
        place = self._sorted.place[rows]
        stop = np.minimum(
            self._stops(times, left_limit=True), self._first[self._sorted.rank[place]]
        )
        return self._at(
            self._sorted.X[place], stop, place if leave_out else np.full_like(place, -1)
        )

    # --- points and bandwidths --------------------------------------------------------------

    def _columns(self, n_features: int) -> NDArray[np.intp]:
        if self.kernel_features is None:
            return np.arange(n_features)
        chosen = np.asarray(self.kernel_features)
        if chosen.ndim != 1 or chosen.size == 0:
            raise ValueError("kernel_features must hold at least one column.")
        if chosen.dtype == np.bool_:
            if chosen.size != n_features or not chosen.any():
                raise ValueError(
                    f"kernel_features as flags must hold {n_features} of them, one of them True."
                )
            return np.flatnonzero(chosen)
        if chosen.dtype.kind in "US" or chosen.dtype == object:
            names = [str(name) for name in getattr(self, "feature_names_in_", ())]
            wanted = [str(name) for name in chosen]
            unknown = [name for name in wanted if name not in names]
            if unknown:
                raise ValueError(f"kernel_features names {unknown[0]!r}, which X does not have.")
            return np.array([names.index(name) for name in wanted], dtype=np.intp)
        bad = (chosen != np.floor(chosen)) | (chosen < 0) | (chosen >= n_features)
        if bad.any():
            raise ValueError(
                f"kernel_features must hold columns 0 .. {n_features - 1}, got {chosen[bad][0]}."
            )
        return chosen.astype(np.intp)

    def _standardized(self, Z: Float64) -> Float64:
        return np.ascontiguousarray((Z - self._mean) / self.scale_)

    def _points(self, X: MatrixLike) -> Float64:
        check_is_fitted(self, "bandwidth_")
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return self._standardized(X[:, self.kernel_features_])

    def _stops(self, times: Float64, *, left_limit: bool) -> NDArray[np.intp]:
        """Positions below which factors count at given times."""
        return self._first[times_passed(self.time_, times, self.tie_tol, left_limit=left_limit)]

    def _grid(self, multiples: Float64) -> Float64:
        """Bandwidths as multiples of the rate at which they should fall with n."""
        n, d = int(np.count_nonzero(self._sorted.weight)), self.kernel_features_.size
        if self.kernel == "knn":
            ranks = np.ceil(multiples * n ** (4 / (d + 4)))
            return np.unique(np.minimum(ranks, max(n - 1.0, 1.0)))
        return multiples * n ** (-1 / (d + 4))

    def _smoother(self) -> str:
        return "biweight" if self.kernel == "knn" else self.kernel

    def _scales(self, Z: Float64, bandwidths: Any, own: NDArray[np.intp]) -> Float64:
        """Inverse squared radius by bandwidth and point; ``own`` is the record left out or -1."""
        sizes = np.asarray(bandwidths, dtype=np.float64)
        if self.kernel != "knn":
            with np.errstate(over="ignore"):
                squares = np.minimum(1.0 / sizes**2, 1e300)
            return np.repeat(squares[:, None], Z.shape[0], axis=1)
        n = self._sorted.weight.size
        out = np.zeros((sizes.size, Z.shape[0]))
        finite = np.flatnonzero(sizes < n)
        if finite.size == 0:
            return out
        ranks = sizes[finite].astype(np.intp)
        width = min(int(ranks.max()) + 1, n)
        step = max(1, 4_000_000 // width)
        for start in range(0, Z.shape[0], step):
            rows = slice(start, start + step)
            distance = self._tree.kneighbors(Z[rows], width)[0]
            # A record that is left out is its own nearest neighbour.
            at = np.minimum(ranks[:, None] - 1 + (own[rows] >= 0), n - 1)
            radius = np.take_along_axis(distance.T, at, axis=0)
            out[finite, rows] = 1.0 / np.maximum(radius**2, 1e-300)
        return out

    def _at(self, Z: Float64, stop: NDArray[np.intp], own: NDArray[np.intp]) -> Float64:
        records = self._sorted.records
        if np.isinf(self.bandwidth_):  # no distances needed
            Z, records = Z[:, :0], (records[0][:, :0], *records[1:])
        return _core.beran_at(
            records,
            (np.ascontiguousarray(Z), self._scales(Z, [self.bandwidth_], own), own),
            self._smoother(),
            stop,
            n_threads=n_threads(self.n_jobs),
        )

    def _cross_validate(self) -> None:
        data = self._sorted
        n = data.weight.size
        candidates = np.flatnonzero(data.weight > 0)
        random = generator(self.random_state)
        points, seen = candidates, candidates
        if candidates.size > CV_RECORDS:
            points = np.sort(random.choice(candidates, CV_RECORDS, replace=False))
            seen = random.choice(candidates, CV_TIMES, replace=False)
        # The curve is wanted after the last record of each time.
        last = self._first[1:] - 1
        times = np.zeros(n)
        np.add.at(times, last[data.rank[seen]], 1.0)
        among = np.isin(points, seen)
        drop = np.where(among, last[data.rank[points]], -1)
        self.cv_bandwidths_ = self._grid(np.array(MULTIPLES))
        Z = data.X[points]
        error, count = _core.beran_errors(
            data.records,
            (Z, self._scales(Z, self.cv_bandwidths_, points), points),
            self._smoother(),
            (times, self._first[data.rank[points]], data.jump[points], drop),
            n_threads=n_threads(self.n_jobs),
        )
        total = count.sum()
        # Nothing to judge by (one record, say): the curve of all records is all there is.
        self.cv_scores_ = error.sum(axis=1) / total if total else np.zeros(len(error))
        best = int(np.argmin(self.cv_scores_)) if total else -1
        self.bandwidth_ = float(self.cv_bandwidths_[best])


# --- checks that the estimators of censored data share --------------------------------------------


def check_bandwidth(bandwidth: Any, kernel: str) -> None:
    """Raise ValueError unless a bandwidth is 'cv', 'scott' or a positive number."""
    if bandwidth in ("cv", "scott") if isinstance(bandwidth, str) else False:
        return
    if not is_real(bandwidth) or not bandwidth > 0:
        raise ValueError(f"bandwidth must be 'cv', 'scott' or a number > 0, got {bandwidth!r}.")
    if kernel == "knn" and not (np.isinf(bandwidth) or bandwidth % 1 == 0):
        raise ValueError(
            f"bandwidth must be a whole number of neighbours with kernel='knn', got {bandwidth!r}."
        )


def without_entry(records: Censored, owner: str) -> Censored:
    """Return right-censored records, or raise ValueError if they have entry times."""
    if records.entry is not None:
        raise ValueError(f"{owner} takes no entry times: it is for right censoring only.")
    return records


def same_length(n_rows: int, n_records: int) -> None:
    """Raise ValueError unless X and y have the same number of rows."""
    if n_rows != n_records:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"X has {n_rows} rows, y has {n_records} records."
        )


def finite_times(times: ArrayLike, size: int | None) -> Float64:
    """Return times as float64 of shape (n,), or raise ValueError."""
    at = np.asarray(times, dtype=np.float64)
    at = np.atleast_1d(at) if size is None else at
    if at.ndim != 1 or (size is not None and at.shape[0] != size):
        wanted = "one-dimensional" if size is None else f"of shape ({size},)"
        raise ValueError(f"times must be {wanted}, got shape {at.shape}.")
    if np.isnan(at).any():
        raise ValueError("times must not be NaN.")
    return at

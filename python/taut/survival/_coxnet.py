# SPDX-License-Identifier: BSD-3-Clause
"""Elastic-net paths of the Cox model on the coordinate-descent engine."""

from __future__ import annotations

import warnings
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.model_selection import StratifiedKFold, check_cv
from sklearn.utils.validation import check_is_fitted

from taut import _core
from taut._threads import n_threads
from taut._validation import check_alphas, check_per_feature, kernel_design, validate_data
from taut.exceptions import ConvergenceWarning
from taut.model_selection import one_standard_error
from taut.survival._cox import _step
from taut.survival._scores import concordance_index
from taut.survival._surv import (
    Censored,
    Float64,
    check_censored,
    check_groups,
    check_weights,
    choice,
    snap,
    tie_ulps,
)
from taut.typing import MatrixLike, RandomState


class _Data(NamedTuple):
    """One problem as the kernel reads it; columns standardised where asked."""

    X: Any
    scale: Float64
    records: Censored
    weight: Float64 | None
    stratum: NDArray[np.int32] | None
    n_strata: int

    def loss(self, eta: Float64, ulps: int) -> tuple[float, Float64, float]:
        return _core.cox_loss(
            np.ascontiguousarray(eta),
            self.records.time,
            self.records.event,
            self.weight,
            self.stratum,
            self.n_strata,
            ulps,
        )

    @property
    def total(self) -> float:
        n = self.records.time.shape[0]
        return float(n) if self.weight is None else float(self.weight.sum())

    def rows(self, keep: NDArray[Any]) -> _Data:
        records = Censored(self.records.time[keep], self.records.event[keep], None)
        weight = None if self.weight is None else self.weight[keep]
        stratum = None if self.stratum is None else self.stratum[keep]
        return self._replace(X=self.X[keep], records=records, weight=weight, stratum=stratum)


class CoxNet(BaseEstimator):
    r"""Cox regression with an elastic-net penalty, for a whole sequence of strengths.

    Minimises ``-l(b) / W + alpha * sum_j v_j (l1_ratio |u_j| + (1 - l1_ratio) u_j**2 / 2)`` over b,
    where l is the partial log-likelihood (Breslow's ties), W the sum of weights, ``u_j`` the
    coefficient per standard deviation of column j, and v the penalty factors, scaled to sum to the
    number of features. These are the units of R's ``glmnet(family = "cox")``.

    Parameters
    ----------
    l1_ratio : float, default=1.0
        Share of the absolute-value penalty, in [0, 1].
    n_alphas : int, default=100
        Strengths from the least that leaves all coefficients 0 down to ``eps`` times it.
    alphas : array-like of shape (n_alphas,), optional
        The strengths themselves.
    eps : float, optional
        Ratio of the least to the largest strength; 0.01 with fewer rows than columns, else 1e-4.
    penalty_factor : array-like of shape (n_features,), optional
        0 leaves a feature unpenalised, ``inf`` keeps it out.
    standardize : bool, default=True
        If not, ``u_j`` is the coefficient itself.
    tol : float, default=1e-7
        Stop at a duality gap of at most ``tol`` times what the null model's loss exceeds the
        saturated one's by.
    max_iter : int, default=1000
    tie_tol : {'ulp', 'r', 0}, default='ulp'
        As in :class:`KaplanMeier`.
    n_jobs : int or None, default=None
        Threads.

    Attributes
    ----------
    alphas_ : ndarray of shape (n_alphas,)
        Largest first.
    coefs_path_ : ndarray of shape (n_features, n_alphas)
        On the original scale of X.
    dual_gaps_ : ndarray of shape (n_alphas,)
        Certificates: no coefficients are better by more than this.
    dev_ratio_ : ndarray of shape (n_alphas,)
        Share of the deviance explained, ``1 - (l_sat - l) / (l_sat - l_0)``.
    n_iter_ : ndarray of shape (n_alphas,)
    alpha_max_ : float
    n_features_in_ : int

    Raises
    ------
    ValueError
        As :class:`CoxPH`; if y has entry times, which are not supported here.

    References
    ----------
    .. [1] N. Simon, J. Friedman, T. Hastie, R. Tibshirani (2011), J. Stat. Softw. 39(5).

    Examples
    --------
    >>> from taut.datasets import load_lung
    >>> from taut.survival import CoxNet
    >>> lung = load_lung()
    >>> model = CoxNet(n_alphas=20).fit(lung.data[:, :2], lung.y)
    >>> model.coefs_path_[:, -1].round(3)  # nearly without a penalty
    array([-0.513,  0.017])
    """

    def __init__(
        self,
        l1_ratio: float = 1.0,
        *,
        n_alphas: int = 100,
        alphas: ArrayLike | None = None,
        eps: float | None = None,
        penalty_factor: ArrayLike | None = None,
        standardize: bool = True,
        tol: float = 1e-7,
        max_iter: int = 1000,
        tie_tol: str | int = "ulp",
        n_jobs: int | None = None,
    ) -> None:
        self.l1_ratio = l1_ratio
        self.n_alphas = n_alphas
        self.alphas = alphas
        self.eps = eps
        self.penalty_factor = penalty_factor
        self.standardize = standardize
        self.tol = tol
        self.max_iter = max_iter
        self.tie_tol = tie_tol
        self.n_jobs = n_jobs

    def fit(
        self,
        X: MatrixLike,
        y: Any,
        sample_weight: ArrayLike | None = None,
        *,
        strata: ArrayLike | None = None,
    ) -> CoxNet:
        """Fit the path.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : structured array, array of shape (n_samples, 2), or tuple of columns
            See :class:`Surv`.
        sample_weight : array-like of shape (n_samples,), optional
        strata : array-like of shape (n_samples,), optional
            Each label has a baseline hazard of its own.

        Returns
        -------
        CoxNet
        """
        data = self._data(X, y, sample_weight, strata)
        self._set_path(self._path(data, self._grid(data)), data)
        return self

    def _set_path(self, out: dict[str, Any], data: _Data) -> None:
        self.alphas_ = out["alphas"]
        self.coefs_path_ = out["coefs"].T / data.scale[:, None]
        self.dual_gaps_ = out["dual_gaps"]
        self.dev_ratio_ = out["dev_ratio"]
        self.n_iter_ = out["n_iter"]

    def _check_options(self) -> None:
        if not 0 <= self.l1_ratio <= 1:
            raise ValueError(f"l1_ratio must lie in [0, 1], got {self.l1_ratio!r}.")
        for name in ("n_alphas", "max_iter"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
                raise ValueError(f"{name} must be a whole number >= 1, got {value!r}.")
        if self.eps is not None and not 0 < self.eps < 1:
            raise ValueError(f"eps must lie in (0, 1), got {self.eps!r}.")
        if not self.tol > 0:
            raise ValueError(f"tol must be > 0, got {self.tol!r}.")

    def _data(self, X: MatrixLike, y: Any, sample_weight: Any, strata: Any) -> _Data:
        self._check_options()
        records = snap(check_censored(y), self.tie_tol)
        if records.entry is not None:
            raise ValueError("y must have no entry times in a penalised Cox model.")
        X = validate_data(self, X, dtype=np.float64, accept_sparse="csc")
        n = X.shape[0]
        if records.time.shape[0] != n:
            raise ValueError(f"X has {n} rows, y has {records.time.shape[0]} records.")
        weight = check_weights(sample_weight, n)
        events = records.event == 1 if weight is None else (records.event == 1) & (weight > 0)
        if not events.any():
            raise ValueError("no events: the partial likelihood is constant.")
        codes, labels = (None, None) if strata is None else check_groups(strata, n, "strata")
        X, scale = _standardized(X, weight, self.standardize)
        return _Data(X, scale, records, weight, codes, 1 if labels is None else labels.size)

    def _factor(self, p: int) -> Float64:
        factor = check_per_feature(self.penalty_factor, "penalty_factor", p, low=0, high=np.inf)
        if factor is None:
            return np.ones(p)
        total = factor[np.isfinite(factor)].sum()
        if not total > 0:
            raise ValueError("penalty_factor must have at least one positive finite value.")
        return factor * (np.count_nonzero(np.isfinite(factor)) / total)

    def _grid(self, data: _Data) -> Float64:
        n, p = data.X.shape
        factor = self._factor(p)
        eta = np.zeros(n)
        free = np.flatnonzero(factor == 0)
        if free.size:  # the null model has the unpenalised features
            dense = data.X[:, free]
            dense = dense.toarray() if sp.issparse(dense) else dense
            fit = _core.cox_fit(self._kernel(data, dense), 1e-12, 100)
            eta = dense @ fit["coef"]
        _, gradient, _ = data.loss(eta, tie_ulps(self.tie_tol))
        pull = np.abs(np.asarray(data.X.T @ gradient)).ravel()
        used = (factor > 0) & np.isfinite(factor)
        largest = (pull[used] / factor[used]).max(initial=0.0)
        self.alpha_max_ = float(largest / max(self.l1_ratio, 1e-3))
        if self.alphas is not None:
            return check_alphas(self.alphas)
        if not self.alpha_max_ > 0:
            raise ValueError(
                "no penalised column says anything of the events: every penalised column is "
                "constant, or all records have their event at one time; there is nothing to choose."
            )
        eps = self.eps if self.eps is not None else (0.01 if n < p else 1e-4)
        grid = np.geomspace(self.alpha_max_, eps * self.alpha_max_, int(self.n_alphas))
        grid[0] = self.alpha_max_
        return grid

    def _kernel(self, data: _Data, X: Float64) -> dict[str, Any]:
        return {
            "time": data.records.time,
            "event": data.records.event,
            "weight": data.weight,
            "stratum": data.stratum,
            "n_strata": data.n_strata,
            "X": np.ascontiguousarray(X),
            "ties": "breslow",
            "ulps": tie_ulps(self.tie_tol),
        }

    def _engine(self, data: _Data, alphas: Float64, start: Float64 | None) -> dict[str, Any]:
        return _core.coxnet_path(
            kernel_design(data.X),
            data.records.time,
            data.records.event,
            data.weight,
            data.stratum,
            data.n_strata,
            self._factor(data.X.shape[1]),
            alphas,
            float(self.l1_ratio),
            float(self.tol),
            int(self.max_iter),
            start,
            tie_ulps(self.tie_tol),
            n_threads(self.n_jobs),
        )

    def _path(self, data: _Data, alphas: Float64) -> dict[str, Any]:
        out = self._engine(data, alphas, None)
        if out["finite"] and not out["converged"].all():
            self._finish(data, out)
        if not out["finite"]:
            raise ValueError("X contains NaN or infinity.")
        undone = out["converged"] == 0
        if undone.any():
            k = int(undone.argmax())
            warnings.warn(
                f"{type(self).__name__} reached a duality gap of {out['dual_gaps'][k]:.1e} at "
                f"alpha = {out['alphas'][k]:.4g}, the tolerance is "
                f"{self.tol * (out['null_loss'] - out['least_loss']):.1e} ({undone.sum()} of "
                f"{undone.size} strengths). Raise max_iter or tol.",
                ConvergenceWarning,
                stacklevel=4,
            )
        return out

    def _finish(self, data: _Data, out: dict[str, Any]) -> None:
        """Solve the strengths at which the engine stood still.

        Its models have a diagonal Hessian, which is far from the truth where a model with more
        columns than rows nearly orders all events. Here Newton's models are exact, on the columns
        that matter; the engine then certifies the result, and adds columns if some were missing.
        """
        factor = self._factor(data.X.shape[1])
        ulps = tie_ulps(self.tie_tol)
        for k in np.flatnonzero(out["converged"] == 0):
            alpha = float(out["alphas"][k])
            before = float(out["alphas"][k - 1]) if k else alpha
            b = out["coefs"][max(k - 1, 0)].copy()
            for _ in range(10):
                _, slope, _ = data.loss(np.asarray(data.X @ b).ravel(), ulps)
                pull = np.abs(np.asarray(data.X.T @ slope)).ravel()
                with np.errstate(invalid="ignore"):
                    limit = (2.0 * alpha - before) * factor * self.l1_ratio
                used = np.flatnonzero((b != 0) | ((pull >= limit) & np.isfinite(factor)))
                b[used] = self._newton(data, used, b[used], alpha, factor[used])
                done = self._engine(data, np.array([alpha]), b)
                b, before = done["coefs"][0].copy(), alpha
                if done["converged"][0]:
                    break
            for name in ("coefs", "dual_gaps", "dev_ratio", "converged"):
                out[name][k] = done[name][0]
            out["n_iter"][k] += done["n_iter"][0]

    def _newton(
        self, data: _Data, used: NDArray[Any], b: Float64, alpha: float, factor: Float64
    ) -> Float64:
        """Proximal Newton steps with the whole Hessian on a few columns."""
        dense = data.X[:, used]
        kernel = self._kernel(data, dense.toarray() if sp.issparse(dense) else dense)
        X, ulps, m = kernel["X"], tie_ulps(self.tie_tol), used.size
        lasso, ridge = self.l1_ratio * alpha * factor, (1.0 - self.l1_ratio) * alpha * factor

        def objective(coef: Float64) -> float:
            penalty = lasso @ np.abs(coef) + 0.5 * ridge @ coef**2
            return data.loss(X @ coef, ulps)[0] + float(penalty)

        value = objective(b)
        for _ in range(50):
            score, H = _core.cox_scaled(kernel, b, np.ones(_n_rows(kernel, b)))
            gradient, H = -score / data.total, H / data.total
            # As least squares: ||R (c - b) + R^-T gradient||^2 / 2 with R'R = H.
            values, vectors = np.linalg.eigh(H)
            good = values > 1e-12 * max(float(values[-1]), 1e-300)
            root = np.sqrt(values[good])
            R = root[:, None] * vectors[:, good].T
            target = R @ b - (vectors[:, good].T @ gradient) / root
            size = np.sqrt(float(R.shape[0]))
            step = (
                _core.fit_path(
                    np.asfortranarray(R * size),
                    target * size,
                    "quadratic",
                    l1_ratio=float(self.l1_ratio),
                    penalty_factor=factor,
                    alphas=np.array([alpha]),
                    fit_intercept=False,
                    tol=1e-14,
                )["coefs"][0, 0]
                - b
            )
            shrink, moved = 1.0, False
            for _ in range(30):
                trial = objective(b + shrink * step)
                if np.isfinite(trial) and trial <= value - 1e-15 * abs(value):
                    moved = True
                    break
                shrink *= 0.5
            if not moved:
                break
            fall, value, b = value - trial, trial, b + shrink * step
            if m == 0 or fall <= 1e-14 * abs(value):
                break
        return b

    def predict(self, X: MatrixLike, alpha: float | None = None) -> Float64:
        """Linear predictor ``X b``, high for early events.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        alpha : float, optional
            One of ``alphas_``; the last (weakest) one by default.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        check_is_fitted(self, "coefs_path_")
        k = -1
        if alpha is not None:
            distance = np.abs(self.alphas_ - alpha)
            k = int(distance.argmin())
            if distance[k] > 1e-9 * abs(alpha):
                raise ValueError(
                    f"alpha must be one of alphas_, from {self.alphas_[0]:.4g} to "
                    f"{self.alphas_[-1]:.4g}, got {alpha!r}."
                )
        X = validate_data(self, X, dtype=np.float64, accept_sparse=["csr", "csc"], reset=False)
        return np.asarray(X @ self.coefs_path_[:, k]).ravel()

    def score(self, X: MatrixLike, y: Any) -> float:
        """Harrell's C of the linear predictor."""
        return concordance_index(y, self.predict(X), tie_tol=self.tie_tol).statistic


class CoxNetCV(CoxNet):
    """Elastic-net Cox regression whose strength is chosen by cross-validation.

    The score of a fold is ``l(b) - l_out(b)`` for coefficients b fitted without it: the partial
    log-likelihood of all records less that of the records used, because a fold alone has small risk
    sets (Verweij & van Houwelingen 1993). ``cv_mean_`` is minus twice that per event.

    Parameters
    ----------
    l1_ratio, n_alphas, alphas, eps, penalty_factor, standardize, tol, max_iter, tie_tol, n_jobs
        As in :class:`CoxNet`.
    cv : int, splitter or iterable, default=5
        A whole number: folds with equal shares of events, shuffled.
    rule : {'min', '1se'}, default='min'
        Least loss, or the strongest penalty within one standard error of it.
    random_state : int or None, default=0
        Of the folds.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        At ``alpha_``, on the original scale of X.
    alpha_, alpha_min_, alpha_1se_ : float
    cv_mean_, cv_se_ : ndarray of shape (n_alphas,)
    baseline_time_, baseline_cumulative_hazard_ : ndarray of shape (n_event_times,), or list of such
        For x = 0, at ``alpha_``; one per stratum if there are strata.
    alphas_, coefs_path_, dual_gaps_, dev_ratio_, n_iter_, alpha_max_
        As in :class:`CoxNet`, of all records.

    Raises
    ------
    ValueError
        If a parameter or a record is out of its range, or a fold has no event.

    References
    ----------
    .. [1] P. J. M. Verweij, H. C. van Houwelingen (1993), Stat. Med. 12, 2305-2314.

    Examples
    --------
    >>> from taut.datasets import load_lung
    >>> from taut.survival import CoxNetCV
    >>> lung = load_lung()
    >>> CoxNetCV(n_alphas=20).fit(lung.data[:, :2], lung.y).coef_.shape
    (2,)
    """

    def __init__(
        self,
        l1_ratio: float = 1.0,
        *,
        n_alphas: int = 100,
        alphas: ArrayLike | None = None,
        eps: float | None = None,
        penalty_factor: ArrayLike | None = None,
        standardize: bool = True,
        cv: Any = 5,
        rule: str = "min",
        tol: float = 1e-7,
        max_iter: int = 1000,
        tie_tol: str | int = "ulp",
        random_state: RandomState = 0,
        n_jobs: int | None = None,
    ) -> None:
        super().__init__(
            l1_ratio,
            n_alphas=n_alphas,
            alphas=alphas,
            eps=eps,
            penalty_factor=penalty_factor,
            standardize=standardize,
            tol=tol,
            max_iter=max_iter,
            tie_tol=tie_tol,
            n_jobs=n_jobs,
        )
        self.cv = cv
        self.rule = rule
        self.random_state = random_state

    def fit(
        self,
        X: MatrixLike,
        y: Any,
        sample_weight: ArrayLike | None = None,
        *,
        strata: ArrayLike | None = None,
    ) -> CoxNetCV:
        """Fit the path, and the paths without each fold, and choose.

        Parameters
        ----------
        X, y, sample_weight, strata
            As in :meth:`CoxNet.fit`.

        Returns
        -------
        CoxNetCV
        """
        choice(self.rule, "rule", ("min", "1se"))
        data = self._data(X, y, sample_weight, strata)
        out = self._path(data, self._grid(data))
        self._set_path(out, data)
        ulps = tie_ulps(self.tie_tol)
        event = data.records.event
        scores, sizes = [], []
        for train, test in self._splits(data):
            held = float(event[test].sum() if data.weight is None
                         else data.weight[test] @ event[test])  # fmt: skip
            part = data.rows(train)
            if held == 0 or not part.records.event.any():
                raise ValueError("a fold, or the records outside of it, have no event; use fewer.")
            coefs = self._path(part, self.alphas_)["coefs"]
            lost = np.empty(self.alphas_.size)
            for k, b in enumerate(coefs):
                eta = np.asarray(data.X @ b).ravel()
                whole = data.loss(eta, ulps)[0] * data.total
                lost[k] = 2.0 * (whole - part.loss(eta[train], ulps)[0] * part.total)
            scores.append(lost / held)
            sizes.append(held)
        table, size = np.array(scores), np.array(sizes)
        self.cv_mean_ = size @ table / size.sum()
        spread = size @ (table - self.cv_mean_) ** 2 / size.sum()
        self.cv_se_ = np.sqrt(spread / (len(size) - 1))
        found = one_standard_error(self.alphas_, self.cv_mean_, self.cv_se_)
        self.alpha_min_, self.alpha_1se_ = found.alpha_min, found.alpha_1se
        chosen = found.index_min if self.rule == "min" else found.index_1se
        self.alpha_ = float(self.alphas_[chosen])
        self.coef_ = self.coefs_path_[:, chosen].copy()
        eta = np.asarray(data.X @ out["coefs"][chosen]).ravel()
        shift = float(self._shift @ self.coef_)
        fit = _core.cox_residuals(self._kernel(data, eta[:, None]), np.ones(1))
        inner = fit["row_ptr"][1:-1]
        times = np.split(fit["row_time"], inner)
        hazards = [np.cumsum(h) * np.exp(-shift) for h in np.split(fit["baseline"], inner)]
        self.baseline_time_: Any = times if strata is not None else times[0]
        self.baseline_cumulative_hazard_: Any = hazards if strata is not None else hazards[0]
        return self

    def _data(self, X: MatrixLike, y: Any, sample_weight: Any, strata: Any) -> _Data:
        data = super()._data(X, y, sample_weight, strata)
        # What standardising took from the columns, for the baseline at x = 0.
        self._shift = np.zeros(data.X.shape[1])
        if not sp.issparse(data.X):
            self._shift = np.average(
                np.asarray(validate_data(self, X, dtype=np.float64, reset=False)),
                axis=0,
                weights=data.weight,
            )
        return data

    def _splits(self, data: _Data) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        event = data.records.event
        if isinstance(self.cv, Integral) and not isinstance(self.cv, bool):
            if int(self.cv) < 2:
                raise ValueError(f"cv must be at least 2, got {self.cv}.")
            least = int(event.sum())
            if least < int(self.cv):
                raise ValueError(f"cv = {self.cv} folds need as many events, got {least}.")
            splitter: Any = StratifiedKFold(
                int(self.cv), shuffle=True, random_state=self.random_state
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # few censored records are no trouble
                return list(splitter.split(np.zeros(event.size), event))
        return list(check_cv(self.cv).split(np.zeros(event.size), event))

    def predict(self, X: MatrixLike, alpha: float | None = None) -> Float64:
        """Linear predictor ``X b`` at ``alpha_``, or at another of ``alphas_``.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        check_is_fitted(self, "coef_")
        return super().predict(X, self.alpha_ if alpha is None else alpha)

    def predict_survival_function(self, X: MatrixLike, times: ArrayLike) -> Float64:
        """Probability that each row survives beyond given times; without strata.

        Returns
        -------
        ndarray of shape (n_samples, n_times)
        """
        relative = np.exp(self.predict(X))
        if isinstance(self.baseline_time_, list):
            raise ValueError(
                "the model has strata: use baseline_cumulative_hazard_ of the stratum."
            )
        at = np.atleast_1d(np.asarray(times, dtype=np.float64))
        base = _step(self.baseline_time_, self.baseline_cumulative_hazard_, at)
        return np.exp(-relative[:, None] * base)


def _n_rows(kernel: dict[str, Any], b: Float64) -> int:
    """Number of event times of all strata."""
    return int(_core.cox_residuals(kernel, b)["row_time"].size)


def _standardized(X: Any, weight: Float64 | None, scaled: bool) -> tuple[Any, Float64]:
    """Columns over their standard deviation, dense ones centred: the loss does not see a shift.

    Constant columns become 0 and keep scale 1.
    """
    n, p = X.shape
    s = np.full(n, 1.0 / n) if weight is None else weight / weight.sum()
    if sp.issparse(X):
        mean = np.asarray(X.T @ s).ravel()
        square = np.asarray(X.multiply(X).T @ s).ravel()
        sd = np.sqrt(np.maximum(square - mean**2, 0.0))
    else:
        mean = s @ X
        X = np.asfortranarray(X - mean)
        sd = np.sqrt(s @ X**2)
    constant = sd <= 1e-12 * np.maximum(np.abs(mean), 1e-300)
    scale = np.where(constant, 1.0, sd) if scaled else np.ones(p)
    if sp.issparse(X):
        keep = np.where(constant, 0.0, 1.0 / scale)
        return (X @ sp.diags(keep)).tocsc(), scale
    X /= scale
    X[:, constant] = 0.0
    return X, scale

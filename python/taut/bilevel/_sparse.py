# SPDX-License-Identifier: BSD-3-Clause
"""Held-out loss of sparse linear models as a function of their penalty strengths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit, xlogy
from sklearn.base import clone
from sklearn.utils.validation import assert_all_finite

from taut import _core
from taut._random import generator
from taut._threads import n_threads
from taut._validation import Float64
from taut.bilevel._hypergradient import LowerSolverError
from taut.linear_model._base import PenalizedModel, SingleFit
from taut.linear_model._folds import Fold, make_folds, run_side_by_side
from taut.linear_model._problem import Callback
from taut.penalties import L1, ElasticNet
from taut.typing import ArrayLike, MatrixLike, RandomState

#: Datafits whose second derivative is at hand, and what their loss on held-out rows is called.
_SCORES = {"quadratic": "mse", "logistic": "deviance", "poisson": "deviance"}
#: The logit of l1_ratio stays within these: ratios between 0.001 and 0.999.
_LOGITS = (float(logit(1e-3)), float(logit(1.0 - 1e-3)))
#: Strengths stay above this share of the one at which all coefficients are zero.
_LEAST_SHARE = 1e-4
#: Coming from above, working sets stay small: from a tenth of alpha_max, as the literature
#: starts, the first two points cost four times as much as all others (500 x 2000, 5 folds).
_START_SHARE = 0.2


@dataclass(frozen=True)
class CriterionPoint:
    """What :class:`SparseCriterion` says at a point.

    Attributes
    ----------
    value : float
    gradient : ndarray of shape (n_theta,)
    error : float
        Bound of the Euclidean distance of `gradient` from that of the exact solutions, ``inf``
        without a proof.
    certified : bool
        Whether support and signs of the exact solution are proved to be those of the computed one
        in every fold.
    gap : float
        Largest duality gap of the lower problems, relative to their null loss.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from taut.bilevel import SparseCriterion
    >>> from taut.linear_model import Lasso
    >>> criterion = SparseCriterion(Lasso(), *load_diabetes(return_X_y=True))
    >>> point = criterion(criterion.start)
    >>> bool(point.gradient[0] > 0.0), point.certified
    (True, False)
    """

    value: float
    gradient: Float64
    error: float
    certified: bool
    gap: float


class SparseCriterion:
    r"""Cross-validated loss, or SURE, of a sparse linear model and its derivative.

    ``theta`` holds the logarithms of the penalty strengths, of all features together, of each
    group or of each feature, and with `tune_l1_ratio` at its end the logit of ``l1_ratio``.
    Solutions are differentiated where they are smooth, on the set S of nonzero coefficients:
    with ``M = X_S' H X_S + diag(l2_S)``, H the second derivative of the loss, and ``M q`` the
    slope of the criterion by ``b_S``, the derivative by the logarithm of the L1 strength of
    feature j is ``-l1_j * sign(b_j) * q_j`` and by that of the L2 strength ``-l2_j * b_j * q_j``.
    Where S changes, the gradient is one of the two one-sided ones.

    Parameters
    ----------
    estimator : estimator
        Of :mod:`taut.linear_model`, with ``alpha``, least squares, logistic or Poisson loss and an
        L1 or elastic-net penalty. Its ``alpha`` is not used; its ``penalty_factor`` multiplies.
    X, y, sample_weight, offset
        As in its ``fit``.
    strengths : {"shared", "feature"} or array-like of shape (n_features,), default="shared"
        Which features have a strength in common: all, none, or those with the same label.
    tune_l1_ratio : bool, optional
        Whether ``l1_ratio`` is part of theta. By default if it lies strictly between 0 and 1.
    criterion : {"cv", "sure"}, default="cv"
        Mean loss over the rows that the folds leave out (mean squared error or deviance), or
        Stein's unbiased estimate of the risk by finite differences and one random direction [2]_.
    cv : int, splitter, iterable of (train, test) or array-like, default=5
        As in :class:`taut.linear_model.LassoCV`. One pair is a held-out set.
    noise_variance : float, optional
        Of y given X; needed for "sure".
    tol : float, default=1e-9
        Duality gap to which lower problems are solved, relative to their null loss.
    max_iter : int, default=1000
        Bound of the lower solver's iterations.
    n_jobs : int, optional
        Threads for folds. The result does not depend on it.
    random_state : int, Generator or RandomState, optional
        Shuffles the rows when `cv` is a number; the direction of "sure".
    split_params : dict, optional
        For the ``split`` of a splitter in `cv`, such as ``{"groups": labels}``.

    Attributes
    ----------
    n_theta, n_strengths : int
    start : ndarray of shape (n_theta,)
        Every strength a fifth of ``alpha_max``.
    bounds : tuple of two ndarrays of shape (n_theta,)
        Strengths from 1e-4 times ``alpha_max`` up to it; l1_ratio from 0.001 to 0.999.
    alpha_max : float
        Least strength, on all rows, at which all penalised coefficients are zero.
    n_evaluations : int

    Raises
    ------
    TypeError
        If the estimator is not one of those.
    ValueError
        If the data are not what it takes, labels have the wrong length, `noise_variance` is
        missing, or nothing is penalised.

    References
    ----------
    .. [1] Q. Bertrand, Q. Klopfenstein, M. Massias, M. Blondel, S. Vaiter, A. Gramfort, J. Salmon
       (2022), Implicit differentiation for fast hyperparameter selection in non-smooth convex
       learning, J. Mach. Learn. Res. 23(149), section 3.
    .. [2] C.-A. Deledalle, S. Vaiter, J. Fadili, G. Peyre (2014), Stein unbiased gradient
       estimator of the risk, SIAM J. Imaging Sci. 7, 2448-2487.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from taut.bilevel import SparseCriterion
    >>> from taut.linear_model import Lasso
    >>> criterion = SparseCriterion(Lasso(standardize=True), *load_diabetes(return_X_y=True))
    >>> point = criterion(criterion.start, prove=True)
    >>> round(point.value), round(float(point.gradient[0])), point.certified
    (3217, 314, True)
    """

    def __init__(
        self,
        estimator: Any,
        X: MatrixLike,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
        strengths: Any = "shared",
        tune_l1_ratio: bool | None = None,
        criterion: str = "cv",
        cv: Any = 5,
        noise_variance: float | None = None,
        tol: float = 1e-9,
        max_iter: int = 1000,
        n_jobs: int | None = None,
        random_state: RandomState = None,
        split_params: dict[str, Any] | None = None,
    ) -> None:
        self._model = checked(estimator, type(self).__name__)
        workers = n_threads(n_jobs)
        problem = self._model._problem(X, y, sample_weight, offset)
        self._problem = problem
        if problem.datafit.name not in _SCORES or not problem.single:
            names = ", ".join(map(repr, _SCORES))
            raise TypeError(
                f"estimator must have one response and a datafit among {names}, got "
                f"{problem.datafit.name!r}{'' if problem.single else ' with several outputs'}."
            )
        if not isinstance(problem.penalty, L1 | ElasticNet):
            raise TypeError(
                f"estimator must have an L1 or elastic-net penalty, got {problem.penalty!r}."
            )
        if criterion not in ("cv", "sure"):
            raise ValueError(f"criterion must be 'cv' or 'sure', got {criterion!r}.")
        for name, number in (("tol", tol), ("max_iter", max_iter)):
            if not number > 0:
                raise ValueError(f"{name} must be > 0, got {number!r}.")
        problem.require_penalty()
        self.l1_ratio = float(getattr(problem.penalty, "l1_ratio", 1.0))
        inside = 0.0 < self.l1_ratio < 1.0
        if tune_l1_ratio and not inside:
            raise ValueError(
                "tune_l1_ratio needs an estimator with 0 < l1_ratio < 1 to start from, got "
                f"l1_ratio={self.l1_ratio:g}."
            )
        self.tunes_l1_ratio = inside if tune_l1_ratio is None else bool(tune_l1_ratio)
        p = problem.X.shape[1]
        self._label, self._n_strengths = _labels(strengths, p)
        factor = problem.kernel["penalty_factor"]
        self._factor = np.ones(p) if factor is None else np.asarray(factor, dtype=np.float64)
        self.score_name = "sure" if criterion == "sure" else _SCORES[problem.datafit.name]
        self._tol, self._max_iter = float(tol), int(max_iter)
        self._constant = 0.0
        self._count = [0]
        if criterion == "sure":
            specs = self._sure(noise_variance, random_state)
        else:
            specs = self._held_out(make_folds(problem, cv, random_state, split_params or {}))
        self.alpha_max = problem.alpha_max(workers)
        if not self.alpha_max > 0.0:
            raise ValueError(
                "y does not depend on any penalised column of X, not even by chance (alpha_max is "
                "0): there is no strength to choose."
            )
        self._workers = min(workers, len(specs))
        within = 1 if self._workers > 1 else workers
        self._tasks = [self._make(spec, within) for spec in specs]

    @property
    def n_theta(self) -> int:
        """Number of hyperparameters."""
        return self._n_strengths + int(self.tunes_l1_ratio)

    @property
    def n_strengths(self) -> int:
        """Number of strengths."""
        return self._n_strengths

    @property
    def n_evaluations(self) -> int:
        """Points evaluated so far, with their gradients."""
        return self._count[0]

    @property
    def start(self) -> Float64:
        """Every strength a fifth of alpha_max, the estimator's l1_ratio."""
        theta = np.full(self.n_theta, np.log(self.alpha_max * _START_SHARE))
        if self.tunes_l1_ratio:
            theta[-1] = np.clip(logit(self.l1_ratio), *_LOGITS)
        return theta

    @property
    def bounds(self) -> tuple[Float64, Float64]:
        """Lower and upper bounds of theta."""
        low = np.full(self.n_theta, np.log(self.alpha_max * _LEAST_SHARE))
        high = np.full(self.n_theta, np.log(self.alpha_max))
        if self.tunes_l1_ratio:
            low[-1], high[-1] = _LOGITS
            # A smaller l1_ratio lets features in at a larger strength.
            high[:-1] += np.log(self.l1_ratio / 1e-2) if self.l1_ratio > 1e-2 else 0.0
        return low, high

    def probes(self, count: int) -> Float64:
        """Return shared strengths from half of alpha_max to 1e-3 of it, shape (count, n_theta)."""
        theta = np.tile(self.start, (count, 1))
        theta[:, : self._n_strengths] = np.log(self.alpha_max * np.geomspace(0.5, 1e-3, count))[
            :, None
        ]
        return theta

    def shared(self) -> SparseCriterion:
        """Return the same criterion, with its state, of one strength for all features."""
        other = object.__new__(SparseCriterion)
        other.__dict__.update(self.__dict__)
        other._label = np.zeros_like(self._label)
        other._n_strengths = 1
        return other

    def spread(self, theta: Float64) -> Float64:
        """Return the point that gives each strength the value of a shared one."""
        return np.concatenate([np.full(self._n_strengths, theta[0]), theta[1:]])

    def split(self, theta: Float64) -> tuple[float, float, Float64 | None]:
        """Return alpha, l1_ratio and the factors of the penalty that theta stands for."""
        logs = theta[: self._n_strengths]
        ratio = float(expit(theta[-1])) if self.tunes_l1_ratio else self.l1_ratio
        given = self._problem.kernel["penalty_factor"]
        if self._n_strengths == 1:
            return float(np.exp(logs[0])), ratio, given
        middle = float(logs.mean())
        return float(np.exp(middle)), ratio, self._factor * np.exp(logs[self._label] - middle)

    def strengths(self, theta: Float64) -> Float64:
        """Return alpha times the penalty's factor for each feature."""
        return np.exp(theta[: self._n_strengths])[self._label] * self._factor

    def certificate(self, theta: Float64, tol: float) -> CriterionPoint:
        """Return the point solved to `tol` if that can be, with a proof if there is one."""
        usual = self._tol
        try:
            self._tol = min(tol, usual)
            return self(theta, prove=True)
        except LowerSolverError:
            self._tol = usual
            return self(theta, prove=True)
        finally:
            self._tol = usual

    def params(self, theta: Float64) -> dict[str, Any]:
        """Return theta as parameters of the estimator."""
        alpha, ratio, factor = self.split(np.asarray(theta, dtype=np.float64))
        out: dict[str, Any] = {"alpha": alpha}
        if self.tunes_l1_ratio:
            own = "l1_ratio" in self._model.get_params(deep=False)
            out |= {"l1_ratio": ratio} if own else {"penalty": ElasticNet(l1_ratio=ratio)}
        if self._n_strengths > 1:
            out["penalty_factor"] = factor
        return out

    def __call__(self, theta: ArrayLike, *, prove: bool = False) -> CriterionPoint:
        """Evaluate the criterion.

        Parameters
        ----------
        theta : array-like of shape (n_theta,)
        prove : bool, default=False
            Look for a certificate as well: a pass over X and the inverse of M for each fold, for
            least squares.

        Returns
        -------
        CriterionPoint

        Raises
        ------
        ValueError
            If theta has another length or is not finite.
        LowerSolverError
            If a lower problem did not converge, or its solution is not differentiable because
            columns of its support are linearly dependent.
        """
        theta = np.asarray(theta, dtype=np.float64)
        if theta.shape != (self.n_theta,):
            raise ValueError(f"theta must have shape ({self.n_theta},), got {theta.shape}.")
        if not np.isfinite(theta).all():
            raise ValueError("theta must be finite.")
        alpha, ratio, factor = self.split(theta)

        def run(task: Any) -> Callable[[Callback | None], dict[str, Any]]:
            return lambda callback: _core.bilevel_sparse_evaluate(
                task,
                alpha=alpha,
                l1_ratio=ratio,
                penalty_factor=factor,
                tol=self._tol,
                max_iter=self._max_iter,
                prove=prove,
                callback=callback,
            )

        results = run_side_by_side([run(task) for task in self._tasks], self._workers, None)
        self._count[0] += 1
        gap = max(r["gap"] / max(r["unit"], 1e-300) for r in results)
        _require_solved(results, gap, self._tol)
        value, gradient, errors = self._constant, np.zeros(self.n_theta), np.zeros(self.n_theta)
        certified = prove and all(r["proved"] for r in results)
        for r in results:
            value += 2.0 * r["value"]
            self._add(gradient, r["support"], r["slope_l1"], r["slope_l2"], ratio, 1.0)
            if certified:
                self._add(errors, r["support"], r["error_l1"], r["error_l2"], ratio, -1.0)
        error = float(np.linalg.norm(errors)) if certified else np.inf
        return CriterionPoint(float(value), gradient, error, certified, float(gap))

    def coefficients(self) -> list[tuple[Float64, float]]:
        """Return coefficients and intercept of each lower problem's last solution."""
        return [_core.bilevel_sparse_coefficients(task) for task in self._tasks]

    def _add(
        self, out: Float64, support: Any, l1: Float64, l2: Float64, ratio: float, sign: float
    ) -> None:
        """Add derivatives by features to those by theta; sign -1 adds bounds of errors."""
        k = self._n_strengths
        out[:k] += 2.0 * np.bincount(self._label[support], weights=l1 + l2, minlength=k)
        if self.tunes_l1_ratio:
            out[-1] += 2.0 * ((1.0 - ratio) * l1.sum() - sign * ratio * l2.sum())

    def _held_out(self, folds: list[Fold]) -> list[dict[str, Any]]:
        problem = self._problem
        total = sum(fold.weight for fold in folds)
        specs = []
        for fold in folds:
            score = np.zeros(problem.X.shape[0])
            np.add.at(score, fold.test, fold.test_weight / total)
            if problem.datafit.name == "poisson":
                y = problem.y
                self._constant += 2.0 * float(score @ (xlogy(y, y) - y))
            specs.append({"sample_weight": fold.train_weight, "score_weight": score})
        return specs

    def _sure(self, variance: float | None, random_state: RandomState) -> list[dict[str, Any]]:
        problem = self._problem
        if problem.datafit.name != "quadratic" or problem.sample_weight is not None:
            raise ValueError("criterion='sure' is for least squares without sample_weight.")
        if variance is None or not variance > 0.0 or not np.isfinite(variance):
            raise ValueError(
                f"criterion='sure' needs noise_variance > 0, the variance of y given X, got "
                f"{variance!r}."
            )
        n = problem.X.shape[0]
        direction = generator(0 if random_state is None else random_state).standard_normal(n)
        step = 2.0 * np.sqrt(variance) / n**0.3
        linear = variance / (n * step) * direction
        self._constant = -float(variance)
        shifted = {"y": problem.y + step * direction, "score_weight": np.zeros(n)}
        return [
            {"score_weight": np.full(n, 1.0 / n), "score_linear": -linear},
            {**shifted, "score_linear": linear},
        ]

    def _make(self, spec: dict[str, Any], threads: int) -> Any:
        problem = self._problem
        options = {k: v for k, v in problem.options.items() if k not in ("tol", "max_iter")}
        settings = {"y": problem.y, "sample_weight": problem.sample_weight, **spec}
        task = _core.bilevel_sparse_make(
            problem.design,
            datafit=problem.datafit.name,
            offset=problem.offset,
            penalty_factor=self._factor,
            n_threads=threads,
            **settings,
            **options,
        )
        if task is None:
            assert_all_finite(problem.X, estimator_name=problem.owner, input_name="X")
            raise ValueError("X contains values whose squares overflow; rescale its columns.")
        return task


def checked(estimator: Any, owner: str) -> Any:
    """Return a copy of an estimator whose strengths can be learned.

    Raises
    ------
    TypeError
        If it is no estimator of `taut.linear_model` at one strength, or one that is solved by
        more than one kernel call.
    """
    simple = isinstance(estimator, SingleFit) and (
        type(estimator)._solve is PenalizedModel._solve
        and type(estimator)._problem is PenalizedModel._problem
    )
    if not simple:
        raise TypeError(
            f"{owner} needs an estimator of taut.linear_model with alpha and an L1 or elastic-net "
            f"penalty, such as Lasso, ElasticNet, LogisticLasso or PenalizedGLM, got {estimator!r}."
        )
    model = clone(estimator)
    model._validate_params()
    return model


def _labels(strengths: Any, n_features: int) -> tuple[Any, int]:
    if isinstance(strengths, str):
        if strengths == "shared":
            return np.zeros(n_features, dtype=np.intp), 1
        if strengths == "feature":
            return np.arange(n_features), n_features
        raise ValueError(
            f"strengths must be 'shared', 'feature' or one label per feature, got {strengths!r}."
        )
    labels = np.asarray(strengths)
    if labels.shape != (n_features,):
        raise ValueError(
            f"strengths must hold one label for each of the {n_features} features, got an array "
            f"of shape {labels.shape}."
        )
    names, inverse = np.unique(labels, return_inverse=True)
    return inverse.reshape(-1), names.size


def _require_solved(results: list[dict[str, Any]], gap: float, tol: float) -> None:
    if not all(r["converged"] for r in results):
        raise LowerSolverError(
            f"A lower problem stopped with relative duality gap {gap:.1e} > tol = {tol:.1e}; its "
            "gradient would not be one. Raise max_iter or tol, or keep strengths further from 0.",
            np.inf,
            np.inf,
        )
    if any(r["singular"] for r in results):
        raise LowerSolverError(
            "Columns of the support of a lower problem are linearly dependent, so that its "
            "solution has no derivative. Use an elastic net, or keep strengths further from 0.",
            np.inf,
            np.inf,
        )


__all__ = ["CriterionPoint", "SparseCriterion", "checked"]

# SPDX-License-Identifier: BSD-3-Clause
"""Cross-validation along a path, the same for all models."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import signature
from itertools import product
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import _fit_context, is_classifier
from sklearn.model_selection import check_cv
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)

from taut._progress import progress_bar
from taut._threads import n_threads
from taut._validation import Float64, check_alphas, is_integral
from taut.linear_model._base import PenalizedModel
from taut.linear_model._folds import Fold, Steps, make_folds, run_side_by_side
from taut.linear_model._grid import default_grid, glmnet_eps
from taut.linear_model._problem import Callback, Problem, Raw, warn_unless_converged
from taut.linear_model._result import PathResult, path_result
from taut.linear_model._scores import check_scoring, fold_loss
from taut.model_selection import OneStandardError, one_standard_error
from taut.typing import ArrayLike, MatrixLike

#: What is kept of a path that a warning may need.
CERTIFICATE = ("converged", "dual_gaps", "stop_crits", "tol_unit")


@dataclass(frozen=True)
class _FoldFit:
    """What is kept of a fold: a path of coefficients may be larger than X."""

    loss: Float64
    nonzero: Any  # sparse (n_steps, n_outputs * n_features): which coefficients are not zero
    certificate: Raw


@dataclass(frozen=True)
class _Choice:
    """Everything that belongs to one set of tuned parameters."""

    problem: Problem
    tuned: dict[str, Any]
    raw: Raw
    folds: list[_FoldFit]
    loss: Float64  # (n_alphas, n_folds)
    mean: Float64
    se: Float64
    chosen: OneStandardError


class SplitterRouting:
    """Hands to the splitter in `cv` what `fit` was given for it."""

    cv: Any
    fit: Any

    def _split_params(
        self, sample_weight: Any, offset: Any, params: dict[str, Any]
    ) -> dict[str, Any]:
        from sklearn import get_config

        if get_config()["enable_metadata_routing"]:
            given = {"sample_weight": sample_weight, "offset": offset}
            takes = {k: v for k, v in given.items() if k in signature(self.fit).parameters}
            routed = process_routing(self, "fit", **takes, **params)
            return dict(routed.splitter.split)
        unknown = set(params) - {"groups"}
        if unknown:
            raise TypeError(
                f"{type(self).__name__}.fit takes X, y, sample_weight and groups, got "
                f"{', '.join(sorted(unknown))}."
            )
        return params

    def get_metadata_routing(self) -> MetadataRouter:
        """Return who takes which metadata: `sample_weight` here, `groups` in the splitter.

        Returns
        -------
        MetadataRouter
        """
        router = MetadataRouter(owner=type(self).__name__).add_self_request(self)
        splitter = self.cv
        if not hasattr(splitter, "split"):
            splitter = check_cv(
                int(splitter) if is_integral(splitter) else 5, classifier=is_classifier(self)
            )
        return router.add(
            splitter=splitter, method_mapping=MethodMapping().add(caller="fit", callee="split")
        )


class CrossValidatedPath(SplitterRouting, PenalizedModel):
    """`fit` along a path with folds; subclasses add the datafit and how to predict."""

    _default_eps: ClassVar[float | None] = None
    #: Parameters of the penalty of which several values may be given.
    _tuned: ClassVar[tuple[str, ...]] = ()

    alphas: Any
    eps: float | None
    cv: Any
    rule: str
    random_state: Any
    progress: bool
    scoring: Any

    alpha_: float
    alpha_min_: float
    alpha_1se_: float
    alphas_: Float64
    cv_mean_: Float64
    cv_se_: Float64
    loss_path_: Float64
    coefs_path_: NDArray[Any]
    intercepts_path_: NDArray[Any]
    dual_gaps_: Float64
    selection_frequency_: Float64
    path_: PathResult

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        **params: Any,
    ) -> Any:
        """Fit the path on all rows and with each fold left out, and choose a strength.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Float64 or float32. Fortran-ordered arrays and CSC matrices are read in place,
            memory-mapped ones too. A C-ordered array is copied once, a CSR matrix converted once;
            folds share X and are told apart by row weights.
        y : array-like of shape (n_samples,)
            Target, or class labels.
        sample_weight : array-like of shape (n_samples,) or float, optional
            Weights >= 0, of any scale, in the fits and in the losses.
        **params
            ``groups`` for the splitter; with metadata routing enabled, whatever it requests.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If X or y contains NaN or infinity, lengths differ, weights are negative or all zero,
            a class is missing from a fold, or a parameter is out of its range.
        """
        return self._fit(X, y, sample_weight, None, params)

    def _fit(
        self, X: MatrixLike, y: Any, sample_weight: Any, offset: Any, params: dict[str, Any]
    ) -> Any:
        split_params = self._split_params(sample_weight, offset, params)
        variants = self._variants()
        penalties = [self._make_penalty(**tuned) for tuned in variants]
        problem = self._problem(X, y, sample_weight, offset, penalties[0])
        problems = [problem.with_penalty(penalty) for penalty in penalties]
        scoring = check_scoring(problem.datafit, self.scoring)
        folds = self._folds(problem, split_params)
        if self.rule == "1se" and len(folds) < 2:
            raise ValueError("rule='1se' needs at least 2 folds, got 1; use rule='min'.")
        workers = n_threads(self.n_jobs)
        grids = [
            grid_of(self.alphas, self.eps or self._default_eps, self, one, workers)
            for one in problems
        ]
        n_steps = sum(grid.size for grid in grids) * (1 + len(folds))
        with progress_bar(n_steps, type(self).__name__, enabled=self.progress) as bar:
            steps = None if self.progress is False else Steps(bar, len(problems) * (1 + len(folds)))
            choices = self._run(problems, variants, folds, grids, scoring, workers, steps)
        best = min(choices, key=lambda choice: float(np.nanmin(choice.mean)))
        warn_unless_converged(
            best.problem,
            [best.raw, *(fit.certificate for fit in best.folds)],
            " of the path and its folds",
            stacklevel=5,
        )
        self._publish(best)
        return self

    def _folds(self, problem: Problem, split_params: dict[str, Any]) -> list[Fold]:
        """Return which rows each fold fits and scores, and how they count."""
        return make_folds(problem, self.cv, self.random_state, split_params)

    def _variants(self) -> list[dict[str, Any]]:
        """Return the values of the tuned parameters to try, each with fits of its own."""
        values = [several(name, getattr(self, name)) for name in self._tuned]
        return [dict(zip(self._tuned, chosen, strict=True)) for chosen in product(*values)]

    def _blends(self) -> list[dict[str, Any]]:
        """Return the values of parameters that `_blend` varies without fitting again."""
        return [{}]

    def _blend(
        self, problem: Problem, raw: Raw, weight: Float64 | None, blends: list[dict[str, Any]]
    ) -> list[Raw]:
        """Return one path for each entry of `_blends`."""
        return [raw]

    def _run(
        self,
        problems: list[Problem],
        variants: list[dict[str, Any]],
        folds: list[Fold],
        grids: list[Float64],
        scoring: str,
        workers: int,
        steps: Steps | None,
    ) -> list[_Choice]:
        early_stop = is_integral(self.alphas)
        blends = self._blends()
        n_tasks = len(problems) * (1 + len(folds))
        inner = max(1, workers // n_tasks)

        def path(i: int, fold: Fold | None, task: int) -> Any:
            def run(callback: Callback | None) -> list[Raw] | list[_FoldFit]:
                weight = None if fold is None else fold.train_weight
                raw = self._solve(
                    problems[i],
                    sample_weight=weight,
                    alphas=grids[i],
                    early_stop=early_stop,
                    n_threads=inner,
                    callback=callback,
                )
                if steps is not None:
                    steps.set(task, grids[i].size)
                paths = self._blend(problems[i], raw, weight, blends)
                if fold is None:
                    return paths
                return [
                    _FoldFit(
                        fold_loss(problems[i], fold, one, scoring, grids[i].size),
                        sp.csr_array(one["coefs"].reshape(len(one["alphas"]), -1) != 0),
                        {k: one[k] for k in CERTIFICATE if k in one},
                    )
                    for one in paths
                ]

            return run

        jobs: list[tuple[int, Fold | None]] = [
            (i, fold) for i in range(len(problems)) for fold in (None, *folds)
        ]
        results = run_side_by_side(
            [path(i, fold, task) for task, (i, fold) in enumerate(jobs)],
            min(workers, n_tasks),
            steps,
        )
        size = 1 + len(folds)
        weights = np.array([fold.weight for fold in folds])
        return [
            _summarise(
                problem,
                {**tuned, **blend},
                results[i * size][b],
                [fits[b] for fits in results[i * size + 1 :][: size - 1]],
                weights,
            )
            for i, (problem, tuned) in enumerate(zip(problems, variants, strict=True))
            for b, blend in enumerate(blends)
        ]

    def _publish(self, best: _Choice) -> None:
        """Set the fitted attributes, last of all."""
        raw, problem, chosen = best.raw, best.problem, best.chosen
        at = chosen.index_min if self.rule == "min" else chosen.index_1se
        self._store(problem, raw, at)
        path = path_result(problem, raw)
        self.path_ = path
        self.alphas_ = path.alphas
        self.coefs_path_ = path.coefs.T if problem.single else path.coefs
        self.intercepts_path_ = path.intercepts
        self.dual_gaps_ = path.dual_gaps
        self.cv_mean_, self.cv_se_, self.loss_path_ = best.mean, best.se, best.loss
        self.alpha_min_, self.alpha_1se_ = chosen.alpha_min, chosen.alpha_1se
        self.alpha_ = float(path.alphas[at])
        frequency = np.mean(
            [fit.nonzero[[min(at, fit.nonzero.shape[0] - 1)]].toarray()[0] for fit in best.folds],
            axis=0,
        )
        self.selection_frequency_ = frequency.reshape(raw["coefs"].shape[1:])
        if problem.single:
            self.selection_frequency_ = self.selection_frequency_[0]
        for name, value in best.tuned.items():
            setattr(self, f"{name}_", value)


class CrossValidatedPathWithOffset(CrossValidatedPath):
    """`fit` along a path with folds and a known part of the linear predictor."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
        **params: Any,
    ) -> Any:
        """Fit the path on all rows and with each fold left out, and choose a strength.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`LassoCV.fit`.
        offset : array-like of the shape of the linear predictor, optional
            Known part of it, in the fits and in the losses. Predictions then need one as well.
        **params
            ``groups`` for the splitter; with metadata routing enabled, whatever it requests.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If X or y contains NaN or infinity, y is out of the datafit's domain, lengths differ,
            weights are negative or all zero, or a parameter is out of its range.
        """
        return self._fit(X, y, sample_weight, offset, params)


def grid_of(
    alphas: Any, eps: float | None, model: PenalizedModel, problem: Problem, workers: int
) -> Float64:
    """Return strengths, given or from a number of them."""
    if not is_integral(alphas):
        return check_alphas(alphas)
    problem.require_penalty()
    eps = glmnet_eps(*problem.X.shape) if eps is None else float(eps)
    return default_grid(model._alpha_max(problem, workers), int(alphas), eps)


def several(name: str, values: Any) -> list[Any]:
    """Return the values of a parameter to try, from one number or a sequence of them.

    Raises
    ------
    ValueError
        If there is none.
    """
    if np.ndim(values) == 0:
        return [values]
    out = np.asarray(values).ravel().tolist()
    if not out:
        raise ValueError(f"{name} holds no value to try.")
    return out


def _summarise(
    problem: Problem, tuned: dict[str, Any], raw: Raw, fits: list[_FoldFit], weights: Float64
) -> _Choice:
    """Weighted mean and standard error over folds, as R's cvstats has them."""
    k = len(raw["alphas"])
    loss = np.column_stack([fit.loss[:k] for fit in fits])
    scored = weights > 0
    share = weights[scored] / weights.sum()
    mean = loss[:, scored] @ share
    if scored.sum() > 1:
        se = np.sqrt((loss[:, scored] - mean[:, None]) ** 2 @ share / (scored.sum() - 1))
    else:
        se = np.full(k, np.nan)
    chosen = one_standard_error(raw["alphas"], mean, se)
    return _Choice(problem, tuned, raw, fits, loss, mean, se, chosen)


__all__ = ["CrossValidatedPath", "CrossValidatedPathWithOffset", "grid_of", "several"]

# SPDX-License-Identifier: BSD-3-Clause
"""Folds as row weights, and tasks side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Event, Lock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold, PredefinedSplit, StratifiedKFold

from taut._progress import Bar
from taut._random import generator
from taut._validation import ClassTarget, Float64, is_integral, name_classes
from taut.linear_model._problem import Callback, Problem
from taut.typing import ProgressInfo, RandomState

T = TypeVar("T")


@dataclass(frozen=True)
class Fold:
    """Rows to fit by weight (zero: left out), and rows to score."""

    train_weight: Float64
    test: NDArray[np.intp]
    test_weight: Float64

    @property
    def weight(self) -> float:
        """Weight of the fold in means over folds."""
        return float(self.test_weight.sum())


def make_folds(
    problem: Problem, cv: Any, random_state: RandomState, split_params: dict[str, Any]
) -> list[Fold]:
    """Turn any kind of `cv` into folds.

    Raises
    ------
    ValueError
        If there are too few rows or observations of a class, if an index is out of range, or if
        a fold leaves nothing to fit or to score.
    """
    n = problem.X.shape[0]
    weights = problem.weights()
    codes = None if problem.target is None else problem.target.codes
    folds = []
    for train, test in _splits(problem, cv, n, codes, random_state, split_params):
        try:
            repeats = np.bincount(_indices(train, n), minlength=n)
        except (IndexError, ValueError):
            repeats = np.zeros(n + 1)
        test = _indices(test, n)
        if repeats.size > n or (test.size and not 0 <= test.min() <= test.max() < n):
            raise ValueError(f"cv holds row numbers outside 0 .. {n - 1}.")
        scored = test[weights[test] > 0]
        folds.append(Fold(weights * repeats, scored, weights[scored]))
    if not folds:
        raise ValueError("cv gave no split.")
    for i, fold in enumerate(folds):
        if not fold.train_weight.any():
            raise ValueError(f"Fold {i} of cv leaves no row of positive weight to fit.")
        if problem.target is not None:
            _require_all_classes(problem.target, fold, i)
    if not any(fold.test.size for fold in folds):
        raise ValueError("No fold of cv has a row of positive weight to score.")
    return folds


def _indices(rows: Any, n: int) -> NDArray[np.intp]:
    rows = np.asarray(rows)
    if rows.dtype == bool:
        return np.flatnonzero(rows)
    return rows.astype(np.intp, casting="same_kind") if rows.size else np.zeros(0, dtype=np.intp)


def _splits(
    problem: Problem,
    cv: Any,
    n: int,
    codes: NDArray[np.intp] | None,
    random_state: RandomState,
    split_params: dict[str, Any],
) -> list[tuple[Any, Any]]:
    cv = 5 if cv is None else cv
    if is_integral(cv):
        if n < cv:
            raise ValueError(f"cv={cv} folds need at least {cv} rows, got n_samples={n}. Lower cv.")
        seed = None
        if random_state is not None:
            seed = int(generator(random_state).integers(2**31))
        shuffle: dict[str, Any] = {"shuffle": seed is not None, "random_state": seed}
        if problem.target is None or codes is None:
            return list(KFold(int(cv), **shuffle).split(np.empty((n, 0))))
        _require_pairs(problem.target, problem.owner)
        return list(StratifiedKFold(int(cv), **shuffle).split(np.empty((n, 0)), codes))
    if hasattr(cv, "split"):
        y = problem.y if codes is None else codes
        return list(cv.split(problem.X, y, **split_params))
    if hasattr(cv, "__len__"):
        cv = list(cv)
        if cv and np.isscalar(cv[0]):
            ids = np.asarray(cv)
            if ids.shape != (n,) or ids.dtype.kind not in "iu":
                raise ValueError(
                    f"cv as fold numbers must hold {n} integers, one per row, got {ids.size} "
                    f"values of dtype {ids.dtype}."
                )
            return list(PredefinedSplit(ids).split())
    return [(train, test) for train, test in cv]


def _require_pairs(target: ClassTarget, owner: str) -> None:
    on = target.codes >= 0
    if target.row_weight is not None:
        on &= target.row_weight > 0
    counts = np.bincount(target.codes[on], minlength=len(target.classes))
    if target.shares is not None:
        counts = ((target.shares > 0) & on[:, None]).sum(axis=0)
    if counts.min() < 2:
        rare = target.classes[counts < 2]
        raise ValueError(
            f"{owner} needs at least 2 observations of each class for cross-validation; there is "
            f"one of class {name_classes(rare)}."
        )


def _require_all_classes(target: ClassTarget, fold: Fold, i: int) -> None:
    present = ClassTarget(target.classes, target.codes, target.shares, fold.train_weight).totals > 0
    if not present.all():
        raise ValueError(
            f"Fold {i} of cv leaves no row of class {name_classes(target.classes[~present])} to "
            "fit. Use fewer or stratified folds, or merge the class with another."
        )


class Cancelled(Exception):
    """Raised inside a kernel's callback when another task failed or Ctrl-C was pressed."""


class Steps:
    """Counts the finished steps of tasks that run side by side, for one progress bar."""

    def __init__(self, bar: Bar, n_tasks: int) -> None:
        self._bar = bar
        self._done = [0] * n_tasks
        self._lock = Lock()

    def set(self, task: int, done: int) -> None:
        """Say that `done` steps of a task are finished."""
        with self._lock:
            self._done[task] = done
            self._bar.update(sum(self._done))


def run_side_by_side(
    tasks: Sequence[Callable[[Callback | None], T]],
    n_workers: int,
    steps: Steps | None,
) -> list[T]:
    """Run tasks on threads and return their results in order.

    Each task gets a callback for its kernel. Kernels release the GIL. Only the main thread sees
    Ctrl-C, so the callback is also how the others learn of it.
    """
    stop = Event()

    def watcher(i: int) -> Callback | None:
        if steps is None and n_workers == 1:
            return None

        def watch(info: ProgressInfo) -> None:
            if stop.is_set():
                raise Cancelled
            if steps is not None:
                steps.set(i, info["step"])

        return watch

    if n_workers == 1:
        return [task(watcher(i)) for i, task in enumerate(tasks)]
    with ThreadPoolExecutor(n_workers, thread_name_prefix="taut-fold") as pool:
        futures = [pool.submit(task, watcher(i)) for i, task in enumerate(tasks)]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                error = future.exception()
                if error is not None:
                    raise error
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [future.result() for future in futures]


__all__ = ["Fold", "Steps", "make_folds", "run_side_by_side"]

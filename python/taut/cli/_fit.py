# SPDX-License-Identifier: BSD-3-Clause
"""From a prepared table to a model, its held-out score and its certificate."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from taut.cli._errors import UsageError, one_line
from taut.cli._table import Table

if TYPE_CHECKING:
    import pandas as pd

MODELS = ("lasso", "elasticnet", "logistic", "multinomial")
MODEL_NAMES = {
    "lasso": "Lasso",
    "elasticnet": "Elastic net",
    "logistic": "Logistic Lasso",
    "multinomial": "Multinomial Lasso",
}


@dataclass(frozen=True)
class Options:
    """Settings of one run, as given on the command line."""

    model: str | None = None
    l1_ratio: float | None = None
    grouped: bool = False
    vif: float | None = None
    cv: int = 5
    rule: str = "1se"
    test_size: float = 0.2
    seed: int = 0
    n_jobs: int = -1
    missing: str = "median"


@dataclass(frozen=True)
class Score:
    """A figure on the held-out rows beside the same figure of the trivial prediction."""

    name: str
    value: float
    baseline: float
    baseline_name: str
    better: str  # "higher" or "lower"


@dataclass(frozen=True)
class Certificate:
    """How far from optimal any fit of the path can be, relative to the null objective."""

    largest_gap: float
    chosen_gap: float
    tol: float
    n_alphas: int
    n_iter_total: int
    n_iter_max: int

    @property
    def holds(self) -> bool:
        """True if every fit of the path meets the tolerance."""
        return self.largest_gap <= self.tol


@dataclass
class FitResult:
    """All a report needs."""

    table: Table
    options: Options
    model: str
    estimator: Any
    X_train: pd.DataFrame
    X_test: pd.DataFrame
    y_train: NDArray[Any]
    y_test: NDArray[Any]
    y_pred: NDArray[Any]
    scale: NDArray[np.float64]
    scores: list[Score]
    certificate: Certificate
    seconds: float
    n_filled: dict[str, int] = field(default_factory=dict)
    constant: list[str] = field(default_factory=list)
    screened: list[tuple[str, float]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def coef(self) -> NDArray[np.float64]:
        """Coefficients, of shape (1, p) or (n_classes, p)."""
        return np.atleast_2d(np.asarray(self.estimator.coef_, dtype=float))

    @property
    def frequency(self) -> NDArray[np.float64]:
        """Share of folds that choose each coefficient; same shape as ``coef``."""
        return np.atleast_2d(np.asarray(self.estimator.selection_frequency_, dtype=float))

    @property
    def n_chosen(self) -> int:
        """Features with a nonzero coefficient in any class."""
        return int(np.count_nonzero((self.coef != 0).any(axis=0)))


def choose_model(table: Table, options: Options) -> str:
    """Name of the model: the one asked for, else the one for the task."""
    if options.model is not None:
        model = options.model
    elif table.task == "regression":
        # asking for a mixture of penalties is asking for the elastic net
        model = "elasticnet" if (options.l1_ratio or 1.0) < 1.0 else "lasso"
    else:
        model = "logistic" if table.task == "binary" else "multinomial"
    if options.grouped and model != "multinomial":
        raise UsageError(f"--grouped is for several classes, this is {MODEL_NAMES[model]}; drop it")
    if model == "lasso" and options.l1_ratio not in (None, 1.0):
        raise UsageError("--l1-ratio does not go with --model lasso; use --model elasticnet")
    return model


def fit_table(table: Table, options: Options, *, progress: bool = False) -> FitResult:
    """Hold out rows, screen, cross-validate, refit and score.

    Parameters
    ----------
    table : Table
    options : Options
    progress : bool, default=False
        Show a bar during cross-validation.

    Raises
    ------
    UsageError
        If there are too few rows, overall or in a class, for the split and the folds.
    """
    start = time.perf_counter()
    model = choose_model(table, options)
    train, test = _split(table, options)
    X_train, X_test = table.X.iloc[train], table.X.iloc[test]
    y_train, y_test = table.y[train], table.y[test]
    X_train, X_test, n_filled = _fill(X_train, X_test)
    X_train, X_test, constant = _drop_constant(X_train, X_test)
    X_train, X_test, screened = _screen(X_train, X_test, options.vif)
    estimator, notes = _cross_validate(model, X_train, y_train, options, progress)
    y_pred = np.asarray(estimator.predict(X_test))
    return FitResult(
        table=table,
        options=options,
        model=model,
        estimator=estimator,
        X_train=X_train,
        X_test=X_test,
        y_train=y_train,
        y_test=y_test,
        y_pred=y_pred,
        scale=X_train.to_numpy().std(axis=0),
        scores=_score(table.task, estimator, X_test, y_train, y_test, y_pred),
        certificate=_certificate(estimator),
        seconds=time.perf_counter() - start,
        n_filled=n_filled,
        constant=constant,
        screened=screened,
        notes=notes,
    )


def _split(table: Table, options: Options) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    from sklearn.model_selection import train_test_split

    n = table.y.shape[0]
    n_test = int(np.ceil(options.test_size * n))
    if n - n_test < 2 * options.cv:
        raise UsageError(
            f"{n} usable rows are too few for {options.cv} folds and a held-out part; "
            "give more rows or a smaller --cv"
        )
    if table.task == "regression":
        train, test = train_test_split(np.arange(n), test_size=n_test, random_state=options.seed)
        if np.ptp(table.y[train]) == 0.0:
            raise UsageError(
                f"target {table.target!r} has one value in the training rows; use another --seed"
            )
        return train, test
    classes, counts = np.unique(table.y, return_counts=True)
    rarest = int(np.argmin(counts))
    if counts[rarest] * (1.0 - options.test_size) < options.cv:
        raise UsageError(
            f"class {str(classes[rarest])!r} of {table.target!r} has {counts[rarest]} rows, "
            f"too few for {options.cv} folds and a held-out part; "
            "merge rare classes or use a smaller --cv"
        )
    if n_test < classes.size:
        raise UsageError(
            f"{n_test} held-out rows for {classes.size} classes are too few; raise --test-size"
        )
    train, test = train_test_split(
        np.arange(n), test_size=n_test, random_state=options.seed, stratify=table.y
    )
    return train, test


def _fill(
    X_train: pd.DataFrame, X_test: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, int]]:
    """Fill gaps with medians of the training rows; count the cells filled in each column."""
    missing = X_train.isna().sum() + X_test.isna().sum()
    n_filled = {str(name): int(count) for name, count in missing.items() if count}
    if n_filled:
        medians = X_train.median()
        # a column without a single training value has no median; constant 0 drops it next
        medians = medians.fillna(0.0)
        X_train, X_test = X_train.fillna(medians), X_test.fillna(medians)
    return X_train, X_test, n_filled


def _drop_constant(
    X_train: pd.DataFrame, X_test: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    varies = (X_train.max() > X_train.min()).to_numpy(dtype=bool)
    if not varies.any():
        raise UsageError("no feature varies over the training rows; give other columns")
    names = [str(name) for name in X_train.columns[~varies]]
    return X_train.loc[:, varies], X_test.loc[:, varies], names


def _screen(
    X_train: pd.DataFrame, X_test: pd.DataFrame, threshold: float | None
) -> tuple[pd.DataFrame, pd.DataFrame, list[tuple[str, float]]]:
    if threshold is None or X_train.shape[1] < 2:
        return X_train, X_test, []
    from taut.screening import VIFSelector

    selector = VIFSelector(threshold=threshold).fit(X_train)
    keep = np.asarray(selector.get_support(), dtype=bool)
    removed = [(str(entry[0]), float(entry[1])) for entry in selector.vif_path_]
    return X_train.loc[:, keep], X_test.loc[:, keep], removed


def _cross_validate(
    model: str, X: pd.DataFrame, y: NDArray[Any], options: Options, progress: bool
) -> tuple[Any, list[str]]:
    from sklearn.model_selection import KFold, StratifiedKFold

    from taut import linear_model

    folds = KFold if model in ("lasso", "elasticnet") else StratifiedKFold
    settings: dict[str, Any] = {
        "cv": folds(options.cv, shuffle=True, random_state=options.seed),
        "rule": options.rule,
        "standardize": True,
        "n_jobs": options.n_jobs,
        "random_state": options.seed,
        "progress": progress,
    }
    if model == "elasticnet":
        settings["l1_ratio"] = 0.5 if options.l1_ratio is None else options.l1_ratio
    elif options.l1_ratio is not None and model != "lasso":
        settings["l1_ratio"] = options.l1_ratio
    if model == "multinomial":
        settings["grouped"] = options.grouped
    classes = {
        "lasso": "LassoCV",
        "elasticnet": "ElasticNetCV",
        "logistic": "LogisticLassoCV",
        "multinomial": "MultinomialLassoCV",
    }
    estimator = getattr(linear_model, classes[model])(**settings)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            estimator.fit(X, y)
        except ValueError as error:  # what the estimator says about the data, in one line
            raise UsageError(f"cannot fit this table: {error}") from error
    # a warning belongs into the report, once, not between the progress bar and the result
    notes = list(dict.fromkeys(one_line(w.message) for w in caught))
    return estimator, notes


def _score(
    task: str,
    estimator: Any,
    X_test: pd.DataFrame,
    y_train: NDArray[Any],
    y_test: NDArray[Any],
    y_pred: NDArray[Any],
) -> list[Score]:
    if task == "regression":
        trivial = y_test - y_train.mean()
        residual = y_test - y_pred
        total = float(np.sum((y_test - y_test.mean()) ** 2))
        rmse, rmse_0 = (float(np.sqrt(np.mean(r**2))) for r in (residual, trivial))
        mae, mae_0 = (float(np.mean(np.abs(r))) for r in (residual, trivial))
        scores = [
            Score("Root mean squared error", rmse, rmse_0, "training mean", "lower"),
            Score("Mean absolute error", mae, mae_0, "training mean", "lower"),
        ]
        if total > 0.0:
            r2, r2_0 = (1.0 - float(np.sum(r**2)) / total for r in (residual, trivial))
            scores.insert(0, Score("R²", r2, r2_0, "training mean", "higher"))
        return scores
    from sklearn.metrics import log_loss

    labels, counts = np.unique(y_train, return_counts=True)
    shares = np.broadcast_to(counts / counts.sum(), (y_test.size, labels.size))
    commonest = labels[np.argmax(counts)]
    return [
        Score(
            "Accuracy",
            float(np.mean(y_pred == y_test)),
            float(np.mean(y_test == commonest)),
            f"always “{commonest}”",
            "higher",
        ),
        Score(
            "Log loss",
            float(log_loss(y_test, estimator.predict_proba(X_test), labels=labels)),
            float(log_loss(y_test, shares, labels=labels)),
            "class shares",
            "lower",
        ),
    ]


def _certificate(estimator: Any) -> Certificate:
    path = estimator.path_
    gaps = np.asarray(path.dual_gaps, dtype=float) / float(path.null_loss)
    n_iter = np.atleast_1d(np.asarray(path.n_iter))
    chosen = int(np.argmin(np.abs(np.asarray(path.alphas) - estimator.alpha_)))
    return Certificate(
        largest_gap=float(gaps.max()),
        chosen_gap=float(gaps[chosen]),
        tol=float(estimator.tol),
        n_alphas=int(gaps.size),
        n_iter_total=int(n_iter.sum()),
        n_iter_max=int(n_iter.max()),
    )

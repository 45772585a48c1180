# SPDX-License-Identifier: BSD-3-Clause
"""Losses on rows that a fit has not seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.special import log_expit, log_softmax, xlogy

from taut._validation import Float64
from taut.datafits import Datafit, Huber
from taut.linear_model._cumulative import held_out_loss
from taut.linear_model._folds import Fold
from taut.linear_model._problem import Problem, Raw

#: Probabilities in a deviance are kept this far from 0 and 1, as in glmnet, so that one hopeless
#: row cannot outweigh all others.
PROBABILITY_FLOOR = 1e-5

#: Losses by kind of response; the first is the default.
SCORINGS: dict[str, tuple[str, ...]] = {
    "quadratic": ("mse", "mae"),
    "sqrt": ("mse", "mae"),
    "huber": ("deviance", "mse", "mae"),
    "logistic": ("deviance", "class"),
    "multinomial": ("deviance", "class"),
    "cumulative_logit": ("brier", "log_loss", "rare_brier"),
    "poisson": ("deviance", "mse", "mae"),
}

#: Held-out rows are scored in blocks whose arrays have about this many numbers.
_BLOCK = 2_000_000


def check_scoring(datafit: Datafit, scoring: Any) -> str:
    """Return the name of the loss, the datafit's own for None.

    Raises
    ------
    ValueError
        If the datafit has no such loss.
    """
    known = SCORINGS[datafit.name]
    if scoring is None:
        return known[0]
    if scoring not in known:
        names = ", ".join(repr(name) for name in known)
        raise ValueError(
            f"scoring must be one of {names} with datafit={datafit.name!r}, got {scoring!r}."
        )
    return str(scoring)


def fold_loss(problem: Problem, fold: Fold, raw: Raw, scoring: str, n_alphas: int) -> Float64:
    """Return the weighted mean loss on a fold's held-out rows at each strength, shape (n_alphas,).

    A path that stopped before `n_alphas` keeps its last coefficients. NaN if nothing is held out.
    """
    if fold.test.size == 0:
        return np.full(n_alphas, np.nan)
    coefs = raw["coefs"][:n_alphas]
    intercepts = raw["intercepts"][:n_alphas]
    k, n_outputs, p = coefs.shape
    active = np.flatnonzero(coefs.reshape(-1, p).any(axis=0))
    slopes = coefs[:, :, active].reshape(k * n_outputs, active.size).T
    X = problem.X
    if sp.issparse(X):
        X = X[:, active].tocsr()
    width = k * n_outputs + active.size + 1
    step = max(1, _BLOCK // width)
    total = np.zeros(k)
    for start in range(0, fold.test.size, step):
        rows = fold.test[start : start + step]
        block = X[rows] if sp.issparse(X) else X[np.ix_(rows, active)]
        eta = np.asarray(block @ slopes, dtype=np.float64).reshape(rows.size, k, n_outputs)
        eta += intercepts
        if problem.offset is not None:
            eta += problem.offset[rows].reshape(rows.size, 1, n_outputs)
        loss = row_loss(problem.datafit, scoring, problem.y[rows], eta)
        total += fold.test_weight[start : start + step] @ loss
    total /= fold.weight
    return np.concatenate([total, np.full(n_alphas - k, total[-1])])


def row_loss(datafit: Datafit, scoring: str, y: Float64, eta: Float64) -> Float64:
    """Return the loss of each row at each strength; eta has shape (rows, n_alphas, n_outputs)."""
    if datafit.kind != "classes":
        several = y.reshape(y.shape[0], 1, -1)
        if scoring == "deviance" and datafit.kind == "counts":
            loss = 2.0 * (xlogy(several, several) - several * (eta + 1.0) + np.exp(eta))
            return np.asarray(loss.mean(axis=2))
        r = several - (np.exp(eta) if datafit.kind == "counts" else eta)
        if scoring == "mae":
            return np.asarray(np.abs(r).mean(axis=2))
        if scoring == "deviance" and isinstance(datafit, Huber):
            inside = np.minimum(np.abs(r), datafit.delta)
            return np.asarray((inside * (2.0 * np.abs(r) - inside)).mean(axis=2))
        return np.asarray((r**2).mean(axis=2))
    if datafit.name == "cumulative_logit":
        return held_out_loss(scoring, y, eta, PROBABILITY_FLOOR)
    low, high = np.log(PROBABILITY_FLOOR), np.log1p(-PROBABILITY_FLOOR)
    if datafit.name == "logistic":
        eta, y = eta[:, :, 0], y[:, None]
        if scoring == "class":
            return ((eta > 0) != (y > 0.5)).astype(np.float64)
        log_p = np.clip(log_expit(eta), low, high)
        log_q = np.clip(log_expit(-eta), low, high)
        return np.asarray(-2.0 * (y * log_p + (1.0 - y) * log_q))
    if scoring == "class":
        guess = eta.argmax(axis=2)
        return 1.0 - np.take_along_axis(y, guess, axis=1)
    log_p = np.clip(log_softmax(eta, axis=2), low, high)
    fitted = np.einsum("ik,iak->ia", y, log_p)
    return np.asarray(2.0 * (xlogy(y, y).sum(axis=1)[:, None] - fitted))


__all__ = ["SCORINGS", "check_scoring", "fold_loss", "row_loss"]

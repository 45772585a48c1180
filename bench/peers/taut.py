# SPDX-License-Identifier: BSD-3-Clause
"""taut itself, through its public functions."""

from __future__ import annotations

import numpy as np
from tasks import GROUP_SIZE, HUBER_DELTA, MCP_GAMMA

from taut import __version__, linear_model

# Builds that against.py compares with may know the Lasso alone: the rest is imported where used.
NOTE = "tol is the relative duality gap; for MCP the distance to the subdifferential over alpha_max"


def version():
    return __version__


def lasso(X, y, alphas, tol, n_threads):
    path = linear_model.lasso_path(
        X, y, alphas=alphas, tol=tol, fit_intercept=False, n_jobs=n_threads
    )
    return path.coefs


def _path(X, y, alphas, tol, n_threads, datafit="quadratic", penalty="l1"):
    path = linear_model.penalized_path(
        X,
        y,
        datafit,
        penalty,
        alphas=alphas,
        tol=tol,
        fit_intercept=False,
        standardize=False,
        n_jobs=n_threads,
    )
    return path.coefs


def logistic(*problem):
    return _path(*problem, datafit="logistic")


def poisson(*problem):
    return _path(*problem, datafit="poisson")


def huber(*problem):
    from taut import datafits

    return _path(*problem, datafit=datafits.Huber(delta=HUBER_DELTA))


def sqrt(*problem):
    return _path(*problem, datafit="sqrt")


def group(X, *rest):
    from taut import penalties

    groups = np.arange(X.shape[1]) // GROUP_SIZE
    return _path(X, *rest, penalty=penalties.Group(groups))


def multitask(*problem):
    coefs = _path(*problem, penalty="group")  # (k, K, p)
    return coefs.transpose(2, 1, 0).reshape(-1, coefs.shape[0])


def mcp(*problem):
    from taut import penalties

    return _path(*problem, penalty=penalties.MCP(gamma=MCP_GAMMA))

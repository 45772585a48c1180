# SPDX-License-Identifier: BSD-3-Clause
"""skglm: its solvers, warm-started over the path; compiled at the first call, not counted."""

from __future__ import annotations

import warnings

import numpy as np
import scipy.sparse as sp
import skglm
from skglm import datafits, penalties, solvers
from skglm.experimental.sqrt_lasso import SqrtQuadratic
from skglm.utils.data import grp_converter
from skglm.utils.jit_compilation import compiled_clone
from tasks import GROUP_SIZE, HUBER_DELTA, MCP_GAMMA

NOTE = "tol is multiplied by alpha_max: it is a distance to the subdifferential"
_LIMITS = {"max_iter": 200, "fit_intercept": False, "warm_start": True}


def version():
    return skglm.__version__


def lasso(X, y, alphas, tol, n_threads):
    model = skglm.Lasso(
        fit_intercept=False, tol=tol * alphas[0], max_iter=200, max_epochs=50_000, warm_start=True
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = model.path(X, y, alphas)
    return out[1]


def _path(X, y, alphas, solver, datafit, penalty):
    """Warm-started solutions (p, k), or (p * n_outputs, k)."""
    datafit, penalty = compiled_clone(datafit), compiled_clone(penalty)
    if sp.issparse(X):
        datafit.initialize_sparse(X.data, X.indptr, X.indices, y)
    else:
        datafit.initialize(X, y)
    shape = (X.shape[1], *y.shape[1:])
    w, Xw = np.zeros(shape), np.zeros(y.shape, order="F")
    coefs = np.zeros((w.size, alphas.size), order="F")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for t, alpha in enumerate(alphas):
            penalty.alpha = alpha
            w = solver.solve(X, y, datafit, penalty, w, Xw)[0].copy()
            Xw = np.asfortranarray(X @ w)
            coefs[:, t] = w.ravel()
    return coefs


def logistic(X, y, alphas, tol, n_threads):
    solver = solvers.ProxNewton(tol=tol * alphas[0], max_pn_iter=5000, **_LIMITS)
    return _path(X, 2.0 * y - 1.0, alphas, solver, datafits.Logistic(), penalties.L1(1.0))


def poisson(X, y, alphas, tol, n_threads):
    solver = solvers.ProxNewton(tol=tol * alphas[0], max_pn_iter=5000, **_LIMITS)
    return _path(X, y, alphas, solver, datafits.Poisson(), penalties.L1(1.0))


def huber(X, y, alphas, tol, n_threads):
    solver = solvers.AndersonCD(tol=tol * alphas[0], max_epochs=50_000, **_LIMITS)
    return _path(X, y, alphas, solver, datafits.Huber(HUBER_DELTA), penalties.L1(1.0))


def sqrt(X, y, alphas, tol, n_threads):
    # Its loss is the norm of the residual, not divided by the root of n; its own path function
    # starts every alpha from zero.
    alphas = alphas * np.sqrt(y.size)
    solver = solvers.ProxNewton(tol=tol * alphas[0], max_pn_iter=5000, **_LIMITS)
    return _path(X, y, alphas, solver, SqrtQuadratic(), penalties.L1(1.0))


def group(X, y, alphas, tol, n_threads):
    indices, ptr = grp_converter(GROUP_SIZE, X.shape[1])
    weights = np.full(ptr.size - 1, np.sqrt(GROUP_SIZE))
    solver = solvers.GroupBCD(tol=tol * alphas[0], max_epochs=50_000, **_LIMITS)
    datafit = datafits.QuadraticGroup(ptr, indices)
    return _path(
        X, y, alphas, solver, datafit, penalties.WeightedGroupL2(1.0, weights, ptr, indices)
    )


def multitask(X, y, alphas, tol, n_threads):
    solver = solvers.MultiTaskBCD(tol=tol * alphas[0], max_epochs=50_000, **_LIMITS)
    return _path(X, y, alphas, solver, datafits.QuadraticMultiTask(), penalties.L2_1(1.0))


def mcp(X, y, alphas, tol, n_threads):
    solver = solvers.AndersonCD(tol=tol * alphas[0], max_epochs=50_000, **_LIMITS)
    return _path(X, y, alphas, solver, datafits.Quadratic(), penalties.MCPenalty(1.0, MCP_GAMMA))

# SPDX-License-Identifier: BSD-3-Clause
"""celer: its path functions, with working sets and dual extrapolation."""

from __future__ import annotations

import warnings

import celer
import numpy as np
from celer.homotopy import mtl_path
from tasks import GROUP_SIZE

NOTE = "prune=1 (the default of its estimators), max_iter=100, max_epochs=50000"
_LIMITS = {"prune": 1, "max_iter": 100, "max_epochs": 50_000}


def version():
    return celer.__version__


def _path(X, y, alphas, tol, pb, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return celer.celer_path(X, y, pb=pb, alphas=alphas, tol=tol, **_LIMITS, **options)[1]


def lasso(X, y, alphas, tol, n_threads):
    return _path(X, y, alphas, tol, "lasso")


def logistic(X, y, alphas, tol, n_threads):
    # Its loss is a sum over the rows.
    return _path(X, 2.0 * y - 1.0, alphas * y.size, tol, "logreg", use_PN=True)


def group(X, y, alphas, tol, n_threads):
    weights = np.full(X.shape[1] // GROUP_SIZE, np.sqrt(GROUP_SIZE))
    return _path(X, y, alphas, tol, "grouplasso", groups=GROUP_SIZE, weights=weights)


def multitask(X, y, alphas, tol, n_threads):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        coefs = mtl_path(X, y, alphas=alphas, tol=tol, **_LIMITS)[1]  # (K, p, k)
    return coefs.transpose(1, 0, 2).reshape(-1, alphas.size)

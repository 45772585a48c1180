# SPDX-License-Identifier: BSD-3-Clause
"""celer: celer_path with working sets and dual extrapolation."""

from __future__ import annotations

import warnings

import celer

NOTE = "prune=1 (the default of celer.Lasso), max_iter=100, max_epochs=50000"


def version():
    return celer.__version__


def solve(X, y, alphas, tol, n_threads):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, coefs, _ = celer.celer_path(
            X, y, pb="lasso", alphas=alphas, tol=tol, prune=1, max_iter=100, max_epochs=50_000
        )
    return coefs

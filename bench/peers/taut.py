# SPDX-License-Identifier: BSD-3-Clause
"""taut itself, through its public function."""

from __future__ import annotations

from taut import __version__
from taut.linear_model import lasso_path

NOTE = "tol is the relative duality gap"


def version():
    return __version__


def solve(X, y, alphas, tol, n_threads):
    path = lasso_path(X, y, alphas=alphas, tol=tol, fit_intercept=False, n_jobs=n_threads)
    return path.coefs

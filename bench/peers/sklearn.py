# SPDX-License-Identifier: BSD-3-Clause
"""scikit-learn: lasso_path, which takes the Gram route by itself when n > p."""

from __future__ import annotations

import warnings

import sklearn
from sklearn.linear_model import lasso_path

NOTE = "precompute='auto', max_iter=100000"


def version():
    return sklearn.__version__


def solve(X, y, alphas, tol, n_threads):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, coefs, _ = lasso_path(X, y, alphas=alphas, tol=tol, max_iter=100_000)
    return coefs

# SPDX-License-Identifier: BSD-3-Clause
"""scikit-learn: lasso_path, which takes the Gram route by itself when n > p."""

from __future__ import annotations

import warnings

import sklearn
from sklearn.linear_model import lasso_path

NOTE = "precompute='auto', max_iter=100000"


def version():
    return sklearn.__version__


def lasso(X, y, alphas, tol, n_threads):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return lasso_path(X, y, alphas=alphas, tol=tol, max_iter=100_000)[1]


def multitask(X, y, alphas, tol, n_threads):
    coefs = lasso(X, y, alphas, tol, n_threads)  # (K, p, k)
    return coefs.transpose(1, 0, 2).reshape(-1, alphas.size)

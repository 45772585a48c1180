# SPDX-License-Identifier: BSD-3-Clause
"""skglm: the path of its Lasso class; compiled at the first call, which is not counted."""

from __future__ import annotations

import warnings

import skglm

NOTE = "tol is multiplied by alpha_max: it is a distance to the subdifferential"


def version():
    return skglm.__version__


def solve(X, y, alphas, tol, n_threads):
    model = skglm.Lasso(
        fit_intercept=False, tol=tol * alphas[0], max_iter=200, max_epochs=50_000, warm_start=True
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = model.path(X, y, alphas)
    return out[1]

# SPDX-License-Identifier: BSD-3-Clause
"""abess: best subset of 1 to 50 columns. Another problem, so there is no gap to compare."""

from __future__ import annotations

import importlib.metadata

import numpy as np
from abess import LinearRegression

COMPARABLE = False
NOTE = "best subset of 1 to 50 columns, not a Lasso: time only"


def version():
    return importlib.metadata.version("abess")


def lasso(X, y, alphas, tol, n_threads):
    sizes = range(1, min(50, X.shape[1] - 1) + 1)
    model = LinearRegression(support_size=sizes, fit_intercept=False, thread=n_threads)
    model.fit(X, y)
    return np.asarray(model.coef_).reshape(-1, 1)

# SPDX-License-Identifier: BSD-3-Clause
"""adelie: naive updates, or its covariance method with X'X built inside the timing when tall."""

from __future__ import annotations

import adelie as ad
import numpy as np
import scipy.sparse as sp

NOTE = "covariance method when dense and n > 4p, else naive"


def version():
    return ad.__version__


def solve(X, y, alphas, tol, n_threads):
    n, p = X.shape
    common = {
        "lmda_path": alphas,
        "tol": tol,
        "early_exit": False,
        "progress_bar": False,
        "n_threads": n_threads,
        "max_iters": 10_000_000,
    }
    if not sp.issparse(X) and n > 4 * p:
        A = np.asfortranarray(X.T @ X / n)
        state = ad.gaussian_cov(A=A, v=X.T @ y / n, **common)
    else:
        if sp.issparse(X):
            design = ad.matrix.sparse(X, method="naive", n_threads=n_threads)
        else:
            design = ad.matrix.dense(X, method="naive", n_threads=n_threads)
        state = ad.grpnet(X=design, glm=ad.glm.gaussian(y), intercept=False, adev_tol=1.0, **common)
    return sp.csr_matrix(state.betas).T.tocsc()

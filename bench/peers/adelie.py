# SPDX-License-Identifier: BSD-3-Clause
"""adelie: naive updates, or its covariance method with X'X built inside the timing when tall."""

from __future__ import annotations

import adelie as ad
import numpy as np
import scipy.sparse as sp
from tasks import GROUP_SIZE

NOTE = "covariance method when dense and n > 4p, else naive"


def version():
    return ad.__version__


def _options(alphas, tol, n_threads):
    return {
        "lmda_path": alphas,
        "tol": tol,
        "early_exit": False,
        "progress_bar": False,
        "n_threads": n_threads,
        "max_iters": 10_000_000,
    }


def _naive(X, glm, alphas, tol, n_threads, **options):
    make = ad.matrix.sparse if sp.issparse(X) else ad.matrix.dense
    state = ad.grpnet(
        X=make(X, method="naive", n_threads=n_threads),
        glm=glm,
        intercept=False,
        adev_tol=1.0,
        **_options(alphas, tol, n_threads),
        **options,
    )
    return sp.csr_matrix(state.betas).T.tocsc()


def lasso(X, y, alphas, tol, n_threads):
    n, p = X.shape
    if not sp.issparse(X) and n > 4 * p:
        A = np.asfortranarray(X.T @ X / n)
        state = ad.gaussian_cov(A=A, v=X.T @ y / n, **_options(alphas, tol, n_threads))
        return sp.csr_matrix(state.betas).T.tocsc()
    return _naive(X, ad.glm.gaussian(y), alphas, tol, n_threads)


def logistic(X, y, alphas, tol, n_threads):
    return _naive(X, ad.glm.binomial(y), alphas, tol, n_threads, irls_tol=tol)


def poisson(X, y, alphas, tol, n_threads):
    return _naive(X, ad.glm.poisson(y), alphas, tol, n_threads, irls_tol=tol)


def group(X, y, alphas, tol, n_threads):
    # The default penalty of a group is the root of its size.
    groups = np.arange(0, X.shape[1], GROUP_SIZE)
    return _naive(X, ad.glm.gaussian(y), alphas, tol, n_threads, groups=groups)


def multitask(X, y, alphas, tol, n_threads):
    # Its loss is divided by the number of responses, its default penalty is the root of it.
    K = y.shape[1]
    return _naive(
        X,
        ad.glm.multigaussian(np.ascontiguousarray(y)),
        alphas / K,
        tol,
        n_threads,
        penalty=np.ones(X.shape[1]),
    )

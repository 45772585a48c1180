# SPDX-License-Identifier: BSD-3-Clause
"""R glmnet through Rscript, timed inside R around the call alone."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import scipy.sparse as sp

NOTE = "standardize=FALSE, intercept=FALSE, maxit=1e9; R's BLAS is not used by glmnet"
_SCRIPT = Path(__file__).with_name("glmnet_path.R")


def version():
    out = subprocess.run(
        ["Rscript", "-e", "cat(as.character(packageVersion('glmnet')))"],
        capture_output=True,
        text=True,
        check=True,
    )
    return out.stdout.strip()


def lasso(X, y, alphas, tol, n_threads):
    return _path(X, y, alphas, tol, "gaussian")


def logistic(X, y, alphas, tol, n_threads):
    return _path(X, y, alphas, tol, "binomial")


def poisson(X, y, alphas, tol, n_threads):
    return _path(X, y, alphas, tol, "poisson")


def multitask(X, y, alphas, tol, n_threads):
    return _path(X, y, alphas, tol, "mgaussian")


def _path(X, y, alphas, tol, family):
    K = y.shape[1] if y.ndim == 2 else 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        meta = {"n": X.shape[0], "p": X.shape[1], "sparse": sp.issparse(X), "thresh": float(tol)}
        meta |= {"family": family, "outputs": K}
        if sp.issparse(X):
            X.data.astype("<f8").tofile(folder / "data.bin")
            X.indices.astype("<i4").tofile(folder / "indices.bin")
            X.indptr.astype("<i4").tofile(folder / "indptr.bin")
            meta["nnz"] = int(X.nnz)
        else:
            np.asfortranarray(X).ravel(order="K").tofile(folder / "data.bin")
        np.ascontiguousarray(y.T, dtype="<f8").tofile(folder / "y.bin")
        alphas.astype("<f8").tofile(folder / "alphas.bin")
        meta["k"] = int(alphas.size)
        (folder / "meta.json").write_text(json.dumps(meta))
        subprocess.run(["Rscript", "--vanilla", str(_SCRIPT), str(folder)], check=True)
        info = np.fromfile(folder / "info.bin")
        nnz, k = int(info[2]), int(info[3])
        data = np.fromfile(folder / "out_x.bin")
        rows = np.fromfile(folder / "out_i.bin", dtype="<i4")
        indptr = np.fromfile(folder / "out_p.bin", dtype="<i4")
    if k != alphas.size:
        raise RuntimeError(f"glmnet stopped after {k} of {alphas.size} alphas")
    assert data.size == nnz
    return sp.csc_matrix((data, rows, indptr), shape=(X.shape[1] * K, k)), info[0], info[1]

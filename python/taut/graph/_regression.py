# SPDX-License-Identifier: BSD-3-Clause
"""Regression of every variable on its parents, from a covariance."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["criterion", "least_squares", "residual_variances"]

Float64 = NDArray[np.float64]


def least_squares(cov: Float64, edges: NDArray[np.bool_], n: float) -> tuple[Float64, Float64]:
    """Regress every variable on its parents, from the covariance of n samples.

    Standard errors are NaN where the parents are collinear (then the weights are those of least
    norm) or as many as the samples.
    """
    d = cov.shape[0]
    weights, errors = np.zeros((d, d)), np.full((d, d), np.nan)
    for j in range(d):
        parents = np.flatnonzero(edges[:, j])
        if parents.size == 0:
            continue
        gram, cross = cov[np.ix_(parents, parents)], cov[parents, j]
        scale = np.sqrt(np.diag(gram))
        values, vectors = np.linalg.eigh(gram / np.outer(scale, scale))
        kept = values > 1e-12 * parents.size
        basis = vectors[:, kept] / np.sqrt(values[kept])
        coef = basis @ (basis.T @ (cross / scale)) / scale
        weights[parents, j] = coef
        freedom = n - parents.size - 1
        if kept.all() and freedom > 0:
            residual = max(float(cov[j, j] - cross @ coef), 0.0)
            spread = np.sum(basis * basis, axis=1) / scale**2
            errors[parents, j] = np.sqrt(residual / freedom * spread)
    return weights, errors


def residual_variances(cov: Float64, weights: Float64) -> Float64:
    """Variances of what the equations leave."""
    rest = np.eye(cov.shape[0]) - weights
    variances: Float64 = np.maximum(np.einsum("ij,ij->j", rest, cov @ rest), 0.0)
    return variances


def criterion(
    cov: Float64, n: float, edges: NDArray[np.bool_], common: bool
) -> tuple[float, float]:
    """Return the BIC of a graph, with one noise scale or one for each, and the common scale."""
    residual = residual_variances(cov, least_squares(cov, edges, n)[0])
    mean = float(residual.mean())
    with np.errstate(divide="ignore"):
        fit = residual.size * np.log(mean) if common else np.log(residual).sum()
    return n * float(fit) + math.log(n) * int(edges.sum()), math.sqrt(mean)

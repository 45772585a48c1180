# SPDX-License-Identifier: BSD-3-Clause
"""Weighted correlation matrices, their factorisation, and exactly collinear columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.linalg import lapack, solve_triangular

from taut._validation import check_weights

__all__ = ["COLLINEAR_TOL", "Factor", "correlation", "dropped_by_rule", "normalized_weights"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Index = NDArray[np.intp]

#: A column is exactly collinear when the other columns leave at most this share of its variance.
COLLINEAR_TOL = 1e-10

_BLOCK_BYTES = 32 * 2**20


def normalized_weights(sample_weight: ArrayLike | None, n_samples: int) -> Array:
    """Checked weights as float64 (n_samples,), normalised to sum 1."""
    s = check_weights(sample_weight, n_samples)
    if s is None:
        return np.full(n_samples, 1.0 / n_samples)
    scaled = np.asarray(s / s.max(), dtype=np.float64)  # very large weights would overflow a sum
    return scaled / scaled.sum()


def correlation(X: Any, s: Array) -> tuple[Array, Mask]:
    """Weighted correlation matrix (p, p) in float64, and a mask of the constant columns.

    Rows and columns of constant columns are zero apart from the diagonal. Dense X is read twice,
    in blocks of rows, and never copied as a whole; sparse X stays sparse.
    """
    if sparse.issparse(X):
        C, constant = _sparse_covariance(X, s)
    else:
        C, constant = _dense_covariance(X, s)
    root = np.sqrt(np.diagonal(C))
    inverse = np.divide(1.0, root, out=np.zeros_like(root), where=~constant & (root > 0))
    C *= inverse
    C *= inverse[:, None]
    np.fill_diagonal(C, 1.0)
    return C, constant


def _resolution(dtype: Any) -> float:
    """Relative spread below which a column cannot be told from a constant in this type."""
    return 4.0 * float(np.finfo(dtype).eps)


def _dense_covariance(X: NDArray[Any], s: Array) -> tuple[Array, Mask]:
    n, p = X.shape
    step = max(1, _BLOCK_BYTES // (8 * p))
    kept = np.flatnonzero(s > 0)  # a row of weight zero must not decide what is constant
    whole = kept.size == n
    blocks = [
        slice(i, i + step) if whole else kept[i : i + step] for i in range(0, kept.size, step)
    ]
    low = np.min([X[block].min(axis=0) for block in blocks], axis=0).astype(np.float64)
    high = np.max([X[block].max(axis=0) for block in blocks], axis=0).astype(np.float64)
    spread = high - low
    size = np.maximum(np.abs(low), np.abs(high))
    constant = spread <= _resolution(X.dtype) * size
    # Centred and scaled by the range before the product: no cancellation, no overflow.
    unit = np.where(constant, 1.0, spread)
    # The mean of x - low keeps the digits that the mean of x would lose next to a large shift.
    mean = np.zeros(p)
    for block in blocks:
        mean += s[block] @ ((X[block] - low) / unit)
    root = np.sqrt(s)[:, None]
    C = np.zeros((p, p))
    for block in blocks:
        Z = ((X[block] - low) / unit - mean) * root[block]
        C += Z.T @ Z  # NumPy calls syrk
    return C, constant


def _sparse_covariance(X: Any, s: Array) -> tuple[Array, Mask]:
    """X'SX - m m' in float64.

    The subtraction is harmless where a column has zeros: with a share f of its weight on stored
    entries m^2 <= f E[x^2], so at most the factor 1 / (1 - f) is lost. Columns without any zero
    are shifted first (correlations do not change).
    """
    if not np.all(s > 0):
        kept = np.flatnonzero(s > 0)
        X, s = sparse.csr_array(X)[kept], s[kept]
    X = sparse.csc_array(X)
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    n, p = X.shape
    resolution = _resolution(X.dtype)
    data = X.data.astype(np.float64)
    counts = np.diff(X.indptr)
    column = np.repeat(np.arange(p), counts)
    full = counts == n

    low, high = np.zeros(p), np.zeros(p)
    filled = np.flatnonzero(counts)
    if filled.size:
        starts = X.indptr[filled]
        low[filled] = np.minimum.reduceat(data, starts)
        high[filled] = np.maximum.reduceat(data, starts)
    low[~full], high[~full] = np.minimum(low[~full], 0.0), np.maximum(high[~full], 0.0)
    size = np.maximum(np.abs(low), np.abs(high))
    spread = high - low
    constant = spread <= resolution * size
    unit = np.where(constant, 1.0, spread)

    weight = s[X.indices]
    data = (data - np.where(full, low, 0.0)[column]) / unit[column]
    shift = np.bincount(column, weights=weight * data, minlength=p)
    data -= np.where(full, shift, 0.0)[column]
    mean = np.bincount(column, weights=weight * data, minlength=p)
    Z = sparse.csc_array((data * np.sqrt(weight), X.indices, X.indptr), shape=(n, p))
    C = (Z.T @ Z).toarray() - np.outer(mean, mean)
    # Two-pass variances: the diagonal scales everything else.
    stored = np.bincount(column, weights=weight, minlength=p)
    variance = np.bincount(column, weights=weight * (data - mean[column]) ** 2, minlength=p)
    variance += np.where(full, 0.0, np.maximum(1.0 - stored, 0.0)) * mean**2
    np.fill_diagonal(C, variance)
    return C, constant


@dataclass(frozen=True)
class Factor:
    """Pivoted Cholesky factor of a correlation matrix: R[order][:, order] = L L'.

    L is (p, rank) lower trapezoidal; ``order[:rank]`` are independent columns, and every other
    column keeps at most ``COLLINEAR_TOL`` of its variance given them.
    """

    L: Array
    order: Index
    rank: int

    @classmethod
    def of(cls, R: Array) -> Factor:
        p = R.shape[0]
        if p == 0:
            return cls(np.zeros((0, 0)), np.zeros(0, dtype=np.intp), 0)
        # R is symmetric: its transpose is the Fortran-ordered copy LAPACK may overwrite.
        c, pivots, rank, info = lapack.dpstrf(
            np.array(R, order="F"), tol=COLLINEAR_TOL, lower=1, overwrite_a=1
        )
        if info < 0:
            raise RuntimeError(f"dpstrf refused argument {-info}.")
        return cls(np.tril(c)[:, :rank], pivots.astype(np.intp) - 1, int(rank))

    @property
    def deficient(self) -> bool:
        return self.rank < self.order.size

    def inverse(self) -> Array:
        """Inverse of R restricted to the independent columns, in their original order."""
        r = self.rank
        if r == 0:
            return np.zeros((0, 0))
        M, info = lapack.dpotri(np.array(self.L[:r], order="F"), lower=1, overwrite_c=1)
        if info != 0:
            raise RuntimeError(f"dpotri failed with info = {info}.")
        M = np.tril(M) + np.tril(M, -1).T
        place = np.argsort(self.order[:r])
        return M[np.ix_(place, place)]

    def null_space(self) -> Array:
        """Coefficients (p - rank, p) of the combinations of columns that vanish."""
        r, p = self.rank, self.order.size
        N = np.zeros((p - r, p))
        combination = solve_triangular(self.L[:r], self.L[r:].T, lower=True, trans="T")
        N[:, self.order[:r]] = -combination.T
        N[np.arange(p - r), self.order[r:]] = 1.0
        return N

    def involved(self) -> Mask:
        """Columns that take part in an exact linear dependence."""
        if not self.deficient:
            return np.zeros(self.order.size, dtype=bool)
        # A coefficient below sqrt(tol) explains less variance than tol: the dependence holds
        # without that column.
        return np.abs(self.null_space()).max(axis=0) > np.sqrt(COLLINEAR_TOL)


def dropped_by_rule(factor: Factor) -> Mask:
    """Columns that a walk from left to right finds dependent on the columns kept before.

    The choice LAPACK makes (largest remaining variance first) depends on rounding; this one does
    not: of columns that depend on each other the later ones go. O(min(rank, p - rank)^2 p).
    """
    p, r = factor.order.size, factor.rank
    if p - r <= r:
        # Backwards through the null space: the last column that can be written by earlier ones.
        basis = np.linalg.qr(factor.null_space().T)[0].T
        pivots = _first_independent(basis[:, ::-1], p - r)
        return np.isin(np.arange(p), p - 1 - pivots)
    rows = np.empty_like(factor.L)
    rows[factor.order] = factor.L
    return ~np.isin(np.arange(p), _first_independent(rows.T, r))


def _first_independent(A: Array, rank: int) -> Index:
    """First columns of A that are not combinations of earlier ones (Householder elimination)."""
    A = np.array(A)
    pivots: list[int] = []
    start = 0
    for k in range(rank):
        norms = np.einsum("ij,ij->j", A[k:, start:], A[k:, start:])
        found = np.flatnonzero(norms > COLLINEAR_TOL)
        if found.size == 0:
            break
        j = start + int(found[0])
        pivots.append(j)
        v = A[k:, j].copy()
        v[0] += np.copysign(np.linalg.norm(v), v[0])
        v /= np.linalg.norm(v)
        A[k:, j:] -= np.outer(2.0 * v, v @ A[k:, j:])
        start = j + 1
    return np.array(pivots, dtype=np.intp)

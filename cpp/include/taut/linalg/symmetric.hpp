// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "taut/core/types.hpp"

/// Factorisations of dense symmetric matrices, column-major, serial.
namespace taut::linalg {

/// In place, from the lower triangle: L with L L' = A. False if A is not positive definite.
/// n^3 / 3 multiply-adds by blocks; for factors that are made once (UpdatableCholesky: for those that
/// change by rows).
bool factor_cholesky(Index n, double* a, Index lda);

/// X (n x count) = A^{-1} X for the factor of A.
void solve_cholesky(Index n, const double* l, Index ldl, Index count, double* x, Index ldx);

/// Eigenvalues and orthonormal eigenvectors (columns of v, n x n) of A, given in full (n x n) and
/// destroyed, by cyclic Jacobi rotations: about 10 n^3 flops, meant for small n.
void eigen_jacobi(Index n, double* a, double* values, double* v);

}  // namespace taut::linalg

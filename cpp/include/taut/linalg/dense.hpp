// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "taut/core/types.hpp"

/// The only door to dense matrix products. All matrices are column-major doubles; callers split the
/// work over threads by calling on blocks, the routines themselves are serial.
namespace taut::linalg {

/// C (m x n) += A' B with A (k x m), B (k x n).
void add_gemm_tn(Index m, Index n, Index k, const double* a, Index lda, const double* b, Index ldb,
                 double* c, Index ldc);

/// C (m x n) += alpha A B with A (m x k), B (k x n).
void add_gemm(Index m, Index n, Index k, double alpha, const double* a, Index lda, const double* b,
              Index ldb, double* c, Index ldc);

/// Lower triangle of C (m x m) += A' A with A (k x m).
void add_syrk_t(Index m, Index k, const double* a, Index lda, double* c, Index ldc);

/// y (m) += alpha * A x with A (m x n).
void add_gemv(Index m, Index n, double alpha, const double* a, Index lda, const double* x,
              double* y);

}  // namespace taut::linalg

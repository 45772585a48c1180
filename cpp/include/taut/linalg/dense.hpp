// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "taut/core/buffer.hpp"

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

/// A matrix A (m x k) that is multiplied from the left many times, stored in the order in which the
/// product reads it: for small matrices a third of a gemm is the packing of its factors.
///
/// T is double or float. Rows come in multiples of `granule` (the width of a vector register): the
/// columns of `out` and `base` need padded_rows(m) entries, of which those beyond m become those of
/// `base`. A column of the product has the same bits whatever columns are computed with it.
template <class T>
class PackedLeft {
 public:
  static const Index granule;
  static Index padded_rows(Index m) { return (m + granule - 1) / granule * granule; }

  /// Takes A from `a`, or A' where `transposed` (then a is k x m). Memory is kept between calls.
  void pack(Index m, Index k, const T* a, Index lda, bool transposed = false);

  /// Sets rows begin .. end of A to zero.
  void clear_rows(Index begin, Index end);

  /// out (m x n) = base + alpha A B with B (k x n). base may be null, for zero, or out itself.
  void multiply(T alpha, Index n, const T* b, Index ldb, const T* base, Index ldbase, T* out,
                Index ldo) const;

 private:
  Index rows_ = 0;   ///< of A
  Index depth_ = 0;  ///< columns of A
  Buffer<T> data_;
};

extern template class PackedLeft<double>;
extern template class PackedLeft<float>;

}  // namespace taut::linalg

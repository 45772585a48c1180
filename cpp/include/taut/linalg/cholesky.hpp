// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "taut/core/buffer.hpp"

namespace taut::linalg {

/// Cholesky factor L L' = A of a symmetric positive definite matrix whose rows come and go.
///
/// Appending and removing a row cost O(size^2), solving 2 size^2 flops. L is stored by rows, so
/// substitution in both directions runs along contiguous memory.
class UpdatableCholesky {
 public:
  Index size() const { return size_; }
  void clear() { size_ = 0; }

  /// Appends the row (a_1 .. a_size, diagonal). Returns false, and changes nothing, if the new
  /// pivot is below `tolerance` times the diagonal: the row depends on those present.
  bool append(const double* row, double diagonal, double tolerance);

  /// Removes row and column i.
  void remove(Index i);

  /// x = A^{-1} x.
  void solve(double* x) const;

  /// The two halves of solve(). The first `known` entries of x may be solved already: after
  /// remove(i) those before i stay what they are.
  void forward(double* x, Index known = 0) const;
  void backward(double* x) const;

 private:
  double* row(Index i) { return data_.data() + i * ld_; }
  const double* row(Index i) const { return data_.data() + i * ld_; }
  void reserve(Index size);

  Index size_ = 0;
  Index ld_ = 0;
  Buffer<double> data_;
};

}  // namespace taut::linalg

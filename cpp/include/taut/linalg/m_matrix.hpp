// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <functional>

#include "taut/core/buffer.hpp"
#include "taut/linalg/dense.hpp"

namespace taut::linalg {

/// Inverse of a matrix whose off-diagonal entries are <= 0, which exists with no negative entry (an
/// M-matrix) if and only if elimination without pivoting meets positive pivots alone (Berman and
/// Plemmons, Nonnegative Matrices in the Mathematical Sciences, 1994, theorem 6.2.3). So there is
/// nothing to pivot, the pivots decide, and their product is the determinant.
///
/// Gauss-Jordan elimination in place by blocks, with the update of the other blocks as a product:
/// 2 n^3 flops. Workspace is kept between calls.
template <class T>
class MMatrixInverse {
 public:
  /// Replaces A (n x n, columns lda apart, lda >= PackedLeft<T>::padded_rows(n)) by its inverse.
  /// False, and A in pieces, if a pivot is not > 0. Entries below row n of each column are used as
  /// room. The same bits for any number of threads.
  bool invert(Index n, T* a, Index lda, int n_threads);

  /// The same for an A that `fill` writes first: columns from .. to, both multiples of 16 or n, in
  /// the region that inverts the first block.
  using Fill = std::function<void(Index from, Index to)>;
  bool invert(Index n, T* a, Index lda, int n_threads, const Fill& fill);

  /// Logarithm of the determinant of the matrix that was inverted last.
  double log_det() const;

 private:
  /// A block on the diagonal, inverted, and the rest of its columns.
  struct Panel {
    Buffer<T> block;
    PackedLeft<T> column, diagonal;
  };
  bool factor(Index n, const T* a, Index lda, Index begin, Panel& panel);
  void eliminate(Index n, T* a, Index lda, Index begin, Index first, Index last, Panel& panel);

  Index size_ = 0;
  Buffer<T> pivots_;
  Buffer<T> rows_;   ///< new rows of a block, one set of columns after the other
  Panel panels_[2];  ///< of this block and of the next
};

extern template class MMatrixInverse<double>;
extern template class MMatrixInverse<float>;

}  // namespace taut::linalg

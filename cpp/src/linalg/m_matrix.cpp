// SPDX-License-Identifier: BSD-3-Clause
#include "taut/linalg/m_matrix.hpp"

#include <algorithm>
#include <cmath>

#include "taut/core/parallel.hpp"

namespace taut::linalg {
namespace {

/// Rows of a block: two panels of PackedLeft<double> on AVX2.
constexpr Index k_block = 24;
/// Columns that a thread updates at a time.
constexpr Index k_columns = 16;
/// Below this size a region costs more than it saves.
constexpr Index k_parallel = 160;

/// Inverse of the leading n x n part of a full block (k_block rows and columns), n <= k_block, in
/// place; the constant number of rows lets the compiler unroll. False if a pivot is not > 0.
template <class T>
bool invert_small(Index n, T* __restrict a, T* pivots) {
  T column[k_block];
  for (Index p = 0; p < n; ++p) {
    T* own = a + p * k_block;
    const T pivot = own[p];
    if (!(pivot > T(0))) return false;
    pivots[p] = pivot;
    const T inverse = T(1) / pivot;
    for (Index i = 0; i < k_block; ++i) column[i] = own[i] * inverse;
    column[p] = T(0);
    for (Index j = 0; j < n; ++j) {
      T* __restrict other = a + j * k_block;
      const T t = other[p];
      for (Index i = 0; i < k_block; ++i) other[i] -= column[i] * t;
      other[p] = t * inverse;
    }
    for (Index i = 0; i < k_block; ++i) own[i] = -column[i];
    own[p] = inverse;
  }
  return true;
}

}  // namespace

template <class T>
bool MMatrixInverse<T>::invert(Index n, T* a, Index lda, int n_threads) {
  size_ = n;
  pivots_.reserve(n);
  block_.reserve(k_block * k_block);
  rows_.reserve(k_block * (n + k_columns));
  const int threads = n >= k_parallel ? n_threads : 1;
  for (Index begin = 0; begin < n; begin += k_block) {
    const Index width = std::min(k_block, n - begin);
    T* panel = a + begin * lda;
    std::fill_n(block_.data(), k_block * k_block, T(0));
    for (Index j = 0; j < width; ++j) {
      std::copy_n(panel + j * lda + begin, width, block_.data() + j * k_block);
    }
    if (!invert_small(width, block_.data(), pivots_.data() + begin)) return false;
    diagonal_.pack(width, width, block_.data(), k_block);
    column_.pack(n, width, panel, lda);
    column_.clear_rows(begin, begin + width);
    // Other columns: rows of the block times its inverse, then the products off all other rows.
    parallel_blocks(n, k_columns, threads, [&](Index from, Index to) {
      const auto update = [&](Index first, Index last) {
        if (first >= last) return;
        T* rows = rows_.data() + first * k_block;
        diagonal_.multiply(T(1), last - first, a + first * lda + begin, lda, nullptr, 0, rows,
                           k_block);
        for (Index j = first; j < last; ++j) {
          std::copy_n(rows + (j - first) * k_block, width, a + j * lda + begin);
        }
        column_.multiply(T(-1), last - first, rows, k_block, a + first * lda, lda, a + first * lda,
                         lda);
      };
      update(from, std::min(to, begin));
      update(std::max(from, begin + width), to);
    });
    column_.multiply(T(-1), width, block_.data(), k_block, nullptr, 0, panel, lda);
    for (Index j = 0; j < width; ++j) {
      std::copy_n(block_.data() + j * k_block, width, panel + j * lda + begin);
    }
  }
  return true;
}

template <class T>
double MMatrixInverse<T>::log_det() const {
  double sum = 0.0;
  for (Index i = 0; i < size_; ++i) sum += std::log(static_cast<double>(pivots_[i]));
  return sum;
}

template class MMatrixInverse<double>;
template class MMatrixInverse<float>;

}  // namespace taut::linalg

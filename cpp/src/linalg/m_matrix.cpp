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
constexpr Index k_parallel = 96;

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

/// Inverts the block on the diagonal at `begin` and packs it and its columns.
template <class T>
bool MMatrixInverse<T>::factor(Index n, const T* a, Index lda, Index begin, Panel& panel) {
  const Index width = std::min(k_block, n - begin);
  const T* columns = a + begin * lda;
  std::fill_n(panel.block.data(), k_block * k_block, T(0));
  for (Index j = 0; j < width; ++j) {
    std::copy_n(columns + j * lda + begin, width, panel.block.data() + j * k_block);
  }
  if (!invert_small(width, panel.block.data(), pivots_.data() + begin)) return false;
  panel.diagonal.pack(width, width, panel.block.data(), k_block);
  panel.column.pack(n, width, columns, lda);
  panel.column.clear_rows(begin, begin + width);
  return true;
}

/// Columns first .. last - 1, all inside or all outside of the block at `begin`.
template <class T>
void MMatrixInverse<T>::eliminate(Index n, T* a, Index lda, Index begin, Index first, Index last,
                                  Panel& panel) {
  if (first >= last) return;
  const Index width = std::min(k_block, n - begin), count = last - first;
  const bool inside = first >= begin && first < begin + width;
  // Rows of the block times its inverse, then the products off all other rows.
  T* columns = a + first * lda;
  T* rows = rows_.data() + first * k_block;
  const auto put_rows = [&] {
    for (Index j = 0; j < count; ++j) {
      std::copy_n(rows + j * k_block, width, columns + j * lda + begin);
    }
  };
  if (inside) {
    rows = panel.block.data() + (first - begin) * k_block;
    panel.column.multiply(T(-1), count, rows, k_block, nullptr, 0, columns, lda);
    put_rows();
  } else {
    panel.diagonal.multiply(T(1), count, columns + begin, lda, nullptr, 0, rows, k_block);
    put_rows();
    panel.column.multiply(T(-1), count, rows, k_block, columns, lda, columns, lda);
  }
}

template <class T>
bool MMatrixInverse<T>::invert(Index n, T* a, Index lda, int n_threads) {
  return invert(n, a, lda, n_threads, nullptr);
}

template <class T>
bool MMatrixInverse<T>::invert(Index n, T* a, Index lda, int n_threads, const Fill& fill) {
  size_ = n;
  pivots_.reserve(n);
  for (Panel& panel : panels_) panel.block.reserve(k_block * k_block);
  rows_.reserve(k_block * (n + k_columns));
  const int threads = n >= k_parallel ? n_threads : 1;
  bool fine = true;
  // Whoever has filled the first block inverts it while others fill the rest.
  static_assert(2 * k_columns >= k_block);
  const Index sets = (n + k_columns - 1) / k_columns;
  parallel_for(std::max<Index>(sets - 1, 1), threads, [&](Index task) {
    const Index from = task == 0 ? 0 : (task + 1) * k_columns;
    if (fill) fill(from, std::min((task + 2) * k_columns, n));
    if (task == 0 && n > 0) fine = factor(n, a, lda, 0, panels_[0]);
  });
  for (Index begin = 0; fine && begin < n; begin += k_block) {
    Panel& panel = panels_[begin / k_block % 2];
    const Index end = std::min(begin + k_block, n), next_end = std::min(end + k_block, n);
    const auto update = [&](Index from, Index to) {
      eliminate(n, a, lda, begin, from, std::min(to, begin), panel);
      eliminate(n, a, lda, begin, std::max(from, begin), std::min(to, end), panel);
      eliminate(n, a, lda, begin, std::max(from, end), to, panel);
    };
    // The columns of the next block first: whoever has updated them inverts it while others go on.
    const Index others = n - (next_end - end);
    parallel_for(1 + (others + k_columns - 1) / k_columns, threads, [&](Index task) {
      if (task == 0) {
        update(end, next_end);
        if (end < n) fine = factor(n, a, lda, end, panels_[end / k_block % 2]);
        return;
      }
      const Index from = (task - 1) * k_columns, to = std::min(from + k_columns, others);
      update(from, std::min(to, end));
      update(std::max(from, end) + next_end - end, to + next_end - end);
    });
  }
  return fine;
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

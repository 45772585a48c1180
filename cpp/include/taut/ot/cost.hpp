// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/core/types.hpp"

/// Where the costs of moving mass from row i to column j come from. A provider answers
///
///   const T* tile(i, begin, end, buffer): costs of row i, columns begin .. end-1,
///
/// either a pointer into its own storage or `buffer`, filled. Kernels are templates on the provider
/// and never ask for more than `k_tile` columns at once, so a cost that is computed stays in the
/// first-level cache and is never stored.
namespace taut::ot {

constexpr Index k_tile = 1024;

/// Costs that lie in memory row by row without gaps.
template <class T>
class DenseCost {
 public:
  using Scalar = T;

  DenseCost(const T* data, Index rows, Index cols) : data_(data), rows_(rows), cols_(cols) {}

  Index rows() const { return rows_; }
  Index cols() const { return cols_; }
  const T* tile(Index i, Index begin, Index, T*) const { return data_ + i * cols_ + begin; }
  double at(Index i, Index j) const { return static_cast<double>(data_[i * cols_ + j]); }

 private:
  const T* data_;
  Index rows_, cols_;
};

/// Squared Euclidean distances |x_i - y_j|^2 between two clouds of points, by direct differences:
/// never negative, exact zeros, no cancellation far from the origin. 3 d flops an entry.
template <class T>
class CloudCost {
 public:
  using Scalar = T;

  /// x is (rows, d) and y is (cols, d), both row-major; y is copied once, coordinate by coordinate.
  CloudCost(const T* x, Index rows, const T* y, Index cols, Index d)
      : x_(x), rows_(rows), cols_(cols), d_(d), yt_(static_cast<std::size_t>(cols * d)) {
    for (Index j = 0; j < cols; ++j) {
      for (Index k = 0; k < d; ++k) yt_[static_cast<std::size_t>(k * cols + j)] = y[j * d + k];
    }
  }

  Index rows() const { return rows_; }
  Index cols() const { return cols_; }

  const T* tile(Index i, Index begin, Index end, T* buffer) const {
    const T* x = x_ + i * d_;
    const Index n = end - begin;
    Index k = d_ % 4;
    add_dimensions(x, k, 0, begin, n, buffer, true);
    for (; k < d_; k += 4) add_dimensions(x, 4, k, begin, n, buffer, k == 0);
    return buffer;
  }

  double at(Index i, Index j) const {
    double sum = 0.0;
    for (Index k = 0; k < d_; ++k) {
      const double gap = static_cast<double>(x_[i * d_ + k]) -
                         static_cast<double>(yt_[static_cast<std::size_t>(k * cols_ + j)]);
      sum += gap * gap;
    }
    return sum;
  }

 private:
  /// buffer (+)= squared differences in `count` dimensions from `first` on.
  void add_dimensions(const T* x, Index count, Index first, Index begin, Index n, T* buffer,
                      bool fresh) const {
    const T* y = yt_.data() + first * cols_ + begin;
    x += first;
    if (count == 1) {
      add<1>(x, y, n, buffer, fresh);
    } else if (count == 2) {
      add<2>(x, y, n, buffer, fresh);
    } else if (count == 3) {
      add<3>(x, y, n, buffer, fresh);
    } else if (count == 4) {
      add<4>(x, y, n, buffer, fresh);
    }
  }

  template <int Count>
  void add(const T* x, const T* y0, Index n, T* __restrict buffer, bool fresh) const {
    const T* y1 = Count > 1 ? y0 + cols_ : y0;
    const T* y2 = Count > 2 ? y0 + 2 * cols_ : y0;
    const T* y3 = Count > 3 ? y0 + 3 * cols_ : y0;
    const T x0 = x[0], x1 = x[Count > 1 ? 1 : 0], x2 = x[Count > 2 ? 2 : 0];
    const T x3 = x[Count > 3 ? 3 : 0];
    const auto square = [=](Index j) {
      const T g0 = x0 - y0[j];
      T sum = g0 * g0;
      if constexpr (Count > 1) sum += (x1 - y1[j]) * (x1 - y1[j]);
      if constexpr (Count > 2) sum += (x2 - y2[j]) * (x2 - y2[j]);
      if constexpr (Count > 3) sum += (x3 - y3[j]) * (x3 - y3[j]);
      return sum;
    };
    if (fresh) {
      for (Index j = 0; j < n; ++j) buffer[j] = square(j);
    } else {
      for (Index j = 0; j < n; ++j) buffer[j] += square(j);
    }
  }

  const T* x_;
  Index rows_, cols_, d_;
  std::vector<T> yt_;
};

}  // namespace taut::ot

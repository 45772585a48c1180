// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <vector>

#include "taut/design/design.hpp"

namespace taut::design {

/// Columns picked from a sparse design and laid side by side. A working set is scattered over all of
/// X: read where it lies, every column costs several cache misses, which for columns of a few
/// entries is all the time there is.
class PackedColumns {
 public:
  PackedColumns() : ptr_(1, 0) {}

  void append(const Design& X, Index j) {
    X.append_entries(j, val_, idx_);
    ptr_.push_back(static_cast<std::int64_t>(val_.size()));
  }

  /// The same from another pack, times a factor.
  void append(const PackedColumns& other, Index c, double factor) {
    for (auto e = other.begin(c); e < other.begin(c + 1); ++e) {
      val_.push_back(factor * other.val_[e]);
      idx_.push_back(other.idx_[e]);
    }
    ptr_.push_back(static_cast<std::int64_t>(val_.size()));
  }

  /// The same, row i times row_factor[i].
  void append(const PackedColumns& other, Index c, const double* row_factor) {
    for (auto e = other.begin(c); e < other.begin(c + 1); ++e) {
      val_.push_back(row_factor[other.idx_[e]] * other.val_[e]);
      idx_.push_back(other.idx_[e]);
    }
    ptr_.push_back(static_cast<std::int64_t>(val_.size()));
  }

  void clear() {
    val_.clear();
    idx_.clear();
    ptr_.assign(1, 0);
  }

  Index cols() const { return static_cast<Index>(ptr_.size()) - 1; }

  double dot(Index c, const double* v) const {
    double total = 0.0;
    for (auto e = begin(c); e < begin(c + 1); ++e) total += val_[e] * v[idx_[e]];
    return total;
  }
  double square(Index c) const {
    double total = 0.0;
    for (auto e = begin(c); e < begin(c + 1); ++e) total += val_[e] * val_[e];
    return total;
  }
  double weighted_dot(Index c, const double* h, const double* v) const {
    double total = 0.0;
    for (auto e = begin(c); e < begin(c + 1); ++e) total += h[idx_[e]] * val_[e] * v[idx_[e]];
    return total;
  }
  void axpy(Index c, double a, double* v) const {
    for (auto e = begin(c); e < begin(c + 1); ++e) v[idx_[e]] += a * val_[e];
  }

 private:
  std::size_t begin(Index c) const {
    return static_cast<std::size_t>(ptr_[static_cast<std::size_t>(c)]);
  }

  std::vector<double> val_;
  std::vector<std::int32_t> idx_;
  std::vector<std::int64_t> ptr_;
};

}  // namespace taut::design

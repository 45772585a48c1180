// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include "taut/core/views.hpp"
#include "taut/design/dense.hpp"
#include "taut/design/design.hpp"

namespace taut::design {

/// Another design, some of whose columns are replaced by those of a dense array. Views of both.
class Replaced final : public Design {
 public:
  /// Column columns[c] of X becomes column c of `by`.
  Replaced(const Design& X, const std::vector<Index>& columns, DenseView<double> by)
      : Design(X.rows(), X.cols()), X_(X), by_(by), place_(static_cast<std::size_t>(X.cols()), -1) {
    for (std::size_t c = 0; c < columns.size(); ++c) {
      place_[static_cast<std::size_t>(columns[c])] = static_cast<Index>(c);
    }
  }

  bool is_sparse() const override { return X_.is_sparse(); }
  Index column_entries(Index j) const override { return of(j).column_entries(at(j)); }
  double dot(Index j, const double* v) const override { return of(j).dot(at(j), v); }
  void dots(Index j, const double* v, Index ld, Index count, double* out) const override {
    of(j).dots(at(j), v, ld, count, out);
  }
  double weighted_dot(Index j, const double* h, const double* v) const override {
    return of(j).weighted_dot(at(j), h, v);
  }
  void axpy(Index j, double a, double* v) const override { of(j).axpy(at(j), a, v); }
  void copy_rows(Index j, Index begin, Index end, double* out) const override {
    of(j).copy_rows(at(j), begin, end, out);
  }
  void gather_rows(Index j, const Index* rows, Index count, double* out) const override {
    of(j).gather_rows(at(j), rows, count, out);
  }
  void append_entries(Index j, std::vector<double>& val,
                      std::vector<std::int32_t>& idx) const override {
    of(j).append_entries(at(j), val, idx);
  }
  ColumnScan scan(Index j, const double* s, const double* u) const override {
    return of(j).scan(at(j), s, u);
  }
  CentredScan centred_scan(Index j, const double* s, double center) const override {
    return of(j).centred_scan(at(j), s, center);
  }

 private:
  bool is_new(Index j) const { return place_[static_cast<std::size_t>(j)] >= 0; }
  const Design& of(Index j) const { return is_new(j) ? by_ : X_; }
  Index at(Index j) const { return is_new(j) ? place_[static_cast<std::size_t>(j)] : j; }

  const Design& X_;
  Dense<double> by_;
  std::vector<Index> place_;
};

}  // namespace taut::design

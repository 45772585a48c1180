// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <utility>
#include <vector>

#include "taut/design/design.hpp"

namespace taut::design {

/// The columns of another design in another order: column j here is column order[j] there. A view of
/// the other, at the price of one more call per operation on a column.
class Reordered final : public Design {
 public:
  Reordered(const Design& X, std::vector<Index> order)
      : Design(X.rows(), static_cast<Index>(order.size())), X_(X), order_(std::move(order)) {}

  bool is_sparse() const override { return X_.is_sparse(); }
  Index column_entries(Index j) const override { return X_.column_entries(at(j)); }
  double dot(Index j, const double* v) const override { return X_.dot(at(j), v); }
  void dots(Index j, const double* v, Index ld, Index count, double* out) const override {
    X_.dots(at(j), v, ld, count, out);
  }
  double weighted_dot(Index j, const double* h, const double* v) const override {
    return X_.weighted_dot(at(j), h, v);
  }
  void axpy(Index j, double a, double* v) const override { X_.axpy(at(j), a, v); }
  void axpys(const Index* columns, const double* a, Index count, double* v) const override;
  void copy_rows(Index j, Index begin, Index end, double* out) const override {
    X_.copy_rows(at(j), begin, end, out);
  }
  void gather_rows(Index j, const Index* rows, Index count, double* out) const override {
    X_.gather_rows(at(j), rows, count, out);
  }
  void append_entries(Index j, std::vector<double>& val,
                      std::vector<std::int32_t>& idx) const override {
    X_.append_entries(at(j), val, idx);
  }
  ColumnScan scan(Index j, const double* s, const double* u) const override {
    return X_.scan(at(j), s, u);
  }
  CentredScan centred_scan(Index j, const double* s, double center) const override {
    return X_.centred_scan(at(j), s, center);
  }

 private:
  Index at(Index j) const { return order_[static_cast<std::size_t>(j)]; }

  const Design& X_;
  std::vector<Index> order_;
};

}  // namespace taut::design

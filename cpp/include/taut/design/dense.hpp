// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "taut/core/views.hpp"
#include "taut/design/design.hpp"

namespace taut::design {

/// A dense column-major X of float or double entries, used where it lies.
template <class T>
class Dense final : public Design {
 public:
  explicit Dense(DenseView<T> X) : Design(X.rows, X.cols), X_(X) {}

  bool is_sparse() const override { return false; }
  const double* as_matrix(Index& ld) const override;
  Index column_entries(Index) const override { return rows(); }
  double dot(Index j, const double* v) const override;
  void dots(Index j, const double* v, Index ld, Index count, double* out) const override;
  double weighted_dot(Index j, const double* h, const double* v) const override;
  void axpy(Index j, double a, double* v) const override;
  void axpys(const Index* columns, const double* a, Index count, double* v) const override;
  void copy_rows(Index j, Index begin, Index end, double* out) const override;
  void gather_rows(Index j, const Index* rows, Index count, double* out) const override;
  void append_entries(Index j, std::vector<double>& val,
                      std::vector<std::int32_t>& idx) const override;
  ColumnScan scan(Index j, const double* s, const double* u) const override;
  CentredScan centred_scan(Index j, const double* s, double center) const override;

 private:
  DenseView<T> X_;
};

extern template class Dense<double>;
extern template class Dense<float>;

}  // namespace taut::design
